"""When zero ridge is optimal, and how closely a near-optimal regression has to fit its noisy labels."""

from __future__ import annotations

import itertools

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, Rate, claim
from theorylab.random_features import theory
from theorylab.random_features.claims._power_law import PowerLawProblem, PowerLawRun, simulate_power_laws
from theorylab.random_features.claims._simulation import TEST_BIAS, TRAIN_BIAS
from theorylab.random_features.problem import KernelSpectrum

__all__ = ["near_interpolation", "obligatory_overfitting"]

#: Exponent of the kernel throughout.
_ALPHA = 1.5
#: Fitting ratios at which interpolation has to win where the threshold says so.
_RATIOS = (0.0, 0.0025, 0.01, 0.04, 0.16, 0.36)
#: beta and relative noise: below the threshold, beyond it (the first by less than a factor alpha), and beta < alpha,
#: where a ridge helps without noise.
_POINTS = [(2.5, 0.0), (2.5, 1.0), (3.0, 1.5), (2.5, 1.8), (2.5, 3.0), (1.5, 1.0), (1.2, 0.0), (1.35, 0.0)]
_GRID = list(itertools.product((1.1, 1.3, 2.0, 2.75, 3.25), (0.0, 0.5, 1.0, 2.0, 4.0)))
#: Samples of the exact sums that stand for the limit.
_MANY = 1e5


def _problem(point: tuple[float, float], n_samples: int) -> PowerLawProblem:
    """Interpolation beside fitting ratios: the predicted best one, or where that is zero, a range of them."""
    beta, noise = point
    best = float(theory.optimal_fitting_ratio(_ALPHA, beta, noise))
    ratios = (0.0, best) if best > 0.0 else _RATIOS
    return PowerLawProblem(alpha=_ALPHA, beta=beta, n_samples=n_samples, fitting_ratios=ratios, relative_noise=noise)


def _threshold(beta: float) -> float:
    return float(theory.noise_threshold(_ALPHA, beta))


@claim(
    statement=r"Zero ridge is optimal, $R_* = 0$, if and only if the relative noise is at most "
    r"$\frac{\beta-\alpha}{\alpha(\alpha-1)}$; above it the optimal fitting ratio is $r_*^2$ with "
    r"$\alpha-\beta-(\alpha-1)\beta r_*+\alpha(\alpha-1)\sigma_\mathrm{rel}^2(1-r_*)^\beta = 0$.",
    source="simon2024, theorem on the optimal fitting ratio and its corollary",
    tolerance="errors with and without ridge on the same training sets: order alone, no margin; a ridge that helps "
    "must gain at least half of what is predicted; resolution half of the predicted difference; fitting ratio of the "
    "exact optimal ridge for n = 10^5 samples: 10/n, since half a sample moves a flat minimum by more than itself",
    controls={
        "interpolate_noise": "zero ridge optimal also with noise above the threshold",
        "interpolate_hard_target": "zero ridge optimal also for a target harder than the kernel expects, beta < alpha",
        "always_regularise": "a little ridge helps below the threshold, too",
        "threshold_without_alpha": "threshold alpha times too high: noise not amplified",
    },
)
def obligatory_overfitting(conditions: Conditions) -> Outcome:
    """Paired errors of simulated regressions on both sides of the threshold, and exact optimal ridges over a grid."""
    # Close to the threshold the differences are smaller than what is resolved.
    grid = [(beta, noise) for beta, noise in _GRID if abs(noise - _threshold(beta)) > 0.3]
    points = conditions.choose(quick=_POINTS, full=_POINTS + grid)
    runs = simulate_power_laws(
        conditions,
        [_problem(point, n_samples=200) for point in points],
        trials_times_size=conditions.choose(quick=2_000, full=40_000),
    )
    below = [run for run in runs if run.problem.relative_noise <= _threshold(run.problem.beta)]
    noisy = [run for run in runs if run.problem.relative_noise > max(0.0, _threshold(run.problem.beta))]
    hard = [run for run in runs if run.problem.relative_noise == 0.0 > _threshold(run.problem.beta)]
    optima = _exact_optima(conditions.choose(quick=5, full=9))

    return Outcome(
        evidence=[
            _interpolation_wins(below, "below the threshold"),
            _ridge_wins(noisy, -1, "noise above the threshold"),
            _ridge_wins(hard, -1, "hard target"),
            _optima_agree(optima, 1.0),
        ],
        controls={
            "interpolate_noise": _interpolation_wins(noisy, "noise above the threshold"),
            "interpolate_hard_target": _interpolation_wins(hard, "hard target"),
            "always_regularise": _ridge_wins(below, 0, "below the threshold"),
            "threshold_without_alpha": _optima_agree(optima, 1.0 / _ALPHA),
        },
        arrays={
            "beta": np.array([run.problem.beta for run in runs]),
            "relative_noise": np.array([run.problem.relative_noise for run in runs]),
            "predicted_ratio": np.array([0.0 if run in below else run.problem.fitting_ratios[1] for run in runs]),
            "relative_error": np.array([run.relative_test_mse[0][1] for run in runs]),
            "standard_error": np.array([run.relative_test_mse[1][1] for run in runs]),
            **optima,
        },
    )


