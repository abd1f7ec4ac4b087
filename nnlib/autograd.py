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
from inspect import Parameter, signature
from itertools import zip_longest
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlib import activations, probability
from nnlib._arrays import FloatArray, as_float, check_callable, check_kind
from nnlib._graph import Box, graph_svg
from nnlib.activations import Activation

Function: TypeAlias = Callable[..., Any]
Place: TypeAlias = tuple[str, int]

_recording: ContextVar[bool] = ContextVar("recording", default=True)


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
        self.rule, self.options, self.value = operation, options, _shown(y, operation)
        self.grad: Any = None
        self.retains_grad = operation is None
        self.inputs = [x._node for x in inputs]
        self.shapes = [x._array.shape for x in inputs]
        self.saved: Any = {}  # what the formulas name, and its version
        for node, saves in zip(self.inputs, operation.saves if operation else (), strict=True):
            for name, place in saves if node else ():
                x = (*inputs, y)[place]
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

    def __init__(self, forward: Function, formulas: Sequence[Function], name: str = "") -> None:
        self.forward, self.formulas = forward, tuple(formulas)
        self.name = name or forward.__name__.strip("_")
        self.places, self.names, self.saves, self.defaults = _names(self)
        self.__doc__ = forward.__doc__

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Return what the function gives, as a Tensor, and record it where a gradient is wanted."""
        given = [x for x in inputs if isinstance(x, Tensor)]
        if not given:  # formulas run on arrays, or on Tensors where they are recorded themselves
            return self.forward(*inputs, **options)
        with np.errstate(all="ignore"):
            tensors = [_operand(x, given[0], self) for x in inputs]
            y = Tensor._result(self.forward(*[x._array for x in tensors], **options), tensors)
        if _recording.get() and [x for x in given if x._node]:
            y._node = Node(self, tensors, y, _copied({**self.defaults, **options}))
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
                raise RuntimeError(_RELEASED)
            seen.add(node)
            waiting.append((node, True))
            waiting += [(source, False) for source in node.inputs[::-1] if source]
    return order


def _sweep(seeds: Any, wanted: Any, retain_graph: bool, create_graph: bool) -> dict[Node, Any]:
    """Return the gradients at the wanted nodes: by default, at all that retain theirs."""
    order, gradients, found = topological_order(seeds), dict(seeds), {}
    wanted = {node for node in order if node.retains_grad} if wanted is None else wanted
    needed = dict[Node, None]()  # what leads to a wanted node, in order
    for node in order:
        if node in wanted or any(source in needed for source in node.inputs):
            needed[node] = None
    with _recorded(create_graph), np.errstate(all="ignore"):
        for node in reversed(needed):
            g = gradients.pop(node)  # complete: all that use the node came before it
            if node in wanted:
                found[node] = _owned(g)
            if node.rule:
                sources = [source if source in needed else None for source in node.inputs]
                parts = node.rule.gradients(node, sources, _frozen(g), create_graph)
                for source, part in _fitted(node, sources, parts, g.dtype):
                    gradients[source] = gradients[source] + part if source in gradients else part
    if not retain_graph:  # and only now, so that an error on the way loses nothing
        for node in order:
            if node.rule:
                node.inputs, node.saved = [], None
    return found


def _names(operation: Rule) -> tuple[dict[str, int], Any, Any, dict[str, Any]]:
    """Return the places of inputs and of `y`, what each formula names and saves, and defaults."""
    parameters = signature(operation.forward).parameters.values()
    options = {p.name: p.default for p in parameters if p.kind is Parameter.KEYWORD_ONLY}
    inputs = [p.name for p in parameters if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
    if len(inputs) != len(operation.formulas) or {"g", "y", "shape"} & {*inputs, *options}:
        raise TypeError(
            f"the rule {operation.name} must have a formula for each of its inputs, got "
            f"{len(operation.formulas)} for ({', '.join(inputs)}); options come after a *, and "
            "nothing may be called g, y or shape"
        )
    known, names = {*inputs, *options, "y", "shape"}, []
    for formula in operation.formulas:
        check_callable(formula, f"a formula of the rule {operation.name}")
        first, *others = signature(formula).parameters or [""]
        if first != "g" or not known.issuperset(others):
            raise TypeError(
                f"a formula of the rule {operation.name} must take g and may name "
                f"{', '.join(sorted(known))}; got {', '.join([first, *others])}"
            )
        names.append(others)
    places = {name: i for i, name in enumerate([*inputs, "y"])}
    saves = [[(name, places[name]) for name in each if name in places] for each in names]
    return places, names, saves, {k: v for k, v in options.items() if v is not Parameter.empty}


def _operand(x: Any, like: Tensor, operation: Rule) -> Tensor:
    if not isinstance(x, Tensor):
        array = as_float(x, f"an operand of {operation.name}")
        # Numbers, lists and integers have no precision of their own.
        own = isinstance(x, np.ndarray) and x.dtype.kind == "f"
        x = Tensor._of(_frozen(np.array(array, None if own else like.dtype)), _Memory(), None)
    if x._array.dtype != like._array.dtype:
        raise TypeError(
            f"{operation.name} must have operands of one dtype, got {like.dtype} and {x.dtype}: "
            "make both the same, as with array.astype(np.float32)"
        )
    return x


def _frozen(array: Any) -> Any:
    """Make an array read-only: from here on only a Tensor writes to it."""
    if isinstance(array, np.ndarray):
        array.setflags(write=False)
        if isinstance(array.base, np.ndarray):
            array.base.setflags(write=False)
    return array


def _copied(option: Any) -> Any:
    """Return an option whose arrays and lists nobody else can change."""
    if isinstance(option, dict):
        return {name: _copied(value) for name, value in option.items()}
    if isinstance(option, (tuple, list)):
        return type(option)(map(_copied, option))
    return option.copy() if isinstance(option, np.ndarray) else option


def _owned(g: Any) -> Tensor:
    """Return a gradient as a Tensor that shares its array with nothing else."""
    if isinstance(g, Tensor):
        return _copy(g)
    fresh = g.flags.owndata and g.flags.writeable
    return Tensor._of(_frozen(g if fresh else np.array(g, order="K")), _Memory(), None)


def _fitted(node: Node, sources: Any, parts: Any, dtype: Any) -> list[tuple[Node, Any]]:
    """Return each source with the gradient at it, in its shape and dtype."""
    triples = zip(sources, node.shapes, parts, strict=True)
    return [(s, _sum_to(part, shape, dtype, node.rule)) for s, shape, part in triples if s]


def _sum_to(part: Any, shape: tuple[int, ...], dtype: Any, operation: Rule) -> Any:
    """Return a gradient summed over all that broadcasting has added to an input of the shape."""
    if not isinstance(part, Tensor):
        part = np.asarray(part, dtype)
    if part.shape == shape:
        return part
    extra = part.ndim - len(shape)
    pairs = list(zip((1,) * extra + shape, part.shape, strict=False))
    if extra < 0 or any(n not in (1, m) for n, m in pairs):
        raise ValueError(
            f"a formula of the rule {operation.name} must give a gradient of the input's shape "
            f"{shape}, got {part.shape}"
        )
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
    return lambda forward: Rule(forward, formulas)


@rule(lambda g: g, lambda g: g)
def _add(a: FloatArray, b: FloatArray) -> FloatArray:
    return a + b


@rule(lambda g: g, lambda g: -g)
def _subtract(a: FloatArray, b: FloatArray) -> FloatArray:
    return a - b


@rule(lambda g, b: g * b, lambda g, a: g * a)
def _multiply(a: FloatArray, b: FloatArray) -> FloatArray:
    return a * b


@rule(lambda g, b: g / b, lambda g, y, b: -g * y / b)
def _divide(a: FloatArray, b: FloatArray) -> FloatArray:
    return a / b


@rule(lambda g: -g)
def _negative(x: FloatArray) -> FloatArray:
    return -x


@rule(lambda g: g)
def _copy(x: FloatArray) -> FloatArray:
    return x.copy()


@rule(lambda g, x, exponent: g * (exponent * x ** (exponent - 1) if exponent else 0.0))
def _power(x: FloatArray, *, exponent: float) -> FloatArray:
    return x**exponent


@rule(
    lambda g, b, shape: _outer(g, len(shape), b.ndim) @ _column(b).swapaxes(-1, -2),
    lambda g, a, shape: _without(_row(a).swapaxes(-1, -2) @ _outer(g, a.ndim, len(shape)), shape),
)
def matmul(a: FloatArray, b: FloatArray) -> FloatArray:
    """Product of matrices, stacks of them, and vectors, as NumPy's ``@``."""
    return a @ b


