"""Grading a class: nothing is lost, nothing slips through, and a run may end at any moment."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from grading.__main__ import main

from . import submissions
from .submissions import ITEMS, NAME, POINTS, ROOT, RUBRIC

MOST = sum(POINTS.values())
ITEM = ITEMS[0]
QUESTION = next(iter(RUBRIC.written))


def run(*arguments):
    """Run a command of the grader in this process, and return how it has ended."""
    out, errors = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            code = main(command(arguments))
        except SystemExit as stop:
            code = 1
            print(stop, file=errors)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def start(*arguments, place=None, **options):
    """Start a command of the grader, which keeps what is temporary in a place if it is given."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "assignments")}
    environment |= {"TMPDIR": str(place)} if place else {}
    python = [sys.executable, "-m", "grading"]
    return subprocess.Popen([*python, *command(arguments)], env=environment, **options)


def command(arguments):
    """Return a command with the rubric's seed: what is wrong may cost more with other numbers."""
    seed = ["--seed", str(RUBRIC.seed)] if arguments[0] in ("class", "one") else []
    return [*map(str, arguments), *seed]


@pytest.fixture(scope="module")
def graded_pair(tmp_path_factory):
    """Two right submissions, graded once."""
    place = tmp_path_factory.mktemp("pair")
    right = submissions.whole_submission("right", "")
    submissions.write_class([right, right._replace(kind="also")], place / "in")
    done = run("class", NAME, place / "in", place / "out")
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def pair(graded_pair, tmp_path):
    """Two right submissions, graded, of which a test may change what it likes."""
    return shutil.copytree(graded_pair, tmp_path / "pair")


def test_every_kind_of_submission_earns_what_it_should(tmp_path):
    everyone = submissions.write_class(submissions.make_class(98, seed=1), tmp_path / "in")
    done = run("class", NAME, tmp_path / "in", tmp_path / "out", "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert submissions.find_faults(everyone, tmp_path / "out") == []
    assert "GRADER FAILED" not in done.stdout
    assert {page.stem for page in (tmp_path / "out" / "feedback").iterdir()} == set(everyone)


def test_the_right_function_of_a_check_is_no_answer_to_any_item(tmp_path):
    made = [
        submissions.submission_of_item(submissions.CHEATS, "cell, nnlib.check", item)
        for item in submissions.POINTS
    ]
    everyone = submissions.write_class(made, tmp_path / "in")
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    assert submissions.find_faults(everyone, tmp_path / "out") == []


def test_a_run_that_is_killed_loses_nothing(tmp_path):
    everyone = submissions.write_class(
        [submissions.wrong_submission(n) for n in range(12)], tmp_path / "in"
    )
    results = tmp_path / "out" / "results"
    chance = random.Random(0)
    folders = (tmp_path / "in", tmp_path / "out")
    for _ in range(2):
        with start(
            "class", NAME, *folders, stdout=subprocess.DEVNULL, start_new_session=True
        ) as process:
            before = len(list(results.glob("*.json")))
            while process.poll() is None and len(list(results.glob("*.json"))) == before:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.1))
            os.killpg(process.pid, signal.SIGKILL)
    first = {path: path.stat().st_mtime_ns for path in results.glob("*.json")}
    assert 0 < len(first) < len(everyone)
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    assert submissions.find_faults(everyone, tmp_path / "out") == []
    assert {path: path.stat().st_mtime_ns for path in first} == first


def test_only_what_has_changed_is_graded_again(pair):
    assert "2 of them graded before" in run("class", NAME, pair / "in", pair / "out").stdout
    (path,) = (pair / "in").glob("000*/*/*.ipynb")
    path.write_bytes(submissions.submission_of_item(submissions.BROKEN, "deleted", ITEM).data)
    again = run("class", NAME, pair / "in", pair / "out").stdout
    assert "1 of them graded before" in again
    assert submissions.read_grades(pair / "out")["000 right"][ITEM] == "0"


def test_a_result_that_cannot_be_read_is_made_again(pair):
    (pair / "out" / "results" / "000 right.json").write_text('{"digest": ')
    assert run("class", NAME, pair / "in", pair / "out").returncode == 0
    assert submissions.read_grades(pair / "out")["000 right"][ITEM] == str(POINTS[ITEM])


