"""The assignment on PyTorch: a deep network measured, mended, trained and stopped in time."""

from dataclasses import replace

import numpy as np
from grading.rubric import Item, Part, Rubric

from nnlib import check


def examples(rng, count):
    return {"x": rng.normal(size=(count, 4)), "labels": rng.integers(3, size=count)}


# --- the instrument -------------------------------------------------------------------------------


def measured(count, frozen=False, unused=False, passes=0):
    return lambda rng: (
        examples(rng, count)
        | {
            "first_layer_frozen": frozen,
            "a_parameter_unused": unused,
            "earlier_passes": passes,
        }
    )


FRESH = check.gradient_lengths["a fresh network"]
GRADIENT_LENGTHS = Item(
    "gradient_lengths",
    [
        Part(2, "the lengths", [FRESH, replace(FRESH, name="more examples", inputs=measured(11))]),
        Part(
            2,
            "no trace, neither of the past nor of the measuring",
            [
                *check.gradient_lengths.select(
                    "gradients are left from before", "no trace is left"
                ),
                replace(FRESH, name="two earlier passes", inputs=measured(8, passes=2)),
            ],
        ),
        Part(
            1,
            "parameters without a gradient, and plain numbers",
            [
                *check.gradient_lengths.select(
                    "a frozen layer",
                    "a parameter that the scores do not need",
                    "the lengths are numbers",
                ),
                replace(FRESH, name="both", inputs=measured(5, frozen=True, unused=True)),
            ],
        ),
    ],
)

# --- the network ----------------------------------------------------------------------------------


def of_size(rng, blocks):
    sizes = {"input_size": 3, "width": int(rng.integers(4, 20)), "blocks": blocks, "output_size": 2}
    return sizes | {"x": rng.normal(size=(8, 3)).astype(np.float32)}


LOGITS = check.residual_net["logits"]
RESIDUAL_NET = Item(
    "ResidualNet",
    [
        Part(
            2,
            "all of it learns, along all paths",
            [
                LOGITS,
                *check.residual_net.select(
                    "all parameters are registered",
                    "every parameter gets a gradient",
                    "the gradient at the inputs",
                ),
            ],
        ),
        Part(
            2,
            "the logits",
            [
                *check.residual_net.select("logits", "one block"),
                replace(LOGITS, name="six blocks", inputs=lambda rng: of_size(rng, 6)),
            ],
        ),
        Part(1, "no block", [LOGITS, check.residual_net["no block"]]),
    ],
)

# --- counting mistakes ----------------------------------------------------------------------------


def scored(rng, sizes, classes, dropout=False):
    return {
        "scores": [rng.normal(size=(size, classes)).astype(np.float32) - 50 for size in sizes],
        "labels": [rng.integers(classes, size=size) for size in sizes],
        "classes": classes,
        "dropout": dropout,
        "training": True,
    }


BATCHES = check.confusion["several batches"]
CONFUSION = Item(
    "confusion",
    [
        Part(
            3,
            "the counts",
            [
                *check.confusion.select("one batch", "several batches"),
                replace(
                    BATCHES,
                    name="a batch of one",
                    inputs=lambda rng: scored(rng, [15, 1], 3),
                ),
            ],
        ),
        Part(
            1,
            "a tensor of integers, and no graph",
            [BATCHES, *check.confusion.select("a tensor of integers", "no graph is recorded")],
        ),
        Part(
            1,
            "the network measured as it will be used, and given back as it came",
            [
                BATCHES,
                *check.confusion.select(
                    "dropout does not count",
                    "training mode comes back",
                    "evaluation mode comes back",
                ),
                replace(
                    BATCHES,
                    name="batches with dropout",
                    inputs=lambda rng: scored(rng, [20, 20], 4, dropout=True),
                ),
            ],
        ),
    ],
)

# --- a step ---------------------------------------------------------------------------------------


def pieces(count, size, passes=0):
    return lambda rng: (
        examples(rng, count)
        | {
            "size": size,
            "learning_rate": float(rng.uniform(0.1, 0.3)),
            "earlier_passes": passes,
        }
    )


EVEN = check.accumulated_step["pieces of one size"]
UNEVEN = check.accumulated_step["a smaller last piece"]
LOSS = check.accumulated_step["the loss"]
ACCUMULATED_STEP = Item(
    "accumulated_step",
    [
        Part(
            1,
            "pieces of one size",
            [EVEN, replace(EVEN, name="a single piece", inputs=pieces(4, size=9))],
        ),
        Part(
            1,
            "a smaller last piece",
            [UNEVEN, replace(UNEVEN, name="pieces of four", inputs=pieces(13, size=4))],
        ),
        Part(
            1,
            "the loss",
            [
                LOSS,
                replace(LOSS, name="the loss of pieces of four", inputs=pieces(13, size=4)),
                check.accumulated_step["the loss is a number"],
            ],
        ),
        Part(
            1,
            "gradients of this step alone",
            [
                check.accumulated_step["gradients are left from before"],
                replace(EVEN, name="two earlier passes", inputs=pieces(8, size=2, passes=2)),
            ],
        ),
        Part(
            1,
            "one piece held at a time",
            [EVEN, check.accumulated_step["one piece is held at a time"]],
        ),
    ],
)

# --- a training that stops ------------------------------------------------------------------------


def scripted(*ranks, patience):
    """Return losses of this order, from the lowest, 0, to the highest."""
    return lambda rng: {
        "losses_held_out": np.sort(rng.uniform(0.2, 2.0, size=1 + max(ranks)))[list(ranks)],
        "patience": patience,
    }


def batches(rng):
    held_out = {f"{name}_held_out": value for name, value in examples(rng, 6).items()}
    return examples(rng, 11) | held_out | {"epochs": 4, "batch_size": 4, "seed": 1}


END = check.train_with_patience["the end"]
KEPT = check.train_with_patience["the best parameters"]
SMALL = check.train_with_patience["the losses of small batches"]
RUNS = {
    "a patience of 1": scripted(3, 2, 0, 1, patience=1),
    "a patience of 3": scripted(6, 2, 4, 3, 1, 7, 5, 8, 0, patience=3),
    "patience to the end": scripted(4, 0, 2, 1, 3, patience=5),
}
TIES = {"a loss that comes again at once": scripted(2, 1, 1, 2, 0, patience=2)}
TRAIN_WITH_PATIENCE = Item(
    "train_with_patience",
    [
        Part(
            1,
            "losses of small batches in a new order",
            [SMALL, replace(SMALL, name="other small batches", inputs=batches)],
        ),
        Part(
            1,
            "plain numbers, and no graph",
            [
                SMALL,
                *check.train_with_patience.select(
                    "the losses are numbers", "no graph of what is held out"
                ),
            ],
        ),
        Part(
            2,
            "the end",
            [
                *check.train_with_patience.select("the end", "a loss that comes again"),
                *(replace(END, name=name, inputs=inputs) for name, inputs in (RUNS | TIES).items()),
            ],
        ),
        Part(
            2,
            "the best parameters",
            [
                *check.train_with_patience.select(
                    "the best parameters", "all parameters come back"
                ),
                *(
                    replace(KEPT, name=f"the best parameters, {name}", inputs=inputs)
                    for name, inputs in RUNS.items()
                ),
            ],
        ),
    ],
)

RUBRIC = Rubric(
    "pytorch",
    items=(GRADIENT_LENGTHS, RESIDUAL_NET, CONFUSION, ACCUMULATED_STEP, TRAIN_WITH_PATIENCE),
    written={"written-modes": 2, "written-held-out": 2},
    allowed=("numpy", "torch"),
)
