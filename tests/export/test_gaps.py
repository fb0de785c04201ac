"""Hours between two frames, and rates that no camera for people has: every video is whole."""

from fractions import Fraction

import av
import numpy as np
import pytest

from segment.export import FORMATS
from segment.export.h264 import CLOCK, LONGEST, Ticks, nominal
from segment.export.report.film import Film
from segment.export.spool import Spool
from segment.frame import Frame, SequenceInfo
from segment.video.source import check_rate

NIGHT = 14 * 3600.0
IMAGE = np.full((32, 48, 3), 90, np.uint8)


def times_of(path):
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def write(folder, kind, times, rate=25):
    info = SequenceInfo("cam", IMAGE.shape[:2], Fraction(rate), len(times))
    with FORMATS[kind](folder) as sink:
        for index, time in enumerate(times):
            sink.write(Frame(IMAGE, index, time, info, foreground=np.zeros(IMAGE.shape[:2], bool)))


def test_a_night_without_a_camera_keeps_every_time_of_the_overlay(tmp_path):
    wanted = [0.0, 0.04, NIGHT, NIGHT + 0.04]
    write(tmp_path, "overlay", wanted)
    found = times_of(tmp_path / "overlay.mp4")
    assert set(np.round(wanted, 3)) <= set(np.round(found, 3))
    assert len(found) == len(wanted) + 16  # the last picture of the evening, again and again
    assert np.diff(found).max() <= LONGEST * CLOCK + 0.1


def test_a_night_keeps_every_time_of_the_report_s_film(tmp_path):
    info = SequenceInfo("cam", IMAGE.shape[:2], Fraction(25), None)
    wanted = [0.0, 0.2, NIGHT, NIGHT + 0.2]
    film = Film(tmp_path / "film.mp4", Frame(IMAGE, 0, 0.0, info))
    for time in wanted:
        film.add(IMAGE, time, busy=True)
    film.close()
    assert set(np.round(wanted, 3)) <= set(np.round(times_of(tmp_path / "film.mp4"), 3))


def test_a_night_is_left_out_of_a_clip(tmp_path):
    spool = Spool(tmp_path, IMAGE.shape[:2], Fraction(25))
    for time in (0.0, 0.04, NIGHT, NIGHT + 0.04):
        spool.add(IMAGE, time)
    spool.finish()
    assert spool.cut(tmp_path / "clip.mp4", 0, NIGHT + 1)
    spool.close()
    assert len(times_of(tmp_path / "clip.mp4")) == 4


@pytest.mark.parametrize("kind", ["overlay", "video"])
@pytest.mark.parametrize("rate", [Fraction(1, 86400), Fraction(1, 10**6), 10**6])
def test_rates_of_plants_and_of_explosions(tmp_path, kind, rate):
    write(tmp_path, kind, [n / float(rate) for n in range(3)], rate)
    (name,) = (path for path in tmp_path.iterdir() if path.suffix in (".mp4", ".mkv"))
    assert len(times_of(name)) >= 3


def test_a_rate_is_a_number_or_a_fraction_within_reason():
    assert check_rate("1/3600") == Fraction(1, 3600)
    assert nominal(Fraction(1, 86400)) == Fraction(1, 1000)
    for rate in (1e-9, 1e9, "1/0", "nan", -1):
        with pytest.raises(ValueError, match="wanted frames per second"):
            check_rate(rate)


def test_no_picture_is_repeated_where_the_next_is_near():
    ticks = Ticks()
    assert list(ticks.again(1e9)) == []  # there is none yet
    ticks.at(0)
    assert list(ticks.again(100)) == []
    assert len(list(ticks.again(86400))) == 28
