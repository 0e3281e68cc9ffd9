"""The variational autoencoder."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from seeding import seeded
from torch.distributions import Bernoulli, Normal, kl_divergence

from vaeprivacy.arrays import check_unit_records
from vaeprivacy.datasets import Dataset
from vaeprivacy.vae import VAE, Elbo, VAESettings
from vaeprivacy.vae_training import fit_vae

QUICK = VAESettings(latent_dim=3, hidden=32, epochs=10)

# Impossible input


@pytest.mark.parametrize(("low", "high"), [(-0.01, 1), (0, 1.01), (0, 255)])
def test_values_outside_0_to_1_are_refused(low: float, high: float) -> None:
    x = torch.linspace(low, high, 40).reshape(20, 2)
    with pytest.raises(ValueError, match=rf"values in \[0, 1\], not 20 with values from {low} to {high}"):
        fit_vae(x, QUICK, generator=seeded())


def test_fewer_than_ten_records_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 10 records.*not 9"):
        fit_vae(torch.rand(9, 2), QUICK, generator=seeded())


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"x must be a floating-point torch.Tensor or array, not torch.int64"):
        fit_vae(torch.full((20, 2), 2), QUICK, generator=seeded())


@pytest.mark.parametrize(
    ("x", "error", "sentence"),
    [
        ([[0.5]], TypeError, "x must be a floating-point torch.Tensor or NumPy array, not list"),
        (torch.rand(20), ValueError, r"x must have shape \(records, features\)"),
        (torch.rand(0, 4), ValueError, "at least one record"),
        (torch.full((20, 4), torch.nan), ValueError, "x contains NaN or infinite values"),
        (torch.full((20, 4), torch.inf), ValueError, "x contains NaN or infinite values"),
        (torch.full((20, 4), 1 + 1e-6), ValueError, "scale the features first"),
        (torch.full((20, 4), -1e-30), ValueError, "scale the features first"),
        (torch.rand(9, 4), ValueError, r"at least 10 records with values in \[0, 1\], not 9"),
    ],
)
def test_what_is_no_table_of_images_is_refused_with_what_to_do(
    x: object, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        check_unit_records(x)


@pytest.mark.parametrize("x", [torch.zeros(10, 1), torch.ones(10, 3), -torch.zeros(11, 2), torch.rand(50, 64)])
def test_images_are_returned_as_they_are_the_ends_of_the_range_included(x: torch.Tensor) -> None:
    assert check_unit_records(x) is x


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such VAE"):
        VAE.load(tmp_path / "no such VAE")


@pytest.mark.parametrize("contents", [b"", b"garbage", b"{}" * 500])
def test_a_file_of_garbage_is_refused(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "vae.safetensors"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=f"{path} is not a VAE that this package saved"):
        VAE.load(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, vae: VAE, share: float) -> None:
    path = tmp_path / "vae.safetensors"
    vae.save(path)
    contents = path.read_bytes()
    path.write_bytes(contents[: int(share * len(contents))])
    with pytest.raises(ValueError, match=f"{path} is not a VAE that this package saved"):
        VAE.load(path)


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"weight": torch.zeros(3)}, None),
        ({"weight": torch.zeros(3)}, {"format": "pt"}),
        ({"weight": torch.zeros(3)}, {"features": "4", "latent_dim": "2", "hidden": "3"}),
        ({}, {"features": "-4", "latent_dim": "2", "hidden": "3"}),
        ({}, {"features": "4", "latent_dim": "two", "hidden": "3"}),
    ],
)
def test_another_safetensors_file_is_refused(tmp_path: Path, tensors: dict, metadata: dict | None) -> None:
    path = tmp_path / "vae.safetensors"
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(ValueError, match=f"{path} is not a VAE that this package saved"):
        VAE.load(path)


def test_weights_of_another_size_than_the_file_says_are_refused(tmp_path: Path, vae: VAE) -> None:
    path = tmp_path / "vae.safetensors"
    sizes = {name: str(size) for name, size in vae.sizes.items()} | {"hidden": "17"}
    save_file(vae.state_dict(), path, metadata=sizes)
    with pytest.raises(ValueError, match=f"{path} is not a VAE that this package saved"):
        VAE.load(path)


# A known answer


def by_hand(vae: VAE, x: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return reconstruction term and KL divergence of each record, by way of torch.distributions."""
    mean, log_variance = vae.encode(x)
    posterior = Normal(mean, (log_variance / 2).exp())
    codes = mean + posterior.scale * torch.randn(mean.shape, generator=generator)
    # Grey values are no possible outcomes of a coin, hence no validation.
    likelihood = Bernoulli(logits=vae.decoder(codes), validate_args=False).log_prob(x).sum(dim=1)
    return likelihood, kl_divergence(posterior, Normal(0, 1)).sum(dim=1)


