"""The command `segment`: its general options, its exit codes, and what one line becomes."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment import __version__
from segment.cli import bench, mending, neural, stages, streams, tools, warming, zoning
from segment.cli.chain import Chain, Link, one_line, shorten, write_preset
from segment.cli.exits import INTERRUPTED
from segment.cli.how import Count, How
from segment.cli.params import Span
from segment.cli.signals import in_order
from segment.errors import ChainError, SegmentError

if TYPE_CHECKING:
    from segment.cli.progress import OnProgress, Reporter
    from segment.cli.report import RunReport


class Segment(Chain):
    """The whole command: every way to end has one line and an exit code."""

    def main(  # type: ignore[override]  # one signature stands for click's two
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        code = 1
        streams.make_lasting()
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
            code = result if isinstance(result, int) else getattr(result, "exit_code", 0)
        except click.ClickException as error:
            _say(f"Error: {error.format_message()}{_where_help_is(error)}")
            code = error.exit_code
        except SegmentError as error:
            _say(f"Error: {error}")
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            _say("Error: interrupted")
            code = INTERRUPTED
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BrokenPipeError:
            code = streams.BROKEN_PIPE
            streams.forget_output()
        except OSError as error:
            # The world, not a bug: a name too long for any file, a device that went away.
            _say(f"Error: {_of_the_world(error)}")
        except ImportError as error:
            _say(f"Error: {_of_a_library(error)}")
        except MemoryError:
            _say("Error: there is not enough memory; smaller frames need less: read --size 640x360")
        except Exception as error:
            if os.environ.get("SEGMENT_DEBUG"):
                raise
            _say(f"Error: {_of_a_surprise(error)}")
        code = streams.flush(code)
        living = sys.modules.get("segment.video.living")
        if living is not None and living.left_behind():
            # A thread that waits in a library for an input that is silent; nothing needs it.
            sys.stderr.flush()
            os._exit(code)
        sys.exit(code)


def _of_a_surprise(error: Exception) -> str:
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return (
            "the system starts no more threads; there is not enough memory, or `ulimit -v` or "
            "`ulimit -u` is too low"
        )
    return (
        f"this should not have happened: {type(error).__name__}: {error}; "
        "SEGMENT_DEBUG=1 shows where, please report it"
    )


def _of_a_library(error: ImportError) -> str:
    """What to do about a library that is not there, or lacks one of the system's."""
    if error.name == "cv2" or "libGL" in str(error):
        return (
            f"OpenCV cannot be loaded ({error}); on a machine without a screen: pip uninstall "
            "opencv-python, then pip install --force-reinstall --no-deps opencv-python-headless"
        )
    return f"a library cannot be loaded ({error}); pip install segment-em brings all it needs"


def _say(message: str) -> None:
    click.echo(one_line(message), err=True)


def _where_help_is(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f" (`{context.command_path} --help` tells more)" if context is not None else ""


def _of_the_world(error: OSError) -> str:
    named = "" if error.filename is None else f"{shorten(str(error.filename))}: "
    return f"{named}{(error.strerror or str(error)).lower()}"


@click.group(
    cls=Segment,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine, 1 error, 2 usage, 3 some inputs failed, 4 decoded with damage, "
    "130 interrupted. Shell completion: `segment completion --help`.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress, no warnings; errors only.")
@click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How progress and warnings are told, on stderr; json is one object a line.",
)
@click.option(
    "--dry-run", is_flag=True, help="Check everything and say what would happen, but do nothing."
)
@click.option(
    "--preset",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Take the chain from a TOML file; stages on the line replace its own of the same name.",
)
@click.option(
    "--save-preset",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep this line's chain, without its inputs, as a preset.",
)
@click.option(
    "--jobs",
    type=Count(),
    metavar="N|auto",
    help="Read so many inputs at once, each in a process of its own; auto: by cores and memory.",
)
@click.option(
    "--shard",
    metavar="I/N|auto",
    help="Do the I-th of N parts of the inputs, so that N machines do them all; auto: as an array "
    "of jobs (SLURM, AWS Batch, Kubernetes, Grid Engine) numbers this one.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS|FILE|auto",
    help="Let the workers of a Dask cluster read the inputs; auto: the one that "
    "DASK_SCHEDULER_ADDRESS names. They see the same folders as this machine.",
)
@click.option(
    "--stretch",
    type=Span(),
    metavar="TIME",
    help="Cut long films into stretches of so long, as 10m, that are worked on at once; needs "
    "--jobs or --scheduler to be told how many, else auto.",
)
@click.option(
    "--warm-up",
    type=Span(),
    metavar="TIME",
    help="Let each stretch learn from so much before it.  [default: 30s]",
)
@click.version_option(__version__, prog_name="segment", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context, /, **_: Any) -> None:
    """Turn video and pictures into masks and objects, without labels.

    Stages are chained, each takes what the one before it found:

    \b
      segment read street.mp4 subtract clean group-components export out --as overlay

    General options may stand anywhere on the line.
    """


