"""What an exam question is, and how it is put once, with the numbers that a seed draws.

All texts are Markdown, with formulas between dollars. A question is put as an ``Item``; so is a
self-check of the book, and whatever is made of questions knows this form alone.
"""

from __future__ import annotations

import contextlib
import io
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("compute", "explain", "fault", "join")
OTHER = "No common slip leads there. Go through the solution step by step."
DECIMALS = {1: "one decimal", 2: "two decimals", 3: "three decimals"}
#: A number, or a row of them.
Value = float | tuple[float, ...]


class Mark(NamedTuple):
    """A part of the mark scheme: points, and what earns them."""

    points: int
    earns: str


class Slip(NamedTuple):
    """The number to which a named mistake leads, and what is said to whoever made it."""

    value: Value
    feedback: str


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A question with its numbers: ``values`` are what the key is computed from once more."""

    values: Mapping[str, Any]
    text: str
    key: Value
    slips: tuple[Slip, ...]
    solution: str


class Picture(NamedTuple):
    """A picture, by the name that a text has for it."""

    name: str
    png: bytes


class Answer(NamedTuple):
    """An answer that is offered or foreseen; a number that is typed may be off by so much."""

    right: bool
    text: str
    feedback: str
    value: float = math.nan
    off_by: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Item:
    """A question as it is put. Without answers it asks for a text.

    One that asks for a number has a feedback for all ``other`` numbers.
    """

    label: str
    title: str
    chapter: str
    text: str
    for_a_number: bool = False
    answers: tuple[Answer, ...] = ()
    other: str = ""
    solution: str = ""
    marks: tuple[Mark, ...] = ()
    pictures: tuple[Picture, ...] = ()
    #: What the variants of one question have in common, its title.
    variant_of: str = ""

    @property
    def points(self) -> int:
        """What it is worth: what its mark scheme says, or one point."""
        return sum(mark.points for mark in self.marks) or 1

    @property
    def scheme(self) -> str:
        """The mark scheme as a list, in Markdown."""
        return "\n".join(
            f"- **{mark.points} point{'s' * (mark.points > 1)}:** {mark.earns}"
            for mark in self.marks
        )

    def numbered(self, seed: int) -> Item:
        """Return it by a name of its own, so that several seeds can stand side by side."""
        title = f"{self.title} ({seed})"
        return replace(self, label=f"{self.label}-{seed}", title=title, variant_of=self.title)


@dataclass(frozen=True, kw_only=True)
class Question:
    """An exam question; see ``exams/probability.py`` for one of each kind.

    Attributes
    ----------
    id : str
        Its name for good, ``q-...``, without the number of a chapter.
    kind : str
        ``compute``, ``explain``, ``fault`` or ``join``.
    objective : str
        How the objective of the chapter begins that it tests.
    section : str
        The label of the section that teaches it.
    difficulty, minutes : int
        1 to 3, and how long a student needs who knows it.
    marks : tuple of Mark
        The mark scheme.
    also : tuple of str
        What else it needs: other chapters, by the names of their files here.
    text, solution : str
        Unless they are drawn.
    draw : callable
        Given a random generator, returns a variant; it is called again where two of its answers
        cannot be told apart.
    check : callable
        Given a variant's values by name, returns its key without nnlib.
    choice : bool
        Whether key and slips are offered, or a number is to be typed.
    digits : int
        How many decimals are asked for; an answer may be off by ``tolerance``, by default one unit
        of the last.
    code : str
        A program that stands below the text, with what it prints.
    harm : callable
        Given the names that the program defines, asserts what the solution says of the fault.
    figure, alt : callable and str
        Draws what is shown below the text; and what it shows, in words.
    """

    id: str
    kind: str
    title: str
    objective: str
    section: str
    difficulty: int
    minutes: int
    marks: tuple[Mark, ...]
    also: tuple[str, ...] = ()
    text: str = ""
    solution: str = ""
    draw: Callable[[np.random.Generator], Variant] | None = None
    check: Callable[..., Value] | None = None
    choice: bool = False
    digits: int = 2
    tolerance: float | None = None
    code: str = ""
    harm: Callable[[dict[str, Any]], None] | None = None
    figure: Callable[[], Figure] | None = None
    alt: str = ""

    @property
    def points(self) -> int:
        """What the whole solution earns."""
        return sum(mark.points for mark in self.marks)

    @property
    def off_by(self) -> float:
        """How far from the key an answer may be."""
        return 10.0**-self.digits if self.tolerance is None else self.tolerance

    def variant(self, seed: int) -> Variant:
        """Return the question with the numbers of a seed; with those of no other question."""
        assert self.draw is not None
        rng = np.random.default_rng([seed, zlib.crc32(self.id.encode())])
        for _ in range(100):
            variant = self.draw(rng)
            if self._told_apart([variant.key, *(slip.value for slip in variant.slips)]):
                return variant
        raise ValueError(f"{self.id}: in 100 draws two answers were alike")

    def _told_apart(self, values: list[Value]) -> bool:
        if self.choice:
            return len({said(value, self.digits) for value in values}) == len(values)
        apart = 2 * self.off_by + 1e-9
        numbers = [value for value in values if not isinstance(value, tuple)]
        return all(abs(a - b) > apart for a, b in combinations(numbers, 2))

    @cached_property
    def names(self) -> dict[str, Any]:
        """What the program defines."""
        return self._ran[0]

    @property
    def printed(self) -> str:
        """What the program prints."""
        return self._ran[1]

    @cached_property
    def _ran(self) -> tuple[dict[str, Any], str]:
        names: dict[str, Any] = {"__name__": self.id}
        with contextlib.redirect_stdout(io.StringIO()) as out, np.errstate(all="ignore"):
            exec(compile(self.code, self.id, "exec"), names)
        return names, out.getvalue().rstrip()

    def item(self, seed: int, chapter: str) -> Item:
        """Return the question as it is put with a seed."""
        put = Item(
            label=self.id,
            title=self.title,
            chapter=chapter,
            text=self._below(self.text),
            solution=self.solution,
            marks=self.marks,
            pictures=(Picture(f"{self.id}.png", self._png()),) if self.figure else (),
        )
        if self.draw is None:
            return put
        variant = self.variant(seed)
        answers = [self._answer(variant.key, variant.solution, right=True)]
        answers += [self._answer(*slip) for slip in variant.slips]
        if self.choice:
            rng = np.random.default_rng([seed, zlib.crc32(self.id.encode()), 1])
            answers = [answers[place] for place in rng.permutation(len(answers))]
        return replace(
            put,
            text=self._below(variant.text if self.choice else f"{variant.text} {self._asks}"),
            for_a_number=not self.choice,
            answers=tuple(answers),
            other="" if self.choice else OTHER,
            solution=variant.solution,
        )

    @property
    def _asks(self) -> str:
        """Say how a number is to be given."""
        if self.digits == 0:
            return "Give a whole number."
        return f"Give {DECIMALS[self.digits]}."

    def _answer(self, value: Value, feedback: str, *, right: bool = False) -> Answer:
        number = math.nan if isinstance(value, tuple) else float(value)
        off_by = 0.0 if self.choice else self.off_by
        return Answer(right, f"${said(value, self.digits)}$", feedback, number, off_by)

    def _below(self, text: str) -> str:
        """Return a text with what is shown below it."""
        parts = [text]
        if self.figure:
            parts.append(f"![{self.alt}]({self.id}.png)")
        if self.code:
            parts.append(f"```python\n{self.code.strip()}\n```")
            if self.printed:
                parts.append(f"It prints:\n\n```text\n{self.printed}\n```")
        return "\n\n".join(parts)

    def _png(self) -> bytes:
        """Return the figure, with nothing in it that changes from day to day."""
        assert self.figure is not None
        out = io.BytesIO()
        self.figure().savefig(out, format="png", dpi=150, metadata={"Software": None})
        return out.getvalue()


def said(value: Value, digits: int = 2) -> str:
    """Return a value as it stands in a formula, rounded."""
    if isinstance(value, tuple):
        entries = (said(entry, digits) for entry in value)
        # In braces a minus has no room beside it.
        return "(" + r",\ ".join(f"{{{e}}}" if e.startswith("-") else e for e in entries) + ")"
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    # Python rounds a half to the even digit, and what is stored of 0.125 is a half.
    return f"{round(float(value) + math.copysign(1e-9, value), digits) + 0.0:.{digits}f}"
