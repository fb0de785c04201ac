"""The index of several videos: what it lists, and whose file it never touches."""

import re

import segment
from tests.report.browser import complaints, opened


def reports(make_clip, folder, names, out, **more):
    films = " ".join(f"'{make_clip(f'{name}.mkv', length=40, folder=folder)}'" for name in names)
    segment.run(
        f"read {films} subtract-mixture clean group-components events --shortest 0.2s "
        f"export {out} --as report --overwrite"
    )


def test_several_videos_give_an_index_and_one_gives_none(make_clip, tmp_path):
    out = tmp_path / "out"
    reports(make_clip, tmp_path, ["alone"], out)
    assert not (out / "index.html").exists()
    reports(make_clip, tmp_path, ["west gate", "a&b"], out)
    text = (out / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<a href="([^"]+)"', text) == [
        "west%20gate/report.html", "a%26b/report.html", "alone/report.html",
    ]  # fmt: skip
    assert "<b>3 videos</b>" in text
    assert "<b>3 objects</b> came by" in text
    assert "<h2>a&amp;b</h2>" in text
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert text.count("data:image/jpeg") == 3


def test_a_page_that_is_not_ours_stays(make_clip, tmp_path, caplog):
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("<h1>my home</h1>")
    (out / "mine").mkdir()
    (out / "mine/report.html").write_text("<h1>my report</h1>")
    reports(make_clip, tmp_path, ["a", "b"], out)
    assert (out / "index.html").read_text() == "<h1>my home</h1>"
    assert "stays; there is no index" in caplog.text


def test_the_index_leads_to_the_reports_in_a_browser(make_clip, tmp_path):
    out = tmp_path / "out"
    reports(make_clip, tmp_path, ["one", "two"], out)
    with opened(out / "index.html") as chrome:
        links = chrome.find_elements("css selector", "main a")
        assert len(links) == 2
        assert all(image.get_property("naturalWidth") for image in
                   chrome.find_elements("css selector", "img"))  # fmt: skip
        links[1].click()
        assert chrome.find_element("css selector", "h1").text == "two"
        assert not complaints(chrome)
