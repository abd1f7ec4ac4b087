"""The book and its tests: every numbered statement has a test, every marked test a statement."""

import json

import pytest
from statements import marked, statements


def test_every_statement_has_a_test():
    assert set(statements()) - set(marked()) == set(), "mark a test of nnlib with these labels"


def test_every_marked_test_has_a_statement():
    missing = {label: found for label, found in marked().items() if label not in statements()}
    assert missing == {}, "no chapter has these labels"


def written(folder, *cells):
    source = {"cells": [{"cell_type": "markdown", "source": text} for text in cells]}
    (folder / "a.ipynb").write_text(json.dumps(source))
    return folder


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
