"""The constrained form: multipliers, bounds and the round of collapse, against convex programmes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Evidence, Outcome, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import identity, toy
from theorylab.self_distillation.problem import beam_kernel, gaussian_kernel

__all__ = ["constrained"]

#: What gaps of 1e-12, which the solver mostly reaches, leave of the minimiser of a strongly convex problem: their root.
_SOLVER = 2e-6


@dataclasses.dataclass(frozen=True, eq=False)
class _Case:
    """A kernel matrix, a tolerance, the predicted path, and the convex programmes solved."""

    gram: Any
    tolerance: float
    path: theory.ConstrainedPath
    solved: experiment.ConstrainedFits

    @classmethod
    def solve(cls, gram: Any, tolerance: float, n_rounds: int) -> _Case:
        return cls(
            gram,
            tolerance,
            theory.constrained_distillation_path(gram, toy().y, tolerance, n_rounds),
            experiment.fit_constrained(gram, toy().y, tolerance, n_rounds),
        )

    @property
    def system(self) -> theory.KernelEigensystem:
        return theory.KernelEigensystem.from_gram(self.gram)

    @property
    def norms(self) -> Any:
        """Measured norms of what each round was trained on, and of the last predictions."""
        predictions = np.concatenate([toy().y[None, :], self.solved.predictions])
        return np.linalg.norm(predictions, axis=1)

    @property
    def rounds(self) -> int:
        """Number of rounds before the collapse."""
        return int(self.solved.ridges.size)


@claim(
    statement=r"With the training error constrained instead of penalised, round $t$ is a ridge fit with a multiplier "
    r"$c_t$ that solves $\sum_j (c/(c+g_j))^2 z_{t-1,j}^2 = n\epsilon$ and grows until the fit collapses to zero; not "
    r"before $(r_0-1)/\kappa$ rounds, and with the published bounds on multipliers, norms and ratios of filters.",
    source="mobahi2020, Propositions and Theorems on the number of rounds and on sparsification; re-derived here",
    tolerance="2e-6, relative for multipliers: the objective is strongly convex, and the gaps of about 1e-12 that the "
    "solver reaches leave their root of the minimiser; the round of collapse exactly; inequalities up to the same 2e-6",
    controls={
        "kappa_inverted": "the condition number inverted in the guaranteed number of rounds",
        "constant_multiplier": "the multiplier of the first round in all rounds, as in the penalised form",
        "kernel_not_divided": "the eigenvalues of K in place of those of K / n",
    },
)
def constrained(conditions: Conditions) -> Outcome:
    """Second-order cone programmes, round by round, for a narrow, a wide and a spline kernel."""
    inner = (toy().X[:, 0] + 0.05) / 1.1
    cases = [
        _Case.solve(gaussian_kernel(toy().X, gamma=80.0), 0.045, 12),
        _Case.solve(gaussian_kernel(toy().X, gamma=600.0), 0.01, 12),
        _Case.solve(beam_kernel(inner), 0.045, 12),
    ]
    if conditions.profile == "full":
        cases += [_Case.solve(gaussian_kernel(toy().X, gamma=200.0), float(eps), 40) for eps in (0.002, 0.005, 0.02)]
    return Outcome(
        evidence=[piece for case in cases for piece in _agreements(case)]
        + [piece for case in cases for piece in _bounds(case)]
        + _attained(_Case.solve(0.7 * np.eye(len(toy().y)), 0.01, 12)),
        controls={
            "kappa_inverted": [_survival(case, _inverted_rounds(case)) for case in cases],
            "constant_multiplier": [
                _multipliers(case, np.repeat(case.path.multipliers[:1], case.rounds)) for case in cases
            ],
            "kernel_not_divided": [_multipliers(case, case.path.multipliers * len(case.gram)) for case in cases],
        },
        arrays={name: values for index, case in enumerate(cases[:2]) for name, values in _figure(case, index)},
    )


def _multipliers(case: _Case, multipliers: Any) -> Agreement:
    return identity(multipliers, case.solved.ridges, "multipliers", _SOLVER * case.solved.ridges)


def _agreements(case: _Case) -> list[Evidence]:
    ends = [np.inf if end is None else end for end in (case.path.collapsed_at, case.solved.collapsed_at)]
    return [
        _multipliers(case, case.path.multipliers),
        identity(case.path.predictions, case.solved.predictions, "training predictions", _SOLVER),
        identity(case.path.norms, case.norms, "norms", _SOLVER),
        identity(float(ends[0]), float(ends[1]), "round of collapse", 0.0),
    ]


def _bounds(case: _Case) -> list[Evidence]:
    """The published inequalities, with the solver's numbers on the measured side."""
    values = case.system.eigenvalues
    lower, upper = theory.multiplier_bounds(values, case.norms[:-1], case.tolerance)
    guaranteed = float(theory.guaranteed_rounds(values, case.norms[0], case.tolerance))
    rounds = np.arange(1.0, case.rounds + 1.0)
    norms = theory.norm_bound(values, float(case.norms[0]), case.tolerance, rounds)
    pieces: list[Evidence] = [
        Bound(lhs=lower, rhs=case.solved.ridges, margin=_SOLVER, label="multipliers from below"),
        Bound(lhs=case.solved.ridges, rhs=upper, margin=_SOLVER, label="multipliers from above"),
        Bound(lhs=norms, rhs=case.norms[1:], margin=_SOLVER, label="norms from below"),
        _survival(case, guaranteed),
    ]
    within = rounds[rounds <= guaranteed]
    if within.size:
        bound = theory.filter_ratio_bound(values, float(case.norms[0]), case.tolerance, within)
        ratios = theory.eigen_ratio(_measured_filters(case)[: within.size])
        pieces.append(Bound(lhs=bound, rhs=ratios, margin=1e-4, label="ratios of filters from below"))
    return pieces


