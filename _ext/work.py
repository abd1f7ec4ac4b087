"""Work notebooks: each chapter as its student runs it, and beside it one with the solutions.

They are written with the pages, from what Sphinx has resolved, so that numbers, references and
citations are those of the page; the code is that of the chapter's own notebook. In the first the
exercises are empty, each with a cell to answer in and its check, and no output is stored: what a
cell prints is to be predicted, then seen. The second keeps its outputs, to be read without a run.

``python _ext/work.py FOLDER [PAGES]`` lays them out for a student, and leaves alone what is edited
there. Links lead to the built pages, or to PAGES: a page that Jupyter Lab opens has no styles, so
that its server sends them under ``/static`` (lab/jupyter_server_config.json).
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import sys
import tomllib
import zlib
from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import nbformat
from docutils import nodes
from editions import STUDENT
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebooks import NOTEBOOK_METADATA
from plain import Writer
from questions import (
    Exercise,
    SelfCheck,
    exercises,
    is_code_cell,
    is_exercise,
    is_self_check,
    is_solution,
    self_check,
)
from sources import ROOT, numbered, of_extension
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

#: Where they lie in the built book, and the branch of the public repository that holds them.
FOLDER = "work"
#: What Lab, Colab and VS Code fold.
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
#: What is installed for an import, beside nnlib; its own extras bring the others.
PACKAGES = {"altair": "altair>=6", "sklearn": "scikit-learn>=1.5"}
#: Where PyTorch is without CUDA, a tenth of the size.
CPU = "https://download.pytorch.org/whl/cpu"
#: What the page's button gives: its text, how the file's name ends, an icon.
DOWNLOADS = (
    ("Work notebook", "", "fas fa-pencil-alt"),
    ("Solutions", "_solutions", "fas fa-check"),
)
_NUMBERED = re.compile(r"[\d.]+\)?$")
_ABOUT = (
    "> **This notebook is yours to work in.** Predict what a cell will print, run it with Shift "
    "and Enter, then change it. Below each exercise is a cell for your answer, and a check where "
    "there is one. [The page]({page}) has the figures as they come out{solutions}."
)
_ABOUT_COMPANION = ", and [{stem}_solutions.ipynb]({stem}_solutions.ipynb) the solutions"
_ABOUT_SOLUTIONS = (
    "> Solve an exercise in [{stem}.ipynb]({stem}.ipynb) before you look here. To run these cells, "
    "run first the one that is folded below: the code of the chapter."
)


class Cells(list[NotebookNode]):
    """The cells of a notebook; text goes into one until something else comes or it gets a name."""

    def __init__(self, page: Page) -> None:
        self.page, self.text, self.name = page, list[str](), "top"

    def say(self, text: str, name: str = "") -> None:
        """Add text; if it has a name, a cell begins with it."""
        if name:
            self.end(name)
        if text:
            self.text.append(text)

    def end(self, name: str) -> None:
        """End the cell of text, and name the next."""
        if self.text:
            self.append(new_markdown_cell("\n\n".join(self.text), id=self.name[:64]))
        self.text, self.name = [], name

    def run(
        self, source: str, name: str, *, folded: bool = False, outputs: Iterable[Any] = ()
    ) -> None:
        """Add a cell of code."""
        self.end(f"after-{name}")
        metadata = FOLDED if folded else {}
        self.append(new_code_cell(source, id=name, metadata=metadata, outputs=list(outputs)))

    def lay(self, node: nodes.Element, *, outputs: bool = False) -> None:
        """Add a cell of the chapter, and the caption of what it draws."""
        cell, folded = self.page.cell(node), "hide_mode" in node
        source = "".join(cell["source"])
        if folded:
            shown = node["prompt_show"].removeprefix("Show ")
            # Colab shows this line in place of the code, Lab the first one.
            source = f"# @title {shown[:1].upper()}{shown[1:]}\n{source}"
        stored = nbformat.from_dict(cell["outputs"]) if outputs else ()
        self.run(source, cell["id"], folded=folded, outputs=stored)
        for figure in node.findall(nodes.figure):
            self.say(self.page.caption(figure))

    def walk(self, held: Iterable[nodes.Node], level: int = 1, *, outputs: bool = False) -> None:
        """Add what stands on the page, but no solution."""
        answer: Exercise | None = None
        for node in held:
            if answer and not is_code_cell(node):
                self.ask(answer)
                answer = None
            if is_code_cell(node):
                self.lay(node, outputs=outputs)
            elif isinstance(node, nodes.section) and isinstance(node[0], nodes.title):
                self.say(self.page.heading(node, level), node["ids"][0])
                self.walk(node[1:], level + 1, outputs=outputs)
            elif is_self_check(node):
                self.say(folded_answers(self_check(node), self.page.writer), node["ids"][0])
                self.end(f"{node['ids'][0]}-end")
            elif is_exercise(node):
                answer = self.page.exercises[node["label"]]
                self.say(self.page.statement(answer, level), answer.label)
            elif not is_solution(node):
                self.say(self.page.writer.blocks([node]))
        if answer:
            self.ask(answer)

    def ask(self, exercise: Exercise) -> None:
        """Add the cells in which an exercise is answered and checked."""
        defined = self.page.defined
        asked = {name: said for name, said in exercise.asked.items() if name not in defined}
        checks = [call for call in exercise.checks if looked_at(call) not in defined]
        stubs = "\n\n\n".join(map(stub, asked, asked.values()))
        self.run(stubs or "# Your answer", f"{exercise.label}-answer")
        if checks:
            self.run("\n".join(["from nnlib import check", "", *checks]), f"{exercise.label}-check")
        self.end(f"{exercise.label}-end")


class Page:
    """A chapter: its page as Sphinx has resolved it, and its notebook."""

    def __init__(self, app: Sphinx, doctree: nodes.document, name: str) -> None:
        self.app, self.doctree, self.name = app, doctree, name
        self.stem = posixpath.basename(name)
        stored = json.loads(Path(app.env.doc2path(name)).read_text(encoding="utf-8"))
        self.stored = stored["cells"]
        self.site = app.config.html_baseurl.rstrip("/")
        self.exercises = {exercise.label: exercise for exercise in exercises(doctree)}
        apart = [node for e in self.exercises.values() for node in (*e.given, e.solution) if node]
        kept_apart = {id(cell) for node in apart for cell in node.findall(is_code_cell)}
        self.code = [
            "".join(self.cell(node)["source"])
            for node in doctree.findall(is_code_cell)
            if id(node) not in kept_apart
        ]
        self.defined = set(names_of("\n".join(self.code)))

    def cell(self, node: nodes.Element) -> dict[str, Any]:
        """Return the cell of the notebook that a node of the page was read from."""
        return self.stored[int(node["cell_index"])]

    def number(self, kind: str, node: nodes.Element) -> str:
        """Return the number of a node in its count, or nothing."""
        return number_of(self.app.env, self.name, kind, node)

    def address(self, target: str, words: str = "") -> str:
        """Return where a link of the page leads: the public address, if there is one."""
        if urlsplit(target).scheme:
            return target
        if self.site:
            return urljoin(f"{self.site}/{self.name}.html", target)
        target = f"{self.stem}.html{target}" if target.startswith("#") else target
        return posixpath.normpath(f"../{posixpath.dirname(self.name)}/{target}")

    def away(self, target: str, words: str) -> str:
        """Return where a link leads, or nothing if it names by a number what stands on the page."""
        found_here = target.startswith("#") and _NUMBERED.search(words)
        return "" if found_here else self.address(target)

    def heading(self, section: nodes.Element, level: int) -> str:
        """Return the title of a section with its number, as on the page."""
        numbers = self.app.env.toc_secnumbers.get(self.name, {})
        keys = [""] if level == 1 else [f"#{i}" for i in section["ids"]]
        number = [f"{part}." for key in keys for part in numbers.get(key, ())]
        name = f"{''.join(number)} {self.writer.inline(section[0])}".strip()
        return f"{'#' * level} {name}"

    def caption(self, figure: nodes.Element) -> str:
        """Return what stands below a figure."""
        number = self.app.config.numfig_format["figure"] % self.number("figure", figure)
        return f"**{number}** {self.writer.inline(figure.next_node(nodes.caption))}"

    def statement(self, exercise: Exercise, level: int) -> str:
        """Return an exercise below its title."""
        node = exercise.statement
        title = self.writer.title(node, "Exercise", self.number("exercise", node))
        return f"{'#' * level} {title}\n\n{self.writer.blocks(node.children)}"

    def work(self) -> NotebookNode:
        """Return the notebook to work in, which holds what has a number on the page."""
        self.writer = Writer(self.number, self.away)
        cells = Cells(self)
        (chapter,) = (node for node in self.doctree if isinstance(node, nodes.section))
        cells.say(self.heading(chapter, 1))
        solutions = _ABOUT_COMPANION.format(stem=self.stem) if solves(self.app) else ""
        cells.say(_ABOUT.format(page=self.address(f"{self.stem}.html"), solutions=solutions))
        cells.run(self.installer(), "install", folded=True)
        cells.walk(chapter[1:], 2)
        cells.end("end")
        return notebook(cells)

    def solutions(self) -> NotebookNode:
        """Return the notebook with the solutions."""
        self.writer = Writer(self.number, self.address)
        cells = Cells(self)
        (chapter,) = (node for node in self.doctree if isinstance(node, nodes.section))
        cells.say(f"{self.heading(chapter, 1)}: solutions")
        cells.say(_ABOUT_SOLUTIONS.format(stem=self.stem))
        cells.run(self.installer(), "install", folded=True)
        cells.run("\n\n".join(["%%capture", *self.code]), "chapter", folded=True)
        for exercise in self.exercises.values():
            if exercise.solution is None:
                continue
            cells.say(self.statement(exercise, 2), exercise.label)
            for node in exercise.given:
                cells.lay(node)
            cells.say("### Solution", f"{exercise.label}-solution")
            (held,) = (node for node in exercise.solution if isinstance(node, nodes.section))
            cells.walk(held, 4, outputs=True)
        cells.end("end")
        return notebook(cells)

    def installer(self) -> str:
        """Return the code that installs what is missing, and does nothing where all is there."""
        imported = sorted(set(imports_of("\n".join(self.code))) - sys.stdlib_module_names)
        extras = "plots,progress" + ",torch" * ("torch" in imported)
        packages = " ".join(f'"{PACKAGES[name]}"' for name in imported if name in PACKAGES)
        head = (
            "# @title Install what is missing (on Colab, for example)\n"
            "from importlib.util import find_spec\n"
        )
        look = (
            f"missing = [name for name in {json.dumps(imported)} if not find_spec(name)]\n"
            "if missing:\n"
        )
        if address := self.app.config.html_theme_options.get("repository_url"):
            options = "-q" + f" --extra-index-url {CPU}" * ("torch" in imported)
            package = f"{project()['name']}[{extras}] @ git+{address}"
            return f'{head}\n{look}    %pip install {options} {packages} "{package}"'
        return (
            f"{head}from pathlib import Path\n\n{look}"
            '    book = [p for p in Path.cwd().parents if (p / "nnlib").is_dir()]\n'
            "    said = f\"missing: {', '.join(missing)}; install it as the book's README says\"\n"
            "    assert book, said\n"
            f'    %pip install -q {packages} "{{book[0]}}[{extras}]"'
        )


def number_of(env: BuildEnvironment, page: str, kind: str, node: nodes.Element) -> str:
    """Return the number of a node of a page in its count, or nothing."""
    counts = env.toc_fignumbers.get(page, {}).get(kind, {})
    return next((".".join(map(str, counts[i])) for i in node["ids"] if i in counts), "")


def project() -> dict[str, Any]:
    """Return what ``pyproject.toml`` says of nnlib."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def folded_answers(asked: SelfCheck, writer: Writer) -> str:
    """Return a self-check with its answers, each of which opens what is said to it.

    Formulas do not stand in what opens: VS Code would leave them as they are typed.
    """
    lines = [f"**Self-check.** {writer.blocks(asked.question)}"]
    answers = [(writer.blocks(text), right, feedback) for right, text, feedback in asked.answers]
    if asked.for_a_number:
        # The order in which they are written would tell which one is right.
        answers.sort(key=lambda answer: value(answer[0]))
        lines.append("Work it out first. Then open your answer:")
        names = [text for text, _, _ in answers]
    else:
        names = list("ABCDEFGH"[: len(answers)])
        lines += [f"{name}. {text}" for name, (text, _, _) in zip(names, answers, strict=True)]
        lines.append("Choose first. Then open your answer:")
    for name, (_, right, feedback) in zip(names, answers, strict=True):
        verdict = "Right." if right else "Not so."
        lines += [
            f"<details><summary>{name}</summary>",
            f"**{verdict}** {writer.blocks(feedback)}",
            "</details>",
        ]
    return "\n\n".join(lines)


