"""Assignments ask for transfer: nothing that the book prints or that nnlib offers earns a point."""

import signal
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
import sources
from grading.rubric import judge_mended

from nnlib import check

from . import printed

SOURCE = Path(__file__).parents[2] / "assignments" / "source"
ITEMS = [
    pytest.param(path.stem, item, id=f"{path.stem}: {item.name}")
    for path in sources.assignments()
    for item in import_module(f"rubrics.{path.stem}").RUBRIC.items
]


def code(name):
    """Return what the notebook's cells define, solutions included."""
    notebook = nbformat.read(SOURCE / name / f"{name}.ipynb", as_version=4)
    settings = [cell.metadata.get("nbgrader") for cell in notebook.cells]
    return "\n\n".join(
        cell.source
        for cell, given in zip(notebook.cells, settings, strict=True)
        if cell.cell_type == "code" and given and not given.grade
    )


class TooLong(BaseException):
    """Not even a check, which catches what a function raises, catches this."""


@contextmanager
def at_most(seconds):
    """Leave the block after so much processor time: on a busy machine the test asks the same."""

    def stop(_, frame):
        while frame:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return  # half a module would stay: the timer asks again
            frame = frame.f_back
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)
    try:
        yield
    except TooLong:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def earned_parts(item, namespace, seed=1):
    """Return the names of the parts that a function earns; a part ends at its first failure."""
    namespace.update(item.needs)

    def passes(one):
        result, slip = judge_mended(one, one.see(namespace[item.name], seed), seed)
        return result.ok or slip

    earned = [part for part in item.parts if all(map(passes, part.checks))]
    return [part.name for part in earned if any(other.alone for other in earned)]


@pytest.mark.parametrize(("name", "item"), ITEMS)
def test_what_is_printed_or_offered_elsewhere_earns_nothing(name, item, capsys):
    right = {"__name__": "__main__"}
    exec(code(name), right)
    assert earned_parts(item, right) == [part.name for part in item.parts]
    found = []

    def paste(where, function, namespace):
        namespace[item.name] = function
        with at_most(seconds=1):  # a program of the book may train for minutes
            found.extend(f"{where} earns {part!r}" for part in earned_parts(item, namespace))

    for where, namespace in printed.in_book(item.name, code(name)):
        paste(where, namespace[item.name], namespace)
    for where, function in printed.in_nnlib().items():
        paste(where, function, right)
    own = {one.right for one in item.checks}
    for suite in check.SUITES.values():
        if suite.checks[0].right not in own:
            paste(f"check.{suite.name}", suite.checks[0].right, right)
    capsys.readouterr()  # programs of the book print
    assert not found, "a student could paste these:\n" + "\n".join(found)
