"""Make `prepared.xz` anew, after a change of the loops: `python benchmarks/prepare_loops.py`.

Runs the chains that most people use, in colour and in grey, and keeps numba's intermediate code.
Loops that were not changed are taken over.
"""

import os
import sys
import tempfile


def main() -> None:
    """Compile it all, and write it into the package."""
    # Nothing that was kept before, and no machine code for the processor at hand.
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        from segment.cli import warming
        from segment.kernels import kept, prepared

        kept.recorder = prepared.Recorder()
        with kept.recorder.recording():
            for grey in (False, True):
                for name in sys.argv[1:] or ("group", "fast", "subtract-mixture"):
                    warming.warm_stage(name, grey)
                    count = kept.recorder.write()
    size = prepared.FILE.stat().st_size
    print(f"{count} loops prepared, {size / 1e6:.2f} MB: {prepared.FILE}")


if __name__ == "__main__":
    main()
