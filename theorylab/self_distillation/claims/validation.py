"""What a noisy validation set does to the weight that is tuned on it, and validation without any validation set."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, Rate, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import Problem, identity, random_problem, toy

__all__ = ["leave_one_out", "validation_noise"]

#: Noise of the validation targets.
_SIGMA = 0.5
#: Validation points of several repeats that are predicted together.
_POINTS_AT_ONCE = 200_000


@claim(
    statement=r"A weight tuned on $m$ validation targets with noise $\sigma$ scatters by $\sigma/\sqrt{m\,\langle "
    r"w^2\rangle}$, $w = f_1 - f_d$; the noise makes no bias.",
    source="derived here",
    tolerance="no margin at fixed points; 25 % where the points are drawn too, since their own scatter adds about 15 "
    "%; exponent 0.05; resolutions 25 % and 0.1, where the control is off by 0.5",
    controls={
        "scatter_as_one_over_m": "scatter proportional to 1/m",
        "variance_for_deviation": "sigma squared in place of sigma",
        "training_scale": "the spread of the first fit in place of that of f_1 - f_d",
    },
)
def validation_noise(conditions: Conditions) -> Outcome:
    """Repeated tuning on fresh validation sets, at fixed and at random points."""
    sizes = np.array(conditions.choose(quick=(20, 60, 200, 1000), full=(20, 60, 200, 1000, 3000, 10_000)))
    n_repeats = conditions.choose(quick=200, full=400)
    fixed = [_tuned_weights(conditions, int(m), n_repeats, False) for m in sizes]
    drawn = [_tuned_weights(conditions, int(m), n_repeats, True) for m in sizes]
    predicted = np.array([_predicted(int(m)) for m in sizes])
    relative = 1.0 / np.sqrt(2.0 * (n_repeats - 1.0))  # standard error of a standard deviation, Gaussian

    def scatter(runs: list[Any]) -> Any:
        return np.array([run.std(ddof=1) for run in runs])

    def compare(deviations: Any, runs: list[Any] = fixed, margin: float = 0.0) -> Agreement:
        return Agreement(
            predicted=deviations,
            measured=scatter(runs),
            standard_error=relative * scatter(runs),
            margin=margin * deviations,
            resolution=0.25 * scatter(runs),
            label="scatter of the tuned weight",
        )

    def rate(exponent: float) -> Rate:
        errors = relative * scatter(drawn)
        return Rate.fit(
            sizes,
            scatter(drawn),
            y_standard_error=errors,
            predicted=exponent,
            margin=0.05,
            resolution=0.15,
            label="exponent of m",
        )

    first, distilled = toy().predict([0.0])
    wrong_scale = predicted * np.sqrt(np.mean((first - distilled) ** 2) / np.mean(first**2))
    means = np.array([run.mean() for run in fixed])
    clean = [_noiseless_weight(int(m)) for m in sizes]
    return Outcome(
        evidence=[
            compare(predicted),
            compare(predicted, drawn, 0.25),
            rate(-0.5),
            Agreement(
                predicted=clean,
                measured=means,
                standard_error=scatter(fixed) / np.sqrt(n_repeats),
                margin=0.0,
                resolution=scatter(fixed),
                label="mean of the tuned weight",
            ),
        ],
        controls={
            "scatter_as_one_over_m": rate(-1.0),
            "variance_for_deviation": compare(predicted * _SIGMA),
            "training_scale": compare(wrong_scale),
        },
        arrays={
            "sizes": sizes,
            "fixed": scatter(fixed),
            "drawn": scatter(drawn),
            "relative_error": relative,
            "predicted": predicted,
            "means": means,
        },
    )


def _points(m: int) -> Any:
    return (np.arange(m) + 0.5)[:, None] / m


def _ends(X: Any) -> tuple[Any, Any]:
    """Predicted first fit and pure student at given points."""
    problem = toy()
    values = problem.system.eigenvalues
    duals = problem.system.apply(theory.dual_filters(values, problem.regularization, [0.0]), problem.y)
    first, distilled = duals @ np.exp(-problem.kernel["gamma"] * (X[:, 0] - problem.X) ** 2)
    return first, distilled


def _predicted(m: int) -> float:
    return theory.ground_truth_weight_error(*_ends(_points(m)), _SIGMA**2)


def _noiseless_weight(m: int) -> float:
    X = _points(m)
    return theory.optimal_ground_truth_weight(*_ends(X), np.sin(2.0 * np.pi * X[:, 0]))


def _tuned_weights(conditions: Conditions, m: int, n_repeats: int, draw_points: bool) -> Any:
    """Minimum of the parabola through the validation errors of three students that were fitted, for each repeat."""
    rng = conditions.rng("validation", m, int(draw_points))
    tuned: list[Any] = []
    while len(tuned) < n_repeats:
        rows = min(n_repeats - len(tuned), max(1, _POINTS_AT_ONCE // m))
        X = rng.uniform(0.0, 1.0, (rows, m)) if draw_points else np.tile(_points(m).T, (rows, 1))
        y = np.sin(2.0 * np.pi * X) + _SIGMA * rng.standard_normal((rows, m))
        low, middle, high = (np.mean((_fitted(weight, X) - y) ** 2, axis=1) for weight in (-1.0, 0.0, 1.0))
        tuned.extend(0.5 * (low - high) / (low - 2.0 * middle + high))
    return np.array(tuned)


def _fitted(weight: float, X: Any) -> Any:
    """A student's predictions at a matrix of points on the line."""
    problem = toy()
    ridge, points = problem.regularization, np.reshape(X, (-1, 1))
    fits = experiment.fit_steps(problem.X, problem.y, ridge, [weight], kernel=problem.kernel, X_eval=points)
    return np.reshape(fits.evaluated[1], X.shape)


