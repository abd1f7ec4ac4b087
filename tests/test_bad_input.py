"""Bad input: every argument of every public name, with each kind of bad value that fits it.

One table names them all. A new function, or a new argument of an old one, fails the suite until it
has its row. What an error says in particular is tested beside the function.
"""

import inspect
import io
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest

import nnlib
from nnlib import ACTIVATIONS, LOSSES, MLP, Gradients, LeakyReLU, hinge, relu

NAN, INF = np.nan, np.inf


class Bad(NamedTuple):
    """A value that is refused, with which error, and how the message says what came."""

    value: Any
    error: type[Exception]
    came: str


class Row(NamedTuple):
    """A public name, arguments that it takes, and the bad values of each."""

    call: Callable[..., Any]
    good: Callable[[], dict[str, Any]]
    bad: dict[str, list[Bad]]


def refused(error, *values, came=repr):
    return [Bad(value, error, came(value)) for value in values]


def dtype(value):
    return f"dtype {np.asarray(value).dtype}"


def shape(value):
    return f"{tuple(np.shape(value))}"


def kind(value):
    return type(value).__name__


# --- kinds of bad values ------------------------------------------------------------------------

RAGGED = [Bad([[1.0], [1.0, 2.0]], ValueError, "rows differ in length")]
NO_NUMBERS = (
    refused(TypeError, "abc", [1j, 0], [object(), 0.5], {1: 2}, [b"1", b"2"], came=dtype) + RAGGED
)
NOT_REAL = refused(TypeError, None, came=dtype) + NO_NUMBERS
SCORES = [
    *NOT_REAL,
    *refused(ValueError, [], np.zeros((2, 0)), came=shape),
    Bad(1.0, ValueError, "a single number"),
]
SUMS = [
    Bad([1.5, -0.5], ValueError, "-0.5"),
    Bad([0.5, 0.6], ValueError, "a sum of 1.1"),
    Bad([0.0, 0.0], ValueError, "a sum of 0"),
    Bad([INF, 0.0], ValueError, "a sum of inf"),
]
PAIRED = NOT_REAL + refused(ValueError, [], 1.0, [1.0, 0.0, 0.0], came=shape) + SUMS
AXIS = refused(ValueError, 5, -6) + refused(TypeError, None, 1.0, True, "0", (0, 1))
REDUCTION = refused(ValueError, "average", "Mean", None, 0, True, ["mean"])

# For scores of shape (2, 3).
CLASSES = [
    Bad([0, 3], ValueError, "got 3"),
    Bad([-1, 0], ValueError, "got -1"),
    *refused(TypeError, [0.0, 1.0], [NAN, 1.0], [True, False], ["a", "b"], came=dtype),
    *refused(TypeError, None, [1j, 0], [object(), 0], came=dtype),
    *refused(ValueError, 0, [0, 1, 2], [[0], [1]], [], came=shape),
    *RAGGED,
]
ONE_HOT = [
    *CLASSES,
    Bad([[1, 0, 0], [1, 1, 0]], ValueError, "[1 1 0]"),
    Bad([[1, 0, 0], [0, 0, 0]], ValueError, "[0 0 0]"),
    Bad([[2, -1, 0], [1, 0, 0]], ValueError, "[ 2 -1  0]"),
    Bad([[0.5, 0.5, 0], [1, 0, 0]], ValueError, "[0.5 0.5 0. ]"),
]
SOFT = [
    *CLASSES,
    Bad([[1, 0, 0], [1, 1, 0]], ValueError, "a sum of 2"),
    Bad([[2, -1, 0], [1, 0, 0]], ValueError, "-1"),
]
TARGETS = NOT_REAL + refused(ValueError, 0.0, [0.0, 1.0], np.ones((1, 2, 3)), came=shape)

NUMBER = refused(TypeError, None, "0.1", [0.1], 1j, True)
FINITE = [*NUMBER, *refused(ValueError, NAN, INF, -INF), Bad(10**400, ValueError, "inf")]
CONSTANT = [*FINITE, *refused(ValueError, -1.0)]
RNG = refused(TypeError, 0.5, True, "seed", [1], np.random) + refused(ValueError, -1)


def count(least):
    return refused(TypeError, None, 3.0, "3", [3], 1j, True) + refused(ValueError, least - 1, -9)


