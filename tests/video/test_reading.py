"""How reading ends: closed, stopped, interrupted, from pipes and streams, in flat memory."""

import os
import socket
import threading
from fractions import Fraction

import av
import numpy as np
import psutil
import pytest

from segment.video import VideoFile, open_frames, opening
from tests.conftest import write_video
from tests.video.makers import scenes, silence, write
from tests.video.reading import read


def test_reading_closes_the_file(tmp_path):
    path = write_video(tmp_path / "clip.mkv", scenes(10))
    process = psutil.Process()

    def handles():
        return [file for file in process.open_files() if file.path == str(path)]

    with open_frames(path) as source:
        assert handles()
        for _ in source:
            break
    assert not handles()

    for _ in open_frames(path):  # to its end, without a context
        pass
    assert not handles()

    (tmp_path / "sound.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(Exception, match="sound"):
        open_frames(tmp_path / "sound.mp4")
    assert not process.open_files() or not handles()


def test_stopping_ends_after_the_current_frame(tmp_path):
    with open_frames(write_video(tmp_path / "clip.mkv", scenes(10))) as source:
        seen = []
        for frame in source:
            seen.append(frame.index)
            if frame.index == 3:
                stopping = threading.Thread(target=source.stop)
                stopping.start()
                stopping.join()
    assert seen == [0, 1, 2, 3]


def test_an_interrupted_reading_says_nothing_of_the_rest(tmp_path):
    """Only a file read to its end can be called cut."""
    with open_frames(write_video(tmp_path / "clip.mkv", scenes(10))) as source:
        for frame in source:
            if frame.index == 2:
                break
    assert not source.damage


def test_a_source_is_read_once(tmp_path):
    with open_frames(write_video(tmp_path / "clip.mkv", scenes(3))) as source:
        list(source)
        with pytest.raises(RuntimeError, match="twice"):
            iter(source)


def test_a_container_from_a_pipe(tmp_path):
    images = scenes(15)
    data = write_video(tmp_path / "clip.mkv", images).read_bytes()
    out, into = os.pipe()

    def feed():
        with os.fdopen(into, "wb") as pipe:
            pipe.write(data)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(out, "rb") as pipe, open_frames(pipe) as source:
        frames = list(source)
    feeder.join()

    assert source.live
    assert source.info.name == "stdin"
    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert not source.damage


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_loses_no_byte_to_the_first_look(tmp_path):
    images = scenes(9)
    data = write_video(tmp_path / "clip.mkv", images).read_bytes()
    os.mkfifo(tmp_path / "pipe")
    feeder = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    feeder.start()
    source, frames = read(tmp_path / "pipe")
    feeder.join()

    assert source.live
    np.testing.assert_array_equal([frame.image for frame in frames], images)
    assert not source.damage


def serve(data, pause):
    """Send `data` to the first who connects, then keep silent for `pause` seconds; the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = listener.accept()
        with listener, connection:
            connection.sendall(data)
            quiet.wait(pause)

    quiet = threading.Event()
    threading.Thread(target=answer, daemon=True).start()
    return listener.getsockname()[1], quiet


def test_a_stream_ends_when_its_sender_does(tmp_path):
    data = write(tmp_path / "live.ts", scenes(40), options={"g": "10"}).read_bytes()
    port, _ = serve(data, 0)
    source, frames = read(f"tcp://127.0.0.1:{port}")

    assert source.live
    assert source.info.length is None
    assert len(frames) == 40
    assert not source.damage


def test_a_stream_that_falls_silent_is_ended_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "SILENCE", 0.5)
    data = write(tmp_path / "live.ts", scenes(40), options={"g": "10"}).read_bytes()
    port, quiet = serve(data, 60)
    source, frames = read(f"tcp://127.0.0.1:{port}")
    quiet.set()

    assert len(frames) == 40
    assert source.damage.lost == 0
    assert "silent for 0.5 s" in source.damage.reasons[0]


def test_a_live_stream_can_be_stopped(tmp_path):
    data = write(tmp_path / "live.ts", scenes(40), options={"g": "10"}).read_bytes()
    port, quiet = serve(data, 60)
    with open_frames(f"tcp://127.0.0.1:{port}") as source:
        for frame in source:
            if frame.index == 5:
                source.stop()
    quiet.set()

    assert frame.index == 5
    assert not source.damage


def test_memory_stays_flat(tmp_path):
    """Three hundred frames of 0.7 MB each, 200 MB, leave no trace."""
    small = scenes(20)
    path = tmp_path / "long.mp4"
    images = [np.repeat(np.repeat(image, 10, 0), 10, 1)[:480, :480] for image in small[:4]]
    write(path, [images[t // 50 % 4] for t in range(400)], options={"preset": "ultrafast"})
    process = psutil.Process()

    with open_frames(path) as source:
        for frame in source:
            if frame.index == 100:
                before = process.memory_info().rss
        after = process.memory_info().rss

    assert frame.index == 399
    assert after - before < 40e6, f"{(after - before) / 1e6:.0f} MB more after 300 frames"


def test_sound_longer_than_the_film_is_no_cut(tmp_path):
    path = tmp_path / "talk.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 46, 62, "yuv420p"
        sound = out.add_stream("aac", rate=48000, layout="mono")
        for image in scenes(20):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(stream.encode())
        silence(out, sound, 20.0)

    source = VideoFile(path)

    assert len(list(source)) == 20
    assert not source.damage


def test_a_short_film_that_the_decoder_holds_back_keeps_its_times(tmp_path):
    """All frames came out at the end, without a clock, and were spaced by the mean rate."""
    times = [0.0, 0.1, 0.15, 2.0]
    with av.open(str(tmp_path / "short.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 48, 34, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        for time in times:
            picture = av.VideoFrame.from_ndarray(np.zeros((34, 48, 3), np.uint8), format="rgb24")
            picture.pts, picture.time_base = round(time * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    with VideoFile(tmp_path / "short.mp4") as frames:
        assert [frame.time for frame in frames] == times
