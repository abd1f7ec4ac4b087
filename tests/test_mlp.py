"""nnlib.mlp against torch's autograd, against finite differences, and against linear algebra."""

import copy
import gzip
import io
import pickle
from collections import Counter
from fractions import Fraction
from functools import reduce
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import ACTIVATIONS, MLP, Gradients, LeakyReLU, sigmoid, softmax_cross_entropy
from nnlib.activations import Activation

from .oracles import torch_activation

activations = pytest.mark.parametrize("activation", ACTIVATIONS)
sizes = st.lists(st.integers(1, 6), min_size=2, max_size=5)
leading_axes = st.lists(st.integers(0, 4), max_size=2).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def random_net(layer_sizes, activation="relu", seed=0, dtype=np.float64):
    """A network whose biases are not 0 either."""
    net = MLP(layer_sizes, activation, rng=seed, dtype=dtype)
    for bias in net.biases:
        bias[...] = np.random.default_rng(seed).normal(size=bias.shape)
    return net


def random_pair(net, leading, seed=0):
    """Inputs and a gradient in the scores."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(*leading, n)) for n in (net.layer_sizes[0], net.layer_sizes[-1])]


def assert_same_parameters(gradients, weights, biases, **tolerance):
    for ours, theirs in zip(gradients.weights + gradients.biases, weights + biases, strict=True):
        assert_allclose(ours, theirs, **tolerance)


def jacobian(net, x):
    """The derivative of the scores in one input x, shape (outputs, inputs)."""
    outputs = net.layer_sizes[-1]
    net.forward(np.tile(x, (outputs, 1)))
    return net.backward(np.eye(outputs), inputs=True).inputs


# --- oracles ---------------------------------------------------------------------------------


def torch_passes(net, x, gradient):
    """Scores and gradients (weights, biases, inputs) by torch's own layers and autograd."""
    torch = pytest.importorskip("torch")
    linear, activation = torch.nn.functional.linear, torch_activation(net.activation.name)
    inputs, *parameters = (
        torch.tensor(array, requires_grad=True) for array in (x, *net.weights, *net.biases)
    )
    weights, biases = parameters[: len(net.weights)], parameters[len(net.weights) :]
    a = inputs
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        a = activation(linear(a, weight, bias))
    scores = linear(a, weights[-1], biases[-1])
    scores.backward(torch.tensor(gradient))
    weights, biases = ([p.grad.numpy() for p in group] for group in (weights, biases))
    return scores.detach().numpy(), tuple(weights), tuple(biases), inputs.grad.numpy()


@activations
@settings(max_examples=40)  # for each of the activations
@given(layer_sizes=sizes, leading=leading_axes, seed=seeds)
def test_passes_agree_with_torch_for_any_leading_axes(activation, layer_sizes, leading, seed):
    net = random_net(layer_sizes, activation, seed)
    x, gradient = random_pair(net, leading, seed)
    scores, weights, biases, inputs = torch_passes(net, x, gradient)
    close = {"rtol": 1e-11, "atol": 1e-12}
    assert_allclose(net(x), scores, **close)
    assert_array_equal(net.forward(x), net(x))
    gradients = net.backward(gradient, inputs=True)
    assert_same_parameters(gradients, weights, biases, **close)
    assert_allclose(gradients.inputs, inputs, **close)


def finite_differences(function, point, h=3e-5):
    """Five-point differences in every entry of `point`, which is put back.

    Two points are too few: deep networks have third derivatives of thousands.
    """
    result = np.zeros_like(point)
    for i, value in np.ndenumerate(point):
        for step, weight in {-2: 1, -1: -8, 1: 8, 2: -1}.items():
            point[i] = value + step * h
            result[i] += weight * function() / (12 * h)
        point[i] = value
    return result


@activations
@settings(max_examples=40)  # for each of the activations
@given(layer_sizes=sizes, seed=seeds)
def test_backward_agrees_with_finite_differences(activation, layer_sizes, seed):
    net = random_net(layer_sizes, activation, seed)
    x, gradient = random_pair(net, (3,), seed)
    hidden = zip(net.layer_outputs(x)[:-2], net.weights, net.biases, strict=False)
    to_a_kink = min((np.abs(a @ w.T + b).min() for a, w, b in hidden), default=np.inf)
    assume(to_a_kink > 1e-3)  # steps of 6e-5 stay far from it

    def value():
        return (gradient * net(x)).sum()

    net.forward(x)
    gradients = net.backward(gradient, inputs=True)
    scale = 1 + np.abs(gradients.theta).max()
    assert_allclose(gradients.theta, finite_differences(value, net.theta), atol=1e-8 * scale)
    assert_allclose(gradients.inputs, finite_differences(value, x), atol=1e-8 * scale)


def test_hand_computed_two_layer_relu_net():
    # x = (1, 2): z = (1*1 - 1*2, 1*1 + 1*2) + (0, 1) = (-1, 4), a = (0, 4), s = 3*4 + 5 = 17.
    net = MLP([2, 2, 1])
    net.weights[0][...] = [[1, -1], [1, 1]]
    net.biases[0][...] = [0, 1]
    net.weights[1][...] = [[2, 3]]
    net.biases[1][...] = [5]
    assert net.forward([1, 2]) == [17]
    gradients = net.backward([1], inputs=True)
    assert_array_equal(gradients.weights[0], [[0, 0], [3, 6]])
    assert_array_equal(gradients.biases[0], [0, 3])
    assert_array_equal(gradients.weights[1], [[0, 4]])
    assert_array_equal(gradients.biases[1], [1])
    assert_array_equal(gradients.inputs, [3, 3])


