"""Exam questions on softmax, cross-entropy, entropy and divergence.

All logarithms are natural unless a question asks for bits. What a question asks to compute is made
so that it can be done by hand: shares are powers of a half, scores are logarithms of whole numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from exams.model import Mark, Question, Slip, Variant, said
from nnlib import (
    cross_entropy,
    entropy,
    hinge,
    kl_divergence,
    plots,
    softmax,
    softmax_cross_entropy,
)

LOGARITHMS = r"($\log 2 \approx 0.69$, $\log 3 \approx 1.10$, $\log 5 \approx 1.61$.)"


def row(values: Any, digits: int = 2) -> str:
    """Return numbers as a row in a formula."""
    return said(tuple(float(value) for value in values), digits)


def fractions(shares: Any) -> str:
    """Return shares that are powers of a half as a row in a formula."""
    listed = r",\ ".join(rf"\tfrac1{round(1 / share)}" for share in shares)
    return f"({listed})"


# --- To compute -----------------------------------------------------------------------------------


def price_of_a_code(rng: np.random.Generator) -> Variant:
    """Draw two orders of the shares of four words."""
    shares = np.array([4, 2, 1, 1]) / 8
    y, p = rng.permutation(shares), rng.permutation(shares)
    price = float(kl_divergence(y=y, p=p)) / math.log(2)
    own, other = -np.log2(y), -np.log2(p)
    return Variant(
        values={"y": y.tolist(), "p": p.tolist()},
        text=(
            "A weather station sends four words, which come in the shares "
            f"$y = {fractions(y)}$, each with the code that is best for these shares. It takes "
            f"over the code that is best for $p = {fractions(p)}$. How many *bits* a word does "
            "that cost it in the mean, beyond what its own code costs?"
        ),
        key=price,
        slips=(
            Slip(
                float(kl_divergence(y=p, p=y)) / math.log(2),
                r"That is $D(p \Vert y)$: the mean was taken with the shares $p$. Which shares do "
                "the words have that are sent?",
            ),
            Slip(
                float(cross_entropy(y=y, p=p)) / math.log(2),
                "That is all that a word costs with the new code, the cross-entropy. What did a "
                "word cost before?",
            ),
            Slip(
                float(kl_divergence(y=y, p=p)),
                r"That is the price in nats. Divide by $\log 2$, or take logarithms of base 2.",
            ),
            Slip(
                float(np.mean(abs(other - own))),
                "The lengths differ by so much in the *plain* mean, up or down. How often is each "
                "of them paid, and which of them are shorter?",
            ),
        ),
        solution=(
            rf"The lengths are $-\log_2 y_i$, that is ${row(own, 0)}$, and $-\log_2 p_i$, that is "
            f"${row(other, 0)}$. Their differences, weighted with $y$, are the divergence "
            rf"$D(y \Vert p) = {said(float(y @ other), 3)} - {said(float(y @ own), 3)} = "
            f"{said(price, 3)}$ bits."
        ),
    )


def price_of_a_code_again(y: list[float], p: list[float]) -> float:
    """Return the price from the lengths of the two codes."""
    return sum(
        share * (math.log2(share) - math.log2(model)) for share, model in zip(y, p, strict=True)
    )


def gradient_of_scores(rng: np.random.Generator) -> Variant:
    """Draw three whole numbers with the sum 10, and a true class."""
    weights = rng.permutation([[1, 2, 7], [1, 3, 6], [2, 3, 5], [1, 4, 5]][rng.integers(4)])
    k = int(rng.integers(3))
    scores, y = np.log(weights), np.eye(3)[k]
    p = softmax(scores)
    gradient = softmax_cross_entropy.gradient(scores, k)
    jacobian = np.diag(p) - np.outer(p, p)
    listed = r",\ ".join("0" if weight == 1 else rf"\log {weight}" for weight in weights)
    return Variant(
        values={"weights": weights.tolist(), "k": k},
        text=(
            f"Three classes have the scores $s = ({listed})$, and the true class is {k} (classes "
            "are counted from 0). What is the gradient of the cross-entropy with respect to the "
            "scores?"
        ),
        key=tuple(gradient.tolist()),
        slips=(
            Slip(
                tuple((y - p).tolist()),
                "That is $y - p$, the way in which gradient descent moves the scores. The gradient "
                "points uphill.",
            ),
            Slip(
                tuple(p.tolist()),
                "That is $p$, the gradient of log-sum-exp. The loss has $-s_k$ beside it.",
            ),
            Slip(
                tuple((-y / p).tolist()),
                "That is the gradient with respect to the *probabilities*. The Jacobian of softmax "
                "takes it to the scores.",
            ),
            Slip(
                tuple((jacobian @ (p - y)).tolist()),
                "That is the gradient of half the *squared error* of $p$: $p - y$ has gone through "
                "the Jacobian of softmax, which cross-entropy cancels.",
            ),
        ),
        solution=(
            f"The exponentials are ${row(weights, 0)}$ with the sum 10, so $p = {row(p)}$. The "
            f"gradient is $p - y$ with $y = {row(y, 0)}$, that is ${row(gradient)}$."
        ),
    )


def gradient_of_scores_again(weights: list[int], k: int) -> tuple[float, ...]:
    """Return the gradient from whole numbers alone."""
    return tuple(
        (weight - (i == k) * sum(weights)) / sum(weights) for i, weight in enumerate(weights)
    )


def far_from_zero(rng: np.random.Generator) -> Variant:
    """Draw a level at which exponentials overflow or vanish, and a lead of the wrong class."""
    level = int(rng.choice([-3000, -2000, -1000, 1000, 2000, 3000]))
    lead = int(rng.choice([2, 3, 4, 5, 7, 9]))
    scores = np.array([level, level + math.log(lead)])
    loss = float(softmax_cross_entropy(scores, 0))
    return Variant(
        values={"lead": lead},
        text=(
            rf"Two classes have the scores ${level}$ and ${level} + \log {lead}$. The true class "
            rf"is the first one. How large is its cross-entropy $-\log p_0$, in nats? {LOGARITHMS}"
        ),
        key=loss,
        slips=(
            Slip(
                math.log(lead),
                r"That is the lead of the wrong class, $-\log(p_0 / p_1)$. The loss is "
                r"$\mathrm{lse}(s) - s_0$, in which both exponentials stand.",
            ),
            Slip(
                float(softmax_cross_entropy(scores, 1)),
                r"That is $-\log p_1$. Which class is the true one?",
            ),
            Slip(
                level + loss,
                r"That is $\mathrm{lse}(s)$. Take the score of the true class from it.",
            ),
        ),
        solution=(
            f"A common shift changes nothing, so take ${level}$ from both scores: $0$ and "
            rf"$\log {lead}$. The exponentials are 1 and {lead}, so $p_0 = 1/{lead + 1}$ and "
            rf"$-\log p_0 = \log {lead + 1} \approx {said(loss)}$."
        ),
    )


def far_from_zero_again(lead: int) -> float:
    """Return the loss from the lead alone."""
    return math.log1p(lead)


def warmer_or_colder(rng: np.random.Generator) -> Variant:
    """Draw a temperature, and two probabilities whose ratio has a root or is squared."""
    tau = float(rng.choice([0.5, 2.0]))
    pairs = [(1, 3), (1, 5), (1, 6), (2, 3), (2, 5), (3, 4), (3, 5)]
    roots = rng.permutation(pairs[rng.integers(len(pairs))])
    weights, new = (roots**2, roots) if tau == 2 else (roots, roots**2)
    scores = np.log(weights)
    before, after = softmax(scores), softmax(scores / tau)
    odds = weights[1] / weights[0]
    ratio, becomes = (
        rf"\frac{{{w[1]}}}{{{w[0]}}}" if w[0] > 1 else f"{w[1]}" for w in (weights, new)
    )
    power = rf"\sqrt{{{ratio}}}" if tau == 2 else rf"\left({ratio}\right)^2"
    exact = r",\ ".join(rf"\tfrac{{{weight}}}{{{weights.sum()}}}" for weight in weights)
    shown = r"\tfrac12" if tau < 1 else "2"
    return Variant(
        values={"weights": weights.tolist(), "tau": tau},
        text=(
            rf"The softmax of two scores is $p = ({exact}) \approx {row(before, 3)}$. Then the "
            rf"scores are divided by the temperature $\tau = {shown}$. What is $p_1$ now? (Classes "
            "are counted from 0.)"
        ),
        key=float(after[1]),
        slips=(
            Slip(
                float(softmax(scores * tau)[1]),
                r"That is what *multiplying* the scores by $\tau$ gives. A higher temperature "
                "brings the probabilities nearer to each other, a lower one further apart.",
            ),
            Slip(
                float(odds / (odds + tau)),
                r"The *ratio* of the probabilities was divided by $\tau$. It is its logarithm, the "
                "difference of the scores, that is divided.",
            ),
            Slip(
                float(before[1]),
                "That is $p_1$ as it was. The prediction stays, but not the probability.",
            ),
        ),
        solution=(
            rf"The difference of the scores is $s_1 - s_0 = \log {ratio}$, and the ratio "
            rf"$p_1 / p_0$ becomes $\exp\bigl((s_1 - s_0) / \tau\bigr) = {power} = {becomes}$. So "
            rf"$p_1 = \frac{{{new[1]}}}{{{new.sum()}}} \approx {said(float(after[1]), 3)}$."
        ),
    )


def warmer_or_colder_again(weights: list[int], tau: float) -> float:
    """Return the probability from powers of the weights."""
    other, one = (weight ** (1 / tau) for weight in weights)
    return one / (other + one)


def too_sure(rng: np.random.Generator) -> Variant:
    """Draw two bins of a reliability diagram."""
    sizes = rng.permutation([100, 400])
    claims = [0.6, 0.9]
    right = np.array([rng.integers(9, 13) * 5, rng.integers(14, 17) * 5]) * sizes // 100
    confidence = float(sizes @ claims) / 500
    accuracy = float(right.sum()) / 500
    shares = right / sizes
    return Variant(
        values={"sizes": sizes.tolist(), "right": right.tolist()},
        text=(
            f"Of 500 new images a network is sure with 0.6 on {sizes[0]}, of which it gets "
            f"{right[0]} right, and with 0.9 on the other {sizes[1]}, of which it gets {right[1]} "
            "right. By how much is its mean confidence above its accuracy?"
        ),
        key=confidence - accuracy,
        slips=(
            Slip(
                float(np.mean(claims - shares)),
                "Both bins were counted alike. They hold different numbers of images.",
            ),
            Slip(
                accuracy - confidence,
                "That is accuracy less confidence. Above means confidence less accuracy.",
            ),
            Slip(
                1 - accuracy,
                "That is the share of mistakes. The question is how far the claims are above what "
                "came true.",
            ),
        ),
        solution=(
            rf"The mean confidence is $({sizes[0]} \cdot 0.6 + {sizes[1]} \cdot 0.9) / 500 = "
            f"{said(confidence)}$, the accuracy $({right[0]} + {right[1]}) / 500 = "
            f"{said(accuracy)}$. The network is too sure by ${said(confidence - accuracy)}$ "
            "in the mean; below 0 would be too modest."
        ),
    )


def too_sure_again(sizes: list[int], right: list[int]) -> float:
    """Return the gap from whole numbers."""
    return (6 * sizes[0] + 9 * sizes[1] - 10 * sum(right)) / (10 * sum(sizes))


# --- To find the fault ----------------------------------------------------------------------------

LOG_OF_SOFTMAX = """
import numpy as np

