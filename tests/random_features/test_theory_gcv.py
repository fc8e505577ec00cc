"""Generalised cross-validation against the definition, scikit-learn fits and simulated test errors."""

import math

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from theorylab.random_features.experiment import simulate_gaussian_features
from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory import gcv_estimate, risk_estimate

RNG = np.random.default_rng(0)
FEATURES = RNG.standard_normal((20, 30))
K, Y = FEATURES @ FEATURES.T, RNG.standard_normal((20, 2))


@pytest.mark.parametrize("ridge", [1e-3, 0.5, 40.0])
def test_definition(ridge):
    fit = KernelRidge(alpha=ridge, kernel="precomputed").fit(K, Y)
    train = np.mean(np.sum((Y - fit.predict(K)) ** 2, axis=1))
    share = ridge * np.trace(np.linalg.inv(K + ridge * np.eye(20))) / 20
    assert float(gcv_estimate(K, Y, ridge)) == pytest.approx(train / share**2, rel=1e-9)


def test_zero_ridge_is_the_limit():
    assert float(gcv_estimate(K, Y, 0.0)) == pytest.approx(float(gcv_estimate(K, Y, 1e-9)), rel=1e-7)


def test_zero_ridge_of_a_singular_kernel_is_that_of_least_squares():
    # n / (n - p)^2 times the residual sum of squares, as in any textbook
    X = FEATURES[:, :6]
    residual = Y - X @ np.linalg.lstsq(X, Y, rcond=None)[0]
    assert float(gcv_estimate(X @ X.T, Y, 0.0)) == pytest.approx(20 * np.sum(residual**2) / 14**2, rel=1e-9)
    assert float(gcv_estimate(X @ X.T, Y, 1e-7)) == pytest.approx(20 * np.sum(residual**2) / 14**2, rel=1e-5)


def test_huge_ridge_is_the_power_of_the_labels():
    assert float(gcv_estimate(K, Y, 1e12)) == pytest.approx(np.sum(Y**2) / 20, rel=1e-9)


def test_shape_of_the_ridges_is_kept():
    ridges = np.array([[0.1, 1.0, 2.0], [3.0, 0.0, 5.0]])
    estimates = gcv_estimate(K, Y[:, 0], ridges)
    assert estimates.shape == (2, 3)
    assert estimates[1, 0] == pytest.approx(float(gcv_estimate(K, Y[:, 0], 3.0)))


@pytest.mark.parametrize(("n", "k"), [(60, 90), (90, 60)])
def test_estimates_the_error_of_random_features(n, k):
    # mean over 60 training sets, against the mean of their population errors; 3.5 standard errors and 12 / 60
    spectrum = KernelSpectrum.power_law(1.5, 1.5, 300)
    rng = np.random.default_rng(5)
    scale, target = np.sqrt(spectrum.eigenvalues), np.sqrt(spectrum.coefficients_sq)
    estimates = []
    for _ in range(60):
        modes = rng.standard_normal((n, 300))
        features = modes @ (rng.standard_normal((k, 300)) * scale).T / math.sqrt(k)
        labels = modes @ target + math.sqrt(0.1) * rng.standard_normal(n)
        estimates.append(gcv_estimate(features @ features.T, labels, [0.1, 1.0]))
    mean, error = np.mean(estimates, axis=0), np.std(estimates, axis=0) / math.sqrt(60)
    simulated = simulate_gaussian_features(spectrum, n, k, [0.1, 1.0], 0.1, 60, np.random.default_rng(6)).test_mse
    spread = np.hypot(error, simulated.std(axis=0) / math.sqrt(60))
    np.testing.assert_array_less(np.abs(mean - simulated.mean(axis=0)), 3.5 * spread + 0.2 * mean)
    predicted = risk_estimate(spectrum, n, k, [0.1, 1.0], 0.1).test_mse
    np.testing.assert_array_less(np.abs(mean - predicted), 3.5 * error + 0.2 * predicted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"K": np.ones((2, 3))}, "K must be square"),
        ({"K": np.array([[1.0, 2.0], [2.0, 1.0]]), "y": np.ones(2)}, "K must be positive semi-definite; got an eig"),
        ({"y": np.ones(3)}, "y must have one row for each of the 20"),
        ({"ridge": -1.0}, "ridge must"),
        ({"ridge": math.nan}, "ridge must"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        gcv_estimate(**{"K": K, "y": Y, "ridge": 0.1, **arguments})
