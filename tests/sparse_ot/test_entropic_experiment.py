"""The referees themselves: against libraries and against each other."""

import numpy as np
import pytest
from scipy.optimize import linprog

from theorylab.numerics import NotConverged
from theorylab.sparse_ot import experiment
from theorylab.sparse_ot.claims.sparse_newton import speeds_up
from theorylab.sparse_ot.problem import generic_marginals, iid_costs, stroke_images


@pytest.mark.parametrize("name", ["sqeuclidean", "cityblock"])
def test_grid_transport_is_the_whole_linear_program(name):
    side = 5
    a, b, M = stroke_images(side, name)
    line = np.linspace(0.0, 1.0, side)
    distance = np.abs(line[:, None] - line)
    axis_cost = distance**2 / 2 if name == "sqeuclidean" else distance / 2
    rows = np.vstack([np.kron(np.eye(a.size), np.ones(a.size)), np.kron(np.ones(a.size), np.eye(a.size))])
    whole = linprog(M.ravel(), A_eq=rows, b_eq=np.concatenate([a, b]), method="highs").fun
    assert experiment.solve_grid_transport(a, b, axis_cost) == pytest.approx(whole, abs=1e-10)


def test_grid_transport_with_a_cost_that_has_a_direction():
    axis_cost = np.array([[0.0, 1.0], [10.0, 0.0]])
    a, b = np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 0.0])  # up along the rows, down along the columns
    assert experiment.solve_grid_transport(a, b, axis_cost) == pytest.approx(11.0)
    assert experiment.solve_grid_transport(np.eye(4)[0], np.eye(4)[3], axis_cost) == pytest.approx(2.0)
    assert experiment.solve_grid_transport(np.eye(4)[3], np.eye(4)[0], axis_cost) == pytest.approx(20.0)


def test_plain_iterations_meet():
    a, b, M = generic_marginals(np.random.default_rng(0), 8, 10)
    reg = 0.05
    log_domain = experiment.run_log_sinkhorn(a, b, M, reg, 2000)
    path = experiment.follow_path(a, b, M, np.array([0.2, reg]))
    newton = experiment.run_sparse_newton(a, b, M, reg, n_kept=80)
    np.testing.assert_allclose(path[1], log_domain.plan, rtol=1e-8)
    np.testing.assert_allclose(newton.plan, log_domain.plan, rtol=1e-8)
    sweeps, errors = experiment.trace_sweeps(a, b, M, reg, tolerance=1e-11, max_sweeps=3000)
    assert errors[-1] <= 1e-11 < errors[-2]
    assert experiment.marginal_error(log_domain.plan, a, b) < 1e-11
    assert sweeps[-1] < 2000


def test_the_dense_hessian_passes_the_rule_that_the_sparse_one_fails():
    a, b, M = iid_costs(np.random.default_rng(3), 80)
    dense = experiment.run_sparse_newton(a, b, M, 1 / 100, n_kept=6400, n_sweeps=3).errors
    sparse = experiment.run_sparse_newton(a, b, M, 1 / 100, n_kept=240, n_sweeps=3).errors
    assert speeds_up(dense).verdict.value == "confirmed"
    assert speeds_up(sparse).verdict.value == "refuted"


def test_truncated_diagonal_stalls():
    a, b, M = iid_costs(np.random.default_rng(0), 60)
    run = experiment.run_sparse_newton(a, b, M, 1 / 1200, n_kept=120, diagonal="truncated", max_steps=40)
    assert run.errors[-1] > 1e-4


def test_a_path_that_does_not_get_there_says_so(monkeypatch):
    a, b, M = iid_costs(np.random.default_rng(0), 6)
    monkeypatch.setattr("theorylab.sparse_ot.experiment.entropic._armijo", lambda *_: 0.0)
    with pytest.raises(NotConverged, match="path"):
        experiment.follow_path(a, b, M, np.array([0.01]))


def test_enumeration_knows_its_limits():
    with pytest.raises(ValueError, match="rows of M must be"):
        experiment.enumerate_gap(np.zeros((10, 10)))


def test_objective_passes_over_zeros():
    plan = np.array([[0.25, 0.0], [0.0, 0.75]])
    value = experiment.sum_objective(plan, np.ones((2, 2)), 2.0)
    assert value == pytest.approx(1.0 + 2.0 * (0.25 * np.log(0.25) + 0.75 * np.log(0.75)), abs=1e-15)
