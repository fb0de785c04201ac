"""The trained models that come with the package, in models/, beside this file in a wheel."""

from pathlib import Path
from typing import Any

from segment.files import parse_json
from segment.neural.recipe import Recipe, read_recipe
from segment.neural.weights import WEIGHTS, ModelError, load_weights

__all__ = ["find", "load", "names", "read_score"]

_FOLDERS = (Path(__file__).parent / "models", Path(__file__).parents[2] / "models")


def names() -> list[str]:
    """The names that `load` knows."""
    found = {path.parent.name for folder in _FOLDERS for path in folder.glob(f"*/{WEIGHTS}")}
    return sorted(found)


def find(model: str | Path) -> Path:
    """Return the folder of a model: a name of `names()`, or a path that holds weights.

    Raises ModelError for anything else.
    """
    for folder in (*(folder / str(model) for folder in _FOLDERS), Path(model)):
        if (folder / WEIGHTS).is_file():
            return folder
    raise ModelError(
        f"there is no model {str(model)!r}; there are {', '.join(names()) or 'none'}, "
        f"and any folder with {WEIGHTS}"
    )


def load(name: str | Path, device: str = "auto") -> Any:
    """Load a trained model, by name or folder: a `LoadedModel`, or a `LoadedSeeded`.

    device : "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:N".

    Raises ModelError for a name that is not known, and for damaged or foreign weights.
    """
    from segment.neural.device import pick_device
    from segment.neural.em.loaded import LoadedModel
    from segment.neural.seeded.loaded import LoadedSeeded
    from segment.neural.seeded.model import SeededEM

    folder = find(name)
    network = load_weights(folder / WEIGHTS).to(pick_device(device))
    recipe = recipe_of(folder)
    if isinstance(network, SeededEM):
        steps = recipe.training.steps if recipe else 3
        return LoadedSeeded(network, name=folder.name, steps=steps)
    if recipe is None:
        return LoadedModel(network, name=folder.name)
    settings = recipe.training
    return LoadedModel(
        network,
        name=folder.name,
        steps=settings.steps,
        looks=max(1, settings.looks),
        objective=settings.objective,
        between=settings.between,
    )


def recipe_of(folder: Path) -> Recipe | None:
    """The recipe beside the weights, None when there is none."""
    path = folder / "recipe.toml"
    return read_recipe(path) if path.is_file() else None


def read_score(folder: Path) -> dict[str, Any] | None:
    """The score.json beside the weights, None when there is none."""
    path = folder / "score.json"
    if not path.is_file():
        return None
    try:
        document: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from None
    return document
