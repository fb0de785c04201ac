"""Who leans on whom: read from the imports, held against the table of the README."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "segment"


def rooms_of_the_readme():
    """The README's table: room to (rooms it leans on or None for all, outside packages)."""
    text = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    table = {}
    for line in text.partition("\nroom | ")[2].splitlines()[2:]:
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != 4:
            break
        names, _, leans, outside = ([w.strip() for w in cell.split(",")] for cell in cells)
        for name in names:
            rooms = None if leans == ["everything"] else set(leans) - {"–"}
            table[name] = (rooms, set(outside) - {"–"})
    return table


LEANS_ON = rooms_of_the_readme()
COMPILERS = {"numba", "llvmlite"}  # of one make: who may use the one may use the other


def imports(path):
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module
            if node.module == "segment":
                yield from (f"segment.{alias.name}" for alias in node.names)


def files():
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_leans_only_on_those_it_may(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    assert room in LEANS_ON, f"{room} is a new room; say in the README what it may lean on"
    rooms, outside = LEANS_ON[room]
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "segment":
            allowed = rooms is None or len(parts) == 1 or parts[1] in rooms | {room}
            assert allowed, f"{room} must not lean on {module}"
        elif parts[0] not in sys.stdlib_module_names:
            assert parts[0] in outside | (COMPILERS if COMPILERS & outside else set()), (
                f"{room} must not import {module}"
            )


def test_the_table_names_every_room_and_no_other():
    assert set(LEANS_ON) == {room_of(path) for path in files()} - {"__init__", "__main__"}
    for room, (rooms, _) in LEANS_ON.items():
        assert rooms is None or rooms <= set(LEANS_ON), f"{room} leans on what is no room"


def test_rooms_do_not_lean_on_each_other_in_a_circle():
    done, before = set(), None
    while done != before:
        before = set(done)
        done |= {room for room, (rooms, _) in LEANS_ON.items() if (rooms or set()) <= done}
    assert done == set(LEANS_ON), f"a circle among {sorted(set(LEANS_ON) - done)}"


def test_only_kernels_import_numba():
    guilty = [path for path in files() if COMPILERS & {m.split(".")[0] for m in imports(path)}]
    assert guilty, "no file imports numba: this test looks in the wrong place"
    places = [{path.stem, path.parent.name} & {"kernels", "compiling"} for path in guilty]
    assert all(places), guilty


def test_every_compiled_loop_is_kept_in_one_way():
    """Numba's own cache stops with an error where there is no place, and for damaged files."""
    for path in files():
        if path != PACKAGE / "kernels" / "kept.py":
            text = path.read_text(encoding="utf-8")
            assert "njit" not in text, f"{path} compiles by itself; use segment.kernels.kept"


def test_only_neural_imports_torch():
    for path in files():
        if room_of(path) != "neural":
            assert not any(module.split(".")[0] == "torch" for module in imports(path)), path


@pytest.mark.parametrize(
    "line",
    ["import segment", "import segment.cli", "from segment import SegmentError"],
)
def test_light_imports_load_nothing_heavy(line):
    heavy = ["numpy", "av", "cv2", "numba", "torch", "scipy", "skimage", "rich", "pycocotools"]
    code = f"import sys; {line}; print(*[m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []


def test_every_public_name_is_there():
    import segment

    for name in segment.__all__:
        assert getattr(segment, name) is not None
    assert set(segment.__all__) <= set(dir(segment))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = segment.nothing
