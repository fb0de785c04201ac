"""Whether anybody could know: other decoders are asked about a file, with all their words heard.

What one of them says of a damaged file and not of the sound one is knowable. A changed value
that still means something is not: no decoder finds it, and no reader can.
"""

import io
import os
import tempfile
import warnings
from contextlib import contextmanager

import av
import cv2
import numpy as np
from PIL import Image

from tests.fuzz.specimens import VIDEOS

STRICT = {"err_detect": "crccheck+bitstream+buffer+careful"}


def words(path, name):
    """Return what decoders say of a file, by referee; empty when all of them are content."""
    asked = (_ffmpeg,) if name in VIDEOS else (_ffmpeg, _opencv, _pillow)
    found = {referee.__name__.strip("_"): referee(path) for referee in asked}
    return {referee: said for referee, said in found.items() if said}


def _ffmpeg(path):
    """Decode all of it as strictly as FFmpeg can."""
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)
    said = []
    try:
        with av.logging.Capture() as logs:
            try:
                with av.open(f"file:{path}", options=STRICT) as file:
                    stream = file.streams.video[0]
                    stream.thread_type = "NONE"
                    stream.codec_context.options = STRICT
                    for packet in file.demux(stream):
                        said += ["a corrupt packet"] * packet.is_corrupt
                        said += ["a corrupt frame"] * any(f.is_corrupt for f in packet.decode())
            except Exception as error:
                said.append(f"{type(error).__name__}: {error}")
        said += [f"{name}: {text.strip()}" for _, name, text in logs if name != "swscaler"]
    finally:
        av.logging.set_level(None)
    return said


def _opencv(path):
    data = np.frombuffer(path.read_bytes(), np.uint8)
    with heard() as said:
        try:
            picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if picture is None:
                said.append("no picture")
        except cv2.error as error:
            said.append(str(error))
    return said


def _pillow(path):
    said = []
    with warnings.catch_warnings(record=True) as told, heard() as loud:
        warnings.simplefilter("always")
        try:
            with Image.open(io.BytesIO(path.read_bytes())) as picture:
                if picture.format == "PNG":
                    picture.verify()
            with Image.open(io.BytesIO(path.read_bytes())) as picture:
                picture.load()
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    return said + loud + [str(warning.message) for warning in told]


@contextmanager
def heard():
    """Collect what libraries write to the process's stderr, below Python."""
    said = []
    saved = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            file.seek(0)
            said += file.read().decode(errors="replace").splitlines()
