"""Clips drawn in code: small, exact, and odd-sized, so that a swapped axis cannot hide."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from segment.frame import Frame, SequenceInfo

# The suite draws the same examples every time, so that a red run tells of a change and not of
# chance. `pytest --hypothesis-profile=explore` draws new ones.
hypothesis.settings.register_profile("settled", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("settled")

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real sequences beside the checkout; their tests are skipped where they are absent."""
    if not DATA.is_dir():
        pytest.skip("the development data ../shared/data is not here")
    return DATA


def moving_square(length=20, size=(46, 62), side=10, seed=3, noise=2.0):
    """A bright square that crosses a noisy grey ground, and where it is.

    Returns images (T, H, W, 3) uint8 and masks (T, H, W) bool. The first quarter is empty.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    ground = rng.uniform(70, 110, (height, width, 1)) * np.array([1.0, 0.9, 0.8])
    images = np.empty((length, height, width, 3), np.uint8)
    masks = np.zeros((length, height, width), bool)
    start = length // 4
    for t in range(length):
        picture = ground + rng.normal(0, noise, ground.shape)
        if t >= start:
            x = 3 + 2 * (t - start)
            y = height // 3
            masks[t, y : y + side, x : x + side] = True
            picture[masks[t]] = (220, 60, 40)
        images[t] = picture.clip(0, 255).astype(np.uint8)
    return images, masks


def as_frames(images, masks=None, labels=None, name="clip", rate=25):
    """Frames as a source would give them."""
    rate = Fraction(rate)
    info = SequenceInfo(name, images.shape[1:3], rate, len(images))
    for t, image in enumerate(images):
        yield Frame(
            image=image,
            index=t,
            time=float(t / rate),
            sequence=info,
            foreground=None if masks is None else masks[t],
            labels=None if labels is None else labels[t],
        )


def write_video(
    path: Path,
    images: Sequence[np.ndarray] | np.ndarray,
    *,
    codec: str = "ffv1",
    pixels: str | None = None,
    rate: Fraction | int = 25,
    options: dict[str, str] | None = None,
) -> Path:
    """Write images (H, W, C) uint8 as a video, FFV1 (exact) unless told otherwise."""
    import av

    height, width, channels = images[0].shape
    source = "gray" if channels == 1 else "rgb24"
    pixels = pixels or ("gray" if channels == 1 else "bgr0" if codec == "ffv1" else "yuv420p")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        for image in images:
            array = image[:, :, 0] if channels == 1 else image
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=source)
            container.mux(stream.encode(picture.reformat(format=pixels)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path) -> Path:
    """Twenty frames 62x46 in which a red square crosses; exact (FFV1)."""
    images, _ = moving_square()
    return write_video(tmp_path / "clip.mkv", images)


@pytest.fixture
def make_clip(tmp_path) -> Callable[..., Path]:
    """A function that writes a moving-square clip of a given name and length."""

    def make(name: str = "clip.mkv", length: int = 20, folder: Path = tmp_path, **options) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        images, _ = moving_square(length)
        return write_video(folder / name, images, **options)

    return make
