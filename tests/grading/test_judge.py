"""The judge: what a submission can reach, when an item is taken, and whose time counts."""

import os
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest
from grading.grade import grade_notebook, load_rubric, tell_once
from grading.processes import Clock, descendants, has_ended
from grading.rubric import Item, Part, Rubric
from grading.submission import Cell

from nnlib.check import Check

from . import submissions
from .submissions import REACHES, ROOT


def code(source, name=None):
    return Cell("code", textwrap.dedent(source).strip(), name)


def numbers(rng):
    return {"x": rng.normal(size=4)}


def item(name, right, needs=None, **options):
    parts = [Part(1, "values", [Check("numbers", numbers, right, [])])]
    return Item(name, parts, needs or {}, **options)


def twice(x):
    return 2 * x


def thrice(x):
    return 3 * x


TWICE = item("twice", twice)


def grade(*cells, items=(TWICE,), seconds=2, **options):
    numbered = [replace(cell, number=number) for number, cell in enumerate(cells, 1)]
    return grade_notebook(Rubric("made", items, {}, **options), numbered, seconds)


def earned(*cells, **options):
    return {name: one.earned for name, one in grade(*cells, **options).outcomes.items()}


RIGHT = "def twice(x): return 2 * x"
WRONG = "def twice(x): return x"
CHECK = code("check.twice(twice)", "check-twice")


# --- when an item is taken ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        [code(RIGHT), CHECK, code(WRONG)],
        [code(RIGHT), CHECK, code("twice = twice(3)")],
        [code(RIGHT), CHECK, code("del twice")],
        [code(WRONG), CHECK, code(RIGHT)],
        [code(WRONG), CHECK, code("twice = lambda x: x + x")],
        [code("factor = 2\ndef twice(x): return factor * x"), CHECK, code("factor = 3")],
        [code("factor = 3\ndef twice(x): return factor * x"), CHECK, code("factor = 2"), CHECK],
        [CHECK, code(RIGHT)],
        [code(RIGHT)],
        [code(WRONG), Cell("code", RIGHT + "\ncheck.twice(twice)", "check-twice")],
        [code(RIGHT), CHECK, code("import os; os._exit(1)"), code(WRONG)],
        [code(RIGHT), CHECK, code("while True: pass"), code(WRONG), CHECK],
        [code("import numpy\n1 / 0\nfactor = 2"), code("def twice(x): return factor * x"), CHECK],
        [code("import scipy\ns = scipy.special.expit(0)\nt = s + 1\n" + RIGHT), CHECK],
        [code("from google.colab import drive\ndrive.mount('x')\n" + RIGHT), CHECK],
    ],
)
def test_an_item_is_right_where_its_check_stood_or_at_the_end(cells):
    assert earned(*cells) == {"twice": 1}


@pytest.mark.parametrize(
    "cells",
    [
        [code(WRONG), CHECK],
        [code("import scipy\ntwice = scipy.twice"), CHECK],
        [code("import scipy\nfactor = scipy.two()\ndef twice(x): return factor * x"), CHECK],
        [code("def twice(x):\n    import scipy\n    return 2 * x"), CHECK],
        [],
    ],
)
def test_what_is_never_right_earns_nothing(cells):
    assert earned(*cells) == {"twice": 0}


def test_what_is_used_and_not_there_is_told_in_words():
    graded = grade(code("def twice(x):\n    import scipy\n    return 2 * x"), CHECK)
    assert "scipy is not there while items are graded (allowed: numpy)" in str(
        graded.outcomes["twice"]
    )


def test_a_comparison_with_what_is_not_allowed_is_no_note():
    compare = "import scipy.special as s\nd = s.expit(0) - 1\nassert abs(d) < 1\nprint(d)"
    graded = grade(code(f"{RIGHT}\n{compare}"), CHECK)
    assert graded.notes == []


