"""Muon's directions, and the precision they are found in."""

import numpy as np
import pytest
import torch

from segment.neural.training.optimise import orthogonalise


def test_orthogonalised_directions_are_about_equally_long():
    rng = np.random.default_rng(0)
    for shape in ((12, 30), (30, 12), (8, 8)):
        matrix = torch.from_numpy(rng.normal(size=shape) @ np.diag(np.geomspace(1, 30, shape[1])))
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        found = orthogonalise(matrix)
        values = torch.linalg.svdvals(found)
        assert values.max() < 1.3
        assert values.median() > 0.5
        assert torch.nn.functional.cosine_similarity(found.flatten(), (u @ v).flatten(), 0) > 0.95


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (30, 20), (20, 20)])
def test_orthogonalising_is_newton_and_schulz_polynomial(monkeypatch, shape):
    """However it is computed: x ← a x + b x xᵀ x + c x xᵀ x xᵀ x, five times, in float64."""
    from segment.neural.training import optimise

    monkeypatch.setattr(optimise, "has_bfloat16", lambda kind: False)
    matrix = np.random.default_rng(1).normal(size=shape)
    x = matrix / np.linalg.norm(matrix)
    a, b, c = optimise.POLYNOMIAL
    for _ in range(5):
        square = x @ x.T
        x = a * x + b * square @ x + c * square @ square @ x
    found = orthogonalise(torch.from_numpy(matrix).float())
    np.testing.assert_allclose(found, x, atol=2e-5)


@pytest.mark.parametrize("has", [False, True])
def test_bfloat16_is_for_processors_that_have_it(monkeypatch, has):
    """Others imitate it: a training took thirty times as long there."""
    from segment.neural import device
    from segment.neural.training import optimise

    monkeypatch.setattr(device, "has_bfloat16", lambda kind: has)
    monkeypatch.setattr(optimise, "has_bfloat16", lambda kind: has)
    wanted = torch.bfloat16 if has else torch.float32
    cpu, a = torch.device("cpu"), torch.ones(4, 4)
    with device.reduced_precision(cpu, "bfloat16"):
        assert (a @ a).dtype == wanted
    with device.reduced_precision(cpu, "float32"):
        assert (a @ a).dtype == torch.float32
    found = optimise.orthogonalise(torch.rand(4, 4, generator=torch.manual_seed(0)))
    assert torch.equal(found, found.bfloat16().float()) == has


@pytest.mark.parametrize(
    ("told", "has"),
    [
        ({"avx512_bf16": True, "avx2": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True, "l2_cache_size": 512}, False),
    ],
)
def test_a_processor_says_whether_it_has_bfloat16(monkeypatch, told, has):
    from segment.neural.device import has_bfloat16

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert has_bfloat16.__wrapped__("cpu") == has
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: has, raising=False)
    assert has_bfloat16.__wrapped__("cpu") == has
