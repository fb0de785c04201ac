"""Outputs that go into a store: made here in a folder of their own, and copied when whole.

A sequence's files are copied when it is through. Its `run.json` goes first, saying that it is not
complete, and again last: where it says that all is complete, all is there. What was stopped stays
here for `--resume` on this machine.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from segment import stores
from segment.cli import owned
from segment.cli.owned import LOCK, NAME
from segment.errors import ChainError, OutputError, OutputExists
from segment.files import write_json

__all__ = ["check", "deliver", "deliver_summary", "fetch_summary", "staging"]

_SUMMARIES = ("summary.csv", "report*.jsonl", "index.html")


def staging(address: str) -> Path:
    """Return the folder here in which is made what goes to `address`. Raises OutputError."""
    from segment.kernels.places import make_private

    user = os.getuid() if hasattr(os, "getuid") else "user"
    code = hashlib.sha256(address.rstrip("/").encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"segment-{user}" / f"out-{code}"
    reason = make_private(folder)
    if reason is not None:
        raise OutputError(
            f"{folder}, where is made what goes to {stores.told(address)}, cannot be used: {reason}"
        )
    return folder


def check(address: str, folder: Path, outputs: Sequence[str], mode: str) -> None:
    """Raise OutputError when outputs cannot go to `address`; see `ExportLink.check`.

    With what the store has of an earlier run `folder`, its place here, is brought up to date.
    """
    there = stores.names_in(address)
    held = [name for name in outputs if name in there]
    if mode == "new":
        if held:
            raise OutputExists(
                f"{stores.told(address)}/{held[0]} is there already; add --overwrite or --resume, "
                "or choose another folder"
            )
        return
    if NAME in there and not (folder / NAME).exists():
        stores.fetch(f"{address}/{NAME}", folder / NAME)
    elif held and NAME not in there:
        raise OutputError(
            f"{stores.told(address)}/{held[0]} was not made by segment (there is no {NAME}); move "
            "it, or choose another folder"
        )


def is_there(address: str, outputs: Sequence[str]) -> bool:
    """Whether the store has all that a run made."""
    return {*outputs, NAME} <= stores.names_in(address)


def deliver(address: str, folder: Path) -> None:
    """Copy what was made in `folder` to `address`, and remove it here. Raises OutputError."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LOCK and not path.name.startswith(".")
    ]
    begun = folder / f".{NAME}.begun"
    write_json(begun, {**owned.read(folder), "complete": False})
    stores.put(begun, f"{address}/{NAME}")
    for path in sorted(files, key=lambda path: path.name == NAME):
        stores.put(path, f"{address}/{path.relative_to(folder).as_posix()}")
    for path in folder.iterdir():
        if path.name != LOCK:
            with contextlib.suppress(OSError):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def fetch_summary(address: str, out: Path) -> None:
    """Bring here the rows of earlier runs, and of other shards."""
    for name in stores.names_in(address):
        if name.startswith("report") and name.endswith(".jsonl"):
            stores.fetch(f"{address}/{name}", out / name)


def deliver_summary(address: str, out: Path) -> None:
    """Copy the summary, and the index page where there is one."""
    for pattern in _SUMMARIES:
        for path in sorted(out.glob(pattern)):
            stores.put(path, f"{address}/{path.name}")


def check_memory(addresses: Sequence[str]) -> None:
    """Raise ChainError for a store that lives in this process, where others shall do the work."""
    for address in addresses:
        if address.lower().startswith("memory://"):
            raise ChainError(
                f"{stores.told(address)} is in the memory of this process, which workers do not "
                "share; leave out --jobs and --scheduler"
            )
