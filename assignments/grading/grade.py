"""Grading one submission: its code runs in a process of its own, what it did is judged in this."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache, partial
from importlib import import_module
from multiprocessing.context import ForkServerContext
from typing import Any

from nnlib.check import Raised, Seen

from . import worker
from .rubric import Item, Outcome, Rubric
from .submission import SOURCE, Cell, Found, compare, is_check, read

# All of a submission together may take so many times the seconds of one cell or item.
PATIENCE = 12
# So many bytes may come for one request.
MOST = 2**28
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
    """Return the cells that count of the source of an assignment: code and answers."""
    cells, _ = read(SOURCE / assignment / f"{assignment}.ipynb")
    written = load(assignment).written
    return [cell for cell in cells if cell.name and (cell.kind == "code" or cell.name in written)]


@cache
def forks(assignment: str) -> ForkServerContext:
    """Return the way to start a process that has loaded all it needs before it begins."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__, f"rubrics.{assignment}"])
    return context


class Died(Exception):
    """The process that ran the submission has ended, or was ended; says why.

    Attributes
    ----------
    late : bool
        Whether it took too long.
    """

    def __init__(self, why: str, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


class Notebook:
    """The running code of one submission: started anew, without the cell at fault, where it dies.

    Parameters
    ----------
    rubric : Rubric
    seconds : float
        For each cell and each item.
    """

    def __init__(self, rubric: Rubric, seconds: float) -> None:
        self.rubric, self.seconds = rubric, seconds
        self.ran: list[dict[str, Any]] = []
        self.end = time.monotonic() + PATIENCE * seconds
        self.folder = tempfile.mkdtemp(prefix="submission-")
        self.process: Any = None
        self.fresh = False
        self.deaths: dict[str, str] = {}

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the process, and run again what ran before, as far as it does."""
        while self.process is None:
            self.fork()
            self.fresh = True
            for number, request in enumerate(self.ran):
                try:
                    list(self.exchange(request))
                except Died:
                    self.stop()
                    del self.ran[number]
                    break

    def fork(self) -> None:
        """Start the process."""
        os.makedirs(self.folder, exist_ok=True)  # the submission may have removed it
        context = forks(self.rubric.name)
        self.channel, theirs = socket.socketpair()
        total = int(PATIENCE * self.seconds) + 1
        arguments = (theirs, self.rubric.name, self.folder, self.rubric.memory, total)
        self.process = context.Process(target=worker.serve, args=arguments)
        self.process.start()
        theirs.close()

    def stop(self) -> None:
        """End the process and those of its group."""
        if self.process is None:
            return
        if self.process.pid:  # else it could not be started
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.process.kill()
            self.process.join()
        self.channel.close()
        self.process = None

    def exchange(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Send a request; return the replies as they come. The last says what was noticed.

        Raises
        ------
        Died
            If they do not all come.
        """
        until = min(time.monotonic() + self.seconds, self.end)
        try:
            self.channel.settimeout(self.seconds)
            self.channel.sendall(json.dumps(request).encode() + b"\n")
            for line in lines(self.channel, until):
                reply = json.loads(line)
                yield reply
                if "noticed" in reply:
                    return
        except TimeoutError:
            limit = "all of its time" if until == self.end else f"{self.seconds:g} seconds"
            raise Died(f"it had not ended after {limit}", late=True) from None
        except (OSError, EOFError, ValueError, TypeError):
            self.process.join(1)
            raise Died(f"it ended the process ({ending(self.process.exitcode)})") from None

    def run(self, cell: Cell) -> tuple[list[str], list[str]]:
        """Run a cell, or if it fails what it defines; return its errors and what was noticed."""
        errors: list[str] = []
        noticed: list[str] = []
        for defined in (False, True):
            request = {"cell": cell.source, "defined": defined}
            try:
                self.start()
                (reply,) = self.exchange(request)
            except Died as death:
                self.stop()
                errors.append(str(death))
                continue
            self.ran.append(request)
            noticed += [str(found) for found in reply["noticed"]]
            errors += [str(error) for error in reply["errors"] if error not in errors]
            if not reply["errors"]:
                break
        return errors, noticed

    def see(self, item: Item, own: bool, again: bool = True) -> tuple[list[Seen], list[str]]:
        """Return what each check of an item sees, and what was noticed meanwhile."""
        request = {"item": self.rubric.items.index(item), "seed": self.rubric.seed, "own": own}
        seen: list[Seen] = []
        fresh = False
        try:
            self.start()
            fresh, self.fresh = self.fresh, False
            for reply in self.exchange(request):
                if "noticed" in reply:
                    found = [str(found) for found in reply["noticed"]]
                    if len(seen) == len(item.checks):
                        return seen, found
                else:
                    seen.append(worker.unpack(reply["seen"]))
            raise Died("it sent what is no answer")
        except (Died, ValueError, KeyError, TypeError) as death:
            self.stop()
            # What was left behind by another item may have ended it.
            if again and not fresh and not getattr(death, "late", False):
                return self.see(item, own, again=False)
            self.deaths[item.name] = str(death)
            lost = Raised(LOST, str(death))
            seen = seen[: len(item.checks)]
            return seen + [lost] * (len(item.checks) - len(seen)), []


def lines(channel: socket.socket, until: float) -> Iterator[bytes]:
    """Return the lines that come until a moment; then raise TimeoutError."""
    buffer, came = bytearray(), 0
    while came <= MOST:
        channel.settimeout(max(0.001, until - time.monotonic()))
        data = channel.recv(2**20)
        if not data:
            raise EOFError
        came += len(data)
        buffer += data
        if b"\n" in data:
            *whole, buffer = buffer.split(b"\n")
            yield from map(bytes, whole)
    raise OSError("too much")


def ending(code: int | None) -> str:
    """Return how a process ended."""
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


def grade_cells(
    rubric: Rubric, cells: Sequence[Cell], seconds: float
) -> tuple[list[Outcome], list[str]]:
    """Grade the cells of a notebook; return the outcome of each item, and what else happened.

    What stands below the last item is not run: it is the reader's.
    """
    names = {item.name for item in rubric.items}
    noticed: dict[str | None, list[str]] = {}
    notes = []
    named = [i for i, cell in enumerate(cells) if cell.name in names or is_check(cell)]
    before = cells[: named[-1] + 1] if named else cells
    with Notebook(rubric, seconds) as notebook:
        for place, cell in enumerate(before):
            if cell.kind != "code" or is_check(cell):
                continue
            errors, found = notebook.run(cell)
            where = f"the cell {cell.name}" if cell.name else f"cell {place + 1}"
            notes += [f"{where}: {error}" for error in errors]
            if found:
                name = item_of(cells[place:], names)
                noticed[name] = noticed.get(name, []) + found
        outcomes = [item.grade(partial(outcome, notebook, item)) for item in rubric.items]
    notes += [f"{item}: {death}" for item, death in notebook.deaths.items()]
    notes += noticed.pop(None, [])
    return [with_notice(one, noticed.get(one.item, [])) for one in outcomes], notes


def outcome(notebook: Notebook, item: Item, own: bool) -> Outcome:
    """Return what an item earns: nothing, where something was noticed."""
    if item.name in notebook.deaths:  # once is enough
        return item.judge([Raised(LOST, notebook.deaths[item.name])] * len(item.checks), 0)
    seen, noticed = notebook.see(item, own)
    return with_notice(item.judge(seen, notebook.rubric.seed), noticed)


def with_notice(one: Outcome, noticed: Sequence[str]) -> Outcome:
    """Return an outcome that earns nothing for what was noticed."""
    return one._replace(earned=0, noticed=[*one.noticed, *noticed]) if noticed else one


def item_of(cells: Sequence[Cell], items: set[str]) -> str | None:
    """Return the item that the first of some cells belongs to: its own, or that checked next."""
    if cells[0].name in items:
        return cells[0].name
    after = (cell.name.removeprefix("check-") for cell in cells if cell.name and is_check(cell))
    return next((name for name in after if name in items), None)


def grade(assignment: str, found: Found, seconds: float | None = None) -> dict[str, Any]:
    """Return the result of a submission as JSON can hold it.

    Parameters
    ----------
    assignment : str
    found : Found
    seconds : float, optional
        For each cell and each item, in place of the rubric's.
    """
    began = time.monotonic()
    rubric = load(assignment)
    cells: list[Cell] = []
    notes = list(found.notes)
    if found.path is None and not notes:
        notes.append(f"there is no notebook {assignment}.ipynb")
    if found.path:
        cells, more = read(found.path)
        notes += more
    if cells:
        cells, more = prepared(rubric, cells)
        notes += more
    outcomes, more = grade_cells(rubric, cells, seconds or rubric.seconds)
    texts = {cell.name: cell.source.strip() for cell in cells if cell.name}
    return {
        "assignment": assignment,
        "earned": sum(outcome.earned for outcome in outcomes),
        "items": [told(one, texts.get(one.item, "")) for one in outcomes],
        "written": {
            name: {"points": points, "answer": answer(cells, name)[:LONGEST]}
            for name, points in rubric.written.items()
        },
        "notes": notes + more,
        "seconds": round(time.monotonic() - began, 2),
    }


def prepared(rubric: Rubric, cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells of a submission as they are to be graded, and what was done to them."""
    counted = original(rubric.name)
    graded = {item.name for item in rubric.items} | set(rubric.written)
    given = {c.name for c in counted if c.name and c.name not in graded and not is_check(c)}
    return compare(cells, counted, given)


def failed(assignment: str, error: BaseException) -> dict[str, Any]:
    """Return a result for a submission at which the grader itself has failed."""
    rubric = load(assignment)
    lost = [Raised(LOST, "the grader failed")]
    outcomes = [item.judge(lost * len(item.checks), rubric.seed) for item in rubric.items]
    why = f"{type(error).__name__}: {error}"[:200]
    return {
        "assignment": assignment,
        "earned": 0,
        "items": [told(one, "") for one in outcomes],
        "written": {n: {"points": p, "answer": ""} for n, p in rubric.written.items()},
        "notes": [f"THE GRADER FAILED at this submission, which is not its fault ({why})"],
        "seconds": 0,
    }


def answer(cells: Sequence[Cell], name: str) -> str:
    """Return a written answer: what its cell says, and text right below it."""
    texts: list[str] = []
    for cell in cells:
        below = texts and cell.kind == "markdown" and cell.name is None
        if cell.name == name or below:
            texts.append(cell.source.strip())
        elif texts:
            break
    return "\n\n".join(text for text in texts if text not in BLANK)


def told(outcome: Outcome, code: str) -> dict[str, Any]:
    """Return an outcome as JSON can hold it; what a mistake looks like is said once."""
    parts, said = [], set()
    for part, results in outcome.results:
        wrong = [result for result in results if not result.ok]
        message = f"{wrong[0].name}: {wrong[0].message}" if wrong else ""
        what, looks, hint = message.partition(" This looks like: ")
        earned = 0 if wrong or outcome.noticed else part.points
        told = {"name": part.name, "points": part.points, "earned": earned}
        parts.append(told | {"message": what if hint in said else what + looks + hint})
        said.add(hint)
    return {
        "item": outcome.item,
        "points": outcome.points,
        "earned": outcome.earned,
        "noticed": list(outcome.noticed),
        "parts": parts,
        "code": code[:LONGEST],
    }
