"""What a check is: what it runs, compares and tells; and what every function of arrays must do."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from functools import lru_cache
from inspect import cleandoc
from numbers import Real
from textwrap import fill
from types import NoneType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nnlib._arrays import FloatArray, check_callable, check_count

__all__ = [
    "Arguments",
    "Check",
    "Function",
    "Inputs",
    "Misconception",
    "Other",
    "Raised",
    "Report",
    "Result",
    "Seen",
    "Suite",
    "look",
]

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
    """In place of what a function returns: the name of a type that no check asks for.

    Attributes
    ----------
    kind : str
    numbers : array or None
        What it holds, where it is a list of numbers or the like.
    """

    kind: str
    numbers: NDArray[Any] | None = field(default=None, compare=False, repr=False)


Seen: TypeAlias = np.ndarray | str | Raised | Other | None


def copied_output(function: Function, arguments: Arguments) -> Any:
    """Return a copy of what the function returns, as an array if it is a number or an array."""
    return copied(function(*arguments.values()))


def copied(output: Any) -> Any:
    """Return a copy, as an array, of a number or an array."""
    return np.array(output) if isinstance(output, (np.ndarray, np.generic, Real)) else output


def look(
    observe: Callable[[Function, Arguments], Any], function: Function, arguments: Arguments
) -> Seen:
    """Return what is observed of a function, or the error that it raised.

    This and all that it calls may be sent to another process, where nothing else of nnlib is.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seen = observe(function, arguments)
        except Exception as error:
            message = re.sub(r"\b0x[0-9a-fA-F]+", "0x...", " ".join(str(error).split()))
            return Raised(type(error).__name__, message)
        if isinstance(seen, np.ndarray) and not seen.dtype.hasobject:
            return seen
        if isinstance(seen, (str, NoneType)):
            return seen
        kind = "array of dtype object" if isinstance(seen, np.ndarray) else type(seen).__name__
        return Other(kind, _numbers_in(seen))


def _numbers_in(seen: Any) -> NDArray[Any] | None:
    """Return the numbers that a list, a tuple or the like holds."""
    try:
        numbers = np.array(seen)
    except Exception:
        return None
    return numbers if numbers.dtype.kind in "biuf" else None


@dataclass(frozen=True, eq=False)
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
    >>> one_row = check.softmax["one row"]
    >>> one_row.run(softmax)
    Result(name='one row', ok=True, message='')
    >>> one_row.run(lambda a: -softmax(a)).ok
    False
    """

    name: str
    inputs: Inputs = field(repr=False)
    right: Function = field(repr=False)
    misconceptions: Sequence[Misconception] = field(repr=False)
    observe: Callable[[Function, Arguments], Any] = field(default=copied_output, repr=False)

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
        return look(self.observe, function, self.arguments(seed))

    def expected(self, seed: int = 0) -> NDArray[Any] | str:
        """Return what the check sees of the right implementation.

        Raises
        ------
        ValueError
            If that is no array and no text: it cannot be compared with.
        """
        wanted = _seen_of(self, self.right, seed)
        if isinstance(wanted, (np.ndarray, str)):
            return wanted
        of_this = f"the right function of check {self.name!r}"
        if isinstance(wanted, Raised):
            raise ValueError(f"{of_this} raised {wanted.kind}: {wanted.message}")
        what = _with_article(wanted.kind) if wanted else "nothing"
        raise ValueError(
            f"{of_this} returned {what}; give the check an observe that makes an array or a text "
            "of it"
        )

    def arguments(self, seed: int = 0) -> Arguments:
        """Return the arguments that a function gets with this seed, by their names."""
        return self.inputs(np.random.default_rng(seed))

    def judge(self, seen: Seen, seed: int = 0) -> Result:
        """Return what :meth:`run` finds, of what :meth:`see` has seen with the same seed."""
        wanted = self.expected(seed)
        if _same(seen, wanted):
            return Result(self.name, True, "")
        message = f"{_difference(seen, wanted)}, for {_shown(self.arguments(seed))}."
        for mistake in self.misconceptions:
            if _same(seen, _seen_of(self, mistake.wrong, seed)):
                message += f" This looks like: {mistake.name}. {mistake.hint}"
                break
        return Result(self.name, False, message)


@dataclass(frozen=True, eq=False, repr=False)
class Suite(Mapping[str, Check]):
    """All checks of one function: call it to run them, or look one up by its name.

    Parameters
    ----------
    name : str
        Name of the function that is to be written.
    about : str
        What the function should do; it becomes the suite's docstring.
    checks : sequence of Check
        In the order in which they run. No two have the same name.

    Raises
    ------
    ValueError
        If two checks have the same name.

    Examples
    --------
    >>> from nnlib import check, softmax
    >>> len(check.softmax), "three axes" in check.softmax
    (7, True)
    >>> check.softmax["three axes"].run(softmax)
    Result(name='three axes', ok=True, message='')
    >>> check.sgd_step["a tensor"]
    Traceback (most recent call last):
    KeyError: "sgd_step has no check 'a tensor', only ['a vector', 'a matrix', ...]"
    """

    name: str
    about: InitVar[str]
    checks: Sequence[Check]

    def __post_init__(self, about: str) -> None:
        if len(set(self)) < len(self):
            raise ValueError(f"checks must have names of their own, got {list(self)}")
        text = f"{cleandoc(about)}\n\nParameters, returns and errors as for every :class:`Suite`."
        object.__setattr__(self, "__doc__", text)
        object.__setattr__(self, "checks", tuple(self.checks))

    def __call__(self, function: Function, *, seed: int = 0) -> Report:
        """Run every check on a function of yours, and print what they find.

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
        report = Report(self.name, [check.run(function, seed) for check in self.checks])
        print((not report.passed and self._missing(function, seed)) or report)
        return report

    def _missing(self, function: Function, seed: int) -> str:
        """Say that nothing is there to be checked, as where a name waits for its body."""
        if isinstance(function, type):
            empty = function.__bases__ == (object,) and not any(
                map(callable, vars(function).values())
            )
            lacks = "is an empty class"
        else:
            empty, lacks = self.checks[0].see(function, seed) is None, "returns nothing"
        name = getattr(function, "__name__", "your function")
        return f"{self.name}: {name} {lacks} yet. Write it above, and run this again." * empty

    def __getitem__(self, name: str) -> Check:
        for check in self.checks:
            if check.name == name:
                return check
        # What is misspelled must not go unchecked.
        raise KeyError(f"{self.name} has no check {name!r}, only {list(self)}")

    def __iter__(self) -> Iterator[str]:
        return (check.name for check in self.checks)

    def __len__(self) -> int:
        return len(self.checks)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self)} checks>"

    def select(self, *names: str) -> list[Check]:
        """Return the checks of these names, in the order asked for.

        Raises
        ------
        KeyError
            If none has such a name.

        Examples
        --------
        >>> from nnlib import check
        >>> check.softmax.select("one row", "large scores")
        [Check(name='one row'), Check(name='large scores')]
        """
        return [self[name] for name in names]


