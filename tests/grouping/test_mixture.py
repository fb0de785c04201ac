"""Pictures into groups: drawn scenes with known groups, the laws of cuts, kernels and twins."""

import itertools
import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.io import imsave

from segment import samples
from segment.cli import main
from segment.grouping import MixtureGrouper, features
from segment.grouping.pictures import hierarchy, judges, kernels
from segment.measures.tracks import TrackScore
from segment.video import open_frames
from tests.conftest import write_video
from tests.reference import pictures as reference


def quarters(size=(90, 130), noise=8, seed=3):
    """Four colours with noise, and the truth."""
    truth = np.ones(size, np.int32)
    truth[:, size[1] // 2 :] = 2
    truth[size[0] // 2 :] += 2
    colours = np.array([[0, 0, 0], [200, 60, 50], [60, 180, 70], [70, 80, 200], [220, 220, 90]])
    rng = np.random.default_rng(seed)
    image = colours[truth] + rng.normal(0, noise, (*size, 3))
    return np.clip(image, 0, 255).astype(np.uint8), truth


def agreement(labels, truth):
    """Share of the pixels that lie in the label that is most common in their segment."""
    return np.mean([(labels[truth == t] == np.bincount(labels[truth == t]).argmax()).mean()
                    for t in np.unique(truth)])  # fmt: skip


# --- known answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["learned", "unasked"])
def test_four_colours_are_four_groups(who):
    image, truth = quarters()

    labels = MixtureGrouper(judges=who).group(image)

    assert labels.dtype == np.int32
    assert len(np.unique(labels)) == 4
    assert agreement(labels, truth) > 0.98
    np.testing.assert_array_equal(labels[[0, 0, -1, -1], [0, -1, 0, -1]], [1, 2, 3, 4])


def test_one_colour_is_one_group():
    image = np.clip(np.random.default_rng(0).normal(120, 3, (80, 110, 3)), 0, 255).astype(np.uint8)

    assert len(np.unique(MixtureGrouper().group(image))) == 1


def test_textures_of_one_mean_are_told_apart():
    y, x = np.mgrid[:96, :140]
    truth = np.where(x < 70, 1, 2)
    stripes = np.where(x < 70, np.sin(y * 1.6), np.sin(x * 1.6))
    image = np.repeat((128 + 50 * stripes)[..., None], 3, axis=2).astype(np.uint8)

    assert agreement(MixtureGrouper(2).group(image), truth) > 0.9


@pytest.mark.parametrize("components", [1, 2, 3, 4, 7])
def test_as_many_groups_as_were_asked_for(components):
    image, _ = quarters()

    assert len(np.unique(MixtureGrouper(components).group(image))) == components


def test_what_does_not_touch_is_never_one_group():
    image, _ = quarters()
    foreground = np.zeros(image.shape[:2], bool)
    foreground[10:30, 10:30] = foreground[10:30, 35:50] = True

    labels = MixtureGrouper(1).group(image, foreground)

    np.testing.assert_array_equal(labels > 0, foreground)
    assert labels[15, 15] != labels[15, 40]
    assert len(np.unique(labels)) == 3


def test_large_pictures_are_refined_to_their_own_edges():
    image, truth = quarters((901, 1203))

    labels = MixtureGrouper().group(image)

    assert labels.shape == truth.shape
    assert agreement(labels, truth) > 0.998


def test_a_large_foreground_is_covered_and_nothing_else():
    image, _ = quarters((601, 803))
    foreground = np.random.default_rng(5).random((601, 803)) < 0.001
    foreground[100:300, 50:700] = True

    labels = MixtureGrouper().group(image, foreground)

    np.testing.assert_array_equal(labels > 0, foreground)


def test_grey_pictures_are_grouped_as_their_colour_twins():
    image, truth = quarters()
    grey = image.mean(axis=2).astype(np.uint8)[..., None]

    labels = MixtureGrouper(4).group(grey)

    np.testing.assert_array_equal(labels, MixtureGrouper(4).group(grey.repeat(3, axis=2)))
    assert agreement(labels, truth) > 0.95


def test_groups_keep_their_ids_while_the_camera_moves():
    image, truth = quarters((110, 150))
    grouper = MixtureGrouper()
    frames = [
        grouper.group(np.ascontiguousarray(image[t : t + 90, t : t + 130])) for t in (0, 3, 6)
    ]

    for t, labels in zip((0, 3, 6), frames, strict=True):
        assert agreement(labels, truth[t : t + 90, t : t + 130]) > 0.97
        np.testing.assert_array_equal(labels[[5, 5, -5, -5], [5, -5, 5, -5]], [1, 2, 3, 4])


def test_each_fit_begins_where_the_last_one_ended():
    image, _ = quarters()
    mixtures = features.Mixtures()
    features.describe(image, mixtures)
    first = mixtures.colours

    features.describe(image, mixtures)

    assert first is not None
    assert mixtures.colours is not first
    assert mixtures.colours.score(image.reshape(-1, 3)[:9] / 99.0) is not None
    # The same Gaussian has the same number.
    moved = np.abs(mixtures.colours.means_[:, None] - first.means_[None]).sum(axis=2)
    heavy = first.weights_ > 0.1
    assert heavy.sum() >= 3
    np.testing.assert_array_equal(moved.argmin(axis=1)[heavy], np.flatnonzero(heavy))


# --- laws ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(2)
    image, _ = quarters((75, 101), noise=40)
    image[20:40, 30:80] = rng.integers(0, 255, 3)
    return MixtureGrouper().hierarchy(image)


def test_posteriors_sum_to_one_and_edges_are_strengths():
    image, _ = quarters((33, 47))
    found = features.describe(image)

    for posterior in (found.colours, found.textures):
        np.testing.assert_allclose(posterior.sum(axis=2), 1, atol=1e-5)
        assert posterior.min() >= 0
    assert found.edges.shape == (33, 47, 10)
    assert found.edges.min() >= 0
    assert np.isfinite(features.surroundings(found.edges)).all()


def test_coarser_cuts_join_what_finer_ones_part(found):
    scales = np.linspace(0, 1, 21)
    cuts = [found.cut(scale) for scale in scales]

    for fine, coarse in itertools.pairwise(cuts):
        for label in np.unique(fine):
            assert len(np.unique(coarse[fine == label])) == 1
    np.testing.assert_array_equal(cuts[0], hierarchy.in_reading_order(found.pieces))
    assert len(np.unique(cuts[-1])) == 1
    assert len({len(np.unique(cut)) for cut in cuts}) > 3


def test_every_number_of_groups_can_be_had(found):
    for groups in range(1, found.count + 1, 3):
        assert len(np.unique(found.cut_to(groups))) == groups
    np.testing.assert_array_equal(found.cut_to(10**6), found.cut(0))


def test_contours_are_where_cuts_part(found):
    strength = found.strength()
    for scale in (0.03, 0.2, 0.5, 0.8, 0.97):
        labels = found.cut(scale)
        border = np.zeros(labels.shape, bool)
        border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        border[1:] |= labels[1:] != labels[:-1]
        np.testing.assert_array_equal(border, strength > scale)


def test_pieces_are_whole():
    from skimage.measure import label

    image, _ = quarters((60, 70), noise=60)
    pieces = MixtureGrouper().hierarchy(image).pieces

    assert label(pieces, connectivity=1).max() == pieces.max() <= hierarchy.PIECES


@given(st.integers(0, 2**32 - 1), st.integers(2, 14), st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_kernel_merges_as_the_twin(seed, count, until):
    rng = np.random.default_rng(seed)
    one, other = np.triu_indices(count, 1)
    chosen = rng.random(len(one)) < 0.5
    ends = np.stack([one[chosen], other[chosen]], axis=1).astype(np.int64)
    pixels = rng.permutation(count * 9)[:count, None] + 5.0  # no two of a size
    spot = np.concatenate([pixels, pixels * rng.random((count, kernels.REGION - 1))], axis=1)
    place = pixels * rng.normal(size=(count, 8))
    along = rng.integers(1, 9, (len(ends), 1)).astype(float)
    border = np.concatenate([along, along * rng.random((len(ends), kernels.BORDER - 1))], axis=1)
    judge = judges.Judge(
        rng.normal(size=(kernels.CUES, 6)), rng.normal(size=6), rng.normal(size=6), 0.3
    )
    graph = hierarchy.Graph(np.ones((20, 30), np.int32), spot, place, border, ends)

    pairs, odds, _ = hierarchy.run(graph, judge, until)

    expected = reference.merge(
        spot, place, border, ends, 600.0, until, lambda cues: judge.odds(cues[None])[0]
    )
    np.testing.assert_array_equal(pairs, expected[0])
    np.testing.assert_allclose(odds, expected[1], rtol=1e-8, atol=1e-8)


def test_people_agree_by_the_larger_parts():
    people = np.array([[9, 1, 5, 0], [2, 8, 6, 0], [7, 3, 0, 1]])
    starts = np.array([0, 2, 4])

    assert kernels.agree(people, starts, 0, 1) == 0.5
    assert kernels.agree(people, starts, 0, 2) == 0.5
    assert kernels.agree(people, starts, 1, 2) == 0
    assert kernels.agree(people, starts, 1, 1) == 1


# --- doors --------------------------------------------------------------------------------------


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="components is 0, wanted 1 or more"):
        MixtureGrouper(0)
    with pytest.raises(TypeError, match=r"components is 2.5, wanted a whole number"):
        MixtureGrouper(2.5)
    with pytest.raises(ValueError, match=r"scale is 1.5, wanted a number from 0"):
        MixtureGrouper(scale=1.5)


def test_judges_survive_being_written(tmp_path):
    learned = judges.load()

    judges.save(learned, tmp_path / "again.json", "a copy")

    again = judges.load(str(tmp_path / "again.json"))
    for name in ("pixels", "first", "second"):
        for ours, theirs in zip(
            getattr(again, name).arrays, getattr(learned, name).arrays, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert again.usual == learned.usual


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "Expecting"), ("{}", "format"), ('{"format": "other", "version": 1}', "another format")],
)
def test_damaged_judges_are_named(tmp_path, text, said):
    file = tmp_path / "judges.json"
    file.write_text(text)
    with pytest.raises(judges.JudgesError, match=said):
        judges.load(str(file))


