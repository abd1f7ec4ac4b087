"""Grading one submission, from its notebook to its points.

Read it from top to bottom: a notebook comes in (:func:`grade_submission`), its cells run
(:func:`run_cells`), each item is run and judged (:func:`grade_item`), and the outcomes become a
result that JSON can hold (:func:`item_result`). The student's code runs in processes of its own;
only what it did is judged in this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from nnlib.check import Check, Raised, Result

from .answers import found_elsewhere, written_answers
from .cells import MAX_CHARACTERS, complete_cells, is_check, item_code, item_remarks
from .rubric import NO_RESULT, Item, Outcome, Rubric, best_outcome
from .runner import NotebookRunner, Snapshot
from .submission import SOURCE, Cell, Submission, read_notebook
from .syntax import definitions_that_compile


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
    assignment: str,
    submission: Submission,
    seconds: float | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """Return the result of a submission, as JSON can hold it.

    Parameters
    ----------
    assignment : str
    submission : Submission
    seconds : float, optional
        Time limit of each cell and each item, in place of the rubric's.
    seed : int, optional
        From which the numbers are drawn on which functions are tried, in place of the rubric's:
        what is right for a known seed could be looked up in a table.
    """
    rubric = load_rubric(assignment)
    rubric = replace(rubric, seed=rubric.seed if seed is None else seed)
    cells: list[Cell] = []
    notes = list(submission.notes)
    if submission.path or submission.data is not None:
        cells, faults = read_notebook(submission)
        notes += faults
    elif not notes:
        notes.append(f"there is no notebook {assignment}.ipynb")
    if cells:
        cells, repairs = complete_cells(rubric, cells)
        notes += repairs
    graded = grade_notebook(rubric, cells, seconds or rubric.seconds)
    outcomes = [graded.outcomes[item.name] for item in rubric.items]
    answers = written_answers(rubric, cells)
    return {
        "assignment": assignment,
        "seed": rubric.seed,
        "earned": sum(outcome.earned for outcome in outcomes),
        "items": [
            item_result(
                outcome,
                item_code(cells, outcome.item),
                item_remarks(rubric, cells, outcome.item),
            )
            for outcome in outcomes
        ],
        "written": answers,
        "elsewhere": found_elsewhere(rubric, cells, answers, submission.beside),
        "notes": tell_once(notes + graded.notes),
        "seconds": round(graded.seconds, 2),
        "waited": round(graded.waited, 2),
        "timed_out": [*dict.fromkeys(graded.timed_out)],
    }


def tell_once(notes: Sequence[str]) -> list[str]:
    """Return notes without repetition: where cells fail alike, the first is told, and how many."""
    alike: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        place, _, error = note.partition(": ")
        alike.setdefault(error if place.startswith(("cell ", "the cell ")) else note, []).append(
            note
        )
    more = [len(others) - 1 for others in alike.values()]
    return [
        f"{first} (and so in {count} more {'cell' if count == 1 else 'cells'})" if count else first
        for (first, *_), count in zip(alike.values(), more, strict=True)
    ]


@dataclass
class Graded:
    """What came of a notebook.

    Attributes
    ----------
    outcomes : dict of str to Outcome
        By item.
    notes : list of str
        The errors of cells, and what else happened.
    timed_out : list of str
        Items that took too long.
    seconds : float
        Processor time.
    waited : float
        The share of its time in which it waited for a processor.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    timed_out: list[str] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0


def grade_notebook(rubric: Rubric, cells: Sequence[Cell], seconds: float) -> Graded:
    """Grade the cells of a notebook, once for each set of packages that items allow."""
    graded = Graded()
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in rubric.items:
        groups.setdefault(tuple(item.allowed or rubric.allowed), []).append(item)
    for allowed, items in groups.items():
        with NotebookRunner(rubric, allowed, seconds) as runner:
            run_cells(runner, items, cells, graded)
        graded.notes += runner.notes
        graded.timed_out += runner.timed_out
        graded.seconds += runner.usage.busy
        graded.waited = max(graded.waited, runner.usage.waited)
    return graded


