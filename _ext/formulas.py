"""Formulas, set when the book is built, as MathML: a page needs no script to show them.

Browsers draw it, and screen readers read it. Of its font a page gets what the book uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape, unescape
from importlib.metadata import files
from pathlib import Path
from typing import Any
from unicodedata import name, normalize

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sources import of_extension
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)

FONT = "formulas.woff2"
#: What numbers its lines by itself, and not as the book does.
_NUMBERED = re.compile(r"\\begin\{(align|equation|flalign|gather|multline)\}|\\tag\b")
_OPENING = re.compile(r"[(\[“‘]+$")
#: Marks that end what stands before them.
CLOSING = re.compile(r"[^\w\s(\[“‘]+")
_typesetter = LatexToMathML(fancy_error=False)


def typeset(tex: str, *, display: bool = False) -> str:
    """Return a formula as MathML, with its source for whoever copies it; or raise ValueError."""
    if numbered := _NUMBERED.search(tex):
        raise ValueError(f"{numbered[0]} has a number of its own; write $$ and (a-label) behind it")
    if r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}} {tex} \end{{aligned}}"
    try:
        mathml = _typesetter.convert_with_local_state(tex, displaystyle=display)
    except LatexError as error:
        raise ValueError(str(error)) from error
    return mathml.replace("<math", f'<math data-tex="{escape(" ".join(tex.split()))}"', 1)


def plain(node: nodes.Node) -> str:
    """Return what a node says, in which formulas are as one would read them off the page."""
    if isinstance(node, nodes.math):
        return _text(_typeset_node(node))
    if isinstance(node, nodes.Text):
        return node.astext()
    return node.child_text_separator.join(map(plain, node.children))


def _typeset_node(node: nodes.math | nodes.math_block) -> str:
    """Return a formula of a page; one that cannot be set is named with its place."""
    tex = node.astext()
    try:
        return typeset(tex, display=isinstance(node, nodes.math_block))
    except ValueError as error:
        logger.warning("a formula cannot be set: %s\n%s", error, tex, location=node)
        return f"<code>{escape(tex)}</code>"


def visit_formula(writer: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    writer.body.append(writer.starttag(node, "span", "", CLASS="math"))
    writer.body.append(f"{_typeset_node(node)}</span>")
    raise nodes.SkipNode


def visit_display(writer: Any, node: nodes.math_block) -> None:
    """Write a formula that stands apart, its number beside it."""
    writer.body.append(writer.starttag(node, "div", "", CLASS="math"))
    if node["number"]:
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})')
        writer.add_permalink_ref(node, "Link to this equation")
        writer.body.append("</span>")
    writer.body.append(f'<div class="formula">{_typeset_node(node)}</div></div>\n')
    raise nodes.SkipNode


def hold_marks(app: Sphinx, doctree: nodes.document) -> None:
    """Keep a formula and the marks beside it together: a browser would break the line there."""
    for formula in list(doctree.findall(nodes.math)):
        line, place = formula.parent, formula.parent.index(formula)
        whole = nodes.inline("", "", classes=["formula-and-marks"])
        before = line[place - 1] if place else None
        after = line[place + 1] if place + 1 < len(line) else None
        if isinstance(before, nodes.Text) and (marks := _OPENING.search(before)):
            line[place - 1] = nodes.Text(before[: marks.start()])
            whole += nodes.Text(marks[0])
        whole += formula.deepcopy()
        if isinstance(after, nodes.Text) and (marks := CLOSING.match(after)):
            line[place + 1] = nodes.Text(after[marks.end() :])
            whole += nodes.Text(marks[0])
        if len(whole) > 1:
            line[place] = whole


def lay_font_of_pages(app: Sphinx, error: Exception | None) -> None:
    """Lay the font beside the pages, unless none is newer than it."""
    if app.builder.format != "html" or error is not None:
        return
    html = Path(app.outdir)
    pages, target = list(html.rglob("*.html")), html / "_static" / FONT
    newest = max(page.stat().st_mtime for page in pages)
    if not target.exists() or target.stat().st_mtime <= newest:
        lay_font(pages, target)


def lay_font(pages: Iterable[Path], target: Path) -> None:
    """Lay as much of the font as some pages use."""
    from fontTools import subset  # which takes a while to load

    (source,) = (path for path in files("ziamath") or () if path.name == "STIXTwoMath-Regular.ttf")
    used = characters(page.read_text(encoding="utf-8") for page in pages)
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False)
    with subset.load_font(source.locate(), options) as font:
        for table in font["cmap"].tables:
            # Primes stand raised, for which the font has others than a browser would raise.
            primes = {code: glyph for code, glyph in table.cmap.items() if chr(code) in "′″‴"}
            table.cmap = table.cmap | {code: f"{glyph}.ssty" for code, glyph in primes.items()}
        # Browsers lower an index by the tail of its letter, TeX does not: p_i would not match s_i.
        font["MATH"].table.MathConstants.SubscriptBaselineDropMin.Value = 0
        trimmed = subset.Subsetter(options)
        trimmed.populate(unicodes=[code for code in font.getBestCmap() if drawn(chr(code)) in used])
        trimmed.subset(font)
        subset.save_font(font, target, options)


def characters(pages: Iterable[str]) -> set[str]:
    """Return the characters of all formulas of some pages."""
    formulas = (formula for page in pages for formula in re.findall("(?s)<math.*?</math>", page))
    return set().union(*map(_text, formulas))


def _text(mathml: str) -> str:
    """Return the signs of a formula, with that of a root, which stands in no text."""
    root = "√" * bool(re.search("<m(sqrt|root)", mathml))
    return root + unescape(re.sub("<[^>]*>", "", mathml))


def drawn(sign: str) -> str:
    """Return the letter that is drawn by a sign: a browser takes the italic ones for variables."""
    italic = name(sign, "").startswith(("MATHEMATICAL ITALIC", "PLANCK CONSTANT"))
    return normalize("NFKC", sign) if italic else sign


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_display, None))
    app.connect("doctree-read", hold_marks)
    app.connect("build-finished", lay_font_of_pages)
    return of_extension(__file__)
