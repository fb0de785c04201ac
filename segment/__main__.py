"""`python -m segment` is the command `segment`."""

from segment.cli import main

if __name__ == "__main__":
    main(prog_name="segment")
