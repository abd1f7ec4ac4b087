"""Chapters that ``_toc.yml`` leaves out, or has in another order: the other pages follow.

A reference to a page that the book does not have becomes the name of what it led to, and a link
where ``_config.yml`` says where the whole book is public. What a page has for one chapter (a card,
a lesson plan, a row of a table, a term) comes and goes with it, in the order of the chapters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from glossary import GLOSSARY, forms
from sources import beside, cells, directives, file_of, markdown, numbered, of_extension
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join
from sphinx.util.docutils import SphinxRole

#: References whose text is a number, which only the book that has the chapter can tell.
COUNTED = {"numref": "a figure", "eq": "an equation"}
_TITLE = re.compile(r"^# +(.*)", re.MULTILINE)
_SECTION = re.compile(r"^((?:\([\w-]+\)=\n+)*)#+ +(.*)", re.MULTILINE)
_EQUATION = re.compile(r"^\$\$ *\(([\w-]+)\)", re.MULTILINE)
_TERM = re.compile(r"^(\S.*)\n {2,}\S.*\{chapter\}`(\w+)`", re.MULTILINE)
_MARKUP = re.compile(r"\$([^$]+)\$|`([^`]+)`")


class Place(NamedTuple):
    """What a label names: the title of a place, and of the page that holds it."""

    page: str
    title: str
    of: str


class Absent(NamedTuple):
    """What the book does not have: pages, labels and terms."""

    pages: dict[str, Place]
    labels: dict[str, Place]
    terms: set[str]


@cache
def absent(root: Path, present: tuple[str, ...]) -> Absent:
    """Return what lies beside the pages of the book."""
    files = [file_of(page, root) for page in present]
    pages: dict[str, Place] = {}
    labels: dict[str, Place] = {}
    for path in beside(files):
        page = path.relative_to(root).with_suffix("").as_posix()
        try:
            title = _TITLE.search(markdown(path))
            found = dict(labels_of(path))
        except (OSError, ValueError, LookupError, TypeError):
            continue  # somebody's notes, which are no page
        of = title[1] if title else path.stem
        pages[page] = Place(page, of, of)
        labels |= {label: Place(page, name or of, of) for label, name in found.items()}
    # Of a chapter and a changed copy of it, only one is in the book.
    kept = {label for path in files for label, _ in labels_of(path)}
    labels = {label: place for label, place in labels.items() if label not in kept}
    terms = _unused_terms(root, files) if GLOSSARY in present else set()
    for term in terms:
        labels[anchor_of(term)] = Place(GLOSSARY, term, term)
    return Absent(pages, labels, terms)


def anchor_of(term: str) -> str:
    """Return the anchor that Sphinx gives a term of the glossary."""
    return "term-" + re.sub(r"\W+", "-", term.encode("ascii", "ignore").decode()).strip("-")


def labels_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the labels of a page, each with the title of what it names."""
    text = markdown(path)
    for targets, title in _SECTION.findall(text):
        names = [nodes.make_id(title), *re.findall(r"\(([\w-]+)\)=", targets)]
        yield from ((name, title) for name in names)
    yield from ((found.label, found.title) for found in directives(text) if found.label)
    yield from ((label, "") for label in _EQUATION.findall(text))
    for cell in cells(path):
        if name := cell["metadata"].get("mystnb", {}).get("figure", {}).get("name"):
            yield name, ""


def _unused_terms(root: Path, files: list[Path]) -> set[str]:
    """Return the terms of absent chapters that no notebook of the book uses."""
    text = "\n".join(markdown(path) for path in files if path.suffix == ".ipynb")
    entries = _TERM.findall(markdown(file_of(GLOSSARY, root)))
    there = {path.stem for path in files}
    return {term for term, chapter in entries if chapter not in there and not _uses(text, term)}


def _uses(text: str, term: str) -> bool:
    """Tell whether a text has a term, in one of its forms."""
    written = "|".join(map(re.escape, forms(term)))
    return re.search(rf"\b({written})\b", text, re.IGNORECASE) is not None


