"""A film that is long enough to be interrupted in the middle."""

import pytest

from tests.conftest import moving_square, write_video


@pytest.fixture
def long_clip(tmp_path):
    images, _ = moving_square(600, (92, 124))
    return write_video(tmp_path / "long.mkv", images)
