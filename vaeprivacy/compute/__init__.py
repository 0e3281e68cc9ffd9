"""What computing needs on any machine: devices, files, processes, stacked networks, checkpoints, provenance."""

from vaeprivacy._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "checkpoints": ["Checkpoint"],
        "devices": ["best_device", "device_name", "memory_of"],
        "ensemble": ["memory_of_training", "models_that_fit", "stack_models"],
        "parallel": ["in_parallel"],
        "provenance": ["hardware", "provenance", "versions"],
    },
)
