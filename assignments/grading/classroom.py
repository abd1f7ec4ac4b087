"""Grading a class: one result file for each submission, and tables and pages made of all of them.

A run that is cut off loses nothing: a result file is written whole or not at all, and the next run
makes those that are missing or whose notebook, rubric or grader has changed. The points that a
person gives for written answers stand in ``written.csv``. A run adds rows to that file and never
changes one.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

import nnlib

from .cells import given_cells, original_cells
from .grade import failure_result, grade_submission, load_rubric
from .jail import end_with_parent
from .rubric import Rubric
from .submission import (
    MAX_BYTES,
    Submission,
    decode,
    find_submissions,
    replace_surrogates,
)

HERE = Path(__file__).parent
COLUMNS = ("student", "question", "points", "comment", "answer")
MARK_SCHEME = re.compile(r"=== BEGIN MARK SCHEME ===(.*?)=== END MARK SCHEME ===", re.DOTALL)
Result = dict[str, Any]


def grade_class(
    assignment: str,
    folder: Path,
    output: Path,
    jobs: int,
    seconds: float | None,
    cluster: str | None = None,
) -> None:
    """Grade the submissions in a folder that have changed, and write all tables and pages."""
    load_rubric(assignment)
    submissions = find_submissions(folder, assignment)
    if not submissions:
        raise SystemExit(f"error: no submission in {folder}: neither folders nor notebooks")
    with lock_folder(output):
        targets = {name: output / "results" / f"{file_name(name)}.json" for name in submissions}
        pending = {
            name: submission
            for name, submission in submissions.items()
            if load_result(targets[name]).get("digest")
            != submission_digest(assignment, submission, seconds)
        }
        total, unchanged = len(submissions), len(submissions) - len(pending)
        print(f"{total} submissions, {unchanged} of them graded before")
        results = grade_all(assignment, pending, targets, jobs, seconds)
        if cluster:
            from .cluster import grade_on_cluster  # Dask is needed for this alone

            results = grade_on_cluster(cluster, assignment, pending, seconds)
        try:
            for number, result in enumerate(results, 1):
                save_result(result, targets[result["student"]])
                print(f"[{number}/{len(pending)}] {summary(result)}", flush=True)
        except KeyboardInterrupt:
            raise SystemExit("\nstopped; run the same again to go on") from None
        merge(assignment, output, set(submissions))


def grade_all(
    assignment: str,
    submissions: Mapping[str, Submission],
    targets: Mapping[str, Path],
    jobs: int,
    seconds: float | None,
) -> Iterator[Result]:
    """Grade submissions in parallel, write their result files and yield results as they come."""

    def submit(pool: ProcessPoolExecutor, student: str) -> Future[Result]:
        submission, target = submissions[student], targets[student]
        return pool.submit(grade_and_save, assignment, student, submission, target, seconds)

    ungraded = dict.fromkeys(submissions)  # a set that keeps its order
    with process_pool(jobs) as pool:
        futures = {submit(pool, student): student for student in submissions}
        try:
            for future in as_completed(futures):
                yield future.result()
                del ungraded[futures[future]]
        except BrokenProcessPool:
            pass
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    # One of the processes has died, for lack of memory perhaps. Each submission that is left gets a
    # process to itself, so that only the one at fault fails.
    for student in ungraded:
        with process_pool(1) as pool:
            try:
                yield submit(pool, student).result()
            except BrokenProcessPool as error:
                result = {"student": student} | failure_result(assignment, error)
                yield save_result(result, targets[student])


def process_pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool of processes that grade, and that end when this process does."""
    return ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=end_with_parent,
        initargs=(os.getpid(),),
    )


def grade_and_save(
    assignment: str,
    student: str,
    submission: Submission,
    target: Path,
    seconds: float | None = None,
) -> Result:
    """Grade one submission, write its result file and return the result."""
    # Taken before the notebook is read: if it changes meanwhile, the next run grades it again.
    digest = submission_digest(assignment, submission, seconds)
    try:
        result = grade_submission(assignment, submission, seconds)
    except Exception as error:
        result = failure_result(assignment, error)
    return save_result({"student": student, "digest": digest} | result, target)


def summary(result: Result) -> str:
    """Return in one line what a submission has earned, and what was noticed in it."""
    points = sum(item["points"] for item in result["items"])
    return "; ".join([f"{result['student']}: {result['earned']} of {points}", *remarks(result)])


def remarks(result: Result) -> list[str]:
    """Return what an instructor should know about a submission."""
    of_items = [
        f"{item['item']}: {remark.splitlines()[0]}"
        for item in result["items"]
        for remark in item["remarks"]
    ]
    return [*of_items, *result["notes"]]


