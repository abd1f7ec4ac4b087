"""Grading a class: one result file a submission, made once, and the tables made from all of them.

A run that is cut off loses nothing: results are written whole or not at all, and the next run makes
those that are missing or whose notebook, rubric or grader has changed. What a person has given for
written answers stands in ``written.csv``, which a run adds lines to and never changes.
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
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

import nnlib

from .grade import failed, grade, load, original
from .rubric import Rubric
from .submission import LARGEST, Found, clean, decode, find
from .worker import end_with_parent

HERE = Path(__file__).parent
COLUMNS = ("student", "question", "points", "comment", "answer")
SCHEME = re.compile(r"=== BEGIN MARK SCHEME ===(.*?)=== END MARK SCHEME ===", re.DOTALL)
Result = dict[str, Any]


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(clean(text))
    os.chmod(name, 0o644)
    os.replace(name, path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other run grade into the folder meanwhile.

    Raises
    ------
    SystemExit
        If another does.
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


def file_name(student: str) -> str:
    """Return a name for a student's files that is not too long for one."""
    if len(student.encode()) <= 150:
        return student
    return f"{student[:40]}-{short(student)}"


def short(text: str) -> str:
    """Return what tells a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def digest(assignment: str, found: Found, seconds: float | None) -> str:
    """Return what tells whether a submission, or what grades it, has changed."""
    whole = hashlib.sha256(f"{of_grader(assignment)} {seconds} {found.notes}".encode())
    if found.path:
        whole.update(of_file(found.path))
    return whole.hexdigest()


@cache
def of_grader(assignment: str) -> str:
    """Return what tells whether the grader of an assignment has changed."""
    sources = sorted([*HERE.glob("*.py"), *Path(nnlib.__file__).parent.rglob("*.py")])
    sources.append(HERE.parent / "rubrics" / f"{assignment}.py")
    sources.append(HERE.parent / "source" / assignment / f"{assignment}.ipynb")
    return hashlib.sha256(b"".join(map(of_file, sources))).hexdigest()


def of_file(path: Path) -> bytes:
    """Return what tells whether a file has changed."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= LARGEST else str(size).encode()
    except OSError as error:
        data = str(error).encode()
    return hashlib.sha256(data).digest()


def grade_into(
    assignment: str, student: str, found: Found, target: Path, seconds: float | None = None
) -> Result:
    """Grade one submission, write its result file and return the result."""
    # Before the notebook is read: one that changes meanwhile is graded again.
    key = digest(assignment, found, seconds)
    try:
        result = grade(assignment, found, seconds)
    except Exception as error:
        result = failed(assignment, error)
    return keep({"student": student, "digest": key} | result, target)


def keep(result: Result, target: Path) -> Result:
    """Write a result file and return the result."""
    save(target, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def known(target: Path) -> Result:
    """Return a result file, or nothing where there is none that can be read."""
    try:
        result = json.loads(target.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) else {}


def grade_class(
    assignment: str, submissions: Path, output: Path, jobs: int, seconds: float | None
) -> None:
    """Grade what has changed in a folder of submissions, and write the tables anew."""
    load(assignment)
    found = find(submissions, assignment)
    if not found:
        raise SystemExit(f"error: no submission in {submissions}: neither folders nor notebooks")
    with alone(output):
        targets = {name: output / "results" / f"{file_name(name)}.json" for name in found}
        todo = {
            name: one
            for name, one in found.items()
            if known(targets[name]).get("digest") != digest(assignment, one, seconds)
        }
        print(f"{len(found)} submissions, {len(found) - len(todo)} of them graded before")
        results = grade_all(assignment, todo, targets, jobs, seconds)
        try:
            for number, result in enumerate(results, 1):
                print(f"[{number}/{len(todo)}] {line(result)}", flush=True)
        except KeyboardInterrupt:
            raise SystemExit("\nstopped; run the same again to go on") from None
        merge(assignment, output, set(found))


def grade_all(
    assignment: str,
    todo: Mapping[str, Found],
    targets: Mapping[str, Path],
    jobs: int,
    seconds: float | None,
) -> Iterator[Result]:
    """Grade submissions side by side; return their results as they are made."""
    left = dict(todo)
    with pool(jobs) as workers:
        futures = {
            workers.submit(grade_into, assignment, name, one, targets[name], seconds): name
            for name, one in todo.items()
        }
        try:
            for future in as_completed(futures):
                yield future.result()
                del left[futures[future]]
        except BrokenProcessPool:
            pass
        except KeyboardInterrupt:
            workers.shutdown(cancel_futures=True)
            raise
    # A grading process has died, of memory it may be: those that are left have one each.
    for name, one in left.items():
        with pool(1) as worker:
            call = worker.submit(grade_into, assignment, name, one, targets[name], seconds)
            try:
                yield call.result()
            except BrokenProcessPool as error:
                yield keep({"student": name} | failed(assignment, error), targets[name])


def pool(jobs: int) -> ProcessPoolExecutor:
    """Return processes that grade, and end when this one does."""
    return ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=end_with_parent,
        initargs=(os.getpid(),),
    )


