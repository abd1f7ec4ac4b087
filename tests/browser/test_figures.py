"""Figures of the built book: the size of their text, and their colors in the dark."""

from io import BytesIO

import pytest
from PIL import Image

# The size of the text in each figure and chart, in pixels, and that of the text about it. A figure
# is drawn with 16 pixels (tests/test_book.py) and shown smaller where it does not fit.
DRAWN = "article figure :is(img, div.chart)"
SIZES = """(drawn) => [...document.querySelectorAll(drawn)].map((drawn) => {
    const body = parseFloat(getComputedStyle(drawn.closest("article")).fontSize);
    const name = drawn.closest("figure").id;
    if (drawn.matches("img")) {
        const twice = /[.]png$/.test(drawn.src) ? 2 : 1;
        return [name, body, [16 * drawn.clientWidth * twice / drawn.naturalWidth]];
    }
    const texts = [...drawn.querySelectorAll("svg text")].filter((text) => text.textContent);
    const scale = drawn.querySelector("svg").getScreenCTM().a;
    return [name, body, texts.map((text) => scale * parseFloat(getComputedStyle(text).fontSize))];
})"""


# What is closed has no size.
TURN = """document.querySelectorAll(".solution.toggle").forEach((solution) => {
    solution.classList.toggle("toggle-hidden");
})"""


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_text_in_figures_is_read_on_a_phone_and_never_larger_than_the_text(drive, width):
    page = drive(width)
    page.evaluate(TURN)
    page.evaluate("[...document.images].forEach((picture) => { picture.loading = 'eager'; })")
    page.wait_for_function("[...document.images].every((picture) => picture.complete)")
    found = page.evaluate(SIZES, DRAWN)
    page.evaluate(TURN)
    assert len(found) > 6
    for name, body, sizes in found:
        assert min(sizes) >= 11, f"{name}: text of {min(sizes):.1f} pixels at {width}"
        assert max(sizes) <= body, f"{name}: text of {max(sizes):.1f} pixels, the page {body}"


def shades(picture):
    with Image.open(BytesIO(picture.screenshot())) as shown:
        return shown.convert("RGB").getcolors(1 << 24)


def test_in_the_dark_lines_turn_light_and_heat_maps_stay(open_page):
    page = open_page("chapters/01_multilayer_perceptrons", 1280, "dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ground = tuple(map(int, ground.strip("rgb()").split(", ")))
    _, most = max(shades(page.locator("#fig-three-relus img")))
    assert max(abs(a - b) for a, b in zip(most, ground, strict=True)) <= 2
    page.evaluate("document.querySelectorAll('.deeper').forEach((fold) => { fold.open = true; })")
    heat = page.locator("#fig-towers img")
    heat.evaluate("picture => { picture.loading = 'eager'; return picture.decode(); }")
    assert max(shades(heat))[1] == (255, 255, 255)
    assert heat.evaluate("picture => getComputedStyle(picture).filter") == "none"
