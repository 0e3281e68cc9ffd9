"""Which runs there are: grids of configurations, and configurations as they stand in files."""

from collections.abc import Iterable
from typing import Any

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.config import Config
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, Training, WithDPSGD
from vaeprivacy.defences import DEFENCES, Defence, Framework, NoDefence
from vaeprivacy.vae import VAESettings


def grid(*, seeds: Iterable[int], epsilons: Iterable[float], **common: Any) -> list[Config]:
    """Return the runs of the book's sweep: for each seed raw data, the framework without noise, and with each epsilon.

    Parameters
    ----------
    seeds : iterable of int
        Seeds.
    epsilons : iterable of float
        Metric-privacy parameters, per unit of latent distance.
    **common
        Fields that all runs share, see :class:`vaeprivacy.config.Config`.
    """
    defences = [NoDefence(), Framework(), *(Framework(epsilon) for epsilon in epsilons)]
    return [Config(defence=defence, seed=seed, **common) for seed in seeds for defence in defences]


def config_of(fields: dict[str, Any]) -> Config:
    """Return the configuration that a row of the results file tells of."""
    defence = _defence_of(dict(fields["defence"]))
    return Config(**{**fields, "defence": defence, "classifier": ClassifierSettings(**fields["classifier"])})


def _defence_of(fields: dict[str, Any]) -> Defence:
    name = fields.pop("name")
    kind = next(kind for kind in DEFENCES.values() if kind.name == name)
    if "training" in fields:
        fields["training"] = _training_of(dict(fields["training"]))
    if "vae" in fields:
        fields["vae"] = VAESettings(**fields["vae"])
    return kind(**fields)


def _training_of(fields: dict[str, Any]) -> Training:
    name = fields.pop("name")
    kind = next(kind for kind in (OnPrivateRecords, OnDisjointRecords, WithDPSGD) if kind.name == name)
    return kind(**fields)
