"""Exam questions on backpropagation and automatic differentiation.

What a question asks to compute is made of small whole numbers, so that the graph can be drawn and
swept by hand; the key comes from the engine of nnlib, and the check from formulas without a graph.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from exams.model import Mark, Question, Slip, Variant, said
from nnlib import autograd, softmax
from nnlib.autograd import Tensor


def row(values: Any, digits: int = 0) -> str:
    """Return numbers as a row in a formula."""
    return said(tuple(float(value) for value in values), digits)


def leaf(values: Any) -> Tensor:
    """Return what a gradient is asked for."""
    return Tensor(np.asarray(values, float), requires_grad=True)


def gradient(at: Tensor) -> Any:
    """Return what a sweep has brought to a leaf."""
    assert at.grad is not None
    return at.grad.numpy()


# --- To compute -----------------------------------------------------------------------------------


def larger_of_two(rng: np.random.Generator) -> Variant:
    """Draw a product and a rival; the larger of the two goes on."""
    a_, b_ = (int(number) for number in rng.integers(2, 6, size=2))
    c_ = int(rng.choice([c for c in range(2, 30) if c != a_ * b_ and abs(c - a_ * b_) < 8]))
    a, b, c = leaf(a_), leaf(b_), leaf(c_)
    u = a * b
    m = autograd.where(u > c, u, c)
    (m * (a + c)).backward()
    passed = a_ * b_ > c_
    top, into = max(a_ * b_, c_), a_ + c_
    return Variant(
        values={"a": a_, "b": b_, "c": c_},
        text=(
            f"Let $a = {a_}$, $b = {b_}$, $c = {c_}$, $u = a\\,b$, $m = \\max(u, c)$ and "
            r"$\ell = m\,(a + c)$. (Where its inputs differ, the maximum has the slope 1 in the "
            r"larger of them and 0 in the other.) What is $\delta_a = \partial \ell / \partial a$?"
        ),
        key=float(gradient(a)),
        slips=(
            Slip(
                float(top if passed else top + b_ * into),
                (
                    "That is what comes over $a + c$ alone. Here $u$ is the larger of the two: "
                    r"which other way leads from $a$ to $\ell$?"
                    if passed
                    else "The maximum has handed its gradient to $u$, which is the smaller of the "
                    "two. How far does the maximum move when $u$ moves a little?"
                ),
            ),
            Slip(
                float(b_ * into),
                r"That is what comes over $u$ alone. Which other way leads from $a$ to $\ell$?"
                if passed
                else "That is what would come over $u$, if it were the larger of the two, and the "
                "other way from $a$ is missing.",
            ),
            Slip(
                float(top + into if passed else into),
                r"The arrow from $a$ to $u$ has the slope $b$, not 1."
                if passed
                else r"That is $\delta_m$. Which of the ways from $a$ to $\ell$ lead over $m$ when "
                "$c$ is the larger of the two?",
            ),
        ),
        solution=(
            rf"The values are $u = {a_ * b_}$, $m = {top}$, $a + c = {into}$. From the right: "
            rf"$\delta_m = a + c = {into}$, and over the sum $m = {top}$ comes to $a$. "
            + (
                rf"The maximum is $u$, so $\delta_u = {into}$, and $\delta_a = {top} + b\,\delta_u "
                rf"= {top} + {b_ * into} = {top + b_ * into}$."
                if passed
                else rf"The maximum is $c$, so $\delta_u = 0$, and $\delta_a = {top}$."
            )
        ),
    )


def larger_of_two_again(a: int, b: int, c: int) -> float:
    """Return the slope of a polynomial: of a b (a + c), or of c (a + c)."""
    return 2 * a * b + b * c if a * b > c else c


def used_going_in_and_out(rng: np.random.Generator) -> Variant:
    """Draw a weight row that leads into a hidden unit and out of it."""
    w_ = rng.permutation([1, 2, 3])[:2] * rng.permutation([1, -1])
    x = rng.integers(1, 5, size=2)
    g = rng.permutation([1, 2, 3, 4])[:2]
    j = int(rng.integers(2))
    w = leaf(w_)
    z = (w * x).sum()
    (z * w * g).sum().backward()
    hidden, back = int(w_ @ x), int(w_ @ g)
    key = float(gradient(w)[j])
    return Variant(
        values={"w": w_.tolist(), "x": x.tolist(), "g": g.tolist(), "j": j},
        text=(
            "A network squeezes two inputs into one number and unfolds it again with the *same* "
            f"weights: $z = w \\cdot x$ and $y = z\\,w$, with $w = {row(w_)}$ and $x = {row(x)}$. "
            rf"To $y$ comes the gradient $\delta_y = {row(g)}$. What is the gradient at $w_{j}$? "
            "(Entries are counted from 0.)"
        ),
        key=key,
        slips=(
            Slip(
                float(hidden * g[j]),
                "That is the use on the way out, $y = z\\,w$. The weights are used on the way in, "
                "too.",
            ),
            Slip(
                float(back * x[j]),
                "That is the use on the way in, $z = w \\cdot x$. The weights are used on the way "
                "out, too.",
            ),
            Slip(
                float(g.sum() * x[j] + hidden * g[j]),
                r"$\delta_z$ is not the sum of $\delta_y$: the slope from $z$ to $y_i$ is $w_i$.",
            ),
            Slip(
                float(gradient(w)[1 - j]),
                "That is the gradient at the other weight; the first entry is number 0.",
            ),
        ),
        solution=(
            rf"$z = {hidden}$, and $\delta_z = w \cdot \delta_y = {back}$. Each weight has two "
            rf"uses: on the way out its gradient is $z\,\delta_{{y_{j}}} = {hidden * g[j]}$, on "
            rf"the way in $\delta_z\,x_{j} = {back * x[j]}$. Together that is ${said(key, 0)}$."
        ),
    )


def used_going_in_and_out_again(w: list[int], x: list[int], g: list[int], j: int) -> float:
    """Return the slope of a quadratic form, which symmetric differences give exactly."""

    def loss(move: float) -> float:
        moved = [weight + move * (i == j) for i, weight in enumerate(w)]
        z = sum(weight * entry for weight, entry in zip(moved, x, strict=True))
        return sum(z * weight * part for weight, part in zip(moved, g, strict=True))

    return (loss(1.0) - loss(-1.0)) / 2


def less_the_mean(rng: np.random.Generator) -> Variant:
    """Draw what comes back to a column from which its mean was taken."""
    n = int(rng.choice([3, 4]))
    g = rng.permutation(np.arange(-4, 8))[:n]
    g[-1] += (-g.sum()) % n
    x = leaf(rng.integers(0, 5, size=n))
    ((x - x.mean()) * g).sum().backward()
    mean = g.sum() // n
    return Variant(
        values={"g": g.tolist()},
        text=(
            f"A unit has the outputs $x_1, \\dots, x_{n}$ on the {n} examples of a batch. From "
            rf"each the mean of all is taken: $y_i = x_i - \tfrac1{n} \sum_j x_j$. To $y$ comes "
            rf"the gradient $\delta_y = {row(g)}$. What is $\delta_x$?"
        ),
        key=tuple(gradient(x).tolist()),
        slips=(
            Slip(
                tuple(g.tolist()),
                "That treats the mean as a number that does not move. It moves with every $x_i$, "
                "and every $y_j$ uses it.",
            ),
            Slip(
                tuple((g - g.sum()).tolist()),
                rf"The broadcast mean gets the sum of what comes back. But each $x_i$ is only "
                rf"$\tfrac1{n}$ of the mean.",
            ),
            Slip(
                tuple([-mean] * n),
                "That is what comes over the mean. Each $x_i$ also stands in its own $y_i$.",
            ),
            Slip(
                tuple((g + mean).tolist()),
                "The mean is *taken away*: what comes over it has the sign turned.",
            ),
        ),
        solution=(
            r"Directly, $x_i$ gets $\delta_{y_i}$. The mean is broadcast and taken away, so it "
            rf"gets $-\sum_j \delta_{{y_j}} = {-g.sum()}$, of which each $x_i$ gets $\tfrac1{n}$, "
            rf"that is ${-mean}$. Together: $\delta_x = {row(g - mean)}$."
        ),
    )


def less_the_mean_again(g: list[int]) -> tuple[float, ...]:
    """Return the product with the symmetric matrix of slopes."""
    n = len(g)
    slopes = [[(i == j) - 1 / n for j in range(n)] for i in range(n)]
    return tuple(sum(slopes[j][i] * g[j] for j in range(n)) for i in range(n))


def frozen_below(rng: np.random.Generator) -> Variant:
    """Draw the sizes of a network whose first layer is not trained."""
    sizes = [int(rng.choice(choices)) for choices in ([60, 80], [20, 30, 40], [15, 25], [5, 10])]
    first, second, third = (m * n for m, n in pairwise(sizes))
    key = second + 2 * third
    return Variant(
        values={"sizes": sizes},
        text=(
            f"A network has {sizes[0]} inputs and then layers of {sizes[1]}, {sizes[2]} and "
            f"{sizes[3]} units, all connected: three matrices of weights. The first layer is "
            "frozen, its matrix and its bias: nobody asks for their gradients, nor for that of the "
            "input. Count the multiplications of numbers, for one example, where a matrix meets a "
            "vector or a column meets a row; biases and activations cost nothing. How many does "
            "the *sweep* need at least, for the gradients of the other two matrices?"
        ),
        key=float(key),
        slips=(
            Slip(
                float(2 * (first + second + third)),
                "That is two products for each matrix. Which of them does nobody ask for?",
            ),
            Slip(
                float(first + 2 * second + 2 * third),
                "That leaves out the gradient of the input alone. The first layer is frozen: who "
                "asks for the gradient of its matrix?",
            ),
            Slip(
                float(2 * (second + third)),
                "Two products for each matrix that learns. But who needs the gradient at the first "
                "hidden layer, when nothing before it learns?",
            ),
            Slip(
                float(second + third),
                "That is one product for each matrix that learns, its own gradient. How does a "
                "gradient come to the second matrix?",
            ),
        ),
        solution=(
            f"The gradient of the third matrix takes {third} multiplications, and to hand the "
            f"gradient back to the second hidden layer another {third}. The gradient of the second "
            f"matrix takes {second}. Nothing before it asks for a gradient, so none is handed on. "
            f"Together: $2 \\cdot {third} + {second} = {key}$."
        ),
    )


def frozen_below_again(sizes: list[int]) -> float:
    """Return the count layer by layer, from the last one back to where nobody asks."""
    count, learns = 0, [False, True, True]
    for i in reversed(range(3)):
        count += sizes[i] * sizes[i + 1] * (learns[i] + any(learns[:i]))
    return count


# --- To find the fault ----------------------------------------------------------------------------

PICKED_ROWS = """
import numpy as np

