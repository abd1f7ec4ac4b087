"""The statements of chapter 6, tried on the engine that its cells build and on nnlib's."""

import gc
import json
import math
import operator
import weakref
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from nnlib import MLP, check, log_sum_exp
from nnlib.autograd import Tensor
from nnlib.losses import softmax_cross_entropy

from .engines import LeftFromBefore
from .oracles import given

CHAPTER = Path(__file__).parents[1] / "chapters" / "06_backpropagation.ipynb"
CELLS = json.loads(CHAPTER.read_text())["cells"]


def engine():
    """Return what the chapter's cells with the tag "engine" define."""
    names = {"np": np, "log_sum_exp": log_sum_exp}
    for cell in CELLS:
        if "engine" in cell["metadata"].get("tags", ()):
            exec("".join(cell["source"]), names)
    return SimpleNamespace(**names)


BOOK = engine()
Value = BOOK.Value
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@st.composite
def programs(draw, most=7, signs="+-*"):
    """Steps of a program on two leaves; each uses what came before, the last is the result."""
    steps = []
    for i in range(draw(st.integers(1, most))):
        places = st.integers(0, i + 1)
        steps.append((draw(st.sampled_from(signs)), draw(places), draw(places)))
    return steps


def run(steps, leaves):
    nodes = list(leaves)
    for sign, i, j in steps:
        nodes.append(OPERATIONS[sign](nodes[i], nodes[j]))
    return nodes


def slopes(node):
    """Yield each arrow into a node: where it comes from, and its local slope."""
    if node.inputs:
        yield from zip(node.inputs, node.pullback(1), strict=True)


def along_paths(result, position=lambda node: 0):
    """Return for each node the products over its paths, visited in turn, added up."""
    sums = {}

    def walk(node, product):
        sums[node] = sums.get(node, 0) + product
        for source, slope in slopes(node):
            if position(source) >= position(node):
                walk(source, product * slope)

    walk(result, 1)
    return sums


def swept(result, order):
    """Return what the book's sweep has at each node when it visits it."""
    found = {}
    nodes = list(order)
    before = {node: node.pullback for node in nodes}
    for node in nodes:
        if node.inputs:
            node.pullback = lambda g, node=node: found.update({node: g}) or before[node](g)
    BOOK.sweep(result, nodes, 1)
    for node in nodes:
        node.pullback = before[node]
        if not node.inputs:
            found[node] = node.grad
    return found


# Whole numbers: every sum and product is exact, in whatever order.


@pytest.mark.statement("prop-paths")
@given(programs(), st.integers(-3, 3), st.integers(-3, 3))
def test_the_gradient_is_the_sum_over_paths(steps, a, b):
    leaves = [Value(a), Value(b)]
    result = run(steps, leaves)[-1]
    sums = along_paths(result)
    result.backward()
    assert [leaf.grad for leaf in leaves] == [sums.get(leaf, 0) for leaf in leaves]
    theirs = [torch.tensor(float(n), dtype=torch.float64, requires_grad=True) for n in (a, b)]
    run(steps, theirs)[-1].backward()
    assert [sums.get(leaf, 0) for leaf in leaves] == [
        0 if leaf.grad is None else leaf.grad.item() for leaf in theirs
    ]


@pytest.mark.statement("prop-sweep-order")
@given(programs(most=4, signs="+*"), st.integers(1, 3), st.integers(1, 3))
def test_a_sweep_counts_the_paths_that_it_visits_in_turn(steps, a, b):
    result = run(steps, [Value(a), Value(b)])[-1]
    nodes = BOOK.topological_order(result)
    right = along_paths(result)
    for order in permutations(nodes):
        for node in nodes:
            node.grad = 0
        found = swept(result, order)
        counted = along_paths(result, order.index)
        assert found == {node: counted.get(node, 0) for node in nodes}
        users_first = all(
            order.index(source) > order.index(node) for node in nodes for source in node.inputs
        )
        assert (found == right) == users_first
        assert all(found[node] <= right[node] for node in nodes)


@pytest.mark.statement("prop-post-order")
@given(programs(most=30))
def test_post_order_has_each_node_once_and_after_its_inputs(steps):
    nodes = run(steps, [Value(1), Value(2)])
    order = BOOK.topological_order(nodes[-1])
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert place.keys() == set(along_nodes(nodes[-1]))
    assert all(place[source] < place[node] for node in order for source in node.inputs)


def along_nodes(result):
    reached = [result]
    for node in reached:
        reached += [source for source in node.inputs if source not in reached]
    return reached


