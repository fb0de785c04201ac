"""One small sound file of every format, the same each time: what is mutated."""

from pathlib import Path

import cv2
import numpy as np

from tests.video.makers import scenes, write

SIZE = (48, 64)
LENGTH = 16

VIDEOS = {
    "avi": {"codec": "mpeg4"},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "mp4": {"mux": {"movflags": "faststart"}},
    "mov": {"codec": "mpeg4"},
    "mkv": {},
    "ffv1.mkv": {"codec": "ffv1", "pixels": "bgr0"},
    "webm": {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}},
    "vp8.webm": {"codec": "libvpx", "options": {"cpu-used": "8", "deadline": "realtime"}},
    "ts": {},
    "h264": {},
    "hevc": {
        "codec": "libx265",
        "options": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=8:pools=1"},
    },
    "mpg": {"codec": "mpeg2video"},
    "flv": {},
    "gif": {"codec": "gif", "pixels": "rgb8"},
}

PICTURES = {
    "jpg": [cv2.IMWRITE_JPEG_QUALITY, 90],
    "progressive.jpg": [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "png": [],
    "tif": [cv2.IMWRITE_TIFF_COMPRESSION, 1],
    "lzw.tif": [cv2.IMWRITE_TIFF_COMPRESSION, 5],
    "deflate.tif": [cv2.IMWRITE_TIFF_COMPRESSION, 8],
    "webp": [cv2.IMWRITE_WEBP_QUALITY, 90],
    "lossless.webp": [cv2.IMWRITE_WEBP_QUALITY, 101],
    "bmp": [],
    "jp2": [],
    "ppm": [],
}

FORMATS = (*VIDEOS, *PICTURES)


def make(name, folder):
    """Write the specimen of a format into `folder` and return its path."""
    path = Path(folder) / f"sound.{name}"
    if name in VIDEOS:
        settings = dict(VIDEOS[name])
        images = _calm(LENGTH)
        return write(path, images, **settings)
    image = _calm(3)[2]
    done, data = cv2.imencode(Path(name).suffix or f".{name}", image[:, :, ::-1], PICTURES[name])
    assert done
    path.write_bytes(data.tobytes())
    return path


def _calm(length):
    """Pictures with edges, slopes and some noise: what cameras see, not noise alone."""
    images = scenes(length, SIZE).astype(np.int32) // 6
    slope = np.arange(SIZE[1])[None, :, None] * 2 + np.arange(SIZE[0])[:, None, None]
    images += slope + np.array([0, 20, 40])
    images[:, 10:20, 10:30] += 60
    for t in range(length):
        images[t, 25:37, 3 + 2 * t : 13 + 2 * t] = (220, 40, 90)
    return images.clip(0, 255).astype(np.uint8)
