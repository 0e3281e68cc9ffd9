"""Where random numbers come from: seeded generators for experiments, the operating system's entropy for releases."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from vaeprivacy.checks import check_whole


def check_seed(seed: int) -> int:
    """Return a seed if it is a whole number of 64 bits, as tables can hold; else raise a TypeError or ValueError."""
    return check_whole(check_whole(seed, "seed"), "seed", least=-(2**63), most=2**63 - 1)


def seeded_generator(seed: int, use: str) -> torch.Generator:
    """Return the generator that belongs to one use of one seed.

    Two different uses (or seeds) get streams that have nothing to do with each other, so no two parts of an experiment
    ever share random numbers.

    Parameters
    ----------
    seed : int
        The seed of the experiment.
    use : str
        What the numbers are for, for example ``"split"`` or ``"noise"``.

    Returns
    -------
    torch.Generator
        A generator on the CPU.

    Raises
    ------
    TypeError, ValueError
        If the seed is no whole number of 64 bits.
    """
    digest = hashlib.sha256(f"{check_seed(seed)}/{use}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big"))


def seed_name(value: Any) -> str:
    """Return the text that stands for a value where noise is seeded: a frozen one for settings, else its repr."""
    return value.seed_name if isinstance(value, SeedNamed) else repr(value)


class SeedNamed:
    """Settings that noise is seeded by: two different ones never share random numbers.

    Seeds hang on this text and not on the repr, so a class or a field can get a better name, and a class new fields,
    without changing the noise of any run. Once a class has results, its text must stay as it is.

    Attributes
    ----------
    seed_text : str
        The text, with the names of attributes in braces; each stands for :func:`seed_name` of the attribute.
    """

    seed_text: ClassVar[str]

    @property
    def seed_name(self) -> str:
        """The text of these settings."""
        names = re.findall(r"{(\w+)}", self.seed_text)
        return self.seed_text.format(**{name: seed_name(getattr(self, name)) for name in names})


@dataclass(frozen=True)
class SystemEntropy:
    """The operating system's cryptographic random numbers, in place of a :class:`torch.Generator`.

    PyTorch's generator on the CPU is a Mersenne twister that looks at 32 bits of its seed: whoever has a release could
    try all of them, and subtract the noise. Here there is no seed to try, or to keep.
    """

    device = torch.device("cpu")

    def words(self, n: int) -> np.ndarray:
        """Return `n` random 64-bit words, shape (n,), uint64."""
        return np.frombuffer(os.urandom(8 * n), dtype=np.uint64)


#: The source of noise for whatever is published: there is no seed that could be found.
SYSTEM_ENTROPY = SystemEntropy()
RandomSource = torch.Generator | SystemEntropy


def torch_generator(source: RandomSource) -> torch.Generator:
    """Return a source itself if it is a :class:`torch.Generator`, else a new generator with a seed that is not kept.

    For what need not be secret, such as initial weights.
    """
    if isinstance(source, torch.Generator):
        return source
    generator = torch.Generator()
    generator.seed()
    return generator


def uniforms(shape: Sequence[int], *, generator: RandomSource, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draw from the uniform distribution on [0, 1): multiples of 2**-53 in float64, of 2**-24 in float32.

    Parameters
    ----------
    shape : sequence of int
        Shape of the result.
    generator : torch.Generator or SystemEntropy
        Source of the numbers.
    dtype : torch.dtype
        Type of the result.

    Returns
    -------
    torch.Tensor
        On the generator's device.
    """
    if isinstance(generator, torch.Generator):
        return torch.rand(tuple(shape), generator=generator, dtype=dtype, device=generator.device)
    words = generator.words(int(np.prod(shape))) >> np.uint64(11)
    return torch.from_numpy(words.astype(np.float64) * 2.0**-53).reshape(tuple(shape)).to(dtype)


def normals(shape: Sequence[int], *, generator: RandomSource, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draw from the standard normal distribution.

    From the system's entropy they are made by inverting the distribution function at 53 random bits and a sign, so the
    largest possible value is 8.37 (what lies beyond has a probability of less than 1e-16).

    Parameters
    ----------
    shape : sequence of int
        Shape of the result.
    generator : torch.Generator or SystemEntropy
        Source of the numbers.
    dtype : torch.dtype
        Type of the result.

    Returns
    -------
    torch.Tensor
        On the generator's device.
    """
    if isinstance(generator, torch.Generator):
        return torch.randn(tuple(shape), generator=generator, dtype=dtype, device=generator.device)
    words = generator.words(int(np.prod(shape)))
    sign = 1.0 - 2.0 * (words & np.uint64(1)).astype(np.float64)
    lower_half = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-54  # in (0, 1/2]
    size = torch.special.ndtri(torch.from_numpy(lower_half))
    return size.mul_(torch.from_numpy(sign)).reshape(tuple(shape)).to(dtype)