@pytest.mark.statement("prop-post-order")
@pytest.mark.parametrize("listed", [BOOK.breadth_first, BOOK.pre_order])
def test_breadth_first_and_pre_order_have_a_node_before_its_user(listed):
    a, b = Value(2), Value(3)
    u = a * b
    v = u + a
    order = listed(u * v)
    assert order.index(u) < order.index(v)


@pytest.mark.statement("prop-gradient-cost")
@given(programs(most=12, signs="+-*/"))
def test_a_gradient_costs_at_most_five_runs(steps):
    Counting = BOOK.Counting
    Counting.done = 0
    try:
        result = run(steps, [Value(Counting(2)), Value(Counting(3))])[-1]
    except ZeroDivisionError:
        assume(False)
    n, products = len(steps), sum(sign in "*/" for sign, _, _ in steps)
    assert Counting.done == n
    order = BOOK.topological_order(result)
    BOOK.sweep(result, reversed(order), Counting(1))
    bound = 2 * (n - products) + 4 * products + 1
    assert Counting.done <= bound <= 5 * n
    if sum(bool(node.inputs) for node in order) == n:
        assert Counting.done == bound
    leaves = sum(not node.inputs for node in order)  # each adds once to an empty grad
    assert Counting.done - leaves <= bound - leaves <= 4 * n


@pytest.mark.statement("prop-gradient-cost")
def test_a_single_product_reaches_five_runs():
    BOOK.Counting.done = 0
    product = Value(BOOK.Counting(2)) * Value(BOOK.Counting(3))
    BOOK.sweep(product, BOOK.topological_order(product)[::-1], BOOK.Counting(1))
    assert BOOK.Counting.done == 5


shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@pytest.mark.statement("prop-adjoints")
@given(shapes, st.data())
def test_the_adjoint_of_a_broadcast_is_a_sum(larger, data):
    start = data.draw(st.integers(0, len(larger)))
    shape = tuple(data.draw(st.sampled_from((1, n))) for n in larger[start:])
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    g, direction = rng.normal(size=larger), rng.normal(size=shape)
    moved = np.sum(g * np.broadcast_to(direction, larger))
    by_book = BOOK.sum_to(g, shape)
    assert by_book.shape == shape
    assert_allclose(np.sum(by_book * direction), moved, atol=1e-12)
    leaf = Tensor(direction, requires_grad=True)
    (leaf + np.zeros(larger)).backward(g)
    assert_allclose(leaf.grad.numpy(), by_book, atol=1e-12)


@pytest.mark.statement("prop-adjoints")
@given(st.tuples(*[st.integers(1, 5)] * 3), st.integers(0, 99))
def test_the_adjoint_of_a_product_of_matrices(sizes, seed):
    n, m, k = sizes
    rng = np.random.default_rng(seed)
    a, b, g = rng.normal(size=(n, m)), rng.normal(size=(m, k)), rng.normal(size=(n, k))
    to_a, to_b = BOOK.matmul(Value(a), Value(b)).pullback(g)
    along_a, along_b = rng.normal(size=(n, m)), rng.normal(size=(m, k))
    assert_allclose(np.sum(to_a * along_a), np.sum(g * (along_a @ b)), atol=1e-12)
    assert_allclose(np.sum(to_b * along_b), np.sum(g * (a @ along_b)), atol=1e-12)


@pytest.mark.statement("prop-accumulation")
@given(st.lists(programs(), min_size=1, max_size=4), st.integers(-2, 2), st.integers(-2, 2))
def test_passes_add_up_to_the_gradient_of_the_sum(many, a, b):
    leaves = [Value(a), Value(b)]
    for steps in many:
        run(steps, leaves)[-1].backward()
    theirs = [torch.tensor(float(n), dtype=torch.float64, requires_grad=True) for n in (a, b)]
    sum(run(steps, theirs)[-1] for steps in many).backward()
    assert [leaf.grad for leaf in leaves] == [
        0 if leaf.grad is None else leaf.grad.item() for leaf in theirs
    ]


@pytest.mark.statement("prop-accumulation")
@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_left_over_gradients_grow_by_pascals_rule(length):
    leaf, theirs = Value(1), LeftFromBefore(1)
    end, their_end = leaf, theirs
    for _ in range(length):
        end, their_end = end * Value(2), their_end * LeftFromBefore(2)
    for q in range(1, 6):
        leaf.grad = theirs.grad = 0
        BOOK.pass_that_keeps(end)
        their_end.backward()
        factor = math.comb(length + q - 2, q - 1)
        assert leaf.grad == theirs.grad == factor * 2**length