@rule(lambda g, y: g * y)
def exp(x: FloatArray) -> FloatArray:
    """Exponential of every entry."""
    return np.exp(x)


@rule(lambda g, x: g / x)
def log(x: FloatArray) -> FloatArray:
    """Natural logarithm of every entry."""
    return np.log(x)


@rule(lambda g, shape, axis: _stretch(g, shape, axis))
def _sum(x: FloatArray, *, axis: Any = None, keepdims: bool = False) -> FloatArray:
    return x.sum(axis=axis, keepdims=keepdims)


@rule(lambda g, shape, axis: _stretch(g / _count(shape, axis), shape, axis))
def _mean(x: FloatArray, *, axis: Any = None, keepdims: bool = False) -> FloatArray:
    return x.sum(axis=axis, keepdims=keepdims) / _count(x.shape, axis)


@rule(lambda g, y, axis: y * (g - (g * y).sum(axis, keepdims=True)))
def softmax(scores: FloatArray, *, axis: int = -1) -> FloatArray:
    """Softmax along an axis, that of :func:`nnlib.softmax`."""
    return probability.softmax(scores, axis)


@rule(lambda g, y, axis: g - exp(y) * g.sum(axis, keepdims=True))
def log_softmax(scores: FloatArray, *, axis: int = -1) -> FloatArray:
    """Logarithm of softmax, that of :func:`nnlib.log_softmax`."""
    return probability.log_softmax(scores, axis)


