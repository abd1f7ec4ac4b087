"""What an assignment asks for: items of so many points, each with checks of :mod:`nnlib.check`.

Seeing what a student's function does is kept apart from judging it, so that the two may happen in
different processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nnlib.check import Check, Function, Raised, Result, Seen


class Part(NamedTuple):
    """Points that are earned when all of some checks pass."""

    points: int
    name: str
    checks: Sequence[Check]


class Outcome(NamedTuple):
    """What an item has earned, by part what it was worth and found, and why it earns nothing."""

    item: str
    points: int
    earned: int
    results: list[tuple[Part, list[Result]]]
    noticed: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [f"{self.item}: {self.earned} of {self.points} points"]
        for part, results in self.results:
            wrong = [result for result in results if not result.ok]
            lines.append(f"  {0 if wrong else part.points} of {part.points}  {part.name}")
            lines += [f"      {result.name}: {result.message}" for result in wrong[:1]]
        return "\n".join(lines)


@dataclass(frozen=True)
class Item:
    """One function or class that a student writes.

    Attributes
    ----------
    name : str
        Of the function. Its solution has the cell of this name, its checks that of ``check-NAME``.
    parts : sequence of Part
    needs : mapping, optional
        What it builds on: while the item is graded, these names mean the reference, so that an
        earlier mistake is charged once. Where more is earned with the student's own, that counts.
    """

    name: str
    parts: Sequence[Part]
    needs: Mapping[str, Function] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """What the item is worth."""
        return sum(part.points for part in self.parts)

    @property
    def checks(self) -> list[Check]:
        """The checks of all parts."""
        return [check for part in self.parts for check in part.checks]

    def see(
        self,
        namespace: dict[str, Any],
        seed: int,
        own: bool = False,
        wrap: Callable[[Function], Function] = lambda function: function,
    ) -> Iterator[Seen]:
        """Run the student's function of a notebook's variables, once for each check.

        With ``own``, what it builds on is the student's, too.
        """
        needs = {} if own else self.needs
        replaced = {name: namespace[name] for name in needs if name in namespace}
        namespace.update(needs)
        try:
            for check in self.checks:
                if self.name in namespace:
                    yield check.see(wrap(namespace[self.name]), seed)
                else:
                    yield Raised("NameError", f"name '{self.name}' is not defined")
        finally:
            for name in needs:
                namespace.pop(name, None)
            namespace.update(replaced)

    def judge(self, seen: Sequence[Seen], seed: int) -> Outcome:
        """Return what has been earned by what was seen."""
        judged = iter([check.judge(s, seed) for check, s in zip(self.checks, seen, strict=True)])
        results = [(part, [next(judged) for _ in part.checks]) for part in self.parts]
        earned = sum(part.points for part, found in results if all(result.ok for result in found))
        return Outcome(self.name, self.points, earned, results)

    def grade(self, see: Callable[[bool], Outcome]) -> Outcome:
        """Return the better outcome: building on the reference, or on the student's own.

        A function may rely on more than was asked for of the one that it builds on.
        """
        outcome = see(False)
        if outcome.earned == self.points or not self.needs:
            return outcome
        return max(outcome, see(True), key=lambda one: one.earned)


@dataclass(frozen=True)
class Rubric:
    """All items of an assignment, and its questions that a person grades.

    Attributes
    ----------
    name : str
    items : sequence of Item
    written : mapping of str to int
        From the cell of each written answer to its points.
    allowed : sequence of str
        Packages that the student's functions may use, beside Python's own.
    seed : int
        Of the inputs: another than the 0 of the public checks.
    seconds : float
        For each cell and each item.
    memory : int
        Bytes for all of a submission.
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
        return [graded(item, namespace, seed) for item in self.items]

    def score(self, name: str, namespace: dict[str, Any]) -> int:
        """Grade one item, print what was found and return its points: a test cell's last line."""
        item = next(item for item in self.items if item.name == name)
        outcome = graded(item, namespace, self.seed)
        print(outcome)
        return outcome.earned


def graded(item: Item, namespace: dict[str, Any], seed: int) -> Outcome:
    """Grade one item of a notebook's variables, in this process."""
    return item.grade(lambda own: item.judge(list(item.see(namespace, seed, own)), seed))
