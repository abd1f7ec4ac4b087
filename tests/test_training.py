"""nnlib.training against torch's optimizer, plain gradient descent, and what may stop it.

`Watching` is how the tests see inside: a loss that notes what training shows it, step by step.
"""

import ast
import json
import pickle
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    ACTIVATIONS,
    MLP,
    DivergenceError,
    accuracy,
    fit,
    hinge,
    softmax_cross_entropy,
    squared_error,
    zero_one,
)
from nnlib.losses import Loss, SquaredError

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])


class Watching(SquaredError):
    """Squared error that notes the weights and labels of each call, and may raise at one."""

    def __init__(self, net=None, interrupt_at=None):
        self.net = net
        self.interrupt_at = interrupt_at
        self.thetas = []
        self.labels = []

    def per_example(self, scores, labels):
        self.labels.append(labels.copy())
        if self.net is not None:
            self.thetas.append(self.net.theta.copy())
        if len(self.labels) == self.interrupt_at:
            raise KeyboardInterrupt
        return super().per_example(scores, labels)


def regression(examples=23, seed=0):
    """Two inputs and one target that is different for every example."""
    x = np.random.default_rng(seed).uniform(-1, 1, (examples, 2))
    return x, np.sin(3 * x[:, :1]) + x[:, 1:]


def blobs(examples=90, seed=0):
    """Three classes that a straight line nearly separates."""
    rng = np.random.default_rng(seed)
    labels = np.arange(examples) % 3
    centers = np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    return centers[labels] + rng.normal(scale=0.3, size=(examples, 2)), labels


class Pull(Loss):
    """Always 0, with a slope of 1 in one score, or of 1 and -1 in turn: theta goes that way."""

    def __init__(self, in_turn=False):
        self.slope = -1.0
        self.in_turn = in_turn

    def prepare(self, scores, labels):
        return scores, np.asarray(labels)

    def per_example(self, scores, labels):
        if self.in_turn:
            self.slope = -self.slope
        return np.zeros(len(scores), scores.dtype), np.full_like(scores, self.slope)


def trained(net=None, data=None, loss=squared_error, **settings):
    """The trained network, with the weights it always starts from, and its history."""
    net = MLP([2, 6, 1], "tanh", rng=0) if net is None else net
    settings = {"epochs": 4, "learning_rate": 0.1, "batch_size": 5, "rng": 1} | settings
    history = fit(net, *(regression() if data is None else data), loss, **settings)
    return net, history


# --- the steps -------------------------------------------------------------------------------


def torch_thetas(net, batches, learning_rate, momentum):
    """The parameters before each step and after the last, by torch.optim.SGD."""
    torch = pytest.importorskip("torch")
    layers = [torch.nn.Linear(i, o, dtype=torch.float64) for i, o in ((2, 6), (6, 1))]
    module = torch.nn.Sequential(layers[0], torch.nn.Tanh(), layers[1])
    parameters = list(module.parameters())
    for parameter, ours in zip(
        parameters,
        (net.weights[0], net.biases[0], net.weights[1], net.biases[1]),
        strict=True,
    ):
        parameter.data = torch.tensor(ours)
    optimizer = torch.optim.SGD(parameters, lr=learning_rate, momentum=momentum)

    def theta():
        return torch.cat([p.detach().flatten() for p in parameters]).numpy().copy()

    yield theta()
    for x, y in batches:
        optimizer.zero_grad()
        (0.5 * torch.nn.functional.mse_loss(module(torch.tensor(x)), torch.tensor(y))).backward()
        optimizer.step()
        yield theta()


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_every_step_is_that_of_torch_sgd_on_the_same_batches(momentum):
    x, y = regression()
    net = MLP([2, 6, 1], "tanh", rng=0)
    watching = Watching(net)
    trained(net, loss=watching, momentum=momentum)
    batches = [
        (x[[np.flatnonzero(y == label)[0] for label in labels]], labels)
        for labels in watching.labels
    ]
    assert len(batches) == 4 * 5
    expected = torch_thetas(MLP([2, 6, 1], "tanh", rng=0), batches, 0.1, momentum)
    for ours, theirs in zip([*watching.thetas, net.theta], expected, strict=True):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_whole_batches_are_plain_gradient_descent_on_least_squares(momentum):
    x, y = regression()
    net, history = trained(
        MLP([2, 1], rng=0), epochs=30, batch_size=len(x), momentum=momentum, learning_rate=0.2
    )
    weight, bias = MLP([2, 1], rng=0).weights[0].copy(), np.zeros(1)
    velocity_w, velocity_b = np.zeros((1, 2)), np.zeros(1)
    losses = []
    for _ in range(30):
        residual = x @ weight.T + bias - y
        losses.append((residual**2).mean() / 2)
        velocity_w = momentum * velocity_w + residual.T @ x / len(x)
        velocity_b = momentum * velocity_b + residual.mean(axis=0)
        weight, bias = weight - 0.2 * velocity_w, bias - 0.2 * velocity_b
    assert_allclose(net.weights[0], weight, rtol=1e-12)
    assert_allclose(net.biases[0], bias, rtol=1e-12)
    assert_allclose(history.loss, losses, rtol=1e-12)
    assert history.steps == 30


