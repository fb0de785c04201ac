"""What `--only` chooses: objects by id, zones and lines by name, events by kind."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from segment.events import KINDS, Event

__all__ = ["Choice", "Chosen"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is wanted; nothing given is everything.

    Attributes
    ----------
    ids : of objects.
    places : names of zones and lines.
    kinds : of events.
    """

    ids: frozenset[int] = frozenset()
    places: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.ids or self.places or self.kinds)

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read `3` (an object), `cross` (a kind) and `gate` (a place), or `id:3`, `kind:left`,
        `zone:left`, `line:4` where that could be mistaken. Raises ValueError."""
        ids, places, kinds = set(), set(), set()
        for given in words:
            word = given.strip()
            what, colon, rest = word.partition(":")
            what, rest = (what.lower(), rest.strip()) if colon else ("", word)
            if what not in ("", "id", "kind", "zone", "line"):
                what, rest = "", word  # a name with a colon in it
            if not rest:
                raise ValueError(f"{given!r} chooses nothing; wanted an id, a zone, line or kind")
            if what == "id" or (not what and rest.isascii() and rest.isdecimal()):
                if not (rest.isascii() and rest.isdecimal()) or int(rest) < 1:
                    raise ValueError(f"{given!r} is no id of an object; wanted 1 or more")
                ids.add(int(rest))
            elif what == "kind" or (not what and rest in KINDS):
                if rest not in KINDS:
                    raise ValueError(f"{rest!r} is no kind of event; wanted {', '.join(KINDS)}")
                kinds.add(rest)
            else:
                places.add(rest)
        return cls(frozenset(ids), frozenset(places), frozenset(kinds))

    def fits(self, event: Event) -> bool:
        """Whether an event is of a chosen kind, place and object, as far as these were given."""
        return (
            (not self.ids or event.id in self.ids)
            and (not self.places or event.place in self.places)
            and (not self.kinds or event.kind in self.kinds)
        )


class Choice:
    """Follows the events of one sequence and says which objects, and which events, are wanted.

    An object is wanted when one of its events fits; so zones choose those who were in them.
    """

    def __init__(self, chosen: Chosen | None = None) -> None:
        self.chosen = Chosen() if chosen is None else chosen
        self._fitting: set[int] = set()

    def see(self, events: Iterable[Event]) -> None:
        """Take the events of a frame in."""
        if self.chosen.places or self.chosen.kinds:
            self._fitting |= {e.id for e in events if e.id is not None and self.chosen.fits(e)}

    def takes(self, number: int) -> bool:
        """Whether the object is wanted, after what has been seen of it."""
        if self.chosen.places or self.chosen.kinds:
            return number in self._fitting
        return not self.chosen.ids or number in self.chosen.ids

    def shows(self, event: Event, usual: str) -> bool:
        """Whether a clip is to be made of an event; `usual` is the kind where none is given."""
        if self.chosen.kinds:
            return self.chosen.fits(event)
        if self.chosen:
            return event.kind == "object" and event.id is not None and self.takes(event.id)
        return event.kind == usual
