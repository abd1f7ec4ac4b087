"""nnlib.pytorch against nnlib's own formulas, PyTorch's functions and plain loops.

The two halves of nnlib are oracles for each other: gradients by hand and gradients from the graph.
"""

import collections
import contextlib
import copy
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from nnlib import (
    ACTIVATIONS,
    MLP,
    Activation,
    DivergenceError,
    LeakyReLU,
    fit,
    softmax_cross_entropy,
    squared_error,
)

torch = pytest.importorskip("torch")
pt = pytest.importorskip("nnlib.pytorch")
nn = torch.nn
prune = pytest.importorskip("torch.nn.utils.prune")
functional = nn.functional
cross_entropy = functional.cross_entropy

DTYPES = ("float32", "float64")
# One test tells of those that have no module.
each_activation = pytest.mark.parametrize(
    "activation",
    [name for name, sigma in ACTIVATIONS.items() if type(sigma) in pt.TORCH_ACTIVATIONS],
)
X = torch.tensor([[1.0, 1.0], [1.0, 0.0], [-1.0, 2.0], [2.0, 4.0]])
LABELS = torch.tensor([2, 0, 0, 1])


def data(examples=7, inputs=2, classes=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(examples, inputs, generator=generator, dtype=dtype)
    return x, torch.arange(examples) % classes


def theta(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()]).clone()


def two_layer_net(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    return pt.TwoLayerNet(2, 10, 3).to(dtype)


class SlideNet(nn.Module):
    """The slide's MultiLayerNet, without its softmax: hidden layers in a Python list."""

    def __init__(self, input_size, layer_sizes, output_size):
        super().__init__()
        layer_sizes = [input_size, *layer_sizes]
        self.linear_layers = [
            nn.Linear(layer_sizes[i], layer_sizes[i + 1]) for i in range(len(layer_sizes) - 1)
        ]
        self.activations = [nn.ReLU() for _ in self.linear_layers]
        self.final_linear = nn.Linear(layer_sizes[-1], output_size)

    def forward(self, x):
        for linear, activation in zip(self.linear_layers, self.activations, strict=True):
            x = activation(linear(x))
        return self.final_linear(x)


# --- the networks ------------------------------------------------------------------------------


def test_two_layer_net_is_linear_relu_linear():
    net = two_layer_net(dtype=torch.float32)
    w1, b1, w2, b2 = net.parameters()
    assert torch.allclose(net(X), (X @ w1.T + b1).clamp(min=0) @ w2.T + b2)


def test_multi_layer_net_is_linear_relu_and_linear_at_the_end():
    torch.manual_seed(0)
    net = pt.MultiLayerNet(2, [5, 4], 3)
    w1, b1, w2, b2, w3, b3 = net.parameters()
    hidden = (X @ w1.T + b1).clamp(min=0)
    hidden = (hidden @ w2.T + b2).clamp(min=0)
    assert torch.allclose(net(X), hidden @ w3.T + b3)


def test_multi_layer_net_of_one_hidden_layer_is_two_layer_net():
    net = two_layer_net(dtype=torch.float32)
    other = pt.MultiLayerNet(2, (10,), 3)
    pt.copy_weights(pt.to_mlp(net), other)
    assert torch.equal(net(X), other(X))


def test_multi_layer_net_without_hidden_layers_is_linear():
    net = pt.MultiLayerNet(2, [], 3)
    assert torch.equal(net(X), net.final_linear(X))


def test_layer_sizes_that_are_read_only_once_are_refused():
    with pytest.raises(TypeError, match=r"layer_sizes must be .* pass list\(layer_sizes\)"):
        pt.MultiLayerNet(2, (n for n in [4, 5]), 3)


def test_sizes_may_be_any_integers():
    net = pt.MultiLayerNet(np.uint8(2), np.array([200, 100], np.uint8), np.int8(3))
    assert net(torch.ones(4, 2)).shape == (4, 3)


def test_scores_are_logits_that_may_be_negative_and_have_any_sum():
    scores = two_layer_net(dtype=torch.float32)(20 * X)
    assert (scores < 0).any()
    assert (scores > 1).any()


@pytest.mark.parametrize("net", [pt.TwoLayerNet(2, 10, 3), pt.MultiLayerNet(2, [10, 10], 3)])
def test_networks_take_any_leading_axes(net):
    x = torch.randn(2, 5, 2)
    assert net(x).shape == (2, 5, 3)
    assert net(x[0, 0]).shape == (3,)
    assert torch.allclose(net(x)[1, 2], net(x[1, 2]), atol=1e-6)


@pytest.mark.parametrize("net", [pt.TwoLayerNet(2, 10, 3), pt.MultiLayerNet(2, [10, 10], 3)])
def test_predict_proba_is_softmax_outside_the_graph(net):
    p = net.predict_proba(X)
    assert not p.requires_grad
    assert torch.allclose(p, net(X).exp() / net(X).exp().sum(dim=-1, keepdim=True))


def test_multi_layer_net_registers_every_number():
    net = pt.MultiLayerNet(2, [10, 10], 3)
    assert sum(p.numel() for p in net.parameters()) == (2 + 1) * 10 + (10 + 1) * 10 + (10 + 1) * 3
    cross_entropy(net(X), LABELS).backward()
    assert all(p.grad is not None for p in net.parameters())


# --- weights to and fro ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@each_activation
@pytest.mark.parametrize("sizes", [[4, 3], [4, 6, 3], [4, 6, 5, 3]])
def test_from_mlp_gives_the_same_scores_loss_and_gradients(activation, dtype, sizes):
    rng = np.random.default_rng(0)
    net = MLP(sizes, activation, rng=rng, dtype=dtype)
    net.theta[...] += rng.normal(0, 0.3, net.theta.shape)  # biases that are not 0
    x = (2 * rng.normal(size=(9, 4))).astype(dtype)
    labels = rng.integers(0, 3, 9)
    module = pt.from_mlp(net)
    inputs = torch.from_numpy(x).requires_grad_()

    scores = net.forward(x)
    value, gradient = softmax_cross_entropy.value_and_gradient(scores, labels, "mean")
    by_hand = net.backward(gradient, inputs=True)
    torch_scores = module(inputs)
    loss = cross_entropy(torch_scores, torch.from_numpy(labels))
    loss.backward()

    assert scores.dtype == np.dtype(dtype)
    assert torch_scores.dtype == getattr(torch, dtype)
    close = {"rtol": 0, "atol": 100 * np.finfo(dtype).eps}
    assert_allclose(torch_scores.detach(), scores, **close)
    assert_allclose(loss.item(), value, **close)
    from_graph = np.concatenate([p.grad.numpy().ravel() for p in module.parameters()])
    assert_allclose(from_graph, by_hand.theta, **close)
    assert_allclose(inputs.grad, by_hand.inputs, **close)


def test_from_mlp_keeps_the_slope_of_a_leaky_relu():
    module = pt.from_mlp(MLP([2, 3, 2], LeakyReLU(0.3), rng=0))
    assert module[1].negative_slope == 0.3


@pytest.mark.parametrize("dtype", DTYPES)
@each_activation
def test_to_mlp_undoes_from_mlp(activation, dtype):
    net = MLP([3, 5, 4, 2], activation, rng=0, dtype=dtype)
    back = pt.to_mlp(pt.from_mlp(net), activation)
    assert back.dtype == net.dtype
    assert back.layer_sizes == net.layer_sizes
    assert back.activation is net.activation
    assert_array_equal(back.theta, net.theta)


@pytest.mark.parametrize("module", [pt.TwoLayerNet(2, 10, 3), pt.MultiLayerNet(2, [7, 4], 3)])
def test_to_mlp_computes_what_the_module_computes(module):
    assert_allclose(pt.to_mlp(module)(X), module(X).detach(), rtol=0, atol=1e-5)


def test_to_mlp_of_half_precision_is_float32():
    module = two_layer_net(dtype=torch.bfloat16)
    net = pt.to_mlp(module)
    assert net.dtype == np.float32
    assert_array_equal(net.weights[0], module.linear1.weight.detach().float())


def test_weights_are_copied_not_shared():
    net = MLP([2, 4, 3], rng=0)
    before = net.theta.copy()
    module = pt.from_mlp(net)
    back = pt.to_mlp(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert_array_equal(net.theta, before)
    assert_array_equal(back.theta, before)
    net.theta[...] = 1
    assert not theta(module).any()


def test_from_mlp_refuses_what_is_no_mlp():
    with pytest.raises(TypeError, match=r"nnlib\.MLP, got TwoLayerNet"):
        pt.from_mlp(pt.TwoLayerNet(2, 3, 2))


def test_from_mlp_refuses_an_activation_that_torch_has_not():
    class Cube(Activation):
        name = "cube"
        formula = "x^3"

        def value(self, x):
            return x**3

        def slope(self, x):
            return 3 * x**2

    with pytest.raises(ValueError, match="no module for the activation 'cube'"):
        pt.from_mlp(MLP([2, 3, 2], Cube(), rng=0))


class NamedRelu(Activation):
    """Not ReLU, though it has its name, and an attribute of LeakyReLU."""

    name = "relu"
    formula = "-x"
    negative_slope = 0.5

    def value(self, x):
        return -x

    def slope(self, x):
        return -np.ones_like(x)


class Steeper(LeakyReLU):
    def value(self, x):
        return 2 * super().value(x)


@pytest.mark.parametrize("activation", [NamedRelu(), Steeper(0.5)])
def test_from_mlp_refuses_what_only_has_the_name_or_attributes_of_an_activation(activation):
    with pytest.raises(ValueError, match=f"of type {type(activation).__name__}"):
        pt.from_mlp(MLP([2, 3, 2], activation, rng=0))


def test_every_activation_of_nnlib_has_its_torch_module_by_type():
    types = {type(activation) for activation in ACTIVATIONS.values()}
    assert pt.TORCH_ACTIVATIONS.keys() == types, "TORCH_ACTIVATIONS in nnlib/pytorch.py lists them"


def test_copy_weights_changes_nothing_where_shapes_differ():
    module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))
    before = theta(module)
    with pytest.raises(ValueError, match="weights of shapes"):
        pt.copy_weights(MLP([2, 4, 3], rng=0), module)
    assert torch.equal(theta(module), before)


