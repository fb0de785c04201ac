"""The page on which zones are clicked: what it holds, and what a browser lets one do with it."""

import json
import re
import time

import numpy as np
import pytest
from click.testing import CliRunner

from segment.cli import main
from segment.events import Line, Zone, read_zones, write_zones
from segment.export.zones import background_of, zones_page
from tests.conftest import write_video
from tests.report.browser import complaints, opened, until

SIZE = (90, 160)


def film(path, size=SIZE, count=60):
    """A gradient before which a box crosses."""
    plain = np.linspace(30, 200, size[1]).astype(np.uint8)[None, :, None]
    images = np.repeat(np.repeat(plain, size[0], 0), 3, 2)[None].repeat(count, 0).copy()
    for t in range(count):
        images[t, 30:60, 2 * t : 2 * t + 12] = (255, 0, 0)
    return write_video(path, images)


def run(*words):
    return CliRunner().invoke(main, ["zones", *map(str, words)])


def test_nobody_stands_on_the_background(tmp_path):
    rng = np.random.default_rng(0)
    images = []
    for t in range(21):
        image = np.full((100, 60, 3), 90, np.uint8)
        image[40:60, 2 * t : 2 * t + 10] = rng.integers(0, 255, 3)
        images.append(image)
    assert np.all(background_of(images) == 90)


def test_a_page_is_written_beside_what_it_saves(tmp_path):
    out = tmp_path / "sub" / "yard.json"
    result = run(film(tmp_path / "<b>&'.mkv"), "-o", out)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "sub/yard.html").read_text(encoding="utf-8")
    assert "<b>&'" not in text
    assert "Zones of &lt;b&gt;&amp;&#x27;" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert run(tmp_path / "<b>&'.mkv", "-o", out).exit_code == 0  # ours is replaced


def test_names_cannot_end_the_script():
    odd = "</script><script>alert(1)</script>"
    image = np.zeros((9, 9, 1), np.uint8)
    text = zones_page(image, odd, "a.json", [Zone(odd, ((0, 0), (5, 0), (5, 5)))])
    assert "<script>alert" not in text
    assert text.count("<script>") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.mkv"], "none.mkv"),
        (["{film}", "-o", "{folder}/mine.json"], "mine.html is there already"),
        (["{film}", "-o", "{folder}/broken.json"], "broken.json"),
        (["{film}", "-o", "{folder}/tall.json"], "the zones were drawn on 90x160"),
        (["{film}", "--start", "99s", "-o", "{folder}/a.json"], "no frame from second 99"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, words, says):
    clip = film(tmp_path / "film.mkv")
    (tmp_path / "mine.html").write_text("mine")
    (tmp_path / "broken.json").write_text('{"zones": [')
    tall = write_zones([Zone("a", ((0, 0), (5, 0), (5, 5)))], [], (160, 90))
    (tmp_path / "tall.json").write_text(tall)
    result = run(*(word.format(film=clip, folder=tmp_path) for word in words))
    assert result.exit_code != 0
    assert says in result.output
    assert result.output.count("\n") == 1
    assert (tmp_path / "mine.html").read_text() == "mine"


def click_at(chrome, x, y):
    """A click of the pointer on column x, row y of the picture."""
    from selenium.webdriver import ActionChains

    board = chrome.find_element("id", "board")
    box = board.rect
    left = x / SIZE[1] * box["width"] - box["width"] / 2
    top = y / SIZE[0] * box["height"] - box["height"] / 2
    ActionChains(chrome).move_to_element_with_offset(
        board, round(left), round(top)
    ).click().perform()


def test_zones_and_lines_are_clicked_named_and_saved(tmp_path):
    (tmp_path / "zones.json").write_text(
        write_zones([Zone("old <i>", ((10, 10), (50, 10), (50, 40)))], [], SIZE)
    )
    assert run(film(tmp_path / "film.mkv"), "-o", tmp_path / "zones.json").exit_code == 0
    with opened(tmp_path / "zones.html") as chrome:
        chrome.execute_cdp_cmd(
            "Page.setDownloadBehavior",
            {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")},
        )
        chrome.execute_script("document.getElementById('board').scrollIntoView()")
        for x, y in ((80, 20), (140, 20), (140, 70), (90, 75)):
            click_at(chrome, x, y)
        click_at(chrome, 80, 20)  # the first corner: it is a zone
        until(chrome, "document.querySelectorAll('#list li').length === 2")
        name = chrome.switch_to.active_element
        name.send_keys("gate")
        chrome.find_element("id", "line").click()
        click_at(chrome, 10, 80)
        click_at(chrome, 70, 82)
        until(chrome, "document.querySelectorAll('#list li').length === 3")
        # Two of one name are told, and nothing is saved.
        chrome.switch_to.active_element.send_keys("gate")
        until(chrome, "!document.getElementById('bad').hidden")
        chrome.find_element("id", "save").click()
        assert not list((tmp_path / "downloads").glob("*"))
        chrome.find_elements("css selector", "#list input")[2].send_keys(" road")
        until(chrome, "document.getElementById('bad').hidden")
        chrome.find_element("id", "save").click()
        saved = tmp_path / "downloads" / "zones.json"
        for _ in range(100):
            if saved.exists() and saved.read_text().endswith("}\n"):
                break
            time.sleep(0.05)
        found = read_zones(saved)
        assert [zone.name for zone in found.zones] == ["old <i>", "gate"]
        assert [line.name for line in found.lines] == ["gate road"]
        assert found.size == SIZE
        corners = np.array(found.zones[1].points)
        np.testing.assert_allclose(corners, [(80, 20), (140, 20), (140, 70), (90, 75)], atol=0.6)
        # What was saved can be loaded again.
        chrome.refresh()
        chrome.find_element("id", "load").send_keys(str(saved))
        until(chrome, "document.querySelectorAll('#list li').length === 3")
        chrome.find_elements("css selector", "#list button")[0].click()
        until(chrome, "document.querySelectorAll('#list li').length === 2")
        assert not complaints(chrome)


def test_what_is_no_file_of_zones_is_told_in_the_page(tmp_path):
    page = tmp_path / "zones.html"
    line = Line("road", ((0, 1), (8, 1)))
    page.write_text(zones_page(np.zeros((*SIZE, 3), np.uint8), "yard", lines=[line]))
    (tmp_path / "bad.json").write_text(json.dumps({"points": 3}))
    with opened(page) as chrome:
        chrome.find_element("id", "load").send_keys(str(tmp_path / "bad.json"))
        told = until(chrome, "document.getElementById('bad').textContent")
        assert "bad.json" in told
        assert len(chrome.find_elements("css selector", "#list li")) == 1
        assert not complaints(chrome)
