"""How a line is carried out: by this process, by several, or a part of it."""

import os
from dataclasses import dataclass
from typing import Any

import click

from segment.errors import ChainError
from segment.jobs import shards


class Count(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A number of workers, or auto (0)."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if text == "auto":
            return 0
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 1024):
            self.fail(f"{text!r} is no number of processes; wanted 1 to 1024, or auto", param, ctx)
        return int(text)


@dataclass(frozen=True)
class How:
    """How a plan is carried out.

    Attributes
    ----------
    jobs : processes on this machine; 0 for as many as it bears, None for this process alone.
    shard : which part, as it was typed; None is all.
    scheduler : a Dask cluster's address, file or "auto"; None is none.
    client : a `distributed.Client` that a caller already has.
    stretch, warm_up : seconds of the stretches that long films are cut into, and of what each is
        warmed up by; None is one pass, and what is usual.
    """

    jobs: int | None = None
    shard: str | None = None
    scheduler: str | None = None
    client: Any = None
    stretch: float | None = None
    warm_up: float | None = None

    @property
    def is_plain(self) -> bool:
        return self == How()

    def part(self) -> shards.Shard | None:
        """Raises ChainError."""
        return None if self.shard is None else shards.find(self.shard, os.environ)

    def cut(self) -> tuple[float, float] | None:
        """Length of stretches and of their warm-up, seconds. Raises ChainError."""
        from segment.cli.stretches import WARM_UP

        if self.stretch is None:
            if self.warm_up is not None:
                raise ChainError("--warm-up is of stretches; add --stretch 10m, or leave it out")
            return None
        if self.warm_up is None:
            return self.stretch, min(WARM_UP, self.stretch)
        return self.stretch, self.warm_up
