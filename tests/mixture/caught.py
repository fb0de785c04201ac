"""What a fit was made of: its equations and samples, and the parameters where it ended."""

from unittest.mock import patch

import numpy as np

from segment.mixture import estimator
from segment.mixture.family import Family


def caught(model, *given):
    """Fit, and return (family, samples, parameters) of the last start."""
    ends = []

    def run(problem, *rest, **more):
        ends.append((problem, fit := climb(problem, *rest, **more)))
        return fit

    climb = estimator.run
    with patch.object(estimator, "run", run):
        model.fit(*given)
    problem, fit = ends[-1]
    return problem.family, problem.samples, fit.point.parameters


def free_numbers(model, X, *lengths):
    """How many numbers of a model are free, by what Akaike's criterion counts."""
    return round(model.aic(X, *lengths) / 2 + model.score(X, *lengths) * len(X))


def check_slope(model, given, apart, **close):
    """The slope is that of small differences, `apart` from where a fit ended; returns where.

    That is (parameters, the same packed and unpacked).
    """
    family, samples, learned = caught(model, *given)
    sums, _ = family.sweep(samples, learned)
    moved = family.unpack(family.pack(learned) + apart)
    by_differences = Family.gradient(family, sums, moved)
    np.testing.assert_allclose(family.gradient(sums, moved), by_differences, **close)
    return moved, family.unpack(family.pack(moved))
