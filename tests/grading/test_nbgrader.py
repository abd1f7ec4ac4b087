"""The assignments through nbgrader itself: generate, autograde, feedback, export."""

import csv
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
import sources
from grading.cells import TEXT_STUB
from grading.grade import grade_submission
from grading.nbgrader import link_chapters
from grading.submission import Submission

from . import submissions
from .courses import CONTENTS, ROOT, copy_course

ASSIGNMENTS = [path.stem for path in sources.assignments()]


# To start nbgrader costs as much as to grade two notebooks; and each time that it opens its
# database, it starts alembic to ask for a number.
COMMANDS = """
import sys
from contextlib import suppress
from functools import cache

import nbgrader.api
from jupyter_core.application import NoStart
from nbgrader.apps import NbGraderApp

nbgrader.api.get_alembic_version = cache(nbgrader.api.get_alembic_version)
for command in sys.stdin.read().splitlines():
    app = NbGraderApp.instance()
    app.initialize(command.split())
    with suppress(NoStart):  # it is raised when a command has run
        app.start()
    type(app.subapp).clear_instance()
"""


def nbgrader(folder, *commands):
    """Run nbgrader's commands, one after the other; return its log."""
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        cwd=folder,
        env=environment,
        input="\n".join(commands),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of its own, with all assignments as students are given them."""
    course = copy_course(tmp_path_factory.mktemp("term") / "course")
    nbgrader(course, *map(GENERATE.format, ASSIGNMENTS))
    return course


GENERATE = "generate_assignment {} --create --force --log-level=WARN"


def generate(course, name):
    """Return what students are given, made anew."""
    nbgrader(course, GENERATE.format(name))
    return nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)


def solved(course, name):
    return nbformat.read(course / "source" / name / f"{name}.ipynb", as_version=4)


def solve(course, name, code=""):
    """Return what students are given, solved as in the source, with code below the last cell."""
    given = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    answers = {cell.id: cell.source for cell in solved(course, name).cells}
    solutions = [
        cell
        for cell in given.cells
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code"
    ]
    for cell in solutions:
        cell.source = answers[cell.id]
    wrong = re.findall(r"^(?:def|class) (\w+)", code, re.M)
    named = [cell for cell in solutions if cell.metadata.nbgrader.grade_id in wrong]
    (named or solutions[-1:])[0].source += f"\n\n{code}"
    return given


def earned(name, notebook):
    """Return what a notebook earns, found in this process."""
    rubric = import_module(f"rubrics.{name}").RUBRIC
    space = {"__name__": "__main__"}
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if cell.cell_type == "code" and meta and not meta.grade:
            exec(cell.source, space)
    return {outcome.item: outcome.earned for outcome in rubric.grade(space)}


def hostile():
    """Return what students do to the assignment on losses, with what each then earns."""
    kinds = {
        "loop": (submissions.HOSTILE["loop"], submissions.ITEMS[0]),
        "exit": (submissions.HOSTILE["os._exit"], submissions.ITEMS[2]),
        "copied": (submissions.RIGHT["copied"], submissions.ITEMS[2]),
        "deleted": (submissions.RIGHT["checks deleted"], submissions.ITEMS[3]),
        "edited": (submissions.RIGHT["checks edited"], submissions.ITEMS[2]),
        "imports": (submissions.RIGHT["imports deleted"], ""),
    }
    made = {}
    for student, ((edit, _), item) in kinds.items():
        notebook = submissions.solved_notebook()
        points = submissions.POINTS | ({item: 0} if edit(notebook, item) else {})
        made[student] = (submissions.to_bytes(notebook), sum(points.values()))
    return made


def hand_in(course, name, made):
    """Write what students hand in where nbgrader looks for it."""
    for student, data in made.items():
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        (folder / f"{name}.ipynb").write_bytes(data)


@pytest.fixture(scope="module")
def term(course):
    """The points that each student is to get, by assignment, and those that nbgrader exports."""
    made = {}
    for name in ASSIGNMENTS:
        everyone = handed_in(course, name)
        hand_in(course, name, {student: data for student, (data, _) in everyone.items()})
        made |= {(name, student): points for student, (_, points) in everyone.items()}
        if name == submissions.NAME:
            hand_in(course, name, odd_files())
    log = nbgrader(
        course,
        *(f"autograde {name} --create" for name in ASSIGNMENTS),
        *(f"generate_feedback {name} --student=wrong0" for name in ASSIGNMENTS),
        "export",
    )
    with open(course / "grades.csv", newline="") as file:
        rows = {
            (row["assignment"], row["student_id"]): float(row["raw_score"])
            for row in csv.DictReader(file)
        }
    return Term(made, rows, log)


class Term(NamedTuple):
    """What came of a term in which all assignments were handed out, handed in and graded."""

    made: dict
    exported: dict
    log: str


def handed_in(course, name):
    """Return notebooks, right and wrong ones, and what each is to earn, by student."""
    mistakes = import_module(f"mistakes.{name}").MISTAKES
    given = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    students = {"untouched": given, "right": solve(course, name)}
    students |= {f"wrong{n}": solve(course, name, mistakes[n].code) for n in (0, 7, 14)}
    made = {
        student: (nbformat.writes(notebook).encode(), sum(earned(name, notebook).values()))
        for student, notebook in students.items()
    }
    assert len({points for _, points in made.values()}) > 2
    return made | hostile() if name == submissions.NAME else made


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_students_are_given_no_solution(course, name):
    text = (course / "release" / name / f"{name}.ipynb").read_text()
    for word in ("BEGIN SOLUTION", "HIDDEN TESTS", "MARK SCHEME", "RUBRIC"):
        assert word not in text


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_everyone_has_the_points_that_they_earned(term, name):
    expected = {key: points for key, points in term.made.items() if key[0] == name}
    assert {key: term.exported[key] for key in expected} == expected
    assert "ERROR" not in term.log
    assert "SAWarning" not in term.log


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_feedback_says_what_is_wrong(course, term, name):
    page = (course / "feedback" / "wrong0" / name / f"{name}.html").read_text()
    for words in import_module(f"mistakes.{name}").MISTAKES[0].feedback.values():
        assert words.split(".")[0] in page


def test_the_students_version_is_the_same_every_time(course):
    path = course / "release" / "losses" / "losses.ipynb"
    before = path.read_bytes()
    generate(course, "losses")
    assert path.read_bytes() == before


# --- both doors -----------------------------------------------------------------------------------

ANSWER = "At most half of them, since each mistake costs at least two."


def stripped(notebook):
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        del cell["id"]


def in_one_cell(notebook):
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[0]["source"] = "\n\n".join(cell["source"] for cell in code)
    notebook["cells"] = code[:1]


def reversed_cells(notebook):
    notebook["cells"].reverse()


def answered_below(notebook):
    notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": ANSWER})


def in_the_question(notebook):
    next(c for c in notebook["cells"] if c["cell_type"] == "markdown")["source"] += f"\n\n{ANSWER}"


def without_the_answers_cell(notebook):
    place = notebook["cells"].index(submissions.find_cell(notebook, WRITTEN))
    notebook["cells"][place] = {"cell_type": "markdown", "metadata": {}, "source": ANSWER}


def answered(notebook):
    submissions.find_cell(notebook, WRITTEN)["source"] = ANSWER


EDITS = (
    *(stripped, in_one_cell, reversed_cells),
    *(answered_below, in_the_question, without_the_answers_cell, answered),
)
WRITTEN = next(iter(submissions.RUBRIC.written))


def unanswered_notebook():
    notebook = submissions.solved_notebook()
    submissions.find_cell(notebook, WRITTEN)["source"] = TEXT_STUB
    return notebook


def edited(edit):
    notebook = unanswered_notebook()
    edit(notebook)
    return submissions.to_bytes(notebook)


def odd_files():
    """Return notebooks that nbgrader by itself would not read, or not find its cells in."""
    text = submissions.to_bytes(unanswered_notebook()).decode()
    lines = text.split("\n")
    place = next(number for number, line in enumerate(lines) if '"source"' in line)
    lines[place:place] = ["<<<<<<< HEAD"]
    lines[place + 2 : place + 2] = ["=======", lines[place + 1], ">>>>>>> other"]
    old = nbformat.convert(nbformat.reads(text, 4), 3)
    return {
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "utf-16": text.encode("utf-16"),
        "cut off": text[: len(text) // 2].encode(),
        "one cell broken": text.replace('"outputs": []', '"outputs": [', 1).encode(),
        "conflict": "\n".join(lines).encode(),
        "nbformat 3": nbformat.v3.writes_json(old).encode(),
        "empty": b"",
        "web page": b"<html>Sign in</html>",
        **{edit.__name__: edited(edit) for edit in EDITS},
    }


def needs_reading(course):
    """Return the students whose written answer waits for a person in nbgrader."""
    with sqlite3.connect(course / "gradebook.db") as database:
        rows = database.execute(
            "select student_id from grade"
            " join submitted_notebook on grade.notebook_id = submitted_notebook.id"
            " join submitted_assignment on submitted_assignment.id ="
            " submitted_notebook.assignment_id"
            " where needs_manual_grade"
        )
        return {student for (student,) in rows}


def test_both_doors_agree(course, term):
    name = submissions.NAME
    made = odd_files()
    assert "checksum" not in term.log
    results = {
        student: grade_submission(name, Submission(None, data=made[student])) for student in made
    }
    points = {student: result["earned"] for student, result in results.items()}
    assert {student: term.exported[name, student] for student in made} == points
    assert sum(result["earned"] == 26 for result in results.values()) >= len(made) - 4
    waiting = {
        student
        for student, result in results.items()
        if result["elsewhere"] or any(one["answer"] for one in result["written"].values())
    }
    assert needs_reading(course) & made.keys() == waiting
    assert waiting >= {edit.__name__ for edit in EDITS[3:]}
    for student in waiting & {edit.__name__ for edit in EDITS}:
        path = course / "autograded" / student / name / f"{name}.ipynb"
        cells = {
            cell.metadata.nbgrader.grade_id: cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if "nbgrader" in cell.metadata
        }
        assert ANSWER in cells[WRITTEN]


# --- links ----------------------------------------------------------------------------------------


def test_links_lead_to_where_the_book_is_read(course, tmp_path):
    course = shutil.copytree(course, tmp_path / "course")
    source = course / "source" / "losses" / "losses.ipynb"
    notebook = nbformat.read(source, as_version=4)
    link = '[Chapter 4, "Temperature"](../../../chapters/04_softmax_and_kl.ipynb#sec-temperature)'
    notebook.cells[0].source += f"\n\n{link}"
    nbformat.write(notebook, source)
    for address, expected in {
        "": link,
        "https://example.org/book/": link_chapters(link, "https://example.org/book"),
    }.items():
        (course.parent / "_config.yml").write_text(f'html:\n  baseurl: "{address}"\n')
        assert generate(course, "losses").cells[0].source.endswith(f"\n\n{expected}")
    assert expected == (
        '[Chapter 4, "Temperature"]'
        "(https://example.org/book/chapters/04_softmax_and_kl.html#sec-temperature)"
    )


# --- real submissions -----------------------------------------------------------------------------


def test_what_students_handed_in_never_reaches_a_test(tmp_path):
    lived_in = tmp_path / "assignments"
    for name in ("source", "rubrics", "grading", "submitted", "autograded", "feedback", "release"):
        (lived_in / name / "ada").mkdir(parents=True)
        (lived_in / name / "ada" / "losses.ipynb").write_text(name)
    for name in ("nbgrader_config.py", "gradebook.db", "grades.csv", ".nbgrader.log"):
        (lived_in / name).write_text(name)
    copied = copy_course(tmp_path / "course", lived_in)
    assert {path.name for path in copied.iterdir()} == {*CONTENTS}


def test_git_leaves_alone_what_students_handed_in():
    if not (ROOT / ".git").exists():
        pytest.skip("no repository")
    private = [
        f"assignments/{name}"
        for name in ("submitted/ada/losses/losses.ipynb", "autograded/ada", "feedback/ada",
                     "release/losses", "downloaded/losses", "gradebook.db", "grades.csv",
                     "gradebook.db.2026-11-29", ".nbgrader.log")
    ]  # fmt: skip
    guide = (ROOT / "chapters" / "grading.md").read_text(encoding="utf-8")
    private += [f"{name}/ada.ipynb" for name in re.findall(r"^mkdir -p (\w+)", guide, re.MULTILINE)]
    command = ["git", "check-ignore", "--no-index", *private]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.split() == private
