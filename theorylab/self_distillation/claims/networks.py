"""The weight of a network's student, estimated from two trainings."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from theorylab import arrays, sweeps
from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.self_distillation import experiment, theory

__all__ = ["network_weight"]

_LAYERS = (2, 64, 1)
_N_TRAIN, _N_VALID = 80, 2000
#: Noise of the labels and decay: much noise for the decay, where the teacher helps, and the reverse, where it harms.
_QUICK = ((0.8, 1e-3), (0.4, 3e-3))
_FULL = (*_QUICK, (0.8, 5e-4), (0.4, 2e-3), (0.4, 5e-3))
#: Weights at which students are trained: one outside of [0, 1], and a grid inside.
_OUTSIDE, _GRID = -2.0, (0.0, 0.25, 0.5, 0.75, 1.0)
#: How far trained students may be from the parabola between the two trainings, as a share of what the weight changes.
_CURVATURE = 0.25


@claim(
    statement=r"The weight $\langle v, w\rangle/\|w\|^2$ from two trainings of a network, with the ground truth alone "
    r"and with the teacher's outputs alone, clipped to $[0, 1]$, is the best one of a grid of trainings; between the "
    r"two the error is nearly a parabola.",
    source="closed form derived here; two trainings per step as in borup2021",
    tolerance="one step of the grid for the weight; in the error a quarter of what the weight changes between 0 and "
    "1: the parabola is exact for a model that is linear in its parameters, and a bend of less than that leaves the "
    "best weight within a step or two where the error rises all the way",
    controls={
        "not_clipped": "the weights used as they come, below zero and above one",
        "extrapolated": "the parabola at weight -2",
        "training_data": "the weight estimated on the training targets",
        "weight_of_teacher": "the estimate taken for the weight of the teacher",
    },
)
def network_weight(conditions: Conditions) -> Outcome:
    """Students trained to the end on several data sets, with a decay too small for the noise and with one too large."""
    settings = conditions.choose(quick=_QUICK, full=_FULL)
    runs = _all_runs(conditions, settings, conditions.choose(quick=6, full=30))
    trained = np.array([np.mean([run["trained"] for run in some], axis=0) for some in runs])
    parabola = np.array([np.mean([_parabola(run) for run in some], axis=0) for some in runs])
    estimates = np.array([_pooled_weight(some, "valid") for some in runs])
    best = np.array(_GRID)[trained[:, 1:].argmin(axis=1)]

    def compare(weights: Any) -> Agreement:
        return Agreement(predicted=weights, measured=best, margin=_GRID[1] - _GRID[0], label="best weight")

    def errors(columns: slice) -> Agreement:
        margin = _CURVATURE * np.ptp(trained[:, 1:], axis=1)[:, None]
        return Agreement(
            predicted=parabola[:, columns], measured=trained[:, columns], margin=margin, label="validation error"
        )

    clipped = np.clip(estimates, 0.0, 1.0)
    fine = np.linspace(_OUTSIDE, 1.0, 121)
    return Outcome(
        evidence=[compare(clipped), errors(slice(1, None))],
        controls={
            "not_clipped": compare(estimates),
            "extrapolated": errors(slice(0, 1)),
            "training_data": compare(np.clip([_pooled_weight(some, "train") for some in runs], 0.0, 1.0)),
            "weight_of_teacher": compare(1.0 - clipped),
        },
        arrays={
            "settings": np.array(settings),
            "weights": np.array((_OUTSIDE, *_GRID)),
            "trained": trained,
            "standard_error": [_standard_error([run["trained"] for run in some]) for some in runs],
            "fine": fine,
            "parabola": [np.mean([_parabola(run, fine) for run in some], axis=0) for some in runs],
            "estimates": estimates,
        },
    )


def _all_runs(
    conditions: Conditions, settings: Sequence[tuple[float, float]], n_sets: int
) -> list[list[dict[str, Any]]]:
    """Runs of each setting, one for each data set."""
    backend = conditions.backend
    results = sweeps.sweep(
        functools.partial(_train_students, backend=backend.name, device=backend.device),
        [{"sigma": sigma, "decay": decay} for sigma, decay in settings for _ in range(n_sets)],
        seed=conditions.seed,
        n_jobs=conditions.n_jobs,
        cache=conditions.choose(quick=None, full=True),
        description="network_weight",
    )
    return [results[i * n_sets : (i + 1) * n_sets] for i in range(len(settings))]


def _standard_error(errors: list[Any]) -> Any:
    """Of the means over data sets, less what a data set does to all weights of the grid alike."""
    own = np.mean(np.array(errors)[:, 1:], axis=1, keepdims=True)
    return np.std(errors - own, axis=0, ddof=1) / np.sqrt(len(errors))


def _train_students(
    *, sigma: float, decay: float, rng: np.random.Generator, backend: str, device: str
) -> dict[str, Any]:
    """Teacher and students of one data set, all from one starting point; errors of all, outputs of the two ends."""
    where = arrays.backend(backend, device)
    X, X_valid = (where.asarray(rng.uniform(-1.0, 1.0, (n, 2))) for n in (_N_TRAIN, _N_VALID))
    y, y_valid = (
        where.asarray(_truth(where.to_numpy(points)) + sigma * rng.standard_normal((points.shape[0], 1)))
        for points in (X, X_valid)
    )
    start = experiment.initial_parameters(_LAYERS, rng)

    def outputs(targets: Any) -> tuple[Any, Any]:
        fit = experiment.train_network(_LAYERS, X, targets, decay, start, tolerance=1e-5)
        parameters = where.asarray(fit.parameters)
        return tuple(experiment.network_outputs(_LAYERS, parameters, points) for points in (X, X_valid))

    teacher = outputs(y)
    students = {w: outputs(w * y + (1.0 - w) * teacher[0]) for w in (_OUTSIDE, *_GRID[:-1])} | {1.0: teacher}
    ends = {
        name: [where.to_numpy(values) for values in (teacher[place], students[0.0][place], target)]
        for place, (name, target) in enumerate((("train", y), ("valid", y_valid)))
    }
    errors = [float(np.mean((where.to_numpy(student[1]) - ends["valid"][2]) ** 2)) for student in students.values()]
    return {"trained": np.array(errors), **ends}


def _truth(X: Any) -> Any:
    return np.sin(3.0 * X[:, :1]) * np.cos(2.0 * X[:, 1:])


def _parabola(run: dict[str, Any], weights: Any = (_OUTSIDE, *_GRID)) -> Any:
    first, distilled, target = run["valid"]
    return theory.mixed_mse(first, distilled, target, weights)


def _pooled_weight(runs: list[dict[str, Any]], where: str) -> float:
    """One weight for all data sets, from their outputs one below the other."""
    first, distilled, target = (np.concatenate(parts) for parts in zip(*(run[where] for run in runs), strict=True))
    return theory.optimal_ground_truth_weight(first, distilled, target)
