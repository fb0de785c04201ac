"""report.html: what stands in it, and what a browser makes of it."""

import json
import re
import tracemalloc
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from segment import pipeline
from segment.events import Event, Ground, Line, Scene, Watcher, Zone
from segment.export import Origin, ReportPage
from segment.export.report import charts
from segment.export.report.boxes import Boxes
from segment.export.report.charts import strip
from segment.export.report.film import Film
from segment.export.report.findings import Digest, Findings
from segment.export.report.page import render
from segment.export.report.words import Words
from segment.frame import Frame, SequenceInfo
from segment.protocols import Damage
from tests.report.browser import complaints, opened, until

SIZE = (120, 200)
RATE = 10
SCENE = Scene(
    (Zone("ga<b>te", ((60, 20), (140, 20), (140, 110), (60, 110))),),
    (Line("road & rail", ((100, 0), (100, 119))),),
    clock=datetime(2026, 11, 27, 6, 0, 0),
)


class Thing(NamedTuple):
    id: int
    x: int
    y: int
    width: int
    height: int


def place(number, t):
    """Box (x, y, width, height) of an object in frame t, None when it is not there."""
    begin = 10 + 25 * (number - 1)
    x = 4 * (t - begin)
    return (x, 20 + 12 * (number % 5), 16, 30) if t - begin >= 0 and x < SIZE[1] else None


def frames(count=80, things=3, name="yard", size=SIZE, scale=1):
    info = SequenceInfo(name, (size[0], size[1]), Fraction(RATE), count)
    rng = np.random.default_rng(0)
    plain = rng.integers(70, 110, (*size, 3), np.uint8)
    for t in range(count):
        image, labels = plain.copy(), np.zeros(size, np.int32)
        for number in range(1, things + 1):
            if (box := place(number, t)) is not None:
                x, y, wide, high = box
                image[y : y + high, x : x + wide] = (230, 40 * number % 200, 60)
                labels[y : y + high, x : x + wide] = number
        yield Frame(image, t, t / RATE, info, foreground=labels > 0, labels=labels)


def write(folder, stream, scene=SCENE, **settings):
    sink = ReportPage(folder, **settings)
    for _ in pipeline.export(pipeline.watch(stream, Watcher(scene)), sink):
        pass
    return folder / "report.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    origin = Origin(
        chain=("read yard.mp4", "group", "export out --as report"),
        damage=Damage(lost=3, reasons=["frame 7 </script><script>alert(1)</script>"]),
    )
    return write(tmp_path_factory.mktemp("page"), frames(300), origin=origin)  # half a minute


