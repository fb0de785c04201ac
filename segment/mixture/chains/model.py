"""Hidden Markov models, with the manners of the mixtures they are made of."""

from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segment.mixture.base import Mixture
from segment.mixture.blocks import Blocks
from segment.mixture.chains.beginning import begin, first_shares, topology
from segment.mixture.chains.emission import Emission
from segment.mixture.chains.family import ChainFamily, ChainParameters
from segment.mixture.chains.filtering import Filter
from segment.mixture.chains.sequences import Sequences
from segment.mixture.chains.smoothing import Arithmetic, Chain, evidence, smooth, viterbi
from segment.mixture.em import Fit
from segment.mixture.estimator import Estimator, generator
from segment.mixture.gaussian import GaussianMixture
from segment.mixture.samples import Floats, Samples, check_matrix, over_chunks

__all__ = ["HiddenMarkovModel"]


class HiddenMarkovModel(Estimator):
    """A mixture whose components follow each other: a hidden Markov model, fitted by EM.

    Parameters
    ----------
    n_components : K, the number of states.
    emission : what one state emits, a mixture of this room that is not fitted: Gaussian (the
        default), Student, Bernoulli, binomial, Poisson or of factor analysers, with the settings
        it should have. Its n_components, M, is the number of components within each state;
        arrays for a start, such as means_init, hold those of all states, (K * M, D).
    topology : "ergodic", "left-to-right" (states are never gone back to, and the first is
        the first), or (K, K) bool, the moves that may be, from row to column.
    start_init, transitions_init : (K,) and (K, K): given starts; their zeros stay.
    start_concentration, transition_concentration : of Dirichlet priors, numbers or (K,) and
        (K, K); 1 is no belief. More on the diagonal, and states last longer.
    arithmetic : "scaled", "log", or "auto": scaled, and again in logarithms where that would
        lose something.
    The other parameters as in `GaussianMixture`; its algorithms "em" and "gem".

    X is (n_steps, n_features); `lengths` (n_sequences,) are the steps of each sequence, None for
    one. NaN is a missing value: a whole step for any emission, single features for those
    that take them. After `fit`: start_ (K,), transitions_ (K, K), emission_, the mixture of all
    states' components, whose weights are those of the long run, mixing_ (K, M), weights within
    states, and what `Estimator` lists, nats a step. Sequences are worked on in threads;
    memory beyond the samples is 64 MB a thread at most.

    Sources: Baum, Petrie, Soules and Weiss, 1970; Rabiner, Proceedings of the IEEE 77(2), 1989.
    """

    emission: Mixture | None = field(default=None, kw_only=False)
    topology: Literal["ergodic", "left-to-right"] | Any = "ergodic"
    start_init: Any = None
    transitions_init: Any = None
    start_concentration: Any = 1.0
    transition_concentration: Any = 1.0
    arithmetic: Arithmetic = "auto"

    _algorithms = ("em", "gem")
    _takes_missing = True

    def fit(self, X: Any, lengths: Any = None) -> Self:
        """Fit to sequences X (n_steps, n_features) of these lengths.

        Raises ValueError for samples, lengths or settings that cannot be used.
        """
        self._check_settings()
        states = self._all_states()
        samples = self._check_sequences(X, lengths, states)
        self._note_names(X)
        family = self._equations(states, states._family(samples))

        def start(rng: np.random.Generator) -> ChainParameters:
            def propose() -> tuple[Floats, Floats]:
                return first_shares(
                    samples, self.n_components, self._mixtures, states.init_params, rng
                )

            emitted = states._begin(family.emission.family, samples, propose)
            return begin(family, samples, emitted, self.start_init, self.transitions_init)

        self._climb(family, samples, start)
        return self

    def decode(self, X: Any, lengths: Any = None) -> tuple[float, NDArray[np.int64]]:
        """The most probable path (n_steps,) of states, and ln of its probability with X, nats.

        Source: Viterbi, IEEE Transactions on Information Theory 13, 1967.
        """
        samples = self._known_sequences(X, lengths)
        path = np.empty(len(samples), np.int64)
        totals: dict[int, float] = {}

        def follow(run: tuple[int, int], joint: Any, chain: Chain) -> None:
            some, totals[run[0]] = viterbi(joint, samples.begins, run, chain)
            path[run[0] : run[1]] = some

        self._over_runs(samples, follow)
        return sum(totals[start] for start in sorted(totals)), path

    def predict(self, X: Any, lengths: Any = None) -> NDArray[np.int64]:
        """The states (n_steps,) of each sequence's most probable path."""
        return self.decode(X, lengths)[1]

    def fit_predict(self, X: Any, lengths: Any = None) -> NDArray[np.int64]:
        """Fit, and return the most probable paths."""
        return self.fit(X, lengths).predict(X, lengths)

    def predict_proba(self, X: Any, lengths: Any = None) -> Floats:
        """P(state | whole sequence) of each step, (n_steps, K), each row sums to 1."""
        samples = self._known_sequences(X, lengths)
        gamma = np.empty((len(samples), self.n_components))

        def fill(run: tuple[int, int], joint: Any, chain: Chain) -> None:
            def visit(a: int, b: int, some: Floats) -> None:
                gamma[a:b] = some

            smooth(joint, samples.begins, run, chain, visit, self.arithmetic)

        self._over_runs(samples, fill)
        gamma /= gamma.sum(axis=1, keepdims=True)
        return gamma

    def score_samples(self, X: Any, lengths: Any = None) -> Floats:
        """Ln p(x | the steps of its sequence before it), (n_steps,) nats.

        Their sum over a sequence is ln p of the sequence.
        """
        samples = self._known_sequences(X, lengths)
        found = np.empty(len(samples))

        def fill(run: tuple[int, int], joint: Any, chain: Chain) -> None:
            found[run[0] : run[1]] = evidence(joint, samples.begins, run, chain)

        self._over_runs(samples, fill)
        return found

    def score(self, X: Any, lengths: Any = None) -> float:
        """Mean ln p of a step, nats."""
        return float(self.score_samples(X, lengths).mean())

    def bic(self, X: Any, lengths: Any = None) -> float:
        """Bayesian information criterion, n the number of steps; lower is better."""
        found = self.score_samples(X, lengths)
        return -2 * float(found.sum()) + self._free() * float(np.log(len(found)))

    def aic(self, X: Any, lengths: Any = None) -> float:
        """Akaike's information criterion, -2 ln p + 2 free parameters; lower is better."""
        return -2 * float(self.score_samples(X, lengths).sum()) + 2 * self._free()

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.int64]]:
        """Draw a sequence (n_samples, n_features), and its states (n_samples,)."""
        self._check_fitted()
        if n_samples < 1:
            raise ValueError(f"Invalid value for 'n_samples': {n_samples}, wanted at least 1")
        rng = generator(self.random_state)
        draws = rng.random((n_samples, 2))
        edges = np.cumsum(self.transitions_, axis=1)
        path = np.empty(n_samples, np.int64)
        state = _pick(np.cumsum(self.start_), draws[0, 0])
        for t in range(n_samples):
            state = _pick(edges[state], draws[t, 0]) if t else state
            path[t] = state
        within = np.cumsum(self.mixing_, axis=1)
        component = (draws[:, 1, None] > within[path] / within[path, -1:]).sum(axis=1)
        labels = path * self._mixtures + np.minimum(component, self._mixtures - 1)
        return self.emission_._draw(self._learned().emission, labels, rng), path

    def filter(self) -> Filter:
        """Follow a new sequence online: `step(x)` gives P(state | so far), in constant memory."""
        self._check_fitted()
        learned = self._learned()
        emission = self._learned_family().emission

        def judge(x: Floats) -> Floats:
            x = check_matrix(self.emission_._prepare(x), self.n_features_in_, type(self).__name__)
            return emission.joint(x.astype(np.float64), learned.emission)

        return Filter(learned.chain, judge)

    # How it is put together.

    @property
    def _mixtures(self) -> int:
        return 1 if self.emission is None else self.emission.n_components

    def _all_states(self) -> Mixture:
        """The mixture of all states' components, unfitted."""
        emission = GaussianMixture() if self.emission is None else self.emission
        if not isinstance(emission, Mixture) or not emission._in_chains:
            raise TypeError(
                f"emission is {emission!r}, wanted a mixture such as GaussianMixture() with a "
                "density of its own for each component"
            )
        states = type(emission)(**emission.get_params())
        if getattr(states, "weights_fixed", False):
            raise ValueError("weights_fixed is for a mixture; the weights of states are moves")
        states.set_params(n_components=self.n_components * emission.n_components)
        states._check_settings()
        return states

    def _equations(self, states: Mixture, family: Any) -> ChainFamily:
        allowed, starts = topology(
            self.topology, self.n_components, self.start_init, self.transitions_init
        )
        return ChainFamily(
            Emission(family, self.n_components, self._mixtures),
            allowed,
            starts,
            _prior(self.start_concentration, (self.n_components,), "start_concentration"),
            _prior(
                self.transition_concentration,
                (self.n_components, self.n_components),
                "transition_concentration",
            ),
            self.arithmetic,
        )

    def _learned_family(self) -> ChainFamily:
        return self._equations(self.emission_, self.emission_._learned_family())

    def _learn(self, parameters: ChainParameters, samples: Samples) -> None:
        self.start_, self.transitions_, emitted = parameters
        self.stationary_ = _stationary(self.transitions_)
        self.mixing_ = emitted.weights.reshape(self.n_components, self._mixtures)
        weights = (self.stationary_[:, None] * self.mixing_).ravel()
        states = self._all_states()
        states.n_features_in_ = samples.X.shape[1]
        states.history_ = []
        states._learn(emitted._replace(weights=weights), samples)
        self.emission_ = states

    def _learned(self) -> ChainParameters:
        emitted = self.emission_._learned()._replace(weights=self.mixing_.ravel())
        return ChainParameters(self.start_, self.transitions_, emitted)

    def _collapsed(self, family: Any, fit: Fit, samples: Samples) -> NDArray[np.bool_]:
        sums, parameters = fit.point.statistics.emission, fit.point.parameters
        shares = sums.counts / max(float(sums.counts.sum()), 1e-300)
        emitted = parameters.emission._replace(weights=shares)
        point = fit.point._replace(parameters=emitted)
        alone = Fit(point, fit.history, fit.converged, fit.reason, fit.passes)
        lost = self._all_states()._collapsed(family.emission.family, alone, samples)
        collapsed: NDArray[np.bool_] = np.any(lost.reshape(self.n_components, -1), axis=1)
        return collapsed

    def _free(self) -> int:
        return self._learned_family().count_free(self.n_features_in_)

    def _over_runs(
        self, samples: Sequences, function: Callable[[tuple[int, int], Any, Chain], None]
    ) -> None:
        """Call function(run, joint, chain) for each run, in threads."""
        learned, emission = self._learned(), self._learned_family().emission
        runs = samples.runs(self.n_components)

        def joint(a: int, b: int) -> Floats:
            return emission.joint(samples.X[a:b].astype(np.float64), learned.emission)

        def work(start: int, stop: int, _scratch: None) -> None:
            for number in range(start, stop):
                function(runs[number], joint, learned.chain)

        over_chunks(work, len(runs), samples.threads, lambda: None)

    def _known_sequences(self, X: Any, lengths: Any) -> Sequences:
        self._check_fitted()
        self._compare_names(X)
        check_matrix(X, self.n_features_in_, type(self).__name__)
        return self._check_sequences(X, lengths, self.emission_, least=1, empty=True)

    def _check_sequences(
        self, X: Any, lengths: Any, states: Mixture, least: int | None = None, empty: bool = False
    ) -> Sequences:
        if isinstance(X, Blocks):
            raise TypeError(
                "Blocks have no order to follow; give a chain one array, mapped perhaps"
            )
        least = states.n_components if least is None else least
        samples = Samples.check(
            states._prepare(X),
            missing=True,
            least=least,
            threads=self.threads,
            empty=empty,
        )
        some = samples.X
        if not samples.complete:
            gaps = np.isnan(some)
            part = gaps.any(axis=1) & ~gaps.all(axis=1)
            if part.any() and not states._takes_missing:
                raise ValueError(
                    f"Input X contains NaN in some features of step {int(part.argmax())}; "
                    f"{type(states).__name__} emissions take steps that are missing as a whole"
                )
            some = some[~gaps.all(axis=1)]
        if len(some):
            states._check_samples(some)
        return Sequences.of(samples, lengths)

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.arithmetic not in ("auto", "scaled", "log"):
            raise ValueError(f"arithmetic is {self.arithmetic!r}, wanted 'auto', 'scaled' or 'log'")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _pick(edges: Floats, draw: float) -> int:
    """The interval of cumulated probabilities that a draw from [0, 1) falls into."""
    return min(int(np.searchsorted(edges, draw * edges[-1], "right")), len(edges) - 1)


def _prior(value: Any, shape: tuple[int, ...], name: str) -> Floats:
    array = np.asarray(value, np.float64)
    if array.shape not in ((), shape) or not (array >= 1).all():
        raise ValueError(
            f"{name} is {value}, wanted a number or {shape} of them, at least 1 "
            "(below, the maximum is at probabilities of 0)"
        )
    return np.broadcast_to(array, shape).copy()


def _stationary(moves: Floats) -> Floats:
    """(K,) the share of time that the chain spends in each state in the long run."""
    states = len(moves)
    equations = np.vstack([moves.T - np.eye(states), np.ones((1, states))])
    wanted = np.append(np.zeros(states), 1.0)
    shares = np.maximum(np.linalg.lstsq(equations, wanted, rcond=None)[0], 0.0)
    long_run: Floats = shares / shares.sum()
    return long_run
