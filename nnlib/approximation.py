r"""Universal approximation, built: ReLU networks that interpolate, and their error bounds.

The networks have one input and one output, and are ordinary :class:`nnlib.MLP` objects whose
weights are written down instead of learned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib._arrays import (
    FloatArray,
    as_float,
    as_number,
    check_callable,
    check_count,
    check_kind,
    quietly,
)
from nnlib.activations import relu
from nnlib.mlp import MLP

Interval = tuple[float, float]

# How much of its size a sum may lose to rounding. Kinks so close are one, bends so slight are none.
_ROUNDING = 1e-12


def relu_interpolant(
    f: Callable[[NDArray[Any]], Any], pieces: int, interval: Interval = (0.0, 1.0)
) -> MLP:
    r"""Return the network with one hidden ReLU layer that interpolates `f` at equal knots.

    With knots :math:`t_0 = \alpha < t_1 < \dots < t_n = \beta` and :math:`g_i` the slope of the
    chord from :math:`t_i` to :math:`t_{i+1}`,

    .. math:: \hat f(x) = f(\alpha) + g_0\,\mathrm{relu}(x - t_0)
              + \sum_{i=1}^{n-1} (g_i - g_{i-1})\,\mathrm{relu}(x - t_i).

    Unit `i` switches on at :math:`t_i` and bends the line by the difference of the slopes; the
    output bias carries the offset :math:`f(\alpha)`.

    Parameters
    ----------
    f : callable
        A continuous function, called once with an array of shape (pieces + 1,).
    pieces : int
        The number `n` of pieces, which is the number of hidden units.
    interval : pair of float, default (0, 1)
        :math:`\alpha < \beta`.

    Returns
    -------
    MLP
        With layer sizes [1, pieces, 1], in float64. It equals `f` at the knots up to rounding.

    Raises
    ------
    TypeError
        If `pieces` is not an integer, or `f` does not return real numbers.
    ValueError
        If `pieces` is below 1, the interval is empty or not finite, or `f` does not return one
        finite number per knot; or if the pieces are so narrow that two knots round to one or a
        slope overflows.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import relu_interpolant
    >>> net = relu_interpolant(np.cos, pieces=4, interval=(0, np.pi))
    >>> net([[np.pi / 2], [np.pi]]).round(6) + 0.0
    array([[ 0.],
           [-1.]])
    """
    knots = _knots(pieces, interval)
    values = _sample(f, knots)
    with np.errstate(all="ignore"):
        bends = np.diff(np.diff(values) / np.diff(knots), prepend=0.0)
    if not np.isfinite(bends).all():
        raise ValueError(
            f"{pieces} pieces of {interval} are too narrow: knots round to one or a slope overflows"
        )
    net = MLP([1, pieces, 1], relu, rng=0)
    net.weights[0][...] = 1.0
    net.biases[0][...] = -knots[:-1]
    net.weights[1][...] = bends
    net.biases[1][...] = values[0]
    return net


def sup_error(
    f: Callable[[NDArray[Any]], Any],
    g: Callable[[NDArray[Any]], Any],
    pieces: int,
    interval: Interval = (0.0, 1.0),
    samples: int = 64,
) -> float:
    r"""Measure :math:`\sup |f - g|` with samples inside every piece.

    A grid that is coarser than the pieces may hit nothing but knots, where the interpolant is
    exact, and report an error of 0.

    Parameters
    ----------
    f : callable
        The function, called with an array of points.
    g : callable
        The approximation: a network with one input and one output, or a function like `f`.
    pieces : int
        Number of equal pieces of the interval.
    interval : pair of float, default (0, 1)
    samples : int, default 64
        Equal steps inside each piece, at least 2: with 1, all points would be knots.

    Returns
    -------
    float
        The largest error seen: a lower bound of the true one, and close to it where `f` and `g`
        vary slowly from sample to sample.

    Raises
    ------
    TypeError, ValueError
        As for :func:`relu_interpolant`.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import relu_interpolant, sup_error
    >>> net = relu_interpolant(np.sqrt, pieces=16)
    >>> round(sup_error(np.sqrt, net, pieces=16), 6), 1 / (4 * 16**0.5)
    (0.0625, 0.0625)
    """
    samples = check_count(samples, "samples", least=2)
    points = _knots(check_count(pieces, "pieces") * samples, interval)
    values, others = _sample(f, points), _sample(g, points, "g")
    with np.errstate(all="ignore"):
        return float(np.abs(values - others).max())


def modulus_bound(
    omega: Callable[[float], float], pieces: int, interval: Interval = (0.0, 1.0)
) -> float:
    r"""Bound the error for a modulus of continuity: :math:`\omega_f((\beta - \alpha)/n)`.

    Parameters
    ----------
    omega : callable
        :math:`\omega_f(r) = \sup_{|x - x'| \le r} |f(x) - f(x')|`, or an upper bound.
    pieces : int
    interval : pair of float, default (0, 1)

    Returns
    -------
    float
        Upper bound of the sup error of :func:`relu_interpolant`.

    Raises
    ------
    TypeError, ValueError
        As for :func:`relu_interpolant`, and if `omega` does not return a number that is finite and
        not negative.

    Examples
    --------
    >>> import numpy as np
    >>> modulus_bound(np.sqrt, pieces=16)
    0.25
    """
    check_callable(omega, "omega")
    value = as_float(omega(_width(pieces, interval)), "omega")
    if value.shape != ():
        raise ValueError(f"omega must return a single number, got shape {value.shape}")
    return _bound(float(value), "omega")


def lipschitz_bound(constant: float, pieces: int, interval: Interval = (0.0, 1.0)) -> float:
    r"""Bound the error by :math:`\Lambda (\beta - \alpha) / (2n)`; sharp for a tent.

    Parameters
    ----------
    constant : float
        A Lipschitz constant :math:`\Lambda \ge 0`: :math:`|f(x) - f(x')| \le \Lambda |x - x'|`.
    pieces : int
    interval : pair of float, default (0, 1)

    Returns
    -------
    float
        Upper bound of the sup error of :func:`relu_interpolant`.

    Raises
    ------
    TypeError, ValueError
        As for :func:`relu_interpolant`, and if the constant is negative or not finite.

    Examples
    --------
    >>> lipschitz_bound(1.0, pieces=4, interval=(-1, 1))
    0.25
    """
    return _bound(constant, "constant") * _width(pieces, interval) / 2


def c2_bound(curvature: float, pieces: int, interval: Interval = (0.0, 1.0)) -> float:
    r"""Bound the error by :math:`M (\beta - \alpha)^2 / (8 n^2)`, sharp for x².

    Parameters
    ----------
    curvature : float
        :math:`M = \max |f''| \ge 0`.
    pieces : int
    interval : pair of float, default (0, 1)

    Returns
    -------
    float
        Upper bound of the sup error of :func:`relu_interpolant`.

    Raises
    ------
    TypeError, ValueError
        As for :func:`relu_interpolant`, and if `curvature` is negative or not finite.

    Examples
    --------
    >>> c2_bound(2.0, pieces=4)
    0.015625
    """
    return _bound(curvature, "curvature") * _width(pieces, interval) ** 2 / 8


def sawtooth(depth: int) -> MLP:
    r"""Return the deep network that folds [0, 1] `depth` times into :math:`2^{depth}` pieces.

    Each hidden layer applies the tent map :math:`T(x) = 2\,\mathrm{relu}(x) -
    4\,\mathrm{relu}(x - \tfrac12)` with two units. One hidden layer that comes within sup error
    < ½ of it needs at least :math:`2^{depth} - 1` units (after Telgarsky, 2016).

    Parameters
    ----------
    depth : int
        Number of hidden layers, 1 to 50.

    Returns
    -------
    MLP
        With `depth` hidden layers of two units each, in float64.

    Raises
    ------
    TypeError
        If `depth` is not an integer.
    ValueError
        If it is not between 1 and 50 (beyond, the teeth are narrower than rounding).

    Examples
    --------
    >>> sawtooth(3)([[0.0], [0.125], [0.25], [1.0]]).tolist()
    [[0.0], [1.0], [0.0], [0.0]]
    """
    check_count(depth, "depth", most=50)
    net = MLP([1, *[2] * depth, 1], relu, rng=0)
    tent = np.array([[2.0, -4.0]])
    net.weights[0][...] = 1.0
    for weight in net.weights[1:-1]:
        weight[...] = tent
    net.weights[-1][...] = tent
    for bias in net.biases[:-1]:
        bias[...] = [0.0, -0.5]
    return net


@quietly
def breakpoints(net: MLP, interval: Interval = (0.0, 1.0)) -> NDArray[np.float64]:
    r"""Return where a ReLU network of one input changes its slope inside an interval.

    The candidates are the points at which some unit switches on or off, found layer by layer:
    between two of them every preactivation is a line, and a kink is where it crosses 0. A
    candidate counts only if the slope of the output really changes there: kinks may cancel, so
    one hidden layer of `h` units makes *at most* h + 1 pieces. Rounding blurs both: kinks that are
    closer than 1e-12 of the interval's larger end are taken for one, and a bend of less than 1e-12
    of the slopes that are added up in it for none.

    Parameters
    ----------
    net : MLP
        With one input, one output, and activation ReLU.
    interval : pair of float, default (0, 1)

    Returns
    -------
    ndarray, shape (number of pieces - 1,)
        Breakpoints in increasing order, the ends of the interval not among them.

    Raises
    ------
    TypeError
        If `net` is not an :class:`nnlib.MLP`.
    ValueError
        If the network is of another kind, a weight is not finite, or the interval is empty or not
        finite.

    Examples
    --------
    >>> breakpoints(sawtooth(2)).tolist()
    [0.25, 0.5, 0.75]
    """
    _check_relu_of_one_input(net)
    points = _knots(1, interval)
    apart = _ROUNDING * np.abs(points).max()
    for layer in range(1, len(net.weights)):
        middles = points[:-1] + np.diff(points) / 2
        value, slope, _ = _lines(net, middles, layer)
        kinks = middles[:, np.newaxis] - value / slope  # none where the slope is 0
        inside = (points[:-1, np.newaxis] < kinks) & (kinks < points[1:, np.newaxis])
        points = np.sort(np.concatenate([points, kinks[inside]]))
        points = points[np.diff(points, prepend=-np.inf) > apart]
    _, slope, size = _lines(net, points[:-1] + np.diff(points) / 2, len(net.weights))
    bends = np.abs(np.diff(slope[:, 0]))
    return points[1:-1][bends > _ROUNDING * np.maximum(size[1:, 0], size[:-1, 0])]


def _lines(net: MLP, x: FloatArray, layer: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return values and slopes at `x` of the units of a linear layer, counted from 1.

    Third come the sizes of what the slopes are sums of: their rounding errors are in proportion.
    A slope is a sum of products of weights, and not a difference quotient, which would have no
    digits left on a narrow piece.
    """
    value = x[:, np.newaxis]
    slope = size = np.ones_like(value)
    for i in range(layer):
        if i > 0:
            on = value > 0
            value, slope, size = value * on, slope * on, size * on
        weight = net.weights[i].T
        value, slope, size = value @ weight + net.biases[i], slope @ weight, size @ np.abs(weight)
    return value, slope, size


