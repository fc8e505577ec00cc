"""Claims on Sinkhorn-Newton-Sparse: the linear tail that sparsifying the Hessian leaves, and what was published."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Ordering, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import TransportProblem, iid_costs, stroke_images

__all__ = ["entropic_convergence", "sparse_newton_superexponential", "sparse_newton_tail"]

_ETA = 1200.0
#: Errors between which the tail is read off.
_TAIL = (1e-12, 1e-8)


@claim(
    statement=r"The damped Newton method brings the marginals within $10^{-10}$ at $\eta = 1200$ on independent costs, "
    r"and on squared and $\ell_1$ distances of two drawings.",
    source="derived here; the cases are those of tang2024, with drawings for the digits",
    tolerance="an inequality of decimal logarithms; 0.01 for rounding of the sums",
    controls={
        "published": "Sinkhorn-Newton-Sparse with 20 sweeps, 2n kept entries and 60 steps",
        "sweeps_alone": "a thousand Sinkhorn sweeps, more than the Newton method's work is worth",
    },
)
def entropic_convergence(conditions: Conditions) -> Outcome:
    """Three cases by three methods, errors summed from the plans."""
    n, side = conditions.choose(quick=(200, 16), full=(500, 28))
    cases: dict[str, TransportProblem] = {
        "iid": iid_costs(conditions.rng("costs"), n),
        "squared": stroke_images(side, "sqeuclidean"),
        "l1": stroke_images(side, "cityblock"),
    }
    reached, published, swept = [], [], []
    arrays: dict[str, object] = {}
    for name, (a, b, M) in cases.items():
        plan, log = theory.entropic_ot_newton(a, b, M, 1.0 / _ETA, method="lm", n_sinkhorn=20, log=True)
        run = experiment.run_sparse_newton(a, b, M, 1.0 / _ETA, n_kept=2 * a.size, max_steps=60)
        sweeps, errors = experiment.trace_sweeps(a, b, M, 1.0 / _ETA, tolerance=1e-10, max_sweeps=1000, every=20)
        reached.append(experiment.marginal_error(plan, a, b))
        published.append(run.errors[-1])
        swept.append(errors[-1])
        arrays |= {f"newton_{name}": log["errors"], f"published_{name}": run.errors}
        arrays |= {f"sweeps_{name}": sweeps, f"swept_{name}": errors}

    def compare(errors: list[float]) -> Bound:
        return Bound(lhs=np.log10(errors), rhs=np.full(3, -10.0), margin=0.01, label="log10 of the l1 marginal error")

    return Outcome(
        evidence=compare(reached),
        controls={"published": compare(published), "sweeps_alone": compare(swept)},
        arrays=arrays,
    )


@claim(
    statement=r"Near the solution a sparse Newton step multiplies the error by the spectral radius of $I - S^{-1}H$ "
    r"off the null vector, with S the Hessian H that keeps $\lambda n^2$ entries of the plan: a linear tail, which "
    r"shortens as $\lambda$ grows.",
    source="derived here; the iteration is that of tang2024",
    tolerance="15 % of the logarithm of the ratio: eigenvalues of either sign and nearly the same modulus compete in "
    "the last steps before rounding; for the order of the counts no margin",
    controls={
        "dropped_mass": "the share of mass outside the kept entries as the ratio",
        "sinkhorn": "the rate of Sinkhorn's sweeps, as if the Newton step did nothing",
        "truncated_diagonal": "the algorithm with sums of the kept entries on the diagonal, which stalls: S is then "
        "singular along shifts of each connected part",
    },
)
def sparse_newton_tail(conditions: Conditions) -> Outcome:
    """Independent costs at eta = 1200, the iteration of the paper run to rounding at several densities."""
    n = conditions.choose(quick=300, full=500)
    a, b, M = iid_costs(conditions.rng("costs"), n)
    plan = theory.entropic_ot_newton(a, b, M, 1.0 / _ETA, tol=1e-12)
    per_row = np.array([2.0, 2.5, 3.0, 5.0, 15.0])
    runs = [experiment.run_sparse_newton(a, b, M, 1.0 / _ETA, n_kept=int(k * n), max_steps=200) for k in per_row]
    stalled = [
        experiment.run_sparse_newton(a, b, M, 1.0 / _ETA, n_kept=int(k * n), max_steps=200, diagonal="truncated")
        for k in per_row[:2]
    ]
    predicted = np.array([float(theory.sparse_newton_rate(plan, k / n)) for k in per_row])
    dropped = np.array([float(theory.dropped_mass(plan, k / n)) for k in per_row])
    steps = np.array([float(np.argmax(run.errors <= _TAIL[0])) for run in runs])

    def compare(ratios: np.ndarray, measured: list[experiment.Iteration]) -> Agreement:
        logs = np.log(ratios[:2])
        return Agreement(
            predicted=logs,
            measured=[_tail(run.errors) for run in measured[:2]],
            margin=0.15 * np.abs(logs),
            label="logarithm of the ratio, 2n and 2.5n kept",
        )

    count = Ordering(values=steps[[0, 2, 3]], direction="decreasing", margin=0.0, label="steps, 2n, 3n, 5n kept")
    return Outcome(
        evidence=[compare(predicted, runs), count],
        controls={
            "dropped_mass": compare(dropped, runs),
            "sinkhorn": compare(np.full(2, float(theory.sinkhorn_rate(plan))), runs),
            "truncated_diagonal": compare(predicted, stalled),
        },
        arrays={
            "kept_per_row": per_row,
            "predicted": predicted,
            "dropped": dropped,
            "steps": steps,
            **{f"errors_{k:g}": run.errors for k, run in zip(per_row, runs, strict=True)},
            **{f"truncated_{k:g}": run.errors for k, run in zip(per_row, stalled, strict=False)},
        },
    )


@claim(
    statement=r"Sinkhorn-Newton-Sparse with $2n$ kept entries converges super-exponentially: its error falls at least "
    r"half as fast again at the end as in the middle of its way to $10^{-12}$.",
    source="tang2024, observed there, without a theorem",
    tolerance="an inequality; quadratic convergence falls twice as fast from step to step and passes it, linear "
    "convergence fails it by a half",
    controls={
        "sinkhorn": "plain sweeps, whose convergence is linear",
        "denser": "2.5n kept entries",
    },
    expected="refuted",
)
def sparse_newton_superexponential(conditions: Conditions) -> Outcome:
    """The iteration of the paper on its own first example; the dense Hessian passes the same rule, see the tests."""
    n = conditions.choose(quick=300, full=500)
    a, b, M = iid_costs(conditions.rng("costs"), n)
    sparse, denser = (
        experiment.run_sparse_newton(a, b, M, 1.0 / _ETA, n_kept=int(k * n), max_steps=200).errors for k in (2.0, 2.5)
    )
    easy = iid_costs(conditions.rng("easy"), 50)
    sweeps = experiment.run_log_sinkhorn(*easy, 1.0 / 50.0, 300).errors
    return Outcome(
        evidence=speeds_up(sparse),
        controls={"sinkhorn": speeds_up(sweeps), "denser": speeds_up(denser)},
        arrays={"sparse": sparse, "denser": denser, "sweeps": sweeps},
    )


def speeds_up(errors: np.ndarray) -> Bound:
    """Whether the error falls half as fast again in the last third of its way from 1e-2 to 1e-12 as in the middle.

    Parameters
    ----------
    errors : numpy.ndarray, shape (n_iterations + 1,)
        Error before the first iteration and after each.

    Returns
    -------
    Bound
        Confirmed for quadratic, refuted for linear convergence.
    """
    way = np.log(errors[(errors < 1e-2) & (errors > _TAIL[0])])
    third = max(1, (way.size - 1) // 3)
    middle, last = way[-1 - 2 * third] - way[-1 - third], way[-1 - third] - way[-1]
    return Bound(lhs=1.5 * middle / third, rhs=last / third, margin=0.01, label="fall of the log error for each step")


def _tail(errors: np.ndarray) -> float:
    """Slope of the log error over the steps of the tail; 0 for an iteration that does not get there."""
    steps = np.flatnonzero((errors > _TAIL[0]) & (errors < _TAIL[1]))
    if steps.size < 3 or math.isinf(errors[-1]):
        return 0.0
    return float(np.polyfit(steps, np.log(errors[steps]), 1)[0])
