"""Exam questions on activations: chains of slopes, first weights, dead units, pieces, floats."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from exams.model import Mark, Question, Slip, Variant, said
from nnlib import (
    MLP,
    LeakyReLU,
    breakpoints,
    gelu,
    hinge,
    plots,
    relu,
    sigmoid,
    softmax_cross_entropy,
    softplus,
    tanh,
)


def row(values: Any, digits: int = 0) -> str:
    """Return numbers as a row in a formula."""
    return said(tuple(float(value) for value in values), digits)


def factor(number: float) -> str:
    """Return a number as it stands in a product."""
    return f"({number:g})" if number < 0 else f"{number:g}"


def size(values: Any) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


WORDS = {2: "two", 3: "three", 4: "four"}
ORDINALS = {2: "second", 3: "third"}


# --- To compute -----------------------------------------------------------------------------------


def two_ways_back(rng: np.random.Generator) -> Variant:
    """Draw a sigmoid unit with its output, and what comes back to it along two ways."""
    a = float(rng.choice([0.1, 0.2, 0.4, 0.6, 0.8, 0.9]))
    behind = rng.permutation([1, 2, -1, 3, -2])[:2]
    deltas = rng.permutation([0.5, -0.5, 1.0, -1.0, 2.0])[:2]
    x = int(rng.choice([2, 3, -2, -3]))
    net = MLP([1, 1, 2], "sigmoid", rng=0)
    net.weights[0][...], net.biases[0][...] = 0, math.log(a / (1 - a))
    net.weights[1][...] = behind[:, None]
    net.forward([[x]])
    slope = net.backward(deltas[None]).weights[0].item()
    back = float(behind @ deltas)
    products = " + ".join(
        rf"{factor(v)} \cdot {factor(d)}" for v, d in zip(behind, deltas, strict=True)
    )
    return Variant(
        values={"a": a, "behind": behind.tolist(), "deltas": deltas.tolist(), "x": x},
        text=(
            f"A sigmoid unit has the output $a = {a:g}$. It feeds two scores, with the weights "
            f"${behind[0]}$ and ${behind[1]}$. The loss has the derivatives ${deltas[0]:g}$ and "
            f"${deltas[1]:g}$ with respect to these scores. What is its derivative with respect to "
            f"the weight that multiplies the unit's input $x = {x}$?"
        ),
        key=slope,
        slips=(
            Slip(
                back * x,
                "The unit's own slope is missing on the way back. For a sigmoid it is $a (1 - a)$.",
            ),
            Slip(
                float(behind[0] * deltas[0]) * a * (1 - a) * x,
                "You followed one way back. The unit feeds two scores, and both answer: add.",
            ),
            Slip(
                back * a * (1 - a) * a,
                "The last factor is what goes *into* the weight, $x$. The output $a$ goes into the "
                "weights behind the unit.",
            ),
            Slip(
                back * x / 4,
                "You took the largest slope of the sigmoid. It has it at $a = 0.5$ only.",
            ),
        ),
        solution=(
            rf"From the two scores comes ${products} = {back:g}$. The slope of the unit is "
            rf"$a (1 - a) = {a * (1 - a):.2f}$, and $x = {x}$ goes into the weight: "
            rf"${factor(back)} \cdot {a * (1 - a):.2f} \cdot {factor(x)} = {said(slope, 3)}$."
        ),
    )


def two_ways_back_again(a: float, behind: list[int], deltas: list[float], x: int) -> float:
    """Return the derivative by a difference, in plain Python."""

    def loss(weight: float) -> float:
        z = math.log(a / (1 - a)) + weight * x
        return sum(v * d for v, d in zip(behind, deltas, strict=True)) / (1 + math.exp(-z))

    return (loss(1e-4) - loss(-1e-4)) / 2e-4


def mixed_chain(rng: np.random.Generator) -> Variant:
    """Draw layers of sigmoids, then of tanh, and the norms of their weights."""
    n_sigmoid, n_tanh = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    norm = int(rng.choice([2, 3, 6, 8, 10]))
    other = float(rng.choice([0.5, 1.5, 2.0, 2.5, 3.0]))
    best = float(sigmoid.derivative(0.0)), float(tanh.derivative(0.0))
    bound = (norm * best[0]) ** n_sigmoid * (other * best[1]) ** n_tanh
    return Variant(
        values={"n_sigmoid": n_sigmoid, "n_tanh": n_tanh, "norm": norm, "other": other},
        text=(
            f"A network begins with {WORDS[n_sigmoid]} sigmoid layers, whose matrices have the "
            f"spectral norm {norm}. Then come {WORDS[n_tanh]} tanh layers, whose matrices have the "
            f"spectral norm {other:g}. Of the slopes you know nothing but how large they can be at "
            "most. Which bound follows for the norm of the Jacobian, from the input to the last of "
            "these layers?"
        ),
        key=bound,
        slips=(
            Slip(
                bound / 4**n_tanh,
                "You took ¼ for every layer. How steep can tanh be?",
            ),
            Slip(
                norm**n_sigmoid * other**n_tanh,
                "That is the product of the norms. A sigmoid lets through ¼ of a change at most.",
            ),
            Slip(
                0.25**n_sigmoid,
                "These are the slopes alone. Each layer multiplies by its weights, too.",
            ),
        ),
        solution=(
            r"The slope of a sigmoid is at most ¼, that of tanh at most 1. So a sigmoid layer "
            rf"stretches by at most $\tfrac14 \cdot {norm} = {norm / 4:g}$ and a tanh layer by at "
            rf"most $1 \cdot {other:g}$. Together: ${norm / 4:g}^{n_sigmoid} \cdot "
            rf"{other:g}^{n_tanh} = {said(bound, 3)}$."
        ),
    )


def mixed_chain_again(n_sigmoid: int, n_tanh: int, norm: int, other: float) -> float:
    """Return the bound, layer by layer, in fractions."""
    bound = Fraction(1)
    for _ in range(n_sigmoid):
        bound *= Fraction(norm, 4)
    for _ in range(n_tanh):
        bound *= Fraction(other)
    return float(bound)


def two_slopes(rng: np.random.Generator) -> Variant:
    """Draw an activation with a slope on each side, and the variance of the weights."""
    c = float(rng.choice([0.5, -0.5, -1.0, 2.0]))
    width, ratio = int(rng.choice([20, 50, 100])), float(rng.choice([0.5, 1.0, 2.0]))
    layers = int(rng.integers(2, 4))
    sides = LeakyReLU(c)([-1.0, 1.0])
    kept = float(np.mean(sides**2))
    growth = (ratio * kept) ** layers
    left = "-z" if c == -1 else rf"{c:g}\,z"
    return Variant(
        values={"c": c, "width": width, "variance": ratio / width, "layers": layers},
        text=(
            rf"An activation is $z$ for $z > 0$ and ${left}$ for $z \le 0$. A fresh network has "
            f"{width} inputs and hidden layers of {width} units with this activation. Its biases "
            "are 0, and its weights are drawn independently, symmetrically about 0, with the "
            f"variance {ratio / width:g}. What is the mean square of the outputs of the "
            f"{ORDINALS[layers]} hidden layer, if that of the inputs is 1? (In the mean over the "
            "draws.)"
        ),
        key=growth,
        slips=(
            Slip(
                (ratio / 2) ** layers,
                "That is ReLU, which keeps half of the mean square. Here the left side brings "
                "something, too.",
            ),
            Slip(
                (ratio * float(np.sum(sides**2))) ** layers,
                "You added both sides in full. Half of the signal is on each side.",
            ),
            Slip(
                (ratio * float(np.mean([1.0, c]))) ** layers,
                "You took the mean of the two slopes. In a mean square each slope counts with its "
                "square.",
            ),
            Slip(
                ratio * kept,
                "That is one layer. The factors are multiplied from layer to layer.",
            ),
        ),
        solution=(
            rf"A sum of {width} products has ${width} \cdot {ratio / width:g} = {ratio:g}$ times "
            r"the mean square of an input. It lies on each side of 0 half of the time, so the "
            rf"activation keeps $\tfrac12 (1^2 + {factor(c)}^2) = {kept:g}$ of it. A layer has the "
            rf"factor ${ratio:g} \cdot {kept:g} = {ratio * kept:g}$, and {WORDS[layers]} layers "
            rf"${ratio * kept:g}^{layers} = {said(growth, 3)}$."
        ),
    )


def two_slopes_again(c: float, width: int, variance: float, layers: int) -> float:
    """Return the factor, with two values of opposite sign in place of a distribution."""
    square = 1.0
    for _ in range(layers):
        z = math.sqrt(width * variance * square)
        square = ((c * -z) ** 2 + z**2) / 2
    return square


def dead_for_all(rng: np.random.Generator) -> Variant:
    """Draw the weights of a unit with three inputs, and between what these lie."""
    low, high = int(rng.choice([-1, -2])), int(rng.choice([1, 2, 3]))
    weights = rng.permutation([1, -1, 2, -2, 3, -3, 4])[:3]
    if np.all(weights > 0) or np.all(weights < 0):
        weights[0] = -weights[0]
    worst = np.where(weights > 0, high, low)
    largest = int(weights @ worst)
    products = " + ".join(
        rf"{factor(w)} \cdot {factor(x)}" for w, x in zip(weights, worst, strict=True)
    )
    return Variant(
        values={"weights": weights.tolist(), "low": low, "high": high},
        text=(
            f"A ReLU unit of the first hidden layer has the weights ${row(weights)}$. Each of the "
            f"three inputs lies between ${low}$ and ${high}$, and of the data you know no more. "
            "What is the largest bias with which the unit is dead for sure?"
        ),
        key=-largest,
        slips=(
            Slip(
                -high * int(weights.sum()),
                f"You put {high} in for every input. A negative weight makes most of a *small* "
                "input.",
            ),
            Slip(
                -high * int(weights[weights > 0].sum()),
                "You left out the inputs with negative weights, as if they were 0. They can be "
                "negative, too.",
            ),
            Slip(
                -int(weights @ np.where(weights > 0, low, high)),
                "With that bias the unit is off for *one* input only. Dead is who is off for all.",
            ),
            Slip(
                largest,
                "That is the largest value of the weighted sum. The bias has to outweigh it.",
            ),
        ),
        solution=(
            rf"The preactivation has to be $\le 0$ even where the weighted sum is largest: with "
            rf"${high}$ at each positive weight and ${low}$ at each negative one. There the sum is "
            rf"${products} = {largest}$, so $b \le {-largest}$."
        ),
    )


def dead_for_all_again(weights: list[int], low: int, high: int) -> int:
    """Return the bias, by trying all corners."""
    corners = itertools.product((low, high), repeat=len(weights))
    return -max(sum(w * x for w, x in zip(weights, corner, strict=True)) for corner in corners)


def clip_term(height: int, weight: int, bias: int, *, first: bool) -> str:
    """Return a clipped unit as a term of a sum."""
    sign = "-" if height < 0 else "" if first else "+"
    inner = "x" if weight == 1 else f"{weight}x"
    shift = "" if bias == 0 else f" {'+' if bias > 0 else '-'} {abs(bias)}"
    number = "" if abs(height) == 1 else rf"{abs(height)}\,"
    return rf"{sign} {number}\mathrm{{clip}}({inner}{shift})".strip()


def clipped_pieces(rng: np.random.Generator) -> Variant:
    """Draw clipped units from left to right, some of which begin where the last one ends."""
    n, meetings = int(rng.integers(3, 5)), int(rng.integers(1, 3))
    meets = rng.permutation([True] * meetings + [False] * (n - 1 - meetings))
    weights, slopes = rng.integers(1, 3, n), rng.choice([-4, -2, 2, 4], n)
    starts = np.full(n, rng.integers(-5, 0))
    for i in range(1, n):
        starts[i] = starts[i - 1] + 2 // weights[i - 1]
        if not meets[i - 1]:
            starts[i] += rng.integers(1, 3)
        elif rng.integers(2):
            # The same slope, from other factors: there it does not change.
            weights[i], slopes[i] = 3 - weights[i - 1], slopes[i - 1]
    heights, biases = slopes // weights, -1 - weights * starts
    changes: dict[int, int] = {}
    for start, weight, slope in zip(starts, weights, slopes, strict=True):
        end = start + 2 // weight
        changes[int(start)] = changes.get(int(start), 0) + int(slope)
        changes[int(end)] = changes.get(int(end), 0) - int(slope)
    places, bends = len(changes), sum(change != 0 for change in changes.values())
    terms = [
        clip_term(int(heights[i]), int(weights[i]), int(biases[i]), first=at == 0)
        for at, i in enumerate(rng.permutation(n))
    ]
    listed = r",\ ".join(f"{{{place}}}" for place in sorted(changes))
    met = [
        f"At ${starts[i]}$ two units bend, and their changes of slope, ${-slopes[i - 1]}$ and "
        f"${slopes[i]}$, "
        + (f"add up to ${change}$." if (change := changes[int(starts[i])]) else "cancel.")
        for i in range(1, n)
        if meets[i - 1]
    ]
    wrong = [
        (n + 1, f"So many are possible with {WORDS[n]} ReLUs. A clipped unit bends twice."),
        (
            2 * n + 1,
            f"That is the most that {WORDS[n]} units with two bends each can have. Do all bends "
            "lie in different places?",
        ),
        (bends, "That is the number of bends. There is one piece more."),
    ]
    cancelled = places - bends
    wrong += [
        (bends + 1 + k, "Somewhere two units bend at one place, and their changes of slope cancel.")
        for k in range(1, cancelled + 1)
    ]
    wrong += [
        (bends + 1 - k, "Two units that bend at one place need not cancel: add up the changes.")
        for k in range(1, meetings - cancelled + 1)
    ]
    # Two mistakes may lead to one number, which then names both.
    slips: dict[int, str] = {}
    for value, feedback in wrong:
        slips[value] = f"{slips[value]} Or: {feedback}" if value in slips else feedback
    return Variant(
        values={
            "weights": weights.tolist(),
            "biases": biases.tolist(),
            "heights": heights.tolist(),
        },
        text=(
            r"The activation $\mathrm{clip}(z)$ is $z$ from $-1$ to 1, $-1$ left of that and 1 "
            f"right of it. How many straight pieces has ${' '.join(terms)}$ on the real line, the "
            "two endless ones included?"
        ),
        key=bends + 1,
        slips=tuple(Slip(value, feedback) for value, feedback in slips.items()),
        solution=(
            r"A unit bends where its $z$ is $-1$ and where it is 1. Together these places are "
            f"${listed}$. {' '.join(met)} So there are {bends} bends and {bends + 1} pieces."
        ),
    )


def clipped_pieces_again(weights: list[int], biases: list[int], heights: list[int]) -> int:
    """Return the number of pieces: look at the slope between whole numbers."""

    def output(x: int) -> int:
        units = zip(weights, biases, heights, strict=True)
        return sum(v * min(max(w * x + b, -1), 1) for w, b, v in units)

    slopes = [output(x + 1) - output(x) for x in range(-40, 40)]
    return 1 + sum(a != b for a, b in itertools.pairwise(slopes))


# --- To find the fault ----------------------------------------------------------------------------

MASK_OF_OUTPUTS = """
import numpy as np

