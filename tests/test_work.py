"""What work notebooks are made of; tests/work looks at those of the chapters."""

import json
from io import StringIO
from math import inf

import nbformat
import pytest
import work
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebooks import NOTEBOOK_METADATA
from plain import Writer, quoted
from questions import Exercise, exercises, self_check
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace
from sphinx_exercise.nodes import exercise_node, solution_node

WRITER = Writer(
    lambda kind, node: {"eq": "2.1"}.get(node.get("label"), ""), lambda to, _: f"at/{to}"
)


def paragraph(*held):
    made = nodes.paragraph()
    made += [nodes.Text(piece) if isinstance(piece, str) else piece for piece in held]
    return made


def items(*held):
    return [nodes.list_item("", *item) for item in held]


def row(*texts, of="text-right"):
    return nodes.row("", *(nodes.entry("", paragraph(text), classes=[of]) for text in texts))


@pytest.mark.parametrize(
    ("node", "written"),
    [
        (paragraph("2 * 3_4 _a_ <b> $5 [c] a_b"), r"2 \* 3_4 \_a\_ \<b> \$5 \[c\] a_b"),
        (paragraph(nodes.math("", "x\n< y")), "$x < y$"),
        (paragraph(nodes.literal("", "a`b")), "``a`b``"),
        (paragraph(nodes.strong("", "a"), nodes.emphasis("", "b")), "**a***b*"),
        (paragraph(nodes.reference("", "Fig. 1", refuri="b.html#c")), "[Fig. 1](at/b.html#c)"),
        (paragraph(nodes.reference("", "2", refid="c")), "[2](at/#c)"),
        (nodes.math_block("", "x", label="eq"), "$$\nx \\tag{2.1}\n$$"),
        (nodes.math_block("", "\nx\n"), "$$\nx\n$$"),
        (nodes.literal_block("", "f()", language="python"), "```python\nf()\n```"),
        (nodes.bullet_list("", *items([paragraph("a\nb")], [paragraph("c")])), "- a\n  b\n- c"),
        (nodes.enumerated_list("", *items([paragraph("a")]), start=3), "3. a"),
        (
            nodes.bullet_list("", *items([paragraph("a"), nodes.math_block("", "x\n+ y")])),
            "- a\n\n  $$ x + y $$",
        ),
        (
            nodes.table("", nodes.tgroup("", row("a|b", "c"), row("d", "e"))),
            "| a\\|b | c |\n| --: | --: |\n| d | e |",
        ),
        (nodes.note("", paragraph("a"), paragraph("b")), "> **Note**\n>\n> a\n>\n> b"),
        (nodes.target(), ""),
    ],
)  # fmt: skip
def test_a_node_is_written_as_every_notebook_shows_it(node, written):
    assert WRITER.block(node) == written


def test_a_formula_in_a_table_does_not_end_its_cell():
    entry = nodes.entry("", paragraph(nodes.math("", r"\|a| < b")))
    table = nodes.table("", nodes.tgroup("", nodes.row("", entry)))
    assert WRITER.block(table).startswith(r"| $\Vert a\vert  < b$ |")


@pytest.mark.parametrize("node", [nodes.footnote(), paragraph(nodes.image())])
def test_what_cannot_be_written_stops_the_build(node):
    with pytest.raises(NotImplementedError, match=r"(image|footnote) in a notebook"):
        WRITER.block(node)


def test_a_formula_in_a_quote_has_no_bar_within():
    assert quoted("a\n\n$$\nx\n+ y\n$$") == "> a\n>\n> $$ x + y $$"


def test_a_fold_is_opened_by_its_name():
    held = [
        nodes.raw("", '<details class="proof-fold"><summary>', format="html"),
        nodes.inline("", "Proof"),
        nodes.raw("", "</summary>", format="html"),
        paragraph("It is."),
        nodes.raw("", "</details>", format="html"),
    ]
    assert WRITER.blocks(held) == (
        "<details><summary>Proof</summary>\n\nIt is.\n\n</details>"
    )  # fmt: skip


def asked(kind, *answers):
    """Return a self-check with answers, each (is it right?, text, feedback)."""
    listed = nodes.bullet_list()
    for right, text, feedback in answers:
        box = '<input checked="checked">' if right else "<input>"
        said = nodes.bullet_list("", *items([paragraph(feedback)]))
        answer = paragraph(nodes.raw("", box, format="html"), f" {text}")
        listed += nodes.list_item("", answer, said)
    title = nodes.title("", "Self-check")
    return nodes.admonition(
        "", title, paragraph("Why?"), listed, classes=kind.split(), ids=["check-a"]
    )


