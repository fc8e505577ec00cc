"""Risks and losses of grids against the definition, one filter or refit at a time."""

import itertools

import numpy as np
import pytest

from tests.self_distillation.naive import students
from theorylab.self_distillation.problem import toy_problem
from theorylab.self_distillation.theory import (
    KernelEigensystem,
    distillation_filters,
    distillation_risk,
    filter_risk,
    mixture_mse,
    risk,
)

TOY = toy_problem()
SYSTEM = KernelEigensystem.from_gram(TOY.gram)
TRUTH = np.stack([np.sin(2 * np.pi * TOY.X[:, 0]), np.cos(3 * TOY.X[:, 0])], axis=1)


@pytest.mark.parametrize("truth", [TRUTH[:, 0], TRUTH])
def test_risk_of_a_filter_is_bias_and_variance_of_its_smoother(truth):
    filters = distillation_filters(SYSTEM.eigenvalues, 0.3, [0.4, 0.1])
    found = filter_risk(filters, SYSTEM.coefficients(truth), 0.7)
    for value, smoother in zip(found, [SYSTEM.apply(b, np.eye(11)) for b in filters], strict=True):
        bias = np.sum((smoother @ truth - truth) ** 2)
        variance = 0.7 * np.sum(smoother**2) * truth[0].size
        assert value == pytest.approx((bias + variance) / 11, rel=1e-12)


def test_risk_of_a_filter_in_a_simulation():
    rng = np.random.default_rng(0)
    filters = distillation_filters(SYSTEM.eigenvalues, 0.3, [0.4])[1]
    noisy = TRUTH[:, :1] + 0.5 * rng.standard_normal((11, 20_000))
    errors = np.mean((SYSTEM.apply(filters, noisy) - TRUTH[:, :1]) ** 2, axis=0)
    expected = float(filter_risk(filters, SYSTEM.coefficients(TRUTH[:, 0]), 0.25))
    assert abs(errors.mean() - expected) < 4 * errors.std() / 20_000**0.5  # one in 16 000 by chance


@pytest.mark.parametrize("block", [2_000_000, 1])
@pytest.mark.parametrize("truth", [TRUTH[:, 0], TRUTH])
def test_risks_of_a_grid_are_those_of_its_filters(monkeypatch, block, truth):
    monkeypatch.setattr(risk, "_BLOCK_SIZE", block)
    ridges = np.geomspace(1e-3, 10, 6).reshape(2, 3)
    weights = np.random.default_rng(0).uniform(0, 1, (2, 2, 4))
    coefficients = SYSTEM.coefficients(truth)
    found = distillation_risk(SYSTEM.eigenvalues, coefficients, 0.3, ridges, weights)
    assert found.shape == (2, 3, 2, 2, 5)
    for i, j in itertools.product(np.ndindex(2, 3), np.ndindex(2, 2)):
        filters = distillation_filters(SYSTEM.eigenvalues, ridges[i], weights[j])
        np.testing.assert_allclose(found[(*i, *j)], filter_risk(filters, coefficients, 0.3), rtol=1e-12)


def test_a_single_ridge_and_sequence():
    found = distillation_risk([2.0], [3.0], 0.5, 1.0, [])
    assert found.shape == (1,)
    assert found[0] == pytest.approx((1 / 3) ** 2 * 9 + 0.5 * (2 / 3) ** 2)


def test_small_risks_keep_their_digits():
    # everything is learned: the risk is (lambda / d)^2, far below the rounding of 1 - b
    found = distillation_risk([1.0], [1.0], 0.0, 1e-12, [0.0, 1.0])
    np.testing.assert_allclose(found, [1e-24, 4e-24, 1e-24], rtol=1e-10)


@pytest.mark.parametrize("outputs", [(), (2,)])
def test_losses_of_a_grid_are_those_of_refits(outputs):
    rng = np.random.default_rng(1)
    y, target = rng.standard_normal((11, *outputs)), rng.standard_normal((101, *outputs))
    weights = rng.uniform(0, 1, (3, 4))
    ridges = [0.1, 1.0]
    pure = np.stack([students(TOY.gram, y, ridge, [0.0] * 4, TOY.cross) for ridge in ridges])
    found = mixture_mse(pure, target, weights)
    assert found.shape == (2, 3, 5)
    for i, j in np.ndindex(2, 3):
        errors = (students(TOY.gram, y, ridges[i], weights[j], TOY.cross) - target) ** 2
        np.testing.assert_allclose(found[i, j], np.sum(errors.reshape(5, -1), axis=1) / 101, rtol=1e-10)
    np.testing.assert_array_equal(mixture_mse(pure[0], target, weights[0]).shape, (5,))


def test_refusals():
    for call, message in [
        (lambda: filter_risk([0.5], [1.0, 1.0]), "filters must have one entry for each of the 2 coefficients"),
        (lambda: filter_risk(0.5, [1.0]), "filters must have one entry for each of the 1 coefficients"),
        (lambda: filter_risk([0.5], [1.0], -1.0), "noise_variance must be a finite number >= 0"),
        (lambda: distillation_risk([1.0], [1.0], -1.0, 1.0, []), "noise_variance must be a finite number >= 0"),
        (lambda: distillation_risk([1.0], [1.0, 2.0], 0.0, 1.0, []), "coefficients must be as long as eigenvalues"),
        (lambda: distillation_risk([1.0], [1.0], 0.0, 0.0, []), "regularization must be finite and > 0"),
        (lambda: distillation_risk([1.0], [1.0], 0.0, 1.0, [2.0]), "weights must be finite and >= 0 and <= 1"),
        (
            lambda: mixture_mse(np.ones((2, 3)), np.ones(3), [0.1, 0.2]),
            r"must end in the axes \(3, 3\)",
        ),
        (lambda: mixture_mse(np.ones(3), np.ones(3), []), r"pure_predictions must end in the axes \(1, 3\)"),
        (lambda: mixture_mse(np.ones((1, 3)), np.ones(3), [-0.1]), "weights must be finite and >= 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
