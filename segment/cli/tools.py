"""Commands that stand alone: score, info, completion."""

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli.chain import Tool
from segment.cli.exits import DECODED_WITH_DAMAGE, SOME_INPUTS_FAILED
from segment.cli.limiting import limited, limits_of
from segment.errors import SegmentError, without_password

if TYPE_CHECKING:
    from segment.video.inspect import VideoFacts


@click.command(cls=Tool)
@click.argument("masks", type=click.Path(path_type=Path))
@click.argument("truth", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--skip",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Frames at the beginning that are not scored.",
)
@click.option(
    "--groups",
    is_flag=True,
    help="MASKS are PNG files of labels, TRUTH the segmentations of people (.npz, .mat, .png).",
)
@click.option(
    "--objects",
    is_flag=True,
    help="MASKS are folders of labels, TRUTH the same, or grey videos of ids, or MOT text.",
)
def score(masks: Path, truth: Path, as_json: bool, skip: int, groups: bool, objects: bool) -> None:
    """Measure MASKS against TRUTH as CDnet does, or --groups of pixels, or --objects over time.

    Both are a video, a folder of pictures, or a tree of sequences (an export's OUT,
    say), paired by name. Truth labels: 0 still, 50 shadow (counts as background), 85
    and 170 not scored, 255 moving.

    With --groups: covering, probabilistic Rand index, variation of information in bits and
    F of the boundaries, of each picture against all people who segmented it.

    With --objects: ARI and AMI in the frame, ARI over the sequence, IDF1, HOTA, MOTA, switches of
    identity and the error of the number of objects, of labels that last over a sequence.
    """
    if groups and objects:
        raise click.UsageError("--groups and --objects measure different things; give one of them")
    from segment.cli.execute import library_messages
    from segment.cli.progress import Plain

    with library_messages(Plain()):
        if objects:
            _score_objects(masks, truth, as_json, skip)
        elif groups:
            _score_groups(masks, truth, as_json)
        else:
            _score_masks(masks, truth, as_json, skip)


def _score_masks(masks: Path, truth: Path, as_json: bool, skip: int) -> None:
    from segment.scores import mean_of, score_sequences

    scores = score_sequences(masks, truth, skip=skip)
    mean = mean_of(scores)
    if as_json:
        document = {"sequences": [score.as_dict() for score in scores], "mean": mean}
        click.echo(json.dumps(document, indent=1))
        return
    columns = ["recall", "specificity", "fpr", "fnr", "pwc", "precision", "f"]
    width = max(len("sequence"), *(len(score.name) for score in scores))
    click.echo(f"{'sequence':<{width}} {'frames':>7} " + " ".join(f"{c:>11}" for c in columns))
    for score in scores:
        values = score.as_dict()
        row = " ".join(f"{values[column]:11.4f}" for column in columns)
        click.echo(f"{score.name:<{width}} {values['frames']:>7} {row}")
    if len(scores) > 1:
        row = " ".join(f"{mean[column]:11.4f}" for column in columns)
        click.echo(f"{'mean':<{width}} {'':>7} {row}")


def _score_groups(labels: Path, truth: Path, as_json: bool) -> None:
    from segment.scores.groupings import MEASURES, score_groupings

    rows = [found.as_dict() for found in score_groupings(labels, truth)]
    mean = {key: sum(row[key] for row in rows) / len(rows) for key in MEASURES}
    if as_json:
        click.echo(json.dumps({"pictures": rows, "mean": mean}, indent=1))
        return
    width = max(len("picture"), *(len(row["name"]) for row in rows))
    click.echo(f"{'picture':<{width}} " + " ".join(f"{key:>10}" for key in MEASURES))
    for row in [*rows, {"name": "mean", **mean}] if len(rows) > 1 else rows:
        click.echo(f"{row['name']:<{width}} " + " ".join(f"{row[k]:10.4f}" for k in MEASURES))