def test_long_training_of_a_linear_network_finds_the_least_squares_solution():
    x, y = regression()
    net, _ = trained(MLP([2, 1], rng=0), epochs=600, batch_size=23, momentum=0.9)
    solution = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y, rcond=None)[0]
    assert_allclose(net.theta, solution[:, 0], atol=1e-9)


def test_momentum_is_faster_in_a_narrow_valley():
    x, _ = regression(examples=20)
    data = x * [1.0, 0.1], x[:, 1:]  # the second input matters, and is small
    losses = [
        trained(MLP([2, 1], rng=0), data, epochs=200, batch_size=20, momentum=momentum)[1].loss
        for momentum in (0.0, 0.9)
    ]
    assert losses[1][-1] < losses[0][-1] / 2


# --- batches and order -----------------------------------------------------------------------


@given(
    examples=st.integers(1, 40),
    batch_size=st.integers(1, 50),
    epochs=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_every_epoch_shows_every_example_once_in_full_batches_and_a_last_smaller_one(
    examples, batch_size, epochs, seed
):
    data = regression(examples)
    watching = Watching()
    _, history = trained(
        data=data, loss=watching, batch_size=batch_size, epochs=epochs, rng=seed, learning_rate=1e-9
    )
    full, rest = divmod(examples, batch_size)
    sizes = [batch_size] * full + [rest] * (rest > 0)
    assert [len(labels) for labels in watching.labels] == sizes * epochs
    assert history.steps == len(sizes) * epochs
    assert len(history.loss) == epochs
    if epochs:
        seen = np.concatenate(watching.labels).reshape(epochs, examples)
        assert_array_equal(np.sort(seen), np.sort(data[1].T).repeat(epochs, axis=0))


def test_the_order_is_new_in_every_epoch_and_with_every_seed():
    orders = set()
    for seed in (0, 1, None, None):
        watching = Watching()
        trained(loss=watching, epochs=3, rng=seed)
        orders |= {epoch.tobytes() for epoch in np.split(np.concatenate(watching.labels), 3)}
    assert len(orders) == 4 * 3


def test_a_seed_gives_the_same_run_as_its_generator_and_bit_for_bit():
    runs = [trained(rng=rng) for rng in (7, 7, np.random.default_rng(7))]
    assert len({net.theta.tobytes() for net, _ in runs}) == 1
    assert runs[0][1] == runs[1][1] == runs[2][1]


# --- the history -----------------------------------------------------------------------------


@given(examples=st.integers(1, 40), batch_size=st.integers(1, 50))
def test_loss_of_an_epoch_is_the_mean_over_examples_not_over_batches(examples, batch_size):
    data = regression(examples)
    # Steps this small leave the weights where they are.
    net, history = trained(data=data, batch_size=batch_size, epochs=1, learning_rate=1e-300)
    assert_allclose(net.theta, MLP([2, 6, 1], "tanh", rng=0).theta, rtol=0, atol=1e-298)
    assert_allclose(history.loss, [squared_error(net(data[0]), data[1], "mean")], rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "labels_as"),
    [
        *product([softmax_cross_entropy, hinge, zero_one], ["indices", "one-hot"]),
        (squared_error, "one-hot"),
    ],
)
def test_validation_is_measured_after_every_epoch_and_never_trained_on(loss, labels_as):
    def labelled(x, labels):
        return x, labels if labels_as == "indices" else np.eye(3)[labels]

    data, held_out = labelled(*blobs()), labelled(*blobs(30, seed=1))
    net, history = trained(MLP([2, 3], rng=0), data, loss, validation=held_out)
    alone, _ = trained(MLP([2, 3], rng=0), data, loss)
    assert_array_equal(net.theta, alone.theta)
    scores = net(held_out[0])
    assert len(history.validation_loss) == 4
    assert history.validation_loss[-1] == loss(scores, held_out[1], "mean")
    assert len(history.validation_accuracy) == 4
    assert history.validation_accuracy[-1] == accuracy(scores, held_out[1])


