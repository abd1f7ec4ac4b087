"""Finding and reading what a student has handed in, however broken: what can be read is kept."""

from __future__ import annotations

import ast
import errno
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "source"
MAX_BYTES = 2**27
NOT_READ = "a link to another place is not read"
# How other files begin that are handed in under the name of a notebook.
OTHER_FILES = {
    b"PK\x03\x04": "a zip archive (or an Office document): unpack it",
    b"\x1f\x8b": "a gzip archive: unpack it",
    b"Rar!": "a RAR archive: unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive: unpack it",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
# Moodle keeps a text in a folder of its own, beside that of the files.
TEXT_OF_MOODLE = re.compile(r"(.*_assignsubmission_)onlinetext(_?)")
# What lies in a student's folder and is no answer.
NO_ANSWER = re.compile(r"README.*|.*\.(ipynb|py|pyc)", re.IGNORECASE)
MAX_BESIDE = 20
# So often may a broken file be read in vain, on average, in search of its cells.
MOST_READINGS = 50
DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook.

    Attributes
    ----------
    kind : str
        ``code``, ``markdown`` or ``raw``. What could be saved of a broken cell is ``raw``.
    source : str
    name : str or None
        What nbgrader calls the cell.
    number : int or None
        Its place in the notebook, from 1 on; None for a cell that is not the student's.
    key : str or None
        The ``id`` that Jupyter gives to a cell. Editors keep it where they drop the name.
    attachments : mapping of str to str
        Data URIs of its pictures, by name, as they came: attached, or drawn by the cell.
    """

    kind: str
    source: str
    name: str | None
    number: int | None = None
    key: str | None = None
    attachments: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"the cell {self.name}" if self.name else f"cell {self.number}"


@dataclass(frozen=True)
class Submission:
    """A student's notebook, and in words what there was to choose from.

    Attributes
    ----------
    path : path or None
    notes : tuple of str
    data : bytes or None
        What the notebook holds. It is read in place of ``path``, so that a submission can travel
        to another machine.
    beside : tuple of str
        The names of what else was handed in, which no program reads.
    """

    path: Path | None
    notes: tuple[str, ...] = ()
    data: bytes | None = None
    beside: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Return the bytes of the notebook, none if there is no notebook.

        Raises
        ------
        OSError
            If it cannot be read, or is too large to be one.
        """
        if self.data is not None or self.path is None:
            return self.data or b""
        size = self.path.stat().st_size
        if size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"it has {size / 2**30:.1f} GiB")
        return self.path.read_bytes()


# --- reading --------------------------------------------------------------------------------------


def read_notebook(submission: Submission) -> tuple[list[Cell], list[str]]:
    """Return the cells that can be read, and in words what is wrong with the notebook."""
    try:
        data = submission.read()
    except OSError as error:
        name = submission.path.name if submission.path else "the notebook"
        return [], [f"{replace_surrogates(name)} cannot be read: {error.strerror}"]
    for opening, what in OTHER_FILES.items():
        if data.startswith(opening):
            return [], [f"the file is no notebook but {what}"]
    text, notes = decode(data)
    if not text.strip():
        return [], [*notes, "the notebook is empty"]
    entries, faults = read_entries(text)
    if not entries and (what := text_kind(text)):
        return [], [*notes, f"the file is no notebook but {what}"]
    notes += faults
    parsed = [parse_cell(entry, number) for number, entry in enumerate(entries, 1)]
    cells = [cell for cell in parsed if cell]
    if len(cells) < len(entries):
        notes.append(f"{len(entries) - len(cells)} entries of the notebook are no cells")
    for place, cell in enumerate(cells):
        source, sides = take_side(cell.source)
        if sides:
            cells[place] = replace(cell, source=source)
            notes.append(f"{cell} holds {sides}")
    return cells, notes


def decode(data: bytes) -> tuple[str, list[str]]:
    """Return the text of a file in UTF-8, UTF-16 or UTF-32, or else in Windows' cp1252."""
    encoding: str = json.detect_encoding(data)
    text = data.decode(encoding, errors="replace")
    beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    # A file in UTF-8 that was cut or damaged is right but for a few characters.
    if encoding.startswith("utf-8") and 2 * text.count("\ufffd") > beyond_ascii:
        encoding = "cp1252"
        text = data.decode(encoding, errors="replace")
    notes = [] if encoding.startswith("utf-8") else [f"the notebook is in {encoding}, not UTF-8"]
    return text.removeprefix("\ufeff"), notes


def text_kind(text: str) -> str:
    """Return in words what a text is that holds no cell, or "" if that cannot be told."""
    opening = text.lstrip()[:1000].lower()
    if opening.startswith(("<!doctype html", "<html")):
        return "a web page"
    if opening.startswith(("{", "[", "null")):
        return ""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    code = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)
    return "Python source" if any(isinstance(node, code) for node in tree.body) else ""


