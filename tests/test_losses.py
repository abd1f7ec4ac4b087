"""nnlib.losses against exact values, torch, scikit-learn, differences, and the book's theorems."""

import math
import operator
from fractions import Fraction

import hypothesis
import mpmath
import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    LOSSES,
    MLP,
    Loss,
    accuracy,
    cross_entropy,
    hinge,
    log_softmax,
    softmax,
    softmax_cross_entropy,
    squared_error,
    zero_one,
)

from .oracles import (
    assert_close,
    difference,
    distributions,
    each_dtype,
    eps,
    exact,
    exact_log_softmax,
    exact_softmax,
    examples,
    finite,
    given,
    layouts,
    numerical_gradient,
    one_against_many,
    peak_memory,
    quietly,
    rows,
)

INF, NAN = np.inf, np.nan
# Of each loss, what its labels are.
KINDS = {
    "zero_one": "classes",
    "hinge": "classes",
    "softmax_cross_entropy": "classes",
    "squared_error": "numbers",
}
CLASSIFICATION = {name: LOSSES[name] for name, kind in KINDS.items() if kind == "classes"}
each_loss = pytest.mark.parametrize("loss", [LOSSES[name] for name in KINDS], ids=KINDS)
each_classification_loss = pytest.mark.parametrize(
    "loss", CLASSIFICATION.values(), ids=CLASSIFICATION
)
each_convex_loss = pytest.mark.parametrize("loss", [hinge, softmax_cross_entropy], ids=repr)
moderate = examples(whole_range=False, dtypes=[np.float64])


