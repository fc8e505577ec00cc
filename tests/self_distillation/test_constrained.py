"""The constrained form against a conic solver, its constraint, and its bounds."""

import cvxpy
import numpy as np
import pytest

from theorylab.self_distillation.problem import beam_kernel, gaussian_kernel, toy_problem
from theorylab.self_distillation.theory import (
    KernelEigensystem,
    constrained_distillation_path,
    eigen_ratio,
    filter_ratio_bound,
    guaranteed_rounds,
    multiplier_bounds,
    norm_bound,
)

TOY = toy_problem()


def smallest_function(K, y, tolerance):
    """Training predictions of the function of least norm within the tolerance, by a conic solver."""
    root = np.linalg.cholesky(K + 1e-14 * np.eye(len(K)))
    half = cvxpy.Variable(y.shape)  # predictions are root @ half, the norm is that of half
    problem = cvxpy.Problem(
        cvxpy.Minimize(cvxpy.sum_squares(half)),
        [cvxpy.norm(cvxpy.vec(root @ half - y, order="F")) <= (len(K) * tolerance) ** 0.5],
    )
    problem.solve(solver=cvxpy.CLARABEL)
    assert problem.status == cvxpy.OPTIMAL
    return root @ half.value


def test_toy_problem():
    path = constrained_distillation_path(TOY.gram, TOY.y, 0.045, n_rounds=10)
    np.testing.assert_allclose(path.multipliers, [0.05040823, 0.09115780, 0.24036064], atol=6e-9)
    np.testing.assert_allclose(path.norms, [2.51176, 1.85441, 1.16252, 0.46113], atol=6e-6)
    assert path.collapsed_at == 4
    assert path.filters.shape == path.predictions.shape == (3, 11)


@pytest.mark.parametrize("outputs", [(), (2,)])
def test_conic_solver(outputs):
    rng = np.random.default_rng(0)
    y = TOY.y if outputs == () else rng.standard_normal((11, *outputs))
    path = constrained_distillation_path(TOY.gram, y, 0.1, n_rounds=3)
    previous = y
    for predictions, norm in zip(path.predictions, path.norms[1:], strict=True):
        # near its minimum the norm is flat: predictions are known to the square root of the solver's gap of 1e-8
        np.testing.assert_allclose(predictions, smallest_function(TOY.gram, previous, 0.1), atol=1e-4)
        assert np.sum((predictions - previous) ** 2) == pytest.approx(11 * 0.1, rel=1e-10)
        assert norm == pytest.approx(np.linalg.norm(predictions), rel=1e-12)
        previous = predictions


def test_each_round_is_a_ridge_fit_with_n_times_the_multiplier():
    path = constrained_distillation_path(TOY.gram, TOY.y, 0.045, n_rounds=2)
    previous = TOY.y
    for c, predictions in zip(path.multipliers, path.predictions, strict=True):
        fit = TOY.gram @ np.linalg.solve(TOY.gram + 11 * c * np.eye(11), previous)
        np.testing.assert_allclose(predictions, fit, atol=1e-12)
        previous = predictions
    assert path.collapsed_at is None


def test_collapse_is_seen_at_the_first_round_and_at_the_last():
    path = constrained_distillation_path(TOY.gram, TOY.y, 1.0, n_rounds=5)
    assert path.collapsed_at == 1
    assert path.multipliers.shape == (0,)
    assert path.predictions.shape == path.filters.shape == (0, 11)
    assert path.norms.shape == (1,)
    # two rounds leave a norm of one, which is the radius: the third is already known to be zero
    path = constrained_distillation_path(2 * np.eye(2), [3.0, 0.0], 0.5, n_rounds=2)
    assert path.collapsed_at == 3


