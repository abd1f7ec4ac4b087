"""Print the built book as one PDF: ``python _ext/pdf.py [FOLDER]``, by default ``_build/html``.

The pages are joined, in the order of their contents, into one document that a browser typesets and
prints. What a reader opens or answers on a page is moved to the end: solutions, and the answers of
the self-checks. Code that a page folds away is left to the notebooks. The script fails where a
formula, a picture, a chart or the target of a link is missing, and where something is wider than
the paper.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import sys
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pikepdf
from assets import PDF
from bs4 import BeautifulSoup, Tag
from built import chromium, lay_faces, make, print_once, read, save, self_check
from playwright.sync_api import Page
from sources import settings

HERE = Path(__file__).parent
OPENING = "chapters/index"
DROPPED = (
    # The title has them, or paper no use for them.
    ".headerlink, .toctree-wrapper, summary .expanded, .hero > p:first-child, .buttons, .live, "
    ".reading-time .to-slides"
)
SCRIPTS = r"/vega-|/charts\.js"
READY = """async () => {
  await document.fonts.ready;
  return [...document.querySelectorAll("div.chart")].every((chart) => chart.view);
}"""
# What a chart's controls stand at is said in words, and formulas shrink until they fit.
SETTLE = """() => {
  for (const chart of document.querySelectorAll("div.chart")) {
    const states = [...chart.querySelectorAll(".vega-bind")].map((bind) => {
      const control = bind.querySelector("select, input:checked, input");
      const state = control.type === "checkbox" ? (control.checked ? "on" : "off") : control.value;
      return `${bind.querySelector(".vega-bind-name").textContent.trim()}: ${state}`;
    });
    const note = Object.assign(document.createElement("p"), { className: "still" });
    note.textContent = "A still. Move it in the book’s page" +
      (states.length ? `; here it stands at ${states.join(", ")}.` : ".");
    chart.querySelector(".vega-bindings")?.remove();
    chart.append(note);
  }
  for (const math of document.querySelectorAll("math")) {
    const room = math.closest("p, .formula, li, dd, td, th, h1, h2, h3, h4").clientWidth;
    const { width } = math.getBoundingClientRect();
    const box = math.parentElement;
    if (room && width > room) box.style.fontSize = `${Math.floor((98 * room) / width)}%`;
  }
}"""
FAULTS = """() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const say = (what, element) => {
    const place = element.closest("[id]")?.id;
    faults.push(`${what} at ${place}: ${element.outerHTML.slice(0, 120)}`);
  };
  for (const e of all(".math:not(:has(math))")) say("formula not typeset", e);
  for (const e of all("img")) if (!e.complete || !e.naturalWidth) say("no picture", e);
  for (const e of all("div.chart:not(:has(svg))")) say("no chart", e);
  for (const e of all("a[href^='#']"))
    if (!document.getElementById(e.getAttribute("href").slice(1))) say("no target", e);
  for (const e of all("pre, table, img, svg, p, math"))
    if (e.getBoundingClientRect().right > document.body.clientWidth + 1) say("too wide", e);
  return faults;
}"""


def identifier(page: str, anchor: str = "") -> str:
    """Return the anchor of one page as a name that no other page has."""
    return re.sub(r"[^\w.-]", "-", f"{page}--{anchor}" if anchor else page, flags=re.ASCII)


def names_in_order(opening: BeautifulSoup) -> dict[str, str]:
    """Return the names of all pages and, for the first page of each part, the part's caption."""
    names, caption = {OPENING: ""}, ""
    for tag in opening.select("nav.bd-docs-nav p.caption, nav.bd-docs-nav a.internal"):
        if tag.name == "p":
            caption = tag.get_text(strip=True)
            continue
        name = urljoin(OPENING, str(tag["href"])).removesuffix(".html").removesuffix("#")
        if name not in names:
            names[name], caption = caption, ""
    return names


