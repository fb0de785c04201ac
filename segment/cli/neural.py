"""Commands for Neural EM: list the models, score one, train one; torch waits for its turn."""

import json
from pathlib import Path
from typing import Any

import click

from segment.cli.chain import Tool, typed
from segment.cli.training import train


@click.command(cls=Tool)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def models(as_json: bool) -> None:
    """List the trained Neural EM models, with their scores."""
    from segment.neural import zoo

    listed: dict[str, Any] = {name: zoo.read_score(zoo.find(name)) for name in zoo.names()}
    if as_json:
        click.echo(json.dumps(listed, indent=1))
        return
    width = max((len(name) for name in listed), default=4)
    click.echo(f"{'model':<{width}}  {'AMI':>5}  {'ARI':>5}  scenes")
    for name, score in listed.items():
        result = (score or {}).get("results", [{}])[0]
        if not result:
            click.echo(f"{name:<{width}}  {'-':>5}  {'-':>5}  not scored")
            continue
        scenes = result["scenes"]
        click.echo(
            f"{name:<{width}}  {result['ami']:5.3f}  {result['ari']:5.3f}  "
            f"{scenes['objects']} objects, {scenes['kind']}, K = {result['slots']}"
        )


@click.command("score-neural", cls=Tool)
@click.argument("model")
@click.option("--scenes", "kind", help="Another kind of scenes than the model was trained on.")
@click.option("--objects", type=click.IntRange(1, 1000), help="Another number of objects a scene.")
@click.option("--count", type=click.IntRange(1, 1000000), default=1000, show_default=True,
              help="Scenes for every seed.")  # fmt: skip
@click.option("--seed", "seeds", type=click.IntRange(0), multiple=True, default=(0,),
              show_default=True, help="Of the scenes; may be given several times.")  # fmt: skip
@click.option(
    "--slots", type=click.IntRange(1, 1000), help="Another K than the model was trained with."
)
@click.option(
    "--steps", type=click.IntRange(1, 100000), help="Other steps than it was trained with."
)
@click.option("--restarts", type=click.IntRange(1, 1000), default=1, show_default=True,
              help="Random beginnings; the one with the lowest loss counts.")  # fmt: skip
@click.option("--passes", type=click.IntRange(1, 100), default=1, show_default=True,
              help="2 goes through a sequence there and back, and scores the mean.")  # fmt: skip
@click.option("--noise", type=click.FloatRange(0, 0.5), help="Other noise than in training.")
@click.option("--curtain", is_flag=True, help="Balls only: something stands before them.")
@click.option("--seen", type=click.IntRange(1, 100000),
              help="Frames shown; afterwards the model feeds on its own predictions.")  # fmt: skip
@click.option("--against", metavar="MODEL",
              help="Its error of prediction with one slot beside: a model trained with K = 1, or "
                   "the same.")  # fmt: skip
@click.option("--generalise", is_flag=True,
              help="Other numbers of objects and slots as well, as the papers do.")  # fmt: skip
@click.option("--rescore", is_flag=True,
              help="Score all that MODEL's score.json tells, and write it there.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def score_neural(
    context: click.Context,
    model: str,
    kind: str | None,
    objects: int | None,
    count: int,
    seeds: tuple[int, ...],
    slots: int | None,
    steps: int | None,
    restarts: int,
    passes: int,
    noise: float | None,
    curtain: bool,
    seen: int | None,
    against: str | None,
    generalise: bool,
    rescore: bool,
    as_json: bool,
) -> None:
    """Score MODEL, a name or a folder, on unseen scenes as the Neural EM papers do.

    Background and overlaps are not scored; AMI is normalised by the larger entropy.
    """
    from segment.neural import zoo
    from segment.neural.em.loaded import LoadedModel
    from segment.neural.em.score import others, score
    from segment.neural.kinds import kind_of
    from segment.neural.recipe import RecipeError, with_scenes

    folder = zoo.find(model)
    if rescore:
        _rescore(context, model, folder, count, seeds, against, as_json)
        return
    recipe = zoo.recipe_of(folder)
    if recipe is None:
        raise RecipeError(f"{folder} has no recipe.toml, which says what its scenes are")
    changes = {"kind": kind, "objects": objects, "noise": noise, "curtain": curtain or None}
    scenes = with_scenes(recipe, {key: v for key, v in changes.items() if v is not None})
    if not kind_of(recipe).predicts_frames:
        _only_frames(context)
        network = zoo.load(folder).model
        _score_seeded(folder, network, recipe, count, seeds, steps, as_json)
        return
    network = zoo.load(folder, kind=LoadedModel).model
    rival = network if against in (model, folder.name) else None
    if against is not None and rival is None:
        rival = zoo.load(against, kind=LoadedModel).model
    sets = [(scenes, slots)]
    if generalise:
        sets += others(recipe, scenes)
    try:
        rows = [
            score(
                network,
                recipe,
                scenes=each,
                count=count,
                seeds=seeds,
                slots=K,
                steps=steps,
                restarts=restarts,
                passes=passes,
                seen=seen,
                against=rival,
            )
            for each, K in sets
        ]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        first, *more = rows
        found = {"model": folder.name, **first}
        click.echo(json.dumps(found | ({"generalisation": more} if generalise else {}), indent=1))
        return
    for row in rows:
        _print_score(folder.name, row)


