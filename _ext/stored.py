"""What is read on each page, kept in Sphinx's environment for this build and the next ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def store(
    app: Sphinx, name: str, find: Callable[[nodes.document], Any], priority: int = 500
) -> None:
    """Keep under a name what is found on each page, until the page has gone or is read anew."""

    def keep(app: Sphinx, doctree: nodes.document) -> None:
        stored(app.env, name)[app.env.docname] = find(doctree)

    def forget(app: Sphinx, env: BuildEnvironment, page: str) -> None:
        stored(env, name).pop(page, None)

    app.connect("doctree-read", keep, priority)
    app.connect("env-purge-doc", forget)


def stored(env: BuildEnvironment, name: str) -> dict[str, Any]:
    """Return by page what is kept under a name."""
    found: dict[str, Any] = vars(env).setdefault(name, {})
    return found
