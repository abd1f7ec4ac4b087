"""The book's own Sphinx extension.

Charts without the network, self-checks, and under each numbered statement the test that checks it.
"""

from __future__ import annotations

import json
import re
from functools import cache, cached_property
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import assets
from absent import follow_chapters
from docutils import nodes
from folds import fold
from myst_nb.core.render import MimeData, MimeRenderPlugin, load_mime_renders
from sources import chapters, of_extension
from sphinx.application import Sphinx
from sphinx.domains import std
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.images import get_image_size
from statements import KINDS, Marked, marked, statements

VEGA_LITE = "application/vnd.vegalite.v5+json"

logger = logging.getLogger(__name__)


def lay_assets(app: Sphinx) -> None:
    """Lay before a page is read what pages load: Sphinx asks for the digest of each.

    Sphinx copies static files only when a page has changed; here, a style that changes is copied
    at every build.
    """
    if app.builder.format == "html":
        assets.lay(Path(app.outdir) / "_static")


def trim_assets(app: Sphinx, error: Exception | None) -> None:
    """Take away what no page uses."""
    if app.builder.format == "html" and error is None:
        assets.trim(Path(app.outdir))


class Chart(MimeRenderPlugin):
    """Charts of Vega-Lite, to be drawn by ``charts.js``; without it their description is read."""

    mime_priority_overrides = (("html", VEGA_LITE, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """Return the chart as raw HTML."""
        if data.mime_type != VEGA_LITE or inline:
            return None
        specification = json.dumps(data.content).replace("<", r"\u003c")
        html = (
            f'<script type="application/json">{specification}</script>'
            f"<p>{escape(data.content['description'])}</p>"
        )
        return [nodes.raw("", html, format="html", classes=["chart"])]


def attach_nodes(app: Sphinx, doctree: nodes.document) -> None:
    """Tie all nodes to their page.

    What was read as reStructuredText remembers a document of its own, and that the whole
    environment: it would be stored with the page, and read again at every build.
    """
    for node in doctree.findall():
        node.document = doctree


def name_tests(app: Sphinx, doctree: nodes.document) -> None:
    """Write under each statement which tests check it, folded to their number."""
    for statement in doctree.findall(is_statement):
        label = statement["label"]
        found = show_tests(app.env, label)
        if not found:
            logger.warning("no test is marked with the statement %s", label, location=statement)
            continue
        line = nodes.paragraph()
        for file, tests_of_file in groupby(found, key=lambda test: test.file):
            line += nodes.Text("; " if len(line) else "")
            for i, test in enumerate(tests_of_file):
                line += [nodes.Text(", " if i else ""), nodes.literal("", test.name)]
            line += [nodes.Text(" in "), nodes.literal("", file)]
        count = nodes.inline("", f"Tested by {len(found)} test{'s' * (len(found) > 1)}")
        statement += fold(count, [line], "tested-by")


def stabilize_anchors(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Call each solution after its exercise, in place of a count, and no two things the same."""
    for node in doctree.findall(nodes.Element):
        if "target_label" in node and node["label"].startswith(f"{page}-solution-"):
            node["ids"] = [f"{node['target_label']}-solution"]
        # So does every proof, exercise or solution call what it holds.
        elif node["ids"] in (["proof-content"], ["exercise-content"], ["solution-content"]):
            node["ids"] = []


class StandardDomain(std.StandardDomain):
    """Sphinx's own, which reads a page anew for each figure named."""

    @cached_property
    def pages(self) -> OnceReadPages:
        """The environment, as it is looked at to find figures."""
        return OnceReadPages(self.env)

    def _resolve_numref_xref(self, env: BuildEnvironment, *rest: Any) -> nodes.Element | None:
        return super()._resolve_numref_xref(self.pages, *rest)


class OnceReadPages:
    """An environment that keeps the pages that it has read."""

    def __init__(self, env: BuildEnvironment) -> None:
        self.env = env
        self.get_doctree = cache(env.get_doctree)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env, name)


class StatementTests(SphinxDirective):
    """A list of all statements and their tests."""

    def run(self) -> list[nodes.Node]:
        """Return the list, read as Markdown."""
        follow_chapters(self.env)
        home = Path(self.env.srcdir)
        lines = []
        for label, (file, title) in statements(chapters(home)).items():
            self.env.note_dependency(str(home / "chapters" / file))
            names = ", ".join(f"`{test.name}`" for test in show_tests(self.env, label))
            lines.append(f"- {{prf:ref}}`{label}`, {title}: {names}")
        return self.parse_text_to_nodes("\n".join(lines))


def is_statement(node: nodes.Node) -> bool:
    """Tell whether a node is a theorem, a proposition, ...."""
    return isinstance(node, nodes.Element) and node.get("realtype") in KINDS


def show_tests(env: BuildEnvironment, label: str) -> list[Marked]:
    """Return the tests of a statement, and remember that the page being read names them."""
    env.statement_tests = getattr(env, "statement_tests", {})
    found = marked().get(label, [])
    env.statement_tests.setdefault(env.docname, {})[label] = found
    return found


def forget_tests(app: Sphinx, env: BuildEnvironment, page: str) -> None:
    """Forget what a page named, before it is read anew."""
    getattr(env, "statement_tests", {}).pop(page, None)


def pages_with_moved_tests(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """Return the pages that name a test which has moved since, to be read anew."""
    tests = marked()
    return [
        page
        for page, named in getattr(env, "statement_tests", {}).items()
        if any(tests.get(label, []) != before for label, before in named.items())
    ]


def pages_outdated_by_pdf(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """Return the opening page when the PDF has come or gone since it was written."""
    exists = (Path(app.outdir) / assets.PDF).exists()
    existed, env.printed = getattr(env, "printed", False), exists
    return [app.config.root_doc] if exists != existed else []


def finish_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Load on a page the scripts that it has a use for, and mend its roles."""
    if doctree is None:
        return
    # Deprecated, and no children of a list: screen readers do without.
    for role in (' role="doc-biblioentry"', ' role="list"'):
        context["body"] = context["body"].replace(role, "")
    if any("chart" in node["classes"] for node in doctree.findall(nodes.raw)):
        app.add_js_file("charts.js", **{"data-vega": assets.VEGA})
    asked = [
        kind
        for kind in ("quiz", "drill")
        if any(kind in node["classes"] for node in doctree.findall(nodes.admonition))
    ]
    for script in ["arithmetic", *asked] if asked else []:
        app.add_js_file(f"{script}.js")


def lighten_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let a page load no more than it uses, and give pictures room before they are there."""
    assets.choose(context)
    # Buttons in place of menus, which need a script.
    context["header_buttons"] = [
        button | {"text": ""}
        for shown in context.get("header_buttons", ())
        for button in shown.get("buttons", [shown])
    ]
    sizes = {
        name: get_image_size(Path(app.srcdir) / path) for path, name in app.builder.images.items()
    }

    def give_room(picture: re.Match[str]) -> str:
        size = sizes.get(unquote(picture[1]))
        if not size or "width=" in picture[0]:
            return picture[0]
        return f'{picture[0]} width="{size[0]}" height="{size[1]}" loading="lazy"'

    body = re.sub(r'<img [^>]*?src="[^"]*/([^"/]*)"', give_room, context["body"])
    # Names, marks and blanks in code have the color of all text: a quarter of a chapter's elements.
    context["body"] = re.sub(r'<span class="[npw]">([^<]*)</span>', r"\1", body)


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.setup_extension("editions")
    app.setup_extension("absent")
    app.setup_extension("public")
    app.setup_extension("checks")
    app.setup_extension("exam_page")
    app.setup_extension("folds")
    app.setup_extension("formulas")
    app.setup_extension("glossary")
    app.setup_extension("home")
    app.setup_extension("keys")
    app.setup_extension("reading")
    app.setup_extension("search")
    app.setup_extension("work")
    app.add_css_file(assets.STYLES[0])
    app.add_js_file("frame.js")
    app.add_js_file("page.js")
    # Its other door is an entry point, which would belong to nnlib and to every book beside it.
    load_mime_renders().append(Chart)
    app.add_domain(StandardDomain, override=True)
    app.connect("builder-inited", lay_assets)
    app.connect("build-finished", trim_assets, priority=900)
    app.connect("doctree-read", attach_nodes)
    app.connect("doctree-read", name_tests)
    app.connect("doctree-resolved", stabilize_anchors)
    app.connect("env-get-outdated", pages_with_moved_tests)
    app.connect("env-get-outdated", pages_outdated_by_pdf)
    app.connect("env-purge-doc", forget_tests)
    app.add_directive("statement-tests", StatementTests)
    app.connect("html-page-context", finish_page)
    # After the theme and the other extensions.
    app.connect("html-page-context", lighten_page, priority=900)
    return of_extension(__file__, parallel_read_safe=False)
