"""Hidden Markov models, with the manners of the mixtures they are made of."""

import itertools
from collections.abc import Callable
from dataclasses import field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from segment.mixture.base import Mixture
from segment.mixture.blocks import Blocks, Streamed
from segment.mixture.chains.beginning import begin, first_shares, topology
from segment.mixture.chains.emission import Emission
from segment.mixture.chains.family import ChainFamily, ChainParameters, expected_logs
from segment.mixture.chains.filtering import Filter
from segment.mixture.chains.seeing import split
from segment.mixture.chains.sequences import Sequences, StreamedSequences, step_weights
from segment.mixture.chains.smoothing import Arithmetic, Chain, evidence, smooth, viterbi
from segment.mixture.em import Bound, Fit
from segment.mixture.estimator import Estimator, generator
from segment.mixture.gaussian import GaussianMixture
from segment.mixture.samples import Floats, Samples, check_matrix, check_shares, over_chunks

__all__ = ["HiddenMarkovModel"]

# Steps whose gaps are looked for at once: what is kept of them stays small.
_LOOKED_AT = 16384


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
    algorithm : "em"; "gem"; "sem", "saem" and "mcem", which draw whole paths; "online", which
        learns from some whole sequences at a time.
    The other parameters as in `GaussianMixture`. How the chain climbs is its own: of the
    emission's algorithm only the M-step is taken (Students' degrees of freedom by "ecm").

    X is (n_steps, n_features); `lengths` (n_sequences,) are the steps of each sequence, None
    for one; `sequence_weight` (n_sequences,) is what each counts. NaN is a missing value: a
    whole step for any emission, single features for those that take them. After `fit`: start_
    (K,), transitions_ (K, K), stationary_ (K,), shares of the long run, emission_, the mixture of
    all states' components, whose weights are those of the long run, mixing_ (K, M), weights
    within states, and what `Estimator` lists, nats a step. Sequences are worked on in threads;
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

    _takes_missing = True
    _in_order = True

    def fit(self, X: Any, lengths: Any = None, sequence_weight: Any = None) -> Self:
        """Fit to sequences X (n_steps, n_features) of these lengths.

        X may be `Blocks`, of which each is a sequence, never in memory together.
        Raises ValueError for samples, lengths or settings that cannot be used.
        """
        self._check_settings()
        states = self._all_states()
        samples: Sequences | StreamedSequences
        if isinstance(X, Blocks):
            samples = self._check_blocks(X, lengths, sequence_weight, states)
        else:
            samples = self._check_sequences(X, lengths, states, sequence_weight)
        if self.algorithm == "online" and samples.count < 2:
            raise ValueError(
                "algorithm='online' learns from some sequences at a time, and X is one; "
                "give lengths, or take 'em'"
            )
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
        return self._evidence(self._known_sequences(X, lengths))

    def score(self, X: Any, lengths: Any = None, sequence_weight: Any = None) -> float:
        """Mean ln p of a step, nats."""
        total, steps = self._total(self._known_sequences(X, lengths, sequence_weight))
        return total / steps

    def bic(self, X: Any, lengths: Any = None, sequence_weight: Any = None) -> float:
        """Bayesian information criterion, n the number of steps; lower is better."""
        total, steps = self._total(self._known_sequences(X, lengths, sequence_weight))
        return -2 * total + self._free() * float(np.log(steps))

    def aic(self, X: Any, lengths: Any = None, sequence_weight: Any = None) -> float:
        """Akaike's information criterion, -2 ln p + 2 free parameters; lower is better."""
        total, _ = self._total(self._known_sequences(X, lengths, sequence_weight))
        return -2 * total + 2 * self._free()

    def icl(self, X: Any, lengths: Any = None, sequence_weight: Any = None) -> float:
        """Integrated completed likelihood: BIC + 2 × the entropy of the paths, given X.

        Source: Biernacki, Celeux and Govaert, IEEE PAMI 22(7), 2000.
        """
        samples = self._known_sequences(X, lengths, sequence_weight)
        return self.bic(X, lengths, sequence_weight) + 2 * self._entropy(samples)

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
            self._check_steps(x, self.emission_)
            if np.isinf(x).any():
                raise ValueError("Input X contains infinity, wanted numbers")
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
        if emission.algorithm not in ("em", "ecm", "ecme", "px") or emission.acceleration:
            raise ValueError(
                f"emission is {emission!r}, but it is the chain that climbs: give its algorithm "
                "and acceleration to HiddenMarkovModel"
            )
        states = emission._fresh()
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

    def _shaping(self) -> dict[str, Any]:
        emission = GaussianMixture() if self.emission is None else self.emission
        own = {"type": type(emission).__name__, **emission._shaping()}
        return super()._shaping() | {"emission": own}

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

    def _evidence(self, samples: Sequences) -> Floats:
        found = np.zeros(len(samples))

        def fill(run: tuple[int, int], joint: Any, chain: Chain) -> None:
            found[run[0] : run[1]] = evidence(joint, samples.begins, run, chain)

        self._over_runs(samples, fill)
        return found

    def _total(self, samples: Sequences) -> tuple[float, float]:
        """Ln p of all sequences and their steps, as they are weighed."""
        found = self._evidence(samples)
        total = samples.weight @ found if samples.weight.size else found.sum()
        return float(total), samples.total

    def _entropy(self, samples: Sequences) -> float:
        """Of the paths of all sequences given X, as they are weighed, nats."""
        totals: dict[int, float] = {}

        def weigh(run: tuple[int, int], joint: Any, chain: Chain) -> None:
            emitted: dict[int, float] = {}

            def visit(a: int, b: int, gamma: Floats) -> None:
                emitted[a] = float(np.where(gamma > 0, gamma * joint(a, b), 0.0).sum())

            found = smooth(joint, samples.begins, run, chain, visit, self.arithmetic)
            # H = ln p - E ln p(X, path).
            complete = sum(emitted.values()) + expected_logs(found.starts, chain.start)
            complete += expected_logs(found.moves, chain.moves)
            totals[run[0]] = samples.weight_of(run) * (found.log_likelihood - complete)

        self._over_runs(samples, weigh)
        return sum(totals[start] for start in sorted(totals))

    def _bound(self, X: Any, q: Any, sample_weight: Any, lengths: Any) -> Bound:
        if sample_weight is not None:
            raise ValueError("sample_weight is for samples without an order; a chain takes none")
        samples = self._known_sequences(X, lengths)
        q = check_shares(q, (len(samples), self.n_components))
        learned = self._learned()
        found = []
        for start, stop in itertools.pairwise(samples.begins):
            some = samples.X[start:stop].astype(np.float64)
            joint = self._learned_family().emission.joint(some, learned.emission)
            found.append(split(joint, learned.chain, None if q is None else q[start:stop]))
        return Bound(*(sum(parts) for parts in zip(*found, strict=True)))

    def _known_sequences(self, X: Any, lengths: Any, sequence_weight: Any = None) -> Sequences:
        self._check_fitted()
        if isinstance(X, Blocks):
            raise TypeError("Blocks are for fit; ask for one sequence after the other")
        self._compare_names(X)
        check_matrix(X, self.n_features_in_, type(self).__name__)
        return self._check_sequences(X, lengths, self.emission_, sequence_weight, judged=True)

    def _check_sequences(
        self, X: Any, lengths: Any, states: Mixture, weight: Any = None, judged: bool = False
    ) -> Sequences:
        """Sequences that can be used; to be judged, they may be few and know little."""
        if isinstance(X, (list, tuple)) and len(X) and all(np.ndim(part) == 2 for part in X):
            raise ValueError(
                f"X is a list of {len(X)} sequences; give them in a row, np.concatenate(X), with "
                "lengths=[len(part) for part in X], or as Blocks(X)"
            )
        X = check_matrix(states._prepare(X))
        samples = Samples.check(
            X,
            step_weights(weight, lengths, len(X)),
            missing=True,
            least=1 if judged else states.n_components,
            threads=self.threads,
            empty=judged,
        )
        self._check_steps(X, states)
        return Sequences.of(samples, lengths)

    def _check_blocks(
        self, X: Blocks, lengths: Any, weight: Any, states: Mixture
    ) -> StreamedSequences:
        if lengths is not None or weight is not None:
            raise ValueError(
                "each of the Blocks is a sequence, and counts once; lengths and sequence_weight "
                "are for one array X"
            )
        samples = Streamed.of(
            X.mapped(states._prepare),
            missing=True,
            least=states.n_components,
            threads=self.threads,
            check=lambda block: self._check_steps(block, states),
        )
        return StreamedSequences.of_blocks(samples)

    def _check_steps(self, X: NDArray[Any], states: Mixture) -> None:
        """ValueError for steps (n, D) that the states cannot have emitted."""
        for start in range(0, len(X), _LOOKED_AT):
            some = X[start : start + _LOOKED_AT]
            gaps = np.isnan(some)
            part = gaps.any(axis=1) & ~gaps.all(axis=1)
            if part.any() and not states._takes_missing:
                raise ValueError(
                    f"Input X contains NaN in some features of step {start + int(part.argmax())}; "
                    f"{type(states).__name__} emissions take steps that are missing as a whole"
                )
            known = some[~gaps.all(axis=1)] if gaps.any() else some
            if len(known):
                states._check_samples(known)

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
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        array = np.asarray(np.nan)
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
