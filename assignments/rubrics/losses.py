"""The assignment on losses: hinge, softmax and its logarithm, cross-entropy, KL."""

from dataclasses import replace

import numpy as np
from grading.rubric import KEPT, Item, Part, Rubric

from nnlib import check
from nnlib.check import Misconception


def careful(suite, *others):
    return Part(1, "careful", [*suite.select(*KEPT), *others])


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


def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(scores):
    below = scores - scores.max(axis=-1, keepdims=True)
    return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))


# --- items ----------------------------------------------------------------------------------------


def cross_entropy(y, p):
    """Return what a student's function would, also where the arguments are no distributions."""
    return -np.where(y > 0, y * np.log(np.where(y > 0, p, 1)), 0).sum(axis=-1)


def masked_by_zero(scores, labels):
    own = np.eye(scores.shape[1])[labels]
    true = (own * scores).sum(axis=1)
    return np.maximum(0, ((1 - own) * scores).max(axis=1) - true + 1)


MASKED = Misconception(
    "the true class masked by 0",
    masked_by_zero,
    "Where all scores are below 0, which class has the largest after that?",
)
BELOW_ZERO = replace(
    check.hinge["a batch"],
    name="all scores below 0",
    inputs=below_zero,
    misconceptions=(MASKED, *check.hinge["a batch"].misconceptions),
)
HINGE = Item(
    "hinge",
    [
        Part(
            2, "the loss of each example", check.hinge.select("a batch", "right by a wide margin")
        ),
        Part(1, "scores of any sign", [BELOW_ZERO]),
        careful(check.hinge),
    ],
)


def along_the_last_axis(suite, values, needs):
    """Return the item of softmax or of its logarithm."""
    large, apart = suite.select("large scores", "rows far apart")
    checks = [
        large,
        apart,
        replace(large, name="more large scores", inputs=more_large),
        replace(apart, name="more rows far apart", inputs=more_apart),
    ]
    parts = [*values, Part(2, "scores of any size", checks), careful(suite)]
    return Item(suite.name, parts, needs)


SOFTMAX = along_the_last_axis(
    check.softmax,
    [
        Part(1, "a batch", [check.softmax["a batch of rows"]]),
        Part(1, "any number of axes", check.softmax.select("one row", "three axes")),
    ],
    {},
)
LOG_SOFTMAX = along_the_last_axis(
    check.log_softmax,
    [
        Part(
            1,
            "the logarithm",
            check.log_softmax.select("a batch of rows", "one row", "three axes"),
        )
    ],
    {"softmax": softmax},
)


def of_distributions(suite, needs):
    """Return the item of a measure of two distributions."""
    neither = suite["a class that neither expects"]
    infinite = suite["what the model calls impossible"]
    another = replace(infinite, name="another impossible class", inputs=impossible)
    unchanged = suite["the arguments stay as they were"]
    zeros = replace(unchanged, name="zeros stay as they were", inputs=neither.inputs)
    parts = [
        Part(1, "the sum over classes", suite.select("a batch of rows", "one row", "three axes")),
        Part(1, "probabilities of 0", [neither, infinite, another]),
        careful(suite, zeros),
    ]
    return Item(suite.name, parts, needs)


def of_a_batch(suite, values, needs):
    """Return the item of the softmax cross-entropy or of its gradient."""
    large, apart, behind = suite.select("large scores", "rows far apart", "a true class far behind")
    checks = [
        large,
        apart,
        behind,
        replace(large, name="more large scores", inputs=labeled(more_large)),
        replace(apart, name="more rows far apart", inputs=labeled(more_apart)),
        replace(behind, name="others far behind", inputs=far_behind),
    ]
    parts = [*values, Part(1, "scores of any size", checks), careful(suite)]
    return Item(suite.name, parts, needs)


BUILDS_ON = {"softmax": softmax, "log_softmax": log_softmax}
BATCH = check.softmax_cross_entropy["a batch"]
SOFTMAX_CROSS_ENTROPY = of_a_batch(
    check.softmax_cross_entropy,
    [
        Part(1, "one example", [replace(BATCH, name="a row", inputs=one_row)]),
        Part(1, "the mean of a batch", [BATCH]),
    ],
    BUILDS_ON,
)
SOFTMAX_CROSS_ENTROPY_GRADIENT = of_a_batch(
    check.softmax_cross_entropy_gradient,
    [Part(1, "a batch", [check.softmax_cross_entropy_gradient["a batch"]])],
    BUILDS_ON,
)

RUBRIC = Rubric(
    "losses",
    items=(
        HINGE,
        SOFTMAX,
        LOG_SOFTMAX,
        of_distributions(check.cross_entropy, {}),
        of_distributions(check.kl_divergence, {"cross_entropy": cross_entropy}),
        SOFTMAX_CROSS_ENTROPY,
        SOFTMAX_CROSS_ENTROPY_GRADIENT,
    ),
    written={"written-promises": 4},
    allowed=("numpy",),
)
