"""Running a student's notebook in processes of its own, seen from the process that grades it.

:class:`NotebookRunner` sends a request for each cell and each item, and starts a session again if
the student's code has ended it. What runs at the other end is ``worker.py``.
"""

from __future__ import annotations

import ast
import json
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from nnlib.check import Raised, Seen

from .packages import link_packages, readable_files
from .parcel import dump, unpack
from .processes import Clock, descendants, has_ended, parent, processor_seconds, seconds_queued
from .rubric import NO_RESULT, Item, Rubric, program_of

WORKER = Path(__file__).with_name("worker.py")
# All cells of a submission together get this many times the seconds of one.
TOTAL_TIME_FACTOR = 12
# So long a process may take to end a statement when it is told to.
GRACE_SECONDS = 1.0
POLL_SECONDS = 0.05
MAX_DEATHS = 4
# From so many seconds on, it is told which share of them a process waited.
SHORTEST_SHARE = 0.2
# An item that has used up its time once gets this share of it for its other checks, and below.
SHARE_OF_SECOND_TRY = 0.1
# Beside what is allowed: these take long to load, and items are sent by cloudpickle.
PRELOADED = ("cloudpickle", "matplotlib.pyplot", "tqdm")
MAX_REPLY_BYTES = 2**27
DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)


# The channel of a session that stays as it is.
Snapshot = socket.socket


