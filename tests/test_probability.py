"""nnlib.probability against exact values, SciPy, torch, and the laws of information."""

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    cross_entropy,
    entropy,
    kl_divergence,
    log_softmax,
    log_sum_exp,
    softmax,
    softmax_cross_entropy,
)
from nnlib._blocks import subtract_maximum

from .oracles import (
    assert_close,
    difference,
    distributions,
    each_dtype,
    eps,
    exact,
    exact_log_softmax,
    exact_softmax,
    given,
    layouts,
    numerical_gradient,
    one_against_many,
    peak_memory,
    quietly,
    rows,
)

OF_SCORES = {f.__name__: f for f in (softmax, log_softmax, log_sum_exp)}
OF_TWO = {f.__name__: f for f in (cross_entropy, kl_divergence)}
# Every function of one argument; of the two of a pair, the second is a fixed distribution.
OF_DISTRIBUTIONS = {
    "entropy": entropy,
    "cross_entropy": lambda y, axis=-1: cross_entropy(y=y, p=y, axis=axis),
    "kl_divergence": lambda y, axis=-1: kl_divergence(y=y, p=y[..., ::-1], axis=axis),
}
each_of_scores = pytest.mark.parametrize("function", OF_SCORES.values(), ids=OF_SCORES)
each_of_two = pytest.mark.parametrize("function", OF_TWO.values(), ids=OF_TWO)
each_function = pytest.mark.parametrize(
    "function",
    [*OF_SCORES.values(), *OF_DISTRIBUTIONS.values()],
    ids=[*OF_SCORES, *OF_DISTRIBUTIONS],
)


def some_distributions(shape=(2, 4, 3), dtype=np.float64, axis=-1):
    """Distributions along `axis`, which are good scores as well."""
    weights = np.random.default_rng(0).uniform(0.1, 1, shape)
    return (weights / weights.sum(axis=axis, keepdims=True)).astype(dtype)


# --- softmax, log-softmax and log-sum-exp: exact values ----------------------------------------


@given(rows())
def test_softmax_is_exact_over_the_whole_range(a):
    if a.dtype == np.float64:
        bar = 1e-12
    else:
        bar = (8 + np.minimum(a.max().astype(float) - a, 1e3)) * eps(a)
    with quietly():
        assert_close(softmax(a), exact_softmax(a), relative=bar)


@given(rows())
def test_log_softmax_is_exact_over_the_whole_range(a):
    expected = exact_log_softmax(a)
    with quietly():
        result = log_softmax(a)
    bar = [4 * eps(a) * float(min(max(1, abs(t)), np.finfo(a.dtype).max)) for t in expected]
    assert_close(result, expected, absolute=bar)
    if a.dtype == np.float64:
        top = a.argmax()
        assert_close(result[top], [expected[top]], relative=1e-12)


@given(rows())
def test_log_sum_exp_is_exact_over_the_whole_range(a):
    with mpmath.workdps(400):  # the largest and the smallest float in one sum
        expected = max(exact(a)) - max(exact_log_softmax(a))
    with quietly():
        assert_close(log_sum_exp(a), [expected], 4 * eps(a), 4 * eps(a))


@pytest.mark.parametrize("shape", [(1, 2), (40, 2), (40, 3), (2, 40), (40, 40)])
@given(lead=st.floats(1, 700))
def test_top_entry_of_log_softmax_keeps_its_digits(lead, shape):
    # The textbook form is 0 from 37 on.
    a = np.zeros(shape)
    a[:, -1] = lead
    expected = -np.log1p((shape[1] - 1) * np.exp(-lead))
    assert_allclose(log_softmax(a)[:, -1], expected, rtol=1e-12)


@each_dtype
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("classes", [9, 27, 32, 55, 1000])
def test_rounding_does_not_pile_up_over_the_classes(classes, order, dtype):
    scores, log_p = one_against_many(classes, dtype)
    a, log_p = np.asarray(scores, order=order), [t for pair in log_p for t in pair]
    bar = 4 * eps(a) * np.array([max(1, float(-t)) for t in log_p])
    assert_close(log_softmax(a)[:, :2].ravel(), log_p, absolute=bar)
    assert_close(log_sum_exp(a), [-t for t in log_p[::2]], absolute=bar[::2])
    if dtype == np.float32:
        bar = (8 + a.max(axis=1, keepdims=True) - a)[:, :2].ravel() * eps(a)
    else:
        bar = 1e-12
    assert_close(softmax(a)[:, :2].ravel(), [mpmath.exp(t) for t in log_p], relative=bar)


