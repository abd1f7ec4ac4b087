"""Make the slides of a built book: ``python _ext/slides.py [FOLDER] [--no-pdf]``.

By default of ``_build/html``. Each chapter that has a deck (``decks.py`` says what stands in one)
gets slides for the screen and on paper, and an outline to read. They lie beside the pages, complete
in their folder; a copy lies among them, to which pages lead (``lectures.py``). What a deck names
and the book does not have is an error (``showing.py``), and so is what does not fit its slide.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib.metadata import files
from pathlib import Path
from typing import NamedTuple

import assets
from addresses import addresses
from bs4 import BeautifulSoup, Tag
from built import chromium, find_browser, lay_faces, make, print_once, save
from decks import MINUTES, Slide, decks
from editions import STUDENT
from formulas import lay_font
from showing import BOOK, Block, Book, Chapter, Maker, Shown, classes
from sources import ROOT, lessons

HERE = Path(__file__).parent
FOLDER = "slides"
#: What the slides load of the pages, and of reveal.js.
LENT = (
    "theme.css",
    "book.css",
    "text.woff2",
    "text-italic.woff2",
    "icons.woff",
    "charts.js",
    "favicon.svg",
    assets.VEGA,
)
REVEAL = ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
#: Where the book is, seen from the slides that lie in it.
INSIDE = "../"
#: The room for what a slide shows, below its title and above its foot, in pixels of 1280 by 720.
ROOM = (1168, 556)
#: What words beside a picture leave of its width.
BESIDE = 820
#: Text of figures has so many pixels in the book (plots.use_style), and on slides at least so many.
FIGURE_TEXT, LEGIBLE = 16, 24

# --- frames ---------------------------------------------------------------------------------------


def frame(shown: Shown, chapter: Chapter, book: Book, remark: Callable[[str], None]) -> Tag:
    """Return a slide as it is projected: 1280 by 720."""
    made = make("<div class='frame'></div>")
    pictures = [block for block in shown.blocks if block.ratio]
    words = [block for block in shown.blocks if not block.ratio]
    if shown.slide.title:
        made.append(make(f"<h2>{shown.title}</h2>"))
    else:
        made["class"] = "frame opening"
        made.append(make(f"<p class='book'>{escape(book.title)}</p>"))
        made.append(make(f"<h1><span class='number'>{chapter.number}</span> {chapter.title}</h1>"))
    room = make("<div class='room'></div>")
    groups = {"words": words, "pictures": pictures}
    if pictures and shown.blocks[0].ratio:
        groups = {"pictures": pictures, "words": words}
    for name, blocks in groups.items():
        if not blocks:
            continue
        group = make(f"<div class='{name}'></div>")
        for block in blocks:
            tag = copy.copy(block.tag)
            if block.ratio:
                width = fit(block, len(pictures), bool(words))
                tag["style"] = f"width: {width:.0f}px"
                text = FIGURE_TEXT * width / block.natural if block.natural else LEGIBLE
                if text < LEGIBLE - 0.5:
                    remark(f"{shown.slide.label}: text of {tag.get('id')} has {text:.0f} px")
                for caption in tag.select("figcaption"):
                    caption.decompose()
            group.append(tag)
        room.append(group)
    if pictures and words:
        room["class"] = "room beside"
    if any(block.tag.select(".chart") for block in pictures):
        room["class"] = [*classes(room), "live"]
    made.append(room)
    if shown.places:
        foot = make("<p class='places'></p>")
        foot.extend(copy.copy(place) for place in shown.places)
        made.append(foot)
    return made


def fit(block: Block, pictures: int, words: bool) -> float:
    """Return the width at which a picture fills its room."""
    if block.tag.select_one(".chart"):
        return ROOM[0]
    width = (BESIDE if words else ROOM[0]) - 32 * (pictures - 1)
    return min(width / pictures, ROOM[1] * block.ratio)


def stepped(made: Tag, steps: int) -> Iterator[Tag]:
    """Yield a slide as it is after each step, for paper."""
    for now in range(steps + 1):
        page = copy.copy(made)
        for tag in page.select(".fragment"):
            later = int(str(tag["data-fragment-index"])) > now
            tag["class"] = [*classes(tag), "later" if later else "visible"]
        yield page


# --- pages ----------------------------------------------------------------------------------------


def document(kind: str, title: str, body: str, *, faces: str = "", root: str = "") -> str:
    """Return a page: ``deck``, ``plain`` to be read, or ``paper``."""
    static = f"{root}_static/"
    styles = ["reveal.css"] * (kind == "deck") + ["theme.css", "book.css", "slides.css"]
    scripts = [] if kind == "paper" else ["slides.js"]
    scripts += ["reveal.js", "notes.js"] if kind == "deck" else []
    head = [f'<link rel="stylesheet" href="{static}{name}">' for name in styles]
    head += [f'<script src="{static}{name}"></script>' for name in scripts]
    if 'class="chart"' in body:
        head.append(f'<script defer data-vega="{assets.VEGA}" src="{static}charts.js"></script>')
    theme = ' data-theme="light" data-mode="light"' if kind == "paper" else ""
    return f"""<!doctype html>