def test_gradient_of_relu_at_its_kink_is_0():
    net = MLP([1, 1, 1])
    net.theta[...] = [1, -2, 1, 0]
    net.forward([2.0])
    assert net.backward([1.0], inputs=True).inputs == 0


# --- linear algebra --------------------------------------------------------------------------


@pytest.mark.statement("prop-linear-collapse")
@given(layer_sizes=sizes, seed=seeds)
def test_deep_linear_network_is_one_affine_map_of_rank_at_most_the_narrowest_layer(
    layer_sizes, seed
):
    net = random_net(layer_sizes, "identity", seed)
    x, _ = random_pair(net, (5,), seed)
    offset = net(np.zeros(layer_sizes[0]))
    matrix = (net(np.eye(layer_sizes[0])) - offset).T
    size = 1 + np.prod([1 + np.linalg.norm(w) + np.linalg.norm(b) for w, b in layers(net)])
    assert_allclose(matrix, reduce(lambda product, w: w @ product, net.weights), atol=1e-13 * size)
    assert_allclose(net(x), x @ matrix.T + offset, atol=1e-13 * size)
    singular_values = np.linalg.svd(matrix, compute_uv=False)
    assert (singular_values[min(layer_sizes) :] <= 1e-13 * size).all()


@pytest.mark.statement("prop-linear-collapse")
def test_a_single_relu_is_not_affine_so_the_collapse_needs_the_identity():
    net = MLP([1, 1, 1])
    net.theta[...] = 1, 0, 1, 0
    assert_array_equal(net([[-1], [0], [1]])[:, 0], [0, 0, 1])


CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.statement("prop-xor")
@pytest.mark.parametrize("signs", list(product([-1, 1], repeat=4)))
def test_an_affine_function_has_any_signs_on_four_corners_but_those_of_xor(signs):
    # signs * (w x + b) >= 1, as linear inequalities in (w, b).
    rows = -np.array(signs)[:, None] * np.c_[CORNERS, np.ones(4)]
    found = scipy.optimize.linprog(np.zeros(3), rows, -np.ones(4), bounds=(None, None))
    assert found.success == (signs not in {(-1, 1, 1, -1), (1, -1, -1, 1)})


@pytest.mark.statement("prop-xor")
@given(layer_sizes=sizes, seed=seeds)
def test_a_linear_stack_of_any_depth_misses_a_corner_of_xor(layer_sizes, seed):
    net = random_net([2, *layer_sizes, 1], "identity", seed)
    assert ((net(CORNERS)[:, 0] > 0) != [False, True, True, False]).any()


@pytest.mark.statement("prop-xor")
def test_two_relu_units_solve_xor():
    net = MLP([2, 2, 1])
    net.theta[...] = [1, 1, 1, 1, 0, -1, 1, -2, -0.5]
    assert net(CORNERS)[:, 0].tolist() == [-0.5, 0.5, 0.5, -0.5]


def layers(net):
    return zip(net.weights, net.biases, strict=True)


def sigmoid_stack(layer_sizes, seed=0):
    """A network whose scores are the outputs a_L of its last sigmoid layer."""
    net = random_net([*layer_sizes, layer_sizes[-1]], "sigmoid", seed)
    net.weights[-1][...] = np.eye(layer_sizes[-1])
    net.biases[-1][...] = 0
    return net


@given(layer_sizes=sizes, scale=st.floats(0.01, 100), seed=seeds)
def test_slope_through_sigmoids_is_at_most_a_quarter_of_the_norm_per_layer(
    layer_sizes, scale, seed
):
    net = sigmoid_stack(layer_sizes, seed)
    net.theta[: -net.weights[-1].size - net.biases[-1].size] *= scale
    slope = np.linalg.norm(jacobian(net, random_pair(net, (), seed)[0]), 2)
    bound = np.prod([np.linalg.norm(w, 2) / 4 for w in net.weights[:-1]])
    assert slope <= bound * (1 + 1e-12)


@pytest.mark.parametrize("depth", [1, 5, 20])
def test_large_weights_make_sigmoids_explode_by_2_per_layer(depth):
    net = sigmoid_stack([1] * (depth + 1))
    for weight, bias in zip(net.weights[:-1], net.biases[:-1], strict=True):
        weight[...], bias[...] = 8, -4
    assert net([0.5]) == 0.5  # the fixed point: every layer is met at its steepest
    assert jacobian(net, [0.5]) == 2.0**depth


@activations
def test_signal_neither_explodes_nor_dies_in_ten_layers(activation):
    net = MLP([200] * 11 + [1], activation, rng=0)
    hidden = net.layer_outputs(np.random.default_rng(1).normal(size=(50, 200)))[1:-1]
    assert all(0.05 < np.sqrt((a**2).mean()) < 5 for a in hidden)


# --- parameters ------------------------------------------------------------------------------


def assert_views_of_theta(parameters):
    """Weights and biases lie in theta, layer by layer, and nothing else does."""
    parameters.theta[...] = np.arange(parameters.theta.size)
    laid_out = [np.r_[w.ravel(), b] for w, b in layers(parameters)]
    assert_array_equal(np.concatenate(laid_out), parameters.theta)
    assert [w.shape for w in parameters.weights] == [(4, 3), (2, 4)]
    assert [b.shape for b in parameters.biases] == [(4,), (2,)]