@claim(
    statement=r"The leave-one-out predictions of all steps, teachers included, follow from one eigendecomposition; "
    r"the familiar $y_i - (y_i - \hat y_i)/(1 - S_{ii})$ is exact without distillation and wrong with it, since the "
    r"teacher has seen the sample.",
    source="derived here",
    tolerance="1e-10: both sides are exact, and 1 - S_ii is at least 0.02 here",
    controls={
        "shortcut": "the familiar formula applied to the smoother of the last step",
        "teacher_saw_the_sample": "the sample left out of the student alone",
    },
)
def leave_one_out(conditions: Conditions) -> Outcome:
    """Shortcut for the whole chain against n explicit refits of every step."""
    n_samples = conditions.choose(quick=25, full=100)
    cases: list[tuple[Problem, list[float]]] = [(toy(), [1.0]), (toy(), [0.3]), (toy(), [0.0, 0.6, 0.2])]
    cases += [(random_problem(conditions, name, n_samples, "loo"), [0.3, 0.7]) for name in ("rbf", "polynomial")]
    measured = [experiment.leave_one_out(p.X, p.y, p.regularization, weights, kernel=p.kernel) for p, weights in cases]

    def compare(predict: Any) -> list[Agreement]:
        return [
            identity(p.y - predict(p, weights), residuals, "leave-one-out residuals")
            for (p, weights), residuals in zip(cases, measured, strict=True)
        ]

    correct = compare(lambda p, weights: theory.leave_one_out(p.system, p.y, p.regularization, weights))
    single = cases[0][0]
    return Outcome(
        evidence=[
            *correct,
            identity(single.y - _shortcut(single, [1.0]), measured[0], "shortcut without distillation"),
        ],
        controls={"shortcut": compare(_shortcut), "teacher_saw_the_sample": compare(_fresh_student)},
        arrays={
            "refits": np.mean(measured[1] ** 2, axis=1),
            "chain": np.mean(np.asarray(correct[1].predicted) ** 2, axis=1),
            "shortcut": np.mean((single.y - _shortcut(single, [0.3])) ** 2, axis=1),
            "fresh_student": np.mean((single.y - _fresh_student(single, [0.3])) ** 2, axis=1),
        },
    )


def _shortcut(problem: Problem, weights: list[float]) -> Any:
    """The familiar formula with the smoother matrix of each step."""
    system, y = problem.system, problem.y
    filters = theory.distillation_filters(system.eigenvalues, problem.regularization, weights)
    return _without_sample(system, filters, y[None, ...], system.apply(filters, y))


def _fresh_student(problem: Problem, weights: list[float]) -> Any:
    """The familiar formula for the last ridge fit, whose mixed targets come from a teacher that saw all samples."""
    system, y = problem.system, problem.y
    fits = system.apply(theory.distillation_filters(system.eigenvalues, problem.regularization, weights), y)
    share = np.reshape(weights, (-1, *[1] * y.ndim))
    targets = np.concatenate([y[None, ...], share * y + (1.0 - share) * fits[:-1]])
    ridge_fit = theory.distillation_filters(system.eigenvalues, problem.regularization, [])
    return _without_sample(system, np.repeat(ridge_fit, len(targets), axis=0), targets, fits)


def _without_sample(system: theory.KernelEigensystem, filters: Any, targets: Any, fits: Any) -> Any:
    """Targets less residuals over one less the diagonal of the smoother."""
    diagonal = filters @ (system.eigenvectors**2).T
    diagonal = np.reshape(diagonal, (*diagonal.shape, *[1] * (fits.ndim - 2)))
    return targets - (targets - fits) / (1.0 - diagonal)