def test_judges_of_another_shape_are_refused(tmp_path):
    file = tmp_path / "judges.json"
    judges.save(judges.load(), file, "")
    document = json.loads(file.read_text())
    document["second"]["weights"].pop()
    file.write_text(json.dumps(document))
    with pytest.raises(judges.JudgesError, match=r"weights are \(33, "):
        judges.load(str(file))


def test_missing_judges_are_named():
    with pytest.raises(judges.JudgesError, match="no learned numbers 'nobody'"):
        MixtureGrouper(judges="nobody").group(np.zeros((4, 5, 3), np.uint8))


def test_a_picture_from_the_command_line(tmp_path):
    image, truth = quarters()
    imsave(tmp_path / "photo.png", image, check_contrast=False)

    stages = "group-mixture --components 4 export"
    line = ["--quiet", "read", f"{tmp_path / 'photo.png'}", *stages.split(), f"{tmp_path / 'out'}"]
    result = CliRunner().invoke(main, [*line, "--as", "labels", "--as", "overlay"])

    assert result.exit_code == 0, result.output
    written = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    from skimage.io import imread

    labels = next(imread(path) for path in written if "labels" in str(path))
    assert agreement(labels, truth) > 0.98


def test_more_components_than_a_picture_has_colours_are_no_reason_to_warn(caplog):
    with open_frames(samples.path("street")) as frames:
        image = np.ascontiguousarray(next(iter(frames)).image[::4, ::4])
    MixtureGrouper().group(image)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


