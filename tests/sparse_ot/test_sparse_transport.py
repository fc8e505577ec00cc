"""The solver against other algorithms: a conic solver, linear programmes, assignments, and its own certificate."""

import itertools
import pickle
import warnings

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog

from theorylab.numerics import NotConverged
from theorylab.sparse_ot import (
    ConvergenceWarning,
    TransportProblem,
    bidual_ot,
    convexified_cost,
    gaussian_clouds,
    generic_marginals,
    iid_costs,
    semi_dual_objective,
    sparse_ot,
    stroke_images,
    uniform_marginals,
)

GENERIC = generic_marginals(np.random.default_rng(0), 7, 6)


def quietly(*args, **keywords):
    """Solve without the warning that a tie deserves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return sparse_ot(*args, **keywords)


def conic_value(p, reg, k):
    """The convexified problem with the k-support norm's shares as variables."""
    T, shares, squares = (cp.Variable(p.M.shape, nonneg=True) for _ in range(3))
    cones = [
        cp.SOC(shares[i, j] + squares[i, j], cp.hstack([2 * T[i, j], shares[i, j] - squares[i, j]]))
        for i, j in itertools.product(*map(range, p.M.shape))
    ]
    linear = [cp.sum(T, axis=1) == p.a, cp.sum(T, axis=0) == p.b, shares <= 1, cp.sum(shares, axis=0) <= k]
    objective = cp.sum(cp.multiply(T, p.M)) + reg / 2 * cp.sum(squares)
    model = cp.Problem(cp.Minimize(objective), linear + cones)
    model.solve(solver=cp.CLARABEL)
    assert model.status == cp.OPTIMAL
    return model.value


def linear_value(p):
    """Unregularised transport."""
    m, n = p.M.shape
    rows, columns = np.kron(np.eye(m), np.ones(n)), np.kron(np.ones(m), np.eye(n))
    done = linprog(p.M.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([p.a, p.b]), method="highs")
    assert done.status == 0
    return done.fun


def check_certificate(p, reg, k, tolerance=1e-9):
    """Both bounds once more, from the dense problem and nothing that the solver computed but potential and plan."""
    T, log = sparse_ot(*p, reg, k, plan="convex", log=True)
    lower = semi_dual_objective(log.alpha, *p, reg, k).value
    upper = convexified_cost(T, p.M, reg, k)
    scale = max(abs(upper), reg * np.sum(p.b**2) / (2 * k))
    assert abs(upper - lower) <= tolerance * scale
    np.testing.assert_allclose([log.value, log.value_upper], [lower, upper], rtol=1e-12, atol=1e-13 * scale)
    assert np.all(T >= 0.0)
    assert np.abs(T.sum(axis=1) - p.a).sum() <= 2e-12 * p.a.sum()
    assert np.abs(T.sum(axis=0) - p.b).sum() <= 2e-12 * p.a.sum()
    assert log.converged
    np.testing.assert_array_equal(np.count_nonzero(T, axis=0) > k, log.tied_columns)
    return T, log


