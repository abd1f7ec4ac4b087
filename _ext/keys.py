"""The self-checks as they are written, and a page with their answers, for instructors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from absent import follow_chapters
from docutils import nodes
from sources import lessons, markdown, of_extension
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_CHECK = re.compile(
    r"^(?P<fence>:{3,})\{admonition\}.*\n:class: quiz(?P<number> number)?\n:name: (?P<label>\S+)\n"
    r"(?P<question>(?s:.*?))\n(?P<answers>- \[(?s:.*?))^(?P=fence)$",
    re.MULTILINE,
)
_ANSWER = re.compile(
    r"^- \[(?P<right>[ x])\] (?P<said>(?s:.*?))^  - (?P<why>(?s:.*?))(?=^- \[|\Z)", re.M
)


class Answer(NamedTuple):
    """An answer that a self-check offers, and what it says to it."""

    said: str
    right: bool
    why: str


class SelfCheck(NamedTuple):
    """A self-check; of a number, its last answer stands for all others."""

    label: str
    question: str
    number: bool
    answers: list[Answer]


def self_checks(text: str) -> Iterator[SelfCheck]:
    """Yield the self-checks of a chapter in their order."""
    for check in _CHECK.finditer(text):
        answers = [
            Answer(_joined(answer["said"]), answer["right"] == "x", _joined(answer["why"]))
            for answer in _ANSWER.finditer(check["answers"])
        ]
        yield SelfCheck(check["label"], check["question"].strip(), bool(check["number"]), answers)


def _joined(text: str) -> str:
    """Return what stands in an item of a list as one line."""
    return " ".join(text.split())


class Keys(SphinxDirective):
    """The right answers to all self-checks, as PDF and page number them."""

    def run(self) -> list[nodes.Node]:
        """Return them, read as Markdown."""
        follow_chapters(self.env)
        said = []
        for chapter, path in enumerate(lessons(Path(self.env.srcdir)), 1):
            self.env.note_dependency(str(path))
            said.append(f"**{chapter}. {{doc}}`{path.stem}`**")
            for i, check in enumerate(self_checks(markdown(path)), 1):
                right = "\n\n".join(f"**{a.said}** {a.why}" for a in check.answers if a.right)
                said.append(f"[{chapter}.{i}](#{check.label}) {check.question}\n\n{right}")
        return self.parse_text_to_nodes("\n\n".join(said))


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_directive("self-check-keys", Keys)
    return of_extension(__file__, parallel_read_safe=False)
