"""The editions of the book: ``EDITION`` in the environment says which is built.

What an edition leaves out is gone before anything is made of a page: search, downloads, the PDF.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from docutils import nodes
from exercises import without_solutions
from questions import is_solution
from sources import file_of, of_extension
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError
from sphinx.transforms import SphinxTransform

STUDENT, INSTRUCTOR = "student", "instructor"
#: For instructors alone: answers and whatever else must not come before the students' eyes.
KEYS = {"chapters/keys", "chapters/questions"}
#: The pages that an edition leaves out; without a name it is the public one.
LEFT_OUT = {
    "": KEYS,
    STUDENT: KEYS | {"chapters/teaching", "chapters/grading"},
    INSTRUCTOR: set[str](),
}


def choose(app: Sphinx, config: Config) -> None:
    """Read the pages of this edition, and nothing else that lies in this folder."""
    config.edition = os.environ.get("EDITION", "")
    if config.edition not in LEFT_OUT:
        raise ConfigError(f"EDITION is {config.edition!r}, not {STUDENT} or {INSTRUCTOR}")
    toc, home = config.external_site_map, Path(app.srcdir)
    for page in LEFT_OUT[config.edition].intersection(toc):
        del toc[page]
        for part in toc.root.subtrees:
            part.items = [item for item in part.items if item != page]
    toc.root.subtrees = [part for part in toc.root.subtrees if part.items]
    config.include_patterns = [file_of(page, home).relative_to(home).as_posix() for page in toc]
    if config.edition == STUDENT:
        # They would open the notebook that is public, with its solutions.
        config.html_theme_options.pop("launch_buttons", None)


class LeaveOut(SphinxTransform):
    """Take out solutions, with the cells that they run, and what says "except" this edition."""

    default_priority = 20  # after sphinx-exercise has put each solution into one node

    def apply(self) -> None:
        """Take them out."""
        edition = self.config.edition
        for node in list(self.document.findall(nodes.Element)):
            solves = edition == STUDENT and is_solution(node)
            if node.parent is not None and (solves or f"except-{edition}" in node["classes"]):
                node.parent.remove(node)


def clean_downloads(app: Sphinx, error: Exception | None) -> None:
    """Take the solutions out of the notebooks that pages offer."""
    if app.config.edition != STUDENT or app.builder.format != "html" or error is not None:
        return
    for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        notebook["cells"] = without_solutions(notebook["cells"])
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_config_value("edition", "", "env", str)
    app.connect("config-inited", choose, priority=950)  # after the table of contents was read
    app.add_transform(LeaveOut)
    app.connect("build-finished", clean_downloads)
    return of_extension(__file__)
