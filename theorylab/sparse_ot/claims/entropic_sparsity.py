"""Claims on how sparse entropic plans are: a published bound, and the sharp rate behind it."""

from __future__ import annotations

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import iid_costs

__all__ = ["entropic_sharp_rate", "entropic_sparsity_bound"]

#: Distances below this are not told apart from rounding of the measured plan.
_RESOLVED = 1e-11


@claim(
    statement=r"For a unique optimal assignment of gap $\Delta$ to the second-best, $\|P_\eta - P_0\|_1 \le 6 n^2 "
    r"e^{-\eta\Delta}$ once $\eta \ge (1 + 2\log n)/\Delta$.",
    source="tang2024, approximate sparsity; weed2018",
    tolerance="an inequality of logarithms, at distances above 1e-11, where the plan is known to a per cent; the gap "
    "itself 1e-13",
    controls={"three_gaps": "3 Delta in the exponent"},
)
def entropic_sparsity_bound(conditions: Conditions) -> Outcome:
    """All permutations, and plans along a path of dense Newton steps, of small random assignments."""
    n, count = 7, conditions.choose(quick=8, full=40)
    etas = np.geomspace(50.0, 3200.0, 13)
    found, enumerated, distances, lhs, rhs, wrong = [], [], [], [], [], []
    for trial in range(count):
        a, b, M = iid_costs(conditions.rng("costs", trial), n)
        gap = float(theory.vertex_gap(M))
        found.append(gap)
        enumerated.append(experiment.enumerate_gap(M))
        distance = _distances(a, b, M, 1.0 / etas)
        bound, steeper = (theory.sparsity_bound(factor * gap, 1.0 / etas, n) for factor in (1.0, 3.0))
        usable = np.isfinite(bound) & (distance > _RESOLVED)
        lhs.append(np.log(distance[usable]))
        rhs.append(np.log(bound[usable]))
        wrong.append(np.log(steeper[usable]))
        distances.append(distance)

    def compare(bounds: list[np.ndarray]) -> Bound:
        return Bound(lhs=np.concatenate(lhs), rhs=np.concatenate(bounds), margin=0.01, label="log distance")

    return Outcome(
        evidence=[compare(rhs), Agreement(predicted=found, measured=enumerated, margin=1e-13, label="vertex gap")],
        controls={"three_gaps": compare(wrong)},
        arrays={"etas": etas, "distances": distances, "gaps": found},
    )


@claim(
    statement=r"The distance to the optimal assignment falls as $e^{-\eta\mu^*}$, with $\mu^*$ the smallest mean "
    r"weight of an alternating cycle.",
    source="derived here",
    tolerance="2 % of the slope between eta mu* = 18 and 24: a second cycle with nearly the same mean adds a term that "
    "dies out slowly; 1.5 % was the largest effect in 24 random problems",
    controls={
        "vertex_gap": "the vertex gap Delta, the rate of the published bound",
        "cycle_sum": "weight of the whole cycle, not its mean: n Delta",
    },
)
def entropic_sharp_rate(conditions: Conditions) -> Outcome:
    """Slopes of the logarithm of the distance, beside minimum mean cycles."""
    sizes = conditions.choose(quick=(7, 7, 7, 20, 20), full=(7,) * 20 + (20,) * 20)
    depths = np.array([3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 24.0])
    rates, slopes, gaps, distances = [], [], [], []
    for trial, n in enumerate(sizes):
        a, b, M = iid_costs(conditions.rng("costs", trial), n)
        rate = float(theory.sparsity_rate(M))
        distance = _distances(a, b, M, rate / depths)
        slopes.append(float(np.log(distance[-2] / distance[-1])) * rate / float(depths[-1] - depths[-2]))
        rates.append(rate)
        gaps.append(float(theory.vertex_gap(M)))
        distances.append(distance)

    def compare(predicted: np.ndarray) -> Agreement:
        margin = 0.02 * np.array(rates)
        return Agreement(predicted=predicted, measured=slopes, margin=margin, label="rate of the distance")

    return Outcome(
        evidence=compare(np.array(rates)),
        controls={
            "vertex_gap": compare(np.array(gaps)),
            "cycle_sum": compare(np.array(gaps) * np.array(sizes, dtype=np.float64)),
        },
        arrays={"sizes": sizes, "depths": depths, "rates": rates, "gaps": gaps, "distances": distances},
    )


def _distances(a: np.ndarray, b: np.ndarray, M: np.ndarray, regs: np.ndarray) -> np.ndarray:
    """l1 distance of each entropic plan from the assignment: twice the mass off it, which nothing cancels."""
    off = experiment.assignment_plan(M) == 0.0
    return 2.0 * experiment.follow_path(a, b, M, regs)[:, off].sum(axis=1)
