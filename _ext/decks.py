"""What a deck says: the slides of a chapter, read from ``slides/NAME.md``, in Markdown.

``## Title`` begins a slide; the title slide comes by itself, with what stands before the first one.
What a slide shows of its chapter is named and not copied::

    :::{show} fig-sigmoid        the element of this label: figure, chart, statement, formula
    :::{show} sec-choose table   the table of a section; "table 2", "formula 1" of several
    :::{show} fig-layers 0-50%   the upper half of a figure; "0-50% across" the left one,
                                 "0-29% 90-100%" its top and below it the axis at its foot
    :::{show} fig-sweep with visits so far=0, order=pre order   a chart, its controls set
    :::{cell} WORDS              the one cell whose code has these words, with what it prints
    :::{code} WORDS              its code alone
    :::{output} WORDS            alone what it prints
    :::{poll} check-dead         a self-check; at the next step its answer
    :::{then}                    what it holds is shown at the next step
    :::{notes} 18–23             what to say, and in which minutes; each slide has it

Each ends with ``:::``, and may hold others. ``[](#LABEL)`` leads to a place
in the book, and is called as the book calls it. A number that is the deck's own, and not the
chapter's, is marked: ``[0.3]{.own}``; so is a block of code by being one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from bs4 import BeautifulSoup
from formulas import typeset
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.attrs import attrs_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from sources import ROOT

FOLDER = ROOT / "slides"
#: A lecture, in minutes.
MINUTES = 90
KINDS = ("show", "cell", "code", "output", "poll")
#: A whole number up to this one is a word.
SMALL = 12
_DIRECTIVE = re.compile(r"\{([\w-]+)\} *(.*?) *")
_COLONS = re.compile(r":{3,}(\{)?(?!.*:::)")
_DEEPEST = 8
_SPAN = re.compile(r"(\d+) *[–-] *(\d+)")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"(?<=\d)[,\u2009\u202f](?=\d{3}(?!\d))")


class Part(NamedTuple):
    """What a slide holds: own words, or what is named of the chapter; it comes at a step.

    A poll has its answer at a later one.
    """

    kind: str
    line: int
    step: int
    argument: str = ""
    words: Sequence[Token] = ()
    answer: int = 0


class Slide(NamedTuple):
    """One idea, the minutes in which it stands, and what to say."""

    title: Sequence[Token]
    line: int
    parts: list[Part]
    start: int
    end: int
    notes: Sequence[Token]

    @property
    def label(self) -> str:
        """Its name, by which it is found when slides before it have come or gone."""
        return f"minute-{self.start}" if self.title else "title"

    @property
    def steps(self) -> int:
        """How often something more is shown."""
        return max((max(part.step, part.answer) for part in self.parts), default=0)


class Fault(NamedTuple):
    """What is wrong in a deck, and in which line."""

    line: int
    said: str


class Deck(NamedTuple):
    """The slides of a chapter, its title slide first, and what is wrong in them by themselves."""

    path: Path
    slides: list[Slide]
    faults: list[Fault]


@cache
def markdown() -> MarkdownIt:
    """Return a parser of slides."""
    parser = MarkdownIt("commonmark", {"typographer": True}).enable(["table", "smartquotes"])
    return (
        parser.use(attrs_plugin, spans=True)
        .use(colon_fence_plugin)
        .use(dollarmath_plugin, allow_space=False, double_inline=True)
    )


def decks(names: Iterable[str], folder: Path = FOLDER) -> Iterator[Deck]:
    """Yield the decks of those chapters that have one."""
    for name in names:
        path = folder / f"{name}.md"
        if path.exists():
            yield read_deck(path)


def read_deck(path: Path) -> Deck:
    """Return a deck."""
    faults: list[Fault] = []
    tokens = markdown().parse(nested(path.read_text(encoding="utf-8")))
    slides = [_slide(*found, faults) for found in _split(tokens)]
    for before, after in pairwise(slides):
        if before.end != after.start:
            said = f"this slide begins in minute {after.start}, the one before ends in {before.end}"
            faults.append(Fault(after.line, said))
    if slides[0].start != 0 or slides[-1].end != MINUTES:
        said = f"the minutes run from {slides[0].start} to {slides[-1].end}, not 0 to {MINUTES}"
        faults.append(Fault(slides[-1].line, said))
    return Deck(path, slides, faults)


def nested(text: str) -> str:
    """Give what holds others more colons than these have, as the parser wants it."""
    depth, lines = 0, []
    for line in text.split("\n"):
        if colons := _COLONS.match(line):
            depth -= not colons[1]
            line = ":" * (_DEEPEST - depth) + line.strip(":")
            depth += bool(colons[1])
        lines.append(line)
    return "\n".join(lines)


def _split(tokens: Sequence[Token]) -> Iterator[tuple[Sequence[Token], int, list[Token]]]:
    """Yield the title of each slide, its line, and what it holds; the first has no title."""
    title: Sequence[Token] = ()
    line, held = 1, list[Token]()
    rest = iter(tokens)
    for token in rest:
        if token.type == "heading_open" and token.tag == "h2":
            yield title, line, held
            title, line, held = [next(rest)], _line(token), []
            next(rest)
        else:
            held.append(token)
    yield title, line, held


def _slide(title: Sequence[Token], line: int, held: Sequence[Token], faults: list[Fault]) -> Slide:
    """Return a slide; the title slide may do without notes, and then takes no time."""
    reader = _Reader(faults)
    reader.take(held)
    if not title and not reader.notes:
        return Slide(title, line, reader.parts, 0, 0, ())
    if len(reader.notes) != 1:
        faults.append(Fault(line, f"a slide has one {{notes}}, this one {len(reader.notes)}"))
        return Slide(title, line, reader.parts, -1, -1, ())
    (notes,) = reader.notes
    argument = _DIRECTIVE.fullmatch(notes.info.strip())[2]
    span = _SPAN.fullmatch(argument)
    start, end = map(int, span.groups()) if span else (-1, -1)
    if start >= end:
        said = f"in which minutes? {{notes}} {argument!r} is not as {{notes}} 18–23"
        faults.append(Fault(_line(notes), said))
    words = _inside(notes)
    if not words:
        faults.append(Fault(_line(notes), "these notes say nothing"))
    return Slide(title, line, reader.parts, start, end, words)


class _Reader:
    """Sorts what a slide holds into its parts and its notes."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        self.parts: list[Part] = []
        self.notes: list[Token] = []
        self.last = 0

    def take(self, held: Sequence[Token], step: int = 0) -> None:
        """Take what comes at one step, and what it holds that comes later."""
        words: list[Token] = []
        for token in held:
            if token.type == "colon_fence":
                self.settle(words, step)
                words = []
                self.take_named(token, step)
            else:
                self.check(token)
                words.append(token)
        self.settle(words, step)

    def settle(self, words: list[Token], step: int) -> None:
        """Keep the words before something that is named."""
        if words:
            self.parts.append(Part("words", _line(words[0]), step, words=words))

    def take_named(self, token: Token, step: int) -> None:
        """Take what has a name."""
        found = _DIRECTIVE.fullmatch(token.info.strip())
        kind, argument = found.groups() if found else ("", "")
        if kind == "notes" and not step:
            self.notes.append(token)
            for inner in _inside(token):
                self.check_formulas(inner)
        elif kind == "then":
            self.last += 1
            self.take(_inside(token), self.last)
        elif kind in KINDS and argument and not token.content.strip():
            self.last += kind == "poll"
            answer = self.last if kind == "poll" else 0
            self.parts.append(Part(kind, _line(token), step, argument, answer=answer))
        else:
            self.faults.append(Fault(_line(token), f"what is this? :::{token.info.strip()}"))

    def check(self, token: Token) -> None:
        """Refuse what no slide has."""
        self.check_formulas(token)
        if token.type == "heading_open":
            self.faults.append(Fault(_line(token), "a slide has one title, which begins with ##"))
        if token.type == "fence" and token.info.strip() == "python":
            try:
                compile(token.content, "slide", "exec")
            except SyntaxError as error:
                said = f"this is no Python: {error.msg}"
                self.faults.append(Fault(_line(token) + (error.lineno or 0), said))

    def check_formulas(self, token: Token) -> None:
        """Refuse what was meant to be a formula, and is none."""
        if any(inner.type == "text" and "$" in inner.content for inner in token.children or ()):
            said = "a $ stands alone: no blank goes inside the two around a formula"
            self.faults.append(Fault(_line(token), said))