HIDDEN_SIZES = [
    *refused(TypeError, 3, None, "32", [3, 2.0], [3, True], [3, None], [[3], [2]]),
    *refused(ValueError, [3, 0], [3, -1, 2]),
]
SIZES = HIDDEN_SIZES + refused(ValueError, [], [3])
DTYPE = [
    *refused(TypeError, "float16", "int64", "complex128", "object", "bogus", came=str),
    *refused(TypeError, 3, [np.float64]),
]
ACTIVATION = refused(ValueError, "rleu", "") + refused(TypeError, None, 3, np.tanh, [relu])
NETWORK = refused(TypeError, None, "net", MLP, [[1.0]], came=kind)
FILE = refused(TypeError, None, 3, 1.5, True, b"net.npz", ["net.npz"], io.StringIO())

# For a network of two inputs and three outputs.
INPUTS = NOT_REAL + refused(ValueError, 1.0, [1.0], [], np.ones((2, 3)), came=shape)
EXAMPLES = INPUTS + refused(ValueError, np.ones(2), np.ones((1, 2, 2)), np.ones((0, 2)), came=shape)

INTERVAL = [
    *refused(TypeError, None, 1.0, ("0", "1"), "01", (None, 1), (0, 1j), (False, True), ([0], [1])),
    *refused(ValueError, (1, 0), (0, 0), (0, NAN), (-INF, 0), (0, 10**400), (0,), (0, 1, 2), []),
]
FUNCTION = [
    *refused(TypeError, None, 3, "cos"),
    Bad(lambda x: None, TypeError, "dtype object"),
    Bad(lambda x: x + 1j, TypeError, "dtype complex128"),
    Bad(lambda x: 1.0, ValueError, "shape ()"),
    Bad(lambda x: x[:1], ValueError, "shape (1,)"),
    Bad(lambda x: x * NAN, ValueError, "not finite"),
    Bad(MLP([2, 3, 1], rng=0), ValueError, "2 inputs"),
]
MODULUS = [
    *refused(TypeError, None, 3, "sqrt"),
    Bad(lambda width: None, TypeError, "dtype object"),
    Bad(lambda width: [width, width], ValueError, "shape (2,)"),
    Bad(lambda width: -1.0, ValueError, "-1.0"),
    Bad(lambda width: NAN, ValueError, "nan"),
    Bad(lambda width: INF, ValueError, "inf"),
]
NOT_FINITE = MLP([1, 3, 1], rng=0)
NOT_FINITE.theta[0] = NAN
INTERPOLANT = [
    *NETWORK,
    Bad(MLP([1, 3, 1], "tanh", rng=0), ValueError, "tanh"),
    Bad(MLP([2, 3, 1], rng=0), ValueError, "(2, 3, 1)"),
    Bad(MLP([1, 3, 2], rng=0), ValueError, "(1, 3, 2)"),
    Bad(NOT_FINITE, ValueError, "NaN or inf"),
]

# --- the table ----------------------------------------------------------------------------------

NET = MLP([2, 4, 3], rng=0)
NET.forward(np.ones((2, 2)))
# Of each loss, the kind of labels that it takes.
LABELS = {
    "zero_one": ONE_HOT,
    "hinge": ONE_HOT,
    "softmax_cross_entropy": SOFT,
    "squared_error": TARGETS,
}
TWO_BY_THREE = np.arange(6.0).reshape(2, 3)
ONE_STEP = {"epochs": 1, "learning_rate": 0.1}
STEPS = {
    "epochs": count(least=0),
    "batch_size": count(least=1),
    "learning_rate": NUMBER + refused(ValueError, 0, -1, -0.0, INF, NAN),
    "momentum": NUMBER + refused(ValueError, 1, -0.1, INF, NAN),
}


def saved():
    file = io.BytesIO()
    NET.save(file)
    file.seek(0)
    return file


def losses():
    for name, bad_labels in LABELS.items():
        loss, labels = LOSSES[name], TWO_BY_THREE if bad_labels is TARGETS else [0, 2]
        good = {"scores": TWO_BY_THREE, "labels": labels}
        scores = SCORES + (loss is hinge) * refused(ValueError, np.ones((2, 1)), came=shape)
        bad = {"scores": scores, "labels": bad_labels, "reduction": REDUCTION}
        for suffix, call in {
            "": loss,
            ".gradient": loss.gradient,
            ".value_and_gradient": loss.value_and_gradient,
        }.items():
            yield name + suffix, Row(call, lambda good=good: good, bad)


