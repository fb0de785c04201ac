"""What a trained model is worth on scenes it has not seen, and the page that says so."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.neural.em.batches import make_batch
from segment.neural.em.evaluate import evaluate
from segment.neural.em.model import NeuralEM
from segment.neural.recipe import TEST, ModelConfig, Recipe, SceneSettings, Training

__all__ = ["GENERALISATION", "check_against", "score"]

# Other numbers of (objects, slots) than a model was trained with, as the papers ask for.
GENERALISATION: dict[str, list[tuple[int, int]]] = {
    "static-shapes": [(2, 3), (4, 4), (5, 5)],
    "flying-shapes": [(4, 4), (5, 5), (5, 3)],
    "flying-digits": [(3, 3)],
    "balls": [(6, 7), (8, 9)],
}

CHUNK = 100  # scenes drawn at a time; the seed of a scene depends on it


def score(
    model: NeuralEM,
    recipe: Recipe,
    *,
    scenes: SceneSettings | None = None,
    count: int = 1000,
    seeds: Sequence[int] = (0,),
    slots: int | None = None,
    steps: int | None = None,
    restarts: int = 1,
    passes: int = 1,
    seen: int | None = None,
    against: NeuralEM | None = None,
) -> dict[str, Any]:
    """Score a model on `count` unseen scenes for every seed, in float32.

    Parameters
    ----------
    scenes : which scenes; None for the kind the recipe ends with.
    seeds : of the scenes, their noise and the first responsibilities.
    slots, steps : other numbers than the recipe's.
    restarts : random beginnings of every scene, of which the one with the lowest loss is
        scored; the truth has no say in it.
    passes : of a sequence, there and back in turn; the mean responsibilities of the last
        two are scored. The papers take 1: no step knows what comes after it.
    seen : how many frames the model is shown; then it feeds on its own predictions.
    against : a model of the same frames, which with one slot (K = 1) predicts the same
        scenes; its error is `bce_one_slot`. The papers train one with K = 1 for this.

    Returns
    -------
    dict : the settings; `ami` (normalised by the larger entropy), `ari`, `bce` (nats a
        frame, of the brightest slot's prediction), means over the steps that the
        recipe counts; `last_ami` and `last_ari` after the last step; for each its
        `_spread`, the standard deviation over seeds; `ari_by_step` and `bce_by_step`.
    """
    if restarts < 1:
        raise ValueError(f"restarts is {restarts}, wanted at least 1")
    if passes < 1:
        raise ValueError(f"passes is {passes}, wanted at least 1")
    if count < 1 or not seeds:
        raise ValueError(f"count is {count} and seeds {list(seeds)}, wanted at least one of each")
    settings = recipe.training
    chosen = recipe.last_stage.scenes if scenes is None else scenes
    K = recipe.model.slots if slots is None else slots
    S = settings.steps if steps is None else steps
    if seen is not None and not 1 <= seen <= S:
        raise ValueError(f"seen is {seen}, wanted 1 to {S}, the number of steps")
    if against is not None:
        check_against(against, model.config)
    began = time.perf_counter()
    means: list[dict[str, float]] = []
    curves: dict[str, list[NDArray[np.float64]]] = {"ari": [], "bce": []}
    for seed in seeds:
        parts, weights = [], []
        for start in range(0, count, CHUNK):
            size = min(CHUNK, count - start)
            batch = make_batch(recipe, chosen, (seed, TEST, start), size, slots=K, steps=S)
            found = evaluate(
                model,
                batch,
                settings,
                restarts=restarts,
                passes=passes,
                seen=seen,
                noise=chosen.noise,
            )
            parts.append(found.at(settings.loss))
            if against is not None:
                alone = make_batch(recipe, chosen, (seed, TEST, start), size, slots=1, steps=S)
                plain = Training(loss=settings.loss)
                one = evaluate(against, alone, plain, seen=seen, noise=chosen.noise)
                parts[-1]["bce_one_slot"] = one.at(settings.loss)["bce"]
            weights.append(size)
            share = size / count / len(seeds)
            curves["ari"].append(found.ari.mean(axis=0) * share)
            curves["bce"].append(found.bce.mean(axis=0) * share)
        means.append(
            {key: float(np.average([p[key] for p in parts], weights=weights)) for key in parts[0]}
        )
    result: dict[str, Any] = {
        "scenes": asdict(chosen),
        "count": count,
        "seeds": list(seeds),
        "slots": K,
        "steps": S,
        "restarts": restarts,
        "passes": passes,
        "seen": seen,
    }
    for key in means[0]:
        values = [mean[key] for mean in means]
        result[key] = round(float(np.mean(values)), 4)
        if len(seeds) > 1:
            result[f"{key}_spread"] = round(float(np.std(values, ddof=1)), 4)
    for key, parts_of_curve in curves.items():
        result[f"{key}_by_step"] = [round(float(v), 4) for v in np.sum(parts_of_curve, axis=0)]
    result["seconds"] = round(time.perf_counter() - began, 1)
    return result


def check_against(against: NeuralEM, config: ModelConfig) -> None:
    """Raise ValueError for a model that does not predict the frames of another configuration."""
    for key in ("size", "channels", "pixels", "background"):
        theirs, ours = getattr(against.config, key, None), getattr(config, key)
        if theirs != ours:
            raise ValueError(f"against has {key} {theirs}, but the model {ours}")


def others(recipe: Recipe, scenes: SceneSettings | None = None) -> list[tuple[SceneSettings, int]]:
    """Scenes with other numbers of objects, each with the slots to score them with.

    scenes : what else they are like; None for the kind the recipe ends with.
    """
    if scenes is None:
        scenes = recipe.last_stage.scenes
    pairs = GENERALISATION[scenes.kind]
    return [(replace(scenes, objects=objects), slots) for objects, slots in pairs]
