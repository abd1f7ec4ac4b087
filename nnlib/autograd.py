r"""Automatic differentiation: backpropagation with an engine in the open.

A :class:`Tensor` is an array that remembers how it was computed. Every operation on one is a
:class:`Rule`: a function of arrays, and beside it the formulas that take a gradient back. While a
program runs, its rules write down a graph of nodes; :meth:`Tensor.backward` sweeps once through it,
from the result to the leaves:

.. math:: \bar u = \sum_{v \text{ uses } u}
          \Bigl(\frac{\partial v}{\partial u}\Bigr)^{\!\top} \bar v ,

for every node after all that use it. Words and meanings are PyTorch's. A gradient is that of the
program that was recorded, or an error is raised: only a Tensor can write to its array, and it
counts what it writes. Slopes of activations and of softmax are those of :mod:`nnlib.activations`
and :mod:`nnlib.probability`. float32 stays float32, integers and lists become float64; infinities
and NaN pass on without a warning.
"""

from __future__ import annotations

import linecache
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from inspect import Parameter, signature
from numbers import Integral, Real
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from numpy.typing import ArrayLike, NDArray

from nnlib import activations, probability
from nnlib._arrays import FloatArray, as_float, check_callable, check_kind, quietly, read_only
from nnlib._graph import MOST_NODES, MOST_NUMBERS, graph_svg
from nnlib.activations import Activation

Function: TypeAlias = Callable[..., Any]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_adding = Lock()  # Two threads may add to one gradient.


@contextmanager
def _recorded(on: bool) -> Iterator[None]:
    token = _recording.set(on)
    try:
        yield
    finally:
        _recording.reset(token)


def no_grad() -> Any:
    """Record nothing within a ``with`` block, or in a function that this decorates.

    For measuring, and for changing parameters. It holds in one thread, and ends with the block,
    however that ends.

    Returns
    -------
    context manager and decorator

    Examples
    --------
    >>> w = Tensor(3.0, requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.5
    >>> w
    Tensor(2.5, requires_grad=True)
    """
    return _recorded(False)


# --- the engine -----------------------------------------------------------------------------------


class Node:
    """A place in the graph: a leaf, or one use of a rule.

    Attributes
    ----------
    rule : Rule or None
        None for a leaf.
    inputs : list of Node or None
        Where the gradient goes on to; None for an input that needs none.
    """

    __slots__ = ("grad", "inputs", "options", "retains_grad", "rule", "saved", "shapes", "value")

    def __init__(self, operation: Any, inputs: Sequence[Tensor], y: Tensor, options: Any) -> None:
        self.rule, self.options, self.grad = operation, options, None
        self.value: Any = y._array.copy() if y.size <= MOST_NUMBERS else y.shape  # to be shown
        self.retains_grad = operation is None
        self.inputs = [x._node for x in inputs]
        self.shapes = [x._array.shape for x in inputs]
        self.saved: Any = {}  # what the formulas name, and its version
        values = *inputs, y
        for source, saves in zip(self.inputs, operation.saves if operation else (), strict=True):
            if source:
                for name, place in saves:
                    x = values[place]
                    self.saved[name] = x._array, x._memory, x._memory.version

    def recall(self, name: str, i: int, recorded: bool) -> Any:
        """Return what the formula of input `i` calls `name`, if it still is what it was."""
        if name not in self.saved:
            return self.shapes[i] if name == "shape" else self.options[name]
        array, memory, version = self.saved[name]
        if memory.version != version:
            raise RuntimeError(_changed(self, name, array, memory))
        source = (*self.inputs, self)[self.rule.places[name]]
        return Tensor._of(array, memory, source) if recorded else array


