"""Pack the built book into one archive: of the same pages, always the same bytes."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import files
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import assets

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
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


def pack(target: Path) -> None:
    """Write the archive: sorted names, one date, one folder at its top."""
    contents = {
        path.relative_to(HTML).as_posix(): path.read_bytes()
        for path in HTML.rglob("*")
        if path.is_file() and path.name not in LEFT_OUT
    }
    contents["NOTICES.txt"] = notices().encode()
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(contents):
            entry = ZipInfo(f"{target.stem}/{name}")
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, contents[name])


def main() -> int:
    """Pack into ``_build`` and print where the archive is."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    target = ROOT / "_build" / f"neural-network-basics-{version}.zip"
    pack(target)
    print(f"The archive: {target} ({target.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
