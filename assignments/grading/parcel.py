"""What travels between a judge and the process in which an item runs: functions there, JSON back.

Functions travel by value, so that nothing of the grader or of nnlib need be where they arrive. No
solution travels with them, but for those of earlier functions that an item builds on.
"""

from __future__ import annotations

import base64
import io
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cloudpickle
import numpy as np

from nnlib.check import Check, Function, Misconception, Other, Raised, Seen, Suite, look

from .submission import replace_surrogates

MAX_ARRAY_BYTES = 2**26
Program = Callable[[dict[str, Any]], Iterator[Any]]


def make_program(
    name: str,
    checks: Sequence[Check],
    needs: Mapping[str, Function],
    seed: int,
    secret: frozenset[int] = frozenset(),
) -> Program:
    """Return a function that runs what a notebook has under a name, and yields what checks see.

    Parameters
    ----------
    name : str
    checks : sequence of Check
    needs : mapping
        Functions that are put into the notebook's variables first.
    seed : int
    secret : set of int
        Identities of functions that must not travel, such as solutions.

    Raises
    ------
    TypeError
        If something secret would travel with what a check observes.
    """
    given = {key: dump(need) for key, need in needs.items()}
    looks = [(dump(one.observe, secret), dump(one.arguments(seed), secret)) for one in checks]

    def program(namespace: dict[str, Any]) -> Iterator[Any]:
        namespace.update({key: pickle.loads(need) for key, need in given.items()})
        for observe, arguments in looks:
            if name in namespace:
                seen = look(pickle.loads(observe), namespace[name], pickle.loads(arguments))
            else:
                seen = Raised("NameError", f"name '{name}' is not defined")
            yield pack(seen)

    return program


class Parcel(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles by value, and refuses what must not travel."""

    def __init__(self, file: io.BytesIO, secret: frozenset[int]) -> None:
        super().__init__(file)
        self.secret = secret

    def reducer_override(self, thing: Any) -> Any:
        """Refuse a check or a solution, leave the rest to cloudpickle."""
        if isinstance(thing, (Check, Suite, Misconception)) or id(thing) in self.secret:
            raise TypeError(f"{thing} must not be in reach of what a check observes")
        return super().reducer_override(thing)


def dump(thing: Any, secret: frozenset[int] = frozenset()) -> bytes:
    """Return something as bytes, with all code of the course that it refers to."""
    names = {"nnlib", "grading", "rubrics", getattr(thing, "__module__", None)}
    ours = [sys.modules[name] for name in names - {"builtins", None} if name in sys.modules]
    for module in ours:
        cloudpickle.register_pickle_by_value(module)
    try:
        file = io.BytesIO()
        Parcel(file, secret).dump(thing)
        return file.getvalue()
    finally:
        for module in ours:
            cloudpickle.unregister_pickle_by_value(module)


def pack(seen: Seen) -> Any:
    """Return what a check saw, as JSON can hold it."""
    if isinstance(seen, Raised):
        return {"raised": [to_text(seen.kind, 100), to_text(seen.message, 1000)]}
    if isinstance(seen, Other):
        return {"other": to_text(seen.kind, 100), "numbers": pack(seen.numbers)}
    if not isinstance(seen, np.ndarray):
        return seen if seen is None else to_text(seen, MAX_ARRAY_BYTES)
    if seen.nbytes > MAX_ARRAY_BYTES:
        return {"other": f"array of {seen.nbytes / 2**20:.0f} MiB", "numbers": None}
    buffer = io.BytesIO()
    np.save(buffer, seen, allow_pickle=False)
    return {"array": base64.b64encode(buffer.getvalue()).decode()}


def to_text(text: str, length: int) -> str:
    """Return the beginning of a text, without what UTF-8 cannot hold (lone surrogates)."""
    return replace_surrogates(str(text)[:length])


def unpack(packed: Any) -> Seen:
    """Return what :func:`pack` was given. Nothing in it is executed.

    Raises
    ------
    ValueError
        If it does not have the form that pack gives.
    """
    match packed:
        case {"array": str(data)}:
            return unpack_array(base64.b64decode(data))
        case {"raised": [str(kind), str(message)]}:
            return Raised(kind, message)
        case {"other": str(kind), "numbers": numbers}:
            held = unpack(numbers)
            return Other(kind, held if isinstance(held, np.ndarray) else None)
        case str() | None:
            return packed
    raise ValueError("not of pack's making")


def unpack_array(data: bytes) -> np.ndarray:
    """Return an array in NumPy's format; what is something else is a ValueError."""
    try:
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (MemoryError, RecursionError):  # its header asks for too much
        raise ValueError("not of pack's making") from None
