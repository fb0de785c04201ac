"""Fitting to footage: what is cut out, how it is laid over each other, and what is kept."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from segment import fitting
from segment.cli import main
from segment.errors import SegmentError
from segment.neural import zoo
from segment.neural.recipe import read_recipe
from segment.neural.seeded.config import SeededConfig
from segment.neural.seeded.footage import Footage, FootageError, compose, draw
from segment.neural.seeded.loaded import LoadedSeeded
from segment.neural.seeded.model import SeededEM
from segment.neural.seeded.task import WindowTask, merit
from segment.neural.training.loop import train
from segment.neural.training.trainer import Trainer, TrainingError
from segment.neural.training.verdict import keep_the_better
from segment.neural.weights import WEIGHTS, load_weights, save_weights
from tests.conftest import write_video

RECIPE = {
    "model": {"cell": "seeded", "size": [24, 24], "features": 8, "widths": [8, 8, 12]},
    "scenes": {"kind": "silhouettes"},
    "training": {"steps": 2, "batch": 2, "updates": 2, "validate": 1, "held_out": 6, "rate": 2e-3},
}
NETWORK = SeededConfig(size=(24, 24), features=8, widths=(8, 8, 12))


def picture(*blobs):
    """Textured ground and labels (90, 160), with a blob of each (label, top, left, side)."""
    ground = np.random.default_rng(0).integers(90, 110, (90, 160, 3)).astype(np.uint8)
    labels = np.zeros((90, 160), np.int32)
    for number, top, left, side in blobs:
        where = np.s_[top : top + side, left : left + side]
        labels[where] = number
        ground[where] = np.array([40, 80, 20]) * number
    return ground, labels


def watched(scene, frames):
    footage = Footage()
    for t in range(frames):
        footage.watch(*picture(*scene(t)))
    return footage


@pytest.fixture(scope="module")
def footage():
    """Two squares that pass each other far apart, for eighty frames."""
    return watched(lambda t: [(1, 20, 20 + t, 14), (2, 60, 120 - t, 10)], 80)


def test_what_is_alone_is_cut_out_with_its_picture_before(footage):
    first = footage.cutouts[0]
    assert first.frame == 7  # alone for eight frames, four of them known
    assert first.scale == pytest.approx(1.0)
    assert first.foot == pytest.approx(34 / 90)
    assert first.mask.sum() == 14 * 14
    np.testing.assert_array_equal(np.unique(first.image[first.mask], axis=0), [[40, 80, 20]])
    rows, columns = np.nonzero(first.mask)
    before = np.zeros_like(first.mask)
    before[rows, columns - 4] = True  # a pixel a frame, four frames ago
    np.testing.assert_array_equal(first.earlier, before)
    np.testing.assert_array_equal(np.unique(first.before[before], axis=0), [[40, 80, 20]])


@pytest.mark.parametrize(
    "scene",
    [
        lambda t: [(1, 20, 20, 14), (2, 20, 34, 14)],  # they touch
        lambda t: [(1, 0, 20, 14)],  # it is cut by the border
        lambda t: [(1, 20, 20, 7)],  # it is small
        lambda t: [(1, 20, 20, 10 + 8 * (t // 4 % 2))],  # it is now larger, now smaller
        lambda t: [(1 + t // 5, 20, 20, 14)],  # it is somebody else every five frames
    ],
    ids=["touching", "at the border", "small", "unsteady", "brief"],
)
def test_what_nobody_can_be_sure_of_is_not_cut_out(scene):
    assert watched(scene, 12).cutouts == []


def test_cutouts_are_bounded_and_spread_over_the_footage():
    footage = Footage(most=10)
    for t in range(200):
        footage.watch(*picture((1, 30, 5 + t // 2, 12)))
    assert len(footage.cutouts) <= 10
    frames = [one.frame for one in footage.cutouts]
    assert frames == sorted(frames)
    assert frames[0] < 40
    assert frames[-1] > 160


def test_parts_follow_each_other(footage):
    learn, choose, judge = footage.parts()
    assert max(one.frame for one in learn) < min(one.frame for one in choose) <= 60
    assert min(one.frame for one in judge) >= 60
    assert len(learn) + len(choose) + len(judge) == len(footage.cutouts)


def test_too_little_footage_is_told():
    with pytest.raises(FootageError, match=r"30 frames .* wanted at least 8; give longer videos"):
        watched(lambda t: [(1, 20, 20 + t, 14)], 30).parts()


def test_another_video_begins_with_nobody_known(footage):
    both = watched(lambda t: [(1, 20, 20 + t, 14)], 10)
    before = len(both.cutouts)
    both.begin()
    for t in range(7):
        both.watch(*picture((1, 20, 20 + t, 14)))
    assert len(both.cutouts) == before
    both.watch(*picture((1, 20, 27, 14)))
    assert len(both.cutouts) == before + 1


def test_grey_and_colour_are_laid_over_each_other(footage):
    grey = Footage()
    for t in range(40):
        image, labels = picture((1, 30, 20 + t, 16))
        grey.watch(image[..., :1], labels)
    both = [grey.cutouts[0], footage.cutouts[0]]
    for cutouts in (both, both[::-1]):
        image, before, _, whose = compose(np.random.default_rng(1), cutouts)
        assert image.shape == before.shape == (*whose.shape, 3)
    assert np.ptp(grey.cutouts[0].image, axis=2).max() == 0


class Network:
    """Parts whatever it is shown, but only in every so many pictures."""

    size = 24

    def __init__(self, often):
        self.often, self.asked = often, 0

    def part(self, window):
        self.asked += 1
        colours = window[1:4, window[0] > 0]
        assert np.abs(colours).max() < 1  # one colour: the object alone, without its ground
        halves = np.zeros((2, 24, 24), np.float32)
        if self.asked % self.often == 0:
            halves[0, :, :12] = halves[1, :, 12:] = 1
        return halves


def test_whom_the_network_parts_at_most_times_is_left_out(footage):
    for often, left_out in ((1, 2), (3, 0)):
        held = Footage()
        held.cutouts, held.frames = list(footage.cutouts), footage.frames
        assert held.vote(Network(often)) == left_out
        assert len(held.cutouts) == (0 if left_out else len(footage.cutouts))


def test_what_is_composed_says_whose_every_pixel_is(footage):
    one = next(c for c in footage.cutouts if c.mask.sum() == 196)
    other = next(c for c in footage.cutouts if c.mask.sum() == 100)
    overlapped = 0
    for seed in range(40):
        image, before, mask, whose = compose(np.random.default_rng(seed), [one, other])
        assert image.shape == before.shape == (*mask.shape, 3)
        assert mask[whose > 0].mean() > 0.95  # a corner may be tidied off
        for number, colour in ((1, [40, 80, 20]), (2, [80, 160, 40])):
            own = image[whose == number]
            if len(own):
                assert (np.abs(own.astype(int) - colour).max(1) <= 30).mean() > 0.8
        overlapped += np.count_nonzero(whose) < 196 + 75
    assert 5 < overlapped < 40


def test_equal_seeds_draw_equal_windows(footage):
    windows = [draw(np.random.default_rng(5), footage.cutouts, 24) for _ in range(2)]
    for one, other in zip(*windows, strict=True):
        np.testing.assert_array_equal(one, other)
    several = [draw(np.random.default_rng(s), footage.cutouts, 24) for s in range(40)]
    counts = [len(np.unique(w.whose[(w.whose > 0) & (w.whose < 255)])) for w in several]
    assert {1, 2} <= set(counts)
    assert all(window.planes.shape == (6, 24, 24) for window in several)


def weights(folder, seed):
    torch.manual_seed(seed)
    model = SeededEM(NETWORK).eval()
    folder.mkdir(exist_ok=True)
    save_weights(model, folder / WEIGHTS)
    return model


def test_the_better_weights_are_kept(tmp_path, footage, monkeypatch):
    """Whatever judges: here it has a liking for one of two networks, and moods."""
    first = weights(tmp_path / "first", 0).state_dict()["predict.bias"]

    def judge(model, windows, steps):
        liked = torch.equal(model.state_dict()["predict.bias"], first)
        mood = float(windows[0].planes[0].mean())
        values = {"ami": 0.5, "ari": 0.5 + 0.1 * liked + mood, "single": 0.8, "several": 1.0}
        return values | {"exact": 0.5 + 0.1 * liked}

    monkeypatch.setattr("segment.neural.training.verdict.judge", judge)
    for name, helped in (("second", False), ("first", True)):
        fitted = weights(tmp_path / "out", int(name == "second"))
        start = weights(tmp_path / "start", int(name == "first"))
        verdict = keep_the_better(start, tmp_path / "out", read_recipe(RECIPE), footage)
        assert verdict["helped"] == helped
        np.testing.assert_allclose(verdict["gain_by_seed"], [0.05 if helped else -0.05] * 5)
        assert verdict["after"]["exact"] == (0.6 if helped else 0.5)
        kept = load_weights(tmp_path / "out" / WEIGHTS).state_dict()
        wanted = (fitted if helped else start).state_dict()
        assert all(torch.equal(kept[key], wanted[key]) for key in wanted)
        json.dumps(verdict)


def test_weights_that_none_surpasses_stay(tmp_path, footage):
    start = weights(tmp_path / "start", 0)
    still = {**RECIPE, "training": RECIPE["training"] | {"rate": 1e-12}}
    trainer = train(read_recipe(still), tmp_path / "out", start=start, footage=footage)
    assert trainer.kept["update"] == 0  # the look before the first update counts
    assert merit(trainer.kept) == max(map(merit, trainer.curve))
    kept = load_weights(tmp_path / "out" / WEIGHTS).state_dict()
    for key, value in start.state_dict().items():
        torch.testing.assert_close(kept[key], value)


def test_half_of_a_batch_is_footage(tmp_path, footage):
    grey = [one._replace(image=one.image * 0 + 50) for one in footage.cutouts]
    recipe = read_recipe(RECIPE)
    trainer = Trainer(recipe, task=WindowTask(recipe, grey, grey))
    batch = trainer.make_batch(0)
    flat = (batch.windows[:, 1:4].abs().amax(dim=(1, 2, 3)) == 0).tolist()
    assert flat[1::2] == [True] * len(flat[1::2])
    assert not all(flat[::2])


def test_only_seeded_models_are_fitted(tmp_path, footage):
    with pytest.raises(TrainingError, match=r'only .* "seeded"'):
        train(read_recipe({}), tmp_path, footage=footage)


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Two squares that go to and fro over a noisy ground, from frame 10 on."""
    rng = np.random.default_rng(1)
    images = rng.integers(95, 105, (150, 90, 160, 3)).astype(np.uint8)
    for t in range(10, 150):
        across = 10 + abs((3 * t) % 220 - 110)
        images[t, 15:33, across : across + 14] = (200, 60, 40)
        images[t, 55:70, 134 - across : 152 - across] = (30, 60, 190)
    return write_video(tmp_path_factory.mktemp("footage") / "squares.mkv", images)