def _score_objects(labels: Path, truth: Path, as_json: bool, skip: int) -> None:
    from segment.measures.tracks import MEASURES
    from segment.scores.objects import score_objects

    rows = [found.as_dict() for found in score_objects(labels, truth, skip)]
    if as_json:
        click.echo(json.dumps({"sequences": rows}, indent=1))
        return
    width = max(len("sequence"), *(len(row["name"]) for row in rows))
    click.echo(f"{'sequence':<{width}} {'frames':>7} " + " ".join(f"{k:>12}" for k in MEASURES))
    for row in rows:
        values = " ".join(f"{'-' if row[k] is None else f'{row[k]:.4g}':>12}" for k in MEASURES)
        click.echo(f"{row['name']:<{width}} {row['frames']:>7} {values}")


@click.command(cls=Tool)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print a list of JSON objects.")
@click.option("--fast", is_flag=True, help="Read what the file says of itself, decode nothing.")
@click.option(
    "--track",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Which of a file's video tracks, or of a TIFF's series.",
)
@limited
def info(inputs: tuple[str, ...], as_json: bool, fast: bool, track: int, **options: Any) -> int:
    """Tell what an input holds, and whether it is sound.

    Decodes every frame, unless --fast is given. The exit code is 4 when something did
    not decode, 1 when an input cannot be read at all, 3 when that holds for some.
    """
    from segment import samples
    from segment.video.inspect import inspect

    limits = limits_of(options)
    found: list[dict[str, Any]] = []
    failed = damaged = 0
    for given in inputs:
        try:
            path = samples.resolved(given)
            facts = _as_dict(inspect(path, check=not fast, limits=limits, track=track))
        except SegmentError as error:
            failed += 1
            found.append({"path": without_password(given), "error": str(error)})
            click.echo(f"Error: {error}", err=True)
            continue
        damaged += facts["sound"] is False
        found.append(facts)
        if not as_json:
            click.echo(_as_text(facts, track))
    if as_json:
        click.echo(json.dumps(found, indent=1))
    if failed:
        return 1 if failed == len(inputs) else SOME_INPUTS_FAILED
    return DECODED_WITH_DAMAGE if damaged else 0


def _as_dict(facts: "VideoFacts") -> dict[str, Any]:
    """Every fact by its name, as JSON can hold it."""
    return {
        **asdict(facts),
        "rate": str(facts.rate),
        "aspect": str(facts.aspect),
        "reasons": list(facts.reasons),
        "variable_rate": facts.variable_rate,
        "sound": facts.sound,
    }


def _as_text(facts: dict[str, Any], track: int) -> str:
    height, width = facts["size"]
    rate = Fraction(facts["rate"])
    exact = "" if rate.denominator == 1 else f" ({rate})"
    shown = {
        **facts,
        "size": f"{width}x{height}",
        "rate": f"{float(rate):g} frames a second{exact}",
        "duration": None if facts["duration"] is None else f"{facts['duration']:.3f} s",
        "start": f"{facts['start']:.3f} s" if facts["start"] else None,
        "frames": f"about {facts['frames']} (an estimate, the file does not count them)"
        if facts["estimated"] and facts["frames"] is not None
        else facts["frames"],
        "estimated": None,
        "rotation": f"{facts['rotation']} degrees" if facts["rotation"] else None,
        "mirrored": facts["mirrored"] or None,
        "aspect": None
        if facts["aspect"] == "1"
        else f"{facts['aspect']} (a pixel's width by its height)",
        "tracks": f"{facts['tracks']}, of which track {track} is shown; --track shows another"
        if (facts["tracks"] or 1) > 1
        else None,
        "reasons": "; ".join(facts["reasons"]) or None,
        "shortest": None,
        "longest": None,
    }
    words = {True: "yes", False: "no"}
    return "\n".join(
        f"{name.replace('_', ' '):<16}{words[value] if isinstance(value, bool) else value}"
        for name, value in shown.items()
        if value is not None
    )


_HOMES = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/segment.fish"}


@click.command(cls=Tool)
@click.argument("shell", type=click.Choice(list(_HOMES)))
def completion(shell: str) -> None:
    """Print the lines that teach a shell to complete `segment`.

    \b
      segment completion bash >> ~/.bashrc
      segment completion zsh  >> ~/.zshrc
      segment completion fish > ~/.config/fish/completions/segment.fish
    """
    from click.shell_completion import get_completion_class

    whole = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(whole, {}, "segment", "_SEGMENT_COMPLETE").source())


COMMANDS = (score, info, completion)
