"""Where many steps lead, how fast, and what becomes of a fit without ground truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Ordering, Outcome, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import ROUNDING, identity, toy

__all__ = ["collapse", "convergence", "limit"]

#: Weights whose limits are compared, and those whose losses are shown beside the collapse.
_WEIGHTS = (0.25, 0.35, 0.7)
_SHOWN = (0.01, 0.1, 0.25, 0.35)


@claim(
    statement=r"Infinitely many steps with weight $\alpha > 0$ are one ridge regression with the ridge "
    r"$\lambda/\alpha$: $b_i^\infty = d_i/(d_i + \lambda/\alpha)$, also when the weights only converge to $\alpha$. A "
    r"finite number of steps beyond the first is no ridge regression at all.",
    source="borup2021, limit; weights that converge, and steps that are no ridge fit: derived here",
    tolerance="1e-9: after 300 steps the distance is below 0.71^300 or the 0.9^300 of the weights, both far below the "
    "rounding of the solves",
    controls={
        "ridge_times_weight": "ridge lambda * alpha",
        "weight_of_teacher": "ridge lambda / (1 - alpha)",
        "student_is_ridge": "the second step as a ridge fit with one ridge for all components",
    },
)
def limit(conditions: Conditions) -> Outcome:
    """Hundreds of explicit steps against the ridge regression that they should end in."""
    n_steps = conditions.choose(quick=300, full=4000)
    problem, ridge = toy(), toy().regularization
    values = problem.system.eigenvalues
    runs = [problem.refit([weight] * (n_steps - 1)) for weight in _WEIGHTS]
    settling = problem.refit(0.35 + 0.6 * 0.9 ** np.arange(n_steps - 1.0))

    def compare(ridges: Any) -> list[Agreement]:
        """The last step of each run against the fits with given ridges."""
        return [
            identity(problem.predict([], amplified)[0], run.evaluated[-1], "limit at other points", 1e-9)
            for amplified, run in zip(ridges, runs, strict=True)
        ]

    weights = np.array(_WEIGHTS)
    amplified = theory.effective_regularization(ridge, weights)
    at_training_points = problem.system.apply(theory.limit_filter(values, ridge, weights), problem.y)
    second, equivalent = _second_step(0.4)
    return Outcome(
        evidence=[
            *compare(amplified),
            identity(at_training_points, np.stack([run.train[-1] for run in runs]), "limit at training points", 1e-9),
            identity(problem.predict([], amplified[1])[0], settling.evaluated[-1], "weights that converge", 1e-9),
            identity(equivalent, second, "ridge of each component at step 2", 1e-9),
        ],
        controls={
            "ridge_times_weight": compare(ridge * weights),
            "weight_of_teacher": compare(ridge / (1.0 - weights)),
            "student_is_ridge": identity(np.full_like(second, equivalent.mean()), second, "one ridge", 1e-9),
        },
        arrays={
            "weights": weights,
            "limits": problem.predict([], amplified[0])[0],
            "measured_limits": np.stack([run.evaluated[-1] for run in runs]),
            "component_ridges": second,
            "predicted_component_ridges": equivalent,
        },
    )


def _second_step(weight: float) -> tuple[Any, Any]:
    """Ridge that would explain what the second step keeps of each component: measured and predicted."""
    problem = toy()
    values = problem.system.eigenvalues
    smoother = experiment.smoother_matrices(problem.X, problem.regularization, [weight], kernel=problem.kernel)[1]
    kept = np.linalg.eigvalsh((smoother + smoother.T) / 2.0)[::-1]
    duals = theory.dual_filters(values, problem.regularization, [weight])[1]
    return values / kept - values, theory.equivalent_ridge(values, duals)


@claim(
    statement=r"Component $i$ approaches its limit by the factor $(1-\alpha)A_i$ in each step: $\|y^{(\tau)} - "
    r"y^\infty\|^2 = \sum_i [(1-\alpha)A_i]^{2(\tau-1)} (A_i - b_i^\infty)^2 (V^T Y)_i^2$.",
    source="borup2021, linear convergence; sum over components derived here",
    tolerance="1e-12 absolute: fits of order one are exact to 1e-14 here, and the distances compared go down to that",
    controls={
        "without_smoother": "every component shrinks by 1 - alpha",
        "largest_rate_alone": "the whole distance shrinks by the largest factor from the start",
    },
)
def convergence(conditions: Conditions) -> Outcome:
    """Distances of explicit steps from a ridge regression that was fitted with the amplified ridge."""
    n_steps = conditions.choose(quick=60, full=400)
    problem = toy()
    values, ridge, steps = problem.system.eigenvalues, problem.regularization, np.arange(1.0, n_steps + 1.0)
    coefficients = problem.system.coefficients(problem.y)
    weights = np.array((0.1, 0.25, 0.5))
    measured = []
    for weight in weights:
        end = experiment.fit_steps(problem.X, problem.y, ridge / weight, [], kernel=problem.kernel).train[0]
        run = problem.refit([weight] * (n_steps - 1)).train
        measured.append(np.linalg.norm(run - end, axis=1))
    predicted = theory.distance_to_limit(values, coefficients, ridge, weights[:, None], steps)
    slowest = values[0] / (values[0] + ridge)

    def compare(distances: Any) -> Agreement:
        return identity(distances, np.stack(measured), "distance to the limit", 1e-12)

    first, factor = predicted[:, :1], 1.0 - weights[:, None]
    return Outcome(
        evidence=compare(predicted),
        controls={
            "without_smoother": compare(first * factor ** (steps - 1.0)),
            "largest_rate_alone": compare(first * (factor * slowest) ** (steps - 1.0)),
        },
        arrays={
            "weights": weights,
            "steps": steps,
            "measured": np.stack(measured),
            "predicted": predicted,
            "without_smoother": first * factor ** (steps - 1.0),
        },
    )


@claim(
    statement=r"Without ground truth the fit collapses to the zero function as $b_i^{(\tau)} = A_i^\tau$, and its "
    r"error ends at the mean square of the target; any constant weight above zero prevents that. At every weight the "
    r"RKHS norm falls from step to step.",
    source="mobahi2020 and borup2021, collapse; falling norms derived here",
    tolerance="1e-10: the largest A^600 of the toy problem is 1e-25, so that only rounding is left; no step may rise "
    "by more than rounding",
    controls={
        "a_little_truth": "the collapse predicted, the weight 0.01",
        "collapse_to_mean": "the fit ends at the mean of the targets, as it would with an intercept",
    },
)
def collapse(conditions: Conditions) -> Outcome:
    """Hundreds of explicit steps without, and with a little, ground truth."""
    n_steps = conditions.choose(quick=600, full=4000)
    problem, shown = toy(), 40
    values, ridge = problem.system.eigenvalues, problem.regularization
    pure, little = (problem.refit([weight] * (n_steps - 1)) for weight in (0.0, 0.01))
    filters = theory.constant_weight_filter(values, ridge, 0.0, np.arange(1.0, n_steps + 1.0))
    end = problem.system.apply(theory.limit_filter(values, ridge, 0.0), problem.y)
    loss, target = problem.mse(pure.evaluated), np.mean(problem.truth**2)
    norms = np.stack([_squared_norms(weight) for weight in (0.0, 0.25, 0.5, 0.9)])
    losses = [problem.mse(problem.refit([weight] * (shown - 1)).evaluated) for weight in _SHOWN]
    return Outcome(
        evidence=[
            identity(problem.system.apply(filters, problem.y), pure.train, "fits on the way"),
            identity(end, pure.train[-1], "fit after many steps"),
            identity(target, loss[-1], "error after many steps"),
            Ordering(values=norms, direction="decreasing", margin=ROUNDING, label="squared RKHS norms"),
        ],
        controls={
            "a_little_truth": identity(end, little.train[-1], "fit after many steps"),
            "collapse_to_mean": identity(np.full_like(end, problem.y.mean()), pure.train[-1], "fit after many steps"),
        },
        arrays={
            "weights": np.array((0.0, *_SHOWN)),
            "measured": np.stack([loss[:shown], *losses]),
            "limits": np.array([target, *(problem.mse(problem.predict([], ridge / w)[0]) for w in _SHOWN)]),
            "norms": norms,
        },
    )


def _squared_norms(weight: float) -> Any:
    """RKHS norms of 12 explicit steps; the dual coefficients are (target - fit) / ridge."""
    problem = toy()
    fits = problem.refit([weight] * 11).train
    targets = np.concatenate([problem.y[None, :], weight * problem.y + (1.0 - weight) * fits[:-1]])
    duals = (targets - fits) / problem.regularization
    return np.sum(duals * fits, axis=1)
