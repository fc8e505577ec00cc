"""More samples and more features never hurt, provided that the ridge is the best one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theorylab.claims import Bound, Conditions, Ordering, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.random_features import theory
from theorylab.random_features.claims._digits import DigitsGrid, digits_grid
from theorylab.random_features.claims._simulation import nested_cell, run_sweep, spectrum_of
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["more_is_better"]

#: The ridge of the control, in units of the trace of the kernel.
_FIXED = 1e-3
#: Rounding of a minimum that golden section has found, relative to the power of the labels.
_ROUNDING = 1e-10
_NOISE = 0.1


@claim(
    statement=r"At the best ridge, more samples and features are always better: $\min_{\delta\ge 0} E_\mathrm{test}$ "
    r"never rises with $n$ nor with $k$, for any spectrum, target and noise.",
    source="simon2024, theorem 1; six-line proof from the one-equation form derived here",
    tolerance="theory 1e-10 of the labels' power, its rounding error; simulation and digits no margin, since a rise of "
    "any size is one; resolution 20 % of the error for a single step, since those at a fixed ridge go up by 100 % and "
    "more",
    controls={
        "fixed_ridge_theory": "ridge fixed at 1e-3 of the trace, in the theory",
        "fixed_ridge_simulation": "ridge fixed at 1e-3 of the trace, in the simulation",
        "fixed_ridge_digits": "ridge fixed at 1e-3 of the trace, on the digits",
    },
)
def more_is_better(conditions: Conditions) -> Outcome:
    """Theory on random problems, simulation at the theory's best ridge, and digits with the ridge that tests best."""
    in_theory, fixed_in_theory = _theory(conditions)
    simulated, fixed_simulated, sizes = _simulation(conditions)
    grid = digits_grid(conditions)
    tuned, fixed = _tuned(grid), grid.heldout_mse[..., np.argmin(np.abs(grid.ridges - _FIXED * grid.spectrum.trace))]
    return Outcome(
        evidence=[*in_theory, *simulated, *_falling(tuned)],
        controls={
            "fixed_ridge_theory": fixed_in_theory,
            "fixed_ridge_simulation": fixed_simulated,
            "fixed_ridge_digits": _falling(fixed),
        },
        arrays={
            **sizes,
            "digits_n_samples": grid.n_samples.ravel(),
            "digits_n_features": grid.n_features.ravel(),
            **_mean_and_error("digits_tuned", tuned),
            **_mean_and_error("digits_fixed", fixed),
        },
    )


def _theory(conditions: Conditions) -> tuple[list[Ordering], list[Ordering]]:
    """Best and fixed ridge for random problems, over a grid of sizes that ends with infinitely many features."""
    rng = conditions.rng("problems")
    sizes = np.unique(np.rint(np.geomspace(5, 160, conditions.choose(quick=9, full=12))))
    best, fixed = [], []
    for number in range(conditions.choose(quick=60, full=1000)):
        spectrum, noise = _random_problem(rng, number)
        cell = (spectrum, sizes[:, None], np.append(sizes, math.inf))
        power = float(np.sum(spectrum.coefficients_sq)) + noise
        best.append(theory.optimal_ridge(*cell, noise)[1].test_mse / power)
        fixed.append(theory.risk_estimate(*cell, _FIXED * spectrum.trace, noise).test_mse / power)

    def falling(errors: list[Any]) -> list[Ordering]:
        return [
            Ordering(values=values, direction="decreasing", margin=_ROUNDING, label=f"theory, more {what}")
            for what, values in (("features", np.stack(errors)), ("samples", np.swapaxes(np.stack(errors), 1, 2)))
        ]

    return falling(best), falling(fixed)


