"""Feedback: every known mistake is recognized, in the words that help, and right functions pass."""

import math
import pydoc
import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError
from functools import partial
from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules

import numpy as np
import pytest
import scipy.special
import torch
from torch import nn

import nnlib
from nnlib import check
from nnlib.pytorch import MultiLayerNet

from . import backpropagation, engines
from .mistakes import pytorch as submissions


def rows_of(scores, labels):
    return zip(scores, labels, strict=True)


# --- right functions --------------------------------------------------------------------------


def numpy_relu(x):
    return np.maximum(x, 0)


def numpy_relu_derivative(x):
    return (x > 0).astype(x.dtype)


def numpy_sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def numpy_hinge(scores, labels):
    losses = []
    for s, k in rows_of(scores, labels):
        losses.append(max(0, max(s[j] - s[k] + 1 for j in range(len(s)) if j != k)))
    return np.array(losses, scores.dtype)


def numpy_softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def numpy_log_softmax(a):
    below = a - a.max(axis=-1, keepdims=True)
    return below - np.log(np.exp(below).sum(axis=-1, keepdims=True))


def numpy_cross_entropy(y, p):
    seen = y > 0
    return -np.sum(np.where(seen, y * np.log(np.where(seen, p, 1)), 0), axis=-1)


def numpy_kl(y, p):
    seen = y > 0
    quotient = np.where(seen, y, 1) / np.where(seen, p, 1)
    return np.sum(np.where(seen, y * np.log(quotient), 0), axis=-1)


def numpy_squared_hinge(scores, labels):
    losses = []
    for s, k in rows_of(scores, labels):
        losses.append(sum(max(0, s[j] - s[k] + 1) ** 2 for j in range(len(s)) if j != k))
    return np.array(losses, scores.dtype)


def numpy_squared_hinge_gradient(scores, labels):
    gradient = np.zeros_like(scores)
    for row, s, k in zip(gradient, scores, labels, strict=True):
        for j in range(len(s)):
            slope = 2 * max(0, s[j] - s[k] + 1) / len(scores)
            if j != k:
                row[j] += slope
                row[k] -= slope
    return gradient


def torch_squared_hinge(scores, labels):
    scores, labels = torch.as_tensor(scores), torch.from_numpy(labels)
    mean_over_classes = nn.functional.multi_margin_loss(scores, labels, p=2, reduction="none")
    return scores.shape[1] * mean_over_classes


def torch_squared_hinge_gradient(scores, labels):
    leaf = torch.tensor(scores, requires_grad=True)
    torch_squared_hinge(leaf, labels).mean().backward()
    return leaf.grad.numpy()


def numpy_softmax_or_none(a):
    return numpy_softmax(np.insert(a, 0, 0, axis=-1))[..., 1:]


def numpy_masked_log_softmax(a, possible):
    return numpy_log_softmax(np.where(possible, a, -np.inf))


def row_by_row(a, possible):
    result = np.full_like(a, -np.inf)
    for place in np.ndindex(a.shape[:-1]):
        mine = possible[place]
        result[place][mine] = scipy.special.log_softmax(a[place][mine])
    return result


def numpy_vote(s, y):
    return y * np.logaddexp(0, -s) + (1 - y) * np.logaddexp(0, s)


def torch_vote(s, y):
    s, y = torch.from_numpy(s), torch.from_numpy(y)
    return (y * nn.functional.softplus(-s) + (1 - y) * nn.functional.softplus(s)).numpy()


def numpy_shannon(y, p):
    return (numpy_kl(y, (y + p) / 2) + numpy_kl(p, (y + p) / 2)) / 2


def numpy_forward(x, weights, biases):
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = np.maximum(0, x @ weight.T + bias)
    return x @ weights[-1].T + biases[-1]


def nnlib_forward(x, weights, biases):
    net = nnlib.MLP([x.shape[-1], *map(len, weights)], dtype=x.dtype)
    net.theta[...] = np.concatenate(
        [part.ravel() for layer in zip(weights, biases, strict=True) for part in layer]
    )
    return net(x)


def torch_forward(x, weights, biases):
    x = torch.from_numpy(x)
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = nn.functional.linear(torch.relu(x) if i else x, *map(torch.from_numpy, (weight, bias)))
    return x.numpy()


def numpy_step(theta, gradient, learning_rate):
    return theta - learning_rate * gradient


def torch_step(theta, gradient, learning_rate):
    parameter = torch.tensor(theta, requires_grad=True)
    parameter.grad = torch.tensor(gradient)
    torch.optim.SGD([parameter], lr=learning_rate).step()
    return parameter.detach().numpy()


def numpy_squareplus(x):
    right = (np.abs(x) + np.hypot(x, 2)) / 2
    return np.where(x < 0, 1 / right, right)


def numpy_squareplus_slope(x):
    return 1 / (1 + numpy_squareplus(-x) ** 2)


def numpy_skip_forward(x, weights, biases):
    z = x @ weights[0].T + biases[0]
    for weight, bias in rows_of(weights[1:], biases[1:]):
        split = weight.shape[1] - x.shape[-1]
        z = numpy_relu(z) @ weight[:, :split].T + x @ weight[:, split:].T + bias
    return z


def torch_skip_forward(x, weights, biases):
    x = z = torch.from_numpy(x)
    for i, (weight, bias) in enumerate(rows_of(weights, biases)):
        seen = torch.cat([z.relu(), x], dim=-1) if i else x
        z = nn.functional.linear(seen, torch.from_numpy(weight), torch.from_numpy(bias))
    return z.numpy()


def numpy_fold_scaling(weight, bias, mean, scale):
    weight, bias = weight.copy(), bias.copy()
    for j in range(len(scale)):
        weight[:, j] = weight[:, j] / scale[j] if scale[j] > 0 else 0
        bias -= weight[:, j] * mean[j]
    return weight, bias


def matrix_fold_scaling(weight, bias, mean, scale):
    used = scale > 0
    inverse = np.diag(used / np.where(used, scale, 1)).astype(scale.dtype)
    return [weight @ inverse, bias - weight @ (inverse @ mean)]


def numpy_network_through(x, y):
    order = np.argsort(x)
    x, y = x[order], y[order]
    slopes = np.concatenate([[0], np.diff(y) / np.diff(x), [0]]).astype(x.dtype)
    return np.ones((len(x), 1), x.dtype), -x, np.diff(slopes)[None], y[:1]


def mirrored_network_through(x, y):
    """Return a network of units that are on to the left of their bends."""
    w1, b1, w2, b2 = numpy_network_through(-x, y)
    return [-w1, b1, w2, b2]


def numpy_clipped_step(theta, gradient, learning_rate, limit):
    largest = max(np.abs(gradient).max(), np.finfo(gradient.dtype).tiny)
    length = largest * np.linalg.norm(gradient / largest)
    return theta - learning_rate * (gradient / max(1, length / limit))


def math_clipped_step(theta, gradient, learning_rate, limit):
    length = math.hypot(*gradient.ravel())
    return theta - learning_rate * (gradient * (limit / length) if length > limit else gradient)


def through_torch(function):
    return lambda x: function(torch.from_numpy(x)).numpy()


class SlideNet(nn.Module):
    """With names, and an order of layers, that are not nnlib's."""

    def __init__(self, input_size, layer_sizes, output_size):
        super().__init__()
        self.last = nn.Linear([input_size, *layer_sizes][-1], output_size)
        self.layers = nn.ModuleList()
        for size in layer_sizes:
            self.layers.append(nn.Linear(input_size, size))
            input_size = size

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).clamp(min=0)
        return self.last(x)


def sequential(input_size, layer_sizes, output_size):
    layers = []
    for size in layer_sizes:
        layers += [nn.Linear(input_size, size), nn.ReLU()]
        input_size = size
    return nn.Sequential(*layers, nn.Linear(input_size, output_size))


class StackedNet(nn.Module):
    """Blocks that a Sequential holds, each a module of its own."""

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer = nn.Linear(width, width)

        def forward(self, x):
            return torch.add(x, nn.functional.relu(self.layer(x)))

    def __init__(self, input_size, width, blocks, output_size):
        super().__init__()
        ends = nn.Linear(input_size, width), nn.Linear(width, output_size)
        self.all = nn.Sequential(ends[0], *map(self.Block, [width] * blocks), ends[1])

    def forward(self, x):
        return self.all(x)


def lengths_without_backward(net, x, labels):
    learning = [p for p in net.parameters() if p.requires_grad]
    loss = nn.functional.cross_entropy(net(x), labels)
    gradients = torch.autograd.grad(loss, learning, allow_unused=True)
    lengths = {p: g.norm() for p, g in zip(learning, gradients, strict=True) if g is not None}
    return [lengths[p].item() if p in lengths else 0.0 for p in net.parameters()]


def confusion_by_places(net, batches, classes):
    modes = [(part, part.training) for part in net.modules()]
    net.eval()
    places = torch.zeros(classes**2, dtype=torch.int64)
    with torch.inference_mode():
        for x, labels in batches:
            taken = net(x).softmax(dim=1).argmax(1)
            places = places + torch.bincount(classes * labels + taken, minlength=classes**2)
    for part, mode in modes:
        part.training = mode
    return places.reshape(classes, classes)


