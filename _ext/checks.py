"""The self-checks of each page, by name: ``kept.js`` keeps the answers and counts those given.

Without JavaScript they are lists of answers with a box before each, checked where it is right.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import assets
from docutils import nodes
from questions import is_self_check
from sources import of_extension
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from stored import store, stored

SCRIPT = Path(__file__).parent / "kept.js"
STORE = "checks"


def checks(doctree: nodes.document) -> dict[str, str]:
    """Return a page's self-checks by their names, each with a digest of what it says."""
    return {
        box["ids"][0]: f"{zlib.crc32(box.astext().encode()):08x}"
        for box in doctree.findall(is_self_check)
        if box["ids"]
    }


def label_boxes(app: Sphinx, doctree: nodes.document) -> None:
    """Give each box a label, for those who hear it."""
    checks = doctree.findall(is_self_check)
    for box in [raw for check in checks for raw in check.findall(nodes.raw)]:
        label = "right" if 'checked="checked"' in box.astext() else "wrong"
        labeled = box.astext().replace("<input ", f'<input aria-label="{label}" ')
        box.replace_self(nodes.raw("", labeled, format="html"))


def write_script(app: Sphinx, env: BuildEnvironment) -> None:
    """Write the script, and with it the self-checks of pages that were read now and before."""
    if app.builder.format == "html":
        pages = {page: found for page, found in sorted(stored(env, STORE).items()) if found}
        data = json.dumps({"book": app.config.html_title, "pages": pages}, separators=(",", ":"))
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        text = f"window.bookChecks = {data};\n{assets.without_comments(SCRIPT)}"
        (static / SCRIPT.name).write_text(text, encoding="utf-8")


def load_scripts(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load what keeps answers where there are self-checks, and where chapters have their cards."""
    if page == app.config.root_doc or stored(app.env, STORE).get(page):
        app.add_js_file(SCRIPT.name)


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    store(app, STORE, checks)
    app.connect("doctree-read", label_boxes)
    app.connect("env-updated", write_script)
    app.connect("html-page-context", load_scripts)
    return of_extension(__file__)
