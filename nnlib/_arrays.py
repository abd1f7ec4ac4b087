"""What every module asks of its input: real arrays, matching shapes, labels in range.

Each function either returns an array that the mathematics can trust or raises an error that
names the argument, what came and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[Any]
Reduction: TypeAlias = Literal["none", "mean", "sum"]

# For every public function that computes: results are the same whatever np.seterr was told.
quietly = np.errstate(all="ignore")

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
# How far a row of probabilities may be from 1: printed or float32 values are only so exact.
_SUM_TOLERANCE = {_FLOAT32: 1e-4, _FLOAT64: 1e-6}


def as_array(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return `values` as an array of whatever they hold."""
    if type(values) is np.ndarray:
        return values
    _check_meaning(values, name)
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(
            f"{name} must be a rectangular array of real numbers, but its rows differ in length"
        ) from error
    except (TypeError, RuntimeError) as error:  # such as a tensor with a graph, or on a GPU
        raise TypeError(
            f"{name} must be an array, got a {type(values).__name__} NumPy cannot take: {error}"
        ) from error


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view for methods that readers write: what they write into it, raises."""
    view = array.view()
    view.flags.writeable = False
    return view


def as_result(values: ArrayLike, shape: tuple[int, ...], like: FloatArray, name: str) -> FloatArray:
    """Return what a method that a reader wrote made of `like`, in its dtype."""
    array = as_float(values, name)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array.astype(like.dtype)  # a copy: the reader's object may keep the array


def _check_meaning(values: object, name: str) -> None:
    """Raise TypeError where a plain array would lose what `values` say beside their numbers."""
    if isinstance(values, (list, tuple)):
        for value in values:
            _check_meaning(value, name)
    elif isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be a plain array, got a {type(values).__name__}, whose mask would be "
            f"lost; pass {name}.filled(value) or {name}.compressed()"
        )
    elif (
        isinstance(values, np.ndarray)
        # Subclasses whose arithmetic is another, such as quantities with units.
        and type(values).__array_ufunc__ is not np.ndarray.__array_ufunc__
    ):
        raise TypeError(
            f"{name} must be a plain array, got a {type(values).__name__}, whose units or rules "
            f"would be lost; pass numpy.array({name})"
        )


def no_numbers(array: NDArray[Any], what: str, expected: str, kind: str = "float") -> TypeError:
    """Return the error of an array whose dtype is none that was `expected`, and the cure."""
    message = f"{what}, got dtype {array.dtype}; expected {expected}"
    if array.dtype == object and array.ndim == 0 and not isinstance(array.item(), Real):
        message += (
            f". This is a single {type(array.item()).__name__}: of a sparse matrix, pass "
            "matrix.toarray(), of a set or a generator, list(values)"
        )
    elif array.dtype.kind in "OSU":
        message += (
            f". If they are numbers, as in a table of mixed columns, pass values.astype({kind}) "
            f"or table.to_numpy(dtype={kind})"
        )
        if kind == "int":
            message += "; of names, numpy.unique(names, return_inverse=True)[1]"
    return TypeError(message)


def as_float(values: ArrayLike, name: str) -> FloatArray:
    """Return `values` as a float32 or float64 array, without a copy where none is needed."""
    array = as_array(values, name)
    if array.dtype is _FLOAT64 or array.dtype is _FLOAT32:
        return array
    if array.dtype.kind not in "buif":
        raise no_numbers(array, f"{name} must hold real numbers", "float32, float64 or integers")
    in_32_bits = array.dtype.newbyteorder("=") == np.float32
    return array.astype(np.float32 if in_32_bits else np.float64, copy=False)


def pairwise_sum(terms: FloatArray, axis: int = 0) -> FloatArray:
    """Return the sum of `terms` along an axis, exact to a few eps of the sum of their sizes."""
    # One after the other, n terms may cost n / 2 eps; added up in pairs, log2(n): the first half is
    # added to the second until few are left.
    rest = np.moveaxis(terms, axis, 0) if axis else terms
    few = 5
    if rest.strides[0] == rest.itemsize:  # terms side by side: NumPy adds eight at a time
        if rest.dtype == np.float32:
            return np.asarray(np.add.reduce(rest, axis=0, dtype=np.float64), rest.dtype)
        few = 32
    while len(rest) > few:
        half = len(rest) // 2
        pairs = rest[:half] + rest[half : 2 * half]
        if len(rest) % 2:
            pairs[0] += rest[-1]
        rest = pairs
    result: FloatArray = np.add.reduce(rest, axis=0)
    return result


def largest(array: NDArray[Any]) -> Any:
    """Return the largest entry, NaN if there is one, -inf if there is none.

    Of few numbers it takes half the time of ``max``.
    """
    return array.item(array.argmax()) if array.size else -np.inf


def normalize_axis(array: FloatArray, name: str, axis: int = -1) -> int:
    """Return `axis` counted from 0, after checking that it exists and holds an entry."""
    if array.ndim == 0:
        raise ValueError(f"{name} must have a class axis, got a single number")
    if not isinstance(axis, (int, np.integer)) or isinstance(axis, bool):
        raise TypeError(f"axis must be an integer, got {axis!r}")
    if not -array.ndim <= axis < array.ndim:
        raise ValueError(
            f"axis must lie in [{-array.ndim}, {array.ndim}) for {name} of shape "
            f"{array.shape}, got {axis}"
        )
    if array.shape[axis] == 0:
        raise ValueError(f"{name} has an empty class axis: its shape is {array.shape}")
    return int(axis) % array.ndim


def as_distribution(values: ArrayLike, name: str, axis: int = -1) -> FloatArray:
    """Return `values` as probabilities along `axis`: not negative, with sum 1 (NaN passes)."""
    array = as_float(values, name)
    axis = normalize_axis(array, name, axis)
    if (array < 0).any():
        raise ValueError(f"{name} must not be negative, got an entry {array[array < 0][0]}")
    sums = array.sum(axis=axis, dtype=np.float64)
    off = np.abs(sums - 1) > _SUM_TOLERANCE[array.dtype]
    if off.any():
        raise ValueError(
            f"{name} must sum to 1 along axis {axis}, got a sum of {sums[off].flat[0]:.6g}; "
            "if these are scores, take their softmax"
        )
    return array


def as_rows(x: ArrayLike, inputs: int, dtype: np.dtype[Any]) -> tuple[FloatArray, tuple[int, ...]]:
    """Return `x`, of shape (..., inputs), as rows of that dtype, and its leading axes."""
    array = as_float(x, "x")
    if array.ndim == 0 or array.shape[-1] != inputs:
        raise ValueError(
            f"x must have shape (..., {inputs}): the network has {inputs} inputs; got {array.shape}"
        )
    return np.asarray(array, dtype).reshape(-1, inputs), array.shape[:-1]


def as_scores(scores: ArrayLike, at_least: int = 1) -> FloatArray:
    """Return `scores` as floats of shape (..., classes), with `at_least` so many classes."""
    array = as_float(scores, "scores")
    if array.ndim == 0 or array.shape[-1] == 0:
        normalize_axis(array, "scores")  # raises
    if array.shape[-1] < at_least:
        raise ValueError(
            f"scores must have at least {at_least} classes on the last axis, "
            f"got shape {array.shape}"
        )
    return array


def as_class_indices(labels: ArrayLike, scores: FloatArray) -> NDArray[np.intp]:
    """Return integer or one-hot `labels` as class indices of shape ``scores.shape[:-1]``."""
    array = as_array(labels, "labels")
    if array.dtype.kind not in "buif":
        raise no_numbers(array, "labels must be integers or one-hot rows", "integers", "int")
    if array.shape == scores.shape:
        return _one_hot_to_indices(array)
    if array.shape != scores.shape[:-1]:
        raise ValueError(
            f"labels must have shape {scores.shape[:-1]} (class indices) or {scores.shape} "
            f"(one-hot or distributions) for scores of shape {scores.shape}, got {array.shape}"
        )
    if array.dtype.kind not in "ui" and array.size:  # an empty list is of floats
        raise TypeError(
            f"labels must be integers (one class index per example), got dtype {array.dtype}; if "
            "they are whole numbers, pass labels.astype(int)"
        )
    classes = scores.shape[-1]
    indices = array.astype(np.intp, copy=False)
    # Read as unsigned, a negative label is a huge one: one pass finds both ends.
    if largest(indices.view(np.uintp)) >= classes:
        wrong = array[(array < 0) | (array >= classes)].flat[0]
        raise ValueError(f"labels must lie in 0..{classes - 1} for {classes} classes, got {wrong}")
    return indices


def is_one_hot(array: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each row whether it is one 1, otherwise 0."""
    hot = array == 1
    return np.asarray((hot | (array == 0)).all(axis=-1) & (hot.sum(axis=-1) == 1))


