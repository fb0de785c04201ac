"""Types of options: moments, sizes, odd numbers; each explains itself when it refuses a value."""

import math
import re
from fractions import Fraction
from typing import Any, ClassVar

import click
from click.shell_completion import CompletionItem

_LONGEST = 40  # letters of a moment; an exact fraction of a second has fewer

MOST_PIXELS = 400_000_000
"""Of a picture that frames are scaled to: more than any camera has, and 1.2 GB in colour."""


class Moment(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A moment of a video: `5s`, `1.5m`, `00:01:30`, or a frame number.

    Converts to Fraction (seconds since the first frame) or int (frame number).
    """

    name = "moment"

    _UNITS: ClassVar[dict[str, Fraction]] = {
        "ms": Fraction(1, 1000),
        "s": Fraction(1),
        "m": Fraction(60),
        "min": Fraction(60),
        "h": Fraction(3600),
    }

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction | int:
        if not isinstance(value, str):
            return value if isinstance(value, int) else Fraction(value)
        text = value.strip()
        if len(text) > _LONGEST:
            text = ""  # Python itself refuses to read thousands of digits
        if re.fullmatch(r"[0-9]+", text):
            return int(text)
        unit = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|min|s|m|h)", text)
        if unit:
            return Fraction(unit[1]) * self._UNITS[unit[2]]
        clock = re.fullmatch(r"(?:([0-9]+):)?([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]*)?)", text)
        if clock and int(clock[2]) < 60 and float(clock[3]) < 60:
            return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + Fraction(clock[3])
        return self.fail(
            f"{value!r} is not a moment; wanted seconds (5s, 1.5m), a clock time (00:01:30) "
            "or a frame number (125)",
            param,
            ctx,
        )


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A stretch of time: `2s`, `1.5m`, `500ms`, or a plain number of seconds; to float seconds."""

    name = "duration"

    LONGEST: ClassVar[float] = 86400.0  # seconds
    _UNITS: ClassVar[dict[str, float]] = {"ms": 0.001, "s": 1, "": 1, "m": 60, "min": 60, "h": 3600}

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if not isinstance(value, str):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(ms|min|s|m|h|)", value.strip())
        seconds = float(found[1]) * self._UNITS[found[2]] if found else -1.0
        if not 0 <= seconds <= self.LONGEST:
            return self.fail(
                f"{value!r} is not a length of time; wanted seconds or minutes, "
                "for example 2s, .5s or 1.5m, a day at the most",
                param,
                ctx,
            )
        return seconds


class Span(Duration):
    """A duration that may not be 0."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = super().convert(value, param, ctx)
        if not seconds:
            self.fail(f"{value!r} is no time at all; wanted more than 0, as 20s", param, ctx)
        return seconds


class Patience(Duration):
    """A duration that may also be `never`, which is longer than any film."""

    NEVER: ClassVar[float] = 1e9  # seconds: thirty years

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if value == "never":
            return self.NEVER
        return super().convert(value, param, ctx)


class Input(click.Path):
    """What `read` reads; completes to files, and to the stages that may follow."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        group = ctx.find_root().command
        names = group.list_commands(ctx) if isinstance(group, click.Group) else []
        stages = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return [*super().shell_complete(ctx, param, incomplete), *stages]


class Size(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """WIDTHxHEIGHT in pixels; converts to (height, width)."""

    name = "WIDTHxHEIGHT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([0-9]{1,9})[x×]([0-9]{1,9})", str(value).strip())
        if match and int(match[1]) * int(match[2]) > MOST_PIXELS:
            self.fail(
                f"{value!r} has more than {MOST_PIXELS // 1_000_000} million pixels", param, ctx
            )
        if match and int(match[1]) and int(match[2]):
            return int(match[2]), int(match[1])
        return self.fail(
            f"{value!r} is not a size; wanted WIDTHxHEIGHT, for example 640x360", param, ctx
        )


class LevelOf(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A level of a picture as its file stores it, or "auto"; converts to float or "auto"."""

    name = "LEVEL|auto"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "float | str":
        if value == "auto" or isinstance(value, float):
            return value if isinstance(value, str) else float(value)
        try:
            level = float(value)
        except ValueError:
            level = math.nan
        if not math.isfinite(level):
            self.fail(f"{value!r} is no level; wanted a number such as 4095, or auto", param, ctx)
        return level


class Rate(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """Pictures a second, 25 or 1/3600; converts to float, or to the fraction as it was written."""

    name = "RATE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> "float | str":
        from segment.video.source import check_rate

        try:
            check_rate(value)
            return str(value) if "/" in str(value) else float(value)
        except ValueError:
            self.fail(
                f"{value!r} is no rate; wanted pictures a second, such as 25, 24000/1001, or "
                "1/3600 for one an hour, from one in ten days to a million",
                param,
                ctx,
            )


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """How many, or how many bytes: 400000000, 400M, 2G, 2GB; converts to int."""

    name = "amount"

    _UNITS: ClassVar[dict[str, int]] = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(\d{1,18}(?:\.\d{1,9})?)\s*([KMGT]?)i?B?", str(value).strip(), re.I)
        amount = int(Fraction(match[1]) * self._UNITS[match[2].upper()]) if match else 0
        if amount < 1:
            self.fail(f"{value!r} is not an amount above 0; wanted 400M or 2G, say", param, ctx)
        return amount


class Odd(click.IntRange):
    """An odd side of a window in pixels; 0 and 1 switch the filter off."""

    name = "odd number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = int(super().convert(value, param, ctx))
        if number and number % 2 == 0:
            self.fail(f"{number} is even; wanted an odd number of pixels, or 0", param, ctx)
        return number
