"""Times, numbers and events as people read them."""

from html import escape

from segment.events import Event, Scene

__all__ = ["Words", "escape"]


class Words:
    """Says things in the units and on the clock of one sequence."""

    def __init__(self, scene: Scene, start: float, end: float) -> None:
        self.scene = scene
        self._start, self._end = start, end
        self.unit = scene.ground.unit

    def moment(self, time: float) -> str:
        """A time of day with a clock, else minutes and seconds since the input's beginning."""
        text = self.scene.moment(time)
        if text is not None:
            clock = text[11:19]
            return clock if self._end - self._start > 60 else text[11:21]
        return stretch(time, tenths=self._end - self._start <= 600)

    def day(self) -> str | None:
        """The date, with a clock."""
        text = self.scene.moment(self._start)
        return None if text is None else text[:10]

    def way(self, distance: float | None) -> str | None:
        """A distance with its unit."""
        return None if distance is None else f"{short(distance)} {self.unit}"

    def speed(self, value: float | None) -> str | None:
        """A speed with its unit."""
        return None if value is None else f"{short(value)} {self.unit}/s"

    def event(self, event: Event) -> tuple[str, str]:
        """What happened in a few words, and what else is known of it. Not yet escaped."""
        who = "Something" if event.id is None else f"Object {event.id}"
        lasted = length(event.duration)
        place = event.place or ""
        told = {
            "motion": ("Motion", lasted),
            "object": (who, f"seen for {lasted}"),
            "enter": (f"{who} entered {place}", ""),
            "leave": (f"{who} left {place}", f"after {length(event.dwell or 0)}"),
            "cross": (f"{who} crossed {place}", event.direction or ""),
            "stop": (f"{who} stood still", f"for {lasted}"),
            "left": (f"Left behind: object {event.id}", f"for {lasted}"),
            "taken": (f"Taken away: object {event.id}", f"for {lasted}"),
        }
        title, more = told[event.kind]
        if event.kind == "object" and event.distance is not None:
            more += f", {self.way(event.distance)}"
        return title, more


def stretch(seconds: float, *, tenths: bool = False) -> str:
    """Seconds as 1:02:03, or 2:03.4 with tenths."""
    if tenths:
        whole, tenth = divmod(round(seconds * 10), 10)
    else:
        whole, tenth = round(seconds), 0
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{tenth}" if tenths else text


def length(seconds: float) -> str:
    """A duration: 4.2 s, 3 min 12 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h" + (f" {minutes} min" if minutes else "")


def short(value: float) -> str:
    """Three figures, thousands parted."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def share(part: float) -> str:
    """A share of 1 as per cent; what is not all is never 100 %."""
    per = 100 * part
    if 0 < per < 1 or 99 < per < 100:
        return f"{min(max(per, 0.1), 99.9):.1f} %"
    return f"{per:.0f} %"


def many(count: int, one: str, more: str | None = None) -> str:
    """`1 object`, `12,345 objects`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
