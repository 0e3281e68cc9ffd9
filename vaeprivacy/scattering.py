"""Scattering features: a fixed transform of images on which a linear model is strong, even with little budget."""

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.arrays import check_table
from vaeprivacy.compute.extras import extra

SCALES = 2  # averages over 2**2 x 2**2 pixels, as in the source
GROUPS = 27  # of 3 channels each
CHUNK = 500  # images at a time: their features before averaging take 81 times the memory of the images


def scattering(x: torch.Tensor, *, image_shape: tuple[int, int]) -> torch.Tensor:
    """Return normalised scattering features of images.

    The transform (Bruna and Mallat, arXiv 1203.1513) takes moduli of wavelet coefficients, twice, and averages them
    locally; kymatio computes it. Nothing in it is learned, and the normalisation is of each record by itself (group
    normalisation: mean 0 and variance 1 over the values of three channels). So the features of a record depend on no
    other record, and training on them with DP-SGD spends no more than training on the records. Source: Tramèr and
    Boneh (ICLR 2021, arXiv 2011.11660), who train a linear model on them.

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
    if x.shape[1] != height * width or min(image_shape) < 4:
        raise ValueError(
            f"image_shape must be (height, width), each at least 4, whose product is the {x.shape[1]} values of a "
            f"record, not {tuple(image_shape)}."
        )
    with extra("dp", work="Scattering"):
        # Not from kymatio.torch: that imports the transform for volumes, too, which needs what SciPy 1.17 removed.
        from kymatio.scattering2d.frontend.torch_frontend import ScatteringTorch2D
    transform = ScatteringTorch2D(J=SCALES, shape=(height, width)).to(x.device)
    # kymatio's filters are in single precision.
    parts = [transform(chunk.float().reshape(-1, height, width)) for chunk in x.contiguous().split(CHUNK)]
    return torch.cat([F.group_norm(part, GROUPS).flatten(1) for part in parts]).to(x.dtype)
