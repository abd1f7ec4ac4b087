"""nnlib.activations against exact values, torch, differences, and what the book says of them."""

import copy
import dataclasses
import math
import operator
import pickle
from collections import defaultdict
from itertools import pairwise

import hypothesis
import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    ACTIVATIONS,
    MLP,
    Activation,
    LeakyReLU,
    breakpoints,
    fit,
    gelu,
    gelu_tanh,
    get_activation,
    leaky_relu,
    relu,
    sigmoid,
    softplus,
    squared_error,
    tanh,
)

from .oracles import (
    DTYPES,
    assert_close,
    difference,
    each_dtype,
    eps,
    exact,
    finite,
    given,
    layouts,
    quietly,
    torch_activation,
)

each_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
# The function and its derivative of every activation: what holds for any function of one entry.
FUNCTIONS = dict(ACTIVATIONS) | {
    f"{name}'": activation.derivative for name, activation in ACTIVATIONS.items()
}
each_function = pytest.mark.parametrize("name", FUNCTIONS)


# --- exact values ----------------------------------------------------------------------------


def _logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def _normal_cdf(x):
    if abs(x) > 50:  # within 1e-540, and mpmath's erfc cannot take the largest floats
        return mpmath.mpf(x > 0)
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _normal_density(x):
    return mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)


def _inner(x):
    """Twice the argument of tanh in the tanh-GELU."""
    return mpmath.sqrt(8 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)


def _gelu_tanh_slope(x):
    slope = mpmath.sqrt(8 / mpmath.pi) * (1 + 3 * mpmath.mpf("0.044715") * x**2)
    return _logistic(_inner(x)) * (1 + x * slope * _logistic(-_inner(x)))


EXACT = {
    "identity": lambda x: x,
    "identity'": lambda x: mpmath.mpf(1),
    "sigmoid": _logistic,
    "sigmoid'": lambda x: _logistic(x) * _logistic(-x),
    "tanh": mpmath.tanh,
    "tanh'": lambda x: mpmath.sech(x) ** 2,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "relu'": lambda x: mpmath.mpf(x > 0),
    "leaky_relu": lambda x: x if x > 0 else mpmath.mpf(0.01) * x,
    "leaky_relu'": lambda x: mpmath.mpf(1 if x > 0 else 0.01),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "softplus'": _logistic,
    "gelu": lambda x: x * _normal_cdf(x),
    "gelu'": lambda x: _normal_cdf(x) + x * _normal_density(x),
    "gelu_tanh": lambda x: x * _logistic(_inner(x)),
    "gelu_tanh'": _gelu_tanh_slope,
}


def assert_exact(name, x):
    """Hold the book's bar; around the zero of a GELU's slope it is an absolute one."""
    expected = [EXACT[name](entry) for entry in exact(x)]
    near_zero = name.startswith("gelu") & (x > -0.8) & (x < -0.7)
    with quietly():
        assert_close(
            FUNCTIONS[name](x),
            expected,
            relative=1e-12 if x.dtype == np.float64 else 1e-6,
            absolute=np.where(near_zero, 4 * eps(x), 0),
        )