def test_written_points_survive_and_count(pair):
    path = pair / "out" / "written.csv"
    lines = path.read_text().splitlines()
    assert submissions.read_grades(pair / "out")["000 right"]["total"] == ""
    assert "Mark scheme" in (pair / "out" / "written.html").read_text()
    answer = lines[1].rpartition(",")[2]
    marked = [lines[0], f'000 right,{QUESTION},2.5,"well put, brief",{answer}', lines[2]]
    path.write_text("\n".join(marked))
    (notebook,) = (pair / "in").glob("000*/*/*.ipynb")
    notebook.write_bytes(submissions.submission_of_item(submissions.BROKEN, "deleted", ITEM).data)
    assert run("class", NAME, pair / "in", pair / "out").returncode == 0
    assert path.read_text().splitlines() == marked
    row = submissions.read_grades(pair / "out")["000 right"]
    assert float(row["total"]) == MOST - POINTS[ITEM] + 2.5
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
    slow = submissions.submission_of_item(submissions.HOSTILE, "sleep", ITEM)
    everyone = submissions.write_class([slow, submissions.wrong_submission(0)], tmp_path / "in")
    arguments = ("class", NAME, tmp_path / "in", tmp_path / "out", "--seconds", 1)
    with start(*arguments, stdout=subprocess.DEVNULL) as first:
        while not (tmp_path / "out" / ".lock").exists():
            time.sleep(0.02)
        second = run("class", NAME, tmp_path / "in", tmp_path / "out")
    assert second.returncode != 0
    assert "another run" in second.stderr
    assert first.returncode == 0
    assert submissions.find_faults(everyone, tmp_path / "out") == []


def test_one_submission_at_a_time_gives_the_same_table(pair):
    for notebook in (pair / "in").rglob("*.ipynb"):
        student = notebook.parent.parent.name
        result = pair / "apart" / "results" / f"{student}.json"
        assert run("one", NAME, notebook, result).returncode == 0
    assert run("merge", NAME, pair / "apart").returncode == 0
    assert submissions.read_grades(pair / "apart") == submissions.read_grades(pair / "out")


def test_a_notebook_that_is_missing_is_a_result_too(tmp_path):
    done = run("one", NAME, tmp_path / "no.ipynb", tmp_path / "results" / "ada.json")
    assert done.returncode == 0
    assert "no notebook" in done.stdout
    assert json.loads((tmp_path / "results" / "ada.json").read_text())["earned"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("class", "loses", "."), "no assignment 'loses'; there are backpropagation, "),
        (("class", NAME, "nowhere"), "nowhere is not a folder of submissions"),
    ],
)
def test_a_wrong_name_is_told_with_what_there_is(arguments, message):
    done = run(*arguments)
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_written_points_are_read_as_spreadsheets_write_them(pair, encoding, comma):
    cells = ["student", "question", "points", "comment", "answer"]
    marked = [cells, ["000 right", QUESTION, "3" if comma == "," else "3,0", "café", ""]]
    text = "\r\n".join(comma.join(row) for row in marked) + "\r\n"
    (pair / "out" / "written.csv").write_bytes(text.encode(encoding))
    done = run("merge", NAME, pair / "out")
    assert done.returncode == 0, done.stderr
    assert float(submissions.read_grades(pair / "out")["000 right"][QUESTION]) == 3
    assert "café" in (pair / "out" / "feedback" / "000 right.html").read_text()
    assert "001 also" in (pair / "out" / "written.csv").read_text()


def test_written_points_without_their_columns_are_refused(pair):
    path = pair / "out" / "written.csv"
    path.write_text(f"000 right,{QUESTION},3\n")
    done = run("merge", NAME, pair / "out")
    assert done.returncode != 0
    assert "should name student, question, points" in done.stderr
    assert path.read_text() == f"000 right,{QUESTION},3\n"


def test_points_that_fit_nobody_are_told(pair):
    path = pair / "out" / "written.csv"
    path.write_text(path.read_text() + f"Ada,{QUESTION},3,,\n")
    assert "no student 'Ada'" in run("merge", NAME, pair / "out").stdout


def test_an_answer_that_has_changed_since_it_was_read_is_told(pair):
    path = pair / "out" / "written.csv"
    path.write_text(path.read_text().replace(",,,", ",3,,", 1))
    (notebook,) = (pair / "in").glob("000*/*/*.ipynb")
    changed = submissions.solved_notebook()
    submissions.find_cell(changed, QUESTION)["source"] = "No idea."
    notebook.write_bytes(submissions.to_bytes(changed))
    printed = run("class", NAME, pair / "in", pair / "out").stdout
    assert "000 right has changed the answer" in printed


def test_two_assignments_of_one_class_do_not_mix(pair):
    other = json.loads((pair / "out" / "results" / "000 right.json").read_text())
    other |= {"assignment": "perceptrons", "student": "someone"}
    (pair / "out" / "results" / "someone.json").write_text(json.dumps(other))
    assert run("merge", NAME, pair / "out").returncode == 0
    assert set(submissions.read_grades(pair / "out")) == {"000 right", "001 also"}