def _check_relu_of_one_input(net: MLP) -> None:
    check_kind(net, MLP, "net", "an nnlib.MLP")
    if net.layer_sizes[0] != 1 or net.layer_sizes[-1] != 1 or net.activation != relu:
        raise ValueError(
            "net must be a ReLU network with one input and one output, got "
            f"{net.activation.name} with layer_sizes {net.layer_sizes}"
        )
    if not np.isfinite(net.theta).all():
        raise ValueError("net must have finite weights, got NaN or inf among them")


def _bound(constant: float, name: str) -> float:
    """Return an upper bound of something that is finite and not negative."""
    value = as_number(constant, name)
    if not 0 <= value < np.inf:
        raise ValueError(f"{name} must be finite and not negative, got {value}")
    return value


def _check_interval(interval: Interval) -> tuple[float, float]:
    wrong = f"interval must be a pair of finite numbers a < b, got {interval!r}"
    try:
        a, b = (as_number(end, "interval") for end in interval)
    except (TypeError, ValueError) as error:
        raise type(error)(wrong) from error
    # An interval longer than the largest float has no width to divide.
    if not 0 < b - a < np.inf:
        raise ValueError(wrong)
    return a, b


def _width(pieces: int, interval: Interval) -> float:
    check_count(pieces, "pieces")
    a, b = _check_interval(interval)
    return (b - a) / pieces


