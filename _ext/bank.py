"""The question bank: ``python _ext/bank.py [HTML]`` writes it into ``_build/bank``.

Of the self-checks of a built book, which students may have, and of the exam questions, which they
may not: packages for Canvas and others (QTI), files for Moodle, a deck for Anki.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cards
import moodle
import qti
from doctrees import Book
from sources import ROOT

from exams import CHAPTERS, present, questions
from exams.model import Item, Question

HTML = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "bank"


def exam_questions(book: Book) -> Iterator[tuple[str, Question]]:
    """Yield the questions that this book has a use for, each with the page of its chapter."""
    chapters = present(book.chapters)
    pages = {PurePosixPath(page).name: page for page in book.chapters}
    for name in chapters:
        for question in questions(name, chapters):
            yield pages[CHAPTERS[name]], question


def self_checks(book: Book) -> dict[str, list[Item]]:
    """Return the self-checks of each chapter by its title."""
    return {book.title(page): list(book.self_checks(page)) for page in book.chapters}


def exam_items(book: Book, seeds: range) -> dict[str, list[Item]]:
    """Return the exam questions of each chapter, those to compute once for each seed."""
    made: dict[str, list[Item]] = {}
    for page, question in exam_questions(book):
        put = made.setdefault(book.title(page), [])
        if question.draw is None:
            put.append(question.item(0, page))
            continue
        for seed in seeds:
            put.append(question.item(seed, page).numbered(seed))
    return made


def day() -> int:
    """Return when what is here was committed, in seconds since 1970."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(asked.stdout or 0)


def write(book: Book, target: Path, seeds: range) -> list[Path]:
    """Write the bank of a book; return its files."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    for name, quizzes in {
        "self-checks": self_checks(book),
        "exam-questions": exam_items(book, seeds),
    }.items():
        qti.write(target / f"{name}-qti-1.2.zip", quizzes, "1.2")
        qti.write(target / f"{name}-qti-2.1.zip", quizzes, "2.1")
        moodle.write(target / f"{name}-moodle.xml", quizzes)
    cards.write(target / "cards.apkg", list(cards.cards(book)), day())
    return sorted(target.iterdir())


def main() -> None:
    """Write the bank and say where it lies."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("html", nargs="?", type=Path, default=HTML)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--variants", type=int, default=3)
    given = asked.parse_args()
    seeds = range(given.seed, given.seed + given.variants)
    for path in write(Book(given.html.resolve()), TARGET, seeds):
        print(path)


if __name__ == "__main__":
    main()
