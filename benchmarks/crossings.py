"""How well lines count: drawn walks over a line, with a mask's flicker, and people who turn on it.

    python benchmarks/crossings.py [--crossings 500] [--seed 0]

What is tested is the watcher: ids are exact, boxes tremble by up to two pixels a side, one in
fifty is missing. A third as many people walk up to the line, up to an eighth of their height
beyond it, wait, and go back: they count 0.
"""

import argparse
from collections import Counter

import numpy as np

from segment.events import Line, Scene, Watcher

SIZE = (240, 320)
RATE = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crossings", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    truth: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    turned = turners = 0
    for number in range(options.crossings + options.crossings // 3):
        turns = number >= options.crossings
        line, feet, high = walk(rng, turns)
        found = [event.direction for event in watch(rng, line, feet, high)]
        if turns:
            turners += 1
            turned += len(found)
        else:
            truth[way(line, feet)] += 1
            counted.update(found)
    wrong = sum(abs(counted[one] - truth[one]) for one in truth | counted)
    print(
        f"crossings {truth.total()}, counted {counted.total()}, error {wrong / truth.total():.2%}"
    )
    for one in sorted(truth):
        print(f"  {one:<6} {truth[one]:4} counted {counted[one]:4}")
    print(f"turned on the line {turners}, counted {turned}")


def walk(rng: np.random.Generator, turns: bool) -> tuple[Line, np.ndarray, float]:
    """A line, places of feet (T, 2), and the walker's height."""
    angle = rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]]) * rng.choice([-1, 1])
    middle = np.array([160.0, 130.0])
    line = Line("line", (tuple(middle - 70 * along), tuple(middle + 70 * along)))
    where = middle + rng.uniform(-45, 45) * along
    high = rng.uniform(20, 44)
    speed = rng.uniform(1.5, 6)
    depth = rng.uniform(-0.1, 0.125) * high if turns else 65.0
    there = np.arange(-65.0, depth, speed)
    wait = np.full(rng.integers(0, 25), depth) if turns else np.empty(0)
    steps = np.concatenate([there, wait, there[::-1]]) if turns else there
    sway = 4 * np.sin(np.arange(len(steps)) * rng.uniform(0.1, 0.5))
    return line, where + steps[:, None] * across + sway[:, None] * along, high


def way(line: Line, feet: np.ndarray) -> str:
    return line.directions[int(line.beside(*feet[-1])[0] > 0)]


def watch(rng: np.random.Generator, line: Line, feet: np.ndarray, high: float) -> list:
    watcher = Watcher(Scene(lines=(line,)), kinds={"cross"})
    image, events = np.zeros((*SIZE, 1), np.uint8), []
    for t, (x, y) in enumerate(feet):
        labels = np.zeros(SIZE, np.int32)
        if rng.random() > 0.02:
            left, right = x - high / 5, x + high / 5
            sides = np.array([left, right + 1, y - high, y + 1])
            x0, x1, y0, y1 = np.rint(sides + rng.integers(-2, 3, 4))
            labels[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))] = 1
        events += watcher.watch(image, None, labels, t, t / RATE)
    return events + list(watcher.finish())


if __name__ == "__main__":
    main()
