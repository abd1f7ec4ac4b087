"""The same networks in PyTorch, and a training loop that runs on whatever device there is.

Both classes return logits: ``torch.nn.CrossEntropyLoss`` applies the softmax itself, and applying
it twice keeps the loss above log(1 + (classes - 1)/e). Use ``predict_proba`` for probabilities.
"""

from __future__ import annotations

import math
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nnlib._arrays import as_layer_sizes, check_callable, check_count, check_kind
from nnlib.activations import (
    GELU,
    Activation,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    Softplus,
    Tanh,
    TanhGELU,
)
from nnlib.mlp import MLP
from nnlib.training import History, NotFiniteError, as_settings, take_steps

#: What makes the torch module of an activation of nnlib, by its type: a name could be anyone's.
TORCH_ACTIVATIONS: dict[type[Activation], Callable[[Any], nn.Module]] = {
    Identity: lambda _: nn.Identity(),
    Sigmoid: lambda _: nn.Sigmoid(),
    Tanh: lambda _: nn.Tanh(),
    ReLU: lambda _: nn.ReLU(),
    LeakyReLU: lambda leaky: nn.LeakyReLU(leaky.negative_slope),
    Softplus: lambda _: nn.Softplus(),
    GELU: lambda _: nn.GELU(),
    TanhGELU: lambda _: nn.GELU(approximate="tanh"),
}


class _Classifier(nn.Module):
    """What both networks share: logits from ``forward``, probabilities on request."""

    def _check_sizes(
        self,
        input_size: int,
        output_size: int,
        layer_size: int = 1,
        layer_sizes: Sequence[int] = (),
    ) -> None:
        """Check the sizes now, and from now on every input against them."""
        check_count(input_size, "input_size")
        check_count(layer_size, "layer_size")
        as_layer_sizes(layer_sizes, least=0)
        if not isinstance(layer_sizes, Sized):
            raise TypeError(
                f"layer_sizes must be a sequence of integers, got {layer_sizes!r}, which can be "
                "read only once; pass list(layer_sizes)"
            )
        check_count(output_size, "output_size")
        self.register_forward_pre_hook(partial(_check_inputs, input_size), with_kwargs=True)

    def predict_proba(self, x: Tensor) -> Tensor:
        """Return probabilities, the softmax of the logits, without tracking gradients.

        Parameters
        ----------
        x : Tensor, shape (..., inputs)

        Returns
        -------
        Tensor, shape (..., classes)
        """
        with torch.no_grad():
            return torch.softmax(self(x), dim=-1)


