"""What was typed for a chain, as a record keeps it, and the chain made of it again."""

import shlex
from collections.abc import Sequence
from typing import Any

import click

from segment.cli.chain import Chain, Link
from segment.cli.reading import ReadLink

__all__ = ["links_of", "split", "typed_for"]

_TREATMENT = ("resume", "overwrite")  # how what is there is treated: no part of what is made
_LISTING = ("lists", "recursive")  # where inputs are listed: of each, its own name is kept


def typed_for(links: Sequence[Link]) -> list[str]:
    """Every stage as it was typed, but for inputs, and for how it treats what is there."""
    return [_typed(link) for link in links]


def _typed(link: Link) -> str:
    command = _commands().get(link.command)
    if command is None:  # one that has no name on the line, as what mends
        return link.line
    left_out = {*_TREATMENT, *(_LISTING if isinstance(link, ReadLink) else ())}
    arguments, options = split(command, link.line, left_out)
    if isinstance(link, ReadLink):
        arguments = []  # an address may hold a password
    return shlex.join([link.command, *arguments, *options])


def split(
    command: click.Command, line: str, left_out: "set[str] | frozenset[str]" = frozenset()
) -> tuple[list[str], list[str]]:
    """Cut a stage's line, which was read once, into its arguments and its options."""
    words = shlex.split(line)[1:]
    context = click.Context(command, info_name=command.name, allow_interspersed_args=True)
    given, arguments, _ = command.make_parser(context).parse_args(words)
    options: list[str] = []
    for param in command.params:
        if not isinstance(param, click.Option) or param.name in left_out:
            continue
        value: Any = given.get(param.name or "")
        if value is None:
            continue
        name = max(param.opts, key=len)
        if param.is_flag:
            options.append(name if value else max(param.secondary_opts, key=len))
            continue
        for one in value if isinstance(value, list) else [value]:
            options += [name, str(one)]
    taken = [one for p in command.params if isinstance(p, click.Argument)
             for one in _as_words(given.get(p.name or ""))]  # fmt: skip
    return [*taken, *arguments], options


def _as_words(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]


def links_of(words: Sequence[str]) -> list[Link]:
    """The links of a line. Raises click.ClickException where it cannot be understood."""
    line = Chain(name="segment", commands=_commands())
    links: list[Link] = line.main(list(words), prog_name="segment", standalone_mode=False)
    return links


def _commands() -> dict[str, click.Command]:
    from segment.cli.stages import COMMANDS

    return {command.name or "": command for command in COMMANDS}
