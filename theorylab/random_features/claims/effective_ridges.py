"""The two effective ridges: what is learned of each mode, and the empirical kernel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theorylab import arrays
from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._simulation import KAPPA_BIAS, RESOLUTION, run_sweep
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["effective_ridges"]

_RIDGES = (0.0, 0.05, 1.0)
#: Modes are averaged over groups, the first ones alone: fewer comparisons, each with less noise.
_N_GROUPS = 16


def _spectrum(n_modes: int) -> KernelSpectrum:
    return KernelSpectrum.power_law(1.5, 1.5, n_modes)


def _learned_cell(*, n_modes: int, backend: str, device: str, **cell: Any) -> experiment.LearnedFractions:
    """One point of a sweep: plain arguments in, trials out."""
    return experiment.simulate_learned_fractions(_spectrum(n_modes), backend=arrays.backend(backend, device), **cell)


@claim(
    statement=r"Two effective ridges govern a fit: mode i is learned to the mean fraction "
    r"$L_i = \lambda_i/(\lambda_i+\gamma)$, the empirical kernel has $1/\kappa = \mathrm{tr}(\hat K+\delta)^{-1}$ with "
    r"$\kappa = \gamma(1-z/k) < \gamma$, and $\sum_i L_i = z = n - \delta/\kappa$ stays below $\min(n, k)$.",
    source="simon2024, eigenframework of random-feature regression; conservation law derived here",
    tolerance="relative error 4/m of both effective ridges with m = min(n, k), the finite-size law of kappa; that is "
    "4/m L(1-L) of a fraction and 4/m sum L(1-L) of their sum; resolution 0.1 for a fraction, 10 % for sum and kappa, "
    "less than half of what the controls are off",
    controls={
        "kernel_ridge": "effective ridge of kernel ridge regression, as if there were infinitely many features",
        "kappa_for_gamma": "effective ridge of the empirical kernel in the place of that of the population",
        "gamma_for_kappa": "effective ridge of the population in the place of that of the empirical kernel",
        "all_parameters": "as many modes learned as there are samples or features, whatever the ridge",
    },
)
def effective_ridges(conditions: Conditions) -> Outcome:
    """Learned fractions and trace of the inverse kernel, on both sides of n = k, without ridge and with."""
    n_modes = conditions.choose(quick=400, full=2000)
    sizes = np.array(conditions.choose(quick=[(60, 90), (90, 60)], full=[(200, 300), (300, 200)]))
    n_trials = conditions.choose(quick=400, full=1000)
    points = [
        {"n_modes": n_modes, "n_samples": n, "n_features": k, "ridges": _RIDGES, "n_trials": n_trials}
        for n, k in sizes.tolist()
    ]
    runs = run_sweep(conditions, _learned_cell, points)
    spectrum, (n, k), ridges = _spectrum(n_modes), sizes.T[:, :, None], np.array(_RIDGES)
    solved = theory.effective_regularization(spectrum, n, k, ridges)
    alone = theory.effective_regularization(spectrum, n, math.inf, ridges)
    finite_size = KAPPA_BIAS / np.minimum(n, k) * np.ones_like(ridges)
    some_ridge = ridges > 0.0  # without, kappa and the sum of the fractions are exact
    slope = _learned(spectrum, solved.gamma) * (1.0 - _learned(spectrum, solved.gamma))

    def fractions(gamma: Any) -> Agreement:
        return _agreement(
            _grouped(_learned(spectrum, gamma)),
            [_grouped(run["fractions"]) for run in runs],
            margin=_grouped(finite_size[..., None] * slope),
            resolution=0.1,
            label="learned fraction of a mode",
        )

    totals = [run["fractions"].sum(axis=-1)[:, some_ridge] for run in runs]

    def total(modes: Any) -> Agreement:
        predicted = np.asarray(modes)[:, some_ridge]
        margin = (finite_size * slope.sum(axis=-1))[:, some_ridge]
        return _agreement(predicted, totals, margin, resolution=RESOLUTION * predicted, label="modes learned in all")

    def trace(kappa: Any) -> Agreement:
        predicted = np.asarray(kappa)[:, some_ridge]
        return _agreement(
            predicted,
            [run["kappa"][:, some_ridge] for run in runs],
            margin=finite_size[:, some_ridge] * predicted,
            resolution=RESOLUTION * predicted,
            label="kappa",
        )

    fewer = np.minimum(n, k) * np.ones_like(ridges)
    most = np.stack([trials.max(axis=0) for trials in totals])
    measured = fractions(solved.gamma)
    return Outcome(
        evidence=[
            measured,
            total(solved.df1),
            trace(solved.kappa),
            Bound(lhs=most, rhs=fewer[:, some_ridge], margin=0.0, label="modes learned, largest of all trials"),
        ],
        controls={
            "kernel_ridge": fractions(alone.gamma),
            "kappa_for_gamma": fractions(solved.kappa),
            "gamma_for_kappa": trace(solved.gamma),
            "all_parameters": total(fewer),
        },
        arrays={
            "n_samples": sizes[:, 0],
            "n_features": sizes[:, 1],
            "ridges": ridges,
            "mode": _grouped(np.arange(1.0, n_modes + 1.0)),
            "measured_fraction": measured.measured,
            "standard_error_fraction": measured.standard_error,
        },
    )


def _learned(spectrum: KernelSpectrum, gamma: Any) -> np.ndarray:
    """Fraction learned of each mode, along a new last axis."""
    fractions: np.ndarray = spectrum.eigenvalues / (spectrum.eigenvalues + np.asarray(gamma)[..., None])
    return fractions


def _grouped(modes: np.ndarray) -> np.ndarray:
    """Means over groups of modes along the last axis."""
    edges = np.geomspace(1, modes.shape[-1] + 1, _N_GROUPS + 1)
    starts = np.unique(np.rint(edges[:-1]).astype(int)) - 1
    sums: np.ndarray = np.add.reduceat(modes, starts, axis=-1)
    return sums / np.diff(starts, append=modes.shape[-1])


def _agreement(predicted: Any, trials: list[np.ndarray], margin: Any, resolution: Any, label: str) -> Agreement:
    return Agreement(
        predicted=predicted,
        measured=np.stack([values.mean(axis=0) for values in trials]),
        standard_error=np.stack([error_of_mean(values) for values in trials]),
        margin=margin,
        resolution=resolution,
        label=label,
    )
