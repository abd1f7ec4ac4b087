"""The edition for students holds no line of a solution; that for instructors holds the keys."""

import hashlib
import json
import re
from base64 import b64decode
from functools import cache
from itertools import chain

import exercises
import pytest
import sources
from bs4 import BeautifulSoup

import exams

from ..self_checks import self_checks

ALL = range(1, 1 + len(sources.lessons()))
# The one appendix with exercises.
EXAM = sources.file_of("chapters/practice_exam")
# The instructors' book lacks the first chapter, to which others refer.
LATER = ALL[1:]
# Of a line of Markdown: formulas, code, what a role or a link names, and the text between.
PIECE = re.compile(r"\$+|```\w*|`|\{[\w:]+\}|\]\([^)]*\)|[*\[\]|]")
# A shorter piece says nothing ("return x", "x = 2").
LETTERS = 15


@cache
def squeezed(text):
    """Return the letters and digits of a text, which markup leaves as they are."""
    return re.sub(r"[\W_]+", "", text).lower()


def said(cells):
    """Yield the pieces of each line of cells, and of what these print."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for line in cell["source"].splitlines():
                yield from PIECE.split(line)
        else:
            # How a function begins is given in the notebook to work in.
            yield from (line for line in cell["source"].splitlines() if line[:4] != "def ")
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            yield from "".join(text).splitlines()


def pieces_of_solutions(pages):
    """Return the pieces of the solutions of pages that stand nowhere else in these."""
    solved, other = set(), []
    for path in pages:
        cells = sources.cells(path)
        for solution in exercises.solutions(cells).values():
            solved.update(map(squeezed, said(solution)))
        other += said(exercises.without_solutions(cells))
    others = {*sources.pages()}.difference(sources.lessons(), pages)
    other += [sources.markdown(path) for path in others]
    other += [piece for path in others for piece in said(sources.cells(path))]
    other += [path.read_text("utf-8") for path in (sources.ROOT / "nnlib").rglob("*.py")]
    known = squeezed("\n".join(other))
    return {piece for piece in solved if len(piece) >= LETTERS and piece not in known}


def published(html):
    """Return all that a folder of pages says: in pages and their sources, the search, downloads."""
    texts = []
    for path in html.rglob("*"):
        if path.suffix == ".html":
            texts += shown(BeautifulSoup(path.read_text("utf-8"), "html.parser"))
        elif path.suffix == ".ipynb":
            texts += said(sources.cells(path))
        elif path.suffix in (".js", ".json", ".md", ".txt") and "vega" not in path.name:
            texts.append(path.read_text("utf-8"))
    return squeezed("\n".join(texts))


def shown(page):
    """Return what a page says, also of its pictures, and its formulas as they were written."""
    named = ("data-tex", "alt")
    return [page.get_text(), *(tag[name] for name in named for tag in page.select(f"[{name}]"))]


def pieces_of_exams(chapters):
    """Return of each exam question the longest piece of its text and of its solution."""
    asked = [q.item(1, "") for chapter in chapters for q in exams.questions(chapter, chapters)]
    pieces = [PIECE.split(text) for item in asked for text in (item.text, item.solution)]
    return {squeezed(max(split, key=len)) for split in pieces}


@pytest.fixture(scope="module")
def student(build):
    return build(ALL, "student")


@pytest.fixture(scope="module")
def instructor(build):
    return build(LATER, "instructor")


def test_the_search_for_solutions_finds_them_where_they_are(instructor):
    pages = [sources.lessons()[number - 1] for number in LATER]
    pieces, text = pieces_of_solutions(pages), published(instructor)
    assert len(pieces) > 500
    assert [piece for piece in pieces if piece not in text] == []


def test_students_get_no_line_of_a_solution(student):
    text = published(student)
    pieces = pieces_of_solutions([*sources.lessons(), EXAM])
    assert [piece for piece in pieces if piece in text] == []


def test_students_get_no_picture_of_a_solution(student):
    drawn = {
        hashlib.sha256(b64decode(output["data"]["image/png"])).digest()
        for path in sources.lessons()
        for solution in exercises.solutions(sources.cells(path)).values()
        for cell in solution
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", ())
    }
    given = {hashlib.sha256(path.read_bytes()).digest() for path in student.rglob("*.png")}
    assert drawn
    assert given
    assert given.isdisjoint(drawn)


def test_students_get_every_exercise(student):
    for path in sources.lessons():
        page = BeautifulSoup(
            (student / "chapters" / f"{path.stem}.html").read_text(), "html.parser"
        )
        asked = [tag["id"] for tag in page.select("div.exercise")]
        assert asked == list(exercises.solutions(sources.cells(path)))
        notebook = student / "_sources" / "chapters" / path.name
        assert json.loads(notebook.read_text())["cells"]


def test_students_get_no_page_for_instructors(student):
    for name in ("teaching", "grading", "keys", "questions"):
        assert not list(student.rglob(f"{name}.*"))
    home = BeautifulSoup((student / "chapters" / "index.html").read_text(), "html.parser")
    assert [link.get_text() for link in home.select(".buttons a")] == ["Read", "Run"]
    assert "solutions" not in home.article.get_text()


def test_students_get_no_exam_question(student):
    text = published(student)
    assert "qgibbs" not in text
    assert [piece for piece in pieces_of_exams(exams.CHAPTERS) if piece in text] == []


def test_instructors_get_the_exam_questions_of_their_chapters(instructor):
    there = exams.present(sources.lessons()[number - 1].stem for number in LATER)
    page = BeautifulSoup((instructor / "chapters" / "questions.html").read_text(), "html.parser")
    asked = [tag["id"] for tag in page.select(".exam-question")]
    assert asked == [q.id for chapter in there for q in exams.questions(chapter, there)]
    text = squeezed("\n".join(shown(page)))
    assert [piece for piece in pieces_of_exams(there) if piece not in text] == []


def test_instructors_get_the_right_answer_to_each_self_check(instructor):
    page = BeautifulSoup((instructor / "chapters" / "keys.html").read_text(), "html.parser")
    texts = [sources.markdown(sources.lessons()[number - 1]) for number in LATER]
    checks = [list(self_checks(text)) for text in texts]
    links = [link.get_text() for link in page.select("article a[href*='#check-']")]
    assert links == [
        f"{chapter}.{number}"
        for chapter, found in enumerate(checks, 1)
        for number in range(1, 1 + len(found))
    ]
    formulas = [tag["data-tex"] for tag in page.select("[data-tex]")]
    text = squeezed("\n".join([page.get_text(), *formulas]))
    for label, answers in chain.from_iterable(checks):
        (right,) = (answer for answer in answers if answer.right)
        said = [squeezed(piece) for piece in PIECE.split(f"{right.said} {right.why}")]
        assert [piece for piece in said if piece not in text] == [], label


def test_what_stands_in_an_absent_chapter_is_named_and_no_link(instructor):
    tested = BeautifulSoup((instructor / "chapters" / "tested.html").read_text(), "html.parser")
    assert "Universal approximation" in [tag.get_text() for tag in tested.article.select("em")]
    assert not tested.article.select("a[href*='01_']")
