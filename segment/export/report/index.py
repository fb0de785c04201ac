"""The index of several reports: one page that lists what happened in each video."""

import json
import re
from collections.abc import Iterable, Sequence
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from segment.export.policy import allowed
from segment.export.report.words import escape, length, many, share

__all__ = ["MARK", "index_page", "summary_of"]

MARK = '<meta name="generator" content="segment index">'
"""By this an index of ours is told from other people's files."""

_HEAD = 1 << 17  # bytes of a report in which its summary and its still lie
_MOST_STILLS = 300  # of more videos, the others are listed without: the page stays below 2 MB
_SUMMARY = re.compile(r'<meta name="segment-summary" content="([^"]*)">')
_STILL = re.compile(
    r'<meta name="segment-still" content="(data:image/jpeg;base64,[A-Za-z0-9+/=]*)">'
)

_NUMBERS = ("seconds", "objects", "events", "busy", "damaged")

_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#16181d;--soft:#5d6673;--faint:#e3e6eb;
--wash:#eef1f6;--accent:#1f6feb;--bad:#c62f3b}
@media (prefers-color-scheme:dark){:root{--bg:#101216;--card:#181b21;--ink:#eef0f4;--soft:#9aa3b0;
--faint:#2a2f38;--wash:#222731;--accent:#6ea8ff;--bad:#ff7b84}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.page{max-width:1180px;margin:0 auto;padding:34px 28px 56px}
h1{margin:0 0 4px;font-size:34px;line-height:1.2;overflow-wrap:anywhere}
.lead{margin:0 0 22px;font-size:18px;color:var(--soft)}
.lead b{color:var(--ink)}
ul{list-style:none;margin:0;padding:0;display:grid;gap:12px}
a{display:grid;grid-template-columns:150px minmax(0,1fr) 240px;gap:4px 20px;align-items:center;
background:var(--card);border:1px solid var(--faint);border-radius:14px;padding:12px 18px 12px 12px;
color:inherit;text-decoration:none}
a:hover{border-color:var(--accent)}
a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.pic{width:150px;height:96px;border-radius:8px;background:var(--faint);overflow:hidden;
display:grid;place-items:center;color:var(--soft);font-size:13px}
.pic img{width:100%;height:100%;object-fit:cover;display:block}
h2{margin:0;font-size:19px;overflow-wrap:anywhere}
p{margin:0}
.when{color:var(--soft);font-size:14px}
.told{margin-top:4px}
.bad{color:var(--bad)}
svg{display:block;width:100%;height:44px}
svg path{fill:var(--accent)}
svg line{stroke:var(--faint);stroke-width:1;vector-effect:non-scaling-stroke}
footer{color:var(--soft);font-size:13px;margin-top:26px}
@media (max-width:760px){.page{padding:20px 14px 40px}h1{font-size:27px}
a{grid-template-columns:96px minmax(0,1fr);gap:8px 14px;padding:10px}
.pic{width:96px;height:72px}.bars{grid-column:1/-1}}
"""


def summary_of(page: Path) -> dict[str, Any] | None:
    """What a report says of itself, read from its beginning; None when it is none of ours."""
    with page.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8", "replace")
    found = _SUMMARY.search(head)
    if found is None:
        return None
    try:
        summary = json.loads(unescape(found[1]))
    except ValueError:
        return None
    if not isinstance(summary, dict) or not isinstance(summary.get("name"), str):
        return None
    if not all(isinstance(summary.get(key), (int, float)) for key in _NUMBERS):
        return None
    still = _STILL.search(head)
    return {**summary, "still": still and still[1]}


def index_page(title: str, reports: Iterable[tuple[str, dict[str, Any]]]) -> str:
    """The page: (address of a report, relative to it; its summary) for each, in their order."""
    listed = list(reports)
    policy = (
        f"default-src 'none'; img-src data:; style-src '{allowed(_STYLE)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    seconds = sum(float(summary["seconds"]) for _, summary in listed)
    things = sum(int(summary["objects"]) for _, summary in listed)
    damaged = sum(1 for _, summary in listed if summary["damaged"])
    lead = (
        f"<b>{many(len(listed), 'video')}</b>, {length(seconds)} in all, in which "
        f"<b>{many(things, 'object')}</b> came by."
    )
    if damaged:
        lead += f' <span class="bad">{many(damaged, "video")} came damaged.</span>'
    rows = "".join(_row(n, address, summary) for n, (address, summary) in enumerate(listed))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">{MARK}'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}: what happened</title><style>{_STYLE}</style></head>\n"
        f'<body><div class="page"><header><h1>{escape(title)}</h1><p class="lead">{lead}</p>'
        f"</header><main><ul>{rows}</ul></main><footer>Made by segment. This page loads nothing "
        "from anywhere.</footer></div></body></html>\n"
    )


def _row(number: int, address: str, summary: dict[str, Any]) -> str:
    still = summary.get("still")
    picture = "no picture"
    if isinstance(still, str) and number < _MOST_STILLS:
        picture = f'<img src="{still}" alt="The scene of {escape(summary["name"])}">'
    when = str(summary.get("clock") or "")[:19].replace("T", ", ")
    about = " · ".join(filter(None, (when, length(summary["seconds"]))))
    told = f"{many(summary['objects'], 'object')}, {many(summary['events'], 'event')}, "
    told += f"{share(1 - summary['busy'])} of the time quiet"
    if summary["damaged"]:
        told += f', <span class="bad">{many(summary["damaged"], "frame")} damaged</span>'
    return (
        f'<li><a href="{quote(address)}"><span class="pic">{picture}</span><div>'
        f'<h2>{escape(summary["name"])}</h2><p class="when">{escape(about)}</p>'
        f'<p class="told">{told}</p></div><div class="bars">{_bars(summary.get("strip"))}</div>'
        "</a></li>\n"
    )


def _bars(strip: Any) -> str:
    """The activity over time, as small as a stamp."""
    values: Sequence[int] = (
        [v for v in strip if isinstance(v, int) and v >= 0] if isinstance(strip, list) else []
    )
    top, count = max([1, *values]), max(1, len(values))
    d = "".join(
        f"M{100 * n / count:.2f} 40v-{max(2.0, 38 * v / top):.1f}h{90 / count:.2f}V40z"
        for n, v in enumerate(values)
        if v
    )
    return (
        '<svg viewBox="0 0 100 41" preserveAspectRatio="none" role="img" '
        f'aria-label="Objects over time, at most {max([0, *values])} at once">'
        f'<line x1="0" x2="100" y1="40.5" y2="40.5"/><path d="{d}"/></svg>'
    )
