"""Grading one submission: its code runs in a process of its own, what it did is judged in this."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from nnlib.check import Raised, Seen

from . import worker
from .rubric import Item, Outcome, Rubric
from .submission import SOURCE, Cell, compare, is_check, read

# Cells and items together may take so many times the seconds of one of them.
PATIENCE = 12
# In place of the kind of an error, where the process has died.
LOST = "no result"
BLANK = {"", "YOUR ANSWER HERE"}
# So many characters of a cell are kept for the feedback.
LONGEST = 20_000


def load(assignment: str) -> Rubric:
    """Return the rubric of an assignment.

    Raises
    ------
    SystemExit
        If there is none of this name.
    """
    names = sorted(path.stem for path in SOURCE.parent.glob("rubrics/[a-z]*.py"))
    if assignment not in names:
        raise SystemExit(f"error: no assignment {assignment!r}; there are {', '.join(names)}")
    rubric = import_module(f"rubrics.{assignment}").RUBRIC
    assert isinstance(rubric, Rubric)
    return rubric


@cache
def original(assignment: str) -> list[Cell]:
    """Return the cells that count of the source of an assignment."""
    rubric = load(assignment)
    names = {item.name for item in rubric.items} | set(rubric.written)
    cells, _ = read(SOURCE / assignment / f"{assignment}.ipynb")
    return [cell for cell in cells if cell.name in names or is_check(cell)]


@cache
def forks(assignment: str) -> ForkServerContext:
    """Return the way to start a process that has loaded all it needs before it begins."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__, f"rubrics.{assignment}"])
    return context


class Died(Exception):
    """The process that ran the submission has ended, or has been ended; says why."""


