"""The built chapters in a browser: each chart and each self-check, moved by keyboard alone."""

import json
import re
from pathlib import Path

import pytest
from playwright import sync_api

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
QUIZ = re.compile(r"^:::\{admonition\}[^\n]*\n((?::\w+:[^\n]*\n)+)(.*?)^:::$", re.M | re.S)


def quizzes(name):
    """Return of each self-check in the notebook its label and its answers, whether right."""
    cells = json.loads((CHAPTERS / f"{name}.ipynb").read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for options, body in QUIZ.findall(text):
        if re.search(r"^:class: quiz\b", options, re.MULTILINE):
            label = re.search(r"^:name: (\S+)$", options, re.MULTILINE)
            assert label, f"a self-check has no :name: check-...\n{body}"
            answers = re.findall(r"^- \[([ x])\] *(.*)$", body, re.MULTILINE)
            yield label[1], [(mark == "x", text) for mark, text in answers]


def test_every_control_of_a_chart_is_reached_and_moved_by_keyboard(drive):
    page = drive()
    charts = page.locator("div.chart").all()
    assert charts, "the chapter has no chart that its reader moves"
    for chart in charts:
        controls = chart.locator("input, select").all()
        assert controls, f"the chart has nothing to move: {chart.inner_text()}"
        controls[0].focus()
        for i, control in enumerate(controls):
            if i:
                page.keyboard.press("Tab")
            assert control.evaluate("control => control === document.activeElement")
            label = control.evaluate("control => control.labels[0].textContent.trim()")
            assert label, "a control of the chart has no name"
            before = chart.locator("svg").inner_html()
            move(page, control)
            try:
                page.wait_for_function(
                    "([chart, before]) => chart.querySelector('svg').innerHTML !== before",
                    arg=[chart.element_handle(), before],
                )
            except sync_api.TimeoutError:
                pytest.fail(f"{label} was moved, and the chart stays as it is", pytrace=False)


def move(page, control):
    kind = control.get_attribute("type") or "select"
    if kind in ("checkbox", "radio"):
        page.keyboard.press("Space" if kind == "checkbox" else "ArrowRight")
        return
    at_end = "c => (c.selectedIndex ?? -1) === c.length - 1 || (c.max && c.value === c.max)"
    forward = not control.evaluate(at_end)
    # Far enough that even a coarse drawing must change.
    for _ in range(1 if kind == "select" else 3):
        page.keyboard.press(
            "ArrowDown"
            if kind == "select" and forward
            else "ArrowRight"
            if forward
            else "ArrowLeft"
        )


def test_a_point_is_dragged_by_mouse_and_by_finger(open_page):
    page = open_page("chapters/03_surrogate_losses")
    chart = page.locator("[id='fig-losses'] div.chart")
    chart.scroll_into_view_if_needed()
    box, slider = chart.locator("svg").bounding_box(), chart.locator("input")
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    pressed = float(slider.input_value())
    page.mouse.move(x + 90, y, steps=9)
    page.mouse.up()
    dragged = float(slider.input_value())
    assert dragged > pressed + 1
    page.mouse.move(x, y, steps=9)
    assert float(slider.input_value()) == dragged
    finger = page.context.new_cdp_session(page)
    for kind, step in [("Start", 0), *(("Move", 10 * i) for i in range(10)), ("End", None)]:
        points = [] if step is None else [{"x": x + step, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        if kind == "Start":
            assert float(slider.input_value()) == pressed
    assert float(slider.input_value()) == dragged


def test_every_chart_says_what_it_shows(drive):
    drawings = drive().locator("div.chart [role=graphics-document]").all()
    assert drawings, "the chapter has no chart"
    for drawing in drawings:
        said = drawing.get_attribute("aria-label")
        assert len(said) > 60, f"the description of the chart says too little: {said}"


def test_every_answer_to_a_self_check_is_told_by_keyboard(drive, chapter):
    page = drive()
    fold = "open => document.querySelectorAll('.deeper').forEach(d => { d.open = open; })"
    page.evaluate(fold, True)
    found = dict(quizzes(chapter))
    page.locator(".admonition.quiz:not(:has(form))").first.wait_for(state="detached")
    shown = [quiz.get_attribute("id") for quiz in page.locator(".admonition.quiz:has(form)").all()]
    assert list(found) == shown, "the self-checks as written (left) and as shown differ"
    assert len(found) >= 4, "a chapter has at least 4 self-checks"
    for label, answers in found.items():
        quiz = page.locator(f"[id='{label}']")
        assert any(right for right, _ in answers), f"no answer to {label} is right: - [x]"
        told = [tell(page, quiz, i, text) for i, (_, text) in enumerate(answers)]
        assert ["Right." in words for words in told] == [right for right, _ in answers], label
        assert len(set(told)) == len(told), f"{label}: two answers have the same feedback"
        short = [words for words in told if len(words) <= len("Right. ") + 10]
        assert short == [], f"{label}: feedback that says too little"
    page.evaluate(fold, False)


def tell(page, quiz, index, text):
    """Give an answer with the keyboard, and return what the self-check says to it."""
    if quiz.locator("input[type=text]").count():
        quiz.locator("input").focus()
        page.keyboard.press("Control+A")
        # The last answer stands for all numbers that are not among the others.
        page.keyboard.type(text if re.match(r"[-\d]", text) else "987654")
    else:
        quiz.locator("input").first.focus()
        if index == 0:
            page.keyboard.press("Space")
        for _ in range(index):
            page.keyboard.press("ArrowDown")
        assert quiz.locator("input").nth(index).is_checked()
    page.keyboard.press("Enter")
    said = quiz.get_by_role("status")
    for formula in said.locator("math").all():
        assert formula.bounding_box()["width"] > 0
    words = said.inner_text()
    assert not re.search(r"\$|\\[(\[a-z]", words), words
    return words


def test_a_self_check_without_an_answer_asks_for_one(open_page):
    page = open_page("chapters/01_multilayer_perceptrons")
    quiz = page.locator(".admonition.quiz").first
    quiz.get_by_role("button", name="Check").press("Enter")
    assert quiz.get_by_role("status").inner_text() == "Give an answer first."


def test_without_javascript_questions_answers_and_charts_can_be_read(browser, html):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((html / "chapters" / "01_multilayer_perceptrons.html").as_uri())
        quiz = page.locator(".admonition.quiz").first
        assert quiz.locator("li input[type=checkbox]").count() >= 2
        assert len(page.locator("div.chart p").first.inner_text()) > 60
