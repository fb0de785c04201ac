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


TEST_FILES = sorted((PACKAGE.parent / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_a_file_of_tests_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= SITTING


OF_TUPLES = {"_replace", "_asdict", "_fields", "_make"}
"""Of a NamedTuple, public by Python's word."""

EXIT = "os._exit, public by Python's word: an end without farewells"
LOOP = "constants of a compiled loop that hold only together: the test says how"
INSIDE = {
    ("fuzz/kills.py", "_exit"): EXIT,
    ("background/test_threads.py", "_exit"): EXIT,
    ("test_turns.py", "_exit"): EXIT,
    ("grouping/test_sharing.py", "_LONELY"): LOOP,
    ("grouping/test_sharing.py", "_MAY"): LOOP,
    ("grouping/test_sharing.py", "_TIE"): LOOP,
    ("grouping/test_sharing.py", "_REACH"): LOOP,
    ("grouping/test_sharing.py", "_TAIL"): LOOP,
    ("grouping/test_sharing.py", "_NOWHERE"): LOOP,
}
"""What tests may see of others though its name is private, and why."""


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name not in OF_TUPLES


def is_own(node):
    """Whether this is the object that speaks, or what it comes from: a private name is its own."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def by_name(function):
    """Whether it takes the name of an attribute: getattr, monkeypatch.setattr, patch.object."""
    said = ast.unparse(function)
    return said.endswith(("getattr", "setattr", "delattr")) or said.startswith("patch")


def private_names(tree):
    """The private names of others that a file gets, sets, patches or imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not is_own(node.value):
            yield node.attr
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                yield from alias.name.split(".")
            yield from (getattr(node, "module", None) or "").split(".")
        elif isinstance(node, ast.Call) and by_name(node.func):
            for given in node.args[:2]:  # getattr(x, "_name"), monkeypatch.setattr("a._name", 1)
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    yield from given.value.split(".")


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_a_test_keeps_out_of_what_is_private(path):
    place = path.relative_to(PACKAGE.parent / "tests").as_posix()
    found = {name for name in private_names(ast.parse(path.read_text(encoding="utf-8")))
             if is_private(name)}  # fmt: skip
    assert {name for name in found if (place, name) not in INSIDE} == set()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("thing._state.pictures", "_state"),
        ("from segment.grouping.kernels.sharing import _MAY", "_MAY"),
        ("import segment._hidden", "_hidden"),
        ("getattr(thing, '_state')", "_state"),
        ("monkeypatch.setattr(Thing, '_tell', print)", "_tell"),
        ("patch.object(thing, '_tell')", "_tell"),
        ("thing[0]()._x", "_x"),
    ],
)
def test_private_names_are_seen(code, name):
    assert name in set(filter(is_private, private_names(ast.parse(code))))


def test_what_is_ones_own_and_what_python_says_is_public_is_none():
    code = "self._x\ncls._y = 1\nsuper()._begin(3)\npoint._replace(x=1)\nthing.__dict__"
    assert not set(filter(is_private, private_names(ast.parse(code))))


def test_no_exception_is_left_over():
    for place, name in INSIDE:
        tree = ast.parse((PACKAGE.parent / "tests" / place).read_text(encoding="utf-8"))
        assert name in private_names(tree), f"{place} has no {name} any more"