def test_copy_weights_points_to_layers_hidden_in_a_list():
    with pytest.raises(ValueError, match="check_registered"):
        pt.copy_weights(MLP([2, 10, 10, 3], rng=0), SlideNet(2, [10, 10], 3))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.ReLU(), "no registered nn.Linear"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 5)), "do not form a chain"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2, bias=False)), "with a bias"),
    ],
    ids=["no linear layer", "no chain", "no bias"],
)
def test_to_mlp_refuses(module, message):
    with pytest.raises(ValueError, match=message):
        pt.to_mlp(module)


class Crossed(nn.Module):
    """Runs its layers in another order than they are registered in."""

    def __init__(self):
        super().__init__()
        self.last, self.first = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def twice():
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.ReLU(), layer)


@pytest.mark.parametrize("make", [twice, Crossed])
def test_to_mlp_takes_layers_as_they_run_each_time_they_run(make):
    module, x = make(), torch.randn(5, 3)
    net = pt.to_mlp(module)
    assert net.layer_sizes == (3, 3, 3)
    assert_allclose(net(x), module(x).detach(), rtol=0, atol=1e-6)


def test_copy_weights_takes_layers_as_they_run_and_none_twice():
    net, module, x = MLP([3, 3, 3], rng=0), Crossed(), torch.randn(5, 3)
    pt.copy_weights(net, module)
    assert_allclose(net(x), module(x).detach(), rtol=0, atol=1e-6)
    module = twice()
    before = theta(module)
    with pytest.raises(ValueError, match="each linear layer once"):
        pt.copy_weights(net, module)
    assert torch.equal(theta(module), before)


def tied():
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    module[2].weight = module[0].weight
    return module


def computed(by):
    return lambda: nn.Sequential(by(nn.Linear(3, 3)), nn.ReLU(), nn.Linear(3, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (tied, "weights of its own"),
        (computed(nn.utils.parametrizations.weight_norm), "computes its weights from others"),
        (computed(nn.utils.parametrizations.spectral_norm), "computes its weights from others"),
        (computed(lambda layer: prune.identity(layer, "weight")), "computes its weights from othe"),
    ],
)
def test_copy_weights_refuses_weights_that_would_not_stay_as_copied(make, message):
    module = make()
    before = theta(module)
    with pytest.raises(ValueError, match=message):
        pt.copy_weights(MLP([3, 3, 3], rng=0), module)
    assert torch.equal(theta(module), before)


@pytest.mark.parametrize("make", [tied, computed(nn.utils.parametrizations.weight_norm)])
def test_to_mlp_takes_the_weights_that_a_module_computes_with(make):
    module, x = make(), torch.randn(5, 3)
    assert_allclose(pt.to_mlp(module)(x), module(x).detach(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("between", "activation"),
    [(nn.ReLU6(), "relu"), (nn.Hardtanh(-50, 50), "identity"), (nn.Softshrink(1e-3), "identity")],
)
def test_to_mlp_sees_that_an_activation_is_another_for_large_or_small_numbers(between, activation):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 10), between, nn.Linear(10, 3))
    with pytest.raises(ValueError, match="must compute"):
        pt.to_mlp(module, activation)


@pytest.mark.parametrize(
    ("module", "activation"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)), "relu"),
        (nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 3)), "gelu_tanh"),
        (nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), "relu"),
        (nn.Sequential(nn.Linear(3, 3), nn.Softmax(dim=-1)), "relu"),
        (nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU()), "relu"),
        (nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.ReLU(), nn.Linear(3, 3)), "relu"),
        (nn.Sequential(nn.Linear(3, 3), nn.Flatten(0)), "relu"),
        (SlideNet(3, [3], 3), "relu"),
        (SlideNet(2, [10], 3), "relu"),
    ],
)
def test_to_mlp_refuses_a_module_that_computes_something_else(module, activation):
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    before = state(module)
    with pytest.raises(ValueError, match="must compute|must be registered"):
        pt.to_mlp(module, activation)
    assert state(module) == before


def test_to_mlp_takes_a_module_in_evaluation_mode_and_leaves_it_in_its_own():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 2))
    x = torch.randn(5, 3)
    assert_allclose(pt.to_mlp(module)(x), module.eval()(x).detach(), rtol=0, atol=1e-6)
    assert pt.to_mlp(module.train()).layer_sizes == (3, 4, 2)
    assert module.training
    assert not module[0]._forward_hooks


def test_to_mlp_of_layers_that_cannot_be_run_takes_them_as_registered():
    layers = nn.ModuleList([nn.Linear(2, 3), nn.Linear(3, 4)])
    net = pt.to_mlp(layers)
    assert_array_equal(net.weights[1], layers[1].weight.detach())


# --- what parameters() does not see ------------------------------------------------------------


def module_with(**attributes):
    module = nn.Module()
    module.head = nn.Linear(3, 2)
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


def test_slides_multi_layer_net_registers_33_of_173_numbers():
    net = SlideNet(2, [10, 10], 3)
    registered = sum(p.numel() for p in net.parameters())
    hidden = sum(p.numel() for layer in net.linear_layers for p in layer.parameters())
    assert (registered, registered + hidden) == (33, 173)
    found = pt.check_registered(net)
    assert found[:2] == [
        "linear_layers[0]: Linear with 30 parameters is not registered; use nn.ModuleList",
        "linear_layers[1]: Linear with 110 parameters is not registered; use nn.ModuleList",
    ]
    assert [line.split(":")[0] for line in found[2:]] == ["activations[0]", "activations[1]"]