@rule(lambda g, scores, shape, axis: _stretch(g, shape, axis) * softmax(scores, axis=axis))
def log_sum_exp(scores: FloatArray, *, axis: int = -1) -> FloatArray:
    """Logarithm of the sum of exponentials, that of :func:`nnlib.log_sum_exp`."""
    return probability.log_sum_exp(scores, axis)


@rule(lambda g, shape: g.reshape(shape))
def _reshape(x: FloatArray, *, to: tuple[int, ...]) -> FloatArray:
    return x.reshape(to)


@rule(lambda g, axes: g.transpose([axes.index(i) for i in range(len(axes))]))
def _transpose(x: FloatArray, *, axes: Sequence[int]) -> FloatArray:
    return x.transpose(axes)


@rule(lambda g: g)
def _broadcast(x: FloatArray, *, to: tuple[int, ...]) -> FloatArray:
    return np.broadcast_to(x, to)


@rule(lambda g, index: g[index])
def _scatter(x: FloatArray, *, index: Any, to: tuple[int, ...]) -> FloatArray:
    y = np.zeros(to, x.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, (list, np.ndarray)) for part in parts):
        np.add.at(y, index, x)  # y[index] += x would count a repeated index once
    else:
        y[index] = x
    return y


@rule(lambda g, shape, index: _scatter(g, index=index, to=shape))
def _getitem(x: FloatArray, *, index: Any) -> FloatArray:
    return x[index]


@rule(lambda g, index: _cleared(g, index), lambda g, index: _in_force(g, index))
def _assign(x: FloatArray, value: FloatArray, *, index: Any) -> FloatArray:
    y = x.copy()
    y[index] = value
    return y


@rule(
    lambda g, shape, axis: g[_along(axis, slice(shape[axis]))],
    lambda g, shape, axis: g[_along(axis, slice(g.shape[axis] - shape[axis], None))],
)
def _join(a: FloatArray, b: FloatArray, *, axis: Any) -> FloatArray:
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
            raise NotImplementedError(
                f"no second derivative of {activation.name} is known: give from_activation one"
            )
        return g * second_derivative(x)

    slope = Rule(activation.derivative, [curvature], f"slope of {activation.name}")
    return Rule(activation, [lambda g, x: g * slope(x)], activation.name)


