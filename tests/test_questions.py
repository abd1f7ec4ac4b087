"""Exam questions: 200 seeds of each variant, every fault seen to do its harm, every label there."""

import importlib
import json
import math
import re
from collections import Counter

import absent
import formulas
import numpy as np
import pytest
import sources
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

import exams
from exams.model import KINDS, said

SEEDS = range(200)
#: How many of each kind a chapter has at least.
LEAST = {"compute": 4, "explain": 4, "fault": 2, "join": 2}
FOUND = [(chapter, question) for chapter in exams.CHAPTERS for question in exams.questions(chapter)]
MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)

each_question = pytest.mark.parametrize(
    ("chapter", "question"), FOUND, ids=[question.id for _, question in FOUND]
)
each_variant = pytest.mark.parametrize(
    "question",
    [question for _, question in FOUND if question.draw],
    ids=[question.id for _, question in FOUND if question.draw],
)


def page(chapter):
    """Return the notebook of a chapter."""
    return sources.ROOT / "chapters" / f"{exams.CHAPTERS[chapter]}.ipynb"


def texts(item):
    """Yield all texts of a question as it is put."""
    yield from (item.text, item.solution, *(mark.earns for mark in item.marks))
    for answer in item.answers:
        yield from (answer.text, answer.feedback)


@pytest.mark.parametrize("chapter", exams.CHAPTERS)
def test_a_chapter_has_questions_of_each_kind_and_to_each_objective(chapter):
    found = exams.questions(chapter)
    kinds = Counter(question.kind for question in found)
    assert {kind: kinds[kind] for kind in KINDS if kinds[kind] < LEAST[kind]} == {}
    tested = tuple(question.objective for question in found)
    assert [said for said in sources.objectives(page(chapter)) if not said.startswith(tested)] == []


def test_no_two_questions_have_one_name():
    names = Counter(question.id for _, question in FOUND)
    assert [name for name, count in names.items() if count > 1] == []


@each_question
def test_a_question_has_all_its_parts(chapter, question):
    assert re.fullmatch("q(-[a-z]+)+", question.id)
    assert question.kind in KINDS
    assert question.title
    assert question.difficulty in (1, 2, 3)
    assert 2 <= question.minutes <= 15
    assert all(mark.points >= 1 and mark.earns for mark in question.marks)
    assert 0.5 <= question.points / question.minutes <= 1.5
    assert bool(question.draw) == bool(question.check)
    assert bool(question.draw) != bool(question.text)
    assert question.draw or question.solution
    assert question.draw or question.kind != "compute"
    assert question.harm or question.kind != "fault"
    assert bool(question.figure) == (len(question.alt) > 40)
    assert bool(question.also) == (question.kind == "join")
    assert set(question.also) <= exams.CHAPTERS.keys() - {chapter}


@each_question
def test_a_question_tests_an_objective_and_a_section_that_there_are(chapter, question):
    objectives = sources.objectives(page(chapter))
    assert sum(said.startswith(question.objective) for said in objectives) == 1
    pages = [page(name) for name in (chapter, *question.also)]
    labels = {label for path in pages for label, _ in absent.labels_of(path)}
    assert question.section in labels


@each_question
def test_every_formula_of_a_question_can_be_set(chapter, question):
    for text in texts(question.item(0, chapter)):
        tokens = MARKDOWN.parse(text)
        tokens += [child for token in tokens for child in token.children or ()]
        for token in tokens:
            if token.type.startswith("math"):
                assert formulas.typeset(token.content)
        # A dollar that is left has no partner.
        assert not any(token.type == "text" and "$" in token.content for token in tokens), text


@each_question
def test_a_fault_runs_and_does_its_harm(chapter, question):
    if question.harm:
        question.harm(question.names)
    code = question.code.strip().splitlines()
    assert len(code) <= 20
    assert max(map(len, code), default=0) <= 79


@each_variant
def test_the_key_of_every_seed_is_right_by_another_way(question):
    module = importlib.import_module(question.check.__module__)
    ours = {
        name
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", None) and thing.__module__.startswith("nnlib")
    }
    assert ours.isdisjoint(question.check.__code__.co_names)
    for seed in SEEDS:
        variant = question.variant(seed)
        values = json.loads(json.dumps(dict(variant.values)))
        assert np.allclose(question.check(**values), variant.key, rtol=1e-7, atol=1e-7), seed


@each_variant
def test_the_answers_of_every_seed_can_be_told_apart(question):
    for seed in SEEDS:
        item = question.item(seed, "")
        right = [answer for answer in item.answers if answer.right]
        assert len(right) == 1
        assert len(item.answers) >= (4 if question.choice else 3)
        assert all(answer.feedback for answer in item.answers)
        assert not any(re.search(r"\bnan\b|\binf\b", text) for text in texts(item))
        if question.choice:
            assert len({answer.text for answer in item.answers}) == len(item.answers)
        else:
            (key,) = right
            typed = float(said(key.value, question.digits))
            assert math.isclose(typed, key.value, abs_tol=key.off_by)
            others = [answer.value for answer in item.answers if not answer.right]
            assert min(abs(typed - other) for other in others) > key.off_by


@each_variant
def test_a_seed_draws_always_the_same_and_another_one_something_else(question):
    drawn = [question.item(seed, "") for seed in SEEDS]
    assert drawn == [question.item(seed, "") for seed in SEEDS]
    assert len({item.text for item in drawn}) >= 5
    if question.choice:
        places = {[answer.right for answer in item.answers].index(True) for item in drawn}
        assert len(places) == len(drawn[0].answers)
