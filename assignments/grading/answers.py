"""Written answers, and what else a student has written: text and pictures that wait for a person.

An answer counts where it is found. What is the student's own and stands in no answer's cell is
shown to the person who gives the points, with the place where it stood.
"""

from __future__ import annotations

import ast
import base64
import binascii
import difflib
import io
import itertools
import re
import textwrap
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from .cells import MAX_CHARACTERS, TEXT_STUB, given_cells, is_text, without_addresses, words_of
from .rubric import Rubric
from .submission import Cell
from .syntax import definitions_that_compile, find_error, parse

# How the bytes of a picture begin.
PICTURES = {
    "png": rb"\x89PNG\r\n\x1a\n",
    "jpeg": rb"\xff\xd8\xff",
    "gif": rb"GIF8",
    "webp": rb"RIFF....WEBP",
}
MAX_PICTURE_BYTES = 8 * 2**20
DATA_URI = re.compile(r"data:image/([\w.+-]+);base64,([A-Za-z0-9+/=]+)")
# What a text in code may name, to be looked at.
A_FILE = re.compile(r"\.(png|jpe?g|gif|webp|svg|heic|pdf|docx?|odt|txt|md|html)\s*$", re.IGNORECASE)
# The cell below these magic commands is code.
OF_CODE = ("time", "timeit", "capture", "prun")
NOT_SHOWN = "This was handed in beside the notebook: open it."
WORD = re.compile(r"[\"'(*]*[^\W\d_]+(?:['’-][^\W\d_]+)*[\"').,;:!?*]*")
NUMBER = re.compile(r"\W*\d[\d.,]*\W*")
TAGS = re.compile(r"<!--|</?(?!img\b)[a-zA-Z][^<>]*>")
# nbgrader's own marks may come with a pasted solution.
MARKS = {"begin solution", "end solution"}
NO_ANSWERS = {"", "answer", "answers", "my answer", "your answer", TEXT_STUB.lower()} | MARKS


def written_answers(rubric: Rubric, cells: Sequence[Cell]) -> dict[str, dict[str, Any]]:
    """Return the answer to each written question: its points, its text and its pictures."""
    return {
        name: {"points": points} | content("answer", answer_cells(rubric, cells, name))
        for name, points in rubric.written.items()
    }


