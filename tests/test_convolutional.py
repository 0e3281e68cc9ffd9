"""Convolutional networks for images that are rows of a table."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from seeding import seeded
from torch import nn

from vaeprivacy.attacks.likelihood import noisy_codes
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, new_classifier, predict
from vaeprivacy.convolutional import ConvolutionalEncoder, convolutional_decoder, image_shape_of, resnet9
from vaeprivacy.datasets import load
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.networks import init_weights
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

SETTINGS = VAESettings(latent_dim=3, hidden=32, epochs=3, architecture="convolutional")
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "encoder": partial(ConvolutionalEncoder, 64, 2, 16, 6),
    "decoder": partial(convolutional_decoder, 64, 66, 16),
    "resnet9": partial(resnet9, 64, 4, 10),
}


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load("digits")
    return data.x[:200], data.y[:200]


# Impossible


@pytest.mark.parametrize("features", [1, 8, 49, 74, 794, 100 * 3])
def test_rows_that_are_no_square_images_are_refused(features):
    with pytest.raises(ValueError, match=rf"need square images .*; {features} values make none: take architecture="):
        image_shape_of(features)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (lambda: VAESettings(architecture="transformer"), "architecture must be one of 'mlp', 'convolutional', not 't"),
        (lambda: VAESettings(precision="float16"), "precision must be one of 'float32', 'bfloat16', not 'float16'"),
        (lambda: ClassifierSettings(architecture="cnn"), "architecture must be one of 'mlp', 'resnet9', not 'cnn'"),
        (lambda: ClassifierSettings(precision="int8"), "precision must be one of 'float32', 'bfloat16', not 'int8'"),
    ],
)
def test_unknown_architectures_and_precisions_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        settings()


def test_tables_are_refused_before_any_training():
    with pytest.raises(ValueError, match="8 values make none"):
        fit_vae(torch.rand(20, 8), SETTINGS, generator=seeded())
    with pytest.raises(ValueError, match="8 values make none"):
        new_classifier(8, ClassifierSettings(architecture="resnet9"), n_classes=2, generator=seeded())


def test_dp_sgd_refuses_convolutions_and_half_precision(digits):
    with pytest.raises(
        ValueError, match='DP-SGD needs architecture="mlp" and precision="float32", not \'convolutional\''
    ):
        DPSGDTrainer(1.0).fit(digits[0], SETTINGS, generator=seeded())


# Known answers


@pytest.mark.parametrize(
    ("features", "shape"), [(784, (1, 28, 28)), (3072, (3, 32, 32)), (64, (1, 8, 8)), (48, (3, 4, 4))]
)
def test_images_are_grey_or_in_colour(features, shape):
    assert image_shape_of(features) == shape


@pytest.mark.parametrize(("features", "channels"), [(64, 1), (784, 1), (3072, 3)])
def test_encoder_and_decoder_mirror_each_other(features, channels):
    encoder, decoder = ConvolutionalEncoder(features, 0, 64, 5), convolutional_decoder(features, 5, 64)
    rows = torch.rand(2, features)
    assert encoder(rows).shape == (2, 5) and decoder(encoder(rows)).shape == rows.shape
    shapes = [sorted(layer.weight.shape[:2]) for layer in encoder.modules() if isinstance(layer, nn.Conv2d)]
    mirrored = [sorted(layer.weight.shape[:2]) for layer in decoder if isinstance(layer, nn.ConvTranspose2d)]
    assert shapes == mirrored[::-1] and shapes[0][0] == channels


def test_a_resnet9_has_nine_layers_with_weights_and_any_image():
    for features in (48, 64, 784, 3072):
        network = resnet9(features, 4, 10)
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        assert len(layers) == 9
        assert network(torch.rand(2, features)).shape == (2, 10)


def test_the_label_that_follows_the_image_reaches_the_outputs():
    encoder = init_weights(NETWORKS["encoder"], generator=seeded())
    rows = torch.rand(1, 66, generator=seeded(1))
    other = rows.clone()
    other[0, 65] += 1
    assert not torch.allclose(encoder(rows), encoder(other))


# Properties


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_said_about_a_record_does_not_depend_on_others(name):
    network = init_weights(NETWORKS[name], generator=seeded())
    rows = torch.rand(5, 64 if name == "resnet9" else 66, generator=seeded(1))
    together, alone = network(rows), torch.cat([network(row[None]) for row in rows])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_all_weights_come_from_the_generator(name):
    before = torch.get_rng_state()
    one, two, other = (init_weights(NETWORKS[name], generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b, c in zip(one.parameters(), two.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b) and a.isfinite().all()
        normalisation = a.numel() > 1 and a.unique().numel() == 1  # its scales and shifts start at 1 and 0
        assert torch.equal(a, c) == normalisation


@pytest.mark.parametrize("n_classes", [0, 10])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_convolutional_vae_learns(digits, n_classes, precision):
    settings = VAESettings(3, 32, epochs=10, n_classes=n_classes, architecture="convolutional", precision=precision)
    vae, history = fit_vae(digits[0], settings, y=digits[1], generator=seeded())
    held_out = history[history.part == "held out"].elbo
    assert held_out.max() > held_out.iloc[0] + 1
    assert all(weight.dtype == torch.float32 for weight in vae.parameters())


def test_a_convolutional_vae_is_saved_and_loaded(tmp_path):
    vae = VAE(64, latent_dim=3, hidden=16, n_classes=2, architecture="convolutional", generator=seeded())
    vae.save(tmp_path / "vae.safetensors")
    loaded = VAE.load(tmp_path / "vae.safetensors")
    codes, y = torch.rand(4, 3), torch.tensor([0, 1, 0, 1])
    assert loaded.sizes == vae.sizes
    assert torch.equal(loaded.decode(codes, y), vae.decode(codes, y))


def test_codes_behind_what_a_convolutional_decoder_made_are_found_from_several_starts(digits):
    vae, _ = fit_vae(digits[0], replace(SETTINGS, epochs=20), generator=seeded())
    codes = torch.randn(60, 3, generator=seeded(5))
    with torch.no_grad():
        records = vae.decode(codes)
    found = {}
    for starts in (1, 16):  # at kinks of the network some searches stop
        errors = (noisy_codes(vae, records, starts=starts) - codes).norm(dim=1)
        found[starts] = (errors < 1e-3).double().mean().item()
    assert found[16] >= 0.95 and found[16] > found[1]


def test_a_resnet9_learns_and_halves_of_precision_do_not_change_what(digits):
    x, y = digits
    full, half = (
        fit_classifier(
            x, y,
            ClassifierSettings(hidden=8, epochs=10, batch_size=20, architecture="resnet9", precision=precision),
            n_classes=10, generator=seeded(),
        )
        for precision in ("float32", "bfloat16")
    )  # fmt: skip
    assert min(accuracy(full, x, y), accuracy(half, x, y)) > 0.95
    assert (predict(full, x).argmax(1) == predict(half, x).argmax(1)).float().mean() > 0.9
    assert not torch.equal(predict(full, x), predict(half, x))
