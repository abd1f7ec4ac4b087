"""The command line: ``python -m grading one|class|merge``, with ``assignments`` on the path."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .classroom import grade_class, grade_into, line, merge


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
    many.add_argument("output", type=Path, nargs="?", help="by default SUBMISSIONS-graded")
    many.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    for command in (one, many):
        command.add_argument("--seconds", type=float, help="for each cell and each item")
    joined = commands.add_parser("merge", help="write grades.csv and pages of the result files")
    joined.add_argument("assignment")
    joined.add_argument("output", type=Path, help="the folder that holds results/")
    given = parser.parse_args()
    if given.command == "one":
        path = given.notebook if given.notebook.exists() else None
        student = given.student or given.result.stem
        print(line(grade_into(given.assignment, student, path, given.result, given.seconds)))
    elif given.command == "class":
        if not given.submissions.is_dir():
            raise SystemExit(f"error: {given.submissions} is not a folder of submissions")
        folder = given.submissions.resolve()
        output = given.output or folder.with_name(f"{folder.name}-graded")
        grade_class(given.assignment, folder, output, given.jobs, given.seconds)
    else:
        merge(given.assignment, given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
