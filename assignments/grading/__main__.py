"""The command line: ``python -m grading one|class|merge``, with ``assignments`` on the path."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .classroom import grade_and_save, grade_class, merge, summary
from .grade import load_rubric
from .submission import Submission


def at_least_one(text: str) -> int:
    """Return a whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parse_arguments() -> argparse.Namespace:
    """Return what was typed on the command line."""
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
    many.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler: tcp://host:8786")
    for command in (one, many):
        command.add_argument("--seconds", type=at_least_one, help="for each cell and each item")
    joined = commands.add_parser("merge", help="write grades.csv and pages of the result files")
    joined.add_argument("assignment")
    joined.add_argument("output", type=Path, help="the folder that holds results/")
    return parser.parse_args()


def main() -> int:
    """Run one command."""
    options = parse_arguments()
    load_rubric(options.assignment)  # before all else: a misspelled name is an error at once
    if options.command == "one":
        submission = Submission(options.notebook if options.notebook.is_file() else None)
        student = options.student or options.result.stem
        result = grade_and_save(
            options.assignment, student, submission, options.result, options.seconds
        )
        print(summary(result))
    elif options.command == "class":
        # A process that is killed cannot tidy up after itself. Python would warn about each.
        os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
        if not options.submissions.is_dir():
            raise SystemExit(f"error: {options.submissions} is not a folder of submissions")
        folder = options.submissions.resolve()
        output = options.output or folder.with_name(f"{folder.name}-graded") / options.assignment
        jobs, seconds = options.jobs, options.seconds
        grade_class(options.assignment, folder, output, jobs, seconds, options.cluster)
    else:
        merge(options.assignment, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
