"""The same networks in PyTorch, and a training loop that runs on whatever device there is.

Both classes return logits: ``torch.nn.CrossEntropyLoss`` applies the softmax itself, and applying
it twice keeps the loss above log(1 + (classes - 1)/e). Use ``predict_proba`` for probabilities.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from nnlib import activations
from nnlib._arrays import as_layer_sizes, check_callable, check_count, check_kind
from nnlib._trials import TorchLoss, batch_sizes, check_one_number, try_out, twin_of
from nnlib.activations import Activation
from nnlib.losses import accuracy
from nnlib.mlp import MLP
from nnlib.training import History, NotFiniteError, are_classes, as_settings, take_steps

#: What makes the torch module of an activation of nnlib, by its type: a name could be anyone's.
TORCH_ACTIVATIONS: dict[type[Activation], Callable[[Any], nn.Module]] = {
    activations.Identity: lambda _: nn.Identity(),
    activations.Sigmoid: lambda _: nn.Sigmoid(),
    activations.Tanh: lambda _: nn.Tanh(),
    activations.ReLU: lambda _: nn.ReLU(),
    activations.LeakyReLU: lambda leaky: nn.LeakyReLU(leaky.negative_slope),
    activations.Softplus: lambda _: nn.Softplus(),
    activations.GELU: lambda _: nn.GELU(),
    activations.TanhGELU: lambda _: nn.GELU(approximate="tanh"),
}


class _Classifier(nn.Module):
    """What both networks share: logits from ``forward``, probabilities on request."""

    def _check_sizes(self, layer_sizes: Sequence[int] = (), **sizes: int) -> None:
        """Check the sizes now, and from now on every input against them."""
        for name, size in sizes.items():
            check_count(size, name)
        as_layer_sizes(layer_sizes, least=0)
        if not isinstance(layer_sizes, Sized):
            raise TypeError(
                f"layer_sizes must be a sequence of integers, got {layer_sizes!r}, which can be "
                "read only once; pass list(layer_sizes)"
            )
        check = partial(_check_inputs, sizes["input_size"])
        self.register_forward_pre_hook(check, with_kwargs=True)

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
    parts = [part for layer in linear for part in (layer.weight, layer.bias)]
    own = {part.data_ptr() for part in parts if isinstance(part, nn.Parameter)}
    if len(own) < len(parts):
        raise ValueError(
            "module must use each linear layer once, with weights of its own, as an MLP does; it "
            "shares weights, or computes its weights from others, which would overwrite a copy: "
            "remove the ties and parametrizations"
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
    dtype = "float64" if linear[0].weight.dtype == torch.float64 else "float32"
    exact = MLP(sizes, activation, rng=0)
    _check_layers(exact, linear)
    exact.weights = tuple(layer.weight.detach().cpu().double().numpy() for layer in linear)
    exact.biases = tuple(layer.bias.detach().cpu().double().numpy() for layer in linear)
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
    check_kind(module, nn.Module, "module", "a torch.nn.Module")
    known = {id(part) for part in (*module.parameters(), *module.buffers(), *module.modules())}
    found: list[str] = []
    for prefix, part in module.named_modules():
        # What stands in the body of a class belongs to all its modules and is registered in none.
        bodies = [dict(vars(cls)) for cls in type(part).__mro__ if cls is not nn.Module]
        for name, value in ChainMap(vars(part), *bodies).items():
            for path, hidden in _hidden(value, f"{prefix}.{name}" if prefix else name, known):
                found.append(f"{path}: {_describe_fault(hidden, value, known)}")
    return found


def _hidden(
    value: Any, path: str, known: set[int], around: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Yield every hidden parameter or module in `value`, with its path."""
    if id(value) in known or id(value) in around:
        return
    if _is_hidden(value, known):
        yield path, value
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = enumerate(value)
    for key, item in items:
        yield from _hidden(item, f"{path}[{key!r}]", known, around | {id(value)})


