"""Video files as the world makes them: each trap of the reading table, a few frames small."""

from fractions import Fraction

import av
import numpy as np

SIZE = (46, 62)


def scenes(length=20, size=SIZE, seed=5):
    """Noisy pictures (T, H, W, 3) uint8 with something that moves; every one differs."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 120, (length, *size, 3), dtype=np.uint8)
    for t in range(length):
        images[t, 5:17, 3 + t % 40 : 11 + t % 40] = (220, 40, 10 * t % 250)
    return images


def write(
    path,
    images,
    *,
    codec="libx264",
    pixels="yuv420p",
    rate=25,
    stamps=None,
    base=Fraction(1, 1000),
    options=None,
    mux=None,
    rotation=0,
    audio=0.0,
    container=None,
):
    """Write `images` (T, H, W, C) with time `stamps` in units of `base`, and seconds of `audio`."""
    height, width = images[0].shape[:2]
    options = dict(options or {})
    if codec == "libx264":
        # The same bytes every time, or the same damage would hit something else every time.
        options = {"threads": "1", "x264-params": "mbtree=0", **options}
    mux = {"fflags": "+bitexact", **(mux or {})}
    with av.open(str(path), "w", format=container, options=mux) as out:
        stream = out.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        if stamps is not None:
            stream.codec_context.time_base = base
        if rotation:
            stream.set_display_rotation(rotation)
        sound = out.add_stream("aac", rate=48000, layout="mono") if audio else None
        for t, image in enumerate(images):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture = picture.reformat(format=pixels, threads=1)
            if stamps is not None:
                picture.pts, picture.time_base = int(stamps[t]), base
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
        if sound is not None:
            silence(out, sound, audio)
    return path


def silence(out, stream, seconds):
    for at in range(0, int(seconds * 48000), 1024):
        piece = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        piece.rate, piece.pts = 48000, at
        out.mux(stream.encode(piece))
    out.mux(stream.encode())


def write_grey(path, planes, pixels, codec="ffv1"):
    """Write grey planes (T, H, W) uint8 or uint16 in the pixel format `pixels`."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.height, stream.width = planes.shape[1:]
        stream.pix_fmt = pixels
        for plane in planes:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(plane, format=pixels)))
        out.mux(stream.encode())
    return path


def write_sound(path, cover=None):
    """Write a second of silence, with an album `cover` (H, W, 3) if given."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mp3" if path.suffix == ".mp3" else "aac", rate=48000)
        stream.layout = "mono"
        picture = None
        if cover is not None:
            picture = out.add_stream("mjpeg", rate=1)
            picture.height, picture.width = cover.shape[:2]
            picture.pix_fmt = "yuvj420p"
            picture.disposition = 0x400
            frame = av.VideoFrame.from_ndarray(cover, format="rgb24").reformat(format="yuvj420p")
            for packet in [*picture.encode(frame), *picture.encode()]:
                packet.pts = packet.dts = 0
                out.mux(packet)
        for at in range(0, 48000, 1152):
            piece = av.AudioFrame.from_ndarray(
                np.zeros((1, 1152), np.float32), format="fltp", layout="mono"
            )
            piece.rate, piece.pts = 48000, at
            out.mux(stream.encode(piece))
        out.mux(stream.encode())
    return path


def cut(path, share):
    """Shorten the file to a share of its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def scribble(path, seed=1, count=40, middle=0.5, spread=0.1):
    """Change single bytes around the middle of the file."""
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(
        int(len(data) * (middle - spread)), int(len(data) * (middle + spread)), count
    ):
        data[at] ^= int(rng.integers(1, 255))
    path.write_bytes(bytes(data))
    return path


def blank(path, length=3000, middle=0.5):
    """Write zeros over `length` bytes in the middle of the file."""
    data = bytearray(path.read_bytes())
    at = int(len(data) * middle)
    data[at : at + length] = bytes(length)
    path.write_bytes(bytes(data))
    return path


def packets_and_frames(path):
    """Count by hand: packets of the film, frames a plain one-threaded decoder gives, errors."""
    packets = frames = errors = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        packets_of_film = container.demux(stream)
        while True:
            try:
                packet = next(packets_of_film, None)
            except IndexError:  # damage that looks like a new track, which PyAV does not know
                errors += 1
                packets_of_film = container.demux(stream)
                continue
            if packet is None:
                break
            packets += packet.size > 0
            try:
                frames += len(packet.decode())
            except av.FFmpegError:
                errors += 1
    return packets, frames, errors
