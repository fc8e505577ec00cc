"""The peak at n = k without ridge, and its cure."""

from __future__ import annotations

import functools
import math

import numpy as np

from theorylab.claims import Agreement, Conditions, Ordering, Outcome, Rate, claim
from theorylab.random_features import theory
from theorylab.random_features.claims._simulation import RESOLUTION, TEST_BIAS, simulate, spectrum_of

__all__ = ["double_descent"]


def _descent_sizes(conditions: Conditions) -> tuple[int, list[int]]:
    """Number of samples, and numbers of features on both sides of it."""
    n = conditions.choose(quick=128, full=256)
    ratios = (0.125, 0.25, 0.5, 0.75, 0.875, 0.9375, 1.0625, 1.125, 1.25, 1.5, 2.0, 4.0, 8.0)
    return n, [round(ratio * n) for ratio in ratios]


@claim(
    statement=r"Without ridge the test error diverges at $n = k$ from both sides, as $n C/|n-k|$; at $n = k$ it grows "
    r"as $\delta^{-1/2}$ when the ridge falls; with the optimal ridge the peak is gone.",
    source="derived here from the eigenframework of simon2024",
    tolerance="without ridge 3/min(n, k) + 1/(|n-k|-1) relative: the finite-size law, and the mean of an inverse "
    "Wishart matrix, 1/(|n-k|-1) where the theory has 1/|n-k|; with the optimal ridge 3/min(n, k); exponent 0.05: over "
    "the range of ridges the theory's own curve still bends by 0.03, and at its lower end the smallest singular value, "
    "a hard edge, begins to lift the mean; resolution 40 % at the heavy-tailed peak, which the control misses by a "
    "factor above four, 10 % with ridge, 0.1 in the exponent",
    controls={
        "kernel_ridge": "infinitely many features: no peak",
        "ridgeless_monotone": "the error without ridge falls with every feature added",
        "exponent_one": "peak height inversely proportional to the ridge",
    },
)
def double_descent(conditions: Conditions) -> Outcome:
    """The peak at n = k without ridge, its height at n = k with little ridge, and its absence at the optimal ridge."""
    n, sizes = _descent_sizes(conditions)
    n_modes = conditions.choose(quick=1000, full=10_000)
    spectrum = ("power_law", 1.5, 1.5, n_modes)
    measure = functools.partial(simulate, conditions, spectrum, noise_variance=0.1)
    best, _ = theory.optimal_ridge(spectrum_of(*spectrum), n, np.array(sizes), 0.1)
    ridges = np.stack([np.zeros_like(best), best], axis=1)
    trials = conditions.choose(quick=6_000, full=100_000)
    cells = measure(cells=[(n, k) for k in sizes], ridges=ridges, trials_times_size=trials)
    little = conditions.choose(quick=np.geomspace(3e-5, 1e-3, 5), full=np.geomspace(3e-6, 3e-4, 7))
    peak = measure(cells=[(n, n)] * little.size, ridges=little[:, None], trials_times_size=trials)
    distance = np.abs(cells.n_samples - cells.n_features)
    inverse_wishart = np.concatenate([1.0 / (distance - 1.0), np.zeros_like(distance)], axis=1)

    def compare(predicted: np.ndarray) -> Agreement:
        margin = TEST_BIAS * cells.finite_size + inverse_wishart
        resolution = np.array([0.4, RESOLUTION])
        return cells.compare("test_mse", predicted, margin, "test MSE, no ridge and optimal ridge", resolution)

    def falling(column: int, label: str) -> Ordering:
        errors = cells.standard_error["test_mse"][:, column]
        return Ordering(
            values=cells.mean["test_mse"][:, column],
            direction="decreasing",
            standard_error=errors,
            margin=0.0,
            resolution=0.4,
            label=label,
        )

    def height(exponent: float) -> Rate:
        return Rate.fit(
            little,
            peak.mean["test_mse"][:, 0],
            y_standard_error=peak.standard_error["test_mse"][:, 0],
            predicted=exponent,
            margin=0.05,
            resolution=0.1,
            label="peak height",
        )

    correct = cells.predict().test_mse
    no_peak = np.stack([cells.predict(n_features=math.inf).test_mse[:, 0], correct[:, 1]], axis=1)
    return Outcome(
        evidence=[compare(correct), falling(1, "optimal ridge"), height(-0.5)],
        controls={
            "kernel_ridge": compare(no_peak),
            "ridgeless_monotone": falling(0, "no ridge"),
            "exponent_one": height(-1.0),
        },
        arrays=cells.arrays(
            predicted_test_mse=correct,
            kernel_ridge=no_peak[:, 0],
            peak_ridges=little,
            peak_mean=peak.mean["test_mse"][:, 0],
            peak_standard_error=peak.standard_error["test_mse"][:, 0],
            peak_predicted=peak.predict().test_mse[:, 0],
        ),
    )
