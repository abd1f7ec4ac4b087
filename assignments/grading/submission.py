"""Reading what a student has handed in, however broken: what can be read is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
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
    if not text.strip():
        return [], [*notes, "the notebook is empty"]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    document = document if isinstance(document, dict) else {}
    if "worksheets" in document:
        return [], [*notes, "the notebook is in an old format: open and save it in Jupyter Lab"]
    entries = document.get("cells")
    if not isinstance(entries, list):
        entries = whole_entries(text)
        notes.append(f"the notebook is broken, {len(entries)} cells could be read")
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


def clean(text: str) -> str:
    """Return a text without what no file can hold."""
    return text.encode("utf-8", "replace").decode()


def as_cell(entry: Any) -> Cell | None:
    """Return a cell, or nothing where the entry has no text."""
    try:
        source = entry["source"]
        source = source if isinstance(source, str) else "".join(source)
        meta = entry.get("metadata")
        nbgrader = meta.get("nbgrader") if isinstance(meta, dict) else None
        name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
        name = clean(name) if isinstance(name, str) else None
        return Cell(clean(str(entry["cell_type"])), clean(source), name)
    except (KeyError, TypeError, AttributeError):
        return None


def compare(
    cells: Sequence[Cell], original: Sequence[Cell], given: Container[str]
) -> tuple[list[Cell], list[str]]:
    """Return the cells as they are to be graded, and what was done to them.

    Of copies, the first alone keeps its name. What was handed out is ``original``, hidden tests and
    solutions included; cells of code that students were given, and not to change, are put back.
    """
    kept: list[Cell] = []
    seen: dict[str | None, Cell] = {}
    done: dict[str, list[str]] = {}
    for cell in cells:
        if cell.name and cell.name in seen:
            done.setdefault("copied", []).append(cell.name)
            cell = replace(cell, name=None)
        elif cell.name:
            seen[cell.name] = cell
        kept.append(cell)
    back = []
    for cell in original:
        found, name = seen.get(cell.name), cell.name or ""
        lost = found is None or found.kind != cell.kind
        if lost and name in given:
            done.setdefault("put back", []).append(name)
            back.append(cell)
        elif found is None:
            done.setdefault("deleted", []).append(name)
        elif lost:
            done.setdefault(f"turned into {found.kind}", []).append(name)
        elif is_check(cell) and shown(found) != shown(cell):
            done.setdefault("edited, the original is used", []).append(name)
    return back + kept, [f"{what}: {', '.join(names)}" for what, names in done.items()]


def shown(cell: Cell) -> str:
    """Return what students see of a cell of checks."""
    return HIDDEN.sub("", cell.source).strip()


def is_check(cell: Cell) -> bool:
    """Tell whether a cell holds the checks of an item."""
    return bool(cell.name and cell.name.startswith("check-"))


@dataclass(frozen=True)
class Found:
    """The notebook of a student, if there is one, and in words what there was to choose from."""

    path: Path | None
    notes: tuple[str, ...] = ()


def find(folder: Path, assignment: str) -> dict[str, Found]:
    """Return what each student has handed in.

    A student is a notebook (``ada.ipynb``) or a folder, in which a notebook of the assignment's
    name counts (``ada/losses/losses.ipynb``; the least deep one), or else the only one there is.
    """
    found: dict[str, Found] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: (not entry.is_dir(), entry.name)):
        name = clean(entry.name)
        if name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            found[name] = choose(entry, assignment)
        elif entry.suffix.lower() == ".ipynb":
            stem = clean(entry.stem)
            path = entry if entry.is_file() else None
            found[name if stem in found else stem] = Found(path)
    return found


def choose(folder: Path, assignment: str) -> Found:
    """Return the notebook that counts of those in a student's folder."""
    inside = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == ".ipynb" and path.is_file() and not hidden(path, folder)
    ]
    inside.sort(key=lambda path: (len(path.parts), path.name != f"{assignment}.ipynb", path.name))
    named = [path for path in inside if path.stem.lower().startswith(assignment.lower())]
    candidates = named or inside
    others = ", ".join(clean(str(path.relative_to(folder))) for path in candidates)
    if not candidates:
        return Found(None)
    if not named and len(inside) > 1:
        return Found(None, (f"which of them counts? {others}",))
    notes = (f"of {others} the first was graded",) if len(candidates) > 1 else ()
    return Found(candidates[0], notes)


def hidden(path: Path, folder: Path) -> bool:
    """Tell whether a file is no work of the student's."""
    return any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)
