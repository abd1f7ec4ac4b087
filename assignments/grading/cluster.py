"""Grading on the workers of a Dask cluster, which other machines may run.

Notebooks travel with the tasks and results come back: this process alone reads submissions and
writes results. The course itself (nnlib, grader, rubrics) is installed where the workers run, and a
worker whose course or packages differ from the ones here is refused.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import astuple, replace
from functools import cache
from importlib import import_module
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import dask
from distributed import Client, KilledWorker, as_completed, get_worker

from .files import Result
from .grade import failure_result, grade_submission, load_rubric
from .pool import grader_digest, submission_digest
from .submission import MAX_BYTES, Submission, replace_surrogates

SECONDS_TO_CONNECT = 10
SECONDS_FOR_WORKERS = 60
# Tasks that are with the scheduler at a time, notebooks included, whatever the size of the class.
MIN_IN_FLIGHT = 100
IN_FLIGHT_PER_WORKER = 2
# As text, so that a scheduler needs no course, and a worker that has none can say so.
CALL = "__import__('grading.cluster').cluster.grade_task(*given)"


class Misfit(Exception):
    """A worker would not grade as this machine does; the message says which and why."""


class Task(NamedTuple):
    """A submission on its way, with the digest that its result is to carry."""

    student: str
    digest: str
    submission: Submission


def grade_on_cluster(
    address: str,
    assignment: str,
    submissions: Mapping[str, Submission],
    seconds: float | None = None,
    seed: int | None = None,
) -> Iterator[Result]:
    """Grade submissions on the workers of a scheduler, and yield results as they come.

    Raises
    ------
    SystemExit
        If the scheduler is not reached or goes away, or if a worker would grade otherwise than
        this machine does. The results that have come are right.
    """
    arguments = assignment, course(assignment), seconds, seed
    lost = []
    with connect(address) as client:
        in_flight = max(MIN_IN_FLIGHT, IN_FLIGHT_PER_WORKER * len(client.nthreads()))
        tasks = (prepare(assignment, *pair, seconds, seed) for pair in submissions.items())
        for task, result in exchange(client, tasks, arguments, in_flight):
            if result:
                yield result
            else:
                lost.append(task)
        # The worker of each has died, over this task or over another that it held. Now each has
        # the cluster to itself, so that only the one at fault fails.
        for task, result in exchange(client, lost, arguments, in_flight=1):
            death = ChildProcessError("its worker has died, twice")
            yield result or sign(task, failure_result(assignment, death))


@contextmanager
def connect(address: str) -> Iterator[Client]:
    """Give a client of the scheduler. When it is closed, the scheduler forgets its tasks."""
    if not re.fullmatch(r"(tcp|tls)://.+:\d+", address):
        raise SystemExit(f"error: {address} is no address of a scheduler, such as tcp://host:8786")
    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except OSError:
        raise SystemExit(f"error: no Dask scheduler answers at {address}") from None
    # A notebook with large pictures is none of the mistakes that Dask would warn of.
    quiet = dask.config.set({"distributed.admin.large-graph-warning-threshold": MAX_BYTES})
    with client, quiet:
        try:
            client.wait_for_workers(1, SECONDS_FOR_WORKERS)
        except TimeoutError:
            raise SystemExit(f"error: the scheduler at {address} has no workers") from None
        try:
            yield client
        except CancelledError:
            raise SystemExit(
                f"error: the scheduler at {address} has gone; run the same again to go on"
            ) from None


def prepare(
    assignment: str,
    student: str,
    submission: Submission,
    seconds: float | None,
    seed: int | None,
) -> Task:
    """Return the task of a submission, with its notebook read where that can be done."""
    # Taken before the notebook is read: if it changes meanwhile, the next run grades it again.
    digest = submission_digest(assignment, submission, seconds, seed)
    return Task(student, digest, load(submission) if submission.path else submission)


def load(submission: Submission) -> Submission:
    """Return a submission with its notebook in it, and no path that a worker might read."""
    assert submission.path
    name = Path(submission.path.name)
    try:
        return replace(submission, path=name, data=submission.read())
    except OSError as error:
        note = f"{replace_surrogates(name.name)} cannot be read: {error.strerror}"
        return replace(submission, path=None, notes=(*submission.notes, note))


def exchange(
    client: Client,
    tasks: Iterable[Task],
    arguments: tuple[str, Mapping[str, str], float | None, int | None],
    in_flight: int,
) -> Iterator[tuple[Task, Result | None]]:
    """Yield tasks with their results as they come, or None where the worker has died."""
    waiting, running = iter(tasks), {}
    futures = as_completed(loop=client.loop)
    # Tasks of one group wait at the scheduler, not with a worker that may die.
    group, numbers = f"grade-{uuid4().hex}", count()

    def send(number: int) -> None:
        for task in islice(waiting, number):
            given = astuple(task.submission), *arguments
            future = client.submit(eval, CALL, {"given": given}, key=(group, next(numbers)))
            running[future.key] = task
            futures.add(future)

    send(in_flight)
    for future in futures:
        task = running.pop(future.key)
        try:
            result: Result | None = sign(task, future.result())
        except KilledWorker:
            result = None
        except Misfit as error:
            raise SystemExit(f"error: {error}") from None
        except ImportError as error:
            raise SystemExit(f"error: a worker has not this course installed ({error})") from None
        yield task, result
        send(1)


def sign(task: Task, result: Result) -> Result:
    """Return the result with its student and digest."""
    return {"student": task.student, "digest": task.digest} | result


# --- in a worker ----------------------------------------------------------------------------------


def grade_task(
    fields: tuple[Any, ...],
    assignment: str,
    expected: Mapping[str, str],
    seconds: float | None,
    seed: int | None,
) -> Result:
    """Return the result of a submission, if this worker grades as the asking machine does."""
    if reason := misfit(assignment, expected):
        raise Misfit(f"the worker at {get_worker().address} {reason}")
    try:
        return grade_submission(assignment, Submission(*fields), seconds, seed)
    except Exception as error:
        return failure_result(assignment, error)


def misfit(assignment: str, expected: Mapping[str, str]) -> str:
    """Return in words why this worker cannot be asked, or nothing."""
    if get_worker().state.nthreads > 1:
        return "has several threads; start it with --nthreads 1"
    try:
        found = course(assignment)
    except SystemExit:
        return f"has no assignment {assignment!r}"
    differing = [name for name in expected if found.get(name) != expected[name]]
    return "; ".join(
        f"has another {name} than this machine ({found.get(name)}, not {expected[name]})"
        for name in differing
    )


@cache
def course(assignment: str) -> Mapping[str, str]:
    """Return the versions of all that grades an assignment on this machine."""
    python = ".".join(platform.python_version_tuple()[:2])
    versions = {"course": grader_digest(assignment)[:8], "Python": python}
    for name in load_rubric(assignment).allowed:
        # 2.13.0+cpu and 2.13.0+cu130 are builds of one version.
        versions[name] = import_module(name).__version__.partition("+")[0]
    return versions
