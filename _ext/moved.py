"""Print which releases this environment has in place of those that constraints.txt pins."""

from __future__ import annotations

from pathlib import Path

from install import installed, normal

PINS = Path(__file__).resolve().parent.parent / "constraints.txt"


def main() -> None:
    """Print a line for each."""
    lines = PINS.read_text(encoding="utf-8").split()
    pinned = {normal(name): pin for name, _, pin in (line.partition("==") for line in lines)}
    found = {normal(each.name): each.version.partition("+")[0] for each in installed()}
    moved = sorted(name for name in pinned.keys() & found if pinned[name] != found[name])
    print(f"{len(moved)} of {len(found)} packages are not those of constraints.txt")
    for name in moved:
        print(f"  {name} {pinned[name]} -> {found[name]}")


if __name__ == "__main__":
    main()
