"""`mend`: ids put right by hand, and all exports made anew, without masks being computed again."""

import logging
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli import owned
from segment.cli.chain import Link, Tool, one_line
from segment.cli.lines import links_of, split
from segment.cli.signals import in_order
from segment.errors import SegmentError

if TYPE_CHECKING:
    from segment.cli.plan import Job, Plan
    from segment.cli.progress import Reporter
    from segment.frame import Frame
    from segment.mending import Corrections, Kept

log = logging.getLogger("segment.cli")

_DEEPEST = 6  # folders between OUT and a sequence's: names have as many parts as keep them distinct
_GIVING = ("group", "mend")  # how stages are called that give ids


@click.command(cls=Tool)
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT")
@click.argument("corrections", type=click.Path(path_type=Path), metavar="CORRECTIONS")
@click.argument("new", type=click.Path(path_type=Path), required=False, metavar="[NEW]")
@click.option("--overwrite", is_flag=True, help="Replace what an earlier run wrote to NEW.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted mend stopped.")
def mend(out: Path, corrections: Path, new: Path | None, overwrite: bool, resume: bool) -> int:
    """Put ids right that a run below OUT has got wrong, and make all its exports anew below NEW.

    NEW is OUT-mended where it is not given; OUT stays as it is. Masks are not computed again: ids
    come from what was written, --as labels or --as coco, masks from --as masks or --as video, and
    pictures from the input, which must still be there. CORRECTIONS is a TOML file:

    \b
      [[mend]]
      swap = [3, 7]          # from frame 1200 on, 3 is 7 and 7 is 3
      from = 1200
      [[mend]]
      merge = [4, 9, 12]     # all of these are 4
      [[mend]]
      split = 5              # from second 40 on, 5 is somebody new (into = 8: is 8)
      from = "40s"
      [[mend]]
      drop = [2, 6]          # no objects
      until = 300

    They are made in their order: each speaks of ids as those before it have left them, so that what
    is still wrong afterwards is added at the end, and the whole file is given again. A frame's
    number is that of tracks.csv; until is the last frame. Where OUT holds several sequences,
    sequence = "NAME" says of which one each is.
    """
    from segment.cli import execute, indexing, progress

    if overwrite and resume:
        raise click.UsageError("--overwrite and --resume exclude each other; choose one")
    asked = click.get_current_context().find_root().params
    reporter: Reporter = progress.for_terminal(quiet=asked["quiet"], log=asked["log"])
    how = ["--overwrite"] if overwrite else ["--resume"] if resume else []

    def work() -> int:
        plan = _plan(out, corrections, new, how)
        if asked["dry_run"]:
            execute.check(plan)
            click.echo(plan.describe())
            return 0
        report = execute.execute(plan, reporter)
        if len(plan.order) > 1:
            with execute.library_messages(reporter):
                indexing.write_indexes(plan)
        return report.exit_code

    return in_order(reporter, work)


def _plan(out: Path, corrections: Path, new: Path | None, how: list[str]) -> "Plan":
    """What is to be done, a job for every sequence that is corrected. Raises SegmentError."""
    from segment.cli.plan import Plan
    from segment.mending import Corrections

    if not out.is_dir():
        raise SegmentError(f"there is no folder {out}; wanted the OUT of an export")
    base, names = _sequences(out)
    place = new if new is not None else base.with_name(f"{base.resolve().name}-mended")
    if place.resolve() == base.resolve():
        raise SegmentError(
            f"{place} is what is to be mended; what is mended goes to another folder, since the "
            "corrections speak of what is there now"
        )
    asked = Corrections.read(corrections)
    if None in asked and len(names) > 1:
        raise SegmentError(
            f"{base} holds {len(names)} sequences ({', '.join(names[:3])}, ...); each correction "
            f'says of which it is: sequence = "{names[0]}"'
        )
    for name in asked:
        if name is not None and name not in names:
            raise SegmentError(
                f"{corrections}: there is no sequence {name!r} in {base}; there are "
                f"{', '.join(names[:10])}"
            )
    jobs, advice = [], []
    for name in names:
        wanted = asked.get(name) or asked.get(None)
        if wanted is None:
            continue
        job, told = _job(_Sequence(base, name, place), corrections, wanted, how)
        jobs.append(job)
        advice += [f"{name}: {line}" for line in told]
    return Plan(jobs[0].links, tuple(jobs), tuple(advice), tuple(job.name for job in jobs))


