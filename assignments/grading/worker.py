"""The processes in which a student's code runs, with nothing in reach but what items allow.

A *bench* loads the allowed packages once, and forks a *session* for each submission. A session runs
the cells. Where an item's checks stand it forks another one, a picture of all variables as they are
at that moment. An item runs in a process forked from such a picture: what it has to do is sent to
it, as a function by value, and only JSON comes back.

This file is run by itself. Of the grader, of nnlib and of any solution, nothing is loaded here.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import builtins
import inspect
import json
import os
import pickle
import re
import signal
import socket
import struct
import sys
import tempfile
import warnings
from collections.abc import Callable, Container, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

# The file name under which a student's code is compiled.
STUDENT_FILE = "<the submission>"
# So many errors of a cell are told.
MAX_ERRORS = 10


# --- messages: what comes in is trusted, what goes out is not -------------------------------------


def receive(channel: socket.socket) -> Any:
    """Return the next object that was sent, or None at the end."""
    size = channel.recv(8, socket.MSG_WAITALL)
    if len(size) < 8:
        return None
    return pickle.loads(channel.recv(struct.unpack("=Q", size)[0], socket.MSG_WAITALL))


def receive_channel(channel: socket.socket) -> socket.socket | None:
    """Return the channel that was sent, or None at the end."""
    word, descriptors, *_ = socket.recv_fds(channel, 1, 1)
    return socket.socket(fileno=descriptors[0]) if word else None


def answer(channel: socket.socket, reply: dict[str, Any]) -> None:
    """Send a reply, one line."""
    channel.sendall(json.dumps(reply).encode() + b"\n")


# --- the bench ------------------------------------------------------------------------------------


def serve_bench(channel: socket.socket, jail: Any) -> None:
    """Load what is allowed, then fork a session for each channel that is sent."""
    jail.end_with_parent()
    settings = receive(channel)
    hide_traces(settings["packages"])
    for package in settings["preload"]:
        import_module(package)
    if "tqdm.std" in sys.modules:  # its bars for notebooks need what is not there
        sys.modules["tqdm.notebook"] = sys.modules["tqdm.std"]
    jail.adopt_orphans()
    bench = os.getpid()
    while session_channel := receive_channel(channel):
        if (session := os.fork()) == 0:
            channel.close()
            os.setsid()
            jail.end_with_parent(bench)
            leave_alone(session_channel)
            folder = move_into_new_folder(settings["folder"])
            limits = settings["memory"], settings["cpu_seconds"]
            jail.confine(settings["readable"], folder, *limits)
            serve_session(session_channel, Session(settings["allowed"]))
            os._exit(0)
        session_channel.close()
        channel.sendall(struct.pack("=i", session))
        # The judge asks when it wants to know how the session has ended.
        if channel.recv(1):
            channel.sendall(struct.pack("=i", reap(session)))


def hide_traces(packages: str) -> None:
    """Leave on Python's path its own modules and the allowed packages, and no arguments."""
    sys.path[:] = [path for path in sys.path if not path.endswith("-packages")] + [packages]
    sys.argv[:] = [""]
    sys.orig_argv[:] = []


def leave_alone(channel: socket.socket) -> None:
    """Close all open files but the channel."""
    os.closerange(3, channel.fileno())
    os.closerange(channel.fileno() + 1, 1024)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    os.close(null)


def move_into_new_folder(parent: str) -> str:
    """Make a folder that is the current one and the home, and return its path."""
    folder = tempfile.mkdtemp(dir=parent)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(HOME=folder, TMPDIR=folder, OMP_NUM_THREADS="1", MPLBACKEND="Agg")
    tempfile.tempdir = None
    return folder