<html lang="en" class="{kind}"{theme}><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{static}favicon.svg">
{chr(10).join(head)}
<style>{faces}</style></head><body>
{body}
</body></html>
"""


def unique(markup: str) -> str:
    """Return a page in which what stands once more has no name."""
    soup, seen = BeautifulSoup(markup, "html.parser"), set[str]()
    for tag in soup.select("body [id]"):
        if tag["id"] in seen:
            del tag["id"]
        else:
            seen.add(str(tag["id"]))
    return str(soup)


def minutes(slide: Slide) -> str:
    """Return when a slide stands."""
    return f"Minutes {slide.start}–{slide.end}" if slide.end else "Before the lecture"


def deck_page(made: Made) -> str:
    """Return the slides to be projected."""
    sections = []
    for shown, projected in zip(made.shown, made.frames, strict=True):
        slide = shown.slide
        notes = ""
        if shown.notes:
            notes = f"<aside class='notes'><p><b>{minutes(slide)}</b></p>{shown.notes}</aside>"
        sections.append(
            f"<section id='{slide.label}' data-timing='{60 * (slide.end - slide.start)}'>"
            f"{projected}{notes}</section>"
        )
    body = (
        "<main><div class='reveal'><div class='slides bd-content bd-article'>"
        f"{''.join(sections)}</div></div></main>"
    )
    return unique(document("deck", made.page_title, body))


def outline_page(made: Made) -> str:
    """Return all slides one below the other, with what is said to them."""
    chapter, name = made.chapter, made.name
    links = [
        f"<a href='{name}.html'>Slides</a>",
        f"<a href='{BOOK}{chapter.name}.html'>The chapter</a>",
        "<a href='index.html'>All slides</a>",
    ]
    parts = [f"<h1>{chapter.title}: outline</h1><p>{' · '.join(links)}</p>"]
    for shown in made.shown:
        tags = []
        for block in shown.blocks:
            tag = copy.copy(block.tag)
            for later in [tag, *tag.select(".fragment")]:
                if "fragment" in classes(later):
                    later["class"] = [n for n in classes(later) if n != "fragment"] + ["visible"]
                    del later["data-fragment-index"]
            tags.append(str(tag))
        notes = (
            f"<div class='notes'><p class='minutes'>{minutes(shown.slide)}</p>{shown.notes}</div>"
        )
        parts.append(
            f"<section id='{shown.slide.label}'><h2>{shown.title or chapter.title}</h2>"
            f"{''.join(tags)}{notes if shown.notes else ''}</section>"
        )
    body = f"<main class='bd-content'><article class='bd-article'>{''.join(parts)}</article></main>"
    return unique(document("plain", f"Outline: {made.page_title}", body))


def overview(all_made: Sequence[Made], book: Book) -> str:
    """Return the page that leads to all decks."""
    rows = []
    for made in all_made:
        links = [
            f"<a href='{made.name}{ending}'>{words}<span class='visually-hidden'>: "
            f"{made.chapter.title}</span></a>"
            for ending, words in made.offered
        ]
        count = f"{len(made.shown)} slides, {MINUTES} minutes"
        rows.append(
            f"<section><h2>{made.chapter.number} {made.chapter.title}</h2>"
            f"<p>{count}</p><p>{' · '.join(links)}</p></section>"
        )
    body = f"""<main class="bd-content"><article class="bd-article">