class Rule:
    """A function of arrays, with a formula for each input that takes a gradient back to it.

    Made by :func:`rule`.
    """

    def __init__(self, name: str, forward: Function, *formulas: Function) -> None:
        self.name, self.forward, self.formulas = name, forward, formulas
        self.places, self.names, self.saves, self.defaults = _parameters(self)
        self.__doc__ = forward.__doc__

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Return what the function gives, as a Tensor, and record it where a gradient is wanted."""
        given = [x for x in inputs if isinstance(x, Tensor)]
        if not given:  # formulas run on arrays, or on Tensors where they are recorded themselves
            return self.forward(*inputs, **options)
        tensors = [_operand(x, given[0], self.name) for x in inputs]
        y = Tensor._result(_quiet(self.forward, *[x._array for x in tensors], **options), tensors)
        if _recording.get() and [x for x in given if x._node]:
            kept = {name: _copied(x) for name, x in (self.defaults | options).items()}
            y._node = Node(self, tensors, y, kept)
            y._memory.record()
        return y

    def gradients(self, node: Node, sources: Any, g: Any, recorded: bool) -> list[Any]:
        """Return the gradient at each source from `g`, the gradient at the node."""
        return [
            source and formula(g, *[node.recall(name, i, recorded) for name in self.names[i]])
            for i, (source, formula) in enumerate(zip(sources, self.formulas, strict=True))
        ]


def topological_order(roots: Iterable[Node]) -> list[Node]:
    """Return all nodes that the roots depend on, each after its inputs (post-order).

    Parameters
    ----------
    roots : iterable of Node

    Returns
    -------
    list of Node

    Raises
    ------
    RuntimeError
        If a part of the graph was released.
    """
    order, seen = list[Node](), set[Node]()
    waiting = [(node, False) for node in roots]
    while waiting:  # no recursion: Python's ends at a depth of 1,000
        node, inputs_are_done = waiting.pop()
        if inputs_are_done:
            order.append(node)
        elif node not in seen:
            if node.saved is None:
                raise RuntimeError(_SAY["released"])
            seen.add(node)
            waiting.append((node, True))
            waiting += [(source, False) for source in node.inputs[::-1] if source]
    return order


def _sweep(seeds: Any, wanted: Any, retain_graph: bool, create_graph: bool) -> dict[Node, Any]:
    """Return the gradients at the wanted nodes: by default, at all that retain theirs."""
    order, gradients, found = topological_order(seeds), dict(seeds), {}
    wanted = {node for node in order if node.retains_grad} if wanted is None else wanted
    needed: dict[Node, None] = {}  # what leads to a wanted node, in order
    for node in order:
        if node in wanted or not needed.keys().isdisjoint(node.inputs):
            needed[node] = None
    with _recorded(create_graph), np.errstate(all="ignore"):
        for node in reversed(needed):
            g = gradients.pop(node)  # complete: all that use the node came before it
            if node in wanted:
                found[node] = _owned(g)
            if node.rule:
                sources = [source if source in needed else None for source in node.inputs]
                parts = node.rule.gradients(node, sources, _lent(g), create_graph)
                for i, source in enumerate(sources):
                    if source:
                        part = _sum_to(parts[i], node.shapes[i], g.dtype, node.rule)
                        so_far = gradients.get(source)
                        gradients[source] = part if so_far is None else so_far + part
    _release(order, retain_graph)  # only now, so that an error on the way loses nothing
    return found


# --- what it asks for -----------------------------------------------------------------------------


@quietly
def _quiet(function: Function, *inputs: Any, **options: Any) -> Any:
    return function(*inputs, **options)


def _release(order: list[Node], retain_graph: bool) -> None:
    """Let go of all that a graph has saved, unless it is to be kept."""
    if any(node.saved is None for node in order):  # by another sweep, at the same time
        raise RuntimeError(_SAY["released"])
    for node in order:
        if node.rule and not retain_graph:
            node.inputs, node.saved = [], None


def _parameters(operation: Rule) -> tuple[dict[str, int], Any, Any, dict[str, Any]]:
    """Return the places of inputs and of `y`, what each formula names and saves, and defaults."""
    parameters = signature(operation.forward).parameters.values()
    options = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    inputs = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(inputs) != len(operation.formulas) or {"g", "y", "shape"} & {*inputs, *options}:
        count = len(operation.formulas)
        raise TypeError(_SAY["rule"].format(operation.name, count, ", ".join(inputs)))
    known, names = {*inputs, *options, "y", "shape"}, []
    for formula in operation.formulas:
        check_callable(formula, f"a formula of the rule {operation.name}")
        first, *others = signature(formula).parameters or [""]
        if first != "g" or not known.issuperset(others):
            given = ", ".join(sorted(known)), ", ".join([first, *others])
            raise TypeError(_SAY["formula"].format(operation.name, *given))
        names.append(others)
    places = {name: i for i, name in enumerate([*inputs, "y"])}
    saves = [[(name, places[name]) for name in each if name in places] for each in names]
    return places, names, saves, {k: v for k, v in options.items() if v is not Parameter.empty}


def _operand(x: Any, like: Tensor, name: str) -> Tensor:
    if not isinstance(x, Tensor):
        # Numbers, lists and integers have no precision of their own.
        own = isinstance(x, np.ndarray) and x.dtype.kind == "f"
        dtype = x.dtype if own else like.dtype
        x = Tensor(_in(dtype, x, f"an operand of {name}"))
    if x._array.dtype != like._array.dtype:
        raise TypeError(_SAY["dtypes"].format(name, like.dtype, x.dtype))
    return x


def _frozen(array: FloatArray) -> FloatArray:
    """Make an array read-only: from here on only a Tensor writes to it."""
    array.setflags(write=False)
    if isinstance(array.base, np.ndarray):
        array.base.setflags(write=False)
    return array


def _in(dtype: Any, value: Any, name: str) -> FloatArray:
    """Return a value as an array of that dtype, if it holds real numbers."""
    if type(value) is np.ndarray and value.dtype is dtype:  # as nearly always
        return value
    return _quiet(as_float(value, name).astype, dtype, copy=False)


def _copied(option: Any) -> Any:
    """Return an option whose arrays and lists nobody else can change."""
    if type(option) in _FIXED:
        return option
    return tuple(map(_copied, option)) if isinstance(option, tuple) else deepcopy(option)


def _lent(g: Any) -> Any:
    """Return a gradient for formulas to read; what they make of it may still be a view of it."""
    return read_only(g) if isinstance(g, np.ndarray) else g


def _owned(g: Any) -> Tensor:
    """Return a gradient as a Tensor that shares its numbers with nothing else."""
    if isinstance(g, Tensor):
        return _copy(g)
    # Only arrays that this sweep has made can be written to; of two views the first gets them.
    owner = g if g.base is None else g.base
    fresh = isinstance(owner, np.ndarray) and owner.flags.writeable and g.flags.forc
    return Tensor._of(_frozen(g if fresh else np.array(g, order="K")))


def _sum_to(part: Any, shape: tuple[int, ...], dtype: Any, operation: Rule) -> Any:
    """Return a gradient summed over all that broadcasting has added to an input of the shape."""
    if not isinstance(part, Tensor):
        part = _in(dtype, part, "what a formula gives")
    if part.shape == shape:
        return part
    extra = part.ndim - len(shape)
    pairs = list(zip((1,) * extra + shape, part.shape, strict=False))
    if extra < 0 or any(n not in (1, m) for n, m in pairs):
        raise ValueError(_SAY["part"].format(operation.name, shape, part.shape))
    stretched = tuple(i for i, (n, m) in enumerate(pairs) if n != m)
    return part.sum(axis=stretched).reshape(shape)


# --- rules ----------------------------------------------------------------------------------------


def rule(*formulas: Function) -> Callable[[Function], Rule]:
    r"""Make a rule of a function of arrays, from a formula for the gradient in each of its inputs.

    The formulas stand in the order of the inputs. Each takes `g`, the gradient in the output, and
    names what else it needs: inputs and options of the function as they are called there, ``y`` for
    the output, ``shape`` for the shape of the input whose gradient it gives. What the formulas name
    is what the graph keeps, and no more. They are written in operators, methods and functions that
    arrays and Tensors share, such as those of this module: so their own gradients can be taken.
    Where broadcasting has stretched an input, the gradient is summed over what was added.

    Parameters
    ----------
    *formulas : callable
        One for each input; options come after a ``*`` in the function's signature.

    Returns
    -------
    callable
        A decorator, which turns the function into a :class:`Rule`. That is called like the
        function, with at least one Tensor and else with arrays and numbers, and gives a Tensor.

    Raises
    ------
    TypeError
        If there are not as many formulas as inputs, or a formula names what the function has not.

    Examples
    --------
    >>> @rule(lambda g, x: g * cos(x))
    ... def sin(x):
    ...     return np.sin(x)
    >>> @rule(lambda g, x: -g * sin(x))
    ... def cos(x):
    ...     return np.cos(x)
    >>> x = Tensor(0.0, requires_grad=True)
    >>> sin(x).backward()
    >>> x.grad
    Tensor(1.)
    """
    return lambda forward: Rule(forward.__name__.strip("_"), forward, *formulas)


_add = Rule("add", lambda a, b: a + b, lambda g: g, lambda g: g)
_subtract = Rule("subtract", lambda a, b: a - b, lambda g: g, lambda g: -g)
_multiply = Rule("multiply", lambda a, b: a * b, lambda g, b: g * b, lambda g, a: g * a)
_divide = Rule("divide", lambda a, b: a / b, lambda g, b: g / b, lambda g, y, b: -g * y / b)
_negative = Rule("negative", lambda x: -x, lambda g: -g)
_copy = Rule("copy", lambda x: x.copy(), lambda g: g)
_reshape = Rule("reshape", lambda x, *, to: x.reshape(to), lambda g, shape: g.reshape(shape))


@rule(lambda g, x, exponent: g * (exponent * x ** (exponent - 1) if exponent else 0.0))
def _power(x: FloatArray, *, exponent: float) -> FloatArray:
    return x**exponent


@rule(lambda g, b: g @ b.swapaxes(-1, -2), lambda g, a: a.swapaxes(-1, -2) @ g)
def _matmul(a: FloatArray, b: FloatArray) -> FloatArray:
    return a @ b


@rule(lambda g, y: g * y)
def exp(x: FloatArray) -> FloatArray:
    """Exponential of every entry."""
    return np.exp(x)


@rule(lambda g, x: g / x)
def log(x: FloatArray) -> FloatArray:
    """Natural logarithm of every entry."""
    return np.log(x)


@rule(lambda g, shape, axis: _spread(g, shape, axis))
def _sum(x: FloatArray, *, axis: Any, keepdims: bool) -> FloatArray:
    return x.sum(axis=axis, keepdims=keepdims)


@rule(lambda g, shape, axis: _spread(g / _count(shape, axis), shape, axis))
def _mean(x: FloatArray, *, axis: Any, keepdims: bool) -> FloatArray:
    return x.sum(axis=axis, keepdims=keepdims) / _count(x.shape, axis)


@rule(lambda g, y, axis: y * (g - (g * y).sum(axis, keepdims=True)))
def softmax(scores: FloatArray, *, axis: int = -1) -> FloatArray:
    """Softmax along an axis, that of :func:`nnlib.softmax`."""
    return probability.softmax(scores, axis)


@rule(lambda g, y, axis: g - exp(y) * g.sum(axis, keepdims=True))
def log_softmax(scores: FloatArray, *, axis: int = -1) -> FloatArray:
    """Logarithm of softmax, that of :func:`nnlib.log_softmax`."""
    return probability.log_softmax(scores, axis)


@rule(lambda g, scores, shape, axis: _spread(g, shape, axis) * softmax(scores, axis=axis))
def log_sum_exp(scores: FloatArray, *, axis: int = -1) -> FloatArray:
    """Logarithm of the sum of exponentials, that of :func:`nnlib.log_sum_exp`."""
    return probability.log_sum_exp(scores, axis)


@rule(lambda g: g)
def _broadcast(x: FloatArray, *, to: tuple[int, ...]) -> FloatArray:
    y = np.empty(to, x.dtype)  # not np.broadcast_to, which costs more than a small copy
    y[...] = x
    return y


@rule(lambda g, axes: g.transpose([axes.index(i) for i in range(len(axes))]))
def _transpose(x: FloatArray, *, axes: Sequence[int]) -> FloatArray:
    return x.transpose(axes)


@rule(lambda g, index: g[index])
def _scatter(x: FloatArray, *, index: Any, to: tuple[int, ...]) -> FloatArray:
    y = np.zeros(to, x.dtype)
    if all(isinstance(i, _BASIC) for i in (index if isinstance(index, tuple) else (index,))):
        y[index] = x
    else:
        np.add.at(y, index, x)  # y[index] += x would count a repeated index once
    return y


@rule(lambda g, shape, index: _scatter(g, index=index, to=shape))
def _getitem(x: FloatArray, *, index: Any) -> FloatArray:
    return x[index]


@rule(
    lambda g, index: where(_assigned(g.shape, index)[0], 0.0, g),
    lambda g, index: where(_assigned(g.shape, index)[1], g[index], 0.0),
)
def _assign(x: FloatArray, value: FloatArray, *, index: Any) -> FloatArray:
    y = x.copy()
    y[index] = value
    return y


@rule(
    lambda g, shape, axis: g[_along(axis % g.ndim, slice(shape[axis]))],
    lambda g, shape, axis: g[_along(axis % g.ndim, slice(g.shape[axis] - shape[axis], None))],
)
def _join(a: FloatArray, b: FloatArray, *, axis: int) -> FloatArray:
    return np.concatenate([a, b], axis)


@rule(
    lambda g, condition: where(condition, g, 0.0),
    lambda g, condition: where(condition, 0.0, g),
)
def _where(a: FloatArray, b: FloatArray, *, condition: NDArray[np.bool_]) -> FloatArray:
    return np.where(condition, a, b)


def from_activation(activation: Activation, second_derivative: Function | None = None) -> Rule:
    r"""Make a rule of an activation; its slope is the activation's own.

    Parameters
    ----------
    activation : Activation
    second_derivative : callable, optional
        A formula for it, for gradients of gradients; written like those of :func:`rule`.

    Returns
    -------
    Rule

    Raises
    ------
    TypeError
        If `activation` is not an :class:`~nnlib.Activation`.

    Examples
    --------
    >>> from nnlib import LeakyReLU
    >>> steep = from_activation(LeakyReLU(0.5), lambda x: 0.0)
    >>> steep(Tensor([-2.0, 3.0]))
    Tensor([-1.,  3.])
    """
    check_kind(activation, Activation, "activation", "an Activation")

    def curvature(g: Any, x: Any) -> Any:
        if second_derivative is None:
            raise NotImplementedError(_SAY["no curvature"].format(activation.name))
        return g * second_derivative(x)

    slope = Rule(f"slope of {activation.name}", activation.derivative, curvature)
    return Rule(activation.name, activation, lambda g, x: g * slope(x))


def _gelu_tanh_curvature(x: Any) -> Any:
    c = math.sqrt(8 / math.pi)
    u, du, ddu = c * (x + 0.044715 * x**3), c * (1 + 0.134145 * x * x), c * 0.26829 * x
    s, t = sigmoid(u), sigmoid(-u)
    return s * t * (2 * du + x * ddu + x * du * du * (t - s))


# A choice instead of a product: 0 also where the gradient is infinite, and NaN passes, as in torch.
relu = Rule("relu", activations.relu.value, lambda g, y: where(y <= 0, 0.0, g))
sigmoid: Rule
tanh: Rule
identity, leaky_relu, sigmoid, tanh, softplus, gelu, gelu_tanh = (
    from_activation(activations.ACTIVATIONS[name], curvature)
    for name, curvature in {
        "identity": lambda x: 0.0,
        "leaky_relu": lambda x: 0.0,
        "sigmoid": lambda x: -sigmoid(x) * sigmoid(-x) * tanh(x / 2),
        "tanh": lambda x: -8 * tanh(x) * sigmoid(2 * x) * sigmoid(-2 * x),
        "softplus": lambda x: sigmoid(x) * sigmoid(-x),
        "gelu": lambda x: exp(x * x / -2) * (2 - x * x) / math.sqrt(2 * math.pi),
        "gelu_tanh": _gelu_tanh_curvature,
    }.items()
)


# --- functions that are made of rules -------------------------------------------------------------


def matmul(a: Any, b: Any) -> Any:
    """Return the product of matrices, stacks of them, or vectors, as NumPy's ``@``.

    A vector is a row on the left of it and a column on the right.

    Parameters
    ----------
    a, b : Tensor or array_like
        At least one a Tensor.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> matmul(Tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 10.0])
    Tensor([21., 43.])
    """
    given = [x for x in (a, b) if isinstance(x, Tensor)]
    if given:
        a, b = (_operand(x, given[0], "matmul") for x in (a, b))
    if b.ndim == 1:
        return matmul(a, _getitem(b, index=(slice(None), None)))[..., 0]
    if a.ndim == 1:
        return matmul(_getitem(a, index=None), b)[..., 0, :]
    return _matmul(a, b)


def where(condition: ArrayLike, a: Any, b: Any) -> Any:
    """Return `a` where the condition holds, and `b` elsewhere.

    Both branches are computed. A branch not taken gets the gradient 0; if its own slope is infinite
    or NaN, then 0 times that is NaN: choose its argument so that it is harmless.

    Parameters
    ----------
    condition : array_like of bool
    a, b : Tensor or array_like
        At least one a Tensor; the three are broadcast.

    Returns
    -------
    Tensor

    Examples
    --------
    >>> x = Tensor([-1.0, 2.0])
    >>> where(x > 0, x, 0.0)
    Tensor([0., 2.])
    """
    return _where(a, b, condition=np.asarray(condition, bool))


def take(x: Tensor, indices: ArrayLike, axis: int = 0) -> Tensor:
    """Return the entries of `x` at `indices` along an axis; those taken twice get both gradients.

    Parameters
    ----------
    x : Tensor
    indices : array_like of int, any shape
        Its axes replace the axis.
    axis : int, default 0

    Returns
    -------
    Tensor

    Examples
    --------
    >>> take(Tensor([1.0, 2.0, 3.0]), [2, 0, 2])
    Tensor([3., 1., 3.])
    """
    return x[_along(normalize_axis_index(axis, x.ndim), np.asarray(indices))]


def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join Tensors (or arrays) along an axis that all of them have.

    Parameters
    ----------
    tensors : sequence of Tensor or array_like
        At least one a Tensor; shapes may differ along the axis alone.
    axis : int, default 0

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If there are none, or their shapes do not match.

    Examples
    --------
    >>> concatenate([Tensor([1.0, 2.0]), [3.0]])
    Tensor([1., 2., 3.])
    """
    parts = list(tensors)
    if not parts:
        raise ValueError("tensors must hold at least one Tensor to join, got none")
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2  # each number is copied log2(n) times
    return _join(concatenate(parts[:half], axis), concatenate(parts[half:], axis), axis=axis)


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join Tensors (or arrays) of one shape along a new axis; else as :func:`concatenate`.

    Examples
    --------
    >>> stack([Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[1., 2.],
            [3., 4.]])
    """
    parts = [x if isinstance(x, Tensor) else np.asarray(x) for x in tensors]
    places = [_along(normalize_axis_index(axis, x.ndim + 1), None) for x in parts]
    return concatenate([x[at] for x, at in zip(parts, places, strict=True)], axis)


# --- tensors --------------------------------------------------------------------------------------


def _operators(operation: Function) -> tuple[Function, Function]:
    """Return the methods for a Tensor on the left of an operator, and on the right alone."""
    return lambda self, other: operation(self, other), lambda self, other: operation(other, self)


def _in_place(operator: Function) -> Function:
    """Return the method that writes what the operator gives into the Tensor on its left."""
    return lambda self, other: self._change(
        lambda old: operator(old, old if other is self else other), other
    )


def _comparison(ufunc: np.ufunc) -> Function:
    return lambda self, other: ufunc(_plain(self), _plain(other))


class _Memory:
    """What all Tensors that lie on one array share: how often it was written to, and by whom."""

    owner = "data"  # or "leaf" (which requires grad), or "recorded"
    shared = False  # whether somebody else sees the array: then it is written into
    version = 0
    changed = "", 0  # file and line

    def record(self) -> None:
        if self.owner == "data":
            self.owner = "recorded"


class Tensor:
    r"""An array of real numbers that can be differentiated.

    Operators, :meth:`sum`, :meth:`mean`, :meth:`max`, indexing and the functions of this module
    work as NumPy's do, with broadcasting; numbers and arrays may stand beside a Tensor. Comparisons
    give arrays of bool.

    ``x += y`` and ``x[i] = y`` write into the array in place. Where a backward pass still needs the
    old numbers, it raises.

    Parameters
    ----------
    data : array_like of real numbers, any shape
        It is copied. float32 stays, all else becomes float64.
    requires_grad : bool, default False
        Whether the Tensor is a leaf whose gradient is wanted.
    name : str, default "leaf"
        What pictures of a graph call a leaf that requires grad.

    Raises
    ------
    TypeError
        If `data` does not hold real numbers.

    See Also
    --------
    torch.Tensor

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x**2).sum()
    >>> loss
    Tensor(14., grad_fn=<sum>)
    >>> loss.backward()
    >>> x.grad
    Tensor([2., 4., 6.])
    """

    __slots__ = ("_array", "_memory", "_node")
    _node: Any
    __array_ufunc__ = None  # an array on the left of an operator leaves it to the Tensor
    __hash__ = object.__hash__

    def __init__(self, data: ArrayLike, requires_grad: bool = False, *, name: str = "leaf") -> None:
        check_kind(requires_grad, (bool, np.bool_), "requires_grad", "True or False")
        self._array, self._memory = _frozen(np.array(as_float(data, "data"))), _Memory()
        self._node = Node(None, (), self, name) if requires_grad else None
        if requires_grad:
            self._memory.owner, self._memory.shared = "leaf", True
            self._node.value = self._array  # as it is when it is shown

    @classmethod
    def _of(cls, array: FloatArray, memory: _Memory | None = None, node: Any = None) -> Tensor:
        tensor = cls.__new__(cls)
        tensor._array, tensor._memory, tensor._node = array, memory or _Memory(), node
        return tensor

    @classmethod
    def _result(cls, value: Any, inputs: Sequence[Tensor]) -> Tensor:
        """Return a Tensor of what a rule gave, on the memory of the input that it is a view of."""
        array = _in(inputs[0]._array.dtype, value, "what a rule gives")
        if not array.flags.writeable:  # what a rule makes is writeable, what it is given is not
            for x in inputs:
                if np.may_share_memory(array, x._array):
                    x._memory.shared = True
                    return cls._of(array, x._memory)
        return cls._of(_frozen(array))

    # --- what it is

    shape = property(lambda self: self._array.shape, doc="The length of every axis.")
    ndim = property(lambda self: self._array.ndim, doc="The number of axes.")
    size = property(lambda self: self._array.size, doc="The number of entries.")
    dtype = property(lambda self: self._array.dtype, doc="float32 or float64.")
    requires_grad = property(lambda self: self._node is not None, doc="Whether gradients reach it.")

    @property
    def grad_fn(self) -> Node | None:
        """The node of the graph that computed it, None for a leaf."""
        return None if self.is_leaf else self._node

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._node is None or self._node.rule is None

    @property
    def grad(self) -> Tensor | None:
        """The gradients of all backward passes since it was None, added up.

        Only leaves that require grad have one, and Tensors that :meth:`retain_grad` was called on;
        of others it cannot be read.
        """
        if self._node and not self._node.retains_grad:
            raise RuntimeError(_SAY["not kept"].format(self))
        return self._node and self._node.grad

    @grad.setter
    def grad(self, gradient: ArrayLike | Tensor | None) -> None:
        if gradient is not None:
            gradient = _seed(self, gradient, recorded=True)
        if self._node:
            self._node.grad = gradient

    def retain_grad(self) -> None:
        """Keep the gradient at this Tensor too, though it is no leaf."""
        if self._node is None:
            raise RuntimeError(_SAY["no graph"])
        self._node.retains_grad = True

    def zero_grad(self) -> None:
        """Forget the gradients so far: ``grad`` is None again."""
        self.grad = None

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="Tensor(")
        dtype = ", dtype=float32" if self.dtype == np.float32 else ""
        leaf = ", requires_grad=True" if self.requires_grad else ""
        history = leaf if self.is_leaf else f", grad_fn=<{self._node.rule.name}>"
        return f"Tensor({text}{dtype}{history})"

    def _repr_html_(self) -> str | None:
        """Return the graph as a picture, with value and gradient at every node, if it is small."""
        try:
            order = topological_order([] if self.is_leaf else [self._node])
            if not 0 < len(order) <= MOST_NODES:
                return None
            seeds = {self._node: np.ones_like(self._array)}
            gradients = _sweep(seeds, set(order), True, False) if self.size == 1 else {}
        except RuntimeError:  # released, or changed since
            return None
        return graph_svg(order, {node: g._array for node, g in gradients.items()})

    # --- ways out of the graph

    def detach(self) -> Tensor:
        """Return the same numbers without their history: a copy, a leaf that needs no gradient."""
        return Tensor(self._array)

    def numpy(self) -> FloatArray:
        """Return a copy as an array.

        Raises
        ------
        RuntimeError
            If the Tensor requires grad: an array knows no graph.
        """
        if self._node is not None:
            raise RuntimeError(_SAY["no array"])
        return self._array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.numpy().astype(dtype or self.dtype, copy=False)

    def item(self) -> float:
        """Return the only entry as a number."""
        return self._array.item()

    __float__ = item

    def __bool__(self) -> bool:
        return bool(self._array)

    def __len__(self) -> int:
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> Any:
        """Copy a leaf, as a leaf of its own; what was computed has a history, which stays."""
        if not self.is_leaf:
            raise RuntimeError(f"only a leaf can be copied, got {self!r}; detach() it first")
        return Tensor, (self._array.copy(), self.requires_grad)

    # --- operations: each is recorded where it has a rule

    __add__, __radd__ = _operators(_add)
    __sub__, __rsub__ = _operators(_subtract)
    __mul__, __rmul__ = _operators(_multiply)
    __truediv__, __rtruediv__ = _operators(_divide)
    __matmul__, __rmatmul__ = _operators(matmul)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)

    def __neg__(self) -> Tensor:
        return _negative(self)

    def __pow__(self, exponent: float) -> Tensor:
        check_kind(exponent, Real, "an exponent", "a number (or exp(exponent * log(base)))")
        return _power(self, exponent=float(exponent))

    def __getitem__(self, index: Any) -> Tensor:
        return _getitem(self, index=index)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the sum of all entries, or along the axes."""
        return _sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the mean of all entries, or along the axes."""
        return _mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the largest of all entries, or along an axis.

        Of ties the first is taken, and gets the whole gradient, as in ``torch.max(x, dim)``;
        ``torch.amax`` shares it evenly. NaN is larger than all.
        """
        at: Any = self._array.argmax(axis, keepdims=True)  # type: ignore[arg-type]
        places: Any = list(np.indices(at.shape, sparse=True))
        if axis is None:
            places = np.unravel_index(at, self.shape)
        else:
            places[axis] = at
        largest = self[tuple(places)]
        return largest if keepdims else largest.reshape(at.squeeze(axis).shape)

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same entries in another shape; -1 stands for what is left over."""
        shape = tuple(shape[0]) if shape and not isinstance(shape[0], Integral) else shape
        return _reshape(self, to=shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Return the Tensor with its axes in another order, by default reversed."""
        order = axes[0] if axes and np.ndim(axes[0]) else axes or range(self.ndim)[::-1]
        return _transpose(self, axes=[normalize_axis_index(axis, self.ndim) for axis in order])

    def swapaxes(self, a: int, b: int) -> Tensor:
        """Return the Tensor with two of its axes exchanged."""
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.transpose(axes)

    @property
    def T(self) -> Tensor:
        """The Tensor with its axes in reverse order."""
        return _transpose(self, axes=range(self._array.ndim)[::-1])

    # --- in place

    __iadd__, __isub__, __imul__ = _in_place(_add), _in_place(_subtract), _in_place(_multiply)
    __itruediv__, __imatmul__ = _in_place(_divide), _in_place(matmul)
    __ipow__ = _in_place(__pow__)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._change(lambda old: _assign(old, value, index=index), value)

    def _change(self, function: Function, other: Any) -> Tensor:
        """Write what the function makes of this Tensor into its array, for all its views too."""
        memory, recording = self._memory, _recording.get()
        recorded = recording and (self.requires_grad or _requires_grad(other))
        for refused, complaint in (
            (recording and memory.owner == "leaf", _SAY["leaf"]),
            (memory.shared and (recorded or _repeats(self._array)), _SAY["view"]),
            (not recorded and memory.owner == "recorded", _SAY["unrecorded"]),
        ):
            if refused:
                raise RuntimeError(complaint)
        # A rule that saves what it is given saves the old numbers, on a memory that keeps them.
        result = function(Tensor._of(self._array, node=self._node) if recorded else self)
        if result.shape != self.shape:
            raise ValueError(f"a Tensor of shape {self.shape} cannot hold the shape {result.shape}")
        if memory.shared:
            array = self._array
            owner = array if array.base is None else array.base
            owner.flags.writeable = array.flags.writeable = True
            array[...] = result._array
            _frozen(array)
        else:
            self._array = result._array
        memory.version += 1
        memory.changed = _place()
        if recorded:
            self._node = result._node
            memory.record()
        return self

    # --- backward

    def backward(
        self,
        gradient: ArrayLike | Tensor | None = None,
        retain_graph: bool = False,
        create_graph: bool = False,
    ) -> None:
        r"""Add the gradients of this Tensor to ``grad`` of the leaves that it depends on.

        The graph is released, unless told otherwise; after an error, graph and gradients are as
        they were.

        Parameters
        ----------
        gradient : Tensor or array_like, of the shape of this Tensor, optional
            :math:`\bar y`, the gradient in this Tensor; 1 for a single number.
        retain_graph : bool, default False
            Keep the graph for another pass.
        create_graph : bool, default False
            Record the pass itself, for gradients of gradients; keeps the graph as well.

        Raises
        ------
        RuntimeError
            If nothing here requires grad, this is no single number and `gradient` is missing, the
            graph was released, or an array that a rule has saved was changed in place since.
        ValueError, TypeError
            If `gradient` is not of the shape and dtype of this Tensor.

        Examples
        --------
        >>> w = Tensor([1.0, 2.0], requires_grad=True)
        >>> (3 * w).backward(gradient=[1.0, 10.0])
        >>> w.grad
        Tensor([ 3., 30.])
        """
        seeds = {self._node: _seed(self, gradient, create_graph)}
        found = _sweep(seeds, None, retain_graph or create_graph, create_graph)
        with _recorded(create_graph), _adding:
            for node, g in found.items():
                node.grad = g if node.grad is None else node.grad + g


