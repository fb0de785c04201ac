"""Neural EM: one loop of E-steps and learned M-steps, whatever cell takes them."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from segment.neural.em import equations, places
from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.following import FollowingCell
from segment.neural.em.layers import GradientCell, RecurrentCell
from segment.neural.em.relocation import relocation

__all__ = ["GammaGradient", "NeuralEM", "Objective", "State"]

LIT = 0.1  # what a model fed with its own binary frames takes for lit, as the papers did

GammaGradient = Literal["full", "loss", "none"]
Objective = Literal["two-term", "noisy-or"]


class State(NamedTuple):
    """What a model knows of B scenes between two frames."""

    hidden: Tensor
    """(B · K, D), what the slots remember."""
    prediction: Tensor
    """μ (B, K', C, H, W), what each slot expects, in [0, 1] for Bernoulli pixels."""
    logits: Tensor
    """The same before its activation; for Gaussian pixels, the same."""
    gamma: Tensor
    """γ (B, K', 1, H, W), responsibilities, sum 1 over slots; K' is K, or K + 1 with background."""
    place: Tensor | None = None
    """(B · K, 4), where a slot's window is expected, row and column of its middle, and how far
    it was to go there, in pixels; None before the first frame, and without windows."""
    whole: Tensor | None = None
    """Logits with windows on whole pixels, which the E-step moves; None without a reach."""
    moved: Tensor | None = None
    """Logits (B, K', C, H, W) where the E-step found them; None without a reach."""
    found: Tensor | None = None
    """(B · K, 2), where it found the middle of each window; None without both."""


class NeuralEM(nn.Module):
    """K slots that share a network and compete for the pixels of a sequence.

    Convention: frames are (B, C, H, W) float in [0, 1]. A step takes the (noisy)
    frame, lets every slot see its share of the error, and judges the predictions
    against the target: the same picture, or the next frame of a sequence.

    Source: Greff et al., arXiv:1708.03498, 2017.
    """

    def __init__(self, config: NeuralEMConfig) -> None:
        super().__init__()
        self.config = config
        cell = GradientCell if config.cell == "n-em" else RecurrentCell
        self.cell = FollowingCell(config) if config.window else cell(config)
        self.background = nn.Parameter(torch.zeros(config.channels)) if config.background else None

    def begin(self, gamma: Tensor) -> State:
        """Return the state before the first frame.

        gamma (B, K', 1, H, W) decides who begins with what, and how many slots there
        are: K of the configuration or another number, plus one with a background slot.
        """
        config = self.config
        B, total = gamma.shape[:2]
        K = total - config.background
        wanted = (B, total, 1, *config.size)
        if gamma.shape != wanted or K < 1:
            raise ValueError(f"gamma is {tuple(gamma.shape)}, wanted {wanted} and at least 1 slot")
        zeros = gamma.new_zeros(B, total, config.channels, *config.size)
        return State(gamma.new_zeros(B * K, config.hidden), zeros, zeros, gamma)

    def step(self, frame: Tensor, target: Tensor, state: State, shown: bool = True) -> State:
        """Look at `frame`, predict `target`, and share the target's pixels among the slots.

        Both are (B, C, H, W); at test time of a still picture they are the same. `shown`, as
        in `judge`.
        """
        if self.config.relocate:
            state = self.relocate(frame, state)
        error = state.gamma * (frame[:, None] - state.prediction)  # (B, K', C, H, W)
        B, K = error.shape[:2]
        K -= self.config.background
        place = whole = None
        if self.config.window:
            # What it expected is compared with the frame where it was found in it.
            seen = state.prediction if state.moved is None else state.moved.sigmoid()
            before = state.hidden, state.place, state.found
            out, hidden, place, whole = self.cell(frame, seen[:, :K], state.gamma[:, :K], *before)
        else:
            out, hidden = self.cell(error[:, :K].flatten(0, 1), state.hidden, K)
        logits = out.unflatten(0, (B, K)).to(frame.dtype)  # (B, K, C, H, W)
        whole = None if whole is None else whole.unflatten(0, (B, K)).to(frame.dtype)
        if self.background is not None:
            flat = self.background[:, None, None].expand(B, 1, *logits.shape[2:])
            logits = torch.cat([logits, flat], dim=1)
        return self.judge(target, State(hidden, logits, logits, state.gamma, place, whole), shown)

    def judge(self, target: Tensor, state: State, shown: bool = True) -> State:
        """The E-step: share the pixels of `target` by the state's logits, aligned within reach.

        A target that is not `shown`, but was imagined, says nothing of places: objects are where
        they were expected, between pixels, too; else slow ones would never come to the next.
        """
        logits = state.logits
        if self.config.pixels == "gaussian":
            gamma = equations.gaussian_responsibilities(target, logits, self.config.sigma)
            return state._replace(prediction=logits, gamma=gamma)
        if self.config.reach:
            state = self._aligned(target, state) if shown else self._as_expected(state)
        levels = self.config.pixels == "levels"
        share = equations.level_responsibilities if levels else equations.bernoulli_responsibilities
        gamma = share(target, logits if state.moved is None else state.moved)
        return state._replace(prediction=logits.sigmoid(), gamma=gamma)

    def _aligned(self, target: Tensor, state: State) -> State:
        """Find the predictions in `target`; a background slot's is the same everywhere."""
        K = state.logits.shape[1] - self.config.background
        logits = state.logits[:, :K] if state.whole is None else state.whole
        moved, shifts = equations.aligned(target, logits, self.config.reach)
        state = state._replace(moved=torch.cat([moved, state.logits[:, K:]], dim=1))
        if state.place is None:
            return state
        middle = places.on_pixels(state.place[:, :2].detach(), self.config.window)
        return state._replace(found=middle + shifts.flatten(0, 1))

    def _as_expected(self, state: State) -> State:
        found = None if state.place is None else state.place[:, :2]
        return state._replace(moved=state.logits, found=found)

    def relocate(self, frame: Tensor, state: State) -> State:
        """Let a slot that nobody would miss begin anew where `frame` has unexpected light."""
        if state.place is None:
            return state  # no window has been anywhere yet
        seen = state.prediction if state.moved is None else state.moved.sigmoid()
        K = seen.shape[1] - self.config.background
        move = relocation(frame, seen[:, :K], self.config.window)
        if move is None:
            return state
        mine = move.goes.flatten()[:, None]  # (B · K, 1)
        here = places.on_pixels(move.place, self.config.window).repeat_interleave(K, dim=0)
        place = torch.cat([here, torch.zeros_like(here)], dim=1)
        goes = torch.cat([move.goes, move.goes.new_zeros(len(frame), self.config.background)], 1)
        goes = goes[:, :, None, None, None]
        return state._replace(
            hidden=state.hidden.masked_fill(mine, 0),
            prediction=state.prediction.masked_fill(goes, 0),
            gamma=state.gamma * (1 - move.share) + goes * move.share,
            place=torch.where(mine, place, state.place),
            moved=None if state.moved is None else state.moved.masked_fill(goes, equations.UNLIT),
            found=None if state.found is None else torch.where(mine, here, state.found),
        )

    def imagine(self, state: State, wrong: Tensor | None = None) -> State:
        """Go on without a frame: look at what was predicted, and share out what comes of it.

        The frame is Σ γ μ, for binary pixels lit where that is above a half, and turned over
        where `wrong` (B, C, H, W) is 1; responsibilities are of max μ, of which binary pixels
        above a tenth are lit. Source: van Steenkiste et al., arXiv:1802.10353, 2018, section 4.
        """
        binary = self.config.pixels == "bernoulli"
        own = (state.gamma * state.prediction).sum(dim=1)  # (B, C, H, W)
        if binary:
            own = (own > 0.5).to(own.dtype)
            own = own if wrong is None else (own - wrong).abs()
        state = self.step(own, own, state, shown=False)
        expected = state.prediction.amax(dim=1)
        if binary:
            expected = (expected > LIT).to(expected.dtype)
        return self.judge(expected, state, shown=False)

    def loss(
        self,
        target: Tensor,
        state: State,
        between: float = 1.0,
        objective: Objective = "two-term",
        found: float = 0.0,
    ) -> Tensor:
        """The loss of one step (B,): its sum over pixels and slots, for every scene.

        objective : "two-term", the paper's; "noisy-or", not for Gaussian pixels.
        found : share of the loss, in [0, 1], that is of the predictions where the E-step found
            them, so that a shape is learned sharp although nobody knew its next place; the
            rest is of where they were expected. Of no effect without a reach.
        """
        logits, gamma = state.logits, state.gamma
        if self.config.pixels == "gaussian":
            return equations.gaussian_loss(target, state.prediction, gamma, between)
        noisy_or = objective == "noisy-or"
        judge = equations.noisy_or_loss if noisy_or else equations.bernoulli_loss
        if not found or state.moved is None:
            return judge(target, logits, gamma, between)
        expected = judge(target, logits, gamma, between)
        return (1 - found) * expected + found * judge(target, state.moved, gamma, between)

    def unroll(
        self,
        frames: Tensor,
        noisy: Tensor,
        state: State,
        gamma_gradient: GammaGradient = "full",
        own: int = 0,
    ) -> Iterator[tuple[Tensor, State]]:
        """Yield (target, state) of every step through a sequence.

        noisy (B, S, C, H, W), what the slots see; frames (B, S, C, H, W), what each
        step has to predict. `gamma_gradient`: "full", gradients pass through γ
        everywhere; "loss", only where γ weighs the step's own loss; "none", nowhere. In the
        last `own` steps the model sees its own frames, binary ones with the noise of `noisy`.
        """
        S = noisy.shape[1]
        if not 0 <= own < S:
            raise ValueError(f"own is {own}, wanted from 0 to {S - 1}, one less than the steps")
        for t in range(S):
            if gamma_gradient != "full":
                state = state._replace(gamma=state.gamma.detach())
            target = frames[:, t]
            if t < S - own:
                state = self.step(noisy[:, t], target, state)
            else:
                state = self.imagine(state, (noisy[:, t] - frames[:, t - 1]).abs())
            if gamma_gradient == "none":
                state = state._replace(gamma=state.gamma.detach())
            yield target, state