def whole_range(dtype):
    """Points dense around 0, through the tails to over- and underflow, and in every decade."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(0)
    tail = 1.1 * np.log(float(info.max))
    decades = 10.0 ** np.arange(np.log10(float(info.tiny)) + 1, np.log10(float(info.max)) - 1, 7)
    ends = [info.max, info.tiny, info.eps, info.smallest_subnormal, 0.0]
    positive = np.concatenate([np.linspace(0, tail, 61), np.linspace(0, 9, 61), decades, ends])
    return np.concatenate([positive, -positive, rng.normal(0, 6, 80)]).astype(dtype)


@each_dtype
@pytest.mark.parametrize("name", EXACT)
def test_exact_over_the_whole_range(name, dtype):
    assert_exact(name, whole_range(dtype))


@pytest.mark.parametrize("name", EXACT)
@given(st.one_of(*(finite(dtype).map(dtype) for dtype in DTYPES)))
def test_exact_at_any_float(name, x):
    assert_exact(name, np.array([x]))


@each_dtype
@pytest.mark.parametrize("name", ["gelu'", "gelu_tanh'"])
def test_slope_of_gelu_is_exact_around_its_zero(name, dtype):
    assert_exact(name, np.linspace(-0.76, -0.74, 50, dtype=dtype))


@each_dtype
@pytest.mark.parametrize("name", ["gelu", "gelu'", "gelu_tanh", "gelu_tanh'"])
def test_gelu_is_exact_where_its_tail_ends(name, dtype):
    # They underflow around -38 and -21 in float64, around -13 and -8 in float32.
    assert_exact(name, np.linspace(-39, -5, 100, dtype=dtype))


# --- derivatives -----------------------------------------------------------------------------


@each_activation
def test_he_is_the_initialization_of_what_passes_a_gradient_on_one_side_alone(activation):
    left, right = activation.derivative([-np.inf, np.inf])
    he = abs(left) <= 0.01 and right == 1
    assert activation.initialization == ("he" if he else "glorot")


@each_activation
@given(x=st.floats(-20, 20).filter(lambda x: abs(x) > 0.01))
def test_derivative_is_the_limit_of_differences(activation, x):
    assert activation.derivative(x) == pytest.approx(
        difference(lambda t: activation(x + t)), rel=0, abs=3e-11
    )


@each_activation
def test_value_and_derivative_are_those_of_torch(activation):
    torch = pytest.importorskip("torch")
    # 0 is among the points: the slopes of torch at the kinks are ours.
    x = (torch.arange(-200, 201, dtype=torch.float64) / 10).requires_grad_()
    y = torch_activation(activation.name)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    points = x.detach().numpy()
    assert_allclose(activation(points), y.detach().numpy(), rtol=1e-14, atol=1e-14)
    assert_allclose(activation.derivative(points), slope.numpy(), rtol=1e-14, atol=1e-14)


# --- limits, NaN, and the floats where the usual formulas fail --------------------------------

LIMITS = {
    "identity": (-np.inf, np.inf),
    "identity'": (1, 1),
    "sigmoid": (0, 1),
    "sigmoid'": (0, 0),
    "tanh": (-1, 1),
    "tanh'": (0, 0),
    "relu": (0, np.inf),
    "relu'": (0, 1),
    "leaky_relu": (-np.inf, np.inf),
    "leaky_relu'": (0.01, 1),
    "softplus": (0, np.inf),
    "softplus'": (0, 1),
    "gelu": (0, np.inf),
    "gelu'": (0, 1),
    "gelu_tanh": (0, np.inf),
    "gelu_tanh'": (0, 1),
}


def test_every_activation_and_derivative_has_its_row_in_exact_and_limits():
    tables = {"EXACT": EXACT, "LIMITS": LIMITS}
    lacking = {table: FUNCTIONS.keys() - rows.keys() for table, rows in tables.items()}
    assert lacking == {"EXACT": set(), "LIMITS": set()}, "these rows are to be written"


@each_dtype
@pytest.mark.parametrize("name", LIMITS)
def test_limits_at_infinity(name, dtype):
    ends = np.array([-np.inf, np.inf], dtype)
    with quietly():
        assert_array_equal(FUNCTIONS[name](ends), np.array(LIMITS[name], dtype))


@each_dtype
@each_function
def test_nan_passes_and_touches_nothing_else(name, dtype):
    x = np.array([1.0, np.nan, -2.0], dtype)
    with quietly():
        result = FUNCTIONS[name](x)
    assert_array_equal(np.isnan(result), [False, True, False])


def test_sigmoid_does_not_overflow_at_1000():
    assert_array_equal(sigmoid([1000.0, -1000.0]), [1, 0])


def test_sigmoid_slope_is_not_zero_at_40():
    assert sigmoid.derivative(40.0) == pytest.approx(np.exp(-40.0), rel=1e-12, abs=0)


@pytest.mark.statement("prop-sigmoid-slope")
def test_sigmoid_slope_is_a_quarter_at_zero():
    assert sigmoid.derivative(0.0) == 0.25


def test_tanh_slope_is_not_zero_at_30():
    assert tanh.derivative(30.0) == pytest.approx(4 * np.exp(-60.0), rel=1e-12, abs=0)


@each_dtype
def test_relu_slope_is_zero_at_zero(dtype):
    assert_array_equal(relu.derivative(np.array([0.0, -0.0], dtype)), [0, 0])


def test_relu_slope_is_one_at_the_least_positive_number():
    assert relu.derivative(5e-324) == 1


def test_leaky_relu_slope_at_zero_is_the_left_one():
    assert_array_equal(leaky_relu.derivative([0.0, -0.0]), [0.01, 0.01])


def test_softplus_is_zero_at_minus_inf():
    assert softplus(-np.inf) == 0


def test_softplus_is_exp_far_on_the_left():
    assert softplus(-100.0) == pytest.approx(np.exp(-100.0), rel=1e-12, abs=0)


def test_softplus_is_log_2_at_zero():
    assert softplus(0.0) == pytest.approx(np.log(2), rel=1e-15, abs=0)


def test_gelu_is_zero_at_minus_inf():
    assert gelu(-np.inf) == 0


def test_gelu_keeps_digits_where_one_plus_erf_has_none():
    assert gelu(np.float32(-7.0)) == pytest.approx(
        float(EXACT["gelu"](mpmath.mpf(-7))), rel=1e-6, abs=0
    )
    assert gelu(-10.0) == pytest.approx(float(EXACT["gelu"](mpmath.mpf(-10))), rel=1e-12, abs=0)


def test_gelu_keeps_digits_in_float32_where_ndtr_there_has_lost_some():
    x = np.linspace(-13.14, -12.9, 100, dtype=np.float32)
    assert_close(gelu(x), [EXACT["gelu"](entry) for entry in exact(x)], relative=eps(x))


def test_gelu_slope_outlives_the_distribution_function():
    # ndtr(-38) is 0 in floats; the slope is not.
    assert gelu.derivative(-38.0) < 0


# --- what the book says -----------------------------------------------------------------------

anywhere = finite(np.float64, min_value=-1e3, max_value=1e3)


@pytest.mark.statement("prop-sigmoid-slope")
@given(finite())
def test_sigmoid_slope_is_at_most_a_quarter_and_only_at_zero(x):
    slope = sigmoid.derivative(x)
    assert slope == pytest.approx(sigmoid(x) * (1 - sigmoid(x)), rel=0, abs=2e-16)
    assert slope == pytest.approx(sigmoid(x) * sigmoid(-x), rel=1e-15, abs=1e-307)
    assert 0 <= slope <= 0.25 * (1 + 4e-16)
    assert slope < 0.25 or abs(x) < 1e-7  # nearer to 0 the difference is below the rounding


def jacobian(net, x):
    """Return the derivative of the outputs in the inputs at one point, shape (outputs, inputs)."""
    outputs = net.layer_sizes[-1]
    net.forward(np.tile(x, (outputs, 1)))
    return net.backward(np.eye(outputs), inputs=True).inputs


def sigmoids(sizes):
    """Return a network that ends in a sigmoid: after it stands the identity."""
    net = MLP([*sizes, sizes[-1]], sigmoid, rng=0)
    net.weights[-1][...] = np.eye(sizes[-1])
    return net


def chain_bound(weights):
    """The book's bound: a quarter of the spectral norm for each layer."""
    return math.prod(np.linalg.norm(weight, 2) / 4 for weight in weights)