def _one_hot_to_indices(array: NDArray[Any]) -> NDArray[np.intp]:
    one_hot = is_one_hot(array)
    if not one_hot.all():
        raise ValueError(
            "labels of the shape of scores must be one-hot rows: a single 1, otherwise 0; got the "
            f"row {array[~one_hot][0]}. Of the losses, only softmax_cross_entropy takes soft labels"
        )
    return np.asarray(array.argmax(axis=-1), dtype=np.intp)


def as_soft_labels(labels: ArrayLike, scores: FloatArray) -> FloatArray:
    """Return `labels`, of the shape of `scores`, as distributions of their dtype."""
    return as_distribution(labels, "labels").astype(scores.dtype, copy=False)


def check_reduction(reduction: str) -> None:
    """Raise ValueError unless `reduction` is one of the three that losses know."""
    if not isinstance(reduction, str) or reduction not in ("none", "mean", "sum"):
        raise ValueError(f'reduction must be "none", "mean" or "sum", got {reduction!r}')


def check_kind(value: object, kind: type | tuple[type, ...], name: str, wanted: str) -> None:
    """Raise TypeError unless `value` is of the kind that `wanted` describes."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {wanted}, got {type(value).__name__}")


def check_callable(value: object, name: str) -> None:
    """Raise TypeError unless `value` can be called."""
    if not callable(value):
        raise TypeError(f"{name} must be a function, got {value!r}")


def check_count(count: int, name: str, least: int = 1, most: int | None = None) -> int:
    """Return an integer from `least` to `most` as Python's, which never wraps around."""
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool):
        raise TypeError(f"{name} must be an integer, got {count!r}")
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    if most is not None and count > most:
        raise ValueError(f"{name} must be at most {most}, got {count}")
    return int(count)


