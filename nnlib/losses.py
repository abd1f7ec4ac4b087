r"""Losses of scores against labels, each with its gradient.

Every loss takes ``(scores, labels)`` in PyTorch's order. `scores` has shape (..., classes): a batch
of any leading axes, the classes last. Labels are class indices of shape (...), or one-hot rows of
the shape of `scores`. A loss is an object: ``hinge(scores, labels)`` is the loss of each example,
``hinge.gradient(scores, labels)`` its gradient in the scores, ``hinge.value_and_gradient(scores,
labels)`` both at the price of one. With ``reduction="mean"`` or ``"sum"`` the examples are put
together, in the gradient too. :data:`LOSSES` lists them by name.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlib._arrays import (
    FloatArray,
    Reduction,
    as_array,
    as_class_indices,
    as_float,
    as_result,
    as_scores,
    as_soft_labels,
    check_reduction,
    pairwise_sum,
    quietly,
    read_only,
)
from nnlib._blocks import apply_in_blocks, log_of_sum, subtract_maximum
from nnlib.probability import log_softmax


class Loss(ABC):
    """A loss of scores against labels, together with its gradient in the scores.

    Subclass it to add one of your own. Write ``per_example``, which gets scores of shape (examples,
    classes) with labels of shape (examples,) or (examples, classes), to read only, and returns
    losses of shape (examples,) and gradients of the shape of the scores. Write ``prepare`` too
    where labels are not class indices: it checks and converts the arguments before.

    Attributes
    ----------
    name : str
    formula : str
        The loss of one example in LaTeX, without dollar signs; `s` are the scores, `k` the label.

    Examples
    --------
    >>> from nnlib import hinge
    >>> hinge
    <loss hinge>
    >>> value, gradient = hinge.value_and_gradient([[2.0, 0.0], [0.0, 0.5]], [0, 0], "mean")
    >>> value
    np.float64(0.75)
    >>> gradient
    array([[ 0. ,  0. ],
           [-0.5,  0.5]])
    """

    name: ClassVar[str]
    formula: ClassVar[str]
    least_classes: ClassVar[int] = 1  # with fewer, scores are refused

    def __call__(
        self, scores: ArrayLike, labels: ArrayLike, reduction: Reduction = "none"
    ) -> FloatArray:
        """Return the loss of each example, or their mean or sum.

        Parameters
        ----------
        scores : array_like of real numbers, shape (..., classes)
        labels : array_like, shape (...) or (..., classes)
        reduction : {"none", "mean", "sum"}, default "none"

        Returns
        -------
        ndarray
            Shape (...) for "none", otherwise a number; in the dtype of `scores`.

        Raises
        ------
        TypeError
            If the scores are not real numbers or the labels of a kind that the loss cannot take.
        ValueError
            If shapes do not match, a label is out of range, a row is not one-hot, the reduction is
            unknown, or "mean" is asked of no examples.
        """
        return self.value_and_gradient(scores, labels, reduction)[0]

    def gradient(
        self, scores: ArrayLike, labels: ArrayLike, reduction: Reduction = "none"
    ) -> FloatArray:
        """Return the gradient in the scores; parameters and errors as for the value.

        Returns
        -------
        ndarray, shape (..., classes)
            With "none" and "sum", row `i` is the gradient of the loss of example `i`; with "mean"
            it is divided by the number of examples.
        """
        return self.value_and_gradient(scores, labels, reduction)[1]

    @quietly
    def value_and_gradient(
        self, scores: ArrayLike, labels: ArrayLike, reduction: Reduction = "none"
    ) -> tuple[FloatArray, FloatArray]:
        """Return value and gradient; parameters and errors as for the value."""
        check_reduction(reduction)
        s, y = self.prepare(scores, labels)
        rows = s.reshape(-1, s.shape[-1])
        # A row of targets for each example, or one class index.
        targets = y.reshape(rows.shape if y.shape == s.shape else -1)
        value, gradient = self._evaluate(rows, targets)
        if reduction == "none":
            return value.reshape(s.shape[:-1])[()], gradient.reshape(s.shape)
        if reduction == "mean":
            if len(rows) == 0:
                raise ValueError('scores: reduction="mean" needs at least one example, got none')
            gradient /= len(rows)
        return _reduce(value, reduction), gradient.reshape(s.shape)

    def _evaluate(self, rows: FloatArray, labels: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        kind = type(self)
        if kind.__module__ == __name__:
            return self.per_example(rows, labels)
        # What readers write gets arrays to read only, and what it returns is looked at.
        value, gradient = self.per_example(read_only(rows), read_only(labels))
        return (
            as_result(value, rows.shape[:1], rows, f"losses of {kind.__name__}"),
            as_result(gradient, rows.shape, rows, f"gradients of {kind.__name__}"),
        )

    def __repr__(self) -> str:
        return f"<loss {self.name}>"

    def prepare(self, scores: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        """Return scores and class indices as arrays, or raise as the value does."""
        s = as_scores(scores, self.least_classes)
        return s, as_class_indices(labels, s)

    @abstractmethod
    def per_example(
        self, scores: FloatArray, labels: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray]:
        """Return the loss of every example and its gradient, from what ``prepare`` returned."""


def _reduce(value: FloatArray, reduction: Reduction) -> Any:
    """Return the mean or the sum of the losses in their dtype."""
    # The sum is taken in float64, so that a large batch costs float32 no digits.
    result = np.add.reduce(value, dtype=np.float64)
    if reduction == "mean":
        # The sum may overflow where the mean does not. Divided first, rounding may still carry it
        # past the largest loss: so it is clipped.
        result /= len(value)
        if math.isinf(result) and np.isfinite(value).all():
            result = np.clip(np.add.reduce(value / len(value)), value.min(), value.max())
    return value.dtype.type(result)


class ZeroOne(Loss):
    r"""0-1 loss: 1 for a mistake, 0 otherwise.

    .. math:: \ell(s, k) = 1[\operatorname{argmax}_j s_j \ne k]

    The prediction is the first of tied maxima. The loss is a step, so its gradient is 0 wherever
    there is one; ``gradient`` returns 0 everywhere. Row by row, NaN scores have a NaN loss.

    See Also
    --------
    sklearn.metrics.zero_one_loss : Of predictions instead of scores.

    Examples
    --------
    >>> from nnlib import zero_one
    >>> zero_one([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1]], labels=[1, 2])
    array([0., 1.])
    """

    name = "zero_one"
    formula = r"1[\operatorname{argmax}_j s_j \ne k]"

    def per_example(
        self, scores: FloatArray, labels: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray]:
        wrong = scores.argmax(axis=-1) != labels
        undefined = np.isnan(scores).any(axis=-1)
        return np.where(undefined, scores.dtype.type(np.nan), wrong), np.zeros_like(scores)


class Hinge(Loss):
    r"""Multiclass hinge loss: how far the true class is from leading by 1.

    .. math:: \ell(s, k) = \max\Bigl(0,\ \max_{j \ne k} s_j - s_k + 1\Bigr)

    It takes class indices or one-hot rows; soft labels are refused. At a lead of exactly 1 the
    subgradient 0 is taken, and of tied wrong classes the first. This is the loss of Crammer and
    Singer (2001); PyTorch's ``multi_margin_loss`` sums over all wrong classes and divides by the
    number of classes instead.

    See Also
    --------
    sklearn.metrics.hinge_loss : The same loss, its mean.

    Examples
    --------
    >>> from nnlib import hinge
    >>> hinge([0.7, 0.15, 0.15], labels=1).round(2)
    np.float64(1.55)
    >>> hinge.gradient([0.7, 0.15, 0.15], labels=1)
    array([ 1., -1.,  0.])
    """

    name = "hinge"
    least_classes = 2
    formula = r"\max\bigl(0,\ \max_{j \ne k} s_j - s_k + 1\bigr)"

    def per_example(
        self, scores: FloatArray, labels: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray]:
        examples = np.arange(len(scores))
        others = scores.copy()
        others[examples, labels] = -np.inf
        rival = others.argmax(axis=1)
        # (max - s_k) + 1, not (1 - s_k) + max: beside large scores the 1 would be rounded away,
        # and a tie would cost 0.
        value = np.maximum((others[examples, rival] - scores[examples, labels]) + 1, 0)
        active = np.sign(value)  # 1 or 0, and NaN for NaN
        gradient = np.zeros_like(scores)
        gradient[examples, rival] = active
        gradient[examples, labels] = 0 - active  # not -active: no -0.0
        return value, gradient


class SoftmaxCrossEntropy(Loss):
    r"""Cross-entropy of the softmax of the scores, in nats.

    .. math:: \ell(s, k) = -\log \mathrm{softmax}(s)_k = \log\sum_j \exp s_j - s_k, \quad
              \nabla_s \ell = \mathrm{softmax}(s) - y

    Scores are logits: do not apply softmax first. Labels are class indices, one-hot rows or
    distributions `y` of the shape of `scores` (then the loss is
    :math:`-\sum_i y_i \log\mathrm{softmax}(s)_i`, where a class with :math:`y_i = 0` counts 0 even
    at a score of -inf). Corresponds to ``torch.nn.CrossEntropyLoss``.

    See Also
    --------
    torch.nn.CrossEntropyLoss : The same loss, with the mean as default.

    Examples
    --------
    >>> from nnlib import softmax_cross_entropy
    >>> softmax_cross_entropy([[0.0, 0.0]], labels=[1])
    array([0.69314718])
    >>> softmax_cross_entropy([1000.0, 0.0], labels=1)
    np.float64(1000.0)
    """

    name = "softmax_cross_entropy"
    formula = r"\log\sum_j \exp s_j - s_k"

    def prepare(self, scores: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        s = as_scores(scores)
        y = as_array(labels, "labels")
        if y.shape == s.shape:
            return s, as_soft_labels(y, s)
        return s, as_class_indices(y, s)

    def per_example(
        self, scores: FloatArray, labels: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray]:
        if labels.ndim == 2:
            return _soft_cross_entropy(scores, labels)

        # Of scores of shape (classes, examples): returns the losses, leaves the gradient in s.
        def formula(s: FloatArray, k: NDArray[np.intp]) -> FloatArray:
            examples = np.arange(len(k))
            subtract_maximum(s)
            s_k = s[k, examples]  # a copy: s is overwritten next
            e = np.exp(s, out=s)
            total = pairwise_sum(e)
            value = log_of_sum(e, total) - s_k
            s /= total  # softmax
            s[k, examples] -= 1
            return value

        gradient, value = apply_in_blocks(formula, scores, 1, labels)
        return value, gradient


def _soft_cross_entropy(scores: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    log_p = log_softmax(scores)
    terms = y * np.where(y == 0, 0, log_p)
    value = 0 - pairwise_sum(terms, axis=1)  # not -total: no -0.0
    overflowed = np.isinf(value)
    if overflowed.any():
        value[overflowed] = _far_apart(scores[overflowed], y[overflowed])
    # y sums to 1 only up to rounding: the factor is the derivative of the loss as it is computed.
    return value, np.exp(log_p) * pairwise_sum(y, axis=1)[:, None] - y


def _far_apart(scores: FloatArray, y: FloatArray) -> FloatArray:
    """Return the soft cross-entropy where differences of scores overflow.

    Those of halved scores do not; next to such differences log sum exp(s - max s) is negligible.
    """
    behind = scores.max(axis=1, keepdims=True) / 2 - scores / 2
    return 2 * pairwise_sum(y * np.where(y == 0, 0, behind), axis=1)


class SquaredError(Loss):
    r"""Half the squared distance between scores and real targets, for regression.

    .. math:: \ell(s, y) = \tfrac12 \lVert s - y\rVert_2^2, \qquad \nabla_s \ell = s - y

    The outputs of one example are summed and the ½ makes the gradient plain; "mean" is the mean
    over examples. ``torch.nn.MSELoss`` has no ½ and takes the mean over outputs as well. `labels`
    are targets of the shape of `scores`.

    See Also
    --------
    torch.nn.MSELoss : Without ½, and the mean over outputs too.

    Examples
    --------
    >>> from nnlib import squared_error
    >>> squared_error([[1.0, 2.0]], [[0.0, 0.0]])
    array([2.5])
    """

    name = "squared_error"
    formula = r"\tfrac12 \lVert s - y\rVert_2^2"

    def prepare(self, scores: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, NDArray[Any]]:
        s, y = as_scores(scores), as_float(labels, "labels")
        if s.shape != y.shape:
            raise ValueError(
                f"labels of squared_error must have the shape {s.shape} of scores, got {y.shape}; "
                "for one output per example reshape the targets to (batch, 1)"
            )
        return s, np.asarray(y, s.dtype)

    def per_example(
        self, scores: FloatArray, labels: NDArray[Any]
    ) -> tuple[FloatArray, FloatArray]:
        gradient = scores - labels
        # Half of one factor, not of the product: the square may overflow where its half does not.
        return pairwise_sum(gradient / 2 * gradient, axis=1), gradient


zero_one = ZeroOne()
hinge = Hinge()
softmax_cross_entropy = SoftmaxCrossEntropy()
squared_error = SquaredError()

#: Every loss by its name.
LOSSES: Mapping[str, Loss] = MappingProxyType(
    {loss.name: loss for loss in (zero_one, hinge, softmax_cross_entropy, squared_error)}
)


def accuracy(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the share of examples whose prediction is right: 1 minus the mean 0-1 loss.

    Parameters
    ----------
    scores : array_like of real numbers, shape (..., classes)
        Scores or probabilities; the prediction is the (first) largest.
    labels : array_like, shape (...) or (..., classes)
        Class indices or one-hot rows.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    TypeError, ValueError
        As for the losses.

    See Also
    --------
    sklearn.metrics.accuracy_score : Of predictions instead of scores.

    Examples
    --------
    >>> accuracy([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1]], labels=[1, 2])
    0.5
    """
    return float(1 - zero_one(scores, labels, reduction="mean"))
