"""Muon: momentum whose every direction is made equally long, so that rare ones are learned too."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from segment.neural.device import has_bfloat16

__all__ = ["Muon", "make_optimisers"]

# Newton-Schulz's odd polynomial that drives singular values towards 1, from Jordan (2024).
POLYNOMIAL = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, for weights of two and more axes.

    A step has the size an Adam step of the same rate would have (0.2 a value).

    Source: Jordan, Muon: an optimizer for hidden layers in neural networks, 2024;
    the size of a step from Liu et al., arXiv:2502.16982, 2025.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": rate, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"]
                momentum.mul_(group["momentum"]).add_(parameter.grad)
                ahead = parameter.grad + group["momentum"] * momentum
                matrix = ahead.flatten(1)
                size = 0.2 * max(matrix.shape) ** 0.5
                update = orthogonalise(matrix).view_as(ahead)
                parameter.add_(update, alpha=-group["lr"] * size)


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return the nearest orthogonal matrix, singular values within some 0.7 to 1.2."""
    tall = matrix.shape[0] > matrix.shape[1]
    # Rounding only moves singular values within that range, so bfloat16 will do where it is fast.
    dtype = torch.bfloat16 if has_bfloat16(matrix.device.type) else torch.float32
    x = (matrix.T if tall else matrix).to(dtype)
    x = x / (x.norm() + 1e-7)
    # In bfloat16 the squares of small singular values would be lost.
    by_squares = dtype == torch.float32 and 2 * x.shape[0] <= x.shape[1]
    x = _by_squares(x, steps) if by_squares else _newton_schulz(x, steps)
    direction: Tensor = (x.T if tall else x).to(matrix.dtype)
    return direction


def _newton_schulz(x: Tensor, steps: int) -> Tensor:
    """So many times x ← (a + b x xᵀ + c (x xᵀ)²) x."""
    a, b, c = POLYNOMIAL
    for _ in range(steps):
        square = x @ x.T
        square = torch.addmm(square, square, square, beta=b, alpha=c)
        x = torch.addmm(x, square, x, beta=a)
    return x


def _by_squares(x: Tensor, steps: int) -> Tensor:
    """The same for x (m, n) with m much less than n: all factors commute with x xᵀ (m, m).

    Their product is found among these, and x comes in once: a third fewer products for n = 3 m.
    """
    a, b, c = POLYNOMIAL
    square, product = x @ x.T, torch.empty(0)
    for step in range(steps):
        factor = torch.addmm(square, square, square, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor @ product if step else factor
        if step + 1 < steps:
            square = factor @ (factor @ square)
    return product @ x


def make_optimisers(model: nn.Module, kind: str, rate: float) -> list[torch.optim.Optimizer]:
    """Adam for everything, or Muon for matrices and Adam for the rest."""
    if kind == "adam":
        return [torch.optim.Adam(model.parameters(), rate)]
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    optimisers: list[torch.optim.Optimizer] = [Muon(matrices, rate)]
    return [*optimisers, torch.optim.Adam(rest, rate)] if rest else optimisers
