"""The cells of a submission against the assignment's own: names given back, lost cells put back."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from .rubric import Rubric
from .submission import SOURCE, Cell, Submission, read_notebook
from .syntax import defined_names, definitions_that_compile, renamed

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION", re.DOTALL | re.M)
# What nbgrader puts in place of solutions; nbgrader_config.py says the first, too.
CODE_STUB = "raise NotImplementedError"
TEXT_STUB = "YOUR ANSWER HERE"
CHAPTER_LINK = re.compile(r"\]\([^()\s]{0,99}chapters/[^()\s]{0,99}\)")
# A text with this share of the words of one that was given is that one, edited.
SAME_WORDS = 0.8
MAX_CHARACTERS = 20_000


# --- the assignment's cells -----------------------------------------------------------------------


@cache
def original_cells(assignment: str) -> list[Cell]:
    """Return the cells of an assignment's source, with hidden tests and solutions."""
    cells, _ = read_notebook(Submission(SOURCE / assignment / f"{assignment}.ipynb"))
    return [replace(cell, number=None) for cell in cells]


def given_cells(rubric: Rubric) -> list[Cell]:
    """Return the cells of an assignment as students are given them."""
    return [*given_of(rubric.name, frozenset(rubric.written))]


@cache
def given_of(assignment: str, written: Container[str | None]) -> tuple[Cell, ...]:
    """Return the cells of an assignment with stubs in place of solutions and answers."""
    return tuple(
        replace(cell, source=TEXT_STUB if cell.name in written else given_source(cell))
        for cell in original_cells(assignment)
    )


def given_source(cell: Cell) -> str:
    """Return what students are given of a cell that is no answer's."""
    return SOLUTION.sub(rf"\1{CODE_STUB}", visible_source(cell))


def visible_source(cell: Cell) -> str:
    """Return the part of a cell of checks that students see."""
    return without_hidden_tests(cell.source).strip()


def without_hidden_tests(source: str) -> str:
    """Return a source without what stands between the marks of nbgrader."""
    kept, hidden = [], False
    for line in source.splitlines(keepends=True):
        hidden = hidden or line.strip() == "### BEGIN HIDDEN TESTS"
        if not hidden:
            kept.append(line)
        hidden = hidden and line.strip() != "### END HIDDEN TESTS"
    return "".join(kept)


def is_check(cell: Cell) -> bool:
    """Tell whether a cell holds the checks of an item."""
    return bool(cell.name and cell.name.startswith("check-"))


def same(one: Cell, other: Cell) -> bool:
    """Tell whether two cells say the same."""
    if one.kind != other.kind or max(len(one.source), len(other.source)) > MAX_CHARACTERS:
        return False
    return words_of(visible_source(one)) == words_of(visible_source(other))


def words_of(text: str) -> list[str]:
    """Return the words of a text, without the addresses of chapters, which the release changes."""
    return without_addresses(text).split()


def without_addresses(text: str) -> str:
    """Return a text whose links to chapters lead nowhere."""
    return CHAPTER_LINK.sub("]", text)


# --- the student's --------------------------------------------------------------------------------