class WorkerDied(Exception):
    """A process that ran the submission has ended, or was ended; the message says why.

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

    If its process ends, the next request starts another, which first runs again all cells that
    worked before.

    Parameters
    ----------
    rubric : Rubric
    allowed : sequence of str
        Packages that there are.
    seconds : float
        Limit of processor time, and of idle time, of each cell and each item.

    Attributes
    ----------
    timed_out : list of str
        Names of the items that took too long.
    notes : list of str
        What it did beside running.
    usage : Usage
        What it took of the machine.
    """

    def __init__(self, rubric: Rubric, allowed: Sequence[str], seconds: float) -> None:
        self.rubric, self.seconds = rubric, seconds
        self.seconds_left = TOTAL_TIME_FACTOR * seconds
        cpu_seconds = int(self.seconds_left) + 1
        self.bench = running_bench(tuple(allowed), rubric.memory, cpu_seconds)
        self.history: list[dict[str, Any]] = []
        self.session: int | None = None
        self.snapshots: set[int] = set()
        self.channels: list[Snapshot] = []
        self.timed_out: list[str] = []
        self.notes: list[str] = []
        self.usage = Usage()
        self.seconds_before = self.bench.seconds()

    def __enter__(self) -> NotebookRunner:
        return self

    def __exit__(self, *_: object) -> None:
        if self.left_running(self.snapshots):
            self.notes.append("it left processes running: they were ended")
        self.snapshots = set()
        self.stop()
        for channel in self.channels:
            channel.close()
        self.usage.busy = self.bench.seconds() - self.seconds_before
        if not self.bench.sweep():
            self.bench.anew()

    # --- cells ------------------------------------------------------------------------------------

    def run_cell(self, source: str) -> list[str]:
        """Run a cell and return its errors.

        A statement that fails, ends the process or takes too long costs that statement alone.
        """
        request: dict[str, Any] = {"kind": "cell", "source": source, "skip": set()}
        errors: list[str] = []
        for _ in range(MAX_DEATHS):
            if self.seconds_left <= 0:
                request["skip"] |= experiments(source)
            skipped = set(request["skip"])
            try:
                self.start()
                return errors + self.run_statements(request)
            except WorkerDied as death:
                self.stop()
                errors.append(str(death))
                if request["at"] is None or request["at"] in skipped:
                    break
                request["skip"].add(request["at"])
        return errors

    def run_statements(self, request: dict[str, Any]) -> list[str]:
        """Run a cell in the session, and keep it for the next session.

        A statement that takes too long is told to end. The next session does without it.
        """

        def interrupt() -> None:
            assert self.session
            os.kill(self.session, signal.SIGUSR1)
            request["skip"].add(request["at"])

        errors: list[str] = []
        request["at"] = None
        before = self.usage.spent
        try:
            send(self.channel, request)
            count = len(ast.parse(request["source"]).body)
            for reply in self.exchange(self.channel, self.seconds, interrupt, count):
                if "errors" in reply:
                    errors = [str(error) for error in reply["errors"]]
                    break
                request["at"] = reply["at"]
        except (OSError, KeyError, TypeError):
            raise WorkerDied("it sent what is no answer") from None
        finally:
            self.seconds_left -= self.usage.spent - before
        self.history.append(request)
        return errors

    # --- items ------------------------------------------------------------------------------------

    def take_snapshot(self) -> list[Snapshot]:
        """Return a session that stays as this one is now, none if that fails."""
        ours, theirs = socket.socketpair()
        try:
            self.start()
            send(self.channel, {"kind": "snapshot"})
            socket.send_fds(self.channel, [b"s"], [theirs.fileno()])
            forked = next(self.exchange(self.channel, self.seconds)).get("forked")
        except (WorkerDied, OSError):
            self.stop()
            return []
        finally:
            theirs.close()
        if isinstance(forked, int) and parent(forked) == self.session:
            self.snapshots.add(forked)
        self.channels.append(ours)
        return [ours]

    def run_item(self, item: Item, own_needs: bool, snapshot: Snapshot | None) -> list[Seen]:
        """Return what each check of an item saw, run on the variables of a snapshot or of now.

        A check that ends its process costs that check. After two of them, the rest have no result.
        """
        seen: list[Seen] = []
        death = ""
        for _ in range(2):
            death = self.run_checks(item, own_needs, snapshot, seen)
            if len(seen) < len(item.checks):
                seen.append(Raised(NO_RESULT, death))
            if len(seen) == len(item.checks):
                break
        return seen + [Raised(NO_RESULT, death)] * (len(item.checks) - len(seen))

    def run_checks(
        self, item: Item, own_needs: bool, snapshot: Snapshot | None, seen: list[Seen]
    ) -> str:
        """Append to what was seen, from the next check on; return why it ended before the last."""
        if snapshot is None:
            self.start()
        channel = snapshot or self.channel
        start = len(seen)
        ours, theirs = socket.socketpair()
        before = self.processes() | self.snapshots
        told = item.name in self.timed_out
        death = WorkerDied("it sent what is no answer")
        try:
            send(channel, {"kind": "item"})
            socket.send_fds(channel, [b"i"], [theirs.fileno()])
            theirs.close()
            ours.settimeout(self.seconds)
            ours.sendall(program_bytes(item, self.rubric.seed, own_needs, start))
            for reply in self.exchange(ours, self.seconds_for(item)):
                if "done" in reply:
                    break
                if len(seen) < len(item.checks):
                    seen.append(unpack(reply["seen"]))
        except WorkerDied as reason:
            death = reason
        except Exception:  # whatever it sent: an array of a size that no memory has, for one
            pass
        ours.close()
        theirs.close()
        if len(seen) < len(item.checks):
            self.end_processes(before)
        exit_code = self.exit_code(channel)
        if self.left_running(before):
            self.end_processes(before)
            self.notes.append(f"{item.name} left processes running: they were ended")
        if death.timed_out:
            self.timed_out += [] if told else [item.name]
        elif len(seen) < len(item.checks):
            death = WorkerDied(f"it ended the process ({describe_exit(exit_code)})")
        if len(seen) < len(item.checks) and not (told and death.timed_out):
            self.notes.append(f"{item.name}: {death}")
        return str(death)

    def seconds_for(self, item: Item) -> float:
        """Return how long an item may take: less, if it has used up its time before."""
        return self.seconds * (SHARE_OF_SECOND_TRY if item.name in self.timed_out else 1)

    def exit_code(self, channel: socket.socket) -> int | None:
        """Return how the process of an item has ended; without an answer, end the session."""
        try:
            for reply in self.exchange(channel, self.seconds):
                return int(reply["exit"])
        except Exception:
            if channel is self.channel:
                self.stop()
        return None

    # --- the session ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a session if none runs, and run again the cells that worked before."""
        while self.session is None:
            if self.bench.process.poll() is not None:
                self.bench = self.bench.anew()
            ours, theirs = socket.socketpair()
            self.session = self.bench.fork(theirs)
            theirs.close()
            self.channel = ours
            history, self.history = self.history, []
            for request in history:
                try:
                    self.run_statements(request)
                except WorkerDied:  # this time it did not work: start over without it
                    self.stop()
                    self.history += history[len(self.history) + 1 :]
                    break

    def stop(self) -> None:
        """End the session and all that it has started."""
        if self.session is None:
            return
        self.usage.add_wait(processor_seconds(self.session), seconds_queued(self.session))
        with suppress(ProcessLookupError):
            os.kill(self.session, signal.SIGKILL)
        self.end_processes(self.snapshots)
        self.bench.reap()
        self.channel.close()
        self.session = None

    def processes(self) -> set[int]:
        """Return all processes that the submission has started, without the session."""
        return descendants(self.bench.process.pid) - {self.session or 0}

    def left_running(self, spared: set[int]) -> bool:
        """Tell whether processes still run, without those spared, that were not just ending."""
        until = time.monotonic() + GRACE_SECONDS
        while running := any(not has_ended(one) for one in self.processes() - spared):
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        return running

    def end_processes(self, spared: set[int]) -> None:
        """End the submission's processes, without those spared."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            running = {one for one in self.processes() - spared if not has_ended(one)}
            if not running:
                break
            for process in running:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.001)

    def exchange(
        self,
        channel: socket.socket,
        seconds: float,
        interrupt: Callable[[], None] | None = None,
        statements: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Yield the replies as they come.

        Parameters
        ----------
        channel : socket
        seconds : float
            How long it may take.
        interrupt : callable, optional
            Ends a statement that takes too long. If there is none, all is one piece of work.
        statements : int
            How many there are. Each has its own time.

        Raises
        ------
        WorkerDied
            If the process ends, sends something else, or takes too long: processor time counts,
            and time in which it waits for something else than a processor.
        """
        total, clock, told, statement = None, None, False, -1
        left = max(self.seconds_left, GRACE_SECONDS) if interrupt else seconds
        until = self.usage.spent + left
        buffer, received, looked = bytearray(), 0, time.monotonic()
        while received <= MAX_REPLY_BYTES:
            if select.select([channel], [], [], POLL_SECONDS)[0]:
                data = receive_some(channel)
                received += len(data)
                buffer += data
                lines = []
                if b"\n" in data:
                    *lines, rest = bytes(buffer).split(b"\n")
                    buffer = bytearray(rest)
                for reply in map(parse, lines):
                    yield reply
                    # A statement that begins has its own time; they only go on.
                    if reply.get("at") in range(statement + 1, statements):
                        clock, told, statement = None, False, reply["at"]
            if time.monotonic() - looked < POLL_SECONDS:
                continue
            looked = time.monotonic()
            total = total or Clock(self.bench.process.pid)
            clock = clock or Clock(self.bench.process.pid)
            self.usage.follow(total)
            clock.look()
            over = max(clock.busy, clock.idle) >= (GRACE_SECONDS if told else seconds)
            if not over and self.usage.spent < until:
                continue
            if told or interrupt is None or self.usage.spent >= until:
                raise WorkerDied(f"it had not ended after {seconds:g} s", True)
            interrupt()
            clock, told = None, True
        raise WorkerDied("it sent too much")


