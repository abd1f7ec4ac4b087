"""What the search can find: the places of a page, and the words of each."""

import json
import re
import tomllib

import absent
import search
from docutils import nodes
from docutils.core import publish_doctree
from sphinx import addnodes

PAGE = """
The page
========

Opening words.

.. _sec-one:

One *and*
---------

Here **a term** is explained, and :math:`x^2` is :math:`y`.

Three
~~~~~

Deeper words.

.. raw:: html

   <b>markup</b>

.. class:: quiz

   .. note:: An answer that is wrong.
"""


def element(kind, *children, **attributes):
    """Return a node of a kind that an extension of Sphinx has."""
    node = kind("", *children)
    node.attributes |= {"classes": [], "ids": []} | attributes
    return node


def cell(code, printed="", **attributes):
    """Return a cell as MyST-NB has it."""
    parts = [element(nodes.container, nodes.literal_block("", code), classes=["cell_input"])]
    if printed:
        output = nodes.literal_block("", printed)
        parts.append(element(nodes.container, output, classes=["cell_output"]))
    return element(nodes.container, *parts, nb_element="cell_code", **attributes)


def places(*more):
    """Return by their anchors the places of a page that ends with more nodes."""
    doctree = publish_doctree(PAGE, settings_overrides={"doctitle_xform": False})
    doctree[0] += more
    return {place.anchor: place for place in search.places(doctree)}


def test_a_section_is_a_place_with_its_own_words_under_the_label_that_was_written():
    page, one, three = places().values()
    assert (page.anchor, page.kind, page.title, page.above) == ("the-page", "page", "The page", [])
    assert page.text == "Opening words."
    assert (one.anchor, one.kind, one.title) == ("sec-one", "section", "One and")
    assert one.names == ["a term"]
    assert one.text == "Here a term is explained, and … is …."
    assert three.above == ["The page", "One and"]
    assert three.text == "Deeper words."


def test_a_statement_and_an_exercise_are_places_and_a_solution_is_none():
    content = [nodes.title("", " (Gibbs)"), nodes.paragraph("", "So.")]
    statement = element(nodes.Element, *content, realtype="theorem", label="thm-a")
    title = nodes.title("", "", nodes.Text("Exercise"), nodes.inline("", "Draw"))
    content = [title, nodes.paragraph("", "Do.")]
    exercise = element(nodes.Element, *content, type="exercise", label="ex-a")
    solution = element(nodes.Element, nodes.paragraph("", "Done."), classes=["solution"])
    found = places(statement, exercise, solution)
    theorem, task = found["thm-a"], found["ex-a"]
    assert (theorem.kind, theorem.title, theorem.text) == ("theorem", "Gibbs", "So.")
    assert (task.kind, task.title, task.text) == ("exercise", "Draw", "Do.")
    assert not any("Done" in place.text for place in found.values())


def test_a_cell_gives_names_in_shown_code_errors_and_captions_and_no_outputs():
    printed = "0.25\nRuntimeError: Trying to\n  go back twice\ntensor([1])"
    caption = nodes.figure("", nodes.caption("", "Loss of each step"))
    shown = cell("from torch import nn\nnet = build_net(3)", printed)
    shown += caption
    page = places(shown, cell("draw_axes()", hide_mode="input"))["the-page"]
    assert page.code == ["build_net", "net"]
    assert page.names == ["RuntimeError: Trying to\n  go back twice"]
    assert page.text == "Opening words. Loss of each step"


def places_of(script):
    return json.loads(re.search(r"window.bookPlaces = (.*);", script)[1])["places"]


PLACE = search.Place("a", "section", "A", [])
NONE = {"phrases": [], "idle": [], "places": {}}


def test_a_chapter_counts_for_more_than_what_is_looked_up():
    names = ["chapters/losses", "chapters/glossary", "chapters/api", "chapters/2026_plan"]
    found = places_of(search.script({name: [PLACE] for name in names}, NONE, names[:1]))
    weights = {place["page"]: place["weight"] for place in found}
    assert sorted(names, key=weights.get, reverse=True) == names
    assert len(set(weights.values())) == len(names)


def test_a_page_is_named_by_its_title():
    named = element(
        addnodes.pending_xref, nodes.inline("", "02_b"), refdomain="std", reftype="doc",
        refdoc="chapters/a", reftarget="02_b", refexplicit=False,
    )  # fmt: skip
    found = list(places(nodes.paragraph("", "Of ", named, nodes.Text("."))).values())
    for page, title in [("chapters/02_b", "A"), ("chapters/c", "B")]:
        beside = absent.Absent(
            {"chapters/02_b": absent.Place("chapters/02_b", "B", "B")}, {}, set()
        )
        script = search.script({"chapters/a": found, page: [PLACE]}, NONE, beside=beside)
        texts = [place["text"] for place in places_of(script)]
        assert any(text.endswith(f"Of {title}.") for text in texts)


def test_a_place_has_the_names_that_students_give_it():
    script = search.script({"p": [PLACE]}, NONE | {"places": {"a": ["alpha", "first"]}})
    assert places_of(script)[0]["names"] == ["alpha", "first"]


def test_a_name_for_a_place_that_is_not_there_is_told(caplog):
    search.script({"p": [PLACE]}, NONE | {"places": {"b": ["beta"]}})
    assert "no place has the label b" in caplog.text


def test_no_phrase_stands_for_two_things():
    groups = tomllib.loads(search.SYNONYMS.read_text())["phrases"]
    phrases = [phrase.lower() for group in groups for phrase in group]
    assert [phrase for phrase in set(phrases) if phrases.count(phrase) > 1] == []
