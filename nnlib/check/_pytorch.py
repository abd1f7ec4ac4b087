"""Checks of PyTorch networks and of their training; torch is loaded only when they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from nnlib.check._core import Arguments, Check, Function, Inputs, Misconception, Suite

__all__ = ["accuracy", "movement", "multi_layer_net", "predict", "train", "two_layer_net"]


def _sized(input_size: int, *layer_sizes: int, output_size: int) -> Inputs:
    return lambda rng: {
        "input_size": input_size,
        "layer_sizes": list(layer_sizes),
        "output_size": output_size,
        "x": rng.normal(size=(6, input_size)).astype(np.float32),
    }


def _built(build: Function, arguments: Arguments) -> tuple[Any, Any]:
    """Return a module whose parameters depend on nothing but their shapes, and its output."""
    import torch

    *sizes, x = arguments.values()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build(*sizes)
        _fill(module)
        return module, module(torch.from_numpy(x))


def _fill(module: Any) -> Any:
    """Return the module with parameters that depend on nothing but their shapes."""
    import torch

    for parameter in module.parameters():
        values = np.random.default_rng(parameter.shape).normal(size=parameter.shape)
        parameter.data.copy_(torch.from_numpy(values))
    return module


def _numpy(output: Any) -> Any:
    return output.detach().numpy().copy() if hasattr(output, "detach") else output


def _registered(build: Function, arguments: Arguments) -> str:
    module, _ = _built(build, arguments)
    return f"registered {sum(parameter.numel() for parameter in module.parameters())} parameters"


def _logits(build: Function, arguments: Arguments) -> Any:
    return _numpy(_built(build, arguments)[1])


def _trained(build: Function, arguments: Arguments) -> str:
    module, output = _built(build, arguments)
    if not output.requires_grad:
        return "sent no gradient back"
    output.sum().backward()
    reached = sum(parameter.grad is not None for parameter in module.parameters())
    return f"sent a gradient to {reached} weights and biases"


def _multi_layer_net(input_size: int, layer_sizes: Sequence[int], output_size: int) -> Any:
    from nnlib.pytorch import MultiLayerNet

    return MultiLayerNet(input_size, layer_sizes, output_size)


def _wrong_net(
    input_size: int,
    layer_sizes: Sequence[int],
    output_size: int,
    *,
    between: str = "relu",
    end: str = "clone",
    bias: bool = True,
    registered: int = 2,
    detached: bool = False,
    initialized: bool = True,
) -> Any:
    import torch
    from torch import Tensor, nn

    class Net(nn.Module):
        def __init__(self) -> None:
            if initialized:
                super().__init__()
            sizes = [input_size, *layer_sizes, output_size]
            *hidden, final = [nn.Linear(n, m, bias=bias) for n, m in pairwise(sizes)]
            self.hidden = nn.ModuleList(hidden) if registered > 1 else hidden
            self.final = nn.ModuleList([final]) if registered > 0 else [final]

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.hidden:
                x = getattr(torch, between)(layer(x))
            x = self.final[0](x)
            x = getattr(torch, end)(x, -1) if "softmax" in end else getattr(torch, end)(x)
            return x.detach() if detached else x

    return Net()


_NETS = (
    Misconception(
        "a list in place of nn.ModuleList",
        partial(_wrong_net, registered=1),
        "parameters() sees only what the module has registered. What does a module do with a plain "
        "Python list of layers?",
    ),
    Misconception(
        "no layer registered",
        partial(_wrong_net, registered=0),
        "parameters() sees only what the module has registered. Where are your layers kept?",
    ),
    Misconception(
        "super().__init__() not called",
        partial(_wrong_net, initialized=False),
        "A module keeps a register of its layers. Who makes it, and when?",
    ),
    Misconception(
        "missing bias",
        partial(_wrong_net, bias=False),
        "What does a layer add to the weighted sum of its inputs?",
    ),
    Misconception(
        "a softmax at the end",
        partial(_wrong_net, end="softmax"),
        "CrossEntropyLoss applies a softmax itself. What does it make of a second one?",
    ),
    Misconception(
        "a log-softmax at the end",
        partial(_wrong_net, end="log_softmax"),
        "The network should return logits. Who takes their softmax and its logarithm?",
    ),
    Misconception(
        "an activation after the last layer",
        partial(_wrong_net, end="relu"),
        "Logits may have either sign. What is left of a row of negative ones?",
    ),
    Misconception(
        "no activation between the layers",
        partial(_wrong_net, between="clone"),
        "What do two linear layers in a row amount to?",
    ),
    Misconception(
        "a sigmoid between the layers",
        partial(_wrong_net, between="sigmoid"),
        "Which activation was asked for?",
    ),
    Misconception(
        "the graph cut off",
        partial(_wrong_net, detached=True),
        "Which line of forward keeps autograd from seeing what comes before it: detach, no_grad, "
        "or a way through NumPy?",
    ),
)
_TWO_HIDDEN = _sized(2, 5, 4, output_size=3)

multi_layer_net = Suite(
    "multi_layer_net",
    "Check a torch class ``Net(input_size, layer_sizes, output_size)`` with ReLU; needs torch.",
    [
        Check(name, inputs, _multi_layer_net, _NETS, observe)
        for name, inputs, observe in (
            ("all parameters are registered", _TWO_HIDDEN, _registered),
            ("logits", _TWO_HIDDEN, _logits),
            ("more hidden layers", _sized(3, 7, 6, 5, output_size=4), _logits),
            ("no hidden layer", _sized(3, output_size=4), _logits),
            ("every parameter gets a gradient", _TWO_HIDDEN, _trained),
        )
    ],
)


def _one_hidden(build: Function) -> Function:
    return lambda input_size, hidden_size, output_size: build(
        input_size, [hidden_size], output_size
    )


def _sized_by_one(input_size: int, hidden_size: int, output_size: int) -> Inputs:
    return lambda rng: {
        "input_size": input_size,
        "hidden_size": hidden_size,
        "output_size": output_size,
        "x": rng.normal(size=(6, input_size)).astype(np.float32),
    }


_TWO_LAYER_NETS = tuple(
    Misconception(known.name, _one_hidden(known.wrong), known.hint) for known in _NETS[1:]
)

two_layer_net = Suite(
    "two_layer_net",
    "Check a torch class ``Net(input_size, hidden_size, output_size)`` with ReLU; needs torch.",
    [
        Check(name, inputs, _one_hidden(_multi_layer_net), _TWO_LAYER_NETS, observe)
        for name, inputs, observe in (
            ("all parameters are registered", _sized_by_one(2, 5, 3), _registered),
            ("logits", _sized_by_one(2, 5, 3), _logits),
            ("other sizes", _sized_by_one(4, 6, 2), _logits),
            ("every parameter gets a gradient", _sized_by_one(2, 5, 3), _trained),
        )
    ],
)


# What a student's function is given is made of torch's own modules: only its code and torch's run.


def _echo(classes: int) -> Any:
    """Return a network that gives its inputs as scores, and has a weight."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        layer = nn.Linear(classes, classes, bias=False)
    nn.init.eye_(layer.weight)
    return nn.Sequential(layer, nn.Identity())