@pytest.mark.parametrize(
    ("value", "where", "cure"),
    [
        ([nn.Linear(2, 3)], "part[0]: Linear with 9", "nn.ModuleList"),
        ((nn.Linear(2, 3),), "part[0]: Linear with 9", "nn.ModuleList"),
        ({nn.Linear(2, 3)}, "part[0]: Linear with 9", "nn.ModuleList"),
        ({"a": nn.Linear(2, 3)}, "part['a']: Linear with 9", "nn.ModuleDict"),
        ({1: nn.Linear(2, 3)}, "part[1]: Linear with 9", "nn.ModuleDict"),
        (collections.OrderedDict(a=nn.Linear(2, 3)), "part['a']: Linear", "nn.ModuleDict"),
        ([[], [[nn.Linear(2, 3)]]], "part[1][0][0]: Linear", "nn.ModuleList"),
        ([{"a": (nn.Linear(2, 3),)}], "part[0]['a'][0]: Linear", "nn.ModuleList"),
        ([nn.Sequential(nn.Linear(2, 3), nn.ReLU())], "part[0]: Sequential with 9", "ModuleList"),
        ([nn.Parameter(torch.zeros(5))], "part[0]: a Parameter of 5", "nn.ParameterList"),
        ([nn.Parameter(torch.zeros(5), False)], "part[0]: a Parameter of 5", "nn.ParameterList"),
        ({"b": nn.Parameter(torch.zeros(5))}, "part['b']: a Parameter of 5", "nn.ParameterDict"),
        (torch.zeros(4, requires_grad=True), "part: a Tensor of 4", "nn.Parameter"),
        ([torch.zeros(4, requires_grad=True)], "part[0]: a Tensor of 4", "nn.ParameterList"),
    ],
)
def test_check_registered_finds(value, where, cure):
    (found,) = pt.check_registered(module_with(part=value))
    assert found.startswith(where)
    assert found.endswith(f"is not registered; use {cure}") or cure == "ModuleList"


def test_check_registered_looks_into_submodules_and_names_them():
    inner = module_with(layers=[nn.Linear(2, 2)])
    (found,) = pt.check_registered(module_with(block=module_with(inner=inner)))
    assert found.startswith("block.inner.layers[0]: Linear with 6 parameters")


def test_check_registered_survives_a_list_that_holds_itself():
    loop = [nn.Linear(1, 1)]
    loop.append(loop)
    (found,) = pt.check_registered(module_with(part=loop))
    assert found.startswith("part[0]")


class OfTheClass(nn.Module):
    """Assigns its layers where methods stand: all instances share them, and no one sees them."""

    hidden = nn.Linear(2, 3)
    many = (nn.Linear(3, 3),)


def test_check_registered_finds_layers_that_belong_to_the_class():
    class Derived(OfTheClass):
        pass

    for module in (OfTheClass(), Derived()):
        hidden, many = pt.check_registered(module)
        assert hidden.startswith("hidden: Linear with 9 parameters is not registered")
        assert hidden.endswith("use an assignment to self in __init__")
        assert many.startswith("many[0]: Linear with 12 parameters")


def test_check_registered_finds_a_parameter_behind_a_tensor_that_was_computed_from_it():
    scaled = nn.Parameter(torch.ones(4)) * 0.1
    (found,) = pt.check_registered(module_with(scale=scaled))
    assert found.startswith("scale: a Tensor of 4 numbers")
    assert found.endswith("use nn.Parameter")


def with_hooks():
    module = module_with()
    module.register_forward_hook(lambda *_: None)
    module.head.register_full_backward_hook(lambda *_: None)
    return module


def with_shared_parts():
    shared = nn.Linear(3, 3)
    module = module_with(first=shared, again=shared)
    module.order = [shared, module.head]
    module.by_name = {"shared": shared, "weight": shared.weight}
    module.path = [nn.Sequential(shared, module.head)]
    return module


def with_buffer():
    module = module_with(cache=[torch.zeros(3)], number=3, sizes=[2, 3], text={"a": "b"})
    module.register_buffer("mean", torch.zeros(3))
    module.last = module.head(torch.zeros(1, 3))  # requires a gradient, but is no leaf
    return module


@pytest.mark.parametrize(
    "module",
    [
        pt.TwoLayerNet(2, 10, 3),
        pt.MultiLayerNet(2, [10, 10], 3),
        pt.from_mlp(MLP([2, 4, 3], rng=0)),
        module_with(layers=nn.ModuleList([nn.Linear(2, 3), nn.Dropout()])),
        module_with(layers=nn.ModuleDict({"a": nn.Linear(2, 3)})),
        module_with(numbers=nn.ParameterList([nn.Parameter(torch.zeros(2))])),
        module_with(numbers=nn.ParameterDict({"a": nn.Parameter(torch.zeros(2))})),
        nn.LSTM(2, 3, num_layers=2),  # keeps its parameters in a plain list as well
        nn.TransformerEncoderLayer(4, 2, batch_first=True),
        nn.BatchNorm1d(3),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)),
        copy.deepcopy(pt.MultiLayerNet(2, [4], 3)),
        with_hooks(),
        with_shared_parts(),
        with_buffer(),
    ],
    ids=lambda module: type(module).__name__,
)
def test_check_registered_raises_no_false_alarm(module):
    assert pt.check_registered(module) == []


def test_check_registered_refuses_what_is_no_module():
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got MLP"):
        pt.check_registered(MLP([2, 3], rng=0))


# --- training ----------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_train_on_the_full_batch_takes_the_steps_of_fit(dtype, momentum):
    x, labels = data(dtype=getattr(torch, dtype))
    net = MLP([2, 8, 3], "tanh", rng=0, dtype=dtype)
    module = pt.from_mlp(net)
    settings = {"epochs": 25, "learning_rate": 0.2, "batch_size": 7, "momentum": momentum}
    held_out = (x[:3] + 1, labels[:3])
    there = pt.train(module, x, labels, **settings, validation=held_out, device="cpu")
    held_out = (held_out[0].numpy(), held_out[1].numpy())
    here = fit(net, x.numpy(), labels.numpy(), **settings, rng=0, validation=held_out)
    close = {"rtol": 0, "atol": 1000 * np.finfo(dtype).eps}
    assert_allclose(theta(module), net.theta, **close)
    assert_allclose(there.loss, here.loss, **close)
    assert_allclose(there.validation_loss, here.validation_loss, **close)
    assert there.validation_accuracy == pytest.approx(here.validation_accuracy)
    assert there.steps == here.steps == 25


def test_train_is_the_loop_written_out():
    x, labels = data(10)
    net, other = two_layer_net(), two_layer_net()
    settings = {"epochs": 3, "learning_rate": 0.3, "batch_size": 4, "seed": 5}
    history = pt.train(net, x, labels, **settings, device="cpu")
    generator = torch.Generator().manual_seed(5)
    for _ in range(3):
        for batch in torch.randperm(10, generator=generator).split(4):
            gradients = torch.autograd.grad(
                cross_entropy(other(x[batch]), labels[batch]), list(other.parameters())
            )
            with torch.no_grad():
                for parameter, gradient in zip(other.parameters(), gradients, strict=True):
                    parameter -= 0.3 * gradient
    assert torch.allclose(theta(net), theta(other), rtol=0, atol=1e-14)
    assert history.steps == 3 * 3


def test_loss_of_an_epoch_is_the_mean_over_examples_of_unequal_batches():
    x, labels = data(7)
    net = two_layer_net()
    exact = cross_entropy(net(x), labels).item()
    settings = {"epochs": 1, "learning_rate": 1e-300, "batch_size": 3}
    history = pt.train(net, x, labels, **settings, device="cpu")
    assert history.loss == [pytest.approx(exact, rel=1e-14)]


