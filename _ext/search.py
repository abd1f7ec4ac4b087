"""What the search finds: each section, statement, exercise, term and name is a place of its own.

``search.js`` shows the dialog, ``ranking.js`` ranks the places, MiniSearch finds words in them. The
places come as a script, since a page that is opened as a file may not fetch; no page loads them
before somebody searches. Sphinx's own index, which knows pages alone, is not made.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from absent import Absent, absent, page_of
from docutils import nodes
from sources import numbered, of_extension
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search.en import english_stopwords, js_porter_stemmer
from sphinx.util import logging
from statements import KINDS
from stored import store, stored

SYNONYMS = Path(__file__).parent / "synonyms.toml"
STORE = "places"
#: What a place counts for: chapters teach, the other pages are for looking things up.
PAGES = {"index": 1.0, "glossary": 0.7, "api": 0.4}
OTHER_PAGES = 0.3
WITHIN_A_PAGE = {"page": 0.8, "exercise": 0.7, "recap": 0.5}
RECAPS = ("Summary", "Pitfalls", "Going deeper", "What covers what", "Where to read on")
# A solution is no place to be led to, and the answers of a self-check are mostly wrong.
HIDDEN = {"solution", "quiz", "drill"}
# References that hold the label that they lead to, until they are resolved.
BARE = {"ref", "numref", "eq", "p", "cite"}
# A page that is named by its title, until all titles are known.
_PAGE = re.compile("\0(.*?)\0")
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Warning): .*(?:\n +\S.*)*")
_NAME = re.compile(r"[A-Za-z_]\w{2,}")
_NOTHING = Absent({}, {}, set())

logger = logging.getLogger(__name__)


@dataclass
class Place:
    """One place of a page, and what is read there."""

    anchor: str
    kind: str
    title: str
    above: list[str]
    #: What it is called beside its title: the words in bold, as terms are where they are explained,
    #: and the errors that its cells print.
    names: list[str] = field(default_factory=list)
    text: str = ""
    #: The names in code that is shown.
    code: list[str] = field(default_factory=list)


def places(doctree: nodes.document) -> list[Place]:
    """Return the places of a page in their order."""
    found: list[Place] = []
    for node in doctree.children:
        _read(node, found, [])
    for place in found:
        # Of formulas in a row one sign is enough.
        place.text = re.sub(r"…[\s,.;:=…]*…", "…", " ".join(place.text.split()))
    return found


def _read(node: nodes.Node, found: list[Place], inside: list[Place]) -> None:
    """Give what is read in a node to the innermost place around it."""
    if isinstance(node, nodes.Text):
        if inside:
            inside[-1].text += node.astext()
        return
    if _is_hidden(node):
        return
    if page := _titled(node):
        inside[-1].text += f"\0{page}\0"
        return
    if place := _begin(node, [place.title for place in inside]):
        found.append(place)
        inside = [*inside, place]
    if isinstance(node, nodes.strong):
        inside[-1].names.append(node.astext())
    if isinstance(node, (nodes.math, nodes.math_block)):
        inside[-1].text += "…"
    elif node.get("nb_element") == "cell_code":
        _read_cell(node, inside[-1])
    else:
        for child in node.children:
            _read(child, found, inside)
    if inside and not isinstance(node, nodes.Inline):
        inside[-1].text += " "


def _is_hidden(node: nodes.Element) -> bool:
    """Tell whether nothing that is read in a node is to be found there."""
    if isinstance(node, addnodes.pending_xref):
        return not node["refexplicit"] and node["reftype"] in BARE
    named = (nodes.title, nodes.term, addnodes.desc_signature)
    return isinstance(node, (*named, nodes.Invisible, nodes.raw)) or bool(
        HIDDEN.intersection(node["classes"])
    )


def _titled(node: nodes.Element) -> str | None:
    """Return the page that a reference calls by its title, if it does."""
    if isinstance(node, addnodes.pending_xref) and not node["refexplicit"]:
        return page_of(node, node.get("refdoc", ""))
    return None


def _begin(node: nodes.Element, above: list[str]) -> Place | None:
    """Return the place that a node begins, if any."""
    if isinstance(node, nodes.section) and isinstance(node[0], nodes.title):
        title = node[0].astext()
        kind = "page" if not above else "recap" if title in RECAPS else "section"
        # The label that was written stands behind the anchor that is made of the title.
        return Place(node["ids"][:2][-1], kind, title, above)
    if node.get("realtype") in (*KINDS, "definition"):
        return Place(node["label"], node["realtype"], node[0].astext().strip(" ()"), above)
    if node.get("type") == "exercise" and "label" in node:
        return Place(node["label"], "exercise", node[0][-1].astext(), above)
    if isinstance(node, nodes.definition_list_item) and node[0]["ids"]:
        return Place(node[0]["ids"][0], "term", node[0].astext(), above)
    if isinstance(node, addnodes.desc) and node[0].get("ids"):
        return Place(node[0]["ids"][0], "name", node[0]["fullname"], above)
    return None


def _read_cell(cell: nodes.Element, place: Place) -> None:
    """Take of a cell the names in its code, if that is shown, the errors printed and the captions.

    Numbers and tables that it prints, and what it imports, are no words that lead here.
    """
    for block in cell.findall(nodes.literal_block):
        if "cell_input" not in block.parent["classes"]:
            place.names += _ERROR.findall(block.astext())
        elif not cell.get("hide_mode"):
            lines = [line for line in block.astext().splitlines() if "import " not in line]
            place.code = sorted({*place.code, *_NAME.findall("\n".join(lines))})
    for caption in cell.findall(nodes.caption):
        place.text += f" {caption.astext()}"


def script(
    pages: dict[str, list[Place]],
    synonyms: dict[str, Any],
    lessons: Container[str] = (),
    beside: Absent = _NOTHING,
) -> str:
    """Return the script with the places of all pages, by which words are split and joined.

    Lessons are those pages that teach; what lies beside the book may have synonyms and be named.
    """
    names = dict(synonyms["places"])
    titles = {page: place.title for page, place in beside.pages.items()}
    titles |= {page: found[0].title for page, found in pages.items() if found}
    found = [
        asdict(place)
        | {
            "page": page,
            "weight": _weigh(page, place, lessons),
            "names": place.names + names.pop(place.anchor, []),
            "text": _PAGE.sub(lambda named: titles.get(named[1], named[1]), place.text),
        }
        for page in sorted(pages)
        for place in pages[page]
    ]
    for label in names:
        if label in beside.labels:
            continue
        logger.warning("%s: no place has the label %s", SYNONYMS.name, label)
    data = {
        "places": found,
        "phrases": synonyms["phrases"],
        "idle": sorted(english_stopwords.union(synonyms["idle"])),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{js_porter_stemmer}\nwindow.bookPlaces = {text};\n"


def _weigh(page: str, place: Place, lessons: Container[str]) -> float:
    """Say what a place counts for."""
    name = page.rpartition("/")[2]
    of_page = 1.0 if page in lessons else PAGES.get(name, OTHER_PAGES)
    return of_page * WITHIN_A_PAGE.get(place.kind, 1.0)


def write_places(app: Sphinx, env: BuildEnvironment) -> None:
    """Write the script of all places, of pages that were read now and before."""
    if app.builder.format == "html":
        synonyms = tomllib.loads(SYNONYMS.read_text(encoding="utf-8"))
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        toc = app.config.external_site_map
        beside = absent(Path(app.srcdir), tuple(toc))
        text = script(stored(env, STORE), synonyms, numbered(toc), beside)
        (static / "places.js").write_text(text, encoding="utf-8")


def leave_own_search(app: Sphinx) -> None:
    """Keep Sphinx from making its index and its page of results."""
    app.builder.search = False


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_js_file("search.js")
    app.connect("builder-inited", leave_own_search)
    # Before others fold proofs, and write under statements which tests check them.
    store(app, STORE, places, priority=400)
    # At every build: the synonyms may have changed, and no page.
    app.connect("env-updated", write_places)
    return of_extension(__file__)
