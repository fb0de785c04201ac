"""zones.json, and what other tools write: GeoJSON polygons in pixels, CVAT's polygons.

The schema of our own, version 1:

    {"version": 1, "size": [640, 360],
     "zones": [{"name": "gate", "points": [[10, 200], [300, 200], [300, 340]]}],
     "lines": [{"name": "road", "points": [[0, 100], [640, 120]]}]}

`size` is the picture that was drawn on, [width, height]; without it points are taken as they
are, with it they follow the frames' size.
"""

import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from segment.errors import UnreadableInput
from segment.events.places import Line, Zone, check_places

Place = TypeVar("Place", Zone, Line)

VERSION = 1
_LARGEST = 20_000_000  # bytes; a thousand zones of a thousand corners


class Zones(NamedTuple):
    """What a file says: zones, lines, and the (height, width) they were drawn at, if it says."""

    zones: tuple[Zone, ...]
    lines: tuple[Line, ...]
    size: tuple[int, int] | None = None

    def fitted(self, size: tuple[int, int]) -> "Zones":
        """The same for frames of `size` (height, width).

        Raises ValueError when the shapes of the two pictures differ by more than a hundredth.
        """
        if self.size is None or self.size == size:
            return self
        across, down = size[1] / self.size[1], size[0] / self.size[0]
        if not math.isclose(across, down, rel_tol=0.01):
            raise ValueError(
                f"the zones were drawn on {self.size[1]}x{self.size[0]}, but the frames are "
                f"{size[1]}x{size[0]}; draw them anew on these"
            )
        return Zones(
            tuple(zone.scaled(across) for zone in self.zones),
            tuple(line.scaled(across) for line in self.lines),
            size,
        )


