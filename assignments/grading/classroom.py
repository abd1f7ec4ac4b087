"""Grading a class: what has changed is graded, and tables and pages are made of all results.

A run that is cut off loses nothing: a result file is written whole or not at all, and the next run
makes those that are missing or whose notebook, rubric or grader has changed. A run trusts what the
grader returned to it, not what lies in the folder when it ends.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import fmean

from .files import Result, class_seed, file_name, load_result, lock_folder, save, save_result
from .grade import load_rubric
from .jail import landlock_version
from .marks import Marks, Settings, remarks
from .overview import OVERLOADED
from .pages import save_pages
from .pool import grade_all, submission_digest
from .rubric import Rubric
from .submission import Submission, find_submissions, is_stray
from .tables import unguard, write_rows

MAX_REMARKS = 8


def grade_class(
    assignment: str,
    folder: Path,
    output: Path,
    jobs: int,
    seconds: float | None,
    settings: Settings,
    cluster: str | None = None,
    seed: int | None = None,
) -> None:
    """Grade the submissions in a folder that have changed, and write all tables and pages."""

    def grade(submissions: Mapping[str, Submission], jobs: int) -> Iterator[Result]:
        if cluster is None:
            return grade_all(assignment, submissions, jobs, seconds, seed)
        from .cluster import grade_on_cluster  # Dask is needed for this alone

        return grade_on_cluster(cluster, assignment, submissions, seconds, seed)

    rubric = load_rubric(assignment)
    submissions = find_submissions(folder, assignment)
    if not submissions:
        raise SystemExit(f"error: no submission in {folder}: neither folders nor notebooks")
    if others := sorted(path.name for path in folder.iterdir() if is_stray(path)):
        print(f"left out, for they are no notebooks: {', '.join(others)}")
    with lock_folder(output):
        seed = class_seed(output) if seed is None else seed
        Marks(output, rubric, submissions, settings)  # a slip is told before the work, not after
        results = load_unchanged(assignment, submissions, output, seconds, seed)
        pending = {name: at for name, at in submissions.items() if name not in results}
        print(f"{len(submissions)} submissions, {len(results)} of them graded before")
        if not landlock_version():
            print(
                "this system has no Landlock: what is forbidden cannot be imported, but its source "
                "could be read; grade on Linux 5.13 or newer"
            )
        try:
            for number, result in enumerate(grade(pending, jobs), 1):
                results[result["student"]] = save_result(result, target(output, result["student"]))
                print(f"[{number}/{len(pending)}] {summary(result)}", flush=True)
            print_load([results[name] for name in pending if name in results])
            grade_again(grade, submissions, results, output)
        except KeyboardInterrupt:
            raise SystemExit("\nstopped; run the same again to go on") from None
        restore_files(results, output)
        ordered = [results[name] for name in sorted(results)]
        write_tables(rubric, ordered, output, settings)
        if missing := sorted(set(submissions) - set(results)):
            raise SystemExit(f"error: the table is not complete, it lacks {', '.join(missing)}")
        if failed := [name for name in submissions if results[name].get("failed")]:
            raise SystemExit(
                f"error: the grader itself failed at {', '.join(failed)}; what they have are no "
                "grades: run it again, or report it"
            )


def load_unchanged(
    assignment: str,
    submissions: Mapping[str, Submission],
    output: Path,
    seconds: float | None,
    seed: int,
) -> dict[str, Result]:
    """Return the results of earlier runs that would be the same again, by student."""
    found = {name: load_result(target(output, name)) for name in submissions}
    return {
        name: result
        for name, result in found.items()
        if result.get("student") == name
        and not result.get("failed")
        and result.get("digest") == submission_digest(assignment, submissions[name], seconds, seed)
    }


def grade_again(
    grade: Callable[[Mapping[str, Submission], int], Iterator[Result]],
    submissions: Mapping[str, Submission],
    results: dict[str, Result],
    output: Path,
) -> None:
    """Grade what timed out while it waited for a processor, one at a time; the better counts."""
    slow = {
        name: submissions[name]
        for name, result in results.items()
        if result["timed_out"] and result["waited"] >= OVERLOADED and not result.get("alone")
    }
    if slow:
        print(f"graded again, one at a time, for they timed out and had to wait: {', '.join(slow)}")
    for number, again in enumerate(grade(slow, 1), 1):
        name = again["student"]
        before = results[name]
        better = again if again["earned"] >= before["earned"] else before
        # Another run would do the same again.
        results[name] = save_result(better | {"alone": True}, target(output, name))
        print(f"[{number}/{len(slow)}] {summary(again)}; before: {before['earned']}", flush=True)


def print_load(results: Sequence[Result]) -> None:
    """Print whether the machine had time for the submissions."""
    waited = fmean([result["waited"] for result in results] or [0])
    if waited >= OVERLOADED:
        print(
            f"the machine was overloaded: on average a submission waited {waited:.0%} of its time "
            "for a processor; end what else runs, or take fewer --jobs"
        )


def restore_files(results: Mapping[str, Result], output: Path) -> None:
    """Write result files again that are not as this run has written or read them."""
    changed = [name for name in results if load_result(target(output, name)) != results[name]]
    for name in changed:
        save_result(results[name], target(output, name))
    if changed:
        print(f"changed by another process meanwhile, and put right: {', '.join(changed)}")
    known = {target(output, name) for name in results}
    strangers = sorted(path.stem for path in {*output.glob("results/*.json")} - known)
    if strangers:
        print(f"left out, for they are in results/ alone: {', '.join(strangers)}")


def target(output: Path, student: str) -> Path:
    """Return where the result of a student is stored."""
    return output / "results" / f"{file_name(student)}.json"


def summary(result: Result) -> str:
    """Return in one line what a submission has earned, and what is to be said of it."""
    points = sum(item["points"] for item in result["items"])
    words = [f"{result['student']}: {result['earned']} of {points}", *remarks(result)]
    return " ".join("; ".join(words).split())  # no message makes a line of its own


# --- the tables -----------------------------------------------------------------------------------


def merge(assignment: str, output: Path, settings: Settings) -> None:
    """Write all tables and pages from the result files in the folder."""
    results = [
        result
        for path in sorted((output / "results").glob("*.json"))
        for result in [load_result(path)]
        # A result that names another student than its file does was not made by this program.
        if result.get("assignment") == assignment
        and file_name(str(result.get("student"))) == path.stem
    ]
    told = {name for name, _ in read_totals(output)} if (output / "grades.csv").exists() else set()
    if new := [result["student"] for result in results if told and result["student"] not in told]:
        print(f"added, for they are in results/ and were not in grades.csv: {', '.join(new)}")
    write_tables(load_rubric(assignment), results, output, settings)


def write_tables(
    rubric: Rubric, results: Sequence[Result], output: Path, settings: Settings
) -> None:
    """Write ``grades.csv``, the pages, and into the tables that a person fills in what is new."""
    marks = Marks(output, rubric, [result["student"] for result in results], settings)
    for line in marks.settle(results):
        print(line)
    save(output / "grades.csv", grades_table(rubric, results, marks))
    save_pages(rubric, results, marks, output)
    remove_pages_of_nobody(results, output)
    print(f"{output / 'grades.csv'}, a page for each of {len(results)} students in feedback/")
    print("the class at a glance: class.html; submissions that are alike: similar.html")
    if waiting := sum(map(marks.waits, results)):
        who = "1 student waits" if waiting == 1 else f"{waiting} students wait"
        print(f"{who}: read written.html, fill in written.csv, run it again")


def remove_pages_of_nobody(results: Sequence[Result], output: Path) -> None:
    """Remove the pages of earlier runs of students who are in the class no more."""
    names = {f"{file_name(result['student'])}.html" for result in results}
    for page in (output / "feedback").glob("*.html"):
        if page.name not in names:
            page.unlink()


def read_totals(output: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the total of each student in ``grades.csv``."""
    with open(output / "grades.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield unguard(row["student"]), row["total"]


def grades_table(rubric: Rubric, results: Collection[Result], marks: Marks) -> str:
    """Return ``grades.csv``: a row for each student, a column for each item."""
    names = [item.name for item in rubric.items]
    most = sum(item.points for item in rubric.items) + sum(rubric.written.values())
    rows: list[list[object]] = [
        ["student", *names, *rubric.written, "late", "total", "of", "remarks"]
    ]
    for result in results:
        earned, total, late = marks.earned(result), marks.total(result), marks.late(result)
        said = marks.remarks(result)
        more = [f"and {len(said) - MAX_REMARKS} more"] if len(said) > MAX_REMARKS else []
        rows.append(
            [
                result["student"],
                *(f"{earned[name]:g}" for name in names),
                *(marks.points(result, name) for name in rubric.written),
                Decimal(f"{-late:g}") if late else "",
                "" if total is None else f"{total:g}",
                most,
                "; ".join(said[:MAX_REMARKS] + more),
            ]
        )
    return write_rows(rows)