def page_of(node: nodes.Node, here: str) -> str | None:
    """Return the page that a reference names, if it names one."""
    if not isinstance(node, addnodes.pending_xref):
        return None
    if node["refdomain"] == "doc":
        return node["reftarget"]
    if node["reftype"] in ("doc", "myst"):
        return docname_join(here, node["reftarget"])
    return None


class Following(SphinxTransform):
    """Let what a page has for each chapter follow the chapters."""

    default_priority = 500

    def apply(self) -> None:
        """Sort it, and leave out what is for absent ones."""
        toc = self.config.external_site_map
        self.chapters = numbered(toc)
        if self.env.docname in self.chapters:
            return
        self.absent, _, terms = absent(Path(self.app.srcdir), tuple(toc))
        for kind in (nodes.enumerated_list, nodes.bullet_list, nodes.section, nodes.tbody):
            for parent in list(self.document.findall(kind)):
                self.follow(parent)
        for title in self.document.findall(nodes.title):
            for xref in list(title.findall(addnodes.pending_xref)):
                said = xref.astext()
                xref.replace_self(nodes.Text(said[:1].upper() + said[1:]))
        for box in self.document.findall(nodes.container):
            if "buttons" in box["classes"]:
                self.press(box)
        if self.env.docname == GLOSSARY:
            follow_chapters(self.env)
            self.forget(terms)

    def follow(self, parent: nodes.Element) -> None:
        """Let the children of a node follow, those that begin with a chapter."""
        mine = {child: page for child in parent if (page := self.chapter(child))}
        if mine:
            follow_chapters(self.env)
        places = [parent.index(child) for child in mine]
        kept = [child for child, page in mine.items() if page not in self.absent]
        counted = is_counted(parent)
        if counted or not isinstance(parent, nodes.tbody):
            kept.sort(key=lambda child: self.chapters.index(mine[child]))
        for place, child in zip(places, kept, strict=False):
            parent[place] = child
        for place in reversed(places[len(kept) :]):
            del parent[place]
        if counted:
            for number, row in enumerate(parent, 1):
                text = row.next_node(nodes.Text)
                text.parent.replace(text, nodes.Text(str(number)))

    def chapter(self, node: nodes.Node) -> str | None:
        """Return the chapter that a node begins with; of a row, one that the book has, if any."""
        if isinstance(node, nodes.row):
            found = [page for entry in node if (page := self.chapter(entry))]
            if found:
                named = map(self.page, node.findall(addnodes.pending_xref))
                found = [page for page in named if page in self.chapters] or found
            return found[0] if found else None
        while isinstance(node, nodes.Element):
            if page := self.page(node):
                return page if page in self.chapters or page in self.absent else None
            node = next((child for child in node if child.astext()), None)
        return None

    def page(self, node: nodes.Node) -> str | None:
        """Return the page that a node names, if it does."""
        return page_of(node, self.env.docname)

    def press(self, box: nodes.Element) -> None:
        """Let the first button lead to the first chapter, and none lead nowhere."""
        first, *others = box.findall(addnodes.pending_xref)
        first["reftarget"] = Path(self.chapters[0]).name
        for xref in others:
            if self.page(xref) in self.absent:
                xref.parent.remove(xref)

    def forget(self, terms: set[str]) -> None:
        """Leave out of the glossary the terms that the book has no use for."""
        domain = self.env.get_domain("std")
        for item in list(self.document.findall(nodes.definition_list_item)):
            for term in item.findall(nodes.term):
                if (name := term.astext()) in terms:
                    domain.data["terms"].pop(name.lower(), None)
                    domain.objects.pop(("term", name), None)
                    item.parent.remove(item)


