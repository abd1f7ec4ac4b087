r"""Feedback on functions of your own: which check fails, and which mistake that looks like.

``check.softmax(my_softmax)`` runs every check of softmax on your function and prints a line for
each. Below the first that fails stands what was seen, the mistake that gives exactly these numbers,
if it is a known one, and a question to think about. The answer is left to you.

A :class:`Check` holds seeded inputs and the right implementation. A :class:`Misconception` holds a
wrong one: it is recognized where your function does just what the wrong one does. The checks of
each function stand in a tuple (``check.SOFTMAX``), to be run one by one where each has its points;
:data:`CHECKS` lists them all by name.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from numbers import Real
from textwrap import fill
from types import MappingProxyType, NoneType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr, xlogy

from nnlib import activations, losses, probability
from nnlib._arrays import FloatArray, check_callable, check_count
from nnlib.mlp import MLP

Function: TypeAlias = Callable[..., Any]
Arguments: TypeAlias = dict[str, Any]
Inputs: TypeAlias = Callable[[np.random.Generator], Arguments]

# float32 results may differ so much, relatively; all others by the second number.
_FLOAT32, _FLOAT64 = 1e-4, 1e-6


class Result(NamedTuple):
    """What one check found: its name, whether all is well, and if not, what is wrong."""

    name: str
    ok: bool
    message: str


@dataclass(frozen=True, repr=False)
class Report:
    """What the checks of one function found.

    The function that makes it prints it; a notebook does not show it a second time.

    Attributes
    ----------
    function : str
        Name of the function that was to be written.
    results : list of Result
        Of each check, ``(name, ok, message)``.
    """

    function: str
    results: list[Result]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.ok for result in self.results)

    def __repr__(self) -> str:
        good = sum(result.ok for result in self.results)
        return f"<{self.function}: {good} of {len(self.results)} checks passed>"

    def __str__(self) -> str:
        lines, told = [repr(self)[1:-1]], False
        for name, ok, message in self.results:
            lines.append(f"  {'ok   ' if ok else 'WRONG'}  {name}")
            if not ok and not told:
                indent = " " * 9
                lines.append(fill(message, 88, initial_indent=indent, subsequent_indent=indent))
            told = told or not ok
        return "\n".join(lines)

    def _ipython_display_(self) -> None:
        """Show nothing: the lines were printed."""


@dataclass(frozen=True)
class Misconception:
    """A known mistake.

    Attributes
    ----------
    name : str
    wrong : callable
        An implementation that makes it.
    hint : str
        What to think about; never the solution.
    """

    name: str
    wrong: Function = field(repr=False)
    hint: str = field(repr=False)


@dataclass(frozen=True)
class Raised:
    """In place of what a function returns: the error that it raised."""

    kind: str
    message: str


@dataclass(frozen=True)
class Other:
    """In place of what a function returns: the name of a type that no check asks for."""

    kind: str


Seen: TypeAlias = np.ndarray | str | Raised | Other | None


def _output(function: Function, arguments: Arguments) -> Any:
    """Return a copy of what the function returns, as an array if it is a number or an array."""
    output = function(*arguments.values())
    return np.array(output) if isinstance(output, (np.ndarray, np.generic, Real)) else output


@dataclass(frozen=True)
class Check:
    """One thing that a function must do.

    Attributes
    ----------
    name : str
    inputs : callable
        From a generator to the arguments by their names, made anew for every call: what one
        function does to them, no other sees.
    right : callable
        The right implementation.
    misconceptions : sequence of Misconception
        Mistakes that are looked for where the function is wrong, the first that fits is told.
    observe : callable
        From (function, arguments) to what is compared: the output, unless told otherwise.

    Examples
    --------
    >>> from nnlib import check, softmax
    >>> check.SOFTMAX[0]
    Check(name='a batch of rows')
    >>> check.SOFTMAX[0].run(softmax)
    Result(name='a batch of rows', ok=True, message='')
    >>> check.SOFTMAX[0].run(lambda a: softmax(a, axis=0)).ok
    False
    """

    name: str
    inputs: Inputs = field(repr=False)
    right: Function = field(repr=False)
    misconceptions: Sequence[Misconception] = field(repr=False)
    observe: Callable[[Function, Arguments], Any] = field(default=_output, repr=False)

    def run(self, function: Function, seed: int = 0) -> Result:
        """Return what the check finds of the function, on inputs drawn with the seed.

        Whatever the function raises is a finding and not passed on.

        Raises
        ------
        TypeError
            If `function` cannot be called or `seed` is not an integer.
        ValueError
            If `seed` is negative.
        """
        check_callable(function, "function")
        check_count(seed, "seed", least=0)
        return self.judge(self.see(function, seed), seed)

    def see(self, function: Function, seed: int) -> Seen:
        """Run the function on the inputs, and return what is to be compared.

        It may cross from one process to another: a grader need not run what it judges.

        Returns
        -------
        array, str, Raised, Other or None
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                seen = self.observe(function, self._arguments(seed))
            except Exception as error:
                message = re.sub(r"\b0x[0-9a-fA-F]+", "0x...", " ".join(str(error).split()))
                return Raised(type(error).__name__, message)
        if isinstance(seen, np.ndarray) and seen.dtype.hasobject:
            return Other("array of dtype object")
        return seen if isinstance(seen, (np.ndarray, str, NoneType)) else Other(type(seen).__name__)

    def judge(self, seen: Seen, seed: int = 0) -> Result:
        """Return what :meth:`run` finds, of what :meth:`see` has seen with the same seed."""
        wanted = self.see(self.right, seed)
        if _same(seen, wanted):
            return Result(self.name, True, "")
        message = f"{_difference(seen, wanted)}, for {_shown(self._arguments(seed))}."
        for mistake in self.misconceptions:
            if _same(seen, self.see(mistake.wrong, seed)):
                message += f" This looks like: {mistake.name}. {mistake.hint}"
                break
        return Result(self.name, False, message)

    def _arguments(self, seed: int) -> Arguments:
        return self.inputs(np.random.default_rng(seed))


# --- comparing and telling ------------------------------------------------------------------------


def _same(got: Any, wanted: Any) -> bool:
    if not isinstance(wanted, np.ndarray) or not isinstance(got, np.ndarray):
        return type(got) is type(wanted) and bool(got == wanted)
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        return False
    return bool(_close(got, wanted).all())


def _close(got: FloatArray, wanted: FloatArray) -> NDArray[np.bool_]:
    relative = _FLOAT32 if wanted.dtype == np.float32 else _FLOAT64
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
    return np.isclose(got, wanted, rtol=relative, atol=0.1 * relative * scale, equal_nan=True)


