"""Who says what belongs together: small networks whose numbers stand in a readable file."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.errors import SegmentError
from segment.files import parse_json, write_text

Floats = NDArray[np.float64]

# Beside the package in the repository, inside it in a wheel.
_FOLDERS = (
    Path(__file__).parents[3] / "models" / "picture-groups",
    Path(__file__).parents[2] / "neural" / "models" / "picture-groups",
)


class JudgesError(SegmentError):
    """The learned numbers are missing, damaged, or not ours."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A layer of ramps and a sum: cues (N, C) to logarithms of odds (N,).

    Attributes
    ----------
    weights : (C, hidden); bias, out : (hidden,); shift : a number. All float64.
    """

    weights: Floats
    bias: Floats
    out: Floats
    shift: float

    @property
    def arrays(self) -> tuple[Floats, Floats, Floats, float]:
        """What the kernel `judge` takes."""
        return self.weights, self.bias, self.out, self.shift

    def odds(self, cues: NDArray[Any]) -> NDArray[Any]:
        """Return the odds (N,) of cues (N, C), in the precision of the cues."""
        kind = cues.dtype
        hidden = cues @ self.weights.astype(kind)
        hidden += self.bias.astype(kind)
        np.maximum(hidden, 0, out=hidden)
        result: NDArray[Any] = hidden @ self.out.astype(kind) + kind.type(self.shift)
        return result


@dataclass(frozen=True, slots=True)
class Judges:
    """All that is learned.

    Attributes
    ----------
    pixels : is a pixel on a boundary? Cues of `features.surroundings`.
    first : do two pieces belong together? Without their places, which it decides.
    second : do two regions belong together? With their places.
    usual : odds of `second` at which merging ends by itself.
    """

    pixels: Judge
    first: Judge
    second: Judge
    usual: float


def save(judges: Judges, path: str | Path, note: str) -> None:
    """Write the numbers as JSON, four digits each. Raises OutputError."""

    def plain(array: Floats) -> Any:
        return np.vectorize(lambda number: float(f"{number:.4g}"))(array).tolist()

    document: dict[str, Any] = {"format": "segment-picture-groups", "version": 1, "note": note}
    for name in ("pixels", "first", "second"):
        judge: Judge = getattr(judges, name)
        document[name] = {
            "weights": plain(judge.weights),
            "bias": plain(judge.bias),
            "out": plain(judge.out),
            "shift": float(f"{judge.shift:.6g}"),
        }
    document["usual"] = judges.usual
    lines = json.dumps(document).replace("], [", "],\n [").replace('}, "', '},\n "')
    write_text(Path(path), lines + "\n")


@cache
def load(name: str | Path = "learned") -> Judges:
    """Read the judges of that name in models/picture-groups, or of a file.

    Raises JudgesError when they are missing or damaged.
    """
    places = [folder / f"{name}.json" for folder in _FOLDERS] + [Path(name)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise JudgesError(f"there are no learned numbers {str(name)!r} in models/picture-groups")
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
        if document["format"] != "segment-picture-groups" or document["version"] != 1:
            raise ValueError("another format or version")
        return Judges(
            _read(document["pixels"], 30),
            _read(document["first"], 34),
            _read(document["second"], 34),
            float(document["usual"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JudgesError(f"{path} does not hold what was learned: {error}") from None


def _read(found: dict[str, Any], cues: int) -> Judge:
    weights, bias, out = (np.asarray(found[n], np.float64) for n in ("weights", "bias", "out"))
    hidden = len(bias)
    if weights.shape != (cues, hidden) or out.shape != (hidden,):
        raise ValueError(f"weights are {weights.shape}, bias {bias.shape}, out {out.shape}")
    return Judge(weights, bias, out, float(found["shift"]))
