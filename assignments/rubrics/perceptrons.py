"""Activations, and the forward and backward pass of a multilayer perceptron: 30 points."""

from dataclasses import replace

import numpy as np
from grading.rubric import Item, Part, Rubric

from nnlib import check

# The right functions, as the student's are called by those of later items.
RELU = check.RELU[0].right
SLOPE = check.RELU_DERIVATIVE[0].right
FORWARD = check.MLP_FORWARD[0].right


def ends(rng):
    """Return numbers near 0 and far from it, on both sides."""
    size = 10.0 ** rng.integers(-300, 300, 3)
    return {"x": np.concatenate([[-np.inf, np.inf, -0.0], size, -size])}


def far(rng):
    return {"x": rng.uniform(710, 5000, 4) * [1, -1, 1, -1]}


def far_in_float32(rng):
    return {"x": np.float32(rng.uniform(90, 700, 4) * [1, -1, 1, -1])}


def far_left(rng):
    return {"x": rng.uniform(-60, -38, 4)}


def relu_like(name, checks):
    signs, axes, edges, *rest = checks
    more = replace(edges, name="other numbers near and far", inputs=ends)
    return Item(
        name,
        (
            Part(1, "the values", (signs, axes)),
            Part(1, "zero and infinity, float32, arguments unchanged", (edges, more, *rest)),
        ),
    )


def sigmoid():
    signs, axes, large, left, *rest = check.SIGMOID
    more = replace(large, name="other large numbers", inputs=far)
    single = replace(large, name="large numbers in float32", inputs=far_in_float32)
    digits = replace(left, name="other digits far left", inputs=far_left)
    return Item(
        "sigmoid",
        (
            Part(1, "the values", (signs, axes)),
            Part(2, "large numbers", (large, more, single)),
            Part(1, "digits far left", (left, digits)),
            Part(1, "float32 and arguments unchanged", rest),
        ),
    )


def mlp_forward():
    same, several, linear, single, *rest = check.MLP_FORWARD
    return Item(
        "mlp_forward",
        (
            Part(3, "the scores", (same, several)),
            Part(1, "one layer, one example", (linear, single)),
            Part(1, "float32 and arguments unchanged", rest),
        ),
        {"relu": RELU},
    )


def mlp_backward():
    lists, w3, b3, w2, b2, w1, b1, several, linear, *rest = check.MLP_BACKWARD
    return Item(
        "mlp_backward",
        (
            Part(2, "the weights of the last layer", (lists, w3)),
            Part(2, "the biases of the last layer", (b3,)),
            Part(3, "the weights of the hidden layers", (w2, w1)),
            Part(1, "the biases of the hidden layers", (b2, b1)),
            Part(1, "layers of every size", (several, linear)),
            Part(1, "float32 and arguments unchanged", rest),
        ),
        {"relu": RELU, "relu_derivative": SLOPE, "mlp_forward": FORWARD},
    )


def sgd_step():
    vector, matrix, still, *rest = check.SGD_STEP
    return Item(
        "sgd_step",
        (
            Part(1, "the values", (vector, matrix, still)),
            Part(1, "float32 and arguments unchanged", rest),
        ),
    )


RUBRIC = Rubric(
    "perceptrons",
    items=(
        relu_like("relu", check.RELU),
        relu_like("relu_derivative", check.RELU_DERIVATIVE),
        sigmoid(),
        mlp_forward(),
        mlp_backward(),
        sgd_step(),
    ),
    written={"written-dead-unit": 4},
    allowed=("numpy",),
)
