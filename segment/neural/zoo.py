"""The trained models that come with the package, in models/, beside this file in a wheel."""

from pathlib import Path
from typing import Any, TypeVar, overload

from segment.files import parse_json
from segment.neural.device import pick_device
from segment.neural.em.loaded import LoadedModel
from segment.neural.kinds import KINDS, Loaded
from segment.neural.recipe import Recipe, read_recipe
from segment.neural.seeded.loaded import LoadedSeeded
from segment.neural.weights import WEIGHTS, ModelError, load_weights

__all__ = ["find", "load", "names", "read_score"]

AnyLoaded = TypeVar("AnyLoaded", bound=Loaded)

# What a user calls them.
_CALLED: dict[type, str] = {LoadedModel: "a model of whole frames", LoadedSeeded: "a seeded one"}

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


@overload
def load(name: str | Path, device: str = "auto") -> Loaded: ...
@overload
def load(name: str | Path, device: str = "auto", *, kind: type[AnyLoaded]) -> AnyLoaded: ...


def load(
    name: str | Path, device: str = "auto", *, kind: type[AnyLoaded] | None = None
) -> Loaded | AnyLoaded:
    """Load a trained model, by name or folder: a `LoadedModel`, or a `LoadedSeeded`.

    device : "auto" (a GPU when there is one), "cpu", "cuda" or "cuda:N".
    kind : which of the two classes is wanted; None for the one that it is.

    Raises ModelError for a name that is not known, for damaged or foreign weights, and for
    a model of another kind than is wanted.
    """
    folder = find(name)
    network = load_weights(folder / WEIGHTS).to(pick_device(device))
    loaded = KINDS[type(network.config)].loaded(network, folder.name, recipe_of(folder))
    if kind is not None and not isinstance(loaded, kind):
        raise ModelError(f"{folder.name} is {_CALLED[type(loaded)]}, wanted {_CALLED[kind]}")
    return loaded


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
