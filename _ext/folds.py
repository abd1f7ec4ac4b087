"""What a page folds, and the name that opens it."""

from __future__ import annotations

from docutils import nodes
from reading import DEEPER
from sources import of_extension
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx_proof.nodes import proof_node

logger = logging.getLogger(__name__)

#: What opens hidden code, by what that code has made.
DRAWS, PRINTS = "Show the code that draws this", "Show the code that prints this"


def fold(name: nodes.Element, held: list[nodes.Node], kind: str) -> list[nodes.Node]:
    """Return what is held as closed, to be opened by its name."""
    start = nodes.raw("", f'<details class="{kind}"><summary>', format="html")
    middle = nodes.raw("", "</summary>", format="html")
    return [start, name, middle, *held, nodes.raw("", "</details>", format="html")]


def fold_deeper(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Fold each part of what goes deeper; its heading opens it, and keeps its anchor."""
    for section in doctree.findall(nodes.section):
        if section[0].astext() == DEEPER:
            for part in section.children:
                if isinstance(part, nodes.section):
                    part.children = fold(part[0], part[1:], "deeper")


def fold_proofs(app: Sphinx, doctree: nodes.document) -> None:
    """Fold a proof that is a dropdown, and call every proof after its statement.

    sphinx-proof gives a proof no title, which a button that folds it would stand in, and calls
    all of them "proof".
    """
    for proof in list(doctree.findall(proof_node)):
        (box,) = proof
        proof.replace_self(box)
        before = box.parent[: box.parent.index(box)]
        labels = [
            node["label"]
            for node in before
            if isinstance(node, nodes.Element) and "realtype" in node
        ]
        if not labels:
            logger.warning("a proof stands before its statement", location=box)
            continue
        box["ids"] = [f"{labels[-1]}-proof"]
        if "dropdown" in box["classes"]:
            box["classes"].remove("dropdown")
            start = box.next_node(nodes.Text)
            start.parent.replace(start, nodes.Text(start.removeprefix("Proof. ")))
            box.children = fold(nodes.inline("", "Proof"), box.children, "proof-fold")


def hold_boxes(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the box that ends a proof in the line of its last word."""
    for box in list(doctree.findall(nodes.math)):
        if box.astext() != r"\square":
            continue
        line, place = box.parent, box.parent.index(box)
        if place and isinstance(line[place - 1], nodes.Text):
            line[place - 1] = nodes.Text(f"{line[place - 1].rstrip()}\N{NO-BREAK SPACE}")
        elif len(line) == 1:
            line["classes"].append("end-of-proof")


def name_toggles(app: Sphinx, doctree: nodes.document) -> None:
    """Name what opens hidden code after what it has made, unless its cell names it."""
    for cell in doctree.findall(lambda node: isinstance(node, nodes.container)):
        if not cell.get("hide_mode"):
            continue
        output = cell[-1]
        made = output.get("nb_element") == "cell_code_output"
        if made and cell["prompt_show"] == app.config.nb_code_prompt_show:
            drawn = any(output.findall(nodes.image)) or any(output.findall(nodes.raw))
            cell["prompt_show"] = DRAWS if drawn else PRINTS
        cell["prompt_hide"] = cell["prompt_show"].replace("Show", "Hide", 1)


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.connect("doctree-read", name_toggles)
    app.connect("doctree-read", fold_proofs)
    app.connect("doctree-read", hold_boxes)
    app.connect("doctree-resolved", fold_deeper)
    return of_extension(__file__)
