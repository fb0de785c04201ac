"""What a caller passes as a number and is none is told by its name, whichever class it goes to."""

import inspect
import warnings

import numpy as np
import pytest

import segment
from segment import background, grouping

WRONG = ["x", b"x", [1], {}, 1j, np.array([1.0, 2.0]), np.array(["a"])]
PICTURE = np.full((20, 30, 3), 90, np.uint8)


def parameters():
    """Every parameter of every subtractor and grouper whose default is a number."""
    for room in (background, grouping):
        for name in room.__all__:
            kind = getattr(room, name)
            if inspect.isclass(kind) and (hasattr(kind, "apply") or hasattr(kind, "group")):
                for given in inspect.signature(kind).parameters.values():
                    number = type(given.default) in (int, float)
                    if number or given.name == "threads" or given.name.endswith("_variance"):
                        yield pytest.param(kind, given.name, id=f"{name}-{given.name}")


@pytest.mark.parametrize(("kind", "name"), list(parameters()))
def test_what_is_no_number_is_told_by_its_name(kind, name):
    for value in WRONG:
        with pytest.raises((TypeError, ValueError)) as told:
            kind(**{name: value})
        assert name.removesuffix("_variance") in str(told.value), (value, told.value)
        assert "wanted" in str(told.value)
    with pytest.raises((TypeError, ValueError), match="wanted"):
        kind(**{name: float("nan")})


SUBTRACTORS = [name for name in background.__all__ if hasattr(getattr(background, name), "apply")]


@pytest.mark.parametrize("name", SUBTRACTORS)
def test_a_learning_rate_that_is_none_is_told(name):
    subtractor = getattr(background, name)()
    subtractor.apply(PICTURE)
    for value in [*WRONG, float("nan"), float("inf"), -0.1]:
        with pytest.raises((TypeError, ValueError), match="learning_rate is "):
            subtractor.apply(PICTURE, learning_rate=value)
    subtractor.apply(PICTURE, learning_rate=np.float32(0.5))


def test_the_drop_in_says_what_it_wants():
    drop_in = segment.createBackgroundSubtractor()
    for value in [*WRONG, float("nan")]:
        with pytest.raises((TypeError, ValueError), match="learningRate is"):
            drop_in.apply(PICTURE, learningRate=value)
    setters = [name for name in dir(drop_in) if name.startswith("set")]
    for setter in setters:
        if setter != "setDetectShadows":
            for value in ("x", None, [1], 1j):
                with pytest.raises((TypeError, ValueError), match="wanted"):
                    getattr(drop_in, setter)(value)


@pytest.mark.parametrize("value", [1e-45, 1e-38, 1e38])
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in SUBTRACTORS
        if "sensitivity" in inspect.signature(getattr(background, name)).parameters
    ],
)
def test_a_tiny_or_huge_sensitivity_is_quiet(name, value):
    subtractor = getattr(background, name)(sensitivity=np.full((20, 30), value))
    other = PICTURE.copy()
    other[5:12, 5:12] = 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for picture in (PICTURE, PICTURE, other):
            mask = subtractor.apply(picture)
        if name == "PosteriorSubtractor":
            subtractor.posterior()
    assert value > 1 or not mask.any()
