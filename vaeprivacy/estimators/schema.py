"""What is known of a table without its records: kinds of columns, bounds, levels. It stands in a YAML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from vaeprivacy.checks import check_choice, check_whole, plain
from vaeprivacy.compute.array_files import naming
from vaeprivacy.compute.files import read_yaml, write_whole

Kind = Literal["number", "integer", "category", "boolean", "date"]
MOST_CELLS = 1024  # into which the range of a number is divided, at most
MOST_LEVELS = 500  # of a category
SECONDS = {"day": 86_400, "second": 1}
SCALE = 10**9  # of nanoseconds in a second


@dataclass(frozen=True)
class ColumnSchema:
    """What is known of one column without a look at the records.

    Attributes
    ----------
    name : str
        Its name in the table.
    kind : {"number", "integer", "category", "boolean", "date"}
        What it holds.
    low, high : float, str or None
        Bounds of a number, or of a date as text (2024-12-31). Values beyond are moved to them.
    decimals : int or None
        Decimal places of a number; None for as many as there are.
    resolution : {"day", "second"}
        What a date is given to.
    levels : tuple
        All answers that a category may have; or, of a boolean, the two words for False and True, if there are any.
    ordered : bool
        Whether the levels have this order.
    other : str or None
        The level that stands for answers outside the list; without one they are refused.
    missing : bool
        Whether a value may be missing.
    from_data : bool
        Whether any of this was read from the records. Then it is a leak that no noise covers.

    Raises
    ------
    TypeError, ValueError
        If one does not fit another.
    """

    name: str
    kind: Kind
    low: float | str | None = None
    high: float | str | None = None
    decimals: int | None = None
    resolution: Literal["day", "second"] = "day"
    levels: tuple[Any, ...] = ()
    ordered: bool = False
    other: Any = None
    missing: bool = False
    from_data: bool = False

    def __post_init__(self) -> None:
        what = f"column {self.name!r}"
        check_choice(self.kind, f"the kind of {what}", get_args(Kind))
        check_choice(self.resolution, f"the resolution of {what}", tuple(SECONDS))
        object.__setattr__(self, "levels", tuple(map(plain, self.levels)))
        for name in ("ordered", "missing", "from_data"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} of {what} must be true or false, not {getattr(self, name)!r}.")
        if self.decimals is not None:
            check_whole(self.decimals, f"decimals of {what}", least=0, most=12)
        if self.kind in ("category", "boolean"):
            self._check_levels(what)
        else:
            self._check_bounds(what)

    def _check_levels(self, what: str) -> None:
        if self.kind == "boolean" and len(self.levels) not in (0, 2):
            raise ValueError(f"{what} is boolean, so its levels are none, or two: the words for false and for true.")
        if self.kind == "category" and not 1 <= len(self.levels) <= MOST_LEVELS:
            raise ValueError(
                f"{what} has {len(self.levels):,} levels; expected 1 to {MOST_LEVELS}: name an identifier or free text "
                "in drop, and put rare answers together under one level (other)."
            )
        if len(set(map(str, self.levels))) < len(self.levels):
            raise ValueError(f"{what} has a level twice; give each once.")
        if self.other is not None and self.other not in self.levels:
            raise ValueError(f"other of {what} is {self.other!r}; expected one of its levels.")

    def _check_bounds(self, what: str) -> None:
        try:
            low, high = self.bounds
        except (TypeError, ValueError) as error:
            expected = "dates such as 2024-12-31" if self.kind == "date" else "numbers"
            raise ValueError(
                f"low and high of {what} are {self.low!r} and {self.high!r}; expected {expected}."
            ) from error
        if not (np.isfinite([low, high]).all() and low <= high and abs(high - low) / (self.step or 1) < 2**52):
            raise ValueError(
                f"low and high of {what} are {self.low!r} and {self.high!r}; expected finite bounds, the low one first."
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value as numbers; of dates, in seconds since 1970."""
        if self.kind == "date":
            return tuple(pd.Timestamp(str(bound)).as_unit("ns").value / SCALE for bound in (self.low, self.high))
        return float(self.low), float(self.high)

    @property
    def step(self) -> float:
        """The distance from one value to the next; 0 for numbers with any decimals."""
        if self.kind == "date":
            return SECONDS[self.resolution]
        return 1.0 if self.kind == "integer" else 0.0 if self.decimals is None else 10.0**-self.decimals

    @property
    def steps(self) -> int:
        """How many values there are between the bounds, both included; 0 for numbers with any decimals."""
        low, high = self.bounds
        return round((high - low) / self.step) + 1 if self.step else 0

    @property
    def cells(self) -> int:
        """Number of cells: one a level or value, or at most 1,024 equal parts of a range. Missing values are none."""
        if self.kind == "boolean":
            return 2
        if self.kind == "category":
            return len(self.levels)
        low, high = self.bounds
        return min(self.steps, MOST_CELLS) if self.step else MOST_CELLS if low < high else 1

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring cells are alike: numbers, dates and ordered levels."""
        return self.kind not in ("category", "boolean") or self.ordered


@dataclass(frozen=True)
class Schema:
    """What is known of a table without its records.

    Attributes
    ----------
    columns : tuple of ColumnSchema
        In the order of the table.

    Raises
    ------
    ValueError
        If two have one name, or there is none.
    """

    columns: tuple[ColumnSchema, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        names = [column.name for column in self.columns]
        if not names:
            raise ValueError("a schema needs at least one column.")
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"the schema has two columns called {twice[0]!r}; give each a name of its own.")

    def __getitem__(self, name: str) -> ColumnSchema:
        return self.columns[self.names.index(name)]

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return [column.name for column in self.columns]

    @property
    def leaks(self) -> tuple[str, ...]:
        """Names of columns whose bounds or levels were read from the records: no guarantee covers these."""
        return tuple(column.name for column in self.columns if column.from_data)

    def declared_public(self) -> "Schema":
        """Return the same schema with no mark of a leak: whoever calls this vouches that all of it is public."""
        return Schema(tuple(replace(column, from_data=False) for column in self.columns))

    def without(self, names: Sequence[str]) -> "Schema":
        """Return the schema of the other columns."""
        return Schema(tuple(column for column in self.columns if column.name not in names))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return it as plain mappings, without what is as by default."""
        return {column.name: _without_defaults(column) for column in self.columns}

    @classmethod
    def from_dict(cls, columns: Mapping[str, Mapping[str, Any]]) -> "Schema":
        """Return the schema that :meth:`to_dict` (or a YAML file) wrote down.

        Raises
        ------
        TypeError, ValueError
            If it is none.
        """
        if not isinstance(columns, Mapping):
            raise TypeError("a schema must be a mapping from names of columns to what is known of each.")
        return cls(tuple(_column(name, about) for name, about in columns.items()))


