"""The exam questions as a page, for instructors: each as one seed puts it, its key folded."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from absent import follow_chapters
from docutils import nodes
from folds import fold
from sources import ROOT, numbered, of_extension
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from exams import CHAPTERS, present, questions
from exams.model import Item, Question

SEED = 1


class ExamQuestions(SphinxDirective):
    """All exam questions of the chapters that the book has."""

    def run(self) -> list[nodes.Node]:
        """Return them, read as Markdown."""
        follow_chapters(self.env)
        for path in (ROOT / "exams", *sorted((ROOT / "exams").glob("*.py"))):
            self.env.note_dependency(str(path))
        chapters, found = present(numbered(self.config.external_site_map)), list[nodes.Node]()
        for name in chapters:
            found += self.parse_text_to_nodes(f"**{{doc}}`{CHAPTERS[name]}`**")
            for question in questions(name, chapters):
                item = question.item(SEED, name)
                found += self.parse_text_to_nodes(put(question, item))
                solved = self.parse_text_to_nodes("\n\n".join(key(item)))
                found[-1] += fold(nodes.inline("", "Solution and marks"), solved, "exam-key")
        return found


def put(question: Question, item: Item) -> str:
    """Return a question."""
    about = (
        f"*{question.kind}, difficulty {question.difficulty}, {question.minutes} minutes, "
        f"{question.points} points; `{question.id}`; {{ref}}`{question.section}`*"
    )
    return "\n\n".join(
        [
            f":::{{admonition}} {question.title}\n:class: exam-question\n:name: {question.id}",
            about,
            with_pictures(item),
            ":::",
        ]
    )


def key(item: Item) -> Iterator[str]:
    """Yield the answers, the solution and the mark scheme."""
    for answer in item.answers:
        yield f"- **{answer.text}**{' (right)' if answer.right else f': {answer.feedback}'}"
    yield item.solution
    yield item.scheme


def with_pictures(item: Item) -> str:
    """Return the text of a question, in which its pictures are."""
    text = item.text
    for picture in item.pictures:
        data = b64encode(picture.png).decode()
        text = text.replace(f"]({picture.name})", f"](data:image/png;base64,{data})")
    return text


def setup(app: Sphinx) -> dict[str, int]:
    """Register with Sphinx."""
    app.add_directive("exam-questions", ExamQuestions)
    return of_extension(__file__, parallel_read_safe=False)
