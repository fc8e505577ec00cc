"""Kernel matrices of features and of subsets, against explicit matrices on the same draws."""

import math

import numpy as np
import pytest

from theorylab.random_features.experiment import empirical_kernel
from theorylab.random_features.experiment.empirical_kernel import simulate_empirical_kernel, simulate_submatrices

RNG = np.random.default_rng(0)
X = RNG.standard_normal((7, 3))
ROOT = RNG.standard_normal((12, 12))
K = ROOT @ ROOT.T + np.eye(12)


def kernel_errors(**changes):
    settings = {"X": X, "kernel": np.eye(7), "n_features": 50, "n_trials": 3, "activation": "erf",
                "weight_variance": 0.4}  # fmt: skip
    return simulate_empirical_kernel(**{**settings, **changes}, rng=np.random.default_rng(1))


@pytest.mark.parametrize("block", [7, 50, 1000])
def test_errors_of_one_draw_whatever_the_blocks(monkeypatch, block):
    monkeypatch.setattr(empirical_kernel, "_BLOCK", block)
    weights = math.sqrt(0.4) * np.random.default_rng(1).standard_normal((50, 3))
    psi = np.vectorize(math.erf)(X @ weights.T)
    difference = psi @ psi.T / 50 - np.eye(7)
    found = kernel_errors(n_trials=1)
    assert found.mean_square[0] == pytest.approx(np.mean(difference**2))
    assert found.largest[0] == pytest.approx(np.abs(difference).max())


def test_draws_are_independent():
    found = kernel_errors()
    assert found.largest.shape == (3,)
    assert np.unique(found.largest).size == 3


def test_inverse_traces_of_the_same_subsets():
    found = simulate_submatrices(K, 5, [0.0, 0.7], 4, np.random.default_rng(2)).kappa
    rng = np.random.default_rng(2)
    for row in found:
        chosen = rng.choice(12, 5, replace=False)
        part = K[np.ix_(chosen, chosen)]
        expected = [1.0 / np.trace(np.linalg.inv(part + ridge * np.eye(5))) for ridge in (0.0, 0.7)]
        np.testing.assert_allclose(row, expected)


def test_the_whole_population_has_one_value():
    found = simulate_submatrices(K, 12, [0.1], 3, np.random.default_rng(2)).kappa
    np.testing.assert_allclose(found, found[0, 0])


def test_singular_submatrices_are_refused_unless_there_is_a_ridge():
    flat = np.ones((6, 6))
    with pytest.raises(ValueError, match="K must be positive definite on every subset"):
        simulate_submatrices(flat, 3, [0.0, 0.1], 1, np.random.default_rng(0))
    found = simulate_submatrices(flat, 3, [0.5], 1, np.random.default_rng(0)).kappa
    assert found[0, 0] == pytest.approx(1.0 / (2 / 0.5 + 1 / 3.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernel_errors(kernel=np.eye(6)), "kernel must"),
        (lambda: kernel_errors(n_features=0), "n_features must"),
        (lambda: kernel_errors(n_trials=0), "n_trials must"),
        (lambda: kernel_errors(weight_variance=0.0), "weight_variance must"),
        (lambda: kernel_errors(activation="tanh"), "activation must"),
        (lambda: simulate_submatrices(K[:, :5], 3, [0.1], 1, RNG), "K must be square"),
        (lambda: simulate_submatrices(K, 13, [0.1], 1, RNG), "n_samples must be at most the 12"),
        (lambda: simulate_submatrices(K, 3, [-0.1], 1, RNG), "ridges must"),
        (lambda: simulate_submatrices(K, 3, [0.1], 0, RNG), "n_trials must"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
