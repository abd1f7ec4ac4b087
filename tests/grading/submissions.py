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
from textwrap import indent
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "assignments"), str(ROOT / "tests")]

from grading.cells import without_hidden_tests
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
        cell["source"] = without_hidden_tests("".join(cell["source"]))
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


def only_if(condition: str) -> Edit:
    """Define the right function only where a condition is true."""

    def edit(notebook: Notebook, item: str) -> bool:
        cell = find_cell(notebook, item)
        own = indent(cell["source"], "    ")
        cell["source"] = f"if {condition}:\n{own}"
        return True

    return edit


def right_only_if(condition: str) -> Edit:
    """Let the right function work only where a condition is true while it runs."""
    return solution(
        "SAME\n_right_ITEM = ITEM\n"
        f"def ITEM(*given):\n    assert {condition}\n    return _right_ITEM(*given)"
    )


def cell_below(source: str, lost: bool = False, of: str = "check-ITEM") -> Edit:
    """Add a cell of the student's own below the checks."""

    def edit(notebook: Notebook, item: str) -> bool:
        place = notebook["cells"].index(find_cell(notebook, of.replace("ITEM", item)))
        cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        notebook["cells"].insert(place + 1, cell | {"source": source.replace("ITEM", item)})
        return lost

    return edit


def both(first: Edit, second: Edit) -> Edit:
    """Do two things; the second tells what is lost."""

    def edit(notebook: Notebook, item: str) -> bool:
        first(notebook, item)
        return second(notebook, item)

    return edit


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


def move_into_checks(notebook: Notebook, item: str) -> bool:
    """Write the solution into the cell of the checks."""
    cell, checks = find_cell(notebook, item), find_cell(notebook, f"check-{item}")
    checks["source"] = f"{cell['source']}\n\n{checks['source']}"
    cell["source"] = f"# {item}: see below"
    return False


def move_up(notebook: Notebook, item: str) -> bool:
    """Put the solution above all others."""
    cell = find_cell(notebook, item)
    notebook["cells"].remove(cell)
    notebook["cells"].insert(notebook["cells"].index(find_cell(notebook, "imports")) + 1, cell)
    return False


def store_output(notebook: Notebook, item: str) -> bool:
    """Store a long output."""
    stream = {"output_type": "stream", "name": "stdout", "text": "x" * 10**7}
    find_cell(notebook, item)["outputs"] = [stream]
    return False


