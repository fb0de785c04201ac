"""`train`, `score-neural` and `models` on the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from segment import neural
from segment.cli import main
from segment.neural import zoo
from segment.neural.em.score import score
from segment.neural.weights import save_weights
from tests.neural.models import untrained

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
    assert all(name in result.output for name in zoo.names())
    assert set(json.loads(run("models", "--json").output)) == set(zoo.names())


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
