r"""Risk at fixed design, and the loss of whole grids of ridges, weights and steps.

For targets :math:`Y = f(X) + \varepsilon` with noise of variance :math:`\sigma^2` and :math:`\beta = V^T f(X)` a filter
b has the risk

.. math:: R = \frac1n \sum_i \big[ (1 - b_i)^2 \beta_i^2 + \sigma^2 b_i^2 \big].

Each student is a mixture :math:`\sum_k C_{\tau k} S^k Y` of purely distilled ones, whose coefficients add up to one and
know neither kernel nor ridge.  Hence :math:`R^{(\tau)} = C_\tau M C_\tau^T` with the T x T matrix

.. math:: M_{kl} = \frac1n \sum_i \big[ (1-A_i^k)(1-A_i^l) \beta_i^2 + \sigma^2 A_i^{k+l} \big]

of each ridge, in which no term is negative: one matrix product over the components for each ridge, whatever the number
of weights, and no digit is lost to cancellation.

Source: derived here, from the fit after each step in [borup2021]_.

.. [borup2021] K. Borup, L. N. Andersen, "Even your teacher needs guidance: ground-truth targets dampen regularization
   imposed by self-distillation", NeurIPS 2021, arXiv:2102.13088.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from theorylab import arrays, validation
from theorylab.self_distillation.theory._arguments import check_eigenvalues, check_weights, output_power
from theorylab.self_distillation.theory.filters import mixture_coefficients

__all__ = ["distillation_risk", "filter_risk", "mixture_mse"]

#: Entries of one block of ridges: large enough for BLAS, small enough for any memory.
_BLOCK_SIZE = 2_000_000


def filter_risk(filters: Any, coefficients: Any, noise_variance: float = 0.0) -> Any:
    r"""Expected error of a filter at the training inputs, :math:`\frac1n E\|V b V^T Y - f(X)\|^2`.

    .. math:: R = \frac1n \sum_i \big[ (1 - b_i)^2 \beta_i^2 + \sigma^2 b_i^2 \big]

    Parameters
    ----------
    filters : array_like, shape (..., n)
        Filters :math:`b`, see :func:`distillation_filters`.
    coefficients : array_like, shape (n,) or (n, c)
        :math:`\beta = V^T f(X)` of the noiseless target.
    noise_variance : float
        :math:`\sigma^2 \ge 0` of the noise on each sample and output.

    Returns
    -------
    array, shape (...)
        Mean over samples, sum over outputs, float64.

    Notes
    -----
    Source: derived here.

    Examples
    --------
    >>> float(filter_risk([0.5, 0.5], [1.0, 1.0], noise_variance=1.0))
    0.5
    """
    filters = validation.check_array("filters", filters)
    power, n_outputs = output_power("coefficients", coefficients)
    noise = n_outputs * validation.check_number("noise_variance", noise_variance, minimum=0.0)
    xp, (filters, power) = arrays.promote(filters, power)
    if filters.ndim == 0 or filters.shape[-1] != power.shape[0]:
        raise ValueError(
            f"filters must have one entry for each of the {power.shape[0]} coefficients along the last axis; "
            f"got shape {tuple(filters.shape)}."
        )
    return xp.mean((1.0 - filters) ** 2 * power + noise * filters**2, axis=-1)


def distillation_risk(
    eigenvalues: Any, coefficients: Any, noise_variance: float, regularization: Any, weights: Any
) -> Any:
    r"""Expected error at the training inputs of every step, for every ridge with every sequence of weights.

    .. math:: R^{(\tau)} = C_\tau M(\lambda)\, C_\tau^T

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, >= 0.
    coefficients : array_like, shape (n,) or (n, c)
        :math:`\beta = V^T f(X)` of the noiseless target.
    noise_variance : float
        :math:`\sigma^2 \ge 0` of the noise on each sample and output.
    regularization : array_like, shape (...)
        Ridges :math:`\lambda > 0`.
    weights : array_like, shape (..., T - 1)
        Sequences of ground-truth weights in [0, 1].  Each ridge is combined with each sequence.

    Returns
    -------
    array, shape regularization.shape + weights.shape[:-1] + (T,)
        Mean over samples, sum over outputs, float64.

    Notes
    -----
    Source: derived here.  O(n T^2) for each ridge and O(T^3) for each pair of a ridge and a sequence; the filters of
    the pairs are never formed.

    Examples
    --------
    >>> distillation_risk([1.0], [1.0], 0.0, 1.0, [1.0, 0.0]).tolist()
    [0.25, 0.25, 0.5625]
    """
    values = check_eigenvalues(eigenvalues)
    power, n_outputs = output_power("coefficients", coefficients, eigenvalues=values)
    noise = n_outputs * validation.check_number("noise_variance", noise_variance, minimum=0.0)
    ridges = validation.check_array("regularization", regularization, exclusive_minimum=0.0)
    weights = check_weights(weights)
    xp, (values, power, ridges, weights) = arrays.promote(values, power, ridges, weights)
    n, n_steps = values.shape[0], weights.shape[-1] + 1
    mixture = mixture_coefficients(weights)
    flat = xp.reshape(ridges, (-1,))
    losses = []
    for block in _blocks(flat.shape[0], n_steps * max(2 * n, math.prod(mixture.shape[:-1]))):
        shifted = values + flat[block, None]
        smoother, lost = values / shifted, flat[block, None] / shifted
        kept, missed = [smoother], [lost]
        for _ in range(n_steps - 1):
            kept.append(smoother * kept[-1])
            missed.append(lost + smoother * missed[-1])  # 1 - A^k, without the difference
        factors = xp.concat([xp.stack(missed, axis=1) * xp.sqrt(power), xp.stack(kept, axis=1) * noise**0.5], axis=-1)
        losses.append(_quadratic_forms(xp, factors @ xp.matrix_transpose(factors), mixture))
    risk = xp.concat(losses, axis=0) / n
    return xp.reshape(risk, (*ridges.shape, *weights.shape[:-1], n_steps))


def mixture_mse(pure_predictions: Any, target: Any, weights: Any) -> Any:
    r"""Mean squared error of every step of every sequence of weights, from the predictions of pure distillation alone.

    The predictions may be those at any points, of any learner that is linear in its targets:
    :math:`f^{(\tau)} = \sum_k C_{\tau k} f_0^{(k)}`, where :math:`f_0^{(k)}` is the k-th step with weight 0.

    Parameters
    ----------
    pure_predictions : array_like, shape (..., T, m) or (..., T, m, c)
        Predictions of steps 1 to T without ground truth.
    target : array_like, shape (m,) or (m, c)
        What they are compared with; its number of axes says how `pure_predictions` is to be read.
    weights : array_like, shape (..., T - 1)
        Sequences of ground-truth weights in [0, 1]; each is combined with each set of predictions.

    Returns
    -------
    array, shape pure_predictions.shape[:-2 or -3] + weights.shape[:-1] + (T,)
        Mean over points, sum over outputs, float64.

    Notes
    -----
    Source: derived here.  Residuals are mixed, not predictions, so small losses keep their digits.

    Examples
    --------
    >>> mixture_mse([[0.5], [0.25]], [1.0], [[0.0], [1.0]]).tolist()
    [[0.25, 0.5625], [0.25, 0.25]]
    """
    target = validation.check_array("target", target, ndim=(1, 2))
    predictions = validation.check_array("pure_predictions", pure_predictions)
    weights = check_weights(weights)
    n_steps, n_axes = weights.shape[-1] + 1, target.ndim + 1
    if predictions.ndim < n_axes or tuple(predictions.shape[-n_axes:]) != (n_steps, *target.shape):
        raise ValueError(
            f"pure_predictions must end in the axes {(n_steps, *target.shape)}, one step more than weights and then "
            f"those of target; got shape {tuple(predictions.shape)}."
        )
    xp, (predictions, target, weights) = arrays.promote(predictions, target, weights)
    batch = tuple(predictions.shape[:-n_axes])
    residuals = xp.reshape(predictions - target, (*batch, n_steps, -1))
    residuals = xp.reshape(residuals, (-1, *residuals.shape[-2:]))
    losses = _quadratic_forms(xp, residuals @ xp.matrix_transpose(residuals), mixture_coefficients(weights))
    return xp.reshape(losses / target.shape[0], (*batch, *weights.shape[:-1], n_steps))


def _quadratic_forms(xp: Any, matrices: Any, mixture: Any) -> Any:
    """Row by row C M C^T, for each matrix (B, T, T) and each mixture (..., T, T): shape (B, number of rows)."""
    rows = xp.reshape(mixture, (-1, mixture.shape[-1]))
    return xp.sum((rows @ matrices) * rows, axis=-1)


def _blocks(n_items: int, size_of_item: int) -> Iterator[slice]:
    """Parts of a range, none larger than a block."""
    length = max(1, _BLOCK_SIZE // size_of_item)
    for start in range(0, n_items, length):
        yield slice(start, min(start + length, n_items))
