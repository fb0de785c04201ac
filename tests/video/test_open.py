"""What cannot be read is refused at once, in one clear line."""

import io
import os
import socket
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from segment.errors import UnreadableInput
from segment.video import Camera, ImageFolder, Picture, VideoFile, open_frames, opening
from tests.conftest import write_video
from tests.video.makers import cut, scenes, write, write_sound


def refused(path, **options):
    """Return the one line with which `path` is refused."""
    with pytest.raises(UnreadableInput) as caught:
        open_frames(path, **options)
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line


def test_no_such_file(tmp_path):
    for name in ("nothing.mp4", "nothing.png", "nothing"):
        line = refused(tmp_path / name)
        assert str(tmp_path / name) in line
        assert "no such file" in line
    assert "without file://" in refused(f"file://{tmp_path}/nothing.mp4")


@pytest.mark.parametrize("number", [100, 2**31, 10**30])
def test_a_camera_of_a_number_that_no_camera_has(number):
    assert "no such camera" in refused(str(number))


def test_an_address_means_the_same_in_capitals():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    # Nobody listens there any more; FFmpeg itself would not know HTTP.
    assert "refused" in refused(f"HTTP://127.0.0.1:{port}/cam.ts")


@pytest.mark.parametrize("name", ["empty.mp4", "empty.mkv", "empty.png", "empty"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    assert "empty (0 bytes)" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["notes.txt", "notes.mp4", "notes.avi", "notes"])
def test_a_text_file(tmp_path, name):
    (tmp_path / name).write_text("Überwachung: street.mp4\n" * 9000, encoding="utf-8")
    assert "is a text file" in refused(tmp_path / name)


def test_a_text_file_under_a_pictures_name(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    assert "no picture that can be read (5 bytes)" in refused(tmp_path / "a.png")


def test_bytes_without_sense(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, 5000, dtype=np.uint8)
    (tmp_path / "noise.mp4").write_bytes(noise.tobytes())
    assert "no video of a known kind" in refused(tmp_path / "noise.mp4")


def test_an_mp4_cut_before_its_index(tmp_path):
    path = cut(write(tmp_path / "recording.mp4", scenes(30)), 0.7)
    line = refused(path)
    assert "without its index (moov)" in line
    assert "repair" in line


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.mkv"])
def test_sound_only(tmp_path, name):
    assert "sound only" in refused(write_sound(tmp_path / name))


def test_a_song_with_a_cover_is_no_film(tmp_path):
    path = write_sound(tmp_path / "song.mp3", cover=scenes(1)[0])
    assert "sound only" in refused(path)


def test_a_film_of_which_no_frame_decodes(tmp_path):
    path = write(tmp_path / "a.mp4", scenes(9), codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    path.write_bytes(bytes(data))
    assert "(mjpeg) holds no frame that can be decoded" in refused(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
@pytest.mark.parametrize("name", ["a.mp4", "a.png"])
def test_no_permission(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    (tmp_path / name).chmod(0)
    assert "no permission" in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.png", ""])
def test_no_permission_as_the_system_tells_it(tmp_path, name, monkeypatch):
    def deny(*_, **__):
        raise PermissionError(13, "Permission denied")

    if name:
        (tmp_path / name).write_bytes(b"something")
    monkeypatch.setattr(Path, "open", deny)
    monkeypatch.setattr(Path, "read_bytes", deny)
    monkeypatch.setattr(Path, "iterdir", deny)
    assert "no permission to read" in refused(tmp_path / name)


def test_a_folder_without_pictures(tmp_path):
    assert "a folder without pictures" in refused(tmp_path)


def test_a_folder_of_videos_names_them(tmp_path):
    for name in ("b.mp4", "a10.mp4", "a2.mp4", "c.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    line = refused(tmp_path)
    assert "4 videos (a2.mp4, a10.mp4, b.mp4, ...)" in line
    assert f"{tmp_path}/*.mp4" in line


def test_a_folder_of_folders_names_one(tmp_path):
    (tmp_path / "input").mkdir()
    assert f"{tmp_path}/input" in refused(tmp_path)


def test_a_folder_in_which_no_picture_reads(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"\x89PNG broken")
    assert "none of its 3 pictures can be read" in refused(tmp_path)


def test_an_empty_stream():
    assert "cannot be opened" in refused(io.BytesIO(b""))


def test_an_address_nobody_answers_hides_the_password():
    line = refused("http://somebody:secret@127.0.0.1:9/cam.mp4")
    assert "127.0.0.1:9/cam.mp4" in line
    assert "secret" not in line


def test_no_such_camera(capfd):
    line = refused(63)
    assert "camera 63" in line
    assert "first one is number 0" in line
    assert "camera 63" in refused("/dev/video63")
    assert capfd.readouterr() == ("", ""), "OpenCV's own complaints are kept back"


def test_a_camera_number_below_zero():
    with pytest.raises(ValueError, match="-1"):
        Camera(-1)


class Webcam:
    """What OpenCV gives for a camera, without one."""

    given: ClassVar[list["Webcam"]] = []

    def __init__(self, number):
        self.given.append(self)
        self.left = 4
        self.released = False

    def isOpened(self):
        return True

    def get(self, _):
        return 15.0

    def read(self):
        self.left -= 1
        blue = np.full((6, 9, 3), (250, 0, 10), np.uint8)
        return (True, blue) if self.left >= 0 else (False, None)

    def release(self):
        self.released = True


def test_a_camera_gives_rgb_until_it_goes_away(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)

    with open_frames("0") as source:
        frames = list(source)

    assert source.live
    assert source.info.name == "camera0"
    assert source.info.rate == 15
    assert source.info.length is None
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert frames[0].image[0, 0].tolist() == [10, 0, 250]
    assert frames[0].time == 0.0
    assert "went away after 4 frames" in source.damage.reasons[0]
    assert Webcam.given[-1].released


def test_stopping_a_camera_is_no_damage(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)
    with open_frames(0, name="door") as source:
        for _ in source:
            source.stop()
    assert source.info.name == "door"
    assert not source.damage


def test_open_frames_picks_the_source(tmp_path):
    images = scenes(2)
    cv2.imwrite(str(tmp_path / "a.PNG"), images[0])
    (tmp_path / "0").mkdir()
    cv2.imwrite(str(tmp_path / "0" / "a.png"), images[0])
    film = write_video(tmp_path / "film.mkv", images)

    assert isinstance(open_frames(tmp_path), ImageFolder)
    assert isinstance(open_frames(str(tmp_path / "a.PNG")), Picture)
    assert isinstance(open_frames(film), VideoFile)
    assert isinstance(open_frames(io.BytesIO(film.read_bytes())), VideoFile)


def test_a_number_that_is_also_a_folder_is_the_folder(tmp_path, monkeypatch):
    (tmp_path / "0").mkdir()
    cv2.imwrite(str(tmp_path / "0" / "a.png"), scenes(1)[0])
    monkeypatch.chdir(tmp_path)
    with open_frames("0") as source:
        assert isinstance(source, ImageFolder)


def test_names_and_rates_can_be_given(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), scenes(1)[0])
    with open_frames(tmp_path, name="yard", rate="30000/1001") as source:
        assert source.info.name == "yard"
        assert source.info.rate.denominator == 1001
    with pytest.raises(ValueError, match="rate is 0"):
        open_frames(tmp_path, rate=0)
    with pytest.raises(ValueError, match="wanted frames per second"):
        open_frames(tmp_path, rate="fast")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("rtsp://user:pw@10.0.0.7:554/front/stream1", "stream1"),
        ("https://example.org/street.mp4?token=1", "street"),
        ("udp://239.0.0.1:1234", "239.0.0.1"),
    ],
)
def test_a_streams_name_is_its_last_part(address, name):
    assert opening.is_address(address)
    assert opening.name_of(address) == name
    assert not opening.is_address("C:/videos/street.mp4")
    assert not opening.is_address("street.mp4")
