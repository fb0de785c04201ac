"""How a line of stages is read: cut at command names, options anywhere, nearest names offered."""

import difflib
import importlib
import math
import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from segment.frame import Frame


@dataclass(frozen=True, kw_only=True)
class Link:
    """One stage of a chain with its options bound; a fresh stage starts with every sequence.

    Attributes
    ----------
    command : the stage's name, for messages.
    line : what was typed for it, as a preset keeps it.
    options : every option's value, given or default, as `--dry-run` shows them.
    needs, gives : fields of `Frame` that must be there before, and that are there after.
    run : frames of one sequence -> frames of that sequence with this stage done.
    """

    command: str
    line: str
    options: dict[str, Any]
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    run: Callable[..., "Iterator[Frame]"] = field(repr=False, default=iter)


_commands: dict[str, Callable[..., "Iterator[Frame]"]] = {}
"""The functions below the decorators, by module and name."""


@dataclass(frozen=True)
class Bound:
    """A stage's function with its options, that can travel to another process."""

    place: str
    options: dict[str, Any]

    def __call__(self, frames: "Iterator[Frame]", **more: Any) -> "Iterator[Frame]":
        if self.place not in _commands:
            importlib.import_module(self.place.split(":")[0])
        return _commands[self.place](frames, **self.options, **more)


def stage(
    *, needs: Sequence[str] = (), gives: Sequence[str] = ()
) -> Callable[[Callable[..., "Iterator[Frame]"]], Callable[..., Link]]:
    """Turn `command(frames, **options)` into a callback that returns its Link.

    needs, gives : fields of `Frame`, so that a chain is checked before it starts.
    """

    def decorate(command: Callable[..., "Iterator[Frame]"]) -> Callable[..., Link]:
        _commands[f"{command.__module__}:{command.__qualname__}"] = command

        @wraps(command)
        def bind(**options: Any) -> Link:
            name, line = typed()
            return Link(
                command=name,
                line=line,
                options=options,
                needs=frozenset(needs),
                gives=frozenset(gives),
                run=Bound(f"{command.__module__}:{command.__qualname__}", options),
            )

        return bind

    return decorate


def typed() -> tuple[str, str]:
    """Name and typed line of the command whose callback is running."""
    context = click.get_current_context()
    return context.command.name or "", context.obj


LARGEST = 2**31 - 1
"""Of whole numbers on the line: compiled loops, OpenCV and FFmpeg count with 32 bits."""

SMALLEST = 1e-30
"""Of numbers on the line that are not 0: below it float32, which loops compute in, has few digits
left, or none."""

_IN_A_CHAIN = "segment.in_a_chain"  # key of what click shares between the commands of a line


class Stage(click.Command):
    """A command of a chain.

    Click gives a chained command the whole rest of the line and refuses options
    after an argument. A Stage takes its own part, up to the next command's name, so
    `read a.mp4 --start 5s subtract` works and `read a.mp4 b.mp4 subtract` reads two files.
    A file that is called like a command is written `./subtract`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_IN_A_CHAIN] = True
        mine, rest = cut(self, _names(ctx), args)
        _check_words(mine, ctx)
        ctx.obj = shlex.join([self.name or "", *mine])
        ctx.allow_interspersed_args = True
        extra = super().parse_args(ctx, mine)
        if extra and not ctx.resilient_parsing:
            suggestion = did_you_mean(extra[0], _names(ctx))
            raise click.UsageError(f"{self.name} has no use for {extra[0]!r}{suggestion}", ctx)
        check_numbers(ctx)
        ctx.args = rest
        return rest


class Tool(click.Command):
    """A command that stands alone: the rest of the line is its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.meta.get(_IN_A_CHAIN) and not ctx.resilient_parsing:
            raise click.UsageError(f"{self.name} is a command of its own, not a stage of a chain")
        _check_words(args, ctx)
        ctx.obj = shlex.join([self.name or "", *args])
        # Other than click sets them for the commands of a chain.
        ctx.allow_interspersed_args = True
        ctx.allow_extra_args = False
        rest = super().parse_args(ctx, args)
        check_numbers(ctx)
        return rest


def _check_words(words: Sequence[str], ctx: click.Context) -> None:
    """Raise click.UsageError for a word without a letter: for a path it would be this folder."""
    for place, word in enumerate(words):
        if not word or (word.startswith("--") and word.endswith("=")):
            after = word[:-1] or (words[place - 1] if place else "")
            where = f" after {after}" if after else ""
            raise click.UsageError(
                f"there is an empty word{where}; is a variable of the shell empty?", ctx
            )


def cut(
    command: click.Command, names: Container[str], tokens: list[str]
) -> tuple[list[str], list[str]]:
    """Split what follows a command's name before the name of the next command."""
    takes_value = {
        name
        for option in command.params
        if isinstance(option, click.Option) and not option.is_flag and not option.count
        for name in (*option.opts, *option.secondary_opts)
    }
    position = 0
    while position < len(tokens):
        if tokens[position] in takes_value:
            position += 2  # the value belongs to it, even if it is called like a command
        elif tokens[position] in names:
            break
        else:
            position += 1
    return tokens[:position], tokens[position:]


