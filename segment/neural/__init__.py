"""Neural EM: models that group pixels without labels, trained on drawn scenes.

    from segment import neural

    model = neural.load("rnn-em-static-shapes")
    labels, responsibilities = model.group(picture[None])  # (1, H, W, C) in [0, 1] or uint8

Torch is imported when one of these names is first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segment.neural.em.config import NeuralEMConfig
    from segment.neural.em.loaded import LoadedModel
    from segment.neural.em.model import NeuralEM
    from segment.neural.em.score import score
    from segment.neural.recipe import Recipe, read_recipe
    from segment.neural.training.loop import train
    from segment.neural.zoo import load, names

__all__ = [
    "LoadedModel",
    "NeuralEM",
    "NeuralEMConfig",
    "Recipe",
    "load",
    "names",
    "read_recipe",
    "score",
    "train",
]

_HOMES = {
    "LoadedModel": "em.loaded",
    "NeuralEM": "em.model",
    "NeuralEMConfig": "em.config",
    "Recipe": "recipe",
    "load": "zoo",
    "names": "zoo",
    "read_recipe": "recipe",
    "score": "em.score",
    "train": "training.loop",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"segment.neural.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