def pick(table, ids):
    def pullback(g):
        to_table = np.zeros_like(table)
        to_table[ids] += g
        return to_table
    return table[ids], pullback

table = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
rows, pullback = pick(table, np.array([2, 0, 2]))
g = np.array([[1.0, 1.0], [10.0, 10.0], [100.0, 100.0]])
print(pullback(g))
"""

LATE_WEIGHTS = """
def run(x, weights):
    pullbacks = []
    for w in weights:
        x = w * x
        pullbacks.append(lambda g: g * w)
    return x, pullbacks

def slope(pullbacks):
    g = 1.0
    for pullback in reversed(pullbacks):
        g = pullback(g)
    return g

for weights in ([3.0, 3.0, 3.0], [2.0, 3.0, 5.0]):
    y, pullbacks = run(1.0, weights)
    print(y, slope(pullbacks))
"""


def harm_of_picked_rows(names: dict[str, Any]) -> None:
    """Hold that of two uses one is lost, that one use is right, and what mends it."""
    table, g = leaf(names["table"]), names["g"]
    (table[np.array([2, 0, 2])] * g).sum().backward()
    right, wrong = gradient(table), names["pullback"](g)
    assert right.tolist() == [[10, 10], [0, 0], [101, 101]]
    assert wrong.tolist() == [[10, 10], [0, 0], [100, 100]]
    _, once = names["pick"](names["table"], np.array([2, 0]))
    assert once(g[:2]).tolist() == [[10, 10], [0, 0], [1, 1]]
    mended = np.zeros((3, 2))
    np.add.at(mended, [2, 0, 2], g)
    assert np.array_equal(mended, right)


def harm_of_late_weights(names: dict[str, Any]) -> None:
    """Hold that the last weight is used three times, and what mends it."""
    value, pullbacks = names["run"](1.0, [2.0, 3.0, 5.0])
    assert (value, names["slope"](pullbacks)) == (30, 125)
    mended: dict[str, Any] = {}
    functions, _, _ = LATE_WEIGHTS.partition("for weights")
    exec(functions.replace("lambda g:", "lambda g, w=w:"), mended)
    _, pullbacks = mended["run"](1.0, [2.0, 3.0, 5.0])
    assert mended["slope"](pullbacks) == 30


# --- To explain, and to join chapters -------------------------------------------------------------

SIZES = (10, 100, 100, 100, 10)
ARROWS = f"{sum(m * n for m, n in pairwise(SIZES)):,}".replace(",", "{,}")
PATHS = f"{int(np.prod(SIZES)):,}".replace(",", "{,}")
DAMP = 0.2
PLAIN, SKIPPED = DAMP**8, (1 + DAMP) ** 8


def harm_of_orders(names: dict[str, Any]) -> None:
    """Hold that three parts can have two sums, and two parts one; and what a test can see."""
    parts = np.random.default_rng(0).normal(size=(1000, 3)).T
    assert np.any((parts[0] + parts[1]) + parts[2] != parts[0] + (parts[1] + parts[2]))
    assert np.array_equal((0.0 + parts[0]) + parts[1], (0.0 + parts[1]) + parts[0])
    apart = abs(((0.1 + 1e6) - 1e6) - ((1e6 - 1e6) + 0.1))
    assert 1e-10 < apart / 0.1 < 1e-9
    assert apart < 1e-12 * (0.1 + 1e6 + 1e6) < 0.1


def harm_of_rounding(names: dict[str, Any]) -> None:
    """Hold that the value is rounded, what comes back is whole, and x is within a half."""
    x = leaf(2.7)
    y = x + (Tensor(np.round(x.detach().numpy())) - x).detach()
    (7 * y).backward()
    assert np.isclose(y.item(), 3)
    assert gradient(x) == 7
    near = np.linspace(-3, 3, 601)
    assert np.abs(np.round(near) - near).max() <= 0.5


def harm_of_skips(names: dict[str, Any]) -> None:
    """Hold that the sums over paths of both chains are what the solution says."""
    for skip, slope, total in (
        (0.0, DAMP, PLAIN),
        (1.0, DAMP, SKIPPED),
        (1.0, -0.5, 1 / 256),
        (1.0, 1.0, 256.0),
        (1.0, -3.0, 256.0),
    ):
        x = leaf(1.0)
        h = x
        for _ in range(8):
            h = skip * h + slope * h
        h.backward()
        assert np.isclose(gradient(x), total)


def softmax_back(rng: np.random.Generator) -> Variant:
    """Draw the probabilities of three classes, and what comes back to them."""
    weights = rng.permutation([[1, 2, 7], [1, 3, 6], [2, 3, 5], [1, 4, 5]][rng.integers(4)])
    g = rng.permutation([0, 1, 2, 3, 5])[:3]
    i = int(rng.integers(3))
    scores = leaf(np.log(weights))
    p = softmax(np.log(weights))
    (autograd.softmax(scores) * g).sum().backward()
    mean = float(p @ g)
    key = float(gradient(scores)[i])
    return Variant(
        values={"weights": weights.tolist(), "g": g.tolist(), "i": i},
        text=(
            r"Inside a network stands a softmax, $p = \mathrm{softmax}(s)$, whose probabilities "
            f"say how much each of three parts counts. A run gives $p = {row(p, 1)}$, and the "
            rf"sweep brings $\delta_p = {row(g)}$. What is the gradient at $s_{i}$? (Entries are "
            "counted from 0.)"
        ),
        key=key,
        slips=(
            Slip(
                float(p[i] * g[i]),
                rf"That is $p_{i}\,\delta_{{p_{i}}}$. But every $p_j$ moves when one score moves: "
                "the sum of all stays 1.",
            ),
            Slip(
                float(g[i] - mean),
                rf"The difference is right. It still has to be multiplied by $p_{i}$.",
            ),
            Slip(
                float(p[i] * (1 - p[i]) * g[i]),
                rf"That is the way over $p_{i}$ alone. Which other probabilities use $s_{i}$?",
            ),
        ),
        solution=(
            r"The Jacobian is $\mathrm{diag}(p) - p p^\top$, which is symmetric. So "
            rf"$\delta_{{s_i}} = p_i\,(\delta_{{p_i}} - p \cdot \delta_p)$. Here $p \cdot \delta_p "
            rf"= {said(mean, 1)}$, and $\delta_{{s_{i}}} = {said(float(p[i]), 1)} \cdot "
            rf"({int(g[i])} - {said(mean, 1)}) = {said(key)}$."
        ),
    )


def softmax_back_again(weights: list[int], g: list[int], i: int) -> float:
    """Return the slope of a quotient of whole numbers, by the quotient rule."""
    total, above = sum(weights), sum(weight * part for weight, part in zip(weights, g, strict=True))
    return weights[i] * (g[i] * total - above) / total**2


# --- All of them ----------------------------------------------------------------------------------

QUESTIONS = (
    Question(
        id="q-larger-of-two",
        kind="compute",
        title="The larger of two goes on",
        objective="compute by hand the gradient at every node",
        section="sec-by-hand",
        difficulty=1,
        minutes=5,
        draw=larger_of_two,
        check=larger_of_two_again,
        digits=0,
        tolerance=0.01,
        marks=(
            Mark(1, "the values $u$, $m$ and $a + c$"),
            Mark(1, r"$\delta_m = a + c$"),
            Mark(1, r"what the maximum hands to $u$: all of $\delta_m$, or 0"),
            Mark(2, r"$\delta_a$ as a sum over both ways (over one of two: 1 point)"),
        ),
    ),
    Question(
        id="q-in-and-out",
        kind="compute",
        title="In and out by the same weights",
        objective="derive the gradients of broadcasting, of a product",
        section="sec-array-rules",
        difficulty=2,
        minutes=6,
        draw=used_going_in_and_out,
        check=used_going_in_and_out_again,
        digits=0,
        tolerance=0.01,
        marks=(
            Mark(1, "$z$"),
            Mark(2, r"$\delta_z = w \cdot \delta_y$"),
            Mark(2, r"both uses of the weight, $z\,\delta_{y_j}$ and $\delta_z\,x_j$"),
            Mark(1, "their sum"),
        ),
    ),
    Question(
        id="q-less-the-mean",
        kind="compute",
        title="Less the mean of the batch",
        objective="derive the gradients of broadcasting, of a product",
        section="sec-array-rules",
        difficulty=2,
        minutes=5,
        draw=less_the_mean,
        check=less_the_mean_again,
        choice=True,
        digits=0,
        marks=(
            Mark(1, r"the direct way: $\delta_{y_i}$"),
            Mark(2, "the broadcast mean gets the sum, with its sign turned"),
            Mark(1, "each entry is one of $n$ parts of the mean"),
            Mark(1, "both added up"),
        ),
    ),
    Question(
        id="q-frozen-below",
        kind="compute",
        title="What a frozen layer saves",
        objective="bound the work of a gradient",
        section="sec-input-gradient",
        difficulty=2,
        minutes=6,
        draw=frozen_below,
        check=frozen_below_again,
        digits=0,
        tolerance=0.5,
        marks=(
            Mark(2, "the third matrix: its gradient, and the way back, one product each"),
            Mark(1, "the second matrix: its gradient"),
            Mark(2, "no way back to the first hidden layer, and nothing for the frozen layer"),
            Mark(1, "the number"),
        ),
    ),
    Question(
        id="q-paths-and-arrows",
        kind="explain",
        title="Paths and arrows",
        objective="compute by hand the gradient at every node",
        section="sec-engine",
        difficulty=1,
        minutes=7,
        text=(
            "A network has layers of 10, 100, 100, 100 and 10 units, all connected; take each unit "
            'as one node. A colleague says: "The gradient is a sum over paths, so a sweep has to '
            'make a product for each path from an input to an output." (a) How many paths are '
            "there, and how many arrows? (b) What is right in the sentence, and what is wrong? "
            "(c) Name the law of arithmetic that saves the work, and say at which moment of the "
            "sweep it is used."
        ),
        solution=(
            rf"(a) A path chooses a unit in each layer: $10 \cdot 100^3 \cdot 10 = {PATHS}$ "
            rf"paths. Arrows: $10 \cdot 100 + 100^2 + 100^2 + 100 \cdot 10 = {ARROWS}$. (b) The "
            "gradient *is* that sum. But a sweep never forms the single products: it multiplies "
            "once for each arrow. (c) The distributive law: $q'\\,(g_1 + g_2) = q'\\,g_1 + "
            "q'\\,g_2$. A node waits until all its users have handed on their parts, and hands on "
            "the *sum*, once, so that all paths that meet there go on together."
        ),
        marks=(
            Mark(1, "(a) the paths: the product of all sizes"),
            Mark(1, "the arrows: the sum of the products of neighbors"),
            Mark(2, "(b) the sum over paths is right; the work is one product for each arrow"),
            Mark(1, "(c) the distributive law, or: factoring out"),
            Mark(2, "it is used when a node has all its parts, and hands on their sum"),
        ),
    ),
    Question(
        id="q-two-right-orders",
        kind="explain",
        title="Two right orders, two last digits",
        objective="write an engine for automatic differentiation",
        section="sec-sweep-order",
        difficulty=2,
        minutes=7,
        text=(
            "Two engines sweep the same graph. Both visit each node after all that use it, but not "
            "in the same order, and a test that asks for *equal* gradients, `==`, fails: they "
            "differ in the last digits. (a) Why do both compute the right gradient, in exact "
            "arithmetic? (b) Where does the difference come from? (c) Can it happen in a graph in "
            "which no node has more than two uses, if gradients start from 0 and parts are added "
            "as they come? (d) How should the test compare, so that it passes for every graph and "
            "still finds an engine that loses a part?"
        ),
        solution=(
            "(a) When a node is visited, all that use it have been, so its gradient is complete, "
            "whatever the order was. (b) The parts that come to a node are added in another order, "
            "and sums of floats are rounded: $(g_1 + g_2) + g_3$ need not be $g_1 + (g_2 + g_3)$. "
            "(c) No. The first part is added to 0, which is exact, and $g_1 + g_2 = g_2 + g_1$ for "
            "floats, too. With three uses it can. (d) With a tolerance some way above rounding, "
            r"say $10^{-12}$ in float64, relative to the size of what was added up: to the entry "
            "that the same sweep gives with the absolute values of all slopes. Relative to the "
            "entry itself the test would fail where large parts cancel: the sums of 0.1, $10^6$ "
            r"and $-10^6$ in two orders differ by $2 \cdot 10^{-10}$ of the result. A lost part is "
            "missing as a whole, which is far more, unless it is tiny beside the others."
        ),
        marks=(
            Mark(2, "(a) users first, so each gradient is complete at its visit"),
            Mark(2, "(b) another order of addition, and rounding"),
            Mark(1, "(c) no: two parts have the same sum in both orders"),
            Mark(
                1,
                "(d) a tolerance some way above rounding, relative to the sum of the sizes of the "
                "parts, or to the largest (to the entry: if it is said that no parts cancel)",
            ),
            Mark(1, "a lost part is far larger than that"),
        ),
        harm=harm_of_orders,
    ),
    Question(
        id="q-rounded-forward",
        kind="explain",
        title="A chip for whole numbers",
        objective="say what a graph, a leaf",
        section="sec-words",
        difficulty=2,
        minutes=6,
        text=(
            "A network is to run on a chip that knows whole numbers only, so its hidden numbers "
            "are rounded while it trains. Plain `y = round(x)` teaches nothing to the layers "
            "before. Somebody writes `y = x + (round(x) - x).detach()` instead. (a) Which value "
            "has `y` for `x = 2.7`? (b) The gradient $g$ comes to `y`. What comes to `x` in the "
            "plain version, and what in this one? (c) Is what comes to `x` the gradient of the "
            "function that is computed? Why may it be of use all the same?"
        ),
        solution=(
            "(a) $2.7 + (3 - 2.7) = 3$, as in the plain version, up to rounding. (b) Plain: "
            "`round` is constant between its jumps, so its slope is 0, and 0 comes to `x`. Here "
            "the detached difference is a number without a history, a constant; the first `x` has "
            "the slope 1, so $g$ comes to `x`. (c) No: the function that is computed has the slope "
            "0 wherever it has one. What comes back is the gradient of $x \\mapsto x$, a function "
            "that is never more than $\\tfrac12$ away from it (the constant changes no slope). So "
            "it points in a sensible direction, which the true 0 does not."
        ),
        marks=(
            Mark(1, "(a) 3"),
            Mark(1, "(b) plain: 0, since the slope of `round` is 0"),
            Mark(2, "here: $g$, since what is detached is a constant"),
            Mark(1, "(c) no, the true slope is 0"),
            Mark(1, r"it is that of $x \mapsto x$, which is near by, and not 0 everywhere"),
        ),
        harm=harm_of_rounding,
    ),
    Question(
        id="q-forward-or-back",
        kind="explain",
        title="Forward or back?",
        objective="bound the work of a gradient",
        section="sec-engine",
        difficulty=2,
        minutes=7,
        text=(
            "A program draws a picture of a lamp: from 3 numbers, the place of the lamp, it "
            "computes the brightness of a million pixels. Somebody wants (a) the slope of *every* "
            "pixel with respect to each of the 3 numbers; (b) for a given photograph, the gradient "
            "of the sum of all squared differences between picture and photograph, with respect to "
            "the 3 numbers; (c) as in (b), but with 10,000 numbers that describe the lamp. Say for "
            "each how many passes forward mode and reverse mode need, besides the run, and which "
            "you take. (d) Which of the two has to keep the values of the whole run, and why?"
        ),
        solution=(
            "Forward mode needs a pass for each number that one asks about, reverse mode one for "
            "each result. (a) 3 passes against a million: forward. (b) The result is one number: "
            "3 against 1. Both will do; reverse is fewer passes, forward needs less memory. (c) "
            "10,000 against 1: reverse. (d) Reverse mode. Its sweep runs against the program, and "
            "a pullback needs values of the run, which by then is over. Forward mode carries its "
            "slopes along with the values, and can drop both as soon as nobody uses them any more."
        ),
        marks=(
            Mark(2, "(a) 3 against a million: forward"),
            Mark(1, "(b) 3 against 1, with a choice and a reason"),
            Mark(2, "(c) 10,000 against 1: reverse"),
            Mark(1, "(d) reverse mode"),
            Mark(1, "its sweep comes after the run, and needs the values backwards"),
        ),
    ),
    Question(
        id="q-picked-rows",
        kind="fault",
        title="Rows picked from a table",
        objective="derive the gradients of broadcasting, of a product",
        section="sec-array-rules",
        difficulty=2,
        minutes=6,
        text=(
            "The program picks rows from a table, as a language model picks the numbers of its "
            "words, and hands a gradient back to the table. It runs without a warning. (a) What "
            "should it print, and by which rule? (b) Which line is at fault, and "
            "what does it do in place of what it seems to say? (c) With which input would a test "
            "have found nothing?"
        ),
        code=PICKED_ROWS,
        harm=harm_of_picked_rows,
        solution=(
            "(a) The rows $(10, 10)$, $(0, 0)$ and $(101, 101)$: row 2 of the table is used twice, "
            "and the gradients of several uses are added. (b) `to_table[ids] += g`. NumPy reads "
            "the picked rows, adds `g`, and writes the sums back, so that where an index comes "
            "twice, the last one overwrites the first: 100 in place of 101. `np.add.at(to_table, "
            "ids, g)` adds each. (c) With any `ids` in which no index comes twice."
        ),
        marks=(
            Mark(1, "(a) $(101, 101)$ in the last row, the others as printed"),
            Mark(1, "the gradients of several uses are added"),
            Mark(2, "(b) the line with `+=`: of equal indices only the last counts"),
            Mark(2, "(c) different indices"),
        ),
    ),
    Question(
        id="q-late-weights",
        kind="fault",
        title="A product and its slope",
        objective="write an engine for automatic differentiation",
        section="sec-versions",
        difficulty=2,
        minutes=6,
        text=(
            "The program multiplies a number by one weight after the other, and collects a "
            "pullback for each step. It prints the result and the slope with respect to `x`, which "
            "for $x = 1$ should be equal. (a) Explain the last number. (b) What does a pullback "
            "look up, and when? (c) Mend one line. (d) Why did the first of the two tests not find "
            "the fault?"
        ),
        code=LATE_WEIGHTS,
        harm=harm_of_late_weights,
        solution=(
            "(a) $125 = 5^3$: all three pullbacks multiply by the last weight. (b) The *name* `w`, "
            "when it is called, in the sweep. By then the loop has ended and `w` is 5. What a "
            "pullback needs has to be kept as it was in the run. (c) `lambda g, w=w: g * w`, which "
            "keeps the value of now, or a function `multiply(w, x)` that makes the pullback. (d) "
            "With three equal weights the last is as good as any."
        ),
        marks=(
            Mark(1, "(a) $5^3$"),
            Mark(2, "(b) the variable, at the time of the sweep and not of the run"),
            Mark(2, "(c) a value that is kept for each pullback"),
            Mark(1, "(d) equal weights"),
        ),
    ),
    Question(
        id="q-skip-and-vanish",
        kind="join",
        title="Through or around",
        objective="compute by hand the gradient at every node",
        section="sec-paths",
        also=("activations",),
        difficulty=3,
        minutes=9,
        text=(
            "Eight layers of one unit each stand in a row. Near the numbers that run through it, "
            "each layer is a map $f$ with the slope 0.2. (a) How large is the gradient at the "
            "input, if that at the output is 1? What is this called? (b) Now each layer adds what "
            "it gets, $h_{i+1} = h_i + f(h_i)$, and the slopes of the $f$ stay. How large is the "
            "gradient at the input, and how many paths lead to the output? (c) How much of it "
            "comes along the one path that goes around all layers, and how much along all paths "
            "through exactly one layer? (d) Is the trouble of (a) gone for good, whatever the "
            "slopes? Give a slope for which a gradient still vanishes or explodes."
        ),
        solution=(
            rf"(a) $0.2^8 \approx {PLAIN * 1e6:.2f} \cdot 10^{{-6}}$: a vanishing gradient. (b) "
            rf"Each layer now has the slope $1 + 0.2$, so $1.2^8 \approx {SKIPPED:.2f}$. A path "
            rf"goes through or around each of eight layers: $2^8 = {2**8}$ paths. (c) Around all: "
            rf"1. Through exactly one: eight paths with the product 0.2, together "
            rf"${8 * DAMP:.1f}$. (d) No. For $-2 < f' < 0$ the gradient vanishes with the depth, "
            r"since $\lvert 1 + f' \rvert < 1$: a slope of $-0.5$ gives $0.5^8 \approx "
            rf"{said(0.5**8, 3)}$. For $f' > 0$ and for $f' < -2$ it explodes: 1 and $-3$ both "
            "give $256$."
        ),
        marks=(
            Mark(1, "(a) $0.2^8$"),
            Mark(1, "a vanishing gradient"),
            Mark(2, "(b) $1.2^8$"),
            Mark(1, "$2^8$ paths"),
            Mark(2, "(c) 1, and $8 \\cdot 0.2$"),
            Mark(
                2,
                "(d) no, with a slope other than $0$ and $-2$, and whether the power of $1 + f'$ "
                "vanishes or grows",
            ),
        ),
        harm=harm_of_skips,
    ),
    Question(
        id="q-softmax-inside",
        kind="join",
        title="A softmax in the middle",
        objective="derive the gradients of broadcasting, of a product",
        section="sec-gradient",
        also=("probability",),
        difficulty=2,
        minutes=6,
        draw=softmax_back,
        check=softmax_back_again,
        marks=(
            Mark(2, r"the Jacobian $\mathrm{diag}(p) - p p^\top$, or its entries"),
            Mark(1, r"$p \cdot \delta_p$"),
            Mark(2, r"$p_i\,(\delta_{p_i} - p \cdot \delta_p)$"),
            Mark(1, "the number with its sign"),
        ),
    ),
)
