"""Exam questions on multilayer perceptrons: shapes, bends, collapse, depth and the first step."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from exams.model import Mark, Question, Slip, Variant, said
from nnlib import (
    MLP,
    breakpoints,
    plots,
    relu,
    relu_interpolant,
    sawtooth,
    softmax,
    squared_error,
    sup_error,
)


def row(values: Any, digits: int = 0) -> str:
    """Return numbers as a row in a formula."""
    return said(tuple(float(value) for value in values), digits)


def factor(number: float) -> str:
    """Return a number as it stands in a product."""
    return f"({number:g})" if number < 0 else f"{number:g}"


# --- To compute -----------------------------------------------------------------------------------


def room_for_units(rng: np.random.Generator) -> Variant:
    """Draw the two ends of a network, and how many parameters it may have."""
    inputs, scores = int(rng.choice([6, 8, 9, 12, 15, 20])), int(rng.integers(2, 6))
    room = int(rng.choice([200, 300, 400, 500, 600, 800]))
    each = inputs + 1 + scores
    units = (room - scores) // each
    unused = room - MLP([inputs, units, scores], rng=0).n_parameters
    more = MLP([inputs, units + 1, scores], rng=0).n_parameters
    return Variant(
        values={"inputs": inputs, "scores": scores, "room": room},
        text=(
            f"A network has {inputs} inputs, one hidden layer and {scores} scores. The device on "
            f"which it is to run has room for {room} parameters, and the network gets as many "
            "hidden units as fit. Room for how many parameters stays unused?"
        ),
        key=unused,
        slips=(
            Slip(
                room % each,
                "You left out the biases of the scores. They need room, too.",
            ),
            Slip(
                room % (inputs + scores),
                "That is right for weights alone. Biases need room, too.",
            ),
            Slip(
                (room - inputs - scores) % each,
                "You gave a bias to every input. An input has none.",
            ),
            Slip(
                more - room,
                "So many are missing for one unit more. How many are left without it?",
            ),
            Slip(
                units,
                "So many units fit. How much of the room do they leave?",
            ),
        ),
        solution=(
            rf"A hidden unit has ${inputs} + 1$ parameters of its own and {scores} weights behind "
            f"it, so {each} in all. The scores have {scores} biases, however many units there are. "
            rf"So ${each} h + {scores} \le {room}$, and $h \le {room - scores} / {each}$, rounded "
            rf"down: {units}. With them the network has ${each} \cdot {units} + {scores} = "
            f"{room - unused}$ parameters, so room for {unused} stays unused."
        ),
    )


def room_for_units_again(inputs: int, scores: int, room: int) -> int:
    """Return the room that is left, by adding one unit after the other."""
    left = room - scores
    while left >= inputs + 1 + scores:
        left -= inputs + 1 + scores
    return left


ORDINALS = ("first", "second", "third")


def slope_here(rng: np.random.Generator) -> Variant:
    """Draw three units, at least one of which opens to the left, and a place where two are on."""
    while True:
        front = rng.permutation([1, 2, 3]) * rng.permutation([1, -1, -1])
        bends = rng.permutation([-2, -1, 0, 1, 2])[:3]
        x = float(rng.choice([-1.5, -0.5, 0.5, 1.5]))
        on = front * (x - bends) > 0
        if on.sum() == 2:
            break
    behind = rng.permutation([1, 2, -1, -2, 3])[:3]
    net = MLP([1, 3, 1], "relu", rng=0)
    net.weights[0][...], net.biases[0][...] = front[:, None], -front * bends
    net.weights[1][...], net.biases[1][...] = behind, 1
    below, above = net([[x - 0.25], [x + 0.25]]).ravel()
    pairs = zip(front[on], behind[on], strict=True)
    products = " + ".join(rf"{factor(w)} \cdot {factor(v)}" for w, v in pairs)
    slope = round(float(above - below) * 2, 6)
    return Variant(
        values={
            "front": front.tolist(),
            "bends": bends.tolist(),
            "behind": behind.tolist(),
            "x": x,
        },
        text=(
            rf"A ReLU network with one input has $W_1 = {row(front)}^\top$, "
            rf"$b_1 = {row(-front * bends)}^\top$, $W_2 = {row(behind)}$ and $b_2 = 1$. What is "
            f"the slope of its output at $x = {said(x, 1)}$?"
        ),
        key=slope,
        slips=(
            Slip(
                float(behind[on].sum()),
                "These are the output weights of the units that are on. Such a unit brings the "
                "weight in *front* of it, times the one behind.",
            ),
            Slip(
                float((front * behind)[bends < x].sum()),
                "You took every unit to be on to the right of its bend. One with a negative weight "
                "in front is on to the left.",
            ),
            Slip(
                float(front @ behind),
                "You took all units to be on, as if nothing bent. Which of the $z_i$ are above 0?",
            ),
            Slip(
                float(front[on].sum()),
                "These are the slopes of the units that are on, each of which is still to be "
                "multiplied by the weight behind it.",
            ),
        ),
        solution=(
            rf"There $W_1 x + b_1 = {row(front * (x - bends), 1)}^\top$, so the "
            f"{' and the '.join(ORDINALS[i] for i in np.flatnonzero(on))} unit are on. Each brings "
            "the weight in front of it, times the weight behind: "
            f"${products} = {said(slope, 0)}$. The biases say which units are on, and no more."
        ),
    )


def slope_here_again(front: list[int], bends: list[int], behind: list[int], x: float) -> float:
    """Return the slope, by the output a little to the right and to the left."""

    def output(x: float) -> float:
        units = zip(front, bends, behind, strict=True)
        return sum(v * max(w * (x - bend), 0.0) for w, bend, v in units)

    return (output(x + 0.125) - output(x - 0.125)) * 4


def units_for_two_parts(rng: np.random.Generator) -> Variant:
    """Draw two parts of an interval, and roots of the curvature on them."""
    lengths = rng.permutation([1, 2, 3, 4])[:2]
    roots = rng.permutation([5, 10, 15, 20, 25])[:2]
    curvatures = roots**2 * 8 // 100
    middle, end = int(lengths[0]), int(lengths.sum())
    pieces = lengths * roots
    return Variant(
        values={"lengths": lengths.tolist(), "curvatures": curvatures.tolist()},
        text=(
            r"A function with a continuous second derivative has $\lvert f'' \rvert \le "
            rf"{curvatures[0]}$ on $[0, {middle}]$ and $\lvert f'' \rvert \le {curvatures[1]}$ on "
            rf"$[{middle}, {end}]$. Each of "
            "the two parts is cut into equal pieces of its own. A ReLU network with one hidden "
            "layer follows the broken line over all these pieces, with a unit for each. With how "
            "many units, at least, do the bounds on the error of a broken line promise $0.01$ "
            "everywhere?"
        ),
        key=int(pieces.sum()),
        slips=(
            Slip(
                int(end * roots.max()),
                "That cuts the gentle part as finely as the other. It has pieces of its own.",
            ),
            Slip(
                int(pieces @ pieces),
                "You let the error fall like $1/n$. It falls like $1/n^2$: take the square root.",
            ),
            Slip(
                int(roots.sum()),
                "That is right if both parts have the length 1. A longer part takes more pieces.",
            ),
        ),
        solution=(
            r"A part of the length $\Delta$, cut into $n$ pieces, has an error of at most "
            r"$M \Delta^2 / (8 n^2)$, which is at most 0.01 from $n = \Delta \sqrt{M / 0.08}$ on. "
            rf"For the first part this is ${lengths[0]} \sqrt{{{curvatures[0]} / 0.08}} = "
            rf"{lengths[0]} \cdot {roots[0]} = {pieces[0]}$, for the second "
            rf"${lengths[1]} \sqrt{{{curvatures[1]} / 0.08}} = {lengths[1]} \cdot {roots[1]} = "
            f"{pieces[1]}$. Together these are {pieces.sum()} units."
        ),
    )


def units_for_two_parts_again(lengths: list[int], curvatures: list[int]) -> int:
    """Return the number of units, one piece after the other, in whole numbers."""
    total = 0
    for length, curvature in zip(lengths, curvatures, strict=True):
        n = 1
        while 100 * curvature * length**2 > 8 * n**2:
            n += 1
        total += n
    return total


def zigzags_in_a_row(rng: np.random.Generator) -> Variant:
    """Draw how often each of three layers runs through the interval."""
    pieces = [int(n) for n in rng.permutation([2, 3, 4, 5, 6])[:3]]
    product, units = math.prod(pieces), sum(pieces)
    first, second, third = pieces
    return Variant(
        values={"pieces": pieces},
        text=(
            "A zigzag with $n$ pieces takes $[0, 1]$ to $[0, 1]$: it runs from 0 to 1, back to 0 "
            "and so on, $n$ times in all, and takes $n$ ReLU units. A deep network applies a "
            f"zigzag with {first} pieces, then one with {second} to its result, then one with "
            f"{third} to that. How many bends *more* does the function have, between 0 and 1, than "
            "the network has units?"
        ),
        key=product - 1 - units,
        slips=(
            Slip(
                product - units,
                "You counted the pieces. Between them is one bend less.",
            ),
            Slip(
                product - 1,
                "These are all bends. The units of the network are to be taken from them.",
            ),
            Slip(
                -1,
                "You added the pieces of the layers. Each piece of one zigzag runs through the "
                "whole of the next, so that pieces are *multiplied*.",
            ),
            Slip(
                -3,
                "You added the bends of the layers. Each piece of one zigzag runs through the "
                "whole of the next, so that pieces are *multiplied*.",
            ),
        ),
        solution=(
            "Each piece of one zigzag runs through all of $[0, 1]$, and so through the whole of "
            rf"the next: there are ${first} \cdot {second} \cdot {third} = {product}$ pieces and "
            f"{product - 1} bends. The network has ${first} + {second} + {third} = {units}$ "
            f"units. So there are {product - 1 - units} bends more."
        ),
    )


def zigzags_in_a_row_again(pieces: list[int]) -> int:
    """Return the difference: follow points so close that no bend lies between two of them."""

    def after(x: Fraction) -> Fraction:
        for n in pieces:
            whole, rest = divmod(n * x, 1)
            x = 1 - rest if whole % 2 else rest
        return x

    steps = 2 * math.prod(pieces)
    heights = [after(Fraction(i, steps)) for i in range(steps + 1)]
    slopes = [b - a for a, b in pairwise(heights)]
    bends = sum(a != b for a, b in pairwise(slopes))
    return bends - sum(pieces)


def step_of_a_batch(rng: np.random.Generator) -> Variant:
    """Draw a unit with a bias, and a mini-batch of two examples."""
    w, b = int(rng.choice([1, 2])), int(rng.choice([-1, 0, 1]))
    x = rng.permutation([1, 2, 3, 4])[:2]
    wrong = rng.permutation([[-1, 3], [-2, 3], [1, 2], [-2, -1], [1, 3]][rng.integers(5)])
    y = w * x + b - wrong
    net = MLP([1, 1], rng=0)
    net.weights[0][...], net.biases[0][...] = w, b
    scores = net.forward(x[:, None])
    gradient = net.backward(squared_error.gradient(scores, y[:, None], "mean"))
    slope, slope_of_b = gradient.weights[0].item(), gradient.biases[0].item()
    one = w - 0.1 * wrong[0] * x[0]
    one_b = b - 0.1 * wrong[0]
    two = one - 0.1 * (one * x[1] + one_b - y[1]) * x[1]
    shift = "" if b == 0 else f" {'+' if b > 0 else '-'} 1"
    return Variant(
        values={"w": w, "b": b, "x": x.tolist(), "y": y.tolist()},
        text=(
            rf"The unit $s = w x + b$ has $w = {w}$ and $b = {b}$. It takes one gradient step with "
            rf"$\eta = 0.1$ on a mini-batch of two examples, $(x, y) = ({x[0]}, {y[0]})$ and "
            rf"$({x[1]}, {y[1]})$. The loss is the mean of $\tfrac12 (s - y)^2$ over both. What is "
            "$w$ after the step?"
        ),
        key=w - 0.1 * slope,
        slips=(
            Slip(
                w - 0.2 * slope,
                "Your step is twice as long. Did you add the slopes of both examples, or lose ½? "
                r"The loss is their *mean*, and $\tfrac12 (s - y)^2$ has the slope $s - y$ in $s$.",
            ),
            Slip(
                w + 0.1 * slope,
                "You went uphill: the step goes against the slope.",
            ),
            Slip(
                w - 0.1 * slope_of_b,
                "That step is the bias's. How fast does $s$ change with $w$?",
            ),
            Slip(
                float(two),
                "You took two steps, one for each example. A mini-batch takes one, with both "
                "slopes at the old weights.",
            ),
        ),
        solution=(
            rf"The scores are ${w} \cdot {x[0]}{shift} = {w * x[0] + b}$ and "
            rf"${w} \cdot {x[1]}{shift} = {w * x[1] + b}$, so $s - y$ is ${wrong[0]}$ and "
            rf"${wrong[1]}$. Times $x$, the slopes are ${wrong[0] * x[0]}$ and "
            rf"${wrong[1] * x[1]}$, with the mean ${slope:g}$. So $w$ becomes "
            rf"${w} - 0.1 \cdot {factor(slope)} = {said(w - 0.1 * slope)}$."
        ),
    )


def step_of_a_batch_again(w: int, b: int, x: list[int], y: list[int]) -> float:
    """Return the new weight, with the slope from differences of the mean loss."""

    def loss(w: float) -> float:
        return sum((w * a + b - c) ** 2 / 2 for a, c in zip(x, y, strict=True)) / 2

    return w - 0.1 * (loss(w + 0.5) - loss(w - 0.5))


# --- To find the fault ----------------------------------------------------------------------------

TORN_PAIRS = """
import numpy as np

rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, 3200)
y = 3 * x - 1
w = b = 0.0
for epoch in range(20):
    order = rng.permutation(len(x))
    for start in range(0, len(x), 32):
        batch = order[start : start + 32]
        wrong = w * x[batch] + b - y[start : start + 32]
        w -= 0.1 * np.mean(wrong * x[batch])
        b -= 0.1 * np.mean(wrong)

print(f"w: {w:.1f}, b: {b:.1f}")
"""


def harm_of_torn_pairs(names: dict[str, Any]) -> None:
    """Hold that the weight is lost and the bias is not, and that each mended form finds both."""
    assert abs(names["w"]) < 0.4
    assert abs(names["b"] + 1) < 0.2
    line, both = "y[start : start + 32]", "x[batch]"
    assert (TORN_PAIRS.count(line), TORN_PAIRS.count(both)) == (1, 2)
    for old, new in ((line, "y[batch]"), (both, "x[start : start + 32]")):
        mended: dict[str, Any] = {}
        exec(TORN_PAIRS.replace(old, new).split("print")[0], mended)
        assert abs(mended["w"] - 3) < 1e-3
        assert abs(mended["b"] + 1) < 1e-3


def too_many_bends() -> Figure:
    """Draw three folds."""
    x = np.linspace(0, 1, 1025)
    figure = Figure(figsize=(4.6, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, sawtooth(3)(x[:, None]), color=plots.COLORS[0])
    axes.set(xlabel="$x$", ylabel="output", ylim=(-0.05, 1.1))
    axes.set_title("one hidden layer of 6 ReLU units")
    return figure


def harm_of_too_many_bends(names: dict[str, Any]) -> None:
    """Hold that there are seven bends, and that three layers of two units make them."""
    net = sawtooth(3)
    assert len(breakpoints(net)) == 7
    assert net.layer_sizes == (1, 2, 2, 2, 1)
    assert [len(breakpoints(sawtooth(layers))) + 1 for layers in (1, 2, 3)] == [2, 4, 8]


# --- What is claimed in words ---------------------------------------------------------------------


def tower_in_three(names: dict[str, Any]) -> None:
    """Hold what is said of three ridges, cut by a second layer."""
    net = MLP([3, 9, 1, 1], "relu", rng=0)
    net.weights[0][...] = np.repeat(np.eye(3), 3, axis=0)
    net.biases[0][...] = 3 * [1, 0, -1]
    net.weights[1][...], net.biases[1][...] = 3 * [1, -2, 1], -1
    net.weights[2][...], net.biases[2][...] = 1, 0
    places = [[0, 0, 0], [0, 0, 5], [0, 5, 5]]
    assert net(places).ravel().tolist() == [2, 1, 0]
    net.biases[1][...] = -1.9
    assert net(places)[1] > 0
    net.biases[1][...] = -2
    assert net(places).ravel().tolist() == [1, 0, 0]
    edge = np.random.default_rng(0).uniform(-1, 1, (2000, 3))
    edge[np.arange(2000), np.arange(2000) % 3] = np.resize([1, -1, 1.5, -4], 2000)
    assert not net(edge).any()


def where_the_theorem_holds(names: dict[str, Any]) -> None:
    """Hold that a broken line follows 1/x away from 0, and two units are the absolute value."""
    net = relu_interpolant(lambda x: 1 / x, 150, (0.1, 1.0))
    assert sup_error(lambda x: 1 / x, net, 150, (0.1, 1.0)) < 0.01
    x = np.linspace(-5, 5, 101)
    assert np.array_equal(relu(x) + relu(-x), np.abs(x))


def too_stiff(names: dict[str, Any]) -> None:
    """Hold what keeps cubic and straight networks away from a zigzag and from a parabola."""
    rng = np.random.default_rng(0)
    front, bias, behind = rng.normal(size=(3, 6))
    x = np.linspace(0, 1, 5)
    z = np.outer(x, front) + bias
    # Of a cubic the fourth difference is 0, of the zigzag it is -8, of 16 errors in all.
    assert np.allclose(np.diff((z**3 - z) @ behind, 4), 0)
    assert np.diff([0, 1, 0, 1, 0], 4) == -8
    # Of a line the second one is 0, with four errors.
    assert np.diff(np.array([0, 0.5, 1]) ** 2, 2) == 4 / 8


def one_bend_is_enough(names: dict[str, Any]) -> None:
    """Hold that a stack with one bent layer is a smaller network, and count both."""
    rng = np.random.default_rng(0)
    first, net = MLP([10, 50], "identity", rng=rng), MLP([50, 50, 3], "relu", rng=rng)
    for bias in (*first.biases, *net.biases):
        bias[...] = rng.normal(size=bias.shape)
    small = MLP([10, 50, 3], "relu", rng=0)
    small.weights[0][...] = net.weights[0] @ first.weights[0]
    small.biases[0][...] = net.weights[0] @ first.biases[0] + net.biases[0]
    small.weights[1][...], small.biases[1][...] = net.weights[1], net.biases[1]
    x = rng.normal(size=(20, 10))
    assert np.allclose(small(x), net(first(x)))
    assert MLP([10, 50, 50, 3], rng=0).n_parameters == 3253
    assert small.n_parameters == 703
    narrow, wide = rng.normal(size=(4, 10)), rng.normal(size=(50, 4))
    assert np.linalg.matrix_rank(wide @ narrow) == 4


def a_sum_in_place_of_a_mean(names: dict[str, Any]) -> None:
    """Hold that a sum with a smaller rate takes the same steps, but for the last batch."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    net = MLP([3, 2], rng=0)
    for size, share in ((8, 1), (2, 1 / 4)):
        scores = net.forward(x[:size])
        mean = net.backward(squared_error.gradient(scores, y[:size], "mean")).theta
        total = net.backward(squared_error.gradient(scores, y[:size], "sum")).theta
        assert np.allclose(0.1 / 8 * total, 0.1 * share * mean)
    assert 100 % 32 == 4


