"""nnlib.activations against exact values, torch, differences, and what the book says of them."""

import copy
import dataclasses
import operator
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    ACTIVATIONS,
    Activation,
    LeakyReLU,
    gelu,
    gelu_tanh,
    get_activation,
    identity,
    leaky_relu,
    relu,
    sigmoid,
    softplus,
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
@each_function
def test_exact_over_the_whole_range(name, dtype):
    assert_exact(name, whole_range(dtype))


@each_function
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
@given(x=st.floats(-20, 20).filter(lambda x: abs(x) > 0.01))
def test_derivative_is_the_limit_of_differences(activation, x):
    assert activation.derivative(x) == pytest.approx(
        difference(lambda t: activation(x + t)), rel=0, abs=3e-11
    )


@each_activation
def test_value_and_derivative_are_those_of_torch(activation):
    torch = pytest.importorskip("torch")
    functions = {
        "identity": lambda x: 1 * x,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": torch.nn.functional.leaky_relu,
        # Beyond its threshold torch's softplus is the identity.
        "softplus": lambda x: torch.nn.functional.softplus(x, threshold=100),
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    }
    # 0 is among the points: the slopes of torch at the kinks are ours.
    x = (torch.arange(-200, 201, dtype=torch.float64) / 10).requires_grad_()
    y = functions[activation.name](x)
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


@each_dtype
@each_function
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


@given(finite())
def test_sigmoid_slope_is_at_most_a_quarter(x):
    assert 0 <= sigmoid.derivative(x) <= 0.25 * (1 + 4e-16)


@given(anywhere)
def test_sigmoid_of_minus_x_is_the_other_share(x):
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1, rel=4e-16, abs=0)


@given(anywhere)
def test_tanh_is_a_stretched_sigmoid(x):
    assert tanh(x) == pytest.approx(2 * sigmoid(2 * x) - 1, rel=0, abs=4e-16)


@given(finite())
def test_softplus_is_at_least_relu_and_at_most_log_2_above(x):
    with np.errstate(over="ignore"):  # of the bound, at the largest float
        assert relu(x) <= softplus(x) <= (relu(x) + np.log(2)) * (1 + 4e-16)


@given(anywhere)
def test_softplus_on_both_sides_differs_by_x(x):
    assert softplus(x) - softplus(-x) == pytest.approx(x, rel=1e-15, abs=1e-15)


def test_tanh_gelu_is_within_the_error_that_the_book_states():
    x = np.linspace(-10, 10, 200_001)
    error = np.abs(gelu_tanh(x) - gelu(x))
    assert error.max() == pytest.approx(4.7324e-4, abs=1e-8)
    assert abs(x[error.argmax()]) == pytest.approx(2.69894, abs=1e-4)
    slope_error = np.abs(gelu_tanh.derivative(x) - gelu.derivative(x))
    assert slope_error.max() == pytest.approx(8.6845e-4, abs=1e-8)
    assert abs(x[slope_error.argmax()]) == pytest.approx(2.01866, abs=1e-4)


@pytest.mark.parametrize(("x", "share"), [(-2.229, 0.01), (-2.991, 0.1), (-4.123, 0.5), (-9, 1)])
def test_tanh_gelu_is_relatively_worse_and_worse_on_the_left(x, share):
    assert 1 - gelu_tanh(x) / gelu(x) == pytest.approx(share, rel=2e-3, abs=0)


def test_tanh_gelu_is_relatively_good_on_the_right():
    x = np.linspace(1e-3, 20, 20_000)
    assert np.abs(gelu_tanh(x) / gelu(x) - 1).max() <= 2.012e-4


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


def test_the_registry_lists_each_activation_by_its_name():
    assert set(ACTIVATIONS.values()) == {
        identity, sigmoid, tanh, relu, leaky_relu, softplus, gelu, gelu_tanh
    }  # fmt: skip
    assert all(activation.name == name for name, activation in ACTIVATIONS.items())


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

        def _value(self, x):
            return x * x

        def _slope(self, x):
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
