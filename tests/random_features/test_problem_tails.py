"""Infinite tails against 40-digit integrals, long explicit sums and exact zeta functions."""

import math

import mpmath
import numpy as np
import pytest

from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.problem._tails import PowerLawTail
from theorylab.random_features.theory import risk_estimate

SUMS = ("df1", "variance", "bias", "mixed")


def mode(name, x, alpha, beta, gamma):
    """One mode's term of a sum, in mpmath's numbers."""
    learned = 1 / (1 + gamma * x**alpha)
    lost = gamma * x**alpha / (1 + gamma * x**alpha)
    power = x**-beta
    return {
        "df1": learned, "variance": learned * lost, "bias": power * lost**2, "mixed": power * learned * lost,
        "df2": learned**2,
    }[name]  # fmt: skip


def reference(name, alpha, beta, gamma, head):
    """Sum over all modes beyond the head: Euler and Maclaurin from 200 modes further on, the integral numerically."""
    with mpmath.workdps(30):
        alpha, beta, gamma = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpf(gamma)

        def term(x):
            return mode(name, mpmath.mpf(x), alpha, beta, gamma)

        start = head + 201
        explicit = mpmath.fsum(term(i) for i in range(head + 1, start))
        # in the logarithm, where the integrand is smooth; its knee is where gamma x^alpha = 1
        knee = mpmath.log(gamma) / -alpha
        edge = mpmath.log(start)
        points = sorted({edge, *(edge + step for step in (5, 20, 60)), *(p for p in (knee,) if p > edge)})
        last = max(points) + 60
        rate = {"df1": alpha - 1, "variance": alpha - 1, "df2": 2 * alpha - 1, "bias": beta - 1,
                "mixed": alpha + beta - 1}[name]  # fmt: skip
        integral = mpmath.quad(lambda t: term(mpmath.exp(t)) * mpmath.exp(t), [*points, last])
        integral += term(mpmath.exp(last)) * mpmath.exp(last) / rate  # beyond, a pure power
        corrections = term(start) / 2 - mpmath.diff(term, start) / 12 + mpmath.diff(term, start, 3) / 720
        return float(explicit + integral + corrections)


CASES = [(1.5, 1.5), (1.2, 2.9), (1.5, 2.5), (2.0, 4.5), (3.0, 1.3), (1.05, 1.1)]


@pytest.mark.parametrize(("alpha", "beta"), CASES)
@pytest.mark.parametrize("gamma", [1e-9, 1e-3, 10.0])
def test_sums_of_the_tail(alpha, beta, gamma):
    tail = PowerLawTail(alpha, beta, 40)
    sums = tail.spectral_sums(np.array([gamma]))
    for name in SUMS:
        expected = reference(name, alpha, beta, gamma, 40)
        # with 40 modes before it the midpoint rule is good to 1e-7
        assert float(getattr(sums, name)[0]) == pytest.approx(expected, rel=3e-7), name
    assert float(tail.df2(np.array([gamma]))[0]) == pytest.approx(reference("df2", alpha, beta, gamma, 40), rel=2e-6)


@pytest.mark.parametrize("gamma", [1e-7, 1e-4, 0.1, 1e4])
@pytest.mark.parametrize(("alpha", "beta"), CASES)
def test_length_of_the_head_does_not_matter(alpha, beta, gamma):
    short, long = (KernelSpectrum.power_law(alpha, beta, head=head) for head in (2000, 30_000))
    for name in SUMS:
        values = [float(getattr(spectrum.spectral_sums(np.array([gamma])), name)[0]) for spectrum in (short, long)]
        assert values[0] == pytest.approx(values[1], rel=3e-14), name
    dof = [spectrum.degrees_of_freedom(gamma) for spectrum in (short, long)]
    assert float(dof[0][0]) == pytest.approx(float(dof[1][0]), rel=3e-14)
    assert float(dof[0][1]) == pytest.approx(float(dof[1][1]), rel=3e-14)


def test_two_million_modes_and_what_is_beyond_them():
    # beyond them nothing is learned: integrals of pure powers
    infinite = KernelSpectrum.power_law(2.0, 3.0)
    explicit = KernelSpectrum.power_law(2.0, 3.0, 2_000_000)
    gamma, edge = np.array([1e-4, 1e-2]), 2_000_000.5
    rest = {"df1": 1.0 / (gamma * edge), "variance": 1.0 / (gamma * edge), "bias": 0.5 / edge**2, "mixed": 0.0}
    for name in SUMS:
        found, expected = (getattr(source.spectral_sums(gamma), name) for source in (infinite, explicit))
        np.testing.assert_allclose(found, expected + rest[name], rtol=1e-12)