def three_classes_through_one_number(names: dict[str, Any]) -> None:
    """Hold that three lines over one number can win in turn, and lines through 0 cannot."""
    a = np.array([0.5, 2.0, 4.0])
    scores = np.stack([2 - a, np.ones(3), a - 2], axis=-1)
    assert scores.argmax(axis=-1).tolist() == [0, 1, 2]
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(100, 3, 1))
    bent, unbent = np.linspace(0.1, 9, 50), np.linspace(-9, 9, 50)
    assert all(len(set((w * bent).argmax(axis=0))) == 1 for w in weights)
    # At 0 all scores tie, and the first class wins: why (c) and (d) leave it out.
    assert np.outer([1, 2, 3], [0, 1]).argmax(axis=0).tolist() == [0, 2]
    assert all(len(set((w * unbent).argmax(axis=0))) == 2 for w in weights)


def a_bend_at_the_end(names: dict[str, Any]) -> None:
    """Hold that the logarithm of the ratio of two probabilities is affine, and they are not."""
    net = MLP([2, 5, 3], "identity", rng=0)
    p = softmax(net([[0, 0], [1, 2], [2, 4]]))
    ratio = np.log(p[:, 0] / p[:, 1])
    assert math.isclose(ratio[0] + ratio[2], 2 * ratio[1], rel_tol=1e-12)
    assert abs(p[0, 0] + p[2, 0] - 2 * p[1, 0]) > 1e-3


