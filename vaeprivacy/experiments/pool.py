"""A pool: models that are trained with one defence, each on one half of the candidates, and what they leave."""

import json
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaeprivacy.attacks import Candidates, Shadows
from vaeprivacy.classifiers import ClassifierSettings, models_at_once, predict
from vaeprivacy.compute.devices import best_device
from vaeprivacy.datasets import Dataset, draw_balanced_memberships, load
from vaeprivacy.defences import Defence, NoDefence
from vaeprivacy.experiments.config import Config, draw_parts
from vaeprivacy.experiments.store import Store, key_of, vae_sizes
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.trainers import PlainTrainer
from vaeprivacy.vae import VAE


@cache
def load_on_device(name: str) -> Dataset:
    """Return a data set on the device to compute with; runs of one process share it."""
    return load(name).to(best_device())


@dataclass(frozen=True)
class Pool:
    """Models trained with one defence on halves of the same candidates. Each can be the target, the others its shadows.

    What a model is trained on does not depend on the size of its pool. What takes long is kept in the store, and what
    is there is not computed again.

    Attributes
    ----------
    source : str
        What tells these records, and their split, from others; part of the names in the store.
    seed : int
        Decides all training and the noise.
    defence : Defence
        What stands between the records and the classifiers.
    classifier : ClassifierSettings
        Size and training of the classifiers.
    data : Dataset
        All records, on the device to compute with.
    candidates : torch.Tensor
        Records whose membership is in question, as indices into the data.
    population : torch.Tensor
        Records of the same source on which no model is trained: the adversary's own, and those on which utility is
        measured.
    public : torch.Tensor
        Records on which encoder and decoder may be trained without touching the others; there may be none.
    is_member : torch.Tensor
        Which model is trained on which candidate, shape (models, candidates), bool: complementary halves in pairs.
    store : Store
        Keeps VAEs, features and predictions.
    seed_text : str
        By what random numbers of a model are seeded, with its number and their use in braces. (Part of all results:
        it must stay as it is.)
    all_at_once : bool
        Train all classifiers in one call, instead of as many as gain something.
    """

    source: str
    seed: int
    defence: Defence
    classifier: ClassifierSettings
    data: Dataset = field(compare=False, repr=False)
    candidates: torch.Tensor = field(compare=False, repr=False)
    population: torch.Tensor = field(compare=False, repr=False)
    public: torch.Tensor = field(compare=False, repr=False)
    is_member: torch.Tensor = field(compare=False, repr=False)
    store: Store = field(default_factory=Store, compare=False, repr=False)
    seed_text: str = "model {number} {use}"
    all_at_once: bool = False

    @classmethod
    def of(cls, config: Config, directory: Path | str | None = None) -> "Pool":
        """Return the pool of a run.

        Parameters
        ----------
        config : Config
            The run.
        directory : path-like, optional
            Where the files of all pools are; by default, nothing is kept in files.

        Raises
        ------
        ValueError
            If the data set has not enough records.
        """
        data = load_on_device(config.dataset)
        candidates, population, public = draw_parts(data.y, config)
        generator = seeded_generator(config.seed, "members")
        is_member = draw_balanced_memberships(data.y[candidates], n_shadows=config.n_models, generator=generator)
        return cls(
            json.dumps([config.dataset, config.n_members, config.n_population]),
            config.seed,
            config.defence,
            config.classifier,
            data=data,
            candidates=candidates,
            population=population,
            public=public,
            is_member=is_member,
            store=Store(None if directory is None else Path(directory)),
        )

    @cached_property
    def undefended(self) -> "Pool":
        """The same models trained without defence: what an adversary has that does not know of the defence."""
        return replace(self, defence=NoDefence())

    @cached_property
    def references(self) -> "Pool":
        """The VAEs that an adversary compares with: trained as the defender trains, but on its own records."""
        if not self.defence.on_public_records:
            return self
        return replace(self, defence=replace(self.defence, trainer=PlainTrainer()))

    # Records

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.is_member)

    @property
    def queries(self) -> torch.Tensor:
        """Candidates and then population: the records that all models are queried with, as indices into the data."""
        return torch.cat([self.candidates, self.population])

    def records(self, part: torch.Tensor) -> Candidates:
        """Return some records as attacks take them, without what models say about them."""
        return Candidates(x=self.data.x[part], y=self.data.y[part])

    def members(self, number: int) -> torch.Tensor:
        """Return the records that one model is trained on, as indices into the data."""
        return self.candidates[self.is_member[number]]

    def others(self, target: int) -> list[int]:
        """Return the models that may know nothing of the target's: all but itself and its complement.

        Whoever knew that a model was trained on the complementary half would know all members.
        """
        return [number for number in range(self.n_models) if number // 2 != target // 2]

    # What is trained

    def key(self, what: str, *settings: Any) -> str:
        """Return a name for what is computed of these records from some settings."""
        return key_of(self.source, self.seed, what, *settings)

    def generator(self, number: int, use: str, *, of: str = "") -> torch.Generator:
        """Return the random numbers of one use of one model, and perhaps of some settings."""
        return seeded_generator(self.seed, self.seed_text.format(number=number, use=use) + of)

    def vae_name(self, number: int) -> str:
        """Return the name of the VAE behind one classifier; on public records, it is everybody's."""
        who = "public" if self.defence.on_public_records else f"model {number}"
        return self.key(who, self.defence.vae_stage)

    def vae(self, number: int) -> VAE:
        """Return the VAE behind one classifier, on the device of the records."""
        public, stage, data = self.defence.on_public_records, self.defence.vae_stage, self.data

        def train() -> VAE:
            mine = self.public if public else self.members(number)
            generator = seeded_generator(self.seed, "public vae") if public else self.generator(number, "vae")
            return stage.fit_vae(data.x[mine], data.y[mine], n_classes=data.n_classes, generator=generator)

        one_record = stage.vae_records(data.x[:1], data.y[:1], n_classes=data.n_classes)
        sizes = vae_sizes(stage.vae, one_record.shape[1])
        return self.store.vae(self.vae_name(number), train, sizes=sizes).to(data.x.device)

    def synthesizer(self, number: int) -> Synthesizer | None:
        """Return what makes synthetic records of one model's members; None if they are not made of single members."""
        vae = None if self.defence.vae_stage is None else self.vae(number)
        return self.defence.synthesizer(vae, n_features=self.data.x.shape[1])

    def release(self, number: int) -> Release:
        """Return what one classifier is trained on."""
        mine, vae = self.members(number), None if self.defence.vae_stage is None else self.vae(number)
        generator = self.generator(number, "noise", of=f" {self.defence.seed_name}")
        options = {"vae": vae, "n_classes": self.data.n_classes, "generator": generator}
        return self.defence.release(self.data.x[mine], self.data.y[mine], **options)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return what classifiers see of records."""
        return self.defence.features(x, image_shape=self.data.image_shape)

    @cached_property
    def features_of_queries(self) -> torch.Tensor:
        """What classifiers see of the queries; features that take long are kept in the store."""
        if not self.defence.keeps_features:
            return self.features(self.data.x[self.queries])
        # They depend on the split of the data set, not on what is trained on them.
        name = self.key(f"features for {self.defence.name}")
        make = lambda: {"features": self.features(self.data.x[self.queries]).cpu().numpy()}  # noqa: E731
        found = self.store.arrays("features", name, make, shapes={"features": (len(self.queries), None)})["features"]
        return torch.from_numpy(found).to(self.data.x.device)

    def training_set(self, number: int) -> Release:
        """Return what one classifier is trained on, as features."""
        release, mine = self.release(number), self.is_member[number]
        if self.defence.releases_features:
            return release
        kept = self.features_of_queries[: len(mine)][mine] if self.defence.keeps_features else None
        return replace(release, x=self.features(release.x) if kept is None else kept)

    # What the models say

    @property
    def chunks(self) -> list[tuple[int, ...]]:
        """Numbers of the models, in the chunks in which their classifiers are trained."""
        n_classes, most = self.data.n_classes, self.n_models
        at_once = most if self.all_at_once else models_at_once(self.data.x, self.classifier, n_classes=n_classes)
        return [tuple(chunk.tolist()) for chunk in torch.arange(self.n_models).split(at_once)]

    @property
    def predictions_name(self) -> str:
        """The folder of the predictions in the store."""
        return f"predictions/{self.key('predictions', self.defence, self.classifier)}"

    def predictions(self, numbers: tuple[int, ...]) -> np.ndarray:
        """Train a chunk of the pool, or read what it left, and return what it says about the queries.

        Each model leaves a file of its own, so that nothing depends on how many are trained at once: another machine,
        with more memory, finds them.

        Returns
        -------
        numpy.ndarray
            Log-posteriors, shape (models, records, query modes, classes). If an encoder and a decoder stand before the
            classifier, there are two modes: a record as it is, and as these render it; otherwise there is one.
        """
        names, make = [f"model-{number}" for number in numbers], partial(self._predict, numbers)
        shapes = {"log_posteriors": (len(self.queries), None, self.data.n_classes)}
        found = self.store.arrays_together(self.predictions_name, names, make, shapes=shapes)
        return np.stack([arrays["log_posteriors"] for arrays in found])

    def _predict(self, numbers: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
        """Train a chunk of the pool and return its predictions, one table a model."""
        found = []
        for number, classifier in zip(numbers, trained_classifiers(self, numbers), strict=True):
            modes = torch.stack([predict(classifier, x) for x in self.query_modes(number)], dim=1)
            found.append({"log_posteriors": modes.cpu().numpy()})
        return found

    def query_modes(self, number: int) -> list[torch.Tensor]:
        """Return the features that one model is queried with: those of records, and of their reconstructions."""
        synthesizer = None if self.defence.vae_stage is None else self.synthesizer(number)
        if synthesizer is None:
            return [self.features_of_queries]
        x, y = self.data.x[self.queries], self.data.y[self.queries]
        return [self.features_of_queries, self.features(synthesizer.reconstruct(x, y))]

    @cached_property
    def shadows(self) -> list[Shadows]:
        """What all models say about the queries, candidates first: one entry for each query mode."""
        log_posteriors = torch.from_numpy(np.concatenate([self.predictions(chunk) for chunk in self.chunks]))
        outside = torch.zeros(self.n_models, len(self.population), dtype=torch.bool)
        y, is_member = self.data.y[self.queries].cpu(), torch.cat([self.is_member, outside], dim=1)
        return [Shadows(of_mode, y, is_member) for of_mode in log_posteriors.unbind(dim=2)]

    def black_box(self, target: int, *, n_targets: int) -> dict[str, Any]:
        """Return one target as a black box that can be queried with any record: fields of an adversary's knowledge.

        It is trained once more, with the other targets of its chunk.

        Parameters
        ----------
        target : int
            Number of the target.
        n_targets : int
            How many models of the pool are attacked, from the first on.
        """
        chunk = next(tuple(each for each in chunk if each < n_targets) for chunk in self.chunks if target in chunk)
        classifier = trained_classifiers(self, chunk)[chunk.index(target)]

        def query(x: torch.Tensor) -> torch.Tensor:
            return predict(classifier, self.features(x))

        return {"query": query, "query_label": lambda x: query(x).argmax(dim=1)}


@lru_cache(maxsize=2)
def trained_classifiers(pool: Pool, numbers: tuple[int, ...]) -> list[torch.nn.Module]:
    """Train some classifiers of a pool, at once where the defence allows it; a process remembers the last ones."""
    return pool.defence.fit_classifiers(
        [pool.training_set(number) for number in numbers],
        pool.classifier,
        n_classes=pool.data.n_classes,
        generators=[pool.generator(number, "classifier") for number in numbers],
    )