def _random_problem(rng: np.random.Generator, number: int) -> tuple[KernelSpectrum, float]:
    """A spectrum and a noise variance.

    Eigenvalues scattered over five decades or power laws; degenerate levels; every third one with levels that the
    kernel does not see; often with fewer modes than samples.  Targets from uncorrelated with the kernel to easier than
    it expects; noise from none to three times the target's power.
    """
    n_levels = int(rng.integers(2, 60))
    law = np.arange(1.0, n_levels + 1.0) ** -rng.uniform(0.5, 3.0)
    eigenvalues = np.exp(rng.uniform(-12.0, 0.0, n_levels)) if number % 2 else law
    power = rng.exponential(size=n_levels) * eigenvalues ** rng.uniform(0.0, 1.5)
    if number % 3 == 0:
        eigenvalues[1:] *= rng.random(n_levels - 1) < 0.8
    multiplicities = rng.integers(1, rng.choice([2, 12]), n_levels)
    noise = float(rng.choice([0.0, 0.01, 0.3, 3.0]) * power.sum())
    return KernelSpectrum(eigenvalues, power, multiplicities), noise


def _simulation(conditions: Conditions) -> tuple[list[Bound], list[Bound], dict[str, np.ndarray]]:
    """Steps from size to size of the mean simulated error, at the theory's best ridge and at a fixed one."""
    name = ("power_law", 1.5, 1.5, conditions.choose(quick=1000, full=10_000))
    sizes = conditions.choose(quick=(12, 24, 48, 96, 192), full=(16, 32, 64, 128, 256, 512))
    spectrum, features = spectrum_of(*name), (*sizes, math.inf)
    ridge, _ = theory.optimal_ridge(spectrum, np.array(sizes)[:, None], np.array(features), _NOISE)
    ridges = np.stack([ridge, np.full_like(ridge, _FIXED * spectrum.trace)], axis=-1)
    point = {
        "spectrum": name,
        "n_samples": sizes,
        "n_features": features,
        "ridges": ridges,
        "noise_variance": _NOISE,
        "n_trials": conditions.choose(quick=12, full=50),
    }
    runs = run_sweep(conditions, nested_cell, [point] * 8)
    errors = np.concatenate([run["test_mse"] for run in runs])

    def falling(trials: np.ndarray) -> list[Bound]:
        return [_steps(trials, axis, what) for axis, what in ((2, "features"), (1, "samples"))]

    arrays = {
        "n_samples": np.array(sizes),
        "n_features": np.array(features),
        **_mean_and_error("best_ridge", np.moveaxis(errors[..., 0], 0, -1)),
        **_mean_and_error("fixed_ridge", np.moveaxis(errors[..., 1], 0, -1)),
    }
    return falling(errors[..., 0]), falling(errors[..., 1]), arrays


def _steps(trials: np.ndarray, axis: int, what: str) -> Bound:
    """Steps along an axis, in units of the mean error where they start; both ends of a step see the same draws."""
    start = np.delete(trials.mean(axis=0), -1, axis=axis - 1)
    steps = np.diff(trials, axis=axis) / start
    return Bound(
        lhs=steps.mean(axis=0),
        rhs=np.zeros_like(start),
        standard_error=steps.std(axis=0, ddof=1) / math.sqrt(len(trials)),
        margin=0.0,
        resolution=0.2,
        label=f"simulation, more {what}",
    )


def _tuned(grid: DigitsGrid) -> np.ndarray:
    """Held-out error, shape (n, k, trials), of each half of the trials at the ridge that was best in the other half."""
    halves = grid.heldout_mse[:, :, ::2], grid.heldout_mse[:, :, 1::2]
    tuned = [
        np.take_along_axis(tested, tuning.mean(axis=2).argmin(axis=-1)[..., None, None], axis=3)[..., 0]
        for tested, tuning in (halves, halves[::-1])
    ]
    return np.concatenate(tuned, axis=2)


def _falling(errors: np.ndarray) -> list[Ordering]:
    """Logarithms of the mean errors on digits, shape (n, k, trials), along both axes."""
    mean = errors.mean(axis=2)
    relative = error_of_mean(errors, axis=2) / mean
    return [
        Ordering(
            values=np.log(values),
            direction="decreasing",
            standard_error=scatter,
            margin=0.0,
            resolution=0.2,
            label=f"log of the held-out MSE on digits, more {what}",
        )
        for what, values, scatter in (("features", mean, relative), ("samples", mean.T, relative.T))
    ]


def _mean_and_error(name: str, errors: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and standard error over the trials, the last axis."""
    scatter = error_of_mean(errors, axis=-1)
    return {f"{name}_mean": errors.mean(axis=-1), f"{name}_standard_error": scatter}
