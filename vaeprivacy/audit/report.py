"""An audit of everything about a mechanism that can be audited, and of a release made with it, in a few lines."""

from dataclasses import dataclass

import torch

from vaeprivacy.audit.lower_bounds import Audit, audit_mechanism, audit_release
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.datasets import load
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAESettings

DIMENSIONS = (1, 2)  # in more of them, the bound stays far below the claim
DRAWS = 10_000  # of noise, to test its law
RECORDS = 2500  # of a data set, at most


@dataclass(frozen=True)
class AuditReport:
    """What the audits of one mechanism found.

    Attributes
    ----------
    audits : dict of str to Audit
        What was audited, and what was found.
    law : dict of str to float
        The p-values of :func:`~vaeprivacy.audit.noise_tests.noise_p_values`, of 10,000 draws.
    dimension : int
        In which the law was tested.
    level : float
        Confidence of each audit, and of all p-values together.
    """

    audits: dict[str, Audit]
    law: dict[str, float]
    dimension: int
    level: float

    @property
    def law_refuted(self) -> bool:
        """Whether noise of the right law would be as unusual too seldom (Bonferroni's correction)."""
        return min(self.law.values()) <= (1 - self.level) / len(self.law)

    @property
    def refuted(self) -> bool:
        """Whether any claim is refuted."""
        return self.law_refuted or any(audit.violated for audit in self.audits.values())

    def __str__(self) -> str:
        smallest = min(self.law, key=self.law.get)
        law = (
            f"law of the noise, d = {self.dimension}: {'REFUTED' if self.law_refuted else 'not refuted'} "
            f"({len(self.law)} statistics of {DRAWS:,} draws; smallest p-value {self.law[smallest]:.3g}, {smallest})"
        )
        return "\n".join([*(f"{what}: {audit}" for what, audit in self.audits.items()), law])


def audit_by_name(
    name: str,
    mechanism: Mechanism,
    *,
    radius: float,
    dimension: int,
    n: int,
    seed: int,
    level: float,
    dataset: str | None = None,
) -> AuditReport:
    """Audit a mechanism in one and two dimensions, test the law of its noise, and audit a release if asked to.

    Parameters
    ----------
    name : str
        What to call the mechanism.
    mechanism : Mechanism
        The noise.
    radius : float
        Radius of the ball of codes.
    dimension : int
        Dimension in which the law is tested.
    n : int
        Outputs for each of two codes.
    seed : int
        Decides all random numbers.
    level : float
        Confidence.
    dataset : str, optional
        Name of a data set: a synthesizer is fitted on half of it, and its release is audited.

    Raises
    ------
    ValueError
        If there is no such data set, or a release with this noise cannot be audited (it needs an epsilon).
    """
    audits = {
        f"{name}, d = {d}": audit_mechanism(
            mechanism, radius=radius, dimension=d, n=n, generator=seeded_generator(seed, f"audit {d}"), level=level
        )
        for d in DIMENSIONS
    }
    law = noise_p_values(mechanism.sample(DRAWS, dimension, generator=seeded_generator(seed, "law")), mechanism)
    if dataset:
        audits[f"release of {dataset}"] = audit_dataset(dataset, mechanism, radius=radius, seed=seed, level=level)
    return AuditReport(audits, law, dimension, level)


def audit_dataset(dataset: str, mechanism: Mechanism, *, radius: float, seed: int, level: float) -> Audit:
    """Fit a VAE with two latent dimensions on half of a data set (at most 2,500 records) and audit its release.

    Parameters and errors are those of :func:`audit_by_name`.
    """
    records = load(dataset)
    size = min(RECORDS, len(records.x) // 2)
    half = torch.randperm(len(records.x), generator=seeded_generator(seed, "half"))[:size]
    x, y = records.x[half], records.y[half]
    synthesizer = Synthesizer(mechanism, VAESettings(latent_dim=2), radius=radius)
    synthesizer.fit(x, y, generator=seeded_generator(seed, "vae"))
    return audit_release(synthesizer, x, y, generator=seeded_generator(seed, "release"), level=level)
