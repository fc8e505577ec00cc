"""Guards and reductions that the predictions of this chapter share."""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation

__all__ = ["check_eigenvalues", "check_falling", "check_predictions", "check_steps", "check_weights", "output_power"]


def check_eigenvalues(eigenvalues: Any) -> Any:
    """Require the eigenvalues of a Gram matrix, shape (n,), >= 0."""
    return validation.check_array("eigenvalues", eigenvalues, ndim=1, minimum=0.0)


def check_falling(eigenvalues: Any) -> Any:
    """Require at least two eigenvalues > 0, largest first."""
    values = validation.check_array("eigenvalues", eigenvalues, ndim=1, exclusive_minimum=0.0)
    xp = arrays.namespace(values)
    if values.shape[0] < 2 or bool(xp.any(values[1:] > values[:-1])):
        raise ValueError("eigenvalues must be at least two in falling order; sort them, largest first.")
    return values


def check_steps(step: Any) -> Any:
    """Require whole numbers of steps, >= 1 or infinite."""
    step = validation.check_array("step", step, minimum=1.0, allow_infinite=True)
    xp = arrays.namespace(step)
    if bool(xp.any(step != xp.floor(step))):
        raise ValueError("step must be whole; got a fraction. Steps are counted 1, 2, ...")
    return step


def check_weights(weights: Any, bounded: bool = True) -> Any:
    """Require sequences of ground-truth weights, shape (..., T - 1), in [0, 1] where `bounded`."""
    limits = (0.0, 1.0) if bounded else (None, None)
    weights = validation.check_array("weights", weights, minimum=limits[0], maximum=limits[1], allow_empty=True)
    if weights.ndim == 0:
        raise ValueError(
            "weights must have one entry for each step after the first along the last axis; got a single number. "
            "Pass [weight] * (n_steps - 1)."
        )
    return weights


def output_power(name: str, coefficients: Any, **beside: Any) -> tuple[Any, int]:
    """Squares of coefficients (n,) or (n, c) summed over outputs, and the number of outputs."""
    coefficients = validation.check_array(name, coefficients, ndim=(1, 2))
    validation.check_same_length(**beside, **{name: coefficients})
    xp, (coefficients,) = arrays.promote(coefficients)
    if coefficients.ndim == 1:
        return coefficients**2, 1
    return xp.sum(coefficients**2, axis=1), coefficients.shape[1]


def check_predictions(first: Any, distilled: Any, target: Any) -> tuple[Any, Any, Any, Any]:
    """Require predictions of one shape, (m,) or (m, c), in float64 of one namespace."""
    first = validation.check_array("first", first, ndim=(1, 2))
    distilled = validation.check_array("distilled", distilled, shape=tuple(first.shape))
    target = validation.check_array("target", target, shape=tuple(first.shape))
    xp, (first, distilled, target) = arrays.promote(first, distilled, target)
    return xp, first, distilled, target
