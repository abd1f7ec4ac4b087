"""Terms of the glossary, linked from where a chapter first uses them.

The links lead to the glossary; ``terms.js`` shows there and then what it says. The definitions that
a page may need stand at its end, hidden, since a page that is opened as a file may not fetch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from docutils import nodes
from sources import numbered, of_extension
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform

GLOSSARY = "chapters/glossary"
#: Terms that are also plain words: they are linked only in the chapter that explains them.
EVERYDAY = {"depth", "module", "parameters", "tensor"}
#: Where a term is not used: it is explained (emphasis), named, quoted, or leads elsewhere.
APART = (
    nodes.Titular,
    nodes.FixedTextElement,
    nodes.Invisible,
    nodes.caption,
    nodes.emphasis,
    nodes.literal,
    nodes.math,
    nodes.raw,
    nodes.reference,
    nodes.strong,
    nodes.table,
    addnodes.pending_xref,
)
#: Nor where the reader is asked, or shown what a cell prints.
ASKED = {"quiz", "drill", "exercise", "solution", "cell"}


class Term(NamedTuple):
    """A term, the anchor of its entry, the chapter that explains it, and what the entry says."""

    name: str
    anchor: str
    home: str
    definition: nodes.definition


def entries(doctree: nodes.document) -> Iterator[Term]:
    """Yield the terms of the glossary; a definition ends with a link to the term's chapter."""
    for item in doctree.findall(nodes.definition_list_item):
        homes = [xref["reftarget"] for xref in item.findall(addnodes.pending_xref)]
        for term in item.findall(nodes.term):
            yield Term(term.astext(), term["ids"][0], homes[-1] if homes else "", item[-1])


def forms(name: str) -> Iterator[str]:
    """Yield a term in the singular and the plural; brackets hold another name of it."""
    for form in filter(None, re.split(r" *[()]", name)):
        yield form
        if re.search("[^aeiou]y$", form):
            yield f"{form[:-1]}ies"
        elif re.search("(ss|x|sh|[^o]ch)$", form):  # an epoch ends in a k
            yield f"{form}es"
        else:
            yield form[:-1] if form.endswith("s") else f"{form}s"


def first_uses(
    doctree: nodes.document, terms: Iterable[Term], page: str, address: str
) -> list[Term]:
    """Link each term where a page first uses it, and return those linked, in their order."""
    names = {}
    for term in terms:
        if term.name not in EVERYDAY or term.home == PurePosixPath(page).name:
            for form in forms(term.name):
                names[form] = names[form[0].upper() + form[1:]] = term
    # The longest first: whoever writes of binary cross-entropy does not use "cross-entropy".
    ways = ("\\s+".join(map(re.escape, name.split())) for name in sorted(names, key=len)[::-1])
    written = re.compile(rf"(?<![\w-])(?:{'|'.join(ways)})(?![\w-])")
    linked: dict[str, Term] = {}
    for text in list(_running_text(doctree)):
        pieces: list[nodes.Node] = []
        end = 0
        for use in written.finditer(text):
            term = names[" ".join(use[0].split())]
            if term.name in linked:
                continue
            linked[term.name] = term
            link = nodes.reference("", use[0], internal=True, classes=["term"])
            link["refuri"] = f"{address}#{term.anchor}"
            pieces += [nodes.Text(text[end : use.start()]), link]
            end = use.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[end:])])
    return list(linked.values())


def _running_text(node: nodes.Element) -> Iterator[nodes.Text]:
    """Yield the running text of a page in its order."""
    for child in node.children:
        if isinstance(child, nodes.Text):
            yield child
        elif not isinstance(child, APART) and not ASKED.intersection(child["classes"]):
            yield from _running_text(child)


def popup(term: Term, page: str, address: str) -> Iterator[nodes.Node]:
    """Yield what says a term's definition where it is used."""
    name = escape(term.name)
    yield nodes.raw(
        "",
        f'<div popover class="definition" id="{term.anchor.replace("term", "definition", 1)}" '
        f'role="dialog" aria-label="{name}" tabindex="-1">'
        f'<p class="name"><a href="{address}#{term.anchor}">{name}</a></p>',
        format="html",
    )
    definition = term.definition.deepcopy()
    for link in definition.findall(addnodes.pending_xref):
        link["refdoc"] = page
    yield from definition.children
    yield nodes.raw("", "</div>", format="html")


class LinkTerms(SphinxPostTransform):
    """Link the terms of a chapter, before references are resolved."""

    default_priority = 7  # what they say may name a chapter that is absent (absent.py)
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Change the page that is about to be written."""
        page = self.env.docname
        if not links_terms(self.env, page):
            return
        address = self.app.builder.get_relative_uri(page, GLOSSARY)
        terms = entries(self.env.get_doctree(GLOSSARY))
        used = first_uses(self.document, terms, page, address)
        popups = [node for term in used for node in popup(term, page, address)]
        self.document += nodes.container("", *popups, classes=["definitions"])


def links_terms(env: BuildEnvironment, page: str) -> bool:
    """Tell whether a page is a chapter, of a book that has a glossary."""
    return page in numbered(env.config.external_site_map) and GLOSSARY in env.found_docs


def depend_on_glossary(app: Sphinx, doctree: nodes.document) -> None:
    """Have a chapter read anew when the glossary has changed."""
    if links_terms(app.env, app.env.docname):
        app.env.note_dependency(str(app.env.doc2path(GLOSSARY)))


def load_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load what shows definitions where there are some."""
    links = () if doctree is None else doctree.findall(nodes.reference)
    if any("term" in link["classes"] for link in links):
        app.add_js_file("terms.js")


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_post_transform(LinkTerms)
    app.connect("doctree-read", depend_on_glossary)
    app.connect("html-page-context", load_script)
    return of_extension(__file__)
