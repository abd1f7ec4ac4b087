"""A page with the right answer to each self-check, for instructors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from absent import follow_chapters
from docutils import nodes
from questions import SelfCheck, is_self_check, self_check
from sources import numbered, of_extension
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective


class keys(nodes.General, nodes.Element):
    """The place of the right answers, until all chapters have been read."""


class Keys(SphinxDirective):
    """The right answers to all self-checks, as PDF and page number them."""

    def run(self) -> list[nodes.Node]:
        """Return their place."""
        follow_chapters(self.env)
        for page in numbered(self.config.external_site_map):
            self.env.note_dependency(str(self.env.doc2path(page)))
        return [keys()]


class FillKeys(SphinxPostTransform):
    """Write the right answers where they belong."""

    default_priority = 5  # before any reference is resolved

    def run(self, **_: Any) -> None:
        """Write them."""
        for place in list(self.document.findall(keys)):
            place.replace_self(list(self.answers()))

    def answers(self) -> Iterator[nodes.Node]:
        """Yield of each chapter its name and the answers."""
        for number, page in enumerate(numbered(self.config.external_site_map), 1):
            title = self.link(page, "", self.env.titles[page].deepcopy().children)
            yield nodes.paragraph("", "", nodes.strong("", f"{number}. ", title))
            chapter = self.env.get_doctree(page)
            for xref in chapter.findall(addnodes.pending_xref):
                xref["refdoc"] = self.env.docname  # from where its link will lead
            for i, box in enumerate(list(chapter.findall(is_self_check)), 1):
                check = self_check(box)
                name = self.link(page, f"#{check.label}", [nodes.Text(f"{number}.{i}")])
                yield from key(check, name)

    def link(self, page: str, anchor: str, said: list[nodes.Node]) -> nodes.reference:
        """Return a link to a place of the book."""
        address = self.app.builder.get_relative_uri(self.env.docname, page)
        return nodes.reference("", "", *said, refuri=f"{address}{anchor}", internal=True)


def key(check: SelfCheck, name: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the question behind its name, then each right answer and why it is right."""
    asked, *more = check.question
    yield nodes.paragraph("", "", name, nodes.Text(" "), *asked.children)
    yield from more
    for right, text, feedback in check.answers:
        if right:
            said = [nodes.strong("", "", *part.children) for part in text]
            why, *more = feedback
            yield nodes.paragraph("", "", *said, nodes.Text(" "), *why.children)
            yield from more


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_node(keys)
    app.add_directive("self-check-keys", Keys)
    app.add_post_transform(FillKeys)
    return of_extension(__file__)
