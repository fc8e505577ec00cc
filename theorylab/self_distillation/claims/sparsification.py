"""Whether distillation sparsifies: ratios of what is kept of neighbouring eigencomponents."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Ordering, Outcome, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import identity, toy
from theorylab.self_distillation.problem import gaussian_kernel

__all__ = ["sparsification", "sparsifies_every_step"]

_WEIGHTS = (0.0, 0.25, 0.35, 1.0)
#: Ratios come from eigenvalues of explicit smoothers, whose rounding of 1e-15 is divided by the smallest, 1e-5 here.
_MARGIN = 1e-8
#: Changes of a ratio below this are rounding and have no sign.
_NO_CHANGE = 1e-9


def _measured_ratios(X: Any, regularization: float, weights: Any, gamma: float) -> Any:
    """Ratios of neighbouring eigenvalues of the matrices that the refits apply to the ground truth, (T, n - 1)."""
    kernel = {"kernel": "rbf", "gamma": gamma}
    smoothers = experiment.smoother_matrices(X, regularization, weights, kernel=kernel)
    kept = np.linalg.eigvalsh((smoothers + np.swapaxes(smoothers, 1, 2)) / 2.0)[:, ::-1]
    return kept[:, :-1] / kept[:, 1:]


def _toy_ratios(weights: Any) -> Any:
    return _measured_ratios(toy().X, toy().regularization, weights, toy().kernel["gamma"])


@claim(
    statement=r"The ratio $b_k^{(\tau)}/b_{k+1}^{(\tau)}$ grows without bound as $(A_k/A_{k+1})^\tau$ for $\alpha = "
    r"0$; for constant $\alpha > 0$ it tends to $d_k(d_{k+1}+\lambda/\alpha) / [d_{k+1}(d_k+\lambda/\alpha)]$; for "
    r"any weights a step changes it by the sign of $(1-\alpha)b_kb_{k+1}(A_k/A_{k+1}-1) - \alpha(b_k - "
    r"b_{k+1}A_k/A_{k+1})$.",
    source="borup2021 for constant weights; the sign rule derived here",
    tolerance="1e-8: eigenvalues of explicit smoother matrices are exact to 1e-15 and the smallest is 1e-5; a sign is "
    "compared where the measured change exceeds 1e-9",
    controls={
        "unbounded": "the limit as without ground truth: the ratio of the eigenvalues themselves",
        "no_sparsification": "every ratio stays that of the first fit, as with weight 1",
        "monotone_for_every_weight": "no step lowers a ratio",
    },
)
def sparsification(conditions: Conditions) -> Outcome:
    """Ratios, their limits and the signs of their changes, from refits to all unit vectors."""
    values, ridge = toy().system.eigenvalues, toy().regularization
    n_steps = conditions.choose(quick=8, full=12)
    measured = np.stack([_toy_ratios([weight] * (n_steps - 1)) for weight in _WEIGHTS])
    weights = np.repeat(np.array(_WEIGHTS)[:, None], n_steps - 1, axis=1)
    predicted = theory.eigen_ratio(theory.distillation_filters(values, ridge, weights))
    late = np.stack([_toy_ratios([weight] * 299)[-1] for weight in _WEIGHTS[1:]])
    limits = theory.eigen_ratio_limit(values, ridge, _WEIGHTS[1:])
    first = values[:-1] * (values[1:] + ridge) / (values[1:] * (values[:-1] + ridge))

    def compare_limits(ratios: Any) -> Agreement:
        return identity(ratios, late, "ratios after 300 steps", _MARGIN)

    trend, change = _signs(conditions)
    return Outcome(
        evidence=[
            identity(predicted, measured, "ratios of the first steps", _MARGIN * predicted),
            identity(first ** np.arange(1, n_steps + 1)[:, None], measured[0], "weight 0", _MARGIN * predicted[0]),
            compare_limits(limits),
            identity(trend, change, "signs of changes", 0.0),
        ],
        controls={
            "unbounded": compare_limits(np.broadcast_to(values[:-1] / values[1:], limits.shape)),
            "no_sparsification": identity(np.broadcast_to(first, measured.shape), measured, "ratios", _MARGIN),
            "monotone_for_every_weight": identity(np.ones_like(change), change, "signs of changes", 0.0),
        },
        arrays={
            "weights": np.array(_WEIGHTS),
            "measured": measured,
            "predicted": predicted,
            "limits": limits,
            "filters": theory.distillation_filters(values, ridge, weights),
            "limit_filters": theory.limit_filter(values, ridge, np.array(_WEIGHTS)),
        },
    )


def _signs(conditions: Conditions) -> tuple[Any, Any]:
    """Predicted and measured signs of all changes that are more than rounding, for random inputs and weights."""
    predicted, measured = [], []
    for index in range(conditions.choose(quick=12, full=200)):
        rng = conditions.rng("signs", index)
        X, weights = rng.uniform(0.0, 1.0, (6, 1)), rng.uniform(0.0, 0.6, 5)
        ridge = float(10.0 ** rng.uniform(-1.0, 0.0))
        system = theory.KernelEigensystem.from_gram(gaussian_kernel(X, gamma=80.0))
        steps = np.diff(_measured_ratios(X, ridge, weights, 80.0), axis=0)
        clear = np.abs(steps) > _NO_CHANGE
        measured.append(np.sign(steps)[clear])
        predicted.append(theory.eigen_ratio_trend(system.eigenvalues, ridge, weights)[clear])
    return np.concatenate(predicted), np.concatenate(measured)


@claim(
    statement=r"Distillation sparsifies the solution with each step, for every constant $\alpha$ in $[0, 1)$: no "
    r"ratio $b_k^{(\tau)}/b_{k+1}^{(\tau)}$ falls.",
    source="README of the repository of borup2021 ('with each distillation step ... all alpha in [0,1]')",
    tolerance="1e-8, the rounding of the measured ratios",
    controls={"never_sparsifies": "every step lowers every ratio"},
    expected="refuted",
)
def sparsifies_every_step(conditions: Conditions) -> Outcome:
    """Measured ratios of the toy problem at two weights between 0 and 1; the last ones rise and then fall."""
    n_steps = conditions.choose(quick=12, full=40)
    ratios = np.stack([_toy_ratios([weight] * (n_steps - 1)) for weight in (0.25, 0.35)])

    def compare(direction: str) -> Ordering:
        return Ordering(values=np.swapaxes(ratios, 1, 2), direction=direction, margin=_MARGIN, label="ratios")

    return Outcome(
        evidence=compare("increasing"),
        controls={"never_sparsifies": compare("decreasing")},
        arrays={"weights": np.array((0.25, 0.35)), "measured": ratios},
    )
