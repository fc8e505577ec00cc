"""What each step keeps of each eigencomponent, against models that were fitted step after step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import Problem, identity, random_problem, toy

__all__ = ["filters"]

#: Constant weights of the figure; the first is pure distillation.
_SHOWN = (0.0, 0.25)
_KERNELS = ("rbf", "laplacian", "polynomial")


@dataclasses.dataclass(frozen=True, eq=False)
class _Case:
    """A problem, a sequence of weights, and the models fitted with it."""

    problem: Problem
    weights: Sequence[float]
    fits: experiment.Refits

    @classmethod
    def fitted(cls, problem: Problem, weights: Sequence[float]) -> _Case:
        return cls(problem, weights, problem.refit(weights))

    def compare(self, filters: Any, label: str = "training points") -> Agreement:
        """Filters of all steps against the training predictions."""
        return identity(self.problem.system.apply(filters, self.problem.y), self.fits.train, label)

    @property
    def spectrum(self) -> tuple[Any, float]:
        """Eigenvalues and ridge."""
        return self.problem.system.eigenvalues, self.problem.regularization


@claim(
    statement=r"After step $\tau$ the fit keeps of eigencomponent $i$ the share $b_i^{(\tau)} = "
    r"A_i[(1-\alpha^{(\tau)})\,b_i^{(\tau-1)} + \alpha^{(\tau)}]$, $A_i = d_i/(d_i+\lambda)$: at the training points, "
    r"at any other point, for any kernel and any sequence of weights.",
    source="borup2021, fit after each step; recursion for the filters derived here",
    tolerance="1e-10: both sides are exact, and solving with K + lambda I loses at most 1e-12 in any of the problems",
    controls={
        "weights_exchanged": "the weight put on the teacher instead of the ground truth",
        "one_step_late": "steps counted from zero: the filter of the step before",
    },
)
def filters(conditions: Conditions) -> Outcome:
    """Filters, mixtures and the closed form for constant weights, against scikit-learn fits of every step."""
    cases = _random_cases(conditions)
    constant = [_Case.fitted(toy(), [weight] * 7) for weight in (0.0, 0.1, 0.35, 0.9, 1.0)]

    def compare(predict: Callable[[_Case], Any]) -> list[Agreement]:
        return [case.compare(predict(case)) for case in cases]

    shown = [_Case.fitted(toy(), [weight] * 5) for weight in _SHOWN]
    return Outcome(
        evidence=[
            *compare(lambda case: theory.distillation_filters(*case.spectrum, case.weights)),
            *(identity(case.problem.predict(case.weights), case.fits.evaluated, "other points") for case in cases),
            *(case.compare(_closed_form(case), "constant weight") for case in constant),
            *(_mixture(case) for case in cases),
            *(_definition(case) for case in cases),
        ],
        controls={
            "weights_exchanged": compare(
                lambda case: theory.distillation_filters(*case.spectrum, 1.0 - np.array(case.weights))
            ),
            "one_step_late": compare(_one_step_late),
        },
        arrays={
            "weights": np.array(_SHOWN),
            "measured": np.stack([case.fits.evaluated for case in shown]),
            "predicted": np.stack([case.problem.predict(case.weights) for case in shown]),
            "measured_filters": np.stack([_measured_filters(case) for case in shown]),
        },
    )


def _random_cases(conditions: Conditions) -> list[_Case]:
    n_samples, n_steps, n_repeats = conditions.choose(quick=(40, 8, 1), full=(400, 50, 3))
    problems = [(toy(), 8)]
    for repeat in range(n_repeats):
        problems += [(random_problem(conditions, name, n_samples, repeat), n_steps) for name in _KERNELS]
    return [
        _Case.fitted(problem, conditions.rng("weights", index).uniform(0.0, 1.0, steps - 1).tolist())
        for index, (problem, steps) in enumerate(problems)
    ]


def _closed_form(case: _Case) -> Any:
    steps = np.arange(1.0, len(case.weights) + 2.0)
    return theory.constant_weight_filter(*case.spectrum, case.weights[0], steps)


def _one_step_late(case: _Case) -> Any:
    """The filter of the step before; before the first step everything is kept."""
    filters = theory.distillation_filters(*case.spectrum, case.weights)
    return np.concatenate([np.ones_like(filters[:1]), filters[:-1]])


def _mixture(case: _Case) -> Agreement:
    """Every student as the predicted mixture of students that were really fitted without ground truth."""
    pure = case.problem.refit([0.0] * len(case.weights)).evaluated
    mixed = np.tensordot(theory.mixture_coefficients(case.weights), pure, axes=1)
    return identity(mixed, case.fits.evaluated, "mixtures of pure students")


def _definition(case: _Case) -> Agreement:
    """Filters against the minimiser of the definition, where both targets enter the loss with their own weight."""
    problem = case.problem
    fits = experiment.fit_both_targets(
        problem.X, problem.y, problem.regularization, case.weights, kernel=problem.kernel, X_eval=problem.X_test
    )
    return identity(problem.predict(case.weights), fits.evaluated, "two targets in one loss")


def _measured_filters(case: _Case) -> Any:
    """Eigenvalues of the matrices that take the ground truth to the predictions of each step, largest first."""
    problem = case.problem
    smoothers = experiment.smoother_matrices(problem.X, problem.regularization, case.weights, kernel=problem.kernel)
    return np.linalg.eigvalsh((smoothers + np.swapaxes(smoothers, 1, 2)) / 2.0)[:, ::-1]
