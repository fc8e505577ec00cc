"""Power-law asymptotics against their defining integrals in 30 digits, scipy's minimisation, and sums over modes."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory import (
    near_optimal_fitting_ratio,
    noise_threshold,
    optimal_fitting_ratio,
    powerlaw_effective_ridge,
    powerlaw_test_mse,
    relative_test_mse,
    risk_estimate,
)

EXPONENTS = st.floats(1.05, 4.0).flatmap(lambda a: st.tuples(st.just(a), st.floats(1.05, 2.0 * a + 0.95)))
NOISE = st.one_of(st.just(0.0), st.floats(1e-3, 100.0))


def reference(alpha, beta, n, ratio, noise):
    """Effective ridge and test error with sums over modes replaced by integrals, which are computed in 30 digits."""
    with mpmath.workdps(30):
        alpha, beta, r = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.sqrt(mpmath.mpf(ratio))

        def integral(low, high):
            # of x^low / (1 + x)^(low + high) dx/x over (0, inf), in the logarithm of x
            def function(w):
                return mpmath.exp(low * w) / (1 + mpmath.exp(w)) ** (low + high)

            return mpmath.quad(function, [-80 / low, -8 / low, 0, 8 / high, 80 / high])

        df1 = integral(1 / alpha, 1 - 1 / alpha) / alpha
        df2 = integral(1 / alpha, 2 - 1 / alpha) / alpha
        s = (beta - 1) / alpha
        bias = integral(2 - s, s) / alpha
        kappa = (df1 / (n * (1 - r))) ** alpha
        return float(kappa), float(n / (n - df2 * kappa ** (-1 / alpha)) * (kappa**s * bias + noise))


class TestRisk:
    @pytest.mark.parametrize(
        ("alpha", "beta", "n", "ratio", "noise"),
        [(1.5, 1.5, 200, 0.0, 0.0), (1.5, 2.5, 200, 0.3, 0.1), (1.2, 2.0, 50, 0.9, 1.0), (3.0, 6.5, 1e4, 0.01, 0.0),
         (2.0, 1.1, 10, 1e-8, 0.5), (1.1, 3.1, 100, 0.5, 0.0)],
    )  # fmt: skip
    def test_against_the_integrals(self, alpha, beta, n, ratio, noise):
        kappa, mse = reference(alpha, beta, n, ratio, noise)
        assert float(powerlaw_effective_ridge(alpha, n, ratio)) == pytest.approx(kappa, rel=1e-12)
        assert float(powerlaw_test_mse(alpha, beta, n, ratio, noise)) == pytest.approx(mse, rel=1e-12)

    @pytest.mark.parametrize("alpha", [1.0 + 1e-9, 1.5, 100.0])
    @pytest.mark.parametrize("shift", [1e-9, 1e-5, 0.3, 0.999999, 1.0 - 1e-12])
    def test_corners(self, alpha, shift):
        # beta on both sides of alpha + 1, and close to both ends of its range; integers are exact in Gamma's argument
        for beta in (alpha + 1.0 + shift * alpha, alpha + 1.0 - shift * alpha, alpha + 1.0):
            if not 1.0 < beta < 2.0 * alpha + 1.0:
                continue
            with mpmath.workdps(40):
                s = (mpmath.mpf(beta) - 1) / mpmath.mpf(alpha)
                power = mpmath.gamma(2 - s) * mpmath.gamma(s)
                constant = mpmath.gamma(1 - 1 / mpmath.mpf(alpha)) * mpmath.gamma(1 + 1 / mpmath.mpf(alpha))
                expected = float(power * (constant / 50) ** (mpmath.mpf(beta) - 1))
                kappa = float((constant / 50) ** mpmath.mpf(alpha))
            assert float(powerlaw_test_mse(alpha, beta, 50, 0.0)) == pytest.approx(expected, rel=1e-11)
            assert float(powerlaw_effective_ridge(alpha, 50)) == pytest.approx(kappa, rel=1e-11)

    def test_interpolated_noise_is_amplified_by_alpha(self):
        noise = powerlaw_test_mse(1.7, 2.0, 1e9, 0.0, [0.0, 1.0])
        assert float(noise[1] - noise[0]) == pytest.approx(1.7, rel=1e-13)

    @pytest.mark.parametrize(("alpha", "beta"), [(1.5, 1.5), (1.5, 2.5), (2.0, 1.2), (3.0, 4.0)])
    @pytest.mark.parametrize("n", [1e3, 1e6, 1e8])
    def test_sums_over_modes_converge_to_it(self, alpha, beta, n):
        # the eigenframework's own sums, at the ridges that belong to R = 0 and R = 0.16
        ratio, noise = np.array([0.0, 0.16]), 0.3
        kappa = powerlaw_effective_ridge(alpha, n, ratio)
        exact = risk_estimate(
            KernelSpectrum.power_law(alpha, beta), n, ridge=n * kappa * np.sqrt(ratio), noise_variance=noise
        )
        # Euler-Maclaurin: n (1 - r) + 1/2 for n (1 - r)
        np.testing.assert_allclose(exact.kappa, kappa, rtol=1.2 * alpha / (2.0 * 0.6 * n) + 1e-11)
        np.testing.assert_allclose(exact.fitting_ratio[1], 0.16, rtol=2.5 / n + 1e-11)
        expected = powerlaw_test_mse(alpha, beta, n, ratio, noise)
        np.testing.assert_allclose(exact.test_mse, expected, rtol=1.2 * beta / (2.0 * 0.6 * n) + 1e-11)

    def test_half_a_sample_more_is_the_next_order(self):
        n = 1000.0
        exact = risk_estimate(KernelSpectrum.power_law(1.5, 1.5), n)
        shifted = powerlaw_test_mse(1.5, 1.5, n + 0.5, 0.0) * n / (n + 0.5)
        # what is left falls as n^-(2 alpha + 1 - beta) = n^-2.5
        assert float(exact.test_mse) == pytest.approx(float(shifted), rel=3e-7)
        assert float(exact.kappa) == pytest.approx(float(powerlaw_effective_ridge(1.5, n + 0.5)), rel=1e-6)

    def test_the_whole_label_left_as_residual(self):
        assert math.isinf(powerlaw_test_mse(1.5, 1.5, 100, 1.0))
        assert math.isinf(powerlaw_effective_ridge(1.5, 100, 1.0))
        assert math.isinf(relative_test_mse(1.5, 1.5, 1.0))

    @settings(max_examples=50, deadline=None)
    @given(EXPONENTS, st.floats(0.0, 0.999), NOISE)
    def test_relative_form(self, exponents, ratio, noise):
        alpha, beta = exponents
        scale = float(powerlaw_test_mse(alpha, beta, 1000, 0.0))
        absolute = powerlaw_test_mse(alpha, beta, 1000, [ratio, 0.0], noise * scale)
        expected = float(absolute[0] / absolute[1])
        assert float(relative_test_mse(alpha, beta, ratio, noise)) == pytest.approx(expected, rel=1e-11)

    @pytest.mark.parametrize("ratio", [1e-20, 1e-12])
    def test_near_interpolation_no_digit_is_lost(self, ratio):
        alpha, beta, noise = 1.5, 2.5, 0.4
        slope = (beta - alpha - alpha * (alpha - 1) * noise) / (1 + alpha * noise)
        found = powerlaw_test_mse(alpha, beta, 100, ratio) / powerlaw_test_mse(alpha, beta, 100, 0.0)
        assert float(found) == pytest.approx(1.0 + math.sqrt(ratio), abs=1e-11)
        error = float(relative_test_mse(alpha, beta, ratio, noise))
        assert error - 1.0 == pytest.approx(slope * math.sqrt(ratio), abs=4e-12)


class TestOptimum:
    @settings(max_examples=60, deadline=None)
    @given(EXPONENTS, NOISE)
    def test_against_minimisation(self, exponents, noise):
        alpha, beta = exponents

        def error(r):
            return float(relative_test_mse(alpha, beta, r * r, noise))

        found = math.sqrt(float(optimal_fitting_ratio(alpha, beta, noise)))
        best = minimize_scalar(error, bounds=(0.0, 1.0 - 1e-9), method="bounded", options={"xatol": 1e-9})
        assert error(found) <= min(best.fun, error(0.0), error(0.3), error(0.9)) * (1.0 + 1e-13)
        if found == 0.0:
            assert error(1e-5) >= 1.0
        else:
            assert abs(best.x - found) < 1e-3 * math.sqrt(found + 1e-3) + 1e-6

    def test_root_in_forty_digits(self):
        for alpha, beta, noise in [
            (2.0, 3.0, 5.0),
            (1.001, 1.5, 1e3),
            (5.0, 10.9, 3.0),
            (1.5, 1.5, 1e6),
            (1.5, 2.5, 1.4),
        ]:
            with mpmath.workdps(40):
                a, b, s = mpmath.mpf(alpha), mpmath.mpf(beta), mpmath.mpf(noise)
                root = mpmath.findroot(
                    lambda r, a=a, b=b, s=s: a - b - (a - 1) * b * r + a * (a - 1) * s * (1 - r) ** b,
                    (mpmath.mpf(0), mpmath.mpf(1)), solver="anderson", tol=1e-60,
                )  # fmt: skip
            assert float(optimal_fitting_ratio(alpha, beta, noise)) == pytest.approx(float(root**2), rel=1e-13)

    def test_without_noise_in_closed_form(self):
        beta = np.array([1.001, 1.2, 1.4999, 1.5, 3.0])
        expected = (np.maximum(1.5 - beta, 0.0) / (0.5 * beta)) ** 2
        np.testing.assert_allclose(optimal_fitting_ratio(1.5, beta), expected, rtol=1e-9)

    @settings(max_examples=60, deadline=None)
    @given(EXPONENTS)
    def test_threshold(self, exponents):
        alpha, beta = exponents
        threshold = float(noise_threshold(alpha, beta))
        if threshold < 0.0:
            assert float(optimal_fitting_ratio(alpha, beta)) > 0.0
        else:
            assert float(optimal_fitting_ratio(alpha, beta, threshold)) == 0.0
            assert float(optimal_fitting_ratio(alpha, beta, threshold + 1e-6)) > 0.0

    def test_published_values(self):
        # relative noise 0, 1, 5, 50 for the exponents that were quoted for CIFAR-10: the theory's optimum
        found = optimal_fitting_ratio(1.17, 1.14, [0.0, 1.0, 5.0, 50.0])
        np.testing.assert_allclose(found, [0.024, 0.31, 0.69, 0.95], atol=0.005)

    @settings(max_examples=60, deadline=None)
    @given(EXPONENTS, st.floats(1e-9, 3.0), NOISE)
    def test_near_optimal(self, exponents, excess, noise):
        alpha, beta = exponents
        best = float(optimal_fitting_ratio(alpha, beta, noise))
        found = float(near_optimal_fitting_ratio(alpha, beta, excess, noise))
        assert best <= found <= 1.0
        errors = relative_test_mse(alpha, beta, [best, found], noise)
        if found < 1.0 - 1e-6:  # closer to one the error is steeper than a double can follow
            assert float(errors[1] / errors[0]) - 1.0 == pytest.approx(excess, rel=1e-8, abs=1e-12)


class TestRefusals:
    @pytest.mark.parametrize(
        ("function", "arguments", "name"),
        [
            (powerlaw_effective_ridge, (1.0, 10), "alpha"),
            (powerlaw_effective_ridge, (2.0, 0.0), "n_samples"),
            (powerlaw_effective_ridge, (2.0, 10, 1.1), "fitting_ratio"),
            (powerlaw_test_mse, (2.0, 1.0, 10, 0.0), "beta"),
            (powerlaw_test_mse, (2.0, 5.0, 10, 0.0), "beta"),
            (powerlaw_test_mse, (2.0, 2.0, math.nan, 0.0), "n_samples"),
            (powerlaw_test_mse, (2.0, 2.0, 10, -0.1), "fitting_ratio"),
            (powerlaw_test_mse, (2.0, 2.0, 10, 0.0, -1.0), "noise_variance"),
            (relative_test_mse, (math.nan, 2.0, 0.0), "alpha"),
            (relative_test_mse, (2.0, 2.0, 0.0, math.nan), "relative_noise"),
            (noise_threshold, (2.0, [2.0, 5.5]), "beta"),
            (optimal_fitting_ratio, (2.0, 2.0, -1.0), "relative_noise"),
            (near_optimal_fitting_ratio, (2.0, 2.0, 0.0), "relative_excess"),
        ],
    )
    def test_by_name(self, function, arguments, name):
        with pytest.raises(ValueError, match=f"{name} must"):
            function(*arguments)
