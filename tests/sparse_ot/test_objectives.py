"""Dual objectives and the convexified cost against differences, against each other and against a loop."""

import numpy as np
import pytest

from theorylab.sparse_ot import (
    convexified_cost,
    dual_objective,
    generic_marginals,
    ksupport_norm_sq,
    semi_dual_objective,
    simplex_max_topk,
)

REG, K = 0.8, 2


@pytest.fixture
def instance():
    rng = np.random.default_rng(5)
    return generic_marginals(rng, 6, 5), 0.5 * rng.standard_normal(6), 0.5 * rng.standard_normal(5)


def slopes(function, x, step=1e-6):
    return [(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(x.size)]


def test_gradients_are_slopes(instance):
    p, alpha, beta = instance
    value = dual_objective(alpha, beta, *p, REG, K)
    np.testing.assert_allclose(
        slopes(lambda x: dual_objective(x, beta, *p, REG, K).value, alpha), value.gradient_alpha, atol=1e-8
    )
    np.testing.assert_allclose(
        slopes(lambda x: dual_objective(alpha, x, *p, REG, K).value, beta), value.gradient_beta, atol=1e-8
    )
    np.testing.assert_allclose(
        slopes(lambda x: semi_dual_objective(x, *p, REG, K).value, alpha),
        semi_dual_objective(alpha, *p, REG, K).gradient,
        atol=1e-8,
    )


def test_semi_dual_is_the_dual_at_the_best_beta(instance):
    p, alpha, _ = instance
    best = -simplex_max_topk(alpha[:, None] - p.M, p.b, REG, K).tau
    at_best = dual_objective(alpha, best, *p, REG, K)
    assert at_best.value == pytest.approx(semi_dual_objective(alpha, *p, REG, K).value, rel=1e-13)
    np.testing.assert_allclose(at_best.gradient_beta, 0.0, atol=1e-14)
    for shift in (-0.1, 0.1):
        assert dual_objective(alpha, best + shift, *p, REG, K).value < at_best.value


def test_semi_dual_does_not_see_a_shift(instance):
    p, alpha, _ = instance
    shifted, plain = (semi_dual_objective(x, *p, REG, K) for x in (alpha + 3.0, alpha))
    assert shifted.value == pytest.approx(plain.value)
    np.testing.assert_allclose(shifted.gradient, plain.gradient, atol=1e-14)
    assert np.sum(plain.gradient) == pytest.approx(0.0, abs=1e-15)


def test_scaling_laws(instance):
    p, alpha, _ = instance
    value = semi_dual_objective(alpha, *p, REG, K).value
    assert semi_dual_objective(3 * alpha, p.a, p.b, 3 * p.M, 3 * REG, K).value == pytest.approx(3 * value)
    assert semi_dual_objective(alpha, 3 * p.a, 3 * p.b, p.M, REG / 3, K).value == pytest.approx(3 * value)


def test_batches_are_problems_one_by_one(instance):
    p, alpha, beta = instance
    alphas, costs = np.stack([alpha, -alpha, 2 * alpha]), np.stack([p.M, p.M**2, 1 - p.M])
    semi = semi_dual_objective(alphas, p.a, p.b, costs, REG, K)
    full = dual_objective(alphas, beta, p.a, p.b, costs, REG, K)
    plans = np.outer(p.a, p.b) * (1 + costs)
    bound = convexified_cost(plans, costs, REG, K)
    for i in range(3):
        one = semi_dual_objective(alphas[i], p.a, p.b, costs[i], REG, K)
        np.testing.assert_allclose(semi.value[i], one.value)
        np.testing.assert_allclose(semi.gradient[i], one.gradient)
        one = dual_objective(alphas[i], beta, p.a, p.b, costs[i], REG, K)
        np.testing.assert_allclose(full.value[i], one.value)
        np.testing.assert_allclose(full.gradient_beta[i], one.gradient_beta)
        naive = np.sum(plans[i] * costs[i]) + REG / 2 * sum(ksupport_norm_sq(column, K) for column in plans[i].T)
        assert bound[i] == pytest.approx(naive)


def test_every_potential_is_below_every_plan(instance):
    p, alpha, _ = instance
    plan = np.outer(p.a, p.b)
    for k in range(1, 7):
        assert semi_dual_objective(alpha, *p, REG, k).value <= convexified_cost(plan, p.M, REG, k)


def test_cost_of_a_sparse_plan_is_its_own():
    T = np.array([[0.2, 0.0], [0.3, 0.1], [0.0, 0.4]])
    M = np.arange(6.0).reshape(3, 2)
    assert convexified_cost(T, M, 3.0, 2) == pytest.approx(np.sum(T * M) + 1.5 * np.sum(T**2))
    assert convexified_cost(T, M, 3.0, 1) > np.sum(T * M) + 1.5 * np.sum(T**2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: semi_dual_objective(np.zeros(5), *p, REG, K), ValueError, r"^alpha must be of shape \(6,\)"),
        (lambda p: semi_dual_objective(np.full(6, np.nan), *p, REG, K), ValueError, r"^alpha must .*got nan"),
        (lambda p: dual_objective(np.zeros(6), np.zeros(6), *p, REG, K), ValueError, r"^beta must be of shape \(5,\)"),
        (lambda p: semi_dual_objective(np.zeros(6), *p, 0.0, K), ValueError, r"^reg must"),
        (lambda p: semi_dual_objective(np.zeros(6), *p, REG, 1.5), TypeError, r"^max_nz must be an integer"),
        (lambda p: convexified_cost(p.M, p.M[:-1], REG, K), ValueError, r"^T must have the shape of M"),
        (lambda p: convexified_cost(-p.M, p.M, REG, K), ValueError, r"^T must be finite and >= 0"),
        (lambda p: convexified_cost(p.M[0], p.M[0], REG, K), ValueError, r"^T must have the shape of M"),
        (lambda p: convexified_cost(p.M, p.M, REG, 0), ValueError, r"^max_nz must"),
    ],
)
def test_bad_arguments(instance, call, error, message):
    with pytest.raises(error, match=message):
        call(instance[0])
