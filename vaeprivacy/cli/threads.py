"""How many threads a command computes with."""


def one_thread() -> None:
    """Compute with one thread: networks this small gain nothing from more, and lose much when cores are busy."""
    import torch

    torch.set_num_threads(1)
