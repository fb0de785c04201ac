"""Sources that fall silent, die, come back or must be left; and what they may cost and open."""

import json
import os
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from click.testing import CliRunner

from segment.background import PosteriorSubtractor
from segment.cli import main
from segment.errors import UnreadableInput
from segment.video import living
from segment.video.limits import Limits
from segment.video.living import open_living, open_raw
from tests.video.makers import scenes, write

QUICK = Limits(timeout=0.6)


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """Bytes of an MPEG-TS of 60 frames."""
    path = write(tmp_path_factory.mktemp("ts") / "a.ts", scenes(60), codec="mpeg2video")
    return path.read_bytes()


class Server:
    """Serves bytes over HTTP without saying how many; every connection takes the next part."""

    def __init__(self, parts):
        self.parts = list(parts)
        self.visits = []
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/cam.ts"
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        for part in self.parts:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.visits.append(time.monotonic())
            with client:
                client.recv(65536)
                if part is None:  # away
                    client.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
                    continue
                content, stays = part
                try:
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n" + content)
                    if stays:
                        self._leave.wait(20)
                except OSError:
                    pass

    def close(self):
        self._leave.set()
        self.socket.close()


@contextmanager
def serving(*parts):
    server = Server(parts)
    try:
        yield server
    finally:
        server.close()


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == "segment-read"]


def test_a_stream_that_dies_and_comes_back_goes_on(stream, monkeypatch, caplog):
    monkeypatch.setattr(living, "WAITS", (0.1, 0.2))
    away = [None] * 5
    with (
        serving((stream, False), None, (stream, False), *away) as server,
        open_living(server.address, limits=QUICK, give_up=0.5) as source,
    ):
        assert source.live
        frames = [(frame.index, frame.time) for frame in source]
    assert len(frames) > 100
    assert [index for index, _ in frames] == list(range(len(frames)))
    times = np.array([moment for _, moment in frames])
    assert (np.diff(times) > 0).all()
    (after, moment, seconds), *others = source.damage.gaps
    assert not others
    assert frames[after] == (after, pytest.approx(moment))
    assert times[after + 1] - times[after] == pytest.approx(seconds, abs=0.01)
    assert seconds > 0.25
    told = " ".join(record.getMessage() for record in caplog.records)
    assert "looking for it" in told
    assert "back after" in told
    assert "not back within 0.5 s" in told
    assert threads() == []


def test_a_gap_is_written_down_and_what_was_learned_is_kept(stream, monkeypatch, tmp_path):
    monkeypatch.setattr(living, "WAITS", (0.1, 0.2))
    state, out = tmp_path / "state", tmp_path / "out"
    with serving((stream, False), None, (stream, False), *[None] * 5) as server:
        line = ["read", server.address, "--timeout", "0.6", "--reconnect-for", "0.5", "subtract"]
        line += ["--state", str(state), "export", str(out)]
        result = CliRunner().invoke(main, line)
    assert result.exit_code == 4, result.output  # what was lost is damage
    account = json.loads((out / "cam" / "run.json").read_text())
    (gap,) = account["gaps"]
    assert 50 < gap["after_frame"] < 60
    assert gap["seconds"] > 0.25
    assert account["frames"] > 100
    learned = PosteriorSubtractor.load(state).inside.state.learned
    assert account["frames"] - 2 <= learned <= account["frames"]


def test_without_reconnecting_the_end_is_the_end(stream):
    with serving((stream, False)) as server:
        with open_living(server.address, limits=QUICK, reconnect=False) as source:
            assert len(list(source)) >= 59
        assert len(server.visits) == 1
    assert source.damage.gaps == []


def test_a_stream_that_stalls_is_looked_for(stream, monkeypatch):
    monkeypatch.setattr(living, "WAITS", (0.1,))
    with (
        serving((stream, True), (stream, False)) as server,
        open_living(server.address, limits=QUICK, give_up=0.3) as source,
    ):
        pass_on = [frame.index for frame in source]
    assert pass_on == list(range(len(pass_on)))
    assert any("silent" in reason for reason in source.damage.reasons)


@contextmanager
def pipe(content=b"", close=False):
    reader, writer = os.pipe()

    def feed():
        done = 0
        while done < len(content):
            done += os.write(writer, content[done : done + 65536])
        if close:
            os.close(writer)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    with open(reader, "rb", buffering=0) as file:
        yield file
        thread.join(5)
        if not close:
            os.close(writer)


def test_a_silent_pipe_is_refused_after_the_time_limit():
    with (
        pipe() as file,
        pytest.raises(UnreadableInput, match=r"gave nothing .* for 0.6 s; --timeout"),
    ):
        open_living(file, limits=QUICK)
    assert threads() == []


def test_a_pipe_that_falls_silent_gives_what_it_gave_and_says_so(stream):
    with pipe(stream) as file, open_living(file, limits=QUICK) as source:
        assert len(list(source)) >= 59
    assert source.damage.reasons == ["the input stream: silent for 0.6 s, taken as its end"]


def test_a_slow_reader_is_no_silence(stream):
    with pipe(stream, close=True) as file, open_living(file, limits=Limits(timeout=0.2)) as source:
        seen = 0
        for _ in source:
            seen += 1
            if seen in (1, 5):
                time.sleep(0.5)
    assert seen >= 59
    assert source.damage.reasons == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_named_pipe_without_a_writer_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "cam")
    begin = time.monotonic()
    with pytest.raises(UnreadableInput, match="gave nothing"):
        open_living(tmp_path / "cam", limits=QUICK)
    assert time.monotonic() - begin < 10


def test_raw_frames_fall_silent_too():
    with pipe(bytes(16 * 12 * 3 * 2)) as file, open_raw(file, (12, 16), limits=QUICK) as source:
        assert len(list(source)) == 2
    with pipe() as file, pytest.raises(UnreadableInput, match=r"100000x100000, 10000 million"):
        open_raw(file, (100_000, 100_000), limits=QUICK)


def test_whoever_waits_can_be_told_to_stop(stream):
    with pipe(stream) as file, open_living(file, limits=Limits(timeout=None)) as source:
        frames = iter(source)
        next(frames)
        timer = threading.Timer(0.3, source.stop)
        timer.start()
        assert len(list(frames)) >= 50
    assert source.damage.reasons == []
    assert threads() == []


def test_what_is_broken_off_has_not_ended(stream):
    with pipe(stream) as file, open_living(file, limits=Limits(timeout=None)) as source:
        timer = threading.Timer(0.3, source.break_off)
        timer.start()
        with pytest.raises(UnreadableInput, match="broken off"):
            list(source)


def test_a_decoder_is_released_where_it_was_used(tmp_path):
    path = write(tmp_path / "a.mp4", scenes(20))
    with open_living(path) as source:
        inner = source.inner
        assert len(list(source)) == 20
    assert not hasattr(inner, "stream")
    assert threads() == []


def test_an_error_while_opening_is_the_caller_s(tmp_path):
    with pytest.raises(UnreadableInput, match="no such file"):
        open_living(tmp_path / "nothing.mp4")
    with pytest.raises(UnreadableInput, match=r"lavfi:// is no kind of stream"):
        open_living("lavfi://testsrc")
    with pytest.raises(UnreadableInput, match=r"concat:// is no kind"):
        open_living("concat://a.ts")
    assert threads() == []
