"""Sinkhorn's algorithm on a batch, until each problem has converged or is given up."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from theorylab import arrays
from theorylab.sparse_ot.theory._entropic_state import Instances, State, column_error, project_rows, sweep, take

__all__ = ["SWEEPS_PER_CHECK", "Record", "looked_at", "newton_pays", "run_sinkhorn", "store", "subset", "warm_up"]

#: Sweeps between two looks at the error, which cost about one sweep.
SWEEPS_PER_CHECK = 20
#: Sweeps at each level of epsilon scaling, and the range of costs over the regularisation that it starts from.
_SWEEPS_PER_LEVEL, _EASY_RANGE = 40, 160.0
#: Newton steps that a problem takes behind a warm-up: 2 to 10 were seen on costs of all kinds.
_NEWTON_STEPS = 6


@dataclasses.dataclass
class Record:
    """What is known of one problem while it is being solved.

    Parameters
    ----------
    psi : array, shape (n,)
        Column potentials.
    errors : list of float
        l1 marginal error at each look.
    n_sweeps, n_factorizations, n_cg : int
        Work done: Sinkhorn sweeps, factorisations, and iterations of conjugate gradients.
    method : str
        What brought it to its end.
    """

    psi: Any
    errors: list[float] = dataclasses.field(default_factory=list)
    n_sweeps: int = 0
    n_factorizations: int = 0
    n_cg: int = 0
    method: str = "sinkhorn"


def run_sinkhorn(
    instances: Instances, records: list[Record], tol: float, max_sweeps: int, leave: Callable[[Record], bool]
) -> list[int]:
    """Sweep every problem until it has converged, has had its sweeps, or is better left to Newton's method.

    Parameters
    ----------
    instances : Instances
        The problems.
    records : list of Record
        One for each; their potentials are the start and are brought up to date.
    tol : float
        l1 marginal error to reach.
    max_sweeps : int
        Sweeps that each problem may take.
    leave : callable
        Whether a problem with this record is to be given up.

    Returns
    -------
    list of int
        Problems that did not converge.
    """
    active, unfinished = list(range(len(records))), []
    inside, state = instances, project_rows(instances, instances.xp.stack([record.psi for record in records]))
    count = 0
    while active:
        state, errors = looked_at(inside, state, tol)
        for record, error in zip((records[i] for i in active), errors, strict=True):
            record.errors.append(error)
        ended = [error <= tol for error in errors]
        given_up = [
            not end and (records[i].n_sweeps >= max_sweeps or leave(records[i]))
            for i, end in zip(active, ended, strict=True)
        ]
        unfinished += [i for i, gone in zip(active, given_up, strict=True) if gone]
        stay = [k for k in range(len(active)) if not (ended[k] or given_up[k])]
        store(records, active, state)
        inside, state, active = subset(inside, state, active, stay)
        if active:
            count = min(SWEEPS_PER_CHECK, max_sweeps - records[active[0]].n_sweeps)
            state = sweep(inside, state, count)
        for i in active:
            records[i].n_sweeps += count
    return sorted(unfinished)


def warm_up(instances: Instances, records: list[Record], n_sweeps: int) -> None:
    """Sweeps under the costs divided by powers of 4, down to the costs themselves: epsilon scaling.

    Parameters
    ----------
    instances : Instances
        The problems.
    records : list of Record
        One for each; their potentials are brought up to date.
    n_sweeps : int
        Sweeps under the costs themselves; without any, nothing is done.
    """
    xp = instances.xp
    psi = xp.stack([record.psi for record in records])
    level = _first_level(xp, instances.costs) if n_sweeps else 1.0
    total = n_sweeps
    while level > 1.0:
        # a place to start from needs no more than single precision, which moves half the memory
        scaled = instances.single(level)
        start = xp.astype(psi / level, xp.float32)
        psi = level * xp.astype(_swept(scaled, start, _SWEEPS_PER_LEVEL).psi, xp.float64)
        level, total = level / 4.0, total + _SWEEPS_PER_LEVEL
    store(records, list(range(len(records))), _swept(instances, psi, n_sweeps))
    for record in records:
        record.n_sweeps += total


def _first_level(xp: Any, costs: Any) -> float:
    """Power of 4 that brings the costs to a range at which sweeps converge fast."""
    spread = float(xp.max(costs) - xp.min(costs)) / _EASY_RANGE
    return 4.0 ** max(0, math.ceil(math.log(spread, 4.0))) if spread > 1.0 else 1.0


def _swept(instances: Instances, psi: Any, count: int) -> State:
    state = project_rows(instances, psi)
    for done in range(0, count, SWEEPS_PER_CHECK):
        state = sweep(instances, state, min(SWEEPS_PER_CHECK, count - done))
    return state


def looked_at(instances: Instances, state: State, tol: float) -> tuple[State, list[float]]:
    """State and l1 errors; where one seems to have converged the plans are made anew and looked at again."""
    xp = instances.xp
    _, error = column_error(instances, state)
    if bool(xp.any((error <= tol) & (state.drift > 0.0))):
        state = project_rows(instances, state.psi)
        _, error = column_error(instances, state)
    return state, arrays.to_numpy(error).tolist()


def store(records: list[Record], active: list[int], state: State) -> None:
    """Bring the potentials of the active problems' records up to date."""
    for k, i in enumerate(active):
        records[i].psi = state.psi[k, :]


def subset(
    instances: Instances, state: State, active: list[int], stay: list[int]
) -> tuple[Instances, State, list[int]]:
    """The problems that stay, by their places among the active ones."""
    if len(stay) == len(active) or not stay:
        return instances, state, [active[k] for k in stay]
    kept = State(*(take(instances.xp, x, stay) for x in state))
    return instances.take(stay), kept, [active[k] for k in stay]


def newton_pays(record: Record, tol: float, m: int, n: int) -> bool:
    """Whether Newton's method is likely to reach the tolerance sooner than further sweeps would.

    The sweeps still needed follow from how fast the error fell between the last two looks, their cost and that of a
    Newton step from the dimensions.

    Parameters
    ----------
    record : Record
        The problem after some sweeps.
    tol : float
        l1 marginal error to reach.
    m, n : int
        Rows and columns.

    Returns
    -------
    bool
        The choice.
    """
    if len(record.errors) < 2:
        return False
    before, now = record.errors[-2:]
    rate = math.log(before / now) / SWEEPS_PER_CHECK if now < before else 0.0
    sweeps_left = math.log(now / tol) / rate if rate > 0.0 else math.inf
    return sweeps_left > _NEWTON_STEPS * _newton_step_in_sweeps(m, n)


def _newton_step_in_sweeps(m: int, n: int) -> float:
    """Cost of a Newton step over that of a sweep, in nanoseconds measured on one core; only the quotient matters."""
    small, large = sorted((m, n))
    step = 2e5 + 10.0 * m * n + 0.03 * (large * small**2 + small**3 / 3.0)
    return step / (1.5e4 + 0.6 * m * n)
