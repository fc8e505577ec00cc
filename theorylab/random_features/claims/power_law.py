"""Kernel ridge regression with power-law spectra: the law for many samples, and the whole curve over fitting ratios."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, Rate, claim
from theorylab.random_features import theory
from theorylab.random_features.claims._power_law import PowerLawProblem, PowerLawRun, simulate_power_laws
from theorylab.random_features.claims._simulation import KAPPA_BIAS, TEST_BIAS, TRAIN_BIAS

__all__ = ["fitting_ratio_curve", "powerlaw_asymptotics"]

#: Exponents of kernel and target: corrections of order 1/n ...
_EXPONENTS = ((1.5, 1.5), (1.5, 2.5), (2.0, 1.5))
#: ... and, for the rate of convergence, also slower ones, 2 alpha + 1 - beta = 0.6 and 0.5.
_RATES = ((1.5, 1.5), (1.3, 3.0), (2.0, 4.5))
#: 3.5 standard errors must stay below this share of the prediction; the mildest control is off by twice as much.
_RESOLUTION = 0.05


def _relative(
    runs: list[PowerLawRun],
    name: str,
    predict: Callable[[PowerLawProblem], Any],
    margin: Callable[[PowerLawProblem], Any],
    label: str,
) -> Agreement:
    """Means of a measured quantity over all runs beside predictions; margin and resolution relative."""
    problems = [run.problem for run in runs]
    predicted = np.stack([np.broadcast_to(predict(p), p.ratios.shape) for p in problems])
    return Agreement(
        predicted=predicted,
        measured=np.stack([run.mean(name) for run in runs]),
        standard_error=np.stack([run.standard_error(name) for run in runs]),
        margin=np.stack([np.broadcast_to(margin(p), p.ratios.shape) for p in problems]) * predicted,
        resolution=_RESOLUTION * predicted,
        label=label,
    )


@claim(
    statement=r"Eigenvalues $i^{-\alpha}$ and target power $i^{-\beta}$ give, for many samples and $r = "
    r"\sqrt{E_\mathrm{train}/E_\mathrm{test}}$, the effective ridge "
    r"$\kappa = [\pi/(\alpha\sin(\pi/\alpha)n(1-r))]^\alpha$ and "
    r"$E_\mathrm{test} = \frac{\alpha}{1+(\alpha-1)r}\{\frac1\alpha\Gamma(2-s)\Gamma(s)\kappa^s+\sigma^2\}$ with "
    r"$s = (\beta-1)/\alpha$: interpolated noise is amplified by $\alpha$, no more. The noise-free error of "
    r"interpolation converges as $n^{-\min(1,\,2\alpha+1-\beta)}$.",
    source="simon2024, lemma behind the theorem on the optimal fitting ratio; rate of convergence derived here",
    tolerance="test error 3/n + beta/(2n(1-r)) relative, pure noise 3/n + 1/(2n), effective ridge 4/n + "
    "alpha/(2n(1-r)): the finite-size law of the simulation plus half a sample, by which sums exceed integrals; "
    "exponents of the rate 0.02, the weight of the next order over the range of n; resolution 5 %",
    controls={
        "df1_for_df2": "n/(n-z) in place of n/(n-q)",
        "no_sine": "effective ridge (n(1-r))^-alpha, without its constant",
        "no_gamma": "bias without its factor Gamma(2-s) Gamma(s)",
        "benign": "interpolated noise does no harm: pure-noise error 1",
        "always_1_over_n": "convergence as 1/n for every pair of exponents",
    },
)
def powerlaw_asymptotics(conditions: Conditions) -> Outcome:
    """Simulated test error, pure-noise error and effective ridge against the law, and the exact sums against it."""
    sizes = conditions.choose(quick=(50, 100, 200), full=(50, 100, 200, 400, 800))
    problems = [
        PowerLawProblem(alpha=alpha, beta=beta, n_samples=n, fitting_ratios=(0.0, 0.09, 0.36))
        for (alpha, beta), n in itertools.product(_EXPONENTS, sizes)
    ]
    trials = conditions.choose(quick=2_000, full=40_000)
    runs = simulate_power_laws(conditions, problems, trials_times_size=trials)
    different = [problem for problem in problems if (problem.alpha, problem.beta) in (_EXPONENTS[0], _EXPONENTS[2])]
    noise = simulate_power_laws(conditions, different, trials_times_size=trials, only_noise=True)

    def test_mse(predict: Callable[[PowerLawProblem], Any], some: list[PowerLawRun] = runs) -> Agreement:
        return _relative(
            some, "test_mse", predict, lambda p: TEST_BIAS / p.n_samples + p.beta * p.half_sample, "test MSE"
        )

    def pure_noise(amplification: Callable[[PowerLawProblem], Any]) -> Agreement:
        return _relative(
            noise, "test_mse", amplification, lambda p: (TEST_BIAS + 0.5) / p.n_samples, "test MSE of pure noise"
        )

    def kappa(predict: Callable[[PowerLawProblem], Any]) -> Agreement:
        return _relative(
            runs, "kappa", predict, lambda p: KAPPA_BIAS / p.n_samples + p.alpha * p.half_sample, "effective ridge"
        )

    few, many = 1e4, conditions.choose(quick=1e7, full=1e8)
    n = np.geomspace(few, many, 7)
    deviation = {pair: _deviation(*pair, n) for pair in _RATES}

    def rates(exponents: Iterable[float]) -> list[Rate]:
        return [
            Rate.fit(n, values, predicted=exponent, margin=0.02, resolution=0.1, label=f"alpha, beta = {pair}")
            for exponent, (pair, values) in zip(exponents, deviation.items(), strict=True)
        ]

    regularised = [_without_interpolation(run) for run in runs]
    return Outcome(
        evidence=[
            test_mse(_law),
            pure_noise(_amplification),
            kappa(_effective_ridge),
            *rates(-min(1.0, 2.0 * alpha + 1.0 - beta) for alpha, beta in _RATES),
        ],
        controls={
            "df1_for_df2": test_mse(lambda p: _law(p) / _amplification(p) / np.sqrt(p.ratios), regularised),
            "no_sine": kappa(lambda p: (p.n_samples * (1.0 - np.sqrt(p.ratios))) ** -p.alpha),
            "no_gamma": test_mse(_without_gamma),
            "benign": pure_noise(lambda p: np.ones_like(p.ratios)),
            "always_1_over_n": rates([-1.0] * len(_RATES)),
        },
        arrays={
            "n_samples": np.array(sizes),
            "exponents": np.array(_EXPONENTS),
            "fitting_ratios": problems[0].ratios,
            **{
                f"{prefix}_{name}": np.stack(values).reshape(len(_EXPONENTS), len(sizes), -1)
                for name in ("test_mse", "kappa")
                for prefix, values in (
                    ("measured", [run.mean(name) for run in runs]),
                    ("standard_error", [run.standard_error(name) for run in runs]),
                )
            },
            "measured_noise": np.stack([run.mean("test_mse") for run in noise]).reshape(2, len(sizes), -1),
            "standard_error_noise": np.stack([run.standard_error("test_mse") for run in noise]).reshape(
                2, len(sizes), -1
            ),
            "rate_n": n,
            "rate_exponents": np.array(_RATES),
            "rate_deviation": np.stack(list(deviation.values())),
        },
    )


def _law(problem: PowerLawProblem) -> np.ndarray:
    return np.asarray(
        theory.powerlaw_test_mse(problem.alpha, problem.beta, problem.n_samples, problem.ratios, problem.noise_variance)
    )


def _effective_ridge(problem: PowerLawProblem) -> np.ndarray:
    return np.asarray(theory.powerlaw_effective_ridge(problem.alpha, problem.n_samples, problem.ratios))


def _amplification(problem: PowerLawProblem) -> np.ndarray:
    """Test error of noise of unit variance: the part of the law that is proportional to the noise."""
    arguments = problem.alpha, problem.beta, problem.n_samples, problem.ratios
    return np.asarray(theory.powerlaw_test_mse(*arguments, 1.0) - theory.powerlaw_test_mse(*arguments, 0.0))


def _without_gamma(problem: PowerLawProblem) -> np.ndarray:
    s = (problem.beta - 1.0) / problem.alpha
    return _amplification(problem) * _effective_ridge(problem) ** s / problem.alpha


def _without_interpolation(run: PowerLawRun) -> PowerLawRun:
    """The run without its first fitting ratio, zero, at which n - z is zero."""
    problem = dataclasses.replace(run.problem, fitting_ratios=run.problem.fitting_ratios[1:])
    return PowerLawRun(problem, run.test_mse[:, 1:], run.train_mse[:, 1:], run.kappa[:, 1:])


def _deviation(alpha: float, beta: float, n: np.ndarray) -> np.ndarray:
    """Relative deviation of the exact noise-free error of interpolation from the law."""
    spectrum = PowerLawProblem(alpha=alpha, beta=beta, n_samples=1).spectrum
    exact = theory.risk_estimate(spectrum, n).test_mse
    return np.abs(exact / theory.powerlaw_test_mse(alpha, beta, n, 0.0) - 1.0)


#: alpha, beta and relative noise: interpolation best, noise above the threshold, target harder than the kernel expects.
_CURVES = ((1.5, 2.5, 0.5), (1.5, 2.5, 4.0), (1.5, 1.2, 0.0), (1.2, 2.0, 2.0))


@claim(
    statement=r"Over the fitting ratio $R = E_\mathrm{train}/E_\mathrm{test} = r^2$ the test error is, for many "
    r"samples, $\frac{E_\mathrm{test}(R)}{E_\mathrm{test}(0)} = \frac{(1-r)^{1-\beta}+\alpha\sigma_\mathrm{rel}^2}"
    r"{(1+(\alpha-1)r)(1+\alpha\sigma_\mathrm{rel}^2)}$, with noise relative to the noise-free error of interpolation.",
    source="simon2024, theorem on the optimal fitting ratio",
    tolerance="(3 + beta/2) r / (n(1-r)) relative: the finite-size law of the test error and half a sample, both of "
    "which vanish with r in this quotient of errors of the same training sets; fitting ratio itself 12/n, the law of "
    "the train error, plus 2/(n(1-r)) for half a sample; resolution 5 %",
    controls={
        "exponents_exchanged": "alpha and beta exchanged",
        "noise_not_amplified": "relative noise without its factor alpha",
        "no_variance": "prefactor 1/(1+(alpha-1)r) left out",
        "ratio_for_root": "R in the place of its root",
    },
)
def fitting_ratio_curve(conditions: Conditions) -> Outcome:
    """Test error over seven fitting ratios, for targets and noise on both sides of the optimum R = 0."""
    ratios = (0.0, 0.0025, 0.01, 0.04, 0.1, 0.25, 0.49)
    problems = [
        PowerLawProblem(alpha=alpha, beta=beta, n_samples=n, fitting_ratios=ratios, relative_noise=noise)
        for n in conditions.choose(quick=(200,), full=(100, 400, 800))
        for alpha, beta, noise in _CURVES
    ]
    trials = conditions.choose(quick=2_000, full=40_000)
    runs = simulate_power_laws(conditions, problems, trials_times_size=trials)
    relative, error = (np.stack(values) for values in zip(*(run.relative_test_mse for run in runs), strict=True))
    fitted, fitted_error = (np.stack(values) for values in zip(*(run.fitting_ratio for run in runs), strict=True))
    r = np.sqrt(ratios)
    beta, n = (np.array([[getattr(problem, name)] for problem in problems]) for name in ("beta", "n_samples"))

    def compare(predict: Callable[[PowerLawProblem], Any]) -> Agreement:
        predicted = np.stack([predict(problem) for problem in problems])
        return Agreement(
            predicted=predicted,
            measured=relative,
            standard_error=error,
            margin=(TEST_BIAS + 0.5 * beta) * r / (n * (1.0 - r)) * predicted,
            resolution=_RESOLUTION * predicted,
            label="test MSE relative to interpolation",
        )

    nominal = np.broadcast_to(np.array(ratios[1:]), fitted[:, 1:].shape)
    ratio_itself = Agreement(
        predicted=nominal,
        measured=fitted[:, 1:],
        standard_error=fitted_error[:, 1:],
        margin=(TRAIN_BIAS / n + 2.0 / (n * (1.0 - r[1:]))) * nominal,
        resolution=_RESOLUTION * nominal,
        label="train MSE / test MSE",
    )

    def curve(p: PowerLawProblem, **wrong: Any) -> Any:
        arguments = {"alpha": p.alpha, "beta": p.beta, "fitting_ratio": p.ratios, "relative_noise": p.relative_noise}
        return theory.relative_test_mse(**{**arguments, **wrong})

    return Outcome(
        evidence=[compare(curve), ratio_itself],
        controls={
            "exponents_exchanged": compare(lambda p: curve(p, alpha=p.beta, beta=p.alpha)),
            "noise_not_amplified": compare(lambda p: curve(p, relative_noise=p.relative_noise / p.alpha)),
            "no_variance": compare(lambda p: curve(p) * (1.0 + (p.alpha - 1.0) * r)),
            "ratio_for_root": compare(lambda p: curve(p, fitting_ratio=p.ratios**2)),
        },
        arrays={
            "n_samples": n[:, 0],
            "alpha": np.array([problem.alpha for problem in problems]),
            "beta": beta[:, 0],
            "relative_noise": np.array([problem.relative_noise for problem in problems]),
            "fitting_ratios": np.array(ratios),
            "measured_relative": relative,
            "standard_error_relative": error,
            "measured_ratio": fitted,
            "standard_error_ratio": fitted_error,
        },
    )
