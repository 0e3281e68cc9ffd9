"""What one run depends on."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch

from vaeprivacy.attacks import draw_balanced_memberships
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import stratified_parts
from vaeprivacy.defences import Defence, Framework, NoDefence
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.trainers import PlainTrainer

ATTACKS = ("few", "all")
POOL = 4  # the smallest pool; what a model is trained on does not depend on the size of its pool


class Parts(NamedTuple):
    """Disjoint sets of records, as indices into one data set.

    The candidates are those whose membership is in question: each model is trained on half of them. The population has
    records of the same source on which no model is trained: the adversary's own, and those on which utility is
    measured. Public are half as many as candidates, on which encoder and decoder may be trained without touching the
    others; there may be none.
    """

    candidates: torch.Tensor
    population: torch.Tensor
    public: torch.Tensor

    @property
    def asked(self) -> torch.Tensor:
        """Candidates and then population: the records that all models are asked about."""
        return torch.cat([self.candidates, self.population])


@dataclass(frozen=True)
class Config:
    """All that one run depends on.

    A run is a pool of models, each trained with the same defence on one half of the candidates. Each of them is the
    target once, and the others are shadow models then: so every run gives as many attacked targets as it has models.

    Attributes
    ----------
    dataset : str
        Name for :func:`vaeprivacy.datasets.load`.
    defence : Defence
        What stands between the records and the classifier, one of :data:`vaeprivacy.defences.DEFENCES`.
    seed : int
        Decides the split, all training and the noise.
    n_members : int
        Number of members of each model, at least 10; there are twice as many candidates.
    n_models : int
        Number of models in the pool: even, because they come in pairs of complementary halves, and at least 4.
    attacks : {"few", "all"}
        The strongest attacks of each kind, or all of them.
    classifier : ClassifierSettings
        Size and training of the classifier.
    n_population : int or None
        Number of records of the population, at least 10; None: as many as candidates.
    n_targets : int or None
        How many models of the pool are attacked, from the first on; all are shadow models. None: all of them.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    dataset: str = "fashion-mnist"
    defence: Defence = field(default_factory=Framework)
    seed: int = 0
    n_members: int = 2500
    n_models: int = 6
    attacks: str = "few"
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    n_population: int | None = None
    n_targets: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.defence, Defence):
            raise TypeError(
                "defence must be an object of vaeprivacy.defences, such as NoDefence() or Framework(8.0), not "
                f"{self.defence!r}."
            )
        if self.attacks not in ATTACKS:
            raise ValueError(f"attacks must be one of {', '.join(map(repr, ATTACKS))}, not {self.attacks!r}.")
        # A VAE needs ten records, one of them held out.
        least_of = {"seed": None, "n_members": 10, "n_models": POOL, "n_population": 10, "n_targets": 1}
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is None and name in ("n_population", "n_targets"):
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, not {value!r} of type {type(value).__name__}.")
            if least is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}.")
        if self.n_models % 2:
            raise ValueError(
                f"n_models must be even, since models come in pairs of complementary halves, not {self.n_models}."
            )
        if self.n_targets is not None and self.n_targets > self.n_models:
            raise ValueError(f"n_targets must be at most n_models, which is {self.n_models}, not {self.n_targets}.")

    @property
    def raw(self) -> "Config":
        """The same configuration without defence, common to runs with the same raw shadow models."""
        return replace(self, defence=NoDefence(), attacks="few", n_targets=None)

    @property
    def trained(self) -> "Config":
        """What one model of the pool depends on: not on the size of the pool, nor on the attacks."""
        return replace(self, n_models=POOL, attacks="few", n_targets=None)

    @property
    def model(self) -> "Config":
        """What one generative model of the pool depends on: not on noise or classifier."""
        return replace(self.trained, defence=self.defence.model, classifier=ClassifierSettings())

    @property
    def reference_model(self) -> "Config":
        """How the adversary trains generative models to compare with: as the defender does, but on its own records."""
        model = self.model
        if model.defence.on_public_records:
            return replace(model, defence=replace(model.defence, training=PlainTrainer()))
        return model

    def parts(self, y: torch.Tensor) -> Parts:
        """Return the parts of a data set with labels `y` that this configuration stands for.

        Raises
        ------
        ValueError
            If there are not enough records.
        """
        n, n_population = self.n_members, self.n_population or 2 * self.n_members
        sizes = [2 * n, n_population, *([n] if self.defence.on_public_records else [])]
        if sum(sizes) > len(y):
            fixed = self.n_population or 0  # the other parts are multiples of n
            most = max(0, (len(y) - fixed) * n // (sum(sizes) - fixed))
            raise ValueError(
                f"n_members = {n} needs {sum(sizes):,} records (candidates, population"
                f"{' and public ones' if len(sizes) > 2 else ''}), but {self.dataset} has {len(y):,}: n_members may be "
                f"at most {most:,}{f' with n_population = {fixed:,}' if fixed else ''}."
            )
        found = stratified_parts(y, sizes, generator=seeded_generator(self.seed, "split"))
        return Parts(*found[:2], public=found[2] if len(sizes) > 2 else torch.empty(0, dtype=torch.long))

    def memberships(self, y: torch.Tensor, *, n_models: int | None = None) -> torch.Tensor:
        """Return which records each model is trained on: balanced, complementary halves of the candidates.

        Parameters
        ----------
        y : torch.Tensor
            Labels of the whole data set.
        n_models : int, optional
            Of the first so many models, by default of the whole pool; they do not depend on its size.

        Returns
        -------
        torch.Tensor
            Shape (n_models, candidates), bool.
        """
        generator = seeded_generator(self.seed, "members")
        n_models = n_models or self.n_models
        return draw_balanced_memberships(y[self.parts(y).candidates], n_shadows=n_models, generator=generator)
