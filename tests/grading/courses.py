"""A course of its own for a test, without what students have handed in to the one beside it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTENTS = ("source", "rubrics", "grading", "nbgrader_config.py")


def copy_course(folder: Path, course: Path = ROOT / "assignments") -> Path:
    """Copy what an instructor writes, and nothing that commands have made or students handed in."""
    folder.mkdir(parents=True)
    for name in CONTENTS:
        if (course / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(course / name, folder / name, ignore=ignored)
        else:
            shutil.copy(course / name, folder / name)
    return folder