# --- functions of functions -----------------------------------------------------------------------


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    gradient: Any = None,
    retain_graph: bool = False,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """Return the gradients of `outputs` at `inputs`, and leave every ``grad`` alone.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
        The inputs may be leaves or lie on the way.
    gradient : as `outputs`, optional
        The gradient in each; 1 for single numbers.
    retain_graph, create_graph : bool, default False
        As for :meth:`Tensor.backward`.
    allow_unused : bool, default False
        Give None for an input that the outputs do not depend on, instead of an error.

    Returns
    -------
    Tensor or tuple of Tensor
        As `inputs`.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As for :meth:`Tensor.backward`; also if an input was not used.

    Examples
    --------
    >>> x = Tensor(3.0, requires_grad=True)
    >>> slope = grad(x**3, x, create_graph=True)
    >>> slope, grad(slope, x)
    (Tensor(27., grad_fn=<copy>), Tensor(18.))
    """
    given = [gradient] if isinstance(outputs, Tensor) else gradient
    results, wanted = ([x] if isinstance(x, Tensor) else list(x) for x in (outputs, inputs))
    for each in results + wanted:
        check_kind(each, Tensor, "outputs and inputs", "Tensors")
    seeds: dict[Node, Any] = {}
    for y, each in zip(results, [None] * len(results) if given is None else given, strict=True):
        seed = _seed(y, each, create_graph)
        seeds[y._node] = seeds[y._node] + seed if y._node in seeds else seed
    nodes = [x._node for x in wanted]
    found = _sweep(seeds, set(nodes), retain_graph or create_graph, create_graph)
    for i, x in enumerate(wanted):
        if x._node not in found and not allow_unused:
            raise RuntimeError(_SAY["not used"].format(i, x))
    result = tuple(found.get(node) for node in nodes)
    return result[0] if isinstance(inputs, Tensor) else result


