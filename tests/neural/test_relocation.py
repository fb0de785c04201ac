"""A slot that nobody would miss goes to light that nobody expects."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segment.neural.em.batches import make_batch
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.evaluate import evaluate
from segment.neural.em.model import NeuralEM
from segment.neural.em.relocation import relocation
from segment.neural.recipe import HELD_OUT, RecipeError, read_recipe
from segment.neural.weights import load_weights
from segment.neural.zoo import find, recipe_of
from tests.neural import reference

WINDOW = 16


def disc(row, column, radius=5, size=(40, 48)):
    rows, columns = np.ogrid[: size[0], : size[1]]
    return ((rows - row) ** 2 + (columns - column) ** 2 <= radius**2).astype(np.float32)


def scenes(rng, count, objects, slots, noise):
    """Frames (B, 1, H, W) of discs, and predictions of slots that have one of them, or none."""
    frames, predictions = [], []
    for _ in range(count):
        discs = [disc(rng.integers(6, 34), rng.integers(6, 42)) for _ in range(objects)]
        frame = np.maximum.reduce(discs)
        frames.append(np.abs(frame - (rng.random(frame.shape) < noise)))
        taken = [*discs, np.zeros_like(frame)]
        chosen = rng.integers(0, objects + 1, slots)
        predictions.append([0.98 * taken[k] + 0.01 for k in chosen])
    frame, prediction = np.array(frames)[:, None], np.array(predictions)[:, :, None]
    return torch.from_numpy(frame).double(), torch.from_numpy(prediction).double()


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2])
@pytest.mark.parametrize(("objects", "slots"), [(1, 1), (3, 4), (4, 3)])
def test_the_slot_and_its_place_are_those_of_plain_numpy(objects, slots, noise):
    rng = np.random.default_rng([objects, slots, int(100 * noise)])
    frame, prediction = scenes(rng, 12, objects, slots, noise)
    wanted = reference.relocation(frame.numpy(), prediction.numpy(), WINDOW)
    found = relocation(frame, prediction, WINDOW)
    goes = np.zeros((12, slots), bool) if found is None else found.goes.numpy()
    for b, one in enumerate(wanted):
        if one is None:
            assert not goes[b].any()
            assert found is None or not found.share[b].any()
        else:
            assert goes[b].nonzero()[0].tolist() == [one[0]]
            assert found.place[b].tolist() == list(one[1:])
    assert any(one is not None for one in wanted)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_one_of_two_slots_on_an_object_goes_to_the_one_without(noise):
    rng = np.random.default_rng(3)
    one, other = disc(10, 12), disc(28, 33)
    frame = np.abs(np.maximum(one, other) - (rng.random(one.shape) < noise)).astype(np.float32)
    prediction = torch.from_numpy(np.stack([0.98 * one, 0.98 * one]))[None, :, None]
    found = relocation(torch.from_numpy(frame)[None, None], prediction, WINDOW)
    assert found.goes.sum() == 1
    assert np.abs(found.place[0].numpy() - (28, 33)).max() <= 1 + 10 * noise
    share = found.share[0, 0, 0].numpy()
    assert share[28, 33] > 0.9
    assert share[one > 0].max() < 0.05
    assert 0 <= share.min() <= share.max() <= 1


def test_who_has_an_object_of_his_own_stays():
    torch.manual_seed(0)
    one, other = disc(10, 12), disc(28, 33)
    frame = torch.from_numpy(np.maximum(one, other))[None, None]
    alone = torch.from_numpy(0.98 * one)[None, None, None]
    found = relocation(frame, alone, WINDOW)
    assert found is None or not (found.goes.any() or found.share.any())
    both = torch.from_numpy(np.stack([0.98 * one, 0.98 * other]))[None, :, None]
    noisy = (frame - (torch.rand(frame.shape) < 0.2).float()).abs()
    found = relocation(noisy, both, WINDOW)
    assert found is None or not (found.goes.any() or found.share.any())


def test_the_order_of_slots_changes_only_their_order():
    frame, prediction = scenes(np.random.default_rng(5), 8, 4, 5, 0.1)
    # No two predictions are alike, so nobody is chosen for coming first.
    prediction = prediction * torch.linspace(0.9, 1, 5)[None, :, None, None, None]
    order = torch.tensor([3, 0, 4, 1, 2])
    found, moved = relocation(frame, prediction, 16), relocation(frame, prediction[:, order], 16)
    assert found.goes.any()
    assert torch.equal(found.goes[:, order], moved.goes)
    assert torch.equal(found.place, moved.place)


def test_a_compiled_model_does_the_same(monkeypatch):
    """It does not ask first whether there is light to go to."""
    rng = np.random.default_rng(6)
    frame, prediction = scenes(rng, 8, 2, 3, 0.1)
    found = relocation(frame, prediction, WINDOW)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    for ours, theirs in zip(found, relocation(frame, prediction, WINDOW), strict=True):
        assert torch.equal(ours, theirs)
    none = relocation(frame, frame[:, None].expand_as(prediction) * 0.99, WINDOW)
    assert not none.goes.any()
    assert not none.share.any()


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("reach", [0, 1])
def test_a_slot_begins_anew_and_the_others_go_on(background, reach):
    config = NeuralEMConfig(
        size=(40, 48), slots=2, hidden=8, window=16, reach=reach, background=background
    )
    torch.manual_seed(0)
    model = NeuralEM(replace(config, relocate=True))
    one, other = disc(10, 12), disc(28, 33)
    frame = torch.from_numpy(np.maximum(one, other))[None, None]
    gamma = torch.full((1, 2 + background, 1, 40, 48), 1 / (2 + background))
    state = model.step(frame, frame, model.begin(gamma))
    twins = torch.from_numpy(np.stack([0.98 * one, 0.9 * one]))[None, :, None]
    parts = [twins, torch.full((1, 1, 1, 40, 48), 0.01)][: 1 + background]
    logits = torch.cat(parts, 1).clamp(1e-4, 1 - 1e-4).logit()
    state = state._replace(prediction=logits.sigmoid(), moved=logits if reach else None)
    after = model.relocate(frame, state)
    assert after.place[1].tolist() == pytest.approx([28, 33, 0, 0], abs=0.5)
    assert not after.hidden[1].any()
    assert not after.prediction[0, 1].any()
    assert after.gamma[0, 1, 0, 28, 33] > 0.9
    torch.testing.assert_close(after.gamma.sum(dim=1), torch.ones(1, 1, 40, 48))
    if reach:
        assert torch.equal(after.found[1], after.place[1, :2])
        assert after.moved[0, 1].sigmoid().max() < 1e-3
        assert torch.equal(after.found[0], state.found[0])
    for name in ("hidden", "place"):
        assert torch.equal(getattr(after, name)[0], getattr(state, name)[0])
    assert torch.equal(after.prediction[:, 2:], state.prediction[:, 2:])
    assert torch.equal(after.prediction[:, 0], state.prediction[:, 0])

    # Where all is expected nobody goes, and nothing is computed otherwise than without.
    whole = torch.cat([frame[:, None] * 0.98] * (2 + background), dim=1)
    known = state._replace(prediction=whole, moved=whole.logit(eps=1e-4) if reach else None)
    plain = NeuralEM(config)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(
        model.step(frame, frame, known).logits, plain.step(frame, frame, known).logits
    )


def test_it_is_for_windows():
    for model in ({}, {"window": 16, "pixels": "gaussian"}):
        with pytest.raises(RecipeError, match="relocate is for slots with a window"):
            read_recipe({"model": {"relocate": True, "size": [28, 28], **model}})


def test_slots_that_begin_in_one_corner_find_all_balls():
    """The weights that ship; without relocation a window stays where it began."""
    model = load_weights(find("r-nem-balls") / "weights.safetensors")
    recipe = recipe_of(find("r-nem-balls"))
    scenes = recipe.stage_of(recipe.training.updates - 1).scenes
    batch = make_batch(recipe, scenes, (3, HELD_OUT), 10, steps=8)
    rows, columns = torch.arange(64)[:, None], torch.arange(64)
    corner = (rows < 12) & (columns < 12)
    gamma = torch.where(corner, 0.2, 1e-6).expand(10, 5, 1, 64, 64)
    batch = replace(batch, gamma=gamma)
    found = {}
    for relocate in (False, True):
        model.config = replace(model.config, relocate=relocate)
        found[relocate] = evaluate(model, batch).ari[:, -1].mean()
    assert found[True] > 0.9 > 0.5 > found[False]
