r"""A small network trained to the end: tanh layers, gradient by hand, full-batch L-BFGS.

The objective is the mean squared error plus a decay of all parameters,

.. math:: \frac1n \sum_i |f_\theta(x_i) - y_i|^2 + \delta\,|\theta|^2 .

Outputs and gradients are computed in the array namespace of the data.  :func:`train_network` is the one place that goes
through the host: SciPy's L-BFGS sees the parameters as one NumPy vector.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, validation
from theorylab.numerics import NotConverged

__all__ = ["NetworkFit", "initial_parameters", "network_gradient", "network_outputs", "train_network"]


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkFit:
    """A trained network.

    Parameters
    ----------
    parameters : numpy.ndarray, shape (n_parameters,)
        Weights and biases of all layers, one after another.
    objective : float
        Value reached.
    n_iterations : int
        Iterations of L-BFGS.
    """

    parameters: NDArray[np.float64]
    objective: float
    n_iterations: int


def initial_parameters(layers: Sequence[int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Starting point: weights of variance one over the inputs of their layer, biases standard normal.

    Parameters
    ----------
    layers : sequence of int
        Widths from the inputs to the outputs, such as (2, 64, 1).
    rng : numpy.random.Generator
        Source of the numbers.

    Returns
    -------
    numpy.ndarray, shape (n_parameters,)
        Weights (row by row, one row for each unit) and biases of all layers, one after another.

    Examples
    --------
    >>> initial_parameters((2, 3, 1), np.random.default_rng(0)).shape
    (13,)
    """
    parts = []
    for n_inputs, n_units in _shapes(layers):
        parts += [rng.standard_normal(n_units * n_inputs) / math.sqrt(n_inputs), rng.standard_normal(n_units)]
    return np.concatenate(parts)


def network_outputs(layers: Sequence[int], parameters: Any, X: Any) -> Any:
    """Outputs of the network: tanh in every layer but the last, which is linear.

    Parameters
    ----------
    layers : sequence of int
        Widths.
    parameters : array_like, shape (n_parameters,)
        As from :func:`initial_parameters`.
    X : array, shape (n, layers[0])
        Inputs.

    Returns
    -------
    array, shape (n, layers[-1])
        In the namespace of `X`.

    Examples
    --------
    >>> network_outputs((1, 1, 1), [0.0, 0.0, 5.0, 2.0], [[3.0]]).tolist()
    [[2.0]]
    """
    X = validation.check_array("X", X, ndim=2)
    _, (X, parameters) = arrays.promote(X, validation.check_array("parameters", parameters, ndim=1))
    return _activations(layers, parameters, X)[-1]


def network_gradient(layers: Sequence[int], parameters: Any, X: Any, y: Any, decay: float) -> tuple[float, Any]:
    r"""Objective and its gradient by backpropagation.

    Parameters
    ----------
    layers, parameters, X
        As in :func:`network_outputs`.
    y : array, shape (n, layers[-1])
        Targets.
    decay : float
        Factor :math:`\delta` of the squared norm of all parameters, >= 0.

    Returns
    -------
    objective : float
        Mean squared error, summed over outputs, plus decay.
    gradient : array, shape (n_parameters,)
        In the namespace of `X`.
    """
    xp, (X, y, parameters) = arrays.promote(X, y, parameters)
    activations = _activations(layers, parameters, X)
    error = activations[-1] - y
    objective = float(xp.sum(error**2)) / X.shape[0] + decay * float(xp.sum(parameters**2))
    signal = 2.0 * error / X.shape[0]  # derivative by the output of the layer at hand
    gradients: list[Any] = []
    pairs = list(zip(_unpacked(layers, parameters), activations[:-1], strict=True))
    for (weights, _), inputs in reversed(pairs):
        gradients = [xp.reshape(signal.T @ inputs, (-1,)), xp.sum(signal, axis=0), *gradients]
        signal = (signal @ weights) * (1.0 - inputs**2)  # unused below the first layer, whose inputs are no tanh
    return objective, xp.concat(gradients) + 2.0 * decay * parameters


