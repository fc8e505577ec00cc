r"""Claims on cases with a combinatorial solution: full capacity, and strong regularisation."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, Rate, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import TransportProblem, iid_costs, uniform_marginals

__all__ = ["capacitated_assignment", "gap_with_many_columns", "strong_regularisation"]


@claim(
    statement=r"With equal masses and $nk = m$ the constraint leaves an assignment: $D_k = P_k = \min_\sigma \frac1m"
    r"\sum_i M_{i\sigma(i)} + \frac\gamma{2m}$ over assignments of $k$ rows to each column.",
    source="derived here",
    tolerance="1e-9 of the range of the costs, which is the gap of the solver",
    controls={
        "one_more": "k = m/n + 1, where the assignment is no longer forced",
        "no_regulariser": "the assignment without its constant",
    },
)
def capacitated_assignment(conditions: Conditions) -> Outcome:
    """The solver, and an assignment to k copies of each column."""
    m, n, trials = conditions.choose(quick=(48, 8, 3), full=(256, 16, 3))
    a, b = uniform_marginals(m, n)
    reg, k, exact, looser, optima = 1.0, m // n, [], [], []
    for trial in range(trials):
        problem = TransportProblem(a, b, conditions.rng("costs", trial).random((m, n)))
        exact.append(float(theory.bidual_ot(*problem, reg, k, gap_tol=1e-11).value))
        looser.append(float(theory.bidual_ot(*problem, reg, k + 1, gap_tol=1e-11).value))
        optima.append(experiment.assign_with_capacity(problem.M, k).value)

    def compare(predicted: list[float], constant: float) -> Agreement:
        measured = np.array(optima) + constant
        return Agreement(predicted=predicted, measured=measured, margin=1e-9, label="value at full capacity")

    constant = reg / (2.0 * m)
    return Outcome(
        evidence=compare(exact, constant),
        controls={"one_more": compare(looser, constant), "no_regulariser": compare(exact, 0.0)},
        arrays={"exact": exact, "looser": looser, "optima": optima},
    )


@claim(
    statement=r"Under strong regularisation, with equal masses and $m = n$, $D_k = \frac\gamma{2kn} + \frac1{kn}\min_G "
    r"\sum_{G} M_{ij} - O(1/\gamma)$ over $k$-regular subgraphs $G$, and the gap $P_k - D_k$ vanishes as $1/\gamma$.",
    source="derived here",
    tolerance="slopes 1e-3: the correction is c / gamma exactly once no entry changes any more, and the rounding of a "
    "value of size gamma is 1e-13 of it",
    controls={
        "assignment": "the cheapest assignment in the place of the k-regular subgraph",
        "no_costs": "the first term alone",
    },
)
def strong_regularisation(conditions: Conditions) -> Outcome:
    """The solver and the global optimum over two decades, beside a linear program of the subgraph."""
    n, k = conditions.choose(quick=(6, 2), full=(8, 2))
    problem = iid_costs(conditions.rng("costs"), n)
    regs = np.geomspace(30.0, 1000.0, 4)
    values = np.array([float(theory.bidual_ot(*problem, reg, k, gap_tol=1e-13).value) for reg in regs])
    optima = np.array([experiment.solve_sparse_primal(*problem, reg, k, tolerance=1e-10).value for reg in regs])
    subgraph = experiment.solve_regular_subgraph(problem.M, k).value / (k * n)
    assignment = experiment.solve_regular_subgraph(problem.M, 1).value / n
    leading = regs / (2 * k * n)

    def slope(second: float) -> Rate:
        distance = np.abs(leading + second - values)
        return Rate.fit(regs, distance, predicted=-1.0, margin=1e-3, resolution=0.01, label="distance from the limit")

    return Outcome(
        evidence=[
            slope(subgraph),
            Rate.fit(regs, optima - values, predicted=-1.0, margin=1e-3, resolution=0.01, label="gap"),
        ],
        controls={"assignment": slope(assignment), "no_costs": slope(0.0)},
        arrays={
            "regs": regs,
            "distance": leading + subgraph - values,
            "from_assignment": np.abs(leading + assignment - values),
            "gap": optima - values,
        },
    )


@claim(
    statement=r"With the number of rows fixed and $\gamma \propto n$, the relative gap $(P_k - D_k)/D_k$ vanishes at "
    r"least as fast as $1/n$.",
    source="derived here: fewer than m columns are tied, their masses are of order 1/n, and moving them near the "
    "optimum has a quadratic cost",
    tolerance="an inequality between means over random problems on a logarithmic scale, with a factor of 2, since "
    "single gaps scatter over decades; optima to 1e-6 of the value",
    controls={"constant": "a relative gap that stays, as if a fixed share of the columns were tied"},
)
def gap_with_many_columns(conditions: Conditions) -> Outcome:
    """Global optima with 5 rows and ever more columns."""
    trials, ns = conditions.choose(quick=(6, (5, 10, 20)), full=(12, (5, 10, 20, 40)))
    gaps = np.array([[_relative_gap(conditions, 5, n, 2, trial) for trial in range(trials)] for n in ns])
    means = np.log(gaps.mean(axis=1))
    fall = math.log(ns[-1] / ns[0])

    def compare(lhs: float, rhs: float) -> Bound:
        return Bound(lhs=lhs, rhs=rhs, margin=math.log(2.0), label="log of the mean relative gap")

    return Outcome(
        evidence=compare(means[-1], means[0] - fall),
        controls={"constant": compare(means[0], means[-1])},
        arrays={"columns": ns, "gaps": gaps, "rows": 5},
    )


def _relative_gap(conditions: Conditions, m: int, n: int, k: int, trial: int) -> float:
    """Gap of a random problem of this shape, relative to its dual value."""
    problem = TransportProblem(*uniform_marginals(m, n), conditions.rng("columns", n, trial).random((m, n)))
    reg = 0.4 * n
    value = float(theory.bidual_ot(*problem, reg, k, gap_tol=1e-10).value)
    optimum = experiment.solve_sparse_primal(*problem, reg, k, tolerance=1e-6).value
    return max((optimum - value) / value, 0.0)