def batch_for(loss, shape=(2, 4, 3), dtype=np.float64):
    """Scores of that shape, and labels of the kind that the loss takes."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=shape).astype(dtype)
    if KINDS[loss.name] == "numbers":
        return scores, rng.normal(size=shape).astype(dtype)
    return scores, rng.integers(shape[-1], size=shape[:-1])


def one_hot(labels, classes):
    return np.eye(classes)[labels]


# --- exact values -----------------------------------------------------------------------------


def exact_hinge(scores, label):
    s = [Fraction(float(entry)) for entry in scores]
    return max(Fraction(0), max(s[:label] + s[label + 1 :]) - s[label] + 1)


@given(examples())
def test_hinge_is_exact_over_the_whole_range(example):
    scores, label = example
    with quietly():
        result = hinge(scores, label)
    expected = exact_hinge(scores, label)
    if np.isinf(result):
        assert expected >= Fraction(float(np.finfo(scores.dtype).max))
    else:
        bar = 2 * Fraction(eps(scores)) * max(1, Fraction(float(np.abs(scores).max())))
        assert abs(Fraction(float(result)) - expected) <= bar


@given(examples())
def test_cross_entropy_and_its_gradient_are_exact_over_the_whole_range(example):
    scores, label = example
    with quietly():
        value, gradient = softmax_cross_entropy.value_and_gradient(scores, label)
    truth = -exact_log_softmax(scores)[label]
    bar = min(max(1, truth), float(np.finfo(scores.dtype).max))
    assert_close(value, [truth], absolute=4 * eps(scores) * float(bar))
    expected = [p - (j == label) for j, p in enumerate(exact_softmax(scores))]
    assert_close(gradient, expected, absolute=4 * eps(scores))


@given(rows(whole_range=False), st.data())
def test_cross_entropy_of_soft_labels_is_exact(scores, data):
    weights = data.draw(st.lists(st.integers(0, 9), min_size=len(scores), max_size=len(scores)))
    weights[0] += not any(weights)
    y = (np.array(weights) / sum(weights)).astype(scores.dtype)
    with quietly():
        value, gradient = softmax_cross_entropy.value_and_gradient(scores, y)
    log_p = exact_log_softmax(scores)
    truth = -mpmath.fsum(y_i * log_i for y_i, log_i in zip(exact(y), log_p, strict=True))
    # Each term has the bar of log-softmax, and y weighs them.
    bar = 4 * eps(scores) * (1 + float(abs(truth)))
    assert_close(value, [truth], absolute=bar)
    total = mpmath.fsum(exact(y))
    expected = [total * mpmath.exp(t) - y_i for t, y_i in zip(log_p, exact(y), strict=True)]
    assert_close(gradient, expected, absolute=4 * eps(scores))


@pytest.mark.parametrize("shape", [(1, 2), (40, 2), (40, 3), (2, 40), (40, 40)])
@given(lead=st.floats(1, 700))
def test_cross_entropy_of_a_sure_and_right_answer_keeps_its_digits(lead, shape):
    scores = np.zeros(shape)
    scores[:, -1] = lead
    value = softmax_cross_entropy(scores, np.full(len(scores), shape[1] - 1))
    assert_allclose(value, np.log1p((shape[1] - 1) * np.exp(-lead)), rtol=1e-12)


@each_dtype
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("classes", [9, 27, 32, 55, 1000])
def test_rounding_does_not_pile_up_over_the_classes(classes, order, dtype):
    scores, log_p = one_against_many(classes, dtype)
    batch, labels = np.asarray(scores, order=order), np.zeros(len(scores), int)
    value, gradient = softmax_cross_entropy.value_and_gradient(batch, labels)
    assert_close(value, [-top for top, _ in log_p], absolute=4 * eps(scores))
    assert_close(
        gradient[:, :2].ravel(),
        [t for top, rest in log_p for t in (mpmath.expm1(top), mpmath.exp(rest))],
        absolute=4 * eps(scores),
    )


@pytest.mark.parametrize("order", ["C", "F"])
def test_many_classes_cost_float32_no_digits(order):
    rng = np.random.default_rng(0)
    scores = 30 * rng.normal(size=(4, 50257)).astype(np.float32)
    y = np.full(scores.shape, 1 / scores.shape[1], np.float32)
    for loss in (softmax_cross_entropy, squared_error):
        wide = loss(scores.astype(np.float64), y.astype(np.float64))
        result = loss(np.asarray(scores, order=order), np.asarray(y, order=order))
        assert_allclose(result, wide, rtol=4 * eps(scores))


# --- gradients --------------------------------------------------------------------------------


@given(moderate)
def test_gradient_of_cross_entropy_is_the_limit_of_differences(example):
    scores, label = example
    gradient = softmax_cross_entropy.gradient(scores, label)
    numerical = numerical_gradient(lambda s: softmax_cross_entropy(s, label), scores)
    assert_allclose(gradient, numerical, rtol=0, atol=1e-10)


@given(moderate)
def test_gradient_of_hinge_is_the_limit_of_differences_off_the_kinks(example):
    scores, label = example
    rivals = np.sort(np.delete(scores, label))
    gaps = np.append(np.diff(rivals[-2:]), rivals[-1] - scores[label] + 1)
    assume(np.abs(gaps).min() > 0.01)
    numerical = numerical_gradient(lambda s: hinge(s, label), scores)
    assert_allclose(hinge.gradient(scores, label), numerical, rtol=0, atol=1e-10)


@given(rows(whole_range=False, dtypes=[np.float64]), st.integers(0, 2**32 - 1))
def test_gradient_of_squared_error_is_the_limit_of_differences(scores, seed):
    y = np.random.default_rng(seed).normal(size=len(scores))
    numerical = numerical_gradient(lambda s: squared_error(s, y), scores)
    assert_allclose(squared_error.gradient(scores, y), numerical, rtol=0, atol=2e-8)


def torch_hinge(torch, scores, labels):
    true = scores.gather(-1, labels[..., None])
    others = scores.scatter(-1, labels[..., None], -INF)
    return torch.relu(others.amax(-1) - true[..., 0] + 1)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_values_and_gradients_are_those_of_torch(reduction):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    rng = np.random.default_rng(0)
    s = rng.normal(0, 3, (50, 4))
    labels, soft = rng.integers(4, size=50), rng.dirichlet(np.ones(4), 50)
    cases = [
        (
            softmax_cross_entropy,
            labels,
            lambda s, y: functional.cross_entropy(s, y, reduction="none"),
        ),
        (
            softmax_cross_entropy,
            soft,
            lambda s, y: functional.cross_entropy(s, y, reduction="none"),
        ),
        (hinge, labels, lambda s, y: torch_hinge(torch, s, y)),
        (squared_error, soft, lambda s, y: functional.mse_loss(s, y, reduction="none").sum(-1) / 2),
    ]
    for loss, y, theirs in cases:
        scores = torch.tensor(s, requires_grad=True)
        value = theirs(scores, torch.tensor(y))
        value = value if reduction == "none" else getattr(value, reduction)()
        (gradient,) = torch.autograd.grad(value.sum(), scores)
        ours = loss.value_and_gradient(s, y, reduction)
        assert_allclose(ours[0], value.detach(), rtol=1e-12, atol=1e-14)
        assert_allclose(ours[1], gradient, rtol=1e-12, atol=1e-14)


@given(moderate)
def test_gradient_of_cross_entropy_is_p_minus_y(example):
    scores, label = example
    expected = softmax(scores) - one_hot(label, len(scores))
    gradient = softmax_cross_entropy.gradient(scores, label)
    assert_allclose(gradient, expected, rtol=0, atol=4 * eps(scores))


def test_gradient_of_cross_entropy_is_p_times_the_sum_of_y_minus_y():
    # The sum of y may be off by 1e-6; then p - y is not the gradient, (sum y) p - y is.
    scores, y = np.array([0.5, 2.0]), np.array([0.25, 0.75 + 9e-7])
    gradient = softmax_cross_entropy.gradient(scores, y)
    assert_allclose(gradient, y.sum() * softmax(scores) - y, rtol=0, atol=1e-15)
    assert gradient.sum() == pytest.approx(0, abs=1e-15)


@each_convex_loss
@given(moderate)
def test_gradient_in_the_scores_sums_to_zero(loss, example):
    # A constant added to all scores changes nothing.
    assert loss.gradient(*example).sum() == pytest.approx(0, abs=1e-15)


def test_hinge_subgradient_is_zero_at_margin_1():
    value, gradient = hinge.value_and_gradient([1.0, 0.0], 0)
    assert value == 0
    assert_array_equal(gradient, [0, 0])


def test_hinge_subgradient_goes_to_the_first_of_tied_rivals():
    assert_array_equal(hinge.gradient([0.0, 2.0, 2.0], 0), [-1, 1, 0])


def test_gradient_of_zero_one_is_zero_everywhere():
    assert_array_equal(zero_one.gradient([[1.0, 2.0], [2.0, 2.0]], [0, 1]), np.zeros((2, 2)))


@given(moderate, st.integers(0, 2**32 - 1))
def test_hinge_lies_above_its_tangents(example, seed):
    # What makes it a subgradient, at the kinks too.
    scores, label = example
    value, gradient = hinge.value_and_gradient(scores, label)
    step = np.random.default_rng(seed).normal(0, 5, len(scores))
    assert hinge(scores + step, label) >= value + gradient @ step - 1e-13 * (100 + abs(value))


# --- what the book proves ---------------------------------------------------------------------


def mistake_under_some_rule(scores, label):
    """Whether a rule for ties exists that predicts another class than the true one."""
    return np.delete(scores, label).max() >= scores[label]


@pytest.mark.statement("prop-hinge-bounds-zero-one")
@given(examples())
def test_hinge_bounds_zero_one_exactly_in_floats(example):
    assert zero_one(*example) <= mistake_under_some_rule(*example) <= hinge(*example)


@pytest.mark.statement("prop-hinge-bounds-zero-one")
def test_hinge_bounds_zero_one_by_1_at_a_tie_and_at_infinite_scores_not_at_all():
    assert hinge([0.0, 0.0], 1) == zero_one([0.0, 0.0], 1) == 1
    assert not hinge([INF, INF], 1) >= zero_one([INF, INF], 1)  # it is nan


def test_hinge_bounds_zero_one_for_huge_tied_scores():
    # (1 - s_k) + s_j loses the 1 and gives 0.
    assert hinge([1e17, 1e17], 1) == zero_one([1e17, 1e17], 1) == 1


@pytest.mark.statement("prop-hinge-mistakes")
@given(st.lists(examples(dtypes=[np.float64]), min_size=1, max_size=20))
@hypothesis.example([(np.array([0.0, 2.0**1023]), 0)] * 2)
def test_there_are_at_most_as_many_mistakes_as_the_hinge_sums_to(batch):
    mistakes = sum(mistake_under_some_rule(s, k) for s, k in batch)
    total = sum(exact_hinge(list(s), k) for s, k in batch)
    assert mistakes <= math.floor(total)
    with np.errstate(over="ignore"):  # a sum of huge losses may be inf, which is not below it
        assert mistakes <= np.sum([hinge(s, k) for s, k in batch])


def two_classes_with_margins(m):
    """Scores of which the second class is true; a tie is decided for the first."""
    m = np.array(m, float)
    return np.stack([np.zeros_like(m), m], axis=-1), np.ones(m.shape, int)


@pytest.mark.statement("prop-hinge-mistakes")
@given(st.integers(1, 50), st.floats(0, 1))
def test_as_many_mistakes_as_the_mean_hinge_allows_can_be_made(count, mean):
    mean = round(1024 * mean) / 1024  # every sum is exact
    ties, rest = divmod(count * mean, 1)
    margins = [0.0] * int(ties) + [1 - rest] * (rest > 0)
    batch = two_classes_with_margins(margins + [1.0] * (count - len(margins)))
    assert len(batch[1]) == count
    assert hinge(*batch, "sum") == count * mean
    assert zero_one(*batch, "sum") == math.floor(count * mean)


@pytest.mark.statement("prop-hinge-mistakes")
@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_no_mistake_is_compatible_with_every_mean_hinge_below_1(count, mean):
    mean = math.floor(1024 * mean) / 1024
    batch = two_classes_with_margins([1 - mean] * count)
    assert hinge(*batch, "mean") == mean
    assert zero_one(*batch, "sum") == 0


@pytest.mark.statement("prop-hinge-mistakes")
@given(st.lists(moderate, min_size=1, max_size=5))
@hypothesis.example([(np.array([0.0, 0.0]), 1)])
def test_a_mean_hinge_of_1_or_more_takes_a_mistake_or_a_tie(batch):
    losses = [exact_hinge(list(s), k) for s, k in batch]
    if sum(losses) >= len(batch):
        assert any(mistake_under_some_rule(s, k) for s, k in batch)


@pytest.mark.statement("prop-hinge-mistakes")
def test_above_a_mean_hinge_of_1_the_count_of_examples_is_the_better_bound():
    scores = [[3.0, 0.0]] * 2
    assert hinge(scores, [1, 1], "sum") == 8 > zero_one(scores, [1, 1], "sum") == 2 == len(scores)


def test_mean_hinge_says_how_many_mistakes_there_are_at_most():
    # The bound is met: one of ten is a tie, the rest lead by 1 or more.
    scores = [[0.0, 0.0]] + [[0.0, 1.0]] * 9
    assert hinge(scores, [0] + [1] * 9, "mean") == pytest.approx(0.1)
    assert math.floor(10 * hinge(scores, [1] * 10, "mean")) == 1
    assert accuracy(scores, [1] * 10) == 0.9


def test_mean_hinge_of_099_may_come_without_a_mistake():
    scores = [[0.01, 0.0]] * 100
    assert hinge(scores, [0] * 100, "mean") == pytest.approx(0.99)
    assert accuracy(scores, [0] * 100) == 1


@pytest.mark.statement("prop-ce-bounds-zero-one")
@given(examples())
@hypothesis.example((np.array([0.25, 0.0]), 0))  # right by a little, at less than log 2
def test_cross_entropy_bounds_log_2_times_zero_one(example):
    scores, label = example
    bound = np.log(2) * mistake_under_some_rule(scores, label) * (1 - 4 * eps(scores))
    assert zero_one(scores, label) <= mistake_under_some_rule(scores, label)
    assert softmax_cross_entropy(scores, label) >= bound


@pytest.mark.statement("prop-ce-bounds-zero-one")
@given(distributions(positive=True, dtypes=[np.float64]), st.data())
def test_cross_entropy_of_a_distribution_bounds_log_2_times_zero_one(p, data):
    assume(len(p) > 1)
    label = data.draw(st.integers(0, len(p) - 1))
    loss = cross_entropy(y=one_hot(label, len(p)), p=p)
    assert loss >= np.log(2) * mistake_under_some_rule(p, label) * (1 - 4 * eps(p))


@pytest.mark.statement("prop-ce-bounds-zero-one")
@given(st.floats(1e-12, 0.1))
def test_log_2_is_the_best_factor_between_cross_entropy_and_zero_one(excess):
    # A mistake under every rule, whose loss is as close to log 2 as one likes.
    p = np.array([0.5 + excess, 0.5 - excess])
    assert zero_one(p, 1) == 1
    assert np.log(2) < cross_entropy(y=[0, 1], p=p) < np.log(2) + 3 * excess


@pytest.mark.statement("prop-ce-bounds-zero-one")
@given(st.lists(examples(max_classes=2, whole_range=False), min_size=1, max_size=20))
def test_error_is_at_most_mean_cross_entropy_over_log_2(batch):
    scores, labels = np.array([s for s, _ in batch]), [k for _, k in batch]
    bound = softmax_cross_entropy(scores, labels, "mean") / np.log(2)
    assert 1 - accuracy(scores, labels) <= bound * (1 + 1e-6)


@pytest.mark.statement("prop-convexity")
@each_convex_loss
@given(moderate, st.data(), st.floats(0, 1))
def test_convex_in_the_scores(loss, example, data, t):
    a, label = example
    entry = finite(min_value=-50, max_value=50)
    b = np.array(data.draw(st.lists(entry, min_size=len(a), max_size=len(a))))
    chord = (1 - t) * loss(a, label) + t * loss(b, label)
    assert loss((1 - t) * a + t * b, label) <= chord + 1e-13 * (100 + chord)


@pytest.mark.statement("prop-convexity")
@each_convex_loss
@given(example=moderate, shift=st.integers(-50, 50))
def test_not_strictly_convex_in_the_scores(loss, example, shift):
    # Along the ones vector the loss is constant.
    scores, label = example
    scores = np.round(scores)  # the shift is exact
    assert loss(scores + shift, label) == loss(scores, label)


@pytest.mark.statement("prop-convexity")
@given(st.floats(1e-12, 1), st.floats(1e-12, 1), st.floats(0, 1))
def test_cross_entropy_is_convex_in_the_probability_of_the_true_class(a, b, t):
    def loss(p_true):
        return cross_entropy(y=[1, 0], p=[p_true, 1 - p_true])

    assert loss((1 - t) * a + t * b) <= ((1 - t) * loss(a) + t * loss(b)) * (1 + 1e-12) + 1e-12


@pytest.mark.statement("prop-convexity")
@given(distributions(2, positive=True, dtypes=[np.float64]), st.floats(0, 1), st.data())
def test_cross_entropy_is_convex_in_the_distribution(pair, t, data):
    p, q = pair
    y = one_hot(data.draw(st.integers(0, len(p) - 1)), len(p))
    middle = (1 - t) * p + t * q
    chord = (1 - t) * cross_entropy(y=y, p=p) + t * cross_entropy(y=y, p=q)
    assert cross_entropy(y=y, p=middle) <= chord * (1 + 1e-12) + 1e-12


@pytest.mark.statement("prop-convexity")
@each_convex_loss
def test_not_convex_in_the_weights_of_an_mlp(loss):
    # Scores (-x, x) from two ReLU units; with the units swapped it is the same network.
    first = np.array([[1, -1, 0, 0, -1, 1, 1, -1, 0, 0], [-1, 1, 0, 0, 1, -1, -1, 1, 0, 0]], float)
    net, losses = MLP([1, 2, 2]), []
    for theta in (first[0], first.mean(axis=0), first[1]):
        net.theta[...] = theta
        losses.append(loss(net([[-1.0], [1.0]]), [0, 1], "mean"))
    assert losses[0] == losses[2] < losses[1] - 0.5


@pytest.mark.statement("prop-convexity")
@each_convex_loss
@given(seed=st.integers(0, 2**32 - 1), t=st.floats(0, 1))
def test_convex_in_the_weights_and_biases_of_the_last_layer(loss, seed, t):
    rng = np.random.default_rng(seed)
    net, x, labels = MLP([2, 4, 3], rng=rng), rng.normal(size=(5, 2)), rng.integers(3, size=5)
    ends = rng.normal(scale=3, size=(2, 4 * 3 + 3))

    def at(last):
        net.weights[-1][...] = last[:12].reshape(3, 4)
        net.biases[-1][...] = last[12:]
        return loss(net(x), labels, "mean")

    chord = (1 - t) * at(ends[0]) + t * at(ends[1])
    assert at((1 - t) * ends[0] + t * ends[1]) <= chord + 1e-12 * (1 + chord)


def of_margin(loss, m):
    """The loss of two classes when the true one leads by m."""
    return loss(np.stack([m, np.zeros_like(m)], axis=-1), np.zeros(m.shape, int))


MARGINS = np.linspace(-8, 8, 321)


@pytest.mark.statement("prop-hinge-minimal")
def test_hinge_is_not_the_smallest_convex_bound():
    # max(0, 1 - 2m) is one too, and smaller where 0 < m < 1.
    steeper = of_margin(hinge, 2 * MARGINS)
    assert (steeper >= of_margin(zero_one, MARGINS)).all()
    assert (steeper[(MARGINS > 0) & (MARGINS < 1)] < of_margin(hinge, MARGINS)[161:180]).all()


# Convex functions as the largest of lines (slope, height at 0), all numbers exact.
SIXTEENTHS = [Fraction(i, 16) for i in range(-48, 49)]


def largest(lines, m):
    return max(slope * m + height for slope, height in lines)


def kappa_hinge(kappa, m):
    """The hinge of the scores times kappa."""
    return max(Fraction(0), 1 - kappa * m)


def test_the_hinge_over_the_margin_is_that_of_nnlib():
    for kappa in (0, Fraction(1, 2), 1, 2):
        ours = of_margin(hinge, np.array([float(kappa * m) for m in SIXTEENTHS]))
        assert [kappa_hinge(kappa, m) for m in SIXTEENTHS] == ours.tolist()


@st.composite
def convex_bounds(draw):
    """The lines of a convex function that is at least 0, and at least 1 for m <= 0.

    Any lines will do if they are raised until their lowest value there is 1.
    """
    line = st.tuples(st.integers(-4, 4), st.integers(-4, 4).map(lambda n: Fraction(n, 2)))
    lines = [(0, Fraction(0)), *draw(st.lists(line, min_size=1, max_size=5))]
    if draw(st.booleans()):
        lines.append((-draw(st.integers(0, 4)), Fraction(1)))
    kinks = [Fraction(h - g, a - b) for a, g in lines for b, h in lines if a != b]
    lowest = min(largest(lines, m) for m in [0, *kinks] if m <= 0)
    return [(slope, height + max(0, 1 - lowest)) for slope, height in lines]


@pytest.mark.statement("prop-hinge-minimal")
@given(convex_bounds())
def test_every_convex_bound_lies_above_a_hinge_of_its_own_slope(lines):
    assert all(largest(lines, m) >= (m <= 0) for m in SIXTEENTHS)
    slope = next(slope for slope, height in lines if height == largest(lines, 0))
    kappa = max(0, -slope)
    assert all(largest(lines, m) >= kappa_hinge(kappa, m) for m in SIXTEENTHS)


@pytest.mark.statement("prop-hinge-minimal")
@given(convex_bounds(), st.integers(0, 16).map(lambda n: Fraction(n, 4)))
def test_a_convex_bound_below_a_hinge_somewhere_is_above_it_elsewhere(lines, kappa):
    # So each of the hinges is minimal, and none is smallest.
    below = any(largest(lines, m) < kappa_hinge(kappa, m) for m in SIXTEENTHS)
    places = [Fraction(-1), 1 / kappa if kappa else Fraction(1)]
    assert not below or any(largest(lines, m) > kappa_hinge(kappa, m) for m in places)


def below_every_hinge_somewhere(psi):
    return all(
        any(psi(m) < kappa_hinge(kappa, m) for m in SIXTEENTHS)
        for kappa in [Fraction(n, 4) for n in range(17)]
    )


@pytest.mark.statement("prop-hinge-minimal")
def test_a_bound_that_is_not_convex_and_a_convex_function_that_is_no_bound_pass_below_all_hinges():
    assert below_every_hinge_somewhere(lambda m: Fraction(m <= 0))  # the 0-1 loss itself
    assert below_every_hinge_somewhere(lambda m: max(0, Fraction(1, 2) - m))  # ½ at 0
    assert not below_every_hinge_somewhere(lambda m: max(0, 1 - 3 * m))


@pytest.mark.statement("prop-hinge-minimal")
def test_a_convex_bound_that_does_not_vanish_at_1_may_be_below_the_hinge_left_of_0():
    half = [(0, Fraction(0)), (Fraction(-1, 2), Fraction(1))]
    assert largest(half, 1) == Fraction(1, 2)
    assert all(1 <= largest(half, m) < 1 - m for m in SIXTEENTHS if m < 0)


@pytest.mark.statement("prop-hinge-minimal")
@given(st.integers(1, 16).map(lambda n: 1 + Fraction(1, n)))
def test_a_convex_bound_that_vanishes_at_1_and_is_a_little_steeper_than_1_may_be_below_the_hinge(
    steepness,
):
    # A line from (0, 1) that is 0 at 1/steepness < 1.
    lines = [(0, Fraction(0)), (-steepness, Fraction(1))]
    assert largest(lines, 1) == 0
    assert largest(lines, 1 / steepness) == 0 < kappa_hinge(1, 1 / steepness)


@pytest.mark.statement("prop-hinge-minimal")
@given(st.tuples(st.integers(0, 64), st.integers(0, 64)))
def test_no_hinge_lies_below_another(pair):
    low, high = sorted(Fraction(n, 16) for n in pair)
    assume(low < high)
    assert kappa_hinge(low, -1) < kappa_hinge(high, -1)
    assert kappa_hinge(low, 1 / high) > kappa_hinge(high, 1 / high) == 0


@pytest.mark.statement("prop-hinge-minimal")
@given(st.integers(1, 64).map(lambda n: Fraction(n, 16)))
def test_each_hinge_first_reaches_0_at_one_over_its_slope(kappa):
    # So the hinge, of slope 1, is the one that does at 1.
    first = 1 / kappa
    assert kappa_hinge(kappa, first) == 0 < kappa_hinge(kappa, first - Fraction(1, 1000))


@st.composite
def convex_bounds_that_vanish_at_1(draw, steepest_rise=8):
    """Lines that are not above 0 at m = 1, scaled until the largest is at least 1 at m = 0."""
    line = st.tuples(st.integers(-8, steepest_rise), st.integers(0, 3))
    falling = st.tuples(st.integers(-8, -1), st.just(0))
    lines = [*draw(st.lists(line, max_size=4)), draw(falling), (0, 0)]
    lines = [(slope, Fraction(-slope - below)) for slope, below in lines]
    scale = draw(st.sampled_from([1, Fraction(5, 4), 3])) / largest(lines, 0)
    return [(scale * slope, scale * height) for slope, height in lines]


@pytest.mark.statement("prop-hinge-minimal")
@given(convex_bounds_that_vanish_at_1())
@hypothesis.example([(0, Fraction(0)), (-2, Fraction(1))])  # below the hinge at ½
def test_a_convex_bound_that_vanishes_at_1_is_above_the_hinge_left_of_0(lines):
    assert largest(lines, 1) == 0
    assert all(largest(lines, m) >= max(1 - m, m <= 0) for m in SIXTEENTHS if m <= 0)


@pytest.mark.statement("prop-hinge-minimal")
def test_a_convex_bound_that_vanishes_at_1_may_be_below_the_hinge_right_of_0():
    square = of_margin(hinge, MARGINS) ** 2
    assert (square >= of_margin(zero_one, MARGINS)).all()
    assert (square < of_margin(hinge, MARGINS)).any()


@pytest.mark.statement("prop-hinge-minimal")
@given(convex_bounds_that_vanish_at_1())
@hypothesis.example([(0, 0), (Fraction(-8, 7), 1), (Fraction(-1, 7), Fraction(1, 7))])
def test_a_convex_bound_that_vanishes_at_1_is_below_the_hinge_only_if_steeper(lines):
    below = any(largest(lines, m) < kappa_hinge(1, m) for m in SIXTEENTHS)
    assert not below or max(abs(slope) for slope, _ in lines) > 1


@pytest.mark.statement("prop-hinge-multiclass")
@given(
    st.lists(st.integers(-48, 48).map(lambda n: Fraction(n, 16)), min_size=2, max_size=4),
    st.lists(convex_bounds_that_vanish_at_1(steepest_rise=0), min_size=3, max_size=3),
    st.sampled_from([sum, max]),
)
# Right by ½, where this bound is 0, below the hinge of ½.
@hypothesis.example([Fraction(1, 2), Fraction(0)], [[(0, Fraction(0)), (-2, Fraction(1))]], max)
def test_a_convex_bound_that_ends_at_margin_1_is_above_hinge_on_mistakes(scores, bounds, join):
    # A convex function of each lead over a rival, added up or the largest taken.
    leads = [scores[0] - other for other in scores[1:]]
    bound = join(largest(lines, lead) for lines, lead in zip(bounds, leads, strict=False))
    assert bound >= (min(leads) <= 0)
    assert bound == 0 or min(leads) < 1
    if min(leads) <= 0:
        assert bound >= Fraction(float(hinge([float(s) for s in scores], 0)))


@pytest.mark.statement("prop-hinge-multiclass")
@pytest.mark.parametrize(
    ("of_margin", "lead"),
    [
        # Not at a mistake or a tie: convex, a bound, 0 from margin 1 on, but steep.
        (lambda m: max(0, 1 - 2 * m), Fraction(1, 2)),
        # Not 0 from margin 1 on.
        (lambda m: max(0, 1 - m / 2), Fraction(-1)),
        # Not convex: the 0-1 loss.
        (lambda m: m <= 0, Fraction(-1)),
        # No bound of the 0-1 loss.
        (lambda m: max(0, 1 - m) / 2, Fraction(-1)),
    ],
    ids=["right", "never 0", "not convex", "no bound"],
)
def test_each_condition_on_a_bound_of_several_classes_is_needed(of_margin, lead):
    # Functions of the margin of class 0; the third class is far behind.
    scores = [float(lead), 0.0, -5.0]
    assert of_margin(lead) < hinge(scores, 0)


def test_zero_one_is_not_convex():
    start, middle, end = zero_one([[2.0, 0.0], [-1.0, 0.0], [-4.0, 0.0]], [0, 0, 0])
    assert middle > (start + end) / 2


def test_softmax_before_cross_entropy_is_not_convex():
    start, middle, end = softmax_cross_entropy(softmax([[0.0, 0], [10, 0], [20, 0]]), [1, 1, 1])
    assert middle > (start + end) / 2 + 0.3


@given(examples())
def test_softmax_before_cross_entropy_leaves_only_a_narrow_range(example):
    # From ln(1 + (K - 1) / e), sure and right, to ln(e + K - 1), sure and wrong.
    scores, label = example
    classes, slack = len(scores), 8 * eps(scores)
    loss = softmax_cross_entropy(softmax(scores), label)
    assert np.log1p((classes - 1) / np.e) * (1 - slack) <= loss
    assert loss <= np.log(np.e + classes - 1) * (1 + slack)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_the_ends_of_that_range_are_approached(classes):
    sure = 1000 * one_hot(0, classes)
    right, wrong = softmax_cross_entropy(softmax([sure, sure]), [0, classes - 1])
    assert right == pytest.approx(np.log1p((classes - 1) / np.e), rel=1e-15, abs=0)
    assert wrong == pytest.approx(np.log(np.e + classes - 1), rel=1e-15, abs=0)


def test_softmax_before_cross_entropy_hides_a_sure_mistake_from_the_gradient():
    scores = np.array([20.0, 0.0])

    def doubled(s):
        return softmax_cross_entropy(softmax(s), 1)

    assert np.linalg.norm(softmax_cross_entropy.gradient(scores, 1)) == pytest.approx(np.sqrt(2))
    assert np.linalg.norm(numerical_gradient(doubled, scores)) < 1e-8


@given(distributions(2, positive=True, dtypes=[np.float64]))
def test_cross_entropy_of_scores_is_that_of_their_softmax(pair):
    y, p = pair
    expected = cross_entropy(y=y, p=p)
    assert softmax_cross_entropy(np.log(p), y) == pytest.approx(expected, rel=1e-13, abs=1e-14)


@pytest.mark.statement("prop-hinge-of-distribution")
@given(distributions(dtypes=[np.float64]), st.data())
def test_hinge_of_probabilities_is_zero_only_for_certainty(p, data):
    assume(len(p) > 1)
    label = data.draw(st.integers(0, len(p) - 1))
    loss = hinge(p, label)
    assert loss == pytest.approx(1 - p[label] + np.delete(p, label).max(), abs=4 * eps(p))
    assert loss >= 1 - p[label] - 4 * eps(p)
    assert hinge(one_hot(label, len(p)), label) == 0


@pytest.mark.statement("prop-hinge-of-distribution")
@pytest.mark.parametrize("scores", [[2.0, 0.0], [1.5, 0.25], [0.5, -0.5]])
def test_hinge_of_what_is_no_distribution_may_be_zero_elsewhere(scores):
    assert hinge(scores, 0) == 0 >= 1 - scores[0] + scores[1]


def test_cross_entropy_of_separable_data_falls_on_as_the_scores_grow():
    losses = softmax_cross_entropy(np.outer([1, 10, 100, 700], [1.0, 0.0]), [0] * 4)
    assert (np.diff(losses) < 0).all()
    assert losses[-1] > 0


# --- the numbers of the lecture ----------------------------------------------------------------

SLIDE_PROBABILITIES = np.array(
    [
        [0.3275, 0.4101, 0.2624],
        [0.3724, 0.3478, 0.2798],
        [0.2729, 0.4804, 0.2467],
        [0.2259, 0.5482, 0.2259],
    ]
)
SLIDE_LABELS = np.array([2, 0, 0, 1])


def test_hinge_of_the_slide_is_155():
    assert hinge([0.7, 0.15, 0.15], 1) == pytest.approx(1.55, rel=1e-15, abs=0)


def test_the_printed_loss_of_the_slide_is_that_of_a_double_softmax():
    loss = softmax_cross_entropy(SLIDE_PROBABILITIES, SLIDE_LABELS, "mean")
    assert loss.round(4) == 1.0730


def test_the_true_loss_of_the_printed_probabilities_is_lower():
    y = one_hot(SLIDE_LABELS, 3)
    assert cross_entropy(y=y, p=SLIDE_PROBABILITIES).mean().round(4) == 1.0564
    logits = np.log(SLIDE_PROBABILITIES)
    assert softmax_cross_entropy(logits, SLIDE_LABELS, "mean").round(4) == 1.0564


def test_multi_margin_loss_of_torch_is_another_loss():
    torch = pytest.importorskip("torch")
    p = torch.tensor([[0.7, 0.15, 0.15]], dtype=torch.float64)
    theirs = torch.nn.functional.multi_margin_loss(p, torch.tensor([1]))
    assert float(theirs) == pytest.approx(0.85)


def test_hinge_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, labels = batch_for(hinge, (200, 5))
    theirs = metrics.hinge_loss(labels, scores, labels=range(5))
    assert hinge(scores, labels, "mean") == pytest.approx(theirs, rel=1e-13, abs=0)


# --- infinities, masks, ties and NaN -----------------------------------------------------------


def test_zero_one_takes_the_first_of_ties():
    assert_array_equal(zero_one([[1.0, 1.0], [1.0, 1.0]], [0, 1]), [0, 1])
    assert accuracy([[1.0, 1.0], [1.0, 1.0]], [0, 1]) == 0.5


@each_dtype
@pytest.mark.parametrize(
    ("scores", "label", "mistake", "lag", "surprise"),
    [
        pytest.param([INF, 0], 0, 0, 0, 0, id="sure and right"),
        pytest.param([INF, 0], 1, 1, INF, INF, id="sure and wrong"),
        pytest.param([-INF, 0], 1, 0, 0, 0, id="the other class is masked"),
        pytest.param([-INF, 0], 0, 1, INF, INF, id="the true class is masked"),
        pytest.param([INF, INF], 1, 1, NAN, NAN, id="two +inf"),
        pytest.param([-INF, -INF], 1, 1, NAN, NAN, id="all masked"),
        pytest.param([NAN, 0], 0, NAN, NAN, NAN, id="nan at the true class"),
        pytest.param([NAN, 0], 1, NAN, NAN, NAN, id="nan at another"),
        pytest.param([NAN, INF], 1, NAN, NAN, NAN, id="nan beside inf"),
    ],
)
def test_infinite_scores_and_nan(scores, label, mistake, lag, surprise, dtype):
    # The second example must not notice.
    batch, labels = np.array([scores, [3, 0]], dtype), [label, 0]
    with quietly():
        assert_array_equal(zero_one(batch, labels), [mistake, 0])
        assert_array_equal(hinge(batch, labels), [lag, 0])
        result = softmax_cross_entropy(batch, labels)
        as_rows = softmax_cross_entropy(batch, one_hot(labels, 2))
    assert_array_equal(result[0], surprise)
    assert_array_equal(as_rows[0], surprise)
    assert np.isfinite([result[1], as_rows[1]]).all()


@each_convex_loss
def test_gradient_of_a_sure_mistake_is_finite(loss):
    with quietly():
        assert_array_equal(loss.gradient([INF, 0.0], 1), [1, -1])
        assert_array_equal(loss.gradient([-INF, 0.0], 0), [-1, 1])


@each_convex_loss
def test_nan_reaches_the_gradient_of_its_own_example_only(loss):
    with quietly():
        gradient = loss.gradient([[NAN, 0.0], [1.0, 0.0]], [1, 1])
    assert_array_equal(np.isnan(gradient).any(axis=-1), [True, False])


def test_squared_error_passes_nan_and_infinity():
    with quietly():
        assert_array_equal(squared_error([[NAN], [INF], [1.0]], [[0.0]] * 3), [NAN, INF, 0.5])
        assert np.isnan(squared_error([0.0], [NAN]))
        assert np.isnan(squared_error([INF], [INF]))


def test_a_masked_class_without_weight_counts_nothing():
    with quietly():
        value, gradient = softmax_cross_entropy.value_and_gradient([-INF, 1.0, 0.0], [0, 0.5, 0.5])
    assert value == pytest.approx(softmax_cross_entropy([1.0, 0.0], [0.5, 0.5]), rel=1e-15, abs=0)
    assert gradient[0] == 0


def test_a_masked_class_with_weight_is_an_infinite_loss():
    with quietly():
        assert softmax_cross_entropy([-INF, 1.0], [0.5, 0.5]) == INF


def test_no_loss_is_minus_zero():
    # It would print as -0.0.
    for loss, labels in [(hinge, 0), (softmax_cross_entropy, 0), (softmax_cross_entropy, [1, 0])]:
        value, gradient = loss.value_and_gradient([1000.0, 0.0], labels)
        assert not np.signbit(value)
        assert not (np.signbit(gradient) & (gradient == 0)).any()


@each_dtype
@each_loss
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_overflow_gives_infinity_without_a_warning(loss, reduction, dtype):
    top = np.finfo(dtype).max
    scores = np.array([[top, -top], [top, -top]])
    labels = np.zeros((2, 2)) if KINDS[loss.name] == "numbers" else [1, 1]
    with quietly():
        value, gradient = loss.value_and_gradient(scores, labels, reduction)
    assert (value == INF).all() or loss is zero_one
    assert np.isfinite(gradient).all()


@each_dtype
def test_a_sum_beyond_the_float_range_is_infinite_without_a_warning(dtype):
    scores = np.array([[np.finfo(dtype).max, 0]] * 2, dtype)
    with quietly():
        assert hinge(scores, [1, 1], "sum") == INF
        assert np.isfinite(hinge(scores / 4, [1, 1], "sum"))


def test_a_mean_of_the_largest_float32_losses_is_no_sum_beyond_them():
    scores = np.array([[np.finfo(np.float32).max, 0]] * 2, np.float32)
    with quietly():
        assert hinge(scores, [1, 1], "mean") == scores[0, 0]


def test_targets_beyond_float32_are_infinite_without_a_warning():
    with quietly():
        assert squared_error(np.float32([1]), [1e300]) == INF


# --- labels -----------------------------------------------------------------------------------


@each_classification_loss
@given(examples())
def test_one_hot_rows_are_the_same_as_class_indices(loss, example):
    scores, label = example
    for row in (one_hot(label, len(scores)), one_hot(label, len(scores)).astype(bool)):
        for by_row, by_index in zip(
            loss.value_and_gradient(scores, row),
            loss.value_and_gradient(scores, label),
            strict=True,
        ):
            assert_allclose(by_row, by_index, rtol=1e-15, atol=eps(scores))


@each_classification_loss
@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32, np.uint64])
def test_labels_may_be_integers_of_any_kind(loss, kind):
    scores, labels = batch_for(loss)
    assert_array_equal(loss(scores, labels.astype(kind)), loss(scores, labels))


@each_classification_loss
@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([0, 3], ValueError, r"labels must lie in 0\.\.2 for 3 classes, got 3"),
        ([-1, 0], ValueError, r"labels must lie in 0\.\.2 for 3 classes, got -1"),
        ([0.0, 1.0], TypeError, r"labels must be integers .*, got dtype float64"),
        ([True, False], TypeError, r"labels must be integers .*, got dtype bool"),
        (["a", "b"], TypeError, r"labels must be integers .*, got dtype <U1"),
        ([0, 1, 2], ValueError, r"labels must have shape \(2,\) .* or \(2, 3\).*, got \(3,\)"),
        ([[0], [1]], ValueError, r"labels must have shape \(2,\) .* or \(2, 3\).*, got \(2, 1\)"),
        (0, ValueError, r"labels must have shape \(2,\) .* or \(2, 3\).*, got \(\)"),
        (None, TypeError, "labels must be integers .*, got dtype object"),
        ([[1, 0, 0], [1, 0]], ValueError, "labels must be a rectangular array"),
        ([["a"] * 3] * 2, TypeError, "labels must .*, got dtype <U1"),
        ([[1, 1, 0], [1, 0, 0]], ValueError, "labels .*(one-hot rows|sum to 1)"),
        ([[0, 0, 0], [1, 0, 0]], ValueError, "labels .*(one-hot rows|sum to 1)"),
        ([[2, -1, 0], [1, 0, 0]], ValueError, "labels .*(one-hot rows|not be negative)"),
    ],
)
def test_bad_labels_are_told_plainly(loss, labels, error, words):
    with pytest.raises(error, match=words):
        loss(np.zeros((2, 3)), labels)


@pytest.mark.parametrize("loss", [zero_one, hinge], ids=repr)
@pytest.mark.parametrize("soft", [[0.5, 0.5], [NAN, 1.0], [0.9, 0.1]])
def test_soft_labels_are_for_cross_entropy_alone(loss, soft):
    with pytest.raises(ValueError, match="one-hot rows.*only softmax_cross_entropy takes soft"):
        loss([1.0, 2.0], soft)


@pytest.mark.parametrize("labels", [[0, 0], [[0.0], [1.0]], 0, np.zeros((1, 2, 2))])
def test_squared_error_does_not_broadcast(labels):
    words = r"the shape \(2, 2\) of scores, got .*; for one output .* targets to \(batch, 1\)$"
    with pytest.raises(ValueError, match="^labels of squared_error must have " + words):
        squared_error(np.zeros((2, 2)), labels)


@pytest.mark.parametrize("labels", [["a", "b"], [1j, 0]])
def test_squared_error_refuses_targets_that_are_no_numbers(labels):
    with pytest.raises(TypeError, match="labels must hold real numbers, got dtype"):
        squared_error([0.0, 0.0], labels)


# --- scores, shapes and reductions -------------------------------------------------------------


@each_loss
@pytest.mark.parametrize(
    ("scores", "error", "words"),
    [
        ("abc", TypeError, "scores must hold real numbers, got dtype <U3"),
        ([1j, 0], TypeError, "scores must hold real numbers, got dtype complex128"),
        (None, TypeError, "scores must hold real numbers, got dtype object"),
        ([[1.0], [1.0, 2.0]], ValueError, "scores must be a rectangular array"),
        (1.0, ValueError, "scores must have a class axis, got a single number"),
        (np.zeros((2, 0)), ValueError, r"scores has an empty class axis: its shape is \(2, 0\)"),
    ],
)
def test_bad_scores_are_told_plainly(loss, scores, error, words):
    with pytest.raises(error, match=words):
        loss(scores, 0)


def test_hinge_needs_a_rival():
    with pytest.raises(
        ValueError, match=r"at least 2 classes on the last axis, got shape \(3, 1\)"
    ):
        hinge(np.zeros((3, 1)), [0, 0, 0])


@each_loss
@pytest.mark.parametrize("reduction", ["average", "", None, 0, "Mean"])
def test_an_unknown_reduction_is_told_plainly(loss, reduction):
    with pytest.raises(
        ValueError, match=f'reduction must be "none", "mean" or "sum", got {reduction!r}'
    ):
        loss(*batch_for(loss), reduction)


@each_dtype
@each_loss
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3), (0, 3), (2, 0, 3)])
def test_shape_and_dtype_are_kept(loss, dtype, shape):
    batch = batch_for(loss, shape, dtype)
    value, gradient = loss.value_and_gradient(*batch)
    assert value.shape == shape[:-1]
    assert gradient.shape == shape
    assert value.dtype == gradient.dtype == dtype
    total, gradient = loss.value_and_gradient(*batch, "sum")
    assert total.shape == ()
    assert gradient.shape == shape
    assert total.dtype == gradient.dtype == dtype


@each_dtype
def test_the_scores_alone_decide_the_dtype(dtype):
    scores = np.zeros((2, 3), dtype)
    for other in (np.float32, np.float64, np.int64):
        y = np.eye(3)[:2].astype(other)
        for loss in LOSSES.values():
            assert loss(scores, y).dtype == loss.gradient(scores, y).dtype == dtype


@each_loss
def test_integer_scores_become_float64(loss):
    scores = [[3, 0, 1], [0, 2, 2]]
    labels = np.eye(3)[:2]
    assert loss(scores, labels).dtype == np.float64
    assert_array_equal(loss(scores, labels), loss(np.array(scores, float), labels))


@each_loss
@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 40, 3), (5, 40), (50, 2)])
def test_a_batch_is_what_its_examples_are(loss, shape):
    # Few classes of many examples are worked on in another layout than the others.
    scores, labels = batch_for(loss, shape)
    odd = [[INF, 0], [-INF, 0], [INF, INF], [NAN, 0], [1e308, -1e308]]
    scores[(0,) * (len(shape) - 2)][: len(odd), :2] = odd[: shape[-2]]
    with quietly():
        value, gradient = loss.value_and_gradient(scores, labels)
        for i in np.ndindex(scores.shape[:-1]):
            alone = loss.value_and_gradient(scores[i], labels[i])
            assert_allclose(value[i], alone[0], rtol=1e-14, atol=1e-15)
            assert_allclose(gradient[i], alone[1], rtol=1e-14, atol=1e-15)


@each_loss
@pytest.mark.parametrize("shape", [(2, 4, 3), (40, 3)])
def test_the_layout_in_memory_does_not_matter(loss, shape):
    scores, labels = batch_for(loss, shape)
    expected = loss.value_and_gradient(scores, labels, "mean")
    for s in layouts(scores):  # read-only: writing to the input would raise
        for y in layouts(labels):
            result = loss.value_and_gradient(s, y, "mean")
            assert_allclose(result[0], expected[0], rtol=1e-14)
            assert_allclose(result[1], expected[1], rtol=1e-14)
            assert not np.shares_memory(result[1], s)
            assert not np.shares_memory(result[1], y)


@each_dtype
@each_loss
def test_reductions_put_values_and_gradients_together(loss, dtype):
    batch = batch_for(loss, dtype=dtype)
    value, gradient = loss.value_and_gradient(*batch)
    rtol = 4 * np.finfo(dtype).eps
    for reduction, size in [("sum", 1), ("mean", value.size)]:
        total, total_gradient = loss.value_and_gradient(*batch, reduction)
        assert_allclose(total, value.sum(dtype=float) / size, rtol=rtol)
        assert_allclose(total_gradient, gradient / size, rtol=rtol)


@each_loss
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_value_and_gradient_are_the_same_apart_and_together(loss, reduction):
    batch = batch_for(loss)
    value, gradient = loss.value_and_gradient(*batch, reduction)
    assert_array_equal(loss(*batch, reduction), value)
    assert_array_equal(loss.gradient(*batch, reduction), gradient)


@each_loss
def test_reduction_is_none_unless_asked_for(loss):
    batch = batch_for(loss)
    assert_array_equal(loss(*batch), loss(*batch, reduction="none"))


@each_loss
def test_gradient_of_the_mean_is_the_derivative_of_the_mean(loss):
    scores, labels = batch_for(loss, (5, 3))
    direction = np.random.default_rng(1).normal(size=scores.shape)
    slope = difference(lambda t: loss(scores + t * direction, labels, "mean"))
    assert (loss.gradient(scores, labels, "mean") * direction).sum() == pytest.approx(slope)


def test_the_mean_of_a_large_float32_batch_keeps_its_digits():
    scores = np.zeros((300_000, 2), np.float32)
    mean = softmax_cross_entropy(scores, np.zeros(len(scores), int), "mean")
    assert mean == pytest.approx(np.float32(np.log(2)), rel=1e-7, abs=0)


def test_cross_entropy_of_many_classes_takes_no_memory_but_for_the_gradient():
    scores, labels = batch_for(softmax_cross_entropy, (500, 1000))
    peak = peak_memory(lambda: softmax_cross_entropy.value_and_gradient(scores, labels))
    assert peak < 1.1 * scores.nbytes


@each_loss
def test_the_sum_of_no_examples_is_zero(loss):
    assert loss(*batch_for(loss, (0, 3)), "sum") == 0


@each_loss
def test_the_mean_of_no_examples_is_refused(loss):
    with pytest.raises(ValueError, match='"mean" needs at least one example, got none'):
        loss(*batch_for(loss, (0, 3)), "mean")


# --- the objects ------------------------------------------------------------------------------


def test_every_loss_has_its_kind_of_labels():
    assert KINDS.keys() == LOSSES.keys(), "the rows of KINDS (left) and LOSSES differ"


def test_the_registry_cannot_be_written_to():
    with pytest.raises(TypeError):
        operator.setitem(LOSSES, "mine", hinge)


@each_loss
def test_a_loss_says_what_it_is(loss):
    assert repr(loss) == f"<loss {loss.name}>"
    assert loss.formula.count("{") == loss.formula.count("}")


def test_a_loss_of_ones_own_gets_the_reductions():
    class Lead(Loss):
        """Minus the score of the true class."""

        name, formula = "lead", "-s_k"

        def prepare(self, scores, labels):
            return hinge.prepare(scores, labels)

        def per_example(self, scores, labels):
            gradient = -np.eye(scores.shape[-1])[labels]
            return (gradient * scores).sum(axis=-1), gradient

    value, gradient = Lead().value_and_gradient([[1.0, 2.0], [3.0, 4.0]], [0, 1], "mean")
    assert value == -2.5
    assert_array_equal(gradient, [[-0.5, 0], [0, -0.5]])


@given(st.lists(examples(max_classes=2, whole_range=False), min_size=1, max_size=20))
def test_accuracy_is_the_share_of_right_predictions(batch):
    scores, labels = np.array([s for s, _ in batch]), [k for _, k in batch]
    right = sum(int(s.argmax() == k) for s, k in batch)
    assert accuracy(scores, labels) == pytest.approx(right / len(batch), abs=1e-6)
    assert isinstance(accuracy(scores, labels), float)


def test_accuracy_of_nan_scores_is_nan():
    assert math.isnan(accuracy([[NAN, 1.0]], [1]))


def test_accuracy_of_no_examples_is_refused():
    with pytest.raises(ValueError, match="needs at least one example"):
        accuracy(np.zeros((0, 3)), np.zeros(0, int))


@given(rows(dtypes=[np.float64]))
def test_cross_entropy_of_every_label_is_minus_log_softmax(scores):
    batch = np.tile(scores, (len(scores), 1))
    assert_array_equal(softmax_cross_entropy(batch, np.arange(len(scores))), -log_softmax(scores))


# --- the forms of the book ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (64, 10), (3, 33), (40, 100)], ids=str)
@each_dtype
def test_cross_entropy_and_its_gradient_are_minus_log_p_and_p_minus_y(shape, dtype):
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=3, size=shape).astype(dtype)
    labels = rng.integers(0, shape[1], shape[0])
    p = softmax(scores)
    y = np.eye(shape[1], dtype=dtype)[labels]
    value, gradient = softmax_cross_entropy.value_and_gradient(scores, labels)
    assert_allclose(value, -np.log(p[y == 1]), rtol=16 * eps(scores), atol=16 * eps(scores))
    assert_allclose(gradient, p - y, atol=4 * eps(scores))


# --- the ends of the float range ------------------------------------------------------------------

ends = st.sampled_from(["float32", "float64"]).map(lambda name: np.finfo(name))


def at_the_ends(info):
    """Scores that are further apart than a float can say, and others."""
    near = st.builds(
        lambda sign, part, power: sign * part * float(info.max) * 2.0**-power,
        st.sampled_from([-1, 1]),
        st.floats(0.5, 1),
        st.integers(0, 1),
    )
    most = float(info.max)
    return st.lists(st.one_of(near, st.floats(-9, 9)), max_size=2).map(
        lambda row: np.array([*row, 0.9 * most, -0.8 * most], info.dtype)
    )


@given(ends.flatmap(at_the_ends), st.data())
def test_soft_cross_entropy_reaches_the_end_of_the_float_range(scores, data):
    weights = data.draw(
        st.lists(st.floats(0, 1), min_size=len(scores), max_size=len(scores)).filter(any)
    )
    y = (np.array(weights) / sum(weights)).astype(scores.dtype)
    value = softmax_cross_entropy([scores], [y])[0]
    with mpmath.workdps(1200):
        s, t = ([mpmath.mpf(float(v)) for v in row] for row in (scores, y))
        log_sum = max(s) + mpmath.log(mpmath.fsum(mpmath.exp(v - max(s)) for v in s))
        true = mpmath.fsum(b * (log_sum - a) for a, b in zip(s, t, strict=True))
        if true <= 0.999 * float(np.finfo(scores.dtype).max):
            assert abs(mpmath.mpf(float(value)) - true) <= 8 * eps(scores) * max(1, true)


LARGEST = float(np.finfo(np.float64).max)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_cross_entropy_of_scores_at_both_ends_is_finite(dtype, sign):
    most = np.finfo(dtype).max
    scores = np.array([[sign * most, -sign * most]], dtype)
    value, gradient = softmax_cross_entropy.value_and_gradient(scores, np.full((1, 2), 0.5, dtype))
    assert value == most
    assert_array_equal(gradient, [[0.5 * sign, -0.5 * sign]])
    assert softmax_cross_entropy(scores, [[0.0, 1.0][::sign]]) == np.inf  # 2 * most
    assert softmax_cross_entropy([[0.0, -np.inf]], [[0.5, 0.5]]) == np.inf


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("loss", "scores", "label", "each"),
    [
        (hinge, [LARGEST, 0.0], 1, LARGEST),
        (softmax_cross_entropy, [LARGEST, 0.0], 1, LARGEST),
        (softmax_cross_entropy, [LARGEST, -LARGEST], [0.5, 0.5], LARGEST),
        (squared_error, [1.5e154], [0.0], 1.125e308),
    ],
)
def test_a_mean_of_losses_near_the_largest_float_is_none_of_infinity(
    loss, scores, label, each, count
):
    value = loss([scores] * count, [label] * count, "mean")
    assert value == pytest.approx(each, rel=1e-15)
    assert np.isfinite(value)


def test_a_mean_with_an_infinite_loss_is_infinite():
    assert hinge([[LARGEST, 0.0], [INF, 0.0]], [1, 1], "mean") == INF


# --- losses of one's own -------------------------------------------------------------------------


class Mine(Loss):
    """Returns what it is told."""

    name, formula = "mine", "?"

    def __init__(self, result):
        self.result = result

    def per_example(self, scores, labels):
        return self.result(scores, labels)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_loss_whose_gradient_is_its_argument_leaves_the_scores_alone(reduction):
    scores = np.ones((2, 3))
    mine = Mine(lambda s, k: (s.sum(axis=1), s))
    gradient = mine.gradient(scores, [0, 1], reduction)
    gradient += 1
    assert_array_equal(scores, 1)
    assert_array_equal(gradient, 1.5 if reduction == "mean" else 2)


def test_a_gradient_that_a_loss_keeps_is_left_alone():
    kept = np.ones((2, 3))
    mine = Mine(lambda s, k: (s.sum(axis=1), kept))
    for _ in range(2):
        assert_array_equal(mine.gradient(np.ones((2, 3)), [0, 1], "mean"), 0.5)
    assert_array_equal(kept, 1)


def test_a_loss_that_writes_into_its_arguments_is_refused_and_changes_nothing():
    scores, labels = np.ones((2, 3)), np.array([0, 1])
    for i in range(2):

        def writing(*arguments, i=i):
            arguments[i][...] = 0

        with pytest.raises(ValueError, match="read-only"):
            Mine(writing)(scores, labels)
    assert_array_equal(scores, 1)
    assert labels.tolist() == [0, 1]


def test_a_loss_of_ones_own_may_count_in_any_numbers():
    mine = Mine(lambda s, k: ((s > 0).sum(axis=1), s > 0))
    value, gradient = mine.value_and_gradient(np.ones((2, 4), np.float32), [0, 1], "mean")
    assert (value, value.dtype, gradient.dtype) == (4, np.float32, np.float32)
    assert_array_equal(gradient, 0.5)


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (lambda s, k: (s.sum(), s), ValueError, r"losses of Mine .*\(2,\), got \(\)"),
        (lambda s, k: (s, s), ValueError, r"losses of Mine .*\(2,\), got \(2, 3\)"),
        (lambda s, k: (s[:, 0], s[0]), ValueError, r"gradients of .*\(2, 3\), got \(3,\)"),
        (lambda s, k: (s[:, 0], None), TypeError, "gradients of Mine .*NoneType"),
        (lambda s, k: (s[:, 0] * 1j, s), TypeError, "losses of Mine .*complex128"),
    ],
)
def test_a_loss_that_returns_what_is_none_is_told_plainly(result, error, words):
    with pytest.raises(error, match=words):
        Mine(result)(np.ones((2, 3)), [0, 1], "mean")


def test_no_labels_for_no_scores_may_be_an_empty_list():
    assert zero_one(np.zeros((0, 3)), []).shape == (0,)