@pytest.mark.statement("prop-sigmoid-chain")
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=7),
    st.floats(0.01, 30),
    st.integers(0, 2**32 - 1),
)
def test_sigmoids_shrink_a_gradient_by_a_quarter_each_times_the_norm_of_their_weights(
    sizes, scale, seed
):
    rng = np.random.default_rng(seed)
    net = sigmoids(sizes)
    for weight, bias in zip(net.weights[:-1], net.biases[:-1], strict=True):
        weight[...], bias[...] = rng.normal(0, scale, weight.shape), rng.normal(0, 1, bias.shape)
    size = np.linalg.norm(jacobian(net, rng.normal(size=sizes[0])), 2)
    assert size <= chain_bound(net.weights[:-1]) * (1 + 1e-12)


@pytest.mark.statement("prop-sigmoid-chain")
@given(st.lists(st.integers(1, 4), min_size=2, max_size=7), st.integers(0, 2**32 - 1))
def test_one_direction_through_the_middle_of_all_sigmoids_reaches_the_bound(sizes, seed):
    # Weights of rank 1 that pass a unit vector on, and biases that put every preactivation at 0.
    rng = np.random.default_rng(seed)
    net, x = sigmoids(sizes), rng.normal(size=sizes[0])
    units = [v / np.linalg.norm(v) for v in (rng.normal(size=size) for size in sizes)]
    a = x
    for i, (into, out) in enumerate(pairwise(units)):
        net.weights[i][...] = rng.uniform(0.1, 9) * np.outer(out, into)
        net.biases[i][...] = -net.weights[i] @ a
        a = np.full(sizes[i + 1], 0.5)
    size = np.linalg.norm(jacobian(net, x), 2)
    assert size == pytest.approx(chain_bound(net.weights[:-1]), rel=1e-12)
    # Without the sigmoid in the last layer, it is four times the bound.
    plain = MLP(sizes, sigmoid, rng=0)
    plain.theta[...] = net.theta[: plain.n_parameters]
    size = np.linalg.norm(jacobian(plain, x), 2)
    assert size == pytest.approx(4 * chain_bound(plain.weights), rel=1e-12)


