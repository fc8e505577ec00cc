"""The decomposition of the Gram matrix."""

import numpy as np
import pytest

from theorylab.self_distillation.theory import KernelEigensystem


def gram(n=8, rank=5, seed=0):
    features = np.random.default_rng(seed).standard_normal((n, rank))
    return features @ features.T


def test_decomposition_is_sorted_and_complete():
    K = gram()
    system = KernelEigensystem.from_gram(K)
    assert np.all(np.diff(system.eigenvalues) <= 0.0)
    assert system.eigenvalues.min() >= 0.0
    rebuilt = system.eigenvectors @ np.diag(system.eigenvalues) @ system.eigenvectors.T
    np.testing.assert_allclose(rebuilt, K, atol=1e-13)


@pytest.mark.parametrize("shape", [(8,), (8, 3), (8, 1)])
def test_filters_act_on_components(shape):
    K = gram(rank=8)
    system, y = KernelEigensystem.from_gram(K), np.random.default_rng(1).standard_normal(shape)
    np.testing.assert_allclose(system.coefficients(y), system.eigenvectors.T @ y, rtol=1e-12)
    filters = np.stack([system.eigenvalues, system.eigenvalues**2, np.ones(8)])
    applied = system.apply(filters, y)
    assert applied.shape == (3, *shape)
    for found, expected in zip(applied, [K @ y, K @ K @ y, y], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(system.apply(filters[0], y), K @ y, rtol=1e-9, atol=1e-12)
    assert system.apply(filters[None, :2], y).shape == (1, 2, *shape)


def test_matrices_in_single_precision_pass():
    rng = np.random.default_rng(2)
    features = rng.standard_normal((40, 5)).astype(np.float32)
    K = (features @ features.T).astype(np.float64)
    K[3, 4] *= 1 + 1e-7
    assert KernelEigensystem.from_gram(K).eigenvalues.min() == 0.0


def test_refusals():
    for K, message in [
        (np.ones((2, 3)), "K must be square"),
        ([[1.0, 0.2], [0.1, 1.0]], "K must be symmetric; got entries that differ by 0.1"),
        ([[1.0, 1.1], [1.1, 1.0]], "K must be positive semi-definite; got an eigenvalue of -0.1"),
        ([[1.0, np.inf], [np.inf, 1.0]], "K must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            KernelEigensystem.from_gram(K)
    system = KernelEigensystem.from_gram(np.eye(3))
    with pytest.raises(ValueError, match="y must have one row for each of the 3 rows of K"):
        system.coefficients(np.ones(4))
    for filters in (np.ones(4), 1.0):
        with pytest.raises(ValueError, match="filters must have 3 entries along the last axis"):
            system.apply(filters, np.ones(3))
