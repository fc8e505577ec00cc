"""Claims on sparse columns: where a column is best, how it jumps at a tie, and what the jumps cost an optimiser."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Ordering, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.problem import gaussian_clouds, iid_costs

__all__ = ["iterations_against_sparsity", "maximiser_jump", "maximum_operators"]


@claim(
    statement=r"Sparse columns keep the $k$ largest scores: $\max_{t \ge 0, \|t\|_0 \le k} \langle s, t\rangle - "
    r"\frac\gamma2\|t\|^2 = \frac1{2\gamma}\sum_{i \le k}[s_{(i)}]_+^2$, and with $1^Tt = b$ it is "
    r"$\frac1{2\gamma}\sum_{i \le k} (s_{(i)}^2 - \tau^2)_{s_{(i)} > \tau}$ with $\sum_{i \le k}[s_{(i)} - \tau]_+ = "
    r"\gamma b$.",
    source="liu2023, the max-operators; closed form derived here",
    tolerance="1e-12: both sides are sums of at most a dozen terms of order 1 to 10",
    controls={
        "truncated": "project on the simplex, keep the k largest entries and rescale them to the mass",
        "magnitudes": "the k largest absolute values of the scores",
    },
    cost="instant",
)
def maximum_operators(conditions: Conditions) -> Outcome:
    """Closed forms beside an enumeration of all sets of entries."""
    trials, longest = conditions.choose(quick=(300, 7), full=(10_000, 12))
    rng = conditions.rng("scores")
    reg, found, measured, truncated, magnitudes = 0.7, [], [], [], []
    for m in (2, (longest + 2) // 2, longest):
        for k in sorted({1, 2, m // 2, m}):
            scores, mass = rng.standard_normal((trials // 10, m)), rng.uniform(0.2, 2.0, trials // 10)
            any_mass, fixed = theory.orthant_max_topk(scores, reg, k, axis=-1), (scores, mass, reg, k)
            found += [any_mass.value, theory.simplex_max_topk(*fixed, axis=-1).value]
            measured += [
                experiment.enumerate_column_maximum(scores, reg, k).value,
                experiment.enumerate_column_maximum(scores, reg, k, mass).value,
            ]
            truncated += [any_mass.value, _truncated_value(*fixed)]
            magnitudes += [_magnitude_value(scores, reg, k), found[-1]]

    def compare(values: list[np.ndarray]) -> Agreement:
        return Agreement(
            predicted=np.concatenate(values), measured=np.concatenate(measured), margin=1e-12, label="maximum"
        )

    return Outcome(
        evidence=compare(found), controls={"truncated": compare(truncated), "magnitudes": compare(magnitudes)}
    )


@claim(
    statement=r"Where the $k$-th and the next score of a column change places, its maximiser jumps by at most "
    r"$\sqrt{2}\,b/k$, and by as much where the $k+1$ leading scores are equal.",
    source="derived here",
    tolerance="1e-7, a hundred times the distance of 1e-9 from the tie; random ties with spreads down to 1e-3 come "
    "within a fifth of the bound, and equal scores reach it",
    controls={
        "inverse_square": r"with the square of k: $\sqrt{2}\,b/k^2$",
        "no_second_entry": r"$b/k$: what one entry loses, without what the other gains",
    },
    cost="instant",
)
def maximiser_jump(conditions: Conditions) -> Outcome:
    """Maximisers on both sides of random ties, by enumeration."""
    trials, m, mass = conditions.choose(quick=(400, 10, 2.0), full=(5000, 11, 2.0))
    counts, rng = np.array([1, 2, 4, 8]), conditions.rng("ties")
    spread = 10.0 ** rng.uniform(-3.0, 0.0, (trials, 1))
    scores = -np.sort(-spread * rng.standard_normal((trials, m)), axis=1)
    jumps = np.stack([experiment.measure_jumps(scores, 1.0, int(k), mass) for k in counts])
    equal = np.array([experiment.measure_jumps(np.zeros(m), 1.0, int(k), mass) for k in counts])
    bound = math.sqrt(2.0) * mass / counts

    def below(limit: np.ndarray) -> Bound:
        rhs = np.broadcast_to(limit[:, None], jumps.shape)
        return Bound(lhs=jumps, rhs=rhs, margin=1e-7, label="jump of the maximiser")

    return Outcome(
        evidence=[
            below(bound),
            Bound(lhs=0.8 * bound, rhs=jumps.max(axis=1), margin=0.0, label="the largest jump comes near the bound"),
            Agreement(predicted=bound, measured=equal, margin=1e-7, label="jump among equal scores"),
        ],
        controls={"inverse_square": below(bound / counts), "no_second_entry": below(bound / math.sqrt(2.0))},
        arrays={"counts": counts, "jumps": jumps, "equal": equal, "mass": mass},
    )


@claim(
    statement=r"From $k = 2$ on, L-BFGS needs fewer evaluations of the semi-dual the more entries a column may have.",
    source="derived here from the jump; a trend, observed in liu2023 too",
    tolerance="20 % from one k to the next, in the geometric mean over the problems of a family: line searches make "
    "single counts erratic; counts end at the limit of calls",
    controls={
        "one_entry": "k = 1 at the head of the series: it ends in finitely many steps, on a face of a linear program",
        "reversed": "more evaluations the more entries",
    },
)
def iterations_against_sparsity(conditions: Conditions) -> Outcome:
    """Calls of a plain oracle to 1e-4 and 1e-5, for clouds and for independent costs."""
    n, trials, cap = conditions.choose(quick=(50, 4, 400), full=(200, 4, 1000))
    counts, tolerances = (1, 2, 4, 8, 16), (1e-4, 1e-5)
    calls = np.empty((2, trials, len(counts), len(tolerances)))
    for family, make in enumerate((gaussian_clouds, iid_costs)):
        for trial in range(trials):
            problem = make(conditions.rng("problem", family, trial), n)
            for place, k in enumerate(counts):
                optimum = float(theory.bidual_ot(*problem, n / 10, k).value)
                calls[family, trial, place] = experiment.count_oracle_calls(
                    *problem, n / 10, k, optimum=optimum, tolerances=tolerances, max_calls=cap
                )
    mean = np.log(calls).mean(axis=1)

    def falls(first: int, direction: str) -> Ordering:
        series = np.moveaxis(mean[:, first:], 1, -1)
        return Ordering(values=series, direction=direction, margin=math.log(1.2), label="log of the calls")

    return Outcome(
        evidence=falls(1, "decreasing"),
        controls={"one_entry": falls(0, "decreasing"), "reversed": falls(1, "increasing")},
        arrays={"counts": counts, "tolerances": tolerances, "calls": calls, "cap": cap},
    )


def _truncated_value(scores: np.ndarray, mass: np.ndarray, reg: float, k: int) -> np.ndarray:
    """Objective at the projection on the whole simplex, cut to its k largest entries and rescaled."""
    m = scores.shape[-1]
    column = theory.simplex_max_topk(scores, mass, reg, m, axis=-1).argmax
    rank = np.argsort(np.argsort(-column, axis=-1, kind="stable"), axis=-1)
    kept = np.where(rank < k, column, 0.0)
    kept *= (mass / kept.sum(axis=-1))[:, None]
    return np.asarray((scores * kept - 0.5 * reg * kept**2).sum(axis=-1))


def _magnitude_value(scores: np.ndarray, reg: float, k: int) -> np.ndarray:
    """The closed form with the scores of the k largest magnitudes."""
    chosen = np.argsort(-np.abs(scores), axis=-1, kind="stable")[:, :k]
    return np.asarray((np.maximum(np.take_along_axis(scores, chosen, axis=-1), 0.0) ** 2).sum(axis=-1) / (2.0 * reg))
