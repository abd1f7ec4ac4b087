"""The guide's worked example, as it stands on the page: an assignment from three blank files."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .courses import copy_course

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "chapters" / "grading.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def block(opening):
    """Return the one piece of Python on the page that begins so."""
    (found,) = [code for code in PYTHON if code.startswith(opening)]
    return found


def run(folder, *command):
    environment = os.environ | {"PYTHONPATH": str(folder / "assignments")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the files of the example."""
    project = tmp_path_factory.mktemp("guide")
    copy_course(project / "assignments")
    for name in ("_ext", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    for name in ("pyproject.toml", "chapters"):
        (project / name).symlink_to(ROOT / name)
    rubric, mistakes = block('"""Leaky ReLU'), block('"""Known-wrong')
    (project / "assignments/rubrics/leaky.py").write_text(rubric, encoding="utf-8")
    (project / "tests/mistakes/leaky.py").write_text(mistakes, encoding="utf-8")
    run(project, "-c", block("from pathlib import Path"))
    return project


def test_the_example_passes_the_tests_of_graders(project):
    run(project, "-m", "pytest", "-q", "tests/test_assignments.py", "-k", "leaky")


def test_the_checks_of_a_suite_make_parts(project):
    run(project, "-c", block("from dataclasses import replace"))


def test_the_example_grades(project):
    source = project / "assignments/source/leaky/leaky.ipynb"
    wrong = source.read_text(encoding="utf-8").replace("x / 100)\\n", "0 * x)\\n")
    submissions = project / "submissions"
    submissions.mkdir()
    shutil.copy(source, submissions / "right.ipynb")
    (submissions / "wrong.ipynb").write_text(wrong, encoding="utf-8")
    assert json.loads(wrong)
    run(project, "-m", "grading", "class", "leaky", str(submissions))
    with open(
        project / "submissions-graded/leaky/grades.csv", encoding="utf-8", newline=""
    ) as file:
        earned = {row["student"]: int(row["leaky_relu"]) for row in csv.DictReader(file)}
    assert earned == {"right": 3, "wrong": 0}


def table(folder, opening, *arguments):
    return list(csv.reader(run(folder, "-c", block(opening), *arguments).splitlines()))


def test_canvas_gets_users_and_points(tmp_path):
    graded = tmp_path / "grades.csv"
    graded.write_text(
        "student,total\nlovelaceada_1001_90001_losses,29\nb_LATE_1002_90002_losses-1,27.5\n"
        "waiting_1003_90003_losses,\n",
        encoding="utf-8",
    )
    assert table(tmp_path, "import csv\nimport re", str(graded), "Losses (555)") == [
        ["Student", "ID", "Section", "Losses (555)"],
        ["lovelaceada_1001_90001_losses", "1001", "", "29"],
        ["b_LATE_1002_90002_losses-1", "1002", "", "27.5"],
    ]


def test_moodle_gets_its_worksheet_filled_in(tmp_path):
    graded, worksheet = tmp_path / "grades.csv", tmp_path / "worksheet.csv"
    graded.write_text("student,total\nAda_4711_assignsubmission_file_,29\n", encoding="utf-8")
    worksheet.write_text(
        '\ufeffIdentifier,Grade,"Last modified (grade)"\n"Participant 4711",,-\n'
        '"Participant 4712",12.00,-\n',
        encoding="utf-8",
    )
    assert table(tmp_path, "import csv\nimport sys", str(graded), str(worksheet)) == [
        ["Identifier", "Grade", "Last modified (grade)"],
        ["Participant 4711", "29", "-"],
        ["Participant 4712", "12.00", "-"],
    ]