def test_weights_and_biases_are_views_of_theta():
    net = MLP([3, 4, 2])
    assert_views_of_theta(net)
    net.weights[1][...] = 0
    net.biases[1][...] = 7
    assert_array_equal(net(np.ones(3)), [7, 7])
    assert net.theta[-2:].tolist() == [7, 7]
    assert net.n_parameters == net.theta.size == 3 * 4 + 4 + 4 * 2 + 2


def test_gradients_are_views_of_one_vector_apart_from_the_network():
    net = MLP([3, 4, 2], rng=0)
    x, gradient = random_pair(net, (5,))
    net.forward(x)
    gradients = net.backward(gradient)
    assert not np.shares_memory(gradients.theta, net.theta)
    assert_views_of_theta(gradients)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_stand_alone_and_their_weights_are_views_too(copied):
    net = MLP([3, 4, 2], "tanh", rng=0, dtype=np.float32)
    x, gradient = random_pair(net, (5,))
    scores = net.forward(x)
    twin = copied(net)
    assert_array_equal(twin.backward(gradient).theta, net.backward(gradient).theta)
    assert repr(twin) == repr(net)
    assert_views_of_theta(copied(net.backward(gradient)))
    assert_views_of_theta(twin)
    assert_array_equal(net(x), scores)


def test_weights_assigned_to_themselves_stay_as_they_are():
    net, twin = MLP([3, 4, 2], rng=0), MLP([3, 4, 2], rng=0)
    net.weights, net.biases = net.weights, net.biases
    assert_array_equal(net.theta, twin.theta)
    assert_views_of_theta(net)


def test_a_pickle_holds_every_weight_once():
    net = MLP([1, 10_000])
    assert len(pickle.dumps(net)) < 1.1 * net.theta.nbytes


@activations
def test_weights_are_normal_with_he_or_glorot_variance_and_biases_are_0(activation):
    net = MLP([300, 200, 250, 10], activation, rng=0)
    he = net.activation.initialization == "he"
    for weight, bias in layers(net):
        n_out, n_in = weight.shape
        variance = 2 / n_in if he else 2 / (n_in + n_out)
        standardized = weight.ravel() / np.sqrt(variance)
        # The relative standard error of a variance of N normal numbers is sqrt(2 / N).
        assert abs(standardized.var() - 1) < 4 * np.sqrt(2 / weight.size)
        assert scipy.stats.kstest(standardized, "norm").pvalue > 0.001
        assert not bias.any()


def test_a_seed_gives_the_same_weights_as_its_generator_and_in_float32_rounded():
    theta = MLP([4, 5, 3], rng=3).theta
    assert_array_equal(MLP([4, 5, 3], rng=3).theta, theta)
    assert_array_equal(MLP([4, 5, 3], rng=np.random.default_rng(3)).theta, theta)
    assert_array_equal(MLP([4, 5, 3], rng=3, dtype=np.float32).theta, theta.astype(np.float32))


def test_other_seeds_no_seed_and_a_generator_used_before_give_other_weights():
    rng = np.random.default_rng(0)
    nets = [MLP([4, 5, 3], rng=r) for r in (rng, rng, 1, None, None)]
    assert len({net.theta.tobytes() for net in nets}) == len(nets)


# --- shapes, dtypes, and what stays as it was --------------------------------------------------


@activations
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("given_dtype", [np.float16, np.float32, np.float64, np.int64])
def test_results_have_the_dtype_of_the_network(activation, dtype, given_dtype):
    net = random_net([3, 4, 2], activation, dtype=dtype)
    x = np.arange(6).reshape(2, 3).astype(given_dtype)
    scores = net.forward(x)
    gradients = net.backward(np.ones((2, 2), given_dtype), inputs=True)
    arrays = [scores, net(x), net.predict_proba(x), gradients.theta, gradients.inputs]
    arrays += net.layer_outputs(x) + list(gradients.weights + gradients.biases)
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}


def test_a_single_layer_has_the_dtype_of_the_network_too():
    net = random_net([3, 2], dtype=np.float32)
    net.forward(np.ones((2, 3)))
    assert net.backward(np.ones((2, 2)), inputs=True).inputs.dtype == np.float32


