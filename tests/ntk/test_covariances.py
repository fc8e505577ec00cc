"""Covariances at many times against the definition time by time, in double precision and in 60 digits."""

import math

import array_api_strict
import mpmath
import numpy as np
import pytest

from theorylab.ntk.theory import NTK, KernelGradientFlow, _covariances

RNG = np.random.default_rng(0)
TIMES = {
    "decades": np.geomspace(1e-1, 1e6, 100),
    "steps": np.linspace(0.0, 200.0, 60),
    "ends": np.array([0.0, math.inf, 0.0, 3.0]),
    "no time": np.zeros(2),
}


def problem(activation, n, m=20, dim=5):
    """Flow and the kernels of its ensemble."""
    X, Z, kernel = RNG.standard_normal((n, dim)), RNG.standard_normal((m, dim)), NTK(activation)
    flow = KernelGradientFlow(kernel(X), X[:, :1])
    kernels = {"S": kernel(X, get="nngp"), "S_star": kernel(Z, X, get="nngp"), "S_star_star": kernel(Z, get="nngp")}
    return flow, kernel(Z, X), kernels


def time_by_time(flow, times, K_star, S, S_star, S_star_star):
    """The definition, in the principal components."""
    modes, prior = K_star @ flow.eigenvectors, S_star @ flow.eigenvectors
    rotated, covariances = flow.eigenvectors.T @ S @ flow.eigenvectors, []
    for t in times:
        exponent = flow.eigenvalues * t / S.shape[0]
        at = modes * (-np.expm1(-exponent) / flow.eigenvalues)
        cross = at @ prior.T
        covariances.append(S_star_star - cross - cross.T + at @ rotated @ at.T)
    return np.stack(covariances)


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
@pytest.mark.parametrize("n", [1, 40, 300])
def test_covariances_are_the_definition(n, times):
    flow, K_star, kernels = problem("relu", n)
    expected = time_by_time(flow, times, K_star, **kernels)
    got = flow.ensemble(times, K_star, full=True, **kernels).covariance
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-11 * np.max(np.abs(expected)))
    variances = flow.ensemble(times, K_star, **kernels).covariance
    np.testing.assert_allclose(
        variances, np.diagonal(expected, axis1=1, axis2=2), rtol=0.0, atol=1e-11 * np.max(np.abs(expected))
    )


@pytest.mark.parametrize("activation", ["erf", "gelu"])
def test_nearly_singular_kernels(activation):
    flow, K_star, kernels = problem(activation, 200, dim=1)
    assert flow.eigenvalues[-1] < 1e-12 * flow.eigenvalues[0]
    flow.eigenvalues = np.maximum(flow.eigenvalues, 1e-30)  # the definition divides
    expected = time_by_time(flow, TIMES["decades"], K_star, **kernels)
    got = flow.ensemble(TIMES["decades"], K_star, full=True, **kernels).covariance
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-10 * np.max(np.abs(expected)))


@pytest.mark.parametrize(("top", "block"), [(1, 1), (1, 7), (4, 9), (15, 14), (15, 15), (16, 1)])
def test_blocks_of_any_size_agree(top, block, monkeypatch):
    flow, K_star, kernels = problem("relu", 30)
    expected = time_by_time(flow, TIMES["steps"], K_star, **kernels)
    monkeypatch.setattr(_covariances, "_TOP", top)
    monkeypatch.setattr(_covariances, "_BLOCK", block)
    for full in (True, False):
        got = flow.ensemble(TIMES["steps"], K_star, full=full, **kernels).covariance
        same = expected if full else np.diagonal(expected, axis1=1, axis2=2)
        np.testing.assert_allclose(got, same, rtol=0.0, atol=1e-11)