def test_multiples_of_the_identity_shrink_by_the_radius():
    path = constrained_distillation_path(7.0 * np.eye(4), [3.0, 0.0, 4.0, 0.0], 0.25, n_rounds=3)
    np.testing.assert_allclose(path.norms, [5.0, 4.0, 3.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(path.multipliers, 7.0 / 4 / np.array([4.0, 3.0, 2.0]), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_multipliers_grow_with_the_kernel(scale):
    path = constrained_distillation_path(TOY.gram, TOY.y, 0.045, n_rounds=3)
    scaled = constrained_distillation_path(scale * TOY.gram, TOY.y, 0.045, n_rounds=3)
    np.testing.assert_allclose(scaled.multipliers, scale * path.multipliers, rtol=1e-11)
    np.testing.assert_allclose(scaled.predictions, path.predictions, atol=1e-12)


def test_a_singular_kernel():
    x = np.linspace(0, 1, 6)  # the kernel vanishes at both ends, so nothing is learned there
    y = np.array([0.1, 1.0, 2.0, 1.5, 0.5, -0.1])
    path = constrained_distillation_path(beam_kernel(x), y, 0.05, n_rounds=1)
    np.testing.assert_allclose(path.predictions[0, [0, -1]], 0.0, atol=1e-15)
    assert np.sum((path.predictions[0] - y) ** 2) == pytest.approx(6 * 0.05, rel=1e-9)
    inner = constrained_distillation_path(beam_kernel(x[1:-1]), y[1:-1], (0.3 - 0.02) / 4, n_rounds=1)
    np.testing.assert_allclose(path.predictions[0, 1:-1], inner.predictions[0], rtol=1e-9)
    for scale in (1e-6, 1.0, 1e6):
        with pytest.raises(ValueError, match=r"tolerance must exceed 0.00333333, the mean square of y"):
            constrained_distillation_path(scale * beam_kernel(x), y, 0.003, n_rounds=1)


class TestBounds:
    """A well-conditioned kernel, for which the guarantee is almost sharp."""

    K = gaussian_kernel(TOY.X, gamma=600.0)
    values = KernelEigensystem.from_gram(K).eigenvalues
    path = constrained_distillation_path(K, TOY.y, 0.01, n_rounds=20)
    norm = float(path.norms[0])

    def test_rounds(self):
        assert float(guaranteed_rounds(self.values, self.norm, 0.01)) == pytest.approx(6.51, abs=0.005)
        assert self.path.collapsed_at == 8

    def test_multipliers(self):
        lower, upper = multiplier_bounds(self.values, self.path.norms[:-1], 0.01)
        assert lower.shape == upper.shape == self.path.multipliers.shape
        assert np.all((lower <= self.path.multipliers) & (self.path.multipliers <= upper))
        np.testing.assert_allclose(upper, lower * self.values[0] / self.values[-1], rtol=1e-12)
        # attained: a target along one eigenvector
        y = np.linalg.eigh(self.K)[1][:, 0]
        lower, _ = multiplier_bounds(self.values, 1.0, 0.01)
        assert float(lower) == pytest.approx(constrained_distillation_path(self.K, y, 0.01, 1).multipliers[0], rel=1e-9)

    def test_norms(self):
        bound = norm_bound(self.values, self.norm, 0.01, np.arange(8))
        np.testing.assert_allclose(bound[[0, 1, 7]], [self.norm, 2.17733, 0.17194], atol=6e-6)
        assert np.all(bound <= self.path.norms + 1e-12)

    def test_norm_bound_is_the_geometric_sum(self):
        r0, kappa = self.norm / (11 * 0.01) ** 0.5, self.values[0] / self.values[-1]
        a = ((r0 - 1) ** 2 + kappa * (2 * r0 - 1)) / (r0 - 1 + kappa) ** 2
        b = r0**2 * kappa / (r0 - 1 + kappa) ** 2
        for rounds in range(5):
            expected = a**rounds * self.norm - (11 * 0.01) ** 0.5 * b * sum(a**s for s in range(rounds))
            assert float(norm_bound(self.values, self.norm, 0.01, rounds)) == pytest.approx(expected, rel=1e-10)

    def test_filter_ratios(self):
        bound = filter_ratio_bound(self.values, self.norm, 0.01, np.arange(1, 7))
        ratios = eigen_ratio(self.path.filters[:6])
        assert bound.shape == ratios.shape == (6, 10)
        assert np.all(ratios >= bound * (1 - 1e-14))
        widest = np.prod(ratios[0]), np.prod(bound[0])
        np.testing.assert_allclose(widest, [1.0012692, 1.0012602], atol=6e-8)


def test_refusals():
    for call, message in [
        (lambda: constrained_distillation_path(np.eye(2), [1.0, 1.0], 0.0, 1), "tolerance must be a finite number > 0"),
        (lambda: constrained_distillation_path(np.eye(2), [1.0, 1.0], 0.1, 0), "n_rounds must be a whole number >= 1"),
        (lambda: constrained_distillation_path(np.eye(2), [1.0], 0.1, 1), "y must have one row for each of the 2 rows"),
        (lambda: multiplier_bounds([1.0, 0.0], 2.0, 0.1), "eigenvalues must be finite and > 0"),
        (lambda: multiplier_bounds([1.0, 1.0], [2.0, 1.0], 0.5), "norm must be finite and > 1"),
        (lambda: guaranteed_rounds([1.0, 1.0], 1.0, 0.5), "target_norm must be finite and > 1"),
        (lambda: norm_bound([1.0], 2.0, 0.1, -1), "rounds must be finite and >= 0"),
        (lambda: norm_bound([1.0], 2.0, 0.0, 1), "tolerance must be a finite number > 0"),
        (lambda: filter_ratio_bound([1.0, 1.0], 3.0, 0.5, -1), "rounds must be finite and >= 0"),
        (lambda: filter_ratio_bound([1.0, 2.0], 3.0, 0.5, 1), "eigenvalues must be at least two in falling order"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
