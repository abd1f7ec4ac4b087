"""Activations, and the forward and backward pass of a multilayer perceptron: 30 points."""

from dataclasses import replace

import numpy as np
from grading.rubric import KEPT, Item, Part, Rubric

from nnlib import check

# The right functions, as the student's are called by those of later items.
RELU = check.relu["numbers of both signs"].right
SLOPE = check.relu_derivative["numbers of both signs"].right
FORWARD = check.mlp_forward["one layer"].right


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


def relu_like(suite):
    corner = suite["zero and the infinities"]
    edges = [
        corner,
        replace(corner, name="other numbers near and far", inputs=ends),
        *suite.select(*KEPT),
    ]
    return Item(
        suite.name,
        (
            Part(1, "the values", suite.select("numbers of both signs", "three axes")),
            Part(1, "zero and infinity, float32, arguments unchanged", edges),
        ),
    )


def sigmoid():
    suite = check.sigmoid
    large, left = suite.select("large numbers", "digits far left")
    overflow = [
        large,
        replace(large, name="other large numbers", inputs=far),
        replace(large, name="large numbers in float32", inputs=far_in_float32),
    ]
    digits = [left, replace(left, name="other digits far left", inputs=far_left)]
    return Item(
        "sigmoid",
        (
            Part(1, "the values", suite.select("numbers of both signs", "three axes")),
            Part(2, "large numbers", overflow),
            Part(1, "digits far left", digits),
            Part(1, "float32 and arguments unchanged", suite.select(*KEPT)),
        ),
    )


def mlp_forward():
    def part(points, name, *names):
        return Part(points, name, check.mlp_forward.select(*names))

    return Item(
        "mlp_forward",
        (
            part(3, "the scores", "layers of one size", "layers of several sizes"),
            part(1, "one layer, one example", "one layer", "one example"),
            part(1, "float32 and arguments unchanged", *KEPT),
        ),
        {"relu": RELU},
    )


def mlp_backward():
    def part(points, name, *names):
        return Part(points, name, check.mlp_backward.select(*names))

    lists = "a list for the weights, one for the biases"
    weights, biases = (
        [f"the {what} of layer {i}" for i in (2, 1)] for what in ("weights", "biases")
    )
    return Item(
        "mlp_backward",
        (
            part(2, "the weights of the last layer", lists, "the weights of layer 3"),
            part(2, "the biases of the last layer", "the biases of layer 3"),
            part(3, "the weights of the hidden layers", *weights),
            part(1, "the biases of the hidden layers", *biases),
            part(1, "layers of every size", "layers of several sizes", "one layer"),
            part(1, "float32 and arguments unchanged", *KEPT),
        ),
        {"relu": RELU, "relu_derivative": SLOPE, "mlp_forward": FORWARD},
    )


def sgd_step():
    values = "a vector", "a matrix", "a learning rate of 0"
    return Item(
        "sgd_step",
        (
            Part(1, "the values", check.sgd_step.select(*values)),
            Part(1, "float32 and arguments unchanged", check.sgd_step.select(*KEPT)),
        ),
    )


RUBRIC = Rubric(
    "perceptrons",
    items=(
        relu_like(check.relu),
        relu_like(check.relu_derivative),
        sigmoid(),
        mlp_forward(),
        mlp_backward(),
        sgd_step(),
    ),
    written={"written-dead-unit": 4},
    allowed=("numpy",),
)