WRONG = solution("def ITEM(*given):\n    return 0")
RIGHT: dict[str, tuple[Edit, str]] = {
    "copied": (copy_cells, "copied"),
    "checks deleted": (delete_checks, "deleted: check-"),
    "checks edited": (edit_checks, "edited, the original is used: check-"),
    "written into the checks": (move_into_checks, ""),
    "moved up": (move_up, ""),
    "junk stored": (store_output, ""),
    "junk printed": (
        solution(
            "SAME\n_f = ITEM\ndef ITEM(*a):\n    print('x' * 10**7)\n    return _f(*a)", False
        ),
        "",
    ),
    "magic": (solution("%matplotlib inline\n!ls\nSAME", False), ""),
    "time": (solution("%%time\nSAME", False), ""),
    "plotted": (solution("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nSAME", False), ""),
    "compared": (
        solution(
            "SAME\nimport nnlib, scipy.special\n"
            "print(nnlib.softmax([1, 2]) - scipy.special.softmax([1, 2]))\n"
            "difference = abs(scipy.special.expit(1) - 0.7)\nassert difference < 1",
            False,
        ),
        "",
    ),
    "compared with PyTorch": (
        solution("import torch\ntorch.manual_seed(0)\nclass N(torch.nn.Module): pass\nSAME", False),
        "",
    ),
    "checked by hand": (
        solution("SAME\nfrom nnlib import check\nassert check.ITEM(ITEM).passed", False), ""
    ),
    "warned": (solution("SAME\nimport warnings\nwarnings.warn('!')", False), ""),
    "exit below": (solution("SAME\nraise SystemExit", False), "SystemExit"),
    "input": (solution("x = input()\nSAME", False), "EOFError"),
    "raised": (solution("1 / 0\nSAME", False), "ZeroDivisionError"),
    "loop on top": (solution("while True: pass\nSAME", False), "cell ITEM: line 1: it took too"),
    "loop that is not interrupted": (
        solution("while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
                 "SAME", False),
        "cell ITEM: ",
    ),
    "os._exit on top": (solution("import os\nos._exit(3)\nSAME", False), "it ended the process"),
    "memory on top": (solution("x = [0] * 10**10\nSAME", False), "MemoryError"),
    "long training below": (solution("SAME\nimport time; time.sleep(60)", False), "took too long"),
    "slow cells": (
        both(cell_below("import time; time.sleep(99)", of="imports"),
             cell_below("import time; time.sleep(99)", of="imports")), "took too long"
    ),
    "no such package": (solution("import nopackage, os\nSAME", False), ""),
    "constant after a failing line": (
        both(
            cell_below("from google.colab import drive\ndrive.mount('/content')\n_one = 1",
                       of="imports"),
            solution("SAME\n_f_ITEM = ITEM\ndef ITEM(*a): return (_f_ITEM, _one)[0](*a)", False),
        ),
        "",
    ),
    "from the future": (solution("from __future__ import annotations\nSAME", False), ""),
    "NumPy aliased": (solution("import numpy as np\nnp.str = str\nSAME", False), ""),
    "imports deleted": (delete_imports, "put back: imports"),
    "name used again": (cell_below("ITEM = 3"), ""),
    "tried otherwise": (cell_below("def ITEM(*given): return 0"), ""),
    "global used again": (
        both(
            cell_below("_mode = None", lost=False),
            solution(
                "_mode = 'right'\nSAME\n_f_ITEM = ITEM\n"
                "def ITEM(*a): return {'right': _f_ITEM}[_mode](*a)",
                False,
            ),
        ),
        "",
    ),
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
    "a pool of processes": (
        solution(
            "import multiprocessing\ntry:\n    multiprocessing.Pool(2).map(abs, [1])\n"
            "except OSError: pass\nSAME", False
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
    "corrected to wrong": (both(WRONG, cell_below("def ITEM(*given): return 1", lost=True)), ""),
}
HOSTILE: dict[str, tuple[Edit, str]] = {
    "loop": (function("while True: pass"), "ITEM: it had not ended"),
    "sleep": (function("import time; time.sleep(1000)"), "ITEM: it had not ended"),
    "os._exit": (function("import os; os._exit(0)"), "ITEM: it ended the process (exit status 0)"),
    "SystemExit": (function("raise SystemExit"), ""),
    "segfault": (function("import ctypes; ctypes.string_at(0)"), "SIGSEGV"),
    "memory": (function("import numpy as np; return np.ones(10**11)"), ""),
    "memory bit by bit": (
        function("import numpy as np; x = []\n    while True: x.append(np.ones(10**7))"), ""
    ),
    "fork": (function("import os; os.fork(); return 1.0"), ""),
    "double fork": (
        function(
            "import os, time\n    if os.fork() == 0:\n        os.setsid()\n"
            "        if os.fork() == 0: time.sleep(1000)\n        os._exit(0)\n    return 1.0"
        ),
        "left processes running",
    ),
    "files closed": (function("import os; os.closerange(3, 99)"), ""),
    "left behind": (
        function("import os, threading; threading.Timer(0.02, os._exit, [3]).start(); return 1"),
        "",
    ),
    "parent killed": (function("import os; os.kill(os.getppid(), 9); return given[0]"), ""),
    "group killed": (function("import os; os.killpg(0, 9); return given[0]"), ""),
    "folder": (function("import shutil, os; shutil.rmtree(os.getcwd()); return None"), ""),
    "disk": (function("open('x', 'wb').write(b'0' * 10**9)"), ""),
    "thread": (
        function("import threading\n    threading.Thread(target=ITEM, args=given).start()"), ""
    ),
}  # fmt: skip
LIBRARY = f"{ROOT}/nnlib/check/_core.py"
LIBC = "__import__('ctypes').CDLL(None)"
# What is true where the answers are in reach. Of each, a right function is made to depend on it.
REACHES = {
    "nnlib": "__import__('nnlib')",
    "nnlib.check": "__import__('nnlib.check')",
    "SciPy": "__import__('importlib').import_module('scipy.special').softmax",
    "PyTorch": "__import__('importlib').util.find_spec('torch')",
    "a rubric": "__import__('rubrics.losses')",
    "loaded before": "'nnlib' in __import__('sys').modules or 'scipy' in __import__('sys').modules",
    "site-packages": (
        "__import__('sys').path.append(__import__('numpy').__path__[0] + '/..') "
        "or __import__('scipy')"
    ),
    "the course on the path": (
        f"__import__('sys').path.append({str(ROOT)!r}) or __import__('nnlib')"
    ),
    "a path and a loader": (
        "__import__('importlib.machinery').machinery.SourceFileLoader('c', "
        f"{LIBRARY!r}).get_data({LIBRARY!r})"
    ),
    "its source": f"open({LIBRARY!r}).read()",
    "os.open": f"__import__('os').open({LIBRARY!r}, 0)",
    "through a link": (
        f"(lambda o: o.path.lexists('x') or o.symlink({LIBRARY!r}, 'x'))(__import__('os')) == 0 "
        "or open('x').read()"
    ),
    "a hard link": f"__import__('os').link({LIBRARY!r}, 'y') or open('y').read()",
    "a copy": f"__import__('shutil').copy({LIBRARY!r}, 'z')",
    "NumPy reads": f"__import__('numpy').fromfile({LIBRARY!r}, 'u1').size",
    "C reads": f"{LIBC}.open({LIBRARY!r}.encode(), 0) >= 0",
    "the solution": f"open({str(SOURCE)!r}).read()",
    "the folder": f"__import__('os').listdir({str(ROOT)!r})",
    "cat": f"__import__('subprocess').run(['/bin/cat', {LIBRARY!r}], check=True)",
    "a shell": f"__import__('os').system('test -e \\'{ROOT}/README.md\\'') == 0",
    "another Python": (
        "__import__('subprocess').run([__import__('sys').executable, '-c', '3'], check=True)"
    ),
    "arguments": "__import__('sys').argv[1:] or __import__('sys').orig_argv",
    "the command line": "open('/proc/self/cmdline').read()",
    "the environment": f"{str(ROOT)!r} in str(__import__('os').environ)",
    "the first environment": "open('/proc/self/environ').read()",
    "open files": (
        "any(__import__('os').path.isfile(f'/proc/self/fd/{n}') for n in range(3, 64)) "
        "or len(__import__('os').listdir('/proc/self/fd')) > 5"
    ),
    "the network": "__import__('socket').socket()",
    "a name server": "__import__('socket').socket(2, 2)",
    "garbage": (
        "[thing for thing in __import__('gc').get_objects() if type(thing).__name__ "
        "in ('Check', 'Suite', 'Misconception', 'Item', 'Rubric')]"
    ),
    "frames": (
        "[1 for frame in __import__('sys')._current_frames().values() "
        "if frame.f_back and 'RUBRIC' in frame.f_back.f_globals or 'RUBRIC' in frame.f_globals]"
    ),
    "memory that stays": f"{LIBC}.shmget(0, 100, 0o1600) >= 0",
    "messages that stay": f"{LIBC}.msgget(0, 0o1600) >= 0",
    "a mode that stays": (
        "__import__('os').chmod(__import__('tempfile').mkstemp()[1], 0o600) is None"
    ),
    "an attribute that stays": (
        "__import__('os').utime(__import__('tempfile').mkstemp()[1]) is None"
    ),
    "limits of others": (
        "__import__('resource').prlimit(__import__('os').getppid(), 0) is not None"
    ),
    "processors of others": (
        "__import__('os').sched_setaffinity(__import__('os').getppid(), "
        "__import__('os').sched_getaffinity(0)) is None"
    ),
    "the system's files": "open('/etc/passwd').read()",
    "the home": "__import__('os').listdir(__import__('pwd').getpwuid(0).pw_dir)",
    "a temporary file": "open(f'/tmp/{__import__(\"uuid\").uuid4()}', 'w')",
}
# The parent of a cell is the grader's own process, that of an item is the submission's.
REACHES_PARENT = {
    "the parent's": "open(f\"/proc/{__import__('os').getppid()}/cmdline\").read()",
    "another's memory": "open(f\"/proc/{__import__('os').getppid()}/mem\", 'rb')",
    "a debugger": f"{LIBC}.ptrace(16, __import__('os').getppid(), 0, 0) == 0",
    "a signal": "not __import__('os').kill(__import__('os').getppid(), 0)",
}
CHEATS: dict[str, tuple[Edit, str]] = {
    **{f"parent, {name}": (only_if(condition), "") for name, condition in REACHES_PARENT.items()},
    **{f"cell, {name}": (only_if(condition), "") for name, condition in REACHES.items()},
    **{f"item, {name}": (right_only_if(condition), "") for name, condition in REACHES.items()},
    "thread started in a cell": (
        solution(
            "import threading, queue, nnlib\nq, a = queue.Queue(), queue.Queue()\n"
            "def work():\n    while True: a.put(nnlib.check.ITEM.checks[0].right(*q.get()))\n"
            "threading.Thread(target=work, daemon=True).start()\n"
            "def ITEM(*given):\n    q.put(given)\n    return a.get(timeout=0.1)"
        ),
        "",
    ),
    "a helper that was forked": (
        solution(
            "import os, pickle, socket\nmine, its = socket.socketpair()\nif os.fork() == 0:\n"
            "    import nnlib.check\n    while True:\n        its.sendall(pickle.dumps(\n"
            "            nnlib.check.ITEM.checks[0].right(*pickle.loads(mine.recv(9999)))))\n"
            "mine.settimeout(0.1)\ndef ITEM(*given):\n    its.sendall(pickle.dumps(given))\n"
            "    return pickle.loads(mine.recv(9999))"
        ),
        "",
    ),
    "checker patched": (
        solution("from nnlib import check\ncheck.ITEM = lambda f: None\ndef ITEM(*a): return 0"), ""
    ),
    "NumPy patched": (
        solution(
            "import numpy as np\nnp.isclose = lambda a, b, **_: np.ones_like(a, bool)\n"
            "def ITEM(*a): return a[0]"
        ),
        "",
    ),
    "answers sent by hand": (
        solution(
            "import os\ndef ITEM(*given):\n    for f in range(3, 40):\n        try: os.write(f, "
            'b\'{"seen": null}\\n\' * 50 + b\'{"done": true}\\n\')\n'
            "        except OSError: pass\n    os._exit(0)"
        ),
        "",
    ),
    "profile off and on": (
        solution(
            "import sys, nnlib\ndef ITEM(*a):\n    w = sys.getprofile(); sys.setprofile(None)\n"
            "    r = nnlib.check.ITEM.checks[0].right(*a)\n    sys.setprofile(w)\n    return r"
        ),
        "",
    ),
}  # fmt: skip
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
    place = next(item for item in ITEMS if item in mistake.feedback)
    find_cell(notebook, place)["source"] += f"\n\n{mistake.code}"
    earned = {o.item: o.earned for o in RUBRIC.grade(run_solutions(notebook))}
    return Submission(f"wrong: {mistake.name}", to_bytes(notebook), earned, "")


# --- what may be done to a notebook as a whole ----------------------------------------------------


def untouched(item: str) -> bytes:
    """Return the notebook as students get it."""
    notebook = solved_notebook()
    for name in ITEMS:
        solution("def ITEM(*given):\n    raise NotImplementedError")(notebook, name)
    return to_bytes(notebook)


def with_surrogate(item: str) -> bytes:
    """Return a notebook with half a character in it."""
    notebook = solved_notebook()
    solution("def ITEM(*a):\n    raise ValueError('\\ud800')\nx = '\ud800'")(notebook, item)
    return json.dumps(notebook).encode()


def cut_off(item: str) -> bytes:
    """Return a notebook that ends in the cell of an item."""
    data = to_bytes(solved_notebook())
    return data[: data.index(f'"grade_id": "{item}"'.encode())]


def in_cp1252(item: str) -> bytes:
    """Return a notebook in the encoding of Windows."""
    notebook = solved_notebook()
    find_cell(notebook, "intro")["source"] += " café"
    return to_bytes(notebook).decode().encode("cp1252", errors="replace")


def in_conflict(item: str) -> bytes:
    """Return a notebook in which git left both sides of one line."""
    lines = to_bytes(solved_notebook()).decode().splitlines()
    start = next(i for i, line in enumerate(lines) if f'"source": "def {item}(' in line)
    lines[start : start + 1] = ["<<<<<<< HEAD", lines[start], "=======", lines[start], ">>>>>>> b"]
    return "\n".join(lines).encode()


def in_format_3(item: str) -> bytes:
    """Return a notebook as Jupyter wrote it ten years ago."""
    cells = solved_notebook()["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell |= {"input": cell.pop("source"), "language": "python", "collapsed": False}
            cell["prompt_number"] = cell.pop("execution_count")
            cell["outputs"] = []
    document = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    return json.dumps(document | {"worksheets": [{"cells": cells, "metadata": {}}]}).encode()


def without_metadata(item: str) -> bytes:
    """Return a notebook that another program saved."""
    notebook = solved_notebook()
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return to_bytes(notebook)


def in_one_cell(item: str) -> bytes:
    """Return a notebook with all code in one cell."""
    notebook = solved_notebook()
    code = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cell = find_cell(notebook, "imports")
    notebook["cells"] = [cell | {"metadata": {}, "source": "\n\n".join(code)}]
    return to_bytes(notebook)


def renamed(item: str) -> bytes:
    """Return a notebook in which a function has another name."""
    notebook = solved_notebook()
    cell = find_cell(notebook, item)
    cell["source"] = cell["source"].replace(f"def {item}(", f"def my_{item}(")
    return to_bytes(notebook)


def right(encoding: str = "utf-8") -> Callable[[str], bytes]:
    """Return what makes a right notebook, in an encoding."""
    return lambda item: to_bytes(solved_notebook()).decode().encode(encoding)


def of_bytes(data: bytes | None) -> Callable[[str], bytes | None]:
    """Return what makes these bytes."""
    return lambda item: data


def whole_submission(kind: str, item: str = "") -> Submission:
    """Return a submission that is unusual as a whole."""
    make, lost, remark = WHOLE[kind]
    where = ITEMS.index(item or ITEMS[0])
    names = {"": [], "item": [item], "from item on": ITEMS[where:], "everything": ITEMS}[lost]
    earned = POINTS | dict.fromkeys(names, 0)
    return Submission(kind, make(item), earned, remark.replace("ITEM", item))


# Of each kind: what makes it, what is lost, words of a remark.
WHOLE: dict[str, tuple[Callable[[str], bytes | None], str, str]] = {
    "right": (right(), "", ""),
    "untouched": (untouched, "everything", ""),
    "missing": (of_bytes(None), "everything", "no notebook"),
    "empty": (of_bytes(b""), "everything", "empty"),
    "not JSON": (of_bytes(b"<html>Sign in</html>"), "everything", "no notebook"),
    "null": (of_bytes(b"null"), "everything", "broken"),
    "binary": (of_bytes(bytes(range(256)) * 99), "everything", "broken"),
    "no list": (of_bytes(b'{"cells": 5}'), "everything", "broken"),
    "no cells in format 3": (of_bytes(b'{"worksheets": [{"cells": []}]}'), "everything", ""),
    "format 3": (in_format_3, "", ""),
    "surrogate": (with_surrogate, "item", ""),
    "cut off": (cut_off, "from item on", "broken"),
    "BOM": (right("utf-8-sig"), "", ""),
    "UTF-16": (right("utf-16"), "", "utf-16"),
    "UTF-32": (right("utf-32"), "", "utf-32"),
    "cp1252": (in_cp1252, "", "cp1252"),
    "conflict": (in_conflict, "", ""),
    "without metadata": (without_metadata, "", ""),
    "in one cell": (in_one_cell, "", ""),
    "renamed": (renamed, "item", "my_ITEM"),
}


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
    while len(made) < students:
        made += [
            whole_submission("right", ITEMS[0]),
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
    # What is wrong may cost more or less with other numbers.
    options = ("--seed", str(RUBRIC.seed), *options)
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
        run = grade_class(folder, output, "--seconds", "1")
        took = time.monotonic() - began
        print(run.stdout + run.stderr)
        found = find_faults(made, output)
    print("\n".join(found))
    print(f"{len(made)} submissions in {took:.0f} s; {len(found)} grades are not as expected")
    return bool(found) or run.returncode


if __name__ == "__main__":
    sys.exit(main())