def jvp(function: Function, inputs: Any, tangents: Any) -> tuple[Tensor, Tensor]:
    r"""Return a function's value and its derivative along a direction, :math:`J v`: forward mode.

    The rules know :math:`u \mapsto J^\top u` alone. That is linear in `u`, so its own transpose at
    any `u` is :math:`J`: two sweeps back make one forward.

    Parameters
    ----------
    function : callable
        Of Tensors; returns a Tensor.
    inputs : Tensor or array_like, or a tuple of them
    tangents : as `inputs`
        The direction `v`.

    Returns
    -------
    value, product : Tensor
        Of one shape.

    Examples
    --------
    >>> jvp(exp, Tensor([0.0, 1.0]), Tensor([1.0, 0.0]))
    (Tensor([1.        , 2.71828183]), Tensor([1., 0.]))
    """
    y, x, v = _evaluated(function, inputs, tangents)
    u = Tensor(np.zeros_like(y._array), requires_grad=True)
    return y.detach(), _product_gradients(_slopes(y, x, u, True), v, [u])[0]


def hvp(function: Function, inputs: Any, vectors: Any) -> tuple[Tensor, Any]:
    r"""Return a function's value and its Hessian times a vector, at about twice a gradient's price.

    Parameters
    ----------
    function : callable
        Of Tensors; returns a single number.
    inputs : Tensor or array_like, or a tuple of them
    vectors : as `inputs`

    Returns
    -------
    value : Tensor
    product : Tensor or tuple of Tensor
        As `inputs`.

    Examples
    --------
    >>> hvp(lambda x: (x**3).sum(), Tensor([1.0, 2.0]), Tensor([1.0, 1.0]))[1]
    Tensor([ 6., 12.])
    """
    y, x, v = _evaluated(function, inputs, vectors)
    products = _product_gradients(_slopes(y, x, None, True), v, x)
    return y.detach(), products if isinstance(inputs, tuple) else products[0]


