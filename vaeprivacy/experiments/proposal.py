"""A setting for your own records: of those that were tried, one that leaks little enough, and what the search cost."""

import math
from dataclasses import dataclass

import pandas as pd

from vaeprivacy.attacks import attack_label
from vaeprivacy.experiments.compare import summarise
from vaeprivacy.metrics import Estimate


@dataclass(frozen=True)
class SearchCost:
    """What a search costs in privacy.

    Attributes
    ----------
    n_settings : int
        Number of settings that the choice was made from.
    n_releases : int
        Number of releases made, and classifiers trained, for all settings and seeds.
    of_a_record : int
        The most releases that any one record was in.
    epsilon_of_all : float
        Sum of the epsilons, for any two records, of the releases that one record was in.
    on_public_records : bool
        Whether the search read public records only.
    n_proposals : int
        How many settings were chosen by it.
    """

    n_settings: int
    n_releases: int
    of_a_record: int
    epsilon_of_all: float
    on_public_records: bool
    n_proposals: int = 1

    @classmethod
    def of(cls, tried: pd.DataFrame, *, n_proposals: int = 1) -> "SearchCost":
        """Return the cost of a table of tried settings, see :func:`vaeprivacy.experiments.search.try_settings`."""
        runs = tried.drop_duplicates(["setting", "latent_dim", "radius", "trainer", "seed"])
        n_settings = len(runs.drop_duplicates(["setting", "latent_dim", "radius", "trainer"]))
        of_a_record = runs.n_models // 2  # pairs of complementary halves
        epsilon_of_all = float((runs.promised * of_a_record).sum())
        public = bool(tried.on_public_records.all())
        return cls(n_settings, int(runs.n_models.sum()), int(of_a_record.sum()), epsilon_of_all, public, n_proposals)

    @property
    def n_outcomes(self) -> int:
        """In how many ways the search can end: with one of the settings or with none, for each proposal."""
        return (self.n_settings + 1) ** self.n_proposals

    def __str__(self) -> str:
        what = f"The search made {self.n_releases} releases ({self.n_settings} settings)"
        if self.on_public_records:
            return f"{what} of public records only: it costs the private records nothing."
        return (
            f"{what} of the private records, up to {self.of_a_record} of each record, and published none of them. If "
            "all were published, what they promise for any two records would add up to epsilon "
            f"{self.epsilon_of_all:,.0f}, in addition to that of the final release. The choice gets out. It comes from "
            f"measurements without noise, so no epsilon covers it. It is one of {self.n_outcomes} outcomes (that no "
            f"setting qualifies is one), so it carries at most {math.log2(self.n_outcomes):.1f} bits: it makes the "
            f"chance to guess a secret at most {self.n_outcomes} times as high, on average over secrets. To a single "
            "record it promises nothing. Keep the measured numbers to yourself: they say far more than the choice."
        )


@dataclass(frozen=True)
class Proposal:
    """A setting that leaked little enough where it was tried, and what to expect of it.

    Attributes
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of latent distance.
    latent_dim : int
        Dimension of the code.
    radius : float
        Radius of the ball of codes.
    promised : float
        Epsilon for any two records of the same label, see :meth:`vaeprivacy.defences.base.Defence.promised_epsilon`.
    trainer : str
        How encoder and decoder were trained, in words.
    n_members : int
        Number of records in each release that was tried.
    max_auc : float
        What was accepted.
    looks_at, attack : str
        What the strongest attack looks at, and its name.
    leakage : Estimate
        AUC of that attack, with its 95% interval over seeds.
    measure : {"accuracy", "auc"}
        How utility was measured.
    utility : Estimate
        Of a classifier trained on a release, on records that chose nothing.
    cost : SearchCost
        What the search costs in privacy.
    """

    epsilon: float
    latent_dim: int
    radius: float
    promised: float
    trainer: str
    n_members: int
    max_auc: float
    looks_at: str
    attack: str
    leakage: Estimate
    measure: str
    utility: Estimate
    cost: SearchCost

    def __str__(self) -> str:
        measure = {"accuracy": "an accuracy", "auc": "an AUC of telling classes apart"}[self.measure]
        return (
            f"Take epsilon {self.epsilon:g} per unit of latent distance, {self.latent_dim} latent dimensions and "
            f"radius {self.radius:.3g}, which promises epsilon {self.promised:.3g} for any two records of the same "
            f"label (encoder and decoder trained on {self.trainer}). Expect {measure} of {self.utility}; the "
            f"strongest attack on {_the(self.looks_at)} ({attack_label(self.attack)}) had an AUC of {self.leakage}, "
            f"where at most {self.max_auc:g} was accepted. Measured on releases of {self.n_members:,} records."
        )