def _difference(got: Any, wanted: Any) -> str:
    """Return in words how what was seen differs from what was wanted."""
    if isinstance(got, Raised):
        return f"it raised {got.kind}: {got.message}".removesuffix(": ")
    if isinstance(wanted, str):
        return f"it {got}, but should have {wanted}"
    if got is None:
        return "it returned None (is there a return at its end?)"
    if not isinstance(got, np.ndarray):
        kind = got.kind if isinstance(got, Other) else type(got).__name__
        article = "an" if kind[0] in "aeiou" else "a"
        return f"it returned {article} {kind}, but should have returned an array"
    for what in ("shape", "dtype"):
        came, expected = getattr(got, what), getattr(wanted, what)
        if came != expected:
            return f"it returned an array of {what} {came}, but should have {what} {expected}"
    first = tuple(int(i) for i in np.argwhere(~_close(got, wanted))[0])
    value = got[first]
    size = "" if np.isnan(value) else ", too large" if value > wanted[first] else ", too small"
    place = f" at index {list(first)}" if first else ""
    return f"it gave {value:.4g}{size}{place}"


_DIGITS: Any = {"float_kind": "{:.4g}".format}


def _shown(arguments: Arguments) -> str:
    return ", ".join(f"{name} {_described(value)}" for name, value in arguments.items())


def _described(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(entry, np.ndarray) for entry in value):
        return "of shapes " + " and ".join(str(entry.shape) for entry in value)
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"of shape {value.shape}"
    if isinstance(value, np.ndarray):
        return "= " + " ".join(np.array2string(value, separator=", ", formatter=_DIGITS).split())
    return f"= {value}"


# --- what every function of arrays must do --------------------------------------------------------


def _kept(function: Function, arguments: Arguments) -> str:
    before = [array.copy() for array in _arrays(arguments)]
    function(*arguments.values())
    after = _arrays(arguments)
    same = len(before) == len(after) and all(map(np.array_equal, before, after))
    return "left its arguments as they were" if same else "changed its arguments"


def _arrays(arguments: Arguments) -> list[NDArray[Any]]:
    lists = (value if isinstance(value, list) else [value] for value in arguments.values())
    return [np.asarray(entry) for entries in lists for entry in entries]


def _cast(value: Any, old: type[np.floating[Any]], new: type[np.floating[Any]]) -> Any:
    if isinstance(value, list):
        return [_cast(entry, old, new) for entry in value]
    return value.astype(new) if getattr(value, "dtype", None) == old else value


def _in_float32(inputs: Inputs) -> Inputs:
    return lambda rng: {k: _cast(v, np.float64, np.float32) for k, v in inputs(rng).items()}


def _checks(
    right: Function,
    inputs: Mapping[str, Inputs],
    *misconceptions: Misconception,
    observe: Callable[[Function, Arguments], Any] = _output,
) -> tuple[Check, ...]:
    """Return a check for each of the inputs, and on the first of them those of dtype and change."""

    def losing(*arguments: Any) -> Any:
        return _cast(right(*arguments), np.float32, np.float64)

    def changing(first: FloatArray, *others: Any) -> Any:
        result = right(first, *others)
        first += 1
        return result

    known = (
        Misconception(
            "float32 lost",
            losing,
            "Half the memory was chosen on purpose. Which line makes a float64 array: one of "
            "np.zeros or np.ones, a conversion, a NumPy constant?",
        ),
        Misconception(
            "an argument changed in place",
            changing,
            "Whoever called you still needs it. Which lines write into the array that came in "
            "(+=, out=, an assignment to an index), and which array should they write into?",
        ),
        *misconceptions,
    )
    first = next(iter(inputs.values()))
    return (
        *(Check(name, made, right, known, observe) for name, made in inputs.items()),
        Check("float32 stays float32", _in_float32(first), right, known, observe),
        Check("the arguments stay as they were", first, right, known, _kept),
    )


def _normal(name: str, *shape: int) -> Inputs:
    return lambda rng: {name: 2 * rng.normal(size=shape)}


def _fixed(name: str, *values: Any) -> Inputs:
    return lambda _: {name: np.array(values, np.float64)}


# --- activations ----------------------------------------------------------------------------------


def _both_signs(rng: np.random.Generator) -> Arguments:
    x = rng.normal(size=5)
    return {"x": np.array([x, -2 * x])}


_AXES: dict[str, Inputs] = {
    "numbers of both signs": _both_signs,
    "three axes": _normal("x", 2, 3, 4),
}

#: Checks of relu(x).
RELU = _checks(
    activations.relu,
    _AXES | {"zero and the infinities": _fixed("x", -np.inf, -1, 0, 1, np.inf)},
    Misconception(
        "the absolute value",
        np.abs,
        "What should become of a negative number? Draw the graph left of 0.",
    ),
    Misconception(
        "the wrong half kept",
        lambda x: np.minimum(x, 0),
        "Which side passes and which is cut off? Try one positive number by hand.",
    ),
    Misconception(
        "a slope left of 0",
        activations.leaky_relu,
        "That is a relative of ReLU. How large is ReLU itself at -1?",
    ),
    Misconception(
        "the derivative",
        activations.relu.derivative,
        "That is how steep ReLU is. How high is it at 2?",
    ),
    Misconception(
        "Python's max of an array",
        lambda x: max(0, x),
        "Python's max picks one of two things as a whole. What picks entry by entry?",
    ),
    Misconception(
        "one maximum of all numbers",
        lambda x: np.maximum(0, x.max()),
        "Every number is compared with 0 by itself: as many come out as went in.",
    ),
    Misconception(
        "a mask times infinity",
        lambda x: x * (x > 0),
        "What is 0 times infinity in floats? Choose between two values instead of multiplying.",
    ),
)

#: Checks of the derivative of relu, a function of x.
RELU_DERIVATIVE = _checks(
    activations.relu.derivative,
    _AXES | {"zero and the infinities": _fixed("x", -np.inf, -1, 0, 1, np.inf)},
    Misconception(
        "ReLU itself",
        activations.relu,
        "That is the height of the graph. How steep is it?",
    ),
    Misconception(
        "the sign",
        np.sign,
        "How steep is a flat line? Look at the graph left of 0.",
    ),
    Misconception(
        "1 at zero",
        lambda x: np.where(x >= 0, 1.0, 0.0),
        "At 0 there is no derivative; a convention picks a number. Which one does the book pick?",
    ),
    Misconception(
        "one half at zero",
        lambda x: np.heaviside(x, 0.5),
        "At 0 there is no derivative; a convention picks a number. Which one does the book pick?",
    ),
    Misconception(
        "always 1",
        np.ones_like,
        "ReLU has two pieces. Is it as steep left of 0 as right of it?",
    ),
)


def _logistic(x: FloatArray) -> Any:
    return np.exp(x) / (1 + np.exp(x))


