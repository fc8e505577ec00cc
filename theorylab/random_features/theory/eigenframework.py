r"""Test and train error of random-feature ridge regression from a kernel's spectrum.

For n samples, k features and ridge :math:`\delta` the effective ridge :math:`\gamma` solves one scalar equation,

.. math:: \delta = \gamma\,(n - z)(1 - z/k), \qquad z = \sum_i s_i, \quad s_i = \frac{\lambda_i}{\lambda_i+\gamma},

whose right side increases with :math:`\gamma`.  With the gaps :math:`a = n - z`, :math:`b = k - z`, and
:math:`c = \sum_i s_i(1-s_i)`, :math:`h = bc/(b+c)`, :math:`w = c/(b+c)`, the errors are

.. math::
    E_\mathrm{test} = \frac{n}{a+h}\Big[\sum_i (1-s_i)^2 v_i^2 + w \sum_i s_i(1-s_i) v_i^2 + \sigma^2\Big],
    \qquad E_\mathrm{train} = (a/n)^2 E_\mathrm{test}.

No term is negative, so nothing cancels, on either side of n = k and at :math:`\delta = 0`.  The smaller gap is computed
as the root of :math:`s^2 + |n-k| s = \delta k/\gamma`, never as a difference of n and z: the train error would lose its
digits as :math:`\delta \to 0`.

For a target given on a finite population of N points, of which the n samples are drawn *without replacement*, the
projection replaces the Wishart law: :math:`(n-z)` in the equation becomes :math:`(n-z)/(1-z/N)`, and with
:math:`e = (1-n/N)/(1-z/N)` and :math:`B` the bracket above (noise-free)

.. math::
    E_\mathrm{all} = \frac{a + e z}{a + e h} B, \qquad E_\mathrm{train} = \frac{a^2}{n (1-z/N) (a + e h)} B .

Sources: [simon2024]_ (eigenframework of random-feature regression, there with two coupled equations); the one-equation
form with gaps and the finite-population form are derived here.

.. [simon2024] J. B. Simon, D. Karkada, N. Ghosh, M. Belkin, "More is better in modern machine learning: when infinite
   overparameterization is optimal and overfitting is obligatory", ICLR 2024, arXiv:2311.14646.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from theorylab.random_features.problem import SpectralFunctions, SpectralSums
from theorylab.random_features.theory._self_consistency import (
    Problems,
    finite,
    gaps,
    kappa_of,
    problems_of,
    quotient,
    share,
    smaller_gap,
    solve,
)

__all__ = [
    "EffectiveRegularization",
    "RiskEstimate",
    "effective_regularization",
    "risk_estimate",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EffectiveRegularization:
    r"""Solution of the self-consistent equation, for a broadcast batch of problems.

    Parameters
    ----------
    gamma : array
        Effective ridge of the population: mode i is learned to the fraction :math:`\lambda_i/(\lambda_i+\gamma)`.
    kappa : array
        Effective ridge of the empirical kernel, :math:`\kappa = \gamma(1 - z/k) \le \gamma`.
    df1, df2 : array
        :math:`z = \sum s_i` and :math:`q = \sum s_i^2`.
    sample_gap, feature_gap : array
        :math:`n - z` and :math:`k - z`, accurate also where they are tiny.
    n_iterations : int
        Iterations of the root finder; 0 when every problem was solved without it.
    """

    gamma: Any
    kappa: Any
    df1: Any
    df2: Any
    sample_gap: Any
    feature_gap: Any
    n_iterations: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class RiskEstimate:
    """Predicted errors for a broadcast batch of problems; all are mean squared errors summed over outputs.

    Parameters
    ----------
    test_mse : array
        Expected error on a fresh point with a fresh noisy label.  For a finite population: the mean error over all its
        points, those trained on included.
    train_mse : array
        Expected error on the training set.
    excess_risk : array
        ``test_mse - noise_variance``.
    gamma, kappa : array
        Effective ridges, see :class:`EffectiveRegularization`.
    overfitting_coefficient : array
        Factor n/(a+h) by which noise is amplified into test error.
    fitting_ratio : array
        ``train_mse / test_mse``, between 0 (interpolation) and 1.
    heldout_mse : array or None
        For a finite population: the mean error over the points outside the training set; NaN when there are none.
        None otherwise.
    """

    test_mse: Any
    train_mse: Any
    excess_risk: Any
    gamma: Any
    kappa: Any
    overfitting_coefficient: Any
    fitting_ratio: Any
    heldout_mse: Any = None


def effective_regularization(
    spectrum: SpectralFunctions, n_samples: Any, n_features: Any = math.inf, ridge: Any = 0.0
) -> EffectiveRegularization:
    r"""Solve :math:`\delta = \gamma (n - z)(1 - z/k)` for the effective ridge of every problem of a batch.

    For a spectrum with a finite `population_size` :math:`N` the factor :math:`n - z` is :math:`(n - z)/(1 - z/N)`.

    Parameters
    ----------
    spectrum : KernelSpectrum or TabulatedSpectrum
        The kernel.
    n_samples, n_features : array_like
        Numbers of samples and of features, > 0; ``inf`` is allowed for one of the two (kernel ridge regression, or
        infinitely many samples).  They broadcast against each other and against `ridge`.
    ridge : array_like
        :math:`\delta \ge 0` of the unnormalised loss.

    Returns
    -------
    EffectiveRegularization
        float64 arrays of the broadcast shape, in the namespace of the spectrum.

    Raises
    ------
    ValueError
        If an argument is out of range, or a number of samples exceeds the population.
    NotConverged
        If the root finder fails (not seen).

    Notes
    -----
    Derived here from the two coupled equations of [simon2024]_.

    Examples
    --------
    >>> from theorylab.random_features.problem import KernelSpectrum
    >>> isotropic = KernelSpectrum([1.0], multiplicities=[300])
    >>> round(float(effective_regularization(isotropic, 150, 100).gamma), 12)
    2.0
    """
    problems = problems_of(spectrum, n_samples, n_features, ridge, 0.0)
    gamma, n_iterations = solve(spectrum, problems)
    sums = spectrum.spectral_sums(gamma)
    sample_gap, feature_gap = gaps(problems, smaller_gap(problems, gamma, sums))
    fields = {
        "gamma": gamma,
        "kappa": kappa_of(problems, gamma, feature_gap),
        "df1": sums.df1,
        "df2": sums.df1 - sums.variance,
        "sample_gap": sample_gap,
        "feature_gap": feature_gap,
    }
    unflat = {name: problems.unflatten(values) for name, values in fields.items()}
    return EffectiveRegularization(**unflat, n_iterations=n_iterations)


def risk_estimate(
    spectrum: SpectralFunctions,
    n_samples: Any,
    n_features: Any = math.inf,
    ridge: Any = 0.0,
    noise_variance: Any = 0.0,
    *,
    population_size: float | None = None,
) -> RiskEstimate:
    r"""Expected test and train error of random-feature ridge regression.

    Parameters
    ----------
    spectrum : KernelSpectrum or TabulatedSpectrum
        The kernel and the target's power on its modes.
    n_samples, n_features : array_like
        Numbers of samples and of features, > 0; ``inf`` is allowed for one of the two.
    ridge : array_like
        :math:`\delta \ge 0` of the unnormalised loss; zero ridge is the minimum-norm interpolant or least squares.
    noise_variance : array_like
        Variance :math:`\sigma^2` of the label noise, in train and test labels.  The four broadcast.
    population_size : float, optional
        Number of points that the training set is drawn from without replacement; by default that of the spectrum.
        ``inf`` forces the formula for independent samples.

    Returns
    -------
    RiskEstimate
        float64 arrays of the broadcast shape.  At n = k without ridge the test error is ``inf``.

    Raises
    ------
    ValueError
        If an argument is out of range, or noise is given for a finite population (there the targets are values on
        its points).

    Notes
    -----
    Assumes that the modes and the features behave as Gaussian (universality); real features violate it first in the
    train error near interpolation.  The truncation of a spectrum must leave more modes than n and k.  Source:
    [simon2024]_; finite population derived here.

    Examples
    --------
    >>> from theorylab.random_features.problem import KernelSpectrum
    >>> isotropic = KernelSpectrum([1.0], [1.0], [300])
    >>> round(float(risk_estimate(isotropic, 150, 100, noise_variance=0.2).test_mse), 12)
    2.6
    """
    problems = problems_of(spectrum, n_samples, n_features, ridge, noise_variance, population_size)
    gamma, _ = solve(spectrum, problems)
    sums = spectrum.spectral_sums(gamma)
    return risk_at(problems, gamma, sums, smaller_gap(problems, gamma, sums))


def risk_at(problems: Problems, gamma: Any, sums: SpectralSums, smaller: Any) -> RiskEstimate:
    r"""Risk of problems whose effective ridge is known.

    Parameters
    ----------
    problems : Problems
        Flat batch.
    gamma : array, shape (B,)
        Effective ridges.
    sums : SpectralSums
        Spectral sums at `gamma`.
    smaller : array, shape (B,)
        Smaller of the gaps :math:`n - z` and :math:`k - z`.

    Returns
    -------
    RiskEstimate
        In the shape that the arguments of the batch broadcast to.

    Notes
    -----
    The formulas stand at the top of this module; derived here.
    """
    xp = problems.xp
    n, size = problems.n, problems.population
    sample_gap, feature_gap = gaps(problems, smaller)
    # h = b c / (b + c) and w = c / (b + c), with b = inf for kernel ridge regression.
    b = finite(xp, feature_gap)
    shared = xp.where(xp.isinf(feature_gap), sums.variance, quotient(xp, b * sums.variance, b + sums.variance))
    weight = xp.where(xp.isinf(feature_gap), xp.zeros_like(b), quotient(xp, sums.variance, b + sums.variance))
    bracket = sums.bias + weight * sums.mixed + problems.noise

    gap_share, df_share, shared_share = share(xp, sample_gap, n), sums.df1 / n, shared / n
    unlearned = 1.0 - sums.df1 / size
    outside = quotient(xp, 1.0 - n / size, unlearned) if math.isfinite(size) else xp.ones_like(n)
    denominator = gap_share + outside * shared_share
    coefficient = quotient(xp, gap_share + outside * df_share, denominator)
    test = quotient(xp, (gap_share + outside * df_share) * bracket, denominator)
    train = quotient(xp, gap_share**2 * bracket, unlearned * denominator)
    fields = {
        "test_mse": test,
        "train_mse": train,
        "excess_risk": test - problems.noise,
        "gamma": gamma,
        "kappa": kappa_of(problems, gamma, feature_gap),
        "overfitting_coefficient": coefficient,
        "fitting_ratio": quotient(xp, gap_share**2, unlearned * (gap_share + outside * df_share)),
    }
    if math.isfinite(size):
        left = size - n
        heldout = (size * test - n * train) / xp.where(left > 0.0, left, xp.ones_like(left))
        fields["heldout_mse"] = xp.where(left > 0.0, heldout, xp.full_like(left, math.nan))
    return RiskEstimate(**{name: problems.unflatten(values) for name, values in fields.items()})
