"""The environment that make makes: from the user's index, whatever else the user has set."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What is installed where the network is the question, not the packages.
NAME, MODULE = "neural-network-basics", "tiny"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A folder of wheels: a project, and what it stands on."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, NAME, MODULE, requires="below")
    write_wheel(folder, "below", "below")
    return folder


def write_wheel(folder, name, module, requires="", source=""):
    dashed = name.replace("-", "_")
    info = f"{dashed}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    contents = {
        f"{module}/__init__.py": source,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {requires}\n" if requires else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},{digest(text)},{len(text)}\n" for path, text in contents.items())
    with ZipFile(folder / f"{dashed}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(path, text)


def digest(text):
    code = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={code.decode().rstrip('=')}"


@pytest.fixture(scope="module")
def made(tmp_path_factory, index):
    """A folder in which the environment has been made, by a user of such an index."""
    folder = tmp_path_factory.mktemp("a course")
    (folder / "_ext").mkdir()
    for name in ("environment.sh", "install.py"):
        shutil.copy(ROOT / "_ext" / name, folder / "_ext")
    for name in ("constraints.txt", "pyproject.toml"):
        (folder / name).touch()
    (folder / "requirements.txt").write_text(NAME)
    make(folder, index)
    return folder


def make(folder, index):
    """Make the environment, and return what is said."""
    settings = {"PIP_FIND_LINKS": str(index), "PIP_NO_INDEX": "1", "PYTHON": sys.executable}
    env = without_pip_settings() | settings
    command = ["sh", "_ext/environment.sh"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_pip_settings():
    return {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}


def imports(folder):
    command = [folder / ".venv" / "bin" / "python", "-Ic", f"import {MODULE}, below"]
    return subprocess.run(command, capture_output=True).returncode == 0


def site_packages(folder):
    (path,) = (folder / ".venv").glob("lib/python*/site-packages")
    return path


def test_it_is_made_once_in_a_folder_with_a_space(made, index):
    assert " " in made.name
    assert imports(made)
    assert make(made, index) == ""


def other_settings(tmp_path):
    """Settings of pip that would install elsewhere, otherwise, or nothing at all."""
    (tmp_path / "other.txt").write_text(f"{NAME}==2.0")
    return {
        "user": "1",
        "target": str(tmp_path / "target"),
        "prefix": str(tmp_path / "prefix"),
        "root": str(tmp_path / "root"),
        "dry-run": "1",
        "no-deps": "1",
        "no-binary": ":all:",
        "constraint": str(tmp_path / "other.txt"),
        "quiet": "3",
    }


def reinstalled(folder, variables):
    """Return whether what has been taken away comes back to its place."""
    for path in site_packages(folder).iterdir():
        if path.name.startswith(("tiny", "below", NAME.replace("-", "_"))):
            shutil.rmtree(path)
    assert not imports(folder)
    command = [folder / ".venv" / "bin" / "python", "-I", "_ext/install.py", NAME]
    env = without_pip_settings() | variables
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return imports(folder)


def test_what_the_user_sets_in_variables_reaches_only_the_index(made, index, tmp_path):
    settings = {
        "no-index": "1",
        "find-links": str(index),
        "python": "/usr/bin/false",
        **other_settings(tmp_path),
    }
    variables = {f"PIP_{key.upper().replace('-', '_')}": text for key, text in settings.items()}
    assert reinstalled(made, variables)


@pytest.mark.parametrize("section", ["global", "install"])
def test_what_the_user_sets_in_files_reaches_only_the_index(made, index, tmp_path, section):
    settings = {"no-index": "1", "find-links": str(index), **other_settings(tmp_path)}
    lines = (f"{key} = {text}\n" for key, text in settings.items())
    (tmp_path / "pip.conf").write_text(f"[{section}]\n" + "".join(lines))
    assert reinstalled(made, {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})


@pytest.mark.parametrize("lost", ["tiny/__init__.py", "below", "below-1.0.dist-info"])
def test_whatever_is_lost_is_missed(made, lost):
    path = site_packages(made) / lost
    path.rename(made / "lost")
    command = [made / ".venv" / "bin" / "python", "-I", made / "_ext" / "install.py", "--intact"]
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 1
    (made / "lost").rename(path)
    assert subprocess.run(command).returncode == 0


def test_an_empty_environment_is_made_anew(made, index):
    shutil.rmtree(site_packages(made))
    assert "Making .venv" in make(made, index)
    assert imports(made)


def test_what_does_not_import_is_not_taken_for_made(made, tmp_path):
    write_wheel(tmp_path, NAME, MODULE, source="import what_nobody_has")
    (made / "requirements.txt").write_text(f"{NAME}\n")
    with pytest.raises(AssertionError, match="does not import: No module named 'what_nobody"):
        make(made, tmp_path)
    assert not (made / ".venv" / "stamp").exists()
