"""A recipe: everything that training a model depends on, read from TOML; light, without torch."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from segment.errors import SegmentError
from segment.files import read_toml
from segment.neural.em.config import NeuralEMConfig
from segment.neural.seeded.config import SeededConfig

__all__ = [
    "HELD_OUT",
    "TEST",
    "TRAINING",
    "ModelConfig",
    "Recipe",
    "RecipeError",
    "SceneSettings",
    "Stage",
    "Training",
    "read_config",
    "read_recipe",
    "with_scenes",
    "with_seed",
]

ModelConfig = NeuralEMConfig | SeededConfig

# The second number of every seed, so that no scene is trained on and scored.
TRAINING, HELD_OUT, TEST = 0, 1, 2

SceneKind = Literal["static-shapes", "flying-shapes", "flying-digits", "balls", "silhouettes"]


class RecipeError(SegmentError):
    """A recipe cannot be read or asks for something that does not exist."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """Which scenes are drawn, and how many objects each holds."""

    kind: SceneKind = "static-shapes"
    objects: int = 3
    size: tuple[int, int] = (28, 28)
    speed: tuple[float, float] = (0.3, 1.6)  # slowest and fastest, pixels a frame
    digits: int = 0  # flying-digits: how many different pictures, 0 for all of them
    warp: float = 0.0  # flying-digits: largest turn, stretch and shear of a digit, in [0, 1)
    curtain: bool = False  # balls: something stands before them
    noise: float = 0.0  # share of values that the model sees wrong, [0, 0.5]


@dataclass(frozen=True, slots=True)
class Training:
    """How weights are found."""

    steps: int = 15  # E- and M-steps: frames of a sequence after the first
    looks: int = 0  # at a sequence's first frame, before these steps
    own: int = 0  # so many last steps at most see the model's own frames, drawn for each update
    loss: Literal["last", "half", "all"] = "last"  # which steps count; half is the later half
    gamma_gradient: Literal["full", "loss", "none"] = "full"
    objective: Literal["two-term", "noisy-or"] = "two-term"
    between: float = 1.0  # weight of the between-slot term
    found: float = 0.0  # share of the loss where the E-step found a prediction, [0, 1]
    batch: int = 64
    updates: int = 10_000
    optimiser: Literal["adam", "muon"] = "adam"
    rate: float = 1e-3
    warmup: int = 0  # updates until the rate is reached
    cooldown: float = 0.0  # share of all updates, at the end, in which the rate falls to zero
    clip: float = 0.0  # largest norm of the gradient, 0 for any
    average: float = 0.0  # weights are averaged over 1 / (1 - average) updates
    precision: Literal["float32", "bfloat16"] = "float32"  # bfloat16 where the processor has it
    validate: int = 500  # updates between two looks at held-out scenes
    held_out: int = 256  # scenes looked at
    patience: int = 0  # looks without a better ARI after which training stops, 0 for never
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training with scenes of its own: `updates` long, of `steps`, at `rate`.

    In the last of the steps, 0 to `own`, the model is fed with its own frames.
    """

    updates: int
    scenes: SceneSettings
    rate: float
    steps: int
    own: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model, its scenes and its training."""

    model: ModelConfig = field(default_factory=NeuralEMConfig)
    scenes: SceneSettings = field(default_factory=SceneSettings)
    training: Training = field(default_factory=Training)
    stages: tuple[Stage, ...] = ()

    def stage_of(self, update: int) -> Stage:
        """Return the stage that an update, counted from 0, belongs to."""
        for stage in self.stages:
            if update < stage.updates:
                return stage
            update -= stage.updates
        settings = self.training
        return Stage(settings.updates, self.scenes, settings.rate, settings.steps, settings.own)

    @property
    def last_stage(self) -> Stage:
        """The stage that the training ends with; its scenes are held out, and scored."""
        return self.stage_of(self.training.updates - 1)

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON and TOML can hold it."""
        return dataclasses.asdict(self)


def read_recipe(source: str | Path | dict[str, Any]) -> Recipe:
    """Read a recipe from a TOML file, or from a dictionary of the same shape.

    Raises RecipeError, which names the key, for anything that is not understood.
    """
    if isinstance(source, dict):
        return _recipe(source, "the recipe")
    path = Path(source)
    try:
        table = read_toml(Path(path))
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"the recipe {path} cannot be read: it is no text") from None
    except ValueError as error:
        raise RecipeError(f"the recipe {path} is not TOML: {error}") from None
    return _recipe(table, str(path))


def read_config(table: dict[str, Any], where: str) -> ModelConfig:
    """Read the settings of a model; RecipeError, which begins with `where`, if they are odd."""
    cell = table.get("cell")
    # Who knows no such cell says which there are.
    known = [kind for kind in get_args(ModelConfig) if cell in _cells(kind)]
    config: ModelConfig = _build(known[0] if known else NeuralEMConfig, table, where)
    return config


def _cells(kind: type[ModelConfig]) -> tuple[str, ...]:
    """The cells that a kind of model has, which tell it from the others."""
    return get_args(get_type_hints(kind)["cell"])


