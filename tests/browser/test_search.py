"""The search page of the built book, opened as a file."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

import nnlib

GLOSSARY = Path(__file__).resolve().parents[2] / "chapters" / "glossary.md"
TERMS = re.findall(r"^(\S.*)\n {2,}\S", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
# What the page would list of each query: the best come last.
SEARCH = """queries => queries.map((query) =>
    Search._performSearch(...Search._parseQuery(query)).map(([, title, anchor]) => title + anchor))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_typed_is_found(open_page, scheme):
    page = open_page("search", 1280, scheme)
    page.locator("main input[name=q]").fill("saturated unit")
    page.keyboard.press("Enter")
    first = page.locator("#search-results li a").first
    first.wait_for()
    page.get_by_text("Search finished").wait_for()
    results = Axe().run(page, options={"preload": False})
    assert results.violations_count == 0, results.generate_report()
    first.click()
    assert page.locator("dt:target").inner_text().startswith("saturated unit")


@pytest.fixture
def found(open_page):
    """Return a function that looks for each of many words."""
    page = open_page("search")
    page.wait_for_function("Search.hasIndex()")
    return lambda queries: dict(zip(queries, page.evaluate(SEARCH, queries), strict=True))


def test_search_finds_every_term_of_the_glossary(found):
    assert len(TERMS) > 60
    results = found(TERMS)
    assert [term for term in TERMS if f"{term}#term-{anchor(term)}" not in results[term]] == []


def anchor(term):
    return re.sub(r"\W+", "-", term.encode("ascii", "ignore").decode()).strip("-")


def test_search_finds_every_name_of_nnlib(found):
    results = found(nnlib.__all__)
    missing = [
        name
        for name, places in results.items()
        if not any(re.search(rf"#nnlib\.(\w+\.)?{name}\b", place) for place in places)
    ]
    assert missing == []


def test_search_finds_nothing_of_what_the_book_lacks(found):
    assert found(["xylophone"]) == {"xylophone": []}
