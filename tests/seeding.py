"""Generators for tests, which do not use the package's own seeding to check the package."""

import torch


def seeded(seed: int = 0) -> torch.Generator:
    """Return a fresh generator."""
    return torch.Generator().manual_seed(seed)
