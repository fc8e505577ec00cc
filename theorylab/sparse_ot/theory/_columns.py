r"""The semi-dual on the host, in units in which it has no parameters, with a top-k that looks at few entries.

Masses are counted in the mean of b, costs in gamma times that mean: then

.. math:: S(\alpha) = \langle\alpha, a\rangle - \sum_j \max\{\langle \alpha - c_j, t\rangle - \|t\|^2/2\},

over columns t >= 0 of sum b_j with at most k entries, and a score, a mass and a potential are all of order one.
Scores are kept by columns, so that every operation runs along contiguous memory.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "SemiDual", "simplex_threshold"]

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
        value, plan, rows, _ = self.evaluate(alpha)
        a = self._problem.a
        return value, a - np.bincount(rows.ravel(), plan.ravel(), minlength=a.size)

    def evaluate(self, alpha: Array) -> tuple[float, Array, NDArray[np.intp], Array]:
        """Value, entries of the top-k plan (n, k), their rows, and the thresholds tau (n,)."""
        self.n_evaluations += 1
        if self._reference.size == 0:
            self._refresh(alpha)
        kept, scores, tau, unsure = self._top(alpha)
        while np.count_nonzero(unsure) > _REFRESH * unsure.size:
            self._refresh(alpha)
            kept, scores, tau, unsure = self._top(alpha)
            if np.count_nonzero(unsure) > _REFRESH * unsure.size:
                self._width = min(2 * self._width, alpha.size)
        if np.any(unsure):
            kept, scores, tau = self._with_whole_columns(alpha, np.flatnonzero(unsure), kept, scores, tau)
        plan = np.maximum(scores - tau[:, None], 0.0)
        value = float(alpha @ self._problem.a - np.sum(plan * (scores - 0.5 * plan)))
        return value, plan, kept, tau

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

    def _top(self, alpha: Array) -> tuple[NDArray[np.intp], Array, Array, NDArray[np.bool_]]:
        """Top-k of the candidates, and the columns where it may not be the top-k of the column."""
        k = self._problem.max_nz
        kept, scores, tau = _top_k(alpha[self._candidates] - self._costs, self._problem.b, k)
        # an entry left out matters only where it would be kept and get mass
        lowest = scores.min(axis=1) if k <= self._width else np.full_like(tau, -np.inf)
        unsure = np.maximum(lowest, tau) < self._left_out + np.max(alpha - self._reference)
        return np.take_along_axis(self._candidates, kept, axis=1), scores, tau, unsure

    def _with_whole_columns(self, alpha: Array, columns: Any, kept: Any, scores: Any, tau: Any) -> tuple[Any, Any, Any]:
        """The top-k of some columns taken from all their entries."""
        rows, values, thresholds = _top_k(
            alpha - self._problem.costs[columns], self._problem.b[columns], self._problem.max_nz
        )
        if values.shape[1] > scores.shape[1]:  # fewer candidates than max_nz
            padding = ((0, 0), (0, values.shape[1] - scores.shape[1]))
            kept, scores = np.pad(kept, padding), np.pad(scores, padding, constant_values=-np.inf)
            scores = np.where(np.isneginf(scores), tau[:, None], scores)
        kept[columns], scores[columns], tau[columns] = rows, values, thresholds
        return kept, scores, tau


def simplex_threshold(scores: Array, b: Array) -> Array:
    """Threshold tau of each column with sum(max(scores - tau, 0)) = b, along the last axis; b > 0."""
    ordered = -np.sort(-scores, axis=-1)
    excess = np.cumsum(ordered, axis=-1) - b[:, None]
    count = np.count_nonzero(ordered * np.arange(1, scores.shape[-1] + 1) > excess, axis=-1)
    # b far below the scores' rounding leaves no count at all: then only the largest score has mass
    count = np.maximum(count, 1)
    return np.take_along_axis(excess, count[:, None] - 1, axis=-1)[:, 0] / count


def _top_k(scores: Array, b: Array, k: int) -> tuple[NDArray[np.intp], Array, Array]:
    """Indices and values of the k largest scores of each column, in no order, and the threshold."""
    width = scores.shape[1]
    if k < width:
        kept = np.argpartition(scores, width - k, axis=1)[:, width - k :]
        scores = np.take_along_axis(scores, kept, axis=1)
    else:
        kept = np.broadcast_to(np.arange(width), scores.shape).copy()
    return kept, scores, simplex_threshold(scores, b)
