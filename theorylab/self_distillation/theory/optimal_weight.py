r"""Ground-truth weight with the smallest error, in closed form.

At any step the student is affine in its weight: :math:`f_\alpha = \alpha f_1 + (1-\alpha) f_d`, where :math:`f_1` is
the first ridge fit and :math:`f_d` the ridge fit to the previous predictions alone.  On any evaluation set, with
:math:`w = f_1 - f_d` and :math:`v = Y - f_d`, the squared error is therefore a parabola in the weight,

.. math:: \alpha^* = \frac{\langle v, w \rangle}{\|w\|^2}, \qquad
   \min_\alpha \|f_\alpha - Y\|^2 = \|v\|^2 - \frac{\langle v, w \rangle^2}{\|w\|^2},

and its constrained minimum on [0, 1] is the nearest point of the interval.

Source: derived here.
"""

from __future__ import annotations

import warnings
from typing import Any

from theorylab import arrays, validation
from theorylab.self_distillation.theory._arguments import check_eigenvalues, check_predictions, output_power

__all__ = [
    "ground_truth_weight_error",
    "mixed_mse",
    "optimal_ground_truth_weight",
    "optimal_weight_sequence",
    "oracle_ground_truth_weight",
]

#: Share of the squared size of the fit below which the difference of the two fits is rounding.
_NEGLIGIBLE = 2.0**-52


def optimal_ground_truth_weight(
    first: Any, distilled: Any, target: Any, *, clip: tuple[float, float] | None = None
) -> float:
    r"""Ground-truth weight of a step that minimises the squared error on an evaluation set.

    .. math:: \alpha^* = \frac{\langle Y - f_d,\; f_1 - f_d \rangle}{\|f_1 - f_d\|^2}

    Parameters
    ----------
    first : array_like, shape (m,) or (m, c)
        Predictions of the model trained on the ground truth alone (weight 1), at the evaluation points.
    distilled : array_like, shape (m,) or (m, c)
        Predictions of the student trained on the previous step's predictions alone (weight 0).
    target : array_like, shape (m,) or (m, c)
        What the error is measured against; noise of mean zero changes the weight only by chance.  Never the targets
        that were trained on: the fit to them always looks too regularised.
    clip : tuple of float, optional
        Bounds for the weight, usually ``(0.0, 1.0)``.

    Returns
    -------
    float
        Below 0: distil harder than pure distillation; above 1: distillation hurts.

    Raises
    ------
    ValueError
        If shapes differ or an entry is not finite.

    Warns
    -----
    RuntimeWarning
        If the two predictions are the same up to rounding, as they are for a vanishing or an overwhelming ridge: the
        error then does not depend on the weight, and the result is 1.

    Notes
    -----
    Source: derived here.  Exact for kernel ridge regression and for every other learner that is linear in its targets.
    For a network it is an estimate from two trainings, one with each weight; it interpolates well between them and
    should not extrapolate, so clip it.

    Examples
    --------
    >>> optimal_ground_truth_weight([1.0, 0.0], [0.0, 0.0], [0.25, 3.0])
    0.25
    """
    bounds = None if clip is None else _check_clip(clip)
    xp, first, distilled, target = check_predictions(first, distilled, target)
    difference = first - distilled
    size = float(xp.sum(difference**2))
    if size <= _NEGLIGIBLE * float(xp.sum(first**2)):
        return _undetermined("first and distilled are equal up to rounding", bounds)
    weight = float(xp.sum((target - distilled) * difference)) / size
    return weight if bounds is None else min(max(weight, bounds[0]), bounds[1])


