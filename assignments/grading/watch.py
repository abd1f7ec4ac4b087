"""Watching which functions run while an item is graded, whatever name they were imported by.

A profiler sees every call, and an audit hook sees imports, opened files and new processes. What is
forbidden is kept in ``Watch.remarks``, as sentences for the student and the instructor.
"""

from __future__ import annotations

import builtins
import inspect
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from nnlib import check

from .rubric import Item

ASSIGNMENTS = Path(__file__).resolve().parent.parent
# The file name under which a student's code is compiled: frames with it are the student's.
STUDENT_FILE = "<the submission>"
GRADER_PACKAGES = {"rubrics", "grading"}
# Nothing in these packages is the answer to an item.
HARMLESS = {"tqdm", "IPython", "matplotlib", "PIL", "traitlets"}
PROCESS_EVENTS = {
    "subprocess.Popen",
    "os.system",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
    "os.exec",
}
CHECK_MODULES = [module for name, module in sys.modules.items() if name.startswith("nnlib.check")]
# A submission must not change these: the checks run on them.
GUARDED: tuple[Any, ...] = (
    *(*CHECK_MODULES, check.Check, check.Suite, check.Report, check.Misconception, check.Result),
    *(np, np.linalg, np.random),
)


class Watch:
    """Looks for forbidden things in what one submission does.

    Parameters
    ----------
    allowed : set of str
        Packages that its functions may use, beside Python's standard library.

    Attributes
    ----------
    remarks : dict of str to None
        The forbidden things that were done, in words: a set that keeps its order.
    active : bool
        Whether the student's code is running, in a cell or in an item.
    grading : bool
        Whether it is running in an item. What is forbidden only there may be used in cells.
    """

    def __init__(self, allowed: set[str]) -> None:
        # A call that comes from within one of these is the package's own affair. NumPy is not among
        # them: np.vectorize calls whatever function a student gives it.
        self.trusted_callers = allowed - {"numpy"}
        self.allowed = {*allowed, *GRADER_PACKAGES, *HARMLESS, *sys.stdlib_module_names}
        self.allowed |= {"__main__", "builtins", ""}
        self.remarks: dict[str, None] = {}
        self.reference_codes: set[CodeType] = set()
        self.active = self.grading = False
        self.snapshots = [(owner, dict(vars(owner))) for owner in GUARDED]
        sys.addaudithook(self.audit)

    def profile(self, frame: FrameType, event: str, function: Any) -> None:
        """Look at a call of Python or of C. The first forbidden one is enough."""
        if self.remarks:
            return
        if event == "call":
            module, name = module_name(frame), frame.f_code.co_qualname
        elif event == "c_call":
            owner = type(getattr(function, "__self__", function))
            module = getattr(function, "__module__", None) or owner.__module__
            name = function.__qualname__
        else:
            return
        package = module.partition(".")[0]
        if package in self.allowed or package.startswith("namedtuple_"):
            return
        if self.called_by_student(frame):
            self.remarks[f"{module}.{name} was called"] = None

    def called_by_student(self, frame: FrameType | None) -> bool:
        """Tell whether a call comes from the student's code, and not through a reference's."""
        package = ""
        trusted = GRADER_PACKAGES | {"importlib"} | self.trusted_callers
        while frame and frame.f_code.co_filename != STUDENT_FILE:
            package = module_name(frame).partition(".")[0]
            if frame.f_code in self.reference_codes or package in trusted:
                return False
            frame = frame.f_back
        # In a thread, the outermost frame is one of threading, not a line of the submission.
        return frame is not None or package == "threading"

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at an audit event, which comes before the act; refuse what leads to the answers."""
        if not self.active:
            return
        if event == "open" and is_grader_file(arguments[0]):
            self.remarks[f"{Path(os.fsdecode(arguments[0])).name} was opened"] = None
            raise PermissionError("the grader's files are not for submissions")
        if event == "import":
            self.check_import(arguments[0])
        elif event in PROCESS_EVENTS and self.grading:
            self.remarks[f"{event} was called"] = None
            raise PermissionError("an item is graded in one process")

    def check_import(self, module: str) -> None:
        """Refuse the grader's own modules and, in an item, those that are not allowed."""
        package = module.partition(".")[0]
        foreign = self.grading and package not in self.allowed
        if package in GRADER_PACKAGES or (foreign and requested_by_student(sys._getframe(2))):
            self.remarks[f"{module} was imported"] = None
            raise ImportError(f"{module} is not for this item")

    @contextmanager
    def watch_item(self, item: Item) -> Iterator[None]:
        """Watch while an item is graded."""
        references = item.needs.values()
        self.reference_codes = {code for function in references for code in code_objects(function)}
        threading.setprofile(self.profile)
        self.set_profiler()
        self.active = self.grading = True
        try:
            yield
        finally:
            self.active = self.grading = False
            sys.setprofile(None)
            threading.setprofile(None)

    def set_profiler(self) -> None:
        """See every call from here on. A recursion that is too deep makes Python stop profiling."""
        sys.setprofile(self.profile)

    def check_profiler(self) -> None:
        """Notice if the submission has taken the profiler off."""
        if sys.getprofile() != self.profile:
            self.remarks["the watch was taken off"] = None

    def restore_snapshots(self) -> None:
        """Undo changes in NumPy and nnlib.check; notice those that could change a verdict."""
        for owner, before in self.snapshots:
            now = vars(owner)
            for name in [key for key in before if now.get(key) is not before[key]]:
                # No check is passed by another np.pi, but one may be by another np.isclose.
                if owner.__name__ != "numpy" or callable(before[name]):
                    self.remarks[f"{owner.__name__}.{name} was changed"] = None
                setattr(owner, name, before[name])


