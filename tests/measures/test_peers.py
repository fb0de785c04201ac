"""Objects' measures against the libraries that everybody quotes, to 1e-6, where they are installed.

pip install motmetrics trackeval
"""

import numpy as np
import pytest

from segment.measures.tracks import TrackScore

NEAR = {"rel": 0, "abs": 1e-6}


def crowd(seed, frames=25):
    """Boxes and ids of people who walk, true and found: missed, doubled, swapped, beside them."""
    rng = np.random.default_rng(seed)
    people = rng.integers(2, 7)
    place, pace = rng.uniform(0, 200, (people, 2)), rng.normal(0, 4, (people, 2))
    size = rng.uniform(15, 50, (people, 2))
    names = np.arange(1, people + 1)
    for _ in range(frames):
        place = place + pace
        there = rng.random(people) < 0.9
        true = np.concatenate([place, place + size], axis=1)[there]
        if rng.random() < 0.15:
            names = rng.permutation(names)
        seen = there & (rng.random(people) < 0.85)
        moved = place + rng.normal(0, 5, place.shape)
        found = np.concatenate([moved, moved + size * rng.uniform(0.7, 1.3, size.shape)], axis=1)
        numbers, boxes = names[seen], found[seen]
        more = rng.integers(0, 3)
        corner = rng.uniform(0, 220, (more, 2))
        extra = np.concatenate([corner, corner + rng.uniform(10, 40, (more, 2))], axis=1)
        numbers = np.concatenate([numbers, 100 + rng.permutation(9)[:more]])
        boxes = np.concatenate([boxes, extra])
        yield numbers, boxes, np.flatnonzero(there) + 1, true


def ours(seed):
    score = TrackScore()
    for frame in crowd(seed):
        score.count_boxes(*frame)
    return score


def overlaps(true, found):
    """Of two boxes at a time."""
    table = np.zeros((len(true), len(found)))
    for i, a in enumerate(true):
        for j, b in enumerate(found):
            sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
            common = float(sides.prod()) if (sides > 0).all() else 0.0
            table[i, j] = common / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common)
    return table


@pytest.mark.parametrize("seed", range(6))
def test_mota_and_idf1_are_those_of_motmetrics(seed):
    motmetrics = pytest.importorskip("motmetrics")
    table = motmetrics.MOTAccumulator(auto_id=True)
    for numbers, boxes, true_numbers, true in crowd(seed):
        distances = 1 - overlaps(true, boxes)
        table.update(true_numbers, numbers, np.where(distances <= 0.5, distances, np.nan))
    measures = motmetrics.metrics.create()
    theirs = measures.compute(table, metrics=["mota", "idf1", "num_switches"]).iloc[0]
    score = ours(seed)
    assert score.mota == pytest.approx(float(theirs["mota"]), **NEAR)
    assert score.idf1 == pytest.approx(float(theirs["idf1"]), **NEAR)
    assert score.switches == int(theirs["num_switches"])


@pytest.mark.parametrize("seed", range(6))
def test_hota_mota_and_idf1_are_those_of_trackeval(seed):
    trackeval = pytest.importorskip("trackeval")
    frames = list(crowd(seed))
    true_ids = np.unique(np.concatenate([frame[2] for frame in frames]))
    ids = np.unique(np.concatenate([frame[0] for frame in frames]))
    data = {
        "gt_ids": [np.searchsorted(true_ids, frame[2]) for frame in frames],
        "tracker_ids": [np.searchsorted(ids, frame[0]) for frame in frames],
        "similarity_scores": [overlaps(frame[3], frame[1]) for frame in frames],
        "num_gt_ids": len(true_ids),
        "num_tracker_ids": len(ids),
        "num_gt_dets": sum(len(frame[2]) for frame in frames),
        "num_tracker_dets": sum(len(frame[0]) for frame in frames),
        "num_timesteps": len(frames),
    }
    quiet = {"PRINT_CONFIG": False}
    higher = trackeval.metrics.HOTA(quiet).eval_sequence(data)
    clear = trackeval.metrics.CLEAR(quiet).eval_sequence(data)
    identity = trackeval.metrics.Identity(quiet).eval_sequence(data)
    score = ours(seed)
    assert score.hota == pytest.approx(float(np.mean(higher["HOTA"])), **NEAR)
    assert score.deta == pytest.approx(float(np.mean(higher["DetA"])), **NEAR)
    assert score.assa == pytest.approx(float(np.mean(higher["AssA"])), **NEAR)
    assert score.mota == pytest.approx(float(clear["MOTA"]), **NEAR)
    assert score.switches == int(clear["IDSW"])
    assert score.idf1 == pytest.approx(float(identity["IDF1"]), **NEAR)
