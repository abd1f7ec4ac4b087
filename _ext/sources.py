"""Which files the book and its assignments are made of, whatever else lies beside them."""

from __future__ import annotations

import zlib
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent


def pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that ``_toc.yml`` names; of two of one name, the notebook."""
    found = []
    for page in parse_toc_yaml(root / "_toc.yml"):
        notebook = root / f"{page}.ipynb"
        found.append(notebook if notebook.exists() else root / f"{page}.md")
    return found


def chapters(root: Path = ROOT) -> list[Path]:
    """Return the pages that are notebooks."""
    return [path for path in pages(root) if path.suffix == ".ipynb"]


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
