"""What a chapter asks, read from its page: self-checks with their answers, exercises and solutions.

What is made of the pages takes them from here; ``exercises.py`` has the cells of a notebook. Two
read the HTML of built pages, and have nothing else: ``quiz.js``, without which a browser shows
question and answers all the same, and ``pdf.py``, which joins the pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from docutils import nodes
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node

Nodes = list[nodes.Node]
_CHECK = re.compile(r"check\.\w+\((.+)\)")
_CALL = re.compile(r"([A-Za-z_]\w*)\((.*)\)")


class Answer(NamedTuple):
    """An answer to a self-check, whether it is right, and what is said to it."""

    right: bool
    text: Nodes
    feedback: Nodes


class SelfCheck(NamedTuple):
    """A question and its answers.

    Where it asks for a number, an answer that is none stands for all other numbers.
    """

    label: str
    for_a_number: bool
    question: Nodes
    answers: list[Answer]


class Exercise(NamedTuple):
    """An exercise, the cells that it gives, and its solution unless that is kept back."""

    statement: nodes.Element
    given: list[nodes.Element]
    solution: nodes.Element | None

    @property
    def label(self) -> str:
        """Its label."""
        return str(self.statement["label"])

    @property
    def checks(self) -> list[str]:
        """The calls of ``nnlib.check`` that it tells to make."""
        return [code for code in self._code() if _CHECK.fullmatch(code)]

    @property
    def asked(self) -> dict[str, str]:
        """What its checks are to look at: the names, with the arguments where it says them."""
        names = [_CHECK.fullmatch(call)[1] for call in self.checks]
        calls = dict(call.groups() for code in self._code() if (call := _CALL.fullmatch(code)))
        return {name: calls.get(name, "") for name in names if name.isidentifier()}

    def _code(self) -> Iterator[str]:
        return (node.astext() for node in self.statement.findall(nodes.literal))


def is_code_cell(node: nodes.Node) -> bool:
    """Tell whether a node is a cell of code, with what it has printed and drawn."""
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


def is_self_check(node: nodes.Node) -> bool:
    """Tell whether a node is a self-check."""
    return isinstance(node, nodes.admonition) and "quiz" in node["classes"]


def is_exercise(node: nodes.Node) -> bool:
    """Tell whether a node is the statement of an exercise."""
    return isinstance(node, (exercise_node, exercise_enumerable_node))


def is_solution(node: nodes.Node) -> bool:
    """Tell whether a node is the solution of an exercise."""
    return isinstance(node, solution_node)


def is_right(mark: nodes.raw) -> bool:
    """Tell whether the box before an answer is checked: it is right."""
    return 'checked="checked"' in mark.astext()


def self_check(box: nodes.Element) -> SelfCheck:
    """Return what a self-check holds."""
    (listed,) = (child for child in box if isinstance(child, nodes.bullet_list))
    question = [node for node in box if node is not listed and not isinstance(node, nodes.title)]
    answers = [_answer(item) for item in listed]
    return SelfCheck(box["ids"][0], "number" in box["classes"], question, answers)


def _answer(item: nodes.Element) -> Answer:
    *text, feedback = item.deepcopy().children
    mark = text[0].next_node(nodes.raw)
    text[0].remove(mark)
    return Answer(is_right(mark), text, feedback[0].children)


def exercises(page: nodes.Element) -> list[Exercise]:
    """Return the exercises of a page in their order."""
    solutions = {node["target_label"]: node for node in page.findall(is_solution)}
    found = []
    for statement in page.findall(is_exercise):
        given, after = [], statement.next_node(descend=False, siblings=True)
        while after is not None and is_code_cell(after):
            given.append(after)
            after = after.next_node(descend=False, siblings=True)
        found.append(Exercise(statement, given, solutions.get(statement["label"])))
    return found