class TwoLayerNet(_Classifier):
    """Linear, ReLU, linear: one hidden layer, two layers of weights.

    Parameters
    ----------
    input_size, layer_size, output_size : int
        Numbers of inputs, hidden units and classes.

    Raises
    ------
    TypeError
        If a size is not an integer; calling it, if `x` is no tensor of the weights' dtype.
    ValueError
        If a size is below 1; calling it, if the last axis of `x` is not the number of inputs.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> TwoLayerNet(2, 10, 3)(torch.ones(4, 2)).shape
    torch.Size([4, 3])
    """

    def __init__(self, input_size: int, layer_size: int, output_size: int) -> None:
        super().__init__()
        self._check_sizes(input_size=input_size, layer_size=layer_size, output_size=output_size)
        self.linear1 = nn.Linear(input_size, layer_size)
        self.activation = nn.ReLU()
        self.linear2 = nn.Linear(layer_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (..., classes), of inputs of shape (..., inputs)."""
        logits: Tensor = self.linear2(self.activation(self.linear1(x)))
        return logits


class MultiLayerNet(_Classifier):
    """Any number of hidden layers, each linear then ReLU, and a linear layer at the end.

    The layers live in an ``nn.ModuleList``: in a plain Python list, ``parameters()`` would not
    see them, and the optimizer would train the last layer alone.

    Parameters
    ----------
    input_size : int
    layer_sizes : sequence of int
        Units of each hidden layer; empty for a linear model.
    output_size : int
        Number of classes.

    Raises
    ------
    TypeError, ValueError
        As for :class:`TwoLayerNet`.

    Examples
    --------
    >>> net = MultiLayerNet(2, [10, 10], 3)
    >>> sum(p.numel() for p in net.parameters())
    173
    """

    def __init__(self, input_size: int, layer_sizes: Sequence[int], output_size: int) -> None:
        super().__init__()
        self._check_sizes(input_size=input_size, output_size=output_size, layer_sizes=layer_sizes)
        sizes = [input_size, *layer_sizes]
        self.hidden_layers = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(sizes))
        self.activation = nn.ReLU()
        self.final_linear = nn.Linear(sizes[-1], output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (..., classes), of inputs of shape (..., inputs)."""
        for layer in self.hidden_layers:
            x = self.activation(layer(x))
        logits: Tensor = self.final_linear(x)
        return logits


def from_mlp(net: MLP) -> nn.Sequential:
    """Return the torch network that computes what an nnlib :class:`~nnlib.MLP` computes.

    Parameters
    ----------
    net : MLP

    Returns
    -------
    torch.nn.Sequential
        Linear layers and activations in turn, with copies of the weights, in the dtype of `net`.

    Raises
    ------
    TypeError
        If `net` is not an MLP.
    ValueError
        If torch has no module for its activation.

    Examples
    --------
    >>> from nnlib import MLP
    >>> from_mlp(MLP([2, 3], rng=0))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
    )
    """
    check_kind(net, MLP, "net", "an nnlib.MLP")
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(net.layer_sizes):
        layers += [nn.Linear(n_in, n_out), _torch_activation(net.activation)]
    sequential = nn.Sequential(*layers[:-1]).to(getattr(torch, str(net.dtype)))
    copy_weights(net, sequential)
    return sequential


def copy_weights(net: MLP, module: nn.Module) -> None:
    """Copy the weights of an nnlib MLP into the linear layers of a torch module, in order.

    Parameters
    ----------
    net : MLP
    module : torch.nn.Module
        Its ``nn.Linear`` layers must have the shapes of those of `net`, in the order in which it
        runs them (as registered, where it takes no inputs of shape (batch, inputs)).

    Raises
    ------
    TypeError
        If `net` is not an MLP or `module` not a torch module.
    ValueError
        If number or shapes of the layers differ, one is used twice, or its weight is shared or
        computed from other parameters; nothing is changed then.

    Examples
    --------
    >>> from nnlib import MLP
    >>> copy_weights(MLP([2, 10, 3], rng=0), TwoLayerNet(2, 10, 3))
    """
    check_kind(net, MLP, "net", "an nnlib.MLP")
    linear, _ = _layers_as_run(module)
    _check_layers(net, linear)
    for layer in linear:
        if not all(isinstance(part, nn.Parameter) for part in (layer.weight, layer.bias)):
            raise ValueError(
                f"module must keep its weights as parameters, but {layer} computes its weights "
                "from others, which would overwrite a copy: remove the parametrization"
            )
    if len({layer.weight.data_ptr() for layer in linear}) < len(linear):
        raise ValueError(
            "module must use each linear layer once, with weights of its own, as an MLP does"
        )
    with torch.no_grad():
        for layer, weight, bias in zip(linear, net.weights, net.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))


def to_mlp(module: nn.Module, activation: str | Activation = "relu") -> MLP:
    """Return the nnlib MLP with the weights of a torch module's linear layers, in order.

    The module is run on random inputs, in evaluation mode, to see in which order the layers come,
    and that the MLP computes the same scores. Where it takes no inputs of shape (batch, inputs),
    the layers are taken as registered, and what stands between them is for the caller to know.

    Parameters
    ----------
    module : torch.nn.Module
        A chain of ``nn.Linear`` layers with biases; one that is used twice is two layers.
    activation : str or Activation, default "relu"
        The activation between them.

    Returns
    -------
    MLP
        float64 if the module is, otherwise float32; with copies of the weights.

    Raises
    ------
    TypeError
        If `module` is not a torch module, or `activation` neither a name nor an Activation.
    ValueError
        If there is no linear layer, one has no bias or is hidden, the sizes do not form a chain,
        the module computes other scores, or the activation is unknown.

    Examples
    --------
    >>> to_mlp(TwoLayerNet(2, 10, 3)).layer_sizes
    (2, 10, 3)
    """
    linear, run = _layers_as_run(module)
    if not linear:
        raise ValueError("module has no registered nn.Linear layer; see check_registered")
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    if any(layer.in_features != n for layer, n in zip(linear, sizes[:-1], strict=True)):
        raise ValueError(f"the linear layers of module do not form a chain: {linear}")
    dtype = "float64" if linear[0].weight.dtype == torch.float64 else "float32"
    exact = MLP(sizes, activation, rng=0)
    _check_layers(exact, linear)
    for layer, weight, bias in zip(linear, exact.weights, exact.biases, strict=True):
        weight[...] = layer.weight.detach().to("cpu", torch.float64).numpy()
        bias[...] = layer.bias.detach().to("cpu", torch.float64).numpy()
    if run is not None:
        _check_scores(exact, *run)
    elif hidden := check_registered(module):
        raise ValueError(f"the linear layers of module must be registered: {'; '.join(hidden)}")
    net = MLP(sizes, activation, rng=0, dtype=dtype)
    net.theta[...] = exact.theta
    return net