@pytest.fixture
def few(tmp_path):
    """The recipe that ships, with one update."""
    text = (zoo.find("seeded-em-silhouettes") / "footage.toml").read_text()
    for old, new in (("updates = 400", "updates = 1"), ("held_out = 200", "held_out = 8"),
                     ("batch = 30", "batch = 2")):  # fmt: skip
        assert old in text
        text = text.replace(old, new)
    recipe = tmp_path / "few.toml"
    recipe.write_text(text)
    return recipe


def test_one_call_fits_the_model_to_a_video(tmp_path, video, few):
    verdict = fitting.fit([video], tmp_path / "mine", recipe=few)
    assert verdict["frames"] == 150
    assert set(verdict["before"]) == set(verdict["after"])
    assert (tmp_path / "mine" / "recipe.toml").read_text() == few.read_text()
    assert zoo.load(tmp_path / "mine", "cpu", kind=LoadedSeeded).size == 40
    with pytest.raises(TrainingError, match="holds a training already"):
        fitting.fit([video], tmp_path / "mine", recipe=few)
    with pytest.raises(SegmentError, match='the recipe\'s is "rnn-em"'):
        fitting.fit(
            [video], tmp_path / "other", recipe=zoo.find("rnn-em-flying-shapes") / "recipe.toml"
        )


def test_a_line_fits_the_model_to_a_video(tmp_path, video, few):
    recipe, out = few, tmp_path / "out"
    result = run("train", recipe, "--on", video, "--out", out, "--count", 5)
    assert result.exit_code == 0, result.output
    assert "on the footage's last quarter, before and after" in result.output
    score = json.loads((out / "score.json").read_text())
    assert score["footage"]["frames"] == 150
    assert score["command"].split()[3:5] == ["--on", str(video)]
    assert zoo.load(out, "cpu").size == 40
    again = run("train", recipe, "--on", video, "--out", out)
    assert "holds a training already" in again.output


def test_mistakes_are_told_before_anything_is_watched(tmp_path, video):
    assert "give a RECIPE, or footage" in run("train", "--out", tmp_path / "out").output
    flying = zoo.find("rnn-em-flying-shapes") / "recipe.toml"
    wrong = run("train", flying, "--on", video, "--out", tmp_path / "out")
    assert wrong.exit_code == 2
    assert 'cell "seeded"' in wrong.output
    assert not (tmp_path / "out").exists()
