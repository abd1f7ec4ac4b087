"""Look at a release as its users will: all of it short of the upload.

``python _ext/release.py [TAG]`` packs the library into ``_build/release``, where the Makefile has
laid the book, and tries it in an empty environment. A tag must be that of the version.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import Parser
from filecmp import cmp
from pathlib import Path
from zipfile import ZipFile

from install import environment

ROOT = Path(__file__).resolve().parent.parent
RELEASE = ROOT / "_build" / "release"
BIN = Path(sys.executable).parent
PINS = ("-c", str(ROOT / "constraints.txt"))
# What is installed with nnlib alone.
NEEDED = {"neural-network-basics", "numpy", "scipy"}
ALONE = """
import nnlib
from nnlib import check, softmax
print(f"nnlib {nnlib.__version__} of {nnlib.__file__}")
check.softmax(softmax)
"""
# As a line of a cell; in a ``try`` it may be missing.
TORCH = re.compile(r'"(?:import|from) torch\b')


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> None:
    """Run a command, which must not fail, with the user's settings of fetching packages."""
    subprocess.run(command, cwd=cwd, env=environment() | variables, check=True)


def output(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return what a command prints."""
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say what is looked at, and how long it took."""
    print(f"== {name}", flush=True)
    begin = time.monotonic()
    yield
    print(f"== {name}: {time.monotonic() - begin:.0f} s", flush=True)


def build(folder: Path) -> Path:
    """Build source distribution and wheel, dated as the commit is, and return the wheel."""
    date = output("git", "log", "-1", "--format=%ct").strip()
    variables = environment() | {"SOURCE_DATE_EPOCH": date}
    command = (sys.executable, "-m", "build", "--quiet", "--outdir", folder)
    said = subprocess.run(command, cwd=ROOT, env=variables, check=True, capture_output=True)
    assert b"deprecated" not in said.stdout + said.stderr, (said.stdout + said.stderr).decode()
    (wheel,) = folder.glob("*.whl")
    return wheel


def metadata(wheel: Path) -> dict[str, list[str]]:
    """Return what a wheel says of itself, by field."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        fields = Parser().parsestr(archive.read(name).decode())
    return {key: fields.get_all(key, []) for key in fields}


def notes(version: str) -> str:
    """Return what the changelog says of a version, or of what is to become it."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"(?ms)^## \[([^\]]+)\][^\n]*\n(.*?)(?=^## \[|\Z)", text))
    return sections.get(version) or sections["Unreleased"]


def check_tag(tag: str, version: str) -> None:
    """Refuse a tag that is not that of this version, or a changelog that has no date for it."""
    dated = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$",
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if tag != f"v{version}" or not dated:
        sys.exit(f"error: {tag} is not v{version}, or CHANGELOG.md has no date for {version}")


def make_environment(folder: Path) -> Path:
    """Make an empty environment, and return its Python."""
    run(sys.executable, "-m", "venv", folder)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str | Path) -> None:
    """Install with pip."""
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)


def try_alone(python: Path, wheel: Path) -> None:
    """Install the wheel into an empty environment, and use it there."""
    pip(python, *PINS, wheel)
    listed = output(python, "-m", "pip", "list", "--format=freeze").splitlines()
    came = {line.partition("==")[0] for line in listed} - {"pip", "setuptools"}
    assert came == NEEDED, f"{came} came with nnlib"
    run(python, "-Ic", ALONE, cwd=python.parent)


def try_without_torch(python: Path, wheel: Path, folder: Path) -> None:
    """Run README's examples, and each chapter that does not import torch."""
    pip(python, *PINS, f"{wheel}[notebooks]")
    run(python, "-m", "doctest", ROOT / "README.md", cwd=folder)
    for chapter in sorted((ROOT / "chapters").glob("0*.ipynb")):
        if not TORCH.search(chapter.read_text(encoding="utf-8")):
            print(chapter.name, flush=True)
            run(python, "-m", "jupyter", "execute", chapter, cwd=folder)


def try_tests(python: Path, wheel: Path, folder: Path) -> None:
    """Run the tests and the examples of nnlib where only what is installed can be imported."""
    pip(python, *PINS, f"{wheel}[unit]")
    for name in output("git", "ls-files", "-z").split("\0"):
        if name and not name.startswith("nnlib/") and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    run(python, "-m", "pytest", "-q", "-n", "2", "tests", cwd=folder)
    run(python, "-m", "pytest", "-q", "--doctest-modules", "--pyargs", "nnlib", cwd=folder)


def lint() -> None:
    """Look at what only other machines run: workflows, containers, shell scripts."""
    run(BIN / "zizmor", "--offline", "--no-progress", ".github")
    run(BIN / "hadolint", *ROOT.glob("**/Dockerfile"))
    run(BIN / "shellcheck", ".ci/run", "_ext/environment.sh", "binder/postBuild")


def main(tag: str = "") -> None:
    """Pack and look, and stop at the first fault."""
    with step("workflows, containers and scripts"):
        lint()
    with step("source distribution and wheel"):
        wheel = build(RELEASE)
        fields = metadata(wheel)
        (version,) = fields["Version"]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert set(fields["License-File"]) == set(project["license-files"]), "a license is missing"
        if tag:
            check_tag(tag, version)
        (ROOT / "_build" / "notes.md").write_text(notes(version), encoding="utf-8")
        run(BIN / "twine", "check", "--strict", wheel, *RELEASE.glob("*.tar.gz"))
        run(BIN / "check-wheel-contents", "--package", "nnlib", wheel)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step("the same wheel again"):
            assert cmp(wheel, build(folder / "again"), shallow=False), "its bytes have changed"
        python = make_environment(folder / "environment")
        with step("the wheel in an empty environment"):
            try_alone(python, wheel)
        with step("all extras resolve"):
            pip(python, "--dry-run", *PINS, f"{wheel}[{','.join(fields['Provides-Extra'])}]")
        with step("README and chapters without torch"):
            try_without_torch(python, wheel, folder)
        with step("the tests of nnlib on the wheel"):
            try_tests(python, wheel, folder / "tests")
    for path in sorted(RELEASE.iterdir()):
        print(f"{path.stat().st_size / 1e6:6.1f} MB  {path.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
