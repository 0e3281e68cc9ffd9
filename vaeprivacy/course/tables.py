"""Tables that people edit: CSV as spreadsheets save it, read and written again without losing a cell."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from vaeprivacy.compute.csv_text import read_csv_text
from vaeprivacy.compute.files import write_whole


@dataclass
class Table:
    """A table of a person; cells stay as they were written.

    Attributes
    ----------
    path : pathlib.Path
        Where it is.
    rows : list of list of str
        All rows, the names of the columns first.
    numbers : list of int
        Lines of the file in which the rows end.
    delimiter, head, newline : str
        Comma, semicolon or tab; what stands before the first row, such as a byte-order mark; the end of a line.
    """

    path: Path
    rows: list[list[str]]
    numbers: list[int] = field(default_factory=list)
    delimiter: str = ","
    head: str = ""
    newline: str = "\n"

    @property
    def columns(self) -> list[str]:
        """Names of the columns in small letters."""
        return [name.strip().lower() for name in self.rows[0]]

    def add_column(self, name: str) -> None:
        """Add a column on the right of all cells, unless there is one of that name."""
        if name not in self.columns:
            width = max(len(row) for row in self.rows)
            self.rows[0] += [""] * (width - len(self.rows[0])) + [name]

    def lines(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the place in `rows` and the cells, by column and without white space around, of each row."""
        for place, row in enumerate(self.rows[1:], start=1):
            if any(cell.strip() for cell in row):
                cells = [cell.strip() for cell in row] + [""] * len(self.columns)
                yield place, dict(zip(self.columns, cells, strict=False))

    def set_cell(self, place: int, column: str, text: str) -> None:
        """Write one cell."""
        row, at = self.rows[place], self.columns.index(column)
        row += [""] * (at + 1 - len(row))
        row[at] = text

    def append(self, cells: dict[str, str]) -> None:
        """Add a row of these cells, by column."""
        self.rows.append([cells.get(name, "") for name in self.columns])

    def where(self, place: int) -> str:
        """Return the file and the line of a row, for a sentence about it."""
        return f"{self.path.name}, line {self.numbers[place] if place < len(self.numbers) else place + 1}"

    def write(self) -> None:
        """Write it in the form in which it was read, whole or not at all, unless the file has it already."""
        content = (self.head + as_csv(self.rows, self.delimiter, self.newline)).encode()
        if not self.path.is_file() or self.path.read_bytes() != content:
            write_whole(self.path, lambda unfinished: unfinished.write_bytes(content))


def as_csv(rows: Iterable[Iterable[object]], delimiter: str = ",", newline: str = "\n") -> str:
    """Return rows as CSV."""
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=newline).writerows(rows)
    return file.getvalue()


def read_table(path: Path, *, columns: Sequence[str]) -> Table:
    """Read a table that a person, or a spreadsheet, has written.

    Parameters
    ----------
    path : pathlib.Path
        A CSV file in UTF-8 or UTF-16, with or without a byte-order mark, with commas, semicolons or tabs.
    columns : sequence of str
        Names that the first line must have, among others.

    Raises
    ------
    ValueError
        If it cannot be read, or a column is missing or there twice.
    """
    found = read_csv_text(path)
    lines = list(found.rows()) or [(1, [])]
    numbers, rows = [number for number, _ in lines], [row for _, row in lines]
    table = Table(path, rows, numbers, found.delimiter, found.head, found.newline)
    _check_columns(table, columns)
    return table


def _check_columns(table: Table, columns: Sequence[str]) -> None:
    """Refuse a table without some columns, or with one of them twice."""
    for name in columns:
        if table.columns.count(name) != 1:
            raise ValueError(
                f"{table.path}: the first line must name {', '.join(columns)} once each, "
                f"with commas, semicolons or tabs between, and is {table.delimiter.join(table.rows[0])[:200]!r}."
            )


def number_in(text: str, *, most: float, where: str) -> float | None:
    """Return a number that a person wrote, with a point or a comma in it; none if the cell is empty.

    Raises
    ------
    ValueError
        If it is no number from 0 to `most`.
    """
    try:
        found = float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError:
        raise ValueError(f"{where} has {text!r} where a number from 0 to {most:g} should stand.") from None
    if found is not None and not 0 <= found <= most:
        raise ValueError(f"{where} has {text}, which must be a number from 0 to {most:g}.")
    return found


def same_student(written: str, students: Iterable[str]) -> str | None:
    """Return which of some students a cell means: spreadsheets turn 007 into 7, and 1e5 into 100000."""
    students = list(students)
    if written in students:
        return written
    alike = [each for each in students if _as_number(each) is not None and _as_number(each) == _as_number(written)]
    return alike[0] if len(alike) == 1 else None


def _as_number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
