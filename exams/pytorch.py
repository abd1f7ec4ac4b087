"""Exam questions on PyTorch.

Keys are computed by nnlib or by counting; PyTorch itself is asked where a program is run, so that
the questions can be read where it is not installed.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from exams.model import Mark, Question, Slip, Variant, said
from nnlib import MLP, softmax_cross_entropy
from nnlib.autograd import Tensor

#: The logarithms of e + K - 1.
LOGARITHMS = {classes: math.log(math.e + classes - 1) for classes in (2, 3, 5, 10)}


def row(values: Any, digits: int = 0) -> str:
    """Return numbers as a row in a formula."""
    return said(tuple(float(value) for value in values), digits)


def factor(number: float) -> str:
    """Return a whole number as it stands behind a sign."""
    return f"({number})" if number < 0 else f"{number}"


# --- To compute -----------------------------------------------------------------------------------


def never_cleared(rng: np.random.Generator) -> Variant:
    """Draw a slope that stays, a learning rate and a number of rounds."""
    slope = int(rng.choice([2, 3, 4, 5]))
    rate = float(rng.choice([0.1, 0.2, 0.5]))
    rounds = int(rng.choice([4, 5, 6]))
    start = int(rng.choice([10, 20, 30]))
    a, gathered, leaf = float(start), 0.0, Tensor(0.0, requires_grad=True)
    for _ in range(rounds):
        (slope * leaf).backward()
        assert leaf.grad is not None
        gathered = leaf.grad.item()
        a -= rate * gathered
    once = rate * slope
    return Variant(
        values={"slope": slope, "rate": rate, "rounds": rounds, "start": start},
        text=(
            f"The parameter `a` is {start} at first, the optimizer is `torch.optim.SGD` with the "
            f"learning rate {rate}. A loop runs {rounds} rounds of `loss = {slope} * a`, "
            "`loss.backward()`, `optimizer.step()`, and nothing else. What is `a` at the end?"
        ),
        key=a,
        slips=(
            Slip(
                start - rounds * once,
                "So it would be with `optimizer.zero_grad()` in every round. What is in `a.grad` "
                "in the second round?",
            ),
            Slip(
                start - once * rounds**2,
                "So it would be if the last, largest gradient were used in every round. The first "
                "step uses the first gradient alone.",
            ),
            Slip(
                2 * start - a,
                "Gradient descent goes *down*: `a` moves against its gradient.",
            ),
            Slip(
                start - once * rounds * (rounds - 1) / 2,
                "The first round moves `a`, too: `backward` comes before `step`.",
            ),
        ),
        solution=(
            f"Nobody clears the gradient, so `a.grad` is {slope}, {2 * slope}, and so on, in the "
            f"last round {said(gathered, 0)}. The steps add up to ${rate} \\cdot {slope} \\cdot "
            f"(1 + \\dots + {rounds}) = {said(start - a, 1)}$, and ${start} - "
            f"{said(start - a, 1)} = {said(a, 1)}$."
        ),
    )


def never_cleared_again(slope: int, rate: float, rounds: int, start: int) -> float:
    """Return the end by the sum of the first whole numbers."""
    return start - rate * slope * rounds * (rounds + 1) / 2


def one_layer_many_times(rng: np.random.Generator) -> Variant:
    """Draw the sizes of a network that uses a layer again and again."""
    inputs, hidden = int(rng.choice([4, 9, 16])), int(rng.choice([5, 10, 20]))
    classes, times = int(rng.choice([2, 3])), int(rng.choice([3, 4, 6]))
    first, middle, last = (
        MLP(sizes).n_parameters for sizes in ([inputs, hidden], [hidden, hidden], [hidden, classes])
    )
    key = first + middle + last
    return Variant(
        values={"inputs": inputs, "hidden": hidden, "classes": classes},
        text=(
            f"A module has the attributes `first = nn.Linear({inputs}, {hidden})`, `middle = "
            f"nn.Linear({hidden}, {hidden})` and `last = nn.Linear({hidden}, {classes})`. Its "
            f"`forward` runs `first`, then `middle` {times} times, then `last`, with a ReLU after "
            "each run but that of `last`. How many numbers does "
            "`sum(p.numel() for p in net.parameters())` count?"
        ),
        key=float(key),
        slips=(
            Slip(
                float(first + times * middle + last),
                "A layer is registered once, however often `forward` runs it.",
            ),
            Slip(
                float(inputs * hidden + hidden**2 + hidden * classes),
                "Those are the weights. Each linear layer has a bias as well.",
            ),
            Slip(
                float(first + last),
                "`middle` is an attribute like the others, and registered.",
            ),
        ),
        solution=(
            "What is registered counts, not how often it runs: "
            f"$({inputs} + 1) \\cdot {hidden} + ({hidden} + 1) \\cdot {hidden} + ({hidden} + 1) "
            f"\\cdot {classes} = {first} + {middle} + {last} = {key}$."
        ),
    )


def one_layer_many_times_again(inputs: int, hidden: int, classes: int) -> float:
    """Return the count as weights and biases."""
    return hidden * (inputs + hidden + classes) + hidden + hidden + classes


def share_from_a_loss(rng: np.random.Generator) -> Variant:
    """Draw the classes, and a share of right answers, which is hidden in a loss."""
    classes = int(rng.choice(list(LOGARITHMS)))
    share = float(rng.choice(np.arange(12, 20))) / 20
    sure = np.eye(classes)
    right, wrong = (float(softmax_cross_entropy(sure[i], 0)) for i in (0, 1))
    loss = round(share * right + (1 - share) * wrong, 2)
    key = (wrong - loss) / (wrong - right)
    # With three decimals the difference from the loss could end in a half.
    shown = said(LOGARITHMS[classes], 4)
    return Variant(
        values={"classes": classes, "loss": loss},
        text=(
            f"A network for {classes} classes ends in a softmax, and is trained with "
            "`nn.CrossEntropyLoss()` on its probabilities. After long training each of its "
            "outputs is as good as one-hot, on some examples for the right class, on the others "
            f"for a wrong one. The mean loss is ${said(loss)}$. On which share of the examples is "
            rf"it right? ($\log(e + {classes - 1}) \approx {shown}$.)"
        ),
        key=key,
        slips=(
            Slip(
                1 - key,
                "That is the share of mistakes.",
            ),
            Slip(
                math.exp(-loss),
                r"$\exp(-\ell)$ would be a typical probability of the true class if the loss were "
                "$-\\log p_k$. Here a second softmax stands in between.",
            ),
            Slip(
                math.log(classes) - loss,
                r"$\log K$ is the loss of equal probabilities. How large is it where the network "
                "is wrong and sure?",
            ),
        ),
        solution=(
            rf"Sure and right, an example costs $\log(e + {classes - 1}) - 1$; sure and wrong, "
            rf"$\log(e + {classes - 1})$. With the share $r$ right, the mean is $\log(e + "
            rf"{classes - 1}) - r$. So $r = {shown} - {said(loss)} \approx {said(key)}$."
        ),
    )


def share_from_a_loss_again(classes: int, loss: float) -> float:
    """Return the share from what both kinds of examples cost, by log1p."""
    right = math.log1p((classes - 1) / math.e)
    return 1 + right - loss


def chasing_itself(rng: np.random.Generator) -> Variant:
    """Draw a number that is to become what it says of the next moment, and a reward."""
    w_, reward = int(rng.choice([2, 3, 4])), int(rng.choice([-1, 1, 2]))
    now = int(rng.choice([2, 3, 4]))
    later = int(rng.choice([factor for factor in (1, 2, 3, 4) if factor != now]))
    w = Tensor(float(w_), requires_grad=True)
    gap = w * now - (reward + w * later).detach()
    (gap**2).backward()
    assert w.grad is not None
    key = w.grad.item()
    difference = w_ * now - reward - w_ * later
    return Variant(
        values={"w": w_, "reward": reward, "now": now, "later": later},
        text=(
            f"A player values a position by one weight, a leaf `w` with the value {w_}. Its value "
            f"now, `{now} * w`, is to come near to a reward plus its value after the next move, "
            f"`goal = ({reward} + {later} * w).detach()`. The loss is `({now} * w - goal) ** 2`. "
            "What is `w.grad` after `loss.backward()`?"
        ),
        key=key,
        slips=(
            Slip(
                float(2 * difference * (now - later)),
                "The goal is detached: for the sweep it is a number without a history, although "
                "`w` stands in it.",
            ),
            Slip(
                float(2 * difference),
                rf"That is the slope of the square. The way from `w` to the gap has the slope "
                f"{now}.",
            ),
            Slip(
                float(2 * (w_ * now) * now),
                "Detached is not 0: the goal keeps its value, and loses its history only.",
            ),
            Slip(
                float(2 * (w_ * now - reward) * now),
                f"In the goal only the reward was counted. `{later} * w` is detached, but keeps "
                "its value.",
            ),
            Slip(
                -key,
                "The sign is turned: the slope of $(u - v)^2$ with respect to $u$ is $2\\,(u - v)$."
                "",
            ),
        ),
        solution=(
            f"The goal is the number ${reward} + {later} \\cdot {w_} = {reward + later * w_}$, and "
            f"the gap is ${now * w_} - {factor(reward + later * w_)} = {difference}$. One way "
            f"leads to `w`, with the slope {now}: "
            f"$2 \\cdot {factor(difference)} \\cdot {now} = {said(key, 0)}$."
        ),
    )


def chasing_itself_again(w: int, reward: int, now: int, later: int) -> float:
    """Return the slope by symmetric differences, with the goal held still."""
    goal = reward + later * w

    def loss(moved: float) -> float:
        return (now * moved - goal) ** 2

    return (loss(w + 1.0) - loss(w - 1.0)) / 2


# --- To find the fault ----------------------------------------------------------------------------

NEW_LAST_LAYER = """
import torch
from torch import nn

