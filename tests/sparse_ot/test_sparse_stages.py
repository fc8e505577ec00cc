"""The solver's parts: the lazy semi-dual against the dense one, the systems against dense algebra, and work budgets."""

import warnings

import numpy as np
import pytest

from theorylab.sparse_ot import (
    ConvergenceWarning,
    gaussian_clouds,
    generic_marginals,
    iid_costs,
    semi_dual_objective,
    sparse_ot,
    stroke_images,
)
from theorylab.sparse_ot.theory._certify import certify
from theorylab.sparse_ot.theory._columns import Columns, SemiDual, simplex_plan
from theorylab.sparse_ot.theory._first_order import ascend, entropic_start
from theorylab.sparse_ot.theory._laplacian import RowLaplacian


@pytest.mark.parametrize("k", [1, 3, 20, 40, 90])
@pytest.mark.parametrize("step", [0.01, 0.3, 3.0])
def test_lazy_semi_dual_is_the_dense_one_wherever_it_is_asked(k, step):
    p, reg = generic_marginals(np.random.default_rng(0), 90, 40), 2.0
    problem = Columns.of(*p, reg, k)
    semi_dual, rng, alpha = SemiDual(problem), np.random.default_rng(1), np.zeros(90)
    for _ in range(12):
        value, gradient = semi_dual(alpha)
        dense = semi_dual_objective(alpha * problem.cost_unit, *p, reg, k)
        assert value * problem.value_unit == pytest.approx(float(dense.value), rel=1e-12)
        np.testing.assert_allclose(gradient * problem.mass_unit, dense.gradient, atol=1e-14)
        top = semi_dual.evaluate(alpha)
        np.testing.assert_allclose(top.plan.sum(axis=1), problem.b, rtol=1e-12)
        alpha = alpha + step * rng.standard_normal(90)


def test_a_candidate_set_serves_many_potentials():
    problem = Columns.of(*iid_costs(np.random.default_rng(0), 200), 20.0, 4)
    semi_dual = SemiDual(problem)
    looks = []
    semi_dual._refresh = lambda alpha, refresh=semi_dual._refresh: (looks.append(1), refresh(alpha))
    ascend(semi_dual, entropic_start(problem), 60, 1e-9)
    assert semi_dual.n_evaluations >= 40
    assert len(looks) <= 4


def test_units():
    p = generic_marginals(np.random.default_rng(0), 5, 4)
    problem = Columns.of(*p, 3.0, 9)
    assert problem.b.mean() == pytest.approx(1.0)
    assert problem.max_nz == 5
    np.testing.assert_allclose(problem.costs * problem.cost_unit, p.M.T)
    np.testing.assert_allclose(problem.a * problem.mass_unit, p.a)
    assert problem.cost_unit == pytest.approx(3.0 / 4)  # reg times the mean mass of a column
    assert problem.value_unit == pytest.approx(3.0 / 16)


@pytest.mark.parametrize("k", [1, 2, 6])
@pytest.mark.parametrize("reg", [0.01, 1.0, 100.0])
def test_optimal_potentials_differ_by_at_most_the_spread(k, reg):
    p = generic_marginals(np.random.default_rng(2), 6, 9)
    problem = Columns.of(*p, reg, k)
    _, log = sparse_ot(*p, reg, k, plan="convex", log=True)
    assert np.ptp(log.alpha) / problem.cost_unit <= problem.spread


def test_simplex_plan_beside_large_scores():
    scores = np.array([[5.0, 1.0, 4.8], [1e9, 1e9 - 0.5, 0.0]])
    plan, tau = simplex_plan(scores, np.array([1.0, 0.25]))
    np.testing.assert_allclose(plan, [[0.6, 0.0, 0.4], [0.25, 0.0, 0.0]], atol=1e-15)
    np.testing.assert_allclose(tau, [4.4, 1e9 - 0.25])


