"""The process that runs a student's code. Only JSON comes out of it, with arrays as bytes.

This is no sandbox: it guards against mistakes and short cuts, not against malice.
"""

from __future__ import annotations

import ast
import base64
import ctypes
import io
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import scipy.special  # noqa: F401 (so that wrap_ufuncs finds it loaded)

from nnlib.check import Other, Raised, Seen

from .rubric import Rubric
from .submission import replace_surrogates
from .watch import ASSIGNMENTS, GRADER_PACKAGES, STUDENT_FILE, Watch, wrap_ufuncs

MAX_ARRAY_BYTES = 2**26
MAX_FILE_BYTES = 2**26
Function = Callable[..., Any]


# --- between the processes ------------------------------------------------------------------------


def pack(seen: Seen) -> Any:
    """Return what a check saw, as JSON can hold it."""
    if isinstance(seen, np.ndarray) and seen.nbytes > MAX_ARRAY_BYTES:
        seen = Other(f"array of {seen.nbytes / 2**20:.0f} MiB")
    if isinstance(seen, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, seen, allow_pickle=False)
        return {"array": base64.b64encode(buffer.getvalue()).decode()}
    if isinstance(seen, Raised):
        return {
            "raised": [replace_surrogates(seen.kind)[:100], replace_surrogates(seen.message)[:1000]]
        }
    if isinstance(seen, Other):
        return {"other": replace_surrogates(seen.kind)[:100]}
    return seen if seen is None else replace_surrogates(seen)


def unpack(packed: Any) -> Seen:
    """Return what :func:`pack` was given. Nothing in it is executed.

    Raises
    ------
    ValueError
        If it does not have the form that pack gives.
    """
    match packed:
        case {"array": str(data)}:
            array = np.load(io.BytesIO(base64.b64decode(data)), allow_pickle=False)
            return array if isinstance(array, np.ndarray) else Other("archive")
        case {"raised": [str(kind), str(message)]}:
            return Raised(kind, message)
        case {"other": str(kind)}:
            return Other(kind)
        case str() | None:
            return packed
    raise ValueError("not of pack's making")


# --- the process ----------------------------------------------------------------------------------


def end_with_parent(parent: int | None = None) -> None:
    """Let the system end this process when its parent ends, where the system can do that."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent and (parent or os.getppid() == 1):  # it has already ended
        os._exit(1)


def serve(
    channel: socket.socket, rubric_name: str, folder: str, memory: int, cpu_seconds: int
) -> None:
    """Answer requests, one JSON object a line, until the channel is closed."""
    process_id = os.getpid()
    end_with_parent()
    os.setsid()
    isolate(channel, folder)
    set_limits(memory, cpu_seconds)
    rubric = import_rubric(rubric_name, folder)
    wrap_ufuncs(dict(sys.modules))
    session = Session(rubric)
    for line in channel.makefile("rb"):
        for reply in session.answer(json.loads(line)):
            if os.getpid() != process_id:  # the submission has forked, and the child came here
                os._exit(0)
            channel.sendall(json.dumps(reply).encode() + b"\n")


def isolate(channel: socket.socket, folder: str) -> None:
    """Leave the process its own folder, and of the open files only the channel."""
    # One of the closed files keeps the fork server alive, and through it every process it forked.
    os.closerange(3, channel.fileno())
    os.closerange(channel.fileno() + 1, 1024)
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "Agg"
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    # multiprocessing had put a file of its own here, which is now closed.
    sys.stdin = os.fdopen(0, closefd=False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def set_limits(memory: int, cpu_seconds: int) -> None:
    """Limit what the process may use. It cannot raise the limits again."""
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def import_rubric(name: str, folder: str) -> Rubric:
    """Return a rubric, and take its modules away from the student's imports."""
    rubric: Rubric = import_module(f"rubrics.{name}").RUBRIC
    for module in [key for key in sys.modules if key.partition(".")[0] in GRADER_PACKAGES]:
        del sys.modules[module]
    # A submission may write modules into its folder and import them.
    sys.path[:] = [folder, *(path for path in sys.path if path not in (str(ASSIGNMENTS), ""))]
    return rubric


