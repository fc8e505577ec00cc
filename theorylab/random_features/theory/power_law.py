r"""Kernel ridge regression with power-law spectra: closed forms for many samples, and when to interpolate.

Eigenvalues :math:`\lambda_i = i^{-\alpha}` and target power :math:`v_i^2 = i^{-\beta}`, :math:`\alpha > 1` and
:math:`1 < \beta < 2\alpha+1`; infinitely many features.  Instead of the ridge, the fitting ratio
:math:`R = E_\mathrm{train}/E_\mathrm{test} = r^2` parametrises the family, with :math:`r = \delta/(n\kappa)`.
Interpolation is R = 0.  For :math:`n \to \infty` sums over modes become integrals,

.. math::
    \kappa = \Big[\frac{C_\alpha}{n(1-r)}\Big]^{\alpha}, \qquad
    E_\mathrm{test} = \frac{\alpha}{1+(\alpha-1)r}\Big\{\frac{D_{\alpha\beta}}{\alpha}\kappa^{(\beta-1)/\alpha}
    + \sigma^2\Big\},

with :math:`C_\alpha = \Gamma(1-\tfrac1\alpha)\Gamma(1+\tfrac1\alpha)` and, for :math:`d = |\alpha+1-\beta|/\alpha`,
:math:`D_{\alpha\beta} = \Gamma(1-d)\Gamma(1+d)`.  Noise is amplified by :math:`\alpha` when it is interpolated, no more
("tempered" overfitting).  At finite n the sums differ from the integrals by the terms of the Euler-Maclaurin formula:
n(1-r) becomes :math:`n(1-r)+\tfrac12`, which is a factor :math:`(1+\tfrac1{2n})^{-\beta}` in the noise-free error at
R = 0, and a term of relative order :math:`n^{-(2\alpha+1-\beta)}` is added.

Sources: [simon2024]_ (theorem on the optimal fitting ratio, and the corollary that overfitting is obligatory); the
formulas in the form used here, their stable evaluation and the finite-n corrections are derived here.

.. [simon2024] J. B. Simon, D. Karkada, N. Ghosh, M. Belkin, "More is better in modern machine learning: when infinite
   overparameterization is optimal and overfitting is obligatory", ICLR 2024, arXiv:2311.14646.
"""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays, numerics, validation

__all__ = [
    "near_optimal_fitting_ratio",
    "noise_threshold",
    "optimal_fitting_ratio",
    "powerlaw_effective_ridge",
    "powerlaw_test_mse",
    "relative_test_mse",
]

#: By how much a bracket of log(r/(1-r)) reaches beyond the bounds, which meet where there is no noise.
_ROOM = 1.0


def powerlaw_effective_ridge(alpha: Any, n_samples: Any, fitting_ratio: Any = 0.0) -> Any:
    r"""Effective ridge :math:`\kappa = [\pi/(\alpha\sin(\pi/\alpha)\,n(1-\sqrt R))]^{\alpha}` of eigenvalues i^-alpha.

    Parameters
    ----------
    alpha : array_like
        Decay of the eigenvalues, > 1.
    n_samples : array_like
        Number of samples, > 0.
    fitting_ratio : array_like
        R in [0, 1]; 0 is interpolation.  All three broadcast.

    Returns
    -------
    array
        float64; ``inf`` at R = 1.

    Notes
    -----
    The ridge that gives this fitting ratio is :math:`\delta = n\kappa\sqrt R`.  Leading order in n; the next one
    replaces :math:`n(1-\sqrt R)` by :math:`n(1-\sqrt R)+\tfrac12`.  Source: [simon2024]_.

    Examples
    --------
    >>> round(float(powerlaw_effective_ridge(2.0, 100)) * 100**2 / (math.pi / 2) ** 2, 12)
    1.0
    """
    alpha = validation.check_array("alpha", alpha, exclusive_minimum=1.0)
    n = validation.check_array("n_samples", n_samples, exclusive_minimum=0.0)
    xp, (alpha, n, ratio) = arrays.promote(alpha, n, _checked_ratio(fitting_ratio))
    alpha, n, ratio = xp.broadcast_arrays(alpha, n, ratio)
    log_left = _log_left(xp, ratio)
    constant = _gamma_pair(xp, 1.0 / alpha, (alpha - 1.0) / alpha)
    return xp.exp(alpha * (xp.log(constant / n) - log_left))


