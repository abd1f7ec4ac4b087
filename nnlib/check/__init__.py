r"""Feedback on functions of your own: which check fails, and which mistake that looks like.

``check.softmax(my_softmax)`` runs every check of softmax on your function and prints a line for
each. Below the first that fails stands what was seen, the mistake that gives exactly these numbers,
if it is a known one, and a question to think about. The answer is left to you.

A :class:`Check` holds seeded inputs and the right implementation. A :class:`Misconception` holds a
wrong one: it is recognized where your function does just what the wrong one does. The checks of
each function stand in a tuple (``check.SOFTMAX``), to be run one by one where each has its points;
:data:`CHECKS` lists them all by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nnlib.check._activations import RELU, RELU_DERIVATIVE, SIGMOID, SOFTPLUS
from nnlib.check._autograd import BACKWARD, TENSOR_BACKWARD
from nnlib.check._core import (
    Arguments,
    Check,
    Function,
    Inputs,
    Misconception,
    Other,
    Raised,
    Report,
    Result,
    Seen,
    named,
)
from nnlib.check._losses import HINGE, SOFTMAX_CROSS_ENTROPY, SOFTMAX_CROSS_ENTROPY_GRADIENT
from nnlib.check._mlp import MLP_BACKWARD, MLP_FORWARD, SGD_STEP
from nnlib.check._probability import CROSS_ENTROPY, KL_DIVERGENCE, LOG_SOFTMAX, SOFTMAX
from nnlib.check._pytorch import ACCURACY, MOVEMENT, MULTI_LAYER_NET, PREDICT, TRAIN, TWO_LAYER_NET

__all__ = [
    "ACCURACY",
    "BACKWARD",
    "CHECKS",
    "CROSS_ENTROPY",
    "HINGE",
    "KL_DIVERGENCE",
    "LOG_SOFTMAX",
    "MLP_BACKWARD",
    "MLP_FORWARD",
    "MOVEMENT",
    "MULTI_LAYER_NET",
    "PREDICT",
    "RELU",
    "RELU_DERIVATIVE",
    "SGD_STEP",
    "SIGMOID",
    "SOFTMAX",
    "SOFTMAX_CROSS_ENTROPY",
    "SOFTMAX_CROSS_ENTROPY_GRADIENT",
    "SOFTPLUS",
    "TENSOR_BACKWARD",
    "TRAIN",
    "TWO_LAYER_NET",
    "Arguments",
    "Check",
    "Function",
    "Inputs",
    "Misconception",
    "Other",
    "Raised",
    "Report",
    "Result",
    "Seen",
    "accuracy",
    "backward",
    "cross_entropy",
    "hinge",
    "kl_divergence",
    "log_softmax",
    "mlp_backward",
    "mlp_forward",
    "movement",
    "multi_layer_net",
    "named",
    "predict",
    "relu",
    "relu_derivative",
    "sgd_step",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_gradient",
    "softplus",
    "tensor_backward",
    "train",
    "two_layer_net",
]

#: The checks of every function by its name.
CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {
        "relu": RELU,
        "relu_derivative": RELU_DERIVATIVE,
        "sigmoid": SIGMOID,
        "softplus": SOFTPLUS,
        "hinge": HINGE,
        "softmax": SOFTMAX,
        "log_softmax": LOG_SOFTMAX,
        "cross_entropy": CROSS_ENTROPY,
        "kl_divergence": KL_DIVERGENCE,
        "softmax_cross_entropy": SOFTMAX_CROSS_ENTROPY,
        "softmax_cross_entropy_gradient": SOFTMAX_CROSS_ENTROPY_GRADIENT,
        "mlp_forward": MLP_FORWARD,
        "mlp_backward": MLP_BACKWARD,
        "sgd_step": SGD_STEP,
        "two_layer_net": TWO_LAYER_NET,
        "multi_layer_net": MULTI_LAYER_NET,
        "predict": PREDICT,
        "accuracy": ACCURACY,
        "movement": MOVEMENT,
        "train": TRAIN,
        "backward": BACKWARD,
        "tensor_backward": TENSOR_BACKWARD,
    }
)


def _report(name: str, function: Function, seed: int) -> Report:
    report = Report(name, [check.run(function, seed) for check in CHECKS[name]])
    print(report)
    return report


def relu(function: Function, *, seed: int = 0) -> Report:
    """Check ``relu(x)``: ReLU of every entry.

    Parameters
    ----------
    function : callable
        Yours; its arguments are passed by position.
    seed : int, default 0
        Of the inputs.

    Returns
    -------
    Report
        What each check found; it has been printed.

    Raises
    ------
    TypeError
        If `function` cannot be called or `seed` is not an integer.
    ValueError
        If `seed` is negative. What your function raises is told, and not raised.

    Examples
    --------
    >>> from nnlib import check
    >>> report = check.relu(abs)
    relu: 1 of 5 checks passed
      WRONG  numbers of both signs
             it gave 0.1321, too large at index [0, 1], for x of shape (2, 5). This looks
             like: the absolute value. What should become of a negative number? Draw the
             graph left of 0.
      WRONG  three axes
      WRONG  zero and the infinities
      WRONG  float32 stays float32
      ok     the arguments stay as they were
    >>> report.passed
    False
    """
    return _report("relu", function, seed)


def relu_derivative(function: Function, *, seed: int = 0) -> Report:
    """Check ``relu_derivative(x)``: the derivative of ReLU at every entry.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("relu_derivative", function, seed)


def sigmoid(function: Function, *, seed: int = 0) -> Report:
    """Check ``sigmoid(x)`` of every entry, at numbers of any size.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("sigmoid", function, seed)


def softplus(function: Function, *, seed: int = 0) -> Report:
    """Check ``softplus(x)`` of every entry, at numbers of any size.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("softplus", function, seed)


