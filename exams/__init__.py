"""Exam questions, a file for each chapter, named like the module of ``nnlib`` that goes with it.

``_ext/bank.py`` makes of them, and of the book's self-checks, what courses run on.
"""

from __future__ import annotations

from collections.abc import Container
from importlib import import_module
from importlib.util import find_spec

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


def questions(chapter: str, present: Container[str] = CHAPTERS) -> list[Question]:
    """Return the questions of a chapter that need no chapter but those that are present."""
    if find_spec(f"exams.{chapter}") is None:
        return []
    found = import_module(f"exams.{chapter}").QUESTIONS
    return [question for question in found if all(other in present for other in question.also)]
