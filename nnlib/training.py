r"""Training: mini-batch gradient descent with momentum.

A step takes the gradient :math:`\nabla` of the mean loss of a batch and moves all parameters
:math:`\theta` by

.. math:: v \leftarrow \mu v + \nabla, \qquad \theta \leftarrow \theta - \eta v,

with learning rate :math:`\eta` and momentum :math:`\mu`, as ``torch.optim.SGD`` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlib._arrays import (
    FloatArray,
    as_array,
    as_generator,
    as_number,
    as_rows,
    check_count,
    check_kind,
    is_one_hot,
    quietly,
)
from nnlib.losses import Loss, accuracy, softmax_cross_entropy
from nnlib.mlp import MLP


@dataclass
class History:
    """What :func:`fit` saw, an entry per epoch; ``nnlib.plots.history(h)`` draws it.

    Attributes
    ----------
    loss : list of float
        Mean training loss over the epoch, while the weights were moving.
    validation_loss : list of float
        Mean loss on the validation data after the epoch; empty without validation data.
    validation_accuracy : list of float
        Share of right predictions after the epoch; empty unless labels are indices or one-hot rows
        of two or more classes, each with a score.
    steps : int
        Number of updates taken.
    interrupted : bool
        Whether training was stopped from the keyboard.

    Examples
    --------
    >>> from nnlib import MLP, fit
    >>> net = MLP([1, 2], rng=0)
    >>> history = fit(net, [[0.0], [1.0]], [0, 1], epochs=3, learning_rate=0.1, rng=0)
    >>> len(history.loss), history.steps, history.interrupted
    (3, 3, False)
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    steps: int = 0
    interrupted: bool = False


class DivergenceError(FloatingPointError):
    """Training met a loss or a weight that is not finite.

    The network keeps the weights of the last step at which everything was finite.

    Attributes
    ----------
    step : int
        The step (from 1) that was not taken.
    history : History
        What was seen until then.

    Examples
    --------
    >>> from nnlib import DivergenceError, MLP, fit
    >>> try:
    ...     fit(MLP([1, 2], rng=0), [[float("inf")]], [0], epochs=1, learning_rate=0.1)
    ... except DivergenceError as error:
    ...     print(error.step, len(error.history.loss))
    1 0
    """

    def __init__(self, what: str, step: int, epoch: int, learning_rate: float, history: History):
        # Exceptions are pickled by their arguments: a worker process can send this one home.
        super().__init__(what, step, epoch, learning_rate, history)
        self.step = step
        self.history = history

    def __str__(self) -> str:
        what, step, epoch, learning_rate, _ = self.args
        return (
            f"{what} was not finite at step {step} (epoch {epoch}); training stopped and the "
            "network keeps its last finite weights. Usual causes: a learning rate that is too "
            f"large (it is {learning_rate:g}; try a tenth), inputs that are not scaled to about "
            "[-1, 1], or NaN and inf among the data."
        )


class NotFiniteError(Exception):
    """What was not finite, so that the step was not taken."""


def take_steps(
    step: Callable[[Any], float],
    order: Callable[[], Any],
    measure: Callable[[], tuple[float, ...]],
    epochs: Iterable[int],
    batch_size: int,
    learning_rate: float,
) -> History:
    """Take a step on every batch of every epoch: what :func:`fit` and ``pytorch.train`` share.

    Parameters
    ----------
    step : callable
        Takes a step on the examples of these indices and returns their mean loss, or raises
        :class:`NotFiniteError` and takes none.
    order : callable
        Returns the indices of all examples, in the order of the next epoch.
    measure : callable
        Returns, after an epoch, the validation loss and accuracy, or what there is of them.
    epochs : iterable of int
    batch_size : int
    learning_rate : float
        For the words on divergence.
    """
    history = History()
    try:
        for epoch in epochs:
            indices, total = order(), 0.0
            for start in range(0, len(indices), batch_size):
                batch = indices[start : start + batch_size]
                try:
                    total += step(batch) * len(batch)
                except NotFiniteError as error:
                    raise DivergenceError(
                        str(error), history.steps + 1, epoch, learning_rate, history
                    ) from None
                history.steps += 1
            # () or (loss,) or (loss, accuracy). Measured first and entered together: Ctrl-C while
            # measuring leaves lists of one length.
            measured = measure()
            history.loss.append(total / len(indices))
            history.validation_loss.extend(measured[:1])
            history.validation_accuracy.extend(measured[1:])
    except KeyboardInterrupt:
        history.interrupted = True
    return history


