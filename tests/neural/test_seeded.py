"""Seeded EM: windows, slots and their order, what is united, and what ships."""

import numpy as np
import pytest
import torch

from segment import neural
from segment.neural import zoo
from segment.neural.recipe import RecipeError, read_recipe
from segment.neural.seeded import model
from segment.neural.seeded.config import SeededConfig
from segment.neural.seeded.crowds import UNKNOWN, draw_windows, make_seeded_batch, seeds_on
from segment.neural.seeded.model import SeededEM, places_of, responsibilities, seeded_loss
from segment.neural.seeded.parting import together
from segment.neural.seeded.score import score_windows
from segment.neural.seeded.squares import Square, around, cut, enlarged, resized
from segment.neural.training.loop import train

SMALL = SeededConfig(size=(24, 24), features=8, widths=(8, 8, 12))
RECIPE = {
    "model": {"cell": "seeded", "size": [24, 24], "features": 8, "widths": [8, 8, 12]},
    "scenes": {"kind": "silhouettes"},
    "training": {"steps": 2, "batch": 4, "updates": 6, "validate": 3, "held_out": 12, "rate": 2e-3},
}


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(3)
    return SeededEM(SMALL).eval()


def batch(**changes):
    return make_seeded_batch((7,), 0, 24, 12, **changes)


def test_a_pixel_is_shared_out_once():
    psi = torch.rand(2, 5, 8, 8)
    gamma = responsibilities(psi)
    wanted = psi.numpy() / (psi.numpy().sum(1, keepdims=True) + 0.01)
    np.testing.assert_allclose(gamma, wanted, rtol=1e-6)
    assert (gamma.sum(1) < 1).all()  # the rest is nobody's
    assert (gamma.sum(1) > 0.9).all()