def step_without_backward(net, optimizer, x, labels, size):
    """Return the loss; the gradients of the pieces are found by hand and added up."""
    listed, total = list(net.parameters()), 0.0
    for parameter in listed:
        parameter.grad = torch.zeros_like(parameter)
    for start in range(0, len(x), size):
        piece = slice(start, start + size)
        loss = nn.functional.cross_entropy(net(x[piece]), labels[piece], reduction="sum")
        for p, g in zip(listed, torch.autograd.grad(loss, listed), strict=True):
            p.grad += g / len(x)
        total += loss.item() / len(x)
    optimizer.step()
    return total


def train_by_hand(net, data, held_out, epochs, patience, batch_size, learning_rate, seed):
    (x, labels), (seen, truth) = data, held_out
    generator, parameters = torch.Generator().manual_seed(seed), list(net.parameters())
    losses, best, kept = [], 0, None
    while len(losses) < epochs and len(losses) < best + patience + (not losses):
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x), batch_size):
            batch = order[start : start + batch_size]
            p = net(x[batch]).log_softmax(dim=1)
            loss = -p[torch.arange(len(batch)), labels[batch]].mean()
            with torch.no_grad():
                for q, g in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                    q -= learning_rate * g
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(net(seen), truth).item())
        if best == 0 or losses[-1] < losses[best - 1]:
            best, kept = len(losses), [q.detach().clone() for q in parameters]
    with torch.no_grad():
        for q, old in zip(parameters, kept, strict=True):
            q.copy_(old)
    return np.array(losses).tolist()


def submitted(item, *changes):
    """Return what a submission of ``tests/mistakes`` defines, with these changes in its text."""
    namespace = {"torch": torch, "nn": nn, "cross_entropy": nn.functional.cross_entropy}
    exec(submissions.changed(submissions.RIGHT[item], *changes), namespace)
    return namespace[item]


# The suites of the assignment on PyTorch, by its items.
ASKED = {item: {"ResidualNet": "residual_net"}.get(item, item) for item in submissions.RIGHT}


RIGHT = {
    "relu": [nnlib.relu, numpy_relu, through_torch(torch.relu), lambda x: np.where(x > 0, x, 0)],
    "relu_derivative": [
        nnlib.relu.derivative,
        numpy_relu_derivative,
        lambda x: np.heaviside(x, x.dtype.type(0)),
    ],
    "sigmoid": [
        nnlib.sigmoid,
        numpy_sigmoid,
        scipy.special.expit,
        through_torch(torch.sigmoid),
        lambda x: 1 / (1 + np.exp(-x)),
    ],
    "softplus": [
        nnlib.softplus,
        lambda x: np.logaddexp(x, 0),
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
        through_torch(nn.functional.softplus),
    ],
    "squareplus": [
        numpy_squareplus,
        lambda x: np.exp(np.arcsinh(x / 2)),
        lambda x: np.where(x < 0, 2 / (np.hypot(x, 2) - x), (x + np.hypot(x, 2)) / 2),
    ],
    "squareplus_slope": [
        numpy_squareplus_slope,
        lambda x: numpy_sigmoid(2 * np.arcsinh(x / 2)),
    ],
    "hinge": [nnlib.hinge, numpy_hinge],
    "softmax": [
        nnlib.softmax,
        numpy_softmax,
        lambda a: scipy.special.softmax(a, axis=-1),
        through_torch(lambda a: torch.softmax(a, dim=-1)),
    ],
    "log_softmax": [
        nnlib.log_softmax,
        numpy_log_softmax,
        lambda a: scipy.special.log_softmax(a, axis=-1),
        lambda a: a - scipy.special.logsumexp(a, axis=-1, keepdims=True),
        through_torch(lambda a: torch.log_softmax(a, dim=-1)),
    ],
    "cross_entropy": [
        nnlib.cross_entropy,
        numpy_cross_entropy,
        lambda y, p: -scipy.special.xlogy(y, p).sum(axis=-1),
    ],
    "kl_divergence": [
        nnlib.kl_divergence,
        numpy_kl,
        lambda y, p: scipy.special.rel_entr(y, p).sum(axis=-1),
        lambda y, p: nnlib.cross_entropy(y, p) - nnlib.entropy(y),
    ],
    "squared_hinge": [numpy_squared_hinge, lambda s, k: torch_squared_hinge(s, k).numpy()],
    "squared_hinge_gradient": [numpy_squared_hinge_gradient, torch_squared_hinge_gradient],
    "softmax_or_none": [
        numpy_softmax_or_none,
        lambda a: np.exp(a - np.logaddexp(0, np.logaddexp.reduce(a, axis=-1, keepdims=True))),
    ],
    "masked_log_softmax": [numpy_masked_log_softmax, row_by_row],
    "vote_cross_entropy": [numpy_vote, torch_vote],
    "jensen_shannon": [
        numpy_shannon,
        lambda y, p: (
            scipy.special.entr((y + p) / 2).sum(axis=-1)
            - (scipy.special.entr(y) + scipy.special.entr(p)).sum(axis=-1) / 2
        ),
    ],
    "mlp_forward": [nnlib_forward, numpy_forward, torch_forward],
    "sgd_step": [numpy_step, torch_step],
    "skip_forward": [numpy_skip_forward, torch_skip_forward],
    "fold_scaling": [numpy_fold_scaling, matrix_fold_scaling],
    "network_through": [numpy_network_through, mirrored_network_through],
    "clipped_step": [numpy_clipped_step, math_clipped_step],
    "multi_layer_net": [MultiLayerNet, SlideNet, sequential],
    "residual_net": [submitted("ResidualNet"), StackedNet],
    "gradient_lengths": [submitted("gradient_lengths"), lengths_without_backward],
    "confusion": [submitted("confusion"), confusion_by_places],
    "accumulated_step": [submitted("accumulated_step"), step_without_backward],
    "train_with_patience": [submitted("train_with_patience"), train_by_hand],
}


RIGHT |= engines.RIGHT | backpropagation.RIGHT


def named(functions):
    return [(name, function) for name, several in functions.items() for function in several]


@pytest.mark.parametrize(("name", "function"), named(RIGHT))
def test_right_functions_pass_with_every_seed(name, function, capsys):
    for seed in range(5):
        report = check.SUITES[name](function, seed=seed)
        assert report.passed, str(report)
    assert "WRONG" not in capsys.readouterr().out


def test_every_function_has_a_door_and_right_implementations():
    assert set(RIGHT) == set(check.SUITES), "the rows of RIGHT (left) and the suites differ"
    for name, suite in check.SUITES.items():
        assert getattr(check, name) is suite
        assert suite.name == name


# --- known mistakes ---------------------------------------------------------------------------


def in_place(right):
    def wrong(first, *others):
        result = right(first, *others)
        first *= 0.5
        return result

    return wrong


def relu_of_zeros(x):
    result = np.zeros(x.shape)
    result[x > 0] = x[x > 0]
    return result


def relu_in_place(x):
    x[x < 0] = 0
    return x


def softmax_in_place(a):
    a -= a.max(axis=-1, keepdims=True)
    np.exp(a, out=a)
    a /= a.sum(axis=-1, keepdims=True)
    return a


def step_in_place(theta, gradient, learning_rate):
    theta -= learning_rate * gradient
    return theta


def forward_in_place(x, weights, biases):
    weights[-1] = weights[-1] + 0.0
    biases.append(np.zeros(1))
    return numpy_forward(x, weights, biases[:-1])


def hinge_by_row(loss):
    return lambda scores, labels: np.array(
        [loss(s, k) for s, k in rows_of(scores, labels)], scores.dtype
    )


def others(s, k):
    return np.delete(s, k)


def hinge_with_own_class(scores, labels):
    true = scores[np.arange(len(scores)), labels][:, None]
    return np.maximum(0, scores - true + 1).max(axis=1)


def hinge_over_the_batch(scores, labels):
    true = scores[np.arange(len(scores)), labels]
    return np.maximum(0, masked(-np.inf, scores, labels).max() - true + 1)


def hinge_in_place(scores, labels):
    true = scores[np.arange(len(scores)), labels]
    scores[np.arange(len(scores)), labels] = -np.inf
    return np.maximum(0, scores.max(axis=1) - true + 1)


def plain_kl(y, p):
    return np.sum(y * np.log(y / p), axis=-1)


def plain_cross_entropy(y, p):
    return -np.sum(y * np.log(p), axis=-1)


def squares_by_row(loss):
    """Return a squared hinge that gives one row's loss from its shortfalls, of rivals alone."""
    return hinge_by_row(lambda s, k: loss(others(s, k) - s[k] + 1))


def gradient_by_row(slopes_of, scores, labels):
    """Return a gradient given the slopes of a row, from (shortfalls of its rivals) to (slopes)."""
    rows = []
    for s, k in rows_of(scores, labels):
        slopes = slopes_of(np.maximum(0, others(s, k) - s[k] + 1))
        rows.append(np.insert(slopes, k, -slopes.sum()) / len(scores))
    return np.array(rows, scores.dtype)


