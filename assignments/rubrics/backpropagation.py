"""Backpropagation: pullbacks, the order of a sweep, an engine, a check, a network: 30 points."""

from dataclasses import replace

from grading.rubric import KEPT, Item, Part, Rubric, careful

from nnlib import check


def unit_rows_pullback():
    suite = check.unit_rows_pullback
    values = suite.select("a batch of rows", "one row", "three axes")
    far = suite.select("rows of large numbers", "rows of small numbers")
    return Item(
        "unit_rows_pullback",
        (
            Part(2, "the values", values),
            Part(1, "rows of numbers of every size", [*values, *far]),
            careful(suite),
        ),
    )


def pairs_pullback():
    def both(*names):
        gradients = (f"{name}: the gradient in {leaf}" for name in names for leaf in "uv")
        return check.pairs_pullback.select(*gradients)

    values = both("two vectors", "a batch of pairs")
    stretched = both(
        "one v for a batch", "one u for a batch", "axes of length 1", "vectors of one number"
    )
    return Item(
        "pairs_pullback",
        (
            Part(1, "vectors, and a batch of them", values),
            Part(2, "axes that were stretched", stretched),
            careful(check.pairs_pullback),
        ),
    )


def waves():
    suite = check.waves
    shared = suite.select(
        "a shared node", "a long way and a short one", "a node used twice at once"
    )
    values = [*suite.select("a chain", "two inputs", "two chains"), *shared]
    more = replace(shared[1], name="more of these", inputs=larger)
    return Item(
        "waves",
        (
            Part(2, "the waves", [*values, more]),
            Part(
                1,
                "nodes off the way, and a graph that stays as it was",
                suite.select("nodes off the way", "the graph stays as it was"),
            ),
            Part(
                1,
                "many paths, and deep ones",
                [
                    *values,
                    *suite.select("25 doublings or more: 2**25 paths", "4,000 nodes deep, or more"),
                ],
            ),
        ),
    )


def larger(rng):
    """Return a graph of eight nodes, each of which uses two or three drawn ones."""
    inputs = {"n0": [], "n1": []}
    for i in range(2, 8):
        before = rng.choice(i, size=min(i, int(rng.integers(2, 4))), replace=False)
        inputs[f"n{i}"] = [f"n{j}" for j in before]
    return {"inputs": inputs, "result": "n7"}


def mended_gradients():
    suite = check.mended_gradients
    shared = suite.select("u * (u + a) with u = a * b", "exp(a + u) * u with u = a * b")
    others = suite.select(*(name for name in suite if suite[name] not in shared))
    return Item(
        "mended_gradients",
        (
            Part(2, "shared numbers", shared),
            Part(1, "larger programs", [*shared, *others]),
        ),
    )


def wrong_entries():
    suite = check.wrong_entries
    values = suite.select("slopes of several sizes", "a right gradient")
    steps = suite.select(
        "values of about 1000", "quick waves", "near the bottom of a valley", "numbers up to 1e11"
    )
    return Item(
        "wrong_entries",
        (
            Part(2, "slopes of several sizes", values),
            Part(1, "a sensible step", [*values, *steps]),
            Part(
                1,
                "zeros, and what is no number",
                suite.select("zeros", "what is no number", "an array of booleans"),
            ),
        ),
    )


def loop_forward():
    suite = check.loop_forward
    losses = suite.select("the loss", "scores about 1000", "classes far behind")
    return Item(
        "loop_forward",
        (
            Part(1, "the loss", losses),
            Part(1, "what is kept", [*suite.select(*(f"what is kept: {x}" for x in "htp"), *KEPT)]),
        ),
    )


def loop_backward():
    def of(leaves, *turns):
        names = [f"{turn}: the gradient in {leaf}" for turn in turns for leaf in leaves]
        return check.loop_backward.select(*names)

    more = ("three turns", "many turns")
    return Item(
        "loop_backward",
        (
            Part(1, "the last layer", of("cV", "one turn", *more)),
            Part(1, "a loop of one turn", of("bW", "one turn")),
            Part(1, "the weight in the loop", of("W", *more)),
            Part(1, "the bias in the loop", of("b", *more)),
            careful(check.loop_backward),
        ),
    )


RUBRIC = Rubric(
    "backpropagation",
    items=(
        unit_rows_pullback(),
        pairs_pullback(),
        waves(),
        mended_gradients(),
        wrong_entries(),
        loop_forward(),
        loop_backward(),
    ),
    written={"written-sorting": 4},
    allowed=("numpy",),
)
