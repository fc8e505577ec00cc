"""Convex programmes against the ridge regressions that their optimality conditions name."""

import numpy as np
import pytest

from theorylab.numerics import NotConverged
from theorylab.self_distillation.experiment import constrained, fit_constrained

rng = np.random.default_rng(1)
points = rng.standard_normal((8, 2))
K = np.exp(-np.sum((points[:, None] - points[None]) ** 2, axis=2))
y = rng.standard_normal(8)


def test_each_round_is_the_ridge_fit_with_the_returned_ridge_and_meets_the_constraint():
    fits = fit_constrained(K, y, 0.05, 20)
    target = y
    for prediction, ridge, norm in zip(fits.predictions, fits.ridges, fits.norms, strict=True):
        dual = np.linalg.solve(K + len(y) * ridge * np.eye(len(y)), target)
        np.testing.assert_allclose(prediction, K @ dual, atol=1e-6)
        assert np.mean((prediction - target) ** 2) == pytest.approx(0.05, rel=1e-6)
        assert norm == pytest.approx(np.sqrt(dual @ K @ dual), rel=1e-6)
        target = prediction
    assert fits.collapsed_at == len(fits.ridges) + 1
    assert np.mean(target**2) <= 0.05


def test_a_loose_constraint_collapses_at_once():
    fits = fit_constrained(K, y, 10.0, 3)
    assert fits.collapsed_at == 1
    assert fits.predictions.shape == (0, 8)


def test_rounds_can_run_out():
    fits = fit_constrained(K, y, 1e-3, 2)
    assert fits.collapsed_at is None
    assert fits.ridges.shape == (2,)


def test_a_solution_without_certificate_is_not_returned(monkeypatch):
    monkeypatch.setattr(constrained, "_CERTIFIED_GAP", 0.0)
    with pytest.raises(NotConverged, match="fit_constrained") as caught:
        fit_constrained(K, y, 0.05, 1)
    assert caught.value.estimate.shape == (8,)


def test_the_certificate_sees_a_solution_that_is_off():
    factor = np.linalg.cholesky(K)
    fits = fit_constrained(K, y, 0.05, 1)
    solution = np.linalg.solve(factor, fits.predictions[0])
    radius = np.sqrt(8 * 0.05)
    multiplier = radius / (8 * fits.ridges[0])
    assert constrained._certified_gap(factor, y, radius, solution, multiplier) < 1e-8
    assert constrained._certified_gap(factor, y, radius, 1.01 * solution, multiplier) > 1e-4


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((8, 8)), "K must be positive definite"),
        (K[:, :5], "K must be square"),
        (K[:5, :5], "y must be as long as K"),
    ],
)
def test_refusals(matrix, message):
    with pytest.raises(ValueError, match=message):
        fit_constrained(matrix, y, 0.05, 1)
