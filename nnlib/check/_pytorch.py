"""Checks of PyTorch networks and of their training; torch is loaded only when they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from nnlib.check._core import Arguments, Check, Function, Inputs, Misconception, Suite

__all__ = [
    "accumulated_step",
    "confusion",
    "gradient_lengths",
    "multi_layer_net",
    "residual_net",
    "train_with_patience",
]


# --- a network of layers --------------------------------------------------------------------------


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


# --- a network of blocks --------------------------------------------------------------------------


def _blocks(input_size: int, width: int, blocks: int, output_size: int) -> Inputs:
    return lambda rng: {
        "input_size": input_size,
        "width": width,
        "blocks": blocks,
        "output_size": output_size,
        "x": rng.normal(size=(6, input_size)).astype(np.float32),
    }


def _known_logits(build: Function, arguments: Arguments) -> Any:
    """Return the logits of a network whose layers are known even where they are not registered."""
    from unittest import mock

    from torch import nn

    with mock.patch.object(nn.Linear, "reset_parameters", _fill):
        return _logits(build, arguments)


def _slope_at_input(build: Function, arguments: Arguments) -> Any:
    """Return the gradient of the squared logits in the inputs, through all paths."""
    from unittest import mock

    import torch
    from torch import nn

    x = torch.from_numpy(arguments["x"]).requires_grad_()
    with mock.patch.object(nn.Linear, "reset_parameters", _fill):
        module, _ = _built(build, arguments)
    (slope,) = torch.autograd.grad(module(x).square().sum(), x, allow_unused=True)
    return _numpy(torch.zeros_like(x) if slope is None else slope)


def _residual_net(
    input_size: int,
    width: int,
    blocks: int,
    output_size: int,
    *,
    registered: bool = True,
    shared: bool = False,
    begin: Function = lambda a: a,
    add: Function = lambda a, first, z: a + z.relu(),
    end: Function = lambda scores: scores,
) -> Any:
    from torch import Tensor, nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = [nn.Linear(width, width) for _ in range(blocks)]
            layers = layers[:1] * blocks if shared else layers
            self.first = nn.Linear(input_size, width)
            self.blocks = nn.ModuleList(layers) if registered else layers
            self.last = nn.Linear(width, output_size)

        def forward(self, x: Tensor) -> Tensor:
            first = a = begin(self.first(x))
            for layer in self.blocks:
                a = add(a, first, layer(a))
            return end(self.last(a))

    return Net()


_RESIDUAL_NETS = (
    Misconception(
        "blocks in a list",
        partial(_residual_net, registered=False),
        "parameters() sees only what the module has registered. What does a module do with a plain "
        "Python list of layers?",
    ),
    Misconception(
        "one layer for all blocks",
        partial(_residual_net, shared=True),
        "How many layers were made, and how many times does the same one stand in the list?",
    ),
    Misconception(
        "nothing added back",
        partial(_residual_net, add=lambda a, first, z: z.relu()),
        "What comes out of a block whose weights and biases are all 0, and what should?",
    ),
    Misconception(
        "the first input added in every block",
        partial(_residual_net, add=lambda a, first, z: first + z.relu()),
        "Each block adds to what came into this block. What has the second block been given?",
    ),
    Misconception(
        "the sum cut by the ReLU",
        partial(_residual_net, add=lambda a, first, z: (a + z).relu()),
        "What becomes of a negative entry on the path that skips the layer? Does the formula cut "
        "it off?",
    ),
    Misconception(
        "no activation in the blocks",
        partial(_residual_net, add=lambda a, first, z: a + z),
        "What do linear layers in a row amount to, with or without a path beside them?",
    ),
    Misconception(
        "an activation before the first block",
        partial(_residual_net, begin=lambda a: a.relu()),
        "What does the formula do to the first layer's output before the blocks?",
    ),
    Misconception(
        "a softmax at the end",
        partial(_residual_net, end=lambda scores: scores.softmax(dim=-1)),
        "Cross-entropy applies a softmax itself. What does it make of a second one?",
    ),
    Misconception(
        "an activation after the last layer",
        partial(_residual_net, end=lambda scores: scores.relu()),
        "Logits may have either sign. What is left of a row of negative ones?",
    ),
    Misconception(
        "the way around the layer cut off",
        partial(_residual_net, add=lambda a, first, z: a.detach() + z.relu()),
        "On the way back, what comes along the path that skips the layer? That path is why the "
        "block was built.",
    ),
    Misconception(
        "the graph cut off",
        partial(_residual_net, end=lambda scores: scores.detach()),
        "Which line of forward keeps autograd from seeing what comes before it: detach, no_grad, "
        "or a way through NumPy?",
    ),
)
_THREE_BLOCKS = _blocks(2, 5, 3, output_size=4)

residual_net = Suite(
    "residual_net",
    """Check a torch class ``Net(input_size, width, blocks, output_size)``; needs torch.

    Each block is a linear layer and a ReLU, added to what came into it.
    """,
    [
        Check(name, inputs, _residual_net, _RESIDUAL_NETS, observe)
        for name, inputs, observe in (
            ("all parameters are registered", _THREE_BLOCKS, _registered),
            ("logits", _THREE_BLOCKS, _known_logits),
            ("one block", _blocks(3, 4, 1, output_size=2), _known_logits),
            ("no block", _blocks(3, 4, 0, output_size=2), _known_logits),
            ("every parameter gets a gradient", _THREE_BLOCKS, _trained),
            ("the gradient at the inputs", _THREE_BLOCKS, _slope_at_input),
        )
    ],
)


# --- measuring ------------------------------------------------------------------------------------

# What a student's function is given is made of torch's own modules: only its code and torch's run.


def _chain(*sizes: int) -> Any:
    """Return linear layers with ReLU between them, in float64, so that rounding decides nothing."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        layers = [_fill(nn.Linear(n, m).double()) for n, m in pairwise(sizes)]
    parts = [part for layer in layers for part in (layer, nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def _parameters(net: Any) -> Any:
    import torch

    return _numpy(torch.cat([parameter.flatten() for parameter in net.parameters()]))


def _numbers(output: Any) -> Any:
    return None if output is None else np.array([float(number) for number in output])


def _kind(output: Any) -> str:
    """Return in words what a number or a list of numbers is made of."""
    if isinstance(output, (list, tuple)):
        kinds = ["number" if isinstance(one, Real) else type(one).__name__ for one in output]
        return f"a list of {' and '.join(f'{kind}s' for kind in dict.fromkeys(kinds))}"
    return "a number" if isinstance(output, Real) else f"a value of type {type(output).__name__}"


def _examples(rng: np.random.Generator, examples: int) -> Arguments:
    return {"x": rng.normal(size=(examples, 4)), "labels": rng.integers(3, size=examples)}


def _measured(frozen: bool = False, unused: bool = False, passes: int = 0) -> Inputs:
    """Return data for a network with or without each of the things that make measuring harder."""
    return lambda rng: (
        _examples(rng, 6)
        | {
            "first_layer_frozen": frozen,
            "a_parameter_unused": unused,
            "earlier_passes": passes,
        }
    )


def _to_measure(arguments: Arguments) -> tuple[Any, ...]:
    """Return a network, inputs and labels."""
    import torch
    from torch import nn

    x, labels, frozen, unused, passes = arguments.values()
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    net = _chain(4, 5, 3)
    if unused:
        net[0].register_parameter("unused", nn.Parameter(torch.ones(2, dtype=torch.float64)))
    net[0].requires_grad_(not frozen)
    for _ in range(passes):
        net(x).sum().backward()
    return net, x, labels


def _lengths(function: Function, arguments: Arguments) -> Any:
    return _numbers(function(*_to_measure(arguments)))


def _kind_of_lengths(function: Function, arguments: Arguments) -> str:
    return f"returned {_kind(function(*_to_measure(arguments)))}"


def _traces(function: Function, arguments: Arguments) -> str:
    import torch

    net, x, labels = _to_measure(arguments)
    before = [(p.detach().clone(), p.grad.clone()) for p in net.parameters()]
    function(net, x, labels)
    for parameter, (value, gradient) in zip(net.parameters(), before, strict=True):
        if not torch.equal(parameter, value):
            return "moved the parameters"
        if parameter.grad is None or not torch.equal(parameter.grad, gradient):
            return "left other gradients in .grad than it had found"
    return "left the network as it was"


def _gradient_lengths(
    net: Any,
    x: Any,
    labels: Any,
    *,
    copied: bool = True,
    cleared: bool = True,
    softmax: bool = False,
    reduction: str = "mean",
    length: Function = lambda gradient: gradient.norm().item(),
    unreached: Sequence[float] = (0.0,),
    told: Function = list,
) -> Any:
    import torch

    measured = deepcopy(net) if copied else net
    if cleared:
        measured.zero_grad()
    scores = measured(x).softmax(dim=-1) if softmax else measured(x)
    torch.nn.functional.cross_entropy(scores, labels, reduction=reduction).backward()
    gradients = [parameter.grad for parameter in measured.parameters()]
    found = [unreached if gradient is None else [length(gradient)] for gradient in gradients]
    return told([number for numbers in found for number in numbers])


def _tensors(numbers: Sequence[float]) -> list[Any]:
    import torch

    return [*torch.tensor(numbers)]


_LENGTHS = (
    Misconception(
        "the network's own gradients touched",
        partial(_gradient_lengths, copied=False),
        "Somebody else's gradients lay in .grad. Where could yours be computed without touching "
        "them?",
    ),
    Misconception(
        "gradients left from before",
        partial(_gradient_lengths, copied=False, cleared=False),
        "What does a backward pass do with what is in grad already?",
    ),
    Misconception(
        "the sum over the batch in place of its mean",
        partial(_gradient_lengths, reduction="sum"),
        "How long is the gradient, if every example comes twice?",
    ),
    Misconception(
        "the square of the length",
        partial(_gradient_lengths, length=lambda gradient: (gradient**2).sum().item()),
        "How long is the vector (3, 4)?",
    ),
    Misconception(
        "a softmax before the loss",
        partial(_gradient_lengths, softmax=True),
        "Cross-entropy applies a softmax itself. What does it make of a second one?",
    ),
    Misconception(
        "parameters without a gradient left out",
        partial(_gradient_lengths, unreached=()),
        "How many parameters has the network, and how many numbers should come out?",
    ),
    Misconception(
        "tensors in place of numbers",
        partial(_gradient_lengths, told=_tensors),
        "A tensor of one number is still a tensor. How does one get the number out?",
    ),
)

gradient_lengths = Suite(
    "gradient_lengths",
    """Check ``gradient_lengths(net, x, labels)``; needs torch.

    It returns the length of the loss's gradient in each parameter, and leaves no trace.
    """,
    [
        Check(name, inputs, _gradient_lengths, _LENGTHS, observe)
        for name, inputs, observe in (
            ("a fresh network", _measured(), _lengths),
            ("gradients are left from before", _measured(passes=1), _lengths),
            ("no trace is left", _measured(passes=1), _traces),
            ("a frozen layer", _measured(frozen=True), _lengths),
            ("a parameter that the scores do not need", _measured(unused=True), _lengths),
            ("the lengths are numbers", _measured(), _kind_of_lengths),
        )
    ],
)


def _scored(*sizes: int, classes: int, dropout: bool = False, training: bool = False) -> Inputs:
    """Return batches of these sizes, as scores, for a network that returns what it is given."""
    return lambda rng: {
        "scores": [rng.normal(size=(size, classes)).astype(np.float32) for size in sizes],
        "labels": [rng.integers(classes, size=size) for size in sizes],
        "classes": classes,
        "dropout": dropout,
        "training": training,
    }


def _counting(function: Function, arguments: Arguments) -> tuple[Any, Any, bool | None]:
    """Return what comes out, the network, and whether a graph was recorded (None: never ran)."""
    import torch
    from torch import nn

    scores, labels, classes, dropout, training = arguments.values()
    pairs = zip(map(torch.from_numpy, scores), map(torch.from_numpy, labels), strict=True)
    recorded = None

    def note(*given: Any) -> None:
        nonlocal recorded
        recorded = bool(recorded) or given[-1].requires_grad

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.Linear(classes, classes, bias=False)
        nn.init.eye_(layer.weight)
        net = nn.Sequential(layer, nn.Dropout(0.5 if dropout else 0.0)).train(training)
        net.register_forward_hook(note)
        return function(net, [*pairs], classes), net, recorded


def _counts(function: Function, arguments: Arguments) -> Any:
    import torch

    output = _counting(function, arguments)[0]
    return None if output is None else torch.as_tensor(output).double().numpy()


def _recorded(function: Function, arguments: Arguments) -> str:
    recorded = _counting(function, arguments)[2]
    if recorded is None:
        return "never called the network"
    return f"recorded {'a' if recorded else 'no'} graph"


def _kind_of_counts(function: Function, arguments: Arguments) -> str:
    import torch

    output = _counting(function, arguments)[0]
    if not isinstance(output, torch.Tensor):
        return f"returned a value of type {type(output).__name__}"
    whole = not (output.is_floating_point() or output.is_complex())
    return f"returned a tensor of {'integers' if whole else output.dtype}"


def _mode(function: Function, arguments: Arguments) -> str:
    net = _counting(function, arguments)[1]
    return f"left the network in {'training' if net.training else 'evaluation'} mode"


def _confusion(
    net: Any,
    batches: Sequence[tuple[Any, Any]],
    classes: int,
    *,
    once: bool = False,
    turned: bool = False,
    last: bool = False,
    graph: bool = False,
    measuring: bool = True,
    back: bool | None = None,
    dtype: str = "int64",
) -> Any:
    import torch

    mode = net.training
    net.train(mode and not measuring)
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    for x, labels in batches:
        with torch.set_grad_enabled(graph):
            predicted = net(x).argmax(dim=-1)
        places = (predicted, labels) if turned else (labels, predicted)
        counts = torch.zeros_like(counts) if last else counts
        counts.index_put_(places, counts[places] + 1 if once else torch.tensor(1), not once)
    net.train(mode if back is None else back)
    return counts.to(getattr(torch, dtype))


_COUNTS = (
    Misconception(
        "each place counted once",
        partial(_confusion, once=True),
        "Two examples of one batch belong to the same place. What does += add there, if an index "
        "names a place twice? Try it on a vector of three zeros.",
    ),
    Misconception(
        "rows and columns swapped",
        partial(_confusion, turned=True),
        "Which of the two names the row: what is true, or what was predicted?",
    ),
    Misconception(
        "the last batch alone",
        partial(_confusion, last=True),
        "How many examples were there, and how many have you counted? Where do the counts begin?",
    ),
    Misconception(
        "a graph recorded",
        partial(_confusion, graph=True),
        "Nobody will ask for a gradient here. How is torch told so, before the network runs?",
    ),
    Misconception(
        "dropout still on",
        partial(_confusion, measuring=False),
        "The network came as it is while it trains. Which of its layers do something else then?",
    ),
    Misconception(
        "left in evaluation mode",
        partial(_confusion, back=False),
        "The next epoch goes on with this network. In which mode did it come?",
    ),
    Misconception(
        "left in training mode",
        partial(_confusion, back=True),
        "Not every network that is measured was in training. In which mode did it come?",
    ),
    Misconception(
        "counts that are no integers",
        partial(_confusion, dtype="float32"),
        "Nobody is counted by halves. Of which dtype is a tensor of zeros, if it is not told?",
    ),
)

confusion = Suite(
    "confusion",
    """Check ``confusion(net, batches, classes)``; needs torch.

    It counts, batch by batch, how often each class (row) is taken for each (column).
    """,
    [
        Check(name, inputs, _confusion, _COUNTS, observe)
        for name, inputs, observe in (
            ("one batch", _scored(12, classes=3), _counts),
            ("several batches", _scored(9, 9, 4, classes=4), _counts),
            ("no graph is recorded", _scored(6, 6, classes=3), _recorded),
            (
                "dropout does not count",
                _scored(40, classes=3, dropout=True, training=True),
                _counts,
            ),
            ("training mode comes back", _scored(6, classes=3, training=True), _mode),
            ("evaluation mode comes back", _scored(6, classes=3), _mode),
            ("a tensor of integers", _scored(6, classes=3), _kind_of_counts),
        )
    ],
)


# --- steps ----------------------------------------------------------------------------------------


def _pieces(examples: int, size: int, passes: int = 0) -> Inputs:
    return lambda rng: (
        _examples(rng, examples)
        | {
            "size": size,
            "learning_rate": float(rng.uniform(0.1, 0.3)),
            "earlier_passes": passes,
        }
    )


def _stepping(function: Function, arguments: Arguments) -> tuple[Any, Any, int]:
    """Return the network after the step, what came out, and how many examples it held at most."""
    import torch

    x, labels, size, rate, passes = arguments.values()
    x, labels = torch.from_numpy(x), torch.from_numpy(labels)
    net, held, most = _chain(4, 5, 3), 0, 0
    for _ in range(passes):
        net(x).sum().backward()

    def hold(*given: Any) -> None:
        nonlocal held, most
        scores = given[-1]
        if scores.requires_grad:
            held += len(scores)
            most = max(most, held)
            scores.register_hook(lambda _: release(len(scores)))

    def release(examples: int) -> None:
        nonlocal held
        held -= examples

    net.register_forward_hook(hold)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    return net, function(net, optimizer, x, labels, size), most


def _stepped(function: Function, arguments: Arguments) -> Any:
    return _parameters(_stepping(function, arguments)[0])


def _loss_told(function: Function, arguments: Arguments) -> Any:
    output = _stepping(function, arguments)[1]
    return None if output is None else np.array(float(output))


def _kind_of_loss(function: Function, arguments: Arguments) -> str:
    return f"returned {_kind(_stepping(function, arguments)[1])}"


def _held(function: Function, arguments: Arguments) -> str:
    return f"held the graphs of {_stepping(function, arguments)[2]} examples at once"


def _accumulated_step(
    net: Any,
    optimizer: Any,
    x: Any,
    labels: Any,
    size: int,
    *,
    cleared: bool = True,
    clear_each: bool = False,
    step_each: bool = False,
    softmax: bool = False,
    whole: bool = False,
    share: Function = lambda piece, examples, size: piece / examples,
    told: Function = sum,
) -> Any:
    from torch.nn.functional import cross_entropy

    size = len(x) if whole else size
    if cleared:
        optimizer.zero_grad()
    losses = []
    for part, truth in zip(x.split(size), labels.split(size), strict=True):
        if clear_each:
            optimizer.zero_grad()
        scores = net(part).softmax(dim=-1) if softmax else net(part)
        loss = cross_entropy(scores, truth) * share(len(part), len(x), size)
        loss.backward()
        if step_each:
            optimizer.step()
        losses.append(loss.item())
    if not step_each:
        optimizer.step()
    return told(losses)


_STEPS = (
    Misconception(
        "every piece counts the same",
        partial(
            _accumulated_step, share=lambda piece, examples, size: 1 / math.ceil(examples / size)
        ),
        "The last piece is smaller. How much does one of its examples count, and how much should "
        "it?",
    ),
    Misconception(
        "the means of all pieces added",
        partial(_accumulated_step, share=lambda *_: 1),
        "In how many pieces would a step be twice as long? Should it depend on them?",
    ),
    Misconception(
        "the sum of the batch in place of its mean",
        partial(_accumulated_step, share=lambda piece, *_: piece),
        "How long is a step, if a batch is twice as large?",
    ),
    Misconception(
        "the last piece alone",
        partial(_accumulated_step, clear_each=True),
        "What is left of the first piece's gradients when the step comes?",
    ),
    Misconception(
        "a step for each piece",
        partial(_accumulated_step, step_each=True),
        "How often do the parameters move? With which parameters was the second piece run?",
    ),
    Misconception(
        "gradients left from before",
        partial(_accumulated_step, cleared=False),
        "What does a backward pass do with what is in grad already, at the first piece?",
    ),
    Misconception(
        "a softmax before the loss",
        partial(_accumulated_step, softmax=True),
        "Cross-entropy applies a softmax itself. What does it make of a second one?",
    ),
    Misconception(
        "all graphs held at once",
        partial(_accumulated_step, whole=True),
        "The memory is enough for one piece. When does a graph let go of what it has stored?",
    ),
    Misconception(
        "the loss of the last piece",
        partial(_accumulated_step, told=lambda losses: losses[-1]),
        "How did the other pieces do?",
    ),
    Misconception(
        "a tensor in place of a number",
        partial(_accumulated_step, told=lambda losses: _tensors([sum(losses)])[0]),
        "What does a loss carry along, besides its number, for as long as you keep it?",
    ),
)

accumulated_step = Suite(
    "accumulated_step",
    """Check ``accumulated_step(net, optimizer, x, labels, size)``; needs torch.

    It takes the step of the whole batch, which the network sees in pieces, and returns the loss.
    """,
    [
        Check(name, inputs, _accumulated_step, _STEPS, observe)
        for name, inputs, observe in (
            ("pieces of one size", _pieces(6, size=3), _stepped),
            ("a smaller last piece", _pieces(7, size=3), _stepped),
            ("the loss", _pieces(7, size=3), _loss_told),
            ("gradients are left from before", _pieces(6, size=3, passes=1), _stepped),
            ("one piece is held at a time", _pieces(6, size=2), _held),
            ("the loss is a number", _pieces(7, size=3), _kind_of_loss),
        )
    ],
)


# --- a training that stops ------------------------------------------------------------------------

# The losses after each epoch, from the lowest, 0, to the highest. With a patience of 2 the run ends
# after the sixth epoch, and after another one for each wrong way to be patient.
_UPS_AND_DOWNS = (7, 5, 6, 1, 4, 3, 2, 0)


def _scripted(*ranks: int, patience: int) -> Inputs:
    """Return losses of this order, which the held-out data will have whatever is learned."""
    return lambda rng: {
        "losses_held_out": np.sort(rng.uniform(0.2, 2.0, size=1 + max(ranks)))[list(ranks)],
        "patience": patience,
    }


def _following(function: Function, arguments: Arguments) -> tuple[Any, int, bool | None]:
    """Return what comes out of a scripted run, the epoch left, and whether a graph was recorded.

    The epoch is that whose parameters the network has. The graph is that of the examples held out,
    and None if they were never run.
    """
    import torch
    from torch import Tensor, nn

    losses, patience = arguments.values()
    # After no epoch, after each, and for those who go on and on: two scores (s, 0) of this loss.
    told = np.concatenate([losses[:1], losses, losses[-1:]])
    script = torch.from_numpy(-np.log(np.expm1(told)))
    recorded: bool | None = None

    class Script(nn.Module):
        """Its parameter counts the steps, since the loss of what it trains on is nearly linear."""

        def __init__(self) -> None:
            super().__init__()
            self.steps = nn.Parameter(torch.zeros((), dtype=torch.float64))

        def forward(self, x: Tensor) -> Tensor:
            nonlocal recorded
            now = script[min(round(self.steps.item()), len(script) - 1)]
            score = torch.where(x[:, 0] > 0, now, self.steps - 1000)
            if x.all():
                recorded = bool(recorded) or score.requires_grad
            return torch.stack([score, torch.zeros_like(score)], dim=1)

    net, labels = Script(), torch.zeros(2, dtype=torch.int64)
    data, held_out = (torch.full((2, 1), kind, dtype=torch.float64) for kind in (0.0, 1.0))
    output = function(net, (data, labels), (held_out, labels), len(losses), patience, 2, 1.0, 0)
    return output, round(net.steps.item()), recorded


def _recorded_held_out(function: Function, arguments: Arguments) -> str:
    recorded = _following(function, arguments)[2]
    if recorded is None:
        return "never ran the examples held out"
    return f"recorded {'a' if recorded else 'no'} graph of the examples held out"


def _script_told(function: Function, arguments: Arguments) -> Any:
    return _numbers(_following(function, arguments)[0])


def _epoch_kept(function: Function, arguments: Arguments) -> str:
    return f"left the parameters of epoch {_following(function, arguments)[1]}"


def _batches(examples: int, batch_size: int, epochs: int = 3) -> Inputs:
    def inputs(rng: np.random.Generator) -> Arguments:
        held_out = {f"{name}_held_out": value for name, value in _examples(rng, 5).items()}
        settings = {"epochs": epochs, "batch_size": batch_size}
        settings["seed"] = int(rng.integers(1000))
        return _examples(rng, examples) | held_out | settings

    return inputs


def _after(function: Function, arguments: Arguments) -> tuple[Any, Any]:
    """Return the network that a function has trained, and what came out."""
    import torch

    *arrays, epochs, batch_size, seed = arguments.values()
    x, labels, *held_out = map(torch.from_numpy, arrays)
    net = _chain(4, 5, 3)
    return net, function(net, (x, labels), (*held_out,), epochs, epochs, batch_size, 0.1, seed)


def _trained_to(function: Function, arguments: Arguments) -> Any:
    return _parameters(_after(function, arguments)[0])


def _losses(function: Function, arguments: Arguments) -> Any:
    return _numbers(_after(function, arguments)[1])


def _kinds(function: Function, arguments: Arguments) -> str:
    return f"returned {_kind(_after(function, arguments)[1])}"


def _since_best(losses: Sequence[float]) -> int:
    return len(losses) - 1 - losses.index(min(losses))


def _since_as_good(losses: Sequence[float]) -> int:
    return losses[::-1].index(min(losses))


def _train_with_patience(
    net: Any,
    data: tuple[Any, Any],
    held_out: tuple[Any, Any],
    epochs: int,
    patience: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    *,
    reshuffled: bool = True,
    keep_last: bool = True,
    softmax: bool = False,
    clear: bool = True,
    watched: str = "held out",
    waited: Callable[[Sequence[float]], int] = _since_best,
    late: int = 0,
    best: Callable[[Sequence[float]], float] | None = min,
    report: Callable[[list[Any]], Any] = lambda losses: [*map(float, losses)],
    copied: bool = False,
    graph: bool = False,
) -> Any:
    import torch
    from torch.nn.functional import cross_entropy

    net = deepcopy(net) if copied else net
    x, labels = data
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    losses: list[Any] = []
    kept = deepcopy(net.state_dict())
    for _ in range(epochs):
        if not reshuffled:
            generator.manual_seed(seed)
        for batch in torch.randperm(len(x), generator=generator).split(batch_size):
            if not keep_last and len(batch) < batch_size:
                continue
            scores = net(x[batch]).softmax(dim=-1) if softmax else net(x[batch])
            loss = cross_entropy(scores, labels[batch])
            if clear:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seen, truth = held_out if watched == "held out" else data
        with torch.set_grad_enabled(graph):
            losses.append(cross_entropy(net(seen), truth))
        if best and losses[-1] == best(losses):
            kept = deepcopy(net.state_dict())
        if waited(losses) >= patience + late:
            break
    net.load_state_dict(kept if best else net.state_dict())
    return report(losses)


def _not_lower(losses: Sequence[float]) -> list[bool]:
    """Return of each loss whether the one before it was as low."""
    return [False, *(later >= sooner for sooner, later in pairwise(losses))]


def _since_fall(losses: Sequence[float]) -> int:
    return [*reversed(_not_lower(losses)), False].index(False)


def _times_not_best(losses: Sequence[float]) -> int:
    return sum(loss > min(losses[: i + 1]) for i, loss in enumerate(losses))


_TRAININGS = (
    Misconception(
        "a copy trained in place of the network",
        partial(_train_with_patience, copied=True),
        "Whoever called you has the network in hand. Which network did your steps move?",
    ),
    Misconception(
        "the best parameters not kept",
        partial(_train_with_patience, best=None),
        "What you kept: is it a copy, or the very tensors that the next step changes in place? And "
        "does the network itself get it back at the end?",
    ),
    Misconception(
        "the worst parameters kept",
        partial(_train_with_patience, best=max),
        "Of two losses, which one is better?",
    ),
    Misconception(
        "the loss of the training data watched",
        partial(_train_with_patience, watched="data"),
        "Training lowers the loss of what it trains on. Which examples tell how others will do?",
    ),
    Misconception(
        "patience renewed by a loss that is no lower",
        partial(_train_with_patience, waited=_since_as_good),
        "An epoch brought the lowest loss once more. Is that below the lowest one before it?",
    ),
    Misconception(
        "one epoch too many",
        partial(_train_with_patience, late=1),
        "With a patience of 1, how many epochs without a lower loss are run before the end?",
    ),
    Misconception(
        "compared with the epoch before",
        partial(_train_with_patience, waited=_since_fall),
        "A loss may fall and still lie above one that you had. With which one is it compared?",
    ),
    Misconception(
        "patience that is never renewed",
        partial(_train_with_patience, waited=_times_not_best),
        "What should a new lowest loss do to the epochs that were counted before it?",
    ),
    Misconception(
        "gradients never cleared",
        partial(_train_with_patience, clear=False),
        "What does a backward pass do with what is in grad already?",
    ),
    Misconception(
        "the same order in every epoch",
        partial(_train_with_patience, reshuffled=False),
        "One generator serves the whole training. Where is it made, and how often is it asked?",
    ),
    Misconception(
        "the last batch dropped",
        partial(_train_with_patience, keep_last=False),
        "What becomes of the examples that do not fill a whole batch?",
    ),
    Misconception(
        "a softmax before the loss",
        partial(_train_with_patience, softmax=True),
        "Cross-entropy applies a softmax itself. What does it make of a second one?",
    ),
    Misconception(
        "measured with a graph",
        partial(_train_with_patience, graph=True),
        "Nobody will ask for a gradient of the loss held out. How is torch told so, before the "
        "network runs?",
    ),
    Misconception(
        "losses that hold on to their graphs",
        partial(_train_with_patience, graph=True, report=list),
        "What does a loss carry along, besides its number, for as long as you keep it?",
    ),
)

train_with_patience = Suite(
    "train_with_patience",
    """Check ``train_with_patience(net, data, held_out, epochs, patience, ...)``; needs torch.

    Its other arguments are ``batch_size, learning_rate, seed``. It trains the network in place,
    stops in time, restores the best parameters and returns the losses of the data held out.
    """,
    [
        Check(name, inputs, _train_with_patience, _TRAININGS, observe)
        for name, inputs, observe in (
            ("the end", _scripted(*_UPS_AND_DOWNS, patience=2), _script_told),
            ("a loss that comes again", _scripted(3, 1, 2, 1, 2, 0, patience=3), _script_told),
            ("the best parameters", _scripted(*_UPS_AND_DOWNS, patience=2), _epoch_kept),
            ("the losses of small batches", _batches(7, batch_size=3), _losses),
            ("all parameters come back", _batches(7, batch_size=7), _trained_to),
            ("the losses are numbers", _batches(7, batch_size=3), _kinds),
            (
                "no graph of what is held out",
                _scripted(*_UPS_AND_DOWNS, patience=2),
                _recorded_held_out,
            ),
        )
    ],
)
