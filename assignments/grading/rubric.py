"""What an assignment asks for: items worth points, each with checks of :mod:`nnlib.check`.

``Item.program`` runs a student's function, ``Item.judge`` compares what it did with the reference.
They are two steps, so that each can run in a process of its own: the one that gives the points
never runs a student's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from nnlib.check import Check, Function, Other, Raised, Result, Seen, Suite

from .parcel import Program, make_program, unpack

# Kinds of Raised: the process of a check has ended, or something was used that is not allowed.
NO_RESULT, NOT_ALLOWED = "no result", "NotAllowed"
# The checks that every function of arrays has, by their names in its suite.
KEPT = ("float32 stays float32", "the arguments stay as they were")


class Part(NamedTuple):
    """A share of an item's points, earned when all of its checks pass."""

    points: int
    name: str
    checks: Sequence[Check]

    @property
    def alone(self) -> bool:
        """Whether it earns points where no other part does."""
        return any(check.name not in KEPT for check in self.checks)


def careful(suite: Suite) -> Part:
    """Return the part of a function's manners, whatever values it returns.

    They are judged by themselves, so that wrong values cost no points here; but manners alone earn
    nothing.
    """
    return Part(1, "float32 and arguments unchanged", suite.select(*KEPT))


class Outcome(NamedTuple):
    """What an item has earned.

    Attributes
    ----------
    item : str
        Its name.
    points, earned : int
        How many points the item is worth, and how many of them this outcome has.
    results : list of (Part, list of Result)
        What each check of each part has found.
    """

    item: str
    points: int
    earned: int
    results: list[tuple[Part, list[Result]]]

    def __str__(self) -> str:
        lines = [f"{self.item}: {self.earned} of {self.points} points"]
        for part, results in self.results:
            wrong = [result for result in results if not result.ok]
            lines.append(f"  {0 if wrong else part.points} of {part.points}  {part.name}")
            lines += [f"      {result.name}: {result.message}" for result in wrong[:1]]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Item:
    """One function or class that a student writes.

    Attributes
    ----------
    name : str
        Name of the function. Its solution stands in the notebook's cell NAME, its checks in the
        cell ``check-NAME``.
    parts : sequence of Part
    needs : mapping, optional
        Earlier functions that this one calls, by name, each with its reference implementation.
        The item is graded with the references, so that a mistake in an earlier function does not
        cost points here again. They may use what is allowed, and nothing else.
    allowed : sequence of str, optional
        Packages that there are while this item is graded, in place of the rubric's.
    """

    name: str
    parts: Sequence[Part]
    needs: Mapping[str, Function] = field(default_factory=dict)
    allowed: Sequence[str] | None = None

    @property
    def points(self) -> int:
        """What the item is worth."""
        return sum(part.points for part in self.parts)

    @property
    def attempts(self) -> tuple[bool, ...]:
        """Values of ``own_needs`` to grade the item with: the best of these outcomes counts.

        The student's own functions come second: one function may rely on something that another
        does beyond what was asked, and the reference does not do it.
        """
        return (False, True) if self.needs else (False,)

    @property
    def checks(self) -> list[Check]:
        """The checks of all parts."""
        return [check for part in self.parts for check in part.checks]

    @property
    def solutions(self) -> frozenset[int]:
        """Identities of the functions that solve the item, or nearly do."""
        known = [one for check in self.checks for one in (check.right, *wrong_ones(check))]
        return frozenset(map(id, known))

    def program(self, seed: int, own_needs: bool = False, start: int = 0) -> Program:
        """Return what runs the student's function once for each check, from a check on.

        Parameters
        ----------
        seed : int
            The seed of the inputs.
        own_needs : bool
            Whether the function calls the student's own versions of what it needs, in place of
            the references.
        start : int
            Number of the first check.
        """
        needs = {} if own_needs else self.needs
        return make_program(self.name, self.checks[start:], needs, seed, self.solutions)

    def judge(self, seen: Sequence[Seen], seed: int) -> Outcome:
        """Return the outcome of the item, given what each of its checks saw with this seed.

        Slips, such as a list in place of an array, cost one part: that which is worth least.
        Manners earn nothing where no other part does.
        """
        pairs = zip(self.checks, seen, strict=True)
        verdicts = iter([judge_mended(check, output, seed) for check, output in pairs])
        parts = [(part, [next(verdicts) for _ in part.checks]) for part in self.parts]
        slipped = [part for part, found in parts if any(slip for _, slip in found)]
        charged = min(reversed(slipped), key=lambda part: part.points, default=None)
        results = [
            (part, [verdict if part is charged else forgiven(verdict, slip)
                    for verdict, slip in found])
            for part, found in parts
        ]  # fmt: skip
        if not any(part.alone and passed(found) for part, found in results):
            results = [(part, found if part.alone else list(map(untold, found)))
                       for part, found in results]  # fmt: skip
        earned = sum(part.points for part, found in results if passed(found))
        return Outcome(self.name, self.points, earned, results)


