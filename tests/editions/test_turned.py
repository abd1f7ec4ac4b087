"""A book of three chapters, the last one first; the others are public."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

SITE = "https://example.org/book"
CHOSEN = ["06_backpropagation", "04_softmax_and_kl", "02_activation_functions"]


@pytest.fixture(scope="module")
def html(build):
    return build([6, 4, 2], site=SITE)


@pytest.fixture(scope="module")
def read(html):
    """Return a function that returns a page, each read once."""
    pages = {
        path.stem: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in (html / "chapters").glob("*.html")
    }
    return pages.__getitem__


def stems(links):
    """Return the names of the pages that links lead to."""
    return [link["href"].partition("#")[0].removesuffix(".html") for link in links]


def test_the_opening_page_has_the_chapters_in_their_order(read):
    home = read("index")
    assert stems(home.select(".cards li a")) == CHOSEN
    assert stems(home.select(".road li a")) == CHOSEN
    assert stems(home.select(".buttons a"))[0] == CHOSEN[0]


def test_numbers_follow_the_places(read):
    for number, stem in enumerate(CHOSEN, 1):
        article = read(stem).select_one("article.bd-article")
        assert article.h1.get_text().startswith(f"{number}. ")
        titles = [tag.get_text() for tag in article.select("div.proof > .admonition-title")]
        assert titles[0].split()[1] == f"{number}.1"


def test_plans_keep_to_the_chapters(read):
    titles = [tag.get_text() for tag in read("teaching").select("article.bd-article h2")]
    plans = [title for title in titles if title.startswith("Chapter")]
    assert [title.partition(":")[0] for title in plans] == ["Chapter 1", "Chapter 2", "Chapter 3"]
    assert "Backpropagation" in plans[0]


def test_the_weeks_of_a_plan_are_counted_anew(read):
    article = read("teaching").select_one("article.bd-article")
    plans = [
        [[cell.get_text() for cell in row.select("td")] for row in table.select("tbody tr")]
        for table in article.select("table")
        if table.th.get_text() == "week"
    ]
    for rows, titles in zip(plans, (["Softmax", "Act"], ["Back", "Soft", "Act"]), strict=True):
        assert [row[0] for row in rows] == [str(week) for week in range(1, 1 + len(rows))]
        found = dict.fromkeys(row[1].partition(" ")[0] for row in rows)
        assert all(map(str.startswith, found, titles))
        assert len(found) == len(titles)


def test_the_glossary_has_what_the_chapters_use(read):
    glossary = read("glossary")
    assert glossary.find(id="term-softmax")
    assert glossary.find(id="term-epoch")  # of an absent chapter, and used
    assert not glossary.find(id="term-aliasing")
    (link,) = glossary.find(id="term-softmax").find_next("dd").select("a[href]")[-1:]
    assert link.get_text() == "chapter 2"


def test_a_reference_to_an_absent_chapter_leads_to_the_public_book(read):
    found = {
        link["href"].removeprefix(f"{SITE}/chapters/")
        for stem in CHOSEN
        for link in read(stem).select(f"article a[href^='{SITE}/']")
    }
    assert "05_pytorch.html" in found
    assert any("#" in link for link in found)


def test_no_link_leads_astray(read, html):
    pages = [path.stem for path in (html / "chapters").glob("*.html")]
    anchors = {page: {tag["id"] for tag in read(page).select("[id]")} for page in pages}
    lost = []
    for page in pages:
        for tag in read(page).select("a[href]"):
            url = urlsplit(unquote(tag["href"]))
            if url.scheme:
                continue
            target = (html / "chapters" / url.path).resolve() if url.path else Path(f"{page}.html")
            there = target.is_file() or not url.path
            if url.fragment and target.suffix == ".html":
                there &= url.fragment in anchors[target.stem]
            if not there:
                lost.append(f"{page}: {tag['href']}")
    assert lost == []
