"""From what the judge returned to the table: nothing is lost, whatever lies in the folder."""

import json

import pytest
from grading import classroom, pool

from . import made
from .made import ITEM, MOST, NAME, PLAIN
from .submissions import read_grades


class Judge:
    """In place of ``grade_all``: returns results made by hand, and notes what it was asked."""

    def __init__(self, *results, again=()):
        self.first = {result["student"]: result for result in results}
        self.again = {result["student"]: result for result in again}
        self.asked = []
        self.meanwhile = lambda: None

    def __call__(self, assignment, submissions, jobs, seconds, seed):
        answers = self.again if self.asked else self.first
        self.asked.append((list(submissions), jobs))
        for student in submissions:
            if student in answers:
                digest = pool.submission_digest(assignment, submissions[student], seconds, seed)
                yield answers[student] | {"digest": digest}
                self.meanwhile()


@pytest.fixture
def grade(tmp_path, monkeypatch):
    """Grade a folder with a notebook for each student, by a judge that is given."""

    def run(judge, students=("ada", "bert"), settings=PLAIN):
        monkeypatch.setattr(classroom, "grade_all", judge)
        (tmp_path / "in").mkdir(exist_ok=True)
        for student in students:
            (tmp_path / "in" / f"{student}.ipynb").touch()
        classroom.grade_class(NAME, tmp_path / "in", tmp_path / "out", 2, None, settings)
        return read_grades(tmp_path / "out")

    return run


def stored(tmp_path, student):
    return tmp_path / "out" / "results" / f"{student}.json"


def test_every_student_is_in_the_table(grade):
    assert set(grade(Judge(made.result("ada"), made.result("bert")))) == {"ada", "bert"}


def test_a_run_that_lacks_a_student_fails_and_names_who(grade, tmp_path):
    with pytest.raises(SystemExit, match="lacks bert, dora") as stopped:
        grade(Judge(made.result("ada"), made.result("cleo")), ("ada", "bert", "cleo", "dora"))
    assert stopped.value.code not in (0, None)
    assert set(read_grades(tmp_path / "out")) == {"ada", "cleo"}


@pytest.mark.parametrize("damage", ["edited", "deleted", "another's", "folder deleted"])
def test_what_happens_to_result_files_meanwhile_changes_nothing(grade, tmp_path, capsys, damage):
    """A submission may reach the folder: the run believes what the judge returned to it."""
    grade(Judge(made.result("ada"), made.result("bert", lost=[ITEM])))
    (tmp_path / "in" / "cleo.ipynb").touch()
    judge = Judge(made.result("cleo", lost=[ITEM]))

    def harm():
        for student in ("bert", "cleo"):
            path = stored(tmp_path, student)
            if damage == "edited":
                path.write_text(json.dumps(json.loads(path.read_text()) | {"earned": 99}))
            elif damage == "another's":
                path.write_text(stored(tmp_path, "ada").read_text())
            else:
                path.unlink()
        if damage == "folder deleted":
            stored(tmp_path, "ada").unlink()
            path.parent.rmdir()

    judge.meanwhile = harm
    capsys.readouterr()
    table = grade(judge)
    assert {name: row[ITEM] for name, row in table.items()} == {
        "ada": str(made.ITEMS[ITEM]),
        "bert": "0",
        "cleo": "0",
    }
    assert "changed by another process meanwhile" in capsys.readouterr().out
    assert json.loads(stored(tmp_path, "bert").read_text())["earned"] == MOST - made.ITEMS[ITEM]
    assert grade(Judge()) == table


def test_a_result_that_nobody_handed_in_is_left_out_and_named(grade, tmp_path, capsys):
    grade(Judge(made.result("ada"), made.result("bert")))
    stored(tmp_path, "eve").write_text(json.dumps(made.result("eve")))
    assert set(grade(Judge())) == {"ada", "bert"}
    assert "left out, for they are in results/ alone: eve" in capsys.readouterr().out


def test_who_has_left_leaves_no_page_and_who_comes_back_is_told(grade, tmp_path, capsys):
    grade(Judge(made.result("ada"), made.result("bert")))
    (tmp_path / "in" / "bert.ipynb").unlink()
    assert set(grade(Judge(), ["ada"])) == {"ada"}
    assert [page.stem for page in (tmp_path / "out" / "feedback").iterdir()] == ["ada"]
    capsys.readouterr()
    for told in (True, False):
        classroom.merge(NAME, tmp_path / "out", PLAIN)
        assert ("were not in grades.csv: bert" in capsys.readouterr().out) == told
    assert set(read_grades(tmp_path / "out")) == {"ada", "bert"}


