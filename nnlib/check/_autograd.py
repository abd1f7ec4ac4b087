"""Checks of engines for backpropagation: on numbers, and on arrays."""

from __future__ import annotations

import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from types import FrameType
from typing import Any

import numpy as np

from nnlib._arrays import FloatArray
from nnlib.check._core import Arguments, Check, Function, Inputs, Misconception, Suite

__all__ = ["backward", "tensor_backward"]

Program = Callable[..., Any]

# A sweep of the largest program here takes less than 10,000 lines of anybody's engine; one that
# follows every path would take 2**30.
_MOST_STEPS = 100_000


class TooLong(Exception):
    pass


@contextmanager
def bounded() -> Iterator[None]:
    """Count the lines of Python that run in a block, and end it when they are too many.

    Where a debugger traces them already, it stays, and calls are counted in their place.
    """
    steps = 0
    set_counter = sys.settrace if sys.gettrace() is None else sys.setprofile

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps > _MOST_STEPS:
            raise TooLong
        return count

    set_counter(count)
    try:
        yield
    finally:
        set_counter(None)


# --- engines, right and wrong ---------------------------------------------------------------------

_NUMBERS = itertools.count()  # for each value, in the order in which they are made


class _Value:
    """A number or an array with its gradient, and the formulas that lead to its inputs."""

    def __init__(self, engine: _Engine, data: Any, sources: Any = ()) -> None:
        self.engine, self.sources = engine, sources
        self.number, self.users = next(_NUMBERS), list[_Value]()
        for source, _ in sources:
            source.users.append(self)
        self.data = np.asarray(data, float)
        self.grad = np.zeros_like(self.data)

    def _with(self, rule: str, *others: _Value) -> _Value:
        inputs = (self, *others)
        value, *formulas = (_RULES | self.engine.rules)[rule](*(x.data for x in inputs))
        pairs = list(zip(inputs, formulas, strict=True))
        return _Value(self.engine, value, self.engine.keep(pairs))

    def __add__(self, other: _Value) -> _Value:
        return self._with("+", other)

    def __sub__(self, other: _Value) -> _Value:
        return self._with("-", other)

    def __mul__(self, other: _Value) -> _Value:
        return self._with("*", other)

    def __matmul__(self, other: _Value) -> _Value:
        return self._with("@", other)

    def sum(self) -> _Value:
        return self._with("sum")

    def backward(self) -> None:
        self.engine.backward(self, self.engine)


def summed(g: Any, shape: tuple[int, ...]) -> FloatArray:
    """Return a gradient summed over what broadcasting has added to an input of the shape."""
    g = np.asarray(g)
    if g.ndim < len(shape) or g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i])
    return np.asarray(g.sum(axis=stretched, keepdims=True))


_RULES: dict[str, Function] = {
    "+": lambda a, b: (a + b, lambda g: g, lambda g: g),
    "-": lambda a, b: (a - b, lambda g: g, lambda g: -g),
    "*": lambda a, b: (a * b, lambda g: g * b, lambda g: g * a),
    "@": lambda a, b: (a @ b, lambda g: g @ b.T, lambda g: a.T @ g),
    "sum": lambda a: (a.sum(), lambda g: np.full(a.shape, g)),
}


def _post_order(root: _Value) -> list[_Value]:
    order: list[_Value] = []
    seen, stack = set[_Value](), [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(source, False) for source, _ in node.sources]
    return order


def _users_first(root: _Value) -> list[_Value]:
    return _post_order(root)[::-1]


def _breadth_first(root: _Value) -> list[_Value]:
    order, queue = [root], deque([root])
    while queue:
        for source, _ in queue.popleft().sources:
            if source not in order:
                order.append(source)
                queue.append(source)
    return order


def _depth_first(root: _Value, step: int = -1) -> list[_Value]:
    order, stack = list[_Value](), [root]
    while stack:
        node = stack.pop()
        if node not in order:
            order.append(node)
            stack += [source for source, _ in node.sources][::step]
    return order