def test_a_self_check_is_read_and_stays_as_it_is():
    box = asked("quiz", (False, "a", "no"), (True, "b", "yes"))
    before = box.pformat()
    label, for_a_number, question, answers = self_check(box)
    assert (label, for_a_number) == ("check-a", False)
    assert [node.astext() for node in question] == ["Why?"]
    assert [answer.right for answer in answers] == [False, True]
    assert [answer.feedback[0].astext() for answer in answers] == ["no", "yes"]
    assert box.pformat() == before


def test_each_answer_opens_what_is_said_to_it():
    written = work.folded_answers(
        self_check(asked("quiz", (False, "a", "x"), (True, "b", "y"))), WRITER
    )
    assert "A. a\n\nB. b\n\n" in written
    assert "<details><summary>A</summary>\n\n**Not so.** x\n\n</details>" in written
    assert "<details><summary>B</summary>\n\n**Right.** y\n\n</details>" in written


def test_the_order_of_numbers_does_not_tell_the_right_one():
    texts = ["1/4", "-3", "any other number", "0.2"]
    box = asked("quiz number", *((text == "1/4", text, "Because.") for text in texts))
    written = work.folded_answers(self_check(box), WRITER)
    places = [written.index(f"<summary>{texts[i]}</summary>") for i in (1, 3, 0, 2)]
    assert places == sorted(places)


@pytest.mark.parametrize(("text", "number"), [("1/4", 0.25), ("-0.67", -0.67), ("any", inf)])
def test_a_number_is_read_as_it_is_typed(text, number):
    assert work.value(text) == number


def exercise(*held):
    return exercise_node("", paragraph(*held), label="ex-a")


def code_cell():
    return nodes.container("", nb_element="cell_code")


def test_an_exercise_has_its_cells_and_its_solution():
    given = [code_cell(), code_cell()]
    solution = solution_node("", target_label="ex-a")
    page = nodes.section("", exercise("Do."), *given, solution, code_cell())
    (found,) = exercises(page)
    assert found.given == given
    assert found.solution is solution


def test_an_exercise_may_have_no_solution():
    (found,) = exercises(nodes.section("", exercise("Do.")))
    assert (found.given, found.solution, found.checks, found.asked) == ([], None, [], {})


def test_an_exercise_says_what_is_to_be_written_and_checked():
    checks = ["check.relu(f)", "check.net(Net)", "check.t(lambda a: a)"]
    held = [nodes.literal("", code) for code in ["f(x, y)", "g(x)", "Net(sizes)", *checks]]
    found = Exercise(exercise("Write", *held), [], None)
    assert found.checks == checks
    assert found.asked == {"f": "x, y", "Net": "sizes"}


def test_a_stub_has_the_name_and_no_body():
    assert work.stub("f", "x, y") == "def f(x, y):\n    ..."
    assert work.stub("Net", "sizes") == "class Net:\n    ...  # Net(sizes)"


@pytest.fixture
def folders(tmp_path):
    made, mine = tmp_path / "html" / "work", tmp_path / "work"
    made.mkdir(parents=True)
    return made, mine


def test_a_notebook_that_was_not_edited_follows_the_book(folders):
    made, mine = folders
    for text in ("one [a](../chapters/a.html)", "two"):
        (made / "a.ipynb").write_text(text)
        assert work.lay_out(made, mine) == []
        assert (mine / "a.ipynb").read_text() == text.replace("(../", "(../html/")


def test_a_notebook_that_was_edited_stays(folders):
    made, mine = folders
    (made / "a.ipynb").write_text("one")
    work.lay_out(made, mine)
    (mine / "a.ipynb").write_text("mine")
    assert work.lay_out(made, mine) == []
    (made / "a.ipynb").write_text("two")
    assert "rename it" in "".join(work.lay_out(made, mine))
    assert (mine / "a.ipynb").read_text() == "mine"
    (mine / "a.ipynb").rename(mine / "b.ipynb")
    assert work.lay_out(made, mine) == []
    assert (mine / "a.ipynb").read_text() == "two"


def test_a_notebook_of_unknown_origin_stays(folders):
    made, mine = folders
    mine.mkdir()
    (mine / "a.ipynb").write_text("mine")
    (made / "a.ipynb").write_text("one")
    assert len(work.lay_out(made, mine)) == 1
    assert (mine / "a.ipynb").read_text() == "mine"


def test_packages_are_those_that_the_project_names():
    extras = work.project()["optional-dependencies"]["notebooks"]
    assert set(work.PACKAGES.values()) <= set(extras)
    assert json.dumps(sorted(work.PACKAGES)) == '["altair", "sklearn"]'


