r"""Second stage of the solver: an interior-point method for the convexified problem on a few entries of each column.

The semi-dual's maximum is that of a concave piecewise quadratic function with kinks, and the optimum lies at a kink in
half of all columns.  Written with slacks it is smooth.  In the units of :mod:`._columns`, with the score
:math:`x_{ij} = \alpha_i - c_{ij} - \tau_j` and one :math:`\theta_j \ge 0` for the k entries of each column,

.. math::
    \max\; \langle\alpha,a\rangle - \langle\tau,b\rangle - k\sum_j\theta_j - \sum_{ij} r_{ij}
    \quad\text{s.t.}\quad u \ge x,\; u \ge 0,\; r \ge u^2/2 - \theta,\; r \ge 0,

since the sum of the k largest :math:`u^2/2` is the minimum over theta of
:math:`k\theta + \sum [u^2/2 - \theta]_+` (derived here).  The multipliers of the four constraints are the plan t,
its complement z, the share lambda of the squared k-support norm and 1 - lambda.  An entry with :math:`0<\lambda<1` is
tied, a column's constraint is active where :math:`\theta_j > 0`.

Newton's equations are eliminated entry by entry, then column by column (two unknowns each), which leaves one
symmetric positive definite system in alpha.  The potentials stay in a box that holds every optimum; its multipliers
take up the row masses that the entries at hand cannot carry, so that any set of entries will do to start with.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab.sparse_ot.theory._columns import Columns
from theorylab.sparse_ot.theory._laplacian import RowLaplacian

__all__ = ["Interior", "interior_point"]

Array = NDArray[np.float64]

#: Complementarity products of the first point, as a share of the cost per unit of mass times the row error: small
#: enough to keep what the first stage found, and large enough to be near the central path.  A factor of ten
#: costs a few steps, from almost unregularised problems to almost uncosted ones.
_FIRST_PRODUCT, _LEAST_PRODUCT = 0.01, 1e-6
#: Products below this are rounding.
_LAST_PRODUCT = 1e-17
#: l1 error of the marginals, as a share of the mass, below which it can be repaired without a change of the value.
_NEARLY_FEASIBLE = 1e-9
_MAX_ITERATIONS = 100


@dataclasses.dataclass(frozen=True)
class Interior:
    """Last point of the interior-point method.

    Parameters
    ----------
    alpha : numpy.ndarray, shape (m,)
        Potential of the rows.
    tau : numpy.ndarray, shape (n,)
        Thresholds of the columns.
    plan : numpy.ndarray, shape (n, K)
        Mass on each candidate, > 0.
    slack : numpy.ndarray, shape (n, K)
        By how much an entry misses its place in the plan; larger than the mass on entries that end as zero.
    n_iterations : int
        Newton systems factorised.
    """

    alpha: Array
    tau: Array
    plan: Array
    slack: Array
    n_iterations: int


@dataclasses.dataclass(frozen=True)
class _Point:
    """Variables, or a step of them.

    `pairs`, of shape (2, 4, n, K), holds the multipliers (lambda, 1 - lambda, t, z) and the slacks (s, r, u - x, u),
    which are complementary; so are `pi` and `theta` (n,), and `box` (2, m) and the distances of alpha to its bounds.
    """

    alpha: Array
    tau: Array
    theta: Array
    pi: Array
    pairs: Array
    box: Array

    @property
    def multipliers(self) -> Array:
        """Those of the entries."""
        return self.pairs[0]

    @property
    def slacks(self) -> Array:
        """Those of the entries."""
        return self.pairs[1]

    def moved(self, step: float, by: _Point) -> _Point:
        """The point after a step."""
        mine, theirs = vars(self), vars(by)
        return _Point(**{name: mine[name] + step * theirs[name] for name in mine})


@dataclasses.dataclass(frozen=True)
class _Products:
    """Complementarity products, or what they shall change by."""

    entries: Array
    columns: Array
    box: Array

    def total(self) -> float:
        return float(self.entries.sum() + self.columns.sum() + self.box.sum())

    def size(self) -> int:
        return self.entries.size + self.columns.size + self.box.size


def interior_point(
    problem: Columns, candidates: NDArray[np.intp], alpha: Array, tau: Array, distance: float, tolerance: float
) -> Interior:
    """Solve the convexified problem on the candidates (n, K), from potentials near the optimum.

    `distance` measures how far the potentials are from it, in units of cost.  The method ends when the duality gap, the
    sum of all complementarity products, is at most `tolerance` in the units of the problem, or when rounding stops the
    progress: the caller computes the gap of what comes back.
    """
    solver = _Solver(problem, candidates, alpha)
    product = max(_FIRST_PRODUCT * distance, _LEAST_PRODUCT)
    point = solver.start(alpha, tau, product)
    n_iterations = 0
    while n_iterations < _MAX_ITERATIONS:
        products = solver.products(point)
        average = products.total() / products.size()
        if average < _LAST_PRODUCT or (products.total() <= tolerance and solver.nearly_feasible(point)):
            break
        n_iterations += 1
        new = solver.step(point, products, average)
        if new is None:
            break
        point = new
    return Interior(point.alpha, point.tau, point.multipliers[2], point.slacks[2], n_iterations)


class _Solver:
    """Mehrotra's predictor-corrector method on one set of candidates."""

    def __init__(self, problem: Columns, candidates: NDArray[np.intp], alpha: Array) -> None:
        self.problem = problem
        self.rows = candidates
        self.costs = np.take_along_axis(problem.costs, candidates, axis=1)
        self.n_rows = problem.a.size
        self.laplacian = RowLaplacian(candidates, self.n_rows)
        # twice the spread of an optimum around the middle, wherever the potentials' free shift has put them
        middle, reach = 0.5 * (alpha.max() + alpha.min()), 2.0 * max(problem.spread, float(np.ptp(alpha)))
        self.bounds, self.least = (middle - reach, middle + reach), float(np.finfo(float).eps) * reach

    def start(self, alpha: Array, tau: Array, product: float) -> _Point:
        """Point near the central path, from closed forms of u for given x and of r for given u."""
        x = alpha[self.rows] - self.costs - tau[:, None]
        k, width = self.problem.max_nz, x.shape[1]
        ordered = -np.sort(-np.maximum(x, 0.0), axis=1)
        boundary = 0.5 * (ordered[:, k - 1] + ordered[:, k]) if k < width else np.zeros_like(tau)
        theta = np.maximum(0.5 * boundary**2, product)
        # on the path u (u - x) is the product for entries of the plan, and u^2 is about theta for the others
        root = 0.5 * (np.sqrt(x * x + 4.0 * product) + np.abs(x))
        floor = np.sqrt(theta)[:, None]
        used = (x > 0.0) & (root > floor)
        u, gap = np.where(used, root, floor), np.where(used, product / root, np.maximum(floor - x, product / root))
        height = 0.5 * u * u - theta[:, None]
        root = np.sqrt(height * height + 4.0 * product**2)
        r, s = product + 0.5 * (root + height), product + 0.5 * (root - height)
        slacks = np.stack([s, r, gap, u])
        pairs = np.stack([product / slacks, slacks])
        return _Point(alpha, tau, theta, product / theta, pairs, product / self.distances(alpha))

    def distances(self, alpha: Array) -> Array:
        """Of the potentials to the upper and the lower end of the box, beyond rounding."""
        return np.maximum(np.stack([self.bounds[1] - alpha, alpha - self.bounds[0]]), self.least)

    def products(self, point: _Point) -> _Products:
        return _Products(
            point.multipliers * point.slacks, point.pi * point.theta, point.box * self.distances(point.alpha)
        )

    def by_rows(self, entries: Array) -> NDArray[Any]:
        return np.bincount(self.rows.ravel(), entries.ravel(), minlength=self.n_rows)

    def missing(self, point: _Point) -> tuple[Array, Array]:
        """What the plan and the box leave of the masses of the rows and of the columns."""
        plan = point.multipliers[2]
        return (
            self.problem.a - self.by_rows(plan) - point.box[0] + point.box[1],
            self.problem.b - plan.sum(axis=1),
        )

    def nearly_feasible(self, point: _Point) -> bool:
        """Whether next to nothing is left of them."""
        left = sum(float(np.abs(masses).sum()) for masses in self.missing(point))
        return left <= _NEARLY_FEASIBLE * float(self.problem.a.sum())

    @np.errstate(all="ignore")
    def step(self, point: _Point, products: _Products, average: float) -> _Point | None:
        """One predictor-corrector step; None where rounding has made the system singular or a variable zero."""
        try:
            system = _System(self, point)
        except np.linalg.LinAlgError:
            return None
        total = products.total()
        affine = system.solve(_Products(-products.entries, -products.columns, -products.box), second_order=None)
        reach = min(1.0, self.longest(point, affine))
        change = _Products(
            affine.multipliers * affine.slacks, affine.pi * affine.theta, affine.box * _outwards(affine.alpha)
        )
        # the affine step takes the products to zero but for their second order
        predicted = (1.0 - reach) * total + reach**2 * change.total()
        target = average * max((max(predicted, 0.0) / total) ** 3, 1e-6)
        wanted = _Products(
            target - products.entries - change.entries,
            target - products.columns - change.columns,
            target - products.box - change.box,
        )
        direction = system.solve(wanted, second_order=affine)
        reach = self.longest(point, direction) * max(0.9, 1.0 - average**0.5)
        moved = point.moved(min(1.0, reach), direction)
        return moved if np.isfinite(moved.alpha).all() and np.isfinite(moved.pairs).all() else None

    def longest(self, point: _Point, direction: _Point) -> float:
        """Step at which the first variable reaches zero."""
        fastest = min(
            np.min(direction.pairs / point.pairs),
            np.min(direction.theta / point.theta),
            np.min(direction.pi / point.pi),
            np.min(direction.box / point.box),
            np.min(_outwards(direction.alpha) / self.distances(point.alpha)),
        )
        return -1.0 / float(fastest) if fastest < 0.0 else np.inf


