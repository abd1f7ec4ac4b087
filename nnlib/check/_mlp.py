"""Checks of a network, forward and backward, and of a step of gradient descent."""

from __future__ import annotations

from collections.abc import Callable
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
)
from nnlib.mlp import MLP

__all__ = ["mlp_backward", "mlp_forward", "sgd_step"]


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


def _scored(*sizes: int) -> Inputs:
    inputs = _network(*sizes)
    return lambda rng: inputs(rng) | {"gradient": rng.normal(size=(8, sizes[-1]))}


def _gradients(
    x: FloatArray, weights: list[FloatArray], biases: list[FloatArray], gradient: FloatArray
) -> list[list[FloatArray]]:
    net = _net(x, weights, biases)
    net.forward(x)
    gradients = net.backward(gradient)
    return [list(gradients.weights), list(gradients.biases)]


def _backward(
    x: FloatArray,
    weights: list[FloatArray],
    biases: list[FloatArray],
    gradient: FloatArray,
    *,
    slope: Function = activations.relu.derivative,
    slope_of: int = -1,
    transposed: bool = False,
    output: Function = activations.relu,
    output_of: int = 0,
    total: Function = sum,
) -> list[list[FloatArray]]:
    layers = range(1, len(weights) + 1)
    z = [_forward(x, weights[:i], biases[:i]) for i in layers]
    a = [x, *(output(each) for each in z[:-1]), z[-1]]
    found: list[list[FloatArray]] = [[], []]
    for i in reversed(range(len(weights))):
        found[0].insert(0, gradient.T @ a[i + output_of])
        found[1].insert(0, total(gradient))
        weight = weights[i].T if transposed else weights[i]
        if i > 0 and slope_of:
            gradient = gradient @ weight * slope(z[i + slope_of])
        elif i > 0:
            gradient = (gradient * slope(z[i])) @ weight
    return found


def _counted(function: Function, arguments: Arguments) -> str:
    output = function(*arguments.values())
    if isinstance(output, (list, tuple)) and all(isinstance(p, (list, tuple)) for p in output):
        return f"returned lists of {' and '.join(str(len(part)) for part in output)} arrays"
    return f"returned {'None' if output is None else f'a {type(output).__name__}'}"


def _one_of(part: int, layer: int) -> Callable[[Function, Arguments], Any]:
    return lambda function, arguments: np.array(function(*arguments.values())[part][layer - 1])


def _joined(function: Function, arguments: Arguments) -> FloatArray:
    weights, biases = function(*arguments.values())
    return np.concatenate([np.ravel(gradient) for gradient in (*weights, *biases)])


_ON_THE_WAY_HINT = (
    "Which numbers did ReLU let pass on the way forward, and how steep was it there? On the way "
    "back the gradient meets the same layer's ReLU once."
)
_EXAMPLES_HINT = (
    "Every example adds its part to the gradient of a bias. How many biases has a layer, and along "
    "which axis do the examples lie?"
)
_BACKWARD = (
    Misconception(
        "transposed weight",
        partial(_backward, transposed=True),
        "Forward, a weight takes a row from (in) to (out). Which axes have to meet when the "
        "gradient goes back from (out) to (in)?",
    ),
    Misconception(
        "transposed gradient of the weight",
        lambda *arguments: [[w.T for w in _gradients(*arguments)[0]], _gradients(*arguments)[1]],
        "A weight has shape (out, in), and so has its gradient. Which index is that of the unit?",
    ),
    Misconception(
        "the gradient through ReLU forgotten",
        partial(_backward, slope=np.ones_like),
        _ON_THE_WAY_HINT,
    ),
    Misconception(
        "ReLU in place of its derivative",
        partial(_backward, slope=activations.relu),
        _ON_THE_WAY_HINT,
    ),
    Misconception(
        "the derivative of ReLU at the wrong layer",
        partial(_backward, slope_of=0),
        "Between which two linear layers lies the ReLU that the gradient meets next? After the "
        "last there is none.",
    ),
    Misconception(
        "a ReLU after the last layer",
        lambda x, w, b, g: _gradients(x, w, b, g * activations.relu.derivative(_mlp(x, w, b))),
        "The scores come straight from a linear layer. What does the gradient in them meet first?",
    ),
    Misconception(
        "preactivations in place of outputs",
        partial(_backward, output=activations.identity),
        "What did the weight multiply on the way forward: the numbers before ReLU or after it?",
    ),
    Misconception(
        "the output of a layer in place of its input",
        partial(_backward, output_of=1),
        "With what was this layer's weight multiplied on the way forward?",
    ),
    Misconception(
        "biases not summed over the batch", partial(_backward, total=np.array), _EXAMPLES_HINT
    ),
    Misconception(
        "biases summed over the units",
        partial(_backward, total=partial(np.sum, axis=1)),
        _EXAMPLES_HINT,
    ),
    Misconception("one sum for all biases", partial(_backward, total=np.sum), _EXAMPLES_HINT),
    Misconception(
        "mean for sum over the batch",
        lambda x, w, b, g: _gradients(x, w, b, g / len(x)),
        "Is the loss a sum over the examples or their mean? The gradient in the scores that came "
        "in knows already.",
    ),
    Misconception(
        "layers in the other order",
        lambda *arguments: [part[::-1] for part in _gradients(*arguments)],
        "You found the last layer's gradient first. Where in the list does it belong?",
    ),
)
_THREE_LAYERS = _scored(3, 3, 3, 3)

mlp_backward = Suite(
    "mlp_backward",
    """Check ``backward(x, weights, biases, gradient)`` of the network of :func:`mlp_forward`.

    `gradient` is that of a scalar in the scores, one row for each example. The function returns two
    lists: the gradients in the weights and those in the biases, first layer first.
    """,
    [
        Check(
            "a list for the weights, one for the biases", _THREE_LAYERS, _gradients, (), _counted
        ),
        *(
            Check(
                f"the {what} of layer {i}", _THREE_LAYERS, _gradients, _BACKWARD, _one_of(part, i)
            )
            for i in (3, 2, 1)
            for part, what in enumerate(("weights", "biases"))
        ),
        *array_checks(
            _gradients,
            {"layers of several sizes": _scored(2, 5, 4, 3), "one layer": _scored(4, 3)},
            *_BACKWARD,
            observe=_joined,
        ),
    ],
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
