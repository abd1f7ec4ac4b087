r"""Markdown with formulas between dollars, as HTML for courses, for Anki and for paper.

Courses and Anki set formulas by MathJax, between ``\(`` and ``\)``; on paper they are MathML, as
on the pages of the book.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import formulas
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

_PICTURE = re.compile(r'(<img src=")([^":]+)(")')
_STYLE = re.compile(r' style="[^"]*"')


def for_mathjax(tex: str, options: Mapping[str, Any]) -> str:
    """Return a formula as MathJax takes it."""
    before, after = ("\\[", "\\]") if options["display_mode"] else ("\\(", "\\)")
    return f"{before}{escape(tex.strip(), quote=False)}{after}"


def for_paper(tex: str, options: Mapping[str, Any]) -> str:
    """Return a formula as MathML."""
    return formulas.typeset(tex, display=bool(options["display_mode"]))


def _parser(renderer: Callable[[str, Mapping[str, Any]], str]) -> MarkdownIt:
    """Return a parser in which what looks like HTML stays text."""
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable("table")
    return parser.use(dollarmath_plugin, renderer=renderer)


_MATHJAX, _PAPER = _parser(for_mathjax), _parser(for_paper)


def html(text: str, picture: Callable[[str], str] = str, *, paper: bool = False) -> str:
    """Return blocks of Markdown as HTML that is XML too; ``picture`` says where each lies."""
    made = (_PAPER if paper else _MATHJAX).render(text).strip()
    made = _PICTURE.sub(lambda found: found[1] + picture(found[2]) + found[3], made)
    return _STYLE.sub("", made)


def line(text: str, *, paper: bool = False) -> str:
    """Return one paragraph of Markdown as HTML, without its element."""
    made = html(text, paper=paper)
    inner = made.removeprefix("<p>").removesuffix("</p>")
    return made if "<p>" in inner else inner
