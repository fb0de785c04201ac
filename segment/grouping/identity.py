"""Labels of one frame after the other into ids that last over the sequence."""

import itertools
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from segment.arrays import Image, Labels, check_image, check_labels, like_before
from segment.grouping.assignment import assign
from segment.grouping.regions import Floats, Integers, Regions, describe

# A cost of 0 is the same place, size and colour. What cannot be better than this stays unmatched.
_UNMATCHED = 2.0
_COLOUR_SCALE = 50.0  # grey levels that count as another colour altogether
_YOUNG = 5  # frames before an object counts as more than a speck or a fragment
_NEAREST = 4  # regions near the expected place that are looked at


@dataclass(slots=True, eq=False)
class Track:
    """An object that is being followed.

    Attributes
    ----------
    id : its label, from 1.
    centre : (2,) row and column where it is, or is expected while it is not seen, pixels.
    velocity : (2,) pixels a frame.
    extent : (2,) height and width of its box, pixels.
    area : pixels, smoothed.
    colour : (C,) mean of the image over it, smoothed, grey levels.
    pixels : (P, 2) rows and columns when last seen alone, around `anchor`, a sample if many.
    weight : pixels of the object that each of `pixels` stands for.
    age : frames in which it was seen alone.
    lost : frames since it was last seen, alone or inside another.
    host : the object inside whose region it is hidden, None when it is not.
    hidden : frames since it went into hiding.
    since : frames since it was measured.
    leaving : whether it was moving out over the border when last seen alone.
    guests : the objects hidden inside its region.
    crowd : (P, 2) pixels of the region that it shares with them, as last seen, or None.
    """

    id: int
    centre: Floats
    velocity: Floats
    extent: Floats
    area: float
    colour: Floats
    pixels: Integers
    anchor: Floats
    weight: float
    age: int = 1
    lost: int = 0
    host: "Track | None" = None
    hidden: int = 0
    since: int = 0
    leaving: bool = False
    guests: "list[Track]" = field(default_factory=list)
    crowd: Integers | None = None

    @property
    def young(self) -> bool:
        return self.age < _YOUNG

    @property
    def crowded(self) -> bool:
        """Whether its region holds others as well, so that it cannot be measured."""
        return any(not guest.young for guest in self.guests)


@dataclass(slots=True)
class _Pairs:
    """Which track may be which region: P pairs, sorted by track, then region."""

    track: Integers
    region: Integers
    overlap: Floats  # pixels of the track's last shape, moved on, that lie on the region
    cost: Floats


