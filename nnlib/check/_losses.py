"""Checks of losses and of their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib import losses, probability
from nnlib._arrays import FloatArray
from nnlib.check._core import (
    Arguments,
    Function,
    Inputs,
    Misconception,
    array_suite,
    copied_output,
)
from nnlib.check._probability import BASE_HINT, ROW_MAXIMUM_HINT, SHIFT_HINT

__all__ = ["hinge", "softmax_cross_entropy", "softmax_cross_entropy_gradient"]


def _labeled(rng: np.random.Generator) -> Arguments:
    return {"scores": 2 * rng.normal(size=(6, 4)), "labels": rng.permutation([0, 1, 2, 3, 0, 1])}


def _clear_cases(rng: np.random.Generator) -> Arguments:
    labels = rng.permutation(4)
    return {"scores": rng.normal(size=(4, 4)) + 20 * np.eye(4)[labels], "labels": labels}


def _true(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    return scores[np.arange(len(scores)), labels]


def _lead(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    """Return how far each wrong class leads the true one, which itself has -inf."""
    lead = scores - _true(scores, labels)[:, np.newaxis]
    lead[np.arange(len(scores)), labels] = -np.inf
    return lead


hinge = array_suite(
    "hinge",
    "Check ``hinge(scores, labels)``: the loss of each row of scores, for class indices.",
    losses.hinge,
    {"a batch": _labeled, "right by a wide margin": _clear_cases},
    Misconception(
        "the correct class counted in its own margin",
        lambda s, k: np.maximum(0, np.maximum(_lead(s, k), 0).max(axis=1) + 1),
        "The loss should be 0 for a clear and right answer, and yours is never below 1. Whom does "
        "the true class have to beat?",
    ),
    Misconception(
        "negative losses",
        lambda s, k: _lead(s, k).max(axis=1) + 1,
        "May an example that is right by far make up for one that is wrong?",
    ),
    Misconception(
        "the margin turned around",
        lambda s, k: np.maximum(0, 1 - _lead(s, k).max(axis=1)),
        "Who should be ahead? The loss should fall as the score of the true class rises.",
    ),
    Misconception(
        "no margin",
        lambda s, k: np.maximum(0, _lead(s, k).max(axis=1)),
        "Is it enough to be ahead by a hair? By how much should the true class lead?",
    ),
    Misconception(
        "the sum over the wrong classes in place of the maximum",
        lambda s, k: np.maximum(0, _lead(s, k) + 1).sum(axis=1),
        "That is another hinge loss. In the lecture's, how many rivals count?",
    ),
    Misconception(
        "the sum over all classes, its own too",
        lambda s, k: np.maximum(0, _lead(s, k) + 1).sum(axis=1) + 1,
        "Does a class have to beat itself? And in the lecture's hinge loss, how many rivals count?",
    ),
    Misconception(
        "a squared loss",
        lambda s, k: losses.hinge(s, k) ** 2,
        "That is the squared hinge. How should the loss grow when a lead doubles?",
    ),
    Misconception(
        "the mean of all examples",
        lambda s, k: losses.hinge(s, k, "mean"),
        "What shape should come out, if every example has its own loss?",
    ),
    Misconception(
        "the sum of all examples",
        lambda s, k: losses.hinge(s, k, "sum"),
        "What shape should come out, if every example has its own loss?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: losses.hinge(s, (k - 1) % s.shape[1]),
        "From which number do labels count, from 0 or from 1? What does index -1 mean?",
    ),
    Misconception(
        "the best rival of the whole batch",
        lambda s, k: np.maximum(0, (_lead(s, k).T + _true(s, k)).max() - _true(s, k) + 1),
        "Each example has its own rivals. Along which axis is the maximum taken?",
    ),
)


def _labeled_scores(rows: Sequence[Sequence[float]], *labels: int) -> Inputs:
    return lambda _: {"scores": np.array(rows, np.float64), "labels": np.array(labels)}


_LABELED_SCORES: Mapping[str, Inputs] = {
    "a batch": _labeled,
    "large scores": _labeled_scores([[1000, 1001, 1003]], 0),
    "rows far apart": _labeled_scores([[0, 1, 2], [2000, 2001, 2003]], 1, 0),
    "a true class far behind": _labeled_scores([[0, -1000, -2000]], 1),
}
_PAIRS_HINT = (
    "How many entries does your index pick from a batch of 6 rows? Each row goes with one label, "
    "its own."
)
_COUNTING_HINT = "From which number do labels count, from 0 or from 1? What does index -1 mean?"


def _softmax_cross_entropy(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return losses.softmax_cross_entropy(scores, labels, "mean")


def _number(function: Function, arguments: Arguments) -> Any:
    """Return the loss; a number of Python's own has no dtype, and takes that of the scores."""

    def typed(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
        loss = function(scores, labels)
        return scores.dtype.type(loss) if type(loss) is float else loss

    return copied_output(typed, arguments)


softmax_cross_entropy = array_suite(
    "softmax_cross_entropy",
    "Check ``softmax_cross_entropy(scores, labels)``: the mean loss, for class indices.",
    _softmax_cross_entropy,
    _LABELED_SCORES,
    Misconception(
        "the sum over the batch in place of the mean",
        lambda s, k: losses.softmax_cross_entropy(s, k, "sum"),
        "What should happen to the loss when every example comes twice?",
    ),
    Misconception(
        "the loss of each example",
        lambda s, k: losses.softmax_cross_entropy(s, k),
        "Gradient descent goes down one number. How are the losses of a batch put together?",
    ),
    Misconception(
        "a mean over the classes too",
        lambda s, k: _softmax_cross_entropy(s, k) / s.shape[1],
        "A one-hot row has one term that counts. By how many is the sum divided, and how many "
        "examples are there?",
    ),
    Misconception(
        "the wrong sign",
        lambda s, k: -_softmax_cross_entropy(s, k),
        "A probability is at most 1. Which sign has its logarithm, and which a loss?",
    ),
    Misconception(
        "softmax twice",
        lambda s, k: _softmax_cross_entropy(probability.softmax(s), k),
        "Probabilities are no scores: a second softmax flattens them. Which one is too many?",
    ),
    Misconception(
        "no logarithm",
        lambda s, k: -_true(probability.softmax(s), k).mean(),
        "What should the loss be where the true class has probability 1, and what where it has 0?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: _softmax_cross_entropy(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
    Misconception(
        "every label for every row",
        lambda s, k: -probability.log_softmax(s)[:, k].mean(),
        _PAIRS_HINT,
    ),
    Misconception(
        "a logarithm of base 2",
        lambda s, k: _softmax_cross_entropy(s, k) / np.log(2),
        BASE_HINT,
    ),
    Misconception(
        "the logarithm of a softmax that is 0",
        lambda s, k: -np.log(_true(probability.softmax(s), k)).mean(),
        "A probability may be too small for a float, its logarithm is not. Which of your functions "
        "gives the logarithm without the probability?",
    ),
    Misconception(
        "no shift before exp",
        lambda s, k: (np.log(np.exp(s).sum(axis=1)) - _true(s, k)).mean(),
        SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of an overflow",
        lambda s, k: -np.log(_true(np.exp(s), k) / np.exp(s).sum(axis=1)).mean(),
        SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda s, k: (np.log(np.exp(s - s.max()).sum(axis=1)) - _true(s - s.max(), k)).mean(),
        ROW_MAXIMUM_HINT,
    ),
    observe=_number,
)


def _softmax_cross_entropy_gradient(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return losses.softmax_cross_entropy.gradient(scores, labels, "mean")


def _one_hot(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return np.eye(scores.shape[1], dtype=scores.dtype)[labels]


softmax_cross_entropy_gradient = array_suite(
    "softmax_cross_entropy_gradient",
    "Check ``softmax_cross_entropy_gradient(scores, labels)``: of the mean loss, in the scores.",
    _softmax_cross_entropy_gradient,
    _LABELED_SCORES,
    Misconception(
        "the gradient of the sum over the batch",
        lambda s, k: losses.softmax_cross_entropy.gradient(s, k, "sum"),
        "The loss is a mean over the examples. How much of it belongs to one row?",
    ),
    Misconception(
        "a mean over the classes too",
        lambda s, k: _softmax_cross_entropy_gradient(s, k) / s.shape[1],
        "The loss is a mean over the examples. By what is it divided, and by what is it not?",
    ),
    Misconception(
        "the wrong sign",
        lambda s, k: -_softmax_cross_entropy_gradient(s, k),
        "The gradient points to where the loss grows. Should it grow with the true score?",
    ),
    Misconception(
        "the target left out",
        lambda s, k: probability.softmax(s) / len(s),
        "What should the entries of a row sum to, if a common shift of its scores changes nothing?",
    ),
    Misconception(
        "the logarithm of softmax in place of softmax",
        lambda s, k: (probability.log_softmax(s) - _one_hot(s, k)) / len(s),
        "What should the entries of a row sum to, if a common shift of its scores changes nothing?",
    ),
    Misconception(
        "the true class alone",
        lambda s, k: _softmax_cross_entropy_gradient(s, k) * _one_hot(s, k),
        "The loss falls as the score of the true class rises. What does it do as a rival's rises?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: _softmax_cross_entropy_gradient(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
    Misconception(
        "every label for every row",
        lambda s, k: (probability.softmax(s) - _one_hot(s, k).max(axis=0)) / len(s),
        _PAIRS_HINT,
    ),
    Misconception(
        "no shift before exp",
        lambda s, k: (np.exp(s) / np.exp(s).sum(axis=1, keepdims=True) - _one_hot(s, k)) / len(s),
        SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda s, k: (
            (np.exp(s - s.max()) / np.exp(s - s.max()).sum(axis=1, keepdims=True) - _one_hot(s, k))
            / len(s)
        ),
        ROW_MAXIMUM_HINT,
    ),
)
