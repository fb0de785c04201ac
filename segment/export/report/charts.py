"""The drawings of a report: SVG of our own, which stands without scripts."""

import math
from collections.abc import Sequence

from segment.events import Event, Line, Zone
from segment.export.overlay import colour_of
from segment.export.report.words import Words, escape, short

# What takes no colour from the page's style sheet gets it here; all else has a class.
_MOST_PATHS = 100
_LETTER, _BETWEEN = 6.2, 14.0  # pixels: a letter of a moment below the strip, and what parts two
_NARROW = (("phone", 320.0), ("tablet", 580.0))  # pixels of the strip, by the classes of page.css
_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)

Scale = tuple[float, float]
"""What a column and a row are multiplied by; two numbers, for pixels need not be square."""


def ink(number: int) -> str:
    """The colour of an object, the same as in the overlay."""
    return "#{:02x}{:02x}{:02x}".format(*colour_of(number))


def strip(most: Sequence[int], width: float, start: float, end: float, words: Words) -> str:
    """The activity over time: how many objects at once, with a scale of moments below."""
    span = max(end - start, 1e-9)
    wide, high = 1000.0, 72.0
    top = max(1, *most) if most else 1
    bars = []
    for n, count in enumerate(most):
        if not count:
            continue
        x = n * width / span * wide
        w = max(0.6, min(width / span * wide, wide - x) - (0.6 if width / span * wide > 3 else 0))
        h = max(3.0, high * count / top)
        bars.append(f"M{x:.1f} {high:.0f}v-{h:.1f}h{w:.1f}v{h:.1f}z")
    ticks = "".join(
        f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{high:.0f}" y2="{high + 5:.0f}"/>'
        for x, _ in _ticks(start, end)
    )
    return (
        f'<svg viewBox="0 0 {wide:.0f} {high + 6:.0f}" preserveAspectRatio="none" '
        f'role="img" aria-label="Objects over time, at most {top} at once">'
        f'<line class="base" x1="0" x2="{wide:.0f}" y1="{high:.0f}" y2="{high:.0f}"/>'
        f'<path class="bars" d="{"".join(bars)}"/>{ticks}</svg>'
        + '<div class="scale" aria-hidden="true">'
        + _labels(start, end, words)
        + "</div>"
    )


def _ticks(start: float, end: float) -> list[tuple[float, float]]:
    """Positions out of 1000 and times of round moments between start and end."""
    span = max(end - start, 1e-9)
    step = next((s for s in _STEPS if span / s <= 7), 86400 * math.ceil(span / 86400 / 7))
    first = math.ceil(start / step - 1e-9)
    found = []
    while first * step <= end + 1e-9:
        found.append(((first * step - start) / span * 1000, first * step))
        first += 1
    return found