def _evaluated(function: Function, inputs: Any, vectors: Any) -> tuple[Tensor, Any, Any]:
    """Return the function's value, its inputs as leaves, and the vectors if they fit these."""
    x, v = _leaves(inputs), vectors if isinstance(vectors, tuple) else (vectors,)
    shapes, given = [each.shape for each in x], [np.shape(_plain(each)) for each in v]
    if given != shapes:
        raise ValueError(f"the direction must have the shapes of the inputs, {shapes}, got {given}")
    with _recorded(True):
        return function(*x), x, v


def _product_gradients(slopes: Any, v: Any, ends: list[Tensor]) -> tuple[Tensor, ...]:
    with _recorded(True):
        product = sum((g * each).sum() for g, each in zip(slopes, v, strict=True))
    return _slopes(product, ends, None)


def _slopes(
    y: Any, x: list[Tensor], seed: Any, create_graph: bool = False, retain_graph: bool = False
) -> tuple[Tensor, ...]:
    """Return the gradients of `y` at `x`: zeros where it does not depend on one."""
    found = [None] * len(x)
    if y.requires_grad:
        found = grad(y, x, seed, retain_graph, create_graph, allow_unused=True)
    zeros = [Tensor(np.zeros_like(each._array)) for each in x]
    return tuple(zero if g is None else g for zero, g in zip(zeros, found, strict=True))


