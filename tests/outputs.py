"""Lines that write, and what they have written."""

import os

from click.testing import CliRunner

from segment.cli import main

ALL = [
    "--as",
    "masks",
    "--as",
    "labels",
    "--as",
    "video",
    "--as",
    "coco",
    "--as",
    "overlay",
    "--as",
    "tracks",
    "--as",
    "mot",
]


def call(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert "should not have happened" not in result.output
    return result


def found(clip, out, *more, formats=ALL):
    """A chain with objects, into all formats."""
    stages = ["subtract-mixture", "group-components", "export", out]
    return call("read", clip, *stages, *formats, *more)


def contents(folder):
    """All that lies below a folder, by path; where a link leads is not looked at."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
