"""A course of one's own, made by the commands that the book names, and a chapter of one's own."""

import re
import shutil
import subprocess
import sys

import pytest
import sources
from bs4 import BeautifulSoup

TO_WRITE = re.compile(r"[A-Z]{2,}(?: [A-Z]{2,})+")


def commands(file, section):
    """Return the commands of a section, those in its first block of them."""
    text = (sources.ROOT / file).read_text(encoding="utf-8").partition(section)[2]
    return re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1]


def run(folder, *command):
    """Run a command in a folder; it must not fail."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def edit(file, change):
    """Change the text of a file."""
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def write(folder):
    """Make a chapter of the template, as its writer does, and name it where it belongs."""
    run(folder, "sh", "-e", "-c", commands("CONTRIBUTING.md", "### A chapter"))
    chapter = folder / "chapters" / "07_attention.ipynb"
    edit(chapter, lambda text: TO_WRITE.sub("These are its words", text))
    said = "{doc}`07_attention`"
    line = "      - file: chapters/06_backpropagation\n"
    mine = "      - file: chapters/07_attention\n"
    edit(folder / "_toc.yml", lambda text: text.replace(line, line + mine))
    card = f'    "7. {said}\\\\\\n",\n    "   What to look at.\\n",\n'
    end = '    ":::\\n",\n    "\\n",\n    "## The road'
    edit(folder / "chapters" / "index.ipynb", lambda text: text.replace(end, card + end))
    plan = f"\n## {{chapter}}`07_attention`: Attention\n\n**Before class:** {said}.\n"
    edit(folder / "chapters" / "teaching.md", lambda text: text + plan)
    run(folder, sys.executable, "_ext/notebooks.py", "chapters/07_attention.ipynb")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a copy of the project after the commands, with a chapter more."""
    folder = tmp_path_factory.mktemp("course")
    for name in subprocess.check_output(
        ["git", "ls-files"], cwd=sources.ROOT, text=True
    ).splitlines():
        if (sources.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sources.ROOT / name, folder / name)
    edits, _, built = commands("chapters/teaching.md", "## Make it yours").rpartition("make ")
    assert built == "book EDITION=student\n"
    run(folder, "sh", "-e", "-c", edits)
    write(folder)
    return folder


def test_a_chapter_made_of_the_template_passes_once_its_words_are_written(course):
    # The others have been looked at where they are.
    chosen = "07_attention or statement or number or public or private or template"
    run(course, sys.executable, "-m", "pytest", "-q", "tests/test_book.py", "-k", chosen)


def test_a_course_of_ones_own_is_built_for_students(course, make):
    html = make(course, "student")
    home = BeautifulSoup((html / "chapters" / "index.html").read_text("utf-8"), "html.parser")
    assert "Networks in Spring" in home.title.get_text()
    assert home.h1.get_text().startswith("Networks in Spring")
    assert "Ada Example" in home.get_text()
    cards = [link["href"] for link in home.select(".cards li a")]
    assert "03_surrogate_losses.html" not in cards
    assert cards[-1] == "07_attention.html"
    assert not list(html.rglob("03_surrogate_losses*"))
    dates = BeautifulSoup((html / "chapters" / "dates.html").read_text("utf-8"), "html.parser")
    assert len(dates.select("article td a[href]")) == 2
    assert list((html / "chapters").glob("0*.html"))
    for path in (html / "chapters").glob("0*.html"):
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        assert page.select("div.exercise")
        assert not page.select("div.solution")
