"""Every public name in one table, made from signatures, docstrings and what the code raises.

python docs/api.py            # prints docs/reference/api.md as the site shows it
"""

import ast
import builtins
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOMS = (
    "segment",
    "segment.pipeline",
    "segment.video",
    "segment.background",
    "segment.background.warm",
    "segment.masks",
    "segment.grouping",
    "segment.grouping.automatic",
    "segment.events",
    "segment.export",
    "segment.mending",
    "segment.measures",
    "segment.scores",
    "segment.mixture",
    "segment.mixture.plots",
    "segment.neural",
    "segment.fitting",
)
"""Whose names are promised: what stands in `__all__`, or, without one, what is defined there."""

_AXIS = r"(?:[A-Z]|T|n|n_\w+|\d+|…|\.\.\.|size|height|width)"
_PRODUCT = rf"{_AXIS}(?:\s[*+-]\s{_AXIS})*"
_SHAPE = re.compile(
    rf"\({_PRODUCT}(?:,\s{_PRODUCT})*,?\)(?:\s(?:u?int(?:8|16|32|64)?|bool|float(?:32|64)?)\b)?"
)
_UNITS = (
    "frames per second", "grey levels squared", "grey levels", "pixels squared", "pixels",
    "seconds", "frames", "variances", "standard deviations", "nats", "metres", "squared units",
    "bytes", "in [0, 1]", "(0, 1]",
)  # fmt: skip
_SECTION = re.compile(r"^(Parameters|Attributes|Returns|Raises|Yields)\n-+$", re.M)


@dataclass(frozen=True)
class Entry:
    """One public name: what its row says, and what stands below the table."""

    room: str
    name: str
    kind: str
    signature: str
    doc: str
    errors: tuple[str, ...]
    members: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        """Where the whole text stands."""
        return f"{self.room}.{self.name}".replace(".", "-")

    @property
    def what(self) -> str:
        """The first sentence."""
        first = " ".join(self.doc.split("\n\n", 1)[0].split())
        return re.split(r"(?<=[^.].)(?<=\.)\s", first, maxsplit=1)[0]

    @property
    def text(self) -> str:
        """All that is said, of the members too."""
        return "\n".join([self.doc, *(doc for _, doc in self.members)])

    @property
    def shapes(self) -> tuple[str, ...]:
        """Shapes of arrays, with dtypes where they are said, in the order they come."""
        found = (" ".join(match.group().split()) for match in _SHAPE.finditer(self.text))
        return tuple(dict.fromkeys(s for s in found if re.search(r"[A-Zn]|height", s)))

    @property
    def units(self) -> tuple[str, ...]:
        """Units and ranges that are named."""
        rest, found = " ".join(self.text.split()), []
        for unit in _UNITS:
            if re.search(rf"(?<![\w]){re.escape(unit)}", rest):
                found.append(unit)
                rest = rest.replace(unit, " ")
        return tuple(found)


def entries() -> Iterator[Entry]:
    """Every public name, room by room; one that two rooms show stands in the first."""
    seen: set[int] = set()
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in public(module):
            thing = getattr(module, name)
            if id(thing) not in seen and not inspect.ismodule(thing):
                seen.add(id(thing))
                yield describe(room, name, thing)


def public(module: Any) -> list[str]:
    """The names that a room promises."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return sorted(
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
    )


def describe(room: str, name: str, thing: Any) -> Entry:
    """What can be told of one name."""
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return Entry(room, name, "value", "", said_below(room, name), (), ())
    members = tuple(members_of(thing)) if inspect.isclass(thing) else ()
    doc = inspect.getdoc(thing) or ""
    kind = "class" if inspect.isclass(thing) else "function"
    return Entry(room, name, kind, signature_of(thing), doc, errors_of(thing, doc), members)


def said_below(room: str, name: str) -> str:
    """The string below an assignment, which is a value's docstring, wherever it was assigned."""
    module = importlib.import_module(room)
    for line in ast.parse(inspect.getsource(module)).body:
        if isinstance(line, ast.ImportFrom) and name in [alias.name for alias in line.names]:
            return said_below(str(line.module), name)
    body = ast.parse(inspect.getsource(module)).body
    for line, after in itertools.pairwise(body):
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        if name in [getattr(target, "id", None) for target in targets]:
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                return inspect.cleandoc(str(after.value.value))
            return ""
    return ""


def signature_of(thing: Any) -> str:
    """As it is written, a line of its own for each parameter where it is long."""
    try:
        signature = inspect.signature(thing)
    except ValueError:  # an exception has none of its own
        return "(message)"
    text = str(signature)
    for long, short in (
        ("numpy.ndarray[tuple[typing.Any, ...], numpy.dtype[numpy.uint8]]", "Image"),
        ("numpy.ndarray[tuple[typing.Any, ...], numpy.dtype[numpy.bool]]", "Mask"),
        ("numpy.ndarray[tuple[typing.Any, ...], numpy.dtype[numpy.int32]]", "Labels"),
    ):
        text = text.replace(long, short)
    text = re.sub(r"\b(?:segment|typing|collections|pathlib|fractions|numpy)\.(?:\w+\.)*", "", text)
    return re.sub(r"\s*=\s*<factory>", " = ...", text)