def passed(results: Iterable[Result]) -> bool:
    """Return whether all is well."""
    return all(result.ok for result in results)


def untold(result: Result) -> Result:
    """Return the result of a check of manners, where there are no right values to go with them."""
    words = "this was not judged, since the values are not right yet"
    return Result(result.name, False, words) if result.ok else result


def wrong_ones(check: Check) -> list[Function]:
    """Return the implementations of the mistakes that a check knows."""
    return [known.wrong for known in check.misconceptions]


# --- slips: what is right but for its form --------------------------------------------------------


def judge_mended(check: Check, seen: Seen, seed: int) -> tuple[Result, bool]:
    """Return what a check finds, and whether a slip is all that is wrong."""
    if isinstance(seen, Raised) and seen.kind in (NO_RESULT, NOT_ALLOWED):
        return Result(check.name, False, seen.message), False
    wanted = check.expected(seed)
    if not isinstance(wanted, np.ndarray):
        return check.judge(seen, seed), False

    def judge(seen: Seen) -> Result:
        return check.judge(with_values_of(seen, wanted) if check.name in KEPT else seen, seed)

    result = judge(seen)
    return result, not result.ok and judge(mend(seen, wanted)).ok


def with_values_of(seen: Seen, wanted: np.ndarray) -> Seen:
    """Return what was wanted in place of an array of its shape and dtype."""
    same = isinstance(seen, np.ndarray) and (seen.shape, seen.dtype) == (wanted.shape, wanted.dtype)
    return wanted if same else seen


def mend(seen: Seen, wanted: np.ndarray) -> Seen:
    """Return what was seen in the form that was wanted: an array, of its axes and its dtype."""
    if isinstance(seen, Other) and seen.numbers is not None:
        seen = seen.numbers
    if not isinstance(seen, np.ndarray):
        return seen
    if without_ones(seen.shape) == without_ones(wanted.shape):
        seen = seen.reshape(wanted.shape)
    if seen.dtype.kind in "iuf" and wanted.dtype.kind in "iuf":
        seen = seen.astype(wanted.dtype)
    return seen


def without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without its axes of length 1."""
    return tuple(size for size in shape if size != 1)


def forgiven(result: Result, slip: bool) -> Result:
    """Return the result of a check, right if a slip is all that is wrong."""
    return result._replace(ok=True, message="") if slip else result


# --- rubrics --------------------------------------------------------------------------------------


def best_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the first outcome that earns the most.

    Outcomes are costly to make, so none is asked for after one that earns all points.
    """
    made = []
    for outcome in outcomes:
        made.append(outcome)
        if outcome.earned == outcome.points:
            break
    return max(made, key=lambda outcome: outcome.earned)


@dataclass(frozen=True)
class Rubric:
    """All items of an assignment, and its written questions, which a person grades.

    Attributes
    ----------
    name : str
    items : sequence of Item
    written : mapping of str to int
        The points of each written answer, by the name of its cell.
    allowed : sequence of str
        Packages that there are while items are graded, beside Python's standard library.
    seed : int
        The seed of the inputs. The checks that students can run use 0, so this is another.
    seconds : float
        Time limit of each cell and each item: so much processor time, or so much idle time.
    memory : int
        How many bytes the process of a submission may use.
    """

    name: str
    items: Sequence[Item]
    written: Mapping[str, int]
    allowed: Sequence[str] = ("numpy",)
    seed: int = 2026
    seconds: float = 10
    memory: int = 4 * 2**30

    def grade(self, namespace: dict[str, Any], seed: int | None = None) -> list[Outcome]:
        """Grade the variables of a notebook, in this process."""
        seed = self.seed if seed is None else seed
        return [grade_here(item, namespace, seed) for item in self.items]

    def score(self, name: str, namespace: dict[str, Any]) -> int:
        """Grade one item, print the outcome and return its points.

        This is the last line of a test cell: nbgrader takes the value of that line as the points.
        """
        item = next(item for item in self.items if item.name == name)
        outcome = grade_here(item, namespace, self.seed)
        print(outcome)
        return outcome.earned


def grade_here(item: Item, namespace: dict[str, Any], seed: int) -> Outcome:
    """Grade one item of a notebook's variables, in this process."""

    def attempt(own_needs: bool) -> Iterator[Seen]:
        before = dict(namespace)
        try:
            yield from map(unpack, program_of(item, seed, own_needs)(namespace))
        finally:
            namespace.clear()
            namespace.update(before)

    return best_outcome(item.judge(list(attempt(own)), seed) for own in item.attempts)


@cache
def program_of(item: Item, seed: int, own_needs: bool, start: int = 0) -> Program:
    """Return an item's program: it is the same for every submission."""
    return item.program(seed, own_needs, start)
