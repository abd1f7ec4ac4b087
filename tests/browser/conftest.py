"""A browser, and the built book in it."""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
HTML = Path(os.environ.get("NNB_HTML", BUILT))
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
        page.on("requestfailed", lambda request: self.append(f"not found: {request.url}"))
        page.on("request", self.note)

    def note(self, request):
        self.requested.add(request.url.partition("?")[0])
        if not request.url.startswith((HTML.as_uri(), "data:", "blob:")):
            self.append(f"left the book: {request.url}")


# Formulas are set, charts drawn, and colors no longer on their way from one to another.
READY = """async (scheme) => {
    await window.MathJax?.startup?.promise;
    await document.fonts.ready;
    const drawn = [...document.querySelectorAll("div.chart")].every((chart) => chart.view);
    const moving = document.getAnimations().some(({ playState }) => playState === "running");
    return document.documentElement.dataset.theme === scheme && drawn && !moving;
}"""


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page of the book; what goes wrong there fails the test."""
    faults = Faults()
    with ExitStack() as contexts:

        def opened(name, width=390, scheme="light"):
            view = {"width": width, "height": 844}
            context = contexts.enter_context(
                browser.new_context(viewport=view, color_scheme=scheme, reduced_motion="reduce")
            )
            page = context.new_page()
            faults.watch(page)
            page.goto((HTML / f"{name}.html").as_uri())
            page.wait_for_function(READY, arg=scheme)
            return page

        opened.requested = faults.requested
        yield opened
    assert faults == []


def pytest_generate_tests(metafunc):
    """Run a test that asks for a built page once for each."""
    if not (HTML / "index.html").exists():
        pytest.exit(f"No book was built in {HTML}: make book", 2)
    if "built_page" in metafunc.fixturenames:
        pages = [*HTML.glob("*.html"), *HTML.glob("[!_]*/**/*.html")]
        names = {page.relative_to(HTML).with_suffix("").as_posix() for page in pages}
        metafunc.parametrize("built_page", sorted(names - {"index"}))  # it leads to chapters/index
