"""What a camera does to a picture: it shakes, it is noisy, it compresses."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import cv2
import numpy as np

from .actors import NOT_SCORED

Pair = tuple[np.ndarray, np.ndarray]


class Noise:
    """Noise of a sensor, read and shot, from a store that is drawn once."""

    def __init__(
        self, rng: np.random.Generator, shape: tuple[int, ...], read: float, shot: float,
        soft: float = 0.0, rows: float = 0.0,
    ) -> None:  # fmt: skip
        self.read, self.shot, self.rows = read, shot, rows
        self.shape = shape
        self.count = int(np.prod(shape))
        store = rng.standard_normal((3 * shape[0] + 7, *shape[1:]), np.float32)
        if soft:
            store = cv2.GaussianBlur(store, (0, 0), soft).reshape(store.shape)
            store /= store.std()
        self.store = store.ravel()
        self.rng = rng
        hot = rng.random(shape[:2]) < (2e-4 if read > 4 else 0)
        self.hot = np.where(hot, rng.uniform(30, 120, shape[:2]), 0).astype(np.float32)

    def add(self, picture: np.ndarray) -> None:
        start = int(self.rng.integers(len(self.store) - self.count))
        plane = self.store[start : start + self.count].reshape(self.shape)
        if self.shot:
            picture += plane * np.sqrt(
                self.read**2 + self.shot * np.maximum(picture, 0), dtype=np.float32
            )
        else:
            picture += self.read * plane
        if self.rows:
            picture += self.rows * self.rng.standard_normal((self.shape[0], 1, 1), np.float32)
        if self.hot.any():
            picture += self.hot[..., None]


class Shaking:
    """A camera that is not held still: a walk that is pulled back, jolts, a little turning."""

    def __init__(self, rng: np.random.Generator, length: int, reach: float, turn: float) -> None:
        pull = float(rng.uniform(0.05, 0.5))
        steps = rng.normal(size=(length, 3))
        way = np.zeros((length, 3))
        for t in range(1, length):
            way[t] = (1 - pull) * way[t - 1] + steps[t]
        way /= max(float(way.std()), 1e-6)
        if rng.random() < 0.5:  # now and then it rests, now and then it is struck
            rests = np.repeat(rng.random(length // 40 + 1) < 0.4, 40)[:length]
            way[rests] *= 0.1
        self.way = np.clip(way, -2.5, 2.5) * (reach / 1.7, reach / 1.7, turn)

    def move(self, t: int, middle: tuple[float, float], margin: int) -> np.ndarray:
        x, y, angle = self.way[t]
        turned = cv2.getRotationMatrix2D(middle, float(angle), 1.0)
        turned[:, 2] += (x - margin, y - margin)
        return turned.astype(np.float32)


@dataclass
class Camera:
    """Everything after the scene: shaking and its margin, noise, grey, and a codec."""

    shaking: Shaking | None = None
    margin: int = 0
    noise: Noise | None = None
    blur: float = 0.0
    grey: bool = False
    jpeg: int = 0
    codec: tuple[str, dict[str, str]] | None = None
    notes: dict = field(default_factory=dict)

    def look(self, picture: np.ndarray, truth: np.ndarray, t: int, size) -> Pair:
        """Return what the sensor gives: (H, W, C) uint8, and truth (H, W) uint8."""
        if self.shaking is not None:
            middle = (picture.shape[1] / 2, picture.shape[0] / 2)
            move = self.shaking.move(t, middle, self.margin)
            picture = cv2.warpAffine(picture, move, size[::-1], borderMode=cv2.BORDER_REPLICATE)
            truth = cv2.warpAffine(
                truth, move, size[::-1], flags=cv2.INTER_NEAREST, borderValue=NOT_SCORED
            )
        if self.blur:
            picture = cv2.GaussianBlur(picture, (0, 0), self.blur)
        if self.grey:
            picture = picture @ np.array([0.299, 0.587, 0.114], np.float32)
            picture = picture[..., None]
        if self.noise is not None:
            self.noise.add(picture)
        image = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        if self.jpeg:
            _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED).reshape(image.shape)
        return image, truth

    def coded(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        """Send pictures through a real encoder and back."""
        if self.codec is None:
            yield from pairs
            return
        name, options = self.codec
        decoder = av.CodecContext.create("h264" if name == "libx264" else name, "r")
        decoder.thread_count = 1
        encoder = None
        waiting: deque[tuple[np.ndarray, int]] = deque()

        def shown(frames) -> Iterator[Pair]:
            for frame in frames:
                truth, channels = waiting.popleft()
                image = frame.to_ndarray(format="gray" if channels == 1 else "rgb24")
                yield image.reshape(*truth.shape, channels), truth

        for number, (image, truth) in enumerate(pairs):
            if encoder is None:
                encoder = av.CodecContext.create(name, "w")
                encoder.height, encoder.width = truth.shape
                encoder.pix_fmt = "yuv420p"
                encoder.time_base = Fraction(1, 25)
                encoder.thread_count = 1
                encoder.options = options
            channels = image.shape[2]
            waiting.append((truth, channels))
            plane = image if channels == 3 else np.repeat(image, 3, axis=2)
            frame = av.VideoFrame.from_ndarray(plane, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            for packet in encoder.encode(frame):
                yield from shown(decoder.decode(packet))
        if encoder is not None:
            for packet in encoder.encode(None):
                yield from shown(decoder.decode(packet))
        yield from shown(decoder.decode(None))
        assert not waiting
