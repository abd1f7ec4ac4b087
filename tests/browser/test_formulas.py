"""Formulas are set and within reach; those that a chart computes give what nnlib gives."""

from collections.abc import Callable
from html import unescape
from typing import Any, NamedTuple

import formulas
import numpy as np
import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from numpy.testing import assert_allclose

from nnlib import entropy, get_activation, kl_divergence, relu, relu_interpolant, softmax


@pytest.fixture(scope="session")
def page_as_written(html, built_page):
    """Return a page as it is before any script has run."""
    return BeautifulSoup((html / f"{built_page}.html").read_text(), "html.parser")


def test_every_formula_is_set_before_a_script_runs(page_as_written):
    for formula in page_as_written.select(".math"):
        (set_formula,) = formula.select("math")
        assert set_formula.find(True), f"nothing is set: {formula}"
        assert not set_formula.find_previous_sibling(True)


def test_no_formula_is_left_as_source(page_as_written):
    for left in page_as_written.select("script, style, pre, code, math"):
        left.decompose()
    text = page_as_written.get_text()
    assert [
        tail[:60] for tail in text.split("\\")[1:] if tail[:1] in "([" or tail[:1].isalpha()
    ] == []


def test_the_font_has_every_sign(html, page_as_written):
    font = TTFont(html / "_static" / formulas.FONT).getBestCmap()
    signs = formulas.characters([str(page_as_written)])
    assert {sign for sign in signs if ord(sign) not in font and not sign.isspace()} == set()


def test_a_reference_to_an_equation_says_its_number(html, page_as_written):
    for link in page_as_written.select("article a[href*='#equation-']:not(.headerlink)"):
        page, _, anchor = link["href"].partition("#")
        target = page_as_written
        if page:
            target = BeautifulSoup((html / "chapters" / page).read_text(), "html.parser")
        (number,) = target.select(f"[id='{anchor}'] > .eqno")
        assert number.get_text().removesuffix("#") == link.get_text()


LAID_OUT = """[...document.querySelectorAll(".bd-article > section > section")].every(
    (section) => getComputedStyle(section).contentVisibility === "visible")"""


@pytest.mark.parametrize("javascript", [True, False])
def test_a_formula_is_drawn_by_its_font_and_read_aloud(browser, html, javascript):
    with browser.new_context(java_script_enabled=javascript) as context:
        page = context.new_page()
        page.goto((html / "chapters" / "04_softmax_and_kl.html").as_uri())
        if javascript:
            page.wait_for_function(LAID_OUT)
        session = context.new_cdp_session(page)
        session.send("Accessibility.enable")
        tree = session.send("Accessibility.getFullAXTree")["nodes"]
        read = [node for node in tree if node.get("role", {}).get("value") == "MathMLMath"]
        assert len(read) > 200
        assert all(node["childIds"] for node in read)
        session.send("DOM.enable")
        session.send("CSS.enable")
        root = session.send("DOM.getDocument")["root"]["nodeId"]
        for selector in ("math mi", "math mo", "math mn"):
            place = {"nodeId": root, "selector": f".bd-article p {selector}"}
            sign = session.send("DOM.querySelector", place)["nodeId"]
            fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": sign})["fonts"]
            assert [font["isCustomFont"] for font in fonts] == [True]


def test_a_formula_grows_with_the_text(look):
    page = look(1280)
    size = "getComputedStyle(document.querySelector('.bd-article math') || document.body).fontSize"
    before = float(page.evaluate(size).removesuffix("px"))
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    after = float(page.evaluate(size).removesuffix("px"))
    page.evaluate("document.documentElement.style.fontSize = ''")
    assert after == pytest.approx(2 * before, rel=0.01)


COPY = """([selector, whole]) => {
    const text = document.querySelector(selector);
    if (whole) getSelection().selectAllChildren(text);
    else getSelection().selectAllChildren(text.querySelector("math").firstElementChild);
    const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true });
    document.dispatchEvent(event);
    getSelection().removeAllRanges();
    return event.clipboardData.getData("text/plain");
}"""


def test_a_formula_is_copied_as_it_was_written_and_whole(open_page, html):
    page = open_page("chapters/04_softmax_and_kl", 1280)
    written = BeautifulSoup((html / "chapters/04_softmax_and_kl.html").read_text(), "html.parser")
    paragraph = "#from-scores-to-a-distribution > p:has(math)"
    expected = written.select_one(paragraph)
    first = "$" + expected.select_one("math")["data-tex"] + "$"
    for formula in expected.select("math"):
        formula.replace_with(f"${unescape(formula['data-tex'])}$")
    assert page.evaluate(COPY, [paragraph, True]) == expected.get_text()
    assert page.evaluate(COPY, [paragraph, False]) == first


def test_a_formula_too_wide_for_a_phone_can_be_scrolled_by_keyboard(open_page):
    page = open_page("chapters/api")
    wide = page.locator(".formula[tabindex]:visible")
    assert wide.count() > 0
    wide.first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


# Both ends of a formula are in its box, or come into it by scrolling.
OUT_OF_REACH = """() => [...document.querySelectorAll(".bd-article math")].filter((math) => {
    const [box, { left, right }] = [math.parentElement, math.getBoundingClientRect()];
    const start = box.getBoundingClientRect().left - box.scrollLeft;
    return left < start - 1 || right > start + Math.max(box.scrollWidth, box.clientWidth) + 1;
}).map((math) => math.dataset.tex)"""


def test_no_part_of_a_formula_is_out_of_reach_on_a_narrow_page(look):
    page = look(320)
    look.open_folds()
    out = page.evaluate(OUT_OF_REACH)
    look.open_folds(False)
    assert out == []