@main.result_callback()
@click.pass_context
def _execute(
    ctx: click.Context,
    results: list[Any],
    quiet: bool,
    log: str,
    dry_run: bool,
    preset: str | None,
    save_preset: str | None,
    jobs: int | None,
    shard: str | None,
    scheduler: str | None,
    stretch: float | None,
    warm_up: float | None,
) -> "RunReport | int | None":
    if not results:
        click.echo(ctx.get_help())
        return None
    links = [result for result in results if isinstance(result, Link)]
    if not links:  # score, info and the like have done their work already
        return results[-1] if isinstance(results[-1], int) else None

    from segment.cli import progress

    embedded: Reporter | None = ctx.obj
    if jobs is not None and scheduler is not None:
        raise ChainError("--jobs is for this machine, --scheduler for a cluster; choose one")
    how = How(jobs, shard, scheduler, getattr(embedded, "client", None), stretch, warm_up)
    if embedded is not None:
        return _run(links, embedded, how, dry_run, save_preset)
    reporter = progress.for_terminal(quiet=quiet, log=log)
    return in_order(reporter, lambda: _run(links, reporter, how, dry_run, save_preset))


def _run(
    links: list[Link],
    reporter: "Reporter",
    how: How,
    dry_run: bool,
    save_preset: str | None,
) -> "RunReport | None":
    from segment.cli import execute, indexing, jobs, stretches
    from segment.cli.plan import make_plan
    from segment.kernels import space

    space.check_limit()
    plan = stretches.with_cut(make_plan(links), how.cut())
    if dry_run:
        execute.check(plan)
        click.echo(plan.describe())
        if save_preset:
            click.echo(f"{'':<18}would write {save_preset}")
        return None
    if save_preset:
        _save_preset(Path(save_preset), plan.links)
    report = (
        execute.execute(plan, reporter) if how.is_plain else jobs.carry_out(plan, reporter, how)
    )
    if len(plan.order) > 1:
        with execute.library_messages(reporter):
            indexing.write_indexes(plan)
    return report


def _save_preset(path: Path, links: Sequence[Link]) -> None:
    if os.path.lexists(path):
        raise ChainError(f"the preset {path} is there already; choose another name or delete it")
    write_preset(path, links)


def run(
    line: str | Sequence[str],
    *,
    progress: "OnProgress | None" = None,
    jobs: int | str | None = None,
    client: "Any | None" = None,
) -> "RunReport":
    """Run one line of the command line: ``run("read street.mp4 subtract export out")``.

    Parameters
    ----------
    line : the stages as they would be typed after `segment`, or a list of their words.
    progress : called after every frame with (sequence name, frames done, frames
        expected or None). Whatever it raises ends the run.
    jobs : so many inputs at once, each in a process of its own, or "auto"; `progress` is not
        called then. A script that says so does it below ``if __name__ == "__main__":``, for the
        processes load it, too.
    client : a `distributed.Client`, whose workers read the inputs then; they see the same folders.

    Returns
    -------
    RunReport : for each sequence its name, frames, outputs, and damage.

    Raises
    ------
    SegmentError : what the command line would print as an error; ChainError for a
        line that cannot be understood. Nothing is printed. Where one of several inputs failed,
        its `report` says what became of all.
    """
    from segment.cli.progress import Callback
    from segment.cli.report import RunReport

    words = shlex.split(line) if isinstance(line, str) else [str(word) for word in line]
    if jobs is not None:
        words = ["--jobs", str(jobs), *words]
    try:
        report = main.main(
            words, prog_name="segment", standalone_mode=False, obj=Callback(progress, client)
        )
    except click.ClickException as error:
        raise ChainError(error.format_message()) from None
    except click.Abort:
        raise KeyboardInterrupt from None
    if not isinstance(report, RunReport):
        raise ChainError(f"{shlex.join(words)!r} is no chain to run; it begins with read INPUT")
    report.raise_first()
    return report


for _command in (
    *stages.COMMANDS,
    *tools.COMMANDS,
    *neural.COMMANDS,
    bench.bench,
    mending.mend,
    zoning.zones,
    warming.warm_up,
):
    main.add_command(_command)
