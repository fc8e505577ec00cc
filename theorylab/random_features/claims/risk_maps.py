"""Maps of the errors over samples and features."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.random_features.claims._simulation import (
    TEST_BIAS,
    TRAIN_BIAS,
    Cells,
    nested_cell,
    run_sweep,
    spectrum_of,
)

__all__ = ["risk_maps"]

_RIDGES = tuple(2.0**power for power in (-9, -5, -1, 3))
_NOISE = 0.5
#: Of the mean: a single trial on the peak scatters by as much; controls move errors by factors.
_RESOLUTION, _TRAIN_RESOLUTION = 0.3, 0.5


@claim(
    statement=r"Test and train error agree with the theory over the whole plane of $n$ and $k$, from $n \ll k$ to "
    r"$n \gg k$, and for ridges $\delta$ from $2^{-9}$ to $2^3$: peak on the diagonal $n = k$ and its filling.",
    source="simon2024, appendix: maps over samples and features",
    tolerance="3/m relative for the test and 12/m for the train error with m = min(n, k), the finite-size laws; "
    "resolution 30 % and 50 %, since trials on the peak scatter by as much as their mean; controls are off by factors",
    controls={
        "ridge_times_n": "ridge read as that of the mean loss: n times too large",
        "missing_1_over_k": "features not scaled by 1/sqrt(k): ridge k times too small",
        "kernel_ridge": "infinitely many features",
        "exchanged": "n and k exchanged",
        "no_noise": "label noise left out",
    },
)
def risk_maps(conditions: Conditions) -> Outcome:
    """Errors at four by four sizes and four ridges, every size on parts of the same draws."""
    cells = _measure(conditions)

    def compare(**wrong: Any) -> list[Agreement]:
        risk, bias = cells.predict(**wrong), cells.finite_size
        return [
            cells.compare("test_mse", risk.test_mse, TEST_BIAS * bias, "test MSE", _RESOLUTION),
            cells.compare("train_mse", risk.train_mse, TRAIN_BIAS * bias, "train MSE", _TRAIN_RESOLUTION),
        ]

    return Outcome(
        evidence=compare(),
        controls={
            "ridge_times_n": compare(ridge=cells.ridges * cells.n_samples),
            "missing_1_over_k": compare(ridge=cells.ridges / cells.n_features),
            "kernel_ridge": compare(n_features=math.inf),
            "exchanged": compare(n_samples=cells.n_features, n_features=cells.n_samples),
            "no_noise": compare(noise_variance=0.0),
        },
        arrays=cells.arrays(n_modes=np.array(cells.spectrum.n_modes), noise_variance=np.array(_NOISE)),
    )


def _measure(conditions: Conditions) -> Cells:
    """One row for each pair of sizes, one column for each ridge."""
    name = ("power_law", 1.5, 1.5, conditions.choose(quick=2000, full=10_000))
    sizes = conditions.choose(quick=(32, 64, 128, 256), full=(32, 100, 316, 1000))
    point = {
        "spectrum": name,
        "n_samples": sizes,
        "n_features": sizes,
        "ridges": _RIDGES,
        "noise_variance": _NOISE,
        "n_trials": conditions.choose(quick=15, full=25),
    }
    runs = run_sweep(conditions, nested_cell, [point] * 8)
    # Axes trial, n, k, ridge become trial, cell, ridge.
    trials = {
        field: np.concatenate([run[field] for run in runs]).reshape(-1, len(sizes) ** 2, len(_RIDGES))
        for field in ("test_mse", "train_mse")
    }
    n, k = (size.reshape(-1, 1) for size in np.meshgrid(sizes, sizes, indexing="ij"))
    return Cells(
        spectrum=spectrum_of(*name),
        n_samples=n,
        n_features=k,
        ridges=np.broadcast_to(_RIDGES, (n.size, len(_RIDGES))),
        noise_variance=_NOISE,
        mean={field: values.mean(axis=0) for field, values in trials.items()},
        standard_error={field: error_of_mean(values) for field, values in trials.items()},
    )
