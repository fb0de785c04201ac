"""Ids put right by hand: what is to be corrected, and what an export has kept to do it with."""

from segment.mending.corrections import Correction, Corrections, Seen
from segment.mending.kept import Kept

__all__ = ["Correction", "Corrections", "Kept", "Seen"]
