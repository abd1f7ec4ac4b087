"""A browser, and the built book in it."""

import os
import shutil
from pathlib import Path

import pytest
import sources
from playwright.sync_api import sync_playwright

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
HTML = Path(os.environ.get("NNB_HTML", BUILT))
CHAPTERS = [path.stem for path in sources.lessons()]
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser():
    path = os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.exit("No Chromium was found: apt install chromium, or set BROWSER_PATH", 2)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser,
    ):
        yield browser


@pytest.fixture(scope="session")
def html():
    """Return the folder of the built book; the variable names one that was built elsewhere."""
    return HTML


class Faults(list):
    """What a page should not do: errors in its console, requests that leave its folder."""

    def __init__(self):
        self.requested = set()

    def watch(self, page):
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on(
            "console", lambda said: said.type in ("error", "warning") and self.append(said.text)
        )
        # What is still on its way when a page is left is aborted, and is no fault.
        page.on(
            "requestfailed",
            lambda request: (
                request.failure != "net::ERR_ABORTED" and self.append(f"not found: {request.url}")
            ),
        )
        page.on("request", self.note)

    def note(self, request):
        self.requested.add(request.url.partition("?")[0])
        if not request.url.startswith((HTML.as_uri(), "data:", "blob:")):
            self.append(f"left the book: {request.url}")


# As if it had been read through: nothing waits for coming into sight.
READ = "section { content-visibility: visible !important; }"
# The font of formulas is there, charts are drawn, colors no longer on their way to others, and what
# scrolls sideways at this width is a stop for the keyboard.
SET = """async () => {
    for (const said of ["beforeprint", "afterprint"]) dispatchEvent(new Event(said));
    await document.fonts.ready;
}"""
# Playwright takes any promise for a yes, so that this returns none.
READY = """([scheme, width]) => {
    const drawn = [...document.querySelectorAll("div.chart")].every((chart) => chart.view);
    const moving = document.getAnimations().some(({ playState }) => playState === "running");
    const stops = [...document.querySelectorAll("pre")].every(
        (block) => !block.checkVisibility() || block.scrollWidth <= block.clientWidth
            || block.tabIndex === 0);
    const shown = document.documentElement.dataset.theme === scheme && innerWidth === width;
    return shown && drawn && !moving && stops;
}"""


class Opened:
    """A page of the book in a context of its own, to be shown at any width, in any scheme."""

    def __init__(self, browser, name):
        self.faults = Faults()
        self.context = browser.new_context()
        self.context.set_default_timeout(120_000)  # a machine may be busy
        self.page = self.context.new_page()
        self.faults.watch(self.page)
        self.name = name

    def __call__(self, width=390, scheme="light", **media):
        asked = {"media": "screen", "reduced_motion": "reduce", "forced_colors": "none"} | media
        self.page.set_viewport_size({"width": width, "height": 844})
        self.page.emulate_media(color_scheme=scheme, **asked)
        if self.page.url == "about:blank":
            self.page.goto((HTML / f"{self.name}.html").as_uri())
            self.page.add_style_tag(content=READ)
        self.page.evaluate(SET)
        self.page.wait_for_function(READY, arg=[scheme, width])
        return self.page

    def open_folds(self, opened=True):
        """Open what goes deeper, or close it again."""
        folds = self.page.locator("details.deeper")
        folds.evaluate_all("(all, opened) => all.forEach(fold => { fold.open = opened; })", opened)


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page of the book; what goes wrong there fails the test."""
    pages = []

    def opened(name, width=390, scheme="light"):
        pages.append(Opened(browser, name))
        return pages[-1](width, scheme)

    opened.requested = lambda: set().union(*(page.faults.requested for page in pages))
    yield opened
    for page in pages:
        page.context.close()
    assert [fault for page in pages for fault in page.faults] == []


@pytest.fixture(scope="session")
def loaded(browser, built_page):
    """Open a page of the book once for all tests that only look at it."""
    opened = Opened(browser, built_page)
    yield opened
    opened.context.close()


@pytest.fixture
def look(loaded):
    """Return a function that shows the page; tests leave its content as it is."""
    yield loaded
    assert loaded.faults == []


@pytest.fixture(scope="session")
def driven(browser, chapter):
    opened = Opened(browser, f"chapters/{chapter}")
    yield opened
    opened.context.close()


@pytest.fixture
def drive(driven):
    """Return a function that shows the chapter, opened once for all tests that move its parts.

    What goes deeper is open, since its charts and self-checks are moved like all others.
    """

    def shown(*settings):
        page = driven(*settings)
        driven.open_folds()
        return page

    yield shown
    driven.open_folds(False)
    assert driven.faults == []


def pytest_generate_tests(metafunc):
    """Run a test that asks for a built page, or for a chapter, once for each."""
    if not (HTML / "index.html").exists():
        pytest.exit(f"No book was built in {HTML}: make book", 2)
    pages = [*HTML.glob("*.html"), *HTML.glob("[!_]*/**/*.html")]
    names = {page.relative_to(HTML).with_suffix("").as_posix() for page in pages}
    names -= {"index"}  # it leads to chapters/index
    names = {name for name in names if not name.startswith("slides/")}  # test_slides.py
    for asked, found in (("built_page", sorted(names)), ("chapter", CHAPTERS)):
        if asked in metafunc.fixturenames:
            # Tests of one page run one after another in one worker, which opens it once.
            groups = [
                pytest.param(name, marks=pytest.mark.xdist_group(f"{asked} {name}"))
                for name in found
            ]
            metafunc.parametrize(asked, groups, scope="session")
