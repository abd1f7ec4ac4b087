"""Every built page, on a phone and on a desk, by day and by night: complete and within reach."""

import doctest
import gzip
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import sources
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from PIL import Image

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,  # no second look at style sheets, which a page opened as a file cannot fetch
}
# Colors take most of the time; they depend on the scheme alone, and the rest on the width alone.
LAYOUT = RULES | {"rules": RULES["rules"] | {"color-contrast": {"enabled": False}}}
# They have the color of the text around them, and axe has no rule for them.
WITHOUT_FORMULAS = {"exclude": [["math"]]}
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "preload": False}


def keeps_to(page, width):
    """Wait until nothing sticks out."""
    page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


@pytest.mark.parametrize(
    ("width", "scheme", "rules"),
    [(1280, "light", RULES), (360, "light", LAYOUT), (360, "dark", COLORS)],
)
def test_a_page_is_accessible_and_stands_still(look, width, scheme, rules):
    page = look(width, scheme)
    keeps_to(page, width)
    look.open_folds()
    results = Axe().run(page, WITHOUT_FORMULAS, rules)
    look.open_folds(False)
    assert results.violations_count == 0, results.generate_report()


# As WCAG 1.4.12 has it: whoever needs more room between letters, words and lines loses nothing.
SPACING = """* {
    letter-spacing: 0.12em !important;
    line-height: 1.5 !important;
    word-spacing: 0.16em !important;
}
p { margin-bottom: 2em !important; }"""


def test_a_page_keeps_to_a_narrow_window_with_its_letters_apart(look):
    page = look(320)
    look.open_folds()
    keeps_to(page, 320)
    spacing = page.add_style_tag(content=SPACING)
    try:
        keeps_to(page, 320)
    finally:  # other tests look at the same page
        spacing.evaluate("style => style.remove()")
        look.open_folds(False)


def test_buttons_and_fields_have_an_edge_in_forced_colors(look):
    bare = """() => [...document.querySelectorAll(".bd-article form :is(button, input, select)")]
        .filter((control) => {
            const { appearance, borderTopStyle, borderTopWidth } = getComputedStyle(control);
            const own = appearance !== "none" && !control.matches("button, [type=text]");
            return !own && (borderTopStyle === "none" || parseFloat(borderTopWidth) < 1);
        }).map((control) => control.outerHTML)"""
    assert look(forced_colors="active").evaluate(bare) == []


# What is folded is opened; a formula may lean a little out of its box.
CUT_OFF = """() => {
    const folds = [...document.querySelectorAll("details:not([open])")];
    const toggles = [...document.querySelectorAll(".toggle-hidden")];
    for (const fold of folds) fold.open = true;
    for (const toggle of toggles) toggle.classList.remove("toggle-hidden");
    const blocks = document.querySelectorAll(
        ".bd-article :is(pre, table, .math, .formula, .pst-scrollable-table-container, .sig)");
    const cut = [...blocks].filter((block) => {
        const slack = block.closest(".math") ? 4 : 0;
        return block.clientWidth && block.scrollWidth > block.clientWidth + slack;
    });
    const said = cut.map((block) => `${block.scrollWidth - block.clientWidth} px: ` +
        `${block.closest("[id]").id}: ${block.textContent.trim().slice(0, 80)}`);
    for (const fold of folds) fold.open = false;
    for (const toggle of toggles) toggle.classList.add("toggle-hidden");
    return said;
}"""


def test_code_outputs_tables_and_formulas_fit_their_boxes(look):
    assert look(1280).evaluate(CUT_OFF) == []


# What paper would show of every element when the page is printed.
WATCH_INK = """() => addEventListener("beforeprint", () => {
    window.ink = [...document.querySelectorAll("body, body *")].map((element) => {
        const { color, fill, backgroundColor, borderTopColor, filter } = getComputedStyle(element);
        return [color, fill, backgroundColor, borderTopColor, filter].join(" ");
    });
})"""


