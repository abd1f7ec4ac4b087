"""Which packages there are while items are graded: a folder of links to those that are allowed."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, packages_distributions
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

# Nothing in these is the answer to an item. What an item runs is sent by the first.
HARMLESS = ("cloudpickle", "IPython", "matplotlib", "tqdm")
SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
FOREIGN = ("site-packages", "dist-packages", "python")


def link_packages(allowed: Iterable[str], folder: Path) -> None:
    """Fill a folder with links to the packages that are allowed, and to what these need."""
    for path in package_files((*allowed, *HARMLESS)):
        (folder / path.name).symlink_to(path)


def package_files(packages: Iterable[str]) -> list[Path]:
    """Return what stands on Python's path of these packages, and of what they need."""
    names = {name for package in packages for name in distributions_of().get(package, ())}
    files = {
        Path(str(distribution.locate_file(file.parts[0])))
        for distribution in with_requirements(names)
        for file in distribution.files or ()
        if file.parts[0] not in ("..", "__pycache__") and file.suffix != ".pth"
    }
    return sorted([*files, *(path for package in packages for path in editable(package, files))])


@cache
def distributions_of() -> dict[str, list[str]]:
    """Return the names of what was installed, by the packages that can be imported from it."""
    return dict(packages_distributions())


def with_requirements(names: Iterable[str]) -> list[Distribution]:
    """Return these distributions and all that they need."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        with suppress(PackageNotFoundError):
            found[name] = Distribution.from_name(name)
            needed = map(Requirement, found[name].requires or ())
            waiting += [
                one.name for one in needed if not one.marker or one.marker.evaluate({"extra": ""})
            ]
    return list(found.values())


def editable(package: str, files: Iterable[Path]) -> list[Path]:
    """Return the folder of a package that is imported from where it is written."""
    if any(path.stem == package for path in files):
        return []
    spec = find_spec(package)
    return [Path(place) for place in (spec and spec.submodule_search_locations) or ()]


def readable_files(folder: Path) -> list[str]:
    """Return what a process must read that may import Python's own modules and those linked."""
    standard = [sysconfig.get_path(key) for key in ("stdlib", "platstdlib")]
    places = map(Path, [*standard, *SYSTEM_LIBRARIES, f"{sys.base_prefix}/lib"])
    own = [
        entry.path
        for place in dict.fromkeys(place.resolve() for place in places if place.is_dir())
        for entry in os.scandir(place)
        if not entry.name.startswith(FOREIGN)
    ]
    return [*own, *(str(path.resolve()) for path in folder.iterdir()), str(folder)]
