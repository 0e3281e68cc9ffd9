"""What settings of defences are called: alone, beside others, and in few words."""

import json
from dataclasses import asdict

import pytest

from vaeprivacy.defences import (
    DEFENCES,
    DPSGD,
    Defence,
    Framework,
    MomentsDCT,
    MomentsScattering,
    MomentsTable,
    NoDefence,
    PriorSampling,
    RecordNoise,
    Regularised,
    Transfer,
)
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import TRAINERS, PlainTrainer, PublicTrainer
from vaeprivacy.vae import VAESettings

TOLD = VAESettings(n_classes=10)


@pytest.mark.parametrize(
    ("defence", "label", "short", "full"),
    [
        (NoDefence(), "raw data", "", "raw data"),
        (Framework(), "no noise", "no noise", "framework, no noise"),
        (Framework(8.0), "8", "8", "framework, epsilon 8"),
        (Framework(8.0, trainer=DPSGDTrainer(2.0)), "8", "8, DP-SGD VAE 2", "framework, epsilon 8"),
        (Framework(8.0, trainer=PublicTrainer()), "8", "8, public VAE", "framework, epsilon 8"),
        (Framework(trainer=PublicTrainer()), "no noise", "no noise, public VAE", "framework, no noise"),
        (
            Framework(0.5, trainer=PublicTrainer(0.5, 5)),
            "0.5",
            "0.5, public VAE, 0.5 of them, first 5 classes",
            "framework, epsilon 0.5",
        ),
        (
            Framework(2.0, "gaussian", 3.0, vae=TOLD, noise_aware=True, denoiser="shrink"),
            "2, gaussian, radius 3, noise-aware, conditional, shrink",
            "2, gaussian, radius 3, noise-aware, conditional, shrink",
            "framework, epsilon 2, gaussian, radius 3, noise-aware, conditional, shrink",
        ),
        (
            Framework(2.0, labels=RandomisedResponse(1.5, 10)),
            "2, labels 1.5",
            "2, labels 1.5",
            "framework, epsilon 2, labels 1.5",
        ),
        (PriorSampling(), "samples of the prior", "", "samples of the prior"),
        (
            PriorSampling(DPSGDTrainer(2.0)),
            "samples of the prior, VAE on DP-SGD, epsilon 2",
            "DP-SGD VAE 2",
            "samples of the prior, VAE on DP-SGD, epsilon 2",
        ),
        (
            PriorSampling(PublicTrainer(), TOLD),
            "samples of the prior, conditional, VAE on disjoint records",
            "conditional, public VAE",
            "samples of the prior, conditional, VAE on disjoint records",
        ),
        (RecordNoise(64.0), "noise on records, 64", "64", "noise on records, 64"),
        (RecordNoise(64.0, 2.0), "noise on records, 64, radius 2", "64, radius 2", "noise on records, 64, radius 2"),
        (DPSGD(8.0), "DP-SGD, 8", "8", "DP-SGD, 8"),
        (DPSGD(8.0, scattering=True), "DP-SGD on scattering, 8", "scattering, 8", "DP-SGD on scattering, 8"),
        *[
            (kind(4.0), f"moments of {what}, 4", "4", f"moments of {what}, 4")
            for kind, what in ((MomentsDCT, "waves"), (MomentsTable, "columns"), (MomentsScattering, "scattering"))
        ],
        (
            MomentsDCT(4.0, rows=20_000),
            "moments of waves, 4, 20,000 rows",
            "4, 20,000 rows",
            "moments of waves, 4, 20,000 rows",
        ),
        (Transfer(5.0), "transfer set, 5, 10,000 images", "5, 10,000 images", "transfer set, 5, 10,000 images"),
        (Regularised(epochs=3), "3 epochs", "3 epochs", "3 epochs"),
        (Regularised(relax_loss=0.5), "RelaxLoss 0.5", "RelaxLoss 0.5", "RelaxLoss 0.5"),
        (
            Regularised(weight_decay=0.1, label_smoothing=0.2),
            *["weight decay 0.1, label smoothing 0.2"] * 3,
        ),
    ],
    ids=str,
)
def test_a_setting_has_a_label_one_in_few_words_and_one_beside_others(
    defence: Defence, label: str, short: str, full: str
) -> None:
    assert (defence.label, defence.short_label, defence.full_label) == (label, short, full)


def test_defences_and_trainers_are_registered_under_their_names_and_keep_them_in_results() -> None:
    made = [NoDefence(), Framework(), PriorSampling(), RecordNoise(), Regularised(epochs=1), DPSGD()]
    made += [MomentsDCT(), MomentsTable(), MomentsScattering(), Transfer()]
    assert {each.name: type(each) for each in made} == DEFENCES
    trainers = [PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0)]
    assert {each.name: type(each) for each in trainers} == TRAINERS
    assert [str(each) for each in trainers] == ["private records", "disjoint records", "DP-SGD, epsilon 8"]
    for each in (*made, *trainers):
        assert json.loads(json.dumps(asdict(each)))["name"] == each.name


def test_who_has_a_vae_says_how_it_was_trained() -> None:
    for kind in (Framework, PriorSampling):
        found = [kind(trainer=each).how_trained for each in (PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0))]
        assert found == ["private records", "disjoint records", "DP-SGD, epsilon 8"]
    for each in (NoDefence(), RecordNoise(), DPSGD(), Regularised(epochs=1)):
        assert each.how_trained == ""
