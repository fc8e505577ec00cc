"""A single distillation moves along the tangent of the ridge path, and its sign rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import identity, toy

__all__ = ["sign_rule", "tangent"]


def _derivative(ridge: float) -> Any:
    """Derivative of plain ridge fits at the test points, from central differences."""
    problem = toy()
    return experiment.ridge_derivative(problem.X, problem.y, ridge, kernel=problem.kernel, X_eval=problem.X_test)


@claim(
    statement=r"One distillation moves along the tangent of the ridge path, exactly: $f^{(2)}_\alpha = f_\lambda + "
    r"(1-\alpha)\,\lambda\,\partial f_\lambda/\partial\lambda$.",
    source="derived here; the sign rule of Dang, Patil and Rinaldo, arXiv:2602.17565, rests on it",
    tolerance="1e-8: both sides are exact, and central differences of sixth order are wrong by 1e-12 at a step of one "
    "percent",
    controls={
        "without_ridge": "the factor lambda dropped",
        "weight_for_truth": "the factor alpha in place of 1 - alpha",
        "ridge_fit": "the student as the ridge fit with lambda (2 - alpha), which the tangent points at",
    },
)
def tangent(conditions: Conditions) -> Outcome:
    """Students that were fitted against derivatives of plain ridge fits, for several ridges and weights."""
    ridges = np.geomspace(0.02, 5.0, conditions.choose(quick=6, full=40))
    weights = np.array((0.0, 0.3, 0.8))
    students = np.stack([[toy().refit([w], r).evaluated[1] for w in weights] for r in ridges])
    first = np.stack([toy().refit([], r).evaluated[0] for r in ridges])[:, None, :]
    slopes = np.stack([_derivative(float(r)) for r in ridges])
    ends = [toy().predict([0.0], float(r)) for r in ridges]
    predicted = np.stack([theory.ridge_tangent(end[0], end[1], r) for end, r in zip(ends, ridges, strict=True)])
    share, scale = (1.0 - weights)[:, None], ridges[:, None, None]

    def compare(fits: Any) -> Agreement:
        return identity(fits, students, "student", 1e-8)

    larger = np.stack([[toy().predict([], r * (2.0 - w))[0] for w in weights] for r in ridges])
    return Outcome(
        evidence=[
            compare(first + share * scale * slopes[:, None, :]),
            compare(first + share * scale * predicted[:, None, :]),
            identity(predicted, slopes, "derivative by the ridge", 1e-8 / ridges[:, None]),
        ],
        controls={
            "without_ridge": compare(first + share * slopes[:, None, :]),
            "weight_for_truth": compare(first + weights[:, None] * scale * slopes[:, None, :]),
            "ridge_fit": compare(larger),
        },
        arrays={"ridges": ridges, "weights": weights, "slopes": slopes},
    )


@claim(
    statement=r"The best weight of one step is $\alpha^* = 1 + R'(\lambda)/(2\lambda\langle(\partial "
    r"f_\lambda/\partial\lambda)^2\rangle)$: below one exactly where more ridge would help, one at the best ridge, "
    r"above one beyond.",
    source="derived here; sign rule as in Dang, Patil and Rinaldo, arXiv:2602.17565",
    tolerance="1e-6 (1 + |weight|) and 1e-6 in the slope: central differences of sixth order are wrong by 1e-12, of "
    "which the smallest ridges make 1e-9; at the best ridge 1e-6, as exactly as a minimiser that compares values "
    "finds it; signs without margin",
    controls={
        "sign_reversed": "distillation helps where more ridge would hurt",
        "training_error": "the slope of the training error",
        "without_ridge": "the factor lambda dropped",
    },
)
def sign_rule(conditions: Conditions) -> Outcome:
    """Best weights of refitted students against slopes of plain ridge fits, on a grid of ridges."""
    ridges = np.geomspace(0.03, 5.0, conditions.choose(quick=12, full=60))
    measured = np.array([_best_weight(float(r)) for r in ridges])
    paths = [_path(float(r)) for r in ridges]
    slopes, powers, training_slopes = (np.array(column) for column in zip(*paths, strict=True))
    best = _best_ridge()

    def compare(weights: Any) -> Agreement:
        margin = 1e-6 * (1.0 + np.abs(measured))
        return Agreement(predicted=weights, measured=measured, margin=margin, label="best weight")

    def signs(slope: Any) -> Bound:
        """Distillation helps, by however little, where and only where the slope is negative."""
        change = np.array([_gentle_change(float(r)) for r in ridges])
        return Bound(lhs=-np.sign(slope) * change, rhs=np.zeros_like(change), margin=0.0, label="sign of the change")

    correct = theory.tangent_ground_truth_weight(slopes, powers, ridges)
    ends = [toy().predict([0.0], float(r)) for r in ridges]
    predicted_slopes = [
        theory.risk_slope(first, distilled, toy().truth, r) for (first, distilled), r in zip(ends, ridges, strict=True)
    ]
    return Outcome(
        evidence=[
            compare(correct),
            Agreement(predicted=predicted_slopes, measured=slopes, margin=1e-6, label="slope of the error"),
            Agreement(predicted=1.0, measured=_best_weight(best), margin=1e-6, label="best weight at the best ridge"),
            signs(slopes),
        ],
        controls={
            "sign_reversed": signs(-slopes),
            "training_error": signs(training_slopes),
            "without_ridge": compare(1.0 + slopes / (2.0 * powers)),
        },
        arrays={
            "ridges": ridges,
            "risks": np.array([toy().mse(end[0]) for end in ends]),
            "measured": measured,
            "predicted": correct,
            "best_ridge": best,
        },
    )


def _path(ridge: float) -> tuple[float, float, float]:
    """Slope of the error at the test points, mean square of the derivative, and slope of the training error."""
    problem, derivative = toy(), _derivative(ridge)
    fits = problem.refit([], ridge)
    at_training = experiment.ridge_derivative(problem.X, problem.y, ridge, kernel=problem.kernel, X_eval=problem.X)
    slope = 2.0 * np.mean((fits.evaluated[0] - problem.truth) * derivative)
    training_slope = 2.0 * np.mean((fits.train[0] - problem.y) * at_training)
    return float(slope), float(np.mean(derivative**2)), float(training_slope)


def _best_weight(ridge: float) -> float:
    """Minimum of the parabola through the errors of three students that were fitted."""
    weights = np.array((-1.0, 1.0, 3.0))
    low, middle, high = (toy().mse(toy().refit([weight], ridge).evaluated[1]) for weight in weights)
    return float(1.0 + (low - high) / (low - 2.0 * middle + high))


def _gentle_change(ridge: float) -> float:
    """Change of the error by one step with a thousandth of teacher."""
    first, second = toy().mse(toy().refit([0.999], ridge).evaluated)
    return float(second - first)


def _best_ridge() -> float:
    """Stationary point of the error of plain ridge fits: where its slope changes sign."""
    from scipy.optimize import brentq

    return float(brentq(lambda ridge: _path(ridge)[0], 0.3, 1.0, xtol=1e-12))
