r"""Softmax and the measures of information, exact over the whole float range.

Scores (logits) are called `a`, distributions `y` (the target, KL's first argument) and `p` (the
model's). Logarithms are natural: information is measured in nats. Sums run along `axis`, the last
one unless told otherwise; all other axes are kept. Functions keep float32, turn integers and lists
into float64, and never change their input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, rel_entr, xlogy

from nnlib._arrays import (
    FloatArray,
    as_distribution,
    as_float,
    sum_in_float64,
    with_class_axis,
)


def softmax(a: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Turn scores into a probability distribution.

    .. math:: \mathrm{softmax}(a)_i = \frac{\exp a_i}{\sum_j \exp a_j}
              = \frac{\exp(a_i - \max a)}{\sum_j \exp(a_j - \max a)}

    The second form is what is computed: no exponential exceeds 1, so nothing overflows.

    Parameters
    ----------
    a : array_like of real numbers
        Scores; any shape with at least one axis. An entry of -inf is masked: its probability is 0.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        Probabilities of the shape of `a`, with sum 1 along `axis`. A single +inf takes all of it;
        a row of two +inf or of -inf alone has no limit and gives NaN.

    Raises
    ------
    TypeError
        If `a` does not hold real numbers.
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
    a, axis = _scores(a, axis)
    e = np.exp(_below_maximum(a, axis))
    e /= sum_in_float64(e, axis, e.dtype, keepdims=True)
    return e


def log_softmax(a: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Logarithm of softmax, exact where softmax itself rounds to 0 or 1.

    .. math:: \log \mathrm{softmax}(a)_i = a_i - \log \sum_j \exp a_j

    Parameters
    ----------
    a : array_like of real numbers
        Scores; any shape with at least one axis.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    ndarray
        Log-probabilities in nats, of the shape of `a`; never positive.

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
    a, axis = _scores(a, axis)
    shifted = _below_maximum(a, axis)
    shifted -= _log_sum_exp_shifted(shifted, axis)
    return shifted


def log_sum_exp(a: ArrayLike, axis: int = -1) -> FloatArray:
    r"""Logarithm of the sum of exponentials, a smooth maximum.

    .. math:: \mathrm{lse}(a) = \log \sum_j \exp a_j, \qquad
              \max a \le \mathrm{lse}(a) \le \max a + \log K

    Parameters
    ----------
    a : array_like of real numbers
        Scores; any shape with at least one axis.
    axis : int, default -1
        The axis of the `K` classes.

    Returns
    -------
    ndarray
        In nats; the shape of `a` without `axis`. -inf where every entry is -inf.

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
    a, axis = _scores(a, axis)
    top = a.max(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):
        result = top + _log_sum_exp_shifted(a - top, axis)
    # An infinite maximum is its own answer, and a - top was NaN there.
    result = np.where(np.isinf(top), top, result)
    return np.asarray(result.squeeze(axis))[()]


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
    return sum_in_float64(entr(y.astype(np.float64)), axis, y.dtype)


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
    return sum_in_float64(terms, axis, np.result_type(y, p))


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
    return sum_in_float64(terms, axis, np.result_type(y, p))


def _scores(a: ArrayLike, axis: int) -> tuple[FloatArray, int]:
    array = as_float(a, "a")
    return array, with_class_axis(array, "a", axis)


def _below_maximum(a: FloatArray, axis: int) -> FloatArray:
    """Return a - max(a) along `axis`, with inf - inf = 0 for a single +inf."""
    top = a.max(axis=axis, keepdims=True)
    # Scores at both ends of the float range are further apart than a float can say: -inf.
    with np.errstate(invalid="ignore", over="ignore"):
        shifted: FloatArray = a - top
    infinite = top == np.inf
    if infinite.any():
        winner = infinite & (a == np.inf)
        alone = winner.sum(axis=axis, keepdims=True) == 1
        shifted[winner & alone] = 0
    return shifted


def _log_sum_exp_shifted(shifted: FloatArray, axis: int) -> FloatArray:
    """Return log(sum(exp(shifted))), with its axis kept, where the maximum of `shifted` is 0."""
    # The maximum contributes exactly 1. Left out of the sum and given back by log1p, it does not
    # swallow what the others add: log(1 + 1e-20) is 0, log1p(1e-20) is not.
    e = np.exp(shifted)
    np.put_along_axis(e, shifted.argmax(axis=axis, keepdims=True), 0, axis=axis)
    rest = e.sum(axis=axis, keepdims=True, dtype=np.float64)
    # Where the maximum is NaN, argmax finds it: the sum must not lose it.
    top = shifted.max(axis=axis, keepdims=True)
    result: FloatArray = (top + np.log1p(rest)).astype(shifted.dtype)
    return result


def _pair(y: ArrayLike, p: ArrayLike, axis: int) -> tuple[FloatArray, FloatArray]:
    y, p = as_float(y, "y"), as_float(p, "p")
    if y.shape != p.shape:
        raise ValueError(f"y and p must have one shape, got {y.shape} and {p.shape}")
    return as_distribution(y, "y", axis), as_distribution(p, "p", axis)
