"""Claims on how many iterations entropic transport takes: Sinkhorn's local rate, and Newton's method beside it."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import TransportProblem, gaussian_clouds, generic_marginals, iid_costs

__all__ = ["newton_against_sinkhorn", "sinkhorn_local_rate"]

#: Window of errors in which the local rate is read off: below the transient, above rounding.
_WINDOW = (1e-11, 1e-8)


@claim(
    statement=r"Near its limit one Sinkhorn sweep multiplies the marginal error by $\sigma_2^2$, the square of the "
    r"second singular value of $\mathrm{diag}(P1)^{-1/2} P\,\mathrm{diag}(P^T1)^{-1/2}$.",
    source="knight2008, local convergence of Sinkhorn-Knopp",
    tolerance="1e-3 + 5 % of 1 - sigma_2^2: the window of errors 1e-11 to 1e-8 still holds some of the next singular "
    "value, which the control is far from",
    controls={"sigma": "sigma_2 in the place of its square"},
)
def sinkhorn_local_rate(conditions: Conditions) -> Outcome:
    """Slope of the logarithm of the error over plain sweeps, beside the singular values of the Newton method's plan."""
    n = conditions.choose(quick=60, full=150)
    problems: list[tuple[str, TransportProblem, float]] = [
        ("Gaussian clouds", gaussian_clouds(conditions.rng("clouds"), n), 1 / 150),
        ("generic masses", generic_marginals(conditions.rng("generic"), 40, 50), 1 / 200),
        ("independent costs", iid_costs(conditions.rng("iid"), n), 1 / 100),
    ]
    predicted, measured, curves = [], [], {}
    for name, problem, reg in problems:
        rate = float(theory.sinkhorn_rate(theory.entropic_ot_newton(*problem, reg, method="lm", tol=1e-12)))
        # enough sweeps for the window, were the rate right from the start on
        n_sweeps = min(20_000, 50 + int(math.log(1e-13) / math.log(rate)))
        errors = experiment.run_log_sinkhorn(*problem, reg, n_sweeps).errors
        sweeps = np.flatnonzero((errors > _WINDOW[0]) & (errors < _WINDOW[1]))
        measured.append(math.exp(np.polyfit(sweeps, np.log(errors[sweeps]), 1)[0]))
        predicted.append(rate)
        curves[f"errors_{name.replace(' ', '_')}"] = errors

    def compare(rates: np.ndarray) -> Agreement:
        margin = 1e-3 + 0.05 * (1.0 - np.array(predicted))
        return Agreement(predicted=rates, measured=measured, margin=margin, label="error of a sweep over the last")

    return Outcome(
        evidence=compare(np.array(predicted)),
        controls={"sigma": compare(np.sqrt(predicted))},
        arrays={"predicted": predicted, "measured": measured, **curves},
    )


@claim(
    statement=r"From a cold start the damped Newton method needs at most 30 factorisations to $10^{-12}$ for $\eta$ "
    r"from 100 to 1200, while Sinkhorn's sweeps grow more than a hundredfold, between $10^{-6}$ and $10^{-12}$ as "
    r"$\log 10^{6} / \log \sigma_2^{-2}$.",
    source="derived here; the sweeps from the local rate of knight2008",
    tolerance="inequalities, one per cent for the growth; the sweeps within 25 % and the 20 that they are counted in, "
    "since the local rate is not reached at 1e-6",
    controls={"loose_tolerance": "sweeps counted to 1e-4 only, where the effect all but vanishes"},
    cost="seconds",
)
def newton_against_sinkhorn(conditions: Conditions) -> Outcome:
    """Independent costs at three regularisations."""
    n, cap = conditions.choose(quick=(300, 60_000), full=(500, 200_000))
    problem = iid_costs(conditions.rng("costs"), n)
    etas = np.array([100.0, 300.0, 1200.0])
    steps, rates, sweeps = [], [], []
    for eta in etas:
        plan, log = theory.entropic_ot_newton(
            *problem, 1.0 / eta, method="lm", n_sinkhorn=0, tol=1e-12, log=True, max_iter=200
        )
        steps.append(float(log["n_factorizations"]))
        rates.append(float(theory.sinkhorn_rate(plan)))
        sweeps.append(_sweeps_to(*problem, 1.0 / eta, (1e-4, 1e-6, 1e-12), cap))
    counts = np.array(sweeps)
    local = counts[:, 2] - counts[:, 1]  # a lower bound where the cap was met
    expected = np.minimum(math.log(1e-6) / np.log(rates), np.where(counts[:, 2] < cap, np.inf, local))

    def growth(column: int) -> Bound:
        ratio = counts[2, column] / counts[0, column]
        return Bound(lhs=math.log(100.0), rhs=math.log(ratio), margin=0.01, label="log growth of the sweeps")

    return Outcome(
        evidence=[
            Bound(lhs=steps, rhs=np.full(3, 30.0), margin=0.0, label="factorisations"),
            Agreement(
                predicted=expected, measured=local, margin=20.0 + 0.25 * expected, label="sweeps from 1e-6 to 1e-12"
            ),
            growth(2),
        ],
        controls={"loose_tolerance": growth(0)},
        arrays={"etas": etas, "factorizations": steps, "sweeps": counts, "rates": rates, "cap": cap},
    )


def _sweeps_to(
    a: np.ndarray, b: np.ndarray, M: np.ndarray, reg: float, tolerances: tuple[float, ...], cap: int
) -> list[float]:
    """Sweeps to each tolerance, the cap for those that are not reached."""
    sweeps, errors = experiment.trace_sweeps(a, b, M, reg, tolerance=tolerances[-1], max_sweeps=cap)
    return [float(sweeps[np.argmax(errors <= tol)]) if errors[-1] <= tol else float(cap) for tol in tolerances]
