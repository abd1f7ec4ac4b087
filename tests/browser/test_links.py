"""Where links lead: every anchor of the built book is there, once, and keeps its name."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import sources
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[2]
# What a count gives away would name something else once another stands before it.
COUNTED = re.compile(r"id\d+|.*-(solution|exercise|theorem|proposition|lemma|corollary)-\d+")


@cache
def read(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path):
    return [tag["id"] for tag in read(path).find_all(id=True)]


def test_no_two_anchors_of_a_page_are_the_same(html, built_page):
    found = anchors(html / f"{built_page}.html")
    assert [name for name in set(found) if found.count(name) > 1] == []


def test_every_link_into_the_book_finds_its_page_and_anchor(html, built_page):
    page, lost = html / f"{built_page}.html", []
    for tag in read(page).select("[href], [src]"):
        link = tag.get("href", tag.get("src"))
        url = urlsplit(link)
        target = (page.parent / unquote(url.path)).resolve() if url.path else page
        if url.scheme:
            continue
        if not target.is_file() or (url.fragment and unquote(url.fragment) not in anchors(target)):
            lost.append(link)
    assert lost == []


def test_sections_statements_figures_and_exercises_keep_their_anchors(html, built_page):
    places = read(html / f"{built_page}.html").select(
        "section:has(> :is(h1, h2, h3, h4), > details.deeper), figure:has(figcaption), "
        "div.admonition:is(.proof, .exercise, .solution, .quiz)"
    )
    assert [place.attrs for place in places if "id" not in place.attrs] == []
    assert [place["id"] for place in places if COUNTED.fullmatch(place["id"])] == []


OTHERS = [path for path in sources.chapters() if path not in sources.lessons()]


@pytest.mark.parametrize("notebook", OTHERS, ids=lambda path: path.stem)
def test_the_download_button_gives_the_notebook_that_runs(html, notebook):
    page = html / "chapters" / f"{notebook.stem}.html"
    (button,) = read(page).select("a.btn-download-source-button")
    given = page.parent / button["href"]
    nbformat.validate(nbformat.read(given, as_version=4))
    assert given.read_bytes() == notebook.read_bytes()


@pytest.mark.parametrize("notebook", sources.lessons(), ids=lambda path: path.stem)
def test_the_download_buttons_of_a_chapter_give_its_work_notebook_and_the_solutions(html, notebook):
    page = html / "chapters" / f"{notebook.stem}.html"
    assert not read(page).select("a.btn-download-source-button")
    links = [button["href"] for button in read(page).select("a[href$='.ipynb']")]
    given = [(page.parent / link).resolve() for link in links]
    names = [f"{notebook.stem}.ipynb", f"{notebook.stem}_solutions.ipynb"]
    assert given == [html.resolve() / "work" / name for name in names]
    for path in given:
        nbformat.validate(nbformat.read(path, as_version=4))
