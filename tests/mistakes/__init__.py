"""Known-wrong submissions to each assignment, with what they lose and the words that they get."""

from textwrap import dedent, indent
from typing import NamedTuple


class Mistake(NamedTuple):
    """Code after which something of a right submission is wrong."""

    name: str
    code: str
    feedback: dict[str, str]
    """From each item that loses points to words of its feedback."""


def looks_like(name):
    """Return the words that a mistake with this name gets."""
    return f"This looks like: {name}. "


class Functions(NamedTuple):
    """The functions of an assignment, to be written with other bodies."""

    arguments: dict[str, str]
    """Of each function, as its first line has them."""

    def write(self, item, body):
        """Return the function's code with this body."""
        lines = indent(dedent(body).strip("\n"), "    ")
        return f"def {item}({self.arguments[item]}):\n{lines}"

    def wrong(self, item, name, body, words):
        """Return the mistake that a function of this body makes, told by these words."""
        return Mistake(f"{item}, {name}", self.write(item, body), {item: words})

    def known(self, item, rows, body=str):
        """Return mistakes that are told by their names: of each, what is wrong in the body."""
        return [
            self.wrong(
                item, name, body(*row) if isinstance(row, tuple) else body(row), looks_like(name)
            )
            for name, row in rows.items()
        ]