# The first or last letter of a text beside a formula, where that is a mark that belongs to it.
TORN_OFF = """() => [...document.querySelectorAll(".bd-article span.math")].filter((math) => {
    const edge = (text, place) => {
        const range = document.createRange();
        range.setStart(text, place);
        range.setEnd(text, place + 1);
        return range.getBoundingClientRect();
    };
    const [before, after] = [math.previousSibling, math.nextSibling];
    const { left, right, width } = math.getBoundingClientRect();
    const texts = [before, after].map((n) => (n?.nodeType === Node.TEXT_NODE ? n.data : ""));
    const opened = /[(“]$/.test(texts[0]) && edge(before, texts[0].length - 1).left > left;
    const closed = /^[.,:;!?)]/.test(texts[1]) && edge(after, 0).left < left;
    return width && (opened || closed);
}).map((math) => math.textContent)"""


def test_no_line_parts_a_formula_from_the_marks_beside_it(look):
    assert look().evaluate(TORN_OFF) == []


class Formula(NamedTuple):
    """A chart, settings of its controls, and what nnlib says of the rows that it then draws."""

    chapter: str
    figure: str
    fields: tuple[str, ...]
    settings: list[dict[str, Any]]
    right: Callable[..., Any]


TARGETS = {
    "class 2 (one-hot)": [0, 0, 1],
    "class 0 (one-hot)": [1, 0, 0],
    "soft: 0.1, 0.2, 0.7": [0.1, 0.2, 0.7],
    "uniform": [1 / 3] * 3,
}
# The last three are as far as the sliders go.
SCORES = [(1, 2, 3), (0, 0, 0), (-1.5, 4, 3.5), (10, -10, -10), (-10, 10, 10), (10, 10, 10)]
SOFTMAX_SETTINGS = [
    {"target": target, "tau": tau, "s0": s0, "s1": s1, "s2": s2}
    for target in TARGETS
    for tau in (0.1, 1, 10)
    for s0, s1, s2 in SCORES
]


def model(tau, s0, s1, s2):
    return softmax(np.array([s0, s1, s2]) / tau)


ACTIVATIONS = ("relu", "leaky_relu", "softplus", "sigmoid", "tanh")
APPROXIMATED = {
    "wave": lambda x: np.sin(2 * np.pi * x) + x,
    "tent": lambda x: np.abs(x - 0.5),
    "sqrt": np.sqrt,
    "eight waves": lambda x: np.sin(16 * np.pi * x),
}


def interpolated(x, target, units):
    return relu_interpolant(APPROXIMATED[target], units)(x[:, None])[:, 0]


FORMULAS: list[Formula] = [
    Formula(
        "01_multilayer_perceptrons",
        "fig-neuron",
        ("x", "a"),
        [
            {"weight": weight, "bias": bias, "activation": name}
            for name in ACTIVATIONS
            for weight in (-4, -0.25, 0, 1, 4)
            for bias in (-4, -1, 0, 4)
        ],
        lambda x, weight, bias, activation: get_activation(activation)(weight * x + bias),
    ),
    Formula(
        "01_multilayer_perceptrons",
        "fig-build",
        ("x", "s"),
        [
            {"first": first, "second": second, "third": third}
            for first in (-4, 1, 4)
            for second in (-2, 0, 3.5)
            for third in (-4, 1)
        ],
        lambda x, first, second, third: (
            first * relu(x + 1) + second * relu(x) + third * relu(x - 1)
        ),
    ),
    Formula(
        "01_multilayer_perceptrons",
        "fig-approximator",
        ("i", "x", "y"),
        [{"target": name, "units": units} for name in APPROXIMATED for units in (2, 9, 32, 64)],
        lambda i, x, target, units: interpolated(x, target, units),
    ),
    Formula(
        "04_softmax_and_kl",
        "fig-softmax",
        ("k", "p"),
        SOFTMAX_SETTINGS,
        lambda k, target, **dials: model(**dials)[k],
    ),
    Formula(
        "04_softmax_and_kl",
        "fig-softmax",
        ("k", "H"),
        SOFTMAX_SETTINGS,
        lambda k, target, **dials: entropy(model(**dials)),
    ),
    Formula(
        "04_softmax_and_kl",
        "fig-softmax",
        ("k", "D"),
        SOFTMAX_SETTINGS,
        lambda k, target, **dials: kl_divergence(y=TARGETS[target], p=model(**dials)),
    ),
]


# Set the controls and return every row, of whatever data set of the chart, that has the fields.
ROWS = """async (chart, [settings, fields]) => {
    for (const [name, value] of Object.entries(settings)) chart.view.signal(name, value);
    await chart.view.runAsync();
    const names = Object.keys(chart.view.getState({data: () => true}).data);
    const data = names.map((name) => chart.view.data(name));
    const has = (row) => fields.every((field) => row && field in row);
    const rows = data.filter((rows) => Array.isArray(rows) && rows.length && has(rows[0]));
    return rows[0].map((row) => fields.map((field) => row[field]));
}"""


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.figure)
def test_a_chart_draws_what_nnlib_computes(open_page, formula):
    chart = open_page(f"chapters/{formula.chapter}").locator(f"[id='{formula.figure}'] div.chart")
    for settings in formula.settings:
        rows = chart.evaluate(ROWS, [settings, formula.fields])
        *given, drawn = (np.array(column) for column in zip(*rows, strict=True))
        assert len(drawn) > 2
        assert_allclose(drawn, formula.right(*given, **settings), rtol=1e-9, atol=1e-12)
