"""Pictures that only FFmpeg decodes: a folder of them is a sequence, and damage is told."""

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from segment.errors import UnreadableInput
from segment.video import ImageFolder, open_frames
from tests.video.makers import scenes

IMAGES = scenes(4, (24, 32))


def write(path, image):
    if path.suffix in (".tga", ".pcx", ".sgi", ".qoi"):
        Image.fromarray(image).save(path)
    elif path.suffix == ".ras":
        cv2.imwrite(str(path), image[:, :, ::-1])
    else:
        codec, pixels = {".dpx": ("dpx", "gbrp10le"), ".jls": ("jpegls", "rgb24")}[path.suffix]
        with av.open(str(path), "w", format="image2", options={"update": "1"}) as file:
            stream = file.add_stream(codec, rate=25)
            stream.height, stream.width, stream.pix_fmt = *image.shape[:2], pixels
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            file.mux(stream.encode(frame.reformat(format=pixels)))
            file.mux(stream.encode())


@pytest.mark.parametrize("kind", ["tga", "pcx", "sgi", "qoi", "ras", "dpx", "jls"])
def test_a_folder_of_them_is_a_sequence_and_damage_is_told(tmp_path, kind):
    paths = [tmp_path / f"{number:03}.{kind}" for number in range(len(IMAGES))]
    for path, image in zip(paths, IMAGES, strict=True):
        write(path, image)
    with open_frames(tmp_path) as source:
        found = [frame.image for frame in source]
    assert not source.damage
    assert np.abs(np.stack(found).astype(int) - IMAGES).max() <= (1 if kind == "dpx" else 0)
    paths[2].write_bytes(paths[2].read_bytes()[: len(paths[2].read_bytes()) // 3])
    with open_frames(tmp_path) as source:
        assert [frame.index for frame in source][:2] == [0, 1]
    assert source.damage.lost + source.damage.flagged == 1
    assert "002" in source.damage.reasons[0]


def test_a_small_file_of_a_large_picture_is_refused(tmp_path):
    (tmp_path / "a.qoi").write_bytes(b"qoif" + (30000).to_bytes(4, "big") * 2 + b"\3\0" + bytes(99))
    with pytest.raises(UnreadableInput, match="--max-pixels lets in"):
        open_frames(tmp_path / "a.qoi")


def test_numbers_in_letters_end_with_the_file(tmp_path):
    text = "P2\n3 2\n255\n1 2 3 4 5 250"
    (tmp_path / "0.pgm").write_text(text)
    with ImageFolder(tmp_path) as source:
        (frame,) = source
    assert frame.image[:, :, 0].tolist() == [[1, 2, 3], [4, 5, 250]]
    assert not source.damage
