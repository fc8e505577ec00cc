r"""Claims on the value of sparse transport: its dual, its bidual, and its two ends, k = 1 and k = m."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Ordering, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import generic_marginals

__all__ = ["dual_gradients", "one_entry_value", "quadratic_limit", "sparse_bidual", "value_bounds"]

#: Share of the mean column mass below which an entry of an interior-point plan is zero.
_ZERO = 1e-6


@claim(
    statement=r"Where no column is tied, the dual has the gradient $(a - T1, b - T^T1)$ and the semi-dual $a - T1$, "
    r"with $T$ the top-$k$ plan.",
    source="liu2023, gradients of dual and semi-dual; derived here",
    tolerance="1e-8: differences of piecewise quadratic functions with step 1e-6 are exact but for their rounding; "
    "values 1e-12, sums of a hundred terms of order 1",
    controls={
        "plus_sums": "$a + T1$ and $b + T^T1$",
        "unconstrained": "the gradients of the problem without the constraint, k = m",
    },
    cost="instant",
)
def dual_gradients(conditions: Conditions) -> Outcome:
    """Closed forms beside differences of values that are found by enumeration, at random potentials."""
    m, n, k = conditions.choose(quick=(9, 7, 3), full=(40, 30, 2))
    reg, step = 2.0 * m, 1e-6
    problem = generic_marginals(conditions.rng("problem"), m, n)
    point = 0.5 * conditions.rng("potentials").standard_normal(m + n)
    masses = np.concatenate([problem.a, problem.b, problem.a])
    of_dual = experiment.central_differences(lambda z: experiment.enumerate_dual(z, *problem, reg, k), point, step)
    of_semi = experiment.central_differences(
        lambda z: experiment.enumerate_semi_dual(z, *problem, reg, k), point[:m], step
    )
    measured = np.concatenate([of_dual, of_semi])
    values = [
        float(experiment.enumerate_dual(point, *problem, reg, k)),
        float(experiment.enumerate_semi_dual(point[:m], *problem, reg, k)),
    ]

    def compare(max_nz: int, sign: float) -> list[Agreement]:
        dual = theory.dual_objective(point[:m], point[m:], *problem, reg, max_nz)
        semi = theory.semi_dual_objective(point[:m], *problem, reg, max_nz)
        gradient = np.concatenate([dual.gradient_alpha, dual.gradient_beta, semi.gradient])
        predicted = gradient if sign < 0.0 else 2.0 * masses - gradient
        return [
            Agreement(predicted=predicted, measured=measured, margin=1e-8, label="gradients"),
            Agreement(predicted=[dual.value, semi.value], measured=values, margin=1e-12, label="values"),
        ]

    return Outcome(
        evidence=compare(k, -1.0),
        controls={"plus_sums": compare(k, 1.0), "unconstrained": compare(m, -1.0)},
    )


@claim(
    statement=r"Dual, semi-dual and bidual meet: $\max_{\alpha,\beta} D = \max_\alpha S = \min_{T \in U(a,b)} "
    r"\langle T, M\rangle + \frac\gamma2\sum_j (\|t_j\|_k^{sp})^2$, with the $k$-support norm.",
    source="derived here; the norm is that of argyriou2012",
    tolerance="1e-8 of the value: the accepted tolerance of the cone program is 1e-9, the gap of the solver 1e-10",
    controls={"euclidean": "the Euclidean norm in the bidual, as if the constraint were lost"},
)
def sparse_bidual(conditions: Conditions) -> Outcome:
    """Value of the solver, second-order-cone programs, and the dual by enumeration at the solver's potentials."""
    m, n, ks = conditions.choose(quick=(7, 6, (1, 2, 3, 1, 2, 3)), full=(40, 40, (1, 2, 3)))
    reg, values, cones, costs, duals, euclidean = 0.5 * m, [], [], [], [], []
    for trial, k in enumerate(ks):
        problem = generic_marginals(conditions.rng("problem", trial), m, n)
        _, log = theory.sparse_ot(*problem, reg, k, plan="convex", gap_tol=1e-10, log=True)
        values.append(float(log.value))
        cone = experiment.solve_bidual_program(*problem, reg, k)
        cones.append(cone.value)
        costs.append(float(theory.convexified_cost(cone.plan, problem.M, reg, k)))
        duals.append(float(experiment.enumerate_dual(np.concatenate([log.alpha, log.beta]), *problem, reg, k)))
        euclidean.append(experiment.solve_quadratic_transport(*problem, reg).value)

    def compare(predicted: list[float], measured: list[float], label: str) -> Agreement:
        return Agreement(predicted=predicted, measured=measured, margin=1e-8 * np.abs(values), label=label)

    return Outcome(
        evidence=[
            compare(values, cones, "semi-dual and cone program"),
            compare(values, duals, "semi-dual and dual"),
            compare(costs, cones, "norm in closed form and cone program"),
        ],
        controls={"euclidean": compare(values, euclidean, "semi-dual and quadratic program")},
        arrays={"counts": ks, "values": values, "cones": cones, "euclidean": euclidean},
    )