def powerlaw_test_mse(alpha: Any, beta: Any, n_samples: Any, fitting_ratio: Any, noise_variance: Any = 0.0) -> Any:
    r"""Test error of kernel ridge regression on a power-law spectrum, for many samples.

    .. math::
        E_\mathrm{test} = \frac{\alpha}{1+(\alpha-1)r}
        \Big\{\frac{\Gamma(2-s)\Gamma(s)}{\alpha}\,\kappa^s + \sigma^2\Big\},
        \qquad s = \frac{\beta-1}{\alpha}, \quad r = \sqrt R .

    Parameters
    ----------
    alpha, beta : array_like
        Decay of the eigenvalues, > 1, and of the target's power, in (1, 2 alpha + 1).
    n_samples : array_like
        Number of samples, > 0.
    fitting_ratio : array_like
        Train error over test error, R in [0, 1]; 0 is interpolation.
    noise_variance : array_like
        :math:`\sigma^2 \ge 0` of the label noise, in train and test labels.  All five broadcast.

    Returns
    -------
    array
        float64; ``inf`` at R = 1, where the asymptotic form ends.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Leading order in n, see the top of this module; it assumes an effective ridge far below the largest eigenvalue, so
    :math:`n(1-r) \gg 1`.  Source: [simon2024]_.

    Examples
    --------
    >>> [round(float(mse), 4) for mse in powerlaw_test_mse(1.5, 1.5, 200, [0.0, 0.1849], noise_variance=[0.0, 0.1])]
    [0.2659, 0.4134]
    """
    xp, (alpha, beta, noise, ratio, n) = _broadcast(
        alpha,
        beta,
        noise_variance=noise_variance,
        fitting_ratio=_checked_ratio(fitting_ratio),
        n_samples=validation.check_array("n_samples", n_samples, exclusive_minimum=0.0),
    )
    shift = xp.abs(alpha + 1.0 - beta) / alpha
    bias = _gamma_pair(xp, shift, xp.minimum(beta - 1.0, 2.0 * alpha + 1.0 - beta) / alpha)
    constant = _gamma_pair(xp, 1.0 / alpha, (alpha - 1.0) / alpha)
    # kappa^s, without the detour over kappa
    power = xp.exp((beta - 1.0) * (xp.log(constant / n) - _log_left(xp, ratio)))
    return (bias * power + alpha * noise) / (1.0 + (alpha - 1.0) * xp.sqrt(ratio))


def relative_test_mse(alpha: Any, beta: Any, fitting_ratio: Any, relative_noise: Any = 0.0) -> Any:
    r"""Test error at a fitting ratio over that of interpolation, for many samples.

    .. math::
        \frac{E_\mathrm{test}(R)}{E_\mathrm{test}(0)} = \frac{(1-r)^{1-\beta} + \alpha\sigma_\mathrm{rel}^2}
        {(1+(\alpha-1)r)(1+\alpha\sigma_\mathrm{rel}^2)}, \qquad r = \sqrt R .

    Parameters
    ----------
    alpha, beta : array_like
        Decay of the eigenvalues, > 1, and of the target's power, in (1, 2 alpha + 1).
    fitting_ratio : array_like
        R in [0, 1].
    relative_noise : array_like
        :math:`\sigma_\mathrm{rel}^2 \ge 0`: noise variance over the noise-free test error of interpolation at the same
        number of samples.  All four broadcast.

    Returns
    -------
    array
        float64; ``inf`` at R = 1.  Accurate to rounding also as a deviation from one near R = 0.

    Notes
    -----
    Near interpolation it is :math:`1 + r\,[\beta-\alpha-\alpha(\alpha-1)\sigma_\mathrm{rel}^2]
    /(1+\alpha\sigma_\mathrm{rel}^2) + O(r^2)`: linear in :math:`\sqrt R`.  Source: [simon2024]_.

    Examples
    --------
    >>> [round(float(error), 4) for error in relative_test_mse(1.5, 2.5, [0.0, 0.01], relative_noise=0.5)]
    [1.0, 1.0456]
    """
    xp, (alpha, beta, noise, ratio) = _broadcast(
        alpha, beta, relative_noise=relative_noise, fitting_ratio=_checked_ratio(fitting_ratio)
    )
    return xp.exp(_log_relative(xp, alpha, beta, noise, xp.sqrt(ratio), _log_left(xp, ratio)))


def noise_threshold(alpha: Any, beta: Any) -> Any:
    r"""Relative noise :math:`(\beta-\alpha)/(\alpha(\alpha-1))` up to which interpolation is optimal.

    Parameters
    ----------
    alpha, beta : array_like
        Decay of the eigenvalues, > 1, and of the target's power, in (1, 2 alpha + 1); they broadcast.

    Returns
    -------
    array
        float64; negative where a ridge helps even without noise, :math:`\beta < \alpha`.

    Notes
    -----
    The sign of the slope of :func:`relative_test_mse` at R = 0.  Source: [simon2024]_, corollary.

    Examples
    --------
    >>> float(noise_threshold(2.0, 3.0))
    0.5
    """
    _, (alpha, beta, _) = _broadcast(alpha, beta, relative_noise=0.0)
    return (beta - alpha) / (alpha * (alpha - 1.0))


