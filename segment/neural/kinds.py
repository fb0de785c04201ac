"""The kinds of models there are: one table of what belongs to each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.figure import draw_figure
from segment.neural.em.loaded import LoadedModel
from segment.neural.em.model import NeuralEM
from segment.neural.em.results import results
from segment.neural.em.task import FrameTask
from segment.neural.recipe import ModelConfig, Recipe
from segment.neural.seeded.config import SeededConfig
from segment.neural.seeded.figure import draw_windows_figure
from segment.neural.seeded.loaded import LoadedSeeded
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.score import results as window_results
from segment.neural.seeded.task import WindowTask
from segment.neural.training.task import Task

__all__ = ["KINDS", "Kind", "Loaded", "Model", "build_model", "kind_of"]

Model = NeuralEM | SeededEM
Loaded = LoadedModel | LoadedSeeded


@dataclass(frozen=True, slots=True)
class Kind:
    """What belongs to one kind of model.

    Attributes
    ----------
    model : makes one of a configuration, with random weights.
    loaded : (model, name, recipe or None), ready to work.
    task : what a recipe's model learns from.
    fitted : the same with cut-outs of a camera, to learn from and to choose by; None where a
        kind cannot be fitted to footage.
    results : (model, recipe, count, seeds, against), all that score.json tells.
    draw : (model, recipe, curve, path), a figure of the training.
    predicts_frames : whether it may be scored on other scenes, with other slots, and beside
        another model.
    """

    model: Callable[[Any], Model]
    loaded: Callable[[Any, str, Recipe | None], Loaded]
    task: Callable[[Recipe], Task]
    fitted: Callable[..., Task] | None
    results: Callable[..., list[dict[str, Any]]]
    draw: Callable[..., None]
    predicts_frames: bool


KINDS: dict[type[ModelConfig], Kind] = {
    NeuralEMConfig: Kind(
        model=NeuralEM,
        loaded=LoadedModel.trained,
        task=FrameTask,
        fitted=None,
        results=results,
        draw=draw_figure,
        predicts_frames=True,
    ),
    SeededConfig: Kind(
        model=SeededEM,
        loaded=LoadedSeeded.trained,
        task=WindowTask,
        fitted=WindowTask,
        results=window_results,
        draw=draw_windows_figure,
        predicts_frames=False,
    ),
}


def kind_of(recipe: Recipe) -> Kind:
    """Return what belongs to the model of a recipe."""
    return KINDS[type(recipe.model)]


def build_model(config: ModelConfig) -> Model:
    """Return a new model of a configuration, with random weights."""
    return KINDS[type(config)].model(config)
