"""Known-wrong submissions to each assignment, with what they lose and the words that they get."""

from typing import NamedTuple


class Mistake(NamedTuple):
    """Code after which something of a right submission is wrong."""

    name: str
    code: str
    feedback: dict[str, str]
    """From each item that loses points to words of its feedback."""
