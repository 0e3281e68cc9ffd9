"""Which runs there are: grids of configurations, in code and in YAML files, and as they stand in the results file."""

import itertools
import math
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, fields
from functools import cache, partial
from pathlib import Path
from reprlib import repr as short
from typing import Any

import torch

from vaeprivacy.checks import shortened
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.compute.files import read_yaml
from vaeprivacy.datasets import load
from vaeprivacy.defences import DEFENCES, Framework, NoDefence
from vaeprivacy.experiments.config import Config, draw_parts
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import TRAINERS
from vaeprivacy.vae import VAESettings

MOST_RUNS = 100_000  # of a grid: more would be a slip of the keyboard
DEEPEST = 12
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a name", type(None): "null"}


def grid(*, seeds: Iterable[int], epsilons: Iterable[float], **common: Any) -> list[Config]:
    """Return the runs of the book's sweep: for each seed raw data, the framework without noise, and with each epsilon.

    Parameters
    ----------
    seeds : iterable of int
        Seeds.
    epsilons : iterable of float
        Metric-privacy parameters, per unit of latent distance.
    **common
        Fields that all runs share, see :class:`vaeprivacy.experiments.config.Config`.
    """
    defences = [NoDefence(), Framework(), *(Framework(epsilon) for epsilon in epsilons)]
    return [Config(defence=defence, seed=seed, **common) for seed in seeds for defence in defences]


# Grids in YAML files


def read_grid(path: Path | str) -> list[Config]:
    """Return the runs that a YAML file asks for: all combinations of the values of each field.

    Parameters
    ----------
    path : path-like
        A grid, or a list of grids one after the other. A grid has the fields of
        :class:`vaeprivacy.experiments.config.Config`, each with one value or a list of them. ``defence`` is a name of
        :data:`vaeprivacy.defences.DEFENCES`, a mapping of such a name to the defence's fields (each with one value or a
        list), or a list of these; so is ``trainer`` among them, with the names of
        :data:`vaeprivacy.trainers.TRAINERS`. ``vae`` and ``classifier`` are mappings of settings.

    Returns
    -------
    list of Config
        Each once, in the order of the file; the last field of a grid changes fastest.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or not the files of a data set.
    TypeError, ValueError
        If it is no YAML, or asks for something that is not there or makes no sense: the message names file, field and
        what is allowed.
    """
    path = Path(path)
    given = read_yaml(path)
    if _too_deep(given):
        raise ValueError(f"{path} is nested too deeply; a grid has fields of fields of fields, and no more.")
    grids = given if isinstance(given, list) else [given]
    if not grids or not all(isinstance(one, dict) for one in grids):
        raise TypeError(
            f"{path} must hold a grid (fields such as `seed: [0, 1]`) or a list of grids, not {short(given)}."
        )
    configs = []
    for number, one in enumerate(grids, start=1):
        where = f"{path}, grid {number}" if len(grids) > 1 else str(path)
        configs += _all_of(Config, one, where)
    configs = list(dict.fromkeys(configs))
    check(configs, where=f"{path}: ")
    return configs


def _too_deep(value: Any) -> bool:
    """Return whether mappings and lists are nested more than :data:`DEEPEST` times; YAML can nest one in itself."""
    level = [value]
    for _ in range(DEEPEST):
        parts = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = list({id(part): part for each in parts for part in each}.values())
    return bool(level)


def check(configs: Iterable[Config], *, where: str = "") -> None:
    """Refuse runs whose data set is not there, or is too small, or of the wrong kind.

    Parameters
    ----------
    configs : iterable of Config
        Runs. Each data set is loaded once.
    where : str
        What a message begins with, such as the name of a file.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If a run is impossible.
    """
    configs = list(configs)
    # Whether there are enough records does not depend on the seed.
    sizes = {
        (each.dataset, each.n_members, each.n_population, each.defence.on_public_records): each for each in configs
    }
    try:
        for config in sizes.values():
            draw_parts(_seen(config.dataset)[0], config)
        for config in configs:
            _, x, image_shape = _seen(config.dataset)
            if image_shape is None:
                config.defence.features(x, image_shape=None)  # refuses if it needs images
    except (FileNotFoundError, TypeError, ValueError) as error:
        raise type(error)(f"{where}{error}") from error


