"""Which part is ours: as typed, or as an array of jobs says."""

import pytest

from segment.errors import ChainError
from segment.jobs.shards import Shard, find

SLURM = {f"SLURM_ARRAY_TASK_{key}": value for key, value in
         [("ID", "7"), ("MIN", "3"), ("MAX", "9"), ("STEP", "2"), ("COUNT", "4")]}  # fmt: skip
GRID = {"SGE_TASK_ID": "20", "SGE_TASK_FIRST": "10", "SGE_TASK_LAST": "40",
        "SGE_TASK_STEPSIZE": "10"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "environ", "number", "count"),
    [
        ("1/1", {}, 1, 1),
        ("3/8", SLURM, 3, 8),
        ("auto", SLURM, 3, 4),
        ("auto", {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "5",
                  "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "4"}, 1, 5),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "9"}, 1, 9),
        ("auto/9", {"JOB_COMPLETION_INDEX": "8"}, 9, 9),
        ("auto", {"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "4"}, 3, 4),
        ("auto", GRID, 2, 4),
    ],
)  # fmt: skip
def test_parts_are_found(text, environ, number, count):
    assert find(text, environ) == Shard(number, count)


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        ("0/4", {}, "no part 0 of 4"),
        ("5/4", {}, "no part 5 of 4"),
        ("1", {}, "wanted i/n"),
        ("-1/4", {}, "wanted i/n"),
        ("½/4", {}, "wanted i/n"),
        ("auto", {}, "SLURM_ARRAY_TASK_ID"),
        ("auto", {"SGE_TASK_ID": "undefined"}, "give --shard i/n"),
        ("auto", {"JOB_COMPLETION_INDEX": "2"}, "auto/20"),
        ("auto/2", {"JOB_COMPLETION_INDEX": "2"}, "no part 3 of 2"),
        ("auto/3", SLURM, "4 tasks"),
        ("auto", {**SLURM, "SLURM_ARRAY_TASK_COUNT": "3"}, "gaps"),
        ("auto", {"AWS_BATCH_JOB_ARRAY_INDEX": "x"}, "no number"),
    ],
)
def test_what_is_no_part_is_told(text, environ, message):
    with pytest.raises(ChainError, match=message):
        find(text, environ)


def test_parts_make_a_whole():
    items = list(range(23))
    parts = [Shard(number, 5).of(items) for number in range(1, 6)]
    assert sorted(item for part in parts for item in part) == items
    assert {len(part) for part in parts} == {4, 5}