def test_same_seed_gives_the_same_weights_and_another_seed_others():
    x, labels = data(10)
    results = []
    for seed in (0, 0, 1):
        net = two_layer_net()
        settings = {"epochs": 2, "learning_rate": 0.5, "batch_size": 3, "seed": seed}
        pt.train(net, x, labels, **settings, device="cpu")
        results.append(theta(net))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_training_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    net = pt.MultiLayerNet(2, [], 3)
    torch.manual_seed(3)
    pt.train(net, X, LABELS, epochs=2, learning_rate=0.1)
    assert torch.equal(torch.rand(1), expected)


def test_training_lowers_the_loss_of_the_slides_data():
    net = two_layer_net(dtype=torch.float32)
    settings = {"epochs": 60, "learning_rate": 0.1, "momentum": 0.9}
    history = pt.train(net, X, LABELS, **settings, device="cpu")
    assert history.loss[-1] < 0.05 < 0.8 < history.loss[0]
    assert torch.equal(net(X).argmax(dim=1), LABELS)


def test_soft_labels_and_losses_of_the_callers_own():
    x, labels = data(9)
    soft = 0.8 * nn.functional.one_hot(labels, 3).double() + 0.2 / 3
    net = two_layer_net()
    settings = {"epochs": 2, "learning_rate": 0.1, "validation": (x, soft)}
    history = pt.train(net, x, soft, **settings, device="cpu")
    assert len(history.validation_loss) == 2
    assert history.validation_accuracy == []

    mlp = MLP([2, 5, 1], rng=0)
    module = pt.from_mlp(mlp)
    target = x[:, :1].sin()
    settings = {"epochs": 9, "learning_rate": 0.1, "batch_size": 9}

    def half_square(output, y):
        return (output - y).square().sum(dim=-1).mean() / 2

    pt.train(module, x, target, **settings, loss=half_square, device="cpu")
    fit(mlp, x.numpy(), target.numpy(), squared_error, **settings, rng=0)
    assert_allclose(theta(module), mlp.theta, rtol=0, atol=1e-13)


def test_no_epochs_change_nothing():
    net = two_layer_net()
    before = theta(net)
    history = pt.train(net, *data(), epochs=0, learning_rate=0.1, device="cpu")
    assert torch.equal(theta(net), before)
    assert (history.loss, history.steps, history.interrupted) == ([], 0, False)


def test_validation_data_are_measured_and_never_trained_on():
    x, labels = data(12)
    results = []
    for validation in (None, (x[:4] * 100, labels[:4])):
        net = two_layer_net()
        history = pt.train(
            net, x, labels, epochs=3, learning_rate=0.1, validation=validation, device="cpu"
        )
        results.append(theta(net))
    assert torch.equal(*results)
    with torch.no_grad():
        scores = net(x[:4] * 100)
    assert history.validation_loss[-1] == cross_entropy(scores, labels[:4]).item()
    assert history.validation_accuracy[-1] == (scores.argmax(1) == labels[:4]).double().mean()


def test_inputs_are_checked_against_the_first_layer_though_it_hides_in_a_list():
    class ListNet(pt.MultiLayerNet):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            layers = list(self.hidden_layers)
            del self.hidden_layers
            self.hidden_layers = layers

    for net in (ListNet(2, [4], 3), copy.deepcopy(ListNet(2, [4], 3))):
        assert net(X).shape == (4, 3)
        with pytest.raises(ValueError, match=r"x must have shape \(..., 2\), got \(4, 4\)"):
            net(torch.ones(4, 4))


class ModeNet(pt.TwoLayerNet):
    """Notes in which mode it is called, or a copy of it, and with how many examples."""

    modes = []  # noqa: RUF012

    def forward(self, x):
        self.modes.append((self.training, len(x)))
        return super().forward(x)


@pytest.mark.parametrize("mode", [True, False])
def test_training_mode_in_steps_evaluation_mode_in_validation_and_the_old_one_after(mode):
    net = ModeNet(2, 4, 3).train(mode)
    net.modes.clear()
    pt.train(net, X, LABELS, epochs=2, learning_rate=0.1, validation=(X, LABELS))
    trials = [(False, 2), (False, 2), (True, 4), (True, 4)]  # of a copy
    assert net.modes == [*trials, *2 * [(True, 4), (False, 4)]]
    assert net.training is mode


def test_a_part_in_evaluation_mode_is_in_it_after_training_too():
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout())
    net[1].eval()
    pt.train(net, X, LABELS, epochs=1, learning_rate=0.1)
    assert (net.training, net[1].training) == (True, False)


def test_batches_of_each_size_are_tried_in_training_mode_before_the_first_step():
    net = ModeNet(2, 4, 3)
    net.modes.clear()
    pt.train(net, *data(7, dtype=torch.float32), epochs=1, learning_rate=0.1, batch_size=3)
    assert net.modes[:3] == [(False, 2), (True, 3), (True, 1)]


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), None])
def test_data_and_module_go_to_the_device(device):
    seen = []

    def loss(logits, labels):
        seen.extend([logits.device.type, labels.device.type])
        return cross_entropy(logits, labels)

    net = two_layer_net(dtype=torch.float32)
    pt.train(net, X, LABELS, epochs=1, learning_rate=0.1, device=device, loss=loss)
    expected = pt.default_device() if device is None else torch.device(device)
    assert {*seen, next(net.parameters()).device.type} == {expected.type}
    assert X.device.type == "cpu"


def test_default_device_is_the_accelerator_where_there_is_one(monkeypatch):
    for found, device in ((None, "cpu"), (torch.device("mps"), "mps")):
        # With check_available, torch returns None where it was built for an accelerator alone.
        current = lambda check_available, found=found: found if check_available else "xla"  # noqa: E731
        monkeypatch.setattr(torch.accelerator, "current_accelerator", current)
        assert pt.default_device() == torch.device(device)


def test_parameters_that_are_frozen_or_hidden_stay_as_they_were():
    torch.manual_seed(0)
    net = SlideNet(2, [10, 10], 3)
    net.final_linear.bias.requires_grad_(False)
    before = copy.deepcopy(net)
    pt.train(net, X, LABELS, epochs=5, learning_rate=0.5, device="cpu")
    for old, new in zip(before.linear_layers, net.linear_layers, strict=True):
        assert torch.equal(old.weight, new.weight)
        assert torch.equal(old.bias, new.bias)
    assert torch.equal(before.final_linear.bias, net.final_linear.bias)
    assert not torch.equal(before.final_linear.weight, net.final_linear.weight)


def test_only_a_module_with_nothing_registered_is_refused():
    net = SlideNet(2, [10], 3)
    net.final_linear = None
    net.output_layers = [nn.Linear(10, 3)]
    with pytest.raises(ValueError, match="check_registered"):
        pt.train(net, X, LABELS, epochs=1, learning_rate=0.1)


SETTINGS = {"epochs": 1, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"module": MLP([2, 3], rng=0)}, TypeError, r"torch\.nn\.Module, got MLP"),
        ({"x": X.numpy()}, TypeError, r"must be torch tensors .*as_tensor\), got ndarray"),
        ({"labels": [2, 0, 0, 1]}, TypeError, r"must be torch tensors .*as_tensor\), got list"),
        ({"labels": LABELS[:3]}, ValueError, r"got shapes \(4, 2\) and \(3,\)"),
        ({"x": X[:0], "labels": LABELS[:0]}, ValueError, "at least one"),
        ({"x": torch.tensor(1.0)}, ValueError, r"got shapes \(\) and \(4,\)"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
        ({"epochs": 1.5}, TypeError, r"epochs must be an integer, got 1\.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be positive"),
        ({"learning_rate": math.nan}, ValueError, "learning_rate must be positive"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a real number"),
        ({"momentum": 1.0}, ValueError, r"momentum must lie in \[0, 1\)"),
        ({"validation": X}, TypeError, "validation must be a tuple"),
        ({"validation": (X, LABELS[:1])}, ValueError, "validation x and labels"),
    ],
)
def test_train_refuses_and_changes_nothing(changes, error, message):
    net = two_layer_net(dtype=torch.float32)
    before = theta(net)
    arguments = {"module": net, "x": X, "labels": LABELS, **SETTINGS, **changes}
    with pytest.raises(error, match=message):
        pt.train(**arguments)
    assert torch.equal(theta(net), before)


