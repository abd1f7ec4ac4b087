"""Slides in a browser: readable from the last row, by keyboard, with notes, complete, on paper."""

import re
from functools import cache
from html import unescape
from urllib.parse import unquote, urlsplit

import decks
import pikepdf
import pytest
import sources
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

import slides

NAMES = [deck.path.stem for deck in decks.decks(path.stem for path in sources.lessons())]
each_deck = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"slides {name}")) for name in NAMES]
)
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
    "preload": False,
}
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "preload": False}
PRESENT = "document.querySelector('section.present').id"
GO_TO = "id => Reveal.slide(Reveal.getSlides().findIndex((slide) => slide.id === id))"
# All slides at once, one below the other, each after its last step.
UNROLL = """() => {
    for (const section of document.querySelectorAll(".slides > section")) {
        section.removeAttribute("hidden");
        section.removeAttribute("aria-hidden");
    }
    for (const part of document.querySelectorAll(".fragment")) part.classList.add("visible");
    const style = document.createElement("style");
    style.textContent = `
        html, body, main, .reveal, .reveal .slides { height: auto !important;
            overflow: visible !important; position: static !important;
            transform: none !important; width: 1280px !important; }
        .reveal .slides > section { display: block !important; opacity: 1 !important;
            position: static !important; transform: none !important;
            visibility: visible !important; }
        .reveal > :not(.slides) { display: none !important; }`;
    document.head.append(style);
    dispatchEvent(new Event("beforeprint"));  // charts are drawn
}"""
DRAWN = "[...document.querySelectorAll('div.chart')].every((chart) => chart.view)"


@cache
def read(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path):
    return set(re.findall(r'\bid="([^"]*)"', path.read_text(encoding="utf-8")))


def keeps_to(page, width):
    """Wait until nothing sticks out."""
    page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


def passes(page, rules=RULES):
    """Let axe look at a page; formulas have the color of the text, and axe no rule for them."""
    results = Axe().run(page, {"exclude": [["math"]]}, rules)
    assert results.violations_count == 0, results.generate_report()


@pytest.fixture(scope="module")
def folder(html):
    """Return the folder of the slides."""
    path = html.parent / slides.FOLDER
    if not (path / "index.html").exists():
        pytest.skip("there are no slides: make slides")
    return path


@pytest.fixture
def show(browser, folder):
    """Return a function that opens a page of the slides; what goes wrong there fails the test."""
    faults, contexts = [], []

    def shown(name, scheme="light", width=1280, height=720):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        context.set_default_timeout(120_000)  # a machine may be busy
        context.on(
            "console", lambda said: said.type in ("error", "warning") and faults.append(said.text)
        )
        context.on(
            "request",
            lambda request: (
                request.url.startswith((folder.as_uri(), "data:", "blob:", "about:"))
                or faults.append(f"left the slides: {request.url}")
            ),
        )
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((folder / name).as_uri())
        if page.evaluate("document.documentElement.className").startswith("deck"):
            page.wait_for_function("window.Reveal?.isReady()")
        return page

    yield shown
    for context in contexts:
        context.close()
    assert faults == []