TABLE = {
    name + suffix: Row(call, lambda: {"x": 1.0}, {"x": NOT_REAL})
    for name, function in ACTIVATIONS.items()
    for suffix, call in {"": function, ".derivative": function.derivative}.items()
}
TABLE |= {
    f"LeakyReLU{suffix}": Row(call, lambda: {"x": 1.0}, {"x": NOT_REAL})
    for suffix, call in {
        ".__call__": LeakyReLU(0.5),
        ".derivative": LeakyReLU(0.5).derivative,
    }.items()
}
TABLE |= {
    "LeakyReLU": Row(LeakyReLU, dict, {"negative_slope": FINITE}),
    "get_activation": Row(
        nnlib.get_activation, lambda: {"activation": "relu"}, {"activation": ACTIVATION}
    ),
}
TABLE |= {
    function.__name__: Row(
        function, lambda: {"scores": [1.0, 2.0]}, {"scores": SCORES, "axis": AXIS}
    )
    for function in (nnlib.softmax, nnlib.log_softmax, nnlib.log_sum_exp)
}
TABLE |= {
    function.__name__: Row(
        function,
        lambda: {"y": [0.5, 0.5], "p": [0.25, 0.75]},
        {"y": PAIRED, "p": PAIRED, "axis": AXIS},
    )
    for function in (nnlib.cross_entropy, nnlib.kl_divergence)
}
TABLE["entropy"] = Row(nnlib.entropy, lambda: {"y": [0.5, 0.5]}, {"y": SCORES + SUMS, "axis": AXIS})
TABLE |= dict(losses())
TABLE["accuracy"] = Row(
    nnlib.accuracy,
    lambda: {"scores": TWO_BY_THREE, "labels": [0, 2]},
    {"scores": SCORES, "labels": ONE_HOT},
)
TABLE |= {
    f"MLP.{call.__name__}": Row(call, lambda: {"x": [1.0, 2.0]}, {"x": INPUTS})
    for call in (
        NET.__call__,
        NET.layer_outputs,
        MLP([2, 3]).forward,
        NET.predict,
        NET.predict_proba,
    )
}
TABLE |= {
    "MLP": Row(
        MLP,
        lambda: {"layer_sizes": [2, 3]},
        {"layer_sizes": SIZES, "activation": ACTIVATION, "rng": RNG, "dtype": DTYPE},
    ),
    "Gradients": Row(
        Gradients,
        lambda: {"layer_sizes": [2, 3], "dtype": "float32"},
        {"layer_sizes": SIZES, "dtype": DTYPE},
    ),
    "MLP.backward": Row(
        NET.backward,
        lambda: {"gradient": TWO_BY_THREE},
        {
            "gradient": NOT_REAL + refused(ValueError, 1.0, [], np.ones(3), came=shape),
            "inputs": refused(TypeError, None, 1, "yes", came=kind),
        },
    ),
    "MLP.save": Row(NET.save, lambda: {"file": io.BytesIO()}, {"file": FILE}),
    "MLP.load": Row(
        MLP.load,
        lambda: {"file": saved()},
        {"file": [*FILE, Bad(io.BytesIO(b"abc"), ValueError, "not hold a network")]},
    ),
    "fit": Row(
        nnlib.fit,
        lambda: {"net": MLP([2, 3]), "x": [[0, 1], [1, 0]], "labels": [0, 2], **ONE_STEP},
        {
            "net": NETWORK,
            "x": EXAMPLES,
            "labels": SOFT,
            "loss": refused(TypeError, None, "hinge", type(hinge), np.square),
            **STEPS,
            "rng": RNG,
            "validation": [
                *refused(TypeError, 3, "ab", [[[0.0, 1.0]], [0]], came=kind),
                Bad(([[0.0, 1.0]],), ValueError, "1 items"),
                Bad(([[0.0, 1.0, 2.0]], [0]), ValueError, "validation x must have shape (..., 2)"),
                Bad(([[0.0, 1.0]], [3]), ValueError, "validation labels must lie in 0..2"),
                Bad(([[0.0, 1.0]], [1.0]), TypeError, "validation labels must be integers"),
            ],
            "progress": refused(TypeError, None, 1, "yes", came=kind),
        },
    ),
    "relu_interpolant": Row(
        nnlib.relu_interpolant,
        lambda: {"f": np.cos, "pieces": 3},
        {"f": FUNCTION[:-1], "pieces": count(least=1), "interval": INTERVAL},
    ),
    "sup_error": Row(
        nnlib.sup_error,
        lambda: {"f": np.cos, "g": np.sin, "pieces": 3},
        {
            "f": FUNCTION,
            "g": [*FUNCTION, Bad(MLP([1, 3, 2], rng=0), ValueError, "2)")],
            "pieces": count(least=1),
            "interval": INTERVAL,
            "samples": count(least=2),
        },
    ),
    "modulus_bound": Row(
        nnlib.modulus_bound,
        lambda: {"omega": np.sqrt, "pieces": 3},
        {"omega": MODULUS, "pieces": count(least=1), "interval": INTERVAL},
    ),
    "lipschitz_bound": Row(
        nnlib.lipschitz_bound,
        lambda: {"constant": 2, "pieces": 3},
        {"constant": CONSTANT, "pieces": count(least=1), "interval": INTERVAL},
    ),
    "c2_bound": Row(
        nnlib.c2_bound,
        lambda: {"curvature": 2, "pieces": 3},
        {"curvature": CONSTANT, "pieces": count(least=1), "interval": INTERVAL},
    ),
    "sawtooth": Row(
        nnlib.sawtooth,
        lambda: {"depth": 3},
        {"depth": count(least=1) + refused(ValueError, 51)},
    ),
    "breakpoints": Row(
        nnlib.breakpoints,
        lambda: {"net": nnlib.sawtooth(2)},
        {"net": INTERPOLANT, "interval": INTERVAL},
    ),
}
MODULES = {"": nnlib}

