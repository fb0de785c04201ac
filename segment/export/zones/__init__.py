"""A page on which zones and lines are clicked: it opens from disk and saves zones.json."""

import base64
import json
from collections.abc import Iterable
from fractions import Fraction
from html import escape
from importlib import resources

import numpy as np

from segment.arrays import Image
from segment.events import Line, Zone, write_zones
from segment.export.policy import allowed
from segment.export.report.gather import as_jpeg

__all__ = ["MARK", "background_of", "zones_page"]

MARK = '<meta name="generator" content="segment zones">'
"""By this a page of ours is told from other people's files."""

_LOOKS = 41  # pictures that the background is the median of


def background_of(images: Iterable[Image]) -> Image:
    """The median of pictures (H, W, C) uint8: what stands in most of them. Not for an empty one."""
    kept = [image for image, _ in zip(images, range(_LOOKS), strict=False)]
    median = np.empty_like(kept[0])
    for row in range(0, len(median), 64):  # a strip at a time: all of 4K would be a gigabyte
        strip = np.stack([image[row : row + 64] for image in kept])
        median[row : row + 64] = np.median(strip, axis=0)
    return median


def zones_page(
    background: Image,
    name: str,
    saved: str = "zones.json",
    zones: Iterable[Zone] = (),
    lines: Iterable[Line] = (),
    aspect: Fraction = Fraction(1),
) -> str:
    """The whole page, self-contained.

    background : (H, W, C) uint8; name : of the sequence; saved : what the file is called that the
    page saves; zones, lines : what is there to begin with, in pixels of the background.
    aspect : width of such a pixel by its height.
    """
    height, width = background.shape[:2]
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{allowed(style)}'; "
        f"script-src '{allowed(script)}'; base-uri 'none'; form-action 'none'"
    )
    given = json.loads(write_zones(list(zones), list(lines), (height, width)))
    data = json.dumps({"saved": saved, **given}).replace("<", "\\u003c")
    picture = base64.b64encode(as_jpeg(background, 85)).decode("ascii")
    body = _part("page.html")
    for key, value in (
        ("NAME", escape(name)),
        ("SAVED", escape(saved)),
        ("WIDTH", str(width)),
        ("HEIGHT", str(height)),
        ("SHOWN", f"{float(width * aspect):g}"),
        ("ASPECT", f"{float(aspect):g}"),
        ("PICTURE", f"data:image/jpeg;base64,{picture}"),
    ):
        body = body.replace(f"[[{key}]]", value)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">{MARK}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Zones of {escape(name)}</title><style>{style}</style></head>\n<body>{body}"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>{script}</script></body></html>\n"
    )


def _part(name: str) -> str:
    return resources.files("segment.export.zones").joinpath(name).read_text(encoding="utf-8")