# --- files ----------------------------------------------------------------------------------------


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other runs from grading into it meanwhile.

    Raises
    ------
    SystemExit
        If another run is grading into it now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"error: another run is grading into {folder}; wait until it has ended"
            ) from None
        yield


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(replace_surrogates(text))
    os.chmod(name, 0o644)
    os.replace(name, path)


def save_result(result: Result, target: Path) -> Result:
    """Write a result file and return the result."""
    save(target, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def load_result(target: Path) -> Result:
    """Return the result in a file, or an empty one where there is none that can be read."""
    try:
        result = json.loads(target.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


def file_name(student: str) -> str:
    """Return the name of a student's files: the student's own, shortened if it is too long."""
    if len(student.encode()) <= 150:
        return student
    return f"{student[:40]}-{short_hash(student)}"


# A digest changes when what it was taken of changes.


def short_hash(text: str) -> str:
    """Return eight characters that differ, in practice, for any two texts."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def submission_digest(assignment: str, submission: Submission, seconds: float | None) -> str:
    """Return the digest of all that a result depends on: the submission and what grades it."""
    settings = f"{grader_digest(assignment)} {seconds} {submission.notes}"
    digest = hashlib.sha256(settings.encode())
    if submission.path:
        digest.update(file_digest(submission.path))
    return digest.hexdigest()


@cache
def grader_digest(assignment: str) -> str:
    """Return the digest of what grades an assignment: grader, nnlib, rubric and cells.

    It is the same wherever these lie, and for a source from which the solutions were taken.
    """
    sources = [HERE.parent / "rubrics" / f"{assignment}.py"]
    for folder in (HERE, Path(nnlib.__file__).parent):
        sources += sorted(folder.rglob("*.py"))
    rubric = load_rubric(assignment)
    cells = [(cell.name, cell.source) for cell in given_cells(rubric) if cell.kind == "code"]
    digests = [*map(file_digest, sources), str(cells).encode()]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def file_digest(path: Path) -> bytes:
    """Return the digest of a file's bytes, or of its size if it is too large to be graded."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_BYTES else str(size).encode()
    except OSError as error:
        data = str(error).encode()
    return hashlib.sha256(data).digest()


# --- the tables -----------------------------------------------------------------------------------


def merge(assignment: str, output: Path, students: set[str] | None = None) -> None:
    """Write ``grades.csv`` and the pages, from the result files in the folder."""
    rubric = load_rubric(assignment)
    results = collect_results(assignment, output / "results", students)
    marks = Marks(output / "written.csv", rubric)
    marks.append_missing(results)
    save(output / "grades.csv", grades_table(rubric, results, marks))
    save_pages(rubric, results, marks, output)
    print(f"{output / 'grades.csv'}, a page for each of {len(results)} students in feedback/")
    waiting = sum(total_points(rubric, result, marks) is None for result in results)
    if waiting:
        print(f"{waiting} students wait: read written.html, fill in written.csv, run it again")


def collect_results(assignment: str, folder: Path, students: set[str] | None) -> list[Result]:
    """Return the results of an assignment, of the given students alone unless that is None."""
    results = [
        result
        for path in sorted(folder.glob("*.json"))
        for result in [load_result(path)]
        # A result that names another student than its file does was not made by this program.
        if result.get("assignment") == assignment
        and file_name(str(result.get("student"))) == path.stem
    ]
    if students is None:
        return results
    strangers = [result["student"] for result in results if result["student"] not in students]
    if strangers:
        print(f"left out, for they are in results/ alone: {', '.join(strangers)}")
    return [result for result in results if result["student"] in students]


def save_pages(rubric: Rubric, results: list[Result], marks: Marks, output: Path) -> None:
    """Write a feedback page for each student, and the page with all written answers."""
    templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
    feedback = templates.get_template("feedback.html")
    for result in results:
        total = total_points(rubric, result, marks)
        page = feedback.render(result=result, rubric=rubric, marks=marks, total=total)
        save(output / "feedback" / f"{file_name(result['student'])}.html", page)
    page = templates.get_template("written.html").render(
        rubric=rubric, results=results, marks=marks, schemes=mark_schemes(rubric.name)
    )
    save(output / "written.html", page)


def mark_schemes(assignment: str) -> dict[str, str]:
    """Return the mark scheme of each written question, from the cell of its model answer."""
    matches = {
        cell.name or "": MARK_SCHEME.search(cell.source) for cell in original_cells(assignment)
    }
    return {name: match[1].strip() for name, match in matches.items() if match}


class Marks:
    """The points and comments that a person has given for written answers: ``written.csv``.

    Parameters
    ----------
    path : path
        The file need not exist yet. Its cells are separated by commas, semicolons or tabs, in any
        common encoding, as spreadsheets write it.
    rubric : Rubric

    Raises
    ------
    SystemExit
        If a column is missing, or the points in a row are no number that its question allows. The
        file stays as it is.
    """

    def __init__(self, path: Path, rubric: Rubric) -> None:
        self.path, self.rubric = path, rubric
        self.text = decode(path.read_bytes())[0] if path.exists() else ""
        self.text = self.text.removeprefix("\ufeff") or ",".join(COLUMNS) + "\n"
        header = self.text.partition("\n")[0]
        self.delimiter = max(",;\t", key=header.count)
        reader = csv.DictReader(io.StringIO(self.text), delimiter=self.delimiter, restval="")
        self.columns = list(reader.fieldnames or ())
        if missing := {*COLUMNS[:3]} - {*self.columns}:
            raise SystemExit(
                f"error: {path}: its first line should name {', '.join(COLUMNS)}, "
                f"there is no {', '.join(sorted(missing))}; mend it and run again"
            )
        self.rows = [{key: row.get(key) or "" for key in COLUMNS} for row in reader]
        for row in self.rows:
            row["points"] = row["points"].strip().replace(",", ".")
        self.marked = {
            (row["student"], row["question"]): row
            for number, row in enumerate(self.rows, 2)
            if self.has_points(row, number)
        }

    def has_points(self, row: dict[str, str], number: int) -> bool:
        """Tell whether a row has points; stop if they are not valid."""
        maximum = self.rubric.written.get(row["question"])
        if not row["points"]:
            return False
        try:
            if not 0 <= float(row["points"]) <= (maximum or -1):
                raise ValueError
        except ValueError:
            raise SystemExit(
                f"error: {self.path}, line {number}: {row['points']!r} for {row['question']!r} is "
                f"not a number from 0 to {maximum or '(no such question)'}; mend it and run again"
            ) from None
        return True

    def points(self, result: Result, question: str) -> str:
        """Return the points of an answer: "0" if there is no answer, "" if nobody has read it."""
        row = self.marked.get((result["student"], question))
        if row:
            return row["points"]
        return "" if result["written"][question]["answer"] else "0"

    def comment(self, result: Result, question: str) -> str:
        """Return the comment on an answer."""
        return self.marked.get((result["student"], question), {}).get("comment", "")

    def append_missing(self, results: list[Result]) -> None:
        """Append a row for each answer that has none; print which rows no longer fit."""
        self.print_misfits(results)
        present = {(row["student"], row["question"]) for row in self.rows}
        buffer = io.StringIO()
        writer = csv.DictWriter(
            buffer, self.columns, "", "ignore", delimiter=self.delimiter, lineterminator="\n"
        )
        for result in results:
            for question, written in result["written"].items():
                if written["answer"] and (result["student"], question) not in present:
                    key = {"student": result["student"], "question": question}
                    writer.writerow(key | {"answer": short_hash(written["answer"])})
        if buffer.getvalue() or not self.path.exists():
            end = "" if self.text.endswith("\n") else "\n"
            save(self.path, self.text + end + buffer.getvalue())

    def print_misfits(self, results: list[Result]) -> None:
        """Print which rows name no student, and which answers changed after they got points."""
        by_student = {result["student"]: result for result in results}
        for row in self.rows:
            result = by_student.get(row["student"])
            if result is None:
                print(f"written.csv: there is no student {row['student']!r}")
            elif row["question"] in result["written"]:
                current = short_hash(result["written"][row["question"]]["answer"])
                if row["points"] and row["answer"] not in ("", current):
                    print(f"written.csv: {row['student']} has changed the answer since it was read")


def total_points(rubric: Rubric, result: Result, marks: Marks) -> float | None:
    """Return all points of a student, or None while a written answer waits for a person."""
    written = [marks.points(result, name) for name in rubric.written]
    return None if "" in written else result["earned"] + sum(map(float, written))


def grades_table(rubric: Rubric, results: list[Result], marks: Marks) -> str:
    """Return ``grades.csv``: a row for each student, a column for each item."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = [item.name for item in rubric.items]
    maximum = sum(item.points for item in rubric.items) + sum(rubric.written.values())
    writer.writerow(["student", *names, *rubric.written, "total", "of", "remarks"])
    for result in results:
        earned = {item["item"]: item["earned"] for item in result["items"]}
        total = total_points(rubric, result, marks)
        writer.writerow(
            [
                escape_formula(result["student"]),
                *(earned.get(name, 0) for name in names),
                *(marks.points(result, name) for name in rubric.written),
                "" if total is None else f"{total:g}",
                maximum,
                escape_formula("; ".join(remarks(result))),
            ]
        )
    return buffer.getvalue()


def escape_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
