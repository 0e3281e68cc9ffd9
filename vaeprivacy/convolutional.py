"""Convolutional networks for images, larger than the multilayer perceptrons of the other chapters.

Records stay rows of a table: each network makes an image of what it gets, and a row of what it returns. None of them
normalises over a batch, so that a record's output does not depend on others, and models can be stacked.
"""

import math

import torch
from torch import nn


def image_shape_of(features: int) -> tuple[int, int, int]:
    """Return channels, height and width of a square image, grey or in colour, that has so many values.

    Raises
    ------
    ValueError
        If there is none whose sides can be halved twice.
    """
    for channels in (1, 3):
        side = math.isqrt(features // channels)
        if channels * side**2 == features and side % 4 == 0:
            return channels, side, side
    raise ValueError(
        f"Convolutional networks need square images whose sides are multiples of 4; {features} values make none: take "
        'architecture="mlp" for tables, and tell labels by n_classes instead of appending them.'
    )


class ConvolutionalEncoder(nn.Module):
    """Two convolutions that halve the image, and two linear layers; what follows the image (labels) joins the latter.

    Parameters
    ----------
    features : int
        Number of values of an image.
    conditions : int
        Number of values that follow it in each row.
    hidden : int
        Units of the hidden linear layer; the convolutions have an eighth and a quarter as many channels.
    outputs : int
        Number of outputs.
    """

    def __init__(self, features: int, conditions: int, hidden: int, outputs: int) -> None:
        super().__init__()
        channels, height, width = image_shape_of(features)
        first, second = max(1, hidden // 8), max(1, hidden // 4)
        self.features = features
        self.image = nn.Sequential(
            nn.Unflatten(1, (channels, height, width)),
            nn.Conv2d(channels, first, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Sequential(
            nn.Linear(second * height * width // 16 + conditions, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the outputs for each row, shape (records, outputs)."""
        image, labels = rows[:, : self.features], rows[:, self.features :]
        return self.head(torch.cat([self.image(image), labels], dim=1))


def convolutional_decoder(features: int, inputs: int, hidden: int) -> nn.Sequential:
    """Return the encoder's mirror image: two linear layers, and two transposed convolutions that double the image.

    Parameters
    ----------
    features, hidden
        As for :class:`ConvolutionalEncoder`.
    inputs : int
        Number of inputs.
    """
    channels, height, width = image_shape_of(features)
    first, second = max(1, hidden // 8), max(1, hidden // 4)
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, second * height * width // 16),
        nn.ReLU(),
        nn.Unflatten(1, (second, height // 4, width // 4)),
        nn.ConvTranspose2d(second, first, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(first, channels, 4, stride=2, padding=1),
        nn.Flatten(),
    )


class Residual(nn.Module):
    """Two blocks of convolutions whose result is added to what they get (He et al., arXiv 1512.03385)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*_block(channels, channels), *_block(channels, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the sum, in the shape of `x`."""
        return x + self.blocks(x)


def _block(n_in: int, n_out: int, *, pool: bool = False) -> list[nn.Module]:
    """Return a convolution, a normalisation over groups of channels of each record, and ReLU."""
    layers = [nn.Conv2d(n_in, n_out, 3, padding=1), nn.GroupNorm(math.gcd(8, n_out), n_out), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)] if pool else layers


def resnet9(features: int, width: int, n_classes: int) -> nn.Sequential:
    """Return a residual network of nine layers with weights, like those that win races of training on CIFAR-10.

    Parameters
    ----------
    features : int
        Number of values of an image.
    width : int
        Channels of the first layer; the last ones have eight times as many.
    n_classes : int
        Number of outputs.
    """
    channels, height, side = image_shape_of(features)
    return nn.Sequential(
        nn.Unflatten(1, (channels, height, side)),
        *_block(channels, width),
        *_block(width, 2 * width, pool=True),
        Residual(2 * width),
        *_block(2 * width, 4 * width, pool=True),
        *_block(4 * width, 8 * width, pool=height >= 8),
        Residual(8 * width),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(8 * width, n_classes),
    )