def of_the_strongest(shortfalls):
    return 1.0 * (np.arange(len(shortfalls)) == shortfalls.argmax()) * (shortfalls > 0)


def gradient_with_one_share(scores, labels):
    gradient = numpy_squared_hinge_gradient(scores, labels)
    for row, k in rows_of(gradient, labels):
        row[k] = -others(row, k).max()
    return gradient


def masked(number, scores, labels):
    """Return the scores with a number in place of those of the true classes."""
    rivals = scores.copy()
    rivals[np.arange(len(scores)), labels] = number
    return rivals


def strongest_masked_by(number, scores, labels):
    true = scores[np.arange(len(scores)), labels]
    return np.maximum(0, masked(number, scores, labels).max(axis=1) - true + 1)


def hinge_masked_by(number, scores, labels):
    true = scores[np.arange(len(scores)), labels][:, None]
    return (np.maximum(0, masked(number, scores, labels) - true + 1) ** 2).sum(axis=1)


def softmax_and_none(a):
    return numpy_softmax(np.concatenate([a, np.zeros_like(a[..., :1])], axis=-1))


def shifted_log_softmax(a, possible, shift):
    total = (np.exp(a - shift) * possible).sum(-1, keepdims=True)
    return np.where(possible, a - shift - np.log(total), -np.inf)


def plain_shannon(y, p):
    return (plain_kl(y, (y + p) / 2) + plain_kl(p, (y + p) / 2)) / 2


def shannon_terms(y, p):
    return (scipy.special.rel_entr(y, (y + p) / 2) + scipy.special.rel_entr(p, (y + p) / 2)) / 2


def layers(x, weights, biases, between=numpy_relu, end=lambda z: z, times=lambda x, w: x @ w.T):
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        x = times(x, weight) + bias
        x = between(x) if i < len(weights) else end(x)
    return x


def without_bias(x, weights, biases):
    for weight in weights[:-1]:
        x = np.maximum(0, x @ weight.T)
    return x @ weights[-1].T


def net(forward=None, bias=True):
    """Return a class of nets that are right but for how they go forward, or for their biases."""

    class Net(nn.Module):
        def __init__(self, input_size, layer_sizes, output_size):
            super().__init__()
            sizes = [input_size, *layer_sizes, output_size]
            pairs = pairwise(sizes)
            self.layers = nn.ModuleList(nn.Linear(n, m, bias=bias) for n, m in pairs)

        def forward(self, x):
            return (forward or plain)(self.layers, x)

    return Net


def plain(layers, x, between=torch.relu):
    for layer in layers[:-1]:
        x = between(layer(x))
    return layers[-1](x)


def without_gradient(layers, x):
    with torch.no_grad():
        return plain(layers, x)


class ListNet(nn.Module):
    """The slide's net."""

    def __init__(self, input_size, layer_sizes, output_size):
        super().__init__()
        self.hidden_layers = []
        for size in layer_sizes:
            self.hidden_layers.append(nn.Linear(input_size, size))
            input_size = size
        self.final_linear = nn.Linear(input_size, output_size)

    def forward(self, x):
        for layer in self.hidden_layers:
            x = torch.relu(layer(x))
        return self.final_linear(x)