def is_grader_file(path: Any) -> bool:
    """Tell whether a file is a rubric or an assignment's source, which holds the solutions."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    real = Path(os.path.realpath(os.fsdecode(path)))
    return real.is_relative_to(ASSIGNMENTS / "rubrics") or real.is_relative_to(
        ASSIGNMENTS / "source"
    )


def requested_by_student(frame: FrameType | None) -> bool:
    """Tell whether the student's code asks for it, itself or through Python's standard library."""
    while frame and module_name(frame).partition(".")[0] in sys.stdlib_module_names:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == STUDENT_FILE


def module_name(frame: FrameType) -> str:
    """Return the name of the module whose code runs in a frame."""
    return frame.f_globals.get("__name__") or ""


def code_objects(function: Any) -> set[CodeType]:
    """Return the code that runs when a function, a method or a class is used."""
    # All that one decorator has wrapped share the wrapper's code, the answers among them.
    function = inspect.unwrap(function)
    if isinstance(function, type):
        methods = vars(function).values()
        return {method.__code__ for method in methods if isinstance(method, FunctionType)}
    function = getattr(function, "__func__", function)
    if not isinstance(function, FunctionType):
        function = type(function).__call__
    return {function.__code__} if isinstance(function, FunctionType) else set()


def wrap_ufuncs(modules: dict[str, ModuleType]) -> None:
    """Put Python functions in place of scipy.special's ufuncs, whose calls no profiler sees."""
    wrappers: dict[int, FunctionType] = {}
    for name, module in modules.items():
        if not name.startswith(("scipy.special", "nnlib")):
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, np.ufunc) and not hasattr(np, key):
                if id(value) not in wrappers:
                    wrappers[id(value)] = wrap_ufunc(value, key)
                setattr(module, key, wrappers[id(value)])


def wrap_ufunc(ufunc: np.ufunc, name: str) -> FunctionType:
    """Return a Python function that does what the ufunc does, under its name."""

    def call(*arguments: Any, **options: Any) -> Any:
        return __ufunc__(*arguments, **options)  # type: ignore[name-defined]  # noqa: F821

    code = call.__code__.replace(co_name=name, co_qualname=name)
    namespace = {"__name__": "scipy.special", "__builtins__": builtins, "__ufunc__": ufunc}
    return FunctionType(code, namespace, name)