if find_spec("torch"):
    import torch
    from torch import nn

    from nnlib import pytorch

    MODULES["pytorch."] = pytorch
    MODULE = refused(TypeError, None, "net", NET, nn.Linear, came=kind)
    NO_TENSOR = refused(TypeError, None, 1.0, [[1.0, 2.0]], np.ones((4, 2)), came=kind)
    X = torch.ones(4, 2)
    TENSOR = [
        *NO_TENSOR,
        *refused(ValueError, torch.ones(4, 3), torch.ones(3), torch.tensor(1.0), came=shape),
        *refused(TypeError, X.double(), X.long(), X * 1j, came=lambda x: str(x.dtype)),
    ]
    TWO_LAYERS, MANY_LAYERS = pytorch.TwoLayerNet(2, 4, 3), pytorch.MultiLayerNet(2, [4, 4], 3)
    TABLE |= {
        f"pytorch.{kind(net)}.{method}": Row(call, lambda: {"x": X}, {"x": TENSOR})
        for net in (TWO_LAYERS, MANY_LAYERS)
        for method, call in {"forward": net, "predict_proba": net.predict_proba}.items()
    }
    TABLE |= {
        "pytorch.TwoLayerNet": Row(
            pytorch.TwoLayerNet,
            lambda: {"input_size": 2, "layer_size": 4, "output_size": 3},
            dict.fromkeys(["input_size", "layer_size", "output_size"], count(least=1)),
        ),
        "pytorch.MultiLayerNet": Row(
            pytorch.MultiLayerNet,
            lambda: {"input_size": 2, "layer_sizes": [4], "output_size": 3},
            dict.fromkeys(["input_size", "output_size"], count(least=1))
            | {"layer_sizes": HIDDEN_SIZES},
        ),
        "pytorch.from_mlp": Row(pytorch.from_mlp, lambda: {"net": NET}, {"net": NETWORK}),
        "pytorch.copy_weights": Row(
            pytorch.copy_weights,
            lambda: {"net": NET, "module": TWO_LAYERS},
            {"net": NETWORK, "module": [*MODULE, Bad(MANY_LAYERS, ValueError, "(4, 4)")]},
        ),
        "pytorch.to_mlp": Row(
            pytorch.to_mlp,
            lambda: {"module": TWO_LAYERS},
            {
                "module": [*MODULE, Bad(nn.ReLU(), ValueError, "no registered nn.Linear")],
                "activation": ACTIVATION,
            },
        ),
        "pytorch.check_registered": Row(
            pytorch.check_registered, lambda: {"module": TWO_LAYERS}, {"module": MODULE}
        ),
        "pytorch.train": Row(
            pytorch.train,
            lambda: {
                "module": pytorch.TwoLayerNet(2, 4, 3),
                "x": X,
                "labels": torch.tensor([0, 1, 2, 0]),
                "device": "cpu",
                **ONE_STEP,
            },
            {
                "module": [*MODULE, Bad(nn.ReLU(), ValueError, "got none")],
                "x": [
                    *NO_TENSOR,
                    *refused(
                        ValueError, X[:3], X[:0], torch.ones(4, 3), torch.tensor(1.0), came=shape
                    ),
                    *refused(ValueError, X.double(), X.long(), came=lambda x: str(x.dtype)),
                ],
                "labels": [
                    *NO_TENSOR,
                    *refused(ValueError, torch.zeros(3).long(), torch.tensor(1), came=shape),
                    *refused(ValueError, torch.zeros(4, 1).long(), torch.zeros(4, 2), came=shape),
                    *refused(ValueError, torch.zeros(4), came=lambda x: str(x.dtype)),
                    Bad(torch.tensor([0, 1, 2, 3]), ValueError, "Target 3"),
                    Bad(torch.tensor([0, 1, 2, -1]), ValueError, "Target -1"),
                ],
                **STEPS,
                "seed": count(least=0) + refused(ValueError, 2**64),
                "validation": [
                    Bad(X, TypeError, "tensor("),
                    *refused(TypeError, 3, (1,), [1, 2]),
                    *refused(TypeError, ([[1.0, 2.0]], X), came=lambda pair: kind(pair[0])),
                    Bad((X, torch.zeros(3).long()), ValueError, "(3,)"),
                    Bad((X, torch.tensor([0, 1, 2, 3])), ValueError, "Target 3"),
                ],
                "device": refused(ValueError, "bogus", "cuda:99") + refused(TypeError, 3.5, [X]),
                "loss": [
                    *refused(TypeError, 3, "hinge"),
                    Bad(lambda logits, labels: 1.0, TypeError, "1.0"),
                    Bad(lambda logits, labels: logits.sum(dim=1), TypeError, "tensor("),
                ],
            },
        ),
    }