def line(result: Result) -> str:
    """Return in one line what a submission has earned, and what was noticed in it."""
    points = sum(item["points"] for item in result["items"])
    return "; ".join([f"{result['student']}: {result['earned']} of {points}", *remarks(result)])


def remarks(result: Result) -> list[str]:
    """Return what an instructor should know of a submission."""
    noticed = [item for item in result["items"] if item["noticed"]]
    said = [f"{item['item']} earns nothing: {', '.join(item['noticed'])}" for item in noticed]
    return [*said, *result["notes"]]


# --- the tables -----------------------------------------------------------------------------------


def merge(assignment: str, output: Path, students: set[str] | None = None) -> None:
    """Write ``grades.csv`` and the pages, of all result files in the folder."""
    rubric = load(assignment)
    results = [
        result
        for path in sorted((output / "results").glob("*.json"))
        for result in [known(path)]
        # A result that names another than its file does was not made here.
        if result.get("assignment") == assignment
        and file_name(str(result.get("student"))) == path.stem
    ]
    if students is not None:
        gone = [r["student"] for r in results if r["student"] not in students]
        results = [r for r in results if r["student"] in students]
        if gone:
            print(f"left out, for they are in results/ alone: {', '.join(gone)}")
    marks = Marks(output / "written.csv", rubric)
    marks.add(results)
    save(output / "grades.csv", table(rubric, results, marks))
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
    for result in results:
        page = pages.get_template("feedback.html").render(
            result=result, rubric=rubric, marks=marks, total=total(rubric, result, marks)
        )
        save(output / "feedback" / f"{file_name(result['student'])}.html", page)
    page = pages.get_template("written.html").render(
        rubric=rubric, results=results, marks=marks, schemes=schemes(assignment)
    )
    save(output / "written.html", page)
    print(f"{output / 'grades.csv'}, a page for each of {len(results)} students in feedback/")
    waiting = sum(total(rubric, result, marks) is None for result in results)
    if waiting:
        print(f"{waiting} students wait: read written.html, fill in written.csv, run it again")


def schemes(assignment: str) -> dict[str, str]:
    """Return for each written question how it is marked, as its model answer's cell says."""
    found = {cell.name or "": SCHEME.search(cell.source) for cell in original(assignment)}
    return {name: scheme[1].strip() for name, scheme in found.items() if scheme}


