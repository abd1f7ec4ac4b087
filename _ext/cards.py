"""An Anki deck: statements, definitions and self-checks, each chapter a deck of its own.

What a card is called for good is the label of what it asks for. So whoever imports a later deck
keeps what they have learned, and finds new texts on the cards that have changed.
"""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import genanki
from dist import archive
from doctrees import Book
from markup import html, line
from sources import settings

from exams.model import Item

#: Names for good, which tell Anki that a card is one that it has.
MODEL, DECK = 1_607_392_319, 2_059_400_110
STYLE = """
.card { font: 20px/1.45 "Source Sans 3", sans-serif; max-width: 34em; margin: 1em auto; }
.card p, .card li { text-align: left; }
.of { color: gray; font-size: 80%; text-align: left; }
.right { font-weight: 600; }
pre, table { text-align: left; }
"""


class Card(NamedTuple):
    """A card: its name for good, the deck that it belongs to, and its two sides in HTML."""

    label: str
    deck: str
    kind: str
    front: str
    back: str


def cards(book: Book) -> Iterator[Card]:
    """Yield the cards of a book in the order of its chapters."""
    titles = {page: book.title(page) for page in book.chapters}
    defined = list(book.definitions())
    for page, title in titles.items():
        for statement in book.statements(page):
            front = f"<p>What does it say?</p><p><b>{line(statement.title)}</b></p>"
            kind = f"{statement.kind} {statement.number}"
            yield Card(statement.label, title, kind, front, html(statement.text))
        for term in defined:
            if term.chapter == page:
                front = f"<p>What is it?</p><p><b>{line(term.name)}</b></p>"
                yield Card(term.anchor, title, "Definition", front, html(term.text))
        for item in book.self_checks(page):
            yield Card(item.label, title, "Self-check", _asked(item), _answered(item))
    for term in defined:
        if term.chapter not in titles:
            front = f"<p>What is it?</p><p><b>{line(term.name)}</b></p>"
            yield Card(term.anchor, "Other terms", "Definition", front, html(term.text))


def _asked(item: Item) -> str:
    """Return a self-check; of a number, the answers stay on the back."""
    if item.for_a_number:
        return html(item.text)
    choices = "".join(f"<li>{line(answer.text)}</li>" for answer in item.answers)
    return f'{html(item.text)}<ol type="A">{choices}</ol>'


def _answered(item: Item) -> str:
    """Return the answers, each with what is said to it."""
    said = "".join(
        f'<li class="{"right" if answer.right else "wrong"}">{line(answer.text)}'
        f"{' (right)' if answer.right else ''}{html(answer.feedback)}</li>"
        for answer in item.answers
    )
    other = f"<p>Any other number: {line(item.other)}</p>" if item.other else ""
    return f"<{'ul' if item.for_a_number else 'ol type=A'}>{said}".replace("type=A", 'type="A"') + (
        f"</{'ul' if item.for_a_number else 'ol'}>{other}"
    )


def write(target: Path, found: Sequence[Card], seconds: int) -> None:
    """Write a deck; ``seconds`` since 1970 say which of two decks is the later one."""
    model = genanki.Model(
        MODEL,
        "Neural Network Basics",
        fields=[{"name": "Front"}, {"name": "Back"}, {"name": "Kind"}],
        templates=[
            {
                "name": "Card",
                "qfmt": '<div class="of">{{Kind}}</div>{{Front}}',
                "afmt": "{{FrontSide}}<hr id=answer>{{Back}}",
            }
        ],
        css=STYLE,
    )
    book, decks = settings()["title"], dict[str, genanki.Deck]()
    for card in found:
        deck = decks.setdefault(
            card.deck, genanki.Deck(DECK + zlib.crc32(card.deck.encode()), f"{book}::{card.deck}")
        )
        deck.add_note(
            genanki.Note(
                model=model,
                fields=[card.front, card.back, card.kind],
                guid=genanki.guid_for(card.label),
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "deck.apkg"
        genanki.Package(list(decks.values())).write_to_file(str(made), timestamp=seconds)
        with zipfile.ZipFile(made) as held:
            archive({name: held.read(name) for name in held.namelist()}, target)
