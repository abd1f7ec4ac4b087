"""nnlib.approximation: bounds against measured errors, pieces against exact rational arithmetic."""

import math
import tracemalloc
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    ACTIVATIONS,
    MLP,
    breakpoints,
    c2_bound,
    lipschitz_bound,
    modulus_bound,
    relu,
    relu_interpolant,
    sawtooth,
    sup_error,
)

seeds = st.integers(0, 2**32 - 1)
pieces_ = st.integers(1, 40)
intervals = st.tuples(st.floats(-50, 50), st.floats(0.01, 20)).map(lambda s: (s[0], s[0] + s[1]))
TOOTHED = [(0.0, 1.0), (-1.0, 1.0), (0.1, 0.7), (-3.0, -2.9), (1e6, 1e6 + 1), (-1e-30, 2e-30)]


class Waves:
    """A random sum of sines and an offset, with a Lipschitz constant and a bound of |f''|."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.offset = rng.normal(scale=10)
        self.size, self.pace, self.phase = rng.normal(size=(3, 4)) * [[1], [4], [1]]
        self.constant = np.abs(self.size * self.pace).sum()
        self.curvature = np.abs(self.size * self.pace**2).sum()

    def __call__(self, x):
        return self.offset + np.sin(np.multiply.outer(x, self.pace) + self.phase) @ self.size


class Roots:
    """A random sum of powers of distances and an offset: kinks (power 1) or cusps (power ½)."""

    def __init__(self, seed, power, interval):
        rng = np.random.default_rng(seed)
        self.power = power
        self.offset = rng.normal(scale=10)
        self.size = rng.normal(size=4)
        self.place = rng.uniform(*interval, size=4)

    def __call__(self, x):
        distance = np.abs(np.subtract.outer(x, self.place))
        return self.offset + distance**self.power @ self.size

    def modulus(self, delta):
        return np.abs(self.size).sum() * delta**self.power


functions = [Waves, lambda seed: Roots(seed, 1, (-50, 50))]


def rounding(f, pieces, interval):
    """What sums over all units may lose."""
    far = max(map(abs, interval)) + interval[1] - interval[0]
    values = f(np.linspace(*interval, pieces + 1))
    steepest = np.abs(np.diff(values)).max() * pieces / (interval[1] - interval[0])
    return 1e-14 * pieces * (np.abs(values).max() + steepest * far)


def one_layer(slopes, kinks, outer, offset=0.0):
    """The network offset + sum of outer * relu(slope * (x - kink))."""
    net = MLP([1, len(slopes), 1], rng=0)
    net.weights[0][:, 0] = slopes
    net.biases[0][...] = -np.asarray(slopes) * kinks
    net.weights[1][0] = outer
    net.biases[1][...] = offset
    return net


def random_net(layer_sizes, seed=0):
    net = MLP(layer_sizes, rng=seed)
    for bias in net.biases:
        bias[...] = np.random.default_rng(seed).normal(size=bias.shape)
    return net


# --- the interpolant -------------------------------------------------------------------------


@pytest.mark.parametrize("function", functions)
@given(seed=seeds, pieces=pieces_, interval=intervals)
def test_interpolant_equals_f_at_the_knots_and_is_straight_between(
    function, seed, pieces, interval
):
    f = function(seed)
    net = relu_interpolant(f, pieces, interval)
    knots = np.linspace(*interval, pieces + 1)
    between = np.random.default_rng(seed).uniform(*interval, 50)
    close = {"rtol": 0, "atol": rounding(f, pieces, interval)}
    assert_allclose(net(knots[:, None])[:, 0], f(knots), **close)
    assert_allclose(net(between[:, None])[:, 0], np.interp(between, knots, f(knots)), **close)


@pytest.mark.parametrize("interval", TOOTHED)
def test_offset_is_exact_at_the_left_end_and_stays_on_its_left(interval):
    net = relu_interpolant(lambda x: np.cos(x) + 7, 5, interval)
    assert_array_equal(net([[interval[0]], [interval[0] - 1]]), np.cos(interval[0]) + 7)


def test_interpolant_is_an_ordinary_network_and_asks_f_once():
    calls = []

    def f(x):
        calls.append(x.copy())
        return x.astype(int)  # integers will do

    net = relu_interpolant(f, np.int64(4), (0, 4))
    assert isinstance(net, MLP)
    assert (net.layer_sizes, net.activation, net.dtype) == ((1, 4, 1), relu, np.float64)
    assert_array_equal(calls, [[0, 1, 2, 3, 4]])
    assert_array_equal(net(np.arange(5)[:, None])[:, 0], np.arange(5))


def test_one_piece_is_the_chord():
    net = relu_interpolant(np.exp, 1)
    assert_allclose(net([[0.5]]), (1 + np.e) / 2)


def test_float32_values_are_interpolated_in_float64():
    def f(x):
        return np.exp(9 * x).astype(np.float32)

    knots = np.linspace(0, 1, 6)
    assert_allclose(relu_interpolant(f, 5)(knots[:, None])[:, 0], f(knots), rtol=1e-13)


# --- upper bounds ----------------------------------------------------------------------------


@pytest.mark.statement("prop-interpolant-error")
@given(seed=seeds, pieces=pieces_, interval=intervals)
def test_error_for_a_lipschitz_function_is_within_its_bound(seed, pieces, interval):
    f = Roots(seed, 1, interval)
    error = sup_error(f, relu_interpolant(f, pieces, interval), pieces, interval)
    assert error <= lipschitz_bound(f.modulus(1), pieces, interval) + rounding(f, pieces, interval)


@pytest.mark.statement("prop-interpolant-error")
@pytest.mark.parametrize("power", [0.25, 0.5, 1])
@given(seed=seeds, pieces=pieces_, interval=intervals)
def test_error_is_within_the_modulus_of_continuity(power, seed, pieces, interval):
    f = Roots(seed, power, interval)
    error = sup_error(f, relu_interpolant(f, pieces, interval), pieces, interval)
    assert error <= modulus_bound(f.modulus, pieces, interval) + rounding(f, pieces, interval)


@pytest.mark.statement("prop-interpolant-error")
@given(seed=seeds, pieces=pieces_, interval=intervals)
def test_error_for_a_c2_function_is_within_both_bounds(seed, pieces, interval):
    f = Waves(seed)
    error = sup_error(f, relu_interpolant(f, pieces, interval), pieces, interval)
    slack = rounding(f, pieces, interval)
    assert error <= c2_bound(f.curvature, pieces, interval) + slack
    assert error <= lipschitz_bound(f.constant, pieces, interval) + slack


@pytest.mark.statement("prop-interpolant-error")
@given(pieces=pieces_)
def test_modulus_bound_is_reached_by_plateaus_between_knots(pieces):
    def plateaus(x):  # 0 at the knots, 1 from a quarter of a piece on
        return np.minimum(1, 4 * np.abs(pieces * x - np.round(pieces * x)))

    error = sup_error(plateaus, relu_interpolant(plateaus, pieces), pieces)
    bound = modulus_bound(lambda r: min(1, 4 * pieces * r), pieces)
    assert_allclose(error, bound, rtol=1e-12)


@pytest.mark.statement("prop-interpolant-error")
def test_modulus_is_that_of_a_whole_piece_and_bounds_the_error_even_where_f_jumps():
    def stairs(x):  # -1, 0, -1, -2: down by 1 within half a piece, by 2 within the whole
        return np.select([x == 0, x < 0.5, x < 1], [-1, 0, -1], -2)

    error = sup_error(stairs, relu_interpolant(stairs, 1), 1, samples=1000)
    assert_allclose(error, 1.5, atol=2e-3)  # 0 against the chord's -1½, just left of the middle
    assert 1 < error < modulus_bound(lambda r: 1 if r <= 0.5 else 2, 1)


@pytest.mark.statement("prop-interpolant-error")
@pytest.mark.parametrize("constant", [1, 3])
def test_no_lipschitz_bound_holds_for_a_root(constant):
    pieces = 4 * constant**2 + 1  # from here on 1/(4 sqrt(n)) > constant/(2n)
    error = sup_error(np.sqrt, relu_interpolant(np.sqrt, pieces), pieces)
    assert error > lipschitz_bound(constant, pieces)


@pytest.mark.statement("prop-interpolant-error")
def test_c2_bound_needs_no_continuous_second_derivative_but_a_continuous_first():
    def halves(x):  # the second derivative jumps from -2 to 2
        return x * np.abs(x)

    def tent(x):  # it is 0 but at the tip, where the first jumps
        return np.abs(x)

    assert sup_error(halves, relu_interpolant(halves, 3, (-1, 1)), 3, (-1, 1)) <= c2_bound(
        2, 3, (-1, 1)
    ) * (1 + 1e-12)
    error = sup_error(tent, relu_interpolant(tent, 3, (-1, 1)), 3, (-1, 1))
    assert error > 0.3 > c2_bound(0, 3, (-1, 1))


@pytest.mark.statement("prop-interpolant-error")
@given(pieces=pieces_, interval=intervals, tooth=st.floats(0, 1), constant=st.floats(0.1, 10))
def test_tent_over_a_piece_attains_the_lipschitz_bound(pieces, interval, tooth, constant):
    width = (interval[1] - interval[0]) / pieces
    top = interval[0] + (int(tooth * (pieces - 1)) + 0.5) * width

    def tent(x):
        return 5 - constant * np.abs(x - top)

    error = sup_error(tent, relu_interpolant(tent, pieces, interval), pieces, interval)
    bound = lipschitz_bound(constant, pieces, interval)
    assert abs(error - bound) <= rounding(tent, pieces, interval)


@pytest.mark.statement("prop-interpolant-sharp")
@given(pieces=pieces_)
def test_tent_on_the_unit_interval_is_cut_off_by_odd_pieces_alone(pieces):
    def tent(x):
        return np.abs(x - 0.5)

    error = sup_error(tent, relu_interpolant(tent, pieces), pieces)
    assert_allclose(error, pieces % 2 / (2 * pieces), atol=1e-13)


@pytest.mark.statement("prop-interpolant-error", "prop-interpolant-sharp")
@given(pieces=pieces_, interval=intervals, offset=st.floats(-10, 10))
def test_parabola_attains_the_c2_bound(pieces, interval, offset):
    def parabola(x):
        return x * x + offset

    error = sup_error(parabola, relu_interpolant(parabola, pieces, interval), pieces, interval)
    assert abs(error - c2_bound(2, pieces, interval)) <= rounding(parabola, pieces, interval)


@pytest.mark.statement("prop-interpolant-sharp")
@given(pieces=st.integers(1, 60))
def test_square_root_has_error_one_over_four_root_n(pieces):
    error = sup_error(np.sqrt, relu_interpolant(np.sqrt, pieces), pieces)
    assert_allclose(error, 1 / (4 * np.sqrt(pieces)), rtol=1e-12)
    assert error <= modulus_bound(np.sqrt, pieces)


def test_twice_the_pieces_halve_the_lipschitz_and_quarter_the_c2_error():
    def tent(x):
        return np.abs(x - 1 / 3)  # 1/3 is never a knot, and always as far from one

    def errors(f):
        return np.array([sup_error(f, relu_interpolant(f, n), n, samples=96) for n in (32, 64)])

    assert_allclose(errors(np.exp)[0] / errors(np.exp)[1], 4, rtol=0.05)
    assert_allclose(errors(tent)[0] / errors(tent)[1], 2, rtol=1e-10)
    assert lipschitz_bound(3, 32) == 2 * lipschitz_bound(3, 64)
    assert c2_bound(3, 32) == 4 * c2_bound(3, 64)


def test_bounds_of_a_constant_are_0():
    assert lipschitz_bound(0, 3) == c2_bound(0, 3) == 0
    assert sup_error(np.ones_like, relu_interpolant(np.ones_like, 3), 3) == 0


# --- measuring -------------------------------------------------------------------------------


def test_a_grid_of_knots_would_report_no_error():
    net = relu_interpolant(np.sin, 16, (0, np.pi))
    knots = np.linspace(0, np.pi, 17)
    assert np.abs(net(knots[:, None])[:, 0] - np.sin(knots)).max() < 1e-14
    error = sup_error(np.sin, net, 16, (0, np.pi))
    # The largest is in the middle pieces, where |sin''| is nearly 1.
    assert_allclose(error, c2_bound(1, 16, (0, np.pi)), rtol=0.01)


@pytest.mark.parametrize("bad", range(7))
def test_an_error_within_any_single_piece_is_seen(bad):
    def wrong(x):
        return np.maximum(0, 0.1 - np.abs(x - (bad + 0.5)))

    assert_allclose(sup_error(np.zeros_like, wrong, 7, (0, 7)), 0.1)


def test_functions_and_networks_may_stand_on_either_side():
    net = relu_interpolant(np.square, 4)

    def same(x):
        return net(x[:, None])[:, 0]

    assert sup_error(net, net, 4) == sup_error(net, same, 4) == sup_error(same, net, 4) == 0
    assert sup_error(np.square, net, 4) == sup_error(net, np.square, 4) == 1 / 64


def test_a_network_too_wide_for_one_evaluation_is_measured_in_parts():
    net = relu_interpolant(np.sin, 300)
    points = np.linspace(0, 1, 300 * 64 + 1)
    whole = np.abs(net(points[:, None])[:, 0] - np.sin(points)).max()
    tracemalloc.start()
    assert_allclose(sup_error(np.sin, net, 300), whole, atol=1e-14)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < points.size * 300 * 8  # the hidden layer at all points


# --- lower bounds ----------------------------------------------------------------------------


def zigzag(teeth, interval=(0, 1), slope=1):
    """Slopes +-slope in turn over equal pieces; the teeth are 0 and their height in turn."""
    ends = np.linspace(*interval, teeth + 1)
    height = slope * (interval[1] - interval[0]) / teeth
    return lambda x: np.interp(x, ends, np.arange(teeth + 1) % 2 * height)


def one_unit_a_bend(teeth):
    """A network of teeth - 1 units that is 1/4, 5/4, 1/4, 3/4, 1/4, 3/4, ... at the ends of teeth.

    The third unit opens leftward and gives the slope on the left; the heights leave it no choice.
    """
    kinks = np.arange(1, teeth) / teeth
    slopes, bends = np.ones(teeth - 1), teeth * (-1.0) ** np.arange(1, teeth)
    slopes[2], bends[:2] = -1, [-2 * teeth, 1.5 * teeth]
    return one_layer(slopes, kinks, bends, offset=1 / 4 + teeth * kinks[2])


def best_of(f, h, seed, interval=(0, 1)):
    """The least-squares fit to f with h units at random kinks, half of them opening leftward."""
    rng = np.random.default_rng(seed)
    a, b = interval
    kinks = a + (b - a) * (np.arange(h) + rng.uniform(size=h)) / h
    net = one_layer(rng.choice([-1.0, 1.0], h), kinks, np.zeros(h))
    x = np.linspace(a, b, 400)
    hidden = np.c_[net.layer_outputs(x[:, None])[1], np.ones(400)]
    solution = np.linalg.lstsq(hidden, f(x), rcond=None)[0]
    net.weights[1][0], net.biases[1][0] = solution[:-1], solution[-1]
    return net


def least_error_lipschitz(constant, h, interval=(0, 1)):
    return constant * (interval[1] - interval[0]) / (2 * (h + 2))


def least_error_curved(curvature, h, interval=(0, 1)):
    return curvature * (interval[1] - interval[0]) ** 2 / (16 * (h + 1) ** 2)


moderate_intervals = st.tuples(st.floats(-2, 2), st.floats(0.1, 5)).map(lambda s: (s[0], sum(s)))


@pytest.mark.statement("prop-lower-bounds")
@given(h=st.integers(1, 12), pace=st.floats(-5, 5), seed=seeds)
def test_no_fit_to_a_curved_function_beats_the_lower_bound(h, pace, seed):
    def f(x):
        return x * x + np.exp(pace * x)  # a second derivative of at least 2

    assert sup_error(f, best_of(f, h, seed), 40) >= least_error_curved(2, h)


@pytest.mark.statement("prop-lower-bounds")
@given(h=st.integers(1, 12), slope=st.floats(0.1, 9), interval=moderate_intervals, seed=seeds)
def test_no_fit_to_a_zigzag_beats_the_lower_bound(h, slope, interval, seed):
    f, bound = zigzag(h + 2, interval, slope), least_error_lipschitz(slope, h, interval)
    assert sup_error(f, best_of(f, h, seed, interval), h + 2, interval) >= bound * (1 - 1e-9)
    # It is reached: by what is flat halfway up.
    halfway = one_layer(np.ones(h), np.zeros(h), np.zeros(h), offset=bound)
    assert_allclose(sup_error(f, halfway, h + 2, interval), bound, rtol=1e-9)


@pytest.mark.statement("prop-lower-bounds")
@given(h=st.integers(2, 40))
def test_a_unit_more_gets_below_the_lower_bound_for_a_zigzag(h):
    net, f = one_unit_a_bend(h + 2), zigzag(h + 2, slope=h + 2)
    assert net.layer_sizes == (1, h + 1, 1)
    assert_allclose(sup_error(f, net, h + 2), least_error_lipschitz(h + 2, h) / 2, rtol=1e-9)


@pytest.mark.statement("prop-lower-bounds")
def test_a_second_hidden_layer_gets_below_the_lower_bound_for_a_zigzag():
    # Eight teeth, so none of one layer with six units; six units in three layers draw them.
    net = sawtooth(3)
    assert sum(net.layer_sizes[1:-1]) == 6
    assert sup_error(zigzag(8, slope=8), net, 8) == 0 < least_error_lipschitz(8, 6)


def lowered_chords(curvature, h, half):
    """h + 1 equal chords of curvature x²/2 over [-half, half], lowered by half their error.

    The units on the left open leftward, so that the middle piece is flat and none is wasted.
    """
    kinks = np.linspace(-half, half, h + 2)[1:-1]
    width = 2 * half / (h + 1)
    flat = curvature * kinks[h // 2] ** 2 / 2
    bends = np.full(h, curvature * width)
    return one_layer(np.sign(kinks), kinks, bends, offset=flat - curvature * width**2 / 16)


@pytest.mark.statement("prop-lower-bounds")
@given(h=st.sampled_from([2, 4, 10]), curvature=st.floats(0.1, 9), half=st.floats(0.1, 5))
def test_lower_bound_for_a_parabola_is_attained(h, curvature, half):
    def parabola(x):
        return curvature * x * x / 2

    interval = (-half, half)
    error = sup_error(parabola, lowered_chords(curvature, h, half), h + 1, interval)
    assert_allclose(error, least_error_curved(curvature, h, interval), rtol=1e-9)


@pytest.mark.statement("prop-lower-bounds")
@pytest.mark.parametrize("h", [3, 4, 10])
def test_lower_bound_needs_the_curvature_on_the_whole_interval(h):
    def f(x):  # f'' = 2 on the right half of [-1, 1], on the left 0
        return np.maximum(x, 0) ** 2

    net = relu_interpolant(f, h)  # its units all open at 0 or on the right of it
    assert sup_error(f, net, 2 * h, (-1, 1)) < least_error_curved(2, h, (-1, 1))


@given(pieces=pieces_, interval=intervals)
def test_interpolant_of_a_parabola_obeys_the_lower_bound(pieces, interval):
    error = sup_error(np.square, relu_interpolant(np.square, pieces, interval), pieces, interval)
    bound = least_error_curved(2, pieces, interval)
    assert error >= bound - rounding(np.square, pieces, interval)


def least_parameters(eps, dimension, bits):
    """The book's lower bound for parameters of so many bits."""
    return (1 / (2 * eps) + 1) ** dimension / bits


