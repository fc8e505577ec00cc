"""The referees of sparse transport themselves: against libraries, by hand, and against each other."""

import contextlib
import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, minimize, minimize_scalar

from theorylab.numerics import NotConverged
from theorylab.sparse_ot import experiment
from theorylab.sparse_ot.experiment import sparse, sparse_programs
from theorylab.sparse_ot.problem import generic_marginals, iid_costs, uniform_marginals


def _objective(t, scores, reg):
    return float(scores @ t - 0.5 * reg * t @ t)


@pytest.mark.parametrize("mass", [None, 0.3, 2.0])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_enumeration_beside_a_constrained_optimiser_on_every_support(k, mass):
    scores, reg = np.array([0.3, -1.2, 0.9, 0.7]), 0.8
    constraints = [] if mass is None else [{"type": "eq", "fun": lambda t: t.sum() - mass}]
    best = -np.inf
    for support in itertools.combinations(range(4), k):
        bounds = [(0.0, None if i in support else 0.0) for i in range(4)]
        start = np.zeros(4)
        start[list(support)] = (mass or 1.0) / k
        found = minimize(
            lambda t: -_objective(t, scores, reg),
            start,
            bounds=bounds,
            constraints=constraints,
            method="SLSQP",
            tol=1e-12,
        )
        best = max(best, -found.fun)
    value, argmax = experiment.enumerate_column_maximum(scores, reg, k, None if mass is None else np.array(mass))
    assert value == pytest.approx(best, abs=1e-7)
    assert _objective(argmax, scores, reg) == pytest.approx(value, abs=1e-14)
    assert np.count_nonzero(argmax) <= k
    assert argmax.min() >= 0.0
    assert mass is None or argmax.sum() == pytest.approx(mass)


def test_enumeration_in_blocks_is_the_same(monkeypatch):
    scores, mass = np.random.default_rng(0).standard_normal((3, 5, 6)), np.full((3, 5), 0.7)
    whole = experiment.enumerate_column_maximum(scores, 1.0, 3, mass)
    monkeypatch.setattr(sparse, "_BLOCK", 50)
    parts = experiment.enumerate_column_maximum(scores, 1.0, 3, mass)
    assert whole.value.shape == (3, 5)
    np.testing.assert_array_equal(parts.value, whole.value)
    np.testing.assert_array_equal(parts.argmax, whole.argmax)


def test_negative_scores_want_no_mass():
    value, argmax = experiment.enumerate_column_maximum(np.array([-1.0, -2.0]), 1.0, 2)
    assert value == 0.0
    assert not argmax.any()


def test_semi_dual_is_the_maximum_of_the_dual_over_beta():
    a, b, M = generic_marginals(np.random.default_rng(1), 5, 1)
    alpha = 0.3 * np.random.default_rng(2).standard_normal(5)

    def negative(beta):
        return -float(experiment.enumerate_dual(np.append(alpha, beta), a, b, M, 2.0, 2))

    best = -minimize_scalar(negative, bracket=(-2.0, 2.0), tol=1e-10).fun
    assert experiment.enumerate_semi_dual(alpha, a, b, M, 2.0, 2) == pytest.approx(best, abs=1e-9)


def test_oracle_is_the_enumerated_semi_dual():
    problem = generic_marginals(np.random.default_rng(3), 7, 6)
    alpha = 0.3 * np.random.default_rng(4).standard_normal(7)
    value, gradient = sparse._oracle(alpha, *problem, 2.0, 3)
    slopes = experiment.central_differences(lambda z: experiment.enumerate_semi_dual(z, *problem, 2.0, 3), alpha, 1e-6)
    assert value == pytest.approx(float(experiment.enumerate_semi_dual(alpha, *problem, 2.0, 3)), abs=1e-14)
    np.testing.assert_allclose(gradient, slopes, atol=1e-8)


def test_calls_are_counted_up_to_the_limit_and_in_order():
    problem = iid_costs(np.random.default_rng(0), 20)
    exact = experiment.solve_quadratic_transport(*problem, 2.0).value
    calls = experiment.count_oracle_calls(
        *problem, 2.0, 20, optimum=exact, tolerances=(1e-1, 1e-3, 1e-5, -1.0), max_calls=60
    )
    assert 1 < calls[0] < calls[1] < calls[2] < 60
    assert calls[3] == 60


def test_a_column_of_one_entry_jumps_with_its_whole_mass():
    jump = experiment.measure_jumps(np.array([[2.0, 1.5, 0.0], [0.0, -1.0, -5.0]]), 1.0, 1, 3.0)
    np.testing.assert_allclose(jump, 3.0 * np.sqrt(2.0))
    assert experiment.measure_jumps(np.array([9.0, 0.0, 0.0]), 1.0, 2, 1.0) == 0.0  # the tie lies below the threshold


