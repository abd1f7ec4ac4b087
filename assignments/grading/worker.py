"""The process that runs a student's code: what comes out of it is JSON, and arrays as bytes.

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
import scipy.special  # noqa: F401 (so that open_ufuncs finds it loaded)

from nnlib.check import Other, Raised, Seen

from .rubric import Rubric
from .submission import clean
from .watch import HOME, OWN, STUDENT, Watch, open_ufuncs

LARGEST = 2**26
Function = Callable[..., Any]


# --- what crosses ---------------------------------------------------------------------------------


def pack(seen: Seen) -> Any:
    """Return what was seen as JSON can hold it."""
    if isinstance(seen, np.ndarray) and seen.nbytes > LARGEST:
        seen = Other(f"array of {seen.nbytes / 2**20:.0f} MiB")
    if isinstance(seen, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, seen, allow_pickle=False)
        return {"array": base64.b64encode(buffer.getvalue()).decode()}
    if isinstance(seen, Raised):
        return {"raised": [clean(seen.kind)[:100], clean(seen.message)[:1000]]}
    if isinstance(seen, Other):
        return {"other": clean(seen.kind)[:100]}
    return seen if seen is None else clean(seen)


def unpack(packed: Any) -> Seen:
    """Return what :func:`pack` was given; nothing in it is run.

    Raises
    ------
    ValueError
        If it is not of pack's making.
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
    """Let the system end this process when the one that started it ends, where it can."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent and (parent or os.getppid() == 1):  # it has ended already
        os._exit(1)


def serve(channel: socket.socket, rubric_name: str, folder: str, memory: int, cpu: int) -> None:
    """Run cells and items as they come, a line each, until the channel is closed."""
    own = os.getpid()
    end_with_parent()
    os.setsid()
    # Among them is what keeps the fork server alive, and so what it has forked.
    os.closerange(3, channel.fileno())
    os.closerange(channel.fileno() + 1, 1024)
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "Agg"
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing's was among the closed
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 2**26),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    rubric: Rubric = import_module(f"rubrics.{rubric_name}").RUBRIC
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
    # Modules that the submission writes lie in its folder, the rubrics in none.
    sys.path[:] = [folder, *(path for path in sys.path if path not in (str(HOME), ""))]
    open_ufuncs(dict(sys.modules))
    session = Session(rubric)
    for line in channel.makefile("rb"):
        for reply in session.answer(json.loads(line)):
            if os.getpid() != own:  # a child of the submission's came back to here
                os._exit(0)
            channel.sendall(json.dumps(reply).encode() + b"\n")


class Session:
    """The variables of one notebook."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.watch = Watch({*rubric.allowed})
        shell = Shell(self.execute)
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.namespace |= {"display": lambda *_, **__: None, "get_ipython": lambda: shell}
        self.wrap = compiled("lambda function: lambda *given: function(*given)", "eval")

    def answer(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Run a cell or see an item; the last reply says what was noticed."""
        self.watch.found = {}
        errors: list[str] = []
        if "cell" in request:
            errors = self.run(request["cell"], request["defined"])
        else:
            item = self.rubric.items[request["item"]]
            with self.watch.over(item):
                for seen in item.see(
                    self.namespace, request["seed"], request["own"], self.as_called
                ):
                    if not (isinstance(seen, Raised) and seen.kind == "RecursionError"):
                        self.watch.taken_off()
                    yield {"seen": pack(seen)}
        self.watch.mend()
        yield {"errors": errors, "noticed": [clean(found) for found in self.watch.found]}

    def as_called(self, function: Function) -> Function:
        """Return the function as called by a line of the submission, and watched."""
        self.watch.again()
        wrapped: Function = eval(self.wrap, {"__name__": "__main__"})(function)
        return wrapped

    def run(self, source: str, defined: bool) -> list[str]:
        """Run a cell, or only what it defines, and return the errors that it raised."""
        missing: list[str] = []
        self.namespace[MISSING] = lambda error: missing.append(clean(str(error)))
        self.watch.active = True
        try:
            self.execute(source, defined)
        except BaseException as error:
            words = f"{type(error).__name__}: {error}".removesuffix(": ")
            return [*missing, clean(words)[:1000]]
        finally:
            self.watch.active = False
            self.namespace.pop(MISSING, None)
        return missing

    def execute(self, source: str, defined: bool = False) -> None:
        """Run source in the notebook's variables."""
        exec(compiled(source, defined=defined), self.namespace)


MISSING = "__missing__"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def compiled(source: str, mode: str = "exec", defined: bool = False) -> CodeType:
    """Return code, of IPython's dialect where it is not Python.

    A package that is missing here ends no cell. With ``defined``, only functions, classes and
    imports are kept.
    """
    try:
        tree: Any = compile(source, STUDENT, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
        tree = compile(source, STUDENT, mode, ast.PyCF_ONLY_AST, dont_inherit=True)
    if mode == "exec":
        kept = DEFINITIONS if defined else ast.stmt
        tree.body = [guarded(node) for node in tree.body if isinstance(node, kept)]
    code: CodeType = compile(ast.fix_missing_locations(tree), STUDENT, mode, dont_inherit=True)
    return code


def guarded(statement: ast.stmt) -> ast.stmt:
    """Return a statement that goes on where a package is missing that it imports."""
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
    """What IPython's dialect calls. A magic that only times or captures runs what it is given."""

    def __init__(self, execute: Callable[[str], None]) -> None:
        self.__execute = execute

    def run_line_magic(self, name: str, line: str, **_: Any) -> None:
        """Run the statement of ``%time``; leave all others."""
        if name == "time":
            self.__execute(line)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Run the cell below ``%%time`` and its like, write that of ``%%writefile``."""
        if name in ("time", "timeit", "capture", "prun"):
            self.__execute(cell)
        elif name == "writefile":
            Path(line.split()[-1]).write_text(cell, encoding="utf-8")

    def system(self, command: str) -> None:
        """Leave the commands of a shell."""

    getoutput = system