def test_entropic_start_is_near():
    for family in (gaussian_clouds, iid_costs):
        p = family(np.random.default_rng(0), 100)
        problem = Columns.of(*p, 10.0, 4)
        optimum = float(sparse_ot(*p, 10.0, 4, plan="convex", log=True)[1].value) / problem.value_unit
        semi_dual = SemiDual(problem)
        assert 0 < optimum - semi_dual(entropic_start(problem))[0] < 0.03 * optimum
        assert optimum - semi_dual(np.zeros(100))[0] > 0.03 * optimum
    np.testing.assert_array_equal(entropic_start(Columns.of(*p[:2], np.ones((100, 100)), 10.0, 4)), np.zeros(100))


def test_laplacian_systems():
    rng = np.random.default_rng(0)
    rows = np.stack([rng.permutation(8)[:5] for _ in range(12)])
    weights = rng.random((12, 5))
    even, odd = weights / np.sqrt(weights.sum(axis=1))[:, None], rng.standard_normal((12, 5))
    odd -= odd.mean(axis=1, keepdims=True)
    odd *= 0.01
    diagonal = rng.random(8)
    dense = np.diag(diagonal)
    for j in range(12):
        for term in (even[j], odd[j]):
            v = np.zeros(8)
            v[rows[j]] = term
            # what a term takes off the diagonal's row sums, the diagonal gives back
            dense += np.diag(v * v.sum()) - np.outer(v, v)
    right = rng.standard_normal(8)
    solution = RowLaplacian(rows, 8).factorise((even, odd), diagonal)(right)
    np.testing.assert_allclose(dense @ solution, right, atol=1e-9)
    with pytest.raises(np.linalg.LinAlgError, match="indefinite"):
        RowLaplacian(rows, 8).factorise((even, odd), -diagonal)


@pytest.mark.parametrize(
    ("family", "k", "newton", "evaluations"),
    [
        (gaussian_clouds, 1, 16, 50),
        (gaussian_clouds, 2, 20, 50),
        (gaussian_clouds, 8, 20, 50),
        (iid_costs, 1, 14, 50),
        (iid_costs, 2, 14, 50),
        (iid_costs, 8, 14, 40),
    ],
)
def test_work_to_the_optimum(family, k, newton, evaluations):
    steps, calls = [], []
    for seed in range(4):
        _, log = sparse_ot(*family(np.random.default_rng(seed), 100), 10.0, k, plan="convex", log=True)
        steps.append(int(log.n_iterations[1]))
        calls.append(int(log.n_evaluations))
    assert np.median(steps) <= newton
    assert np.median(calls) <= evaluations


def test_work_on_a_hard_problem():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, log = sparse_ot(*stroke_images(14, "cityblock"), 10.0, 3, log=True)
    assert log.converged
    assert log.n_iterations[1] <= 70


def test_first_stage_gets_near():
    problem = Columns.of(*gaussian_clouds(np.random.default_rng(0), 100), 10.0, 4)
    semi_dual = SemiDual(problem)
    long = ascend(semi_dual, entropic_start(problem), 2000, 1e-12)
    found = certify(problem, semi_dual, long.alpha, 1e-9)
    assert not long.exhausted
    assert 0 < found.upper - semi_dual(long.alpha)[0] < 2e-5 * found.upper
    short = ascend(semi_dual, entropic_start(problem), 5, 1e-12)
    assert short.exhausted
    assert short.n_iterations == 5


def test_certificate_without_a_start():
    """From potentials that know nothing, by growing the candidate sets."""
    p = gaussian_clouds(np.random.default_rng(0), 60)
    problem = Columns.of(*p, 6.0, 3)
    found = certify(problem, SemiDual(problem), np.zeros(60), 1e-9)
    expected = sparse_ot(*p, 6.0, 3, plan="convex", log=True)[1].value
    assert found.gap(problem) <= 1e-9
    assert found.upper * problem.value_unit == pytest.approx(float(expected), rel=1e-9)
