"""Checks of pullbacks, of the order of a sweep, of a gradient check, and of a network in a loop."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnlib import probability
from nnlib._arrays import FloatArray
from nnlib.check._autograd import TooLong, bounded, summed
from nnlib.check._core import (
    Arguments,
    Check,
    Function,
    Inputs,
    Misconception,
    Suite,
    array_checks,
    array_suite,
    copied,
    joined,
    output_at,
)

__all__ = [
    "loop_backward",
    "loop_forward",
    "mended_gradients",
    "pairs_pullback",
    "unit_rows_pullback",
    "waves",
    "wrong_entries",
]


# --- rows of length 1 -----------------------------------------------------------------------------


def _rows(*shape: int, size: float = 1.0) -> Inputs:
    return lambda rng: {"x": size * rng.normal(size=shape), "g": rng.normal(size=shape)}


def _plain_rows(
    x: FloatArray, g: FloatArray, axis: int | None = -1, share: float = 1.0, power: int = 1
) -> FloatArray:
    length = np.sqrt((x * x).sum(axis=axis, keepdims=True))
    y = x / length
    return (g - share * y * (y * g).sum(axis=axis, keepdims=True)) / length**power


def _unit_rows(x: FloatArray, g: FloatArray) -> FloatArray:
    largest = np.abs(x).max(axis=-1, keepdims=True)  # whose squares stay in the range of floats
    return _plain_rows(x / largest, g) / largest


def _over_cube(x: FloatArray, g: FloatArray) -> FloatArray:
    length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    return g / length - x * (x * g).sum(axis=-1, keepdims=True) / length**3


def _with_rows_as_they_are(x: FloatArray, g: FloatArray) -> FloatArray:
    length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
    return (g - x * (x * g).sum(axis=-1, keepdims=True)) / length


unit_rows_pullback = array_suite(
    "unit_rows_pullback",
    "Check ``pullback(x, g)`` of ``y = x / |x|``, row by row, along the last axis.",
    _unit_rows,
    {
        "a batch of rows": _rows(3, 3),
        "one row": _rows(4),
        "three axes": _rows(2, 3, 4),
        "rows of large numbers": _rows(2, 3, size=1e200),
        "rows of small numbers": _rows(2, 3, size=1e-200),
    },
    *(
        Misconception(
            "squares out of the range of floats",
            squared,
            "What is the square of 1e200 in floats, and that of 1e-200? By what could a row be "
            "divided before it is squared?",
        )
        for squared in (_plain_rows, _over_cube)
    ),
    Misconception(
        "the length taken for a constant",
        partial(_plain_rows, share=0.0),
        "When one entry of x grows, what happens to the length of its row, and to the other "
        "entries of y?",
    ),
    Misconception(
        "the part along the row added",
        partial(_plain_rows, share=-1.0),
        "When x grows along itself, by how much does y move? What must the pullback return, then, "
        "if g lies along y?",
    ),
    Misconception(
        "not divided by the length",
        partial(_plain_rows, power=0),
        "If x is twice as long, how much does the same little step turn it?",
    ),
    Misconception(
        "one length for all rows",
        partial(_plain_rows, axis=None),
        "How many lengths has a batch of rows?",
    ),
    Misconception(
        "columns in place of rows",
        partial(_plain_rows, axis=0),
        "A row lies along the last axis. Along which axis did you sum?",
    ),
    Misconception(
        "x in place of y",
        _with_rows_as_they_are,
        "The part of g that is lost lies along a direction. How long is the vector that you took "
        "for it?",
    ),
)


# --- a table of all pairs -------------------------------------------------------------------------


def _table(u: tuple[int, ...], v: tuple[int, ...]) -> Inputs:
    leading = np.broadcast_shapes(u[:-1], v[:-1])
    shapes = {"u": u, "v": v, "g": (*leading, u[-1], v[-1])}
    return lambda rng: {name: rng.normal(size=shape) for name, shape in shapes.items()}


def _of_pairs(
    u: FloatArray,
    v: FloatArray,
    g: FloatArray,
    fit: Function = summed,
    axes: tuple[int, int] = (-1, -2),
    own: bool = False,
) -> list[FloatArray]:
    rows, columns = u[..., :, None], v[..., None, :]
    factors = (rows, columns) if own else (columns, rows)
    parts = [(g * factor).sum(axis=axis) for factor, axis in zip(factors, axes, strict=True)]
    return [fit(part, like.shape) for part, like in zip(parts, (u, v), strict=True)]


def _mean_of_pairs(part: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    fitted = summed(part, shape)
    return fitted * (fitted.dtype.type(fitted.size) / part.size)


def _without_ones(part: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    added = part.ndim - len(shape)
    short = [added + i for i, n in enumerate(shape) if n == 1 != part.shape[added + i]]
    return np.asarray(part.sum(axis=(*range(added), *short)))


def _leading_alone(part: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    return np.asarray(part.sum(axis=tuple(range(part.ndim - len(shape)))))


def _of_output(look: Function) -> Callable[[Function, Arguments], Any]:
    """Return what observes a part of an output of several arrays, if there is an output."""

    def observe(function: Function, arguments: Arguments) -> Any:
        output = function(*arguments.values())
        return None if output is None else look(output)

    return observe


_both = _of_output(joined)


_STRETCHED_HINT = (
    "Forward, one number was used in several tables. How many gradients come back to it, and what "
    "is done with the gradients of several uses?"
)
_PAIRS = (
    Misconception(
        "its own factor in place of the other",
        partial(_of_pairs, own=True),
        "When u[i] grows by 1, by how much does u[i] * v[j] grow?",
    ),
    Misconception(
        "rows taken for columns",
        partial(_of_pairs, axes=(-2, -1)),
        "Where in the table is u[i] used: along a row or down a column?",
    ),
    Misconception(
        "axes of length 1 left stretched",
        partial(_of_pairs, fit=_leading_alone),
        "NumPy stretches in two ways: it puts axes in front, and it repeats along axes of length "
        "1. Which of them did you undo?",
    ),
    Misconception(
        "broadcasting not undone", partial(_of_pairs, fit=lambda part, _: part), _STRETCHED_HINT
    ),
    Misconception("broadcasting meaned", partial(_of_pairs, fit=_mean_of_pairs), _STRETCHED_HINT),
    Misconception(
        "axes of length 1 lost",
        partial(_of_pairs, fit=_without_ones),
        "The gradient of an array has the shape of the array. Where has the axis of length 1 gone?",
    ),
)
_TABLES = {
    "two vectors": _table((3,), (3,)),
    "a batch of pairs": _table((4, 3), (4, 2)),
    "one v for a batch": _table((4, 3), (2,)),
    "one u for a batch": _table((2,), (4, 3)),
    "axes of length 1": _table((2, 1, 3), (4, 2)),
    "vectors of one number": _table((4, 1), (1, 1)),
}

pairs_pullback = Suite(
    "pairs_pullback",
    """Check ``pullback(u, v, g)`` of the table ``u[..., i] * v[..., j]``.

    Leading axes broadcast. It returns the gradients in u and in v.
    """,
    [
        *(
            Check(f"{name}: the gradient in {leaf}", made, _of_pairs, _PAIRS, output_at(place))
            for name, made in _TABLES.items()
            for place, leaf in enumerate("uv")
        ),
        *array_checks(_of_pairs, {"both at once": _TABLES["two vectors"]}, *_PAIRS, observe=_both),
    ],
)


# --- the order of a sweep -------------------------------------------------------------------------

Graph: TypeAlias = Mapping[str, Sequence[str]]


def _users(inputs: Graph, result: str) -> dict[str, list[str]]:
    """Return, of each node that the result depends on, those that use it."""
    users: dict[str, list[str]] = {result: []}
    for node in (found := [result]):
        for source in dict.fromkeys(inputs[node]):
            if source not in users:
                users[source] = []
                found.append(source)
            users[source].append(node)
    return users


def _by_number(numbers: dict[str, int]) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(1 + max(numbers.values()))]
    for node, number in numbers.items():
        found[number].append(node)
    return found


def _in_waves(inputs: Graph, result: str, everywhere: bool = False) -> list[list[str]]:
    left = Counter({node: len(users) for node, users in _users(inputs, result).items()})
    if everywhere:  # users that the result does not depend on, too: they never come
        left = Counter(node for sources in inputs.values() for node in dict.fromkeys(sources))
    found = [[result]]
    while wave := found[-1]:
        free = []
        for node in wave:
            for source in dict.fromkeys(inputs[node]):
                left[source] -= 1
                if not left[source]:
                    free.append(source)
        found.append(free)
    return found[:-1]


def _by_shortest_way(inputs: Graph, result: str) -> list[list[str]]:
    numbers = {result: 0}
    for node in (found := [result]):
        for source in inputs[node]:
            if source not in numbers:
                numbers[source] = numbers[node] + 1
                found.append(source)
    return _by_number(numbers)


def _one_by_one(inputs: Graph, result: str, step: int) -> list[list[str]]:
    return [[node] for wave in _in_waves(inputs, result) for node in sorted(wave)[::step]]


def _as_late_as_possible(inputs: Graph, result: str) -> list[list[str]]:
    depths: dict[str, int] = {}
    for wave in reversed(_in_waves(inputs, result)):
        for node in wave:
            depths[node] = 1 + max([depths[source] for source in inputs[node]], default=-1)
    return _by_number({node: depths[result] - depth for node, depth in depths.items()})


def _of_all_results(inputs: Graph, result: str) -> list[list[str]]:
    used = {source for sources in inputs.values() for source in sources}
    above = {"": [node for node in inputs if node not in used]}
    return _in_waves({**inputs, **above}, "")[1:]


def _along_every_path(inputs: Graph, result: str) -> list[list[str]]:
    numbers: dict[str, int] = {}

    def visit(node: str, number: int) -> None:
        numbers[node] = max(number, numbers.get(node, 0))
        for source in inputs[node]:
            visit(source, number + 1)

    visit(result, 0)
    return _by_number(numbers)


def _by_recursion(inputs: Graph, result: str) -> list[list[str]]:
    users, numbers = _users(inputs, result), dict[str, int]()

    def number(node: str) -> int:
        if node not in numbers:
            numbers[node] = 1 + max([number(user) for user in users[node]], default=-1)
        return numbers[node]

    for node in reversed(users):
        number(node)
    return _by_number(numbers)


def _named(graph: str) -> Inputs:
    """Return the graph, written ``node: its inputs;``, under names that are drawn anew."""
    lines = [line.split(":") for line in graph.split(";")]
    names = list(dict.fromkeys(name.strip() for name, _ in lines))

    def made(rng: np.random.Generator) -> Arguments:
        drawn = rng.choice(list("abcdefghijklmnopqrstuvwxyz"), len(names), replace=False)
        new = dict(zip(names, map(str, drawn), strict=True))
        nodes = {new[name.strip()]: [new[s] for s in sources.split()] for name, sources in lines}
        shuffled = [str(name) for name in rng.permutation(list(nodes))]
        return {"inputs": {name: nodes[name] for name in shuffled}, "result": new["loss"]}

    return made


def _told(output: Any) -> str:
    if isinstance(output, (list, tuple)) and all(isinstance(w, (list, tuple, set)) for w in output):
        return f"returned {[sorted(map(str, wave)) for wave in output]}"
    return f"returned {'None' if output is None else f'a {type(output).__name__}'}"


def _scheduled(function: Function, arguments: Arguments) -> str:
    with bounded():
        return _told(function(*arguments.values()))


def _graph_after(function: Function, arguments: Arguments) -> str:
    inputs = arguments["inputs"]
    before = {node: [*sources] for node, sources in inputs.items()}
    function(*arguments.values())
    return "left the graph as it was" if inputs == before else "changed the graph"


def _of_ladder(function: Function, arguments: Arguments) -> str:
    """Observe how much work a ladder makes, of which each step is used twice."""
    steps = arguments["doublings"]
    ladder = {str(i): [str(i - 1)] * 2 if i else [] for i in range(steps + 1)}
    try:
        with bounded():
            return _told(function(ladder, str(steps)))
    except TooLong:
        return "ran more than 100,000 lines"


def _of_chain(function: Function, arguments: Arguments) -> str:
    """Observe the waves of a chain, where each node uses the one before it, and the first."""
    deep = arguments["nodes"]
    chain = {str(i): [str(i - 1), "0"] if i else [] for i in range(deep)}
    try:
        found = list(function(chain, str(deep - 1)))
    except RecursionError:
        return "ran out of Python's stack"
    return f"returned {len(found)} waves, at the end {_told(found[-2:])[9:]}"


_WAVES = (
    Misconception(
        "the shortest way counted",
        _by_shortest_way,
        "A node may be used early and late. Which of its users must it wait for?",
    ),
    *(
        Misconception(
            "one node a wave",
            partial(_one_by_one, step=step),
            "That is a right order for one who visits alone. Which of these nodes need not wait "
            "for each other?",
        )
        for step in (1, -1)
    ),
    Misconception(
        "counted from the leaves",
        _as_late_as_possible,
        "You asked how soon a node can be computed. How soon can it be swept?",
    ),
    Misconception(
        "nodes that the result does not depend on",
        _of_all_results,
        "Which nodes have a path to the result?",
    ),
    Misconception(
        "waiting for users that never come",
        partial(_in_waves, everywhere=True),
        "A node may also be used by something that the result does not depend on. Is that use ever "
        "swept?",
    ),
    Misconception(
        "recursion",
        _by_recursion,
        "How deeply may functions call each other in Python, and how deep is this graph? What "
        "could hold the nodes that still wait?",
    ),
    Misconception(
        "every path by itself",
        _along_every_path,
        "How many paths lead down a ladder of 25 steps, if each step is used twice? How often need "
        "a node be looked at?",
    ),
)

waves = Suite(
    "waves",
    """Check ``waves(inputs, result)``: which nodes of a graph can be swept at the same time.

    `inputs` gives each node's inputs. The first wave is the result; every other node comes in the
    first wave that is later than all of its users. The order within a wave is free.
    """,
    [
        *(
            Check(name, _named(graph), _in_waves, _WAVES, _scheduled)
            for name, graph in {
                "a chain": "a:; u: a; v: u; loss: v",
                "two inputs": "a:; b:; loss: a b",
                "two chains": "a:; b:; u: a; v: b; loss: u v",
                "a shared node": "a:; b:; u: a b; v: u a; loss: u v",
                "a long way and a short one": "a:; b:; u: a; v: u; w: v b; loss: a w u",
                "a node used twice at once": "a:; u: a a; v: u a; loss: v v",
                "nodes off the way": "a:; b:; u: a b; v: u; w: v u; loss: u b",
            }.items()
        ),
        Check(
            "the graph stays as it was",
            _named("a:; b:; u: a b; v: u; w: v u; loss: u b"),
            _in_waves,
            (),
            _graph_after,
        ),
        Check(
            "25 doublings or more: 2**25 paths",
            lambda rng: {"doublings": int(rng.integers(25, 30))},
            _in_waves,
            _WAVES,
            _of_ladder,
        ),
        Check(
            "4,000 nodes deep, or more",
            lambda rng: {"nodes": int(rng.integers(4000, 5000))},
            _in_waves,
            _WAVES,
            _of_chain,
        ),
    ],
)


# --- an engine with one fault ---------------------------------------------------------------------


class _Number:
    """A number that knows what it was computed from; the deeper, the sooner it is swept."""

    def __init__(self, value: float, inputs: Any = (), slopes: Any = ()) -> None:
        self.value, self.inputs, self.slopes = value, inputs, slopes
        self.depth: int = 1 + max((source.depth for source in inputs), default=-1)

    def __add__(self, other: _Number) -> _Number:
        return type(self)(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other: _Number) -> _Number:
        return type(self)(self.value * other.value, (self, other), (other.value, self.value))

    def exp(self) -> _Number:
        e = math.exp(self.value)
        return type(self)(e, (self,), (e,))


def _deepest(waiting: list[_Number]) -> _Number:
    return max(waiting, key=lambda node: node.depth)


def _added(so_far: float, part: float) -> float:
    return so_far + part


def _gradients(
    result: _Number,
    leaves: Sequence[_Number],
    following: Callable[[list[_Number]], _Number] = _deepest,
    handed: Callable[[float, float], float] = _added,
    again: bool = False,
) -> list[float]:
    come, waiting, known = {result: 1.0}, [result], {result}
    while waiting:
        node = following(waiting)
        waiting.remove(node)
        for source, slope in zip(node.inputs, node.slopes, strict=True):
            come[source] = handed(come.get(source, 0.0), slope * come[node])
            if again or source not in known:
                waiting.append(source)
            known.add(source)
    return [come.get(leaf, 0.0) for leaf in leaves]


def _path_by_path(result: _Number, leaves: Sequence[_Number]) -> list[float]:
    come, waiting = dict.fromkeys(leaves, 0.0), [(result, 1.0)]
    while waiting:
        node, slope = waiting.pop()
        come[node] = come.get(node, 0.0) + slope
        pairs = zip(node.inputs, node.slopes, strict=True)
        waiting += [(source, slope * local) for source, local in pairs]
    return [come[leaf] for leaf in leaves]


def _small(rng: np.random.Generator) -> Arguments:
    a, b = rng.choice(np.arange(3, 13), 2, replace=False)
    return {"a": int(a) / 10, "b": int(b) / 10}


def _slopes(program: Callable[..., Any]) -> Callable[[Function, Arguments], FloatArray]:
    def observe(function: Function, arguments: Arguments) -> FloatArray:
        leaves = [_Number(value) for value in arguments.values()]
        with bounded():
            return np.array(function(program(*leaves), leaves), float)

    return observe


def _of_doublings(function: Function, arguments: Arguments) -> str:
    """Observe how much work a number makes that is doubled again and again."""
    leaf = result = _Number(1.0)
    for _ in range(arguments["doublings"]):
        result = result + result
    try:
        with bounded():
            return f"returned {[float(slope) for slope in function(result, [leaf])]}"
    except TooLong:
        return "ran more than 100,000 lines"


def _shared(a: Any, b: Any) -> Any:
    u = a * b
    return u * (u + a)


def _shared_last(a: Any, b: Any) -> Any:
    u = a * b
    return (a + u).exp() * u


def _long_and_short(a: Any, b: Any) -> Any:
    u = a * b
    v = b + u.exp()
    return u * v + a * (v * u + v)


def _skips(a: Any, b: Any) -> Any:
    for _ in range(3):
        u = a * b
        a = a + u * u
    return a


_NUMBERS = (
    Misconception(
        "every path by itself",
        _path_by_path,
        "The numbers are right. But how many paths lead from the result to a, if each of 25 "
        "numbers is used twice?",
    ),
    Misconception(
        "a visit for each part that comes",
        partial(_gradients, again=True),
        "Let the sweep print each node that it visits, with what has come to it. How often is u "
        "visited in u * (u + a), and what does it hand on at each visit?",
    ),
    Misconception(
        "visited in the order of arrival",
        partial(_gradients, following=lambda waiting: waiting[0]),
        "When a node hands its gradient on, that gradient must be complete. Which nodes have to "
        "come before it?",
    ),
    Misconception(
        "= for +=",
        partial(_gradients, handed=lambda so_far, part: part),
        "A number that is used twice gets two gradients. What does the second do to the first?",
    ),
)

mended_gradients = Suite(
    "mended_gradients",
    """Check ``gradients(result, leaves)``, the sweep that the assignment gives with one fault.

    A number has ``inputs``, ``slopes`` and a ``depth``. The slopes of the result in the leaves are
    returned as a list.
    """,
    [
        *(
            Check(name, _small, _gradients, _NUMBERS, _slopes(program))
            for name, program in {
                "a * b + a": lambda a, b: a * b + a,
                "a * a, where b is not used": lambda a, b: a * a,
                "u * (u + a) with u = a * b": _shared,
                "exp(a + u) * u with u = a * b": _shared_last,
                "u * v + a * (v * u + v) with v = b + exp(u)": _long_and_short,
                "three layers with skips": _skips,
            }.items()
        ),
        Check(
            "25 doublings or more",
            lambda rng: {"doublings": int(rng.integers(25, 30))},
            _gradients,
            _NUMBERS,
            _of_doublings,
        ),
    ],
)


# --- a gradient and its check ---------------------------------------------------------------------

# Of twelve numbers one has a slope of about 200, and nine have slopes of 0.001 to 0.002. Where f is
# small a step of 1e-8 finds them all. Where f lies between 512 and 1024 it must get one wrong, and
# one of 1e-7 cannot.
_SIZES = np.array([[100.0, 1.0, 0.0, 1e-3]] + 2 * [4 * [1e-3]])
# The functions, each with its gradient. A check names one, for a name can go to another process.
_CURVES: dict[str, Function] = {
    "several sizes": lambda x: math.fsum((_SIZES * x * x).flat),
    "about 1000": lambda x: 600 + math.fsum((_SIZES * x * x).flat),
    "a valley along an axis": lambda x: math.fsum((np.array([100.0, 1.0, 0.0]) * x * x).flat),
    "quick waves": lambda x: float(np.sum(np.sin(20 * x))),
    "a valley": lambda x: float(1000 + np.sum(500 * (x - 1) ** 2)),
    "roots": lambda x: float(np.sum(np.sqrt(x))),
}
_CURVE_SLOPES: dict[str, Function] = {
    "several sizes": lambda x: 2 * _SIZES * x,
    "about 1000": lambda x: 2 * _SIZES * x,
    "a valley along an axis": lambda x: 2 * np.array([100.0, 1.0, 0.0]) * x,
    "quick waves": lambda x: 20 * np.cos(20 * x),
    "a valley": lambda x: 1000 * (x - 1),
    "roots": lambda x: 0.5 / np.sqrt(x),
}


def _claimed(
    curve: str, made: Callable[[np.random.Generator], FloatArray], *wrong: float
) -> Inputs:
    """Return a gradient that is right to four digits but for some entries, which get factors."""

    def drawn(rng: np.random.Generator) -> Arguments:
        x = made(rng)
        slopes = _CURVE_SLOPES[curve](x)
        factors = np.array([*wrong, *np.ones(x.size - len(wrong))])
        claimed = slopes * rng.permutation(factors).reshape(x.shape)
        return {"f": curve, "x": x, "claimed": claimed * (1 + 2e-5 * rng.uniform(-1, 1, x.shape))}

    return drawn


def _of_zeros(rng: np.random.Generator) -> Arguments:
    x = rng.uniform(0.5, 2, (4, 3))
    claimed = _CURVE_SLOPES["a valley along an axis"](x)
    claimed[:, 2] = rng.permutation([0.5, 5e-7, 5e-8, 0.0])
    claimed[rng.integers(4), rng.integers(2)] = 0.0
    return {"f": "a valley along an axis", "x": x, "claimed": claimed}


def _of_nan(rng: np.random.Generator) -> Arguments:
    x = rng.uniform(0.5, 2, (2, 3))
    claimed = _CURVE_SLOPES["a valley along an axis"](x)
    claimed.flat[rng.permutation(6)[:3]] = np.nan, np.inf, -np.inf
    return {"f": "a valley along an axis", "x": x, "claimed": claimed}


def _suspected(
    f: Function,
    x: FloatArray,
    claimed: FloatArray,
    step: Function = lambda here: 1e-5 * max(1.0, abs(here)),
    back: float = 1.0,
    wrong: Function = lambda gap, slope, claim: not gap <= max(1e-3 * abs(slope), 1e-7),
) -> NDArray[np.bool_]:
    found = np.zeros(x.shape, bool)
    for place in np.ndindex(x.shape):
        right, left = x.copy(), x.copy()
        right[place] += step(x[place])
        left[place] -= back * step(x[place])
        slope = (f(right) - f(left)) / (right[place] - left[place])
        found[place] = wrong(abs(claimed[place] - slope), slope, claimed[place])
    return found


def _flagged(function: Function, arguments: Arguments) -> str:
    name, x, claimed = arguments.values()
    before = x.copy(), claimed.copy()
    output = np.asarray(function(_CURVES[name], x, claimed))
    if not all(map(np.array_equal, before, (x, claimed), (True, True))):
        return "changed x or the claim"
    if output.dtype != bool or output.shape != x.shape:
        return f"returned {output.dtype} of shape {output.shape}"
    places = [[int(i) for i in place] for place in np.argwhere(output)]
    return f"flagged {', '.join(map(str, places)) or 'nothing'}"


def _kind_of_flags(function: Function, arguments: Arguments) -> str:
    name, x, claimed = arguments.values()
    output = function(_CURVES[name], x, claimed)
    if isinstance(output, np.ndarray):
        return f"returned an array of dtype {output.dtype}"
    return f"returned a {type(output).__name__}"


_CHECKERS = (
    Misconception(
        "a difference to one side",
        partial(_suspected, back=0.0),
        "Near the bottom of a valley the slope is small and changes quickly. How does the error of "
        "your difference depend on the step there, and that of a symmetric one?",
    ),
    *(
        Misconception(
            "a step that is too small",
            partial(_suspected, step=step),
            "Two values of about 1000 differ in their last digits alone. What is left of their "
            "difference, and by what do you divide it?",
        )
        for step in (lambda here: 1e-11, lambda here: 1e-8 * max(1.0, abs(here)))
    ),
    Misconception(
        "a step that is too large",
        partial(_suspected, step=lambda here: 0.1),
        "How much does the slope change within your step?",
    ),
    Misconception(
        "the same step for numbers of every size",
        partial(_suspected, step=lambda here: 1e-5),
        "How many digits of 1e10 does your step change?",
    ),
    Misconception(
        "a tolerance that does not know the size",
        partial(_suspected, wrong=lambda gap, slope, claim: not gap <= 1e-3),
        "A slope of 200 that is wrong by 0.002, and one of 0.002 that is wrong by 0.001: which of "
        "them is the worse?",
    ),
    Misconception(
        "a nan that passes",
        partial(_suspected, wrong=lambda gap, slope, claim: gap > max(1e-3 * abs(slope), 1e-7)),
        "What does Python say of nan > 1, and of nan <= 1?",
    ),
    Misconception(
        "zeros that are not passed",
        partial(_suspected, wrong=lambda gap, slope, claim: not gap < 1e-3 * abs(slope)),
        "Where the slope is 0 and 0 is claimed, how large is the gap, and what do you compare it "
        "with?",
    ),
    Misconception(
        "no room beside a slope of 0",
        partial(_suspected, wrong=lambda gap, slope, claim: not gap <= 1e-3 * abs(slope)),
        "What is a thousandth of 0? Read the tolerance once more: it is the larger of two numbers.",
    ),
    Misconception(
        "right for wrong",
        lambda f, x, claimed: ~_suspected(f, x, claimed),
        "Which entries were asked for, the right ones or the wrong ones?",
    ),
)


def _huge(rng: np.random.Generator) -> FloatArray:
    return rng.uniform(1, 9, 4) * [1, 1e3, 1e9, 1e10]


wrong_entries = Suite(
    "wrong_entries",
    """Check ``wrong_entries(f, x, claimed)``: where a claimed gradient of f at x is wrong.

    It returns an array of booleans of the shape of x.
    """,
    [
        *(
            Check(name, made, _suspected, _CHECKERS, _flagged)
            for name, made in {
                "slopes of several sizes": _claimed(
                    "several sizes", lambda rng: rng.uniform(0.5, 1, (3, 4)), 1.05, 2.0, 0.9, -1.0
                ),
                "a right gradient": _claimed(
                    "several sizes", lambda rng: rng.uniform(0.5, 1, (3, 4))
                ),
                "values of about 1000": _claimed(
                    "about 1000", lambda rng: rng.uniform(0.5, 1, (2, 3, 4)), 1.05, 0.0
                ),
                "quick waves": _claimed(
                    "quick waves", lambda rng: rng.uniform(-3, 3, 5), 1.01, -1.0
                ),
                "near the bottom of a valley": _claimed(
                    "a valley", lambda rng: 1 + rng.uniform(1, 2, 4) * 1e-4, 1.05
                ),
                "numbers up to 1e11": _claimed("roots", _huge, 1.1),
                "zeros": _of_zeros,
                "what is no number": _of_nan,
            }.items()
        ),
        Check("an array of booleans", _of_nan, _suspected, (), _kind_of_flags),
    ],
)


# --- a network that uses one layer several times --------------------------------------------------


def _loop(rows: int, units: int, classes: int, times: int, size: float = 1.0) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        shapes = [(units, units), (units,), (classes, units), (classes,)]
        return {
            "x": rng.normal(size=(rows, units)),
            "labels": rng.integers(classes, size=rows),
            "parameters": [size * rng.normal(size=shape) for shape in shapes],
            "times": times,
            "decay": 0.25,
        }

    return made


def _shifted(rng: np.random.Generator) -> Arguments:
    arguments = _loop(4, 3, 3, 2)(rng)
    arguments["parameters"][3] += 1000
    return arguments


def _looped(
    x: FloatArray,
    labels: NDArray[np.intp],
    parameters: list[FloatArray],
    times: int,
    decay: float,
    skip: float = 1.0,
    end: Function = probability.log_softmax,
    total: Function = np.mean,
    decayed: Sequence[int] = (0, 2),
    half: float = 0.5,
) -> list[Any]:
    weight, bias, last_weight, last_bias = parameters
    h, t = [x], []
    for _ in range(times):
        t.append(np.tanh(h[-1] @ weight.T + bias))
        h.append(skip * h[-1] + t[-1])
    log_p = end(h[-1] @ last_weight.T + last_bias)
    penalty = half * decay * sum(np.sum(parameters[i] ** 2) for i in decayed)
    loss = total(-log_p[np.arange(len(x)), labels]) + penalty
    return [loss, [np.array(h), np.array(t), np.exp(log_p)]]


def _plain_log_softmax(scores: FloatArray) -> FloatArray:
    e = np.exp(scores)
    return np.asarray(np.log(e / e.sum(axis=-1, keepdims=True)))


def _plain_log_sum_exp(scores: FloatArray) -> FloatArray:
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True)))


def _log_of_softmax(scores: FloatArray) -> FloatArray:
    return np.asarray(np.log(probability.softmax(scores)))


_loss = _of_output(lambda output: np.array(float(output[0])))
_cached = _of_output(lambda output: joined(output[1]))
_SKIP_HINT = "A skip adds to what the layer makes something else. What would a layer of zeros do?"
_FORWARD = (
    Misconception("the skip forgotten", partial(_looped, skip=0.0), _SKIP_HINT),
    Misconception(
        "the logarithm of a probability that is 0",
        partial(_looped, end=_log_of_softmax),
        "The probability of a class far behind is rounded to 0. Can its logarithm be had without "
        "it?",
    ),
    *(
        Misconception(
            "exp overflows",
            partial(_looped, end=end),
            "What is exp(1000) in floats? What can be taken from all scores of a row?",
        )
        for end in (_plain_log_softmax, _plain_log_sum_exp)
    ),
    Misconception(
        "a sum over the examples",
        partial(_looped, total=np.sum),
        "What should the loss of the same batch be when each example stands in it twice?",
    ),
    Misconception(
        "no decay", partial(_looped, decayed=()), "Which part of the loss knows the weights alone?"
    ),
    Misconception(
        "decay of the biases",
        partial(_looped, decayed=(0, 1, 2, 3)),
        "Which parameters stand in the sum of squares?",
    ),
    Misconception(
        "decay without its half",
        partial(_looped, half=1.0),
        "Read the factor in front of the sum of squares once more.",
    ),
)

_KEPT_LOOP = _loop(5, 3, 4, 3)


def _kept_part(place: int) -> Callable[[Function, Arguments], Any]:
    return _of_output(lambda output: copied(output[1][place]))


loop_forward = Suite(
    "loop_forward",
    """Check ``forward(x, labels, parameters, times, decay)``, which returns ``(loss, cache)``.

    One layer of tanh with a skip is used several times. The cache is ``[h, t, p]``.
    """,
    [
        Check("the loss", _loop(4, 3, 3, 2), _looped, _FORWARD, _loss),
        Check("scores about 1000", _shifted, _looped, _FORWARD, _loss),
        Check("classes far behind", _loop(9, 3, 3, 2, size=400.0), _looped, _FORWARD, _loss),
        *(
            Check(f"what is kept: {name}", _KEPT_LOOP, _looped, _FORWARD[:1], _kept_part(place))
            for place, name in enumerate("htp")
        ),
        *array_checks(_looped, {"all together": _KEPT_LOOP}, *_FORWARD[:1], observe=_cached)[1:],
    ],
)


def _looped_back(
    labels: NDArray[np.intp],
    cache: list[FloatArray],
    parameters: list[FloatArray],
    decay: float,
    skip: bool = True,
    slope: Function = lambda h, t, i: 1 - t[i] ** 2,
    source: int = 0,
    uses: Function = lambda parts: sum(parts[1:], start=parts[0]),
    transposed: bool = False,
    decayed: Sequence[int] = (0, 2),
    parts_of_loss: Function = lambda p, y: (p - y) / len(p),
) -> list[FloatArray]:
    h, t, p = cache
    weight, last_weight = parameters[0], parameters[2]
    delta = parts_of_loss(p, np.eye(p.shape[1], dtype=p.dtype)[labels])
    last = [delta.T @ h[-1], delta.sum(axis=0)]
    back = delta @ last_weight
    of_weight, of_bias = [], []
    for i in reversed(range(len(t))):
        delta = back * slope(h, t, i)
        of_weight.append(delta.T @ h[i + source])
        of_bias.append(delta.sum(axis=0))
        through = delta @ (weight.T if transposed else weight)
        back = back + through if skip else through
    found = [uses(of_weight), uses(of_bias), *last]
    return [
        g + decay * parameter if i in decayed else g
        for i, (g, parameter) in enumerate(zip(found, parameters, strict=True))
    ]


def _transposed_weights(
    labels: NDArray[np.intp], cache: list[FloatArray], parameters: list[FloatArray], decay: float
) -> list[FloatArray]:
    without = _looped_back(labels, cache, parameters, 0.0)[0]
    found = _looped_back(labels, cache, parameters, decay)
    return [without.T + decay * parameters[0], *found[1:]]


def _swept(rows: int, units: int, classes: int, times: int) -> Inputs:
    inputs = _loop(rows, units, classes, times)

    def made(rng: np.random.Generator) -> Arguments:
        arguments = inputs(rng)
        kept = {name: arguments[name] for name in ("labels", "parameters", "decay")}
        return {"labels": kept.pop("labels"), "cache": _looped(**arguments)[1], **kept}

    return made


_USES_HINT = (
    "One weight is used in every turn of the loop. How many gradients come to it, and what is done "
    "with the gradients of several uses?"
)
_LOOP = (
    Misconception(
        "the skip forgotten on the way back",
        partial(_looped_back, skip=False),
        "h is used twice: in the layer, and past it. Which of the two gradients do you hand on?",
    ),
    Misconception(
        "the last use alone", partial(_looped_back, uses=lambda parts: parts[0]), _USES_HINT
    ),
    Misconception(
        "the first use alone", partial(_looped_back, uses=lambda parts: parts[-1]), _USES_HINT
    ),
    Misconception(
        "the mean of the uses",
        partial(_looped_back, uses=lambda parts: sum(parts) / len(parts)),
        _USES_HINT,
    ),
    Misconception(
        "the slope of tanh forgotten",
        partial(_looped_back, slope=lambda h, t, i: 1.0),
        "Between h and the weights lies tanh. How steep was it there?",
    ),
    Misconception(
        "the slope of tanh from the sum",
        partial(_looped_back, slope=lambda h, t, i: 1 - h[i + 1] ** 2),
        "tanh' is one minus the square of tanh itself. Which array of the cache holds that?",
    ),
    Misconception(
        "the output of the layer in place of its input",
        partial(_looped_back, source=1),
        "With what was the weight multiplied on the way forward?",
    ),
    Misconception(
        "transposed weight",
        partial(_looped_back, transposed=True),
        "Forward, a row went through the transpose. What undoes a transpose on the way back? "
        "Shapes cannot tell you here: the weight is square.",
    ),
    Misconception(
        "transposed gradient of the weight",
        _transposed_weights,
        "Row i of a weight makes unit i. Which index of its gradient is that of the unit?",
    ),
    Misconception(
        "a sum over the examples",
        partial(_looped_back, parts_of_loss=lambda p, y: p - y),
        "The loss is a mean. By how much does one example move it?",
    ),
    Misconception(
        "a mean taken twice",
        partial(_looped_back, parts_of_loss=lambda p, y: (p - y) / len(p) ** 2),
        "The mean is taken once, in the loss. Where else have you divided?",
    ),
    Misconception(
        "uphill",
        partial(_looped_back, parts_of_loss=lambda p, y: (y - p) / len(p)),
        "When the score of a wrong class grows, does the loss grow or fall?",
    ),
    Misconception(
        "the labels forgotten",
        partial(_looped_back, parts_of_loss=lambda p, y: p / len(p)),
        "Which of the two terms of the loss of an example knows its label?",
    ),
    Misconception(
        "no decay",
        partial(_looped_back, decayed=()),
        "The loss has a second part. What is its slope in a weight?",
    ),
    Misconception(
        "decay of the biases",
        partial(_looped_back, decayed=(0, 1, 2, 3)),
        "Which parameters stand in the sum of squares?",
    ),
)
_TURNS = {
    "three turns": _swept(4, 3, 3, 3),
    "one turn": _swept(5, 3, 4, 1),
    "many turns": _swept(3, 2, 4, 6),
}

loop_backward = Suite(
    "loop_backward",
    """Check ``backward(labels, cache, parameters, decay)`` of the network of :func:`loop_forward`.

    It returns the gradients of the loss in the four parameters, in their order.
    """,
    [
        *(
            Check(f"{name}: the gradient in {leaf}", made, _looped_back, _LOOP, output_at(place))
            for name, made in _TURNS.items()
            for place, leaf in reversed(list(enumerate("WbVc")))
        ),
        *array_checks(_looped_back, _TURNS, *_LOOP, observe=_both)[-2:],
    ],
)
