"""Execute the notebooks and store them in one form, so that two runs give identical files.

``python _ext/notebooks.py [--check | --list] [FILE ...]`` takes all chapters and assignments unless
told otherwise. With ``--check`` nothing is run or written: it fails where a stored notebook is not
in that form or a code cell has not been executed, in order. With ``--list`` it says which it takes.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image
from sources import ROOT, assignments, chapters

KEPT_CELL_METADATA = ("tags", "mystnb", "nbgrader")
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def normalize(notebook: NotebookNode) -> str:
    """Return the notebook as the text to be stored, without what changes from run to run."""
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in KEPT_CELL_METADATA if key in cell.metadata}
        )
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = reduce_colors(data["image/png"])
            if {"image/png", "image/svg+xml"} <= data.keys():
                drop_heavy_drawing(data)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def reduce_colors(png: str) -> str:
    """Return the picture in 64 colors, which a figure on white never misses: half of its size."""
    picture = Image.open(BytesIO(b64decode(png)))
    if picture.mode == "P":
        return png
    written = BytesIO()
    reduced = picture.convert("RGB").quantize(64, method=Image.Quantize.MAXCOVERAGE)
    reduced.save(written, "PNG", optimize=True)
    return b64encode(written.getvalue()).decode()


def drop_heavy_drawing(data: NotebookNode) -> None:
    """Leave out the drawing of a figure where its picture is lighter, for pages take the drawing.

    The picture stays in any case: a notebook that is not trusted shows no drawing.
    """
    drawing = gzip.compress(data["image/svg+xml"].encode(), mtime=0)
    if len(drawing) > len(b64decode(data["image/png"])):
        del data["image/svg+xml"]


def execute(path: Path) -> str:
    """Run the notebook in its own folder, from an empty kernel, and return its stored form."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        # Without it each kernel warns that it talks over TCP, on this machine alone.
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    return normalize(notebook)


def faults(path: Path) -> Iterator[str]:
    """Yield what is wrong with the stored notebook."""
    stored = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(stored, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code, start=1):
        if cell.execution_count != number:
            yield f"code cell {number} has execution count {cell.execution_count}, not {number}"
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if any(output.output_type == "error" for output in cell.outputs) and not expected:
            yield f"code cell {number} ended in an error"
    if normalize(notebook) != stored:
        yield "its form is not the stored one"


def store(path: Path) -> bool:
    """Execute the notebook in its place, and return whether it ran."""
    try:
        text = execute(path.resolve())
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"{path.name} stopped, the file is as it was:\n{error}", file=sys.stderr)
        return False
    finished = path.with_suffix(".tmp")
    finished.write_text(text, encoding="utf-8")
    os.replace(finished, path)
    print(f"{path.name}: executed")
    return True


def main() -> int:
    """Execute, or check, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="check the stored form, run nothing")
    parser.add_argument("--list", action="store_true", help="print the names, run nothing")
    parser.add_argument("files", nargs="*", type=Path, help="notebooks, all if none")
    options = parser.parse_args()
    status = 0
    # Where the rubrics are that the source of an assignment asks.
    os.environ["PYTHONPATH"] = str(ROOT / "assignments")
    for path in options.files or [*chapters(), *assignments()]:
        if options.list:
            print(os.path.relpath(path))
        elif options.check:
            # The first fault is enough: one command mends them all.
            for fault in islice(faults(path), 1):
                print(f"{path.name}: {fault}; run: make notebooks", file=sys.stderr)
                status = 1
        elif not store(path):
            return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