@activations
def test_float32_agrees_with_float64(activation):
    single, double = (random_net([6, 8, 8, 3], activation, dtype=d) for d in ("f4", "f8"))
    x, gradient = random_pair(double, (20,))
    assert_allclose(single.forward(x), double.forward(x), atol=1e-5)
    ours, exact = single.backward(gradient, inputs=True), double.backward(gradient, inputs=True)
    assert_allclose(ours.theta, exact.theta, rtol=1e-4, atol=1e-4)
    assert_allclose(ours.inputs, exact.inputs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer_sizes", [[3, 2], [3, 4, 2]])
def test_neither_inputs_nor_gradients_nor_parameters_are_changed(layer_sizes):
    net = MLP(layer_sizes, rng=0)
    x, gradient = random_pair(net, (5,))
    for array in (x, gradient, net.theta, *net.weights, *net.biases):
        array.flags.writeable = False  # writing would raise
    scores = net.forward(x)
    before = scores.copy()
    net.backward(gradient)
    net.predict(x), net.predict_proba(x), net.layer_outputs(x)
    assert_array_equal(scores, before)


def test_layouts_that_are_not_contiguous_make_no_difference():
    net = random_net([3, 4, 2])
    x, gradient = random_pair(net, (4, 6))
    plain = net(x), (net.forward(x), net.backward(gradient))[1].theta
    strided = np.asfortranarray(x), np.repeat(gradient, 2, axis=1)[:, ::2]
    assert_allclose(net.forward(strided[0]), plain[0], atol=1e-14)
    assert_allclose(net.backward(strided[1]).theta, plain[1], atol=1e-13)


def test_layer_outputs_are_the_steps_of_the_forward_pass():
    net = random_net([3, 4, 5, 2], "tanh")
    x, _ = random_pair(net, (2, 6))
    outputs = net.layer_outputs(x)
    assert [a.shape for a in outputs] == [(2, 6, n) for n in net.layer_sizes]
    assert_array_equal(outputs[0], x)
    for a, following, weight, bias in zip(
        outputs[:2], outputs[1:3], net.weights[:2], net.biases[:2], strict=True
    ):
        assert_allclose(following, np.tanh(np.inner(a, weight) + bias), atol=1e-14)
    assert_array_equal(outputs[-1], net(x))


def test_predict_takes_the_first_of_tied_scores():
    net = MLP([2, 3])
    net.theta[...] = 0
    assert_array_equal(net.predict(np.ones((2, 4, 2))), np.zeros((2, 4)))
    net.biases[0][...] = [1, 5, 5]
    assert net.predict([0, 0]) == 1
    assert net.predict([0, 0]).ndim == 0


def test_predict_decides_each_example_by_itself():
    net = MLP([3, 3])
    net.weights[0][...] = np.eye(3)
    assert net.predict([np.eye(3), np.eye(3)[::-1]]).tolist() == [[0, 1, 2], [2, 1, 0]]


def test_predict_proba_is_the_softmax_of_the_scores():
    net = random_net([3, 4])
    x, _ = random_pair(net, (2, 5))
    assert_allclose(net.predict_proba(x), scipy.special.softmax(net(x), axis=-1), rtol=1e-13)


def test_nan_in_one_example_stays_there():
    net = random_net([2, 4, 3])
    scores = net([[np.nan, 1.0], [1.0, 1.0]])
    assert np.isnan(scores[0]).all()
    assert np.isfinite(scores[1]).all()


def test_no_examples_give_no_scores_and_zero_gradients():
    net = random_net([3, 4, 2])
    assert net.forward(np.empty((0, 3))).shape == (0, 2)
    gradients = net.backward(np.empty((0, 2)), inputs=True)
    assert gradients.inputs.shape == (0, 3)
    assert not gradients.theta.any()


@activations
def test_backward_twice_gives_the_same_and_calling_in_between_disturbs_nothing(activation):
    net = random_net([3, 4, 5, 2], activation)
    x, gradient = random_pair(net, (5,))
    net.forward(x)
    first = net.backward(gradient, inputs=True)
    before = first.theta.copy(), first.inputs.copy()
    net(x + 1), net.layer_outputs(x + 1), net.predict(x + 1)
    second = net.backward(gradient, inputs=True)
    assert_array_equal(second.theta, before[0])
    assert_array_equal(second.inputs, before[1])
    net.backward(gradient + 1, inputs=True)  # what was returned stays as it was
    assert_array_equal(first.theta, before[0])
    assert_array_equal(first.inputs, before[1])


def test_results_of_one_pass_outlive_the_next():
    net = random_net([3, 4, 2])
    x, _ = random_pair(net, (5,))
    for run in (net, net.forward, net.layer_outputs):
        first = run(x)
        before = copy.deepcopy(first)
        run(x + 1)
        for ours, theirs in zip(first, before, strict=True):
            assert_array_equal(ours, theirs)


def test_gradients_are_summed_over_examples():
    net = random_net([3, 4, 2], "gelu")
    x, gradient = random_pair(net, (5,))
    alone = []
    for row, row_gradient in zip(x, gradient, strict=True):
        net.forward(row)
        alone.append(net.backward(row_gradient).theta)
    net.forward(x)
    assert_allclose(net.backward(gradient).theta, np.sum(alone, axis=0), atol=1e-13)


class Cube(Activation):
    """An activation of one's own, which forgets the dtype."""

    name = "cube"
    formula = "x^3"

    def value(self, x):
        return x.astype(np.float64) ** 3

    def slope(self, x):
        return 3 * x.astype(np.float64) ** 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_of_ones_own(dtype):
    net = MLP([1, 1, 1], Cube(), dtype=dtype)
    net.theta[...] = [2, 1, 1, 0]
    assert net.forward([1]) == 27
    assert net.backward([1], inputs=True).inputs == 3 * 9 * 2
    assert net.forward([1]).dtype == net.backward([1]).theta.dtype == dtype
    assert "then cube" in repr(net)


def test_activation_may_be_given_as_an_object():
    assert MLP([1, 1], sigmoid).activation is MLP([1, 1], "sigmoid").activation
    net = MLP([1, 1, 1], LeakyReLU(0.5))
    net.theta[...] = [1, 0, 1, 0]
    assert net([-2.0]) == -1


# --- representation --------------------------------------------------------------------------


def test_repr_lists_layers_and_counts_with_thousands_apart():
    assert repr(MLP([784, 100, 10], "gelu", dtype="float32")).splitlines() == [
        "MLP(784 -> 100 -> 10, activation=gelu, dtype=float32)",
        "  layer 1: linear 784 -> 100, then gelu    78,500 parameters",
        "  layer 2: linear 100 -> 10                 1,010 parameters",
        "  total                                    79,510 parameters",
    ]


def test_repr_of_a_single_layer_names_no_activation_in_it():
    head, layer, total = repr(MLP([2, 3])).splitlines()
    assert head == "MLP(2 -> 3, activation=relu, dtype=float64)"
    assert " ".join(layer.split()) == "layer 1: linear 2 -> 3 9 parameters"
    assert " ".join(total.split()) == "total 9 parameters"


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"layer_sizes": []}, ValueError, "at least inputs and outputs"),
        ({"layer_sizes": [3]}, ValueError, "at least inputs and outputs"),
        ({"layer_sizes": [3, 0, 2]}, ValueError, r"at least 1 each, got \[3, 0, 2\]"),
        ({"layer_sizes": [3, -1]}, ValueError, "at least 1 each"),
        ({"layer_sizes": 3}, TypeError, "sequence of integers"),
        ({"layer_sizes": [3, 2.0]}, TypeError, "integers, got 2.0"),
        ({"layer_sizes": [3, True]}, TypeError, "integers, got True"),
        ({"layer_sizes": "32"}, TypeError, "integers, got '3'"),
        ({"activation": "rleu"}, ValueError, "unknown activation 'rleu'; known are gelu"),
        ({"activation": np.tanh}, TypeError, "name or an Activation"),
        ({"activation": None}, TypeError, "name or an Activation, got None"),
        ({"dtype": int}, TypeError, "float32 or float64, got int64"),
        ({"dtype": np.float16}, TypeError, "float32 or float64, got float16"),
        ({"dtype": "complex128"}, TypeError, "float32 or float64, got complex128"),
        ({"rng": 0.5}, TypeError, "rng must be .* got 0.5"),
        ({"rng": True}, TypeError, "rng must be"),
        ({"rng": -1}, ValueError, "seed must not be negative, got -1"),
    ],
)
def test_bad_arguments_are_told_plainly(arguments, error, words):
    with pytest.raises(error, match=words):
        MLP(**({"layer_sizes": [3, 2]} | arguments))


