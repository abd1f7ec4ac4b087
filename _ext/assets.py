"""What the pages load beside themselves: from installed packages, and no more than they use."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
OWN = ("book.css", "charts.js", "drill.js", "page.js", "quiz.js", "ranking.js", "search.js")
# dist/umd/index.js of npm's minisearch 7.2.0: no package for Python has it.
MINISEARCH = "minisearch-7.2.0.js"
VEGA = f"vega-{version('vl-convert-python')}.js"
ICONS = "vendor/fontawesome/webfonts/fa-solid-900.ttf"
# What pdf.py prints beside the pages.
PDF = "neural-network-basics.pdf"


def lay(static: Path) -> None:
    """Lay styles, scripts and Vega where the pages look for them."""
    static.mkdir(parents=True, exist_ok=True)
    for name in OWN:
        shutil.copyfile(HERE / name, static / name)
    (static / MINISEARCH).write_text(without_comments(HERE / MINISEARCH), encoding="utf-8")
    if not (static / VEGA).exists():  # to bundle it takes a second
        import vl_convert

        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        # The bundle is a module; as a script it would share its one-letter names with the page.
        (static / VEGA).write_text(f"(() => {{{bundle}}})();\n", encoding="utf-8")


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