@pytest.mark.statement("prop-sigmoid-chain")
@pytest.mark.parametrize("layers", [1, 2, 10, 30])
def test_a_gradient_may_double_in_every_sigmoid_so_the_quarters_need_their_weights(layers):
    net = sigmoids([1] * (layers + 1))
    for weight, bias in zip(net.weights[:-1], net.biases[:-1], strict=True):
        weight[...], bias[...] = 8, -4
    # The bound is (8 / 4)**layers: it is met. Without the weights it would be 4**-layers.
    assert jacobian(net, [0.5]) == chain_bound(net.weights[:-1]) == 2.0**layers


@given(anywhere)
def test_sigmoid_of_minus_x_is_the_other_share(x):
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1, rel=4e-16, abs=0)


@given(anywhere)
def test_tanh_is_a_stretched_sigmoid(x):
    assert tanh(x) == pytest.approx(2 * sigmoid(2 * x) - 1, rel=0, abs=4e-16)


@pytest.mark.statement("prop-softplus-relu")
@given(finite())
def test_softplus_is_at_least_relu_and_at_most_log_2_above(x):
    with np.errstate(over="ignore"):  # of the bound, at the largest float
        assert relu(x) <= softplus(x) <= (relu(x) + np.log(2)) * (1 + 4e-16)


@pytest.mark.statement("prop-softplus-relu")
@given(st.floats(-700, 30).filter(lambda x: abs(x) > 1e-6))
def test_softplus_is_above_relu_and_log_2_above_it_only_at_zero(x):
    assert 0 < softplus(x) - relu(x) < np.log(2)
    assert softplus(0.0) - relu(0.0) == np.log(2)


@pytest.mark.statement("prop-softplus-relu")
@given(anywhere, st.floats(1e-3, 1e3))
@hypothesis.example(25.0, 1.0)  # a gap of 1e-11
def test_a_sharp_softplus_is_near_relu_everywhere(x, sharpness):
    gap = softplus(sharpness * x) / sharpness - relu(x)
    rounding = 4e-16 * abs(x)
    assert -rounding <= gap <= np.log(2) / sharpness * (1 + 4e-16) + rounding
    assert gap > 0 or sharpness * abs(x) > 30  # there the gap is below the rounding


@pytest.mark.statement("prop-softplus-relu")
@given(st.floats(1e-3, 1e3))
def test_the_gap_of_a_sharp_softplus_is_reached_at_0_and_its_factor_is_positive(sharpness):
    assert softplus(0.0) / sharpness == pytest.approx(np.log(2) / sharpness, rel=1e-15)
    assert softplus(0.0) / -sharpness < relu(0.0)  # so the factor must be positive


@given(anywhere)
def test_softplus_on_both_sides_differs_by_x(x):
    assert softplus(x) - softplus(-x) == pytest.approx(x, rel=1e-15, abs=1e-15)


@pytest.mark.statement("prop-gelu-tail")
@given(st.floats(1e-3, 37))
def test_gelu_nears_relu_as_the_normal_density_falls(t):
    below = float(_normal_density(mpmath.mpf(t)))
    gap = -gelu(-t)
    # Strictly, and by more than the rounding: of the lower bound by about 2/t**4 at least.
    assert t**2 / (1 + t**2) * below * (1 + 1e-12) < gap < below * (1 - 1e-12)
    assert gap == pytest.approx(float(t * mpmath.ncdf(-t)), rel=1e-12, abs=0)
    assert relu(t) - gelu(t) == pytest.approx(gap, rel=0, abs=2e-16 * max(1, t))


@pytest.mark.statement("prop-gelu-tail")
def test_gelu_is_relu_at_0_alone_so_there_the_strict_bounds_fail():
    assert relu(0.0) - gelu(0.0) == 0 == 0**2 / (1 + 0**2)


@pytest.mark.statement("prop-gelu-tail")
def test_gelu_and_the_normal_density_agree_ever_better_on_the_left():
    share = [-gelu(-t) / float(_normal_density(mpmath.mpf(t))) for t in (4.0, 12.0, 36.0)]
    assert_array_equal(np.array(share) > [0.94, 0.993, 0.9992], True)
    assert max(share) < 1