def hinge(function: Function, *, seed: int = 0) -> Report:
    """Check ``hinge(scores, labels)``: the loss of each row of scores, for class indices.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("hinge", function, seed)


def softmax(function: Function, *, seed: int = 0) -> Report:
    """Check ``softmax(scores)`` along the last axis, at scores of any size.

    Parameters, returns and errors as for :func:`relu`.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import check
    >>> def my_softmax(scores):
    ...     e = np.exp(scores)
    ...     return e / e.sum(axis=-1, keepdims=True)
    >>> report = check.softmax(my_softmax)
    softmax: 5 of 7 checks passed
      ok     a batch of rows
      ok     one row
      ok     three axes
      WRONG  large scores
             it gave nan at index [0], for scores = [1000, 2000, 3000]. This looks like: no
             shift before exp. What is exp(1000) in floats, and inf / inf? Which number can
             be taken from all scores of a row without changing the result?
      WRONG  rows far apart
      ok     float32 stays float32
      ok     the arguments stay as they were
    """
    return _report("softmax", function, seed)


def log_softmax(function: Function, *, seed: int = 0) -> Report:
    """Check ``log_softmax(scores)`` along the last axis, at scores of any size.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("log_softmax", function, seed)


def cross_entropy(function: Function, *, seed: int = 0) -> Report:
    """Check ``cross_entropy(y, p)`` in nats, along the last axis.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("cross_entropy", function, seed)


def kl_divergence(function: Function, *, seed: int = 0) -> Report:
    """Check ``kl_divergence(y, p)`` in nats, along the last axis.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("kl_divergence", function, seed)


def softmax_cross_entropy(function: Function, *, seed: int = 0) -> Report:
    """Check ``softmax_cross_entropy(scores, labels)``: the mean loss, for class indices.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("softmax_cross_entropy", function, seed)


def softmax_cross_entropy_gradient(function: Function, *, seed: int = 0) -> Report:
    """Check ``softmax_cross_entropy_gradient(scores, labels)``: of the mean loss, in the scores.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("softmax_cross_entropy_gradient", function, seed)


def mlp_forward(function: Function, *, seed: int = 0) -> Report:
    """Check ``forward(x, weights, biases)``: linear layers with ReLU between, weights (out, in).

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("mlp_forward", function, seed)


def mlp_backward(function: Function, *, seed: int = 0) -> Report:
    """Check ``backward(x, weights, biases, gradient)`` of the network of :func:`mlp_forward`.

    `gradient` is that of a scalar in the scores, one row for each example. The function returns two
    lists: the gradients in the weights and those in the biases, first layer first.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("mlp_backward", function, seed)


def sgd_step(function: Function, *, seed: int = 0) -> Report:
    """Check ``sgd_step(theta, gradient, learning_rate)``, which returns the new parameters.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("sgd_step", function, seed)


def two_layer_net(function: Function, *, seed: int = 0) -> Report:
    """Check a torch class ``Net(input_size, hidden_size, output_size)`` with ReLU; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("two_layer_net", function, seed)


def multi_layer_net(function: Function, *, seed: int = 0) -> Report:
    """Check a torch class ``Net(input_size, layer_sizes, output_size)`` with ReLU; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("multi_layer_net", function, seed)


def predict(function: Function, *, seed: int = 0) -> Report:
    """Check ``predict(net, x)``: the class with the largest score of each row; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("predict", function, seed)


def accuracy(function: Function, *, seed: int = 0) -> Report:
    """Check ``accuracy(net, x, labels)``: the share of right predictions; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("accuracy", function, seed)


def movement(function: Function, *, seed: int = 0) -> Report:
    """Check ``movement(net, layers, x, labels, learning_rate)``; needs torch.

    It takes one step and returns how far the weight of each layer moves.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("movement", function, seed)


def train(function: Function, *, seed: int = 0) -> Report:
    """Check ``train(net, x, labels, epochs, batch_size, learning_rate, seed)``; needs torch.

    It trains the network in place and returns the mean loss of each epoch's batches.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("train", function, seed)


def backward(function: Function, *, seed: int = 0) -> Report:
    """Check an engine for backpropagation on numbers: ``leaf(number)`` makes a value.

    A value has ``+``, ``-`` and ``*`` with other values, ``backward()``, and after it, at the
    values that ``leaf`` made, ``grad``. A class is such a function. Any right order of the sweep
    passes; so do adding up at the leaves from pass to pass, and starting anew.

    Parameters, returns and errors as for :func:`relu`.

    Examples
    --------
    >>> from nnlib import check
    >>> from nnlib.autograd import Tensor
    >>> report = check.backward(lambda number: Tensor(number, requires_grad=True))
    backward: 11 of 11 checks passed
      ok     a + b
      ok     a - b
      ok     a * b
      ok     a * b * b - a: a value used again
      ok     a * a + b: used twice at once
      ok     y * y * b + y * a with y = a * b
      ok     y * a + y * y * b with y = a * b
      ok     z * y - z + y * a with y = a * a and z = y * b
      ok     a * b + b * a: equal numbers
      ok     30 doublings: 2**30 paths
      ok     a second pass
    """
    return _report("backward", function, seed)


def tensor_backward(function: Function, *, seed: int = 0) -> Report:
    """Check an engine on arrays: ``leaf(array)`` makes a value, which has ``@`` and ``sum()`` too.

    Shapes are broadcast as NumPy does. Order and repeated use are checked by :func:`backward`.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("tensor_backward", function, seed)
