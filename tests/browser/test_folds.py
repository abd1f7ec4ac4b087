"""What a page folds: closed at first, opened by hand, by a link, and on paper."""

import json

import pytest
import sources
from reading import DEEPER, measure

CHAPTERS = {path.stem: path for path in sources.lessons()}


def parts_below_going_deeper(chapter):
    cells = json.loads(CHAPTERS[chapter].read_text(encoding="utf-8"))["cells"]
    lines = "\n".join(
        "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    ).splitlines()
    deeper = False
    for line in lines:
        if line.startswith("## "):
            deeper = line == f"## {DEEPER}"
        elif deeper and line.startswith("### "):
            yield line.removeprefix("### ")


def test_each_part_of_what_goes_deeper_is_closed_under_its_heading(driven, chapter):
    page = driven()
    folds = page.locator("details.deeper")
    assert folds.locator("> summary > h3").count() == folds.count()
    assert folds.count() == len(list(parts_below_going_deeper(chapter)))
    assert page.locator("details.deeper[open]").count() == 0


def test_a_chapter_says_below_its_title_how_long_it_takes(drive, chapter):
    said = drive().locator("h1 + .reading-time")
    # Where there are slides, it leads to them, too.
    assert said.inner_text().removesuffix(" Slides.") == str(measure(CHAPTERS[chapter]))


def test_tests_of_a_statement_are_folded_to_their_number(drive):
    page = drive()
    for fold in page.locator(".proof details.tested-by:visible").all():
        summary, names = fold.locator("summary"), fold.locator("code")
        assert not names.first.is_visible()
        summary.press("Enter")
        assert names.first.is_visible()
        count = sum(name.inner_text().startswith("test_") for name in names.all())
        assert summary.inner_text() == f"Tested by {count} test{'s' * (count > 1)}"
        summary.press("Enter")


def test_a_proof_that_is_a_dropdown_opens_and_is_called_after_its_statement(drive):
    page = drive()
    for proof in page.locator(".proof:has(> .proof-fold)").all():
        statement = proof.get_attribute("id").removesuffix("-proof")
        assert page.locator(f"[id='{statement}'].proof").count() == 1
        said = proof.locator("> details > :not(summary)").first
        assert not said.is_visible()
        proof.locator("summary").press("Enter")
        assert said.is_visible()
        assert proof.locator("summary").inner_text() == "Proof"
        assert not said.inner_text().startswith("Proof")
        proof.locator("summary").press("Enter")


def test_hidden_code_opens_by_a_name_that_says_what_it_has_made(drive):
    page = drive()
    for cell in page.locator(".cell.tag_hide-input").all():
        shown = cell.locator("summary .collapsed").text_content()
        assert cell.locator("summary .expanded").text_content() == shown.replace("Show", "Hide")
        if shown.endswith(("draws this", "prints this")):
            drawn = cell.locator(".cell_output :is(img, div.chart)").count() > 0
            assert shown == f"Show the code that {'draws' if drawn else 'prints'} this"


@pytest.fixture
def deep(open_page):
    """Return a function that opens the last chapter with something that goes deeper."""
    name = next(name for name in reversed(CHAPTERS) if list(parts_below_going_deeper(name)))
    return lambda width=1280: open_page(f"chapters/{name}", width)


def opened(page):
    return page.locator("details.deeper[open]")


def test_a_part_opens_and_closes_by_keyboard(deep):
    page = deep()
    fold = page.locator("details.deeper").first
    inside = fold.locator("> p").first
    assert not inside.is_visible()
    fold.locator("> summary").press("Enter")
    assert inside.is_visible()
    fold.locator("> summary").press("Space")
    assert not inside.is_visible()


def go(page, anchor):
    page.evaluate("anchor => { location.hash = anchor; }", anchor)


def test_a_link_to_a_part_or_into_it_opens_it_and_no_other(deep):
    page = deep()
    sections = page.locator("section:has(> details.deeper)").all()
    for section in sections:
        inside = section.locator(".proof[id], figure[id]").evaluate_all("all => all.map(e => e.id)")
        names = section.locator("> span[id]").evaluate_all("all => all.map(e => e.id)")
        for anchor in [section.get_attribute("id"), *names, *inside]:
            page.evaluate("document.querySelectorAll('.deeper').forEach(d => { d.open = false; })")
            go(page, anchor)
            section.locator("> details[open]").wait_for()
            assert opened(page).count() == 1
            top = page.locator(f"[id='{anchor}']").bounding_box()["y"]
            assert 0 <= top < 844, f"{anchor} is out of sight"


def test_a_link_that_is_followed_twice_opens_a_part_twice(deep):
    page = deep()
    link = page.locator("#pst-page-toc-nav a:visible").last
    anchor = page.locator("section:has(> details.deeper)").first.get_attribute("id")
    link.evaluate("(link, anchor) => { link.href = '#' + anchor; }", anchor)
    for _ in range(2):
        link.click()
        opened(page).wait_for()
        page.locator("details.deeper > summary").first.press("Enter")
        assert opened(page).count() == 0


def test_a_page_that_is_opened_at_a_folded_place_shows_it(deep):
    page = deep()
    anchor = page.locator("section:has(> details.deeper)").last.get_attribute("id")
    go(page, anchor)
    page.reload()
    opened(page).wait_for()
    page.wait_for_function(
        "id => document.getElementById(id).getBoundingClientRect().top < 400", arg=anchor
    )


def test_paper_shows_what_is_folded_deeper(deep):
    page = deep()
    inside = page.locator("details.deeper > p").first
    assert not inside.is_visible()
    page.emulate_media(media="print")
    assert inside.is_visible()


def test_without_javascript_a_part_opens(browser, html):
    name = next(name for name in reversed(CHAPTERS) if list(parts_below_going_deeper(name)))
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((html / "chapters" / f"{name}.html").as_uri())
        fold = page.locator("details.deeper").first
        fold.locator("> summary").press("Enter")
        assert fold.locator("> p").first.is_visible()