def value(text: str) -> float:
    """Return a number as it is typed, a fraction too; what is none comes after all."""
    above, _, below = text.replace("\\", "").replace("−", "-").partition("/")
    try:
        return float(above) / float(below or 1)
    except ValueError:
        return inf


def stub(name: str, arguments: str) -> str:
    """Return the beginning of what is to be written."""
    if name[0].isupper():
        return f"class {name}:\n    ..." + (f"  # {name}({arguments})" if arguments else "")
    return f"def {name}({arguments}):\n    ..."


def looked_at(call: str) -> str:
    """Return what a call of ``nnlib.check`` is to look at."""
    return call.partition("(")[2].removesuffix(")")


def names_of(code: str) -> Iterator[str]:
    """Yield the names that code defines."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def imports_of(code: str) -> Iterator[str]:
    """Yield the packages that code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def notebook(cells: list[NotebookNode]) -> NotebookNode:
    """Return the cells as a notebook, of the same cells always the same."""
    made = new_notebook(cells=list(cells), metadata=nbformat.from_dict(NOTEBOOK_METADATA))
    nbformat.validate(made)
    return made


def is_chapter(app: Sphinx, name: str) -> bool:
    """Tell whether a page is a chapter, which has a work notebook."""
    return name in numbered(app.config.external_site_map)


