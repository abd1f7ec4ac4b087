"""Submissions that are more alike than chance explains: for a person to look at, never a verdict.

**Code.** A line's shape is its syntax tree without names, comments and texts. Two solutions of an
item are close when they share two thirds of the shapes of the shorter one. How surprising that is,
is measured in bits: the binary logarithm of how many solutions there are for each that has all that
the two share, names included. What everybody writes alike, or the course's own solution has,
surprises nobody. The bits of all items are summed. A pair is listed where they exceed by ``MARGIN``
the logarithm of the number of pairs, which is what the most alike of so many would reach by chance.
The fewer students, the more items a pair must share for that: the page says how many. What only two
have written stands below, the longest first, however likely it is by chance.

**Answers.** Two are listed that share half of their runs of four words, of those that few others
have.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from itertools import combinations, product
from math import ceil, log2
from typing import NamedTuple

# Bits beyond what chance explains: 6 are one pair in 64 classes, if items are independent.
MARGIN = 6
# As if two more students had written the same: a rare solution may be rare by chance.
UNSEEN = 2
CLOSE = 2 / 3
# What only two have written is shown from so many lines on, so many times at most.
MIN_LINES = 3
MOST_LONGEST = 10
WORDS = 4
MIN_RUNS = 10
Lines = frozenset[str]


class Pair(NamedTuple):
    """Two students, how surprising their likeness is, and in which items or questions it is."""

    first: str
    second: str
    amount: float
    where: tuple[str, ...]


class Likeness(NamedTuple):
    """What a class shares in its code.

    Attributes
    ----------
    pairs : list of Pair
        What chance does not explain, the most surprising first.
    longest : list of Pair
        Of all others, what only two have written: their ``amount`` is how many lines they share.
    items : int
        How many items a pair must share that nobody else has written so, to be among the pairs.
    """

    pairs: list[Pair]
    longest: list[Pair]
    items: int


class Solution(NamedTuple):
    """The lines of a solution, without names and with them."""

    shapes: Lines
    texts: Lines

    @property
    def lines(self) -> Lines:
        """Both."""
        return self.shapes | self.texts


def similar_code(
    codes: Mapping[str, Mapping[str, str]], known: Mapping[str, str] | None = None
) -> Likeness:
    """Return which students' code is alike.

    Parameters
    ----------
    codes : mapping of str to mapping
        For each item, what each student wrote.
    known : mapping of str to str, optional
        For each item, what all have seen or would write.
    """
    bits: defaultdict[tuple[str, str], float] = defaultdict(float)
    where: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    alone = []
    students = {student for written in codes.values() for student in written}
    for item, written in codes.items():
        reference = parse_solution((known or {}).get(item, "")).lines
        for pair, surprise, lines in close_pairs(written, reference):
            bits[pair] += surprise
            where[pair].append(item)
            if lines >= MIN_LINES:
                alone.append(Pair(*pair, lines, (item,)))
    number = len(students)
    limit = log2(max(number * (number - 1) / 2, 1)) + MARGIN
    found = [Pair(*pair, n, tuple(where[pair])) for pair, n in bits.items() if n >= limit]
    listed = {pair[:2] for pair in found}
    longest = [pair for pair in alone if pair[:2] not in listed]
    most = log2((number + UNSEEN) / (2 + UNSEEN)) if number > 2 else 0.0
    return Likeness(
        sorted(found, key=lambda pair: -pair.amount),
        sorted(longest, key=lambda pair: -pair.amount)[:MOST_LONGEST],
        ceil(limit / most) if most else len(codes) + 1,
    )


def close_pairs(
    written: Mapping[str, str], reference: Lines
) -> Iterator[tuple[tuple[str, str], float, int]]:
    """Yield pairs of students whose solutions of one item are close, with the surprise in bits.

    And with the number of lines that they share, if nobody else has all of them, else 0.
    """
    groups: defaultdict[Solution, list[str]] = defaultdict(list)
    for student in sorted(written):
        solution = parse_solution(written[student])
        if solution.shapes:
            groups[solution].append(student)
    number = sum(map(len, groups.values()))
    holders: defaultdict[str, set[str]] = defaultdict(set)
    for solution, same in groups.items():
        for line in solution.lines:
            holders[line].update(same)

    @lru_cache(None)
    def surprise(shared: Lines, shapes: int) -> tuple[float, int]:
        if shared <= reference:
            return 0, 0
        having = len(set.intersection(*(holders[line] for line in shared)))
        return log2((number + UNSEEN) / (having + UNSEEN)), shapes if having == 2 else 0

    for solution, same in groups.items():
        found = surprise(solution.lines, len(solution.shapes))
        if any(found):
            yield from ((pair, *found) for pair in combinations(same, 2))
    for one, other in combinations(groups, 2):
        both = one.shapes & other.shapes
        if len(both) < CLOSE * min(len(one.shapes), len(other.shapes)):
            continue
        found = surprise(both | one.texts & other.texts, len(both))
        if any(found):
            pairs = product(groups[one], groups[other])
            yield from (((min(pair), max(pair)), *found) for pair in pairs)


@lru_cache(None)
def parse_solution(code: str) -> Solution:
    """Return the lines of a cell; none if it cannot be parsed."""
    plain = "\n".join("pass" if re.match(r"[%!]", line) else line for line in code.splitlines())
    try:
        tree = ast.parse(plain)
        lines = [node for node in ast.walk(tree) if is_line(node)]
        return Solution(
            frozenset(dump(line, names=False) for line in lines),
            frozenset(dump(line, names=True) for line in lines),
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Solution(frozenset(), frozenset())


def is_line(node: ast.AST) -> bool:
    """Tell whether a node is a statement that a student chooses to write."""
    given = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Pass)
    if isinstance(node, ast.Raise):
        return "NotImplementedError" not in ast.dump(node)
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    return isinstance(node, ast.stmt) and not isinstance(node, given)


def dump(node: ast.AST, names: bool) -> str:
    """Return a node in words, without the statements in its blocks."""
    if isinstance(node, ast.Name | ast.arg):
        return (node.id if isinstance(node, ast.Name) else node.arg) if names else "name"
    if isinstance(node, ast.Constant):
        return "text" if isinstance(node.value, str) else repr(node.value)
    if isinstance(node, ast.Attribute):
        own = isinstance(node.value, ast.Name) and node.value.id == "self" and not names
        return f"{dump(node.value, names)}.{'name' if own else node.attr}"
    parts = []
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            parts.append(dump(value, names))
        elif isinstance(value, list):
            nodes = [x for x in value if isinstance(x, ast.AST) and not isinstance(x, ast.stmt)]
            parts += [dump(x, names) for x in nodes]
        elif isinstance(value, str) and field == "arg":
            parts.append(value)
    return f"{type(node).__name__}({', '.join(parts)})"


def similar_answers(
    answers: Mapping[str, Mapping[str, str]], known: Mapping[str, str] | None = None
) -> list[Pair]:
    """Return the pairs of students whose written answers are alike, the most alike first.

    Parameters
    ----------
    answers : mapping of str to mapping
        For each question, what each student wrote.
    known : mapping of str to str, optional
        For each question, its text and the model answer.
    """
    found = []
    for question, written in answers.items():
        seen = word_runs((known or {}).get(question, ""))
        runs = {student: word_runs(text) - seen for student, text in written.items()}
        for (one, other), shared in count_shared(runs).items():
            share = shared / min(len(runs[one]), len(runs[other]))
            if shared >= MIN_RUNS and share >= 0.5:
                found.append(Pair(one, other, share, (question,)))
    return sorted(found, key=lambda pair: -pair.amount)


def count_shared(runs: Mapping[str, Collection[str]]) -> Counter[tuple[str, str]]:
    """Return how many runs of words each pair shares, of those that few others have."""
    holders = defaultdict(list)
    for student in sorted(runs):
        for run in runs[student]:
            holders[run].append(student)
    few = max(5, len(runs) // 10)
    return Counter(
        pair
        for having in holders.values()
        if len(having) <= few
        for pair in combinations(having, 2)
    )


def word_runs(text: str) -> set[str]:
    """Return all runs of a few words in a row."""
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}
