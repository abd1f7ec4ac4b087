"""Terms of the glossary, linked from where a chapter first uses them."""

import re
from types import SimpleNamespace

import glossary
import pytest
from docutils import nodes
from docutils.core import publish_doctree
from glossary import Term, first_uses, forms
from hypothesis import example, given
from hypothesis import strategies as st
from sources import ROOT
from sphinx_external_toc.parsing import parse_toc_data

NAMES = (
    "batch", "entropy", "cross-entropy", "binary cross-entropy", "epoch", "hinge loss", "knots",
    "leaf", "multilayer perceptron (MLP)", "ReLU", "leaky ReLU", "softmax", "He initialization",
    "depth",
)  # fmt: skip


def term(name, home="9"):
    return Term(name, f"term-{name}", home, nodes.definition("", nodes.paragraph("", name)))


def uses(text, page="1"):
    """Return the terms that are linked in a page, each with the words that stand for it."""
    doctree = publish_doctree(text, settings_overrides={"report_level": 5})
    before = doctree.astext()
    found = first_uses(doctree, [term(name) for name in NAMES], page, "glossary.html")
    assert doctree.astext() == before
    links = [link for link in doctree.findall(nodes.reference) if "term" in link["classes"]]
    named = [link["refuri"].removeprefix("glossary.html#term-") for link in links]
    assert [term.name for term in found] == named
    return dict(zip(named, (link.astext() for link in links), strict=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A hinge loss, and a hinge loss.", {"hinge loss": "hinge loss"}),
        ("Hinge\nlosses at first.", {"hinge loss": "Hinge\nlosses"}),
        ("Of entropies and batches.", {"entropy": "entropies", "batch": "batches"}),
        ("After thirty epochs.", {"epoch": "epochs"}),
        ("At a knot.", {"knots": "knot"}),
        ("A binary cross-entropy.", {"binary cross-entropy": "binary cross-entropy"}),
        ("A mini-batch, a rebatched one, an entropy-like thing.", {}),
        ("Leaky ReLU, then ReLU.", {"leaky ReLU": "Leaky ReLU", "ReLU": "ReLU"}),
        ("relu and he initialization and he.", {}),
        ("MLPs.", {"multilayer perceptron (MLP)": "MLPs"}),
        ("(softmax), softmax’s.", {"softmax": "softmax"}),
        ("*softmax*, **ReLU**, ``batch``, `leaf <x.html>`__: softmaxes.", {"softmax": "softmaxes"}),
        ("softmax\n=======\n\nText\n\nA softmax\n---------\n\nText.", {}),
        (".. code::\n\n   softmax\n\n.. math:: softmax\n\nText :math:`softmax`.", {}),
        (".. figure:: a.png\n\n   A softmax.\n\nA text.", {}),
        (".. class:: quiz\n\n.. note:: The softmax?\n\nThe batch.", {"batch": "batch"}),
        ("- One softmax.\n\n  1. Two batches.", {"softmax": "softmax", "batch": "batches"}),
    ],
)  # fmt: skip
def test_the_first_use_in_running_text_is_linked(text, found):
    assert uses(text) == found


def test_a_word_with_other_senses_is_linked_where_it_is_explained():
    assert "depth" in glossary.EVERYDAY
    assert uses("What depth saves.", page="9") == {"depth": "depth"}
    assert uses("Python ends at a depth of 1000.", page="1") == {}


@given(st.lists(st.sampled_from([*NAMES[:8], "a", "*", "no batch-size", ".", "Batches"])))
@example(["batch", "batch"])
def test_no_term_is_linked_twice_and_no_word_is_lost(words):
    found = uses(" ".join(words) or "a")
    assert len(found) == len({*found})


def test_the_forms_of_a_term_are_its_numbers_and_its_other_name():
    assert {*forms("multilayer perceptron (MLP)")} == {
        "multilayer perceptron", "multilayer perceptrons", "MLP", "MLPs",
    }  # fmt: skip
    assert {*forms("0-1 loss")} == {"0-1 loss", "0-1 losses"}
    assert {*forms("array")} == {"array", "arrays"}


def test_everyday_words_are_terms_of_the_glossary():
    written = (ROOT / "chapters" / "glossary.md").read_text(encoding="utf-8")
    assert {*re.findall(r"^(\S.*)\n  \S", written, re.MULTILINE)} >= glossary.EVERYDAY


def test_terms_are_linked_in_the_pages_that_have_a_number_whatever_their_names():
    pages = ["losses", "2026_plan"]
    parts = [
        {"numbered": numbered, "chapters": [{"file": page}]}
        for numbered, page in zip([True, False], pages, strict=True)
    ]
    contents = parse_toc_data({"format": "jb-book", "root": "index", "parts": parts})
    config = SimpleNamespace(external_site_map=contents)
    env = SimpleNamespace(config=config, found_docs={*pages, glossary.GLOSSARY})
    assert [page for page in pages if glossary.links_terms(env, page)] == ["losses"]