def optimal_weight_sequence(pure_predictions: Any, target: Any) -> Any:
    r"""Ground-truth weights of all steps that together minimise the squared error of the last one.

    The last student is a mixture :math:`\sum_k C_k f_0^{(k)}` of purely distilled ones with :math:`\sum_k C_k = 1`, and
    every such mixture belongs to a sequence of weights.  The best one is therefore a linear least-squares problem,

    .. math::
        \min_{C_1, \dots, C_{T-1}} \Big\| f_0^{(T)} - Y + \sum_{k<T} C_k \big(f_0^{(k)} - f_0^{(T)}\big) \Big\|^2,
        \qquad \alpha^{(T-k+1)} = \frac{C_k}{1 - C_1 - \dots - C_{k-1}} .

    Weights chosen one step after the other, each the best for its own step, are in general worse: a step that is good
    in itself need not be a good teacher.

    Parameters
    ----------
    pure_predictions : array_like, shape (T, m) or (T, m, c)
        Predictions of steps 1 to T without ground truth at the evaluation points, T >= 2.
    target : array_like, shape (m,) or (m, c)
        What the error is measured against.

    Returns
    -------
    array, shape (T - 1,)
        Weights of steps 2 to T, not confined to [0, 1], float64.

    Notes
    -----
    Source: derived here.  Pure students resemble each other, so the weights are ill-conditioned for more than a few
    steps, though not the error that they reach; components of the mixture below rounding are left out.

    Examples
    --------
    >>> optimal_weight_sequence([[1.0, 0.0], [0.0, 0.0]], [0.25, 3.0]).tolist()
    [0.25]
    """
    target = validation.check_array("target", target, ndim=(1, 2))
    predictions = validation.check_array("pure_predictions", pure_predictions, ndim=target.ndim + 1)
    if predictions.shape[0] < 2 or tuple(predictions.shape[1:]) != tuple(target.shape):
        raise ValueError(
            f"pure_predictions must hold at least two steps of shape {tuple(target.shape)}, that of target; "
            f"got shape {tuple(predictions.shape)}."
        )
    xp, (predictions, target) = arrays.promote(predictions, target)
    residuals = xp.reshape(predictions - target, (predictions.shape[0], -1))
    last = residuals[-1, :]
    shares = -xp.linalg.pinv((residuals[:-1, :] - last).T) @ last
    before = 1.0 - xp.concat([xp.zeros_like(shares[:1]), xp.cumulative_sum(shares)[:-1]])
    # nothing is left to be divided once a step takes the ground truth alone: earlier weights have no effect
    idle = before == 0.0
    weights = xp.where(idle, xp.ones_like(before), shares / xp.where(idle, xp.ones_like(before), before))
    return xp.flip(weights, axis=0)


def mixed_mse(first: Any, distilled: Any, target: Any, weight: Any) -> Any:
    r"""Mean squared error of a step as a function of its ground-truth weight.

    .. math:: \tfrac1m \|\alpha f_1 + (1-\alpha) f_d - Y\|^2

    Parameters
    ----------
    first, distilled, target : array_like, shape (m,) or (m, c)
        As in :func:`optimal_ground_truth_weight`.
    weight : array_like, shape (...)
        Ground-truth weights, any finite ones.

    Returns
    -------
    array, shape (...)
        Mean over points, sum over outputs, float64.

    Notes
    -----
    Source: derived here.

    Examples
    --------
    >>> mixed_mse([1.0], [0.0], [0.25], [0.0, 0.25]).tolist()
    [0.0625, 0.0]
    """
    weight = validation.check_array("weight", weight)
    _, first, distilled, target = check_predictions(first, distilled, target)
    xp, (weight,) = arrays.promote(weight, like=first)
    n_points = target.shape[0]
    missing = xp.reshape(target - distilled, (-1,))
    difference = xp.reshape(first - distilled, (-1,))
    return xp.sum((missing - weight[..., None] * difference) ** 2, axis=-1) / n_points


