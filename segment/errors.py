"""What the world can do wrong. The command line prints each as one line and its exit code.

`ValueError` and `TypeError` are for a caller who passes a wrong array or number;
a `SegmentError` is for files, devices, disks and chains.
"""

import re

# Of an address: what cameras and services call a secret behind the question mark.
_SECRET = re.compile(
    r"(?<=[?&;#])((?:\w+[.-])*(?:\w*_)?(?:pass\w*|pwd|psw|pswd|pw|\w*secret\w*|\w*token|"
    r"(?:api|auth|access|stream)?key|auth\w*|sig|sign|signature|credentials?|session\w*|sid))"
    r"=[^&;#]*",
    re.IGNORECASE,
)


def without_password(given: str) -> str:
    """An input as it is shown and written down: an address without its user and secrets."""
    scheme, sign, rest = given.partition("://")
    if not sign or not scheme.isalnum():
        return given
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in place:
        rest = rest[place.rindex("@") + 1 :]
    else:
        # A password that is not encoded as it should be may hold a slash; a port is a number.
        _, colon, port = place.partition(":")
        if colon and not port.isdecimal() and "@" in rest:
            rest = rest[rest.rindex("@") + 1 :]
    return f"{scheme}{sign}" + _SECRET.sub(r"\1=***", rest)


class SegmentError(Exception):
    """One line: what was given, what was wanted, what to do next.

    Attributes
    ----------
    report : of one that `segment.run` raises for an input: the RunReport, with what became of the
        others; else None.
    """

    exit_code = 1
    report: object = None


class NoMemory(SegmentError, MemoryError):
    """What this process may have is too little, and a library would end it instead of saying so."""


class InputError(SegmentError):
    """One input cannot be used; a run over several inputs goes on with the next."""


class UnreadableInput(InputError):
    """The input is missing, empty, of an unknown kind, or damaged beyond reading."""


class NoFrames(InputError):
    """The input can be read, but the asked range holds no frame."""


class WorkerLost(InputError):
    """The process that worked on an input was killed, or broke down, as often as it was begun."""


class BadState(InputError):
    """A file is no state of this subtractor: missing, damaged, foreign, of another version."""


class OtherState(BadState):
    """A file is the state of another subtractor, of the class `found`."""

    def __init__(self, message: str, found: str) -> None:
        super().__init__(message)
        self.found = found

    def __reduce__(self) -> tuple[type["OtherState"], tuple[str, str]]:
        return type(self), (str(self), self.found)


class BadZones(InputError):
    """Zones or lines do not fit the pictures of an input."""


class OutputError(SegmentError):
    """The output cannot be written: a full disk, a folder without permission, an odd path."""


class OutputExists(OutputError):
    """The output is there already, and neither overwriting nor resuming was asked for."""


class MissingForeground(SegmentError):
    """A stage needs a foreground mask and no subtractor came before it."""


class MissingLabels(SegmentError):
    """A stage needs labels and no grouper came before it."""


class MissingEvents(SegmentError):
    """A sink needs events and no watcher came before it."""


class ChainError(SegmentError):
    """The stages cannot be chained as asked: a wrong name, option or order."""

    exit_code = 2