def _sequences(out: Path) -> tuple[Path, list[str]]:
    """The folder of an export, and the sequences that runs of ours have left in it."""
    if (out / owned.NAME).exists():
        whole = out.resolve()
        return whole.parent if out.name in ("", "..") else out.parent, [whole.name]
    depths = ("*/" * n + owned.NAME for n in range(1, _DEEPEST + 1))
    found = sorted(path.parent.relative_to(out).as_posix() for d in depths for path in out.glob(d))
    if not found:
        raise SegmentError(f"no run has written below {out}: there is no {owned.NAME}")
    return out, found


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence that is mended: below which folder it is, its name, and where it goes."""

    base: Path
    name: str
    place: Path

    @property
    def folder(self) -> Path:
        return self.base / self.name


def _job(
    of: _Sequence, path: Path, wanted: "Corrections", how: list[str]
) -> tuple["Job", list[str]]:
    """The job that makes a sequence's exports anew, and what is odd about it, a line each."""
    from segment.cli.plan import make_plan
    from segment.mending import Kept

    record = owned.read(of.folder)
    given = str(record.get("input"))
    _check_record(of.folder, record, given)
    kept = Kept(of.folder)
    damage = owned.damage(of.folder, kept.names)
    if damage is not None:
        raise SegmentError(f"{damage} since it was made; run its line again")
    known, odd = wanted.known(kept.seen())
    try:
        read, *rest = links_of(_words(of, record, given, how))
    except click.ClickException as error:
        raise SegmentError(
            f"{of.folder} was made by a line that does not work here any more: "
            f"{one_line(error.format_message())}"
        ) from None
    link = Link(
        command="mend",
        line=shlex.join(["mend", str(of.base), str(path)]),
        options={"folder": of.folder, "corrections": known, "masks": kept.has_masks},
        gives=frozenset({"foreground", "labels"}),
        run=partial(_mended, kept=kept, corrections=known),
    )
    (job,) = make_plan([read, link, *rest]).jobs
    _check_input(of.folder, record, job)
    if not kept.has_masks and (missed := _missed(job)):
        odd.append(
            f"masks were not kept (--as masks), so what is no object is not there in {missed}"
        )
    return replace(job, name=of.name), odd


def _check_record(folder: Path, record: dict[str, Any], given: str) -> None:
    from segment import stores

    if record.get("complete") is not True:
        raise SegmentError(f"{folder} comes from a run that was not finished; add --resume to it")
    if not isinstance(record.get("line"), list):
        raise SegmentError(
            f"{folder} was made by a version that did not keep its line; run it again"
        )
    gone = given == "-" or given.isdecimal() or ("://" in given and not stores.is_store(given))
    if gone and not Path(given).exists():
        raise SegmentError(
            f"{folder} was made from {given}, which cannot be read twice; record it to a file, and "
            "run and mend that"
        )


def _check_input(folder: Path, record: dict[str, Any], job: "Job") -> None:
    """Raise SegmentError where the input is not what it was, for ids would be somewhere else."""
    from segment.cli.record import signature

    now = signature(job)
    if now["input"] == record.get("input") and now["stamp"] is None and record.get("stamp"):
        raise SegmentError(
            f"{job.told}, of which {folder} was made, is not here; call mend in the folder in "
            "which the line was run, or put it back"
        )
    then = record.get("chain") or [None]
    if any(now[key] != record.get(key) for key in ("input", "stamp")) or now["chain"][0] != then[0]:
        raise SegmentError(
            f"{job.told} has changed since {folder} was made of it; run the line again"
        )


def _words(of: _Sequence, record: dict[str, Any], given: str, how: list[str]) -> list[str]:
    """The line that reads the input, and does what stood after the stage that gave ids."""
    from segment.cli.stages import COMMANDS

    commands = {command.name: command for command in COMMANDS}
    stages = [shlex.split(line) for line in record["line"]]
    names = [stage[0] for stage in stages]
    outs = {
        n: split(commands[name], record["line"][n])[0][0]
        for n, name in enumerate(names)
        if name == "export"
    }
    here = [n for n, out in outs.items() if Path(out).resolve() == of.base.resolve()]
    if not here and len(set(outs.values())) == 1:  # it was moved, or is called from elsewhere
        here = list(outs)
    if not here:
        raise SegmentError(
            f"{of.folder} was written to {', '.join(sorted(set(outs.values())))}; call it by that "
            "name"
        )
    giving = [n for n, name in enumerate(names) if name.startswith(_GIVING) and n < here[-1]]
    if not giving:
        raise SegmentError(f"{of.folder} holds masks alone: no stage has told objects apart")
    last = giving[-1]
    if any(giving[0] < n < last for n in here):
        raise SegmentError(f"two stages have given ids to what lies in {of.folder}; mend neither")
    words = ["read", given, *split(commands["read"], record["line"][0])[1]]
    for n, stage in enumerate(stages):
        if n in here:
            _, options = split(commands["export"], record["line"][n])
            words += ["export", str(of.place), *options, *how]
        elif n > last and names[n] == "events":
            words += stage
    return words


def _missed(job: "Job") -> str:
    """Formats of a job that show, or count, foreground that is no object."""
    showing = {"masks", "video", "overlay", "report", "events", "events-json", "clips"}
    return ", ".join(sorted({kind for link in job.exports for kind in link.formats} & showing))


def _mended(
    frames: "Iterator[Frame]", kept: "Kept", corrections: "Corrections"
) -> "Iterator[Frame]":
    """Give every frame the masks and the ids that were kept, and put these right."""
    try:
        for frame in frames:
            height, width = frame.image.shape[:2]
            labels = kept.labels(frame.index, (height, width))
            foreground, shadow = kept.masks(frame.index, labels)
            labels = corrections.apply(labels, frame.index, frame.time)
            yield replace(frame, foreground=foreground, shadow=shadow, labels=labels)
    finally:
        kept.close()