def ground_truth_weight_error(first: Any, distilled: Any, noise_variance: float) -> float:
    r"""Standard error of the optimal weight that noise in the evaluation targets causes, :math:`\sigma/\|f_1 - f_d\|`.

    Parameters
    ----------
    first, distilled : array_like, shape (m,) or (m, c)
        As in :func:`optimal_ground_truth_weight`.
    noise_variance : float
        :math:`\sigma^2 \ge 0` of each evaluation target.

    Returns
    -------
    float
        Standard deviation given the two fits and the evaluation points; infinite where the fits are equal.  It falls as
        :math:`1/\sqrt m`; evaluation points drawn at random add their own scatter.

    Notes
    -----
    Source: derived here.

    Examples
    --------
    >>> ground_truth_weight_error([2.0, 0.0], [0.0, 0.0], 0.25)
    0.25
    """
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    xp, first, distilled, _ = check_predictions(first, distilled, distilled)
    size = float(xp.sum((first - distilled) ** 2))
    return (noise / size) ** 0.5 if size > 0.0 else float("inf")


def oracle_ground_truth_weight(eigenvalues: Any, coefficients: Any, noise_variance: Any, regularization: Any) -> Any:
    r"""Ground-truth weight of the second step with the smallest risk at the training inputs, for a known target.

    .. math::
        \alpha^* = \frac{\sum_i u_i \big[(1-A_i^2) \beta_i^2 - \sigma^2 A_i^2\big]}
        {\sum_i u_i^2 (\beta_i^2 + \sigma^2)}, \qquad u_i = A_i (1 - A_i)

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    coefficients : array_like, shape (n,) or (n, c)
        :math:`\beta = V^T f(X)` of the noiseless target.
    noise_variance : array_like, shape (...)
        :math:`\sigma^2 \ge 0` of the noise on each sample and output.
    regularization : array_like, shape (...)
        Ridge :math:`\lambda > 0`; the two broadcast.

    Returns
    -------
    array, shape (...)
        Minimiser of the expected error over the noise of the training targets, not clipped, float64.

    Warns
    -----
    RuntimeWarning
        If there is neither target nor noise on any component with a positive eigenvalue: the weight has no effect, and
        the result is 1.

    Notes
    -----
    Source: derived here.  The error is that of :func:`filter_risk`.

    Examples
    --------
    >>> float(oracle_ground_truth_weight([1.0], [1.0], 1.0, 1.0))
    1.0
    """
    values = check_eigenvalues(eigenvalues)
    power, n_outputs = output_power("coefficients", coefficients, eigenvalues=values)
    noise = validation.check_array("noise_variance", noise_variance, minimum=0.0)
    ridge = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    xp, (values, power, noise, ridge) = arrays.promote(values, power, noise, ridge)
    noise, ridge = n_outputs * noise[..., None], ridge[..., None]
    smoother, lost = values / (values + ridge), ridge / (values + ridge)
    shift = smoother * lost
    # 1 - A^2 = (1 - A)(1 + A) keeps the digits of components that are learned almost completely
    gain = xp.sum(shift * (lost * (1.0 + smoother) * power - noise * smoother**2), axis=-1)
    cost = xp.sum(shift**2 * (power + noise), axis=-1)
    idle = cost == 0.0
    if bool(xp.any(idle)):
        _undetermined("coefficients and noise_variance vanish on every component", None)
    return xp.where(idle, xp.ones_like(cost), gain / xp.where(idle, xp.ones_like(cost), cost))


def _undetermined(reason: str, bounds: tuple[float, float] | None) -> float:
    warnings.warn(
        f"the ground-truth weight has no effect, since {reason}; 1 is returned (no distillation)",
        RuntimeWarning,
        stacklevel=3,
    )
    return 1.0 if bounds is None else min(max(1.0, bounds[0]), bounds[1])


def _check_clip(clip: tuple[float, float]) -> tuple[float, float]:
    try:
        lower, upper = clip
    except (TypeError, ValueError):
        raise ValueError(f"clip must be a pair of bounds; got {clip!r}. Pass (0.0, 1.0) or None.") from None
    lower = validation.check_number("clip", lower)
    return lower, validation.check_number("clip", upper, minimum=lower)
