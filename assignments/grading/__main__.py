"""The command line: ``python -m grading COMMAND``, with ``assignments`` on the path."""

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
from .platforms import give_to_canvas, give_to_moodle, hand_to_nbgrader
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
    # One more than processors, for a submission that sleeps needs none.
    many.add_argument("--jobs", type=at_least_one, default=1 + (os.cpu_count() or 1))
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
    canvas = commands.add_parser("canvas", help="make what Canvas takes of a graded class")
    canvas.add_argument("output", type=Path, help="the folder that holds grades.csv")
    canvas.add_argument("column", help='as an export of the gradebook has it: "Losses (555)"')
    moodle = commands.add_parser("moodle", help="make what Moodle takes of a graded class")
    moodle.add_argument("output", type=Path, help="the folder that holds grades.csv")
    moodle.add_argument("worksheet", type=Path, help="downloaded from the assignment")
    moodle.add_argument("--column", default="Grade", help="of the grades, in Moodle's language")
    nbgrader = commands.add_parser("nbgrader", help="copy submissions to where nbgrader looks")
    nbgrader.add_argument("assignment")
    nbgrader.add_argument("submissions", type=Path)
    nbgrader.add_argument("course", type=Path, help="the folder with nbgrader_config.py")
    return parser.parse_args(arguments)


def read_settings(options: argparse.Namespace) -> Settings:
    """Return how tables and pages are to be made."""
    return Settings(options.late, options.anonymous, options.book)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = parse_arguments(arguments)
    if "assignment" in options:
        load_rubric(options.assignment)  # before all else: a misspelled name is an error at once
    if "submissions" in options and not options.submissions.is_dir():
        raise SystemExit(f"error: {options.submissions} is not a folder of submissions")
    if options.command == "one":
        submission = Submission(options.notebook if options.notebook.is_file() else None)
        student = options.student or options.result.stem
        result = grade_one(options.assignment, student, submission, options.seconds, options.seed)
        print(summary(save_result(result, options.result)))
    elif options.command == "class":
        # A process that is killed cannot tidy up after itself. Python would warn about each.
        os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
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
    elif options.command == "merge":
        merge(options.assignment, options.output, read_settings(options))
    elif options.command == "nbgrader":
        hand_to_nbgrader(options.assignment, options.submissions, options.course)
    elif not (options.output / "grades.csv").is_file():
        raise SystemExit(f"error: there is no grades.csv in {options.output}")
    elif options.command == "canvas":
        give_to_canvas(options.output, options.column)
    else:
        give_to_moodle(options.output, options.worksheet, options.column)
    return 0


if __name__ == "__main__":
    sys.exit(main())