#: Checks of a stable sigmoid(x).
SIGMOID = _checks(
    activations.sigmoid,
    _AXES
    | {
        "large numbers": _fixed("x", -1000, 0, 1000),
        "digits far left": _fixed("x", -40, -50, -60),
    },
    Misconception(
        "exp overflows",
        _logistic,
        "What is exp(1000) in floats, and inf / inf? The formula can be written in two ways: "
        "which of them is safe for a large number, which for a very negative one?",
    ),
    Misconception(
        "a function of single numbers",
        math.exp,
        "Python's math knows single numbers only. Which module has exp for whole arrays?",
    ),
    Misconception(
        "1 minus nearly 1",
        lambda x: 1 - 1 / (1 + np.exp(x)),
        "Of a tiny number nothing is left in 1 minus it. Can it be found without a subtraction?",
    ),
    Misconception(
        "the sign of the exponent",
        lambda x: activations.sigmoid(-x),
        "Should the sigmoid rise or fall? Put in a large positive number.",
    ),
    Misconception(
        "tanh",
        np.tanh,
        "Between which two numbers does a sigmoid lie, and how large is it at 0?",
    ),
    Misconception(
        "the derivative",
        activations.sigmoid.derivative,
        "That is how steep the sigmoid is. How high is it at 0?",
    ),
    Misconception(
        "softmax",
        probability.softmax,
        "A sigmoid looks at every number by itself, whatever the others are.",
    ),
)

#: Checks of a stable softplus(x).
SOFTPLUS = _checks(
    activations.softplus,
    _AXES
    | {
        "large numbers": _fixed("x", -1000, 0, 1000),
        "digits far left": _fixed("x", -40, -50, -60),
    },
    Misconception(
        "exp overflows",
        lambda x: np.log1p(np.exp(x)),
        "What is exp(1000) in floats? Far right softplus is nearly a straight line: which one, "
        "and what is left when you take it away?",
    ),
    Misconception(
        "1 swallows what is added to it",
        lambda x: np.maximum(x, 0) + np.log(1 + np.exp(-np.abs(x))),
        "What is 1 + 1e-18 in floats? NumPy has a logarithm made for numbers next to 1.",
    ),
    Misconception(
        "a logarithm of base 2",
        lambda x: activations.softplus(x) / np.log(2),
        "How high should softplus be at 0 with the natural logarithm?",
    ),
    Misconception(
        "the sign of x",
        lambda x: activations.softplus(-x),
        "Should softplus rise or fall? Put in a large positive number.",
    ),
    Misconception(
        "ReLU",
        activations.relu,
        "Softplus is smooth: how high is it at 0, where ReLU has its corner?",
    ),
    Misconception(
        "the derivative",
        activations.sigmoid,
        "That is how steep softplus is. How high is it far to the right?",
    ),
)


# --- losses ---------------------------------------------------------------------------------------


def _labeled(rng: np.random.Generator) -> Arguments:
    return {"scores": 2 * rng.normal(size=(6, 4)), "labels": rng.permutation([0, 1, 2, 3, 0, 1])}


def _clear_cases(rng: np.random.Generator) -> Arguments:
    labels = rng.permutation(4)
    return {"scores": rng.normal(size=(4, 4)) + 20 * np.eye(4)[labels], "labels": labels}


def _true(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    return scores[np.arange(len(scores)), labels]


def _lead(scores: FloatArray, labels: NDArray[np.intp]) -> Any:
    """Return how far each wrong class leads the true one, which itself has -inf."""
    lead = scores - _true(scores, labels)[:, np.newaxis]
    lead[np.arange(len(scores)), labels] = -np.inf
    return lead


#: Checks of hinge(scores, labels), the loss of each example.
HINGE = _checks(
    losses.hinge,
    {"a batch": _labeled, "right by a wide margin": _clear_cases},
    Misconception(
        "the correct class counted in its own margin",
        lambda s, k: np.maximum(0, np.maximum(_lead(s, k), 0).max(axis=1) + 1),
        "The loss should be 0 for a clear and right answer, and yours is never below 1. Whom does "
        "the true class have to beat?",
    ),
    Misconception(
        "negative losses",
        lambda s, k: _lead(s, k).max(axis=1) + 1,
        "May an example that is right by far make up for one that is wrong?",
    ),
    Misconception(
        "the margin turned around",
        lambda s, k: np.maximum(0, 1 - _lead(s, k).max(axis=1)),
        "Who should be ahead? The loss should fall as the score of the true class rises.",
    ),
    Misconception(
        "no margin",
        lambda s, k: np.maximum(0, _lead(s, k).max(axis=1)),
        "Is it enough to be ahead by a hair? By how much should the true class lead?",
    ),
    Misconception(
        "the sum over the wrong classes in place of the maximum",
        lambda s, k: np.maximum(0, _lead(s, k) + 1).sum(axis=1),
        "That is another hinge loss. In the lecture's, how many rivals count?",
    ),
    Misconception(
        "the sum over all classes, its own too",
        lambda s, k: np.maximum(0, _lead(s, k) + 1).sum(axis=1) + 1,
        "Does a class have to beat itself? And in the lecture's hinge loss, how many rivals count?",
    ),
    Misconception(
        "a squared loss",
        lambda s, k: losses.hinge(s, k) ** 2,
        "That is the squared hinge. How should the loss grow when a lead doubles?",
    ),
    Misconception(
        "the mean of all examples",
        lambda s, k: losses.hinge(s, k, "mean"),
        "What shape should come out, if every example has its own loss?",
    ),
    Misconception(
        "the sum of all examples",
        lambda s, k: losses.hinge(s, k, "sum"),
        "What shape should come out, if every example has its own loss?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: losses.hinge(s, (k - 1) % s.shape[1]),
        "From which number do labels count, from 0 or from 1? What does index -1 mean?",
    ),
    Misconception(
        "the best rival of the whole batch",
        lambda s, k: np.maximum(0, (_lead(s, k).T + _true(s, k)).max() - _true(s, k) + 1),
        "Each example has its own rivals. Along which axis is the maximum taken?",
    ),
)

# --- softmax and the measures of information ------------------------------------------------------

_SCORES: Mapping[str, Inputs] = {
    "a batch of rows": _normal("scores", 3, 4),
    "one row": _normal("scores", 5),
    "three axes": _normal("scores", 2, 3, 4),
    "large scores": _fixed("scores", 1000, 2000, 3000),
    "rows far apart": _fixed("scores", [0, 1, 2], [2000, 2001, 2003]),
}

_AXIS_HINT = (
    "Every row is one example and its classes lie along the last axis. Which sums should be 1?"
)
_SHIFT_HINT = (
    "What is exp(1000) in floats, and inf / inf? Which number can be taken from all scores of a "
    "row without changing the result?"
)
_ROW_MAXIMUM_HINT = (
    "One large row makes the exponentials of all the others 0. Whose maximum does each row need?"
)
_BASE_HINT = "The book measures in nats. Which logarithm and which exponential belong to them?"


def _exp(a: FloatArray) -> Any:
    """Return exp(a) over its largest in every row, which no quotient of a row notices."""
    return np.exp(a - a.max(axis=-1, keepdims=True))


#: Checks of softmax(scores), along the last axis.
SOFTMAX = _checks(
    probability.softmax,
    _SCORES,
    Misconception(
        "no shift before exp",
        lambda a: np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True),
        _SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a: np.exp(a - a.max()) / np.exp(a - a.max()).sum(axis=-1, keepdims=True),
        _ROW_MAXIMUM_HINT,
    ),
    Misconception("the wrong axis", partial(probability.softmax, axis=0), _AXIS_HINT),
    Misconception(
        "axis 1 in place of the last",
        lambda a: (
            np.exp(a - a.max(axis=1, keepdims=True))
            / np.exp(a - a.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
        ),
        "One row has a single axis and a stack of batches three. Which number names the last axis "
        "of all of them?",
    ),
    Misconception(
        "the sum of the whole array",
        lambda a: np.exp(a - a.max()) / np.exp(a - a.max()).sum(),
        "How many distributions should come out of a batch, and what is the sum of each?",
    ),
    Misconception(
        "softmax twice",
        lambda a: probability.softmax(probability.softmax(a)),
        "Probabilities are no scores: a second softmax flattens them. Where is the other one?",
    ),
    Misconception(
        "scores divided by their sum",
        lambda a: a / a.sum(axis=-1, keepdims=True),
        "May a probability be negative? What makes every score a positive number?",
    ),
    Misconception(
        "mean for sum",
        lambda a: probability.softmax(a) * a.shape[-1],
        "What should the probabilities of a row add up to?",
    ),
    Misconception(
        "maximum for sum",
        _exp,
        "What should the probabilities of a row add up to? Is the largest always 1?",
    ),
    Misconception("powers of 2", lambda a: probability.softmax(a * np.log(2)), _BASE_HINT),
    Misconception(
        "the sign of the scores",
        lambda a: probability.softmax(-a),
        "Which class should be the most probable, that of the largest score or of the smallest?",
    ),
    Misconception(
        "a sigmoid of every score",
        activations.sigmoid,
        "Do the probabilities of a row add up to 1? Each has to know of the others.",
    ),
    Misconception(
        "log-softmax",
        probability.log_softmax,
        "May a probability be negative?",
    ),
)

#: Checks of log_softmax(scores), along the last axis.
LOG_SOFTMAX = _checks(
    probability.log_softmax,
    _SCORES,
    Misconception(
        "no shift before exp",
        lambda a: a - np.log(np.exp(a).sum(axis=-1, keepdims=True)),
        _SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of an overflow",
        lambda a: np.log(np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)),
        _SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of a softmax that is 0",
        lambda a: np.log(probability.softmax(a)),
        "A probability may be too small for a float, its logarithm is not. What becomes of log and "
        "exp on paper, before any number is put in?",
    ),
    Misconception(
        "the maximum of the whole array",
        lambda a: a - a.max() - np.log(np.exp(a - a.max()).sum(axis=-1, keepdims=True)),
        _ROW_MAXIMUM_HINT,
    ),
    Misconception(
        "the shift counted once",
        lambda a: a - np.log(_exp(a).sum(axis=-1, keepdims=True)),
        "The maximum was taken from the scores inside the sum. Where else does it belong?",
    ),
    Misconception("the wrong axis", partial(probability.log_softmax, axis=0), _AXIS_HINT),
    Misconception(
        "the sum of the whole array",
        lambda a: a - probability.log_sum_exp(a.ravel()),
        "How many distributions should come out of a batch, and what is the sum of each?",
    ),
    Misconception(
        "softmax twice",
        lambda a: probability.log_softmax(probability.softmax(a)),
        "Probabilities are no scores. Which softmax is one too many?",
    ),
    Misconception(
        "no logarithm",
        probability.softmax,
        "The logarithm of a probability is never positive. Where is it taken?",
    ),
    Misconception(
        "a logarithm of base 2",
        lambda a: probability.log_softmax(a) / np.log(2),
        _BASE_HINT,
    ),
    Misconception(
        "mean for sum",
        lambda a: probability.log_softmax(a) + np.log(a.shape[-1]),
        "What should the exponentials of the results of a row add up to?",
    ),
    Misconception(
        "the wrong sign",
        lambda a: -probability.log_softmax(a),
        "A probability is at most 1. Which sign has its logarithm?",
    ),
)