def distances(points, others):
    return np.linalg.norm(points[:, None] - others, axis=-1)


@pytest.mark.statement("prop-counting")
@given(dimension=st.integers(1, 3), cells=st.integers(1, 4), seed=seeds)
def test_any_signs_on_the_grid_are_those_of_a_lipschitz_function(dimension, cells, seed):
    # cells = 1/(2 eps). McShane's extension, cut off, goes through all values, is 1-Lipschitz, and
    # nowhere larger. Any norm would do: a step on the grid has the length 2 eps in each.
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(cells + 1) / cells] * dimension), -1)
    grid = grid.reshape(-1, dimension)
    assert len(grid) == (cells + 1) ** dimension
    eps = 1 / (2 * cells)
    assert len(grid) == pytest.approx(least_parameters(eps, dimension, bits=1))
    values = rng.choice([-eps, eps], len(grid))

    def f(x):
        return (values + distances(x, grid)).min(axis=1).clip(-eps, eps)

    assert_allclose(f(grid), values, atol=1e-14)
    x = rng.uniform(size=(100, dimension))
    assert (np.abs(f(x)[:, None] - f(x)) <= distances(x, x) + 1e-14).all()
    # A smaller constant would not do where neighbors have different signs.
    assert distances(grid, grid)[0].max() == 0 or np.sort(distances(grid, grid)[0])[1] == 2 * eps


