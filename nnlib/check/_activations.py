"""Checks of activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnlib import activations, probability
from nnlib._arrays import FloatArray
from nnlib.check._core import Arguments, Inputs, Misconception, array_suite, fixed, normal

__all__ = ["relu", "relu_derivative", "sigmoid", "softplus", "squareplus", "squareplus_slope"]


def _both_signs(rng: np.random.Generator) -> Arguments:
    x = rng.normal(size=5)
    return {"x": np.array([x, -2 * x])}


_AXES: dict[str, Inputs] = {
    "numbers of both signs": _both_signs,
    "three axes": normal("x", 2, 3, 4),
}
_CORNER = _AXES | {"zero and the infinities": fixed("x", -np.inf, -1, 0, 1, np.inf)}
_FAR = _AXES | {
    "large numbers": fixed("x", -1000, 0, 1000),
    "digits far left": fixed("x", -40, -50, -60),
}

relu = array_suite(
    "relu",
    "Check ``relu(x)``: ReLU of every entry.",
    activations.relu,
    _CORNER,
    Misconception(
        "the absolute value",
        np.abs,
        "What should become of a negative number? Draw the graph left of 0.",
    ),
    Misconception(
        "the wrong half kept",
        lambda x: np.minimum(x, 0),
        "Which side passes and which is cut off? Try one positive number by hand.",
    ),
    Misconception(
        "a slope left of 0",
        activations.leaky_relu,
        "That is a relative of ReLU. How large is ReLU itself at -1?",
    ),
    Misconception(
        "the derivative",
        activations.relu.derivative,
        "That is how steep ReLU is. How high is it at 2?",
    ),
    Misconception(
        "Python's max of an array",
        lambda x: max(0, x),
        "Python's max picks one of two things as a whole. What picks entry by entry?",
    ),
    Misconception(
        "one maximum of all numbers",
        lambda x: np.maximum(0, x.max()),
        "Every number is compared with 0 by itself: as many come out as went in.",
    ),
    Misconception(
        "a mask times infinity",
        lambda x: x * (x > 0),
        "What is 0 times infinity in floats? Choose between two values instead of multiplying.",
    ),
)

relu_derivative = array_suite(
    "relu_derivative",
    "Check ``relu_derivative(x)``: the derivative of ReLU at every entry.",
    activations.relu.derivative,
    _CORNER,
    Misconception(
        "ReLU itself",
        activations.relu,
        "That is the height of the graph. How steep is it?",
    ),
    Misconception(
        "the sign",
        np.sign,
        "How steep is a flat line? Look at the graph left of 0.",
    ),
    Misconception(
        "1 at zero",
        lambda x: np.where(x >= 0, 1.0, 0.0),
        "At 0 there is no derivative; a convention picks a number. Which one does the book pick?",
    ),
    Misconception(
        "one half at zero",
        lambda x: np.heaviside(x, 0.5),
        "At 0 there is no derivative; a convention picks a number. Which one does the book pick?",
    ),
    Misconception(
        "always 1",
        np.ones_like,
        "ReLU has two pieces. Is it as steep left of 0 as right of it?",
    ),
)


def _logistic(x: FloatArray) -> Any:
    return np.exp(x) / (1 + np.exp(x))


sigmoid = array_suite(
    "sigmoid",
    "Check ``sigmoid(x)`` of every entry, at numbers of any size.",
    activations.sigmoid,
    _FAR,
    Misconception(
        "exp overflows",
        _logistic,
        "What is exp(1000) in floats, and inf / inf? The formula can be written in two ways: "
        "which of them is safe for a large number, which for a very negative one?",
    ),
    Misconception(
        "a function of single numbers",
        math.exp,
        "Python's math knows single numbers only. Which module has exp for whole arrays?",
    ),
    Misconception(
        "1 minus nearly 1",
        lambda x: 1 - 1 / (1 + np.exp(x)),
        "Of a tiny number nothing is left in 1 minus it. Can it be found without a subtraction?",
    ),
    Misconception(
        "the sign of the exponent",
        lambda x: activations.sigmoid(-x),
        "Should the sigmoid rise or fall? Put in a large positive number.",
    ),
    Misconception(
        "tanh",
        np.tanh,
        "Between which two numbers does a sigmoid lie, and how large is it at 0?",
    ),
    Misconception(
        "the derivative",
        activations.sigmoid.derivative,
        "That is how steep the sigmoid is. How high is it at 0?",
    ),
    Misconception(
        "softmax",
        probability.softmax,
        "A sigmoid looks at every number by itself, whatever the others are.",
    ),
)

softplus = array_suite(
    "softplus",
    "Check ``softplus(x)`` of every entry, at numbers of any size.",
    activations.softplus,
    _FAR,
    Misconception(
        "exp overflows",
        lambda x: np.log1p(np.exp(x)),
        "What is exp(1000) in floats? Far right softplus is nearly a straight line: which one, "
        "and what is left when you take it away?",
    ),
    Misconception(
        "1 swallows what is added to it",
        lambda x: np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x))),
        "What is 1 + 1e-18 in floats? NumPy has a logarithm made for numbers next to 1.",
    ),
    Misconception(
        "a logarithm of base 2",
        lambda x: activations.softplus(x) / np.log(2),
        "How high should softplus be at 0 with the natural logarithm?",
    ),
    Misconception(
        "the sign of x",
        lambda x: activations.softplus(-x),
        "Should softplus rise or fall? Put in a large positive number.",
    ),
    Misconception(
        "ReLU",
        activations.relu,
        "Softplus is smooth: how high is it at 0, where ReLU has its corner?",
    ),
    Misconception(
        "the derivative",
        activations.sigmoid,
        "That is how steep softplus is. How high is it far to the right?",
    ),
)


def _squareplus(x: FloatArray) -> Any:
    large = np.abs(x) / 2 + np.hypot(x, 2) / 2  # hypot, since x**2 overflows long before x does
    return np.where(x < 0, 1 / large, large)


def _squareplus_slope(x: FloatArray) -> Any:
    return 1 / (1 + _squareplus(-x) ** 2)


def _large_in_float32(rng: np.random.Generator) -> Arguments:
    return {"x": np.float32(10.0 ** rng.uniform(20, 37, 4))}


_FARTHER = _AXES | {
    "large numbers": fixed("x", 0, 5, 1e200),
    "large numbers in float32": _large_in_float32,
    "digits far left": fixed("x", -1e9, -2e9, -3e9),
    "the infinities": fixed("x", -np.inf, 0, np.inf),
}

squareplus = array_suite(
    "squareplus",
    "Check ``squareplus(x)``: half of x + sqrt(x**2 + 4) of every entry, at numbers of any size.",
    _squareplus,
    _FARTHER,
    Misconception(
        "a difference of nearly equal numbers",
        lambda x: (x + np.hypot(x, 2)) / 2,
        "Far left, what is left of x plus a root that is nearly -x? Which number, found without a "
        "subtraction, do you know as well as this one?",
    ),
    Misconception(
        "a square that overflows",
        lambda x: (x + np.sqrt(x * x + 4)) / 2,
        "How large is the square of 1e200 in floats, and how large is its root on paper? A root of "
        "a sum of two squares is the long side of a triangle: NumPy can find it from the short "
        "ones.",
    ),
    Misconception(
        "not halved",
        lambda x: 2 * _squareplus(x),
        "How high should it be at 0? Put in 0 by hand.",
    ),
    Misconception(
        "ReLU",
        activations.relu,
        "This curve is smooth and nowhere 0. What stands under the root beside the square?",
    ),
    Misconception(
        "softplus",
        activations.softplus,
        "That is another smooth relative of ReLU. How high is each of the two at 0?",
    ),
    Misconception(
        "the sign of x",
        lambda x: _squareplus(-x),
        "Should it rise or fall? Put in a large positive number.",
    ),
    Misconception(
        "the slope",
        _squareplus_slope,
        "That is how steep the curve is. How high is it far to the right?",
    ),
)

squareplus_slope = array_suite(
    "squareplus_slope",
    "Check ``squareplus_slope(x)``: the derivative of squareplus, at numbers of any size.",
    _squareplus_slope,
    _FARTHER,
    Misconception(
        "infinity over infinity",
        lambda x: _squareplus(x) / np.hypot(x, 2),
        "Both numbers are infinite there, but the slope is not. Which number does it go to?",
    ),
    Misconception(
        "the square of a large value",
        lambda x: _squareplus(x) ** 2 / (1 + _squareplus(x) ** 2),
        "Which of squareplus(x) and squareplus(-x) may be squared, however large x is? Divide "
        "above and below by the one that may not.",
    ),
    Misconception(
        "1 minus nearly 1",
        lambda x: (1 + x / np.hypot(x, 2)) / 2,
        "Far left the two terms nearly cancel, and few digits are left. Can the slope be written "
        "with values of squareplus, and without a subtraction?",
    ),
    Misconception(
        "a square that overflows",
        lambda x: (1 + x / np.sqrt(x * x + 4)) / 2,
        "How steep did it get at 1e200, and how steep should it be? Look for a square that is too "
        "large for floats.",
    ),
    Misconception(
        "squareplus itself",
        _squareplus,
        "That is the height of the curve. How steep is it?",
    ),
    Misconception(
        "the sigmoid",
        activations.sigmoid,
        "That is the slope of softplus. What does the chain rule make of the root?",
    ),
    Misconception(
        "the slope of ReLU",
        activations.relu.derivative,
        "This curve has no corner: how steep is it at 0?",
    ),
    Misconception(
        "not halved",
        lambda x: 2 * _squareplus_slope(x),
        "Far right the curve is nearly the line x. How steep is that?",
    ),
)
