"""Neural EM's slots: how three of them share out a sequence that they were never told about.

python docs/examples/slots_of_neural_em.py
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from segment import neural
from segment.neural.scenes import flying_shapes

SHOWN = (0, 1, 2, 5, 10, 19)
"""Frames that are drawn: what moves alike is known after two."""
COLOURS = np.array([[0.9, 0.25, 0.2], [0.2, 0.7, 0.3], [0.25, 0.4, 0.95]])


def draw(out: Path) -> float:
    """Write slots.png; return the share of lit pixels whose slot is their object's."""
    model = neural.load("rnn-em-flying-shapes", "cpu")
    scenes = flying_shapes(np.random.default_rng(4), 1, objects=3, length=20)
    frames = scenes.images[0]
    labels, gamma = model.group(frames, seed=0)
    figure, axes = plt.subplots(3, len(SHOWN), figsize=(2 * len(SHOWN), 6))
    for column, t in enumerate(SHOWN):
        shared = np.einsum("khw,kc->hwc", gamma[t], COLOURS)
        axes[0, column].imshow(frames[t].squeeze(), cmap="gray")
        axes[0, column].set_title(f"frame {t}")
        axes[1, column].imshow(shared.clip(0, 1))
        axes[2, column].imshow(labels[t], cmap="tab10", vmin=0, vmax=9)
    for axis, name in zip(axes[:, 0], ("seen", "responsibilities", "labels"), strict=True):
        axis.set_ylabel(name)
    for axis in axes.ravel():
        axis.set_xticks([])
        axis.set_yticks([])
    figure.tight_layout()
    figure.savefig(out / "slots.png", dpi=60)
    plt.close(figure)
    return agreement(labels[-1], scenes.groups[0, -1])


def agreement(labels: np.ndarray, truth: np.ndarray) -> float:
    """Share of the objects' pixels in the slot that most of their object is in."""
    right = sum(np.bincount(labels[truth == one]).max() for one in np.unique(truth[truth > 0]))
    return float(right / (truth > 0).sum())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    print(f"{draw(parser.parse_args().out):.3f} of the last frame's pixels are with their object")
