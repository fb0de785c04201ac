"""Damage to weights that hits the name of their checksum does not pass as weights without one."""

import pytest

from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.model import NeuralEM
from segment.neural.weights import ModelError, load_weights, save_weights


def test_weights_whose_checksum_lost_its_name_are_damaged(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(NeuralEM(NeuralEMConfig(hidden=8)), path)
    path.write_bytes(path.read_bytes().replace(b'"checksum"', b'"cAecksum"', 1))
    with pytest.raises(ModelError, match="cAecksum"):
        load_weights(path)
