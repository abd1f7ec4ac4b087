"""Into nbgrader, and from a graded folder back to Canvas and Moodle: tables and pages they take.

A platform knows a student by a number in the name of what it let us download.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from .classroom import read_totals
from .files import file_name, save
from .submission import decode, find_submissions
from .tables import write_rows

CANVAS_USER = re.compile(r"_(\d+)_\d+_")
MOODLE_PARTICIPANT = re.compile(r"_(\d+)_assignsubmission_")
NUMBER_AT_THE_END = re.compile(r"(\d+)\s*$")


def hand_to_nbgrader(assignment: str, folder: Path, course: Path) -> None:
    """Copy each student's notebook to where nbgrader looks for it."""
    for student, submission in find_submissions(folder, assignment).items():
        if submission.path is None:
            print(f"{student}: {'; '.join(submission.notes) or 'there is no notebook'}")
            continue
        target = course / "submitted" / student / assignment / f"{assignment}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(submission.path, target)


def give_to_canvas(output: Path, column: str) -> None:
    """Write ``canvas.csv`` for the gradebook, and ``feedback.zip``."""
    students = students_by_number(output, CANVAS_USER)
    rows = [[name, user, "", total] for user, (name, total) in students.items() if total]
    save(output / "canvas.csv", write_rows([["Student", "ID", "Section", column], *rows]))
    print(f"{output / 'canvas.csv'}: {len(rows)} of {len(students)} students have a total")
    zip_pages(output, "{}.html".format)


def give_to_moodle(output: Path, worksheet: Path, column: str) -> None:
    """Write ``moodle.csv``, the worksheet with its grades filled in, and ``feedback.zip``."""
    students = students_by_number(output, MOODLE_PARTICIPANT)
    text, _ = decode(worksheet.read_bytes())
    header, *lines = [*filter(None, csv.reader(io.StringIO(text, newline="")))] or [[]]
    if column not in header:
        raise SystemExit(
            f"error: {worksheet} has no column {column!r}; name one with --column: "
            f"{', '.join(header)}"
        )
    filled = 0
    for line in lines:
        participant = NUMBER_AT_THE_END.search(line[0])  # "Participant 4711", in any language
        _, total = students.pop(participant[1] if participant else "", ("", ""))
        if total:
            line[header.index(column)] = total
            filled += 1
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([header, *lines])
    save(output / "moodle.csv", buffer.getvalue())
    print(f"{output / 'moodle.csv'}: {filled} of {len(lines)} lines filled in")
    if students:
        print(f"not in {worksheet}: {', '.join(name for name, _ in students.values())}")
    zip_pages(output, "{}/feedback.html".format)


def students_by_number(output: Path, pattern: re.Pattern[str]) -> dict[str, tuple[str, str]]:
    """Return each student's name and total by the platform's number.

    Raises
    ------
    SystemExit
        If two submissions have one number: which of them counts, a person must say.
    """
    found: dict[str, tuple[str, str]] = {}
    for student, total in read_totals(output):
        if not (match := pattern.search(student)):
            print(f"left out, for there is no number of the platform in it: {student}")
        elif match[1] in found:
            raise SystemExit(
                f"error: {student} and {found[match[1]][0]} are of one student ({match[1]}); "
                "leave one of them in the folder of submissions and grade again"
            )
        else:
            found[match[1]] = student, total
    return found


def zip_pages(output: Path, name: Callable[[str], str]) -> None:
    """Write ``feedback.zip``: the page of each student in ``grades.csv``, under the name given."""
    with zipfile.ZipFile(output / "feedback.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for student, _ in read_totals(output):
            archive.write(output / "feedback" / f"{file_name(student)}.html", name(student))
    print(f"{output / 'feedback.zip'}: a page for each student")
