"""A smooth unit, networks that skip, fold and meet points, and a careful step: 30 points."""

from dataclasses import replace

import numpy as np
from grading.rubric import KEPT, Item, Part, Rubric

from nnlib import check

# The right function, as the student's is called by that of a later item.
SQUAREPLUS = check.squareplus["three axes"].right


def item(suite, values, parts, needs=None):
    """Return the item of a function whose every part asks for these values, too.

    Without them, a function with quite other values would earn what is cheap: edges and manners.
    """
    common = suite.select(*values)
    return Item(
        suite.name,
        [Part(points, name, [*common, *checks]) for name, (points, *checks) in parts.items()],
        needs or {},
    )


def as_given(rng):
    """Return points that lie in another order on the line than in the list."""
    return {"x": rng.permutation(6) + rng.uniform(-0.3, 0.3, 6), "y": rng.normal(size=6)}


# --- the smooth unit ------------------------------------------------------------------------------


def far(rng):
    return {"x": 10.0 ** rng.uniform(160, 300, 4)}


def far_in_float32(rng):
    return {"x": np.float32(10.0 ** rng.uniform(20, 37, 4))}


def far_left(rng):
    return {"x": -rng.uniform(1e6, 9e6, 4)}


def farther_left(rng):
    return {"x": -rng.uniform(1e11, 9e11, 4)}


def smooth(suite, points, needs=None):
    large, left, ends = suite.select("large numbers", "digits far left", "the infinities")
    axes, *kept = suite.select("three axes", *KEPT)
    parts = {
        "the values": (points[0], axes),
        "numbers of any size": (
            points[1],
            large,
            replace(large, name="other large numbers", inputs=far),
            replace(large, name="large numbers in float32", inputs=far_in_float32),
            ends,
        ),
        "digits far left": (
            points[2],
            left,
            replace(left, name="other digits far left", inputs=far_left),
            replace(left, name="digits farther left", inputs=farther_left),
        ),
        "float32 and arguments unchanged": (points[3], *kept),
    }
    return item(suite, ["numbers of both signs"], parts, needs)


# --- the networks ---------------------------------------------------------------------------------


def skip_forward():
    several, one, example, *kept = check.skip_forward.select(
        "layers of several sizes", "one layer", "one example", *KEPT
    )
    parts = {
        "the scores": (3, several),
        "one layer, one example": (1, one, example),
        "float32 and arguments unchanged": (1, *kept),
    }
    return item(check.skip_forward, ["square weights"], parts)


def two_constant(rng):
    one = check.fold_scaling["an input that never changed"].inputs(rng)
    return one | {"scale": one["scale"] * (np.arange(4) != 0)}


def fold_scaling():
    more, constant, *kept = check.fold_scaling.select(
        "more outputs than inputs", "an input that never changed", *KEPT
    )
    parts = {
        "the weight and the bias": (2, more),
        "inputs that never changed": (
            1,
            constant,
            replace(constant, name="two inputs that never changed", inputs=two_constant),
        ),
        "float32 and arguments unchanged": (1, *kept),
    }
    return item(check.fold_scaling, ["as many outputs as inputs"], parts)


def network_through():
    arrays, shuffled, one, *kept = check.network_through.select(
        "four arrays", "points in any order", "one point", *KEPT
    )
    parts = {
        "points from left to right": (2, arrays),
        "points in any order": (
            1,
            shuffled,
            replace(shuffled, name="points in another order", inputs=as_given),
        ),
        "one point, float32, arguments unchanged": (1, one, *kept),
    }
    return item(check.network_through, ["points from left to right"], parts)


# --- the step -------------------------------------------------------------------------------------


def huge_in_float32(rng):
    size = np.float32(10.0 ** rng.uniform(20, 30))
    theta, gradient = np.float32(rng.normal(size=(2, 5)))
    return {"theta": theta, "gradient": size * gradient, "learning_rate": 0.25, "limit": 3.0}


def clipped_step():
    short, matrix, zero, huge, *kept = check.clipped_step.select(
        "a short gradient",
        "a matrix",
        "a gradient of 0",
        "a gradient too large to square",
        *KEPT,
    )
    parts = {
        "gradients long and short": (1, short, matrix),
        "gradients of any length": (
            1,
            short,
            zero,
            huge,
            replace(huge, name="too large to square in float32", inputs=huge_in_float32),
        ),
        "float32 and arguments unchanged": (1, short, *kept),
    }
    return item(check.clipped_step, ["a long gradient"], parts)


RUBRIC = Rubric(
    "perceptrons",
    items=(
        smooth(check.squareplus, (2, 1, 2, 1)),
        smooth(check.squareplus_slope, (1, 1, 1, 1), {"squareplus": SQUAREPLUS}),
        skip_forward(),
        fold_scaling(),
        network_through(),
        clipped_step(),
    ),
    written={"written-dead-layer": 4},
    allowed=("numpy",),
)
