"""Exam questions, a file for each chapter, named like the module of ``nnlib`` that goes with it.

``_ext/bank.py`` makes of them, and of the book's self-checks, what courses run on.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePosixPath

from exams.model import Question

#: The chapters by the names of their files here.
CHAPTERS = {
    "mlp": "01_multilayer_perceptrons",
    "activations": "02_activation_functions",
    "losses": "03_surrogate_losses",
    "probability": "04_softmax_and_kl",
    "pytorch": "05_pytorch",
    "autograd": "06_backpropagation",
}


def present(pages: Iterable[str]) -> list[str]:
    """Return the chapters by the names of their files here, of these pages."""
    names = {page: name for name, page in CHAPTERS.items()}
    return [names[stem] for page in pages if (stem := PurePosixPath(page).name) in names]


def questions(chapter: str, among: Container[str] = CHAPTERS) -> list[Question]:
    """Return the questions of a chapter that need no chapter but those named."""
    if find_spec(f"exams.{chapter}") is None:
        return []
    found = import_module(f"exams.{chapter}").QUESTIONS
    return [question for question in found if all(other in among for other in question.also)]