@pytest.mark.statement("prop-checkpoints")
@given(st.integers(1, 60), st.data())
def test_checkpoints_keep_no_more_than_stated_and_run_no_step_thrice(length, data):
    s = data.draw(st.integers(1, length))
    slope, most, steps = BOOK.with_checkpoints(np.sin, np.cos, 0.5, length, s)
    assert most <= -(-length // s) + s - 1
    assert most == -(-length // s) + s - 1 or length % s
    assert steps <= 2 * length
    every, _, _ = BOOK.with_checkpoints(np.sin, np.cos, 0.5, length, length)
    assert_allclose(slope, every, rtol=1e-12)
    stated = math.ceil(length / s) + s - 1
    least = 2 * math.sqrt(length) - 1
    assert stated >= least - 1e-12
    assert math.isclose(stated, least) == (s * s == length)


def test_the_network_of_the_chapter_is_that_of_the_book():
    rng = np.random.default_rng(0)
    net = MLP([5, 4, 3], activation="relu", rng=0)
    x, labels = rng.normal(size=(7, 5)), rng.integers(0, 3, size=7)
    parameters = [
        Value(array.copy()) for pair in zip(net.weights, net.biases, strict=True) for array in pair
    ]
    loss = BOOK.cross_entropy(BOOK.network(Value(x), parameters), labels)
    loss.backward()
    scores = net.forward(x)
    assert_allclose(loss.data, softmax_cross_entropy(scores, labels, reduction="mean"), rtol=1e-14)
    g = net.backward(softmax_cross_entropy.gradient(scores, labels, reduction="mean"))
    theirs = [array for pair in zip(g.weights, g.biases, strict=True) for array in pair]
    for ours, right in zip(parameters, theirs, strict=True):
        assert_allclose(ours.grad, right, atol=1e-15)


def test_numbers_are_broadcast_too():
    a, b = Value(np.array(2.0)), Value(np.array(3.0))
    BOOK.broadcast_add(a, b).backward()
    assert (a.grad, b.grad) == (1, 1)


def test_a_sweep_changes_no_part_that_two_inputs_share():
    a, b = (Value(np.array([2.0, 3.0])) for _ in range(2))
    result = (a + b) + a
    BOOK.sweep(result, BOOK.topological_order(result)[::-1], np.ones(2))
    assert_allclose(a.grad, 2)
    assert_allclose(b.grad, 1)


def test_a_released_graph_keeps_no_array_of_the_run():
    w = Value(np.ones(2))
    hidden = w * w
    loss = hidden * w
    loss.backward(retain_graph=True)
    loss.backward()
    array = weakref.ref(hidden.data)
    del hidden
    gc.collect()
    assert array() is None
    with pytest.raises(RuntimeError, match="released"):
        loss.backward()
    with pytest.raises(RuntimeError, match="released"):
        (loss * loss).backward()


def test_recording_is_switched_off_and_on_again():
    with BOOK.no_grad():
        with BOOK.no_grad():
            pass
        assert (Value(1) + Value(2)).inputs == ()
    assert len((Value(1) + Value(2)).inputs) == 2


def test_the_messages_quoted_from_pytorch_are_pytorchs():
    text = next("".join(c["source"]) for c in CELLS if "PyTorch says" in "".join(c["source"]))
    quoted = [row.split("|")[2].strip() for row in text.splitlines() if row[:3] in QUOTED]
    assert len(quoted) == 6
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = (w**2).sum()
    loss.backward()
    hidden = 3 * w
    changed = (hidden**2).sum()
    hidden += 1
    actions = (
        loss.backward,
        (w**2).backward,
        (w.detach() ** 2).sum().backward,
        lambda: w.__iadd__(1.0),
        changed.backward,
        w.numpy,
    )
    for action, message in zip(actions, quoted, strict=True):
        with pytest.raises(RuntimeError) as raised:
            action()
        assert message in str(raised.value)


QUOTED = {f"| {i}" for i in range(1, 7)}


@pytest.mark.parametrize(
    ("order", "name"), [("breadth_first", "breadth-first order"), ("pre_order", "pre-order")]
)
def test_a_wrong_order_of_the_chapters_sweep_is_named(monkeypatch, capsys, order, name):
    monkeypatch.setattr(
        Value, "backward", lambda result, **_: BOOK.sweep(result, getattr(BOOK, order)(result))
    )
    assert not check.backward(Value).passed
    assert f"This looks like: {name}" in " ".join(capsys.readouterr().out.split())
