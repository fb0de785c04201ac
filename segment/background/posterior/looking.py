"""The frame as a whole, before any pixel is compared: light, noise, shifts and turns, lamps."""

import logging
from typing import NamedTuple

import numpy as np

from segment import threads as rows
from segment.background.posterior.bands import find_bands, without_bands
from segment.background.posterior.decision import Decision
from segment.background.posterior.kernels.records import Bytes, Frame
from segment.background.posterior.parameters import Parameters
from segment.background.posterior.relight import find_light
from segment.background.posterior.request import Request
from segment.background.posterior.state import State
from segment.background.registration import STRAIGHT

__all__ = ["Look", "look_at"]

_log = logging.getLogger("segment.background")


class Look(NamedTuple):
    """A frame as it lies on the background, see `Camera.pose`.

    frame : in 256 grey levels. light : its gain and its noise. request : what it is asked for.
    """

    frame: Frame
    light: tuple[float, float]
    request: Request


def look_at(
    pixels: Bytes, state: State, decision: Decision, request: Request, asked: Parameters
) -> Look:
    """Return the frame, pixels (H, W, C) of 256 grey levels; follow the camera."""
    camera, learned = state.camera, state.learned
    channels = state.shape[2]
    pixels = np.ascontiguousarray(pixels)
    if request.where is not None:
        # There is nothing to see: the background itself.
        unseen = ~request.where
        pixels = pixels.copy()
        pixels[unseen] = _ground(state)[unseen]
    if request.free and asked.follow_noise:
        camera.choose_softness(state.pictures, state.size, learned)
    pixels = camera.soften(pixels)
    if request.free and asked.follow_light:
        pixels = _flatten(pixels, state)
    frame, outside = _frame_of(pixels), request.outside

    def gain_of(frame: Frame) -> float:
        return camera.measure_light(frame, state.pictures, outside) if asked.follow_light else 1.0

    gain, noise = gain_of(frame), 0.0
    if request.free and asked.relearn and not request.facts:
        gain = _relight(frame, state, decision, gain, asked)
    shift, pose = (0, 0), STRAIGHT
    if asked.stabilize and not request.frozen:
        shift, pose = camera.follow(pixels, state.pictures, outside, gain, learned)
    camera.stand(pose)
    if shift != (0, 0):
        count = rows.count_threads(asked.threads)
        state.move(pixels, shift, asked.variances(channels).initial, count)
        decision.move(shift)
    if pose != STRAIGHT:
        frame = _frame_of(pose.onto_ground(pixels, _ground(state), smooth=True))
        request = request.onto_ground(pose, state.size)
        outside = request.outside
    if shift != (0, 0) or pose != STRAIGHT:
        gain = gain_of(frame)
    if asked.follow_noise:
        before = state.pictures.before
        noise = camera.measure_noise(frame, before, outside, gain, learned)
    return Look(frame, (gain, noise), request)


def _ground(state: State) -> Bytes:
    """Return the background, (H, W, C) uint8."""
    height, width, channels = state.shape
    return np.moveaxis(state.pictures.ground.reshape(channels, height, width), 0, 2)


def _frame_of(pixels: Bytes) -> Frame:
    """Return an image (H, W, C) as loops read it; they change nothing of it."""
    height, width, channels = pixels.shape
    pixels = pixels.view()
    pixels.flags.writeable = False
    return Frame((0,) * channels, pixels.reshape(-1), height, width)


def _relight(
    frame: Frame, state: State, decision: Decision, gain: float, asked: Parameters
) -> float:
    """Go over to another light, if it was switched; return the gain of the frame then."""
    pictures, camera = state.pictures, state.camera
    if not camera.expect_switch():
        return gain
    gains = gain, camera.gain
    means = state.modes.first.mean[:, : pictures.mask.size]
    relit = find_light(frame, pictures.before, means, pictures.mask, gains, camera.noise)
    if relit is None:
        return gain
    _log.info("after %d frames the light is switched", state.learned)
    state.relight(relit, asked.variances(len(frame.which)).initial)
    decision.relight(relit.before.reshape(len(frame.which), frame.height, frame.width))
    return 1.0


def _flatten(image: Bytes, state: State) -> Bytes:
    """Take bands of mains light out of an image (H, W, C), if there are any most of the time."""
    if not state.camera.looks_for_bands(state.learned):
        return image
    gains = find_bands(image, state.pictures.ground, state.pictures.mask)
    if not state.camera.expect_bands(gains is not None) or gains is None:
        return image
    return without_bands(image, gains)
