"""Questions as Moodle's XML: feedback to each answer, formulas for MathJax, pictures inside.

A quiz becomes a category of the question bank. What a seed draws several times gets a category of
its own, from which a quiz can take one at random.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

from lxml import etree
from lxml.builder import E
from markup import html
from sources import settings

from exams.model import Answer, Item, Picture

KINDS = {True: "numerical", False: "multichoice"}


def write(target: Path, quizzes: Mapping[str, list[Item]]) -> None:
    """Write questions by the names of their categories."""
    quiz, book = E.quiz(), settings()["title"]
    for title, items in quizzes.items():
        for variant_of, alike in groupby(items, key=lambda item: item.variant_of):
            quiz.append(_category(book, title, variant_of))
            quiz.extend(map(_question, alike))
    made = etree.tostring(quiz, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    target.write_bytes(made)


def _category(*names: str) -> etree._Element:
    """Return what says to which category the next questions belong."""
    # A slash in a name is written twice.
    path = "/".join(["$course$/top", *(name.replace("/", "//") for name in names if name)])
    return E.question(E.category(E.text(path)), type="category")


def _question(item: Item) -> etree._Element:
    kind = KINDS[item.for_a_number] if item.answers else "essay"
    return E.question(
        E.name(E.text(item.title)),
        _text("questiontext", item.text, item.pictures),
        _text("generalfeedback", item.solution),
        E.defaultgrade(str(item.points)),
        E.penalty("0.3333333"),
        E.hidden("0"),
        E.idnumber(item.label),
        *(_answered(item) if item.answers else _written(item)),
        type=kind,
    )


def _text(name: str, text: str, pictures: Iterable[Picture] = ()) -> etree._Element:
    """Return a text as HTML, with the pictures that it shows."""
    held = html(text, lambda picture: f"@@PLUGINFILE@@/{picture}") if text else ""
    made = E(name, E.text(etree.CDATA(held)), format="html")
    for picture in pictures:
        file = E.file(b64encode(picture.png).decode(), path="/", encoding="base64")
        file.set("name", picture.name)
        made.append(file)
    return made


def _answered(item: Item) -> Iterator[etree._Element]:
    """Yield what is answered by a choice or a number."""
    if not item.for_a_number:
        yield from (E.single("true"), E.shuffleanswers("true"), E.answernumbering("abc"))
    for answer in item.answers:
        yield _number(answer) if item.for_a_number else _choice(answer)
    if item.other:
        any_other = E.answer(E.text("*"), _text("feedback", item.other), E.tolerance("0"))
        any_other.set("fraction", "0")
        yield any_other


def _choice(answer: Answer) -> etree._Element:
    made = _text("answer", answer.text)
    made.set("fraction", "100" if answer.right else "0")
    made.append(_text("feedback", answer.feedback))
    return made


def _number(answer: Answer) -> etree._Element:
    fraction = "100" if answer.right else "0"
    return E.answer(
        E.text(f"{answer.value:.15g}"),
        _text("feedback", answer.feedback),
        E.tolerance(f"{answer.off_by:.10g}"),
        fraction=fraction,
    )


def _written(item: Item) -> Iterator[etree._Element]:
    """Yield what is answered by a text; those who mark it see the scheme."""
    yield from (E.responseformat("editor"), E.responserequired("1"), E.responsefieldlines("10"))
    yield from (E.attachments("0"), _text("graderinfo", item.scheme))