@claim(
    statement=r"One entry a column is unregularised transport: $D_1 = \mathrm{OT}(a, b, M) + \frac\gamma2\|b\|^2$ at "
    r"every $\gamma$.",
    source="derived here; liu2023 states the limit",
    tolerance="1e-8 of the value: a linear program to rounding, a solver with gap 1e-10",
    controls={"transport_alone": "OT without the second term", "row_masses": "the norm of a in the place of that of b"},
)
def one_entry_value(conditions: Conditions) -> Outcome:
    """The solver at k = 1 over four decades of the regularisation, beside a linear program."""
    m, n = conditions.choose(quick=(8, 7), full=(200, 200))
    problem = generic_marginals(conditions.rng("problem"), m, n)
    regs = np.geomspace(0.01, 100.0, 9)
    values = np.array([float(theory.bidual_ot(*problem, reg, 1, gap_tol=1e-10).value) for reg in regs])
    transport = experiment.solve_linear_transport(*problem).value

    def compare(masses: np.ndarray, weight: float) -> Agreement:
        measured = transport + weight * regs * float(masses @ masses)
        return Agreement(predicted=values, measured=measured, margin=1e-8 * values, label="value at k = 1")

    curves = {f"values_{k}": [float(theory.bidual_ot(*problem, reg, k).value) for reg in regs] for k in (2, min(m, 8))}
    return Outcome(
        evidence=compare(problem.b, 0.5),
        controls={"transport_alone": compare(problem.b, 0.0), "row_masses": compare(problem.a, 0.5)},
        arrays={"regs": regs, "values": values, "transport": transport, "norm": problem.b @ problem.b, **curves},
    )


@claim(
    statement=r"If quadratically regularised transport has at most $k_0$ entries in each column, then $D_k$ and its "
    r"plan are those of quadratic transport for every $k \ge k_0$.",
    source="derived here",
    tolerance="values 1e-8; plans sqrt(2 gap D / gamma) from either solver, which strong convexity allows at the gap "
    "of 1e-12 asked for, and 1e-7 for the quadratic program",
    controls={"one_less": "the same from $k_0 - 1$ on"},
)
def quadratic_limit(conditions: Conditions) -> Outcome:
    """A quadratic program, and the solver from its number of entries on."""
    m, n, reg = conditions.choose(quick=(8, 7, 3.0), full=(100, 100, 30.0))
    problem = generic_marginals(conditions.rng("problem"), m, n)
    value, plan = experiment.solve_quadratic_transport(*problem, reg)
    most = int(np.count_nonzero(plan > _ZERO / n, axis=0).max())
    allowed = 1e-7 + math.sqrt(2e-12 * value / reg)

    def compare(counts: list[int]) -> list[Agreement]:
        found = [theory.bidual_ot(*problem, reg, k, gap_tol=1e-12) for k in counts]
        return [
            Agreement(
                predicted=[float(each.value) for each in found],
                measured=np.full(len(found), value),
                margin=1e-8 * value,
                label="value",
            ),
            Agreement(
                predicted=np.stack([each.plan for each in found]),
                measured=np.stack([plan] * len(found)),
                margin=allowed,
                label="plan",
            ),
        ]

    return Outcome(
        evidence=compare([most, most + 1, m]),
        controls={"one_less": compare([most - 1])},
        arrays={"entries": most, "plan": plan},
    )


@claim(
    statement=r"The value falls with $k$, and $\mathrm{OT} + \frac\gamma{2k}\|b\|^2 \le D_k \le \mathrm{OT} + "
    r"\frac\gamma2\|b\|^2$.",
    source="derived here",
    tolerance="inequalities; 1e-9 of the value for the gap of the solver",
    controls={
        "no_k": "gamma/2 in the place of gamma/2k in the lower bound",
        "rising": "a value that rises with k",
    },
)
def value_bounds(conditions: Conditions) -> Outcome:
    """The solver at every k, and a linear program."""
    m, n, reg = conditions.choose(quick=(8, 7, 3.0), full=(40, 30, 10.0))
    problem = generic_marginals(conditions.rng("problem"), m, n)
    counts = np.arange(1, m + 1)
    values = np.array([float(theory.bidual_ot(*problem, reg, int(k)).value) for k in counts])
    transport, norm = experiment.solve_linear_transport(*problem).value, float(problem.b @ problem.b)
    lower, upper = transport + 0.5 * reg * norm / counts, np.full(m, transport + 0.5 * reg * norm)

    def above(bound: np.ndarray) -> Bound:
        return Bound(lhs=bound, rhs=values, margin=1e-9 * values, label="lower bound")

    def monotone(direction: str) -> Ordering:
        return Ordering(values=values, direction=direction, margin=1e-9 * values[0], label="value against k")

    return Outcome(
        evidence=[
            above(lower),
            Bound(lhs=values, rhs=upper, margin=1e-9 * values, label="upper bound"),
            monotone("decreasing"),
        ],
        controls={"no_k": above(upper), "rising": monotone("increasing")},
        arrays={"counts": counts, "values": values, "lower": lower, "upper": upper, "transport": transport},
    )