def _score_rows(examples: int, classes: int) -> Inputs:
    return lambda rng: {"scores": rng.normal(size=(examples, classes)).astype(np.float32)}


def _classes(function: Function, arguments: Arguments) -> Any:
    import torch

    scores = torch.from_numpy(arguments["scores"])
    return _numpy(function(_echo(scores.shape[1]), scores))


def _recorded(function: Function, arguments: Arguments) -> str:
    import torch

    scores, calls = torch.from_numpy(arguments["scores"]), dict[Any, Any]()
    net = _echo(scores.shape[1])
    net[-1].register_forward_pre_hook(calls.__setitem__)
    function(net, scores)
    if not calls:
        return "never called the network"
    return f"recorded {'a' if calls[net[-1]][0].requires_grad else 'no'} graph"


def _predict(net: Any, x: Any) -> Any:
    import torch

    with torch.no_grad():
        return net(x).argmax(dim=-1)


_PREDICTIONS = (
    Misconception(
        "a graph recorded",
        lambda net, x: net(x).argmax(dim=-1),
        "Nobody will ask for a gradient here. How is torch told so, before the network runs?",
    ),
    Misconception(
        "the wrong axis",
        lambda net, x: net(x).argmax(dim=0),
        "A row is one example. Which axis holds its classes?",
    ),
    Misconception(
        "one class for the whole batch",
        lambda net, x: net(x).argmax(),
        "As many classes should come out as there are examples. Along what was the largest sought?",
    ),
    Misconception(
        "the largest score in place of its class",
        lambda net, x: net(x).amax(dim=-1),
        "That is how high the winner scored. Which class is it?",
    ),
)