@pytest.mark.parametrize("axis", [0, 1])
def test_rounding_of_entropy_and_kl_does_not_pile_up_either(axis):
    y, p = np.full((2, 7, 7000), 1 / 7000)
    p[:, 0] *= 2
    p[:, 1] = 0.5 / 7000
    p[:, 2] = 0.5 / 7000
    y, p = (np.moveaxis(x, 1, axis) for x in (y, p))
    row, model = (np.moveaxis(x, axis, 1)[0] for x in (y, p))
    for result, truth in [
        (entropy(y, axis=axis), exact_cross_entropy(row, row)),
        (cross_entropy(y=y, p=p, axis=axis), exact_cross_entropy(row, model)),
        (kl_divergence(y=y, p=p, axis=axis), exact_kl(row, model)),
    ]:
        for entry in result:
            assert_measure(entry, truth, np.float64)


@pytest.mark.parametrize("order", ["C", "F"])
def test_many_classes_cost_float32_no_digits(order):
    a = np.random.default_rng(0).normal(size=(3, 50257)).astype(np.float32)
    wide = a.astype(np.float64)
    a = np.asarray(a, order=order)
    steps = 8 + wide.max(axis=-1, keepdims=True) - wide
    error = np.abs(softmax(a) / softmax(wide) - 1)
    assert (error <= steps * eps(a)).all()
    assert_allclose(log_softmax(a), log_softmax(wide), rtol=4 * eps(a))
    assert_allclose(log_sum_exp(a.T, axis=0), log_sum_exp(wide), rtol=4 * eps(a))


@given(rows())
def test_softmax_is_a_distribution(a):
    p = softmax(a)
    assert (p >= 0).all()
    assert p.sum(dtype=np.float64) == pytest.approx(1, abs=8 * eps(a))


@given(rows())
def test_log_softmax_is_never_positive(a):
    assert (log_softmax(a) <= 0).all()


@given(rows())
def test_softmax_keeps_the_order(a):
    assert (np.diff(softmax(np.sort(a))) >= 0).all()


@pytest.mark.statement("prop-lse-bounds")
@given(rows())
def test_log_sum_exp_lies_between_the_maximum_and_log_classes_above(a):
    top = float(a.max())
    assert 0 <= log_sum_exp(a) - top <= np.log(len(a)) + 4 * eps(a) * max(1, abs(top))


@pytest.mark.statement("prop-softmax-shift")
@given(rows(whole_range=False), st.floats(-1e6, 1e6, width=32))
def test_a_constant_added_to_all_scores_changes_nothing(a, c):
    # Adding c rounds the scores, by at most eps |c + a| / 2.
    tolerance = eps(a) * (abs(c) + 64)
    assert_allclose(softmax(a + a.dtype.type(c)), softmax(a), rtol=0, atol=tolerance)
    assert_allclose(log_softmax(a + a.dtype.type(c)), log_softmax(a), rtol=0, atol=2 * tolerance)


@pytest.mark.statement("prop-softmax-shift")
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6), st.integers(-(10**6), 10**6))
def test_a_whole_constant_added_to_whole_scores_changes_no_bit(a, c):
    for function in (softmax, log_softmax):
        assert_array_equal(function(np.array(a) + c), function(a))


@pytest.mark.statement("prop-lse-convex")
@given(rows(whole_range=False, dtypes=[np.float64]))
def test_softmax_is_the_gradient_of_log_sum_exp(a):
    assert_allclose(numerical_gradient(log_sum_exp, a), softmax(a), rtol=0, atol=1e-10)


@pytest.mark.statement("prop-softmax-shift")
@given(rows(whole_range=False, dtypes=[np.float64]))
def test_softmax_determines_the_scores_but_for_a_constant(a):
    p = softmax(a)
    assert_allclose(np.log(p / p[0]), a - a[0], rtol=0, atol=1e-12)


@pytest.mark.statement("prop-safe-shift")
@given(rows())
def test_below_their_maximum_exponentials_and_their_sum_are_bounded(a):
    shifted = a[:, np.newaxis].copy()
    with quietly():
        subtract_maximum(shifted)
        e = np.exp(shifted)
    assert (e <= 1).all()
    assert 1 <= e.sum() <= len(a)
    assert shifted.max() == 0


@pytest.mark.statement("prop-safe-shift")
@pytest.mark.parametrize("level", [np.min, np.mean])
def test_below_another_level_exponentials_and_their_sum_pass_the_bounds(level):
    a = np.array([0.0, 1.0, 5.0])
    e = np.exp(a - level(a))
    assert e.max() > 1
    assert e.sum() > len(a)


@pytest.mark.statement("prop-lse-bounds")
@given(st.lists(st.integers(-30, 30), min_size=1, max_size=6))
def test_log_sum_exp_reaches_its_bounds_for_equal_scores_and_for_one_class_only(a):
    # Its lead over the maximum, without the rounding of a difference.
    lead = -log_softmax(np.array(a)).max()
    if len(set(a)) == 1:
        assert lead == pytest.approx(np.log(len(a)), rel=1e-15)
    else:  # one score at least is lower, by 1 or more
        assert lead < np.log(len(a) - 1 + np.exp(-0.99))
    assert (lead == 0) == (len(a) == 1)