if find_spec("matplotlib"):
    from nnlib import plots

    MODULES["plots."] = plots

    class Chart:
        def to_dict(self):
            return {"mark": "point"}

    AXES = refused(TypeError, 3, "ax", came=kind)
    PLANE = refused(ValueError, 0.0, [1.0, 2.0], [[1.0, 2.0, 3.0]], [], np.ones((0, 2)), came=shape)
    TABLE |= {
        "plots.activation": Row(
            plots.activation,
            lambda: {"function": relu},
            {
                "function": refused(TypeError, None, "relu", np.tanh, type(relu), came=kind),
                "x": NO_NUMBERS + refused(ValueError, 0.0, np.ones((2, 2)), came=shape),
                "ax": AXES,
            },
        ),
        "plots.history": Row(
            plots.history,
            lambda: {"record": nnlib.History(loss=[1.0, 0.5])},
            {"record": refused(TypeError, None, [1.0, 0.5], NET, came=kind), "ax": AXES},
        ),
        "plots.histories": Row(
            plots.histories,
            lambda: {"records": {"one": nnlib.History(loss=[1.0], validation_accuracy=[0.5])}},
            {
                "records": [
                    *refused(TypeError, None, [nnlib.History()], NET, came=kind),
                    Bad({}, ValueError, "none"),
                    Bad({"one": [1.0]}, TypeError, "list"),
                    Bad({1: nnlib.History(loss=[1.0], validation_accuracy=[1.0])}, TypeError, "1"),
                    Bad({"one": nnlib.History(loss=[1.0])}, ValueError, "none in records['one']"),
                ],
                "axes": [
                    *refused(TypeError, 3, (3, 3), came=lambda value: "int"),
                    Bad((), TypeError, "0"),
                ],
            },
        ),
        "plots.label_lines": Row(
            plots.label_lines,
            lambda: {"ax": plots.plt.figure().subplots()},
            {"ax": refused(TypeError, 3, "ax", None, came=kind)},
        ),
        "plots.decision_regions": Row(
            plots.decision_regions,
            lambda: {
                "predict": lambda points: points[:, 0] > 0,
                "x": [[-1.0, 0.0], [1.0, 1.0]],
                "labels": [0, 1],
                "resolution": 2,
            },
            {
                "predict": [
                    *refused(TypeError, None, 3, NET.theta),
                    Bad(lambda points: None, TypeError, "dtype object"),
                    Bad(lambda points: points, ValueError, "shape (4, 2)"),
                    Bad(lambda points: 1, ValueError, "shape ()"),
                ],
                "x": [*NOT_REAL, *PLANE, Bad([[NAN, 0], [1, 0]], ValueError, "NaN or inf")],
                "labels": [
                    *refused(TypeError, None, ["a", "b"], [0.0, 1.0], [1j, 0], came=dtype),
                    *refused(ValueError, 0, [0, 1, 2], [[0], [1]], came=shape),
                    *RAGGED,
                ],
                "ax": AXES,
                "resolution": count(least=2),
            },
        ),
        "plots.block_diagram": Row(
            plots.block_diagram,
            lambda: {"blocks": ["($x$)", "linear"]},
            {
                "blocks": [
                    *refused(TypeError, None, 3, "abc"),
                    Bad(["a", 1.5], TypeError, "1.5"),
                    Bad([], ValueError, "none"),
                ],
                "ax": AXES,
                "per_row": count(least=1),
            },
        ),
        "plots.network_diagram": Row(
            plots.network_diagram,
            lambda: {"layer_sizes": [2, 3]},
            {
                "layer_sizes": SIZES,
                "labels": [
                    *refused(TypeError, 3, "xs"),
                    Bad([2, 3], TypeError, "2"),
                    *refused(ValueError, [], ["x"], ["x", "y", "z"]),
                ],
                "ax": AXES,
                "most": count(least=2) + refused(ValueError, 3),
            },
        ),
        "plots.interactive": Row(
            plots.interactive,
            lambda: {"chart": Chart(), "description": "A point."},
            {
                "chart": refused(TypeError, {"mark": "point"}, None, Chart, came=kind),
                "description": [
                    *refused(TypeError, None, 3, came=kind),
                    *refused(ValueError, "", " "),
                ],
            },
        ),
        "plots.source": Row(
            plots.source,
            lambda: {"thing": relu.derivative},
            {"thing": refused(TypeError, 3, len, "f")},
        ),
    }

