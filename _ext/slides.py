"""Make the slides of a built book: ``python _ext/slides.py [FOLDER] [--no-pdf]``.

Of each chapter that has a deck (``decks.py`` says what stands in one), its figures, cells, formulas
and self-checks are taken as its page has them. By default of ``_build/html``; the slides lie beside
it, complete in their folder, and a copy lies in it, to which pages lead (``lectures.py``). What
a deck names and no page has, or a number that its chapter does not print, is an error, and so is
what does not fit its slide.
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
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urljoin

import assets
import yaml
from absent import absent
from bs4 import BeautifulSoup, Tag
from built import chromium, lay_faces, make, print_once, read, save, self_check
from decks import MINUTES, Deck, Part, Slide, decks, markdown, numbers, own_numbers
from editions import STUDENT
from formulas import CLOSING, lay_font, typeset
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sources import ROOT, lessons, pages

HERE = Path(__file__).parent
FOLDER = "slides"
#: Where the book is, seen from the slides; a page of them that lies in the book is one step nearer.
BOOK, INSIDE = "../html/", "../"
#: The room for what a slide shows, below its title and above its foot, in pixels of 1280 by 720.
ROOM = (1168, 556)
#: What words beside a picture leave of its width.
BESIDE = 820
#: A chart is drawn so much larger than in the book; its controls stand beside it.
ZOOM, CONTROLS = 1.6, 330
#: Text of figures has so many pixels in the book (plots.use_style), and on slides at least so many.
FIGURE_TEXT, LEGIBLE = 16, 24
#: So much code is set larger.
LINES, COLUMNS = 12, 66
DROPPED = ".headerlink, .tested-by, script:not([type='application/json'])"
_SHOWN = re.compile(r"(?P<label>\S+)(?: (?P<kind>table|formula)(?: (?P<nth>\d+))?)?(?: (?P<cut>.*))?")
_CUT = re.compile(r"(\d+) ?[–-] ?(\d+) ?%( across)?")
_KINDS = {"table": "table", "formula": "div.math"}


class Fault(Exception):
    """What a deck names cannot be shown."""


class Chapter:
    """A built page, and what it prints."""

    def __init__(self, html: Path, name: str) -> None:
        self.name = name
        page = read(html, name)
        self.article = page.select_one("article.bd-article")
        self.numbers = set(numbers(self.article.get_text(" "))) | {
            number for text in self.article.stripped_strings for number in numbers(text)
        }
        heading = self.article.find("h1")
        number = heading.select_one(".section-number")
        self.number = number.extract().get_text(strip=True).rstrip(".") if number else ""
        self.title = words_of(heading)

    def find(self, label: str) -> Tag | None:
        """Return what has a label here."""
        return self.article.find(id=label)

    def cell(self, words: str) -> Tag:
        """Return the one cell whose code has these words; solutions are left out."""
        found = [
            cell
            for cell in self.article.select("div.cell:not(.solution *)")
            if (code := cell.select_one(".cell_input pre")) and words in code.get_text()
        ]
        if len(found) != 1:
            raise Fault(f"{len(found)} cells of {self.name} have {words!r} in their code, not one")
        return found[0]

    def objectives(self) -> Tag | None:
        """Return what a reader can do after this chapter."""
        for begin in self.article.find_all("strong"):
            if begin.get_text().startswith("After this chapter you can"):
                return copy.copy(begin.find_next(["ol", "ul"]))
        return None


class Book:
    """The built pages, each read when something on it is looked for."""

    def __init__(self, html: Path) -> None:
        self.html = html
        self.pages: dict[str, Chapter] = {}
        named = [path.relative_to(ROOT).with_suffix("").as_posix() for path in pages()]
        self.names = [name for name in named if (html / f"{name}.html").exists()]
        config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
        self.title, self.author = config["title"], config["author"]

    def page(self, name: str) -> Chapter:
        """Return a page."""
        if name not in self.pages:
            self.pages[name] = Chapter(self.html, name)
        return self.pages[name]

    def find(self, label: str, first: str) -> tuple[Chapter, Tag]:
        """Return what has a label, on one page rather than on others."""
        for name in [first, *self.names]:
            if tag := self.page(name).find(label):
                return self.page(name), tag
        raise Fault(f"no page of the book has {label!r}")

    def place(self, label: str, first: str) -> tuple[str, str]:
        """Return the address of a label and what the book calls its place.

        What the book in this choice of chapters does not have is named without an address.
        """
        gone = absent(ROOT, tuple(self.names)).labels
        if label in gone:
            return "", escape(gone[label].title or gone[label].of)
        page, tag = self.find(label, first)
        return f"{BOOK}{page.name}.html#{label}", name_of(tag)


def words_of(heading: Tag) -> str:
    """Return what a heading says."""
    said = copy.copy(heading)
    for tag in said.select(".headerlink, .section-number"):
        tag.decompose()
    return said.decode_contents().strip()


def name_of(tag: Tag) -> str:
    """Return what the book calls a place."""
    if number := tag.select_one(":scope > .eqno"):
        return f"({re.search(r'[0-9.]+', number.get_text())[0]})"
    if tag.name == "figure" or "admonition" in (tag.get("class") or ()) or tag.name == "table":
        if number := tag.select_one(".caption-number"):
            return number.get_text(strip=True)
        if title := tag.select_one(".admonition-title"):
            return title.get_text(strip=True)
    section = tag if tag.name == "section" else tag.find_parent("section")
    return words_of(section.find(re.compile("h[1-6]")))


class Block(NamedTuple):
    """A piece of a slide: what stands there, and how wide it is to its height if a picture."""

    tag: Tag
    ratio: float = 0
    natural: float = 0


class Shown(NamedTuple):
    """A slide, made."""

    slide: Slide
    title: str
    blocks: list[Block]
    places: list[str]
    notes: str


class Maker:
    """Makes the slides of one chapter."""

    def __init__(self, book: Book, chapter: Chapter, deck: Deck) -> None:
        self.book, self.chapter, self.deck = book, chapter, deck
        self.faults = [f"{deck.path.name}:{line}: {said}" for line, said in deck.faults]
        self.pictures: set[str] = set()
        self.remarks: list[str] = []

    def slides(self) -> list[Shown]:
        """Return the slides, in their order."""
        return [self.slide(slide) for slide in self.deck.slides]

    def slide(self, slide: Slide) -> Shown:
        """Make one slide."""
        title, blocks, reasons = self.render(slide.title, slide.line), list[Block](), list[str]()
        self.check_numbers(slide.title, slide.line)
        if not slide.title:
            blocks += self.opening()
        places: list[str] = []
        for part in slide.parts:
            try:
                for block in self.part(part, places, reasons):
                    step(block.tag, part.step)
                    blocks.append(block)
            except Fault as fault:
                self.fault(part.line, str(fault))
        notes = self.render(slide.notes, slide.line)
        return Shown(slide, title, blocks, places, notes + "".join(reasons))

    def fault(self, line: int, said: str) -> None:
        """Note what is wrong."""
        self.faults.append(f"{self.deck.path.name}:{line}: {said}")

    def part(self, part: Part, places: list[str], reasons: list[str]) -> Iterator[Block]:
        """Yield the pieces that a part of a slide is made of."""
        if part.kind == "words":
            self.check_numbers(part.words, part.line)
            html = BeautifulSoup(self.render(part.words, part.line), "html.parser")
            for tag in html.find_all(True, recursive=False):
                yield Block(tag.extract())
        elif part.kind == "show":
            yield self.show(part.argument, places)
        elif part.kind == "poll":
            yield from self.poll(part, reasons)
        else:
            yield self.cell(part.kind, part.argument)

    def show(self, argument: str, places: list[str]) -> Block:
        """Return an element of the book."""
        asked = _SHOWN.fullmatch(argument)
        cut = asked["cut"] and _CUT.fullmatch(asked["cut"])
        if bool(asked["cut"]) != bool(cut):
            raise Fault(f"what is {asked['cut']!r} of {asked['label']}?")
        page, tag = self.book.find(asked["label"], self.chapter.name)
        if asked["kind"]:
            tag = within(section_of(tag), asked["kind"], asked["nth"])
        elif tag.name in ("section", "span"):
            raise Fault(f"{asked['label']} is a section; show what stands in it, as its table")
        tag = self.clean(tag, page)
        if tag.name != "figure":
            return Block(tag)
        address, name = self.book.place(asked["label"], self.chapter.name)
        if address not in "".join(places):
            places.append(f"<a href='{address}'>{name}</a>")
        return picture(tag, cut)

    def cell(self, kind: str, words: str) -> Block:
        """Return a cell, or what it prints."""
        cell = self.chapter.cell(words)
        shown = make("<div class='cell'></div>")
        if kind != "output":
            shown.append(self.clean(cell.select_one(".cell_input"), self.chapter))
        if kind != "code":
            outputs = [
                output
                for output in cell.select(".cell_output > *")
                if output.name != "figure" and not output.select("figure")
            ]
            if kind == "output" and not outputs:
                raise Fault(f"the cell with {words!r} prints nothing; a figure has a label")
            box = make("<div class='cell_output'></div>")
            box.extend(self.clean(output, self.chapter) for output in outputs)
            if outputs:
                shown.append(box)
        lines = [line for pre in shown.select("pre") for line in pre.get_text().splitlines()]
        if len(lines) > LINES or max(map(len, lines)) > COLUMNS:
            shown["class"] = "cell long"
        return Block(shown)

    def poll(self, part: Part, reasons: list[str]) -> Iterator[Block]:
        """Yield a self-check, its answer at a later step; what is said to others goes to notes."""
        page, tag = self.book.find(part.argument, self.chapter.name)
        if "quiz" not in tag["class"]:
            raise Fault(f"{part.argument} is no self-check")
        quiz = self.clean(tag, page)
        answers = self_check(quiz, "").select(".choices > li")
        for left in quiz.select(":scope > .admonition-title, :scope > .choices"):
            left.decompose()
        quiz.name, quiz["class"] = "div", "poll"
        listed, said = make("<ol class='choices'></ol>"), []
        for letter, answer in zip("ABCDEFGH", answers, strict=False):
            reason = answer.find("ul").extract().find("li")
            right = answer["class"] == "right"
            said.append(
                f"<li><b>{letter}{', right' if right else ''}:</b> {reason.decode_contents()}</li>"
            )
            if right:
                step(answer, part.answer)
                told = make(f"<div class='reason'>{reason.decode_contents()}</div>")
                step(told, part.answer)
            listed.append(answer)
        quiz.append(listed)
        yield Block(quiz)
        yield Block(told)
        reasons.append(f"<p><b>To each answer:</b></p><ul class='reasons'>{''.join(said)}</ul>")

    def opening(self) -> Iterator[Block]:
        """Yield what a title slide has."""
        if objectives := self.chapter.objectives():
            yield Block(make("<p>After this lecture you can</p>"))
            yield Block(self.clean(objectives, self.chapter))

    def clean(self, tag: Tag, page: Chapter) -> Tag:
        """Return a copy of an element of a page, its pictures and links as the slides have them."""
        tag = copy.copy(tag)
        for left in tag.select(DROPPED):
            left.decompose()
        for term in tag.select("a.term"):
            term.unwrap()
        for image in tag.select("img"):
            name = str(image["src"]).rpartition("/")[2]
            self.pictures.add(name)
            image["src"] = f"_images/{name}"
            del image["loading"]
        for link in tag.select("a[href]"):
            target = urljoin(f"{page.name}.html", str(link["href"]))
            link["href"] = target if re.match(r"\w+:", target) else BOOK + target
        return tag

    def render(self, tokens: Sequence[Token], line: int) -> str:
        """Return own words as HTML."""
        parser = markdown()
        env: dict[str, Any] = {"place": self.place, "fault": self.fault, "line": line}
        return parser.renderer.render(list(tokens), parser.options, env)

    def place(self, label: str) -> tuple[str, str]:
        """Return the address and the name of a place in the book."""
        return self.book.place(label, self.chapter.name)

    def check_numbers(self, tokens: Sequence[Token], line: int) -> None:
        """Note the numbers that the chapter does not print."""
        for at, number in own_numbers(tokens):
            if not printed(number, self.chapter.numbers):
                said = f"{self.chapter.name} does not print {number}; mark your own [{number}]{{.own}}"
                self.fault(max(at, line), said)


def printed(number: str, found: set[str]) -> bool:
    """Tell whether a page prints a number; how many zeros end it says nothing."""
    return number in found or float(number) in map(float, found)


def section_of(tag: Tag) -> Tag:
    """Return the section that a label names."""
    return tag if tag.name == "section" else tag.find_parent("section")


def within(section: Tag, kind: str, nth: str | None) -> Tag:
    """Return the table or formula of a section, the one that there is or the nth."""
    found = section.select(_KINDS[kind])
    if (nth is None and len(found) != 1) or int(nth or 1) > len(found):
        raise Fault(f"this section has {len(found)} of kind {kind}")
    return found[int(nth or 1) - 1]


def step(tag: Tag, at: int) -> None:
    """Let an element come at a step."""
    if at:
        tag["class"] = [*classes(tag), "fragment"]
        tag["data-fragment-index"] = at


def picture(figure: Tag, cut: re.Match[str] | None) -> Block:
    """Return a figure or a chart, or what is between two heights or sides of a figure."""
    figure["class"] = "picture"
    if figure.select_one(".chart"):
        return Block(figure, 16 / 9)
    drawn = figure.select_one("img, svg")
    if drawn is None:
        return Block(figure)
    del drawn["style"]
    if drawn.name == "img":
        width, height = float(str(drawn["width"])), float(str(drawn["height"]))
        del drawn["width"], drawn["height"]
        if str(drawn["src"]).endswith(".png"):  # of twice as many pixels (plots.use_style)
            width, height = width / 2, height / 2
    else:
        width, height = map(float, str(drawn["viewbox"]).split()[2:])
    if cut is None:
        return Block(figure, width / height, width)
    low, high = int(cut[1]) / 100, int(cut[2]) / 100
    left, top, wide, tall = (low, 0.0, high - low, 1.0) if cut[3] else (0.0, low, 1.0, high - low)
    ratio = width * wide / (height * tall)
    figure["class"] = "picture cut"
    drawn["style"] = (
        f"margin: {-100 * top * height / (width * wide):.2f}% 0 0 {-100 * left / wide:.2f}%;"
        f" width: {100 / wide:.2f}%"
    )
    drawn.wrap(make(f"<div style='aspect-ratio: {ratio:.4f}'></div>"))
    return Block(figure, ratio, width * wide)


# --- own words ------------------------------------------------------------------------------------


def _formula(renderer: Any, tokens: Any, i: int, options: Any, env: Any) -> str:
    display = tokens[i].type == "math_block"
    try:
        formula = typeset(tokens[i].content, display=display)
    except ValueError as error:
        env["fault"](env["line"], f"a formula cannot be set: {error}")
        return ""
    if display:
        return f"<div class='math'><div class='formula'>{formula}</div></div>"
    inline = f"<span class='math'>{formula}</span>"
    after = tokens[i + 1] if i + 1 < len(tokens) else None
    if after and after.type == "text" and (marks := CLOSING.match(after.content)):
        tokens[i + 1] = after.copy(content=after.content[marks.end() :])
        return f"<span class='formula-and-marks'>{inline}{marks[0]}</span>"
    return inline


def _link(renderer: Any, tokens: Any, i: int, options: Any, env: Any) -> str:
    address, name = str(tokens[i].attrs["href"]), ""
    if address.startswith("#"):
        try:
            address, name = env["place"](address[1:])
        except Fault as fault:
            env["fault"](env["line"], str(fault))
    words = name if tokens[i + 1].type == "link_close" else ""
    return f"<a href='{escape(address)}'>{words}" if address else f"<a>{words}"


def _code(renderer: Any, tokens: Any, i: int, options: Any, env: Any) -> str:
    code = tokens[i].content
    if tokens[i].info.strip() == "python":
        code = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    else:
        code = escape(code)
    return f"<div class='highlight'><pre>{code}</pre></div>"


def _table(renderer: Any, tokens: Any, i: int, options: Any, env: Any) -> str:
    return "<table class='table'>"


for _kind, _write in {
    "math_inline": _formula,
    "math_inline_double": _formula,
    "math_block": _formula,
    "link_open": _link,
    "fence": _code,
    "table_open": _table,
}.items():
    markdown().add_render_rule(_kind, _write)


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
        made.append(make(f"<p class='places'>{', '.join(shown.places)}</p>"))
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
    if "class=\"chart\"" in body:
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
        if shown.notes or not slide.title:
            notes = (
                f"<aside class='notes'><p><b>{minutes(slide)}</b></p>{shown.notes}</aside>"
            )
        sections.append(
            f"<section id='{slide.label}' data-timing='{60 * (slide.end - slide.start)}'>"
            f"{projected}{notes}</section>"
        )
    body = (
        "<main class='reveal'><div class='slides bd-content bd-article'>"
        f"{''.join(sections)}</div></main>"
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
        notes = f"<div class='notes'><p class='minutes'>{minutes(shown.slide)}</p>{shown.notes}</div>"
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


def classes(tag: Tag) -> list[str]:
    """Return the classes of an element."""
    value = tag.get("class") or []
    return value.split() if isinstance(value, str) else list(value)


# --- files ----------------------------------------------------------------------------------------


def lay(html: Path, target: Path, all_made: Sequence[Made], book: Book) -> None:
    """Write the folder of the slides: pages, and all that they load."""
    static = target / "_static"
    static.mkdir(parents=True)
    for name in ("theme.css", "book.css", "text.woff2", "text-italic.woff2", "icons.woff",
                 "charts.js", "favicon.svg", assets.VEGA):
        shutil.copyfile(html / "_static" / name, static / name)
    for name in ("slides.css", "slides.js"):
        (static / name).write_text(assets.without_comments(HERE / name), encoding="utf-8")
    for name in ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"):
        (source,) = (
            path for path in files("sphinx-revealjs") or () if path.as_posix().endswith(f"revealjs/{name}")
        )
        text = Path(source.locate()).read_text(encoding="utf-8")
        text = re.sub(r"(?m)^//# sourceMappingURL=.*\n?", "", text)
        (static / Path(name).name).write_text(text, encoding="utf-8")
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
    sheets = []
    for shown, projected in zip(made.shown, made.frames, strict=True):
        label = shown.slide.label
        if noted:
            (whole,) = list(stepped(projected, shown.slide.steps))[-1:]
            said = f"<p class='minutes'><b>{minutes(shown.slide)}</b></p>{shown.notes}"
            sheets.append(
                f"<section class='sheet' data-of='{label}'>{whole}<div class='notes'>{said}</div></section>"
            )
        else:
            for page in stepped(projected, shown.slide.steps):
                sheets.append(f"<section data-of='{label}'>{page}</section>")
    size = "size: A4; margin: 15mm 20mm" if noted else "size: 1280px 720px; margin: 0"
    style = f"{faces}\n@page {{ {size} }} html {{ --pst-font-family-base: Paper, sans-serif; }}"
    body = f"<main class='bd-content bd-article'>{''.join(sheets)}</main>"
    soup = BeautifulSoup(document("paper", made.page_title, body, faces=style, root="../"), "html.parser")
    for tag in soup.select("body [id]"):
        del tag["id"]
    for link in soup.select("a[href]"):
        if not re.match(r"https?:", str(link["href"])):
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
    print(f"The slides: {target / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
