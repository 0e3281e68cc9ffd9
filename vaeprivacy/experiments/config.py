"""What one run depends on."""

from dataclasses import dataclass, field

import torch

from vaeprivacy.checks import check_choice, check_whole, make_plain
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import MOST_MODELS, stratified_parts
from vaeprivacy.defences import Defence, Framework
from vaeprivacy.experiments.store import key_of
from vaeprivacy.randomness import check_seed, seeded_generator

ATTACKS = ("few", "all", "combined")


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
    attacks : {"few", "all", "combined"}
        The strongest attacks of each kind; all of them but the combined one; or the strongest and the combined one, for
        which the releases of all models of the pool are attacked, at least 6.
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
        make_plain(self)
        if not isinstance(self.defence, Defence):
            raise TypeError(
                "defence must be an object of vaeprivacy.defences, such as NoDefence() or Framework(8.0), not "
                f"{self.defence!r}."
            )
        check_choice(self.attacks, "attacks", ATTACKS)
        # A VAE needs ten records, one of them held out.
        least_of = {"n_members": 10, "n_models": 4, "n_population": 10, "n_targets": 1}
        object.__setattr__(self, "seed", check_seed(self.seed))
        for name, least in least_of.items():
            value = getattr(self, name)
            if value is None and name in ("n_population", "n_targets"):
                continue
            value = check_whole(value, name, most=MOST_MODELS if name == "n_models" else None)
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}.")
            object.__setattr__(self, name, value)  # as an int of Python, which can be written to files
        if self.n_models % 2:
            raise ValueError(
                f"n_models must be even, since models come in pairs of complementary halves, not {self.n_models}."
            )
        if self.attacks == "combined" and self.n_models < 6:
            raise ValueError(
                f'attacks="combined" needs n_models of at least 6, to learn its weights, not {self.n_models}.'
            )
        if self.n_targets is not None and self.n_targets > self.n_models:
            raise ValueError(f"n_targets must be at most n_models, which is {self.n_models}, not {self.n_targets}.")

    @property
    def targets(self) -> range:
        """Numbers of the models that are attacked."""
        return range(self.n_targets or self.n_models)

    @property
    def key(self) -> str:
        """The name of the run's row and of its files."""
        return key_of(self, "run")


def draw_parts(y: torch.Tensor, config: Config) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Split the records that a run needs.

    Parameters
    ----------
    y : torch.Tensor
        Labels of the whole data set.
    config : Config
        The run.

    Returns
    -------
    candidates, population, public : torch.Tensor
        Disjoint sets of records, as indices, see :class:`vaeprivacy.experiments.pool.Pool`; there are public ones only
        if the run needs some.

    Raises
    ------
    ValueError
        If there are not enough records.
    """
    n, n_population = config.n_members, config.n_population or 2 * config.n_members
    sizes = [2 * n, n_population, *([n] if config.defence.on_public_records else [])]
    if sum(sizes) > len(y):
        fixed = config.n_population or 0  # the other parts are multiples of n
        most = max(0, (len(y) - fixed) * n // (sum(sizes) - fixed))
        raise ValueError(
            f"n_members = {n} needs {sum(sizes):,} records (candidates, population"
            f"{' and public ones' if len(sizes) > 2 else ''}), but {config.dataset} has {len(y):,}: n_members may be "
            f"at most {most:,}{f' with n_population = {fixed:,}' if fixed else ''}."
        )
    parts = stratified_parts(y, sizes, generator=seeded_generator(config.seed, "split"))
    return parts[0], parts[1], parts[2] if len(parts) > 2 else torch.empty(0, dtype=torch.long)
