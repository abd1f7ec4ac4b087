"""How much a chapter gives to read: ``python _ext/reading.py NOTEBOOK ...`` prints it.

A first reading is the main line. Apart from it stand what is folded below "Going deeper", and the
exercises. Nowhere counted is what a reader opens: a proof that is a dropdown, what a self-check
answers, code tagged ``hide-input``.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from sources import numbered, of_extension, settings
from sphinx.application import Sphinx
from statements import KINDS

#: The sections that are apart; all others are the main line.
DEEPER, EXERCISES = "Going deeper", "Exercises"
#: What a reader takes in a minute, as the opening page says.
WORDS, LINES, CHECKS = 150, 12, 1
FORMULAS = ("math_inline", "math_inline_double", "math_block", "math_block_label", "amsmath")
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
_OPTIONS = re.compile(r"((?::[\w-]+:.*\n)*)((?s:.*))")
_WORD = re.compile(r"[^\W_][\w’'.-]*")


class Part(NamedTuple):
    """What one part of a chapter holds."""

    words: int = 0
    lines: int = 0
    checks: int = 0
    statements: int = 0
    exercises: int = 0

    @property
    def minutes(self) -> int:
        """The time to read it, to five minutes."""
        minutes = self.words / WORDS + self.lines / LINES + self.checks / CHECKS
        return max(5, 5 * round(minutes / 5))


class Reading(NamedTuple):
    """A chapter's three parts."""

    main: Part
    deeper: Part
    exercises: Part

    def __str__(self) -> str:
        """Say how long it takes."""
        main = self.main
        said = (
            f"Main line: about {main.minutes} minutes ({main.words:,} words, "
            f"{main.lines} lines of code, {main.checks} self-checks)."
        )
        if self.deeper.words:
            said += f" Going deeper: {self.deeper.minutes} minutes."
        if self.exercises.exercises:
            said += f" Exercises: {self.exercises.exercises}."
        return said


def measure(notebook: Path) -> Reading:
    """Return what a first reading of a chapter needs, and what stands apart."""
    counts = {part: Counter[str]() for part in (None, DEEPER, EXERCISES)}
    part = None
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if not HIDDEN & set(cell["metadata"].get("tags", ())):
                counts[part]["lines"] += _lines(source)
            continue
        for heading, found in _sections(source):
            if heading is not None:
                part = heading if heading in counts else None
            counts[part] += found
    return Reading(*(Part(**count) for count in counts.values()))


@cache
def _markdown() -> MarkdownIt:
    """Return a parser of the book's Markdown, as Sphinx has it."""
    extensions = set(settings()["parse"]["myst_enable_extensions"])
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)


def _sections(source: str) -> Iterator[tuple[str | None, Counter[str]]]:
    """Yield the heading of each section that begins here, None before the first, and its counts."""
    heading, found = None, Counter[str]()
    tokens = _markdown().parse(source)
    for i, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            yield heading, found
            heading, found = tokens[i + 1].content, Counter()
        found += _counts(token)
    yield heading, found


def _counts(token: Token) -> Counter[str]:
    """Count what a block of Markdown holds."""
    if token.type == "inline":
        return Counter(words=sum(map(_words, token.children or ())))
    if token.type not in ("colon_fence", "fence"):
        return Counter(words=token.type in FORMULAS)
    name, _, title = token.info.partition(" ")
    if not name.startswith("{"):
        return Counter(lines=_lines(token.content))
    kind = name.strip("{}").removeprefix("prf:")
    found = Counter(statements=kind in KINDS, exercises=kind == "exercise")
    options, body = _OPTIONS.fullmatch(token.content).groups()
    classes = re.findall(r"[\w-]+", "".join(re.findall(r"^:class:(.*)", options, re.MULTILINE)))
    if {"quiz", "drill"} & set(classes):
        return found + Counter(checks=1)
    if "dropdown" in classes or kind == "math":
        return found + Counter(words=kind == "math")
    return sum((_counts(inner) for inner in _markdown().parse(f"{title}\n\n{body}")), found)


def _lines(code: str) -> int:
    """Count the lines of code that are not empty."""
    return sum(bool(line.strip()) for line in code.splitlines())


def _words(token: Token) -> int:
    """Count the words of a piece of a line; a formula, a reference, a name in code is one."""
    if token.type == "text":
        return len(_WORD.findall(token.content))
    return token.type in ("code_inline", "myst_role", *FORMULAS)


def say_reading_time(app: Sphinx, doctree: nodes.document) -> None:
    """Say below the title of a chapter how much there is to read."""
    if app.env.docname in numbered(app.config.external_site_map):
        path = Path(app.env.doc2path(app.env.docname))
        said = nodes.paragraph("", str(measure(path)), classes=["reading-time"])
        doctree.next_node(nodes.section).insert(1, said)


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.connect("doctree-read", say_reading_time)
    return of_extension(__file__)


def print_counts() -> int:
    """Print the counts of the notebooks named."""
    for name in sys.argv[1:]:
        reading = measure(Path(name))
        print(f"{Path(name).name}: {reading}")
        for part, counts in reading._asdict().items():
            held = ", ".join(f"{value} {what}" for what, value in counts._asdict().items() if value)
            print(f"  {part}: {held}")
    return 0


if __name__ == "__main__":
    sys.exit(print_counts())
