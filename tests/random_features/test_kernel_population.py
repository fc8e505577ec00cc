"""Kernel ridge regression on subsets of a population, against scikit-learn and labels that are noise."""

import math

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from theorylab.random_features.experiment import simulate_kernel_population

RNG = np.random.default_rng(3)
FEATURES = RNG.standard_normal((60, 90)) * np.arange(1.0, 91.0) ** -0.75
K, Y = FEATURES @ FEATURES.T, np.stack([np.sin(FEATURES[:, 0]), FEATURES[:, 1]], axis=1)


def simulate(**changes):
    settings = {"K": K, "y": Y, "n_samples": 25, "ridges": [0.0, 0.1, 3.0], "n_trials": 2}
    return simulate_kernel_population(**{**settings, **changes}, rng=np.random.default_rng(4))


def test_against_scikit_learn():
    found, rng = simulate(), np.random.default_rng(4)
    for trial in range(2):
        order = rng.permutation(60)
        train, rest = order[:25], order[25:]
        for column, ridge in ((1, 0.1), (2, 3.0)):
            fit = KernelRidge(alpha=ridge, kernel="precomputed").fit(K[np.ix_(train, train)], Y[train])
            for part, values in ((rest, found.test_mse), (train, found.train_mse)):
                expected = np.mean(np.sum((Y[part] - fit.predict(K[np.ix_(part, train)])) ** 2, axis=1))
                assert values[trial, column] == pytest.approx(expected)
            inverse = np.linalg.inv(K[np.ix_(train, train)] + ridge * np.eye(25))
            assert found.kappa[trial, column] == pytest.approx(1.0 / np.trace(inverse))
    np.testing.assert_allclose(found.train_mse[:, 0], 0.0, atol=1e-20)


def test_noise_is_the_average_over_noisy_labels():
    labels = np.random.default_rng(5).standard_normal((60, 6000)) / math.sqrt(6000)
    found = simulate(y=labels)
    np.testing.assert_allclose(found.test_mse, found.noise_test_mse, rtol=0.03)
    np.testing.assert_allclose(found.train_mse, found.noise_train_mse, rtol=0.03, atol=1e-20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_samples": 60}, "n_samples must be below the 60 points"),
        ({"n_trials": 0}, "n_trials must"),
        ({"ridges": [-1.0]}, "ridges must"),
        ({"y": np.zeros(59)}, "y must be as long"),
        ({"K": np.zeros((60, 59))}, "K must be square"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        simulate(**changes)