class IdentityTracker:
    """Gives the regions of each frame ids that last over the sequence.

    The same label in the next frame is the same object as far as can be told from where its
    shape should be by now (the last one, moved on at constant velocity), from its size and from
    its mean colour. Tracks and regions are matched one to one, such that all costs together are
    least. Nothing of what an object is, is learned: two of the same colour that meet and turn
    back while they are one region come out exchanged.

    - A region that fits no track is born with a new id; ids begin at 1, follow reading order
      within a frame, and are never given again.
    - A track that is not seen moves on at its velocity, and keeps its id for `patience` frames.
      One that was leaving the picture keeps it for a fifth of these, and none once it must be
      outside.
    - When two objects become one region, it keeps the id of the one that covers more of it, or
      of the only one older than 5 frames. The other is remembered with the region, for ten times
      `patience` at most; when the region falls apart, each part gets its id back, by expected
      place, size and colour.
    - A fragment that comes off an object gets an id of its own, and the greater part keeps the
      object's. When they are one again, the older id stays.

    Within a frame, different regions have different ids. One object serves one sequence, and
    frames are taken to be evenly spaced. What it remembers is bounded by what was seen within
    the last ten times `patience` frames. The same input always gives the same ids.

    Parameters
    ----------
    patience : frames for which an object that is not seen is remembered; 25 is a second of most
        videos.

    Source: the gains of position and velocity are those of a least-squares line through what was
    seen so far (Benedict and Bordner, IRE Transactions on Automatic Control 7(4), 1962), until
    they reach a constant; the assignment is Jonker and Volgenant's.
    """

    def __init__(self, patience: int = 25) -> None:
        try:
            self.patience = operator.index(patience)
        except TypeError:
            raise TypeError(f"patience is {patience!r}, wanted a whole number of frames") from None
        if self.patience < 0:
            raise ValueError(f"patience is {patience} frames, wanted 0 or more")
        self.tracks: list[Track] = []
        self._ids = itertools.count(1)
        self._shape: tuple[int, ...] | None = None

    def update(self, labels: Labels, image: Image) -> Labels:
        """Return `labels` (H, W) int32 of the next frame with ids that last.

        `image` is (H, W, C) uint8. A region is all pixels of one label, connected or not.
        Raises ValueError when the sizes differ, from each other or from the frames before.
        """
        check_image(image)
        check_labels(labels, image.shape[:2])
        self._shape = like_before("image", image.shape, self._shape)
        if labels.size and labels.min() < 0:
            raise ValueError(f"labels go down to {labels.min()}, wanted 0 (background) or more")
        regions = describe(labels, image)
        for track in self.tracks:
            track.centre = track.centre + track.velocity
            track.since += 1
        pairs = self._pair(regions)
        owners = self._match(regions, pairs)
        self._learn(regions, owners)
        self._bury((image.shape[0], image.shape[1]))
        ids = np.zeros(len(regions) + 1, np.int32)  # the last entry is the background
        ids[: len(regions)] = [track.id for track in owners]
        return ids[regions.index]

    # --- which track may be which region ----------------------------------------------------

    def _pair(self, regions: Regions) -> _Pairs:
        tracks, count = self.tracks, len(regions)
        if not tracks or not count:
            none = np.empty(0, np.intp)
            return _Pairs(none, none, none.astype(np.float64), none.astype(np.float64))
        centre = np.array([track.centre for track in tracks])
        area = np.array([track.area for track in tracks])
        colour = np.array([track.colour for track in tracks])
        lost = np.array([track.lost for track in tracks])
        young = np.array([track.young for track in tracks])
        member = np.array([track.host is not None or track.crowded for track in tracks])

        overlap = self._overlaps(regions)
        near = self._near(regions, centre)
        inside = self._inside(regions)
        # One entry a pair, wherever it was found, with its overlap.
        codes = np.concatenate([overlap[0], near, inside])
        amount = np.concatenate([overlap[1], np.zeros(len(near) + len(inside))])
        codes, back = np.unique(codes, return_inverse=True)
        amount = np.bincount(back.reshape(-1), amount, len(codes)).astype(np.float64, copy=False)
        t, r = np.divmod(codes, count)

        # The share of a region that the shape of one track, seen in the last frame, covers.
        cover = np.where(lost[t] == 0, amount, 0.0) / regions.area[r]
        shape = np.array([len(track.pixels) * track.weight for track in tracks])
        fit = np.minimum(1.0, amount / np.maximum(1.0, np.minimum(shape[t], regions.area[r])))
        size = 2.0 * np.sqrt(area[t] / np.pi)
        # A velocity that is not known yet, or was long ago, makes the place uncertain.
        reach = 2.0 + size * (0.75 + 0.75 * young[t] + 0.05 * np.minimum(lost[t], 25))
        distance = np.sqrt(((centre[t] - regions.centre[r]) ** 2).sum(axis=1)) / reach
        ratio = np.abs(np.log(regions.area[r] / area[t]))
        difference = np.sqrt(((colour[t] - regions.colour[r]) ** 2).mean(axis=1)) / _COLOUR_SCALE
        difference = np.minimum(difference, 1.0)
        cost = (1.0 - fit) + 0.5 * np.minimum(distance, 1.0) + 0.3 * np.minimum(ratio, 2.0)
        # Where several have been one, colour tells most, and all the parts may be any of them.
        cost = np.where(member[t], 0.7 * cost + 1.2 * difference, cost + 0.5 * difference)
        cost += 0.2 * (lost[t] > 0)

        covered = np.zeros(count)
        np.maximum.at(covered, r, cover)
        found_inside = np.isin(codes, inside, assume_unique=True)
        # Without overlap, a region must be within reach, of about that size, and not on a place
        # where another object belongs: that would be a fragment of it.
        by_place = (distance <= 1.0) & (ratio < 1.1) & (covered[r] < 0.5)
        # A small part that comes off a region is nobody who hid in it.
        large_enough = regions.area[r] > 0.25 * area[t]
        possible = np.where(member[t], large_enough, True) & (
            (amount > 0) | by_place | found_inside
        )
        # Rounded, so that the last bits of a sum decide nothing.
        cost = np.where(possible, np.round(cost, 6), np.inf)
        return _Pairs(t, r, amount, cost)

    def _overlaps(self, regions: Regions) -> tuple[Integers, Floats]:
        """Codes (track * regions + region) and pixels that every track's shape has in common."""
        shifts = np.array([track.centre - track.anchor for track in self.tracks])
        # Rounded twice, so that a place in the picture does not decide by its last bits.
        shifts = np.floor(np.round(shifts, 4) + 0.5).astype(np.intp)
        shapes = [track.pixels for track in self.tracks]
        codes, number = self._on_regions(regions, shapes, shifts)
        weight = np.array([track.weight for track in self.tracks])
        return codes, number * weight[codes // len(regions)]

    def _inside(self, regions: Regions) -> Integers:
        """Codes of the regions on which each region of several objects lay, for all of them."""
        hosts = [(i, track) for i, track in enumerate(self.tracks) if track.crowd is not None]
        if not hosts:
            return np.empty(0, np.intp)
        shapes = [track.crowd for _, track in hosts if track.crowd is not None]
        codes, _ = self._on_regions(regions, shapes, np.zeros((len(hosts), 2), np.intp))
        count = len(regions)
        which, region = np.divmod(codes, count)
        position = {id(track): i for i, track in enumerate(self.tracks)}
        found = []
        for k, r in zip(which.tolist(), region.tolist(), strict=True):
            i, host = hosts[k]
            found.append(i * count + r)
            found += [position[id(guest)] * count + r for guest in host.guests]
        return np.unique(np.array(found, np.intp))

    def _on_regions(
        self, regions: Regions, shapes: list[Integers], shifts: Integers
    ) -> tuple[Integers, Integers]:
        """Codes (shape * regions + region) of what lies on what, and on how many pixels."""
        height, width = regions.index.shape
        lengths = np.array([len(shape) for shape in shapes])
        owner = np.repeat(np.arange(len(shapes)), lengths)
        places = np.concatenate(shapes) + shifts[owner]
        rows, columns = places[:, 0], places[:, 1]
        on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        owner = owner[on]
        region = regions.index[rows[on], columns[on]]
        hit = region >= 0
        owner = owner[hit]
        codes, number = np.unique(owner * len(regions) + region[hit], return_counts=True)
        return codes, number

    def _near(self, regions: Regions, centre: Floats) -> Integers:
        from scipy.spatial import cKDTree

        count = len(regions)
        nearest = min(_NEAREST, count)
        _, found = cKDTree(regions.centre).query(centre, k=nearest)
        found = np.asarray(found, np.intp).reshape(len(centre), nearest)
        return (np.arange(len(centre))[:, None] * count + found).reshape(-1)

    # --- which track is which region --------------------------------------------------------

    def _match(self, regions: Regions, pairs: _Pairs) -> list[Track]:
        """Return the track of every region, born where there was none; settle who hides where."""
        tracks, count = self.tracks, len(regions)
        chosen = assign(pairs.track, pairs.region, pairs.cost, (len(tracks), count), _UNMATCHED)
        owner: list[Track | None] = [None] * count
        for track, region in zip(tracks, chosen.tolist(), strict=True):
            if region >= 0:
                owner[region] = track
        overlaps: dict[Track, list[tuple[float, int]]] = {}
        for i, region, overlap in zip(
            pairs.track.tolist(), pairs.region.tolist(), pairs.overlap.tolist(), strict=True
        ):
            if overlap > 0:
                overlaps.setdefault(tracks[i], []).append((overlap, -region))
        # Who found no region of its own may be inside one, together with its owner.
        hiding: dict[int, list[Track]] = {}
        for track, region in zip(tracks, chosen.tolist(), strict=True):
            if region < 0:
                inside = _hideout(track, overlaps.get(track, []), owner, regions)
                if inside is not None:
                    hiding.setdefault(inside, []).append(track)
        seen = {track for track in owner if track is not None}
        for track in tracks:
            track.guests = [g for g in track.guests if g not in seen]
        before = {track: track.host for track in tracks}
        guests: dict[int, list[Track]] = {}
        for region, claimants in sorted(hiding.items()):
            first = owner[region]
            assert first is not None
            claimants = [first, *claimants]
            keeper = max(claimants, key=lambda c: _claim(c, region, overlaps.get(c, [])))
            owner[region] = keeper
            guests[region] = [track for track in claimants if track is not keeper]
        # Those who neither came out nor were found elsewhere stay with their host, even when
        # it goes into hiding itself.
        placed = {track for group in guests.values() for track in group}
        for region, host in enumerate(owner):
            if host is not None:
                for member in (host, *guests.get(region, [])):
                    stay = [guest for guest in member.guests if guest not in placed]
                    guests.setdefault(region, []).extend(stay)
                    placed.update(stay)
        owners = set(filter(None, owner))
        for track in tracks:
            track.guests = []
            if track in placed:
                track.hidden = track.hidden + 1 if before[track] is not None else 1
                track.lost = 0
            else:
                track.host, track.hidden = None, 0
                track.lost = 0 if track in owners else track.lost + 1
        for region in range(count):
            host = owner[region]
            if host is None:
                owner[region] = self._bear(regions, region)
                continue
            for guest in guests.get(region, []):
                guest.host = host
                host.guests.append(guest)
            host.guests.sort(key=lambda guest: guest.id)
        return [track for track in owner if track is not None]

    def _bear(self, regions: Regions, region: int) -> Track:
        box = regions.box[region].astype(np.float64)
        track = Track(
            id=next(self._ids),
            centre=regions.centre[region].copy(),
            velocity=np.zeros(2),
            extent=box[2:] - box[:2],
            area=float(regions.area[region]),
            colour=regions.colour[region].copy(),
            pixels=np.empty((0, 2), np.intp),
            anchor=regions.centre[region].copy(),
            weight=1.0,
            age=0,
        )
        self.tracks.append(track)
        return track

    # --- what is learned of it --------------------------------------------------------------

    def _learn(self, regions: Regions, owners: list[Track]) -> None:
        height, width = regions.index.shape
        for region, track in enumerate(owners):
            box = regions.box[region].astype(np.float64)
            shape = regions.pixels[regions.begin[region] : regions.begin[region + 1]]
            if track.crowded:
                if track.crowd is None:
                    track.pixels = track.pixels.copy()  # see _bury
                track.crowd = shape
                for member in (track, *track.guests):
                    _coast(member, box)
                continue
            track.crowd = shape if track.guests else None
            for guest in track.guests:
                _coast(guest, box)
            _measure(track, regions, region)
            track.pixels = shape
            track.anchor = regions.centre[region].copy()
            track.weight = float(regions.weight[region])
            outward = (
                (box[0] <= 0 and track.velocity[0] < -0.1)
                or (box[1] <= 0 and track.velocity[1] < -0.1)
                or (box[2] >= height and track.velocity[0] > 0.1)
                or (box[3] >= width and track.velocity[1] > 0.1)
            )
            track.leaving = bool(outward)

    def _bury(self, size: tuple[int, int]) -> None:
        alive = []
        for track in self.tracks:
            patience = self.patience // 5 if track.leaving else self.patience
            top, left = track.centre - track.extent / 2
            bottom, right = track.centre + track.extent / 2
            outside = top >= size[0] or left >= size[1] or bottom <= 0 or right <= 0
            longest = patience if track.young else 10 * self.patience
            if track.lost > patience or track.hidden > longest or (track.lost and outside):
                continue
            alive.append(track)
            if track.lost == 1 or track.hidden == 1:
                # Its pixels are a view into those of a whole frame, which may go now.
                track.pixels = track.pixels.copy()
                track.crowd = None
        kept = set(alive)
        for track in alive:
            track.guests = [guest for guest in track.guests if guest in kept]
            if track.host is not None and track.host not in kept:
                track.host = None
        self.tracks = alive


def _claim(track: Track, region: int, overlaps: Iterable[tuple[float, int]]) -> tuple[float, ...]:
    """Return how good a track's claim is to lend its id to a region that several share."""
    overlap = sum(amount for amount, other in overlaps if other == -region)
    # Who lent it before goes on, then the grown before the young, the larger, the older.
    return (track.host is None and track.lost == 0, not track.young, overlap, -track.id)


def _hideout(
    track: Track,
    overlaps: list[tuple[float, int]],
    owner: list[Track | None],
    regions: Regions,
) -> int | None:
    """Return the region, owned by another, inside which an unmatched track must be."""
    if track.lost or not overlaps:
        return None
    amount, region = max(overlaps)
    region = -region
    other = owner[region]
    if other is None or amount < 0.4 * len(track.pixels) * track.weight:
        return None
    if track.host is None and not track.guests and not track.young:
        # Two that become one region make it grow. Else the one has just vanished near the other.
        alone = max(track.area, other.area)
        both = min(track.area, other.area)
        if regions.area[region] < alone + 0.3 * both and other.host is None:
            return None
    return region


def _measure(track: Track, regions: Regions, region: int) -> None:
    """Let a track follow the region that it is, seen alone."""
    track.age += 1
    area = float(regions.area[region])
    # A part of an object, or an object with something attached, does not show where it goes.
    trust = min(area / track.area, track.area / area) ** 2
    n = track.age
    gain = max(0.15, 6.0 / (n * (n + 1)) if n > 1 else 0.0) * trust
    if n > 1:
        missed = regions.centre[region] - track.centre
        track.velocity = track.velocity + min(1.0, gain) * missed / track.since
    track.centre = regions.centre[region].copy()
    track.since = 0
    share = max(0.1, 1.0 / n)
    box = regions.box[region].astype(np.float64)
    track.area += share * (area - track.area)
    track.extent = track.extent + share * (box[2:] - box[:2] - track.extent)
    track.colour = track.colour + share * (regions.colour[region] - track.colour)


def _coast(track: Track, box: Floats) -> None:
    """Let a track move on inside the box (4,) of a region that it shares with others."""
    half = np.minimum(track.extent, box[2:] - box[:2]) / 2
    inside = np.clip(track.centre, box[:2] + half, box[2:] - half)
    track.velocity = track.velocity + 0.15 * (inside - track.centre)
    track.centre = inside
