"""Answers to self-checks: kept on the device, counted beside the chapters, forgotten at a click."""

import json
import re

import pytest
import sources
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    "preload": False,
}
CHAPTER = "chapters/01_multilayer_perceptrons"
NUMBER, CHOICE = "[id='check-parameters']", ".admonition.quiz:not(.number)"
KEY = f"answers: {sources.settings()['title']}"


def come_to(page):
    """Go to both self-checks: a form is made where a reader comes."""
    for quiz in (NUMBER, CHOICE):
        page.locator(quiz).first.scroll_into_view_if_needed()
        page.locator(f"{quiz} form").first.wait_for()


def answer(page):
    """Give a right number and the second choice; return what is said to them."""
    come_to(page)
    page.locator(f"{NUMBER} form input").fill("3*5+5*2+7")
    page.locator(f"{NUMBER} button").click()
    choice = page.locator(CHOICE).first
    choice.locator("form input").nth(1).check()
    choice.get_by_role("button", name="Check").click()
    return said(page)


def said(page):
    come_to(page)
    return [page.locator(f"{quiz} .feedback").first.text_content() for quiz in (NUMBER, CHOICE)]


def rights(said):
    """Return how many answers are right, of what is said to them."""
    return sum(words.startswith("Right.") for words in said)


def counts(page):
    """Return the counts beside chapters; what is kept comes to a new page a little later."""
    return page.locator(".answered:not(:empty)")


def test_answers_and_their_count_survive_a_reload_until_they_are_forgotten(open_page):
    page = open_page(CHAPTER, 1280)
    total = page.locator(".admonition.quiz").count()
    forget = page.get_by_role("button", name="Forget my answers")
    assert not forget.is_visible()
    before = answer(page)
    assert before[0].startswith("Right.")
    assert all(before)
    count = f"{rights(before)} of {total}"
    link = page.get_by_role("link", name=f"{count} self-checks right")
    assert link.inner_text().startswith("1. Multilayer perceptrons")
    assert page.get_by_title(f"{count} self-checks answered right").is_visible()
    page.reload()
    assert said(page) == before
    assert page.locator(f"{NUMBER} form input").input_value() == "3*5+5*2+7"
    assert page.locator(CHOICE).first.locator("form input").nth(1).is_checked()
    assert link.is_visible()
    forget.click()
    assert said(page) == ["", ""]
    assert page.locator(f"{NUMBER} form input").input_value() == ""
    assert page.locator(f"{CHOICE} form input:checked").count() == 0
    expect(counts(page)).to_have_count(0)
    assert page.locator(".kept").inner_text().endswith("They are forgotten.")
    page.reload()
    expect(counts(page)).to_have_count(0)
    assert said(page) == ["", ""]
    assert not forget.is_visible()


def test_other_chapters_and_the_opening_page_count_answers_too(open_page):
    page = open_page(CHAPTER, 1280)
    total = page.locator(".admonition.quiz").count()
    words = f" {rights(answer(page))} of {total} self-checks right"
    page.goto(page.url.replace("01_multilayer_perceptrons", "02_activation_functions"))
    expect(counts(page)).to_have_text([words])
    page.goto(page.url.replace("02_activation_functions", "index"))
    expect(counts(page)).to_have_text([words, words])
    card = page.locator(".cards li").first
    assert card.locator(".minutes").inner_text().endswith(f"{words}")
    results = Axe().run(page, ".cards, .bd-sidebar-primary", RULES)
    assert results.violations_count == 0, results.generate_report()


def test_a_question_that_is_written_anew_forgets_its_answer(open_page):
    page = open_page(CHAPTER, 1280)
    _, other = answer(page)
    entries = json.loads(page.evaluate("key => localStorage.getItem(key)", KEY))
    assert entries["check-parameters"][1:] == ["3*5+5*2+7", True]
    entries["check-parameters"][0] = "another"
    page.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, json.dumps(entries)])
    page.reload()
    assert said(page) == ["", other]
    expect(counts(page)).to_have_text([re.compile(rf"^ ?{rights([other])} of ")])