identity: Rule = from_activation(activations.identity, lambda x: 0.0)
# A choice instead of a product: 0 also where the gradient is infinite, and NaN passes, as in torch.
relu = Rule(activations.relu, [lambda g, y: where(y <= 0, 0.0, g)], "relu")
leaky_relu: Rule = from_activation(activations.leaky_relu, lambda x: 0.0)
sigmoid: Rule = from_activation(
    activations.sigmoid, lambda x: -sigmoid(x) * sigmoid(-x) * tanh(x / 2)
)
tanh: Rule = from_activation(
    activations.tanh, lambda x: -8 * tanh(x) * sigmoid(2 * x) * sigmoid(-2 * x)
)
softplus: Rule = from_activation(activations.softplus, lambda x: sigmoid(x) * sigmoid(-x))
gelu: Rule = from_activation(
    activations.gelu, lambda x: exp(x * x / -2) * (2 - x * x) / math.sqrt(2 * math.pi)
)


def _gelu_tanh_curvature(x: Any) -> Any:
    c = math.sqrt(8 / math.pi)
    u, du, ddu = c * (x + 0.044715 * x**3), c * (1 + 0.134145 * x * x), c * 0.26829 * x
    s, t = sigmoid(u), sigmoid(-u)
    return s * t * (2 * du + x * ddu + x * du * du * (t - s))


gelu_tanh: Rule = from_activation(activations.gelu_tanh, _gelu_tanh_curvature)


# --- functions that are made of rules -------------------------------------------------------------


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
    return x[_along(_axis(axis, x.ndim), np.asarray(indices))]


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
    axis = _axis(axis, np.ndim(parts[0]))
    while len(parts) > 1:  # in pairs: each number is copied log2(n) times
        pairs = zip_longest(parts[::2], parts[1::2])
        parts = [a if b is None else _join(a, b, axis=axis) for a, b in pairs]
    return parts[0]


def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """Join Tensors (or arrays) of one shape along a new axis; else as :func:`concatenate`.

    Examples
    --------
    >>> stack([Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[1., 2.],
            [3., 4.]])
    """
    parts = [x if isinstance(x, Tensor) else np.asarray(x) for x in tensors]
    shape = list(parts[0].shape) if parts else []
    shape.insert(_axis(axis, len(shape) + 1), 1)
    return concatenate([x.reshape(shape) for x in parts], axis)


# --- tensors --------------------------------------------------------------------------------------