def test_validation_accuracy_is_empty_where_labels_are_no_classes():
    _, history = trained(validation=regression(seed=2))
    assert (len(history.validation_loss), history.validation_accuracy) == (4, [])
    soft = np.full((90, 3), 1 / 3)
    data = blobs()[0], soft
    _, history = trained(MLP([2, 3], rng=0), data, softmax_cross_entropy, validation=data)
    assert (len(history.validation_loss), history.validation_accuracy) == (4, [])


def test_no_validation_no_validation_history():
    _, history = trained()
    assert (history.validation_loss, history.validation_accuracy) == ([], [])
    assert not history.interrupted


def test_zero_epochs_change_nothing():
    net, history = trained(epochs=0)
    assert_array_equal(net.theta, MLP([2, 6, 1], "tanh", rng=0).theta)
    assert (history.steps, history.loss) == (0, [])


# --- learning --------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_xor_is_learned_unless_the_network_is_linear(activation):
    x, labels = XOR
    net = MLP([2, 32, 2], activation, rng=0)
    settings = {"epochs": 500, "batch_size": 4, "learning_rate": 0.2, "momentum": 0.9}
    _, history = trained(net, XOR, softmax_cross_entropy, **settings)
    if activation == "identity":
        assert accuracy(net(x), labels) < 1
        assert abs(history.loss[-1] - np.log(2)) < 1e-6  # the best is to know nothing
    else:
        assert_array_equal(net.predict(x), labels)
        assert history.loss[-1] < 0.05


def test_handwritten_digits_are_learned():
    datasets = pytest.importorskip("sklearn.datasets")
    x, labels = datasets.load_digits(return_X_y=True)
    x /= 16
    net = MLP([64, 32, 10], rng=0, dtype=np.float32)
    fit(net, x[:1200], labels[:1200], epochs=15, learning_rate=0.1, momentum=0.9, rng=0)
    assert accuracy(net(x[1200:]), labels[1200:]) > 0.9


@pytest.mark.parametrize(
    ("loss", "labelled"),
    [
        (softmax_cross_entropy, lambda labels: labels),
        (softmax_cross_entropy, lambda labels: 0.97 * np.eye(3)[labels] + 0.01),
        (hinge, lambda labels: labels),
        (hinge, lambda labels: np.eye(3)[labels]),
        (squared_error, lambda labels: np.eye(3)[labels]),
    ],
)
def test_every_loss_with_a_slope_trains_a_classifier(loss, labelled):
    x, labels = blobs()
    data = x, labelled(labels)
    net, history = trained(MLP([2, 8, 3], rng=0), data, loss, epochs=30)
    assert history.loss[-1] < history.loss[0] / 2
    assert accuracy(net(x), labels) > 0.95


def test_zero_one_loss_has_no_slope_to_follow():
    net, history = trained(MLP([2, 3], rng=0), blobs(), zero_one)
    assert_array_equal(net.theta, MLP([2, 3], rng=0).theta)
    assert_allclose(history.loss, 1 - accuracy(net(blobs()[0]), blobs()[1]))


def test_regression_with_several_outputs():
    x, y = regression(200)
    data = x, np.c_[y, -y, np.zeros_like(y)]
    net, history = trained(MLP([2, 16, 3], "tanh", rng=0), data, epochs=100, momentum=0.5)
    assert history.loss[-1] < 0.02
    assert_allclose(net(x)[:, 0], -net(x)[:, 1], atol=0.2)


# --- data and settings as they come ----------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_are_never_changed_and_dtype_is_kept(dtype):
    data = [array.astype(dtype) for array in regression()]
    held_out = tuple(array.copy() for array in data)
    for array in (*data, *held_out):
        array.flags.writeable = False  # writing would raise
    net, _ = trained(MLP([2, 6, 1], rng=0, dtype=dtype), data, validation=held_out)
    assert net.theta.dtype == net(data[0]).dtype == dtype


