"""Where there are slides, pages lead to them: each chapter, and each plan minute by minute.

``slides.py`` lays them into the book; so the book is built once more, as after its PDF.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sources import numbered, of_extension
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

FOLDER, PLANS = "slides", "chapters/teaching"
_MINUTE = re.compile(r'<section [^>]*id="(minute-\d+)"')
_ROW = re.compile(r"(\d+)–\d+")


def found_slides(html: Path) -> dict[str, set[str]]:
    """Return the names of the slides of each deck, by the name of its chapter."""
    pages = (html / FOLDER).glob("*-outline.html")
    names = sorted(page.name.removesuffix("-outline.html") for page in pages)
    return {
        name: set(_MINUTE.findall((html / FOLDER / f"{name}.html").read_text(encoding="utf-8")))
        for name in names
    }


def pages_outdated_by_slides(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Return, when slides have come or gone, the pages to be written anew."""
    before, env.slides = getattr(env, "slides", {}), found_slides(Path(app.outdir))
    if env.slides == before:
        return []
    leading = [app.config.root_doc, PLANS, *numbered(app.config.external_site_map)]
    return [page for page in leading if page in env.found_docs]


def lead_to_slides(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Write the ways to slides into a chapter, and into the plans."""
    name = Path(page).name
    if page in numbered(app.config.external_site_map) and name in app.env.slides:
        for line in doctree.findall(nodes.paragraph):
            if "reading-time" in line["classes"]:
                said = nodes.inline(classes=["to-slides"])
                said += [nodes.Text(" "), link("Slides", name), nodes.Text(".")]
                line += said
    if page == PLANS:
        for section in doctree.findall(nodes.section):
            lead_minutes(app, section)


def lead_minutes(app: Sphinx, section: nodes.section) -> None:
    """Let the minutes of a chapter's plan lead to the slides that begin then."""
    title = section.next_node(nodes.title).astext()
    lessons = [Path(page).name for page in numbered(app.config.external_site_map)]
    for name, slides in app.env.slides.items():
        if not title.startswith(f"Chapter {lessons.index(name) + 1}:"):
            continue
        for row in section.findall(nodes.row):
            paragraph = row[0].next_node(nodes.paragraph)
            minute = paragraph is not None and _ROW.fullmatch(paragraph.astext())
            if minute and f"minute-{minute[1]}" in slides:
                paragraph[:] = [link(paragraph.astext(), name, f"#minute-{minute[1]}")]


def link(words: str, name: str, anchor: str = "") -> nodes.reference:
    """Return a link to a deck, or to one of its slides."""
    address = f"../{FOLDER}/{name}.html{anchor}"
    return nodes.reference("", words, refuri=address)


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.connect("env-updated", pages_outdated_by_slides)
    app.connect("doctree-resolved", lead_to_slides)
    return of_extension(__file__)
