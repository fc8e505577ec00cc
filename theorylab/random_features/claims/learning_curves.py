"""Test and train error over numbers of samples, features and ridges."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.random_features import theory
from theorylab.random_features.claims._simulation import (
    KAPPA_BIAS,
    TEST_BIAS,
    TRAIN_BIAS,
    TRAIN_RESOLUTION,
    Cells,
    simulate,
)
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["test_risk", "train_risk"]


@functools.lru_cache(maxsize=2)
def _learning_curves(conditions: Conditions) -> dict[str, Cells]:
    """The runs behind test and train error.

    A power law, with k varied at fixed n (full profile: and n at fixed k), is the case of the paper.  Two levels, a
    degenerate one of 64 strong modes above 400 weak ones, put df2 close to k, where the kappa term weighs most; a few
    modes of the target are invisible to the kernel.  Labels made of noise, and of a target on many tiny modes that acts
    as noise, single out how much of it becomes test error.
    """
    sizes = [int(size) for size in np.unique(np.rint(np.geomspace(10, 10_000, 31)))]
    power_law = simulate(
        conditions,
        ("power_law", 1.5, 1.5, conditions.choose(quick=1500, full=10_000)),
        noise_variance=conditions.choose(quick=0.1, full=0.5),
        cells=conditions.choose(
            quick=[(128, k) for k in (32, 64, 96, 128, 192, 256, 512, 1024)],
            full=[(256, k) for k in sizes] + [(n, 256) for n in sizes],
        ),
        ridges=conditions.choose(quick=np.array([1e-3, 1e-2, 0.1, 1.0, 10.0]), full=np.geomspace(1e-3, 1e2, 31)),
        trials_times_size=conditions.choose(quick=6_000, full=25_600),
    )
    levels = functools.partial(simulate, conditions, trials_times_size=conditions.choose(quick=4_000, full=100_000))
    two_levels = levels(
        ("levels", (1.0, 1e-3, 0.0), (1.0, 0.1, 0.05), (64, 400, 20)),
        noise_variance=0.02,
        cells=[(128, 96), (128, 160), (96, 128), (160, 128)],
        ridges=[0.1, 1.0, 10.0],
    )
    noise_and_tail = levels(
        ("levels", (1.0, 1e-5), (0.0, 0.5), (64, 1500)),
        noise_variance=0.5,
        cells=[(128, 96), (96, 128)],
        ridges=[0.01, 0.1, 1.0],
    )
    # The theory sees the 1500 modes, far below the effective ridge of 1e-3 and more, as a tail.
    tail = KernelSpectrum([1.0], [0.0], [64], tail_trace=1.5e-2, tail_power=0.5)
    noise_and_tail = dataclasses.replace(noise_and_tail, spectrum=tail)
    return {"power law": power_law, "two levels": two_levels, "noise and tail": noise_and_tail}


def _two_term_risk(cells: Cells, correction: str) -> np.ndarray:
    r"""Test error in the two-variable form, with the factor k/(k-q) of its kappa term kept, replaced by 1, or by 0."""
    spectrum, rows = cells.spectrum, []
    for n, k, ridges in zip(cells.n_samples[:, 0], cells.n_features[:, 0], cells.ridges, strict=True):
        solved = theory.effective_regularization(spectrum, n, k, ridges)
        z, q, gamma, kappa = solved.df1, solved.df2, solved.gamma[:, None], solved.kappa[:, None]
        factor = {"kept": k / (k - q), "one": np.ones_like(q), "dropped": np.zeros_like(q)}[correction]
        total = spectrum.eigenvalues + gamma
        lost = gamma / total - factor[:, None] * kappa * spectrum.eigenvalues / total**2
        amplification = 1.0 / (1.0 - (q * (k - 2.0 * z) + z**2) / (n * (k - q)))
        unlearned = spectrum.tail_power + cells.noise_variance
        rows.append(amplification * (lost @ spectrum.coefficients_sq + unlearned))
    return np.stack(rows)


@claim(
    statement=r"The test error of ridge regression on k random features and n samples is $E_\mathrm{test} = "
    r"\frac{n}{a+h}\left[\sum_i (1-s_i)^2 v_i^2 + \frac{c}{b+c}\sum_i s_i(1-s_i)v_i^2 + \sigma^2\right]$ "
    r"with $s_i = \lambda_i/(\lambda_i+\gamma)$, $\delta = \gamma(n-z)(1-z/k)$.",
    source="simon2024, eigenframework of random-feature regression",
    tolerance="3/min(n, k) relative, the finite-size law of the test error; resolution 10 %, less than half of what "
    "the mildest control is off",
    controls={
        "ridge_times_n": "ridge read as that of the mean loss: n times too large",
        "ridge_over_n": "ridge divided by n",
        "missing_1_over_k": "features not scaled by 1/sqrt(k): ridge k times too small",
        "kernel_ridge": "infinitely many features",
        "no_noise": "label noise left out",
        "excess_risk": "excess risk in the place of the error on noisy labels",
        "no_kappa_term": "kappa term dropped",
        "kappa_uncorrected": "kappa term without its factor k/(k-q)",
    },
)
def test_risk(conditions: Conditions) -> Outcome:
    """Test error over numbers of features and ridges, on both sides of n = k."""
    runs = _learning_curves(conditions)

    def compare(predict: Callable[[Cells], Any]) -> list[Agreement]:
        return [
            run.compare("test_mse", predict(run), TEST_BIAS * run.finite_size, f"test MSE, {name}")
            for name, run in runs.items()
        ]

    noise = runs["noise and tail"]
    amplified = noise.predict().overfitting_coefficient * (noise.noise_variance + noise.spectrum.tail_power)
    return Outcome(
        evidence=[
            *compare(lambda run: run.predict().test_mse),
            noise.compare("test_mse", amplified, TEST_BIAS * noise.finite_size, "amplified noise, noise and tail"),
        ],
        controls={
            "ridge_times_n": compare(lambda run: run.predict(ridge=run.ridges * run.n_samples).test_mse),
            "ridge_over_n": compare(lambda run: run.predict(ridge=run.ridges / run.n_samples).test_mse),
            "missing_1_over_k": compare(lambda run: run.predict(ridge=run.ridges / run.n_features).test_mse),
            "kernel_ridge": compare(lambda run: run.predict(n_features=math.inf).test_mse),
            "no_noise": compare(lambda run: run.predict(noise_variance=0.0).test_mse),
            "excess_risk": compare(lambda run: run.predict().excess_risk),
            "no_kappa_term": compare(lambda run: _two_term_risk(run, "dropped")),
            "kappa_uncorrected": compare(lambda run: _two_term_risk(run, "one")),
        },
        arrays=runs["power law"].arrays(),
    )


@claim(
    statement=r"The train error is $E_\mathrm{train} = \left(\frac{\delta}{n\kappa}\right)^2 E_\mathrm{test}$, so that "
    r"generalised cross-validation, with $1/\kappa = \mathrm{tr}(\hat K + \delta)^{-1}$, estimates $E_\mathrm{test}$ "
    r"from the training set alone.",
    source="simon2024, train error of the eigenframework; GCV form derived here",
    tolerance="12/min(n, k) relative, the finite-size law of the train error, for the train error, its ratio to the "
    "test error, and GCV, which is made of it; 4/min(n, k) for kappa; resolution 30 %, since the controls are off by "
    "factors",
    controls={
        "not_squared": "ratio of train and test error not squared",
        "exchanged": "n and k exchanged",
        "kernel_ridge": "infinitely many features",
        "gcv_not_squared": "GCV with its denominator not squared",
        "gamma_for_kappa": "effective ridge of the population in the place of that of the empirical kernel",
    },
)
def train_risk(conditions: Conditions) -> Outcome:
    """Train error and effective ridge, and GCV computed from training sets without any theory."""
    runs = {name: _with_fitting_ratio(run) for name, run in _learning_curves(conditions).items()}

    def compare(name: str, predict: Callable[[Cells], Any]) -> list[Agreement]:
        label, bias = {
            "train_mse": ("train MSE", TRAIN_BIAS),
            "fitting_ratio": ("train MSE / test MSE", TRAIN_BIAS),
            "gcv": ("GCV", TRAIN_BIAS),
            "kappa": ("kappa", KAPPA_BIAS),
        }[name]
        return [
            run.compare(name, predict(run), bias * run.finite_size, f"{label}, {spectrum}", TRAIN_RESOLUTION)
            for spectrum, run in runs.items()
        ]

    def not_squared(run: Cells) -> Any:
        correct = run.predict()
        return np.sqrt(correct.fitting_ratio) * correct.test_mse

    def exchanged(run: Cells) -> Any:
        return run.predict(n_samples=run.n_features, n_features=run.n_samples).train_mse

    return Outcome(
        evidence=[
            *compare("train_mse", lambda run: run.predict().train_mse),
            *compare("fitting_ratio", lambda run: run.predict().fitting_ratio),
            *compare("gcv", lambda run: run.predict().excess_risk + run.noise_variance),
            *compare("kappa", lambda run: run.predict().kappa),
        ],
        controls={
            "not_squared": compare("train_mse", not_squared),
            "exchanged": compare("train_mse", exchanged),
            "kernel_ridge": compare("train_mse", lambda run: run.predict(n_features=math.inf).train_mse),
            "gcv_not_squared": compare("gcv", not_squared),
            "gamma_for_kappa": compare("kappa", lambda run: run.predict().gamma),
        },
        arrays=runs["power law"].arrays(),
    )


def _with_fitting_ratio(run: Cells) -> Cells:
    """The run with the measured ratio of train and test error; their errors count as independent."""
    ratio = run.mean["train_mse"] / run.mean["test_mse"]
    relative = [run.standard_error[name] / run.mean[name] for name in ("train_mse", "test_mse")]
    return dataclasses.replace(
        run,
        mean={**run.mean, "fitting_ratio": ratio},
        standard_error={**run.standard_error, "fitting_ratio": ratio * np.hypot(*relative)},
    )
