"""Noticing whose functions run while an item is graded, whatever name they were imported by."""

from __future__ import annotations

import builtins
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

HOME = Path(__file__).resolve().parent.parent
STUDENT = "<the submission>"
# Code of these is the grader's own.
OWN = {"rubrics", "grading"}
# What these do is no answer to any item.
HARMLESS = {"tqdm", "IPython", "matplotlib", "PIL", "traitlets"}
PROCESSES = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec"}
CHECKER = [module for name, module in sys.modules.items() if name.startswith("nnlib.check")]
GUARDED: tuple[Any, ...] = (
    *(*CHECKER, check.Check, check.Report, check.Misconception, check.Result),
    *(np, np.linalg, np.random),
)


class Watch:
    """What is noticed in one submission.

    Parameters
    ----------
    allowed : set of str
        Packages that its functions may use, beside Python's own.
    """

    def __init__(self, allowed: set[str]) -> None:
        # NumPy calls back what it is given; a call from within the others is theirs.
        self.passing = allowed - {"numpy"}
        self.allowed = {*allowed, *OWN, *HARMLESS, *sys.stdlib_module_names}
        self.allowed |= {"__main__", "builtins", ""}
        self.found: dict[str, None] = {}
        self.permitted: set[CodeType] = set()
        self.active = self.watching = False
        self.guarded = [(thing, dict(vars(thing))) for thing in GUARDED]
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
        else:
            return
        package = module.partition(".")[0]
        if package in self.allowed or package.startswith("namedtuple_"):
            return
        if self.from_student(frame):
            self.found[f"{module}.{name} was called"] = None

    def from_student(self, frame: FrameType | None) -> bool:
        """Tell whether it was the student's code that led here, and not the reference's."""
        package = ""
        while frame and frame.f_code.co_filename != STUDENT:
            package = module_of(frame).partition(".")[0]
            if frame.f_code in self.permitted or package in OWN | {"importlib"} | self.passing:
                return False
            frame = frame.f_back
        return frame is not None or package == "threading"

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Look at what Python reports of itself; refuse what leads to the answers."""
        if not self.active:
            return
        if event == "open" and is_ours(arguments[0]):
            self.found[f"{Path(os.fsdecode(arguments[0])).name} was opened"] = None
            raise PermissionError("the grader's files are not for submissions")
        if event == "import":
            self.importing(arguments[0])
        elif event in PROCESSES and self.watching:
            self.found[f"{event} was called"] = None
            raise PermissionError("an item is graded in one process")

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
        self.again()
        self.active = self.watching = True
        try:
            yield
        finally:
            self.active = self.watching = False
            sys.setprofile(None)
            threading.setprofile(None)

    def again(self) -> None:
        """Watch from here on, if an error such as of too deep a recursion has ended it."""
        sys.setprofile(self.profile)

    def taken_off(self) -> None:
        """Notice that the submission has ended the watch."""
        if sys.getprofile() != self.profile:
            self.found["the watch was taken off"] = None

    def mend(self) -> None:
        """Change back what was changed in NumPy or nnlib.check; notice it where it could matter."""
        for thing, before in self.guarded:
            now = vars(thing)
            for name in [name for name in before if now.get(name) is not before[name]]:
                if thing.__name__ != "numpy" or callable(before[name]):
                    self.found[f"{thing.__name__}.{name} was changed"] = None
                setattr(thing, name, before[name])


def is_ours(path: Any) -> bool:
    """Tell whether a file belongs to the rubrics or holds solutions."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    real = Path(os.path.realpath(os.fsdecode(path)))
    return real.is_relative_to(HOME / "rubrics") or real.is_relative_to(HOME / "source")


def asked_for(frame: FrameType | None) -> bool:
    """Tell whether the student's code does something, itself or through modules of Python's own."""
    while frame and module_of(frame).partition(".")[0] in sys.stdlib_module_names:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == STUDENT


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
    """Let calls of scipy.special's ufuncs be seen: they are neither Python nor a C function."""
    shown: dict[int, FunctionType] = {}
    for name, module in modules.items():
        if not name.startswith(("scipy.special", "nnlib")):
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
