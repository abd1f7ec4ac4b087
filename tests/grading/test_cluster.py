"""Grading on a Dask cluster: a scheduler and workers, started here as anybody starts them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml
from distributed import Client
from grading import cluster
from grading.grade import grade_submission
from grading.submission import Submission

from . import submissions
from .submissions import NAME, ROOT

MOST = sum(submissions.POINTS.values())
FOLDER = ROOT / "assignments" / "cluster"
# What happens in each worker: all that is graded is logged, and some of it ends the worker.
WITH_LOG = """
import os
import time

from grading import cluster
from grading.grade import grade_submission


def grade(assignment, submission, seconds, seed):
    with open(LOG, "a") as log:
        print(submission.path, file=log)
    if submission.path and submission.path.stem.startswith("pill"):
        os._exit(1)
    if submission.path and submission.path.stem.startswith("slow"):
        time.sleep(0.3)
    return grade_submission(assignment, submission, seconds, seed)


cluster.grade_submission = grade
"""


def with_path(*folders):
    """Return the variables of a process that imports from these folders first."""
    path = os.pathsep.join([*map(str, folders), *os.environ.get("PYTHONPATH", "").split(":")])
    return os.environ | {"PYTHONPATH": path, "DASK_CONFIG": str(FOLDER / "dask.yaml")}


@contextmanager
def dask(folder, *arguments, path=(ROOT / "assignments",)):
    """Run a command of Dask, and end it and all that it has started."""
    command = [sys.executable, "-m", "dask", *map(str, arguments), "--no-dashboard"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=with_path(*path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def scheduler(folder):
    """Run a scheduler on a free port; give its process and its address."""
    file = folder / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", 0, "--scheduler-file", file)
    with dask(folder, "scheduler", *options) as process:
        while not file.exists() or not file.read_text():
            assert process.poll() is None
            time.sleep(0.05)
        yield process, json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """What the workers have graded, a line each."""
    return tmp_path_factory.mktemp("cluster") / "log.txt"


@pytest.fixture(scope="module")
def address(log):
    """The address of a scheduler with two workers, which log what they grade."""
    preloaded = log.with_name("with_log.py")
    preloaded.write_text(WITH_LOG.replace("LOG", repr(str(log))), encoding="utf-8")
    options = ("--nworkers", 2, "--nthreads", 1, "--preload", preloaded)
    with ExitStack() as stack:
        _, address = stack.enter_context(scheduler(log.parent))
        stack.enter_context(dask(log.parent, "worker", address, *options))
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=30)
        yield address


@pytest.fixture(autouse=True)
def _empty_log(log):
    log.write_text("")


def write_class(folder, kinds):
    """Write a right notebook for each kind, and return the submissions."""
    data = submissions.whole_submission("right", "").data
    everyone = {}
    for kind in kinds:
        path = folder / f"{kind}.ipynb"
        path.write_bytes(data)
        everyone[kind] = Submission(path)
    return everyone


def graded(result):
    """Return the part of a result that does not depend on how fast a machine is."""
    return {key: result[key] for key in result.keys() - {"seconds", "waited"}}


def test_grades_are_those_of_the_local_run(address, tmp_path):
    made = [submissions.wrong_submission(number) for number in range(3)]
    everyone = {
        f"{number} {one.kind}": Submission(tmp_path / f"{number}.ipynb")
        for number, one in enumerate(made)
    }
    for submission, one in zip(everyone.values(), made, strict=True):
        submission.path.write_bytes(one.data)
    (tmp_path / "empty.ipynb").touch()
    everyone |= {
        "empty": Submission(tmp_path / "empty.ipynb"),
        "none": Submission(None),
        "several": Submission(None, ("which of them counts?",)),
    }
    results = {one["student"]: one for one in cluster.grade_on_cluster(address, NAME, everyone)}
    assert results.keys() == everyone.keys()
    for student, submission in everyone.items():
        local = grade_submission(NAME, submission)
        digest = cluster.submission_digest(NAME, submission, None)
        signed = {"student": student, "digest": digest} | local
        assert graded(results[student]) == graded(signed)


def test_what_cannot_be_read_is_said(address, tmp_path):
    (result,) = cluster.grade_on_cluster(address, NAME, {"ada": Submission(tmp_path / "ada.ipynb")})
    assert result["notes"] == ["ada.ipynb cannot be read: No such file or directory"]


def test_a_worker_that_is_killed_loses_nothing(address, log, tmp_path):
    everyone = write_class(tmp_path, [f"slow {number}" for number in range(10)])
    with Client(address, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))
    results = []
    for result in cluster.grade_on_cluster(address, NAME, everyone):
        if not results:
            os.kill(victim, signal.SIGKILL)
        results.append(result)
    assert Counter(one["student"] for one in results) == Counter(list(everyone))
    assert {one["earned"] for one in results} == {MOST}
    # What the dead worker was at, and had not handed over, is graded once more; nothing else is.
    graded_at = Counter(log.read_text().splitlines())
    assert graded_at.total() <= len(everyone) + 2
    assert max(graded_at.values()) <= 2


def test_a_submission_that_ends_its_worker_fails_alone(address, log, tmp_path):
    everyone = write_class(tmp_path, ["a", "b", "pill", "c", "d", "e"])
    results = list(cluster.grade_on_cluster(address, NAME, everyone))
    earned = {one["student"]: one["earned"] for one in results}
    assert earned == dict.fromkeys(everyone, MOST) | {"pill": 0}
    (failed,) = [one for one in results if one["student"] == "pill"]
    assert "its worker has died, twice" in failed["notes"][0]
    assert log.read_text().count("pill.ipynb") == 2


class Watched(dict):
    """A class that counts how many of its submissions were asked for."""

    asked = 0

    def items(self):
        for pair in super().items():
            self.asked += 1
            yield pair


def test_only_some_notebooks_travel_at_a_time(address, monkeypatch):
    monkeypatch.setattr(cluster, "MIN_IN_FLIGHT", 5)
    everyone = Watched((str(number), Submission(None)) for number in range(30))
    results = cluster.grade_on_cluster(address, NAME, everyone)
    assert next(results)
    assert everyone.asked == 5
    results.close()


def test_a_run_that_is_stopped_leaves_nothing_at_the_scheduler(address, tmp_path):
    everyone = write_class(tmp_path, [f"slow {number}" for number in range(20)])
    command = [sys.executable, "-m", "grading", "class", NAME, tmp_path, tmp_path / "out"]
    with subprocess.Popen(
        [*map(str, command), "--cluster", address],
        env=with_path(ROOT / "assignments"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell would hand on that it is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout.readline().startswith("20 submissions, 0 of them")
        assert process.stdout.readline().startswith("[1/20]")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines() == ["", "stopped; run the same again to go on"]
    assert 0 < len(list((tmp_path / "out" / "results").iterdir())) < len(everyone)
    with Client(address, set_as_default=False) as client:
        until = time.monotonic() + 10
        while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            assert time.monotonic() < until
            time.sleep(0.1)


def test_a_scheduler_that_goes_away_is_one_plain_line(tmp_path):
    everyone = write_class(tmp_path, [f"slow {number}" for number in range(10)])
    with (
        scheduler(tmp_path) as (process, address),
        dask(tmp_path, "worker", address, "--nthreads", 1, "--no-nanny"),
    ):
        results = cluster.grade_on_cluster(address, NAME, everyone)
        assert next(results)
        os.killpg(process.pid, signal.SIGKILL)
        with pytest.raises(SystemExit, match="has gone; run the same again to go on"):
            list(results)


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("tcp://127.0.0.1:1", "error: no Dask scheduler answers at tcp://127.0.0.1:1"),
        ("host", "error: host is no address of a scheduler, such as tcp://host:8786"),
    ],
)
def test_a_scheduler_that_is_not_reached_is_one_plain_line(address, line, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(SystemExit) as stop:
        list(cluster.grade_on_cluster(address, NAME, {}))
    assert str(stop.value) == line
    assert capsys.readouterr() == ("", "")


def test_a_scheduler_without_workers_is_one_plain_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_FOR_WORKERS", 1)
    with scheduler(tmp_path) as (_, address), pytest.raises(SystemExit, match="has no workers"):
        list(cluster.grade_on_cluster(address, NAME, {}))


def test_a_worker_with_another_course_is_refused(address, monkeypatch):
    here = cluster.course(NAME) | {"course": "12345678"}
    monkeypatch.setattr(cluster, "course", lambda assignment: here)
    with pytest.raises(SystemExit) as stop:
        list(cluster.grade_on_cluster(address, NAME, {"ada": Submission(None)}))
    assert "has another course than this machine" in str(stop.value)
    assert str(stop.value).endswith("not 12345678)")
    assert "\n" not in str(stop.value)


# --- what is used elsewhere, as far as it runs here -----------------------------------------------


@pytest.fixture
def image(tmp_path):
    """A folder with what the Dockerfile copies, made of a course whose assignments were made."""
    course, image = tmp_path / "course", tmp_path / "image"
    image.mkdir()
    ignored = shutil.ignore_patterns("release", "*.db", "__pycache__")
    shutil.copytree(ROOT / "assignments", course / "assignments", ignore=ignored)
    nbgrader = [sys.executable, "-m", "nbgrader", "generate_assignment", NAME]
    options = ["--create", "--no-db", "--log-level=ERROR"]
    subprocess.run([*nbgrader, *options], cwd=course / "assignments", check=True)
    for line in (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            *names, target = line.split()[1:]
            for name in names:
                source = course / name if name.startswith("assignments") else ROOT / name
                copy(source, image / target)
    return image


def copy(source, target):
    """Copy as Docker does: what is in a folder, or a file, into a folder if that is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def test_the_image_has_no_solution_and_grades_the_same(image, tmp_path):
    (notebook,) = (image / "assignments" / "source").rglob("*.ipynb")
    assert not re.search("BEGIN SOLUTION|MARK SCHEME|HIDDEN", notebook.read_text("utf-8"))
    (tmp_path / "in").mkdir()
    everyone = write_class(tmp_path / "in", ["ada"])
    with (
        scheduler(tmp_path) as (_, address),
        dask(image, "worker", address, "--nthreads", 1, path=(image / "assignments", image)),
    ):
        (result,) = cluster.grade_on_cluster(address, NAME, everyone)
    assert (result["student"], result["earned"], result["notes"]) == ("ada", MOST, [])
    command = [sys.executable, "-m", "grading", "class", NAME, everyone["ada"].path.parent]
    environment = with_path(image / "assignments", image)
    subprocess.run([*command, tmp_path / "out"], cwd=image, env=environment, check=True)
    assert (tmp_path / "out" / "feedback" / "ada.html").exists()


def test_the_commands_of_the_workflow_grade(tmp_path):
    workflow = yaml.safe_load((FOLDER / "github-classroom.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["grade"]["steps"]
    (commands,) = [step["run"] for step in steps if "-m grading" in step.get("run", "")]
    (tmp_path / "course").symlink_to(ROOT)
    (tmp_path / "work").mkdir()
    write_class(tmp_path / "work", [NAME])
    variables = {
        name: value.replace("${{ github.workspace }}", str(tmp_path))
        for name, value in workflow["jobs"]["grade"]["env"].items()
    }
    python = Path(sys.executable).parent
    environment = with_path(variables.pop("PYTHONPATH")) | variables
    environment |= {"GITHUB_STEP_SUMMARY": "summary", "PATH": f"{python}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", commands], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "summary").read_text().startswith(f"you: {MOST} of {MOST}")
    assert (tmp_path / steps[-1]["with"]["path"] / "you.html").exists()
