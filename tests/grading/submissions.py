"""A made class: submissions to the assignment on losses, with what each is to earn.

``python tests/grading/submissions.py [STUDENTS [SEED]]`` grades 300 of them and compares.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "assignments"), str(ROOT / "tests")]

from grading.submission import HIDDEN_TESTS
from mistakes.losses import MISTAKES
from rubrics.losses import RUBRIC

NAME = "losses"
SOURCE = ROOT / "assignments" / "source" / NAME / f"{NAME}.ipynb"
ITEMS = [item.name for item in RUBRIC.items]
POINTS = {item.name: item.points for item in RUBRIC.items}
Notebook = dict[str, Any]


class Submission(NamedTuple):
    """A kind, the bytes of a notebook if there is one, what each item earns, words of a remark."""

    kind: str
    data: bytes | None
    earned: dict[str, int]
    remark: str


def solved_notebook() -> Notebook:
    """Return the assignment as students see it, solved."""
    notebook: Notebook = json.loads(SOURCE.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = HIDDEN_TESTS.sub("", "".join(cell["source"]))
    return notebook


def find_cell(notebook: Notebook, name: str) -> dict[str, Any]:
    """Return the cell that nbgrader calls so."""
    return next(
        cell
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == name
    )


# --- what may be done to one item: each returns whether its points are lost -----------------------

Edit = Callable[[Notebook, str], bool]


def solution(source: str, lost: bool = True) -> Edit:
    """Put code in place of a solution; ITEM in it is the item's name, SAME what stood there."""

    def edit(notebook: Notebook, item: str) -> bool:
        cell = find_cell(notebook, item)
        cell["source"] = source.replace("SAME", cell["source"]).replace("ITEM", item)
        return lost

    return edit


def function(body: str) -> Edit:
    """Put a body in place of a solution's."""
    return solution(f"def ITEM(*given):\n    {body}")


def copy_cells(notebook: Notebook, item: str) -> bool:
    """Copy both cells of an item, names included."""
    for name in (item, f"check-{item}"):
        cell = find_cell(notebook, name)
        notebook["cells"].insert(notebook["cells"].index(cell), deepcopy(cell))
    return False


def delete_solution(notebook: Notebook, item: str) -> bool:
    """Delete the solution."""
    notebook["cells"].remove(find_cell(notebook, item))
    return True


def delete_checks(notebook: Notebook, item: str) -> bool:
    """Delete the checks."""
    notebook["cells"].remove(find_cell(notebook, f"check-{item}"))
    return False


def delete_imports(notebook: Notebook, item: str) -> bool:
    """Delete the cell of imports."""
    notebook["cells"].remove(find_cell(notebook, "imports"))
    return False


def turn_into_text(notebook: Notebook, item: str) -> bool:
    """Turn the solution into text."""
    cell = find_cell(notebook, item)
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]
    return True


def edit_checks(notebook: Notebook, item: str) -> bool:
    """Let the checks say that all is well."""
    find_cell(notebook, f"check-{item}")["source"] = "print('all checks passed')"
    return False


def store_output(notebook: Notebook, item: str) -> bool:
    """Store a long output."""
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * 10**7}
    find_cell(notebook, item)["outputs"] = [stream]
    return False