@pytest.mark.parametrize(
    ("files", "graded", "remark"),
    [
        (["losses (1).ipynb"], True, ""),
        (["deep/er/losses.ipynb", "losses.ipynb"], True, "the first was graded"),
        (["a.ipynb", "b.ipynb"], False, "which of them counts? a.ipynb, b.ipynb"),
        (["notes.ipynb", "Losses.ipynb"], True, ""),
        ([".ipynb_checkpoints/losses.ipynb", "mine.ipynb"], True, ""),
        (["__MACOSX/._losses.ipynb"], False, "no notebook"),
    ],
)
def test_the_notebook_that_counts_is_found_or_told(tmp_path, files, graded, remark):
    for file in files:
        path = tmp_path / "in" / "ada" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(submissions.whole_submission("right", "").data)
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    row = submissions.read_grades(tmp_path / "out")["ada"]
    assert row[ITEM] == (str(POINTS[ITEM]) if graded else "0")
    assert remark in row["remarks"]


def test_what_is_no_file_is_no_notebook(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "zero.ipynb").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "in" / "pipe.ipynb")
    submissions.write_class([submissions.whole_submission("right", "")], tmp_path / "in")
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    table = submissions.read_grades(tmp_path / "out")
    assert {name: row[ITEM] for name, row in table.items()} == {
        "zero": "0",
        "pipe": "0",
        "000 right": str(POINTS[ITEM]),
    }


def test_what_a_submission_sends_by_hand_ends_nothing(tmp_path):
    flood = (
        "import os\nfor f in range(3, 40):\n    try: os.write(f, b'DATA')\n    except OSError: pass"
    )
    data = (r"\0\1\0\0", r"{}\n", r'{"seen": 3}\n', r"[]\n")
    evil = [submissions.solution(f"{flood.replace('DATA', d)}\nSAME", False) for d in data]
    notebooks = []
    for edit in evil:
        notebook = submissions.solved_notebook()
        edit(notebook, ITEM)
        notebooks.append(submissions.Submission("evil", submissions.to_bytes(notebook), POINTS, ""))
    everyone = submissions.write_class(
        [*notebooks, submissions.whole_submission("right", "")], tmp_path / "in"
    )
    done = run("class", NAME, tmp_path / "in", tmp_path / "out", "--seconds", "3")
    assert done.returncode == 0, done.stderr
    assert set(submissions.read_grades(tmp_path / "out")) == set(everyone)
    assert submissions.read_grades(tmp_path / "out")["004 right"][ITEM] == str(POINTS[ITEM])


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends orphans on Linux")
def test_a_killed_run_leaves_no_process(tmp_path):
    submissions.write_class(
        [submissions.submission_of_item(submissions.HOSTILE, "sleep", ITEM)] * 2, tmp_path / "in"
    )
    place = tmp_path / "temporary"
    place.mkdir()
    arguments = ("class", NAME, tmp_path / "in", tmp_path / "out")
    with start(*arguments, place=place, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while not processes_in(place) and time.monotonic() < until:
            time.sleep(0.1)
        assert processes_in(place)
        process.kill()
    for _ in range(300):
        if not processes_in(place):
            break
        time.sleep(0.1)
    assert processes_in(place) == []


def processes_in(place):
    """Return all processes whose current folder lies in a place."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd").startswith(f"{place}/"):
                found.append(entry.name)
        except OSError:
            continue
    return found


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
    notebook = submissions.solved_notebook()
    submissions.find_cell(notebook, QUESTION)["source"] = "<script>alert(1)</script>"
    evil = submissions.function('raise ValueError("<img src=x>")')
    evil(notebook, ITEM)
    submissions.write_class(
        [submissions.Submission("=1+1", submissions.to_bytes(notebook), {}, "")], tmp_path / "in"
    )
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    for page in (tmp_path / "out" / "written.html", *(tmp_path / "out" / "feedback").iterdir()):
        text = Text(page.read_text())
        assert not text.tags & {"script", "img"}
        assert "<script>alert(1)</script>" in text.words


def test_nobody_is_lost_where_names_are_odd(tmp_path):
    data = submissions.whole_submission("right", "").data
    for name in ("Zoë O'Neil", 'a "b"', "a,b", "- -", "café, ☕"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "any.ipynb").write_bytes(data)
    (tmp_path / "in" / "flat.ipynb").write_bytes(data)
    assert run("class", NAME, tmp_path / "in", tmp_path / "out").returncode == 0
    with open(tmp_path / "out" / "grades.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == 6
    assert {row[item] for row in table for item in ITEMS} == {str(p) for p in POINTS.values()}