def _outwards(d_alpha: Array) -> Array:
    """Change of the distances to the upper and the lower end of the box."""
    return np.stack([-d_alpha, d_alpha])


class _System:
    """Newton's equations at a point, factorised.

    With dx = d(alpha_i) - d(tau_j) an entry of the plan moves by weight * (dx + ratio_ij d(theta_j)) + constant.  The
    change of tau' = tau - mean d(theta), where mean is the weighted mean of a column's ratios, decouples the two
    unknowns of a column: `lean` are the ratios less their mean, times the weights.  All differences of large numbers
    are thereby written as sums of positive ones, without which the last digits are lost at ties.

    Parameters
    ----------
    solver : _Solver
        The problem.
    point : _Point
        Where the equations are linearised.
    """

    def __init__(self, solver: _Solver, point: _Point) -> None:
        lam, rest, t, z = point.multipliers
        s, r, gap, u = point.slacks
        self.solver, self.point = solver, point
        # multipliers of the entries' own quadratic and linear constraints, per unit of their slack
        self.stiffness = s + lam * r / rest
        self.f = lam / self.stiffness
        self.p = t / gap
        self.f_u = self.f * u
        low = lam + z / u
        curvature = low + self.f_u * u
        self.total = curvature + self.p
        self.weight = self.p * curvature / self.total
        ratio = -self.f_u / curvature
        self.of_tau = self.weight.sum(axis=1)
        self.mean = (self.weight * ratio).sum(axis=1) / self.of_tau
        ratio -= self.mean[:, None]
        self.lean = self.weight * ratio
        self.of_theta = (self.f * low / curvature + self.lean * ratio).sum(axis=1) + point.pi / point.theta
        self.distances = solver.distances(point.alpha)
        self.stiff_box = point.box / self.distances
        # what the constraints and the stationarity conditions miss
        self.miss_r = r + point.theta[:, None] - 0.5 * u * u - s
        self.miss_x = u - (point.alpha[solver.rows] - solver.costs - point.tau[:, None]) - gap
        self.miss_u = lam * u - t - z
        self.miss_a, self.miss_b = solver.missing(point)
        self.miss_k = solver.problem.max_nz - lam.sum(axis=1) - point.pi
        terms = (self.weight / np.sqrt(self.of_tau)[:, None], self.lean / np.sqrt(self.of_theta)[:, None])
        self.solve_rows = solver.laplacian.factorise(terms, self.stiff_box.sum(axis=0))

    def solve(self, wanted: _Products, second_order: _Point | None) -> _Point:
        """Step that changes the products as wanted; with the affine step's second-order terms of the constraints."""
        solver, point, rows = self.solver, self.point, self.solver.rows
        lam, rest, t, z = point.multipliers
        _, r, gap, u = point.slacks
        to_s, to_r, to_t, to_z = wanted.entries
        miss_r, miss_u = self.miss_r, self.miss_u
        if second_order is not None:
            miss_r = miss_r - 0.5 * second_order.slacks[3] ** 2
            miss_u = miss_u + second_order.multipliers[0] * second_order.slacks[3]
        # entries, with d(alpha), d(tau) and d(theta) still unknown
        base_lam = (to_s - lam * (to_r / rest + miss_r)) / self.stiffness
        base_t = to_t / gap - self.p * self.miss_x
        base_u = (base_t + to_z / u - miss_u - u * base_lam) / self.total
        still_t = base_t - self.p * base_u
        # columns
        for_tau = still_t.sum(axis=1) - self.miss_b
        for_theta = (base_lam + self.f_u * base_u).sum(axis=1) + wanted.columns / point.theta - self.miss_k
        for_theta += self.mean * for_tau
        pull = self.weight * (for_tau / self.of_tau)[:, None] - self.lean * (for_theta / self.of_theta)[:, None]
        of_box = wanted.box / self.distances
        # rows
        right = self.miss_a - solver.by_rows(still_t - pull) - of_box[0] + of_box[1]
        d_alpha = self.solve_rows(right)
        # and back
        at_entries = d_alpha[rows]
        d_theta = (for_theta - (self.lean * at_entries).sum(axis=1)) / self.of_theta
        d_tau = ((self.weight * at_entries).sum(axis=1) + for_tau) / self.of_tau + self.mean * d_theta
        dx, of_theta = at_entries - d_tau[:, None], d_theta[:, None]
        pairs = np.empty_like(point.pairs)
        multipliers, slacks = pairs
        d_u = slacks[3] = base_u + (self.p * dx + self.f_u * of_theta) / self.total
        d_lam = multipliers[0] = base_lam + self.f_u * d_u - self.f * of_theta
        np.negative(d_lam, out=multipliers[1])
        slacks[1] = (to_r + r * d_lam) / rest
        slacks[0] = slacks[1] + of_theta - u * d_u + miss_r
        slacks[2] = d_u - dx + self.miss_x
        multipliers[2] = (to_t - t * slacks[2]) / gap
        multipliers[3] = (to_z - z * d_u) / u
        return _Point(
            alpha=d_alpha,
            tau=d_tau,
            theta=d_theta,
            pi=(wanted.columns - point.pi * d_theta) / point.theta,
            pairs=pairs,
            box=of_box - self.stiff_box * _outwards(d_alpha),
        )