# The book's two bounds: one test says that they hold, another that no smaller ones would.
GELU_TANH_ERROR, GELU_TANH_RELATIVE_ERROR = 4.7324e-4, 2.0118e-4


@pytest.mark.statement("prop-gelu-tanh-error")
def test_tanh_gelu_is_within_the_error_that_the_book_states():
    x, step = np.linspace(0, 4, 400_001, retstep=True)
    error = gelu_tanh(x) - gelu(x)
    slope_error = gelu_tanh.derivative(x) - gelu.derivative(x)
    # The proof: between two points of the table the error exceeds theirs by 16 step**2 / 8.
    assert np.abs(np.diff(slope_error)).max() <= 16 * step
    assert np.abs(error).max() + 16 * step**2 / 8 == pytest.approx(GELU_TANH_ERROR, rel=0, abs=5e-9)
    assert x[np.abs(error).argmax()] == pytest.approx(2.69894, abs=5e-6)
    assert np.abs(slope_error).max() == pytest.approx(8.6845e-4, abs=1e-8)
    assert x[np.abs(slope_error).argmax()] == pytest.approx(2.01866, abs=1e-5)
    relative = np.abs(error[1:] / gelu(x[1:])).max()
    assert GELU_TANH_RELATIVE_ERROR - 1e-8 < relative <= GELU_TANH_RELATIVE_ERROR


@pytest.mark.statement("prop-gelu-tanh-error")
@given(st.one_of(finite(), st.floats(-4, 4)))
def test_the_error_of_tanh_gelu_is_even_and_small_everywhere(x):
    with np.errstate(over="ignore"):
        error, mirrored = gelu_tanh(x) - gelu(x), gelu_tanh(-x) - gelu(-x)
    # Each difference is of two values of about x or less, rounded to an eps or so.
    assert error == pytest.approx(mirrored, rel=0, abs=5e-16 * max(1, abs(x)))
    assert abs(error) <= GELU_TANH_ERROR
    if x > 1e-300:  # below it, a half of x loses digits
        assert abs(gelu_tanh(x) / gelu(x) - 1) <= GELU_TANH_RELATIVE_ERROR


@pytest.mark.statement("prop-gelu-tanh-error")
@given(st.floats(1e-3, 20))
def test_tanh_gelu_falls_faster_than_gelu_by_the_factor_in_the_book(t):
    share = gelu_tanh(-t) / gelu(-t)
    square, cube = mpmath.mpf(t) ** 2 / 2, _inner(mpmath.mpf(t))
    bound = mpmath.sqrt(2 * mpmath.pi) * (t + 1 / t) * mpmath.exp(square - cube)
    assert 0 < share < float(bound) * (1 + 1e-11)


@pytest.mark.statement("prop-gelu-tanh-error")
@pytest.mark.parametrize(("x", "share"), [(-2.229, 0.01), (-2.991, 0.1), (-4.123, 0.5), (-9, 1)])
def test_tanh_gelu_is_relatively_worse_and_worse_on_the_left(x, share):
    assert 1 - gelu_tanh(x) / gelu(x) == pytest.approx(share, rel=2e-3, abs=0)


# --- what the book says of networks -------------------------------------------------------------


def killed(net, x, layer, units, by=0.5):
    """Shift biases of a hidden layer until these units are off by so much on every row of x."""
    inputs = net.layer_outputs(x)[layer - 1]
    highest = (inputs @ net.weights[layer - 1].T).max(axis=0)
    net.biases[layer - 1][units] = -highest[units] - by
    assert not net.layer_outputs(x)[layer][:, units].any()


def some_net(seed, activation="relu"):
    rng = np.random.default_rng(seed)
    net = MLP([3, 5, 4, 2], activation, rng=rng)
    net.theta += rng.normal(0, 0.1, net.theta.shape)
    return net, rng.normal(size=(12, 3)), rng.integers(0, 2, 12)


seeds = st.integers(0, 2**32 - 1)


@pytest.mark.statement("prop-dead-units")
@given(seeds, st.sampled_from([1, 2]), st.integers(0, 3), st.lists(st.integers(0, 11), min_size=1))
def test_a_dead_unit_of_any_layer_gets_no_gradient(seed, layer, unit, batch):
    net, x, _ = some_net(seed)
    killed(net, x, layer, [unit])
    scores = net.forward(x[batch])
    gradients = net.backward(np.random.default_rng(seed).normal(size=scores.shape))
    assert not gradients.weights[layer - 1][unit].any()
    assert not gradients.biases[layer - 1][unit].any()
    assert gradients.biases[-1].all()


