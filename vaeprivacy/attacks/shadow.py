"""Shadow models: the adversary trains models like the target, on records whose membership it knows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vaeprivacy.arrays import check_labels, check_log_posteriors, check_memberships, check_records
from vaeprivacy.classifiers import ClassifierSettings, fit_classifiers, models_at_once, predict
from vaeprivacy.compute.array_files import check_shapes, read_arrays, write_arrays
from vaeprivacy.compute.files import load_or_compute
from vaeprivacy.compute.parallel import in_parallel
from vaeprivacy.randomness import seeded_generator

#: Trains some shadow models as the adversary believes the defender does it. It gets all records and labels, the indices
#: of the records that belong to each model, and the models' numbers (to seed them by); it returns the models.
Recipe = Callable[[torch.Tensor, torch.Tensor, Sequence[torch.Tensor], Sequence[int]], Sequence[nn.Module]]
Query = Callable[[nn.Module, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class ClassifierRecipe:
    """Trains shadow models like a target that was trained on the records themselves.

    See :data:`Recipe`.

    Attributes
    ----------
    n_classes : int
        Number of outputs.
    seed : int
        With a model's number, decides its weights and batches.
    settings : ClassifierSettings
        Size and training.
    """

    n_classes: int
    seed: int
    settings: ClassifierSettings = field(default_factory=ClassifierSettings)

    def __call__(
        self, x: torch.Tensor, y: torch.Tensor, subsets: Sequence[torch.Tensor], numbers: Sequence[int]
    ) -> list[nn.Sequential]:
        """Train the shadow models with these numbers."""
        generators = [seeded_generator(self.seed, f"shadow {number} classifier") for number in numbers]
        models = {}
        # Halves of an odd number of records have two lengths, and only subsets of one length are trained at once.
        for length in sorted({len(subset) for subset in subsets}):
            same = [place for place, subset in enumerate(subsets) if len(subset) == length]
            options = {"subsets": [subsets[i] for i in same], "generators": [generators[i] for i in same]}
            fitted = fit_classifiers(x, y, self.settings, n_classes=self.n_classes, **options)
            models |= dict(zip(same, fitted, strict=True))
        return [models[place] for place in range(len(subsets))]

    def models_at_once(self, x: torch.Tensor) -> int:
        """Return how many models to train in one call."""
        return models_at_once(x, self.settings, n_classes=self.n_classes)


@dataclass(frozen=True)
class Shadows:
    """What shadow models say about some records, kept on the CPU.

    Attributes
    ----------
    log_posteriors : torch.Tensor
        Prediction of each model for each record, shape (shadows, records, classes).
    y : torch.Tensor
        Labels, shape (records,).
    is_member : torch.Tensor
        Whether each model was trained on each record, shape (shadows, records), bool.
    """

    log_posteriors: torch.Tensor
    y: torch.Tensor
    is_member: torch.Tensor

    def __post_init__(self) -> None:
        y, name = check_labels(self.y), "log_posteriors of shadow models"
        said = check_log_posteriors(self.log_posteriors, name, of=y, models=len(self.log_posteriors)).cpu()
        is_member = check_memberships(self.is_member, shape=said.shape[:2]).cpu()
        y = check_labels(y, n_classes=said.shape[2]).cpu()
        for name, value in {"log_posteriors": said, "y": y, "is_member": is_member}.items():
            object.__setattr__(self, name, value)

    def about(self, records: torch.Tensor | slice) -> "Shadows":
        """Return what the models say about some of the records, given as indices, as a mask or as a slice."""
        return Shadows(self.log_posteriors[:, records], self.y[records], self.is_member[:, records])

    def without(self, model: int) -> "Shadows":
        """Return what the other models say, so that one of them can be the target.

        A model that was trained on exactly the records that the target was not is left out as well: with it, the number
        of models that were trained on a record would tell whether the target was.
        """
        trained = self.is_member.any(dim=0)  # not on these records: nothing to be the complement of
        complements = (self.is_member ^ self.is_member[model])[:, trained].all(dim=1) & trained.any()
        others = (torch.arange(len(self.is_member), device=complements.device) != model) & ~complements
        return replace(self, log_posteriors=self.log_posteriors[others], is_member=self.is_member[others])

    def two_sided(self) -> "Shadows":
        """Return what is said about records that some models were trained on and others were not.

        Raises
        ------
        ValueError
            If there is no such record: nothing can be learnt from models that are all on one side.
        """
        both = self.is_member.any(dim=0) & ~self.is_member.all(dim=0)
        if len(self.is_member) == 1:
            both = torch.ones_like(both)  # one model alone is trained on half of the records
        if not both.any() or self.is_member.all() or not self.is_member.any():
            raise ValueError(
                "No record is a member of one shadow model and a non-member of another: train them on halves that "
                "differ (draw_memberships)."
            )
        return self.about(both)


def train_shadows(
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    is_member: torch.Tensor,
    recipe: Recipe,
    models_at_once: int | None = None,
    query: Query = predict,
    n_jobs: int = 1,
    directory: Path | None = None,
    progress: bool = False,
) -> Shadows:
    """Train shadow models and query each with all the records.

    The records stay one table, whatever the number of models: a model gets the indices of its half.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features).
    y : torch.Tensor
        Their labels, shape (records,).
    is_member : torch.Tensor
        Which records each model is trained on, shape (shadows, records), bool.
    recipe : callable
        Trains models, see :data:`Recipe`. It decides what the adversary copies: only the classifier, or the whole
        framework before it.
    models_at_once : int
        How many models one call of the recipe gets; by default one, or for a :class:`ClassifierRecipe` what
        :func:`vaeprivacy.classifiers.models_at_once` says.
    query : callable
        Queries a model with records and returns its predictions, log-posteriors of shape (records, classes).
    n_jobs : int
        Number of threads that train models side by side; -1 takes one per core. On a GPU it is always one.
    directory : pathlib.Path, optional
        Where the predictions of finished models are kept, so that an interrupted training continues; a directory must
        be used for one training only.
    progress : bool
        Show a progress bar.
    """
    x = check_records(x)
    y, is_member = check_labels(y, of=x), check_memberships(is_member, shape=(None, len(x)))
    if models_at_once is None:
        models_at_once = recipe.models_at_once(x) if isinstance(recipe, ClassifierRecipe) else 1
    n_jobs = n_jobs if x.device.type == "cpu" else 1
    train = partial(chunk_predictions, x, y, is_member=is_member, recipe=recipe, query=query, directory=directory)
    tasks = [partial(train, numbers=chunk.tolist()) for chunk in torch.arange(len(is_member)).split(models_at_once)]
    title = "shadow models" if progress else ""
    # Steps of stacked models are long enough for threads, which start faster than processes and need less memory.
    log_posteriors = list(in_parallel(tasks, n_jobs=n_jobs, title=title, in_threads=True))
    return Shadows(torch.from_numpy(np.concatenate(log_posteriors)), y, is_member)


def chunk_predictions(
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    is_member: torch.Tensor,
    recipe: Recipe,
    query: Query,
    directory: Path | None,
    numbers: list[int],
) -> np.ndarray:
    """Train the shadow models with some numbers, or read what they left, and return their predictions.

    Parameters are those of :func:`train_shadows`; the result has shape (models, records, classes).
    """

    def make() -> dict[str, np.ndarray]:
        models = recipe(x, y, [is_member[number].nonzero().flatten() for number in numbers], numbers)
        return {"log_posteriors": torch.stack([query(model, x) for model in models]).cpu().numpy()}

    if directory is None:
        return make()["log_posteriors"]
    shapes = {"log_posteriors": (len(numbers), len(x), None)}
    path = directory / f"shadows-{numbers[0]}-to-{numbers[-1]}.npz"
    read = lambda path: check_shapes(read_arrays(path), shapes, path)  # noqa: E731
    return load_or_compute(path, make, write_arrays, read)["log_posteriors"]
