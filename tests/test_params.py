"""Moments, sizes and names: what people type, and what it means."""

from fractions import Fraction

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.cli.names import name_of, sequence_names
from segment.cli.params import Moment, Odd, Size
from segment.errors import ChainError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("125", 125),
        ("0", 0),
        ("5s", Fraction(5)),
        ("1.5s", Fraction(3, 2)),
        ("250ms", Fraction(1, 4)),
        ("2m", Fraction(120)),
        ("1.5min", Fraction(90)),
        ("1h", Fraction(3600)),
        ("1:30", Fraction(90)),
        ("00:01:30", Fraction(90)),
        ("01:00:00.04", Fraction(3600) + Fraction(1, 25)),
    ],
)
def test_moments(text, moment):
    converted = Moment().convert(text, None, None)
    assert converted == moment
    assert type(converted) is type(moment)


@pytest.mark.parametrize(
    "text", ["", "5x", "-5s", "1:75", "1:2:3:4", "s", "five", "1:60:00", "nan"]
)
def test_what_is_no_moment(text):
    with pytest.raises(click.BadParameter, match="is not a moment"):
        Moment().convert(text, None, None)


@given(hours=st.integers(0, 99), minutes=st.integers(0, 59), seconds=st.integers(0, 59))
def test_a_clock_time_counts_its_seconds(hours, minutes, seconds):
    moment = Moment().convert(f"{hours:02}:{minutes:02}:{seconds:02}", None, None)
    assert moment == 3600 * hours + 60 * minutes + seconds


def test_a_size_is_height_and_width():
    assert Size().convert("640x360", None, None) == (360, 640)
    for text in ("640", "640x", "0x5", "axb", "-1x5", "640x360x3"):
        with pytest.raises(click.BadParameter, match="is not a size"):
            Size().convert(text, None, None)


def test_the_side_of_a_median_is_odd():
    assert [Odd(0).convert(text, None, None) for text in ("0", "1", "5")] == [0, 1, 5]
    with pytest.raises(click.BadParameter, match="4 is even"):
        Odd(0).convert("4", None, None)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a/street.mp4", "street"),
        ("a/street.long.mp4", "street.long"),
        ("0", "camera0"),
        ("-", "stdin"),
        ("sample:street", "street"),
        ("rtsp://me:secret@camera.local:554/live/north.sdp?token=1", "north"),
        ("rtsp://me:secret@camera.local", "camera"),
        ("http://localhost:8000/", "localhost-8000"),
    ],
)
def test_sequences_are_called_after_their_inputs(given, name):
    assert name_of(given) == name


def test_names_grow_by_folders_until_they_differ():
    assert sequence_names(["a/x.mp4", "a/y.mp4"]) == ["x", "y"]
    assert sequence_names(["a/x.mp4", "b/x.mp4", "y.mp4"]) == ["a/x", "b/x", "y"]
    assert sequence_names(["p/a/x.mp4", "q/a/x.mp4"]) == ["p/a/x", "q/a/x"]
    assert sequence_names(["x.mp4", "x.mkv", "a/y.mp4"]) == ["x.mp4", "x.mkv", "y"]
    assert sequence_names(["0", "1"]) == ["camera0", "camera1"]
    with pytest.raises(ChainError, match="both be written as 'north'"):
        sequence_names(["rtsp://a/north", "rtsp://b/north"])
    with pytest.raises(ChainError, match=r"x\.mp4 is given twice"):
        sequence_names(["x.mp4", "x.mp4"])