@torch.no_grad()
def test_the_order_of_slots_changes_only_their_order(small):
    drawn = batch()
    order = torch.randperm(drawn.seeds.shape[1])
    one = small(drawn.windows, drawn.seeds, 3)
    other = small(drawn.windows, drawn.seeds[:, order], 3)
    for before, after in zip(one, other, strict=True):
        np.testing.assert_allclose(before[:, order], after, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("doubled", [False, True])
def test_slots_that_are_equal_go_on_as_one_and_change_nothing(small, doubled, monkeypatch):
    monkeypatch.setattr(model, "ALIKE", 2.0)  # all steps are taken, however alike they are
    drawn = batch()
    window, seeds = drawn.windows[:1], drawn.seeds[:1]
    if doubled:  # each point twice: their slots cannot but be equal
        seeds = seeds.repeat_interleave(2, dim=1)
    lit = window[0, 0] > 0
    wanted = small(window, seeds, 3)[-1].sigmoid()[0][:, lit]
    psi, stand = small.settle(window, seeds, 3)
    assert stand.sum() == seeds.shape[1]
    assert len(psi) <= drawn.seeds.shape[1]
    found = psi[:, lit]
    far = torch.stack([(found - one).abs().mean(1).min() for one in wanted])
    if doubled:
        one = small.settle(window, drawn.seeds[:1], 3)[0][:, lit]
        assert len(one) == len(found)
    assert far.max() < 0.05  # each slot's answer is that of whom stands for it


@torch.no_grad()
def test_where_all_slots_agree_on_one_object_no_step_follows(small, monkeypatch):
    drawn, steps = batch(), []
    window, seeds = drawn.windows[:1], drawn.seeds[:1]
    lit = (window[0, 0] > 0).numpy()
    step = small.step
    monkeypatch.setattr(small, "step", lambda *given: steps.append(given) or step(*given))
    psi, stand = small.settle(window, seeds, 3)
    assert len(steps) == len(psi) == 1  # an untrained model says the same of every point
    assert stand.sum() == seeds.shape[1]
    wanted = small(window, seeds, 3)[-1].sigmoid()[0].numpy()
    assert len(together(wanted, lit)) == len(together(psi.numpy(), lit, stand.numpy())) == 1


def test_a_step_is_one_convolution_over_all_that_a_slot_sees(small):
    """The first layer's sum is taken in three parts; here in one, over everything at once."""
    generator = torch.Generator().manual_seed(3)
    windows = torch.randn(2, 6, *SMALL.size, generator=generator)
    windows[:, 0] = (windows[:, 0] > 0).float()
    seeds = torch.tensor([[[3.0, 5.0], [9.0, 2.0], [12.0, 12.0]]] * 2)
    seen = []
    handle = small.to_own[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    small(windows, seeds, steps=2)
    handle.remove()
    described = small.describe(torch.nn.functional.pixel_unshuffle(windows, 2))
    described = described[:, None].expand(-1, 3, -1, -1, -1)
    known = torch.cat([described, places_of(seeds, SMALL.size[0])], dim=2).flatten(0, 1)
    own = torch.zeros(6, 2, *SMALL.size)
    own[:, 0] = windows[:, :1].expand(-1, 3, -1, -1).flatten(0, 1) / 3
    own = torch.nn.functional.pixel_unshuffle(own, 2)
    wanted = small.to_own[0](torch.cat([known, own], dim=1))
    torch.testing.assert_close(seen[0], wanted, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_differences():
    torch.manual_seed(0)
    model = SeededEM(SeededConfig(size=(8, 8), features=4, widths=(4, 4, 4))).double()
    windows = torch.rand(1, 6, 8, 8, dtype=torch.float64)
    windows[:, 0] = (windows[:, 0] > 0.3).double()
    seeds = torch.tensor([[[2.0, 3.0], [6.0, 5.0]]])
    wanted = (torch.rand(1, 2, 8, 8) > 0.5).double()
    known = torch.ones(1, 1, 8, 8, dtype=torch.float64)

    def loss():
        logits = [ell.double() for ell in model(windows, seeds, 2)]
        return seeded_loss(logits, wanted, windows, known).mean()

    weight = model.predict.weight
    (gradient,) = torch.autograd.grad(loss(), weight)
    step = 1e-3  # the E-step is taken in single precision
    for place in [(0, 0, 1, 1), (3, 2, 0, 2)]:
        with torch.no_grad():
            weight[place] += step
            above = loss()
            weight[place] -= 2 * step
            below = loss()
            weight[place] += step
        slope = float((above - below) / (2 * step))
        assert slope == pytest.approx(float(gradient[place]), rel=2e-2, abs=1e-5)


def test_slots_that_predict_the_same_are_one():
    left, right = np.zeros((2, 8, 8), np.float32)
    left[:, :4], right[:, 4:] = 0.9, 0.8
    foreground = np.ones((8, 8), bool)
    found = together(np.stack([left, right, left, 0.1 * right]), foreground)
    assert len(found) == 2
    np.testing.assert_array_equal(found.argmax(0), np.where(left > 0, 0, 1))


def test_without_any_prediction_all_is_one_object():
    foreground = np.ones((8, 8), bool)
    assert together(np.full((3, 8, 8), 0.2, np.float32), foreground).shape == (1, 8, 8)
    assert together(np.zeros((3, 8, 8), np.float32), ~foreground).shape == (1, 8, 8)


def test_what_holds_hardly_any_pixels_is_left_out():
    large, small = np.zeros((2, 10, 10), np.float32)
    large[:], small[0, :3] = 0.6, 0.9
    assert len(together(np.stack([large, small]), np.ones((10, 10), bool))) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_window_is_dark_outside_the_foreground(channels):
    rng = np.random.default_rng(1)
    image, before = rng.integers(0, 255, (2, 33, 47, channels), np.uint8)
    mask = np.zeros((33, 47), bool)
    mask[2:14, 5:21] = True
    planes = cut(image, before, mask, around(np.array([[2, 5, 14, 21]])), 40)
    assert planes.shape == (6, 40, 40)
    assert planes.dtype == np.float32
    assert set(np.unique(planes[0])) == {0.0, 1.0}
    assert not planes[1:, planes[0] == 0].any()
    assert np.isfinite(planes).all()
    assert not cut(image, before, np.zeros_like(mask), Square(0, 0, 20), 40).any()


def test_a_window_shows_what_moves():
    rng = np.random.default_rng(2)
    ground = rng.integers(0, 255, (80, 80, 1), np.uint8)
    texture = rng.integers(0, 255, (20, 16, 1), np.uint8)
    mask = np.zeros((80, 80), bool)
    images = [ground.copy(), ground.copy()]
    for image, shift in zip(images, (0, 3), strict=True):
        image[20:40, 20:36] = texture  # stands
        image[45:65, 20 + shift : 36 + shift] = texture  # moves to the right
    mask[20:40, 20:36] = mask[45:65, 23:39] = True
    planes = cut(images[1], images[0], mask, Square(10, 10, 60), 40)
    lit = planes[0] > 0
    upper, lower = lit.copy(), lit.copy()
    upper[21:], lower[:21] = False, False
    assert planes[5][lower].mean() > planes[5][upper].mean() + 0.3


@pytest.mark.parametrize("square", [Square(-5, -7, 21), Square(20, 30, 40), Square(3, 4, 9)])
def test_windows_may_reach_over_the_border(square):
    plane = np.arange(33 * 47, dtype=np.float32).reshape(33, 47) + 1
    assert resized(plane, square, 16).shape == (16, 16)
    box = (4, 5, 10, 12)
    if square.top <= 4 and square.left <= 5 and square.side >= 21:
        back = enlarged(resized(plane, square, 16)[None], square, box)
        assert back.shape == (1, 6, 7)


def test_seeds_are_settled_and_lie_on_the_foreground():
    mask = np.zeros((20, 20), bool)
    mask[3:8, 2:18] = True
    seeds = seeds_on(mask, 6)
    np.testing.assert_array_equal(seeds, seeds_on(mask, 6))
    assert mask[tuple(seeds.T)].all()
    assert len(np.unique(seeds, axis=0)) == 6
    assert len(seeds_on(np.eye(1, dtype=bool), 4)) == 4  # fewer pixels than seeds


def test_drawn_windows_know_whose_their_foreground_is():
    windows = draw_windows((1, 2), 24, count=6)
    again = draw_windows((1, 2), 24, count=6)
    assert windows
    for (planes, whose), (same, too) in zip(windows, again, strict=True):
        np.testing.assert_array_equal(planes, same)
        np.testing.assert_array_equal(whose, too)
        np.testing.assert_array_equal(whose > 0, planes[0] > 0)
        numbers = np.unique(whose[(whose > 0) & (whose < UNKNOWN)])
        np.testing.assert_array_equal(numbers, np.arange(1, len(numbers) + 1))
        assert len(numbers) >= 1


def test_a_slot_is_to_find_the_object_under_its_seed():
    drawn = batch()
    for points, wanted, whose in zip(drawn.seeds, drawn.wanted, drawn.whose, strict=True):
        for (y, x), plane in zip(points.int().tolist(), wanted, strict=True):
            assert 0 < whose[y, x] < UNKNOWN
            np.testing.assert_array_equal(plane.numpy() == 1, whose == whose[y, x])


def test_a_training_that_was_stopped_goes_on_bit_for_bit(tmp_path):
    whole = train(read_recipe(RECIPE), tmp_path / "whole", device="cpu")
    shorter = {**RECIPE, "training": {**RECIPE["training"], "updates": 3}}
    train(read_recipe(shorter), tmp_path / "parts", device="cpu")
    parts = train(read_recipe(RECIPE), tmp_path / "parts", resume=True, device="cpu")
    assert whole.update == parts.update == 6
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, parts.model.state_dict()[name]), name
    loaded = neural.load(tmp_path / "whole", device="cpu")
    objects = loaded.part(draw_windows((5,), 24, count=1)[0].planes.astype(np.float32))
    assert objects.shape[1:] == (24, 24)
    with pytest.raises(ValueError, match="wanted"):
        loaded.part(np.zeros((6, 20, 20), np.float32))


def test_a_recipe_that_mixes_methods_is_refused():
    with pytest.raises(RecipeError, match="go together"):
        read_recipe({**RECIPE, "scenes": {"kind": "balls", "size": [24, 24]}})
    with pytest.raises(RecipeError, match="divisible by 8"):
        read_recipe({**RECIPE, "model": {**RECIPE["model"], "size": [20, 20]}})


def test_shipped_weights_do_what_their_score_says():
    folder = zoo.find("seeded-em-silhouettes")
    recipe, score = zoo.recipe_of(folder), zoo.read_score(folder)["results"][0]
    found = score_windows(neural.load(folder, device="cpu").model, recipe, count=100, seeds=[11])
    assert found["ari"] == pytest.approx(score["ari"], abs=0.08)
    assert found["exact"] == pytest.approx(score["exact"], abs=0.12)


def test_a_model_of_crowds_is_scored_from_the_command_line(tmp_path):
    import json
    import shlex
    import shutil

    from click.testing import CliRunner

    from segment.cli import main
    from segment.neural import zoo

    copy = tmp_path / "crowds"
    shutil.copytree(zoo.find("seeded-em-silhouettes"), copy)
    for more in ((), ("--rescore",)):
        line = ["score-neural", str(copy), "--count", "4", "--seed", "1", *more]
        result = CliRunner().invoke(main, line)
        assert result.exit_code == 0, result.output
        assert "one object left whole" in result.output
    document = json.loads((copy / "score.json").read_text())
    assert document["results"][0]["seeds"] == [1]
    assert document["scored"]["command"] == shlex.join(["segment", *line])