def optimal_fitting_ratio(alpha: Any, beta: Any, relative_noise: Any = 0.0) -> Any:
    r"""Fitting ratio :math:`R_* = r_*^2` of the optimal ridge, for many samples; exactly zero where interpolation wins.

    :math:`r_*` is the root in (0, 1) of the decreasing function

    .. math::
        \alpha-\beta-(\alpha-1)\beta r+\alpha(\alpha-1)\sigma_\mathrm{rel}^2(1-r)^\beta = 0 .

    Parameters
    ----------
    alpha, beta : array_like
        Decay of the eigenvalues, > 1, and of the target's power, in (1, 2 alpha + 1).
    relative_noise : array_like
        :math:`\sigma_\mathrm{rel}^2 \ge 0`, as in :func:`relative_test_mse`.  All three broadcast.

    Returns
    -------
    array
        float64 in [0, 1).

    Raises
    ------
    ValueError
        If an argument is out of range.
    NotConverged
        If the root finder fails (not seen).

    Notes
    -----
    Zero exactly where `relative_noise` is at most :func:`noise_threshold`.  Without noise it is
    :math:`((\alpha-\beta)/((\alpha-1)\beta))^2` for :math:`\beta < \alpha`.  Source: [simon2024]_, theorem on the
    optimal fitting ratio; the bounds of the root are derived here.

    Examples
    --------
    >>> [round(float(ratio), 4) for ratio in optimal_fitting_ratio(2.0, [1.5, 3.0, 3.0], [0.0, 0.5, 5.0])]
    [0.1111, 0.0, 0.1577]
    """
    xp, (alpha, beta, noise) = _broadcast(alpha, beta, relative_noise=relative_noise)
    log_odds, interior = _optimal_log_odds(xp, alpha, beta, noise)
    return xp.where(interior, 1.0 / (1.0 + xp.exp(-log_odds)) ** 2, xp.zeros_like(alpha))


def near_optimal_fitting_ratio(alpha: Any, beta: Any, relative_excess: Any, relative_noise: Any = 0.0) -> Any:
    r"""Largest fitting ratio whose test error is within :math:`1+\epsilon` of the smallest, for many samples.

    It says how obligatory overfitting is: below the noise threshold a near-optimal error forces near-interpolation,
    :math:`R_\epsilon \approx \epsilon^2 (1+\alpha\sigma_\mathrm{rel}^2)^2
    /(\beta-\alpha-\alpha(\alpha-1)\sigma_\mathrm{rel}^2)^2`.

    Parameters
    ----------
    alpha, beta : array_like
        Decay of the eigenvalues, > 1, and of the target's power, in (1, 2 alpha + 1).
    relative_excess : array_like
        :math:`\epsilon > 0`.
    relative_noise : array_like
        :math:`\sigma_\mathrm{rel}^2 \ge 0`, as in :func:`relative_test_mse`.  All four broadcast.

    Returns
    -------
    array
        float64 in (0, 1], above :func:`optimal_fitting_ratio`; 1 only by rounding.

    Raises
    ------
    ValueError
        If an argument is out of range.
    NotConverged
        If the root finder fails (not seen).

    Notes
    -----
    Derived here from :func:`relative_test_mse`, which falls up to the optimum and rises beyond it.

    Examples
    --------
    >>> round(float(near_optimal_fitting_ratio(1.5, 2.5, 1e-4)) * 1e8, 2)
    1.0
    """
    excess = validation.check_array("relative_excess", relative_excess, exclusive_minimum=0.0)
    xp, (alpha, beta, noise, excess) = _broadcast(alpha, beta, relative_noise=relative_noise, relative_excess=excess)
    log_odds, interior = _optimal_log_odds(xp, alpha, beta, noise)

    def log_error(u: Any) -> Any:
        return _log_relative(xp, alpha, beta, noise, 1.0 / (1.0 + xp.exp(-u)), -xp.logaddexp(u, xp.zeros_like(u)))

    least = xp.where(interior, log_error(log_odds), xp.zeros_like(alpha))
    # The error lies between (1-r)^(1-beta) / (alpha (1 + alpha noise)) and (1-r)^(1-beta).
    narrow = xp.log1p(excess) / (beta - 1.0)
    wide = narrow + xp.log(alpha * (1.0 + alpha * noise)) / (beta - 1.0)
    start = xp.where(interior, log_odds, narrow + xp.log(-xp.expm1(-narrow)) - _ROOM)
    target = least + xp.log1p(excess)
    found = numerics.find_root(lambda u: log_error(u) - target, start, xp.maximum(start, wide) + _ROOM)
    return 1.0 / (1.0 + xp.exp(-found.root)) ** 2


