r"""Softmax and the measures of information, exact over the whole float range.

Scores (logits) are called `s`, distributions `y` (the target, KL's first argument) and `p` (the
model's). Logarithms are natural: information is measured in nats. Sums run along `axis`, the last
one unless told otherwise; all other axes are kept. Functions keep float32, turn integers and lists
into float64, and never change their input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, rel_entr, xlogy

from nnlib._arrays import (
    FloatArray,
    as_distribution,
    as_float,
    normalize_axis,
    pairwise_sum,
    quietly,
)
from nnlib._blocks import apply_in_blocks, log_of_sum, subtract_maximum


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

    def formula(s: FloatArray) -> FloatArray:  # of shape (classes, examples)
        subtract_maximum(s)
        total = pairwise_sum(np.exp(s, out=s))
        s /= total
        return total  # a value of each example, as apply_in_blocks asks; not needed here

    probabilities, _ = apply_in_blocks(formula, *_as_scores(scores, axis))
    return probabilities


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

    def formula(s: FloatArray) -> FloatArray:  # of shape (classes, examples)
        subtract_maximum(s)
        e = np.exp(s)
        log_total = log_of_sum(e, pairwise_sum(e))
        s -= log_total
        return log_total  # as above

    log_probabilities, _ = apply_in_blocks(formula, *_as_scores(scores, axis))
    return log_probabilities


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

    def formula(s: FloatArray) -> FloatArray:  # of shape (classes, examples)
        top = subtract_maximum(s)
        e = np.exp(s, out=s)
        result = top + log_of_sum(e, pairwise_sum(e))
        return np.where(np.isinf(top), top, result)  # An infinite maximum is its own answer.

    _, values = apply_in_blocks(formula, *_as_scores(scores, axis))
    return values[()]  # a number for a single example


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
    return _sum_over_classes(entr(y.astype(np.float64)), axis, y.dtype)


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
    y, p = _check_pair(y, p, axis)
    terms = -xlogy(y.astype(np.float64), p.astype(np.float64))
    return _sum_over_classes(terms, axis, np.result_type(y, p))


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
    y, p = _check_pair(y, p, axis)
    terms = rel_entr(y.astype(np.float64), p.astype(np.float64))
    return _sum_over_classes(terms, axis, np.result_type(y, p))


def _as_scores(scores: ArrayLike, axis: int) -> tuple[FloatArray, int]:
    """Return the scores as floats, and their axis counted from 0."""
    array = as_float(scores, "scores")
    return array, normalize_axis(array, "scores", axis)


def _check_pair(y: ArrayLike, p: ArrayLike, axis: int) -> tuple[FloatArray, FloatArray]:
    y, p = as_float(y, "y"), as_float(p, "p")
    if y.shape != p.shape:
        raise ValueError(f"y and p must have one shape, got {y.shape} and {p.shape}")
    return as_distribution(y, "y", axis), as_distribution(p, "p", axis)


def _sum_over_classes(terms: FloatArray, axis: int, dtype: np.dtype[Any]) -> FloatArray:
    """Add float64 terms up, and return their sums in `dtype`."""
    return pairwise_sum(terms, axis).astype(dtype)[()]
