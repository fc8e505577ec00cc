"""Optimal weights against minimisation of explicit refits, and the tangent of the ridge path."""

import math
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from tests.self_distillation.naive import students
from theorylab.self_distillation.problem import toy_problem
from theorylab.self_distillation.theory import (
    KernelEigensystem,
    distillation_filters,
    filter_risk,
    ground_truth_weight_error,
    mixed_mse,
    optimal_ground_truth_weight,
    optimal_weight_sequence,
    oracle_ground_truth_weight,
    ridge_tangent,
    risk_slope,
    tangent_ground_truth_weight,
)

TOY = toy_problem()
SYSTEM = KernelEigensystem.from_gram(TOY.gram)


def step(ridge, weights, y=TOY.y):
    """Predictions at the test inputs of the last step."""
    return students(TOY.gram, y, ridge, weights, TOY.cross)[-1]


@pytest.mark.parametrize(
    ("ridge", "weight", "loss"),
    [
        (0.01, -34.926205, 0.1496376999),
        (0.2, -0.62184392, 0.1483400939),
        (0.5, 0.84306652, 0.1495512751),
        (2.0, 2.24167603, 0.1465187558),
    ],
)
def test_second_step_of_the_toy_problem(ridge, weight, loss):
    """Reference values from scalar minimisation over explicit refits."""
    first, distilled = step(ridge, []), step(ridge, [0.0])
    found = optimal_ground_truth_weight(first, distilled, TOY.truth)
    assert found == pytest.approx(weight, rel=1e-6)
    assert float(mixed_mse(first, distilled, TOY.truth, found)) == pytest.approx(loss, abs=2e-10)


@pytest.mark.parametrize("earlier", [[], [0.3], [0.8, 0.1]])
@pytest.mark.parametrize("outputs", [1, 3])
def test_any_step_and_number_of_outputs(earlier, outputs):
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal((11, outputs)), rng.standard_normal((101, outputs))

    def loss(weight):
        return np.mean(np.sum((step(0.2, [*earlier, weight], y) - target) ** 2, axis=1))

    best = minimize_scalar(loss, bounds=(-20, 20), method="bounded", options={"xatol": 1e-9})
    first, distilled = step(0.2, [], y), step(0.2, [*earlier, 0.0], y)
    found = optimal_ground_truth_weight(first, distilled, target)
    assert found == pytest.approx(best.x, abs=1e-6)
    np.testing.assert_allclose(
        mixed_mse(first, distilled, target, [[-1.0], [0.4]]), [[loss(-1.0)], [loss(0.4)]], rtol=1e-10
    )


def test_greedy_weights_are_not_monotone_and_more_steps_not_better():
    weights, losses = [], []
    for _ in range(6):
        first, distilled = step(0.2, []), step(0.2, [*weights, 0.0])
        weights.append(optimal_ground_truth_weight(first, distilled, TOY.truth))
        losses.append(float(mixed_mse(first, distilled, TOY.truth, weights[-1])))
    np.testing.assert_allclose(weights, [-0.62184, 0.33036, 0.33476, 0.33577, 0.33604, 0.33613], atol=6e-6)
    np.testing.assert_allclose(losses, [0.148340, 0.148890, 0.149226, 0.149407, 0.149502, 0.149553], atol=6e-7)


def loss_of(weights, y=TOY.y, target=TOY.truth):
    return np.mean((step(0.2, list(weights), y) - target) ** 2)


def test_joint_optimum_of_the_toy_problem():
    """Reference values from minimisation over explicit refits."""
    pure = students(TOY.gram, TOY.y, 0.2, [0.0, 0.0], TOY.cross)
    weights = optimal_weight_sequence(pure, TOY.truth)
    np.testing.assert_allclose(weights, [1.7409, -3.3628], atol=6e-5)
    assert loss_of(weights) == pytest.approx(0.14764726, abs=6e-9)


@pytest.mark.parametrize(("n_weights", "outputs"), [(1, ()), (2, (2,)), (3, ()), (3, (2,))])
def test_joint_optimum_is_stationary(n_weights, outputs):
    rng = np.random.default_rng(n_weights)
    y, target = rng.standard_normal((11, *outputs)), rng.standard_normal((101, *outputs))
    pure = students(TOY.gram, y, 0.2, [0.0] * n_weights, TOY.cross)
    weights = optimal_weight_sequence(pure, target)
    assert weights.shape == (n_weights,)
    best = loss_of(weights, y, target)
    for direction in [*np.eye(n_weights), *rng.standard_normal((20, n_weights))]:
        for size in (-1e-2, 1e-2):
            assert loss_of(weights + size * direction, y, target) > best


