"""What a person gives: nothing unread is final, nobody is accused, and slips are told."""

import csv
import io

import pytest
from grading.__main__ import parse_arguments
from grading.marks import LatePolicy, Settings
from grading.tables import GUARDED, guard, match_names, unguard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import made
from .made import ITEM, ITEMS, MOST, QUESTION
from .submissions import read_grades

NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def give_points(path, points="3"):
    """Give points to every answer, as a person does."""
    found = rows(path)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, found[0])
        writer.writeheader()
        writer.writerows(row | {"points": points} for row in found)


def through_spreadsheet(path):
    """Change every cell as a spreadsheet does: what looks like a number becomes one."""
    with open(path, encoding="utf-8", newline="") as file:
        delimiter = ";" if ";" in file.readline() else ","
        file.seek(0)
        table = [[shown(cell) for cell in row] for row in csv.reader(file, delimiter=delimiter)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows(table)


def shown(text):
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return text
    if number is None or number != number or abs(number) == float("inf"):
        return text
    return f"{number:.5E}" if abs(number) >= 1e11 else f"{number:.10g}"


# --- spreadsheets ---------------------------------------------------------------------------------


@given(st.text())
def test_a_guarded_text_is_read_back(text):
    assert unguard(guard(text)) == text
    assert not guard(text).startswith(GUARDED[:-1])


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t"])
def test_no_table_holds_a_formula(tmp_path, sign):
    student = f"{sign}1+1"
    made.write(tmp_path, [made.result(student, notes=[f"{sign}2"])])
    for name in ("grades", "written"):
        with open(tmp_path / f"{name}.csv", encoding="utf-8", newline="") as file:
            assert not [c for row in csv.reader(file) for c in row if c.startswith(GUARDED[:-1])]
    give_points(tmp_path / "written.csv")
    made.write(tmp_path, [made.result(student)])
    assert read_grades(tmp_path)[f"'{student}"]["total"] == f"{MOST + 3}"


@QUICK
@given(names=st.sets(NAMES, min_size=1, max_size=5))
def test_every_name_is_read_back(tmp_path_factory, names):
    output = tmp_path_factory.mktemp("names")
    results = [made.result(name, answer=f"by {name}") for name in sorted(names)]
    made.write(output, results)
    give_points(output / "written.csv")
    made.write(output, results)
    assert [row["total"] for row in rows(output / "grades.csv")] == [f"{MOST + 3}"] * len(names)


@pytest.mark.parametrize(
    "student", ["0042", "798243e7", "1e5", "00123456789012345", "12345678901234567", "+49", ".5"]
)
def test_an_id_that_looks_like_a_number_survives_a_spreadsheet(tmp_path, student, capsys):
    results = [made.result(student), made.result("ada"), made.result("43")]
    made.write(tmp_path, results)
    give_points(tmp_path / "written.csv")
    capsys.readouterr()
    for _ in range(2):
        through_spreadsheet(tmp_path / "written.csv")
        made.write(tmp_path, results)
    assert {row["total"] for row in rows(tmp_path / "grades.csv")} == {f"{MOST + 3}"}
    assert len(rows(tmp_path / "written.csv")) > 0
    assert "written.csv: " not in capsys.readouterr().out


@QUICK
@given(st.sets(st.from_regex(r"0{0,2}[0-9]{1,14}(e[0-9])?", fullmatch=True), max_size=8))
def test_whatever_numbers_ids_look_like_their_student_is_among_those_found(names):
    written = {shown(name) for name in names}
    for name in names:
        assert name in match_names(shown(name), names, written)


def test_two_ids_that_a_spreadsheet_shows_alike_are_told_apart_by_their_answers(tmp_path, capsys):
    results = [made.result(name, answer=f"by {name}") for name in ("42", "0042", "042")]
    made.write(tmp_path, results)
    give_points(tmp_path / "written.csv")
    through_spreadsheet(tmp_path / "written.csv")
    capsys.readouterr()
    made.write(tmp_path, results)
    assert {row["total"] for row in rows(tmp_path / "grades.csv")} == {f"{MOST + 3}"}
    assert "may be" not in capsys.readouterr().out


def test_who_cannot_be_told_apart_is_asked_for_and_nobody_is_accused(tmp_path, capsys):
    results = [made.result(name, answer="the same") for name in ("42", "0042")]
    made.write(tmp_path, results)
    give_points(tmp_path / "written.csv")
    through_spreadsheet(tmp_path / "written.csv")
    capsys.readouterr()
    made.write(tmp_path, results)
    told = capsys.readouterr().out
    assert "'42' may be 42 or 0042: not counted" in told
    assert "changed" not in told
    assert {row["total"] for row in rows(tmp_path / "grades.csv")} == {""}


def test_names_that_no_spreadsheet_has_changed_are_taken_as_they_are(tmp_path):
    results = [made.result(name, answer="the same") for name in ("42", "0042")]
    made.write(tmp_path, results)
    give_points(tmp_path / "written.csv")
    made.write(tmp_path, results)
    assert {row["total"] for row in rows(tmp_path / "grades.csv")} == {f"{MOST + 3}"}


# --- nothing unread is final ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"where": "cell 7", "text": "Here I wrote it.", "pictures": []},
        {"where": "cell 8", "text": "", "pictures": ["data:image/png;base64,iVBORw0KGgo="]},
    ],
)
def test_what_stands_elsewhere_waits_for_a_person(tmp_path, elsewhere):
    student = made.result("ada", answer="", elsewhere=[elsewhere])
    made.write(tmp_path, [student])
    assert read_grades(tmp_path)["ada"]["total"] == ""
    page = (tmp_path / "written.html").read_text(encoding="utf-8")
    assert elsewhere["where"] in page
    assert elsewhere["text"] in page
    assert all(f'<img src="{picture}"' in page for picture in elsewhere["pictures"])
    give_points(tmp_path / "written.csv", "2")
    made.write(tmp_path, [student])
    assert read_grades(tmp_path)["ada"]["total"] == f"{MOST + 2}"


