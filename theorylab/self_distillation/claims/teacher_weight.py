"""How much ground truth a step should have: the closed form for its weight, and the best weight of the limit."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Ordering, Outcome, claim
from theorylab.self_distillation import theory
from theorylab.self_distillation.claims._problems import toy

__all__ = ["limit_weight", "optimal_weight"]

#: Ridge and the weights of the steps before the one whose weight is chosen: steps 2, 2, 2, 2, 3 and 5.
_CASES = ((0.05, ()), (0.2, ()), (0.5, ()), (1.0, ()), (0.2, (0.3,)), (0.3, (0.6, 0.1, 0.4)))


def _brute_force(ridge: float, before: tuple[float, ...]) -> tuple[float, float]:
    """Weight of the next step and its error, by a minimiser that sees nothing but errors of refits."""
    from scipy.optimize import minimize_scalar

    def loss(weight: float) -> float:
        return float(toy().mse(toy().refit([*before, weight], ridge).evaluated[-1]))

    found = minimize_scalar(loss, bracket=(0.0, 1.0), options={"xtol": 1e-10})
    return float(found.x), float(found.fun)


def _ends(ridge: float, before: tuple[float, ...]) -> tuple[Any, Any, Any]:
    """Predictions of the next step at weight 1 and at weight 0, and of the step before it, at the test points."""
    fits = toy().predict([*before, 0.0], ridge)
    return fits[0], fits[-1], fits[-2]


@claim(
    statement=r"At any step the weight of the ground truth with the smallest error on given points is $\alpha^* = "
    r"\langle Y - f_d, f_1 - f_d\rangle / \|f_1 - f_d\|^2$, where $f_1$ is the first fit and $f_d$ the ridge fit to "
    r"the step before alone; within $[0,1]$ it is the nearest point of the interval.",
    source="derived here",
    tolerance="weight 1e-6 (1 + |weight|) and error 1e-12: a minimiser that compares values finds a minimum to the "
    "root of their rounding; on the grid one grid step",
    controls={
        "training_data": "tuned on the targets that were fitted",
        "previous_step": "the predictions of the step before in place of the ridge fit to them",
        "greedy_never_loses": "choosing the best weight at each step never makes the next one worse",
    },
)
def optimal_weight(conditions: Conditions) -> Outcome:
    """Closed form against a scalar minimiser over refits, and against a grid of refits between 0 and 1."""
    truth = toy().truth
    brute = np.array([_brute_force(*case) for case in _CASES])
    ends = [_ends(*case) for case in _CASES]
    best = np.array([theory.optimal_ground_truth_weight(first, distilled, truth) for first, distilled, _ in ends])
    lowest = np.array(
        [
            theory.mixed_mse(first, distilled, truth, weight)
            for (first, distilled, _), weight in zip(ends, best, strict=True)
        ]
    )

    def compare(weights: Any, rows: Any = slice(None)) -> Agreement:
        measured = brute[rows, 0]
        margin = 1e-6 * (1.0 + np.abs(measured))
        return Agreement(predicted=weights, measured=measured, margin=margin, label="best weight")

    late = [index for index, (_, before) in enumerate(_CASES) if before]  # at step 2 the step before is the first fit
    grid = np.linspace(0.0, 1.0, conditions.choose(quick=41, full=1001))
    losses = np.stack([_grid_losses(*case, grid) for case in _CASES[:4]])
    clipped = [theory.optimal_ground_truth_weight(*end[:2], truth, clip=(0.0, 1.0)) for end in ends[:4]]
    greedy = _greedy(7)
    return Outcome(
        evidence=[
            compare(best),
            Agreement(predicted=lowest, measured=brute[:, 1], margin=1e-12, label="smallest error"),
            Agreement(
                predicted=clipped, measured=grid[losses.argmin(axis=1)], margin=grid[1], label="best weight of a grid"
            ),
        ],
        controls={
            "training_data": compare([_tuned_on_training_data(ridge, before) for ridge, before in _CASES]),
            "previous_step": compare(
                [theory.optimal_ground_truth_weight(ends[i][0], ends[i][2], truth) for i in late], late
            ),
            "greedy_never_loses": Ordering(values=greedy, direction="decreasing", margin=1e-10, label="greedy error"),
        },
        arrays={
            "ridges": np.array([ridge for ridge, _ in _CASES[:4]]),
            "grid": grid,
            "losses": losses,
            "best": best,
            "lowest": lowest,
            "greedy": greedy,
        },
    )


def _grid_losses(ridge: float, before: tuple[float, ...], grid: Any) -> Any:
    return np.array([toy().mse(toy().refit([*before, weight], ridge).evaluated[-1]) for weight in grid])


def _tuned_on_training_data(ridge: float, before: tuple[float, ...]) -> float:
    problem = toy()
    values = problem.system.eigenvalues
    fits = problem.system.apply(theory.distillation_filters(values, ridge, [*before, 0.0]), problem.y)
    return theory.optimal_ground_truth_weight(fits[0], fits[-1], problem.y)


def _greedy(n_steps: int) -> Any:
    """Errors of refits whose weight is the best one for its step, given the steps before."""
    weights: tuple[float, ...] = ()
    for _ in range(n_steps - 1):
        weights = (*weights, _brute_force(toy().regularization, weights)[0])
    return toy().mse(toy().refit(weights).evaluated)


@claim(
    statement=r"The best constant weight of infinitely many steps is $\alpha = \lambda/\lambda_{\mathrm{best}}$, "
    r"where $\lambda_{\mathrm{best}} \ge \lambda$ is the ridge with the smallest error; it is another one than the "
    r"best weight of a single step.",
    source="derived here",
    tolerance="one step of the grid of weights, since the grid is where the measured minimum lies; errors 1e-6, as "
    "100 steps leave 0.856^100 = 2e-7 of the slowest component at the smallest weight",
    controls={
        "weight_of_second_step": "the best weight of step 2, clipped to [0, 1]",
        "weight_of_teacher": "1 - lambda / lambda_best",
    },
)
def limit_weight(conditions: Conditions) -> Outcome:
    """Long explicit runs on a grid of weights; the best ridge from plain ridge regressions."""
    from scipy.optimize import minimize_scalar

    grid = np.linspace(0.1, 1.0, conditions.choose(quick=19, full=91))
    n_steps = conditions.choose(quick=100, full=400)
    ridges = (0.1, 0.2, 0.4)
    losses = np.stack(
        [[toy().mse(toy().refit([weight] * (n_steps - 1), ridge).evaluated[-1]) for weight in grid] for ridge in ridges]
    )
    best_ridge = np.exp(
        minimize_scalar(
            lambda log_ridge: toy().mse(toy().refit([], float(np.exp(log_ridge))).evaluated[0]), bounds=(-3.0, 2.0)
        ).x
    )

    def compare(weights: Any) -> Agreement:
        margin = grid[1] - grid[0]
        return Agreement(predicted=weights, measured=grid[losses.argmin(axis=1)], margin=margin, label="best weight")

    correct = np.array(ridges) / best_ridge
    second = [theory.optimal_ground_truth_weight(*_ends(r, ())[:2], toy().truth, clip=(0.0, 1.0)) for r in ridges]
    curves = [
        [toy().mse(toy().predict([], float(theory.effective_regularization(r, w)))[0]) for w in grid] for r in ridges
    ]
    return Outcome(
        evidence=[
            compare(correct),
            Agreement(predicted=curves, measured=losses, margin=1e-6, label="error after many steps"),
        ],
        controls={"weight_of_second_step": compare(second), "weight_of_teacher": compare(1.0 - correct)},
        arrays={
            "ridges": np.array(ridges),
            "grid": grid,
            "losses": losses,
            "predicted": np.array(curves),
            "best_weights": correct,
        },
    )
