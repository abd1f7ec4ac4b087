"""Books of other chapters and editions than the one of this folder, and their pages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sources
import yaml

LINKED = (".github", "_ext", "references.bib", "chapters")


@pytest.fixture(scope="session")
def lay():
    """Return a function that lays a book of some chapters, by their numbers, into a folder."""

    def laid(folder, chosen, site=""):
        toc = yaml.safe_load((sources.ROOT / "_toc.yml").read_text(encoding="utf-8"))
        (part,) = (part for part in toc["parts"] if part.get("numbered"))
        part["chapters"] = [part["chapters"][number - 1] for number in chosen]
        (folder / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")
        config = (sources.ROOT / "_config.yml").read_text(encoding="utf-8")
        config = config.replace('baseurl: ""', f'baseurl: "{site}"')
        (folder / "_config.yml").write_text(config, encoding="utf-8")
        for name in LINKED:
            if not (folder / name).exists():
                (folder / name).symlink_to(sources.ROOT / name)

    return laid


@pytest.fixture(scope="session")
def make():
    """Return a function that builds the book of a folder as the Makefile does."""

    def made(folder, edition=""):
        command = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-W", "-n"]
        env = os.environ | {"EDITION": edition}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder / "_build" / "html"

    return made


@pytest.fixture(scope="session")
def build(lay, make, tmp_path_factory):
    """Return a function that builds a book of some chapters, and returns its pages."""

    def built(chosen, edition="", site=""):
        folder = tmp_path_factory.mktemp("book")
        lay(folder, chosen, site)
        return make(folder, edition)

    return built
