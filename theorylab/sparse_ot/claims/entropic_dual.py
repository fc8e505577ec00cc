"""Claims on what the entropic dual is: its derivatives, its value, and what it says of unregularised transport."""

from __future__ import annotations

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import TransportProblem, gaussian_clouds, generic_marginals, iid_costs, stroke_images

__all__ = ["entropic_derivatives", "entropic_duality", "grid_transport_cost"]


@claim(
    statement=r"The dual potential $f = \langle a,\alpha\rangle + \langle b,\beta\rangle - \frac1\eta\sum P$ with "
    r"$P = e^{\eta(\alpha_i+\beta_j-M_{ij})-1}$ has $\nabla f = (a - P1, b - P^T1)$ and $-\nabla^2 f = \eta "
    r"\begin{pmatrix}\mathrm{diag}(P1) & P\\ P^T & \mathrm{diag}(P^T1)\end{pmatrix}$, with null vector $(1,-1)$.",
    source="tang2024, derivatives of the Lyapunov potential",
    tolerance="gradient 1e-13 (the complex step is exact to rounding); Hessian 1e-7 of its largest entry, ten times "
    "the truncation error of the differences; null vector 1e-12",
    controls={
        "plus_sums": "gradient a + P1",
        "no_eta": "Hessian without the factor eta",
        "flipped_sign": "Hessian with the off-diagonal blocks subtracted",
        "null_vector_of_ones": "(1, 1) as the null vector",
    },
    cost="instant",
)
def entropic_derivatives(conditions: Conditions) -> Outcome:
    """Closed forms beside complex steps and differences, at random potentials."""
    m, n, reg = (*conditions.choose(quick=(6, 5), full=(30, 20)), 0.1)
    a, b, M = generic_marginals(conditions.rng("problem"), m, n)
    z = 0.2 * conditions.rng("potentials").standard_normal(m + n)
    alpha, beta, masses = z[:m], z[m:], np.concatenate([a, b])
    gradient = np.concatenate(theory.entropic_gradient(alpha, beta, a, b, M, reg))
    hessian = theory.entropic_hessian(alpha, beta, M, reg)
    measured = experiment.difference_hessian(a, b, M, reg, z)
    flipped = hessian.copy()
    flipped[:m, m:], flipped[m:, :m] = -hessian[:m, m:], -hessian[m:, :m]

    def slopes(predicted: np.ndarray) -> Agreement:
        found = experiment.complex_step_gradient(a, b, M, reg, z)
        return Agreement(predicted=predicted, measured=found, margin=1e-13, label="gradient")

    def curvature(predicted: np.ndarray) -> Agreement:
        return Agreement(predicted=predicted, measured=measured, margin=1e-7 * np.max(measured), label="Hessian")

    def null(sign: float) -> Agreement:
        product = hessian @ np.concatenate([np.ones(m), sign * np.ones(n)])
        return Agreement(
            predicted=np.zeros(m + n), measured=product, margin=1e-12 * np.max(hessian), label="null vector"
        )

    return Outcome(
        evidence=[slopes(gradient), curvature(hessian), null(-1.0)],
        controls={
            "plus_sums": slopes(2.0 * masses - gradient),
            "no_eta": curvature(reg * hessian),
            "flipped_sign": curvature(flipped),
            "null_vector_of_ones": null(1.0),
        },
    )


