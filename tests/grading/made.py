"""Results as the judge returns them, made by hand: what becomes of them is tested without it."""

from copy import deepcopy

from grading import classroom
from grading.grade import load_rubric
from grading.marks import Settings
from rubrics.losses import RUBRIC

NAME = RUBRIC.name
ITEMS = {item.name: item.points for item in RUBRIC.items}
ITEM, *_ = ITEMS
QUESTION, *_ = RUBRIC.written
MOST = sum(ITEMS.values())
PLAIN = Settings()


def result(student, answer="What I think.", lost=(), **changes):
    """Return a result that has all points but for the items lost."""
    items = [
        {
            "item": item.name,
            "points": item.points,
            "earned": 0 if item.name in lost else item.points,
            "code": f"def {item.name}(x):\n    return x",
            "remarks": [],
            "parts": [
                {
                    "name": part.name,
                    "points": part.points,
                    "earned": 0 if item.name in lost else part.points,
                    "message": "",
                    "mistake": "",
                    "hint": "",
                }
                for part in item.parts
            ],
        }
        for item in load_rubric(NAME).items
    ]
    written = {
        name: {"points": points, "answer": answer, "pictures": []}
        for name, points in RUBRIC.written.items()
    }
    made = {
        "student": student,
        "digest": "",
        "assignment": NAME,
        "earned": sum(item["earned"] for item in items),
        "items": items,
        "written": written,
        "elsewhere": [],
        "notes": [],
        "seconds": 0.1,
        "waited": 0.0,
        "timed_out": [],
    }
    return deepcopy(made | changes)


def write(output, results, settings=PLAIN):
    """Write all tables and pages of results."""
    classroom.write_tables(RUBRIC, results, output, settings)


def fill_in(path, text):
    """Write what a person fills in, below the line that names the columns."""
    header = path.read_text(encoding="utf-8").splitlines()[0]
    path.write_text(f"{header}\n{text}\n", encoding="utf-8")
