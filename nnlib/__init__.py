"""The library of the book: every formula implemented once, tested, and fast enough to use.

``from nnlib import softmax, relu, hinge, MLP, fit``: all names of the core are here.
``from nnlib import check`` tests functions that you write yourself: ``check.softmax(mine)``.
What needs more than NumPy and SciPy stands apart: ``nnlib.pytorch`` needs torch, ``nnlib.plots``
matplotlib.
"""

from nnlib.activations import (
    ACTIVATIONS,
    Activation,
    LeakyReLU,
    gelu,
    gelu_tanh,
    get_activation,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    softplus,
    tanh,
)
from nnlib.approximation import (
    breakpoints,
    c2_bound,
    lipschitz_bound,
    modulus_bound,
    relu_interpolant,
    sawtooth,
    sup_error,
)
from nnlib.losses import (
    LOSSES,
    Loss,
    accuracy,
    hinge,
    softmax_cross_entropy,
    squared_error,
    zero_one,
)
from nnlib.mlp import MLP, Gradients
from nnlib.probability import (
    cross_entropy,
    entropy,
    kl_divergence,
    log_softmax,
    log_sum_exp,
    softmax,
)
from nnlib.training import DivergenceError, History, fit

__version__ = "0.1.0"

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "MLP",
    "Activation",
    "DivergenceError",
    "Gradients",
    "History",
    "LeakyReLU",
    "Loss",
    "accuracy",
    "breakpoints",
    "c2_bound",
    "cross_entropy",
    "entropy",
    "fit",
    "gelu",
    "gelu_tanh",
    "get_activation",
    "hinge",
    "identity",
    "kl_divergence",
    "leaky_relu",
    "lipschitz_bound",
    "log_softmax",
    "log_sum_exp",
    "modulus_bound",
    "relu",
    "relu_interpolant",
    "sawtooth",
    "sigmoid",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "squared_error",
    "sup_error",
    "tanh",
    "zero_one",
]
