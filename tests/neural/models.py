"""Untrained models, and frames for them."""

import numpy as np
import torch

from segment.neural.em.config import NeuralEMConfig
from segment.neural.em.loaded import LoadedModel
from segment.neural.em.model import NeuralEM


def untrained(**settings):
    torch.manual_seed(0)
    size = settings.pop("size", (6, 8))
    return LoadedModel(NeuralEM(NeuralEMConfig(size=size, hidden=5, **settings)), steps=3)


def frames(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.uint8) * 255
