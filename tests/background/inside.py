"""What a posterior subtractor has learned, in the shapes of its twin; tests look inside here."""

import contextlib
from types import SimpleNamespace

import numpy as np

from segment.background.posterior import PosteriorSubtractor, learning
from segment.background.posterior.parameters import Parameters, values_of


def state_of(s):
    """The learned state in the shapes of the twin, copied."""
    height, width, channels = s.image_shape
    size = height * width
    known = s.inside.state
    modes, pictures = known.modes, known.pictures
    planes = {
        "weight": modes.weight[:, :size],
        "count": modes.alive,
        "seen": modes.seen,
        "mask": pictures.mask.astype(bool),
        "evidence": known.evidence.own,
    }
    state = {
        name: plane.reshape(*plane.shape[:-1], height, width) for name, plane in planes.items()
    }
    # Variance and means of all modes: the heaviest's lie in planes, the others' pixel by pixel.
    first = np.concatenate([modes.first.variance[None, :size], modes.first.mean[:, :size]])
    inner = np.concatenate([first, modes.minor.T]).reshape(-1, 1 + channels, height, width)
    state["variance"], state["mean"] = inner[:, 0], inner[:, 1:]
    state["ground"] = pictures.ground.reshape(channels, height, width)
    state["before"] = pictures.before.reshape(channels, height, width)
    state["votes"], state["sums"] = known.ghosts.votes, known.evidence.sums
    for name in ("motion", "unrest", "changes", "temporal"):
        state[name] = getattr(known.change, name)
    return SimpleNamespace(**{name: array.copy() for name, array in state.items()})


def numbers_of(before, after, rate):
    """The numbers with which `after` was made of `before`, by the names of the twin."""
    camera = after.inside.state.camera
    asked, light, nothing = (
        Parameters(*values_of(before)),
        (camera.gain, camera.noise),
        np.empty(0, np.float32),
    )
    n = learning.choose_numbers(asked, before.inside.state, light, rate, nothing)
    return SimpleNamespace(
        gain=n.light.gain,
        gain_before=n.light.before,
        glaring=n.light.glaring,
        edges=n.slack.edges,
        unrest=n.slack.unrest,
        noise=n.slack.noise,
        match=n.matching.match,
        shake=n.matching.shake,
        background_weight=n.matching.weight,
        least_seen=n.matching.seen,
        largest_evidence=n.matching.evidence,
        largest_residual=n.matching.residual,
        complexity=n.learning.complexity,
        initial_variance=n.learning.initial,
        smallest_variance=n.learning.smallest,
        largest_variance=n.learning.largest,
        learning_rate=n.rates.given,
        history=n.rates.history,
        object_rate=n.rates.moving,
        still_rate=n.rates.resting,
        ghost_rate=n.rates.ghost,
        still=n.rates.still,
        ghost_still=n.rates.still,
        ghost=n.rates.vote,
        every=n.rates.every,
        phase=n.rates.phase,
        difference_scale=n.steps.scale,
        difference_cap=n.steps.most,
        difference_cut=n.steps.calm,
    )


def all_of(s):
    """Everything an object holds, for comparing two of them bit for bit."""
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in s.__getstate__()["values"].items()
    }


@contextlib.contextmanager
def one_in(every):
    """Let one in so many strips of rows learn with a frame from the second frame on."""
    usual, learning.EVERY = learning.EVERY, ((every, 2),)
    try:
        yield
    finally:
        learning.EVERY = usual


def lit(images, rng):
    """Now and then another light, so that gains are measured."""
    for image in images:
        gain = rng.choice([1, 1, 0.7, 1.3])
        yield (image * gain).clip(0, 255).astype(np.uint8)


def run(images, **options):
    s = PosteriorSubtractor(**options)
    for image in images:
        s.apply(image)
    return s


def learned_of(s, pixels):
    """What was learned of some pixels, (H, W) bool: copies of all their arrays."""
    state, found = state_of(s), {}
    for name in ("weight", "variance", "mean", "count", "seen", "ground"):
        found[name] = getattr(state, name)[..., pixels]
    return found
