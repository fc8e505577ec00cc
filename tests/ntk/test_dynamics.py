"""Closed-form dynamics against matrix exponentials, explicit loops, an ODE solver, and simulated ensembles."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from theorylab.ntk.theory import NTK, KernelGradientFlow, early_stopping_risk

RNG = np.random.default_rng(0)
X, Z, Y = RNG.standard_normal((12, 4)), RNG.standard_normal((5, 4)), RNG.standard_normal((12, 2))
F0, F0_STAR = RNG.standard_normal((12, 2)), RNG.standard_normal((5, 2))
KERNEL = NTK("relu", 2)
K, K_STAR = KERNEL(X), KERNEL(Z, X)
S, S_STAR, S_STAR_STAR = KERNEL(X, get="nngp"), KERNEL(Z, X, get="nngp"), KERNEL(Z, get="nngp")
TIMES = [0.0, 0.7, 30.0, 1e3]


def operator(t, n=12):
    """K^-1 (1 - exp(-K t / n)), with matrices."""
    return np.linalg.solve(K, np.eye(12) - expm(-K * t / n))


def test_flow_on_train_and_test_points_is_the_matrix_exponential():
    flow = KernelGradientFlow(K, Y)
    train, test = flow.predict(TIMES, f0=F0), flow.predict(TIMES, K_STAR, f0=F0, f0_star=F0_STAR)
    for t, at_train, at_test in zip(TIMES, train, test, strict=True):
        np.testing.assert_allclose(at_train, Y + expm(-K * t / 12) @ (F0 - Y), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(at_test, F0_STAR + K_STAR @ operator(t) @ (Y - F0), rtol=1e-11, atol=1e-12)


def test_flow_solves_the_differential_equation():
    solution = solve_ivp(lambda _, f: -K @ (f - Y[:, 0]) / 12, (0.0, 9.0), F0[:, 0], rtol=1e-11, atol=1e-12)
    flow = KernelGradientFlow(K, Y[:, 0])
    np.testing.assert_allclose(flow.predict([9.0], f0=F0[:, 0])[0, :, 0], solution.y[:, -1], rtol=1e-8)


def test_norm_over_outputs_slows_time_by_their_number():
    slow = KernelGradientFlow(K, Y, norm="nk").predict([6.0])
    np.testing.assert_allclose(slow, KernelGradientFlow(K, Y).predict([3.0]), rtol=1e-13)


def test_ridge_is_the_penalised_flow():
    n, ridge = 12, 0.4
    flow = KernelGradientFlow(K, Y, ridge=ridge)
    alpha, step = np.zeros((12, 2)), 1e-3
    for _ in range(2000):  # gradient descent in the function space, from zero, in small steps
        alpha -= step / n * (K @ alpha - Y + ridge * alpha)
    np.testing.assert_allclose(flow.predict([2.0])[0], K @ alpha, rtol=2e-3, atol=1e-4)
    limit = np.linalg.solve(K + ridge * np.eye(12), Y)
    np.testing.assert_allclose(flow.predict([math.inf], K_STAR)[0], K_STAR @ limit, rtol=1e-10)
    np.testing.assert_allclose(flow.predict([math.inf])[0], K @ limit, rtol=1e-10)


def test_the_largest_learning_rate_leaves_one_component_undamped():
    flow = KernelGradientFlow(K, Y, ridge=3.0)
    factors = 1.0 - flow.max_learning_rate / 12 * (np.linalg.eigvalsh(K) + 3.0)
    assert np.max(np.abs(factors)) == pytest.approx(1.0, rel=1e-12)


def test_test_points_may_see_what_training_points_do_not_move():
    flow = KernelGradientFlow(np.diag([2.0, 0.0]), [1.0, 5.0])  # df_*/dt = 5 / 2 for ever
    assert flow.predict([0.0, 3.0], [[0.0, 1.0]], learning_rate=0.5).ravel().tolist() == [0.0, 3.75]


def test_one_start_serves_all_outputs():
    flow = KernelGradientFlow(K, Y)
    both = flow.predict(TIMES, f0=np.repeat(F0[:, :1], 2, axis=1))
    np.testing.assert_array_equal(flow.predict(TIMES, f0=F0[:, :1]), both)


@pytest.mark.parametrize("share", [0.5, 1.0, 1.5, 1.99])
def test_descent_is_the_explicit_loop(share):
    flow = KernelGradientFlow(K, Y)
    rate, f, g = 0.5 * share * flow.max_learning_rate, F0.copy(), F0_STAR.copy()
    for _ in range(17):
        residual = f - Y
        f, g = f - rate / 12 * K @ residual, g - rate / 12 * K_STAR @ residual
    options = {"f0": F0, "learning_rate": rate, "discrete": True}
    np.testing.assert_allclose(flow.predict([17], **options)[0], f, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(flow.predict([17], K_STAR, f0_star=F0_STAR, **options)[0], g, rtol=1e-10, atol=1e-11)


def test_descent_beyond_the_edge_diverges_and_says_so():
    flow = KernelGradientFlow(K, Y)
    with pytest.warns(UserWarning, match="max_learning_rate"):
        late = flow.predict([400], learning_rate=1.05 * flow.max_learning_rate, discrete=True)
    assert np.max(np.abs(late)) > 1e6
    for share in (1.05, 1.45):
        with pytest.warns(UserWarning, match="max_learning_rate"):
            assert not np.any(
                np.isfinite(flow.predict([math.inf], learning_rate=share * flow.max_learning_rate, discrete=True))
            )
    calm = flow.predict([math.inf], learning_rate=0.9 * flow.max_learning_rate, discrete=True)
    np.testing.assert_allclose(calm[0], Y, rtol=1e-12)


def test_duplicated_training_points_are_harmless():
    points = np.concatenate([X, X[:3]])
    flow = KernelGradientFlow(KERNEL(points), np.concatenate([Y, Y[:3]]))
    values = flow.predict([0.0, 1.0, math.inf], KERNEL(Z, points))
    assert np.all(np.isfinite(values))
    np.testing.assert_allclose(values[-1], K_STAR @ np.linalg.solve(K, Y), rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_conflicting_labels_of_one_point_are_averaged_in_the_limit(seed):
    points = np.concatenate([X, X[:3]])
    labels = np.random.default_rng(seed).standard_normal(15)
    gram, cross = KERNEL(points), KERNEL(Z, points)
    flow, inverse = KernelGradientFlow(gram, labels), np.linalg.pinv(gram, rcond=1e-12)
    np.testing.assert_allclose(flow.predict([math.inf])[0, :, 0], gram @ inverse @ labels, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(
        flow.predict([math.inf], cross)[0, :, 0], cross @ inverse @ labels, rtol=1e-9, atol=1e-11
    )


@pytest.mark.parametrize("t", [0.0, 2.0, 200.0])
def test_ensemble_covariance_is_the_definition(t):
    flow = KernelGradientFlow(K, Y)
    M = K_STAR @ operator(t)
    expected = S_STAR_STAR - M @ S_STAR.T - S_STAR @ M.T + M @ S @ M.T
    kernels = {"S": S, "S_star": S_STAR}
    full = flow.ensemble([t], K_STAR, S_star_star=S_STAR_STAR, full=True, **kernels)
    np.testing.assert_allclose(full.covariance[0], expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(full.mean[0], M @ Y, rtol=1e-9, atol=1e-11)
    for prior in (S_STAR_STAR, np.diag(S_STAR_STAR)):
        variance = flow.ensemble([t], K_STAR, S_star_star=prior, **kernels).covariance
        np.testing.assert_allclose(variance[0], np.diag(expected), rtol=1e-9, atol=1e-11)


def test_training_the_last_layer_ends_at_the_posterior():
    flow = KernelGradientFlow(S, Y)
    end = flow.ensemble([math.inf], S_STAR, S=S, S_star=S_STAR, S_star_star=S_STAR_STAR, full=True)
    posterior = S_STAR_STAR - S_STAR @ np.linalg.solve(S, S_STAR.T)
    np.testing.assert_allclose(end.covariance[0], posterior, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(end.mean[0], S_STAR @ np.linalg.solve(S, Y), rtol=1e-8)


def test_decay_orders_the_components():
    decay = KernelGradientFlow(K, Y).decay([5.0])[0]
    assert np.all(np.diff(decay) >= 0.0)
    np.testing.assert_allclose(decay[0], math.exp(-5.0 * np.linalg.eigvalsh(K)[-1] / 12), rtol=1e-10)


def test_early_stopping_risk_is_the_mean_over_noise():
    values, vectors = np.linalg.eigh(K)
    signal, sigma, t = 0.6 * RNG.standard_normal(12), 0.7, 25.0
    learn = vectors @ np.diag(1.0 - np.exp(-values * t / 12)) @ vectors.T
    bias, noise = learn @ signal - signal, sigma**2 * np.trace(learn @ learn.T)
    expected = (bias @ bias + noise) / 12
    got = early_stopping_risk(np.maximum(values, 0.0), (vectors.T @ signal) ** 2, sigma**2, [t])
    np.testing.assert_allclose(got, [expected], rtol=1e-11)


def test_early_stopping_risk_without_the_components_that_are_never_learned():
    features, sigma, times = RNG.standard_normal((12, 3)), 0.7, [0.0, 2.0, math.inf]
    values, vectors = np.linalg.eigh(features @ features.T)
    signal = features @ RNG.standard_normal(3)
    squared = (vectors.T @ signal) ** 2
    listed = early_stopping_risk(values[-3:], squared[-3:], sigma**2, times, n_points=12)
    np.testing.assert_allclose(listed[[0, -1]], [signal @ signal / 12, 3 * sigma**2 / 12], rtol=1e-11)
    values[:-3] = 0.0
    np.testing.assert_allclose(listed, early_stopping_risk(values, squared, sigma**2, times), rtol=1e-11)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KernelGradientFlow(np.ones((2, 3)), np.ones(2)), "K must be square"),
        (lambda: KernelGradientFlow([[1.0, 0.5], [0.2, 1.0]], np.ones(2)), "K must be symmetric"),
        (lambda: KernelGradientFlow([[1.0, 2.0], [2.0, 1.0]], np.ones(2)), "K must be positive semi-definite"),
        (lambda: KernelGradientFlow(np.eye(2), np.ones(3)), "y must have one row"),
        (lambda: KernelGradientFlow(np.eye(2), np.ones(2), norm="kn"), "norm must be"),
        (lambda: KernelGradientFlow(np.eye(2), np.ones(2)).predict([-1.0]), "times must be"),
        (lambda: KernelGradientFlow(np.eye(2), np.ones(2)).predict([0.5], discrete=True), "times must be integers"),
        (lambda: KernelGradientFlow(np.eye(2), np.ones(2)).predict([1.0], np.ones((3, 4))), "K_star must"),
        (lambda: KernelGradientFlow(np.eye(2), np.ones(2)).predict([1.0], f0=np.ones(3)), "f0 must be a number"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