predict = Suite(
    "predict",
    "Check ``predict(net, x)``: the class with the largest score of each row; needs torch.",
    [
        Check("a batch", _score_rows(6, 3), _predict, _PREDICTIONS, _classes),
        Check("as many examples as classes", _score_rows(4, 4), _predict, _PREDICTIONS, _classes),
        Check("no graph is recorded", _score_rows(6, 3), _predict, _PREDICTIONS, _recorded),
    ],
)


def _guessed(examples: int, classes: int, wrong: int) -> Inputs:
    """Return scores, and labels of which the first so many are not those predicted."""

    def inputs(rng: np.random.Generator) -> Arguments:
        arguments = _score_rows(examples, classes)(rng)
        labels = arguments["scores"].argmax(axis=1)
        labels[:wrong] = (labels[:wrong] + 1) % classes
        return arguments | {"labels": labels}

    return inputs


def _number(function: Function, arguments: Arguments) -> Any:
    import torch

    scores, labels = map(torch.from_numpy, arguments.values())
    output = function(_echo(scores.shape[1]), scores, labels)
    return None if output is None else np.array(float(output))


def _accuracy(net: Any, x: Any, labels: Any) -> float:
    return (_predict(net, x) == labels).double().mean().item()


_ACCURACIES = (
    Misconception(
        "a count in place of a share",
        lambda net, x, labels: _accuracy(net, x, labels) * len(x),
        "That is how many are right. What share of all examples is it?",
    ),
    Misconception(
        "a percentage",
        lambda net, x, labels: 100 * _accuracy(net, x, labels),
        "How large is a share, if everything is right?",
    ),
    Misconception(
        "the share of mistakes",
        lambda net, x, labels: 1 - _accuracy(net, x, labels),
        "Those are the examples that the network gets wrong. Which were asked for?",
    ),
)

accuracy = Suite(
    "accuracy",
    "Check ``accuracy(net, x, labels)``: the share of right predictions; needs torch.",
    [
        Check(name, inputs, _accuracy, _ACCURACIES, _number)
        for name, inputs in (
            ("some are wrong", _guessed(7, 3, wrong=2)),
            ("all are right", _guessed(5, 3, wrong=0)),
        )
    ],
)


def _layered(*listed: bool, passes: int = 0) -> Inputs:
    """Return data for a network of so many layers, of which ``parameters()`` lists some."""
    return lambda rng: {
        "x": rng.normal(size=(6, 4)).astype(np.float32),
        "labels": rng.integers(3, size=6),
        "learning_rate": 0.1,
        "registered": listed,
        "earlier_passes": passes,
    }


