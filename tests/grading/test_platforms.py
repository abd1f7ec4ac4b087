"""The way to and from learning platforms: everybody gets their own points, once, or it stops."""

import csv
import io
import zipfile

import pytest
from grading.platforms import give_to_canvas, give_to_moodle, hand_to_nbgrader
from grading.submission import find_submissions

from . import made
from .made import MOST, NAME

WORKSHEET = (
    '\ufeffIdentifier,"Full name",Grade,"Last modified (grade)"\n'
    '"Participant 4711","Ada ""L""",,-\n"Teilnehmer/in 4712",Jörg,12.00,-\n"Participant 9",Eve,,-\n'
)


def graded(output, *students, **more):
    """Write the tables and pages of a class, all read but who is said to wait."""
    made.write(output, [made.result(name, answer=more.get(name, "")) for name in students])
    return output


def table(path):
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def names_in(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_canvas_gets_users_points_and_pages(tmp_path):
    names = ["lovelaceada_1001_90001_losses_1_2_", "b_LATE_1002_90002_losses-1", "w_1003_9_losses"]
    graded(tmp_path, *names, w_1003_9_losses="An answer that waits.")
    give_to_canvas(tmp_path, "Losses (555)")
    assert table(tmp_path / "canvas.csv") == [
        ["Student", "ID", "Section", "Losses (555)"],
        [names[0], "1001", "", f"{MOST}"],
        [names[1], "1002", "", f"{MOST}"],
    ]
    assert sorted(names_in(tmp_path / "feedback.zip")) == sorted(f"{name}.html" for name in names)


def test_moodle_gets_its_worksheet_filled_in_and_pages(tmp_path, capsys):
    ada, joerg = "Ada L_4711_assignsubmission_file_", "Jörg_4712_assignsubmission_file"
    graded(tmp_path, ada, joerg, "Dora_13_assignsubmission_file", **{joerg: "It waits."})
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(WORKSHEET, encoding="utf-8")
    give_to_moodle(tmp_path, worksheet, "Grade")
    assert [row[2] for row in table(tmp_path / "moodle.csv")] == ["Grade", f"{MOST}", "12.00", ""]
    assert [row[1] for row in table(tmp_path / "moodle.csv")][1:] == ['Ada "L"', "Jörg", "Eve"]
    assert f"{ada}/feedback.html" in names_in(tmp_path / "feedback.zip")
    assert "not in" in (told := capsys.readouterr().out)
    assert "Dora_13" in told
    with pytest.raises(SystemExit, match="no column 'Bewertung'; name one with --column: Id"):
        give_to_moodle(tmp_path, worksheet, "Bewertung")


@pytest.mark.parametrize(
    ("names", "give"),
    [
        (["a_1001_90001_losses", "a_1001_90002_losses-1"], lambda at: give_to_canvas(at, "L")),
        (["A_7_assignsubmission_file", "A_7_assignsubmission_onlinetext"],
         lambda at: give_to_moodle(at, at / "worksheet.csv", "Grade")),
    ],
)  # fmt: skip
def test_two_submissions_of_one_student_stop_it_and_both_are_named(tmp_path, names, give):
    graded(tmp_path, *names)
    (tmp_path / "worksheet.csv").write_text(WORKSHEET, encoding="utf-8")
    with pytest.raises(SystemExit, match=f"{names[1]} and {names[0]} are of one student"):
        give(tmp_path)
    assert not (tmp_path / "feedback.zip").exists()


@pytest.mark.parametrize("end", ["", "_"])
def test_a_text_beside_the_file_makes_no_second_student(tmp_path, end):
    for name, file in (("file", "losses.ipynb"), ("onlinetext", "onlinetext.html")):
        (tmp_path / f"Jörg_4712_assignsubmission_{name}{end}").mkdir()
        (tmp_path / f"Jörg_4712_assignsubmission_{name}{end}" / file).touch()
    ((name, submission),) = find_submissions(tmp_path, NAME).items()
    assert name == f"Jörg_4712_assignsubmission_file{end}"
    assert submission.path.name == "losses.ipynb"
    assert submission.beside == ("onlinetext.html",)
    submission.path.unlink()
    submission.path.parent.rmdir()
    ((name, submission),) = find_submissions(tmp_path, NAME).items()
    assert name.endswith(f"onlinetext{end}")
    assert submission.path is None


def test_nbgrader_gets_whatever_make_grade_would_read(tmp_path, capsys):
    files = ("ada.ipynb", "bert/a/b/losses.ipynb", "carl/my work.ipynb", "dora/notes.pdf")
    for file in files:
        path = tmp_path / "in" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
    hand_to_nbgrader(NAME, tmp_path / "in", tmp_path / "course")
    for student, file in zip(("ada", "bert", "carl"), files, strict=False):
        path = tmp_path / "course" / "submitted" / student / NAME / f"{NAME}.ipynb"
        assert path.read_text() == file
    assert capsys.readouterr().out == "dora: there is no notebook\n"
    assert len(list((tmp_path / "course" / "submitted").iterdir())) == 3
