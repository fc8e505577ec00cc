"""The sphere's points, harmonics and trials against their definitions."""

import math

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from theorylab.random_features.experiment.sphere import harmonics, simulate_sphere, sphere_points


def test_points_are_uniform_on_the_sphere():
    points = sphere_points(np.random.default_rng(0), 20_000, 5)
    np.testing.assert_allclose(np.sum(points**2, axis=1), 5.0)
    # Moments of the uniform law: E x_i = 0, E x_i^2 = 1, E x_i^4 = 3 d / (d + 2); 4 standard errors of 0.01.
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=0.03)
    np.testing.assert_allclose(np.mean(points**4, axis=0), 15 / 7, atol=0.08)


@pytest.mark.parametrize("dim", [3, 8])
def test_harmonics_are_orthonormal_and_harmonic(dim):
    points = sphere_points(np.random.default_rng(1), 400_000, dim)
    values = harmonics(points)
    np.testing.assert_allclose(values.T @ values / len(values), np.eye(3), atol=0.02)
    # A product of distinct coordinates is a harmonic polynomial: orthogonal to all polynomials of lower degree.
    lower = np.stack([np.ones(len(points)), points[:, 0], points[:, 1] ** 2, points[:, 0] * points[:, 1]], axis=1)
    np.testing.assert_allclose(lower.T @ values[:, 2] / len(values), 0.0, atol=0.01)


def simulate(**changes):
    settings = {"coefficients": [1.0, 0.6, 0.3], "dim": 4, "n_samples": 20, "n_features": 15, "ridges": [0.1, 2.0],
                "noise_variance": 0.2, "n_trials": 2, "activation": "relu", "weight_variance": 0.5,
                "n_test": 3000}  # fmt: skip
    return simulate_sphere(**{**settings, **changes}, rng=np.random.default_rng(5))


def test_against_scikit_learn_on_the_same_draws():
    rng = np.random.default_rng(5)
    weights = math.sqrt(0.5) * rng.standard_normal((15, 4))
    train, fresh = sphere_points(rng, 20, 4), sphere_points(rng, 3000, 4)
    target = np.array([1.0, 0.6, 0.3])
    labels = harmonics(train) @ target + math.sqrt(0.2) * rng.standard_normal(20)
    psi, psi_fresh = (np.maximum(points @ weights.T, 0.0) / math.sqrt(15) for points in (train, fresh))
    found = simulate()
    for i, ridge in enumerate((0.1, 2.0)):
        fit = Ridge(alpha=ridge, fit_intercept=False).fit(psi, labels)
        predicted = fit.predict(psi_fresh)
        test = np.mean((predicted - harmonics(fresh) @ target) ** 2) + 0.2
        assert found.test_mse[0, i] == pytest.approx(test)
        assert found.train_mse[0, i] == pytest.approx(np.mean((fit.predict(psi) - labels) ** 2))
        np.testing.assert_allclose(found.learned[0, i], [np.mean(predicted * h) for h in harmonics(fresh).T])
    assert found.learned.shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coefficients": [1.0, 2.0]}, "coefficients must"),
        ({"dim": 2}, "dim must"),
        ({"n_samples": 0}, "n_samples must"),
        ({"n_features": 1.5}, "n_features must"),
        ({"ridges": [-1.0]}, "ridges must"),
        ({"noise_variance": -0.1}, "noise_variance must"),
        ({"weight_variance": 0.0}, "weight_variance must"),
        ({"activation": "tanh"}, "activation must"),
        ({"n_trials": 0}, "n_trials must"),
        ({"n_test": 0}, "n_test must"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        simulate(**changes)
