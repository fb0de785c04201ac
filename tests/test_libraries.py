"""Which make of a library is there does not matter where it need not."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

from click.testing import CliRunner

PACKAGE = Path(__file__).parents[1] / "segment"

# What opencv-python-headless lacks.
WINDOWS = {
    "imshow", "waitKey", "waitKeyEx", "namedWindow", "destroyWindow", "destroyAllWindows",
    "resizeWindow", "moveWindow", "setMouseCallback", "createTrackbar", "getTrackbarPos",
    "selectROI", "selectROIs", "setWindowProperty", "startWindowThread", "pollKey",
}  # fmt: skip


def test_no_window_is_opened_so_that_headless_opencv_does():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "cv2":
                assert node.attr not in WINDOWS, f"{path} opens a window: cv2.{node.attr}"


def test_the_container_takes_a_torch_that_the_package_takes():
    """Else pip takes it away again, for one with gigabytes of CUDA."""
    root = PACKAGE.parent
    wanted = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    (torch,) = (one for one in wanted["project"]["dependencies"] if one.startswith("torch"))
    dockerfile = (root / "Dockerfile").read_text(encoding="utf-8")
    assert f"pip install --no-cache-dir '{torch}' --index-url" in dockerfile


def test_opencv_without_its_libraries_is_one_line_that_says_what_to_do(tmp_path):
    (tmp_path / "cv2.py").write_text(
        'raise ImportError("libGL.so.1: cannot open shared object file: No such file")\n'
    )
    code = "from segment.cli import main; main()"
    line = ["read", "sample:street", "--stop", "1", "subtract", "clean", "export", "out"]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}", *line],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1, ran.stderr
    assert "libGL.so.1" in ran.stderr
    # Where both makes were installed, the files of the one that stays went with the other's.
    assert "pip install --force-reinstall --no-deps opencv-python-headless" in ran.stderr


def test_a_library_that_is_not_there_is_one_line(monkeypatch, tmp_path):
    from segment.cli import main

    monkeypatch.chdir(tmp_path)  # where nothing lies in the way
    monkeypatch.setitem(sys.modules, "segment.background", None)
    result = CliRunner().invoke(main, "read sample:street --stop 1 subtract export out")
    assert result.exit_code == 1
    assert "Error: a library cannot be loaded" in result.output
