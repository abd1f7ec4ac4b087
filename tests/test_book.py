"""The book and its tests: every numbered statement has a test, every marked test a statement."""

import ast
import gzip
import json
import re
from base64 import b64decode
from io import BytesIO, StringIO
from types import SimpleNamespace

import absent
import assets
import checks
import exercises
import formulas
import matplotlib.colors
import public
import pytest
import reading
import sources
import vl_convert
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.core import publish_doctree
from nbval.plugin import get_sanitize_patterns
from PIL import Image
from reading import Part, Reading, measure
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.util.docutils import docutils_namespace
from statements import KINDS, ROOT, marked, statements

from .self_checks import self_checks

each_notebook = pytest.mark.parametrize("path", sources.chapters(), ids=lambda path: path.stem)
# Beside them stand the opening page and appendices that compute.
each_chapter = pytest.mark.parametrize("path", sources.lessons(), ids=lambda path: path.stem)


def cells_of(path):
    """Return the cells of a notebook, each with its source as one text."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | {"source": "".join(cell["source"])} for cell in cells]


def text_of(path):
    return "\n\n".join(cell["source"] for cell in cells_of(path))


def parts(path):
    """Return of each part that a chapter needs how many it needs, and how many it has."""
    text = text_of(path)
    objectives = text.partition("**After this chapter you can**\n\n")[2].partition("\n\n")[0]

    def count(pattern, where=text):
        return len(re.findall(pattern, where, re.MULTILINE))

    return {
        "objectives, in a list below **After this chapter you can**": (
            3, count(r"^(-|\d+\.) ", objectives)),
        "paragraph that begins with **What to know first**": (
            1, count(r"^\*\*What to know first\b")),
        "formula between lines of $$": (1, count(r"^\$\$")),
        f"statements, :::{{prf:...}} with one of {', '.join(KINDS)}": (
            3, count(rf"^:::+\{{prf:({'|'.join(KINDS)})\}}")),
        "self-checks, :::{admonition} with :class: quiz": (4, count(r"^:class: quiz\b")),
        "exercises, :::{exercise}": (6, count(r"^:::+\{exercise\}")),
        "figures, cells with a figure in their metadata": (
            6, sum("figure" in cell["metadata"].get("mystnb", ()) for cell in cells_of(path))),
        "chart that the reader moves, shown by plots.interactive": (
            1, count(r"^plots\.interactive\(")),
        "section ## Break it": (1, count("^## Break it")),
        "section ## What covers what": (1, count("^## What covers what")),
        "section ## Where to read on": (1, count("^## Where to read on")),
    }  # fmt: skip


@each_chapter
def test_a_chapter_has_all_its_parts(path):
    few = [f"{has} of {needs} {part}" for part, (needs, has) in parts(path).items() if has < needs]
    assert not few, "\n".join(["what a chapter needs:", *few])


TO_WRITE = re.compile(r"[A-Z]{2,}(?: [A-Z]{2,})+")  # as the template says it


@each_chapter
def test_no_word_of_the_template_is_left(path):
    template = text_of(ROOT / "_ext" / "templates" / "chapter.ipynb")
    left = set(TO_WRITE.findall(template)).intersection(TO_WRITE.findall(path.read_text("utf-8")))
    assert left == set(), f"to be written in place of {left}"


@each_chapter
def test_a_first_reading_has_its_measure_and_only_the_build_says_how_long_it_takes(path):
    main = measure(path).main
    assert main.words <= 3300
    assert main.lines <= 130
    assert main.statements <= 3
    typed = re.findall(
        r"(?i)\*\*time\b.*|.*\breading time\b.*|.*\babout \d+\s+minutes\b.*", text_of(path)
    )
    assert typed == [], f"a time that was typed: {typed}"


CHAPTER = [
    "# One two\n\nthree $x$ and `x = 1`, {ref}`four <five>`: **six** [seven](http://a.b/c)\n\n$$\ny\n$$\n",
    "(sec-a)=\n## Seven\n\n- [ ] eight\n\n| a | b |\n|---|---|\n| c | $d$ |\n",
    ":::{prf:proposition} Nine ten\n:label: prop-a\neleven\n:::\n\n:::{prf:definition}\nx\n:::\n",
    ":::{prf:proof}\n:class: dropdown\nIt is so.\n:::\n",
    ":::{admonition} Self-check\n:class: quiz\nIs it?\n:::\n",
    "## Going deeper\n\none\n\n### two\n\n:::{prf:lemma}\n:label: l\nthree\n:::\n",
    "## Exercises\n\n:::{exercise} E\n:label: ex-a\nDo.\n:::\n\n:::{solution} ex-a\nDone.\n:::\n",
    "## Where to read on\n\nthere\n",
]


def code(source, *tags):
    return {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}


def test_a_chapter_is_measured_by_its_parts(tmp_path):
    cells = [{"cell_type": "markdown", "source": text} for text in CHAPTER]
    cells.insert(1, code("a = 1\n\nb = 2\n"))
    cells.insert(2, code("draw()", "hide-input"))
    cells.insert(8, code("c = 3"))
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    main, deeper, exercises = measure(tmp_path / "a.ipynb")
    # One two three $x$ and `x = 1` {ref} six seven $$y$$; Seven eight a b c $d$; Nine ten eleven x;
    # Where to read on there.
    assert main == (10 + 6 + 4 + 5, 2, 1, 1, 0)
    assert deeper == (4 + 1, 1, 0, 1, 0)
    assert exercises.exercises == 1


def printed(path):
    """Return the lines of text that the cells of a notebook print."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            yield from "".join(text).splitlines()


