"""How many objects and events a sequence has, for the summary: read from the files just made."""

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from segment.cli.plan import Job


def count(job: Job) -> tuple[int | None, int | None]:
    """Number of objects (ids) and of events; None where no export has a table of them."""
    outputs = job.outputs()
    ids = [set(_column(path, "id")) for path in outputs if path.name == "tracks.csv"]
    events = [sum(1 for _ in _column(path, "kind")) for path in outputs if path.name == EVENTS]
    return (len(ids[0]) if ids else None, events[0] if events else None)


EVENTS = "events.csv"


def _column(path: Path, name: str) -> Iterator[str]:
    # It is read for a number in a table: what goes wrong here is no reason to end the run.
    with suppress(OSError, ValueError, csv.Error, KeyError), path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield row[name]