def settings_of(net, last):
    """The values on a grid of networks that have one of these rows as their last weights."""

    def at(x):
        hidden = net.layer_outputs(x[:, None])[-2]
        return np.array([hidden @ row for row in last])

    return at


@pytest.mark.statement("prop-counting")
@given(cells=st.integers(1, 4), seed=seeds)
def test_with_a_bit_less_than_the_bound_some_function_is_left_out(cells, seed):
    # 2 eps = 1/cells. Of h parameters of one bit each, any 2^h settings: here those of the output
    # weights. Whatever the hidden units, the networks reach at most 2^h patterns of signs, and a
    # function of another pattern is eps away at a point of the grid.
    eps, rng = 1 / (2 * cells), np.random.default_rng(seed)
    h = math.ceil(least_parameters(eps, 1, bits=1)) - 1
    net = random_net([1, h, 1], seed)
    last = np.array(list(product(*rng.normal(size=(h, 2)))))
    values = settings_of(net, last)(np.linspace(0, 1, cells + 1))
    signs = np.array(list(product([-1, 1], repeat=cells + 1)))
    errors = np.abs(eps * signs[:, None] - values).max(axis=-1).min(axis=1)
    assert (errors >= eps).any()


steps = st.lists(st.floats(-1, 1), min_size=24, max_size=24)


