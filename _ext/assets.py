"""What the pages load beside themselves: from installed packages, and no more than they use."""

from __future__ import annotations

import logging
import re
from importlib.metadata import files, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# The book's own: one style, scripts that every page or some page loads.
STYLES = ("book.css", "type.css", "home.css")
SCRIPTS = (
    "arithmetic.js",
    "charts.js",
    "drill.js",
    "frame.js",
    "live.js",
    "page.js",
    "quiz.js",
    "ranking.js",
    "search.js",
    "terms.js",
)
# A script that begins with what the pages hold (checks.py).
MADE = "kept.js"
# What extensions give every page, in the order in which the pages load it.
LENT_STYLES = (
    "basic.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "mystnb.*.css",
    "copybutton.css",
    "togglebutton.css",
    "proof.css",
    "exercise.css",
)
# Of their scripts those that the book has a use for, and the mark of a page that has one.
LENT_SCRIPTS = {
    "documentation_options.js": "<pre",
    "clipboard.min.js": "<pre",
    "copybutton.js": "<pre",
    "togglebutton.js": " dropdown admonition",
}
# dist/umd/index.js of npm's minisearch 7.2.0: no package for Python has it.
MINISEARCH = "minisearch-7.2.0.js"
VEGA = f"vega-{version('vl-convert-python')}.js"
ICONS = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
# The face of the text, of which pages get what English and some mathematics in a line need.
FACES = {"text": "SourceSans3[wght].ttf", "text-italic": "SourceSans3-Italic[wght].ttf"}
LETTERS = "".join(map(chr, (*range(32, 127), *range(160, 256), *range(0x3B1, 0x3CA)))) + (
    "–—‘’“”…•−×÷±≈≠≤≥∞→←↑↓√∑∂∇Δ⋅′″☐✓łŁőčć"
)
# What pdf.py prints beside the pages.
PDF = "neural-network-basics.pdf"
# It tells each step by which a font gets smaller.
logging.getLogger("fontTools").setLevel(logging.WARNING)


def lay(static: Path) -> None:
    """Lay styles, scripts, faces and Vega where the pages look for them."""
    static.mkdir(parents=True, exist_ok=True)
    for name in SCRIPTS:
        (static / name).write_text(without_comments(HERE / name), encoding="utf-8")
    style = "\n".join(without_comments(HERE / name) for name in STYLES)
    (static / STYLES[0]).write_text(style, encoding="utf-8")
    (static / MINISEARCH).write_text(without_comments(HERE / MINISEARCH), encoding="utf-8")
    if not (static / VEGA).exists():  # to bundle it takes a second
        import vl_convert

        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        # The bundle is a module; as a script it would share its one-letter names with the page.
        (static / VEGA).write_text(f"(() => {{{bundle}}})();\n", encoding="utf-8")

    for name, source in FACES.items():
        lay_face(static / f"{name}.woff2", source)
    (static / "favicon.svg").write_text(favicon(), encoding="utf-8")


def favicon() -> str:
    """Return the logo as a picture of its own, which has no page to take its colors from."""
    colors = re.findall(r"--logo-([ab]): (#\w+);", (HERE / "type.css").read_text(encoding="utf-8"))
    strokes = [f".{name}{{stroke:{color}}}" for name, color in colors]
    light, dark = "".join(strokes[:2]), "".join(strokes[2:])
    style = f"<style>{light}@media(prefers-color-scheme:dark){{{dark}}}</style>"
    logo = (HERE / "templates" / "logo.svg").read_text(encoding="utf-8")
    return logo.replace(">", f' xmlns="http://www.w3.org/2000/svg">{style}', 1)


def lay_face(target: Path, source: str) -> None:
    """Lay one face, from regular to bold, without what no page writes."""
    if not target.exists():
        trim_face(source, target, (400, 400, 700), "woff2")


def lay_figures_face(target: Path) -> None:
    """Lay the face of the text for Matplotlib, which draws the first weight of a file alone.

    Its license reserves its name for what has not been changed.
    """
    trim_face(FACES["text"], target, 400, None, "BookSans")


def trim_face(source: str, target: Path, weights: Any, flavor: str | None, name: str = "") -> None:
    """Write a face with some weights, under a name of its own where one is given."""
    from fontTools import subset, ttLib  # which take a while to load
    from fontTools.varLib import instancer

    (path,) = (path for path in files("fontpkg-source-sans-3") or () if path.name == source)
    options = subset.Options(flavor=flavor, layout_features=["kern", "lnum", "tnum", "mark"])
    options.hinting = False
    with ttLib.TTFont(path.locate(), recalcTimestamp=False) as font:
        trimmed = subset.Subsetter(options)
        trimmed.populate(text=LETTERS)
        trimmed.subset(font)
        instancer.instantiateVariableFont(font, {"wght": weights}, inplace=True)
        if name:
            font["name"].names = [r for r in font["name"].names if r.nameID in (0, 1, 2, 4, 6)]
            for number in (1, 4, 6):
                font["name"].setName(name, number, 3, 1, 0x409)
        subset.save_font(font, str(target), options)


