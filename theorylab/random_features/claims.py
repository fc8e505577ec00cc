r"""Claims of the chapter: predicted errors of random-feature ridge regression beside regressions that were fitted.

Margins of the Gaussian-feature claims.  The theory is the leading order for many samples and features; on twelve-level
spectra with multiplicities up to sixteen-fold its relative error was found to fall as 1/m with m = min(n, k), with
constants up to 2 for the test error and 8 for the train error, a small remainder near interpolation.  The margins are
half as large again.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from theorylab import arrays, datasets, sweeps
from theorylab.claims import Agreement, Conditions, Ordering, Outcome, Rate, claim
from theorylab.random_features import experiment, theory
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["digits_risk", "double_descent", "test_risk", "train_risk"]

#: Relative finite-size error of the test error, and of train error and GCV, in units of 1/min(n, k).
_TEST_BIAS, _TRAIN_BIAS = 3.0, 12.0
#: 3.5 standard errors must stay below this share of the measured value.  The mildest control moves the test error by a
#: quarter; those of the train error move it by factors, and it scatters more.
_RESOLUTION, _TRAIN_RESOLUTION = 0.1, 0.3


@dataclasses.dataclass(frozen=True)
class _Cells:
    """Simulated means and standard errors, one row for each (n, k) and one column for each ridge."""

    spectrum: KernelSpectrum
    n_samples: np.ndarray  # (cells, 1)
    n_features: np.ndarray  # (cells, 1)
    ridges: np.ndarray  # (cells, ridges)
    noise_variance: float
    mean: Mapping[str, np.ndarray]  # name of a measured quantity -> (cells, ridges)
    standard_error: Mapping[str, np.ndarray]

    def predict(self, **wrong: Any) -> theory.RiskEstimate:
        """Predicted risk of every cell and ridge, with arguments replaced where a control wants it."""
        arguments = {
            "n_samples": self.n_samples,
            "n_features": self.n_features,
            "ridge": self.ridges,
            "noise_variance": self.noise_variance,
        }
        return theory.risk_estimate(self.spectrum, **{**arguments, **wrong})

    def compare(
        self, name: str, predicted: Any, relative_margin: Any, label: str, resolution: Any = _RESOLUTION
    ) -> Agreement:
        """Prediction beside the measured quantity `name`; margin and resolution relative."""
        measured = self.mean[name]
        predicted = np.broadcast_to(predicted, measured.shape)
        return Agreement(
            predicted=predicted,
            measured=measured,
            standard_error=self.standard_error[name],
            margin=relative_margin * predicted,
            resolution=resolution * measured,
            label=label,
        )

    @property
    def finite_size(self) -> np.ndarray:
        """1 / min(n, k), shape (cells, 1)."""
        return 1.0 / np.minimum(self.n_samples, self.n_features)

    def arrays(self, **more: Any) -> dict[str, Any]:
        """What the figure of a claim needs."""
        measured = {f"measured_{name}": values for name, values in self.mean.items()}
        errors = {f"standard_error_{name}": values for name, values in self.standard_error.items()}
        sizes = {"n_samples": self.n_samples, "n_features": self.n_features, "ridges": self.ridges}
        return {**sizes, **measured, **errors, **more}


def _spectrum(kind: str, *arguments: Any) -> KernelSpectrum:
    """A spectrum from plain values, so that a point of a sweep can name it."""
    return KernelSpectrum.power_law(*arguments) if kind == "power_law" else KernelSpectrum(*arguments)


def _simulate_cell(
    *, spectrum: tuple[Any, ...], backend: str, device: str, rng: np.random.Generator, **cell: Any
) -> dict[str, np.ndarray]:
    """One point of a sweep: plain arguments in, trials out."""
    result = experiment.simulate_gaussian_features(
        _spectrum(*spectrum), rng=rng, backend=arrays.backend(backend, device), **cell
    )
    return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}


def _sweep(
    conditions: Conditions, function: Callable[..., dict[str, np.ndarray]], points: list[dict[str, Any]]
) -> list[dict[str, np.ndarray]]:
    """Trials at every point; what a full profile has finished is kept on the disk."""
    task = functools.partial(function, backend=conditions.backend.name, device=conditions.backend.device)
    return sweeps.sweep(
        task,
        points,
        seed=conditions.seed,
        n_jobs=conditions.n_jobs,
        cache=conditions.choose(quick=None, full=True),
        description=function.__name__.strip("_"),
    )


def _simulate(
    conditions: Conditions,
    spectrum: tuple[Any, ...],
    *,
    noise_variance: float,
    cells: list[tuple[int, int]],
    ridges: Any,
    trials_times_size: int,
) -> _Cells:
    """Simulate every (n, k), with one row of ridges for each or for all.

    One trial scatters by about 2/sqrt(min(n, k)) relative, so the number of trials goes as 1/min(n, k); near n = k its
    law has heavy tails, and there are four times as many.
    """

    def n_trials(n: int, k: int) -> int:
        near_peak = max(n, k) < 1.4 * min(n, k)
        return math.ceil((4 if near_peak else 1) * trials_times_size / min(n, k))

    ridges = np.broadcast_to(np.asarray(ridges, dtype=float), (len(cells), np.shape(ridges)[-1]))
    points = [
        {
            "spectrum": spectrum,
            "n_samples": n,
            "n_features": k,
            "ridges": tuple(row),
            "noise_variance": noise_variance,
            "n_trials": n_trials(n, k),
        }
        for (n, k), row in zip(cells, ridges.tolist(), strict=True)
    ]
    results = _sweep(conditions, _simulate_cell, points)
    names = ("test_mse", "train_mse", "gcv")
    trials = np.array([[point["n_trials"]] for point in points])
    spread = {name: np.stack([result[name].std(axis=0, ddof=1) for result in results]) for name in names}
    return _Cells(
        spectrum=_spectrum(*spectrum),
        n_samples=np.array([[n] for n, _ in cells]),
        n_features=np.array([[k] for _, k in cells]),
        ridges=ridges,
        noise_variance=noise_variance,
        mean={name: np.stack([result[name].mean(axis=0) for result in results]) for name in names},
        standard_error={name: spread[name] / np.sqrt(trials) for name in names},
    )


@functools.lru_cache(maxsize=2)
def _learning_curves(conditions: Conditions) -> tuple[_Cells, _Cells]:
    """The runs behind test and train error.

    A power law, with k varied at fixed n (full profile: and n at fixed k), is the case of the paper.  Two levels, a
    degenerate one of 64 strong modes above 400 weak ones, put df2 close to k, where the kappa term weighs most.
    """
    sizes = [int(size) for size in np.unique(np.rint(np.geomspace(10, 10_000, 31)))]
    power_law = _simulate(
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
    two_levels = _simulate(
        conditions,
        ("levels", (1.0, 1e-3), (1.0, 0.3), (64, 400)),
        noise_variance=0.1,
        cells=[(128, 96), (128, 160), (96, 128), (160, 128)],
        ridges=np.array([0.1, 1.0, 10.0]),
        trials_times_size=conditions.choose(quick=10_000, full=100_000),
    )
    return power_law, two_levels


def _two_term_risk(cells: _Cells, correction: str) -> np.ndarray:
    r"""Test error in the two-variable form, with the factor k/(k-q) of its kappa term kept, replaced by 1, or by 0."""
    spectrum, rows = cells.spectrum, []
    for n, k, ridges in zip(cells.n_samples[:, 0], cells.n_features[:, 0], cells.ridges, strict=True):
        solved = theory.effective_regularization(spectrum, n, k, ridges)
        z, q, gamma, kappa = solved.df1, solved.df2, solved.gamma[:, None], solved.kappa[:, None]
        factor = {"kept": k / (k - q), "one": np.ones_like(q), "dropped": np.zeros_like(q)}[correction]
        total = spectrum.eigenvalues + gamma
        lost = gamma / total - factor[:, None] * kappa * spectrum.eigenvalues / total**2
        amplification = 1.0 / (1.0 - (q * (k - 2.0 * z) + z**2) / (n * (k - q)))
        rows.append(amplification * (lost @ spectrum.coefficients_sq + cells.noise_variance))
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

    def compare(predict: Callable[[_Cells], Any]) -> list[Agreement]:
        return [
            run.compare("test_mse", predict(run), _TEST_BIAS * run.finite_size, f"test MSE, {name}")
            for run, name in zip(runs, ("power law", "two levels"), strict=True)
        ]

    return Outcome(
        evidence=compare(lambda run: run.predict().test_mse),
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
        arrays=runs[0].arrays(predicted_test_mse=runs[0].predict().test_mse),
    )


@claim(
    statement=r"The train error is $E_\mathrm{train} = \left(\frac{\delta}{n\kappa}\right)^2 E_\mathrm{test}$, so that "
    r"generalised cross-validation estimates $E_\mathrm{test}$ from the training set alone.",
    source="simon2024, train error of the eigenframework; GCV form derived here",
    tolerance="12/min(n, k) relative, the finite-size law of the train error, for the train error and for GCV, which "
    "is made of it; resolution 30 %, since the controls are off by factors",
    controls={
        "not_squared": "ratio of train and test error not squared",
        "exchanged": "n and k exchanged",
        "kernel_ridge": "infinitely many features",
        "gcv_not_squared": "GCV with its denominator not squared",
    },
)
def train_risk(conditions: Conditions) -> Outcome:
    """Train error, and GCV computed from training sets without any theory."""
    runs = _learning_curves(conditions)

    def compare(name: str, predict: Callable[[_Cells], Any]) -> list[Agreement]:
        label = {"train_mse": "train MSE", "gcv": "GCV"}[name]
        return [
            run.compare(name, predict(run), _TRAIN_BIAS * run.finite_size, f"{label}, {spectrum}", _TRAIN_RESOLUTION)
            for run, spectrum in zip(runs, ("power law", "two levels"), strict=True)
        ]

    def not_squared(run: _Cells) -> Any:
        correct = run.predict()
        return np.sqrt(correct.fitting_ratio) * correct.test_mse

    def exchanged(run: _Cells) -> Any:
        return run.predict(n_samples=run.n_features, n_features=run.n_samples).train_mse

    correct = runs[0].predict()
    return Outcome(
        evidence=[
            *compare("train_mse", lambda run: run.predict().train_mse),
            *compare("gcv", lambda run: run.predict().test_mse),
        ],
        controls={
            "not_squared": compare("train_mse", not_squared),
            "exchanged": compare("train_mse", exchanged),
            "kernel_ridge": compare("train_mse", lambda run: run.predict(n_features=math.inf).train_mse),
            "gcv_not_squared": compare("gcv", not_squared),
        },
        arrays=runs[0].arrays(predicted_train_mse=correct.train_mse, predicted_test_mse=correct.test_mse),
    )


def _descent_sizes(conditions: Conditions) -> tuple[int, list[int]]:
    """Number of samples, and numbers of features on both sides of it."""
    n = conditions.choose(quick=128, full=256)
    ratios = (0.125, 0.25, 0.5, 0.75, 0.875, 0.9375, 1.0625, 1.125, 1.25, 1.5, 2.0, 4.0, 8.0)
    return n, [round(ratio * n) for ratio in ratios]


@claim(
    statement=r"Without ridge the test error diverges at $n = k$ from both sides, as $n C/|n-k|$; at $n = k$ it grows "
    r"as $\delta^{-1/2}$ when the ridge falls; with the optimal ridge the peak is gone.",
    source="derived here from the eigenframework of simon2024",
    tolerance="without ridge 3/min(n, k) + 1/(|n-k|-1) relative: the finite-size law, and the mean of an inverse "
    "Wishart matrix, 1/(|n-k|-1) where the theory has 1/|n-k|; with the optimal ridge 3/min(n, k); exponent 0.05: over "
    "the range of ridges the theory's own curve still bends by 0.03, and at its lower end the smallest singular value, "
    "a hard edge, begins to lift the mean; resolution 40 % at the heavy-tailed peak, which the control misses by a "
    "factor above four, 10 % with ridge, 0.1 in the exponent",
    controls={
        "kernel_ridge": "infinitely many features: no peak",
        "ridgeless_monotone": "the error without ridge falls with every feature added",
        "exponent_one": "peak height inversely proportional to the ridge",
    },
)
def double_descent(conditions: Conditions) -> Outcome:
    """The peak at n = k without ridge, its height at n = k with little ridge, and its absence at the optimal ridge."""
    n, sizes = _descent_sizes(conditions)
    n_modes = conditions.choose(quick=1000, full=10_000)
    spectrum = ("power_law", 1.5, 1.5, n_modes)
    simulate = functools.partial(_simulate, conditions, spectrum, noise_variance=0.1)
    best, _ = theory.optimal_ridge(_spectrum(*spectrum), n, np.array(sizes), 0.1)
    ridges = np.stack([np.zeros_like(best), best], axis=1)
    trials = conditions.choose(quick=6_000, full=100_000)
    cells = simulate(cells=[(n, k) for k in sizes], ridges=ridges, trials_times_size=trials)
    little = conditions.choose(quick=np.geomspace(3e-5, 1e-3, 5), full=np.geomspace(3e-6, 3e-4, 7))
    peak = simulate(cells=[(n, n)] * little.size, ridges=little[:, None], trials_times_size=trials)
    distance = np.abs(cells.n_samples - cells.n_features)
    inverse_wishart = np.concatenate([1.0 / (distance - 1.0), np.zeros_like(distance)], axis=1)

    def compare(predicted: np.ndarray) -> Agreement:
        margin = _TEST_BIAS * cells.finite_size + inverse_wishart
        resolution = np.array([0.4, _RESOLUTION])
        return cells.compare("test_mse", predicted, margin, "test MSE, no ridge and optimal ridge", resolution)

    def falling(column: int, label: str) -> Ordering:
        errors = cells.standard_error["test_mse"][:, column]
        return Ordering(
            values=cells.mean["test_mse"][:, column],
            direction="decreasing",
            standard_error=errors,
            margin=0.0,
            resolution=0.4,
            label=label,
        )

    def height(exponent: float) -> Rate:
        return Rate.fit(
            little,
            peak.mean["test_mse"][:, 0],
            y_standard_error=peak.standard_error["test_mse"][:, 0],
            predicted=exponent,
            margin=0.05,
            resolution=0.1,
            label="peak height",
        )

    correct = cells.predict().test_mse
    no_peak = np.stack([cells.predict(n_features=math.inf).test_mse[:, 0], correct[:, 1]], axis=1)
    return Outcome(
        evidence=[compare(correct), falling(1, "optimal ridge"), height(-0.5)],
        controls={
            "kernel_ridge": compare(no_peak),
            "ridgeless_monotone": falling(0, "no ridge"),
            "exponent_one": height(-1.0),
        },
        arrays=cells.arrays(
            predicted_test_mse=correct,
            kernel_ridge=no_peak[:, 0],
            peak_ridges=little,
            peak_mean=peak.mean["test_mse"][:, 0],
            peak_standard_error=peak.standard_error["test_mse"][:, 0],
            peak_predicted=peak.predict().test_mse[:, 0],
        ),
    )


#: Variance of the weights of each activation, in units of 1/d.
_WEIGHT_VARIANCE = {"relu": 2.0, "erf": 4.0}
_KERNELS = {"relu": theory.relu_kernel, "erf": theory.erf_kernel}


@functools.lru_cache(maxsize=4)
def _digits(activation: str) -> tuple[np.ndarray, np.ndarray, KernelSpectrum]:
    """Points with mean square norm d = 64, one-hot labels, and the spectrum of the kernel on all of them."""
    data = datasets.load("digits")
    X = datasets.scaled_to_mean_square_norm(data.X, data.X.shape[1])
    y = datasets.one_hot(data.y)
    kernel = _KERNELS[activation](X, weight_variance=_WEIGHT_VARIANCE[activation] / X.shape[1])
    return X, y, KernelSpectrum.from_gram(kernel, y)


def _digits_cell(
    *, activation: str, backend: str, device: str, rng: np.random.Generator, **cell: Any
) -> dict[str, np.ndarray]:
    """One point of a sweep over digits: plain arguments in, trials out."""
    X, y, _ = _digits(activation)
    result = experiment.simulate_population(
        X,
        y,
        rng=rng,
        activation=activation,
        weight_variance=_WEIGHT_VARIANCE[activation] / X.shape[1],
        backend=arrays.backend(backend, device),
        **cell,
    )
    return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}


@claim(
    statement=r"On real data the finite-population form predicts held-out and train error: training sets drawn without "
    r"replacement from N points turn $n-z$ into $(n-z)/(1-z/N)$, with the spectrum of the kernel on all N points.",
    source="derived here",
    tolerance="test 10 %, train 15 % relative for n/N up to 0.25: pixels and their features are not Gaussian, and this "
    "is how far universality was found to fail on digits near interpolation, always towards harder; resolution 10 % "
    "for the held-out error, 30 % for the train error",
    controls={
        "infinite_population": "independent samples: no correction for the finite population",
        "with_replacement": "training sets drawn with replacement, whose duplicates make the kernel matrix singular",
        "kernel_ridge": "infinitely many features",
    },
)
def digits_risk(conditions: Conditions) -> Outcome:
    """Held-out and train error of ReLU (full profile: erf as well) features on the 1797 handwritten digits."""
    activations = conditions.choose(quick=("relu",), full=("relu", "erf"))
    sizes = [
        (n, k)
        for n in conditions.choose(quick=(400,), full=(100, 400))
        for k in conditions.choose(
            quick=(50, 100, 200, 400, 800, 1600), full=(40, 60, 100, 200, 300, 400, 600, 1000, 2000, 3000)
        )
    ]
    ridges = conditions.choose(quick=(0.001, 0.1, 1.0), full=(0.001, 0.01, 0.1, 1.0))
    points = [
        {
            "activation": activation,
            "n_samples": n,
            "n_features": k,
            "ridges": ridges,
            "n_trials": conditions.choose(quick=16, full=200),
            "replace": replace,
        }
        for replace in (False, True)
        for activation in activations
        for n, k in sizes
    ]
    results = _sweep(conditions, _digits_cell, points)
    without, replaced = results[: len(results) // 2], results[len(results) // 2 :]

    def predict(**wrong: Any) -> dict[str, np.ndarray]:
        risks = [
            theory.risk_estimate(_digits(activation)[2], **{"n_samples": n, "n_features": k, "ridge": ridges, **wrong})
            for activation in activations
            for n, k in sizes
        ]
        heldout = [risk.test_mse if risk.heldout_mse is None else risk.heldout_mse for risk in risks]
        return {"heldout_mse": np.stack(heldout), "train_mse": np.stack([risk.train_mse for risk in risks])}

    def compare(predicted: Mapping[str, np.ndarray], measured: list[dict[str, np.ndarray]]) -> list[Agreement]:
        pieces = []
        for name, margin, resolution in (("heldout_mse", 0.1, _RESOLUTION), ("train_mse", 0.15, _TRAIN_RESOLUTION)):
            trials = np.stack([result[name] for result in measured])
            pieces.append(
                Agreement(
                    predicted=predicted[name],
                    measured=trials.mean(axis=1),
                    standard_error=trials.std(axis=1, ddof=1) / math.sqrt(trials.shape[1]),
                    margin=margin * predicted[name],
                    resolution=resolution * trials.mean(axis=1),
                    label={"heldout_mse": "held-out MSE", "train_mse": "train MSE"}[name],
                )
            )
        return pieces

    correct, plain = predict(), predict(population_size=math.inf)
    evidence = compare(correct, without)
    return Outcome(
        evidence=evidence,
        controls={
            "infinite_population": compare(plain, without),
            "with_replacement": compare(correct, replaced),
            "kernel_ridge": compare(predict(n_features=math.inf), without),
        },
        arrays={
            "n_samples": np.array([n for n, _ in sizes]),
            "n_features": np.array([k for _, k in sizes]),
            "ridges": np.array(ridges),
            **{f"predicted_{name}": values for name, values in correct.items()},
            **{f"infinite_population_{name}": values for name, values in plain.items()},
            **{f"measured_{piece.label}": piece.measured for piece in evidence},
            **{f"standard_error_{piece.label}": piece.standard_error for piece in evidence},
        },
    )
