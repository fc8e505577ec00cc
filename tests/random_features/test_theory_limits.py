"""Zero ridge, infinities, fewer modes than samples, and symmetries of the predictions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory import effective_regularization, optimal_ridge, risk_estimate

POWER_LAW = KernelSpectrum.power_law(1.5, 1.5, 1000)
ISOTROPIC = KernelSpectrum([1.0], [1.0], [300])


def unlearned(spectrum, gamma):
    """Power of the target that is not learned, to first order: sum gamma / (lambda + gamma) v^2."""
    return float(np.sum(gamma / (spectrum.eigenvalues + gamma) * spectrum.coefficients_sq))


class TestWithoutRidge:
    @pytest.mark.parametrize(("n", "k"), [(100, 40), (41, 40), (5000, 40)])
    def test_more_samples_than_features(self, n, k):
        risk = risk_estimate(POWER_LAW, n, k, 0.0, 0.2)
        gamma = float(risk.gamma)
        assert float(POWER_LAW.degrees_of_freedom(gamma)[0]) == pytest.approx(k, rel=1e-12)
        expected = n / (n - k) * (unlearned(POWER_LAW, gamma) + 0.2)
        assert float(risk.test_mse) == pytest.approx(expected, rel=1e-11)
        assert float(risk.train_mse) == pytest.approx(((n - k) / n) ** 2 * expected, rel=1e-11)
        assert float(risk.kappa) == 0.0

    @pytest.mark.parametrize(("n", "k"), [(40, 100), (40, 41), (40, 5000)])
    def test_more_features_than_samples(self, n, k):
        risk = risk_estimate(POWER_LAW, n, k, 0.0, 0.2)
        gamma = float(risk.gamma)
        z, q = (float(df) for df in POWER_LAW.degrees_of_freedom(gamma))
        assert z == pytest.approx(n, rel=1e-12)
        learned = POWER_LAW.eigenvalues / (POWER_LAW.eigenvalues + gamma)
        squared = np.sum((1 - learned) ** 2 * POWER_LAW.coefficients_sq)
        crossed = np.sum(learned * (1 - learned) * POWER_LAW.coefficients_sq)
        b, c = k - n, n - q
        expected = n / (b * c) * ((b + c) * squared + c * crossed + (b + c) * 0.2)
        assert float(risk.test_mse) == pytest.approx(expected, rel=1e-10)
        assert float(risk.train_mse) == 0.0
        assert float(risk.kappa) == pytest.approx(gamma * (k - n) / k, rel=1e-12)

    @pytest.mark.parametrize("n", [40, 41.5])
    def test_both_numbers_equal(self, n):
        risk = risk_estimate(POWER_LAW, n, n, 0.0, 0.2)
        assert math.isinf(float(risk.test_mse))
        assert math.isinf(float(risk.excess_risk))
        assert math.isinf(float(risk.overfitting_coefficient))
        assert float(risk.train_mse) == float(risk.kappa) == float(risk.fitting_ratio) == 0.0
        assert float(risk.gamma) > 0.0

    def test_a_batch_across_it(self):
        risk = risk_estimate(POWER_LAW, 40, [39, 40, 41], [[0.0], [1e-9]], 0.1)
        np.testing.assert_array_equal(np.isinf(risk.test_mse), [[False, True, False], [False, False, False]])

    def test_the_effective_ridge_does_not_tell_samples_from_features(self):
        below, above = (risk_estimate(ISOTROPIC, *sizes).gamma for sizes in ((150, 100), (100, 150)))
        assert float(below) == pytest.approx(float(above), rel=1e-14)

    @pytest.mark.parametrize(("n", "k", "expected"), [(150, 100, 2.6), (100, 150, 2.7)])
    def test_exact_anchors(self, n, k, expected):
        # by hand, with c = 200/3: 3 (2/3 + 1/5), and 3/100 (350/3 (4/9 + 1/5) + 200/3 * 2/9)
        for source in (ISOTROPIC, ISOTROPIC.tabulate(), KernelSpectrum(np.ones(300), np.full(300, 1 / 300))):
            risk = risk_estimate(source, n, k, 0.0, 0.2)
            assert float(risk.test_mse) == pytest.approx(expected, rel=1e-11)
            assert float(risk.gamma) == pytest.approx(2.0, rel=1e-11)


class TestNearTheThreshold:
    """n = k with little ridge, and n near k without."""

    @pytest.mark.parametrize("n", [40, 128])
    def test_height_of_the_peak(self, n):
        gamma = float(effective_regularization(POWER_LAW, n, n).gamma)
        strength = unlearned(POWER_LAW, gamma) + 0.1
        for ridge, tolerance in ((1e-8, 3e-3), (1e-12, 3e-5)):
            expected = n / 2 * math.sqrt(gamma / (ridge * n)) * strength
            assert float(risk_estimate(POWER_LAW, n, n, ridge, 0.1).test_mse) == pytest.approx(expected, rel=tolerance)

    @pytest.mark.parametrize("side", [-1, 1])
    def test_flanks_of_the_peak(self, side):
        n, gamma = 128, float(effective_regularization(POWER_LAW, 128, 128).gamma)
        strength = unlearned(POWER_LAW, gamma) + 0.1
        for distance, tolerance in ((0.1, 3e-3), (1e-3, 3e-5)):
            risk = risk_estimate(POWER_LAW, n, n + side * distance, 0.0, 0.1)
            assert float(risk.test_mse) == pytest.approx(n * strength / distance, rel=tolerance)


class TestFewerModesThanSamples:
    spectrum = KernelSpectrum([2.0, 1.0, 0.1, 0.0], [1.0, 0.5, 0.2, 0.3], [4, 6, 20, 50])  # 30 modes

    @pytest.mark.parametrize("k", [31, 200, math.inf])
    def test_least_squares(self, k):
        # textbook: noise n / (n - M), the invisible part of the target being noise
        for n in (31, 60, 1000):
            risk = risk_estimate(self.spectrum, n, k, 0.0, 0.2)
            assert float(risk.test_mse) == pytest.approx(n / (n - 30) * 0.5, rel=1e-12)
            assert float(risk.train_mse) == pytest.approx((n - 30) / n * 0.5, rel=1e-12)
            assert float(risk.gamma) == 0.0

    def test_interpolation_threshold_at_the_number_of_modes(self):
        test = risk_estimate(self.spectrum, [25, 29, 30, 31, 35], math.inf, 0.0, 0.2).test_mse
        assert math.isinf(float(test[2]))
        assert test[0] < test[1]
        assert test[3] > test[4]

    def test_the_threshold_does_not_matter_without_noise(self):
        visible = KernelSpectrum([2.0, 1.0], [1.0, 0.5], [4, 6])
        np.testing.assert_array_equal(risk_estimate(visible, [10, 11, 40], math.inf).test_mse, 0.0)

    @pytest.mark.parametrize("n", [29, 30, 31, 90])
    def test_little_ridge_approaches_none(self, n):
        little = risk_estimate(self.spectrum, n, 50, [1e-6, 1e-12], 0.2)
        none = risk_estimate(self.spectrum, n, 50, 0.0, 0.2)
        if n == 30:
            # at the threshold gamma ~ sqrt(ridge), so the error grows as its inverse
            assert float(little.test_mse[1] / little.test_mse[0]) == pytest.approx(1e3, rel=0.02)
        else:
            np.testing.assert_allclose(little.test_mse, none.test_mse, rtol=3e-3)
            assert float(little.test_mse[1]) == pytest.approx(float(none.test_mse), rel=1e-6)

    def test_effective_ridge_of_little_ridge(self):
        # n > M: delta = gamma (n - M)(1 - M / k), even where gamma is far below the spectrum
        solved = effective_regularization(self.spectrum, 90, 60, 1e-200)
        assert float(solved.gamma) == pytest.approx(1e-200 / (60 * 0.5), rel=1e-12)
        assert float(solved.sample_gap) == pytest.approx(60.0, rel=1e-14)

    @pytest.mark.parametrize("k", [20, 30, 40])
    def test_infinitely_many_samples(self, k):
        risk = risk_estimate(self.spectrum, math.inf, k, 0.3, 0.2)
        gamma = float(risk.gamma)
        assert (gamma == 0.0) == (k >= 30)
        left = unlearned(self.spectrum, gamma) if gamma > 0.0 else 0.3
        assert float(risk.test_mse) == pytest.approx(left + 0.2, rel=1e-12)
        assert float(risk.train_mse) == float(risk.test_mse)


class TestInfiniteSpectrum:
    spectrum = KernelSpectrum.power_law(1.5, 2.0)

    def test_tempered_overfitting(self):
        # without ridge the noise becomes alpha times as much test error
        risk = risk_estimate(self.spectrum, 1e6, math.inf)
        assert float(risk.overfitting_coefficient) == pytest.approx(1.5, rel=1e-5)

    def test_kernel_ridge_regression(self):
        risk = risk_estimate(self.spectrum, 100, math.inf, 0.1)
        df1, _ = self.spectrum.degrees_of_freedom(risk.kappa)
        assert float(df1) + 0.1 / float(risk.kappa) == pytest.approx(100.0, rel=1e-12)

    def test_many_more_samples_than_listed_modes(self):
        risk = risk_estimate(self.spectrum, 1e5, 1e6, [0.0, 1e-9, 1e-3], 0.1)
        assert np.all(np.isfinite(risk.test_mse))
        df1, _ = self.spectrum.degrees_of_freedom(float(risk.gamma[0]))
        assert float(df1) == pytest.approx(1e5, rel=1e-12)


@pytest.mark.parametrize(("n", "k", "ridge"), [(40, 60, 0.01), (60, 40, 0.0), (40, math.inf, 3.0)])
def test_fields_of_the_solution_are_sums_at_its_effective_ridge(n, k, ridge):
    solved = effective_regularization(POWER_LAW, n, k, ridge)
    z, q = POWER_LAW.degrees_of_freedom(solved.gamma)
    assert float(solved.df1) == pytest.approx(float(z), rel=1e-13)
    assert float(solved.df2) == pytest.approx(float(q), rel=1e-12)
    assert float(solved.sample_gap) == pytest.approx(n - float(z), rel=1e-10, abs=1e-12)
    assert float(solved.feature_gap) == pytest.approx(k - float(z), rel=1e-10, abs=1e-12)


def test_a_target_of_zero_without_noise_is_learned():
    assert float(risk_estimate(KernelSpectrum([1.0, 0.5]), 10, 20, 0.3).test_mse) == 0.0


PROBLEM = {
    "n": st.floats(2.0, 2e3),
    "k": st.floats(2.0, 2e3) | st.just(math.inf),
    "log_ridge": st.floats(-10.0, 3.0),
    "noise": st.floats(0.0, 2.0),
}
LEVELS = st.lists(
    st.tuples(st.floats(1e-6, 1e3), st.floats(0.0, 5.0), st.integers(1, 200)), min_size=1, max_size=6
).map(lambda rows: [np.array(column, dtype=float) for column in zip(*rows, strict=True)])


@settings(max_examples=60)
@given(levels=LEVELS, scale=st.floats(1e-3, 1e3), factor=st.floats(1e-3, 1e3), **PROBLEM)
def test_units(levels, scale, factor, n, k, log_ridge, noise):
    # kernel and ridge in other units, target and noise in other units
    values, power, counts = levels
    ridge = 10.0**log_ridge
    risk = risk_estimate(KernelSpectrum(values, power, counts), n, k, ridge, noise)
    other = risk_estimate(KernelSpectrum(scale * values, factor * power, counts), n, k, scale * ridge, factor * noise)
    assert float(other.gamma) == pytest.approx(scale * float(risk.gamma), rel=1e-9)
    assert float(other.test_mse) == pytest.approx(factor * float(risk.test_mse), rel=1e-8, abs=1e-200)
    assert float(other.fitting_ratio) == pytest.approx(float(risk.fitting_ratio), rel=1e-8)


@settings(max_examples=60)
@given(levels=LEVELS, **PROBLEM)
def test_the_error_is_linear_in_the_target(levels, n, k, log_ridge, noise):
    values, power, counts = levels
    whole = risk_estimate(KernelSpectrum(values, power, counts), n, k, 10.0**log_ridge, noise)
    parts = [risk_estimate(KernelSpectrum(values, np.zeros_like(values), counts), n, k, 10.0**log_ridge, noise)]
    for level in range(values.size):
        only = np.where(np.arange(values.size) == level, power, 0.0)
        parts.append(risk_estimate(KernelSpectrum(values, only, counts), n, k, 10.0**log_ridge))
    assert sum(float(part.test_mse) for part in parts) == pytest.approx(float(whole.test_mse), rel=1e-9)


@settings(max_examples=60)
@given(levels=LEVELS, hidden=st.floats(0.0, 3.0), **PROBLEM)
def test_power_that_the_kernel_does_not_see_is_noise(levels, hidden, n, k, log_ridge, noise):
    values, power, counts = levels
    seen = risk_estimate(KernelSpectrum(values, power, counts), n, k, 10.0**log_ridge, noise + hidden)
    ways = (
        KernelSpectrum([*values, 0.0], [*power, hidden], [*counts, 7.0]),
        KernelSpectrum(values, power, counts, tail_power=hidden),
    )
    for spectrum in ways:
        risk = risk_estimate(spectrum, n, k, 10.0**log_ridge, noise)
        assert float(risk.test_mse) == pytest.approx(float(seen.test_mse), rel=1e-11)
        assert float(risk.train_mse) == pytest.approx(float(seen.train_mse), rel=1e-11)


@settings(max_examples=30)
@given(levels=LEVELS, n=st.integers(2, 200), k=st.integers(2, 200), noise=st.floats(0.01, 2.0))
def test_more_is_better_at_the_optimal_ridge(levels, n, k, noise):
    spectrum = KernelSpectrum(*levels)
    _, risk = optimal_ridge(spectrum, [n, n + 1, n], [k, k, k + 1], noise)
    best = risk.test_mse
    assert best[1] <= best[0] * (1 + 1e-9)
    assert best[2] <= best[0] * (1 + 1e-9)


@settings(max_examples=60)
@given(levels=LEVELS, **PROBLEM)
def test_small_and_large_ridge_bound_the_rest(levels, n, k, log_ridge, noise):
    # the effective ridge rises with the ridge, the train error too, and both gaps satisfy their equation
    spectrum = KernelSpectrum(*levels)
    ridges = 10.0**log_ridge * np.array([1.0, 3.0])
    solved = effective_regularization(spectrum, n, k, ridges)
    assert solved.gamma[0] < solved.gamma[1]
    assert solved.kappa[0] < solved.kappa[1]
    np.testing.assert_allclose(solved.kappa * solved.sample_gap, ridges, rtol=1e-11)
    train = risk_estimate(spectrum, n, k, ridges, noise).train_mse
    assert train[0] <= train[1] * (1 + 1e-9)
