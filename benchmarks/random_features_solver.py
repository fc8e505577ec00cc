"""Effective ridge and risk of a whole grid at once, beside one bracketed root search for each problem.

The peer solves the same equation problem by problem with scipy.optimize.brentq, as public code of the field does
(there by bisection), and evaluates the risk from the published two-term form.  Accuracy is checked against 40 digits
(mpmath) on problems with ridges down to 1e-12.  Medians of seven runs on one thread; run it with
`python benchmarks/random_features_solver.py`.
"""

import math
import statistics
import time

import mpmath
import numpy as np
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from theorylab.random_features import KernelSpectrum, risk_estimate

N_MODES, REPEATS = 10_000, 7
NOISE = 0.5


def one_by_one(spectrum, n, k, ridge):
    """The peer: a scalar root search, then the two-term form."""
    eigenvalues, power = spectrum.eigenvalues, spectrum.coefficients_sq

    def equation(log_gamma):
        gamma = math.exp(log_gamma)
        z = np.sum(eigenvalues / (eigenvalues + gamma))
        return gamma * (n - z) * (1 - z / k) - ridge if z < min(n, k) else -ridge

    gamma = math.exp(brentq(equation, -60.0, 60.0, xtol=1e-13))
    learned = eigenvalues / (eigenvalues + gamma)
    z, q = learned.sum(), np.sum(learned**2)
    kappa = gamma * (1 - z / k)
    lost = gamma / (eigenvalues + gamma) - kappa * eigenvalues / (eigenvalues + gamma) ** 2 * k / (k - q)
    return (lost @ power + NOISE) / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))


def median_seconds(function):
    """Median wall time of several runs after one that does not count."""
    function()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def digits_lost():
    """Largest relative error of the train error against 40 digits."""
    spectrum = KernelSpectrum.power_law(1.6, 1.3, 60)
    worst = 0.0
    with mpmath.workdps(40):
        for n, k in ((20, 35), (35, 20), (30, 30)):
            for ridge in (1e-12, 1e-6, 1e-2):
                eigenvalues = [mpmath.mpf(float(x)) for x in spectrum.eigenvalues]

                def gap(log_gamma, n=n, k=k, ridge=ridge, eigenvalues=eigenvalues):
                    gamma = mpmath.exp(log_gamma)
                    z = sum(x / (x + gamma) for x in eigenvalues)
                    return gamma * (n - z) * (1 - z / mpmath.mpf(k)) - mpmath.mpf(ridge) if z < min(n, k) else -1

                low, high = mpmath.mpf(-60), mpmath.mpf(60)
                for _ in range(160):
                    middle = (low + high) / 2
                    low, high = (middle, high) if gap(middle) < 0 else (low, middle)
                z = sum(x / (x + mpmath.exp(low)) for x in eigenvalues)
                expected = ((n - z) / n) ** 2
                found = float(risk_estimate(spectrum, n, k, ridge, NOISE).fitting_ratio)
                worst = max(worst, abs(found / float(expected) - 1.0))
    return worst


def main():
    """Print medians, ratio and accuracy."""
    spectrum = KernelSpectrum.power_law(1.5, 1.5, N_MODES)
    n, k, ridges = 256, np.geomspace(10, 10_000, 20)[:, None], np.geomspace(1e-3, 1e2, 10)
    grid = [(float(row), float(ridge)) for row in k[:, 0] for ridge in ridges]
    with threadpool_limits(1):
        batch = median_seconds(lambda: risk_estimate(spectrum, n, k, ridges, NOISE))
        peer = median_seconds(lambda: [one_by_one(spectrum, n, *point) for point in grid])
    found = risk_estimate(spectrum, n, k, ridges, NOISE).test_mse.ravel()
    largest = np.max(np.abs(found / [one_by_one(spectrum, n, *point) for point in grid] - 1.0))
    print(f"{len(grid)} problems, {N_MODES} modes, medians of {REPEATS} runs")
    print(f"at once {batch:.3f} s, one by one {peer:.3f} s: {peer / batch:.1f} times as long")
    print(f"largest relative difference of the test errors {largest:.1e}")
    print(f"largest relative error of the fitting ratio against 40 digits, ridges down to 1e-12: {digits_lost():.1e}")


if __name__ == "__main__":
    main()