def read_entries(text: str) -> tuple[list[Any], list[str]]:
    """Return the entries of the list of cells, and in words what is wrong with it."""
    notes = []
    upper, sides = take_side(text)
    if sides and "cells" not in parse_document(upper):
        lower, lower_sides = take_side(text, lower=True)
        if "cells" in parse_document(lower):
            upper, sides = lower, lower_sides
    if sides:
        notes.append(f"the notebook holds {sides}")
    document = parse_document(upper)
    if "worksheets" in document:
        notes.append("the notebook is in an old format, and was converted")
    entries = document.get("cells")
    if isinstance(entries, list):
        return entries, notes
    entries = list(find_entries(upper))
    broken = sum(isinstance(entry, str) for entry in entries)
    words = f"the notebook is broken, {len(entries) - broken} cells could be read"
    return entries, [*notes, f"{words}, {broken} in part" if broken else words]


def parse_document(text: str) -> dict[str, Any]:
    """Return a notebook, with the cells of all worksheets in one list; {} if it is broken."""
    try:
        document, _ = DECODER.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    if isinstance(sheets := document.get("worksheets"), list):
        lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
        document["cells"] = [cell for cells in lists if isinstance(cells, list) for cell in cells]
    return document


def take_side(text: str, lower: bool = False) -> tuple[str, str]:
    """Return a text with one side of each of git's conflicts, and in words which side that is."""
    if "<<<<<<< " not in text:
        return text, ""
    kept, names = [], {False: "", True: ""}
    side: bool | None = None  # None outside a conflict
    base = False
    for line in text.splitlines(keepends=True):
        if line.startswith("<<<<<<< "):
            side, base, names[False] = False, False, line[8:].strip()
        elif side is not None and line.startswith("||||||| "):
            base = True
        elif side is not None and line.rstrip() == "=======":
            side, base = True, False
        elif side is not None and line.startswith(">>>>>>> "):
            side, names[True] = None, line[8:].strip()
        elif side is None or (side == lower and not base):
            kept.append(line)
    if not names[False]:
        return text, ""
    taken, left = names[lower], names[not lower]
    return "".join(kept), f"a conflict of git: read was {taken!r}, and not {left!r}"


def find_entries(text: str) -> Iterator[Any]:
    """Yield the cells of a broken notebook, and as plain text what is left of broken ones.

    From the end to the front: a cell whose end is lost would else swallow those behind it.
    """
    found, end, in_vain = [], len(text), 0
    for opening in reversed([match.start() for match in re.finditer(r'\{\s*"', text)]):
        try:
            entry, stop = DECODER.raw_decode(text, opening)
        except RecursionError:  # what is nested so deep is no notebook
            break
        except ValueError as error:
            place = getattr(error, "pos", opening)
            in_vain += place - opening + place // 50  # an error counts the lines above it
            if in_vain > MOST_READINGS * len(text):
                break
            continue
        if stop <= end and is_cell(entry):
            found.append((opening, stop, entry))
            end = opening
    start = 0
    for opening, stop, entry in [*reversed(found), (len(text), len(text), None)]:
        if rest := sources_in(text[start:opening]):
            yield rest
        if entry is not None:
            yield entry
        start = stop


def is_cell(entry: Any) -> bool:
    """Tell whether a piece of JSON is a cell."""
    return isinstance(entry, dict) and "cell_type" in entry and bool({"source", "input"} & {*entry})


def sources_in(text: str) -> str:
    """Return what broken JSON holds as the source of cells."""
    found = []
    literal = re.compile(r'[\s,]*"((?:[^"\\\n]|\\.)*)"?')
    for key in re.finditer(r'"(?:source|input)"\s*:\s*\[?', text):
        place = key.end()
        while match := literal.match(text, place):
            place = match.end()
            if text[place : place + 1] == ":":  # the next key
                break
            found.append(unescape(match[1]))
        found.append("\n")
    return "".join(found).strip()


def unescape(literal: str) -> str:
    """Return what a string of JSON stands for, or the string itself if it is broken."""
    try:
        return str(json.loads(f'"{literal}"', strict=False))
    except ValueError:
        return literal


def replace_surrogates(text: str) -> str:
    """Return a text with "?" in place of characters that UTF-8 cannot hold (lone surrogates)."""
    return text.encode("utf-8", "replace").decode()


def parse_cell(entry: Any, number: int) -> Cell | None:
    """Return a cell, or None where the entry is not one."""
    if isinstance(entry, str):
        return Cell("raw", replace_surrogates(entry), None, number)
    try:
        if "input" in entry or entry["cell_type"] == "heading":
            entry = convert_old_cell(entry)
        source = join_lines(entry["source"])
        kind = entry["cell_type"].lower()
    except (KeyError, TypeError, AttributeError):
        return None
    metadata = entry.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    key = entry.get("id")
    return Cell(
        replace_surrogates(kind),
        replace_surrogates(source).replace("\r\n", "\n"),
        replace_surrogates(name) if name and isinstance(name, str) else None,
        number,
        key if isinstance(key, str) else None,
        dict(parse_attachments(entry.get("attachments"))) | dict(drawings(entry.get("outputs"))),
    )


