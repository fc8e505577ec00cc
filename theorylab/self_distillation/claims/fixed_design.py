"""Risk at the training inputs, averaged over the noise of their targets, and the weight that an oracle would choose."""

from __future__ import annotations

from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.self_distillation import experiment, theory
from theorylab.self_distillation.claims._problems import ROUNDING, identity, toy

__all__ = ["fixed_design_risk", "oracle_weight"]

_RIDGES = (0.05, 0.2, 0.5, 1.0)


def _target() -> Any:
    """Noiseless sinusoid at the training inputs."""
    return np.sin(2.0 * np.pi * toy().X[:, 0])


@claim(
    statement=r"Averaged over noise of variance $\sigma^2$, step $\tau$ has at the training inputs the error $\frac1n "
    r"\sum_i [(1-b_i)^2 \beta_i^2 + \sigma^2 b_i^2]$, $b = b^{(\tau)}$, $\beta = V^T f(X)$.",
    source="derived here",
    tolerance="1e-10: both sides are exact, and errors are of order one",
    controls={
        "noise_passes_once": "the noise kept to the share b instead of its square",
        "without_noise": "the noise term dropped",
        "steps_exchanged": "the weights in reversed order",
    },
    cost="instant",
)
def fixed_design_risk(conditions: Conditions) -> Outcome:
    """Bias and variance of explicit smoother matrices, one refit for each unit vector."""
    n_steps = conditions.choose(quick=6, full=20)
    problem, target, noise = toy(), _target(), 0.3
    ridges, rng = np.array(_RIDGES), conditions.rng("weights")
    weights = np.concatenate([np.full((1, n_steps - 1), 0.35), rng.uniform(0.0, 1.0, (2, n_steps - 1))])
    smoothers = np.stack(
        [
            [experiment.smoother_matrices(problem.X, float(r), row, kernel=problem.kernel) for row in weights]
            for r in ridges
        ]
    )  # (ridges, sequences, T, n, n)
    bias = np.sum((smoothers @ target - target) ** 2, axis=-1)
    measured = (bias + noise * np.sum(smoothers**2, axis=(-1, -2))) / target.size
    beta = problem.system.coefficients(target)
    values = problem.system.eigenvalues
    filters = theory.distillation_filters(values, ridges[:, None], weights)

    def compare(risk: Any, label: str = "risk") -> Agreement:
        return identity(risk, measured, label, ROUNDING)

    noiseless = theory.filter_risk(filters, beta)
    return Outcome(
        evidence=[
            compare(theory.filter_risk(filters, beta, noise)),
            compare(theory.distillation_risk(values, beta, noise, ridges, weights), "risk of the whole grid"),
        ],
        controls={
            "noise_passes_once": compare(noiseless + noise * filters.mean(axis=-1)),
            "without_noise": compare(noiseless),
            "steps_exchanged": compare(theory.distillation_risk(values, beta, noise, ridges, weights[:, ::-1])),
        },
        arrays={"ridges": ridges, "weights": weights, "measured": measured},
    )


@claim(
    statement=r"For a known target the weight of step 2 with the smallest risk at the training inputs is $\alpha^* = "
    r"\sum_i u_i[(1-A_i^2)\beta_i^2 - \sigma^2A_i^2] / \sum_i u_i^2(\beta_i^2+\sigma^2)$, $u_i = A_i(1-A_i)$: the "
    r"noisier the targets, the less ground truth.",
    source="derived here",
    tolerance="exact in expectation, hence no margin; resolution 0.1 (1 + |weight|), while the control is off by 1 "
    "and more",
    controls={
        "without_noise": "sigma = 0 in the formula",
        "noise_in_numerator_alone": "the noise left out of the denominator",
    },
)
def oracle_weight(conditions: Conditions) -> Outcome:
    """Minimum of the error of refits to many noisy copies of the targets."""
    noises = np.array((0.25, 0.5, 1.0))
    n_draws = conditions.choose(quick=20_000, full=200_000)
    problem, target = toy(), _target()
    values, beta = problem.system.eigenvalues, problem.system.coefficients(target)
    draws = conditions.rng("noise").standard_normal((target.size, n_draws))
    runs = [[_measure(float(r), target, float(s) * draws) for s in noises] for r in _RIDGES]
    measured, errors = np.moveaxis(np.array(runs), -1, 0)
    ridges = np.array(_RIDGES)[:, None]

    def compare(weights: Any) -> Agreement:
        return Agreement(
            predicted=np.broadcast_to(weights, measured.shape),
            measured=measured,
            standard_error=errors,
            margin=0.0,
            resolution=0.1 * (1.0 + np.abs(measured)),
            label="best weight",
        )

    correct = theory.oracle_ground_truth_weight(values, beta, noises**2, ridges)
    smoother = values / (values + ridges)
    shift = smoother * (1.0 - smoother)
    noiseless = theory.oracle_ground_truth_weight(values, beta, 0.0, ridges)
    cost = np.sum(shift**2 * beta**2, axis=-1, keepdims=True)
    fine = np.linspace(0.0, 1.2, 61)
    return Outcome(
        evidence=compare(correct),
        controls={
            "without_noise": compare(noiseless),
            "noise_in_numerator_alone": compare(
                noiseless - noises**2 * np.sum(shift * smoother**2, axis=-1, keepdims=True) / cost
            ),
        },
        arrays={
            "ridges": np.array(_RIDGES),
            "noises": noises,
            "measured": measured,
            "standard_error": errors,
            "fine_noises": fine,
            "predicted": theory.oracle_ground_truth_weight(values, beta, fine**2, ridges),
            "without_noise": noiseless,
        },
    )


def _measure(ridge: float, target: Any, noise: Any) -> tuple[float, float]:
    """Weight with the smallest mean error over the draws, and its standard error as that of a ratio of means."""
    problem = toy()
    first, distilled = experiment.fit_steps(
        problem.X, target[:, None] + noise, ridge, [0.0], kernel=problem.kernel
    ).train
    gain = np.sum((target[:, None] - distilled) * (first - distilled), axis=0)
    cost = np.sum((first - distilled) ** 2, axis=0)
    weight = gain.mean() / cost.mean()
    scatter = np.std(gain - weight * cost, ddof=1) / np.sqrt(gain.size)
    return float(weight), float(scatter / cost.mean())