@lru_cache(4096)
def _seen_of(check: Check, known: Function, seed: int) -> Seen:
    """Return what the check sees of an implementation of its own: the same for every student."""
    return check.see(known, seed)


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
        return f"it returned {_with_article(kind)}, but should have returned an array"
    for what in ("shape", "dtype"):
        came, expected = getattr(got, what), getattr(wanted, what)
        if came != expected:
            return f"it returned an array of {what} {came}, but should have {what} {expected}"
    first = tuple(int(i) for i in np.argwhere(~_close(got, wanted))[0])
    value = got[first]
    size = "" if np.isnan(value) else ", too large" if value > wanted[first] else ", too small"
    place = f" at index {list(first)}" if first else ""
    return f"it gave {value:.4g}{size}{place}"


def _with_article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _shown(arguments: Arguments) -> str:
    return ", ".join(f"{name} {_described(value)}" for name, value in arguments.items())


def _described(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(entry, np.ndarray) for entry in value):
        return "of shapes " + " and ".join(str(entry.shape) for entry in value)
    if isinstance(value, np.ndarray) and value.size > 8:
        return f"of shape {value.shape}"
    if isinstance(value, np.ndarray):
        shown: Any = {"float_kind": f"{{:.{_digits(value)}g}}".format}
        return "= " + " ".join(np.array2string(value, separator=", ", formatter=shown).split())
    return f"= {value}"


def _digits(value: NDArray[Any]) -> int:
    """Return how many digits tell different entries apart, at least four."""
    entries = {*value.ravel().tolist()}
    apart = (n for n in range(4, 17) if len({f"{x:.{n}g}" for x in entries}) == len(entries))
    return next(apart, 17)


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


def array_checks(
    right: Function,
    inputs: Mapping[str, Inputs],
    *misconceptions: Misconception,
    observe: Callable[[Function, Arguments], Any] = copied_output,
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
            "np.zeros or np.ones, an array of Python's numbers, a conversion, a NumPy constant?",
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


def array_suite(
    name: str,
    about: str,
    right: Function,
    inputs: Mapping[str, Inputs],
    *misconceptions: Misconception,
    observe: Callable[[Function, Arguments], Any] = copied_output,
) -> Suite:
    """Return the suite that has these checks alone."""
    return Suite(name, about, array_checks(right, inputs, *misconceptions, observe=observe))


def joined(arrays: Sequence[Any]) -> Any:
    """Return all entries of several arrays in one; or in a list, if one of them is no array."""
    entries = np.concatenate([np.ravel(array) for array in arrays])
    return entries if all(isinstance(one, np.ndarray) for one in arrays) else entries.tolist()


def output_at(place: int) -> Callable[[Function, Arguments], Any]:
    """Return what observes one of several arrays."""

    def observe(function: Function, arguments: Arguments) -> Any:
        output = function(*arguments.values())
        return output if output is None else copied(output[place])

    return observe


def normal(name: str, *shape: int) -> Inputs:
    return lambda rng: {name: 2 * rng.normal(size=shape)}


def fixed(name: str, *values: Any) -> Inputs:
    return lambda _: {name: np.array(values, np.float64)}