@pytest.mark.statement("prop-dead-units")
@given(seeds, st.integers(1, 12))
def test_a_dead_unit_of_the_first_layer_stays_as_it_is(seed, batch_size):
    net, x, labels = some_net(seed)
    killed(net, x, 1, [2])
    before = net.copy()
    fit(net, x, labels, epochs=10, learning_rate=0.1, batch_size=batch_size, rng=seed)
    assert_array_equal(net.weights[0][2], before.weights[0][2])
    assert net.biases[0][2] == before.biases[0][2]
    assert not net.layer_outputs(x)[1][:, 2].any()
    assert (net.biases[-1] != before.biases[-1]).all()


@pytest.mark.statement("prop-dead-units")
@given(seeds)
def test_a_dead_layer_freezes_itself_and_all_before_it(seed):
    net, x, labels = some_net(seed)
    killed(net, x, 2, [0, 1, 2, 3])
    before = net.copy()
    fit(net, x, labels, epochs=10, learning_rate=0.1, batch_size=5, rng=seed)
    for i in (0, 1):
        assert_array_equal(net.weights[i], before.weights[i])
        assert_array_equal(net.biases[i], before.biases[i])
    assert not net.layer_outputs(x)[2].any()
    assert (net.biases[-1] != before.biases[-1]).all()


def course(seed, momentum):
    """The dead units of the first layer, and its parameters, after each epoch of one training."""
    for epochs in range(9):
        net, x, labels = some_net(seed)
        settings = {"epochs": epochs, "learning_rate": 1.5, "momentum": momentum}
        fit(net, 3 * x, labels, **settings, batch_size=5, rng=seed)
        dead = ~net.layer_outputs(3 * x)[1].any(axis=0)
        yield dead, np.c_[net.weights[0], net.biases[0]]


@pytest.mark.statement("prop-dead-units")
@given(seeds)
def test_a_unit_of_the_first_layer_that_dies_in_motion_never_changes_again(seed):
    for (dead, before), (later, after) in pairwise(course(seed, momentum=0)):
        assert later[dead].all()
        assert_array_equal(after[dead], before[dead])


@pytest.mark.statement("prop-dead-units")
@pytest.mark.parametrize(("momentum", "wakes"), [(0, False), (0.9, True)])
def test_a_unit_that_dies_in_motion_is_carried_on_by_momentum_and_wakes(momentum, wakes):
    # The unit is a layer of its own, so this is (b) and (c). In the tests above momentum changes
    # nothing: their units are dead from the start, where nothing moves yet.
    # Examples 2 and -2, z = 0.1 and -0.35. The first step moves (w, b) by -(2, 1)/20, so z by
    # -5/20 and +3/20: the unit is dead. With momentum the step goes on, 0.9 times as long each
    # time, and z = -0.35 + 3/20 (1 + 0.9 + 0.81) > 0 at -2 after three of them.
    outputs = []
    for epochs in range(4):
        net = MLP([1, 1, 1], rng=0)
        net.theta[...] = [0.1125, -0.125, 1, 0]
        x, targets = [[2.0], [-2.0]], [[0.1 - 0.05], [0.0]]
        settings = {"epochs": epochs, "learning_rate": 2, "batch_size": 2}
        fit(net, x, targets, squared_error, **settings, momentum=momentum)
        outputs.append(net.layer_outputs(x)[1][:, 0])
    assert_array_equal(np.array(outputs) > 0, [[1, 0], [0, 0], [0, 0], [0, wakes]])


@pytest.mark.statement("prop-dead-units")
@pytest.mark.parametrize("spared", [False, True])
def test_a_dead_unit_may_wake_where_weight_decay_spares_its_bias(spared):
    # z = 1 - 2x at x = 1. The weight shrinks by a tenth a step: 1 - 2 * 0.9**7 > 0.
    net = MLP([1, 1, 2], rng=0)
    net.weights[0][...], net.biases[0][...] = -2, 1
    for _ in range(7):
        fit(net, [[1.0]], [1], epochs=1, learning_rate=0.1)
        net.weights[0][...] *= 0.9
        net.biases[0][...] *= 1 if spared else 0.9
    assert net.biases[0] != 1 or spared  # with either kind it is not what it was
    assert (net.layer_outputs([[1.0]])[1] > 0) == spared