@pytest.mark.statement("prop-lse-convex")
@given(rows(whole_range=False, dtypes=[np.float64]))
def test_the_hessian_of_log_sum_exp_is_the_covariance_of_a_class(a):
    p = softmax(a)
    hessian = [numerical_gradient(lambda s, i=i: softmax(s)[i], a) for i in range(len(a))]
    assert_allclose(hessian, np.diag(p) - np.outer(p, p), rtol=0, atol=1e-10)


pairs_of_rows = st.integers(1, 6).flatmap(
    lambda classes: arrays(np.float64, (2, classes), elements=st.floats(-50, 50))
)


@pytest.mark.statement("prop-lse-convex")
@given(pairs_of_rows, st.floats(0, 1))
def test_log_sum_exp_is_convex(pair, t):
    a, b = pair
    assert log_sum_exp(t * a + (1 - t) * b) <= t * log_sum_exp(a) + (1 - t) * log_sum_exp(b) + 1e-13


@pytest.mark.statement("prop-ce-gradient")
@given(pairs_of_rows, st.floats(0, 1))
def test_gradient_of_cross_entropy_is_the_sum_of_y_times_p_minus_y_and_it_is_convex(pair, t):
    s, y = pair[0], np.abs(pair[1])  # y need not sum to 1

    def loss(s):
        return -(y @ log_softmax(s))

    scale = 1 + y.sum()
    gradient = y.sum() * softmax(s) - y
    assert_allclose(numerical_gradient(loss, s), gradient, rtol=0, atol=1e-9 * scale)
    other = pair[1]
    between = loss(t * s + (1 - t) * other)
    assert between <= t * loss(s) + (1 - t) * loss(other) + 1e-12 * scale


@pytest.mark.statement("prop-ce-gradient")
@pytest.mark.parametrize(("y", "convex"), [([-1, 0], False), ([2, -1], True)])
def test_cross_entropy_is_convex_while_the_weights_do_not_sum_below_0(y, convex):
    # The loss is (sum of y) lse - y @ s, the last linear. So y >= 0 is more than is needed.
    def loss(x):
        return -(y @ log_softmax([x, 0.0]))

    assert (loss(0) <= (loss(-2) + loss(2)) / 2) == convex


@pytest.mark.statement("prop-ce-gradient")
def test_gradient_of_cross_entropy_is_another_where_the_target_moves_with_the_scores():
    # With y = p it is that of the entropy.
    s = np.array([0.0, 1.0])
    moving = numerical_gradient(lambda s: cross_entropy(y=softmax(s), p=softmax(s)), s)
    assert np.abs(moving).min() > 0.1  # p - y is 0


@pytest.mark.statement("prop-ce-gradient")
@given(rows(whole_range=False, dtypes=[np.float64]), st.integers(0, 2**32 - 1))
def test_gradient_of_cross_entropy_is_p_minus_y_for_a_distribution(a, seed):
    y = np.random.default_rng(seed).dirichlet(np.ones(len(a)))
    gradient = numerical_gradient(lambda s: cross_entropy(y=y, p=softmax(s)), a)
    assert_allclose(gradient, softmax(a) - y, rtol=0, atol=1e-9)
    assert_allclose(gradient, softmax_cross_entropy.gradient(a, y), rtol=0, atol=1e-9)


@given(rows(whole_range=False, dtypes=[np.float64]))
def test_scipy_says_the_same(a):
    assert_allclose(softmax(a), scipy.special.softmax(a), rtol=1e-12)
    assert_allclose(log_softmax(a), scipy.special.log_softmax(a), rtol=1e-12, atol=1e-14)
    assert log_sum_exp(a) == pytest.approx(scipy.special.logsumexp(a), rel=1e-12, abs=1e-14)


# --- softmax, log-softmax and log-sum-exp: conventions and edges --------------------------------


def test_softmax_has_the_numbers_of_the_lecture():
    assert_array_equal(softmax([1, 2, 3]).round(8), [0.09003057, 0.24472847, 0.66524096])


def test_softmax_of_thousands_is_not_nan():
    with quietly():
        assert_array_equal(softmax([1000, 2000, 3000]), [0, 0, 1])
        assert_array_equal(log_softmax([1000, 2000, 3000]), [-2000, -1000, 0])
        assert log_sum_exp([1000, 2000, 3000]) == 3000


INF, NAN = np.inf, np.nan


