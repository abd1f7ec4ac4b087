"""A folder that is lived in: what people and targets leave there reaches no target."""

import shutil
import subprocess
import sys
from pathlib import Path
from shlex import quote

import editions
import pytest
import sources

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "1 / 0\n"
# A folder stands for a copy of that folder.
LITTER = {
    "notes.md": "# My notes\n",
    "chapters/Untitled.ipynb": "{}",
    "chapters/02_activation_functions-Copy1.ipynb": Path("chapters/02_activation_functions.ipynb"),
    "chapters/.ipynb_checkpoints/tested-checkpoint.md": "# My notes\n",
    "chapters/notation.md.orig": "# My notes\n",
    "chapters/notes[1].md": "# My notes\n",
    "nnlib/.ipynb_checkpoints/mlp-checkpoint.py": BROKEN,
    "tests/.ipynb_checkpoints/test_mlp.py": "@pytest.mark.statement('none')\ndef test_none(): ...",
    "tests/scratch.ipynb": "{}",
    "mutants/.pytest_cache/README.md": "# pytest cache\n",
    "mutants/tests/test_mlp.py": BROKEN,
    "assignments/release/losses": Path("assignments/source/losses"),
    "assignments/source/losses/Untitled.ipynb": "{}",
    "assignments/source/losses-Copy1": Path("assignments/source/losses"),
    "assignments/source/.ipynb_checkpoints/losses-checkpoint.ipynb": "{}",
    "class/ada/losses.ipynb": "{}",
    "class/ada/test_losses.py": BROKEN,
    "class-graded/losses/feedback/README.md": "# Ada\n",
    "second checkout/chapters": Path("chapters"),
    "second checkout/tests": Path("tests"),
    "venv/lib/python3.11/site-packages/numpy/test_numpy.py": BROKEN,
    "venv/lib/python3.11/site-packages/numpy/README.md": "# NumPy\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What is tracked, in a checkout of its own, with all that in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("without git, nothing tells what is tracked from what lies there")
    folder = tmp_path_factory.mktemp("a course")
    tracked = run(ROOT, "git", "ls-files", "-z").split("\0")
    for name in filter(None, tracked):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", ".")
    for name, content in LITTER.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content)
        elif (ROOT / content).is_dir():
            shutil.copytree(ROOT / content, path)
        else:
            shutil.copy(ROOT / content, path)
    return folder


def run(folder, *command):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(folder, target, word):
    """Return those commands of a target that have the word in them."""
    options = ("-n", "-o", "environment", f"BIN={quote(str(Path(sys.executable).parent))}")
    said = run(folder, "make", *options, target)
    found = [line for line in said.replace("\\\n", "").splitlines() if word in line]
    assert found
    return found


def names(paths, folder):
    return {path.relative_to(folder).as_posix() for path in paths}


def test_the_book_is_what_the_table_of_contents_names(folder):
    program = """if True:
        import sys
        from jupyter_book.config import get_final_config
        from pathlib import Path
        from sphinx.application import Sphinx
        config, _ = get_final_config(
            user_yaml=Path("_config.yml"),
            sourcedir=Path(),
            cli_config={"latex_individualpages": False},
        )
        app = Sphinx(".", None, "_build/out", "_build/doctrees", "html", config, status=None)
        app.env.find_files(app.config, app.builder)
        print(*(app.env.doc2path(page, base=False) for page in app.env.found_docs))
    """
    read = run(folder, sys.executable, "-P", "-c", program).split()
    left_out = [ROOT / f"{page}.md" for page in editions.LEFT_OUT[""]]
    assert set(read) == names(sources.pages(), ROOT) - names(left_out, ROOT)


def test_chapters_and_assignments_are_the_same(folder):
    assert names(sources.chapters(folder), folder) == names(sources.chapters(), ROOT)
    assert names(sources.assignments(folder), folder) == names(sources.assignments(), ROOT)


def test_statements_and_their_tests_are_the_same(folder):
    program = "from statements import *; print(sorted(statements()), sorted(marked().items()))"
    both = [
        run(home, sys.executable, "-c", f"import sys; sys.path[0] = '_ext'; {program}")
        for home in (folder, ROOT)
    ]
    assert both[0] == both[1]


def test_ruff_looks_at_what_is_tracked(folder):
    tracked = set(run(folder, "git", "ls-files", "*.py", "*.ipynb").splitlines())
    for command in commands(folder, "lint", "ruff"):
        _, *words = command.partition("ruff")[2].replace("--check", "").split()
        assert set(words) == tracked


def test_the_stored_form_is_asked_of_chapters_and_assignments(folder):
    (command,) = commands(folder, "lint", "notebooks.py --check")
    run(folder, "sh", "-c", command)


def test_the_stored_outputs_that_are_compared_are_those_of_chapters_and_assignments(folder):
    (command,) = commands(folder, "test", "--nbval")
    collected = run(folder, "sh", "-c", f"{command} -n 0 --collect-only -q")
    expected = names([*sources.chapters(), *sources.assignments()], ROOT)
    assert {line.partition("::")[0] for line in collected.splitlines() if "::" in line} == expected


def test_the_tests_that_run_are_those_of_the_tree(folder):
    command = commands(folder, "test", "-m pytest")[0]
    collected = run(folder, "sh", "-c", f"{command} -n 0 --collect-only -q")
    files = {line.partition("::")[0] for line in collected.splitlines() if "::" in line}
    assert files == names((ROOT / "tests").glob("test_*.py"), ROOT)


def test_docstrings_that_run_are_those_of_nnlib(folder):
    (command,) = commands(folder, "test", "--doctest-modules")
    collected = run(folder, "sh", "-c", f"{command} --collect-only -q")
    files = {line.partition("::")[0] for line in collected.splitlines() if "::" in line}
    assert all((ROOT / name).exists() for name in files)
    assert {"README.md", "nnlib/mlp.py"} <= files