RIGHT: dict[str, tuple[Edit, str]] = {
    "copied": (copy_cells, "copied"),
    "checks deleted": (delete_checks, "deleted: check-"),
    "checks edited": (edit_checks, "edited, the original is used: check-"),
    "junk stored": (store_output, ""),
    "junk printed": (
        solution(
            "SAME\n_f = ITEM\ndef ITEM(*a):\n    print('x' * 10**8)\n    return _f(*a)", False
        ),
        "",
    ),
    "magic": (solution("%matplotlib inline\n!ls\nSAME", False), ""),
    "time": (solution("%%time\nSAME", False), ""),
    "compared": (
        solution(
            "SAME\nimport nnlib, scipy.special\n"
            "print(nnlib.softmax([1, 2]), scipy.special.softmax([1, 2]))",
            False,
        ),
        "",
    ),
    "warned": (solution("SAME\nimport warnings\nwarnings.warn('!')", False), ""),
    "exit below": (solution("SAME\nraise SystemExit", False), "SystemExit"),
    "input": (solution("x = input()\nSAME", False), "EOFError"),
    "raised": (solution("1 / 0\nSAME", False), "ZeroDivisionError"),
    "loop on top": (solution("while True: pass\nSAME", False), "cell ITEM: it had not ended"),
    "os._exit on top": (solution("import os\nos._exit(3)\nSAME", False), "exit status 3"),
    "memory on top": (solution("x = [0] * 10**10\nSAME", False), "MemoryError"),
    "long training below": (solution("SAME\nimport time; time.sleep(60)", False), "cell ITEM: it "),
    "no such package": (solution("import nopackage, os\nSAME", False), "named 'nopackage'"),
    "from the future": (solution("from __future__ import annotations\nSAME", False), ""),
    "NumPy aliased": (solution("import numpy as np\nnp.str = str\nSAME", False), ""),
    "imports deleted": (delete_imports, "put back: imports"),
    "recursion caught": (
        solution(
            "SAME\ndef f(): return f()\ntry: f()\nexcept RecursionError: print('deep')", False
        ),
        "",
    ),
    "own tools": (
        solution(
            "SAME\nfrom collections import namedtuple\nfrom functools import lru_cache\n"
            "from tqdm import tqdm\nimport warnings, typing\nPair = namedtuple('Pair', 'a b')\n"
            "class Two(typing.NamedTuple):\n    a: int\n    b: int\n"
            "@lru_cache\ndef half(x): return x / 2\n_f = ITEM\n"
            "def ITEM(*a):\n    warnings.warn('x', UserWarning, stacklevel=2)\n"
            "    for _ in tqdm(range(2)): Pair(1, 2), Two(1, 2), half(3)\n    return _f(*a)",
            False,
        ),
        "",
    ),
}  # fmt: skip
BROKEN: dict[str, tuple[Edit, str]] = {
    "deleted": (delete_solution, "deleted: "),
    "text": (turn_into_text, "turned into markdown: "),
    "syntax": (solution("def ITEM(:"), "SyntaxError"),
    "recursion": (function("return ITEM(*given)"), ""),
    "number": (solution("ITEM = 3"), ""),
}
HOSTILE: dict[str, tuple[Edit, str]] = {
    "loop": (function("while True: pass"), "ITEM: it had not ended"),
    "sleep": (function("import time; time.sleep(1000)"), ""),
    "os._exit": (function("import os; os._exit(0)"), "ITEM: it ended the process (exit status 0)"),
    "SystemExit": (function("raise SystemExit"), ""),
    "segfault": (function("import ctypes; ctypes.string_at(0)"), "SIGSEGV"),
    "memory": (function("import numpy as np; return np.ones(10**11)"), ""),
    "memory bit by bit": (
        function("import numpy as np; x = []\n    while True: x.append(np.ones(10**7))"), ""
    ),
    "fork": (function("import os; os.fork(); return 1.0"), ""),
    "files closed": (function("import os; os.closerange(3, 99)"), ""),
    "left behind": (
        function("import os, threading; threading.Timer(0.02, os._exit, [3]).start(); return 1"),
        "",
    ),
    "parent killed": (function("import os; os.kill(os.getppid(), 9); return given[0]"), ""),
    "folder": (function("import shutil, os; shutil.rmtree(os.getcwd()); return None"), ""),
    "disk": (function("open('x', 'wb').write(b'0' * 10**9)"), ""),
    "thread": (
        function("import threading\n    threading.Thread(target=ITEM, args=given).start()"), ""
    ),
}  # fmt: skip
ANSWER = "print('nothing')"
CHEATS: dict[str, tuple[Edit, str]] = {
    "nnlib": (solution("from nnlib import ITEM as _f\ndef ITEM(*a): return _f(*a)"), "nnlib"),
    "nnlib.check": (
        solution("from nnlib import check\nITEM = check.ITEM.checks[0].right"), "nnlib."
    ),
    "nnlib.check, renamed": (
        solution(
            "import nnlib.check as c\n_c = c.ITEM.checks[1]\ndef ITEM(*a): return _c.right(*a)"
        ),
        "nnlib.",
    ),
    "checker patched": (
        solution("from nnlib import check\ncheck.ITEM = lambda f: None\nSAME"),
        "check.ITEM was changed",
    ),
    "a part of the checker patched": (
        solution("import nnlib.check._core as c\nc._arrays = lambda arguments: []\nSAME"),
        "check._core._arrays was changed",
    ),
    "Check.run patched": (
        solution(
            "from nnlib import check\n"
            "check.Check.run = lambda self, f, seed=0: check.Result(self.name, True, '')\nSAME"
        ),
        "Check.run was changed",
    ),
    "NumPy patched": (
        solution("import numpy as np\nnp.isclose = lambda a, b, **_: np.ones_like(a, bool)\nSAME"),
        "numpy.isclose was changed",
    ),
    "rubric": (
        function("from rubrics import losses; return losses.nnlib.softmax(given[0])"),
        "rubrics was imported",
    ),
    "frames": (
        function(
            "import sys; f = sys._getframe()\n"
            "    while 'self' not in f.f_locals: f = f.f_back\n"
            "    return f.f_locals['self'].right(*given)"
        ),
        "nnlib.",
    ),
    "watch taken off": (
        function("import sys, nnlib; sys.setprofile(None); return nnlib.softmax(given[0])"),
        "watch was taken off",
    ),
    "profiler": (
        function(
            "import cProfile, nnlib\n    return cProfile.Profile().runcall(nnlib.softmax, given[0])"
        ),
        "watch was taken off",
    ),
    "recursion and then": (
        function(
            "import nnlib\n    def f(): return f()\n    try: f()\n    except RecursionError: pass\n"
            "    return nnlib.softmax(given[0])"
        ),
        "watch was taken off",
    ),
    "thread pool": (
        function(
            "import nnlib; from concurrent.futures import ThreadPoolExecutor as P\n"
            "    return P(1).submit(nnlib.check.ITEM.checks[0].right, *given).result()"
        ),
        "nnlib.",
    ),
    "process": (
        function("import subprocess, sys; return subprocess.run([sys.executable, '-c', '3'])"),
        "subprocess.Popen",
    ),
    "solution read": (
        function(f"import numpy; return numpy.loadtxt({str(SOURCE)!r}, str, delimiter='~')"),
        "was opened",
    ),
    "shell": (
        solution(
            "from nnlib import check\nget_ipython().watch.profile = lambda *a: None\n"
            "ITEM = check.ITEM.checks[0].right"
        ),
        "",
    ),
}  # fmt: skip
# Softmax by any form of import: the item is softmax.
SOFTMAX = [
    "from scipy.special import softmax as s\ndef softmax(a): return s(a, axis=-1)",
    "import scipy.special as x\ndef softmax(a): return x.softmax(a, axis=-1)",
    "from functools import partial as p\nimport scipy\nsoftmax = p(scipy.special.softmax, axis=-1)",
    "def softmax(a):\n    from scipy.special import softmax\n    return softmax(a, axis=-1)",
    "x = __import__('scipy').special\ndef softmax(a): return getattr(x, 'soft' + 'max')(a, -1)",
    "from scipy.special import log_softmax as s\nimport numpy as np\n"
    "def softmax(a): return np.exp(s(a, axis=-1))",
    "from scipy.special import logsumexp as s\nimport numpy as np\n"
    "def softmax(a): return np.exp(a - s(a, axis=-1, keepdims=True))",
    "import nnlib as n\ndef softmax(a): return n.softmax(a)",
    "from nnlib.probability import *\n_s = softmax\ndef softmax(a): return _s(a)",
    "import sys\ndef softmax(a): return sys.modules['nnlib'].softmax(a)",
    "import nnlib\nsoftmax = nnlib.softmax",
    "import torch\ndef softmax(a): return torch.softmax(torch.from_numpy(a), -1).numpy()",
    "import torch.nn.functional as F\nimport torch\n"
    "def softmax(a): return F.softmax(torch.tensor(a), dim=-1).numpy()",
    "import torch\ndef softmax(a): return torch.nn.Softmax(-1)(torch.tensor(a)).numpy()",
    "def softmax(a):\n    import torch\n    return torch.tensor(a).softmax(-1).numpy()",
    "from sklearn.utils.extmath import softmax as s\ndef softmax(a): return s(a)",
    "import nnlib.probability as n, numpy as np\n"
    "def softmax(a): return np.exp(a - a.max()) + 0 * n.rel_entr(1, 1)",
    "import nnlib, numpy as np\nsoftmax = np.vectorize(nnlib.softmax, signature='(n)->(n)')",
]
KINDS = RIGHT | BROKEN | HOSTILE | CHEATS


