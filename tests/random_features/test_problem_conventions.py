"""Each ridge convention against a fit with scikit-learn, or a solution of its normal equations."""

import math

import numpy as np
import pytest
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from theorylab.random_features.problem import RIDGE_CONVENTIONS, convert_ridge

N, K, D = 30, 12, 5
RNG = np.random.default_rng(0)
X, Y, X_NEW = RNG.standard_normal((N, D)), RNG.standard_normal(N), RNG.standard_normal((7, D))
WEIGHTS = RNG.standard_normal((K, D))
SIZES = {"n_samples": N, "n_features": K, "input_dim": D}


def psi(x):
    return np.maximum(x @ WEIGHTS.T, 0.0)


def ours(delta):
    """The estimator of the chapter, from its kernel form."""
    kernel = psi(X) @ psi(X).T / K
    return psi(X_NEW) @ psi(X).T / K @ np.linalg.solve(kernel + delta * np.eye(N), Y)


def linear(alpha, scale):
    return Ridge(alpha=alpha, fit_intercept=False).fit(psi(X) * scale, Y).predict(psi(X_NEW) * scale)


def mean_loss(penalty, features, new):
    """Minimiser of the mean squared error plus penalty * |w|^2, from its normal equations."""
    gram = features.T @ features / N + penalty * np.eye(K)
    return new @ np.linalg.solve(gram, features.T @ Y / N)


FITS = {
    "sum_loss": [
        lambda r: linear(r, K**-0.5),
        lambda r: (
            KernelRidge(alpha=r, kernel="precomputed").fit(psi(X) @ psi(X).T / K, Y).predict(psi(X_NEW) @ psi(X).T / K)
        ),
    ],
    "unscaled": [lambda r: linear(r, 1.0)],
    "mean_loss": [lambda r: mean_loss(r, psi(X) / K**0.5, psi(X_NEW) / K**0.5)],
    "mei_montanari": [lambda r: mean_loss(K * r / D, psi(X), psi(X_NEW))],
}


@pytest.mark.parametrize("name", RIDGE_CONVENTIONS)
@pytest.mark.parametrize("ridge", [1e-3, 0.7])
def test_same_function_as_the_fit_in_that_convention(name, ridge):
    delta = float(convert_ridge(ridge, name, **SIZES))
    for fit in FITS[name]:
        np.testing.assert_allclose(fit(ridge), ours(delta), rtol=1e-9)
        assert not np.allclose(fit(2.0 * ridge), ours(delta), rtol=1e-5)


@pytest.mark.parametrize("source", RIDGE_CONVENTIONS)
@pytest.mark.parametrize("target", RIDGE_CONVENTIONS)
def test_between_any_two_and_back(source, target):
    there = convert_ridge([0.0, 0.3], source, target, **SIZES)
    np.testing.assert_allclose(FITS[source][0](0.3), FITS[target][0](float(there[1])), rtol=1e-9)
    np.testing.assert_allclose(convert_ridge(there, target, source, **SIZES), [0.0, 0.3], rtol=1e-14)


def test_fourier_features_are_scaled_already():
    sampler = RBFSampler(gamma=0.1, n_components=4000, random_state=0).fit(X)
    kernel = sampler.transform(X) @ sampler.transform(X).T
    expected = np.exp(-0.1 * np.sum((X[:, None] - X[None]) ** 2, axis=2))
    np.testing.assert_allclose(kernel, expected, atol=0.1)


def test_arrays_broadcast():
    assert convert_ridge([[0.1], [0.2]], "mean_loss", n_samples=[10, 20, 30]).shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"ridge": -1.0}, ValueError, "ridge must"),
        ({"source": "meanloss"}, ValueError, "source must be one of .* Did you mean 'mean_loss'"),
        ({"target": "sklearn"}, ValueError, "target must be one of"),
        ({"n_samples": None}, TypeError, "n_samples must be given to convert a ridge from 'mei_montanari' to 'unsc"),
        ({"n_features": math.inf}, ValueError, "n_features must be finite"),
        ({"input_dim": 0}, ValueError, "input_dim must be finite and > 0"),
    ],
)
def test_refusals(arguments, error, message):
    sound = {"ridge": 0.1, "source": "mei_montanari", "target": "unscaled", **SIZES}
    with pytest.raises(error, match=message):
        convert_ridge(**{**sound, **arguments})


def test_sizes_that_cancel_are_not_asked_for():
    assert float(convert_ridge(0.5, "mei_montanari", "mean_loss", input_dim=D)) == pytest.approx(0.1)
