"""Pack a folder of the built book, by default ``_build/html``: of the same files the same bytes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.metadata import files
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import assets

from nnlib import __version__

ROOT = Path(__file__).resolve().parent.parent
# Whose the files are that pages load, and which are the book's own: by their names, packages that
# are installed with their license, or files in notices/.
OWNERS = {
    "book": {
        *assets.SCRIPTS,
        assets.STYLES[0],
        assets.MADE,
        "places.js",
        "slides.css",
        "slides.js",
    },
    "Bootstrap": {"theme.css"},
    "Font Awesome": {"icons.woff"},
    "MiniSearch": {assets.MINISEARCH},
    "Pygments": {"theme.css"},
    "STIX Two Math": {"formulas.woff2"},
    "Source Sans 3": {f"{name}.woff2" for name in assets.FACES},
    "Sphinx": {"theme.css", "documentation_options.js"},
    "Vega": {assets.VEGA},
    "accessible-pygments": {"theme.css"},
    "clipboard.js": {"clipboard.min.js"},
    "marked": {"notes.js"},
    "reveal.js": {"reveal.css", "reveal.js", "notes.js"},
    "myst-nb": {"theme.css"},
    "pydata-sphinx-theme": {"theme.css"},
    "sphinx-book-theme": {"theme.css"},
    "sphinx-copybutton": {"theme.css", "copybutton.js"},
    "sphinx-exercise": {"theme.css"},
    "sphinx-proof": {"theme.css"},
    "sphinx-togglebutton": {"theme.css", "togglebutton.js"},
}
LOADED = {".css", ".js", ".otf", ".ttf", ".woff", ".woff2"}
# Sphinx's notes for its next build, and what differs from one printing to the next.
LEFT_OUT = {".buildinfo", assets.PDF}


def notices(names: set[str]) -> str:
    """Return the licenses of files of these names, and of the book's own text and code."""
    if unknown := names - set[str]().union(*OWNERS.values()):
        raise LookupError(f"dist.py does not say whose these are: {', '.join(sorted(unknown))}")
    found = {
        "The book's code": (ROOT / "LICENSE").read_text(encoding="utf-8"),
        "The book's text and figures": (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8"),
    }
    for owner, owned in OWNERS.items():
        if owned & names and owner != "book":
            found[owner] = license_of(owner)
    rule = "=" * 80
    return "\n".join(f"{rule}\n{name}\n{rule}\n\n{text.strip()}\n" for name, text in found.items())


def license_of(owner: str) -> str:
    """Return the license that lies in notices/, or that a package is installed with."""
    noted = ROOT / "_ext" / "notices" / f"{owner.replace(' ', '-')}.txt"
    if noted.exists():
        return noted.read_text(encoding="utf-8")
    texts = [path for path in files(owner) or () if "LICENSE" in path.name.upper()]
    if not texts:
        raise FileNotFoundError(f"{owner} is installed without its license")
    return str(texts[0].read_text(encoding="utf-8"))


def pack(html: Path, target: Path) -> None:
    """Write the archive, with one folder at its top."""
    contents = {
        path.relative_to(html).as_posix(): path.read_bytes()
        for path in html.rglob("*")
        if path.is_file() and path.name not in LEFT_OUT
    }
    loaded = {name.rpartition("/")[2] for name in contents if Path(name).suffix in LOADED}
    contents["NOTICES.txt"] = notices(loaded).encode()
    archive({f"{target.stem}/{name}": held for name, held in contents.items()}, target)


def archive(contents: Mapping[str, bytes], target: Path) -> None:
    """Write files by their names into an archive: sorted, all of one date."""
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as made:
        for name in sorted(contents):
            entry = ZipInfo(name)
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
            made.writestr(entry, contents[name])


def main() -> int:
    """Pack the pages, and print where the archive is: beside their folder."""
    html = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "_build" / "html").resolve()
    kind = "" if html.name == "html" else html.name
    parts = ["neural-network-basics", __version__, os.environ.get("EDITION"), kind]
    target = html.parent / f"{'-'.join(filter(None, parts))}.zip"
    pack(html, target)
    print(f"The archive: {target} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
