"""Every built page, on a phone and on a desk, by day and by night: complete and within reach."""

import gzip
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,  # no second look at style sheets, which a page opened as a file cannot fetch
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_is_accessible_and_stands_still(open_page, built_page, width, scheme):
    page = open_page(built_page, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("mjx-merror").count() == 0
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()


def test_every_picture_says_what_it_shows(html, built_page):
    page = BeautifulSoup((html / f"{built_page}.html").read_text(), "html.parser")
    for picture in page.select("article img"):
        said = picture.get("alt", "")
        assert len(said) > 40, picture["src"]
        assert ".png" not in said


def kilobytes(urls):
    """What a server sends for these files, compressed where that helps, but for Vega."""
    paths = [Path(unquote(urlsplit(url).path)) for url in urls if url.startswith("file:")]
    files = [path.read_bytes() for path in paths if not path.name.startswith("vega-")]
    return sum(min(len(data), len(gzip.compress(data))) for data in files) / 1000


def test_a_chapter_is_light_and_the_next_one_lighter(open_page):
    open_page("chapters/01_multilayer_perceptrons")
    first = set(open_page.requested)
    assert 100 < kilobytes(first) < 800
    open_page("chapters/02_activation_functions")
    assert kilobytes(open_page.requested - first) < 300


def test_a_formula_too_wide_for_a_phone_can_be_scrolled_by_keyboard(open_page):
    page = open_page("chapters/01_multilayer_perceptrons")
    wide = page.locator(".math mjx-container[tabindex]:visible")
    assert wide.count() > 0
    wide.first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


def test_no_line_begins_with_the_mark_behind_a_formula(open_page, built_page):
    lonely = """() => [...document.querySelectorAll(".bd-article span.math")].filter((math) => {
        const next = math.nextSibling;
        if (next?.nodeType !== Node.TEXT_NODE || !/^[.,:;!?)]/.test(next.data)) return false;
        const range = document.createRange();
        range.setStart(next, 0);
        range.setEnd(next, 1);
        const mark = range.getBoundingClientRect();
        return mark.width && mark.left < math.getBoundingClientRect().left;
    }).map((math) => math.textContent)"""
    assert open_page(built_page).evaluate(lonely) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["chapters/index", "chapters/01_multilayer_perceptrons"])
def test_whoever_goes_by_keyboard_sees_where_they_are(open_page, name, scheme):
    page = open_page(name, 1280, scheme)
    page.evaluate("""() => {
        const ring = (element) => {
            const { outline, outlineStyle, boxShadow } = getComputedStyle(element);
            return boxShadow + (outlineStyle === "none" ? "" : outline);
        };
        window.stops = [];
        window.unseen = [];
        document.addEventListener("focusin", ({ target }) => {
            const focused = ring(target);
            stops.push(target);
            target.addEventListener("blur", () => setTimeout(() => {
                if (ring(target) === focused) unseen.push(target.outerHTML);
            }), { once: true });
        });
    }""")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to main content"
    while page.evaluate("document.activeElement !== document.body"):
        page.keyboard.press("Tab")
    assert page.evaluate("stops.length") > 40
    assert page.evaluate("stops.length === new Set(stops).size")
    assert page.evaluate("unseen") == []
    formulas = "stops.filter((stop) => stop.closest('.math')).map((stop) => stop.textContent)"
    assert page.evaluate(formulas) == []  # here all of them fit
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("main :focus").count() == 1


def test_nothing_moves_for_those_who_ask_for_that(open_page, built_page):
    moving = """() => [...document.querySelectorAll("*")].filter((element) =>
        ["", "::before", "::after"].some((part) => {
            const style = getComputedStyle(element, part || null);
            return style.animationName !== "none" || style.scrollBehavior === "smooth"
                || style.transitionDuration.split(",").some((time) => parseFloat(time) > 0.001);
        })).map((element) => element.className)"""
    assert open_page(built_page, 1280).evaluate(moving) == []
