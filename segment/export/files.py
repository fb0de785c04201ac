"""What sinks have in common: a file that is written whole or not at all, never through a link."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self

from segment.errors import OutputError
from segment.files import is_link, make_folder, partial, settle, sync_folder, told
from segment.frame import Frame

Mode = Literal["new", "overwrite", "resume"]
Needs = Literal["foreground", "labels", "events", "any"]


def refuse_link(target: Path) -> None:
    """Raise OutputError when `target` leads elsewhere: what lies there is somebody's."""
    if is_link(target):
        raise OutputError(f"{target} is a link, and nothing is written through one; remove it")


class FileSink:
    """A sink of one file, written under a temporary name until it is whole.

    Parameters
    ----------
    folder : of the sequence; made when the first frame comes.
    mode : "new", "overwrite" or "resume". One file cannot be continued: the last two replace it.

    A subclass opens its writer in `_open`, takes frames in `_add` and ends the file in
    `_close`; `_discard` lets go of a writer whose file will be deleted.
    """

    output: ClassVar[str]
    needs: ClassVar[Needs]

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        self.target = Path(folder) / self.output
        self.mode = mode
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        """Write one frame. Raises OutputError when the disk refuses."""
        if not self._begun:
            make_folder(self.target.parent)
            refuse_link(self.target)
            self._temporary = partial(self.target)
            with told(self.target):
                self._begun = True
                self._open(frame, self._temporary)
        with told(self.target):
            self._add(frame)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._begun:
            return
        self._begun = False
        try:
            if kind is None:
                with told(self.target):
                    self._close()
                    settle(self._temporary, self.target)
                    sync_folder(self.target.parent)
        finally:
            # After a success nothing is left to discard.
            with contextlib.suppress(Exception):
                self._discard()
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def _open(self, frame: Frame, path: Path) -> None:
        raise NotImplementedError

    def _add(self, frame: Frame) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _discard(self) -> None:
        pass
