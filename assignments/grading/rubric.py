"""What an assignment asks for: items worth points, each with checks of :mod:`nnlib.check`.

``Item.see`` runs a student's function, ``Item.judge`` compares what it did with the reference. They
are two steps, so that each can run in a process of its own: the one that gives the points never
runs a student's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nnlib.check import Check, Function, Raised, Result, Seen

# The checks that every function of arrays has, by their names in its suite.
KEPT = ("float32 stays float32", "the arguments stay as they were")


class Part(NamedTuple):
    """A share of an item's points, earned when all of its checks pass."""

    points: int
    name: str
    checks: Sequence[Check]


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
    noticed : sequence of str
        Forbidden things that the student's code did. With any of them, nothing is earned.
    """

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
        Name of the function. Its solution stands in the notebook's cell NAME, its checks in the
        cell ``check-NAME``.
    parts : sequence of Part
    needs : mapping, optional
        Earlier functions that this one calls, by name, each with its reference implementation.
        The item is graded with the references, so that a mistake in an earlier function does not
        cost points here again.
    """

    name: str
    parts: Sequence[Part]
    needs: Mapping[str, Function] = field(default_factory=dict)

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

    def see(
        self,
        namespace: dict[str, Any],
        seed: int,
        own_needs: bool = False,
        wrap: Callable[[Function], Function] = lambda function: function,
    ) -> Iterator[Seen]:
        """Run the student's function once for each check, and yield what each check sees.

        Parameters
        ----------
        namespace : dict
            The variables of the student's notebook.
        seed : int
            The seed of the inputs.
        own_needs : bool
            Whether the function calls the student's own versions of what it needs, in place of
            the references.
        wrap : callable
            Applied to the student's function before each call.
        """
        needs = {} if own_needs else self.needs
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
        """Return the outcome of the item, given what each of its checks saw with this seed."""
        pairs = zip(self.checks, seen, strict=True)
        verdicts = iter([check.judge(output, seed) for check, output in pairs])
        results = [(part, [next(verdicts) for _ in part.checks]) for part in self.parts]
        earned = sum(part.points for part, found in results if all(result.ok for result in found))
        return Outcome(self.name, self.points, earned, results)


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
        Packages that the student's functions may use, beside Python's standard library.
    seed : int
        The seed of the inputs. The checks that students can run use 0, so this is another.
    seconds : float
        Time limit of each cell and each item.
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
    return best_outcome(
        item.judge(list(item.see(namespace, seed, own_needs)), seed) for own_needs in item.attempts
    )
