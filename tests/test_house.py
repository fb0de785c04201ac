"""Rules of the house that no linter knows: short files, few arguments, no circles of files."""

import ast

import pytest

from tests.test_rooms import PACKAGE, files, imports

LONGEST = 450
"""Lines of a file: what is read in one sitting."""

MOST = 8
"""Arguments of a function, but for constructors, commands and compiled loops."""

MORE = {
    "cli/keeping.py:subtract": "what a line says of a subtractor, by keyword: options of a command",
    "neural/training/loop.py:train": "the settings of a training, by keyword, in the public API",
    "neural/em/score.py:score": "the settings of a score, by keyword, in the public API",
    "grouping/pictures/hierarchy.py:run": "the arguments of one compiled loop, by keyword",
}


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_a_file_is_read_in_one_sitting(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST


def is_compiled(path):
    """Whether a file holds compiled loops: it lies among kernels, or imports what compiles them."""
    in_kernels = "kernels" in path.relative_to(PACKAGE).with_suffix("").parts
    return in_kernels or any(module.endswith(".compiling") for module in imports(path))


def is_command(function):
    return any("command(" in ast.unparse(d) or "callback(" in ast.unparse(d)
               for d in function.decorator_list)  # fmt: skip


def arguments(function):
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("path", [path for path in files() if not is_compiled(path)], ids=name_of)
def test_a_function_has_few_arguments(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__" and not is_command(node):
            told = len(arguments(node))
            assert told <= MOST or f"{name_of(path)}:{node.name}" in MORE, f"{node.name}: {told}"


def file_of(place):
    """The file that a module is, in a list; none for what is no module."""
    return [one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()]


def imported_at_once(path):
    """The files of the package that are read before this one is there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import):
            modules = [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [(node.module, [alias.name for alias in node.names])]
        else:
            continue
        for module, names in modules:
            if module.split(".")[0] != "segment":
                continue
            base = PACKAGE.parent.joinpath(*module.split("."))
            inner = [base / f"{name}.py" for name in names] + [
                base / n / "__init__.py" for n in names
            ]
            found = [one for one in inner if one.is_file()]
            yield from found or [one for one in (base.with_suffix(".py"), base / "__init__.py")
                                 if one.is_file()]  # fmt: skip


def test_no_file_is_imported_by_what_it_imports():
    leans = {path: set(imported_at_once(path)) - {path} for path in files()}
    assert sum(map(len, leans.values())) > 500, "this test looks in the wrong place"
    while leans:
        free = [path for path, others in leans.items() if not others & leans.keys()]
        assert free, f"in circles: {sorted(name_of(path) for path in leans)}"
        for path in free:
            del leans[path]


SITTING = 400
"""Lines of a file of tests: one rule of what they pin, or two."""


@pytest.mark.parametrize(
    "path", sorted((PACKAGE.parent / "tests").rglob("*.py")), ids=lambda path: path.name
)
def test_a_file_of_tests_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= SITTING