@pytest.mark.statement("prop-counting")
@pytest.mark.parametrize(("eps", "met"), [(1 / 2, True), (1 / 3, False)])
@given(start=st.floats(-0.5, 0.5), steps=steps, sharp=st.booleans())
@example(start=0.5, steps=[-1] * 24, sharp=False)  # from eps down to -eps
@example(start=-0.5, steps=[1] * 24, sharp=False)
def test_two_bits_serve_all_functions_of_the_size_eps_on_an_interval(eps, met, start, steps, sharp):
    # The proof's functions, with values in [-eps, eps]. The parameters are the values at 0 and at 1
    # of a straight network, each +-1/20. For eps = 1/2 the bound is 2 of one bit: it is reached, so
    # 1/32 is the best constant for 32 bits. For eps = 1/3, 1/(2 eps) is no integer, and the bound
    # would be 2.5, which is too much.
    assert (2 >= least_parameters(eps, 1, bits=1)) == met
    steps = np.sign(steps) if sharp else steps
    f = np.empty(25)
    f[0] = np.clip(start, -eps, eps)
    for i, step in enumerate(steps):
        f[i + 1] = np.clip(f[i] + step / 24, -eps, eps)
    net = MLP([1, 2, 1], rng=0)
    net.weights[0][:, 0], net.biases[0][...] = [1, -1], [0, 1]  # hidden units x and 1 - x
    x = np.linspace(0, 1, 25)
    values = settings_of(net, np.array(list(product([-0.05, 0.05], repeat=2))))(x)
    assert np.abs(f - values).max(axis=1).min() < eps