def test_a_wrong_answer_is_kept_and_not_counted(open_page):
    page = open_page(CHAPTER, 1280)
    for text, right in (("3", 0), ("32", 1)):
        page.locator(f"{NUMBER} form input").fill(text)
        page.locator(f"{NUMBER} button").click()
        expect(counts(page)).to_have_text([re.compile(rf"^ ?{right} of ")])
        page.reload()
        expect(counts(page)).to_have_text([re.compile(rf"^ ?{right} of ")])
        assert page.locator(f"{NUMBER} form input").input_value() == text


@pytest.mark.parametrize("text", ["", "{", "null", "7", '"x"', "[1]", '{"check-parameters": 3}'])
def test_what_others_have_left_there_does_no_harm(open_page, text):
    page = open_page(CHAPTER, 1280)
    page.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, text])
    page.reload()
    expect(counts(page)).to_have_count(0)
    assert all(answer(page))
    expect(counts(page)).to_have_count(1)


CLOSED = """Object.defineProperty(window, "localStorage", {
    get() { throw new DOMException("The operation is insecure.", "SecurityError"); } })"""
FULL = """Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); }"""


@pytest.mark.parametrize("storage", [CLOSED, FULL])
def test_where_nothing_can_be_kept_self_checks_answer_all_the_same(browser, html, storage):
    with browser.new_context() as context:
        context.add_init_script(storage)
        page = context.new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((html / f"{CHAPTER}.html").as_uri())
        assert answer(page)[0].startswith("Right.")
        page.locator(".theme-switch-button").click()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        expect(counts(page)).to_have_count(0)
        assert faults == []


def test_answers_are_accessible(open_page):
    page = open_page(CHAPTER, 1280)
    answer(page)
    results = Axe().run(page, ".quiz, .bd-sidebar-primary", RULES)
    assert results.violations_count == 0, results.generate_report()


# What is typed, and its value or a word of what is said to it.
ARITHMETIC = {
    "3*5+5*2+7": 32, "-2^2": -4, "(-2)**2": 4, "2^3^2": 512, "2^-1": 0.5, "10-2-3": 5, "6/2*3": 9,
    "−4": -4, "7 − 2 × 3": 1, "--3": 3, "0,5": 0.5, ".5": 0.5, "5.": 5, "0,125": 0.125, "1e3": 1000,
    "49/49": 1, "6÷4": 1.5, "1/1048576": 2**-20,
    "": "missing", "3*5+": "missing", "(3": "bracket stays open", "3)": "“)” is out of place",
    "2(3)": "“(” is out of place", "3 4": "“4” is out of place", "*3": "“*” is out of place",
    "x": "“x” is no number", "log(2)": "“log” is no number", "1.2.3": "“1.2.3” is no number",
    "1,234": "two ways", "1/0": "no finite value", "0/0": "no finite value",
    "alert(1)": "no number",
}  # fmt: skip


def test_arithmetic_has_its_value_and_what_is_none_is_told(open_page):
    page = open_page(CHAPTER)
    value = (
        """text => { try { return arithmetic(text); } catch ({ message }) { return message; } }"""
    )
    for typed, expected in ARITHMETIC.items():
        found = page.evaluate(value, typed)
        assert expected in found if isinstance(expected, str) else found == expected, typed
    page.locator(f"{NUMBER} form input").fill("3*5+five")
    page.locator(f"{NUMBER} form input").press("Enter")
    assert said(page)[0] == "“five” is no number. Write numbers with + - * / ^ and brackets."
    expect(counts(page)).to_have_count(0)


def test_sliders_and_choices_are_wide_enough_for_a_thumb(browser, html):
    with browser.new_context(
        has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    ) as context:
        page = context.new_page()
        page.goto((html / "chapters" / "03_surrogate_losses.html").as_uri())
        page.evaluate("dispatchEvent(new Event('beforeprint'))")  # draws all charts
        page.wait_for_function(
            "[...document.querySelectorAll('div.chart')].every((chart) => chart.view)"
        )
        boxes = [slider.bounding_box() for slider in page.locator(".chart input[type=range]").all()]
        assert [box for box in boxes if box and (box["width"] < 240 or box["height"] < 44)] == []
        rows = [row.bounding_box() for row in page.locator(".quiz label").all()]
        assert [row for row in rows if row and row["height"] < 44] == []