x = np.array([1.0, 2.0])
W1 = np.array([[1.0, 1.0], [1.0, -1.0]])
w2 = np.array([2.0, 3.0])

def score(W1):
    return w2 @ np.maximum(W1 @ x, 0)

a = np.maximum(W1 @ x, 0)
delta = w2 * (a >= 0)
print("by rule:", (delta[:, None] * x).tolist())

moved = W1.copy()
moved[1, 0] += 0.001
print("by a small step:", (score(moved) - score(W1)) / 0.001)
"""

TANH_AT_THE_ENDS = """
import numpy as np

def tanh(x):
    e = np.exp(2 * x)
    return (e - 1) / (e + 1)

for x in (1e-20, 1.0, 1000.0):
    print(x, tanh(np.float64(x)))
"""


def harm_of_the_mask(names: dict[str, Any]) -> None:
    """Hold that the unit that is off gets a gradient, and what the right one is."""
    assert names["a"].tolist() == [3, 0]
    assert names["delta"].tolist() == [2, 3]
    net = MLP([2, 2, 1], "relu", rng=0)
    net.weights[0][...], net.weights[1][...] = names["W1"], names["w2"]
    net.forward(names["x"][None])
    assert net.backward([[1.0]]).weights[0].tolist() == [[2, 4], [0, 0]]


def harm_of_tanh(names: dict[str, Any]) -> None:
    """Hold what is wrong at both ends, and that the mended form is right there."""
    with np.errstate(all="ignore"):
        assert names["tanh"](np.float64(1e-20)) == 0
        assert math.isnan(names["tanh"](np.float64(1000.0)))
    for x in (1e-20, 1.0, 1000.0, -1000.0):
        e = np.expm1(-2 * abs(x))
        assert np.isclose(-np.sign(x) * e / (e + 2), tanh(x), rtol=1e-14)


def not_gelu() -> Figure:
    """Draw softplus, as if it were GELU."""
    x = np.linspace(-4, 3, 400)
    figure = Figure(figsize=(4.6, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, softplus(x), color=plots.COLORS[0])
    axes.plot(x, relu(x), color="gray", ls=":")
    axes.annotate("ReLU", (2.2, 1.7), color="gray")
    axes.set(xlabel="$x$", title="GELU", ylim=(-0.6, 3.2))
    axes.grid(visible=True, alpha=0.4)
    return figure


def harm_of_not_gelu(names: dict[str, Any]) -> None:
    """Hold the signs by which softplus and GELU are told apart."""
    x = np.linspace(-4, 3, 400)
    assert softplus(0.0) > 0.69 > gelu(0.0) == 0
    assert np.all(softplus(x) > relu(x))
    assert np.all(gelu(x) <= relu(x))
    assert gelu(x).min() < -0.16
    assert np.all(np.diff(softplus(x)) > 0) != np.all(np.diff(gelu(x)) > 0)


# --- What is claimed in words ---------------------------------------------------------------------


def stretched_sigmoid(names: dict[str, Any]) -> None:
    """Hold that the stretched sigmoid is a stretched tanh, with slopes of at most 1."""
    x = np.linspace(-20, 20, 401)
    assert np.allclose(4 * sigmoid(x) - 2, 2 * tanh(x / 2), atol=1e-14)
    assert np.isclose(4 * sigmoid.derivative(x).max(), 1)
    assert 4 * sigmoid.derivative(6.0) < 0.01


def cut_out_the_dead(names: dict[str, Any]) -> None:
    """Hold that weights behind a dead unit get no gradient, and that cutting it changes nothing."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (20, 3))
    net = MLP([3, 4, 2], "relu", rng=0)
    net.weights[0][1], net.biases[0][1] = -1, 0
    gradient = net.backward(softmax_cross_entropy.gradient(net.forward(x), np.arange(20) % 2))
    assert not gradient.weights[0][1].any()
    assert gradient.biases[0][1] == 0
    assert not gradient.weights[1][:, 1].any()
    small = MLP([3, 3, 2], "relu", rng=0)
    small.weights[0][...] = np.delete(net.weights[0], 1, axis=0)
    small.biases[0][...] = np.delete(net.biases[0], 1)
    small.weights[1][...], small.biases[1][...] = np.delete(net.weights[1], 1, axis=1), 0
    assert np.allclose(small(x), net(x))
    assert not np.allclose(small(-x), net(-x))