@each_dtype
@pytest.mark.parametrize(
    ("a", "p", "lse"),
    [
        pytest.param([INF, 0, 5], [1, 0, 0], INF, id="one +inf takes all"),
        pytest.param([INF, 0, -INF], [1, 0, 0], INF, id="also beside -inf"),
        pytest.param([INF, 0, INF], [NAN, NAN, NAN], INF, id="two +inf are undecided"),
        pytest.param([-INF, -INF, -INF], [NAN, NAN, NAN], -INF, id="nothing but masks"),
        pytest.param([0, -INF, 0], [0.5, 0, 0.5], np.log(2), id="-inf is a mask"),
        pytest.param([-INF, 7, -INF], [0, 1, 0], 7, id="all masked but one"),
        pytest.param([NAN, 0, 0], [NAN, NAN, NAN], NAN, id="nan first"),
        pytest.param([0, 0, NAN], [NAN, NAN, NAN], NAN, id="nan last"),
        pytest.param([INF, NAN, 0], [NAN, NAN, NAN], NAN, id="nan beside +inf"),
        pytest.param([-INF, NAN, -INF], [NAN, NAN, NAN], NAN, id="nan among masks"),
    ],
)
def test_infinite_scores_and_nan(a, p, lse, dtype):
    a = np.array([a, [0, 0, 0]], dtype)  # the row below must not notice
    with quietly():
        assert_allclose(softmax(a), np.array([p, [1 / 3] * 3]), rtol=4 * eps(a))
        with np.errstate(divide="ignore"):
            log_p = np.log(np.array([p, [1 / 3] * 3]))
        assert_allclose(log_softmax(a), log_p, rtol=4 * eps(a))
        assert_allclose(log_sum_exp(a), [lse, np.log(3)], rtol=4 * eps(a))


@each_dtype
def test_scores_at_both_ends_of_the_float_range_raise_no_warning(dtype):
    a = np.array([np.finfo(dtype).max, np.finfo(dtype).min], dtype)
    with quietly():
        assert_array_equal(softmax(a), [1, 0])
        assert_array_equal(log_softmax(a), [0, -INF])
        assert log_sum_exp(a) == a[0]


def test_softmax_of_a_single_class_is_one():
    assert_array_equal(softmax([[-3.0], [1e308]]), [[1], [1]])


# --- entropy, cross-entropy and KL: exact values ------------------------------------------------


def exact_kl(y, p):
    return mpmath.fsum(
        y_i * mpmath.log(y_i / p_i) if p_i else mpmath.inf
        for y_i, p_i in zip(exact(y), exact(p), strict=True)
        if y_i
    )


def exact_cross_entropy(y, p):
    return -mpmath.fsum(
        y_i * mpmath.log(p_i) if p_i else -mpmath.inf
        for y_i, p_i in zip(exact(y), exact(p), strict=True)
        if y_i
    )


def assert_measure(result, truth, dtype):
    """Hold the bar: absolute 4 eps (1 + value)."""
    if mpmath.isinf(truth):
        assert result == INF
    else:
        assert_close(result, [truth], absolute=4 * np.finfo(dtype).eps * (1 + abs(float(truth))))


@given(distributions())
def test_entropy_is_exact(y):
    with quietly():
        assert_measure(entropy(y), exact_cross_entropy(y, y), y.dtype)


@given(distributions(2))
def test_cross_entropy_and_kl_are_exact(pair):
    y, p = pair
    with quietly():
        assert_measure(cross_entropy(y=y, p=p), exact_cross_entropy(y, p), y.dtype)
        assert_measure(kl_divergence(y=y, p=p), exact_kl(y, p), y.dtype)


def test_kl_does_not_overflow_at_the_least_float():
    y, p = [0.5, 0.5], [5e-324, 1.0]
    with quietly():
        assert_measure(kl_divergence(y=y, p=p), exact_kl(y, p), np.float64)
        assert_measure(kl_divergence(y=p, p=y), exact_kl(p, y), np.float64)
        # 0.9 / 5e-324 is more than a float can hold.
        assert_measure(kl_divergence([0.9, 0.1], p), exact_kl([0.9, 0.1], p), np.float64)
        assert_measure(cross_entropy(y=y, p=p), exact_cross_entropy(y, p), np.float64)


# --- entropy, cross-entropy and KL: laws --------------------------------------------------------


@pytest.mark.statement("prop-entropy-ceiling")
@given(distributions())
def test_entropy_lies_between_0_and_log_classes(y):
    assert 0 <= entropy(y) <= np.log(len(y)) + 4 * eps(y)


@pytest.mark.statement("prop-entropy-ceiling")
@given(distributions())
def test_entropy_is_log_classes_minus_kl_from_the_uniform_distribution(y):
    uniform = np.full(len(y), 1 / len(y))
    missing = np.log(len(y)) - entropy(y)
    assert kl_divergence(y=y, p=uniform) == pytest.approx(missing, rel=0, abs=12 * eps(y))
    # Pinsker: so it is reached for the uniform distribution only.
    assert missing >= np.abs(y - uniform).sum() ** 2 / 2 - 12 * eps(y)


