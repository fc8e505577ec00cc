r"""Batches of entropic problems, plans with exact row sums, and Sinkhorn sweeps on them.

Everything is in units of the regularisation: costs :math:`C/\mathrm{reg}`, potentials :math:`\varphi, \psi`, and plans
:math:`P = \exp(\varphi_i + \psi_j - C_{ij}/\mathrm{reg})` of total mass 1.  A plan is made in the log domain from
:math:`\psi` alone, its rows by a softmax, so that no cost is too large; sweeps then scale rows and columns, and the
plan is made anew from its potentials (absorption) before the scalings have moved by more than :data:`MAX_DRIFT`.
Entries smaller than :math:`e^{-600}` of the largest in their row are set to that: they matter to nothing, and with
subnormal numbers the exponentials would take three times as long.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays

__all__ = ["MAX_DRIFT", "Instances", "State", "column_error", "merge", "objective", "project_rows", "sweep", "take"]

#: Largest change of a potential, in units of the regularisation, between two plans that are made in the log domain.
MAX_DRIFT = 100.0
#: Smallest exponent of an entry, beside 0 for the largest of its row.
_LEAST_EXPONENT = -600.0
#: Entries of a plan that are made at once where it is made in blocks: 256 KB.
_BLOCK = 2**15


@dataclasses.dataclass(frozen=True)
class Instances:
    """Problems of one shape, of total mass 1 each.

    Parameters
    ----------
    xp : module
        Namespace of the arrays.
    a : array, shape (B, m)
        Row masses.
    b : array, shape (B, n)
        Column masses.
    costs : array, shape (B, m, n)
        Costs over the regularisation.
    log_a, log_b : array
        Logarithms, minus infinity for a mass of zero.
    empty_a, empty_b : array
        1 where the mass is zero, else 0: added above and below a fraction bar it turns 0/0 into 1.
    has_empty_columns : bool
        Whether any problem has a column without mass.
    """

    xp: Any
    a: Any
    b: Any
    costs: Any
    log_a: Any
    log_b: Any
    empty_a: Any
    empty_b: Any
    has_empty_columns: bool

    @classmethod
    def of(cls, xp: Any, a: Any, b: Any, costs: Any) -> Instances:
        """Complete the masses by what is derived from them."""
        empty_a, empty_b = (xp.astype(masses == 0.0, masses.dtype) for masses in (a, b))
        log_a, log_b = (
            xp.where(masses > 0.0, xp.log(masses + empty), -xp.inf * xp.ones_like(masses))
            for masses, empty in ((a, empty_a), (b, empty_b))
        )
        return cls(xp, a, b, costs, log_a, log_b, empty_a, empty_b, bool(xp.any(b == 0.0)))

    def single(self, level: float) -> Instances:
        """The same problems with their costs divided by the level, in single precision."""
        arrays_of = {name: value for name, value in vars(self).items() if name not in ("xp", "has_empty_columns")}
        arrays_of["costs"] = self.costs / level
        single = {name: self.xp.astype(value, self.xp.float32) for name, value in arrays_of.items()}
        return dataclasses.replace(self, **single)

    def take(self, chosen: list[int]) -> Instances:
        """Some of the problems, in the order of their numbers."""
        if len(chosen) == self.a.shape[0]:
            return self
        return Instances.of(self.xp, *(take(self.xp, x, chosen) for x in (self.a, self.b, self.costs)))


class State(NamedTuple):
    """Potentials and their plan.

    Parameters
    ----------
    phi : array, shape (B, m)
        Row potentials, in units of the regularisation.
    psi : array, shape (B, n)
        Column potentials.
    plan : array, shape (B, m, n)
        Its rows sum to `a` to rounding.
    drift : array, shape (B,)
        How far potentials have moved since the plan was made in the log domain.
    """

    phi: Any
    psi: Any
    plan: Any
    drift: Any


def take(xp: Any, array: Any, chosen: list[int]) -> Any:
    """Entries of the first axis; an index array has to be on the device of the array."""
    return xp.take(array, xp.asarray(chosen, dtype=xp.int64, device=arrays.device(array)), axis=0)


def project_rows(instances: Instances, psi: Any) -> State:
    """Row potentials and plan that meet the row masses exactly, from column potentials, in the log domain.

    Parameters
    ----------
    instances : Instances
        The problems.
    psi : array, shape (B, n)
        Column potentials; minus infinity closes a column.

    Returns
    -------
    State
        With the given column potentials.
    """
    xp = instances.xp
    if isinstance(psi, np.ndarray):
        return _project_rows_in_blocks(instances, psi)
    plan = psi[:, None, :] - instances.costs
    top = xp.max(plan, axis=-1, keepdims=True)
    plan = _exp(xp, plan - top)
    if instances.has_empty_columns:
        plan = plan * (1.0 - instances.empty_b)[:, None, :]
    total = xp.sum(plan, axis=-1, keepdims=True)
    plan = plan * (instances.a[..., None] / total)
    phi = instances.log_a - (top + xp.log(total))[..., 0]
    return State(phi, psi, plan, xp.zeros_like(phi[:, 0]))


def _project_rows_in_blocks(instances: Instances, psi: NDArray[np.floating]) -> State:
    """The same on NumPy arrays, in place and a few rows at a time, so that each block stays in the cache."""
    plan, phi = np.empty_like(instances.costs), np.empty_like(instances.log_a)
    for rows in _row_blocks(instances.costs):
        block = plan[:, rows]
        np.subtract(psi[:, None, :], instances.costs[:, rows], out=block)
        top = np.max(block, axis=-1, keepdims=True)
        block -= top
        np.maximum(block, _LEAST_EXPONENT, out=block)
        np.exp(block, out=block)
        if instances.has_empty_columns:
            block *= (1.0 - instances.empty_b)[:, None, :]
        total = np.sum(block, axis=-1, keepdims=True)
        block *= instances.a[:, rows, None] / total
        phi[:, rows] = instances.log_a[:, rows] - (top + np.log(total))[..., 0]
    return State(phi, psi, plan, np.zeros_like(phi[:, 0]))


def _row_blocks(matrices: NDArray[np.floating]) -> list[slice]:
    """Slices of the rows of (B, m, n) matrices, each small enough for the cache."""
    batch, n_rows, n_columns = matrices.shape
    step = max(1, _BLOCK // (batch * n_columns))
    return [slice(start, start + step) for start in range(0, n_rows, step)]


def _exp(xp: Any, exponents: Any) -> Any:
    least = xp.asarray(_LEAST_EXPONENT, dtype=exponents.dtype, device=arrays.device(exponents))
    return xp.exp(xp.maximum(exponents, least))


def log_sweep(instances: Instances, state: State) -> State:
    """One Sinkhorn sweep, columns then rows, in the log domain: for plans with a column that is all but closed."""
    xp = instances.xp
    if isinstance(state.phi, np.ndarray):
        return project_rows(instances, instances.log_b - _log_column_sums_in_blocks(instances, state.phi))
    exponents = state.phi[..., None] - instances.costs
    top = xp.max(exponents, axis=-2, keepdims=True)
    total = xp.sum(_exp(xp, exponents - top), axis=-2, keepdims=True)
    return project_rows(instances, instances.log_b - (top + xp.log(total))[:, 0, :])


def _log_column_sums_in_blocks(instances: Instances, phi: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logarithms of the sums over rows of exp(phi - costs), (B, n), a few rows at a time."""
    blocks = _row_blocks(instances.costs)
    top = np.max([np.max(phi[:, rows, None] - instances.costs[:, rows], axis=1) for rows in blocks], axis=0)
    total = np.zeros_like(top)
    for rows in blocks:
        exponents = phi[:, rows, None] - instances.costs[:, rows]
        exponents -= top[:, None, :]
        np.maximum(exponents, _LEAST_EXPONENT, out=exponents)
        total += np.sum(np.exp(exponents, out=exponents), axis=1)
    return top + np.log(total)


