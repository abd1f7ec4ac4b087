"""What a release says of itself, in each file that says it, and what other machines make of it."""

import json
import re
import tomllib
from importlib.metadata import files
from itertools import chain

import addresses
import dist
import pytest
import yaml
from sources import ROOT

import nnlib

PUBLIC = ("https://github.com/a/b", "https://a.io/b")
CPU = "https://download.pytorch.org/whl/cpu"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONTAINERS = [
    *ROOT.glob("**/Dockerfile"),
    ROOT / "binder" / "requirements.txt",
    ROOT / ".devcontainer" / "devcontainer.json",
]
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def cited():
    return yaml.safe_load(read("CITATION.cff"))


def targets():
    return set(re.findall(r"^([\w-]+):", read("Makefile"), re.MULTILINE))


def test_the_citation_and_the_changelog_have_the_version_of_nnlib():
    assert cited()["version"] == nnlib.__version__
    newest = re.search(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.MULTILINE)[1]
    assert newest in ("Unreleased", nnlib.__version__)


def test_zenodo_and_the_citation_say_the_same():
    stored, citation = json.loads(read(".zenodo.json")), cited()
    said = {
        "title": citation["title"],
        "description": citation["abstract"].strip(),
        "creators": citation["authors"],
        "license": citation["license"],
        "keywords": citation["keywords"],
        "upload_type": citation["type"],
    }
    assert said.items() <= stored.items()
    # Zenodo takes it from the tag.
    assert "version" not in stored


def test_the_addresses_are_those_of_the_configuration():
    for name, text in addresses.written(ROOT, *addresses.addresses()).items():
        assert text == read(name), "run: python _ext/addresses.py"


def test_addresses_come_into_every_file_and_go_again(tmp_path):
    for name in addresses.WRITERS:
        (tmp_path / name).write_text(read(name), encoding="utf-8")
    before = addresses.written(tmp_path, "", "")
    for name, text in addresses.written(tmp_path, *PUBLIC).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert addresses.written(tmp_path, "", "") == before
    urls = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert urls == {
        "Homepage": "https://a.io/b",
        "Source": "https://github.com/a/b",
        "Issues": "https://github.com/a/b/issues",
        "Changelog": "https://github.com/a/b/blob/HEAD/CHANGELOG.md",
    }
    citation = yaml.safe_load((tmp_path / "CITATION.cff").read_text("utf-8"))
    assert [citation["repository-code"], citation["url"]] == list(PUBLIC)
    readme = (tmp_path / "README.md").read_text("utf-8")
    assert "[Read](https://a.io/b/)" in readme
    assert "](https://mybinder.org/v2/gh/a/b/HEAD?urlpath=lab/tree/work)" in readme
    assert "\npip install neural-network-basics\n" in readme
    assert "](https://github.com/a/b/raw/HEAD/.github/page.png)" in readme
    assert "](https://github.com/a/b/blob/HEAD/LICENSE)" in readme
    # Where the package's page shows it, no link would lead anywhere that is relative.
    assert re.findall(r"\]\((?!https://|#)[^)]*", readme) == []


def test_the_readme_is_two_screens_long():
    assert len(read("README.md").splitlines()) <= 110


def test_no_link_of_the_readme_or_the_security_page_is_dead():
    for name in ("README.md", "SECURITY.md"):
        text = read(name)
        headings = re.findall(r"^#+ (.+)", text, re.MULTILINE)
        anchors = {"#" + re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
        for target in re.findall(r"\]\(([^)]+)\)", text):
            known = target in anchors or (ROOT / target).exists() or target.startswith("https://")
            assert known, f"{name}: {target}"


def test_the_notice_of_vega_names_every_package_of_its_bundle():
    (library,) = (path for path in files("vl-convert-python") if path.suffix in (".so", ".pyd"))
    bundled = set(re.findall(rb"/npm/([a-z][\w.-]*)@\d", library.locate().read_bytes()))
    assert b"d3-array" in bundled
    notice = dist.license_of("Vega")
    assert {name.decode() for name in bundled} <= set(re.findall(r"[\w.-]+", notice))


def test_a_file_without_an_owner_is_not_packed():
    with pytest.raises(LookupError, match=r"whose these are: jquery\.js"):
        dist.notices({"jquery.js", "theme.css"})


def test_every_license_of_a_package_is_in_the_wheel():
    fonts = [path.name for path in (ROOT / "nnlib").iterdir() if path.suffix == ".ttf"]
    assert fonts == ["figures.ttf"]  # of Source Sans 3, under a name of its own
    assert set(PROJECT["license-files"]) == {
        "LICENSE",
        "LICENSE-TEXT",
        "_ext/notices/Source-Sans-3.txt",
    }
    assert all((ROOT / name).exists() for name in PROJECT["license-files"])


def test_every_requirement_of_every_extra_is_pinned():
    pinned = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
        for line in read("constraints.txt").split()
    }
    required = chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    named = {re.match(r"[\w-]+", text)[0].lower() for text in required}
    assert named - {PROJECT["name"]} <= pinned


@pytest.mark.parametrize("path", CONTAINERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_container_takes_torch_without_cuda_and_the_pins(path):
    text = path.read_text(encoding="utf-8")
    assert CPU in text
    installed = re.findall(r"pip install (?:\\\n|.)*", text)
    assert all("-c constraints.txt" in line or "-r requirements" in line for line in installed)
    assert installed or "make book" in text or "-c ../constraints.txt" in text
    assert set(re.findall(r"make ([\w-]+)", text)) <= targets() | {"assignments"}
    copied = re.findall(r"^COPY (?!--from|--chown)(.+) \S+$", text, re.MULTILINE)
    made = {"assignments/release"}
    for name in " ".join(copied).split():
        assert (ROOT / name).exists() or name in made


def test_the_development_container_is_json():
    settings = json.loads(read(".devcontainer/devcontainer.json"))
    assert settings["containerEnv"] == {"PIP_EXTRA_INDEX_URL": CPU}


@each_workflow
def test_a_workflow_may_read_and_no_more_unless_a_job_says_so(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
        # One that may write runs nothing of this repository.
        if "write" in job.get("permissions", {}).values():
            assert not any("make " in step.get("run", "") for step in job["steps"])


@each_workflow
def test_a_workflow_calls_targets_that_there_are(path):
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:make |target: )(\w[\w-]*)", text)) <= targets()
