"""The command line: one command a stage, chained; and `run`, the same line from Python."""

from segment.cli.main import main, run

__all__ = ["main", "run"]