def test_nan_among_the_data_stops_before_the_first_step():
    x = X.clone()
    x[1, 1] = math.nan
    net = two_layer_net(dtype=torch.float32)
    before = theta(net)
    with pytest.raises(DivergenceError, match="the loss was not finite at step 1") as caught:
        pt.train(net, x, LABELS, **SETTINGS, device="cpu")
    assert caught.value.history.steps == 0
    assert torch.equal(theta(net), before)


@pytest.mark.parametrize(
    ("loss", "learning_rate"),
    [
        (lambda scores, labels: 1e30 * scores.mean(), 1e30),  # the step overflows
        (lambda scores, labels: (0 * scores).sum().sqrt(), 0.1),  # 0 times an infinite slope
    ],
    ids=["inf", "nan"],
)
def test_a_step_to_weights_that_are_not_finite_is_taken_back(loss, learning_rate):
    net = two_layer_net(dtype=torch.float32)
    before = theta(net)
    with pytest.raises(DivergenceError, match="a weight was not finite at step 1") as caught:
        pt.train(net, X, LABELS, epochs=2, learning_rate=learning_rate, loss=loss, device="cpu")
    assert caught.value.step == 1
    assert torch.equal(theta(net), before)


def test_divergence_leaves_finite_weights_and_the_history_until_then():
    net = two_layer_net(dtype=torch.float32)
    target = torch.ones(4, 3)
    with pytest.raises(DivergenceError) as caught:
        pt.train(net, 100 * X, target, epochs=99, learning_rate=10.0, loss=nn.functional.mse_loss)
    assert theta(net).isfinite().all()
    assert caught.value.step == caught.value.history.steps + 1
    assert len(caught.value.history.loss) == caught.value.history.steps
    assert np.isfinite(caught.value.history.loss).all()


class Interrupting:
    """Cross-entropy that is interrupted from the keyboard at one of its calls."""

    def __init__(self, call):
        self.calls_left = call

    def __call__(self, logits, labels):
        self.calls_left -= 1
        if self.calls_left == 0:
            raise KeyboardInterrupt
        return cross_entropy(logits, labels)


# The trials before the first step call the loss nine times, an epoch of 4 examples in batches of
# 2 with validation three times.
@pytest.mark.parametrize(
    ("call", "epochs", "steps"),
    [(1, 0, 0), (4, 0, 0), (9, 0, 0), (10, 0, 0), (14, 1, 3), (15, 1, 4), (16, 2, 4)],
)
def test_ctrl_c_keeps_weights_and_whole_epochs(call, epochs, steps):
    net = two_layer_net(dtype=torch.float32)
    history = pt.train(
        net,
        X,
        LABELS,
        epochs=9,
        learning_rate=0.1,
        batch_size=2,
        validation=(X, LABELS),
        loss=Interrupting(call),
    )
    assert history.interrupted
    assert history.steps == steps
    assert len(history.loss) == epochs
    assert len(history.validation_loss) == len(history.validation_accuracy) == epochs
    assert net.training


# --- refused before any step ---------------------------------------------------------------------


def state(module):
    """All that a run may change: parameters, buffers, modes, devices, and torch's generator."""
    tensors = [(n, t.device, t.tolist()) for n, t in module.state_dict().items()]
    grads = [p.grad is None for p in module.parameters()]
    modes = [part.training for part in module.modules()]
    return tensors, grads, modes, torch.get_rng_state().tolist()


class Carrying(nn.Module):
    """Goes on from the hidden state of the batch before, whose graph it keeps."""

    def __init__(self):
        super().__init__()
        self.linear, self.hidden = nn.Linear(2, 3), torch.zeros(3)

    def forward(self, x):
        self.hidden = (self.linear(x) + self.hidden).tanh().mean(dim=0)
        return self.linear(x) + self.hidden


class Averaging(nn.Module):
    """Keeps a running mean, in a buffer that is bound anew; refuses a last batch of one."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(dim=0)
            with torch.no_grad():
                self.linear.weight.clamp_(-0.01, 0.01)
            if len(x) == 1:
                raise RuntimeError("one example has no variance")
        return self.linear(x - self.mean)


def shrunk(labels):
    return lambda logits, y: cross_entropy(logits, y) + 0 * labels[: len(y)].sum()


def no_graph(logits, labels):
    return cross_entropy(logits.detach(), labels)


ODD = data(5, dtype=torch.float32)


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), {}, "more than 1 value per channel"),
        (nn.Sequential(nn.Dropout(), Averaging()), {}, "one example has no variance"),
        (Carrying(), {"batch_size": 5}, "backward through the graph a second time"),
        (nn.Linear(2, 3), {"x": ODD[0] * torch.ones(2, requires_grad=True)}, r"\.detach\(\)"),
        (nn.Linear(2, 3), {"x": ODD[0].clone().requires_grad_()}, r"\.detach\(\)"),
        (nn.Linear(2, 3), {"labels": torch.ones(5, 3, requires_grad=True)}, r"\.detach\(\)"),
        (nn.Linear(2, 3), {"loss": no_graph}, "does not require grad"),
        (
            nn.Linear(2, 3),
            {"loss": nn.CrossEntropyLoss(), "labels": torch.tensor([0, 1, 2, 0, 3])},
            "Target 3 is out of bounds",
        ),
        (nn.Linear(2, 3), {"validation": (ODD[0], ODD[1] - 1)}, "^validation .* Target -1 is out"),
    ],
    ids=[
        "one example in the last batch",
        "buffers and weights that forward changes",
        "a graph that is kept from batch to batch",
        "x with a graph",
        "x that requires a gradient",
        "labels that require a gradient",
        "a loss without a graph",
        "a label out of range in the last batch",
        "a label out of range in validation",
    ],
)
def test_what_would_fail_at_a_later_step_is_refused_before_the_first(module, changes, message):
    module = copy.deepcopy(module).train()
    arguments = {"x": ODD[0], "labels": ODD[1], "batch_size": 2, "epochs": 2, **changes}
    before = state(module)
    with pytest.raises(ValueError, match=message):
        pt.train(module, learning_rate=0.1, device="cpu", **arguments)
    assert state(module) == before
    assert not isinstance(module, Carrying) or not module.hidden.requires_grad


def test_one_step_that_can_be_taken_is_not_refused_for_a_second_one():
    pt.train(Carrying(), *ODD, epochs=1, batch_size=5, learning_rate=0.1, device="cpu")


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, lambda n: nn.Dropout(), nn.Identity])
def test_trials_leave_no_trace_in_what_training_does(kind):
    """Against the same loop without them: buffers and random masks are those of the steps."""
    x, labels = data(6, dtype=torch.float32)
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(2, 4), kind(4), nn.Linear(4, 3))
    other = copy.deepcopy(module)
    torch.manual_seed(2)
    pt.train(module, x, labels, epochs=2, learning_rate=0.1, batch_size=4, device="cpu")
    torch.manual_seed(2)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    for _ in range(2):
        for batch in torch.randperm(6, generator=generator).split(4):
            optimizer.zero_grad()
            cross_entropy(other(x[batch]), labels[batch]).backward()
            optimizer.step()
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


class Keeping(nn.Module):
    """Keeps what it has computed, with the graph, which ``copy.deepcopy`` refuses to copy."""

    def __init__(self):
        super().__init__()
        self.linear, self.results = nn.Linear(2, 3), []

    def forward(self, x):
        self.results.append(self.linear(x))
        return self.results[-1]


def test_a_module_that_keeps_its_results_trains_and_has_none_of_trials_among_them():
    net = Keeping()
    kept = net(X)
    pt.train(net, X, LABELS, epochs=2, learning_rate=0.1, device="cpu")
    assert len(net.results) == 1 + 2
    assert net.results[0] is kept
    assert kept.grad_fn is not None
    assert_allclose(pt.to_mlp(net)(X), net.linear(X).detach(), rtol=0, atol=1e-6)


def test_a_lazy_layer_finds_its_size_and_trains():
    torch.manual_seed(0)
    module = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
    settings = {"epochs": 40, "learning_rate": 0.2, "momentum": 0.9}
    history = pt.train(module, X, LABELS, **settings, device="cpu")
    assert history.loss[-1] < 0.2 < history.loss[0]
    assert module[0].in_features == 2


@pytest.mark.parametrize(
    "module", [nn.LSTM(2, 3), nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))]
)
def test_modules_that_keep_their_parameters_elsewhere_train(module):
    def loss(outputs, labels):
        return cross_entropy(outputs[0] if isinstance(outputs, tuple) else outputs, labels)

    history = pt.train(module, X, LABELS, epochs=50, learning_rate=0.5, device="cpu", loss=loss)
    assert history.loss[-1] < history.loss[0]


def test_training_goes_on_where_the_caller_has_turned_gradients_off():
    net = two_layer_net(dtype=torch.float32)
    with torch.no_grad():
        history = pt.train(net, X, LABELS, epochs=20, learning_rate=0.5, device="cpu")
        assert not torch.is_grad_enabled()
    assert history.loss[-1] < history.loss[0]


class InPlace(nn.Module):
    """Scales what comes in, in place, as `x /= 255` does."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, x):
        x /= 255
        return self.linear(x)


