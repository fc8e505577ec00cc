"""Effective ridge and risk of whole grids, beside one root search for each problem; accuracy; memory.

The peers solve problem by problem, from the published form with two coupled equations: by nested bisection, as the
public code of [simon2024] does, and by scipy.optimize.brentq on one equation.  Accuracy is checked against a 40-digit
solution of the coupled equations (mpmath), train error included.  CPU time, medians of several runs, one thread; run it
with `python benchmarks/random_features_solver.py`.
"""

import math
import pathlib
import statistics
import subprocess
import sys
import time

import mpmath
import numpy as np
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from theorylab.random_features import KernelSpectrum, optimal_ridge, risk_estimate

NOISE = 0.5
N_SAMPLES, N_FEATURES, RIDGES = 256, np.geomspace(10, 10_000, 20)[:, None], np.geomspace(1e-3, 1e2, 10)
GRID = [(float(k), float(ridge)) for k in N_FEATURES[:, 0] for ridge in RIDGES]
#: n, k, ridge on both sides of n = k.
ACCURACY_PROBLEMS = [
    (20, 35, 1e-12), (20, 35, 1e-6), (20, 35, 1e-2), (20, 35, 10.0), (35, 20, 1e-12), (35, 20, 1e-3), (35, 20, 1.0),
    (30, 30, 1e-12), (30, 30, 1e-6), (30, 30, 0.1), (29, 30, 1e-12), (30, 29, 1e-12), (5, 200, 1e-3), (200, 5, 1e-3),
    (200, 300, 1e-12),
]  # fmt: skip


def two_term_risk(spectrum, n, k, gamma, kappa):
    """Test error of the published form."""
    learned = spectrum.eigenvalues / (spectrum.eigenvalues + gamma)
    z, q = learned.sum(), np.sum(learned**2)
    lost = 1.0 - learned - kappa * learned**2 / spectrum.eigenvalues * k / (k - q)
    return (lost @ spectrum.coefficients_sq + NOISE) / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))


def by_brentq(spectrum, n, k, ridge):
    """Peer: a bracketed root search on the one-equation form."""

    def equation(log_gamma):
        gamma = math.exp(log_gamma)
        z = np.sum(spectrum.eigenvalues / (spectrum.eigenvalues + gamma))
        return gamma * (n - z) * (1 - z / k) - ridge if z < min(n, k) else -ridge

    gamma = math.exp(brentq(equation, -60.0, 60.0, xtol=1e-13))
    z = np.sum(spectrum.eigenvalues / (spectrum.eigenvalues + gamma))
    return two_term_risk(spectrum, n, k, gamma, gamma * (1 - z / k))


def by_nested_bisection(spectrum, n, k, ridge, steps=50):
    """Peer: for each trial value of kappa a bisection of the second equation for gamma."""

    def bisect(too_low, low=-40.0, high=40.0):
        for _ in range(steps):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if too_low(math.exp(middle)) else (low, middle)
        return math.exp(0.5 * (low + high))

    def z(gamma):
        return np.sum(spectrum.eigenvalues / (spectrum.eigenvalues + gamma))

    def gamma_of(kappa):
        return bisect(lambda gamma: z(gamma) + k * kappa / gamma > k)

    kappa = bisect(lambda trial: z(gamma_of(trial)) + ridge / trial > n)
    return two_term_risk(spectrum, n, k, gamma_of(kappa), kappa)


def coupled_in_forty_digits(spectrum, n, k, ridge):
    """Test and train error from the two coupled equations, written down as published."""
    with mpmath.workdps(40):
        lam = [mpmath.mpf(float(x)) for x in spectrum.eigenvalues]
        power = [mpmath.mpf(float(x)) for x in spectrum.coefficients_sq]
        ridge = mpmath.mpf(ridge)

        def kappa_of(gamma):
            return gamma * (1 - sum(x / (x + gamma) for x in lam) / k)

        low, high = mpmath.mpf(-80), mpmath.mpf(30)
        for _ in range(140):
            middle = (low + high) / 2
            gamma = mpmath.exp(middle)
            kappa = kappa_of(gamma)
            too_low = kappa <= 0 or sum(x / (x + gamma) for x in lam) + ridge / kappa > n
            low, high = (middle, high) if too_low else (low, middle)
        gamma = mpmath.exp((low + high) / 2)
        kappa = kappa_of(gamma)
        z, q = (sum((x / (x + gamma)) ** power for x in lam) for power in (1, 2))
        lost = sum(
            (gamma / (x + gamma) - kappa * x / (x + gamma) ** 2 * k / (k - q)) * v
            for x, v in zip(lam, power, strict=True)
        )
        test = (lost + NOISE) / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))
        return test, (ridge / (n * kappa)) ** 2 * test


