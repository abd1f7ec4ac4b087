"""The process that runs a student's code: what comes out of it is JSON, and arrays as bytes.

This is no sandbox: it guards against mistakes and short cuts, not against malice.
"""

from __future__ import annotations

import base64
import builtins
import io
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np
import scipy.special  # noqa: F401 (so that open_ufuncs finds it loaded)

from nnlib import check
from nnlib.check import Other, Raised, Seen

from .rubric import Item, Rubric

HOME = Path(__file__).resolve().parent.parent
STUDENT = "<the submission"
# Code of these is the grader's own.
OWN = {"rubrics", "grading"}
GUARDED: tuple[Any, ...] = (
    *(module for name, module in sys.modules.items() if name.startswith("nnlib.check")),
    *(check.Check, check.Report, check.Misconception, check.Result),
    *(np, np.linalg, np.random),
)


# --- what crosses ---------------------------------------------------------------------------------


def pack(seen: Seen) -> Any:
    """Return what was seen as JSON can hold it."""
    if isinstance(seen, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, seen, allow_pickle=False)
        return {"array": base64.b64encode(buffer.getvalue()).decode()}
    if isinstance(seen, Raised):
        return {"raised": [seen.kind[:100], seen.message[:1000]]}
    return {"other": seen.kind[:100]} if isinstance(seen, Other) else seen


def unpack(packed: Any) -> Seen:
    """Return what :func:`pack` was given; nothing in it is run."""
    if isinstance(packed, dict) and "array" in packed:
        data = io.BytesIO(base64.b64decode(packed["array"]))
        array = np.load(data, allow_pickle=False)
        return array if isinstance(array, np.ndarray) else Other("archive")
    if isinstance(packed, dict) and "raised" in packed:
        return Raised(*map(str, packed["raised"]))
    if isinstance(packed, dict):
        return Other(str(packed.get("other")))
    return packed if packed is None else str(packed)


# --- what is noticed ------------------------------------------------------------------------------


class Watch:
    """Notices whose functions run while an item is graded, whatever name they go by."""

    def __init__(self, allowed: set[str]) -> None:
        self.allowed = allowed | OWN | sys.stdlib_module_names | {"__main__", "builtins"}
        self.found: dict[str, None] = {}
        self.permitted: set[CodeType] = set()
        self.active = self.watching = self.busy = False
        sys.addaudithook(self.audit)

    def profile(self, frame: FrameType, event: str, function: Any) -> None:
        """Look at every call, of Python and of C, until one is found."""
        if self.found:
            return
        if event == "call":
            module, name = module_of(frame), frame.f_code.co_qualname
        elif event == "c_call":
            owner = type(getattr(function, "__self__", function))
            module = getattr(function, "__module__", None) or owner.__module__
            name = function.__qualname__
            if function is sys.setprofile and asked_for(frame):
                self.found["sys.setprofile was called"] = None
        else:
            return
        if module.partition(".")[0] not in self.allowed and self.from_student(frame):
            self.found[f"{module}.{name} was called"] = None

    def from_student(self, frame: FrameType | None) -> bool:
        """Tell whether it was the student's code that led here, and not the reference's."""
        while frame and not frame.f_code.co_filename.startswith(STUDENT):
            package = module_of(frame).partition(".")[0]
            if frame.f_code in self.permitted or package in OWN | {"importlib"}:
                return False
            frame = frame.f_back
        return frame is not None

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what Python reports of itself."""
        if not self.active or self.busy:
            return
        self.busy = True
        try:
            if event == "open" and self.is_ours(arguments[0]) and asked_for(sys._getframe(1)):
                self.found[f"{Path(os.fsdecode(arguments[0])).name} was opened"] = None
                raise PermissionError("the grader's files are not for submissions")
            if event == "import":
                self.importing(arguments[0])
            elif event in ("gc.get_objects", "gc.get_referrers"):
                self.found[f"{event} was called"] = None
            elif event == "sys._getframe" and asked_for(sys._getframe(1), {"inspect"}):
                self.found["the grader's frames were looked at"] = None
        finally:
            self.busy = False

    @staticmethod
    def is_ours(path: Any) -> bool:
        """Tell whether a file belongs to the rubrics."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        return os.path.realpath(os.fsdecode(path)).startswith(f"{HOME}{os.sep}")

    def importing(self, module: str) -> None:
        """Refuse a module that is not allowed, where an item imports it while it is graded."""
        package = module.partition(".")[0]
        foreign = self.watching and package not in self.allowed
        if package in OWN or (foreign and asked_for(sys._getframe(2))):
            self.found[f"{module} was imported"] = None
            raise ImportError(f"{module} is not for this item")

    @contextmanager
    def over(self, item: Item) -> Iterator[None]:
        """Watch while an item is graded."""
        self.permitted = {code for need in item.needs.values() for code in codes(need)}
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)
        self.active = self.watching = True
        try:
            yield
        finally:
            self.active = self.watching = False
            sys.setprofile(None)
            threading.setprofile(None)