def test_what_is_no_notebook_is_named(grade, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "lovelaceada_1001_9_answer.pdf").touch()
    assert set(grade(Judge(made.result("ada")), ["ada"])) == {"ada"}
    assert "no notebooks: lovelaceada_1001_9_answer.pdf\n" in capsys.readouterr().out


def test_one_student_waits(grade, capsys):
    grade(Judge(made.result("ada")), ["ada"])
    assert "1 student waits: " in capsys.readouterr().out


# --- under load -----------------------------------------------------------------------------------


def late_result(student, waited):
    return made.result(student, lost=[ITEM], timed_out=[ITEM], waited=waited)


def test_what_timed_out_under_load_is_graded_again_alone_and_the_better_counts(grade, capsys):
    judge = Judge(
        late_result("ada", 0.9),
        late_result("bert", 0.7),
        made.result("cleo", waited=0.5),
        again=[made.result("ada"), made.result("bert", lost=[ITEM, list(made.ITEMS)[1]])],
    )
    table = grade(judge, ("ada", "bert", "cleo"))
    assert judge.asked == [(["ada", "bert", "cleo"], 2), (["ada", "bert"], 1)]
    assert table["ada"][ITEM] == str(made.ITEMS[ITEM])
    assert table["bert"][list(made.ITEMS)[1]] != "0"
    told = capsys.readouterr().out
    assert "the machine was overloaded" in told
    assert "70% of its time" in told
    assert "graded again, one at a time, for they timed out and had to wait: ada, bert" in told
    assert f"ada: {MOST} of {MOST}; before: {MOST - made.ITEMS[ITEM]}" in told
    unchanged = Judge()
    assert grade(unchanged, ("ada", "bert", "cleo")) == table
    assert [names for names, _ in unchanged.asked if names] == []


def test_what_had_a_processor_to_itself_would_only_time_out_again(grade, capsys):
    judge = Judge(late_result("ada", 0.02), made.result("bert"))
    grade(judge)
    assert judge.asked[1:] in ([], [([], 1)])
    told = capsys.readouterr().out
    assert "overloaded" not in told
    assert "graded again" not in told


def test_a_slip_in_a_table_is_told_before_the_work(grade, tmp_path):
    grade(Judge(made.result("ada"), made.result("bert")))
    (tmp_path / "in" / "cleo.ipynb").touch()
    made.fill_in(tmp_path / "out" / "overrides.csv", "ada,nothing,1,why")
    judge = Judge(made.result("cleo"))
    with pytest.raises(SystemExit, match="there is no item 'nothing'"):
        grade(judge)
    assert judge.asked == []


# --- remarks --------------------------------------------------------------------------------------


def test_no_remark_stands_twice_and_none_fills_the_page(grade, tmp_path):
    notes = ["an odd note"] * 3 + [f"patched number {n}" for n in range(40)]
    student = made.result("ada", notes=notes)
    student["items"][0]["remarks"] = ["an odd thing"] * 2
    row = grade(Judge(student), ["ada"])["ada"]
    assert row["remarks"].count("an odd note") == 1
    assert row["remarks"].count("an odd thing") == 1
    assert row["remarks"].endswith("and 34 more")
    page = (tmp_path / "out" / "feedback" / "ada.html").read_text(encoding="utf-8")
    assert page.count("an odd note") == page.count("an odd thing") == 1
    assert page.count('class="note"') == 2
    assert "<summary>38 more</summary>" in page


def test_a_remark_of_several_lines_shows_its_code_on_the_page_alone(grade, tmp_path):
    student = made.result("ada")
    student["items"][0]["remarks"] = ["SyntaxError in line 2\n    def f(:\n          ^"]
    row = grade(Judge(student), ["ada"])["ada"]
    assert row["remarks"] == f"{ITEM}: SyntaxError in line 2"
    page = (tmp_path / "out" / "feedback" / "ada.html").read_text(encoding="utf-8")
    assert '<pre tabindex="0">    def f(:\n          ^</pre>' in page


def test_what_was_not_there_is_told_once_where_it_cost_points(grade):
    student = made.result("ada", lost=[ITEM])
    for part in student["items"][0]["parts"]:
        part["message"] = "numbers: scipy is not there while items are graded (allowed: numpy)"
    row = grade(Judge(student), ["ada"])["ada"]
    assert row["remarks"].count(f"{ITEM}: scipy is not there while items are graded") == 1


def test_the_table_keeps_its_columns(grade):
    row = grade(Judge(made.result("ada")), ["ada"])["ada"]
    written = list(made.RUBRIC.written)
    assert list(row) == ["student", *made.ITEMS, *written, "late", "total", "of", "remarks"]