def _recipe(table: dict[str, Any], name: str) -> Recipe:
    table = dict(table)
    stages = table.pop("stages", [])
    parts = {"model": NeuralEMConfig, "scenes": SceneSettings, "training": Training}
    for key, value in table.items():
        if key not in parts:
            raise RecipeError(f"{name}: [{key}] is unknown, wanted {', '.join(parts)}, stages")
        if not isinstance(value, dict):
            raise RecipeError(f"{name}: {key} is {value!r}, wanted a table [{key}]")
    model = read_config(table.get("model", {}), f"{name}: [model]")
    given = {"size": model.size, **table.get("scenes", {})}
    scenes = _build(SceneSettings, given, f"{name}: [scenes]")
    training = _build(Training, table.get("training", {}), f"{name}: [training]")
    staged = []
    for number, entry in enumerate(stages if isinstance(stages, list) else [stages]):
        where = f"{name}: [[stages]] {number + 1}"
        if not isinstance(entry, dict) or "updates" not in entry:
            raise RecipeError(f"{where} wants a table with updates")
        entry = dict(entry)
        numbers = {key: entry.pop(key, getattr(training, key)) for key in ("rate", "steps", "own")}
        updates = entry.pop("updates")
        base = dataclasses.asdict(scenes)
        own = _build(SceneSettings, {**base, **entry}, where)
        staged.append(_build(Stage, {"updates": updates, "scenes": own, **numbers}, where))
    if staged:
        training = dataclasses.replace(training, updates=sum(s.updates for s in staged))
    recipe = Recipe(model, scenes, training, tuple(staged))
    _check(recipe, name)
    return recipe


def _build(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise RecipeError(f"{where}: {key} is unknown, wanted one of {', '.join(hints)}")
        values[key] = _fit(value, hints[key], f"{where}: {key}")
    try:
        return kind(**values)
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from None


def _fit(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as its type hint wants it, or raise RecipeError."""
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            wanted = ", ".join(get_args(hint))
            raise RecipeError(f"{where} is {value!r}, wanted one of {wanted}")
        return value
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        allowed = (int,) if kind is int else (int, float)
        fit = isinstance(value, list | tuple) and all(type(v) in allowed for v in value)
        length = None if get_args(hint)[-1] is Ellipsis else len(get_args(hint))
        if not fit or (length is not None and len(value) != length):
            noun = "integers" if kind is int else "numbers"
            raise RecipeError(f"{where} is {value!r}, wanted a list of {length or 'any'} {noun}")
        return tuple(kind(v) for v in value)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise RecipeError(f"{where} is {value!r}, wanted {hint.__name__}")
    return value


def _check(recipe: Recipe, name: str) -> None:
    """Raise RecipeError for numbers that make no sense, alone or together."""
    t = recipe.training
    least = {"steps": 1, "batch": 1, "updates": 1, "validate": 1, "held_out": 1, "seed": 0}
    least |= {"looks": 0, "warmup": 0, "patience": 0, "clip": 0, "between": 0}
    for key, bound in least.items():
        if getattr(t, key) < bound:
            value = getattr(t, key)
            raise RecipeError(f"{name}: [training] {key} is {value}, wanted at least {bound}")
    if not t.rate > 0:
        raise RecipeError(f"{name}: [training] rate is {t.rate}, wanted above 0")
    for key in ("average", "cooldown"):
        if not 0 <= getattr(t, key) < 1:
            value = getattr(t, key)
            raise RecipeError(f"{name}: [training] {key} is {value}, wanted in [0, 1)")
    try:
        recipe.model.check_training(recipe.scenes.kind, t.objective, t.found)
    except ValueError as error:
        raise RecipeError(f"{name}: {error}") from None
    for own, steps in ((t.own, t.steps), *((s.own, s.steps) for s in recipe.stages)):
        if not 0 <= own < steps:
            raise RecipeError(
                f"{name}: own is {own} of {steps} steps, wanted from 0, and less than all"
            )
    for scenes in (recipe.scenes, *(stage.scenes for stage in recipe.stages)):
        if scenes.size != recipe.model.size:
            raise RecipeError(
                f"{name}: the scenes are {scenes.size}, but the model's frames {recipe.model.size}"
            )
        if scenes.objects < 1:
            raise RecipeError(f"{name}: [scenes] objects is {scenes.objects}, wanted at least 1")
        if not 0 <= scenes.noise <= 0.5:
            raise RecipeError(f"{name}: [scenes] noise is {scenes.noise}, wanted in [0, 0.5]")
        if not 0 <= scenes.warp < 1:
            raise RecipeError(f"{name}: [scenes] warp is {scenes.warp}, wanted in [0, 1)")
        if not 0 <= scenes.speed[0] <= scenes.speed[1]:
            raise RecipeError(f"{name}: [scenes] speed is {scenes.speed}, wanted slowest, fastest")
        if scenes.digits < 0:
            raise RecipeError(f"{name}: [scenes] digits is {scenes.digits}, wanted at least 0")


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """The same recipe with another seed."""
    training = dataclasses.replace(recipe.training, seed=seed)
    return dataclasses.replace(recipe, training=training)


def with_scenes(recipe: Recipe, changes: dict[str, Any]) -> SceneSettings:
    """The scenes that a recipe ends with, changed; RecipeError for what does not fit it."""
    base = recipe.last_stage.scenes
    table = {**dataclasses.asdict(base), **changes}
    scenes: SceneSettings = _build(SceneSettings, table, "the scenes")
    _check(dataclasses.replace(recipe, scenes=scenes, stages=()), "the scenes")
    return scenes
