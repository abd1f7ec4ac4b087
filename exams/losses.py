"""Exam questions on surrogate losses: what they cost, where they push, what they promise."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from exams.model import Mark, Question, Slip, Variant, said
from nnlib import (
    MLP,
    hinge,
    plots,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    squared_error,
    zero_one,
)

LOGARITHMS = r"($\log 2 \approx 0.69$, $\log 3 \approx 1.10$, $\log 5 \approx 1.61$.)"


def row(values: Any, digits: int = 0) -> str:
    """Return numbers as a row in a formula."""
    return said(tuple(float(value) for value in values), digits)


# --- To compute -----------------------------------------------------------------------------------


def steps_until_content(rng: np.random.Generator) -> Variant:
    """Draw two scores whose margin reaches 1 after a whole number of steps."""
    quarters = int(rng.choice([1, 2]))
    rate, rival = quarters / 4, int(rng.integers(1, 5))
    steps = int(rng.integers(4, 11))
    margin = 1 - 2 * rate * steps
    scores = np.array([rival + margin, rival])
    seen = 0
    moving = scores
    while hinge(moving, 0) > 0:
        moving, seen = moving - rate * hinge.gradient(moving, 0), seen + 1
    loss = float(hinge(scores, 0))
    return Variant(
        values={"scores": scores.tolist(), "quarters": quarters},
        text=(
            rf"Two classes have the scores $s = ({scores[0]:g},\ {rival})$, and the true class is "
            "the first one. Gradient descent on the hinge loss moves the two scores themselves, "
            rf"with the learning rate $\eta = {rate:g}$. After how many steps is the loss 0?"
        ),
        key=seen,
        slips=(
            Slip(
                2 * steps,
                r"You let the margin grow by $\eta$ a step. *Both* scores move by $\eta$, one up "
                "and one down.",
            ),
            Slip(
                steps - 0.5 / rate,
                "Then the margin is 0, a tie. The hinge is content with a margin of 1.",
            ),
            Slip(
                2 * steps - 1 / rate,
                r"Both scores move by $\eta$ in a step, and the hinge asks for a margin of 1, not "
                "of 0.",
            ),
        ),
        solution=(
            rf"The margin is ${scores[0]:g} - {rival} = {margin:g}$, so the loss is $1 - "
            rf"({margin:g}) = {loss:g}$. While it is above 0, its gradient is $(-1,\ 1)$: a step "
            rf"moves the true score up and its rival down, each by ${rate:g}$, and the loss falls "
            rf"by ${2 * rate:g}$. So it takes ${loss:g} / {2 * rate:g} = {steps}$ steps."
        ),
    )


def steps_until_content_again(scores: list[float], quarters: int) -> int:
    """Return the number of steps, one by one in fractions."""
    own, rival = map(Fraction, scores)
    steps = 0
    while own - rival < 1:
        own, rival = own + Fraction(quarters, 4), rival - Fraction(quarters, 4)
        steps += 1
    return steps


WORDS = {2: "two", 3: "three", 4: "four"}
#: Sums of exponentials whose logarithms follow from those of 2, 3 and 5.
SUMS = (10, 12, 15, 16, 18, 20, 24, 25, 27, 30, 36, 40, 45, 48, 50, 54, 60)
#: Classes, how many of them the network favors, and how many times as much.
FAVORS = [
    (total - favored * (times - 1), favored, times)
    for total in SUMS
    for favored in WORDS
    for times in (2, 3, 4, 5, 6, 8, 9)
    if 8 <= total - favored * (times - 1) <= 30
]


def favorites(rng: np.random.Generator) -> Variant:
    """Draw how many classes a network favors, and whether the true one is among them."""
    classes, favored, times = FAVORS[rng.integers(len(FAVORS))]
    among = bool(rng.integers(2))
    scores = np.zeros(classes)
    scores[:favored] = math.log(times)
    inside = float(softmax_cross_entropy(scores, 0))
    outside = float(softmax_cross_entropy(scores, classes - 1))
    total, group = favored * times + classes - favored, favored if among else classes - favored
    whom = f"one of these {WORDS[favored]}" if among else "one of the others"
    own = rf"\tfrac{{{times}}}{{{total}}}" if among else rf"\tfrac1{{{total}}}"
    value = rf"\log \tfrac{{{total}}}{{{times}}}" if among else rf"\log {total}"
    return Variant(
        values={"classes": classes, "favored": favored, "times": times, "among": among},
        text=(
            rf"Of {classes} classes a network gives {WORDS[favored]} the score $\log {times}$, and "
            f"all others the score 0. The true class is {whom}. How large is the cross-entropy? "
            f"{LOGARITHMS}"
        ),
        key=inside if among else outside,
        slips=(
            Slip(
                outside if among else inside,
                "That is the loss for a true class of the *other* group. Whose exponential stands "
                "above?",
            ),
            Slip(
                math.log(classes),
                "That is the loss of a network that knows nothing. This one has favorites.",
            ),
            Slip(
                math.log(group),
                "You left the other group out. Its probabilities are not 0.",
            ),
        ),
        solution=(
            rf"The exponentials are {times} and 1, with the sum ${favored} \cdot {times} + "
            rf"{classes - favored} = {total}$. So the true class has the probability ${own}$, and "
            rf"the loss is ${value} \approx {said(inside if among else outside)}$."
        ),
    )


def favorites_again(classes: int, favored: int, times: int, among: bool) -> float:
    """Return the loss from the product of all odds against the true class."""
    own = times if among else 1
    odds = sum((times if i < favored else 1) / own for i in range(classes))
    return math.log(odds)


def two_halves(rng: np.random.Generator) -> Variant:
    """Draw two groups of examples, with a mean hinge and a mean cross-entropy in hundredths."""
    while True:
        first, second = (int(n) for n in rng.choice([40, 60, 80, 90, 120], 2))
        of_hinge, of_entropy = (int(n) for n in rng.choice([15, 20, 25, 30, 35, 40], 2))
        spent = first * of_hinge / 100, second * of_entropy / 100 / math.log(2)
        # So that it does not matter when one rounds.
        if sum(share - math.floor(share + 1e-9) for share in spent) < 0.95:
            break
    most = [math.floor(share + 1e-9) for share in spent]
    plain = second * of_entropy // 100
    return Variant(
        values={
            "first": first,
            "second": second,
            "of_hinge": of_hinge,
            "of_entropy": of_entropy,
        },
        text=(
            f"Of a network you know its mean hinge loss on {first} examples, {of_hinge / 100:g}, "
            f"and its mean cross-entropy on {second} others, {of_entropy / 100:g}. At most how "
            "many of all these examples can it get wrong? (A tie may be decided wrongly. "
            r"$\log 2 \approx 0.693$.)"
        ),
        key=sum(most),
        slips=(
            Slip(
                most[0] + plain,
                "You let every mistake cost 1. Under cross-entropy the cheapest one costs "
                r"$\log 2$.",
            ),
            Slip(
                most[0] + math.floor(second * of_entropy / 100 * math.log(2)),
                r"You multiplied by $\log 2$. A cheaper mistake fits in more often, not less.",
            ),
            Slip(
                math.floor(first * of_hinge / 100 / math.log(2)) + most[1],
                r"You divided both sums by $\log 2$. Under the hinge a mistake costs at least 1.",
            ),
        ),
        solution=(
            rf"The hinge losses add up to ${first} \cdot {of_hinge / 100:g} = "
            rf"{first * of_hinge / 100:g}$, and a mistake costs at least 1: at most {most[0]}. The "
            rf"cross-entropies add up to ${second} \cdot {of_entropy / 100:g} = "
            rf"{second * of_entropy / 100:g}$, and a mistake costs at least $\log 2$: at most "
            rf"${second * of_entropy / 100:g} / 0.693 \approx {said(spent[1], 1)}$, so {most[1]}. "
            f"Together these are {sum(most)}."
        ),
    )


def two_halves_again(first: int, second: int, of_hinge: int, of_entropy: int) -> int:
    """Return the number of mistakes, by paying one after the other in hundredths."""
    hinges, entropies, mistakes = first * of_hinge, float(second * of_entropy), 0
    while hinges >= 100:
        hinges, mistakes = hinges - 100, mistakes + 1
    while entropies >= 100 * math.log(2):
        entropies, mistakes = entropies - 100 * math.log(2), mistakes + 1
    return mistakes


def waiting_time(rng: np.random.Generator) -> Variant:
    """Draw the mean that a network states, and the time that it was."""
    mean = int(rng.choice([2, 4, 5, 10, 20, 25]))
    y = int(rng.choice([n for n in range(1, min(3 * mean, 30) + 1) if n != mean]))
    key = 1 - y / mean
    return Variant(
        values={"mean": mean, "y": y},
        text=(
            "How long until the next bus? A network states a score $s$, by which the time $y > 0$ "
            r"has the density $e^{-s} \exp(-y\,e^{-s})$, that of an exponential distribution with "
            "the mean $e^s$. Maximum likelihood makes a loss of it. What is its derivative with "
            rf"respect to $s$, at $s = \log {mean}$ and $y = {y}$?"
        ),
        key=key,
        slips=(
            Slip(
                -key,
                "That is the derivative of the log-likelihood. The loss has a minus sign.",
            ),
            Slip(
                -y / mean,
                "The factor $e^{-s}$ in front of the density is lost. The network can change it.",
            ),
            Slip(
                mean - y,
                "That is mean minus answer, as for a count or a Gaussian. Take the logarithm of "
                "*this* density.",
            ),
            Slip(
                math.log(mean) + y / mean,
                "That is the loss itself. How fast does it change with $s$?",
            ),
        ),
        solution=(
            r"The logarithm of the density is $-s - y\,e^{-s}$, so the loss is $s + y\,e^{-s}$. "
            rf"Its derivative is $1 - y\,e^{{-s}} = 1 - {y}/{mean} = {said(key)}$."
        ),
    )


def waiting_time_again(mean: int, y: int) -> float:
    """Return the derivative by a difference of the logarithm of the density."""

    def loss(s: float) -> float:
        return -math.log(math.exp(-s) * math.exp(-y * math.exp(-s)))

    s = math.log(mean)
    # Two steps cancel the error of the first order.
    near, far = (loss(s + r) - loss(s - r) for r in (1e-3, 2e-3))
    return (8 * near - far) / 12e-3


#: Scores, as they are written, by the odds of a yes.
ODDS = {0.25: r"-\log 4", 1.0: "0", 3.0: r"\log 3", 4.0: r"\log 4", 9.0: r"\log 9"}


def several_labels(rng: np.random.Generator) -> Variant:
    """Draw three scores and three answers, of which some are yes and some are no."""
    odds = rng.permutation(list(ODDS))[:3]
    y = rng.permutation([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]][rng.integers(2)])
    scores = np.log(odds)
    p = sigmoid(scores)
    listed = r",\ ".join(f"{{{ODDS[float(odd)]}}}" for odd in odds)
    return Variant(
        values={"odds": odds.tolist(), "y": y.tolist()},
        text=(
            "A network answers three questions about a photo, each with yes or no; any combination "
            rf"may be right. Its scores are $s = ({listed})$, and the answers are $y = {row(y)}$ "
            "with 1 for yes. The loss is the binary cross-entropy, summed over the three "
            "questions. What is its gradient with respect to the scores?"
        ),
        key=tuple((p - y).tolist()),
        slips=(
            Slip(
                tuple((softmax(scores) - y).tolist()),
                "That is softmax less answers. A softmax lets the questions compete, but more than "
                "one answer may be yes.",
            ),
            Slip(
                tuple((y - p).tolist()),
                "That is the way in which gradient descent moves the scores. The gradient points "
                "uphill.",
            ),
            Slip(
                tuple(p.tolist()),
                "These are the probabilities of a yes. The answers are still to be subtracted.",
            ),
            Slip(
                tuple(((p - y) / 3).tolist()),
                "That is the gradient of the *mean* over the questions, which PyTorch takes by "
                "default. Here the loss is their sum.",
            ),
            Slip(
                tuple(((p - y) * p * (1 - p)).tolist()),
                "That is the gradient of half the squared error of the probabilities: the slope of "
                "the sigmoid is still in it, which the logarithm cancels.",
            ),
        ),
        solution=(
            rf"The gradient is $\sigma(s) - y$, question by question. With $\sigma(\log c) = c / "
            rf"(1 + c)$ the probabilities of a yes are ${row(p, 2)}$, so the gradient is "
            rf"${row(p - y, 2)}$."
        ),
    )


def several_labels_again(odds: list[float], y: list[float]) -> tuple[float, ...]:
    """Return the gradient from the odds."""
    return tuple(odd / (1 + odd) - answer for odd, answer in zip(odds, y, strict=True))


# --- To find the fault ----------------------------------------------------------------------------

ALL_PAIRS = """
import numpy as np

