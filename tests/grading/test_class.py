"""Grading a class: nothing is lost, nothing slips through, and a run may end at any moment."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest

from . import submissions as made
from .submissions import ITEMS, NAME, POINTS, ROOT

MOST = sum(POINTS.values())


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "assignments")}
    command = [sys.executable, "-m", "grading", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture
def pair(tmp_path):
    """Two right submissions, graded."""
    right = made.whole("right", "")
    made.lay([right, right._replace(kind="also")], tmp_path / "in")
    done = run("class", NAME, tmp_path / "in", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_every_kind_of_submission_earns_what_it_should(tmp_path):
    everyone = made.lay(made.make(84, seed=1), tmp_path / "in")
    done = run("class", NAME, tmp_path / "in", tmp_path / "out", "--seconds", "4")
    assert done.returncode == 0, done.stderr
    assert made.faults(everyone, tmp_path / "out") == []
    assert {page.stem for page in (tmp_path / "out" / "feedback").iterdir()} == set(everyone)


def test_a_run_that_is_killed_loses_nothing(tmp_path):
    everyone = made.lay(made.make(12, seed=2) + [made.wrong(n) for n in range(12)], tmp_path / "in")
    results = tmp_path / "out" / "results"
    command = [sys.executable, "-m", "grading", "class", NAME, tmp_path / "in", tmp_path / "out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "assignments")}
    chance = random.Random(0)
    for _ in range(3):
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        ) as process:
            before = len(list(results.glob("*.json")))
            while process.poll() is None and len(list(results.glob("*.json"))) < before + 3:
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 0.5))
            os.killpg(process.pid, signal.SIGKILL)
    first = {path: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert 0 < len(first) < len(everyone)
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    assert made.faults(everyone, tmp_path / "out") == []
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_only_what_has_changed_is_graded_again(pair):
    assert "2 of them graded before" in run("class", NAME, pair / "in", pair / "out").stdout
    (path,) = (pair / "in").glob("000*/*/*.ipynb")
    path.write_bytes(made.by_item(made.BROKEN, "deleted", "hinge").data)
    again = run("class", NAME, pair / "in", pair / "out").stdout
    assert "1 of them graded before" in again
    assert made.rows(pair / "out")["000 right"]["hinge"] == "0"


def test_a_result_that_cannot_be_read_is_made_again(pair):
    (pair / "out" / "results" / "000 right.json").write_text('{"digest": ')
    assert run("class", NAME, pair / "in", pair / "out").returncode == 0
    assert made.rows(pair / "out")["000 right"]["hinge"] == str(POINTS["hinge"])


def test_written_points_survive_and_count(pair):
    path = pair / "out" / "written.csv"
    lines = path.read_text().splitlines()
    assert made.rows(pair / "out")["000 right"]["total"] == ""
    marked = [lines[0], f'{lines[1].rstrip(",")},2.5,"well put, and brief"', lines[2]]
    path.write_text("\n".join(marked))
    (notebook,) = (pair / "in").glob("000*/*/*.ipynb")
    notebook.write_bytes(made.by_item(made.BROKEN, "deleted", "hinge").data)
    assert run("class", NAME, pair / "in", pair / "out").returncode == 0
    assert path.read_text().splitlines() == marked
    row = made.rows(pair / "out")["000 right"]
    assert float(row["total"]) == MOST - POINTS["hinge"] + 2.5
    assert "well put" in (pair / "out" / "feedback" / "000 right.html").read_text()


@pytest.mark.parametrize("points", ["99", "-1", "two", "nan"])
def test_points_that_cannot_be_are_refused_and_kept(pair, points):
    path = pair / "out" / "written.csv"
    text = path.read_text().replace(",,", f",{points},", 1)
    path.write_text(text)
    before = (pair / "out" / "grades.csv").read_text()
    refused = run("merge", NAME, pair / "out")
    assert refused.returncode != 0
    assert "line 2" in refused.stderr
    assert repr(points) in refused.stderr
    assert path.read_text() == text
    assert (pair / "out" / "grades.csv").read_text() == before


def test_a_second_run_at_once_is_refused(tmp_path):
    slow = made.by_item(made.HOSTILE, "sleep", "hinge")
    everyone = made.lay([slow, made.wrong(0)], tmp_path / "in")
    command = [sys.executable, "-m", "grading", "class", NAME, tmp_path / "in", tmp_path / "out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "assignments")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as first:
        while not (tmp_path / "out" / ".lock").exists():
            time.sleep(0.02)
        second = run("class", NAME, tmp_path / "in", tmp_path / "out")
    assert second.returncode != 0
    assert "another run" in second.stderr
    assert first.returncode == 0
    assert made.faults(everyone, tmp_path / "out") == []


def test_one_submission_at_a_time_gives_the_same_table(pair):
    for notebook in (pair / "in").rglob("*.ipynb"):
        student = notebook.parent.parent.name
        result = pair / "apart" / "results" / f"{student}.json"
        assert run("one", NAME, notebook, result).returncode == 0
    assert run("merge", NAME, pair / "apart").returncode == 0
    assert made.rows(pair / "apart") == made.rows(pair / "out")


def test_a_notebook_that_is_missing_is_a_result_too(tmp_path):
    done = run("one", NAME, tmp_path / "no.ipynb", tmp_path / "results" / "ada.json")
    assert done.returncode == 0
    assert "no notebook" in done.stdout
    assert json.loads((tmp_path / "results" / "ada.json").read_text())["earned"] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("class", "loses", "."), "no assignment 'loses'; there are losses, "),
        (("class", NAME, "nowhere"), "nowhere is not a folder of submissions"),
    ],
)
def test_a_wrong_name_is_told_with_what_there_is(arguments, told):
    done = run(*arguments)
    assert done.returncode != 0
    assert told in done.stderr


class Text(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.words = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.words += data


def test_what_a_student_writes_is_text_on_the_pages(tmp_path):
    notebook = made.handed_out()
    made.cell_of(notebook, "written-promises")["source"] = "<script>alert(1)</script>"
    evil = made.function('raise ValueError("<img src=x>")')
    evil(notebook, "hinge")
    made.lay([made.Submission("=1+1", made.dumped(notebook), {}, "")], tmp_path / "in")
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    for page in (tmp_path / "out" / "written.html", *(tmp_path / "out" / "feedback").iterdir()):
        text = Text(page.read_text())
        assert not text.tags & {"script", "img"}
        assert "<script>alert(1)</script>" in text.words


def test_nobody_is_lost_where_names_are_odd(tmp_path):
    data = made.whole("right", "").data
    for name in ("Zoë O'Neil", 'a "b"', "a,b", "- -", "café, ☕"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "any.ipynb").write_bytes(data)
    (tmp_path / "in" / "flat.ipynb").write_bytes(data)
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    with open(tmp_path / "out" / "grades.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 6
    assert {row[item] for row in table for item in ITEMS} == {str(p) for p in POINTS.values()}