def _interpolation_wins(runs: list[PowerLawRun], label: str) -> Bound:
    """The error without ridge is the smallest of each run."""
    relative, error, predicted = (np.concatenate(rows) for rows in zip(*map(_ridged, runs), strict=True))
    return _bound(np.ones_like(relative), relative, error, predicted, label)


def _ridge_wins(runs: list[PowerLawRun], column: int, label: str) -> Bound:
    """One ridge of each run beats zero ridge by half of the predicted difference, or at least does not lose."""
    relative, error, predicted = np.array([[row[column] for row in _ridged(run)] for run in runs]).T
    return _bound(relative, np.minimum(1.0, 0.5 + 0.5 * predicted), error, predicted, label)


def _bound(lhs: np.ndarray, rhs: np.ndarray, error: np.ndarray, predicted: np.ndarray, label: str) -> Bound:
    resolution = 0.5 * np.abs(predicted - 1.0)
    return Bound(lhs=lhs, rhs=rhs, standard_error=error, margin=0.0, resolution=resolution, label=label)


def _ridged(run: PowerLawRun) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test error relative to zero ridge at the other ridges: measured, its standard error, predicted."""
    p, (relative, error) = run.problem, run.relative_test_mse
    predicted = theory.relative_test_mse(p.alpha, p.beta, p.ratios, p.relative_noise)
    return relative[1:], error[1:], np.asarray(predicted)[1:]


def _exact_optima(n_points: int) -> dict[str, np.ndarray]:
    """Fitting ratios of the exact optimal ridge over a grid of targets and noise."""
    betas, noises = np.linspace(1.2, 3.2, n_points), np.linspace(0.0, 4.0, n_points)
    rows = []
    for beta in betas:
        spectrum = KernelSpectrum.power_law(_ALPHA, beta)
        interpolation = theory.risk_estimate(spectrum, _MANY).test_mse
        _, risk = theory.optimal_ridge(spectrum, _MANY, noise_variance=noises * interpolation)
        rows.append(risk.fitting_ratio)
    return {"exact_beta": betas, "exact_noise": noises, "exact_ratio": np.stack(rows)}


def _optima_agree(optima: dict[str, np.ndarray], noise_factor: float) -> Agreement:
    noise = noise_factor * optima["exact_noise"]
    return Agreement(
        predicted=theory.optimal_fitting_ratio(_ALPHA, optima["exact_beta"][:, None], noise),
        measured=optima["exact_ratio"],
        margin=10.0 / _MANY,
        label="fitting ratio of the exact optimal ridge",
    )


#: beta and relative noise, all below the threshold, and with the slopes 1, 0.55, 0.1 and 1.5.
_OBLIGED = [(2.5, 0.0), (2.5, 0.3), (2.5, 1.0), (3.0, 0.0)]
#: One above it.
_NOISY = (2.5, 3.0)
#: Fitting ratios near interpolation: r = 0.05 and its double.
_NEAR = (0.0, 0.0025, 0.01)


@claim(
    statement=r"Below the noise threshold the error rises from interpolation as $1 + \sqrt R\,"
    r"\frac{\beta-\alpha-\alpha(\alpha-1)\sigma_\mathrm{rel}^2}{1+\alpha\sigma_\mathrm{rel}^2}$, so that an error "
    r"within $1+\epsilon$ of the best allows a fitting ratio of at most $R_\epsilon = O(\epsilon^2)$.",
    source="derived here from the theorem on the optimal fitting ratio of simon2024",
    tolerance="slope, extrapolated from r = 0.05 and 0.1 to zero: (3 + beta/2)/n for finite size, as for the curve "
    "itself, and 0.02 for what the extrapolation leaves, the product of the two r times a third derivative of about "
    "four; measured fitting ratio: (12 + 2 (3 + beta/2) / slope)/n relative, the laws of the train error and of the "
    "curve; exponent of the exact sums: 0.05, since the curve still bends at r of a few thousandths; resolution 0.02 "
    "in the slope, 10 % in the fitting ratio, 0.2 in the exponent",
    controls={
        "noise_ignored": "slope beta - alpha for any noise",
        "proportional_to_ratio": "error that rises in proportion to R: fitting ratio of order epsilon",
        "above_threshold": "noise above the threshold: a finite fitting ratio is allowed however small epsilon",
    },
)
def near_interpolation(conditions: Conditions) -> Outcome:
    """Slope of simulated errors at interpolation, and how much ridge exact sums allow for a given excess."""
    n = 200
    trials = conditions.choose(quick=4_000, full=40_000)
    problems = [
        PowerLawProblem(alpha=_ALPHA, beta=beta, n_samples=n, fitting_ratios=_NEAR, relative_noise=noise)
        for beta, noise in _OBLIGED
    ]
    runs = simulate_power_laws(conditions, problems, trials_times_size=trials)
    beta, noise = np.array(_OBLIGED).T
    amplified = _ALPHA * noise
    slope = (beta - _ALPHA - (_ALPHA - 1.0) * amplified) / (1.0 + amplified)
    measured, error = np.array([_extrapolated_slope(run) for run in runs]).T
    finite_size = (TEST_BIAS + 0.5 * beta) / n

    def slopes(predicted: np.ndarray) -> Agreement:
        return Agreement(
            predicted=predicted,
            measured=measured,
            standard_error=error,
            margin=finite_size + 0.02,
            resolution=0.02,
            label="slope at interpolation",
        )

    small = np.geomspace(2e-4, 2e-3, 5)  # values of r
    allowed = {
        point: (rise * small, _exact_near_optimal_ratio(*point, rise * small))
        for point, rise in zip([*_OBLIGED, _NOISY], [*slope, 1.0], strict=True)
    }

    def exponents(points: list[tuple[float, float]], exponent: float) -> list[Rate]:
        return [
            Rate.fit(
                *allowed[point],
                predicted=exponent,
                margin=0.05,
                resolution=0.2,
                label=f"fitting ratio allowed, beta = {point[0]:g}, relative noise = {point[1]:g}",
            )
            for point in points
        ]

    return Outcome(
        evidence=[
            slopes(slope),
            _allowed_ratio(runs, TRAIN_BIAS / n + 2.0 * finite_size / slope),
            *exponents(_OBLIGED, 2.0),
        ],
        controls={
            "noise_ignored": slopes(beta - _ALPHA),
            "proportional_to_ratio": exponents(_OBLIGED, 1.0),
            "above_threshold": exponents([_NOISY], 2.0),
        },
        arrays={
            "beta": beta,
            "relative_noise": noise,
            "slope": slope,
            "measured_slope": measured,
            "standard_error_slope": error,
            "excess": np.stack([excess for excess, _ in allowed.values()]),
            "allowed": np.stack([ratios for _, ratios in allowed.values()]),
        },
    )


def _extrapolated_slope(run: PowerLawRun) -> tuple[float, float]:
    """Slope of the relative error in r at zero: from r and 2r, without the term of second order, with its error."""
    _, r, double = np.sqrt(run.problem.ratios)
    weights = np.array([2.0 / r, -1.0 / double])
    base = run.test_mse.mean(axis=0)[0]
    rises = (run.test_mse[:, 1:] - run.test_mse[:, :1]) / base
    # first order in the scatter of the common denominator, too
    trials = rises @ weights - (run.test_mse[:, 0] / base - 1.0) * float(rises.mean(axis=0) @ weights)
    return float(trials.mean()), float(trials.std(ddof=1) / np.sqrt(trials.size))


def _allowed_ratio(runs: list[PowerLawRun], relative_margin: np.ndarray) -> Agreement:
    """Measured fitting ratio beside the one that the law allows for the measured excess of the same run."""
    predicted, measured, error = [], [], []
    for run in runs:
        (relative, relative_error), (ratio, ratio_error) = run.relative_test_mse, run.fitting_ratio
        p, excess = run.problem, relative[1] - 1.0
        law = float(theory.near_optimal_fitting_ratio(p.alpha, p.beta, excess, p.relative_noise))
        predicted.append(law)
        measured.append(ratio[1])
        error.append(np.hypot(ratio_error[1], 2.0 * law * relative_error[1] / excess))
    expected = np.array(predicted)
    return Agreement(
        predicted=expected,
        measured=np.array(measured),
        standard_error=np.array(error),
        margin=relative_margin * expected,
        resolution=0.1 * expected,
        label="fitting ratio at a measured excess",
    )


def _exact_near_optimal_ratio(beta: float, noise: float, excess: np.ndarray) -> np.ndarray:
    """Largest fitting ratio within a relative excess of the best error, from the exact sums over modes."""
    spectrum = KernelSpectrum.power_law(_ALPHA, beta)
    interpolation = theory.risk_estimate(spectrum, _MANY)
    variance = noise * float(interpolation.test_mse)
    gammas = float(interpolation.gamma) * np.concatenate([[1.0], 1.0 + np.geomspace(1e-6, 10.0, 4000)])
    _, path = theory.risk_path(spectrum, _MANY, np.inf, variance, gammas)
    best = int(np.argmin(path.test_mse))
    rising = path.test_mse[best:] / path.test_mse[best] - 1.0
    return np.interp(excess, rising, path.fitting_ratio[best:])
