"""Tables of people as text: CSV as spreadsheets save it, in whatever encoding, with whatever stands between cells."""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DELIMITERS = (",", ";", "\t")
NOT_READ = "{path} cannot be read as CSV: save it as 'CSV UTF-8' in your spreadsheet."


@dataclass(frozen=True)
class CsvText:
    """What a file of CSV holds, and how it is written.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    text : str
        Its lines.
    head : str
        What stands before them: a byte-order mark, a line such as ``sep=;``, both, or nothing.
    delimiter, newline : str
        Comma, semicolon or tab; the end of a line.
    """

    path: Path
    text: str
    head: str
    delimiter: str
    newline: str

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cells of each row, with the line of the file in which it ends.

        Raises
        ------
        ValueError
            If that cannot be told.
        """
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        try:
            for row in reader:
                yield self.head.count("\n") + reader.line_num, row
        except csv.Error:
            raise ValueError(NOT_READ.format(path=self.path)) from None


def read_csv_text(path: Path) -> CsvText:
    """Read the text of a CSV file in UTF-8 or, if a byte-order mark says so, UTF-16.

    Raises
    ------
    ValueError
        If it is in another encoding, or no text.
    """
    content = path.read_bytes()
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    head = "\ufeff" if utf16 or content.startswith(codecs.BOM_UTF8) else ""
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(NOT_READ.format(path=path))
    newline = "\r\n" if "\r\n" in text else "\n"
    first, end, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        return CsvText(path, rest, head + first + end, first[4], newline)
    names = text.lstrip().partition("\n")[0]
    return CsvText(path, text, head, max(DELIMITERS, key=names.count), newline)
