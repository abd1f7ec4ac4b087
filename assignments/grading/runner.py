"""Running a student's notebook in a process of its own, seen from the process that grades it.

:class:`NotebookRunner` starts that process, sends it one request for each cell and each item, and
starts it again if the student's code has ended it. What runs at the other end is
:func:`worker.serve`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from multiprocessing.context import ForkServerContext
from typing import Any

from nnlib.check import Raised, Seen

from . import worker
from .rubric import Item, Rubric
from .submission import Cell

# All cells and items of a submission together get this many times the seconds of one.
TOTAL_TIME_FACTOR = 12
MAX_REPLY_BYTES = 2**28
# The kind of a Raised that stands for a check whose process has ended.
NO_RESULT = "no result"


class WorkerDied(Exception):
    """The process that ran the submission has ended, or was ended; the message says why.

    Attributes
    ----------
    timed_out : bool
        Whether it was ended because it took too long.
    """

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class NotebookRunner:
    """Runs the cells and items of one submission.

    If the process ends, the next request starts another, which first runs again all cells that
    worked before.

    Parameters
    ----------
    rubric : Rubric
    seconds : float
        Time limit of each cell and each item.

    Attributes
    ----------
    deaths : dict of str to str
        For each item that ended the process, the reason.
    """

    def __init__(self, rubric: Rubric, seconds: float) -> None:
        self.rubric, self.seconds = rubric, seconds
        self.history: list[dict[str, Any]] = []
        self.deadline = time.monotonic() + TOTAL_TIME_FACTOR * seconds
        self.folder = tempfile.mkdtemp(prefix="submission-")
        self.process: Any = None
        self.just_started = False
        self.deaths: dict[str, str] = {}

    def __enter__(self) -> NotebookRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_cell(self, cell: Cell) -> tuple[list[str], list[str]]:
        """Run a cell; return its errors, and the forbidden things that were noticed.

        Of a cell that fails, the definitions are run once more without the rest: an error below a
        function does not cost the function.
        """
        errors: list[str] = []
        noticed: list[str] = []
        for definitions_only in (False, True):
            request = {"cell": cell.source, "definitions_only": definitions_only}
            try:
                self.start()
                (reply,) = self.exchange(request)
            except WorkerDied as death:
                self.stop()
                errors.append(str(death))
                continue
            self.history.append(request)
            noticed += [str(remark) for remark in reply["noticed"]]
            errors += [str(error) for error in reply["errors"] if error not in errors]
            if not reply["errors"]:
                break
        return errors, noticed

    def run_item(
        self, item: Item, own_needs: bool, retry: bool = True
    ) -> tuple[list[Seen], list[str]]:
        """Return what each check of an item saw, and the forbidden things that were noticed."""
        request = {
            "item": self.rubric.items.index(item),
            "seed": self.rubric.seed,
            "own_needs": own_needs,
        }
        seen: list[Seen] = []
        first_in_process = False
        try:
            self.start()
            first_in_process, self.just_started = self.just_started, False
            for reply in self.exchange(request):
                if "noticed" in reply:
                    noticed = [str(remark) for remark in reply["noticed"]]
                    if len(seen) == len(item.checks):
                        return seen, noticed
                else:
                    seen.append(worker.unpack(reply["seen"]))
            raise WorkerDied("it sent what is no answer")
        except (WorkerDied, ValueError, KeyError, TypeError) as death:
            self.stop()
            # A thread or timer of an earlier item may be at fault: try once more without it.
            if retry and not first_in_process and not getattr(death, "timed_out", False):
                return self.run_item(item, own_needs, retry=False)
            self.deaths[item.name] = str(death)
            seen = seen[: len(item.checks)]
            missing = len(item.checks) - len(seen)
            return seen + [Raised(NO_RESULT, str(death))] * missing, []

    def start(self) -> None:
        """Start a process if none runs, and run again the cells that worked before."""
        while self.process is None:
            self.fork()
            self.just_started = True
            for number, request in enumerate(self.history):
                try:
                    list(self.exchange(request))
                except WorkerDied:  # this time it did not work: start over without it
                    self.stop()
                    del self.history[number]
                    break

    def fork(self) -> None:
        """Start a process."""
        os.makedirs(self.folder, exist_ok=True)  # the submission may have removed it
        context = fork_server(self.rubric.name)
        self.channel, other_end = socket.socketpair()
        cpu_seconds = int(TOTAL_TIME_FACTOR * self.seconds) + 1
        arguments = (
            other_end,
            self.rubric.name,
            self.folder,
            self.rubric.memory,
            cpu_seconds,
        )
        self.process = context.Process(target=worker.serve, args=arguments)
        self.process.start()
        other_end.close()

    def stop(self) -> None:
        """End the process and all that it has started."""
        if self.process is None:
            return
        if self.process.pid:  # there is none if the process could not be started
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self.process.kill()
            self.process.join()
        self.channel.close()
        self.process = None

    def exchange(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Send a request and yield the replies as they come. The last one has a key "noticed".

        Raises
        ------
        WorkerDied
            If the process ends, sends something else, or takes too long.
        """
        until = min(time.monotonic() + self.seconds, self.deadline)
        try:
            self.channel.settimeout(self.seconds)
            self.channel.sendall(json.dumps(request).encode() + b"\n")
            for line in receive_lines(self.channel, until):
                reply = json.loads(line)
                yield reply
                if "noticed" in reply:
                    return
        except TimeoutError:
            limit = "all of its time" if until == self.deadline else f"{self.seconds:g} seconds"
            raise WorkerDied(f"it had not ended after {limit}", timed_out=True) from None
        except (OSError, EOFError, ValueError, TypeError):
            self.process.join(1)
            reason = describe_exit(self.process.exitcode)
            raise WorkerDied(f"it ended the process ({reason})") from None


@cache
def fork_server(assignment: str) -> ForkServerContext:
    """Return the context that starts processes with the rubric's imports already loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__, f"rubrics.{assignment}"])
    return context


def receive_lines(channel: socket.socket, until: float) -> Iterator[bytes]:
    """Yield the lines that arrive before a moment; then raise TimeoutError."""
    buffer, received = bytearray(), 0
    while received <= MAX_REPLY_BYTES:
        channel.settimeout(max(0.001, until - time.monotonic()))
        data = channel.recv(2**20)
        if not data:
            raise EOFError
        received += len(data)
        buffer += data
        if b"\n" in data:
            *lines, buffer = buffer.split(b"\n")
            yield from map(bytes, lines)
    raise OSError("too much")


def describe_exit(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"
