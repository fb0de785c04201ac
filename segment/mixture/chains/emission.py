"""What the states of a chain emit: a mixture's family, M components for each state."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from segment.mixture.family import Family
from segment.mixture.samples import Floats

__all__ = ["Emission"]


class Emission:
    """The densities of K states, made of a family of K × M components, a state's in a row.

    Parameters are the family's, its weights (K * M,) those within each state: they sum to 1 a
    state, and are all 1 where M is 1. A step whose features are all NaN says nothing.
    """

    def __init__(self, family: Family, states: int, mixtures: int) -> None:
        # Its `refine` looks at samples as if each stood alone.
        self.family = family.by_sums()
        self.states = states
        self.mixtures = mixtures

    def joint(self, X: Floats, parameters: Any) -> Floats:
        """Ln p(x | state) of X (n, D) float64, a new array (n, K)."""
        known = self._known(X)
        if known is None:
            return self._of_states(self.family.log_joint(X, parameters))
        joint = np.zeros((len(X), self.states))
        if known.any():
            joint[known] = self._of_states(self.family.log_joint(X[known], parameters))
        return joint

    def statistics(self, X: Floats, gamma: Floats, parameters: Any) -> Any:
        """Sums of X (n, D) under P(state) (n, K); None where nothing is known."""
        known = self._known(X)
        if known is not None:
            X, gamma = X[known], gamma[known]
            if not len(X):
                return None
        if self.mixtures > 1:
            joint = self.family.log_joint(X, parameters)
            joint = joint.reshape(len(X), self.states, self.mixtures)
            within = np.exp(joint - logsumexp(joint, axis=2, keepdims=True))
            gamma = (gamma[:, :, None] * within).reshape(len(X), -1)
        return self.family.statistics_at(X, gamma, parameters)

    def within(self, weights: Floats) -> Floats:
        """Weights (K * M,) as shares of each state's."""
        table = weights.reshape(self.states, self.mixtures)
        shares: Floats = (table / table.sum(axis=1, keepdims=True)).ravel()
        return shares

    def pack(self, parameters: Any) -> Floats:
        """The family's vector, without what says nothing of one component a state."""
        vector = self.family.pack(parameters)
        return vector if self.mixtures > 1 else vector[self.states :]

    def unpack(self, vector: Floats) -> Any:
        """The parameters of such a vector."""
        if self.mixtures == 1:
            vector = np.concatenate([np.zeros(self.states), vector])
        parameters = self.family.unpack(vector)
        return parameters._replace(weights=self.within(parameters.weights))

    def gradient(self, statistics: Any, parameters: Any) -> Floats:
        """Slope of Q along the packed vector."""
        components = self.states * self.mixtures
        slope = self.family.gradient(statistics, parameters)[components:]
        if self.mixtures == 1:
            return slope
        counts = statistics.counts + concentration(self.family) - 1
        table = counts.reshape(self.states, self.mixtures)
        expected = table.sum(axis=1, keepdims=True) * parameters.weights.reshape(table.shape)
        return np.concatenate([(table - expected).ravel(), slope])

    def count_free(self, features: int) -> int:
        """Free parameters: the family's, with weights that sum to 1 in each state."""
        components = self.states * self.mixtures
        weights = self.states * (self.mixtures - 1)
        return self.family.count_free(features) - (components - 1) + weights

    def _of_states(self, joint: Floats) -> Floats:
        if self.mixtures == 1:
            return joint
        table = joint.reshape(len(joint), self.states, self.mixtures)
        states: Floats = logsumexp(table, axis=2)
        return states

    def _known(self, X: Floats) -> Any:
        """(n,) which steps tell anything, or None for all."""
        if not np.isnan(X[:, 0]).any():
            return None
        known = ~np.isnan(X).all(axis=1)
        return None if known.all() else known


def concentration(family: Any) -> float:
    """Of the Dirichlet prior of the family's weights; 1 is none."""
    return float(getattr(getattr(family, "prior", None), "concentration", 1.0))