def test_joint_optimum_without_distillation():
    # the target is the first fit: the last weight is one, and the others have no effect
    pure = np.array([[4.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(optimal_weight_sequence(pure, pure[0])[1], 1.0, rtol=1e-14)
    np.testing.assert_array_equal(optimal_weight_sequence([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [1.0, 0.0]), [1.0, 1.0])


def test_clip_takes_the_nearest_bound():
    arguments = [4.0, 0.0], [0.0, 0.0]
    assert optimal_ground_truth_weight(*arguments, [-1.0, 9.0], clip=(0.0, 1.0)) == 0.0
    assert optimal_ground_truth_weight(*arguments, [5.0, 9.0], clip=(0.0, 1.0)) == 1.0
    assert optimal_ground_truth_weight(*arguments, [1.0, 9.0], clip=(0.0, 1.0)) == 0.25
    assert optimal_ground_truth_weight(*arguments, [5.0, 9.0]) == 1.25


@pytest.mark.parametrize("first", [[1.0, 2.0], [0.0, 0.0]])
def test_equal_predictions_leave_the_weight_undetermined(first):
    first = np.array(first)
    for distilled in (first, first * (1 + 1e-15)):
        with pytest.warns(RuntimeWarning, match="no effect, since first and distilled are equal"):
            assert optimal_ground_truth_weight(first, distilled, [5.0, 6.0]) == 1.0
        with pytest.warns(RuntimeWarning, match="no effect"):
            assert optimal_ground_truth_weight(first, distilled, [5.0, 6.0], clip=(0.0, 0.7)) == 0.7
        with pytest.warns(RuntimeWarning, match="no effect"):
            assert optimal_ground_truth_weight(first, distilled, [5.0, 6.0], clip=(1.5, 2.0)) == 1.5


def test_a_small_difference_above_rounding_is_used():
    first = np.array([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = optimal_ground_truth_weight(first, first * (1 - 1e-6), first * (1 + 1e-6))
    assert found == pytest.approx(2.0, rel=1e-6)


def test_standard_error_in_a_simulation():
    rng = np.random.default_rng(0)
    first, distilled = step(0.2, []), step(0.2, [0.0])
    noisy = TOY.truth + 0.5 * rng.standard_normal((1000, 101))
    found = [optimal_ground_truth_weight(first, distilled, target) for target in noisy]
    expected = ground_truth_weight_error(first, distilled, 0.25)
    assert np.std(found) == pytest.approx(expected, rel=0.1)  # 4.5 standard errors of a standard deviation
    assert ground_truth_weight_error(first, first, 0.25) == math.inf
    stacked = np.stack([first] * 4, axis=1), np.stack([distilled] * 4, axis=1)
    assert ground_truth_weight_error(*stacked, 0.25) == pytest.approx(expected / 2)


class TestOracle:
    truth = np.sin(2 * np.pi * TOY.X[:, 0])

    @pytest.mark.parametrize(("ridge", "weight"), [(0.05, -6.336515), (0.2, -1.151374), (0.5, 0.481994)])
    def test_toy_problem(self, ridge, weight):
        found = oracle_ground_truth_weight(SYSTEM.eigenvalues, SYSTEM.coefficients(self.truth), 0.25, ridge)
        assert float(found) == pytest.approx(weight, rel=1e-6)

    @pytest.mark.parametrize("outputs", [1, 2])
    def test_it_minimises_the_risk(self, outputs):
        truth = np.stack([self.truth, np.ones(11)], axis=1)[:, :outputs]
        coefficients, noise = SYSTEM.coefficients(truth), np.array([0.0, 0.5])[:, None]
        ridges = np.array([0.1, 1.0, 4.0])
        found = oracle_ground_truth_weight(SYSTEM.eigenvalues, coefficients, noise, ridges)
        assert found.shape == (2, 3)
        for i, j in np.ndindex(2, 3):

            def risk(weight, i=i, j=j):
                filters = distillation_filters(SYSTEM.eigenvalues, ridges[j], [weight], bounded=False)
                return float(filter_risk(filters[1], coefficients, noise[i, 0]))

            best = minimize_scalar(risk, bounds=(-100, 100), method="bounded", options={"xatol": 1e-10})
            assert found[i, j] == pytest.approx(best.x, rel=1e-5)

    def test_components_without_kernel_do_not_matter(self):
        values = [[2.0, 0.5], [2.0, 0.5, 0.0]]
        short, long = (oracle_ground_truth_weight(d, [1.0, 3.0, 7.0][: len(d)], 0.3, 1.0) for d in values)
        assert float(long) == pytest.approx(float(short), rel=1e-14)

    def test_nothing_to_learn(self):
        with pytest.warns(RuntimeWarning, match="no effect, since coefficients and noise_variance vanish"):
            found = oracle_ground_truth_weight([2.0, 1.0], [0.0, 0.0], [0.0, 1.0], 1.0)
        assert found[0] == 1.0
        assert found[1] < 0.0


class TestTangent:
    @pytest.mark.parametrize("ridge", [0.05, 0.2, 1.0])
    def test_one_distillation_is_the_derivative_of_the_ridge_path(self, ridge):
        h = 1e-4 * ridge
        difference = (step(ridge + h, []) - step(ridge - h, [])) / (2 * h)
        tangent = ridge_tangent(step(ridge, []), step(ridge, [0.0]), ridge)
        np.testing.assert_allclose(tangent, difference, atol=1e-7 * np.abs(difference).max())
        moved = step(ridge, []) + (1 - 0.3) * ridge * tangent
        np.testing.assert_allclose(moved, step(ridge, [0.3]), atol=1e-12)

    @pytest.mark.parametrize("outputs", [1, 2])
    def test_slope_of_the_risk(self, outputs):
        rng = np.random.default_rng(0)
        y, target = rng.standard_normal((11, outputs)), rng.standard_normal((101, outputs))

        def risk(ridge):
            return np.sum((step(ridge, [], y) - target) ** 2) / 101

        found = risk_slope(step(0.3, [], y), step(0.3, [0.0], y), target, 0.3)
        assert found == pytest.approx((risk(0.3001) - risk(0.2999)) / 2e-4, rel=1e-6)

    @pytest.mark.parametrize("ridge", [0.2, 0.57529831, 1.0])
    def test_weight_from_the_ridge_path_alone(self, ridge):
        first, distilled = step(ridge, []), step(ridge, [0.0])
        slope = risk_slope(first, distilled, TOY.truth, ridge)
        power = np.mean(ridge_tangent(first, distilled, ridge) ** 2)
        found = float(tangent_ground_truth_weight(slope, power, ridge))
        assert found == pytest.approx(optimal_ground_truth_weight(first, distilled, TOY.truth), rel=1e-10)
        assert np.sign(round(found - 1, 6)) == np.sign(round(ridge - 0.57529831, 6))


def test_refusals():
    one, two = [1.0], [1.0, 2.0]
    for call, message in [
        (lambda: optimal_ground_truth_weight(two, one, two), r"distilled must be of shape \(2,\)"),
        (lambda: optimal_ground_truth_weight(two, two, one), r"target must be of shape \(2,\)"),
        (lambda: optimal_ground_truth_weight(1.0, 1.0, 1.0), "first must be an array with 1 or 2 axes"),
        (lambda: optimal_ground_truth_weight(one, one, one, clip=1.0), "clip must be a pair of bounds"),
        (lambda: optimal_ground_truth_weight(one, one, one, clip=(0, 1, 2)), "clip must be a pair of bounds"),
        (lambda: optimal_ground_truth_weight(one, one, one, clip=(1, 0)), "clip must be a finite number >= 1"),
        (lambda: optimal_weight_sequence([two], two), "pure_predictions must hold at least two steps of shape"),
        (lambda: optimal_weight_sequence([one, one], two), "pure_predictions must hold at least two steps of shape"),
        (lambda: optimal_weight_sequence(two, two), "pure_predictions must be an array with 2 axes"),
        (lambda: ground_truth_weight_error(one, one, -1.0), "noise_variance must be a finite number >= 0"),
        (lambda: oracle_ground_truth_weight(one, two, 1.0, 1.0), "coefficients must be as long as eigenvalues"),
        (lambda: oracle_ground_truth_weight(one, one, -1.0, 1.0), "noise_variance must be finite and >= 0"),
        (lambda: oracle_ground_truth_weight(one, one, 1.0, 0.0), "regularization must be finite and > 0"),
        (lambda: ridge_tangent(one, one, 0.0), "regularization must be a finite number > 0"),
        (lambda: risk_slope(one, one, one, 0.0), "regularization must be a finite number > 0"),
        (lambda: tangent_ground_truth_weight(1.0, 0.0, 1.0), "derivative_power must be finite and > 0"),
        (lambda: tangent_ground_truth_weight(1.0, 1.0, 0.0), "regularization must be finite and > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
