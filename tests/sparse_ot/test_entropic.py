"""Potential, gradient, Hessian, rates: each beside a naive second way to it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from theorylab.sparse_ot import theory
from theorylab.sparse_ot.problem import generic_marginals, iid_costs

REG = 0.15


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    a, b, M = generic_marginals(rng, 4, 6)
    return a, b, M, 0.2 * rng.standard_normal(4), 0.2 * rng.standard_normal(6)


def naive_plan(alpha, beta, M):
    return [
        [math.exp((x + y - c) / REG - 1.0) for y, c in zip(beta, row, strict=True)]
        for x, row in zip(alpha, M, strict=True)
    ]


def test_plan_and_potential_are_their_sums(problem):
    a, b, M, alpha, beta = problem
    plan = naive_plan(alpha, beta, M)
    value = sum(x * y for x, y in zip(a, alpha, strict=True)) + sum(x * y for x, y in zip(b, beta, strict=True))
    value -= REG * sum(map(sum, plan))
    np.testing.assert_allclose(theory.entropic_plan(alpha, beta, M, REG), plan, rtol=1e-13)
    assert float(theory.entropic_potential(alpha, beta, a, b, M, REG)) == pytest.approx(value, rel=1e-13)


def test_hessian_in_blocks(problem):
    _, _, M, alpha, beta = problem
    plan = np.array(naive_plan(alpha, beta, M))
    blocks = np.block([[np.diag(plan.sum(axis=1)), plan], [plan.T, np.diag(plan.sum(axis=0))]])
    np.testing.assert_allclose(theory.entropic_hessian(alpha, beta, M, REG), blocks / REG, rtol=1e-12)


def test_batches_are_loops(problem):
    a, b, M, alpha, beta = problem
    many = np.stack([alpha, -alpha, 0.0 * alpha])
    for function, masses in ((theory.entropic_potential, (a, b)), (theory.entropic_hessian, ())):
        together = function(many, beta, *masses, M, REG)
        alone = [function(one, beta, *masses, M, REG) for one in many]
        np.testing.assert_allclose(together, alone, rtol=1e-13)
    gradient = theory.entropic_gradient(many, beta, a, b, M, REG)
    np.testing.assert_allclose(
        gradient.alpha[1], theory.entropic_gradient(-alpha, beta, a, b, M, REG).alpha, rtol=1e-12
    )
    assert gradient.beta.shape == (3, 6)


def test_a_closed_row_counts_as_nothing(problem):
    a, b, M, alpha, beta = problem
    a, alpha = a.copy(), alpha.copy()
    a[1], alpha[1] = 0.0, -np.inf
    rest = [0, 2, 3]
    value = theory.entropic_potential(alpha, beta, a, b, M, REG)
    assert float(value) == pytest.approx(float(theory.entropic_potential(alpha[rest], beta, a[rest], b, M[rest], REG)))
    assert not theory.entropic_plan(alpha, beta, M, REG)[1].any()
    assert np.isfinite(theory.entropic_hessian(alpha, beta, M, REG)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [0.0], [1.0], 0.1), "M must have an axis of rows"),
        (([0.0, 0.0], [0.0], [[1.0]], 0.1), "alpha must hold one potential for each of the 1 rows"),
        (([0.0], [0.0, 0.0], [[1.0]], 0.1), "beta must hold one potential for each of the 1 columns"),
        (([0.0], [0.0], [[1.0]], 0.0), "reg must be"),
        (([0.0], [math.inf], [[1.0]], 0.1), "beta must be"),
    ],
)
def test_plan_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        theory.entropic_plan(*arguments)


# --- rates -----------------------------------------------------------------------------------------------------------


def test_sinkhorn_rate_is_that_of_the_linearised_sweep():
    P = np.random.default_rng(0).random((5, 7))
    rows, columns = P.sum(axis=1), P.sum(axis=0)
    # a sweep maps an error of the columns by D_c^-1 P^T D_r^-1 P, whose largest eigenvalue 1 belongs to a shift
    eigenvalues = np.linalg.eigvals((P.T / rows @ P) / columns[:, None])
    assert float(theory.sinkhorn_rate(P)) == pytest.approx(np.sort(eigenvalues.real)[-2], rel=1e-12)


def test_sinkhorn_rate_passes_over_empty_rows():
    P = np.random.default_rng(0).random((4, 4))
    padded = np.zeros((5, 6))
    padded[np.ix_([0, 1, 3, 4], [0, 2, 3, 5])] = P
    assert float(theory.sinkhorn_rate(padded)) == pytest.approx(float(theory.sinkhorn_rate(P)), rel=1e-12)


@given(st.integers(0, 100), st.sampled_from([0.01, 0.2, 0.37, 1.0]))
def test_dropped_mass_by_sorting(seed, density):
    P = np.random.default_rng(seed).random((4, 5))
    kept = sorted(P.ravel(), reverse=True)[: max(1, math.ceil(density * 20 - 1e-9))]
    assert float(theory.dropped_mass(P, density)) == pytest.approx(1.0 - sum(kept) / P.sum(), abs=1e-13)


def test_a_share_of_entries_is_not_rounded_up_by_its_rounding():
    # 2/300 * 300 * 300 is 600.0000000000001 in floating point
    P = np.ones((300, 300))
    assert float(theory.dropped_mass(P, 2 / 300)) == pytest.approx(1.0 - 600 / 90_000, abs=1e-14)


def error_matrix(P, density):
    kept = max(1, math.ceil(density * P.size - 1e-9))
    m = P.shape[0]
    block = np.where(np.sort(P, axis=None)[-kept] <= P, P, 0.0)
    diagonal = np.diag(np.concatenate([P.sum(axis=1), P.sum(axis=0)]))
    hessian, sparse = diagonal.copy(), diagonal.copy()
    hessian[:m, m:], hessian[m:, :m] = P, P.T
    sparse[:m, m:], sparse[m:, :m] = block, block.T
    return np.eye(sum(P.shape)) - np.linalg.pinv(sparse, rcond=1e-13) @ hessian


@pytest.mark.parametrize("density", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_sparse_newton_rate_by_all_eigenvalues(seed, density):
    P = np.random.default_rng(seed).random((6, 4)) ** 3
    moduli = np.sort(np.abs(np.linalg.eigvals(error_matrix(P, density))))
    assert float(theory.sparse_newton_rate(P, density)) == pytest.approx(moduli[-2], abs=1e-9)


def test_sparse_newton_rate_ends():
    P = np.random.default_rng(1).random((5, 5))
    assert float(theory.sparse_newton_rate(P, 1.0)) < 1e-12
    for empty in (np.s_[0], np.s_[:, 0]):
        Q = P.copy()
        Q[empty] = 0.0
        with pytest.raises(ValueError, match="P must have mass in every row"):
            theory.sparse_newton_rate(Q, 0.5)


def test_rates_of_batches():
    P = np.random.default_rng(1).random((1, 3, 4, 5))
    for function in (
        theory.sinkhorn_rate,
        lambda P: theory.dropped_mass(P, 0.3),
        lambda P: theory.sparse_newton_rate(P, 0.3),
    ):
        np.testing.assert_allclose(function(P), [[function(one) for one in P[0]]], rtol=1e-10)


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_vertex_gap_and_rate_by_enumeration(n, seed):
    M = iid_costs(np.random.default_rng(seed), n).M
    orders = [list(order) for order in itertools.permutations(range(n))]
    costs = sorted((sum(M[i, order[i]] for i in range(n)), order) for order in orders)
    assert float(theory.vertex_gap(M)) == pytest.approx((costs[1][0] - costs[0][0]) / n, abs=1e-13)
    # the mean weight of each cycle of each other permutation
    best = costs[0][1]
    means = []
    for _, order in costs[1:]:
        moved = [i for i in range(n) if order[i] != best[i]]
        seen: set[int] = set()
        for first in moved:
            cycle, i = [], first
            while i not in seen:
                seen.add(i)
                cycle.append(i)
                i = best.index(order[i])
            if cycle:
                means.append(sum(M[i, order[i]] - M[i, best[i]] for i in cycle) / len(cycle))
    assert float(theory.sparsity_rate(M)) == pytest.approx(min(means), abs=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_sparsity_rate_is_the_largest_smallest_slack(seed):
    n = 9
    M = iid_costs(np.random.default_rng(seed), n).M
    from scipy.optimize import linear_sum_assignment

    _, best = linear_sum_assignment(M)
    upper, on = [], []
    right, exact = [], []
    for i, j in itertools.product(range(n), range(n)):
        row = np.zeros(2 * n + 1)
        row[i] = row[n + j] = 1.0
        if best[i] == j:
            on.append(row)
            exact.append(M[i, j])
        else:
            row[-1] = 1.0
            upper.append(row)
            right.append(M[i, j])
    objective = np.zeros(2 * n + 1)
    objective[-1] = -1.0
    result = linprog(objective, A_ub=upper, b_ub=right, A_eq=on, b_eq=exact, bounds=(None, None), method="highs")
    assert float(theory.sparsity_rate(M)) == pytest.approx(-result.fun, abs=1e-10)


def test_ties_have_no_rate():
    M = np.zeros((3, 3))
    assert float(theory.vertex_gap(M)) == 0.0
    assert float(theory.sparsity_rate(M)) == 0.0


def test_sparsity_bound_says_where_it_is_proved():
    n, gap = 5, 0.01
    proved = gap / (1.0 + 2.0 * math.log(n))
    bound = theory.sparsity_bound(gap, np.array([0.99 * proved, 1.01 * proved]), n)
    assert float(bound[0]) == pytest.approx(6 * 25 * math.exp(-gap / (0.99 * proved)))
    assert np.isinf(bound[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: theory.sinkhorn_rate([[1.0, 2.0]]), "P must have at least two rows"),
        (lambda: theory.sinkhorn_rate([1.0, 2.0]), "P must have an axis of rows"),
        (lambda: theory.dropped_mass([[1.0]], 0.0), "density must be"),
        (lambda: theory.vertex_gap([[1.0, 2.0]]), "M must be square"),
        (lambda: theory.sparsity_rate([[1.0]]), "M must be square"),
        (lambda: theory.sparsity_bound(0.0, 0.1, 3), "gap must be"),
    ],
)
def test_rates_refuse(call, message):
    with pytest.raises(ValueError, match=message):
        call()