@pytest.mark.parametrize("reg", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_value_is_that_of_the_conic_problem(reg, k):
    _, log = check_certificate(GENERIC, reg, k)
    assert log.value == pytest.approx(conic_value(GENERIC, reg, k), rel=1e-6)


@pytest.mark.parametrize("reg", [1e-5, 1e-3, 1.0, 1e4])
@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_certificates_over_nine_orders_of_regularisation(reg, k):
    check_certificate(generic_marginals(np.random.default_rng(1), 30, 24), reg, k)
    check_certificate(generic_marginals(np.random.default_rng(2), 12, 40), reg, k)


@pytest.mark.parametrize("family", [gaussian_clouds, iid_costs])
@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_certificates_of_the_square_families(family, k):
    for seed in range(3):
        check_certificate(family(np.random.default_rng(seed), 60), 6.0, k)


@pytest.mark.parametrize("cost", ["sqeuclidean", "euclidean", "cityblock"])
def test_certificates_with_ties_of_the_costs_and_a_range_of_masses(cost):
    for reg, k in ((0.1, 3), (10.0, 1), (1e3, 4)):
        check_certificate(stroke_images(9, cost), reg, k)


def test_a_known_value():
    p = generic_marginals(np.random.default_rng(5), 8, 7)
    values = [float(bidual_ot(*p, 3.0, k).value) for k in range(1, 9)]
    # cvxpy with Clarabel, and a quadratic programme for the last four
    expected = [0.33116117, 0.23038447, 0.21225502, 0.21172154, *[0.21169844] * 4]
    np.testing.assert_allclose(values, expected, atol=1e-8)


@pytest.mark.parametrize("reg", [0.1, 10.0])
def test_one_entry_is_unregularised_transport(reg):
    for p in (GENERIC, generic_marginals(np.random.default_rng(3), 20, 35)):
        assert bidual_ot(*p, reg, 1).value == pytest.approx(linear_value(p) + reg / 2 * np.sum(p.b**2), rel=1e-9)


def test_balanced_capacity_is_an_assignment():
    m, n, k, reg = 24, 4, 6, 0.7
    M = np.random.default_rng(0).random((m, n))
    a, b = uniform_marginals(m, n)
    expanded = np.repeat(M, k, axis=1)
    rows, columns = linear_sum_assignment(expanded)
    T, log = check_certificate(TransportProblem(a, b, M), reg, k)
    assert log.value == pytest.approx(expanded[rows, columns].mean() + reg / (2 * m), rel=1e-9)
    assert np.count_nonzero(T, axis=0).tolist() == [k] * n
    assert not log.tied_columns.any()


def test_value_falls_with_k_between_its_bounds():
    reg, p = 5.0, generic_marginals(np.random.default_rng(7), 9, 11)
    linear, squares = linear_value(p), np.sum(p.b**2)
    values = [bidual_ot(*p, reg, k).value for k in range(1, 10)]
    assert all(low <= high * (1 + 1e-12) for high, low in itertools.pairwise(values))
    for k, value in enumerate(values, start=1):
        assert linear + reg / (2 * k) * squares <= value * (1 + 1e-12)
        assert value <= (linear + reg / 2 * squares) * (1 + 1e-12)


def test_convex_plan_is_the_derivative_by_the_costs_and_alpha_by_the_masses():
    p, reg, k, step = GENERIC, 1.0, 2, 1e-5
    T, log = check_certificate(p, reg, k)
    assert log.tied_columns.any()
    for place in itertools.product(range(7), range(6)):
        up, down = p.M.copy(), p.M.copy()
        up[place] += step
        down[place] -= step
        slope = (bidual_ot(p.a, p.b, up, reg, k).value - bidual_ot(p.a, p.b, down, reg, k).value) / (2 * step)
        assert slope == pytest.approx(T[place], abs=1e-6)
    up, down = p.a.copy(), p.a.copy()
    up[[0, 1]] += [step, -step]
    down[[0, 1]] -= [step, -step]
    slope = (bidual_ot(up, p.b, p.M, reg, k).value - bidual_ot(down, p.b, p.M, reg, k).value) / (2 * step)
    assert slope == pytest.approx(log.alpha[0] - log.alpha[1], abs=1e-6)


def test_without_ties_the_top_k_plan_is_the_solution():
    p = iid_costs(np.random.default_rng(0), 60)
    T, log = sparse_ot(*p, 3.0, 12, log=True)
    assert not log.tied_columns.any()
    assert log.message == ""
    assert np.count_nonzero(T, axis=0).max() <= 12
    assert log.row_error < 1e-7
    cost = np.sum(T * p.M) + 1.5 * np.sum(T**2)
    assert cost == pytest.approx(log.value, rel=1e-7)
    np.testing.assert_allclose(T, log.plan_convex, atol=1e-9)


def test_at_a_tie_the_top_k_plan_says_what_it_misses():
    p = gaussian_clouds(np.random.default_rng(0), 40)
    with pytest.warns(ConvergenceWarning, match=r"optimum is at a tie in \d+ columns.*plan='convex'"):
        T, log = sparse_ot(*p, 4.0, 2, log=True)
    assert np.count_nonzero(T, axis=0).max() <= 2
    np.testing.assert_allclose(T.sum(axis=0), p.b, rtol=1e-13)
    assert log.row_error == pytest.approx(np.abs(T.sum(axis=1) - p.a).sum())
    assert log.row_error > 1e-3
    assert f"in {np.count_nonzero(log.tied_columns)} columns" in log.message
    # it is a maximiser at the potential: the same value, within the rounding at the ties
    scores = log.alpha[:, None] - p.M
    value = log.alpha @ p.a - np.sum(T * scores - 2.0 * T**2)
    assert value == pytest.approx(log.value, rel=1e-9)


def test_impossible_marginals_are_named():
    M = np.random.default_rng(0).random((4, 2))
    with pytest.warns(ConvergenceWarning, match=r"no plan with max_nz=2 .* since column 1 holds more than"):
        sparse_ot([0.25] * 4, [0.4, 0.6], M, 1.0, 2)
    with pytest.warns(ConvergenceWarning, match=r"no plan with max_nz=1 .* column 0, 1 holds more"):
        sparse_ot([0.25] * 4, [0.5, 0.5], M, 1.0, 1)
    # each column could be filled, but two of the rows are left over
    with pytest.warns(ConvergenceWarning, match=r"no plan with max_nz=1 .* reach 2 rows too few"):
        sparse_ot([0.5, 0.3, 0.1, 0.1], [0.5, 0.5], M, 1.0, 1)
    # the value is that of the convexified problem all the same
    check_certificate(TransportProblem(np.full(4, 0.25), np.array([0.4, 0.6]), M), 1.0, 2)


@pytest.mark.parametrize("mass", [1e-3, 1e4])
def test_errors_are_shares_of_the_mass(mass):
    p = gaussian_clouds(np.random.default_rng(0), 40)
    _, log = quietly(*p, 4.0, 2, log=True)
    _, scaled = quietly(mass * p.a, mass * p.b, p.M, 4.0 / mass, 2, log=True)
    assert scaled.value == pytest.approx(mass * log.value, rel=1e-9)
    assert scaled.message == log.message
    np.testing.assert_array_equal(scaled.tied_columns, log.tied_columns)


def test_gap_of_a_value_that_cancels_is_relative_to_the_regulariser():
    reg, k = 1.0, 2
    value = bidual_ot(*GENERIC, reg, k).value
    shifted = TransportProblem(GENERIC.a, GENERIC.b, GENERIC.M - value)
    # between the two stages' accuracies, so that the gap is not all rounding
    _, log = sparse_ot(*shifted, reg, k, plan="convex", gap_tol=1e-4, log=True)
    assert abs(log.value) < 1e-3
    regulariser = reg * np.sum(GENERIC.b**2) / (2 * k)
    assert log.gap == pytest.approx((log.value_upper - log.value) / regulariser, rel=1e-9)
    assert 0.0 < log.gap <= 1e-4


def test_constant_costs():
    a = np.full(6, 1 / 6)
    _, log = check_certificate(TransportProblem(a, a, np.full((6, 6), 2.0)), 1.0, 2)
    assert log.value == pytest.approx(2.0 + 1 / (2 * 2) / 6)


@pytest.mark.parametrize("k", [1, 2])
def test_smallest_problems(k):
    T, log = sparse_ot([1.0], [1.0], [[2.0]], 1.0, k, log=True)
    np.testing.assert_allclose(T, [[1.0]])
    assert log.value == pytest.approx(2.5)
    T, log = sparse_ot([1.0], [0.2, 0.8], [[2.0, 1.0]], 1.0, k, log=True)
    np.testing.assert_allclose(T, [[0.2, 0.8]])
    T, log = sparse_ot([0.2, 0.8], [1.0], [[2.0], [1.0]], 1.0, k, plan="convex", log=True)
    np.testing.assert_allclose(T, [[0.2], [0.8]])


def test_zero_masses_change_nothing():
    p = generic_marginals(np.random.default_rng(4), 5, 4)
    rng = np.random.default_rng(5)
    M = rng.random((7, 6))
    rows, columns = [0, 2, 3, 5, 6], [1, 2, 4, 5]
    M[np.ix_(rows, columns)] = p.M
    a, b = np.zeros(7), np.zeros(6)
    a[rows], b[columns] = p.a, p.b
    T, log = check_certificate(TransportProblem(a, b, M), 1.0, 2)
    small, small_log = check_certificate(p, 1.0, 2)
    np.testing.assert_allclose(T[np.ix_(rows, columns)], small, atol=1e-12)
    assert log.value == pytest.approx(small_log.value, rel=1e-12)
    assert T[[1, 4]].sum() == T[:, [0, 3]].sum() == 0.0
    assert not log.tied_columns[[0, 3]].any()


def test_rows_are_the_columns_of_the_transposed_problem():
    p = generic_marginals(np.random.default_rng(6), 6, 9)
    T, log = quietly(*p, 1.0, 2, sparse_axis=1, log=True)
    other, other_log = quietly(p.b, p.a, p.M.T, 1.0, 2, log=True)
    # the totals are made equal by the second argument, so that the last digits may differ
    np.testing.assert_allclose(T, other.T, atol=1e-9)
    np.testing.assert_allclose(log.alpha, other_log.beta, atol=1e-9)
    np.testing.assert_allclose(log.beta, other_log.alpha, atol=1e-9)
    np.testing.assert_allclose(log.plan_convex, other_log.plan_convex.T, atol=1e-9)
    assert log.tied_columns.shape == (6,)
    assert log.row_error < 1e-13 < log.column_error
    np.testing.assert_allclose(log.column_error, other_log.row_error, atol=1e-9)


def test_beta_completes_the_dual():
    _, log = quietly(*GENERIC, 1.0, 2, log=True)
    heights = np.maximum(log.alpha[:, None] + log.beta - GENERIC.M, 0)
    conjugate = np.sum(-np.sort(-(heights**2), axis=0)[:2]) / 2
    assert log.alpha @ GENERIC.a + log.beta @ GENERIC.b - conjugate == pytest.approx(log.value, rel=1e-12)


def test_batches_are_problems_one_by_one():
    problems = [generic_marginals(np.random.default_rng(s), 6, 5) for s in range(4)]
    a, b, M = (np.stack(x).reshape(2, 2, *x[0].shape) for x in zip(*problems, strict=True))
    T, log = sparse_ot(a, b, M, 1.0, 2, plan="convex", log=True)
    assert T.shape == (2, 2, 6, 5)
    assert log.value.shape == log.row_error.shape == (2, 2)
    assert log.n_iterations.shape == (2, 2, 2)
    for (i, j), p in zip(itertools.product(range(2), range(2)), problems, strict=True):
        one, one_log = sparse_ot(*p, 1.0, 2, plan="convex", log=True)
        np.testing.assert_array_equal(T[i, j], one)
        np.testing.assert_array_equal(log.alpha[i, j], one_log.alpha)
    shared = sparse_ot(problems[0].a, problems[0].b, M, 1.0, 2, plan="convex")
    np.testing.assert_array_equal(shared[0, 0], T[0, 0])


def test_sparse_plans():
    T = quietly(*GENERIC, 1.0, 2)
    S, log = quietly(*GENERIC, 1.0, 2, as_sparse=True, log=True)
    assert S.format == "csc"
    np.testing.assert_array_equal(S.toarray(), T)
    assert S.nnz == np.count_nonzero(T)
    assert log.plan_convex.shape == (7, 6)
    several = quietly(GENERIC.a, GENERIC.b, np.stack([GENERIC.M, GENERIC.M]), 1.0, 2, as_sparse=True)
    assert len(several) == 2
    rows = quietly(*GENERIC, 1.0, 2, as_sparse=True, sparse_axis=1)
    assert rows.shape == (7, 6)


def test_first_stage_alone():
    p = gaussian_clouds(np.random.default_rng(0), 40)
    optimum = sparse_ot(*p, 4.0, 2, plan="convex", log=True)[1].value
    with pytest.warns(ConvergenceWarning, match=r"no more progress, with \d+ columns near a tie"):
        _, log = sparse_ot(*p, 4.0, 2, certify=False, log=True)
    assert 0 < optimum - log.value < 2e-4 * optimum
    assert log.plan_convex is None
    assert log.value_upper == np.inf
    assert not log.converged
    assert log.n_iterations[1] == 0
    assert log.tied_columns.sum() > 5
    with pytest.warns(ConvergenceWarning, match=r"ran out of max_iter=3 steps"):
        _, short = sparse_ot(*p, 4.0, 2, certify=False, max_iter=3, log=True)
    assert short.value < log.value
    assert short.n_iterations[0] <= 3


def test_first_stage_suffices_without_ties():
    p = iid_costs(np.random.default_rng(0), 30)
    _, log = sparse_ot(*p, 3.0, 30, certify=False, tol=1e-5, log=True)
    assert log.converged
    assert not log.tied_columns.any()


def test_start():
    p = gaussian_clouds(np.random.default_rng(1), 40)
    _, optimum = quietly(*p, 4.0, 2, log=True)
    few = {"certify": False, "max_iter": 2, "log": True}
    _, cold = quietly(*p, 4.0, 2, **few)
    _, warm = quietly(*p, 4.0, 2, alpha0=optimum.alpha, **few)
    assert cold.value < optimum.value * (1 - 1e-5)
    assert warm.value == pytest.approx(optimum.value, rel=1e-9)
    _, again = quietly(*p, 4.0, 2, alpha0=optimum.alpha, log=True)
    assert again.value == pytest.approx(optimum.value, rel=1e-9)


def test_open_gap_is_never_silent():
    with pytest.raises(NotConverged) as caught:
        sparse_ot(*GENERIC, 1.0, 2, plan="convex", gap_tol=1e-300)
    assert caught.value.estimate.shape == (7, 6)
    with pytest.warns(ConvergenceWarning, match=r"relative duality gap is .* above gap_tol"):
        sparse_ot(*GENERIC, 1.0, 2, gap_tol=1e-300)


def test_log_like_other_libraries():
    _, log = quietly(*GENERIC, 1.0, 2, log=True)
    assert log["alpha"] is log.alpha
    assert pickle.loads(pickle.dumps(log)).message == log.message


def test_inputs_are_not_written_to():
    p = TransportProblem(*(x.copy() for x in GENERIC))
    for x in p:
        x.setflags(write=False)
    quietly(*p, 1.0, 2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"reg": 0.0}, ValueError, r"^reg must be a finite number > 0; got 0"),
        ({"reg": -1.0}, ValueError, r"^reg must"),
        ({"max_nz": 0}, ValueError, r"^max_nz must be a whole number >= 1"),
        ({"max_nz": 2.0}, TypeError, r"^max_nz must be an integer"),
        ({"max_nz": True}, TypeError, r"^max_nz must"),
        ({"plan": "repaired"}, ValueError, r"^plan must be one of 'topk', 'convex'"),
        ({"sparse_axis": 2}, ValueError, r"^sparse_axis must be 0 \(columns\) or 1 \(rows\); got 2"),
        ({"sparse_axis": True}, ValueError, r"^sparse_axis must"),
        ({"tol": 0.0}, ValueError, r"^tol must"),
        ({"gap_tol": 0.0}, ValueError, r"^gap_tol must"),
        ({"max_iter": 0}, ValueError, r"^max_iter must"),
        ({"alpha0": np.zeros(6)}, ValueError, r"^alpha0 must be of shape \(7,\)"),
        ({"alpha0": np.full(7, np.nan)}, ValueError, r"^alpha0 must .*got nan"),
        ({"M": np.full((7, 6), np.nan)}, ValueError, r"^M must .*got nan"),
        ({"a": -GENERIC.a}, ValueError, r"^a must be finite and >= 0"),
        ({"b": 2 * GENERIC.b}, ValueError, r"^b must have the same sum as a"),
    ],
)
def test_bad_arguments(change, error, message):
    good = {**GENERIC._asdict(), "reg": 1.0, "max_nz": 2}
    with pytest.raises(error, match=message):
        sparse_ot(**good | change)


def test_any_integer_counts():
    np.testing.assert_array_equal(quietly(*GENERIC, 1.0, np.int64(2)), quietly(*GENERIC, 1.0, 2))
    np.testing.assert_array_equal(quietly(*GENERIC, 1.0, 7), quietly(*GENERIC, 1.0, 70))
