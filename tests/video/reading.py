"""Reading a whole file."""

from segment.video import open_frames


def read(path, **options):
    with open_frames(path, **options) as source:
        frames = list(source)
    return source, frames
