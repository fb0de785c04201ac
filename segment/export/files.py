"""What sinks have in common: a file that is written whole or not at all, never through a link."""

import contextlib
from pathlib import Path
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


class WholeSink:
    """A sink that writes under a temporary name until all is whole.

    Parameters
    ----------
    folder : of the sequence; made when the first frame comes.
    mode : "new", "overwrite" or "resume".

    A subclass opens its writer in `_open`, takes frames in `_add` and ends in `_close`;
    `_discard` lets go of a writer whose output will be deleted. What kind of output it is,
    `_make`, `_keep` and `_remove` say.
    """

    output: ClassVar[str]
    needs: ClassVar[Needs]

    def __init__(self, folder: Path, mode: Mode = "new") -> None:
        self.target = Path(folder) / self.output
        self.mode = mode
        self._temporary: Path | None = None

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame) -> None:
        """Write one frame. Raises OutputError when the disk refuses."""
        with told(self.target):
            if self._temporary is None:
                make_folder(self.target.parent)
                refuse_link(self.target)
                self._temporary = partial(self.target)
                self._make(self._temporary)
                self._open(frame, self._temporary)
            self._add(frame)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        temporary, self._temporary = self._temporary, None
        if temporary is None:
            return
        try:
            if kind is None:
                with told(self.target):
                    self._close()
                    self._keep(temporary)
        finally:
            # After a success nothing is left to discard.
            with contextlib.suppress(Exception):
                self._discard()
            with contextlib.suppress(OSError):
                self._remove(temporary)

    def _open(self, frame: Frame, path: Path) -> None:
        raise NotImplementedError

    def _add(self, frame: Frame) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _discard(self) -> None:
        pass

    def _make(self, temporary: Path) -> None:
        pass

    def _keep(self, temporary: Path) -> None:
        """Give what is whole its name."""
        raise NotImplementedError

    def _remove(self, temporary: Path) -> None:
        raise NotImplementedError


class FileSink(WholeSink):
    """A sink of one file. It cannot be continued: "overwrite" and "resume" replace it."""

    def _keep(self, temporary: Path) -> None:
        settle(temporary, self.target)
        sync_folder(self.target.parent)

    def _remove(self, temporary: Path) -> None:
        temporary.unlink(missing_ok=True)