@pytest.mark.statement("prop-entropy-ceiling")
@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
def test_entropy_is_log_classes_for_the_uniform_distribution(classes):
    assert entropy(np.full(classes, 1 / classes)) == pytest.approx(
        np.log(classes), rel=1e-13, abs=0
    )


def test_entropy_of_certainty_is_zero():
    assert_array_equal(entropy(np.eye(3)), [0, 0, 0])


@pytest.mark.statement("prop-kl-nonnegative")
@given(distributions())
def test_kl_of_a_distribution_from_itself_is_exactly_zero(y):
    assert kl_divergence(y=y, p=y) == 0


@pytest.mark.statement("prop-kl-nonnegative")
@given(distributions(2))
def test_kl_is_not_negative(pair):
    # Rounded distributions do not quite sum to 1, so the exact sum may lie a little below 0.
    y, p = pair
    assert kl_divergence(y=y, p=p) >= -4 * eps(y)


@pytest.mark.statement("prop-kl-nonnegative")
@given(distributions(2))
def test_kl_is_zero_only_for_equal_distributions(pair):
    # Pinsker: KL >= (sum |y - p|)**2 / 2.
    y, p = (x.astype(np.float64) for x in pair)
    assert kl_divergence(y=y, p=p) >= np.abs(y - p).sum() ** 2 / 2 - 4 * eps(pair[0])


@pytest.mark.statement("prop-kl-nonnegative", "prop-ce-decomposition", "prop-entropy-ceiling")
def test_weights_that_do_not_sum_to_1_break_gibbs_inequality_and_are_refused():
    y, p = np.array([0.5, 0.5]), np.array([1.0, 1.0])
    assert scipy.special.rel_entr(y, p).sum() == -np.log(2)
    assert -(y @ np.log(p)) == 0 < entropy(y)
    assert scipy.special.entr(p / 3).sum() > np.log(2)  # and a sum below 1 the ceiling
    for function in (kl_divergence, cross_entropy):
        with pytest.raises(ValueError, match="sum to 1"):
            function(y=y, p=p)
    with pytest.raises(ValueError, match="sum to 1"):
        entropy(p / 3)


@pytest.mark.statement("prop-ce-decomposition")
@given(distributions(2))
def test_cross_entropy_is_least_at_the_target(pair):
    y, p = pair
    slack = 4 * eps(y) * (1 + entropy(y))
    assert cross_entropy(y=y, p=p) >= entropy(y) - slack


@pytest.mark.statement("prop-ce-decomposition")
@given(distributions(2))
def test_cross_entropy_is_entropy_plus_kl(pair):
    y, p = pair
    total = entropy(y) + kl_divergence(y=y, p=p)
    assert cross_entropy(y=y, p=p) == pytest.approx(total, rel=12 * eps(y), abs=12 * eps(y))


@pytest.mark.statement("prop-ce-decomposition")
@given(distributions(2))
def test_cross_entropy_is_the_entropy_at_the_target_only(pair):
    y, p = (x.astype(np.float64) for x in pair)
    assert cross_entropy(y=y, p=y) == pytest.approx(entropy(y), rel=1e-14)
    excess = cross_entropy(y=y, p=p) - entropy(y)
    if np.isfinite(excess):
        slack = 4 * eps(pair[0]) * (1 + entropy(y))
        assert excess >= np.abs(y - p).sum() ** 2 / 2 - slack


labels = st.lists(st.integers(0, 3), min_size=1, max_size=30)


@pytest.mark.statement("prop-maximum-likelihood")
@given(labels, st.integers(0, 2**32 - 1))
def test_mean_cross_entropy_is_minus_the_mean_log_likelihood(labels, seed):
    p = np.random.default_rng(seed).dirichlet(np.ones(4), len(labels))
    likelihood = np.prod([mpmath.mpf(row[k]) for row, k in zip(p, labels, strict=True)])
    mean = cross_entropy(y=np.eye(4)[labels], p=p).mean()
    assert mean == pytest.approx(float(-mpmath.log(likelihood) / len(labels)), rel=1e-13)


@pytest.mark.statement("prop-maximum-likelihood")
@given(labels, distributions(dtypes=[np.float64]))
def test_the_best_constant_model_holds_the_frequencies_of_the_classes(labels, weights):
    frequencies = np.bincount(labels, minlength=4) / len(labels)

    def mean_loss(p):
        return cross_entropy(y=np.eye(4)[labels], p=np.tile(p, (len(labels), 1))).mean()

    assert mean_loss(frequencies) == pytest.approx(entropy(frequencies), rel=1e-13, abs=1e-15)
    other = np.resize(weights, 4) + np.finfo(float).tiny
    other /= other.sum()
    least = entropy(frequencies) + np.abs(frequencies - other).sum() ** 2 / 2
    assert mean_loss(other) >= least - 1e-14


