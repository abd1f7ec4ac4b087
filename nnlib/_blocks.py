"""Formulas on scores, applied block by block; sums and maxima that hold at extreme scores.

:mod:`nnlib.probability` and :mod:`nnlib.losses` write their formulas for scores of shape
(classes, examples). What makes them fast and exact for all others stands here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib._arrays import FloatArray, largest, pairwise_sum

# NumPy is slow at reducing many short rows: of at most so many classes, and more examples than that
# number, the scores are transposed, so that each class is one long row.
_FEW = 32
_BLOCK = 2**18  # bytes, which stay in the processor's cache


def apply_in_blocks(
    formula: Callable[..., FloatArray], scores: FloatArray, axis: int, *labels: NDArray[Any]
) -> tuple[FloatArray, FloatArray]:
    """Apply a formula to every example of the scores.

    Parameters
    ----------
    formula : callable
        Gets scores of shape (classes, examples), turns them into its result in place, and returns
        a value for each example.
    scores : ndarray
    axis : int
        The axis of the classes, counted from 0.
    *labels : ndarray
        Passed on to the formula, cut along their first axis as the examples are.

    Returns
    -------
    result : ndarray
        Of the shape of `scores`.
    values : ndarray
        Of that shape without `axis`.
    """
    classes_last = np.moveaxis(scores, axis, -1) if axis != scores.ndim - 1 else scores
    rows = classes_last.reshape(-1, classes_last.shape[-1])
    at_once = max(_BLOCK // (rows.itemsize * rows.shape[1]), 1)
    result = np.empty_like(rows)
    if len(rows) <= at_once:  # the loop below would be of one turn
        values = _apply(formula, rows, labels, result)
    else:
        values = np.empty(len(rows), rows.dtype)
        for start in range(0, len(rows), at_once):
            block = slice(start, start + at_once)
            cut = [each[block] for each in labels]
            values[block] = _apply(formula, rows[block], cut, result[block])
    shaped: FloatArray = result.reshape(classes_last.shape)
    if classes_last is not scores:
        shaped = np.moveaxis(shaped, -1, axis)
    return shaped, values.reshape(classes_last.shape[:-1])


def _apply(
    formula: Callable[..., FloatArray],
    rows: FloatArray,
    labels: Sequence[NDArray[Any]],
    result: FloatArray,
) -> FloatArray:
    """Apply the formula in the layout in which NumPy is fast; return the values."""
    if rows.shape[1] <= _FEW < len(rows):
        work = rows.T.copy()  # laid out anew; rows.T alone is a view
        values = formula(work, *labels)
        result[...] = work.T
    else:
        result[...] = rows
        values = formula(result.T, *labels)  # through the view into the result
    return values


def subtract_maximum(s: FloatArray) -> FloatArray:
    """Subtract from the scores of every example their maximum, in place; return the maxima."""
    top = np.maximum.reduce(s, axis=0)
    if largest(top) < np.inf:
        s -= top
    else:  # A maximum is inf or NaN. inf - inf is NaN, but a single +inf takes all.
        infinite = s == np.inf
        s -= top
        s[infinite & (np.add.reduce(infinite, axis=0) == 1)] = 0
    return top


def log_of_sum(e: FloatArray, total: FloatArray) -> FloatArray:
    """Return the log of `total`, the sum over the classes, where the largest entry of `e` is 1.

    In 1 + 1e-20 nothing is left of the small entry. Where the others add up to less than a
    hundredth, they are added up without the 1, and log1p keeps their digits.
    """
    result: FloatArray = np.log(total)
    near = total < 1.01
    if np.count_nonzero(near):
        others = e * (e < 1)  # the 1 itself becomes 0
        np.log1p(pairwise_sum(others), out=result, where=near)
    return result
