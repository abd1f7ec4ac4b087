"""``pip install`` into the environment that runs this file, whatever the user has set for pip.

The user's settings (``PIP_...``, ``pip.conf``) say where packages come from: an index, a mirror, a
proxy. They don't say what is installed, nor where it goes.

``python _ext/install.py ARGUMENTS`` installs, then imports what the project names and notes what is
there. ``python _ext/install.py --intact`` fails if that is no longer so.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import Distribution, distributions, packages_distributions, requires
from itertools import product
from pathlib import Path
from sysconfig import get_path

PROJECT = "neural-network-basics"
NOTE = Path(sys.prefix) / "installed"
FETCHING = (
    "cache-dir",
    "cert",
    "client-cert",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "keyring-provider",
    "no-cache-dir",
    "no-index",
    "no-input",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
    "use-feature",  # truststore, without which some proxies are not believed
)


def environment() -> dict[str, str]:
    """Return the variables for pip: of the user's settings only those of fetching."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    settings = {f"PIP_{key.upper().replace('-', '_')}": value for key, value in fetching()}
    return {**others, **settings, "PIP_CONFIG_FILE": os.devnull}


def fetching() -> Iterator[tuple[str, str]]:
    """Yield the user's settings of fetching, of variables and files."""
    # Here, since pip takes setuptools' distutils away from what else this process would import.
    from pip._internal.configuration import Configuration
    from pip._internal.exceptions import ConfigurationError

    # Not "pip config list": a setting of the user can silence it, or have it leave out files.
    configuration = Configuration(isolated=False)
    configuration.load()
    for name, section in product(FETCHING, ("global", "install", ":env:")):
        with suppress(ConfigurationError):
            yield name, str(configuration.get_value(f"{section}.{name}"))


def normal(name: str) -> str:
    """Return a distribution's name in the one form that can be compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> Iterable[Distribution]:
    """Return what is installed here; setuptools, imported, shows what it carries as well."""
    return distributions(path=[get_path("purelib"), get_path("platlib")])


def import_all() -> None:
    """Import each module of each distribution that the project names and that is here."""
    required = requires(PROJECT) or []
    named = {normal(re.match(r"[\w.-]+", text)[0]) for text in [PROJECT, *required]}
    for module, owners in packages_distributions().items():
        if module.isidentifier() and named & set(map(normal, owners)):
            import_module(module)


def lost(expected: set[str]) -> Iterator[str]:
    """Yield each expected distribution that is not here, and each installed file that is gone."""
    missing = set(expected)
    for found in installed():
        missing.discard(normal(found.name))
        base = str(found.locate_file(""))
        for path, *_ in csv.reader((found.read_text("RECORD") or "").splitlines()):
            if not path.endswith(".pyc") and not os.path.exists(os.path.join(base, path)):
                yield path
    yield from missing


def intact() -> int:
    """Return whether all is there that was, as an exit status."""
    if not NOTE.exists():
        return 1
    gone = next(lost(set(NOTE.read_text().split())), None)
    if gone:
        print(f"{sys.prefix} has lost {gone}")
    return gone is not None


def verify() -> int:
    """Import, note what is there, and return the exit status."""
    try:
        import_all()
    except (ImportError, OSError) as error:  # also PackageNotFoundError, if it went elsewhere
        print(f"error: what pip has installed does not import: {error}", file=sys.stderr)
        return 1
    NOTE.write_text("\n".join({normal(found.name) for found in installed()}))
    return intact()


def main(arguments: list[str]) -> int:
    """Install, or look whether all is there, and return the exit status."""
    if arguments == ["--intact"]:
        return intact()
    if arguments == ["--verify"]:
        return verify()
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    status = subprocess.run(command, env=environment()).returncode
    # A new process, which finds what has just come.
    return status or subprocess.run([sys.executable, "-I", __file__, "--verify"]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