def receive_some(channel: socket.socket) -> bytes:
    """Return what has come.

    Raises
    ------
    WorkerDied
        If the other end is closed.
    """
    with suppress(OSError):
        if data := channel.recv(2**20):
            return data
    raise WorkerDied("it ended the process")


def send(channel: socket.socket, message: Any) -> None:
    """Send an object to a process that does what it is told."""
    data = pickle.dumps(message)
    channel.sendall(struct.pack("=Q", len(data)) + data)


@cache
def program_bytes(item: Item, seed: int, own_needs: bool, start: int) -> bytes:
    """Return the message that holds an item's program."""
    data = dump(program_of(item, seed, own_needs, start), item.solutions)
    return struct.pack("=Q", len(data)) + data


def parse(line: bytes) -> dict[str, Any]:
    """Return the reply in a line."""
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict):
        raise WorkerDied("it sent what is no answer")
    return reply


def experiments(source: str) -> set[int]:
    """Return the numbers of a cell's statements that define nothing."""
    statements = enumerate(ast.parse(source).body)
    return {number for number, one in statements if not isinstance(one, DEFINITIONS)}


def describe_exit(code: int | None) -> str:
    """Return in words how a process ended."""
    if code is not None and -code in {*signal.Signals}:
        return f"signal {signal.Signals(-code).name}"
    return f"exit status {code}"