@pytest.mark.statement("prop-maximum-likelihood")
def test_a_model_that_is_not_constant_may_be_better_than_the_frequencies():
    y = np.eye(2)
    frequencies = y.mean(axis=0)
    assert cross_entropy(y=y, p=[[0.9, 0.1], [0.1, 0.9]]).mean() < entropy(frequencies)


@pytest.mark.statement("prop-temperature")
def test_a_masked_class_stays_at_0_at_every_temperature():
    assert_array_equal(softmax(np.array([0, -np.inf]) / 1e9), [1, 0])


@pytest.mark.statement("prop-temperature")
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6).map(np.array))
def test_temperature_leads_from_the_largest_scores_to_all(s):
    assert_allclose(softmax(s / 1e9), 1 / len(s), rtol=1e-7)
    largest = s == s.max()
    assert_array_equal(softmax(s / 1e-3), largest / largest.sum())


@pytest.mark.statement("prop-temperature")
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6).map(np.array))
def test_entropy_rises_with_the_temperature_unless_all_scores_are_equal(s):
    h = entropy([softmax(s / tau) for tau in (1, 2, 4, 8)])
    assert (np.ptp(h) == 0) if np.ptp(s) == 0 else (np.diff(h) > 0).all()


@pytest.mark.statement("prop-temperature")
@given(rows(whole_range=False, dtypes=[np.float64]), st.floats(0.5, 20))
def test_temperature_keeps_the_order_and_raises_the_entropy(s, tau):
    p = softmax(s / tau)
    assert (np.diff(p[s.argsort()]) >= 0).all()
    slope = difference(lambda t: entropy(softmax(s / (tau + t))))
    variance = p @ (s - p @ s) ** 2
    assert slope == pytest.approx(variance / tau**3, rel=1e-6, abs=1e-9)


@given(distributions(2, positive=True, dtypes=[np.float64]), st.integers(0, 2**32 - 1))
def test_chain_rule_of_kl(pair, seed):
    # KL of a joint is KL of the marginal plus the mean KL of the conditionals.
    y, p = pair
    y_given, p_given = np.random.default_rng(seed).dirichlet(np.ones(4), (2, len(y)))
    joint = kl_divergence(y=(y[:, None] * y_given).ravel(), p=(p[:, None] * p_given).ravel())
    parts = kl_divergence(y=y, p=p) + y @ kl_divergence(y=y_given, p=p_given)
    assert joint == pytest.approx(parts, rel=1e-13, abs=1e-14)


def test_kl_is_infinite_where_the_model_excludes_what_happens():
    with quietly():
        assert kl_divergence(y=[0.5, 0.5], p=[1.0, 0.0]) == INF
        assert cross_entropy(y=[0.5, 0.5], p=[1.0, 0.0]) == INF


def test_kl_does_not_mind_what_never_happens():
    with quietly():
        assert kl_divergence(y=[1.0, 0.0], p=[0.5, 0.5]) == pytest.approx(np.log(2))
        assert kl_divergence(y=[1.0, 0.0], p=[1.0, 0.0]) == 0
        assert cross_entropy(y=[1.0, 0.0], p=[1.0, 0.0]) == 0


def test_kl_is_not_symmetric():
    y, p = [0.5, 0.5], [0.1, 0.9]
    assert abs(kl_divergence(y=y, p=p) - kl_divergence(y=p, p=y)) > 0.1


def test_kl_obeys_no_triangle_inequality():
    y, between, p = [0.5, 0.5], [0.3, 0.7], [0.1, 0.9]
    detour = kl_divergence(y=y, p=between) + kl_divergence(y=between, p=p)
    assert kl_divergence(y=y, p=p) > detour


@each_dtype
def test_nan_passes_and_touches_nothing_else(dtype):
    y = np.array([[0.5, NAN], [0.5, 0.5]], dtype)
    p = np.array([[0.5, 0.5], [0.5, 0.5]], dtype)
    with quietly():
        results = [entropy(y)] + [f(*pair) for f in OF_TWO.values() for pair in ((y, p), (p, y))]
    for result in results:
        assert_array_equal(np.isnan(result), [True, False])


def test_nan_is_not_hidden_by_a_zero_on_the_other_side():
    for function in OF_TWO.values():
        assert np.isnan(function([0.0, 1.0], [NAN, 1.0]))
        assert np.isnan(function([NAN, 1.0], [0.0, 1.0]))


