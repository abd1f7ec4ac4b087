"""The book's own Sphinx extension: mathematics without the network, and the book's styles."""

from __future__ import annotations

import shutil
from importlib.metadata import files
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
# MathJax's script, the fonts it loads, and the TeX extensions that a formula may ask for.
MATHJAX = (
    "tex-mml-chtml.js",
    "output/chtml/fonts/woff-v2/",
    "input/tex/extensions/",
)


def copy_static(app: Sphinx) -> None:
    """Lay MathJax and the styles where pages look for them, before Sphinx reads a page.

    Sphinx copies static files only when a page has changed; here, a style that changes is copied
    at every build.
    """
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "book.css", static / "book.css")
    for source in files("sphinx-mathjax-offline") or ():
        _, _, name = source.as_posix().partition("static/mathjax/")
        if name.startswith(MATHJAX):
            target = static / "mathjax" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.locate(), target)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.config.mathjax_path = "mathjax/tex-mml-chtml.js"
    app.add_css_file("book.css")
    app.connect("builder-inited", copy_static)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