class _Checkpoint(Rule):
    """A whole function as one rule: it saves its inputs, and runs again on the way back."""

    def __init__(self, function: Function, count: int) -> None:
        self.name, self.function, self.defaults = "checkpoint", function, {}
        names = [*(f"input {i}" for i in range(count)), "y"]
        self.places = {name: i for i, name in enumerate(names)}
        self.saves = [list(self.places.items())] * count

    def forward(self, *arrays: FloatArray) -> FloatArray:
        y, self.program = self.run([Tensor(array, requires_grad=True) for array in arrays])
        return y._array

    def run(self, x: list[Tensor]) -> tuple[Tensor, list[Any]]:
        """Return the result, and what was done for it: each operation, and what it has saved."""
        with _recorded(True):
            y = self.function(*x)
        check_kind(y, Tensor, "what the function of a checkpoint returns", "a Tensor")
        before = set(topological_order(each._node for each in x))
        order = topological_order([y._node] if y._node else [])
        nodes = [node for node in order if node not in before]
        if not all(node.rule for node in nodes):
            raise ValueError(_SAY["not among inputs"])
        used = [(node.options.values(), [x for x, *_ in node.saved.values()]) for node in nodes]
        return y, [(node.rule.name, _digest(each)) for node, each in zip(nodes, used, strict=True)]

    def gradients(self, node: Node, sources: Any, g: Any, recorded: bool) -> list[Any]:
        *saved, before = [node.recall(name, 0, recorded) for name in self.places]
        with _recorded(True):
            x = [
                _copy(each) if _requires_grad(each) else Tensor(_plain(each), True)
                for each in saved
            ]
        y, program = self.run(x)
        if program != self.program or not np.array_equal(y._array, _plain(before), equal_nan=True):
            raise RuntimeError(_SAY["other program"])
        wanted = [each for each, source in zip(x, sources, strict=True) if source]
        found = iter(_slopes(y, wanted, g, recorded))
        return [source and next(found) for source in sources]


