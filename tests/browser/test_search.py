"""The search of the built book, opened as a file."""

import re
import tomllib
from pathlib import Path

import editions
import pytest
import sources
from absent import absent, anchor_of
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

import nnlib

HERE = Path(__file__).resolve().parent
QUERIES = tomllib.loads((HERE / "queries.toml").read_text(encoding="utf-8"))
PAGES = {path.relative_to(sources.ROOT).with_suffix("").as_posix() for path in sources.pages()}
# Of a book that leaves chapters out, only what it has is looked for.
GONE = absent(sources.ROOT, tuple(sorted(PAGES - editions.LEFT_OUT[""])))
EXPECTED = {
    query: kept
    for part in QUERIES.values()
    for query, places in part.items()
    if (kept := [place for place in places if place not in GONE.labels])
}
GLOSSARY = HERE.parents[1] / "chapters" / "glossary.md"
WRITTEN = re.findall(r"^(\S.*)\n {2,}\S", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
TERMS = [term for term in WRITTEN if term not in GONE.terms]
# Of each query the anchors that are found, the best first, and how long that takes.
SEARCH = """queries => queries.map((query) => {
    const start = performance.now();
    const found = bookSearch(query, 12).map(({ anchor }) => anchor);
    return [found, performance.now() - start];
})"""
OPTIONS = "#search-found [role=option]"


@pytest.fixture
def search(open_page):
    """Return a function that opens a page with the dialog on it, and types."""

    def searched(query, *settings, name="chapters/bibliography"):
        page = open_page(name, *settings)
        page.keyboard.press("Control+k")
        page.keyboard.type(query)
        page.wait_for_function("q => document.querySelector('#search-said').textContent", arg=query)
        return page

    return searched


@pytest.fixture
def find(search):
    """Return a function that looks for many queries, and times each."""
    page = search("softmax")
    return lambda queries: page.evaluate(SEARCH, list(queries))


def test_the_right_place_comes_first(find):
    results = [found for found, _ in find(EXPECTED)]
    ranks = {
        query: next((i for i, place in enumerate(found) if place in places), 12)
        for (query, places), found in zip(EXPECTED.items(), results, strict=True)
    }
    assert {query: rank for query, rank in ranks.items() if rank > 2} == {}
    later = [query for query, rank in ranks.items() if rank]
    assert len(later) <= 0.05 * len(ranks), later


def test_it_takes_no_time(find):
    times = sorted(time for _, time in find(EXPECTED))
    assert times
    assert times[len(times) // 2] < 50
    assert times[int(0.95 * len(times))] < 150


def test_every_term_of_the_glossary_is_found(find):
    assert len(WRITTEN) > 60
    anchors = map(anchor_of, TERMS)
    results = find(TERMS)
    missing = [term for term, (found, _) in zip(anchors, results, strict=True) if term not in found]
    assert missing == []


def test_every_name_of_nnlib_is_found(find):
    results = find(nnlib.__all__)
    missing = [
        name
        for name, (found, _) in zip(nnlib.__all__, results, strict=True)
        if not any(re.fullmatch(rf"nnlib\.(\w+\.)?{name}", place) for place in found)
    ]
    assert missing == []


def test_every_place_is_there_and_so_is_what_the_queries_expect(search, html):
    page = search("softmax")
    places = page.evaluate("bookPlaces.places.map(({ page, anchor }) => [page, anchor])")
    anchors = {
        name: {
            tag["id"]
            for tag in BeautifulSoup((html / f"{name}.html").read_text(), "html.parser")(id=True)
        }
        for name in {name for name, _ in places}
    }
    assert [place for place in places if place[1] not in anchors[place[0]]] == []
    assert set().union(*EXPECTED.values()) <= {anchor for _, anchor in places}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "light"), (360, "dark")])
def test_the_dialog_is_accessible_and_keeps_to_the_window(search, width, scheme):
    page = search("dead relu", width, scheme)
    page.locator(OPTIONS).first.wait_for()
    results = Axe().run(page, options={"preload": False})
    assert results.violations_count == 0, results.generate_report()
    page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


def test_a_place_is_found_by_keyboard_and_shows_itself(search):
    page = search("dead relu", 1280)
    field = page.locator("[role=combobox]")
    assert page.locator(OPTIONS).count() > 3
    for key, chosen in (("ArrowDown", 1), ("ArrowUp", 0), ("ArrowUp", -1), ("ArrowDown", 0)):
        page.keyboard.press(key)
        options = page.locator(OPTIONS)
        active = options.nth(chosen % options.count())
        assert field.get_attribute("aria-activedescendant") == active.get_attribute("id")
        assert page.locator(f"{OPTIONS}[aria-selected=true]").count() == 1
        assert page.locator(":focus").get_attribute("role") == "combobox"
    page.keyboard.press("Enter")
    page.wait_for_url("**/02_activation_functions.html?found=*#sec-dying")
    heading = page.locator(".found > h2")
    assert "Dying units" in heading.inner_text()
    page.evaluate("window.MathJax?.startup?.promise")
    assert 0 <= heading.bounding_box()["y"] < 400
    marked = "[...CSS.highlights.get('found')].map(String).map((word) => word.toLowerCase())"
    assert {"dead", "relu", "units"} <= set(page.evaluate(marked))
    page.keyboard.press("Escape")
    assert page.locator(".found").count() == 0
    assert page.evaluate("CSS.highlights.has('found')") is False


def test_a_place_that_is_folded_opens(search):
    page = search("relu derivative at zero")
    page.keyboard.press("Enter")
    page.wait_for_url("**#sec-corner")
    assert page.locator(".found > details[open] p").first.is_visible()


def test_a_term_shows_its_own_words_alone(search):
    page = search("weight decay")
    page.locator(OPTIONS, has_text="Glossary").first.click()
    page.wait_for_url("**/glossary.html?*")
    assert page.locator("dt.found").inner_text().startswith("weight decay")
    assert 0 < page.evaluate("CSS.highlights.get('found').size") < 10


def test_escape_gives_the_focus_back(open_page):
    page = open_page("chapters/index", 1280)
    page.locator("button.search-button-field").press("Enter")
    page.locator("[role=combobox]:focus").wait_for()
    page.keyboard.press("Escape")
    page.locator("#pst-search-dialog").wait_for(state="hidden")
    assert "search-button-field" in page.locator(":focus").get_attribute("class")


def test_what_the_book_lacks_is_not_found(search):
    page = search("xylophone")
    assert page.locator("#search-said").inner_text() == "Nothing is found for “xylophone”"
    assert page.locator("#search-found").is_hidden()
    page.keyboard.press("Enter")
    assert page.locator("#pst-search-dialog").is_visible()


def test_paper_has_nothing_of_it(search):
    page = search("dead relu")
    page.emulate_media(media="print")
    assert page.locator("#pst-search-dialog").is_hidden()


def test_only_who_searches_loads_the_places(open_page):
    page = open_page("chapters/index", 1280)
    assert not any("places.js" in url for url in open_page.requested())
    page.keyboard.press("Control+k")
    page.wait_for_function("!!window.bookSearch")
    assert any("places.js" in url for url in open_page.requested())
