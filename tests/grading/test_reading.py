"""Reading what students hand in: whatever can be read is, under the name that it had."""

import base64
import itertools
import json
import re
import time
from functools import cache
from importlib import import_module

import nbformat
import pytest
import sources
from grading.answers import found_elsewhere, is_prose, own_texts, written_answers
from grading.cells import (
    TEXT_STUB,
    complete_cells,
    given_cells,
    item_code,
    item_remarks,
    name_cells,
    original_cells,
)
from grading.submission import SOURCE, Submission, read_notebook
from grading.syntax import definitions_that_compile, find_error, renamed
from hypothesis import given, settings
from hypothesis import strategies as st

ASSIGNMENTS = [path.stem for path in sources.assignments()]
# The first bytes of a picture, which is all that is looked at.
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(60))).decode()
ANSWER = (
    "At most half of them, since each mistake costs at least two, and the sum of all that is paid "
    "is no more than 7, an odd number."
)
MARK = re.compile(r" *### (?:BEGIN|END) SOLUTION\n?")


def rubric(name):
    return import_module(f"rubrics.{name}").RUBRIC


@cache
def solved_text(name):
    """Return a solved notebook as JSON, without answers."""
    notebook = json.loads((SOURCE / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    for cell, original in zip(notebook["cells"], given_cells(rubric(name)), strict=True):
        own = original.name in {item.name for item in rubric(name).items}
        cell["source"] = MARK.sub("", "".join(cell["source"])) if own else original.source
    return json.dumps(notebook, indent=1, ensure_ascii=False)


def solved(name):
    return json.loads(solved_text(name))


def given_notebook(name):
    """Return the notebook as students get it."""
    notebook = solved(name)
    for cell, original in zip(notebook["cells"], given_cells(rubric(name)), strict=True):
        cell["source"] = original.source
    return notebook


def find(notebook, name):
    """Return the place of the cell of this name."""
    return next(
        place
        for place, cell in enumerate(notebook["cells"])
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == name
    )


def text_cell(source, **more):
    return {"cell_type": "markdown", "metadata": {}, "source": source} | more


def code_cell(source):
    return text_cell(source, cell_type="code", outputs=[], execution_count=None)


def read(notebook):
    """Read a notebook, given as JSON, text or bytes."""
    text = notebook if isinstance(notebook, (str, bytes)) else json.dumps(notebook)
    return read_notebook(Submission(None, data=text if isinstance(text, bytes) else text.encode()))


def pairs(cells):
    return [(cell.name, " ".join(cell.source.split())) for cell in cells]


def strip(notebook, ids):
    """Remove what nbgrader and, if asked, Jupyter have written into the cells."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if ids:
            cell.pop("id", None)
    return notebook


each = pytest.mark.parametrize("name", ASSIGNMENTS)
FIRST = ASSIGNMENTS[0]

# --- whatever comes -------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)
odd_cell = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw", "heading", "Code", "x"])
        | anything,
        "source": st.text() | st.lists(st.text(max_size=9), max_size=3) | anything,
        "input": anything,
        "level": anything,
        "id": anything,
        "metadata": anything | st.builds(lambda x: {"nbgrader": {"grade_id": x}}, anything),
        "outputs": anything,
        "attachments": anything | st.builds(lambda x: {"a.png": {"image/png": x}}, anything),
    },
)
odd_notebook = st.fixed_dictionaries(
    {},
    optional={
        "cells": anything | st.lists(odd_cell | anything, max_size=4),
        "worksheets": anything | st.lists(st.builds(lambda c: {"cells": c}, st.lists(odd_cell))),
    },
)
encoded = st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig"])


@given(
    st.binary()
    | st.builds(lambda x, code: json.dumps(x).encode(code), odd_notebook, encoded)
    | st.builds(lambda x, n: json.dumps(x).encode()[:-n], odd_notebook, st.integers(1, 30))
    | st.builds(lambda x: b'{"cells": [' + x, st.binary())
)
def test_nothing_that_comes_ends_the_grader(data):
    cells, notes = read(data)
    assert cells or notes or b"cells" in data or b"worksheets" in data or data.strip() in (b"{}",)
    completed, _ = complete_cells(rubric(FIRST), cells)
    written_answers(rubric(FIRST), completed)
    json.dumps(own_texts(rubric(FIRST), completed)).encode()
    for item in rubric(FIRST).items:
        item_code(completed, item.name), item_remarks(rubric(FIRST), completed, item.name)


def spans(text):
    """Return where each cell stands in a notebook's text."""
    decoder, place, found = json.JSONDecoder(), text.index('"cells": [') + 10, []
    while opening := re.compile(r"[\s,]*(?=\{)").match(text, place):
        _, place = decoder.raw_decode(text, opening.end())
        found.append((opening.end(), place))
    return found


damage = st.text(max_size=6) | st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        '"',
        "\\",
        ",",
        "[1",
        '{"a": [',
        '"cells": [',
        '"source": "',
        "<<<<<<< x\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_to_one_cell_costs_no_other(data):
    text = solved_text(FIRST)
    number, (begin, end) = data.draw(st.sampled_from(list(enumerate(spans(text)))))
    start = data.draw(st.integers(begin, end))
    stop = data.draw(st.integers(start, min(end, start + 200)))
    broken = text[:start] + data.draw(damage) + text[stop:]
    whole, _ = read(text)
    cells, _ = read(broken)
    others = [pair for place, pair in enumerate(pairs(whole)) if place != number]
    remaining = iter(pairs(cells))
    assert all(other in remaining for other in others), f"cell {number + 1}"


@given(st.integers(0, len(solved_text(FIRST)) - 1))
def test_a_notebook_that_is_cut_off_is_read_up_to_there(end):
    whole = [e for _, e in spans(solved_text(FIRST)) if e <= end]
    cells, notes = read(solved_text(FIRST)[:end])
    assert pairs(cells)[: len(whole)] == pairs(read(solved(FIRST))[0])[: len(whole)]
    assert any("broken" in note or "empty" in note for note in notes)


def test_what_is_left_of_a_broken_cell_waits_for_a_person():
    notebook = solved(FIRST)
    notebook["cells"] += [code_cell(""), text_cell(ANSWER + " And so on.")]
    text = json.dumps(notebook, indent=1)
    cells, notes = read(text[: text.index(" And so on.")])
    assert "1 in part" in notes[-1]
    assert own_texts(rubric(FIRST), cells)[-1]["text"] == ANSWER


MANY = 10**5


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * MANY,
        '{"x":[' * 400 + "1," * MANY,
        '{"cells": [' + '{"cell_type": "code", "source": [' * 400 + '"1",' * MANY,
        '{"a"' * MANY,
        "<<<<<<< x\n" * MANY,
        *(
            json.dumps({"cells": [cell(source)]})
            for cell in (text_cell, code_cell)
            for source in (
                "<!--" * MANY,
                "](chapters/" * MANY,
                "### BEGIN HIDDEN TESTS\n" * (MANY // 4),
                "an answer in lines\n" * (MANY // 9),
                "(\n" * (MANY // 9),
                "data:image/png;base64,A" * (MANY // 9),
                "the " * MANY,
                "?!%\n" * MANY,
            )
        ),
    ],
    ids=range(21),
)
def test_nothing_takes_long_to_read(text):
    start = time.process_time()
    cells, _ = complete_cells(rubric(FIRST), read(text)[0])
    written_answers(rubric(FIRST), cells)
    own_texts(rubric(FIRST), cells)
    for item in rubric(FIRST).items:
        item_remarks(rubric(FIRST), cells, item.name)
    assert time.process_time() - start < 20


# --- formats --------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_an_encoding_costs_nothing(name, encoding):
    text = solved_text(name).replace("\n", "\r\n")
    assert pairs(read(text.encode(encoding))[0]) == pairs(read(solved_text(name))[0])


def test_windows_letters_are_read():
    notebook = solved(FIRST)
    notebook["cells"].append(text_cell("café, naïve"))
    data = json.dumps(notebook, ensure_ascii=False).encode("cp1252", "replace")
    cells, notes = read(data)
    assert cells[-1].source == "café, naïve"
    assert notes == ["the notebook is in cp1252, not UTF-8"]


def test_one_bad_byte_does_not_turn_utf8_into_windows():
    data = json.dumps([text_cell("naïve – é ö"), text_cell("x\x00")], ensure_ascii=False).encode()
    cells, notes = read(b'{"cells": ' + data.replace(b"\\u0000", b"\xff") + b"}")
    assert cells[0].source == "naïve – é ö"
    assert notes == []


@each
def test_nbformat_3_is_converted(name):
    notebook = nbformat.reads(solved_text(name), 4)
    old = nbformat.v3.writes_json(nbformat.convert(notebook, 3))
    assert '"worksheets"' in old
    cells, notes = read(old)
    assert pairs(cells) == pairs(read(solved_text(name))[0])
    assert notes == ["the notebook is in an old format, and was converted"]


@each
@pytest.mark.parametrize("base", ["", "||||||| 0000000\n   was\n"])
def test_a_conflict_in_one_cell_costs_no_other(name, base):
    lines = json.dumps(solved(name), indent=1).split("\n")
    place = next(i for i, line in enumerate(lines) if '"def ' in line)
    own, other = lines[place], re.sub("def ", "def not_", lines[place])
    lines[place] = f"<<<<<<< HEAD\n{own}\n{base}=======\n{other}\n>>>>>>> 3f2a1b (mended)"
    cells, notes = read("\n".join(lines))
    assert pairs(cells) == pairs(read(solved(name))[0])
    assert notes == [
        "the notebook holds a conflict of git: read was 'HEAD', and not '3f2a1b (mended)'"
    ]


def test_of_a_conflict_the_side_is_taken_that_can_be_read():
    lines = json.dumps(solved(FIRST), indent=1).split("\n")
    lines[3] = f"<<<<<<< HEAD\n{{{{\n=======\n{lines[3]}\n>>>>>>> theirs"
    cells, notes = read("\n".join(lines))
    assert pairs(cells) == pairs(read(solved(FIRST))[0])
    assert "read was 'theirs'" in notes[0]


def test_a_conflict_inside_a_source_is_no_syntax_error():
    source = "x = 0\n<<<<<<< local\ny = 1\n=======\ny = 2\n>>>>>>> remote\nz = 3\n"
    cells, notes = read({"cells": [code_cell(source)]})
    assert cells[0].source == "x = 0\ny = 1\nz = 3\n"
    assert notes == ["cell 1 holds a conflict of git: read was 'local', and not 'remote'"]


def test_lines_without_ends_are_lines():
    (cell,), _ = read({"cells": [code_cell(["def f(x):", "    return x"])]})
    assert cell.source == "def f(x):\n    return x"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (b"<!DOCTYPE html><p>Sign in", "a web page"),
        (b"import numpy as np\n\ndef f(x):\n    return x\n", "Python source"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_what_is_no_notebook_is_told_plainly(data, words):
    assert read(data) == ([], [notes := read(data)[1][0]])
    assert notes.startswith(f"the file is no notebook but {words}")


# --- names ----------------------------------------------------------------------------------------


def named(name, notebook):
    cells, notes = read(notebook)
    cells, more = name_cells(rubric(name), cells)
    return cells, notes + more


@each
@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize("answered", [True, False])
def test_names_are_given_back(name, ids, answered):
    notebook = solved(name)
    for written in rubric(name).written if answered else ():
        notebook["cells"][find(notebook, written)]["source"] = ANSWER
    cells, notes = named(name, strip(notebook, ids))
    assert [cell.name for cell in cells] == [cell.name for cell in original_cells(name)]
    assert len(notes) == 1


@each
@pytest.mark.parametrize("ids", [True, False])
def test_nothing_is_named_anew_in_what_is_whole(name, ids):
    cells, notes = named(name, solved(name))
    assert notes == []
    assert [cell.name for cell in cells] == [cell.name for cell in original_cells(name)]


@each
def test_a_retyped_solution_gets_its_name(name):
    for item in rubric(name).items:
        notebook = solved(name)
        source = notebook["cells"].pop(find(notebook, item.name))["source"]
        notebook["cells"].append(code_cell(["import os\n", *source]))
        cells, _ = named(name, notebook)
        assert cells[-1].name == item.name


@each
def test_of_copies_the_one_with_work_in_it_counts(name):
    written = next(iter(rubric(name).written))
    notebook = solved(name)
    place = find(notebook, written)
    copy = json.loads(json.dumps(notebook["cells"][place])) | {"source": ANSWER}
    notebook["cells"].insert(place + 1, copy)
    cells, notes = named(name, notebook)
    assert notes == [f"copied: {written}"]
    assert written_answers(rubric(name), cells)[written]["answer"] == ANSWER


@each
def test_all_in_one_cell_loses_no_code(name):
    notebook = solved(name)
    code = [c["source"] for c in notebook["cells"] if c["cell_type"] == "code"]
    joined = "\n\n".join("".join(source) for source in code)
    cells, _ = complete_cells(rubric(name), read({"cells": [code_cell(joined)]})[0])
    for item in rubric(name).items:
        assert item_code(cells, item.name) == joined.strip()


@each
def test_provided_code_is_put_back(name):
    cells, notes = complete_cells(rubric(name), [])
    graded = {item.name for item in rubric(name).items} | {*rubric(name).written}
    provided = [
        cell.name
        for cell in original_cells(name)
        if cell.kind == "code" and cell.name and cell.name.removeprefix("check-") not in graded
    ]
    assert [cell.name for cell in cells] == provided
    assert notes[0] == f"put back: {', '.join(provided)}"


# --- what is the student's own --------------------------------------------------------------------


def elsewhere(name, notebook):
    cells, _ = complete_cells(rubric(name), read(notebook)[0])
    return own_texts(rubric(name), cells)


def question(name):
    """Return the name of the first written question's text, and of its answer."""
    for before, cell in itertools.pairwise(original_cells(name)):
        if cell.name in rubric(name).written:
            return before.name, cell.name
    raise LookupError


def at_the_end(notebook, name):
    notebook["cells"].append(text_cell(ANSWER))


def raw(notebook, name):
    notebook["cells"].insert(0, {"cell_type": "raw", "metadata": {}, "source": ANSWER})


def in_the_question(notebook, name):
    cell = notebook["cells"][find(notebook, question(name)[0])]
    cell["source"] = cell["source"].replace("\n\n", f"\n\n{ANSWER}\n\n", 1) + f"\n\n{ANSWER}"


def below_the_title(notebook, name):
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    cell["source"] += f"\n\n{ANSWER}"


def above(notebook, name):
    notebook["cells"].insert(find(notebook, question(name)[1]), text_cell(ANSWER))


def in_a_solution(notebook, name):
    item = notebook["cells"][find(notebook, rubric(name).items[0].name)]
    item["source"] = "".join(item["source"]) + f"\n# {ANSWER}"


def with_the_question_copied(notebook, name):
    source = notebook["cells"][find(notebook, question(name)[0])]["source"]
    notebook["cells"].append(text_cell(f"{source}\n\n{ANSWER}"))


def found_texts(name, notebook):
    """Return the answer, and what is found elsewhere, in one line."""
    cells, _ = complete_cells(rubric(name), read(notebook)[0])
    # Texts right below an answer's cell belong to the answer.
    found = [answer["answer"] for answer in written_answers(rubric(name), cells).values()]
    for piece in own_texts(rubric(name), cells):
        found.append(piece["text"])
        assert re.fullmatch(r"cell \d+|the cell [\w-]+", piece["where"])
    return " ".join(" ".join(found).split())


PLACES = (
    *(at_the_end, raw, in_the_question, below_the_title, above),
    *(in_a_solution, with_the_question_copied),
)


@each
@pytest.mark.parametrize("place", PLACES)
def test_an_answer_in_another_place_waits_for_a_person(name, place):
    notebook = solved(name)
    place(notebook, name)
    assert ANSWER in found_texts(name, notebook)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("# " + ANSWER.replace(", ", ",\n# "), ANSWER),
        (f"1. {ANSWER}\n2. It's odd.\n", ANSWER),
        (f'"""{ANSWER}"""', ANSWER),
        (f'print("{ANSWER}")', ANSWER),
        (
            "x = 1\n# None: each mistake costs one, and all of them cost two, so one is the most.",
            "so one",
        ),
        (f"%%markdown\n{ANSWER}", ANSWER),
        (f"%%time\n# {ANSWER}\nx = 1", ANSWER),
        ('n = 7\nprint(f"At most {n} of the {2 * n}.")', "At most {} of the {}."),
        ('answers = ["At most 7.", "None at all."]', "None at all."),
        (r'display(Latex(r"$n \le 7$ since $2n \le 14$"))', "since"),
        ('def f(x):\n    """At most seven."""\n    return x', "At most seven."),
        ("# 最多七个，因为每个错误至少花费两分", "最多七个"),
        ("# 7\n# 25", "7 25"),
        ('"7"', "7"),
        ("25", "25"),
        ('Image("answer.png")', "answer.png"),
        ("def f(x)\n    return x\n# No: at most 7.", "No: at most 7."),
    ],
)
def test_an_answer_in_code_waits_for_a_person(source, text):
    notebook = solved(FIRST)
    notebook["cells"].append(code_cell(source))
    assert text in found_texts(FIRST, notebook)


@each
def test_a_comment_of_html_waits_for_a_person(name):
    notebook = solved(name)
    notebook["cells"].append(text_cell(f"<!-- {ANSWER} -->"))
    assert ANSWER in found_texts(name, notebook)


def test_a_file_waits_for_a_person_only_where_an_answer_is_missing():
    answers = {"one": {"answer": "Seven.", "pictures": []}}
    assert found_elsewhere(rubric(FIRST), [], answers, ["answer.pdf"]) == []
    answers["two"] = {"answer": "", "pictures": []}
    (found,) = found_elsewhere(rubric(FIRST), [], answers, ["answer.pdf"])
    assert found["where"] == "answer.pdf"


@each
def test_only_what_was_added_to_a_text_is_shown(name):
    notebook = given_notebook(name)
    below_the_title(notebook, name)
    assert [found["text"] for found in elsewhere(name, notebook)] == [ANSWER]


@each
@pytest.mark.parametrize(
    "place",
    [lambda n, a: n["cells"][find(n, a)].update(source=ANSWER), lambda n, a: (
        n["cells"].insert(find(n, a), text_cell(ANSWER)), n["cells"].pop(find(n, a)))],
)  # fmt: skip
def test_an_answer_in_its_place_is_the_answer(name, place):
    notebook, (_, written) = solved(name), question(name)
    place(notebook, written)
    cells, _ = complete_cells(rubric(name), read(notebook)[0])
    answers = written_answers(rubric(name), cells)
    assert answers[written]["answer"] == ANSWER
    assert ANSWER not in str(own_texts(rubric(name), cells))


@each
@pytest.mark.parametrize(
    "cell",
    [text_cell(""), text_cell(f"  {TEXT_STUB}\n"), text_cell("---"), text_cell("### My answer:"),
     text_cell("<br>"), text_cell("<!-- -->"), code_cell(""), code_cell("#"), code_cell("..."),
     code_cell("import numpy as np\nx = 1"), code_cell("x.sum(axis=1, dtype='float32')"),
     code_cell("%matplotlib inline\n!pip install numpy\nplt.plot(x, label=f'{n}')"),
     code_cell("%%time\nx = 1"),
     code_cell("def f(x)\n    rivals = x.max(axis=1)\n    return np.maximum(0, rivals + 1)\n")],
)  # fmt: skip
def test_what_says_nothing_is_no_answer(name, cell):
    notebook = given_notebook(name)
    notebook["cells"].append(cell)
    assert elsewhere(name, notebook) == []


@each
def test_nothing_of_the_assignment_is_the_students_own(name):
    notebook = given_notebook(name)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":  # a student who runs a cell of ours draws what it draws
            cell["outputs"] = [{"output_type": "display_data", "data": {"image/png": PIXEL}}]
    for item in rubric(name).items:
        notebook["cells"][find(notebook, item.name)]["outputs"] = []
    assert elsewhere(name, notebook) == []
    assert elsewhere(name, strip(given_notebook(name), ids=True)) == []
    notebook = given_notebook(name)
    headings = [
        cell["source"].split("\n")[0]
        for cell in notebook["cells"]
        if cell["cell_type"] == "markdown" and cell["source"].startswith("#")
    ]
    notebook["cells"] += [text_cell(heading) for heading in headings]
    assert elsewhere(name, notebook) == []


def test_prose_is_told_from_code():
    assert is_prose("1. At most 99. 2. none. 3. 43. 4. where y_i>0.")
    assert not is_prose("return np.maximum(0, rivals.max(axis=1) - scores[rows, labels] + 1)")


# --- pictures -------------------------------------------------------------------------------------


def picture_of(cell):
    notebook, (_, written) = solved(FIRST), question(FIRST)
    notebook["cells"][find(notebook, written)].update(cell)
    cells, _ = complete_cells(rubric(FIRST), read(notebook)[0])
    answer = written_answers(rubric(FIRST), cells)[written]
    return answer["answer"], answer["pictures"]


def test_an_attached_picture_is_the_answer():
    attached = {"photo.png": {"image/png": PIXEL}}
    text, pictures = picture_of({"source": "![](attachment:photo.png)", "attachments": attached})
    assert text == "![](attachment:photo.png)"
    assert pictures == [f"data:image/png;base64,{PIXEL}"]


def test_a_picture_in_the_text_is_taken_out_of_it():
    uri = f"data:image/png;base64,{PIXEL}"
    source = f"See ![my drawing]({uri}), and <img src='{uri}'>"
    text, pictures = picture_of({"source": source})
    assert text == "See ![my drawing](picture 1), and <img src='picture 2'>"
    assert pictures == [uri] * 2


@pytest.mark.parametrize(
    "kind_and_data",
    [
        ("image/svg+xml", base64.b64encode(b"<svg onload='alert(1)'/>").decode()),
        ("image/png", base64.b64encode(b"<script>alert(1)</script>").decode()),
        ("text/html", PIXEL),
        ("image/png", "not base64!"),
        ('image/png;x"', PIXEL),
    ],
)
def test_what_is_no_picture_is_not_shown_but_told(kind_and_data):
    kind, data = kind_and_data
    text, pictures = picture_of({"source": "", "attachments": {"a.png": {kind: data}}})
    assert pictures == []
    assert text == "(a.png cannot be shown here: open the notebook)"


def test_a_picture_elsewhere_waits_for_a_person():
    notebook = solved(FIRST)
    attached = {"p.png": {"image/png": PIXEL}}
    notebook["cells"].insert(0, text_cell("![p](attachment:p.png)", attachments=attached))
    found, *_ = elsewhere(FIRST, notebook)
    assert found["pictures"] == [f"data:image/png;base64,{PIXEL}"]


def test_a_picture_that_a_cell_has_drawn_waits_for_a_person():
    notebook = solved(FIRST)
    data = {"image/png": PIXEL + "\n", "text/plain": "<Figure>"}
    notebook["cells"].append(code_cell("show()") | {"outputs": [{"data": data}]})
    notebook["cells"].append(code_cell("draw()") | {"outputs": [{"data": {"image/svg+xml": "<"}}]})
    *_, drawn, other = elsewhere(FIRST, notebook)
    assert drawn["pictures"] == [f"data:image/png;base64,{PIXEL}"]
    assert (
        other["text"]
        == "(the picture below it (image/svg+xml) cannot be shown here: open the notebook)"
    )


def test_what_is_left_of_our_own_text_is_not_the_students():
    text = json.dumps(given_notebook(FIRST), indent=1)
    long = max((cell for cell in given_cells(rubric(FIRST))), key=lambda cell: len(cell.source))
    words = long.source.split("\n")[-1][:-9]
    cells, notes = read(text[: text.index(json.dumps(words)[1:-1]) + len(words) - 3])
    assert "in part" in notes[-1]
    assert own_texts(rubric(FIRST), complete_cells(rubric(FIRST), cells)[0]) == []


# --- syntax ---------------------------------------------------------------------------------------

code = st.text(alphabet="xy=1+-()[]{}:,.'\"#@%!?\\ \n\t", max_size=60) | st.lists(
    st.sampled_from(
        ["def f(x):", "    return x", "def g(:", "x = [", "]", '"""', "    'a", "@f", "%time x",
         "!ls", "else:", "if x:", "x = 1", "class A: pass", "return", "%%time", ""]
    ),
    max_size=9,
).map("\n".join)  # fmt: skip


@settings(deadline=None)
@given(code)
def test_what_is_kept_of_a_cell_compiles(source):
    python, faults = definitions_that_compile(source)
    assert find_error(python) is None
    if find_error(source) is None:
        assert (python, faults) == (source, [])
    for fault in faults:
        assert 1 <= fault.line <= source.count("\n") + 1
        assert fault.message.startswith(f"SyntaxError in line {fault.line}: ")


GOOD = [
    'def a(x):\n    """One.\n\nTwo."""\n    return x',
    "b = [\n1,\n]",
    "@print\ndef c():\n\n    return 2",
    "try:\n    d = 1\nexcept E:\n    pass\nelse:\n    d = 2",
    "%time e = 3",
    "class F:\n    pass",
]
BAD = [
    "def broken(x)\n    return x",
    "broken = (1,",
    "def broken(x):\n\treturn 1\n        return 2",
    "class broken:\nx = 1 +",
    "At most 99, I think.",
    "def broken(x):\n    'unclosed",
]


@settings(deadline=None)
@given(st.permutations(GOOD), st.sampled_from(BAD), st.integers(0, len(GOOD)))
def test_an_error_of_syntax_costs_its_own_statement(good, bad, place):
    source = "\n".join([*good[:place], bad, *good[place:]])
    python, faults = definitions_that_compile(source)
    for piece in good:
        definition = piece.split("\n")[0].replace("%time e = 3", "get_ipython().run_line_magic")
        assert definition in python
    assert python.count("\n") == source.count("\n")
    begin = "\n".join(good[:place]).count("\n") + (2 if place else 1)
    assert faults
    assert all(begin <= fault.line <= begin + bad.count("\n") for fault in faults)


def test_an_error_of_syntax_is_shown_where_it_is():
    _, (fault,) = definitions_that_compile("x = 1\ndef hinge(scores, labels)\n    return 1\n")
    assert fault.message == (
        "SyntaxError in line 2: expected ':'\n"
        "    def hinge(scores, labels)\n"
        "                             ^"
    )
    assert fault.defines == "hinge"


@each
def test_a_renamed_function_is_named(name):
    for item in rubric(name).items:
        notebook = solved(name)
        cell = notebook["cells"][find(notebook, item.name)]
        cell["source"] = re.sub(rf"\b{item.name}\b", "my_own", "".join(cell["source"]))
        cells, _ = complete_cells(rubric(name), read(notebook)[0])
        words = f"the cell defines `my_own`; the name asked for is `{item.name}`"
        assert item_remarks(rubric(name), cells, item.name) == [words]


@each
def test_a_function_in_another_cell_is_not_called_renamed(name):
    notebook = solved(name)
    cell = notebook["cells"][find(notebook, rubric(name).items[0].name)]
    notebook["cells"].append(code_cell(cell["source"]))
    cell["source"] = "def helper(x):\n    return x"
    cells, _ = complete_cells(rubric(name), read(notebook)[0])
    assert item_remarks(rubric(name), cells, rubric(name).items[0].name) == []


def test_of_several_functions_the_one_with_the_arguments_is_named():
    source = "def helper(x): pass\ndef loss(scores, labels): pass"
    assert "`loss`" in renamed("hinge", source, "def hinge(scores, labels): ...")
    assert renamed("hinge", "hinge = 3\ndef f(x): pass") == ""
