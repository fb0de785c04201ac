"""Records that wait on disk until a file is whole: memory holds 16 bytes for each."""

import contextlib
import json
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["Spill"]


class Spill:
    """JSON records in a temporary file beside the output, read back in the order of their keys.

    The file has no name: it is gone when it is closed, or when the process dies.
    """

    def __init__(self, folder: Path) -> None:
        # Beside the output: there is room for one, so there is for the other.
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # see close
        self._keys = array("d")
        self._places = array("Q")
        self._end = 0

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: float, record: Any) -> None:
        """Keep a record that JSON can hold."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        self._keys.append(key)
        self._places.append(self._end)
        self._file.write(line)
        self._end += len(line)

    def __iter__(self) -> Iterator[Any]:
        """Every record, lowest key first; those of one key in the order they came."""
        import numpy as np

        for place in np.argsort(np.frombuffer(self._keys), kind="stable").tolist():
            self._file.seek(self._places[place])
            yield json.loads(self._file.readline())
        self._file.seek(self._end)

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(OSError):
            self._file.close()