def solves(app: Sphinx) -> bool:
    """Tell whether solutions are in this edition of the book."""
    return bool(app.config.edition != STUDENT)


def write(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Write the notebooks of a chapter beside its page."""
    if app.builder.format != "html" or not is_chapter(app, name):
        return
    page, folder = Page(app, doctree, name), Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    made = {"": page.work} | ({"_solutions": page.solutions} if solves(app) else {})
    for end, make in made.items():
        text = nbformat.writes(make()) + "\n"
        (folder / f"{page.stem}{end}.ipynb").write_text(text, encoding="utf-8")


def offer(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let a chapter's buttons give its work notebook, on Colab and Binder where it is public."""
    stem = posixpath.basename(page)
    if doctree is None or not is_chapter(app, page):
        return
    buttons = context.setdefault("header_buttons", [])
    for group in buttons:
        if group.get("label") == "download-buttons":
            here = f"{context['pathto'](FOLDER, 1)}/{stem}"
            group["buttons"] = [
                *(
                    button(text, f"{here}{end}.ipynb", icon)
                    for text, end, icon in DOWNLOADS
                    if solves(app) or not end
                ),
                *(kept for kept in group["buttons"] if kept["label"] != "download-source-button"),
            ]
    address = app.config.html_theme_options.get("repository_url")
    if address and solves(app):  # the public branch holds the solutions
        name = address.removeprefix("https://github.com/")
        colab = f"https://colab.research.google.com/github/{name}/blob/{FOLDER}/{stem}.ipynb"
        binder = f"https://mybinder.org/v2/gh/{name}/HEAD?urlpath=lab/tree/{FOLDER}/{stem}.ipynb"
        buttons.append(
            {
                "type": "group",
                "tooltip": "Work on this chapter",
                "icon": "fas fa-rocket",
                "buttons": [
                    button("Colab", colab, "_static/images/logo_colab.png"),
                    button("Binder", binder, "_static/images/logo_binder.svg"),
                ],
                "label": "launch-buttons",
            }
        )


def button(text: str, url: str, icon: str) -> dict[str, str]:
    """Return an entry of a menu in a page's head."""
    return {
        "type": "link",
        "text": text,
        "tooltip": text,
        "icon": icon,
        "url": url,
        "label": "work",
    }


def lay_out(made: Path, folder: Path, pages: str = "") -> list[str]:
    """Copy the notebooks for a student, over none that was edited; return what is to be said."""
    pages = pages or posixpath.relpath(made.parent.as_posix(), folder.as_posix())
    folder.mkdir(exist_ok=True)
    record, said = folder / ".given.json", []
    given = json.loads(record.read_text("utf-8")) if record.exists() else {}
    for path in sorted(made.glob("*.ipynb")):
        text = path.read_text("utf-8").replace("](../", f"]({pages}/").encode()
        target, mark = folder / path.name, zlib.crc32(text)
        if not target.exists() or zlib.crc32(target.read_bytes()) == given.get(path.name):
            target.write_bytes(text)
            given[path.name] = mark
        elif given.get(path.name) != mark:
            said.append(f"{target} is yours and stays; rename it to get what is new in the book")
    record.write_text(json.dumps(given, indent=1), encoding="utf-8")
    return said


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    # Before parts of the page are folded.
    app.connect("doctree-resolved", write, priority=400)
    # After the theme's own buttons.
    app.connect("html-page-context", offer, priority=900)
    return of_extension(__file__)


if __name__ == "__main__":
    _, laid, *elsewhere = sys.argv
    print(*lay_out(ROOT / "_build" / "html" / FOLDER, Path(laid), *elsewhere), sep="\n", end="")
