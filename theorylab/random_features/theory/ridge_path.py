"""The risk along the ridge, and the best ridge, with the effective ridge as the parameter; derived here."""

from __future__ import annotations

import math
from typing import Any

from theorylab import arrays, numerics, validation
from theorylab.random_features.problem import SpectralFunctions
from theorylab.random_features.theory._self_consistency import (
    gaps,
    kappa_of,
    problems_of,
    solve,
)
from theorylab.random_features.theory.eigenframework import RiskEstimate, risk_at, risk_estimate

__all__ = ["optimal_ridge", "risk_path"]

#: Scan of the optimal ridge: points, and how far log(gamma) reaches above that of the largest eigenvalue.
_SCAN_POINTS, _SCAN_ROOM = 300, 15.0


def risk_path(
    spectrum: SpectralFunctions, n_samples: Any, n_features: Any, noise_variance: Any, gammas: Any
) -> tuple[Any, RiskEstimate]:
    r"""Ridge and risk along given effective ridges: the equation read from right to left, no root finding.

    Parameters
    ----------
    spectrum : KernelSpectrum or TabulatedSpectrum
        The kernel and the target's power on its modes.
    n_samples, n_features, noise_variance : array_like
        As in :func:`risk_estimate`, with a finite number of samples.
    gammas : array_like
        Effective ridges, > 0, at least that of zero ridge (where df1 is min(n, k)).  All four broadcast.

    Returns
    -------
    ridges : array
        :math:`\delta` that belongs to each effective ridge.
    risk : RiskEstimate
        The predicted errors.

    Raises
    ------
    ValueError
        If an effective ridge is below that of zero ridge, or an argument is out of range.

    Notes
    -----
    Derived here.  Near zero ridge the gap is a difference, so the ridge itself loses relative accuracy there.

    Examples
    --------
    >>> from theorylab.random_features.problem import KernelSpectrum
    >>> ridges, risk = risk_path(KernelSpectrum([1.0], [1.0], [300]), 150, 100, 0.2, [2.0, 3.0])
    >>> [round(float(ridge), 12) for ridge in ridges]
    [0.0, 56.25]
    """
    gammas = validation.check_array("gammas", gammas, exclusive_minimum=0.0)
    problems = problems_of(spectrum, n_samples, n_features, gammas, noise_variance)
    xp, gamma = problems.xp, problems.ridge
    if bool(xp.any(xp.isinf(problems.n))):
        raise ValueError("n_samples must be finite; got inf. The ridge has no effect on infinitely many samples.")
    sums = spectrum.spectral_sums(gamma)
    gap = problems.interpolation - sums.df1
    rounding = 1e-12 * problems.interpolation
    if bool(xp.any(gap < -rounding)):
        raise ValueError(
            f"gammas must be at least the effective ridge of zero ridge; got {float(xp.min(gamma)):.6g} as the "
            "smallest. Take effective_regularization(..., ridge=0).gamma as the lower end."
        )
    gap = xp.maximum(gap, xp.zeros_like(gap))
    sample_gap, feature_gap = gaps(problems, gap)
    population = 1.0 - sums.df1 / problems.population
    ridges = kappa_of(problems, gamma, feature_gap) * sample_gap / population
    return problems.unflatten(ridges), risk_at(problems, gamma, sums, gap)


def optimal_ridge(
    spectrum: SpectralFunctions, n_samples: Any, n_features: Any = math.inf, noise_variance: Any = 0.0
) -> tuple[Any, RiskEstimate]:
    """Ridge that minimises the predicted error on points not trained on, and the risk there.

    Parameters
    ----------
    spectrum : KernelSpectrum or TabulatedSpectrum
        The kernel and the target's power on its modes.
    n_samples, n_features, noise_variance : array_like
        As in :func:`risk_estimate`, with a finite number of samples; they broadcast.

    Returns
    -------
    ridge : array
        The minimiser; exactly zero where interpolation is optimal.
    risk : RiskEstimate
        The predicted errors at that ridge.

    Notes
    -----
    Derived here.  The test error is scanned over the effective ridge and the best bracket is refined by golden
    section, so several minima do no harm; the minimiser is accurate to about 1e-7 relative, the minimum to rounding.

    Examples
    --------
    >>> from theorylab.random_features.problem import KernelSpectrum
    >>> ridge, _ = optimal_ridge(KernelSpectrum([1.0], [1.0], [300]), 150, noise_variance=0.2)
    >>> round(float(ridge), 3)
    60.0
    """
    problems = problems_of(spectrum, n_samples, n_features, 0.0, noise_variance)
    xp = problems.xp
    start, _ = solve(spectrum, problems)
    smallest, largest = spectrum.eigenvalue_range
    start = xp.log(xp.where(start > 0.0, start, xp.full_like(start, 1e-8 * smallest)))

    def test_mse(log_gamma: Any) -> Any:
        gamma = xp.maximum(xp.exp(log_gamma), xp.exp(start))  # rounding must not lead below zero ridge
        return _on_new_points(risk_path(spectrum, problems.n, problems.k, problems.noise, gamma)[1])

    # From zero ridge, far below the spectrum where every mode can be learned, to far above it.
    step = (xp.maximum(start, xp.full_like(start, math.log(largest))) + _SCAN_ROOM - start) / (_SCAN_POINTS - 1)
    _, (index,) = arrays.promote(list(range(_SCAN_POINTS)), like=start)
    best = xp.argmin(test_mse(start + step * index[:, None]), axis=0)
    centre = start + step * xp.take(index, best, axis=0)
    refined = numerics.minimize_unimodal(test_mse, xp.maximum(start, centre - step), centre + step)
    ridge, _ = risk_path(spectrum, problems.n, problems.k, problems.noise, xp.maximum(xp.exp(refined), xp.exp(start)))
    fitted = risk_estimate(spectrum, problems.n, problems.k, ridge, problems.noise)
    ridgeless = risk_estimate(spectrum, problems.n, problems.k, 0.0, problems.noise)
    ridge = xp.where(_on_new_points(ridgeless) <= _on_new_points(fitted), xp.zeros_like(ridge), ridge)
    ridge = problems.unflatten(ridge)
    return ridge, risk_estimate(spectrum, n_samples, n_features, ridge, noise_variance)


def _on_new_points(risk: RiskEstimate) -> Any:
    """Error outside the training set: of a finite population held out, or of all its points where none are left."""
    if risk.heldout_mse is None:
        return risk.test_mse
    xp = arrays.namespace(risk.test_mse)
    return xp.where(xp.isnan(risk.heldout_mse), risk.test_mse, risk.heldout_mse)
