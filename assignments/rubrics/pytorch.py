"""The assignment on PyTorch: networks built, broken and mended, and trained on digits."""

from dataclasses import replace
from functools import cache, lru_cache
from unittest import mock

import numpy as np
import torch
from grading.rubric import Item, Part, Rubric
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from nnlib import check
from nnlib.check import Check

# --- networks -------------------------------------------------------------------------------------


def fill(layer):
    """Set the parameters of a linear layer to values that depend on nothing but their shapes."""
    for parameter in layer.parameters():
        values = np.random.default_rng(parameter.shape).normal(size=parameter.shape)
        parameter.data.copy_(torch.from_numpy(values))


def with_known_layers(one):
    """Return the check, of networks whose layers are known even where they are not registered."""

    def observe(build, arguments):
        with mock.patch.object(nn.Linear, "reset_parameters", fill):
            return one.observe(build, arguments)

    return replace(one, observe=observe)


def of_size(rng, key, hidden):
    sizes = {"input_size": 3, key: hidden, "output_size": 2}
    return sizes | {"x": rng.normal(size=(8, 3)).astype(np.float32)}


def of_networks(name, suite, points, values, *others):
    """Return the item of a class of networks."""
    registered = suite.select("all parameters are registered", "every parameter gets a gradient")
    return Item(
        name,
        [
            Part(points, "every parameter is registered", registered),
            Part(2, "the logits", [with_known_layers(one) for one in values]),
            *others,
        ],
    )


TWO_LAYER_NET = of_networks(
    "TwoLayerNet",
    check.two_layer_net,
    2,
    [
        *check.two_layer_net.select("logits", "other sizes"),
        replace(
            check.two_layer_net["logits"],
            name="more sizes",
            inputs=lambda rng: of_size(rng, "hidden_size", int(rng.integers(4, 20))),
        ),
    ],
)
MULTI_LAYER_NET = of_networks(
    "MultiLayerNet",
    check.multi_layer_net,
    3,
    [
        *check.multi_layer_net.select("logits", "more hidden layers"),
        replace(
            check.multi_layer_net["logits"],
            name="four hidden layers",
            inputs=lambda rng: of_size(
                rng, "layer_sizes", [4, 4, *rng.integers(4, 20, 2).tolist()]
            ),
        ),
    ],
    Part(1, "no hidden layer", [check.multi_layer_net["no hidden layer"]]),
)


# --- measuring ------------------------------------------------------------------------------------


def below_zero(rng):
    return {"scores": rng.normal(size=(5, 7)).astype(np.float32) - 50}


PREDICT = Item(
    "predict",
    [
        Part(
            2,
            "the class of the largest score",
            [
                *check.predict.select("a batch", "as many examples as classes"),
                replace(check.predict["a batch"], name="all scores below 0", inputs=below_zero),
            ],
        ),
        Part(1, "no graph", [check.predict["no graph is recorded"]]),
    ],
)
ACCURACY = Item(
    "accuracy",
    [Part(2, "the share of right predictions", check.accuracy.checks)],
    needs={"predict": check.predict["a batch"].right},
)


def step(*listed):
    return lambda rng: {
        "x": rng.normal(size=(8, 4)).astype(np.float32),
        "labels": rng.integers(3, size=8),
        "learning_rate": float(rng.uniform(0.05, 0.2)),
        "registered": listed,
        "earlier_passes": 0,
    }


MOVEMENT = Item(
    "movement",
    [
        Part(
            1,
            "a network as it should be",
            [
                check.movement["every layer is registered"],
                replace(
                    check.movement["every layer is registered"],
                    name="two layers",
                    inputs=step(True, True),
                ),
            ],
        ),
        Part(
            2,
            "layers that no optimizer sees",
            [
                check.movement["a layer is not registered"],
                replace(
                    check.movement["a layer is not registered"],
                    name="one of four is registered",
                    inputs=step(False, False, True, False),
                ),
            ],
        ),
        Part(
            1,
            "gradients of this step alone",
            [check.movement["gradients are left from before"]],
        ),
    ],
)


# --- training -------------------------------------------------------------------------------------


def batches(rng, examples, batch_size, epochs):
    return {
        "x": rng.normal(size=(examples, 4)).astype(np.float32),
        "labels": rng.integers(3, size=examples),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": float(rng.uniform(0.05, 0.2)),
        "seed": int(rng.integers(1000)),
    }


@cache
def digits():
    """Return digits to train on and digits held back, as the notebook splits them."""
    data = load_digits()
    split = train_test_split(data.data / 16, data.target, test_size=0.25, random_state=0)
    x, x_held, labels, labels_held = map(torch.as_tensor, split)
    return (x.float(), labels), (x_held.float(), labels_held)


def settings(rng):
    given = {"hidden_size": 32, "epochs": 6, "batch_size": 45, "learning_rate": 0.35}
    return given | {"seed": int(rng.integers(1000))}


def reached(train, arguments):
    # Over 250 seeds, right loops get from 90 % to 97 %.
    share = share_right(train, *arguments.values())
    return f"{'reached' if share >= 0.85 else 'did not reach'} 85 % of the digits held back"


@lru_cache(8)  # the reference is asked for every submission
def share_right(train, hidden_size, epochs, batch_size, learning_rate, seed):
    (x, labels), (x_held, labels_held) = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(64, hidden_size), nn.ReLU(), nn.Linear(hidden_size, 10))
        train(net, x, labels, epochs, batch_size, learning_rate, seed)
    with torch.no_grad():
        return (net(x_held).argmax(dim=1) == labels_held).double().mean().item()


# The right loop.
LOOP = check.train["small batches"].right

TRAIN = Item(
    "train",
    [
        Part(
            2,
            "steps with all examples",
            [
                check.train["two steps with all examples"],
                replace(
                    check.train["two steps with all examples"],
                    name="four steps",
                    inputs=lambda rng: batches(rng, 9, batch_size=20, epochs=4),
                ),
            ],
        ),
        Part(
            2,
            "batches in a new order",
            [
                check.train["small batches"],
                replace(
                    check.train["small batches"],
                    name="other small batches",
                    inputs=lambda rng: batches(rng, 11, batch_size=4, epochs=3),
                ),
            ],
        ),
        Part(1, "the losses", check.train.select("the losses", "the losses are numbers")),
        Part(2, "digits", [Check("digits", settings, LOOP, (), reached)]),
    ],
)

RUBRIC = Rubric(
    "pytorch",
    items=(TWO_LAYER_NET, PREDICT, ACCURACY, MOVEMENT, MULTI_LAYER_NET, TRAIN),
    written={"written-warning": 4},
    allowed=("numpy", "torch", "sklearn"),
)
