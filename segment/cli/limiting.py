"""Options that say what an input may cost and open, shared by `read` and `info`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from segment.cli.params import Amount

if TYPE_CHECKING:
    from segment.video.limits import Limits

LIMITING = ("max_pixels", "max_memory", "timeout", "allow", "reconnect", "reconnect_for")
"""Names of these options: two runs that differ in them alone give the same results."""

_SECONDS = 15.0
_GIVE_UP = 300.0


def limited(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of what an input may cost and open."""
    for option in (
        click.option(
            "--allow",
            type=click.Choice(["files", "network"]),
            multiple=True,
            help="What a playlist or session description may open: other files, or addresses.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(0),
            default=_SECONDS,
            show_default=True,
            metavar="SECONDS",
            help="For how long an input may give nothing, standard input too; 0 is for ever.",
        ),
        click.option(
            "--max-memory",
            type=Amount(),
            metavar="BYTES",
            help="Refuse inputs whose pictures take more at once, as 2G: decoded, on their way "
            "through the chain, and in encoders.  [default: half of this machine's, for decoding]",
        ),
        click.option(
            "--max-pixels",
            type=Amount(),
            metavar="COUNT",
            help="Refuse larger pictures before they are decoded.  [default: 400M, and for video "
            "143M, the most that any standard has]",
        ),
    ):
        command = option(command)
    return command


def coming_back(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of streams that were lost."""
    for option in (
        click.option(
            "--reconnect-for",
            type=click.FloatRange(0),
            default=_GIVE_UP,
            show_default=True,
            metavar="SECONDS",
            help="How long a lost stream is looked for before it counts as ended.",
        ),
        click.option(
            "--reconnect/--no-reconnect",
            default=None,
            help="Go on with a camera or stream that was lost, when it is back.  [default: for "
            "addresses]",
        ),
    ):
        command = option(command)
    return command


def limits_of(options: dict[str, Any]) -> "Limits":
    """What the options say."""
    from segment.video.limits import Limits

    return Limits(
        max_pixels=options["max_pixels"],
        max_memory=options["max_memory"],
        timeout=options["timeout"] or None,
        allow=frozenset(options["allow"]),
    )