def reap(session: int) -> int:
    """Wait for a session and for all orphans that have ended; return the session's exit code."""
    _, status = os.waitpid(session, 0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return os.waitstatus_to_exitcode(status)


# --- a session ------------------------------------------------------------------------------------


class NotAllowed(ModuleNotFoundError):
    """A package was used that is not there while items are graded."""


class OutOfTime(BaseException):
    """A statement has used up its time."""


class Absent:
    """What stands in the place of something that is not allowed, until it is used."""

    def __init__(self, reason: str) -> None:
        self.__dict__["_reason"] = reason

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    # In an annotation or as a type that something might have, it does no harm.

    def __or__(self, other: Any) -> Absent:
        return self

    __ror__ = __getitem__ = __or__

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    __subclasscheck__ = __instancecheck__


def refuse(absent: Absent, *_: Any, **__: Any) -> Any:
    """Say that it is not there."""
    raise NotAllowed(absent.__dict__["_reason"])


OPERATIONS = """
    array bool bytes call complex contains delitem enter exit float format index int iter len
    mro_entries next setitem abs invert neg pos add radd sub rsub mul rmul matmul rmatmul truediv
    rtruediv floordiv rfloordiv mod rmod pow rpow and rand lt le gt ge
"""
for operation in OPERATIONS.split():
    setattr(Absent, f"__{operation}__", refuse)


def tell_what_is_allowed(allowed: tuple[str, ...]) -> None:
    """Let an import of what is not there say so, and what is."""
    usual = builtins.__import__

    def import_or_refuse(name: str, *options: Any, **named: Any) -> Any:
        try:
            return usual(name, *options, **named)
        except NotAllowed:
            raise
        except ModuleNotFoundError as error:
            package = (error.name or name).partition(".")[0]
            raise NotAllowed(
                f"{package} is not there while items are graded (allowed: {', '.join(allowed)})",
                name=error.name,
            ) from None

    builtins.__import__ = import_or_refuse


def serve_session(channel: socket.socket, session: Session) -> None:
    """Do what is asked for until the channel is closed."""
    while request := receive(channel):
        if request["kind"] == "cell":
            for reply in session.run_cell(request["source"], request["skip"]):
                answer(channel, reply)
        elif new_channel := receive_channel(channel):
            work = serve_item if request["kind"] == "item" else serve_session
            process = session.fork(channel, work, new_channel)
            new_channel.close()
            reply = {"forked": process}
            if request["kind"] == "item":
                reply = {"exit": os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}
            answer(channel, reply)


class Session:
    """The variables of one notebook."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        tell_what_is_allowed(allowed)
        sys.path.insert(0, os.getcwd())  # a submission may write modules and import them
        warnings.simplefilter("ignore")
        self.running = False
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, self.interrupt)
        shell = Shell(self.run_part)
        notebook = ModuleType("__main__")
        sys.modules["__main__"] = notebook
        self.namespace = vars(notebook)
        self.namespace |= {"display": lambda *_, **__: None, "get_ipython": lambda: shell}

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """End the statement that is running."""
        if self.running:
            raise OutOfTime

    def run_cell(self, source: str, skip: Container[int] = ()) -> Iterator[dict[str, Any]]:
        """Run a cell, one statement after the other; one that fails does not end the cell."""
        process = os.getpid()
        errors: list[str] = []
        for number, (line, run) in enumerate(self.statements(source)):
            if number in skip:
                continue
            yield {"at": number}
            self.running = True
            try:
                run()
            except NotAllowed:
                pass
            except OutOfTime:
                errors.append(f"line {line}: it took too long")
            except BaseException as error:
                words = f"{type(error).__name__}: {error}".removesuffix(": ")[:1000]
                errors.append(f"line {line}: {words}".encode("utf-8", "replace").decode())
            finally:
                self.running = False
            if os.getpid() != process:  # the submission has forked, and the child came here
                os._exit(0)
        yield {"errors": errors[:MAX_ERRORS]}

    def statements(self, source: str) -> Iterator[tuple[int, Callable[[], None]]]:
        """Yield the line of each statement, and what runs it."""
        flags = 0
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                for alias in statement.names:
                    flags |= getattr(__future__, alias.name).compiler_flag

            def run(statement: ast.stmt = statement, flags: int = flags) -> None:
                first: Exception | None = None
                for part in one_import_each(statement):
                    try:
                        self.execute(part, flags)
                    except Exception as error:
                        first = first or error
                if first:
                    raise first

            yield statement.lineno, run

    def execute(self, statement: ast.stmt, flags: int) -> None:
        """Run a statement; what it would bind says so if something is not there."""
        tree = ast.Module([statement], [])
        options = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(tree, STUDENT_FILE, "exec", options, dont_inherit=True)
        try:
            if inspect.iscoroutine(waiting := eval(code, self.namespace)):
                asyncio.run(waiting)
        except NotAllowed as error:
            absent = Absent(str(error))
            self.namespace.update(dict.fromkeys(names_bound_by(statement), absent))
            raise

    def run_part(self, source: str) -> None:
        """Run the lines below a magic command; the first error is raised after all of them."""
        first: BaseException | None = None
        for _, run in self.statements(source):
            try:
                run()
            except Exception as error:
                first = first or error
        if first:
            raise first

    def fork(
        self,
        channel: socket.socket,
        work: Callable[[socket.socket, Session], None],
        new_channel: socket.socket,
    ) -> int:
        """Fork a process that works with the variables as they are, on a channel of its own."""
        if process := os.fork():
            return process
        channel.close()
        os.setpgid(0, 0)
        work(new_channel, self)
        os._exit(0)


def serve_item(channel: socket.socket, session: Session) -> None:
    """Do what is sent with the variables of the notebook, and answer with all that comes of it."""
    process = os.getpid()
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    for reply in receive(channel)(session.namespace):
        if os.getpid() != process:  # the submission has forked, and the child came here
            os._exit(0)
        answer(channel, {"seen": reply})
    answer(channel, {"done": True})


def one_import_each(statement: ast.stmt) -> Iterator[ast.stmt]:
    """Yield an import of several names as one of each: what is not there costs itself alone."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield ast.copy_location(ast.Import([alias]), statement)
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            single = ast.ImportFrom(statement.module, [alias], statement.level)
            yield ast.copy_location(single, statement)
    else:
        yield statement


def names_bound_by(statement: ast.stmt) -> list[str]:
    """Return the names that a statement of a notebook would bind."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [statement.name]
    names = []
    for node in ast.walk(statement):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return names


class Shell:
    """What ``get_ipython()`` returns: IPython's dialect calls it for magics and shell commands."""

    def __init__(self, execute: Callable[[str], None]) -> None:
        self.__execute = execute

    def run_line_magic(self, name: str, line: str, **_: Any) -> None:
        """Run the statement of ``%time``, ignore other line magics."""
        if name == "time":
            self.__execute(line)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Run the cell below ``%%time`` and similar magics, write that of ``%%writefile``."""
        if name in ("time", "timeit", "capture", "prun"):
            self.__execute(re.sub(r"^\s*[!%].*$", "", cell, flags=re.M))
        elif name == "writefile":
            Path(line.split()[-1]).write_text(cell, encoding="utf-8")

    def system(self, command: str) -> None:
        """Ignore commands of the system's shell."""

    getoutput = system


def main() -> None:
    """Start a bench on the channel whose descriptor is the argument."""
    sys.path.insert(0, str(Path(__file__).parent))
    jail = import_module("jail")
    del sys.path[0]
    serve_bench(socket.socket(fileno=int(sys.argv[1])), jail)


if __name__ == "__main__":
    main()
