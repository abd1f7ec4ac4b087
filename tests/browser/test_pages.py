"""Every built page, on a phone and on a desk, by day and by night: complete and within reach."""

import pytest
from axe_playwright_python.sync_playwright import Axe

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,  # no second look at style sheets, which a page opened as a file cannot fetch
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_is_accessible_and_stands_still(open_page, built_page, width, scheme):
    page = open_page(built_page, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("mjx-merror").count() == 0
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()
