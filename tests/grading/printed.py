"""What a reader can paste: each function and class that the book prints or that nnlib offers."""

import ast
import re
import sys
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import nbformat

import nnlib

CHAPTERS = Path(__file__).parents[2] / "chapters"
FENCED = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# Of a text that a cell has printed: up to the first line that is neither indented nor ends a
# signature.
DEFINITION = re.compile(r"^(?:def|class) .*\n(?:(?:[ )].*)?\n)*", re.MULTILINE)
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
PACKAGES = {"nnlib", "numpy", "scipy", "torch", *sys.stdlib_module_names}


class Bare(ast.NodeTransformer):
    """Leave out what only a tool or a class reads: annotations, decorators, ``self``."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.decorator_list, node.returns = [], None
        return self.generic_visit(node)


def texts(path):
    """Yield the code on a page, cell by cell, and the code that its cells have printed."""
    if path.suffix == ".md":
        yield from FENCED.findall(path.read_text(encoding="utf-8"))
        return
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            yield from FENCED.findall(cell.source)
        else:
            yield cell.source
            for output in cell.get("outputs", []):
                yield from DEFINITION.findall(output.get("text", ""))


def trees(path):
    for text in texts(path):
        try:
            yield Bare().visit(ast.parse(text))
        except SyntaxError:  # a magic, or a function with a message between its lines
            continue


def run(node, namespace):
    """Execute one statement of the book; some cannot stand alone."""
    try:
        exec(compile(ast.unparse(node), "printed", "exec"), namespace)
    except Exception:
        return False
    return True


def importable(node):
    names = (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
    )
    return all(name.partition(".")[0] in PACKAGES for name in names)


@cache
def page(path):
    """Return the imports and the top of a page, and all definitions on it, in methods too."""
    found = list(trees(path))
    top = [node for tree in found for node in tree.body]
    around = [node for node in top if isinstance(node, IMPORTS) and importable(node)]
    around += [node for node in top if isinstance(node, DEFINITIONS)]
    inner = [node for tree in found for node in ast.walk(tree) if isinstance(node, DEFINITIONS)]
    return around, list({ast.dump(node): node for node in inner}.values())


def under(name, node):
    """Return a definition under another name, a method as a function."""
    renamed = ast.parse(ast.unparse(node)).body[0]
    renamed.name = name
    if isinstance(renamed, ast.FunctionDef):
        arguments = renamed.args.args
        renamed.args.args = [one for one in arguments if one.arg != "self"]
    return renamed


def in_book(name, code):
    """Yield each printed definition under the name, in a namespace with its page and the code."""
    for path in sorted({*CHAPTERS.glob("*.ipynb"), *CHAPTERS.glob("*.md")}):
        around, definitions = page(path)
        namespace = {"__name__": "__main__"}
        exec(code, namespace)
        for node in around:
            run(node, namespace)
        for node in definitions:
            namespace.pop(name, None)
            if run(under(name, node), namespace):
                yield f"{node.name} in {path.name}", namespace


@cache
def in_nnlib():
    """Return all public functions and classes of nnlib by their names, also bound to options."""
    modules = {one.name for one in iter_modules(nnlib.__path__)} - {"check", "plots"}
    found = {
        f"{module}.{name}": thing
        for module in sorted(modules)
        for name, thing in vars(import_module(f"nnlib.{module}")).items()
        if callable(thing)
        and getattr(thing, "__module__", "") == f"nnlib.{module}"
        and not name.startswith("_")
    }
    for loss in nnlib.LOSSES.values():
        for method in ("__call__", "gradient"):
            for reduction in ("mean", "sum"):
                bound = partial(getattr(loss, method), reduction=reduction)
                found[f"{loss}.{method}, {reduction}"] = bound
        found[f"{loss}.gradient"] = loss.gradient
    for activation in nnlib.ACTIVATIONS.values():
        found[f"{activation}.derivative"] = activation.derivative
    return found
