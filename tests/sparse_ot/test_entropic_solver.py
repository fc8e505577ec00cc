"""The solver beside a naive Sinkhorn, on hard and degenerate problems, in batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.numerics import NotConverged
from theorylab.sparse_ot.problem import gaussian_clouds, generic_marginals, iid_costs, stroke_images
from theorylab.sparse_ot.theory import _entropic_state as states
from theorylab.sparse_ot.theory import (
    entropic_gradient,
    entropic_ot_newton,
    entropic_plan,
    entropic_potential,
)

METHODS = ("auto", "lm", "sns", "newton", "sinkhorn")


def naive(a, b, M, reg, n_sweeps=5000):
    """Sinkhorn on the plan itself; for mild regularisation."""
    plan = np.exp(-M / reg)
    for _ in range(n_sweeps):
        plan = plan * (a / plan.sum(axis=1))[:, None]
        plan = plan * (b / plan.sum(axis=0))
    return plan


def error(plan, a, b):
    return np.abs(plan.sum(axis=1) - a).sum() + np.abs(plan.sum(axis=0) - b).sum()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(12, 12), (7, 15), (15, 7), (1, 5), (5, 1), (1, 1)])
def test_plan_is_that_of_sinkhorn(method, shape):
    a, b, M = generic_marginals(np.random.default_rng(0), *shape)
    plan = entropic_ot_newton(a, b, M, 0.05, method=method, tol=1e-12)
    np.testing.assert_allclose(plan, naive(a, b, M, 0.05), rtol=1e-8, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_log_says_how_it_went(method):
    a, b, M = generic_marginals(np.random.default_rng(1), 20, 30)
    a, b, reg = 3.0 * a, 3.0 * b, 0.02
    plan, log = entropic_ot_newton(a, b, M, reg, method=method, log=True)
    np.testing.assert_allclose(entropic_plan(log["alpha"], log["beta"], M, reg), plan, rtol=1e-9, atol=1e-14)
    assert float(log["value"]) == pytest.approx(np.sum(plan * M) + reg * np.sum(plan * np.log(plan)), rel=1e-9)
    assert float(log["value"]) == pytest.approx(
        float(entropic_potential(log["alpha"], log["beta"], a, b, M, reg)), rel=1e-9
    )
    gradient = entropic_gradient(log["alpha"], log["beta"], a, b, M, reg)
    assert np.abs(gradient.alpha).sum() + np.abs(gradient.beta).sum() <= 3.0 * 1.01e-10
    assert log["errors"][-1] <= 1e-10
    assert (log["n_cg"] > 0) == (method == "sns")
    assert (log["n_factorizations"] > 0) == (method in ("lm", "newton") or log["method"] == "lm")


HARD = {
    "independent costs": (iid_costs(np.random.default_rng(0), 100), 1 / 1200, 15),
    "clouds": (gaussian_clouds(np.random.default_rng(0), 120), 1 / 1200, 20),
    "l1 on a grid": (stroke_images(12, "cityblock"), 1 / 1200, 20),
    "squared on a grid": (stroke_images(12), 1 / 5000, 20),
    "very weak": (generic_marginals(np.random.default_rng(2), 30, 50), 1 / 20_000, 40),
    "large costs": (
        iid_costs(np.random.default_rng(4), 60)._replace(M=1e6 * iid_costs(np.random.default_rng(4), 60).M),
        1e3,
        20,
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_problems_converge_in_few_factorisations(name):
    (a, b, M), reg, steps = HARD[name]
    plan, log = entropic_ot_newton(a, b, M, reg, method="lm", log=True)
    assert error(plan, a, b) <= 1.01e-10
    assert log["n_factorizations"] <= steps
    # the plan is the entropic one, not any plan with these marginals
    expected = entropic_plan(log["alpha"], log["beta"], M, reg)
    np.testing.assert_allclose(plan, expected, rtol=1e-6, atol=1e-200)


def test_cold_start_needs_no_warm_up():
    a, b, M = iid_costs(np.random.default_rng(0), 100)
    plan, log = entropic_ot_newton(a, b, M, 1 / 1200, method="lm", n_sinkhorn=0, log=True)
    assert error(plan, a, b) <= 1.01e-10
    assert log["n_factorizations"] <= 30


def test_auto_chooses_by_the_work_to_do():
    easy = entropic_ot_newton(*iid_costs(np.random.default_rng(0), 100), 0.1, log=True)[1]
    hard = entropic_ot_newton(*iid_costs(np.random.default_rng(0), 100), 1 / 1200, log=True)[1]
    assert (easy["method"], easy["n_factorizations"]) == ("sinkhorn", 0)
    assert hard["method"] == "lm"
    assert hard["n_sweeps"] < 1000


def test_zero_masses_are_rows_and_columns_left_out():
    rng = np.random.default_rng(5)
    a, b, M = generic_marginals(rng, 8, 11)
    a[[0, 3]], b[[2, 10]] = 0.0, 0.0
    a, b = a / a.sum(), b / b.sum()
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    for method in METHODS:
        for flip in (False, True):
            arguments = (b, a, M.T) if flip else (a, b, M)
            plan, log = entropic_ot_newton(*arguments, 0.03, method=method, tol=1e-11, log=True)
            plan = plan.T if flip else plan
            inner = entropic_ot_newton(a[rows], b[columns], M[np.ix_(rows, columns)], 0.03, tol=1e-11)
            np.testing.assert_allclose(plan[np.ix_(rows, columns)], inner, rtol=1e-6, atol=1e-12)
            assert not plan[[0, 3]].any()
            assert not plan[:, [2, 10]].any()
            closed = log["beta" if flip else "alpha"]
            assert np.isneginf(closed[[0, 3]]).all()
            assert np.isfinite(closed[rows]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_is_a_loop(method):
    problems = [generic_marginals(np.random.default_rng(seed), 9, 14) for seed in range(5)]
    a, b, M = (np.stack(parts) for parts in zip(*problems, strict=True))
    a[1, 0], b[2, 3] = 0.0, 0.0
    a /= a.sum(axis=1, keepdims=True)
    b /= b.sum(axis=1, keepdims=True)
    M = M * np.array([1.0, 5.0, 0.1, 10.0, 1.0])[:, None, None]  # they end at different times
    plans, log = entropic_ot_newton(a, b, M, 0.03, method=method, tol=1e-11, log=True)
    for k in range(5):
        np.testing.assert_allclose(
            plans[k], entropic_ot_newton(a[k], b[k], M[k], 0.03, method=method, tol=1e-11), rtol=1e-5, atol=1e-11
        )
    assert len(log["errors"]) == len(log["n_sweeps"]) == 5
    assert log["alpha"].shape == (5, 9)
    assert log["value"].shape == (5,)
    grid = entropic_ot_newton(a.reshape(5, 1, 9), b[:, None], M[:, None], 0.03, method=method, tol=1e-11)
    np.testing.assert_allclose(grid[:, 0], plans, rtol=1e-5, atol=1e-11)


@settings(max_examples=30)
@given(
    st.integers(0, 10_000),
    st.integers(1, 12),
    st.integers(1, 12),
    st.floats(-3.5, 1.0),
    st.floats(-3.0, 3.0),
)
def test_scaling_laws(seed, m, n, log_reg, log_scale):
    a, b, M = generic_marginals(np.random.default_rng(seed), m, n)
    reg, scale = 10.0**log_reg, 10.0**log_scale
    plan = entropic_ot_newton(a, b, M, reg, method="lm", tol=1e-9)
    shifted = M + np.arange(m)[:, None] * scale - np.arange(n) * 0.5
    np.testing.assert_allclose(
        scale * plan, entropic_ot_newton(scale * a, scale * b, M, reg, tol=1e-9), atol=3e-9 * scale
    )
    np.testing.assert_allclose(plan, entropic_ot_newton(a, b, scale * M, scale * reg, method="lm", tol=1e-9), atol=3e-9)
    np.testing.assert_allclose(plan.T, entropic_ot_newton(b, a, M.T, reg, method="lm", tol=1e-9), atol=3e-9)
    if scale / reg < 1e4:  # beyond, the potentials' own rounding shows
        np.testing.assert_allclose(plan, entropic_ot_newton(a, b, shifted, reg, method="lm", tol=1e-9), atol=3e-8)


def test_inputs_are_left_alone():
    arguments = iid_costs(np.random.default_rng(0), 20)
    before = [x.copy() for x in arguments]
    for x in arguments:
        x.setflags(write=False)
    for method in METHODS:
        entropic_ot_newton(*arguments, 0.05, method=method)
    for x, y in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("method", ["lm", "sinkhorn", "sns", "newton"])
def test_what_has_not_converged_is_no_plan(method):
    a, b, M = iid_costs(np.random.default_rng(0), 60)
    with pytest.raises(NotConverged, match=rf"entropic transport by {method} \(tol 1e-10") as caught:
        entropic_ot_newton(a, b, M, 1 / 1200, method=method, n_sinkhorn=0, max_iter=2)
    assert caught.value.estimate.shape == (60, 60)
    assert float(caught.value.residual) == pytest.approx(error(caught.value.estimate, a, b), rel=1e-6)
    assert float(caught.value.residual) > 1e-10


def test_the_published_iteration_stalls_where_parts_hardly_exchange_mass():
    a, b, M = stroke_images(10, "cityblock")
    with pytest.raises(NotConverged, match="by sns"):
        entropic_ot_newton(a, b, M, 1 / 1200, method="sns", density=2 / 100, max_iter=30)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"reg": 0.0}, "reg must be"),
        ({"reg": float("nan")}, "reg must be"),
        ({"tol": 0.0}, "tol must be"),
        ({"method": "sinkhron"}, "Did you mean 'sinkhorn'"),
        ({"n_sinkhorn": -1}, "n_sinkhorn must be"),
        ({"max_iter": 0}, "max_iter must be"),
        ({"density": 1.5}, "density must be"),
        ({"density": 0.0}, "density must be"),
    ],
)
def test_bad_arguments_are_refused(keywords, message):
    arguments = {"reg": 0.1, **keywords}
    with pytest.raises(ValueError, match=message):
        entropic_ot_newton([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], **arguments)


# --- sweeps ----------------------------------------------------------------------------------------------------------


def instances_of(a, b, costs):
    xp = states.arrays.backend("numpy").xp
    return states.Instances.of(xp, a[None], b[None], costs[None])


def test_sweeps_are_those_of_the_definition():
    a, b, M = generic_marginals(np.random.default_rng(0), 6, 8)
    instances = instances_of(a, b, M / 0.05)
    state = states.sweep(instances, states.project_rows(instances, np.zeros((1, 8))), 3)
    plan = np.exp(-M / 0.05)
    plan *= (a / plan.sum(axis=1))[:, None]
    for _ in range(3):
        plan *= b / plan.sum(axis=0)
        plan *= (a / plan.sum(axis=1))[:, None]
    np.testing.assert_allclose(state.plan[0], plan, rtol=1e-12)
    np.testing.assert_allclose(np.exp(state.phi[0, :, None] + state.psi[0] - M / 0.05), plan, rtol=1e-11)


def test_a_closed_column_is_opened_in_the_log_domain():
    a, b, M = iid_costs(np.random.default_rng(0), 5)
    instances = instances_of(a, b, M)
    start = states.project_rows(instances, np.array([[0.0, -5000.0, 0.0, 900.0, 0.0]]))
    swept = states.sweep(instances, start, 20)
    assert error(swept.plan[0], a, b) < 1e-6
    assert np.isfinite(swept.psi).all()


def test_a_far_way_makes_the_plan_anew():
    a, b, M = iid_costs(np.random.default_rng(0), 30)
    instances = instances_of(a, b, 3000.0 * M)
    state = states.project_rows(instances, np.zeros((1, 30)))
    for _ in range(20):
        state = states.sweep(instances, state, 20)
        expected = np.exp(np.maximum(state.phi[0, :, None] + state.psi[0] - 3000.0 * M, -700.0))
        np.testing.assert_allclose(state.plan[0], expected, rtol=1e-8, atol=1e-200)
        assert float(state.drift[0]) <= states.MAX_DRIFT


def test_numbers_of_sweeps_and_steps_are_what_was_asked_for():
    a, b, M = iid_costs(np.random.default_rng(0), 40)
    cold = entropic_ot_newton(a, b, M, 1 / 300, method="lm", n_sinkhorn=0, log=True)[1]
    assert cold["n_sweeps"] == 20 * cold["n_factorizations"]
    assert len(cold["errors"]) == 1 + cold["n_factorizations"]
    warm = entropic_ot_newton(a, b, M, 1 / 100, method="sns", log=True)[1]
    assert warm["n_sweeps"] == 20
    swept = entropic_ot_newton(a, b, M, 1 / 100, method="sinkhorn", log=True)[1]
    assert swept["n_sweeps"] == 20 * (len(swept["errors"]) - 1)
    with pytest.raises(NotConverged) as caught:
        entropic_ot_newton(a, b, M, 1 / 1200, method="lm", n_sinkhorn=0, max_iter=2)
    assert caught.value.n_iterations == 3  # looks: before the first step and after each


def test_a_denser_hessian_takes_fewer_steps():
    a, b, M = iid_costs(np.random.default_rng(0), 40)
    steps = [
        len(entropic_ot_newton(a, b, M, 1 / 100, method="sns", density=kept / 40, log=True)[1]["errors"])
        for kept in (2, 3, 40)
    ]
    assert steps[0] > 2 * steps[1] > 2 * steps[2]


def test_problems_of_a_batch_differ_in_difficulty():
    # one lies at its solution, one needs shortened steps, one closed columns
    problems = [iid_costs(np.random.default_rng(seed), 25) for seed in range(3)]
    M = np.stack([problems[0].M * 0.0, problems[1].M * 20.0, problems[2].M * 3.0])
    a, b = problems[0].a, problems[0].b
    plans, log = entropic_ot_newton(a, b, M, 0.01, method="lm", n_sinkhorn=0, log=True)
    for k in range(3):
        np.testing.assert_allclose(plans[k], entropic_ot_newton(a, b, M[k], 0.01, method="lm"), atol=1e-9)
    assert log["n_factorizations"][0] == 0
    assert log["n_factorizations"][1] > 3
