"""`python -m segment` is the command `segment`."""

from segment.cli.leaving import command

if __name__ == "__main__":
    command()