def as_number(value: float, name: str) -> float:
    """Return a real number as a float, which is infinite if the number is too large for one."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def as_layer_sizes(layer_sizes: Sequence[int], least: int = 2) -> tuple[int, ...]:
    """Return the sizes, each at least 1, of `least` or more layers."""
    try:
        sizes: tuple[Any, ...] = tuple(layer_sizes)
    except TypeError as error:
        raise TypeError(
            f"layer_sizes must be a sequence of integers such as [2, 10, 3], got {layer_sizes!r}"
        ) from error
    for size in sizes:
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool):
            raise TypeError(f"layer_sizes must be integers, got {size!r} in {layer_sizes!r}")
    if len(sizes) < least:
        raise ValueError(f"layer_sizes must name at least inputs and outputs, got {layer_sizes!r}")
    if min(sizes, default=1) < 1:
        raise ValueError(f"layer_sizes must be at least 1 each, got {layer_sizes!r}")
    return tuple(int(size) for size in sizes)


def as_generator(rng: np.random.Generator | int | None, name: str = "rng") -> np.random.Generator:
    """Return a generator from a generator, a seed, or None (fresh randomness)."""
    if isinstance(rng, bool) or not (
        rng is None or isinstance(rng, (np.random.Generator, int, np.integer))
    ):
        raise TypeError(f"{name} must be a numpy.random.Generator, a seed or None, got {rng!r}")
    if isinstance(rng, (int, np.integer)) and rng < 0:
        raise ValueError(f"{name}: a seed must not be negative, got {rng}")
    return np.random.default_rng(rng)