@pytest.mark.statement("prop-counting")
def test_no_finite_set_of_settings_serves_lipschitz_functions_of_any_size():
    # So the statement must bound f: constants are Lipschitz, and one is farther than all outputs.
    values = settings_of(random_net([1, 3, 1]), np.eye(3))(np.linspace(0, 1, 5))
    assert np.abs(values - (values.max() + 1)).max(axis=1).min() >= 1


# --- universal approximation -----------------------------------------------------------------


def grid_of(dimension, points):
    axes = np.meshgrid(*[np.linspace(-1, 1, points)] * dimension)
    return np.stack(axes, axis=-1).reshape(-1, dimension)


def peaks(x):
    return np.abs(x - 0.2).max(axis=-1)


@pytest.mark.statement("thm-universal-approximation")
@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"identity"}))
def test_wide_layers_of_any_activation_that_is_no_polynomial_come_close(activation, dimension):
    # Random hidden units, the best output weights, no output bias. All of these activations are
    # continuous: what the theorem asks of discontinuous ones is cited, not tested.
    rng = np.random.default_rng(0)
    net = MLP([dimension, 400, 1], activation, rng=0)
    net.weights[0][...] = rng.normal(scale=4, size=(400, dimension))
    net.biases[0][...] = rng.uniform(-4, 4, size=400)
    x, between = grid_of(dimension, 41), grid_of(dimension, 101)
    hidden = net.layer_outputs(x)[1]
    net.weights[1][0] = np.linalg.lstsq(hidden, peaks(x), rcond=1e-10)[0]
    assert np.abs(net(between)[:, 0] - peaks(between)).max() < 0.1


@pytest.mark.statement("thm-universal-approximation")
@given(degree=st.integers(0, 5), units=st.integers(1, 100), seed=seeds)
def test_polynomials_of_any_width_stay_off_a_power_of_higher_degree(degree, units, seed):
    # Differences of order degree + 1 are 0 for the network and (degree + 1)! r^(degree + 1) for the
    # power; they have coefficients that add up to 2^(degree + 1) in size.
    rng = np.random.default_rng(seed)
    order = degree + 1
    x = np.linspace(-1, 1, order + 1)
    sigma = np.polynomial.Polynomial(rng.normal(size=order))
    hidden = sigma(np.multiply.outer(x, rng.normal(size=units)) + rng.normal(size=units))
    best = hidden @ np.linalg.lstsq(hidden, x**order, rcond=1e-10)[0]
    bound = math.factorial(order) * (2 / order) ** order / 2**order
    assert np.abs(x**order - best).max() >= bound * (1 - 1e-6)


@pytest.mark.statement("thm-universal-approximation")
@given(units=st.integers(1, 50), seed=seeds)
def test_a_polynomial_almost_everywhere_is_no_better_than_a_polynomial(units, seed):
    # 1 at 0 and 0 elsewhere: each unit is seen at one point, or is constant.
    rng = np.random.default_rng(seed)
    places = rng.uniform(size=units)
    weights = rng.integers(0, 2, units)
    x = np.linspace(0, 1, 201)
    hidden = 1.0 * (np.multiply.outer(x, weights) == places * weights)
    best = hidden @ np.linalg.lstsq(hidden, x, rcond=None)[0]
    assert np.ptp(best[~hidden[:, weights > 0].any(axis=1)]) == pytest.approx(0, abs=1e-12)
    assert np.abs(x - best).max() >= 0.49


@pytest.mark.statement("thm-universal-approximation")
@given(h=st.integers(1, 50), seed=seeds)
def test_no_width_comes_close_to_a_jump_or_to_a_sine_on_the_whole_line(h, seed):
    net = random_net([1, h, 1], seed)
    around = np.array([[-1e-9], [1e-9]])
    slope = np.abs(net.weights[1]) @ np.abs(net.weights[0])
    assert np.abs(net(around) - (around > 0)).max() >= 0.5 - 1e-9 * slope.item()
    # Beyond the last kink the network is straight: it misses a top, a bottom and a top by 1.
    last = np.abs(net.biases[0] / net.weights[0][:, 0]).max()
    far = 2 * np.pi * np.ceil(last) + np.pi / 2 * np.array([[1], [3], [5]])
    assert np.abs(net(far) - np.sin(far)).max() >= 1 - 1e-9 * (1 + np.abs(net(far)).max())


# --- depth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 7, 25, 50])
def test_sawtooth_is_the_tent_map_as_often_as_it_is_deep(depth):
    x = np.random.default_rng(0).random(1000)  # multiples of 2**-53: no step rounds
    folded = x
    for _ in range(depth):
        folded = 2 * np.minimum(folded, 1 - folded)
    assert_array_equal(sawtooth(depth)(x[:, None])[:, 0], folded)


@pytest.mark.statement("prop-depth")
@pytest.mark.parametrize("depth", [1, 2, 3, 8, 12])
def test_sawtooth_has_two_to_the_depth_pieces_with_two_units_a_layer(depth):
    net = sawtooth(depth)
    assert net.layer_sizes == (1, *[2] * depth, 1)
    teeth = np.arange(2**depth + 1) / 2**depth
    assert_array_equal(breakpoints(net), teeth[1:-1])
    assert_array_equal(net(teeth[:, None])[:, 0], np.arange(len(teeth)) % 2)


@pytest.mark.statement("prop-depth")
@given(depth=st.integers(2, 4), fewer=st.integers(2, 10), seed=seeds)
def test_no_shallow_fit_with_fewer_units_comes_within_half_of_the_sawtooth(depth, fewer, seed):
    deep = sawtooth(depth)

    def f(x):
        return deep(x[:, None])[:, 0]

    h = max(1, 2**depth - fewer)
    assert sup_error(f, best_of(f, h, seed), 2**depth) >= 0.5 - 1e-12


