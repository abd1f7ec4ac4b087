"""What the public address of the book, where _config.yml gives one, adds to its pages.

A button that reports an error, and previews of links to it; ``work.py`` adds Colab and Binder.
"""

from __future__ import annotations

import re
import shutil
from html import escape
from pathlib import Path
from textwrap import shorten
from typing import Any
from urllib.parse import urlencode

from docutils import nodes
from formulas import plain
from sources import of_extension
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

# What a preview shows.
PICTURE = Path(__file__).parent.parent / ".github" / "page.png"


def check_address(app: Sphinx, config: Config) -> None:
    """Refuse a public address that what is made of it would not be at."""
    address = config.html_theme_options.get("repository_url")
    if address and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise ConfigError(
            f"_config.yml: repository: url is {address!r}, not https://github.com/OWNER/NAME"
        )


def lay_picture(app: Sphinx) -> None:
    """Lay the picture of a page where previews look for it."""
    if app.builder.format == "html" and app.config.html_baseurl:
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PICTURE, static / PICTURE.name)


def publish_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give a page what needs the public address: a way to report an error, and a preview."""
    if doctree is None:
        return
    if address := app.config.html_theme_options.get("repository_url"):
        form = urlencode({"template": "book.yml", "place": page})
        context["header_buttons"].append(
            {
                "type": "link",
                "url": f"{address}/issues/new?{form}",
                "text": "",
                "tooltip": "Report an error on this page",
                "icon": "fas fa-bug",
                "label": "report-button",
            }
        )
    if site := app.config.html_baseurl.rstrip("/"):
        preview = {
            "title": app.env.titles[page].astext(),
            "description": description(doctree),
            "image": f"{site}/_static/{PICTURE.name}",
            "url": f"{site}/{page}.html",
            "type": "article",
            "site_name": app.config.html_title,
        }
        context["metatags"] += "".join(
            f'\n<meta property="og:{name}" content="{escape(text)}" />'
            for name, text in preview.items()
        )


def description(doctree: nodes.document) -> str:
    """Return the beginning of a page's first paragraph."""
    paragraphs = (
        paragraph
        for paragraph in doctree.findall(nodes.paragraph)
        if "reading-time" not in paragraph["classes"]
    )
    paragraph = next(paragraphs, nodes.paragraph())
    return shorten(plain(paragraph), 200, placeholder=" …")


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.connect("config-inited", check_address)
    app.connect("builder-inited", lay_picture)
    app.connect("html-page-context", publish_page)
    return of_extension(__file__)
