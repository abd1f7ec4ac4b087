"""The engine against PyTorch, against wrong orders and wrong numbers, and against silence."""

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnlib import MLP, autograd, softmax_cross_entropy
from nnlib.activations import ACTIVATIONS, Activation, LeakyReLU
from nnlib.autograd import Tensor, checkpoint, grad, gradcheck, hvp, jvp, no_grad, rule

from .oracles import each_dtype, given, quietly

# --- rules against torch ----------------------------------------------------------------------


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def positive(*shape, seed=0):
    return 0.1 + np.exp(normal(*shape, seed=seed))


def torch_sum(x, axis=None, keepdims=False):
    return x.sum() if axis is None else x.sum(dim=axis, keepdim=keepdims)


# name: function of Tensors, the same in torch, inputs
RULES = {
    "add": (lambda a, b: a + b, lambda a, b: a + b, (normal(2, 3), normal(3, seed=1))),
    "subtract": (lambda a, b: a - b, lambda a, b: a - b, (normal(2, 1), normal(1, 3, seed=1))),
    "multiply": (lambda a, b: a * b, lambda a, b: a * b, (normal(2, 1), normal(2, 3, seed=1))),
    "divide": (lambda a, b: a / b, lambda a, b: a / b, (normal(3), positive(2, 3, seed=1))),
    "negative": (lambda x: -x, lambda x: -x, (normal(2, 3),)),
    "numbers beside": (
        lambda x: 1 - 2 / (3 * x + 1) + x / 4 - 5,
        lambda x: 1 - 2 / (3 * x + 1) + x / 4 - 5,
        (positive(4),),
    ),
    "arrays beside": (
        lambda x: normal(2, 3) * x - normal(3) / x,
        lambda x: torch.from_numpy(normal(2, 3)) * x - torch.from_numpy(normal(3)) / x,
        (positive(2, 3),),
    ),
    "an array on the left of @": (
        lambda x: normal(2, 3) @ x,
        lambda x: torch.from_numpy(normal(2, 3)) @ x,
        (normal(3, 2),),
    ),
    **{
        f"power {p}": (lambda x, p=p: x**p, lambda x, p=p: x**p, (positive(2, 3),))
        for p in (0, 1, 2, 3, -1, 0.5, -1.5)
    },
    "square of both signs": (lambda x: x**2, lambda x: x**2, (normal(5),)),
    "exp": (autograd.exp, torch.exp, (normal(2, 3),)),
    "log": (autograd.log, torch.log, (positive(2, 3),)),
    **{
        f"matmul {a} {b}": (
            lambda a, b: a @ b,
            lambda a, b: a @ b,
            (normal(*a), normal(*b, seed=1)),
        )
        for a, b in (
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((5, 2, 3), (5, 3, 4)),
            ((5, 1, 2, 3), (4, 3, 2)),
            ((5, 2, 3), (3,)),
            ((3,), (5, 3, 2)),
            ((1, 1), (1, 1)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
        )
    },
    **{
        f"sum over {axis}, keepdims {keep}": (
            lambda x, axis=axis, keep=keep: x.sum(axis, keepdims=keep),
            lambda x, axis=axis, keep=keep: torch_sum(x, axis, keep),
            (normal(2, 3, 4),),
        )
        for axis, keep in ((None, False), (0, False), (-1, True), ((0, 2), False), ((-1, 0), True))
    },
    "mean": (lambda x: x.mean(), lambda x: x.mean(), (normal(2, 3),)),
    "mean along an axis": (
        lambda x: x.mean(-1, keepdims=True), lambda x: x.mean(-1, keepdim=True), (normal(2, 3),)),
    "mean along two axes": (
        lambda x: x.mean((0, 2)), lambda x: x.mean((0, 2)), (normal(2, 3, 4),)),
    "max": (lambda x: x.max(), lambda x: x.max(), (normal(2, 3),)),
    "max keeping axes": (
        lambda x: x.max(keepdims=True), lambda x: x.amax((0, 1), keepdim=True), (normal(2, 3),)),
    "max along an axis": (lambda x: x.max(1), lambda x: x.max(1)[0], (normal(2, 3, 4),)),
    "max along the last": (
        lambda x: x.max(-1, keepdims=True),
        lambda x: x.max(-1, keepdim=True)[0],
        (normal(2, 3, 4),),
    ),
    "softmax": (autograd.softmax, lambda x: x.softmax(-1), (normal(2, 3),)),
    "softmax of columns": (
        lambda x: autograd.softmax(x, axis=0), lambda x: x.softmax(0), (normal(2, 3),)),
    "log_softmax": (autograd.log_softmax, lambda x: x.log_softmax(-1), (normal(2, 3),)),
    "log_softmax of columns": (
        lambda x: autograd.log_softmax(x, axis=0), lambda x: x.log_softmax(0), (normal(2, 3),)),
    "log_sum_exp": (autograd.log_sum_exp, lambda x: x.logsumexp(-1), (normal(2, 3),)),
    "log_sum_exp of columns": (
        lambda x: autograd.log_sum_exp(x, axis=0), lambda x: x.logsumexp(0), (normal(2, 3),)),
    "reshape": (lambda x: x.reshape(3, -1), lambda x: x.reshape(3, -1), (normal(2, 3),)),
    "reshape to a number": (lambda x: x.reshape(()), lambda x: x.reshape(()), (normal(1, 1),)),
    "transpose": (lambda x: x.T, lambda x: x.T, (normal(2, 3),)),
    "transpose by axes": (
        lambda x: x.transpose(2, 0, 1), lambda x: x.permute(2, 0, 1), (normal(2, 3, 4),)),
    "swapaxes": (
        lambda x: x.swapaxes(-1, 0), lambda x: x.swapaxes(-1, 0), (normal(2, 3, 4),)),
    **{
        f"index {index}": (
            lambda x, index=index: x[index],
            lambda x, index=index: x[index],
            (normal(3, 4),),
        )
        for index in (0, -1, (1, 2), (slice(None), 1), (..., None), [0, 2, 0])
    },
    "index by step": (lambda x: x[::2, 1:], lambda x: x[::2, 1:], (normal(3, 4),)),
    "index by arrays that repeat": (
        lambda x: x[np.array([0, 0, 2]), np.array([1, 1, 3])],
        lambda x: x[torch.tensor([0, 0, 2]), torch.tensor([1, 1, 3])],
        (normal(3, 4),),
    ),
    "index by a mask": (
        lambda x: x[normal(3, 4) > 0],
        lambda x: x[torch.from_numpy(normal(3, 4) > 0)],
        (normal(3, 4, seed=1),),
    ),
    "take": (
        lambda x: autograd.take(x, [[0, 1], [1, 1]], axis=1),
        lambda x: x[:, torch.tensor([[0, 1], [1, 1]])],
        (normal(3, 4),),
    ),
    "concatenate": (
        lambda a, b, c: autograd.concatenate([a, b, c], axis=-1),
        lambda a, b, c: torch.cat([a, b, c], -1),
        (normal(2, 3), normal(2, 0, seed=1), normal(2, 2, seed=2)),
    ),
    "stack": (
        lambda a, b: autograd.stack([a, b, a], axis=1),
        lambda a, b: torch.stack([a, b, a], 1),
        (normal(2, 3), normal(2, 3, seed=1)),
    ),
    "where": (
        lambda a, b: autograd.where(normal(2, 3) > 0, a, b),
        lambda a, b: torch.where(torch.from_numpy(normal(2, 3) > 0), a, b),
        (normal(3, seed=1), normal(2, 1, seed=2)),
    ),
    "broadcast of no rows": (lambda a, b: a * b, lambda a, b: a * b, (normal(1, 3), normal(0, 3))),
    "sum of nothing": (lambda x: x.sum(0), lambda x: x.sum(0), (normal(0, 3),)),
}  # fmt: skip
TORCH_ACTIVATIONS = {
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "softplus": lambda x: torch.log1p(torch.exp(x)),
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
}
RULES |= {
    name: (getattr(autograd, name), TORCH_ACTIVATIONS[name], (3 * normal(4, 5),))
    for name in ACTIVATIONS
}
each_rule = pytest.mark.parametrize("name", RULES)


def leaves(arrays):
    return [Tensor(array, requires_grad=True) for array in arrays]


def torch_leaves(arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def same(ours, theirs, tolerance=1e-11):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    ours = ours.detach().numpy() if isinstance(ours, Tensor) else ours
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@each_rule
def test_values_and_gradients_are_those_of_torch(name):
    function, of_torch, arrays = RULES[name]
    x, t = leaves(arrays), torch_leaves(arrays)
    y, z = function(*x), of_torch(*t)
    same(y, z)
    seed = normal(*y.shape, seed=9)
    y.backward(gradient=seed)
    z.backward(gradient=torch.from_numpy(seed))
    for ours, theirs in zip(x, t, strict=True):
        same(ours.grad, theirs.grad)


@each_rule
def test_second_derivatives_are_those_of_torch(name):
    function, of_torch, arrays = RULES[name]
    x, t = leaves(arrays), torch_leaves(arrays)
    y, z = function(*x), of_torch(*t)
    if name == "power 0":
        z = z + 0 * t[0]  # torch's slope of a constant knows no graph
    seed, seeds = normal(*y.shape, seed=9), [normal(*a.shape, seed=i) for i, a in enumerate(arrays)]
    u, w = Tensor(seed, requires_grad=True), torch.tensor(seed, requires_grad=True)
    ours = grad(y, x, u, create_graph=True)
    theirs = torch.autograd.grad(z, t, w, create_graph=True)
    scalar, of_theirs = (
        sum(((g**2) * s).sum() for g, s in zip(parts, made, strict=True))
        for parts, made in ((ours, seeds), (theirs, map(torch.from_numpy, seeds)))
    )
    again = grad(scalar, [*x, u], allow_unused=True)
    expected = torch.autograd.grad(of_theirs, [*t, w], allow_unused=True)
    for got, wanted, like in zip(again, expected, [*x, u], strict=True):
        zero = np.zeros(like.shape)
        same(zero if got is None else got, zero if wanted is None else wanted, 1e-9)


@each_rule
def test_forward_and_reverse_are_transposes(name):
    function, of_torch, arrays = RULES[name]
    v = tuple(normal(*a.shape, seed=20 + i) for i, a in enumerate(arrays))
    value, forward = jvp(function, arrays, v)
    y = function(*(x := leaves(arrays)))
    same(value, y.detach())
    u = normal(*y.shape, seed=30)
    reverse = grad(y, x, u)
    left = np.sum(u * forward.numpy())
    right = sum(np.sum(g.numpy() * t) for g, t in zip(reverse, v, strict=True))
    np.testing.assert_allclose(left, right, rtol=1e-11, atol=1e-11)
    theirs = torch.autograd.functional.jvp(
        of_torch, tuple(map(torch.from_numpy, arrays)), tuple(map(torch.from_numpy, v))
    )
    same(forward, theirs[1])


@each_rule
def test_float32_stays_float32(name):
    function, _, arrays = RULES[name]
    if name in ("arrays beside", "an array on the left of @"):
        return  # they are of float64
    x = leaves([a.astype(np.float32) for a in arrays])
    y = function(*x)
    assert y.dtype == np.float32
    for g in grad(y, x, np.ones(y.shape, np.float32), create_graph=True):
        assert g.dtype == np.float32


@each_rule
def test_rules_agree_with_differences(name):
    function, _, arrays = RULES[name]
    assert gradcheck(function, *arrays)


@given(st.data())
def test_any_two_shapes_that_broadcast(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
    arrays = [positive(*shape, seed=i) for i, shape in enumerate(shapes.input_shapes)]
    operation = data.draw(st.sampled_from("+-*/"))
    x, t = leaves(arrays), torch_leaves(arrays)
    y, z = ({"+": a + b, "-": a - b, "*": a * b, "/": a / b}[operation] for a, b in (x, t))
    (y * y).sum().backward()
    (z * z).sum().backward()
    for ours, theirs in zip(x, t, strict=True):
        same(ours.grad, theirs.grad)


@given(st.data())
def test_any_product_of_matrices_that_broadcasts(data):
    shapes = data.draw(
        hnp.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)", max_dims=2, max_side=3)
    )
    arrays = [normal(*shape, seed=i) for i, shape in enumerate(shapes.input_shapes)]
    x, t = leaves(arrays), torch_leaves(arrays)
    y, z = x[0] @ x[1], t[0] @ t[1]
    same(y, z)
    (y * y).sum().backward()
    (z * z).sum().backward()
    for ours, theirs in zip(x, t, strict=True):
        same(ours.grad, theirs.grad)


@given(st.data())
def test_any_basic_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    x = Tensor(normal(*shape), requires_grad=True)
    y = x[index]
    seed, expected = normal(*y.shape, seed=1), np.zeros(shape)
    y.backward(gradient=seed)
    expected[index] = seed
    same(x.grad, expected)


@given(st.data())
def test_any_integer_index(data):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    index = data.draw(hnp.integer_array_indices(shape))
    x = Tensor(normal(*shape), requires_grad=True)
    y = x[index]
    seed, expected = normal(*y.shape, seed=1), np.zeros(shape)
    y.backward(gradient=seed)
    np.add.at(expected, index, seed)
    same(x.grad, expected)