class Notebook:
    """The running code of one submission: started anew, without the cell at fault, where it dies.

    Parameters
    ----------
    rubric : Rubric
    cells : sequence of Cell
        The code to run, in order.
    seconds : float
        For each cell and each item.
    """

    def __init__(self, rubric: Rubric, cells: Sequence[Cell], seconds: float) -> None:
        self.rubric, self.seconds = rubric, seconds
        self.cells, self.ran = list(cells), 0
        self.end = time.monotonic() + PATIENCE * seconds
        self.folder = tempfile.mkdtemp(prefix="submission-")
        self.process: Any = None

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the process, and run again what ran before."""
        os.makedirs(self.folder, exist_ok=True)  # the submission may have removed it
        context = forks(self.rubric.name)
        self.connection, theirs = context.Pipe()
        total = int(PATIENCE * self.seconds) + 1
        arguments = (theirs, self.rubric.name, self.folder, self.rubric.memory, total)
        self.process = context.Process(target=worker.serve, args=arguments)
        self.process.start()
        theirs.close()
        for cell in self.cells[: self.ran]:
            list(self.ask({"cell": cell.source}))

    def stop(self) -> None:
        """End the process and all that it has started."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self.process.kill()
        self.process.join()
        self.connection.close()
        self.process = None

    def ask(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Send a request; return the replies, the last of which says what was noticed."""
        if self.process is None:
            self.start()
        self.connection.send_bytes(json.dumps(request).encode())
        until = time.monotonic() + self.seconds
        while True:
            try:
                if not self.connection.poll(max(0, min(until, self.end) - time.monotonic())):
                    spent = until > self.end
                    raise Died(
                        "the time of the whole submission is spent"
                        if spent
                        else f"it had not ended after {self.seconds:g} seconds"
                    )
                reply = json.loads(self.connection.recv_bytes(2**30))
            except (EOFError, OSError, ValueError):
                self.process.join(1)
                raise Died(f"it ended the process ({ending(self.process.exitcode)})") from None
            yield reply
            if "noticed" in reply:
                return

    def run(self) -> Iterator[tuple[Cell, str | None, list[str]]]:
        """Run all cells; return each with its error and what was noticed."""
        while self.ran < len(self.cells):
            cell = self.cells[self.ran]
            try:
                (reply,) = self.ask({"cell": cell.source})
            except Died as death:
                self.stop()
                del self.cells[self.ran]
                yield cell, str(death), []
            else:
                self.ran += 1
                yield cell, reply["error"], reply["noticed"]

    def see(self, item: Item, seed: int) -> tuple[list[Seen], list[str]]:
        """Return what each check of an item sees, and what was noticed meanwhile."""
        seen: list[Seen] = []
        try:
            request = {"item": self.rubric.items.index(item), "seed": seed}
            for reply in self.ask(request):
                if "noticed" in reply:
                    return seen, reply["noticed"]
                seen.append(worker.unpack(reply["seen"]))
        except Died as death:
            self.stop()
            lost = Raised(LOST, str(death))
            return seen + [lost] * (len(item.checks) - len(seen)), []
        raise AssertionError


def ending(code: int | None) -> str:
    """Return how a process ended."""
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


def grade_cells(
    rubric: Rubric, cells: Sequence[Cell], seconds: float
) -> tuple[list[Outcome], dict[str, list[str]], list[str]]:
    """Grade the cells of a notebook.

    What stands below the last item is not run: it is the reader's.

    Returns
    -------
    outcomes : list of Outcome
        Of each item.
    noticed : dict
        From each item that earns nothing for it to what was noticed.
    notes : list of str
        What else happened.
    """
    items = {item.name: item for item in rubric.items}
    noticed: dict[str, list[str]] = {}
    notes = []
    last = max((i for i, c in enumerate(cells) if c.name in items or is_check(c)), default=None)
    before = cells if last is None else cells[: last + 1]
    code = [cell for cell in before if cell.kind == "code" and not is_check(cell)]
    outcomes = []
    with Notebook(rubric, code, seconds) as notebook:
        for cell, error, found in notebook.run():
            where = f"the cell {cell.name}" if cell.name else f"cell {cells.index(cell) + 1}"
            if error:
                notes.append(f"{where}: {error}")
            if found:
                name = cell.name if cell.name in items else next_item(cells, cell)
                noticed.setdefault(name or "", []).extend(found)
        for item in rubric.items:
            seen, found = notebook.see(item, rubric.seed)
            if isinstance(seen[-1], Raised) and seen[-1].kind == LOST:
                notes.append(f"{item.name}: {seen[-1].message}")
            if found:
                noticed.setdefault(item.name, []).extend(found)
            outcomes.append(item.judge(seen, rubric.seed))
    notes += noticed.pop("", [])
    return (
        [
            outcome._replace(earned=0) if outcome.item in noticed else outcome
            for outcome in outcomes
        ],
        noticed,
        notes,
    )


def next_item(cells: Sequence[Cell], cell: Cell) -> str | None:
    """Return the item whose checks come first after a cell."""
    after = (c.name for c in cells[cells.index(cell) :] if c.name and is_check(c))
    return next(after, "check-").removeprefix("check-") or None


def grade(assignment: str, path: Path | None, seconds: float | None = None) -> dict[str, Any]:
    """Return the result of a submission as JSON can hold it.

    Parameters
    ----------
    assignment : str
    path : path or None
        Of the notebook, if there is one.
    seconds : float, optional
        For each cell and each item, in place of the rubric's.
    """
    began = time.monotonic()
    rubric = load(assignment)
    cells: list[Cell]
    if path is None:
        cells, notes = [], [f"there is no notebook {assignment}.ipynb"]
    else:
        cells, notes = read(path)
        cells, more = compare(cells, original(assignment)) if cells else ([], [])
        notes += more
    outcomes, noticed, more = grade_cells(rubric, cells, seconds or rubric.seconds)
    texts = {cell.name: cell.source.strip() for cell in cells if cell.name}
    return {
        "assignment": assignment,
        "earned": sum(outcome.earned for outcome in outcomes),
        "items": [
            told(outcome, noticed.get(outcome.item, []), texts.get(outcome.item, ""))
            for outcome in outcomes
        ],
        "written": {
            name: {
                "points": points,
                "answer": "" if (a := texts.get(name, "")) in BLANK else a[:LONGEST],
            }
            for name, points in rubric.written.items()
        },
        "notes": notes + more,
        "seconds": round(time.monotonic() - began, 2),
    }


def told(outcome: Outcome, noticed: list[str], code: str) -> dict[str, Any]:
    """Return an outcome as JSON can hold it; what a mistake looks like is said once."""
    parts, said = [], set()
    for part, results in outcome.results:
        wrong = [result for result in results if not result.ok]
        message = f"{wrong[0].name}: {wrong[0].message}" if wrong else ""
        what, looks, hint = message.partition(" This looks like: ")
        earned = 0 if wrong or noticed else part.points
        told = {"name": part.name, "points": part.points, "earned": earned}
        parts.append(told | {"message": what if hint in said else what + looks + hint})
        said.add(hint)
    return {
        "item": outcome.item,
        "points": outcome.points,
        "earned": outcome.earned,
        "noticed": noticed,
        "parts": parts,
        "code": code[:LONGEST],
    }
