"""Training sets from a finite population: the handwritten digits, and a synthetic one with random eigenvectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from theorylab import arrays
from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._digits import digits, digits_cell
from theorylab.random_features.claims._simulation import (
    RESOLUTION,
    TEST_BIAS,
    TRAIN_BIAS,
    TRAIN_RESOLUTION,
    run_sweep,
)
from theorylab.random_features.claims._trials import mean_and_error
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["digits_risk"]

#: Synthetic population: kernel eigenvalues and power i^-1.5 on 300 points, cells (n, k) up to three quarters of it.
_N_POINTS = 300
_SYNTHETIC_CELLS = [(75, 100), (150, 100), (150, 400), (225, 400)]
_SYNTHETIC_RIDGES = (0.01, 0.1, 1.0)


def _synthetic_spectrum() -> KernelSpectrum:
    decay = np.arange(1.0, _N_POINTS + 1.0) ** -1.5
    return KernelSpectrum(decay, decay, population_size=_N_POINTS)


def _synthetic_cell(*, backend: str, device: str, **cell: Any) -> experiment.PopulationResult:
    """One point of a sweep over the synthetic population."""
    return experiment.simulate_gaussian_population(
        _synthetic_spectrum(), backend=arrays.backend(backend, device), **cell
    )


@claim(
    statement=r"The finite-population form predicts held-out and train error: training sets drawn without replacement "
    r"from N points turn $n-z$ into $(n-z)/(1-z/N)$, with the spectrum of the kernel on all N points.",
    source="derived here",
    tolerance="synthetic population 3/m for the test and 12/m for the train error with m = min(n, k, N-n), the "
    "finite-size laws; digits test 10 %, train 15 % relative for n/N up to 0.25: pixels and their features are not "
    "Gaussian, and this is how far universality was found to fail near interpolation, always towards harder; "
    "resolution 10 % for the held-out error, 30 % for the train error",
    controls={
        "infinite_population": "independent samples: no correction for the finite population",
        "with_replacement": "training sets drawn with replacement, whose duplicates make the kernel matrix singular",
        "kernel_ridge": "infinitely many features",
    },
)
def digits_risk(conditions: Conditions) -> Outcome:
    """Held-out and train error of ReLU and erf features on the 1797 handwritten digits, and of Gaussian features."""
    cells = _cells(conditions)
    # Replacement hurts where n <= k; one kernel and one kind of labels show it.
    few = [cell for cell in cells if cell[:2] == ("relu", "one-hot") and cell[2] <= cell[3] <= 2 * cell[2]]
    ridges = conditions.choose(quick=(0.001, 0.1, 1.0), full=(0.001, 0.01, 0.1, 1.0))
    points = [
        {
            "activation": activation,
            "labels": labels,
            "n_samples": n,
            "n_features": k,
            "ridges": ridges,
            # one output scatters more than the sum of ten
            "n_trials": conditions.choose(quick=12 if labels == "one-hot" else 36, full=200),
            "replace": replace,
        }
        for replace, some in ((False, cells), (True, few))
        for activation, labels, n, k in some
    ]
    results = run_sweep(conditions, digits_cell, points)

    def predict(some: list[tuple[str, str, int, int]], **wrong: Any) -> dict[str, np.ndarray]:
        return _both_errors(
            theory.risk_estimate(
                digits(activation, labels)[2], **{"n_samples": n, "n_features": k, "ridge": ridges, **wrong}
            )
            for activation, labels, n, k in some
        )

    correct, without = predict(cells), results[: len(cells)]
    evidence = _compare(correct, without)
    synthetic = _synthetic_comparison(conditions)
    return Outcome(
        evidence=[*evidence, *synthetic()],
        controls={
            "infinite_population": [
                *_compare(predict(cells, population_size=math.inf), without),
                *synthetic(population_size=math.inf),
            ],
            "with_replacement": _compare(predict(few), results[len(cells) :]),
            "kernel_ridge": _compare(predict(cells, n_features=math.inf), without),
        },
        arrays={
            "erf": np.array([activation == "erf" for activation, _, _, _ in cells]),
            "one_hot": np.array([labels == "one-hot" for _, labels, _, _ in cells]),
            "n_samples": np.array([n for _, _, n, _ in cells]),
            "n_features": np.array([k for _, _, _, k in cells]),
            "ridges": np.array(ridges),
            **{f"predicted_{name}": values for name, values in correct.items()},
            **{f"measured_{name}": piece.measured for name, piece in zip(correct, evidence, strict=True)},
            **{f"standard_error_{name}": piece.standard_error for name, piece in zip(correct, evidence, strict=True)},
        },
    )


def _cells(conditions: Conditions) -> list[tuple[str, str, int, int]]:
    """Activation, labels, number of samples, number of features."""
    if conditions.profile == "quick":
        few = [("erf", "one-hot", 400, 100), ("erf", "one-hot", 400, 1600), ("relu", "plus-minus", 400, 200)]
        return [("relu", "one-hot", 400, k) for k in (50, 100, 200, 400, 800, 1600)] + few
    sizes = (40, 60, 100, 200, 300, 400, 600, 1000, 2000, 3000)
    kinds = [(activation, labels) for activation in ("relu", "erf") for labels in ("one-hot", "plus-minus")]
    return [(*kind, n, k) for kind in kinds for n in (100, 400) for k in sizes]


def _synthetic_comparison(conditions: Conditions) -> Callable[..., list[Agreement]]:
    """Measure the synthetic population; the result compares it with predictions, wrong ones on demand."""
    points = [
        {
            "n_samples": n,
            "n_features": k,
            "ridges": _SYNTHETIC_RIDGES,
            "n_trials": conditions.choose(quick=80, full=1000),
        }
        for n, k in _SYNTHETIC_CELLS
    ]
    measured = run_sweep(conditions, _synthetic_cell, points)
    finite_size = np.array([[1.0 / min(n, k, _N_POINTS - n)] for n, k in _SYNTHETIC_CELLS])

    def compare(**wrong: Any) -> list[Agreement]:
        predicted = _both_errors(
            theory.risk_estimate(_synthetic_spectrum(), n, k, _SYNTHETIC_RIDGES, **wrong) for n, k in _SYNTHETIC_CELLS
        )
        return _compare(
            predicted, measured, TEST_BIAS * finite_size, TRAIN_BIAS * finite_size, ", synthetic population"
        )

    return compare


def _both_errors(risks: Iterable[theory.RiskEstimate]) -> dict[str, np.ndarray]:
    """Held-out and train error of each cell; fresh points are what an infinite population holds out."""
    pairs = [(risk.test_mse if risk.heldout_mse is None else risk.heldout_mse, risk.train_mse) for risk in risks]
    heldout, train = zip(*pairs, strict=True)
    return {"heldout_mse": np.stack(heldout), "train_mse": np.stack(train)}


def _compare(
    predicted: Mapping[str, np.ndarray],
    measured: list[dict[str, np.ndarray]],
    heldout_margin: Any = 0.1,
    train_margin: Any = 0.15,
    where: str = "",
) -> list[Agreement]:
    """Held-out and train error of every cell and ridge beside their predictions; margins relative."""
    rules = {
        "heldout_mse": ("held-out MSE", heldout_margin, RESOLUTION),
        "train_mse": ("train MSE", train_margin, TRAIN_RESOLUTION),
    }
    pieces = []
    for name, (label, margin, resolution) in rules.items():
        mean, error = mean_and_error(measured, name)
        pieces.append(
            Agreement(
                predicted=predicted[name],
                measured=mean,
                standard_error=error,
                margin=margin * predicted[name],
                resolution=resolution * mean,
                label=label + where,
            )
        )
    return pieces
