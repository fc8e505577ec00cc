r"""The constrained form of self-distillation, solved as the convex programme that it is.

Each round asks for the function of least norm that stays within a mean squared error of the round before,

.. math:: \min \tfrac12 \|f\|_H^2 \quad\text{subject to}\quad \tfrac1n \sum_i (f(x_i) - y_i)^2 \le \epsilon .

With a triangular factor :math:`K = L L^T` and :math:`f(X) = L z` it is a second-order cone programme in z.  cvxpy with
CLARABEL runs on the host.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, validation
from theorylab.numerics import NotConverged

__all__ = ["ConstrainedFits", "fit_constrained"]

Floats = NDArray[np.float64]

#: More than the solver can always reach; steps shorter than its default keep it close to the central path, where its
#: solutions are a hundred times as exact.
_SOLVER_OPTIONS = {
    "tol_gap_abs": 1e-12,
    "tol_gap_rel": 1e-12,
    "tol_feas": 1e-12,
    "max_step_fraction": 0.9,
    "iterative_refinement_reltol": 1e-14,
    "iterative_refinement_abstol": 1e-14,
    "iterative_refinement_max_iter": 50,
}
#: Gap that each solution is held to, computed from its primal and dual variables.  The objective is strongly convex, so
#: that a solution is exact to the root of twice its gap; most gaps are 1e-12.
_CERTIFIED_GAP = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class ConstrainedFits:
    """Solutions of all rounds until the collapse.

    Parameters
    ----------
    predictions : numpy.ndarray, shape (t, n)
        Training predictions of the rounds before the collapse.
    ridges : numpy.ndarray, shape (t,)
        Ridge of the regression that each round amounts to, over n; from the multiplier that the solver returns.
    norms : numpy.ndarray, shape (t,)
        RKHS norms of the solutions.
    collapsed_at : int or None
        First round whose solution is the zero function; None where no round collapsed.
    """

    predictions: Floats
    ridges: Floats
    norms: Floats
    collapsed_at: int | None


def fit_constrained(K: Any, y: Any, tolerance: float, n_rounds: int) -> ConstrainedFits:
    """Solve the rounds one after another, each against the predictions of the round before.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Kernel matrix, positive definite.
    y : array_like, shape (n,)
        Ground truth.
    tolerance : float
        Mean squared error allowed in each round, > 0.
    n_rounds : int
        Largest number of rounds.

    Returns
    -------
    ConstrainedFits
        The rounds.

    Raises
    ------
    ValueError
        If `K` is not square or not positive definite.
    theorylab.numerics.NotConverged
        If the solver finds no optimum, or one whose gap is not certified.
    """
    K = arrays.to_numpy(validation.check_square("K", K))
    target = arrays.to_numpy(validation.check_array("y", y, ndim=1))
    validation.check_same_length(K=K, y=target)
    epsilon = validation.check_number("tolerance", tolerance, exclusive_minimum=0.0)
    factor = _triangular_factor(K)
    predictions: list[Floats] = []
    ridges: list[float] = []
    norms: list[float] = []
    for index in range(1, int(validation.check_count("n_rounds", n_rounds)) + 1):
        if np.mean(target**2) <= epsilon:  # the zero function is admissible, and nothing has a smaller norm
            return _collect(predictions, ridges, norms, target.size, index)
        target, ridge, norm = _solve_round(factor, target, math.sqrt(target.size * epsilon))
        predictions.append(target)
        ridges.append(ridge)
        norms.append(norm)
    return _collect(predictions, ridges, norms, target.size, None)


def _solve_round(factor: Floats, y: Floats, radius: float) -> tuple[Floats, float, float]:
    """Predictions, ridge over n, and norm of one round."""
    cp = _cvxpy()
    z = cp.Variable(y.size)
    constraint = cp.norm(factor @ z - y, 2) <= radius
    problem = cp.Problem(cp.Minimize(cp.sum_squares(z) / 2.0), [constraint])
    with warnings.catch_warnings():
        # "inaccurate" means that not all of the tolerances were met; the certificate below decides
        warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
        problem.solve(solver=cp.CLARABEL, **_SOLVER_OPTIONS)
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise NotConverged("fit_constrained", problem.value, math.inf, 0)
    solution, multiplier = np.asarray(z.value), float(constraint.dual_value)
    prediction = factor @ solution
    gap = _certified_gap(factor, y, radius, solution, multiplier)
    if gap > _CERTIFIED_GAP:
        raise NotConverged("fit_constrained", solution, gap, 0)
    # Stationarity of |z|^2 / 2 + nu |L z - y|: z = nu L^T (y - L z) / |y - L z|, a ridge fit with ridge |y - L z| / nu.
    ridge = float(np.linalg.norm(prediction - y)) / multiplier
    return prediction, ridge / y.size, float(np.linalg.norm(solution))


def _certified_gap(factor: Floats, y: Floats, radius: float, solution: Floats, multiplier: float) -> float:
    """Primal less dual objective, and the violation of the constraint at its price: what the optimum can differ by."""
    residual = y - factor @ solution
    length = float(np.linalg.norm(residual))
    price = multiplier * residual / length
    primal = float(solution @ solution) / 2.0
    dual = float(price @ y - np.sum((factor.T @ price) ** 2) / 2.0 - multiplier * radius)
    return abs(primal - dual) + multiplier * abs(length - radius)


def _cvxpy() -> Any:
    import cvxpy  # a second of import; its annotations do not reach the atoms

    return cvxpy


def _triangular_factor(K: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.cholesky(K))
    except np.linalg.LinAlgError:
        raise ValueError(
            f"K must be positive definite; got a smallest eigenvalue of {np.linalg.eigvalsh(K)[0]:.3g}. "
            "Drop repeated inputs, or those where the kernel vanishes."
        ) from None


def _collect(
    predictions: list[Any], ridges: list[float], norms: list[float], n_samples: int, collapsed_at: int | None
) -> ConstrainedFits:
    return ConstrainedFits(
        predictions=np.reshape(predictions, (len(predictions), n_samples)),
        ridges=np.array(ridges),
        norms=np.array(norms),
        collapsed_at=collapsed_at,
    )
