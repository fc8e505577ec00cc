"""Infinitely many features, and infinitely many samples."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, Rate, claim
from theorylab.evidence import error_of_mean
from theorylab.random_features import theory
from theorylab.random_features.claims._simulation import (
    RESOLUTION,
    TEST_BIAS,
    TRAIN_BIAS,
    TRAIN_RESOLUTION,
    nested_cell,
    run_sweep,
    spectrum_of,
)

__all__ = ["infinite_limits"]

_NOISE = 0.1
_RIDGES = (0.1, 0.3)


@claim(
    statement=r"With $k \to \infty$ random features regression becomes kernel ridge regression, for $n \to \infty$ the "
    r"projection of the target on features, $E_\mathrm{test} = \sum_i v_i^2\gamma/(\lambda_i+\gamma)+\sigma^2$ with "
    r"$z(\gamma) = k$; what is left of the difference falls as $1/k$ and as $1/n$.",
    source="simon2024, limits of the eigenframework; rates derived here",
    tolerance="3/m relative for the test and 12/m for the train error with m = min(n, k), the finite-size laws; "
    "resolution 10 %, 30 % for the train error; exponents 0.1, since between 4 and 16 times the smaller size "
    "the theory's own difference still bends by up to 0.08; their resolution 0.35, less than the control is off",
    controls={
        "exchanged": "n and k exchanged, and the two limits with them",
        "limit_reached": "kernel ridge regression from the smallest number of features on",
        "kernel_rate": "exponent -1/2, the rate at which the empirical kernel approaches its limit",
    },
)
def infinite_limits(conditions: Conditions) -> Outcome:
    """Errors as features are added at fixed samples, and samples at fixed features, with the limits measured too."""
    few = conditions.choose(quick=32, full=64)
    many = [ratio * few for ratio in conditions.choose(quick=(4, 8, 16), full=(4, 8, 16, 32, 64))]
    name = ("power_law", 1.5, 1.5, conditions.choose(quick=500, full=4000))
    growing = ([few], [*many, math.inf])
    n_trials = conditions.choose(quick=300, full=1000)
    common = {"spectrum": name, "ridges": _RIDGES, "noise_variance": _NOISE, "n_trials": n_trials}
    points = [{"n_samples": n, "n_features": k, **common} for n, k in (growing, growing[::-1])]
    features, samples = run_sweep(conditions, nested_cell, points)
    # One row for each direction, then sizes, then ridges.
    measured = {
        field: np.stack([features[field][:, 0], samples[field][:, :, 0]], axis=1) for field in ("test_mse", "train_mse")
    }
    spectrum, sizes = spectrum_of(*name), np.array(growing[1])[:, None]

    def predict(field: str, exchanged: bool = False, limit: bool = False) -> np.ndarray:
        other = np.full_like(sizes, math.inf) if limit else sizes
        pairs = [(few, other), (sizes, few)]
        risks = [
            theory.risk_estimate(spectrum, *(pair[::-1] if exchanged else pair), np.array(_RIDGES), _NOISE)
            for pair in pairs
        ]
        return np.stack([getattr(risk, field) for risk in risks])

    def compare(**wrong: bool) -> list[Agreement]:
        return [
            _agreement(predict("test_mse", **wrong), measured["test_mse"], TEST_BIAS / few, RESOLUTION, "test MSE"),
            # Infinitely many samples have no train error of their own.
            _agreement(
                predict("train_mse", **wrong)[:, :-1],
                measured["train_mse"][:, :, :-1],
                TRAIN_BIAS / few,
                TRAIN_RESOLUTION,
                "train MSE",
            ),
        ]

    excess = measured["test_mse"][:, :, :-1] - measured["test_mse"][:, :, -1:]
    error = excess.std(axis=0, ddof=1) / math.sqrt(n_trials)

    def rates(exponent: float) -> list[Rate]:
        return [
            Rate.fit(
                sizes[:-1, 0],
                excess.mean(axis=0)[row, :, column],
                y_standard_error=error[row, :, column],
                predicted=exponent,
                margin=0.1,
                resolution=0.35,
                label=f"excess over the limit, {direction}, ridge {ridge}",
            )
            for row, direction in enumerate(("more features", "more samples"))
            for column, ridge in enumerate(_RIDGES)
        ]

    return Outcome(
        evidence=[*compare(), *rates(-1.0)],
        controls={
            "exchanged": compare(exchanged=True),
            "limit_reached": compare(limit=True),
            "kernel_rate": rates(-0.5),
        },
        arrays={
            "few": np.array(few),
            "many": np.array(many),
            "ridges": np.array(_RIDGES),
            "measured_limit": measured["test_mse"][:, :, -1].mean(axis=0),
            "measured_excess": excess.mean(axis=0),
            "standard_error_excess": error,
        },
    )


def _agreement(predicted: np.ndarray, trials: np.ndarray, margin: float, resolution: float, label: str) -> Agreement:
    """Prediction beside the mean of trials; margin and resolution relative."""
    measured = trials.mean(axis=0)
    return Agreement(
        predicted=predicted,
        measured=measured,
        standard_error=error_of_mean(trials),
        margin=margin * predicted,
        resolution=resolution * measured,
        label=label,
    )
