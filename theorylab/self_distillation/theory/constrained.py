r"""Self-distillation under a constraint on the training error: how long the fit survives.

Here each round asks for the smallest function that fits the previous one to a given tolerance,

.. math::
    f^{(t)} = \arg\min_f \|f\|_{\mathcal H} \quad \text{subject to} \quad
    \frac1n \sum_i \big(f(x_i) - y^{(t-1)}_i\big)^2 \le \epsilon .

With :math:`G = K/n = V\,\mathrm{diag}(g)\,V^T` and :math:`z_t = V^T y^{(t)}` the solution is
:math:`z_t = \frac{g}{c_t + g} z_{t-1}`, a ridge fit whose ridge :math:`n c_t` grows from round to round, where

.. math:: \sum_j \Big(\frac{c_t}{c_t + g_j}\Big)^2 z_{t-1,j}^2 = n\epsilon,

until :math:`\|z_{t-1}\|^2 \le n\epsilon`: then the solution is zero, and the fit has collapsed.

With :math:`\kappa = g_{\max}/g_{\min}` and :math:`r_0 = \|y^{(0)}\|/\sqrt{n\epsilon}` the functions below bound the
multipliers, the norms, the number of rounds and the ratios of the filters.  All bounds need a positive definite K, and
are loose for one that is ill-conditioned.

Source: [mobahi2020]_, re-derived here.

.. [mobahi2020] H. Mobahi, M. Farajtabar, P. L. Bartlett, "Self-distillation amplifies regularization in Hilbert space",
   NeurIPS 2020, arXiv:2002.05715.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from theorylab import arrays, numerics, validation
from theorylab.self_distillation.theory._arguments import check_falling
from theorylab.self_distillation.theory.eigensystem import KernelEigensystem

__all__ = [
    "ConstrainedPath",
    "constrained_distillation_path",
    "filter_ratio_bound",
    "guaranteed_rounds",
    "multiplier_bounds",
    "norm_bound",
]

#: How far the bracket of log(c) reaches beyond its bounds, which meet for a multiple of the identity.
_ROOM = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConstrainedPath:
    r"""Rounds of constrained self-distillation until the collapse.

    Parameters
    ----------
    multipliers : array, shape (t,)
        :math:`c_1, \dots, c_t` of the rounds with a solution other than zero; the ridge of round t is :math:`n c_t`.
    filters : array, shape (t, n)
        Products :math:`B^{(t)}_j = \prod_{s \le t} g_j/(c_s + g_j)`, in the order of falling eigenvalues.
    predictions : array, shape (t, n) or (t, n, c)
        Training predictions :math:`y^{(1)}, \dots, y^{(t)}`.
    norms : array, shape (t + 1,)
        :math:`\|y^{(0)}\|, \dots, \|y^{(t)}\|`, starting with that of the targets.
    collapsed_at : int or None
        Number of the first round whose solution is zero, t + 1; None when there is none among those asked for.
    """

    multipliers: Any
    filters: Any
    predictions: Any
    norms: Any
    collapsed_at: int | None


def constrained_distillation_path(K: Any, y: Any, tolerance: float, n_rounds: int) -> ConstrainedPath:
    r"""Multipliers and predictions of constrained self-distillation, round by round.

    .. math:: z_t = \frac{g}{c_t + g} z_{t-1}, \qquad \sum_j \Big(\frac{c_t}{c_t + g_j}\Big)^2 z_{t-1,j}^2 = n\epsilon

    Parameters
    ----------
    K : array_like, shape (n, n)
        Symmetric positive semi-definite kernel matrix.
    y : array_like, shape (n,) or (n, c)
        Targets; the constraint is on the sum over outputs.
    tolerance : float
        :math:`\epsilon > 0`, mean squared training error allowed.
    n_rounds : int
        Largest number of rounds.

    Returns
    -------
    ConstrainedPath
        It ends early when the fit collapses.

    Raises
    ------
    ValueError
        If `K` is singular and no function meets the tolerance, or an argument is outside its range.
    NotConverged
        If a multiplier is not found.

    Notes
    -----
    Source: [mobahi2020]_.

    Examples
    --------
    >>> path = constrained_distillation_path([[2.0, 0.0], [0.0, 2.0]], [3.0, 0.0], 0.5, n_rounds=5)
    >>> [round(float(x), 9) for x in path.norms], path.collapsed_at
    ([3.0, 2.0, 1.0], 3)
    """
    system = KernelEigensystem.from_gram(K)
    n = system.eigenvalues.shape[0]
    budget = n * validation.check_number("tolerance", tolerance, exclusive_minimum=0.0)
    n_rounds = int(validation.check_count("n_rounds", n_rounds))
    coefficients = system.coefficients(y)
    xp, (values, z) = arrays.promote(system.eigenvalues / n, coefficients)
    values = xp.where(values > n * xp.finfo(values.dtype).eps * values[0], values, xp.zeros_like(values))
    power = z**2 if z.ndim == 1 else xp.sum(z**2, axis=1)
    multipliers: list[Any] = []
    filters, norms = [xp.ones_like(values)], [xp.sqrt(xp.sum(power))]
    while len(multipliers) < n_rounds and float(norms[-1]) ** 2 > budget:
        multipliers.append(_multiplier(xp, values, power * filters[-1] ** 2, budget))
        filters.append(filters[-1] * values / (multipliers[-1] + values))
        norms.append(xp.sqrt(xp.sum(power * filters[-1] ** 2)))
    kept = xp.stack(filters, axis=0)[1:, :]
    return ConstrainedPath(
        multipliers=xp.stack(multipliers) if multipliers else values[:0],
        filters=kept,
        predictions=system.apply(kept, y),
        norms=xp.stack(norms),
        collapsed_at=len(multipliers) + 1 if float(norms[-1]) ** 2 <= budget else None,
    )


def multiplier_bounds(eigenvalues: Any, norm: Any, tolerance: float) -> tuple[Any, Any]:
    r"""Bounds of the multiplier of a round from the norm of what it is trained on.

    .. math::
        \frac{g_{\min} \sqrt{n\epsilon}}{\|z\| - \sqrt{n\epsilon}} \le c
        \le \frac{g_{\max} \sqrt{n\epsilon}}{\|z\| - \sqrt{n\epsilon}}

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix K itself, > 0; :math:`g` are these divided by n.
    norm : array_like, shape (...)
        :math:`\|y^{(t-1)}\|`, above :math:`\sqrt{n\epsilon}`.
    tolerance : float
        :math:`\epsilon > 0`.

    Returns
    -------
    lower, upper : array, shape (...)
        float64.

    Notes
    -----
    Source: [mobahi2020]_.

    Examples
    --------
    >>> lower, upper = multiplier_bounds([4.0, 2.0], 3.0, 0.5)
    >>> float(lower), float(upper)
    (0.5, 1.0)
    """
    xp, values, norm, radius = _problem(eigenvalues, norm, tolerance, "norm")
    share = radius / (norm - radius) / values.shape[0]
    return xp.min(values) * share, xp.max(values) * share


def guaranteed_rounds(eigenvalues: Any, target_norm: Any, tolerance: float) -> Any:
    r"""Number of rounds for which the fit cannot collapse, :math:`(r_0 - 1)/\kappa`.

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, > 0.
    target_norm : array_like, shape (...)
        :math:`\|y^{(0)}\|`, above :math:`\sqrt{n\epsilon}`.
    tolerance : float
        :math:`\epsilon > 0`.

    Returns
    -------
    array, shape (...)
        Not rounded to a whole number, float64.

    Notes
    -----
    Source: [mobahi2020]_.

    Examples
    --------
    >>> float(guaranteed_rounds([4.0, 2.0], 3.0, 0.5))
    1.0
    """
    xp, values, norm, radius = _problem(eigenvalues, target_norm, tolerance, "target_norm")
    return (norm / radius - 1.0) * xp.min(values) / xp.max(values)


def norm_bound(eigenvalues: Any, target_norm: float, tolerance: float, rounds: Any) -> Any:
    r"""Lower bound of the norm of the predictions after some rounds.

    .. math::
        \|y^{(t)}\| \ge a^t \|y^{(0)}\| - \sqrt{n\epsilon}\, b\, \frac{a^t - 1}{a - 1}, \qquad
        a = \frac{(r_0-1)^2 + \kappa (2 r_0 - 1)}{(r_0 - 1 + \kappa)^2}, \quad
        b = \frac{r_0^2 \kappa}{(r_0 - 1 + \kappa)^2}

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, > 0.
    target_norm : float
        :math:`\|y^{(0)}\|`, above :math:`\sqrt{n\epsilon}`.
    tolerance : float
        :math:`\epsilon > 0`.
    rounds : array_like, shape (...)
        Numbers of rounds t >= 0 before the collapse.

    Returns
    -------
    array, shape (...)
        Where it is not positive it says nothing; float64.

    Notes
    -----
    Source: [mobahi2020]_.

    Examples
    --------
    >>> norm_bound([2.0, 2.0], 3.0, 0.5, [0, 1, 2]).tolist()
    [3.0, 2.0, 1.0]
    """
    target_norm = validation.check_number("target_norm", target_norm)
    xp, values, norm, radius = _problem(eigenvalues, target_norm, tolerance, "target_norm")
    _, (rounds,) = arrays.promote(validation.check_array("rounds", rounds, minimum=0.0), like=values)
    excess, condition = norm / radius - 1.0, xp.max(values) / xp.min(values)
    scale = (excess + condition) ** 2
    loss = condition * (condition - 1.0) / scale  # 1 - a
    decay = xp.exp(rounds * xp.log1p(-loss))
    growing = loss > 0.0
    # the geometric sum 1 + a + ... + a^(t-1), which is t for a multiple of the identity
    total = xp.where(growing, (1.0 - decay) / xp.where(growing, loss, xp.ones_like(loss)), rounds)
    return decay * norm - radius * (excess + 1.0) ** 2 * condition / scale * total


def filter_ratio_bound(eigenvalues: Any, target_norm: float, tolerance: float, rounds: Any) -> Any:
    r"""Lower bound of the ratio of the filters of neighbouring components after some rounds.

    .. math::
        \frac{B^{(t)}_k}{B^{(t)}_j} \ge \Big(\frac{r_0 - 1 + g_{\min}/g_j}{r_0 - 1 + g_{\min}/g_k}\Big)^t,
        \qquad g_k \ge g_j

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the Gram matrix, > 0, falling.
    target_norm : float
        :math:`\|y^{(0)}\|`, above :math:`\sqrt{n\epsilon}`.
    tolerance : float
        :math:`\epsilon > 0`.
    rounds : array_like, shape (...)
        Numbers of rounds t >= 0, at most :func:`guaranteed_rounds`.

    Returns
    -------
    array, shape (..., n - 1)
        To be compared with :func:`eigen_ratio` of the path's filters, float64.

    Notes
    -----
    Source: [mobahi2020]_.

    Examples
    --------
    >>> filter_ratio_bound([4.0, 2.0], 3.0, 0.5, 1)[0].item()
    1.2
    """
    target_norm = validation.check_number("target_norm", target_norm)
    eigenvalues = check_falling(eigenvalues)
    _, values, norm, radius = _problem(eigenvalues, target_norm, tolerance, "target_norm")
    xp, (rounds,) = arrays.promote(validation.check_array("rounds", rounds, minimum=0.0), like=values)
    relative = norm / radius - 1.0 + xp.min(values) / values
    return (relative[1:] / relative[:-1]) ** rounds[..., None]


def _multiplier(xp: Any, values: Any, power: Any, budget: float) -> Any:
    """Root c of sum (c / (c + g))^2 z^2 = n eps, in log c."""
    learnable = values > 0.0
    remaining = budget - float(xp.sum(xp.where(learnable, xp.zeros_like(power), power)))
    if not remaining > 0.0:
        raise ValueError(
            f"tolerance must exceed {(budget - remaining) / values.shape[0]:.6g}, the mean square of y outside the "
            f"range of K; got {budget / values.shape[0]:.6g}. No function of this kernel comes closer."
        )
    power = xp.where(learnable, power, xp.zeros_like(power))
    radius = math.sqrt(remaining)
    share = radius / (math.sqrt(float(xp.sum(power))) - radius)
    smallest = xp.min(xp.where(learnable, values, xp.full_like(values, xp.inf)))

    def excess(log_multiplier: Any) -> tuple[Any, Any]:
        fraction = xp.exp(log_multiplier)[..., None] / (xp.exp(log_multiplier)[..., None] + values)
        total = xp.sum(fraction**2 * power, axis=-1)
        return xp.log(total / remaining), 2.0 * xp.sum(fraction**2 * (1.0 - fraction) * power, axis=-1) / total

    lower, upper = xp.log(smallest * share), xp.log(xp.max(values) * share)
    return xp.exp(numerics.find_root(excess, lower - _ROOM, upper + _ROOM, derivative=True).root)


def _problem(eigenvalues: Any, norm: Any, tolerance: float, name: str) -> tuple[Any, Any, Any, float]:
    """Eigenvalues, norm of the targets, and the radius sqrt(n eps) below which everything collapses."""
    values = validation.check_array("eigenvalues", eigenvalues, ndim=1, exclusive_minimum=0.0)
    tolerance = validation.check_number("tolerance", tolerance, exclusive_minimum=0.0)
    radius = math.sqrt(values.shape[0] * tolerance)
    norm = validation.check_array(name, norm, exclusive_minimum=radius)
    xp, (values, norm) = arrays.promote(values, norm)
    return xp, values, norm, radius
