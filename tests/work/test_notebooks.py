"""The work notebooks of the built book: plain, whole, and running with and without solutions."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import sources
import work
from nbclient import NotebookClient

MADE = sources.ROOT / "_build" / "html" / "work"
CHAPTERS = sources.lessons()
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
# A role, a directive, its options, a label above a heading; code between ticks is none.
RAW = re.compile(r"\{[\w:-]+\}`|^(?:> )*:::|^:\w+:|^\([\w-]+\)=|\\label", re.MULTILINE)
LABEL = re.compile(r"(?<![\w#/.-])(?:fig|sec|check|prop|thm|ex|eq)-[a-z][\w-]*")


def read(stem):
    return nbformat.read(MADE / f"{stem}.ipynb", as_version=4)


def both(stem):
    return [*read(stem).cells, *read(f"{stem}_solutions").cells]


def code_of(cells):
    return [cell.source for cell in cells if cell.cell_type == "code"]


def solved(stem):
    """Return the code of the solutions, by the labels of their exercises."""
    found, label = {}, None
    for cell in read(f"{stem}_solutions").cells:
        if cell.cell_type == "markdown":
            if cell.id.startswith("ex-"):
                label = cell.id.removesuffix("-solution") if cell.id.endswith("-solution") else None
        elif label:
            found.setdefault(label, []).append(cell.source)
    return found


@each_chapter
def test_nothing_is_left_that_only_the_book_understands(path):
    for cell in both(path.stem):
        if cell.cell_type == "markdown":
            text = re.sub(r"\]\([^)]*\)", "]", cell.source)
            raw = [*RAW.findall(text), *LABEL.findall(text)]
            assert raw == [], f"{cell.id}: {raw}"


@each_chapter
def test_a_work_notebook_holds_the_code_of_its_chapter_and_no_line_of_a_solution(path):
    chapter = [
        "".join(cell.source)
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]
    solutions = [source for held in solved(path.stem).values() for source in held]
    bare = [re.sub(r"\A# @title .*\n", "", source) for source in code_of(read(path.stem).cells)]
    kept = [source for source in bare if source in chapter]
    without = [re.sub(r"\A# @title .*\n", "", source) for source in solutions]
    assert kept == [source for source in chapter if source not in without]


@each_chapter
def test_every_answer_is_empty_and_no_output_is_stored(path):
    cells = read(path.stem).cells
    assert not any(cell.get("outputs") for cell in cells)
    answers = [cell.source for cell in cells if cell.id.endswith("-answer")]
    assert len(answers) == len(re.findall(r"\{exercise\}", path.read_text("utf-8")))
    for source in answers:
        for node in ast.parse(source).body:
            assert [ast.unparse(line) for line in node.body] == ["..."]


@each_chapter
def test_every_self_check_has_one_fold_for_each_answer(path):
    text = path.read_text("utf-8")
    labels = re.findall(r":class: quiz.*?:name: ([\w-]+)", text, re.DOTALL)
    cells = {cell.id: cell.source for cell in read(path.stem).cells}
    assert labels
    for label in labels:
        folds = cells[label].count("<details>")
        assert folds == cells[label].count("</details>") > 1
        assert cells[label].count("**Right.**") == 1
        assert cells[label].count("**Not so.**") == folds - 1


@each_chapter
def test_a_link_leads_to_what_the_page_has(path):
    ids = {}
    for cell in both(path.stem):
        for file, anchor in re.findall(r"\]\(\.\./(chapters/[^)#]+)#?([^)]*)\)", cell.source):
            page = MADE.parent / file
            if file not in ids:
                ids[file] = set(re.findall(r'id="([^"]+)"', page.read_text("utf-8")))
            assert not anchor or anchor in ids[file], f"{cell.id}: {file}#{anchor}"


@each_chapter
def test_a_notebook_is_installed_for_first_and_ids_are_its_own(path):
    for stem in (path.stem, f"{path.stem}_solutions"):
        cells = read(stem).cells
        assert next(cell.id for cell in cells if cell.cell_type == "code") == "install"
        assert len({cell.id for cell in cells}) == len(cells)


def said(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


@each_chapter
def test_it_runs_with_empty_exercises_and_with_their_solutions(path):
    notebook, solutions = read(path.stem), solved(path.stem)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(MADE)}},
    )  # fmt: skip
    places = {cell.id: place for place, cell in enumerate(notebook.cells)}

    def run(cell):
        client.execute_cell(cell, places[cell.id])

    with client.setup_kernel():
        for cell in notebook.cells:
            run(cell)
        for label, sources_of_cells in solutions.items():
            answer = notebook.cells[places[f"{label}-answer"]]
            for source in sources_of_cells:
                answer.source = source
                run(answer)
            if f"{label}-check" in places:
                check = notebook.cells[places[f"{label}-check"]]
                assert re.search("WRONG| yet\\.", said(check)), f"{label}: nothing was to be done"
                run(check)
                # A solution may call it otherwise, or put back what it had changed.
                names = set(re.findall(r"^check\.\w+\((\w+)\)$", check.source, re.MULTILINE))
                if names and names <= set(work.names_of("\n".join(sources_of_cells))):
                    assert "WRONG" not in said(check), f"{label}: {said(check)}"


def test_no_notebook_is_left_of_a_chapter_that_has_gone():
    stems = {path.stem.removesuffix("_solutions") for path in Path(MADE).glob("*.ipynb")}
    assert stems == {path.stem for path in CHAPTERS}
