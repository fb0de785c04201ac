"""The page itself: what was gathered becomes HTML that stands alone, also without its script."""

import base64
import json
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

from segment.events import Event, Line, Scene
from segment.export.policy import allowed
from segment.export.report import charts
from segment.export.report.findings import MOST_THINGS, Digest, Findings, foremost
from segment.export.report.words import Words, escape, length, many, share, stretch

_MOST_TIMES = 48  # columns of a chart over time
_MOST_BINS = 60  # of the activity in the page's summary


def render(found: Findings, digest: Digest) -> str:
    """The whole page."""
    words = Words(found.scene, found.start, found.end)
    style, script = _part("page.css"), _part("page.js")
    policy = (
        "default-src 'none'; img-src data:; media-src blob: data: 'self' file:; "
        f"style-src '{allowed(style)}'; script-src '{allowed(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    data = {
        "start": round(found.start, 3),
        "span": round(max(found.end - found.start, 0.001), 3),
        "clock": _seconds_of_day(found.scene),
        "step": round(found.step, 6),
        "tracks": found.tracks,
    }
    body = "".join(
        (
            *_head(found, digest, words),
            "<main>",
            *_watch(found, digest, words),
            *_gallery(found, digest, words),
            *_ground(found, digest),
            *_numbers(found, digest, words),
            *_made(found),
            "</main>",
        )
    )
    film = ""
    if found.film is not None:
        film = f'<script type="text/plain" id="film">{_base64(found.film)}</script>'
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="segment-summary" content="{escape(json.dumps(_summary(found, digest)))}">'
        f"{_still(found)}"
        f"<title>{escape(found.name)}: what happened</title><style>{style}</style></head>\n"
        f'<body><div class="page">{body}<footer>Made by segment. This page loads nothing from '
        "anywhere.</footer></div>\n"
        f'<script type="application/json" id="data">{_json(data)}</script>\n{film}\n'
        f"<script>{script}</script></body></html>\n"
    )


