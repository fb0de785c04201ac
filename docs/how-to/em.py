"""The pictures of docs/how-to/em.md: runs its code blocks, and draws what they found."""

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from segment.mixture import plots

HERE = Path(__file__).parent


def run_page() -> dict[str, Any]:
    """Run every Python block of the page, one after the other, in one space."""
    space: dict[str, Any] = {}
    text = (HERE / "em.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.S)):
        exec(compile(block, f"em.md, block {number}", "exec"), space)
    return space


def save(figure: Any, name: str) -> None:
    """Write a picture beside the page."""
    figure.tight_layout()
    figure.savefig(HERE / name, dpi=70)
    plt.close(figure)


def draw(space: dict[str, Any]) -> None:
    """Draw what the blocks left in their space."""
    save(plots.plot_iterations(space["model"], space["X"]), "em-iterations.png")

    figure, axes = plt.subplots(figsize=(6, 3.2))
    plots.plot_likelihood(space["model"], axes)
    save(figure, "em-bound.png")

    figure, axes = plt.subplots(figsize=(8, 3.2))
    gaps, marks, answers = space["gaps"][:, 2], space["marks"][:, 2], space["answers"]
    some = np.flatnonzero(gaps)[:20]
    for coverage, width in ((0.99, 1), (0.9, 3), (0.5, 6)):
        low, high = answers.interval(coverage)
        axes.vlines(range(len(some)), low[some, 2], high[some, 2], "tab:blue", linewidth=width)
    axes.plot(range(len(some)), marks[some], "o", color="tab:red", label="the mark, never shown")
    axes.set_xlabel("candidates whose third mark is missing")
    axes.set_ylabel("50, 90 and 99 %")
    axes.legend()
    save(figure, "em-interviews.png")

    figure, (upper, lower) = plt.subplots(2, figsize=(8, 4), sharex=True)
    upper.plot(space["speed"], ".", markersize=3, color="grey")
    upper.plot(np.where(space["state"] == 1, 2.0, 0.5), color="tab:green")
    upper.set_ylabel("speed")
    truth = space["state"] == 1
    for height, (name, found) in enumerate(
        [("mixture", space["guess"]), ("chain", space["path"]), ("truth", truth)]
    ):
        lower.fill_between(range(400), height, height + 0.8 * found, step="mid", label=name)
    lower.set_yticks([0.4, 1.4, 2.4], ["mixture", "chain", "truth"])
    lower.set_xlabel("step; filled where it is said to move")
    save(figure, "em-chain.png")


if __name__ == "__main__":
    draw(run_page())
