"""Terms of the glossary: a pop-up by keyboard, finger and mouse, nothing on paper."""

import pytest
from axe_playwright_python.sync_playwright import Axe

CHAPTER = "chapters/03_surrogate_losses"
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    "preload": False,
}


@pytest.fixture
def read(open_page):
    return lambda *settings: open_page(CHAPTER, *settings)


def definition(page, name):
    return page.get_by_role("dialog", name=name)


def term(page, name):
    return page.locator("a.term").get_by_text(name, exact=True)


def is_in_sight(page, shown):
    box = shown.bounding_box()
    size = page.viewport_size
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] + box["height"] <= size["height"]
    )


def test_every_definition_opens_and_closes_by_keyboard(drive):
    page = drive(390)
    links = page.locator("a.term").all()
    assert len(links) > 10
    folds = page.locator("details:not([open]):has(a.term)").element_handles()
    for fold in folds:
        fold.evaluate("fold => { fold.open = true; }")
    for link in links:
        link.focus()
        page.keyboard.press("Enter")
        shown = page.locator(".definition:popover-open")
        assert shown.evaluate("shown => shown === document.activeElement")
        assert link.get_attribute("aria-expanded") == "true"
        assert is_in_sight(page, shown)
        assert len(shown.inner_text()) > 25
        for formula in shown.locator("math").all():
            assert formula.bounding_box()["width"] > 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("Escape")
        shown.wait_for(state="detached")
        assert link.evaluate("link => link === document.activeElement")
        assert link.get_attribute("aria-expanded") == "false"
    for fold in folds:
        fold.evaluate("fold => { fold.open = false; }")


def test_from_a_definition_tab_leads_to_its_entry_and_on_to_what_follows_the_term(read):
    page = read(1280)
    term(page, "cross-entropy").press("Enter")
    shown = definition(page, "cross-entropy")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href") == "glossary.html#term-cross-entropy"
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "chapter 3"
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "scores"
    assert not shown.is_visible()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    shown.get_by_role("link", name="cross-entropy").press("Enter")
    page.wait_for_url("**/glossary.html#term-cross-entropy")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_mouse_opens_and_closes_a_definition(read, width):
    page = read(width)
    link = term(page, "hinge loss")
    shown = definition(page, "hinge loss")
    for _ in range(2):
        link.click()
        assert is_in_sight(page, shown)
        link.click()
        assert not shown.is_visible()
    link.click()
    page.mouse.click(5, 500)
    assert not shown.is_visible()
    other = term(page, "margin")
    link.click()
    other.click()
    assert not shown.is_visible()
    assert definition(page, "margin").is_visible()


def test_a_finger_opens_and_closes_a_definition(browser, html):
    with browser.new_context(
        has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    ) as context:
        page = context.new_page()
        page.goto((html / f"{CHAPTER}.html").as_uri())
        shown = definition(page, "hinge loss")
        for _ in range(2):
            term(page, "hinge loss").tap()
            assert is_in_sight(page, shown)
            term(page, "hinge loss").tap()
            assert not shown.is_visible()
        term(page, "hinge loss").tap()
        page.touchscreen.tap(5, 500)
        assert not shown.is_visible()


def test_a_definition_near_the_lower_edge_opens_above_and_goes_when_the_window_is_turned(read):
    page = read()
    link = term(page, "hinge loss")
    link.evaluate("link => scrollBy(0, link.getBoundingClientRect().bottom - innerHeight + 10)")
    link.press("Enter")
    shown = definition(page, "hinge loss")
    assert is_in_sight(page, shown)
    assert shown.bounding_box()["y"] < link.bounding_box()["y"]
    page.set_viewport_size({"width": 844, "height": 390})
    shown.wait_for(state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_open_definition_is_accessible(read, scheme):
    page = read(1280, scheme)
    term(page, "cross-entropy").press("Enter")
    results = Axe().run(page, ".definition:popover-open, a[aria-expanded=true]", RULES)
    assert results.violations_count == 0, results.generate_report()


def test_paper_shows_of_a_term_what_it_shows_of_any_word(read):
    page = read(1280)
    link = term(page, "hinge loss")
    link.press("Enter")
    page.emulate_media(media="print")
    assert not page.locator(".definition").evaluate_all(
        "all => all.some(e => e.getClientRects().length)"
    )
    style = """link => {
        const [own, around] = [link, link.parentElement].map((e) => getComputedStyle(e));
        return [own.textDecorationLine, own.color === around.color, own.backgroundImage];
    }"""
    assert link.evaluate(style) == ["none", True, "none"]


def test_without_javascript_a_term_is_a_link_to_its_entry(browser, html):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((html / f"{CHAPTER}.html").as_uri())
        assert page.locator(".definition").filter(visible=True).count() == 0
        term(page, "hinge loss").click()
        page.wait_for_url("**/glossary.html#term-hinge-loss")
        assert page.locator("[id='term-hinge-loss']").is_visible()
