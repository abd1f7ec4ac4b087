"""The assignments through nbgrader itself: generate, autograde, feedback, export."""

import csv
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import sources

from . import submissions

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = [path.stem for path in sources.assignments()]


def nbgrader(folder, *arguments):
    """Run nbgrader, which calls alembic by its name."""
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    command = [bin_folder / "nbgrader", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def course(tmp_path):
    """A course of its own."""
    ignored = shutil.ignore_patterns("release", "*.db", "__pycache__")
    shutil.copytree(ROOT / "assignments", tmp_path / "course", ignore=ignored)
    return tmp_path / "course"


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
    solutions[-1].source += f"\n\n{code}"
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
        "loop": (submissions.HOSTILE["loop"], "hinge"),
        "exit": (submissions.HOSTILE["os._exit"], "softmax"),
        "copied": (submissions.RIGHT["copied"], "softmax"),
        "deleted": (submissions.RIGHT["checks deleted"], "log_softmax"),
        "edited": (submissions.RIGHT["checks edited"], "softmax"),
        "imports": (submissions.RIGHT["imports deleted"], ""),
        "cheat": (submissions.CHEATS["nnlib"], "kl_divergence"),
    }
    made = {}
    for student, ((edit, _), item) in kinds.items():
        notebook = submissions.solved_notebook()
        points = submissions.POINTS | ({item: 0} if edit(notebook, item) else {})
        made[student] = (submissions.to_bytes(notebook), sum(points.values()))
    return made


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_an_assignment_from_hand_out_to_export(course, name):
    nbgrader(course, "generate_assignment", name, "--create", "--force")
    given = nbformat.read(course / "release" / name / f"{name}.ipynb", as_version=4)
    text = json.dumps(given)
    for word in ("BEGIN SOLUTION", "HIDDEN TESTS", "MARK SCHEME", "RUBRIC"):
        assert word not in text
    mistakes = import_module(f"mistakes.{name}").MISTAKES
    students = {"untouched": given, "right": solve(course, name)}
    students |= {f"wrong{n}": solve(course, name, mistakes[n].code) for n in (0, 7, 14)}
    made = {
        student: (nbformat.writes(notebook).encode(), sum(earned(name, notebook).values()))
        for student, notebook in students.items()
    }
    assert len({points for _, points in made.values()}) > 2
    if name == submissions.NAME:
        made |= hostile()
    for student, (data, _) in made.items():
        folder = course / "submitted" / student / name
        folder.mkdir(parents=True)
        (folder / f"{name}.ipynb").write_bytes(data)

    log = nbgrader(course, "autograde", name, "--create")
    assert "ERROR" not in log
    nbgrader(course, "generate_feedback", name, "--student=wrong0")
    nbgrader(course, "export")

    with open(course / "grades.csv", newline="") as file:
        table = {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}
    assert table == {student: points for student, (_, points) in made.items()}
    page = (course / "feedback" / "wrong0" / name / f"{name}.html").read_text()
    for words in mistakes[0].feedback.values():
        assert words.split(".")[0] in page


def test_the_students_version_is_the_same_every_time(course):
    texts = []
    for _ in range(2):
        nbgrader(course, "generate_assignment", "losses", "--create", "--force")
        texts.append((course / "release" / "losses" / "losses.ipynb").read_bytes())
    assert texts[0] == texts[1]