def shifting(logits, labels):
    labels -= 1
    return cross_entropy(logits, labels)


@pytest.mark.parametrize(
    ("module", "loss"), [(InPlace(), None), (nn.Linear(2, 3), shifting)], ids=["module", "loss"]
)
def test_data_stay_as_they_were_though_module_or_loss_write_into_them(module, loss):
    shift = 0 if loss is None else 1
    x, labels, held_x, held_labels = X.clone(), LABELS + shift, X.clone(), LABELS + shift
    history = pt.train(
        module, x, labels, **SETTINGS, loss=loss, validation=(held_x, held_labels), device="cpu"
    )
    for tensor, before in ((x, X), (held_x, X), (labels, LABELS), (held_labels, LABELS)):
        assert torch.equal(tensor, before if tensor.is_floating_point() else before + shift)
    scores = module(X.clone())
    assert history.validation_loss[-1] == pytest.approx(cross_entropy(scores, LABELS).item())


def test_training_goes_on_in_inference_mode_and_on_tensors_made_there():
    net, twin = two_layer_net(dtype=torch.float32), two_layer_net(dtype=torch.float32)
    expected = pt.train(twin, X, LABELS, **SETTINGS, validation=(X, LABELS), device="cpu")
    with torch.inference_mode():
        x, labels = X.clone(), LABELS.clone()
        inside = pt.train(net, x, labels, **SETTINGS, validation=(x, labels), device="cpu")
    assert inside == expected
    assert torch.equal(theta(net), theta(twin))
    assert pt.train(net, x, labels, **SETTINGS, device="cpu").steps == expected.steps


def test_a_module_made_in_inference_mode_is_refused():
    with torch.inference_mode():
        module = nn.Linear(2, 3)
    before = theta(module)
    with pytest.raises(ValueError, match="module must be made outside of inference mode"):
        pt.train(module, X, LABELS, **SETTINGS, device="cpu")
    assert torch.equal(theta(module), before)


def test_settings_of_training_may_be_any_kind_of_number():
    net, twin = two_layer_net(dtype=torch.float32), two_layer_net(dtype=torch.float32)
    pt.train(
        net,
        X,
        LABELS,
        epochs=np.int8(2),
        batch_size=np.uint8(3),
        learning_rate=Fraction(1, 2),
        momentum=Fraction(1, 4),
        seed=np.uint64(7),
        device="cpu",
    )
    settings = {"epochs": 2, "batch_size": 3, "learning_rate": 0.5, "momentum": 0.25, "seed": 7}
    pt.train(twin, X, LABELS, **settings, device="cpu")
    assert torch.equal(theta(net), theta(twin))


def test_divergence_leaves_the_buffers_of_the_last_finite_weights():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3))
    x = X.clone()
    x[1, 1] = math.nan
    with pytest.raises(DivergenceError, match="the loss was not finite"):
        pt.train(module, x, LABELS, epochs=1, learning_rate=0.1, device="cpu")
    assert all(tensor.isfinite().all() for tensor in module.state_dict().values())


@pytest.mark.parametrize("label", [-100, -1, 3])
@pytest.mark.parametrize("where", ["labels", "validation"])
def test_a_label_that_cross_entropy_would_ignore_is_refused_as_any_other(label, where):
    wrong = torch.tensor([2, 0, label, 1])
    given = {"labels": wrong} if where == "labels" else {"validation": (X, wrong)}
    net = two_layer_net(dtype=torch.float32)
    before = theta(net)
    with pytest.raises(ValueError, match=f"Target {label} is out of bounds.* 0..2"):
        pt.train(net, **{"x": X, "labels": LABELS, **SETTINGS, **given}, device="cpu")
    assert torch.equal(theta(net), before)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(reduction="sum"),
        lambda logits, y: cross_entropy(logits, y, reduction="none").sum(),
        lambda logits, y: (logits - functional.one_hot(y, 3)).square().sum(),
    ],
)
def test_a_loss_that_grows_with_the_batch_is_refused(loss):
    net = two_layer_net(dtype=torch.float32)
    before = state(net)
    with pytest.raises(ValueError, match=r"loss must be the mean .* twice as many examples"):
        pt.train(net, X, LABELS, **SETTINGS, loss=loss, device="cpu")
    assert state(net) == before


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1),
        lambda logits, y: 0 * logits.sum(),
        lambda logits, y: cross_entropy(logits, y, reduction="none").max(),
        lambda logits, y: cross_entropy(logits + torch.randn(len(y), 3), y),
        lambda logits, y: cross_entropy(logits, y) * math.nan,
    ],
)
def test_a_loss_that_does_not_grow_with_the_batch_is_taken(loss):
    with contextlib.suppress(DivergenceError):
        pt.train(two_layer_net(dtype=torch.float32), X, LABELS, **SETTINGS, loss=loss, device="cpu")


def test_soft_labels_of_pixels_are_looked_at_along_the_class_axis():
    images = torch.zeros(4, 3, 5)
    labels = torch.full((4, 3, 5), 1 / 3)
    module = nn.Conv1d(3, 3, 1)
    assert pt.train(module, images, labels, **SETTINGS, device="cpu").steps == 1
    labels[2, :, 4] = torch.tensor([1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match=r"rows that sum to 1, got \[1.0, 1.0, 0.0\]"):
        pt.train(module, images, labels, **SETTINGS, device="cpu")


def test_cross_entropy_is_refused_outputs_without_a_class_axis():
    """It would take the whole batch for one distribution."""
    module = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    for labels in (torch.full((4,), 0.25), LABELS):
        with pytest.raises(ValueError, match=r"of shape \(examples, classes\), got \(2,\)"):
            pt.train(module, X, labels, **SETTINGS, device="cpu")


@pytest.mark.parametrize("row", [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, -1.0, 0.0]])
def test_soft_labels_that_are_no_distribution_are_refused(row):
    """As fit refuses them: cross-entropy takes several labels at once for one, without a word."""
    net, labels = two_layer_net(dtype=torch.float32), torch.eye(3)[LABELS]
    labels[3] = torch.tensor(row)
    before = state(net)
    with pytest.raises(ValueError, match=r"rows that sum to 1, got \["):
        pt.train(net, X, labels, **SETTINGS, device="cpu")
    assert state(net) == before


