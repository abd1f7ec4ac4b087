"""What a torch module and its loss must stand before the first step, and without a trace.

A step that fails after others leaves half a training behind, and some mistakes fail at none: torch
takes a loss that is a sum, labels that broadcast, a label -100. Here they are found on a copy.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from itertools import permutations
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nnlib.training import NotFiniteError

TorchLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]


class _DetachedCopies(TorchFunctionMode):
    """Lets ``deepcopy`` copy the results of a run, which a module may keep: without their graph."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__deepcopy__ and not args[0].is_leaf:
            return args[0].detach().clone()
        return func(*args, **(kwargs or {}))


def twin_of(module: nn.Module) -> nn.Module:
    """Return a copy to try things with: whatever changes in it, the module stays as it is."""
    with _DetachedCopies():
        return deepcopy(module)


def batch_sizes(examples: int, batch_size: int, epochs: int) -> list[int]:
    """Return sizes of batches to try: each that occurs, and two where there are two steps."""
    batch_size = min(batch_size, examples)
    sizes = [batch_size, examples % batch_size or batch_size]
    return sizes[: epochs * -(-examples // batch_size)]


def try_out(
    module: nn.Module,
    descent: Callable[[nn.Module], Callable[[Tensor], float]],
    loss: TorchLoss,
    x: Tensor,
    labels: Tensor,
    held_out: list[Tensor],
    sizes: list[int],
) -> None:
    """Raise unless a copy of the module can take every kind of step.

    What fails only in training mode, in the smaller last batch or at the second step must not wait
    until weights have moved.
    """
    with torch.random.fork_rng([x.device] if x.device.type == "cuda" else []):
        twin = twin_of(module)
        _try_labels("x and labels", twin.eval(), loss, max(sizes, default=1), x, labels)
        if held_out:
            _try_labels("validation x and labels", twin, loss, len(held_out[0]), *held_out)
        step = descent(twin.train())
        for size in sizes:
            with _told(x[:size], labels[:size], "x and labels"), suppress(NotFiniteError):
                step(torch.arange(size, device=x.device))


def _try_labels(
    name: str, twin: nn.Module, loss: TorchLoss, batch_size: int, x: Tensor, labels: Tensor
) -> None:
    """Raise unless the module takes the first examples, and the loss all labels."""
    with _told(x, labels, name), torch.no_grad():
        logits = twin(x[:2].clone())
        if not isinstance(logits, Tensor) or logits.shape[:1] != x[:2].shape[:1]:
            return  # what only the loss can judge
        if loss is nn.functional.cross_entropy:
            _check_classes(logits, labels)
    for some in labels.split(batch_size):
        outputs = logits[:1].repeat_interleave(len(some), dim=0).requires_grad_()
        with _told(x, labels, name), warnings.catch_warnings(), _NoBroadcast():
            warnings.filterwarnings("error", "Using a target size", UserWarning)
            value = loss(outputs, some.clone())
        check_one_number(value)
    _check_mean(loss, logits[:1], labels[:1])


@contextmanager
def _told(x: Tensor, labels: Tensor, name: str) -> Iterator[None]:
    """Turn what the module or the loss raises into a ValueError that says for which arguments."""
    try:
        yield
    except (IndexError, RuntimeError, TypeError, UserWarning, ValueError) as error:
        raise ValueError(
            f"{name} must be what module and loss take, got {x.dtype} of shape {tuple(x.shape)} "
            f"and {labels.dtype} of shape {tuple(labels.shape)}: {error}"
        ) from error


def check_one_number(value: object) -> None:
    if not isinstance(value, Tensor) or value.ndim:
        raise TypeError(f"loss must return a tensor with one number, got {value!r}")


def _check_mean(loss: TorchLoss, output: Tensor, label: Tensor) -> None:
    """Raise ValueError if a loss is twice as large for twice as many examples: a sum is no mean."""
    values = []
    with suppress(Exception), torch.no_grad():  # a loss may take no other number of examples
        for n in (2, 4):
            values.append(loss(*(t.repeat_interleave(n, dim=0) for t in (output, label))).item())
    once, twice = values if len(values) == 2 else (0.0, 0.0)
    if 0 < abs(once) < math.inf and math.isclose(twice, 2 * once, rel_tol=1e-5):
        raise ValueError(
            "loss must be the mean over the batch, but of twice as many examples it is twice as "
            "large; divide by their number, or leave out reduction='sum'"
        )


def _check_classes(logits: Tensor, labels: Tensor) -> None:
    """Raise for what cross-entropy takes without a word: a label -100, or no distribution."""
    if logits.ndim < 2:
        raise ValueError(f"logits must be of shape (examples, classes), got {tuple(logits.shape)}")
    soft, classes = labels.is_floating_point(), logits.shape[1]
    if soft and labels.shape[1:] == logits.shape[1:]:
        rows = labels.movedim(1, -1)
        off = (rows < 0).any(dim=-1) | ((rows.sum(dim=-1) - 1).abs() > 1e-3)
        if off.any():
            raise ValueError(f"labels must be rows that sum to 1, got {rows[off][0].tolist()}")
    if not soft and labels.shape[1:] == logits.shape[2:]:
        wrong = labels[(labels < 0) | (labels >= classes)]
        if len(wrong):
            expected = f"labels must lie in 0..{classes - 1}"
            raise IndexError(f"Target {wrong[0]} is out of bounds, {expected}")


class _NoBroadcast(TorchFunctionMode):
    """Refuses outputs and labels of shapes such as (n, 1) and (n,), where each meets all others."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [a for a in (*args, *(kwargs or {}).values()) if isinstance(a, Tensor)]
        for output, label in permutations(tensors, 2):
            if output.requires_grad and not label.requires_grad:
                self._check(output, label, getattr(result, "shape", None))
        return result

    def _check(self, output: Tensor, label: Tensor, of_result: object) -> None:
        shapes = tuple(output.shape), tuple(label.shape)
        with suppress(RuntimeError):  # of shapes that do not go together
            both = torch.broadcast_shapes(*shapes)
            # Only where both grow, and in a function of each pair (or its mean, of real targets).
            of_pairs = of_result == both or (of_result == () and label.is_floating_point())
            if both not in shapes and of_pairs:
                raise ValueError(
                    f"loss broadcasts outputs of shape {shapes[0]} against labels of shape "
                    f"{shapes[1]}, each of them with all others; give labels the shape of the "
                    "outputs, or the loss outputs.squeeze(-1)"
                )