class _WeightBound:
    """An upper bound on the size of all weights: the first largest, plus the lengths of all steps.

    No weight moves by more than the length of a step. Half of the largest float is left for
    rounding.
    """

    def __init__(self, net: MLP) -> None:
        self._net = net
        self._bound = float(np.abs(net.theta).max())
        self._limit = float(np.finfo(net.dtype).max) / 2

    def check(self, change: FloatArray) -> None:
        """Raise NotFiniteError if a weight would not be finite after this change."""
        # One pass over the change; only where its length may be too much, over all weights too.
        self._bound += math.sqrt(np.dot(change, change))
        if not self._bound < self._limit:  # or it is NaN
            self._bound = float(np.abs(self._net.theta - change).max())
            if not math.isfinite(self._bound):
                raise NotFiniteError("a weight")


def make_step(
    net: MLP,
    x: FloatArray,
    labels: NDArray[Any],
    loss: Loss,
    learning_rate: float,
    momentum: float,
) -> Callable[[NDArray[np.intp]], float]:
    """Return the step of :func:`fit`: it updates `net` on the batch that has these indices.

    It returns the mean loss of the batch.
    """
    velocity, bound = np.zeros_like(net.theta), _WeightBound(net)

    def step(batch: NDArray[np.intp]) -> float:
        nonlocal velocity
        scores = net.forward(x[batch])
        value, gradient = loss.value_and_gradient(scores, labels[batch], "mean")
        if not math.isfinite(value):
            raise NotFiniteError("the loss")
        velocity *= momentum  # v <- mu v + nabla, the gradient in theta
        velocity += net.backward(gradient).theta
        change = learning_rate * velocity
        bound.check(change)
        net.theta -= change  # theta <- theta - eta v
        return float(value)

    return step


# Overflow ends in DivergenceError, which says more than NumPy's warning.
@quietly
def fit(
    net: MLP,
    x: ArrayLike,
    labels: ArrayLike,
    loss: Loss = softmax_cross_entropy,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int = 32,
    momentum: float = 0.0,
    rng: np.random.Generator | int | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    progress: bool = False,
) -> History:
    r"""Train a network in place by mini-batch gradient descent.

    Parameters
    ----------
    net : MLP
        The network; its weights are changed.
    x : array_like, shape (examples, inputs)
    labels : array_like, shape (examples,) or (examples, outputs)
        What `loss` takes beside the scores.
    loss : Loss, default softmax_cross_entropy
    epochs : int
        How often to go through all examples.
    learning_rate : float
        The step size :math:`\eta > 0`.
    batch_size : int, default 32
        Examples in a step; the last batch of an epoch may have fewer.
    momentum : float, default 0
        :math:`\mu` in [0, 1).
    rng : numpy.random.Generator, int or None
        Source of the order of the examples, drawn anew for every epoch.
    validation : tuple (x, labels), optional
        Data to measure after every epoch and never train on.
    progress : bool, default False
        Show a progress bar (needs tqdm).

    Returns
    -------
    History
        Losses per epoch. After Ctrl-C it holds the epochs completed so far, ``interrupted`` is
        True, and the network keeps its weights.

    Raises
    ------
    DivergenceError
        If the loss of a batch or a weight becomes inf or NaN. The last finite weights stay.
    TypeError, ValueError
        If an argument does not fit; nothing was changed then.

    See Also
    --------
    nnlib.pytorch.train : The same for PyTorch modules.
    torch.optim.SGD

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import MLP, fit
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> net = MLP([2, 8, 2], rng=0)
    >>> history = fit(net, x, [0, 1, 1, 0], epochs=200, learning_rate=0.5, batch_size=4, rng=0)
    >>> history.loss[-1] < 0.1 < history.loss[0]
    True
    >>> net.predict(x)
    array([0, 1, 1, 0])
    """
    check_kind(net, MLP, "net", "an nnlib.MLP")
    if not isinstance(loss, Loss):
        raise TypeError(f"loss must be one of nnlib's losses, got {loss!r}")
    epochs, learning_rate, batch_size, momentum = as_settings(
        epochs, learning_rate, batch_size, momentum
    )
    check_kind(progress, (bool, np.bool_), "progress", "True or False")
    inputs, targets = _prepare_data(net, loss, x, labels)
    held_out = None if validation is None else _held_out(net, loss, validation)
    generator = as_generator(rng)
    # make_step holds what is done with a batch, take_steps goes through epochs and batches.
    step = make_step(net, inputs, targets, loss, learning_rate, momentum)
    return take_steps(
        step,
        order=lambda: generator.permutation(len(inputs)),
        measure=lambda: () if held_out is None else _validation_metrics(net, loss, *held_out),
        epochs=_with_progress(range(1, epochs + 1), progress),
        batch_size=batch_size,
        learning_rate=learning_rate,
    )