def _the(looks_at: str) -> str:
    """Return what an attack looks at, with its article."""
    return looks_at if looks_at.startswith("all") else f"the {looks_at}"


def propose(
    tried: pd.DataFrame, *, max_auc: float, looks_at: str = "classifier", measure: str = "accuracy"
) -> Proposal:
    """Propose the most useful of the settings that leak little enough.

    A setting is accepted if the upper end of the 95% interval of its leakage, over seeds, is at most `max_auc`. Among
    these, the records held out to choose by decide; the utility that is reported comes from others, because the best of
    many measured values is higher than it would be again.

    Parameters
    ----------
    tried : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.search.try_settings`.
    max_auc : float
        The most that the strongest attack may reach, above 0.5 (guessing) and up to 1.
    looks_at : str
        What gets out, one of :data:`vaeprivacy.experiments.compare.LOOKS_AT`.
    measure : {"accuracy", "auc"}
        Measure of utility; for rare classes, the AUC.

    Raises
    ------
    ValueError
        If no setting that was tried leaks so little (the message names the closest), or an argument is impossible.
    """
    if not 0.5 < max_auc <= 1:
        raise ValueError(f"max_auc must be above 0.5, which is guessing, and at most 1, not {max_auc}.")
    if measure not in ("accuracy", "auc"):
        raise ValueError(f"measure must be 'accuracy' or 'auc', not {measure!r}.")
    points = summarise(tried, utility=f"validation_{measure}", looks_at=looks_at)
    accepted = points[points.leakage_high <= max_auc]
    if accepted.empty:
        closest = points.loc[points.leakage_high.idxmin()]
        raise ValueError(
            f"No setting that was tried keeps the strongest attack on {_the(looks_at)} at an AUC of at most "
            f"{max_auc:g} with the whole interval. The closest is epsilon {closest.epsilon:g} with "
            f"{closest.latent_dim:g} latent dimensions and radius {closest.radius:.3g}, where it is "
            f"{_estimate(closest, 'leakage')}. Try smaller epsilons, or more seeds for narrower intervals."
        )
    best = accepted.loc[accepted.utility.idxmax()]
    fresh = summarise(tried, utility=f"test_{measure}", looks_at=looks_at).loc[best.name]
    run = tried[(tried.epsilon == best.epsilon) & (tried.latent_dim == best.latent_dim) & (tried.radius == best.radius)]
    return Proposal(
        epsilon=float(best.epsilon),
        latent_dim=int(best.latent_dim),
        radius=float(best.radius),
        promised=float(run.promised.iloc[0]),
        trainer=best.trainer,
        n_members=int(run.n_members.iloc[0]),
        max_auc=max_auc,
        looks_at=looks_at,
        attack=best.attack,
        leakage=_estimate(best, "leakage"),
        measure=measure,
        utility=_estimate(fresh, "utility"),
        cost=SearchCost.of(tried),
    )


def _estimate(row: pd.Series, name: str) -> Estimate:
    return Estimate(row[name], row[f"{name}_low"], row[f"{name}_high"])
