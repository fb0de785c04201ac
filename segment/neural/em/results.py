"""All that the score.json of a model of frames tells: unseen scenes, other numbers, roll-outs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from segment.neural.em.model import NeuralEM
from segment.neural.em.score import others, score
from segment.neural.recipe import Recipe, SceneSettings

__all__ = ["results"]


def results(
    model: NeuralEM, recipe: Recipe, count: int, seeds: tuple[int, ...], against: NeuralEM | None
) -> list[dict[str, Any]]:
    """All that a score.json tells: the recipe's scenes first."""
    many = max(1, count // len(seeds))
    few = max(1, count // 5)
    # One window cannot hold all objects: K = 1 of such a model says nothing.
    one = model if against is None and not model.config.window else against
    sets: list[dict[str, Any]] = [{"count": many, "seeds": seeds, "against": one}]
    sets += _more(recipe, many, few, seeds)
    sets += [
        {"scenes": scenes, "slots": K, "count": few, "passes": passes}
        | ({"against": one} if passes == 1 else {})
        for scenes, K in others(recipe)
        for passes in _passes(scenes)
    ]
    return [score(model, recipe, **settings) for settings in sets]


def _more(recipe: Recipe, many: int, few: int, seeds: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """What else a model is scored on: more beginnings, there and back, roll-outs, curtains."""
    S, scenes = recipe.training.steps, recipe.last_stage.scenes
    if scenes.kind == "static-shapes":
        # What more beginnings are worth.
        yield {"count": many, "seeds": seeds, "restarts": 5}
        return
    yield {"count": few, "restarts": 5}
    yield {"count": many, "seeds": seeds, "passes": 2}
    if scenes.kind == "balls":
        yield {"count": few, "steps": 40}
        yield {"count": few, "steps": S + 20, "seen": S}
        hidden = replace(scenes, objects=3, curtain=True)
        yield {"count": few, "scenes": hidden, "steps": 40}
        yield {"count": few, "scenes": hidden, "steps": S + 20, "seen": S}


def _passes(scenes: SceneSettings) -> tuple[int, ...]:
    """As the papers do, and a sequence there and back as well."""
    return (1,) if scenes.kind == "static-shapes" else (1, 2)
