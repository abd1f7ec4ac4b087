"""The built book, read once more from what Sphinx keeps beside its pages.

So numbers, references and titles are those of the pages, and nothing of a chapter is parsed anew.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from glossary import GLOSSARY, entries
from plain import Writer
from questions import SelfCheck, is_self_check, self_check
from sources import ROOT, numbered
from statements import KINDS
from work import number_of, value

from exams.model import Answer, Item

#: How a definition of the glossary ends.
_OF_CHAPTER = re.compile(r" *\([Cc]hapter \d+\)\s*$")


class Statement(NamedTuple):
    """A statement: what it is called, with its number, and what it says, in Markdown."""

    label: str
    chapter: str
    kind: str
    number: str
    title: str
    text: str


class Definition(NamedTuple):
    """A term of the glossary, its anchor, the chapter that explains it, and what it means."""

    name: str
    anchor: str
    chapter: str
    text: str


class Unlinked(Writer):
    """Writes nodes of a page, to be read elsewhere: what a link says stays, and leads nowhere."""

    def inline(self, node: nodes.Node) -> str:
        """Return a piece of a line."""
        if isinstance(node, nodes.reference):
            return "".join(map(self.inline, node.children))
        return super().inline(node)


class Book:
    """A built book; ``html`` is the folder of its pages."""

    def __init__(self, html: Path) -> None:
        from jupyter_book.config import get_final_config
        from sphinx.application import Sphinx

        os.chdir(ROOT)  # where local extensions are looked for
        settings, _ = get_final_config(
            user_yaml=ROOT / "_config.yml",
            sourcedir=ROOT,
            cli_config={"latex_individualpages": False},
        )
        self.html, said = html, StringIO()
        trees = html.parent / ".doctrees"
        self.app = Sphinx(
            ROOT, None, html.parent / "bank", trees, "dummy", settings, status=None, warning=said
        )
        if not self.app.env.all_docs:
            raise SystemExit(f"error: no book in {html}: run make book first\n{said.getvalue()}")

    @property
    def chapters(self) -> list[str]:
        """The pages of the chapters, in their order."""
        return numbered(self.app.config.external_site_map)

    def title(self, page: str) -> str:
        """Return the title of a page."""
        return str(self.app.env.titles[page].astext())

    @cache  # noqa: B019 - as long as the book
    def tree(self, page: str) -> nodes.document:
        """Return a page as Sphinx has resolved it."""
        return self.app.env.get_and_resolve_doctree(page, self.app.builder)

    def writer(self, page: str) -> Unlinked:
        """Return what writes nodes of a page."""
        return Unlinked(partial(number_of, self.app.env, page), str)

    def self_checks(self, page: str) -> Iterator[Item]:
        """Yield the self-checks of a chapter in their order."""
        for count, box in enumerate(self.tree(page).findall(is_self_check), 1):
            yield _item(self_check(box), page, f"{self.title(page)} {count}", self.writer(page))

    def statements(self, page: str) -> Iterator[Statement]:
        """Yield the statements of a chapter in their order."""
        writer = self.writer(page)
        for node in self.tree(page).findall(nodes.Element):
            if node.get("realtype") in KINDS:
                kind = node["realtype"].title()
                number = writer.number(node["countertype"], node)
                title = writer.inline(node.next_node(nodes.title)).strip().strip("()")
                held = [child for child in node if isinstance(child, nodes.section)]
                yield Statement(node["label"], page, kind, number, title, writer.blocks(held))

    def definitions(self) -> Iterator[Definition]:
        """Yield the terms of the glossary in their order."""
        if GLOSSARY not in self.app.env.found_docs:
            return
        homes = {term.anchor: term.home for term in entries(self.app.env.get_doctree(GLOSSARY))}
        pages = {Path(page).name: page for page in self.chapters}
        for term in entries(self.tree(GLOSSARY)):
            text = self.writer(GLOSSARY).blocks(term.definition.children)
            home = pages.get(homes[term.anchor], GLOSSARY)
            yield Definition(term.name, term.anchor, home, _OF_CHAPTER.sub("", text))

    def objectives(self, page: str) -> list[str]:
        """Return what a chapter says that its reader can do."""
        opening = self.tree(page).next_node(
            lambda node: (
                isinstance(node, nodes.paragraph) and node.astext() == "After this chapter you can"
            )
        )
        listed = opening.next_node(nodes.Sequential, descend=False, siblings=True)
        return [self.writer(page).blocks(item.children) for item in listed]

    def section(self, page: str, title: str) -> nodes.section | None:
        """Return the section of a page that has this title."""
        for section in self.tree(page).findall(nodes.section):
            if section[0].astext() == title:
                return section
        return None


def _item(check: SelfCheck, page: str, title: str, writer: Writer) -> Item:
    """Return a self-check as a question."""
    answers, other = [], ""
    for right, text, feedback in check.answers:
        said, reply = writer.blocks(text), writer.blocks(feedback)
        number = value(said) if check.for_a_number else math.nan
        if math.isinf(number):
            other = reply
        else:
            answers.append(Answer(right, said, reply, number, _off_by(said)))
    return Item(
        label=check.label,
        title=title,
        chapter=page,
        text=writer.blocks(check.question),
        for_a_number=check.for_a_number,
        answers=tuple(answers),
        other=other,
    )


def _off_by(text: str) -> float:
    """Return how far from an answer one may be: it is meant as rounded to its decimals."""
    _, point, decimals = text.partition(".")
    return 0.5 * 10.0 ** -len(decimals) if point else 0.0
