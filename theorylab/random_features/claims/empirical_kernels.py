"""Kernel matrices of finitely many features, and of subsets of a population."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab import arrays, datasets
from theorylab.claims import Agreement, Conditions, Outcome, Rate, claim
from theorylab.random_features import experiment, theory
from theorylab.random_features.claims._simulation import KAPPA_BIAS, run_sweep
from theorylab.random_features.claims._trials import mean_and_error
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["kernel_convergence", "population_kappa"]

#: Kernel of each activation; the weights have variance 2/d.
_KERNELS = {"relu": theory.relu_kernel, "erf": theory.erf_kernel}


@functools.cache
def _points() -> np.ndarray:
    """The digits, with mean square norm d = 64."""
    return np.asarray(datasets.load("digits").scaled_to_mean_square_norm().X)


@functools.lru_cache(maxsize=8)
def _limit(activation: str, n_points: int, weight_factor: float) -> np.ndarray:
    X = _points()[:n_points]
    return np.asarray(_KERNELS[activation](X, weight_variance=weight_factor * 2.0 / X.shape[1]))


def _kernel_cell(
    *, activation: str, n_points: int, n_features: int, variant: str, backend: str, device: str, **cell: Any
) -> experiment.KernelErrors:
    """One point of a sweep: errors of a kernel of features with weights of variance 2/d, scaled or not."""
    X = _points()[:n_points]
    limit = _limit(activation, n_points, 1.1 if variant == "another_kernel" else 1.0)
    unit = float(n_features) if variant == "unscaled_features" else 1.0
    errors = experiment.simulate_empirical_kernel(
        X,
        limit / unit,
        n_features,
        activation=activation,
        weight_variance=2.0 / X.shape[1],
        backend=arrays.backend(backend, device),
        **cell,
    )
    return experiment.KernelErrors(unit**2 * errors.mean_square, unit * errors.largest)


@claim(
    statement=r"The kernel of $k$ random features approaches its limit as $k^{-1/2}$, root mean square and maximum.",
    source="rahimi2007, claim 1 (there for all points of a ball, hence with a logarithm)",
    tolerance="root mean square 0.01: its square is a variance and goes as 1/k exactly; maximum 0.04: of few features "
    "the tails are heavier than Gaussian; resolution 0.15, since the controls are off by 0.3 and more",
    controls={
        "unscaled_features": "features without the factor $1/\\sqrt k$: the error grows with k",
        "another_kernel": "kernel of weights with a variance 10 % larger: the error stays where the kernels differ",
    },
)
def kernel_convergence(conditions: Conditions) -> Outcome:
    """Error of the kernel matrix of some hundred digits against the number of ReLU and erf features."""
    sizes = 2 ** np.arange(5, conditions.choose(quick=13, full=18))
    variants = ("scaled", "unscaled_features", "another_kernel")
    cells = [
        {
            "activation": activation,
            "n_points": conditions.choose(quick=100, full=1797),
            "variant": variant,
            "n_features": int(k),
            "n_trials": conditions.choose(quick=24, full=40),
        }
        for variant in variants
        for activation in _KERNELS
        for k in sizes
    ]
    results = run_sweep(conditions, _kernel_cell, cells)
    shape = (2, len(variants), len(_KERNELS), sizes.size)
    square, largest = (np.reshape(mean_and_error(results, name), shape) for name in ("mean_square", "largest"))
    root = np.sqrt(square[0])
    errors = {"root mean square": (root, square[1] / (2.0 * root), 0.01), "maximum": (*largest, 0.04)}

    def rates(variant: str) -> list[Rate]:
        index = variants.index(variant)
        return [
            Rate.fit(
                sizes,
                value[index, i],
                y_standard_error=error[index, i],
                predicted=-0.5,
                margin=margin,
                resolution=0.15,
                label=f"{name}, {activation}",
            )
            for i, activation in enumerate(_KERNELS)
            for name, (value, error, margin) in errors.items()
        ]

    return Outcome(
        evidence=rates("scaled"),
        controls={variant: rates(variant) for variant in variants[1:]},
        arrays={
            "n_features": sizes,
            **{f"{name.replace(' ', '_')}": value for name, (value, _, _) in errors.items()},
            **{f"standard_error_{name.replace(' ', '_')}": error for name, (_, error, _) in errors.items()},
        },
    )


#: Sizes of the subsets of the digits, and of a synthetic population of rotated eigenvectors.
_SYNTHETIC_POINTS, _SYNTHETIC_SIZES = 400, (50, 100, 200, 300, 360)
_SYNTHETIC_RIDGES = (0.0, 1.0, 30.0)


@functools.cache
def _laplace_kernel() -> tuple[np.ndarray, KernelSpectrum]:
    """Laplace kernel exp(-|x - x'| / sqrt(d)) of all digits, and its spectrum."""
    from scipy.spatial.distance import cdist

    X = _points()
    K = np.exp(-cdist(X, X) / math.sqrt(X.shape[1]))
    return K, KernelSpectrum.from_gram(K, np.ones(X.shape[0]))


def _laplace_cell(*, backend: str, device: str, **cell: Any) -> experiment.SubmatrixResult:
    """One point of a sweep over subsets of the digits."""
    return experiment.simulate_submatrices(_laplace_kernel()[0], backend=arrays.backend(backend, device), **cell)


def _rotated_cell(*, n_trials: int, rng: np.random.Generator, backend: str, device: str, **cell: Any) -> Any:
    """One point of a sweep over subsets of populations with random eigenvectors, another one for each trial."""
    runs = []
    for _ in range(n_trials):
        rotation, triangle = np.linalg.qr(rng.standard_normal((_SYNTHETIC_POINTS, _SYNTHETIC_POINTS)))
        rotation = rotation * np.sign(np.diag(triangle))  # makes it uniform
        K = _SYNTHETIC_POINTS * (rotation * _synthetic_spectrum().eigenvalues) @ rotation.T
        target = arrays.backend(backend, device)
        runs.append(experiment.simulate_submatrices(K, n_trials=1, rng=rng, backend=target, **cell).kappa)
    return experiment.SubmatrixResult(np.concatenate(runs))


def _synthetic_spectrum() -> KernelSpectrum:
    return KernelSpectrum(np.arange(1.0, _SYNTHETIC_POINTS + 1.0) ** -1.5, population_size=_SYNTHETIC_POINTS)


@claim(
    statement=r"Training sets drawn without replacement from $N$ points have "
    r"$\mathrm{tr}(K_n+\delta)^{-1} = (1-z/N)/\kappa$; without ridge the effective ridge of the spectrum is smaller "
    r"than the measured one by the factor $1-n/N$.",
    source="derived here",
    tolerance="rotated eigenvectors: 4/m with m = min(n, N-n), the finite-size law of the effective ridge; digits with "
    "the Laplace kernel 5 %, as for real features on the sphere; resolution 5 %",
    controls={
        "infinite_population": "the factor left out: tr = 1/kappa with kappa for independent samples",
        "factor_missing": "kappa of the finite population, but tr = 1/kappa",
        "share_of_points": "1 - n/N in place of 1 - z/N, right only without ridge",
    },
)
def population_kappa(conditions: Conditions) -> Outcome:
    """Inverse traces of subsets of the digits and of a synthetic population, up to nine tenths of it."""
    digits_sizes = conditions.choose(quick=(100, 200, 464, 1000), full=(50, 100, 200, 464, 700, 1000, 1300, 1600))
    populations = [
        _Population(
            conditions, "digits, Laplace kernel", _laplace_cell, _laplace_kernel()[1], digits_sizes, (0.0,), (4, 20)
        ),
        _Population(
            conditions,
            "rotated eigenvectors",
            _rotated_cell,
            _synthetic_spectrum(),
            _SYNTHETIC_SIZES,
            _SYNTHETIC_RIDGES,
            (12, 100),
        ),
    ]
    digits, synthetic = populations
    margins = (0.05, KAPPA_BIAS / np.minimum(synthetic.sizes, _SYNTHETIC_POINTS - synthetic.sizes))

    def compare(predict: Callable[[_Population], np.ndarray]) -> list[Agreement]:
        return [
            population.compare(predict(population), margin)
            for population, margin in zip(populations, margins, strict=True)
        ]

    return Outcome(
        evidence=compare(_Population.predicted),
        controls={
            "infinite_population": compare(
                lambda population: population.solve(_of_infinite(population.spectrum)).kappa
            ),
            "factor_missing": compare(lambda population: population.solve().kappa),
            "share_of_points": compare(
                lambda population: population.solve().kappa / (1.0 - population.sizes / population.n_points)
            ),
        },
        arrays={
            **{f"digits_{name}": values for name, values in digits.arrays().items()},
            **{f"synthetic_{name}": values for name, values in synthetic.arrays().items()},
        },
    )


def _of_infinite(spectrum: KernelSpectrum) -> KernelSpectrum:
    return KernelSpectrum(spectrum.eigenvalues, spectrum.coefficients_sq, spectrum.multiplicities)


class _Population:
    """A finite population: subsets of it that were measured, one row for each size and one column for each ridge."""

    def __init__(
        self,
        conditions: Conditions,
        label: str,
        cell: Callable[..., object],
        spectrum: KernelSpectrum,
        sizes: tuple[int, ...],
        ridges: tuple[float, ...],
        n_trials: tuple[int, int],
    ) -> None:
        self.label, self.spectrum, self.ridges = label, spectrum, np.array(ridges)
        self.n_points, self.sizes = spectrum.population_size, np.array(sizes, dtype=float)[:, None]
        trials = conditions.choose(quick=n_trials[0], full=n_trials[1])
        points = [{"n_samples": n, "ridges": ridges, "n_trials": trials} for n in sizes]
        self.measured, self.standard_error = mean_and_error(run_sweep(conditions, cell, points), "kappa")

    def solve(self, spectrum: KernelSpectrum | None = None) -> theory.EffectiveRegularization:
        """Effective ridges of kernel ridge regression, n by ridge."""
        return theory.effective_regularization(spectrum or self.spectrum, self.sizes, math.inf, self.ridges)

    def predicted(self) -> np.ndarray:
        """Inverse trace that the theory expects."""
        solved = self.solve()
        return np.asarray(solved.kappa / (1.0 - solved.df1 / self.n_points))

    def compare(self, predicted: np.ndarray, relative_margin: Any) -> Agreement:
        """Predicted and measured inverse traces."""
        return Agreement(
            predicted=predicted,
            measured=self.measured,
            standard_error=self.standard_error,
            margin=relative_margin * np.abs(predicted),
            resolution=0.05 * self.measured,
            label=self.label,
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """What the figure needs."""
        return {
            "share": self.sizes / self.n_points,
            "spectrum_kappa": np.asarray(self.solve().kappa),
            "measured_kappa": self.measured,
            "standard_error_kappa": self.standard_error,
            "ridges": self.ridges,
        }