def _part(name: str) -> str:
    return resources.files("segment.export.report").joinpath(name).read_text(encoding="utf-8")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _json(data: object) -> str:
    """JSON that no script tag can end: `<` never stands in it."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _picture(content: bytes, kind: str = "jpeg") -> str:
    return f"data:image/{kind};base64,{_base64(content)}"


def _seconds_of_day(scene: Scene) -> float | None:
    clock = scene.clock
    if clock is None:
        return None
    return clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6


def _summary(found: Findings, digest: Digest) -> dict[str, Any]:
    damage = found.origin.damage
    return {
        "name": found.name,
        "clock": found.scene.moment(found.start),
        "seconds": round(found.end - found.start, 3),
        "objects": digest.kinds["object"],
        "events": sum(digest.kinds.values()),
        "busy": round(found.busy, 4),
        "damaged": damage.lost + damage.flagged,
        "strip": _coarse(found.strip),
    }


def _coarse(strip: Sequence[int]) -> list[int]:
    """The activity in few bins, for the index of several videos."""
    step = max(1, -(-len(strip) // _MOST_BINS))
    return [max(strip[n : n + step]) for n in range(0, len(strip), step)]


def _still(found: Findings) -> str:
    """A small picture of the scene, for the same."""
    if found.still is None:
        return ""
    return f'<meta name="segment-still" content="{_picture(found.still)}">'


# --- the parts --------------------------------------------------------------------------


def _head(found: Findings, digest: Digest, words: Words) -> Iterator[str]:
    lasted = found.end - found.start
    day = words.day()
    when = f"{day}, {words.moment(found.start)} to {words.moment(found.end)}" if day else ""
    size = f"{found.size[1]} × {found.size[0]} pixels"
    yield (
        f'<header><p class="eyebrow">{escape(" · ".join(filter(None, (when, size))))}</p>'
        f"<h1>{escape(found.name)}</h1>"
    )
    things = digest.kinds["object"]
    if things:
        lead = f"In {length(lasted)}, <b>{many(things, 'object')}</b> came by."
    elif digest.kinds["motion"]:
        lead = (
            f"In {length(lasted)}, something moved <b>{many(digest.kinds['motion'], 'time')}</b>."
        )
    else:
        lead = f"In {length(lasted)}, <b>nothing happened</b>."
    most = max(found.strip, default=0)
    if things and most:
        place = list(found.strip).index(most) * found.strip_width + found.start
        lead += f" At most <b>{most} at once</b>, at {escape(words.moment(place))}."
    yield f'<p class="lead">{lead}</p>'
    damage = found.origin.damage
    facts = [
        ("Length", length(lasted), ""),
        ("Objects", f"{things:,}", ""),
        ("Events", f"{sum(digest.kinds.values()):,}", ""),
        ("Quiet time", share(1 - found.busy), ""),
        ("Frames", f"{found.frames:,}", ""),
    ]
    if damage:
        text = many(damage.lost + damage.flagged, "frame")
        facts.append(("Damaged", text, ' class="bad"'))
    else:
        facts.append(("Damage", "none", ""))
    yield '<dl class="facts">'
    for name, value, extra in facts:
        yield f"<div{extra}><dt>{name}</dt><dd>{escape(value)}</dd></div>"
    yield "</dl></header>"


def _watch(found: Findings, digest: Digest, words: Words) -> Iterator[str]:
    height, width = found.shown
    places = charts.places(found.scene.zones, found.scene.lines, found.scale)
    poster = f' poster="{_picture(found.backdrop)}"' if found.backdrop else ""
    source = f' src="{escape(_address(found.film_name))}"' if found.film_name else ""
    yield (
        '<section class="card watch" aria-label="Video and events"><div>'
        '<div class="stage" id="stage">'
        f'<video id="video" width="{width}" height="{height}" controls muted playsinline '
        f'preload="auto"{poster}{source}></video>'
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">{places}<g id="boxes"></g></svg>'
        "</div>"
    )
    if found.film is not None:
        yield '<noscript><p class="note">The video plays where scripts are allowed.</p></noscript>'
    yield (
        '<div class="controls" data-needs-script hidden>'
        '<button type="button" class="pill play" id="play">Play</button>'
        '<button type="button" class="pill" id="show" aria-pressed="true">Boxes</button>'
        '<span class="now" id="now"></span></div>'
    )
    span = max(found.end - found.start, 0.001)
    drawing = charts.strip(found.strip, found.strip_width, found.start, found.end, words)
    yield (
        '<div class="strip" id="strip" role="slider" tabindex="0" aria-label="Moment of the video" '
        f'aria-valuemin="0" aria-valuemax="{span:.1f}" aria-valuenow="0">{drawing}'
        '<div class="hand" id="hand"></div></div></div>'
    )
    yield '<div class="side"><h2>Events</h2>'
    if len(digest.kinds) > 1:
        yield '<div class="kinds" data-needs-script hidden>'
        for kind, count in digest.kinds.most_common():
            yield (
                f'<button type="button" class="pill" aria-pressed="false" data-kind-of="{kind}">'
                f"{kind} {count:,}</button>"
            )
        yield "</div>"
    if not digest.rows:
        yield '<p class="none">Nothing happened.</p>'
    yield '<ol class="rows">'
    for number, event in digest.rows:
        yield _row(found, number, event, words)
    yield "</ol>"
    total = sum(digest.kinds.values())
    if total > len(digest.rows):
        yield (
            f'<p class="note">{len(digest.rows):,} of {total:,} events; all of them are in '
            '<a href="events.csv">events.csv</a>.</p>'
        )
    yield "</div></section>"


def _row(found: Findings, number: int, event: Event, words: Words) -> str:
    title, more = words.event(event)
    still = found.motion_stills.get(number)
    if event.id is not None:
        still = found.stills.get(event.id)
    picture = ""
    if still is not None:
        who = "the scene" if event.id is None else f"object {event.id}"
        picture = f'<img src="{_picture(still)}" alt="Still of {who}" loading="lazy">'
    begin = event.start - found.start
    return (
        f'<li><button type="button" class="row" data-kind="{event.kind}" '
        f'data-seek="{max(0.0, begin):.2f}" data-from="{begin:.2f}" '
        f'data-to="{event.end - found.start:.2f}"><span class="pic">{picture}</span>'
        f"<span><b>{escape(title)}</b><small>{escape(more)}</small></span>"
        f"<time>{escape(words.moment(event.start))}</time></button></li>"
    )


def _gallery(found: Findings, digest: Digest, words: Words) -> Iterator[str]:
    if not digest.things:
        return
    shown = [event for event in foremost(digest.things, MOST_THINGS) if event.id in found.stills]
    shown.sort(key=lambda event: event.start)
    total = digest.kinds["object"]
    yield '<section class="card"><h2>Objects</h2><ul class="gallery">'
    for event in shown:
        assert event.id is not None
        way = " · ".join(filter(None, (words.way(event.distance), words.speed(event.mean_speed))))
        yield (
            f'<li><button type="button" class="thing" data-seek="{event.start - found.start:.2f}">'
            f'<span class="pic"><img src="{_picture(found.stills[event.id])}" '
            f'alt="Best still of object {event.id}" loading="lazy"></span>'
            '<span class="about"><b><svg class="dot" width="9" height="9" aria-hidden="true">'
            f'<circle cx="4.5" cy="4.5" r="4.5" fill="{charts.ink(event.id)}"/></svg>'
            f"{event.id}</b>"
            f"{charts.small_path(event, found.size, found.shown)}"
            f"<small>{escape(words.moment(event.start))} to {escape(words.moment(event.end))}"
            f"</small><small>{escape(way)}</small></span></button></li>"
        )
    yield "</ul>"
    if total > len(shown):
        yield (
            f'<p class="note">The {len(shown):,} that were seen longest and largest, '
            f"of {total:,}.</p>"
        )
    yield "</section>"


def _ground(found: Findings, digest: Digest) -> Iterator[str]:
    if found.backdrop is None:
        return
    height, width = found.shown
    picture = _picture(found.backdrop)
    image = f'<image href="{picture}" width="{width}" height="{height}" class="dim"/>'
    places = charts.places(found.scene.zones, found.scene.lines, found.scale)
    ways = charts.paths(digest.things, found.scale)
    figures = []
    if ways:
        figures.append(
            f'<figure><svg class="scene" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="Paths of the objects on the background">{image}'
            f'<g class="ways">{ways}</g>{places}</svg>'
            "<figcaption>Paths of the feet; a dot is where each was seen last.</figcaption>"
            "</figure>"
        )
    if found.heat is not None:
        heat = f'<image href="{_picture(found.heat, "png")}" width="{width}" height="{height}" '
        figures.append(
            f'<figure><svg class="scene" viewBox="0 0 {width} {height}" role="img" '
            f'aria-label="Where objects stood, brighter is longer">{image}'
            f'{heat}preserveAspectRatio="none"/></svg>'
            "<figcaption>Where feet stood; brighter is longer.</figcaption></figure>"
        )
    if figures:
        yield '<section class="card"><h2>Where they went</h2><div class="pair">'
        yield from figures
        yield "</div></section>"


def _numbers(found: Findings, digest: Digest, words: Words) -> Iterator[str]:
    """Crossings of each line, stays in each zone, and how fast objects were."""
    scene = found.scene
    charted = [
        f"<div><h3>Crossings of {escape(line.name)}</h3>"
        f"{_crossings(found, digest, line, words)}</div>"
        for line in scene.lines
    ]
    if len(digest.speeds) > 1:
        unit = f"{words.unit}/s"
        drawing = charts.histogram(
            digest.speeds, f"objects by mean speed, {unit}", "How fast objects were"
        )
        charted.append(f"<div><h3>Speeds</h3>{drawing}</div>")
    if charted:
        yield f'<section class="card"><h2>Counts</h2><div class="pair">{"".join(charted)}</div>'
    elif scene.zones:
        yield '<section class="card"><h2>Counts</h2>'
    else:
        return
    if scene.zones:
        yield (
            '<div class="wide"><table><thead><tr><th>Zone</th><th class="n">Visits</th>'
            '<th class="n">Mean stay</th><th class="n">Median</th><th class="n">Longest</th></tr>'
            "</thead><tbody>"
        )
        for zone in scene.zones:
            stays = sorted(digest.visits[zone.name])
            cells = ["–"] * 3
            if stays:
                cells = [
                    length(value)
                    for value in (sum(stays) / len(stays), stays[len(stays) // 2], stays[-1])
                ]
            row = "".join(f'<td class="n">{cell}</td>' for cell in cells)
            yield f'<tr><td>{escape(zone.name)}</td><td class="n">{len(stays):,}</td>{row}</tr>'
        yield "</tbody></table></div>"
    if scene.zones or scene.lines:
        link = '<a href="counts.csv">counts.csv</a>'
        yield f'<p class="note">A row for each minute is in {link}.</p>'
    yield "</section>"


def _crossings(found: Findings, digest: Digest, line: Line, words: Words) -> str:
    step, times = _times(found.start, found.end)
    series = []
    for way in line.directions:
        values = [0] * len(times)
        for time in digest.crossings[line.name, way]:
            values[min(len(times) - 1, int((time - times[0]) / step))] += 1
        series.append((way, values))
    labels = [words.moment(time).removesuffix(".0") for time in times]
    return charts.columns(series, labels, f"Crossings of {line.name}, {stretch(step)} a column")


def _times(start: float, end: float) -> tuple[float, list[float]]:
    """Columns of a round length between start and end."""
    span = max(end - start, 1e-9)
    steps = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 86400.0)
    step = next((s for s in steps if span / s <= _MOST_TIMES / (2 if s < 60 else 1)), None)
    if step is None:
        step = 86400.0 * (1 + int(span / 86400 / _MOST_TIMES))
    first = start // step * step
    return step, [first + n * step for n in range(int((end - first) / step) + 1)]


def _made(found: Findings) -> Iterator[str]:
    yield '<section class="card"><h2>How this was made</h2>'
    if found.origin.chain:
        chain = "\n        ".join(escape(stage) for stage in found.origin.chain)
        yield f"<pre>segment {chain}</pre>"
    damage = found.origin.damage
    if damage:
        yield (
            f'<p class="note">Of the input, {many(damage.lost, "frame")} did not decode and '
            f"{many(damage.flagged, 'frame')} came damaged.</p>"
        )
        for reason in damage.reasons[:5]:
            yield f'<p class="note">{escape(reason)}</p>'
    names = ["events.csv", "events.json", "counts.csv"]
    if found.grouped:
        names.append("tracks.csv")
    links = "".join(f'<li><a href="{name}">{name}</a></li>' for name in names)
    yield f'<ul class="files">{links}</ul></section>'


def _address(name: str) -> str:
    from urllib.parse import quote

    return quote(name)