@pytest.mark.statement("prop-depth")
@pytest.mark.parametrize("depth", [2, 3, 5, 8])
def test_the_fewest_units_for_the_sawtooth_are_those_of_the_book(depth):
    # For depth 1 they are 2: one unit is flat on one side, the tent on none.
    net = one_unit_a_bend(2**depth)
    assert net.layer_sizes == (1, 2**depth - 1, 1)
    assert sup_error(sawtooth(depth), net, 2**depth) == pytest.approx(1 / 4, abs=1e-9)
    # At ½ itself no unit is needed.
    assert sup_error(sawtooth(depth), lambda x: np.full_like(x, 0.5), 2**depth) == 0.5


# --- breakpoints -----------------------------------------------------------------------------


def exact_breakpoints(net, a, b):
    """Breakpoints of a network with the rational arithmetic of the weights' decimal values."""
    layers = [
        ([[Fraction(str(v)) for v in row] for row in weight], [Fraction(str(v)) for v in bias])
        for weight, bias in zip(net.weights, net.biases, strict=True)
    ]

    def linear(layer, rows):
        weight, bias = layers[layer]
        return [
            [sum(map(Fraction.__mul__, w, row), c) for w, c in zip(weight, bias, strict=True)]
            for row in rows
        ]

    def evaluated(points, depth):
        rows = [[t] for t in points]
        for layer in range(depth):
            rows = [[max(z, Fraction(0)) for z in row] for row in linear(layer, rows)]
        return linear(depth, rows)

    points = [Fraction(a), Fraction(b)]
    for depth in range(len(layers) - 1):
        found = set(points)
        for (s, left), (t, right) in pairwise(zip(points, evaluated(points, depth), strict=True)):
            found |= {
                s + (t - s) * y / (y - z) for y, z in zip(left, right, strict=True) if y * z < 0
            }
        points = sorted(found)
    values = [row[0] for row in evaluated(points, len(layers) - 1)]
    slopes = [(z - y) / (t - s) for (s, y), (t, z) in pairwise(zip(points, values, strict=True))]
    return [float(t) for t, (m, n) in zip(points[1:-1], pairwise(slopes), strict=True) if m != n]


@given(
    layer_sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    unit=st.sampled_from([1.0, 0.5, 0.1, 0.3]),
    seed=seeds,
)
def test_breakpoints_are_those_of_exact_arithmetic(layer_sizes, unit, seed):
    # Small multiples of one number: kinks coincide, cancel and lie at the ends, units are dead.
    # Decimal ones such as 0.3 are not exact in binary: what should coincide is an ulp apart.
    net = MLP([1, *layer_sizes, 1], rng=0)
    digits = np.random.default_rng(seed).integers(-2, 3, net.n_parameters)
    net.theta[...] = (unit * digits).round(1)
    found, exact = breakpoints(net, (-2, 3)), exact_breakpoints(net, -2, 3)
    assert len(found) == len(exact)
    assert_allclose(found, exact, rtol=0, atol=1e-11)


@pytest.mark.statement("prop-piece-count")
@given(
    units=st.lists(
        st.tuples(
            st.integers(-3, 3),  # slope
            st.integers(-1, 11),  # kink, in tenths
            st.integers(-2, 2),  # outer weight
            st.floats(0.1, 10),  # a factor inside, and its inverse outside
        ),
        min_size=1,
        max_size=12,
    )
)
@example(units=[(1, 3, 1, 1.0), (-1, 3, 1, 1.0)])  # 1 * |1| + 1 * |-1|: a bend
@example(units=[(1, 3, 1, 1.0), (-1, 3, -1, 1.0)])  # 1 * |1| - 1 * |-1|: none, a straight line
@example(units=[(0, 3, 1, 1.0)])  # it has no kink; nothing else is wrong with a weight 0
def test_one_layer_has_a_piece_more_than_kinks_that_do_not_cancel(units):
    slopes, kinks, outer, factor = map(np.array, zip(*units, strict=True))
    net = one_layer(slopes * factor, kinks / 10, outer / factor)
    bends = {t: (outer * np.abs(slopes))[kinks == t].sum() for t in range(1, 10)}
    expected = [t / 10 for t, bend in bends.items() if bend != 0]
    found = breakpoints(net)
    assert len(found) == len(expected) <= len(units)
    assert_allclose(found, expected, atol=1e-12)


@given(layer_sizes=st.lists(st.integers(1, 8), max_size=4), seed=seeds)
def test_between_breakpoints_the_network_is_straight_and_at_them_it_bends(layer_sizes, seed):
    interval = (-3, 3)
    net = random_net([1, *layer_sizes, 1], seed)
    inner = breakpoints(net, interval)
    assert (np.diff(inner) > 0).all()
    assert len(inner) + 1 <= np.prod([n + 1 for n in layer_sizes])
    ends = np.r_[interval[0], inner, interval[1]]
    points = ends[:-1, None] + np.diff(ends)[:, None] * np.linspace(0.01, 0.99, 5)
    values = net(points[..., None])[..., 0]
    chords = (values[:, -1] - values[:, 0]) / (points[:, -1] - points[:, 0])
    lines = values[:, :1] + chords[:, None] * (points - points[:, :1])
    assert_allclose(values, lines, rtol=0, atol=1e-12 * (1 + np.abs(values).max()))
    # Narrow pieces leave a quotient no digits.
    wide = np.minimum(np.diff(ends)[:-1], np.diff(ends)[1:]) > 1e-3
    assert (np.diff(chords)[wide] != 0).all()