def _is_hidden(value: Any, known: set[int]) -> bool:
    if isinstance(value, nn.Module):
        # A plain list may hold a container whose parts are all registered elsewhere.
        leaves = (m for m in value.modules() if next(m.children(), None) is None)
        return not {id(part) for part in (*value.parameters(), *leaves)} <= known
    # An output that a module keeps was computed from what it has registered.
    sources = {id(source) for source in _sources(value)} if isinstance(value, Tensor) else set()
    return bool(sources) and sources.isdisjoint(known)


def _sources(tensor: Tensor) -> list[Tensor]:
    """Return what would be trained by a gradient in this tensor: itself, or parameters."""
    if tensor.grad_fn is None:
        return [tensor] if tensor.requires_grad or isinstance(tensor, nn.Parameter) else []
    nodes: list[Any] = [tensor.grad_fn]
    for node in nodes:  # which grows on the way
        nodes += [n for n, _ in node.next_functions if n is not None and n not in nodes]
    leaves = [node.variable for node in nodes if hasattr(node, "variable")]
    return leaves if all(isinstance(leaf, nn.Parameter) for leaf in leaves) else []


def _describe_fault(hidden: Any, within: Any, known: set[int]) -> str:
    kind = "" if hidden is within else "Dict" if isinstance(within, dict) else "List"
    if isinstance(hidden, nn.Module):
        count = sum(p.numel() for p in hidden.parameters() if id(p) not in known)
        what = f"{type(hidden).__name__} with {count} parameters"
        # One that stands by itself stands in the body of the class.
        cure = f"nn.Module{kind}" if kind else "an assignment to self in __init__"
    else:
        what = f"a {type(hidden).__name__} of {hidden.numel()} numbers"
        cure = f"nn.Parameter{kind}"
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
    home = _trainable(module)[0].device
    epochs, rate, batch_size, momentum = as_settings(epochs, learning_rate, batch_size, momentum)
    seed = check_count(seed, "seed", least=0, most=2**64 - 1)
    loss = nn.functional.cross_entropy if loss is None else loss
    check_callable(loss, "loss")
    _check_examples(x, labels, "x and labels")
    if validation is not None:
        if not isinstance(validation, tuple) or len(validation) != 2:
            raise TypeError(f"validation must be a tuple (x, labels), got {validation!r:.80}")
        _check_examples(*validation, "validation x and labels")
    device = _check_device(device)
    x, labels, *held_out = (t.to(device) for t in (x, labels, *(validation or ())))
    descent = partial(_descent, loss=loss, x=x, labels=labels, rate=rate, momentum=momentum)
    try:
        sizes = batch_sizes(len(x), batch_size, epochs)
        try_out(module.to(device), descent, loss, x, labels, held_out, sizes)
    except KeyboardInterrupt:
        return History(interrupted=True)
    except Exception:
        module.to(home)
        raise
    modes = [(part, part.training) for part in module.modules()]
    generator = torch.Generator().manual_seed(seed)
    try:
        return take_steps(
            descent(module.train()),
            order=lambda: torch.randperm(len(x), generator=generator, device="cpu").to(device),
            measure=lambda: _metrics(module, loss, *held_out) if held_out else (),
            epochs=range(1, epochs + 1),
            batch_size=batch_size,
            learning_rate=rate,
        )
    finally:
        for part, mode in modes:
            part.training = mode


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    check_kind(module, nn.Module, "module", "a torch.nn.Module")
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("module must have parameters to train, got none; see check_registered")
    if any(p.is_inference() for p in parameters if not is_lazy(p)):
        raise ValueError(
            "module must be made outside of inference mode, got parameters that nothing may change"
        )
    return parameters


def _descent(
    module: nn.Module, loss: TorchLoss, x: Tensor, labels: Tensor, rate: float, momentum: float
) -> Callable[[Tensor], float]:
    """Return the step of :func:`train`: of the indices of a batch, it returns their mean loss."""
    parameters = _trainable(module)
    optimizer = torch.optim.SGD(parameters, lr=rate, momentum=momentum)

    def step(batch: Tensor) -> float:
        before = _snapshot(module.buffers())
        value = loss(module(x[batch]), labels[batch])
        check_one_number(value)
        if not torch.isfinite(value):
            _restore(before)
            raise NotFiniteError("the loss")
        optimizer.zero_grad()
        value.backward()
        before += _snapshot(parameters)
        optimizer.step()
        if not torch.stack([p.isfinite().all() for p in parameters]).all():
            _restore(before)
            raise NotFiniteError("a weight")
        return value.item()

    return step


