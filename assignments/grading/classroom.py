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
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

import nnlib

from .grade import grade, load
from .rubric import Rubric
from .submission import find

HERE = Path(__file__).parent
COLUMNS = ("student", "question", "points", "comment")


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
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


def digest(assignment: str, path: Path | None, seconds: float | None) -> str:
    """Return what tells whether a submission, or what grades it, has changed."""
    found = hashlib.sha256(f"{assignment} {seconds}".encode())
    sources = [*HERE.glob("*.py"), *Path(nnlib.__file__).parent.glob("*.py")]
    sources += [HERE.parent / "rubrics" / f"{assignment}.py"]
    sources += [HERE.parent / "source" / assignment / f"{assignment}.ipynb"]
    for source in [*sorted(sources), path]:
        try:
            data = source.read_bytes() if source else b""
        except OSError as error:
            data = str(error).encode()
        found.update(hashlib.sha256(data).digest())
    return found.hexdigest()


def grade_into(
    assignment: str, student: str, path: Path | None, target: Path, seconds: float | None = None
) -> dict[str, Any]:
    """Grade one submission, write its result file and return the result."""
    key = digest(assignment, path, seconds)
    result = {"student": student, "digest": key} | grade(assignment, path, seconds)
    save(target, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def known(target: Path) -> dict[str, Any]:
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
        results = output / "results"
        todo = [
            student
            for student, path in found.items()
            if known(results / f"{student}.json").get("digest") != digest(assignment, path, seconds)
        ]
        print(f"{len(found)} submissions, {len(found) - len(todo)} of them graded before")
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            futures = [
                pool.submit(
                    grade_into, assignment, student, found[student],
                    results / f"{student}.json", seconds,
                )
                for student in todo
            ]  # fmt: skip
            try:
                for number, future in enumerate(as_completed(futures), 1):
                    print(f"[{number}/{len(todo)}] {line(future.result())}", flush=True)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise SystemExit("\nstopped; run the same again to go on") from None
        merge(assignment, output, set(found))


def line(result: dict[str, Any]) -> str:
    """Return in one line what a submission has earned, and what was noticed in it."""
    points = sum(item["points"] for item in result["items"])
    said = [f"{item['item']}: {', '.join(item['noticed'])}" for item in noticed(result)]
    return "; ".join(
        [f"{result['student']}: {result['earned']} of {points}", *said, *result["notes"]]
    )


def noticed(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items that earn nothing for what was noticed."""
    return [item for item in result["items"] if item["noticed"]]


# --- the tables -----------------------------------------------------------------------------------


def merge(assignment: str, output: Path, students: set[str] | None = None) -> None:
    """Write ``grades.csv`` and the pages, of all result files in the folder."""
    rubric = load(assignment)
    results = [known(path) for path in sorted((output / "results").glob("*.json"))]
    results = [r for r in results if r and (students is None or r["student"] in students)]
    marks = read_marks(output / "written.csv", rubric)
    add_lines(output / "written.csv", rubric, results)
    save(output / "grades.csv", table(rubric, results, marks))
    pages = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
    for result in results:
        mine = {name: marks.get((result["student"], name), ("", "")) for name in rubric.written}
        page = pages.get_template("feedback.html").render(
            result=result, rubric=rubric, marks=mine, total=total(rubric, result, marks)
        )
        save(output / "feedback" / f"{result['student']}.html", page)
    page = pages.get_template("written.html").render(rubric=rubric, results=results, marks=marks)
    save(output / "written.html", page)
    open_answers = sum(
        (result["student"], name) not in marks and bool(answer["answer"])
        for result in results
        for name, answer in result["written"].items()
    )
    print(f"{output / 'grades.csv'}, a page for each of {len(results)} students in feedback/")
    if open_answers:
        print(f"{open_answers} written answers wait: read written.html, fill in written.csv")


Marks = dict[tuple[str, str], tuple[str, str]]


def read_marks(path: Path, rubric: Rubric) -> Marks:
    """Return what was given for written answers: points and comment.

    Raises
    ------
    SystemExit
        If a line names no question, or gives what are no points of it. Nothing is lost.
    """
    if not path.exists():
        return {}
    marks: Marks = {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, restval=""), 2):
            student, question, points, comment = (row.get(key) or "" for key in COLUMNS)
            most = rubric.written.get(question)
            try:
                if points and not 0 <= float(points) <= (most or 0):
                    raise ValueError
            except ValueError:
                raise SystemExit(
                    f"error: {path}, line {number}: {points!r} for {question!r} is not a number "
                    f"from 0 to {most or '(no such question)'}; mend it and run again"
                ) from None
            if points:
                marks[student, question] = (points, comment)
    return marks


def add_lines(path: Path, rubric: Rubric, results: list[dict[str, Any]]) -> None:
    """Add a line to be filled in for each answer that has none; leave all that is there."""
    text = path.read_text(encoding="utf-8-sig") if path.exists() else ",".join(COLUMNS) + "\n"
    have = {(row["student"], row["question"]) for row in csv.DictReader(io.StringIO(text))}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for result in results:
        for question in rubric.written:
            answered = result["written"][question]["answer"]
            if answered and (result["student"], question) not in have:
                writer.writerow([result["student"], question, "", ""])
    if out.getvalue() or not path.exists():
        save(path, text + ("" if text.endswith("\n") else "\n") + out.getvalue())


def total(rubric: Rubric, result: dict[str, Any], marks: Marks) -> float | None:
    """Return all points of a student, or None while a written answer waits for a person."""
    points = float(result["earned"])
    for name in rubric.written:
        given = marks.get((result["student"], name), ("", ""))[0]
        if not given and result["written"][name]["answer"]:
            return None
        points += float(given or 0)
    return points


def table(rubric: Rubric, results: list[dict[str, Any]], marks: Marks) -> str:
    """Return ``grades.csv``: a line a student, a column an item."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [item.name for item in rubric.items]
    most = sum(item.points for item in rubric.items) + sum(rubric.written.values())
    writer.writerow(["student", *names, *rubric.written, "total", "of", "remarks"])
    for result in results:
        earned = {item["item"]: item["earned"] for item in result["items"]}
        given = [
            marks.get((result["student"], name), ("" if answer["answer"] else "0", ""))[0]
            for name, answer in result["written"].items()
        ]
        whole = total(rubric, result, marks)
        remarks = line(result).split("; ")[1:]
        writer.writerow(
            [
                result["student"],
                *(earned[name] for name in names),
                *given,
                "" if whole is None else f"{whole:g}",
                most,
                "; ".join(remarks),
            ]
        )
    return out.getvalue()
