"""Low frequencies of images of any size, grey or in colour, as features that no record had a part in."""

import math

import torch

from vaeprivacy.feature_maps import FeatureMap, cosine_map

#: Grey, blue against yellow and red against green: an orthonormal basis of colours, one a row.
COLOURS = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, -2.0], [1.0, -1.0, 0.0]], dtype=torch.float64)
MOST_PIXELS = 256 * 256  # of an image: its map is a matrix of so many rows
COLOUR_WAVES = 0.4  # as many waves of colour as of grey: as photographs are stored, too


def image_map(image_shape: tuple[int, ...], *, waves: int = 14) -> FeatureMap:
    """Return the map of images of a shape: (height, width) or (3, height, width).

    Grey images have the cosine waves of :func:`~vaeprivacy.feature_maps.cosine_map`. Those in colour have as many of
    their brightness, and fewer of two differences of colour.

    Raises
    ------
    ValueError
        If images are of another shape, or have too many pixels.
    """
    *channels, height, width = image_shape
    if channels not in ([], [3]):
        raise ValueError(f"Images have shape {image_shape}; expected grey ones (height, width) or (3, height, width).")
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"Images of {height} x {width} pixels are too large; make them smaller: at most {MOST_PIXELS:,}."
        )
    grey = cosine_map((height, width), waves=waves)
    if not channels:
        return grey
    few = cosine_map((height, width), waves=max(1, round(waves * COLOUR_WAVES)))
    colours = COLOURS / COLOURS.norm(dim=1, keepdim=True)
    parts = [
        torch.kron(colour[:, None].contiguous(), basis)
        for colour, basis in zip(colours, (grey.basis, few.basis, few.basis), strict=True)
    ]
    return FeatureMap("records", grey.centre.repeat(3), torch.cat(parts, dim=1), grey.unit * math.sqrt(3), image_shape)
