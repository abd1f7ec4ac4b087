"""Exercises and their solutions in the cells of a notebook; ``questions.py`` has a page's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

Cell = dict[str, Any]

# A solution is one directive, or all cells from one that starts it to one that ends it.
_EDGE = re.compile(
    r"^(?P<fence>:{3,}|`{3,})\{solution(?P<edge>-start|-end)?\} *(?P<label>\S*)"
    r"(?P<body>(?s:.*?))\n(?P=fence)[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
_OPTIONS = re.compile(r"\s*(?::[\w-]+:.*\n?)*")


def pieces(cells: Iterable[Cell]) -> Iterator[tuple[str | None, Cell]]:
    """Yield the cells of a notebook, each with the exercise that it solves, or with None.

    A cell of text that holds both comes in pieces. What begins and ends a solution is left out.
    """
    solved: str | None = None
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] != "markdown":
            yield solved, cell
            continue
        after = 0
        for edge in _EDGE.finditer(source):
            yield from _piece(solved, cell, source[after : edge.start()])
            after = edge.end()
            if edge["edge"] is None:
                yield from _piece(edge["label"], cell, _OPTIONS.sub("", edge["body"], count=1))
            else:
                solved = edge["label"] if edge["edge"] == "-start" else None
        yield from _piece(solved, cell, source[after:])


def _piece(solved: str | None, cell: Cell, text: str) -> Iterator[tuple[str | None, Cell]]:
    if text.strip():
        yield solved, cell | {"source": text.strip("\n")}


def without_solutions(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells without what solves an exercise; each keeps its id."""
    kept: list[Cell] = []
    for solved, cell in pieces(cells):
        if solved is not None:
            continue
        if kept and cell.get("id") is not None and kept[-1].get("id") == cell["id"]:
            kept[-1]["source"] += "\n\n" + cell["source"]
        else:
            kept.append(cell)
    return kept


def solutions(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Return by the label of each exercise the cells that solve it."""
    found: dict[str, list[Cell]] = {}
    for solved, cell in pieces(cells):
        if solved is not None:
            found.setdefault(solved, []).append(cell)
    return found
