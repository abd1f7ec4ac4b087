"""Checks of softmax and of the measures of information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
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

__all__ = [
    "cross_entropy",
    "jensen_shannon",
    "kl_divergence",
    "log_softmax",
    "masked_log_softmax",
    "softmax",
    "softmax_or_none",
]

_SCORES: Mapping[str, Inputs] = {
    "a batch of rows": normal("scores", 3, 4),
    "one row": normal("scores", 5),
    "three axes": normal("scores", 2, 3, 4),
    "large scores": fixed("scores", 1000, 2000, 3000),
    "rows far apart": fixed("scores", [0, 1, 2], [2000, 2001, 2003]),
}

_BELOW_ZERO = {"all far below 0": fixed("scores", [-50, -52, -51], [-1000, -1001, -999])}

_AXIS_HINT = (
    "Every row is one example and its classes lie along the last axis. Which sums should be 1?"
)
_SHIFT_HINT = (
    "What is exp(1000) in floats, and inf / inf? Which number can be taken from all scores of a "
    "row without changing the result?"
)
_ROW_MAXIMUM_HINT = (
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
        _SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a: np.exp(a - a.max()) / np.exp(a - a.max()).sum(axis=-1, keepdims=True),
        _ROW_MAXIMUM_HINT,
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
        _SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of an overflow",
        lambda a: np.log(np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)),
        _SHIFT_HINT,
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
        _ROW_MAXIMUM_HINT,
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


def _softmax_or_none(scores: FloatArray) -> Any:
    top = np.maximum(scores.max(axis=-1, keepdims=True), 0)
    e = np.exp(scores - top)
    return e / (np.exp(-top) + e.sum(axis=-1, keepdims=True))


softmax_or_none = array_suite(
    "softmax_or_none",
    "Check ``softmax_or_none(scores)`` along the last axis, at scores of any size.",
    _softmax_or_none,
    {**_SCORES, **_BELOW_ZERO},
    Misconception(
        "no shift before exp",
        lambda a: np.exp(a) / (1 + np.exp(a).sum(axis=-1, keepdims=True)),
        "What is exp(1000) in floats, and inf / inf? By which number can all terms above and below "
        "be divided without changing the result?",
    ),
    Misconception(
        "the 1 not shifted",
        lambda a: _exp(a) / (1 + _exp(a).sum(axis=-1, keepdims=True)),
        "Whatever divides the exponentials has to divide every term below. Which term did you "
        "leave as it was?",
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a: (
            np.exp(a - a.max())
            / (np.exp(-a.max()) + np.exp(a - a.max()).sum(axis=-1, keepdims=True))
        ),
        _ROW_MAXIMUM_HINT,
    ),
    Misconception(
        "softmax itself",
        probability.softmax,
        "Your rows add up to 1. What is then left for none of them?",
    ),
    Misconception(
        "none returned too",
        lambda a: probability.softmax(np.insert(a, a.shape[-1], 0, axis=-1)),
        "How many classes went in, and how many numbers of a row came out?",
    ),
    Misconception(
        "a sigmoid of every score",
        activations.sigmoid,
        "What do the probabilities of a row add up to, with two large scores? Each has to know of "
        "the others.",
    ),
    Misconception(
        "the sign of the scores",
        lambda a: _softmax_or_none(-a),
        "Which class should be the most probable, that of the largest score or of the smallest?",
    ),
    Misconception(
        "the sum of the whole array",
        lambda a: np.exp(a) / (1 + np.exp(a).sum()),
        "How many distributions should come out of a batch, and what should the scores of one row "
        "have to do with another?",
    ),
    Misconception(
        "the wrong axis",
        lambda a: np.moveaxis(_softmax_or_none(np.moveaxis(a, 0, -1)), -1, 0),
        _AXIS_HINT,
    ),
    Misconception(
        "a 1 for every class",
        lambda a: np.exp(a) / (1 + np.exp(a)).sum(axis=-1, keepdims=True),
        "How often does none of them stand below? Mind what the sum runs over.",
    ),
)


def _half_possible(*shape: int) -> Inputs:
    def inputs(rng: np.random.Generator) -> Arguments:
        every_other = np.broadcast_to(np.arange(shape[-1]) % 2 == 0, shape)
        return {
            "scores": 2 * rng.normal(size=shape),
            "possible": rng.permuted(every_other, axis=-1),
        }

    return inputs


def _ruled_out(scores: Sequence[Any], possible: Sequence[Any]) -> Inputs:
    return lambda _: {"scores": np.array(scores, np.float64), "possible": np.array(possible, bool)}


def _one_or_all(rng: np.random.Generator) -> Arguments:
    one = np.arange(4) == rng.integers(4)
    return {"scores": 2 * rng.normal(size=(2, 4)), "possible": np.array([one, one | True])}


def _masked_log_softmax(scores: FloatArray, possible: NDArray[np.bool_]) -> Any:
    return probability.log_softmax(np.where(possible, scores, -np.inf))


def _masked(value: Any, possible: NDArray[np.bool_]) -> Any:
    return np.where(possible, value, -np.inf)


def _sum_of_possible(e: FloatArray, possible: NDArray[np.bool_]) -> Any:
    return np.where(possible, e, 0).sum(axis=-1, keepdims=True)


masked_log_softmax = array_suite(
    "masked_log_softmax",
    "Check ``masked_log_softmax(scores, possible)`` along the last axis, at scores of any size.",
    _masked_log_softmax,
    {
        "a batch of rows": _half_possible(3, 4),
        "one row": _half_possible(5),
        "three axes": _half_possible(2, 3, 4),
        "one class possible, or all": _one_or_all,
        "large scores": _ruled_out([1000, 2000, 30], [1, 1, 0]),
        "rows far apart": _ruled_out([[0, 1, 2], [2000, 2001, 2003]], [[1, 1, 0], [0, 1, 1]]),
        "an impossible class far ahead": _ruled_out([0, 1, 3000, 2], [1, 1, 0, 1]),
    },
    Misconception(
        "no shift before exp",
        lambda a, possible: _masked(a - np.log(_sum_of_possible(np.exp(a), possible)), possible),
        _SHIFT_HINT,
    ),
    Misconception(
        "the maximum of an impossible class",
        lambda a, possible: _masked(
            a - a.max(axis=-1, keepdims=True) - np.log(_sum_of_possible(_exp(a), possible)),
            possible,
        ),
        "One class far ahead makes the exponentials of all the others 0. Should a class that is "
        "ruled out set the scale?",
    ),
    Misconception(
        "the logarithm of a softmax that is 0",
        lambda a, possible: np.log(probability.softmax(_masked(a, possible))),
        "A probability may be too small for a float, its logarithm is not. What becomes of log and "
        "exp on paper, before any number is put in?",
    ),
    Misconception(
        "the impossible classes in the sum",
        lambda a, possible: _masked(probability.log_softmax(a), possible),
        "What should the exponentials of the possible classes add up to? Over which classes does "
        "the sum run?",
    ),
    Misconception(
        "the impossible scores set to 0",
        lambda a, possible: probability.log_softmax(a * possible),
        "A score of 0 is a score like any other. Which score gives the probability 0?",
    ),
    Misconception(
        "a large number for infinity",
        lambda a, possible: np.where(possible, _masked_log_softmax(a, possible), -1e9),
        "Impossible is impossible. What is the logarithm of exactly 0?",
    ),
    Misconception(
        "no mask",
        lambda a, possible: probability.log_softmax(a),
        "What did your function do with its second argument?",
    ),
    Misconception(
        "the mask turned around",
        lambda a, possible: _masked_log_softmax(a, ~possible),
        "True means that a class is possible. Which ones did you rule out?",
    ),
    Misconception(
        "no logarithm",
        lambda a, possible: probability.softmax(_masked(a, possible)),
        "The logarithm of a probability is never positive. Where is it taken?",
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a, possible: _masked(
            a - a.max() - np.log(_sum_of_possible(np.exp(a - a.max()), possible)), possible
        ),
        _ROW_MAXIMUM_HINT,
    ),
    Misconception(
        "the wrong axis",
        lambda a, possible: probability.log_softmax(_masked(a, possible), axis=0),
        _AXIS_HINT,
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


def _of_terms(right: Function, terms: Function) -> tuple[Misconception, ...]:
    """Return the mistakes in a sum over classes, given also its terms."""
    return (
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


_PAIRS: Mapping[str, Inputs] = {
    "a batch of rows": _distributions(3, 4),
    "one row": _distributions(5),
    "three axes": _distributions(2, 3, 4),
    "a class that neither expects": _zeros_in_both,
}


def _information_suite(
    name: str, about: str, right: Function, terms: Function, *misconceptions: Misconception
) -> Suite:
    """Return the suite of a measure that depends on the order, given also its terms."""
    known = (
        *misconceptions,
        Misconception(
            "the arguments in the other order",
            lambda y, p: right(p, y),
            "One distribution is the truth and the other the model. Which of them weighs the "
            "terms, and of which is the logarithm taken?",
        ),
        *_of_terms(right, terms),
    )
    bounded = Misconception(
        "a bounded logarithm",
        lambda y, p: terms(y, p + 1e-12).sum(axis=-1),
        "What does it cost to call impossible what then happens? A small number added to the "
        "probability, or a clip, hides that.",
    )
    impossible = Check("what the model calls impossible", _impossible, right, [bounded], _infinite)
    return Suite(name, about, [*array_checks(right, _PAIRS, *known), impossible])


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


def _shannon_terms(y: FloatArray, p: FloatArray) -> Any:
    return (rel_entr(y, (y + p) / 2) + rel_entr(p, (y + p) / 2)) / 2


def _jensen_shannon(y: FloatArray, p: FloatArray) -> Any:
    # In float32 terms of either sign would leave fewer digits than are compared.
    exact = _shannon_terms(y.astype(np.float64), p.astype(np.float64)).sum(axis=-1)
    return exact.astype(y.dtype)


_SHANNONS = array_checks(
    _jensen_shannon,
    {**_PAIRS, "nothing in common": lambda _: {"y": np.array([1.0, 0]), "p": np.array([0, 1.0])}},
    _zero_log_zero(
        lambda y, p: (y * np.log(2 * y / (y + p)) + p * np.log(2 * p / (y + p))).sum(axis=-1) / 2
    ),
    Misconception(
        "the mean of both directions",
        lambda y, p: (probability.kl_divergence(y, p) + probability.kl_divergence(p, y)) / 2,
        "That is infinite as soon as one calls impossible what the other expects. From what is "
        "each of the two measured here?",
    ),
    Misconception(
        "one half of the sum",
        lambda y, p: rel_entr(y, (y + p) / 2).sum(axis=-1),
        "What does yours give when the arguments change places, and what should it?",
    ),
    Misconception(
        "no half",
        lambda y, p: 2 * _jensen_shannon(y, p),
        "How far apart are (1, 0) and (0, 1)? The largest value should be log 2.",
    ),
    Misconception(
        "the sum in place of the middle",
        lambda y, p: _jensen_shannon(y, p) - np.log(2),
        "Is it 0 for a distribution and itself? What do the entries of the middle add up to?",
    ),
    Misconception(
        "the middle in first place",
        lambda y, p: (rel_entr((y + p) / 2, y) + rel_entr((y + p) / 2, p)).sum(axis=-1) / 2,
        "Is it finite where one calls impossible what the other expects? Which distribution weighs "
        "the terms?",
    ),
    Misconception(
        "its square root",
        lambda y, p: np.sqrt(_jensen_shannon(y, p)),
        "That is a distance of its own name. What does the formula give for (1, 0) and (0, 1)?",
    ),
    Misconception(
        "the divergence of the chapter",
        probability.kl_divergence,
        "What does yours give when the arguments change places, and what should it?",
    ),
    *_of_terms(_jensen_shannon, _shannon_terms),
)

jensen_shannon = Suite(
    "jensen_shannon",
    "Check ``jensen_shannon(y, p)`` in nats, along the last axis.",
    # Zeros are what somebody may write over.
    [*_SHANNONS[:-1], replace(_SHANNONS[-1], inputs=_zeros_in_both)],
)
