"""The graders: right submissions earn everything, wrong ones lose what they should, with words."""

import re
from dataclasses import replace
from functools import cache
from importlib import import_module, reload
from itertools import product
from pathlib import Path

import nbformat
import pytest
import sources
from grading.cells import without_hidden_tests
from grading.rubric import grade_here

from nnlib import check

SOURCE = Path(__file__).parent.parent / "assignments" / "source"
ASSIGNMENTS = [path.stem for path in sources.assignments()]
SOLUTION = re.compile(r"( *)### BEGIN SOLUTION\n.*?### END SOLUTION", re.DOTALL)
STUBS = {
    "raise": "raise NotImplementedError()",
    "pass": "pass",
    "dots": "...",
    "return None": "return None",
}


def whole_rubric(name):
    return import_module(f"rubrics.{name}").RUBRIC


def rubric(name):
    """Return the rubric without the items that the notebook does not solve: one test tells them."""
    items = [item for item in whole_rubric(name).items if item.name not in unsolved(name)]
    return replace(whole_rubric(name), items=items)


def mistakes(name):
    """Return the rows of an assignment, none if there is no file of them: one test tells that."""
    if not (Path(__file__).parent / "mistakes" / f"{name}.py").exists():
        return []
    return import_module(f".mistakes.{name}", __package__).MISTAKES


ROWS = [
    pytest.param(name, mistake, id=f"{name}: {mistake.name}")
    for name in ASSIGNMENTS
    for mistake in mistakes(name)
]


