"""Exams with their keys, the formula sheet and the summaries, before and after they are printed."""

from collections import Counter

import bank
import built
import exam
import paper
import pikepdf
import pytest
import sheet
from bs4 import BeautifulSoup
from statements import marked

# Those of the packages that make the book.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def book():
    return built.Book(bank.HTML)


@pytest.fixture(scope="module")
def found(book):
    return list(bank.exam_questions(book))


def text_of(html):
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


@pytest.mark.parametrize("minutes", [30, 90, 180])
def test_an_exam_has_its_time_and_all_chapters(minutes, found):
    for seed in range(20):
        chosen = exam.choose(found, minutes, seed)
        spent = Counter()
        for page, question in chosen:
            spent[page] += question.minutes
        everything = sum(question.minutes for _, question in found)
        assert min(minutes, everything) - 10 <= spent.total() <= minutes
        if minutes >= 90:
            assert spent.keys() == {page for page, _ in found}
        assert len({question.id for _, question in chosen}) == len(chosen)
        assert chosen == exam.choose(found, minutes, seed)


def test_an_exam_has_the_questions_named_in_their_order(found):
    names = [question.id for _, question in found[:3]][::-1]
    assert [question.id for _, question in exam.named(found, names)] == names
    with pytest.raises(SystemExit, match="no question q-nothing; there are q-"):
        exam.named(found, ["q-nothing"])


def test_a_paper_has_no_solution_and_its_key_has_all(found):
    asked = [(question, question.item(7, page)) for page, question in found]
    put, solved = text_of(exam.paper(asked, 7)), text_of(exam.key(asked, 7))
    for question, item in asked:
        assert question.title in put
        assert question.title in solved
        assert question.id in solved
        assert question.id not in put
        for mark in item.marks:
            assert text_of(exam.line(mark.earns, paper=True)) in solved
        for answer in item.answers:
            assert text_of(exam.line(answer.feedback, paper=True)) in solved
            assert text_of(exam.line(answer.feedback, paper=True)) not in put


def test_a_sheet_has_every_statement_that_is_tested(book):
    html = BeautifulSoup(sheet.sheet(book), "html.parser")
    numbers = [tag.get_text().split()[0] for tag in html.select(".entry b")]
    stated = [one for page in book.chapters for one in book.statements(page)]
    assert numbers == [one.number for one in stated if one.label in marked()]
    assert len(numbers) == len(stated)
    assert html.select(".entry math")
    assert html.select(".entry i")


def test_sheets_and_summaries_have_their_pages(book, tmp_path):
    made = list(sheet.write(book, tmp_path))
    assert [path.name for path in made] == [
        f"{name}-{size}.pdf" for size in paper.FORMATS for name in ("formula-sheet", "summaries")
    ]
    for path in made:
        with pikepdf.open(path) as printed:
            assert len(printed.pages) == (2 if "sheet" in path.name else len(book.chapters))
            width, height = map(float, printed.pages[0].mediabox[2:])
            assert (round(width), round(height)) == (
                (595, 842) if "A4" in path.name else (612, 792)
            )


def test_the_same_exam_is_printed_in_the_same_bytes(found, tmp_path):
    asked = [(question, question.item(7, page)) for page, question in found[:5]]
    printed = []
    for name in ("first", "second"):
        with paper.press(bank.HTML) as printer:
            printer.lay("An exam", exam.paper(asked, 7), "A4")
            printer.print(tmp_path / f"{name}.pdf")
        printed.append((tmp_path / f"{name}.pdf").read_bytes())
    assert printed[0] == printed[1]