def check_registered(module: nn.Module) -> list[str]:
    """Find parameters and modules that ``module.parameters()`` does not see.

    A module registers the modules and parameters that are assigned to an attribute of it. What
    hides inside a plain list, tuple, set or dict is not registered, nor is a plain tensor that
    requires a gradient: it computes, but no optimizer made from ``parameters()`` trains it and no
    ``to(device)`` moves it.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    list of str
        Where each hidden parameter or module is and what it is; empty if all is well.

    Raises
    ------
    TypeError
        If `module` is not a torch module.

    Examples
    --------
    >>> class Net(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layers = [torch.nn.Linear(2, 3)]
    >>> check_registered(Net())
    ['layers[0]: Linear with 9 parameters is not registered; use nn.ModuleList']
    """
    _check_module(module)
    known = {id(part) for part in (*module.parameters(), *module.buffers(), *module.modules())}
    found: list[str] = []
    for prefix, part in module.named_modules():
        # What stands in the body of a class belongs to all its modules and is registered in none.
        bodies = [dict(vars(cls)) for cls in type(part).__mro__ if cls is not nn.Module]
        for name, value in ChainMap(vars(part), *bodies).items():
            kind = "Dict" if isinstance(value, dict) else "List"
            for path, hidden in _hidden(value, f"{prefix}.{name}" if prefix else name, known):
                found.append(f"{path}: {_describe_fault(hidden, kind, known, within=value)}")
    return found


