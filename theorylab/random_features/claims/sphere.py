"""Real random features on the sphere, of known spectrum: where they behave as Gaussian ones, and where not."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays
from theorylab.claims import Agreement, Bound, Conditions, Outcome, claim
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._simulation import (
    RESOLUTION,
    TEST_BIAS,
    TRAIN_BIAS,
    TRAIN_RESOLUTION,
    Cells,
    run_sweep,
    simulate,
)
from theorylab.random_features.claims._trials import mean_and_error
from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.problem.sphere import SphereLevels, sphere_levels

__all__ = ["sphere_features", "universality_gap"]

#: The problem: dimension, coefficient of the target on the harmonic of degree 1, 2, 3, noise, degrees of the spectrum.
_DIM, _COEFFICIENTS, _NOISE, _N_LEVELS = 12, (1.0, 0.6, 0.3), 0.05, 8
_POWER = np.array([0.0, *np.square(_COEFFICIENTS), *np.zeros(_N_LEVELS - 4)])
#: Kernel of each activation, and the variance of its weights in units of 1/d.
_KERNELS = {"relu": (theory.relu_kernel, 2.0), "erf": (theory.erf_kernel, 1.0)}


@functools.cache
def _levels(activation: str) -> SphereLevels:
    """Eigenvalues by degree, of the kernel as a function of the cosine between two points of norm sqrt(d)."""
    kernel, scale = _KERNELS[activation]
    radius = math.sqrt(_DIM)

    def of_cosine(t: np.ndarray) -> Any:
        points = radius * np.stack([t, np.sqrt(np.maximum(0.0, 1.0 - t**2))], axis=-1).reshape(-1, 2)
        return kernel([[radius, 0.0]], points, weight_variance=scale / _DIM).reshape(t.shape)

    return sphere_levels(of_cosine, _DIM, _N_LEVELS)


def _spectrum(levels: SphereLevels) -> KernelSpectrum:
    return KernelSpectrum(levels.eigenvalues, _POWER, levels.multiplicities, tail_trace=levels.remainder)


def _without_hidden_degrees(levels: SphereLevels) -> KernelSpectrum:
    power = np.where(levels.eigenvalues > 0.0, _POWER, 0.0)
    return KernelSpectrum(levels.eigenvalues, power, levels.multiplicities, tail_trace=levels.remainder)


def _of_single_modes(levels: SphereLevels) -> KernelSpectrum:
    return KernelSpectrum(levels.eigenvalues, _POWER, tail_trace=levels.remainder)


def _sphere_cell(*, activation: str, backend: str, device: str, **cell: Any) -> experiment.SphereResult:
    """One point of a sweep over the sphere: plain arguments in, trials out."""
    return experiment.simulate_sphere(
        _COEFFICIENTS,
        _DIM,
        noise_variance=_NOISE,
        activation=activation,
        weight_variance=_KERNELS[activation][1] / _DIM,
        backend=arrays.backend(backend, device),
        **cell,
    )


@claim(
    statement=r"Ridge regression on real ReLU and erf features of points on the sphere has the predicted test and "
    r"train error and learns degree $l$ to the share $\lambda_l/(\lambda_l+\gamma)$, with the exact eigenvalues of the "
    r"kernel; a degree whose eigenvalue is zero acts as label noise.",
    source="simon2024, eq. (5) for Gaussian features; for real ones by universality; eigenvalues bach2017, D.1",
    tolerance="test 5 %, train 12 % relative, learned share 0.05: harmonics and features are not Gaussian, and some "
    "hundred samples are not infinitely many; only where that is mild, ridge >= 0.01 and |n - k| > 0.3 n; resolution "
    "10 %, 30 % and 0.1",
    controls={
        "kernel_ridge": "k = inf: the features taken for the kernel itself",
        "hidden_degrees_dropped": "target power on degrees with eigenvalue zero (3 for ReLU, 2 for erf) left out",
        "single_modes": "each degree counted as one mode: its multiplicity left out",
    },
)
def sphere_features(conditions: Conditions) -> Outcome:
    """Test and train error and learned shares of ReLU and erf features against k, for three ridges."""
    n = conditions.choose(quick=150, full=300)
    sizes = conditions.choose(quick=(30, 60, 90, 210, 400, 800), full=(30, 60, 120, 200, 400, 600, 1000, 1500, 3000))
    cells = [(activation, k) for activation in _KERNELS for k in sizes]
    ridges = (0.01, 0.1, 1.0)
    points = [
        {
            "activation": activation,
            "n_samples": n,
            "n_features": k,
            "ridges": ridges,
            "n_trials": conditions.choose(quick=60, full=300),
            "n_test": 1000,
        }
        for activation, k in cells
    ]
    results = run_sweep(conditions, _sphere_cell, points)
    measured = {name: mean_and_error(results, name) for name in ("test_mse", "train_mse", "learned")}

    def predict(
        spectrum_of: Callable[[SphereLevels], KernelSpectrum] = _spectrum, n_features: float | None = None
    ) -> dict[str, np.ndarray]:
        levels = [_levels(activation) for activation, _ in cells]
        risks = [
            theory.risk_estimate(spectrum_of(level), n, n_features or k, ridges, _NOISE)
            for level, (_, k) in zip(levels, cells, strict=True)
        ]
        values = np.stack([level.eigenvalues[1:4] for level in levels])[:, None, :]
        gamma = np.stack([risk.gamma for risk in risks])[:, :, None]
        return {
            "test_mse": np.stack([risk.test_mse for risk in risks]),
            "train_mse": np.stack([risk.train_mse for risk in risks]),
            "learned": values / (values + gamma) * _COEFFICIENTS,
        }

    correct = predict()
    return Outcome(
        evidence=_compare(correct, measured),
        controls={
            "kernel_ridge": _compare(predict(n_features=math.inf), measured),
            "hidden_degrees_dropped": _compare(predict(_without_hidden_degrees), measured),
            "single_modes": _compare(predict(_of_single_modes), measured),
        },
        arrays={
            "erf": np.array([activation == "erf" for activation, _ in cells]),
            "n_samples": np.array(n),
            "n_features": np.array([k for _, k in cells]),
            "ridges": np.array(ridges),
            **{f"predicted_{name}": values for name, values in correct.items()},
            **{f"measured_{name}": values for name, (values, _) in measured.items()},
            **{f"standard_error_{name}": errors for name, (_, errors) in measured.items()},
        },
    )


def _compare(predicted: dict[str, np.ndarray], measured: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Agreement]:
    """Errors and learned parts of every cell and ridge beside their predictions."""
    rules: dict[str, tuple[str, Any, Any]] = {
        "test_mse": ("test MSE", 0.05 * predicted["test_mse"], RESOLUTION * measured["test_mse"][0]),
        "train_mse": ("train MSE", 0.12 * predicted["train_mse"], TRAIN_RESOLUTION * measured["train_mse"][0]),
        "learned": ("learned part of degrees 1, 2, 3", 0.05, 0.1),
    }
    return [
        Agreement(
            predicted=predicted[name],
            measured=measured[name][0],
            standard_error=measured[name][1],
            margin=margin,
            resolution=resolution,
            label=label,
        )
        for name, (label, margin, resolution) in rules.items()
    ]


#: Where universality fails: error function, hardly any ridge; at the interpolation threshold, and beyond it.
_GAP_RIDGE, _GAP_SAMPLES, _GAP_FEATURES = 1e-3, 150, (150, 400)
#: Modes that stand for all degrees from five on.  Any number will do whose eigenvalue is far below the effective ridge.
_TAIL_MODES = 1000


def _spectrum_to_draw_from() -> tuple[Any, ...]:
    """Arguments of a spectrum without tail that Gaussian features can be drawn from: degrees 1, 3 and the rest."""
    levels = _levels("erf")
    rest = float(levels.eigenvalues[4:] @ levels.multiplicities[4:] + levels.remainder) / _TAIL_MODES
    return (
        (*levels.eigenvalues[[1, 3]].tolist(), rest, 0.0),
        (*_POWER[[1, 3]].tolist(), 0.0, float(_POWER[2])),
        (*levels.multiplicities[[1, 3]].tolist(), float(_TAIL_MODES), 1.0),
    )


@claim(
    statement=r"Near interpolation with hardly any ridge, universality fails: real erf features have a test error at "
    r"least 4 % below that of Gaussian features of the same spectrum at the peak $n = k$, and a train error at least "
    r"15 % above it beyond the peak, while the Gaussian ones are where the theory says.",
    source="derived here; a limit of the universality that simon2024 assumes",
    tolerance="Gaussian features: 3/n test, 12/n train relative, the finite-size laws; real ones: no margin, since the "
    "gap that is claimed is about half of the one that a first measurement had shown (8 % and 35 %), and beyond what "
    "finite size explains; resolution 4 % of the test and 12 % of the train error (Gaussian features: 10 %, 30 %)",
    controls={"gaussian_features": "Gaussian features of the same spectrum in the place of the real ones"},
)
def universality_gap(conditions: Conditions) -> Outcome:
    """Real and Gaussian features of one spectrum beside the theory, at n = k and beyond, erf, ridge 0.001."""
    # At the peak the law of a trial has heavy tails.
    trials = conditions.choose(quick=(400, 160), full=(10_000, 4000))
    points = [
        {
            "activation": "erf",
            "n_samples": _GAP_SAMPLES,
            "n_features": k,
            "ridges": (_GAP_RIDGE,),
            "n_trials": n_trials,
            "n_test": 300,
        }
        for k, n_trials in zip(_GAP_FEATURES, trials, strict=True)
    ]
    results = run_sweep(conditions, _sphere_cell, points)
    real = {name: mean_and_error(results, name) for name in ("test_mse", "train_mse")}
    gaussian = simulate(
        conditions,
        ("levels", *_spectrum_to_draw_from()),
        noise_variance=_NOISE,
        cells=[(_GAP_SAMPLES, k) for k in _GAP_FEATURES],
        ridges=(_GAP_RIDGE,),
        trials_times_size=_GAP_SAMPLES * trials[0] * 2 // 5,
    )
    model = {name: (gaussian.mean[name], gaussian.standard_error[name]) for name in real}
    features = np.array(_GAP_FEATURES)[:, None]
    predicted = theory.risk_estimate(_spectrum(_levels("erf")), _GAP_SAMPLES, features, (_GAP_RIDGE,), _NOISE)

    def gaps(measured: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Bound]:
        (test, test_error), (train, train_error) = measured["test_mse"], measured["train_mse"]
        return [
            Bound(
                lhs=test[0],
                rhs=0.96 * predicted.test_mse[0],
                standard_error=test_error[0],
                margin=0.0,
                resolution=0.04 * test[0],
                label="test MSE at n = k, at least 4 % below the theory",
            ),
            Bound(
                lhs=1.15 * predicted.train_mse[1],
                rhs=train[1],
                standard_error=train_error[1],
                margin=0.0,
                resolution=0.12 * train[1],
                label="train MSE beyond the peak, at least 15 % above the theory",
            ),
        ]

    return Outcome(
        evidence=[*gaps(real), *_gaussian_agreements(gaussian)],
        controls={"gaussian_features": gaps(model)},
        arrays={
            "n_features": np.array(_GAP_FEATURES),
            "predicted_test_mse": predicted.test_mse,
            "predicted_train_mse": predicted.train_mse,
            **{f"real_{name}": values for name, (values, _) in real.items()},
            **{f"real_standard_error_{name}": errors for name, (_, errors) in real.items()},
            **{f"gaussian_{name}": values for name, (values, _) in model.items()},
            **{f"gaussian_standard_error_{name}": errors for name, (_, errors) in model.items()},
        },
    )


def _gaussian_agreements(gaussian: Cells) -> list[Agreement]:
    """Gaussian features beside the theory for the spectrum that they were drawn from."""
    predicted, share = gaussian.predict(), gaussian.finite_size
    return [
        gaussian.compare("test_mse", predicted.test_mse, TEST_BIAS * share, "test MSE, Gaussian features"),
        gaussian.compare(
            "train_mse", predicted.train_mse, TRAIN_BIAS * share, "train MSE, Gaussian features", TRAIN_RESOLUTION
        ),
    ]
