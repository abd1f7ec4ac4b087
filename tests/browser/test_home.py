"""The opening page: what its first screen shows, and the network that learns on it."""

import pytest
import reading
import sources

HOME = "chapters/index"
DONE = "document.querySelector('.live .said').textContent"
RIGHT_OF_TITLE = """() => {
    const words = document.createRange();
    words.selectNodeContents(document.querySelector("h1"));
    return words.getBoundingClientRect().right;
}"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 800), (390, 844)])
def test_the_first_screen_says_what_it_is_shows_it_and_leads_on(open_page, width, height):
    page = open_page(HOME, width)
    page.set_viewport_size({"width": width, "height": height})
    seen = [".hero > p >> nth=0", ".buttons a >> nth=-1", ".live .spirals", ".live button"]
    for part in seen:
        box = page.locator(part).bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height, f"{part} ends below the first screen"
    assert page.locator(".buttons a").all_inner_texts()[0] == "Read"


def test_nothing_stands_empty_beside_the_figure(open_page):
    page = open_page(HOME, 1440)
    figure, last = (
        page.locator(part).bounding_box() for part in (".live .spirals", ".live button")
    )
    assert last["x"] + last["width"] < figure["x"]
    assert page.evaluate(RIGHT_OF_TITLE) < figure["x"]
    assert abs(last["y"] + last["height"] - figure["y"] - figure["height"]) < 100


def test_nothing_is_trained_unasked_for_whoever_asks_that_nothing_moves(open_page):
    page = open_page(HOME, 1280)
    page.wait_for_timeout(300)
    assert page.locator(".live .count").inner_text() == ""
    assert page.locator(".live.trained").count() == 0
    assert page.locator(".spirals .region").evaluate("region => region.getBBox().width") > 100


@pytest.mark.parametrize(
    ("activation", "depth", "says"),
    [("ReLU", 3, "All 180"), ("tanh", 3, "All 180"), ("none", 4, "stay wrong")],
)
def test_a_network_with_bends_learns_the_spirals_and_one_without_does_not(
    open_page, activation, depth, says
):
    page = open_page(HOME)
    page.locator(".live select").select_option(activation)
    slider = page.locator(".live input")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(depth - 1):
        page.keyboard.press("ArrowRight")
    assert page.locator(".live output").inner_text() == str(depth)
    page.wait_for_function(DONE)
    assert says in page.locator(".live .said").inner_text()


def test_without_scripts_the_picture_shows_what_a_network_has_learned(browser, html):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((html / f"{HOME}.html").as_uri())
    assert page.locator(".live svg.spirals").is_visible()
    assert page.locator(".live :is(canvas, input, select, button)").count() == 0
    context.close()


def test_each_chapter_has_a_card_with_a_picture_and_its_time(open_page):
    page = open_page(HOME)
    chapters = sources.lessons()
    cards = page.locator(".cards li")
    assert cards.count() == len(chapters)
    for card, path in zip(cards.all(), chapters, strict=True):
        assert path.stem in card.locator("a").get_attribute("href")
        assert card.locator("svg > *").count() > 1
        minutes = reading.measure(path).main.minutes
        assert card.locator(".minutes").inner_text() == f"{minutes} minutes"


def test_an_address_that_is_not_here_leads_home(open_page):
    page = open_page("404", 1280)
    page.locator("article a").first.click()
    page.wait_for_url("**/chapters/index.html")