def sizes_of_layers(times: float) -> tuple[list[float], float]:
    """Return the sizes in ten fresh ReLU layers, and the share of slopes that are 0 in the last."""
    x = np.random.default_rng(0).normal(size=(256, 64))
    net = MLP([*[64] * 11, 10], "relu", rng=0)
    net.theta *= times
    outputs = net.layer_outputs(x)[1:-1]
    return [size(a) for a in outputs], float(np.mean(outputs[-1] == 0))


SIZES, _ = sizes_of_layers(2)


def doubled_weights(names: dict[str, Any]) -> None:
    """Hold that sizes double from layer to layer, and that the share of zeros says nothing."""
    healthy, zeros = sizes_of_layers(1)
    assert np.allclose(np.array(SIZES) / healthy, 2.0 ** np.arange(1, 11))
    assert 0.4 < zeros < 0.6
    assert zeros == sizes_of_layers(2)[1]
    assert max(healthy) < 2 * min(healthy)
    assert 1.9 < (SIZES[-1] / SIZES[0]) ** (1 / 9) < 2.2


OUT = np.array([1.0, -2.0, 3.0])


def softplus_for_relu(names: dict[str, Any]) -> None:
    """Hold the two ends between which the score moves, and that they are approached."""
    rng = np.random.default_rng(0)
    z = rng.normal(scale=20, size=(1000, 3))
    moved = (softplus(z) - relu(z)) @ OUT
    assert -2 * math.log(2) < moved.min() < moved.max() < 4 * math.log(2)
    assert np.isclose(
        softplus([0.0, 90.0, 0.0]) @ OUT - relu([0.0, 90.0, 0.0]) @ OUT, 4 * math.log(2)
    )
    kappa = 400 * math.log(2)
    assert round(kappa, 1) == 277.3
    sharp = (softplus(kappa * z) / kappa - relu(z)) @ OUT
    assert np.abs(sharp).max() <= 0.01
    # At 277 the rise is still too large, at 278 it is not.
    rises = [softplus(k * np.array([0.0, 9.0, 0.0])) / k @ OUT + 18 for k in (277, 278)]
    assert rises[0] > 0.01 > rises[1]