# --- group without subtract ---------------------------------------------------------------------


def crossing(length=6):
    """Two balls on a shaded floor, one passes before the other, and the truth."""
    y, x = np.mgrid[:70, :100]
    images, truths = [], []
    for n in range(length):
        truth = np.zeros((70, 100), np.int32)
        truth[np.hypot(y - 40, x - (72 - 5 * n)) < 11] = 1
        truth[np.hypot(y - 34, x - (24 + 5 * n)) < 12] = 2
        colour = np.array([[0, 0, 0], [190, 60, 50], [60, 90, 190]])[truth].astype(float)
        colour[truth == 0] = (95 + 0.3 * y)[truth == 0, None]
        noise = np.random.default_rng(n).normal(0, 2, colour.shape)
        images.append(np.clip(colour + noise, 0, 255).astype(np.uint8))
        truths.append(truth)
    return images, truths


def test_group_without_subtract_follows_what_looks_alike_through_a_video(tmp_path, caplog):
    from skimage.io import imread

    images, truths = crossing()
    video = write_video(tmp_path / "balls.mkv", images)

    result = CliRunner().invoke(main, f"read {video} group export {tmp_path / 'out'} --as labels")

    assert result.exit_code == 0, result.output
    assert "balls has no foreground masks" in result.output + caplog.text
    written = [imread(path) for path in sorted((tmp_path / "out").rglob("*.png"))]
    assert len(written) == len(images)
    score = TrackScore()
    for labels, truth in zip(written, truths, strict=True):
        score.count(labels.astype(np.int32), truth)
    assert score.frame_ari > 0.95
    assert score.sequence_ari > 0.95


def test_group_without_subtract_is_group_mixture(tmp_path):
    video = write_video(tmp_path / "balls.mkv", crossing(3)[0])
    for name in ("group", "group-mixture"):
        line = f"-q read {video} {name} --patience 7 export {tmp_path / name} --as labels"
        assert CliRunner().invoke(main, line).exit_code == 0

    one, other = (sorted((tmp_path / n).rglob("*.png")) for n in ("group", "group-mixture"))
    assert len(one) == 3
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