def _snapshot(tensors: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    return [(tensor, tensor.detach().clone()) for tensor in tensors]


def _restore(snapshot: list[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for tensor, before in snapshot:
            tensor.copy_(before)


def _metrics(module: nn.Module, loss: TorchLoss, x: Tensor, labels: Tensor) -> tuple[float, ...]:
    """Return the mean loss and, where labels are class indices, the accuracy."""
    module.eval()
    with torch.no_grad():
        logits = module(x.clone())
        value = loss(logits, labels.clone()).item()
    module.train()
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        return (value,)
    scores, truth = logits.cpu().double().numpy(), labels.cpu().numpy()
    return (value, accuracy(scores, truth)) if are_classes(truth, scores) else (value,)


def default_device() -> torch.device:
    """Return the accelerator if torch finds one (CUDA, Apple's MPS, ...), otherwise the CPU.

    Examples
    --------
    >>> isinstance(default_device(), torch.device)
    True
    """
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def _check_inputs(
    input_size: int, network: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise TypeError or ValueError unless a network of so many inputs can take its argument."""
    x: Any = args[0] if args else kwargs.get("x")
    check_kind(x, Tensor, "x", "a torch tensor (see torch.as_tensor)")
    if x.ndim == 0 or x.shape[-1] != input_size:
        raise ValueError(f"x must have shape (..., {input_size}), got {tuple(x.shape)}")
    dtypes = {p.dtype for p in network.parameters()} or {x.dtype}
    if x.dtype not in dtypes and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"x must have the dtype of the weights, {dtypes}, got {x.dtype}")


def _check_device(device: str | torch.device | None) -> torch.device:
    device = default_device() if device is None else device
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device must be a name or a torch.device, got {device!r}")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device must be one that torch finds here, such as {str(default_device())!r}, "
            f"got {str(device)!r}: {error}"
        ) from error


def _check_examples(x: Tensor, labels: Tensor, name: str) -> None:
    for value in (x, labels):
        check_kind(value, Tensor, name, "torch tensors (see torch.as_tensor)")
        if value.requires_grad:
            raise ValueError(
                f"{name} must be data, got a tensor that requires a gradient: nothing is trained "
                "but the module; pass tensor.detach()"
            )
    if x.ndim == 0 or labels.ndim == 0 or len(x) != len(labels) or len(x) == 0:
        raise ValueError(
            f"{name} must hold the same number of examples, at least one; got shapes "
            f"{tuple(x.shape)} and {tuple(labels.shape)}"
        )


# --- linear layers, in order ----------------------------------------------------------------------


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
    registered, order = _linear_layers(module), list[nn.Linear]()
    # Far out as well, where an activation such as ReLU6 is not the one that it looks like.
    scales = np.repeat([1.0, 30.0, 1000.0], 16)[:, np.newaxis]
    for size in dict.fromkeys(layer.in_features for layer in registered):
        x = torch.from_numpy(scales * np.random.default_rng(0).normal(size=(len(scales), size)))
        order.clear()
        with suppress(Exception), torch.no_grad():
            twin = twin_of(module).to("cpu", torch.float64).eval()
            for copied, layer in zip(_linear_layers(twin), registered, strict=True):
                copied.register_forward_hook(lambda *_, layer=layer: order.append(layer))
            outputs = twin(x)
            return order or registered, (x, outputs)
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
    check_kind(module, nn.Module, "module", "a torch.nn.Module")
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]


def _check_layers(net: MLP, linear: list[nn.Linear]) -> None:
    here = [(layer.out_features, layer.in_features) for layer in linear]
    there = [weight.shape for weight in net.weights]
    if here != there or any(layer.bias is None for layer in linear):
        raise ValueError(
            f"the linear layers of module do not form a chain with weights of shapes {there}, each "
            f"with a bias; got {here}. Layers in a plain list are not seen: see check_registered"
        )