def complete_cells(rubric: Rubric, cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells of a submission as they are to be graded, and what was done to them.

    Each cell has the name that the assignment gives it. Provided code that is missing stands in
    front, checks that are missing below their item; the student's cells keep their order.
    """
    named, notes = name_cells(rubric, cells)
    restored, changes = restore_cells(rubric, named)
    return [*restored, *with_checks(rubric, named)], notes + changes


def with_checks(rubric: Rubric, cells: Sequence[Cell]) -> Iterator[Cell]:
    """Yield the cells, with the place of checks that were deleted below their item."""
    names = {cell.name for cell in cells}
    items = {item.name for item in rubric.items}
    for cell in cells:
        yield cell
        if cell.name in items and f"check-{cell.name}" not in names:
            yield Cell("code", "", f"check-{cell.name}")


def name_cells(rubric: Rubric, cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells with their names, and in words which had lost or shared one."""
    known = {cell.name: cell for cell in given_cells(rubric) if cell.name}
    named = [replace(cell, name=cell.name if cell.name in known else None) for cell in cells]
    named, copied = drop_copies(named, known)
    found = []
    for rule in (by_key, by_text, by_words, by_definition, by_place, by_stub):
        taken = {cell.name for cell in named}
        missing = [cell for name, cell in known.items() if name not in taken]
        for place, name in rule(rubric, named, missing):
            if named[place].name is None and name not in taken:
                named[place] = replace(named[place], name=name)
                taken.add(name)
                found.append(name)
    notes = [f"copied: {', '.join(copied)}"] if copied else []
    if found:
        notes.append(f"names lost, and given back by what the cells hold: {', '.join(found)}")
    return named, notes


def drop_copies(cells: Sequence[Cell], known: Mapping[str, Cell]) -> tuple[list[Cell], list[str]]:
    """Return the cells, each name only once, and the names that there had been more of.

    Of copies, the first that is not as it was given keeps the name.
    """
    places = defaultdict(list)
    for place, cell in enumerate(cells):
        if cell.name:
            places[cell.name].append(place)
    kept = {
        name: next((p for p in where if not same(cells[p], known[name])), where[0])
        for name, where in places.items()
    }
    unique = [
        cell if cell.name is None or kept[cell.name] == place else replace(cell, name=None)
        for place, cell in enumerate(cells)
    ]
    return unique, [name for name, where in places.items() if len(where) > 1]


# Each rule yields places of cells without a name, and the missing names that they should have.
Named = Iterator[tuple[int, str]]


def by_key(rubric: Rubric, cells: Sequence[Cell], missing: Sequence[Cell]) -> Named:
    """Name cells by the id that Jupyter has given them."""
    for original in missing:
        for place, cell in enumerate(cells):
            if cell.key and (cell.key, cell.kind) == (original.key, original.kind):
                yield place, original.name or ""


def by_text(rubric: Rubric, cells: Sequence[Cell], missing: Sequence[Cell]) -> Named:
    """Name cells that are as they were given; but answers by their places alone."""
    for original in missing:
        if original.name not in rubric.written:
            for place, cell in enumerate(cells):
                if cell.name is None and same(cell, original):
                    yield place, original.name or ""


def by_words(rubric: Rubric, cells: Sequence[Cell], missing: Sequence[Cell]) -> Named:
    """Name texts that hold most of the words of one that was given."""
    texts = [cell for cell in missing if cell.kind != "code" and cell.name not in rubric.written]
    for place, cell in enumerate(cells):
        if cell.kind != "code" and cell.name is None and texts:
            words = Counter(words_of(cell.source[:MAX_CHARACTERS]))
            shares = [share(Counter(words_of(original.source)), words) for original in texts]
            if max(shares) >= SAME_WORDS:
                yield place, texts[shares.index(max(shares))].name or ""


def share(words: Counter[str], found: Counter[str]) -> float:
    """Return which share of some words is found among others."""
    return (words & found).total() / max(1, words.total())


def by_definition(rubric: Rubric, cells: Sequence[Cell], missing: Sequence[Cell]) -> Named:
    """Name the last cell that defines an item, if it defines no other item."""
    items = {item.name for item in rubric.items}
    asked = {cell.name for cell in missing} & items
    for place in reversed(range(len(cells))):
        if asked and cells[place].kind == "code" and cells[place].name is None:
            defined = items & set(defined_names(cells[place].source))
            if len(defined) == 1 and defined <= asked:
                yield place, defined.pop()


def by_place(rubric: Rubric, cells: Sequence[Cell], missing: Sequence[Cell]) -> Named:
    """Name a text that follows a written question, if it was not given."""
    given = given_cells(rubric)
    lost = {cell.name for cell in missing}
    for question, answer in itertools.pairwise(given):
        if answer.name in rubric.written and answer.name in lost:
            for place, (cell, after) in enumerate(itertools.pairwise(cells), 1):
                asked = cell.name == question.name and cell.name
                if asked and is_text(after) and not any(same(after, other) for other in given):
                    yield place, answer.name or ""


def by_stub(rubric: Rubric, cells: Sequence[Cell], missing: Sequence[Cell]) -> Named:
    """Name the answers that nobody has written."""
    lost = [cell for cell in missing if cell.name in rubric.written]
    empty = [p for p, c in enumerate(cells) if c.name is None and lost and same(c, lost[0])]
    for place, original in zip(empty, lost, strict=False):
        yield place, original.name or ""


def is_text(cell: Cell) -> bool:
    """Tell whether a cell is a text without a name."""
    return cell.kind in ("markdown", "raw") and cell.name is None


def restore_cells(rubric: Rubric, cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    """Return the provided code that is missing, and in words what was done to the named cells."""
    by_name = {cell.name: cell for cell in cells}
    items = {item.name for item in rubric.items}
    changes: dict[str, list[str]] = defaultdict(list)
    restored = []
    for original in original_cells(rubric.name):
        name, submitted = original.name, by_name.get(original.name)
        if not name or not (original.kind == "code" or name in rubric.written):
            continue
        lost = submitted is None or submitted.kind != original.kind
        if lost and not (name in items or name in rubric.written or is_check(original)):
            changes["put back"].append(name)
            restored.append(original)
        elif submitted is None:
            changes["deleted"].append(name)
        elif lost:
            changes[f"turned into {submitted.kind}"].append(name)
        elif is_check(original) and not same(submitted, original):
            changes["edited, the original is used"].append(name)
    return restored, [f"{what}: {', '.join(names)}" for what, names in changes.items()]


def item_code(cells: Sequence[Cell], name: str) -> str:
    """Return the code of an item: its cell's, or that of the last cell that defines it."""
    for cell in cells:
        if cell.name == name:
            return cell.source.strip()
    of_others = (c.source for c in reversed(cells) if c.kind == "code" and name in c.source)
    return next((source.strip() for source in of_others if name in defined_names(source)), "")


def item_remarks(rubric: Rubric, cells: Sequence[Cell], name: str) -> list[str]:
    """Return what keeps the cell of an item from defining it: errors of syntax, another name."""
    cell = next((cell for cell in cells if cell.name == name and cell.kind == "code"), None)
    if cell is None:
        return []
    _, faults = definitions_that_compile(cell.source)
    remarks = [fault.message for fault in faults]
    if not (remarks or any(name in defined_names(c.source) for c in cells if c.kind == "code")):
        given = next((other.source for other in given_cells(rubric) if other.name == name), "")
        remarks += filter(None, [renamed(name, cell.source, given)])
    return remarks
