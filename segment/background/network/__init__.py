"""The small networks that judge what mixtures say: weights, compiled loops, and their order."""

from segment.background.network.network import Network

__all__ = ["Network"]
