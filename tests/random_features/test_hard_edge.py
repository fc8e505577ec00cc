"""The factors of the hard edge against quadrature of the density, exact matrices, and their limits."""

import math

import numpy as np
import pytest
from scipy import integrate, special

from theorylab.random_features.theory import hard_edge_factors

NAMES = ("test_mse", "train_mse", "inverse_kappa")


def density(u):
    """Density of singular values at the real hard edge, in units of the smooth one."""
    missing = 1.0 - special.itj0y0(u)[0]
    return math.pi * (u / 2.0 * (special.j0(u) ** 2 + special.j1(u) ** 2) + special.j0(u) / 2.0 * missing)


def integral(t, name):
    """The factor as a ratio of integrals: of the density up to 400, where it is 1 to 1e-3, and of 1 from there on."""
    weight = {
        "test_mse": lambda u: u**2 / (u**2 + t**2) ** 2,
        "train_mse": lambda u: t**2 / (u**2 + t**2) ** 2,
        "inverse_kappa": lambda u: 1.0 / (u**2 + t**2),
    }[name]
    smooth = math.pi / (2.0 * t) if name == "inverse_kappa" else math.pi / (4.0 * t)
    difference = sum(
        integrate.quad(lambda u: weight(u) * (density(u) - 1.0), low, low + 10.0, limit=200)[0]
        for low in np.arange(0.0, 400.0, 10.0)
    )
    return 1.0 + difference / smooth


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("t", [0.1, 0.7, 1.9, 2.1, 8.0])
def test_the_closed_form_is_the_integral(t, name):
    assert float(getattr(hard_edge_factors(t / 2.0), name)) == pytest.approx(integral(t, name), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_below_the_edge_it_is_half_of_pi(name):
    assert float(getattr(hard_edge_factors(1e-9), name)) == pytest.approx(math.pi / 2.0, abs=1e-7)


def test_above_the_edge_the_law_is_approached():
    t = np.array([300.0, 3e6])
    factors = hard_edge_factors(t / 2.0)
    np.testing.assert_allclose(factors.inverse_kappa - 1.0, 0.5 / t, rtol=0.01)
    np.testing.assert_allclose(factors.train_mse - 1.0, 1.0 / t, rtol=0.01)
    np.testing.assert_allclose(factors.test_mse - 1.0, 0.0, atol=1e-5)


def test_the_two_ways_to_integrate_meet():
    for name in NAMES:
        below, above = (float(getattr(hard_edge_factors(gap), name)) for gap in (1.0 - 1e-12, 1.0 + 1e-12))
        assert below == pytest.approx(above, rel=1e-11)


def test_half_of_pi_is_the_density_of_the_smallest_singular_value_at_zero():
    """For n by n matrices exactly sqrt(2) Gamma((n+1)/2) / Gamma(n/2); the quarter-circle law has 2 sqrt(n) / pi."""
    n = 400
    exact = math.sqrt(2.0) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
    assert exact / (2.0 * math.sqrt(n) / math.pi) == pytest.approx(math.pi / 2.0, rel=1.0 / n)
    assert density(1e-12) == pytest.approx(math.pi / 2.0)


def test_the_trace_of_inverse_gaussian_matrices():
    """Of 4000 square standard normal matrices, 4 standard errors; quarter-circle density 2 sqrt(n) / pi at zero."""
    n, t, rng = 24, 0.5, np.random.default_rng(0)
    ridge = (t / (2.0 * math.sqrt(n))) ** 2
    squares = np.linalg.svd(rng.standard_normal((4000, n, n)), compute_uv=False) ** 2
    traces = np.sum(1.0 / (squares + ridge), axis=1) * 2.0 * math.sqrt(ridge) / math.pi / (2.0 * math.sqrt(n) / math.pi)
    expected = float(hard_edge_factors(t / 2.0).inverse_kappa)
    assert abs(traces.mean() - expected) < 4.0 * traces.std() / math.sqrt(4000) + expected / n


def test_shape_and_refusals():
    assert hard_edge_factors([[0.1, 1.0]]).test_mse.shape == (1, 2)
    for gap in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="sample_gap must"):
            hard_edge_factors(gap)
