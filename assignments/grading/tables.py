"""Tables (CSV) that people fill in and spreadsheets rewrite: read however they come, added to.

A spreadsheet takes a text that begins like a formula for one, and a text that looks like a number
for that number. So what begins like a formula gets an apostrophe in front, which reading takes
off, and names are compared as the spreadsheet would have changed them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from .files import save
from .submission import decode

GUARDED = ("=", "+", "-", "@", "\t", "\r", "'")
# Spreadsheets keep this many digits of a number, and show fewer with an exponent.
DIGITS_OF_A_SPREADSHEET = 15
MAX_EXPONENT = 308
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
QUOTE = 'write 2.5, or "2,5" with its quotes'
MORE_CELLS = (
    "it has more cells than the first line names; put a text that holds a comma into quotes; "
    f"and of a number, {QUOTE}"
)
Row = dict[str, str]


def plain_number(text: str) -> str:
    """Return a number as Python writes it: ``2½`` and ``2,5`` are ``2.5``."""
    return re.sub(r"^(\d*) *½$", lambda n: f"{n[1] or 0}.5", text.strip()).replace(",", ".")


def guard(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(GUARDED) else text


def unguard(text: str) -> str:
    """Return the text that was guarded."""
    return text[1:] if text.startswith("'") and text[1:].startswith(GUARDED) else text


def write_rows(rows: Iterable[Iterable[object]], delimiter: str = ",") -> str:
    """Return rows as CSV, each text in them guarded."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerows([guard(x) if isinstance(x, str) else x for x in row] for row in rows)
    return buffer.getvalue()


class Table:
    """A table that a person fills in. Rows are added to it and never changed.

    Parameters
    ----------
    path : path
        The file need not exist yet. Its cells are separated by commas, semicolons or tabs, in any
        common encoding, as spreadsheets write it.
    columns : sequence of str
        All that a new file has.
    needed : int
        How many of the columns, from the first on, must be there.

    Attributes
    ----------
    rows : list of dict
        Cells by column, and the number of the row's ``line``.

    Raises
    ------
    SystemExit
        If a column is missing. The file stays as it is.
    """

    def __init__(self, path: Path, columns: Sequence[str], needed: int) -> None:
        self.path = path
        self.text = decode(path.read_bytes())[0].removeprefix("\ufeff") if path.exists() else ""
        self.text = self.text if self.text.strip() else ",".join(columns) + "\n"
        self.delimiter = max(",;\t", key=self.text.splitlines()[0].count)
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter)
        self.rows: list[Row] = []
        try:
            self.header = [name.strip() for name in next(reader)]
            line = reader.line_num + 1
            for cells in reader:
                named = dict(zip(self.header, map(unguard, cells), strict=False))
                row = {column: named.get(column, "") for column in columns} | {"line": str(line)}
                if any(cell.strip() for cell in cells[len(self.header) :]):
                    self.refuse(MORE_CELLS, row)
                if any(cell.strip() for cell in cells):
                    self.rows.append(row)
                line = reader.line_num + 1
        except csv.Error as error:
            self.refuse(f"it cannot be read as a table ({error})")
        if missing := [column for column in columns[:needed] if column not in self.header]:
            self.refuse(
                f"its first line should name {', '.join(columns)}, there is no {', '.join(missing)}"
            )

    def refuse(self, fault: str, row: Row | None = None) -> NoReturn:
        """Stop the run, and say what is to be mended."""
        place = f"{self.path}, line {row['line']}" if row else f"{self.path}"
        raise SystemExit(f"error: {place}: {fault}; mend it and run again")

    def number(self, row: Row, column: str, most: float | None, what: str) -> float:
        """Return the number in a cell; stop the run if there is none from 0 to the most."""
        text = row[column].strip()
        after = dict(pairwise(self.header)).get(column, "")
        if self.delimiter == "," and re.fullmatch(r"\d+", row.get(after, "").strip()):
            self.refuse(f"is {text},{row[after].strip()} one number? {QUOTE}", row)
        try:
            number = float(plain_number(text))
        except ValueError:
            number = -1
        if number >= 0 and number <= (float("inf") if most is None else most):
            return number
        limit = "a number from 0 on" if most is None else f"a number from 0 to {most:g}"
        self.refuse(f"{text!r} for {what} is not {limit}", row)

    def append(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Write the file with more rows below, and make it if it does not exist."""
        cells = [[row.get(column, "") for column in self.header] for row in rows]
        if cells or not self.path.exists():
            end = "" if self.text.endswith("\n") else "\n"
            save(self.path, self.text + end + write_rows(cells, self.delimiter))


def match_names(shown: str, names: Collection[str], written: Collection[str]) -> list[str]:
    """Return the names that a spreadsheet may show so.

    Parameters
    ----------
    shown : str
    names : collection of str
        All that there are.
    written : collection of str
        All that stand in the same column. A name that stands there was left as it is.
    """
    exact = [name for name in (shown, shown.strip()) if name in names][:1]
    alike = [name for name in names if name not in written and shows_as(name, shown.strip())]
    return exact + [name for name in alike if name not in exact]


def shows_as(name: str, shown: str) -> bool:
    """Tell whether a spreadsheet that takes a name for a number may show it so."""
    number, seen = parse_number(name), parse_number(shown)
    if number is None or seen is None:
        return False
    digits = len(seen.normalize().as_tuple().digits)
    rounded = "e" in shown.lower() or digits >= DIGITS_OF_A_SPREADSHEET
    step = Decimal(1).scaleb(seen.adjusted() - digits + 1)
    return abs(number - seen) < step if rounded else number == seen


@lru_cache(10_000)
def parse_number(text: str) -> Decimal | None:
    """Return what a spreadsheet takes for a number as one, or None."""
    text = text.strip().replace(",", ".")
    number = Decimal(text) if NUMBER.fullmatch(text) else None
    return number if number is not None and abs(number.adjusted()) < MAX_EXPONENT else None
