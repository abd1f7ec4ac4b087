"""What a person gives: points for written answers, overrides of items, and what being late costs.

``written.csv``, ``overrides.csv`` and ``late.csv`` hold it. A run adds rows to the first and
changes none in any.
"""

from __future__ import annotations

import json
import math
import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from .files import Result, load_result, save, short_hash
from .rubric import Rubric
from .tables import Row, Table, match_names, plain_number

WRITTEN = ("student", "question", "points", "comment", "answer")
OVERRIDES = ("student", "item", "points", "reason")
LATE = ("student", "days")
# The letter in front keeps a spreadsheet from reading a number such as 79824e73.
DIGEST = re.compile(r"a[0-9a-f]{8}")
NOT_THERE = re.compile(r"\w+ is not there while items are graded")
LATE_POLICY = re.compile(r"([\d.]+) *(%|points?|) *(?:a|per) +day")
# Letters that are not mistaken for each other, and make no words.
CODE_LETTERS = "bcdfghjkmnpqrstvwxz"


class LatePolicy(NamedTuple):
    """What each day that has begun after the deadline costs: points, or a share in percent."""

    amount: float
    percent: bool

    @classmethod
    def parse(cls, text: str) -> LatePolicy:
        """Return the policy that a text such as "10% a day" or "2 points a day" states."""
        match = LATE_POLICY.fullmatch(text.strip())
        if not match:
            raise ValueError(text)
        return cls(float(match[1]), match[2] == "%")

    def cost(self, days: float, earned: float) -> float:
        """Return what is taken from the points earned: all of them at most."""
        each = earned * self.amount / 100 if self.percent else self.amount
        return round(min(earned, math.ceil(days) * each), 2)


@dataclass(frozen=True)
class Settings:
    """How results become tables and pages.

    Attributes
    ----------
    late : LatePolicy, optional
    anonymous : bool
        Whether who marks written answers sees codes in place of names.
    book : str
        The address of the book, for links to its sections. Empty: no links.
    """

    late: LatePolicy | None = None
    anonymous: bool = False
    book: str = ""


class Reading(NamedTuple):
    """What a person reads to mark an answer: what stands in its cell, or else outside of it."""

    answer: str
    pictures: Sequence[str]
    elsewhere: Sequence[Mapping[str, Any]]

    @property
    def digest(self) -> str:
        """What tells this reading from others."""
        return f"a{short_hash(json.dumps(self))}"


def read_answer(result: Result, question: str) -> Reading:
    """Return what there is to read for a written question."""
    written = result["written"][question]
    answer, pictures = written["answer"], written.get("pictures", [])
    found = result.get("elsewhere", [])
    outside = [place for place in found if place["text"].strip() or place.get("pictures")]
    return Reading(answer, pictures, [] if answer.strip() or pictures else outside)


class Override(NamedTuple):
    """Points that a person gives for an item in place of the program's, and why."""

    points: float
    reason: str


class Names:
    """What students are called in tables: by their names, and by codes where marking is anonymous.

    Parameters
    ----------
    students : collection of str
    output : path
        The folder whose ``codes.json`` holds the codes of earlier runs.
    anonymous : bool
    """

    def __init__(self, students: Collection[str], output: Path, anonymous: bool) -> None:
        self.students, self.anonymous = students, anonymous
        self.codes: dict[str, str] = load_result(output / "codes.json")
        new = [name for name in students if name not in self.codes] if anonymous else []
        for name in new:
            self.codes[name] = self.new_code()
        if new:
            save(output / "codes.json", json.dumps(self.codes, indent=1, ensure_ascii=False))
        self.of_code = {code: name for name, code in self.codes.items()}

    def new_code(self) -> str:
        """Return a code that nobody has."""
        taken = {*self.codes.values(), *self.students}
        while (code := "".join(secrets.choice(CODE_LETTERS) for _ in range(5))) in taken:
            pass
        return code

    def label(self, student: str) -> str:
        """Return what a student is called where written answers are marked."""
        return self.codes[student] if self.anonymous else student

    def match(self, table: Table) -> list[tuple[Row, list[str]]]:
        """Return each row of a table with the students that it may be about."""
        shown = {row["student"] for row in table.rows}
        found = {
            text: [self.of_code[text]]
            if self.of_code.get(text) in self.students
            else match_names(text, self.students, shown)
            for text in shown
        }
        return [(row, found[row["student"]]) for row in table.rows]

    def find(self, table: Table) -> list[tuple[Row, str]]:
        """Return each row of a table with its student; stop the run where that is not clear."""
        pairs = []
        for row, found in self.match(table):
            if len(found) > 1:
                table.refuse(f"{row['student']!r} may be {' or '.join(found)}", row)
            if not found:
                near = get_close_matches(row["student"], self.students, 3)
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                table.refuse(f"there is no student {row['student']!r}{hint}", row)
            pairs.append((row, found[0]))
        return pairs