def cross_entropy(p, labels):
    return -np.log(p[:, labels]).mean()

p = np.array([[0.8, 0.1, 0.1],
              [0.1, 0.8, 0.1],
              [0.1, 0.1, 0.8]])
print(cross_entropy(p, np.array([0, 1, 2])).round(3))
print(cross_entropy(p, np.array([1, 2, 0])).round(3))
"""


def harm_of_all_pairs(names: dict[str, Any]) -> None:
    """Hold that right and wrong labels cost the same, and what they should cost."""
    p, loss = names["p"], names["cross_entropy"]
    right, wrong = np.array([0, 1, 2]), np.array([1, 2, 0])
    assert np.isclose(loss(p, right), loss(p, wrong))
    assert p[:, right].shape == (3, 3)
    mended = [-np.log(p[np.arange(3), labels]).mean() for labels in (right, wrong)]
    assert np.allclose(mended, [-math.log(0.8), -math.log(0.1)])
    assert np.isclose(loss(p[:1], right[:1]), -math.log(0.8))


EPOCHS = np.arange(1, 41)
HINGES = 0.2 + 0.7 * np.exp(-EPOCHS / 6)
MISTAKES = 0.27 + 0.3 * np.exp(-EPOCHS / 9)


def above_the_bound() -> Figure:
    """Draw more mistakes than a mean hinge allows."""
    figure = Figure(figsize=(4.6, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(EPOCHS, HINGES, color=plots.COLORS[0], label="mean hinge loss")
    axes.plot(EPOCHS, MISTAKES, color=plots.COLORS[1], ls="--", label="share of mistakes")
    axes.set(xlabel="epoch", ylim=(0, 0.9))
    axes.grid(visible=True, alpha=0.4)
    axes.legend()
    return figure


def harm_of_the_bound(names: dict[str, Any]) -> None:
    """Hold that late epochs break the hinge's bound, and none that of cross-entropy."""
    broken = MISTAKES > HINGES
    assert not broken[:5].any()
    assert broken[7:].all()
    assert 0.2 < HINGES[-1] < 0.202 < 0.27 < MISTAKES[-1] < 0.28
    assert np.all(MISTAKES < HINGES / math.log(2))


