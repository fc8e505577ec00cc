"""Filters of every step against refits, a symbolic recursion, and their own limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.kernel_ridge import KernelRidge

from tests.self_distillation.naive import dual_coefficients, students
from theorylab.self_distillation.problem import toy_problem
from theorylab.self_distillation.theory import (
    KernelEigensystem,
    constant_weight_filter,
    distance_to_limit,
    distillation_filters,
    dual_filters,
    effective_regularization,
    equivalent_ridge,
    limit_filter,
    mixture_coefficients,
)

TOY = toy_problem()
SYSTEM = KernelEigensystem.from_gram(TOY.gram)
weight_lists = st.lists(st.floats(0, 1), max_size=6)
eigenvalue_lists = st.lists(st.floats(0, 1e6), min_size=1, max_size=5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bounded", [True, False])
def test_predictions_and_dual_coefficients_are_those_of_refits(seed, bounded):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 1, 6) if bounded else rng.uniform(-2, 2, 6)
    Y = np.stack([TOY.y, rng.standard_normal(11)], axis=1)
    filters = distillation_filters(SYSTEM.eigenvalues, 0.2, weights, bounded=bounded)
    duals = SYSTEM.apply(dual_filters(SYSTEM.eigenvalues, 0.2, weights, bounded=bounded), Y)
    np.testing.assert_allclose(SYSTEM.apply(filters, Y), students(TOY.gram, Y, 0.2, weights), atol=1e-12)
    np.testing.assert_allclose(duals, dual_coefficients(TOY.gram, Y, 0.2, weights), atol=1e-12)
    np.testing.assert_allclose(TOY.cross @ duals, students(TOY.gram, Y, 0.2, weights, TOY.cross), atol=1e-12)


def test_a_singular_kernel_is_as_good_as_any():
    rng = np.random.default_rng(3)
    features = rng.standard_normal((9, 4))
    K, y = features @ features.T, rng.standard_normal(9)
    system, weights = KernelEigensystem.from_gram(K), [0.3, 0.0, 0.8]
    duals = system.apply(dual_filters(system.eigenvalues, 0.1, weights), y)
    np.testing.assert_allclose(duals, dual_coefficients(K, y, 0.1, weights), rtol=1e-8)


def test_published_losses():
    """The printed losses of the toy problem, to all their digits."""
    published = {
        0.0: [0.16477, 0.15076, 0.14915, 0.15561, 0.16735, 0.18251, 0.49505],
        0.25: [0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011, 0.15250],
        0.35: [0.16477, 0.15424, 0.15089, 0.14983, 0.14954, 0.14948, 0.14959],
    }
    for weight, losses in published.items():
        duals = np.concatenate(
            [
                dual_filters(SYSTEM.eigenvalues, TOY.regularization, [weight] * 5),
                1 / (SYSTEM.eigenvalues + effective_regularization(TOY.regularization, weight))[None],
            ]
        )
        predictions = TOY.cross @ SYSTEM.apply(duals, TOY.y).T
        found = np.mean((predictions - TOY.truth[:, None]) ** 2, axis=0)
        np.testing.assert_allclose(found, losses, atol=5e-6)


def test_ridges_and_weights_broadcast():
    ridges, weights = np.array([0.1, 1.0, 3.0])[:, None], np.random.default_rng(0).uniform(0, 1, (4, 2))
    for function in (distillation_filters, dual_filters):
        batch = function([2.0, 0.5], ridges, weights)
        assert batch.shape == (3, 4, 3, 2)
        for i in range(3):
            for j in range(4):
                np.testing.assert_array_equal(batch[i, j], function([2.0, 0.5], ridges[i, 0], weights[j]))
        assert function([2.0, 0.5], ridges[:, 0], []).shape == (3, 1, 2)


@given(eigenvalue_lists, st.floats(1e-3, 1e3), weight_lists)
def test_filters_fall_within_the_unit_interval(eigenvalues, ridge, weights):
    filters = distillation_filters(eigenvalues, ridge, weights)
    assert filters.shape == (len(weights) + 1, len(eigenvalues))
    assert np.all((filters >= 0.0) & (filters < 1.0))
    # not for every sequence: a weight that rises again brings the ground truth back
    falling = distillation_filters(eigenvalues, ridge, sorted(weights, reverse=True))
    assert np.all(np.diff(falling, axis=0) <= 1e-15)


@given(eigenvalue_lists, st.floats(1e-3, 1e3), st.floats(0, 1))
def test_constant_weight_has_a_closed_form(eigenvalues, ridge, weight):
    steps = np.arange(1, 9)
    closed = constant_weight_filter(eigenvalues, ridge, weight, steps)
    np.testing.assert_allclose(closed, distillation_filters(eigenvalues, ridge, [weight] * 7), atol=1e-14)
    limit = limit_filter(eigenvalues, ridge, weight)
    np.testing.assert_array_equal(constant_weight_filter(eigenvalues, ridge, weight, np.inf), limit)


@pytest.mark.parametrize("weight", [0.25, 0.35, 1.0])
def test_the_limit_is_ridge_regression_with_amplified_ridge(weight):
    expected = KernelRidge(alpha=0.2 / weight, kernel="precomputed").fit(TOY.gram, TOY.y).predict(TOY.gram)
    np.testing.assert_allclose(SYSTEM.apply(limit_filter(SYSTEM.eigenvalues, 0.2, weight), TOY.y), expected, atol=1e-12)
    np.testing.assert_allclose(students(TOY.gram, TOY.y, 0.2, [weight] * 300)[-1], expected, atol=1e-12)
    assert float(effective_regularization(0.2, weight)) == pytest.approx(0.2 / weight)


def test_pure_distillation_collapses_even_where_rounding_hides_the_contraction():
    assert np.all(limit_filter([1.0, 1e20], 1.0, 0.0) == 0.0)
    assert np.all(constant_weight_filter([1.0, 1e20], 1.0, 0.0, np.inf) == 0.0)
    assert float(effective_regularization(1.0, 0.0)) == np.inf
    np.testing.assert_array_equal(effective_regularization([1.0, 2.0], [0.5, 0.0]), [2.0, np.inf])


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_distance_to_the_limit(weight):
    rng = np.random.default_rng(0)
    Y = rng.standard_normal((11, 2))
    path = students(TOY.gram, Y, 0.2, [weight] * 9)
    limit = students(TOY.gram, Y, 0.2 / weight, [])[0] if weight > 0 else np.zeros((11, 2))
    steps = np.arange(1, 11)
    found = distance_to_limit(SYSTEM.eigenvalues, SYSTEM.coefficients(Y), 0.2, weight, steps)
    np.testing.assert_allclose(found, np.sqrt(np.sum((path - limit) ** 2, axis=(1, 2))), atol=1e-12)
    assert float(distance_to_limit([1.0], [1.0], 1.0, weight, np.inf)) == 0.0


def test_distance_to_the_limit_is_accurate_where_predictions_no_longer_change():
    # one component with contraction (1 - 1/2) 2/3: (1/3)^199 times the first distance, 2/3 - 1/2
    found = float(distance_to_limit([2.0], [3.0], 1.0, 0.5, 200))
    assert found == pytest.approx(3.0 * (2 / 3 - 1 / 2) * 3.0**-199, rel=1e-12)


def test_only_the_first_step_and_the_limit_are_ridge_fits():
    values = SYSTEM.eigenvalues
    duals = dual_filters(values, 0.3, [0.4])
    np.testing.assert_allclose(equivalent_ridge(values, duals[0]), 0.3, rtol=1e-12)
    second = equivalent_ridge(values, duals[1])
    assert second.max() - second.min() > 0.02
    np.testing.assert_allclose(second, values * (1 / (values * duals[1]) - 1), rtol=1e-10)
    assert np.all((second > 0.3) & (second < 0.75))
    np.testing.assert_allclose(equivalent_ridge(values, dual_filters(values, 0.3, [0.4] * 99)[-1]), 0.75, rtol=1e-10)
    assert float(equivalent_ridge([1.0], [0.0])[0]) == np.inf


@given(weight_lists)
def test_students_are_mixtures_of_pure_ones(weights):
    mixture = mixture_coefficients(weights)
    pure = distillation_filters([0.3, 5.0], 0.7, [0.0] * len(weights))
    np.testing.assert_allclose(mixture @ pure, distillation_filters([0.3, 5.0], 0.7, weights), atol=1e-14)
    np.testing.assert_allclose(np.sum(mixture, axis=1), 1.0, atol=1e-14)
    assert np.all(mixture >= 0.0)
    assert np.all(np.triu(mixture, 1) == 0.0)


def test_mixture_coefficients_by_their_products():
    weights = np.random.default_rng(0).uniform(-1, 2, (2, 4))
    mixture = mixture_coefficients(weights, bounded=False)
    assert mixture.shape == (2, 5, 5)
    for row, alphas in zip(mixture, weights, strict=True):
        alpha = dict(zip(range(2, 6), alphas, strict=True))
        for tau in range(1, 6):
            expected = np.zeros(5)
            for i in range(2, tau + 1):
                expected[tau - i] += alpha[i] * np.prod([1 - alpha[j] for j in range(i + 1, tau + 1)])
            expected[tau - 1] += np.prod([1 - alpha[j] for j in range(2, tau + 1)])
            np.testing.assert_allclose(row[tau - 1], expected, atol=1e-14)


def test_refusals():
    for call, message in [
        (lambda: distillation_filters([1.0], 0.0, [0.5]), "regularization must be finite and > 0"),
        (lambda: distillation_filters([-1.0], 1.0, [0.5]), "eigenvalues must be finite and >= 0"),
        (lambda: distillation_filters([[1.0]], 1.0, [0.5]), "eigenvalues must be an array with 1 axis"),
        (lambda: distillation_filters([1.0], 1.0, [1.5]), "weights must be finite and >= 0 and <= 1"),
        (lambda: dual_filters([1.0], 1.0, [-0.5]), "weights must be finite and >= 0 and <= 1"),
        (lambda: mixture_coefficients([2.0]), "weights must be finite and >= 0 and <= 1"),
        (lambda: distillation_filters([1.0], 1.0, 0.5), r"weights must have one entry for each step"),
        (lambda: distillation_filters([1.0], [1.0, 2.0], np.ones((3, 1))), "weights must broadcast"),
        (lambda: distillation_filters([1.0], 1.0, [np.inf], bounded=False), "weights must be finite"),
        (lambda: constant_weight_filter([1.0], 1.0, 0.5, 1.5), "step must be whole"),
        (lambda: constant_weight_filter([1.0], 1.0, 0.5, 0), "step must be >= 1"),
        (lambda: constant_weight_filter([1.0], 1.0, 1.1, 1), "weight must be finite and >= 0 and <= 1"),
        (lambda: limit_filter([1.0], 1.0, -0.1), "weight must be finite and >= 0 and <= 1"),
        (lambda: limit_filter([1.0], 0.0, 0.1), "regularization must be finite and > 0"),
        (lambda: effective_regularization(0.0, 0.1), "regularization must be finite and > 0"),
        (lambda: effective_regularization(1.0, 1.1), "weight must be finite and >= 0 and <= 1"),
        (lambda: distance_to_limit([1.0], [1.0, 2.0], 1.0, 0.5, 1), "coefficients must be as long as eigenvalues"),
        (lambda: equivalent_ridge([-1.0], [0.5]), "eigenvalues must be finite and >= 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