@pytest.mark.parametrize("interval", TOOTHED)
@pytest.mark.parametrize("size", [1e-100, 1e-9, 1.0, 1e100])
def test_breakpoints_of_an_interpolant_are_its_inner_knots_at_any_scale(interval, size):
    a, b = interval

    def f(x):
        return size * ((x - a) / (b - a)) ** 2

    expected = np.linspace(a, b, 9)[1:-1]
    found = breakpoints(relu_interpolant(f, 8, interval), interval)
    assert_allclose(found, expected, rtol=1e-14, atol=1e-14 * (b - a))


def test_straight_and_constant_interpolants_have_no_breakpoints():
    for f in (np.zeros_like, np.ones_like, lambda x: 3 * x - 1, lambda x: -x):
        assert breakpoints(relu_interpolant(f, 10, (0.1, 0.7)), (0.1, 0.7)).size == 0


def test_a_linear_layer_alone_has_no_breakpoints():
    assert breakpoints(MLP([1, 1], rng=0)).shape == (0,)


def test_dead_and_constant_units_make_no_pieces():
    net = one_layer([0, 0, 1, -1, 1], [0, 0, 5, -5, 0.5], np.ones(5))
    net.biases[0][:2] = [3, -3]
    assert breakpoints(net).tolist() == [0.5]


@pytest.mark.parametrize("size", [1, 3, 0.1, 1e-200, 1e150])
def test_kinks_at_the_ends_are_not_inside(size):
    # 3 * 0.1 - 0.3 is not 0 in floating point, but it is meant to be.
    net = one_layer([size, -size, size, -size], [0.1, 0.1, 0.7, 0.7], [1, 2, 3, 4])
    assert breakpoints(net, (0.1, 0.7)).size == 0
    assert_allclose(breakpoints(net, (0.0, 0.7)), [0.1])
    assert_allclose(breakpoints(net, (0.1, 0.8)), [0.7])


def test_kinks_that_are_close_but_apart_are_two():
    net = one_layer([1, 1], [0.5, 0.5 + 1e-9], [1, -1])
    assert_allclose(breakpoints(net), [0.5, 0.5 + 1e-9], rtol=1e-12)


@pytest.mark.parametrize("size", [2.0**-100, 1, 2.0**100])
def test_kinks_a_rounding_apart_cancel(size):
    net = one_layer([1, 3], [0, 0], [3, -1])
    net.biases[0][...] = [-0.1 * size, -0.3 * size]
    assert net.biases[0][1] / 3 != net.biases[0][0]
    assert breakpoints(net, (0, size)).size == 0


def test_bends_that_cancel_but_for_rounding_are_none():
    assert 0.1 + 0.2 - 0.3 != 0
    assert breakpoints(one_layer([1, 1, 1], [0.5] * 3, [0.1, 0.2, -0.3])).size == 0


def test_a_steep_piece_does_not_hide_a_slight_bend_elsewhere():
    net = one_layer([-1, 1], [0.25, 0.5], [1e14, 1])
    assert breakpoints(net).tolist() == [0.25, 0.5]


def test_a_unit_that_is_zero_but_for_rounding_makes_no_pieces():
    # 0.1 a + 0.2 a - 0.3 a is 0, and 5e-17 a in floating point.
    net = MLP([1, 3, 1, 1], rng=0)
    net.theta[...] = [1, 1, 1, 0, 0, 0, 0.1, 0.2, -0.3, 0, 1, 0]
    assert net([[1.0]]) != 0
    net.biases[1][...] = -2e-17
    assert breakpoints(net).size == 0


@given(seed=seeds)
def test_units_in_shares_of_any_scale_make_the_same_pieces(seed):
    rng = np.random.default_rng(seed)
    net = random_net([1, 5, 5, 5, 1], rng)
    twin = MLP([1, 10, 10, 10, 1], rng=0)
    shares = [np.ones(1)]  # what the outputs of the layer before count
    for layer, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        columns = weight if layer == 0 else np.hstack([0.3 * weight, 0.7 * weight / shares[-1]])
        if layer < 3:  # every hidden unit once as it is, once scaled
            shares.append(rng.uniform(0.1, 10, 5))
            columns = np.vstack([columns, columns * shares[-1][:, None]])
            bias = np.r_[bias, bias * shares[-1]]
        twin.weights[layer][...], twin.biases[layer][...] = columns, bias
    assert_allclose(breakpoints(twin, (-3, 3)), breakpoints(net, (-3, 3)), atol=1e-11)


def test_breakpoints_of_a_float32_network():
    net = MLP([1, 2, 1], rng=0, dtype=np.float32)
    net.theta[...] = [1, 1, -0.25, -0.75, 1, -1, 0]
    assert breakpoints(net).tolist() == [0.25, 0.75]


# --- bad input -------------------------------------------------------------------------------


BAD_PIECES = [
    (0, ValueError, "pieces must be at least 1, got 0"),
    (-3, ValueError, "pieces must be at least 1"),
    (2.0, TypeError, "pieces must be an integer, got 2.0"),
    (True, TypeError, "pieces must be an integer, got True"),
    (None, TypeError, "pieces must be an integer, got None"),
]
BAD_INTERVALS = [
    ((1, 0), ValueError, r"a < b, got \(1, 0\)"),
    ((1, 1), ValueError, "finite numbers a < b"),
    ((0, np.inf), ValueError, "finite numbers"),
    ((np.nan, 1), ValueError, "finite numbers"),
    ((-1.5e308, 1.5e308), ValueError, "finite numbers"),
    ((0,), ValueError, "a pair of"),
    ((0, 1, 2), ValueError, r"a pair of .* got \(0, 1, 2\)"),
    (("0", "1"), TypeError, "a pair of"),
    (1.0, TypeError, "a pair of finite numbers a < b, got 1.0"),
    (None, TypeError, "a pair of"),
    ((None, 1), TypeError, "a pair of"),
]
USERS = {
    "relu_interpolant": lambda pieces, interval: relu_interpolant(np.sin, pieces, interval),
    "sup_error": lambda pieces, interval: sup_error(np.sin, np.cos, pieces, interval),
    "modulus_bound": lambda pieces, interval: modulus_bound(np.sqrt, pieces, interval),
    "lipschitz_bound": lambda pieces, interval: lipschitz_bound(1, pieces, interval),
    "c2_bound": lambda pieces, interval: c2_bound(1, pieces, interval),
    "breakpoints": lambda _, interval: breakpoints(sawtooth(1), interval),
}


