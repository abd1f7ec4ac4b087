"""The command line: ``python -m grading one|class|merge``, with ``assignments`` on the path."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .classroom import grade_class, merge, summary
from .files import save_result
from .grade import load_rubric
from .marks import LatePolicy, Settings
from .pool import grade_one
from .questions import book_address
from .submission import Submission


def at_least_one(text: str) -> int:
    """Return a whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def late_policy(text: str) -> LatePolicy:
    """Return what being late costs."""
    try:
        return LatePolicy.parse(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not like "10% a day" or "2 points a day"'
        ) from None


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
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
        command.add_argument("--seed", type=int, help="by default the rubric's or the class's own")
    joined = commands.add_parser("merge", help="write grades.csv and pages of the result files")
    joined.add_argument("assignment")
    joined.add_argument("output", type=Path, help="the folder that holds results/")
    for command in (many, joined):
        command.add_argument(
            "--late",
            type=late_policy,
            metavar="POLICY",
            help='what each day in late.csv costs: "10%% a day" or "2 points a day"',
        )
        command.add_argument(
            "--anonymous", action="store_true", help="mark written answers by codes, not names"
        )
        command.add_argument(
            "--book",
            metavar="ADDRESS",
            default=book_address(),
            help="of the published book, for links; by default what _config.yml says",
        )
    return parser.parse_args(arguments)


def read_settings(options: argparse.Namespace) -> Settings:
    """Return how tables and pages are to be made."""
    return Settings(options.late, options.anonymous, options.book)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = parse_arguments(arguments)
    load_rubric(options.assignment)  # before all else: a misspelled name is an error at once
    if options.command == "one":
        submission = Submission(options.notebook if options.notebook.is_file() else None)
        student = options.student or options.result.stem
        result = grade_one(options.assignment, student, submission, options.seconds, options.seed)
        print(summary(save_result(result, options.result)))
    elif options.command == "class":
        # A process that is killed cannot tidy up after itself. Python would warn about each.
        os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
        if not options.submissions.is_dir():
            raise SystemExit(f"error: {options.submissions} is not a folder of submissions")
        folder = options.submissions.resolve()
        output = options.output or folder.with_name(f"{folder.name}-graded") / options.assignment
        grade_class(
            options.assignment,
            folder,
            output,
            options.jobs,
            options.seconds,
            read_settings(options),
            options.cluster,
            options.seed,
        )
    else:
        merge(options.assignment, options.output, read_settings(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
