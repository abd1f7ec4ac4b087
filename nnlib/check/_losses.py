"""Checks of losses and of their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib import activations, losses
from nnlib._arrays import FloatArray
from nnlib.check._core import (
    Arguments,
    Check,
    Function,
    Inputs,
    Misconception,
    Suite,
    array_checks,
    array_suite,
)
from nnlib.check._probability import BASE_HINT

__all__ = ["hinge", "squared_hinge", "squared_hinge_gradient", "vote_cross_entropy"]

_EACH_HINT = "What shape should come out, if every example has its own loss?"
_COUNTING_HINT = "From which number do labels count, from 0 or from 1? What does index -1 mean?"


def _labeled(rng: np.random.Generator) -> Arguments:
    return {"scores": 2 * rng.normal(size=(6, 4)), "labels": rng.permutation([0, 1, 2, 3, 0, 1])}


def _clear_cases(rng: np.random.Generator) -> Arguments:
    labels = rng.permutation(4)
    return {"scores": rng.normal(size=(4, 4)) + 20 * np.eye(4)[labels], "labels": labels}


def _below_zero(rng: np.random.Generator) -> Arguments:
    return {
        "scores": -rng.uniform(2, 6, size=(6, 4)),
        "labels": rng.permutation([0, 1, 2, 3, 0, 1]),
    }


def _far_below_zero(rng: np.random.Generator) -> Arguments:
    # Integers, so that no order of adding and subtracting loses a digit.
    levels = 10 ** np.array([[1], [2], [4], [7], [10], [13]])
    scores = rng.integers(-3, 4, size=(6, 4)) - 5.0 * levels
    return {"scores": scores, "labels": rng.permutation([0, 1, 2, 3, 0, 1])}


def _true(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    return scores[np.arange(len(scores)), labels]


def _lead(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    """Return how far each wrong class leads the true one, which itself has -inf."""
    lead = scores - _true(scores, labels)[:, np.newaxis]
    lead[np.arange(len(scores)), labels] = -np.inf
    return lead


def _one_hot(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return np.eye(scores.shape[1], dtype=scores.dtype)[labels]


def _masked_by(number: float, total: Callable[[FloatArray], Any]) -> Function:
    """Return the loss in which the score of the true class is replaced by a number."""

    def wrong(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
        rivals = np.where(_one_hot(scores, labels) > 0, scores.dtype.type(number), scores)
        return total(np.maximum(0, rivals - _true(scores, labels)[:, np.newaxis] + 1))

    return wrong


def _strongest(missing: FloatArray) -> Any:
    return missing.max(axis=1)


def _sum_of_squares(missing: FloatArray) -> Any:
    return (missing**2).sum(axis=1)


def _table(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    """Return the loss of each example's best rival against each example's true class."""
    true = _true(scores, labels)
    return np.maximum(0, np.subtract.outer(_lead(scores, labels).max(axis=1) + true, true) + 1)


_LOW_NUMBERS = -(10.0 ** np.arange(1, 13))
_LOW_HINT = (
    "That number is low, but how low are the scores here? Which number is below all others? Or "
    "could the true class be taken out after the subtraction?"
)


def _masked(total: Callable[[FloatArray], Any], question: str) -> list[Misconception]:
    """Return the mistakes of a loss in which the true class is masked by a number."""
    low = [
        Misconception("the true class masked by a number", _masked_by(number, total), _LOW_HINT)
        for number in _LOW_NUMBERS
    ]
    hint = (
        "A true class whose score is replaced by 0 is still there, as a rival with the score 0. "
        f"{question}"
    )
    return [*low, Misconception("the true class masked by 0", _masked_by(0, total), hint)]


_INDEX_HINT = (
    "Here labels holds the index of each true class, one number for each row, and no row of 0 and "
    "1. How do you pick from each row of scores the entry at its own index?"
)


hinge = array_suite(
    "hinge",
    "Check ``hinge(scores, labels)``: the loss of each row of scores, for class indices.",
    losses.hinge,
    {
        "a batch": _labeled,
        "right by a wide margin": _clear_cases,
        "all scores below 0": _below_zero,
        "all scores far below 0": _far_below_zero,
    },
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
        "That is another hinge loss. In that of the chapter, how many rivals count?",
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
        _EACH_HINT,
    ),
    Misconception(
        "the sum of all examples",
        lambda s, k: losses.hinge(s, k, "sum"),
        _EACH_HINT,
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: losses.hinge(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
    *_masked(_strongest, "Where all others are negative, who is the strongest?"),
    Misconception(
        "the best rival of the whole batch",
        lambda s, k: np.maximum(0, (_lead(s, k).T + _true(s, k)).max() - _true(s, k) + 1),
        "Each example has its own rivals. Along which axis is the maximum taken?",
    ),
    *(
        Misconception("labels taken for one-hot", wrong, _INDEX_HINT)
        for wrong in (
            lambda s, k: s * k,
            lambda s, k: np.where(k, -np.inf, s),
            lambda s, k: np.argmax(k, axis=1),
            lambda s, k: np.sum(k, axis=1),
        )
    ),
    Misconception(
        "a column in place of a row of losses",
        lambda s, k: losses.hinge(s, k)[:, np.newaxis],
        "Which line keeps an axis of length 1? With a row of numbers, a column makes a table.",
    ),
    *(
        Misconception(
            "a table of every example against every other",
            wrong,
            "A column and a row were combined, and broadcasting made a table. Which of the two has "
            "an axis too many?",
        )
        for wrong in (_table, lambda s, k: _table(s, k).T)
    ),
    Misconception(
        "a list in place of an array",
        lambda s, k: losses.hinge(s, k).tolist(),
        "A list cannot be added or averaged like an array. Which function of NumPy makes an array "
        "of it, and of which dtype?",
    ),
    Misconception(
        "float32 in place of float64",
        lambda s, k: losses.hinge(s, k).astype(np.float32),
        "The scores here are float64, and the losses should keep that. Which line asks for "
        "float32?",
    ),
)


def _some_clear_cases(rng: np.random.Generator) -> Arguments:
    labels = rng.permutation(4)
    lead = np.array([20, 20, 0, 0])[:, np.newaxis] * np.eye(4)[labels]
    return {"scores": rng.normal(size=(4, 4)) + lead, "labels": labels}


def _two_classes(rng: np.random.Generator) -> Arguments:
    return {"scores": rng.normal(size=(4, 2)), "labels": rng.permutation([0, 1, 0, 1])}


def _missing(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    """Return what the true class lacks to a lead of 1 over each other; over itself, nothing."""
    return np.maximum(0, _lead(scores, labels) + 1)


def _squared_hinge(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    return (_missing(scores, labels) ** 2).sum(axis=1)


_SUM_OF_SQUARES: dict[str, Inputs] = {
    "a batch": _labeled,
    "clear cases among others": _some_clear_cases,
    "two classes": _two_classes,
    "all scores far below 0": _far_below_zero,
}

squared_hinge = array_suite(
    "squared_hinge",
    "Check ``squared_hinge(scores, labels)``: of each row, the sum over all rivals.",
    _squared_hinge,
    _SUM_OF_SQUARES,
    Misconception(
        "the true class as a rival of its own",
        lambda s, k: _squared_hinge(s, k) + 1,
        "The loss should be 0 for a clear and right answer, and yours is never below 1. Over "
        "which classes does the sum run?",
    ),
    *_masked(_sum_of_squares, "What should it add to the sum?"),
    Misconception(
        "the strongest rival alone",
        lambda s, k: losses.hinge(s, k) ** 2,
        "How many rivals count here, and how many in the chapter's hinge?",
    ),
    Misconception(
        "the chapter's hinge",
        losses.hinge,
        "That is the loss of the chapter. What is done here with each shortfall, and with how many "
        "of them?",
    ),
    Misconception(
        "no square",
        lambda s, k: _missing(s, k).sum(axis=1),
        "By how much should the loss grow when every shortfall doubles?",
    ),
    Misconception(
        "the square of the sum",
        lambda s, k: _missing(s, k).sum(axis=1) ** 2,
        "Two rivals, and 1 is missing to each: is that 2 or 4? What comes first, sum or square?",
    ),
    Misconception(
        "the square of what is not missing",
        lambda s, k: ((s - _true(s, k)[:, np.newaxis] + 1) ** 2).sum(axis=1) - 1,
        "A square is never negative. What became of the rivals that are far behind?",
    ),
    Misconception(
        "no margin",
        lambda s, k: (np.maximum(0, _lead(s, k)) ** 2).sum(axis=1),
        "Is it enough to be ahead by a hair? By how much should the true class lead?",
    ),
    Misconception(
        "the mean over the classes",
        lambda s, k: _squared_hinge(s, k) / s.shape[1],
        "The formula has a sum. What would a mean make of a rival more that is far behind?",
    ),
    Misconception("the mean of all examples", lambda s, k: _squared_hinge(s, k).mean(), _EACH_HINT),
    Misconception(
        "off-by-one class",
        lambda s, k: _squared_hinge(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
)


def _from_slopes(slopes: FloatArray, labels: NDArray[np.intp]) -> Any:
    """Return the gradient of a mean, given the slope of each loss in the scores of the rivals."""
    slopes[np.arange(len(slopes)), labels] -= slopes.sum(axis=1)
    return slopes / len(slopes)


def _squared_hinge_gradient(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    return _from_slopes(2 * _missing(scores, labels), labels)


def _pushed(function: Function, arguments: Arguments) -> str:
    """Observe which rivals have a slope: not how large it is."""
    own = np.arange(len(arguments["labels"])), arguments["labels"].copy()
    output = np.array(function(*arguments.values()))
    if output.shape != arguments["scores"].shape:
        return f"returned an array of shape {output.shape}"
    output[own] = 0
    places = [[int(i) for i in place] for place in np.argwhere(output)]
    return f"pushed the rivals at {', '.join(map(str, places)) or 'no index'}"


_PUSHES = (
    Misconception(
        "the gradient of the sum over the batch",
        lambda s, k: _squared_hinge_gradient(s, k) * len(s),
        "The loss is a mean over the examples. How much of it belongs to one row?",
    ),
    Misconception(
        "a mean over the classes too",
        lambda s, k: _squared_hinge_gradient(s, k) / s.shape[1],
        "The loss is a mean over the examples. By what is it divided, and by what is it not?",
    ),
    Misconception(
        "the wrong sign",
        lambda s, k: -_squared_hinge_gradient(s, k),
        "The gradient points to where the loss grows. Should it grow with the true score?",
    ),
    Misconception(
        "the 2 of the square",
        lambda s, k: _squared_hinge_gradient(s, k) / 2,
        "How steep is the parabola at 3? Compare with the loss a little to the left and right.",
    ),
    Misconception(
        "the true class left out",
        lambda s, k: _squared_hinge_gradient(s, k) * (1 - _one_hot(s, k)),
        "The true score stands in every term of the sum. What should the entries of a row add up "
        "to, if a common shift of its scores changes nothing?",
    ),
    Misconception(
        "one rival's share for the true class",
        lambda s, k: (
            (2 * (_missing(s, k) - _missing(s, k).max(axis=1, keepdims=True) * _one_hot(s, k)))
            / len(s)
        ),
        "In how many terms of the sum does the true score stand? What should the entries of a row "
        "add up to?",
    ),
    Misconception(
        "the slope of a hinge without the square",
        lambda s, k: _from_slopes(np.sign(_missing(s, k)), k),
        "Should a rival that is far ahead be pushed harder than one that is just too near?",
    ),
    Misconception(
        "the gradient of the chapter's hinge",
        lambda s, k: losses.hinge.gradient(s, k, "mean"),
        "How many rivals does that push? And how many stand in this loss?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: _squared_hinge_gradient(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
)

squared_hinge_gradient = Suite(
    "squared_hinge_gradient",
    "Check ``squared_hinge_gradient(scores, labels)``: of the mean over the batch, in the scores.",
    [
        *array_checks(_squared_hinge_gradient, _SUM_OF_SQUARES, *_PUSHES),
        Check(
            "zeros where nothing is missing",
            _some_clear_cases,
            _squared_hinge_gradient,
            (),
            _pushed,
        ),
    ],
)


def _votes(*shape: int) -> Inputs:
    return lambda rng: {"scores": 2 * rng.normal(size=shape), "shares": rng.uniform(size=shape)}


def _scored(*pairs: tuple[float, float]) -> Inputs:
    return lambda _: dict(zip(("scores", "shares"), np.array(pairs, np.float64).T, strict=True))


def _vote_cross_entropy(scores: FloatArray, shares: FloatArray) -> Any:
    return shares * activations.softplus(-scores) + (1 - shares) * activations.softplus(scores)


vote_cross_entropy = array_suite(
    "vote_cross_entropy",
    "Check ``vote_cross_entropy(scores, shares)``: the loss of each score, for a share of yes.",
    _vote_cross_entropy,
    {
        "a batch of rows": _votes(3, 4),
        "one row": _votes(5),
        "three axes": _votes(2, 3, 4),
        "large scores": _scored((1000, 0.25), (-1000, 1), (800, 1), (-900, 0.5)),
        "small losses": _scored((30, 1), (-32, 0), (35, 1), (-31, 0)),
    },
    Misconception(
        "exp overflows",
        lambda s, y: np.log(1 + np.exp(s)) - y * s,
        "What is exp(1000) in floats? nnlib.softplus does not form it.",
    ),
    Misconception(
        "1 swallows what is added to it",
        lambda s, y: (
            y * (np.maximum(-s, 0) + np.log(1 + np.exp(-np.abs(s))))
            + (1 - y) * (np.maximum(s, 0) + np.log(1 + np.exp(-np.abs(s))))
        ),
        "What is 1 + 1e-18 in floats, and its logarithm? NumPy has a function that is never given "
        "the sum.",
    ),
    Misconception(
        "the logarithm of a rounded sigmoid",
        lambda s, y: (
            -y * np.log(activations.sigmoid(s)) - (1 - y) * np.log(1 - activations.sigmoid(s))
        ),
        "At a score of 1000 the sigmoid is 1 in floats, and 1 minus that is 0. What becomes of "
        "logarithm and exponential on paper, before any number is put in?",
    ),
    Misconception(
        "digits canceled",
        lambda s, y: activations.softplus(s) - y * s,
        "At a score of 30 two numbers near 30 are subtracted, to give one near 1e-13. Which form "
        "has no subtraction?",
    ),
    Misconception(
        "the share as a sign",
        lambda s, y: activations.softplus((1 - 2 * y) * s),
        "That is right where all say yes, or all no. What does it give for a share of one half, "
        "and what should a large score cost there?",
    ),
    Misconception(
        "the share rounded to yes or no",
        lambda s, y: _vote_cross_entropy(s, np.greater(y, 0.5).astype(y.dtype)),
        "If 3 of 5 say yes, is that the same as 5 of 5?",
    ),
    Misconception(
        "yes and no exchanged",
        lambda s, y: _vote_cross_entropy(s, 1 - y),
        "If all say yes, should a large score cost much or little?",
    ),
    Misconception(
        "the no left out",
        lambda s, y: y * activations.softplus(-s),
        "If all say no, what does a large score cost? The sum has two terms.",
    ),
    Misconception(
        "the wrong sign",
        lambda s, y: -_vote_cross_entropy(s, y),
        "A probability is at most 1. Which sign has its logarithm, and which a loss?",
    ),
    Misconception(
        "a logarithm of base 2",
        lambda s, y: _vote_cross_entropy(s, y) / np.log(2),
        BASE_HINT,
    ),
    Misconception(
        "the mean of all",
        lambda s, y: _vote_cross_entropy(s, y).mean(),
        "What shape should come out, if every score has its own loss?",
    ),
    Misconception(
        "the sum of each row",
        lambda s, y: _vote_cross_entropy(s, y).sum(axis=-1),
        "What shape should come out, if every score has its own loss?",
    ),
    Misconception(
        "the gradient",
        lambda s, y: activations.sigmoid(s) - y,
        "That is how steep the loss is. How large is it?",
    ),
)
