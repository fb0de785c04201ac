"""One summary of many inputs: `summary.csv` for people, `report.jsonl` for machines, a row each.

A row is added as its input ends, and goes to the disk. At the end `summary.csv` is made anew, in
the order of the inputs, from every report in the folder: those of other shards, and of earlier
runs, whose rows stay until a later one takes their place.
"""

import csv
import io
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Self

from segment.cli.chain import one_line
from segment.cli.report import SequenceReport
from segment.errors import OutputError
from segment.files import is_link, make_folder, parse_json, told, write_text

SUMMARY = "summary.csv"
REPORT = "report.jsonl"

COLUMNS = (
    "sequence", "state", "frames", "lost", "flagged", "objects", "events", "seconds", "error",
    "input", "host", "ended", "chain",
)  # fmt: skip

Row = dict[str, Any]


def row_of(report: SequenceReport, chain: str, seconds: float | None, host: str) -> Row:
    """What the summary says of one input."""
    return {
        "sequence": report.name,
        "state": _state(report),
        "frames": report.frames,
        "lost": report.damage.lost,
        "flagged": report.damage.flagged,
        "objects": report.objects,
        "events": report.events,
        "seconds": None if seconds is None else round(seconds, 3),
        "error": None if report.error is None else one_line(str(report.error)),
        "input": report.input,
        "host": host,
        "ended": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "chain": chain,
        "reasons": report.damage.reasons,
        "absurd": report.absurd,
    }


def _state(report: SequenceReport) -> str:
    if report.error is not None:
        return "failed"
    if report.interrupted:
        return "interrupted"
    return "damaged" if report.damage else "done"


class Summary:
    """The summary below one OUT; used in a `with`.

    out : the folder.
    order : names of all sequences of the run, also of those that other shards do.
    part : which shard this is, as "2of8"; None when it does all.
    """

    def __init__(self, out: Path, order: Sequence[str], part: str | None = None) -> None:
        self.out = out
        stem, ending = REPORT.split(".")
        self._report = out / (REPORT if part is None else f"{stem}.{part}.{ending}")
        self._order = {name: place for place, name in enumerate(order)}
        self._alone = part is None
        self._earlier: dict[str, Row] | None = None  # read when first asked for
        self._files = ExitStack()
        self._jsonl: IO[str] | None = None
        self._csv: IO[str] | None = None

    def check(self) -> None:
        """Raise OutputError when somebody else's files have these names. Nothing is changed."""
        _check(self.out / SUMMARY, _is_summary)
        _check(self._report, _is_report)

    def __enter__(self) -> Self:
        self.check()
        make_folder(self.out)
        rows = self._rows([self._report])
        with told(self._report):
            write_text(self._report, "".join(map(_as_json, rows)))
            self._jsonl = self._files.enter_context(_appended(self._report))
        if self._alone:
            with told(self.out / SUMMARY):
                write_text(self.out / SUMMARY, _as_table(rows))
                self._csv = self._files.enter_context(_appended(self.out / SUMMARY))
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()
        rows = self._rows([self._report])
        write_text(self._report, "".join(map(_as_json, rows)))
        every = sorted(self.out.glob("report*.jsonl"))
        write_text(self.out / SUMMARY, _as_table(self._rows(every)))

    def add(self, row: Row, *, already: bool = False) -> None:
        """Add what became of one input; `already` when an earlier run had done it."""
        if already and self._known_as_done(row):
            return  # the earlier row says how long it took, and where
        for file, text in ((self._jsonl, _as_json(row)), (self._csv, _as_line(row))):
            if file is not None:
                with told(self._report):
                    file.write(text)
                    file.flush()

    def _known_as_done(self, row: Row) -> bool:
        if self._earlier is None:
            reports = sorted(self.out.glob("report*.jsonl"))
            self._earlier = {known["sequence"]: known for known in self._rows(reports)}
        known = self._earlier.get(row["sequence"], {})
        return all(known.get(key) == row[key] for key in ("state", "frames", "input", "chain"))

    def _rows(self, reports: Sequence[Path]) -> list[Row]:
        """The last row of each sequence, in the order of the inputs; those of other runs last."""
        found: dict[str, Row] = {}
        for report in reports:
            for row in _read(report):
                known = found.get(row["sequence"])
                if known is None or str(known.get("ended")) <= str(row.get("ended")):
                    found[row["sequence"]] = row
        end = len(self._order)
        return sorted(
            found.values(), key=lambda row: (self._order.get(row["sequence"], end), row["sequence"])
        )


def _appended(path: Path) -> IO[str]:
    return path.open("a", encoding="utf-8", errors="backslashreplace", newline="")


def _read(path: Path) -> list[Row]:
    """The rows of a report; a last one that was cut is none."""
    rows: list[Row] = []
    if not path.exists():
        return rows
    with told(path), path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                row = parse_json(line)
                if isinstance(row, dict) and isinstance(row.get("sequence"), str):
                    rows.append(row)
    return rows


def _as_json(row: Row) -> str:
    return json.dumps(row) + "\n"


def _as_line(row: Row) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row.get(name) for name in COLUMNS)
    return text.getvalue()


def _as_table(rows: Sequence[Row]) -> str:
    # What no UTF-8 can say comes from a file's name that is none.
    text = ",".join(COLUMNS) + "\n" + "".join(map(_as_line, rows))
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _check(path: Path, is_ours: Any) -> None:
    if not os.path.lexists(path):
        return
    with told(path):
        if is_link(path) or not path.is_file():
            raise OutputError(f"{path} is no file of segment's; move it, or choose another folder")
        with path.open("rb") as file:
            begin = file.read(1 << 12)
    if begin.strip() and not is_ours(begin):
        raise OutputError(f"{path} was not written by segment; move it, or choose another folder")


def _is_summary(begin: bytes) -> bool:
    return begin.startswith(b"sequence,state,frames,")


def _is_report(begin: bytes) -> bool:
    return begin.startswith(b'{"sequence": ')
