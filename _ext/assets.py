"""What the pages load beside themselves: from installed packages, and no more than they use."""

from __future__ import annotations

import re
from importlib.metadata import files, version
from pathlib import Path

HERE = Path(__file__).parent
OWN = (
    "arithmetic.js",
    "book.css",
    "charts.js",
    "drill.js",
    "home.css",
    "live.js",
    "page.js",
    "quiz.js",
    "ranking.js",
    "search.js",
    "terms.js",
    "type.css",
)
# dist/umd/index.js of npm's minisearch 7.2.0: no package for Python has it.
MINISEARCH = "minisearch-7.2.0.js"
VEGA = f"vega-{version('vl-convert-python')}.js"
ICONS = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
# The face of the text, of which pages get what English and some mathematics in a line need.
FACES = {"text": "SourceSans3[wght].ttf", "text-italic": "SourceSans3-Italic[wght].ttf"}
LETTERS = "".join(map(chr, (*range(32, 127), *range(160, 256), *range(0x3B1, 0x3CA)))) + (
    "–—‘’“”…•−×÷±≈≠≤≥∞→←↑↓√∑∂∇Δ⋅′″☐✓łŁőčć"
)
# The logo as a picture of its own has no page to take its colors from.
FAVICON = (
    ' xmlns="http://www.w3.org/2000/svg"><style>.a{stroke:#0b5fa8}.b{stroke:#d55e00}'
    "@media(prefers-color-scheme:dark){.a{stroke:#84bdf8}.b{stroke:#f5a071}}</style>"
)
# What pdf.py prints beside the pages.
PDF = "neural-network-basics.pdf"


def lay(static: Path) -> None:
    """Lay styles, scripts, faces and Vega where the pages look for them."""
    static.mkdir(parents=True, exist_ok=True)
    for name in OWN:
        (static / name).write_text(without_comments(HERE / name), encoding="utf-8")
    (static / MINISEARCH).write_text(without_comments(HERE / MINISEARCH), encoding="utf-8")
    if not (static / VEGA).exists():  # to bundle it takes a second
        import vl_convert

        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        # The bundle is a module; as a script it would share its one-letter names with the page.
        (static / VEGA).write_text(f"(() => {{{bundle}}})();\n", encoding="utf-8")

    for name, source in FACES.items():
        lay_face(static / f"{name}.woff2", source)
    logo = (HERE / "templates" / "logo.svg").read_text(encoding="utf-8")
    (static / "favicon.svg").write_text(logo.replace(">", FAVICON, 1), encoding="utf-8")


def lay_face(target: Path, source: str) -> None:
    """Lay one face, from regular to bold, without what no page writes."""
    if target.exists():
        return
    from fontTools import subset, ttLib  # which take a while to load
    from fontTools.varLib import instancer

    (path,) = (path for path in files("fontpkg-source-sans-3") or () if path.name == source)
    options = subset.Options(flavor="woff2", layout_features=["kern", "lnum", "tnum", "mark"])
    options.hinting = False
    with ttLib.TTFont(path.locate(), recalcTimestamp=False) as font:
        trimmed = subset.Subsetter(options)
        trimmed.populate(text=LETTERS)
        trimmed.subset(font)
        instancer.instantiateVariableFont(font, {"wght": (400, 400, 700)}, inplace=True)
        subset.save_font(font, str(target), options)


def without_comments(script: Path) -> str:
    """Return a script without the lines that are comments, more than half of its weight."""
    return re.sub(r"(?m)^\s*(?:/\*(?s:.*?)\*/|//.*)\n", "", script.read_text(encoding="utf-8"))


def trim_icons(html: Path) -> None:
    """Leave of the theme's 1400 icons those that some page shows: 4 KB in place of 700.

    The theme draws each icon twice, as a character of a font and, over it, by a script of half a
    megabyte. The font alone does.
    """
    static = html / "_static"
    script, drawn = static / "scripts" / "fontawesome.js", "// The font draws the icons.\n"
    if script.read_text(encoding="utf-8") == drawn:  # no page has been written since
        return
    from fontTools import subset  # which takes a while to load

    pages = [path.read_text(encoding="utf-8") for path in html.rglob("*.html")]
    scripts = [path.read_text(encoding="utf-8") for path in static.glob("scripts/*.js")]
    used = set(re.findall(r"fa-[a-z0-9-]+", " ".join(pages + scripts)))
    styles = " ".join(path.read_text(encoding="utf-8") for path in static.glob("styles/*.css"))
    code_points = set()
    for selectors, code_point in re.findall(r'([^{}]*)\{content:"\\([ef][0-9a-f]{3})"', styles):
        names = set(re.findall(r"fa-[a-z0-9-]+", selectors))
        if not names or names & used:
            code_points.add(int(code_point, 16))
    # The icons of notes and warnings stand in the theme's variables.
    code_points |= {ord(icon) for icon in re.findall("[\ue000-\uf8ff]", styles)}
    font = subset.load_font(static / ICONS, subset.Options())
    trimmed = subset.Subsetter()
    trimmed.populate(unicodes=code_points)
    trimmed.subset(font)
    font.flavor = "woff"
    font.save(static / "icons.woff")
    script.write_text(drawn, encoding="utf-8")


def trim_styles(html: Path) -> None:
    """Leave of the theme's styles those for classes that some page or script names."""
    static = html / "_static"
    used = set()
    for page in html.rglob("*.html"):
        used.update(*map(str.split, re.findall(r'class="([^"]*)"', page.read_text("utf-8"))))
    for script in (*static.glob("*.js"), *static.glob("scripts/*.js")):
        if script.name != VEGA:
            used.update(re.findall(r"[\w-]+", script.read_text("utf-8")))
    for style in (*static.glob("styles/*.css"), *static.glob("*.css")):
        if style.name not in OWN:
            style.write_text(used_rules(style.read_text("utf-8"), used), encoding="utf-8")


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