def _digest(x: Any) -> Any:
    """Return something to compare: of an array its hash, of what cannot be compared its type."""
    if isinstance(x, np.ndarray):
        return x.shape, hash(x.tobytes())
    if type(x) in _FIXED:
        return x
    return [_digest(each) for each in x] if isinstance(x, Iterable) else type(x)


def checkpoint(function: Function, *inputs: Any) -> Tensor:
    """Return ``function(*inputs)``, but keep nothing of its graph and run it again on the way back.

    What happens inside needs memory while it runs, and no longer; the price is a second run.

    Parameters
    ----------
    function : callable
        Of Tensors, returns a Tensor; it must give the same numbers whenever it runs.
    *inputs : Tensor or array_like
        All that the function uses and that requires grad; at least one a Tensor.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        If the function uses a Tensor that requires grad and is not among the inputs.
    RuntimeError
        In the backward pass, if the function does or gives anything else than before.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (exp(x) ** 2).sum(), x)
    Tensor(61.98720613, grad_fn=<checkpoint>)
    """
    check_callable(function, "function")
    return _Checkpoint(function, len(inputs))(*inputs)


def gradcheck(function: Function, *inputs: Any, tolerance: float = 1e-6) -> bool:
    r"""Compare the gradients of a function with differences, entry by entry.

    .. math:: f'(0) \approx \frac{8\,(f(h) - f(-h)) - (f(2h) - f(-2h))}{12\,h}, \qquad h = 10^{-3}

    Parameters
    ----------
    function : callable
        Of float64 Tensors, returns a Tensor; smooth within 2h of the inputs.
    *inputs : Tensor or array_like
    tolerance : float, default 1e-6
        Of each difference, relative to the larger of 1 and the slope.

    Returns
    -------
    bool
        True.

    Raises
    ------
    RuntimeError
        If they differ; it says where and by how much.

    Examples
    --------
    >>> gradcheck(lambda a, b: a @ b, np.eye(2), [1.0, 2.0])
    True
    """
    x, h = _leaves(tuple(np.asarray(_plain(each), float) for each in inputs)), 1e-3
    with _recorded(True):
        y = function(*x)
    seeds = np.eye(y.size).reshape(y.size, *y.shape)
    rows = [_slopes(y, x, seed, retain_graph=True) for seed in seeds]

    def moved(i: int, place: Any, t: float) -> FloatArray:
        arrays = [each._array.copy() for each in x]
        arrays[i][place] += t
        return function(*map(Tensor, arrays))._array

    for i, place in [(i, place) for i, each in enumerate(x) for place in np.ndindex(each.shape)]:
        once, twice = (moved(i, place, t) - moved(i, place, -t) for t in (h, 2 * h))
        for row, wanted in zip(rows, ((8 * once - twice) / (12 * h)).flat, strict=True):
            got = row[i]._array[place]
            if not abs(got - wanted) <= tolerance * max(1.0, abs(wanted)):
                raise RuntimeError(
                    f"the gradient in inputs[{i}] at {list(place)} is {got:.9g}, but differences "
                    f"give {wanted:.9g}"
                )
    return True


