"""A class at a glance: how the points are spread, what went wrong, what took time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from statistics import fmean, median
from typing import NamedTuple

from .files import Result
from .marks import Marks
from .rubric import Rubric

MOST_MISTAKES = 10
# Even on an idle machine a submission waits now and then, for the judge beside it; not for most of
# its time.
OVERLOADED = 0.6


class Spread(NamedTuple):
    """How the points of one thing are spread over a class."""

    name: str
    most: int
    counts: list[int]
    mean: float

    def __str__(self) -> str:
        told = [f"{count} with {points}" for points, count in enumerate(self.counts) if count]
        return f"students by points: {', '.join(told) or 'none'}"


class Mistake(NamedTuple):
    """A known mistake, how many students made it, and the question that the book asks then."""

    item: str
    name: str
    hint: str
    students: int


class Times(NamedTuple):
    """Processor time in seconds, and the share of its time that a submission waited for one."""

    total: float
    middle: float
    slowest: list[Result]
    waited: float

    @property
    def overloaded(self) -> bool:
        """Tell whether the machine had too little time for the submissions."""
        return self.waited >= OVERLOADED


def spread(name: str, most: int, points: Collection[float]) -> Spread:
    """Return how points are spread; halves count with the whole number below."""
    counts = Counter(int(each) for each in points)
    return Spread(name, most, [counts[n] for n in range(most + 1)], fmean(points or [0]))


def spread_items(rubric: Rubric, results: Sequence[Result], marks: Marks) -> list[Spread]:
    """Return the spread of each item, and of each written answer as far as it is marked."""
    earned = [marks.earned(result) for result in results]
    items = [
        spread(item.name, item.points, [points[item.name] for points in earned])
        for item in rubric.items
    ]
    for name, most in rubric.written.items():
        given = [marks.points(result, name) for result in results]
        items.append(spread(name, most, [float(points) for points in given if points]))
    return items


def spread_totals(rubric: Rubric, results: Sequence[Result], marks: Marks) -> Spread:
    """Return the spread of what students have so far."""
    most = sum(item.points for item in rubric.items) + sum(rubric.written.values())
    return spread("total", most, [marks.sum(result) for result in results])


def common_mistakes(results: Sequence[Result]) -> list[Mistake]:
    """Return the mistakes that most students made, each counted once a student and item."""
    hints: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for result in results:
        made = {
            (item["item"], part["mistake"]): part["hint"]
            for item in result["items"]
            for part in item["parts"]
            if part["mistake"]
        }
        counts.update(made.keys())
        hints |= {key: hint for key, hint in made.items() if hint}
    return [
        Mistake(*key, hints.get(key, ""), number)
        for key, number in counts.most_common(MOST_MISTAKES)
    ]


def measure_time(results: Sequence[Result]) -> Times:
    """Return what grading took, and what took longest."""
    seconds = [result["seconds"] for result in results] or [0]
    slowest = sorted(results, key=lambda result: -result["seconds"])[:5]
    waited = fmean([result["waited"] for result in results] or [0])
    return Times(sum(seconds), median(seconds), slowest, waited)