def two_kinds_of_zero(names: dict[str, Any]) -> None:
    """Hold which gradients are 0 for a content hinge and for a dead layer."""
    x, labels = np.array([[1.0], [2.0]]), np.array([0, 0])
    content = MLP([1, 2, 2], "relu", rng=0)
    content.weights[0][...], content.weights[1][...] = 1, [[1, 1], [-1, -1]]
    dead = content.copy()
    dead.weights[0][...] = -1
    delta = hinge.gradient(content.forward(x), labels)
    assert not content.backward(delta).theta.any()
    assert softmax_cross_entropy.gradient(content.forward(x), labels).all()
    other = hinge.gradient(content.forward(x), 1 - labels)
    assert content.backward(other).weights[0].any()
    pulled = softmax_cross_entropy.gradient(content.forward(x), labels)
    assert content.backward(pulled).weights[0].any()
    # Only in general: here the unit feeds both scores alike, and what comes back cancels.
    alike = MLP([1, 1, 2], "relu", rng=0)
    alike.weights[0][...], alike.weights[1][...], alike.biases[1][...] = 1, 1, [2, 0]
    scores = alike.forward(x)
    assert not hinge.gradient(scores, labels).any()
    for delta in (
        hinge.gradient(scores, 1 - labels),
        softmax_cross_entropy.gradient(scores, labels),
    ):
        assert delta.any()
        assert np.allclose(alike.backward(delta).weights[0], 0)
    for loss in (hinge, softmax_cross_entropy):
        gradient = dead.backward(loss.gradient(dead.forward(x), labels))
        assert not any(part.any() for part in (*gradient.weights, gradient.biases[0]))
        assert gradient.biases[1].any()


