"""The formula sheet on two pages, and each chapter on one: ``python _ext/sheet.py [HTML]``.

The sheet has the statements that a test checks and the definitions that hold a formula, with the
page of the printed book where there is one, else with the chapter.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

import assets
import bank
import pikepdf
from doctrees import Book, Statement
from docutils import nodes
from glossary import GLOSSARY
from markup import html, line
from paper import FORMATS, Press, press
from pdf import identifier, pages_of_targets
from sources import settings
from statements import marked

TARGET = bank.TARGET
#: Of a sheet and of a summary, in tenths of a point: the largest type, and the smallest to be read.
LARGEST, SMALLEST = 100, 58
NO_NUMBER = "@page { @bottom-center { content: none; } }"


def places(book: Book) -> Mapping[str, int]:
    """Return the pages of the printed book by the names that its places have there."""
    printed = book.html / assets.PDF
    if not printed.exists():
        return {}
    with pikepdf.open(printed) as held:
        return pages_of_targets(held)


def sheet(book: Book) -> str:
    """Return the formula sheet."""
    printed, said = places(book), [f"<h1>{escape(settings()['title'])}: formulas</h1>"]
    defined = list(book.definitions())
    for page in book.chapters:
        said.append(f"<h2>{line(book.title(page), paper=True)}</h2>")
        for term in defined:
            if term.chapter == page and "=" in "".join(re.findall(r"\$[^$]+\$", term.text)):
                place = _place(printed, GLOSSARY, term.anchor)
                said.append(_entry(f"<i>{line(term.name, paper=True)}{place}:</i>", term.text))
        for statement in book.statements(page):
            if statement.label in marked():
                place = _place(printed, page, statement.label)
                said.append(_stated(statement, place))
    return f'<div class="sheet">{"".join(said)}</div>'


def _place(printed: Mapping[str, int], page: str, label: str) -> str:
    number = printed.get(identifier(page, label))
    return f" <span class=of>(p. {number})</span>" if number else ""


def _stated(statement: Statement, place: str = "") -> str:
    head = f"{statement.number} {line(statement.title, paper=True)}{place}."
    return _entry(f"<b>{head}</b>", statement.text)


def _entry(head: str, text: str) -> str:
    """Return an entry, whose text goes on in the line of its head."""
    body = html(text, paper=True)
    if body.startswith("<p>"):
        return f"<div class=entry><p>{head} {body.removeprefix('<p>')}</div>"
    return f"<div class=entry><p>{head}</p>{body}</div>"


def summary(book: Book, page: str) -> str:
    """Return a chapter on one page: what one can do, its summary, its pitfalls, its statements."""
    writer = book.writer(page)
    said = [f"<h1>{line(book.title(page), paper=True)}</h1>"]
    aims = "".join(f"<li>{line(aim, paper=True)}</li>" for aim in book.objectives(page))
    said.append(f"<p>After this chapter you can</p><ul>{aims}</ul>")
    for title in ("Summary", "Pitfalls"):
        if section := book.section(page, title):
            held = [node for node in section if not isinstance(node, (nodes.title, nodes.section))]
            said.append(f"<h2>{title}</h2>{html(writer.blocks(held), paper=True)}")
    stated = "".join(map(_stated, book.statements(page)))
    said.append(f"<h2>Statements</h2><div class=stated>{stated}</div>")
    return f'<div class="summary">{"".join(said)}</div>'


def fit(printer: Press, title: str, body: str, paper: str, pages: int, style: str) -> float:
    """Lay what is to have so many pages in the largest type that fits, and return its size."""

    def has_room(tenths: int) -> bool:
        printer.resize(tenths / 10)
        return printer.pages() <= pages

    printer.lay(title, body, paper, style)
    sizes = range(LARGEST, SMALLEST, -2)
    place = bisect_left(sizes, True, key=has_room)
    if place == len(sizes):
        raise SystemExit(f"error: {title} has more than {pages} pages of {paper}")
    printer.resize(sizes[place] / 10)
    return sizes[place] / 10


def write(book: Book, target: Path) -> Iterator[Path]:
    """Write both for each kind of paper."""
    target.mkdir(parents=True, exist_ok=True)
    with press(book.html) as printer:
        for paper in FORMATS:
            path = target / f"formula-sheet-{paper}.pdf"
            fit(printer, "Formula sheet", sheet(book), paper, 2, "html { line-height: 1.25; }")
            printer.print(path)
            yield path
            merged = pikepdf.Pdf.new()
            for page in book.chapters:
                fit(printer, book.title(page), summary(book, page), paper, 1, NO_NUMBER)
                printer.print(target / "one.pdf")
                with pikepdf.open(target / "one.pdf") as one:
                    merged.pages.extend(one.pages)
            (target / "one.pdf").unlink()
            path = target / f"summaries-{paper}.pdf"
            merged.save(path, deterministic_id=True)
            yield path


if __name__ == "__main__":
    import sys

    html_folder = Path(sys.argv[1] if len(sys.argv) > 1 else bank.HTML).resolve()
    print(*write(Book(html_folder), TARGET), sep="\n")