@quietly
def _knots(pieces: int, interval: Interval) -> NDArray[np.float64]:
    n = check_count(pieces, "pieces")
    a, b = _check_interval(interval)
    return np.linspace(a, b, n + 1)


def _sample(f: Callable[[NDArray[Any]], Any], points: FloatArray, name: str = "f") -> FloatArray:
    """Return the finite values of a function, or of a network, at `points`.

    Points and values are copied: a function may write into the one and keep the other.
    """
    check_callable(f, name)
    if isinstance(f, MLP) and f.layer_sizes[0] != 1:
        raise ValueError(
            f"{name} must take one input, but the network has {f.layer_sizes[0]} inputs"
        )
    values = as_float(_sample_network(f, points) if isinstance(f, MLP) else f(points.copy()), name)
    if values.shape != points.shape or not np.isfinite(values).all():
        raise ValueError(
            f"{name} must return one finite number for each of {len(points)} points, "
            f"got shape {values.shape}"
            + ("" if np.isfinite(values).all() else " with entries that are not finite")
        )
    return values.astype(np.float64)


def _sample_network(net: MLP, points: FloatArray) -> FloatArray:
    """Return the scores at `points`, without an axis for a single output."""
    # In parts, since all units of a wide network at all points may not fit into memory.
    parts = np.array_split(points, 1 + points.size * max(net.layer_sizes) // 2**20)
    scores = np.concatenate([net(part[:, np.newaxis]) for part in parts])
    return scores[:, 0] if net.layer_sizes[-1] == 1 else scores
