"""Risk of ridge regression, and how far that of stopped flow can be from it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from theorylab.ntk.theory import FLOW_TO_RIDGE_RISK, WORST_EXPONENT, early_stopping_risk, ridge_risk

RNG = np.random.default_rng(0)
POSITIVE = st.floats(1e-6, 1e6)


def test_ridge_risk_is_the_mean_over_noise():
    K, signal, sigma_sq, ridge = RNG.standard_normal((8, 12)), RNG.standard_normal(8), 0.4, 0.9
    K = K @ K.T
    values, vectors = np.linalg.eigh(K)
    hat = np.linalg.solve(K + ridge * np.eye(8), K)  # symmetric, as both factors commute
    bias = hat @ signal - signal
    expected = (bias @ bias + sigma_sq * np.sum(hat**2)) / 8
    got = ridge_risk(values, (vectors.T @ signal) ** 2, sigma_sq, [ridge])
    np.testing.assert_allclose(got, [expected], rtol=1e-11)


def test_limits_of_the_ridge():
    risks = ridge_risk([3.0, 1.0], [2.0, 5.0], 0.3, [1e-14, 1e14])
    np.testing.assert_allclose(risks, [0.3, 3.5], rtol=1e-10)


def test_the_constant_is_the_largest_ratio():
    ratio = minimize_scalar(lambda x: -((-math.expm1(-x) * (1.0 + x) / x) ** 2), bounds=(0.1, 10.0), method="bounded")
    np.testing.assert_allclose(FLOW_TO_RIDGE_RISK, -ratio.fun, rtol=1e-12)
    assert math.exp(WORST_EXPONENT) == pytest.approx(1.0 + WORST_EXPONENT + WORST_EXPONENT**2, rel=1e-14)


@given(
    st.lists(st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e6)), min_size=1, max_size=5),
    st.floats(0.0, 1e6),
    POSITIVE,
)
def test_stopped_flow_is_within_the_constant_of_ridge(components, noise, time):
    eigenvalues, signal_sq = map(np.array, zip(*components, strict=True))
    stopped = early_stopping_risk(eigenvalues, signal_sq, noise, [time])
    assert (
        stopped[0] <= FLOW_TO_RIDGE_RISK * ridge_risk(eigenvalues, signal_sq, noise, [len(signal_sq) / time])[0] + 1e-9
    )


def test_limits_of_the_time():
    risks = early_stopping_risk([3.0, 0.0], [2.0, 5.0], 0.3, [0.0, math.inf])  # the second component is never learned
    np.testing.assert_allclose(risks, [3.5, (0.3 + 5.0) / 2], rtol=1e-12)


@pytest.mark.parametrize(("signal_sq", "noise"), [(4.0, 1.0), (0.3, 0.05)])
def test_one_component_is_best_stopped_where_the_filter_says(signal_sq, noise):
    found = minimize_scalar(
        lambda t: float(early_stopping_risk([0.7], [signal_sq], noise, [t])[0]), bounds=(0.01, 50.0), method="bounded"
    )
    assert math.exp(-0.7 * found.x) == pytest.approx(noise / (signal_sq + noise), rel=1e-4)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="ridges must be"):
        ridge_risk([1.0], [1.0], 0.1, [0.0])
    with pytest.raises(ValueError, match="coefficients_sq"):
        ridge_risk([1.0, 2.0], [1.0], 0.1, [1.0])