# --- What is claimed in words ---------------------------------------------------------------------


def larger_pushes(names: dict[str, Any]) -> None:
    """Hold the price of pushes, and whom a push can turn."""
    assert MLP([64, 32, 10], rng=0).n_parameters == 2410
    margins = np.array([-3.0, -0.05, 0.05, 3.0])
    for push in (-0.1, 0.1):
        assert ((margins + push <= 0) != (margins <= 0))[[0, 3]].sum() == 0
    assert ((margins + 0.1 <= 0) != (margins <= 0)).tolist() == [False, True, False, False]


def no_close_calls(names: dict[str, Any]) -> None:
    """Hold both ends, with scores that reach them."""
    for margins in ([-1.0] * 10 + [1.0] * 40, [-3.0] * 5 + [2.0] * 45):
        scores = np.stack([margins, np.zeros(50)], axis=1)
        assert np.isclose(hinge(scores, np.zeros(50, int), "mean"), 0.4)
        assert zero_one(scores, np.zeros(50, int), "sum") == margins.count(min(margins))


def labels_that_err(names: dict[str, Any]) -> None:
    """Hold the two ends of the loss, and that its slope fades on the left."""
    s = np.array([-40.0, 40.0])
    loss = -np.log(0.1 + 0.8 * sigmoid(s))
    assert np.allclose(loss, [math.log(10), -math.log(0.9)])
    slope = -0.8 * sigmoid.derivative(s) / (0.1 + 0.8 * sigmoid(s))
    assert np.allclose(slope, 0)
    assert np.isclose(sigmoid(s[0]) - 1, -1)
    p = 0.3
    assert math.isclose(0.9 * p + 0.1 * (1 - p), 0.1 + 0.8 * p)


