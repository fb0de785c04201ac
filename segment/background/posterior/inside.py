"""What the posterior subtractor lets tests and studies see of itself."""

from typing import NamedTuple

from segment.background.posterior.decision import Decision
from segment.background.posterior.sharing import Workspace
from segment.background.posterior.state import State

__all__ = ["Inside"]


class Inside(NamedTuple):
    """What a subtractor works with, itself and no copy: for tests and studies, and no promise.

    state : what is known between two frames, None before the first.
    decision : who says what is foreground, and what that one remembers.
    workspace : what the last frame was computed in.
    """

    state: State | None
    decision: Decision
    workspace: Workspace
