"""Average the weights of two E-steps of which one went on from the other.

    python models/mixture-e-step/mix.py ONE TWO --share .5 --doubt -1 --out e-step.safetensors

They lie in one valley, and their mean fits less of what only one of them has seen.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).parents[2]))

from segment.background.network import weights


def main() -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("one", type=Path)
    parser.add_argument("two", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the first")
    parser.add_argument("--doubt", type=float, default=0.0, help="what the glance's bias gets")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    one, two = load_file(asked.one), load_file(asked.two)
    share = np.float32(asked.share)
    tensors = {name: share * one[name] + (1 - share) * two[name] for name in one}
    tensors["doubt.bias"] += np.float32(asked.doubt)
    metadata = {"format": weights.FORMAT, "version": "3"}
    metadata["checksum"] = weights.checksum(metadata, tensors)
    save_file(tensors, asked.out, metadata)


if __name__ == "__main__":
    main()