def _right_first(root: _Value) -> list[_Value]:
    return _depth_first(root, step=1)


def _on_tape(root: _Value) -> list[_Value]:
    """Return all that shares a leaf with the root, used by it or not: the last made comes first."""
    found, stack = set[_Value](), [root]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [*node.users, *(source for source, _ in node.sources)]
    return sorted(found, key=lambda node: -node.number)


def _by_value(root: _Value) -> list[_Value]:
    """Return the order, without what equals something that is in it already."""
    seen, kept = set[float](), []
    for node in _users_first(root):
        if float(node.data.sum()) not in seen:
            kept.append(node)
        seen.add(float(node.data.sum()))
    return kept


def _added(node: _Value, g: FloatArray) -> None:
    node.grad = node.grad + g


def _replaced(node: _Value, g: FloatArray) -> None:
    node.grad = g


def _added_in_place(node: _Value, g: FloatArray) -> None:
    if node.grad.any():
        node.grad += g
    else:
        node.grad = g


def _once(node: _Value, g: FloatArray) -> None:
    if not node.grad.any():
        node.grad = g


def _swept(
    root: _Value,
    engine: _Engine,
    order: Callable[[_Value], list[_Value]] = _users_first,
    seed: float = 1.0,
    fresh: bool = True,
    chained: bool = True,
    late_is_lost: bool = False,
) -> None:
    nodes, visited = order(root), set[_Value]()
    for node in nodes if fresh else ():
        if node.sources:
            node.grad = np.zeros_like(node.data)
    root.grad = root.grad + seed if not fresh else np.full(root.data.shape, seed)
    for node in nodes:
        visited.add(node)
        for source, formula in node.sources:
            if late_is_lost and source in visited:
                continue  # as in a sweep that takes gradients out of a dict
            g = node.grad if chained else np.ones_like(node.data)
            engine.give(source, engine.fit(formula(g), source.data.shape))


def _along_paths(node: _Value, engine: _Engine, g: Any = 1.0) -> None:
    """Hand on along every path what came along it: right, but a visit for each path."""
    _added(node, g)
    for source, formula in node.sources:
        _along_paths(source, engine, engine.fit(formula(g), source.data.shape))


def _again_and_again(node: _Value, engine: _Engine, together: bool, start: bool = True) -> None:
    """Hand on, along every path, all that has come so far."""
    if start:
        node.grad = np.ones_like(node.data)
    for source, formula in node.sources:
        engine.give(source, formula(node.grad))
        if not together:
            _again_and_again(source, engine, together, start=False)
    for source, _ in node.sources if together else ():
        _again_and_again(source, engine, together, start=False)


def _left_alone(pairs: Any) -> Any:
    return pairs[:1]


def _in_a_dict(pairs: Any) -> Any:
    return list(dict(pairs).items())


@dataclass(frozen=True)
class _Engine:
    """An engine, right unless something in it is replaced; called, it makes a leaf."""

    backward: Function = _swept
    give: Function = _added
    fit: Function = summed
    keep: Function = list
    rules: dict[str, Function] = field(default_factory=dict, hash=False)

    def __call__(self, data: Any) -> _Value:
        return _Value(self, data)


# --- numbers --------------------------------------------------------------------------------------


def _numbers(*names: str) -> Inputs:
    def drawn(rng: np.random.Generator) -> Arguments:
        different = rng.choice(np.arange(15, 40), len(names), replace=False)
        return {name: int(tenths) / 10 for name, tenths in zip(names, different, strict=True)}

    return drawn


def _gradient(leaf: Any) -> FloatArray:
    if leaf.grad is None:
        raise ValueError("grad of a leaf is None after backward()")
    return np.array(np.asarray(leaf.grad), float)


def _after(program: Program) -> Callable[[Function, Arguments], Any]:
    """Return what observes the gradients of the program at all its numbers."""

    def observe(engine: Function, arguments: Arguments) -> Any:
        with bounded():
            leaves = [engine(value) for value in arguments.values()]
            program(*leaves).backward()
            return np.array([float(_gradient(leaf).reshape(())) for leaf in leaves])

    return observe


