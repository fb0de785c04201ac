"""A two-state chain for every pixel in time, behind `subtract` or in it: does it pay?

Behind: `python benchmarks/pixel_chain.py DATA SEQUENCE...` with DATA/SEQUENCE/{input,truth}.mkv.
Masks of `PosteriorSubtractor` are seen as noisy reports of a state that lasts: foreground or not.
The chain is a Bernoulli hidden Markov model, fitted without labels to the masks of some pixels,
and then filtered online at every pixel. F against the truth before and after, and the time.

In it, on composed footage:

    python benchmarks/background_kinds.py --each 1 --frames 200 --size 120 160 --methods subtract \\
        plain weak lasting soft inert $(for name in plain weak lasting soft inert; do
        echo --subtractor $name=benchmarks.pixel_chain:$name; done)

The soft decision, log odds of each pixel in each frame, is what its state emits; the state is
filtered before the mask is tidied, and what is learned follows it. `plain` has no chain, but
tidies as the others do. The others differ in how long states last and what a frame counts.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from segment.background import PosteriorSubtractor
from segment.background.posterior.decision import PooledEvidence
from segment.mixture import BernoulliMixture, HiddenMarkovModel
from segment.video import open_frames


class ChainedEvidence(PooledEvidence):
    """The pooled evidence of each pixel, filtered through a chain of two states in time.

    stay, enter : P(foreground | foreground before), P(foreground | background before).
    counts : what the log odds of one frame are multiplied by; None leaves the past out.
    """

    def __init__(self, stay, enter, counts):
        super().__init__()
        self.stay, self.enter, self.counts = stay, enter, counts
        self.share = None

    def begin(self, size):
        self.share = None

    def decide(self, statistics, asked, sensitivity, workspace):
        plain = super().decide(statistics, asked, sensitivity, workspace)
        found = self.soften(statistics.evidence, plain.shape, sensitivity).probability
        if self.counts is not None:
            if self.share is None or self.share.shape != found.shape:
                self.share = np.full(found.shape, 0.5, np.float32)
            before = self.share * (self.stay - self.enter) + self.enter
            odds = (found / np.maximum(1 - found, 1e-30)) ** self.counts * before / (1 - before)
            # A state that is certain could never change again.
            found = self.share = np.clip(odds / (1 + odds), 1e-4, 1 - 1e-4)
        voted = cv2.medianBlur((found > 0.5).astype(np.uint8), asked.majority)
        if asked.closing > 1:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (asked.closing, asked.closing))
            voted = cv2.morphologyEx(voted, cv2.MORPH_CLOSE, disc)
        return np.ascontiguousarray(voted)


def subtract_with(*chain):
    subtractor = PosteriorSubtractor()
    subtractor._decision = ChainedEvidence(*chain)
    return subtractor


# How foreground lasts, how it comes, and what a frame counts.


def plain():
    return subtract_with(0.5, 0.5, None)


def weak():
    return subtract_with(0.9, 0.05, 1.0)


def lasting():
    return subtract_with(0.97, 0.02, 1.0)


def soft():
    return subtract_with(0.97, 0.02, 0.5)


def inert():
    return subtract_with(0.99, 0.005, 0.5)


def f_measure(counts):
    hit, wrong, missed = counts
    return 2 * hit / max(2 * hit + wrong + missed, 1)


def count(mask, truth):
    judged = (truth == 0) | (truth == 50) | (truth == 255)
    real = truth == 255
    return np.array([(mask & real).sum(), (mask & ~real & judged).sum(), (~mask & real).sum()])


def learn(masks, rng):
    """P(report of foreground) of each state, and moves, from the pixels that ever changed."""
    table = np.array(masks).reshape(len(masks), -1)
    lively = np.flatnonzero(table.mean(axis=0) > 0.02)
    some = rng.choice(lively, min(len(lively), 400), replace=False)
    X = table[:, some].T.reshape(-1, 1).astype(float)
    model = HiddenMarkovModel(
        2,
        BernoulliMixture(means_init=[[0.02], [0.9]], weights_init=[0.5, 0.5]),
        transitions_init=[[0.97, 0.03], [0.1, 0.9]],
        max_iter=50,
    ).fit(X, [len(masks)] * len(some))
    order = model.emission_.means_[:, 0].argsort()
    return model.emission_.means_[order, 0], model.transitions_[np.ix_(order, order)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sequences", nargs="+")
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    for name in options.sequences:
        subtractor, masks, spent = PosteriorSubtractor(), [], 0.0
        with open_frames(options.data / name / "input.mkv") as frames:
            for frame, _ in zip(frames, range(options.frames), strict=False):
                begin = time.process_time()
                masks.append(subtractor.apply(frame.image))
                spent += time.process_time() - begin
        with open_frames(options.data / name / "truth.mkv") as frames:
            truths = [f.image[..., 0] for f, _ in zip(frames, range(options.frames), strict=False)]
        reports, moves = learn(masks, np.random.default_rng(0))
        share = np.full(masks[0].shape, 0.05, np.float32)
        plain, chained, begin = np.zeros(3), np.zeros(3), time.process_time()
        filtered = []
        for mask in masks:
            share = share * moves[1, 1] + (1 - share) * moves[0, 1]
            on = np.where(mask, reports[1], 1 - reports[1]) * share
            off = np.where(mask, reports[0], 1 - reports[0]) * (1 - share)
            share = on / (on + off)
            filtered.append(share > 0.5)
        cost = time.process_time() - begin
        for mask, other, truth in list(zip(masks, filtered, truths, strict=True))[1:]:
            plain += count(mask, truth)
            chained += count(other, truth)
        print(
            f"{name}: F {f_measure(plain):.4f}, with the chain {f_measure(chained):.4f}; "
            f"P(report) {np.round(reports, 3)}, stays {np.round(np.diagonal(moves), 3)}; "
            f"{spent / len(masks) * 1e3:.1f} ms a frame, the chain {cost / len(masks) * 1e3:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
