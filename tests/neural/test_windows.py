"""Windows that follow objects: read, paint and settle, and the cell behind them."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segment.neural.em import places
from segment.neural.em.batches import make_batch
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.evaluate import evaluate
from segment.neural.em.following import DARKEST, others
from segment.neural.em.model import NeuralEM
from segment.neural.recipe import RecipeError, read_recipe
from segment.neural.training.loop import train

SEEDS = st.integers(0, 2**32 - 1)


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    side=st.integers(1, 6),
    corner=st.tuples(st.integers(-7, 10), st.integers(-7, 10)),
    seed=SEEDS,
)
@settings(max_examples=60, deadline=None)
def test_on_whole_pixels_a_window_is_a_slice_of_the_padded_frame(size, side, corner, seed):
    rng = np.random.default_rng(seed)
    image = rng.random((1, 2, *size))
    padded = np.pad(image[0], ((0, 0), (20, 20), (20, 20)))
    top, left = corner[0] + 20, corner[1] + 20
    found = places.read(torch.from_numpy(image), torch.tensor([corner]).double(), side)
    np.testing.assert_allclose(found[0], padded[:, top : top + side, left : left + side])


@given(seed=SEEDS, side=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_on_whole_pixels_painting_is_the_transpose_of_reading(seed, side):
    rng = np.random.default_rng(seed)
    image, picture = torch.rand(3, 2, 7, 5).double(), torch.rand(3, 2, side, side).double()
    corner = torch.from_numpy(rng.integers(-side, 8, (3, 2)).astype(float))
    one = (places.read(image, corner, side) * picture).sum()
    other = (places.paint(picture, corner, (7, 5)) * image).sum()
    torch.testing.assert_close(one, other)


def test_between_pixels_light_is_shared_by_the_neighbours():
    found = places.paint(torch.ones(1, 1, 1, 1), torch.tensor([[2.25, 1.0]]), (5, 3))
    wanted = torch.zeros(5, 3)
    wanted[2, 1], wanted[3, 1] = 0.75, 0.25
    torch.testing.assert_close(found[0, 0], wanted)


def test_on_whole_pixels_a_window_learns_where_to_go():
    """The slope there is that of both sides together, in every version of torch."""
    picture = torch.rand(1, 1, 4, 4, generator=torch.manual_seed(0))
    corner = torch.tensor([[2.0, 3.0]], requires_grad=True)
    wanted = torch.rand(1, 1, 9, 11, generator=torch.manual_seed(1))
    (places.paint(picture, corner, (9, 11)) * wanted).sum().backward()
    sides = []
    for step in (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])):
        ahead, behind = (places.paint(picture, corner.detach() + s, (9, 11)) for s in (step, -step))
        sides.append(float(((ahead - behind) * wanted).sum()))
    assert corner.grad[0].tolist() == pytest.approx(sides, rel=1e-4)
    assert min(map(abs, sides)) > 0.01


@pytest.mark.parametrize("spread", [1.0, 4.0])
def test_settling_is_mean_shift(spread):
    """Against the plain formula, point by point."""
    rng = np.random.default_rng(0)
    weight, place = rng.random((2, 6, 8)), rng.uniform(0, 6, (2, 2))
    found = places.settle(torch.from_numpy(place), torch.from_numpy(weight), spread, 3).numpy()
    points = np.stack(np.meshgrid(np.arange(6), np.arange(8), indexing="ij"), axis=-1)
    for _ in range(3):
        far = points[None] - place[:, None, None]
        near = weight * np.exp(-(far**2).sum(-1) / (2 * spread**2))
        shift = (near[..., None] * far).sum((1, 2)) / (near.sum((1, 2))[:, None] + places.LEAST)
        place = place + shift
    np.testing.assert_allclose(found, place, rtol=1e-12)


def test_a_window_finds_its_object_and_stays_in_the_dark():
    light = torch.zeros(2, 20, 20)
    light[:, 3:6, 12:15] = 1
    light[1] = 0
    place = places.settle(torch.tensor([[6.0, 11.0], [6.0, 11.0]]), light, 4, 20)
    torch.testing.assert_close(place, torch.tensor([[4.0, 13.0], [6.0, 11.0]]), atol=0.1, rtol=0)
    middle = places.settle(None, light, 4, 0)
    torch.testing.assert_close(middle[0], torch.tensor([4.0, 13.0]))
    assert middle.isfinite().all()


@given(seed=SEEDS, K=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_others_are_all_but_oneself(seed, K):
    prediction = torch.from_numpy(np.random.default_rng(seed).random((2, K, 1, 3, 4)))
    found = others(prediction)
    for k in range(K):
        rest = [prediction[:, j] for j in range(K) if j != k] or [torch.zeros(2, 1, 3, 4).double()]
        torch.testing.assert_close(found[:, k], torch.stack(rest).amax(dim=0))


def test_two_slots_that_expect_the_same_are_each_others_other():
    prediction = torch.full((1, 2, 1, 2, 2), 0.4)
    torch.testing.assert_close(others(prediction), prediction)


def test_a_moved_frame_gives_moved_predictions():
    """Shapes are learned without their places, but for what a slot is told of its place."""
    torch.manual_seed(0)
    model = NeuralEM(NeuralEMConfig(size=(20, 24), slots=2, hidden=6, window=6))
    model.cell.move.bias.data[:] = torch.tensor([0.3, -0.6])
    model.cell.remember.weight_ih.data[:, -6:-4] = 0  # the place
    model.cell.move.weight.data[:] = 0
    frame = torch.zeros(1, 1, 20, 24)
    frame[..., 4:8, 5:9] = 1
    gamma = torch.full((1, 2, 1, 20, 24), 0.5)
    moved = frame.roll((7, 9), (2, 3))
    with torch.no_grad():
        a, b = model.begin(gamma), model.begin(gamma)
        for _ in range(3):
            a, b = model.step(frame, frame, a), model.step(moved, moved, b)
    torch.testing.assert_close(a.prediction.roll((7, 9), (3, 4)), b.prediction, atol=1e-5, rtol=0)
    assert (b.prediction > 2 * DARKEST).any()
    torch.testing.assert_close(b.place - a.place, torch.tensor([[7.0, 9, 0, 0]]).expand(2, 4))


def test_nothing_is_expected_outside_of_a_window():
    torch.manual_seed(0)
    model = NeuralEM(NeuralEMConfig(size=(20, 20), slots=1, hidden=6, window=4))
    frame = torch.zeros(1, 1, 20, 20)
    frame[..., 10:12, 10:12] = 1
    with torch.no_grad():
        state = model.step(frame, frame, model.begin(torch.ones(1, 1, 1, 20, 20)))
    lit = state.prediction[0, 0, 0] > 2 * DARKEST
    assert lit.sum() == 16
    assert lit[9:13, 9:13].all()


def test_the_responsibilities_are_of_windows_on_whole_pixels():
    """A sharp picture between two pixels is a blurred one, which fits no frame well."""
    torch.manual_seed(0)
    config = NeuralEMConfig(size=(20, 24), slots=2, hidden=6, window=6, reach=1)
    model = NeuralEM(config)
    model.cell.move.weight.data[:] = 0
    model.cell.decode.layers[0].weight.data.mul_(30)
    frame = torch.zeros(1, 1, 20, 24)
    frame[..., 4:8, 5:9] = 1
    begun = model.begin(torch.full((1, 2, 1, 20, 24), 0.5))
    found = {}
    with torch.no_grad():
        for move in (0.0, 0.3, 0.4):
            model.cell.move.bias.data[:] = move
            found[move] = model.step(frame, frame, begun)
    on, near, between = (found[move] for move in (0.0, 0.3, 0.4))
    torch.testing.assert_close(on.whole, on.logits)
    for other in (near, between):
        assert (other.logits - on.logits).abs().max() > 0.5
        torch.testing.assert_close(other.whole, on.whole)
        torch.testing.assert_close(other.gamma, on.gamma)
    assert NeuralEM(dataclasses.replace(config, reach=0)).step(frame, frame, begun).whole is None


def test_a_window_stays_where_the_e_step_found_it():
    """A slot learns its shape in one frame of reference, whatever the light about it does."""
    torch.manual_seed(0)
    model = NeuralEM(NeuralEMConfig(size=(20, 24), slots=1, hidden=6, window=8, reach=2))
    square = torch.full((1, 1, 8, 8), -9.0)
    square[..., 1:5, 2:6] = 9  # not in the middle of its window
    model.cell.decode.forward = lambda h: square
    model.cell.move.weight.data[:] = 0
    begun = model.begin(torch.ones(1, 1, 1, 20, 24))
    frames = torch.zeros(4, 1, 1, 20, 24)
    corners = [(6, 7), (7, 9), (5, 8), (6, 8)]
    for frame, (row, column) in zip(frames, corners, strict=True):
        frame[..., row : row + 4, column : column + 4] = 1
    state = begun
    with torch.no_grad():
        for frame in frames:
            state = model.step(frame, frame, state)
    wanted = torch.tensor([[6 - 1 + 3.5, 8 - 2 + 3.5]])
    torch.testing.assert_close(state.found, wanted)
    torch.testing.assert_close(state.moved[0].sigmoid().round(), frames[-1])
    seen = {}
    model.cell.encode.register_forward_hook(lambda _, given, __: seen.update(given=given[0]))
    with torch.no_grad():
        after = model.step(frames[-1], frames[-1], state)
    share, shown, expected, others = seen["given"][0]
    assert share.abs().max() < 1e-3  # what it expected is where it was found
    torch.testing.assert_close(shown, expected, atol=1e-3, rtol=0)
    assert shown[1:5, 2:6].min() == 1
    assert others.max() == 0
    torch.testing.assert_close(after.found, wanted)


def test_what_is_imagined_goes_on_between_pixels():
    """A slow object would never come to the next pixel if every frame put it back on one."""
    torch.manual_seed(0)
    model = NeuralEM(
        NeuralEMConfig(size=(24, 28), slots=2, hidden=8, window=8, reach=1, begin="seeds")
    )
    frame = torch.zeros(1, 1, 24, 28)
    frame[..., 6:10, 6:10] = frame[..., 14:18, 18:22] = 1
    gamma = torch.full((1, 2, 1, 24, 28), 0.1)
    gamma[0, 0, :, :12] = gamma[0, 1, :, 12:] = 0.9
    state = model.step(frame, frame, model.begin(gamma))
    torch.nn.init.constant_(model.cell.move.bias, 0.3)
    for _ in range(3):
        before = state.found
        state = model.imagine(state)
        assert torch.equal(state.found, state.place[:, :2])
        torch.testing.assert_close(state.found, before + state.place[:, 2:])
        assert torch.equal(state.moved, state.logits)
    # An error of the last place is an error of all moves that led to it.
    moves = torch.autograd.grad(state.place[:, :2].sum(), model.cell.move.bias)[0]
    assert (moves > 2.5 * len(state.place)).all()


def test_a_share_of_the_loss_is_where_predictions_were_found():
    """A picture a pixel away costs nothing where it was found, and much where it was expected."""
    model = NeuralEM(NeuralEMConfig(size=(9, 9), hidden=3, slots=2, reach=1))
    logits = torch.full((1, 2, 1, 9, 9), -9.0)
    logits[0, 0, 0, 1:4, 1:4] = logits[0, 1, 0, 6:8] = 9
    x = (logits.amax(dim=1) > 0).float().roll(1, 3)
    logits.requires_grad_()
    begun = model.begin(torch.full((1, 2, 1, 9, 9), 0.5))
    state = model.judge(x, begun._replace(logits=logits, prediction=logits.sigmoid()))
    expected, half, found = (model.loss(x, state, 0.1, "noisy-or", share) for share in (0, 0.5, 1))
    assert found < 0.5 < 10 < expected
    torch.testing.assert_close(half, (expected + found) / 2)
    (slope,) = torch.autograd.grad(found.sum(), logits)
    assert slope.abs().max() < 0.1  # nothing to learn, though all is a pixel off
    still = NeuralEM(NeuralEMConfig(size=(9, 9), hidden=3, slots=2))
    state = still.judge(x, begun._replace(logits=logits))
    torch.testing.assert_close(still.loss(x, state, 0.1, "noisy-or", 1.0), expected)
    table = {"model": {"slots": 2}, "training": {"found": 0.5}}
    with pytest.raises(RecipeError, match=r"found is 0.5, wanted in \[0, 1\], and 0 if"):
        read_recipe(table)


def test_windows_that_no_cell_can_have_are_refused():
    with pytest.raises(ValueError, match="leave window out"):
        NeuralEMConfig(cell="n-em", window=8)
    with pytest.raises(ValueError, match="window is 6, wanted 0 or more, divisible by 4"):
        NeuralEMConfig(conv=(4, 8), dense=(8,), window=6)


def test_a_small_window_learns_to_follow(tmp_path):
    """A thousand sequences of two shapes, in seconds."""
    recipe = {
        "model": {
            "cell": "rnn-em",
            "size": [28, 28],
            "slots": 2,
            "begin": "seeds",
            "window": 12,
            "hidden": 64,
            "dense": [128],
            "norm": True,
        },
        "scenes": {"kind": "flying-shapes", "objects": 2, "noise": 0.02},
        "training": {
            "looks": 2,
            "steps": 6,
            "loss": "all",
            "objective": "noisy-or",
            "between": 0.1,
            "batch": 16,
            "updates": 60,
            "optimiser": "muon",
            "rate": 0.006,
            "warmup": 10,
            "cooldown": 0.5,
            "clip": 50.0,
            "average": 0.95,
            "validate": 60,
            "held_out": 48,
        },
    }
    trainer = train(read_recipe(recipe), tmp_path)
    assert trainer.kept["last_ari"] > 0.75
    assert trainer.task.held_out.looks == 2
    assert trainer.task.held_out.truth.shape[1] == 8


def test_looks_at_the_first_frame_are_not_scored():
    table = {
        "model": {"size": [14, 14], "slots": 2, "window": 8, "hidden": 4},
        "scenes": {"kind": "flying-shapes", "objects": 2, "noise": 0.1},
        "training": {"looks": 3, "steps": 4},
    }
    recipe = read_recipe(table)
    batch = make_batch(recipe, recipe.scenes, (0, 1), 5)
    torch.manual_seed(0)
    model = NeuralEM(recipe.model)
    assert batch.noisy.shape[1] == 7
    for look in range(3):
        wanted = torch.from_numpy(batch.scenes.images[:, 0, ..., 0] / 255).float()
        torch.testing.assert_close(batch.targets[:, look, 0], wanted)
        np.testing.assert_array_equal(batch.truth[:, look], batch.scenes.groups[:, 0])
    assert (batch.noisy[:, 0] != batch.noisy[:, 1]).any()
    found = evaluate(model, batch)
    assert found.ari.shape == found.bce.shape == (5, 4)
    with torch.no_grad():
        states = list(model.unroll(batch.targets, batch.noisy, model.begin(batch.gamma)))
    for step, (target, state) in enumerate(states[3:]):
        expected = state.prediction.amax(dim=1)
        error = torch.nn.functional.binary_cross_entropy(expected, target, reduction="none")
        np.testing.assert_allclose(found.bce[:, step], error.sum((1, 2, 3)), rtol=1e-4)
    rolled = evaluate(model, batch, seen=2)
    np.testing.assert_allclose(rolled.bce[:, :2], found.bce[:, :2], rtol=1e-6)
    assert (rolled.bce[:, 2:] != found.bce[:, 2:]).any()
