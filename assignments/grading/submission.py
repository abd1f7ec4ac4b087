"""Reading what a student has handed in, however broken: what can be read is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "source"
HIDDEN = re.compile(r"^ *### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS\n?", re.DOTALL | re.M)
LARGEST = 2**30


@dataclass(frozen=True)
class Cell:
    """One cell: its kind (``code``, ``markdown``), its text and what nbgrader calls it."""

    kind: str
    source: str
    name: str | None


def read(path: Path) -> tuple[list[Cell], list[str]]:
    """Return the cells that can be read, and in words what is wrong with the rest."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            return [], [f"{path.name} has {size / 2**30:.1f} GiB: not read"]
        text, notes = decode(path.read_bytes())
    except OSError as error:
        return [], [f"{path.name} cannot be read: {error.strerror}"]
    try:
        document = json.loads(text)
        entries = document["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = whole_entries(text)
        notes.append(
            f"the notebook is broken, {len(entries)} cells could be read"
            if text.strip()
            else "the notebook is empty"
        )
    cells = [cell for entry in entries for cell in [as_cell(entry)] if cell]
    if len(cells) < len(entries):
        notes.append(f"{len(entries) - len(cells)} entries of the notebook are no cells")
    return cells, notes


def decode(data: bytes) -> tuple[str, list[str]]:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, or else in Western Europe's bytes."""
    encoding: str = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = data.decode(encoding, errors="replace")
    notes = [] if encoding.startswith("utf-8") else [f"the notebook is in {encoding}, not UTF-8"]
    return text, notes


def whole_entries(text: str) -> list[Any]:
    """Return the entries of the list of cells, up to the first that is not whole."""
    decoder, entries = json.JSONDecoder(), []
    start = re.search(r'"cells"\s*:\s*\[', text)
    place = start.end() if start else len(text)
    while opening := re.compile(r"[\s,]*(?=\{)").match(text, place):
        try:
            entry, place = decoder.raw_decode(text, opening.end())
        except (ValueError, RecursionError):
            break
        entries.append(entry)
    return entries


def as_cell(entry: Any) -> Cell | None:
    """Return a cell, or nothing where the entry has no text."""
    try:
        source = entry["source"]
        source = source if isinstance(source, str) else "".join(source)
        meta = entry.get("metadata")
        nbgrader = meta.get("nbgrader") if isinstance(meta, dict) else None
        name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
        return Cell(str(entry["cell_type"]), source, name if isinstance(name, str) else None)
    except (KeyError, TypeError, AttributeError):
        return None


def compare(cells: Sequence[Cell], original: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells, of copies the first alone with its name, and what was done to them.

    What was handed out is ``original``, hidden tests and solutions included: the cells that count.
    """
    kept: list[Cell] = []
    seen: dict[str | None, Cell] = {}
    done: dict[str, list[str | None]] = {}
    for cell in cells:
        if cell.name in seen:
            done.setdefault("copied", []).append(cell.name)
            cell = replace(cell, name=None)
        elif cell.name:
            seen[cell.name] = cell
        kept.append(cell)
    for cell in original:
        found = seen.get(cell.name)
        if found is None:
            done.setdefault("deleted", []).append(cell.name)
        elif found.kind != cell.kind:
            done.setdefault(f"turned into {found.kind}", []).append(cell.name)
        elif is_check(cell) and shown(found) != shown(cell):
            done.setdefault("edited, the original is used", []).append(cell.name)
    return kept, [f"{what}: {', '.join(map(str, names))}" for what, names in done.items()]


def shown(cell: Cell) -> str:
    """Return what students see of a cell of checks."""
    return HIDDEN.sub("", cell.source).strip()


def is_check(cell: Cell) -> bool:
    """Tell whether a cell holds the checks of an item."""
    return bool(cell.name and cell.name.startswith("check-"))


def find(folder: Path, assignment: str) -> dict[str, Path | None]:
    """Return the notebook of each student in a folder of submissions, or None.

    A student is a notebook (``ada.ipynb``) or a folder, in which the notebook of the assignment's
    name counts (``ada/losses/losses.ipynb``), or else the only one there is.
    """
    found: dict[str, Path | None] = {}
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            inside = sorted(
                path
                for path in entry.rglob("*.ipynb")
                if ".ipynb_checkpoints" not in path.parts and path.is_file()
            )
            named = [path for path in inside if path.stem == assignment]
            best = named or (inside if len(inside) == 1 else [])
            found[entry.name] = best[0] if best else None
        elif entry.suffix == ".ipynb":
            found[entry.stem] = entry
    return found