def _keep_graph(result: Any) -> None:
    keeps = "retain_graph" in signature(result.backward).parameters
    result.backward(retain_graph=True) if keeps else result.backward()


def _of_second_pass(engine: Function, arguments: Arguments) -> Any:
    """Observe what a second pass, from another result, has found."""
    with bounded():
        probe = engine(1.0)
        for _ in range(2):
            (probe + probe).backward()
        adds_up = float(_gradient(probe).reshape(())) == 4
        a, b = (engine(value) for value in arguments.values())
        shared = a * b
        _keep_graph(shared + a)
        first = _gradient(a)
        (shared * b).backward()
        return np.array(_gradient(a) - first if adds_up else _gradient(a))


def _doubled(a: Any) -> Any:
    for _ in range(30):
        a = a + a
    return a


def _steps(engine: Function, arguments: Arguments) -> str:
    try:
        with bounded():
            _doubled(engine(*arguments.values())).backward()
    except TooLong:
        return f"ran more than {_MOST_STEPS:,} lines"
    return "run fewer"


def _reused(a: Any, b: Any) -> Any:
    y = a * b
    return y * a + y * y * b


def _reused_first(a: Any, b: Any) -> Any:
    y = a * b
    return y * y * b + y * a


def _reused_late(a: Any, b: Any) -> Any:
    y = a * a
    z = y * b
    return z * y - z + y * a


_ORDER_HINT = (
    "When a value hands its gradient on, that gradient must be complete. Which values have to come "
    "before it? Draw, for example, y = a * b and y + y * y, and number the boxes in the order of "
    "your sweep."
)
_ENGINES = (
    Misconception(
        "equal numbers taken for one value",
        _Engine(partial(_swept, order=_by_value)),
        "Two values may happen to be equal. How does your sweep know that it has seen one of them?",
    ),
    Misconception(
        "every path by itself",
        _Engine(_along_paths),
        "The numbers are right. But how many paths lead from the result to a, if each of 30 values "
        "is used twice? How often need a value be visited?",
    ),
    *(
        Misconception(
            "gradients on the way left from before",
            _Engine(partial(_swept, order=order, fresh=False)),
            "Gradients add up at the leaves from pass to pass. And those of the values between?",
        )
        for order in (_users_first, _on_tape)
    ),
    Misconception(
        "no start",
        _Engine(partial(_swept, seed=0.0)),
        "How much does the result change when the result changes by 1?",
    ),
    Misconception(
        "the left input alone",
        _Engine(keep=_left_alone),
        "An operation has two inputs. To which of them did its formula hand a gradient?",
    ),
    Misconception(
        "the sign of a difference",
        _Engine(rules={"-": lambda a, b: (a - b, lambda g: g, lambda g: g)}),
        "When b grows by 1, by how much does a - b change?",
    ),
    Misconception(
        "a product differentiated in the wrong factor",
        _Engine(rules={"*": lambda a, b: (a * b, lambda g: g * a, lambda g: g * b)}),
        "When a grows by 1, by how much does a * b change? Which factor is that?",
    ),
    Misconception(
        "a product with the slopes of a sum",
        _Engine(rules={"*": lambda a, b: (a * b, lambda g: g, lambda g: g)}),
        "When a grows by 1, by how much does a * b change?",
    ),
    Misconception(
        "an input that is used twice, kept once",
        _Engine(keep=_in_a_dict),
        "In a * a both inputs are the same value. How many gradients come back, and does a set or "
        "a dict of inputs hold both?",
    ),
    Misconception(
        "= for +=",
        _Engine(give=_replaced),
        "A value that is used twice gets two gradients. What does the second do to the first?",
    ),
    Misconception(
        "the first use only",
        _Engine(give=_once),
        "A value that is used twice gets two gradients. What became of the one that came second?",
    ),
    Misconception(
        "the slope of the last step alone",
        _Engine(partial(_swept, chained=False)),
        "A formula knows the slope of its own operation. With what must it be multiplied to be the "
        "slope of the result?",
    ),
    Misconception(
        "the order not reversed",
        _Engine(partial(_swept, order=_post_order)),
        "The sweep begins at the result. Where does your list of values begin?",
    ),
    *(
        Misconception(
            name, _Engine(partial(_swept, order=order, late_is_lost=late_is_lost)), _ORDER_HINT
        )
        for name, order in (
            ("breadth-first order", _breadth_first),
            ("pre-order", _depth_first),
            ("pre-order", _right_first),
        )
        for late_is_lost in (False, True)
    ),
    *(
        Misconception(
            "every path hands on all that came before",
            _Engine(partial(_again_and_again, together=together)),
            "Your sweep comes to a value once for each path. What has it handed on already when it "
            "comes there for the second time?",
        )
        for together in (True, False)
    ),
)