def _hidden(
    value: Any, path: str, known: set[int], around: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Yield every hidden parameter or module in `value`, with its path."""
    if id(value) in known or id(value) in around:
        return
    around |= {id(value)}
    if isinstance(value, nn.Module):
        # A plain list may hold a container whose parts are all registered elsewhere.
        leaves = (m for m in value.modules() if next(m.children(), None) is None)
        if any(id(part) not in known for part in (*value.parameters(), *leaves)):
            yield path, value
    elif isinstance(value, nn.Parameter):
        yield path, value
    elif isinstance(value, Tensor):
        sources = _sources(value)
        # An output that a module keeps was computed from what it has registered.
        if sources and not any(id(source) in known for source in sources):
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _hidden(item, f"{path}[{key!r}]", known, around)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            yield from _hidden(item, f"{path}[{index}]", known, around)


def _sources(tensor: Tensor) -> list[Tensor]:
    """Return what would be trained by a gradient in this tensor: itself, or parameters."""
    if tensor.grad_fn is None:
        return [tensor] if tensor.requires_grad else []
    nodes: list[Any] = [tensor.grad_fn]
    for node in nodes:  # which grows on the way
        nodes += [n for n, _ in node.next_functions if n is not None and n not in nodes]
    leaves = [node.variable for node in nodes if hasattr(node, "variable")]
    return leaves if all(isinstance(leaf, nn.Parameter) for leaf in leaves) else []


def _describe_fault(hidden: Any, kind: str, known: set[int], within: Any) -> str:
    if isinstance(hidden, nn.Module):
        count = sum(p.numel() for p in hidden.parameters() if id(p) not in known)
        what = f"{type(hidden).__name__} with {count} parameters"
        cure = f"nn.Module{kind}"
        if hidden is within:  # in the body of the class
            cure = "an assignment to self in __init__"
    else:
        what = f"a {type(hidden).__name__} of {hidden.numel()} numbers"
        cure = "nn.Parameter" if hidden is within else f"nn.Parameter{kind}"
    return f"{what} is not registered; use {cure}"


@torch.inference_mode(False)
@torch.enable_grad()
def train(
    module: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int = 32,
    momentum: float = 0.0,
    seed: int = 0,
    validation: tuple[Tensor, Tensor] | None = None,
    device: str | torch.device | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> History:
    """Train a torch module in place by mini-batch gradient descent on whatever device there is.

    Parameters
    ----------
    module : torch.nn.Module
        A network that returns logits; moved to the device, where it stays.
    x : Tensor, shape (examples, ...)
    labels : Tensor, shape (examples,) or (examples, classes)
        What the loss takes beside the logits.
    epochs : int
    learning_rate : float
    batch_size : int, default 32
    momentum : float, default 0
    seed : int, default 0
        Of the order of the examples.
    validation : pair of Tensor (x, labels), optional
        Data to measure after every epoch and never train on.
    device : str or torch.device, optional
        By default the accelerator if there is one, otherwise the CPU.
    loss : callable, optional
        Of (logits, labels), with the mean over the batch; by default cross-entropy. It is tried on
        the labels of every batch, and module and loss on a batch of each size, before the first
        step.

    Returns
    -------
    History
        As :func:`nnlib.fit` returns it; the accuracy only where there are two or more logits for
        each label.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind; no step was taken then.
    ValueError
        If the numbers of examples differ, there is none, the module or the loss cannot take them,
        in training mode and in batches of each size too, the loss is a sum or broadcasts labels
        against logits, data require a gradient, nothing is registered to train, or a setting is
        out of range; no step was taken then.
    DivergenceError
        If a loss or a weight becomes inf or NaN. The last finite weights stay, and the buffers
        that belong to them.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> net = TwoLayerNet(2, 16, 2)
    >>> history = train(net, x, torch.tensor([0, 1, 1, 0]), epochs=300, learning_rate=0.5)
    >>> history.loss[-1] < 0.1
    True
    """
    parameters = _trainable(module)
    epochs, learning_rate, batch_size, momentum = as_settings(
        epochs, learning_rate, batch_size, momentum
    )
    seed = check_count(seed, "seed", least=0, most=2**64 - 1)
    loss = nn.functional.cross_entropy if loss is None else loss
    check_callable(loss, "loss")
    _check_examples(x, labels, "x and labels")
    _check_validation(validation)
    device = _check_device(device)
    with _modes_kept(module):
        try:
            sizes = _sizes(len(x), batch_size, epochs)
            _try_out(module, loss, x, labels, validation, device, sizes)
        except KeyboardInterrupt:
            return History(interrupted=True)
        module.train()
        x, labels = x.to(device), labels.to(device)
        generator = torch.Generator().manual_seed(seed)
        return take_steps(
            _descent(module, parameters, x, labels, loss, learning_rate, momentum),
            order=lambda: torch.randperm(len(x), generator=generator, device="cpu").to(device),
            measure=lambda: _validation_metrics(module, loss, validation, device),
            epochs=range(1, epochs + 1),
            batch_size=batch_size,
            learning_rate=learning_rate,
        )


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    _check_module(module)
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("module must have parameters to train, got none; see check_registered")
    lazy = torch.nn.parameter.is_lazy
    if any(not lazy(p) and p.is_inference() for p in parameters):
        raise ValueError(
            "module must be made outside of inference mode, got parameters that nothing may change"
        )
    return parameters


@contextmanager
def _modes_kept(module: nn.Module) -> Iterator[None]:
    """Put every part of the module back, at the end, into training or evaluation mode."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _descent(
    module: nn.Module,
    parameters: list[nn.Parameter],
    x: Tensor,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    learning_rate: float,
    momentum: float,
) -> Callable[[Tensor], float]:
    """Return the step of :func:`train`: of the indices of a batch, it returns their mean loss."""
    optimizer = torch.optim.SGD(parameters, lr=learning_rate, momentum=momentum)

    def step(batch: Tensor) -> float:
        buffers = _snapshot(module.buffers())
        value = loss(module(x[batch]), labels[batch])
        _check_one_number(value)
        if not torch.isfinite(value):
            _restore(buffers)
            raise NotFiniteError("the loss")
        optimizer.zero_grad()
        value.backward()
        weights = _snapshot(parameters)
        optimizer.step()
        if not torch.stack([p.isfinite().all() for p in parameters]).all():
            _restore([*buffers, *weights])
            raise NotFiniteError("a weight")
        return value.item()

    return step


def default_device() -> torch.device:
    """Return the accelerator if torch finds one (CUDA, Apple's MPS, ...), otherwise the CPU.

    Examples
    --------
    >>> isinstance(default_device(), torch.device)
    True
    """
    if not torch.accelerator.is_available():
        return torch.device("cpu")
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def _check_module(module: nn.Module) -> None:
    check_kind(module, nn.Module, "module", "a torch.nn.Module")