@pytest.mark.parametrize("user", [user for user in USERS if user != "breakpoints"])
@pytest.mark.parametrize(("pieces", "error", "words"), BAD_PIECES)
def test_bad_pieces_are_told_plainly(user, pieces, error, words):
    with pytest.raises(error, match=words):
        USERS[user](pieces, (0, 1))


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(("interval", "error", "words"), BAD_INTERVALS)
def test_bad_intervals_are_told_plainly(user, interval, error, words):
    with pytest.raises(error, match=words):
        USERS[user](3, interval)


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: 1.0, ValueError, r"f must return one finite number for each of 4 .* shape \(\)"),
        (lambda x: x[:2], ValueError, r"got shape \(2,\)"),
        (lambda x: x[:, None], ValueError, r"got shape \(4, 1\)"),
        (lambda x: x / [1, 1, 1, np.inf] * np.nan, ValueError, "not finite"),
        (lambda x: x + np.inf, ValueError, "not finite"),
        (lambda x: x + 1j, TypeError, "f must hold real numbers, got dtype complex128"),
        (lambda x: None, TypeError, "f must hold real numbers, got dtype object"),
        (lambda x: ["a"] * 4, TypeError, "f must hold real numbers"),
    ],
)
def test_functions_of_another_kind_are_told_plainly(f, error, words):
    with pytest.raises(error, match=words):
        relu_interpolant(f, 3)


@pytest.mark.parametrize(
    ("pieces", "interval"), [(10, (1e16, 1e16 + 4)), (5, (0, 1e-323)), (3, (0, 5e-324))]
)
def test_pieces_narrower_than_rounding_are_refused(pieces, interval):
    with pytest.raises(ValueError, match=f"{pieces} pieces of .* too narrow"):
        relu_interpolant(np.cos, pieces, interval)


def test_slopes_that_overflow_are_refused():
    with pytest.raises(ValueError, match="a slope overflows"):
        relu_interpolant(lambda x: np.where(x > 0.5, 1e308, -1e308), 4)


@pytest.mark.parametrize(
    ("g", "samples", "error", "words"),
    [
        (lambda x: 1.0, 64, ValueError, r"^g must return one finite number"),
        (MLP([1, 3, 2], rng=0), 64, ValueError, r"^g must return one .* got shape \(193, 2\)"),
        (MLP([2, 3, 1], rng=0), 64, ValueError, "the network has 2 inputs"),
        (np.cos, 1, ValueError, "samples must be at least 2, got 1"),
        (np.cos, 2.5, TypeError, "samples must be an integer, got 2.5"),
    ],
)
def test_bad_approximations_and_samples_are_told_plainly(g, samples, error, words):
    with pytest.raises(error, match=words):
        sup_error(np.sin, g, 3, samples=samples)


@pytest.mark.parametrize("bound", [lipschitz_bound, c2_bound])
@pytest.mark.parametrize(
    ("constant", "error"),
    [
        (-1, ValueError),
        (np.nan, ValueError),
        (np.inf, ValueError),
        ("1", TypeError),
        (None, TypeError),
    ],
)
def test_bad_constants_are_told_plainly(bound, constant, error):
    with pytest.raises(error, match=rf"^(constant|curvature) must be .* got {constant!r}"):
        bound(constant, 3)


@pytest.mark.parametrize(
    ("depth", "error", "words"),
    [
        (0, ValueError, "depth must be at least 1, got 0"),
        (51, ValueError, "depth must be at most 50, got 51"),
        (2.0, TypeError, "depth must be an integer, got 2.0"),
    ],
)
def test_bad_depths_are_told_plainly(depth, error, words):
    with pytest.raises(error, match=words):
        sawtooth(depth)


@pytest.mark.parametrize(
    ("net", "error", "words"),
    [
        (np.sin, TypeError, "net must be an nnlib.MLP, got ufunc"),
        (MLP([1, 3, 1], "tanh"), ValueError, r"got tanh with layer_sizes \(1, 3, 1\)"),
        (MLP([2, 3, 1]), ValueError, "one input and one output"),
        (MLP([1, 3, 2]), ValueError, "one input and one output"),
    ],
)
def test_networks_of_another_kind_are_told_plainly(net, error, words):
    with pytest.raises(error, match=words):
        breakpoints(net)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_breakpoints_of_a_network_that_is_not_finite_are_refused(value):
    net = sawtooth(2)
    net.weights[1][0, 0] = value
    with pytest.raises(ValueError, match="finite weights"):
        breakpoints(net)


# --- whatever a function does with its points ----------------------------------------------------


def doubled(x):
    x *= 2
    return x


def test_a_function_that_writes_into_its_points_is_asked_at_the_knots_all_the_same():
    net = relu_interpolant(doubled, pieces=2)
    assert net([[0.0], [0.25], [1.0]]).tolist() == [[0.0], [0.5], [2.0]]
    assert sup_error(doubled, lambda x: 2 * x, pieces=3) == 0
    assert sup_error(lambda x: 2 * x, doubled, pieces=3) == 0


def test_functions_may_share_the_array_that_they_return():
    out = np.empty(2 * 4 + 1)
    f, g = (lambda x, p=p: np.power(x, p, out=out) for p in (1, 2))
    assert sup_error(f, g, pieces=2, samples=4) == 0.25


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int64])
def test_small_integers_of_numpy_do_not_wrap_around(kind):
    asked = []
    sup_error(np.sqrt, lambda x: asked.append(x) or x, pieces=kind(5), samples=kind(100))
    assert asked[0].shape == (501,)
    for pieces in (5, 100, 127):
        assert relu_interpolant(np.cos, kind(pieces)).layer_sizes == (1, pieces, 1)
        assert c2_bound(2.0, kind(pieces)) == c2_bound(2.0, pieces)