def localize(article: Tag, page: str, names: dict[str, str]) -> None:
    """Make identifiers unique in the book, and let links and pictures follow."""
    seen: set[str] = set()
    for tag in article.select("[id]"):
        tag["id"] = identifier(page, str(tag["id"]))
        if tag["id"] in seen:
            del tag["id"]
        else:
            seen.add(str(tag["id"]))
    for tag in article.select("img"):
        tag["src"] = "../" + urljoin(page, str(tag["src"]))
        tag["loading"] = "eager"
    for link in article.select("a[href]"):
        target, anchor = urldefrag(urljoin(f"{page}.html", str(link["href"])))
        if target.startswith("slides/"):
            link.unwrap()
            continue
        if not re.match(r"\w+:", target):  # what is no page of the book stays, and has no target
            link["href"] = "#" + identifier(target.removesuffix(".html"), anchor)


def unfold(article: Tag) -> None:
    """Open what is folded, but for code, which cannot be run on paper, and the names of tests."""
    for details in article.select("details"):
        summary, kinds = details.find("summary", recursive=False), details["class"]
        if "deeper" in kinds:
            summary.unwrap()
            details.unwrap()
        elif "hide" in kinds:
            cell = details.parent
            (details if cell.select(".cell_output") else cell).decompose()
        elif "tested-by" in kinds:
            details.replace_with(make(f"<p class=tested-by>{summary.get_text(strip=True)}</p>"))
        else:
            details.find("p").insert(0, make(f"<i>{summary.get_text(strip=True)}. </i>"))
            summary.decompose()
            details.unwrap()


def name_headings(article: Tag) -> None:
    """Let a heading have the names of its section, which may begin on the page before."""
    for section in article.select("section[id]"):
        heading = section.find(re.compile("h[1-6]"), recursive=False)
        for other in heading.find_previous_siblings("span"):
            heading.insert(0, other)
        heading["id"] = section["id"]
        del section["id"]


def words_of(heading: Tag) -> str:
    """Return what a heading says, without its names."""
    said = copy.copy(heading)
    for tag in said.select("[id]"):
        del tag["id"]
    return said.decode_contents()


def mark_long_code(article: Tag) -> None:
    """Let code of more lines than a cell of the chapters has go on over pages."""
    for code in article.select("div[class*=highlight-]"):
        if code.get_text().count("\n") > 15:
            code["class"].append("long")


def page_number(link: str, words: str) -> str:
    """Return a link that will say on which page its target is."""
    return f"<a href='#{link}'>{words}<span class=page data-target='{link}'>000</span></a>"


def move_solutions(article: Tag, chapter: str) -> list[Tag]:
    """Take solutions and answers out of a chapter, and lead to them from where they stood."""
    moved, checks = [], 0
    for tag in article.select(".solution, .quiz"):
        if "quiz" in tag["class"]:
            checks += 1
            answer, words = self_check(tag, f"{chapter}{checks}"), "Answers: page "
            place = tag
        else:
            place = tag.find_previous_sibling(class_="exercise")
            answer, words = tag.extract(), "Solution: page "
            answer["class"] = "solution"
        lead = make(f"<span class=lead>{page_number(str(answer['id']), words)}</span>")
        place.select_one(".admonition-title").append(lead)
        moved.append(answer)
    return moved


def table_of_contents(parts: list[tuple[str, Tag]]) -> str:
    """Return the list of the chapters and their sections."""
    lines = []
    for caption, chapter in parts:
        if caption:
            lines.append(f"<p class=part>{escape(caption)}</p>")
        for heading in chapter.select("h1, h2"):
            words = f"<span class=words>{words_of(heading)}</span><span class=dots></span>"
            lines.append(f"<p class='to-{heading.name}'>{page_number(heading['id'], words)}</p>")
    return "\n".join(lines)


