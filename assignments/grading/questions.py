"""What an assignment asks, for the pages: titles, texts with their formulas set, mark schemes.

The texts are the course's own. What a student wrote never comes through here.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markupsafe import Markup
from math_core import LatexError, LatexToMathML
from mdit_py_plugins.dollarmath import dollarmath_plugin

from .submission import SOURCE

CONFIG = SOURCE.parent.parent / "_config.yml"
MARK_SCHEME = re.compile(r"=== BEGIN MARK SCHEME ===(.*?)=== END MARK SCHEME ===", re.DOTALL)
HEADING = re.compile(r"^#+ +(?:\d+[a-z]?\. *)?(.*?)(?: *\(\d+ points?\))? *$", re.MULTILINE)
CHAPTER = re.compile(r"(?:\.\./)*(chapters/\w+)\.(?:ipynb|md)(#[\w-]+)?")
# What the converter does not know; it is written in a way that it knows.
FORMULA_IN_TEXT = re.compile(r"\\text\{([^{}$]*?) *\$([^$]*)\$ *([^{}]*)\}")
TYPESETTER = LatexToMathML(fancy_error=False)


class Link(NamedTuple):
    """A section of the book: what it is called, and its address if the book has one."""

    label: str
    address: str


class Question(NamedTuple):
    """One item or written question as the pages show it.

    Attributes
    ----------
    title : Markup
        HTML, of its heading without number and points, or else its name.
    text : Markup
        HTML, without the heading.
    links : list of Link
        The sections that its text points to.
    scheme : Markup
        HTML of the mark scheme, empty if there is none.
    """

    title: Markup
    text: Markup
    links: list[Link]
    scheme: Markup


def book_address() -> str:
    """Return where the book is published, as ``_config.yml`` says, or nothing."""
    try:
        config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
        return str(config["html"]["baseurl"] or "")
    except (OSError, KeyError, TypeError):
        return ""


@cache
def read_questions(assignment: str, names: tuple[str, ...], book: str) -> Mapping[str, Question]:
    """Return what an assignment asks, by the names of its items and written answers."""
    path = SOURCE / assignment / f"{assignment}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {name: read_question(cells, name, book) for name in names}


def read_question(cells: list[dict[str, Any]], name: str, book: str) -> Question:
    """Return the question whose answer's cell has this name."""
    named = {cell["metadata"].get("nbgrader", {}).get("grade_id"): cell for cell in cells}
    above = cells[: cells.index(named[name])] if name in named else []
    texts = [cell for cell in above if cell["cell_type"] == "markdown"]
    asked = source(named.get(f"text-{name}") or (texts[-1] if texts else {}))
    title = HEADING.search(asked)
    scheme = MARK_SCHEME.search(source(named.get(name, {})))
    # What stands above the heading belongs to the item before.
    body = asked[title.end() :] if title else asked
    links: list[Link] = []
    settings = {"book": book, "links": links}
    return Question(
        Markup(PARSER.renderInline(title[1] if title else f"`{name}`", settings)),
        render(body, settings),
        list(dict.fromkeys(links)),
        render(scheme[1] if scheme else "", settings),
    )


def render(text: str, settings: dict[str, Any]) -> Markup:
    """Return a text as HTML, in which long formulas can be scrolled by keyboard."""
    block = '<div class="math block"'
    return Markup(PARSER.render(text, settings).replace(block, f'{block} tabindex="0"'))


def source(cell: Mapping[str, Any]) -> str:
    """Return the text of a cell."""
    return "".join(cell.get("source", ""))


def set_links(state: StateCore) -> None:
    """Let links to chapters lead to the published book, and be plain text where there is none."""
    for block in state.tokens:
        tokens = block.children or []
        starts = [i for i, token in enumerate(tokens) if token.type == "link_open"]
        ends = [i for i, token in enumerate(tokens) if token.type == "link_close"]
        dead = set()
        for start, end in zip(starts, ends, strict=True):
            address = str(tokens[start].attrs["href"])
            if chapter := CHAPTER.fullmatch(address):
                book = state.env["book"].rstrip("/")
                address = book and f"{book}/{chapter[1]}.html{chapter[2] or ''}"
                label = "".join(token.content for token in tokens[start:end])
                state.env["links"].append(Link(label, address))
                tokens[start].attrs["href"] = address
            if not address or not (chapter or address.startswith(("http://", "https://"))):
                dead |= {start, end}
        if dead:
            block.children = [token for i, token in enumerate(tokens) if i not in dead]


def set_formula(latex: str, options: Mapping[str, Any]) -> str:
    """Return a formula as MathML, which browsers set without help; LaTeX that fails as it is."""
    latex = FORMULA_IN_TEXT.sub(r"\\text{\1}\\ \2\\ \\text{\3}", latex)
    display = bool(options.get("display_mode"))
    try:
        return TYPESETTER.convert_with_local_state(latex, displaystyle=display)
    except LatexError:
        return f"<code>{html.escape(latex)}</code>"


# HTML in a text stays text.
PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
PARSER.use(dollarmath_plugin, renderer=set_formula)
PARSER.core.ruler.push("set_links", set_links)