def _validation_metrics(
    net: MLP, loss: Loss, x: FloatArray, labels: NDArray[Any]
) -> tuple[float, ...]:
    """Return the mean loss and, where labels say which class is right, the accuracy."""
    scores = net(x)
    value = float(loss(scores, labels, "mean"))
    _, labels = loss.prepare(scores, labels)
    if not are_classes(labels, scores):
        return (value,)
    return value, accuracy(scores, labels)


def are_classes(labels: NDArray[Any], scores: FloatArray) -> bool:
    """Return whether labels are indices or one-hot rows: a loss of one's own may take others."""
    classes = scores.shape[-1]
    if classes < 2:
        return False
    if labels.ndim == 1:
        return labels.dtype.kind in "ui" and bool(((labels >= 0) & (labels < classes)).all())
    return labels.shape == scores.shape and bool(is_one_hot(labels).all())


def _held_out(
    net: MLP, loss: Loss, validation: tuple[ArrayLike, ArrayLike]
) -> tuple[FloatArray, NDArray[Any]]:
    """Check and convert the validation data."""
    if not isinstance(validation, tuple):
        raise TypeError(f"validation must be a tuple (x, labels), got {type(validation).__name__}")
    if len(validation) != 2:
        raise ValueError(f"validation must be a pair (x, labels), got {len(validation)} items")
    try:
        return _prepare_data(net, loss, *validation)
    except (TypeError, ValueError) as error:  # of its x or its labels
        raise type(error)(f"validation {error}") from error


def _prepare_data(
    net: MLP, loss: Loss, x: ArrayLike, labels: ArrayLike
) -> tuple[FloatArray, NDArray[Any]]:
    """Check and convert the data once, before the first step."""
    rows, leading = as_rows(x, net.layer_sizes[0], net.dtype)
    if len(leading) != 1 or len(rows) == 0:
        raise ValueError(
            f"x must have shape (examples, {net.layer_sizes[0]}) with at least one example, "
            f"got {np.shape(x)}"
        )
    loss.prepare(np.zeros((len(rows), net.layer_sizes[-1]), net.dtype), labels)
    # That was for its errors alone. The labels go on as they came: the loss converts those of every
    # batch, and one of a reader's own may not take what it has converted already.
    return rows, as_array(labels, "labels")


def as_settings(
    epochs: int, learning_rate: float, batch_size: int, momentum: float
) -> tuple[int, float, int, float]:
    """Return the settings of gradient descent as Python's numbers, or raise for one it cannot use.

    They neither wrap around as NumPy's small integers do, nor lift float32 weights to float64 as
    numpy.float64 does.
    """
    rate, mu = as_number(learning_rate, "learning_rate"), as_number(momentum, "momentum")
    if not 0 < rate < math.inf:
        raise ValueError(f"learning_rate must be positive and finite, got {learning_rate}")
    if not 0 <= mu < 1:
        raise ValueError(f"momentum must lie in [0, 1), got {momentum}")
    return check_count(epochs, "epochs", least=0), rate, check_count(batch_size, "batch_size"), mu


def _with_progress(epochs: Iterable[int], progress: bool) -> Iterable[int]:
    if not progress:
        return epochs
    from tqdm.auto import tqdm

    shown: Iterable[int] = tqdm(epochs, unit="epoch")
    return shown