def product_of_weights(names: dict[str, Any]) -> None:
    """Hold the values at three points on a line, and the gradient in the middle."""

    def loss(u: float, v: float) -> float:
        return (u * v - 1) ** 2 / 2

    assert (loss(1, 1), loss(-1, -1), loss(0, 0)) == (0, 0, 0.5)
    net = MLP([1, 1, 1], "identity", rng=0)
    for weight in net.weights:
        weight[...] = 0
    gradient = net.backward(squared_error.gradient(net.forward([[1.0]]), [[1.0]]))
    assert not any(weight.any() for weight in gradient.weights)


def parabola(names: dict[str, Any]) -> None:
    """Hold where the parabola lies above and below the hinge, and which line it touches."""
    m = np.linspace(-4, 4, 801)
    value, of_hinge = (1 - m) ** 2, np.maximum(0, 1 - m)
    assert np.all(value >= (m <= 0))
    inside = (m > 1e-9) & (m < 1 - 1e-9)
    assert np.all(value[inside] < of_hinge[inside])
    outside = (m < -1e-9) | (m > 1 + 1e-9)
    assert np.all(value[outside] > of_hinge[outside])
    assert np.all(value >= np.maximum(0, 1 - 2 * m) - 1e-12)
    for kappa in (0, 1, 1.9, 2.1, 3):
        assert np.any(value < np.maximum(0, 1 - kappa * m) - 1e-6)


