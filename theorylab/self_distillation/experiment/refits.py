r"""Self-distillation carried out: one scikit-learn ``KernelRidge`` after another, each fitted to the one before it.

Step 1 is fitted to the ground truth :math:`Y`, step :math:`\tau \ge 2` minimises

.. math:: \alpha \|f(X) - Y\|^2 + (1 - \alpha) \|f(X) - y^{(\tau-1)}\|^2 + \lambda \|f\|_H^2,

with the weight :math:`\alpha` of the ground truth and the predictions :math:`y^{(\tau-1)}` of the step before.  Losses
are sums over samples, and :math:`\lambda` is what scikit-learn calls ``alpha``.  Everything runs on the host.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, validation

__all__ = ["Refits", "fit_both_targets", "fit_steps", "leave_one_out", "ridge_derivative", "smoother_matrices"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Refits:
    """Models of all steps.

    Parameters
    ----------
    train : numpy.ndarray, shape (T, n) or (T, n, c)
        Predictions of each step on the training inputs.
    evaluated : numpy.ndarray, shape (T, m) or (T, m, c)
        Predictions of each step on the evaluation inputs; the training inputs where none were given.
    """

    train: Floats
    evaluated: Floats


def fit_steps(
    X: Any,
    y: Any,
    regularization: float,
    weights: Sequence[float],
    *,
    kernel: Mapping[str, Any],
    X_eval: Any = None,
) -> Refits:
    r"""Fit all steps, each a kernel ridge regression on the mixed target :math:`\alpha Y + (1-\alpha) y^{(\tau-1)}`.

    Parameters
    ----------
    X : array_like, shape (n, p)
        Training inputs.
    y : array_like, shape (n,) or (n, c)
        Ground truth.
    regularization : float
        Ridge parameter of every step, > 0.
    weights : sequence of float, length T - 1
        Weight of the ground truth at the steps 2, ..., T; any number, since the mixed target is one for all of them.
    kernel : mapping
        Keyword arguments of ``KernelRidge``: ``{"kernel": "rbf", "gamma": 80.0}``.
    X_eval : array_like, shape (m, p), optional
        Further inputs to predict at.

    Returns
    -------
    Refits
        Predictions of the T steps.

    Examples
    --------
    >>> fits = fit_steps([[0.0], [1.0]], [1.0, 0.0], 1.0, [0.0], kernel={"kernel": "linear"}, X_eval=[[2.0]])
    >>> fits.train.shape, fits.evaluated.shape
    ((2, 2), (2, 1))
    """

    def step(model: Any, X: Floats, y: Floats, previous: Floats, weight: float) -> Any:
        return model.fit(X, weight * y + (1.0 - weight) * previous)

    return _fit_steps(step, X, y, regularization, weights, kernel, X_eval)


def fit_both_targets(
    X: Any,
    y: Any,
    regularization: float,
    weights: Sequence[float],
    *,
    kernel: Mapping[str, Any],
    X_eval: Any = None,
) -> Refits:
    r"""Fit all steps from the definition: every sample twice, with the ground truth and with the teacher's prediction.

    The two copies carry the sample weights :math:`\alpha` and :math:`1-\alpha`; nothing is mixed beforehand.

    Parameters
    ----------
    X, y, regularization, kernel, X_eval
        As in :func:`fit_steps`.
    weights : sequence of float, length T - 1
        Weight of the ground truth at the steps 2, ..., T, in [0, 1].

    Returns
    -------
    Refits
        Predictions of the T steps.
    """
    validation.check_array("weights", np.asarray(weights, dtype=float), minimum=0.0, maximum=1.0, allow_empty=True)

    def step(model: Any, X: Floats, y: Floats, previous: Floats, weight: float) -> Any:
        sample_weight = np.repeat([weight, 1.0 - weight], X.shape[0])
        return model.fit(np.concatenate([X, X]), np.concatenate([y, previous]), sample_weight=sample_weight)

    return _fit_steps(step, X, y, regularization, weights, kernel, X_eval)


def smoother_matrices(X: Any, regularization: float, weights: Sequence[float], *, kernel: Mapping[str, Any]) -> Floats:
    """Matrices that take the ground truth to the training predictions of each step, column by column from refits.

    Parameters
    ----------
    X, regularization, weights, kernel
        As in :func:`fit_steps`.

    Returns
    -------
    numpy.ndarray, shape (T, n, n)
        Column j of step t is its prediction where the ground truth is the j-th unit vector.
    """
    return fit_steps(X, np.eye(np.shape(X)[0]), regularization, weights, kernel=kernel).train


def ridge_derivative(
    X: Any, y: Any, regularization: float, *, kernel: Mapping[str, Any], X_eval: Any, step: float = 1e-2
) -> Floats:
    r"""Derivative of a kernel ridge regression by its ridge, :math:`\partial f_\lambda(x)/\partial\lambda`.

    Central differences of six plain fits at :math:`\lambda e^{\pm h}, \lambda e^{\pm 2h}, \lambda e^{\pm 3h}`; their
    error is of order :math:`h^6`, 1e-12 at the default step, beside 1e-14 of rounding.

    Parameters
    ----------
    X, y, regularization, kernel, X_eval
        As in :func:`fit_steps`.
    step : float
        Step h in the logarithm of the ridge.

    Returns
    -------
    numpy.ndarray, shape (m,) or (m, c)
        Derivative of the prediction at each evaluation point.
    """
    h = validation.check_number("step", step, exclusive_minimum=0.0)
    ridge = validation.check_number("regularization", regularization, exclusive_minimum=0.0)

    def at(shift: int) -> Floats:
        return fit_steps(X, y, ridge * np.exp(shift * h), (), kernel=kernel, X_eval=X_eval).evaluated[0]

    differences = ((at(1) - at(-1)) * 45.0 - (at(2) - at(-2)) * 9.0 + (at(3) - at(-3))) / 60.0
    return differences / (h * ridge)


def leave_one_out(
    X: Any, y: Any, regularization: float, weights: Sequence[float], *, kernel: Mapping[str, Any]
) -> Floats:
    """Leave-one-out residuals: each sample predicted by a model whose every step was fitted without it.

    Parameters
    ----------
    X, y, regularization, weights, kernel
        As in :func:`fit_steps`; at least two samples.

    Returns
    -------
    numpy.ndarray, shape (T, n) or (T, n, c)
        Ground truth less prediction at each step.
    """
    X, y = _host_data(X, y)
    validation.check_count("number of samples", X.shape[0], minimum=2)
    kept = ~np.eye(X.shape[0], dtype=bool)
    predictions = [
        fit_steps(X[rows], y[rows], regularization, weights, kernel=kernel, X_eval=X[[left_out]]).evaluated[:, 0]
        for left_out, rows in enumerate(kept)
    ]
    return y - np.stack(predictions, axis=1)


def _fit_steps(
    step: Callable[[Any, Floats, Floats, Floats, float], Any],
    X: Any,
    y: Any,
    regularization: float,
    weights: Sequence[float],
    kernel: Mapping[str, Any],
    X_eval: Any,
) -> Refits:
    from sklearn import config_context
    from sklearn.kernel_ridge import KernelRidge  # a second of import for those who only want theory

    X, y = _host_data(X, y)
    points = X if X_eval is None else arrays.to_numpy(validation.check_array("X_eval", X_eval, ndim=2))
    ridge = validation.check_number("regularization", regularization, exclusive_minimum=0.0)
    schedule = [validation.check_number("weights", weight) for weight in weights]
    model = KernelRidge(alpha=ridge, **kernel).fit(X, y)
    train, evaluated = [model.predict(X)], [model.predict(points)]
    with config_context(assume_finite=True, skip_parameter_validation=True):  # checked by the first fit
        for weight in schedule:
            model = step(KernelRidge(alpha=ridge, **kernel), X, y, train[-1], weight)
            train.append(model.predict(X))
            evaluated.append(train[-1] if X_eval is None else model.predict(points))
    return Refits(np.stack(train), np.stack(evaluated))


def _host_data(X: Any, y: Any) -> tuple[Floats, Floats]:
    X = arrays.to_numpy(validation.check_array("X", X, ndim=2))
    y = arrays.to_numpy(validation.check_array("y", y, ndim=(1, 2)))
    validation.check_same_length(X=X, y=y)
    return X, y