def found_elsewhere(
    rubric: Rubric, cells: Sequence[Cell], answers: Mapping[str, Any], beside: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what may be the answer where one is missing: texts, pictures, files, with places."""
    if all(one["answer"].strip() or one["pictures"] for one in answers.values()):
        return []
    files = [{"where": name, "text": NOT_SHOWN, "pictures": []} for name in beside]
    return own_texts(rubric, cells) + files


def own_texts(rubric: Rubric, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return what is the student's own and stands in no answer's cell, with its place."""
    given = given_cells(rubric)
    answers = {cell.number for name in rubric.written for cell in answer_cells(rubric, cells, name)}
    lines = known_lines(tuple(given))
    found = []
    for cell in cells:
        if cell.number is not None and cell.number not in answers:
            text, pictures = take_pictures(cell.source, 0)
            shown = replace(cell, source=text[:MAX_CHARACTERS])
            if cell.kind == "code" and is_given(cell, given):  # what it has drawn is not theirs
                shown = replace(shown, attachments={})
            own = content("text", [replace(shown, source=own_text(shown, given, lines))])
            own["pictures"][:0] = pictures
            if own["text"] or own["pictures"]:
                found.append({"where": str(cell)} | own)
    return found


@cache
def known_lines(given: tuple[Cell, ...]) -> set[str]:
    """Return the lines of what was given, as they are in a text and in code."""
    texts = [cell.source for cell in given]
    texts += [text for cell in given if cell.kind == "code" for text in code_texts(cell.source)]
    return {bare(line) for text in texts for line in text.split("\n")} | NO_ANSWERS


def answer_cells(rubric: Rubric, cells: Sequence[Cell], name: str) -> list[Cell]:
    """Return the cell of a written answer, and the student's own texts right below it."""
    start = next((place for place, cell in enumerate(cells) if cell.name == name), len(cells))
    given = [words_of(cell.source) for cell in given_cells(rubric)]
    below = itertools.takewhile(
        lambda cell: is_text(cell) and words_of(cell.source) not in given, cells[start + 1 :]
    )
    return [*cells[start : start + 1], *below]


def content(key: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the text of cells, under a key, and their pictures."""
    texts: list[str] = []
    pictures: list[str] = []
    for cell in cells:
        lines = (line for line in cell.source.split("\n") if line.strip() != TEXT_STUB)
        text, inside = take_pictures("\n".join(lines).strip(), len(pictures))
        pictures += inside
        for name, uri in cell.attachments.items():
            if picture := checked_picture(uri):
                pictures.append(picture)
            else:
                text += f"\n\n({name} cannot be shown here: open the notebook)"
        texts.append(text.strip())
    return {key: "\n\n".join(filter(None, texts))[:MAX_CHARACTERS], "pictures": pictures}


# --- pictures -------------------------------------------------------------------------------------


def take_pictures(text: str, count: int) -> tuple[str, list[str]]:
    """Return a text in which pictures are numbered from ``count`` + 1 on, and the pictures."""
    pictures: list[str] = []

    def number(match: re.Match[str]) -> str:
        if picture := checked_picture(match[0]):
            pictures.append(picture)
            return f"picture {count + len(pictures)}"
        return "a picture that cannot be shown here: open the notebook"

    return DATA_URI.sub(number, text), pictures


def checked_picture(uri: str) -> str:
    """Return the data URI of a picture whose bytes are what it says, or ""."""
    match = DATA_URI.fullmatch("".join(uri.split()))
    if not match or len(match[2]) > MAX_PICTURE_BYTES * 4 // 3 + 4:
        return ""
    try:
        data = base64.b64decode(match[2], validate=True)
    except binascii.Error:
        return ""
    for kind, opening in PICTURES.items():
        if re.match(opening, data, re.DOTALL):
            return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return ""


# --- the student's own text -----------------------------------------------------------------------


def is_given(cell: Cell, given: Sequence[Cell]) -> bool:
    """Tell whether a cell says what one that was given says."""
    words = words_of(cell.source)
    return any(words == words_of(original.source) for original in given)


def own_text(cell: Cell, given: Sequence[Cell], lines: set[str]) -> str:
    """Return what a cell says that the assignment does not, or "" if that is no answer."""
    source = whole_line(cell.source, given) if cell.kind == "raw" else cell.source
    if is_given(replace(cell, source=source), given):
        return ""
    original = next((other for other in given if cell.name and other.name == cell.name), None)
    if "code" in (cell.kind, original.kind if original else ""):
        found: Iterable[str] = code_texts(source)
    else:
        found = added(original.source, source) if original else [source]
    return "\n\n".join(text.strip() for text in found if not says_nothing(text, lines))


def whole_line(source: str, given: Sequence[Cell]) -> str:
    """Return a source that was cut off with its last line whole, where that is one of ours."""
    *above, last = source.split("\n")
    ours = (line for cell in given for line in cell.source.split("\n"))
    whole = next((line for line in ours if " " in last and line.startswith(last)), last)
    return "\n".join([*above, whole])


def says_nothing(text: str, lines: set[str]) -> bool:
    """Tell whether each line of a text is empty or one of those that were given."""
    rest = [line for line in TAGS.sub("", text).split("\n") if bare(line) not in lines]
    return not re.search(r"\w|!\[|<img", "\n".join(rest))


def bare(line: str) -> str:
    """Return a line without the signs of Markdown and of comments around it."""
    return line.strip(" \t#*_>:-").lower()


def added(original: str, text: str) -> list[str]:
    """Return the pieces of a text that are not in the original."""
    words = re.findall(r"\s*\S+", without_addresses(text))
    matcher = difflib.SequenceMatcher(
        None, words_of(original), [word.strip() for word in words], autojunk=False
    )
    return [
        "".join(words[start:end])
        for kind, _, _, start, end in matcher.get_opcodes()
        if kind in ("insert", "replace")
    ]


def code_texts(source: str, below_magic: bool = False) -> Iterator[str]:
    """Yield what in a code cell may be an answer: sentences, comments and texts."""
    python, faults = definitions_that_compile(source)
    if faults:
        lines = zip(source.split("\n"), python.split("\n"), strict=False)
        lost = "\n".join(line for line, kept in lines if not kept)
        yield from [lost] if is_prose(lost) else re.findall(r"^\s*#(.*)", lost, re.MULTILINE)
    yield from comments(python)
    nodes: list[ast.AST] = [parse(python)]
    while nodes:  # no recursion: a student's code may be deep
        node = nodes.pop()
        if (magic := magic_of(node)) is not None:
            if magic[0] in OF_CODE and not below_magic:
                yield from code_texts(magic[1], below_magic=True)
            else:
                yield magic[1]
        elif isinstance(node, ast.Expr) and is_stated(node.value):
            yield str(ast.literal_eval(node.value))
        elif text := text_of(node):
            if says_something(text):
                yield text
        else:
            nodes += reversed([*ast.iter_child_nodes(node)])


def is_stated(node: ast.expr) -> bool:
    """Tell whether an expression is a plain number or text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, (str, int, float))


def says_something(text: str) -> bool:
    """Tell whether a text in code is more than a word that Python or NumPy asks for."""
    words = sum(bool(re.search(r"\w", token)) for token in text.split())
    return words > 1 or not text.isascii() or bool(A_FILE.search(text))


def text_of(node: ast.AST) -> str:
    """Return the text that a node of the syntax tree is, formatted or not, or ""."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(piece) or "{}" for piece in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def magic_of(node: ast.AST) -> tuple[str, str] | None:
    """Return the name of a magic command of a cell with what stands below it.

    What IPython makes of other lines of its own, such as ``!pip install``, is nobody's text.
    """
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    owner = node.func.value
    if not (isinstance(owner, ast.Call) and getattr(owner.func, "id", "") == "get_ipython"):
        return None
    texts = [text_of(argument) for argument in node.args]
    return (texts[0], texts[2]) if len(texts) == 3 else ("", "")


def comments(source: str) -> Iterator[str]:
    """Yield the comments of a source, those on lines that follow each other as one."""
    block: list[str] = []
    last = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                if block and token.start[0] != last + 1:
                    yield "\n".join(block)
                    block = []
                block.append(token.string.lstrip("#").removeprefix(" "))
                last = token.start[0]
    except (tokenize.TokenError, SyntaxError):
        pass  # what comes below cannot be told from code
    if block:
        yield "\n".join(block)


def is_prose(text: str) -> bool:
    """Tell whether a text is made of words, and is no code."""
    tokens = [token for token in text.split() if not NUMBER.fullmatch(token)]
    words = sum(bool(WORD.fullmatch(token)) for token in tokens)
    if words < 2 or words < 0.55 * len(tokens):
        return False
    inside = "async def function():\n" + textwrap.indent(textwrap.dedent(text), "    ")
    return find_error(inside) is not None