def _check_inputs(
    input_size: int, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise TypeError or ValueError unless a network of so many inputs can take its argument."""
    x = args[0] if args else kwargs.get("x")
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch tensor, got {type(x).__name__}; see torch.as_tensor")
    if x.ndim == 0 or x.shape[-1] != input_size:
        raise ValueError(f"x must have shape (..., {input_size}), got {tuple(x.shape)}")
    dtypes = {p.dtype for p in network.parameters()} or {x.dtype}
    if x.dtype not in dtypes and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"x must have the dtype of the weights, {dtypes}, got {x.dtype}")


def _check_device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return default_device()
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device must be a name or a torch.device, got {device!r}")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device must be one that torch finds here, such as {str(default_device())!r}, "
            f"got {str(device)!r}: {error}"
        ) from error


def _sizes(examples: int, batch_size: int, epochs: int) -> list[int]:
    """Return sizes of batches to try: each that occurs, and two where there are two steps."""
    batch_size = min(batch_size, examples)
    sizes = [batch_size, examples % batch_size or batch_size]
    return sizes[: epochs * -(-examples // batch_size)]


def _try_out(
    module: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    labels: Tensor,
    validation: tuple[Tensor, Tensor] | None,
    device: torch.device,
    sizes: list[int],
) -> None:
    """Move the module to the device, and raise unless every step can be taken there.

    What fails only in training mode, in the smaller last batch or at the second step must not wait
    until weights have moved: batches of each size go forward and back, and no step is taken.
    """
    devices = {t.device for t in (*module.parameters(), *module.buffers())}
    module.to(device)
    try:
        with _undone(module, device):
            _check_fit(module, loss, x, labels, device, max(sizes, default=1), "x and labels")
            if validation is not None:
                held_out = "validation x and labels"
                _check_fit(module, loss, *validation, device, len(validation[0]), held_out)
        with _undone(module, device):
            module.train()
            for size in sizes:
                with _told(x[:size], labels[:size], "x and labels"):
                    some, theirs = _copied(device, x[:size], labels[:size])
                    value = loss(module(some), theirs)
                _check_one_number(value)
                with _told(x[:size], labels[:size], "x and labels"):
                    parameters = [p for p in module.parameters() if p.requires_grad]
                    torch.autograd.grad(value, parameters, allow_unused=True)
    except BaseException:
        if len(devices) == 1:
            module.to(devices.pop())
        raise


def _check_fit(
    module: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    labels: Tensor,
    device: torch.device,
    batch_size: int,
    name: str,
) -> None:
    """Raise ValueError unless the module takes the first examples, and the loss all labels."""
    module.eval()
    with _told(x, labels, name), torch.no_grad():
        logits = module(*_copied(device, x[:2]))
        if not isinstance(logits, Tensor) or logits.shape[:1] != x[:2].shape[:1]:
            return  # what only the loss can judge
        if loss is nn.functional.cross_entropy:
            # On the CPU, since on a GPU a label out of range ends all.
            logits, device = logits.cpu(), torch.device("cpu")
            _check_classes(logits, labels)
    for some in labels.split(batch_size):
        with _told(x, labels, name):
            outputs = logits[:1].expand(len(some), *logits.shape[1:]).clone().requires_grad_()
            value = _without_broadcast(loss, outputs, *_copied(device, some))
        _check_one_number(value)
    if loss is not nn.functional.cross_entropy:
        _check_mean(loss, logits[:1], labels[:1].to(device))


def _copied(device: torch.device, *tensors: Tensor) -> list[Tensor]:
    """Return copies there: what module or loss do to them in place, the caller's data keep."""
    return [tensor.to(device, copy=True) for tensor in tensors]


@contextmanager
def _told(x: Tensor, labels: Tensor, name: str) -> Iterator[None]:
    """Turn what the module or the loss raises into a ValueError that says for which arguments."""
    try:
        yield
    except (IndexError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be what module and loss take, got {x.dtype} of shape {tuple(x.shape)} "
            f"and {labels.dtype} of shape {tuple(labels.shape)}: {error}"
        ) from error


@contextmanager
def _undone(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Undo, at the end, what runs of the module have changed in it and in torch's generators."""
    lazy = torch.nn.parameter.is_lazy
    numbers = _snapshot(t for t in (*module.parameters(), *module.buffers()) if not lazy(t))
    parts = [
        (part, type(part), dict(vars(part)), dict(part._buffers), part.training)
        for part in module.modules()
    ]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            yield
    finally:
        _restore(numbers)
        for part, kind, attributes, buffers, mode in parts:
            part.training = mode
            # A lazy part has become another, and a compiled one keeps its attributes elsewhere.
            if type(part) is kind and not isinstance(part, torch.jit.ScriptModule):
                vars(part).clear()
                vars(part).update(attributes)
                part._buffers.clear()
                part._buffers.update(buffers)


def _snapshot(tensors: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return [(tensor, tensor.detach().clone()) for tensor in tensors]


def _restore(snapshot: list[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for tensor, before in snapshot:
            tensor.copy_(before)


def _check_one_number(value: object) -> None:
    if not isinstance(value, Tensor) or value.ndim:
        raise TypeError(f"loss must return a tensor with one number, got {value!r}")


def _check_mean(loss: Callable[[Tensor, Tensor], Tensor], output: Tensor, label: Tensor) -> None:
    """Raise ValueError if a loss is twice as large for twice as many examples: a sum is no mean."""
    values: list[float] = []
    with suppress(Exception), torch.no_grad():  # a loss may take no other number of examples
        for n in (2, 4):
            values.append(loss(*(t.repeat_interleave(n, dim=0) for t in (output, label))).item())
    once, twice = values if len(values) == 2 else (0.0, 0.0)
    if once and math.isfinite(once) and math.isclose(twice, 2 * once, rel_tol=1e-5):
        raise ValueError(
            "loss must be the mean over the batch, but of twice as many examples it is twice as "
            "large; divide by their number, or leave out reduction='sum'"
        )


def _check_classes(logits: Tensor, labels: Tensor) -> None:
    """Raise for labels that cross-entropy takes without a word: a -100, or no distribution."""
    if labels.is_floating_point() and labels.shape[1:] == logits.shape[1:] and logits.ndim == 2:
        off = (labels < 0).any(dim=1) | ((labels.sum(dim=1) - 1).abs() > 1e-3)
        if off.any():
            raise ValueError(f"labels must be rows that sum to 1, got {labels[off][0].tolist()}")
    if labels.is_floating_point() or labels.ndim != logits.ndim - 1 or logits.ndim < 2:
        return
    classes = logits.shape[1]
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise IndexError(f"Target {wrong[0]} is out of bounds, labels must lie in 0..{classes - 1}")


class _Broadcasts(TorchFunctionMode):
    """Notes where outputs and labels meet in shapes such as (n, 1) and (n,): each meets all."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        for output in tensors:
            for label in tensors:
                if output.requires_grad and not label.requires_grad:
                    self._note(output, label, result)
        return result

    def _note(self, output: Tensor, label: Tensor, result: Any) -> None:
        shapes = tuple(output.shape), tuple(label.shape)
        try:
            both = tuple(torch.broadcast_shapes(*shapes))
        except RuntimeError:
            return
        # Only where both grow, and in a function of each pair (or its mean, of real targets).
        of_pairs = getattr(result, "shape", None)
        if both not in shapes and (
            of_pairs == both or (of_pairs == () and label.is_floating_point())
        ):
            self.shapes = shapes


def _without_broadcast(
    loss: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, labels: Tensor
) -> Tensor:
    """Return the loss, or raise ValueError where it pairs each output with other labels too."""
    cure = "give labels the shape of the outputs, or the loss outputs.squeeze(-1)"
    with warnings.catch_warnings(), _Broadcasts() as seen:
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        try:
            value = loss(outputs, labels)
        except UserWarning as error:
            raise ValueError(f"{error} {cure}") from error
    if seen.shapes is not None:
        raise ValueError(
            "loss broadcasts outputs of shape {} against labels of shape {}, each of them with "
            "all others; ".format(*seen.shapes)
            + cure
        )
    return value


def _check_examples(x: Tensor, labels: Tensor, name: str) -> None:
    for value in (x, labels):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} must be torch tensors, got {type(value).__name__}; see torch.as_tensor"
            )
    if x.ndim == 0 or labels.ndim == 0 or len(x) != len(labels) or len(x) == 0:
        raise ValueError(
            f"{name} must hold the same number of examples, at least one; got shapes "
            f"{tuple(x.shape)} and {tuple(labels.shape)}"
        )
    for value in (x, labels):
        if value.requires_grad:
            raise ValueError(
                f"{name} must be data, got a tensor that requires a gradient: nothing is trained "
                "but the module; pass tensor.detach()"
            )


def _check_validation(validation: tuple[Tensor, Tensor] | None) -> None:
    if validation is None:
        return
    if not isinstance(validation, tuple) or len(validation) != 2:
        raise TypeError(f"validation must be a tuple (x, labels), got {validation!r:.80}")
    _check_examples(*validation, "validation x and labels")


def _validation_metrics(
    module: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    validation: tuple[Tensor, Tensor] | None,
    device: torch.device,
) -> tuple[float, ...]:
    """Return the mean loss and, where labels are class indices, the accuracy."""
    if validation is None:
        return ()
    x, labels = _copied(device, *validation)
    module.eval()
    with torch.no_grad():
        logits = module(x)
        value = loss(logits, labels.clone()).item()
    module.train()
    if not _are_scores_of_classes(logits, labels):
        return (value,)
    if logits.isnan().any():
        return value, math.nan
    return value, (logits.argmax(dim=-1) == labels).sum().item() / len(labels)


def _are_scores_of_classes(logits: object, labels: Tensor) -> bool:
    """Tell whether each label is the index of one of several scores, so that argmax may be right.

    A single output may be a logit of two classes or a regression: only its loss knows.
    """
    return (
        isinstance(logits, Tensor)
        and logits.ndim == 2
        and logits.shape[1] > 1
        and labels.shape == logits.shape[:1]
        and not labels.is_floating_point()
        and bool(((labels >= 0) & (labels < logits.shape[1])).all())
    )


def _torch_activation(activation: Activation) -> nn.Module:
    make = TORCH_ACTIVATIONS.get(type(activation))
    if make is None:
        raise ValueError(
            f"torch has no module for the activation {activation.name!r} of type "
            f"{type(activation).__qualname__}"
        )
    return make(activation)


def _layers_as_run(
    module: nn.Module,
) -> tuple[list[nn.Linear], tuple[Tensor, Tensor] | None]:
    """Return the linear layers in the order in which they run, and a run: inputs and outputs.

    A copy in float64 is run, which shows in a few examples what rounding would hide. Where it
    cannot be copied or run, the layers come as registered, and no run.
    """
    registered = _linear_layers(module)
    generator, order = torch.Generator().manual_seed(0), list[Any]()
    for size in dict.fromkeys(layer.in_features for layer in registered):
        x = torch.randn(3, 16, size, generator=generator, dtype=torch.float64, device="cpu")
        # Far out as well, where an activation such as ReLU6 is not the one that it looks like.
        x = torch.cat([x[0], 30 * x[1], 1000 * x[2]])
        order.clear()
        with suppress(Exception), torch.no_grad():
            twin = deepcopy(module).to("cpu", torch.float64).eval()
            originals = dict(zip(_linear_layers(twin), registered, strict=True))
            for layer in originals:
                layer.register_forward_hook(lambda layer, *_: order.append(layer))
            outputs = twin(x)
            return [originals[layer] for layer in order] or registered, (x, outputs)
    return registered, None


def _check_scores(net: MLP, x: Tensor, outputs: Tensor) -> None:
    """Raise ValueError unless the network computes what the module has computed."""
    scores, wanted = net(x.numpy()), np.asarray(outputs)
    scale = 1 + np.abs(scores).max(axis=-1, keepdims=True)
    if wanted.shape != scores.shape or not np.allclose(
        scores / scale, wanted / scale, rtol=0, atol=1e-6, equal_nan=True
    ):
        raise ValueError(
            f"module must compute what its linear layers do with {net.activation.name} between "
            f"them, {net.layer_sizes}, but its outputs are others: name the activation that it "
            "has, and leave out what no MLP has (a softmax at the end, a layer of another kind)"
        )


def _linear_layers(module: nn.Module) -> list[nn.Linear]:
    _check_module(module)
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def _check_layers(net: MLP, linear: list[nn.Linear]) -> None:
    here = [(layer.out_features, layer.in_features) for layer in linear]
    there = [weight.shape for weight in net.weights]
    if here != there or any(layer.bias is None for layer in linear):
        raise ValueError(
            f"the linear layers of the module must have weights of shapes {there}, each with a "
            f"bias; got {here}. Layers hidden in a plain list are not seen: see check_registered"
        )