def _checked_ratio(fitting_ratio: Any) -> Any:
    return validation.check_array("fitting_ratio", fitting_ratio, minimum=0.0, maximum=1.0)


def _broadcast(alpha: Any, beta: Any, **rest: Any) -> tuple[Any, list[Any]]:
    """Checked exponents, noise and further arrays, as float64 arrays of one shape."""
    alpha = validation.check_array("alpha", alpha, exclusive_minimum=1.0)
    beta = validation.check_array("beta", beta, exclusive_minimum=1.0)
    for name in ("noise_variance", "relative_noise"):
        if name in rest:
            rest[name] = validation.check_array(name, rest[name], minimum=0.0)
    xp, values = arrays.promote(alpha, beta, *rest.values())
    alpha, beta, *others = xp.broadcast_arrays(*values)
    if bool(xp.any(beta >= 2.0 * alpha + 1.0)):
        raise ValueError(
            f"beta must be below 2 alpha + 1; got {float(xp.max(beta)):g} with alpha down to {float(xp.min(alpha)):g}. "
            "A smoother target is learned faster than any power law of the spectrum's tail: use risk_estimate."
        )
    return xp, [alpha, beta, *others]


def _gamma_pair(xp: Any, d: Any, complement: Any) -> Any:
    r"""Gamma(1-d) Gamma(1+d) = pi d / sin(pi d) for 0 <= d < 1, with 1 - d given so that no digits are lost near 1."""
    sine = xp.sin(math.pi * xp.minimum(d, complement))
    vanishing = d < 1e-9  # the value is 1 + (pi d)^2 / 6
    return xp.where(vanishing, xp.ones_like(d), math.pi * d / xp.where(vanishing, xp.ones_like(d), sine))


def _log_left(xp: Any, ratio: Any) -> Any:
    """log(1 - sqrt(R)), minus infinity at R = 1."""
    left = (1.0 - ratio) / (1.0 + xp.sqrt(ratio))
    positive = left > 0.0
    return xp.where(positive, xp.log(xp.where(positive, left, xp.ones_like(left))), xp.full_like(left, -math.inf))


def _log_relative(xp: Any, alpha: Any, beta: Any, noise: Any, r: Any, log_left: Any) -> Any:
    """Logarithm of the relative test error from r and log(1 - r), without cancellation near r = 0."""
    return xp.log1p(xp.expm1((1.0 - beta) * log_left) / (1.0 + alpha * noise)) - xp.log1p((alpha - 1.0) * r)


def _optimal_log_odds(xp: Any, alpha: Any, beta: Any, noise: Any) -> tuple[Any, Any]:
    """log(r/(1-r)) of the optimum, and where it lies inside (0, 1); elsewhere the first is meaningless.

    The equation's left side is convex and decreasing in r: the tangent at r = 0 meets zero below the root, the chord to
    r = 1 above it.
    """
    threshold = (beta - alpha) / (alpha * (alpha - 1.0))
    interior = noise > threshold
    noise = xp.where(interior, noise, xp.abs(threshold) + 1.0)  # any problem that has a root
    weight = alpha * (alpha - 1.0) * noise
    excess = alpha * (alpha - 1.0) * (noise - threshold)
    chord = excess / (alpha * (beta - 1.0))
    tangent = chord / (1.0 + (alpha - 1.0) * noise)

    def equation(u: Any) -> tuple[Any, Any]:
        r, left = 1.0 / (1.0 + xp.exp(-u)), 1.0 / (1.0 + xp.exp(u))
        log_left = -xp.logaddexp(u, xp.zeros_like(u))
        # The same value twice: without cancellation near r = 0, and near r = 1.
        low = excess - (alpha - 1.0) * beta * r + weight * xp.expm1(beta * log_left)
        high = (alpha - 1.0) * beta * left - alpha * (beta - 1.0) + weight * xp.exp(beta * log_left)
        slope = -beta * ((alpha - 1.0) + weight * xp.exp((beta - 1.0) * log_left)) * r * left
        return xp.where(u < 0.0, low, high), slope

    lower, upper = xp.log(tangent) - _ROOM, xp.log(chord) + _ROOM
    return numerics.find_root(equation, lower, upper, derivative=True).root, interior