def test_weights_go_to_and_fro_whatever_the_default_device():
    """A device of no memory stands for any other than the CPU."""
    module, net = two_layer_net(), MLP([2, 10, 3], rng=0)
    torch.set_default_device("meta")
    try:
        pt.copy_weights(net, module)
        assert_array_equal(pt.to_mlp(module).theta, net.theta)
    finally:
        torch.set_default_device(None)


# --- targets that broadcast ----------------------------------------------------------------------

COLUMN = torch.linspace(-1, 1, 100)[:, None]


@pytest.mark.parametrize(
    "loss",
    [
        lambda s, y: (s - y).square().mean(),
        lambda s, y: ((s - y) ** 2).sum() / len(y),
        lambda s, y: torch.mean(torch.abs(y - s)),
        lambda s, y: torch.sub(y, other=s).square().mean(),
        lambda s, y: torch.relu(1 - (2 * y - 1) * s).mean(),
        functional.mse_loss,
        functional.l1_loss,
        functional.huber_loss,
        nn.MSELoss(),
        functional.binary_cross_entropy_with_logits,
        functional.poisson_nll_loss,
    ],
)
@pytest.mark.parametrize("squeezed", [False, True], ids=["(n, 1) and (n,)", "(n,) and (n, 1)"])
@pytest.mark.parametrize("where", ["labels", "validation"])
def test_a_loss_that_pairs_each_output_with_all_labels_is_refused(loss, squeezed, where):
    module = nn.Sequential(nn.Linear(1, 1), *squeezed * [nn.Flatten(0)])
    right, wrong = (3 * COLUMN.flatten(), 3 * COLUMN)[:: 1 if squeezed else -1]
    labels, held_out = (wrong, right) if where == "labels" else (right, wrong)
    before = state(module)
    with pytest.raises(ValueError, match="broadcast|size"):
        pt.train(
            module,
            COLUMN,
            labels,
            **SETTINGS,
            loss=loss,
            validation=(COLUMN, held_out),
            device="cpu",
        )
    assert state(module) == before


@pytest.mark.parametrize(
    ("module", "labels", "loss"),
    [
        (nn.Linear(1, 1), 3 * COLUMN, functional.mse_loss),
        (nn.Linear(1, 1), 3 * COLUMN[:, 0], lambda s, y: (s[:, 0] - y).square().mean()),
        (nn.Linear(1, 1), 3 * COLUMN[:, 0], lambda s, y: (s - y[:, None]).square().mean()),
        (nn.Linear(1, 2), (COLUMN[:, 0] > 0).long(), functional.multi_margin_loss),
        (nn.Linear(1, 2), (COLUMN[:, 0] > 0).long(), nn.CrossEntropyLoss(torch.tensor([1.0, 9.0]))),
        (nn.Linear(1, 2), COLUMN, lambda s, y: (y * s.square()).mean()),  # a weight of each row
        (nn.Linear(1, 4), COLUMN[:, 0], lambda s, y: (s @ torch.ones(4) - y).square().mean()),
        (nn.Linear(1, 1), COLUMN[:, 0], lambda s, y: ((y[:, None] > y) * (s - s.T)).exp().mean()),
    ],
    ids=["one shape", "sliced", "axis added", "margin", "weights", "rows", "matmul", "pairs"],
)
def test_a_loss_that_means_its_shapes_is_taken(module, labels, loss):
    history = pt.train(module, COLUMN, labels, **SETTINGS, loss=loss, device="cpu")
    assert history.steps == 4


# --- accuracy only where it means something ------------------------------------------------------


def of_one_logit(logits, labels):
    return functional.binary_cross_entropy_with_logits(logits.flatten(), labels.flatten().float())


@pytest.mark.parametrize(
    ("module", "labels", "loss"),
    [
        (nn.Linear(1, 1), (COLUMN[:, 0] > 0).long(), of_one_logit),
        (nn.Sequential(nn.Linear(1, 1), nn.Flatten(0)), (COLUMN[:, 0] > 0).long(), of_one_logit),
        (nn.Linear(1, 1), (COLUMN > 0).long(), of_one_logit),
        (nn.Linear(1, 2), (9 * COLUMN[:, 0]).long(), lambda s, y: (s[:, 0] - y).square().mean()),
        (nn.Linear(1, 2), (COLUMN > 0).float().repeat(1, 2), of_one_logit),
    ],
    ids=["(n, 1)", "(n,)", "labels (n, 1)", "counts", "several labels"],
)
def test_accuracy_is_empty_where_labels_are_no_indices_of_logits(module, labels, loss):
    settings = {"epochs": 2, "learning_rate": 0.1, "validation": (COLUMN, labels), "loss": loss}
    history = pt.train(module, COLUMN, labels, **settings, device="cpu")
    assert len(history.validation_loss) == 2
    assert history.validation_accuracy == []


def test_accuracy_of_one_hot_rows_is_that_of_their_indices():
    accuracies = []
    for pair in ((X, LABELS), (X, torch.eye(3)[LABELS])):
        net = two_layer_net(dtype=torch.float32)
        history = pt.train(net, *pair, **SETTINGS, validation=pair, device="cpu")
        accuracies.append(history.validation_accuracy)
    assert accuracies[0] == accuracies[1] != []


def test_accuracy_of_validation_data_with_nan_is_nan():
    net = two_layer_net(dtype=torch.float32)
    history = pt.train(net, X, LABELS, **SETTINGS, validation=(X * math.nan, LABELS), device="cpu")
    assert np.isnan([*history.validation_loss, *history.validation_accuracy]).all()
    assert len(history.validation_accuracy) == 1


# --- the slide's faults ------------------------------------------------------------------------

finite_scores = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=1, max_dims=1, min_side=2, max_side=8),
    elements=st.floats(-30, 30),
)  # fmt: skip


@pytest.mark.statement("prop-double-softmax")
@given(finite_scores, st.data())
@settings(max_examples=50)
def test_double_softmax_lies_strictly_between_its_bounds(scores, choice):
    k = choice.draw(st.integers(0, len(scores) - 1))
    value = cross_entropy(torch.from_numpy(scores).softmax(dim=0), torch.tensor(k)).item()
    with mpmath.workdps(60):  # in floats p may round to a one-hot vector
        weights = [mpmath.exp(s) for s in scores.tolist()]
        p = [weight / mpmath.fsum(weights) for weight in weights]
        exact = mpmath.log(mpmath.fsum(map(mpmath.exp, p))) - p[k]
        others = len(scores) - 1
        assert mpmath.log1p(others / mpmath.e) < exact < mpmath.log(mpmath.e + others)
        assert abs(value - exact) <= 8 * np.finfo(float).eps * exact


@pytest.mark.statement("prop-double-softmax")
@pytest.mark.parametrize("classes", [2, 3, 10, 1000])
def test_bounds_of_double_softmax_are_best_possible(classes):
    s = torch.zeros(classes, dtype=torch.float64)
    s[0] = 60
    right = cross_entropy(s.softmax(dim=0), torch.tensor(0)).item()
    wrong = cross_entropy(s.softmax(dim=0), torch.tensor(1)).item()
    assert right == pytest.approx(math.log1p((classes - 1) / math.e), rel=1e-14)
    assert wrong == pytest.approx(math.log(math.e + classes - 1), rel=1e-14)


@pytest.mark.statement("prop-double-softmax")
def test_masked_scores_and_a_single_class_meet_the_bounds_of_double_softmax():
    # So the bounds are strict for finite scores and two classes or more.
    masked = torch.tensor([0.0, -torch.inf], dtype=torch.float64).softmax(dim=0)
    assert cross_entropy(masked, torch.tensor(0)).item() == pytest.approx(
        math.log1p(1 / math.e), rel=1e-15
    )
    assert cross_entropy(masked, torch.tensor(1)).item() == pytest.approx(
        math.log(math.e + 1), rel=1e-15
    )
    single = torch.zeros(1).softmax(dim=0)
    assert cross_entropy(single, torch.tensor(0)) == math.log1p(0 / math.e) == 0


