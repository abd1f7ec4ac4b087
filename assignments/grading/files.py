"""Files of a graded class: written whole or not at all, by one run at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .submission import replace_surrogates

Result = dict[str, Any]


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Make the folder, and keep other runs from grading into it meanwhile.

    Raises
    ------
    SystemExit
        If another run is grading into it now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                f"error: another run is grading into {folder}; wait until it has ended"
            ) from None
        yield


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(replace_surrogates(text))
    os.chmod(name, 0o644)
    os.replace(name, path)


def save_result(result: Result, target: Path) -> Result:
    """Write a result file and return the result as the file holds it."""
    text = replace_surrogates(json.dumps(result, indent=1, ensure_ascii=False))
    save(target, text + "\n")
    stored: Result = json.loads(text)
    return stored


def load_result(target: Path) -> Result:
    """Return the result in a file, or an empty one where there is none that can be read."""
    try:
        result = json.loads(target.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return result if isinstance(result, dict) else {}


def file_name(student: str) -> str:
    """Return the name of a student's files: the student's own, shortened if it is too long."""
    if len(student.encode()) <= 150:
        return student
    return f"{student[:40]}-{short_hash(student)}"


def short_hash(text: str) -> str:
    """Return eight characters that differ, in practice, for any two texts."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def class_seed(output: Path) -> int:
    """Return the seed of a class, drawn when it is first graded: nobody can have known it."""
    path = output / "seed"
    if not path.exists():
        save(path, f"{secrets.randbelow(2**32)}\n")
    return int(path.read_text())
