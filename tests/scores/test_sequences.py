"""Masks and truth in files: how they are paired, aligned and refused."""

import json
import logging

import cv2
import numpy as np
import pytest

from segment.errors import NoFrames, UnreadableInput
from segment.scores import mean_of, score_sequences
from segment.scores.pairing import pair
from tests.conftest import write_video

SIZE = (6, 9)


def drawn(length=8, seed=0):
    """Masks (T, H, W) bool and truth (T, H, W) uint8 that agree mostly."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(np.array([0, 0, 50, 85, 170, 255, 255], np.uint8), (length, *SIZE))
    return (truth == 255) ^ (rng.random(truth.shape) < 0.2), truth


def f_of(masks, truth):
    tp = (masks & (truth == 255)).sum()
    return 2 * tp / (2 * tp + (masks & (truth <= 50)).sum() + (~masks & (truth == 255)).sum())


def pictures(folder, images, name="{:06d}.png", begin=0):
    folder.mkdir(parents=True)
    for t, image in enumerate(images):
        assert cv2.imwrite(str(folder / name.format(t + begin)), image)
    return folder


def video(path, images):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, images[..., None])


def grey(masks):
    return masks.astype(np.uint8) * 255


@pytest.mark.parametrize("skip", [0, 1, 3])
@pytest.mark.parametrize("kinds", ["pp", "pv", "vp", "vv"])
def test_every_kind_of_file_gives_the_same_score(tmp_path, kinds, skip):
    masks, truth = drawn()
    write = {"p": pictures, "v": lambda path, images: video(path.with_suffix(".mkv"), images)}
    ours = write[kinds[0]](tmp_path / "m" / "masks", grey(masks))
    theirs = write[kinds[1]](tmp_path / "t" / "truth", truth)

    (score,) = score_sequences(ours, theirs, skip=skip)

    assert (score.frames, score.of) == (8 - skip, 8 - skip)
    assert score.score.f == pytest.approx(f_of(masks[skip:], truth[skip:]), abs=1e-12)


def test_trees_are_paired_by_name(tmp_path):
    drawings = {name: drawn(seed=k) for k, name in enumerate(["street", "park", "quay"])}
    for name, (masks, truth) in drawings.items():
        folder = tmp_path / "out" / name
        pictures(folder / "masks", grey(masks))
        pictures(folder / "labels", grey(~masks))
        video(folder / "masks.mkv", grey(~masks))
        video(folder / "overlay.mkv", grey(masks))
        video(tmp_path / "data" / name / "truth.mkv", truth)
        video(tmp_path / "data" / name / "input.mkv", grey(masks))

    scores = score_sequences(tmp_path / "out", tmp_path / "data")

    assert [score.name for score in scores] == ["park", "quay", "street"]
    for score in scores:
        masks, truth = drawings[score.name]
        assert score.score.f == pytest.approx(f_of(masks[1:], truth[1:]), abs=1e-12)
    mean = mean_of(scores)
    assert mean["f"] == pytest.approx(np.mean([score.score.f for score in scores]), abs=1e-12)
    assert json.loads(json.dumps(scores[0].as_dict()))["frames"] == 7


def test_cdnet_counts_from_one_and_has_categories(tmp_path):
    masks, truth = drawn()
    root = tmp_path / "dataset"
    pictures(root / "baseline" / "highway" / "groundtruth", truth, "gt{:06d}.png", begin=1)
    pictures(root / "baseline" / "highway" / "input", grey(masks), "in{:06d}.jpg", begin=1)
    pictures(root / "shadow" / "cubicle" / "groundtruth", truth[::-1], "gt{:06d}.png", begin=1)
    ours = tmp_path / "out"
    pictures(ours / "highway" / "masks", grey(masks))
    theirs = tmp_path / "results"
    pictures(theirs / "baseline" / "highway", grey(masks), "bin{:06d}.png", begin=1)

    for folder in (ours, theirs):
        (score,) = score_sequences(folder, root, skip=0)
        assert score.name == "baseline/highway"
        assert score.score.f == pytest.approx(f_of(masks, truth), abs=1e-12)


def test_truth_beside_the_videos(tmp_path):
    masks, truth = drawn()
    video(tmp_path / "videos" / "street.truth.mkv", truth)
    video(tmp_path / "videos" / "street.mkv", truth)
    video(tmp_path / "videos" / "park.v2.truth.mkv", truth)
    pictures(tmp_path / "out" / "street" / "masks", grey(masks))
    pictures(tmp_path / "out" / "park.v2" / "masks", grey(masks))

    names = [name for name, _, _ in pair(tmp_path / "out", tmp_path / "videos")]
    assert names == ["park.v2", "street"]
    (score,) = score_sequences(
        tmp_path / "out" / "street", tmp_path / "videos" / "street.truth.mkv"
    )
    assert score.name == "street"


def test_one_sequence_finds_its_truth_in_a_tree(tmp_path):
    masks, truth = drawn()
    for name in ("street", "park"):
        video(tmp_path / "data" / name / "truth.mkv", truth)
    ours = pictures(tmp_path / "out" / "street" / "masks", grey(masks))

    for given in (ours, ours.parent, tmp_path / "out"):
        assert [name for name, _, _ in pair(given, tmp_path / "data")] == ["street"]


def test_who_stays_alone_is_told_to_the_log(tmp_path, caplog):
    masks, truth = drawn(3)
    for name in ("a", "b", "c"):
        pictures(tmp_path / "out" / name / "masks", grey(masks))
    for name in ("b", "c", "d"):
        video(tmp_path / "data" / name / "truth.mkv", truth)

    with caplog.at_level(logging.WARNING, "segment.scores"):
        scores = score_sequences(tmp_path / "out", tmp_path / "data")

    assert [score.name for score in scores] == ["b", "c"]
    assert "no truth for 1 of 3 sequences: a" in caplog.text
    assert "no masks for 1 of 3 sequences: d" in caplog.text


def test_every_third_mask_is_scored_against_its_own_frame(tmp_path):
    masks, truth = drawn(11)
    folder = pictures(tmp_path / "masks", grey(masks))
    for t in range(11):
        if t < 2 or (t - 2) % 3:
            (folder / f"{t:06d}.png").unlink()

    (score,) = score_sequences(folder, video(tmp_path / "truth.mkv", truth))

    assert (score.frames, score.of) == (3, 10)
    assert score.score.f == pytest.approx(f_of(masks[2::3], truth[2::3]), abs=1e-12)


def test_a_gap_is_an_error_that_names_it(tmp_path):
    masks, truth = drawn(9)
    folder = pictures(tmp_path / "masks", grey(masks))
    (folder / "000004.png").unlink()
    (folder / "000005.png").unlink()
    theirs = video(tmp_path / "truth.mkv", truth)

    with pytest.raises(UnreadableInput, match=r"no mask for 2 of the 8 frames of .*: 4, 5"):
        score_sequences(folder, theirs)
    with pytest.raises(UnreadableInput, match=r"no mask for 3 of the 8 frames of .*: 6, 7, 8"):
        score_sequences(video(tmp_path / "short.mkv", grey(masks[:6])), theirs)


def test_opencv_shadow_is_background(tmp_path):
    masks, truth = drawn()
    values = np.where(masks, 255, 127).astype(np.uint8)

    (score,) = score_sequences(
        pictures(tmp_path / "masks", values), pictures(tmp_path / "truth", truth), skip=0
    )

    assert score.score.f == pytest.approx(f_of(masks, truth), abs=1e-12)


def test_bad_files_get_one_clear_line(tmp_path):
    masks, truth = drawn()
    theirs = pictures(tmp_path / "truth", truth)
    ones = pictures(tmp_path / "ones", masks.astype(np.uint8))
    odd = pictures(tmp_path / "odd", grey(masks)[:, :, 1:])
    late = pictures(tmp_path / "late", grey(masks), begin=100)
    deep = pictures(tmp_path / "deep", grey(masks).astype(np.uint16))
    strange = pictures(tmp_path / "strange", np.full((8, *SIZE), 9, np.uint8))
    broken = pictures(tmp_path / "broken", grey(masks))
    (broken / "000003.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()

    for ours, other, error, message in [
        (ones, theirs, UnreadableInput, "frame 1: the mask holds 0 and 1"),
        (odd, theirs, UnreadableInput, r"frame 1: mask is \(6, 8\), but its truth is \(6, 9\)"),
        (late, theirs, NoFrames, "have no frame in common from frame 1 on"),
        (deep, theirs, UnreadableInput, r"000000\.png is uint16, wanted 8 bits"),
        (theirs, strange, UnreadableInput, "frame 1: truth holds 9"),
        (broken, theirs, UnreadableInput, r"000003\.png cannot be read"),
        (tmp_path / "empty", theirs, UnreadableInput, "holds neither videos nor folders"),
        (tmp_path / "nowhere", theirs, UnreadableInput, "nowhere does not exist"),
    ]:
        with pytest.raises(error, match=message):
            score_sequences(ours, other)


def test_names_that_do_not_match_are_listed(tmp_path):
    masks, truth = drawn(3)
    for name in ("a", "b"):
        pictures(tmp_path / "out" / name / "masks", grey(masks))
        video(tmp_path / "data" / f"{name}{name}" / "truth.mkv", truth)

    with pytest.raises(UnreadableInput, match=r"masks in .*\(a, b\) .* truth in .*\(aa, bb\)"):
        score_sequences(tmp_path / "out", tmp_path / "data")


def test_real_sequences_agree_with_an_independent_count(shared_data, tmp_path):
    names = ["sbi_Board", "sbi_HallAndMonitor"]
    for name in names:
        folder = shared_data / "background" / name
        subtractor = cv2.createBackgroundSubtractorMOG2(200, 16, True)
        images, truths = (cv2.VideoCapture(str(folder / f"{k}.mkv")) for k in ("input", "truth"))
        out = tmp_path / name / "masks"
        out.mkdir(parents=True)
        counts = np.zeros(4, int)
        for t in range(60):
            mask = subtractor.apply(images.read()[1])
            truth = truths.read()[1][:, :, 0]
            assert cv2.imwrite(str(out / f"{t:06d}.png"), mask)
            if t:
                found, moving, still = mask == 255, truth == 255, (truth == 0) | (truth == 50)
                for k, which in enumerate(
                    (found & moving, found & still, ~found & moving, ~found & still)
                ):
                    counts[k] += which.sum()
        tp, fp, fn, tn = counts
        (score,) = score_sequences(tmp_path / name, folder)
        assert score.frames == 59
        assert score.of > 200
        assert score.score.pwc == pytest.approx(100 * (fp + fn) / counts.sum(), abs=1e-9)
        assert score.score.f == pytest.approx(2 * tp / max(1, 2 * tp + fp + fn), abs=1e-9)
        assert score.score.fpr == pytest.approx(fp / (fp + tn), abs=1e-9)


def run_of(folder, numbers, **more):
    """Say in a run.json that the masks in `folder` are the frames `numbers`."""
    content = {"complete": True, "numbers": numbers, "first": 0, **more}
    (folder / "run.json").write_text(json.dumps(content))


def test_what_the_input_lacks_is_told_and_not_scored(tmp_path, caplog):
    masks, truth = drawn(9)
    folder = pictures(tmp_path / "out" / "masks", grey(masks))
    (folder / "000004.png").unlink()
    kept = np.arange(9) != 4
    film = video(tmp_path / "film" / "masks.mkv", grey(masks[kept]))
    theirs = pictures(tmp_path / "truth", truth)
    for place in (folder.parent, film.parent):
        run_of(place, "0-3 5-8")

    for ours in (folder, film):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "segment.scores"):
            (score,) = score_sequences(ours, theirs)
        assert "no mask for 1 of the 8 frames" in caplog.text
        assert (score.frames, score.of) == (7, 8)
        kept[0] = False
        assert score.score.f == pytest.approx(f_of(masks[kept], truth[kept]), abs=1e-12)
        kept[0] = True

    (folder / "000005.png").unlink()  # of this the run says nothing
    with pytest.raises(UnreadableInput, match="for 2 of the 8 frames"):
        score_sequences(folder, theirs)
    run_of(film.parent, "0-8")
    with pytest.raises(UnreadableInput, match="tells of 9"):
        score_sequences(film, theirs)


def test_masks_that_count_from_one_fit_a_truth_that_counts_from_zero(tmp_path, caplog):
    masks, truth = drawn(9)
    ours = pictures(tmp_path / "masks", grey(masks), begin=1)
    theirs = [pictures(tmp_path / "truth", truth), video(tmp_path / "truth.mkv", truth)]
    for other in theirs:
        with caplog.at_level(logging.WARNING, "segment.scores"):
            (score,) = score_sequences(ours, other, skip=0)
        assert "numbered 1 to 9 and the truth 0 to 8" in caplog.text
        assert score.score.f == pytest.approx(f_of(masks, truth), abs=1e-12)
    # A run that says that frame 0 was left out is believed.
    run_of(tmp_path, "1-9")
    (score,) = score_sequences(ours, theirs[0])
    assert score.score.f == pytest.approx(f_of(masks[:8], truth[1:]), abs=1e-12)


def test_truth_called_like_pictures_that_count_nothing_is_paired_by_their_names(tmp_path):
    masks, truth = drawn(4)
    names = ["ant.png", "bee.png", "cow.png", "dog.png"]
    ours = pictures(tmp_path / "out" / "masks", grey(masks))
    run_of(ours.parent, "0-3", pictures=names)
    (tmp_path / "truth").mkdir()
    for t in (0, 2, 3):  # the bee has no truth
        assert cv2.imwrite(str(tmp_path / "truth" / names[t]), truth[t])

    (score,) = score_sequences(ours, tmp_path / "truth", skip=0)

    assert score.score.f == pytest.approx(f_of(masks[[0, 2, 3]], truth[[0, 2, 3]]), abs=1e-12)