def _distributions(*shape: int) -> Inputs:
    *rows, classes = shape
    return lambda rng: {name: rng.dirichlet(np.full(classes, 3), rows) for name in ("y", "p")}


def _zeros_in_both(rng: np.random.Generator) -> Arguments:
    y, p = rng.dirichlet(np.full(3, 3), 2)
    return {"y": np.insert(y, 1, 0), "p": np.insert(p, 1, 0)}


def _impossible(rng: np.random.Generator) -> Arguments:
    return {"y": np.array([0.5, 0.5]), "p": np.array([1.0, 0.0])}


def _infinite(function: Function, arguments: Arguments) -> str:
    output = float(function(*arguments.values()))
    return f"returned {'a finite number' if np.isfinite(output) else output}"


def _information_checks(
    right: Function, terms: Function, *misconceptions: Misconception
) -> tuple[Check, ...]:
    """Return the checks of a sum over classes, given also its terms."""
    known = (
        *misconceptions,
        Misconception(
            "the arguments in the other order",
            lambda y, p: right(p, y),
            "One distribution is the truth and the other the model. Which of them weighs the "
            "terms, and of which is the logarithm taken?",
        ),
        Misconception(
            "a logarithm of base 2",
            lambda y, p: right(y, p) / np.log(2),
            _BASE_HINT,
        ),
        Misconception(
            "the wrong sign",
            lambda y, p: -right(y, p),
            "Is the logarithm of a probability positive or negative? And the result?",
        ),
        Misconception(
            "mean for sum over the classes",
            lambda y, p: right(y, p) / y.shape[-1],
            "The terms are weighed by probabilities already. What does a division do to that?",
        ),
        Misconception(
            "the sum over the whole batch",
            lambda y, p: right(y, p).sum(),
            "How many pairs of distributions went in, and how many numbers should come out?",
        ),
        Misconception(
            "the mean over the whole batch",
            lambda y, p: right(y, p).mean(),
            "How many pairs of distributions went in, and how many numbers should come out?",
        ),
        Misconception(
            "the wrong axis",
            lambda y, p: terms(y, p).sum(axis=0),
            _AXIS_HINT,
        ),
    )
    inputs = {
        "a batch of rows": _distributions(3, 4),
        "one row": _distributions(5),
        "three axes": _distributions(2, 3, 4),
        "a class that neither expects": _zeros_in_both,
    }
    bounded = Misconception(
        "a bounded logarithm",
        lambda y, p: terms(y, p + 1e-12).sum(axis=-1),
        "What does it cost to call impossible what then happens? A small number added to the "
        "probability, or a clip, hides that.",
    )
    impossible = Check("what the model calls impossible", _impossible, right, [bounded], _infinite)
    return (*_checks(right, inputs, *known), impossible)


def _zero_log_zero(wrong: Function) -> Misconception:
    return Misconception(
        "0 log 0",
        wrong,
        "What is 0 times log 0 in floats, and which number does the book's convention say it is? "
        "Which classes should be left out of the sum?",
    )