<h1>Slides</h1>
<p>A deck for each chapter of <a href="{BOOK}index.html">{escape(book.title)}</a>, with notes to
speak from. Their figures, code and numbers are those of the chapters.</p>
<p>In a deck, <kbd>→</kbd> or the space bar goes on and <kbd>←</kbd> back. <kbd>S</kbd> opens the
notes with a clock, <kbd>D</kbd> turns day to night, <kbd>O</kbd> shows all slides, <kbd>F</kbd>
fills the screen, and <kbd>?</kbd> lists all keys. <kbd>Esc</kbd> leaves a slider.</p>
{"".join(rows)}
</article></main>"""
    return document("plain", f"Slides: {escape(book.title)}", body)


class Made(NamedTuple):
    """A deck, made of its chapter."""

    name: str
    chapter: Chapter
    shown: list[Shown]
    frames: list[Tag]
    pictures: set[str]
    page_title: str
    offered: list[tuple[str, str]]


def make_decks(html: Path, *, printed: bool) -> tuple[Book, list[Made]]:
    """Return all decks; what is wrong in any of them is said of all, and nothing is made."""
    book, found, faults = Book(html), list[Made](), list[str]()
    noted = os.environ.get("EDITION") != STUDENT
    for deck in decks(path.stem for path in lessons()):
        chapter = book.page(f"chapters/{deck.path.stem}")
        maker = Maker(book, chapter, deck)
        shown = maker.slides()
        if not noted:
            shown = [one._replace(notes="") for one in shown]
        frames = [frame(one, chapter, book, maker.remarks.append) for one in shown]
        faults += maker.faults
        for remark in maker.remarks:
            print(f"{deck.path.name}: {remark}")
        offered = [(".html", "Slides"), ("-outline.html", "Outline")]
        if printed:
            offered += [(".pdf", "PDF")] + [("-notes.pdf", "PDF with notes")] * noted
        title = f"{plain(chapter.title)} – {escape(book.title)}"
        found.append(Made(deck.path.stem, chapter, shown, frames, maker.pictures, title, offered))
    if faults:
        raise SystemExit("\n".join([f"error: {len(faults)} faults in slides", *faults]))
    return book, found


def plain(markup: str) -> str:
    """Return a title without its tags."""
    return escape(BeautifulSoup(markup, "html.parser").get_text())


# --- files ----------------------------------------------------------------------------------------


def lay(html: Path, target: Path, all_made: Sequence[Made], book: Book) -> None:
    """Write the folder of the slides: pages, and all that they load."""
    static = target / "_static"
    static.mkdir(parents=True)
    for name in LENT:
        shutil.copyfile(html / "_static" / name, static / name)
    for name in ("slides.css", "slides.js"):
        (static / name).write_text(assets.without_comments(HERE / name), encoding="utf-8")
    for path in files("sphinx-revealjs") or ():
        if path.as_posix().endswith(REVEAL):
            text = Path(str(path.locate())).read_text(encoding="utf-8")
            text = re.sub(r"(?m)^//# sourceMappingURL=.*\n?", "", text)
            (static / path.name).write_text(text, encoding="utf-8")
    (target / "_images").mkdir()
    for name in sorted(set().union(*(made.pictures for made in all_made))):
        shutil.copyfile(html / "_images" / name, target / "_images" / name)
    for made in all_made:
        (target / f"{made.name}.html").write_text(deck_page(made), encoding="utf-8")
        (target / f"{made.name}-outline.html").write_text(outline_page(made), encoding="utf-8")
    (target / "index.html").write_text(overview(all_made, book), encoding="utf-8")
    lay_font(sorted(target.glob("*.html")), static / "formulas.woff2")


def lay_inside(html: Path, target: Path) -> None:
    """Copy the slides into the book, from where the way to its pages is shorter."""
    inside = html / FOLDER
    shutil.rmtree(inside, ignore_errors=True)
    shutil.copytree(target, inside)
    for page in inside.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(BOOK, INSIDE), encoding="utf-8")


# --- paper ----------------------------------------------------------------------------------------

READY = """async () => {
  await document.fonts.ready;
  return [...document.querySelectorAll("div.chart")].every((chart) => chart.view);
}"""
# What does not fit a slide, all its steps shown: what sticks out, what covers something else, and
# letters that cannot be read from the last row.
FAULTS = """(legible) => {
  const faults = [];
  for (const frame of document.querySelectorAll(".frame")) {
    if (!frame.checkVisibility()) continue;
    const scale = frame.getBoundingClientRect().width / 1280;
    const place = frame.closest("[id], [data-of]");
    const say = (what, element) => faults.push(`${place?.id || place?.dataset.of}: ${what}: ` +
      `${element.tagName.toLowerCase()} ${element.textContent.trim().slice(0, 50)}`);
    const box = frame.getBoundingClientRect();
    const room = frame.querySelector(".room").getBoundingClientRect();
    for (const element of frame.querySelectorAll("*")) {
      if (element.closest("math") && element.tagName !== "math") continue;
      if (element.closest(".cut") || element.closest("svg")?.contains(element.parentNode)) continue;
      const { left, top, right, bottom, width } = element.getBoundingClientRect();
      if (!width) continue;
      const low = element.closest(".room") ? room.bottom : box.bottom;
      const out = [box.left - left, box.top - top, right - box.right, bottom - low];
      const most = Math.round(Math.max(...out) / scale);
      if (most > 2) say(`${most} px outside`, element);
      if (element.scrollWidth > element.clientWidth + 4 && element.matches("pre, table, .formula"))
        say(`${element.scrollWidth - element.clientWidth} px too wide`, element);
    }
    const words = frame.querySelector(".live > .words");
    const controls = frame.querySelector(".vega-bindings");
    if (words && controls) {
      const over = words.getBoundingClientRect().bottom - controls.getBoundingClientRect().top;
      if (over > 0) say(`${Math.round(over / scale)} px over its controls`, words);
    }
    const texts = document.createTreeWalker(frame, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      if (!texts.currentNode.data.trim() || element.closest("math math *, sub, sup, script"))
        continue;
      if (element.closest("math") && !element.parentElement.matches("math")) continue;
      if (!element.checkVisibility() || element.closest(".visually-hidden")) continue;
      const size = parseFloat(getComputedStyle(element).fontSize) * element.currentCSSZoom;
      if (size < legible - 0.1) say(`text of ${size.toFixed(1)} px`, element);
    }
  }
  return [...new Set(faults)];
}"""


def paper(made: Made, faces: str, *, noted: bool) -> str:
    """Return the slides as they are printed: each step a page, or each slide with its notes."""
    sheets, site = [], addresses()[1]
    for nth, (shown, projected) in enumerate(zip(made.shown, made.frames, strict=True), 1):
        label = shown.slide.label
        projected = copy.copy(projected)
        projected.append(make(f"<p class='places count'>{nth} / {len(made.shown)}</p>"))
        if noted:
            (whole,) = list(stepped(projected, shown.slide.steps))[-1:]
            said = f"<p class='minutes'><b>{minutes(shown.slide)}</b></p>{shown.notes}"
            sheets.append(
                f"<section class='sheet' data-of='{label}'>{whole}"
                f"<div class='notes'>{said}</div></section>"
            )
        else:
            for page in stepped(projected, shown.slide.steps):
                sheets.append(f"<section data-of='{label}'>{page}</section>")
    size = "size: A4; margin: 15mm 20mm" if noted else "size: 1280px 720px; margin: 0"
    style = f"{faces}\n@page {{ {size} }} html {{ --pst-font-family-base: Paper, sans-serif; }}"
    body = f"<main class='bd-content bd-article'>{''.join(sheets)}</main>"
    page = document("paper", made.page_title, body, faces=style, root="../")
    soup = BeautifulSoup(page, "html.parser")
    for tag in soup.select("body [id]"):
        del tag["id"]
    for link in soup.select("a[href]"):
        if site and str(link["href"]).startswith(BOOK):
            link["href"] = f"{site}/{str(link['href']).removeprefix(BOOK)}"
        elif not re.match(r"https?:", str(link["href"])):
            del link["href"]  # it would lead into a folder of this machine
    for image in soup.select("img"):
        image["src"] = f"../{image['src']}"
    return str(soup)


def print_decks(target: Path, all_made: Sequence[Made]) -> None:
    """Print each deck without and with its notes; what does not fit a slide is an error."""
    folder, faults = target / "_print", list[str]()
    folder.mkdir()
    try:
        faces = lay_faces(target / "_static", folder)
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 720}, color_scheme="light")
            page.set_default_timeout(120_000)
            page.emulate_media(media="print")
            for made in all_made:
                for ending in [ending for ending, _ in made.offered if ending.endswith(".pdf")]:
                    noted = ending.startswith("-notes")
                    joined = folder / f"{made.name}{ending}.html"
                    joined.write_text(paper(made, faces, noted=noted), encoding="utf-8")
                    page.goto(joined.as_uri())
                    page.wait_for_function(READY)
                    if not noted:
                        faults += [f"{made.name}.md: {f}" for f in page.evaluate(FAULTS, LEGIBLE)]
                    printed = print_once(page, outline=True, tagged=True)
                    save(printed, target / f"{made.name}{ending}")
    finally:
        if "KEEP" not in os.environ:
            shutil.rmtree(folder)
    if faults:
        raise SystemExit("\n".join([f"error: {len(faults)} faults in slides", *faults]))


def main() -> int:
    """Make the slides of a built book."""
    names = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    html = Path(names[0] if names else ROOT / "_build" / "html").resolve()
    target, printed = html.parent / FOLDER, "--no-pdf" not in sys.argv
    if printed:
        find_browser()  # before what was made is removed
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(html / FOLDER, ignore_errors=True)
    book, made = make_decks(html, printed=printed)
    if not made:
        print("No chapter of this book has slides.")
        return 0
    lay(html, target, made, book)
    if printed:
        print_decks(target, made)
    lay_inside(html, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