@pytest.mark.statement("prop-dead-units")
def test_a_dead_unit_may_wake_on_new_examples():
    # z = x - 1 is at most 0 at 0 and 1, but 2 at 3, where the target is far above.
    net = MLP([1, 1, 1], rng=0)
    net.theta[...] = [1, -1, 1, 0]
    fit(net, [[0.0], [1.0]], [[0.0], [10.0]], squared_error, epochs=5, learning_rate=0.01)
    assert_array_equal(net.theta[:3], [1, -1, 1])
    fit(net, [[3.0]], [[10.0]], squared_error, epochs=5, learning_rate=0.01)
    assert net.layer_outputs([[1.0]])[1] > 0


class SteepAtZero(Activation):
    """ReLU with the other convention, relu'(0) = 1."""

    name, formula = "steep", r"\max(x, 0)"

    def value(self, x):
        return np.maximum(x, 0)

    def slope(self, x):
        return (x >= 0).astype(x.dtype)


@pytest.mark.statement("prop-dead-units")
@pytest.mark.parametrize(("activation", "moves"), [(relu, False), (SteepAtZero(), True)])
def test_a_unit_that_is_exactly_zero_is_dead_by_the_convention_for_the_slope_at_0(
    activation, moves
):
    net, x, labels = some_net(0, activation)
    net.weights[0][1], net.biases[0][1] = 0, 0
    fit(net, x, labels, epochs=10, learning_rate=0.1, rng=0)
    assert net.weights[0][1].any() == moves
    assert (net.biases[0][1] != 0) == moves


@pytest.mark.statement("prop-dead-units")
def test_a_dead_unit_of_the_second_layer_may_wake():
    net, x = MLP([1, 1, 2, 1], rng=0), [[1.0]]
    for weight, value in zip(net.weights, ([[1]], [[1], [-1]], [[1, 1]]), strict=True):
        weight[...] = value
    killed(net, x, 2, [1], by=0.1)
    for _ in range(10):
        net.theta -= 0.02 * net.backward(net.forward(x)).theta  # of the score squared, halved
    assert net.layer_outputs(x)[2][0, 1] > 0


small = st.integers(-2, 2)


@pytest.mark.statement("prop-relu-kinks")
@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=6))
@hypothesis.example([(1, 1, 1), (-1, -1, 1)])  # 1 * |1| + 1 * |-1|: one bend
@hypothesis.example([(1, 1, 1), (-1, -1, -1)])  # 1 * |1| - 1 * |-1|: none, a straight line
@hypothesis.example([(0, 1, 1)])  # it has no kink
def test_a_hidden_layer_bends_where_the_changes_of_slope_do_not_cancel(units):
    into, bias, out = np.transpose(units)
    net = MLP([1, len(units), 1], rng=0)
    net.weights[0][:, 0], net.biases[0][...], net.weights[1][0] = into, bias, out
    changes = defaultdict(int)
    for w, b, v in units:
        if w:
            changes[-b / w + 0.0] += v * abs(w)
    bends = sorted(t for t, change in changes.items() if change)
    # Kinks are multiples of ½ in [-2, 2]: differences of the values between them are exact.
    middles = np.arange(-2.25, 2.5, 0.5)[:, np.newaxis]
    slopes = (net(middles + 0.125) - net(middles - 0.125))[:, 0] / 0.25
    assert np.count_nonzero(np.diff(slopes)) == len(bends) <= len(units)
    assert_allclose(breakpoints(net, (-3, 3)), bends, rtol=0, atol=1e-12)


@pytest.mark.statement("prop-relu-kinks")
@pytest.mark.parametrize("hidden", [1, 2, 7])
def test_a_hidden_layer_of_h_units_can_have_all_of_its_pieces(hidden):
    net = MLP([1, hidden, 1], rng=0)
    net.weights[0][...], net.weights[1][...] = 1, 1
    net.biases[0][...] = np.arange(hidden)
    assert len(breakpoints(net, (-hidden, 1))) + 1 == hidden + 1


# --- arrays ----------------------------------------------------------------------------------


@each_dtype
@each_function
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3, 4)])
def test_shape_and_dtype_are_kept(name, dtype, shape):
    result = FUNCTIONS[name](np.ones(shape, dtype))
    assert result.shape == shape
    assert result.dtype == dtype


@each_function
def test_the_layout_in_memory_does_not_matter(name):
    x = np.random.default_rng(0).normal(0, 5, (4, 3, 5))
    expected = FUNCTIONS[name](x)
    for layout in layouts(x):  # read-only: writing to the input would raise
        result = FUNCTIONS[name](layout)
        assert_array_equal(result, expected)
        assert not np.shares_memory(result, layout)


