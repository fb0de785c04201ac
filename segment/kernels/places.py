"""Where compiled loops may be kept: a folder of this user's, for these versions and processor.

What is kept is loaded and run, so nothing is taken from a folder that somebody else may write to.
"""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["candidates", "make_private", "own"]


def candidates(tag: str) -> Iterator[Path]:
    """Yield folders in the order of preference: asked for, the user's cache, for temporary files.

    `tag` tells versions and processors apart. A home may be missing, or not be writable, as in
    a container or for the user of a service.
    """
    asked = os.environ.get("NUMBA_CACHE_DIR")
    if asked:
        yield Path(asked) / f"segment-{tag}"
    home = _user_cache()
    if home is not None:
        yield home / "segment" / tag
    user = os.getuid() if hasattr(os, "getuid") else "user"
    with contextlib.suppress(OSError):  # there is no folder for temporary files either
        yield Path(tempfile.gettempdir()) / f"segment-{user}" / tag


def _user_cache() -> Path | None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        asked = os.environ.get(name)
        if asked and Path(asked).is_absolute():
            return Path(asked)
    home = os.path.expanduser("~")
    if not os.path.isabs(home) or home == os.sep:
        return None
    return Path(home) / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def make_private(folder: Path) -> str | None:
    """Make `folder` and try to write there. Returns why nothing can be kept in it, or None."""
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        for place in (folder.parent, folder):
            ours = place == folder or place.name.startswith("segment")
            if ours and not own(os.lstat(place)):
                return f"somebody else owns {place}, or may write to it"
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def own(status: os.stat_result) -> bool:
    """Say whether only this user, or the system's, can have written what `status` is of."""
    if not hasattr(os, "geteuid"):
        return True
    if stat.S_ISLNK(status.st_mode):
        return False
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