@cache
def _seen(dataset: str) -> tuple[torch.Tensor, torch.Tensor, tuple[int, ...] | None]:
    """Return labels, one record and the shape of the images of a data set, and forget the rest."""
    data = load(dataset)
    return data.y, data.x[:1].clone(), data.image_shape  # a view would keep all records in memory


def _all_of(kind: type, given: Any, where: str) -> list[Any]:
    """Return the objects of a class whose fields have all combinations of the given values.

    Parameters
    ----------
    kind : type
        A dataclass.
    given : object
        Should be a mapping from the names of its fields to one value or a list of them.
    where : str
        Where it stands, for messages.
    """
    known = {each.name: each for each in fields(kind) if each.init}
    if not isinstance(given, dict):
        raise TypeError(f"{where}: {short(given)} must be a mapping of fields ({', '.join(known)}) to values.")
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"{where}: there is no field {unknown[0]!r}; the fields are {', '.join(known) or 'none'}.")
    lacking = [
        name
        for name, each in known.items()
        if name not in given and each.default is MISSING and each.default_factory is MISSING
    ]
    if lacking:
        raise ValueError(f"{where}: {lacking[0]} must be given.")
    hints = typing.get_type_hints(kind)
    values = {name: _values(hints[name], name, value, f"{where}: {name}") for name, value in given.items()}
    size = math.prod(len(each) for each in values.values())
    if size > MOST_RUNS:
        raise ValueError(f"{where} asks for {shortened(size)} combinations, but may ask for {MOST_RUNS:,}: give fewer.")
    found = []
    for combination in itertools.product(*values.values()):
        try:
            found.append(kind(**dict(zip(values, combination, strict=True))))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{where}: {error}") from error
    return found


def _values(hint: Any, name: str, given: Any, where: str) -> list[Any]:
    """Return the values that a field is to take, from one value or a list of them."""
    several = given if isinstance(given, list) else [given]
    if not several:
        raise ValueError(f"{where} is an empty list: give at least one value, or leave the field out.")
    nested: dict[str, Callable[[Any, str], list[Any]]] = {
        "defence": partial(_named, DEFENCES),
        "trainer": partial(_named, TRAINERS),
        "vae": partial(_all_of, VAESettings),
        "labels": _labels,
        "classifier": partial(_all_of, ClassifierSettings),
    }
    if name in nested:
        return [made for one in several for made in nested[name](one, where)]
    return [_plain(hint, one, where) for one in several]


def _named(kinds: dict[str, type], given: Any, where: str) -> list[Any]:
    """Return the objects that a name, or a mapping of names to fields, stands for."""
    if not given or not isinstance(given, dict | str):
        raise TypeError(
            f"{where} must be a name of {', '.join(kinds)}, or a mapping of one to fields, not {short(given)}."
        )
    wanted = given if isinstance(given, dict) else {given: None}
    unknown = [name for name in wanted if name not in kinds]
    if unknown:
        raise ValueError(f"{where}: there is no {unknown[0]!r}; choose of {', '.join(kinds)}.")
    made = []
    for name, chosen in wanted.items():
        made += _all_of(kinds[name], {} if chosen is None else chosen, f"{where} {name}")
    return made


def _labels(given: Any, where: str) -> list[RandomisedResponse | None]:
    """Return kinds of noise for labels from a mapping of its fields; null stands for none."""
    return [None] if given is None else _all_of(RandomisedResponse, given, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    """Return the value of a field if it is of its type and not out of all range; a whole number may stand for a float.

    What else is impossible, the class that the field belongs to knows.
    """
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) not in allowed:
        words = " or ".join(WORDS[kind] for kind in allowed)
        raise TypeError(f"{where} must be {words}, not {short(value)}.")
    if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{where} must be finite and not negative, not {value!r}.")
    return value


# Configurations in the results file


def config_of(row: dict[str, Any]) -> Config:
    """Return the configuration that a row of the results file tells of."""
    defence = dict(row["defence"])
    kind = DEFENCES[defence.pop("name")]
    if "trainer" in defence:
        trainer = dict(defence["trainer"])
        defence["trainer"] = TRAINERS[trainer.pop("name")](**trainer)
    if "vae" in defence:
        defence["vae"] = VAESettings(**defence["vae"])
    if defence.get("labels") is not None:
        defence["labels"] = RandomisedResponse(**defence["labels"])
    return Config(**{**row, "defence": kind(**defence), "classifier": ClassifierSettings(**row["classifier"])})
