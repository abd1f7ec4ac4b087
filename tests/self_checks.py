"""Self-checks as a chapter's text has them: an oracle for what is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_CHECK = re.compile(
    r"^(?P<fence>:{3,})\{admonition\}.*\n:class: quiz(?: number)?\n:name: (?P<label>\S+)\n"
    r"(?s:.*?)\n(?P<answers>- \[(?s:.*?))^(?P=fence)$",
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


def self_checks(text: str) -> Iterator[tuple[str, list[Answer]]]:
    """Yield the label of each self-check, and its answers."""
    for check in _CHECK.finditer(text):
        answers = [
            Answer(_joined(answer["said"]), answer["right"] == "x", _joined(answer["why"]))
            for answer in _ANSWER.finditer(check["answers"])
        ]
        yield check["label"], answers


def _joined(text: str) -> str:
    """Return what stands in an item of a list as one line."""
    return " ".join(text.split())