def test_what_is_known_stands_in_the_page_without_its_script(page):
    text = page.read_text(encoding="utf-8")
    for word in (
        "<b>3 objects</b> came by", "2026-11-27, 06:00:00", "Quiet time", "read yard.mp4",
        "3 frames did not decode", "Object 2 crossed road &amp; rail",
        "Crossings of road &amp; rail",
        "Best still of object 3", 'href="events.csv"', "ga&lt;b&gt;te",
    ):  # fmt: skip
        assert word in text, word
    assert "ga<b>te" not in text
    assert "<script>alert" not in text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)  # nothing from elsewhere
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_without_pictures_and_video_the_page_of_a_full_day_is_small(tmp_path):
    rng = np.random.default_rng(0)
    boxes, day = Boxes(tmp_path, 2.0, 0.1), 86400.0
    for t in np.arange(0, 500, 0.5):
        boxes.follow(
            [Thing(int(t // 10) * 4 + k, *rng.integers(10, 900, 4).tolist()) for k in range(4)], t
        )

    def events():
        for number in range(1, 6001):
            start = day * number / 6001
            path = [(start + s, *rng.uniform(0, 900, 2).tolist()) for s in range(64)]
            kind = ("object", "cross", "enter", "leave", "motion")[number % 5]
            yield number, Event(
                kind, start, start + 60, number, number + 9, None if kind == "motion" else number,
                "a line with a longish name" if kind == "cross" else None, "left", 4.0, 123.456,
                1.234, 2.345, 567.8, (1, 2, 3, 4), number, tuple(path),
            )  # fmt: skip

    digest = Digest.of(events())
    line = Line("a line with a longish name", ((0, 0), (9, 9)))
    found = Findings(
        "yard", (1080, 1920), (0.4, 0.4), 0.0, day, 0.04, 2_160_000,
        Scene((), (line,), clock=SCENE.clock), Origin(chain=("read yard.mp4",) * 6),
        rng.integers(1, 30, 720).tolist(), day / 720, 0.4,
        boxes.tracks(0.0, (0.4, 0.4)), b"", b"", None, "report.mp4", True,
        stills={event.id: b"" for event in digest.things},
    )  # fmt: skip
    boxes.close()
    text = render(found, digest)
    assert len(text.encode()) < 200_000
    assert "150 of 6,000 events; all of them are in" in text
    assert "The 40 that were seen longest and largest, of 1,200." in text


def test_boxes_of_the_page_lie_on_the_objects(page):
    text = page.read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert data["clock"] == 6 * 3600
    found = {track[0] for track in data["tracks"]}
    assert found == {1, 2, 3}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b \"q\" 'x'", "ünïcode ☃"])
def test_a_file_name_stays_text(tmp_path, name):
    text = write(tmp_path, frames(20, 1, name), Scene()).read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert text.count("<script>") == 1


def test_nothing_happened_is_a_page_too(tmp_path):
    text = write(tmp_path, frames(12, 0), Scene()).read_text(encoding="utf-8")
    assert "nothing happened" in text
    assert "100 %" in text


def test_one_frame_is_a_page_too(tmp_path):
    assert "nothing happened" in write(tmp_path, frames(1, 0)).read_text(encoding="utf-8")


def test_metres_are_told(tmp_path):
    text = write(tmp_path, frames(), Scene(ground=Ground.scaled(0.05))).read_text(encoding="utf-8")
    assert re.search(r"[\d.]+ m · (1\.9\d|2) m/s", text)


def test_a_large_video_stands_beside_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("segment.export.report.INLINE", 100)
    page = write(tmp_path, frames(20, 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.mp4"]
    assert 'src="report.mp4"' in page.read_text()
    monkeypatch.undo()
    write(tmp_path, frames(20, 1), mode="overwrite")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_film_without_end_has_fewer_and_fewer_pictures_a_second(tmp_path, monkeypatch):
    monkeypatch.setattr("segment.export.report.film.MANY", 50)
    image = np.zeros((16, 32, 3), np.uint8)
    info = SequenceInfo("yard", (16, 32), Fraction(10))
    film = Film(tmp_path / "film.mp4", Frame(image, 50, 5.0, info))
    for t in range(1000):
        film.add(image, 5 + t / 10, busy=True)
    film.close()
    with av.open(str(tmp_path / "film.mp4")) as video:
        times = np.array([frame.time for frame in video.decode(video=0)])
    gaps = np.diff(times)
    np.testing.assert_allclose(gaps[:49], 0.1, atol=1e-3)
    np.testing.assert_allclose(gaps[50:99], 0.2, atol=1e-3)
    assert len(times) < 50 * 5
    assert 96 < times[-1] < 100  # to the end, all the same


def test_memory_of_a_report_stays_flat(tmp_path):
    def stream():
        for t, frame in enumerate(frames(420, 14)):
            if t == 200:
                tracemalloc.start()
                stream.before = tracemalloc.get_traced_memory()[0]
            if t == 419:
                stream.after = tracemalloc.get_traced_memory()[0]
                tracemalloc.stop()
            yield frame

    write(tmp_path, stream())
    assert stream.after - stream.before < 1_500_000


# --- in a browser ---------------------------------------------------------------------------


CLICK = """
var strip = document.getElementById('strip'), area = strip.getBoundingClientRect();
var at = {clientX: area.left + area.width * arguments[0], clientY: area.top + 9, pointerId: 1};
strip.dispatchEvent(new PointerEvent('pointerdown', at));
"""


PIXEL = """
var video = document.getElementById('video'), canvas = document.createElement('canvas');
canvas.width = video.videoWidth; canvas.height = video.videoHeight;
var pen = canvas.getContext('2d'); pen.drawImage(video, 0, 0);
return [].slice.call(pen.getImageData(arguments[0], arguments[1], 1, 1).data, 0, 3);
"""


def test_a_browser_plays_it_and_boxes_keep_in_step(page):
    with opened(page) as chrome:
        until(chrome, "document.getElementById('video').readyState >= 2")
        assert complaints(chrome) == []
        span = 30.0
        for t in (21, 45, 63):  # frames in which an object is there
            chrome.execute_script(CLICK, (t + 0.5) / RATE / span)
            video = "document.getElementById('video')"
            there = f"Math.abs({video}.currentTime - {(t + 0.5) / RATE}) < .06"
            until(chrome, f"{there} && !{video}.seeking")
            drawn = chrome.execute_script(
                "return [].map.call(document.querySelectorAll('#boxes .box'),function(b){return "
                "b.style.display?null:[+b.dataset.id,+b.getAttribute('x'),+b.getAttribute('y'),"
                "+b.getAttribute('width'),+b.getAttribute('height')]}).filter(Boolean)"
            )
            wanted = {n: place(n, t) for n in (1, 2, 3) if place(n, t) is not None}
            assert {row[0] for row in drawn} == set(wanted)
            for number, *box in drawn:
                np.testing.assert_allclose(box, wanted[number], atol=4.1)
                # The colours are said in the file as they are stored, or red would come out off.
                x, y, wide, high = box
                shown = chrome.execute_script(PIXEL, x + wide / 2, y + high / 2)
                np.testing.assert_allclose(shown, (230, 40 * number % 200, 60), atol=12)
        chrome.execute_script("document.querySelector('.thing').click()")
        assert until(chrome, "document.getElementById('video').currentTime < 1.3")
        chrome.execute_script("document.getElementById('strip').focus()")
        chrome.switch_to.active_element.send_keys("\ue010")  # End
        # Where nothing happens the film has a picture a second: its last is up to that old.
        assert until(chrome, "document.getElementById('video').currentTime > 28")
        chrome.execute_script("document.querySelector('[data-kind-of=cross]').click()")
        shown = chrome.execute_script(
            "return [].filter.call(document.querySelectorAll('.row'),function(r){return "
            "!r.parentNode.hidden}).map(function(r){return r.dataset.kind})"
        )
        assert set(shown) == {"cross"}
        assert complaints(chrome) == []


def test_a_tag_covers_no_name(page):
    overlaps = """var boxes = function(s) {return [].filter.call(document.querySelectorAll(s),
        function(e) {return e.style.display != 'none'}).map(function(e) {
        return e.getBoundingClientRect()})};
        return boxes('#boxes rect:not(.box)').map(function(a) {return boxes('#stage .name').some(
        function(b) {return a.left < b.right && b.left < a.right &&
                            a.top < b.bottom && b.top < a.bottom})})"""
    with opened(page) as chrome:
        until(chrome, "document.getElementById('video').readyState >= 2")
        for t in (79, 82, 85, 88):  # object 3 walks by below the name of the zone
            chrome.execute_script(CLICK, (t + 0.5) / RATE / 30.0)
            video = "document.getElementById('video')"
            there = f"Math.abs({video}.currentTime - {(t + 0.5) / RATE}) < .06"
            until(chrome, f"{there} && !{video}.seeking")
            covered = chrome.execute_script(overlaps)
            assert covered
            assert not any(covered)


def test_it_stands_with_scripts_off_and_on_a_phone(page, tmp_path):
    with opened(page, scripts=False, width=400) as chrome:
        body = chrome.find_element("css selector", "body").text
        assert "3 objects came by" in body
        assert "Object 2" in body
        assert len(chrome.find_elements("css selector", ".row")) > 5
        assert not chrome.find_element("id", "play").is_displayed()  # no script has shown it
        assert complaints(chrome) == []


@pytest.mark.parametrize("end", [7.0, 3.4, 3600.0, 86400.0])
def test_moments_below_the_strip_do_not_touch_on_a_narrow_screen(tmp_path, end):
    clock = datetime(2026, 11, 27, 6) if end in (7.0, 3600.0) else None
    words = Words(Scene(clock=clock), 0.0, end)
    drawing = strip([1, 2], end / 2, 0.0, end, words)
    style = Path(charts.__file__).with_name("page.css").read_text(encoding="utf-8")
    html = tmp_path / "strip.html"
    html.write_text(
        f"<!doctype html><meta name=viewport content='width=device-width'><style>{style}</style>"
        f"<body><div class=page><div class=card><div class=strip>{drawing}</div></div></div>"
    )
    boxes = """return [...document.querySelectorAll('.labels text')].map(
        text => text.getBoundingClientRect()).filter(box => box.width > 0).map(
        box => [box.left, box.right])"""
    with opened(html) as chrome:
        for width in (360, 400, 640, 760, 1280):
            screen = {"width": width, "height": 600, "deviceScaleFactor": 1, "mobile": width < 600}
            chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
            ends = chrome.execute_script(boxes)
            assert len(ends) >= 2
            assert all(one[1] + 4 < other[0] for one, other in pairwise(ends)), (width, ends)


def test_a_name_that_is_a_script_runs_nothing_and_a_video_beside_plays(tmp_path, monkeypatch):
    monkeypatch.setattr("segment.export.report.INLINE", 100)
    page = write(tmp_path, frames(40, 2, "<script>window.hurt=1</script>"))
    with opened(page) as chrome:
        until(chrome, "document.getElementById('video').readyState >= 2")
        assert chrome.execute_script("return window.hurt === undefined")
        assert chrome.find_element("css selector", "h1").text == "<script>window.hurt=1</script>"
        assert complaints(chrome) == []


def test_a_video_of_ten_minutes_stands_beside_and_is_sought(tmp_path):
    size, rng = (240, 320), np.random.default_rng(0)
    plain = rng.integers(40, 200, (4, *size, 3), np.uint8)  # noise, so that it has its megabytes
    info = SequenceInfo("yard", size, Fraction(1), 600)

    def stream():
        for t in range(600):
            image, labels = plain[t % 4].copy(), np.zeros(size, np.int32)
            if 540 <= t < 580:
                x = 6 * (t - 540)
                image[100:160, x : x + 30] = (230, 40, 60)
                labels[100:160, x : x + 30] = 1
            yield Frame(image, t, float(t), info, foreground=labels > 0, labels=labels)

    page = write(tmp_path, stream())
    assert (tmp_path / "report.mp4").stat().st_size > 10_000_000
    assert page.stat().st_size < 400_000
    with opened(page) as chrome:
        video = "document.getElementById('video')"
        until(chrome, f"{video}.readyState >= 2")
        assert abs(chrome.execute_script(f"return {video}.duration") - 600) < 2
        chrome.execute_script(CLICK, 560.5 / 600)
        until(chrome, f"Math.abs({video}.currentTime - 560.5) < 1 && !{video}.seeking")
        # Of the picture that is shown, a second long, and not of where it will be half a second on.
        until(
            chrome, "[].some.call(document.querySelectorAll('#boxes .box'), function(b){return "
            "!b.style.display && Math.abs(b.getAttribute('x') - 120) < 0.01})"
        )  # fmt: skip
        assert complaints(chrome) == []