backward = Suite(
    "backward",
    """Check an engine for backpropagation on numbers: ``leaf(number)`` makes a value.

    A value has ``+``, ``-`` and ``*`` with other values, ``backward()``, and after it, at the
    values that ``leaf`` made, ``grad``. A class is such a function. Any right order of the sweep
    passes; so do adding up at the leaves from pass to pass, and starting anew.
    """,
    [
        *(
            Check(name, _numbers("a", "b"), _Engine(), _ENGINES, _after(program))
            for name, program in (
                ("a + b", lambda a, b: a + b),
                ("a - b", lambda a, b: a - b),
                ("a * b", lambda a, b: a * b),
                ("a * b * b - a: a value used again", lambda a, b: a * b * b - a),
                ("a * a + b: used twice at once", lambda a, b: a * a + b),
                ("y * y * b + y * a with y = a * b", _reused_first),
                ("y * a + y * y * b with y = a * b", _reused),
                ("z * y - z + y * a with y = a * a and z = y * b", _reused_late),
                ("a * b + b * a: equal numbers", lambda a, b: a * b + b * a),
            )
        ),
        Check("30 doublings: 2**30 paths", _numbers("a"), _Engine(), _ENGINES, _steps),
        Check(
            "a second pass: y + a, then y * b, with y = a * b",
            _numbers("a", "b"),
            _Engine(),
            _ENGINES,
            _of_second_pass,
        ),
    ],
)


# --- arrays ---------------------------------------------------------------------------------------


def _arrays(**shapes: tuple[int, ...]) -> Inputs:
    return lambda rng: {name: rng.normal(size=shape).round(1) for name, shape in shapes.items()}


def _at(place: int, program: Program) -> Callable[[Function, Arguments], Any]:
    """Return what observes the gradient of the sum of a program's result, at one of its inputs."""

    def observe(engine: Function, arguments: Arguments) -> Any:
        with bounded():
            leaves = [engine(value) for value in arguments.values()]
            program(*leaves).sum().backward()
            return _gradient(leaves[place])

    return observe


def _whole_sum(g: Any, shape: tuple[int, ...]) -> FloatArray:
    return np.full(shape, np.sum(g)) if np.shape(g) != shape else g


def _meaned(g: Any, shape: tuple[int, ...]) -> FloatArray:
    return summed(g, shape) * (np.size(summed(g, shape)) / max(1, np.size(g)))


def _last_summed(g: Any, shape: tuple[int, ...]) -> FloatArray:
    return np.sum(g, axis=-1).reshape(shape) if np.shape(g) != shape and np.ndim(g) else g


def _first_row(g: Any, shape: tuple[int, ...]) -> FloatArray:
    cut = tuple(slice(n) for n in shape)
    return g if np.shape(g) == shape else (g[0] if np.ndim(g) > len(shape) else g[cut])


