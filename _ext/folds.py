"""What a page folds, and the name that opens it."""

from __future__ import annotations

import zlib
from pathlib import Path

from docutils import nodes
from reading import DEEPER
from sphinx.application import Sphinx

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
    app.connect("doctree-resolved", fold_deeper)
    # Pages that were read by another version of this file are read anew.
    written = zlib.crc32(Path(__file__).read_bytes())
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": written}