def members_of(thing: type) -> Iterator[tuple[str, str]]:
    """Public methods and properties of ours, with what they say."""
    for name, member in inspect.getmembers(thing):
        if name.startswith("_"):
            continue
        function = member.fget if isinstance(member, property) else member
        if not callable(function) or inspect.isclass(function):
            continue
        if str(getattr(function, "__module__", "")).startswith("segment"):
            call = "" if isinstance(member, property) else signature_of(function)
            call = re.sub(r"^\((?:self|cls)(?:, )?", "(", call)
            yield name + call, inspect.getdoc(member) or ""


def errors_of(thing: Any, doc: str) -> tuple[str, ...]:
    """Errors that the docstring names, and those that its own code raises."""
    known = {name for name, error in vars(builtins).items() if is_error(error)} | ours()
    said = [word for word in re.findall(r"\b[A-Z]\w+\b", doc) if word in known]
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError):
        return tuple(dict.fromkeys(said))
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = getattr(node.exc.func, "id", "")
            if name in known and name not in ("AttributeError", "NotImplementedError"):
                said.append(name)
    if inspect.isclass(thing) and is_error(thing):
        return ()
    return tuple(dict.fromkeys(said))


def is_error(thing: Any) -> bool:
    """Whether it is a class of exceptions."""
    return inspect.isclass(thing) and issubclass(thing, Exception)


def ours() -> set[str]:
    """Names of our own errors, as far as they have been imported."""
    from segment import SegmentError

    found, waiting = {"SegmentError"}, [SegmentError]
    while waiting:
        for error in waiting.pop().__subclasses__():
            found.add(error.__name__)
            waiting.append(error)
    return found


def as_markdown(text: str) -> str:
    """A docstring as Markdown: sections in bold, parameters as a list, nothing taken for markup."""
    parts = _SECTION.split(escape(text))
    out = [parts[0].strip()]
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        listed, _, rest = body.strip().partition("\n\n")
        out += [f"**{title}**", as_list(listed), rest.strip()]
    return "\n\n".join(part for part in out if part)


def as_list(text: str) -> str:
    """`name : what` and what is indented below it, as items."""
    items: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and items:
            items[-1] += " " + line.strip()
        elif " : " in line:
            name, _, what = line.partition(" : ")
            items.append(f"- `{name.replace(chr(92), '')}`: {what}")
        else:
            items.append(f"- {line}")
    return "\n".join(items)


def escape(text: str) -> str:
    """Letters that Markdown would take for its own, outside of `code` and indented blocks."""
    lines = []
    for line in text.splitlines():
        if line.startswith("    ") and lines[-1:] != [""]:
            lines.append(escaped(line))
        else:
            lines.append(line if line.startswith("    ") else escaped(line))
    return "\n".join(lines)


def escaped(line: str) -> str:
    """One line of it."""
    pieces = re.split(r"(`+[^`]*`+)", line)
    return "".join(
        piece if piece.startswith("`") else re.sub(r"([_*<\[\]])", r"\\\1", piece)
        for piece in pieces
    )


def table(rows: list[Entry]) -> str:
    """One row a name."""
    head = "| name | what it is | shapes | units and ranges | errors |\n|---|---|---|---|---|\n"
    lines = []
    for row in rows:
        cells = (
            f"[`{row.name}`](#{row.anchor})",
            escaped(row.what).replace("|", "\\|"),
            ", ".join(f"`{shape}`" for shape in row.shapes[:6]),
            ", ".join(row.units),
            ", ".join(f"`{error}`" for error in row.errors),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return head + "\n".join(lines)


def details(row: Entry) -> str:
    """Signature, docstring and members of one name."""
    out = [f"### {row.name} {{ #{row.anchor} }}"]
    if row.signature:
        out.append(f"```python\n{row.room}.{row.name}{row.signature}\n```")
    out.append(as_markdown(row.doc))
    for call, doc in row.members:
        name, bracket, rest = call.partition("(")
        what = as_markdown(doc.split("\n\n", 1)[0]) if doc else ""
        out.append(f"`.{name}{bracket}{rest}`\n" + (f"\n{what}" if what else ""))
    return "\n\n".join(part for part in out if part)


def page() -> str:
    """What docs/reference/api.md shows below its introduction."""
    rows = list(entries())
    out = []
    for room in ROOMS:
        mine = [row for row in rows if row.room == room]
        if mine:
            out.append(f"## {room}\n\n{table(mine)}")
    out.append("## In full")
    out += [details(row) for row in rows]
    return "\n\n".join(out) + "\n"


if __name__ == "__main__":
    print((Path(__file__).parent / "reference" / "api.md").read_text(encoding="utf-8"))
    print(page())