class ListOnlyNet(ListNet):
    """Not even the last layer is registered."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        last = [self.final_linear]
        del self.final_linear
        object.__setattr__(self, "final_linear", last[0])


class UninitializedNet(nn.Module):
    def __init__(self, input_size, layer_sizes, output_size):
        self.layers = nn.ModuleList([nn.Linear(input_size, output_size)])


def skipping(
    x, weights, biases, join=lambda a, x: np.append(a, x, axis=-1), between=numpy_relu,
    end=lambda z: z, times=lambda a, w: a @ w.T,
):  # fmt: skip
    a = x
    for i, (weight, bias) in enumerate(rows_of(weights, biases), start=1):
        a = times(join(a, x) if i > 1 else a, weight) + bias
        a = between(a) if i < len(weights) else end(a)
    return a


def skipping_in_place(x, weights, biases):
    result = skipping(x, weights, biases)
    weights.reverse()
    return result


def folding(column=lambda w, s: w / s, bias=lambda old, w, new, m: old - new @ m):
    """Return what folds a scaling but for how it makes the columns or the bias."""

    def fold(weight, old, mean, scale):
        new = np.where(scale > 0, column(weight, scale), 0)
        return new, bias(old, weight, new, mean)

    return fold


def folding_in_place(weight, bias, mean, scale):
    result = matrix_fold_scaling(weight, bias, mean, scale)
    bias -= 1
    return result


def sorted_in_place(x, y):
    y[...] = y[np.argsort(x)]
    x.sort()
    return numpy_network_through(x, y)


def going_through(
    order=np.argsort, slopes=lambda x, y: np.diff(y) / np.diff(x),
    bends=lambda slopes: np.diff(slopes, prepend=0, append=0), b1=lambda x: -x,
    b2=lambda y: y[:1],
):  # fmt: skip
    """Return what goes through points but for one line."""

    def through(x, y):
        x, y = x[order(x)], y[order(x)]
        return np.ones((len(x), 1)), b1(x), bends(slopes(x, y))[None], b2(y)

    return through


def clipping(factor=lambda limit, length: np.minimum(1, limit / length), of=np.linalg.norm):
    return lambda theta, gradient, rate, limit: (
        theta - rate * factor(limit, of(gradient)) * gradient
    )


def clipping_in_place(theta, gradient, learning_rate, limit):
    theta[...] = numpy_clipped_step(theta, gradient, learning_rate, limit)
    return theta


def wider(right):
    return lambda *arguments: np.asarray(right(*arguments), np.float64)


BOTH_SIGNS, EDGES, LARGE = "numbers of both signs", "zero and the infinities", "large numbers"
FAR_LEFT, FLOAT32, ENDS = "digits far left", "float32 stays float32", "the infinities"
SQUARE, NEVER_CHANGED = (
    "as many outputs as inputs: the weight",
    "an input that never changed: the weight",
)
BIAS = "as many outputs as inputs: the bias"
IN_ORDER, LONG = "points from left to right", "a long gradient"
KEPT, BATCH, ROW = "the arguments stay as they were", "a batch of rows", "one row"
LARGE_SCORES, FAR_APART = "large scores", "rows far apart"
OF_TORCH = {"multi_layer_net", *ASKED.values()}


def common(right, wrong_in_place):
    return {
        "float32 lost": (wider(right), FLOAT32, "Which line makes a float64 array"),
        "an argument changed in place": (wrong_in_place, KEPT, "Which lines write into the array"),
    }


def common_to_lists(right, wrong_in_place):
    def wider_list(*arguments):
        return [np.asarray(array, np.float64) for array in right(*arguments)]

    return common(right, wrong_in_place) | {
        "float32 lost": (wider_list, FLOAT32, "Which line makes a float64 array")
    }


def of_terms(right, terms):
    batch_hint = "how many numbers should come out"
    return common(right, in_place(right)) | {
        "a logarithm of base 2": (lambda y, p: right(y, p) / np.log(2), BATCH, "in nats"),
        "the wrong sign": (lambda y, p: -terms(y, p).sum(-1), BATCH, "positive or negative"),
        "mean for sum over the classes": (
            lambda y, p: terms(y, p).mean(-1), BATCH, "weighed by probabilities already"),
        "the sum over the whole batch": (lambda y, p: terms(y, p).sum(), BATCH, batch_hint),
        "the mean over the whole batch": (
            lambda y, p: terms(y, p).sum(-1).mean(), BATCH, batch_hint),
        "the wrong axis": (lambda y, p: terms(y, p).sum(0), BATCH, "along the last axis"),
    }  # fmt: skip


def information(right, terms):
    return of_terms(right, terms) | {
        "the arguments in the other order": (
            lambda y, p: terms(p, y).sum(-1), BATCH, "the truth and the other the model"),
        "a bounded logarithm": (
            lambda y, p: terms(y, np.maximum(p, p.dtype.type(1e-15))).sum(-1),
            "what the model calls impossible", "What does it cost to call impossible"),
    }  # fmt: skip


# Of each function and misconception: how a student may write it, the first check that fails, and
# words of what is told.
WRONG = {
    "relu": common(relu_of_zeros, relu_in_place) | {
        "the absolute value": (abs, BOTH_SIGNS, "a negative number"),
        "the wrong half kept": (lambda x: np.where(x < 0, x, 0), BOTH_SIGNS, "Which side passes"),
        "a slope left of 0": (
            lambda x: np.maximum(x, 0.01 * x), BOTH_SIGNS, "How large is ReLU itself at -1"),
        "the derivative": (lambda x: 1.0 * (x > 0), BOTH_SIGNS, "How high is it at 2"),
        "Python's max of an array": (lambda x: max(0, x), BOTH_SIGNS, "raised ValueError"),
        "one maximum of all numbers": (
            lambda x: np.array(max(0, *x.ravel())), BOTH_SIGNS, "as many come out as went in"),
        "a mask times infinity": (lambda x: (x > 0) * x, EDGES, "What is 0 times infinity"),
    },
    "relu_derivative": common(numpy_relu_derivative, in_place(numpy_relu_derivative)) | {
        "ReLU itself": (numpy_relu, BOTH_SIGNS, "How steep is it"),
        "the sign": (np.sign, BOTH_SIGNS, "How steep is a flat line"),
        "1 at zero": (lambda x: (x >= 0).astype(float), EDGES, "a convention picks a number"),
        "one half at zero": (
            lambda x: (np.sign(x) + 1) / 2, EDGES, "a convention picks a number"),
        "always 1": (lambda x: x * 0 + 1 if np.isfinite(x).all() else x, BOTH_SIGNS, "two pieces"),
    },
    "sigmoid": common(numpy_sigmoid, in_place(numpy_sigmoid)) | {
        "exp overflows": (lambda x: np.exp(x) / (np.exp(x) + 1), LARGE, "What is exp(1000)"),
        "a function of single numbers": (
            lambda x: 1 / (1 + math.exp(-x)), BOTH_SIGNS, "knows single numbers only"),
        "1 minus nearly 1": (
            lambda x: 1 - numpy_sigmoid(-x), FAR_LEFT, "found without a subtraction"),
        "the sign of the exponent": (
            lambda x: 1 / (1 + np.exp(x)), BOTH_SIGNS, "Should the sigmoid rise or fall"),
        "tanh": (np.tanh, BOTH_SIGNS, "Between which two numbers"),
        "the derivative": (
            lambda x: numpy_sigmoid(x) * (1 - numpy_sigmoid(x)), BOTH_SIGNS, "How high is it at 0"),
        "softmax": (numpy_softmax, BOTH_SIGNS, "every number by itself"),
    },
    "softplus": common(nnlib.softplus, in_place(nnlib.softplus)) | {
        "exp overflows": (lambda x: np.log(1 + np.exp(x)), LARGE, "nearly a straight line"),
        "1 swallows what is added to it": (
            lambda x: np.where(x > 30, x, np.log(1 + np.exp(np.minimum(x, 30)))),
            FAR_LEFT, "What is 1 + 1e-18"),
        "a logarithm of base 2": (
            lambda x: np.log2(1 + np.exp(x)), BOTH_SIGNS, "with the natural logarithm"),
        "the sign of x": (
            lambda x: np.log(1 + np.exp(-x)), BOTH_SIGNS, "Should softplus rise or fall"),
        "ReLU": (numpy_relu, BOTH_SIGNS, "Softplus is smooth"),
        "the derivative": (numpy_sigmoid, BOTH_SIGNS, "how steep softplus is"),
    },
    "hinge": common(numpy_hinge, hinge_in_place) | {
        "the correct class counted in its own margin": (
            hinge_with_own_class, None, "never below 1"),
        "negative losses": (
            hinge_by_row(lambda s, k: 1 + others(s, k).max() - s[k]), None, "right by far"),
        "the margin turned around": (
            hinge_by_row(lambda s, k: max(0, s[k] - others(s, k).max() + 1)),
            "a batch", "Who should be ahead"),
        "no margin": (
            hinge_by_row(lambda s, k: max(0, others(s, k).max() - s[k])),
            "a batch", "ahead by a hair"),
        "the sum over the wrong classes in place of the maximum": (
            hinge_by_row(lambda s, k: np.maximum(0, others(s, k) - s[k] + 1).sum()),
            "a batch", "how many rivals count"),
        "the sum over all classes, its own too": (
            hinge_by_row(lambda s, k: np.maximum(0, s - s[k] + 1).sum()),
            "a batch", "Does a class have to beat itself"),
        "a squared loss": (
            hinge_by_row(lambda s, k: max(0, others(s, k).max() - s[k] + 1) ** 2),
            "a batch", "when a lead doubles"),
        "the mean of all examples": (
            lambda s, k: numpy_hinge(s, k).mean(), "a batch", "every example has its own loss"),
        "the sum of all examples": (
            lambda s, k: sum(numpy_hinge(s, k)), "a batch", "every example has its own loss"),
        "off-by-one class": (
            lambda s, k: hinge_by_row(
                lambda row, label: max(0, np.delete(row, label).max() - row[label] + 1)
            )(s, k - 1), "a batch", "from 0 or from 1"),
        "the best rival of the whole batch": (
            hinge_over_the_batch, "a batch", "Along which axis"),
        "the true class masked by 0": (
            partial(strongest_masked_by, 0), None, "who is the strongest"),
        "the true class masked by a number": (
            partial(strongest_masked_by, -1000), "all scores far below 0",
            "how low are the scores"),
        "labels taken for one-hot": (
            lambda s, k: np.maximum(0, np.where(k == 1, -np.inf, s).max(axis=1) + 1),
            "a batch", "the entry at its own index"),
        "a column in place of a row of losses": (
            lambda s, k: numpy_hinge(s, k).reshape(-1, 1), "a batch", "an axis of length 1"),
        "a table of every example against every other": (
            lambda s, k: np.maximum(
                0, masked(-np.inf, s, k).max(axis=1, keepdims=True) - s[np.arange(len(s)), k] + 1
            ), "a batch", "broadcasting made a table"),
        "a list in place of an array": (
            lambda s, k: [float(loss) for loss in numpy_hinge(s, k)], "a batch",
            "it returned a list"),
        "float32 in place of float64": (
            lambda s, k: numpy_hinge(s.astype(np.float32), k), "a batch", "asks for float32"),
    },
    "softmax": common(numpy_softmax, softmax_in_place) | {
        "no shift before exp": (
            lambda a: np.exp(a) / np.exp(a).sum(-1, keepdims=True), LARGE_SCORES,
            "it gave nan at index [0], for scores = [1000, 2000, 3000]"),
        "the maximum of the whole array": (
            lambda a: np.exp(a - np.max(a)) / np.exp(a - np.max(a)).sum(-1, keepdims=True),
            FAR_APART, "Whose maximum does each row need"),
        "the wrong axis": (
            lambda a: np.exp(a - a.max(0)) / np.exp(a - a.max(0)).sum(0), BATCH,
            "Which sums should be 1"),
        "axis 1 in place of the last": (
            lambda a: np.exp(a) / np.sum(np.exp(a), axis=1, keepdims=True), ROW,
            "names the last axis"),
        "the sum of the whole array": (
            lambda a: np.exp(a) / np.exp(a).sum(), BATCH, "How many distributions"),
        "softmax twice": (
            lambda a: numpy_softmax(numpy_softmax(a)), BATCH, "a second softmax flattens"),
        "scores divided by their sum": (
            lambda a: a / np.sum(a, -1, keepdims=True), BATCH, "May a probability be negative"),
        "mean for sum": (
            lambda a: np.exp(a) / np.exp(a).mean(-1, keepdims=True), BATCH, "add up to"),
        "maximum for sum": (
            lambda a: np.exp(a) / np.exp(a).max(-1, keepdims=True), BATCH, "always 1"),
        "powers of 2": (lambda a: 2**a / (2**a).sum(-1, keepdims=True), BATCH, "in nats"),
        "the sign of the scores": (lambda a: numpy_softmax(-a), BATCH, "the smallest"),
        "a sigmoid of every score": (numpy_sigmoid, BATCH, "know of the others"),
        "log-softmax": (numpy_log_softmax, BATCH, "May a probability be negative"),
    },
    "log_softmax": common(numpy_log_softmax, in_place(numpy_log_softmax)) | {
        "no shift before exp": (
            lambda a: a - np.log(np.sum(np.exp(a), -1, keepdims=True)), LARGE_SCORES,
            "without changing the result"),
        "the logarithm of an overflow": (
            lambda a: np.log(np.exp(a) / np.exp(a).sum(-1, keepdims=True)), LARGE_SCORES,
            "What is exp(1000)"),
        "the logarithm of a softmax that is 0": (
            lambda a: np.log(numpy_softmax(a)), LARGE_SCORES, "its logarithm is not"),
        "the maximum of the whole array": (
            lambda a: a - a.max() - np.log(np.exp(a - a.max()).sum(-1, keepdims=True)),
            FAR_APART, "Whose maximum does each row need"),
        "the shift counted once": (
            lambda a: a - np.log(np.exp(a - a.max(-1, keepdims=True)).sum(-1, keepdims=True)),
            BATCH, "Where else does it belong"),
        "the wrong axis": (
            lambda a: a - np.log(np.exp(a).sum(0)), BATCH, "Which sums should be 1"),
        "the sum of the whole array": (
            lambda a: a - np.log(np.exp(a).sum()), BATCH, "How many distributions"),
        "softmax twice": (
            lambda a: numpy_log_softmax(numpy_softmax(a)), BATCH, "one too many"),
        "no logarithm": (numpy_softmax, BATCH, "Where is it taken"),
        "a logarithm of base 2": (lambda a: np.log2(numpy_softmax(a)), BATCH, "in nats"),
        "mean for sum": (
            lambda a: a - np.log(np.exp(a).mean(-1, keepdims=True)), BATCH, "add up to"),
        "the wrong sign": (lambda a: -np.log(numpy_softmax(a)), BATCH, "at most 1"),
    },
    "cross_entropy": information(numpy_cross_entropy, lambda y, p: -scipy.special.xlogy(y, p)) | {
        "0 log 0": (plain_cross_entropy, "a class that neither expects", "0 times log 0"),
        "the KL divergence": (plain_kl, BATCH, "with itself"),
        "softmax of what are probabilities already": (
            lambda y, p: plain_cross_entropy(y, numpy_softmax(p)), BATCH, "not scores"),
    },
    "kl_divergence": information(numpy_kl, scipy.special.rel_entr) | {
        "0 log 0": (plain_kl, "a class that neither expects", "0 times log 0"),
        "the cross-entropy": (plain_cross_entropy, BATCH, "a distribution from itself"),
        "the mean of both directions": (
            lambda y, p: 0.5 * (plain_kl(y, p) + plain_kl(p, y)), BATCH, "is no distance"),
    },
    "squared_hinge": common(numpy_squared_hinge, in_place(numpy_squared_hinge)) | {
        "the true class as a rival of its own": (
            lambda s, k: 1 + numpy_squared_hinge(s, k), "a batch", "never below 1"),
        "the true class masked by 0": (
            partial(hinge_masked_by, 0), "a batch", "a rival with the score 0"),
        "the true class masked by a number": (
            partial(hinge_masked_by, -30), "all scores far below 0", "how low are the scores"),
        "the strongest rival alone": (
            squares_by_row(lambda m: max(0, m.max()) ** 2), "a batch", "How many rivals count"),
        "the chapter's hinge": (numpy_hinge, "a batch", "the loss of the chapter"),
        "no square": (
            squares_by_row(lambda m: np.maximum(0, m).sum()), "a batch", "shortfall doubles"),
        "the square of the sum": (
            squares_by_row(lambda m: np.maximum(0, m).sum() ** 2), "a batch", "What comes first"),
        "the square of what is not missing": (
            squares_by_row(lambda m: (m**2).sum()), "a batch", "A square is never negative"),
        "no margin": (
            squares_by_row(lambda m: (np.maximum(0, m - 1) ** 2).sum()), "a batch",
            "ahead by a hair"),
        "the mean over the classes": (
            lambda s, k: numpy_squared_hinge(s, k) / 4 if s.shape[1] == 4
            else numpy_squared_hinge(s, k), "a batch", "The formula has a sum"),
        "the mean of all examples": (
            lambda s, k: numpy_squared_hinge(s, k).mean(), "a batch", "has its own loss"),
        "off-by-one class": (
            lambda s, k: squares_by_row(lambda m: (np.maximum(0, m) ** 2).sum())(s, k - 1),
            "a batch", "from 0 or from 1"),
    },
    "squared_hinge_gradient": common(
        numpy_squared_hinge_gradient, in_place(numpy_squared_hinge_gradient)
    ) | {
        "the gradient of the sum over the batch": (
            lambda s, k: len(s) * numpy_squared_hinge_gradient(s, k), "a batch", "to one row"),
        "a mean over the classes too": (
            lambda s, k: len(s) * numpy_squared_hinge_gradient(s, k) / s.size, "a batch",
            "by what is it not"),
        "the wrong sign": (
            lambda s, k: -numpy_squared_hinge_gradient(s, k), "a batch", "with the true score"),
        "the 2 of the square": (
            partial(gradient_by_row, lambda m: m), "a batch", "How steep is the parabola"),
        "the true class left out": (
            lambda s, k: np.maximum(0, numpy_squared_hinge_gradient(s, k)), "a batch",
            "stands in every term"),
        "one rival's share for the true class": (
            gradient_with_one_share, "a batch", "In how many terms"),
        "the slope of a hinge without the square": (
            partial(gradient_by_row, np.sign), "a batch", "be pushed harder"),
        "the gradient of the chapter's hinge": (
            partial(gradient_by_row, of_the_strongest), "a batch", "How many rivals"),
        "off-by-one class": (
            lambda s, k: numpy_squared_hinge_gradient(s, (k - 1) % s.shape[1]), "a batch",
            "from 0 or from 1"),
    },
    "softmax_or_none": common(numpy_softmax_or_none, in_place(numpy_softmax_or_none)) | {
        "no shift before exp": (
            lambda a: np.exp(a) / (np.exp(a).sum(-1, keepdims=True) + 1), LARGE_SCORES,
            "What is exp(1000)"),
        "the 1 not shifted": (
            lambda a: numpy_softmax(a) / (
                1 + 1 / np.exp(a - a.max(-1, keepdims=True)).sum(-1, keepdims=True)
            ), BATCH, "Which term did you leave"),
        "the maximum of the whole array": (
            lambda a: np.exp(a - np.max(a)) / (
                np.exp(-np.max(a)) + np.exp(a - np.max(a)).sum(-1, keepdims=True)
            ), FAR_APART, "Whose maximum does each row need"),
        "softmax itself": (numpy_softmax, BATCH, "left for none of them"),
        "none returned too": (softmax_and_none, BATCH, "How many classes went in"),
        "a sigmoid of every score": (numpy_sigmoid, BATCH, "know of the others"),
        "the sign of the scores": (
            lambda a: numpy_softmax_or_none(-a), BATCH, "the largest score or of the smallest"),
        "the sum of the whole array": (
            lambda a: np.exp(a) / (np.exp(a).sum() + 1), BATCH, "have to do with another"),
        "the wrong axis": (
            lambda a: np.exp(a) / (1 + np.exp(a).sum(0)), BATCH, "Which sums should be 1"),
        "a 1 for every class": (
            lambda a: np.exp(a) / (a.shape[-1] + np.exp(a).sum(-1, keepdims=True)), BATCH,
            "How often does none of them"),
    },
    "masked_log_softmax": common(numpy_masked_log_softmax, in_place(numpy_masked_log_softmax)) | {
        "no shift before exp": (
            lambda a, m: shifted_log_softmax(a, m, 0), LARGE_SCORES, "What is exp(1000)"),
        "the maximum of an impossible class": (
            lambda a, m: shifted_log_softmax(a, m, a.max(-1, keepdims=True)),
            "an impossible class far ahead", "Should a class that is ruled out"),
        "the logarithm of a softmax that is 0": (
            lambda a, m: np.log(np.exp(numpy_masked_log_softmax(a, m))), LARGE_SCORES,
            "its logarithm is not"),
        "the impossible classes in the sum": (
            lambda a, m: np.where(m, numpy_log_softmax(a), -np.inf), BATCH,
            "Over which classes does the sum run"),
        "the impossible scores set to 0": (
            lambda a, m: numpy_log_softmax(np.where(m, a, 0)), BATCH, "a score like any other"),
        "a large number for infinity": (
            lambda a, m: numpy_log_softmax(np.where(m, a, -1e9)), BATCH,
            "Impossible is impossible"),
        "no mask": (lambda a, m: numpy_log_softmax(a), BATCH, "its second argument"),
        "the mask turned around": (
            lambda a, m: numpy_masked_log_softmax(a, np.logical_not(m)), BATCH,
            "Which ones did you rule out"),
        "no logarithm": (
            lambda a, m: np.exp(numpy_masked_log_softmax(a, m)), BATCH, "Where is it taken"),
        "the maximum of the whole array": (
            lambda a, m: shifted_log_softmax(a, m, a.max()), FAR_APART,
            "Whose maximum does each row need"),
        "the wrong axis": (
            lambda a, m: numpy_masked_log_softmax(a.T, m.T).T, BATCH, "Which sums should be 1"),
    },
    "vote_cross_entropy": common(numpy_vote, in_place(numpy_vote)) | {
        "exp overflows": (
            lambda s, y: np.log(np.exp(s) + 1) - s * y, LARGE_SCORES, "What is exp(1000)"),
        "the logarithm of a rounded sigmoid": (
            lambda s, y: -(y * np.log(numpy_sigmoid(s)) + (1 - y) * np.log(1 - numpy_sigmoid(s))),
            LARGE_SCORES, "At a score of 1000 the sigmoid is 1"),
        "digits canceled": (
            lambda s, y: np.logaddexp(s, 0) - s * y, "small losses", "has no subtraction"),
        "1 swallows what is added to it": (
            lambda s, y: np.log(1 + np.exp(-np.abs(s)))
            + y * np.maximum(0, -s) + (1 - y) * np.maximum(0, s),
            "small losses", "What is 1 + 1e-18"),
        "the share as a sign": (
            lambda s, y: np.logaddexp(0, s - 2 * y * s), BATCH, "where all say yes"),
        "the share rounded to yes or no": (
            lambda s, y: numpy_vote(s, np.round(y)), BATCH, "3 of 5 say yes"),
        "yes and no exchanged": (
            lambda s, y: numpy_vote(-s, y), BATCH, "cost much or little"),
        "the no left out": (
            lambda s, y: y * np.logaddexp(0, -s), BATCH, "The sum has two terms"),
        "the wrong sign": (lambda s, y: -numpy_vote(s, y), BATCH, "at most 1"),
        "a logarithm of base 2": (
            lambda s, y: numpy_vote(s, y) / np.log(2), BATCH, "in nats"),
        "the mean of all": (lambda s, y: numpy_vote(s, y).mean(), BATCH, "has its own loss"),
        "the sum of each row": (
            lambda s, y: numpy_vote(s, y).sum(-1), BATCH, "has its own loss"),
        "the gradient": (lambda s, y: numpy_sigmoid(s) - y, BATCH, "how steep the loss is"),
    },
    "jensen_shannon": of_terms(numpy_shannon, shannon_terms) | {
        "float32 lost": (
            lambda y, p: numpy_shannon(np.float64(y), np.float64(p)), FLOAT32,
            "Which line makes a float64 array"),
        "0 log 0": (plain_shannon, "a class that neither expects", "0 times log 0"),
        "the mean of both directions": (
            lambda y, p: (plain_kl(y, p) + plain_kl(p, y)) / 2, BATCH, "infinite as soon as"),
        "one half of the sum": (
            lambda y, p: plain_kl(y, (y + p) / 2), BATCH, "change places"),
        "no half": (
            lambda y, p: plain_kl(y, (y + p) / 2) + plain_kl(p, (y + p) / 2), BATCH,
            "should be log 2"),
        "the sum in place of the middle": (
            lambda y, p: (plain_kl(y, y + p) + plain_kl(p, y + p)) / 2, BATCH,
            "entries of the middle"),
        "the middle in first place": (
            lambda y, p: (plain_kl((y + p) / 2, y) + plain_kl((y + p) / 2, p)) / 2, BATCH,
            "weighs the terms"),
        "its square root": (
            lambda y, p: np.sqrt(plain_shannon(y, p)), BATCH, "a distance of its own name"),
        "the divergence of the chapter": (plain_kl, BATCH, "change places"),
    },
    "mlp_forward": common(numpy_forward, forward_in_place) | {
        "missing bias": (without_bias, "layers of one size", "add to the weighted sum"),
        "transposed weight": (
            lambda x, w, b: layers(x, w, b, times=np.matmul), "layers of one size", "(out, in)"),
        "an activation after the last layer": (
            lambda x, w, b: layers(x, w, b, end=numpy_relu), "layers of one size", "either sign"),
        "a softmax after the last layer": (
            lambda x, w, b: layers(x, w, b, end=numpy_softmax), "layers of one size",
            "Who turns them into probabilities"),
        "no activation between the layers": (
            lambda x, w, b: layers(x, w, b, between=lambda z: z), "layers of one size",
            "two linear layers in a row"),
        "a sigmoid between the layers": (
            lambda x, w, b: layers(x, w, b, between=numpy_sigmoid), "layers of one size",
            "Which activation"),
        "an activation before the first layer": (
            lambda x, w, b: layers(x, w, b, between=lambda z: z,
                                   times=lambda x, w: numpy_relu(x) @ w.T),
            "layers of one size", "see the inputs themselves"),
    },
    "sgd_step": common(numpy_step, step_in_place) | {
        "a step uphill": (lambda t, g, r: t + r * g, "a vector", "Where do you want to go"),
        "no learning rate": (lambda t, g, r: t - g, "a vector", "How long is your step"),
        "a division by the learning rate": (
            lambda t, g, r: t - g / r, "a vector", "a longer or a shorter step"),
        "the step in place of the new parameters": (
            lambda t, g, r: -(r * g), "a vector", "Where do you stand then"),
        "the sign of the gradient": (
            lambda t, g, r: t - r * np.sign(g), "a vector", "than a gentle one"),
        "a gradient of length 1": (
            lambda t, g, r: t - r * g / np.sqrt((g**2).sum()), "a vector", "than a gentle one"),
        "a mean taken twice": (lambda t, g, r: t - r * g / g.size, "a vector", "a mean over"),
    },
    "squareplus": common(numpy_squareplus, in_place(numpy_squareplus)) | {
        "a difference of nearly equal numbers": (
            lambda x: (np.hypot(2, x) + x) / 2, FAR_LEFT, "found without a subtraction"),
        "a square that overflows": (
            lambda x: (x + (x * x + 4) ** 0.5) / 2, LARGE, "the square of 1e200"),
        "not halved": (lambda x: 2 * numpy_squareplus(x), BOTH_SIGNS, "Put in 0 by hand"),
        "ReLU": (numpy_relu, BOTH_SIGNS, "beside the square"),
        "softplus": (lambda x: np.log1p(np.exp(x)), BOTH_SIGNS, "How high is each of the two"),
        "the sign of x": (lambda x: (np.hypot(x, 2) - x) / 2, BOTH_SIGNS, "Should it rise or fall"),
        "the slope": (numpy_squareplus_slope, BOTH_SIGNS, "How high is it far to the right"),
    },
    "squareplus_slope": common(numpy_squareplus_slope, in_place(numpy_squareplus_slope)) | {
        "infinity over infinity": (
            lambda x: numpy_squareplus(x) / np.hypot(x, 2), ENDS, "Both numbers are infinite"),
        "the square of a large value": (
            lambda x: numpy_squareplus(x) ** 2 / (1 + numpy_squareplus(x) ** 2), LARGE,
            "may be squared"),
        "1 minus nearly 1": (
            lambda x: (1 + x / np.hypot(x, 2)) / 2, FAR_LEFT, "without a subtraction"),
        "a square that overflows": (
            lambda x: (1 + x / np.sqrt(x**2 + 4)) / 2, LARGE, "How steep did it get at 1e200"),
        "squareplus itself": (numpy_squareplus, BOTH_SIGNS, "How steep is it"),
        "the sigmoid": (numpy_sigmoid, BOTH_SIGNS, "the slope of softplus"),
        "the slope of ReLU": (numpy_relu_derivative, BOTH_SIGNS, "has no corner"),
        "not halved": (lambda x: 1 + x / np.hypot(x, 2), BOTH_SIGNS, "nearly the line x"),
    },
    "skip_forward": common(numpy_skip_forward, skipping_in_place) | {
        "the input before the outputs": (
            partial(skipping, join=lambda a, x: np.append(x, a, axis=-1)), "square weights",
            "Which columns come first"),
        "an input that went through ReLU": (
            partial(skipping, join=lambda a, x: numpy_relu(np.append(a, x, axis=-1))),
            "square weights", "the negative ones too"),
        "missing bias": (
            lambda x, w, b: skipping(x, w, [np.zeros_like(each) for each in b]), "square weights",
            "add to the weighted sum"),
        "transposed weight": (
            partial(skipping, times=np.matmul), "square weights", "(out, in)"),
        "an activation after the last layer": (
            partial(skipping, end=numpy_relu), "square weights", "either sign"),
        "no activation between the layers": (
            partial(skipping, between=lambda z: z), "square weights", "two linear layers in a row"),
        "only the input goes on": (
            partial(skipping, between=lambda z: 0 * z), "square weights", "hand on"),
    },
    "fold_scaling": common_to_lists(matrix_fold_scaling, folding_in_place) | {
        "the wrong sign of the mean": (
            folding(bias=lambda old, w, new, m: old + new @ m), BIAS, "added to an input"),
        "a mean that is not scaled": (
            folding(bias=lambda old, w, new, m: old - w @ m), BIAS, "without brackets"),
        "the scale on the wrong side": (
            folding(lambda w, s: w * s), SQUARE, "larger or smaller"),
        "the wrong axis": (
            folding(lambda w, s: (w.T / s).T), SQUARE, "Which axis of the weight"),
        "the bias left as it was": (
            folding(bias=lambda old, w, new, m: old), BIAS, "equal to the mean"),
        "a division by 0": (
            lambda w, b, m, s: (w / s, b - w @ (m / s)), NEVER_CHANGED, "hear of it"),
        "a scale of 1 for a scale of 0": (
            lambda w, b, m, s: matrix_fold_scaling(w, b, m, s + (s == 0)), NEVER_CHANGED,
            "suddenly 100 larger"),
    },
    "network_through": common_to_lists(numpy_network_through, sorted_in_place) | {
        "points taken in the order in which they come": (
            going_through(order=lambda x: np.arange(len(x))), "points in any order",
            "neighbors on the line"),
        "a last piece that runs on": (
            going_through(bends=lambda g: np.append(np.diff(g, prepend=0), 0)[: len(g) + 1]),
            IN_ORDER, "should be flat"),
        "slopes in place of changes of slope": (
            going_through(bends=lambda g: np.append(g, 0)), IN_ORDER, "that are on add up"),
        "slopes upside down": (
            going_through(slopes=lambda x, y: np.diff(x) / np.diff(y)), IN_ORDER,
            "the rise divided by the run"),
        "bends on the wrong side of 0": (
            going_through(b1=lambda x: x), IN_ORDER, "Which bias makes a unit"),
        "no output bias": (
            going_through(b2=lambda y: 0 * y[:1]), IN_ORDER, "Far left all units are off"),
    },
    "clipped_step": common(numpy_clipped_step, clipping_in_place) | {
        "no limit": (lambda t, g, r, c: t - r * g, LONG, "how long may it be"),
        "every entry clipped by itself": (
            lambda t, g, r, c: t - r * g.clip(-c, c), LONG, "still point the same way"),
        "a square that overflows": (
            clipping(of=lambda g: np.sqrt(np.sum(g * g))), "a gradient too large to square",
            "before they are squared"),
        "short gradients made longer": (
            clipping(lambda limit, length: limit / length), "a short gradient",
            "shorter than the limit"),
        "the limit on the step in place of the gradient": (
            lambda t, g, r, c: numpy_clipped_step(t, r * g, 1, c), LONG, "times the learning rate"),
        "the square of the length": (
            clipping(of=lambda g: np.sum(g * g)), LONG, "entries 3 and 4"),
        "a length for each row": (
            clipping(of=lambda g: np.sqrt((g * g).sum(-1, keepdims=True))), "a matrix",
            "How many lengths"),
        "a step uphill": (
            lambda t, g, r, c: numpy_clipped_step(t, g, -r, c), LONG, "Where do you want to go"),
    },
    "multi_layer_net": {
        "a list in place of nn.ModuleList": (
            ListNet, "all parameters are registered", "registered 15 parameters"),
        "no layer registered": (
            ListOnlyNet, "all parameters are registered", "Where are your layers kept"),
        "super().__init__() not called": (
            UninitializedNet, "all parameters are registered", "Who makes it, and when"),
        "missing bias": (
            net(bias=False), "all parameters are registered", "add to the weighted sum"),
        "a softmax at the end": (
            net(lambda layers, x: plain(layers, x).softmax(-1)), "logits", "of a second one"),
        "a log-softmax at the end": (
            net(lambda layers, x: plain(layers, x).log_softmax(-1)), "logits",
            "their softmax and its logarithm"),
        "an activation after the last layer": (
            net(lambda layers, x: plain(layers, x).relu()), "logits", "a row of negative ones"),
        "no activation between the layers": (
            net(lambda layers, x: plain(layers, x, between=lambda z: z)), "logits",
            "two linear layers in a row"),
        "a sigmoid between the layers": (
            net(lambda layers, x: plain(layers, x, torch.sigmoid)), "logits", "Which activation"),
        "the graph cut off": (
            net(without_gradient), "every parameter gets a gradient", "keeps autograd from seeing"),
    },
}  # fmt: skip
WRONG |= {
    ASKED[item]: {
        mistake: (submitted(item, *changes), None, "") for mistake, changes in mistakes.items()
    }
    for item, mistakes in submissions.KNOWN.items()
}


WRONG |= engines.WRONG | backpropagation.WRONG


def known(name):
    return {mistake.name for one in check.SUITES[name].checks for mistake in one.misconceptions}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s, k: (s * k).sum(axis=1),
        lambda s, k: s[np.arange(len(s)), k.argmax(axis=1)],
        lambda s, k: np.where(k, -np.inf, s).max(axis=1),
    ],
)
def test_labels_taken_for_one_hot_are_told_however_they_are_used(wrong):
    assert "labels taken for one-hot" in first_failure("hinge", wrong).message


def test_a_table_of_losses_is_told_in_both_directions():
    _, _, words = WRONG["hinge"]["a table of every example against every other"]

    def wrong(scores, labels):
        true = scores[np.arange(len(scores)), labels]
        return np.maximum(0, masked(-np.inf, scores, labels).max(axis=1) - true[:, None] + 1)

    assert words in first_failure("hinge", wrong).message


@pytest.mark.parametrize("name", check.SUITES)
def test_every_misconception_has_its_row(name):
    rows = set(WRONG.get(name, {}))
    assert rows == known(name), f"the rows of WRONG[{name!r}] (left) and its misconceptions differ"


def first_failure(name, function, seed=0):
    return next(r for r in (c.run(function, seed) for c in check.SUITES[name].checks) if not r.ok)


@pytest.mark.parametrize(
    ("name", "mistake"), [(name, mistake) for name, rows in WRONG.items() for mistake in rows]
)
def test_a_known_mistake_is_named(name, mistake):
    function, where, words = WRONG[name][mistake]
    for seed in range(3):
        failure = first_failure(name, function, seed)
        assert f"This looks like: {mistake}. " in failure.message
        assert words in failure.message
        # A large number in float32 may show it before the check that asks for it.
        sooner = where == FLOAT32 and failure.name.endswith("in float32")
        assert where is None or failure.name == where or sooner


# --- what else may come back ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: None, "it returned None (is there a return at its end?), for x of shape (2, 5)"),
        (lambda x: x.tolist(), "it returned a list, but should have returned an array"),
        (lambda x: torch.from_numpy(x).relu(), "it returned a Tensor, but should"),
        (lambda x: "zero", "it returned a str, but should"),
        (lambda x: 2.0 + 1j, "it returned a complex, but should"),
        (lambda x: type("", (), {})(), "but should have returned an array"),
        (lambda x: x[0], "of shape (5,), but should have shape (2, 5)"),
        (lambda x: x > 0, "of dtype bool, but should have dtype float64"),
        (lambda x: x * 1j, "of dtype complex128, but should"),
        (lambda x: np.array([[None] * 5] * 2), "of dtype object, but should"),
        (lambda x: x * np.nan, "it gave nan at index [0, 0]"),
        (lambda x: np.maximum(x, 0) + 7, "too large at index [0, 0]"),
        (lambda x: np.maximum(x, 0) - 7, "too small at index [0, 0]"),
        (lambda x: 1 / 0, "it raised ZeroDivisionError: division by zero, for x of shape (2, 5)"),
        (lambda: 0, "it raised TypeError: "),
        (lambda x: x.undefined, "has no attribute 'undefined', for x"),
        (lambda x: (_ for _ in ()).throw(ValueError), "it raised ValueError, for x"),
        (lambda x: (_ for _ in ()).throw(ValueError("two\n  lines")), "ValueError: two lines, "),
        (lambda x: (_ for _ in ()).throw(KeyError(object())), "<object object at 0x...>, for x"),
    ],
)
def test_an_unknown_failure_is_told_in_one_line(function, told):
    message = first_failure("relu", function).message
    assert told in message
    assert "\n" not in message
    assert "This looks like" not in message


def test_a_class_in_place_of_a_net_is_told():
    failure = first_failure("multi_layer_net", lambda *sizes: lambda x: x)
    assert "it raised AttributeError: 'function' object has no attribute 'parameters'" in (
        failure.message
    )


def test_a_net_that_returns_no_tensor_is_told():
    message = check.multi_layer_net["logits"].run(net(lambda layers, x: None)).message
    assert message.startswith("it returned None")


@pytest.mark.parametrize("name", ["pairs_pullback", "loop_forward", "loop_backward"])
def test_a_forgotten_return_is_told_where_several_arrays_are_asked_for(name):
    message = first_failure(name, lambda *_: None).message
    assert message.startswith("it returned None (is there a return at its end?)")


class Empty: ...


@pytest.mark.parametrize(
    ("suite", "given", "told"),
    [
        (check.relu, lambda x: None, "relu: <lambda> returns nothing yet. Write it above, "),
        (check.backward, Empty, "backward: Empty is an empty class yet. Write it above, "),
    ],
)
def test_what_has_no_body_yet_is_told_so_in_one_line(suite, given, told, capsys):
    report = suite(given)
    assert not report.passed
    assert capsys.readouterr().out == f"{told}and run this again.\n"


def test_a_class_that_takes_all_from_another_is_looked_at(capsys):
    class Mine(MultiLayerNet): ...

    assert check.multi_layer_net(Mine).passed
    assert "checks passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("entries", "shown"),
    [
        ([1.00011, 1.00012, 1.0002], "[1.00011, 1.00012, 1.0002]"),
        ([1.0, 1.0], "[1, 1]"),
        ([0.123456, 3000.0], "[0.1235, 3000]"),
    ],
)
def test_as_many_digits_are_shown_as_tell_entries_apart(entries, shown):
    one = check.Check("any", lambda _: {"x": np.array(entries)}, lambda x: x, [])
    assert one.run(lambda x: -x).message.endswith(f"for x = {shown}.")


def test_a_wrong_number_has_no_index():
    message = check.kl_divergence[ROW].run(lambda y, p: 0.0).message
    assert message.startswith("it gave 0, too small, for y = [")


def test_a_plain_python_number_is_a_number():
    assert check.cross_entropy[ROW].run(lambda y, p: float(numpy_cross_entropy(y, p))).ok


def test_a_value_beside_the_known_ones_is_not_given_a_name():
    failure = first_failure("softmax", lambda a: numpy_softmax(a) + 0.01)
    assert failure.message.endswith("of shape (3, 4).")


def test_public_answers_by_heart_pass_no_other_seed():
    public = check.relu["numbers of both signs"]
    answer = numpy_relu(public.inputs(np.random.default_rng(0))["x"])
    assert public.run(lambda x: answer).ok
    assert not public.run(lambda x: answer, seed=1).ok


# --- the inputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", check.SUITES)
def test_inputs_are_the_same_with_the_same_seed(name):
    for one in check.SUITES[name].checks:
        first, second, other = (one.inputs(np.random.default_rng(seed)) for seed in (0, 0, 1))
        assert repr(first) == repr(second)
        fixed = one.name in {EDGES, ENDS, LARGE, FAR_LEFT, LARGE_SCORES, FAR_APART} | {
            "all far below 0",
            "an impossible class far ahead",
            "nothing in common",
            "small losses",
            "what the model calls impossible",
        }
        assert (repr(first) == repr(other)) == fixed


def spoiling(right):
    """Return a function that is right, keeps every input, and spoils all that it has seen."""
    kept = []

    def function(*arguments):
        result = np.array(right(*arguments))
        kept.extend(a for a in arguments if isinstance(a, np.ndarray))
        kept.append(result)
        for array in kept[:-1]:
            array[...] = 1
        return result

    return function


OF_LISTS = {"mlp_forward", "skip_forward", "fold_scaling", "network_through"}
OTHERS = OF_LISTS | OF_TORCH | set(engines.RIGHT) | set(backpropagation.RIGHT)


@pytest.mark.parametrize("name", sorted(set(RIGHT) - OTHERS))
def test_what_a_function_does_to_its_inputs_reaches_no_other_check(name, capsys):
    report = check.SUITES[name](spoiling(RIGHT[name][0]))
    assert [result.name for result in report.results if not result.ok] == [KEPT]
    assert check.SUITES[name](RIGHT[name][0]).passed


def test_what_is_returned_may_be_written_to_later():
    buffer = np.empty((2, 5))

    def function(x):
        result = buffer if x.shape == buffer.shape and x.dtype == buffer.dtype else np.empty_like(x)
        return np.maximum(x, 0, out=result)

    assert all(one.run(function).ok for one in check.relu.checks)


def test_read_only_views_may_be_returned():
    def function(x):
        result = np.maximum(x, 0)
        result.flags.writeable = False
        return result[:]

    assert all(one.run(function).ok for one in check.relu.checks)


def test_the_net_of_a_student_leaves_torch_as_it_was():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert all(one.run(SlideNet).ok for one in check.multi_layer_net.checks)
    assert all(one.run(RIGHT[name][0]).ok for name in OF_TORCH for one in check.SUITES[name].checks)
    assert torch.equal(torch.rand(2), expected)


def test_warnings_of_a_function_are_not_passed_on():
    def function(x):
        warnings.warn("mine", stacklevel=1)
        np.log(np.zeros(1))
        return np.maximum(x, 0)

    assert all(one.run(function).ok for one in check.relu.checks)


# --- the report -------------------------------------------------------------------------------


def naive_softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


def test_a_line_for_each_check_and_one_message_below_the_first_failure(capsys):
    report = check.softmax(naive_softmax)
    printed = capsys.readouterr().out
    assert printed == f"{report}\n"
    head, *lines = printed.splitlines()
    assert head == "softmax: 5 of 7 checks passed"
    verdicts = [line.split(maxsplit=1) for line in lines if line.startswith(("  ok", "  WRONG"))]
    expected = [["ok" if ok else "WRONG", name] for name, ok, _ in report.results]
    assert verdicts == expected
    below = " ".join(line.strip() for line in lines if line.startswith(" " * 9))
    assert below == next(message for _, ok, message in report.results if not ok)
    assert max(map(len, lines)) <= 88


def test_what_a_function_prints_comes_before_the_report(capsys):
    def function(x):
        print("junk")
        return np.maximum(x, 0)

    report = check.relu(function)
    assert report.passed
    assert capsys.readouterr().out == len(check.relu) * "junk\n" + f"{report}\n"


def test_reports_are_the_same_in_every_run(capsys):
    first, second = check.softmax(naive_softmax), check.softmax(naive_softmax)
    assert first == second
    assert str(first) == str(second)


def test_a_report_is_short_where_it_is_repeated(capsys):
    report = check.softmax(naive_softmax)
    assert repr(report) == "<softmax: 5 of 7 checks passed>"
    assert not report.passed
    capsys.readouterr()
    report._ipython_display_()
    assert capsys.readouterr().out == ""


def test_no_hint_holds_code():
    for suite in check.SUITES.values():
        for mistake in (m for one in suite.checks for m in one.misconceptions):
            assert mistake.hint.endswith((".", "?"))
            assert not any(
                code in mistake.hint for code in ("keepdims", "axis=", "log1p", "expit", "where(")
            )


def test_a_path_taken_to_its_end_before_the_next_hands_on_all_that_came_before_too():
    failure = first_failure("backward", engines.AccumulatingDepthFirst)
    assert "This looks like: every path hands on all that came before. " in failure.message


def test_a_tape_whose_gradients_are_left_from_before_is_told():
    failure = first_failure("backward", engines.LeftOnTape)
    assert failure.name == engines.SECOND_PASS
    assert "This looks like: gradients on the way left from before. " in failure.message


def test_a_gradient_that_is_left_none_is_told():
    failure = first_failure("backward", engines.NoGradient)
    assert "grad of a leaf is None after backward()" in failure.message


def test_a_network_that_is_never_called_is_told():
    blind = check.confusion["no graph is recorded"].run(lambda *_: torch.zeros(3, 3))
    assert "never called the network" in blind.message


def test_a_program_that_takes_too_many_steps_is_ended():
    """The counter is called here as Python calls it, once a line: nothing traces it then."""

    class Endless(engines.Micro):
        def backward(self):
            counter = sys.getprofile() or sys.gettrace()
            for _ in range(200_000):
                assert counter(None, "line", None) is counter

    tracer = sys.gettrace()
    failure = first_failure("backward", Endless)
    assert not failure.ok
    assert sys.gettrace() is tracer
    assert sys.getprofile() is None


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", check.SUITES)
def test_what_cannot_be_called_is_refused(name):
    with pytest.raises(TypeError, match="function must be a function, got 3"):
        check.SUITES[name](3)


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (1.5, TypeError), (None, TypeError)])
def test_a_bad_seed_is_refused(seed, error):
    with pytest.raises(error, match="seed must be"):
        check.relu(nnlib.relu, seed=seed)


def test_importing_check_loads_no_torch():
    program = "import sys; from nnlib import check; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("False\n", "")


# --- checks by name ------------------------------------------------------------------------------


def test_checks_come_by_their_names_in_the_order_asked_for():
    names = list(check.softmax)
    assert check.softmax.select(*reversed(names)) == list(reversed(check.softmax.checks))
    assert check.softmax.select() == []


@pytest.mark.parametrize("name", ["three axis", "Three axes", ""])
def test_a_name_that_no_check_has_raises(name):
    assert name not in check.softmax
    message = f"softmax has no check {name!r}, only .*'three axes'"
    with pytest.raises(KeyError, match=message):
        check.softmax[name]
    with pytest.raises(KeyError, match=message):
        check.softmax.select("one row", name)


def test_every_suite_of_every_file_is_offered():
    files = [import_module(f"nnlib.check.{file.name}") for file in iter_modules(check.__path__)]
    things = {name: thing for file in files for name, thing in vars(file).items()}
    suites = {name for name, thing in things.items() if isinstance(thing, check.Suite)}
    lost = sorted(suites - set(check.SUITES))
    assert lost == [], f"not in __all__ of their file, or not imported in nnlib/check: {lost}"


@pytest.mark.parametrize("suite", check.SUITES.values(), ids=check.SUITES)
def test_a_suite_maps_the_names_of_its_checks_to_them(suite):
    assert list(suite.values()) == list(suite.checks)
    assert list(suite) == [one.name for one in suite.checks]
    assert len(suite) == len(suite.checks)
    assert all(name in suite for name in suite)


def test_two_checks_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"names of their own, got \['one row', 'one row'\]"):
        check.Suite("softmax", "", [check.softmax[ROW]] * 2)


@pytest.mark.parametrize(
    ("right", "words"),
    [
        (
            lambda x: (x, x),
            "returned a tuple; give the check an observe that makes an array or a text of it",
        ),
        (lambda x: [1.0, 2.0], "returned a list; give the check an observe"),
        (lambda x: None, "returned nothing; give the check an observe"),
        (lambda x: 1 / 0, "raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_check_says_what_is_wrong_with_its_own_right_function(right, words):
    one = check.Check("a pair", lambda rng: {"x": rng.normal(size=2)}, right, [])
    with pytest.raises(ValueError, match=f"^the right function of check 'a pair' {words}"):
        one.run(lambda x: x)


def test_a_suite_stays_as_it_is():
    with pytest.raises(FrozenInstanceError):
        check.softmax.checks = ()
    with pytest.raises(TypeError):
        check.softmax[ROW] = check.softmax[KEPT]
    checks = [check.softmax[ROW]]
    suite = check.Suite("softmax", "", checks)
    checks.clear()
    assert list(suite) == [ROW]


@pytest.mark.parametrize("name", check.SUITES)
def test_help_says_what_a_suite_checks(name):
    text = pydoc.render_doc(check.SUITES[name], renderer=pydoc.plaintext)
    assert f"<{name}: {len(check.SUITES[name])} checks>\n    Check " in text
    assert "Parameters, returns and errors as for every" in text


@pytest.mark.parametrize("name", check.SUITES)
def test_reports_are_the_same_whatever_numpy_is_told_to_do_with_overflow(name, capsys):
    from nnlib.check._core import _seen_of

    checks = check.SUITES[name].checks
    wrong = [known.wrong for one in checks for known in one.misconceptions[:2]]
    functions = [checks[0].right, *wrong[:2]]

    def reports():
        _seen_of.cache_clear()
        return [one.run(function) for function in functions for one in checks]

    usual = reports()
    with np.errstate(all="raise"):
        assert reports() == usual
