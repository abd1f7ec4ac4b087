"""The command line: ``python -m grading one|class|merge``, with ``assignments`` on the path."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .classroom import grade_class, grade_into, line, merge
from .grade import load
from .submission import Found


def at_least_one(text: str) -> int:
    """Return a whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m grading", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("one", help="grade one notebook and write one result file")
    one.add_argument("assignment")
    one.add_argument("notebook", type=Path)
    one.add_argument("result", type=Path)
    one.add_argument("--student", help="by default the name of the result file")
    many = commands.add_parser("class", help="grade a folder of submissions")
    many.add_argument("assignment")
    many.add_argument("submissions", type=Path)
    default = "by default SUBMISSIONS-graded/ASSIGNMENT"
    many.add_argument("output", type=Path, nargs="?", help=default)
    many.add_argument("--jobs", type=at_least_one, default=os.cpu_count() or 1)
    for command in (one, many):
        command.add_argument("--seconds", type=at_least_one, help="for each cell and each item")
    joined = commands.add_parser("merge", help="write grades.csv and pages of the result files")
    joined.add_argument("assignment")
    joined.add_argument("output", type=Path, help="the folder that holds results/")
    given = parser.parse_args()
    load(given.assignment)
    if given.command == "one":
        found = Found(given.notebook if given.notebook.is_file() else None)
        student = given.student or given.result.stem
        print(line(grade_into(given.assignment, student, found, given.result, given.seconds)))
    elif given.command == "class":
        # A submission that was ended could not tidy up, which is no news.
        os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
        if not given.submissions.is_dir():
            raise SystemExit(f"error: {given.submissions} is not a folder of submissions")
        folder = given.submissions.resolve()
        output = given.output or folder.with_name(f"{folder.name}-graded") / given.assignment
        grade_class(given.assignment, folder, output, given.jobs, given.seconds)
    else:
        merge(given.assignment, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
