"""The guard that notices when a scene has become another: a light switched, a camera turned."""

from typing import NamedTuple

__all__ = ["Watch", "look"]

# Share of the picture that turns into foreground at once, and that must stay foreground.
_SUDDEN = 0.5

# Frames within which it does so: nothing that moves grows as fast.
_AT_ONCE = 3

# Share of the picture that must be still for a frame to count, and frames that must count.
_STILL = 0.75
_FRAMES = 3


class Watch(NamedTuple):
    """What the guard remembers of the last frames.

    Attributes
    ----------
    waiting : frames that counted since the picture turned into foreground; -1 if it did not.
    covered : share of foreground in the last frames.
    """

    waiting: int = -1
    covered: tuple[float, ...] = ()


def look(watch: Watch, covered: float, still: float) -> tuple[Watch, bool]:
    """Return what to remember, and whether the scene has changed as a whole.

    `covered` and `still`, both in [0, 1], are the shares of the picture that are foreground and
    that stand still. A scene has changed when most of it becomes foreground within a few
    frames, stays so and stands still: that is no object but a background to be learned anew.
    A flash goes by, a lorry before the lens moves, and objects do not come that suddenly.
    """
    waiting = watch.waiting
    if waiting >= 0:
        waiting = -1 if covered < _SUDDEN else waiting + (still > _STILL)
    elif covered - min(watch.covered, default=covered) > _SUDDEN:
        waiting = 0
    if waiting >= _FRAMES:
        return Watch(), True
    return Watch(waiting, (*watch.covered, covered)[-_AT_ONCE:]), False
