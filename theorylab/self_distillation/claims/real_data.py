"""One distillation step on real data with label noise, beside what the sign rule says of it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from theorylab import sweeps
from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.evidence import error_of_mean
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.problem import gaussian_kernel

__all__ = ["one_step_on_real_data"]

#: Training samples, inverse squared width of the kernel, and ends of the grid of ridges of each data set.
_SETS = {"digits": (200, 1.0, 0.05, 20.0), "diabetes": (150, 0.5, 0.05, 100.0)}
#: Random splits of each: the few points of diabetes leave more noise.
_QUICK, _FULL = {"digits": 24, "diabetes": 80}, {"digits": 200, "diabetes": 600}
#: Share of the training labels that are replaced, or of the variance of the training values that is noise.
_NOISE_SHARE = 0.3
#: Weights of the measured students: a gentle step, whose sign the tangent decides, and pure distillation.
_WEIGHTS = (0.9, 0.0)


@claim(
    statement=r"On handwritten digits and diabetes with 30 % label noise, one distillation step lowers the error on "
    r"clean test points where the ridge is smaller than the best one, $R'(\lambda) < 0$, raises it beyond, and "
    r"changes it by $(1-\alpha)\lambda R' + (1-\alpha)^2\lambda^2\langle(\partial f/\partial\lambda)^2\rangle$.",
    source="derived here; sign rule as in Dang, Patil and Rinaldo, arXiv:2602.17565",
    tolerance="no margin for sign and size: validation and test points are exchangeable, so that the mean difference "
    "over random splits is zero; resolution 20 % of the largest change of each data set; a weight tuned on validation "
    "points may cost 1 % of the error",
    controls={
        "sign_reversed": "a step helps where more ridge would hurt",
        "training_error": "sign from the slope of the training error",
        "training_size": "size of the change from the training targets",
        "always_helps": "pure distillation never raises the error",
    },
)
def one_step_on_real_data(conditions: Conditions) -> Outcome:
    """Changes that the ridge path predicts on validation points, and those of refitted students on test points."""
    n_splits, n_ridges = conditions.choose(quick=(_QUICK, 8), full=(_FULL, 20))
    names = [name for name in _SETS for _ in range(n_splits[name])]
    results = sweeps.sweep(
        functools.partial(_one_split, n_ridges=n_ridges),
        [{"name": name} for name in names],
        seed=conditions.seed,
        n_jobs=conditions.n_jobs,
        cache=conditions.choose(quick=None, full=True),
        description="one_step_on_real_data",
    )
    sets = [
        {
            key: np.stack([result[key] for result, own in zip(results, names, strict=True) if own == name])
            for key in results[0]
        }
        for name in _SETS
    ]  # every entry (splits, ridges) or (splits, ridges, weights)
    changes = [runs["second"] - runs["first"][..., None] for runs in sets]

    def sizes(where: str) -> list[Agreement]:
        return [
            _paired(runs[f"{where}_change"], change[..., : len(_WEIGHTS)], name)
            for name, runs, change in zip(_SETS, sets, changes, strict=True)
        ]

    def signs(where: str, factor: float = 1.0) -> list[Bound]:
        """The gentle step lowers the error where the mean slope is negative, and raises it where it is positive."""
        return [
            _not_positive(-factor * np.sign(runs[f"{where}_slope"].mean(axis=0)) * change[..., 0], f"sign, {name}")
            for name, runs, change in zip(_SETS, sets, changes, strict=True)
        ]

    tuned = [
        _not_positive(change[..., -1], f"tuned step, {name}", 0.01 * runs["first"].mean(axis=0))
        for name, runs, change in zip(_SETS, sets, changes, strict=True)
    ]
    return Outcome(
        evidence=[*sizes("valid"), *signs("valid"), *tuned],
        controls={
            "sign_reversed": signs("valid", -1.0),
            "training_error": signs("train"),
            "training_size": sizes("train"),
            "always_helps": [_not_positive(change[..., 1], "pure distillation") for change in changes],
        },
        arrays={
            f"{name}_{key}": values
            for name, runs, change in zip(_SETS, sets, changes, strict=True)
            for key, values in _summary(runs, change).items()
        },
    )


def _one_split(*, name: str, rng: np.random.Generator, n_ridges: int) -> dict[str, Any]:
    """Predictions from the eigensystem on validation points, measurements by refits on test points."""
    n_train, gamma, lowest, highest = _SETS[name]
    split = experiment.noisy_split(name, n_train, _NOISE_SHARE, rng)
    ridges = np.geomspace(lowest, highest, n_ridges)
    places = {
        "valid": (gaussian_kernel(split.X_valid, split.X_train, gamma=gamma), split.y_valid),
        "train": (gaussian_kernel(split.X_train, gamma=gamma), split.y_train),
    }
    system = theory.KernelEigensystem.from_gram(places["train"][0])
    columns: dict[str, list[Any]] = {"ridges": list(ridges)}
    for ridge in ridges:
        duals = system.apply(theory.dual_filters(system.eigenvalues, ridge, [0.0]), split.y_train)
        for where, (cross, y) in places.items():
            first, distilled = cross @ duals
            one, *others = theory.mixed_mse(first, distilled, y, [1.0, *_WEIGHTS])
            columns.setdefault(f"{where}_change", []).append(np.array(others) - one)
            columns.setdefault(f"{where}_slope", []).append(theory.risk_slope(first, distilled, y, ridge))
            if where == "valid":
                weight = theory.optimal_ground_truth_weight(first, distilled, y)
        errors = experiment.step_errors(split, [ridge], [*_WEIGHTS, min(max(weight, 0.0), 1.0)], gamma)
        columns.setdefault("weight", []).append(weight)
        columns.setdefault("first", []).append(errors.first[0])
        columns.setdefault("second", []).append(errors.second[0])
    return {key: np.array(values) for key, values in columns.items()}


def _paired(predicted: Any, measured: Any, name: str) -> Agreement:
    """Means over splits, with the error of their difference split by split."""
    difference = measured - predicted
    largest = np.max(np.abs(measured.mean(axis=0)))
    return Agreement(
        predicted=predicted.mean(axis=0),
        measured=measured.mean(axis=0),
        standard_error=error_of_mean(difference),
        margin=0.0,
        resolution=0.2 * largest,
        label=f"change of the error, {name}",
    )


def _not_positive(values: Any, label: str, margin: Any = 0.0) -> Bound:
    mean = values.mean(axis=0)
    return Bound(
        lhs=mean,
        rhs=np.zeros_like(mean),
        standard_error=error_of_mean(values),
        margin=margin,
        resolution=0.2 * np.max(np.abs(mean)) + np.max(margin),
        label=label,
    )


def _summary(runs: dict[str, Any], change: Any) -> dict[str, Any]:
    root = np.sqrt(len(change))
    return {
        "ridges": runs["ridges"][0],
        "first": runs["first"].mean(axis=0),
        "tuned": runs["second"][..., -1].mean(axis=0),
        "change": change.mean(axis=0),
        "change_error": change.std(axis=0, ddof=1) / root,
        "predicted_change": runs["valid_change"].mean(axis=0),
        "training_change": runs["train_change"].mean(axis=0),
        "slope": runs["valid_slope"].mean(axis=0),
        "weight": runs["weight"].mean(axis=0),
        "weight_error": runs["weight"].std(axis=0, ddof=1) / root,
    }
