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
