"""The book on paper, as ``make pdf`` prints it: complete, of full pages, with ways through it."""

import pdf
import pikepdf
import pytest
from bs4 import BeautifulSoup

#: What is stated, proved, asked or answered.
WORK = "article :is(.proof, .exercise, .solution, .quiz)[id]"


@pytest.fixture(scope="module")
def joined(html):
    return BeautifulSoup(pdf.join(html), "html.parser")


@pytest.fixture(scope="module")
def printed(html):
    path = html / pdf.PDF
    if not path.exists():
        pytest.skip("the book has not been printed: make pdf")
    with pikepdf.open(path) as book:
        yield book


def bookmarks(items, depth=0):
    for item in items:
        yield depth, item.title, item.destination
        yield from bookmarks(item.children, depth + 1)


@pytest.fixture(scope="module")
def chapters(printed):
    """Return the page on which each chapter starts, by its name."""
    pages = {page.objgen: number for number, page in enumerate(printed.pages)}
    with printed.open_outline() as outline:
        return {
            title: pages[place[0].objgen]
            for depth, title, place in bookmarks(outline.root)
            if depth == 0
        }


def lines(page):
    """Return the height above the lower edge, in points, of each line and picture of a page."""
    matrix, outer, heights = pikepdf.Matrix(), [], []
    for operands, operator in pikepdf.parse_content_stream(page, "q Q cm Tm Do"):
        match str(operator):
            case "q":
                outer.append(matrix)
            case "Q":
                matrix = outer.pop()
            case "cm":
                matrix = pikepdf.Matrix(*operands) @ matrix
            case "Tm":
                heights.append((pikepdf.Matrix(*operands) @ matrix).f)
            case "Do":
                heights.append(matrix.f)
    return heights


def test_no_statement_proof_exercise_or_solution_is_left_out(html, joined):
    kept = {tag["id"] for tag in joined.select("[id]")}
    lost = [
        f"{name}: {tag['id']}"
        for name in pdf.names_in_order(pdf.read(html, pdf.OPENING))
        for tag in pdf.read(html, name).select(WORK)
        if pdf.identifier(name, tag["id"]) not in kept
    ]
    assert lost == []


def test_a_page_is_a_third_full_unless_a_chapter_ends_on_it(printed, chapters):
    top, bottom = 785, 57  # of the text, on A4
    ends = {start - 1 for start in chapters.values()} | {len(printed.pages) - 1}
    bare = [
        number + 1
        for number, page in enumerate(printed.pages)
        if number not in ends
        and top - min(y for y in lines(page) if y > bottom - 10) < (top - bottom) / 3
    ]
    assert bare == []


def test_the_book_is_no_longer_and_no_heavier_than_need_be(html, printed):
    assert len(printed.pages) <= 300
    assert (html / pdf.PDF).stat().st_size < 12e6


def test_every_chapter_has_a_bookmark_and_every_link_a_target(html, printed, chapters):
    assert len(chapters) == len(pdf.names_in_order(pdf.read(html, pdf.OPENING))) + 2
    assert list(chapters.values()) == sorted(set(chapters.values()))
    links = [
        str(note.Dest)
        for page in printed.pages
        for note in page.get("/Annots", [])
        if "/Dest" in note
    ]
    assert len(links) > 1000
    assert set(links) <= set(printed.Root.Dests.keys())


def test_letters_are_set_in_fonts_and_not_drawn(printed):
    fonts = {
        str(font.Subtype)
        for page in printed.pages
        for font in page.get("/Resources", {}).get("/Font", {}).values()
    }
    assert fonts == {"/Type0"}