def zeros_in_the_last_layer(names: dict[str, Any]) -> None:
    """Hold which gradients are 0 at the first and at the second step."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(8, 4)), np.arange(8) % 5
    net = MLP([4, 6, 5], "relu", rng=0)
    net.weights[1][...] = 0
    loss, delta = softmax_cross_entropy.value_and_gradient(net.forward(x), labels, "mean")
    assert np.isclose(loss, math.log(5))
    gradient = net.backward(delta)
    assert gradient.weights[1].any()
    assert not gradient.weights[0].any()
    net.theta -= 0.1 * gradient.theta
    again = net.backward(softmax_cross_entropy.gradient(net.forward(x), labels, "mean"))
    assert again.weights[0].any()
    net.theta[...] = 0
    none = net.backward(softmax_cross_entropy.gradient(net.forward(x), labels, "mean"))
    assert not any(weight.any() for weight in none.weights)
    assert not none.biases[0].any()
    assert none.biases[1].any()


def two_squared_errors(names: dict[str, Any]) -> None:
    """Hold the factor between the two, for ten outputs and for two."""
    rng = np.random.default_rng(0)
    for outputs in (10, 2):
        scores, targets = rng.normal(size=(2, 7, outputs))
        mean_over_all = np.mean((scores - targets) ** 2)
        ours = squared_error(scores, targets, "mean")
        assert np.isclose(mean_over_all, 2 / outputs * ours)


# --- All of them ----------------------------------------------------------------------------------

QUESTIONS = (
    Question(
        id="q-steps-until-content",
        kind="compute",
        title="Until the hinge is content",
        objective="compute hinge, cross-entropy and their gradients",
        section="sec-gradients",
        difficulty=1,
        minutes=4,
        draw=steps_until_content,
        check=steps_until_content_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(1, "the margin, or the loss at the start"),
            Mark(2, r"both scores move, so the margin grows by $2 \eta$ a step"),
            Mark(1, "the number of steps until the margin is 1"),
        ),
    ),
    Question(
        id="q-favorites",
        kind="compute",
        title="A network with favorites",
        objective="compute hinge, cross-entropy and their gradients",
        section="sec-cross-entropy-loss",
        difficulty=2,
        minutes=5,
        draw=favorites,
        check=favorites_again,
        tolerance=0.02,
        marks=(
            Mark(2, "the sum of the exponentials of all classes"),
            Mark(2, "the probability of the true class"),
            Mark(1, "the logarithm, as a positive number"),
        ),
    ),
    Question(
        id="q-two-halves",
        kind="compute",
        title="Two means, two kinds of loss",
        objective="say how many mistakes a mean loss of a given size allows",
        section="sec-cross-entropy-loss",
        difficulty=2,
        minutes=5,
        draw=two_halves,
        check=two_halves_again,
        digits=0,
        tolerance=0,
        marks=(
            Mark(1, "both sums of losses"),
            Mark(2, r"what a mistake costs at least: 1, and $\log 2$"),
            Mark(2, "both numbers, rounded down, and their sum"),
        ),
    ),
    Question(
        id="q-waiting-time",
        kind="compute",
        title="A loss for waiting times",
        objective="derive a loss from a distribution by one recipe",
        section="sec-likelihood",
        difficulty=2,
        minutes=5,
        draw=waiting_time,
        check=waiting_time_again,
        digits=2,
        tolerance=0.005,
        marks=(
            Mark(2, r"the loss $s + y\,e^{-s}$"),
            Mark(2, r"its derivative $1 - y\,e^{-s}$"),
            Mark(1, "the number with its sign"),
        ),
    ),
    Question(
        id="q-several-labels",
        kind="compute",
        title="Three questions, one gradient",
        objective="derive a loss from a distribution by one recipe",
        section="sec-other-tasks",
        difficulty=1,
        minutes=4,
        draw=several_labels,
        check=several_labels_again,
        choice=True,
        marks=(
            Mark(2, "a sigmoid for each score, and no softmax"),
            Mark(2, "less the answers (1 point with the sign turned)"),
        ),
    ),
    Question(
        id="q-larger-pushes",
        kind="explain",
        title="Larger pushes",
        objective="explain, and show in a few lines of code, why the 0-1 loss",
        section="sec-zero-one",
        difficulty=2,
        minutes=8,
        text=(
            '"That no weight moves under the 0-1 loss is because the pushes were too small. I push '
            "each weight by 0.1 in place of a millionth, up and down, count the mistakes both "
            'times, and take the difference for the slope." The network has 2,410 parameters. (a) '
            "Can such a difference be other than 0? Of which examples does it tell? (b) Of which "
            "mistakes does it learn nothing, although they are the worst? (c) What does one step "
            "cost, in passes of all examples through the network, and what does a step on a "
            "surrogate cost? (d) Which property of hinge and cross-entropy mends (b)?"
        ),
        harm=larger_pushes,
        solution=(
            "(a) Yes: an example counts whose margin changes its sign, so one with a margin near "
            "0. (b) Of those with a margin far below 0: no push turns them, so they count as "
            "mistakes both times and cancel. (c) Two passes for each parameter, "
            rf"$2 \cdot {MLP([64, 32, 10], rng=0).n_parameters} = "
            f"{2 * MLP([64, 32, 10], rng=0).n_parameters}$; on a surrogate one pass forward and "
            "one back, for all parameters together. (d) Their slope in the margin does not fade "
            "where the margin is far below 0: it is $-1$, or close to it, so that the worst "
            "mistakes pull with full force."
        ),
        marks=(
            Mark(2, "(a) yes, by examples whose margin is near 0"),
            Mark(2, "(b) mistakes with a margin far below 0"),
            Mark(2, "(c) 4,820 passes, against one forward and one back"),
            Mark(2, "(d) a slope near $-1$ however wrong an example is"),
        ),
    ),
    Question(
        id="q-no-close-calls",
        kind="explain",
        title="No close calls",
        objective="say how many mistakes a mean loss of a given size allows",
        section="sec-mean-hinge",
        difficulty=2,
        minutes=8,
        text=(
            "The mean hinge loss of 50 examples is 0.4. You also know that none of them is close: "
            "every margin is at least 1 above 0 or at least 1 below it. (a) What do examples that "
            "are right cost, and what do mistakes cost at least? (b) At most how many mistakes are "
            "there? Prove it, and give margins with which there are so many. (c) You learn that no "
            "margin is below $-3$. At least how many mistakes are there?"
        ),
        harm=no_close_calls,
        solution=(
            r"(a) A right one has $m \ge 1$ and costs 0. A mistake has $m \le -1$ and costs "
            r"$1 - m \ge 2$. (b) The losses add up to $50 \cdot 0.4 = 20$. Mistakes cost at least "
            r"2 each, and no loss is negative, so there are at most $20 / 2 = 10$. With ten "
            "margins of $-1$ and forty of 1 there are ten. (c) A mistake costs at most "
            "$1 + 3 = 4$, and nothing else costs anything. So at least $20 / 4 = 5$ are "
            "needed to add up to 20."
        ),
        marks=(
            Mark(2, "(a) 0, and at least 2"),
            Mark(2, "(b) at most 10, from the sum"),
            Mark(2, "an example that has 10"),
            Mark(2, "(c) at least 5, since a mistake costs at most 4"),
        ),
    ),
    Question(
        id="q-labels-that-err",
        kind="explain",
        title="Labels that err",
        objective="derive a loss from a distribution by one recipe",
        section="sec-likelihood",
        difficulty=3,
        minutes=10,
        text=(
            r"A network has one score $s$ and states the probability $\sigma(s)$ that a patient is "
            "ill. Whoever wrote down the labels made a mistake in one of ten cases, at random, in "
            "both directions. (a) With which probability is the *written* label yes, in terms of "
            r"$\sigma(s)$? Which loss does maximum likelihood make of it for a written yes? (b) "
            r"Where does this loss go for $s \to \infty$ and for $s \to -\infty$? Compare with "
            r"$-\log \sigma(s)$. (c) The network is sure of a no, $s \to -\infty$, and the label "
            "says yes. What happens to the derivative of each of the two losses? Why is that of "
            "the new one welcome, and when is it a danger?"
        ),
        harm=labels_that_err,
        solution=(
            r"(a) $0.9\,\sigma(s) + 0.1\,(1 - \sigma(s)) = 0.1 + 0.8\,\sigma(s)$, so the loss is "
            r"$-\log(0.1 + 0.8\,\sigma(s))$. (b) To $-\log 0.9 \approx "
            f"{said(-math.log(0.9))}$ and to "
            rf"$\log 10 \approx {said(math.log(10))}$. The other goes to 0 and to infinity. (c) "
            r"That of $-\log \sigma(s)$ is $\sigma(s) - 1$ and goes to $-1$. That of the new loss "
            r"has the factor $\sigma'(s)$ and a denominator that stays above 0.1, so it goes to 0. "
            "A sure network takes such a label for one of the wrong ones, which is welcome if the "
            "network is right. If the network is wrong, it is on a plateau, and next to no "
            "gradient brings it back."
        ),
        marks=(
            Mark(2, r"(a) $0.1 + 0.8\,\sigma(s)$"),
            Mark(1, r"the loss, its $-\log$"),
            Mark(2, r"(b) $-\log 0.9$ and $\log 10$; 0 and infinity"),
            Mark(2, "(c) the derivatives go to 0 and to $-1$"),
            Mark(2, "welcome with a wrong label, a danger with a wrong network"),
        ),
    ),
    Question(
        id="q-product-of-weights",
        kind="explain",
        title="Two weights in a row",
        objective="say *in which variables* a loss is convex",
        section="sec-convexity",
        difficulty=2,
        minutes=8,
        text=(
            "The smallest network with two layers has two weights and no bend: $s = w_2 w_1 x$. "
            r"For one example, $x = 1$ and $y = 1$, the loss is $\tfrac12 (s - y)^2$. (a) In which "
            "of these is the loss convex: in $s$; in $w_1$, with $w_2$ held fixed; in $w_1$ and "
            "$w_2$ together? Prove the last answer with three points on a line. (b) What is the "
            "gradient at $w_1 = w_2 = 0$, and what does gradient descent do that starts there? (c) "
            "The network computes a linear function of $x$. Why does that not make its loss convex "
            "in the weights?"
        ),
        harm=product_of_weights,
        solution=(
            "(a) In $s$: yes, a parabola. In $w_1$ alone: yes, $s$ is a linear function of it. In "
            "both: no. At $(1, 1)$ and at $(-1, -1)$ the loss is 0, and halfway between, at "
            r"$(0, 0)$, it is $\tfrac12$, above both. (b) $(s - y)\, x\, (w_2, w_1) = (0, 0)$, so "
            "gradient descent stays there, although the loss is not the least. (c) Convexity in "
            "the scores becomes convexity in the weights for sure only if the scores are affine in "
            "the *weights*. Here $s$ is a product of two of them, though it is linear in $x$."
        ),
        marks=(
            Mark(2, "(a) yes in $s$ and in $w_1$ alone"),
            Mark(2, "no in both, with three points"),
            Mark(2, "(b) the gradient is 0, and nothing moves"),
            Mark(2, "(c) the scores are not affine in the weights"),
        ),
    ),
    Question(
        id="q-parabola",
        kind="explain",
        title="A parabola for a bound",
        objective="say *in which variables* a loss is convex",
        section="sec-smallest-bound",
        difficulty=2,
        minutes=8,
        text=(
            r"Consider $\psi(m) = (1 - m)^2$ as a loss of the margin $m$. (a) Show that it is a "
            "convex upper bound of the 0-1 loss. (b) Where is it below the hinge, where above? "
            'What does that say about the sentence "the hinge is the smallest convex upper bound"? '
            r"(c) For exactly one $\kappa \ge 0$ does $\max(0, 1 - \kappa m)$ lie nowhere above "
            r"$\psi$. Which one? (d) A margin of 3 is better than one of 1. What does training on "
            r"$\psi$ do with it?"
        ),
        harm=parabola,
        solution=(
            r"(a) A parabola that opens upward is convex. For $m \le 0$ it is $(1 - m)^2 \ge 1$, "
            r"and elsewhere $\ge 0$. (b) Below for $0 < m < 1$, where a square of a number below 1 "
            "is smaller than the number; above for $m < 0$ and for $m > 1$; equal at 0 and 1. So "
            "the hinge is not below every convex bound, and the sentence is false. (c) The two "
            r"meet at $(0, 1)$, so the line must have the slope of $\psi$ there, $-2$: "
            r"$\kappa = 2$. And indeed $(1 - m)^2 = 1 - 2m + m^2 \ge 1 - 2m$. (d) It pulls the "
            r"margin back to 1: $\psi(3) = 4$, with the slope $2 (3 - 1) = 4$. As with squared "
            "error, too right is punished."
        ),
        marks=(
            Mark(2, "(a) convex, at least 1 up to 0, and not negative"),
            Mark(2, "(b) below for $0 < m < 1$, so the sentence is false"),
            Mark(2, r"(c) $\kappa = 2$, the tangent at 0"),
            Mark(2, "(d) it pulls the margin down to 1"),
        ),
    ),
    Question(
        id="q-all-pairs",
        kind="fault",
        title="Right and wrong cost the same",
        objective="compute hinge, cross-entropy and their gradients",
        section="sec-cross-entropy-loss",
        difficulty=2,
        minutes=6,
        text=(
            "The function is to return the mean cross-entropy of the rows of `p`. (a) What should "
            "the two lines print, to two decimals? (b) Which shape has `p[:, labels]`, and what is "
            "averaged? Why do both lines print the same? (c) Mend it. (d) A test with a single "
            "example finds nothing. Why?"
        ),
        code=ALL_PAIRS,
        harm=harm_of_all_pairs,
        solution=(
            rf"(a) $-\log 0.8 \approx {said(-math.log(0.8))}$ and $-\log 0.1 \approx "
            f"{said(-math.log(0.1))}$. (b) (3, 3): from *every* row the columns of *all* labels "
            "are taken. The mean goes over all pairs of an example and a label, and both lists "
            "hold the same labels in another order. (c) `p[np.arange(len(p)), labels]`. (d) With "
            "one row and one label there is one pair, the right one."
        ),
        marks=(
            Mark(2, "(a) 0.22 and 2.30"),
            Mark(1, "(b) the shape (3, 3)"),
            Mark(1, "all pairs, so the order of the labels does not count"),
            Mark(1, "(c) an index for each row"),
            Mark(1, "(d) one example has one pair"),
        ),
    ),
    Question(
        id="q-above-the-bound",
        kind="fault",
        title="Two curves that do not fit",
        objective="say how many mistakes a mean loss of a given size allows",
        section="sec-mean-hinge",
        difficulty=2,
        minutes=6,
        text=(
            'A report says: "Mean hinge loss and share of mistakes of our network, on the training '
            'examples, after each epoch." (a) Show that this cannot be true of the last epochs. '
            "(b) What has probably been drawn? (c) Could the solid curve be the mean "
            "*cross-entropy* on the same examples? Use its values at the end, about 0.20 and 0.27."
        ),
        figure=above_the_bound,
        alt=(
            "Two curves over the epochs 1 to 40. The mean hinge loss, solid, falls from about 0.8 "
            "to 0.20. The share of mistakes, dashed, falls from about 0.54 to 0.27; it is below "
            "the other at first, and above it from about epoch 8 on."
        ),
        harm=harm_of_the_bound,
        solution=(
            "(a) A mistake costs at least 1 and nothing costs less than 0, so the share of "
            "mistakes is at most the mean hinge. At the end 0.27 of the examples would be "
            "mistakes, at a mean hinge of 0.20. (b) Two sets of examples: the loss of the training "
            "examples, and the mistakes on others that the network has not seen. (c) Yes. Under "
            r"cross-entropy a mistake costs at least $\log 2$, so the share may be up to "
            rf"$0.20 / \log 2 \approx {said(0.2 / math.log(2))}$, which is above 0.27."
        ),
        marks=(
            Mark(2, "(a) the share of mistakes is at most the mean hinge"),
            Mark(1, "which is broken at the end"),
            Mark(1, "(b) the loss on training examples, the mistakes on unseen ones"),
            Mark(2, r"(c) yes, by $0.20 / \log 2 \approx 0.29$"),
        ),
    ),
    Question(
        id="q-zeros-in-the-last-layer",
        kind="join",
        title="A last layer of zeros",
        objective="compute hinge, cross-entropy and their gradients",
        section="sec-gradients",
        also=("activations",),
        difficulty=3,
        minutes=10,
        text=(
            "A ReLU network for five classes starts with random weights, but those of its last "
            "layer are all 0, and so are all biases. It is trained with the cross-entropy of its "
            "scores. (a) How large is the first loss, on whatever data? (b) What is the gradient "
            r"with respect to the scores of an example? (c) Which weights move at the first step, "
            r"and which do not? Use the formulas for $\delta$. (d) Do the others ever move? (e) "
            "Somebody sets *all* weights to 0, in all layers. What can still be learned?"
        ),
        harm=zeros_in_the_last_layer,
        solution=(
            rf"(a) All scores are 0, so every class gets $\tfrac15$: $\log 5 \approx "
            f"{said(math.log(5))}$. (b) $p - y$: $0.2$ for every class but the true one, and "
            r"$-0.8$ for that. (c) Those of the last layer move: their gradient is "
            r"$\delta_L a_{L-1}^\top$, and neither factor is 0 in general. All earlier ones stay: "
            r"$\delta_{L-1} = (W_L^\top \delta_L) \odot \sigma'(z_{L-1})$ with $W_L = 0$ is 0, and "
            r"so is every $\delta$ before it. (d) Yes, from the second step on, for then "
            r"$W_L \ne 0$. (e) The biases of the last layer alone: all $a_i$ are 0, so the "
            r"gradient of $W_L$ is 0, too, and $\delta$ does not get past $W_L = 0$. The network "
            "gives every example the same scores."
        ),
        marks=(
            Mark(1, r"(a) $\log 5$"),
            Mark(1, "(b) $p - y$ with its numbers"),
            Mark(2, "(c) the last layer moves"),
            Mark(2, r"the others do not, since $W_L^\top \delta_L = 0$"),
            Mark(1, "(d) yes, from the second step on"),
            Mark(2, "(e) the last biases alone"),
        ),
    ),
    Question(
        id="q-two-squared-errors",
        kind="join",
        title="Two squared errors",
        objective="derive a loss from a distribution by one recipe",
        section="sec-regression",
        also=("pytorch",),
        difficulty=2,
        minutes=8,
        text=(
            r"The squared error of this book is $\tfrac12 \lVert s - y \rVert_2^2$ for an example, "
            "and its mean over a mini-batch. PyTorch's `MSELoss` is the mean of $(s_i - y_i)^2$ "
            "over all outputs of all examples of the mini-batch. A network with ten outputs was "
            "trained with the first, with plain gradient descent and the learning rate 0.1. (a) "
            "`MSELoss` is how many times the first loss? (b) With which learning rate does "
            "`MSELoss` take the same steps? (c) For which number of outputs is no change needed? "
            "(d) On unseen data the network has the loss 0.30, by the first. A second network for "
            "the same task, trained with `MSELoss`, has 0.08 on the same data, by `MSELoss`. Which "
            "of the two networks is better in this respect?"
        ),
        harm=two_squared_errors,
        solution=(
            r"(a) `MSELoss` has no $\tfrac12$ and divides by the ten outputs, so it is "
            "$2/10 = 0.2$ times the other. (b) Its gradients are a fifth, so the rate must be "
            "five times as large: 0.5. (c) For two, where $2/2 = 1$. (d) By one measure: 0.30 is "
            r"$0.2 \cdot 0.30 = 0.06$ as `MSELoss`, which is less than 0.08. So the first "
            "network, although its number is larger."
        ),
        marks=(
            Mark(2, "(a) 0.2, from both differences (1 point for one of them)"),
            Mark(2, "(b) 0.5 (0.02: no points)"),
            Mark(1, "(c) two outputs"),
            Mark(2, "(d) the first network, in one and the same measure"),
        ),
    ),
)