# --- the tests ----------------------------------------------------------------------------------

# What a subclass writes gets what the public call has checked.
WRITTEN_BY_SUBCLASSES = {"value", "slope", "prepare", "per_example"}
# Nobody but nnlib makes these: fit writes them down as it goes.
RECORDS = {nnlib.History, nnlib.DivergenceError}


def public_arguments():
    """Names of the arguments of every public function and method, by its name."""
    found = {}
    for prefix, module in MODULES.items():
        for name, thing in vars(module).items():
            offered = name in module.__all__ if module is nnlib else not name.startswith("_")
            home = getattr(thing, "__module__", "")
            if not offered or not callable(thing) or not home.startswith(module.__name__):
                continue
            if thing not in RECORDS and not inspect.isabstract(thing):
                found |= {prefix + name: thing} | dict(methods(prefix + name, thing))
    arguments = {
        name: set(inspect.signature(thing).parameters) - {"self"} for name, thing in found.items()
    }
    return {name: names for name, names in arguments.items() if names}


def methods(name, thing):
    for method, function in inspect.getmembers(thing, inspect.isroutine):
        public = not method.startswith("_") or (method == "__call__" and inspect.isclass(thing))
        public = public and method not in WRITTEN_BY_SUBCLASSES
        if public and (function.__module__ or "").startswith("nnlib"):
            yield f"{name}.{method}", function


def test_every_argument_of_every_public_name_has_its_row():
    rows = {name: set(row.bad) for name, row in TABLE.items()}
    assert rows == public_arguments(), "the rows of TABLE (left) and nnlib's public names differ"
    assert all(all(row.bad.values()) for row in TABLE.values())


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    if "plots." in MODULES:
        plots.plt.close("all")


@pytest.mark.parametrize("name", TABLE)
def test_good_input_is_taken(name):
    row = TABLE[name]
    row.call(**row.good())


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, row in TABLE.items() for argument in row.bad],
)
def test_bad_input_is_told_plainly(name, argument):
    row = TABLE[name]
    for value, error, came in row.bad[argument]:
        with pytest.raises(error) as caught:
            row.call(**row.good() | {argument: value})
        message = str(caught.value)
        assert caught.type is error
        assert re.search(rf"\b{argument}\b", message), "it names the argument"
        assert came in message, "it says what came"
        expected = "must|known are|empty|needs|not hold|registered"
        assert re.search(expected, message), "it says what may come"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *((name, {"x": [NAN, 1.0]}) for name in ACTIVATIONS),
        *((f"{name}.derivative", {"x": [NAN, 1.0]}) for name in ACTIVATIONS),
        *((name, {"scores": [NAN, 1.0]}) for name in ("softmax", "log_softmax", "log_sum_exp")),
        ("entropy", {"y": [NAN, 1.0]}),
        *((name, {"y": [NAN, 1.0]}) for name in ("cross_entropy", "kl_divergence")),
        *((name, {"p": [NAN, 1.0]}) for name in ("cross_entropy", "kl_divergence")),
        *((name, {"scores": TWO_BY_THREE * NAN}) for name in [*LABELS, "accuracy"]),
        ("squared_error", {"labels": TWO_BY_THREE * NAN}),
        ("softmax_cross_entropy", {"labels": TWO_BY_THREE * NAN}),
        *((f"MLP.{method}", {"x": [NAN, 1.0]}) for method in ("__call__", "predict_proba")),
    ],
)
def test_nan_is_no_bad_input_and_passes(name, data):
    row = TABLE[name]
    assert np.isnan(row.call(**row.good() | data)).any()