class Usage:
    """What a submission took of the machine.

    Attributes
    ----------
    busy : float
        Seconds on a processor.
    spent : float
        Seconds of cells and items that took long.
    waited : float
        The share of its time in which it waited for a processor, where it was largest.
    """

    def __init__(self) -> None:
        self.busy = self.spent = self.waited = 0.0

    def follow(self, clock: Clock) -> None:
        """Add what a clock shows beyond what it showed before."""
        before = max(clock.busy, clock.idle)
        clock.look()
        self.spent += max(clock.busy, clock.idle) - before
        self.add_wait(clock.busy, clock.queued)

    def add_wait(self, busy: float, queued: float) -> None:
        """Keep the largest share of its time in which a process waited for a processor.

        The kernel tells busy time in hundredths of a second: of short times it tells nothing.
        """
        if busy + queued >= SHORTEST_SHARE:
            self.waited = max(self.waited, queued / (busy + queued))


# --- benches --------------------------------------------------------------------------------------


class Bench:
    """A process that has loaded packages, and that forks a session for each submission.

    Parameters
    ----------
    allowed : tuple of str
        Packages that there are.
    memory : int
        Bytes for each process of a submission.
    cpu_seconds : int
        Processor time of each.
    """

    def __init__(self, allowed: tuple[str, ...], memory: int, cpu_seconds: int) -> None:
        self.settings = allowed, memory, cpu_seconds
        remove_left_benches()
        place = Path(tempfile.mkdtemp(prefix=f"bench-{os.getpid()}-"))
        packages, self.folder = place / "packages", place / "work"
        packages.mkdir()
        self.folder.mkdir()
        link_packages(allowed, packages)
        self.channel, theirs = socket.socketpair()
        command = [sys.executable, "-I", "-S", str(WORKER), str(theirs.fileno())]
        self.process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env={name: os.environ[name] for name in ("HOME", "MPLCONFIGDIR") if name in os.environ}
            | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "LC_ALL": "C.UTF-8"},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        self.end = Finalize(self, end_bench, (self.process, place), exitpriority=1)
        message = {
            "allowed": allowed,
            "packages": str(packages),
            "preload": [name for name in (*allowed, *PRELOADED) if find_spec(name)]
            + ["torch._dynamo"] * ("torch" in allowed),
            "readable": readable_files(packages),
            "folder": str(self.folder),
            "memory": memory,
            "cpu_seconds": cpu_seconds,
        }
        send(self.channel, message)

    def fork(self, session_channel: socket.socket) -> int:
        """Start a session on a channel, and return its process."""
        socket.send_fds(self.channel, [b"s"], [session_channel.fileno()])
        return self.receive_number()

    def reap(self) -> int:
        """Return how the session, which has ended, has ended."""
        self.channel.sendall(b"r")
        return self.receive_number()

    def receive_number(self) -> int:
        """Return the number that the bench sends."""
        data = self.channel.recv(4, socket.MSG_WAITALL)
        if len(data) < 4:
            raise RuntimeError(f"the grader's own process has ended with {self.process.wait()}")
        number: int = struct.unpack("=i", data)[0]
        return number

    def seconds(self) -> float:
        """Return the processor time of all that has run on this bench and has ended."""
        return processor_seconds(self.process.pid, children=True)

    def sweep(self) -> bool:
        """Remove what submissions have left, and tell whether all of it is gone."""
        for place in self.folder.iterdir():
            with suppress(OSError):
                place.rmdir()
                continue
            remove(place)
        return not any(os.scandir(self.folder))

    def anew(self) -> Bench:
        """Return another bench in place of this one, which has ended."""
        self.end()
        running_bench.cache_clear()
        return running_bench(*self.settings)


running_bench = cache(Bench)


def remove(place: Path) -> None:
    """Remove a folder, however deep it is and whatever its permissions."""
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run([*command, "--", place], capture_output=True, check=False)


def remove_left_benches() -> None:
    """Remove the files of benches whose grader was killed."""
    for place in Path(tempfile.gettempdir()).glob("bench-*-*"):
        if not Path("/proc", place.name.split("-")[1]).exists():
            remove(place)


def end_bench(process: subprocess.Popen[bytes], place: Path) -> None:
    """End the process of a bench and remove its files."""
    process.kill()
    process.wait()
    remove(place)