def _operators(operation: Rule) -> tuple[Function, Function]:
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

    __slots__ = ("changed", "owner", "shared", "version")

    def __init__(self, owner: str = "data") -> None:
        self.owner = owner  # "data", "leaf" (which requires grad) or "recorded"
        self.shared = False
        self.version = 0
        self.changed: Place = ("", 0)

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
        self._array = _frozen(np.array(as_float(data, "data")))
        self._memory = _Memory("leaf" if requires_grad else "data")
        self._node = Node(None, (), self, name) if requires_grad else None

    @classmethod
    def _of(cls, array: FloatArray, memory: _Memory, node: Node | None) -> Tensor:
        tensor = cls.__new__(cls)
        tensor._array, tensor._memory, tensor._node = array, memory, node
        return tensor

    @classmethod
    def _result(cls, value: Any, inputs: Sequence[Tensor]) -> Tensor:
        """Return a Tensor of what a rule gave, on the memory of the input that it is a view of."""
        array = np.asarray(value, inputs[0]._array.dtype)
        if not array.flags.writeable:  # what a rule makes is writeable, what it is given is not
            for x in inputs:
                if np.may_share_memory(array, x._array):
                    x._memory.shared = True
                    return cls._of(_frozen(array), x._memory, None)
        return cls._of(_frozen(array), _Memory(), None)

    # --- what it is

    shape = property(lambda self: self._array.shape, doc="The length of every axis.")
    ndim = property(lambda self: self._array.ndim, doc="The number of axes.")
    size = property(lambda self: self._array.size, doc="The number of entries.")
    dtype = property(lambda self: self._array.dtype, doc="float32 or float64.")
    requires_grad = property(
        lambda self: self._node is not None, doc="Whether a gradient can flow back to it."
    )

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
        if self._node is None:
            return None
        if not self._node.retains_grad:
            raise RuntimeError(
                f"the gradient at {self!r} was not kept: it is no leaf, and a backward pass hands "
                "gradients on and drops them; call retain_grad() on it before backward()"
            )
        return self._node.grad

    @grad.setter
    def grad(self, gradient: Tensor | None) -> None:
        if gradient is not None:
            check_kind(gradient, Tensor, "grad", "None or a Tensor")
            _check_like(gradient, self, "grad")
        if self._node is None:
            raise RuntimeError(f"grad needs a Tensor that requires grad, got {self!r}")
        self._node.grad = gradient

    def retain_grad(self) -> None:
        """Keep the gradient at this Tensor too, though it is no leaf."""
        if self._node is None:
            raise RuntimeError(_NO_GRAPH)
        self._node.retains_grad = True

    def zero_grad(self) -> None:
        """Forget the gradients so far: ``grad`` is None again."""
        if self._node is not None:
            self._node.grad = None

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="Tensor(")
        if self.dtype == np.float32:
            text += ", dtype=float32"
        if not self.is_leaf:
            return f"Tensor({text}, grad_fn=<{self._node.rule.name}>)"
        return f"Tensor({text}{', requires_grad=True' if self.requires_grad else ''})"

    def _repr_html_(self) -> str | None:
        """Return the graph as a picture, with value and gradient at every node, if it is small."""
        try:
            order = topological_order([] if self.is_leaf else [self._node])
            if not 0 < len(order) <= _DRAWN:
                return None
            seeds = {self._node: np.ones_like(self._array)}
            gradients = _sweep(seeds, set(order), True, False) if self.size == 1 else {}
        except RuntimeError:  # released, or changed since
            return None
        boxes = []
        for node in order:
            name = node.rule.name if node.rule else node.options
            lines = [name, f"value {_written(node.value)}"]
            if node in gradients:
                lines.append(f"gradient {_written(gradients[node]._array)}")
            inputs = [order.index(source) for source in node.inputs if source]
            boxes.append(Box(lines, node.rule is None, inputs))
        return graph_svg(
            boxes, f"Graph of {len(boxes)} nodes, the result is {self._node.rule.name}"
        )

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
            raise RuntimeError(
                "an array knows no graph, and this Tensor requires grad: leave the graph first, "
                "x.detach().numpy(), or use the function of nnlib.autograd for Tensors"
            )
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

    def __neg__(self) -> Tensor:
        return _negative(self)

    def __pow__(self, exponent: float) -> Tensor:
        if not isinstance(exponent, Real):
            raise TypeError(
                f"the exponent of ** must be a number, got {type(exponent).__name__}; for others "
                "write exp(exponent * log(base))"
            )
        whole = isinstance(exponent, (int, np.integer))
        return _power(self, exponent=int(exponent) if whole else float(exponent))

    def __rpow__(self, base: Any) -> Tensor:
        raise TypeError("the exponent of ** must be a number: write exp(exponent * log(base))")

    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)
    __lt__, __le__ = _comparison(np.less), _comparison(np.less_equal)
    __gt__, __ge__ = _comparison(np.greater), _comparison(np.greater_equal)

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
        if axis is None:
            largest = self.reshape(-1)[self._array.argmax()]
            return largest.reshape((1,) * self.ndim) if keepdims else largest
        axis = _axis(axis, self.ndim)
        at = self._array.argmax(axis)
        places = list(np.indices(at.shape, sparse=True))
        largest = self[(*places[:axis], at, *places[axis:])]
        return largest.reshape(np.expand_dims(at, axis).shape) if keepdims else largest

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same entries in another shape; -1 stands for what is left over."""
        shape = tuple(shape[0]) if shape and not isinstance(shape[0], Integral) else shape
        return _reshape(self, to=shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Return the Tensor with its axes in another order, by default reversed."""
        order = axes[0] if axes and np.ndim(axes[0]) else axes or range(self.ndim)[::-1]
        return _transpose(self, axes=tuple(_axis(axis, self.ndim) for axis in order))

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
        memory = self._memory
        recorded = _recording.get() and (self.requires_grad or _requires_grad(other))
        if memory.owner == "leaf" and _recording.get():
            raise RuntimeError(
                "a leaf that requires grad cannot be changed in place while a graph is recorded: "
                "change parameters within `with no_grad():`, or make a new Tensor, x = x + 1"
            )
        if recorded and memory.shared:
            raise RuntimeError(
                "a Tensor that shares its numbers with a view (x[0], x.T, x.reshape) cannot be "
                "changed in place in a graph: make a new Tensor, x = x + 1, or use where"
            )
        if memory.owner == "recorded" and not recorded:
            raise RuntimeError(
                "what a graph has computed cannot be changed unrecorded: its gradient would be "
                "that of the old numbers; change a copy, x.detach(), or do it outside no_grad()"
            )
        # A rule that saves what it is given saves the old numbers.
        copied = (
            Tensor._of(_frozen(self._array.copy()), _Memory(), self._node) if recorded else self
        )
        result = function(copied)
        if result.shape != self.shape:
            raise ValueError(f"a Tensor of shape {self.shape} cannot hold the shape {result.shape}")
        array, owner = self._array, self._array if self._array.base is None else self._array.base
        owner.flags.writeable = array.flags.writeable = True
        array[...] = result._array
        array.flags.writeable = owner.flags.writeable = False
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
        with _recorded(create_graph):
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
    single = isinstance(inputs, Tensor)
    given = [gradient] if isinstance(outputs, Tensor) else gradient
    outputs, inputs = _listed(outputs, "outputs"), _listed(inputs, "inputs")
    seeds: dict[Node, Any] = {}
    given = [None] * len(outputs) if given is None else given
    for y, each in zip(outputs, given, strict=True):
        seed = _seed(y, each, create_graph)
        seeds[y._node] = seeds[y._node] + seed if y._node in seeds else seed
    wanted = {x._node for x in inputs if x._node is not None}
    found = _sweep(seeds, wanted, retain_graph or create_graph, create_graph)
    for i, x in enumerate(inputs):
        if x._node not in found and not allow_unused:
            raise RuntimeError(
                f"the outputs do not depend on inputs[{i}], {x!r}: it was not used for them, does "
                "not require grad, or was cut off by detach() or no_grad()"
            )
    result = tuple(found.get(x._node) for x in inputs)
    return result[0] if single else result


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
    x = _leaves(inputs)
    with _recorded(True):
        y = function(*x)
        u = Tensor(np.zeros_like(y._array), requires_grad=True)
        pulled = grad(y, x, u, create_graph=True, allow_unused=True) if y.requires_grad else None
    return y.detach(), _product(pulled, tangents, x, [u])[0]


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
    x = _leaves(inputs)
    with _recorded(True):
        y = function(*x)
        slopes = grad(y, x, create_graph=True, allow_unused=True) if y.requires_grad else None
    products = _product(slopes, vectors, x, x)
    return y.detach(), products if isinstance(inputs, tuple) else products[0]


