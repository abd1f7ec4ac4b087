"""Steps of nbgrader's autograder that grade as this package does: nbgrader runs no submission."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution

from .grade import complete_cells, grade_notebook, load_rubric
from .rubric import Outcome
from .submission import Cell


class DropCopies(NbGraderPreprocessor):  # type: ignore[misc]
    """Replaces nbgrader's ``DeduplicateIds``, which leaves a copy that the next step fails on."""

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Remove the metadata of nbgrader from copies of a cell."""
        seen = set()
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in seen:
                del cell.metadata["nbgrader"]
            elif name:
                seen.add(name)
        return notebook, resources


class GradeSubmission(NbGraderPreprocessor):  # type: ignore[misc]
    """Replaces nbgrader's ``Execute``: each test cell gets its points as output."""

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Grade a notebook and write the outcome of each item below its test cell."""
        rubric = load_rubric(resources["nbgrader"]["assignment"])
        cells = [
            Cell(cell.cell_type, cell.source, cell.metadata.get("nbgrader", {}).get("grade_id"))
            for cell in notebook.cells
        ]
        cells, _ = complete_cells(rubric, cells)
        graded = grade_notebook(rubric, cells, rubric.seconds)
        for note in graded.notes:
            self.log.warning("%s: %s", resources["nbgrader"]["student"], note)
        outcome_of_cell = {f"check-{item}": outcome for item, outcome in graded.outcomes.items()}
        for cell in notebook.cells:
            if is_grade(cell) and not is_solution(cell):
                cell.outputs = cell_outputs(outcome_of_cell[cell.metadata.nbgrader.grade_id])
        return notebook, resources


def cell_outputs(outcome: Outcome) -> list[NotebookNode]:
    """Return the outcome in words, and its points where nbgrader looks for them."""
    points = {"text/plain": f"{float(outcome.earned)}"}
    return [
        new_output("stream", name="stdout", text=f"{outcome}\n"),
        new_output("execute_result", data=points, execution_count=None),
    ]
