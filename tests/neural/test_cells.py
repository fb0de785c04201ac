"""Convolutions and cells against their numpy twins."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from segment.neural.em import layers
from segment.neural.em.config import NeuralEMConfig
from tests.neural import reference
from tests.neural.test_equations import SEEDS, tensors


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 5), SEEDS)
@settings(deadline=None, max_examples=25)
def test_folded_up_convolution_is_enlarging_and_convolving(inputs, outputs, height, width, seed):
    rng = np.random.default_rng(seed)
    layer = layers.UpConvolution(inputs, outputs, (height, width)).double()
    weight, bias = rng.normal(size=(outputs, inputs, 4, 4)), rng.normal(size=outputs)
    layer.weight.data, layer.bias.data = tensors(weight, bias)
    x = rng.normal(size=(2, inputs, height, width))

    ours = layer(torch.from_numpy(x)).detach()

    np.testing.assert_allclose(ours, reference.up_convolution(x, weight, bias), atol=1e-12)


@given(
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=40)
def test_a_convolution_on_pairs_of_rows_is_the_plain_one(inputs, outputs, height, width, seed):
    torch.manual_seed(seed)
    ours = layers.DownConvolution(inputs, outputs, (2 * height, 2 * width)).double()
    torch.nn.init.normal_(ours.bias)
    x = torch.rand(2, inputs, 2 * height, 2 * width).double().requires_grad_()
    found = ours(x)
    wanted = functional.conv2d(x, ours.weight, ours.bias, stride=2, padding=1)
    torch.testing.assert_close(found, wanted)
    slope = torch.rand_like(found)
    given = x, ours.weight, ours.bias
    torch.testing.assert_close(
        torch.autograd.grad(found, given, slope), torch.autograd.grad(wanted, given, slope)
    )


def test_gradient_cell_is_the_equation():
    cell = layers.GradientCell(NeuralEMConfig(size=(3, 5), hidden=4, cell="n-em")).double()
    rng = np.random.default_rng(0)
    error, theta = rng.normal(size=(6, 1, 3, 5)), rng.normal(size=(6, 4))
    logits, after = cell(*tensors(error, theta), 2)
    weight, rate = cell.weight.detach().numpy(), cell.rate.item()
    expected = reference.gradient_step(error.reshape(6, -1), theta, weight, rate)
    np.testing.assert_allclose(logits.detach().flatten(1), expected[0], rtol=1e-9)
    np.testing.assert_allclose(after.detach(), expected[1], rtol=1e-9)


def test_recurrent_cell_is_the_equation():
    cell = layers.RecurrentCell(NeuralEMConfig(size=(3, 5), hidden=4)).double()
    rng = np.random.default_rng(0)
    error, h = rng.normal(size=(6, 1, 3, 5)), rng.random((6, 4))
    logits, after = cell(*tensors(error, h), 2)
    predict = cell.decode.layers[0]
    weights = {
        "remember": cell.remember.weight,
        "remember_bias": cell.remember.bias,
        "predict": predict.weight,
        "predict_bias": predict.bias,
    }
    weights = {name: tensor.detach().numpy() for name, tensor in weights.items()}
    expected = reference.recurrent_step(error.reshape(6, -1), h, weights)
    np.testing.assert_allclose(logits.detach().flatten(1), expected[0], rtol=1e-9)
    np.testing.assert_allclose(after.detach(), expected[1], rtol=1e-9)


def test_a_normalised_cell_carries_the_state_without_its_norm():
    cell = layers.RecurrentCell(NeuralEMConfig(size=(3, 5), hidden=4, norm=True)).double()
    seen = []
    cell.decode.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    rng = np.random.default_rng(0)
    error, h = tensors(rng.normal(size=(2, 1, 3, 5)), rng.random((2, 4)))
    _, after = cell(error, h, 2)
    a = torch.logit(after).detach().numpy()
    expected = reference.sigmoid(reference.layer_norm(a))
    np.testing.assert_allclose(seen[0].detach(), expected, rtol=1e-9)


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_relation_is_the_sum_over_pairs(slots):
    config = NeuralEMConfig(size=(3, 5), hidden=4, cell="r-nem", relation=6, attention=3)
    relate = layers.Relation(config).double()
    modules = {
        "describe": relate.describe[0],
        "pair": relate.pair[0],
        "effect": relate.effect[0],
        "look": relate.look,
        "attend": relate.attend,
    }
    weights = {name: module.weight.detach().numpy() for name, module in modules.items()}
    weights |= {name + "_bias": m.bias.detach().numpy() for name, m in modules.items()}
    h = np.random.default_rng(0).random((3 * slots, 4))
    ours = relate(torch.from_numpy(h), slots).detach()
    np.testing.assert_allclose(ours, reference.relation(h, slots, weights), rtol=1e-9, atol=1e-12)