#: Checks of cross_entropy(y, p), along the last axis.
CROSS_ENTROPY = _information_checks(
    probability.cross_entropy,
    lambda y, p: -xlogy(y, p),
    _zero_log_zero(lambda y, p: -(y * np.log(p)).sum(axis=-1)),
    Misconception(
        "the KL divergence",
        probability.kl_divergence,
        "What is the cross-entropy of a distribution with itself: 0, or its entropy?",
    ),
    Misconception(
        "softmax of what are probabilities already",
        lambda y, p: probability.cross_entropy(y, probability.softmax(p)),
        "p holds probabilities, not scores. What does a softmax do to them?",
    ),
)

#: Checks of kl_divergence(y, p), along the last axis.
KL_DIVERGENCE = _information_checks(
    probability.kl_divergence,
    rel_entr,
    _zero_log_zero(lambda y, p: (y * np.log(y / p)).sum(axis=-1)),
    Misconception(
        "the cross-entropy",
        probability.cross_entropy,
        "What should the divergence of a distribution from itself be? What is there too much?",
    ),
    Misconception(
        "the mean of both directions",
        lambda y, p: (probability.kl_divergence(y, p) + probability.kl_divergence(p, y)) / 2,
        "The KL divergence is no distance. Should it be the same in both directions?",
    ),
)


def _labeled_scores(rows: Sequence[Sequence[float]], *labels: int) -> Inputs:
    return lambda _: {"scores": np.array(rows, np.float64), "labels": np.array(labels)}


_LABELED_SCORES: Mapping[str, Inputs] = {
    "a batch": _labeled,
    "large scores": _labeled_scores([[1000, 1001, 1003]], 0),
    "rows far apart": _labeled_scores([[0, 1, 2], [2000, 2001, 2003]], 1, 0),
    "a true class far behind": _labeled_scores([[0, -1000, -2000]], 1),
}
_PAIRS_HINT = (
    "How many entries does your index pick from a batch of 6 rows? Each row goes with one label, "
    "its own."
)
_COUNTING_HINT = "From which number do labels count, from 0 or from 1? What does index -1 mean?"