def _product(slopes: Any, vectors: Any, x: list[Tensor], inputs: list[Tensor]) -> Any:
    """Return the gradients, at the inputs, of the slopes at `x` times the vectors."""
    v = vectors if isinstance(vectors, tuple) else (vectors,)
    if [np.shape(_plain(each)) for each in v] != [each.shape for each in x]:
        raise ValueError(
            f"the direction must have the shapes of the inputs, {[each.shape for each in x]}, got "
            f"{[np.shape(_plain(each)) for each in v]}"
        )
    pairs = [(g, each) for g, each in zip(slopes or (), v, strict=False) if _requires_grad(g)]
    zeros = [Tensor(np.zeros_like(each._array)) for each in inputs]
    if not pairs:
        return tuple(zeros)
    outputs, seeds = zip(*pairs, strict=True)
    found = grad(outputs, inputs, seeds, allow_unused=True)
    return tuple(zero if g is None else g for zero, g in zip(zeros, found, strict=True))


class _Checkpoint(Rule):
    """A whole function as one rule: it saves its inputs, and runs again on the way back."""

    def __init__(self, function: Function, count: int) -> None:
        self.function, self.name = function, "checkpoint"
        self.places = {
            name: i for i, name in enumerate([*(f"input {i}" for i in range(count)), "y"])
        }
        self.names = [tuple(self.places)] * count
        self.saves = [list(self.places.items())] * count
        self.defaults = {}

    def forward(self, *arrays: FloatArray) -> FloatArray:
        x = [Tensor(array, requires_grad=True) for array in arrays]
        with _recorded(True):
            y = self.function(*x)
        check_kind(y, Tensor, "what the function of a checkpoint returns", "a Tensor")
        order = topological_order([y._node]) if y._node else []
        if not {node for node in order if node.rule is None} <= {each._node for each in x}:
            raise ValueError(
                "the function of a checkpoint uses a Tensor that requires grad and is not among "
                "its inputs: pass it as one, checkpoint(function, x, weight)"
            )
        return y._array

    def gradients(
        self, node: Node, sources: Sequence[Node | None], g: Any, recorded: bool
    ) -> list[Any]:
        saved = [node.recall(name, 0, recorded) for name in self.names[0][:-1]]
        with _recorded(True):
            x = [each.reshape(each.shape) if recorded else Tensor(each, True) for each in saved]
            y = self.function(*x)
        if not np.array_equal(y._array, node.recall("y", 0, False), equal_nan=True):
            raise RuntimeError(
                "the function of a checkpoint gave other numbers when it ran again: what it draws "
                "at random must be drawn before, and passed in"
            )
        wanted = [each for each, source in zip(x, sources, strict=True) if source]
        found = iter(grad(y, wanted, g, create_graph=recorded, allow_unused=True))
        parts = [source and next(found) for source in sources]
        return [0.0 * x if part is None else part for x, part in zip(saved, parts, strict=True)]


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
        In the backward pass, if the function gives other numbers than before.

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
    rows = [grad(y, x, seed, retain_graph=True, allow_unused=True) for seed in seeds]
    for i, each in enumerate(x):
        for place in np.ndindex(each.shape):

            def moved(t: float, i: int = i, place: Any = place) -> FloatArray:
                arrays = [tensor._array.copy() for tensor in x]
                arrays[i][place] += t
                return function(*map(Tensor, arrays))._array

            numeric = 8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))
            for row, wanted in zip(rows, (numeric / (12 * h)).flat, strict=True):
                got = 0.0 if row[i] is None else float(row[i]._array[place])
                if not abs(got - wanted) <= tolerance * max(1.0, abs(wanted)):
                    raise RuntimeError(
                        f"the gradient in inputs[{i}] at {list(place)} is {got:.9g}, but "
                        f"differences give {wanted:.9g}"
                    )
    return True