def _without_defaults(column: ColumnSchema) -> dict[str, Any]:
    shown = {field.name: getattr(column, field.name) for field in fields(column) if field.name != "name"}
    default = {field.name: field.default for field in fields(column)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in shown.items()
        if name == "kind" or value != default[name]
    }


def _column(name: object, about: object) -> ColumnSchema:
    known = [field.name for field in fields(ColumnSchema) if field.name != "name"]
    if not isinstance(about, Mapping) or "kind" not in about:
        raise ValueError(f"column {name!r} must have a kind: one of {', '.join(get_args(Kind))}.")
    strange = [key for key in about if key not in known]
    if strange:
        raise ValueError(f"column {name!r} has {strange[0]!r}; expected some of {', '.join(known)}.")
    bounds = {key: str(about[key]) for key in ("low", "high") if about["kind"] == "date" and key in about}
    return ColumnSchema(str(name), **(dict(about) | bounds))


def read_schema(path: Path | str) -> Schema:
    """Read a schema from a YAML file: ``columns:``, and below it what is known of each column.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If there is no such file, or it holds no schema; the sentence names the file.
    """
    path = Path(path)
    found = read_yaml(path)
    with naming(path):
        if not isinstance(found, Mapping) or list(found) != ["columns"]:
            raise ValueError("this is no schema; expected 'columns:' and below it a kind for each column.")
        return Schema.from_dict(found["columns"])


HEAD = """\
# What is known of the table without its records. Whoever reads the release may know all of this file.
#
# A column with "from_data: true" was drafted from the records: its bounds, its list of levels, or whether it may lack
# values tell something about single records, and no noise covers that. Replace them by what is known without the
# records (an age is from 0 to 120, a mark from 1 to 6), then delete the line. Only then is a guarantee stated for all.
"""


def write_schema(schema: Schema, path: Path | str) -> None:
    """Write a schema to a YAML file, which is there whole or not at all."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width, yaml.default_flow_style = 120, False

    def write(unfinished: Path) -> None:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(HEAD)
            yaml.dump({"columns": schema.to_dict()}, file)

    write_whole(Path(path), write)