def test_a_prior_without_cholesky_factor_takes_the_other_way():
    flow, K_star, kernels = problem("relu", 250)
    directions = RNG.standard_normal((270, 3))
    S = directions @ directions.T  # as of linear networks
    kernels = {"S": S[:250, :250], "S_star": S[250:, :250], "S_star_star": S[250:, 250:]}
    assert _covariances._half_by_cholesky(kernels["S"], flow.eigenvectors, _covariances._Scratch()) is None
    expected = time_by_time(flow, TIMES["decades"], K_star, **kernels)
    got = flow.ensemble(TIMES["decades"], K_star, full=True, **kernels).covariance
    np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-10 * np.max(expected))


def test_half_of_the_rotated_prior():
    flow, _, kernels = problem("gelu", 60)
    rotated = flow.eigenvectors.T @ kernels["S"] @ flow.eigenvectors
    scratch = _covariances._Scratch()
    for half in (
        _covariances._half(kernels["S"], flow.eigenvectors, scratch),
        np.asarray(_covariances._half(*map(array_api_strict.asarray, (kernels["S"], flow.eigenvectors)), scratch)),
    ):
        np.testing.assert_array_equal(half, np.tril(half))
        np.testing.assert_allclose(half + half.T, rotated, rtol=0.0, atol=1e-13 * np.max(rotated))


def test_results_do_not_share_memory():
    flow, K_star, kernels = problem("relu", 200)
    first = flow.ensemble(TIMES["steps"], K_star, full=True, **kernels).covariance
    kept = first.copy()
    flow.ensemble(TIMES["decades"], 2.0 * K_star, full=True, **kernels)
    np.testing.assert_array_equal(first, kept)


def test_the_definition_in_60_digits():
    flow, K_star, kernels = problem("relu", 8, m=3)
    times = np.geomspace(1e-2, 1e4, 50)
    with mpmath.workdps(60):
        K, y = flow.eigenvectors @ np.diag(flow.eigenvalues) @ flow.eigenvectors.T, flow._y
        K, y, star, S, S_star, S_star_star = (mpmath.matrix(a.tolist()) for a in (K, y, K_star, *kernels.values()))
        values, vectors = mpmath.eigsy(K)
        covariances, means = [], []
        for t in times:
            g = mpmath.diag([(1 - mpmath.exp(-v * mpmath.mpf(t) / 8)) / v for v in values])
            M = star * vectors * g * vectors.T
            covariances.append((S_star_star - M * S_star.T - S_star * M.T + M * S * M.T).tolist())
            means.append((M * y).tolist())
        expected, mean = np.array(covariances, dtype=float), np.array(means, dtype=float)
    got = flow.ensemble(times, K_star, full=True, **kernels)
    np.testing.assert_allclose(got.covariance, expected, rtol=0.0, atol=1e-12 * np.max(np.abs(expected)))
    np.testing.assert_allclose(got.mean, mean, rtol=0.0, atol=1e-12 * np.max(np.abs(mean)))


def test_few_nodes_suffice():
    flow, _, _ = problem("relu", 300)
    weights = flow._learned(TIMES["decades"], 1.0, discrete=False)[1]
    weights = weights / np.max(weights)
    nodes, coefficients = _covariances._time_nodes([_covariances._Block(slice(0, 300), weights, None)])
    assert len(nodes) < 55
    assert np.max(np.abs(coefficients)) < 10.0  # rounding is not amplified
    i, j = RNG.integers(0, 300, (2, 1000))
    for functions in (weights, weights[:, i] * weights[:, j]):
        np.testing.assert_allclose(coefficients @ functions[nodes], functions, rtol=0.0, atol=1e-11)


def test_other_libraries_agree():
    flow, K_star, kernels = problem("relu", 150)
    strict = KernelGradientFlow(
        array_api_strict.asarray(flow.eigenvectors * flow.eigenvalues @ flow.eigenvectors.T), flow._y
    )
    for full in (True, False):
        expected = flow.ensemble(TIMES["decades"], K_star, full=full, **kernels).covariance
        got = strict.ensemble(TIMES["decades"], K_star, full=full, **kernels).covariance
        np.testing.assert_allclose(np.asarray(got), expected, rtol=0.0, atol=1e-10 * np.max(np.abs(expected)))