def test_double_softmax_hardly_corrects_what_is_confidently_wrong():
    s = torch.tensor([[0.0, 21.0, 0.0]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0])
    (once,) = torch.autograd.grad(cross_entropy(s, label), s)
    (twice,) = torch.autograd.grad(cross_entropy(s.softmax(dim=1), label), s)
    assert once.norm() == pytest.approx(math.sqrt(2), rel=1e-6)
    assert 1e-9 < twice.norm() < 3e-9


def test_printed_loss_of_the_slide_is_that_of_a_softmax_of_its_probabilities():
    p = np.array(
        [
            [0.3275, 0.4101, 0.2624],
            [0.3724, 0.3478, 0.2798],
            [0.2729, 0.4804, 0.2467],
            [0.2259, 0.5482, 0.2259],
        ]
    )
    assert round(cross_entropy(torch.from_numpy(p), LABELS).item(), 4) == 1.0730
    assert round(-np.log(p[range(4), LABELS]).mean(), 4) == 1.0564


@pytest.mark.statement("prop-final-relu")
@given(finite_scores.map(lambda s: -np.abs(s)), st.data())
@settings(max_examples=50)
def test_final_relu_without_positive_scores_gives_log_k_and_no_gradient(scores, choice):
    k = choice.draw(st.integers(0, len(scores) - 1))
    s = torch.from_numpy(scores).requires_grad_()
    loss = cross_entropy(s.relu(), torch.tensor(k))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(len(scores)), rel=1e-14)
    assert not s.grad.any()


@pytest.mark.statement("prop-final-relu")
def test_final_relu_of_slope_1_at_0_gives_a_gradient_there():
    s = torch.zeros(3, requires_grad=True)
    relu = torch.where(s >= 0, s, 0)
    (gradient,) = torch.autograd.grad(cross_entropy(relu, torch.tensor(0)), s)
    assert torch.allclose(gradient, torch.tensor([-2.0, 1.0, 1.0]) / 3)


@pytest.mark.statement("prop-no-clearing")
@pytest.mark.parametrize(
    ("optimizer", "same"),
    [
        (lambda parameters, momentum: torch.optim.SGD(parameters, 0.1, momentum=momentum), True),
        (
            lambda parameters, momentum: torch.optim.Adam(parameters, 0.1, (momentum / 2, 0.9)),
            False,
        ),
    ],
    ids=["gradient descent", "adam"],
)
def test_of_two_steps_without_clearing_only_gradient_descent_makes_momentum_1(optimizer, same):
    results = []
    for clear in (False, True):
        weight = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        steps = optimizer([weight], float(clear))
        for _ in range(2):
            if clear:
                steps.zero_grad()
            (weight**2).backward()
            steps.step()
        results.append(weight.item())
    assert (abs(results[0] - results[1]) < 1e-12) == same


@pytest.mark.statement("prop-no-clearing")
@given(st.integers(0, 99), st.floats(1e-3, 0.5), st.integers(1, 12))
@settings(max_examples=10)
def test_never_clearing_gradients_is_momentum_1(seed, learning_rate, steps):
    x, labels = data()
    results = []
    for clear, momentum in ((False, 0.0), (True, 1.0)):
        net = two_layer_net(seed)
        optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=momentum)
        for step in range(steps):
            if clear:
                optimizer.zero_grad()
            batch = slice(step % 4, None)  # another one at each step
            cross_entropy(net(x[batch]), labels[batch]).backward()
            optimizer.step()
        results.append(theta(net))
    assert torch.allclose(*results, rtol=0, atol=1e-11)


class HiddenNet(nn.Module):
    """Layers in whatever `container` makes of them, and a registered one at the end."""

    def __init__(self, container, depth):
        super().__init__()
        self.hidden = container([nn.Linear(2, 2) for _ in range(depth)])
        self.final_linear = nn.Linear(2, 3)

    def layers(self):
        return list(self.hidden.values() if isinstance(self.hidden, dict) else self.hidden)

    def forward(self, x):
        for layer in self.layers():
            x = layer(x).tanh()
        return self.final_linear(x)


OPTIMIZERS = [
    lambda parameters, rate: torch.optim.SGD(parameters, lr=rate),
    lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9, weight_decay=0.1),
    lambda parameters, rate: torch.optim.Adam(parameters, lr=rate),
    lambda parameters, rate: torch.optim.AdamW(parameters, lr=rate, weight_decay=0.1),
    lambda parameters, rate: torch.optim.RMSprop(parameters, lr=rate),
]


@pytest.mark.statement("prop-unregistered")
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["sgd", "momentum", "adam", "adamw", "rms"])
@given(
    st.sampled_from([list, tuple, lambda layers: dict(enumerate(layers))]),
    st.integers(1, 3),
    st.floats(1e-3, 10),
    st.integers(1, 5),
    st.integers(0, 99),
)
@settings(max_examples=8)
def test_no_optimizer_moves_unregistered_weights(
    optimizer, container, depth, learning_rate, steps, seed
):
    torch.manual_seed(seed)
    net = HiddenNet(container, depth)
    hidden = [p for layer in net.layers() for p in layer.parameters()]
    before, registered = [p.detach().clone() for p in hidden], theta(net)
    expected = [torch.zeros_like(p) for p in hidden]
    descent = optimizer(net.parameters(), learning_rate)
    for _ in range(steps):
        descent.zero_grad()
        loss = cross_entropy(net(X), LABELS)
        for total, gradient in zip(expected, torch.autograd.grad(loss, hidden), strict=True):
            total += gradient
        cross_entropy(net(X), LABELS).backward()
        descent.step()
    assert all(map(torch.equal, hidden, before))
    assert not torch.equal(theta(net), registered)
    for parameter, total in zip(hidden, expected, strict=True):  # zero_grad does not see them
        assert torch.allclose(parameter.grad, total)


@pytest.mark.statement("prop-unregistered")
def test_an_unregistered_tensor_moves_where_it_shares_memory_with_a_registered_one():
    net = HiddenNet(list, 1)
    net.hidden[0].weight.data = net.final_linear.weight.data[:2]
    before = net.hidden[0].weight.detach().clone()
    descent = torch.optim.SGD(net.parameters(), lr=0.1)
    cross_entropy(net(X), LABELS).backward()
    descent.step()
    assert not torch.equal(net.hidden[0].weight, before)


@pytest.mark.statement("prop-unregistered")
@pytest.mark.parametrize("break_it", ["listed", "written by the loss", "as it should be"])
def test_an_unlisted_tensor_moves_where_the_optimizer_gets_it_or_the_loss_writes(break_it):
    net = HiddenNet(list, 1)
    weight = net.hidden[0].weight
    before = weight.detach().clone()
    extra = [weight] if break_it == "listed" else []
    descent = torch.optim.SGD([*net.parameters(), *extra], lr=0.1)
    loss = cross_entropy(net(X), LABELS)
    loss.backward()
    if break_it == "written by the loss":
        weight.data /= 2
    descent.step()
    assert torch.equal(weight, before) == (break_it == "as it should be")


@pytest.mark.statement("prop-unregistered")
def test_an_unlisted_tensor_that_requires_no_gradient_gets_none():
    net = HiddenNet(list, 1)
    net.hidden[0].weight.requires_grad_(False)
    cross_entropy(net(X), LABELS).backward()
    assert net.hidden[0].weight.grad is None
    assert net.hidden[0].bias.grad is not None


@pytest.mark.statement("prop-unregistered")
def test_an_unlisted_tensor_moves_where_the_module_writes_into_it():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3))  # keeps a running mean
    assert all(net[0].running_mean is not parameter for parameter in net.parameters())
    descent = torch.optim.SGD(net.parameters(), lr=0.1)
    cross_entropy(net(X), LABELS).backward()
    descent.step()
    assert net[0].running_mean.any()
