"""Print constraints.txt, but what pyproject.toml promises to users at the lowest version of it."""

from __future__ import annotations

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Print the constraints."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = chain(project["dependencies"], *project["optional-dependencies"].values())
    bounds = filter(None, (re.match(r"([\w-]+)>=([\w.]+)", text) for text in promised))
    lowest = dict(bound.groups() for bound in bounds)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, _, pinned = line.partition("==")
        print(f"{name}=={lowest.get(name.replace('_', '-'), pinned)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
