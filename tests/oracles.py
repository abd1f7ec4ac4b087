"""What several test files share: inputs over the whole float range, and exact values to compare.

The exact values are the formulas of the book in mpmath with 60 digits: whatever cancels or
overflows in floats does not there.
"""

import tracemalloc
from functools import partial

import hypothesis
import mpmath
import numpy as np
import pytest
from hypothesis import strategies as st

mpmath.mp.dps = 60

DTYPES = (np.float32, np.float64)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


# --- inputs ----------------------------------------------------------------------------------


def given(*strategies, **named):
    """As in Hypothesis, but with the same examples in every run, and not too many."""

    def decorate(test):
        return hypothesis.settings(derandomize=True, max_examples=40)(
            hypothesis.given(*strategies, **named)(test)
        )

    return decorate


def finite(dtype=np.float64, **bounds):
    """Every finite float of the type, subnormals included, or those within the bounds."""
    width = np.finfo(dtype).bits
    return st.floats(width=width, allow_nan=False, allow_infinity=False, **bounds)


@st.composite
def rows(draw, min_classes=1, max_classes=6, whole_range=True, dtypes=DTYPES):
    """One row of scores: usual ones, ones with ties, or (on demand) any finite floats."""
    dtype = draw(st.sampled_from(dtypes))
    entries = [finite(dtype, min_value=-50, max_value=50), st.integers(-2, 2).map(float)]
    if whole_range:
        entries.append(finite(dtype))
    entry = draw(st.sampled_from(entries))
    return np.array(draw(st.lists(entry, min_size=min_classes, max_size=max_classes)), dtype)


@st.composite
def examples(draw, min_classes=2, **options):
    """One row of scores and a label."""
    scores = draw(rows(min_classes, **options))
    return scores, draw(st.integers(0, len(scores) - 1))


@st.composite
def distributions(draw, count=1, positive=False, dtypes=DTYPES):
    """`count` distributions over the same classes, some entries tiny or (unless positive) 0."""
    dtype = draw(st.sampled_from(dtypes))
    classes = draw(st.integers(1, 6))
    exponent = st.floats(-80, 0).map(np.exp)
    entry = exponent if positive else st.one_of(exponent, st.just(0.0))
    result = []
    for _ in range(count):
        weights = np.array(draw(st.lists(entry, min_size=classes, max_size=classes)))
        if not weights.any():
            weights[draw(st.integers(0, classes - 1))] = 1
        result.append((weights / weights.sum()).astype(dtype))
    return result[0] if count == 1 else tuple(result)


def layouts(array):
    """The same numbers as arrays that lie differently in memory, all read-only."""
    gaps = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    gaps[..., ::2] = array
    backwards = np.ascontiguousarray(array[::-1])[::-1]
    for layout in (array.copy(), np.asfortranarray(array), gaps[..., ::2], backwards):
        layout.flags.writeable = False
        yield layout


def quietly():
    """Raise where NumPy would warn; only underflow to 0 is as it should be."""
    return np.errstate(all="raise", under="ignore")


def peak_memory(function):
    """The most bytes that NumPy holds at once during a call, and after it for the result."""
    tracemalloc.start()
    try:
        result = function()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del result
    return peak


# --- exact values ----------------------------------------------------------------------------


def exact(array):
    """The entries of a one-dimensional array as mpmath numbers."""
    return [mpmath.mpf(float(entry)) for entry in array]


def exact_log_softmax(row):
    a = exact(row)
    top = max(range(len(a)), key=lambda i: a[i])
    rest = mpmath.fsum(mpmath.exp(a[j] - a[top]) for j in range(len(a)) if j != top)
    return [a_i - a[top] - mpmath.log1p(rest) for a_i in a]


def exact_softmax(row):
    return [mpmath.exp(value) for value in exact_log_softmax(row)]


def one_against_many(classes, dtype):
    """Rows of one score 0 and many equal lower ones, and the two log-probabilities of each row.

    Added up one after the other, the many small terms are all rounded in the same direction.
    """
    lower = np.linspace(-9, -0.1, 50).astype(dtype)
    scores = np.repeat(lower[:, np.newaxis], classes, axis=1)
    scores[:, 0] = 0
    top = [-mpmath.log1p((classes - 1) * mpmath.exp(b)) for b in exact(lower)]
    return scores, [(t, b + t) for t, b in zip(top, exact(lower), strict=True)]


def assert_close(got, expected, relative=0.0, absolute=0.0):
    """Compare floats with exact values, the latter exactly; the tolerances may be per entry.

    Where the exact value lies below the normal numbers, so must the float; where it lies above
    them all, the float is infinite.
    """
    got = np.asarray(got)
    info = np.finfo(got.dtype)
    relative, absolute = (np.broadcast_to(bar, got.shape).flat for bar in (relative, absolute))
    for value, truth, rel, abs_ in zip(got.flat, expected, relative, absolute, strict=True):
        tolerance = float(rel) * abs(truth) + float(abs_)
        if abs(truth) < info.tiny:
            tolerance += info.tiny
        if np.isinf(value):
            error = max(0, mpmath.mpf(float(info.max)) - mpmath.sign(value) * truth)
        else:
            error = abs(mpmath.mpf(float(value)) - truth)
        assert error <= tolerance, (
            f"got {value}, exact {mpmath.nstr(truth, 20)}: error {mpmath.nstr(error, 3)} "
            f"> {mpmath.nstr(tolerance, 3)}"
        )


def eps(array):
    return float(np.finfo(array.dtype).eps)


# --- derivatives -----------------------------------------------------------------------------


def difference(function, h=1e-3):
    """The derivative of t -> function(t) at 0 by the five-point rule, with error O(h**4)."""
    near = function(h) - function(-h)
    far = function(2 * h) - function(-2 * h)
    return (8 * near - far) / (12 * h)


def numerical_gradient(function, x):
    """The gradient of a function of one vector, by differences."""
    return np.array([difference(lambda t, e=e: function(x + t * e)) for e in np.eye(len(x))])


# --- torch -----------------------------------------------------------------------------------


def torch_activation(name):
    """Torch's own activation of our name; without torch, the test is skipped."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    activations = {
        "identity": torch.nn.Identity(),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": functional.leaky_relu,
        # Beyond its threshold torch's softplus is the identity.
        "softplus": partial(functional.softplus, threshold=700),
        "gelu": functional.gelu,
        "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    }
    if name not in activations:
        pytest.fail(f"torch_activation in tests/oracles.py has no row {name!r}", pytrace=False)
    return activations[name]