def _net_of(*sizes: int, listed: Sequence[bool]) -> tuple[Any, list[Any]]:
    """Return a network with ReLU and its linear layers, of which it has registered some."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        layers = [_fill(nn.Linear(n, m)) for n, m in pairwise(sizes)]
    parts: list[Any] = []
    for layer, known in zip(layers, listed, strict=True):
        shell = nn.Identity()
        shell.forward = layer.forward  # type: ignore[method-assign]
        parts += [layer if known else shell, nn.ReLU()]
    return nn.Sequential(*parts[:-1]), layers


def _lengths(function: Function, arguments: Arguments) -> Any:
    import torch

    x, labels, rate, listed, passes = arguments.values()
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    net, layers = _net_of(4, *[5, 6, 7][: len(listed) - 1], 3, listed=listed)
    for _ in range(passes):
        torch.nn.functional.cross_entropy(net(x), labels).backward()
    output = function(net, layers, x, labels, rate)
    return None if output is None else np.array([float(value) for value in output])


def _movement(
    net: Any,
    layers: Sequence[Any],
    x: Any,
    labels: Any,
    learning_rate: float,
    *,
    clear: bool = True,
    of_layers: bool = False,
    softmax: bool = False,
    apart: bool = True,
) -> list[float]:
    import torch

    before = [layer.weight.detach().clone() for layer in layers]
    parameters = [p for layer in layers for p in layer.parameters()]
    optimizer = torch.optim.SGD(parameters if of_layers else net.parameters(), lr=learning_rate)
    if clear:
        optimizer.zero_grad()
    scores = net(x).softmax(dim=-1) if softmax else net(x)
    torch.nn.functional.cross_entropy(scores, labels).backward()
    optimizer.step()
    pairs = [(layer.weight.detach(), old) for layer, old in zip(layers, before, strict=True)]
    if apart:
        return [(new - old).norm().item() for new, old in pairs]
    return [(new.norm() - old.norm()).item() for new, old in pairs]


_MOVEMENTS = (
    Misconception(
        "nothing moved",
        lambda net, layers, *_: [0.0 for _ in layers],
        "Is what you kept from before the step a copy, or the very tensor that the step changes? "
        "And did the step find gradients?",
    ),
    Misconception(
        "an optimizer of the layers",
        partial(_movement, of_layers=True),
        "Your optimizer was given every layer. Which tensors does the network itself hand to one?",
    ),
    Misconception(
        "the change of a length",
        partial(_movement, apart=False),
        "A weight can turn without growing. Which comes first, the difference or the length?",
    ),
    Misconception(
        "gradients left from before",
        partial(_movement, clear=False),
        "What does a backward pass do with what is in grad already?",
    ),
    Misconception(
        "a softmax before the loss",
        partial(_movement, softmax=True),
        "Cross-entropy applies a softmax itself. What does it make of a second one?",
    ),
)

movement = Suite(
    "movement",
    """Check ``movement(net, layers, x, labels, learning_rate)``; needs torch.

    It takes one step and returns how far the weight of each layer moves.
    """,
    [
        Check(name, inputs, _movement, _MOVEMENTS, _lengths)
        for name, inputs in (
            ("every layer is registered", _layered(True, True, True)),
            ("a layer is not registered", _layered(True, False, True)),
            ("gradients are left from before", _layered(True, False, True, passes=1)),
        )
    ],
)


def _batches(examples: int, batch_size: int, epochs: int = 2) -> Inputs:
    return lambda rng: {
        "x": rng.normal(size=(examples, 4)).astype(np.float32),
        "labels": rng.integers(3, size=examples),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": 0.1,
        "seed": int(rng.integers(1000)),
    }


def _after(function: Function, arguments: Arguments) -> tuple[Any, Any]:
    """Return the network that a function has trained, and what it returned."""
    import torch

    x, labels, *settings = arguments.values()
    net, _ = _net_of(4, 5, 3, listed=[True, True])
    return net, function(net, torch.from_numpy(x), torch.from_numpy(labels), *settings)


def _parameters(function: Function, arguments: Arguments) -> Any:
    import torch

    net, _ = _after(function, arguments)
    return _numpy(torch.cat([parameter.flatten() for parameter in net.parameters()]))


def _losses(function: Function, arguments: Arguments) -> Any:
    _, output = _after(function, arguments)
    return None if output is None else np.array([float(loss) for loss in output])


def _kinds(function: Function, arguments: Arguments) -> str:
    _, output = _after(function, arguments)
    plain = all(isinstance(loss, Real) for loss in output)
    return f"returned a list of {'numbers' if plain else 'tensors'}"


def _train(
    net: Any,
    x: Any,
    labels: Any,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    *,
    order: str = "new",
    keep_last: bool = True,
    together: bool = True,
    softmax: bool = False,
    reduction: str = "mean",
    clear: bool = True,
    skip: int = 0,
    report: Callable[[list[Any]], Any] = lambda losses: sum(map(float, losses)) / len(losses),
) -> list[Any]:
    import torch

    optimizer = torch.optim.SGD([*net.parameters()][skip:], lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    means = []
    for _ in range(epochs):
        if order == "same":
            generator.manual_seed(seed)
        places = torch.arange(len(x)).split(batch_size)
        shuffled = torch.randperm(len(x), generator=generator).split(batch_size)
        losses = []
        for batch, place in zip(places if order == "none" else shuffled, places, strict=True):
            if not keep_last and len(batch) < batch_size:
                continue
            scores = net(x[batch]).softmax(dim=-1) if softmax else net(x[batch])
            truth = labels[batch if together else place]
            loss = torch.nn.functional.cross_entropy(scores, truth, reduction=reduction)
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
        means.append(report(losses))
    return means


def _untrained(net: Any, x: Any, labels: Any, epochs: int, *_: Any) -> list[float]:
    return _train(net, x, labels, epochs, len(x), 0.0, 0)


_TRAININGS = (
    Misconception(
        "no parameter moves",
        _untrained,
        "Which line moves the parameters, what does it find in their grad, and who has put it "
        "there or cleared it just before?",
    ),
    Misconception(
        "gradients never cleared",
        partial(_train, clear=False),
        "What does a backward pass do with what is in grad already?",
    ),
    Misconception(
        "a softmax before the loss",
        partial(_train, softmax=True),
        "Cross-entropy applies a softmax itself. What does it make of a second one?",
    ),
    Misconception(
        "an optimizer of the last layer",
        partial(_train, skip=-2),
        "Which parameters were handed to the optimizer, and which has the network?",
    ),
    Misconception(
        "the sum of the batch in place of its mean",
        partial(_train, reduction="sum"),
        "How long is a step, if a batch is twice as large?",
    ),
    Misconception(
        "no shuffling",
        partial(_train, order="none"),
        "In which order do the examples come?",
    ),
    Misconception(
        "the same order in every epoch",
        partial(_train, order="same"),
        "One generator serves the whole training. Where is it made, and how often is it asked?",
    ),
    Misconception(
        "the last batch dropped",
        partial(_train, keep_last=False),
        "What becomes of the examples that do not fill a whole batch?",
    ),
    Misconception(
        "examples and labels out of step",
        partial(_train, together=False),
        "Row j of x belongs to entry j of labels. Does it still after the shuffling?",
    ),
    Misconception(
        "the loss of the last batch",
        partial(_train, report=lambda losses: float(losses[-1])),
        "How did the other batches of the epoch do?",
    ),
    Misconception(
        "the sum of the losses",
        partial(_train, report=lambda losses: sum(map(float, losses))),
        "Should the number double if the batches are half as large?",
    ),
    Misconception(
        "losses that hold on to their graphs",
        partial(_train, report=lambda losses: sum(losses) / len(losses)),
        "What does a loss carry along, besides its number, for as long as you keep it?",
    ),
)

train = Suite(
    "train",
    """Check ``train(net, x, labels, epochs, batch_size, learning_rate, seed)``; needs torch.

    It trains the network in place and returns the mean loss of each epoch's batches.
    """,
    [
        Check(name, inputs, _train, _TRAININGS, observe)
        for name, inputs, observe in (
            ("two steps with all examples", _batches(6, batch_size=6), _parameters),
            ("small batches", _batches(7, batch_size=3), _parameters),
            ("the losses", _batches(7, batch_size=3), _losses),
            ("the losses are numbers", _batches(7, batch_size=3), _kinds),
        )
    ],
)
