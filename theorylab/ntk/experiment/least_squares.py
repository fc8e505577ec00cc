r"""Linear models that are trained on least squares for real: step by step, by an ODE solver, and by repeated squaring.

Nothing here diagonalises a kernel.  A linear model :math:`f = f_0 + \Phi\theta` on features :math:`\Phi`, for instance
the derivatives of a network's output by its parameters, minimises

.. math:: \frac{1}{2N}\sum_i |f(x_i) - y_i|^2 + \frac{r}{2N}|\theta|^2

from :math:`\theta = 0`, by gradient descent in its parameters or along the gradient flow.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from theorylab import arrays, validation
from theorylab.numerics import NotConverged

__all__ = ["LinearModel", "StoppedFlow", "Trajectory", "largest_stable_rate", "ridge_outputs", "stopped_flow"]

#: Terms of the exponential series; with arguments up to one the next term is below 1e-18.
_SERIES_TERMS = 18
#: Steps this much longer or shorter than the first one: the descent has left for good, or has arrived up to rounding.
_DIVERGED, _ARRIVED = 1e50, 1e-9


class Trajectory(NamedTuple):
    """Outputs of a model in training.

    Parameters
    ----------
    train : array, shape (T, n, k)
        On the training points.
    test : array, shape (T, m, k)
        On the test points.
    """

    train: Any
    test: Any


@dataclasses.dataclass(frozen=True)
class LinearModel:
    r"""Features, targets and start of a linear model, and the weights of its loss.

    Parameters
    ----------
    features : array, shape (n, P)
        Features of the training points.
    test_features : array, shape (m, P)
        Features of the test points.
    targets : array, shape (n, k)
        Targets; every output has parameters of its own.
    start, test_start : array, shapes (n, k) and (m, k)
        Outputs before training.
    count : float
        The N that divides the loss, > 0: n for the mean over points, n k for the mean over points and outputs.
    ridge : float
        Weight r of the penalty, >= 0.

    Raises
    ------
    ValueError
        If the shapes do not match, or a number is out of range.
    """

    features: Any
    test_features: Any
    targets: Any
    start: Any
    test_start: Any
    count: float
    ridge: float = 0.0

    def __post_init__(self) -> None:
        n, n_features = validation.check_array("features", self.features, ndim=2).shape
        m = validation.check_array("test_features", self.test_features, shape=(None, n_features)).shape[0]
        k = validation.check_array("targets", self.targets, shape=(n, None)).shape[1]
        validation.check_array("start", self.start, shape=(n, k))
        validation.check_array("test_start", self.test_start, shape=(m, k))
        validation.check_number("count", self.count, exclusive_minimum=0.0)
        validation.check_number("ridge", self.ridge, minimum=0.0)

    def gradient(self, parameters: Any) -> Any:
        r"""Gradient of the penalised loss, :math:`[\Phi^T(f - y) + r\theta]/N`.

        Parameters
        ----------
        parameters : array, shape (P, k)
            Where.

        Returns
        -------
        array, shape (P, k)
            The gradient.
        """
        residual = self.start + self.features @ parameters - self.targets
        return (self.features.T @ residual + self.ridge * parameters) / self.count

    def descend(self, record: Sequence[int], *, learning_rate: float) -> Trajectory:
        """Gradient descent in the parameters, one step after the other.

        Parameters
        ----------
        record : sequence of int
            Numbers of steps, increasing, after which the outputs are kept.
        learning_rate : float
            Learning rate > 0.

        Returns
        -------
        Trajectory
            Outputs after each of these numbers of steps.
        """
        rate = validation.check_number("learning_rate", learning_rate, exclusive_minimum=0.0)
        xp, kept, done = arrays.namespace(self.features), [], 0
        parameters = self._zero()
        for count in _increasing("record", record):
            for _ in range(int(count) - done):
                parameters = parameters - rate * self.gradient(parameters)
            done = int(count)
            kept.append(parameters)
        return self._outputs(xp.stack(kept))

    def flow(self, times: Sequence[float], *, learning_rate: float = 1.0, tolerance: float = 1e-13) -> Trajectory:
        """Gradient flow in the parameters, by SciPy's Runge-Kutta method of order eight, on the host.

        Parameters
        ----------
        times : sequence of float
            Increasing times >= 0.
        learning_rate : float
            Factor of the velocity, > 0.
        tolerance : float
            Relative tolerance of a step; the absolute one is a tenth of it.

        Returns
        -------
        Trajectory
            Outputs at these times, float64 NumPy arrays.

        Raises
        ------
        NotConverged
            If the solver gives up.
        """
        from scipy.integrate import solve_ivp  # heavy, and of no use elsewhere

        rate = validation.check_number("learning_rate", learning_rate, exclusive_minimum=0.0)
        grid = _increasing("times", times)
        host = dataclasses.replace(self, **self._on_host())
        shape = host._zero().shape
        solution = solve_ivp(
            lambda _, flat: -rate * host.gradient(flat.reshape(shape)).ravel(),
            (0.0, max(grid[-1], 1e-300)),
            np.zeros(math.prod(shape)),
            method="DOP853",
            t_eval=grid,
            rtol=tolerance,
            atol=0.1 * tolerance,
        )
        if not solution.success:
            raise NotConverged("gradient flow", solution.y[:, -1], grid[-1] - solution.t[-1], solution.nfev)
        return host._outputs(solution.y.T.reshape(-1, *shape))

    def limit(self) -> Trajectory:
        """Where training ends: the minimiser that is nearest to the start, by a singular value decomposition.

        Returns
        -------
        Trajectory
            A single time; float64 NumPy arrays.
        """
        features, wanted = arrays.to_numpy(self.features), arrays.to_numpy(self.targets - self.start)
        penalty = math.sqrt(self.ridge) * np.eye(features.shape[1])
        rows, values = (
            np.concatenate([features, penalty]),
            np.concatenate([wanted, 0.0 * penalty[:, : wanted.shape[1]]]),
        )
        parameters = np.linalg.lstsq(rows, values, rcond=1e-10)[0]
        return dataclasses.replace(self, **self._on_host())._outputs(parameters[None])

    def _on_host(self) -> dict[str, Any]:
        names = ("features", "test_features", "targets", "start", "test_start")
        return {name: arrays.to_numpy(getattr(self, name)) for name in names}

    def _zero(self) -> Any:
        return self.features.T @ (0.0 * self.targets)

    def _outputs(self, parameters: Any) -> Trajectory:
        return Trajectory(self.start + self.features @ parameters, self.test_start + self.test_features @ parameters)


def largest_stable_rate(model: LinearModel, *, bracket: tuple[float, float], steps: int, tolerance: float) -> float:
    """Learning rate at which descent turns from shrinking its steps to growing them, by bisection.

    Parameters
    ----------
    model : LinearModel
        What is trained.
    bracket : tuple of float
        A rate that is stable and one that is not.
    steps : int
        Steps for each rate, >= 2: a descent whose last step is longer than the one half way is unstable.
    tolerance : float
        Relative width of the last interval, > 0.  The number of steps should be several times its inverse.

    Returns
    -------
    float
        Middle of the last interval.

    Raises
    ------
    ValueError
        If the bracket does not hold the edge.
    """
    low, high = (validation.check_number("bracket", rate, exclusive_minimum=0.0) for rate in bracket)
    steps = int(validation.check_count("steps", steps, minimum=2))
    tolerance = validation.check_number("tolerance", tolerance, exclusive_minimum=0.0)
    if _grows(model, low, steps) or not _grows(model, high, steps):
        raise ValueError(f"bracket must go from a stable rate to an unstable one; got {bracket!r}. Widen it.")
    while high - low > tolerance * low:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if _grows(model, middle, steps) else (middle, high)
    return 0.5 * (low + high)


def _grows(model: LinearModel, rate: float, steps: int) -> bool:
    """Whether the steps of a descent grow in its second half; a descent that has arrived does not."""
    parameters = model._zero()
    xp = arrays.namespace(parameters)
    lengths = {}
    for step in range(steps):
        gradient = model.gradient(parameters)
        parameters = parameters - rate * gradient
        if step in {0, steps // 2, steps - 1} or step % 10 == 0:
            lengths[step] = float(xp.max(xp.abs(gradient)))
            if lengths[step] > _DIVERGED * lengths[0]:
                return True
    return lengths[steps - 1] > max(lengths[steps // 2], _ARRIVED * lengths[0])


class StoppedFlow(NamedTuple):
    """Gradient flow from zero, stopped at many times.

    Parameters
    ----------
    times : numpy.ndarray, shape (T,)
        When; each octave is divided evenly on the logarithmic scale.
    train : array, shape (T, n, k)
        Outputs on the training points.
    test : array, shape (T, m, k)
        Outputs on the test points.
    """

    times: np.ndarray
    train: Any
    test: Any


def stopped_flow(K: Any, y: Any, K_star: Any, *, octaves: int, per_octave: int = 1) -> StoppedFlow:
    r"""Gradient flow on :math:`\frac{1}{2n}\sum_i|f(x_i)-y_i|^2` from zero, at times that double again and again.

    Parameters
    ----------
    K : array, shape (n, n)
        Kernel of the training points.
    y : array, shape (n, k)
        Targets, for instance one column for each draw of the noise.
    K_star : array, shape (m, n)
        Kernel between test and training points.
    octaves : int
        How often the first time is doubled, >= 1.
    per_octave : int
        Times in each octave, >= 1.

    Returns
    -------
    StoppedFlow
        From the time n over the largest row sum of K on.

    Notes
    -----
    The integral :math:`A_t = \int_0^t e^{-Ks/n}\,ds/n`, with which the outputs are :math:`K_* A_t y`, is summed as a
    series where :math:`\|K\|t/n \le 1`, and doubled by :math:`A_{2t} = A_t + e^{-Kt/n}A_t`: products of matrices only,
    two for each time.  Rounding errors double with the time, to 1e-16 times two to the number of octaves.
    """
    octaves = int(validation.check_count("octaves", octaves))
    per_octave = int(validation.check_count("per_octave", per_octave))
    n = validation.check_array("K", K, ndim=2).shape[0]
    validation.check_array("y", y, shape=(n, None))
    validation.check_array("K_star", K_star, shape=(None, n))
    xp = arrays.namespace(K)
    first = n / float(xp.max(xp.sum(xp.abs(K), axis=1)))
    found: list[tuple[float, Any, Any]] = []
    for part in range(per_octave):
        time = first * 2.0 ** (part / per_octave - 1.0)
        decay, integral = _series(xp, K, time / n)
        for _ in range(octaves):
            time, integral, decay = 2.0 * time, integral + decay @ integral, decay @ decay
            weights = integral @ y
            found.append((time, K @ weights, K_star @ weights))
    found.sort(key=lambda entry: entry[0])
    times, train, test = zip(*found, strict=True)
    return StoppedFlow(np.array(times), xp.stack(train), xp.stack(test))


def ridge_outputs(K: Any, y: Any, ridges: Sequence[float]) -> Any:
    """Kernel ridge regression at the training points, one linear system for each ridge.

    Parameters
    ----------
    K : array, shape (n, n)
        Kernel of the training points.
    y : array, shape (n, k)
        Targets.
    ridges : sequence of float
        Added to the diagonal of K, > 0.

    Returns
    -------
    array, shape (R, n, k)
        Fitted values.
    """
    n = validation.check_array("K", K, ndim=2).shape[0]
    validation.check_array("y", y, shape=(n, None))
    xp = arrays.namespace(K)
    eye = xp.eye(n, dtype=K.dtype, device=arrays.device(K))
    return xp.stack(
        [
            K @ xp.linalg.solve(K + validation.check_number("ridges", ridge, exclusive_minimum=0.0) * eye, y)
            for ridge in ridges
        ]
    )


def _series(xp: Any, K: Any, scale: float) -> tuple[Any, Any]:
    """Decay exp(-K scale) and its integral over the scale, from the power series."""
    eye = xp.eye(K.shape[0], dtype=K.dtype, device=arrays.device(K))
    integral = 0.0 * eye
    for term in range(_SERIES_TERMS, 0, -1):  # Horner: 1 - x/2 (1 - x/3 (1 - ...))
        integral = eye - scale / (term + 1) * (K @ integral)
    integral = scale * integral
    return eye - K @ integral, integral


def _increasing(name: str, values: Sequence[float]) -> list[float]:
    numbers = [validation.check_number(name, value, minimum=0.0) for value in values]
    if not numbers or numbers != sorted(set(numbers)):
        raise ValueError(f"{name} must hold increasing numbers; got {list(values)!r}. Sort them and drop repetitions.")
    return numbers
