"""Training: what is learned, what survives a stop, and what ends with a reason."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from segment.neural.em.batches import make_batch
from segment.neural.em.evaluate import evaluate
from segment.neural.em.model import NeuralEM
from segment.neural.em.task import FrameTask
from segment.neural.recipe import HELD_OUT, TEST, TRAINING, read_recipe
from segment.neural.training.ahead import ahead
from segment.neural.training.loop import train
from segment.neural.training.trainer import Trainer, TrainingError
from segment.neural.weights import WEIGHTS, load_weights
from tests.neural.recipes import TINY, tiny


def test_a_small_recipe_learns_to_group(tmp_path):
    recipe = read_recipe(
        {
            "model": {"hidden": 100, "slots": 2},
            "scenes": {"objects": 2},
            "training": {
                "steps": 8,
                "batch": 32,
                "updates": 180,
                "validate": 90,
                "held_out": 64,
                "optimiser": "muon",
                "rate": 0.01,
                "clip": 50,
                "average": 0.97,
                "warmup": 20,
            },
        }
    )
    trainer = train(recipe, tmp_path / "out", device="cpu")
    untrained = evaluate(NeuralEM(recipe.model), trainer.task.held_out).at("last")
    assert abs(untrained["ami"]) < 0.1
    assert max(point["ami"] for point in trainer.curve) > 0.5


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_resuming_is_as_if_nothing_had_happened(tmp_path, optimiser):
    recipe = tiny(optimiser=optimiser)
    whole = train(recipe, tmp_path / "whole", device="cpu")

    class Stop(Exception):
        pass

    def stop(progress):
        if progress.update >= 3:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, tmp_path / "parts", device="cpu", on_progress=stop)
    resumed = train(recipe, tmp_path / "parts", resume=True, device="cpu", threads=0)

    assert resumed.update == whole.update == 6
    for a, b in (
        (whole.model, resumed.model),
        (whole.averaged, resumed.averaged),
        (load_weights(tmp_path / "whole" / WEIGHTS), load_weights(tmp_path / "parts" / WEIGHTS)),
    ):
        for x, y in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.equal(x, y)
    timeless = [[{**p, "seconds": 0} for p in t.curve] for t in (whole, resumed)]
    assert timeless[0] == timeless[1]
    assert json.loads((tmp_path / "parts" / "curve.json").read_text()) == resumed.curve


def test_best_held_out_ari_is_kept_not_the_last(tmp_path):
    trainer = Trainer(tiny())
    scores = iter([0.2, 0.7, 0.5])
    kept = []
    import segment.neural.em.task as module

    class Found:
        def at(self, which):
            return {"ari": next(scores), "ami": 0.0, "loss": 0.0}

    original = module.evaluate
    module.evaluate = lambda *args, **kwargs: Found()
    try:
        for number in range(3):
            for parameter in trainer.averaged.parameters():
                parameter.data.fill_(number)
            trainer.look(0.0)
            kept.append(float(next(iter(trainer.best.values())).flatten()[0]))
    finally:
        module.evaluate = original
    assert kept == [0, 1, 1]


def test_patience_ends_a_training_that_no_longer_learns(tmp_path):
    trainer = Trainer(tiny(patience=2))
    for ari, over in ((0.1, False), (0.5, False), (0.4, False), (0.5, True)):
        trainer.curve.append({"ari": ari})
        assert trainer.finished == over


def test_a_loss_that_is_no_number_stops_with_a_reason_and_a_whole_checkpoint(tmp_path):
    recipe = tiny()
    train(recipe, tmp_path, device="cpu", seconds=1e-9)
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    document = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    document["model"]["cell.remember.bias"][:] = float("nan")
    torch.save(document, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"update 1: the loss is nan.*smaller rate than 0\.003"):
        train(recipe, tmp_path, device="cpu", resume=True)
    assert (tmp_path / "checkpoint.pt").stat().st_size >= len(kept) // 2


def test_folders_and_checkpoints_are_not_confused(tmp_path):
    recipe = tiny()
    with pytest.raises(TrainingError, match="there is no checkpoint at"):
        train(recipe, tmp_path / "none", resume=True, device="cpu")
    train(recipe, tmp_path, device="cpu", seconds=1e-9)
    with pytest.raises(TrainingError, match="holds a training already; --resume"):
        train(recipe, tmp_path, device="cpu")
    other = replace(recipe, model=replace(recipe.model, hidden=17))
    with pytest.raises(TrainingError, match="of another model"):
        train(other, tmp_path, resume=True, device="cpu")
    (tmp_path / "checkpoint.pt").write_bytes(b"PK nonsense")
    with pytest.raises(TrainingError, match="is damaged"):
        train(recipe, tmp_path, resume=True, device="cpu")


def test_a_training_may_begin_with_another_models_weights(tmp_path):
    recipe = tiny()
    torch.manual_seed(5)
    first = NeuralEM(recipe.model)
    trainer = Trainer(recipe)
    trainer.begin_with(first)
    for model in (trainer.model, trainer.averaged):
        for a, b in zip(model.parameters(), first.parameters(), strict=True):
            assert torch.equal(a, b)
    other = NeuralEM(replace(recipe.model, hidden=17))
    with pytest.raises(TrainingError, match="the model to begin with"):
        train(recipe, tmp_path, device="cpu", start=other)


def test_stages_have_their_own_steps_and_losses_count_where_asked():
    table = {key: dict(value) for key, value in TINY.items()}
    table["stages"] = [{"updates": 2, "steps": 2}, {"updates": 2, "kind": "flying-shapes"}]
    recipe = read_recipe(table)
    trainer = Trainer(recipe)
    assert [trainer.make_batch(u).noisy.shape[1] for u in range(4)] == [2, 2, 3, 3]
    assert trainer.task.held_out.scenes.images.shape[1] == 4
    batch = trainer.make_batch(3)
    losses = {}
    for which in ("last", "half", "all"):
        training = replace(recipe.training, loss=which)
        task = FrameTask(replace(recipe, training=training))
        losses[which] = float(task.loss(trainer.model, batch, 0).detach())
    model, total = trainer.model, []
    for target, state in model.unroll(batch.targets, batch.noisy, model.begin(batch.gamma)):
        total.append(float(model.loss(target, state).mean().detach()))
    assert losses["last"] == pytest.approx(total[2], rel=1e-5)
    assert losses["half"] == pytest.approx(np.mean(total[1:]), rel=1e-5)
    assert losses["all"] == pytest.approx(np.mean(total), rel=1e-5)


def test_an_auto_encoder_is_chosen_by_its_loss():
    table = {key: dict(value) for key, value in TINY.items()}
    table["model"]["slots"] = 1
    trainer = Trainer(read_recipe(table))
    points = [{"ari": 0.0, "loss": 3.0}, {"ari": 0.0, "loss": 2.0}]
    assert trainer.task.merit(points[1]) > trainer.task.merit(points[0])
    points = [{"ari": 0.5, "loss": 3.0}, {"ari": 0.4, "loss": 2.0}]
    assert Trainer(tiny()).task.merit(points[0]) > Trainer(tiny()).task.merit(points[1])


def test_too_little_memory_is_one_clear_line(tmp_path, monkeypatch):
    def greedy(self, batch):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 99 bytes")

    monkeypatch.setattr(Trainer, "learn", greedy)
    with pytest.raises(TrainingError, match=r"not enough memory for a batch of 4; make .* smaller"):
        train(tiny(), tmp_path, device="cpu")


def test_no_scene_is_both_trained_on_and_scored():
    recipe = tiny()
    batches = [
        make_batch(recipe, recipe.scenes, (0, stream), 4) for stream in (TRAINING, HELD_OUT, TEST)
    ]
    first = [batch.scenes.images.tobytes() for batch in batches]
    assert len(set(first)) == 3


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_come_in_order_whoever_draws_them(threads):
    assert list(ahead(lambda i: i, 2, 20, threads)) == list(range(2, 20))  # type: ignore[arg-type]


@pytest.mark.parametrize("patience", [0, 1])
def test_two_processes_learn_what_one_does(tmp_path, patience):
    """Halves of a batch on two processes are averaged: the same weights in both.

    Only the first looks at held-out scenes, and tells the other when patience is at its end.
    No thread of theirs is left at the end: it would abort the process at exit, now and then.
    """
    table = {key: dict(value) for key, value in TINY.items()}
    if patience:
        table["training"] |= {"updates": 400, "validate": 1, "patience": patience}
    code = """