def test_cells_print_numbers_and_hardly_a_verdict():
    # What is set to True, as in bias=True, is none.
    verdict = re.compile(r"(?<!=)\b(True|False)\b")
    found = [line for path in sources.chapters() for line in printed(path) if verdict.search(line)]
    assert len(found) < 5, "\n".join(found)


def test_the_time_for_a_chapter_is_told_to_five_minutes():
    main = Part(words=3012, lines=118, checks=6, statements=3)
    assert str(Reading(main, Part(words=1500, lines=60), Part(exercises=8))) == (
        "Main line: about 35 minutes (3,012 words, 118 lines of code, 6 self-checks). "
        "Going deeper: 15 minutes. Exercises: 8."
    )
    assert "Going" not in str(Reading(main, Part(), Part()))
    assert Part(words=10).minutes == 5


def test_the_opening_page_says_at_which_pace_times_are_computed():
    text = " ".join(text_of(ROOT / "chapters" / "index.ipynb").split())
    assert (
        f"{reading.WORDS} words, {reading.LINES} lines of code or one self-check a minute" in text
    )


@pytest.mark.parametrize(
    ("number", "sanitized"),
    [
        ("≈ 0.964", "≈ #"),
        ("≈ 96.4%", "≈ #%"),
        ("≈   9.4%, 0.1", "≈   #%, 0.1"),
        ("≈ -1,234.5, +2", "≈ #, +2"),
        ("≈ −3.2e-05 and ≈ +7", "≈ # and ≈ #"),
        ("≈ nan", "≈ nan"),
        ("<?xml version='1.0'?>\n<svg>\n0.1\n</svg>\n", "drawing\n"),
        ("0.964", "0.964"),
    ],
)
def test_only_a_number_after_the_sign_and_a_drawing_may_differ(number, sanitized):
    text = (ROOT / "tests" / "nbval.ini").read_text(encoding="utf-8")
    for pattern, replacement in get_sanitize_patterns(text):
        number = re.sub(pattern, replacement, number)
    assert number == sanitized