def _labels(start: float, end: float, words: Words) -> str:
    """Moments as text in an SVG of its own, which is not stretched with the bars.

    Where they would touch on a tablet or a phone, some have a class that is hidden there.
    """
    parts = []
    told = [(x, escape(words.moment(time).removesuffix(".0"))) for x, time in _ticks(start, end)]
    longest = max((len(text) for _, text in told), default=0) * _LETTER + _BETWEEN
    every = {name: max(1, -(-len(told) // int(width / longest))) for name, width in _NARROW}
    for n, (x, text) in enumerate(told):
        anchor = "start" if x < 30 else "end" if x > 970 else "middle"
        hidden = " ".join(name for name, step in every.items() if n % step)
        kind = f' class="{hidden}"' if hidden else ""
        parts.append(f'<text{kind} x="{x / 10:.2f}%" y="13" text-anchor="{anchor}">{text}</text>')
    return f'<svg class="labels" height="18" width="100%">{"".join(parts)}</svg>'


def places(zones: Sequence[Zone], lines: Sequence[Line], scale: Scale) -> str:
    """Zones and lines with their names, in a picture `scale` times as large as the frames."""
    parts = []
    across, down = scale
    for zone in zones:
        points = " ".join(f"{x * across:.1f},{y * down:.1f}" for x, y in zone.points)
        x, y = zone.centre
        parts.append(
            f'<polygon class="zone" points="{points}"/>'
            f'<text class="name" x="{x * across:.1f}" y="{y * down:.1f}">{escape(zone.name)}</text>'
        )
    for line in lines:
        (x0, y0), (x1, y1) = line.points
        x, y = line.centre
        parts.append(
            f'<line class="line" x1="{x0 * across:.1f}" y1="{y0 * down:.1f}" '
            f'x2="{x1 * across:.1f}" y2="{y1 * down:.1f}"/>'
            f'<text class="name" x="{x * across:.1f}" y="{y * down - 6:.1f}">'
            f"{escape(line.name)}</text>"
        )
    return "".join(parts)


def paths(events: Sequence[Event], scale: Scale) -> str:
    """The ways of objects, a line in the colour of each with a dot where it ends."""
    parts = []
    longest = sorted(events, key=lambda event: -(event.distance or 0))[:_MOST_PATHS]
    for event in longest:
        if len(event.path) < 2 or event.id is None:
            continue
        points = [(x * scale[0], y * scale[1]) for _, x, y in event.path]
        if len(longest) > 50:
            points = points[:: 1 + len(points) // 20] + points[-1:]
        d = "L".join(f"{x:.0f} {y:.0f}" for x, y in points)
        x, y = points[-1]
        parts.append(
            f'<g stroke="{ink(event.id)}" fill="{ink(event.id)}"><title>Object {event.id}</title>'
            f'<path d="M{d}"/><circle cx="{x:.0f}" cy="{y:.0f}" r="3"/></g>'
        )
    return "".join(parts)


def small_path(event: Event, size: tuple[int, int], shown: tuple[int, int]) -> str:
    """The way of one object, as small as a stamp, in a frame shaped as (height, width) `shown`."""
    height, width = size
    wide, high = 64.0, max(18.0, min(64.0, 64.0 * shown[0] / shown[1]))
    d = "L".join(
        f"{min(max(x / width, 0), 1) * wide:.1f} {min(max(y / height, 0), 1) * high:.1f}"
        for _, x, y in event.path[:: 1 + len(event.path) // 24]
    )
    if not d or event.id is None:
        return ""
    _, x, y = event.path[-1]
    return (
        f'<svg class="stamp" viewBox="0 0 {wide:.0f} {high:.0f}" width="64" height="{high:.0f}" '
        f'role="img" aria-label="Where it went"><path d="M{d}" stroke="{ink(event.id)}"/>'
        f'<circle cx="{min(max(x / width, 0), 1) * wide:.1f}" '
        f'cy="{min(max(y / height, 0), 1) * high:.1f}" r="2.4" fill="{ink(event.id)}"/></svg>'
    )


def columns(series: Sequence[tuple[str, Sequence[int]]], labels: Sequence[str], what: str) -> str:
    """Counts over time: a group of columns for each moment, one column for each series."""
    wide, high, left = 640.0, 150.0, 34.0
    most = max((value for _, values in series for value in values), default=0)
    step = _round_step(max(most, 1) / 3)
    top = step * math.ceil(max(most, 1) / step)
    count = max(1, len(labels))
    room = (wide - left) / count
    bar = min(22.0, max(1.2, room * 0.8 / max(1, len(series))))
    parts = []
    for n in range(int(top / step) + 1):
        y = high - high * n * step / top
        parts.append(
            f'<line class="grid" x1="{left:.0f}" x2="{wide:.0f}" y1="{y + 8:.1f}" '
            f'y2="{y + 8:.1f}"/>'
            f'<text x="{left - 6:.0f}" y="{y + 12:.1f}" text-anchor="end">{short(n * step)}</text>'
        )
    for s, (name, values) in enumerate(series):
        for n, value in enumerate(values):
            if value:
                h = high * value / top
                x = left + room * (n + 0.5) + bar * (s - len(series) / 2)
                parts.append(
                    f'<rect class="s{s}" x="{x:.1f}" y="{high - h + 8:.1f}" '
                    f'width="{max(bar - 1, 1):.1f}" height="{h:.1f}" rx="1.5">'
                    f"<title>{escape(labels[n])}: {value} {escape(name)}</title></rect>"
                )
    every = max(1, math.ceil(count / 7))
    parts += [
        f'<text x="{left + room * (n + 0.5):.1f}" y="{high + 25:.0f}" text-anchor="middle">'
        f"{escape(labels[n])}</text>"
        for n in range(0, count, every)
    ]
    key = "".join(
        f'<span class="key k{s}">{escape(name)} <b>{sum(values):,}</b></span>'
        for s, (name, values) in enumerate(series)
    )
    return (
        f'<p class="keys">{key}</p><svg class="chart" viewBox="0 0 {wide:.0f} {high + 32:.0f}" '
        f'role="img" aria-label="{escape(what)}">{"".join(parts)}</svg>'
    )


def histogram(values: Sequence[float], unit: str, what: str) -> str:
    """How often each value came; the last column holds all above."""
    ordered = sorted(values)
    top = ordered[min(len(ordered) - 1, int(len(ordered) * 0.98))] or 1.0
    step = _round_step(top / 12, whole=False)
    count = max(1, min(16, math.ceil(top / step + 1e-9)))
    bins = [0] * count
    for value in values:
        bins[min(count - 1, int(value / step))] += 1
    labels = [short(n * step) for n in range(count)]
    return columns([(unit, bins)], labels, what)


def _round_step(rough: float, *, whole: bool = True) -> float:
    """The next larger of 1, 2, 5, 10, 20 ...; below 1 only where parts make sense."""
    if whole and rough <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(max(rough, 1e-12)))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
