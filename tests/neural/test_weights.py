"""Weights on disk: whole, checked, and refused when they are not."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from segment.errors import SegmentError
from segment.neural.em.model import NeuralEM
from segment.neural.training.loop import train
from segment.neural.training.trainer import Trainer
from segment.neural.weights import WEIGHTS, ModelError, load_weights, save_weights
from segment.neural.zoo import find, names
from tests.neural.recipes import tiny


def test_weights_come_back_as_they_went(tmp_path):
    model = NeuralEM(tiny().model)
    save_weights(model, tmp_path / WEIGHTS)
    back = load_weights(tmp_path / WEIGHTS)
    assert back.config == model.config
    for a, b in zip(model.parameters(), back.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not list(tmp_path.glob("*.part"))


def test_weights_of_16_bits_are_half_as_long_and_nearly_the_same(tmp_path):
    torch.manual_seed(3)
    model = NeuralEM(replace(tiny().model, hidden=64))
    sizes = {}
    for half in (False, True):
        save_weights(model, tmp_path / WEIGHTS, half)
        sizes[half] = (tmp_path / WEIGHTS).stat().st_size
    assert sizes[True] < 0.55 * sizes[False]
    read = load_weights(tmp_path / WEIGHTS)
    for name, tensor in model.state_dict().items():
        assert read.state_dict()[name].dtype == torch.float32
        torch.testing.assert_close(read.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)


def test_damaged_and_foreign_weights_are_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / WEIGHTS
    with pytest.raises(ModelError, match="there are no weights at"):
        load_weights(path)
    model = NeuralEM(tiny().model)
    save_weights(model, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ModelError, match="are damaged"):
        load_weights(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="holds no Neural EM weights"):
        load_weights(path)
    good = {"format": "segment-neural-em", "version": "1", "config": "{}"}
    for change, message in (
        ({"version": "9"}, "have version 9"),
        ({"config": "["}, "have no configuration"),
        ({"config": '{"hidden": -1}'}, "hidden is -1"),
        ({}, "do not fit their configuration"),
    ):
        save_file({"a": torch.zeros(2)}, path, good | change)
        with pytest.raises(ModelError, match=re.escape(message)):
            load_weights(path)
    next(model.parameters()).data[:] = float("inf")
    save_weights(model, path)
    with pytest.raises(ModelError, match="no numbers"):
        load_weights(path)


def test_a_flipped_bit_anywhere_in_weights_or_checkpoint_is_told(tmp_path):
    settings = tiny(updates=2)
    train(settings, tmp_path)
    rng = np.random.default_rng(0)
    for name, read in (
        (WEIGHTS, load_weights),
        ("checkpoint.pt", lambda path: Trainer(settings).resume(path.parent)),
    ):
        path = tmp_path / name
        whole = path.read_bytes()
        sound = load_weights(path).state_dict() if name == WEIGHTS else None
        told = []
        for at in rng.integers(len(whole), size=40):
            data = bytearray(whole)
            data[at] ^= 1 << int(rng.integers(8))
            path.write_bytes(data)
            try:
                back = read(path)
            except SegmentError as error:
                told.append(str(error))
                continue
            # What is not told did no harm: a space in the header, a zip's date.
            if sound is not None:
                assert all(torch.equal(v, sound[k]) for k, v in back.state_dict().items())
        assert len(told) >= 20
        assert all(str(path) in line for line in told)
        path.write_bytes(whole)


def test_weights_from_before_checksums_are_read_with_a_note(tmp_path, caplog):
    from safetensors import safe_open
    from safetensors.torch import save_file

    path = tmp_path / WEIGHTS
    save_weights(NeuralEM(tiny().model), path)
    with safe_open(path, "pt") as file:
        metadata = {k: v for k, v in file.metadata().items() if k != "checksum"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata)
    with caplog.at_level("INFO", "segment"):
        load_weights(path)
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]


def test_every_model_that_ships_carries_its_checksum(caplog):
    with caplog.at_level("INFO", "segment"):
        for name in names():
            load_weights(find(name) / WEIGHTS)
    assert not caplog.records
