"""The package as a whole: what it loads, what may import what, and what it offers."""

import ast
import re
import subprocess
import symtable
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import nnlib
from nnlib import check

# That of an installed nnlib is not the folder of the project.
HOME = Path(nnlib.__file__).parent
ROOT = Path(__file__).parents[1]
FILES = {
    path.relative_to(root).as_posix(): path
    for root, folder in (
        (HOME.parent, "nnlib"),
        (ROOT, "_ext"),
        (ROOT, "assignments"),
        (ROOT, "benchmarks"),
    )
    for path in (root / folder).rglob("*.py")
}
SOURCES = {
    ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__"): path
    for path in HOME.rglob("*.py")
    if ".ipynb_checkpoints" not in path.parts
}
# Private modules lie below the core, but for that of pytorch. Whatever else is not in the core
# stands on top of it, and nothing in the core may import that.
LAYERS = (
    {"_arrays", "_diagram"},
    {name for name in SOURCES if name.startswith("_")}
    - {"__init__", "_arrays", "_diagram", "_trials"},
    {"activations", "probability"},
    {"losses"},
    {"mlp"},
    {"training", "approximation"},
)
LAYER = {module: depth for depth, layer in enumerate(LAYERS) for module in layer}
# The engine is no part of the core, yet needs no more than its base: whoever reads it reads little.
BASE_OF_ENGINE = {"nnlib._arrays", "nnlib._graph", "nnlib.activations", "nnlib.probability"}
TOP = len(LAYERS)
each_module = pytest.mark.parametrize("module", sorted(SOURCES.keys() - {"__init__"}))


def imports(nodes):
    """Names of the modules that import statements among the nodes ask for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports are not used here"
            if node.module == "nnlib":  # from nnlib import ...: the package, or a module of it
                yield from (f"nnlib.{alias.name}" for alias in node.names)
            else:
                yield node.module


@cache
def tree(module):
    return ast.parse(SOURCES[module].read_text(encoding="utf-8"))


def test_the_core_is_there():
    assert LAYER.keys() <= SOURCES.keys()


@each_module
def test_imports_run_one_way(module):
    for name in imports(ast.walk(tree(module))):
        package, _, imported = name.partition(".")
        if package == "nnlib":
            # A public name of the package comes from any core module: only the top may use it.
            assert LAYER.get(imported, TOP - 1) < LAYER.get(module, TOP), f"{module} <- {imported}"


def private(name):
    return name.startswith("_") and not name.startswith("__") and name != "_"


@cache
def private_definitions(module):
    """Underscore names that a module gives: to functions, classes, variables and attributes."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names


def private_uses(code):
    """Underscore names that code takes from a module or an object."""
    for node in ast.walk(code):
        if isinstance(node, ast.Attribute) and private(node.attr):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if private(alias.name))


@each_module
def test_no_underscore_name_crosses_a_module(module):
    foreign = set.union(*map(private_definitions, SOURCES)) - private_definitions(module)
    assert not foreign & set(private_uses(tree(module)))


def test_the_engine_stands_on_activations_and_probability_alone():
    of_nnlib = {name for name in imports(ast.walk(tree("autograd"))) if name.startswith("nnlib")}
    assert of_nnlib == BASE_OF_ENGINE


def test_only_checks_stand_on_the_engine():
    users = {m for m in SOURCES if "nnlib.autograd" in imports(ast.walk(tree(m)))}
    assert all(module.startswith("check.") for module in users)


@pytest.mark.parametrize("module", [*sorted(LAYER), "autograd"])
def test_the_core_needs_only_numpy_and_scipy_special(module):
    for name in imports(tree(module).body):  # not inside functions, where tqdm is asked for
        package = name.partition(".")[0]
        assert package in {"nnlib", "numpy"} | sys.stdlib_module_names or name == "scipy.special"


def test_importing_nnlib_loads_neither_torch_nor_matplotlib():
    names = "*{name.partition('.')[0] for name in sys.modules}"
    program = f"import sys, nnlib, nnlib.autograd; print({names})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    assert "nnlib" in loaded
    assert not loaded & {"torch", "matplotlib", "sklearn", "tqdm", "pandas"}