@torch.no_grad()
def test_the_elbo_is_bernoulli_log_likelihood_minus_kl_divergence(vae: VAE, digits: Dataset) -> None:
    elbo, of_each = vae.elbo(digits.x[:50], generator=seeded(3)), vae.elbos(digits.x[:50], generator=seeded(3))
    reconstruction, kl = by_hand(vae, digits.x[:50], seeded(3))
    torch.testing.assert_close(of_each.reconstruction, reconstruction, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(of_each.kl, kl, rtol=1e-5, atol=1e-4)
    assert elbo.reconstruction.item() == pytest.approx(reconstruction.mean().item(), rel=1e-5)
    assert elbo.kl.item() == pytest.approx(kl.mean().item(), rel=1e-5)
    assert elbo.value.item() == pytest.approx((reconstruction - kl).mean().item(), rel=1e-5)


@torch.no_grad()
def test_a_code_far_from_the_prior_has_the_kl_divergence_of_the_formula() -> None:
    # All weights zero, so that the biases are mean and log-variance: means 3 and 0, variances 1 and e.
    vae = VAE(4, latent_dim=2, hidden=5, generator=seeded())
    for parameter in vae.parameters():
        parameter.zero_()
    vae.encoder[-1].bias.copy_(torch.tensor([3.0, 0.0, 0.0, 1.0]))
    elbo = vae.elbo(torch.ones(2, 4), generator=seeded())
    assert elbo.kl.item() == pytest.approx(4.5 + (torch.e - 2) / 2)
    # Each of the four values has probability 1/2.
    assert elbo.reconstruction.item() == pytest.approx(-4 * torch.log(torch.tensor(2.0)).item())


def test_the_value_of_an_elbo_is_reconstruction_minus_kl() -> None:
    assert Elbo(torch.tensor(-5.0), torch.tensor(2.0)).value == -7


def test_the_history_has_both_parts_of_each_epoch(digits: Dataset) -> None:
    _, history = fit_vae(digits.x[:100], replace(QUICK, epochs=3), generator=seeded())
    assert list(history) == ["epoch", "part", "reconstruction", "kl", "elbo"]
    assert history.epoch.tolist() == [1, 1, 2, 2, 3, 3]
    assert history.part.tolist() == ["training", "held out"] * 3
    assert history.elbo.tolist() == pytest.approx((history.reconstruction - history.kl).tolist(), rel=1e-5)
    assert (history.kl >= 0).all()
    assert (history.reconstruction < 0).all()


# Properties


@torch.no_grad()
def test_a_saved_vae_is_loaded_with_the_same_answers(tmp_path: Path, vae: VAE, digits: Dataset) -> None:
    vae.save(tmp_path / "vae.safetensors")
    loaded = VAE.load(tmp_path / "vae.safetensors")
    codes = vae.encode(digits.x)[0]
    assert torch.equal(loaded.encode(digits.x)[0], codes)
    assert torch.equal(loaded.decode(codes), vae.decode(codes))


def held_out_elbo(vae: VAE, x: torch.Tensor) -> float:
    with torch.no_grad():
        return vae.elbo(x, generator=seeded(9)).value.item()


def test_training_raises_the_elbo_of_records_that_it_has_not_seen(digits: Dataset) -> None:
    x, unseen = digits.x[:500], digits.x[500:]
    trained, history = fit_vae(x, replace(QUICK, epochs=40, batch_size=50), generator=seeded())
    # Better than the best decoder that ignores its code, which gives every record the mean of all.
    without_code = Bernoulli(probs=x.mean(dim=0).clamp(1e-3, 1 - 1e-3), validate_args=False).log_prob(unseen)
    assert held_out_elbo(trained, unseen) > without_code.sum(dim=1).mean().item()
    held_out = history.elbo[history.part == "held out"].tolist()
    assert held_out[-1] > held_out[0]


def test_training_keeps_the_weights_of_the_epoch_with_the_best_held_out_elbo(digits: Dataset) -> None:
    # Such long steps on so few records that the held-out ELBO soon falls again.
    settings = VAESettings(latent_dim=3, hidden=32, epochs=60, patience=4, learning_rate=0.02, batch_size=10)
    vae, history = fit_vae(digits.x[:60], settings, generator=seeded())
    held_out = history[history.part == "held out"].set_index("epoch").elbo
    best = held_out.idxmax()
    assert best + settings.patience == held_out.index[-1] < settings.epochs
    # Up to there, training with fewer epochs takes the same steps.
    stopped, _ = fit_vae(digits.x[:60], replace(settings, epochs=int(best)), generator=seeded())
    for name, weight in vae.state_dict().items():
        assert torch.equal(weight, stopped.state_dict()[name])


def test_training_stops_at_the_first_epoch_that_is_no_better_if_patience_is_one(digits: Dataset) -> None:
    settings = VAESettings(latent_dim=3, hidden=32, epochs=60, patience=1, learning_rate=0.02, batch_size=10)
    _, history = fit_vae(digits.x[:60], settings, generator=seeded())
    held_out = history.elbo[history.part == "held out"]
    assert held_out.is_monotonic_increasing is False
    assert held_out[:-1].is_monotonic_increasing
    assert len(held_out) < settings.epochs


def test_the_held_out_records_are_not_trained_on(digits: Dataset) -> None:
    # Training sees 54 of 60 records: the average loss that it meets would change if it saw others.
    x = digits.x[:60]
    order = torch.randperm(60, generator=seeded())
    blackened = x.clone()
    blackened[order[:6]] = 1
    quick = replace(QUICK, epochs=3, patience=3)
    first, second = (fit_vae(records, quick, generator=seeded())[1] for records in (x, blackened))
    in_training = first.part == "training"
    assert first.elbo[in_training].tolist() == second.elbo[in_training].tolist()
    assert first.elbo[~in_training].tolist() != second.elbo[~in_training].tolist()


def test_the_same_generator_gives_the_same_weights_and_another_others(digits: Dataset) -> None:
    first, again, other = (
        torch.cat([p.flatten() for p in fit_vae(digits.x[:100], QUICK, generator=seeded(seed))[0].parameters()])
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_leaves_the_global_generator_alone(digits: Dataset) -> None:
    before = torch.get_rng_state()
    fit_vae(digits.x[:100], replace(QUICK, epochs=1), generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


@given(seed=st.integers(0, 100), scale=st.floats(0, 1e3))
@torch.no_grad()
def test_decoded_values_lie_between_0_and_1(seed: int, scale: float) -> None:
    vae = VAE(6, latent_dim=2, hidden=4, generator=seeded(seed))
    decoded = vae.decode(scale * torch.randn(5, 2, generator=seeded(seed)))
    assert decoded.shape == (5, 6)
    assert ((decoded >= 0) & (decoded <= 1)).all()


# Conditional VAEs


CONDITIONAL = VAESettings(latent_dim=3, hidden=16, epochs=2, n_classes=10)


@pytest.mark.parametrize(
    "y",
    [None, torch.zeros(39).long(), torch.full((40,), 10), torch.full((40,), -1)],
    ids=["none", "few", "high", "low"],
)
def test_a_conditional_vae_is_not_trained_without_a_label_for_each_record(
    y: torch.Tensor | None, digits: Dataset
) -> None:
    sentence = "n_classes=10 must be told one label a record" if y is None else "y must hold one label"
    with pytest.raises(ValueError, match=f"{sentence}.* from 0 to 9"):
        fit_vae(digits.x[:40], CONDITIONAL, y=y, generator=seeded())


def test_a_conditional_vae_does_not_guess_labels(digits: Dataset) -> None:
    vae, _ = fit_vae(digits.x[:40], CONDITIONAL, y=digits.y[:40], generator=seeded())
    for use in (vae.encode, vae.decode):
        with pytest.raises(ValueError, match="conditional: give the labels"):
            use(digits.x[:1] if use == vae.encode else torch.zeros(1, 3))


def test_a_negative_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="n_classes must be at least 0, not -"):
        VAESettings(n_classes=-1)


def test_encoder_and_decoder_look_at_the_label_only_if_they_are_told(digits: Dataset) -> None:
    x, y, codes = digits.x[:40], digits.y[:40], torch.randn(40, 3, generator=seeded(5))
    for settings, looks in ((replace(CONDITIONAL, n_classes=0), False), (CONDITIONAL, True)):
        vae, _ = fit_vae(x, settings, y=y, generator=seeded())
        assert torch.equal(vae.encode(x, y)[0], vae.encode(x, (y + 1) % 10)[0]) != looks
        assert torch.equal(vae.decode(codes, y), vae.decode(codes, (y + 1) % 10)) != looks


def test_a_conditional_vae_knows_classes_without_a_code(digits: Dataset) -> None:
    settings = VAESettings(latent_dim=2, hidden=32, epochs=40, patience=40, learning_rate=5e-3, n_classes=10)
    vae, _ = fit_vae(digits.x, settings, y=digits.y, generator=seeded())
    portraits = vae.decode(torch.zeros(10, 2), torch.arange(10))
    means = torch.stack([digits.x[digits.y == label].mean(dim=0) for label in range(10)])
    assert torch.equal(torch.cdist(portraits, means).argmin(dim=1), torch.arange(10))


def test_a_conditional_vae_is_saved_with_its_labels(digits: Dataset, tmp_path: Path) -> None:
    vae, _ = fit_vae(digits.x[:40], CONDITIONAL, y=digits.y[:40], generator=seeded())
    vae.save(tmp_path / "vae.safetensors")
    loaded = VAE.load(tmp_path / "vae.safetensors")
    assert loaded.sizes == vae.sizes
    assert torch.equal(loaded.encode(digits.x, digits.y)[0], vae.encode(digits.x, digits.y)[0])