@claim(
    statement=r"The maximum of the dual potential is the minimum of the primal, $\max f = \langle P^*, M\rangle + "
    r"\frac1\eta\sum P^*\log P^*$, exactly and with the 1 in the exponent.",
    source="tang2024, Lyapunov potential; identity derived here",
    tolerance="1e-11 of the value: both sides are known to rounding, and the sweeps of the measurement end at an error "
    "of 1e-13, which the potentials (of the size of 1) multiply",
    controls={"no_one_in_exponent": "P = exp(eta (alpha + beta - M)), which shifts the potential by 1/eta"},
)
def entropic_duality(conditions: Conditions) -> Outcome:
    """Potential at the potentials of the Newton method, beside the objective of a plan of plain Sinkhorn."""
    large = conditions.choose(quick=100, full=200)
    problems: list[tuple[TransportProblem, float]] = [
        (iid_costs(conditions.rng("iid"), large), 1 / 50),
        (gaussian_clouds(conditions.rng("clouds"), large // 2), 1 / 50),
        (generic_marginals(conditions.rng("generic"), 40, 50), 1 / 50),
    ]
    measured, predicted = [], []
    for problem, reg in problems:
        _, log = theory.entropic_ot_newton(*problem, reg, method="lm", tol=1e-12, log=True)
        predicted.append(float(theory.entropic_potential(log["alpha"], log["beta"], *problem, reg)))
        plan = experiment.run_log_sinkhorn(*problem, reg, conditions.choose(quick=1200, full=3000)).plan
        measured.append(experiment.sum_objective(plan, problem.M, reg))

    def compare(values: np.ndarray) -> Agreement:
        return Agreement(predicted=values, measured=measured, margin=1e-11 * np.abs(measured), label="dual and primal")

    regs = np.array([reg for _, reg in problems])
    return Outcome(
        evidence=compare(np.array(predicted)),
        controls={"no_one_in_exponent": compare(np.array(predicted) - regs)},
        arrays={"predicted": predicted, "measured": measured},
    )


@claim(
    statement=r"On a 28 x 28 grid the entropic plan costs at least the optimal transport, and at most "
    r"$\min(H(a), H(b))/\eta$ more: $W \le \langle P_\eta, M\rangle \le W + \min(H(a), H(b))/\eta$.",
    source="derived here: the entropy of a plan lies between the larger of H(a), H(b) and their sum",
    tolerance="an inequality; 1e-9 for the linear program",
    controls={
        "regularised_value": "the regularised value in the place of the cost of its plan: it lies below the optimum",
        "eta_squared": "the entropy over the square of eta",
    },
)
def grid_transport_cost(conditions: Conditions) -> Outcome:
    """Two strokes on a grid: the Newton method beside a linear program that moves along one axis at a time."""
    side = 28
    line = np.linspace(0.0, 1.0, side)
    distance = np.abs(line[:, None] - line[None, :])
    axis_costs = {"sqeuclidean": distance**2 / 2.0, "cityblock": distance / 2.0}
    etas = np.array(conditions.choose(quick=(100.0, 1200.0), full=(50.0, 100.0, 300.0, 1200.0, 3000.0)))
    costs, values, optima, ranges, potentials = [], [], [], [], {}
    for name, axis_cost in axis_costs.items():
        a, b, M = stroke_images(side, name)
        optimum = experiment.solve_grid_transport(a, b, axis_cost)
        for eta in etas:
            plan, log = theory.entropic_ot_newton(a, b, M, 1.0 / eta, log=True)
            costs.append(float(np.sum(plan * M)))
            values.append(float(log["value"]))
            optima.append(optimum)
            ranges.append(min(_entropy(a), _entropy(b)) / eta)
            potentials[f"alpha_{name}"], potentials[f"beta_{name}"] = log["alpha"], log["beta"]
    lower, upper = np.array(optima), np.array(optima) + np.array(ranges)

    def above(what: list[float]) -> Bound:
        return Bound(lhs=lower, rhs=np.array(what), margin=1e-9, label="optimum below the cost of the plan")

    def below(limit: np.ndarray) -> Bound:
        return Bound(lhs=np.array(costs), rhs=limit, margin=1e-9, label="cost of the plan below its bound")

    too_small = np.array(optima) + np.array(ranges) / np.tile(etas, 2)
    return Outcome(
        evidence=[above(costs), below(upper)],
        controls={"regularised_value": above(values), "eta_squared": below(too_small)},
        arrays={"costs": costs, "optima": optima, "ranges": ranges, "etas": etas, **potentials},
    )


def _entropy(masses: np.ndarray) -> float:
    return float(-np.sum(masses * np.log(masses)))
