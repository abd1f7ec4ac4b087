r"""Softmax and the measures of information, exact over the whole float range.

Scores (logits) are called `s`, distributions `y` (the target, KL's first argument) and `p` (the
model's). Logarithms are natural: information is measured in nats. Sums run along `axis`, the last
one unless told otherwise; all other axes are kept. Functions keep float32, turn integers and lists
into float64, and never change their input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, rel_entr, xlogy

from nnlib._arrays import (
    FloatArray,
    as_distribution,
    as_float,
    quietly,
    total,
    with_class_axis,
)

_FEW = 32  # So many classes or fewer are worked on with the class axis first,
_BLOCK = 50_000  # and so many numbers of them at a time.


@quietly
def softmax(scores: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Turn scores into a probability distribution.

    .. math:: \mathrm{softmax}(s)_i = \frac{\exp s_i}{\sum_j \exp s_j}
              = \frac{\exp(s_i - \max s)}{\sum_j \exp(s_j - \max s)}

    The second form is what is computed: no exponential exceeds 1, so none overflows.

    Parameters
    ----------
    scores : array_like of real numbers
        Scores; any shape with at least one axis. An entry of -inf is masked: its probability is 0.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        Probabilities of the shape of `scores`, with sum 1 along `axis`. A single +inf takes all;
        a row of two +inf or of -inf alone has no limit and gives NaN.

    Raises
    ------
    TypeError
        If `scores` does not hold real numbers.
    ValueError
        If `axis` does not exist or is empty.

    See Also
    --------
    scipy.special.softmax, torch.softmax

    Examples
    --------
    >>> softmax([1, 2, 3])
    array([0.09003057, 0.24472847, 0.66524096])
    >>> softmax([1000, 2000, 3000])
    array([0., 0., 1.])
    """
    s, axis = _scores(scores, axis)
    return _in_blocks(_softmax, s) if _is_long(s, axis) else _softmax(s, axis)


def _softmax(s: FloatArray, axis: int, out: FloatArray | None = None) -> FloatArray:
    below = BelowMaximum(s, axis)
    e = np.exp(below.shifted, out=below.shifted)
    return below.normalized(e, below.total(e), out)


