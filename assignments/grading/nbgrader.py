"""Steps of nbgrader that read and grade as this package does: nbgrader runs no submission."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution

from .answers import answer_cells, checked_picture, content, own_texts
from .cells import TEXT_STUB, name_cells
from .files import class_seed
from .grade import grade_submission, load_rubric
from .rubric import Rubric
from .submission import SOURCE, Cell, Submission, read_notebook

BOOK = SOURCE.parent.parent
CHAPTER = re.compile(r"\]\((?:\.\./)+(chapters/\w+)\.ipynb(#[\w-]+)?\)")
NEW_CELL: dict[str, Any] = {"code": new_code_cell, "markdown": new_markdown_cell}
Step = tuple[NotebookNode, dict[str, Any]]


class LinkChapters(NbGraderPreprocessor):  # type: ignore[misc]
    """Lets the links to chapters lead to where the book is read, if ``_config.yml`` says where."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict[str, Any], index: int) -> Step:
        """Write the address of the book into the links of a text."""
        if cell.cell_type == "markdown":
            cell.source = link_chapters(cell.source, book_address())
        return cell, resources


def book_address(config: Path = BOOK / "_config.yml") -> str:
    """Return where the book is read, or "" if that is not settled."""
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else {}
    return str((settings.get("html") or {}).get("baseurl") or "").rstrip("/")


def link_chapters(text: str, address: str) -> str:
    """Return a text whose links to chapters lead to their pages at an address."""
    return CHAPTER.sub(rf"]({address}/\1.html\2)", text) if address else text


class SubmissionExporter(NotebookExporter):
    """Reads a submission as ``make grade`` does: nbgrader gets each cell by its name."""

    def from_file(self, file_stream: Any, resources: Any = None, **options: Any) -> Any:
        """Convert the notebook of a file, however broken it is."""
        submission = submission_of(self.parent, resources)
        if submission.path != Path(file_stream.name):  # it is nbgrader's own copy
            return super().from_file(file_stream, resources, **options)
        rubric = load_rubric(resources["nbgrader"]["assignment"])
        notebook, notes = complete_notebook(rubric, submission)
        for note in notes:
            self.log.info("%s: %s", resources["nbgrader"]["student"], note)
        return super().from_notebook_node(notebook, resources, **options)  # type: ignore[no-untyped-call]


def submission_of(converter: Any, resources: dict[str, Any]) -> Submission:
    """Return what the student has handed in whose notebook a step of nbgrader works on."""
    about, course = resources["nbgrader"], converter.coursedir
    folder = course.format_path(course.submitted_directory, about["student"], about["assignment"])
    return Submission(Path(folder, f"{about['notebook']}.ipynb"))


def complete_notebook(rubric: Rubric, submission: Submission) -> tuple[NotebookNode, list[str]]:
    """Return a submission with each cell that nbgrader looks for, and in words what was repaired.

    Where an answer's cell is empty, what the student has written elsewhere stands in it.
    """
    cells, faults = read_notebook(submission)
    cells, changes = name_cells(rubric, cells)
    source = nbformat.read(SOURCE / rubric.name / f"{rubric.name}.ipynb", as_version=4)
    originals = {cell_name(cell): cell for cell in source.cells if cell_name(cell)}
    nodes = [as_node(cell, originals.get(cell.name)) for cell in cells]
    put_back(nodes, originals.values(), {item.name for item in rubric.items})
    for number, node in enumerate(nodes, 1):
        node.id = f"cell-{number}"
        if cell_name(node) in rubric.written:
            complete_answer(node, rubric, cells)
    return new_notebook(cells=nodes, metadata=source.metadata), faults + changes


def cell_name(node: NotebookNode) -> str | None:
    """Return what nbgrader calls a cell."""
    name: str | None = node.metadata.get("nbgrader", {}).get("grade_id")
    return name


def as_node(cell: Cell, original: NotebookNode | None) -> NotebookNode:
    """Return a cell as nbgrader is to see it; what students were not to change is the original."""
    if original is None:
        return NEW_CELL.get(cell.kind, new_raw_cell)(source=cell.source)
    node = NEW_CELL[original.cell_type](cell.source)
    if is_locked(original):
        node.source = link_chapters(original.source, book_address())
    node.metadata.nbgrader = original.metadata.nbgrader
    for name, uri in cell.attachments.items() if node.cell_type == "markdown" else ():
        attach(node, name, checked_picture(uri))
    return node


def attach(node: NotebookNode, name: str, picture: str) -> None:
    """Attach a picture, given as a data URI or "", to a text."""
    if picture:
        kind, _, data = picture.removeprefix("data:").partition(";base64,")
        node.setdefault("attachments", {})[name] = {kind: data}


def put_back(
    nodes: list[NotebookNode], originals: Iterable[NotebookNode], items: Container[str | None]
) -> None:
    """Insert the cells that are missing, each behind the one that it had followed.

    A solution that is missing stays so: nbgrader would call it an empty response.
    """
    last = -1
    for original in originals:
        name = cell_name(original)
        place = next((p for p, node in enumerate(nodes) if cell_name(node) == name), None)
        if place is None and name not in items:
            place = last + 1
            nodes.insert(place, as_node(Cell(original.cell_type, "", name), original))
        last = last if place is None else place


def complete_answer(node: NotebookNode, rubric: Rubric, cells: Sequence[Cell]) -> None:
    """Write into an empty answer what the student has written elsewhere."""
    name = cell_name(node) or ""
    if node.source.strip() not in ("", TEXT_STUB) or node.get("attachments"):
        return
    below = answer_cells(rubric, cells, name)[1:]
    found = [{"where": str(cell)} | content("text", [cell]) for cell in below]
    node.source = TEXT_STUB  # as it was given, for nbgrader to see that there is no answer
    for piece in found or own_texts(rubric, cells):
        node.source += f"\n\n*Found in {piece['where']}:*\n\n{piece['text']}"
        for picture in piece["pictures"]:
            label = f"picture-{len(node.get('attachments', ())) + 1}"
            attach(node, label, picture)
            node.source += f"\n\n![{label}](attachment:{label})"


class GradeSubmission(NbGraderPreprocessor):  # type: ignore[misc]
    """Replaces nbgrader's ``Execute``: each test cell gets its points as output."""

    def preprocess(self, notebook: NotebookNode, resources: dict[str, Any]) -> Step:
        """Grade what was handed in and write the outcome of each item below its test cell."""
        about = resources["nbgrader"]
        submission = submission_of(self.parent.parent, resources)
        seed = class_seed(Path(self.parent.parent.coursedir.root))
        result = grade_submission(about["assignment"], submission, seed=seed)
        for note in result["notes"]:
            self.log.warning("%s: %s", about["student"], note)
        items = {f"check-{item['item']}": item for item in result["items"]}
        for cell in notebook.cells:
            if is_grade(cell) and not is_solution(cell):
                cell.outputs = cell_outputs(items[cell.metadata.nbgrader.grade_id])
        return notebook, resources


def cell_outputs(item: dict[str, Any]) -> list[NotebookNode]:
    """Return the outcome of an item in words, and its points where nbgrader looks for them."""
    lines = [f"{item['item']}: {item['earned']} of {item['points']} points", *item["remarks"]]
    for part in item["parts"]:
        lines.append(f"  {part['earned']} of {part['points']}  {part['name']}")
        lines += [f"      {part['message']}"] if part["message"] else []
    points = {"text/plain": f"{float(item['earned'])}"}
    return [
        new_output("stream", name="stdout", text="\n".join(lines) + "\n"),
        new_output("execute_result", data=points, execution_count=None),
    ]
