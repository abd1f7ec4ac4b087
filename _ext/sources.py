"""Which files the book and its assignments are made of, whatever else lies beside them."""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from sphinx_external_toc.api import SiteMap
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
# The exam questions lie beside this folder.
sys.path.append(str(ROOT))
_DIRECTIVE = re.compile(r"^(?::{3,}|`{3,})\{([\w:-]+)\} *(.*)\n((?::[\w-]+:.*\n)*)", re.MULTILINE)
_ITEM = re.compile(r"^(?:-|\d+\.) ", re.MULTILINE)
_LABEL = re.compile(r"^:(?:label|name): *(\S+)", re.MULTILINE)


def settings(root: Path = ROOT) -> dict[str, Any]:
    """Return what ``_config.yml`` says."""
    found: dict[str, Any] = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    return found


def pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that ``_toc.yml`` names."""
    return [file_of(page, root) for page in parse_toc_yaml(root / "_toc.yml")]


def file_of(page: str, root: Path = ROOT) -> Path:
    """Return the file of a page; of two of one name, the notebook."""
    notebook = root / f"{page}.ipynb"
    return notebook if notebook.exists() else root / f"{page}.md"


def chapters(root: Path = ROOT) -> list[Path]:
    """Return the pages that are notebooks."""
    return [path for path in pages(root) if path.suffix == ".ipynb"]


def lessons(root: Path = ROOT) -> list[Path]:
    """Return the chapters that teach, in their order: the pages that ``_toc.yml`` numbers."""
    return [file_of(page, root) for page in numbered(parse_toc_yaml(root / "_toc.yml"))]


def numbered(toc: SiteMap) -> list[str]:
    """Return the pages that a table of contents gives a number, in their order."""
    return [str(page) for part in toc.root.subtrees if part.numbered for page in part.items]


def beside(found: list[Path]) -> list[Path]:
    """Return the pages that lie beside those of the book, and are none of it."""
    folders = {path.parent for path in found}
    near = [path for folder in sorted(folders) for path in sorted(folder.iterdir())]
    names = {path.with_suffix("") for path in found}
    return [
        path
        for path in near
        if path.suffix in (".ipynb", ".md") and path.with_suffix("") not in names
    ]


class Directive(NamedTuple):
    """What a directive says in its first lines; ``label`` is its label or its name, if any."""

    kind: str
    title: str
    label: str | None


def directives(text: str) -> Iterator[Directive]:
    """Yield the directives of a text in their order."""
    for kind, title, options in _DIRECTIVE.findall(text):
        label = _LABEL.search(options)
        yield Directive(kind, title.strip(), label and label[1])


def cells(path: Path) -> list[dict[str, Any]]:
    """Return the cells of a page, each with its source as one text; a page of text is one cell."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [{"cell_type": "markdown", "metadata": {}, "source": text}]
    return [cell | {"source": "".join(cell["source"])} for cell in json.loads(text)["cells"]]


def markdown(path: Path) -> str:
    """Return the text of a page, without its code."""
    found = (cell["source"] for cell in cells(path) if cell["cell_type"] == "markdown")
    return "\n\n".join(found)


def objectives(path: Path) -> list[str]:
    """Return what a chapter says that its reader can do, each in one line of Markdown."""
    listed = markdown(path).partition("**After this chapter you can**\n\n")[2].partition("\n\n")[0]
    return [" ".join(said.split()) for said in _ITEM.split(listed)[1:]]


def of_extension(file: str, *, parallel_read_safe: bool = True) -> dict[str, int]:
    """Tell Sphinx of an extension: what another version of its file has made is made anew."""
    written = zlib.crc32(Path(file).read_bytes())
    return {
        "parallel_read_safe": parallel_read_safe,
        "parallel_write_safe": True,
        "env_version": written,
    }


def assignments(root: Path = ROOT) -> list[Path]:
    """Return the notebooks that have a rubric of their name."""
    home = root / "assignments"
    names = [path.stem for path in home.glob("rubrics/*.py")]
    found = (home / "source" / name / f"{name}.ipynb" for name in names)
    return sorted(path for path in found if path.exists())
