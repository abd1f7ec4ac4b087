"""The pages of a graded class: whole, safe, and readable without a network."""

import os
import re
import shutil
from html.parser import HTMLParser

import pytest
from axe_playwright_python.sync_playwright import Axe
from grading.grade import load_rubric
from grading.marks import LatePolicy, Settings
from grading.questions import PARSER, read_questions, set_formula
from grading.submission import SOURCE
from playwright.sync_api import sync_playwright

from . import made
from .made import ITEM, QUESTION

ASSIGNMENTS = sorted(path.parent.name for path in SOURCE.glob("*/*.ipynb"))
PAGES = ("feedback/ada", "feedback/bert", "written", "class", "similar")
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
EVIL = '</pre></blockquote><script>alert(1)</script><img src=x onerror="alert(1)">'


def questions(assignment, book=""):
    rubric = load_rubric(assignment)
    names = (*(item.name for item in rubric.items), *rubric.written)
    return read_questions(assignment, names, book)


def render(text, book="https://example.org/book/"):
    links = []
    return PARSER.render(text, {"book": book, "links": links}), links


class Tags(HTMLParser):
    """All tags of a page with their attributes, and what it says."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words += data


# --- questions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_every_item_has_a_title_a_text_and_whole_formulas(assignment):
    for name, question in questions(assignment).items():
        assert question.title
        assert not re.search(r"\d+ points?\)|^\d+\.", question.title)
        assert question.text.striptags()
        assert "$" not in question.text
        assert not re.search(r">\s*&(amp;)?\s*<", question.text + question.scheme)
        assert not re.findall(r"<m[a-z]+[^>]*>\\\w+|<code>\\", question.text + question.scheme), (
            name
        )


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_links_of_the_questions_lead_to_sections_of_the_book(assignment):
    for question in questions(assignment, "https://example.org/book").values():
        for link in question.links:
            page = re.fullmatch(
                r"https://example\.org/book/(chapters/\w+)\.html(?:#([\w-]+))?", link.address
            )
            (source,) = SOURCE.parents[1].glob(f"{page[1]}.*")
            label = rf"\({page[2]}\)=|:label: {page[2]}\b"
            assert page[2] is None or re.search(label, source.read_text(encoding="utf-8"))


def test_lines_that_are_aligned_stand_below_each_other():
    page, _ = render("$$\n\\begin{aligned}\na &= b \\\\\nc &= d\n\\end{aligned}\n$$")
    assert [tag for tag, _ in Tags(page).tags].count("mtr") == 2
    assert "&" not in Tags(page).words


def test_a_question_begins_at_its_heading():
    for assignment in ASSIGNMENTS:
        for name, question in questions(assignment).items():
            assert "<code>" not in question.title, name
    asked = questions("pytorch")["train_with_patience"]
    assert asked.text.striptags().startswith("The loss on the training digits")


SECTION = '[Chapter 4, "Temperature"](../../../chapters/04_softmax_and_kl.ipynb#sec-temperature)'


def test_a_link_to_a_chapter_leads_to_the_published_book():
    page, links = render(f"See {SECTION}.")
    address = "https://example.org/book/chapters/04_softmax_and_kl.html#sec-temperature"
    assert f'<a href="{address}">Chapter 4, &quot;Temperature&quot;</a>' in page
    assert links == [('Chapter 4, "Temperature"', address)]


def test_without_a_published_book_a_link_is_text():
    page, links = render(f"See {SECTION} and [more](other.ipynb).", book="")
    assert "<a" not in page
    assert "Temperature" in page
    assert links == [('Chapter 4, "Temperature"', "")]


def test_html_and_scripts_in_a_text_stay_text():
    page, _ = render(
        f"{EVIL} [x](javascript:alert(1)) $\\text{{{EVIL}}}$ $\\href{{javascript:1}}{{x}}$"
    )
    assert {tag for tag, _ in Tags(page).tags}.isdisjoint({"script", "img", "a"})


@pytest.mark.parametrize(
    "latex", ["", "}", r"\frac{1", r"\begin{cases}", "a < b & c", r"\left(", "<script>"]
)
def test_a_formula_that_fails_is_no_error(latex):
    assert "<script" not in set_formula(latex, {})


# --- what students wrote --------------------------------------------------------------------------


@pytest.fixture
def odd_class(tmp_path):
    """Pages of a class with all that can be on them."""
    ada = made.result(
        "ada",
        answer="",
        lost=[ITEM],
        notes=[EVIL, *(f"note {n}" for n in range(9))],
        elsewhere=[
            {"where": "cell 7", "text": EVIL, "pictures": [PIXEL, "data:image/svg+xml;base64,AAAA"]}
        ],
        timed_out=[ITEM],
    )
    ada["items"][0] |= {"code": EVIL, "remarks": [EVIL]}
    for part in ada["items"][0]["parts"]:
        part |= {"message": f"it gave {EVIL}", "mistake": "the wrong axis", "hint": "Which axis?"}
    bert = made.result("bert", answer=f"{EVIL} {'word ' * 80}{'x' * 300}", lost=[ITEM])
    bert["written"][QUESTION]["pictures"] = [PIXEL]
    bert["items"][0]["parts"][0] |= {"mistake": "the wrong axis", "hint": "Which axis?"}
    cleo = made.result("cleo", answer=f"{EVIL} {'one two three four five six seven ' * 3}")
    dora = made.result("dora", answer=f"{EVIL} {'one two three four five six seven ' * 3}")
    everyone = [one | {"waited": 0.7} for one in (ada, bert, cleo, dora)]
    made.write(tmp_path, everyone)
    made.fill_in(tmp_path / "overrides.csv", f"bert,{ITEM},1,<b>we have talked</b>")
    made.fill_in(tmp_path / "late.csv", "bert,2")
    late = LatePolicy.parse("10% a day")
    made.write(tmp_path, everyone, Settings(late=late, book="https://example.org/book"))
    return tmp_path


@pytest.mark.parametrize("name", PAGES)
def test_what_a_student_writes_is_text(odd_class, name):
    page = Tags((odd_class / f"{name}.html").read_text(encoding="utf-8"))
    assert "script" not in {tag for tag, _ in page.tags}
    assert {attributes["src"] for tag, attributes in page.tags if tag == "img"} <= {PIXEL}
    assert "<b>we" not in (odd_class / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "address",
    [
        "data:image/svg+xml;base64,AAAA",
        "data:text/html;base64,AAAA",
        "data:image/png,<svg onload=alert(1)>",
        "https://example.org/seen.png",
        'data:image/png;base64,AAAA" onerror="alert(1)',
        "",
    ],
)
def test_only_pictures_are_shown_as_pictures(tmp_path, address):
    student = made.result("ada", answer="")
    student["written"][QUESTION]["pictures"] = [address]
    made.write(tmp_path, [student])
    for name in ("written", "feedback/ada"):
        page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert "<img" not in page
        assert "no picture, or of a kind that is not shown" in page


def test_a_lost_item_points_to_its_section(tmp_path, monkeypatch):
    made.write(tmp_path, [made.result("ada", lost=[ITEM])], Settings(book="https://example.org"))
    page = (tmp_path / "feedback" / "ada.html").read_text(encoding="utf-8")
    links = questions(made.NAME, "https://example.org")[ITEM].links
    assert page.count("Read again: ") == bool(links)
    assert all(link.address in page for link in links)


def test_the_class_sees_its_commonest_mistake_with_the_books_question(odd_class):
    words = Tags((odd_class / "class.html").read_text(encoding="utf-8")).words
    assert re.search(r"2\s*the wrong axis\s*" + ITEM + r"\s*Which axis\?", words)
    assert (
        "students by points: 1 with 0, 1 with 1, 2 with" in (odd_class / "class.html").read_text()
    )
    assert "The machine was overloaded" in words
    assert "4 students wait" in words


def test_similar_answers_stand_side_by_side(odd_class):
    words = Tags((odd_class / "similar.html").read_text(encoding="utf-8")).words
    assert "cleo and dora" in words
    assert "never a verdict" in words


# --- in a browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium: apt install chromium, or set BROWSER_PATH")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]) as browser,
    ):
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_are_accessible_fit_and_stay_at_home(odd_class, browser, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    for name in PAGES:
        page.goto((odd_class / f"{name}.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) == 0, name
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(
                path=f"{folder}/{name.replace('/', '-')}-{width}-{scheme}.png", full_page=True
            )
    page.close()
    assert not [url for url in requested if not url.startswith(("file:", "data:"))]
