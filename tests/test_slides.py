"""Slides: what a deck says is read, what is wrong in it is named with its line, and plans fit."""

import json
import re

import assets
import built
import decks
import lectures
import pytest
import showing
import sources
from bs4 import BeautifulSoup

import slides

NAME = "chapters/02_activation_functions"
TITLE = ":::{notes} 0–1\nWelcome.\n:::\n"
LAST = "\n## Last\n\n:::{notes} 5–90\nThank you.\n:::\n"
PAGE = """<html><body><article class="bd-article"><section id="activation-functions">
<h1><span class="section-number">2. </span>Activation functions<a class="headerlink">#</a></h1>
<p><strong>After this chapter you can</strong></p><ol><li><p>measure slopes.</p></li></ol>
<section id="the-sigmoid"><span id="sec-sigmoid"></span><h2>The sigmoid</h2>
<p>Of 1,347 digits <a class="term" href="glossary.html#term-epoch">epochs</a> take 0.25 s,
<math><msup><mn>4</mn><mrow><mo>−</mo><mn>10</mn></mrow></msup></math>.</p>
<figure id="fig-one"><img alt="A curve." src="../_images/one.svg" width="500" height="250"
 loading="lazy"/><figcaption><span class="caption-number">Fig. 2.1 </span>It falls.</figcaption>
</figure>
<figure id="fig-live"><div class="chart"><p>A dial.</p><script type="application/json">{"params": [
{"name": "n", "value": 1, "bind": {"name": "units so far"}},
{"name": "f", "value": "one", "bind": {"name": "kind", "options": ["one", "all"]}}
]}</script></div></figure>
<table class="table"><tr><td>a</td></tr></table>
<div class="math" id="equation-eq-one"><span class="eqno">(2.1)</span><div class="formula">1</div>
</div><div class="math"><div class="formula">2</div></div></section>
<div class="cell"><div class="cell_input"><pre>print(1)</pre></div><div class="cell_output">
<div class="output"><pre>1</pre></div></div></div>
<div class="cell"><div class="cell_input"><pre>print(2)</pre></div></div>
<div class="solution"><div class="cell"><div class="cell_input"><pre>print(1)</pre></div></div>
</div>
<div class="quiz admonition" id="check-one"><p class="admonition-title">Self-check</p><p>Which?</p>
<ul><li><p><input type="checkbox"/> this</p><ul><li><p>Not so.</p></li></ul></li>
<li><p><input checked="checked" type="checkbox"/> that</p><ul><li><p>Since.</p></li></ul></li></ul>
</div></section></article></body></html>"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Return a book of one small page."""
    html = tmp_path_factory.mktemp("html")
    (html / "chapters").mkdir()
    (html / f"{NAME}.html").write_text(PAGE, encoding="utf-8")
    return showing.Book(html)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a deck with these slides in its first minutes."""

    def read_deck(text, first=TITLE, last=LAST):
        path = tmp_path / "deck.md"
        path.write_text(first + text + last, encoding="utf-8")
        return decks.read_deck(path)

    return read_deck


@pytest.fixture
def made(book, read):
    """Return a function that makes the second slide of a deck, and says what is wrong in it."""

    def make(words):
        deck = read(f"\n## Title\n\n{words}\n\n:::{{notes}} 1–5\nSay it.\n:::\n")
        maker = showing.Maker(book, book.page(NAME), deck)
        return maker.slides()[1], maker

    return make


def markup(shown):
    return "".join(str(block.tag) for block in shown.blocks)


def test_a_deck_is_slides_of_parts_with_minutes_and_steps(read):
    words = "Look:\n\n:::{show} fig-one\n:::\n\n:::{then}\nAnd\n:::{poll} check-one\n:::\n:::\n"
    deck = read(f"\n## Title\n\n{words}\n:::{{notes}} 1-5\nSay it.\n:::\n")
    assert deck.faults == []
    assert [(slide.label, slide.start, slide.end) for slide in deck.slides] == [
        ("title", 0, 1), ("minute-1", 1, 5), ("minute-5", 5, 90),
    ]  # fmt: skip
    parts = deck.slides[1].parts
    assert [(part.kind, part.argument, part.step, part.answer) for part in parts] == [
        ("words", "", 0, 0), ("show", "fig-one", 0, 0), ("words", "", 1, 0),
        ("poll", "check-one", 1, 2),
    ]  # fmt: skip
    assert deck.slides[1].steps == 2


def test_a_title_slide_without_notes_takes_no_time(read):
    deck = read("\n## Title\n\n:::{notes} 0–5\nSay it.\n:::\n", first="")
    assert deck.faults == []
    assert (deck.slides[0].label, deck.slides[0].end) == ("title", 0)


NOTES = ":::{notes} 1–5\nSay it.\n:::"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"## T\n\n{NOTES}\n\n{NOTES}", 5, "one {notes}, this one 2"),
        ("## T\n\nWords.\n", 5, "one {notes}, this one 0"),
        ("## T\n\n:::{notes} 2–5\nSay it.\n:::", 5, "begins in minute 2, the one before ends in 1"),
        ("## T\n\n:::{notes} five\nSay it.\n:::", 7, "{notes} 'five' is not as"),
        ("## T\n\n:::{notes} 1–5\n:::", 7, "say nothing"),
        (f"## T\n\n:::{{shwo}} fig-one\n:::\n{NOTES}", 7, "what is this? :::{shwo} fig-one"),
        (f"## T\n\n:::{{then}}\n:::{{shwo}} a\n:::\n:::\n{NOTES}", 8, ":::{shwo} a"),
        (f"## T\n\n:::{{show}}\n:::\n{NOTES}", 7, "what is this? :::{show}"),
        (f"## T\n\n### More\n{NOTES}", 7, "one title"),
        (f"## T\n\nHow large is $x = $?\n{NOTES}", 7, "a $ stands alone"),
        ("## T\n\n:::{notes} 1–5\nSay $x = $.\n:::", 8, "a $ stands alone"),
        (f"## T\n\n```python\na = 1\nb = (\n```\n{NOTES}", 9, "no Python"),
    ],
)
def test_what_is_wrong_in_a_deck_is_named_with_its_line(read, text, line, said):
    faults = read(f"\n{text}\n").faults
    assert any(fault.line == line and said in fault.said for fault in faults), faults


def test_a_lecture_has_ninety_minutes(read):
    (fault,) = read("", last="\n## Last\n\n:::{notes} 1–89\nThank you.\n:::\n").faults
    assert "from 0 to 89, not 0 to 90" in fault.said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("3 of 12 and 13", ["13"]),
        ("0.3 and [0.4]{.own} and [$0.5$ of 99]{.own}, **0.6**", ["0.3", "0.6"]),
        (r"$\tfrac14 \cdot 4^{-20}$, `x[64]` and float32", ["20", "64"]),
        ("1,347 digits, 93.3 %, −4.5, 9e-13", ["1347", "93.3", "4.5", "9e-13"]),
        ("| 14 |\n| --- |\n| 0.5 |", ["14", "0.5"]),
        ("[](#fig-15)", []),
    ],
)
def test_numbers_of_a_slides_own_words_are_found(words, found):
    tokens = decks.markdown().parse(words)
    assert [number for _, number in decks.own_numbers(tokens)] == found


def test_a_number_that_the_chapter_does_not_print_is_an_error(made):
    for printed in ("1,347", "0.250", "$4^{-10}$", "[0.3]{.own}"):
        assert made(f"It is {printed}.")[1].faults == []
    (fault,) = made("It is so.\n\nIt is 0.3.")[1].faults
    assert fault.startswith("deck.md:9: ")
    assert "does not print 0.3" in fault


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (":::{show} fig-two\n:::", "no page of the book has 'fig-two'"),
        (":::{show} sec-sigmoid\n:::", "is a section"),
        (":::{show} sec-sigmoid formula\n:::", "has 2 of kind formula"),
        (":::{show} sec-sigmoid table 2\n:::", "has 1 of kind table"),
        (":::{show} fig-one below\n:::", "what is 'below' of fig-one?"),
        (":::{show} fig-live with units=2\n:::", "no control 'units', only units so far, kind"),
        (":::{show} fig-live with kind=two\n:::", "kind is one of one, all, not 'two'"),
        (":::{show} fig-one with kind=one\n:::", "no control 'kind', only none"),
        (":::{cell} print\n:::", "2 cells"),
        (":::{cell} sprint\n:::", "0 cells"),
        (":::{output} print(2)\n:::", "prints nothing"),
        (":::{poll} fig-one\n:::", "is no self-check"),
        ("[](#fig-two)", "no page of the book has 'fig-two'"),
        (r"$\frac$", "cannot be set"),
    ],
)
def test_what_cannot_be_shown_is_named_with_its_line(made, words, said):
    (fault,) = made(words)[1].faults
    assert fault.startswith("deck.md:7: ")
    assert said in fault


def test_a_chart_begins_as_the_slide_says(made):
    shown, maker = made(":::{show} fig-live with units so far=0, kind=all\n:::")
    assert maker.faults == []
    chart = json.loads(shown.blocks[0].tag.select_one("script").string)
    assert [control["value"] for control in chart["params"]] == [0, "all"]


def test_a_figure_is_the_chapters_own_and_leads_to_it(made):
    shown, maker = made(
        ":::{show} fig-one\n:::\n\nIn [](#fig-one) and [](#sec-sigmoid), [](#eq-no)."
    )
    assert maker.pictures == {"one.svg"}
    assert '<img alt="A curve." src="_images/one.svg"' in markup(shown)
    (place,) = shown.places
    assert str(place) == f'<a href="../html/{NAME}.html#fig-one">Fig. 2.1</a>'
    assert f'<a href="../html/{NAME}.html#fig-one">Fig. 2.1</a>' in markup(shown)
    assert f'<a href="../html/{NAME}.html#sec-sigmoid">The sigmoid</a>' in markup(shown)
    (fault,) = maker.faults
    assert "eq-no" in fault


def test_the_number_of_a_figure_comes_with_it(made, book):
    shown, maker = made("Draw.\n\n:::{then}\n:::{show} fig-one\n:::\n:::")
    whole = slides.frame(shown, maker.chapter, book, maker.remarks.append)
    first, second = slides.stepped(whole, shown.slide.steps)
    assert first.select(".places > a.later")
    assert second.select(".places > a.visible")


def test_half_a_figure_has_half_its_height_or_width(made):
    (whole,) = made(":::{show} fig-one\n:::")[0].blocks
    (upper,) = made(":::{show} fig-one 0–50%\n:::")[0].blocks
    (right,) = made(":::{show} fig-one 50-100% across\n:::")[0].blocks
    assert (whole.ratio, upper.ratio, right.ratio) == (2, 4, 1)
    assert (whole.natural, upper.natural, right.natural) == (500, 500, 250)
    assert "margin: -0.00% 0 0 -100.00%; width: 200.00%" in str(right.tag)


def test_pieces_of_a_figure_stand_one_below_the_other_and_are_told_once(made):
    (block,) = made(":::{show} fig-one 0-40% 90-100%\n:::")[0].blocks
    assert (block.ratio, block.natural) == (4, 500)
    upper, foot = block.tag.select("img")
    assert (upper.parent["style"], foot.parent["style"]) == (
        "aspect-ratio: 5.0000", "aspect-ratio: 20.0000",
    )  # fmt: skip
    assert foot["style"] == "margin: -45.00% 0 0 -0.00%; width: 100.00%"
    assert [image.get("aria-hidden") for image in (upper, foot)] == [None, "true"]


def test_tables_formulas_cells_and_outputs_are_shown(made):
    for words, held in (
        (":::{show} sec-sigmoid table\n:::", "<td>a</td>"),
        (":::{show} sec-sigmoid formula 2\n:::", '<div class="formula">2</div>'),
        (":::{show} eq-one\n:::", "(2.1)"),
        ("It is [](#eq-one).", '#equation-eq-one">(2.1)</a>'),
        (":::{cell} print(1)\n:::", "print(1)"),
        (":::{cell} print(1)\n:::", "<pre>1</pre>"),
        (":::{output} print(1)\n:::", "<pre>1</pre>"),
        (":::{code} print(1)\n:::", "print(1)"),
    ):
        shown, maker = made(words)
        assert maker.faults == []
        assert held in markup(shown)
    assert "print" not in markup(made(":::{output} print(1)\n:::")[0])
    assert "<pre>1" not in markup(made(":::{code} print(1)\n:::")[0])


def test_a_poll_shows_its_answer_at_the_next_step_and_the_notes_have_every_reason(made):
    shown, maker = made(":::{poll} check-one\n:::")
    assert maker.faults == []
    choices = BeautifulSoup(markup(shown), "html.parser").select(".choices > li")
    assert [choice.get_text(strip=True) for choice in choices] == ["this", "that"]
    assert [choice.get("data-fragment-index") for choice in choices] == [None, "1"]
    assert not BeautifulSoup(markup(shown), "html.parser").select("input")
    assert "Not so." not in markup(shown)
    (reason,) = BeautifulSoup(markup(shown), "html.parser").select(".reason.fragment")
    assert reason.get_text() == "Since."
    assert "<b>A:</b> Not so." in shown.notes
    assert "<b>B, right:</b> Since." in shown.notes


def test_a_poll_that_comes_at_a_step_has_its_answer_at_the_one_after(made, book):
    shown, maker = made("Think.\n\n:::{then}\n:::{poll} check-one\n:::\n:::")
    parts = BeautifulSoup(markup(shown), "html.parser").select(".fragment")
    assert [(part["class"][0], part["data-fragment-index"]) for part in parts] == [
        ("poll", "1"), ("right", "2"), ("reason", "2"),
    ]  # fmt: skip
    whole = slides.frame(shown, maker.chapter, book, maker.remarks.append)
    asked = list(slides.stepped(whole, shown.slide.steps))[1]
    assert asked.select(".poll.visible")
    assert asked.select(".reason.later")


def test_a_number_to_choose_has_a_minus_sign():
    page = BeautifulSoup(
        PAGE.replace("> this<", "> -0.5<").replace("Not so.", "`x-1`"), "html.parser"
    )
    quiz = page.select_one(".quiz")
    quiz["class"].append("number")
    said = [
        item.get_text(" ", strip=True) for item in built.self_check(quiz, "1").select("li.wrong")
    ]
    assert said == ["−0.5 `x-1`"]


def test_paper_says_which_slide_it_is_and_a_link_leads_on_or_looks_like_none(
    made, book, monkeypatch
):
    shown, maker = made("In [](#fig-one).\n\n:::{then}\nMore.\n:::")
    whole = slides.frame(shown, maker.chapter, book, maker.remarks.append)
    deck = slides.Made("deck", maker.chapter, [shown], [whole], set(), "Title", [])
    for site, address in (("", None), ("https://a.b/c", f"https://a.b/c/{NAME}.html#fig-one")):
        monkeypatch.setattr(slides, "addresses", lambda site=site: ("", site))
        for noted, pages in ((False, 2), (True, 1)):
            page = BeautifulSoup(slides.paper(deck, "", noted=noted), "html.parser")
            assert [link.get("href") for link in page.select("a")] == pages * [address]
            assert [count.get_text() for count in page.select(".count")] == pages * ["1 / 1"]


def test_paper_has_a_page_for_each_step(made, book):
    shown, maker = made("Ask.\n\n:::{then}\nTell.\n:::\n\n:::{then}\nMore.\n:::")
    whole = slides.frame(shown, maker.chapter, book, maker.remarks.append)
    pages = list(slides.stepped(whole, shown.slide.steps))
    assert [len(page.select(".later")) for page in pages] == [2, 1, 0]
    assert [len(page.select(".visible")) for page in pages] == [0, 1, 2]


def test_small_letters_of_a_figure_are_remarked(made, book):
    for words, count in ((":::{show} fig-one\n:::", 0), (2 * ":::{show} fig-one\n:::\n", 1)):
        shown, maker = made(words)
        slides.frame(shown, maker.chapter, book, maker.remarks.append)
        assert len(maker.remarks) == 2 * count


def test_the_title_slide_has_what_the_chapter_promises(book, read):
    maker = showing.Maker(book, book.page(NAME), read("\n## T\n\n:::{notes} 1–5\nSay it.\n:::\n"))
    assert "measure slopes." in markup(maker.slides()[0])
    assert maker.faults == []


# --- the decks of this book -----------------------------------------------------------------------

DECKS = list(decks.decks(path.stem for path in sources.lessons()))
each_deck = pytest.mark.parametrize("deck", DECKS, ids=lambda deck: deck.path.stem)
#: What a calm voice reads in a minute.
WORDS = 130


@each_deck
def test_a_deck_is_a_lecture(deck):
    assert deck.faults == []
    assert 20 <= len(deck.slides) <= 28
    titles = [slide.title[0].content for slide in deck.slides if slide.title]
    assert len(set(titles)) == len(titles)
    assert [title.startswith("As in an exam") for title in titles[-4:]] == [False, True, True, True]
    assert any(title.startswith("Break it") for title in titles)
    kinds = [part.kind for slide in deck.slides for part in slide.parts]
    assert kinds.count("poll") >= 4
    assert sum(slide.steps > 0 for slide in deck.slides) >= len(deck.slides) / 2


def spoken(tokens):
    """Count the words that are said: what stands in italics is for the speaker alone."""
    count = aside = 0
    for token in tokens:
        for inner in token.children or ():
            aside += (inner.type == "em_open") - (inner.type == "em_close")
            count += len(inner.content.split()) if inner.type == "text" and not aside else 0
    return count


@each_deck
def test_notes_can_be_read_aloud_in_their_minutes(deck):
    long = {
        slide.label: words
        for slide in deck.slides
        if (words := spoken(slide.notes)) > WORDS * (slide.end - slide.start)
    }
    assert long == {}


@each_deck
def test_every_letter_of_a_deck_is_in_the_face(deck):
    text = re.sub(r"\$[^$]+\$", "", deck.path.read_text(encoding="utf-8"))
    assert set(text) - set(assets.LETTERS) - {"\n"} == set()


PLAN = re.compile(r"## \{chapter\}`(\w+)`.*?(?=\n## |\Z)", re.DOTALL)
ROW = re.compile(r"^\| (\d+)–(\d+) \|", re.MULTILINE)


def test_every_row_of_a_lesson_plan_begins_with_a_slide():
    text = (sources.ROOT / f"{lectures.PLANS}.md").read_text(encoding="utf-8")
    plans = {plan[1]: ROW.findall(plan[0]) for plan in PLAN.finditer(text)}
    for deck in DECKS:
        begins = {str(slide.start) for slide in deck.slides}
        assert {start for start, _ in plans[deck.path.stem]} - begins == set(), deck.path.stem


def test_pages_know_the_slides_that_are_there(tmp_path):
    assert lectures.found_slides(tmp_path) == {}
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "01-outline.html").touch()
    (tmp_path / "slides" / "index.html").touch()
    (tmp_path / "slides" / "01.html").write_text('<section data-timing="60" id="minute-1">')
    assert lectures.found_slides(tmp_path) == {"01": {"minute-1"}}
