"""The book's numbered statements and the tests that check them, both read from their sources."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sources import ROOT, chapters, directives, markdown

#: What is proved or cited; a definition or an example needs no test.
KINDS = ("theorem", "proposition", "lemma", "corollary")


class Statement(NamedTuple):
    """A statement's title and the file that holds it."""

    file: str
    title: str


class Marked(NamedTuple):
    """A test function and the file that holds it."""

    file: str
    name: str


def statements(notebooks: Iterable[Path] | None = None) -> dict[str, Statement]:
    """Return the statements of all chapters by their labels; one without a label is an error."""
    found: dict[str, Statement] = {}
    for path in chapters() if notebooks is None else notebooks:
        for kind, title, label in directives(markdown(path)):
            if not kind.startswith("prf:") or (kind := kind.removeprefix("prf:")) not in KINDS:
                continue
            if label is None:
                raise ValueError(f"{path.name}: a {kind} has no label")
            if label in found:
                raise ValueError(f"{path.name}: the label {label} stands here once more")
            found[label] = Statement(path.name, title)
    return found


@cache
def marked(folder: Path = ROOT / "tests") -> dict[str, list[Marked]]:
    """Return, by the label of a statement, the tests that are marked with it."""
    found: dict[str, list[Marked]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue  # Jupyter's checkpoints
        text = path.read_text(encoding="utf-8")
        if "statement(" not in text:
            continue  # to read all of them would take a second
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for label in _marks(node):
                    file = path.relative_to(folder.parent).as_posix()
                    found[label].append(Marked(file, node.name))
    return dict(found)


def _marks(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("statement"):
            yield from (ast.literal_eval(argument) for argument in decorator.args)
