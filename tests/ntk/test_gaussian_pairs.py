"""Means over Gaussian pairs against moments that are known, mpmath, and what cannot be done."""

import math

import numpy as np
import pytest

from theorylab.ntk import problem
from theorylab.ntk.experiment import pair_means
from theorylab.numerics import NotConverged

SHIFTED = problem.numerical(lambda x: np.maximum(x - 0.7, 0.0), lambda x: np.where(x > 0.7, 1.0, 0.0), kinks=(0.7,))


@pytest.mark.parametrize("rho", [-1.0, -0.6, 0.0, 0.97, 1.0])
def test_moments_of_powers(rho):
    q1, q2 = 0.25, 4.0
    c = rho * math.sqrt(q1 * q2)
    value, derivative = pair_means(problem.monomial(3), q1, q2, c)
    # Isserlis: E u^3 v^3 = 9 q1 q2 c + 6 c^3, and E 9 u^2 v^2 = 9 (q1 q2 + 2 c^2)
    assert value == pytest.approx(9.0 * q1 * q2 * c + 6.0 * c**3, rel=1e-12, abs=1e-12)
    assert derivative == pytest.approx(9.0 * (q1 * q2 + 2.0 * c**2), rel=1e-12)


def test_probability_of_an_orthant():
    rho = np.array([-0.9, -0.2, 0.5, 0.999])
    np.testing.assert_allclose(
        pair_means(problem.step(), 1.0, 2.0, rho * math.sqrt(2.0)).value,
        0.25 + np.arcsin(rho) / (2.0 * math.pi),
        rtol=1e-12,
    )


@pytest.mark.parametrize("rho", [-0.8, 0.4])
def test_a_shifted_kink_by_mpmath(rho):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(25):
        s, spread = mpmath.sqrt(2), mpmath.sqrt(1 - mpmath.mpf(rho) ** 2)

        def inner(x):  # E max(s (rho x + spread y) - 0.7, 0) has a closed form in y
            m, sigma = s * rho * x - mpmath.mpf("0.7"), s * spread
            return m * mpmath.ncdf(m / sigma) + sigma * mpmath.npdf(m / sigma)

        edge = mpmath.mpf("0.7")
        expected = float(mpmath.quad(lambda x: (x - edge) * mpmath.npdf(x) * inner(x), [edge, 2, 4, 8, 16]))
    assert pair_means(SHIFTED, 1.0, 2.0, rho * math.sqrt(2.0)).value == pytest.approx(expected, rel=1e-12)


def test_a_product_that_is_almost_never_positive_settles_at_nothing():
    # two of standard deviation 0.7, both beyond 0.7, with correlation -0.986: 1e-35, whose digits nobody needs
    means = pair_means(SHIFTED, 0.49, 0.49, -0.986 * 0.49)
    assert 0.0 <= float(means.value) < 1e-20
    assert 0.0 <= float(means.derivative) < 1e-20


def test_shapes_broadcast():
    means = pair_means(problem.relu(), np.array([1.0, 2.0])[:, None], 1.0, np.zeros(3))
    assert means.value.shape == means.derivative.shape == (2, 3)
    np.testing.assert_allclose(means.derivative, 0.25, rtol=1e-12)


def test_what_does_not_settle_is_not_returned():
    undeclared = problem.numerical(SHIFTED.function, SHIFTED.derivative)
    with pytest.raises(NotConverged, match="mean over a Gaussian pair"):
        pair_means(undeclared, 1.0, 1.0, 0.3)


@pytest.mark.parametrize(
    ("q1", "c", "message"), [(0.0, 0.0, "q1 must"), (1.0, math.nan, "c must"), (1.0, -1.1, "c must be at most")]
)
def test_bad_input_is_refused(q1, c, message):
    with pytest.raises(ValueError, match=message):
        pair_means(problem.relu(), q1, 1.0, c)
