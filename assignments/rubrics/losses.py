"""The assignment on losses: hinge, softmax and its logarithm, cross-entropy, KL."""

from dataclasses import replace

import numpy as np
from grading.rubric import Item, Part, Rubric
from scipy.special import xlogy

import nnlib
from nnlib import check
from nnlib.check import Misconception, named


def again(checks, like, name, inputs, *misconceptions):
    """Return one of the checks with inputs that the public ones do not have."""
    (one,) = named(checks, like)
    known = (*misconceptions, *one.misconceptions)
    return replace(one, name=name, inputs=inputs, misconceptions=known)


def careful(checks, *others):
    return Part(1, "careful", [*named(checks, "float32 stays float32", KEPT), *others])


KEPT = "the arguments stay as they were"
LARGE, FAR_APART = "large scores", "rows far apart"
INFINITE = "what the model calls impossible"


# --- inputs ---------------------------------------------------------------------------------------


def below_zero(rng):
    return {"scores": rng.normal(size=(5, 3)) - 50, "labels": rng.integers(3, size=5)}


def more_large(rng):
    return {"scores": rng.integers(-9, 9, size=4) + 1e4 * np.sign(rng.normal())}


def more_apart(rng):
    return {"scores": rng.normal(size=(3, 4)) + 1e4 * rng.permutation([[-1], [0], [1]])}


def labeled(inputs):
    return lambda rng: {
        "scores": (scores := np.atleast_2d(inputs(rng)["scores"])),
        "labels": rng.integers(scores.shape[1], size=len(scores)),
    }


def one_row(rng):
    return {"scores": rng.normal(size=(1, 4)), "labels": rng.integers(4, size=1)}


def far_behind(rng):
    labels = rng.integers(3, size=2)
    return {"scores": rng.normal(size=(2, 3)) - 900 * np.eye(3)[labels], "labels": labels}


def impossible(rng):
    y, p = rng.dirichlet(np.full(3, 3)), rng.dirichlet(np.full(2, 3))
    return {"y": y, "p": rng.permutation(np.append(p, 0))}


# --- items ----------------------------------------------------------------------------------------


def cross_entropy(y, p):
    """Return what a student's function would, also where the arguments are no distributions."""
    return np.where(y > 0, -xlogy(y, p), 0).sum(axis=-1)


def masked_by_zero(scores, labels):
    own = np.eye(scores.shape[1])[labels]
    true = (own * scores).sum(axis=1)
    return np.maximum(0, ((1 - own) * scores).max(axis=1) - true + 1)


HINGE = Item(
    "hinge",
    [
        Part(
            2, "the loss of each example", named(check.HINGE, "a batch", "right by a wide margin")
        ),
        Part(
            1,
            "scores of any sign",
            [
                again(
                    check.HINGE,
                    "a batch",
                    "all scores below 0",
                    below_zero,
                    Misconception(
                        "the true class masked by 0",
                        masked_by_zero,
                        "Where all scores are below 0, which class has the largest after that?",
                    ),
                )
            ],
        ),
        careful(check.HINGE),
    ],
)


def along_the_last_axis(name, checks, values, needs):
    """Return the item of softmax or of its logarithm."""
    large = [
        *named(checks, LARGE, FAR_APART),
        again(checks, LARGE, "more large scores", more_large),
        again(checks, FAR_APART, "more rows far apart", more_apart),
    ]
    return Item(name, [*values, Part(2, "scores of any size", large), careful(checks)], needs)


SOFTMAX = along_the_last_axis(
    "softmax",
    check.SOFTMAX,
    [
        Part(1, "a batch", named(check.SOFTMAX, "a batch of rows")),
        Part(1, "any number of axes", named(check.SOFTMAX, "one row", "three axes")),
    ],
    {},
)
LOG_SOFTMAX = along_the_last_axis(
    "log_softmax",
    check.LOG_SOFTMAX,
    [
        Part(
            1, "the logarithm", named(check.LOG_SOFTMAX, "a batch of rows", "one row", "three axes")
        )
    ],
    {"softmax": nnlib.softmax},
)


def of_distributions(name, checks, needs):
    """Return the item of a measure of two distributions."""
    neither, *infinite = named(checks, "a class that neither expects", INFINITE)
    again_infinite = again(checks, INFINITE, "another impossible class", impossible)
    kept = again(checks, KEPT, "zeros stay as they were", neither.inputs)
    values = named(checks, "a batch of rows", "one row", "three axes")
    parts = [
        Part(1, "the sum over classes", values),
        Part(1, "probabilities of 0", [neither, *infinite, again_infinite]),
        careful(checks, kept),
    ]
    return Item(name, parts, needs)


def of_a_batch(name, checks, values, needs):
    """Return the item of the softmax cross-entropy or of its gradient."""
    large = [
        *named(checks, LARGE, FAR_APART, "a true class far behind"),
        again(checks, LARGE, "more large scores", labeled(more_large)),
        again(checks, FAR_APART, "more rows far apart", labeled(more_apart)),
        again(checks, "a true class far behind", "others far behind", far_behind),
    ]
    return Item(name, [*values, Part(1, "scores of any size", large), careful(checks)], needs)


BUILDS_ON = {"softmax": nnlib.softmax, "log_softmax": nnlib.log_softmax}
SOFTMAX_CROSS_ENTROPY = of_a_batch(
    "softmax_cross_entropy",
    check.SOFTMAX_CROSS_ENTROPY,
    [
        Part(1, "one example", [again(check.SOFTMAX_CROSS_ENTROPY, "a batch", "a row", one_row)]),
        Part(1, "the mean of a batch", named(check.SOFTMAX_CROSS_ENTROPY, "a batch")),
    ],
    BUILDS_ON,
)
SOFTMAX_CROSS_ENTROPY_GRADIENT = of_a_batch(
    "softmax_cross_entropy_gradient",
    check.SOFTMAX_CROSS_ENTROPY_GRADIENT,
    [Part(1, "a batch", named(check.SOFTMAX_CROSS_ENTROPY_GRADIENT, "a batch"))],
    BUILDS_ON,
)

RUBRIC = Rubric(
    "losses",
    items=(
        HINGE,
        SOFTMAX,
        LOG_SOFTMAX,
        of_distributions("cross_entropy", check.CROSS_ENTROPY, {}),
        of_distributions("kl_divergence", check.KL_DIVERGENCE, {"cross_entropy": cross_entropy}),
        SOFTMAX_CROSS_ENTROPY,
        SOFTMAX_CROSS_ENTROPY_GRADIENT,
    ),
    written={"written-promises": 4},
    allowed=("numpy",),
)