def test_an_untouched_answer_is_final(tmp_path):
    made.write(tmp_path, [made.result("ada", answer="")])
    assert read_grades(tmp_path)["ada"]["total"] == f"{MOST}"
    assert rows(tmp_path / "written.csv") == []


def test_a_missing_answer_is_told_and_a_line_by_hand_rescues_it(tmp_path):
    lost = list(ITEMS)
    results = [made.result("ada", answer=""), made.result("bert", answer="", lost=lost)]
    results.append(made.result("cleo"))
    made.write(tmp_path, results)
    told = {name: "no answer found: " + QUESTION in row["remarks"]
            for name, row in read_grades(tmp_path).items()}  # fmt: skip
    assert told == {"ada": True, "bert": False, "cleo": False}
    assert "left no answer that was found" in (tmp_path / "class.html").read_text(encoding="utf-8")
    made.fill_in(tmp_path / "written.csv", f"ada,{QUESTION},3,found in code,")
    made.write(tmp_path, results)
    row = read_grades(tmp_path)["ada"]
    assert (row["total"], "no answer" in row["remarks"]) == (f"{MOST + 3}", False)


def test_an_answer_that_changed_after_it_was_marked_waits_again(tmp_path, capsys):
    made.write(tmp_path, [made.result("ada")])
    give_points(tmp_path / "written.csv")
    first = (tmp_path / "written.csv").read_text(encoding="utf-8")
    made.write(tmp_path, [made.result("ada", answer="Another.")])
    assert "ada has changed the answer" in capsys.readouterr().out
    assert read_grades(tmp_path)["ada"]["total"] == ""
    assert "marked with 3 points" in (tmp_path / "written.html").read_text(encoding="utf-8")
    second = (tmp_path / "written.csv").read_text(encoding="utf-8")
    assert second.startswith(first)
    assert len(rows(tmp_path / "written.csv")) == 2
    (tmp_path / "written.csv").write_text(second.replace(",,,", ",1,,"), encoding="utf-8")
    made.write(tmp_path, [made.result("ada", answer="Another.")])
    assert read_grades(tmp_path)["ada"]["total"] == f"{MOST + 1}"
    made.write(tmp_path, [made.result("ada")])
    assert read_grades(tmp_path)["ada"]["total"] == f"{MOST + 3}"