@quietly
def log_softmax(scores: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Logarithm of softmax, exact where softmax itself rounds to 0 or 1.

    .. math:: \log \mathrm{softmax}(s)_i = s_i - \log \sum_j \exp s_j

    Parameters
    ----------
    scores : array_like of real numbers
        Scores; any shape with at least one axis.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        Log-probabilities in nats, of the shape of `scores`; never positive.

    Raises
    ------
    TypeError, ValueError
        As for :func:`softmax`.

    See Also
    --------
    scipy.special.log_softmax, torch.log_softmax

    Examples
    --------
    >>> log_softmax([1000, 2000, 3000])
    array([-2000., -1000.,     0.])
    >>> log_softmax([40.0, 0.0])[0] < 0
    np.True_
    """
    s, axis = _scores(scores, axis)
    return _in_blocks(_log_softmax, s) if _is_long(s, axis) else _log_softmax(s, axis)


def _log_softmax(s: FloatArray, axis: int, out: FloatArray | None = None) -> FloatArray:
    below = BelowMaximum(s, axis)
    log_total = below.log_total(np.exp(below.shifted))
    return below.in_place(np.subtract, below.shifted, log_total, out)


@quietly
def log_sum_exp(scores: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Logarithm of the sum of exponentials, a smooth maximum.

    .. math:: \mathrm{lse}(s) = \log \sum_j \exp s_j, \qquad
              \max s \le \mathrm{lse}(s) \le \max s + \log K

    Parameters
    ----------
    scores : array_like of real numbers
        Scores; any shape with at least one axis.
    axis : int, default -1
        The axis of the `K` classes.

    Returns
    -------
    ndarray
        In nats; the shape of `scores` without `axis`. -inf where every entry is -inf.

    Raises
    ------
    TypeError, ValueError
        As for :func:`softmax`.

    See Also
    --------
    scipy.special.logsumexp, torch.logsumexp

    Examples
    --------
    >>> log_sum_exp([1000.0, 1000.0])
    np.float64(1000.6931471805599)
    """
    s, axis = _scores(scores, axis)
    below = BelowMaximum(s, axis)
    e = np.exp(below.shifted, out=below.shifted)
    result = below.top + below.log_total(e)
    # An infinite maximum is its own answer; the sum is NaN there.
    result = np.where(np.isinf(below.top), below.top, result)
    return np.asarray(result.reshape(s.shape[:axis] + s.shape[axis + 1 :]))[()]


@quietly
def entropy(y: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Entropy, the mean surprise of a distribution.

    .. math:: H(y) = -\sum_i y_i \log y_i, \qquad 0 \log 0 = 0

    Parameters
    ----------
    y : array_like of real numbers
        Probabilities with sum 1 along `axis`.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        In nats, between 0 and :math:`\log K` for `K` classes; the shape of `y` without `axis`.

    Raises
    ------
    TypeError
        If `y` does not hold real numbers.
    ValueError
        If `y` is negative somewhere, does not sum to 1, or `axis` does not exist or is empty.

    See Also
    --------
    scipy.stats.entropy

    Examples
    --------
    >>> entropy([0.5, 0.5])
    np.float64(0.6931471805599453)
    """
    y = as_distribution(y, "y", axis)
    return _measured(entr(y.astype(np.float64)), axis, y.dtype)


@quietly
def cross_entropy(y: ArrayLike, p: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Cross-entropy of the model `p` under the target `y`.

    .. math:: \mathrm{crossentropy}(y, p) = -\sum_i y_i \log p_i = H(y) + D(y\|p)

    Pass keywords: the two arguments have the same shape, and swapping them raises nothing.

    Parameters
    ----------
    y, p : array_like of real numbers
        Target and model, of one shape; probabilities with sum 1 along `axis`.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        In nats; the shape of `y` without `axis`. inf where `p` is 0 and `y` is not.

    Raises
    ------
    TypeError
        If an argument does not hold real numbers.
    ValueError
        If the shapes differ, an entry is negative, a sum is not 1, or `axis` does not exist or
        is empty.

    See Also
    --------
    nnlib.softmax_cross_entropy : The loss of scores, exact where probabilities round to 0.

    Examples
    --------
    >>> cross_entropy(y=[0, 1, 0], p=[0.25, 0.5, 0.25])
    np.float64(0.6931471805599453)
    """
    y, p = _pair(y, p, axis)
    terms = -xlogy(y.astype(np.float64), p.astype(np.float64))
    return _measured(terms, axis, np.result_type(y, p))


@quietly
def kl_divergence(y: ArrayLike, p: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Kullback-Leibler divergence of the target `y` from the model `p`.

    .. math:: D(y\|p) = \sum_i y_i \log\frac{y_i}{p_i} \ge 0, \qquad
              D(y\|p) = 0 \iff y = p

    It is no distance: it is not symmetric and obeys no triangle inequality.

    Parameters
    ----------
    y, p : array_like of real numbers
        Target and model, of one shape; probabilities with sum 1 along `axis`.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        In nats; the shape of `y` without `axis`. inf where `p` is 0 and `y` is not. Inputs whose
        sums are 1 only up to rounding may give a value below 0 of that size.

    Raises
    ------
    TypeError, ValueError
        As for :func:`cross_entropy`.

    See Also
    --------
    scipy.special.rel_entr, torch.nn.functional.kl_div

    Examples
    --------
    >>> kl_divergence(y=[0.5, 0.5], p=[0.25, 0.75]).round(4)
    np.float64(0.1438)
    """
    y, p = _pair(y, p, axis)
    terms = rel_entr(y.astype(np.float64), p.astype(np.float64))
    return _measured(terms, axis, np.result_type(y, p))


def _scores(scores: ArrayLike, axis: int) -> tuple[FloatArray, int]:
    array = as_float(scores, "scores")
    return array, with_class_axis(array, "scores", axis)


def _is_long(s: FloatArray, axis: int) -> bool:
    """Tell whether there are many examples of few classes, one after the other."""
    return (
        s.size > _BLOCK
        and s.shape[axis] <= _FEW
        and axis == s.ndim - 1
        and bool(s.flags.c_contiguous)
    )


def _in_blocks(function: Callable[..., FloatArray], s: FloatArray) -> FloatArray:
    """Return ``function(s)``, worked out in blocks whose copies are small and stay in the cache."""
    rows, result = s.reshape(-1, s.shape[-1]), np.empty_like(s)
    results, step = result.reshape(rows.shape), _BLOCK // s.shape[-1]
    for start in range(0, len(rows), step):
        function(rows[start : start + step], 1, results[start : start + step])
    return result


class BelowMaximum:
    """Scores minus their maximum, laid out as work on them is fastest.

    NumPy reduces a short last axis slowly: few classes of many examples are worked on as an array
    of shape (classes, examples). All others keep their layout.

    Attributes
    ----------
    shifted : ndarray
        s - max(s), a new array; its maximum along `axis` is 0.
    top : ndarray
        The maximum, with its axis kept.
    axis : int
        The class axis of both.
    """

    def __init__(self, s: FloatArray, axis: int) -> None:
        self._s = s
        rows = axis == s.ndim - 1 and s.flags.c_contiguous
        few = rows and s.shape[axis] <= _FEW < s.size // s.shape[axis]
        self._view = s.reshape(-1, s.shape[-1]).T if few else s
        self.axis = 0 if few else axis
        work = self._view.copy() if few else s
        self._largest: tuple[NDArray[np.intp], ...] | None = None
        if rows and s.ndim == 2 and s.shape[1] > _FEW:
            self._largest = np.arange(len(s)), s.argmax(axis=1)
            self.top = s[self._largest][:, np.newaxis]
        else:
            self.top = np.maximum.reduce(work, axis=self.axis, keepdims=True)
        if np.count_nonzero(np.isinf(self.top)):
            self.shifted = self._below_infinity()
        else:
            # Scores at both ends of the float range are further apart than a float can say: -inf.
            self.shifted = np.subtract(work, self.top, out=work if few else None)

    def _below_infinity(self) -> FloatArray:
        """Return s - max(s), where a single +inf leaves 0 for itself and -inf for the others."""
        shifted: FloatArray = self._view - self.top  # inf - inf is NaN
        infinite = self._view == np.inf
        shifted[infinite & (infinite.sum(axis=self.axis, keepdims=True) == 1)] = 0
        return shifted

    def total(self, e: FloatArray) -> FloatArray:
        """Return the sum of ``e = exp(shifted)`` with its axis kept."""
        return total(e, self.axis) if self._largest is None else 1 + self._others(e)

    def log_total(self, e: FloatArray) -> FloatArray:
        """Return the logarithm of that sum, exact also where it is near 0.

        The largest of `e` is 1. In 1 + 1e-20 nothing is left of what the others add: where one
        class holds almost everything, they are added up without it, and log1p keeps them.
        """
        if self._largest is not None:
            return np.log1p(self._others(e))
        sums = total(e, self.axis)
        result = np.log(sums)
        near = (sums < 1.01).swapaxes(0, self.axis)[0]
        if np.count_nonzero(near):
            others = e.swapaxes(0, self.axis)[:, near]
            others *= others < 1
            result.swapaxes(0, self.axis)[0, near] = np.log1p(total(others, 0)[0])
        return result

    def _others(self, e: FloatArray) -> FloatArray:
        """Return what all but the largest add to the sum; rows of many classes only."""
        e[self._largest] = 0
        others = np.add.reduce(e, axis=1, keepdims=True)
        e[self._largest] = 1
        return others

    def in_place(
        self, function: np.ufunc, work: FloatArray, other: FloatArray, out: FloatArray | None = None
    ) -> FloatArray:
        """Return ``function(work, other)`` in the layout of the scores given; uses `work` up."""
        if self._view is self._s:
            return function(work, other, out=work if out is None else out)
        result = np.empty_like(self._s) if out is None else out
        function(work, other, out=result.reshape(-1, result.shape[-1]).T)
        return result

    def normalized(
        self, e: FloatArray, sums: FloatArray, out: FloatArray | None = None
    ) -> FloatArray:
        """Return ``e / sums`` in the layout of the scores given; uses `e` up."""
        if self._view is self._s:
            return self.in_place(np.divide, e, sums, out)
        # One division per example, and multiplications.
        return self.in_place(np.multiply, e, 1 / sums, out)


def _pair(y: ArrayLike, p: ArrayLike, axis: int) -> tuple[FloatArray, FloatArray]:
    y, p = as_float(y, "y"), as_float(p, "p")
    if y.shape != p.shape:
        raise ValueError(f"y and p must have one shape, got {y.shape} and {p.shape}")
    return as_distribution(y, "y", axis), as_distribution(p, "p", axis)


def _measured(terms: FloatArray, axis: int, dtype: np.dtype[Any]) -> FloatArray:
    return total(terms, axis).squeeze(axis).astype(dtype)[()]
