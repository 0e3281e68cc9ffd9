"""Scattering features: a fixed transform of images on which a linear model is strong, even with little budget."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.arrays import check_table

SCALES, ANGLES = 2, 8
BLOCK = 2**SCALES  # pixels: averages are over 4 x 4, as in the source
PI = 3.1415  # of the first implementation, kymatio, whose features these are to five digits
GROUPS = 27  # of 3 channels each
CHUNK = 50  # images at a time: what is between them and their features takes 160 times their memory


def scattering(x: torch.Tensor, *, image_shape: tuple[int, int]) -> torch.Tensor:
    """Return normalised scattering features of images.

    The transform (Bruna and Mallat, arXiv 1203.1513) takes moduli of wavelet coefficients, twice, and averages them
    locally. Nothing in it is learned, and the normalisation is of each record by itself (group normalisation: mean 0
    and variance 1 over three channels). So the features of a record depend on no other record, and training on them
    with DP-SGD spends no more than training on the records, as Tramèr and Boneh do (ICLR 2021, arXiv 2011.11660).

    Parameters
    ----------
    x : torch.Tensor
        Grey images as flat records, shape (records, height * width), floating point.
    image_shape : tuple of int
        Height and width, each at least 4 (rounded up to a multiple of 4 inside).

    Returns
    -------
    torch.Tensor
        Shape (records, 81 * (height // 4) * (width // 4)), of the dtype of `x` and on its device.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite floating-point table, or its records are not images of this shape.
    """
    height, width = image_shape
    x = check_table(x)
    if x.shape[1] != height * width or min(image_shape) < BLOCK:
        raise ValueError(
            f"image_shape must be (height, width), each at least 4, whose product is the {x.shape[1]} values of a "
            f"record, not {tuple(image_shape)}."
        )
    # In single precision: twice as fast, and no feature needs more.
    parts = [coefficients(chunk.float().reshape(-1, height, width)) for chunk in x.split(CHUNK)]
    return torch.cat([F.group_norm(part, GROUPS).flatten(1) for part in parts]).to(x.dtype)


def coefficients(images: torch.Tensor) -> torch.Tensor:
    """Return the scattering coefficients of images, before normalisation.

    With ``u = |x * psi|``, the modulus of a wavelet coefficient at each pixel, and A a local average, they are ``A x``;
    ``A u`` for each wavelet; and ``A |u * psi'|`` for each fine wavelet and each coarse one after it: 1 + 16 + 64
    channels. Images of shape (images, height, width), float32, become (images, 81, height // 4, width // 4).
    """
    height, width = images.shape[1:]
    rows, columns = (_reflected(n).to(images.device) for n in (height, width))
    padded = images[:, rows][:, :, columns]
    fine, coarse = (psi.to(images.device) for psi in wavelets(len(rows), len(columns)))
    spectrum = torch.fft.fft2(padded)[:, None]  # (images, 1, rows, columns): convolutions are products of spectra
    fine_moduli = torch.fft.ifft2(spectrum * fine).abs()
    spectra = torch.fft.fft2(fine_moduli)
    found = [averages(padded[:, None]), averages(fine_moduli), averages(_halved(spectrum * coarse), step=2)]
    found += [averages(_halved(each[:, None] * coarse), step=2) for each in spectra.unbind(1)]
    return torch.cat(found, dim=1)


def _halved(spectrum: torch.Tensor) -> torch.Tensor:
    """Return the modulus at every second pixel, of what has this spectrum.

    Leaving out pixels folds the spectrum: frequencies that look the same on the pixels that stay are added.
    """
    folded = spectrum.unflatten(-1, (2, -1)).mean(-2).unflatten(-2, (2, -1)).mean(-3)
    return torch.fft.ifft2(folded).abs()


@functools.cache
def wavelets(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the spectra of fine and of coarse Morlet wavelets, each of shape (angles, rows, columns), float32.

    A Morlet wavelet, a wave under an elongated Gaussian that sums to zero, answers to edges of one direction and width.
    """
    angles = [(ANGLES // 2 - 1 - i) * math.pi / ANGLES for i in range(ANGLES)]
    found = [[_morlet(rows, columns, scale=2**j, angle=angle) for angle in angles] for j in range(SCALES)]
    fine, coarse = torch.from_numpy(np.array(found)).float()
    return fine, coarse


def _morlet(rows: int, columns: int, *, scale: int, angle: float) -> np.ndarray:
    """Return the spectrum of one wavelet, shape (rows, columns), on a torus: what leaves on one side comes back."""
    i, k = np.mgrid[-2 * rows : 3 * rows, -2 * columns : 3 * columns]
    along, across = i * math.cos(angle) + k * math.sin(angle), k * math.cos(angle) - i * math.sin(angle)
    width, slant = 0.8 * scale, 4 / ANGLES
    envelope = np.exp(-(along**2 + (slant * across) ** 2) / (2 * width**2)) * slant / (2 * PI * width**2)
    wave = envelope * np.exp(0.75j * math.pi / scale * along)
    wavelet = wave - envelope * wave.sum() / envelope.sum()
    return np.fft.fft2(wavelet.reshape(5, rows, 5, columns).sum(axis=(0, 2))).real


def averages(maps: torch.Tensor, *, step: int = 1) -> torch.Tensor:
    """Return Gaussian averages of maps at every fourth pixel of the image, without those of its padding.

    Maps, shape (images, maps, rows, columns), float32, have a value at every pixel, or (with step 2) every second one.
    """
    down, right = (_averaging(step * n, step).to(maps.device) for n in maps.shape[2:])
    return down @ maps @ right.T


@functools.cache
def _averaging(length: int, step: int) -> torch.Tensor:
    """Return the matrix that averages along one side, shape (length / 4 - 2, length / step)."""
    width, i = 0.8 * BLOCK / 2, np.arange(-2 * length, 3 * length)
    gaussian = (np.exp(-(i**2) / (2 * width**2)) / math.sqrt(2 * PI * width**2)).reshape(5, length).sum(axis=0)
    spectrum, half = np.fft.fft(gaussian).real, length // (2 * step)
    kernel = np.fft.ifft(np.concatenate([spectrum[:half], spectrum[-half:]])).real  # at the pixels that are there
    centres = np.arange(BLOCK, length - BLOCK, BLOCK)[:, None]
    return torch.from_numpy(kernel[centres // step - np.arange(length // step)]).float()


@functools.cache
def _reflected(n: int) -> torch.Tensor:
    """Return which of `n` pixels stands at each place of a padded side: beyond the border, the image is mirrored."""
    length = (n // BLOCK + 2) * BLOCK
    place = torch.arange(length) - (length - n) // 2
    return n - 1 - (n - 1 - place % (2 * n - 2)).abs()
