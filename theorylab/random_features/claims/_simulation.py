"""What the claims on the Gaussian-feature model share: simulated cells, and how far they may be from their prediction.

Margins of the Gaussian-feature claims.  The theory is the leading order for many samples and features; on twelve-level
spectra with multiplicities up to sixteen-fold its relative error was found to fall as 1/m with m = min(n, k), with
constants up to 2 for the test error, 2.8 for the effective ridge and 8 for the train error, a small remainder near
interpolation.  The margins are about half as large again.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from theorylab import arrays, sweeps
from theorylab.claims import Agreement, Conditions
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._trials import mean_and_error
from theorylab.random_features.problem import KernelSpectrum

__all__ = [
    "KAPPA_BIAS",
    "RESOLUTION",
    "TEST_BIAS",
    "TRAIN_BIAS",
    "TRAIN_RESOLUTION",
    "Cells",
    "nested_cell",
    "run_sweep",
    "simulate",
    "simulate_cell",
    "spectrum_of",
]

#: Relative finite-size error of the test error, of the effective ridge, and of train error and GCV, times min(n, k).
TEST_BIAS, KAPPA_BIAS, TRAIN_BIAS = 3.0, 4.0, 12.0
#: 3.5 standard errors must stay below this share of the measured value.  The mildest control moves the test error by a
#: quarter; those of the train error move it by factors, and it scatters more.
RESOLUTION, TRAIN_RESOLUTION = 0.1, 0.3


@dataclasses.dataclass(frozen=True)
class Cells:
    """Simulated means and standard errors, one row for each (n, k) and one column for each ridge."""

    spectrum: KernelSpectrum
    n_samples: np.ndarray  # (cells, 1)
    n_features: np.ndarray  # (cells, 1)
    ridges: np.ndarray  # (cells, ridges)
    noise_variance: float
    mean: Mapping[str, np.ndarray]  # name of a measured quantity -> (cells, ridges)
    standard_error: Mapping[str, np.ndarray]

    def predict(self, **wrong: Any) -> theory.RiskEstimate:
        """Predicted risk of every cell and ridge, with arguments replaced where a control wants it."""
        arguments = {
            "n_samples": self.n_samples,
            "n_features": self.n_features,
            "ridge": self.ridges,
            "noise_variance": self.noise_variance,
        }
        return theory.risk_estimate(self.spectrum, **{**arguments, **wrong})

    def compare(
        self, name: str, predicted: Any, relative_margin: Any, label: str, resolution: Any = RESOLUTION
    ) -> Agreement:
        """Prediction beside the measured quantity `name`; margin and resolution relative."""
        measured = self.mean[name]
        predicted = np.broadcast_to(predicted, measured.shape)
        return Agreement(
            predicted=predicted,
            measured=measured,
            standard_error=self.standard_error[name],
            margin=relative_margin * predicted,
            resolution=resolution * measured,
            label=label,
        )

    @property
    def finite_size(self) -> np.ndarray:
        """1 / min(n, k), shape (cells, 1)."""
        return 1.0 / np.minimum(self.n_samples, self.n_features)

    def arrays(self, **more: Any) -> dict[str, Any]:
        """What the figure of a claim needs."""
        measured = {f"measured_{name}": values for name, values in self.mean.items()}
        errors = {f"standard_error_{name}": values for name, values in self.standard_error.items()}
        sizes = {"n_samples": self.n_samples, "n_features": self.n_features, "ridges": self.ridges}
        return {**sizes, **measured, **errors, **more}


def spectrum_of(kind: str, *arguments: Any) -> KernelSpectrum:
    """A spectrum from plain values, so that a point of a sweep can name it."""
    return KernelSpectrum.power_law(*arguments) if kind == "power_law" else KernelSpectrum(*arguments)


def simulate_cell(*, spectrum: tuple[Any, ...], backend: str, device: str, **cell: Any) -> experiment.SimulationResult:
    """One point of a sweep: plain arguments in, trials out."""
    return experiment.simulate_gaussian_features(
        spectrum_of(*spectrum), backend=arrays.backend(backend, device), **cell
    )


def nested_cell(*, spectrum: tuple[Any, ...], backend: str, device: str, **cell: Any) -> experiment.NestedResult:
    """One point of a sweep over nested simulations: plain arguments in, trials out."""
    return experiment.simulate_nested(spectrum_of(*spectrum), backend=arrays.backend(backend, device), **cell)


def run_sweep(
    conditions: Conditions, function: Callable[..., object], points: list[dict[str, Any]]
) -> list[dict[str, np.ndarray]]:
    """Trials at every point, field by field of the result; what a full profile has finished is kept on the disk."""
    task = functools.partial(function, backend=conditions.backend.name, device=conditions.backend.device)
    results = sweeps.sweep(
        task,
        points,
        seed=conditions.seed,
        n_jobs=conditions.n_jobs,
        cache=conditions.choose(quick=None, full=True),
        description=function.__name__.strip("_"),
    )
    return [vars(result) for result in results]


def simulate(
    conditions: Conditions,
    spectrum: tuple[Any, ...],
    *,
    noise_variance: float,
    cells: list[tuple[int, int]],
    ridges: Any,
    trials_times_size: int,
) -> Cells:
    """Simulate every (n, k), with one row of ridges for each or for all.

    One trial scatters by about 2/sqrt(min(n, k)) relative, so the number of trials goes as 1/min(n, k); near n = k its
    law has heavy tails, and there are four times as many.
    """

    def n_trials(n: int, k: int) -> int:
        near_peak = max(n, k) < 1.4 * min(n, k)
        return math.ceil((4 if near_peak else 1) * trials_times_size / min(n, k))

    ridges = np.broadcast_to(np.asarray(ridges, dtype=float), (len(cells), np.shape(ridges)[-1]))
    points = [
        {
            "spectrum": spectrum,
            "n_samples": n,
            "n_features": k,
            "ridges": tuple(row),
            "noise_variance": noise_variance,
            "n_trials": n_trials(n, k),
        }
        for (n, k), row in zip(cells, ridges.tolist(), strict=True)
    ]
    results = run_sweep(conditions, simulate_cell, points)
    measured = {name: mean_and_error(results, name) for name in ("test_mse", "train_mse", "gcv", "kappa")}
    return Cells(
        spectrum=spectrum_of(*spectrum),
        n_samples=np.array([[n] for n, _ in cells]),
        n_features=np.array([[k] for _, k in cells]),
        ridges=ridges,
        noise_variance=noise_variance,
        mean={name: mean for name, (mean, _) in measured.items()},
        standard_error={name: error for name, (_, error) in measured.items()},
    )