def test_lists_train_as_arrays_do():
    x, labels = XOR
    lists, arrays = (
        trained(MLP([2, 3, 2], rng=0), data, softmax_cross_entropy)
        for data in ((x.astype(int).tolist(), labels.tolist()), XOR)
    )
    assert_array_equal(lists[0].theta, arrays[0].theta)


def test_weights_stay_views_of_theta():
    net, _ = trained()
    net.theta[...] = 0
    assert not net(np.ones(2)).any()


@pytest.mark.parametrize(
    ("numpys", "pythons"),
    [
        ({"batch_size": np.uint8(200)}, {"batch_size": 200}),
        ({"epochs": np.int8(127)}, {"epochs": 127}),
        ({"learning_rate": np.float64(0.1)}, {"learning_rate": 0.1}),
        ({"learning_rate": Fraction(1, 10)}, {"learning_rate": 0.1}),
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"momentum": Fraction(1, 2)}, {"momentum": 0.5}),
        ({"momentum": np.float32(0.5)}, {"momentum": 0.5}),
    ],
)
def test_settings_may_be_any_kind_of_number(numpys, pythons):
    runs = [
        trained(
            MLP([2, 2, 1], rng=0, dtype=np.float32), regression(300), **({"batch_size": 300} | s)
        )
        for s in (numpys, pythons)
    ]
    assert_array_equal(runs[0][0].theta, runs[1][0].theta)
    assert runs[0][1] == runs[1][1]


# --- divergence ------------------------------------------------------------------------------