class Session:
    """The variables of one notebook, and the watch over what its code does."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.watch = Watch({*rubric.allowed})
        shell = Shell(self.execute)
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.namespace |= {"display": lambda *_, **__: None, "get_ipython": lambda: shell}
        self.wrapper = compile_source("lambda function: lambda *given: function(*given)", "eval")

    def answer(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Run a cell or an item; the last reply says which forbidden things were noticed."""
        self.watch.remarks = {}
        errors: list[str] = []
        if "cell" in request:
            errors = self.run_cell(request["cell"], request["definitions_only"])
        else:
            yield from self.run_item(request)
        self.watch.restore_snapshots()
        yield {
            "errors": errors,
            "noticed": [replace_surrogates(remark) for remark in self.watch.remarks],
        }

    def run_cell(self, source: str, definitions_only: bool) -> list[str]:
        """Run a cell, or only its definitions, and return the errors that it raised."""
        missing: list[str] = []
        self.namespace[MISSING] = lambda error: missing.append(replace_surrogates(str(error)))
        self.watch.active = True
        try:
            self.execute(source, definitions_only)
        except BaseException as error:
            words = f"{type(error).__name__}: {error}".removesuffix(": ")
            return [*missing, replace_surrogates(words)[:1000]]
        finally:
            self.watch.active = False
            self.namespace.pop(MISSING, None)
        return missing

    def run_item(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Run an item under the watch, and yield what each of its checks sees."""
        item = self.rubric.items[request["item"]]
        seed, own_needs = request["seed"], request["own_needs"]
        with self.watch.watch_item(item):
            for seen in item.see(self.namespace, seed, own_needs, self.wrap_function):
                # Python itself takes the profiler off where a recursion is too deep.
                if not (isinstance(seen, Raised) and seen.kind == "RecursionError"):
                    self.watch.check_profiler()
                yield {"seen": pack(seen)}

    def wrap_function(self, function: Function) -> Function:
        """Return the function with a line of the submission as its caller, and watched.

        The watch looks for such a line among the callers of a forbidden function, and a student may
        hand in the forbidden function itself: ``softmax = nnlib.softmax``.
        """
        self.watch.set_profiler()
        wrapped: Function = eval(self.wrapper, {"__name__": "__main__"})(function)
        return wrapped

    def execute(self, source: str, definitions_only: bool = False) -> None:
        """Run source in the notebook's variables."""
        exec(compile_source(source, definitions_only=definitions_only), self.namespace)


# The name under which a cell reports a package that is not installed here.
MISSING = "__missing__"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def compile_source(source: str, mode: str = "exec", definitions_only: bool = False) -> CodeType:
    """Return the code object of Python, or of IPython's dialect.

    A missing package does not end a cell. With ``definitions_only``, all statements but functions,
    classes and imports are left out.
    """
    try:
        tree: Any = compile(source, STUDENT_FILE, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
        tree = compile(source, STUDENT_FILE, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    if mode == "exec":
        kinds = DEFINITIONS if definitions_only else ast.stmt
        tree.body = [tolerate_missing(node) for node in tree.body if isinstance(node, kinds)]
    code: CodeType = compile(ast.fix_missing_locations(tree), STUDENT_FILE, mode, dont_inherit=True)
    return code


def tolerate_missing(statement: ast.stmt) -> ast.stmt:
    """Return the statement; if it imports a package that is missing, only a note is made."""
    if not isinstance(statement, (ast.Import, ast.ImportFrom)):
        return statement
    if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
        return statement
    source = f"try: pass\nexcept ModuleNotFoundError as error: {MISSING}(error)"
    (attempt,) = ast.parse(source).body
    assert isinstance(attempt, ast.Try)
    attempt.body = [statement]
    return ast.copy_location(attempt, statement)


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
            self.__execute(cell)
        elif name == "writefile":
            Path(line.split()[-1]).write_text(cell, encoding="utf-8")

    def system(self, command: str) -> None:
        """Ignore commands of the system's shell."""

    getoutput = system
