"""`OUT/index.html`: a page that leads to the reports of several videos."""

import logging
import os
from pathlib import Path

from segment.cli.plan import Plan
from segment.files import is_link, told, write_text

NAME = "index.html"

log = logging.getLogger("segment.cli")


def write_indexes(plan: Plan) -> None:
    """Write an index for each OUT with reports of several videos, those of earlier runs among them.

    Another's file of this name stays, and that is told. Raises OutputError.
    """
    outs = {link.out for job in plan.jobs for link in job.exports if "report" in link.formats}
    for out in sorted(outs):
        if out.is_dir():
            _write(out, list(plan.order or [job.name for job in plan.jobs]))


def _write(out: Path, names: list[str]) -> None:
    from segment.export.report.index import index_page, summary_of

    place = {name: n for n, name in enumerate(names)}
    found = []
    # A name has as many parts as keep it distinct: a/cam and b/cam.
    depths = {1, *(name.count("/") + 1 for name in names)}
    pages = sorted(page for depth in depths for page in out.glob(f"{'*/' * depth}report.html"))
    for page in pages:
        if is_link(page) or is_link(page.parent):
            continue
        with told(page):
            summary = summary_of(page)
        if summary is not None:
            address = page.relative_to(out).as_posix()
            found.append((place.get(address.rpartition("/")[0], len(place)), address, summary))
    target = out / NAME
    if len(found) < 2:
        return
    if os.path.lexists(target) and not _is_ours(target):
        log.warning("%s", f"{target} was not made by segment and stays; there is no index")
        return
    found.sort(key=lambda one: one[:2])
    title = out.resolve().name or "Reports"
    write_text(target, index_page(title, ((address, summary) for _, address, summary in found)))


def _is_ours(path: Path) -> bool:
    from segment.export.report.index import MARK

    if is_link(path) or not path.is_file():
        return False
    with told(path), path.open("rb") as file:
        return MARK.encode() in file.read(1 << 12)