@pytest.mark.parametrize("method", ["__call__", "forward", "layer_outputs", "predict"])
@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.ones((5, 2)), ValueError, r"shape \(..., 3\).* 3 inputs; got \(5, 2\)"),
        (1.0, ValueError, r"got \(\)"),
        ([[1, 2, 3], [4, 5]], ValueError, "rows differ in length"),
        (["a", "b", "c"], TypeError, "real numbers, got dtype <U1"),
        (np.ones((5, 3)) * 1j, TypeError, "real numbers, got dtype complex128"),
    ],
)
def test_bad_inputs_are_told_plainly(method, x, error, words):
    with pytest.raises(error, match=words):
        getattr(MLP([3, 2]), method)(x)


def test_backward_without_forward():
    with pytest.raises(RuntimeError, match=r"forward pass first: call net.forward\(x\)"):
        MLP([3, 2]).backward([1.0, 1.0])


@pytest.mark.parametrize("shape", [(2,), (1, 2), (5, 3), (5, 1), (5, 2, 1), ()])
def test_backward_refuses_a_gradient_that_has_not_the_shape_of_the_scores(shape):
    net = MLP([3, 4, 2])
    net.forward(np.ones((5, 3)))
    with pytest.raises(ValueError, match=r"shape \(5, 2\) of the scores .* got \("):
        net.backward(np.ones(shape))


def test_failed_forward_leaves_the_last_one_in_place():
    net = MLP([3, 2])
    net.forward(np.ones((5, 3)))
    with pytest.raises(ValueError, match="3 inputs"):
        net.forward(np.ones((5, 4)))
    assert net.backward(np.ones((5, 2)), inputs=True).inputs.shape == (5, 3)


# Notebooks, files and copies.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=lambda a: a.name)
def test_a_saved_network_comes_back_with_its_weights_activation_and_dtype(
    tmp_path, activation, dtype
):
    net = MLP([3, 5, 2], activation, rng=0, dtype=dtype)
    net.save(tmp_path / "net")
    loaded = MLP.load(tmp_path / "net.npz")
    assert_array_equal(loaded.theta, net.theta)
    assert (loaded.layer_sizes, loaded.activation) == (net.layer_sizes, activation)
    assert loaded.theta.dtype == dtype


def test_a_network_goes_through_an_open_file_which_stays_open():
    net, file = MLP([3, 5, 2], rng=0), io.BytesIO()
    net.save(file)
    file.seek(0)
    assert_array_equal(MLP.load(file).theta, net.theta)
    assert not file.closed


def test_a_network_with_an_activation_of_ones_own_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match=r"one of nnlib's own activations.*numpy\.save"):
        MLP([2, 3, 1], LeakyReLU(0.3), rng=0).save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "stored",
    [
        {"theta": np.zeros(9)},
        {"layer_sizes": [2, 3], "activation": "relu", "theta": np.zeros(8)},
        {"layer_sizes": [2, 3], "activation": "relu", "theta": np.array([None] * 9)},
        {"layer_sizes": [2, 3], "activation": "step", "theta": np.zeros(9)},
    ],
    ids=["incomplete", "wrong number of weights", "pickled objects", "unknown activation"],
)
def test_a_file_that_holds_no_network_is_told_plainly(tmp_path, stored):
    np.savez(tmp_path / "net.npz", **stored)
    with pytest.raises(ValueError, match="saved by MLP.save|unknown activation 'step'"):
        MLP.load(tmp_path / "net.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_broken_file_is_told_plainly(tmp_path, content):
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match="saved by MLP.save"):
        MLP.load(tmp_path / "net.npz")


