"""The table of public names: made from the code, whole, and saying what it promises."""

import importlib
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def api():
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("api")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def entries(api):
    return list(api.entries())


def test_every_promised_name_is_in_the_table_once(api, entries):
    named = {(entry.room, entry.name) for entry in entries}
    assert len(named) == len(entries)
    names = {name for _, name in named}
    for room in api.ROOMS:
        promised = set(api.public(importlib.import_module(room)))
        assert promised - {"pipeline"} <= names, room


def test_every_name_says_what_it_is(entries):
    silent = [f"{e.room}.{e.name}" for e in entries if e.kind != "value" and len(e.what) < 10]
    assert not silent


def test_every_array_that_is_taken_or_given_has_a_shape(entries):
    """Where a signature says Image, Mask, Labels or an array, the text says its shape."""
    arrays = ("Image", "Mask", "Labels", "NDArray", "ndarray", "Floats")
    bare = [
        f"{entry.room}.{entry.name}"
        for entry in entries
        if any(name in entry.signature for name in arrays) and not entry.shapes
    ]
    assert not bare


def test_errors_are_those_that_the_code_raises_and_the_text_names(entries):
    by_name = {entry.name: entry for entry in entries}
    assert "UnreadableInput" in by_name["open_frames"].errors
    assert "ValueError" in by_name["PosteriorSubtractor"].errors
    assert by_name["SegmentError"].errors == ()


def test_a_row_has_shapes_and_units(entries):
    frame = next(entry for entry in entries if entry.name == "Frame")
    assert {"(H, W, C) uint8", "(H, W) bool", "(H, W) int32"} <= set(frame.shapes)
    assert "seconds" in frame.units


def test_nothing_of_a_docstring_is_taken_for_markup(api):
    assert api.escaped("weights_ (K,); `means_` <x>") == r"weights\_ (K,); `means_` \<x>"
    assert api.as_list("a, b : of both\n    and more\nc : last") == (
        "- `a, b`: of both and more\n- `c`: last"
    )


def test_the_page_has_every_name_and_every_link_a_place(api):
    page = api.page()
    places = set(re.findall(r"\{ #([\w-]+) \}", page))
    links = re.findall(r"\]\(#([\w-]+)\)", page)
    assert len(links) == len(set(links)) == len(places)
    assert set(links) == places