def train_network(
    layers: Sequence[int],
    X: Any,
    y: Any,
    decay: float,
    start: NDArray[np.float64],
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 5_000,
) -> NetworkFit:
    """Train from a starting point until the gradient vanishes.

    The parameters travel to SciPy's L-BFGS, on the host, and back at every evaluation.

    Parameters
    ----------
    layers : sequence of int
        Widths, such as (2, 64, 1).
    X : array_like, shape (n, layers[0])
        Inputs; their namespace is where the network is evaluated.
    y : array_like, shape (n, layers[-1])
        Targets.
    decay : float
        Factor of the squared norm of all parameters, >= 0.
    start : numpy.ndarray, shape (n_parameters,)
        As from :func:`initial_parameters`.
    tolerance : float
        Largest entry of the gradient at the end.
    max_iterations : int
        Iterations allowed.

    Returns
    -------
    NetworkFit
        The network reached: a local minimum.

    Raises
    ------
    theorylab.numerics.NotConverged
        If the gradient has not fallen below the tolerance; it carries the parameters.
    """
    from scipy.optimize import minimize

    _, (X, y) = arrays.promote(validation.check_array("X", X, ndim=2), validation.check_array("y", y, ndim=2))
    validation.check_same_length(X=X, y=y)
    delta = validation.check_number("decay", decay, minimum=0.0)
    start = arrays.to_numpy(validation.check_array("start", start, shape=(_n_parameters(layers),)))

    def on_host(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        _, (moved,) = arrays.promote(parameters, like=X)
        objective, gradient = network_gradient(layers, moved, X, y, delta)
        return objective, arrays.to_numpy(gradient)

    options = {"maxiter": max_iterations, "maxfun": 2 * max_iterations, "gtol": tolerance, "ftol": 0.0, "maxcor": 30}
    found = minimize(on_host, start, jac=True, method="L-BFGS-B", options=options)
    steepest = float(np.max(np.abs(found.jac)))
    if steepest > 10.0 * tolerance:  # a line search may stall within rounding of the tolerance
        raise NotConverged("train_network", found.x, steepest, int(found.nit))
    return NetworkFit(parameters=found.x, objective=float(found.fun), n_iterations=int(found.nit))


def _shapes(layers: Sequence[int]) -> list[tuple[int, int]]:
    widths = [int(validation.check_count("layers", width)) for width in layers]
    if len(widths) < 2:
        raise ValueError(
            f"layers must name at least inputs and outputs; got {layers!r}. Pass (2, 64, 1), for instance."
        )
    return list(itertools.pairwise(widths))


def _n_parameters(layers: Sequence[int]) -> int:
    return sum(n_units * (n_inputs + 1) for n_inputs, n_units in _shapes(layers))


def _unpacked(layers: Sequence[int], parameters: Any) -> list[tuple[Any, Any]]:
    """Weights (n_units, n_inputs) and biases (n_units,) of each layer."""
    xp, pairs, position = arrays.namespace(parameters), [], 0
    for n_inputs, n_units in _shapes(layers):
        middle, end = position + n_units * n_inputs, position + n_units * (n_inputs + 1)
        pairs.append((xp.reshape(parameters[position:middle], (n_units, n_inputs)), parameters[middle:end]))
        position = end
    return pairs


def _activations(layers: Sequence[int], parameters: Any, X: Any) -> list[Any]:
    """Inputs, hidden layers, outputs."""
    xp, values = arrays.namespace(X), [X]
    *hidden, last = _unpacked(layers, parameters)
    for weights, biases in hidden:
        values.append(xp.tanh(values[-1] @ weights.T + biases))
    weights, biases = last
    return [*values, values[-1] @ weights.T + biases]