class Chain(click.Group):
    """The group of all commands: general options anywhere on the line, presets, nearest names."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"chain": True, **settings})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of a chain, not of the alphabet

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            general, line = self._hoist(args)
            # `--preset` is needed before click sees the line, for it changes the line.
            preset = _value_of("--preset", general)
            if preset is not None:
                line = self._merge(read_preset(Path(preset)), line)
            args = [*general, *line]
            if any("\0" in token for token in args):
                # No shell can say it, but a preset and a Python caller can.
                raise click.UsageError("the line holds a NUL, which no name and no number has")
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        known = self.get_command(ctx, name) is not None
        if not known and not name.startswith("-") and not ctx.resilient_parsing:
            suggestion = did_you_mean(name, self.commands)
            if not suggestion:
                suggestion = "; `segment --help` names them all"
            raise click.UsageError(f"there is no command {name!r}{suggestion}", ctx)
        return super().resolve_command(ctx, args)

    def _hoist(self, args: list[str]) -> tuple[list[str], list[str]]:
        """Take the general options from wherever they stand; the rest is the chain."""
        flags: set[str] = set()
        takes_value: set[str] = set()
        for option in self.params:  # without --help, which asks about the stage it stands behind
            if isinstance(option, click.Option):
                (flags if option.is_flag else takes_value).update(option.opts)
        general: list[str] = []
        line: list[str] = []
        position = 0
        while position < len(args):
            token = args[position]
            if token in flags or (token.startswith("--") and token.split("=")[0] in takes_value):
                general.append(token)
                if token in takes_value and position + 1 < len(args):
                    position += 1
                    general.append(args[position])
            else:
                line.append(token)
            position += 1
        return general, line

    def _merge(self, preset: list[list[str]], line: list[str]) -> list[str]:
        """Put the line's stages in the place of the preset's of the same name; others go last."""
        merged = list(preset)
        while line:
            name, rest = line[0], line[1:]
            command = self.commands.get(name)
            if not isinstance(command, Stage):  # a mistake, which click will name
                merged.append(line)
                break
            mine, line = cut(command, self.commands, rest)
            places = [place for place, part in enumerate(merged) if part[0] == name]
            if places:
                merged[places[0]] = [name, *mine]
            else:
                merged.insert(0 if name == "read" else len(merged), [name, *mine])
        return [token for part in merged for token in part]


def read_preset(path: Path) -> list[list[str]]:
    """Read a preset: TOML with `chain`, one string per stage. Raises click.UsageError."""
    from segment.files import read_toml

    try:
        table = read_toml(path)
    except OSError as error:
        raise click.UsageError(f"the preset {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(f"the preset {path} is not TOML: {error}") from None
    chain = table.get("chain")
    if isinstance(chain, str):
        chain = [chain]
    if not isinstance(chain, list) or not all(isinstance(line, str) for line in chain):
        raise click.UsageError(
            f'the preset {path} has no chain; wanted chain = ["subtract", "clean", ...], '
            "a string for each stage"
        )
    try:
        return [part for part in map(shlex.split, chain) if part]
    except ValueError as error:  # a quotation without an end
        raise click.UsageError(
            f"the preset {path} has a stage that cannot be read: {str(error).lower()}"
        ) from None


def write_preset(path: Path, links: Sequence[Link]) -> None:
    """Keep a chain (all but its `read`) as a preset. Raises OutputError."""
    import json  # a JSON string is a TOML string

    from segment.files import write_text

    lines = [f"  {json.dumps(link.line)},\n" for link in links]
    name = " ".join(path.name.split())
    write_text(path, f"# segment --preset {name} read INPUT...\nchain = [\n{''.join(lines)}]\n")


def check_numbers(ctx: click.Context) -> None:
    """Raise click.BadParameter for numbers that are none, or that no loop can count to."""
    for param in ctx.command.params:
        given = ctx.params.get(param.name or "")
        for value in given if isinstance(given, tuple) else (given,):
            if isinstance(value, float) and not math.isfinite(value):
                raise click.BadParameter(f"{value} is no finite number", ctx, param)
            if isinstance(value, (int, float, Fraction)) and not -LARGEST <= value <= LARGEST:
                raise click.BadParameter(
                    f"{shorten(str(value))} is too large; wanted at most {LARGEST}", ctx, param
                )
            if isinstance(value, float) and 0 < abs(value) < SMALLEST:
                raise click.BadParameter(
                    f"{value} is too small; wanted 0, or at least {SMALLEST}", ctx, param
                )


def one_line(message: str) -> str:
    """A message as one line of a length that people read, whatever was typed."""
    return shorten(" ".join(message.split()), 2000)


def shorten(text: str, most: int = 60) -> str:
    """The beginning and end of a text that is too long."""
    if len(text) <= most:
        return text
    return f"{text[: most * 3 // 4]} ... {text[-(most // 5) :]}"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """The end of a message that offers the most similar of `words`, or nothing."""
    matches = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def _names(ctx: click.Context) -> Mapping[str, click.Command]:
    group = ctx.parent.command if ctx.parent else None
    return group.commands if isinstance(group, click.Group) else {}


def _value_of(option: str, tokens: list[str]) -> str | None:
    value = None
    for position, token in enumerate(tokens):
        if token == option and position + 1 < len(tokens):
            value = tokens[position + 1]
        elif token.startswith(option + "="):
            value = token.split("=", 1)[1]
    return value