def _inside(token: Token) -> list[Token]:
    """Return what something holds, with the lines that it has in the file."""
    tokens = markdown().parse(token.content)
    for inner in tokens:
        if inner.map:
            inner.map = [line + _line(token) for line in inner.map]
    return tokens


def _line(token: Token) -> int:
    """Return the line in which something begins, counted from 1."""
    return (token.map[0] if token.map else 0) + 1


def own_numbers(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Yield the numbers that a slide's own words and formulas take from its chapter, with lines."""
    line = 0
    for token in tokens:
        line = _line(token) if token.map else line
        marked = 0
        for inner in token.children or [token]:
            if inner.type == "span_open":
                marked += inner.attrs.get("class") == "own" or marked > 0
            elif inner.type == "span_close":
                marked = max(0, marked - 1)
            elif not marked:
                yield from ((line, number) for number in _numbers_of(inner) if _counts(number))


def _numbers_of(token: Token) -> Iterator[str]:
    if token.type in ("math_inline", "math_inline_double", "math_block"):
        with suppress(ValueError):  # whoever shows it says that it cannot be set
            formula = typeset(token.content)
            yield from numbers(BeautifulSoup(formula, "html.parser").get_text(" "))
    elif token.type in ("text", "code_inline"):
        yield from numbers(token.content)


def _counts(number: str) -> bool:
    return not number.isdigit() or int(number) > SMALL


def numbers(text: str) -> Iterator[str]:
    """Yield the numbers of a text, without signs, and without what parts thousands."""
    yield from _NUMBER.findall(_THOUSANDS.sub("", text))