def submission_of_item(kinds: dict[str, tuple[Edit, str]], kind: str, item: str) -> Submission:
    """Return a submission of which one item is as told."""
    notebook = solved_notebook()
    edit, remark = kinds[kind]
    earned = POINTS | ({item: 0} if edit(notebook, item) else {})
    return Submission(kind, to_bytes(notebook), earned, remark.replace("ITEM", item))


def to_bytes(notebook: Notebook) -> bytes:
    """Return the bytes of a notebook."""
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode()


def run_solutions(notebook: Notebook) -> dict[str, Any]:
    """Return what the solutions of a notebook define, run in this process."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for name in ("imports", *ITEMS):
        exec(find_cell(notebook, name)["source"], space)
    return space


def wrong_submission(number: int) -> Submission:
    """Return a submission with a known mistake; what it earns is found in this process."""
    mistake = MISTAKES[number % len(MISTAKES)]
    notebook = solved_notebook()
    find_cell(notebook, ITEMS[-1])["source"] += f"\n\n{mistake.code}"
    earned = {o.item: o.earned for o in RUBRIC.grade(run_solutions(notebook))}
    return Submission(f"wrong: {mistake.name}", to_bytes(notebook), earned, "")


def softmax_cheat(number: int) -> Submission:
    """Return a submission that takes softmax from a library."""
    notebook = solved_notebook()
    find_cell(notebook, "softmax")["source"] = SOFTMAX[number % len(SOFTMAX)]
    return Submission(
        f"softmax {number}", to_bytes(notebook), POINTS | {"softmax": 0}, "softmax earns nothing: "
    )


def whole_submission(kind: str, item: str) -> Submission:
    """Return a submission that is broken as a whole."""
    notebook = solved_notebook()
    data = to_bytes(notebook)
    none = dict.fromkeys(ITEMS, 0)
    if kind == "right":
        return Submission(kind, data, POINTS, "")
    if kind == "untouched":
        for name in ITEMS:
            solution("def ITEM(*given):\n    raise NotImplementedError")(notebook, name)
        return Submission(kind, to_bytes(notebook), none, "")
    if kind == "missing":
        return Submission(kind, None, none, "no notebook")
    if kind == "empty":
        return Submission(kind, b"", none, "empty")
    if kind == "not JSON":
        return Submission(kind, b"<html>Sign in</html>", none, "broken")
    if kind == "null":
        return Submission(kind, b"null", none, "broken")
    if kind == "binary":
        return Submission(kind, bytes(range(256)) * 99, none, "broken")
    if kind == "no list":
        return Submission(kind, b'{"cells": 5}', none, "broken")
    if kind == "old format":
        return Submission(kind, b'{"worksheets": [{"cells": []}]}', none, "old format")
    if kind == "surrogate":
        solution("def ITEM(*a):\n    raise ValueError('\\ud800')\nx = '\ud800'")(notebook, item)
        return Submission(kind, json.dumps(notebook).encode(), POINTS | {item: 0}, "")
    if kind == "cut off":
        place = data.index(f'"grade_id": "{item}"'.encode())
        lost = dict.fromkeys(ITEMS[ITEMS.index(item) :], 0)
        return Submission(kind, data[:place], POINTS | lost, "broken")
    if kind == "UTF-16":
        return Submission(kind, data.decode().encode("utf-16"), POINTS, "utf-16")
    assert kind == "cp1252"
    find_cell(notebook, "intro")["source"] += " café"
    latin = to_bytes(notebook).decode().encode("cp1252", errors="replace")
    return Submission(kind, latin, POINTS, "cp1252")


WHOLE = (
    *("right", "untouched", "missing", "empty", "not JSON", "null", "binary", "cut off"),
    *("UTF-16", "cp1252", "no list", "old format", "surrogate"),
)


def mixed_submission(rng: np.random.Generator) -> Submission:
    """Return a submission of which three items were each treated in another way."""
    notebook, earned = solved_notebook(), dict(POINTS)
    kinds = [str(kind) for kind in rng.choice(sorted(RIGHT | BROKEN | HOSTILE), 3, replace=False)]
    for kind, item in zip(kinds, rng.choice(ITEMS, 3, replace=False), strict=True):
        if KINDS[kind][0](notebook, str(item)):
            earned[str(item)] = 0
    return Submission(f"mixed: {', '.join(kinds)}", to_bytes(notebook), earned, "")


def make_class(students: int, seed: int) -> list[Submission]:
    """Return a class: each kind at least once where there is room, half of it right or wrong."""
    rng = np.random.default_rng(seed)

    def item() -> str:
        return str(rng.choice(ITEMS))

    made = [whole_submission(kind, item()) for kind in WHOLE]
    made += [submission_of_item(KINDS, kind, item()) for kind in KINDS]
    made += [softmax_cheat(number) for number in range(len(SOFTMAX))]
    while len(made) < students:
        made += [
            whole_submission("right", ""),
            wrong_submission(int(rng.integers(len(MISTAKES)))),
            mixed_submission(rng),
        ]
    return made[:students]


def write_class(submissions: list[Submission], folder: Path) -> dict[str, Submission]:
    """Write submissions as students hand them in; return them by student."""
    made = {}
    for number, submission in enumerate(submissions):
        student = student_name(number, submission.kind)
        made[student] = submission
        (folder / student / NAME).mkdir(parents=True)
        if submission.data is not None:
            (folder / student / NAME / f"{NAME}.ipynb").write_bytes(submission.data)
    return made


def student_name(number: int, kind: str) -> str:
    """Return the name of a student, which says what is the matter."""
    return f"{number:03} {kind}".replace(":", "").replace("/", "")[:60]


def grade_class(folder: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Grade a folder by the command line."""
    command = [sys.executable, "-m", "grading", "class", NAME, str(folder), str(output), *options]
    environment = {"PYTHONPATH": str(ROOT / "assignments"), "OMP_NUM_THREADS": "1", "PATH": "/bin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def read_grades(output: Path) -> dict[str, dict[str, str]]:
    """Return the lines of ``grades.csv`` by student."""
    with open(output / "grades.csv", encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def find_faults(made: dict[str, Submission], output: Path) -> list[str]:
    """Return in words where the table is not as it should be."""
    table = read_grades(output)
    found = [f"{student} is lost" for student in made if student not in table]
    for student, row in table.items():
        submission = made[student]
        got = {item: int(row[item]) for item in ITEMS}
        if got != submission.earned or submission.remark not in row["remarks"]:
            found.append(f"{student}: {got}, not {submission.earned}; {row['remarks']!r}")
    return found


def main() -> int:
    """Grade a class, and say whether every grade is as expected."""
    students, seed = (int(x) for x in [*sys.argv[1:], *["300", "0"][len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory() as place:
        folder, output = Path(place) / "class", Path(place) / "graded"
        made = write_class(make_class(students, seed), folder)
        began = time.monotonic()
        run = grade_class(folder, output, "--seconds", "5")
        took = time.monotonic() - began
        print(run.stdout + run.stderr)
        found = find_faults(made, output)
    print("\n".join(found))
    print(f"{len(made)} submissions in {took:.0f} s; {len(found)} grades are not as expected")
    return bool(found) or run.returncode


if __name__ == "__main__":
    sys.exit(main())