@pytest.mark.parametrize("beta", [2.5 - 1e-9, 2.5, 2.5 + 1e-9])
def test_no_gap_at_beta_alpha_plus_one(beta):
    # where a closed form with sines would be 0 / 0
    sums = KernelSpectrum.power_law(1.5, beta).spectral_sums(np.array([1e-6]))
    expected = KernelSpectrum.power_law(1.5, 2.5 + 1e-5).spectral_sums(np.array([1e-6]))
    assert float(sums.mixed[0]) == pytest.approx(float(expected.mixed[0]), rel=1e-3)


@pytest.mark.parametrize("y", [1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.3, 1.0, 3.0, 1e3, 1e9, 1e40])
@pytest.mark.parametrize("alpha", [1.01, 1.5, 2.0, 6.0])
def test_integrals_at_any_effective_ridge(alpha, y):
    from theorylab.random_features.problem._tails import _half_learned_beta, _incomplete_beta

    u, rest = np.array([1.0 / (1.0 + y)]), np.array([y / (1.0 + y)])
    with mpmath.workdps(60):
        exact = mpmath.mpf(1) / (1 + mpmath.mpf(y))
        for p, r in ((1 - 1 / alpha, 1 / alpha), (1 - 1 / alpha, 1 + 1 / alpha), (2 - 1 / alpha, 1 / alpha)):
            expected = float(mpmath.betainc(p, r, 0, exact))
            assert float(_incomplete_beta(u, rest, p, r)[0]) == pytest.approx(expected, rel=1e-12)
        for s in (0.01, 0.5, 0.99999, 1.0 + 1e-12, 1.3, 1.99):
            p, r = mpmath.mpf(s) + 1, 1 - mpmath.mpf(s)
            expected = float(exact**p / p * (1 - exact) ** r * mpmath.hyp2f1(1, p + r, p + 1, exact))
            assert float(_half_learned_beta(u, rest, s)[0]) == pytest.approx(expected, rel=1e-12)


def test_totals():
    spectrum = KernelSpectrum.power_law(2.0, 4.0, head=7)
    assert spectrum.trace == pytest.approx(math.pi**2 / 6, rel=1e-14)
    assert float(spectrum.coefficients_sq.sum()) + spectrum.tail_power == pytest.approx(math.pi**4 / 90, rel=1e-14)
    assert math.isinf(spectrum.n_modes)
    assert spectrum.eigenvalues.shape == (7,)


def test_a_large_ridge_learns_nothing_of_it():
    spectrum = KernelSpectrum.power_law(1.5, 1.5)
    sums = spectrum.spectral_sums(np.array([1e12]))
    assert float(sums.df1[0]) == pytest.approx(spectrum.trace / 1e12, rel=1e-6)
    assert float(sums.bias[0]) == pytest.approx(float(mpmath.zeta(1.5)), rel=1e-6)


@pytest.mark.parametrize(("n", "k", "ridge"), [(100, math.inf, 0.0), (100, 300, 1e-3), (3000, 1000, 0.0)])
def test_risk_is_the_limit_of_more_and_more_modes(n, k, ridge):
    infinite = float(risk_estimate(KernelSpectrum.power_law(1.5, 1.5), n, k, ridge, 0.1).test_mse)
    errors = [
        abs(float(risk_estimate(KernelSpectrum.power_law(1.5, 1.5, modes), n, k, ridge, 0.1).test_mse) / infinite - 1)
        for modes in (20_000, 320_000)
    ]
    # what the missing modes hold of trace and power falls as the square root of their number
    assert errors[1] < 0.03
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("m", [1.0, 17.3, 1999.0, 5e4, 1e7])
def test_lower_bound_of_the_effective_ridge(m):
    for spectrum in (KernelSpectrum.power_law(1.5, 1.5, head=100), KernelSpectrum.power_law(1.05, 1.5)):
        bound = spectrum.smallest_gamma(np.array([m]))
        assert bound[0] > 0.0
        assert float(spectrum.spectral_sums(bound).df1[0]) >= m
        assert float(spectrum.spectral_sums(100.0 * bound).df1[0]) < m


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 1.0}, "alpha must be a finite number > 1; got 1.0"),
        ({"beta": 1.0}, "beta must be a finite number > 1 and < 4; got 1.0"),
        ({"beta": 4.0}, "beta must be a finite number > 1 and < 4; got 4.0"),
        ({"n_modes": 2.5}, "n_modes must"),
        ({"head": 0}, "head must"),
        ({"alpha": math.nan}, "alpha must"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        KernelSpectrum.power_law(**{"alpha": 1.5, "beta": 1.5, **arguments})


def test_finitely_many_modes_may_decay_slowly_or_fast():
    assert KernelSpectrum.power_law(0.5, 9.0, 10).n_modes == 10.0