def join(html: Path, faces: str = "") -> str:
    """Return the whole book as one document, to be laid one folder below ``html``."""
    opening = read(html, OPENING)
    names = names_in_order(opening)
    parts: list[tuple[str, Tag]] = []
    solutions = make("<section><h1 id=solutions>Solutions</h1></section>")
    head: dict[str, None] = {}
    for name, caption in names.items():
        page = read(html, name)
        for tag in page.select("head :is(link[rel=stylesheet], script)"):
            if tag.name == "link" or re.search(SCRIPTS, str(tag)):
                head[str(tag)] = None
        article = page.select_one("article.bd-article")
        for tag in article.select(DROPPED):
            tag.decompose()
        for picture in article.select("img[loading]"):
            del picture["loading"]  # on paper nothing comes near
        localize(article, name, names)
        unfold(article)
        name_headings(article)
        mark_long_code(article)
        chapter = article.find("section")
        heading = chapter.find("h1")
        number = heading.select_one(".section-number")
        prefix = number.get_text(strip=True) if number else ""
        if moved := move_solutions(article, prefix):
            part = make("<section></section>")
            part.append(make(f"<h2 id='solutions-{identifier(name)}'>{words_of(heading)}</h2>"))
            part.extend(moved)
            solutions.append(part)
        if name == OPENING:
            heading.string = "About this book"
        # A link may lead to a page, and not to an anchor in it.
        chapter.insert(0, make(f"<span id='{identifier(name)}'></span>"))
        parts.append((caption, chapter))
    if not solutions.select(".solution"):
        solutions.h1.string = "Answers to the self-checks"
    parts.append((" ", solutions))
    for i, (_, chapter) in enumerate(parts):
        chapter["class"], chapter["style"] = "chapter", f"page: chapter-{i}"
    heads = "\n".join(
        f'@page chapter-{i} {{ @top-left {{ content: "{chapter.h1.get_text()}"; }} }}'
        for i, (_, chapter) in enumerate(parts)
    )
    config = settings()
    title, author = escape(config["title"]), escape(config["author"])
    logo = (HERE / "templates" / "logo.svg").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">
<title>{title}</title><meta name="author" content="{author}">
{"".join(head)}
<style>{faces}
{(HERE / "print.css").read_text(encoding="utf-8")}
{heads}</style></head><body><article class="bd-article">
<section class="title">{logo}<p class="name">{title}</p>
{opening.select_one(".hero > p")}<div class="live">{opening.select_one(".spirals")}</div>
<p>{author}</p><p>Version {version("neural-network-basics")}, {config["copyright"]}</p>
<p class="note">Printed from the book’s pages, where some figures move and self-checks answer.
Code that is folded there, most of it drawing, stands in the notebooks alone.</p>
</section>
<section class="contents"><h1>Contents</h1>{table_of_contents(parts)}</section>
{"".join(str(chapter) for _, chapter in parts)}
</article></body></html>"""


def pages_of_targets(pdf: pikepdf.Pdf) -> dict[str, int]:
    """Return the page number of each link's target."""
    numbers = {page.objgen: i for i, page in enumerate(pdf.pages, 1)}
    return {name[1:]: numbers[place[0].objgen] for name, place in pdf.Root.Dests.items()}


def print_pdf(page: Page) -> pikepdf.Pdf:
    """Print without page numbers, and then with them until they are true."""
    numbers = pages_of_targets(print_once(page))
    for _ in range(3):
        page.evaluate(
            """(numbers) => document.querySelectorAll("span.page").forEach((span) => {
                span.textContent = numbers[span.dataset.target] ?? "?";
            })""",
            numbers,
        )
        book = print_once(page, outline=True, tagged=True)
        if (found := pages_of_targets(book)) == numbers:
            return book
        numbers = found
    raise SystemExit("error: page numbers do not settle")


def main() -> int:
    """Print the book of a folder into that folder."""
    html = Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent / "_build" / "html").resolve()
    joined = html / "_print" / "book.html"
    joined.parent.mkdir(exist_ok=True)
    try:
        faces = lay_faces(html / "_static", joined.parent)
        joined.write_text(join(html, faces), encoding="utf-8")
        with chromium() as browser:
            # As wide as the text on paper, so that what fits here fits there.
            page = browser.new_page(viewport={"width": 650, "height": 900}, color_scheme="light")
            page.set_default_timeout(300_000)
            page.emulate_media(media="print")
            page.goto(joined.as_uri())
            page.wait_for_function(READY)
            page.evaluate(SETTLE)
            if faults := page.evaluate(FAULTS):
                raise SystemExit("\n".join([f"error: {len(faults)} faults", *faults[:20]]))
            save(print_pdf(page), html / PDF)
    finally:
        if "KEEP" not in os.environ:
            shutil.rmtree(joined.parent)
    print(f"The book on paper: {html / PDF}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