# --- the machinery --------------------------------------------------------------------------------


_FIXED = {bool, int, float, str, range, slice, type(None), type(Ellipsis)}
_BASIC = Integral, slice, type(None), type(Ellipsis)  # indices that repeat no place


def _along(axis: int, index: Any) -> tuple[Any, ...]:
    return (*[slice(None)] * axis, index)


def _axes(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    every = range(len(shape))
    return tuple(every) if axis is None else normalize_axis_tuple(axis, len(shape))


def _count(shape: tuple[int, ...], axis: Any) -> int:
    """Return how many numbers a mean along the axes is of."""
    return math.prod(shape[i] for i in _axes(shape, axis))


def _spread(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Return the gradient of a sum along axes at each of its terms."""
    axes = _axes(shape, axis)
    return _broadcast(g.reshape([1 if i in axes else n for i, n in enumerate(shape)]), to=shape)


def _repeats(array: FloatArray) -> bool:
    """Return whether entries of an array lie in one place, as np.broadcast_to makes them."""
    return any(n > 1 and step == 0 for n, step in zip(array.shape, array.strides, strict=True))


def _assigned(shape: tuple[int, ...], index: Any) -> tuple[Any, Any]:
    """Return which places are assigned to, and which numbers stay: of two in one place the last."""
    last = np.full(shape, -1)
    turn = np.arange(last[index].size).reshape(last[index].shape)
    last[index] = turn
    return last >= 0, last[index] == turn


def _requires_grad(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _plain(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def _leaves(inputs: Any) -> list[Tensor]:
    listed = inputs if isinstance(inputs, tuple) else (inputs,)
    return [Tensor(_plain(x), requires_grad=True) for x in listed]


def _seed(y: Tensor, gradient: Any, recorded: bool) -> Any:
    """Return the gradient that a sweep starts from."""
    if y._node is None:
        raise RuntimeError(_SAY["no graph"])
    if gradient is None and y.size != 1:
        raise RuntimeError(_SAY["no number"].format(y.shape))
    seed = _operand(np.ones_like(y._array) if gradient is None else gradient, y, "backward")
    if seed.shape != y.shape:
        raise ValueError(_SAY["seed"].format(y.shape, y.dtype, seed.shape))
    return seed if recorded else seed._array


def _place() -> tuple[str, int]:
    """Return file and line of the program that called this module."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


# --- complaints -----------------------------------------------------------------------------------

_SAY = {
    "released": "a part of this graph was released by an earlier backward pass: compute the result "
    "again before another pass, or let the first one keep the graph, backward(retain_graph=True)",
    "no number": "a gradient is that of a single number, and this Tensor has shape {}: take its "
    "sum() or mean(), or say how much each entry counts, backward(gradient=...)",
    "no graph": "no graph leads from this Tensor to a leaf that requires grad: make a leaf with "
    "Tensor(..., requires_grad=True), and look on the way for a detach(), a no_grad(), a float() "
    "or a first grad without create_graph=True",
    "no array": "an array knows no graph, and this Tensor requires grad: leave the graph first, "
    "x.detach().numpy(), or use the function of nnlib.autograd for Tensors",
    "not kept": "the gradient at {!r} was not kept: it is no leaf, and a backward pass hands "
    "gradients on and drops them; call retain_grad() on it before backward()",
    "not used": "the outputs do not depend on inputs[{}], {!r}: it was not used for them, does not "
    "require grad, or was cut off by detach() or no_grad()",
    "leaf": "a leaf that requires grad cannot be changed in place while a graph is recorded: "
    "change parameters within `with no_grad():`, or make a new Tensor, x = x + 1",
    "view": "a Tensor that shares its numbers with a view (x[0], x.T, x.reshape) cannot be changed "
    "in place in a graph: make a new Tensor, x = x + 1, or use where",
    "unrecorded": "what a graph has computed cannot be changed unrecorded: its gradient would be "
    "that of the old numbers; change a copy, x.detach(), or do it outside no_grad()",
    "changed": "{} has saved its {}, of shape {}, and line {} of {} has changed it in place "
    "since{}. The gradient needs the old numbers: call backward() before that line, or make a new "
    "Tensor there, x = x + 1 for x += 1",
    "not among inputs": "the function of a checkpoint uses a Tensor that requires grad and is not "
    "among its inputs: pass it as one, checkpoint(function, x, weight)",
    "other program": "the function of a checkpoint did other operations or gave other numbers when "
    "it ran again: what it draws at random must be drawn before, and passed in",
    "no curvature": "no second derivative of {} is known: give from_activation one",
    "seed": "a gradient must have the shape {} and dtype {} of the Tensor, got {}",
    "dtypes": "{} must have operands of one dtype, got {} and {}: make both the same, as with "
    "array.astype(np.float32)",
    "rule": "the rule {} must have a formula for each of its inputs, got {} for ({}); options come "
    "after a *, and nothing may be called g, y or shape",
    "formula": "a formula of the rule {} must take g and may name {}; got {}",
    "part": "a formula of the rule {} must give a gradient of the input's shape {}, got {}",
}


def _changed(node: Node, name: str, array: FloatArray, memory: _Memory) -> str:
    path, line = memory.changed
    code, file = linecache.getline(path, line).strip(), Path(path)
    # Jupyter and IPython make up the name of a file for each cell.
    in_cell = file.parent.name.startswith("ipykernel_") or file.name.startswith("<ipython-input-")
    what = "result" if name == "y" else f"input {name.removeprefix('input ')}"
    origin = "a notebook cell" if in_cell else file.name
    return _SAY["changed"].format(
        node.rule.name, what, array.shape, line, origin, f": `{code}`" if code else ""
    )