def test_an_answer_that_is_gone_after_it_was_marked_waits_again(tmp_path):
    made.write(tmp_path, [made.result("ada")])
    give_points(tmp_path / "written.csv")
    made.write(tmp_path, [made.result("ada", answer="")])
    assert read_grades(tmp_path)["ada"]["total"] == ""


@pytest.mark.parametrize("cells", ["2,5,well put,", "2,5", "2,5,,a1234567b"])
def test_a_decimal_comma_without_quotes_loses_nothing_in_silence(tmp_path, cells):
    made.write(tmp_path, [made.result("ada")])
    made.fill_in(tmp_path / "written.csv", f"ada,{QUESTION},{cells}")
    with pytest.raises(SystemExit, match=r"written\.csv, line 2: .*2\.5"):
        made.write(tmp_path, [made.result("ada")])


@pytest.mark.parametrize(
    ("shown", "points"), [('"2,5"', 2.5), ("2½", 2.5), ("½", 0.5), ("2 ½", 2.5), (" 3 ", 3)]
)
def test_halves_are_read_as_they_are_written(tmp_path, shown, points):
    made.write(tmp_path, [made.result("ada")])
    made.fill_in(tmp_path / "written.csv", f"ada,{QUESTION},{shown},well put,")
    made.write(tmp_path, [made.result("ada")])
    assert float(read_grades(tmp_path)["ada"]["total"]) == MOST + points


# --- overrides ------------------------------------------------------------------------------------


def test_an_override_counts_is_kept_and_is_seen(tmp_path):
    student = made.result("ada", answer="", lost=[ITEM])
    made.write(tmp_path, [student])
    made.fill_in(tmp_path / "overrides.csv", f"ada,{ITEM},1.5,we have talked")
    for _ in range(2):
        made.write(tmp_path, [student])
        row = read_grades(tmp_path)["ada"]
        assert row[ITEM] == "1.5"
        assert float(row["total"]) == MOST - ITEMS[ITEM] + 1.5
        assert f"{ITEM}: 1.5 by hand, 0 by the program (we have talked)" in row["remarks"]
    page = (tmp_path / "feedback" / "ada.html").read_text(encoding="utf-8")
    assert "1.5 points given by your instructor, 0 by the program: we have talked" in page


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"adda,{ITEM},1,why", "there is no student 'adda'; did you mean ada?"),
        ("ada,nothing,1,why", f"there is no item 'nothing'; there are {ITEM}"),
        (f"ada,{QUESTION},1,why", "belong into written.csv"),
        (f"ada,{ITEM},99,why", f"'99' for '{ITEM}' is not a number from 0 to {ITEMS[ITEM]}"),
        (f"ada,{ITEM},,why", f"'' for '{ITEM}' is not a number"),
        (f"ada,{ITEM},1,", f"a reason is missing for '{ITEM}'"),
        (f"ada,{ITEM},1,a\nada,{ITEM},2,b", "line 3: "),
        (f"ada,{ITEM},1,5,He has shown it.", "more cells than the first line names"),
        (f"ada,{ITEM},1,He has, indeed.", "more cells than the first line names"),
        (f"ada,{ITEM},1,5", "is 1,5 one number? write 2.5"),
    ],
)
def test_a_slip_in_an_override_is_told_and_nothing_is_written(tmp_path, line, told):
    made.write(tmp_path, [made.result("ada")])
    before = (tmp_path / "grades.csv").read_text(encoding="utf-8")
    made.fill_in(tmp_path / "overrides.csv", line)
    with pytest.raises(SystemExit, match=r"overrides\.csv, line \d") as stopped:
        made.write(tmp_path, [made.result("ada", lost=[ITEM])])
    assert told in str(stopped.value)
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8") == before


# --- late -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "days", "earned", "cost"),
    [
        ("10% a day", 1, 20, 2),
        ("10 % per day", 1.5, 20, 4),
        ("10% a day", 99, 20, 20),
        ("2 a day", 3, 20, 6),
        ("1.5 points a day", 1, 20, 1.5),
        ("1 point a day", 0, 20, 0),
    ],
)
def test_each_day_that_has_begun_costs(policy, days, earned, cost):
    assert LatePolicy.parse(policy).cost(days, earned) == cost