@each_function
@pytest.mark.parametrize(
    "x",
    [[-1, 0, 2], (True, False), np.uint8([3, 1]), 2, np.float16([0.5])],
    ids=["integers", "booleans", "uint8", "number", "float16"],
)
def test_whatever_is_not_float32_becomes_float64(name, x):
    result = FUNCTIONS[name](x)
    assert result.dtype == np.float64
    assert_array_equal(result, FUNCTIONS[name](np.asarray(x, np.float64)))


@each_function
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ("abc", TypeError, "x must hold real numbers, got dtype <U3; expected float32, float64"),
        ([1j], TypeError, "x must hold real numbers, got dtype complex128"),
        (None, TypeError, "x must hold real numbers, got dtype object"),
        ([[1.0], [1.0, 2.0]], ValueError, "x must be a rectangular array .* rows differ in length"),
    ],
)
def test_bad_input_is_told_plainly(name, x, error, words):
    with pytest.raises(error, match=words):
        FUNCTIONS[name](x)


# --- the objects ------------------------------------------------------------------------------


def test_the_registry_cannot_be_written_to():
    with pytest.raises(TypeError):
        operator.setitem(ACTIVATIONS, "mine", relu)


@each_activation
def test_an_activation_says_what_it_is(activation):
    assert repr(activation) == f"<activation {activation.name}>"
    assert activation.formula.count("{") == activation.formula.count("}")
    assert activation.initialization in ("he", "glorot")
    assert get_activation(activation.name) is activation
    assert get_activation(activation) is activation


@each_activation
def test_an_activation_survives_copying_and_pickling(activation):
    for twin in (copy.deepcopy(activation), pickle.loads(pickle.dumps(activation))):
        assert twin == activation
        assert hash(twin) == hash(activation)
        assert twin.formula == activation.formula


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown activation 'swish'; known are gelu, .*, tanh"):
        get_activation("swish")


@pytest.mark.parametrize("activation", [None, ["relu"], np.tanh, type(relu)])
def test_what_is_no_activation_is_refused(activation):
    with pytest.raises(TypeError, match="activation must be a name or an Activation, got"):
        get_activation(activation)


def test_an_activation_of_ones_own_gets_floats_and_keeps_the_rules():
    class Square(Activation):
        name, formula = "square", "x^2"

        def value(self, x):
            return x * x

        def slope(self, x):
            return 2 * x

    square = Square()
    assert get_activation(square) is square
    assert square([1, -3]).dtype == np.float64
    assert_array_equal(square.derivative(np.float32([1, -3])), np.float32([2, -6]))


@given(st.floats(-10, 10), anywhere)
def test_leaky_relu_has_the_slope_it_is_given(slope, x):
    leaky = LeakyReLU(slope)
    assert leaky(x) == (x if x > 0 else slope * x)
    assert leaky.derivative(x) == (1 if x > 0 else slope)


def test_leaky_relu_with_slope_zero_is_relu_even_at_minus_inf():
    x = np.array([-np.inf, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, np.inf, np.nan])
    with quietly():
        assert_array_equal(LeakyReLU(0.0)(x), relu(x))
        assert_array_equal(LeakyReLU(0.0).derivative(x), relu.derivative(x))


def test_a_steep_leaky_relu_overflows_quietly_and_only_on_the_left():
    with quietly():
        assert_array_equal(LeakyReLU(10.0)([-1e308, 1e308]), [-np.inf, 1e308])


def test_the_formula_of_a_leaky_relu_names_its_slope():
    assert r"0.5\,x" in LeakyReLU(0.5).formula
    assert LeakyReLU().formula == LeakyReLU.formula == leaky_relu.formula


@pytest.mark.parametrize("slope", [np.nan, np.inf, -np.inf])
def test_leaky_relu_refuses_a_slope_that_is_not_finite(slope):
    with pytest.raises(ValueError, match=f"negative_slope must be finite, got {slope}"):
        LeakyReLU(slope)


@pytest.mark.parametrize("slope", ["0.1", None, [0.1], 1j])
def test_leaky_relu_refuses_a_slope_that_is_no_number(slope):
    with pytest.raises(TypeError, match="negative_slope must be a real number, got"):
        LeakyReLU(slope)


def test_an_activation_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        leaky_relu.negative_slope = 0.5
