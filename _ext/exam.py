"""An exam on paper and its key: ``python _ext/exam.py --seed 7 --questions "q-gibbs q-lost-axis"``.

Without questions it chooses some for the minutes given, of all chapters or of those named. The same
seed of the same commit gives the same exam.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path, PurePosixPath

import bank
import numpy as np
from doctrees import Book
from markup import html, line
from paper import FORMATS, press
from sources import ROOT, settings

from exams import CHAPTERS
from exams.model import Item, Question

TARGET = ROOT / "_build" / "exam"
Chosen = tuple[str, Question]


def choose(found: Sequence[Chosen], minutes: int, seed: int) -> list[Chosen]:
    """Choose questions: the chapters get the same time, and the kinds come as often."""
    rng = np.random.default_rng(seed)
    left = [found[place] for place in rng.permutation(len(found))]
    spent, kinds, chosen = Counter[str](), Counter[str](), list[Chosen]()
    pages = {page for page, _ in found}
    while pages:
        page = min(sorted(pages), key=spent.__getitem__)
        room = minutes - spent.total()
        fit = [(p, q) for p, q in left if p == page and q.minutes <= room]
        if not fit:
            pages.remove(page)
            continue
        pick = min(fit, key=lambda one: kinds[one[1].kind])
        left.remove(pick)
        chosen.append(pick)
        spent[page] += pick[1].minutes
        kinds[pick[1].kind] += 1
    return [one for one in found if one in chosen]


def named(found: Sequence[Chosen], names: Sequence[str]) -> list[Chosen]:
    """Return the questions of these names, in this order."""
    known = {question.id: (page, question) for page, question in found}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"error: no question {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def paper(asked: Sequence[tuple[Question, Item]], seed: int) -> str:
    """Return the exam as a page."""
    total = sum(item.points for _, item in asked)
    minutes = sum(question.minutes for question, _ in asked)
    rows = "".join(f"<tr><td>{label}</td><td class=line></td></tr>" for label in ("Name", "Number"))
    body = [
        f"<h1>{escape(settings()['title'])}: exam</h1>"
        f"<p>{minutes} minutes, {total} points. You may use a pocket calculator with e<sup>x</sup> "
        "and ln; log is the natural logarithm, the key ln, unless a question asks for bits. Show "
        "how you get to a number; where boxes are offered, mark one.</p>"
        f"<table class=head>{rows}</table>"
    ]
    for count, (question, item) in enumerate(asked, 1):
        choices = "".join(f"<li>{line(a.text, paper=True)}</li>" for a in item.answers)
        offered = question.choice and f"<ul class=choices>{choices}</ul>"
        lines = 3 if question.choice else max(4, round(question.minutes * 1.2))
        body.append(
            f"<section class=question>{_heading(count, item)}{_shown(item.text, item)}"
            f"{offered or ''}{'<div class=line></div>' * lines}</section>"
        )
    return "\n".join(body) + f"<p class=of>Seed {seed}.</p>"


def key(asked: Sequence[tuple[Question, Item]], seed: int) -> str:
    """Return the key to the exam: solutions, mark schemes, and what wrong answers give away."""
    body = [f"<h1>{escape(settings()['title'])}: key to the exam of seed {seed}</h1>"]
    for count, (question, item) in enumerate(asked, 1):
        said = [
            _heading(count, item),
            f"<p class=of>{question.id}, difficulty {question.difficulty}, "
            f"{question.minutes} minutes</p>",
        ]
        right = [a.text for a in item.answers if a.right]
        said += [f"<p><b>Answer: {line(text, paper=True)}</b></p>" for text in right]
        said.append(_shown(item.solution, item))
        marks = "".join(
            f"<tr><td>{mark.points}</td><td>{line(mark.earns, paper=True)}</td></tr>"
            for mark in item.marks
        )
        said.append(f"<table class=marks>{marks}</table>")
        wrong = "".join(
            f"<li>{line(a.text, paper=True)}: {line(a.feedback, paper=True)}</li>"
            for a in item.answers
            if not a.right
        )
        said.append(wrong and f"<p>Wrong answers to look for:</p><ul>{wrong}</ul>")
        body.append(f"<section class=question>{''.join(said)}</section>")
    return "\n".join(body)


def _heading(count: int, item: Item) -> str:
    word = "point" if item.points == 1 else "points"
    return f"<h2><span class=points>{item.points} {word}</span>{count}. {escape(item.title)}</h2>"


def _shown(text: str, item: Item) -> str:
    """Return a text, with the pictures of a question in it."""
    from base64 import b64encode

    held = {p.name: f"data:image/png;base64,{b64encode(p.png).decode()}" for p in item.pictures}
    return html(text, lambda name: held[name], paper=True)


def main() -> None:
    """Print an exam and its key, and say where they lie."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("html", nargs="?", type=Path, default=bank.HTML)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--questions", default="")
    parser.add_argument("--chapters", default="")
    parser.add_argument("--minutes", type=int, default=90)
    parser.add_argument("--paper", choices=FORMATS, default=FORMATS[0])
    given = parser.parse_args()
    book = Book(given.html.resolve())
    found = list(bank.exam_questions(book))
    if unknown := set(given.chapters.split()) - CHAPTERS.keys():
        raise SystemExit(f"error: no chapter {', '.join(unknown)}; there are {', '.join(CHAPTERS)}")
    of = {CHAPTERS[name] for name in given.chapters.split()}
    found_here = [one for one in found if not of or PurePosixPath(one[0]).name in of]
    names = given.questions.split()
    chosen = named(found, names) if names else choose(found_here, given.minutes, given.seed)
    asked = [(question, question.item(given.seed, page)) for page, question in chosen]
    TARGET.mkdir(parents=True, exist_ok=True)
    with press(given.html.resolve()) as printer:
        for name, body in {"exam": paper(asked, given.seed), "key": key(asked, given.seed)}.items():
            printer.lay(f"{settings()['title']}: {name}", body, given.paper)
            printer.print(TARGET / f"{name}.pdf")
            print(TARGET / f"{name}.pdf")
    print("QUESTIONS=" + '"' + " ".join(question.id for question, _ in asked) + '"')


if __name__ == "__main__":
    main()
