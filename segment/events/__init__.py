"""What happened: zones, lines, units, and the watcher that turns masks and objects into events."""

from segment.events.places import Line, Zone
from segment.events.records import KINDS, Event, Scene
from segment.events.units import Ground
from segment.events.watcher import Watcher
from segment.events.zonesfile import read_zones, write_zones

__all__ = [
    "KINDS",
    "Event",
    "Ground",
    "Line",
    "Scene",
    "Watcher",
    "Zone",
    "read_zones",
    "write_zones",
]