def test_paper_is_the_same_by_day_and_by_night(look):
    look().evaluate(WATCH_INK)
    inks = []
    for scheme in ("light", "dark"):
        page = look(1280, scheme, media="print", reduced_motion="no-preference")
        page.pdf(page_ranges="1")
        inks.append(page.evaluate("ink"))
        # Back on the screen, the page is as it was.
        page.wait_for_function("s => document.documentElement.dataset.theme === s", arg=scheme)
    light, dark = inks
    assert [pair for pair in zip(light, dark, strict=True) if pair[0] != pair[1]] == []


# A printer, unlike a picture of the screen, waits for what is loaded when it comes near.
LOADED = """() => {
    const pictures = [...document.querySelectorAll(".bd-article figure img")];
    pictures.forEach((picture) => { picture.loading = "eager"; });
    return Promise.all(pictures.map((picture) => picture.decode()));
}"""


@pytest.mark.parametrize("name", ["02_activation_functions", "03_surrogate_losses"])
def test_figures_and_charts_print_dark_on_white_from_a_dark_page(open_page, name):
    page = open_page(f"chapters/{name}", 1280, "dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.evaluate(LOADED)
    drawn = page.locator(".bd-article figure :is(img, div.chart svg)").all()
    assert len(drawn) > 4
    for drawing in drawn:
        with Image.open(BytesIO(drawing.screenshot())) as picture:
            shades = picture.convert("L").histogram()
        assert shades.index(max(shades)) > 250
        assert sum(shades[:90]) > 100


def test_the_contents_of_the_longest_chapter_follow_its_reader(open_page, html):
    pages = [html / "chapters" / f"{path.stem}.html" for path in sources.lessons()]
    longest = max(pages, key=lambda path: path.stat().st_size)
    page = open_page(f"chapters/{longest.stem}", 1280)
    sections = page.locator(".bd-article section > :is(h2, h3)").all()
    assert len(sections) > 12
    for heading in [*sections, *reversed(sections)]:
        heading.evaluate("heading => scrollTo(0, heading.getBoundingClientRect().top + scrollY)")
        page.wait_for_function(FOLLOWED, arg=heading.element_handle())
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("!document.querySelector('#pst-page-toc-nav a.active')")


# The section's entry, or that of its first part, is marked and in sight; the last sections do not
# reach the top.
FOLLOWED = """(heading) => {
    const entry = document.querySelector("#pst-page-toc-nav a.active");
    const reached = heading.getBoundingClientRect().top < 2;
    if (!entry || (reached && !heading.parentElement.matches(`:has(${entry.hash}), ${entry.hash}`)))
        return false;
    const { top, bottom } = entry.getBoundingClientRect();
    const box = entry.closest(".bd-sidebar-secondary").getBoundingClientRect();
    return top >= box.top && bottom <= box.bottom;
}"""


def test_the_copy_button_takes_code_without_prompts_and_outputs(open_page):
    page = open_page("chapters/api", 1280)
    page.evaluate("document.body.append(document.createElement('textarea'))")
    blocks = page.locator("div.highlight:has(button.copybtn)").all()
    assert len(blocks) > 50
    for block in blocks:
        shown = block.locator("pre").text_content()
        block.locator("button.copybtn").dispatch_event("click")
        page.locator("body > textarea").fill("")
        page.keyboard.press("Control+V")
        copied = page.locator("body > textarea").input_value()
        examples = doctest.DocTestParser().get_examples(shown)
        code = "".join(example.source for example in examples) or shown
        assert copied.strip() == code.strip()


def test_every_picture_says_what_it_shows(html, built_page):
    page = BeautifulSoup((html / f"{built_page}.html").read_text(), "html.parser")
    for picture in page.select("article img"):
        said = picture.get("alt", "")
        assert len(said) > 40, f"the alt text of {picture['src']} says too little: {said!r}"
        assert Path(picture["src"]).name not in said, f"{picture['src']} has no alt text"


def kilobytes(urls):
    """What a server sends for these files, compressed where that helps, but for Vega."""
    paths = [Path(unquote(urlsplit(url).path)) for url in urls if url.startswith("file:")]
    files = [path.read_bytes() for path in paths if not path.name.startswith("vega-")]
    return sum(min(len(data), len(gzip.compress(data))) for data in files) / 1000


def test_a_first_page_is_light_and_the_next_one_lighter(open_page, chapter):
    page = open_page(f"chapters/{chapter}")
    own = {url for url in open_page.requested() if "/_static/" not in url}
    assert kilobytes(own) <= 150
    # Read to its end, with the pictures that wait for that.
    page.evaluate("[...document.images].forEach((picture) => { picture.loading = 'eager'; })")
    page.wait_for_function("[...document.images].every((picture) => picture.complete)")
    assert 100 < kilobytes(open_page.requested()) <= 350


def test_a_page_loads_the_scripts_that_it_has_a_use_for(look):
    page = look()
    loaded = {Path(urlsplit(url).path).stem for url in look.faults.requested if ".js" in url}
    uses = {
        "charts": "div.chart",
        "quiz": ".admonition.quiz",
        "drill": ".admonition.drill",
        "arithmetic": ".admonition:is(.quiz, .drill)",
        "kept": ":is(.admonition.quiz, .cards)",
        "terms": "article a.term",
        "live": ".live",
        "copybutton": "article pre",
        "clipboard.min": "article pre",
        "documentation_options": "article pre",
        "togglebutton": "article .dropdown",
    }
    for script, use in uses.items():
        assert (script in loaded) == (page.locator(use).count() > 0), script
    vega = {name for name in loaded if name.startswith("vega")}
    assert loaded - set(uses) - vega == {"frame", "page", "search"}
    assert bool(vega) == ("charts" in loaded)


def test_the_book_holds_nothing_that_no_page_names(html):
    static = html / "_static"
    pages = [path for path in html.rglob("*.html") if static not in path.parents]
    texts = [*pages, *static.glob("*.css"), *static.glob("*.js")]
    named = "".join(path.read_text() for path in texts)
    assert [path for path in static.rglob("*.*") if path.is_file() and path.name not in named] == []


# Whoever scrolls comes to them; before that, what is out of sight is not even laid out.
@pytest.mark.parametrize("width", [412, 1350])
def test_nothing_moves_while_a_page_comes(browser, html, chapter, width):
    page = browser.new_page(viewport={"width": width, "height": 823})
    page.goto((html / "chapters" / f"{chapter}.html").as_uri(), wait_until="networkidle")
    moved = """() => new Promise((resolve) => new PerformanceObserver((list) => resolve(
        list.getEntries().reduce((sum, { value }) => sum + value, 0)
    )).observe({ type: "layout-shift", buffered: true })
        ?? setTimeout(() => resolve(0), 200))"""
    assert page.evaluate(moved) <= 0.02
    page.close()


# What is out of sight is cut at the edge of its section.
OUT_OF_SECTION = """() => [...document.querySelectorAll(".bd-article > section > section")].flatMap(
    (section) => {
        const { left, right } = section.getBoundingClientRect();
        return [...section.querySelectorAll("*")].filter((element) => {
            if (element.closest("pre > *, math, .formula > *, table, svg > *")) return false;
            const box = element.getBoundingClientRect();
            return box.width && box.height && (box.left < left - 16 || box.right > right + 16);
        }).map((element) => element.outerHTML.slice(0, 120));
    })"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_section_holds_what_it_shows(look, width):
    page = look(width)
    look.open_folds()
    out = page.evaluate(OUT_OF_SECTION)
    look.open_folds(False)
    assert out == []


def test_a_link_leads_to_the_last_section_of_a_page_just_opened(browser, html, chapter):
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    page.goto((html / "chapters" / f"{chapter}.html").as_uri())
    entry = page.locator("#pst-page-toc-nav > ul > li > a").nth(-3)
    anchor = entry.get_attribute("href")
    entry.click()
    page.wait_for_function(
        "id => Math.abs(document.querySelector(id).getBoundingClientRect().top) < 100", arg=anchor
    )
    page.wait_for_function(
        "id => document.querySelector(`#pst-page-toc-nav a.active`)?.hash === id", arg=anchor
    )
    page.close()


def test_the_sides_open_and_close_on_a_phone(open_page):
    page = open_page("chapters/01_multilayer_perceptrons", 390)
    for side, inside in (("primary", "nav.bd-links a"), ("secondary", "#pst-page-toc-nav a")):
        dialog = page.locator(f"#pst-{side}-sidebar-modal")
        page.locator(f".{side}-toggle").click()
        dialog.locator(inside).first.wait_for()
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        page.locator(f".{side}-toggle").click()
        # Beside it, on the left or on the right.
        page.mouse.click(380 if side == "primary" else 10, 400)
        dialog.wait_for(state="hidden")
    page.locator(".secondary-toggle").click()
    link = page.locator("#pst-secondary-sidebar-modal a").nth(3)
    anchor = link.get_attribute("href")
    link.click()
    assert page.url.endswith(anchor)
    page.locator("#pst-secondary-sidebar-modal").wait_for(state="hidden")


def test_colors_are_chosen_and_kept(open_page):
    page = open_page("chapters/index", 1280)
    theme = "document.documentElement.dataset.theme"
    seen = []
    for _ in range(3):
        page.locator(".theme-switch-button").click()
        seen.append(page.evaluate(f"[document.documentElement.dataset.mode, {theme}]"))
    assert seen == [["dark", "dark"], ["light", "light"], ["auto", "light"]]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{theme} === 'dark'")
    page.locator(".theme-switch-button").click()
    page.reload()
    assert page.evaluate(theme) == "light"
    page.evaluate("localStorage.clear()")


def test_the_way_up_is_offered_to_whoever_turns_back(open_page):
    page = open_page("chapters/01_multilayer_perceptrons", 390)
    up = page.locator("#pst-back-to-top")
    for y, shown in ((5000, False), (4000, True)):
        page.evaluate(f"scrollTo(0, {y})")
        up.wait_for(state="visible" if shown else "hidden")
    up.dispatch_event("click")
    page.wait_for_function("scrollY === 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["chapters/index", "chapters/01_multilayer_perceptrons"])
def test_whoever_goes_by_keyboard_sees_where_they_are(open_page, name, scheme):
    page = open_page(name, 1280, scheme)
    page.evaluate("""() => {
        const ring = (element) => {
            const { outline, outlineStyle, boxShadow } = getComputedStyle(element);
            return boxShadow + (outlineStyle === "none" ? "" : outline);
        };
        window.stops = [];
        window.unseen = [];
        document.addEventListener("focusin", ({ target }) => {
            const focused = ring(target);
            stops.push(target);
            target.addEventListener("blur", () => setTimeout(() => {
                if (ring(target) === focused) unseen.push(target.outerHTML);
            }), { once: true });
        });
    }""")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to main content"
    while page.evaluate("document.activeElement !== document.body"):
        page.keyboard.press("Tab")
    assert page.evaluate("stops.length") > 40
    assert page.evaluate("stops.length === new Set(stops).size")
    assert page.evaluate("unseen") == []
    formulas = "stops.filter((stop) => stop.closest('.math')).map((stop) => stop.textContent)"
    assert page.evaluate(formulas) == []  # here all of them fit
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("main :focus").count() == 1


def test_nothing_moves_for_those_who_ask_for_that(look):
    moving = """() => [...document.querySelectorAll("*")].filter((element) =>
        ["", "::before", "::after"].some((part) => {
            const style = getComputedStyle(element, part || null);
            return style.animationName !== "none" || style.scrollBehavior === "smooth"
                || style.transitionDuration.split(",").some((time) => parseFloat(time) > 0.001);
        })).map((element) => element.className)"""
    assert look(1280).evaluate(moving) == []