# --- what a plain array would lose ----------------------------------------------------------------

ARRAYS = {"x", "scores", "labels", "y", "p", "gradient"}
OF_ARRAYS = [
    (name, argument)
    for name, row in TABLE.items()
    for argument in row.bad
    if argument in ARRAYS and not name.startswith(("pytorch.", "plots.network_diagram"))
]


class Metres(np.ndarray):
    """Numbers with a unit, whose arithmetic is another than that of plain numbers."""

    def __array_ufunc__(self, *_, **__):
        raise TypeError("metres and no others")


@pytest.mark.parametrize(("name", "argument"), OF_ARRAYS)
def test_a_mask_or_a_unit_is_never_dropped(name, argument):
    row = TABLE[name]
    plain = np.asarray(row.good().get(argument, [1.0]))
    masked = np.ma.array(plain, mask=False)
    values = [(masked, ".filled("), ([masked, masked], ".filled("), (np.ma.masked, ".filled(")]
    values.append((plain.view(Metres), "Metres"))
    for value, cure in values:
        with pytest.raises(TypeError, match=rf"\b{argument}\b must be a plain array") as caught:
            row.call(**row.good() | {argument: value})
        assert cure in str(caught.value)


def test_a_matrix_and_a_memory_map_are_plain_numbers(tmp_path):
    plain = np.array([[0.5, -1.0, 2.0]])
    mapped = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=plain.shape)
    mapped[...] = plain
    for array in (mapped, plain.view(np.matrix)):
        assert type(relu(array)) is np.ndarray
        np.testing.assert_array_equal(nnlib.softmax(array), nnlib.softmax(plain))


@pytest.mark.parametrize(("name", "argument"), OF_ARRAYS)
def test_a_table_of_numbers_as_objects_is_told_its_cure(name, argument):
    """As pandas gives out columns of several kinds, and nullable ones."""
    row = TABLE[name]
    table = np.asarray(row.good().get(argument, [1.0])).astype(object)
    with pytest.raises(TypeError, match=r"\.astype\((float|int)\) or table\.to_numpy\(dtype="):
        row.call(**row.good() | {argument: table})


# --- whatever NumPy is told ---------------------------------------------------------------------

TINY, HUGE = 1e-310, 1e308
ENDS = np.array(
    [-INF, -HUGE, -800.0, -40.0, -1.0, -TINY, 0.0, TINY, 1.0, 40.0, 800.0, HUGE, INF, NAN]
)
FAR = [[0.0, -800.0, TINY], [HUGE, -HUGE, 0.0], [INF, 0.0, 1.0], [INF, INF, 0.0], 3 * [-INF]]
UNLIKELY = [[1.0, 1e-300, TINY], [0.5, 0.5, 0.0], [0.0, TINY, 1.0], [NAN, 0.5, 0.5]]


FAR_LABELS = [[0, 1, 2, 0, 1], np.eye(3)[[0, 1, 2, 0, 1]]]
WITH_INTERVAL = ("relu_interpolant", "sup_error", "breakpoints")