def _rescore(
    context: click.Context,
    model: str,
    folder: Path,
    count: int,
    seeds: tuple[int, ...],
    against: str | None,
    as_json: bool,
) -> None:
    """Write score.json anew; `count` scenes in all, by a training's seeds if none is told."""
    from segment.neural import zoo
    from segment.neural.training.publish import rescore

    told = {name for name in context.params if _given(context, name)}
    odd = sorted(told - {"model", "count", "seeds", "against", "rescore", "as_json"})
    if odd:
        raise click.UsageError(f"--rescore scores as after training; leave {', '.join(odd)} out")
    rival: Any = zoo.load(against).model if against is not None else None
    given = {"seeds": seeds} if "seeds" in told else {}
    try:
        document = rescore(folder, f"segment {typed()[1]}", count=count, against=rival, **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(document, indent=1))
        return
    for row in document["results"]:
        (_print_score if "restarts" in row else _print_seeded)(folder.name, row)


def _only_frames(context: click.Context) -> None:
    """Raise UsageError for what may be asked only of a model that predicts frames."""
    told = {name for name in context.params if _given(context, name)}
    odd = sorted(told - {"model", "count", "seeds", "steps", "as_json"})
    if odd:
        raise click.UsageError(
            f"this model parts windows of crowds and predicts no frames; leave {', '.join(odd)} out"
        )


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _score_seeded(
    folder: Path,
    network: Any,
    recipe: Any,
    count: int,
    seeds: tuple[int, ...],
    steps: int | None,
    as_json: bool,
) -> None:
    """Seeded EM is scored on windows of drawn crowds."""
    from segment.neural.seeded.score import score_windows

    found = score_windows(network, recipe, count=count, seeds=seeds, steps=steps)
    if as_json:
        click.echo(json.dumps({"model": folder.name, **found}, indent=1))
        return
    _print_seeded(folder.name, found)


def _print_seeded(name: str, found: dict[str, Any]) -> None:
    objects = found["scenes"]["objects"]
    click.echo(f"{name}: {found['count']} windows of drawn crowds, {objects} objects")
    told = {
        "ami": "AMI, several objects",
        "ari": "ARI, several objects",
        "single": "one object left whole",
        "several": "several parted",
        "exact": "number right",
    }
    for key, words in told.items():
        spread = f" ± {found[key + '_spread']:.4f}" if key + "_spread" in found else ""
        click.echo(f"{words:<22}{found[key]:9.4f}{spread}")


def _print_score(name: str, row: dict[str, Any]) -> None:
    """One set of scenes as a small table; of a roll-out, or many steps, the curve too."""
    scenes = row["scenes"]
    click.echo(
        f"{name}: {row['count']} scenes of {scenes['kind']}, {scenes['objects']} objects, "
        f"K = {row['slots']}, {row['steps']} steps"
        + (f", best of {row['restarts']} beginnings" if row["restarts"] > 1 else "")
        + (f", {row['passes']} passes" if row["passes"] > 1 else "")
        + (f", {row['seen']} of them seen" if row["seen"] else "")
        + (", a curtain" if scenes["curtain"] else "")
    )
    for key in ("ami", "ari", "bce", "bce_one_slot", "last_ami", "last_ari"):
        if key in row:
            spread = f" ± {row[key + '_spread']:.4f}" if key + "_spread" in row else ""
            click.echo(f"{key.replace('_', ' '):<13}{row[key]:9.4f}{spread}")
    every = max(1, row["steps"] // 8)
    shown = range(every - 1, row["steps"], every)
    click.echo("step         " + "".join(f"{t + 1:>8}" for t in shown))
    for key in ("ari", "bce"):
        curve = row[key + "_by_step"]
        click.echo(
            f"{key:<13}" + "".join(f"{curve[t]:>8.{3 if key == 'ari' else 1}f}" for t in shown)
        )


COMMANDS = (train, models, score_neural)
