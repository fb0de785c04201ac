"""A finished training as a folder to ship: recipe, weights, score, figure."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segment.errors import SegmentError
from segment.files import write_json, write_text, write_whole
from segment.neural.em.model import NeuralEM
from segment.neural.kinds import kind_of
from segment.neural.recipe import RecipeError
from segment.neural.training.trainer import Trainer
from segment.neural.weights import WEIGHTS, load_weights, save_weights
from segment.neural.zoo import read_score, recipe_of

__all__ = ["keep_the_best", "publish", "rescore"]


def publish(
    trainer: Trainer,
    folder: Path,
    recipe_text: str,
    command: str,
    *,
    count: int = 1000,
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
    against: NeuralEM | None = None,
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score the best weights in `folder`, and write recipe.toml, score.json and figure.png.

    `count` scenes for every seed; scenes with other numbers of objects and slots are
    scored on a fifth of them. What ships, and is scored, are weights of 16 bits. Without
    matplotlib there is no figure. `against`, a model trained with K = 1, predicts the same scenes
    with its one slot; without one the model itself does, if its slots see whole frames. `more` is
    told in score.json, too. Returns what that holds; with `count` 0 there is none.
    """
    recipe = trainer.recipe
    save_weights(load_weights(folder / WEIGHTS), folder / WEIGHTS, half=True)
    model = load_weights(folder / WEIGHTS).to(trainer.device)
    write_text(folder / "recipe.toml", recipe_text)
    (folder / WEIGHTS).chmod(0o644)
    try:
        kind_of(recipe).draw(model, recipe, trainer.curve, folder / "figure.png")
    except SegmentError as error:
        if "matplotlib" not in str(error):
            raise
    if not count:
        return {}
    results = kind_of(recipe).results(model, recipe, count, seeds, against)
    document = {
        "model": folder.name,
        "command": command,
        "results": results,
        "training": {
            "seed": recipe.training.seed,
            "updates": trainer.update,
            "scenes": trainer.update * recipe.training.batch,
            "seconds": round(trainer.seconds),
            "kept": _kept(trainer),
            "hardware": _hardware(trainer.device),
        },
        "versions": _versions(),
    } | (more or {})
    _write(folder, document)
    return document


def rescore(
    folder: Path,
    command: str,
    *,
    count: int = 1000,
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
    against: NeuralEM | None = None,
) -> dict[str, Any]:
    """Score the weights in `folder` as `publish` does, and write the results to its score.json.

    What that says of the training stays; by which `command` and versions it was scored is told.
    """
    recipe, document = recipe_of(folder), read_score(folder) or {"model": folder.name}
    if recipe is None:
        raise RecipeError(f"{folder} has no recipe.toml, which says what its scenes are")
    model = load_weights(folder / WEIGHTS)
    document["results"] = kind_of(recipe).results(model, recipe, count, seeds, against)
    document["scored"] = {"command": command, "versions": _versions()}
    _write(folder, document)
    return document


def keep_the_best(out: Path, folders: Sequence[Path], command: str) -> dict[str, Any]:
    """Copy to `out` which of some published trainings was best on its held-out scenes.

    Its score.json says of all of them, one a seed: their `ami` and `ari` on unseen scenes, mean
    and spread (standard deviation), and which seed is `kept`. Returns that.
    """
    documents = [json.loads((f / "score.json").read_text(encoding="utf-8")) for f in folders]
    trainings = [document["training"] for document in documents]
    best = max(range(len(folders)), key=lambda i: trainings[i]["kept"]["merit"])
    found: dict[str, Any] = {"seeds": [training["seed"] for training in trainings]}
    found["kept"] = trainings[best]["seed"]
    for key in ("ami", "ari"):
        values = [document["results"][0][key] for document in documents]
        found[key] = values
        found[f"{key}_mean"] = round(statistics.fmean(values), 4)
        found[f"{key}_spread"] = round(statistics.stdev(values), 4)
    for name in ("recipe.toml", WEIGHTS, "curve.json", "figure.png"):
        if (folders[best] / name).is_file():
            write_whole(out / name, (folders[best] / name).read_bytes())
    _write(out, documents[best] | {"model": out.name, "command": command, "trainings": found})
    return found


def _write(folder: Path, document: dict[str, Any]) -> None:
    write_json(folder / "score.json", document)


def _kept(trainer: Trainer) -> dict[str, float]:
    """Which update's weights these are, and how they did on the held-out scenes."""
    kept = {key: round(trainer.kept[key], 4) for key in ("update", "scenes", "ami", "ari")}
    return kept | {"merit": round(trainer.merit, 4)}


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} of {os.cpu_count()} cores, {platform.machine()}"


def _versions() -> dict[str, str]:
    """What a figure may depend on."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__.split("+")[0],
    }
