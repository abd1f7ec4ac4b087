"""Pack a built book, by default ``_build/html``: of the same pages, always the same bytes."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import files
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import assets

ROOT = Path(__file__).resolve().parent.parent
# What these packages lay into the pages has no other notice.
PACKAGES = (
    "myst-nb",
    "pydata-sphinx-theme",
    "Sphinx",
    "sphinx-book-theme",
    "sphinx-copybutton",
    "sphinx-exercise",
    "sphinx-proof",
    "sphinx-togglebutton",
)
# Sphinx's notes for its next build, and what differs from one printing to the next.
LEFT_OUT = {".buildinfo", assets.PDF}


def notices() -> str:
    """Return the licenses of all that the archive holds beside the book's own text and code."""
    found = {
        "The book's code": (ROOT / "LICENSE").read_text(encoding="utf-8"),
        "The book's text and figures": (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8"),
    }
    for path in sorted((ROOT / "_ext" / "notices").glob("*.txt")):
        found[path.stem] = path.read_text(encoding="utf-8")
    for package in PACKAGES:
        texts = [path for path in files(package) or () if "LICENSE" in path.name.upper()]
        if not texts:
            raise FileNotFoundError(f"{package} is installed without its license")
        found[package] = texts[0].read_text(encoding="utf-8")
    rule = "=" * 80
    return "\n".join(f"{rule}\n{name}\n{rule}\n\n{text.strip()}\n" for name, text in found.items())


def pack(html: Path, target: Path) -> None:
    """Write the archive, with one folder at its top."""
    contents = {
        path.relative_to(html).as_posix(): path.read_bytes()
        for path in html.rglob("*")
        if path.is_file() and path.name not in LEFT_OUT
    }
    contents["NOTICES.txt"] = notices().encode()
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
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    name = "-".join(filter(None, ["neural-network-basics", version, os.environ.get("EDITION")]))
    target = html.parent / f"{name}.zip"
    pack(html, target)
    print(f"The archive: {target} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