def test_every_name_in_all_exists_once():
    assert len(set(nnlib.__all__)) == len(nnlib.__all__)
    for name in nnlib.__all__:
        assert hasattr(nnlib, name)


def test_all_lists_every_name_that_nnlib_holds():
    public = {name for name in vars(nnlib) if not name.startswith("_")} - SOURCES.keys()
    assert set(nnlib.__all__) == public, "__all__ and the imports of nnlib/__init__.py differ"


def documented_names(module):
    """Return the names of a module that the API page shows."""
    page = (ROOT / "chapters" / "api.md").read_text(encoding="utf-8")
    names, current = set(), ""
    for kind, name in re.findall(r"\.\. (current|auto(?!m))\w+:: ([\w.]+)", page):
        if kind == "current":
            current = name
        elif current == module:
            names.add(name.rpartition(".")[2])
    return names


def test_the_api_page_and_nnlib_offer_the_same_names():
    documented = documented_names("nnlib")
    assert documented == set(nnlib.__all__), "chapters/api.md (left) and nnlib.__all__ differ"


def test_the_api_page_shows_every_suite():
    missing = {"Suite", "SUITES", *check.SUITES} - documented_names("nnlib.check")
    assert missing == set(), "chapters/api.md lacks a line for these"


@pytest.mark.parametrize(
    ("registry", "kind"), [("ACTIVATIONS", nnlib.Activation), ("LOSSES", nnlib.Loss)]
)
def test_a_registry_and_nnlib_offer_the_same_objects_by_their_names(registry, kind):
    offered = {name: thing for name, thing in vars(nnlib).items() if isinstance(thing, kind)}
    registered = dict(getattr(nnlib, registry))
    assert registered == offered, f"{registry} (left) and nnlib/__init__.py (right) differ"
    assert [thing.name for thing in offered.values()] == list(offered)


def test_every_package_is_distributed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {path.parent.relative_to(HOME.parent) for path in HOME.rglob("__init__.py")}
    listed = settings["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(".".join(package.parts) for package in packages)


def test_the_package_says_that_it_is_typed():
    assert (Path(nnlib.__file__).parent / "py.typed").is_file()


def test_the_version_stands_in_one_place():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in settings["project"]["dynamic"]
    named = settings["tool"]["setuptools"]["dynamic"]["version"]
    assert named == {"attr": "nnlib.__version__"}


def inner_scopes(scope):
    for inner in scope.get_children():
        yield inner
        yield from inner_scopes(inner)


def names_of_comprehensions(tree):
    """Yield what later Pythons take for names of the module: those of its comprehensions."""
    for statement in tree.body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            for part in ast.walk(statement):
                if isinstance(part, ast.comprehension):
                    yield from (node.id for node in ast.walk(part.target) if hasattr(node, "id"))


@pytest.mark.parametrize("file", sorted(FILES))
def test_no_local_name_hides_a_name_of_its_module(file):
    text = FILES[file].read_text(encoding="utf-8")
    module = symtable.symtable(text, file, "exec")
    names = {symbol.get_name() for symbol in module.get_symbols() if symbol.is_local()} - {"_"}
    if sys.version_info >= (3, 12):
        names -= set(names_of_comprehensions(ast.parse(text)))
    hidden = [
        f"{file}:{scope.get_lineno()}: {symbol.get_name()}"
        for scope in inner_scopes(module)
        for symbol in scope.get_symbols()
        # A method is found through its object, and hides nothing.
        if scope.get_type() != "class" and symbol.is_local() and symbol.get_name() in names
    ]
    assert hidden == []


def lines_of_code(function):
    """Lines of a function without blanks, comments and docstrings."""
    shown = ast.unparse(function).splitlines()
    documented = ast.get_docstring(function, clean=False)
    return len(shown) - (documented.count("\n") + 1 if documented else 0)


@each_module
def test_no_function_is_too_long_to_be_read_at_once(module):
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if lines_of_code(node) > 40] == []