@pytest.mark.parametrize(
    "source",
    [
        "import torch, pandas as pd\ndef twice(x: torch.Tensor | pd.Series[int]): return 2 * x",
        "import torch\ndef twice(x):\n    assert not isinstance(x, torch.Tensor)\n    return 2 * x",
        "import asyncio\nawait asyncio.sleep(0)\nfactor = await asyncio.sleep(0, 2)\n"
        "def twice(x): return factor * x",
        "import pickle\nclass Two:\n    value = 2\ntwo = pickle.loads(pickle.dumps(Two()))\n"
        "def twice(x): return two.value * x",
        "from tqdm.notebook import tqdm\ndef twice(x):\n    for _ in tqdm([1]): return 2 * x",
        "import scipy as np\nimport numpy as np\ndef twice(x): return np.add(x, x)",
        "import pandas as pd, numpy as np, scipy\ndef twice(x): return np.add(x, x)",
        "from numpy import nothing, add\ndef twice(x): return add(x, x)",
        "%%time\n!ls\ndef twice(x): return 2 * x",
    ],
)
def test_what_is_not_used_when_it_runs_costs_nothing(source):
    assert earned(code(source), CHECK) == {"twice": 1}


@pytest.mark.parametrize(
    "below",
    [
        ["%%writefile mine.py\ndef twice(x): return 2 * x", "from mine import twice"],
        ["def helper(x): return x + x"],
        ["from operator import add\nhelper = lambda x: add(x, x)"],
        ["if True:\n    def helper(x): return 2 * x"],
        ["1 / 0", "import os; os._exit(1)", "globals().update(helper=lambda x: 2 * x)"],
        ["while True: pass", "def helper(x): return x + x"],
    ],
)
def test_as_it_is_at_the_end_is_after_all_cells(below):
    cells = [code("def twice(x): return helper(x)"), CHECK, *map(code, below)]
    graded = grade(*cells, seconds=1)
    assert graded.outcomes["twice"].earned == 1
    assert graded.notes == []  # what fails there is the student's own matter


def test_an_item_may_allow_more_than_others():
    more = item("twice_too", twice, allowed=("numpy", "scipy"))
    source = "import scipy.special as s\ndef {0}(x): return 2 * x * s.expit(0) / s.expit(0)"
    cells = [code(source.format(name)) for name in ("twice", "twice_too")]
    assert earned(*cells, items=(TWICE, more)) == {"twice": 0, "twice_too": 1}


# --- references -----------------------------------------------------------------------------------

SIX = item("six", lambda x: 6 * x, {"twice": twice, "thrice": thrice})


def test_a_mistake_is_charged_where_it_was_made():
    cells = [code(WRONG), CHECK, code("def six(x): return 3 * twice(x)")]
    assert earned(*cells, items=(TWICE, SIX)) == {"twice": 0, "six": 1}


def test_a_function_may_rely_on_more_of_its_own():
    more = "def twice(x, times=2): return times * x\ndef six(x): return twice(x, times=6)"
    assert earned(code(more), items=(TWICE, SIX)) == {"twice": 1, "six": 1}


def test_a_reference_cannot_be_carried_back_to_its_own_item():
    thief = """
        import marshal, os, threading, types
        mine, its = os.pipe()
        kept = []
        def wait():
            while True: kept.append(os.read(mine, 9999))
        threading.Thread(target=wait, daemon=True).start()
        def six(x):
            its and os.write(its, marshal.dumps(twice.__code__))
            open("stolen", "wb").write(marshal.dumps(twice.__code__))
            return 3 * twice(x)
        def twice(x):
            stolen = kept[0] if kept else open("stolen", "rb").read()
            return types.FunctionType(marshal.loads(stolen), {})(x)
    """
    cells = [code(thief), CHECK, code("", "check-six"), code("1")]
    assert earned(*cells, items=(TWICE, SIX)) == {"twice": 0, "six": 1}


