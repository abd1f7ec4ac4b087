"""Which files the book and its assignments are made of, whatever else lies beside them."""

from __future__ import annotations

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


def assignments(root: Path = ROOT) -> list[Path]:
    """Return the notebooks that have a rubric of their name."""
    home = root / "assignments"
    names = [path.stem for path in home.glob("rubrics/*.py")]
    found = (home / "source" / name / f"{name}.ipynb" for name in names)
    return sorted(path for path in found if path.exists())