def read_zones(path: Path) -> Zones:
    """Read zones.json, GeoJSON or CVAT's XML. Raises UnreadableInput."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UnreadableInput(f"the zones {path} are larger than {_LARGEST // 10**6} MB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnreadableInput(f"the zones {path} cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise UnreadableInput(f"the zones {path} are no text; wanted JSON or CVAT's XML") from None
    try:
        found = _from_cvat(text) if text.lstrip().startswith("<") else _from_json(text)
        check_places(found.zones, found.lines)
    except json.JSONDecodeError as error:
        raise UnreadableInput(
            f"the zones {path} are not JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        ) from None
    except ElementTree.ParseError as error:
        raise UnreadableInput(f"the zones {path} are not XML: {error}") from None
    except RecursionError:
        raise UnreadableInput(f"the zones {path} are nested too deep") from None
    except ValueError as error:
        raise UnreadableInput(f"{path}: {error}") from None
    if not found.zones and not found.lines:
        raise UnreadableInput(f"{path} holds no zone and no line")
    return found


def write_zones(
    zones: Sequence[Zone], lines: Sequence[Line], size: tuple[int, int] | None = None
) -> str:
    """The text of a zones.json; `size` is (height, width) of the picture they were drawn on."""
    content: dict[str, Any] = {"version": VERSION}
    if size is not None:
        content["size"] = [size[1], size[0]]
    for key, places in (("zones", zones), ("lines", lines)):
        content[key] = [
            {"name": place.name, "points": [list(point) for point in place.points]}
            for place in places
        ]
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _from_json(text: str) -> Zones:
    content = json.loads(text)
    if isinstance(content, dict) and content.get("type") in _GEOJSON:
        return _from_geojson(content)
    if not isinstance(content, dict) or not {"zones", "lines"} & set(content):
        raise ValueError(
            'it has neither "zones" nor "lines", and is no GeoJSON; wanted {"version": 1, '
            '"zones": [{"name": "gate", "points": [[10, 200], ...]}], "lines": [...]}'
        )
    if content.get("version", VERSION) != VERSION:
        raise ValueError(f"its version is {content['version']!r}, wanted {VERSION}")
    return Zones(
        tuple(_places(content.get("zones", []), "zones", Zone)),
        tuple(_places(content.get("lines", []), "lines", Line)),
        _size(content.get("size")),
    )


def _places(given: Any, what: str, kind: type[Place]) -> Iterator[Place]:
    if not isinstance(given, list):
        raise ValueError(f'its "{what}" is {type(given).__name__}, wanted a list')
    for number, one in enumerate(given, start=1):
        if not isinstance(one, dict) or not isinstance(one.get("points"), list):
            raise ValueError(
                f'number {number} of its "{what}" has no points; wanted '
                '{"name": "gate", "points": [[10, 200], ...]}'
            )
        yield kind(str(one.get("name", "")), tuple(map(_pair, one["points"])))


def _pair(point: Any) -> tuple[Any, Any]:
    if not isinstance(point, (list, tuple)) or len(point) < 2:
        raise ValueError(f"{point!r} is no point; wanted [column, row]")
    if any(isinstance(value, (bool, str)) for value in point[:2]):
        raise ValueError(f"{point!r} is no point; wanted two numbers, column and row")
    return point[0], point[1]


def _size(given: Any) -> tuple[int, int] | None:
    if given is None:
        return None
    if (
        not isinstance(given, list)
        or len(given) != 2
        or not all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in given)
    ):
        raise ValueError(f'its "size" is {given!r}, wanted [width, height] in pixels')
    return given[1], given[0]


_GEOJSON = {"FeatureCollection", "Feature", "Polygon", "LineString", "MultiPolygon"}


def _from_geojson(content: dict[str, Any]) -> Zones:
    zones: list[Zone] = []
    lines: list[Line] = []
    features = content.get("features") if content["type"] == "FeatureCollection" else [content]
    if not isinstance(features, list):
        raise ValueError('its "features" is no list')
    for number, feature in enumerate(features, start=1):
        if not isinstance(feature, dict):
            raise ValueError(f"feature {number} is no object")
        shape = feature.get("geometry") if feature.get("type") == "Feature" else feature
        properties = feature.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        name = str(properties.get("name") or feature.get("id") or f"zone {number}")
        if not isinstance(shape, dict) or not isinstance(shape.get("coordinates"), list):
            raise ValueError(f"feature {number} ({name}) has no coordinates")
        kind, where = shape.get("type"), shape["coordinates"]
        if kind == "LineString":
            lines.append(Line(name, tuple(map(_pair, where))))
        elif kind == "Polygon":
            zones.append(_ring(name, where))
        elif kind == "MultiPolygon":
            several = len(where) > 1
            zones += [
                _ring(f"{name} {part}" if several else name, rings)
                for part, rings in enumerate(where, start=1)
            ]
        else:
            raise ValueError(f"feature {number} ({name}) is a {kind}; wanted Polygon or LineString")
    return Zones(tuple(zones), tuple(lines))


def _ring(name: str, rings: Any) -> Zone:
    if not isinstance(rings, list) or not rings or not isinstance(rings[0], list):
        raise ValueError(f"the polygon {name!r} has no outline")
    if len(rings) > 1:
        raise ValueError(f"the polygon {name!r} has a hole; draw it as two zones without")
    return Zone(name, tuple(map(_pair, rings[0])))


def _from_cvat(text: str) -> Zones:
    if "<!ENTITY" in text:
        raise ValueError("it defines entities, which CVAT never does; wanted CVAT's own export")
    root = ElementTree.fromstring(text)
    if root.tag != "annotations":
        raise ValueError(f"its root is <{root.tag}>, wanted CVAT's <annotations>")
    found: dict[str, Zone | Line] = {}
    size = None
    for parent in root.iter():
        if parent.tag == "image" and size is None:
            size = _whole(parent.get("height")), _whole(parent.get("width"))
        if parent.tag not in ("image", "track"):
            continue
        for shape in parent:
            if shape.tag not in ("polygon", "polyline"):
                continue
            name = shape.get("label") or parent.get("label") or "zone"
            # The same label again is another zone in one picture, and the same one in the next.
            if parent.tag == "track" or name in found:
                name = _numbered(name, found) if parent.tag == "image" else name
            if name in found:
                continue
            points = tuple(
                tuple(float(value) for value in point.split(","))
                for point in (shape.get("points") or "").split(";")
            )
            found[name] = Zone(name, points) if shape.tag == "polygon" else Line(name, points)  # type: ignore[arg-type]
        if parent.tag == "image" and found:
            break  # the zones of one picture
    if size is None and (task := root.find(".//original_size")) is not None:
        size = _whole(task.findtext("height")), _whole(task.findtext("width"))
    places = found.values()
    return Zones(
        tuple(place for place in places if isinstance(place, Zone)),
        tuple(place for place in places if isinstance(place, Line)),
        size if size and all(size) else None,  # type: ignore[arg-type]
    )


def _numbered(name: str, taken: dict[str, Any]) -> str:
    number = 2
    while f"{name} {number}" in taken:
        number += 1
    return f"{name} {number}"


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None