def leak_of_one(names: dict[str, Any]) -> None:
    """Hold that a leak of 1 is no bend, and that every other leak bends."""
    rng = np.random.default_rng(0)
    front, behind = rng.normal(size=(2, 5))
    bias = -front * np.array([-5.5, -2.0, 0.3, 1.0, 4.0])
    x = np.linspace(-9, 9, 4001)

    def bends(c: float) -> int:
        slopes = np.diff(LeakyReLU(c)(np.outer(x, front) + bias) @ behind)
        changes = np.flatnonzero(np.abs(np.diff(slopes)) > 1e-9)
        return 1 + int(np.sum(np.diff(changes) > 1)) if len(changes) else 0

    assert [bends(c) for c in (1, 0.5, 0, -1)] == [0, 5, 5, 5]
    net = MLP([1, 5, 1], "relu", rng=0)
    net.weights[0][...], net.biases[0][...] = front[:, None], bias
    net.weights[1][...] = behind
    assert len(breakpoints(net, (-9, 9))) == 5


# --- All of them ----------------------------------------------------------------------------------

QUESTIONS = (
    Question(
        id="q-two-ways-back",
        kind="compute",
        title="Two ways back to a unit",
        objective="compute an early weight's gradient by hand",
        section="sec-chain",
        difficulty=1,
        minutes=5,
        draw=two_ways_back,
        check=two_ways_back_again,
        digits=3,
        tolerance=0.005,
        marks=(
            Mark(2, "the sum over both ways of weight times derivative (1 point for one of them)"),
            Mark(1, "the slope $a (1 - a)$"),
            Mark(1, "the factor $x$"),
            Mark(1, "the number with its sign"),
        ),
    ),
    Question(
        id="q-mixed-chain",
        kind="compute",
        title="A bound through two kinds of layers",
        objective="compute an early weight's gradient by hand",
        section="sec-vanishing",
        difficulty=2,
        minutes=4,
        draw=mixed_chain,
        check=mixed_chain_again,
        digits=3,
        tolerance=0.001,
        marks=(
            Mark(2, "the largest slopes, ¼ and 1"),
            Mark(1, "for each layer, slope times norm"),
            Mark(1, "the product over all layers"),
        ),
    ),
    Question(
        id="q-two-slopes",
        kind="compute",
        title="How the signal grows",
        objective="choose the size of the first weights",
        section="sec-initialization",
        difficulty=3,
        minutes=6,
        draw=two_slopes,
        check=two_slopes_again,
        digits=3,
        tolerance=0.001,
        marks=(
            Mark(2, "number of inputs times variance"),
            Mark(2, "what the activation keeps: half of each side, with the square of its slope"),
            Mark(2, "the power for several layers"),
        ),
    ),
    Question(
        id="q-dead-for-all",
        kind="compute",
        title="Dead for sure",
        objective="measure vanishing gradients, saturated units and dead units",
        section="sec-dying",
        difficulty=2,
        minutes=4,
        draw=dead_for_all,
        check=dead_for_all_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(1, r"dead: $z \le 0$ for every input"),
            Mark(2, "the input with the largest weighted sum"),
            Mark(1, "the bias, with its sign"),
        ),
    ),
    Question(
        id="q-clipped-pieces",
        kind="compute",
        title="Pieces of clipped units",
        objective="count the pieces of a ReLU network",
        section="sec-pieces",
        difficulty=2,
        minutes=7,
        draw=clipped_pieces,
        check=clipped_pieces_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(3, "two bends for each unit, at the right places (1 point less for a wrong unit)"),
            Mark(2, "the changes of slope added up where two units bend"),
            Mark(1, "the number of pieces, one more than bends"),
        ),
    ),
    Question(
        id="q-stretched-sigmoid",
        kind="explain",
        title="A steeper sigmoid",
        objective="compute an early weight's gradient by hand",
        section="sec-tanh",
        difficulty=2,
        minutes=8,
        text=(
            r'"Sigmoids let gradients vanish because their slope is at most $\tfrac14$. So I take '
            r'$4\,\sigma(x) - 2$." (a) How large is the slope of this activation at most, and '
            "where? (b) Which bound on the norm of the Jacobian holds through $i$ layers of it, if "
            r"every $\lVert W_j \rVert_2 \le 1$? Does it promise that gradients do *not* vanish? "
            "(c) Units of this kind can still saturate. Why? (d) Of which activation of the "
            "chapter is it a copy, up to a stretch? Give the formula."
        ),
        harm=stretched_sigmoid,
        solution=(
            r"(a) The slope is $4\,\sigma'(x) \le 1$, with equality at 0. (b) At most 1. This is a "
            "bound from above: gradients cannot grow, but they can vanish, where units are off 0 "
            r"or weights are small. (c) For large $|x|$ the slope $4\,\sigma(x)(1 - \sigma(x))$ "
            r"goes to 0, as that of the sigmoid does. (d) From $\tanh(t) = 2\,\sigma(2t) - 1$ with "
            r"$t = x/2$: $4\,\sigma(x) - 2 = 2 \tanh(x/2)$."
        ),
        marks=(
            Mark(1, "(a) 1, at 0"),
            Mark(2, "(b) at most 1"),
            Mark(1, "no promise: it is an upper bound"),
            Mark(2, "(c) the slope goes to 0 on both sides"),
            Mark(2, r"(d) $2 \tanh(x/2)$"),
        ),
    ),
    Question(
        id="q-cut-out-the-dead",
        kind="explain",
        title="May a dead unit be cut out?",
        objective="measure vanishing gradients, saturated units and dead units",
        section="sec-dying",
        difficulty=2,
        minutes=8,
        text=(
            "A unit of the only hidden layer of a ReLU network is dead on all training examples. "
            "The network is trained by plain gradient descent, without weight decay. (a) Which of "
            "these get a gradient other than 0: the weights into the unit, its bias, the weights "
            "*out of* it? Give a reason each. (b) Somebody cuts the unit out, with all its "
            "weights. What changes on the training examples, now and in all further training? (c) "
            "What can change on new examples, and for which of them?"
        ),
        harm=cut_out_the_dead,
        solution=(
            r"(a) None. For the weights into the unit and its bias, $\delta$ of the unit has the "
            r"factor $\mathrm{relu}'(z) = 0$. The gradient of a weight out of it is the $\delta$ "
            "of the next layer times the unit's output, and that is 0. (b) Nothing: the unit gives "
            "0 to every score and stays dead, since it is in the first hidden layer and the "
            "examples stay the same. The other weights get the same gradients without it. (c) An "
            "example on which the unit's $z$ is above 0 gets other scores, unless the weights out "
            "of the unit are 0. On all others nothing changes."
        ),
        marks=(
            Mark(2, "(a) weights in and bias: the slope is 0"),
            Mark(1, "weights out: the output is 0"),
            Mark(2, "(b) nothing, now and later, with a reason"),
            Mark(2, "(c) other scores where $z > 0$"),
        ),
    ),
    Question(
        id="q-doubled-weights",
        kind="explain",
        title="Sizes in ten layers",
        objective="choose the size of the first weights",
        section="sec-initialization",
        difficulty=2,
        minutes=8,
        text=(
            "A fresh network has ten hidden layers of 64 ReLU units, and all biases are 0. The "
            "outputs of its hidden layers have typical sizes (roots of mean squares) of "
            f"{SIZES[0]:.1f} in layer 1, {SIZES[2]:.0f} in layer 3, {SIZES[5]:.0f} in layer 6 and "
            f"{SIZES[9]:.0f} in layer 10, for inputs of typical size 1. (a) By about which factor "
            "does a layer multiply the size? By which number should all weights be multiplied to "
            "mend it? (b) By which factor is the *variance* of the weights off, and which rule "
            r"would have been right? (c) What do you expect of the sizes of $\delta$ from layer 10 "
            "back to layer 1? (d) Half of all slopes are 0. Is that part of the trouble?"
        ),
        harm=doubled_weights,
        solution=(
            "(a) By about 2 "
            rf"($({SIZES[9]:.0f}/{SIZES[0]:.1f})^{{1/9}} \approx "
            f"{said((SIZES[9] / SIZES[0]) ** (1 / 9), 1)}$). A ReLU layer without biases passes a "
            r"factor on, so all weights times $\tfrac12$. (b) The variance is four times too "
            r"large. He's rule, $2/\mathrm{in} = 2/64$, is right here. (c) The way back has the "
            r"same weights, so $\delta$ grows by about 2 a layer as well: it is largest in layer 1 "
            "and explodes. (d) No. A ReLU has the slope 0 for half of a symmetric signal, whatever "
            "the weights' size, and He's rule counts on it. (For tanh flat slopes *would* be a "
            "sign of weights that are too large.)"
        ),
        marks=(
            Mark(2, r"(a) about 2, and $\tfrac12$"),
            Mark(2, "(b) 4, and He's rule"),
            Mark(2, r"(c) $\delta$ grows toward layer 1, by about 2 a layer"),
            Mark(2, "(d) no: ReLU is 0 on one side, at any size of the weights"),
        ),
    ),
    Question(
        id="q-softplus-for-relu",
        kind="explain",
        title="Softplus in the place of ReLU",
        objective="count the pieces of a ReLU network, and choose among",
        section="sec-softplus",
        difficulty=3,
        minutes=10,
        text=(
            "A network with one hidden layer of three ReLU units and one score has the output "
            f"weights ${row(OUT)}$. After training, softplus is put in the place of ReLU, and "
            "nothing else is changed. (a) In which direction does the output of a unit move, by "
            "how much at most, and where is it moved most? (b) By how much can the score rise at "
            r"most, and by how much can it fall? (c) Softplus is replaced by $\mathrm{softplus}"
            r"(\kappa x) / \kappa$. From which $\kappa$ on is the score surely within 0.01 of the "
            "old one? Give the formula and a number."
        ),
        harm=softplus_for_relu,
        solution=(
            r"(a) It rises, by at most $\log 2 \approx 0.69$, and most where its preactivation is "
            "0. (b) A weight of 1 or 3 lets the score rise, the weight $-2$ lets it fall. So it "
            rf"rises by at most $(1 + 3) \log 2 \approx {said(4 * math.log(2))}$ and falls by at "
            rf"most $2 \log 2 \approx {said(2 * math.log(2))}$. (c) All these numbers are divided "
            r"by $\kappa$, so $4 \log 2 / \kappa \le 0.01$, that is $\kappa \ge 400 \log 2 \approx "
            f"{said(400 * math.log(2), 1)}$; of whole numbers, from 278 on."
        ),
        marks=(
            Mark(2, r"(a) upward, by at most $\log 2$"),
            Mark(1, "most at 0"),
            Mark(3, r"(b) $4 \log 2$ and $2 \log 2$ ($6 \log 2$ for both: 1 point)"),
            Mark(1, r"(c) $4 \log 2 / \kappa \le 0.01$ (or 6 in place of 4, by the sum)"),
            Mark(1, "about 277.3, or 278"),
        ),
    ),
    Question(
        id="q-mask-of-outputs",
        kind="fault",
        title="A mask that lets all pass",
        objective="compute an early weight's gradient by hand",
        section="sec-chain",
        difficulty=2,
        minutes=6,
        text=(
            r"The program computes the gradient of the score $s = w_2 \cdot \mathrm{relu}(W_1 x)$ "
            "with respect to $W_1$, and checks one of its entries by a small step. (a) Which "
            "entries of the gradient are wrong, and what should they be? (b) Which line is at "
            "fault, and why does its condition never stop anything? (c) Mend it. Let one more "
            "hidden layer of ReLUs stand before this one, with the right mask. Which of its "
            "weights could get a wrong gradient by the fault?"
        ),
        code=MASK_OF_OUTPUTS,
        harm=harm_of_the_mask,
        solution=(
            "(a) Those of the second row. $z_2 = 1 - 2 = -1$, so the unit is off and its row is "
            "$(0, 0)$. (b) `delta = w2 * (a >= 0)`: the output of a ReLU is never negative, so "
            r"`a >= 0` is true for every unit. (c) `a > 0` (or `W1 @ x > 0`). The wrong $\delta$ "
            r"would go further back, through $W_1^\top \delta$, as if the unit were on. It reaches "
            "a unit of the layer before that is on and has a weight other than 0 into the unit "
            "that is off. Of such a unit all weights get a wrong gradient whose input is not 0."
        ),
        marks=(
            Mark(2, "(a) the second row, which should be 0"),
            Mark(2, "(b) the mask, since no output of a ReLU is below 0"),
            Mark(1, "(c) `a > 0`, or the same with $z$"),
            Mark(1, "the weights of units that are on, and feed the one that is off"),
        ),
    ),
    Question(
        id="q-tanh-at-the-ends",
        kind="fault",
        title="tanh, small and large",
        objective="(going deeper) spot formulas that fail in floating point",
        section="sec-floats",
        difficulty=3,
        minutes=8,
        text=(
            "For real numbers the formula is right. (a) Two of the three values printed are wrong. "
            "What are the right ones, to a few digits? (b) What happens in each of the two cases? "
            "Which has a small absolute error all the same, and how large is its relative error? "
            r"(c) Write $\tanh x$ for $x \ge 0$ with `np.expm1`, which computes $e^t - 1$ without "
            "the subtraction, so that both are right."
        ),
        code=TANH_AT_THE_ENDS,
        harm=harm_of_tanh,
        solution=(
            r"(a) $10^{-20}$ (near 0, $\tanh x \approx x$) and 1. (b) At $10^{-20}$, "
            "$e^{2x}$ is rounded to 1, and the difference to 0. The absolute error is only "
            "$10^{-20}$, but the relative one is 100 %: no digit is left. At 1000, $e^{2x}$ "
            "overflows to infinity, and infinity by infinity is `nan`. (c) Multiply above and "
            r"below by $e^{-2x}$: $\tanh x = (1 - e^{-2x}) / (1 + e^{-2x})$. With "
            "`e = np.expm1(-2 * x)` that is `-e / (e + 2)`: nothing overflows, and nothing cancels."
        ),
        marks=(
            Mark(2, "(a) $10^{-20}$ and 1"),
            Mark(2, "(b) overflow at 1000; a difference of nearly equal numbers at $10^{-20}$"),
            Mark(2, "at $10^{-20}$ the absolute error is tiny, the relative one 100 %"),
            Mark(2, "(c) a form with $e^{-2x}$ and `expm1`"),
        ),
    ),
    Question(
        id="q-not-gelu",
        kind="fault",
        title="Under a wrong name",
        objective="count the pieces of a ReLU network, and choose among",
        section="sec-gelu",
        difficulty=1,
        minutes=5,
        text=(
            "A slide shows this curve under the title GELU, beside ReLU. (a) Give three signs by "
            "which you see that it is not. (b) Which activation is it, and by which value on the "
            "figure can you tell?"
        ),
        figure=not_gelu,
        alt=(
            "A curve under the title GELU over x from -4 to 3. It rises all the way, from just "
            "above 0 through about 0.7 at x = 0, and comes close to the dotted ReLU, above which "
            "it stays."
        ),
        harm=harm_of_not_gelu,
        solution=(
            "(a) GELU is 0 at 0; here it is about 0.7. GELU falls below 0 on the left, to about "
            f"${said(gelu(np.linspace(-2, 0, 2001)).min())}$, and so it falls and rises; the curve "
            "is positive and rises all the way. GELU is nowhere above ReLU, since it is $x$ times "
            "a probability; the curve lies above it. (b) Softplus: at 0 it is "
            rf"$\log(1 + e^0) = \log 2 \approx {said(float(softplus(0.0)))}$."
        ),
        marks=(
            Mark(
                3,
                "(a) a point each for three of these: 0 at 0; below 0 on the left; falls and "
                "rises; never above ReLU",
            ),
            Mark(1, "(b) softplus"),
            Mark(1, r"$\log 2$ at 0"),
        ),
    ),
    Question(
        id="q-two-kinds-of-zero",
        kind="join",
        title="Two gradients that are 0",
        objective="measure vanishing gradients, saturated units and dead units",
        section="sec-dying",
        also=("losses",),
        difficulty=3,
        minutes=10,
        text=(
            "Two ReLU networks with one hidden layer are trained with the multiclass hinge. In "
            "both the gradient with respect to all weights of the *first* layer is exactly 0 on "
            "all training examples. In network A every example has a margin above 1, and no unit "
            "is dead. In network B all hidden units are dead. (a) Where on the way back does the 0 "
            "arise, in A and in B? "
            "(b) The labels of the training examples are all changed. In which network does the "
            "first layer get a gradient now, in general, and why never in the other? (c) In place "
            "of the hinge the loss becomes the cross-entropy, with the old labels. In which "
            "network does the first layer get a gradient, in general? (d) Which parameters of B "
            "can still change, and what do its predictions on the training examples have in common?"
        ),
        harm=two_kinds_of_zero,
        solution=(
            r"(a) In A at the start: the gradient of the hinge with respect to the scores is 0 for "
            "a margin above 1. In B on the way: the scores may pull, but each hidden unit "
            r"multiplies by $\mathrm{relu}'(z) = 0$. (b) In A: its examples are mistakes now, with "
            r"a margin below 1, so $\delta \ne 0$ at the scores. Then $W_2^\top \delta \ne 0$ in "
            r"general, and its units are alive. ($W_2^\top \delta$ is 0 if all rows of $W_2$ are "
            "alike, for instance, and over several examples gradients may cancel.) In B the factor "
            r"0 does not depend on labels. (c) In A, again in general: $\delta = p - y$ is never 0 "
            "for finite scores. In B, again, no. (d) The biases of the last layer. All hidden "
            "outputs are 0 there, so the scores are these biases for every example, and all "
            "examples get the same prediction."
        ),
        marks=(
            Mark(2, "(a) A: in the loss; B: in the slopes of the units"),
            Mark(2, "(b) A in general, for margins are below 1 now; B's slopes see no labels"),
            Mark(2, "(c) A in general, for $p - y$ is never 0; B not"),
            Mark(2, "(d) the biases of the last layer; one prediction for all"),
        ),
    ),
    Question(
        id="q-leak-of-one",
        kind="join",
        title="The larger the leak, the better?",
        objective="count the pieces of a ReLU network, and choose among",
        section="sec-variations",
        also=("mlp",),
        difficulty=2,
        minutes=8,
        text=(
            '"Units die in my ReLU network, so I take a leaky ReLU: $z$ for $z > 0$ and $c\\,z$ '
            r"for $z \le 0$. And the larger $c$ is, the better gradients get through, so I take "
            '$c = 1$." (a) Is it true that with $c = 1$ no unit ever dies? (b) What can this '
            "network compute, however many layers it has? (c) By how much does the slope of one "
            "unit with the weight $w$ in front change at its kink, in dependence on $c$? How many "
            "pieces can one hidden layer of $h$ units make at most over one input, for $c = 1$, "
            "for $c = 0.1$ and for $c = -1$?"
        ),
        harm=leak_of_one,
        solution=(
            "(a) Yes: the slope is 1 everywhere. (b) With $c = 1$ the activation is the identity, "
            "so all layers together are one affine map. (c) From $c w$ to $w$ or from $w$ to "
            r"$c w$, so by $(1 - c) \lvert w \rvert$ upward, with $x$ going to the right. This is "
            "0 for $c = 1$, which leaves 1 piece. For every other $c$ each unit bends, at the "
            "same places as a ReLU, so $h + 1$ for $c = 0.1$ and $h + 1$ for $c = -1$, where the "
            r"activation is $\lvert z \rvert$."
        ),
        marks=(
            Mark(1, "(a) yes, the slope is 1"),
            Mark(2, "(b) one affine map"),
            Mark(2, r"(c) $(1 - c) \lvert w \rvert$, or $(1 - c) w$ with an eye on the side"),
            Mark(2, "1, $h + 1$ and $h + 1$"),
        ),
    ),
)
