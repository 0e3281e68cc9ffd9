"""A second device for machines without one: tensors that say they are there, and compute on the CPU.

As on a GPU, an operation on tensors here and there fails, and so do random numbers from a generator of the CPU; as on
Apple's, there is no double precision. PyTorch's "meta" stands for the device: nothing else uses it.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from pytest import MonkeyPatch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

ELSEWHERE = torch.device("meta")
aten = torch.ops.aten
# Operations that take tensors of two devices on a GPU, too: moves, and indices on the CPU.
MOVES = (aten._to_copy.default, aten.copy_.default, aten._local_scalar_dense.default)
BY_INDEX = (aten.index.Tensor, aten.index_put_.default)


class There(torch.Tensor):
    """A tensor on the other device. What it holds is `here`."""

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> "There":
        layout = {"strides": here.stride(), "storage_offset": here.storage_offset(), "dtype": here.dtype}
        return cls._make_wrapper_subclass(cls, here.shape, **layout, device=ELSEWHERE, requires_grad=here.requires_grad)

    def __init__(self, here: torch.Tensor) -> None:
        self.here = here

    def __format__(self, spec: str) -> str:
        return format(self.here, spec)

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.here.numpy(force=True)
        raise TypeError("Cannot convert a tensor of another device to NumPy: move it to the CPU first.")

    # Of a list as index, PyTorch would make a tensor on the device, which holds nothing.
    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(_tensors_of_lists(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_tensors_of_lists(index), value)

    def __repr__(self) -> str:
        return repr(self.here)

    def tolist(self) -> Any:
        return self.here.tolist()

    def __array__(self, dtype: Any = None) -> Any:
        return self.numpy()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(operation, args, kwargs or {})


class _Elsewhere(TorchDispatchMode):
    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(operation, args, kwargs or {})


def _run(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do an operation on the CPU; what it returns is there if its arguments were, or if it was asked to be."""
    there = here = False

    def held(value: Any) -> Any:
        nonlocal there, here
        if isinstance(value, There):
            there = True
            return value.here
        here = here or (isinstance(value, torch.Tensor) and value.ndim > 0)
        return value

    # Not PyTorch's tree_map: it takes six times as long, and a notebook has a hundred thousand operations.
    inside = _mapped(held, args)
    named = {name: _mapped(held, value) for name, value in kwargs.items()}
    if there and here and operation not in MOVES + BY_INDEX:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but got tensors here and there: {operation}"
        )
    wanted = kwargs.get("device")
    there = there if wanted is None else torch.device(wanted) == ELSEWHERE
    if there and isinstance(kwargs.get("generator"), torch.Generator):
        raise RuntimeError(f"Expected a generator of the device, but found one of the CPU: {operation}")
    if wanted is not None:
        named["device"] = torch.device("cpu")
    found = operation(*inside, **named)
    if not operation._schema.returns:
        return None
    if operation._schema.name.endswith("_"):  # in place
        return args[0]
    return _mapped(_there, found) if there else found


def _mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Return what a function makes of a value, or of each of a list or tuple."""
    if isinstance(value, list | tuple):
        return type(value)([_mapped(function, each) for each in value])
    return function(value)


def _tensors_of_lists(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_tensors_of_lists, index))
    return torch.tensor(index) if isinstance(index, list) else index


def _there(value: Any) -> Any:
    if not isinstance(value, torch.Tensor) or isinstance(value, There):
        return value
    if value.dtype == torch.float64:
        raise TypeError("There is no float64 on this device.")
    return There(value)


def _here(function: Any) -> Any:
    """Return a function of tensors on the CPU that does not know of the pretended device."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with _disable_current_modes():
            return function(*args, **kwargs)

    return run


@contextmanager
def elsewhere(monkeypatch: Any) -> Iterator[torch.device]:
    """Pretend that there is such a device, and that it is the best one."""
    from vaeprivacy import classifiers, vae_training
    from vaeprivacy.attacks import likelihood
    from vaeprivacy.compute import devices, parallel
    from vaeprivacy.experiments import pool

    monkeypatch.setattr(devices, "WITHOUT_FLOAT64", {ELSEWHERE.type})
    for module in (devices, pool):
        monkeypatch.setattr(module, "best_device", lambda: ELSEWHERE)
    # Adam's fused kernel asks for the name of the device, and there is no such kernel: the operation is done here.
    monkeypatch.setattr(sys.modules["torch.optim.adam"], "_device_dtype_check_for_fused", lambda *_, **__: None)
    # PyTorch knows of no half precision on this device.
    for module in (classifiers, vae_training):
        monkeypatch.setattr(module, "autocast", lambda *_: nullcontext())
    # Derivatives of PyTorch's functions do not bear the pretence; they are for doubles, which are here.
    monkeypatch.setattr(likelihood, "_inverted", _here(likelihood._inverted))
    # The processes of a sweep would know nothing of the pretence: its runs are computed here, one by one.
    outcomes = parallel.OnThisMachine.outcomes

    def on_the_cpu(on: Any, pieces: Any) -> Any:
        with _disable_current_modes(), MonkeyPatch.context() as here:
            for module in (devices, pool):
                here.setattr(module, "best_device", lambda: torch.device("cpu"))
            with _nothing_cached(pool):
                found = list(outcomes(parallel.OnThisMachine(1), pieces))
        yield from found

    monkeypatch.setattr(
        parallel.OnThisMachine, "outcomes", lambda on, each: (on_the_cpu if on.n_jobs == -1 else outcomes)(on, each)
    )
    with _nothing_cached(pool), _Elsewhere():
        yield ELSEWHERE


@contextmanager
def _nothing_cached(pool: Any) -> Iterator[None]:
    """Forget before and after what a process remembers of pools, which is on one device."""
    for cached in (pool.load_on_device, pool.trained_classifiers):
        cached.cache_clear()
    try:
        yield
    finally:
        for cached in (pool.load_on_device, pool.trained_classifiers):
            cached.cache_clear()


#: Where the kernel of a notebook writes on which devices its data sets are.
NOTED = "devices.json"
_kept: list[Any] = []  # an open context that nothing holds would be closed


def pretend() -> None:
    """Pretend as long as this kernel runs; after each cell, write on which devices the notebook's data sets are."""
    from IPython import get_ipython

    from vaeprivacy.datasets import Dataset

    shell, pretence = get_ipython(), elsewhere(MonkeyPatch())
    pretence.__enter__()
    _kept.append(pretence)

    def note(_: Any) -> None:
        found = [value.x.device.type for value in shell.user_ns.values() if isinstance(value, Dataset)]
        Path(NOTED).write_text(json.dumps(found), encoding="utf-8")

    shell.events.register("post_run_cell", note)
