r"""The semi-dual on the host, in units in which it has no parameters, with a top-k that looks at few entries.

Masses are counted in the mean of b, costs in gamma times that mean: then

.. math:: S(\alpha) = \langle\alpha, a\rangle - \sum_j \max\{\langle \alpha - c_j, t\rangle - \|t\|^2/2\},

over columns t >= 0 of sum b_j with at most k entries, and a score, a mass and a potential are all of order one.
Scores are kept by columns, so that every operation runs along contiguous memory.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "SemiDual", "TopK", "simplex_plan"]

Array = NDArray[np.float64]

#: Candidates kept of each column at first; doubled where they do not suffice.
_WIDTH = 24
#: Share of the columns above which all of them get new candidates, not just those that need them.
_REFRESH = 1 / 8


@dataclasses.dataclass(frozen=True)
class Columns:
    """A problem of positive masses in units of its own.

    Parameters
    ----------
    a : numpy.ndarray, shape (m,)
        Masses of the rows.
    b : numpy.ndarray, shape (n,)
        Masses of the columns, of mean 1.
    costs : numpy.ndarray, shape (n, m)
        Costs by columns.
    max_nz : int
        Entries allowed in a column, at most m.
    mass_unit, cost_unit : float
        What one unit of mass and one of cost, of score and of potential are worth to the caller.
    """

    a: Array
    b: Array
    costs: Array
    max_nz: int
    mass_unit: float
    cost_unit: float

    @classmethod
    def of(cls, a: Array, b: Array, M: Array, reg: float, max_nz: int) -> Columns:
        """Take over a problem whose masses are all positive."""
        mass_unit = float(b.mean())
        cost_unit = reg * mass_unit
        costs = np.ascontiguousarray(M.T) / cost_unit
        return cls(a / mass_unit, b / mass_unit, costs, min(max_nz, a.size), mass_unit, cost_unit)

    @property
    def value_unit(self) -> float:
        """What one unit of the objective is worth to the caller."""
        return self.cost_unit * self.mass_unit

    @property
    def spread(self) -> float:
        """Bound of max(alpha) - min(alpha) at an optimum.

        Some column gives row i its mass, so that alpha_i >= c_ij + tau_j there, while no row may exceed
        c_ij + tau_j + b_j in any column, since an only entry is at most b_j.
        """
        return float(self.costs.max() - self.costs.min() + self.b.max())


class TopK(NamedTuple):
    """The top-k plan at a potential.

    Parameters
    ----------
    rows : numpy.ndarray of int, shape (n, k)
        Rows of the entries.
    plan : numpy.ndarray, shape (n, k)
        Their masses.
    tau : numpy.ndarray, shape (n,)
        Threshold of each column, above which a score has mass.
    """

    rows: NDArray[np.intp]
    plan: Array
    tau: Array


class SemiDual:
    """The semi-dual's value and gradient; exact although only a few candidates of each column are looked at.

    A column keeps its largest scores at a reference potential, and the largest score left out.  At another potential no
    entry left out can score more than that plus the largest rise of a potential, so that the top-k of the candidates is
    known to be the top-k of the column, or the column is looked at anew.

    Parameters
    ----------
    problem : Columns
        The problem.

    Attributes
    ----------
    n_evaluations : int
        Calls so far.
    """

    def __init__(self, problem: Columns) -> None:
        self._problem = problem
        self._width = min(problem.a.size, max(_WIDTH, 3 * min(problem.max_nz, _WIDTH)))
        self.n_evaluations = 0
        self._reference = np.zeros(0)
        self._candidates = np.zeros((0, 0), dtype=np.intp)
        self._costs = np.zeros((0, 0))
        self._left_out = np.zeros(0)

    def __call__(self, alpha: Array) -> tuple[float, Array]:
        """Value and gradient at a potential."""
        top, a = self.evaluate(alpha), self._problem.a
        return self.value(alpha, top), a - np.bincount(top.rows.ravel(), top.plan.ravel(), minlength=a.size)

    def value(self, alpha: Array, top: TopK) -> float:
        """The semi-dual, from the top-k plan at the potential."""
        problem = self._problem
        return float(alpha @ problem.a - top.tau @ problem.b - 0.5 * np.sum(top.plan**2))

    def evaluate(self, alpha: Array) -> TopK:
        """Value, plan and thresholds at a potential."""
        self.n_evaluations += 1
        if self._reference.size == 0:
            self._refresh(alpha)
        top, unsure = self._of_candidates(alpha)
        while np.count_nonzero(unsure) > _REFRESH * unsure.size:
            self._refresh(alpha)
            top, unsure = self._of_candidates(alpha)
            if np.count_nonzero(unsure) > _REFRESH * unsure.size:
                self._width = min(2 * self._width, alpha.size)
        if np.any(unsure):
            top = self._with_whole_columns(alpha, np.flatnonzero(unsure), top)
        return top

    def _refresh(self, alpha: Array) -> None:
        scores = alpha - self._problem.costs
        n, m = scores.shape
        if self._width < m:
            order = np.argpartition(scores, m - self._width - 1, axis=1)
            self._candidates = np.ascontiguousarray(order[:, m - self._width :])
            self._left_out = scores[np.arange(n), order[:, m - self._width - 1]]
        else:
            self._candidates, self._left_out = np.tile(np.arange(m), (n, 1)), np.full(n, -np.inf)
        self._costs = np.take_along_axis(self._problem.costs, self._candidates, axis=1)
        self._reference = alpha.copy()

    def _of_candidates(self, alpha: Array) -> tuple[TopK, NDArray[np.bool_]]:
        """Top-k of the candidates, and the columns where it may not be the top-k of the column."""
        problem = self._problem
        kept, plan, tau, lowest = _top_k(alpha[self._candidates] - self._costs, problem.b, problem.max_nz)
        # an entry left out matters only where it would be kept and get mass
        keeps_all = problem.max_nz > self._width
        needed = tau if keeps_all else np.maximum(lowest, tau)
        unsure = needed < self._left_out + np.max(alpha - self._reference)
        return TopK(np.take_along_axis(self._candidates, kept, axis=1), plan, tau), unsure

    def _with_whole_columns(self, alpha: Array, columns: NDArray[np.intp], top: TopK) -> TopK:
        """The top-k of some columns taken from all their entries."""
        problem = self._problem
        kept, masses, thresholds, _ = _top_k(alpha - problem.costs[columns], problem.b[columns], problem.max_nz)
        # fewer candidates than max_nz: room for the rest, which stays empty in the other columns
        missing = ((0, 0), (0, masses.shape[1] - top.plan.shape[1]))
        rows, plan, tau = np.pad(top.rows, missing), np.pad(top.plan, missing), top.tau.copy()
        rows[columns], plan[columns], tau[columns] = kept, masses, thresholds
        return TopK(rows, plan, tau)


def simplex_plan(scores: Array, b: Array) -> tuple[Array, Array]:
    """Masses max(scores - tau, 0) with sum b > 0 along the last axis, and the thresholds tau.

    Scores are counted from the largest of their column, so that a mass is not lost beside large potentials.
    """
    largest = scores.max(axis=-1)
    depths = scores - largest[:, None]
    ordered = -np.sort(-depths, axis=-1)
    excess = np.cumsum(ordered, axis=-1) - b[:, None]
    count = np.count_nonzero(ordered * np.arange(1, scores.shape[-1] + 1) > excess, axis=-1)
    tau = np.take_along_axis(excess, count[:, None] - 1, axis=-1)[:, 0] / count
    return np.maximum(depths - tau[:, None], 0.0), largest + tau


def _top_k(scores: Array, b: Array, k: int) -> tuple[NDArray[np.intp], Array, Array, Array]:
    """Indices of the k largest scores of each column, in no order, their masses, the threshold, the smallest kept."""
    width = scores.shape[1]
    if k < width:
        kept = np.argpartition(scores, width - k, axis=1)[:, width - k :]
        scores = np.take_along_axis(scores, kept, axis=1)
    else:
        kept = np.broadcast_to(np.arange(width), scores.shape)
    return kept, *simplex_plan(scores, b), scores.min(axis=1)
