"""What slides show of the book, as its pages have it: figures, cells, formulas, self-checks.

``decks.py`` reads what a deck names; here it is taken from the built pages, copied and not changed,
and set beside the deck's own words. What is not found, and a number that the chapter does not
print, is a fault of the deck, told with its line.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

from absent import absent
from bs4 import BeautifulSoup, Tag
from built import make, read, self_check
from decks import Deck, Part, Slide, markdown, numbers, own_numbers
from formulas import CLOSING, typeset
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sources import ROOT, pages, settings

#: Where the book is, seen from the slides.
BOOK = "../html/"
#: So much code is set larger.
LINES, COLUMNS = 12, 66
#: A chart is so high, in pixels of the book, and each of two beside each other so high and wide.
HEIGHT, BESIDE = 230, 205
DROPPED = ".headerlink, .tested-by, script:not([type='application/json'])"
_SHOWN = re.compile(
    r"(?P<label>\S+)(?: (?P<kind>table|formula)(?: (?P<nth>\d+))?)?(?: (?P<cut>.*))?"
)
_SPAN = r"(\d+) ?[–-] ?(\d+) ?%"
_CUT = re.compile(rf"{_SPAN}(?P<across> across|(?: {_SPAN})*)")
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
        """Return what has a label here; that of a formula is longer on a page."""
        return self.article.find(id=[label, f"equation-{label}"])

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
        config = settings()
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
        return f"{BOOK}{page.name}.html#{tag['id']}", name_of(tag)


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
    places: list[Tag]
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
        places: dict[str, Tag] = {}
        for part in slide.parts:
            try:
                for block in self.part(part, places, reasons):
                    step(block.tag, part.step)
                    blocks.append(block)
            except Fault as fault:
                self.fault(part.line, str(fault))
        notes = self.render(slide.notes, slide.line)
        return Shown(slide, title, blocks, [*places.values()], notes + "".join(reasons))

    def fault(self, line: int, said: str) -> None:
        """Note what is wrong."""
        self.faults.append(f"{self.deck.path.name}:{line}: {said}")

    def part(self, part: Part, places: dict[str, Tag], reasons: list[str]) -> Iterator[Block]:
        """Yield the pieces that a part of a slide is made of."""
        if part.kind == "words":
            self.check_numbers(part.words, part.line)
            html = BeautifulSoup(self.render(part.words, part.line), "html.parser")
            for tag in html.find_all(True, recursive=False):
                yield Block(tag.extract())
        elif part.kind == "show":
            yield self.show(part, places)
        elif part.kind == "poll":
            yield from self.poll(part, reasons)
        else:
            yield self.cell(part.kind, part.argument)

    def show(self, part: Part, places: dict[str, Tag]) -> Block:
        """Return an element of the book; the number of a figure comes with it."""
        named, _, values = part.argument.partition(" with ")
        asked = _SHOWN.fullmatch(named)
        cut = asked["cut"] and _CUT.fullmatch(asked["cut"])
        if bool(asked["cut"]) != bool(cut):
            raise Fault(f"what is {asked['cut']!r} of {asked['label']}?")
        page, tag = self.book.find(asked["label"], self.chapter.name)
        if asked["kind"]:
            tag = within(section_of(tag), asked["kind"], asked["nth"])
        elif tag.name in ("section", "span"):
            raise Fault(f"{asked['label']} is a section; show what stands in it, as its table")
        tag = self.clean(tag, page)
        if values:
            set_controls(tag, values)
        if tag.name != "figure":
            return Block(tag)
        address, name = self.book.place(asked["label"], self.chapter.name)
        if address not in places:
            places[address] = make(f"<a href='{address}'>{name}</a>")
            step(places[address], part.step)
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
        if "quiz" not in classes(tag):
            raise Fault(f"{part.argument} is no self-check")
        quiz = self.clean(tag, page)
        answers = self_check(quiz, "").select(".choices > li")
        for left in quiz.select(":scope > .admonition-title, :scope > .choices"):
            left.decompose()
        quiz.name, quiz["class"] = "div", "poll"
        listed, said = make("<ol class='choices'></ol>"), []
        for letter, answer in zip("ABCDEFGH", answers, strict=False):
            reason = answer.find("ul").extract().find("li")
            for paragraph in reason.select(":scope > p"):
                paragraph.unwrap()
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
        for held in tag.select("section"):
            held.name = "div"  # one inside a slide would be a slide of its own
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
                own = f"mark your own [{number}]{{.own}}"
                self.fault(max(at, line), f"{self.chapter.name} does not print {number}; {own}")


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
    """Let an element come at a step, unless it already has one, which is later."""
    if at and "data-fragment-index" not in tag.attrs:
        tag["class"] = [*classes(tag), "fragment"]
        tag["data-fragment-index"] = at


def classes(tag: Tag) -> list[str]:
    """Return the classes of an element."""
    value = tag.get("class") or []
    return value.split() if isinstance(value, str) else list(value)


def picture(figure: Tag, cut: re.Match[str] | None) -> Block:
    """Return a figure or a chart, or what is between two heights or sides of a figure."""
    figure["class"] = "picture"
    if chart := figure.select_one(".chart > script"):
        chart.string = lowered(str(chart.string))
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
    spans = [(int(low) / 100, int(high) / 100) for low, high in re.findall(_SPAN, cut[0])]
    wide, tall = 1.0, sum(high - low for low, high in spans)
    if across := cut["across"] == " across":
        wide, tall = tall, wide
    figure["class"] = "picture cut"
    for low, high in spans:
        left, top = (low, 0.0) if across else (0.0, low)
        part = wide * width / ((1 if across else high - low) * height)
        box = make(f"<div style='aspect-ratio: {part:.4f}'></div>")
        drawn.insert_before(box)
        box.append(copy.copy(drawn))
        box.contents[0]["style"] = (
            f"margin: {-100 * top * height / (width * wide):.2f}% 0 0 {-100 * left / wide:.2f}%;"
            f" width: {100 / wide:.2f}%"
        )
        drawn["aria-hidden"] = "true"  # the first piece tells what is drawn
    drawn.decompose()
    return Block(figure, width * wide / (height * tall), width * wide)


def set_controls(figure: Tag, values: str) -> None:
    """Let the controls of a chart begin with ``name=value, name=value``."""
    chart = figure.select_one(".chart > script")
    specification = json.loads(str(chart.string)) if chart else {}
    controls = {
        one["bind"]["name"]: one for one in specification.get("params", ()) if "bind" in one
    }
    for setting in values.split(", "):
        name, _, value = setting.partition("=")
        if name not in controls:
            raise Fault(f"there is no control {name!r}, only {', '.join(controls) or 'none'}")
        allowed = controls[name]["bind"].get("options", ())
        if allowed and value not in allowed:
            raise Fault(f"{name} is one of {', '.join(allowed)}, not {value!r}")
        controls[name]["value"] = value if allowed else float(value)
    if chart:
        chart.string = json.dumps(specification)


def lowered(specification: str) -> str:
    """Return a chart that is no higher than a slide has room: what is below stands beside."""
    chart = json.loads(specification)
    for view in chart.get("vconcat", ()):
        view |= {"height": BESIDE, "width": BESIDE}
    if "vconcat" in chart:
        chart["hconcat"] = chart.pop("vconcat")
    elif "height" in chart:
        chart["height"] = min(chart["height"], HEIGHT)
    return json.dumps(chart).replace("<", r"\u003c")


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
