"""Finding and reading what a student has handed in, however broken: what can be read is kept."""

from __future__ import annotations

import ast
import json
import re
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "source"
HIDDEN_TESTS = re.compile(
    r"^ *### BEGIN HIDDEN TESTS\n.*?### END HIDDEN TESTS\n?", re.DOTALL | re.M
)
MAX_BYTES = 2**30


@dataclass(frozen=True)
class Cell:
    """One cell: its kind (``code``, ``markdown``), its text and what nbgrader calls it."""

    kind: str
    source: str
    name: str | None


def read_notebook(submission: Submission) -> tuple[list[Cell], list[str]]:
    """Return the cells that can be read, and in words what is wrong with the notebook."""
    path = submission.path
    assert path
    try:
        size = len(submission.data) if submission.data is not None else path.stat().st_size
        if size > MAX_BYTES:
            return [], [f"{path.name} has {size / 2**30:.1f} GiB: not read"]
        text, notes = decode(submission.read())
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
        entries = parse_whole_entries(text)
        notes.append(f"the notebook is broken, {len(entries)} cells could be read")
    cells = [cell for cell in map(parse_cell, entries) if cell]
    if len(cells) < len(entries):
        notes.append(f"{len(entries) - len(cells)} entries of the notebook are no cells")
    return cells, notes


def decode(data: bytes) -> tuple[str, list[str]]:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, or else in Windows' cp1252."""
    encoding: str = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = data.decode(encoding, errors="replace")
    notes = [] if encoding.startswith("utf-8") else [f"the notebook is in {encoding}, not UTF-8"]
    return text, notes


def parse_whole_entries(text: str) -> list[Any]:
    """Return the entries of the list of cells, up to the first that is cut off or broken."""
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


def replace_surrogates(text: str) -> str:
    """Return a text with "?" in place of characters that UTF-8 cannot hold (lone surrogates)."""
    return text.encode("utf-8", "replace").decode()


def parse_cell(entry: Any) -> Cell | None:
    """Return a cell, or None where the entry is not one."""
    try:
        source = entry["source"]
        source = source if isinstance(source, str) else "".join(source)
        meta = entry.get("metadata")
        nbgrader = meta.get("nbgrader") if isinstance(meta, dict) else None
        name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
        name = replace_surrogates(name) if isinstance(name, str) else None
        return Cell(replace_surrogates(str(entry["cell_type"])), replace_surrogates(source), name)
    except (KeyError, TypeError, AttributeError):
        return None


def restore_cells(
    cells: Sequence[Cell], originals: Sequence[Cell], provided: Container[str]
) -> tuple[list[Cell], list[str]]:
    """Return the cells as they are to be graded, and in words what was done to them.

    Parameters
    ----------
    cells : sequence of Cell
        What the student has handed in. Of cells with the same name, only the first keeps it.
    originals : sequence of Cell
        The assignment's source, with hidden tests and solutions.
    provided : container of str
        Names of the code cells that students were not to change. Where one is missing, the
        original is put in front.
    """
    kept: list[Cell] = []
    by_name: dict[str | None, Cell] = {}
    changes: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        if cell.name and cell.name in by_name:
            changes["copied"].append(cell.name)
            kept.append(replace(cell, name=None))
            continue
        if cell.name:
            by_name[cell.name] = cell
        kept.append(cell)
    restored = []
    for original in originals:
        name, submitted = original.name or "", by_name.get(original.name)
        lost = submitted is None or submitted.kind != original.kind
        if lost and name in provided:
            changes["put back"].append(name)
            restored.append(original)
        elif submitted is None:
            changes["deleted"].append(name)
        elif lost:
            changes[f"turned into {submitted.kind}"].append(name)
        elif is_check(original) and visible_source(submitted) != visible_source(original):
            changes["edited, the original is used"].append(name)
    return restored + kept, [f"{what}: {', '.join(names)}" for what, names in changes.items()]


def visible_source(cell: Cell) -> str:
    """Return the part of a cell of checks that students see."""
    return HIDDEN_TESTS.sub("", cell.source).strip()


def is_check(cell: Cell) -> bool:
    """Tell whether a cell holds the checks of an item."""
    return bool(cell.name and cell.name.startswith("check-"))


@dataclass(frozen=True)
class Submission:
    """The path of a student's notebook, or None, and in words what there was to choose from."""

    path: Path | None
    notes: tuple[str, ...] = ()
    data: bytes | None = None

    def read(self) -> bytes:
        """Return the bytes of the notebook."""
        assert self.path
        return self.path.read_bytes() if self.data is None else self.data


def find_submissions(folder: Path, assignment: str) -> dict[str, Submission]:
    """Return the submission of each student.

    A student is a notebook (``ada.ipynb``) or a folder. In a folder, the notebook with the name of
    the assignment counts (of several, the one in the fewest folders: ``ada/losses.ipynb``), or else
    the only one there is.
    """
    submissions: dict[str, Submission] = {}
    # Folders come first: of ada/ and ada.ipynb, the notebook gets the longer name.
    for entry in sorted(folder.iterdir(), key=lambda path: (not path.is_dir(), path.name)):
        name = replace_surrogates(entry.name)
        if name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            submissions[name] = choose_notebook(entry, assignment)
        elif entry.suffix.lower() == ".ipynb":
            stem = replace_surrogates(entry.stem)
            path = entry if entry.is_file() else None
            submissions[name if stem in submissions else stem] = Submission(path)
    return submissions


def choose_notebook(folder: Path, assignment: str) -> Submission:
    """Return the submission in a student's folder: of its notebooks, the one that counts."""
    notebooks = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() == ".ipynb" and path.is_file() and not is_hidden(path, folder)
    ]
    notebooks.sort(
        key=lambda path: (len(path.parts), path.name != f"{assignment}.ipynb", path.name)
    )
    named = [path for path in notebooks if path.stem.lower().startswith(assignment.lower())]
    candidates = named or notebooks
    names = ", ".join(replace_surrogates(str(path.relative_to(folder))) for path in candidates)
    if not candidates:
        return Submission(None)
    if not named and len(notebooks) > 1:
        return Submission(None, (f"which of them counts? {names}",))
    notes = (f"of {names} the first was graded",) if len(candidates) > 1 else ()
    return Submission(candidates[0], notes)


def is_hidden(path: Path, folder: Path) -> bool:
    """Tell whether a file of the folder is an editor's or a system's, and not the student's."""
    return any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)


def to_python(source: str) -> tuple[str, list[str]]:
    """Return a cell's code as Python, of IPython's dialect if need be, and what cannot be read."""
    try:
        ast.parse(source)
        return source, []
    except SyntaxError:
        pass
    from IPython.core.inputtransformer2 import TransformerManager

    source = TransformerManager().transform_cell(source)
    try:
        ast.parse(source)
        return source, []
    except SyntaxError as error:
        return "", [f"SyntaxError: {error.msg} in line {error.lineno}"]