@pytest.mark.parametrize("learning_rate", [1e2, 1e10, 1e200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_divergence_keeps_the_last_finite_weights_and_says_where_it_was(learning_rate, dtype):
    net = MLP([2, 6, 6, 1], rng=0, dtype=dtype)
    watching = Watching(net)
    with pytest.raises(DivergenceError, match="not finite") as caught:
        trained(net, loss=watching, epochs=1000, learning_rate=learning_rate)
    error = caught.value
    assert np.isfinite(net.theta).all()
    assert_array_equal(net.theta, watching.thetas[-1])
    assert error.step == len(watching.thetas) == error.history.steps + 1
    assert len(error.history.loss) == error.history.steps // 5
    epoch = (error.step + 4) // 5
    assert f"at step {error.step} (epoch {epoch})" in str(error)
    assert f"it is {learning_rate:g}; try a tenth" in str(error)


def one_step(dtype, target, learning_rate):
    """One weight 0, one example x = 1: the step is learning_rate * target."""
    net = MLP([1, 1], rng=0, dtype=dtype)
    net.theta[...] = 0
    fit(net, [[1.0]], [[target]], squared_error, epochs=1, learning_rate=learning_rate, rng=0)
    return net


@pytest.mark.parametrize(
    ("dtype", "target", "learning_rate"),
    [
        (np.float64, 1e100, 1e300),
        (np.float32, 1e10, 1e30),
        (np.float32, 1e10, np.float64(1e30)),  # the step fits into float64, the weight does not
        (np.float32, 1e10, 1e300),
    ],
)
def test_a_step_to_infinity_is_not_taken_though_the_loss_was_finite(dtype, target, learning_rate):
    assert one_step(dtype, target, 0.5).theta[0] == dtype(target) / 2
    with pytest.raises(DivergenceError, match="a weight was not finite at step 1") as caught:
        one_step(dtype, target, learning_rate)
    assert (caught.value.step, caught.value.history.steps) == (1, 0)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_weights_that_grow_steadily_stop_at_the_largest_float(momentum):
    net = MLP([1, 1], rng=0, dtype=np.float32)
    net.theta[...] = 0
    rate = 1e37 * (1 - momentum)  # 34 steps of 1e37 fit into float32, 35 do not
    with pytest.raises(DivergenceError, match="a weight") as caught:
        fit(net, [[0.0]], [0], Pull(), epochs=99, learning_rate=rate, momentum=momentum)
    assert caught.value.step == (35 if momentum == 0 else 36)
    assert 3.3e38 < net.biases[0][0] < np.inf


def test_large_steps_to_and_fro_are_no_divergence():
    net = MLP([1, 1], rng=0, dtype=np.float32)
    before = net.theta.copy()
    history = fit(net, [[0.0]], [0], Pull(in_turn=True), epochs=200, learning_rate=1e37)
    assert history.steps == 200
    assert_array_equal(net.theta, before)


def test_an_infinite_loss_stops_even_where_the_step_would_be_finite():
    net = MLP([1, 1], rng=0)
    before = net.theta.copy()
    with pytest.raises(DivergenceError, match="the loss was not finite at step 1"):
        fit(net, [[1.0]], [[1e200]], squared_error, epochs=1, learning_rate=1e-250)
    assert_array_equal(net.theta, before)


def test_a_step_to_infinity_leaves_the_weights_as_they_were():
    net = MLP([1, 1], rng=0)
    before = net.theta.copy()
    with pytest.raises(DivergenceError, match="a weight"):
        fit(net, [[1.0]], [[1e100]], squared_error, epochs=1, learning_rate=1e300)
    assert_array_equal(net.theta, before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["x", "labels"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_data_that_are_not_finite_stop_the_first_step(value, where, activation):
    data = regression()
    data[0 if where == "x" else 1][:, 0] = value
    if activation == "tanh" and where == "x" and not np.isnan(value):
        data[0][:, 1] = -value  # tanh(inf) is 1; inf - inf is NaN
    net = MLP([2, 6, 1], activation, rng=0)
    net.weights[0][...] = np.abs(net.weights[0])
    before = net.theta.copy()
    with pytest.raises(DivergenceError, match="NaN and inf among the data") as caught:
        trained(net, data)
    assert caught.value.step == 1
    assert_array_equal(net.theta, before)


def test_one_bad_example_stops_training_at_its_batch():
    x, y = regression()
    x[4] = np.nan
    watching = Watching()
    with pytest.raises(DivergenceError) as caught:
        trained(data=(x, y), loss=watching, rng=3)
    assert y[4] in watching.labels[-1]
    assert not any(y[4] in labels for labels in watching.labels[:-1])
    assert caught.value.step == len(watching.labels)


def test_divergence_error_survives_pickling():
    with pytest.raises(FloatingPointError) as caught:
        trained(learning_rate=1e10, epochs=1000)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(twin, DivergenceError)
    assert str(twin) == str(caught.value)
    assert (twin.step, twin.history) == (caught.value.step, caught.value.history)


# --- Ctrl-C ----------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupt_at", [1, 3, 5, 6, 14])
def test_interrupt_keeps_weights_and_the_epochs_completed(interrupt_at):
    net = MLP([2, 6, 1], "tanh", rng=0)
    watching = Watching(net, interrupt_at)
    _, history = trained(net, loss=watching)
    _, whole = trained()
    assert history.interrupted
    assert history.steps == interrupt_at - 1
    assert history.loss == whole.loss[: (interrupt_at - 1) // 5]
    assert_array_equal(net.theta, watching.thetas[-1])


@pytest.mark.parametrize("interrupt_at", [6, 12])
def test_interrupt_during_validation_leaves_lists_of_one_length(interrupt_at):
    # Five steps and one validation an epoch: calls 6 and 12 are validations.
    _, history = trained(loss=Watching(interrupt_at=interrupt_at), validation=regression(seed=2))
    assert history.interrupted
    assert len(history.loss) == len(history.validation_loss) == interrupt_at // 6 - 1


def test_training_goes_on_after_an_interrupt():
    net, _ = trained(loss=Watching(interrupt_at=4))
    _, second = trained(net, epochs=50)
    assert not second.interrupted
    assert second.loss[-1] < second.loss[0]


# --- progress --------------------------------------------------------------------------------


def test_tqdm_is_imported_only_if_asked_for(monkeypatch):
    for name in ("tqdm", "tqdm.auto"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises
    trained()
    with pytest.raises(ImportError):
        trained(progress=True)


def test_progress_counts_epochs_and_changes_nothing_else(capsys):
    pytest.importorskip("tqdm")
    shown, plain = trained(progress=True), trained()
    assert "4/4" in capsys.readouterr().err
    assert_array_equal(shown[0].theta, plain[0].theta)
    assert shown[1] == plain[1]


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"net": "net"}, TypeError, "net must be an nnlib.MLP, got str"),
        ({"loss": "hinge"}, TypeError, "one of nnlib's losses, got 'hinge'"),
        ({"loss": SquaredError}, TypeError, "one of nnlib's losses"),
        ({"epochs": 1.0}, TypeError, "epochs must be an integer, got 1.0"),
        ({"epochs": True}, TypeError, "epochs must be an integer"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": None}, TypeError, "batch_size must be an integer, got None"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be positive and finite, got 0"),
        ({"learning_rate": -0.1}, ValueError, "learning_rate must be positive"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate must be positive"),
        ({"learning_rate": np.inf}, ValueError, "learning_rate must be positive and finite"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate must be a real number, got '0.1'"),
        ({"learning_rate": True}, TypeError, "learning_rate must be a real number"),
        ({"momentum": 1}, ValueError, r"momentum must lie in \[0, 1\), got 1"),
        ({"momentum": -0.1}, ValueError, "momentum must lie in"),
        ({"momentum": np.nan}, ValueError, "momentum must lie in"),
        ({"momentum": [0.9]}, TypeError, "momentum must be a real number"),
        ({"rng": "seed"}, TypeError, "rng must be a numpy.random.Generator"),
        ({"x": np.ones((23, 3))}, ValueError, r"x must have shape \(..., 2\).* got \(23, 3\)"),
        ({"x": np.ones(2)}, ValueError, r"x must have shape \(examples, 2\).* got \(2,\)"),
        ({"x": np.ones((1, 23, 2))}, ValueError, r"x must have shape \(examples, 2\)"),
        ({"x": np.ones((0, 2))}, ValueError, "at least one example"),
        ({"x": [["a", "b"]]}, TypeError, "x must hold real numbers"),
        ({"labels": np.ones(23)}, ValueError, r"shape \(23, 1\) of scores, got \(23,\)"),
        ({"labels": np.ones((22, 1))}, ValueError, r"got \(22, 1\)"),
        ({"labels": [["a"]] * 23}, TypeError, "labels must hold real numbers"),
        ({"validation": [*regression()]}, TypeError, r"a tuple \(x, labels\), got list"),
        ({"validation": regression()[:1]}, ValueError, r"a pair \(x, labels\), got 1 items"),
        (
            {"validation": (np.ones((3, 5)), np.ones((3, 1)))},
            ValueError,
            r"^validation x must have shape .* got \(3, 5\)",
        ),
        ({"validation": (np.ones((3, 2)), np.ones((4, 1)))}, ValueError, r"got \(4, 1\)"),
    ],
)
def test_bad_arguments_are_told_plainly_before_anything_changes(arguments, error, words):
    net = MLP([2, 6, 1], rng=0)
    before = net.theta.copy()
    x, labels = regression()
    good = {"net": net, "x": x, "labels": labels, "loss": squared_error}
    good |= {"epochs": 1, "learning_rate": 0.1}
    with pytest.raises(error, match=words):
        fit(**(good | arguments))
    assert_array_equal(net.theta, before)


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        ([0, 1, 2, 0], ValueError, r"labels must lie in 0..1 for 2 classes, got 2"),
        ([0, 1, -1, 0], ValueError, "got -1"),
        ([0.0, 1.0, 1.0, 0.0], TypeError, "labels must be integers"),
        ([0, 1, 1], ValueError, r"labels must have shape \(4,\)"),
        ([[0.5, 0.6]] * 4, ValueError, "labels must sum to 1"),
    ],
)
def test_bad_class_labels_are_told_plainly(labels, error, words):
    with pytest.raises(error, match=words):
        fit(MLP([2, 2]), XOR[0], labels, epochs=1, learning_rate=0.1)


def test_epochs_and_learning_rate_have_no_default():
    with pytest.raises(TypeError, match="epochs"):
        fit(MLP([2, 2]), *XOR, learning_rate=0.1)
    with pytest.raises(TypeError, match="learning_rate"):
        fit(MLP([2, 2]), *XOR, epochs=1)


# --- accuracy only where it means something ----------------------------------------------------


class Logistic(Loss):
    """Of one logit and a label 0 or 1, or of any label where `of` says so."""

    name, formula = "logistic", r"\log(1 + \exp(\mp s))"

    def __init__(self, dtype):
        self.dtype = dtype

    def prepare(self, scores, labels):
        return np.asarray(scores), np.asarray(labels, self.dtype)

    def per_example(self, scores, labels):
        residual = scores[:, :1] - labels[:, np.newaxis]
        return (residual**2)[:, 0], np.c_[2 * residual, np.zeros_like(scores[:, 1:])]


@pytest.mark.parametrize(
    ("outputs", "dtype", "labels"),
    [(1, np.intp, [0, 1, 1, 0]), (2, np.float64, [0, 1, 1, 0]), (2, np.intp, [0, 5, -1, 2])],
    ids=["one score", "real targets", "counts"],
)
def test_accuracy_is_empty_where_labels_are_no_indices_of_scores(outputs, dtype, labels):
    net, x = MLP([2, outputs], rng=0), XOR[0]
    settings = {"epochs": 2, "learning_rate": 0.01, "validation": (x, labels)}
    history = fit(net, x, labels, Logistic(dtype), **settings)
    assert len(history.validation_loss) == 2
    assert history.validation_accuracy == []


def test_accuracy_of_validation_data_with_nan_is_nan():
    x, labels = np.array(XOR[0], float), XOR[1]
    history = fit(
        MLP([2, 2], rng=0), x, labels, epochs=1, learning_rate=0.1, validation=(x * np.nan, labels)
    )
    assert np.isnan([*history.validation_loss, *history.validation_accuracy]).all()
    assert len(history.validation_accuracy) == 1


# --- the loops of chapter 1 ----------------------------------------------------------------------


def function_of_the_chapter(name):
    """A function that chapter 1 shows in place of fit, as it stands in its cell."""
    file = Path(__file__).parents[1] / "chapters" / "01_multilayer_perceptrons.ipynb"
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    code = [ast.parse("".join(c["source"])) for c in cells if c["cell_type"] == "code"]
    nodes = (node for tree in code for node in tree.body)
    (found,) = (node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == name)
    scope = {"np": np} | {loss.name: loss for loss in (softmax_cross_entropy, squared_error)}
    exec(ast.unparse(found), scope)
    return scope[name]


SIZES = pytest.mark.parametrize(("sizes", "activation"), [([2, 3], "relu"), ([2, 8, 5, 3], "gelu")])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@SIZES
def test_fit_is_the_loop_of_chapter_1_to_the_last_bit(sizes, activation, momentum, dtype):
    x, labels = blobs(examples=150)
    net, by_hand = (MLP(sizes, activation, rng=0, dtype=dtype) for _ in range(2))
    settings = {"epochs": 3, "learning_rate": 0.1, "momentum": momentum, "rng": 4}
    fit(net, x, labels, **settings)
    function_of_the_chapter("descend")(by_hand, x, labels, **settings)
    assert_array_equal(net.theta, by_hand.theta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@SIZES
def test_an_epoch_of_fit_is_that_of_chapter_1_to_the_last_bit(sizes, activation, dtype):
    x, labels = blobs(examples=150)
    targets, train_epoch = np.eye(3)[labels], function_of_the_chapter("train_epoch")
    net, by_hand = (MLP(sizes, activation, rng=0, dtype=dtype) for _ in range(2))
    history = fit(net, x, targets, squared_error, epochs=3, learning_rate=0.1, rng=4)
    rng = np.random.default_rng(4)
    losses = [train_epoch(by_hand, x, targets, 0.1, rng) for _ in range(3)]
    assert_array_equal(net.theta, by_hand.theta)
    assert_allclose(losses, history.loss, rtol=10 * np.finfo(dtype).eps)


# --- losses of one's own, whatever they make of labels -------------------------------------------


class FromOne(Loss):
    """Of classes that are counted from 1: what it converts, it must not convert twice."""

    name, formula = "from_one", "?"

    def prepare(self, scores, labels):
        return softmax_cross_entropy.prepare(scores, np.asarray(labels) - 1)

    def per_example(self, scores, labels):
        return softmax_cross_entropy.per_example(scores, labels)


def test_labels_are_converted_once():
    x, labels = blobs()
    settings = {"epochs": 2, "learning_rate": 0.1, "rng": 0}
    net, twin = MLP([2, 3], rng=0), MLP([2, 3], rng=0)
    mine = fit(net, x, labels + 1, FromOne(), **settings, validation=(x, labels + 1))
    theirs = fit(twin, x, labels, **settings, validation=(x, labels))
    assert mine == theirs
    assert_array_equal(net.theta, twin.theta)