def join_lines(source: Any) -> str:
    """Return the text of a cell, which JSON holds as a string or as a list of lines."""
    if isinstance(source, str):
        return source
    if not all(isinstance(line, str) for line in source):
        raise TypeError
    # Some programs that write notebooks forget the ends of lines.
    ends = any(line.endswith("\n") for line in source)
    return ("" if ends else "\n").join(source)


def convert_old_cell(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a cell of nbformat 3 as one of today, without outputs."""
    from nbformat import NotebookNode
    from nbformat.v4.convert import upgrade_cell

    text = join_lines(entry["input"] if "input" in entry else entry["source"])
    level = entry.get("level")
    cell = upgrade_cell(
        NotebookNode(
            cell_type=entry["cell_type"],
            source=text,
            input=text,
            level=level if isinstance(level, int) and level in range(1, 7) else 1,
            outputs=[],
        )
    )
    return {**cell, "id": None, "metadata": entry.get("metadata")}


def drawings(outputs: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the data URI of each picture that a cell has drawn."""
    for output in outputs if isinstance(outputs, list) else ():
        bundle = output.get("data") if isinstance(output, dict) else None
        for kind, data in bundle.items() if isinstance(bundle, dict) else ():
            if kind.startswith("image/"):
                yield from parse_attachments({f"the picture below it ({kind})": {kind: data}})


def parse_attachments(attachments: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and the data URI of each attachment of a cell."""
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        for kind, data in bundle.items() if isinstance(bundle, dict) else ():
            if isinstance(data, list) and all(isinstance(line, str) for line in data):
                data = "".join(data)
            if isinstance(data, str):
                yield name, f"data:{kind};base64,{data}"


# --- finding --------------------------------------------------------------------------------------


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
        if entry.is_symlink():
            # It may lead to another's work, or to the solution.
            submissions[name.removesuffix(".ipynb")] = Submission(None, (f"{name}: {NOT_READ}",))
        elif entry.is_dir():
            submission = choose_notebook(entry, assignment)
            text = TEXT_OF_MOODLE.fullmatch(name)
            if text and (file := f"{text[1]}file{text[2]}") in submissions:
                more = submissions[file].beside + submission.beside
                submissions[file] = replace(submissions[file], beside=more)
            else:
                submissions[name] = submission
        elif entry.suffix.lower() == ".ipynb":
            stem = replace_surrogates(entry.stem)
            path = entry if entry.is_file() else None
            submissions[name if stem in submissions else stem] = Submission(path)
    return submissions


def choose_notebook(folder: Path, assignment: str) -> Submission:
    """Return the submission in a student's folder: of its notebooks, the one that counts."""
    files = [path for path in folder.rglob("*") if path.is_file() and not is_hidden(path, folder)]
    notebooks = [path for path in files if path.suffix.lower() == ".ipynb"]
    others = sorted(str(p.relative_to(folder)) for p in files if not NO_ANSWER.fullmatch(p.name))
    beside = tuple(map(replace_surrogates, others[:MAX_BESIDE]))
    linked = [path.name for path in notebooks if not is_within(path, folder)]
    notebooks = [path for path in notebooks if is_within(path, folder)]
    notebooks.sort(
        key=lambda path: (len(path.parts), path.name != f"{assignment}.ipynb", path.name)
    )
    named = [path for path in notebooks if path.stem.lower().startswith(assignment.lower())]
    candidates = named or notebooks
    names = ", ".join(replace_surrogates(str(path.relative_to(folder))) for path in candidates)
    if not candidates:
        notes = tuple(f"{replace_surrogates(name)}: {NOT_READ}" for name in linked)
        return Submission(None, notes, beside=beside)
    if not named and len(notebooks) > 1:
        return Submission(None, (f"which of them counts? {names}",), beside=beside)
    notes = (f"of {names} the first was graded",) if len(candidates) > 1 else ()
    return Submission(candidates[0], notes, beside=beside)


def is_stray(path: Path) -> bool:
    """Tell whether a file among the submissions is no notebook, but may be somebody's work."""
    return path.is_file() and path.suffix.lower() != ".ipynb" and not path.name.startswith(".")


def is_hidden(path: Path, folder: Path) -> bool:
    """Tell whether a file of the folder is an editor's or a system's, and not the student's."""
    return any(part.startswith((".", "__MACOSX")) for part in path.relative_to(folder).parts)


def is_within(path: Path, folder: Path) -> bool:
    """Tell whether a file lies in a folder, and is no link to what lies elsewhere."""
    return path.resolve().is_relative_to(folder.resolve())
