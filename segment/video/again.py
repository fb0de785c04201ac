"""Parts of a file that are decoded once more, by a decoder of their own."""

from collections.abc import Iterator
from pathlib import Path

import av

from segment.errors import UnreadableInput
from segment.protocols import Damage
from segment.video.ledger import Ledger
from segment.video.opening import open_container, reason

_SAMPLES = 5  # parts of a film, at whose ends frames are looked at for their levels


def rescue(
    path: str | Path, told: str, index: int, ledger: Ledger, damage: Damage
) -> Iterator[av.VideoFrame]:
    """Yield the frames behind a damaged last packet of the stream of this index.

    A decoder that meets an error while it is being emptied cannot be asked on through
    PyAV, so the frames it still holds are decoded once more, by a fresh one.
    """
    after = ledger.last
    assert after is not None
    try:
        with open_container(path, told) as again:
            stream = again.streams[index]
            assert isinstance(stream, av.VideoStream)
            stream.thread_type = "NONE"
            again.seek(after, stream=stream)
            for packet in again.demux(stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError as error:
                    if packet.pts is not None and packet.pts > after:
                        ledger.fail(packet, reason(error), damage)
                    continue
                for frame in frames:
                    if frame.pts is not None and frame.pts > after:
                        after = frame.pts
                        ledger.receive(frame)
                        yield frame
    except (av.FFmpegError, IndexError, UnreadableInput):
        return


def samples(path: str | Path, told: str, index: int, seconds: float) -> Iterator[av.VideoFrame]:
    """Yield some frames from all over a file of so many seconds."""
    try:
        with open_container(path, told) as again:
            stream = again.streams[index]
            for n in range(1, _SAMPLES):
                again.seek(int(1e6 * (seconds * n / _SAMPLES)) + (again.start_time or 0))
                picture = next(again.decode(stream), None)
                if isinstance(picture, av.VideoFrame):
                    yield picture
    except (av.FFmpegError, IndexError, UnreadableInput):
        return
