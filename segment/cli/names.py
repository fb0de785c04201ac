"""What a sequence is called after its input, and that its name is a folder's of its own.

The name becomes a folder below OUT, and a file of a state, on this machine and on others the
results may be copied to: it never leads elsewhere, and no two of a run share one.
"""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from segment.cli.gathering import is_pattern
from segment.errors import ChainError, without_password
from segment.stores import is_store

LONGEST = 200
"""Bytes of a name: 255 is what file systems take; ".state" and the like need some, too."""

# Windows knows these in every folder, with any ending and in any case.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.I)


# What lies beside the sequences' folders, in OUT itself.
_BESIDE = re.compile(r"summary\.csv|report.*\.jsonl|index\.html", re.I | re.S)


def name_of(given: str) -> str:
    """What a sequence is called after its input: `a/street.mp4` is street, camera 0 is camera0."""
    return as_folder(_plain_name(given))


def _plain_name(given: str) -> str:
    if given == "-":
        return "stdin"
    if given.isdecimal() and not os.path.exists(given):
        return f"camera{given}"
    if given.startswith("sample:"):
        return given.removeprefix("sample:")
    if "://" in given:
        place = re.sub(r"[?#].*", "", given.split("://", 1)[1], flags=re.DOTALL)
        place = place.rstrip("/").rsplit("/", 1)[-1].rsplit("@", 1)[-1]
        return re.sub(r"[^\w.-]", "-", place).rsplit(".", 1)[0] or "stream"
    path = Path(given)
    if is_pattern(given):  # called after the folder of its pictures
        path = path.parent
    if path.is_dir():
        return path.resolve().name or "pictures"
    return path.stem


def as_folder(name: str) -> str:
    """`name` as one folder's, which every file system takes and which leads nowhere else.

    `..` becomes `__`, `CON` becomes `CON_`, `index.html`, which stands beside it, `index.html_`, a
    long name its beginning and a checksum.
    """
    # Undecodable bytes come as lone surrogates, which no JSON and no terminal takes.
    safe = "".join("_" if _is_odd(letter) else letter for letter in name)
    safe = re.sub(r"[. ]+$", lambda end: "_" * len(end[0]), safe) or "_"
    if _DEVICES.fullmatch(safe):
        stem, dot, ending = safe.partition(".")
        safe = f"{stem}_{dot}{ending}"
    if _BESIDE.fullmatch(safe):
        safe += "_"
    if len(safe.encode()) <= LONGEST:
        return safe
    code = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    short = safe.encode()[: LONGEST - 1 - len(code)].decode("utf-8", "ignore")
    return f"{short}-{code}"


def _is_odd(letter: str) -> bool:
    """Separators, and what cannot be seen, written or stored: control, surrogate, direction."""
    return letter in "/\\" or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp", "Cf")


def as_known(path: str) -> str:
    """`path` as a file system without cases, or with another way to write accents, knows it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def sequence_names(inputs: Sequence[str]) -> list[str]:
    """A name for every input: its stem, and as many parent folders as keep the names distinct.

    `a/cam.mp4 b/cam.mp4` become `a/cam` and `b/cam`; `x.mp4 x.mkv` keep their endings. Names that
    are alike only without cases, or without what no folder may be called, are counted. Raises
    ChainError when an input stands twice, or two addresses have one name.
    """
    twice = [given for given, count in Counter(inputs).items() if count > 1]
    if twice:
        raise ChainError(f"the input {without_password(twice[0])} is given twice")
    names = [name_of(given) for given in inputs]
    parents = [_parents(given) for given in inputs]
    # `x.mp4 x.mkv` of one folder keep their endings.
    places = [(as_known(name), tuple(above)) for name, above in zip(names, parents, strict=True)]
    neighbours = Counter(places)
    names = [
        as_folder(Path(given).name) if above and neighbours[place] > 1 else name
        for name, given, above, place in zip(names, inputs, parents, places, strict=True)
    ]
    depth = 0
    while _alike(names) and depth < max(map(len, parents)):
        depth += 1
        counts = Counter(map(as_known, names))
        names = [
            f"{above[-depth]}/{name}"
            if counts[as_known(name)] > 1 and len(above) >= depth
            else name
            for name, above in zip(names, parents, strict=True)
        ]
    for name, count in Counter(zip(names, map(_plain_name, inputs), strict=True)).items():
        if count > 1:
            raise ChainError(
                f"two inputs would both be written as {name[0]!r}; read them in two runs"
            )
    return _counted(names)


def _alike(names: Sequence[str]) -> bool:
    return len(set(map(as_known, names))) < len(names)


def _counted(names: Sequence[str]) -> list[str]:
    """Give the second and later of names that are alike a number."""
    taken = {as_known(name) for name in names}
    found: list[str] = []
    seen: set[str] = set()
    for name in names:
        chosen, number = name, 1
        while as_known(chosen) in seen or (number > 1 and as_known(chosen) in taken):
            number += 1
            chosen = f"{name}-{number}"
        seen.add(as_known(chosen))
        found.append(chosen)
    return found


def _parents(given: str) -> list[str]:
    if is_store(given):
        above = without_password(given).split("://", 1)[1].split("/")[:-1]
        return [as_folder(part) for part in above if part]
    if "://" in given or given == "-" or given.isdecimal() or given.startswith("sample:"):
        return []
    parts = Path(given).resolve().parent.parts
    return [as_folder(part) for part in parts if part.strip("/\\")]