def loss(scores, k):
    e = np.exp(scores - np.max(scores))
    p = e / e.sum()
    return -np.log(p[k])

print(loss(np.array([0.0, -10.0]), 1).round(4))
print(loss(np.array([0.0, -1000.0]), 1))
"""

LOST_AXIS = """
import numpy as np

def softmax(scores):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1)

batch = np.log([[1.0, 1.0, 2.0], [1.0, 2.0, 5.0], [1.0, 1.0, 8.0]])
print(softmax(batch).round(2))
"""


def harm_of_log_of_softmax(names: dict[str, Any]) -> None:
    """Hold that the second loss is infinite, and the true one 1000."""
    scores = np.array([0.0, -1000.0])
    with np.errstate(divide="ignore"):
        assert names["loss"](scores, 1) == math.inf
    assert softmax_cross_entropy(scores, 1) == 1000
    assert np.isclose(names["loss"](scores / 100, 1), softmax_cross_entropy(scores / 100, 1))


def harm_of_lost_axis(names: dict[str, Any]) -> None:
    """Hold both signs of the fault, that a single row is right, and that two rows raise."""
    batch = names["batch"]
    wrong = names["softmax"](batch)
    assert not np.any(np.isclose(wrong.sum(axis=-1), 1))
    assert batch[0, 0] == batch[0, 1]
    assert np.allclose(wrong[0, :2], [0.25, 0.3125])
    assert np.allclose(names["softmax"](batch[1]), softmax(batch[1]))
    try:
        names["softmax"](batch[:2])
    except ValueError:
        return
    raise AssertionError("two rows of three raise")


SMOOTHED = np.array([0.9, 0.1])
EPOCHS = np.arange(1, 41)


def below_the_floor() -> Figure:
    """Draw a divergence, as if it were the cross-entropy."""
    p = 0.9 - 0.4 * np.exp(-EPOCHS / 6)
    models = np.stack([p, 1 - p], axis=-1)
    divergence = kl_divergence(y=np.broadcast_to(SMOOTHED, models.shape), p=models)
    figure = Figure(figsize=(4.6, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.plot(EPOCHS, divergence, color=plots.COLORS[0])
    axes.set(xlabel="epoch", ylabel="mean cross-entropy in nats", ylim=(0, 0.4))
    return figure


def harm_of_the_floor(names: dict[str, Any]) -> None:
    """Hold that the curve ends below what no model can be below, and no label can explain."""
    (line,) = below_the_floor().axes[0].lines
    end = np.asarray(line.get_ydata())[-1]
    assert end < 0.01 < 0.32 < entropy(SMOOTHED) < 0.33
    assert end < 0.1 < cross_entropy(y=np.eye(2)[0], p=SMOOTHED) < 0.11


# --- To join chapters -----------------------------------------------------------------------------

SCORES = np.array([3.0, 1.0, 0.0])


def first_step_back(rng: np.random.Generator) -> Variant:
    """Draw a small last layer: what goes in, and the odds of its classes."""
    weights = rng.permutation([1, 4]) if rng.random() < 0.5 else rng.permutation([2, 3])
    k = int(rng.integers(2))
    a = rng.permutation([1, 2, -3])[:2]
    i, j = int(rng.integers(2)), int(rng.integers(2))
    p = softmax(np.log(weights))
    delta = softmax_cross_entropy.gradient(np.log(weights), k)
    gradient = np.outer(delta, a)
    return Variant(
        values={"weights": weights.tolist(), "k": k, "a": a.tolist(), "i": i, "j": j},
        text=(
            f"The last layer of a network has the input $a = {row(a, 0)}$ and gives two scores, "
            f"$s = W a + b$. Their softmax is $p = {row(p, 1)}$, and the true class is {k}. The "
            "loss is the cross-entropy. What is its derivative with respect to the weight that "
            f"goes from input {j} to score {i}? (Inputs and classes are counted from 0.)"
        ),
        key=float(gradient[i, j]),
        slips=(
            Slip(
                float(-gradient[i, j]),
                "The sign is that of $y - p$, a step *down*. The gradient of the scores is "
                "$p - y$.",
            ),
            Slip(
                float(np.outer(delta, a).T[i, j]) if i != j else float(delta[i]),
                r"The gradient of $W$ is $\delta a^\top$: the row is that of the score, and the "
                "column that of the input, by which the gradient of the score is multiplied.",
            ),
            Slip(
                float(p[i] * a[j]) if i == k else float((p[i] - 1) * a[j]),
                r"The target is missing: $\delta = p - y$, not $p$."
                if i == k
                else r"$\delta = p - y$, and $y$ is 1 at the true class alone. Is it this one?",
            ),
        ),
        solution=(
            rf"The gradient of the scores is $\delta = p - y = {row(delta, 1)}$. The score {i} "
            rf"depends on this weight by $a_{j}$, so the derivative is $\delta_{i}\,a_{j} = "
            rf"{said(float(delta[i]), 1)} \cdot ({int(a[j])}) = {said(float(gradient[i, j]), 1)}$."
        ),
    )


def first_step_back_again(weights: list[int], k: int, a: list[int], i: int, j: int) -> float:
    """Return the derivative by differences of the loss, in plain Python."""
    s = [math.log(weight) for weight in weights]

    def loss(move: float) -> float:
        moved = [score + move * a[j] * (row == i) for row, score in enumerate(s)]
        return math.log(sum(map(math.exp, moved))) - moved[k]

    return (loss(1e-5) - loss(-1e-5)) / 2e-5


# --- All of them ----------------------------------------------------------------------------------

QUESTIONS = (
    Question(
        id="q-price-of-a-code",
        kind="compute",
        title="The price of another station's code",
        objective="work out entropy and divergence by hand",
        section="sec-kl",
        difficulty=1,
        minutes=5,
        draw=price_of_a_code,
        check=price_of_a_code_again,
        digits=3,
        tolerance=0.005,
        marks=(
            Mark(2, r"the lengths of both codes, $-\log_2 y_i$ and $-\log_2 p_i$"),
            Mark(2, "their difference, weighted with $y$ (1 point if it is weighted with $p$)"),
            Mark(1, "the number, in bits"),
        ),
    ),
    Question(
        id="q-gradient-of-scores",
        kind="compute",
        title="From scores to their gradient",
        objective="derive the gradient of cross-entropy",
        section="sec-gradient",
        difficulty=1,
        minutes=4,
        draw=gradient_of_scores,
        check=gradient_of_scores_again,
        choice=True,
        marks=(
            Mark(2, "the softmax of the scores"),
            Mark(2, "$p - y$ with its sign (1 point for $y - p$)"),
        ),
    ),
    Question(
        id="q-far-from-zero",
        kind="compute",
        title="Scores far from 0",
        objective="compute the logarithm of a softmax",
        section="sec-log",
        difficulty=2,
        minutes=4,
        draw=far_from_zero,
        check=far_from_zero_again,
        tolerance=0.02,
        marks=(
            Mark(
                1,
                r"a common shift, $\mathrm{lse}(s) - s_0$ with the largest score taken out, or "
                "$p_0 = 1 / (1 + e^{s_1 - s_0})$",
            ),
            Mark(2, "the sum of both exponentials, with one of them 1"),
            Mark(1, "the logarithm, as a positive number"),
        ),
    ),
    Question(
        id="q-warmer-or-colder",
        kind="compute",
        title="Another temperature",
        objective="tell confidence from calibration",
        section="sec-temperature",
        difficulty=2,
        minutes=4,
        draw=warmer_or_colder,
        check=warmer_or_colder_again,
        choice=True,
        digits=3,
        marks=(
            Mark(1, "the difference of the scores is the logarithm of the ratio"),
            Mark(2, r"the new ratio, a power of the old one with the exponent $1/\tau$"),
            Mark(1, "from the ratio to $p_1$"),
        ),
    ),
    Question(
        id="q-too-sure",
        kind="compute",
        title="Too sure by how much?",
        objective="tell confidence from calibration",
        section="sec-calibration",
        difficulty=1,
        minutes=4,
        draw=too_sure,
        check=too_sure_again,
        # The plain mean has a half in its third decimal, which is rounded either way.
        tolerance=0.006,
        marks=(
            Mark(2, "the mean confidence, in which each bin has its size as its weight"),
            Mark(1, "the accuracy over all images"),
            Mark(1, "the difference, with its sign"),
        ),
    ),
    Question(
        id="q-which-shift",
        kind="explain",
        title="Why the maximum?",
        objective="say what softmax keeps and what it forgets",
        section="sec-shift",
        difficulty=1,
        minutes=6,
        text=(
            "Before it takes exponentials, a program subtracts one number from all scores of an "
            "example. (a) Why does the softmax stay the same, whichever number that is? (b) Why "
            "is the *largest* score a safe choice for all finite scores, and the *mean* not? Give "
            "an example where the mean fails."
        ),
        solution=(
            r"(a) Every ratio $p_i / p_j = \exp(s_i - s_j)$ depends on a difference of scores "
            "alone, in which a common shift cancels; and the sum stays 1. (b) Less the largest "
            "score, no exponent is above 0, so no exponential is above 1 and none overflows. One "
            "exponent is 0, so the sum is at least 1 and nothing is divided by 0. Less the mean, "
            "the largest exponent can be as large as you like: of the scores 0, 0, 3000 the mean "
            "is 1000, and $e^{2000}$ overflows, so that `inf / inf` gives `nan`. (The largest "
            "exponent that does not is about 709 in float64, and about 88 in float32.)"
        ),
        marks=(
            Mark(2, "(a) the shift cancels in each difference of scores, or above and below"),
            Mark(1, "(b) with the maximum no exponential exceeds 1"),
            Mark(1, "the sum is at least 1, so there is no 0/0"),
            Mark(
                2, "an example whose largest score is 710 above the mean (in float32: 89) or more"
            ),
        ),
    ),
    Question(
        id="q-slow-where-wrong",
        kind="explain",
        title="Surely wrong, under two losses",
        objective="derive the gradient of cross-entropy",
        section="sec-gradient",
        difficulty=2,
        minutes=8,
        text=(
            "A network for two classes gives the true class the probability 0.001. Half the "
            r"squared error of the probabilities, $\tfrac12 \lVert p - y \rVert^2$, and "
            "cross-entropy are two losses for it. (a) Write the gradient of each with respect to "
            r"the scores, with the Jacobian $J = \mathrm{diag}(p) - p p^\top$ where it is needed. "
            "(b) How large is its entry for the true class, in both cases? (c) Which property of "
            "cross-entropy makes the difference?"
        ),
        solution=(
            "(a) Squared error: $J(p - y)$. Cross-entropy: $J(-y/p) = p - y$. (b) With "
            "$p = (0.999, 0.001)$ and $y = (0, 1)$, $p - y = (0.999, -0.999)$. The entry of "
            r"$J(p - y)$ is $-2 \cdot 0.999 \cdot 0.001 \cdot 0.999 = "
            f"{said(-2 * 0.999 * 0.001 * 0.999, 3)}$"
            ", that of $p - y$ is $-0.999$: five hundred times as large. (c) The slope of "
            r"$-\log p_k$ is $-1/p_k$, which grows as the probability of the true class falls, and "
            "cancels the small factor $p_k$ in row $k$ of the Jacobian. That of squared error "
            "stays below 1, and the factor remains."
        ),
        marks=(
            Mark(2, "(a) both gradients"),
            Mark(2, "(b) $-0.999$ for cross-entropy"),
            Mark(2, "about $-0.002$ for squared error ($-0.001$, with one term of two: 1 point)"),
            Mark(2, "(c) $-1/p_k$ cancels the factor $p_k$ of the Jacobian"),
        ),
    ),
    Question(
        id="q-gibbs",
        kind="explain",
        title="Never negative",
        objective="work out entropy and divergence by hand, prove",
        section="sec-kl",
        difficulty=3,
        minutes=10,
        text=(
            r"Use $\log t \le t - 1$, with equality only at $t = 1$, to prove for distributions "
            r"$y$ and $p$ that $D(y \Vert p) \ge 0$, and that there is equality only if $y = p$. "
            "Say where your proof treats the classes with $y_i = 0$."
        ),
        solution=(
            "Sums run over the classes with $y_i > 0$; if $p_i = 0$ for one of them, "
            r"$D = \infty$. Otherwise $-D(y \Vert p) = \sum y_i \log (p_i / y_i) \le "
            r"\sum y_i (p_i / y_i - 1) = \sum p_i - 1 \le 0$, since the $p_i$ of some classes "
            "sum to at most 1. If $D = 0$, both are equalities. The first gives $p_i = y_i$ "
            "wherever $y_i > 0$. The second says that these $p_i$ sum to 1, so $p_i = 0 = y_i$ "
            "for the other classes. Hence $p = y$."
        ),
        marks=(
            Mark(2, "the bound, applied to $t = p_i / y_i$"),
            Mark(2, "the sum of $y_i (p_i / y_i - 1)$, and that it is at most 0"),
            Mark(2, "equality where $y_i > 0$"),
            Mark(2, "the classes with $y_i = 0$: left out of the sum, and $p_i = 0$ there"),
            Mark(1, "the case $p_i = 0 < y_i$"),
        ),
    ),
    Question(
        id="q-a-good-loss",
        kind="explain",
        title="Is 0.33 a bad loss?",
        objective="work out entropy and divergence by hand, prove",
        section="sec-cross-entropy",
        difficulty=2,
        minutes=6,
        text=(
            "Each target is $(0.9, 0.1)$ or $(0.1, 0.9)$. After training, the mean cross-entropy "
            'is 0.33 nats. A colleague says: "It is far from 0, so the network has learned '
            'little." Is that so? The entropy of $(0.9, 0.1)$ is '
            f"${said(float(entropy(SMOOTHED)), 3)}$ nats."
        ),
        solution=(
            r"No. Cross-entropy is $H(y) + D(y \Vert p)$. The entropy of the targets, "
            f"${said(float(entropy(SMOOTHED)), 3)}$, is there for every model, so 0 cannot be "
            "reached. What the model can change is the divergence, in the mean "
            f"$0.33 - {said(float(entropy(SMOOTHED)), 3)} = "
            f"{said(0.33 - float(entropy(SMOOTHED)), 3)}$: it is almost as good as any model can "
            "be on these data. A model that knows nothing and says $(0.5, 0.5)$ has the loss "
            rf"$\log 2 \approx {said(math.log(2))}$. All this is about the data that were used "
            "for the mean; on new data it has to be measured."
        ),
        marks=(
            Mark(2, "cross-entropy is entropy plus divergence"),
            Mark(2, "the entropy is a floor that no model gets below"),
            Mark(1, "the divergence that is left, about 0.005"),
            Mark(1, r"a comparison: $\log 2$ for the uniform answer, or the floor itself"),
        ),
    ),
    Question(
        id="q-log-of-softmax",
        kind="fault",
        title="A loss that is infinite",
        objective="compute the logarithm of a softmax",
        section="sec-log",
        difficulty=1,
        minutes=6,
        text=(
            "The program computes the cross-entropy of one example from its scores. (a) Its second "
            "answer is wrong. What is the right one? (b) Which line is at fault, and why does the "
            "subtraction of the maximum not help? (c) Mend it."
        ),
        code=LOG_OF_SOFTMAX,
        harm=harm_of_log_of_softmax,
        solution=(
            r"(a) $s_{\max} + \log(1 + e^{-1000}) - (-1000)$, which is 1000 to all digits of a "
            "float. (b) `np.log(p[k])`: $p_1 = e^{-1000}$ is too small for a float and was rounded "
            r"to 0, so the logarithm is $-\infty$. Subtracting the maximum guards against "
            "overflow, not against a rounded 0. (c) Take the logarithm on paper: "
            "`shifted = scores - np.max(scores)` and "
            "`return np.log(np.exp(shifted).sum()) - shifted[k]`."
        ),
        marks=(
            Mark(1, "(a) 1000"),
            Mark(1, "(b) the logarithm of `p[k]`"),
            Mark(2, "the probability was rounded to 0, which no shift prevents"),
            Mark(2, r"(c) $\mathrm{lse}(s) - s_k$ in code, with the maximum taken out"),
        ),
    ),
    Question(
        id="q-lost-axis",
        kind="fault",
        title="A softmax for a batch",
        objective="say what softmax keeps and what it forgets",
        section="sec-shift",
        difficulty=2,
        minutes=6,
        text=(
            "The rows of a batch are examples, its columns classes. The program runs without a "
            "word. (a) How do you see at a glance that its answer is no softmax of the rows? (b) "
            "What went wrong, and which number is divided by which? (c) Why did a test with a "
            "batch of two examples of three classes raise an error, and one with a single row "
            "without a batch find nothing?"
        ),
        code=LOST_AXIS,
        harm=harm_of_lost_axis,
        solution=(
            "(a) The rows do not sum to 1; and the two equal scores of the first row have "
            "different probabilities. (b) `e.sum(axis=-1)` has the shape (3,): without "
            "`keepdims=True` the sums lie along the *last* axis, so the entry in column $j$ is "
            "divided by the sum of row $j$, in place of its own row. With `keepdims=True` they "
            "have the shape (3, 1). (c) Two rows of three classes have two sums, which cannot be "
            "laid along three columns: an error. A single row has one sum, which is right for "
            "all its entries. Here the fault passes in silence, since there are as many rows as "
            "classes."
        ),
        marks=(
            Mark(1, "(a) the sums of the rows, or equal scores with different answers"),
            Mark(1, "(b) `keepdims=True` is missing in the sum"),
            Mark(2, "column $j$ is divided by the sum of row $j$"),
            Mark(2, "(c) the shapes (2,) against (2, 3), and one sum for one row"),
        ),
    ),
    Question(
        id="q-below-the-floor",
        kind="fault",
        title="A curve that cannot be",
        objective="work out entropy and divergence by hand, prove",
        section="sec-cross-entropy",
        difficulty=2,
        minutes=5,
        text=(
            "A report shows this curve for a network whose targets are all $(0.9, 0.1)$. At the "
            r"end of the training its outputs are $p \approx (0.9, 0.1)$. (a) Show that the curve "
            "cannot be what its axis says. (b) What has probably been drawn?"
        ),
        figure=below_the_floor,
        alt=(
            "A curve over the epochs 1 to 40, with an axis called mean cross-entropy in nats: it "
            "begins near 0.28 and falls to 0."
        ),
        harm=harm_of_the_floor,
        solution=(
            "(a) No cross-entropy is below the entropy of the target, which is "
            r"$-0.9 \log 0.9 - 0.1 \log 0.1 \approx "
            f"{said(float(entropy(SMOOTHED)))}$ nats. The curve falls to 0. (b) The divergence "
            r"$D(y \Vert p)$, which is the cross-entropy less this entropy, and is 0 where "
            "$p = y$. (Against the one-hot target $(1, 0)$ the curve would end at "
            rf"$-\log 0.9 \approx {said(-math.log(0.9))}$.)"
        ),
        marks=(
            Mark(2, "(a) the entropy of the target is a lower bound"),
            Mark(1, "about 0.33, or any argument that it is clearly above 0"),
            Mark(2, "(b) the divergence"),
        ),
    ),
    Question(
        id="q-scores-divided",
        kind="join",
        title="A quarter of the scores, three losses",
        objective="tell confidence from calibration",
        section="sec-temperature",
        also=("losses",),
        difficulty=2,
        minutes=8,
        text=(
            f"An example has the scores $s = {row(SCORES, 0)}$, and class 0 is the true one. The "
            r"scores are divided by the temperature $\tau = 4$. What does that do (a) to the 0-1 "
            "loss, (b) to the multiclass hinge, in numbers, (c) to the cross-entropy: does it rise "
            "or fall, and how do you know without computing it? (d) The true class is 1 in place "
            "of 0. Does the cross-entropy rise or fall now?"
        ),
        solution=(
            "(a) Nothing: the order of the scores stays, and 0 is predicted. (b) The hinge is "
            r"$\max(0, 1 - m)$ with the margin $m = 3 - 1 = 2$ before, so "
            f"${said(float(hinge(SCORES, 0)), 0)}$, and $m = 0.5$ after, so "
            f"${said(float(hinge(SCORES / 4, 0)), 1)}$. (c) It rises. The loss is "
            r"$\log \sum_j \exp((s_j - s_0) / \tau)$. The leads $s_j - s_0$ of the other "
            "classes are below 0, and divided by 4 they come nearer to 0, so each term grows. In "
            "numbers: "
            f"${said(float(softmax_cross_entropy(SCORES, 0)))}$ before, "
            f"${said(float(softmax_cross_entropy(SCORES / 4, 0)))}$ after. (d) It falls, from "
            f"${said(float(softmax_cross_entropy(SCORES, 1)))}$ to "
            rf"${said(float(softmax_cross_entropy(SCORES / 4, 1)))}$. In the sum $\sum_j \exp((s_j "
            r"- s_1) / \tau)$ the term of class 0 falls from $e^2$ to $e^{0.5}$, by "
            f"{said(math.exp(2) - math.exp(0.5), 1)}; that of class 2 rises from $e^{{-1}}$ to "
            f"$e^{{-0.25}}$, by {said(math.exp(-0.25) - math.exp(-1), 1)} only."
        ),
        marks=(
            Mark(1, "(a) it stays, since the order stays"),
            Mark(1, "(b) 0 before, from the margin 2"),
            Mark(2, "0.5 after, from the margin 0.5"),
            Mark(2, "(c) it rises, with a reason"),
            Mark(
                2, "(d) it falls, by numbers or by both terms (by that of class 0 alone: 1 point)"
            ),
        ),
    ),
    Question(
        id="q-softmax-twice",
        kind="join",
        title="Probabilities in the place of scores",
        objective="compute the logarithm of a softmax",
        section="sec-double-softmax",
        also=("pytorch",),
        difficulty=3,
        minutes=8,
        text=(
            "A network for $K = 10$ classes ends in a softmax, and its loss is PyTorch's "
            "`CrossEntropyLoss`, which takes scores. (a) What does the loss compute, as a formula "
            "in the network's probabilities $p$? (b) How small can it become, and for which $p$? "
            "(c) How large, if the network is as wrong as can be? (d) Say in one sentence how you "
            "would notice the fault from a curve of the loss."
        ),
        solution=(
            r"(a) A softmax of the probabilities: $-p_k + \log \sum_j \exp p_j$. (b) At "
            r"$p = e_k$, where it is $-1 + \log(e + 9) = \log(1 + 9/e) \approx "
            f"{said(float(softmax_cross_entropy(np.eye(10)[0], 0)))}$. (c) At a one-hot $p$ of "
            r"another class it is $\log(e + 9) \approx "
            f"{said(float(softmax_cross_entropy(np.eye(10)[1], 0)))}$. (d) It begins near "
            rf"$\log 10 \approx {said(math.log(10))}$ and comes to rest at or above the floor of "
            "(b), however many predictions are right."
        ),
        marks=(
            Mark(2, "(a) the formula: softmax is taken once more, of $p$"),
            Mark(1, "(b) at $p = e_k$"),
            Mark(2, r"$\log(1 + 9/e)$, or $-1 + \log(e + 9)$; the decimal number is not needed"),
            Mark(1, r"(c) $\log(e + 9)$"),
            Mark(2, "(d) it stays above a floor far from 0 (the accuracy need not be named)"),
        ),
    ),
    Question(
        id="q-first-step-back",
        kind="join",
        title="The first step of backpropagation",
        objective="derive the gradient of cross-entropy",
        section="sec-array-rules",
        also=("autograd",),
        difficulty=2,
        minutes=5,
        draw=first_step_back,
        check=first_step_back_again,
        digits=1,
        tolerance=0.05,
        marks=(
            Mark(2, r"$\delta = p - y$"),
            Mark(2, r"the product $\delta_i\,a_j$, with the right two indices"),
            Mark(1, "the number with its sign"),
        ),
    ),
)
