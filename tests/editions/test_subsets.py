"""Chapters come out and change places, and the book still builds without a warning.

One book is read whole. For each choice of chapters a copy of that process takes the others out, as
Sphinx does when the contents change, reads anew what follows them, and resolves every page.
``SUBSETS=all`` takes all choices; otherwise a few, which differ from commit to commit.
"""

import os
import random
import subprocess
from io import StringIO
from itertools import combinations

import editions
import pytest
import sources

NUMBERS = range(1, 1 + len(sources.lessons()))
ORDERS = [tuple(reversed(NUMBERS)), (4, 6, 1, 3, 5, 2), (6, 2)]

# Those of the packages that make the book; Sphinx has warnings of its own.
pytestmark = pytest.mark.filterwarnings("ignore")


def choices():
    """Return the choices of chapters to be built."""
    subsets = [chosen for size in NUMBERS for chosen in combinations(NUMBERS, size)]
    if os.environ.get("SUBSETS") == "all":
        return subsets + ORDERS
    command = ["git", "-C", str(sources.ROOT), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout
    dealt = tuple(random.Random(commit).sample(NUMBERS, len(NUMBERS)))
    half = len(dealt) // 2
    # Each chapter is once in a book and once in none, at some place or other.
    return [dealt[:half], dealt[half:], tuple(sorted(dealt[1:]))]


@pytest.fixture(scope="module")
def whole(lay, tmp_path_factory):
    """Return Sphinx, after it has read the whole book, and what it complains of."""
    from jupyter_book.config import get_final_config
    from sphinx.application import Sphinx

    folder = tmp_path_factory.mktemp("whole")
    lay(folder, NUMBERS)
    os.chdir(folder)  # where local extensions are looked for
    asked = {"nitpicky": True, "latex_individualpages": False}
    settings, _ = get_final_config(
        user_yaml=folder / "_config.yml", sourcedir=folder, cli_config=asked
    )
    said = StringIO()
    app = Sphinx(folder, None, folder / "_build", folder / "trees", "dummy", settings, None, said)
    app.build(force_all=True)
    assert said.getvalue() == ""
    return app, said


def rebuild(app, said, lay, chosen):
    """Return what the book of these chapters complains of."""
    from sphinx_external_toc.events import parse_toc_to_env

    lay(app.srcdir, chosen)
    parse_toc_to_env(app, app.config)
    editions.choose(app, app.config)
    app.build(force_all=True)
    return said.getvalue()


def in_a_copy(task, *arguments):
    """Return what a task returns in a copy of this process, so that this one stays as it is."""
    receiver, sender = os.pipe()
    if os.fork() == 0:
        try:
            answer = task(*arguments)
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(sender, answer.encode()[:50_000])
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.wait()
    return answer


@pytest.mark.parametrize("chosen", choices(), ids=lambda chosen: "".join(map(str, chosen)))
def test_a_choice_of_chapters_builds_without_a_warning(whole, lay, chosen):
    assert in_a_copy(rebuild, *whole, lay, chosen) == ""