def sweep(instances: Instances, state: State, count: int) -> State:
    """Sinkhorn sweeps by scaling, columns then rows; plans that have drifted too far are made anew.

    Parameters
    ----------
    instances : Instances
        The problems.
    state : State
        Where to start.
    count : int
        Number of sweeps, at most a few dozen: drift is looked at once, at the end.

    Returns
    -------
    State
        A plan whose rows are exact.
    """
    if count == 0:
        return state
    xp = instances.xp
    sums = xp.sum(state.plan, axis=-2)
    closed = xp.any(sums < math.exp(-MAX_DRIFT) * instances.b, axis=-1)
    if bool(xp.any(closed)):  # one sweep in the log domain bounds every sum from below
        state = merge(xp, closed, log_sweep(instances, state), state)
        sums = xp.sum(state.plan, axis=-2)
    moved, good = _scale(instances, state, sums, count)
    if not bool(xp.all(good)):
        moved = merge(xp, good, moved, log_sweep(instances, state))
    if bool(xp.any(moved.drift > MAX_DRIFT)):
        return project_rows(instances, moved.psi)
    return moved


@np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")
def _scale(instances: Instances, state: State, sums: Any, count: int) -> tuple[State, Any]:
    """Sweeps without a guard, the first from the column sums, and which problems came through them."""
    xp = instances.xp
    a, b = instances.a + instances.empty_a, instances.b + instances.empty_b
    rows, columns = (a[..., None], instances.empty_a[..., None]), (b[:, None, :], instances.empty_b[:, None, :])
    v = columns[0] / (sums[:, None, :] + columns[1])
    u = rows[0] / (xp.matmul(state.plan, xp.matrix_transpose(v)) + rows[1])
    for _ in range(count - 1):
        v = columns[0] / (xp.matmul(xp.matrix_transpose(u), state.plan) + columns[1])
        u = rows[0] / (xp.matmul(state.plan, xp.matrix_transpose(v)) + rows[1])
    log_u, log_v = xp.log(u[..., 0]), xp.log(v[:, 0, :])
    drift = xp.max(xp.abs(log_u), axis=-1) + xp.max(xp.abs(log_v), axis=-1)
    good = xp.isfinite(drift) & (drift <= 4.0 * MAX_DRIFT)
    plan = _scaled_in_blocks(state.plan, u, v) if isinstance(u, np.ndarray) else state.plan * u * v
    return State(state.phi + log_u, state.psi + log_v, plan, state.drift + drift), good


