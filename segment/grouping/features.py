"""Pictures as EM sees them: colours, textures and the edges of both, pixel by pixel."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.arrays import Image, check_image

if TYPE_CHECKING:
    from segment.mixture import GaussianMixture

COLOURS, TEXTURES = 10, 16
"""Gaussians of the mixture of a picture's colours, and of its textures."""

SAMPLES = 4000
"""Pixels that a mixture is fitted to; more change nothing that can be measured."""

Single = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of each pixel, all float32.

    Attributes
    ----------
    colour : (H, W, 3) Lab, divided by the spread that pictures have: L by 25, a and b by 14.
    colours : (H, W, COLOURS) posterior of the colour mixture; sums to 1.
    textures : (H, W, TEXTURES) posterior of the texture mixture; sums to 1.
    edges : (H, W, 10) strength of change, 0 or more: light at 1, 2 and 4 pixels, hue at 1.5 and
        3, colours at 2, 4 and 9, textures at 5 and 9.
    """

    colour: Single
    colours: Single
    textures: Single
    edges: Single


@dataclass(slots=True)
class Mixtures:
    """The two mixtures of a sequence; each fit begins where the last one ended."""

    colours: "GaussianMixture | None" = None
    textures: "GaussianMixture | None" = None


def describe(image: Image, mixtures: Mixtures | None = None) -> Features:
    """Describe every pixel of `image`, (H, W, C) uint8; the same image gives the same features.

    `mixtures` is where the fits begin, and holds the new ones afterwards; None begins anew.

    Source of the edges: Di Zenzo, A note on the gradient of a multi-image, CVGIP 33, 1986, on
    square roots of posteriors, where Euclid's distance is Hellinger's.
    """
    check_image(image)
    mixtures = mixtures or Mixtures()
    colour = _lab(image)
    smooth = _blur(colour, 1.0)
    mixtures.colours, colours = _posterior(smooth, COLOURS, 2e-3, mixtures.colours)
    textures = _texture(colour[:, :, 0])
    mixtures.textures, textures = _posterior(textures, TEXTURES, 1e-3, mixtures.textures)
    light, hue = colour[:, :, :1], colour[:, :, 1:]
    maps = [
        _change(light, 1.0),
        _change(light, 2.0),
        _change(light, 4.0, half=True),
        _change(hue, 1.5),
        _change(hue, 3.0, half=True),
        _change(np.sqrt(_blur(colours, 1.0)), 1.5),
    ]
    colours_2, textures_2 = _halve(colours), _halve(textures)
    size = image.shape[:2]
    maps += [
        _change(np.sqrt(_blur(colours_2, 1.0)), 2.0, size=size),
        _change(np.sqrt(_blur(colours_2, 1.5)), 4.0, size=size),
        _change(np.sqrt(_blur(textures_2, 1.5)), 2.0, size=size),
        _change(np.sqrt(_blur(textures_2, 2.0)), 4.0, size=size),
    ]
    return Features(colour, colours, textures, np.stack(maps, axis=2))


def surroundings(edges: Single) -> Single:
    """Return (H, W, 30): square roots of `edges`, and by how much they exceed their
    neighbourhoods of 7 and of 41 pixels."""
    root = np.sqrt(edges)
    return np.concatenate([root, root - _box(root, 7), root - _box(root, 41)], axis=2)


def _lab(image: Image) -> Single:
    import cv2

    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    unit = np.ascontiguousarray(image).astype(np.float32) / np.float32(255)
    lab = np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)
    return np.asarray(lab / np.array([25, 14, 14], np.float32), np.float32)


def _posterior(
    samples: Single, components: int, regularisation: float, before: "GaussianMixture | None"
) -> "tuple[GaussianMixture, Single]":
    """Fit a mixture to (H, W, D) samples and return it with its posterior (H, W, components)."""
    from segment.mixture import GaussianMixture

    flat = samples.reshape(-1, samples.shape[2])
    chosen = flat
    if len(flat) > SAMPLES:
        chosen = flat[np.random.default_rng(0).choice(len(flat), SAMPLES, replace=False)]
    elif len(flat) < 4 * components:
        # Too few for so many Gaussians; copies change nothing in a mixture.
        chosen = np.resize(flat, (4 * components, flat.shape[1]))
    start: dict[str, Any] = {"init_params": "k-means++", "random_state": 0}
    if before is not None:
        start["weights_init"] = before.weights_
        start["means_init"] = before.means_
        start["covariances_init"] = before.covariances_
    # A grain of noise keeps a picture of one colour from being one point.
    grain = np.random.default_rng(1).normal(0, 1e-3, chosen.shape)
    mixture = GaussianMixture(
        components,
        covariance_type="diag",
        reg_covar=regularisation,
        max_iter=12,
        tol=1e-3,
        threads=1,
        **start,
    )
    mixture.quiet = True  # a group more than a picture has colours for is no harm
    mixture.fit((chosen + grain).astype(np.float64))
    return mixture, _assign(flat, mixture).reshape(*samples.shape[:2], components)


def _assign(flat: Single, mixture: "GaussianMixture") -> Single:
    """The posterior in single precision: a product of matrices, 0.02 s where double takes 0.1."""
    weights, means, variances = (
        np.asarray(learned, np.float64)
        for learned in (mixture.weights_, mixture.means_, mixture.covariances_)
    )
    constant = np.log(np.maximum(weights, 1e-12)) - 0.5 * (
        means**2 / variances + np.log(variances)
    ).sum(axis=1)
    log_joint = flat @ (means / variances).T.astype(np.float32)
    log_joint -= (flat * flat) @ (0.5 / variances).T.astype(np.float32)
    log_joint += constant.astype(np.float32)
    log_joint -= log_joint.max(axis=1, keepdims=True)
    np.maximum(log_joint, np.float32(-40), out=log_joint)  # subnormals are slow
    np.exp(log_joint, out=log_joint)
    log_joint /= log_joint.sum(axis=1, keepdims=True)
    return log_joint


def _texture(light: Single) -> Single:
    """Return (H, W, 12): second derivatives in four directions at 1, 2 and 4 pixels, as roots."""
    import cv2

    found = []
    for half, sigma in ((False, 1.0), (False, 2.0), (True, 2.0)):
        smooth = _blur(_halve(light[:, :, None])[:, :, 0] if half else light, sigma)
        scale = sigma * sigma / 4
        across, down, both = (
            cv2.Sobel(smooth, cv2.CV_32F, dx, dy, ksize=3, scale=scale)
            for dx, dy in ((2, 0), (0, 2), (1, 1))
        )
        mean = (across + down) / 2
        for one in (across, down, mean + both, mean - both):
            root = np.copysign(np.sqrt(np.abs(one)), one)
            found.append(cv2.resize(root, light.shape[::-1]) if half else root)
    return np.stack(found, axis=2).astype(np.float32)


def _change(
    channels: Single, sigma: float, *, half: bool = False, size: tuple[int, int] | None = None
) -> Single:
    """Return (H, W): how much the channels change across `sigma` pixels, in their worst direction.

    half : work on a picture of half the size, the same sigma in the large one's pixels.
    size : the channels are halved already, sigma is in their pixels; make (H, W) of it.
    """
    import cv2

    if half:
        return _change(_halve(channels), sigma / 2, size=channels.shape[:2])
    across = down = both = np.zeros(channels.shape[:2], np.float32)
    for k in range(channels.shape[2]):
        smooth = _blur(np.ascontiguousarray(channels[:, :, k]), sigma)
        x = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=sigma / 4), np.float32)
        y = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=sigma / 4), np.float32)
        across, down, both = across + x * x, down + y * y, both + x * y
    strongest = (across + down) / 2 + np.sqrt((across - down) ** 2 / 4 + both * both)
    result = np.sqrt(strongest)
    if size is not None:
        result = np.asarray(cv2.resize(result, size[::-1]), np.float32)
    return np.maximum(result, 0)


def _by_channels(channels: Single, step: Any) -> Single:
    """Apply an OpenCV function that takes four channels at the most."""
    found = [
        np.atleast_3d(step(np.ascontiguousarray(channels[:, :, k : k + 4])))
        for k in range(0, channels.shape[2], 4)
    ]
    return np.concatenate(found, axis=2)


def _halve(channels: Single) -> Single:
    import cv2

    size = (max(1, channels.shape[1] // 2), max(1, channels.shape[0] // 2))
    return _by_channels(channels, lambda c: cv2.resize(c, size, interpolation=cv2.INTER_AREA))


def _box(channels: Single, side: int) -> Single:
    import cv2

    return _by_channels(
        channels, lambda c: cv2.blur(c, (side, side), borderType=cv2.BORDER_REFLECT)
    )


def _blur(channels: Single, sigma: float) -> Single:
    import cv2

    blurred = cv2.GaussianBlur(channels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32).reshape(channels.shape)
