r"""Claims on ties: where the top-k plan is the solution, where it is not, and what the value's derivative then is."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import TransportProblem, gaussian_clouds, generic_marginals, iid_costs

__all__ = ["gap_without_ties", "tied_columns", "topk_row_masses", "value_derivative"]

#: Relative row error up to which a plan counts as one that has the marginals.
_FEASIBLE = 1e-6
#: Share of the mean column mass below which an entry of an interior-point plan is zero.
_ZERO = 1e-5


@claim(
    statement=r"Without a tie at the dual optimum there is no gap, $P_k = D_k$; always $D_k \le P_k$.",
    source="derived here",
    tolerance="1e-6 of the value; both bounds of the referee meet within 1e-8",
    controls={
        "entries_as_test": "no tie declared wherever the top-k plan has at most k entries in a column, which is always"
    },
)
def gap_without_ties(conditions: Conditions) -> Outcome:
    """Global optima of small problems over four regularisations."""
    sizes = conditions.choose(quick=(6,) * 4, full=(6,) * 8 + (8,) * 2)
    regs = np.array([0.3, 1.0, 3.0, 10.0])
    values, optima, ties = (np.empty((len(sizes), regs.size)) for _ in range(3))
    for trial, n in enumerate(sizes):
        problem = iid_costs(conditions.rng("costs", trial), n)
        for place, reg in enumerate(regs):
            _, log = _solve(*problem, reg, 2, gap_tol=1e-10)
            values[trial, place], ties[trial, place] = float(log.value), np.count_nonzero(log.tied_columns)
            optima[trial, place] = experiment.solve_sparse_primal(*problem, reg, 2).value

    def compare(where: np.ndarray) -> Agreement:
        found, exact = values[where], optima[where]
        return Agreement(predicted=found, measured=exact, margin=1e-6 * found, label="dual and exact optimum")

    return Outcome(
        evidence=[
            compare(ties == 0),
            Bound(lhs=values, rhs=optima, margin=1e-8 * values, label="the dual bounds the optimum"),
        ],
        controls={"entries_as_test": compare(np.ones_like(ties, dtype=bool))},
        arrays={"regs": regs, "values": values, "optima": optima, "ties": ties, "sizes": sizes},
    )


@claim(
    statement=r"The top-$k$ plan at the dual optimum has the row masses, so that it solves the primal problem.",
    source="assumed where a plan is read off the dual, as implementations of liu2023 do; the exceptions derived here",
    tolerance="1e-6 of the mass, where the dual is solved to a gap of 1e-9; an inequality of decimal logarithms, 0.01 "
    "for rounding",
    controls={
        "more_iterations": "the plan after as many L-BFGS steps as bring any progress",
        "other_side": "ties broken by the rounding of the potential",
    },
    expected="refuted",
)
def topk_row_masses(conditions: Conditions) -> Outcome:
    """Equal costs of three rows and two columns, which can be done by hand, and two families of costs."""
    n, k = conditions.choose(quick=60, full=200), 4
    equal = TransportProblem(np.ones(3), np.full(2, 1.5), np.zeros((3, 2)))
    problems = [
        (equal, 1.0, 2),
        (gaussian_clouds(conditions.rng("clouds"), n), n / 10, k),
        (iid_costs(conditions.rng("iid"), n), n / 10, 2),
    ]
    errors, others, early, ties = [], [], [], []
    for problem, reg, max_nz in problems:
        mass = float(problem.a.sum())
        _, log = _solve(*problem, reg, max_nz)
        errors.append(float(log.row_error) / mass)
        others.append(float(np.abs(theory.semi_dual_objective(log.alpha, *problem, reg, max_nz).gradient).sum()) / mass)
        early.append(float(_solve(*problem, reg, max_nz, certify=False)[1].row_error) / mass)
        ties.append(int(np.count_nonzero(log.tied_columns)))
    optimum = experiment.solve_sparse_primal(*equal, 1.0, 2)

    return Outcome(
        evidence=row_errors(errors),
        controls={"more_iterations": row_errors(early), "other_side": row_errors(others)},
        arrays={"errors": errors, "ties": ties, "by_hand": [optimum.value, optimum.bound]},
    )


def row_errors(errors: list[float]) -> Bound:
    """Whether plans have the row masses.

    Parameters
    ----------
    errors : list of float
        l1 error of the row sums of each plan, over its mass.

    Returns
    -------
    Bound
        The errors beside the largest that counts as rounding.
    """
    return Bound(
        lhs=np.log10(np.maximum(errors, 1e-16)),
        rhs=np.full(len(errors), np.log10(_FEASIBLE)),
        margin=0.01,
        label="log10 of the relative row error",
    )


@claim(
    statement=r"The derivative of the value with respect to the costs is the convexified plan, $\partial D_k / "
    r"\partial M = T^{cvx}$, and with respect to the row masses it is $\alpha$ up to a constant.",
    source="derived here: Danskin's theorem for the convexified problem",
    tolerance="1e-6 for the costs and 1e-5 for the masses: the cone program's value is good to 1e-11, over a step of "
    "1e-4; the value is quadratic between the points unless an entry vanishes there",
    controls={
        "topk": "the top-k plan, through which an automatic derivative of the dual goes",
        "quadratic": "the plan of quadratic transport",
    },
)
def value_derivative(conditions: Conditions) -> Outcome:
    """Differences of second-order-cone programs, at a problem with ties."""
    m, n, reg, k, step = conditions.choose(quick=(8, 7, 3.0, 2, 1e-4), full=(12, 10, 3.0, 2, 1e-4))
    problem, plan, log = _with_ties(conditions, m, n, reg, k)
    measured = experiment.difference_bidual(*problem, reg, k, step)

    def values(shifts: np.ndarray) -> np.ndarray:
        moved = [np.append(shift, -shift.sum()) for shift in shifts.reshape(-1, m - 1)]
        found = [
            experiment.solve_bidual_program(problem.a + each, problem.b, problem.M, reg, k).value for each in moved
        ]
        return np.array(found).reshape(shifts.shape[:-1])

    def of_costs(predicted: np.ndarray) -> Agreement:
        return Agreement(predicted=predicted, measured=measured, margin=1e-6, label="derivative in the costs")

    slopes = experiment.central_differences(values, np.zeros(m - 1), step)
    alpha = Agreement(
        predicted=log.alpha[:-1] - log.alpha[-1], measured=slopes, margin=1e-5, label="derivative in the row masses"
    )
    return Outcome(
        evidence=[of_costs(log.plan_convex), alpha],
        controls={
            "topk": of_costs(plan),
            "quadratic": of_costs(theory.bidual_ot(*problem, reg, m).plan),
        },
        arrays={"measured": measured, "convex": log.plan_convex, "topk": plan},
    )


@claim(
    statement=r"At most $m - 1$ columns are tied at the optimum, whatever their number $n$.",
    source="derived here: m - 1 coupling constraints, Shapley and Folkman's lemma",
    tolerance="counts: any margin below a half is none",
    controls={
        "half_the_rows": "at most m/2",
        "half_the_columns": "at least two fifths of the columns, as many as are tied at m = n",
    },
)
def tied_columns(conditions: Conditions) -> Outcome:
    """Vertices of linear programs for k = 1, cone programs for k = 2, and the solver for both."""
    shapes = conditions.choose(quick=((10, 10), (15, 30), (30, 120)), full=((10, 10), (15, 30), (30, 120), (30, 400)))
    counts, referee = [], []
    for shape, (m, n) in enumerate(shapes):
        problem = generic_marginals(conditions.rng("problem", shape), m, n)
        vertex = experiment.solve_linear_transport(*problem).plan
        cone = experiment.solve_bidual_program(*problem, 0.1 * n, 2).plan
        entries = [np.count_nonzero(plan > _ZERO / n, axis=0) for plan in (vertex, cone)]
        referee.append([np.count_nonzero(entries[0] > 1), np.count_nonzero(entries[1] > 2)])
        counts.append([np.count_nonzero(_solve(*problem, 0.1 * n, k)[1].tied_columns) for k in (1, 2)])
    rows, columns = (np.repeat(np.array(shapes)[:, [axis]], 2, axis=1) for axis in (0, 1))

    def at_most(limit: np.ndarray) -> Bound:
        return Bound(lhs=np.array(referee), rhs=limit, margin=0.25, label="tied columns")

    return Outcome(
        evidence=[
            at_most(rows - 1.0),
            Agreement(predicted=counts, measured=referee, margin=0.5, label="ties of the solver and of the referees"),
        ],
        controls={
            "half_the_rows": at_most(rows / 2.0),
            "half_the_columns": Bound(
                lhs=0.4 * columns, rhs=np.array(referee, dtype=np.float64), margin=0.25, label="tied columns"
            ),
        },
        arrays={"rows": rows[:, 0], "columns": columns[:, 0], "counts": counts, "referee": referee},
    )


def _solve(*arguments: Any, **settings: Any) -> tuple[Any, theory.SparseTransport]:
    """Top-k plan and log, where a warning that the plan misses the rows would say what is measured here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", theory.ConvergenceWarning)
        plan, log = theory.sparse_ot(*arguments, log=True, **settings)
    return plan, log


def _with_ties(conditions: Conditions, m: int, n: int, reg: float, k: int) -> tuple[TransportProblem, Any, Any]:
    """The first problem of the stream whose optimum is tied."""
    trial = 0
    while True:
        problem = generic_marginals(conditions.rng("problem", trial), m, n)
        plan, log = _solve(*problem, reg, k, gap_tol=1e-13)
        if np.any(log.tied_columns):
            return problem, plan, log
        trial += 1