_BROADCAST_HINT = (
    "Forward, one number was used in several places of the result. How do the gradients of all "
    "these places come together again, and along which axis do they lie?"
)
_PRODUCT_HINT = (
    "Of a @ b, write out one entry of a 2 by 2 example, and its slope in one entry of a. Then look "
    "at shapes: g is like the result, and its product with b must be like a."
)
_OF_BOTH = ("= for +=", "the first use only", "the sign of a difference")
_ARRAY_ENGINES = (
    Misconception(
        "a sum taken for a mean",
        _Engine(rules={"sum": lambda a: (a.sum(), lambda g: np.full(a.shape, g / a.size))}),
        "When one entry grows by 1, by how much does the sum grow?",
    ),
    Misconception("broadcasting not undone", _Engine(fit=lambda g, shape: g), _BROADCAST_HINT),
    Misconception("broadcasting summed over everything", _Engine(fit=_whole_sum), _BROADCAST_HINT),
    Misconception("broadcasting meaned", _Engine(fit=_meaned), _BROADCAST_HINT),
    Misconception(
        "broadcasting summed along the wrong axis", _Engine(fit=_last_summed), _BROADCAST_HINT
    ),
    Misconception(
        "one of the gradients in place of their sum", _Engine(fit=_first_row), _BROADCAST_HINT
    ),
    Misconception(
        "transposes forgotten",
        _Engine(rules={"@": lambda a, b: (a @ b, lambda g: g @ b, lambda g: a @ g)}),
        _PRODUCT_HINT,
    ),
    Misconception(
        "factors in the other order",
        _Engine(rules={"@": lambda a, b: (a @ b, lambda g: b.T @ g, lambda g: g @ a.T)}),
        _PRODUCT_HINT,
    ),
    Misconception(
        "a product entry by entry",
        _Engine(rules={"@": lambda a, b: (a @ b, lambda g: g * b, lambda g: g * a)}),
        _PRODUCT_HINT,
    ),
    Misconception(
        "the gradient of a product transposed",
        _Engine(rules={"@": lambda a, b: (a @ b, lambda g: (g @ b.T).T, lambda g: (a.T @ g).T)}),
        _PRODUCT_HINT,
    ),
    *(m for m in _ENGINES if m.name in _OF_BOTH),
    Misconception(
        "an array that two values share",
        _Engine(give=_added_in_place),
        "In a + b both inputs are handed the same array. Who else sees it when += writes into it?",
    ),
)


def _of_arrays(name: str, program: Program, **shapes: tuple[int, ...]) -> list[Check]:
    return [
        Check(
            f"{name}: the gradient in {leaf}",
            _arrays(**shapes),
            _Engine(),
            _ARRAY_ENGINES,
            _at(i, program),
        )
        for i, leaf in enumerate(shapes)
    ]


tensor_backward = Suite(
    "tensor_backward",
    """Check an engine on arrays: ``leaf(array)`` makes a value, which has ``@`` and ``sum()`` too.

    Shapes are broadcast as NumPy does. Order and repeated use are checked by :func:`backward`.
    """,
    [
        *_of_arrays("the sum of a", lambda a: a, a=(2, 3)),
        *_of_arrays("the sum of a * b", lambda a, b: a * b, a=(2, 3), b=(2, 3)),
        *_of_arrays("(x + b) * c", lambda x, b, c: (x + b) * c, x=(3, 3), b=(3,), c=(3, 3)),
        *_of_arrays("(x - b) * x", lambda x, b: (x - b) * x, x=(3, 3), b=(3, 1)),
        *_of_arrays("x * b", lambda x, b: x * b, x=(2, 4), b=(1,)),
        *_of_arrays("x @ w * c", lambda x, w, c: x @ w * c, x=(3, 3), w=(3, 3), c=(3, 3)),
        *_of_arrays(
            "x @ w * c + b", lambda x, w, b, c: x @ w * c + b, x=(4, 2), w=(2, 3), b=(3,), c=(4, 3)
        ),
        *_of_arrays("(a + b) + a", lambda a, b: (a + b) + a, a=(2, 2), b=(2, 2)),
    ],
)
