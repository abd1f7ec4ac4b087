"""The door for nbgrader: its autograder asks the grader's process, and never runs a submission."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution

from .grade import grade_cells, load, prepared
from .rubric import Outcome
from .submission import Cell


class DropCopies(NbGraderPreprocessor):  # type: ignore[misc]
    """In place of nbgrader's ``DeduplicateIds``, after which its next step fails."""

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Take from copies of a cell what nbgrader knows it by."""
        seen = set()
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in seen:
                del cell.metadata["nbgrader"]
            elif name:
                seen.add(name)
        return notebook, resources


class GradeApart(NbGraderPreprocessor):  # type: ignore[misc]
    """In place of nbgrader's ``Execute``: test cells get their points as output."""

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Grade a notebook and write what was found below its test cells."""
        rubric = load(resources["nbgrader"]["assignment"])
        cells = [
            Cell(cell.cell_type, cell.source, cell.metadata.get("nbgrader", {}).get("grade_id"))
            for cell in notebook.cells
        ]
        cells, _ = prepared(rubric, cells)
        outcomes, notes = grade_cells(rubric, cells, rubric.seconds)
        for note in notes:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], note)
        of_cell = {f"check-{outcome.item}": outcome for outcome in outcomes}
        for cell in notebook.cells:
            if is_grade(cell) and not is_solution(cell):
                outcome = of_cell[cell.metadata.nbgrader.grade_id]
                cell.outputs = shown(outcome)
        return notebook, resources


def shown(outcome: Outcome) -> list[NotebookNode]:
    """Return the words and, as nbgrader reads them, the points."""
    text = "\n".join([*(f"earns nothing: {reason}" for reason in outcome.noticed), f"{outcome}\n"])
    points = {"text/plain": f"{float(outcome.earned)}"}
    return [
        new_output("stream", name="stdout", text=text),
        new_output("execute_result", data=points, execution_count=None),
    ]