import os, sys, torch
from pathlib import Path
from segment.neural.recipe import read_recipe
from segment.neural.training.loop import train
import json
recipe = read_recipe(json.loads(sys.argv[1]))
trainer = train(recipe, sys.argv[2], device="cpu")
total = sum(float(p.detach().double().sum()) for p in trainer.model.parameters())
print("SUM", total)
tasks = Path("/proc/self/task")
names = [(task / "comm").read_text() for task in tasks.iterdir()] if tasks.is_dir() else []
left = [name for name in names if "gloo" in name]
assert not left, left
"""
    import os
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(table), str(tmp_path / "out")],
            env=os.environ
            | {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
            | {"MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    sums = [run.communicate(timeout=300)[0].split("SUM")[-1].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert sums[0] == sums[1] != ""
    looks = json.loads((tmp_path / "out" / "curve.json").read_text())
    assert len(looks) < 400
    assert (tmp_path / "out" / WEIGHTS).is_file()


FOLLOWING = {
    "model": {"hidden": 16, "slots": 2, "size": [20, 24], "window": 8, "reach": 1, "relocate": True}
    | {"conv": [4], "dense": [16], "norm": True},
    "scenes": {"kind": "flying-shapes", "objects": 2, "noise": 0.1},
    "training": {"steps": 3, "looks": 2},
}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("table", [TINY, FOLLOWING])
def test_processor_and_gpu_agree(table):
    recipe = read_recipe({key: dict(value) for key, value in table.items()})
    batch = make_batch(recipe, recipe.scenes, (0, TEST), 4)
    torch.manual_seed(0)
    model = NeuralEM(recipe.model)
    found = []
    for device in ("cpu", "cuda"):
        moved, state = model.to(device), batch.to(device)
        steps = list(moved.unroll(state.targets, state.noisy, moved.begin(state.gamma)))
        found.append(steps[-1][1].gamma.detach().cpu())
    torch.testing.assert_close(*found, atol=1e-4, rtol=1e-3)


def test_a_model_may_be_fed_with_its_own_frames():
    recipe = read_recipe(
        {
            "model": {"hidden": 8, "slots": 2, "size": [14, 14]},
            "scenes": {"kind": "flying-shapes", "objects": 1, "noise": 0.1},
            "training": {"steps": 5, "own": 2, "loss": "all", "batch": 3},
        }
    )
    trainer = Trainer(recipe)
    batch, model = trainer.make_batch(0), trainer.model
    given = batch.targets, batch.noisy, model.begin(batch.gamma)
    states = [state for _, state in model.unroll(*given, own=2)]
    # What is shown in the last two steps is only where a bit was wrong.
    shown = (batch.noisy[:, 3] - batch.targets[:, 2]).abs()
    assert set(shown.unique().tolist()) == {0.0, 1.0}
    state = model.imagine(states[2], shown)
    for ours, theirs in zip(state, states[3], strict=True):
        torch.testing.assert_close(ours, theirs)
    seen = [state for _, state in model.unroll(*given)]
    torch.testing.assert_close(seen[2].logits, states[2].logits)
    assert not torch.equal(seen[3].logits, states[3].logits)
    before = [p.clone() for p in model.parameters()]
    trainer.learn(batch)
    assert any(not torch.equal(p, q) for p, q in zip(before, model.parameters(), strict=True))
    with pytest.raises(ValueError, match="own is 5, wanted from 0 to 4"):
        list(model.unroll(*given, own=5))


def test_how_many_own_frames_it_sees_is_drawn():
    """Else it would know when they come, and blur what it expects from then on."""
    table = {key: dict(value) for key, value in TINY.items()}
    table["training"] |= {"steps": 5, "own": 3}
    drawn = []
    for _ in range(2):
        trainer = Trainer(read_recipe(table))
        drawn.append([])
        for trainer.update in range(40):
            drawn[-1].append(trainer.task.own_steps(trainer.update))
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {0, 1, 2, 3}
    table["training"]["own"] = 0
    assert FrameTask(read_recipe(table)).own_steps(0) == 0


@pytest.mark.parametrize(
    ("scores", "floor"),
    [([0.3, 0.99], 0), ([0.83, 0.99], 0.8), ([0.97, 0.98], 0.9), ([-0.02, 0.4], -0.02)],
)
def test_a_curve_of_high_scores_is_no_flat_line(scores, floor):
    from segment.neural.em.figure import floor_of

    assert floor_of(scores) == floor
