"""A line over many videos: alone, by workers and in parts it leaves the same files."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

import segment
from segment.cli import main
from tests.cli.lines import heed_interrupts
from tests.conftest import moving_square, write_video

CHAIN = ["subtract-mixture", "clean", "group-components", "events", "export", "out"]
CHAIN += ["--as", "masks", "--as", "events"]
NAMES = [f"clip{n}" for n in range(5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five clips, and a text that calls itself a film; what one process makes of them."""
    top = tmp_path_factory.mktemp("many")
    (top / "in/deeper").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        images, _ = moving_square(24 + number, seed=number)
        write_video(top / ("in/deeper" if number > 2 else "in") / f"{name}.mkv", images)
    (top / "in/broken.mp4").write_text("no film")
    return top


@pytest.fixture(scope="module")
def alone(folder):
    place = begin(folder, "one")
    with contextlib.chdir(place):
        result = CliRunner().invoke(main, ["read", "--recursive", "in", *CHAIN])
    assert result.exit_code == 3, result.output
    return place


def begin(folder, name):
    """A working folder of its own, in which paths are called alike."""
    place = folder / name
    place.mkdir()
    (place / "in").symlink_to(folder / "in")
    return place


def results(place):
    """Every file but the summaries, which say how long it took."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted((place / "out").rglob("*"))
        if path.is_file() and path.parent != place / "out"
    }


def rows(place):
    with (place / "out/summary.csv").open() as file:
        return list(csv.DictReader(file))


def steady(place):
    """Rows of the summary, without what differs from run to run."""
    return [{k: v for k, v in row.items() if k not in ("seconds", "ended")} for row in rows(place)]


def test_the_summary_has_a_row_for_each(alone):
    found = rows(alone)
    assert sorted(row["sequence"] for row in found) == ["broken", *NAMES]
    by_name = {row["sequence"]: row for row in found}
    assert by_name["broken"]["state"] == "failed"
    assert "not a video" in by_name["broken"]["error"]
    done = by_name["clip3"]
    assert (done["state"], done["frames"], done["lost"]) == ("done", "27", "0")
    assert int(done["objects"]) >= 1
    assert int(done["events"]) == len((alone / "out/clip3/events.csv").read_text().splitlines()) - 1
    assert done["chain"].startswith("subtract-mixture clean")
    lines = [json.loads(line) for line in (alone / "out/report.jsonl").read_text().splitlines()]
    assert [line["sequence"] for line in lines] == [row["sequence"] for row in found]


def test_two_workers_leave_the_same_as_one_process(folder, alone):
    place = begin(folder, "two")
    with contextlib.chdir(place):
        result = CliRunner().invoke(main, ["read", "--recursive", "in", *CHAIN, "--jobs", "2"])
    assert result.exit_code == 3, result.output
    assert "broken.mp4" in result.output
    assert results(place) == results(alone)
    assert steady(place) == steady(alone)


def test_parts_leave_the_same_and_one_summary(folder, alone):
    place = begin(folder, "parts")
    environ = {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "2"}
    with contextlib.chdir(place):
        names = sorted(str(path) for path in Path("in").rglob("*.m*"))
        Path("list.txt").write_text("\n".join(names) + "\n\n# that was all\n")
        line = ["read", "--from", "list.txt", *CHAIN]
        codes = [
            CliRunner().invoke(main, [*line, "--shard", "1/2"]).exit_code,
            CliRunner().invoke(main, [*line, "--shard", "auto"], env=environ).exit_code,
        ]
    assert sorted(codes) == [0, 3]
    assert results(place) == results(alone)
    assert sorted(row["sequence"] for row in rows(place)) == ["broken", *NAMES]


def test_resuming_does_only_what_is_not_done(folder, alone):
    place = folder / "again"
    shutil.copytree(alone, place, symlinks=True)
    before = {row["sequence"]: row for row in rows(place)}
    shutil.rmtree(place / "out/clip4")
    masks = place / "out/clip1/masks/000003.png"
    masks.write_bytes(b"damaged")
    expected = pytest.raises(segment.SegmentError, match=r"broken\.mp4")
    with contextlib.chdir(place), expected as caught:
        segment.run(["read", "--recursive", "in", *CHAIN, "--resume"], jobs=2)
    report = caught.value.report
    assert {r.name for r in report.sequences if r.already} == {"clip0", "clip2", "clip3"}
    assert results(place) == results(alone)
    after = {row["sequence"]: row for row in rows(place)}
    assert [name for name in NAMES if after[name] != before[name]] == ["clip1", "clip4"]


def command(place, *more):
    environ = {**os.environ, "PYTHONPATH": str(Path(segment.__file__).parents[1])}
    line = [sys.executable, "-m", "segment", "--jobs", "2", "read", "--recursive", "in", *CHAIN]
    return subprocess.Popen(
        [*line, *more],
        cwd=place,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


def until(condition, seconds=90):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def workers_of(run):
    return [
        child
        for child in psutil.Process(run.pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]


def test_a_killed_worker_costs_nothing(folder, alone):
    place = begin(folder, "killed")
    run = command(place)
    until(lambda: len(workers_of(run)) == 2)
    victim = workers_of(run)[0]
    until(lambda: list((place / "out").glob("*/run.json")))
    victim.send_signal(signal.SIGKILL)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 3, said
    assert results(place) == results(alone)
    assert steady(place) == steady(alone)


def test_an_interrupted_run_ends_whole_videos_and_is_resumed(folder, alone):
    for attempt in range(4):  # on a busy machine all may be done before the signal is heard
        place = begin(folder, f"interrupted{attempt}")
        run = command(place)
        until(lambda place=place: list((place / "out").glob("*/run.json")))
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=120)
        if run.returncode != 3:
            break
    assert run.returncode == 130, said
    assert "left for --resume" in said
    done = [path.parent for path in (place / "out").glob("*/run.json")]
    assert 1 <= len(done) < len(NAMES)
    assert all(json.loads((path / "run.json").read_text())["complete"] for path in done)
    again = command(place, "--resume")
    again.communicate(timeout=120)
    assert again.returncode == 3
    assert results(place) == results(alone)
