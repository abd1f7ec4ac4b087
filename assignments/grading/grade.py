"""Grading one submission, from its notebook to its points.

Read it from top to bottom: a notebook comes in (:func:`grade_submission`), its cells run
(:func:`run_cells`), each item is run and judged (:func:`grade_item`), and the outcomes become a
result that JSON can hold (:func:`item_result`). The student's code runs in a process of its own;
only what it did is judged in this one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from nnlib.check import Raised

from .rubric import Item, Outcome, Rubric, best_outcome
from .runner import NO_RESULT, NotebookRunner
from .submission import SOURCE, Cell, Submission, is_check, read_notebook, restore_cells

# What a written answer's cell holds before a student writes into it.
EMPTY_ANSWERS = {"", "YOUR ANSWER HERE"}
# This much of a cell is kept for the feedback page.
MAX_CHARACTERS = 20_000


def load_rubric(assignment: str) -> Rubric:
    """Return the rubric of an assignment.

    Raises
    ------
    SystemExit
        If there is no such assignment.
    """
    names = sorted(path.stem for path in SOURCE.parent.glob("rubrics/[a-z]*.py"))
    if assignment not in names:
        raise SystemExit(f"error: no assignment {assignment!r}; there are {', '.join(names)}")
    rubric = import_module(f"rubrics.{assignment}").RUBRIC
    assert isinstance(rubric, Rubric)
    return rubric


def grade_submission(
    assignment: str, submission: Submission, seconds: float | None = None
) -> dict[str, Any]:
    """Return the result of a submission, as JSON can hold it.

    Parameters
    ----------
    assignment : str
    submission : Submission
    seconds : float, optional
        Time limit of each cell and each item, in place of the rubric's.
    """
    start = time.monotonic()
    rubric = load_rubric(assignment)
    cells: list[Cell] = []
    notes = list(submission.notes)
    if submission.path is None and not notes:
        notes.append(f"there is no notebook {assignment}.ipynb")
    if submission.path:
        cells, faults = read_notebook(submission.path)
        notes += faults
    if cells:
        cells, repairs = complete_cells(rubric, cells)
        notes += repairs
    outcomes, events = grade_cells(rubric, cells, seconds or rubric.seconds)
    codes = {cell.name: cell.source.strip() for cell in cells if cell.name}
    return {
        "assignment": assignment,
        "earned": sum(outcome.earned for outcome in outcomes),
        "items": [item_result(outcome, codes.get(outcome.item, "")) for outcome in outcomes],
        "written": {
            name: {"points": points, "answer": written_answer(cells, name)[:MAX_CHARACTERS]}
            for name, points in rubric.written.items()
        },
        "notes": notes + events,
        "seconds": round(time.monotonic() - start, 2),
    }


def complete_cells(rubric: Rubric, cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells of a submission with lost ones put back, and what was done to them."""
    originals = original_cells(rubric.name)
    graded = {item.name for item in rubric.items} | set(rubric.written)
    provided = {
        cell.name
        for cell in originals
        if cell.name and cell.name not in graded and not is_check(cell)
    }
    return restore_cells(cells, originals, provided)


@cache
def original_cells(assignment: str) -> list[Cell]:
    """Return the named code cells and the written answers of an assignment's source."""
    cells, _ = read_notebook(SOURCE / assignment / f"{assignment}.ipynb")
    written = load_rubric(assignment).written
    return [cell for cell in cells if cell.name and (cell.kind == "code" or cell.name in written)]


def grade_cells(
    rubric: Rubric, cells: Sequence[Cell], seconds: float
) -> tuple[list[Outcome], list[str]]:
    """Grade the cells of a notebook; return the outcome of each item, and what else happened."""
    with NotebookRunner(rubric, seconds) as runner:
        noticed, notes = run_cells(runner, cells)
        outcomes = [grade_item(runner, item) for item in rubric.items]
    notes += [f"{item}: {death}" for item, death in runner.deaths.items()]
    notes += noticed.pop(None, [])
    return [withhold(outcome, noticed.get(outcome.item, [])) for outcome in outcomes], notes