def _scaled_in_blocks(plan: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Plan with its rows and columns scaled, a few rows at a time."""
    result = np.empty_like(plan)
    for rows in _row_blocks(plan):
        np.multiply(plan[:, rows], u[:, rows], out=result[:, rows])
        result[:, rows] *= v
    return result


def merge(xp: Any, first: Any, one: State, other: State) -> State:
    """State by state, the one where `first` holds, else the other.

    Parameters
    ----------
    xp : module
        Namespace.
    first : array of bool, shape (B,)
        Which to take.
    one, other : State
        The two; entries of the other one may be NaN where it is not taken.

    Returns
    -------
    State
        Of the same shape.
    """
    if bool(xp.all(first)):
        return one
    return State(
        *(xp.where(xp.reshape(first, (-1,) + (1,) * (x.ndim - 1)), x, y) for x, y in zip(one, other, strict=True))
    )


def column_error(instances: Instances, state: State) -> tuple[Any, Any]:
    """Column sums of the plan and the l1 error of both marginals.

    Parameters
    ----------
    instances : Instances
        The problems.
    state : State
        Plans.

    Returns
    -------
    sums : array, shape (B, n)
        Column sums.
    error : array, shape (B,)
        Sum of the absolute errors of columns and rows (those of the rows are rounding).
    """
    xp = instances.xp
    sums, rows = xp.sum(state.plan, axis=-2), xp.sum(state.plan, axis=-1)
    error = xp.sum(xp.abs(sums - instances.b), axis=-1) + xp.sum(xp.abs(rows - instances.a), axis=-1)
    return sums, error


def objective(instances: Instances, state: State) -> Any:
    r"""Semi-dual objective :math:`\langle a, \varphi\rangle + \langle b, \psi\rangle`, in units of the regularisation.

    Parameters
    ----------
    instances : Instances
        The problems.
    state : State
        Its rows must be exact: the mass of the plan, a constant then, is left out.

    Returns
    -------
    array, shape (B,)
        Rises with every sweep.
    """
    xp = instances.xp
    return _weighted(xp, instances.a, state.phi) + _weighted(xp, instances.b, state.psi)


def _weighted(xp: Any, masses: Any, potential: Any) -> Any:
    # a mass of zero has a potential of minus infinity
    return xp.sum(masses * xp.where(masses > 0.0, potential, xp.zeros_like(masses)), axis=-1)