@cache
def cells(name):
    notebook = nbformat.read(SOURCE / name / f"{name}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if "nbgrader" in cell.metadata]


def code(name, stub=None):
    """Return what the notebook's cells define, with a stub in place of each solution if given."""
    sources = [
        cell.source
        for cell in cells(name)
        if cell.cell_type == "code" and not cell.metadata.nbgrader.grade
    ]
    if stub is not None:
        sources = [SOLUTION.sub(rf"\1{STUBS[stub]}", source) for source in sources]
    return "\n\n".join(sources)


def submission(source):
    namespace = {"__name__": "__main__"}
    exec(compile(source, "submission", "exec"), namespace)
    return namespace


@cache
def unsolved(name):
    """Return the outcomes, by item, of what the notebook's own solutions do not solve."""
    outcomes = whole_rubric(name).grade(submission(code(name)))
    return {outcome.item: outcome for outcome in outcomes if outcome.earned < outcome.points}


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_notebook_solves_every_item(name):
    if unsolved(name):
        outcomes = "\n".join(map(str, unsolved(name).values()))
        notebook = f"assignments/source/{name}/{name}.ipynb"
        message = f"{notebook} should solve each item in the cell of that name:\n{outcomes}"
        pytest.fail(message, pytrace=False)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_reference_earns_everything(name, seed):
    outcomes = rubric(name).grade(submission(code(name)), 100 * seed)
    assert [str(o) for o in outcomes if o.earned < o.points] == []


@pytest.mark.parametrize("stub", STUBS)
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_an_untouched_notebook_earns_nothing(name, stub):
    outcomes = rubric(name).grade(submission(code(name, stub)))
    assert [str(o) for o in outcomes if o.earned] == []


@pytest.mark.parametrize(("name", "mistake"), ROWS)
def test_a_mistake_costs_its_own_items_alone(name, mistake):
    namespace = submission(code(name) + "\n\n" + mistake.code)
    outcomes = {outcome.item: outcome for outcome in rubric(name).grade(namespace)}
    feedback = {i: words for i, words in mistake.feedback.items() if i not in unsolved(name)}
    assert {i for i, o in outcomes.items() if o.earned < o.points} == set(feedback)
    for item, words in feedback.items():
        assert words in str(outcomes[item])


@pytest.mark.parametrize(("name", "mistake"), ROWS)
def test_a_mistake_costs_points_with_every_seed(name, mistake):
    namespace = submission(code(name) + "\n\n" + mistake.code)
    wrong = [item for item in rubric(name).items if item.name in mistake.feedback]
    for item, seed in product(wrong, range(1, 4)):
        assert grade_here(item, namespace, seed).earned < item.points, (item.name, seed)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_known_mistake_is_made_by_a_submission(name):
    assert mistakes(name), f"tests/mistakes/{name}.py should say what students get wrong, and why"
    feedback = {pair for mistake in mistakes(name) for pair in mistake.feedback.items()}
    missing = [
        (item.name, known.name)
        for item in rubric(name).items
        for check in item.checks
        for known in check.misconceptions
        if not any(item.name == i and known.name in words for i, words in feedback)
    ]
    assert missing == [], f"tests/mistakes/{name}.py has no row for these: {missing}"


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_cells_and_rubric_agree(name):
    graded = {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader
        for cell in cells(name)
        if cell.metadata.nbgrader.grade
        and cell.metadata.nbgrader.grade_id.removeprefix("check-") not in unsolved(name)
    }
    points = {f"check-{item.name}": item.points for item in rubric(name).items}
    of_cells = {key: meta.points for key, meta in graded.items()}
    words = "the points of the notebook's graded cells (left) and of the rubric differ"
    assert of_cells == points | dict(rubric(name).written), words
    assert {key for key, meta in graded.items() if meta.solution} == set(rubric(name).written)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_hidden_tests_ask_the_rubric(name):
    sources = {cell.metadata.nbgrader.grade_id: cell.source for cell in cells(name)}
    for item in rubric(name).items:
        call = f'{name}.RUBRIC.score("{item.name}", globals())'
        source = sources.get(f"check-{item.name}", "")
        is_hidden = call in source and call not in without_hidden_tests(source)
        assert is_hidden, (
            f"the cell check-{item.name} should have hidden tests that end with {call}"
        )


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_points_do_not_hang_on_the_order_of_the_checks(name, monkeypatch):
    def parts():
        return [
            (item.name, part.points, part.name, {one.name for one in part.checks})
            for item in reload(import_module(f"rubrics.{name}")).RUBRIC.items
            for part in item.parts
        ]

    expected = parts()
    for function, suite in check.SUITES.items():
        monkeypatch.setattr(check, function, check.Suite(function, "", suite.checks[::-1]))
    assert parts() == expected
    monkeypatch.undo()
    parts()


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_a_check_that_has_another_name_is_missed(name, monkeypatch):
    module = import_module(f"rubrics.{name}")
    asked = {item.name.lower().replace("_", "") for item in rubric(name).items}
    for function in [suite for suite in check.SUITES if suite.replace("_", "") in asked]:
        renamed = [replace(one, name=f"{one.name}!") for one in check.SUITES[function].checks]
        monkeypatch.setattr(check, function, check.Suite(function, "", renamed))
        if function != "accuracy":  # all of its checks are one part
            with pytest.raises(KeyError, match=f"{function} has no check"):
                reload(module)
        monkeypatch.undo()
    reload(module)


def test_every_mistake_says_what_it_costs():
    assert [row.id for row in ROWS if not row.values[1].feedback] == []


LINK = re.compile(r"\]\(([./]+/chapters/[^)#]*)#([^)]*)\)")


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_links_to_chapters_lead_to_their_sections(name):
    texts = [c.source for c in nbformat.read(SOURCE / name / f"{name}.ipynb", as_version=4).cells]
    links = [link for text in texts for link in LINK.findall(text)]
    if not links:
        pytest.skip("no item says which section teaches what it needs")
    for file, label in links:
        chapter = (SOURCE / name / file).read_text(encoding="utf-8")
        # Above a heading, or in the directive of an exercise.
        named = re.search(rf"\({label}\)=|:label: {label}\b", chapter)
        assert named, f"{file} has no label {label}"