def test_cone_program_at_both_ends():
    problem = generic_marginals(np.random.default_rng(5), 6, 5)
    linear = experiment.solve_linear_transport(*problem)
    one = experiment.solve_bidual_program(*problem, 2.0, 1)
    assert one.value == pytest.approx(linear.value + problem.b @ problem.b, rel=1e-9)
    quadratic = experiment.solve_quadratic_transport(*problem, 2.0)
    every = experiment.solve_bidual_program(*problem, 2.0, 6)
    assert every.value == pytest.approx(quadratic.value, rel=1e-9)
    np.testing.assert_allclose(every.plan, quadratic.plan, atol=1e-6)
    for plan in (linear.plan, one.plan, quadratic.plan, every.plan):
        np.testing.assert_allclose(plan.sum(axis=1), problem.a, atol=1e-8)
        np.testing.assert_allclose(plan.sum(axis=0), problem.b, atol=1e-8)
    assert np.count_nonzero(linear.plan) <= 10


def test_differences_of_a_linear_program_are_its_plan():
    problem = generic_marginals(np.random.default_rng(6), 4, 3)
    slopes = experiment.difference_bidual(*problem, 0.5, 1, 1e-4)
    np.testing.assert_allclose(slopes, experiment.solve_linear_transport(*problem).plan, atol=1e-6)


def test_quadratic_program_beside_a_general_optimiser():
    a, b, M = generic_marginals(np.random.default_rng(11), 3, 4)
    rows = np.vstack([np.kron(np.eye(3), np.ones(4)), np.kron(np.ones(3), np.eye(4))])
    masses = np.concatenate([a, b])
    found = minimize(
        lambda t: float(M.ravel() @ t + 1.5 * t @ t),
        np.outer(a, b).ravel(),
        bounds=[(0.0, None)] * 12,
        constraints=[{"type": "eq", "fun": lambda t: (rows @ t - masses)[:-1]}],
        method="SLSQP",
        tol=1e-12,
    )
    value, plan = experiment.solve_quadratic_transport(a, b, M, 3.0)
    assert value == pytest.approx(found.fun, abs=1e-8)
    np.testing.assert_allclose(plan, found.x.reshape(3, 4), atol=1e-4)


@pytest.mark.parametrize("reg", [0.5, 3.0])
def test_outer_approximation_beside_all_supports(reg):
    problem = iid_costs(np.random.default_rng(7), 3)
    best = np.inf
    for left_out in itertools.product(range(3), repeat=3):
        allowed = np.ones((3, 3), dtype=bool)
        allowed[list(left_out), range(3)] = False
        with contextlib.suppress(NotConverged):  # no plan on these entries
            best = min(best, experiment.solve_quadratic_transport(*problem, reg, allowed).value)
    value, bound, plan = experiment.solve_sparse_primal(*problem, reg, 2)
    assert value == pytest.approx(best, rel=1e-8)
    assert bound == pytest.approx(value, rel=1e-8)
    assert np.count_nonzero(plan > 1e-9, axis=0).max() <= 2


def test_outer_approximation_by_hand():
    value, bound, plan = experiment.solve_sparse_primal(np.ones(3), np.full(2, 1.5), np.zeros((3, 2)), 1.0, 2)
    assert value == pytest.approx(1.25, abs=1e-7)  # one row is split, 1 and 1/2 in either column
    assert bound <= value + 1e-9
    assert np.count_nonzero(plan > 1e-6) == 4


def test_a_problem_without_a_sparse_plan_is_infinite():
    problem = generic_marginals(np.random.default_rng(8), 4, 4)
    assert experiment.solve_sparse_primal(*problem, 1.0, 1).value == np.inf


def test_capacity_beside_single_copies():
    M = np.random.default_rng(9).random((6, 3))
    value, plan = experiment.assign_with_capacity(M, 2)
    best = min(M[np.arange(6), list(set_)].sum() for set_ in set(itertools.permutations([0, 0, 1, 1, 2, 2])))
    assert value == pytest.approx(best / 6)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 3)
    np.testing.assert_array_equal(np.count_nonzero(plan, axis=1), 1)


def test_regular_subgraphs_are_integral():
    M = np.random.default_rng(10).random((7, 7))
    rows, columns = linear_sum_assignment(M)
    assert experiment.solve_regular_subgraph(M, 1).value == pytest.approx(M[rows, columns].sum())
    value, entries = experiment.solve_regular_subgraph(M, 3)
    assert set(np.unique(entries.round(9))) == {0.0, 1.0}
    np.testing.assert_allclose(entries.sum(axis=0), 3.0)
    assert value == pytest.approx((M * entries).sum())


def test_what_is_not_solved_is_said():
    a, b = uniform_marginals(3, 3)
    M = np.ones((3, 3))
    with pytest.raises(NotConverged, match="linear program"):
        experiment.solve_linear_transport(a, 2.0 * b, M)
    with pytest.raises(NotConverged, match="Clarabel"):
        experiment.solve_quadratic_transport(a, b, M, 1.0, np.tri(3, dtype=bool, k=-1))


def test_bounds_that_do_not_meet_are_said(monkeypatch):
    monkeypatch.setattr(sparse_programs, "_MAX_ROUNDS", 1)
    monkeypatch.setattr(sparse_programs, "_TANGENTS", (1.0,))
    with pytest.raises(NotConverged, match="outer approximation"):
        experiment.solve_sparse_primal(*iid_costs(np.random.default_rng(0), 5), 3.0, 2)
