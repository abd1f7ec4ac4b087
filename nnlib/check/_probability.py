"""Checks of softmax and of the measures of information."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.special import rel_entr, xlogy

from nnlib import activations, probability
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
    fixed,
    normal,
)

__all__ = ["cross_entropy", "kl_divergence", "log_softmax", "softmax"]

_SCORES: Mapping[str, Inputs] = {
    "a batch of rows": normal("scores", 3, 4),
    "one row": normal("scores", 5),
    "three axes": normal("scores", 2, 3, 4),
    "large scores": fixed("scores", 1000, 2000, 3000),
    "rows far apart": fixed("scores", [0, 1, 2], [2000, 2001, 2003]),
}

_AXIS_HINT = (
    "Every row is one example and its classes lie along the last axis. Which sums should be 1?"
)
SHIFT_HINT = (
    "What is exp(1000) in floats, and inf / inf? Which number can be taken from all scores of a "
    "row without changing the result?"
)
ROW_MAXIMUM_HINT = (
    "One large row makes the exponentials of all the others 0. Whose maximum does each row need?"
)
BASE_HINT = "The book measures in nats. Which logarithm and which exponential belong to them?"


def _exp(a: FloatArray) -> Any:
    """Return exp(a) over its largest in every row, which no quotient of a row notices."""
    return np.exp(a - a.max(axis=-1, keepdims=True))


softmax = array_suite(
    "softmax",
    "Check ``softmax(scores)`` along the last axis, at scores of any size.",
    probability.softmax,
    _SCORES,
    Misconception(
        "no shift before exp",
        lambda a: np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True),
        SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a: np.exp(a - a.max()) / np.exp(a - a.max()).sum(axis=-1, keepdims=True),
        ROW_MAXIMUM_HINT,
    ),
    Misconception("the wrong axis", partial(probability.softmax, axis=0), _AXIS_HINT),
    Misconception(
        "axis 1 in place of the last",
        lambda a: (
            np.exp(a - a.max(axis=1, keepdims=True))
            / np.exp(a - a.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
        ),
        "One row has a single axis and a stack of batches three. Which number names the last axis "
        "of all of them?",
    ),
    Misconception(
        "the sum of the whole array",
        lambda a: np.exp(a - a.max()) / np.exp(a - a.max()).sum(),
        "How many distributions should come out of a batch, and what is the sum of each?",
    ),
    Misconception(
        "softmax twice",
        lambda a: probability.softmax(probability.softmax(a)),
        "Probabilities are no scores: a second softmax flattens them. Where is the other one?",
    ),
    Misconception(
        "scores divided by their sum",
        lambda a: a / a.sum(axis=-1, keepdims=True),
        "May a probability be negative? What makes every score a positive number?",
    ),
    Misconception(
        "mean for sum",
        lambda a: probability.softmax(a) * a.shape[-1],
        "What should the probabilities of a row add up to?",
    ),
    Misconception(
        "maximum for sum",
        _exp,
        "What should the probabilities of a row add up to? Is the largest always 1?",
    ),
    Misconception("powers of 2", lambda a: probability.softmax(a * np.log(2)), BASE_HINT),
    Misconception(
        "the sign of the scores",
        lambda a: probability.softmax(-a),
        "Which class should be the most probable, that of the largest score or of the smallest?",
    ),
    Misconception(
        "a sigmoid of every score",
        activations.sigmoid,
        "Do the probabilities of a row add up to 1? Each has to know of the others.",
    ),
    Misconception(
        "log-softmax",
        probability.log_softmax,
        "May a probability be negative?",
    ),
)

log_softmax = array_suite(
    "log_softmax",
    "Check ``log_softmax(scores)`` along the last axis, at scores of any size.",
    probability.log_softmax,
    _SCORES,
    Misconception(
        "no shift before exp",
        lambda a: a - np.log(np.exp(a).sum(axis=-1, keepdims=True)),
        SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of an overflow",
        lambda a: np.log(np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)),
        SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of a softmax that is 0",
        lambda a: np.log(probability.softmax(a)),
        "A probability may be too small for a float, its logarithm is not. What becomes of log and "
        "exp on paper, before any number is put in?",
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a: a - a.max() - np.log(np.exp(a - a.max()).sum(axis=-1, keepdims=True)),
        ROW_MAXIMUM_HINT,
    ),
    Misconception(
        "the shift counted once",
        lambda a: a - np.log(_exp(a).sum(axis=-1, keepdims=True)),
        "The maximum was taken from the scores inside the sum. Where else does it belong?",
    ),
    Misconception("the wrong axis", partial(probability.log_softmax, axis=0), _AXIS_HINT),
    Misconception(
        "the sum of the whole array",
        lambda a: a - probability.log_sum_exp(a.ravel()),
        "How many distributions should come out of a batch, and what is the sum of each?",
    ),
    Misconception(
        "softmax twice",
        lambda a: probability.log_softmax(probability.softmax(a)),
        "Probabilities are no scores. Which softmax is one too many?",
    ),
    Misconception(
        "no logarithm",
        probability.softmax,
        "The logarithm of a probability is never positive. Where is it taken?",
    ),
    Misconception(
        "a logarithm of base 2",
        lambda a: probability.log_softmax(a) / np.log(2),
        BASE_HINT,
    ),
    Misconception(
        "mean for sum",
        lambda a: probability.log_softmax(a) + np.log(a.shape[-1]),
        "What should the exponentials of the results of a row add up to?",
    ),
    Misconception(
        "the wrong sign",
        lambda a: -probability.log_softmax(a),
        "A probability is at most 1. Which sign has its logarithm?",
    ),
)


def _distributions(*shape: int) -> Inputs:
    *rows, classes = shape
    return lambda rng: {name: rng.dirichlet(np.full(classes, 3), rows) for name in ("y", "p")}


def _zeros_in_both(rng: np.random.Generator) -> Arguments:
    y, p = rng.dirichlet(np.full(3, 3), 2)
    return {"y": np.insert(y, 1, 0), "p": np.insert(p, 1, 0)}


def _impossible(rng: np.random.Generator) -> Arguments:
    return {"y": np.array([0.5, 0.5]), "p": np.array([1.0, 0.0])}


def _infinite(function: Function, arguments: Arguments) -> str:
    output = float(function(*arguments.values()))
    return f"returned {'a finite number' if np.isfinite(output) else output}"


def _information_suite(
    name: str, about: str, right: Function, terms: Function, *misconceptions: Misconception
) -> Suite:
    """Return the suite of a sum over classes, given also its terms."""
    known = (
        *misconceptions,
        Misconception(
            "the arguments in the other order",
            lambda y, p: right(p, y),
            "One distribution is the truth and the other the model. Which of them weighs the "
            "terms, and of which is the logarithm taken?",
        ),
        Misconception(
            "a logarithm of base 2",
            lambda y, p: right(y, p) / np.log(2),
            BASE_HINT,
        ),
        Misconception(
            "the wrong sign",
            lambda y, p: -right(y, p),
            "Is the logarithm of a probability positive or negative? And the result?",
        ),
        Misconception(
            "mean for sum over the classes",
            lambda y, p: right(y, p) / y.shape[-1],
            "The terms are weighed by probabilities already. What does a division do to that?",
        ),
        Misconception(
            "the sum over the whole batch",
            lambda y, p: right(y, p).sum(),
            "How many pairs of distributions went in, and how many numbers should come out?",
        ),
        Misconception(
            "the mean over the whole batch",
            lambda y, p: right(y, p).mean(),
            "How many pairs of distributions went in, and how many numbers should come out?",
        ),
        Misconception(
            "the wrong axis",
            lambda y, p: terms(y, p).sum(axis=0),
            _AXIS_HINT,
        ),
    )
    inputs = {
        "a batch of rows": _distributions(3, 4),
        "one row": _distributions(5),
        "three axes": _distributions(2, 3, 4),
        "a class that neither expects": _zeros_in_both,
    }
    bounded = Misconception(
        "a bounded logarithm",
        lambda y, p: terms(y, p + 1e-12).sum(axis=-1),
        "What does it cost to call impossible what then happens? A small number added to the "
        "probability, or a clip, hides that.",
    )
    impossible = Check("what the model calls impossible", _impossible, right, [bounded], _infinite)
    return Suite(name, about, [*array_checks(right, inputs, *known), impossible])


def _zero_log_zero(wrong: Function) -> Misconception:
    return Misconception(
        "0 log 0",
        wrong,
        "What is 0 times log 0 in floats, and which number does the book's convention say it is? "
        "Which classes should be left out of the sum?",
    )


cross_entropy = _information_suite(
    "cross_entropy",
    "Check ``cross_entropy(y, p)`` in nats, along the last axis.",
    probability.cross_entropy,
    lambda y, p: -xlogy(y, p),
    _zero_log_zero(lambda y, p: -(y * np.log(p)).sum(axis=-1)),
    Misconception(
        "the KL divergence",
        probability.kl_divergence,
        "What is the cross-entropy of a distribution with itself: 0, or its entropy?",
    ),
    Misconception(
        "softmax of what are probabilities already",
        lambda y, p: probability.cross_entropy(y, probability.softmax(p)),
        "p holds probabilities, not scores. What does a softmax do to them?",
    ),
)

kl_divergence = _information_suite(
    "kl_divergence",
    "Check ``kl_divergence(y, p)`` in nats, along the last axis.",
    probability.kl_divergence,
    rel_entr,
    _zero_log_zero(lambda y, p: (y * np.log(y / p)).sum(axis=-1)),
    Misconception(
        "the cross-entropy",
        probability.cross_entropy,
        "What should the divergence of a distribution from itself be? What is there too much?",
    ),
    Misconception(
        "the mean of both directions",
        lambda y, p: (probability.kl_divergence(y, p) + probability.kl_divergence(p, y)) / 2,
        "The KL divergence is no distance. Should it be the same in both directions?",
    ),
)