@pytest.mark.parametrize("text", ["10", "ten a day", "-1 a day", "10% a week", "1.2.3 a day"])
def test_a_late_policy_that_cannot_be_read_is_told(text, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["merge", made.NAME, "out", f"--late={text}"])
    assert f"{text!r} is not like" in capsys.readouterr().err


def test_late_points_stand_in_the_table_and_on_the_page(tmp_path):
    results = [made.result("ada", answer=""), made.result("bert", answer=""), made.result("cleo")]
    made.write(tmp_path, results)
    made.fill_in(tmp_path / "late.csv", "ada,2\ncleo,1")
    made.write(tmp_path, results, Settings(late=LatePolicy.parse("10% a day")))
    table = read_grades(tmp_path)
    assert (float(table["ada"]["late"]), float(table["ada"]["total"])) == pytest.approx(
        (-0.2 * MOST, 0.8 * MOST)
    )
    assert (table["bert"]["late"], table["bert"]["total"]) == ("", f"{MOST}")
    assert (table["cleo"]["late"], table["cleo"]["total"]) == ("", "")
    assert "2 days late" in table["ada"]["remarks"]
    assert "2 days late" in (tmp_path / "feedback" / "ada.html").read_text(encoding="utf-8")


def test_who_was_late_is_not_forgotten_where_the_option_is(tmp_path):
    made.write(tmp_path, [made.result("ada")])
    made.fill_in(tmp_path / "late.csv", "ada,2")
    with pytest.raises(SystemExit, match="say what a day costs"):
        made.write(tmp_path, [made.result("ada")])


@pytest.mark.parametrize("line", ["ada,two", "ada,-1", "ada,1,5", "eve,1", "ada,1\nada,2"])
def test_a_slip_in_who_was_late_is_told(tmp_path, line):
    made.write(tmp_path, [made.result("ada")])
    made.fill_in(tmp_path / "late.csv", line)
    with pytest.raises(SystemExit, match=r"late\.csv, line \d"):
        made.write(tmp_path, [made.result("ada")], Settings(late=LatePolicy.parse("1 a day")))


# --- anonymous ------------------------------------------------------------------------------------


def test_who_marks_anonymously_sees_codes_that_stay(tmp_path):
    students = [f"student {n}" for n in range(12)]
    results = [made.result(name, answer=f"answer {n}") for n, name in enumerate(students)]
    made.write(tmp_path, results, Settings(anonymous=True))
    first = rows(tmp_path / "written.csv")
    for name in ("written.html", "written.csv"):
        assert "student 1" not in (tmp_path / name).read_text(encoding="utf-8")
    codes = [row["student"] for row in first]
    assert codes == sorted(codes)
    assert [row["answer"] for row in first] != [
        row["answer"] for row in rows(tmp_path / "written.csv")[::-1]
    ]
    give_points(tmp_path / "written.csv")
    made.write(tmp_path, results, Settings(anonymous=True))
    assert [row["student"] for row in rows(tmp_path / "written.csv")] == codes
    assert {row["total"] for row in rows(tmp_path / "grades.csv")} == {f"{MOST + 3}"}
    made.write(tmp_path, results)
    assert {row["total"] for row in rows(tmp_path / "grades.csv")} == {f"{MOST + 3}"}


def test_names_of_an_earlier_run_are_told_where_marking_is_anonymous(tmp_path, capsys):
    made.write(tmp_path, [made.result("ada")])
    made.write(tmp_path, [made.result("ada")], Settings(anonymous=True))
    assert "still holds names" in capsys.readouterr().out


def test_an_empty_row_of_a_spreadsheet_is_nothing(tmp_path):
    made.write(tmp_path, [made.result("ada")])
    for name in ("written", "overrides", "late"):
        path = tmp_path / f"{name}.csv"
        path.write_text(path.read_text(encoding="utf-8") + ",,,\n\n", encoding="utf-8")
    made.write(tmp_path, [made.result("ada")])
    assert len(list(csv.reader(io.StringIO((tmp_path / "grades.csv").read_text())))) == 2