@given(distributions(2, dtypes=[np.float64]))
def test_scipy_says_the_same_of_information(pair):
    y, p = pair
    assert entropy(y) == pytest.approx(scipy.stats.entropy(y), rel=1e-12, abs=1e-14)
    expected = scipy.stats.entropy(y, p)
    assert kl_divergence(y=y, p=p) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_torch_says_the_same():
    torch = pytest.importorskip("torch")
    a = torch.linspace(-30, 30, 24, dtype=torch.float64).reshape(2, 3, 4)
    y = torch.softmax(a.flip(1) / 9, dim=1)
    for axis in (0, 1, 2):
        assert_allclose(softmax(a.numpy(), axis), torch.softmax(a, axis), rtol=1e-12)
        # Near 0, torch's log-softmax has lost digits that ours has.
        expected = torch.log_softmax(a, axis)
        assert_allclose(log_softmax(a.numpy(), axis), expected, rtol=1e-12, atol=1e-15)
        assert_allclose(log_sum_exp(a.numpy(), axis), torch.logsumexp(a, axis), rtol=1e-12)
    kl = torch.nn.functional.kl_div(torch.log_softmax(a, 1), y, reduction="none").sum(1)
    p = softmax(a.numpy(), axis=1)
    assert_allclose(kl_divergence(y=y.numpy(), p=p, axis=1), kl, rtol=1e-12)


# --- arrays -----------------------------------------------------------------------------------


@each_dtype
@each_function
@pytest.mark.parametrize("shape", [(3,), (1,), (0, 3), (2, 4, 3)])
def test_shape_and_dtype_are_kept(function, dtype, shape):
    result = function(some_distributions(shape, dtype))
    assert result.shape == (shape if function in (softmax, log_softmax) else shape[:-1])
    assert result.dtype == dtype


@each_function
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3, np.int64(1)])
def test_any_axis_can_be_the_class_axis(function, axis):
    x = some_distributions((3, 3, 3), axis=axis)
    if function is OF_DISTRIBUTIONS["kl_divergence"]:  # whose model is reversed in the last axis
        expected = kl_divergence(np.moveaxis(x, axis, -1), np.moveaxis(x[..., ::-1], axis, -1))
    else:
        expected = function(np.moveaxis(x, axis, -1))
    if expected.ndim == x.ndim:
        expected = np.moveaxis(expected, -1, axis)
    assert_allclose(function(x, axis=axis), expected, rtol=1e-15)


@each_of_scores
@pytest.mark.parametrize("shape", [(2, 4, 3), (2, 40, 3), (5, 40), (50, 2)])
def test_a_batch_is_what_its_rows_are(function, shape):
    # Few classes of many examples are worked on in another layout than the others.
    a = np.random.default_rng(0).normal(0, 10, shape)
    odd = [[INF, 0], [-INF, 0], [INF, INF], [NAN, 0], [1e308, -1e308], [50, 0]]
    a[(0,) * (len(shape) - 2)][: len(odd), :2] = odd[: shape[-2]]
    with quietly():
        result = function(a)
        for i in np.ndindex(shape[:-1]):
            assert_allclose(result[i], function(a[i]), rtol=1e-14)


@each_function
@pytest.mark.parametrize("shape", [(2, 4, 3), (40, 3)])
def test_the_layout_in_memory_does_not_matter(function, shape):
    x = some_distributions(shape)
    expected = function(x)
    for layout in layouts(x):  # read-only: writing to the input would raise
        result = function(layout)
        assert_allclose(result, expected, rtol=1e-14, atol=1e-15)
        assert not np.shares_memory(result, layout)


@pytest.mark.parametrize(
    ("function", "arrays"), [(softmax, 1), (log_softmax, 2), (log_sum_exp, 1)], ids=OF_SCORES
)
def test_many_classes_take_no_more_memory_than_the_result_and_one_array(function, arrays):
    scores = np.random.default_rng(0).normal(size=(500, 1000))
    assert peak_memory(lambda: function(scores)) < (arrays + 0.1) * scores.nbytes


@each_function
def test_whatever_is_not_float32_becomes_float64(function):
    # An array for the reversal in this file; the library itself takes lists.
    for x in (np.eye(3, dtype=int), np.eye(3, dtype=bool), np.eye(3, dtype=np.float16)):
        with quietly():
            result = function(x)
        assert result.dtype == np.float64
        assert_array_equal(result, function(np.eye(3)))


def test_a_float32_and_a_float64_make_a_float64():
    y = some_distributions()
    for function in OF_TWO.values():
        assert function(y, y.astype(np.float32)).dtype == np.float64
        assert function(y.astype(np.float32), y).dtype == np.float64


