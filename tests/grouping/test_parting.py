"""Two who share a piece: parted when the network says so again and again, and parts are whole."""

import numpy as np

from segment.grouping.objects.grouper import ObjectGrouper
from segment.grouping.objects.network import ByNetwork
from segment.grouping.usual import Usual
from segment.neural.seeded.loaded import LoadedSeeded

SIZE = (90, 240)
HIGH, WIDE = 40, 16


def usual():
    """What is usual: people of forty pixels, of whom six have walked through."""
    found = Usual(SIZE[0])
    rng = np.random.default_rng(0)
    for track in range(6):
        for _ in range(20):
            top = 30 + int(rng.integers(-3, 4))
            found.add((top, 50, 72, 50 + WIDE), track)
    found.fit()
    assert found.known
    assert found.upright
    return found


def pair(t):
    """Two who walk side by side, one piece from the first frame on."""
    mask = np.zeros(SIZE, bool)
    x = 10 + 2 * t
    mask[32:72, x : x + WIDE] = mask[34:72, x + WIDE : x + 2 * WIDE] = True
    mask[32 : 36 + t % 3, x : x + 5] = False  # its outline is never twice the same
    return mask


def halves(window, axis):
    """Two objects: the foreground's halves, side by side (1) or above each other (0)."""
    lit = window[0] > 0
    places = np.argwhere(lit)[:, axis]
    middle = (places.min() + places.max() + 1) / 2
    first = (np.indices(lit.shape)[axis] < middle) & lit
    return np.stack([first, lit & ~first]).astype(np.float32)


def followed(monkeypatch, answer, length=60, known=True):
    """Ids of every frame, and how often the network was asked; it answers from frame 20 on."""
    judge = ByNetwork(device="cpu")
    grouper = ObjectGrouper(judge)
    asked = []

    def part(self, window, slots=None, steps=None):
        asked.append(grouper.scene.number)
        if len(asked) > 1 and asked[-1] >= 20:
            return answer(window, len(asked))
        return np.ones((1, *window.shape[1:]), np.float32)

    monkeypatch.setattr(LoadedSeeded, "part", part)
    if known:
        judge.usual = usual()
    image = np.full((*SIZE, 3), 90, np.uint8)
    found = []
    for t in range(length):
        mask = pair(t)
        image[:] = 90
        image[mask] = (200, 60, 50)
        labels = grouper.group(image, mask)
        assert (labels[mask] > 0).all()
        found.append(np.unique(labels[mask]).tolist())
    return found, len(asked)


def test_a_pair_is_parted_when_the_answer_is_stable(monkeypatch):
    found, _ = followed(monkeypatch, lambda window, n: halves(window, 1))
    assert all(ids == found[0] for ids in found[:20])
    assert len(found[0]) == 1
    assert len(found[-1]) == 2
    assert found[0][0] in found[-1]  # one of them keeps the id that both had
    begun = next(t for t, ids in enumerate(found) if len(ids) == 2)
    assert all(ids == found[-1] for ids in found[begun:])


def test_it_takes_three_answers_more_than_the_contrary(monkeypatch):
    found, asked = followed(
        monkeypatch,
        lambda window, n: halves(window, 1) if n % 2 else np.ones((1, 40, 40), np.float32),
    )
    assert asked >= 5
    assert {len(ids) for ids in found} == {1}


def test_a_head_is_not_parted_from_its_body(monkeypatch):
    found, asked = followed(monkeypatch, lambda window, n: halves(window, 0))
    assert asked > 3
    assert {len(ids) for ids in found} == {1}


def test_while_no_size_is_usual_the_network_alone_says(monkeypatch):
    found, _ = followed(monkeypatch, lambda window, n: halves(window, 1), known=False)
    assert len(found[-1]) == 2