class Marks:
    """All that a person has given in one folder of a graded class.

    Parameters
    ----------
    output : path
    rubric : Rubric
    students : collection of str
        Who is in the class.
    settings : Settings

    Raises
    ------
    SystemExit
        If something in a table cannot be. All files stay as they are.
    """

    def __init__(
        self, output: Path, rubric: Rubric, students: Collection[str], settings: Settings
    ) -> None:
        self.rubric, self.settings = rubric, settings
        self.names = Names(students, output, settings.anonymous)
        self.tables = {
            name: Table(output / f"{name}.csv", columns, needed)
            for name, columns, needed in (
                ("written", WRITTEN, 3),
                ("overrides", OVERRIDES, 4),
                ("late", LATE, 2),
            )
        }
        self.overrides = self.read_overrides(self.tables["overrides"])
        self.days = self.read_days(self.tables["late"])
        self.check_points(self.tables["written"])
        self.marked: dict[tuple[str, str], Row] = {}
        self.changed: dict[tuple[str, str], str] = {}

    def read_overrides(self, table: Table) -> dict[tuple[str, str], Override]:
        """Return the overrides by student and item; stop the run at a slip."""
        most = {item.name: item.points for item in self.rubric.items}
        found: dict[tuple[str, str], Override] = {}
        for row, student in self.names.find(table):
            name, reason = row["item"].strip(), row["reason"].strip()
            if name in self.rubric.written:
                table.refuse(f"points for {name!r} belong into written.csv", row)
            if name not in most:
                table.refuse(f"there is no item {name!r}; there are {', '.join(most)}", row)
            if not reason:
                table.refuse(f"a reason is missing for {name!r} of {student}", row)
            if (student, name) in found:
                table.refuse(f"{name!r} of {student} has a line above already", row)
            points = table.number(row, "points", most[name], repr(name))
            found[student, name] = Override(points, reason)
        return found

    def read_days(self, table: Table) -> dict[str, float]:
        """Return how many days each student was late; stop the run at a slip."""
        days: dict[str, float] = {}
        for row, student in self.names.find(table):
            if student in days:
                table.refuse(f"{student} has a line above already", row)
            days[student] = table.number(row, "days", None, "days")
        if any(days.values()) and self.settings.late is None:
            table.refuse('say what a day costs: --late "10% a day", or "0 points a day"')
        return days

    def check_points(self, table: Table) -> None:
        """Stop the run where written points cannot be."""
        for row in table.rows:
            if row["points"].strip():
                question = row["question"]
                if question not in self.rubric.written:
                    table.refuse(f"there is no question {question!r}", row)
                most = self.rubric.written[question]
                table.number(row, "points", most, repr(question))

    # --- written answers ------------------------------------------------------------------

    def settle(self, results: Sequence[Result]) -> list[str]:
        """Find the row that counts for each answer, and add one for each that is to be read.

        Returns
        -------
        list of str
            Which rows fit nobody, and whose answer has changed since it was marked.
        """
        table = self.tables["written"]
        readings = {
            (result["student"], question): read_answer(result, question)
            for result in results
            for question in self.rubric.written
        }
        rows, said = self.group_rows(table, readings)
        if self.settings.anonymous and any(
            row["student"] in self.names.students for row in table.rows
        ):
            said.append("written.csv still holds names, from a run without --anonymous")
        missing = []
        for key, reading in readings.items():
            digest = reading.digest
            # What is no digest was lost on the way, and accuses nobody.
            fitting = [
                row
                for row in rows[key]
                if row["answer"] == digest or not DIGEST.fullmatch(row["answer"])
            ]
            fitting.sort(key=lambda row: row["answer"] == digest)
            given = [row for row in fitting if row["points"].strip()]
            earlier = [row for row in rows[key] if row["points"].strip()]
            label = self.names.label(key[0])
            if given:
                self.marked[key] = given[-1]
            elif earlier:
                self.changed[key] = earlier[-1]["points"].strip()
                said.append(
                    f"written.csv: {label} has changed the answer to {key[1]} since it was "
                    "marked: it waits again, in a line of its own"
                )
            if not fitting and (any(reading) or earlier):
                missing.append({"student": label, "question": key[1], "answer": digest})
        if self.settings.anonymous:
            missing.sort(key=lambda row: row["student"])
        table.append(missing)
        for name in ("overrides", "late"):
            self.tables[name].append([])
        return said

    def group_rows(
        self, table: Table, readings: Mapping[tuple[str, str], Reading]
    ) -> tuple[dict[tuple[str, str], list[Row]], list[str]]:
        """Return the rows of each answer, and in words which rows fit none."""
        rows, said = defaultdict(list), []
        for row, found in self.names.match(table):
            question, shown = row["question"], f"line {row['line']}: {row['student']!r}"
            if len(found) > 1:
                same = [
                    name
                    for name in found
                    if (name, question) in readings
                    and readings[name, question].digest == row["answer"]
                ]
                found = same if len(same) == 1 else found
            if len(found) == 1:
                rows[found[0], question].append(row)
            elif found:
                said.append(f"written.csv, {shown} may be {' or '.join(found)}: not counted")
            else:
                said.append(f"written.csv, {shown}: there is no student {row['student']!r}")
        return rows, said

    def points(self, result: Result, question: str) -> str:
        """Return the points of an answer: "0" if there is none, "" if it is still to be read."""
        key = result["student"], question
        if key in self.marked:
            return plain_number(self.marked[key]["points"])
        return "" if key in self.changed or any(read_answer(result, question)) else "0"

    def comment(self, result: Result, question: str) -> str:
        """Return the comment on an answer."""
        return self.marked.get((result["student"], question), {}).get("comment", "")

    def waits(self, result: Result) -> bool:
        """Tell whether a written answer of a student is still to be read."""
        return "" in [self.points(result, name) for name in self.rubric.written]

    def unanswered(self, result: Result) -> list[str]:
        """Return the questions without any answer of a student who has worked on the items."""
        return [
            name
            for name in self.rubric.written
            if result["earned"]
            and (result["student"], name) not in {*self.marked, *self.changed}
            and not any(read_answer(result, name))
        ]

    # --- items and totals -----------------------------------------------------------------

    def override(self, result: Result, item: str) -> Override | None:
        """Return what a person gave for an item in place of the program."""
        return self.overrides.get((result["student"], item))

    def earned(self, result: Result) -> dict[str, float]:
        """Return the points of each item, overrides counted."""
        points = {item.name: 0.0 for item in self.rubric.items}
        for item in result["items"]:
            override = self.override(result, item["item"])
            points[item["item"]] = override.points if override else item["earned"]
        return points

    def late(self, result: Result) -> float | None:
        """Return what being late costs, or None while an answer is still to be read."""
        if self.waits(result):
            return None
        days, policy = self.days.get(result["student"], 0), self.settings.late
        return policy.cost(days, self.sum(result)) if policy and days else 0

    def total(self, result: Result) -> float | None:
        """Return all points of a student, or None while an answer is still to be read."""
        late = self.late(result)
        return None if late is None else round(self.sum(result) - late, 2)

    def sum(self, result: Result) -> float:
        """Return the points given so far, before anything is taken off."""
        written = [self.points(result, name) for name in self.rubric.written]
        return sum(self.earned(result).values()) + sum(float(points or 0) for points in written)

    def remarks(self, result: Result) -> list[str]:
        """Return what an instructor should know about a submission and its points."""
        said = []
        for item in result["items"]:
            if override := self.override(result, item["item"]):
                said.append(
                    f"{item['item']}: {override.points:g} by hand, {item['earned']:g} by the "
                    f"program ({override.reason})"
                )
        if missing := self.unanswered(result):
            said.append(f"no answer found: {', '.join(missing)}")
        if days := self.days.get(result["student"]):
            said.append(f"{days:g} days late")
        return said + remarks(result)


def remarks(result: Result) -> list[str]:
    """Return what an instructor should know about a submission, each thing once."""
    of_items = []
    for item in result["items"]:
        absent = [NOT_THERE.search(part["message"]) for part in item["parts"]]
        told = [*item["remarks"], *(found[0] for found in absent if found)]
        of_items += [f"{item['item']}: {''.join(one.splitlines()[:1])}" for one in told]
    return list(dict.fromkeys(of_items + result["notes"]))
