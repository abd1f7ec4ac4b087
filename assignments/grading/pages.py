"""The pages of a graded class: for each student, for who marks, and for the next lecture.

What a student wrote is escaped text on all of them, and a picture only what is known to be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from . import overview
from .cells import original_cells
from .files import Result, file_name, save
from .marks import Marks, read_answer
from .questions import Question, read_questions
from .rubric import Rubric
from .similar import similar_answers, similar_code

PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/\s]+={0,2}\s*")
MAX_PAIRS = 50


def is_picture(address: str) -> bool:
    """Tell whether an address holds a picture, of a kind that cannot run anything."""
    return bool(PICTURE.fullmatch(address))


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
TEMPLATES.globals |= {"read_answer": read_answer, "is_picture": is_picture}


def save_pages(rubric: Rubric, results: Sequence[Result], marks: Marks, output: Path) -> None:
    """Write all pages."""
    names = (*(item.name for item in rubric.items), *rubric.written)
    questions = read_questions(rubric.name, names, marks.settings.book)
    shared = {"rubric": rubric, "marks": marks, "questions": questions}
    feedback = TEMPLATES.get_template("feedback.html")
    for result in results:
        page = feedback.render(shared, result=result)
        save(output / "feedback" / f"{file_name(result['student'])}.html", page)
    pairs = find_pairs(rubric, results, marks, questions)
    for name, told in (
        ("written", {"results": sorted(results, key=lambda r: marks.names.label(r["student"]))}),
        ("class", describe_class(rubric, results, marks) | pairs),
        ("similar", {"results": {result["student"]: result for result in results}} | pairs),
    ):
        save(output / f"{name}.html", TEMPLATES.get_template(f"{name}.html").render(shared | told))


def describe_class(rubric: Rubric, results: Sequence[Result], marks: Marks) -> dict[str, Any]:
    """Return what the page of the class shows."""
    return {
        "students": len(results),
        "spreads": overview.spread_items(rubric, results, marks),
        "totals": overview.spread_totals(rubric, results, marks),
        "mistakes": overview.common_mistakes(results),
        "times": overview.measure_time(results),
        "waiting": [marks.names.label(r["student"]) for r in results if marks.waits(r)],
        "unanswered": [r["student"] for r in results if marks.unanswered(r)],
        "timed_out": [result for result in results if result["timed_out"]],
    }


def find_pairs(
    rubric: Rubric, results: Sequence[Result], marks: Marks, questions: Mapping[str, Question]
) -> dict[str, Any]:
    """Return which submissions are alike in their code, and which in their answers."""
    codes = {
        item.name: {
            result["student"]: found["code"]
            for result in results
            for found in result["items"]
            if found["item"] == item.name
        }
        for item in rubric.items
    }
    answers = {
        name: {
            result["student"]: " ".join([reading.answer, *(x["text"] for x in reading.elsewhere)])
            for result in results
            for reading in [read_answer(result, name)]
        }
        for name in rubric.written
    }
    models = {cell.name or "": cell.source for cell in original_cells(rubric.name)}
    code = similar_code(codes, models)
    known = {name: f"{questions[name].text.striptags()} {models.get(name)}" for name in answers}
    return {
        "code_pairs": code.pairs[:MAX_PAIRS],
        "longest": code.longest,
        "items_needed": code.items,
        "answer_pairs": similar_answers(answers, known)[:MAX_PAIRS],
    }
