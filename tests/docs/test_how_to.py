"""Every line of the how-to pages runs, on drawn footage, and leaves what the page says."""

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner

from segment.cli import main
from tests.conftest import write_video

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
LIVE = {"0": "road.mkv", "rtsp://gate.example/stream": "road.mkv"}


def disc(image, y, x, height, width, colour):
    """An ellipse on an image (H, W, 3), in place."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    inside = ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1
    image[inside] = colour


def road(rng, length=70):
    """A car that comes from the left after a second, and drives through the picture."""
    ground = rng.uniform(80, 120, (120, 160, 1)) + np.zeros(3)
    images = ground + rng.normal(0, 2, (length, 120, 160, 3))
    for t in range(25, length):
        x = 5 * (t - 25) - 30
        images[t, 60:80, max(x, 0) : max(x + 34, 0)] = (200, 40, 30)
    return images.clip(0, 255).astype(np.uint8)


def cage(rng, length=100):
    """Two dark animals that come out of the walls, and run in circles of their own."""
    images = 180 + rng.normal(0, 2, (length, 120, 160, 3))
    for t in range(15, length):
        turn = 2 * np.pi * (t - 15) / 60
        disc(images[t], 60 + 34 * np.sin(turn), 44 + 30 * np.cos(turn), 7, 10, (60, 50, 45))
        disc(images[t], 60 - 34 * np.sin(turn), 118 - 26 * np.cos(turn), 7, 10, (60, 50, 45))
    return images.clip(0, 255).astype(np.uint8)


def cells(rng, length=16):
    """16-bit pages: five light cells on a dark ground that wander."""
    pages = rng.normal(300, 15, (length, 72, 96))
    rows, columns = np.ogrid[:72, :96]
    places = np.array([[15, 15], [15, 60], [40, 35], [55, 75], [58, 12]], float)
    for page in pages:
        for y, x in places:
            page += 2000 * (((rows - y) ** 2 + (columns - x) ** 2) < 36)
        places += rng.normal(0.7, 0.8, places.shape)
    return pages.clip(0, 65535).astype(np.uint16)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with what the pages call road.mp4, cage.mp4, arena.png, cells.tif."""
    from PIL import Image

    rng = np.random.default_rng(5)
    films = road(rng)
    write_video(tmp_path / "road.mp4", films, codec="libx264", pixels="yuv420p")
    write_video(tmp_path / "road.mkv", films)
    write_video(tmp_path / "cage.mp4", cage(rng), codec="libx264", pixels="yuv420p")
    arena = np.zeros((120, 160), np.uint8)
    arena[8:112, 8:152] = 255
    Image.fromarray(arena).save(tmp_path / "arena.png")
    tifffile.imwrite(tmp_path / "cells.tif", cells(rng), photometric="minisblack")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(page, language):
    """The blocks of a page in one language."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    assert found, f"{page}.md has no block of {language}"
    return found


def run_lines(page):
    """Run every line, in order; all end well."""
    for line in "".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line)
        assert words[0] == "segment", line
        if words[1] == "read":
            words[2] = LIVE.get(words[2], words[2])
        if "<" in words:
            at = words.index("<")
            with open(words[at + 1], "rb") as stream:
                command = [sys.executable, "-m", "segment", *words[1:at]]
                ran = subprocess.run(command, stdin=stream, capture_output=True, text=True)
            assert ran.returncode == 0, f"{line}\n{ran.stderr}"
        else:
            result = CliRunner().invoke(main, words[1:])
            assert result.exit_code == 0, f"{line}\n{result.output}"


def run_python(page, capsys):
    """Run every block of Python in one space; return what they print, a block each."""
    space, printed = {}, []
    for number, block in enumerate(blocks(page, "python")):
        capsys.readouterr()
        exec(compile(block, f"{page}.md, block {number}", "exec"), space)
        printed.append(capsys.readouterr().out)
    return printed


def rows(path):
    """A table as dictionaries."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_traffic_camera(folder, capsys):
    run_lines("traffic-camera")
    assert (folder / "zones.html").stat().st_size > 10_000
    for name in ("counts.csv", "events.csv", "report.html", "overlay.mp4"):
        assert (folder / "out" / "road" / name).stat().st_size > 0
    crossings = {row["direction"]: row["count"] for row in rows("out/road/counts.csv")}
    assert crossings == {"right": "1", "left": "0"}
    for day in ("tuesday", "wednesday"):
        assert rows(f"{day}/road/counts.csv") == rows("out/road/counts.csv")
    assert run_python("traffic-camera", capsys) == ["1\n"]


def test_mice_in_an_arena(folder, capsys):
    run_lines("mouse-arena")
    tracks = rows("out/cage/tracks.csv")
    assert {row["id"] for row in tracks} == {"1", "2"}
    (said,) = run_python("mouse-arena", capsys)
    lengths = [int(line.split()[-2]) for line in said.splitlines()]
    # Circles of 32 and 30 pixels, one and four tenths of a turn, less what passes before an id.
    assert len(lengths) == 2
    assert all(200 < length < 420 for length in lengths), said
    assert any(row["kind"] == "enter" for row in rows("out/cage/events.csv"))
    assert (folder / "boxed" / "cage" / "tracks.csv").exists()


def test_a_microscopes_stack(folder, capsys):
    run_lines("microscope-stack")
    labels = sorted((folder / "moving" / "cells" / "labels").iterdir())
    assert len(labels) == 16
    assert (folder / "moving" / "cells" / "ctc" / "res_track.txt").exists()
    still = labels_of(folder / "still" / "cells" / "labels" / "000010.png")
    assert len(np.unique(still)) >= 6  # five cells and the ground
    (said,) = run_python("microscope-stack", capsys)
    assert 0.05 < float(said) < 0.11  # five discs of 113 pixels on 6,912


def labels_of(path):
    """A picture of labels."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image).copy()


def test_a_live_camera(folder, capsys):
    run_lines("live-camera")
    for out in ("live", "stream"):
        (table,) = (folder / out).glob("*/events.csv")
        kinds = {row["kind"] for row in rows(table)}
        assert {"enter", "leave"} <= kinds
    (table,) = (folder / "piped").glob("*/events.csv")
    assert {row["kind"] for row in rows(table)} == {"motion"}
    printed = run_python("live-camera", capsys)
    assert "enter" in printed[0]
    assert "leave" in printed[0]


def test_ids_put_right_by_hand(folder, capsys):
    (text,) = blocks("mend-ids", "toml")
    (folder / "corrections.toml").write_text(text)
    run_lines("mend-ids")
    before, after = rows("out/cage/tracks.csv"), rows("out-mended/cage/tracks.csv")
    assert len(before) == len(after)
    found = {(row["frame"], row["x"], row["y"], row["area"]): row["id"] for row in after}
    for old in before:
        # What is split off is merged again: what is left is that they are swapped.
        later = int(old["frame"]) >= 60
        wanted = {"1": "2", "2": "1"}[old["id"]] if later else old["id"]
        assert found[old["frame"], old["x"], old["y"], old["area"]] == wanted
    labels = np.zeros((2, 3), np.int32)
    labels[0] = (0, 1, 2)
    space = {"labels": labels}
    for block in blocks("mend-ids", "python"):
        exec(block, space)
    np.testing.assert_array_equal(space["mended"][0], (0, 2, 1))