def asked_for(frame: FrameType | None, through: Container[str] = sys.stdlib_module_names) -> bool:
    """Tell whether the student's code does something, itself or through modules of Python's own."""
    while frame and module_of(frame).partition(".")[0] in through:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(STUDENT)


def module_of(frame: FrameType) -> str:
    """Return the name of the module whose code runs in a frame."""
    return frame.f_globals.get("__name__") or ""


def codes(function: Any) -> set[CodeType]:
    """Return the code that runs when a reference is used."""
    if isinstance(function, type):
        return {f.__code__ for f in vars(function).values() if isinstance(f, FunctionType)}
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType):
        function = type(function).__call__
    return {function.__code__} if isinstance(function, FunctionType) else set()


def open_ufuncs(modules: dict[str, ModuleType]) -> None:
    """Let calls of scipy.special's ufuncs be seen: as C functions of NumPy's kind, they are not."""
    shown: dict[int, FunctionType] = {}
    for name, module in modules.items():
        if not name.startswith("scipy.special"):
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, np.ufunc) and not hasattr(np, key):
                if id(value) not in shown:
                    shown[id(value)] = shown_as(value, key)
                setattr(module, key, shown[id(value)])


def shown_as(ufunc: np.ufunc, name: str) -> FunctionType:
    """Return a function of Python's that does what the ufunc does."""

    def call(*arguments: Any, **options: Any) -> Any:
        return __ufunc__(*arguments, **options)  # type: ignore[name-defined]  # noqa: F821

    code = call.__code__.replace(co_name=name, co_qualname=name)
    space = {"__name__": "scipy.special", "__builtins__": builtins, "__ufunc__": ufunc}
    return FunctionType(code, space, name)


# --- the process ----------------------------------------------------------------------------------


def serve(connection: Connection, rubric_name: str, folder: str, memory: int, cpu: int) -> None:
    """Run cells and items as they come, until the connection ends."""
    own = os.getpid()
    os.setsid()
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
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
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HOME]
    open_ufuncs(dict(sys.modules))
    session = Session(rubric)
    while True:
        request = json.loads(connection.recv_bytes())
        for reply in session.answer(request):
            if os.getpid() != own:  # a child of the submission's came back to here
                os._exit(0)
            connection.send_bytes(json.dumps(reply).encode())


class Session:
    """The variables of one notebook, and what is noticed in it."""

    def __init__(self, rubric: Rubric) -> None:
        self.rubric = rubric
        self.watch = Watch({*rubric.allowed})
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.namespace |= {"display": lambda *_, **__: None, "get_ipython": lambda: self}
        self.guarded = [(thing, dict(vars(thing))) for thing in GUARDED]
        self.wrap = self.compiled(
            "lambda function: lambda *arguments: function(*arguments)", "eval"
        )

    def answer(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Run a cell or see an item; the last reply says what was noticed."""
        self.watch.found = {}
        if "cell" in request:
            error = self.run(request["cell"])
        else:
            item = self.rubric.items[request["item"]]
            error = None
            with self.watch.over(item):
                for seen in item.see(self.namespace, request["seed"], self.eval_wrap):
                    yield {"seen": pack(seen)}
        self.mend()
        yield {"error": error, "noticed": list(self.watch.found)}

    def eval_wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as called by a line of the submission, and watch again.

        An error in the watch itself, such as of too deep a recursion, has ended it.
        """
        sys.setprofile(self.watch.profile)
        return eval(self.wrap, {"__name__": "__main__"})(function)

    def run(self, source: str) -> str | None:
        """Run a cell, and return the error that it raised."""
        self.watch.active = True
        try:
            exec(self.compiled(source), self.namespace)
        except BaseException as error:
            return f"{type(error).__name__}: {error}".removesuffix(": ")[:1000]
        finally:
            self.watch.active = False
        return None

    def compiled(self, source: str, mode: str = "exec") -> CodeType:
        """Return code, of IPython's dialect where it is not Python."""
        name = f"{STUDENT}>"
        try:
            return compile(source, name, mode)
        except SyntaxError:
            from IPython.core.inputtransformer2 import TransformerManager

            return compile(TransformerManager().transform_cell(source), name, mode)

    def mend(self) -> None:
        """Notice what was changed in NumPy or nnlib.check, and change it back."""
        for thing, before in self.guarded:
            now = vars(thing)
            for name in [name for name in before if now.get(name) is not before[name]]:
                self.watch.found[f"{thing.__name__}.{name} was changed"] = None
                setattr(thing, name, before[name])

    # What IPython's dialect calls. A magic that only times or captures runs what it is given.

    def run_line_magic(self, name: str, line: str, **_: Any) -> None:
        """Run the statement of ``%time``; leave all others."""
        if name in ("time", "timeit"):
            exec(self.compiled(line), self.namespace)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Run the cell below ``%%time`` and its like; leave all others."""
        if name in ("time", "timeit", "capture", "prun"):
            exec(self.compiled(cell), self.namespace)

    def system(self, command: str) -> None:
        """Leave the commands of a shell."""

    getoutput = system
