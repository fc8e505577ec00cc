"""The definition, step by step: a linear system for every student."""

import numpy as np


def dual_coefficients(K, y, ridge, weights):
    """Coefficients of every step, each from a refit to its mixed target."""
    target, found = y, []
    for weight in [*weights, None]:
        found.append(np.linalg.solve(K + ridge * np.eye(len(K)), target))
        if weight is not None:
            target = weight * y + (1 - weight) * (K @ found[-1])
    return np.array(found)


def students(K, y, ridge, weights, cross=None):
    """Predictions of every step, at the training inputs unless told otherwise."""
    return np.array([(K if cross is None else cross) @ dual for dual in dual_coefficients(K, y, ridge, weights)])