def test_an_array_file_is_no_network(tmp_path):
    np.save(tmp_path / "net.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"^the file does not hold a network saved by MLP.save: "):
        MLP.load(tmp_path / "net.npy")


def test_a_copy_shares_no_memory():
    net = MLP([2, 4, 3], "tanh", rng=0, dtype=np.float32)
    other = net.copy()
    assert_array_equal(other.theta, net.theta)
    assert other.activation == net.activation
    assert other.theta.dtype == net.theta.dtype
    assert not np.shares_memory(other.theta, net.theta)


def drawn(net):
    """Return the circles by column, the texts, and the accessible name of a network's diagram."""
    root = ElementTree.fromstring(net._repr_html_())
    svg = "{http://www.w3.org/2000/svg}"
    columns = Counter(circle.get("cx") for circle in root.iter(f"{svg}circle"))
    texts = [text.text for text in root.iter(f"{svg}text")]
    lines = sum(path.get("d").count("L") for path in root.iter(f"{svg}path"))
    return list(columns.values()), texts, lines, root


def test_a_network_is_drawn_unit_by_unit_with_every_weight():
    circles, texts, lines, root = drawn(MLP([2, 5, 3], "tanh", rng=0))
    assert circles == [2, 5, 3]
    assert texts == ["2 inputs", "5 tanh", "3 scores"]
    assert lines == 2 * 5 + 5 * 3
    assert root.get("role") == "img"
    assert root[0].text == "Network with 33 parameters"
    assert root[1].text == "2 inputs, then 5 tanh, then 3 scores"


def test_a_large_layer_is_abbreviated():
    circles, texts, lines, _ = drawn(MLP([2, 1000, 8], rng=0))
    assert circles == [2, 8, 8]
    assert texts.count("⋮") == 1
    assert lines == 2 * 8 + 8 * 8
    assert len(MLP([1000] * 5, rng=0)._repr_html_()) < 10_000


# --- attributes that share memory --------------------------------------------------------------

ways = pytest.mark.parametrize(
    "way",
    [
        lambda net: net,
        copy.copy,
        copy.deepcopy,
        lambda net: pickle.loads(pickle.dumps(net)),
        lambda net: net.copy() if isinstance(net, MLP) else net,
        lambda net: loaded(net) if isinstance(net, MLP) else net,
    ],
    ids=["made", "copy.copy", "deepcopy", "unpickled", "copy", "loaded"],
)


def loaded(net):
    file = io.BytesIO()
    net.save(file)
    file.seek(0)
    return MLP.load(file)


def parameters_of(kind):
    net = MLP([3, 4, 2], rng=0)
    if kind is MLP:
        return net
    net.forward(np.ones(3))
    return net.backward([1.0, -1.0])


def subtract_from_theta(it, step):
    it.theta -= step


def bind_theta(it, step):
    it.theta = it.theta - step


def bind_weights_and_biases(it, step):
    part = Gradients([3, 4, 2], it.dtype)
    part.theta[...] = it.theta - step
    it.weights = [w.tolist() for w in part.weights]
    it.biases = part.biases


def bind_entries(it, step):
    part = Gradients([3, 4, 2], it.dtype)
    part.theta[...] = step
    for i in range(2):
        it.weights[i] -= part.weights[i]
        it.biases[i] = it.biases[i] - part.biases[i]


@ways
@pytest.mark.parametrize("kind", [MLP, Gradients])
@pytest.mark.parametrize(
    "move", [subtract_from_theta, bind_theta, bind_weights_and_biases, bind_entries]
)
def test_what_is_assigned_goes_into_the_one_vector(way, kind, move):
    it = way(parameters_of(kind))
    theta, before = it.theta, it.theta.copy()
    step = np.linspace(-1, 1, theta.size)
    move(it, step)
    assert it.theta is theta
    assert_array_equal(theta, before - step)
    assert_views_of_theta(it)


def test_a_loop_that_binds_theta_anew_trains():
    net = MLP([2, 8, 2], rng=0)
    x, labels = CORNERS, [0, 1, 1, 0]
    for _ in range(500):
        scores = net.forward(x)
        gradients = net.backward(softmax_cross_entropy.gradient(scores, labels, "mean"))
        net.theta = net.theta - 0.5 * gradients.theta
    assert_array_equal(net.predict(x), labels)


def test_weights_may_be_assigned_from_views_of_themselves():
    net = MLP([3, 3, 3], rng=0)
    first, last = (w.copy() for w in net.weights)
    net.weights = net.weights[::-1]
    assert_array_equal(net.weights, [last, first])
    before = net.theta.copy()
    net.theta = net.theta[::-1]
    assert_array_equal(net.theta, before[::-1])


@ways
@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("theta", 0.0, ValueError, r"theta must have shape \(26,\), got \(\)"),
        ("theta", np.zeros(25), ValueError, r"got \(25,\)"),
        ("theta", ["a"] * 26, TypeError, "real numbers"),
        ("weights", [np.zeros((4, 3))], ValueError, "weights must be 2 arrays, got 1"),
        ("weights", [np.zeros((4, 3)), np.zeros((4, 2))], ValueError, r"weights\[1\].*\(2, 4\)"),
        ("biases", [np.ones(4), np.ones(4)], ValueError, r"biases\[1\] must have shape \(2,\)"),
        ("biases", 3, TypeError, "biases must be 2 arrays"),
        ("dtype", np.float32, AttributeError, "dtype of the MLP is fixed"),
        ("layer_sizes", (3, 4, 3), AttributeError, "layer_sizes of the MLP is fixed"),
        ("activation", "tanh", AttributeError, "activation of the MLP is fixed"),
        ("weight", [], AttributeError, "no attribute 'weight'; it has .* weights"),
        ("bias", [], AttributeError, "no attribute 'bias'"),
        ("Theta", np.zeros(26), AttributeError, "no attribute 'Theta'"),
        ("learning_rate", 0.1, AttributeError, "no attribute 'learning_rate'"),
        ("n_parameters", 3, AttributeError, "n_parameters"),
    ],
)
def test_what_would_be_seen_by_nothing_is_refused_and_changes_nothing(
    way, name, value, error, words
):
    net = way(MLP([3, 4, 2], rng=0))
    before = net.theta.copy()
    with pytest.raises(error, match=words):
        setattr(net, name, value)
    assert_array_equal(net.theta, before)
    assert_views_of_theta(net)


