"""A smooth unit, networks that skip, fold and meet points, and a careful step: 30 points."""

from dataclasses import replace

import numpy as np
from grading.rubric import KEPT, Item, Part, Rubric, careful

from nnlib import check

# The right function, as the student's is called by that of a later item.
SQUAREPLUS = check.squareplus["three axes"].right


def item(suite, values, parts, needs=None):
    """Return the item of a function whose every part but its manners asks for these values, too.

    Without them, a function with quite other values would earn what is cheap: the edges.
    """
    common = suite.select(*values)
    asked = [Part(points, name, [*common, *checks]) for name, (points, *checks) in parts.items()]
    return Item(suite.name, [*asked, careful(suite)], needs or {})


def as_given(rng):
    """Return points that lie in another order on the line than in the list."""
    return {"x": rng.permutation(6) + rng.uniform(-0.3, 0.3, 6), "y": rng.normal(size=6)}


# --- the smooth unit ------------------------------------------------------------------------------


def far(rng):
    return {"x": 10.0 ** rng.uniform(160, 300, 4)}


def far_left(rng):
    return {"x": -rng.uniform(1e6, 9e6, 4)}


def farther_left(rng):
    return {"x": -rng.uniform(1e11, 9e11, 4)}


def smooth(suite, points, needs=None):
    large, narrow, left, ends = suite.select(
        "large numbers", "large numbers in float32", "digits far left", "the infinities"
    )
    parts = {
        "the values": (points[0], suite["three axes"]),
        "numbers of any size": (
            points[1],
            large,
            replace(large, name="other large numbers", inputs=far),
            narrow,
            ends,
        ),
        "digits far left": (
            points[2],
            left,
            replace(left, name="other digits far left", inputs=far_left),
            replace(left, name="digits farther left", inputs=farther_left),
        ),
    }
    return item(suite, ["numbers of both signs"], parts, needs)


# --- the networks ---------------------------------------------------------------------------------


def skip_forward():
    several, one, example = check.skip_forward.select(
        "layers of several sizes", "one layer", "one example"
    )
    parts = {"the scores": (3, several), "one layer, one example": (1, one, example)}
    return item(check.skip_forward, ["square weights"], parts)


def two_constant(rng):
    one = check.fold_scaling["an input that never changed: the weight"].inputs(rng)
    return one | {"scale": one["scale"] * (np.arange(4) != 0)}


def fold_scaling():
    def both(what):
        names = ("as many outputs as inputs", "more outputs than inputs")
        return check.fold_scaling.select(*(f"{name}: the {what}" for name in names))

    constant = check.fold_scaling.select(
        *(f"an input that never changed: the {what}" for what in ("weight", "bias"))
    )
    two = [
        replace(one, name=one.name.replace("an input", "two inputs"), inputs=two_constant)
        for one in constant
    ]
    parts = [
        Part(1, "the weight", both("weight")),
        Part(1, "the bias", both("bias")),
        Part(1, "inputs that never changed", [*constant, *two]),
        careful(check.fold_scaling),
    ]
    return Item("fold_scaling", parts)


def network_through():
    left, shuffled, one, *form = check.network_through.select(
        "points from left to right", "points in any order", "one point", "four arrays", *KEPT
    )
    other = replace(shuffled, name="points in another order", inputs=as_given)
    parts = [
        Part(2, "points from left to right", [left]),
        Part(1, "points in any order", [left, shuffled, other]),
        Part(1, "one point, four arrays, float32, arguments unchanged", [left, one, *form]),
    ]
    return Item("network_through", parts)


# --- the step -------------------------------------------------------------------------------------


def clipped_step():
    short, matrix, *edges = check.clipped_step.select(
        "a short gradient",
        "a matrix",
        "a gradient of 0",
        "a gradient too large to square",
        "too large to square in float32",
    )
    parts = {
        "gradients long and short": (1, short, matrix),
        "gradients of any length": (1, short, *edges),
    }
    return item(check.clipped_step, ["a long gradient"], parts)


RUBRIC = Rubric(
    "perceptrons",
    items=(
        smooth(check.squareplus, (2, 1, 2)),
        smooth(check.squareplus_slope, (1, 1, 1), {"squareplus": SQUAREPLUS}),
        skip_forward(),
        fold_scaling(),
        network_through(),
        clipped_step(),
    ),
    written={"written-dead-layer": 4},
    allowed=("numpy",),
)
