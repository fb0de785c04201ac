"""Seeing what EM does: the bound below the likelihood, and how many components data want."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.mixture.blocks import Blocks
from segment.mixture.chains.sequences import check_lengths, step_weights
from segment.mixture.em import Bound
from segment.mixture.estimator import generator
from segment.mixture.samples import Floats, check_matrix, check_weights

__all__ = ["Bound", "Criterion", "Selection", "bound", "select"]

Criterion = Literal["bic", "aic", "icl", "heldout"]


def bound(
    model: Any, X: Any, q: Any = None, sample_weight: Any = None, *, lengths: Any = None
) -> Bound:
    """Split the log-likelihood of X (n, D) into a lower bound and a KL gap.

    q (n, K) is any distribution over the components of each sample, rows summing to 1;
    None is the responsibilities, whose gap is 0; for a chain, of these `lengths`, q says what
    each step's state is, each on its own, and None is the posterior of the path. Bound and gap
    are calculated on their own, so that their sum is a check. Raises ValueError for a q that is
    no distribution.

    Source: Neal and Hinton, 1998; Bishop, PRML, 2006, section 9.4.
    """
    found: Bound = model._bound(X, q, sample_weight, lengths)
    return found


class Selection(NamedTuple):
    """What `select` found."""

    best: Any
    """The chosen model, fitted to all samples."""

    n_components: int

    scores: dict[int, float]
    """The criterion for each number of components; lower is better, as for BIC."""

    models: dict[int, Any]
    """A fit for each number."""


def select(
    model: Any,
    X: Any,
    components: Iterable[int] = range(1, 9),
    criterion: Criterion = "bic",
    *,
    sample_weight: Any = None,
    lengths: Any = None,
    folds: int = 5,
    parameter: str = "n_components",
) -> Selection:
    """Fit copies of `model` (unfitted settings) with other numbers of components; choose.

    sample_weight : (n_samples,); of a chain (n_sequences,), what each of them counts.
    lengths : (n_sequences,) of a chain's sequences, None for one.
    parameter : which number it is; "n_factors" chooses the factors of a mixture of analysers.
    criterion : "bic", "aic", "icl", or "heldout": minus twice the log-likelihood of samples
        that the fit had not seen, over `folds` of them; a chain's are whole sequences.
    On pixels, of which there are many and none is independent, BIC always takes the most;
    ICL and held-out likelihood of other pictures are better guides there.
    """
    if criterion not in ("bic", "aic", "icl", "heldout"):
        raise ValueError(f"criterion is {criterion!r}, wanted 'bic', 'aic', 'icl' or 'heldout'")
    if lengths is not None and not model._in_order:
        raise ValueError(
            f"lengths are for a chain; to {type(model).__name__} samples have no order"
        )
    if isinstance(X, Blocks):
        raise TypeError("select judges one array X; with Blocks, fit each number and compare")
    X = check_matrix(X)
    units = _Units.of(model, X, lengths, sample_weight)
    scores: dict[int, float] = {}
    models: dict[int, Any] = {}
    for number in components:
        fitted = model._fresh(**{parameter: number})
        fitted.fit(X, **units.more())
        models[number] = fitted
        if criterion == "heldout":
            scores[number] = _held_out(fitted, X, units, folds)
        else:
            judge = getattr(fitted, criterion, None)
            if judge is None:
                raise ValueError(f"{type(model).__name__} has no {criterion}; take 'bic'")
            scores[number] = judge(X, **units.more())
    if not scores:
        raise ValueError("components is empty, wanted numbers to choose from")
    best = min(scores, key=lambda number: scores[number])
    return Selection(models[best], best, scores, models)


class _Units(NamedTuple):
    """What is held out as one: samples, or the whole sequences of a chain."""

    in_order: bool
    lengths: NDArray[np.int64]
    """(units,) samples of each."""
    weight: Floats
    """(units,) what each counts; empty where each counts once."""

    @classmethod
    def of(cls, model: Any, X: Any, lengths: Any, weight: Any) -> "_Units":
        if not model._in_order:
            return cls(False, np.ones(len(X), np.int64), check_weights(weight, len(X)))
        own = np.diff(check_lengths(lengths, len(X)))
        steps = step_weights(weight, lengths, len(X))
        return cls(True, own, np.empty(0) if steps is None else np.asarray(weight, np.float64))

    def more(self) -> dict[str, Any]:
        """What `fit` and the criteria are told besides X."""
        named = {"sequence_weight" if self.in_order else "sample_weight": self.weight}
        told = named if self.weight.size else {}
        return told | {"lengths": self.lengths} if self.in_order else told

    def only(self, chosen: NDArray[np.bool_]) -> "_Units":
        """Some of them."""
        weight = self.weight[chosen] if self.weight.size else self.weight
        return self._replace(lengths=self.lengths[chosen], weight=weight)


def _held_out(model: Any, X: Any, units: _Units, folds: int) -> float:
    count, what = len(units.lengths), "sequences" if units.in_order else "samples"
    if count < 2 and units.in_order:
        raise ValueError(
            "'heldout' holds out whole sequences, and X is one; give lengths, or take 'bic'"
        )
    if not 2 <= folds <= count:
        raise ValueError(f"folds is {folds}, wanted 2 to {count}, the number of {what}")
    order = generator(model.random_state).permutation(count)
    total = 0.0
    for fold in range(folds):
        held = np.zeros(count, bool)
        held[order[fold::folds]] = True
        rows = np.repeat(held, units.lengths)
        copy = model._fresh().fit(X[~rows], **units.only(~held).more())
        own = units.only(held)
        evidence = copy.score_samples(X[rows], *([own.lengths] if own.in_order else []))
        if own.weight.size:
            total += float(np.repeat(own.weight, own.lengths) @ evidence)
        else:
            total += float(evidence.sum())
    return -2 * total
