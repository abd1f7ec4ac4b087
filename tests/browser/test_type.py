"""How a page is set: its measure, its headings, the marks of its boxes."""

from itertools import pairwise
from statistics import median

import pytest

# How many characters each full line of the paragraphs has that hold text alone.
LINES = """() => [...document.querySelectorAll(".bd-article section > p")]
    .filter((p) => p.childNodes.length === 1 && p.firstChild.nodeType === Node.TEXT_NODE)
    .flatMap((p) => {
        const lines = [];
        const range = document.createRange();
        let top;
        for (let i = 0; i < p.firstChild.length; i++) {
            range.setStart(p.firstChild, i);
            range.setEnd(p.firstChild, i + 1);
            const box = range.getBoundingClientRect();
            if (!box.width) continue;
            if (top === undefined || box.top > top + 8) { lines.push(0); top = box.top; }
            lines[lines.length - 1] += 1;
        }
        return lines.slice(0, -1);
    })"""


def test_a_line_of_text_has_66_to_75_characters(open_page):
    page = open_page("chapters/exactness", 1440)
    counts = [*page.evaluate(LINES)]
    for name in ("tested", "teaching", "grading"):
        counts += open_page(f"chapters/{name}", 1440).evaluate(LINES)
    assert len(counts) > 30
    assert 66 <= median(counts) <= 75
    assert max(counts) <= 82


@pytest.mark.parametrize("width", [1440, 390])
def test_a_heading_outranks_those_below_it(open_page, width):
    page = open_page("chapters/01_multilayer_perceptrons", width)
    ranks = page.evaluate("""() => ["h1", "h2", "h3"].map((name) => {
        const heading = document.querySelector(`article ${name}`);
        const { fontSize, fontWeight } = getComputedStyle(heading);
        return [parseFloat(fontSize), Number(fontWeight)];
    })""")
    for (size, weight), (size_below, weight_below) in pairwise(ranks):
        assert size > 1.15 * size_below
        assert weight >= weight_below


CHAPTER = "02_activation_functions"
KINDS = {
    "note": ("index", ".note > .admonition-title"),
    "statement": (CHAPTER, "details.deeper .proof.proposition > .admonition-title"),
    "key statement": (CHAPTER, ".proof.proposition:not(.deeper *) > .admonition-title"),
    "self-check": (CHAPTER, ".quiz > .admonition-title"),
    "exercise": (CHAPTER, ".exercise > .admonition-title"),
    "solution": (CHAPTER, ".solution > .admonition-title"),
    "break it": (CHAPTER, "section[id^=break-it] > h2"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_kind_of_box_has_a_mark_and_a_color_of_its_own(open_page, scheme):
    pages = {name: open_page(f"chapters/{name}", 1280, scheme) for name in ("index", CHAPTER)}
    marks = {
        kind: pages[name]
        .locator(title)
        .first.evaluate("""(title) => {
            const { maskImage, backgroundColor } = getComputedStyle(title, "::before");
            return [maskImage, backgroundColor];
        }""")
        for kind, (name, title) in KINDS.items()
    }
    assert len({mark for mark, _ in marks.values()}) == len(KINDS)
    assert all(mark.startswith("url") for mark, _ in marks.values())
    # Statements are of one color, key or not; so are exercises and their solutions.
    assert len({color for _, color in marks.values()}) == len(KINDS) - 2


def test_a_title_has_one_mark(open_page):
    marks = """() => [...document.querySelectorAll(".admonition > .admonition-title")]
        .map((title) => getComputedStyle(title, "::after").content)"""
    assert set(open_page("chapters/api", 1280).evaluate(marks)) == {"none"}


# Lines of 79 columns that go on in a second one.
WRAPPED = r"""() => [...document.querySelectorAll("article pre")].map((pre) => {
    const { lineHeight, paddingTop } = getComputedStyle(pre);
    const lines = pre.textContent.trimEnd().split("\n");
    const shown = (pre.clientHeight - 2 * parseFloat(paddingTop)) / parseFloat(lineHeight);
    return [shown > lines.length + 0.5, Math.max(...lines.map((line) => line.length))];
}).filter(([wrapped, columns]) => wrapped && columns <= 79)"""


def test_code_of_79_columns_fits_the_column(open_page):
    page = open_page("chapters/04_softmax_and_kl", 1280)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    assert page.locator("article pre").count() > 50
    assert page.evaluate(WRAPPED) == []


# Formulas are MathML with their source beside them, or MathJax's, which draws no text.
LONELY = r"""() => [...document.querySelectorAll("article span.math")]
    .filter((box) => /square|^[□◻◽]$/.test(box.innerHTML + box.textContent.trim()))
    .filter((box) => box.previousSibling && !box.previousSibling.data?.endsWith("\u00a0"))
    .map((box) => box.closest("p").textContent.slice(-80))"""


def test_the_box_that_ends_a_proof_is_not_parted_from_it(driven):
    assert driven().evaluate(LONELY) == []