def run_cells(
    runner: NotebookRunner, items: Sequence[Item], cells: Sequence[Cell], graded: Graded
) -> None:
    """Run the code cells, then grade each item as it was where its checks stood, or as it is now.

    So what comes after a check costs nothing, and a later correction counts.

    All cells run before any item: an item is sent references of earlier ones, which are graded by
    then, so that nothing can be carried back to them.
    """
    names = {item.name for item in items}
    of_all = {item.name for item in runner.rubric.items}
    snapshots: dict[str, list[Snapshot]] = {item: [] for item in names}
    last_check = max(
        (place for place, cell in enumerate(cells, 1) if is_check(cell)), default=len(cells)
    )
    for place, cell in enumerate(cells, 1):
        if cell.kind != "code":
            continue
        source, faults = definitions_that_compile(cell.source)
        errors = [] if cell.name in of_all else [fault.message for fault in faults]
        errors += runner.run_cell(source)
        # What fails below all checks is told only in so far as it costs points.
        if place <= last_check and not is_check(cell):
            graded.notes += [f"{cell}: {error}" for error in errors]
        item = (cell.name or "").removeprefix("check-")
        if is_check(cell) and item in names:
            snapshots[item] += runner.take_snapshot()
    for one in items:
        graded.outcomes[one.name] = best_outcome(attempts(runner, one, snapshots[one.name]))


def attempts(
    runner: NotebookRunner, item: Item, snapshots: Sequence[Snapshot]
) -> Iterator[Outcome]:
    """Run an item and judge it, as it was where its checks stood, then as it is now.

    Each time it is first tried with the references of what it builds on.
    """
    for snapshot in [*snapshots, None]:
        for own_needs in item.attempts:
            yield item.judge(runner.run_item(item, own_needs, snapshot), runner.rubric.seed)
            if item.name in runner.timed_out:  # it would only do so again
                break


def judge_lost(item: Item, reason: str, seed: int) -> Outcome:
    """Return the outcome of an item of which no check has a result."""
    return item.judge([Raised(NO_RESULT, reason)] * len(item.checks), seed)


def item_result(outcome: Outcome, code: str, remarks: list[str]) -> dict[str, Any]:
    """Return an outcome as JSON can hold it. What several parts have in common is told once."""
    parts, told = [], {""}
    for part, results in outcome.results:
        wrong = [pair for pair in zip(part.checks, results, strict=True) if not pair[1].ok]
        fact, mistake, hint = explain(*wrong[0]) if wrong else ("", "", "")
        looks = f" This looks like: {mistake}. {hint}"
        reason = fact.partition(": ")[2].partition(", for ")[0]
        if reason in told and wrong and not reason.startswith("it gave"):
            fact = f"{fact.partition(': ')[0]}: as above"
        parts.append(
            {
                "name": part.name,
                "points": part.points,
                "earned": 0 if wrong else part.points,
                "message": fact if mistake in told else fact + looks,
                "mistake": mistake,
                "hint": hint,
            }
        )
        told |= {reason, mistake}
    return {
        "item": outcome.item,
        "points": outcome.points,
        "earned": outcome.earned,
        "parts": parts,
        "remarks": remarks,
        "code": code[:MAX_CHARACTERS],
    }


def explain(check: Check, result: Result) -> tuple[str, str, str]:
    """Return what a check saw, and the name and the hint of the mistake that it looks like."""
    fact, _, looks = f"{result.name}: {result.message}".partition(" This looks like: ")
    for known in check.misconceptions:
        if looks == f"{known.name}. {known.hint}":
            return fact, known.name, known.hint
    return fact, "", ""


def failure_result(assignment: str, error: BaseException) -> dict[str, Any]:
    """Return a result for a submission at which the grader itself has failed."""
    rubric = load_rubric(assignment)
    outcomes = [judge_lost(item, "the grader failed", rubric.seed) for item in rubric.items]
    reason = f"{type(error).__name__}: {error}"[:200]
    return {
        "assignment": assignment,
        "earned": 0,
        "items": [item_result(outcome, "", []) for outcome in outcomes],
        "written": written_answers(rubric, []),
        "failed": True,
        "notes": [f"THE GRADER FAILED at this submission, which is not its fault ({reason})"],
        "seconds": 0,
        "waited": 0,
        "timed_out": [],
        "elsewhere": [],
    }