def harsh(name):
    """Arguments at which floats over- and underflow, or are not finite."""
    first = name.partition(".")[0]
    if name == "fit":
        for x in ([[HUGE, HUGE]] * 2, [[TINY, -TINY]] * 2, [[1e200, -1e200]] * 2):
            yield {"x": x}
    elif name in WITH_INTERVAL:
        g = {"g": np.abs} if name == "sup_error" else {}  # which itself underflows nowhere
        yield from (g | {"interval": ends} for ends in ((0, TINY), (-TINY, HUGE), (1, 1 + 1e-15)))
    elif first == "MLP" and "x" in TABLE[name].bad:
        yield from ({"x": x} for x in ([HUGE, HUGE], [TINY, -TINY], [INF, -INF], [NAN, 1.0]))
    elif first in {*ACTIVATIONS, "LeakyReLU"} and "x" in TABLE[name].bad:
        yield from ({"x": x} for x in (ENDS, ENDS.astype(np.float32), np.longdouble(10) ** 4000))
    for kind in (np.float64, np.float32):
        scores, y = np.array(FAR).astype(kind), np.array(UNLIKELY).astype(kind)
        if first == "squared_error":
            yield {"scores": scores, "labels": -scores, "reduction": "mean"}
        elif "labels" in TABLE[name].bad and "scores" in TABLE[name].bad:
            yield from ({"scores": scores, "labels": labels} for labels in FAR_LABELS)
        elif "scores" in TABLE[name].bad:
            yield {"scores": scores}
        elif "y" in TABLE[name].bad:
            yield {"y": y} | ({"p": y[::-1]} if "p" in TABLE[name].bad else {})


def harsh_calls(name):
    with np.errstate(all="ignore"):
        calls = [{}, *harsh(name)]
    same = {"rng": 0} if name in ("MLP", "fit") else {}
    nets = [{"net": MLP([2, 5, 3], "softplus", rng=0)} if name == "fit" else {} for _ in calls]
    return [TABLE[name].good() | call | same | net for call, net in zip(calls, nets, strict=True)]


def plainly(result):
    """What a call has given, to be compared."""
    if isinstance(result, (MLP, Gradients)):
        return result.theta.tolist()
    if isinstance(result, (list, tuple)):
        return [plainly(part) for part in result]
    if isinstance(result, np.ndarray):
        return str(result.dtype), result.tolist()
    return result if isinstance(result, (float, int, np.generic, nnlib.History)) else None


def given(name, call):
    try:
        return repr(plainly(TABLE[name].call(**call)))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", [name for name in TABLE if not name.startswith("pytorch.")])
def test_results_are_the_same_whatever_numpy_is_told_to_do_with_overflow(name):
    usual = [given(name, call) for call in harsh_calls(name)]
    assert not any(result.startswith(("RuntimeWarning", "FloatingPointError")) for result in usual)
    with np.errstate(all="raise"):
        assert [given(name, call) for call in harsh_calls(name)] == usual


# --- what comes from other libraries --------------------------------------------------------------


@pytest.mark.parametrize(("name", "argument"), OF_ARRAYS)
def test_a_tensor_that_numpy_cannot_read_is_told_with_its_cure(name, argument):
    torch = pytest.importorskip("torch")
    row = TABLE[name]
    plain = np.asarray(row.good().get(argument, [1.0]), dtype=float)
    tensor = torch.tensor(plain, requires_grad=True)
    for value, cure in ((tensor, "detach()"), (tensor.detach().to_sparse(), "to_dense()")):
        with pytest.raises(TypeError, match=rf"\b{argument}\b must .*a Tensor") as caught:
            row.call(**row.good() | {argument: value})
        assert cure in str(caught.value)


@pytest.mark.parametrize(("name", "argument"), OF_ARRAYS)
def test_text_and_single_objects_are_told_their_cure(name, argument):
    row = TABLE[name]
    plain = np.asarray(row.good().get(argument, [1.0]))
    cures = {"astype(": plain.astype(str), "list(values)": {1, 2}, "toarray()": object()}
    if argument == "labels" and not name.startswith("squared_error"):
        cures["return_inverse=True"] = np.array(["cat", "dog"])
    for cure, value in cures.items():
        with pytest.raises(TypeError, match=rf"\b{argument}\b must ") as caught:
            row.call(**row.good() | {argument: value})
        assert cure in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_of_another_byte_order_are_floats_all_the_same(dtype):
    plain = np.array([[0.5, -1.0, 2.0]], dtype)
    other = plain.astype(plain.dtype.newbyteorder())
    for call in (nnlib.softmax, relu, lambda s: hinge(s, [0])):
        np.testing.assert_array_equal(call(other), call(plain), strict=True)


def test_whole_floats_as_labels_are_told_their_cure():
    with pytest.raises(TypeError, match=r"must be integers .* pass labels\.astype\(int\)"):
        hinge([[1.0, 2.0]], [1.0])
