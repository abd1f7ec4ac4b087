"""The guide's worked example, as it stands on the page: an assignment from three blank files."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .courses import copy_course

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "chapters" / "grading.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```\w+\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)


def block(opening):
    """Return the one block on the page that begins so."""
    (found,) = [code for code in BLOCKS if code.startswith(opening)]
    return found


def run(folder, *command, fails=False):
    """Return what Python prints that runs a command in a copy of the project."""
    environment = os.environ | {"PYTHONPATH": str(folder / "assignments")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the files of the example."""
    project = tmp_path_factory.mktemp("guide")
    course = copy_course(project / "assignments")
    for other in ("backpropagation", "perceptrons", "pytorch"):  # the last takes long to load
        (course / f"rubrics/{other}.py").unlink()
        shutil.rmtree(course / f"source/{other}")
    for name in ("_ext", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    for name in ("pyproject.toml", "chapters"):
        (project / name).symlink_to(ROOT / name)
    rubric, mistakes = block('"""A ReLU'), block('"""Known-wrong')
    (project / "assignments/rubrics/capped.py").write_text(rubric, encoding="utf-8")
    (project / "tests/mistakes/capped.py").write_text(mistakes, encoding="utf-8")
    run(project, "-c", block("from pathlib import Path"))
    return project


def test_the_example_passes_the_tests_of_graders(project):
    (command,) = re.findall(r"-m (pytest .*)\n", block("make notebooks"))
    run(project, "-m", *command.split())


@pytest.mark.parametrize(
    ("file", "found", "slip", "words"),
    [
        ("tests/mistakes/capped.py", None, None, "tests/mistakes/capped.py should say"),
        (
            "assignments/source/capped/capped.ipynb",
            r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS",
            "",
            "the cell check-capped_relu should have hidden tests that end with "
            'capped.RUBRIC.score("capped_relu", globals())',
        ),
        (
            "assignments/rubrics/capped.py",
            r"return np.clip\(x, 0, 6\)",
            "return np.clip(x, 0, 6), x > 0",
            "the right function of check 'every side' returned a tuple; give the check an observe",
        ),
        (
            "assignments/rubrics/capped.py",
            r'"written-ends": 2',
            '"written-ends": 3',
            "the points of the notebook's graded cells (left) and of the rubric differ",
        ),
    ],
)
def test_a_slip_is_told_in_plain_words(project, tmp_path, file, found, slip, words):
    course = shutil.copytree(project, tmp_path / "course", symlinks=True)
    if found is None:
        (course / file).unlink()
    else:
        text = (course / file).read_text(encoding="utf-8")
        changed = re.sub(found, slip, text, flags=re.DOTALL)
        assert changed != text
        (course / file).write_text(changed, encoding="utf-8")
    tests = "(agree or every_known or hidden_tests or solves_every) and (capped or losses)"
    said = run(course, "-m", "pytest", "-q", "tests/test_assignments.py", "-k", tests, fails=True)
    assert words in said
    assert not re.search(r"^(FAILED|ERROR).*losses", said, re.MULTILINE)


@pytest.mark.parametrize(
    "opening", ["from dataclasses import replace", "import numpy as np\n\nfrom"]
)
def test_what_else_an_item_can_say(project, opening):
    run(project, "-c", block(opening))


OPTIONS = [shlex.split(found) for found in re.findall(r'OPTIONS="(.*?)"', PAGE)] + [["--anonymous"]]


def test_the_example_grades(project):
    source = project / "assignments/source/capped/capped.ipynb"
    wrong = source.read_text(encoding="utf-8").replace("x, 0, 6)\\n", "x, 0, 7)\\n")
    submissions = project / "submissions"
    submissions.mkdir()
    shutil.copy(source, submissions / "ada.ipynb")
    (submissions / "bert.ipynb").write_text(wrong, encoding="utf-8")
    assert json.loads(wrong)
    graded = project / "submissions-graded/capped"
    run(project, "-m", "grading", "class", "capped", str(submissions))
    assert [row["capped_relu"] for row in rows(graded / "grades.csv")] == ["3", "0"]
    override = block("student,item").replace("squared_hinge", "capped_relu")
    (graded / "overrides.csv").write_text(override, encoding="utf-8")
    (graded / "late.csv").write_text(block("student,days"), encoding="utf-8")
    marks = re.sub(",,,", ",2,,", (graded / "written.csv").read_text(encoding="utf-8"))
    (graded / "written.csv").write_text(marks, encoding="utf-8")
    late = next(options for options in OPTIONS if "--late" in options)
    for options in OPTIONS:
        run(project, "-m", "grading", "class", "capped", str(submissions), *options, *late)
    found = {row["student"]: (row["late"], row["total"]) for row in rows(graded / "grades.csv")}
    assert found == {"ada": ("-1", "4"), "bert": ("", "5")}
    assert all((graded / name).exists() for name in FILES)


FILES = {"class.html", "similar.html", "written.html", "feedback/ada.html", "codes.json"}


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_the_page_says_of_files_is_there():
    assert all(f"`{name}`" in PAGE for name in FILES)


def test_the_version_of_landlock_is_printed():
    (code,) = re.findall(r'"(from grading.jail .*?)"', PAGE)
    assert int(run(ROOT, "-c", code)) >= 0