@pytest.mark.parametrize(
    ("entry", "value", "error"),
    [(0, np.zeros((3, 4)), ValueError), (2, np.zeros(2), IndexError), (slice(1), [], TypeError)],
)
def test_entries_of_another_shape_are_refused(entry, value, error):
    net = MLP([3, 4, 2], rng=0)
    before = net.theta.copy()
    with pytest.raises(error):
        net.weights[entry] = value
    assert_array_equal(net.theta, before)


def test_gradients_have_inputs_and_no_other_name():
    gradients = parameters_of(Gradients)
    gradients.inputs = np.zeros(3)
    with pytest.raises(AttributeError, match="Gradients has no attribute 'input'; it has .*inputs"):
        gradients.input = np.zeros(3)


def test_a_subclass_has_attributes_of_its_own():
    class Named(MLP):
        def __init__(self, name, *sizes):
            super().__init__(sizes, rng=0)
            self.name = name

    net = pickle.loads(pickle.dumps(MLP([3, 2]))), Named("one", 3, 2)
    assert net[1].name == "one"
    with pytest.raises(ValueError, match="theta must have shape"):
        net[1].theta = 0


# --- NaN, and paths ----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_predict_has_no_class_for_nan(activation):
    net = MLP([2, 4, 3], activation, rng=0)
    with pytest.raises(ValueError, match="got NaN for 1 of 2 examples in x"):
        net.predict([[np.nan, 1.0], [1.0, 1.0]])
    net.theta[0] = np.nan
    with pytest.raises(ValueError, match="got NaN for 1 of 1 examples in x"):
        net.predict([1.0, 1.0])


def test_predict_takes_infinite_scores():
    net = MLP([1, 2])
    net.theta = [1, -1, 0, 0]
    assert_array_equal(net.predict([[np.inf], [-np.inf]]), [0, 1])


@pytest.mark.parametrize("name", ["net", "net.npz", "net.v1", ".net"])
@pytest.mark.parametrize("kind", [str, Path])
def test_the_path_that_was_saved_to_loads(tmp_path, name, kind):
    net, path = MLP([2, 3], rng=0), kind(tmp_path / name)
    Path(tmp_path / "net").mkdir()  # of the same name, but no network
    net.save(path)
    assert_array_equal(MLP.load(path).theta, net.theta)


def test_a_saved_file_may_be_renamed_to_any_ending(tmp_path):
    net = MLP([2, 3], rng=0)
    net.save(tmp_path / "net")
    (tmp_path / "net.npz").rename(tmp_path / "net.weights")
    assert_array_equal(MLP.load(tmp_path / "net.weights").theta, net.theta)
    with pytest.raises(FileNotFoundError, match="net'"):
        MLP.load(tmp_path / "net")


# --- copies and files that nobody half knows ---------------------------------------------------


class Counting(MLP):
    """A network of one's own."""

    def __init__(self, sizes, **settings):
        super().__init__(sizes, **settings)
        self.calls = 0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, MLP.copy])
def test_a_copy_of_any_kind_stands_alone_and_is_of_its_kind(copied):
    net = Counting([3, 4, 2], rng=0)
    net.calls = 7
    twin = copied(net)
    assert (type(twin), twin.calls) == (Counting, 7)
    assert not np.shares_memory(twin.theta, net.theta)
    assert_views_of_theta(twin)
    twin.theta[:] = 0
    assert net.theta.any()


def test_a_network_that_comes_in_memory_that_cannot_be_written_trains():
    """As worker processes get large arrays."""
    net, buffers = MLP([3, 4, 2], rng=0), []
    data = pickle.dumps(net, protocol=5, buffer_callback=buffers.append)
    twin = pickle.loads(data, buffers=[bytes(each) for each in buffers])
    twin.theta -= 1
    assert_array_equal(twin.theta, net.theta - 1)
    assert_views_of_theta(twin)


