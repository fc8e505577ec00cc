"""Claims on routing tokens to experts: capacity, balance, and what a fixed number of ascent steps reaches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Ordering, Outcome, claim
from theorylab.sparse_ot import experiment, theory
from theorylab.sparse_ot.experiment import RoutingQuality
from theorylab.sparse_ot.theory import SparseTransport

__all__ = ["balanced_routing", "routing_capacity", "routing_dropped", "routing_dual_ascent"]

#: Capacity over the balanced load m/n.
_FACTORS = (1.0, 1.25, 2.0)
#: Names of the routers, in the order of the tables.
_ROUTERS = ("top-1 gate", "expert choice", "Sinkhorn", "Sinkhorn, rounded", "20 Adam steps", "k-sparse optimum")

Floats = np.ndarray


@claim(
    statement=r"At capacity factor 1, $k = m/n$, the dual value of $k$-sparse transport is attained by the capacitated "
    r"assignment: $D_k = P_k = \min_\sigma \frac1m\sum_i M_{i\sigma(i)} + \frac{\gamma}{2m}$, every token at one "
    r"expert and $k$ tokens at every expert; no router within the capacity keeps more similarity than it does.",
    source="derived here: a column has k-support norm at least b / sqrt(k), with equality for k equal entries",
    tolerance="1e-9 for the value, the solver's relative gap; 1e-3 of a token for the plan, the square root of a gap "
    "of 1e-9 with 256 tokens",
    controls={
        "one_more_slot": "k = m/n + 1, where fractions of tokens pay",
        "unregularised": "the assignment cost without gamma / 2m",
        "unlimited": "similarity of the top-1 gate before any token is turned away",
    },
)
def balanced_routing(conditions: Conditions) -> Outcome:
    """Dual value and plan beside an assignment to m/n copies of every expert."""
    assigned, values, roomier, plans, routed, kept, unlimited = [], [], [], [], [], [], []
    for similarity in _batches(conditions):
        m, n = similarity.shape
        reference = experiment.assign_with_capacity(-similarity, m // n)
        plan, log = _solve(similarity, m // n)
        values.append(float(log.value))
        roomier.append(float(_solve(similarity, m // n + 1)[1].value))
        assigned.append(reference.value)
        plans.append(plan)
        routed.append(m * reference.plan)
        kept.append([quality.similarity for quality in _qualities(_proposals(similarity, m // n), similarity, m // n)])
        unlimited.append([float(similarity.max(axis=1).mean())])
    # masses are 1/m and gamma = m, which is 1 for tokens of mass 1: gamma / 2m = 1/2
    cost, best = np.array(assigned), 0.5 - np.array(values)

    def compare(predicted: Floats, measured: Floats) -> Agreement:
        return Agreement(predicted=predicted, measured=measured, margin=1e-9, label="optimal value")

    def within(similarities: list[list[float]]) -> Bound:
        lhs = np.array(similarities)
        rhs = np.broadcast_to(best[:, None], lhs.shape)
        return Bound(lhs=lhs, rhs=rhs, margin=1e-9, label="similarity kept")

    return Outcome(
        evidence=[
            compare(np.array(values), cost + 0.5),
            Agreement(predicted=np.stack(plans), measured=np.stack(routed), margin=1e-3, label="plan, in tokens"),
            within(kept),
            Agreement(
                predicted=best, measured=[row[-1] for row in kept], margin=1e-9, label="similarity at the optimum"
            ),
        ],
        controls={
            "one_more_slot": compare(np.array(roomier), cost + 0.5),
            "unregularised": compare(np.array(values), cost),
            "unlimited": within(unlimited),
        },
        arrays={"values": values, "assigned": assigned, "kept": kept},
    )


@claim(
    statement=r"At capacity factor 1 the $k$-sparse optimum respects the capacity, drops no token, and has the masses "
    r"of all tokens and experts.",
    source="liu2023, sparse mixtures of experts; that the capacity factor 1 is the exactly solvable case is derived "
    "here",
    tolerance="loads and dropped tokens are counts, with half a token for rounding; 1e-4 of the mass for the marginals "
    "of a plan that is known to 1e-3 of a token at the worst entry",
    controls={
        "top_1": "the top-1 softmax gate, which turns tokens away",
        "expert_choice": "expert choice, which takes some tokens twice and others never",
        "sinkhorn": "Sinkhorn's plan, balanced but with a part of nearly every token at every expert",
        "twenty_steps": "20 Adam steps on the semi-dual, the released router",
    },
)
def routing_capacity(conditions: Conditions) -> Outcome:
    """What each router does to batches of clustered tokens and of digits; also with more capacity, for the table."""
    batches = list(_batches(conditions))
    m, n = batches[0].shape
    capacities = [math.ceil(factor * m / n) for factor in _FACTORS]
    # axes: capacity, batch, router
    found = [[_qualities(_proposals(x, capacity), x, capacity) for x in batches] for capacity in capacities]

    def defects(router: str) -> Bound:
        at = _ROUTERS.index(router)
        lhs = [_defects(qualities[at]) for qualities in found[0]]
        margin = np.array([0.5 * n / m, 0.5 / m, 1e-4, 1e-4])
        return Bound(lhs=lhs, rhs=np.zeros((len(batches), 4)), margin=margin, label="defects of the routing")

    return Outcome(
        evidence=defects("k-sparse optimum"),
        controls={
            "top_1": defects("top-1 gate"),
            "expert_choice": defects("expert choice"),
            "sinkhorn": defects("Sinkhorn"),
            "twenty_steps": defects("20 Adam steps"),
        },
        arrays={
            "capacity_factors": _FACTORS,
            "routers": _ROUTERS,
            "loads": [[[quality.loads for quality in row] for row in rows] for rows in found],
            **{
                name: [[[getattr(quality, name) for quality in row] for row in rows] for rows in found]
                for name in ("worst_load", "dropped", "similarity", "row_error", "column_error")
            },
        },
    )


@claim(
    statement=r"With capacity $k$ for each expert, the mean share of dropped tokens falls from the top-1 gate to "
    r"expert choice, on to 20 Adam steps on the semi-dual $S(\alpha)$, and to the $k$-sparse optimum, where none is.",
    source="liu2023, sparse mixtures of experts: the order of its routers, measured here",
    tolerance="an order of means over the same batches, with half a token of one batch for rounding, since steps may "
    "be zero: at twice the balanced load several routers drop nothing; the last value zero up to half a token",
    controls={"ignoring_capacity": "order by similarity before tokens are turned away, where the top-1 gate is best"},
)
def routing_dropped(conditions: Conditions) -> Outcome:
    """Dropped tokens of four routers at three capacities."""
    batches = list(_batches(conditions))
    m, n = batches[0].shape
    order = [_ROUTERS.index(name) for name in ("top-1 gate", "expert choice", "20 Adam steps", "k-sparse optimum")]
    dropped, missed = [], []
    for factor in _FACTORS:
        capacity = math.ceil(factor * m / n)
        proposed = [_proposals(similarity, capacity) for similarity in batches]
        kept, wished = (
            [_qualities(plans, x, allowed) for plans, x in zip(proposed, batches, strict=True)]
            for allowed in (capacity, m)
        )
        dropped.append(np.mean([[row[at].dropped for at in order] for row in kept], axis=0))
        missed.append(1.0 - np.mean([[row[at].similarity for at in order] for row in wished], axis=0))

    def falling(values: list[Floats]) -> Ordering:
        margin = 0.5 / (m * len(batches))
        return Ordering(values=np.array(values), direction="decreasing", margin=margin, label="share of dropped tokens")

    last = np.array([row[-1] for row in dropped])
    return Outcome(
        evidence=[
            falling(dropped),
            Agreement(predicted=np.zeros(last.size), measured=last, margin=0.5 / m, label="dropped at the optimum"),
        ],
        controls={"ignoring_capacity": falling(missed)},
        arrays={"dropped": dropped, "missed": missed},
    )


@claim(
    statement=r"No step of dual ascent on $S(\alpha)$ exceeds $D_k$; with steps that fall to zero it converges to "
    r"$D_k$ at every capacity, and 20 steps, as in the released router, do not.",
    source="liu2023, semi-dual; the optimal value by another method here",
    tolerance="value of a token, similarities being of order 1: bound 1e-8, the solver's gap; limit 1e-4, a hundredth "
    "of the first step, which falls to zero over a thousand",
    controls={
        "twenty_steps": "value after 20 steps of Adam",
        "one_more_slot": "D at k + 1, which S at k exceeds",
    },
)
def routing_dual_ascent(conditions: Conditions) -> Outcome:
    """Adam on the semi-dual, beside the certified value, at three capacities."""
    n_steps = conditions.choose(quick=1000, full=4000)
    values, errors, optima, roomier, early, hard = [], [], [], [], [], []
    for similarity in _batches(conditions, n_trials=1):
        m, n = similarity.shape
        for factor in _FACTORS:
            capacity = math.ceil(factor * m / n)
            ascent = experiment.route_by_dual_ascent(similarity, capacity, n_steps=n_steps, decay=True)
            released = experiment.route_by_dual_ascent(similarity, capacity)
            log = _solve(similarity, capacity)[1]
            values.append(ascent.values)
            errors.append(ascent.row_errors)
            early.append(float(released.values.max()))
            optima.append(float(log.value))
            hard.append(float(log.row_error))
            roomier.append(float(_solve(similarity, capacity + 1)[1].value))
    traces, limit = np.array(values), np.array(optima)

    def bounded(optimum: Floats) -> Bound:
        return Bound(lhs=traces.max(axis=1), rhs=optimum, margin=1e-8, label="best S found")

    def reached(measured: Floats) -> Agreement:
        return Agreement(predicted=limit, measured=measured, margin=1e-4, label="optimal value")

    return Outcome(
        evidence=[bounded(limit), reached(traces[:, -1])],
        controls={"twenty_steps": reached(np.array(early)), "one_more_slot": bounded(np.array(roomier))},
        arrays={
            "capacity_factors": _FACTORS,
            "values": traces,
            "row_errors": errors,
            "optima": optima,
            "optimum_row_errors": hard,
        },
    )


def _batches(conditions: Conditions, n_trials: int | None = None) -> Iterator[Floats]:
    """Similarities of clustered tokens and of digits, in turn."""
    m, n = conditions.choose(quick=(256, 16), full=(896, 32))
    for trial in range(n_trials or conditions.choose(quick=3, full=8)):
        yield experiment.clustered_similarity(conditions.rng("clustered", trial), m, n)
        yield experiment.digits_similarity(conditions.rng("digits", trial), m, n)


def _solve(similarity: Floats, capacity: int) -> tuple[Floats, SparseTransport]:
    """Top-k plan in tokens, and the certified optimum, for masses 1/m and 1/n and gamma = 1 for tokens of mass 1."""
    m, n = similarity.shape
    with warnings.catch_warnings():
        # with room to spare the optimum is at ties; what its top-k plan misses is measured here
        warnings.simplefilter("ignore", theory.ConvergenceWarning)
        plan, log = theory.sparse_ot(
            np.full(m, 1.0 / m), np.full(n, 1.0 / n), -similarity, float(m), capacity, log=True
        )
    return m * plan, log


def _proposals(similarity: Floats, capacity: int) -> list[Floats]:
    """Plans of the routers, in the order of `_ROUTERS`."""
    balanced = experiment.route_by_sinkhorn(similarity)
    return [
        experiment.route_to_best(similarity),
        experiment.route_by_expert_choice(similarity, capacity),
        balanced,
        experiment.route_to_best(balanced),
        experiment.route_by_dual_ascent(similarity, capacity).plan,
        _solve(similarity, capacity)[0],
    ]


def _qualities(plans: list[Floats], similarity: Floats, capacity: int) -> list[RoutingQuality]:
    return [experiment.assess_routing(plan, similarity, capacity) for plan in plans]


def _defects(quality: RoutingQuality) -> list[float]:
    return [quality.worst_load - 1.0, quality.dropped, quality.row_error, quality.column_error]