EXERCISE = """:::{admonition} Self-check
:class: quiz
:name: check-a
Which?

- [x] $x$
  - So it is.
- [ ] $y$
  - Look again.
:::

:::{exercise} Mine
:label: ex-a
Write `f(x)`, run `check.relu(f)`, then `check.relu(mine)`.
:::"""
FIGURE = {"mystnb": {"figure": {"caption": "A $z$.", "name": "fig-a"}}}
PICTURE = {
    "image/png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
}
CHAPTER = [
    new_markdown_cell("# One\n\nSee {ref}`ex-a`, {numref}`fig-a`, [the check](#check-a).", id="a"),
    new_code_cell("import altair\nimport nnlib", id="b", metadata={"tags": ["hide-input"]}),
    new_code_cell("def mine(x):\n    return x", id="c"),
    new_markdown_cell(EXERCISE, id="d"),
    new_code_cell("given = 2", id="e"),
    new_markdown_cell(":::{solution-start} ex-a\n:::\n\nThink.", id="f"),
    new_code_cell(
        "def f(x):\n    return 7", id="g", metadata=FIGURE,
        outputs=[new_output("display_data", PICTURE)],
    ),
    new_markdown_cell(":::{solution-end}\n:::\n\nThe end.", id="h"),
]  # fmt: skip
SETTINGS = {
    "extensions": [
        "myst_nb", "sphinx_exercise", "sphinx_external_toc", "editions", "formulas", "work"
    ],
    "html_theme": "basic",
    "html_math_renderer": "mathml",
    "html_theme_options": {},
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["colon_fence", "dollarmath", "tasklist"],
    "numfig": True,
}  # fmt: skip
# The package that reads the contents calls docutils by a name that has become old.
# The second is PyTorch's: that package looks at all objects there are, to find one.
old_names = pytest.mark.filterwarnings(
    "ignore:nodes.Node.traverse", "ignore:`torch.distributed.reduce_op` is deprecated"
)
CONTENTS = "root: index\nsubtrees:\n- numbered: true\n  entries:\n  - file: one\n"


def write_notebooks(folder, **settings):
    """Build a book of one chapter, and return its two notebooks as they are written."""
    folder.mkdir()
    (folder / "_toc.yml").write_text(CONTENTS)
    (folder / "index.md").write_text("# Home")
    made = new_notebook(cells=CHAPTER, metadata=NOTEBOOK_METADATA)
    nbformat.write(made, folder / "one.ipynb")
    said = StringIO()
    with docutils_namespace():
        app = Sphinx(
            folder, None, folder / "html", folder / "trees", "html", status=None, warning=said,
            confoverrides=SETTINGS | settings,
        )  # fmt: skip
        app.build()
    # The theme of this book has no such option.
    complaints = [line for line in said.getvalue().splitlines() if "repository_url" not in line]
    assert complaints == []
    return [
        (folder / "html" / "work" / f"one{end}.ipynb").read_text() for end in ("", "_solutions")
    ]


def cells_of(text):
    return {cell.id: cell.source for cell in nbformat.reads(text, as_version=4).cells}


@old_names
def test_a_chapter_is_written_twice_and_always_the_same(tmp_path):
    made, solved = write_notebooks(tmp_path / "a")
    assert write_notebooks(tmp_path / "b") == [made, solved]
    cells = cells_of(made)
    before, after = ["top", "install", "after-install", "b", "c", "check-a"], "answer check end"
    assert list(cells) == [*before, "ex-a", "e", *(f"ex-a-{end}" for end in after.split())]
    found_here = "See Exercise 1.1, Fig. 1.1, [the check](../one.html#check-a)."
    assert cells["after-install"] == found_here
    assert cells["b"].startswith("# @title ")
    assert "A. $x$" in cells["check-a"]
    assert cells["ex-a"].startswith("## Exercise 1.1 (Mine)")
    assert cells["ex-a-answer"] == "def f(x):\n    ..."
    assert cells["ex-a-check"] == "from nnlib import check\n\ncheck.relu(f)"
    assert "return 7" not in made
    cells = cells_of(solved)
    assert list(cells) == [
        "top",
        "install",
        "chapter",
        "ex-a",
        "e",
        "ex-a-solution",
        "g",
        "after-g",
    ]
    assert cells["chapter"].startswith("%%capture\n\nimport altair")
    assert "return 7" not in cells["chapter"]
    assert cells["after-g"] == "**Fig. 1.1** A $z$."


@old_names
def test_a_public_book_has_its_address_in_links_and_installs_from_it(tmp_path):
    repository = "https://github.com/a/b"
    options = {"repository_url": repository}
    public = {"html_baseurl": "https://a.io/b/", "html_theme_options": options}
    cells = cells_of(write_notebooks(tmp_path / "a", **public)[0])
    assert "[The page](https://a.io/b/one.html)" in cells["top"]
    assert 'for name in ["altair", "nnlib"]' in cells["install"]
    package = f"neural-network-basics[plots,progress] @ git+{repository}"
    assert f'%pip install -q "altair>=6" "{package}"' in cells["install"]
