"""Hidden Markov models: mixtures whose components follow each other."""

from segment.mixture.chains.model import HiddenMarkovModel

__all__ = ["HiddenMarkovModel"]