def without_comments(script: Path) -> str:
    """Return a script without the lines that are comments, more than half of its weight."""
    return re.sub(r"(?m)^\s*(?:/\*(?s:.*?)\*/|//.*)\n", "", script.read_text(encoding="utf-8"))


def choose(context: dict[str, Any]) -> None:
    """Let a page load the scripts that it has a use for, none before it is read, and one style."""
    styles = context["css_files"]
    context["css_files"] = [style for style in styles if Path(style.filename).name == STYLES[0]]
    chosen = []
    for script in context["script_files"]:
        # Of those that stand in the page, these say what the button is called.
        setting = "toggle" in script.attributes.get("body", "")
        name = "togglebutton.js" if setting else Path(script.filename or "").name
        lent = name in LENT_SCRIPTS and LENT_SCRIPTS[name] in context["body"]
        if lent or name in (*SCRIPTS, MADE):
            chosen.append(script)
            if script.filename:
                script.attributes["defer"] = "defer"
    context["script_files"] = chosen


def trim(html: Path) -> None:
    """Leave of what extensions have laid what some page uses, unless none is new."""
    static = html / "_static"
    lent = [path for name in LENT_STYLES for path in static.glob(name)]
    if static / LENT_STYLES[1] not in lent:  # some extensions lay theirs at every build
        for path in lent:
            path.unlink()
        return
    found = [path for path in html.rglob("*.html") if static not in path.parents]
    pages = "".join(path.read_text(encoding="utf-8") for path in sorted(found))
    loaded = (*SCRIPTS, *LENT_SCRIPTS, STYLES[0])
    own = "".join((static / name).read_text(encoding="utf-8") for name in loaded)
    style = "\n".join(path.read_text(encoding="utf-8") for path in lent)
    trim_icons(static, style, set(re.findall(r"fa-[a-z0-9-]+", pages)))
    trim_style(static, style, pages, own)
    named = set(re.findall(r"[\w.-]+", pages + own))
    for path in sorted(static.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and (path.name not in named or path.parent.name == "styles"):
            path.unlink()


def trim_icons(static: Path, style: str, used: set[str]) -> None:
    """Leave of the theme's 1400 icons those that some page shows: 4 KB in place of 700.

    The theme would draw each a second time, over the font's, by a script of half a megabyte.
    """
    from fontTools import subset  # which takes a while to load

    code_points = set()
    for selectors, code_point in re.findall(r'([^{}]*)\{content:"\\([ef][0-9a-f]{3})"', style):
        names = set(re.findall(r"fa-[a-z0-9-]+", selectors))
        if not names or names & used:
            code_points.add(int(code_point, 16))
    # The icons of notes and warnings stand in the theme's variables.
    code_points |= {ord(icon) for icon in re.findall("[\ue000-\uf8ff]", style)}
    font = subset.load_font(static / ICONS, subset.Options())
    trimmed = subset.Subsetter()
    trimmed.populate(unicodes=code_points)
    trimmed.subset(font)
    font.flavor = "woff"
    font.save(static / "icons.woff")


def trim_style(static: Path, style: str, pages: str, own: str) -> None:
    """Leave of the extensions' styles those for classes that some page or script names."""
    used = set(re.findall(r"[\w-]+", own))
    used.update(*map(str.split, re.findall(r'class="([^"]*)"', pages)))
    # The faces are the book's own, and so is what another style would be imported for.
    style = re.sub(r"@font-face\s*\{[^}]*\}|@import[^;]*;", "", style)
    (static / "theme.css").write_text(used_rules(style, used), encoding="utf-8")


def used_rules(style: str, used: set[str]) -> str:
    """Return a style sheet without selectors of classes that are not used."""

    def keep(rule: re.Match[str]) -> str:
        selectors = re.split(r",(?![^()]*\))", rule[1])
        kept = [selector for selector in selectors if _classes(selector) <= used]
        return f"{','.join(kept)}{{{rule[2]}}}" if kept else ""

    bare = re.sub(r"(?s)/\*.*?\*/", "", style)
    trimmed = re.sub(r"([^{}]*)\{([^{}]*)\}", keep, bare)
    return re.sub(r"@media[^{};]*\{\s*\}", "", trimmed)


def _classes(selector: str) -> set[str]:
    """Return the classes that an element must have, whatever stands in brackets."""
    if selector.lstrip().startswith("@"):
        return set()
    while (bare := re.sub(r"\([^()]*\)|\[[^]]*\]", "", selector)) != selector:
        selector = bare
    return set(re.findall(r"\.(-?[A-Za-z_][\w-]*)", selector))


if __name__ == "__main__":
    lay_figures_face(HERE.parent / "nnlib" / "figures.ttf")
