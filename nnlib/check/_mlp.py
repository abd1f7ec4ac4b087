"""Checks of a network, forward, and of a step of gradient descent."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

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
    joined,
    output_at,
)
from nnlib.mlp import MLP

__all__ = [
    "clipped_step",
    "fold_scaling",
    "mlp_forward",
    "network_through",
    "sgd_step",
    "skip_forward",
]


def _network(*sizes: int, rows: tuple[int, ...] = (8,)) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        return {
            "x": 3 * rng.normal(size=(*rows, sizes[0])),
            "weights": [rng.normal(size=(m, n)) for n, m in pairwise(sizes)],
            "biases": [rng.normal(size=m) for m in sizes[1:]],
        }

    return made


def _net(x: FloatArray, weights: list[FloatArray], biases: list[FloatArray]) -> MLP:
    net = MLP([weights[0].shape[1], *map(len, weights)], rng=0, dtype=x.dtype)
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        net.weights[i][...], net.biases[i][...] = weight, bias
    return net


def _mlp(x: FloatArray, weights: list[FloatArray], biases: list[FloatArray]) -> FloatArray:
    return _net(x, weights, biases)(x)


def _forward(
    x: FloatArray,
    weights: list[FloatArray],
    biases: list[FloatArray],
    between: Function = activations.relu,
    end: Function = activations.identity,
    transposed: bool = False,
) -> FloatArray:
    after = [between] * (len(weights) - 1) + [end]
    for weight, bias, function in zip(weights, biases, after, strict=True):
        x = function(x @ (weight if transposed else weight.T) + bias)
    return x


mlp_forward = array_suite(
    "mlp_forward",
    "Check ``forward(x, weights, biases)``: linear layers with ReLU between, weights (out, in).",
    _mlp,
    {
        "layers of one size": _network(3, 3, 3),
        "layers of several sizes": _network(2, 5, 4, 3),
        "one layer": _network(4, 3),
        "one example": _network(2, 5, 3, rows=()),
    },
    Misconception(
        "missing bias",
        lambda x, w, b: _forward(x, w, [0 * bias for bias in b]),
        "What does a layer add to the weighted sum of its inputs?",
    ),
    Misconception(
        "transposed weight",
        partial(_forward, transposed=True),
        "A weight has shape (out, in) and a batch shape (examples, in). Which axes have to meet in "
        "the product?",
    ),
    Misconception(
        "an activation after the last layer",
        partial(_forward, end=activations.relu),
        "The network returns scores, which may have either sign. Which layers have an activation?",
    ),
    Misconception(
        "a softmax after the last layer",
        partial(_forward, end=probability.softmax),
        "The network returns scores. Who turns them into probabilities?",
    ),
    Misconception(
        "no activation between the layers",
        partial(_forward, between=activations.identity),
        "What do two linear layers in a row amount to?",
    ),
    Misconception(
        "a sigmoid between the layers",
        partial(_forward, between=activations.sigmoid),
        "Which activation was asked for?",
    ),
    Misconception(
        "an activation before the first layer",
        lambda x, w, b: _forward(activations.relu(x), w, b),
        "Does the first layer see the inputs themselves? In which order do the parts of a layer "
        "come?",
    ),
)


def _step(*shape: int, rate: float = 0.1) -> Inputs:
    return lambda rng: {
        "theta": rng.normal(size=shape),
        "gradient": rng.normal(size=shape),
        "learning_rate": rate,
    }


def _descended(theta: FloatArray, gradient: FloatArray, learning_rate: float) -> FloatArray:
    return theta - learning_rate * gradient


sgd_step = array_suite(
    "sgd_step",
    "Check ``sgd_step(theta, gradient, learning_rate)``, which returns the new parameters.",
    _descended,
    {
        "a vector": _step(4),
        "a matrix": _step(3, 2),
        "a learning rate of 0": _step(3, rate=0.0),
    },
    Misconception(
        "a step uphill",
        lambda theta, gradient, rate: theta + rate * gradient,
        "The gradient points to where the loss grows fastest. Where do you want to go?",
    ),
    Misconception(
        "no learning rate",
        lambda theta, gradient, rate: theta - gradient,
        "How long is your step? What should change when the learning rate is halved?",
    ),
    Misconception(
        "a division by the learning rate",
        lambda theta, gradient, rate: theta - gradient / rate,
        "Should a smaller learning rate make a longer or a shorter step?",
    ),
    Misconception(
        "the step in place of the new parameters",
        lambda theta, gradient, rate: -rate * gradient,
        "That is how far to go. Where do you stand then?",
    ),
    Misconception(
        "the sign of the gradient",
        lambda theta, gradient, rate: theta - rate * np.sign(gradient),
        "Should a steep slope make a longer step than a gentle one?",
    ),
    Misconception(
        "a gradient of length 1",
        lambda theta, gradient, rate: theta - rate * gradient / np.linalg.norm(gradient),
        "Should a steep slope make a longer step than a gentle one?",
    ),
    Misconception(
        "a mean taken twice",
        lambda theta, gradient, rate: theta - rate * gradient / len(gradient),
        "The gradient may be a mean over examples already. What does a division by the number of "
        "parameters do?",
    ),
)


# --- an input that every layer sees ---------------------------------------------------------------


def _skipping(*sizes: int, rows: tuple[int, ...] = (8,)) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        seen = [sizes[0], *(size + sizes[0] for size in sizes[1:-1])]
        return {
            "x": 3 * rng.normal(size=(*rows, sizes[0])),
            "weights": [rng.normal(size=(m, n)) for n, m in zip(seen, sizes[1:], strict=True)],
            "biases": [rng.normal(size=m) for m in sizes[1:]],
        }

    return made


def _skip_forward(
    x: FloatArray,
    weights: list[FloatArray],
    biases: list[FloatArray],
    *,
    between: Function = activations.relu,
    end: Function = activations.identity,
    seen: Function = activations.identity,
    input_first: bool = False,
    transposed: bool = False,
) -> FloatArray:
    after = [between] * (len(weights) - 1) + [end]
    a = x
    for i, (weight, bias, function) in enumerate(zip(weights, biases, after, strict=True)):
        if i > 0:
            a = np.concatenate([seen(x), a] if input_first else [a, seen(x)], axis=-1)
        a = function(a @ (weight if transposed else weight.T) + bias)
    return a


skip_forward = array_suite(
    "skip_forward",
    "Check ``forward(x, weights, biases)`` of a network whose later layers see the input, too.",
    _skip_forward,
    {
        "square weights": _skipping(3, 3, 6, 9),
        "layers of several sizes": _skipping(2, 5, 4, 3),
        "one layer": _skipping(4, 3),
        "one example": _skipping(2, 5, 3, rows=()),
    },
    Misconception(
        "the input before the outputs",
        partial(_skip_forward, input_first=True),
        "A column of a weight belongs to one number that comes in. Which columns come first, those "
        "of the units or those of the inputs?",
    ),
    Misconception(
        "an input that went through ReLU",
        partial(_skip_forward, seen=activations.relu),
        "Does a later layer see the inputs as they are, the negative ones too? What is bent first, "
        "and what is joined first?",
    ),
    Misconception(
        "missing bias",
        lambda x, w, b: _skip_forward(x, w, [0 * bias for bias in b]),
        "What does a layer add to the weighted sum of its inputs?",
    ),
    Misconception(
        "transposed weight",
        partial(_skip_forward, transposed=True),
        "A weight has shape (out, in) and a batch shape (examples, in). Which axes have to meet in "
        "the product?",
    ),
    Misconception(
        "an activation after the last layer",
        partial(_skip_forward, end=activations.relu),
        "The network returns scores, which may have either sign. Which layers have an activation?",
    ),
    Misconception(
        "no activation between the layers",
        partial(_skip_forward, between=activations.identity),
        "What do two linear layers in a row amount to?",
    ),
    Misconception(
        "only the input goes on",
        lambda x, w, b: _skip_forward(x, w, b, between=np.zeros_like),
        "What do the hidden units hand on to the last layer?",
    ),
)


# --- a scaling that goes into the weights ---------------------------------------------------------


def _scaled(outputs: int, inputs: int, *, constant: tuple[int, ...] = ()) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        scale = rng.uniform(0.5, 4, inputs)
        scale[list(constant)] = 0
        return {
            "weight": rng.normal(size=(outputs, inputs)),
            "bias": rng.normal(size=outputs),
            "mean": rng.uniform(1, 9, inputs),
            "scale": scale,
        }

    return made


def _folded(
    weight: FloatArray, bias: FloatArray, mean: FloatArray, scale: FloatArray
) -> list[FloatArray]:
    folded = np.divide(weight, scale, out=np.zeros_like(weight), where=scale > 0)
    return [folded, bias - folded @ mean]


def _weight_and_bias(function: Function, arguments: Arguments) -> Any:
    weight, bias = function(*arguments.values())
    return joined([weight, bias])


_SCALINGS = {
    "as many outputs as inputs": _scaled(3, 3),
    "more outputs than inputs": _scaled(5, 2),
    "an input that never changed": _scaled(3, 4, constant=(2,)),
}
_FOLDINGS = (
    Misconception(
        "the wrong sign of the mean",
        lambda w, b, m, s: (_folded(w, b, m, s)[0], b + _folded(w, b, m, s)[0] @ m),
        "Is the mean added to an input or taken away from it, and what does that do to the sum?",
    ),
    Misconception(
        "a mean that is not scaled",
        lambda w, b, m, s: (_folded(w, b, m, s)[0], b - w @ m),
        "By hand, for one input: what is w times (x - m) / s, without brackets?",
    ),
    Misconception(
        "the scale on the wrong side",
        lambda w, b, m, s: (w * s, b - (w * s) @ m),
        "The inputs as they come are larger by the scale. Must the weights be larger or smaller?",
    ),
    Misconception(
        "the wrong axis",
        lambda w, b, m, s: (w / s[:, np.newaxis], b - (w / s[:, np.newaxis]) @ m),
        "Every input has its own scale. Which axis of the weight counts the inputs?",
    ),
    Misconception(
        "the bias left as it was",
        lambda w, b, m, s: (_folded(w, b, m, s)[0], b),
        "What does the layer return for an example that is equal to the mean?",
    ),
    Misconception(
        "a division by 0",
        lambda w, b, m, s: (w / s, b - (w / s) @ m),
        "One input had the same value on every example. What should the layer hear of it?",
    ),
    Misconception(
        "a scale of 1 for a scale of 0",
        lambda w, b, m, s: _folded(w, b, m, np.where(s > 0, s, 1)),
        "An input that never changed in training is suddenly 100 larger. How much should the "
        "scores change, by the text above?",
    ),
)

fold_scaling = Suite(
    "fold_scaling",
    "Check ``fold_scaling(weight, bias, mean, scale)``: the layer for inputs as they come.",
    [
        *(
            Check(f"{name}: the {what}", made, _folded, _FOLDINGS, output_at(place))
            for name, made in _SCALINGS.items()
            for place, what in enumerate(["weight", "bias"])
        ),
        *array_checks(_folded, _SCALINGS, *_FOLDINGS, observe=_weight_and_bias)[-2:],
    ],
)


# --- a network that meets points ------------------------------------------------------------------


def _points(n: int, *, in_order: bool = True) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        x = np.cumsum(rng.uniform(0.5, 1.5, n)) - n / 2
        order = np.arange(n) if in_order else np.roll(np.arange(n)[::-1], n // 2)
        return {"x": x[order], "y": 2 * rng.normal(size=n)}

    return made


def _through(
    x: FloatArray,
    y: FloatArray,
    *,
    changes: Function = np.diff,
    slope: Function = lambda rise, run: rise / run,
    sign: int = -1,
    start: int = 1,
    ordered: bool = True,
) -> list[FloatArray]:
    if ordered:
        order = np.argsort(x)
        x, y = x[order], y[order]
    slopes = slope(np.diff(y), np.diff(x))
    bends = changes(np.concatenate([[0], slopes, [0]]).astype(x.dtype))
    return [np.ones_like(x)[:, np.newaxis], sign * x, bends[np.newaxis], start * y[:1]]


def _heights(function: Function, arguments: Arguments) -> FloatArray:
    """Return what the network gives at the points, between them, and one step left and right."""
    at = np.sort(arguments["x"])
    at = np.concatenate([at, at[1:] - np.diff(at) / 2, at[:1] - 1, at[-1:] + 1])
    w1, b1, w2, b2 = map(np.asarray, function(*arguments.values()))
    return (np.maximum(at[:, np.newaxis] @ w1.T + b1, 0) @ w2.T + b2)[:, 0]


def _shapes(function: Function, arguments: Arguments) -> str:
    output = function(*arguments.values())
    kinds = dict.fromkeys(
        "arrays" if isinstance(a, np.ndarray) else f"{type(a).__name__}s" for a in output
    )
    return (
        f"returned {' and '.join(kinds)} of shapes {' and '.join(str(np.shape(a)) for a in output)}"
    )


def _without_last(slopes: FloatArray) -> FloatArray:
    return np.append(np.diff(slopes[:-1]), slopes[:1])


_THROUGH = (
    Misconception(
        "points taken in the order in which they come",
        partial(_through, ordered=False),
        "Between which two points lies a piece: two that follow each other in the list, or two "
        "that are neighbors on the line?",
    ),
    Misconception(
        "a last piece that runs on",
        partial(_through, changes=_without_last),
        "Right of the last point the line should be flat. What must the last unit do there?",
    ),
    Misconception(
        "slopes in place of changes of slope",
        partial(_through, changes=lambda slopes: slopes[1:]),
        "The units that are on add up. If the first brings the slope 2 and the second is to make "
        "it 3, how much should the second bring?",
    ),
    Misconception(
        "slopes upside down",
        partial(_through, slope=lambda rise, run: run / rise),
        "Is a slope the rise divided by the run, or the run by the rise?",
    ),
    Misconception(
        "bends on the wrong side of 0",
        partial(_through, sign=1),
        "Where is x + b equal to 0? Which bias makes a unit bend at 2?",
    ),
    Misconception(
        "no output bias",
        partial(_through, start=0),
        "Far left all units are off. How high should the line be there?",
    ),
)


_MEETING = array_checks(
    _through,
    {
        "points from left to right": _points(4),
        "points in any order": _points(5, in_order=False),
        "one point": _points(1),
    },
    *_THROUGH,
    observe=_heights,
)

network_through = Suite(
    "network_through",
    "Check ``network_through(x, y)``: one hidden ReLU layer that meets points, flat beyond them.",
    [
        Check("four arrays", _points(4), _through, (), _shapes),
        *_MEETING[:-1],
        # To sort points that are in order would change nothing.
        replace(_MEETING[-1], inputs=_points(5, in_order=False)),
    ],
)


# --- a step that is never too long ----------------------------------------------------------------


def _clippable(*shape: int, size: float = 1.0, limit: float = 1.0) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        gradient = rng.normal(size=shape)
        return {
            "theta": rng.normal(size=shape),
            "gradient": size * gradient / np.linalg.norm(gradient),
            "learning_rate": 0.5,
            "limit": limit,
        }

    return made


def _huge_in_float32(rng: np.random.Generator) -> Arguments:
    size = np.float32(10.0 ** rng.uniform(20, 30))
    theta, gradient = rng.normal(size=(2, 5)).astype(np.float32)
    return {"theta": theta, "gradient": size * gradient, "learning_rate": 0.25, "limit": 3.0}


def _clipped(
    theta: FloatArray, gradient: FloatArray, learning_rate: float, limit: float
) -> FloatArray:
    largest = np.abs(gradient).max()
    if largest == 0:
        return theta.copy()
    length = largest * np.sqrt(np.sum((gradient / largest) ** 2))  # no square overflows
    return theta - learning_rate * min(1, limit / length) * gradient


def _by_norm(factor: Function, of: Function = np.linalg.norm) -> Function:
    """Return the step that multiplies the gradient by a factor of limit and length."""
    return lambda theta, gradient, rate, limit: (
        theta - rate * factor(limit, of(gradient)) * gradient
    )


def _smaller(limit: float, length: Any) -> Any:
    return np.minimum(1, limit / length).astype(np.asarray(length).dtype)


clipped_step = array_suite(
    "clipped_step",
    "Check ``clipped_step(theta, gradient, learning_rate, limit)``: descent, never too fast.",
    _clipped,
    {
        "a long gradient": _clippable(4, size=6, limit=2),
        "a short gradient": _clippable(4, size=0.25, limit=2),
        "a matrix": _clippable(3, 2, size=6, limit=2),
        "a gradient of 0": _clippable(4, size=0),
        "a gradient too large to square": _clippable(4, size=1e200),
        "too large to square in float32": _huge_in_float32,
    },
    Misconception(
        "no limit",
        lambda theta, gradient, rate, limit: theta - rate * gradient,
        "How long is the gradient here, and how long may it be?",
    ),
    Misconception(
        "every entry clipped by itself",
        lambda theta, gradient, rate, limit: theta - rate * np.clip(gradient, -limit, limit),
        "A step that is made shorter should still point the same way. Does yours?",
    ),
    Misconception(
        "a square that overflows",
        _by_norm(_smaller),
        "How far did you move, and how far should you have? Look for a square that is too large "
        "for floats. What can be taken out of all entries before they are squared?",
    ),
    Misconception(
        "short gradients made longer",
        _by_norm(lambda limit, length: limit / length),
        "What should happen to a gradient that is shorter than the limit? And to one of length 0?",
    ),
    Misconception(
        "the limit on the step in place of the gradient",
        lambda theta, gradient, rate, limit: _clipped(theta, rate * gradient, 1, limit),
        "Which of the two has the limit, the gradient or the gradient times the learning rate?",
    ),
    Misconception(
        "the square of the length",
        _by_norm(_smaller, lambda gradient: np.sum(gradient**2)),
        "A gradient of entries 3 and 4 has the length 5. Which length did you find?",
    ),
    Misconception(
        "a length for each row",
        _by_norm(_smaller, lambda g: np.linalg.norm(g, axis=-1, keepdims=True)),
        "All entries together make one gradient, in however many rows they stand. How many lengths "
        "has it?",
    ),
    Misconception(
        "a step uphill",
        lambda theta, gradient, rate, limit: _clipped(theta, -gradient, rate, limit),
        "The gradient points to where the loss grows fastest. Where do you want to go?",
    ),
)