def median_seconds(function, repeats=7):
    """Median CPU time of several runs after one that does not count."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def compare_speed():
    """The grid of 200 problems, and the heat map of 16 337."""
    spectrum = KernelSpectrum.power_law(1.5, 1.5, 10_000)
    table = spectrum.tabulate()
    problem = (N_SAMPLES, N_FEATURES, RIDGES, NOISE)
    cold = median_seconds(lambda: risk_estimate(spectrum, *problem))
    warm = median_seconds(lambda: risk_estimate(table, *problem), repeats=51)
    sample = GRID[::20]
    peers = {
        "scipy brentq": median_seconds(lambda: [by_brentq(spectrum, N_SAMPLES, *p) for p in sample], 5),
        "nested bisection": median_seconds(lambda: [by_nested_bisection(spectrum, N_SAMPLES, *p) for p in sample], 1),
    }
    sizes, ridges = np.geomspace(10, 10_000, 31), 2.0 ** np.arange(-12, 5)
    heat_map = median_seconds(lambda: risk_estimate(table, sizes[:, None, None], sizes[:, None], ridges, NOISE))
    best = median_seconds(lambda: optimal_ridge(table, sizes[:, None], sizes, NOISE), 3)
    print(f"{len(GRID)} problems, 10^4 modes, CPU time")
    print(f"  at once, from the modes   {1e3 * cold:9.1f} ms")
    print(f"  at once, from a table     {1e3 * warm:9.1f} ms")
    for name, seconds in peers.items():
        total = seconds * len(GRID) / len(sample)
        print(
            f"  one by one, {name:<16s}{1e3 * total:8.0f} ms: {total / cold:.0f} times as long as from the modes, "
            f"{total / warm:.0f} as from a table"
        )
    print(f"heat map 31 x 31 x 17 from a table {1e3 * heat_map:.1f} ms; its 961 optimal ridges {best:.2f} s")
    found = risk_estimate(spectrum, *problem).test_mse.ravel()[::20]
    for name, peer in {"brentq": by_brentq, "nested bisection": by_nested_bisection}.items():
        error = np.max(np.abs([peer(spectrum, N_SAMPLES, *p) for p in sample] / found - 1.0))
        print(f"largest relative difference from {name}: {error:.1e}")


def compare_tables():
    """Making a table, and what it costs in memory, in a process of its own."""
    print("tables: modes, CPU seconds to make one, peak memory of the process before (imports) and after")
    for modes in (10_000, 1_000_000):
        command = [sys.executable, __file__, "--table", str(modes)]
        line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(f"  {line.strip()}")


def make_table(modes):
    """Spectrum, table, and the grid of 200 problems from both; what the process needed."""
    before = peak_memory()
    spectrum = KernelSpectrum.power_law(1.5, 1.5, modes)
    start = time.process_time()
    table = spectrum.tabulate()
    seconds = time.process_time() - start
    risk_estimate(table, N_SAMPLES, N_FEATURES, RIDGES, NOISE)
    risk_estimate(spectrum, N_SAMPLES, N_FEATURES, RIDGES[:1], NOISE)
    print(f"{modes:9d} modes, {table.n_nodes} nodes: {seconds:.2f} s, {before} MB, {peak_memory()} MB")


def peak_memory():
    """Largest resident size of this process so far in MB; from /proc, since getrusage counts the parent's, too."""
    status = pathlib.Path("/proc/self/status")
    if not status.exists():
        return "unknown"
    return round(int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024)


def compare_accuracy():
    """Relative errors against 40 digits of the coupled equations."""
    spectrum = KernelSpectrum.power_law(1.6, 1.3, 120)
    table = spectrum.tabulate()
    print("relative errors against 40 digits: from the modes (test, train), from a table (test, train)")
    worst = np.zeros(4)
    for n, k, ridge in ACCURACY_PROBLEMS:
        exact = coupled_in_forty_digits(spectrum, n, k, ridge)
        errors = []
        for source in (spectrum, table):
            risk = risk_estimate(source, n, k, ridge, NOISE)
            for found, expected in zip((risk.test_mse, risk.train_mse), exact, strict=True):
                errors.append(abs(float(found / expected - 1)))
        worst = np.maximum(worst, errors)
        print(f"  n {n:4d}  k {k:4d}  ridge {ridge:7.0e}   " + "  ".join(f"{error:.1e}" for error in errors))
    print("  worst                          " + "  ".join(f"{error:.1e}" for error in worst))


def main():
    """Print medians, ratios, memory and accuracy."""
    if sys.argv[1:2] == ["--table"]:
        make_table(int(sys.argv[2]))
        return
    with threadpool_limits(1):
        compare_speed()
        compare_tables()
        compare_accuracy()


if __name__ == "__main__":
    main()
