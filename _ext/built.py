"""The built pages, for what is made of them: the book on paper, and slides."""

from __future__ import annotations

import copy
import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pikepdf
from assets import FACES
from bs4 import BeautifulSoup, Tag
from fontTools import ttLib
from fontTools.varLib import instancer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def read(html: Path, name: str) -> BeautifulSoup:
    """Return a built page."""
    return BeautifulSoup((html / f"{name}.html").read_text(encoding="utf-8"), "html.parser")


def make(markup: str) -> Tag:
    """Return a new element."""
    tag = BeautifulSoup(markup, "html.parser").find(True)
    assert isinstance(tag, Tag)
    return tag


def self_check(quiz: Tag, number: str) -> Tag:
    """Leave of a self-check its question and choices; return its answers, each with its reason."""
    link = str(quiz["id"])
    title = quiz.select_one(".admonition-title")
    name = title.get_text(strip=True)
    if name == "Self-check":
        title.string = name = f"Self-check {number}"
    answers = make(f"<div class='answers' id='{link}.answers'></div>")
    answers.append(make(f"<p class=admonition-title>Answers to <a href='#{link}'>{name}</a></p>"))
    listed = quiz.find("ul", recursive=False)
    for item in listed.find_all("li", recursive=False):
        box = item.find("input")
        item["class"] = "right" if box.has_attr("checked") else "wrong"
        box.decompose()
        if "number" in quiz["class"]:
            for text in (item.find("p", recursive=False) or item).find_all(
                string=re.compile("-"), recursive=False
            ):
                text.replace_with(re.sub(r"(?<!\w)-(?=[\d.])", "−", text))
    choices = copy.copy(listed)
    answers.append(listed.extract())
    if "number" not in quiz["class"]:
        for reason in choices.select("ul"):
            reason.decompose()
        quiz.append(choices)
    for kind in (choices, listed):
        kind.name, kind["class"] = "ol", "choices"
        if "number" in quiz["class"]:
            kind.name = "ul"
    return answers


def find_browser() -> str:
    """Return where Chromium is; without one, say how to get it."""
    named = os.environ.get("BROWSER_PATH")
    found = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if not found:
        where = f" at BROWSER_PATH, {named}" if named else ""
        raise SystemExit(f"error: no Chromium{where}: apt install chromium, or set BROWSER_PATH")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser that prints."""
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        ) as browser,
    ):
        yield browser


def lay_faces(static: Path, folder: Path) -> str:
    """Lay the face of the text at the weights that are used, and return their rules.

    Of a font with an axis, Chromium prints outlines that no reader knows as a font.
    """
    rules = []
    for name in FACES:
        for weight in (400, 600, 700):
            with ttLib.TTFont(static / f"{name}.woff2", recalcTimestamp=False) as font:
                instancer.instantiateVariableFont(font, {"wght": weight}, inplace=True)
                font.save(folder / f"{name}-{weight}.woff2")
            style = "italic" if "italic" in name else "normal"
            rules.append(
                f"@font-face {{ font-family: Paper; font-style: {style}; font-weight: {weight}; "
                f'src: url("{name}-{weight}.woff2"); }}'
            )
    return "\n".join(rules)


def print_once(page: Page, **options: bool) -> pikepdf.Pdf:
    """Print; the structure for screen readers, where it is asked for, takes most of the time."""
    printed = page.pdf(prefer_css_page_size=True, print_background=True, **options)
    return pikepdf.open(io.BytesIO(printed))


def save(printed: pikepdf.Pdf, target: Path) -> None:
    """Save what was printed; uncompressed, what screen readers are told is two thirds of it."""
    packed = {"object_stream_mode": pikepdf.ObjectStreamMode.generate}
    printed.save(target, recompress_flate=True, **packed)