def run_cells(
    runner: NotebookRunner, cells: Sequence[Cell]
) -> tuple[dict[str | None, list[str]], list[str]]:
    """Run the code cells, up to the last that belongs to an item.

    The cells below that one are the student's own matter.

    Returns
    -------
    noticed : dict
        Forbidden things that the cells did, by the name of the item that they belong to, or None.
    notes : list of str
        The errors of each cell.
    """
    items = {item.name for item in runner.rubric.items}
    noticed: dict[str | None, list[str]] = defaultdict(list)
    notes = []
    of_items = [i for i, cell in enumerate(cells) if cell.name in items or is_check(cell)]
    end = of_items[-1] + 1 if of_items else len(cells)
    for place, cell in enumerate(cells[:end]):
        if cell.kind != "code" or is_check(cell):
            continue
        errors, remarks = runner.run_cell(cell)
        title = f"the cell {cell.name}" if cell.name else f"cell {place + 1}"
        notes += [f"{title}: {error}" for error in errors]
        if remarks:
            noticed[find_item(cells[place:end], items)] += remarks
    return noticed, notes


def find_item(cells: Sequence[Cell], items: set[str]) -> str | None:
    """Return the item that the first of the cells belongs to: its own, or the next one checked."""
    if cells[0].name in items:
        return cells[0].name
    checked = (cell.name.removeprefix("check-") for cell in cells if cell.name and is_check(cell))
    return next((name for name in checked if name in items), None)


def grade_item(runner: NotebookRunner, item: Item) -> Outcome:
    """Return the best outcome of an item, in the process that has run the cells."""
    return best_outcome(attempt(runner, item, own_needs) for own_needs in item.attempts)


def attempt(runner: NotebookRunner, item: Item, own_needs: bool) -> Outcome:
    """Run an item once and judge what its checks saw."""
    if item.name in runner.deaths:  # it would only end the process again
        return judge_lost(item, runner.deaths[item.name], runner.rubric.seed)
    seen, noticed = runner.run_item(item, own_needs)
    return withhold(item.judge(seen, runner.rubric.seed), noticed)


def judge_lost(item: Item, reason: str, seed: int) -> Outcome:
    """Return the outcome of an item of which no check has a result."""
    return item.judge([Raised(NO_RESULT, reason)] * len(item.checks), seed)


def withhold(outcome: Outcome, noticed: Sequence[str]) -> Outcome:
    """Return the outcome, with no points if anything forbidden was noticed."""
    if not noticed:
        return outcome
    return outcome._replace(earned=0, noticed=[*outcome.noticed, *noticed])


def item_result(outcome: Outcome, code: str) -> dict[str, Any]:
    """Return an outcome as JSON can hold it. A hint that fits several parts is given once."""
    parts, hints = [], set()
    for part, results in outcome.results:
        wrong = [result for result in results if not result.ok]
        message = f"{wrong[0].name}: {wrong[0].message}" if wrong else ""
        fact, _, hint = message.partition(" This looks like: ")
        parts.append(
            {
                "name": part.name,
                "points": part.points,
                "earned": 0 if wrong or outcome.noticed else part.points,
                "message": fact if hint in hints else message,
            }
        )
        hints.add(hint)
    return {
        "item": outcome.item,
        "points": outcome.points,
        "earned": outcome.earned,
        "noticed": list(outcome.noticed),
        "parts": parts,
        "code": code[:MAX_CHARACTERS],
    }


def written_answer(cells: Sequence[Cell], name: str) -> str:
    """Return a written answer: the text of its cell, and of unnamed text cells right below it."""
    texts: list[str] = []
    for cell in cells:
        continues = texts and cell.kind == "markdown" and cell.name is None
        if cell.name == name or continues:
            texts.append(cell.source.strip())
        elif texts:
            break
    return "\n\n".join(text for text in texts if text not in EMPTY_ANSWERS)


def failure_result(assignment: str, error: BaseException) -> dict[str, Any]:
    """Return a result for a submission at which the grader itself has failed."""
    rubric = load_rubric(assignment)
    outcomes = [judge_lost(item, "the grader failed", rubric.seed) for item in rubric.items]
    reason = f"{type(error).__name__}: {error}"[:200]
    return {
        "assignment": assignment,
        "earned": 0,
        "items": [item_result(outcome, "") for outcome in outcomes],
        "written": {
            name: {"points": points, "answer": ""} for name, points in rubric.written.items()
        },
        "notes": [f"THE GRADER FAILED at this submission, which is not its fault ({reason})"],
        "seconds": 0,
    }