class Marks:
    """What a person has given for written answers: ``written.csv``.

    Parameters
    ----------
    path : path
        It need not be there. Commas, semicolons or tabs, in any common encoding, as spreadsheets
        write it.
    rubric : Rubric

    Raises
    ------
    SystemExit
        If it has not the columns, or a line gives what are no points of its question. Nothing is
        lost.
    """

    def __init__(self, path: Path, rubric: Rubric) -> None:
        self.path, self.rubric = path, rubric
        self.text = decode(path.read_bytes())[0] if path.exists() else ""
        self.text = self.text.removeprefix("\ufeff") or ",".join(COLUMNS) + "\n"
        head = self.text.partition("\n")[0]
        self.comma = max(",;\t", key=head.count)
        reader = csv.DictReader(io.StringIO(self.text), delimiter=self.comma, restval="")
        self.columns = list(reader.fieldnames or ())
        if missing := {*COLUMNS[:3]} - {*self.columns}:
            raise SystemExit(
                f"error: {path}: its first line should name {', '.join(COLUMNS)}, "
                f"there is no {', '.join(sorted(missing))}; mend it and run again"
            )
        self.lines = [{key: row.get(key) or "" for key in COLUMNS} for row in reader]
        for row in self.lines:
            row["points"] = row["points"].strip().replace(",", ".")
        self.given = {
            (row["student"], row["question"]): row
            for number, row in enumerate(self.lines, 2)
            if self.valid(row, number)
        }

    def valid(self, row: dict[str, str], number: int) -> bool:
        """Tell whether a line gives points."""
        most = self.rubric.written.get(row["question"])
        if not row["points"]:
            return False
        try:
            if not 0 <= float(row["points"]) <= (most or -1):
                raise ValueError
        except ValueError:
            raise SystemExit(
                f"error: {self.path}, line {number}: {row['points']!r} for {row['question']!r} is "
                f"not a number from 0 to {most or '(no such question)'}; mend it and run again"
            ) from None
        return True

    def points(self, result: Result, question: str) -> str:
        """Return what was given for an answer; 0 for none, and nothing where it is to be read."""
        given = self.given.get((result["student"], question))
        if given:
            return given["points"]
        return "" if result["written"][question]["answer"] else "0"

    def comment(self, result: Result, question: str) -> str:
        """Return what was said of an answer."""
        return self.given.get((result["student"], question), {}).get("comment", "")

    def add(self, results: list[Result]) -> None:
        """Add a line to be filled in for each answer that has none; tell of lines gone astray."""
        students = {result["student"]: result for result in results}
        for row in self.lines:
            result = students.get(row["student"])
            if result is None:
                print(f"written.csv: there is no student {row['student']!r}")
            elif row["question"] in result["written"]:
                now = short(result["written"][row["question"]]["answer"])
                if row["points"] and row["answer"] not in ("", now):
                    print(f"written.csv: {row['student']} has changed the answer since it was read")
        have = {(row["student"], row["question"]) for row in self.lines}
        out = io.StringIO()
        writer = csv.DictWriter(
            out, self.columns, "", "ignore", delimiter=self.comma, lineterminator="\n"
        )
        for result in results:
            for question, written in result["written"].items():
                if written["answer"] and (result["student"], question) not in have:
                    key = {"student": result["student"], "question": question}
                    writer.writerow(key | {"answer": short(written["answer"])})
        if out.getvalue() or not self.path.exists():
            end = "" if self.text.endswith("\n") else "\n"
            save(self.path, self.text + end + out.getvalue())


def total(rubric: Rubric, result: Result, marks: Marks) -> float | None:
    """Return all points of a student, or None while a written answer waits for a person."""
    given = [marks.points(result, name) for name in rubric.written]
    return None if "" in given else result["earned"] + sum(map(float, given))


def table(rubric: Rubric, results: list[Result], marks: Marks) -> str:
    """Return ``grades.csv``: a line a student, a column an item."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [item.name for item in rubric.items]
    most = sum(item.points for item in rubric.items) + sum(rubric.written.values())
    writer.writerow(["student", *names, *rubric.written, "total", "of", "remarks"])
    for result in results:
        earned = {item["item"]: item["earned"] for item in result["items"]}
        whole = total(rubric, result, marks)
        writer.writerow(
            [
                plain(result["student"]),
                *(earned.get(name, 0) for name in names),
                *(marks.points(result, name) for name in rubric.written),
                "" if whole is None else f"{whole:g}",
                most,
                plain("; ".join(remarks(result))),
            ]
        )
    return out.getvalue()


def plain(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
