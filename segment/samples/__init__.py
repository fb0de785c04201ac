"""The clips that come with the package; `read sample:street` finds them from any folder."""

from pathlib import Path

from segment.errors import UnreadableInput

# In a checkout the clips lie in videos/; in a wheel they lie beside this file.
_FOLDERS = (Path(__file__).parent, Path(__file__).parents[2] / "videos")


def names() -> list[str]:
    """The names that `path` knows."""
    return sorted({clip.stem for folder in _FOLDERS for clip in folder.glob("*.mp4")})


def resolved(given: str) -> str | Path:
    """What to open for an input: of `sample:street` the clip that comes with the package.

    Everything else stays as it is. Raises UnreadableInput for an unknown sample.
    """
    scheme, sign, name = given.partition(":")
    return path(name) if sign and scheme == "sample" else given


def path(name: str) -> Path:
    """Where the sample clip `name` lies. Raises UnreadableInput for an unknown name."""
    for folder in _FOLDERS:
        clip = folder / f"{name}.mp4"
        if clip.is_file():
            return clip
    raise UnreadableInput(f"there is no sample clip {name!r}; there are {', '.join(names())}")
