"""First stage of the solver: potentials from entropic sweeps, then quasi-Newton ascent of the semi-dual."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from theorylab.sparse_ot.theory._columns import Columns, SemiDual

__all__ = ["Ascent", "ascend", "entropic_start"]

Array = NDArray[np.float64]

#: Entropic temperature of the start as a share of the range of the costs: sharp enough to bring the potentials within a
#: percent, and so blunt that the kernel and its scalings stay within float64 without logarithms.
_TEMPERATURE, _SWEEPS = 1 / 200, 60
_MEMORY = 20


@dataclasses.dataclass(frozen=True)
class Ascent:
    """Where the quasi-Newton method stopped.

    Parameters
    ----------
    alpha : numpy.ndarray, shape (m,)
        Potential of the rows.
    n_iterations : int
        Steps.
    exhausted : bool
        Whether it ran out of steps, rather than of progress.
    """

    alpha: Array
    n_iterations: int
    exhausted: bool


def entropic_start(problem: Columns) -> Array:
    """Row potential of the entropic problem after a few sweeps.

    From zero, half of the evaluations that follow would be spent on moving the potential into the right region.
    """
    lowest, highest = problem.costs.min(), problem.costs.max()
    if highest == lowest:
        return np.zeros_like(problem.a)
    temperature = _TEMPERATURE * (highest - lowest)
    kernel = np.exp((lowest - problem.costs) / temperature)
    scaling = np.ones_like(problem.a)
    for _ in range(_SWEEPS):
        scaling = problem.a / ((problem.b / (kernel @ scaling)) @ kernel)
    return temperature * np.log(scaling)


def ascend(semi_dual: SemiDual, start: Array, max_iterations: int, tolerance: float) -> Ascent:
    """Maximise the semi-dual by L-BFGS until a step improves it by less than the relative tolerance.

    At a kink, where the optimum mostly lies, the gradient does not vanish: the progress does, after some hundred steps
    and with a relative distance of 1e-4 to 1e-6 left.
    """
    from scipy.optimize import minimize

    def negative(alpha: Array) -> tuple[float, Array]:
        value, gradient = semi_dual(alpha)
        return -value, -gradient

    # scipy hands on the last point even where its line search fails; the best one seen is what counts
    options = {"maxiter": max_iterations, "maxfun": 20 * max_iterations, "maxcor": _MEMORY, "gtol": 1e-14}
    result = minimize(negative, start, jac=True, method="L-BFGS-B", options=options | {"ftol": tolerance})
    return Ascent(result.x, int(result.nit), bool(result.status == 1))