# --- All of them ----------------------------------------------------------------------------------

QUESTIONS = (
    Question(
        id="q-room-for-units",
        kind="compute",
        title="As many units as there is room for",
        objective="draw a network in two ways, count",
        section="sec-one-hidden-layer",
        difficulty=1,
        minutes=4,
        draw=room_for_units,
        check=room_for_units_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(2, "what a hidden unit costs: weights in front and behind, and a bias"),
            Mark(1, "the biases of the scores, once"),
            Mark(1, "the number of units, rounded down, and what they leave"),
        ),
    ),
    Question(
        id="q-slope-here",
        kind="compute",
        title="The slope at one place",
        objective="build a network that follows a function of one variable",
        section="sec-one-hidden-layer",
        difficulty=2,
        minutes=4,
        draw=slope_here,
        check=slope_here_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(2, "which units are on there (1 point with one mistake)"),
            Mark(2, "the sum over these of weight in front times weight behind"),
        ),
    ),
    Question(
        id="q-units-for-two-parts",
        kind="compute",
        title="Pieces where they are needed",
        objective="build a network that follows a function of one variable",
        section="sec-built",
        difficulty=2,
        minutes=6,
        draw=units_for_two_parts,
        check=units_for_two_parts_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(2, r"the bound $M \Delta^2 / (8 n^2)$, with the length of the part"),
            Mark(2, "solved for $n$, with the square root"),
            Mark(2, "both parts, and their sum"),
        ),
    ),
    Question(
        id="q-zigzags-in-a-row",
        kind="compute",
        title="Three zigzags in a row",
        objective="prove that a network without bends is one affine map",
        section="sec-depth",
        difficulty=2,
        minutes=4,
        draw=zigzags_in_a_row,
        check=zigzags_in_a_row_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(2, "pieces are multiplied from layer to layer"),
            Mark(1, "one bend less than pieces"),
            Mark(1, "units are added, and taken from the bends"),
        ),
    ),
    Question(
        id="q-step-of-a-batch",
        kind="compute",
        title="One step on two examples",
        objective="take a gradient step by hand",
        section="sec-gradient-step",
        difficulty=1,
        minutes=5,
        draw=step_of_a_batch,
        check=step_of_a_batch_again,
        digits=2,
        tolerance=0.005,
        marks=(
            Mark(2, "$s - y$ of both examples"),
            Mark(2, r"the mean of $(s - y)\, x$ (1 point for the sum)"),
            Mark(1, "the step against it, with the learning rate"),
        ),
    ),
    Question(
        id="q-tower-in-three",
        kind="explain",
        title="A tower over three inputs",
        objective="build a network that follows a function of one variable",
        section="sec-absurd",
        difficulty=2,
        minutes=8,
        text=(
            r"The function $\mathrm{bump}(x)$ is 1 at 0 and falls in a straight line to 0 at $-1$ "
            "and at 1, beyond which it stays 0. It takes three ReLU units. Over three inputs one "
            r"adds $\mathrm{bump}(x_1) + \mathrm{bump}(x_2) + \mathrm{bump}(x_3)$, and a second "
            r"layer of one ReLU unit makes $\mathrm{relu}(\text{sum} - 1)$ of it, as over two "
            "inputs. (a) Where, far from the center, is the result still above 0? Give a point and "
            "its height there. (b) A tower is above 0 at the center, and 0 wherever one input is 1 "
            "or more away from 0. Which is the largest bias in place of $-1$ that makes one, and "
            "how high is it? (c) Why is it 0 where it should be, and why not with a larger bias? "
            "(d) Which is the largest bias that makes a tower over $d$ inputs, and how many hidden "
            "units does it take in all?"
        ),
        harm=tower_in_three,
        solution=(
            "(a) Where two of the inputs are near 0 and the third is anything: at $(0, 0, 5)$ the "
            "sum is 2, and the height 1. (b) $-2$. At the center the sum is 3, so the tower has "
            "the height 1. (c) Where one input is 1 or more away from 0, its bump is 0 and the "
            r"others are at most 1. So the sum is at most 2, and $\mathrm{relu}(2 - 2) = 0$. At "
            "$(0, 0, 5)$ it *is* 2, and a larger bias leaves something. (d) $-(d - 1)$, and $3d$ "
            "units for the bumps, with one more to cut: $3d + 1$."
        ),
        marks=(
            Mark(2, "(a) a point near two of the three planes, with its height"),
            Mark(2, "(b) $-2$, and the height 1"),
            Mark(2, "(c) a sum of at most 2 where one bump is 0, and 2 is reached"),
            Mark(2, "(d) $-(d - 1)$, and $3d + 1$"),
        ),
    ),
    Question(
        id="q-what-is-promised",
        kind="explain",
        title="What is promised?",
        objective="state the universal approximation theorem exactly",
        section="sec-universal",
        difficulty=2,
        minutes=8,
        text=(
            "You look for a network with one hidden layer of ReLUs that is within 0.01 of a "
            "function, everywhere on a set. Does the universal approximation theorem promise one? "
            "If not, is there one all the same? Give a reason each time. (a) $1/x$ on "
            r"$0 < x \le 1$. (b) $1/x$ on $0.1 \le x \le 1$. (c) $x$ rounded down to a whole "
            r"number, on $0 \le x \le 3$. (d) $\lvert x \rvert$ on all of $\mathbb{R}$."
        ),
        harm=where_the_theorem_holds,
        solution=(
            "(a) Not promised: the set is not closed, so not compact. And there is none: near 0 "
            "the function grows beyond all bounds, and a network is bounded on the interval. (b) "
            "Promised: a continuous function on a compact set. (c) Not promised, since the "
            "function jumps. And there is none: at a jump of size 1 a continuous function is "
            "wrong by at least ½ on one of the sides, however near. (d) Not promised, since "
            r"$\mathbb{R}$ is not compact. But there is one: $\mathrm{relu}(x) + "
            r"\mathrm{relu}(-x)$ is the function itself."
        ),
        marks=(
            Mark(2, "(a) not promised, and impossible, with a reason"),
            Mark(1, "(b) promised: continuous, compact"),
            Mark(2, "(c) not promised, and impossible, with a reason"),
            Mark(2, "(d) not promised, but two units do it"),
        ),
    ),
    Question(
        id="q-which-activations",
        kind="explain",
        title="Which activations will do?",
        objective="state the universal approximation theorem exactly",
        section="sec-theorem-conditions",
        difficulty=3,
        minutes=8,
        text=(
            "For which of these activations can networks with one hidden layer come as close as "
            "you like to every continuous function on $[0, 1]$? Use the universal approximation "
            r"theorem, and say of each which of its conditions decides. (a) $\sigma(z) = z^3 - z$. "
            r"(b) $\sigma(z) = z^2$ for $z > 0$, and 0 otherwise. (c) $\sigma(z) = z$ for "
            r"$z \ne 1$, but $\sigma(1) = 5$. (d) $\sigma(z) = 1/z$ for $z \ne 0$, and "
            r"$\sigma(0) = 0$: does the theorem answer at all?"
        ),
        harm=too_stiff,
        solution=(
            "(a) No: it is a polynomial. So the networks are polynomials of degree 3 at most. None "
            "of them comes nearer than ½ to a zigzag from 0 to 1, to 0, to 1 and to 0, in four "
            "equal pieces. (b) Yes. It is continuous, so bounded on bounded sets. "
            "On the left half of the line it is 0 and on the right half it is not, so no *one* "
            "polynomial equals it almost everywhere. (c) No: but for a single point, a set of "
            "length 0, it is the polynomial $z$. So the networks are affine but for finitely many "
            r"points. None of them comes nearer than $\tfrac18$ to $x^2$. (d) It does not answer: "
            "near 0 the activation is not bounded, and the theorem speaks of activations that are "
            "bounded on bounded sets."
        ),
        marks=(
            Mark(1, "(a) no: a polynomial"),
            Mark(2, "(b) yes: two different polynomials are not one, almost everywhere"),
            Mark(2, "(c) no: a polynomial almost everywhere"),
            Mark(2, "(d) no answer: not bounded on bounded sets"),
        ),
    ),
    Question(
        id="q-one-bend-is-missing",
        kind="explain",
        title="One of two bends is missing",
        objective="prove that a network without bends is one affine map",
        section="sec-collapse",
        difficulty=2,
        minutes=8,
        text=(
            "A network has the sizes 10, 50, 50, 3. After its *second* layer there is a ReLU, but "
            "the one after its first layer was forgotten. (a) Merge the layers that can be merged, "
            "whatever the weights are. Which sizes remain, and why does the network compute the "
            "same? (b) How many parameters does it have before and after? (c) Another network of "
            "this kind has the sizes 10, 4, 50, 3. As in (a) its ReLUs get 50 affine functions of "
            "$x$. What restricts these that does not restrict those of (a)?"
        ),
        harm=one_bend_is_enough,
        solution=(
            "(a) 10, 50, 3. The first two layers are two affine maps in a row, which are one: its "
            r"matrix is $W_2 W_1$, of the shape $50 \times 10$, its bias $W_2 b_1 + b_2$. The "
            "ReLU behind it stays, and with it the last layer. (b) "
            f"{MLP([10, 50, 50, 3], rng=0).n_parameters} and "
            f"{MLP([10, 50, 3], rng=0).n_parameters}. (c) The matrix $W_2 W_1$ has a rank of at "
            "most 4: all 50 preactivations depend on four numbers alone, which are affine in the "
            "ten inputs. In (a) the rank can be 10."
        ),
        marks=(
            Mark(3, "(a) 10, 50, 3, with the product and the bias written down"),
            Mark(2, "(b) both counts, with biases"),
            Mark(2, "(c) a rank of at most 4, or: they depend on four numbers"),
        ),
    ),
    Question(
        id="q-sum-for-mean",
        kind="explain",
        title="A sum in place of a mean",
        objective="take a gradient step by hand",
        section="sec-training-digits",
        difficulty=2,
        minutes=6,
        text=(
            "A program goes through 100 examples in mini-batches of 32 and takes a step along the "
            "gradient of the *mean* loss of each, with the learning rate 0.1. Somebody replaces "
            "the mean by the *sum*. (a) Which learning rate makes the steps on full mini-batches "
            "the same as before? (b) One step of the epoch is not the same then. Which, and by "
            "which factor is it longer or shorter, from the same weights? (c) Why is that rather "
            "good?"
        ),
        harm=a_sum_in_place_of_a_mean,
        solution=(
            "(a) $0.1 / 32 = 0.003125$: the gradient of the sum is 32 times as long. (b) The last "
            r"one, since $100 = 3 \cdot 32 + 4$. The sum over 4 examples is 4 times their mean, so "
            "the step is $4/32 = 1/8$ as long as before. (c) Four examples say less about the mean "
            "over all than 32 do, and now each example counts alike. With the mean, each of the "
            "four moved the weights eight times as much as any other."
        ),
        marks=(
            Mark(2, "(a) 0.1/32"),
            Mark(1, "(b) the last, with 4 examples"),
            Mark(1, "1/8 as long"),
            Mark(2, "(c) a reason: few examples are a poor sample, or each counts alike now"),
        ),
    ),
    Question(
        id="q-torn-pairs",
        kind="fault",
        title="A slope that is not found",
        objective="take a gradient step by hand",
        section="sec-training-digits",
        difficulty=2,
        minutes=6,
        text=(
            "The program fits a line to points that lie on a line. It runs without a word, and its "
            "learning rate is not the trouble. (a) What should it print? (b) Which line is at "
            "fault? Mend it. (c) Why does it get the bias nearly right all the same, and the "
            "weight not at all?"
        ),
        code=TORN_PAIRS,
        harm=harm_of_torn_pairs,
        solution=(
            "(a) `w: 3.0, b: -1.0`. (b) The one that computes `wrong`: the inputs are taken in a "
            "random order, the targets in the old one, so that each input meets the target of "
            "another. It must be `y[batch]`. (Or `x[start : start + 32]` in both places where "
            "`x[batch]` stands, which gives up the shuffling.) (c) From a wrong partner nothing "
            "can be said about a target, so no slope is better than 0. The best that is left is "
            "one number for all, the mean of the targets, and that is near "
            r"$3 \cdot 0 - 1 = -1$, since the inputs have a mean near 0."
        ),
        marks=(
            Mark(1, "(a) 3 and $-1$"),
            Mark(2, "(b) `y[batch]`, or twice a slice of `x`: inputs and targets must be pairs"),
            Mark(1, "(c) the inputs say nothing about the targets they meet, so the weight is 0"),
            Mark(2, "the bias is the mean of the targets, about $-1$"),
        ),
    ),
    Question(
        id="q-too-many-bends",
        kind="fault",
        title="Six units?",
        objective="prove that a network without bends is one affine map",
        section="sec-depth",
        difficulty=2,
        minutes=6,
        text=(
            "A report shows the output of a ReLU network over its one input. (a) Show that the "
            "title of the figure cannot be true. (b) Another network with six hidden ReLU units, "
            "two in every hidden layer, makes exactly this. Which sizes has it, and how does it "
            "get so many bends from so few units?"
        ),
        figure=too_many_bends,
        alt=(
            "A curve over x from 0 to 1, with the title: one hidden layer of 6 ReLU units. It goes "
            "up to 1 and down to 0 four times, in eight straight pieces of equal width."
        ),
        harm=harm_of_too_many_bends,
        solution=(
            "(a) The curve has eight straight pieces, so seven bends. In one hidden layer a unit "
            "bends at one place at most, so six units make at most six bends. (b) 1, 2, 2, 2, 1: "
            "three layers of two units, each of which folds the interval once, up and down. Every "
            "piece of one layer runs through the whole fold of the next, so the pieces are "
            r"multiplied: $2 \cdot 2 \cdot 2 = 8$."
        ),
        marks=(
            Mark(1, "(a) seven bends, or eight pieces"),
            Mark(2, "at most one bend for each unit of one hidden layer"),
            Mark(1, "(b) three hidden layers of two units"),
            Mark(2, "pieces are multiplied from layer to layer"),
        ),
    ),
    Question(
        id="q-three-through-one",
        kind="join",
        title="Three classes through one number",
        objective="prove that a network without bends is one affine map",
        section="sec-collapse",
        also=("losses",),
        difficulty=3,
        minutes=10,
        text=(
            "The last hidden layer of a classifier with three classes has a single unit, with the "
            "output $a$. So its scores are $s = w a + b$ with vectors $w$ and $b$ of three "
            "entries, and it predicts the class with the largest score. (a) Without any activation "
            "in the network, which rank can the matrix of its map from the inputs to the scores "
            "have at most? (b) Can it predict all three classes all the same, each for some $a$? "
            "Give $w$ and $b$, or a proof that it cannot. (c) The last layer loses its biases, "
            r"$b = 0$. How many classes can it predict for $a \ne 0$ of either sign, if $w$ has "
            r"three different entries? (d) How many are left for $a \ne 0$, if $a$ comes from a "
            "ReLU?"
        ),
        harm=three_classes_through_one_number,
        solution=(
            "(a) 1: everything passes through one number. (b) Yes. The scores are three lines over "
            "$a$, and each of them can be the highest somewhere: with $w = (-1, 0, 1)$ and "
            "$b = (2, 1, -2)$ class 0 wins for $a < 1$, class 1 for $1 < a < 3$, class 2 for "
            "$a > 3$. (c) Two: all lines go through 0, so the largest $w_i$ wins for every "
            "$a > 0$, and the smallest for every $a < 0$. (d) One: behind a ReLU only $a > 0$ is "
            "left, and there the largest $w_i$ wins. (At $a = 0$ all scores tie.)"
        ),
        marks=(
            Mark(1, "(a) rank 1"),
            Mark(3, "(b) three lines, each the highest somewhere (1 point for yes without one)"),
            Mark(2, "(c) two, with a reason"),
            Mark(2, "(d) one, with a reason"),
        ),
    ),
    Question(
        id="q-bend-at-the-end",
        kind="join",
        title="Is the softmax a bend?",
        objective="prove that a network without bends is one affine map",
        section="sec-collapse",
        also=("probability",),
        difficulty=2,
        minutes=8,
        text=(
            "A stack of linear layers has no activation between them, but a softmax at its end. "
            '"The softmax is not linear," says a colleague, "so this network is more than a linear '
            'model, and with two inputs its regions can have curved borders." (a) What is right in '
            r"this? (b) Write $\log (p_i / p_j)$ as a function of the input $x$. What does it say "
            "about the border between the classes $i$ and $j$? (c) Can this network with two "
            "classes get XOR right, that is, $(0, 0)$ and $(1, 1)$ in one class, $(0, 1)$ and "
            "$(1, 0)$ in the other?"
        ),
        harm=a_bend_at_the_end,
        solution=(
            "(a) The probabilities are no affine functions of the input: they stay between 0 and "
            "1. (b) The stack is one affine map, $s = W x + b$. The softmax leaves the differences "
            r"of scores: $\log (p_i / p_j) = s_i - s_j$, which is "
            r"$(w_i - w_j) \cdot x + b_i - b_j$ with the rows $w_i$ and $w_j$ of $W$. On the "
            "border it is 0, so the border is "
            "straight. (c) No. The prediction depends on the sign of $s_0 - s_1$, an affine "
            "function. At $(0, 0)$ and $(1, 1)$ it adds up to the same as at $(0, 1)$ and "
            "$(1, 0)$, so it cannot be negative at the first two and positive at the others, nor "
            "the other way round."
        ),
        marks=(
            Mark(1, "(a) the probabilities are not affine in the input"),
            Mark(2, "(b) one affine map, so $s_i - s_j$ is affine"),
            Mark(2, "the border, where it is 0, is straight"),
            Mark(2, "(c) no, by the sign of an affine function at four points"),
        ),
    ),
)
