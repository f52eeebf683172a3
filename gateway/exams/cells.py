"""Text files as tables: which character separates the cells, what the columns are called, and the rows.

Theory of operation
-------------------
``table`` looks at the first lines.  Cells are separated by a comma, a semicolon, a tab or, where a line has
none of these, by blanks.  Where a semicolon or a tab separates, a comma inside a number is its decimal point,
as spreadsheets write it in French or German.  The first row names the columns; a file without such a row has
its names stated.  Rows come one at a time, so that a long file is never in memory twice.  A last row that was
cut off is left out; any other row of another width is refused with its number.

Bytes are UTF-8, or UTF-16 where they begin with its mark.  A file with zero bytes is no text and is refused.
"""

import csv
import io
import math
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, filterfalse
from typing import NamedTuple

from gateway.exams.errors import RecordingUnusable

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = ";\t,"


class Table(NamedTuple):
    """Lower-case names of the columns, and the rows below them, each of as many cells."""

    name: str
    header: list[str]
    rows: Iterator[list[str]]
    decimal_comma: bool

    def number(self, cell: str) -> float:
        """The number in a cell; NaN where there is none."""
        try:
            return float(cell.replace(",", ".") if self.decimal_comma else cell)
        except ValueError:
            return math.nan

    def numbers(self, cells: Collection[str]) -> list[float]:
        """The numbers of a column; fast where all of them are."""
        try:
            return list(map(float, cells))
        except ValueError:
            return list(map(self.number, cells))


def text_of(name: str, data: bytes) -> str:
    """These bytes as text. Raises ``RecordingUnusable`` where they are none."""
    if data.startswith(_UTF_16):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:4096]:
        raise RecordingUnusable(name, "not a text file: export it as comma-separated values (CSV)")
    return data.decode("utf-8-sig", errors="replace")


def table(name: str, text: str, stated_header: Sequence[str] = ()) -> Table:
    """The table in this text. Raises ``RecordingUnusable``: empty, no header, a row of another width."""
    lines = _lines(text)
    first = next(lines, "")
    separator = _separator(first)
    rows = _split(name, chain((first,), lines), separator)
    header = [cell.strip() for cell in next(rows, [])]
    if not header:
        raise RecordingUnusable(name, "no header with samples below it: the file is empty")
    decimal_comma = separator in ("\t", ";")
    if stated_header:
        return _stated(name, list(stated_header), header, rows, decimal_comma)
    if all(math.isfinite(_plain(cell)) for cell in header):
        text = f"its first row has numbers, not names: name the {len(header)} columns (--header time_s,...)"
        raise RecordingUnusable(name, text)
    return Table(name, [cell.lower() for cell in header], _whole(name, rows, len(header)), decimal_comma)


def _stated(
    name: str, stated: list[str], first: list[str], rows: Iterator[list[str]], decimal_comma: bool
) -> Table:
    if len(stated) != len(first):
        text = f"{len(stated)} names stated for {len(first)} columns: name each ({', '.join(first[:8])} ...)"
        raise RecordingUnusable(name, text)
    if not any(math.isfinite(_plain(cell)) for cell in first):
        raise RecordingUnusable(
            name, f"it has a header of its own ({', '.join(first[:8])}): leave out --header"
        )
    both = chain((first,), rows)
    return Table(
        name, [cell.strip().lower() for cell in stated], _whole(name, both, len(stated)), decimal_comma
    )


def _lines(text: str) -> Iterator[str]:
    """One line after the other, without empty ones."""
    return filterfalse(str.isspace, io.StringIO(text, newline=None))


def _separator(line: str) -> str:
    counts = {one: line.count(one) for one in _SEPARATORS}
    best = max(counts, key=lambda one: counts[one])
    return best if counts[best] else (" " if len(line.split()) > 1 else ",")


def _split(name: str, lines: Iterator[str], separator: str) -> Iterator[list[str]]:
    if separator == " ":
        yield from (line.split() for line in lines)
        return
    try:
        yield from csv.reader(lines, delimiter=separator)
    except csv.Error as error:
        raise RecordingUnusable(name, f"not a table ({error}): export it as CSV again") from error


def _plain(cell: str) -> float:
    try:
        return float(cell.replace(",", "."))
    except ValueError:
        return math.nan


def _whole(name: str, rows: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    """All rows of the header's width; a last one that was cut off is left out."""
    number, waiting = 1, None
    for number, row in enumerate(rows, 2):
        if waiting is not None:
            raise RecordingUnusable(name, waiting)
        if len(row) == width:
            yield row
            continue
        waiting = f"row {number} has {len(row)} cells, its header {width}: correct it"
        if len(row) > width:
            raise RecordingUnusable(name, waiting)