@each_deck
def test_slides_can_be_read_from_the_last_row_and_by_everybody(show, name):
    page = show(f"{name}.html")
    page.evaluate(UNROLL)
    page.wait_for_function(DRAWN)
    assert page.evaluate(slides.FAULTS, slides.LEGIBLE) == []
    passes(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    passes(page, COLORS)


@each_deck
def test_keys_lead_step_by_step_to_the_end(show, name):
    page = show(f"{name}.html")
    deck = decks.read_deck(decks.FOLDER / f"{name}.md")
    for number, slide in enumerate(deck.slides):
        assert page.evaluate("Reveal.getIndices().h") == number
        section = page.locator("section.present")
        assert section.get_attribute("id") == slide.label
        assert section.locator(".fragment.visible").count() == 0
        for _ in range(slide.steps):
            page.keyboard.press("ArrowRight")
        assert section.locator(".fragment:not(.visible)").count() == 0
        # Nothing scrolls.
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        page.keyboard.press("Space")


@each_deck
def test_no_slide_is_without_notes_and_their_clock_runs_to_the_end(folder, name):
    sections = read(folder / f"{name}.html").select(".slides > section")
    assert sum(int(section["data-timing"]) for section in sections) == 60 * decks.MINUTES
    assert [section["id"] for section in sections[1:] if not section.select("aside.notes")] == []
    noted = read(folder / f"{name}-outline.html").select("section > .notes > .minutes")
    assert len(noted) >= len(sections) - 1


@each_deck
def test_each_step_is_a_page_and_each_slide_with_its_notes(folder, name):
    deck = decks.read_deck(decks.FOLDER / f"{name}.md")
    if not (folder / f"{name}.pdf").exists():
        pytest.skip("the slides have not been printed: make slides")
    with pikepdf.open(folder / f"{name}.pdf") as printed:
        assert len(printed.pages) == sum(slide.steps + 1 for slide in deck.slides)
        assert {tuple(map(float, page.mediabox)) for page in printed.pages} == {(0, 0, 960, 540)}
        fonts = {
            str(font.Subtype)
            for page in printed.pages
            for font in page.get("/Resources", {}).get("/Font", {}).values()
        }
        assert fonts == {"/Type0"}
        assert b"file://" not in b"".join(
            bytes(note.A.URI)
            for page in printed.pages
            for note in page.get("/Annots", [])
            if "/A" in note and "/URI" in note.A
        )
    with pikepdf.open(folder / f"{name}-notes.pdf") as printed:
        assert len(printed.pages) >= len(deck.slides)


@each_deck
@pytest.mark.parametrize("width", [1280, 320])
def test_an_outline_is_a_page_for_everybody(show, name, width):
    page = show(f"{name}-outline.html", width=width)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(DRAWN)
    keeps_to(page, width)
    if width == 1280:
        passes(page)


def test_the_overview_leads_to_all(show, folder):
    page = show("index.html", width=360)
    keeps_to(page, 360)
    passes(page)
    links = {tag["href"] for tag in read(folder / "index.html").select("section a")}
    assert {f"{name}{ending}" for name in NAMES for ending in (".html", "-outline.html")} <= links


def test_links_of_the_slides_lead_into_the_book_from_both_their_places(html, folder):
    lost = []
    for page in [*folder.glob("*.html"), *(html / slides.FOLDER).glob("*.html")]:
        links = re.findall(r' (?:href|src)="([^"]*)"', page.read_text(encoding="utf-8"))
        for link in set(links):
            url = urlsplit(unescape(link))
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            if url.scheme:
                continue
            if not target.is_file() or (
                url.fragment and unquote(url.fragment) not in anchors(target)
            ):
                lost.append(f"{page.name}: {link}")
    assert lost == []


def test_the_book_leads_to_its_slides(html):
    for name in NAMES:
        page = read(html / "chapters" / f"{name}.html")
        assert page.select_one(".reading-time a")["href"] == f"../slides/{name}.html"
    assert read(html / "chapters" / "index.html").select(".buttons a[href='../slides/index.html']")
    rows = read(html / "chapters" / "teaching.html").select("td a[href*='slides/']")
    assert all(re.fullmatch(r"\d+–\d+", row.get_text()) for row in rows)
    assert {row["href"].partition("/slides/")[2].partition(".")[0] for row in rows} == set(NAMES)


def test_a_poll_keeps_its_answer_until_the_next_step(show):
    page = show(f"{NAMES[0]}.html")
    poll = page.locator("section:has(.poll)").first
    page.evaluate(GO_TO, poll.get_attribute("id"))
    assert not poll.locator(".reason").is_visible()
    weight = "choice => getComputedStyle(choice, '::after').content"
    right = poll.locator(".choices > .fragment")
    assert right.is_visible()
    assert right.evaluate(weight) == "none"
    page.keyboard.press("ArrowRight")
    assert poll.locator(".reason").is_visible()
    assert "✓" in right.evaluate(weight)


def test_what_a_chart_shows_is_told_where_after_a_while_none_is_drawn(show):
    page = show(f"{NAMES[0]}.html")
    chart = "<div class='chart'><p>A curve.</p></div>"
    place = page.locator("section.present .frame")
    place.evaluate("(frame, chart) => frame.insertAdjacentHTML('beforeend', chart)", chart)
    words = page.locator("section.present .chart > p")
    assert not words.is_visible()
    words.evaluate("words => words.getAnimations().forEach((waiting) => waiting.finish())")
    assert words.is_visible()


def test_a_key_turns_day_to_night_and_the_next_deck_stays_so(show):
    page = show(f"{NAMES[0]}.html")
    page.keyboard.press("d")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.reload()
    assert page.evaluate(theme) == "dark"
    page.keyboard.press("d")
    assert page.evaluate(theme) == "light"


def test_the_notes_open_in_a_window_and_follow(show):
    page = show(f"{NAMES[0]}.html")
    with page.context.expect_page() as opened:
        page.keyboard.press("s")
    notes = opened.value
    notes.wait_for_function("document.body.innerText.includes('Minutes 0–1')")
    page.keyboard.press("ArrowRight")
    notes.wait_for_function("document.body.innerText.includes('Minutes 1–')")
    notes.wait_for_function("document.querySelector('.pacing').style.display !== 'none'")


def test_a_chart_on_a_slide_is_moved_by_keyboard_and_followed_by_the_hand(show):
    page = show(f"{NAMES[0]}.html", width=1920, height=1080)
    slide = page.locator("section:has(.chart)").first
    page.evaluate(GO_TO, slide.get_attribute("id"))
    page.wait_for_function("document.querySelector('section.present .chart')?.view")
    drawn = slide.locator("svg")
    before = drawn.inner_html()
    slider = slide.locator("input[type=range]").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('section.present svg').innerHTML !== before", arg=before
    )
    assert page.evaluate(PRESENT) == slide.get_attribute("id")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(PRESENT) != slide.get_attribute("id")
    page.keyboard.press("ArrowLeft")
    page.evaluate("""() => {
        const svg = document.querySelector("section.present svg");
        svg.addEventListener("pointermove", ({ clientX }) => {
            const { left, width } = svg.getBoundingClientRect();
            window.seen = (clientX - left) / svg.width.baseVal.value;
        });
    }""")
    box = drawn.bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_for_function("Math.abs(window.seen - 0.7) < 0.01")
