"""Equations and cells against their numpy twins, and the gradients against differences."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from segment.neural.em import equations
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.model import NeuralEM, State
from segment.neural.em.noise import random_responsibilities
from tests.neural import reference

SHAPES = st.tuples(*(st.integers(1, n) for n in (3, 4, 3, 5, 6)))  # (B, K, C, H, W)


SEEDS = st.integers(0, 2**32 - 1)


def tensors(*arrays):
    return [torch.from_numpy(array) for array in arrays]


@given(SHAPES, SEEDS, st.booleans())
@settings(deadline=None, max_examples=40)
def test_bernoulli_e_step_and_loss_are_the_equations(shape, seed, binary):
    B, K, C, H, W = shape
    rng = np.random.default_rng(seed)
    x = rng.random((B, C, H, W))
    x = x.round() if binary else x
    logits = rng.normal(0, 3, shape)
    gamma = rng.dirichlet(np.ones(K), (B, 1, H, W)).transpose(0, 4, 1, 2, 3)

    ours = equations.bernoulli_responsibilities(*tensors(x, logits))
    np.testing.assert_allclose(ours, reference.bernoulli_responsibilities(x, logits), rtol=1e-9)
    np.testing.assert_allclose(ours.sum(dim=1), 1, rtol=1e-9)
    for between in (1.0, 0.2):
        loss = equations.bernoulli_loss(*tensors(x, logits, gamma), between)
        expected = reference.bernoulli_loss(x, logits, gamma, between)
        np.testing.assert_allclose(loss, expected, rtol=1e-9)
        loss = equations.noisy_or_loss(*tensors(x, logits, gamma), between)
        expected = reference.noisy_or_loss(x, logits, gamma, between)
        np.testing.assert_allclose(loss, expected, rtol=1e-6)


@given(SHAPES, SEEDS)
@settings(deadline=None, max_examples=40)
def test_e_step_of_grey_levels_is_the_equation_and_on_binary_frames_the_papers(shape, seed):
    B, _, C, H, W = shape
    rng = np.random.default_rng(seed)
    x, logits = rng.random((B, C, H, W)), rng.normal(0, 3, shape)
    ours = equations.level_responsibilities(*tensors(x, logits))
    np.testing.assert_allclose(ours, reference.level_responsibilities(x, logits), rtol=1e-9)
    x, logits = x[:, :1].round(), logits[:, :, :1]
    ours = equations.level_responsibilities(*tensors(x, logits))
    np.testing.assert_allclose(ours, reference.bernoulli_responsibilities(x, logits), rtol=1e-9)


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_who_expects_the_grey_that_is_there_explains_it_best(level):
    x = torch.full((1, 1, 1, 1), level)
    logits = torch.logit(torch.linspace(0.05, 0.95, 19)).view(1, -1, 1, 1, 1)
    best = equations.level_responsibilities(x, logits).argmax(dim=1)
    assert 0.05 * (1 + int(best)) == pytest.approx(level)


def test_two_unsure_slots_are_charged_for_by_one_objective_only():
    """Two slots at .55 light a pixel as often as one at .8: noisy or sees no difference."""
    x = torch.tensor([1.0, 0.0], dtype=torch.float64).view(2, 1, 1, 1)
    mu = torch.tensor([[0.8, 1e-9], [1 - 0.2**0.5] * 2], dtype=torch.float64)
    costs = {}
    for name, mus in zip(("merged", "apart"), mu, strict=True):
        logits = torch.logit(mus).view(1, 2, 1, 1, 1).expand(2, -1, -1, -1, -1)
        gamma = equations.bernoulli_responsibilities(x, logits)
        often = torch.tensor([0.8, 0.2], dtype=torch.float64)
        costs[name] = [
            float((often * loss(x, logits, gamma, between)).sum())
            for loss, between in (
                (equations.bernoulli_loss, 1.0),
                (equations.noisy_or_loss, 0.0),
            )
        ]
    assert costs["apart"][0] > 2 * costs["merged"][0]
    assert costs["apart"][1] == pytest.approx(costs["merged"][1], rel=1e-6)


@given(SHAPES, SEEDS, st.floats(0.05, 1))
@settings(deadline=None, max_examples=40)
def test_gaussian_e_step_and_loss_are_the_equations(shape, seed, sigma):
    B, K, C, H, W = shape
    rng = np.random.default_rng(seed)
    x, mu = rng.random((B, C, H, W)), rng.random(shape)
    gamma = rng.dirichlet(np.ones(K), (B, 1, H, W)).transpose(0, 4, 1, 2, 3)

    ours = equations.gaussian_responsibilities(*tensors(x, mu), sigma)
    expected = reference.gaussian_responsibilities(x, mu, sigma)
    np.testing.assert_allclose(ours, expected, rtol=1e-9)
    loss = equations.gaussian_loss(*tensors(x, mu, gamma), 0.2)
    np.testing.assert_allclose(loss, reference.gaussian_loss(x, mu, gamma, 0.2), rtol=1e-9)


@given(
    shape=st.tuples(*(st.integers(1, n) for n in (2, 3, 2, 4, 5))),
    reach=st.integers(0, 2),
    seed=SEEDS,
)
@settings(max_examples=40, deadline=None)
def test_alignment_is_the_likeliest_shift_of_every_slot(shape, reach, seed):
    rng = np.random.default_rng(seed)
    B, _, C, H, W = shape
    x, logits = rng.integers(0, 2, (B, C, H, W)).astype(float), rng.normal(0, 3, shape)
    x[rng.random(x.shape) < 0.1] = 0.3  # grey, too
    found, shifts = equations.aligned(*tensors(x, logits), reach)
    padded = functional.pad(torch.from_numpy(logits), (reach,) * 4, value=equations.UNLIT)
    for passes in (1, 2):
        given = torch.from_numpy(x), padded, 2 * reach + 1, passes
        everywhere, by_light = equations.likeliest_of(*given), equations.likeliest_by_light(*given)
        assert torch.equal(everywhere, by_light)
    np.testing.assert_allclose(found, reference.aligned(x, logits, reach), rtol=1e-12)
    padded = np.pad(logits, ((0, 0),) * 3 + ((reach, reach),) * 2, constant_values=equations.UNLIT)
    for b, k in np.ndindex(B, shape[1]):
        moved = np.roll(padded[b, k], tuple(shifts[b, k]), (1, 2))
        np.testing.assert_array_equal(
            moved[:, reach : reach + H, reach : reach + W], found[b, k].numpy()
        )


def test_a_prediction_beside_its_object_is_moved_to_it():
    """Two slots, each one pixel off, another way; where the first object was, is nothing."""
    shape = torch.full((2, 1, 9, 9), -6.0)
    shape[0, 0, 1:4, 1:3] = shape[1, 0, 5:7, 4:8] = 6
    x = (shape.amax(dim=0) > 0).double()[None]
    off = torch.stack([shape[0].roll((1, -1), (1, 2)), shape[1].roll((0, 1), (1, 2))])[
        None
    ].double()
    sure = (x > 0) & (equations.bernoulli_responsibilities(x, off).amax(dim=1) > 0.9)
    assert sure.sum() < x.sum()
    moved, shifts = equations.aligned(x, off, 1)
    assert shifts.tolist() == [[[-1, 1], [0, -1]]]
    gamma = equations.bernoulli_responsibilities(x, moved)[0, :, 0]
    assert (gamma[0, 1:4, 1:3] > 0.99).all()
    assert (gamma[1, 5:7, 4:8] > 0.99).all()


def test_only_the_responsibilities_are_of_the_moved_prediction():
    near = NeuralEM(NeuralEMConfig(size=(5, 5), hidden=3, slots=2, reach=1))
    far = NeuralEM(NeuralEMConfig(size=(5, 5), hidden=3, slots=2))
    logits, h = torch.full((1, 2, 1, 5, 5), -4.0), torch.zeros(2, 3)
    logits[0, 0, 0, 1:3, 1:3] = logits[0, 1, 0, 4] = 4
    x = (logits.amax(dim=1) > 0).float().roll(1, 3)
    before = State(h, logits, logits, torch.full_like(logits, 0.5))
    a, b = near.judge(x, before), far.judge(x, before)
    torch.testing.assert_close(a.logits, b.logits)
    torch.testing.assert_close(a.prediction, b.prediction)
    assert (a.gamma != b.gamma).any()
    with pytest.raises(ValueError, match="reach is 1, wanted 0 or more, and 0 for gaussian"):
        NeuralEMConfig(pixels="gaussian", reach=1)


def test_far_logits_give_a_finite_loss_and_shares():
    x = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    logits = torch.tensor([[-500.0, 500.0], [500.0, -500.0]]).view(1, 2, 1, 1, 2)
    gamma = equations.bernoulli_responsibilities(x, logits)
    np.testing.assert_allclose(gamma[0, :, 0, 0], [[1, 1], [0, 0]], atol=2e-6)
    assert torch.isfinite(equations.bernoulli_loss(x, logits, gamma)).all()
    for far in (logits, -logits.abs(), logits.abs()):
        far = far.clone().requires_grad_()
        loss = equations.noisy_or_loss(x, far, gamma)
        assert torch.isfinite(loss).all()
        loss.sum().backward()
        assert torch.isfinite(far.grad).all()


CONFIGS = {
    "n-em": NeuralEMConfig(size=(4, 6), hidden=3, slots=2, cell="n-em"),
    "rnn-em": NeuralEMConfig(size=(4, 6), hidden=3, slots=2),
    "conv": NeuralEMConfig(size=(4, 8), hidden=3, slots=2, conv=(2, 3), dense=(5,), norm=True),
    "gaussian": NeuralEMConfig(
        size=(4, 6), channels=3, hidden=3, slots=2, pixels="gaussian", standardise=True
    ),
    "background": NeuralEMConfig(size=(4, 6), hidden=3, slots=2, background=True),
    "r-nem": NeuralEMConfig(
        size=(4, 6), hidden=3, slots=3, cell="r-nem", relation=4, attention=2, norm=True
    ),
    "window": NeuralEMConfig(size=(6, 7), hidden=3, slots=2, window=4, conv=(2,), dense=(5,)),
    "levels": NeuralEMConfig(size=(6, 7), hidden=3, slots=2, window=3, pixels="levels"),
    "colours": NeuralEMConfig(
        size=(6, 7), channels=3, hidden=3, slots=2, window=4, pixels="gaussian", background=True
    ),
    "reach": NeuralEMConfig(size=(4, 6), hidden=3, slots=2, reach=1, background=True),
    "window-r-nem": NeuralEMConfig(
        size=(6, 7), hidden=3, slots=3, cell="r-nem", relation=4, attention=2, window=4
    ),
}


def example(config, *, batch=2, steps=3, seed=0, slots=None):
    """A float64 model with frames, noisy frames, and a first state."""
    torch.manual_seed(seed)
    model = NeuralEM(config).double()
    for parameter in model.parameters():
        if parameter.ndim < 2:  # biases of zero sit on the edge of a ReLU
            parameter.data += 0.3 * torch.randn_like(parameter)
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 2, (batch, steps, config.channels, *config.size)).astype(float)
    K = (config.slots if slots is None else slots) + config.background
    gamma = random_responsibilities(rng, (batch, K, 1, *config.size)).astype(float)
    gamma /= gamma.sum(axis=1, keepdims=True)
    return model, *tensors(frames, frames * 0.9), model.begin(torch.from_numpy(gamma))


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_differences(name):
    config = CONFIGS[name]
    # From step to step a window settles on whole pixels, through which no gradient goes.
    model, frames, noisy, state = example(config, steps=1 if config.window else 3)
    names, weights = zip(*model.named_parameters(), strict=True)

    def loss_of(*values):
        def unrolled(module):
            total = 0.0
            for target, after in module.unroll(frames, noisy, state):
                total = total + module.loss(target, after, 0.7).mean()
            return total

        return torch.func.functional_call(
            Wrapped(model, unrolled), {f"model.{n}": v for n, v in zip(names, values, strict=True)}
        )

    assert torch.autograd.gradcheck(loss_of, weights, eps=1e-6, atol=1e-4, fast_mode=True)


class Wrapped(torch.nn.Module):
    """functional_call wants a module whose forward is what should be computed."""

    def __init__(self, model, function):
        super().__init__()
        self.model = model
        self.function = function

    def forward(self):
        return self.function(self.model)


@pytest.mark.parametrize("name", CONFIGS)
def test_slots_have_no_order(name):
    config = CONFIGS[name]
    model, frames, noisy, state = example(config)
    turned = torch.arange(config.slots).roll(1)
    if config.background:  # the last slot is not like the others
        turned = torch.cat([turned, torch.tensor([config.slots])])
    other = model.begin(state.gamma[:, turned])

    for (_, a), (_, b) in zip(
        model.unroll(frames, noisy, state), model.unroll(frames, noisy, other), strict=True
    ):
        torch.testing.assert_close(a.gamma[:, turned], b.gamma)
        torch.testing.assert_close(a.prediction[:, turned], b.prediction)


@pytest.mark.parametrize("name", CONFIGS)
def test_responsibilities_add_up_and_float32_agrees(name):
    model, frames, noisy, state = example(CONFIGS[name])
    exact = [after.gamma.detach() for _, after in model.unroll(frames, noisy, state)]
    single = model.float()
    begun = single.begin(state.gamma.float())
    rounded = [
        after.gamma.detach() for _, after in single.unroll(frames.float(), noisy.float(), begun)
    ]
    for a, b in zip(exact, rounded, strict=True):
        torch.testing.assert_close(a.sum(dim=1), torch.ones_like(a[:, 0]))
        torch.testing.assert_close(a, b.double(), atol=1e-4, rtol=1e-4)


def test_one_slot_is_a_recurrent_auto_encoder():
    model, frames, noisy, state = example(NeuralEMConfig(size=(4, 6), hidden=3, slots=1))
    cell, h, mu = model.cell, state.hidden, state.prediction[:, 0]
    for t, (target, after) in enumerate(model.unroll(frames, noisy, state)):
        logits, h = cell(noisy[:, t] - mu, h, 1)
        mu = logits.sigmoid()
        torch.testing.assert_close(after.prediction[:, 0], mu)
        assert (after.gamma == 1).all()
        cross_entropy = torch.nn.functional.binary_cross_entropy(mu, target, reduction="sum")
        torch.testing.assert_close(model.loss(target, after).sum(), cross_entropy)


def test_gradients_stop_at_gamma_where_asked():
    model, frames, noisy, state = example(CONFIGS["rnn-em"])
    model.cell.remember.weight.data *= 10  # so that slots differ
    grads = {}
    for kind in ("full", "loss", "none"):
        model.zero_grad()
        *_, (target, after) = model.unroll(frames, noisy, state, kind)
        assert after.gamma.requires_grad == (kind != "none")
        model.loss(target, after).mean().backward()
        grads[kind] = model.cell.remember.weight.grad.clone()
    assert not torch.allclose(grads["full"], grads["loss"])
    assert not torch.allclose(grads["loss"], grads["none"])


def test_a_background_slot_predicts_one_colour():
    model, frames, noisy, state = example(CONFIGS["background"])
    model.background.data[:] = -1.5
    *_, (_, after) = model.unroll(frames, noisy, state)
    assert after.gamma.shape[1] == 3
    expected = torch.full_like(after.logits[:, 2], -1.5)
    torch.testing.assert_close(after.logits[:, 2], expected)


def test_a_gamma_of_another_size_is_refused():
    model, *_ = example(CONFIGS["rnn-em"])
    with pytest.raises(ValueError, match=r"\(1, 2, 1, 5, 6\), wanted \(1, 2, 1, 4, 6\)"):
        model.begin(torch.ones(1, 2, 1, 5, 6))
