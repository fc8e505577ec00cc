"""Ridge regression on given features, for several ridges at once."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from theorylab import arrays, validation

__all__ = ["RidgeFit", "fit_random_feature_ridge"]


@dataclasses.dataclass(frozen=True)
class RidgeFit:
    """Ridge regressions of one data set for several ridges, from one singular value decomposition.

    Parameters
    ----------
    weights : array, shape (k, n_ridges, C)
        Solution for each ridge and each of the C outputs.
    inverse_trace : array, shape (n_ridges,)
        Trace of the inverse of the regularised kernel matrix; ``inf`` where it is singular.
    """

    weights: Any
    inverse_trace: Any


def fit_random_feature_ridge(features: Any, y: Any, ridges: Any) -> RidgeFit:
    """Fit ridge regressions by a singular value decomposition of the features.

    Parameters
    ----------
    features : array_like, shape (n, k)
        Already divided by the square root of k.
    y : array_like, shape (n,) or (n, C)
        Labels.
    ridges : array_like, shape (n_ridges,)
        Ridges >= 0 of the unnormalised loss; 0 gives the minimum-norm least-squares solution.

    Returns
    -------
    RidgeFit
        Weights and inverse trace for each ridge.
    """
    features = validation.check_array("features", features, ndim=2)
    y = validation.check_array("y", y, ndim=(1, 2))
    ridges = validation.check_array("ridges", ridges, ndim=1, minimum=0.0)
    validation.check_same_length(features=features, y=y)
    xp, (features, y, ridges) = arrays.promote(features, y, ridges)
    n_samples = features.shape[0]
    left, singular, right = xp.linalg.svd(features, full_matrices=False)
    squares = singular**2
    kept = squares > (max(features.shape) * xp.finfo(xp.float64).eps) ** 2 * squares[0]
    squares = xp.where(kept, squares, xp.zeros_like(squares))
    total = squares[:, None] + ridges[None, :]
    inverse = xp.where(total > 0.0, 1.0 / xp.where(total > 0.0, total, xp.ones_like(total)), xp.zeros_like(total))
    projected = left.T @ (y if y.ndim == 2 else y[:, None])
    shrunk = (singular[:, None] * inverse)[:, :, None] * projected[:, None, :]
    flat = xp.reshape(shrunk, (shrunk.shape[0], -1))
    weights = xp.reshape(right.T @ flat, (features.shape[1], ridges.shape[0], projected.shape[1]))
    null_modes = n_samples - int(xp.count_nonzero(kept))
    trace = xp.sum(inverse, axis=0)
    if null_modes:
        positive = ridges > 0.0
        null = null_modes / xp.where(positive, ridges, xp.ones_like(ridges))
        trace = trace + xp.where(positive, null, xp.full_like(ridges, math.inf))
    return RidgeFit(weights, trace)
