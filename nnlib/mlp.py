r"""Multilayer perceptrons: forward, backward, and the numbers that they start from.

Layer :math:`i` takes :math:`a_{i-1}` to :math:`a_i = \sigma(W_i a_{i-1} + b_i)`;
the last layer has no activation and returns scores. Data come batch first: a row of `x` is one
example, and a batch goes through a layer as ``a @ W.T + b``, with ``W`` of shape (out, in) as in
PyTorch.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import nullcontext
from copy import copy
from functools import lru_cache
from itertools import pairwise
from operator import index
from os import PathLike, fspath, getpid
from pathlib import Path
from typing import Any, BinaryIO, SupportsIndex
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nnlib._arrays import (
    FloatArray,
    as_float,
    as_generator,
    as_layer_sizes,
    as_rows,
    check_kind,
    quietly,
)
from nnlib._diagram import network_svg
from nnlib.activations import ACTIVATIONS, Activation, evaluate, get_activation
from nnlib.probability import softmax


class _Views(tuple[FloatArray, ...]):
    """Arrays that share the memory of one vector: what is assigned to an entry is copied in."""

    __slots__ = ()

    def __setitem__(self, i: SupportsIndex, values: ArrayLike) -> None:
        view = self[index(i)]
        view[...] = _of_shape(view.shape, values, f"entry {i}")


@lru_cache
def _lay_out(layer_sizes: tuple[int, ...]) -> list[tuple[slice, slice, tuple[int, int]]]:
    """Return where in one vector each layer's weight and bias lie, and the weight's shape."""
    places, start = [], 0
    for n_in, n_out in pairwise(layer_sizes):
        end = start + n_out * n_in
        places.append((slice(start, end), slice(end, end + n_out), (n_out, n_in)))
        start = end + n_out
    return places


class _Parameters:
    """Weights and biases of every layer: views into one flat vector `theta`.

    One vector makes an update, a norm or a finite check one operation, however deep the network.
    """

    layer_sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    theta: FloatArray
    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    def __init__(self, layer_sizes: Sequence[int], dtype: DTypeLike) -> None:
        sizes, checked = as_layer_sizes(layer_sizes), _check_dtype(dtype)
        size = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(sizes))
        vars(self).update(layer_sizes=sizes, dtype=checked, theta=np.zeros(size, checked))
        self._make_views()

    def _make_views(self) -> None:
        theta, places = self.theta, _lay_out(self.layer_sizes)
        attributes = vars(self)
        attributes["weights"] = _Views(
            [theta[weight].reshape(shape) for weight, _, shape in places]
        )
        attributes["biases"] = _Views([theta[bias] for _, bias, _ in places])

    # An array put in the place of theta or of its views would be one that nothing else sees: its
    # numbers are copied in. What theta was laid out for cannot change, and a misspelled name must
    # not pass for one of these.
    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self).__name__
        if name == "theta":
            if value is not self.theta:  # as it is after net.theta -= ...
                self.theta[...] = _of_shape(self.theta.shape, value, name)
        elif name in ("weights", "biases"):
            self._copy_in(name, value)
        elif name in ("layer_sizes", "dtype", "activation") and hasattr(self, name):
            raise AttributeError(f"{name} of the {kind} is fixed, got {value!r}; make a new {kind}")
        elif self._is_known(name):
            super().__setattr__(name, value)
        else:
            known = sorted(n for n in self._names() if not n.startswith("_"))
            raise AttributeError(f"{kind} has no attribute {name!r}; it has {', '.join(known)}")

    def _copy_in(self, name: str, values: Sequence[ArrayLike]) -> None:
        views = getattr(self, name)
        if values is views:  # after net.weights[0] -= ...
            return
        if not hasattr(values, "__len__"):
            raise TypeError(f"{name} must be {len(views)} arrays, got {type(values).__name__}")
        if len(values) != len(views):
            raise ValueError(f"{name} must be {len(views)} arrays, got {len(values)}")
        # All are looked at before any is changed, and copied: they may be views of theta too.
        shapes = [view.shape for view in views]
        named = [f"{name}[{i}]" for i in range(len(views))]
        new = [_of_shape(*checked).copy() for checked in zip(shapes, values, named, strict=True)]
        for view, array in zip(views, new, strict=True):
            view[...] = array

    @classmethod
    def _names(cls) -> set[str]:
        """Return the names of all attributes that are declared."""
        return {name for base in cls.__mro__ for name in getattr(base, "__annotations__", ())}

    def _is_known(self, name: str) -> bool:
        cls = type(self)
        # A subclass of one's own has attributes of its own.
        of_ones_own = cls.__module__ != __name__
        return name in vars(self) or of_ones_own or hasattr(cls, name) or name in self._names()

    # A copied or unpickled view would be an array of its own, which no update of theta reaches:
    # copies take the numbers of theta, which may lie in memory that is shared or cannot be written,
    # and lay the views anew.
    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("weights", "biases")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, theta=np.array(state["theta"]))
        self._make_views()


class Gradients(_Parameters):
    """Gradients of a scalar in every parameter of an :class:`MLP`.

    Attributes
    ----------
    weights : tuple of ndarray, shapes (out, in)
        The gradient in each layer's weight.
    biases : tuple of ndarray, shapes (out,)
        The gradient in each layer's bias.
    theta : ndarray, shape (n_parameters,)
        The same numbers in one vector, of which the others are views.
    inputs : ndarray
        The gradient in the inputs, of their shape; only if :meth:`MLP.backward` was asked for it.

    Examples
    --------
    >>> from nnlib import MLP
    >>> net = MLP([2, 1], rng=0)
    >>> _ = net.forward([[1.0, 2.0]])
    >>> gradients = net.backward([[1.0]])
    >>> gradients.weights[0], gradients.biases[0]
    (array([[1., 2.]]), array([1.]))
    """

    inputs: FloatArray

    @classmethod
    def _like(cls, parameters: _Parameters) -> Gradients:
        """Return gradients, not yet filled, of the shapes of these parameters."""
        gradients = cls.__new__(cls)
        attributes = vars(gradients)
        attributes["layer_sizes"], attributes["dtype"] = parameters.layer_sizes, parameters.dtype
        attributes["theta"] = np.empty_like(parameters.theta)
        gradients._make_views()
        return gradients

    def __getattr__(self, name: str) -> Any:
        cure = "; ask for it: net.backward(gradient, inputs=True)" if name == "inputs" else ""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{cure}")


class MLP(_Parameters):
    r"""Multilayer perceptron: linear layers with one activation between them.

    .. math:: a_0 = x, \qquad a_i = \sigma(W_i a_{i-1} + b_i), \qquad
              s = W_L a_{L-1} + b_L

    Parameters
    ----------
    layer_sizes : sequence of int
        Numbers of inputs, of units in each hidden layer, and of outputs: at least two.
    activation : str or Activation, default "relu"
        Between the layers; the outputs are scores, without an activation.
    rng : numpy.random.Generator, int or None
        Source of the first weights: a generator, a seed, or None for fresh randomness.
    dtype : {numpy.float64, numpy.float32}
        Of all parameters and results.

    Attributes
    ----------
    layer_sizes : tuple of int
    activation : Activation
        Fixed, as are the sizes and the dtype.
    weights : tuple of ndarray, shapes (out, in)
    biases : tuple of ndarray, shapes (out,)
    theta : ndarray, shape (n_parameters,)
        All parameters in one vector, layer by layer, of which the others are views. What is
        assigned is copied in: ``net.weights[0] = w``, ``net.biases = list_of_b`` and
        ``net.theta -= step`` change the network's own numbers.

    Raises
    ------
    TypeError
        If the sizes are not integers, or the dtype is neither float32 nor float64.
    ValueError
        If there are fewer than two sizes, one is below 1, or the activation is unknown.

    Notes
    -----
    Biases start at 0. Weights are drawn from a normal distribution with mean 0 and variance

    - 2 / in ("he") before ReLU and its kin, which let about half of the signal pass
      (He et al., 2015);
    - 2 / (in + out) ("glorot") before sigmoid, tanh and the identity (Glorot and Bengio, 2010),

    so that neither the signal nor the gradient grows or shrinks much from layer to layer through
    ReLU, tanh and the identity. Through sigmoids the gradient shrinks all the same.

    See Also
    --------
    nnlib.pytorch.from_mlp : The same network in PyTorch.
    sklearn.neural_network.MLPClassifier

    Examples
    --------
    >>> from nnlib import MLP
    >>> net = MLP([2, 10, 3], activation="relu", rng=0)
    >>> net
    MLP(2 -> 10 -> 3, activation=relu, dtype=float64)
      layer 1: linear 2 -> 10, then relu    30 parameters
      layer 2: linear 10 -> 3               33 parameters
      total                                 63 parameters
    >>> net([[1.0, 1.0], [1.0, 0.0]]).shape
    (2, 3)
    """

    activation: Activation
    _last_forward: tuple[list[FloatArray], list[FloatArray], tuple[int, ...]] | None

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str | Activation = "relu",
        *,
        rng: np.random.Generator | int | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.activation = get_activation(activation)
        super().__init__(layer_sizes, dtype)
        self._initialize(as_generator(rng))
        self._last_forward = None

    def _initialize(self, rng: np.random.Generator) -> None:
        for weight in self.weights:
            n_out, n_in = weight.shape
            fan = n_in if self.activation.initialization == "he" else n_in + n_out
            weight[...] = rng.normal(0.0, np.sqrt(2 / fan), size=weight.shape)

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        return self.theta.size

    def __call__(self, x: ArrayLike) -> FloatArray:
        """Return the scores; remembers nothing.

        Parameters
        ----------
        x : array_like of real numbers, shape (..., inputs)

        Returns
        -------
        ndarray, shape (..., outputs)

        Raises
        ------
        TypeError
            If `x` does not hold real numbers.
        ValueError
            If its last axis has not as many entries as the network has inputs.
        """
        return self.layer_outputs(x)[-1]

    @quietly
    def layer_outputs(self, x: ArrayLike) -> list[FloatArray]:
        """Return ``[a_0, a_1, ..., scores]``: the inputs and what each layer makes of them.

        Parameters and errors as for calling the network.

        Returns
        -------
        list of ndarray
            One array of shape (..., units) for the inputs and for each layer.
        """
        rows, leading = as_rows(x, self.layer_sizes[0], self.dtype)
        outputs, _ = self._propagate(rows)
        return [a.reshape(*leading, a.shape[-1]) for a in outputs]

    @quietly
    def forward(self, x: ArrayLike) -> FloatArray:
        """Return the scores and remember what :meth:`backward` needs.

        Nothing is copied: leave `x` and the parameters as they are until :meth:`backward`.
        Parameters, returns and errors as for calling the network.
        """
        rows, leading = as_rows(x, self.layer_sizes[0], self.dtype)
        outputs, preactivations = self._propagate(rows)
        scores = outputs[-1].reshape(*leading, self.layer_sizes[-1])
        self._last_forward = outputs, preactivations, scores.shape
        return scores

    @quietly
    def backward(self, gradient: ArrayLike, *, inputs: bool = False) -> Gradients:
        r"""Return the gradients of a loss from its gradient in the scores of the last forward pass.

        With :math:`\delta_L` the gradient in the scores of a batch (rows are examples),

        .. math:: \nabla_{W_i} = \delta_i^\top a_{i-1}, \qquad
                  \nabla_{b_i} = \textstyle\sum_{\text{rows}} \delta_i, \qquad
                  \delta_{i-1} = (\delta_i W_i) \odot \sigma'(z_{i-1}),

        where :math:`z_i = W_i a_{i-1} + b_i`; that of the inputs has no factor :math:`\sigma'`.

        Parameters
        ----------
        gradient : array_like, shape (..., outputs)
            Gradient of a scalar in the scores that the last :meth:`forward` returned.
        inputs : bool, default False
            Whether to go on to the inputs, which training does not need.

        Returns
        -------
        Gradients
            In every weight and bias, summed over the examples, and on request in the inputs.

        Raises
        ------
        RuntimeError
            If there was no forward pass.
        TypeError
            If `gradient` does not hold real numbers, or `inputs` is neither True nor False.
        ValueError
            If the shape is not that of the scores.

        Examples
        --------
        >>> from nnlib import MLP, softmax_cross_entropy
        >>> net = MLP([2, 3], rng=0)
        >>> scores = net.forward([[1.0, 2.0]])
        >>> gradients = net.backward(softmax_cross_entropy.gradient(scores, [0]))
        >>> gradients.weights[0].shape
        (3, 2)
        """
        outputs, preactivations, delta = self._begin_backward(gradient, inputs)
        gradients = Gradients._like(self)
        # weights[i] is W_(i+1); outputs[i] and preactivations[i] are a_i and z_i. A turn begins
        # with delta_(i+1); what it writes into the views stands in gradients.theta.
        for i in reversed(range(len(self.weights))):
            np.matmul(delta.T, outputs[i], out=gradients.weights[i])
            np.add.reduce(delta, axis=0, out=gradients.biases[i])
            if i > 0 or inputs:
                delta = delta @ self.weights[i]
            if i > 0:  # The inputs have no activation before them.
                delta *= evaluate(self.activation, "slope", preactivations[i])
        if inputs:
            gradients.inputs = delta.reshape(*np.shape(gradient)[:-1], self.layer_sizes[0])
        return gradients

    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """Return the softmax of the scores, shape (..., outputs); errors as for calling."""
        return softmax(self(x))

    def predict(self, x: ArrayLike) -> NDArray[np.intp]:
        """Return the class of the (first) largest score, shape (...).

        Parameters and errors as for calling the network, and ValueError where a score is NaN, since
        no class can say so, and for a single output, which leaves no choice.
        """
        if self.layer_sizes[-1] == 1:
            raise ValueError(
                "predict must have two or more outputs, got 1: of a single score take net(x), and "
                "its sign for two classes"
            )
        scores = self(x)
        undefined = np.isnan(scores).any(axis=-1)
        if undefined.any():
            raise ValueError(
                f"predict must have scores to compare, got NaN for {np.count_nonzero(undefined)} "
                f"of {undefined.size} examples in x: look for NaN and inf in x and in theta"
            )
        return np.asarray(scores.argmax(axis=-1))[()]

    def __repr__(self) -> str:
        sizes = " -> ".join(map(str, self.layer_sizes))
        rows = [
            (f"  layer {i}: linear {n_in} -> {n_out}", n_out * (n_in + 1))
            for i, (n_in, n_out) in enumerate(pairwise(self.layer_sizes), start=1)
        ]
        rows = [(f"{text}, then {self.activation.name}", n) for text, n in rows[:-1]] + rows[-1:]
        rows.append(("  total", self.n_parameters))
        text_width = max(len(text) for text, _ in rows)
        count_width = len(f"{self.n_parameters:,}")
        head = f"MLP({sizes}, activation={self.activation.name}, dtype={self.dtype})"
        lines = [f"{text:<{text_width}}    {n:>{count_width},} parameters" for text, n in rows]
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        """Return the network as a diagram, which notebooks show in place of the text."""
        hidden = [f"{size} {self.activation.name}" for size in self.layer_sizes[1:-1]]
        labels = [f"{self.layer_sizes[0]} inputs", *hidden, f"{self.layer_sizes[-1]} scores"]
        title = f"Network with {self.n_parameters:,} parameters"
        return network_svg(self.layer_sizes, labels, title, ", then ".join(labels))

    def copy(self) -> MLP:
        """Return a network of the same sizes and weights that shares no memory with this one.

        Examples
        --------
        >>> from nnlib import MLP
        >>> net = MLP([2, 3], rng=0)
        >>> other = net.copy()
        >>> other.theta[:] = 0
        >>> bool(net.theta.any())
        True
        """
        return copy(self)

    def save(self, file: str | PathLike[str] | BinaryIO) -> None:
        """Write sizes, activation and weights to an ``.npz`` file, which :meth:`load` reads.

        Parameters
        ----------
        file : path or binary file
            A path without the ending ``.npz`` gets it, as ``numpy.savez`` does.

        Raises
        ------
        TypeError
            If `file` is neither.
        ValueError
            If the activation is not one of :data:`~nnlib.activations.ACTIVATIONS`: its name alone
            could not bring it back.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import io
        >>> from nnlib import MLP
        >>> net, file = MLP([2, 10, 3], "tanh", rng=0), io.BytesIO()
        >>> net.save(file)
        >>> _ = file.seek(0)
        >>> bool((MLP.load(file).theta == net.theta).all())
        True
        """
        _check_file(file, "write")
        name = self.activation.name
        if ACTIVATIONS.get(name) != self.activation:
            raise ValueError(
                f"only a network with one of nnlib's own activations can be saved, got "
                f"{self.activation!r}; save net.theta with numpy.save instead"
            )
        data = io.BytesIO()  # some files, as those of gzip, cannot go back while they are written
        np.savez(data, layer_sizes=self.layer_sizes, activation=name, theta=self.theta)
        if isinstance(file, (str, PathLike)):
            _replace(Path(_with_ending(file)), data.getvalue())
        else:
            file.write(data.getvalue())

    @classmethod
    def load(cls, file: str | PathLike[str] | BinaryIO) -> MLP:
        """Read a network that :meth:`save` wrote; nothing in the file is executed.

        Parameters
        ----------
        file : path or binary file
            A path as it was given to :meth:`save`, with or without the ending ``.npz``.

        Returns
        -------
        MLP

        Raises
        ------
        TypeError
            If `file` is neither.
        ValueError
            If the file does not hold such a network.
        OSError
            If the file cannot be read.
        """
        _check_file(file, "read")
        wrong = "the file does not hold a network saved by MLP.save"
        try:
            # np.load leaves a file that it cannot read open: open it here.
            opened = nullcontext(file) if hasattr(file, "read") else open(_saved(file), "rb")  # noqa: SIM115
            with opened as binary, np.load(binary, allow_pickle=False) as stored:
                sizes, name, theta = (stored[k] for k in ("layer_sizes", "activation", "theta"))
            net = cls([int(size) for size in sizes], str(name), rng=0, dtype=theta.dtype)
        except (KeyError, ValueError, TypeError, AttributeError, BadZipFile, EOFError) as error:
            raise ValueError(f"{wrong}: {error}") from error
        if theta.shape != net.theta.shape:
            raise ValueError(f"{wrong}: {net.theta.shape} weights expected, got {theta.shape}")
        net.theta[...] = theta
        return net

    def _begin_backward(
        self, gradient: ArrayLike, inputs: bool
    ) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """Check the arguments; return what the forward pass kept, and the gradient as rows."""
        if self._last_forward is None:
            raise RuntimeError("backward needs a forward pass first: call net.forward(x)")
        check_kind(inputs, (bool, np.bool_), "inputs", "True or False")
        outputs, preactivations, shape = self._last_forward
        delta = np.asarray(as_float(gradient, "gradient"), self.dtype)
        if delta.shape != shape:
            raise ValueError(
                f"gradient must have the shape {shape} of the scores of the last forward pass, "
                f"got {delta.shape}"
            )
        return outputs, preactivations, delta.reshape(-1, shape[-1])

    def _propagate(self, a: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Return every layer's a, from the inputs to the scores, and each hidden one's z.

        The inputs stand in the place of the first z, so that both lists count layers from 0.
        """
        outputs, preactivations = [a], [a]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = a @ weight.T
            z += bias
            a = evaluate(self.activation, "value", z)
            preactivations.append(z)
            outputs.append(a)
        scores = a @ self.weights[-1].T
        scores += self.biases[-1]
        return [*outputs, scores], preactivations


def _check_file(file: object, method: str) -> None:
    is_path = isinstance(file, (str, PathLike))
    if not (is_path or hasattr(file, method)) or isinstance(file, io.TextIOBase):
        raise TypeError(f"file must be a path or a binary file, got {file!r}")


def _saved(file: str | PathLike[str]) -> str:
    """Return the path of the file that :meth:`MLP.save` has written when given this one."""
    written = _with_ending(file)
    return written if Path(written).exists() else fspath(file)


def _with_ending(file: str | PathLike[str]) -> str:
    path = fspath(file)
    return path if path.endswith(".npz") else path + ".npz"


def _replace(path: Path, data: bytes) -> None:
    """Write a file that takes the place of `path` only once it is whole."""
    part = path.with_name(f"{path.name}.{getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _of_shape(shape: tuple[int, ...], values: ArrayLike, name: str) -> FloatArray:
    array = as_float(values, name)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array


def _check_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    wrong = "dtype must be float32 or float64, got"
    try:
        checked = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{wrong} {dtype!r}") from error
    if checked not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(f"{wrong} {checked}")
    return checked