def test_a_softmax_in_float32_counts_as_a_distribution_for_any_number_of_classes():
    a = np.random.default_rng(0).normal(0, 3, 50257).astype(np.float32)
    assert entropy(softmax(a)) == pytest.approx(entropy(softmax(a.astype(float))), rel=1e-5, abs=0)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ("abc", TypeError, "must hold real numbers, got dtype <U3; expected float32, float64"),
        ([1j, 0], TypeError, "must hold real numbers, got dtype complex128"),
        (None, TypeError, "must hold real numbers, got dtype object"),
        ([[1.0], [1.0, 2.0]], ValueError, "rectangular array .* its rows differ in length"),
        (1.0, ValueError, "must have a class axis, got a single number"),
        ([], ValueError, r"has an empty class axis: its shape is \(0,\)"),
        (np.zeros((2, 0)), ValueError, r"has an empty class axis: its shape is \(2, 0\)"),
    ],
)
def test_bad_arrays_are_told_plainly(x, error, words):
    for function in OF_SCORES.values():
        with pytest.raises(error, match="^scores .*" + words):
            function(x)
    with pytest.raises(error, match="^y .*" + words):
        entropy(x)
    for function in OF_TWO.values():
        with pytest.raises(error, match="^y .*" + words):
            function(x, x)


@each_function
@pytest.mark.parametrize(
    ("axis", "error", "words"),
    [
        (2, ValueError, r"axis must lie in \[-2, 2\) for \w+ of shape \(3, 3\), got 2"),
        (-3, ValueError, r"axis must lie in \[-2, 2\) for \w+ of shape \(3, 3\), got -3"),
        (None, TypeError, "axis must be an integer, got None"),
        (1.0, TypeError, "axis must be an integer, got 1.0"),
        (True, TypeError, "axis must be an integer, got True"),
        ((0, 1), TypeError, r"axis must be an integer, got \(0, 1\)"),
    ],
)
def test_a_bad_axis_is_told_plainly(function, axis, error, words):
    with pytest.raises(error, match=words):
        function(np.eye(3), axis=axis)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([1.5, -0.5], "must not be negative, got an entry -0.5"),
        (
            [0.5, 0.6],
            "must sum to 1 along axis 0, got a sum of 1.1; if these are scores, take their softmax",
        ),
        ([0.0, 0.0], "must sum to 1 along axis 0, got a sum of 0"),
        ([INF, 0.0], "must sum to 1 along axis 0, got a sum of inf"),
        ([1e308, 1e308], "must sum to 1 along axis 0, got a sum of inf"),
        ([-INF, INF], "must not be negative, got an entry -inf"),
    ],
)
def test_what_is_no_distribution_is_refused(wrong, words):
    right = [0.5, 0.5]
    with quietly():
        with pytest.raises(ValueError, match="^y " + words):
            entropy(wrong)
        for function in OF_TWO.values():
            with pytest.raises(ValueError, match="^y " + words):
                function(wrong, right)
            with pytest.raises(ValueError, match="^p " + words):
                function(right, wrong)


def test_only_the_wrong_row_is_named():
    with pytest.raises(ValueError, match=r"got a sum of 0\.75"):
        entropy([[0.5, 0.5], [0.5, 0.25]])


@each_of_two
def test_a_pair_of_different_shapes_is_refused(function):
    with pytest.raises(ValueError, match=r"y and p must have one shape, got \(2,\) and \(1, 2\)"):
        function([0.5, 0.5], [[0.5, 0.5]])


# --- the forms of the book ----------------------------------------------------------------------

SHAPES = [
    (4, 3),
    (5, 32),
    (33, 32),
    (64, 10),
    (3, 33),
    (40, 100),
    (2, 3, 50),
    (2, 40, 3),
    (5003, 10),
    (2, 3001, 9),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@each_dtype
def test_every_layout_of_the_work_gives_what_the_formulas_of_the_book_give(shape, dtype):
    s = np.random.default_rng(0).normal(scale=3, size=shape).astype(dtype)
    for axis in range(s.ndim):
        top = s.max(axis=axis, keepdims=True)
        e = np.exp(s - top)
        total = e.sum(axis=axis, keepdims=True, dtype=np.float64).astype(dtype)
        close = {"rtol": 16 * eps(s), "atol": 16 * eps(s)}
        assert_allclose(softmax(s, axis), e / total, **close)
        assert_allclose(log_softmax(s, axis), s - top - np.log(total), **close)
        assert_allclose(log_sum_exp(s, axis), (top + np.log(total)).squeeze(axis), **close)


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_many_examples_of_few_classes_are_worked_out_in_blocks(function):
    scores = np.random.default_rng(0).normal(size=(40_000, 10))
    assert_array_equal(function(scores)[-7:], function(scores[-40:])[-7:])
    assert peak_memory(lambda: function(scores)) < 1.5 * scores.nbytes
