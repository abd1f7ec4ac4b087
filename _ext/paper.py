"""What is printed beside the book, of the same HTML always the same bytes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from importlib.metadata import files
from pathlib import Path

from built import chromium, lay_faces, print_once
from playwright.sync_api import Page

HERE = Path(__file__).parent
FORMATS = ("A4", "Letter")
#: Formulas shrink until they fit, as in the printed book.
FIT = """(size) => {
  if (size) document.documentElement.style.fontSize = `${size}pt`;
  for (const math of document.querySelectorAll("math")) {
    math.style.fontSize = "";
    const room = math.closest("p, div, li, td").clientWidth;
    const { width } = math.getBoundingClientRect();
    if (room && width > room) math.style.fontSize = `${Math.floor((98 * room) / width)}%`;
  }
}"""


class Press:
    """A browser that prints; ``html`` is the folder of the built pages, which has the faces."""

    def __init__(self, page: Page, folder: Path, faces: str) -> None:
        self.page, self.folder, self.faces = page, folder, faces

    def lay(self, title: str, body: str, paper: str, style: str = "") -> None:
        """Open what is to be printed."""
        path = self.folder / "page.html"
        path.write_text(
            f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>{escape(title)}</title><style>{self.faces}
@page {{ size: {paper}; margin: 16mm 15mm 18mm;
  @bottom-center {{ content: counter(page) " / " counter(pages); font: 9pt Paper; }} }}
{(HERE / "paper.css").read_text(encoding="utf-8")}
{style}</style></head><body>{body}</body></html>""",
            encoding="utf-8",
        )
        self.page.goto(path.as_uri())
        self.page.evaluate("() => document.fonts.ready")
        self.resize()

    def resize(self, size: float | None = None) -> None:
        """Set what is open in a size of type, in points."""
        self.page.evaluate(FIT, size)

    def print(self, target: Path) -> int:
        """Print what is open, without the time at which that was done; return how many pages."""
        made = print_once(self.page)
        for name in ("/CreationDate", "/ModDate"):
            if name in made.docinfo:
                del made.docinfo[name]
        made.save(target, deterministic_id=True)
        return len(made.pages)

    def pages(self) -> int:
        """Return how many pages what is open would have."""
        return len(print_once(self.page).pages)


@contextmanager
def press(html: Path) -> Iterator[Press]:
    """Start what prints, and end it."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        faces = lay_faces(html / "_static", folder)
        (source,) = (
            path for path in files("ziamath") or () if path.name == "STIXTwoMath-Regular.ttf"
        )
        shutil.copy(str(source.locate()), folder / "formulas.ttf")
        faces += '\n@font-face { font-family: Formulas; src: url("formulas.ttf"); }'
        page = browser.new_page(viewport={"width": 680, "height": 900}, color_scheme="light")
        page.emulate_media(media="print")
        yield Press(page, folder, faces)
