"""Features of a random single-layer network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from theorylab import arrays, validation

__all__ = ["ACTIVATIONS", "random_features"]


def _relu(values: Any) -> Any:
    xp = arrays.namespace(values)
    return xp.maximum(values, xp.zeros_like(values))


#: Feature maps by name; each acts elementwise on an array of any library.
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": _relu, "erf": arrays.erf}


def random_features(X: Any, weights: Any, activation: str) -> Any:
    r"""Features :math:`g(w_j \cdot x_i)/\sqrt k` of a random single-layer network.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    weights : array_like, shape (k, d)
        One weight vector for each feature.
    activation : {"relu", "erf"}
        The function g.

    Returns
    -------
    array, shape (n, k)
        float64, in the namespace of `X`; its Gram matrix is the empirical kernel.

    Examples
    --------
    >>> random_features([[1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]], "relu").round(3).tolist()
    [[0.707, 0.0]]
    """
    X = validation.check_array("X", X, ndim=2)
    weights = validation.check_array("weights", weights, ndim=2)
    if weights.shape[1] != X.shape[1]:
        raise ValueError(f"weights must have the {X.shape[1]} columns of X; got shape {tuple(weights.shape)}.")
    function = ACTIVATIONS[validation.check_choice("activation", activation, tuple(ACTIVATIONS))]
    _, (X, weights) = arrays.promote(X, weights)
    return function(X @ weights.T) / math.sqrt(weights.shape[0])