def _attained(case: _Case) -> list[Evidence]:
    """With equal eigenvalues every bound is an equality, so that a bound that is merely loose is noticed."""
    values, norm, rounds = case.system.eigenvalues, float(case.norms[0]), np.arange(1.0, case.rounds + 1.0)
    lower, upper = theory.multiplier_bounds(values, case.norms[:-1], case.tolerance)
    return [
        _multipliers(case, lower),
        _multipliers(case, upper),
        identity(theory.norm_bound(values, norm, case.tolerance, rounds), case.norms[1:], "norms, attained", _SOLVER),
        identity(
            np.floor(theory.guaranteed_rounds(values, norm, case.tolerance)) + 1.0, float(case.rounds), "rounds", 0.0
        ),
    ]


def _survival(case: _Case, guaranteed: float) -> Bound:
    return Bound(lhs=np.floor(guaranteed), rhs=float(case.rounds), margin=0.0, label="rounds before the collapse")


def _inverted_rounds(case: _Case) -> float:
    values = case.system.eigenvalues
    guaranteed = float(theory.guaranteed_rounds(values, case.norms[0], case.tolerance))
    return guaranteed * float(values[0] / values[-1]) ** 2


def _measured_filters(case: _Case) -> Any:
    """Share of each component of the targets that the solved programmes have kept."""
    return (case.solved.predictions @ case.system.eigenvectors) / case.system.coefficients(toy().y)


def _figure(case: _Case, index: int) -> list[tuple[str, Any]]:
    values, rounds = case.system.eigenvalues, np.arange(0.0, case.rounds + 1.0)
    lower, upper = theory.multiplier_bounds(values, case.norms[:-1], case.tolerance)
    norms = theory.norm_bound(values, float(case.norms[0]), case.tolerance, rounds)
    columns = {
        "multipliers": case.path.multipliers,
        "measured_multipliers": case.solved.ridges,
        "lower": lower,
        "upper": upper,
        "norms": case.path.norms,
        "measured_norms": case.norms,
        "norm_bound": norms,
        "guaranteed": theory.guaranteed_rounds(values, case.norms[0], case.tolerance),
        "radius": np.sqrt(len(case.gram) * case.tolerance),
    }
    return [(f"{name}_{index}", column) for name, column in columns.items()]
