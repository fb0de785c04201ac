"""Whether all frames that are on their way through a chain at once fit into memory."""

from typing import TYPE_CHECKING

from segment import pipeline
from segment.cli.limiting import limits_of

if TYPE_CHECKING:
    from segment.cli.chain import Link
    from segment.cli.plan import Job
    from segment.protocols import FrameSource

__all__ = ["AHEAD", "reads_ahead"]

AHEAD = 2  # frames that wait between two stages: memory for time to even out

_READ = 3  # frames that the reader has ready or at work
_STAGE = AHEAD + 1  # and each stage, where they run side by side
_TAKEN = 2  # frames at work where one stage runs after the other
_BYTES = {"image": 3, "foreground": 2, "labels": 4}  # of a pixel of a frame; shadows are one
# Bytes a pixel that an encoder holds: x264 143 of 1920x1080, FFV1 33 of 960x540, as measured.
_FILMS = {**dict.fromkeys(("overlay", "report", "clips", "synopsis"), 150), "video": 40}
_DECIDED = 64  # frames that `group` holds back at most
# Bytes a pixel that a stage keeps of what it learned, and works in; measured, with some to spare
# (benchmarks/memory.py).
_LEARNED = {"subtract": 150, "subtract-mixture": 100, "subtract-opencv": 110}
_LEARNED_FAST = 110  # by `subtract --quality fast`
_ENLARGED = 4  # a pixel of masks and posteriors, where frames are looked at smaller


def reads_ahead(job: "Job", source: "FrameSource") -> bool:
    """Say whether stages may run side by side, which holds more frames than one after the other.

    Raises UnreadableInput where a limit was asked for that even the latter would exceed.
    """
    from segment.video import limits

    asked = limits_of(job.read.options)
    height, width = source.info.size
    smaller = job.read.options["size"] or (height, width)
    pixels = smaller[0] * smaller[1]
    gives = frozenset[str]().union(*(link.gives for link in job.links)) | {"image"}
    frame = pixels * sum(_BYTES.get(kind, 0) for kind in gives)
    films = {name for link in job.exports for name in link.formats if name in _FILMS}
    held = getattr(getattr(source, "inner", source), "held", 0) or 6 * height * width
    held += _READ * 3 * height * width + sum(_FILMS[name] for name in films) * pixels
    held += sum(_learned(link, smaller) for link in job.links)
    if "labels" in gives:
        held += min(pipeline.HELD_BYTES, _DECIDED * frame)
    if held + len(job.links) * _STAGE * frame <= asked.memory:
        return True
    if asked.max_memory is not None:
        with limits.use(asked):
            limits.check_memory(
                f"{job.told}: is {width}x{height}; its frames, and what is learned, take up to",
                held + _TAKEN * frame,
                "on their way through this chain, beside the program",
            )
    return False


def _learned(link: "Link", size: tuple[int, int]) -> int:
    """Return the bytes that a stage learns of frames (H, W)."""
    each, whole = _LEARNED.get(link.command, 0), size[0] * size[1]
    if link.command != "subtract":
        return each * whole
    from segment.background.posterior.scale import Scale

    if link.options["quality"] == "fast":
        each = _LEARNED_FAST
    height, width = Scale.of(size, link.options["shrink"]).small
    return each * height * width + (_ENLARGED * whole if (height, width) != size else 0)
