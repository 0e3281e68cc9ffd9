"""Images made by a recipe from random numbers alone: no record of anybody enters, so they cost no privacy.

What the recipe knows of the domain must be declared with whatever uses it: *one object on black*, in the middle, large,
of a smooth outline, often its own mirror image, of one grey with some texture. :func:`dead_leaves` know nothing but
that things have edges and hide each other.
"""

import torch

SIDE = 28  # pixels: all lengths below are for images of this height, and grow with it


def silhouettes(n: int, *, image_shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Return images of one textured object each, in the middle of a black image; half are mirror-symmetric.

    Parameters
    ----------
    n : int
        Number of images.
    image_shape : tuple of int
        Height and width.
    generator : torch.Generator
        Source of all random numbers.

    Returns
    -------
    torch.Tensor
        Flat images, shape (n, height * width), float32, values in [0, 1].
    """

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, generator=generator)

    rows, columns = _grid(image_shape)
    middle = 1.5 * torch.randn(2, n, 1, 1, generator=generator)
    down, right = (rows - middle[0]).abs() / between(4, 15), (columns - middle[1]).abs() / between(4, 15)
    shape = torch.where(between(0, 1) < 0.5, torch.maximum(down, right), down.hypot(right))  # a box or an ellipse
    edge, texture = (_texture(between(low, 4), image_shape, generator) for low in (1.5, 0.5))
    edge = torch.where(between(0, 1) < 0.5, (edge + edge.flip(2)) / 2**0.5, edge)
    inside = 3 * (1 - shape) + between(0.3, 1.2) * edge > 0
    grey = (between(0.1, 0.95) + between(0, 0.25) * texture).clamp(0, 1)
    return _smoothed(inside * grey, between(0, 0.7)).clamp(0, 1).flatten(1)


def dead_leaves(n: int, *, image_shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Return images of boxes and ellipses that hide each other; for parameters and result see :func:`silhouettes`.

    Few are large: sides have a heavy-tailed distribution, so that edges occur at all scales.
    """
    rows, columns = _grid(image_shape)
    images, leaves = torch.zeros(n, *image_shape), torch.randint(3, 25, (n, 1, 1), generator=generator)
    for leaf in range(24):
        u = torch.rand(7, n, 1, 1, generator=generator)
        down, right = rows - 2 * rows.max() * (u[0] - 0.5), columns - 2 * columns.max() * (u[1] - 0.5)
        angle, (high, wide) = torch.pi * u[2], 2 / (0.1 + 0.9 * u[3:5]) ** 0.8
        along, across = down * angle.cos() + right * angle.sin(), right * angle.cos() - down * angle.sin()
        box, ellipse = torch.maximum(along.abs() / high, across.abs() / wide), (along / high).hypot(across / wide)
        inside = (torch.where(u[5] < 0.5, box, ellipse) < 1) & (leaf < leaves)
        images = torch.where(inside, u[6], images)
    return images.flatten(1)


def _grid(image_shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how far each pixel is from the middle, in pixels of an image of 28 rows: down, and to the right."""
    height, width = image_shape
    rows, columns = torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
    return rows[:, None] * SIDE / height, columns * SIDE / height


def _texture(width: torch.Tensor, image_shape: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Return smooth random fields of variance one, shape (n, height, width)."""
    field = _smoothed(torch.randn(len(width), *image_shape, generator=generator), width)
    return field / field.std(dim=(1, 2), keepdim=True)


def _smoothed(images: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """Return images after a Gaussian blur of some width, in pixels of an image of 28 rows; the borders are joined."""
    height, columns = images.shape[1:]
    down, right = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(columns)
    blur = (-2 * (torch.pi * width * height / SIDE) ** 2 * (down**2 + right**2)).exp()
    return torch.fft.irfft2(torch.fft.rfft2(images) * blur, s=images.shape[1:])
