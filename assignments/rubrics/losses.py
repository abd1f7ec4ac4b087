"""The assignment on losses: two hinges, two softmaxes, shares of yes, a symmetric divergence."""

from dataclasses import replace

import numpy as np
from grading.rubric import Item, Part, Rubric, careful

from nnlib import check


def again(one, name, inputs):
    return replace(one, name=name, inputs=inputs)


# --- inputs ---------------------------------------------------------------------------------------


def one_example(rng):
    return {"scores": rng.normal(size=(1, 4)), "labels": rng.integers(4, size=1)}


def more_large(rng):
    return {"scores": rng.integers(-9, 9, size=4) + 1e4}


def more_apart(rng):
    return {"scores": rng.normal(size=(3, 4)) + 1e4 * rng.permutation([[-1], [0], [1]])}


def masked(inputs):
    def made(rng):
        scores = inputs(rng)["scores"]
        mask = np.broadcast_to([True, True, False, False], scores.shape)
        return {"scores": scores, "possible": rng.permuted(mask, axis=-1)}

    return made


def all_possible(rng):
    return {"scores": rng.normal(size=(2, 4)), "possible": np.full((2, 4), True)}


def one_possible(rng):
    return {"scores": rng.normal(size=(3, 3)), "possible": rng.permutation(np.eye(3, dtype=bool))}


def ahead(rng):
    possible = rng.permutation([True, True, True, False])
    return {"scores": rng.normal(size=4) + 2e3 * ~possible, "possible": possible}


def unanimous(rng):
    shares = rng.permutation([0.0, 0, 1, 1])
    return {"scores": (2 * shares - 1) * rng.uniform(30, 35, size=4), "shares": shares}


def shares_of_large(rng):
    return {"scores": 1e4 * rng.normal(size=4), "shares": rng.uniform(size=4)}


def in_part_apart(rng):
    y, p = rng.dirichlet(np.full(2, 3), 2)
    return {"y": np.append(y, 0), "p": np.insert(p, 0, 0)}


# --- items ----------------------------------------------------------------------------------------


def of_rivals(suite, values, edge, checks):
    """Return the item of the squared hinge or of its gradient."""
    batch, *others = suite.select("a batch", "two classes", *values)
    one = again(batch, "one example", one_example)
    parts = [
        Part(2, "the values", [batch, one, *others]),
        Part(1, edge, suite.select(*checks)),
        careful(suite),
    ]
    return Item(suite.name, parts)


CLEAR, BELOW = "clear cases among others", "all scores far below 0"
ZEROS = "zeros where nothing is missing"
SQUARED_HINGE = of_rivals(check.squared_hinge, [], "leads and levels of any size", [CLEAR, BELOW])
# Zeros count by themselves: a wrong factor is charged with the values.
SQUARED_HINGE_GRADIENT = of_rivals(check.squared_hinge_gradient, [CLEAR, BELOW], ZEROS, [ZEROS])


def along_the_last_axis(suite, values, edges):
    """Return the item of a softmax or of its logarithm."""
    parts = [
        Part(1, "a batch", [suite["a batch of rows"], *values]),
        Part(1, "any number of axes", suite.select("one row", "three axes")),
        Part(2, "scores of any size", [*suite.select("large scores", "rows far apart"), *edges]),
        careful(suite),
    ]
    return Item(suite.name, parts)


LARGE, APART = check.softmax_or_none.select("large scores", "rows far apart")
SOFTMAX_OR_NONE = along_the_last_axis(
    check.softmax_or_none,
    [],
    [
        check.softmax_or_none["all far below 0"],
        again(LARGE, "more large scores", more_large),
        again(APART, "more rows far apart", more_apart),
    ],
)

AHEAD = check.masked_log_softmax["an impossible class far ahead"]
MASKED_LOG_SOFTMAX = along_the_last_axis(
    check.masked_log_softmax,
    [
        again(AHEAD, "every class possible", all_possible),
        again(AHEAD, "one class possible", one_possible),
    ],
    [
        AHEAD,
        again(AHEAD, "another class ahead", ahead),
        again(AHEAD, "more large scores", masked(more_large)),
        again(AHEAD, "more rows far apart", masked(more_apart)),
    ],
)

LARGE, SMALL = check.vote_cross_entropy.select("large scores", "small losses")
ROWS = check.vote_cross_entropy.select("a batch of rows", "one row", "three axes")
VOTE_CROSS_ENTROPY = Item(
    "vote_cross_entropy",
    [
        Part(1, "the values", ROWS),
        Part(1, "large scores", [LARGE, again(LARGE, "more large scores", shares_of_large)]),
        Part(1, "small losses", [ROWS[0], SMALL, again(SMALL, "more small losses", unanimous)]),
        careful(check.vote_cross_entropy),
    ],
)

NEITHER, NOTHING = check.jensen_shannon.select("a class that neither expects", "nothing in common")
JENSEN_SHANNON = Item(
    "jensen_shannon",
    [
        Part(
            2,
            "the sum over classes",
            check.jensen_shannon.select("a batch of rows", "one row", "three axes"),
        ),
        Part(
            1,
            "probabilities of 0",
            [NEITHER, NOTHING, again(NOTHING, "little in common", in_part_apart)],
        ),
        careful(check.jensen_shannon),
    ],
)

RUBRIC = Rubric(
    "losses",
    items=(
        SQUARED_HINGE,
        SQUARED_HINGE_GRADIENT,
        SOFTMAX_OR_NONE,
        MASKED_LOG_SOFTMAX,
        VOTE_CROSS_ENTROPY,
        JENSEN_SHANNON,
    ),
    written={"written-none": 4},
    allowed=("numpy",),
)