class AbsentReferences(SphinxPostTransform):
    """Turn references to what the book does not have into words, or links to the public one."""

    default_priority = 8  # before any is resolved

    def run(self, **_: Any) -> None:
        """Replace them."""
        self.absent = absent(Path(self.app.srcdir), tuple(self.config.external_site_map))
        for xref in list(self.document.findall(addnodes.pending_xref)):
            if xref["reftype"] == "term" and xref["reftarget"] in self.absent.terms:
                xref.replace_self(xref[0].children)
            elif place := self.place(xref):
                xref.replace_self(self.named(xref, place))

    def place(self, xref: addnodes.pending_xref) -> Place | None:
        """Return what a reference leads to, if the book does not have it."""
        if page := page_of(xref, self.env.docname):
            if page in self.absent.pages:
                return self.absent.pages[page]
            if xref["reftype"] != "myst":
                return None
        return self.absent.labels.get(xref["reftarget"])

    def named(self, xref: addnodes.pending_xref, place: Place) -> nodes.Element:
        """Return the name of a place, and the way to it where there is one."""
        if xref["refexplicit"]:
            words = xref[0].children
        elif kind := COUNTED.get(xref["reftype"]):
            start = kind.capitalize() if opens(xref) else kind
            words = [nodes.Text(f"{start} of "), emphasis(place.of)]
        else:
            words = [emphasis(place.title)]
        site = self.config.html_baseurl.rstrip("/")
        if not site:
            return nodes.inline("", "", *words)
        anchor = xref["reftarget"] if place.page != page_of(xref, self.env.docname) else ""
        anchor = f"#equation-{anchor}" if xref["reftype"] == "eq" else f"#{anchor}" * bool(anchor)
        link = f"{site}/{place.page}.html{anchor}"
        return nodes.reference("", "", *words, refuri=link, internal=False)


def is_counted(parent: nodes.Element) -> bool:
    """Tell whether the rows of a table say in their first column that they are 1, 2, 3, ...."""
    firsts = [row[0].astext() for row in parent if isinstance(row, nodes.row)]
    return bool(firsts) and firsts == [str(number) for number, _ in enumerate(firsts, 1)]


def opens(node: nodes.Node) -> bool:
    """Tell whether a node begins a sentence."""
    before = "".join(other.astext() for other in node.parent[: node.parent.index(node)]).rstrip()
    return not before or before[-1] in ".:?!"


def emphasis(title: str) -> nodes.emphasis:
    """Return a title as it stands in a text that has no link to it."""
    said = nodes.emphasis()
    after = 0
    title = title.replace("*", "")
    for part in _MARKUP.finditer(title):
        said += nodes.Text(title[after : part.start()])
        said += nodes.math("", part[1]) if part[1] else nodes.literal("", part[2])
        after = part.end()
    said += nodes.Text(title[after:])
    return said


class ChapterRole(SphinxRole):
    """``{chapter}`04_softmax_and_kl```, a chapter by its number as long as it has one."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return a reference to it."""
        follow_chapters(self.env)
        chapters = numbered(self.config.external_site_map)
        page = docname_join(self.env.docname, self.text)
        said = f"chapter {chapters.index(page) + 1}" if page in chapters else ""
        xref = addnodes.pending_xref(
            "",
            nodes.inline("", said or self.text),
            refdomain="std",
            reftype="doc",
            refdoc=self.env.docname,
            reftarget=self.text,
            refexplicit=bool(said),
            refwarn=True,
        )
        self.set_source_info(xref)
        return [xref], []


def follow_chapters(env: BuildEnvironment) -> None:
    """Remember that the page being read says what the chapters are, or in which order."""
    env.following = getattr(env, "following", set()) | {env.docname}


def pages_that_follow(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """Return the pages to be read anew when chapters have come, gone or changed places."""
    now = list(app.config.external_site_map)
    before, env.followed = getattr(env, "followed", now), now
    return sorted(getattr(env, "following", set()).intersection(now)) if now != before else []


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_role("chapter", ChapterRole())
    app.add_transform(Following)
    app.add_post_transform(AbsentReferences)
    app.connect("env-get-outdated", pages_that_follow)
    return of_extension(__file__)