def _softmax_cross_entropy(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return losses.softmax_cross_entropy(scores, labels, "mean")


#: Checks of softmax_cross_entropy(scores, labels), the mean over the batch.
SOFTMAX_CROSS_ENTROPY = _checks(
    _softmax_cross_entropy,
    _LABELED_SCORES,
    Misconception(
        "the sum over the batch in place of the mean",
        lambda s, k: losses.softmax_cross_entropy(s, k, "sum"),
        "What should happen to the loss when every example comes twice?",
    ),
    Misconception(
        "the loss of each example",
        lambda s, k: losses.softmax_cross_entropy(s, k),
        "Gradient descent goes down one number. How are the losses of a batch put together?",
    ),
    Misconception(
        "a mean over the classes too",
        lambda s, k: _softmax_cross_entropy(s, k) / s.shape[1],
        "A one-hot row has one term that counts. By how many is the sum divided, and how many "
        "examples are there?",
    ),
    Misconception(
        "the wrong sign",
        lambda s, k: -_softmax_cross_entropy(s, k),
        "A probability is at most 1. Which sign has its logarithm, and which a loss?",
    ),
    Misconception(
        "softmax twice",
        lambda s, k: _softmax_cross_entropy(probability.softmax(s), k),
        "Probabilities are no scores: a second softmax flattens them. Which one is too many?",
    ),
    Misconception(
        "no logarithm",
        lambda s, k: -_true(probability.softmax(s), k).mean(),
        "What should the loss be where the true class has probability 1, and what where it has 0?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: _softmax_cross_entropy(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
    Misconception(
        "every label for every row",
        lambda s, k: -probability.log_softmax(s)[:, k].mean(),
        _PAIRS_HINT,
    ),
    Misconception(
        "a logarithm of base 2",
        lambda s, k: _softmax_cross_entropy(s, k) / np.log(2),
        _BASE_HINT,
    ),
    Misconception(
        "the logarithm of a softmax that is 0",
        lambda s, k: -np.log(_true(probability.softmax(s), k)).mean(),
        "A probability may be too small for a float, its logarithm is not. Which of your functions "
        "gives the logarithm without the probability?",
    ),
    Misconception(
        "no shift before exp",
        lambda s, k: (np.log(np.exp(s).sum(axis=1)) - _true(s, k)).mean(),
        _SHIFT_HINT,
    ),
    Misconception(
        "the logarithm of an overflow",
        lambda s, k: -np.log(_true(np.exp(s), k) / np.exp(s).sum(axis=1)).mean(),
        _SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda s, k: (np.log(np.exp(s - s.max()).sum(axis=1)) - _true(s - s.max(), k)).mean(),
        _ROW_MAXIMUM_HINT,
    ),
)


def _softmax_cross_entropy_gradient(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return losses.softmax_cross_entropy.gradient(scores, labels, "mean")


def _one_hot(scores: FloatArray, labels: NDArray[np.intp]) -> FloatArray:
    return np.eye(scores.shape[1], dtype=scores.dtype)[labels]


#: Checks of softmax_cross_entropy_gradient(scores, labels), of the mean over the batch.
SOFTMAX_CROSS_ENTROPY_GRADIENT = _checks(
    _softmax_cross_entropy_gradient,
    _LABELED_SCORES,
    Misconception(
        "the gradient of the sum over the batch",
        lambda s, k: losses.softmax_cross_entropy.gradient(s, k, "sum"),
        "The loss is a mean over the examples. How much of it belongs to one row?",
    ),
    Misconception(
        "a mean over the classes too",
        lambda s, k: _softmax_cross_entropy_gradient(s, k) / s.shape[1],
        "The loss is a mean over the examples. By what is it divided, and by what is it not?",
    ),
    Misconception(
        "the wrong sign",
        lambda s, k: -_softmax_cross_entropy_gradient(s, k),
        "The gradient points to where the loss grows. Should it grow with the true score?",
    ),
    Misconception(
        "the target left out",
        lambda s, k: probability.softmax(s) / len(s),
        "What should the entries of a row sum to, if a common shift of its scores changes nothing?",
    ),
    Misconception(
        "the logarithm of softmax in place of softmax",
        lambda s, k: (probability.log_softmax(s) - _one_hot(s, k)) / len(s),
        "What should the entries of a row sum to, if a common shift of its scores changes nothing?",
    ),
    Misconception(
        "the true class alone",
        lambda s, k: _softmax_cross_entropy_gradient(s, k) * _one_hot(s, k),
        "The loss falls as the score of the true class rises. What does it do as a rival's rises?",
    ),
    Misconception(
        "off-by-one class",
        lambda s, k: _softmax_cross_entropy_gradient(s, (k - 1) % s.shape[1]),
        _COUNTING_HINT,
    ),
    Misconception(
        "every label for every row",
        lambda s, k: (probability.softmax(s) - _one_hot(s, k).max(axis=0)) / len(s),
        _PAIRS_HINT,
    ),
    Misconception(
        "no shift before exp",
        lambda s, k: (np.exp(s) / np.exp(s).sum(axis=1, keepdims=True) - _one_hot(s, k)) / len(s),
        _SHIFT_HINT,
    ),
    Misconception(
        "the maximum of the whole array",
        lambda s, k: (
            (np.exp(s - s.max()) / np.exp(s - s.max()).sum(axis=1, keepdims=True) - _one_hot(s, k))
            / len(s)
        ),
        _ROW_MAXIMUM_HINT,
    ),
)

# --- networks -------------------------------------------------------------------------------------


def _network(*sizes: int, rows: tuple[int, ...] = (8,)) -> Inputs:
    def made(rng: np.random.Generator) -> Arguments:
        return {
            "x": 3 * rng.normal(size=(*rows, sizes[0])),
            "weights": [rng.normal(size=(m, n)) for n, m in pairwise(sizes)],
            "biases": [rng.normal(size=m) for m in sizes[1:]],
        }

    return made


def _net(x: FloatArray, weights: list[FloatArray], biases: list[FloatArray]) -> MLP:
    net = MLP([weights[0].shape[1], *map(len, weights)], rng=0, dtype=x.dtype)
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        net.weights[i][...], net.biases[i][...] = weight, bias
    return net


def _mlp(x: FloatArray, weights: list[FloatArray], biases: list[FloatArray]) -> FloatArray:
    return _net(x, weights, biases)(x)


def _forward(
    x: FloatArray,
    weights: list[FloatArray],
    biases: list[FloatArray],
    between: Function = activations.relu,
    end: Function = activations.identity,
    transposed: bool = False,
) -> FloatArray:
    after = [between] * (len(weights) - 1) + [end]
    for weight, bias, function in zip(weights, biases, after, strict=True):
        x = function(x @ (weight if transposed else weight.T) + bias)
    return x


#: Checks of forward(x, weights, biases): linear layers with ReLU between them, weights (out, in).
MLP_FORWARD = _checks(
    _mlp,
    {
        "layers of one size": _network(3, 3, 3),
        "layers of several sizes": _network(2, 5, 4, 3),
        "one layer": _network(4, 3),
        "one example": _network(2, 5, 3, rows=()),
    },
    Misconception(
        "missing bias",
        lambda x, w, b: _forward(x, w, [0 * bias for bias in b]),
        "What does a layer add to the weighted sum of its inputs?",
    ),
    Misconception(
        "transposed weight",
        partial(_forward, transposed=True),
        "A weight has shape (out, in) and a batch shape (examples, in). Which axes have to meet in "
        "the product?",
    ),
    Misconception(
        "an activation after the last layer",
        partial(_forward, end=activations.relu),
        "The network returns scores, which may have either sign. Which layers have an activation?",
    ),
    Misconception(
        "a softmax after the last layer",
        partial(_forward, end=probability.softmax),
        "The network returns scores. Who turns them into probabilities?",
    ),
    Misconception(
        "no activation between the layers",
        partial(_forward, between=activations.identity),
        "What do two linear layers in a row amount to?",
    ),
    Misconception(
        "a sigmoid between the layers",
        partial(_forward, between=activations.sigmoid),
        "Which activation was asked for?",
    ),
    Misconception(
        "an activation before the first layer",
        lambda x, w, b: _forward(activations.relu(x), w, b),
        "Does the first layer see the inputs themselves? In which order do the parts of a layer "
        "come?",
    ),
)


def _scored(*sizes: int) -> Inputs:
    inputs = _network(*sizes)
    return lambda rng: inputs(rng) | {"gradient": rng.normal(size=(8, sizes[-1]))}


def _gradients(
    x: FloatArray, weights: list[FloatArray], biases: list[FloatArray], gradient: FloatArray
) -> list[list[FloatArray]]:
    net = _net(x, weights, biases)
    net.forward(x)
    gradients = net.backward(gradient)
    return [list(gradients.weights), list(gradients.biases)]


def _backward(
    x: FloatArray,
    weights: list[FloatArray],
    biases: list[FloatArray],
    gradient: FloatArray,
    *,
    slope: Function = activations.relu.derivative,
    slope_of: int = -1,
    transposed: bool = False,
    output: Function = activations.relu,
    output_of: int = 0,
    total: Function = sum,
) -> list[list[FloatArray]]:
    layers = range(1, len(weights) + 1)
    z = [_forward(x, weights[:i], biases[:i]) for i in layers]
    a = [x, *(output(each) for each in z[:-1]), z[-1]]
    found: list[list[FloatArray]] = [[], []]
    for i in reversed(range(len(weights))):
        found[0].insert(0, gradient.T @ a[i + output_of])
        found[1].insert(0, total(gradient))
        weight = weights[i].T if transposed else weights[i]
        if slope_of:
            gradient = gradient @ weight * slope(z[i + slope_of])
        else:
            gradient = (gradient * slope(z[i])) @ weight
    return found


def _counted(function: Function, arguments: Arguments) -> str:
    output = function(*arguments.values())
    if isinstance(output, (list, tuple)) and all(isinstance(p, (list, tuple)) for p in output):
        return f"returned lists of {' and '.join(str(len(part)) for part in output)} arrays"
    return f"returned {'None' if output is None else f'a {type(output).__name__}'}"


def _one_of(part: int, layer: int) -> Callable[[Function, Arguments], Any]:
    return lambda function, arguments: np.array(function(*arguments.values())[part][layer - 1])


def _joined(function: Function, arguments: Arguments) -> FloatArray:
    weights, biases = function(*arguments.values())
    return np.concatenate([np.ravel(gradient) for gradient in (*weights, *biases)])


_ON_THE_WAY_HINT = (
    "Which numbers did ReLU let pass on the way forward, and how steep was it there? On the way "
    "back the gradient meets the same layer's ReLU once."
)
_EXAMPLES_HINT = (
    "Every example adds its part to the gradient of a bias. How many biases has a layer, and along "
    "which axis do the examples lie?"
)
_BACKWARD = (
    Misconception(
        "transposed weight",
        partial(_backward, transposed=True),
        "Forward, a weight takes a row from (in) to (out). Which axes have to meet when the "
        "gradient goes back from (out) to (in)?",
    ),
    Misconception(
        "transposed gradient of the weight",
        lambda *arguments: [[w.T for w in _gradients(*arguments)[0]], _gradients(*arguments)[1]],
        "A weight has shape (out, in), and so has its gradient. Which index is that of the unit?",
    ),
    Misconception(
        "the gradient through ReLU forgotten",
        partial(_backward, slope=np.ones_like),
        _ON_THE_WAY_HINT,
    ),
    Misconception(
        "ReLU in place of its derivative",
        partial(_backward, slope=activations.relu),
        _ON_THE_WAY_HINT,
    ),
    Misconception(
        "the derivative of ReLU at the wrong layer",
        partial(_backward, slope_of=0),
        "Between which two linear layers lies the ReLU that the gradient meets next? After the "
        "last there is none.",
    ),
    Misconception(
        "a ReLU after the last layer",
        lambda x, w, b, g: _gradients(x, w, b, g * activations.relu.derivative(_mlp(x, w, b))),
        "The scores come straight from a linear layer. What does the gradient in them meet first?",
    ),
    Misconception(
        "preactivations in place of outputs",
        partial(_backward, output=activations.identity),
        "What did the weight multiply on the way forward: the numbers before ReLU or after it?",
    ),
    Misconception(
        "the output of a layer in place of its input",
        partial(_backward, output_of=1),
        "With what was this layer's weight multiplied on the way forward?",
    ),
    Misconception(
        "biases not summed over the batch", partial(_backward, total=np.array), _EXAMPLES_HINT
    ),
    Misconception(
        "biases summed over the units",
        partial(_backward, total=partial(np.sum, axis=1)),
        _EXAMPLES_HINT,
    ),
    Misconception("one sum for all biases", partial(_backward, total=np.sum), _EXAMPLES_HINT),
    Misconception(
        "mean for sum over the batch",
        lambda x, w, b, g: _gradients(x, w, b, g / len(x)),
        "Is the loss a sum over the examples or their mean? The gradient in the scores that came "
        "in knows already.",
    ),
    Misconception(
        "layers in the other order",
        lambda *arguments: [part[::-1] for part in _gradients(*arguments)],
        "You found the last layer's gradient first. Where in the list does it belong?",
    ),
)
_THREE_LAYERS = _scored(3, 3, 3, 3)

#: Checks of backward(x, weights, biases, gradient in the scores), which returns two lists.
MLP_BACKWARD = (
    Check("a list for the weights, one for the biases", _THREE_LAYERS, _gradients, (), _counted),
    *(
        Check(f"the {what} of layer {i}", _THREE_LAYERS, _gradients, _BACKWARD, _one_of(part, i))
        for i in (3, 2, 1)
        for part, what in enumerate(("weights", "biases"))
    ),
    *_checks(
        _gradients,
        {"layers of several sizes": _scored(2, 5, 4, 3), "one layer": _scored(4, 3)},
        *_BACKWARD,
        observe=_joined,
    ),
)


def _step(*shape: int, rate: float = 0.1) -> Inputs:
    return lambda rng: {
        "theta": rng.normal(size=shape),
        "gradient": rng.normal(size=shape),
        "learning_rate": rate,
    }


def _descended(theta: FloatArray, gradient: FloatArray, learning_rate: float) -> FloatArray:
    return theta - learning_rate * gradient


#: Checks of sgd_step(theta, gradient, learning_rate), which returns the new parameters.
SGD_STEP = _checks(
    _descended,
    {
        "a vector": _step(4),
        "a matrix": _step(3, 2),
        "a learning rate of 0": _step(3, rate=0.0),
    },
    Misconception(
        "a step uphill",
        lambda theta, gradient, rate: theta + rate * gradient,
        "The gradient points to where the loss grows fastest. Where do you want to go?",
    ),
    Misconception(
        "no learning rate",
        lambda theta, gradient, rate: theta - gradient,
        "How long is your step? What should change when the learning rate is halved?",
    ),
    Misconception(
        "a division by the learning rate",
        lambda theta, gradient, rate: theta - gradient / rate,
        "Should a smaller learning rate make a longer or a shorter step?",
    ),
    Misconception(
        "the step in place of the new parameters",
        lambda theta, gradient, rate: -rate * gradient,
        "That is how far to go. Where do you stand then?",
    ),
    Misconception(
        "the sign of the gradient",
        lambda theta, gradient, rate: theta - rate * np.sign(gradient),
        "Should a steep slope make a longer step than a gentle one?",
    ),
    Misconception(
        "a gradient of length 1",
        lambda theta, gradient, rate: theta - rate * gradient / np.linalg.norm(gradient),
        "Should a steep slope make a longer step than a gentle one?",
    ),
    Misconception(
        "a mean taken twice",
        lambda theta, gradient, rate: theta - rate * gradient / len(gradient),
        "The gradient may be a mean over examples already. What does a division by the number of "
        "parameters do?",
    ),
)


# --- PyTorch, loaded only when its checks run -----------------------------------------------------


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

#: Checks of a class Net(input_size, layer_sizes, output_size) of torch modules with ReLU.
MULTI_LAYER_NET = tuple(
    Check(name, inputs, _multi_layer_net, _NETS, observe)
    for name, inputs, observe in (
        ("all parameters are registered", _TWO_HIDDEN, _registered),
        ("logits", _TWO_HIDDEN, _logits),
        ("more hidden layers", _sized(3, 7, 6, 5, output_size=4), _logits),
        ("no hidden layer", _sized(3, output_size=4), _logits),
        ("every parameter gets a gradient", _TWO_HIDDEN, _trained),
    )
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

#: Checks of a class Net(input_size, hidden_size, output_size) of torch modules with ReLU.
TWO_LAYER_NET = tuple(
    Check(name, inputs, _one_hidden(_multi_layer_net), _TWO_LAYER_NETS, observe)
    for name, inputs, observe in (
        ("all parameters are registered", _sized_by_one(2, 5, 3), _registered),
        ("logits", _sized_by_one(2, 5, 3), _logits),
        ("other sizes", _sized_by_one(4, 6, 2), _logits),
        ("every parameter gets a gradient", _sized_by_one(2, 5, 3), _trained),
    )
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

#: Checks of predict(net, x): the class with the largest score, of each row.
PREDICT = (
    Check("a batch", _score_rows(6, 3), _predict, _PREDICTIONS, _classes),
    Check("as many examples as classes", _score_rows(4, 4), _predict, _PREDICTIONS, _classes),
    Check("no graph is recorded", _score_rows(6, 3), _predict, _PREDICTIONS, _recorded),
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

#: Checks of accuracy(net, x, labels): the share of right predictions.
ACCURACY = tuple(
    Check(name, inputs, _accuracy, _ACCURACIES, _number)
    for name, inputs in (
        ("some are wrong", _guessed(7, 3, wrong=2)),
        ("all are right", _guessed(5, 3, wrong=0)),
    )
)


def _layered(*listed: bool, passes: int = 0) -> Inputs:
    """Return data for a network of so many layers, of which ``parameters()`` lists some."""
    return lambda rng: {
        "x": rng.normal(size=(6, 4)).astype(np.float32),
        "labels": rng.integers(3, size=6),
        "learning_rate": 0.1,
        "listed": listed,
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

#: Checks of movement(net, layers, x, labels, learning_rate): how far a step moves each weight.
MOVEMENT = tuple(
    Check(name, inputs, _movement, _MOVEMENTS, _lengths)
    for name, inputs in (
        ("every layer is registered", _layered(True, True, True)),
        ("a layer is not registered", _layered(True, False, True)),
        ("gradients are left from before", _layered(True, False, True, passes=1)),
    )
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

#: Checks of train(net, x, labels, epochs, batch_size, learning_rate, seed), a loop with torch's SGD
#: that returns the mean loss of each epoch's batches.
TRAIN = tuple(
    Check(name, inputs, _train, _TRAININGS, observe)
    for name, inputs, observe in (
        ("two steps with all examples", _batches(6, batch_size=6), _parameters),
        ("small batches", _batches(7, batch_size=3), _parameters),
        ("the losses", _batches(7, batch_size=3), _losses),
        ("the losses are numbers", _batches(7, batch_size=3), _kinds),
    )
)

# --- the doors ------------------------------------------------------------------------------------

#: The checks of every function by its name.
CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {
        "relu": RELU,
        "relu_derivative": RELU_DERIVATIVE,
        "sigmoid": SIGMOID,
        "softplus": SOFTPLUS,
        "hinge": HINGE,
        "softmax": SOFTMAX,
        "log_softmax": LOG_SOFTMAX,
        "cross_entropy": CROSS_ENTROPY,
        "kl_divergence": KL_DIVERGENCE,
        "softmax_cross_entropy": SOFTMAX_CROSS_ENTROPY,
        "softmax_cross_entropy_gradient": SOFTMAX_CROSS_ENTROPY_GRADIENT,
        "mlp_forward": MLP_FORWARD,
        "mlp_backward": MLP_BACKWARD,
        "sgd_step": SGD_STEP,
        "two_layer_net": TWO_LAYER_NET,
        "multi_layer_net": MULTI_LAYER_NET,
        "predict": PREDICT,
        "accuracy": ACCURACY,
        "movement": MOVEMENT,
        "train": TRAIN,
    }
)


def _report(name: str, function: Function, seed: int) -> Report:
    report = Report(name, [check.run(function, seed) for check in CHECKS[name]])
    print(report)
    return report


def relu(function: Function, *, seed: int = 0) -> Report:
    """Check ``relu(x)``: ReLU of every entry.

    Parameters
    ----------
    function : callable
        Yours; its arguments are passed by position.
    seed : int, default 0
        Of the inputs.

    Returns
    -------
    Report
        What each check found; it has been printed.

    Raises
    ------
    TypeError
        If `function` cannot be called or `seed` is not an integer.
    ValueError
        If `seed` is negative. What your function raises is told, and not raised.

    Examples
    --------
    >>> from nnlib import check
    >>> report = check.relu(abs)
    relu: 1 of 5 checks passed
      WRONG  numbers of both signs
             it gave 0.1321, too large at index [0, 1], for x of shape (2, 5). This looks
             like: the absolute value. What should become of a negative number? Draw the
             graph left of 0.
      WRONG  three axes
      WRONG  zero and the infinities
      WRONG  float32 stays float32
      ok     the arguments stay as they were
    >>> report.passed
    False
    """
    return _report("relu", function, seed)


def relu_derivative(function: Function, *, seed: int = 0) -> Report:
    """Check ``relu_derivative(x)``: the derivative of ReLU at every entry.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("relu_derivative", function, seed)


def sigmoid(function: Function, *, seed: int = 0) -> Report:
    """Check ``sigmoid(x)`` of every entry, at numbers of any size.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("sigmoid", function, seed)


def softplus(function: Function, *, seed: int = 0) -> Report:
    """Check ``softplus(x)`` of every entry, at numbers of any size.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("softplus", function, seed)


def hinge(function: Function, *, seed: int = 0) -> Report:
    """Check ``hinge(scores, labels)``: the loss of each row of scores, for class indices.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("hinge", function, seed)


def softmax(function: Function, *, seed: int = 0) -> Report:
    """Check ``softmax(scores)`` along the last axis, at scores of any size.

    Parameters, returns and errors as for :func:`relu`.

    Examples
    --------
    >>> import numpy as np
    >>> from nnlib import check
    >>> def my_softmax(scores):
    ...     e = np.exp(scores)
    ...     return e / e.sum(axis=-1, keepdims=True)
    >>> report = check.softmax(my_softmax)
    softmax: 5 of 7 checks passed
      ok     a batch of rows
      ok     one row
      ok     three axes
      WRONG  large scores
             it gave nan at index [0], for scores = [1000, 2000, 3000]. This looks like: no
             shift before exp. What is exp(1000) in floats, and inf / inf? Which number can
             be taken from all scores of a row without changing the result?
      WRONG  rows far apart
      ok     float32 stays float32
      ok     the arguments stay as they were
    """
    return _report("softmax", function, seed)


def log_softmax(function: Function, *, seed: int = 0) -> Report:
    """Check ``log_softmax(scores)`` along the last axis, at scores of any size.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("log_softmax", function, seed)


def cross_entropy(function: Function, *, seed: int = 0) -> Report:
    """Check ``cross_entropy(y, p)`` in nats, along the last axis.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("cross_entropy", function, seed)


def kl_divergence(function: Function, *, seed: int = 0) -> Report:
    """Check ``kl_divergence(y, p)`` in nats, along the last axis.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("kl_divergence", function, seed)


def softmax_cross_entropy(function: Function, *, seed: int = 0) -> Report:
    """Check ``softmax_cross_entropy(scores, labels)``: the mean loss, for class indices.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("softmax_cross_entropy", function, seed)


def softmax_cross_entropy_gradient(function: Function, *, seed: int = 0) -> Report:
    """Check ``softmax_cross_entropy_gradient(scores, labels)``: of the mean loss, in the scores.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("softmax_cross_entropy_gradient", function, seed)


def mlp_forward(function: Function, *, seed: int = 0) -> Report:
    """Check ``forward(x, weights, biases)``: linear layers with ReLU between, weights (out, in).

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("mlp_forward", function, seed)


def mlp_backward(function: Function, *, seed: int = 0) -> Report:
    """Check ``backward(x, weights, biases, gradient)`` of the network of :func:`mlp_forward`.

    `gradient` is that of a scalar in the scores, one row for each example. The function returns two
    lists: the gradients in the weights and those in the biases, first layer first.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("mlp_backward", function, seed)


def sgd_step(function: Function, *, seed: int = 0) -> Report:
    """Check ``sgd_step(theta, gradient, learning_rate)``, which returns the new parameters.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("sgd_step", function, seed)


def two_layer_net(function: Function, *, seed: int = 0) -> Report:
    """Check a torch class ``Net(input_size, hidden_size, output_size)`` with ReLU; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("two_layer_net", function, seed)


def multi_layer_net(function: Function, *, seed: int = 0) -> Report:
    """Check a torch class ``Net(input_size, layer_sizes, output_size)`` with ReLU; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("multi_layer_net", function, seed)


def predict(function: Function, *, seed: int = 0) -> Report:
    """Check ``predict(net, x)``: the class with the largest score of each row; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("predict", function, seed)


def accuracy(function: Function, *, seed: int = 0) -> Report:
    """Check ``accuracy(net, x, labels)``: the share of right predictions; needs torch.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("accuracy", function, seed)


def movement(function: Function, *, seed: int = 0) -> Report:
    """Check ``movement(net, layers, x, labels, learning_rate)``; needs torch.

    It takes one step and returns how far the weight of each layer moves.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("movement", function, seed)


def train(function: Function, *, seed: int = 0) -> Report:
    """Check ``train(net, x, labels, epochs, batch_size, learning_rate, seed)``; needs torch.

    It trains the network in place and returns the mean loss of each epoch's batches.

    Parameters, returns and errors as for :func:`relu`.
    """
    return _report("train", function, seed)
