"""Mutated pictures, films, states and weights, each read in a process that may die of it.

    python -m tests.fuzz.files --count 5000 --papers 2000 --docs docs/measurements/reliability.md

writes the tables of docs/measurements/reliability.md anew. A trial is told by its format
and its seed.
"""

import argparse
import collections
import multiprocessing
import os
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.fuzz import mutations, papers, referees, specimens

PATIENCE = 30  # seconds for one file
MEMORY = 1000  # megabytes
OUTCOMES = (
    "told",
    "same",
    "unknowable",
    "untold",
    "words",
    "traceback",
    "signal",
    "hang",
    "memory",
)
"""What becomes of a trial: the damage was told; it harmed nothing; no decoder knows; one does, and
nothing was told; a library spoke on stderr; and what must never be."""


def read(path):
    """Return the pictures of a file and whether damage was told; a SegmentError tells it."""
    from segment import open_frames
    from segment.errors import SegmentError

    try:
        with open_frames(path) as source:
            images = [frame.image for frame in source]
    except SegmentError:
        return None, True
    return images, bool(source.damage)


class Sound:
    """Every format's sound file, what is read of it, and what decoders say of it."""

    def __init__(self, folder):
        self.folder = folder
        self.known = {}

    def __getitem__(self, name):
        if name not in self.known:
            path = specimens.make(name, self.folder)
            images, told = read(path)
            assert not told, f"{name}: the sound file is called damaged"
            said = {line for lines in referees.words(path, name).values() for line in lines}
            self.known[name] = path.read_bytes(), images, said
        return self.known[name]


def judge(sound, name, seed):
    """Mutate one file, read it, and say what became of it."""
    data, images, usual = sound[name]
    _, changed = mutations.mutate(data, seed)
    path = sound.folder / f"changed.{name}"
    path.write_bytes(changed)
    with referees.heard() as loud:
        found, told = read(path)
    if loud:
        return "words"
    if told:
        return "told"
    if len(found) == len(images) and all(map(np.array_equal, found, images)):
        return "same"
    said = [line for lines in referees.words(path, name).values() for line in lines]
    return "untold" if set(said) - usual else "unknowable"


def work(pipe):
    """Take (name, seed) from the pipe and answer with an outcome, until the pipe ends."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Sound(Path(folder))
        sheets = papers.Papers(Path(folder))
        while True:
            try:
                name, seed = pipe.recv()
            except EOFError:
                return
            try:
                known = name in papers.KINDS
                outcome = sheets.judge(name, seed) if known else judge(sound, name, seed)
            except Exception as error:
                outcome = f"traceback {type(error).__name__}: {error}"
            if _most_memory() > MEMORY:
                outcome = "memory"
            pipe.send(outcome)


def _most_memory():
    """Return the most memory, in MB, that this process ever had.

    What the system counts as used begins with what the parent had, who may have run a whole suite.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


class Pool:
    """One worker, begun again when it died or was silent for too long."""

    def __init__(self):
        self._worker = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def ask(self, name, seed):
        if self._worker is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._worker = context.Process(target=work, args=(theirs,), daemon=True)
            self._worker.start()
            theirs.close()
            self._known = set[str]()
        self._pipe.send((name, seed))
        # The first trial of a kind imports and compiles.
        if not self._pipe.poll(PATIENCE + 300 * (name not in self._known)):
            self._end()
            return "hang"
        self._known.add(name)
        try:
            outcome = self._pipe.recv()
        except EOFError:
            self._worker.join()
            self._end()
            return "signal"
        if outcome == "memory":
            self._end()
        return outcome

    def _end(self):
        if self._worker is not None:
            self._worker.kill()
            self._worker.join()
            self._pipe.close()
            self._worker = None


def study(count, kinds, tell=None, seed=0):
    """Run `count` trials shared out among the kinds; return counts by kind and what was wrong."""
    table = {name: collections.Counter() for name in kinds}
    wrong = []
    with Pool() as pool:
        for n in range(count):
            name = kinds[n % len(kinds)]
            outcome = pool.ask(name, seed + n // len(kinds))
            kind = outcome.split()[0]
            table[name][kind] += 1
            if kind not in ("told", "same", "unknowable"):
                wrong.append(f"{name} {seed + n // len(kinds)}: {outcome}")
            if tell is not None and n % 200 == 199:
                tell(table, wrong)
    return table, wrong


def as_table(table):
    """Return counts by kind as the rows of a page."""
    lines = ["| | files | " + " | ".join(OUTCOMES) + " |", "|---" * (len(OUTCOMES) + 2) + "|"]
    whole = collections.Counter()
    for name, counts in table.items():
        whole += counts
        cells = [str(sum(counts.values())), *(str(counts[outcome]) for outcome in OUTCOMES)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    cells = [str(sum(whole.values())), *(str(whole[outcome]) for outcome in OUTCOMES)]
    return "\n".join([*lines, "| all | " + " | ".join(cells) + " |"])


def put(page, mark, text):
    """Put `text` between the comments that begin and end `mark` in a page."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="pictures and films")
    parser.add_argument("--papers", type=int, default=2000, help="states, weights, recipes, ...")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", type=Path, help="the page whose tables are made anew")
    given = parser.parse_args()
    os.nice(10)
    for mark, count, kinds in (
        ("files", given.count, specimens.FORMATS),
        ("papers", given.papers, papers.KINDS),
    ):

        def tell(table, wrong, mark=mark):
            if given.docs:
                put(given.docs, mark, as_table(table))
            sys.stdout.write(as_table(table) + "\n" + "\n".join(wrong[-20:]) + "\n\n")
            sys.stdout.flush()

        tell(*study(count, kinds, tell, given.seed))
