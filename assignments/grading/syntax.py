"""What can be run of a cell that does not compile, and what a cell defines."""

from __future__ import annotations

import ast
import difflib
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

# What Python says of a statement whose end is still to come: a text or a list over many lines.
UNFINISHED = re.compile(r"never closed|unterminated triple|expected 'except'|unexpected EOF")
MAX_PIECES_OF_STATEMENT = 40
# A cell of more pieces is no program, and would take long to sort.
MAX_PIECES = 1000
# IPython reads a cell anew for each of its own signs.
MAX_TRANSLATED = 10_000
IPYTHON = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$", re.MULTILINE)
DEFINITION = re.compile(r"^ *(?:async +)?(?:def|class) +(\w+)", re.MULTILINE)
ASSIGNMENT = re.compile(r"^(\w+) *(?::[^=\n]*)?=[^=]", re.MULTILINE)


class Fault(NamedTuple):
    """A place where a cell is no Python.

    Attributes
    ----------
    line : int
        From 1 on.
    message : str
        The line's number, what is wrong with it, the line itself, and a mark below the place.
    defines : str or None
        The function or class that should stand there.
    """

    line: int
    message: str
    defines: str | None


def definitions_that_compile(source: str) -> tuple[str, list[Fault]]:
    """Return what can be run of a cell, as plain Python, and what is wrong with the rest.

    Lines keep their numbers. What does not compile is left out, from a line that begins at the
    margin to the next one; what IPython adds to Python (``%time``, ``!ls``) is translated.
    """
    source = source.replace("\r\n", "\n")
    first = find_error(source)
    if first is None:
        return source, []
    python = translate(source)
    if find_error(python) is None:
        return python, []
    pieces = split_pieces(source)
    if len(pieces) > MAX_PIECES:
        return "", [describe(first, source, "")]
    kept: list[str] = []
    faults = []
    while pieces:
        line = sum(piece.count("\n") for piece in kept)
        count, piece = next_statement(pieces)
        error = find_error("\n" * line + piece)
        if error:
            faults.append(describe(error, source, pieces[0]))
            piece = "\n" * pieces[0].count("\n")
        kept.append(piece)
        del pieces[:count]
    # Some statements are wrong only where they stand.
    while error := find_error("".join(kept)):
        number = find_piece(kept, error.lineno or 1)
        faults.append(describe(error, source, kept[number]))
        kept[number] = "\n" * kept[number].count("\n")
    return "".join(kept), sorted(faults)


def find_error(source: str) -> SyntaxError | None:
    """Return why a source does not compile, or None if it does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of "\d": they are no matter of grading
            compile(source, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        return SyntaxError(str(error) or "too complicated")
    return None


def translate(source: str) -> str:
    """Return Python for what is written in IPython's dialect; it may still be wrong."""
    if len(source) > MAX_TRANSLATED or not IPYTHON.search(source):
        return source
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        python = str(TransformerManager().transform_cell(source))
    except (SyntaxError, ValueError, IndexError, RecursionError):
        return source
    return python if source.endswith("\n") else python.removesuffix("\n")


def split_pieces(source: str) -> list[str]:
    """Split a source before each line that begins at the margin and goes on with nothing."""
    pieces = [""]
    decorated = False
    for line in source.splitlines(keepends=True):
        at_margin = line[0] not in " \t\f\r\n#)]}"
        continues = re.match(r"(else|elif|except|finally)\b", line)
        if at_margin and not continues and not decorated:
            pieces.append("")
        decorated = line.startswith("@") or (decorated and not at_margin)
        pieces[-1] += line
    return [piece for piece in pieces if piece]


def next_statement(pieces: list[str]) -> tuple[int, str]:
    """Return how many of the pieces make a statement that compiles, and the statement.

    If none of them do, it is the first piece.
    """
    for count in range(1, min(len(pieces), MAX_PIECES_OF_STATEMENT) + 1):
        joined = "".join(pieces[:count])
        error = find_error(joined)
        if error is None:
            return count, joined
        python = translate(joined)
        if python.count("\n") == joined.count("\n") and find_error(python) is None:
            return count, python
        if not UNFINISHED.search(error.msg):
            break
    return 1, pieces[0]


def find_piece(pieces: list[str], line: int) -> int:
    """Return which piece holds a line."""
    for number, piece in enumerate(pieces):
        line -= piece.count("\n")
        if line <= 0 and piece.strip():
            return number
    return max(number for number, piece in enumerate(pieces) if piece.strip())


def describe(error: SyntaxError, source: str, piece: str) -> Fault:
    """Return an error as a student can find it."""
    line = error.lineno or 1
    lines = source.split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    indent = len(text) - len(text.lstrip())
    place = min(max(0, (error.offset or 1) - 1 - indent), 200)
    what = f"SyntaxError in line {line}: {error.msg}"
    message = f"{what}\n    {text.strip()[:200]}\n    {' ' * place}^"
    definition = DEFINITION.search(piece)
    return Fault(line, message, definition[1] if definition else None)


# --- names ----------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def defined_names(source: str) -> Mapping[str, ast.stmt]:
    """Return the functions, classes and variables that a cell defines, each with its statement."""
    python, _ = definitions_that_compile(source)
    found: dict[str, ast.stmt] = {}
    for statement in parse(python).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            targets = [target for target in statement.targets if isinstance(target, ast.Name)]
            found |= {target.id: statement for target in targets}
    return found


def parse(python: str) -> ast.Module:
    """Return the tree of what :func:`definitions_that_compile` has let pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(python)


def renamed(name: str, source: str, given: str = "") -> str:
    """Return in words what a cell defines in place of the asked name, or "" if that is not so.

    Parameters
    ----------
    name : str
        The asked name.
    source : str
        The cell's.
    given : str
        What stood in the cell before: of several definitions, the one with its arguments is meant.
    """
    found = {
        other: ast.unparse(statement.args)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
        else ""
        for other, statement in defined_names(source).items()
        if not isinstance(statement, ast.Assign)
    }
    if not found or name in defined_names(source):
        return ""
    asked = defined_names(given).get(name)
    arguments = ast.unparse(asked.args) if isinstance(asked, ast.FunctionDef) else None
    alike = [other for other in found if found[other] == arguments] or [*found]
    closest = difflib.get_close_matches(name, alike, 1, 0) or alike
    return f"the cell defines `{closest[0]}`; the name asked for is `{name}`"
