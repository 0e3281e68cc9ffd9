"""What one run depends on, and the name of its files."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import torch

from vaeprivacy.attacks import draw_balanced_memberships, draw_memberships
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, Training, checked_training
from vaeprivacy.data import Split, split
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.training import checked_positive
from vaeprivacy.vae import VAESettings

DEFENCES = ("none", "framework")
ATTACKS = ("few", "all")


@dataclass(frozen=True)
class Config:
    """All that one run depends on.

    Attributes
    ----------
    dataset : str
        Name for :func:`vaeprivacy.data.load`.
    defence : {"framework", "none"}
        Train the target on a release of the framework, or on the records themselves.
    epsilon : float or None
        Metric-privacy parameter per unit of latent distance; None releases reconstructions without noise.
    training : OnPrivateRecords, OnDisjointRecords or WithDPSGD
        How encoder and decoder are trained: on the members; on as many public records; or on the members with DP-SGD.
    seed : int
        Decides the split, all training and the noise.
    n_members : int
        Number of members, at least 10; as many non-members, and twice as many reference and test records.
    n_shadows : int
        Number of shadow models of each adversary.
    online : bool
        Shadow models are trained on halves of the candidates, so that online attacks can be run; otherwise on halves of
        the reference records.
    attacks : {"few", "all"}
        The strongest attacks of each kind, or all of them.
    vae, classifier : VAESettings, ClassifierSettings
        Sizes and training.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    dataset: str = "fashion-mnist"
    defence: str = "framework"
    epsilon: float | None = None
    training: Training = field(default_factory=OnPrivateRecords)
    seed: int = 0
    n_members: int = 2500
    n_shadows: int = 4
    online: bool = False
    attacks: str = "few"
    vae: VAESettings = field(default_factory=VAESettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)

    def __post_init__(self) -> None:
        if self.defence not in DEFENCES:
            raise ValueError(f"defence must be one of {', '.join(map(repr, DEFENCES))}, not {self.defence!r}.")
        if self.epsilon is not None:
            # As a float, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
            object.__setattr__(self, "epsilon", checked_positive(self.epsilon, "epsilon"))
            if self.defence == "none":
                raise ValueError(f"Without a defence there is no noise: leave epsilon out (it is {self.epsilon:g}).")
        checked_training(self.training)
        if self.attacks not in ATTACKS:
            raise ValueError(f"attacks must be one of {', '.join(map(repr, ATTACKS))}, not {self.attacks!r}.")
        # A VAE needs ten records, one of them held out.
        for name, least in (("n_members", 10), ("n_shadows", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, not {value!r} of type {type(value).__name__}.")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}.")

    @property
    def label(self) -> str:
        """What the run is called in tables and figures, which is "raw data", "no noise" or the value of epsilon."""
        if self.defence == "none":
            return "raw data"
        return "no noise" if self.epsilon is None else f"{self.epsilon:g}"

    @property
    def raw(self) -> "Config":
        """The same configuration without defence, common to runs with the same raw shadow models."""
        return replace(
            self, defence="none", epsilon=None, vae=VAESettings(), training=OnPrivateRecords(), attacks="few"
        )

    @property
    def model(self) -> "Config":
        """The same configuration without noise and classifier, common to runs with the same VAEs."""
        return replace(self, defence="framework", epsilon=None, classifier=ClassifierSettings(), attacks="few")

    @property
    def reference_model(self) -> "Config":
        """How the adversary trains VAEs to compare with: as the defender does, but on records of its own."""
        disjoint = isinstance(self.training, OnDisjointRecords)
        return replace(self.model, training=OnPrivateRecords()) if disjoint else self.model

    def split(self, y: torch.Tensor) -> Split:
        """Return the split of a data set with labels `y` that this configuration stands for."""
        n_public = self.n_members if isinstance(self.training, OnDisjointRecords) else 0
        sizes = {"n_members": self.n_members, "n_reference": 2 * self.n_members, "n_test": 2 * self.n_members}
        return split(y, **sizes, n_public=n_public, generator=seeded_generator(self.seed, "split"))

    def shadow_memberships(self, y: torch.Tensor, parts: Split) -> torch.Tensor:
        """Return which records each shadow model is trained on.

        Parameters
        ----------
        y : torch.Tensor
            Labels of the whole data set.
        parts : Split
            The split of this run.

        Returns
        -------
        torch.Tensor
            Shape (n_shadows, reference + candidates), bool: reference records come first.
        """
        draw, records = (
            (draw_balanced_memberships, parts.candidates) if self.online else (draw_memberships, parts.reference)
        )
        halves = draw(y[records], n_shadows=self.n_shadows, generator=seeded_generator(self.seed, "shadow members"))
        of_others = parts.reference if self.online else parts.candidates
        none = torch.zeros(self.n_shadows, len(of_others), dtype=torch.bool)
        return torch.cat([none, halves] if self.online else [halves, none], dim=1)


# What no run depends on: modules that show or check.
NOT_IN_RUNS = {"figures.py", "tables.py", "cli.py", "attack_command.py", "files.py"}
NOT_IN_RUNS |= {"audit.py", "law.py", "bug.py", "noise.py", "releases.py"}


@cache
def code_hash() -> str:
    """Return a hash of the source of all that runs depend on."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in sources if p.name not in NOT_IN_RUNS)).hexdigest()


def run_key(config: Config, stage: str = "run") -> str:
    """Return a name for what a stage computes from a configuration, the package's code and torch's version."""
    parts = json.dumps([asdict(config), stage, code_hash(), torch.__version__], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:20]
