"""Grading many submissions at a time, each in one of several processes of this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import nnlib

from .cells import given_cells
from .files import Result
from .grade import failure_result, grade_submission, load_rubric
from .jail import end_with_parent
from .submission import MAX_BYTES, Submission

HERE = Path(__file__).parent


def grade_all(
    assignment: str,
    submissions: Mapping[str, Submission],
    jobs: int,
    seconds: float | None,
    seed: int | None = None,
) -> Iterator[Result]:
    """Grade submissions in parallel and yield results as they come."""

    def submit(pool: ProcessPoolExecutor, student: str) -> Future[Result]:
        return pool.submit(grade_one, assignment, student, submissions[student], seconds, seed)

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
                yield {"student": student} | failure_result(assignment, error)


def process_pool(jobs: int) -> ProcessPoolExecutor:
    """Return a pool of processes that grade, and that end when this process does."""
    return ProcessPoolExecutor(
        jobs,
        mp_context=get_context("spawn"),
        initializer=end_with_parent,
        initargs=(os.getpid(),),
    )


def grade_one(
    assignment: str,
    student: str,
    submission: Submission,
    seconds: float | None = None,
    seed: int | None = None,
) -> Result:
    """Return the result of one student."""
    # Taken before the notebook is read: if it changes meanwhile, the next run grades it again.
    digest = submission_digest(assignment, submission, seconds, seed)
    try:
        result = grade_submission(assignment, submission, seconds, seed)
    except Exception as error:
        result = failure_result(assignment, error)
    return {"student": student, "digest": digest} | result


# A digest changes when what it was taken of changes.


def submission_digest(
    assignment: str, submission: Submission, seconds: float | None, seed: int | None = None
) -> str:
    """Return the digest of all that a result depends on: the submission and what grades it."""
    found = submission.notes, submission.beside
    settings = f"{grader_digest(assignment)} {seconds} {seed} {found}"
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