# --- the machinery --------------------------------------------------------------------------------


def _axis(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis must lie in [{-ndim}, {ndim}), got {axis}")
    return int(axis) % ndim


def _along(axis: int, index: Any) -> tuple[Any, ...]:
    return (*[slice(None)] * axis, index)


def _kept(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """Return the shape that remains of one whose axes (all, or those given) are summed to 1."""
    if axis is None:
        return (1,) * len(shape)
    axes = [each % len(shape) for each in (axis if isinstance(axis, tuple) else (axis,))]
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _count(shape: tuple[int, ...], axis: Any) -> int:
    """Return how many numbers a mean along the axes is of."""
    return math.prod(n for n, kept in zip(shape, _kept(shape, axis), strict=True) if kept != n)


def _stretch(g: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Return the gradient of a sum along axes at each of its terms."""
    return _broadcast(g.reshape(_kept(shape, axis)), to=shape)


def _cleared(g: Any, index: Any) -> Any:
    return _assign(g, 0.0, index=index)


def _in_force(g: Any, index: Any) -> Any:
    """Return the gradient at what was assigned: of a place assigned twice, the last counts."""
    last = np.zeros(g.shape, int)
    turn = np.arange(last[index].size).reshape(last[index].shape)
    last[index] = turn
    return where(last[index] == turn, g[index], 0.0)


# In a product of a vector, it is a row on the left and a column on the right of the @.


def _row(a: Any) -> Any:
    return a.reshape((1, -1)) if a.ndim == 1 else a


def _column(b: Any) -> Any:
    return b.reshape((-1, 1)) if b.ndim == 1 else b


def _outer(g: Any, left: int, right: int) -> Any:
    """Return the gradient in a product with the axes that the vectors in it have not left."""
    shape = g.shape
    if right == 1:
        shape = (*shape, 1)
    if left == 1:
        shape = (*shape[:-1], 1, shape[-1])
    return g if shape == g.shape else g.reshape(shape)


def _without(g: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient at the right of a product, without the axis that made it a column."""
    return g.reshape(g.shape[:-1]) if len(shape) == 1 else g


def _requires_grad(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _plain(x: Any) -> Any:
    return x._array if isinstance(x, Tensor) else x


def _listed(tensors: Any, name: str) -> list[Tensor]:
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    for each in listed:
        check_kind(each, Tensor, name, "Tensors")
    return listed


def _leaves(inputs: Any) -> list[Tensor]:
    listed = inputs if isinstance(inputs, tuple) else (inputs,)
    return [Tensor(_plain(x), requires_grad=True) for x in listed]


def _check_like(gradient: Tensor, tensor: Tensor, name: str) -> None:
    if gradient.shape != tensor.shape or gradient.dtype != tensor.dtype:
        raise ValueError(
            f"{name} must have the shape {tensor.shape} and dtype {tensor.dtype} of the Tensor, "
            f"got {gradient.shape} and {gradient.dtype}"
        )


def _seed(y: Tensor, gradient: Any, recorded: bool) -> Any:
    """Return the gradient that a sweep starts from."""
    if y._node is None:
        raise RuntimeError(_NO_GRAPH)
    if gradient is None:
        if y.size != 1:
            raise RuntimeError(
                f"a gradient is that of a single number, and this Tensor has shape {y.shape}: take "
                "its sum() or mean(), or say how much each entry counts, backward(gradient=...)"
            )
        seed = Tensor._of(_frozen(np.ones(y._array.shape, y._array.dtype)), _Memory(), None)
    else:
        seed = _operand(gradient, y, _SEED)
        _check_like(seed, y, "gradient")
    return seed if recorded else seed._array


_SMALL, _DRAWN = 4, 30  # Nodes remember so many numbers to show; so many nodes are drawn.
_SEED = Rule(lambda x: x, [lambda g: g], "backward")
_NO_GRAPH = (
    "no graph leads from this Tensor to a leaf that requires grad: make a leaf with "
    "Tensor(..., requires_grad=True), and look for a detach(), a no_grad() or a float() on the way"
)
_RELEASED = (
    "a part of this graph was released by an earlier backward pass: compute the result again "
    "before another pass, or let the first one keep the graph, backward(retain_graph=True)"
)


def _shown(y: Tensor, operation: Rule | None) -> Any:
    """Return what a picture shows of a node: its numbers if they are few, or their shape."""
    array = y._array
    if operation is None:
        return array  # as it is when the picture is drawn
    return array.copy() if array.size <= _SMALL else array.shape


def _written(value: Any) -> str:
    if isinstance(value, tuple) or value.size > _SMALL:
        return f"of shape {getattr(value, 'shape', value)}"
    four_digits: Any = {"float_kind": "{:.4g}".format}
    return " ".join(np.array2string(value, separator=", ", formatter=four_digits).split())


def _place() -> Place:
    """Return file and line of the program that called this module."""
    frame = sys._getframe()
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _file_name(path: str) -> str:
    """Return the name of a file; Jupyter and IPython make one up for each cell."""
    file = Path(path)
    is_cell = file.parent.name.startswith("ipykernel_") or file.name.startswith("<ipython-input-")
    return "a notebook cell" if is_cell else file.name


def _changed(node: Node, name: str, array: FloatArray, memory: _Memory) -> str:
    path, line = memory.changed
    code = linecache.getline(path, line).strip()
    what = "result" if name == "y" else f"input {name.removeprefix('input ')}"
    return (
        f"{node.rule.name} has saved its {what}, of shape "
        f"{array.shape}, and line {line} of {_file_name(path)} has changed it in place since"
        f"{f': `{code}`' if code else ''}. The gradient needs the old numbers: call backward() "
        "before that line, or make a new Tensor there, x = x + 1 for x += 1"
    )