def test_every_call_of_nbval_knows_which_numbers_may_differ():
    for name in ("Makefile", "chapters/running.md"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
        calls = re.findall(r".*--nbval .*", text)
        assert calls
        assert all("--nbval-sanitize-with=tests/nbval.ini" in call for call in calls)


@each_chapter
@pytest.mark.parametrize("page", ["index.ipynb", "teaching.md"])
def test_the_opening_page_and_the_lesson_plans_lead_to_every_chapter(page, path):
    text = (ROOT / "chapters" / page).read_text(encoding="utf-8")
    assert f"{{doc}}`{path.stem}`" in text, f"chapters/{page} has no word on {path.stem}"


@each_chapter
def test_every_exercise_has_a_solution(path):
    text = text_of(path)
    exercises = re.findall(r"^:label: (ex-\S+)", text, re.MULTILINE)
    written = re.findall(r"^:::+\{exercise\}", text, re.MULTILINE)
    assert len(exercises) == len(written), "exercises, and those with a :label: ex-..., differ"
    solved = re.findall(r"^:::+\{solution(?:-start)?\} (\S+)", text, re.MULTILINE)
    unsolved = sorted(set(exercises) - set(solved))
    assert unsolved == [], f"exercises without a solution: {unsolved}"


SOLVED = [
    "Do.\n\n:::{solution-start} ex-a\n:class: dropdown\n:::\n\nFirst",
    "x = 1",
    "so\n:::{solution-end}\n:::\n\n"
    "::::{solution} ex-b\n:label: sol\n:::{note}\nIt is.\n:::\n::::\nNext",
]


def test_exercises_and_solutions_are_told_apart():
    kinds = ("markdown", "code", "markdown")
    cells = [
        {"cell_type": kind, "id": str(i), "source": text}
        for i, (kind, text) in enumerate(zip(kinds, SOLVED, strict=True))
    ]
    left = exercises.without_solutions(cells)
    assert [cell["source"] for cell in left] == ["Do.", "Next"]
    solved = exercises.solutions(cells)
    assert [cell["source"] for cell in solved["ex-a"]] == ["First", "x = 1", "so"]
    assert [cell["source"] for cell in solved["ex-b"]] == [":::{note}\nIt is.\n:::"]


@each_chapter
def test_every_self_check_has_one_right_answer(path):
    text = text_of(path)
    found = [answers for _, answers in self_checks(text)]
    assert len(found) == len(re.findall(r"^:class: quiz", text, re.MULTILINE))
    assert all([answer.right for answer in answers].count(True) == 1 for answers in found)
    assert sum(map(len, found)) == len(re.findall(r"^- \[[ x]\]", text, re.M))


def test_what_lies_beside_the_book_is_known_by_its_labels(tmp_path):
    (tmp_path / "a.md").write_text("# Here\n\n(sec-both)=\n## Both\n")
    (tmp_path / "b.md").write_text(
        "# There $x$\n\n(sec-b)=\n## Section\n\n(sec-both)=\n## Copied\n\n"
        ":::{exercise} Task\n:label: ex-b\n:::\n\n$$ (eq-b)\ny\n$$\n"
    )
    (tmp_path / "notes.ipynb").write_text("[]")
    found = absent.absent(tmp_path, ("a",))
    assert found.pages == {"b": ("b", "There $x$", "There $x$")}
    titles = {label: place.title for label, place in found.labels.items()}
    assert titles["sec-b"] == "Section"
    assert titles["ex-b"] == "Task"
    assert titles["eq-b"] == "There $x$"
    assert "sec-both" not in titles  # the book has it


def test_a_title_without_a_link_keeps_its_formulas():
    title = absent.emphasis("*Constants* $C$ and `fit`")
    assert [type(part) for part in title if part.astext()] == [
        nodes.Text, nodes.math, nodes.Text, nodes.literal,
    ]  # fmt: skip
    assert title.astext() == "Constants C and fit"


def test_no_text_has_the_number_of_a_chapter():
    # It would be wrong once a chapter has moved: {chapter}`04_softmax_and_kl` is counted anew.
    # The books that are cited have numbers of their own.
    typed = re.compile(r"^(?!.*\{cite).*\b[Cc]hapters? \d.*", re.MULTILINE)
    for path in sources.pages():
        assert typed.findall(sources.markdown(path)) == [], path.name


@each_notebook
def test_every_picture_is_a_figure_with_a_caption_a_name_and_an_alt_text(path):
    for cell in cells_of(path):
        if any("image/png" in output.get("data", ()) for output in cell.get("outputs", ())):
            metadata = cell["metadata"].get("mystnb", {})
            given = {*metadata.get("figure", ()), *metadata.get("image", ())}
            missing = {"caption", "name", "alt"} - given
            assert missing == set(), f"the metadata mystnb of cell {cell['id']} lack {missing}"


def figures(path):
    """Yield the name, data and metadata of each figure that Matplotlib has drawn."""
    for cell in cells_of(path):
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", ()):
                name = cell["metadata"]["mystnb"]["figure"]["name"]
                yield name, output["data"], output["metadata"]["image/png"]


@each_notebook
def test_every_figure_is_sharp_and_no_wider_than_its_text_allows_on_a_phone(path):
    for name, data, shown in figures(path):
        with Image.open(BytesIO(b64decode(data["image/png"]))) as picture:
            half = [side // 2 for side in picture.size]
            assert half == [shown["width"], shown["height"]], name
            assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255), name
            weight = len(b64decode(data["image/png"]))
        assert shown["width"] <= 500, name
        if drawing := "".join(data.get("image/svg+xml", "")):
            assert len(gzip.compress(drawing.encode())) <= weight, name
            # Letters are outlines of 100 units to the em.
            sizes = set(re.findall(r"scale\((0[\d.]+) -[\d.]+\)", drawing))
            assert sizes <= {"0.12"}, f"{name} has text of {sizes} times 100 points, not 12"


def test_figures_have_the_face_of_the_text(tmp_path):
    assets.lay_figures_face(tmp_path / "figures.ttf")
    made = (tmp_path / "figures.ttf").read_bytes()
    assert made == (ROOT / "nnlib" / "figures.ttf").read_bytes(), "run: python _ext/assets.py"


def charts():
    """Yield the stored charts of all chapters."""
    for path in sources.chapters():
        for cell in cells_of(path):
            for output in cell.get("outputs", ()):
                if chart := output.get("data", {}).get("application/vnd.vegalite.v5+json"):
                    yield pytest.param(chart, id=f"{path.stem} {cell['id']}")


def contrast(*colors):
    """Return the contrast of two colors as WCAG defines it."""
    linear = (
        [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        for rgb in map(matplotlib.colors.to_rgb, colors)
    )
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (light + 0.05) / (dark + 0.05)


# Jupyter Lab asks Vega for this theme where its own is dark: white ink, on a ground of Lab's.
@pytest.mark.parametrize("theme", ["default", "dark"])
@pytest.mark.parametrize("chart", list(charts()))
def test_a_chart_is_read_in_a_light_and_in_a_dark_notebook(chart, theme):
    drawn = BeautifulSoup(vl_convert.vegalite_to_svg(chart, theme=theme), "html.parser")
    ground = drawn.svg.find("rect", recursive=False)["fill"]
    words = {tag["fill"] for tag in drawn.select("text") if tag.get_text(strip=True)}
    lines = {tag["stroke"] for tag in drawn.select(".mark-line path, .mark-rule line")}
    assert words
    assert min(contrast(ground, color) for color in words) > 4.5
    assert min(contrast(ground, color) for color in lines) > 1.3


def test_every_statement_has_a_test():
    untested = sorted(set(statements()) - set(marked()))
    assert untested == [], f"mark a test with @pytest.mark.statement of each of {untested}"


def test_every_marked_test_has_a_statement():
    # A chapter that the book leaves out keeps its tests.
    known = statements([*sources.chapters(), *sources.beside(sources.chapters())])
    missing = {label: found for label, found in marked().items() if label not in known}
    assert missing == {}, f"no chapter has these labels: {missing}"


def written(folder, *cells):
    source = {"cells": [{"cell_type": "markdown", "source": text} for text in cells]}
    (folder / "a.ipynb").write_text(json.dumps(source))
    return [folder / "a.ipynb"]


def test_a_statement_is_found_with_its_options_in_any_order(tmp_path):
    text = "Text\n\n::::{prf:lemma} Two\n:nonumber:\n:label: lem-two\nIt is.\n::::\n"
    assert statements(written(tmp_path, text, "```{prf:definition}\n```")) == {
        "lem-two": ("a.ipynb", "Two")
    }


def test_a_statement_without_a_label_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a theorem has no label"):
        statements(written(tmp_path, ":::{prf:theorem} One\nIt is so.\n:label: late\n:::\n"))


def test_a_label_that_stands_twice_is_refused(tmp_path):
    text = ":::{prf:theorem}\n:label: thm\n:::\n"
    with pytest.raises(ValueError, match="thm stands here once more"):
        statements(written(tmp_path, text, text))


def test_a_mark_is_found_in_any_file_of_the_folder(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_a.py").write_text(
        "class TestX:\n    @pytest.mark.statement('a', 'b')\n    def test_y(self): ..."
    )
    assert marked(folder) == {
        "a": [("tests/test_a.py", "test_y")],
        "b": [("tests/test_a.py", "test_y")],
    }


@pytest.fixture
def built(tmp_path):
    """Return a function that builds a page, and returns it with what the build complains of."""

    def build(text):
        (tmp_path / "index.rst").write_text(f"Title\n=====\n\n{text}\n")
        said = StringIO()
        with docutils_namespace():
            app = Sphinx(
                tmp_path, None, tmp_path / "html", tmp_path / "trees", "html", status=None,
                warning=said, freshenv=True, confoverrides=SETTINGS,
            )  # fmt: skip
            app.build()
        return (tmp_path / "html" / "index.html").read_text(), said.getvalue()

    return build


SETTINGS = {"extensions": ["formulas"], "html_math_renderer": "mathml", "html_theme": "basic"}


@pytest.mark.parametrize("text", [r"One :math:`\foo`.", ".. math::\n\n   x_{", ".. math:: a & b"])
def test_a_formula_that_cannot_be_set_is_named_with_its_place(built, text):
    page, said = built(f"All is well.\n\n{text}")
    assert re.search(r"index\.rst:6: WARNING: a formula cannot be set: \S", said), said
    assert "<math" not in page


@pytest.mark.parametrize("environment", ["align", "equation", "gather"])
def test_a_formula_with_numbers_of_its_own_is_refused(environment):
    with pytest.raises(ValueError, match=rf"^.begin{{{environment}}} has a number of its own"):
        formulas.typeset(rf"\begin{{{environment}}} x \end{{{environment}}}")


def test_lines_of_a_formula_are_aligned_though_nothing_says_so():
    assert formulas.typeset(r"a &= b \\ &= c", display=True).count("<mtr>") == 2


@pytest.mark.parametrize("root", [r"\sqrt{x}", r"\sqrt[3]{x}"])
def test_the_font_has_the_sign_of_a_root(root):
    assert "√" in formulas.characters([formulas.typeset(root)])


def test_an_equation_has_its_number_and_an_anchor(built):
    page, said = built(":eq:`eq-a`\n\n.. math::\n   :label: eq-a\n\n   a < b")
    assert said == ""
    equation = BeautifulSoup(page, "html.parser").find(id="equation-eq-a")
    assert equation.select_one(".eqno").get_text().startswith("(1)")
    assert equation.math["data-tex"] == "a < b"
    assert equation.math.get_text() == "a<b"


def test_marks_beside_a_formula_stay_with_it(built):
    page, _ = built("See (:math:`x`), :math:`n`-th; :math:`y` alone. *A*, so *b* :math:`z`, so *c*")
    (paragraph,) = BeautifulSoup(page, "html.parser").select("section > p")
    wholes = [whole.get_text() for whole in paragraph.select(".formula-and-marks")]
    assert wholes == ["(x),", "n-", "z,"]
    # The mark is gone from that text, and not from one that says the same.
    assert paragraph.get_text() == "See (x), n-th; y alone. A, so b z, so c"


def test_a_description_says_a_formula_as_it_is_read():
    page = nodes.document("", "")
    formula = nodes.math("", r"\hat p < 1")
    page += nodes.paragraph("", "", nodes.Text("The "), formula, nodes.Text(", so."))
    assert public.description(page) == "The pˆ<1, so."


@pytest.mark.parametrize("address", ["", "https://github.com/a/b"])
def test_a_public_address_may_be_missing_and_is_on_github(address):
    public.check_address(None, SimpleNamespace(html_theme_options={"repository_url": address}))


def test_an_address_that_is_not_on_github_is_refused():
    config = SimpleNamespace(html_theme_options={"repository_url": "github.com/a/b"})
    with pytest.raises(ConfigError, match="'github.com/a/b', not https://github.com/OWNER/NAME"):
        public.check_address(None, config)


def published(repository, site):
    config = SimpleNamespace(
        html_theme_options={"repository_url": repository}, html_baseurl=site, html_title="Book"
    )
    env = SimpleNamespace(titles={"chapters/a": nodes.title("", 'Of "nan"')})
    page = nodes.document("", "")
    page += nodes.paragraph("", "What it is.")
    context = {"header_buttons": [], "metatags": ""}
    public.publish_page(SimpleNamespace(config=config, env=env), "chapters/a", "", context, page)
    return context


def test_a_page_of_an_unpublished_book_has_nothing_of_it():
    assert published("", "") == {"header_buttons": [], "metatags": ""}


def test_a_page_of_a_published_book_can_be_reported_and_previewed():
    context = published("https://github.com/a/b", "https://a.io/b/")
    assert [button["url"] for button in context["header_buttons"]] == [
        "https://github.com/a/b/issues/new?template=book.yml&place=chapters%2Fa"
    ]
    for tag in (
        'og:title" content="Of &quot;nan&quot;"',
        'og:description" content="What it is."',
        'og:image" content="https://a.io/b/_static/page.png"',
        'og:url" content="https://a.io/b/chapters/a.html"',
    ):
        assert tag in context["metatags"]


def test_the_form_and_the_picture_that_pages_name_are_there():
    assert public.PICTURE.exists()
    form = (public.PICTURE.parent / "ISSUE_TEMPLATE" / "book.yml").read_text(encoding="utf-8")
    assert "id: place" in form


def test_contributing_names_what_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = r"`([\w.-]+(?:/[\w.-]*)+|[\w-]+\.(?:md|toml|txt|yml|bib))`"
    named = set(re.findall(paths, text)) - {"chapters/NN_name.ipynb"}
    lost = sorted(path for path in named if not (ROOT / path).exists())
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lost += sorted(set(re.findall(r"`make\s([\w-]+)", text)) - targets)
    # A step of a recipe: what it names stands in one of its files.
    for step in re.findall(r"^\d\. .*(?:\n   .*)*", text, re.MULTILINE):
        files = [ROOT / path for path in re.findall(paths, step) if path in named]
        written = "".join(file.read_text("utf-8") for file in files if file.is_file())
        lost += [name for name in re.findall(r"`(\w+)`", step) if written and name not in written]
    assert lost == []


def test_no_label_carries_the_number_of_its_chapter():
    # A chapter can be inserted or moved, and addresses that people have kept go on working.
    numbered = re.compile(r"\b(?:ex|sol|fig|sec|check|prop|thm|def)-\d+-[a-z][\w-]*")
    for path in sources.pages():
        found = numbered.findall(path.read_text(encoding="utf-8"))
        assert found == [], f"labels of {path.name} with a number: {found}"


def test_no_chapter_uses_a_private_name_of_nnlib():
    # Such a name may change at any time, and readers copy what they see.
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nnlib").rglob("*.py"))
    private = set(re.findall(r"(?<!\w)_[a-z]\w*", text))
    for path in sources.chapters():
        for cell in cells_of(path):
            if cell["cell_type"] == "code":
                nodes_of_cell = list(ast.walk(ast.parse(cell["source"])))
                taken = {node.attr for node in nodes_of_cell if isinstance(node, ast.Attribute)}
                taken |= {node.name for node in nodes_of_cell if isinstance(node, ast.alias)}
                found = taken & private
                assert not found, f"{path.name}: the cell {cell['id']} uses {found}, not public"


@pytest.mark.parametrize(
    ("style", "trimmed"),
    [
        (".used{a:b}.not{c:d}", ".used{a:b}"),
        (".used,.not,p{a:b}", ".used,p{a:b}"),
        (".used .not{a:b}p.used:hover{c:d}", "p.used:hover{c:d}"),
        ("p:not(.not){a:b}:is(.not,.used) p{c:d}", "p:not(.not){a:b}:is(.not,.used) p{c:d}"),
        ('img[src$=".svg"]{a:b}', 'img[src$=".svg"]{a:b}'),
        ("@media print{.not{a:b}}@media (x){.used{a:b}.not{c:d}}", "@media (x){.used{a:b}}"),
        ("@font-face{src:url(a.not.ttf)}/* .used{a:b} */", "@font-face{src:url(a.not.ttf)}"),
        ("@keyframes x{0%{a:b}to{c:d}}", "@keyframes x{0%{a:b}to{c:d}}"),
    ],
)
def test_a_style_keeps_what_may_still_apply(style, trimmed):
    assert assets.used_rules(style, {"used"}) == trimmed


SELF_CHECK = """.. admonition:: Self-check
   :class: quiz
   :name: {}

   {}

   - [x] One.

.. note:: No self-check.
"""


def test_a_self_check_is_another_when_any_word_or_formula_of_it_is():
    texts = ["How many?", "How many :math:`x`?", "How many :math:`y`?"]
    found = [checks.checks(publish_doctree(SELF_CHECK.format("check-a", text))) for text in texts]
    assert [list(names) for names in found] == [["check-a"]] * 3
    assert len({names["check-a"] for names in found}) == 3
    again = checks.checks(publish_doctree(SELF_CHECK.format("check-b", texts[0])))
    assert again == {"check-b": found[0]["check-a"]}