def test_a_save_that_fails_leaves_the_network_that_was_saved_before(tmp_path, monkeypatch):
    MLP([2, 3], rng=0).save(tmp_path / "net")

    def full(opened, data):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        MLP([2, 3], rng=1).save(tmp_path / "net")
    assert_array_equal(MLP.load(tmp_path / "net").theta, MLP([2, 3], rng=0).theta)
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_a_network_of_another_byte_order_loads(tmp_path):
    net = MLP([2, 3], rng=0, dtype=np.float32)
    theta = net.theta.astype(">f4")
    np.savez(tmp_path / "net", layer_sizes=[2, 3], activation="relu", theta=theta)
    loaded = MLP.load(tmp_path / "net")
    assert_array_equal(loaded.theta, net.theta)
    assert loaded.dtype == np.float32


def test_predict_has_no_class_to_choose_with_a_single_output():
    with pytest.raises(ValueError, match=r"predict must .* two or more outputs, got 1.*net\(x\)"):
        MLP([2, 1], rng=0).predict([[1.0, 2.0]])


# --- activations of one's own that write, or forget to return ------------------------------------


class InPlace(Activation):
    name, formula = "in_place", "?"

    def value(self, x):
        return np.tanh(x, out=x)

    def slope(self, x):
        return 1 - np.tanh(x) ** 2


def test_an_activation_that_writes_into_its_argument_is_refused_and_changes_nothing():
    x, net = np.ones(2), MLP([2, 4, 2], InPlace(), rng=0)
    for call in (InPlace(), net, net.forward):
        with pytest.raises(ValueError, match="read-only"):
            call(x)
    assert_array_equal(x, 1)


class Itself(InPlace):
    def value(self, x):
        return x


def test_an_activation_that_returns_its_argument_gives_a_copy_of_it():
    x = np.ones(2)
    y = Itself()(x)
    y += 1
    assert_array_equal(x, 1)


class Odd(InPlace):
    """Returns whatever it is told."""

    def __init__(self, result):
        object.__setattr__(self, "result", result)

    def value(self, x):
        return self.result

    slope = value


@pytest.mark.parametrize(
    ("result", "error", "words"),
    [
        (None, TypeError, "a single NoneType"),
        (np.array([1j, 2]), TypeError, "dtype complex128"),
        (np.ones(3), ValueError, r"shape \(2,\), got \(3,\)"),
        ("abc", TypeError, "dtype <U3"),
    ],
)
def test_an_activation_that_returns_what_is_none_is_told_plainly(result, error, words):
    odd = Odd(result)
    with pytest.raises(error, match=f"value of Odd must .*{words}"):
        odd([1.0, 2.0])
    with pytest.raises(error, match=f"slope of Odd must .*{words}"):
        odd.derivative([1.0, 2.0])
    with pytest.raises(error, match="value of Odd must"):
        MLP([2, 2, 2], odd, rng=0)([1.0, 2.0])


class OddSlope(Odd):
    """Returns whatever it is told for its slope."""

    def value(self, x):
        return x


def test_a_slope_that_would_be_broadcast_is_refused_on_the_way_back():
    net = MLP([2, 2, 2], OddSlope(np.ones(2)), rng=0)
    net.forward(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"slope of OddSlope must have shape \(3, 2\), got \(2,\)"):
        net.backward(np.ones((3, 2)))


@pytest.mark.parametrize("slope", [Fraction(1, 4), np.float32(0.25), 2])
def test_the_slope_of_a_leaky_relu_may_be_any_kind_of_number(slope):
    net, twin = (MLP([2, 3, 1], LeakyReLU(c), rng=0) for c in (slope, float(slope)))
    for each in (net, twin):
        each.forward([[1.0, -2.0]])
    assert_array_equal(net.backward([[1.0]]).theta, twin.backward([[1.0]]).theta)
    assert LeakyReLU(slope) == LeakyReLU(float(slope))


def test_a_network_goes_through_a_compressed_file(tmp_path):
    net = MLP([2, 3], rng=0)
    with gzip.open(tmp_path / "net.gz", "wb") as file:
        net.save(file)
    with gzip.open(tmp_path / "net.gz", "rb") as file:
        assert_array_equal(MLP.load(file).theta, net.theta)


def test_weights_that_are_no_sequence_are_refused():
    net = MLP([2, 3, 1], rng=0)
    with pytest.raises(TypeError, match="weights must be 2 arrays, got int"):
        net.weights = 3


def test_the_gradient_in_the_inputs_must_be_asked_for():
    net = MLP([2, 1], rng=0)
    net.forward([[1.0, 2.0]])
    gradients = net.backward([[1.0]])
    with pytest.raises(AttributeError) as caught:
        _ = gradients.inputs
    cure = "; ask for it: net.backward(gradient, inputs=True)"
    assert str(caught.value) == f"Gradients has no attribute 'inputs'{cure}"
    with pytest.raises(AttributeError) as caught:
        _ = gradients.weight
    assert str(caught.value) == "Gradients has no attribute 'weight'"


def test_an_entry_of_another_shape_is_named():
    net = MLP([2, 3, 1], rng=0)
    with pytest.raises(ValueError, match=r"^entry 1 must have shape \(1, 3\), got \(3,\)"):
        net.weights[1] = np.zeros(3)


def test_a_path_that_has_the_ending_is_written_as_it_is(tmp_path):
    MLP([2, 1], rng=0).save(tmp_path / "net.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]
