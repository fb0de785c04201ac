"""Which part of the work is this machine's: i/n as it is typed, or as an array of jobs says it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from segment.errors import ChainError

__all__ = ["Shard", "find"]

T = TypeVar("T")

_WANTED = "wanted i/n, as 3/8 for the third part of eight, or auto"


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `count`."""

    number: int
    count: int

    def of(self, items: Sequence[T]) -> tuple[T, ...]:
        """Every n-th, so that long and short films that lie side by side are shared out evenly."""
        return tuple(items[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def find(text: str, environ: Mapping[str, str]) -> Shard:
    """Read `3/8`, `auto`, or `auto/8` where the array itself does not say how many it has.

    `environ` : of this process; SLURM's, AWS Batch's, Kubernetes' and Grid Engine's variables of
    array jobs are looked for. Raises ChainError.
    """
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if match:
        return _checked(int(match[1]), int(match[2]), text)
    match = re.fullmatch(r"auto(?:/([0-9]{1,9}))?", text)
    if not match:
        raise ChainError(f"--shard {text} is no part; {_WANTED}")
    return _of_array(environ, int(match[1]) if match[1] else None)


def _checked(number: int, count: int, told: str) -> Shard:
    if not 1 <= number <= count:
        raise ChainError(
            f"--shard {told}: there is no part {number} of {count}; parts count from 1"
        )
    return Shard(number, count)


def _of_array(environ: Mapping[str, str], count: int | None) -> Shard:
    def number(name: str, default: int | None = None) -> int | None:
        value = environ.get(name, "")
        if not value or value == "undefined":  # Grid Engine's word for a job that is no array
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value):
            raise ChainError(f"--shard auto: {name} is {value!r}, which is no number")
        return int(value)

    for told, index, first, last, step, total in (
        ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN",
         "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"),
        ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "", "", "",
         "AWS_BATCH_JOB_ARRAY_SIZE"),
        ("JOB_COMPLETION_INDEX", "JOB_COMPLETION_INDEX", "", "", "", "JOB_COMPLETIONS"),
        ("SGE_TASK_ID", "SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE", ""),
    ):  # fmt: skip
        mine = number(index)
        if mine is None:
            continue
        begin = number(first, 0 if not first else 1) or 0
        width = number(step, 1) or 1
        end = number(last)
        spans = None if end is None else (end - begin) // width + 1
        many = number(total, spans)
        if many is None:
            many = count
        if many is None:
            raise ChainError(
                f"--shard auto: {told} is {mine}, but nothing says of how many; give the number, "
                "as --shard auto/20"
            )
        if spans is not None and many != spans:
            raise ChainError(
                f"--shard auto: the array has {many} tasks between {begin} and {end}, so their "
                "numbers have gaps; number them 1 to n, or give --shard i/n"
            )
        if count is not None and count != many:
            raise ChainError(f"--shard auto/{count}: the array says it has {many} tasks")
        return _checked((mine - begin) // width + 1, many, f"auto ({told}={mine})")
    raise ChainError(
        "--shard auto: there is no variable of an array job (SLURM_ARRAY_TASK_ID, "
        "AWS_BATCH_JOB_ARRAY_INDEX, JOB_COMPLETION_INDEX, SGE_TASK_ID); give --shard i/n"
    )