torch.manual_seed(0)
x, labels = torch.randn(90, 4), torch.arange(90) % 3
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net[2] = nn.Linear(8, 3)  # three classes, not two
before = net[2].weight.detach().clone()
for _ in range(50):
    loss = nn.functional.cross_entropy(net(x), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("moved by", (net[2].weight - before).abs().max().item())
"""

COLUMN_AND_ROW = """
import torch
from torch import nn

torch.manual_seed(0)
x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
y = torch.tensor([1.0, 3.0, 5.0, 7.0])
net = nn.Linear(1, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(500):
    loss = ((net(x) - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print([round(p, 2) for p in net(x).flatten().tolist()])
print("loss", round(loss.item(), 2))
"""


def harm_of_new_last_layer(names: dict[str, Any]) -> None:
    """Hold that the new layer stands still, that its gradients pile up, and the numbers named."""
    net, optimizer = names["net"], names["optimizer"]
    assert names["torch"].equal(net[2].weight, names["before"])
    held = [tensor for group in optimizer.param_groups for tensor in group["params"]]
    assert sum(tensor.numel() for tensor in held) == 58
    assert sum(tensor.numel() for tensor in net.parameters()) == 67
    assert any(tensor is net[0].weight for tensor in held)
    assert not any(tensor is net[2].weight for tensor in held)
    of_all = net[2].weight.grad.clone()
    net.zero_grad()
    names["nn"].functional.cross_entropy(net(names["x"]), names["labels"]).backward()
    assert of_all.norm() > 10 * net[2].weight.grad.norm()


def harm_of_column_and_row(names: dict[str, Any]) -> None:
    """Hold that each output is the mean of all targets, and that a column of targets mends it."""
    net, x, y, torch = (names[name] for name in ("net", "x", "y", "torch"))
    assert (net(x) - y).shape == (4, 4)
    assert torch.allclose(net(x), torch.full((4, 1), 4.0), atol=1e-3)
    assert math.isclose(names["loss"].item(), y.var(correction=0).item(), abs_tol=1e-3)
    mended: dict[str, Any] = {}
    program, _, _ = COLUMN_AND_ROW.replace("(net(x) - y)", "(net(x) - y[:, None])").partition(
        "print"
    )
    exec(program, mended)
    assert mended["loss"].item() < 1e-3
    assert math.isclose(mended["net"].weight.item(), 2, abs_tol=0.01)
    assert math.isclose(mended["net"].bias.item(), 1, abs_tol=0.02)


# --- To explain, and to join chapters -------------------------------------------------------------


def harm_of_disagreements(names: dict[str, Any]) -> None:
    """Hold what each of the four observations is put down to."""
    torch: Any = import_module("torch")

    torch.manual_seed(0)
    x = torch.randn(32, 3, dtype=torch.float64)
    weight = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)

    def slope(loss: Any) -> Any:
        return torch.autograd.grad(loss, weight)[0]

    labels = torch.arange(32) % 2
    loss = torch.nn.functional.cross_entropy
    mean = slope(loss(x @ weight.T, labels))
    summed = slope(loss(x @ weight.T, labels, reduction="sum"))
    assert torch.allclose(summed, 32 * mean, rtol=1e-12)
    single = slope(loss(x.float() @ weight.T.float(), labels))
    apart = ((single - mean).abs().max() / mean.abs().max()).item()
    assert 1e-12 < apart < 1e-6
    assert mean.shape == (2, 3)


def harm_of_scaled_start(names: dict[str, Any]) -> None:
    """Hold where the gradient goes, that the cures work, and how training by (d) ends."""
    torch: Any = import_module("torch")

    drawn = torch.randn(3, requires_grad=True)
    w = drawn * 0.1
    w.sum().backward()
    assert drawn.is_leaf
    assert not w.is_leaf
    assert torch.allclose(drawn.grad, torch.full((3,), 0.1))
    for cured in (
        (torch.randn(3) * 0.1).requires_grad_(),
        (drawn * 0.1).detach().requires_grad_(),
        torch.normal(0.0, 0.1, (3,), requires_grad=True),
    ):
        cured.sum().backward()
        assert cured.is_leaf
        assert torch.equal(cured.grad, torch.ones(3))
        torch.optim.SGD([cured])

    def loss(w: Any) -> Any:
        return ((w - 1) ** 2).sum()

    def second_time(optimizer: Any, w: Any) -> str:
        """Return what the second of two steps complains of."""
        loss(w).backward()
        optimizer.step()
        try:
            loss(w).backward()
        except RuntimeError as error:
            return str(error)
        return ""

    w = drawn * 0.1
    w.retain_grad()
    assert "a second time" in second_time(torch.optim.SGD([w], lr=0.1), w)
    assert w.grad is not None
    w = drawn * 0.1
    kept, moved = w.detach().clone(), drawn.detach().clone()
    optimizer = torch.optim.SGD([drawn], lr=1.0)
    assert "a second time" in second_time(optimizer, w)
    assert torch.equal(w, kept)
    assert not torch.equal(drawn, moved)
    for _ in range(1000):
        optimizer.zero_grad()
        loss(drawn * 0.1).backward()
        optimizer.step()
    assert loss(drawn * 0.1).item() < 1e-6


def harm_of_cold_days(names: dict[str, Any]) -> None:
    """Hold the losses and gradients of a ReLU on the output of a regression."""
    torch: Any = import_module("torch")

    z = torch.tensor([-1.0, 2.0], requires_grad=True)
    ((z.relu() - torch.tensor([-3.0, 4.0])) ** 2).mean().backward()
    assert z.grad.tolist() == [0, -2]
    best = ((torch.tensor([0.0, 4.0]) - torch.tensor([-3.0, 4.0])) ** 2).mean()
    assert best.item() == 4.5


def harm_of_measuring(names: dict[str, Any]) -> None:
    """Hold what each of the two switches does to dropout, to batch norm and to the graph."""
    torch: Any = import_module("torch")
    nn = torch.nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5))
    x = torch.randn(50, 4)
    kept = net[1].running_mean.clone()
    with torch.no_grad():
        first, second = net(x), net(x)
    assert not torch.equal(first, second)
    assert not torch.equal(kept, net[1].running_mean)
    net.eval()
    kept = net[1].running_mean.clone()
    first, second = net(x), net(x)
    assert torch.equal(first, second)
    assert torch.equal(kept, net[1].running_mean)
    assert first.requires_grad


def harm_of_counting(names: dict[str, Any]) -> None:
    """Hold that PyTorch refuses a loss that counts mistakes."""
    torch: Any = import_module("torch")

    scores = torch.randn(5, 3, requires_grad=True)
    message = ""
    counted = (scores.argmax(dim=1) != torch.zeros(5)).double().mean()
    assert counted.grad_fn is None
    try:
        counted.backward()
    except RuntimeError as error:
        message = str(error)
    assert "does not require grad and does not have a grad_fn" in message


def two_in_one(rng: np.random.Generator) -> Variant:
    """Draw two linear layers with nothing between them."""
    w1 = rng.integers(1, 5, size=(2, 2)) * rng.choice([-1, 1], size=(2, 2))
    b1 = rng.permutation([-2, -1, 1, 2, 3])[:2]
    w2 = rng.permutation([-3, -2, 2, 3, 4])[:2]
    b2 = int(rng.choice([-1, 1, 2, 5]))
    x = Tensor(np.zeros(2))
    hidden = Tensor(w1.astype(float)) @ x + b1
    key = float((Tensor(w2.astype(float)) @ hidden + b2).item())
    product = w2 @ w1
    return Variant(
        values={"b1": b1.tolist(), "w2": w2.tolist(), "b2": b2},
        text=(
            "Somebody forgot the ReLU in `nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))`. The "
            f"first layer has the weight with the rows ${row(w1[0])}$ and ${row(w1[1])}$ and the "
            f"bias ${row(b1)}$, the second one the weight with the one row ${row(w2)}$ and the "
            f"bias ${b2}$. One `nn.Linear(2, 1)` can take the place of both, with the same "
            "outputs for all inputs. Which bias must it have?"
        ),
        key=key,
        slips=(
            Slip(
                float(b2),
                "The second bias is there. But the first one goes through the second layer, too.",
            ),
            Slip(
                float(b1.sum() + b2),
                "The first bias does not arrive as it is: the second weight is multiplied with it.",
            ),
            Slip(
                float(product @ b1 + b2),
                "That sends the first bias through *both* weights. It is added after the first.",
            ),
        ),
        solution=(
            "What the first layer gives, its bias among it, is multiplied by the second weight: "
            r"$W_2 (W_1 x + b_1) + b_2 = (W_2 W_1)\,x + (W_2 b_1 + b_2)$. The bias is $"
            f"{w2[0]} \\cdot {factor(b1[0])} + {factor(w2[1])} \\cdot {factor(b1[1])} + "
            f"{factor(b2)} = {said(key, 0)}$. "
            f"The weight would be ${row(product)}$."
        ),
    )


def two_in_one_again(b1: list[int], w2: list[int], b2: int) -> float:
    """Return what both layers make of the input 0, in plain Python."""
    return sum(weight * bias for weight, bias in zip(w2, b1, strict=True)) + b2


# --- All of them ----------------------------------------------------------------------------------

QUESTIONS = (
    Question(
        id="q-never-cleared",
        kind="compute",
        title="Where a short loop ends",
        objective="recognize four silent faults",
        section="sec-no-clearing",
        difficulty=1,
        minutes=4,
        draw=never_cleared,
        check=never_cleared_again,
        digits=1,
        tolerance=0.05,
        marks=(
            Mark(2, "the gradients of the rounds add up: once, twice, three times the slope"),
            Mark(1, "the sum of the steps"),
            Mark(1, "the number"),
        ),
    ),
    Question(
        id="q-one-layer-again",
        kind="compute",
        title="One layer, run again and again",
        objective="write a network, a loss and a training loop",
        section="sec-many-layers",
        difficulty=1,
        minutes=4,
        draw=one_layer_many_times,
        check=one_layer_many_times_again,
        digits=0,
        tolerance=0.5,
        marks=(
            Mark(2, r"$(\mathrm{in} + 1) \cdot \mathrm{out}$ for a linear layer"),
            Mark(1, "the layer in the middle counts once"),
            Mark(1, "the sum"),
        ),
    ),
    Question(
        id="q-share-from-a-loss",
        kind="compute",
        title="What a strange loss says about the answers",
        objective="recognize four silent faults",
        section="sec-double-softmax",
        difficulty=3,
        minutes=7,
        draw=share_from_a_loss,
        check=share_from_a_loss_again,
        tolerance=0.015,
        marks=(
            Mark(2, r"right and sure costs $\log(e + K - 1) - 1$, or $\log(1 + (K - 1) / e)$"),
            Mark(2, r"wrong and sure costs $\log(e + K - 1)$"),
            Mark(2, "the mean as a formula in the share"),
            Mark(1, "the share"),
        ),
    ),
    Question(
        id="q-chasing-itself",
        kind="compute",
        title="A goal that moves along",
        objective="say which tensors are leaves",
        section="sec-graph",
        difficulty=2,
        minutes=5,
        draw=chasing_itself,
        check=chasing_itself_again,
        digits=0,
        tolerance=0.5,
        marks=(
            Mark(2, "the goal keeps its value and counts as a constant"),
            Mark(1, "the gap"),
            Mark(2, "twice the gap times the slope of the one way (without the slope: 1 point)"),
        ),
    ),
    Question(
        id="q-four-disagreements",
        kind="explain",
        title="Four ways to disagree",
        objective="check a network in PyTorch against your own formulas",
        section="sec-agree",
        difficulty=2,
        minutes=8,
        harm=harm_of_disagreements,
        text=(
            "Four students compare the gradient of a linear layer, by their own formula for "
            "cross-entropy, with that of PyTorch's `CrossEntropyLoss`, on a batch of 32 examples. "
            "Name for each the most likely cause, and what to do. (a) Every entry of Ada's is 32 "
            "times as large as PyTorch's. (b) Ben's agrees to seven digits, and no further. (c) "
            "Cem's numbers are all there, but he gets an error about shapes when he subtracts, "
            "where the layer has 3 inputs and 2 outputs. (d) Dora uses one weight matrix in two "
            "places of her network. PyTorch's gradient is about twice hers. What does she compute?"
        ),
        solution=(
            "(a) The loss of PyTorch is the mean over the batch, hers the sum: divide by 32, or "
            'set `reduction="sum"`. (b) Something is computed in `float32`, the data or the '
            "weights: compare in `float64`. Seven digits are what `float32` has. They speak for "
            "his formula; the rest is rounding, and no evidence against it. (c) PyTorch keeps the "
            r"weight of a linear layer as (out, in), here (2, 3); his is (3, 2): transpose it, "
            r"$\delta\,x^\top$ in place of $x\,\delta^\top$. (d) The gradient at one of the two "
            "places. Gradients of several uses are added, and PyTorch gives the sum."
        ),
        marks=(
            Mark(2, "(a) sum against mean"),
            Mark(2, "(b) `float32`; compare in `float64`"),
            Mark(2, "(c) the layout (out, in); transpose"),
            Mark(2, "(d) one of two uses; both are added"),
        ),
    ),
    Question(
        id="q-scaled-start",
        kind="explain",
        title="A weight without a gradient",
        objective="say which tensors are leaves",
        section="sec-on-the-way",
        difficulty=2,
        minutes=6,
        harm=harm_of_scaled_start,
        text=(
            "Somebody wants small first weights and writes "
            "`w = torch.randn(3, requires_grad=True) * 0.1`. After `loss.backward()`, with a loss "
            "that depends on `w`, there is no `w.grad`. (a) Why not? (b) Into which tensor was a "
            "gradient put, and how is it related to that at `w`? (c) Write two other ways to make "
            "small first weights `w` that an optimizer can train for many steps. (d) The line "
            "stands above the training loop. Would an optimizer that was given the tensor of (b) "
            "train the network?"
        ),
        solution=(
            "(a) `w` is no leaf: a recorded operation, the product with 0.1, has made it. Its "
            "gradient was handed on and dropped. (b) Into the tensor that `randn` made, which has "
            "no name here; by the chain rule it is 0.1 times the gradient at `w`. (c) "
            "`w = (torch.randn(3) * 0.1).requires_grad_()`, or `w = torch.randn(3) * 0.1` and then "
            "`w.requires_grad = True`, or the old line with `.detach().requires_grad_()` behind "
            "the product. (`w.retain_grad()` fills `w.grad`, but for one step only: then it goes "
            "as in (d).) (d) No. Step 1 changes that tensor, not `w`, which was computed from it "
            "once. The next `backward` stops with an error, since the first one has freed what the "
            "product had stored. It would train, if `w` were computed anew in every step."
        ),
        marks=(
            Mark(2, "(a) not a leaf, made by a recorded operation"),
            Mark(1, "(b) the unnamed result of `randn`, with 0.1 times the gradient"),
            Mark(
                2,
                "(c) two ways to a small leaf that requires a gradient, such as "
                "`torch.normal(0.0, 0.1, (3,), requires_grad=True)` (one of them: 1 point; "
                "`retain_grad` is none, since the second `backward` raises)",
            ),
            Mark(1, "(d) no: `w` stays as it was, or: the next `backward` raises (either will do)"),
        ),
    ),
    Question(
        id="q-cold-days",
        kind="explain",
        title="Degrees Celsius",
        objective="recognize four silent faults",
        section="sec-final-relu",
        difficulty=2,
        minutes=7,
        harm=harm_of_cold_days,
        text=(
            "A network is to forecast temperatures in degrees Celsius. It ends in "
            "`nn.Linear(32, 1)` and, by mistake, a ReLU; the loss is the mean squared error. (a) "
            "Which forecasts can it not make? (b) For two days the preactivations of the last unit "
            "are $z = (-1, 2)$ and the true temperatures $(-3, 4)$. What is the gradient of the "
            "loss with respect to $z$? (c) Suppose that training goes as well as it can on these "
            "two days. Which loss is left? (d) Why does the *first* day teach the network nothing, "
            "though its forecast is wrong by 3 degrees?"
        ),
        solution=(
            "(a) All below 0. (b) The forecasts are $(0, 2)$, and the mean of the squares has the "
            "slopes $\\tfrac12 \\cdot 2 \\cdot (0 + 3,\\ 2 - 4) = (3, -2)$ with respect to them. "
            "The ReLU is off on the first day: $(0, -2)$. (c) The best forecasts are $(0, 4)$, and "
            "$\\tfrac12 (3^2 + 0^2) = 4.5$ is left. (d) For $z < 0$ the slope of the ReLU is 0, so "
            "the 3 that comes from the loss is multiplied by 0. No weight gets anything from that "
            "day."
        ),
        marks=(
            Mark(1, "(a) below 0"),
            Mark(3, "(b) $(0, -2)$ (without the ReLU's slope, or without the mean: 2 points)"),
            Mark(2, "(c) 4.5, at the forecasts 0 and 4"),
            Mark(1, "(d) the slope 0 of the ReLU"),
        ),
    ),
    Question(
        id="q-how-to-measure",
        kind="explain",
        title="One switch too few",
        objective="write a network, a loss and a training loop",
        section="sec-others-code",
        difficulty=2,
        minutes=7,
        harm=harm_of_measuring,
        text=(
            "A network has layers with dropout and with batch normalization. Three colleagues "
            "measure its accuracy on held-out data: Ann under `torch.no_grad()` but without "
            "`net.eval()`, Bob after `net.eval()` but without `no_grad()`, Cleo with both. (a) "
            "Whose numbers differ when the same data are measured twice, and why? (b) Who changes "
            "the network by measuring it, and what is changed? (c) What does Bob pay for what he "
            "left out? (d) What must be written before training goes on?"
        ),
        solution=(
            "(a) Ann's. Dropout is still in its training mode and sets other entries to 0 each "
            "time. (b) Ann: in training mode batch normalization takes means and variances of the "
            "batch at hand, and moves the averages that it keeps towards them. `no_grad` stops the "
            "recording, not that; held-out data have found their way into the network. (c) His "
            "numbers are right, but PyTorch records a graph for each batch, which costs memory, "
            "and some time. (d) `net.train()`; without it the rest of the training would run "
            "without dropout, and with averages that stand still."
        ),
        marks=(
            Mark(2, "(a) Ann, since dropout is still on"),
            Mark(2, "(b) Ann: the averages that batch normalization keeps"),
            Mark(2, "(c) a graph that nobody needs: memory; the numbers are right"),
            Mark(1, "(d) `net.train()`"),
        ),
    ),
    Question(
        id="q-new-last-layer",
        kind="fault",
        title="A new last layer",
        objective="recognize four silent faults",
        section="sec-list",
        difficulty=2,
        minutes=7,
        text=(
            "A network for two classes gets a new last layer, for three. The program runs without "
            "a warning. (a) Explain what it prints. (b) How many numbers has the network, and how "
            "many does the optimizer hold? (c) What is in `net[2].weight.grad` at the end: the "
            "gradient of one step, or of how many? (d) Mend it by moving one line."
        ),
        code=NEW_LAST_LAYER,
        harm=harm_of_new_last_layer,
        solution=(
            "(a) The optimizer was made from the parameters that the network had *then*. The new "
            "layer is registered, but not in the optimizer's list, so no step moves it. (b) "
            "$5 \\cdot 8 + 9 \\cdot 3 = 67$, and $5 \\cdot 8 + 9 \\cdot 2 = 58$, of which 18 "
            "belong to a layer that is gone. (c) Of all 50: the optimizer's `zero_grad` clears "
            "what is in its list. (d) Make the optimizer after the new layer is in its place."
        ),
        marks=(
            Mark(2, "(a) the optimizer has the parameters of the time when it was made"),
            Mark(2, "(b) 67 and 58"),
            Mark(2, "(c) the sum of all 50, since nobody clears it"),
            Mark(1, "(d) the line with the optimizer, below that of the new layer"),
        ),
    ),
    Question(
        id="q-column-and-row",
        kind="fault",
        title="A line that stays flat",
        objective="write a network, a loss and a training loop",
        section="sec-two-layers",
        difficulty=2,
        minutes=7,
        text=(
            "The data lie on the line $y = 2x + 1$, and the model is a line. After 500 steps it "
            "should fit, and PyTorch has not complained. (a) Which shapes have `net(x)`, `y` and "
            "their difference? (b) What does the loss compare with what? (c) Why does the program "
            "end with these forecasts, and with this loss? (d) Mend one line."
        ),
        code=COLUMN_AND_ROW,
        harm=harm_of_column_and_row,
        solution=(
            "(a) (4, 1), (4,) and, by broadcasting, (4, 4). (b) Each forecast with *every* "
            "target, 16 differences. (c) What is nearest to all targets at once, in the mean of "
            "the squares, is their mean, $(1 + 3 + 5 + 7) / 4 = 4$. So all forecasts become 4, and "
            "what is left is the variance of the targets, $(9 + 1 + 1 + 9) / 4 = 5$. (d) "
            "`loss = ((net(x).squeeze(1) - y) ** 2).mean()`, or `y[:, None]` for `y`: both must "
            "have one shape."
        ),
        marks=(
            Mark(2, "(a) (4, 1), (4,) and (4, 4)"),
            Mark(1, "(b) each forecast with every target"),
            Mark(2, "(c) the mean of the targets, 4"),
            Mark(1, "their variance, 5"),
            Mark(1, "(d) one shape for both"),
        ),
    ),
    Question(
        id="q-counting-as-a-loss",
        kind="join",
        title="Counting mistakes, in PyTorch",
        objective="say which tensors are leaves",
        section="sec-complaints",
        also=("losses",),
        difficulty=2,
        minutes=7,
        harm=harm_of_counting,
        text=(
            '"What we want is few mistakes, so let us train on them", says somebody, and writes '
            "`loss = (net(x).argmax(dim=1) != labels).double().mean()`. `loss.backward()` stops "
            "with an error: the loss does not require grad and has no `grad_fn`. (a) Which "
            "operation has cut the graph, and why can it have no useful slope? (b) Suppose that "
            "PyTorch returned the true gradient of this loss wherever there is one. How large "
            "would it be, and would training work? (c) Name two losses that can be trained on, and "
            "say what connects each of them with the number of mistakes. (d) Where in a training "
            "loop does the line belong all the same?"
        ),
        solution=(
            "(a) `argmax`: its results are whole numbers, which stay the same when the scores move "
            "a little, and then jump. (b) 0, wherever the largest score is the only one. No weight "
            "would ever move. (c) The hinge is an upper bound: the mean hinge is at least the "
            r"share of mistakes. So is cross-entropy divided by $\log 2$. A small loss therefore "
            "means few mistakes, and both have slopes. (Other bounds with slopes are as good: the "
            "squared hinge, or $e^{-m}$ with the margin $m$.) (d) Where one measures, on held-out "
            "data and under `no_grad`."
        ),
        marks=(
            Mark(2, "(a) `argmax`, which is constant between jumps"),
            Mark(2, "(b) 0 almost everywhere; nothing moves"),
            Mark(
                2,
                r"(c) two losses with slopes that are upper bounds, such as the hinge and "
                r"cross-entropy (over $\log 2$)",
            ),
            Mark(1, "(d) for measuring"),
        ),
    ),
    Question(
        id="q-two-in-one",
        kind="join",
        title="Two layers in one",
        objective="write a network, a loss and a training loop",
        section="sec-collapse",
        also=("mlp",),
        difficulty=1,
        minutes=5,
        draw=two_in_one,
        check=two_in_one_again,
        digits=0,
        tolerance=0.5,
        marks=(
            Mark(2, "$W_2 (W_1 x + b_1) + b_2$, written out"),
            Mark(2, "the bias $W_2 b_1 + b_2$"),
            Mark(1, "the number"),
        ),
    ),
)