# --- what is in reach -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REACHES, *submissions.REACHES_PARENT])
def test_without_a_jail_the_answers_are_in_reach(name, tmp_path):
    if name in ("open files", "a signal", "a debugger"):
        pytest.skip("a process that has just begun has nothing to reach so")
    condition = (REACHES | submissions.REACHES_PARENT)[name]
    program = f"import numpy\nfrom rubrics.losses import RUBRIC\nassert {condition}"
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py", "results/ada.json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}/assignments:{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


# --- whose time counts ----------------------------------------------------------------------------


@pytest.fixture
def burners():
    """Processes that keep all processors busy, twice."""
    program = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    # Linux shares out time among sessions first: those of one would count as one.
    apart = {"stdout": subprocess.PIPE, "start_new_session": True}
    processes = [subprocess.Popen(program, **apart) for _ in range(2 * (os.cpu_count() or 1))]
    for process in processes:
        process.stdout.read(1)  # it has begun
    yield
    for process in processes:
        process.kill()
        process.communicate()


def work(seconds):
    """Return a function that is right after so much processor time."""
    return code(
        f"""
        import time
        def twice(x):
            until = time.process_time() + {seconds}
            while time.process_time() < until: pass
            return 2 * x
        """
    )


@pytest.mark.usefixtures("burners")
def test_time_that_others_take_is_not_charged():
    graded = grade(work(0.6), CHECK, seconds=1)
    assert graded.outcomes["twice"].earned == 1
    assert graded.timed_out == []
    assert graded.waited > 0.2


@pytest.mark.parametrize("source", ["while True: pass", "import time; time.sleep(99)"])
def test_what_takes_too_long_ends_and_is_told(source):
    graded = grade(code(f"def twice(x):\n    {source}"), CHECK, seconds=0.5)
    assert graded.timed_out == ["twice"]
    assert "it had not ended after 0.5 s" in str(graded.outcomes["twice"])


def test_many_short_waits_are_one_long_one():
    naps = "import time\n" + "time.sleep(0.04)\n" * 200
    graded = grade(code(naps), code(RIGHT), CHECK, seconds=0.2)
    assert graded.notes
    assert graded.outcomes["twice"].earned == 1


@pytest.mark.parametrize(
    "junk",
    [b"[" * 10**5 + b"\n", b'{"at": 1e999}\n', b'{"seen": {}}\n{"exit": 1e999}\n', b" " * 10**6],
)
def test_what_is_sent_by_hand_is_no_answer(junk):
    sender = f"""
        import os, stat
        def send():
            for n in range(3, 64):
                try:
                    if stat.S_ISSOCK(os.fstat(n).st_mode): os.write(n, {junk!r})
                except OSError: pass
        def twice(x):
            send()
            return x
    """
    assert earned(code(sender), code("send()"), CHECK) == {"twice": 0}


def test_answers_to_one_seed_are_none_to_another():
    for name in ("losses", "perceptrons", "pytorch", "backpropagation"):
        for one in load_rubric(name).items:
            known = [check.expected(1) for check in one.checks]
            assert one.judge(known, 2).earned == 0, one.name


def test_cells_do_not_use_up_the_time_of_items():
    slow = [code("import time\nfor _ in range(99): time.sleep(1)") for _ in range(14)]
    assert earned(*slow, code(RIGHT), CHECK, seconds=0.1) == {"twice": 1}


def test_a_clock_tells_busy_from_idle():
    begin = "import sys, time; sys.stdin.read(1); "
    for program, attribute in (("time.sleep(9)", "idle"), ("\nwhile True: pass", "busy")):
        with subprocess.Popen([sys.executable, "-c", begin + program], stdin=-1) as process:
            clock = Clock(os.getpid())
            process.stdin.write(b"x")
            process.stdin.flush()
            time.sleep(1)
            clock.look()
            process.kill()
        assert getattr(clock, attribute) == max(clock.idle, clock.busy)


# --- nothing outlives a submission ----------------------------------------------------------------


LEAVE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(99)
    os._exit(0)
"""


@pytest.mark.parametrize("place", ["cell", "item"])
def test_no_process_outlives_its_submission(place):
    cells = [code(LEAVE), code(RIGHT)]
    if place == "item":
        cells = [code("def twice(x):\n" + textwrap.indent(f"{LEAVE}\nreturn 2 * x", "    "))]
    before = descendants(os.getpid())
    graded = grade(*cells, CHECK)
    assert any("left processes running" in note for note in graded.notes)
    assert graded.outcomes["twice"].earned == 1
    left = {one for one in descendants(os.getpid()) - before if not has_ended(one)}
    assert len(left) <= 1  # the bench


def test_a_statement_that_is_interrupted_costs_itself_alone():
    cells = [code("while True: pass\nfactor = 2"), code("def twice(x): return factor * x")]
    graded = grade(*cells, CHECK, seconds=0.5)
    assert graded.outcomes["twice"].earned == 1
    assert graded.notes == ["cell 1: line 1: it took too long"]


def test_what_cells_say_alike_is_told_once():
    error = "NameError: name 'step' is not defined"
    notes = [
        f"cell 3: {error}",
        "cell 4: it took too long",
        f"the cell end: {error}",
        "a: b",
        "c: b",
    ]
    assert tell_once([*notes, *notes, f"cell 9: {error}"]) == [
        f"cell 3: {error} (and so in 2 more cells)", "cell 4: it took too long", "a: b", "c: b",
    ]  # fmt: skip
