"""The eigenframework against a 40-digit solution of the coupled equations, anchors, limits and exact regressions."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory import (
    effective_regularization,
    erf_kernel,
    optimal_ridge,
    relu_kernel,
    risk_estimate,
    risk_path,
)

ISOTROPIC = KernelSpectrum([1.0], [1.0], [300])


def coupled_equations(eigenvalues, coefficients_sq, n, k, ridge, noise):
    """The two-equation form as published, solved by nested bisection in 40 digits; no gaps, no rearrangement."""
    with mpmath.workdps(40):
        lam = [mpmath.mpf(float(x)) for x in eigenvalues]
        power = [mpmath.mpf(float(x)) for x in coefficients_sq]
        ridge, noise = mpmath.mpf(ridge), mpmath.mpf(noise)

        def kappa_of(gamma):  # from k = sum + k kappa / gamma
            return gamma * (1 - sum(x / (x + gamma) for x in lam) / k)

        def excess(log_gamma):  # of sum + ridge / kappa over n
            gamma = mpmath.exp(log_gamma)
            kappa = kappa_of(gamma)
            if kappa <= 0:
                return mpmath.inf
            return sum(x / (x + gamma) for x in lam) + ridge / kappa - n

        low, high = mpmath.mpf(-80), mpmath.mpf(30)
        for _ in range(150):
            middle = (low + high) / 2
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
        gamma = mpmath.exp((low + high) / 2)
        kappa = kappa_of(gamma)
        z = sum(x / (x + gamma) for x in lam)
        q = sum((x / (x + gamma)) ** 2 for x in lam)
        bracket = sum(
            (gamma / (x + gamma) - kappa * x / (x + gamma) ** 2 * k / (k - q)) * v
            for x, v in zip(lam, power, strict=True)
        )
        test = (bracket + noise) / (1 - (q * (k - 2 * z) + z**2) / (n * (k - q)))
        return float(gamma), float(kappa), float(test), float((ridge / (n * kappa)) ** 2 * test)


PROBLEMS = [  # n, k, ridge on both sides of n = k
    (20, 35, 1e-12), (20, 35, 1e-6), (20, 35, 1e-2), (20, 35, 10.0), (35, 20, 1e-12), (35, 20, 1e-3), (35, 20, 1.0),
    (30, 30, 1e-8), (30, 30, 0.1), (29, 30, 1e-12), (5, 200, 1e-3), (200, 5, 1e-3),
]  # fmt: skip


@pytest.mark.parametrize(("n", "k", "ridge"), PROBLEMS)
def test_against_forty_digits(n, k, ridge):
    rng = np.random.default_rng(n + k)
    eigenvalues = np.sort(np.arange(1, 121) ** -1.6 * rng.uniform(0.5, 1.5, 120))[::-1]
    power = rng.uniform(0.0, 1.0, 120) * np.arange(1, 121) ** -1.3
    gamma, kappa, test, train = coupled_equations(eigenvalues, power, n, k, ridge, 0.3)
    spectrum = KernelSpectrum(eigenvalues, power)
    for source, tolerance in ((spectrum, 1e-12), (spectrum.tabulate(), 1e-10)):
        risk = risk_estimate(source, n, k, ridge, 0.3)
        assert float(risk.gamma) == pytest.approx(gamma, rel=tolerance)
        assert float(risk.kappa) == pytest.approx(kappa, rel=tolerance)
        assert float(risk.test_mse) == pytest.approx(test, rel=tolerance)
        assert float(risk.train_mse) == pytest.approx(train, rel=tolerance)


class TestAnchors:
    @pytest.mark.parametrize(("n", "k", "expected"), [(150, 100, 2.6), (100, 150, 2.7)])
    def test_isotropic_without_ridge(self, n, k, expected):
        risk = risk_estimate(ISOTROPIC, n, k, noise_variance=0.2)
        assert float(risk.test_mse) == pytest.approx(expected, rel=1e-13)
        assert float(risk.gamma) == pytest.approx(2.0, rel=1e-13)

    def test_least_squares_with_fewer_modes_than_samples(self):
        # n/(n-M) times the noise, a textbook result; power on a zero mode is noise
        spectrum = KernelSpectrum([2.0, 1.0, 0.0], [1.0, 1.0, 0.3], [4, 6, 5])
        risk = risk_estimate(spectrum, 30, 50, 0.0, 0.2)
        assert float(risk.test_mse) == pytest.approx(30 / 20 * 0.5, rel=1e-13)
        assert float(risk.train_mse) == pytest.approx(20 / 30 * 0.5, rel=1e-13)
        assert float(risk.gamma) == 0.0

    def test_noise_free_least_squares_is_exact(self):
        assert float(risk_estimate(ISOTROPIC, 300, 400).test_mse) == 0.0
        assert float(risk_estimate(ISOTROPIC, 400, 300).test_mse) == 0.0

    def test_interpolation_threshold_is_infinite(self):
        risk = risk_estimate(ISOTROPIC, 100, 100, 0.0, 0.1)
        assert math.isinf(float(risk.test_mse))
        assert float(risk.train_mse) == 0.0

    def test_huge_ridge_predicts_zero(self):
        risk = risk_estimate(ISOTROPIC, 100, 50, 1e12, 0.2)
        assert float(risk.test_mse) == pytest.approx(1.2, rel=1e-9)
        assert float(risk.train_mse) == pytest.approx(1.2, rel=1e-9)


class TestLimits:
    spectrum = KernelSpectrum.power_law(1.5, 1.5, 500)

    def test_kernel_ridge_regression(self):
        n, ridge, noise = 40, 0.3, 0.2
        risk = risk_estimate(self.spectrum, n, ridge=ridge, noise_variance=noise)
        kappa = float(risk.kappa)
        learned = self.spectrum.eigenvalues / (self.spectrum.eigenvalues + kappa)
        assert learned.sum() + ridge / kappa == pytest.approx(n, rel=1e-12)
        expected = n / (n - np.sum(learned**2)) * (np.sum((1 - learned) ** 2 * self.spectrum.coefficients_sq) + noise)
        assert float(risk.test_mse) == pytest.approx(expected, rel=1e-12)
        assert float(risk.gamma) == kappa

    @pytest.mark.parametrize("ridge", [0.0, 0.3])
    def test_many_features_approach_it_as_one_over_k(self, ridge):
        limit = float(risk_estimate(self.spectrum, 40, math.inf, ridge, 0.2).test_mse)
        excess = [float(risk_estimate(self.spectrum, 40, k, ridge, 0.2).test_mse) - limit for k in (1e5, 1e6)]
        assert excess[0] / excess[1] == pytest.approx(10.0, rel=1e-2)

    def test_infinitely_many_samples_leave_the_approximation_error(self):
        risk = risk_estimate(self.spectrum, math.inf, 40, 0.5, 0.2)
        gamma = float(risk.gamma)
        share = gamma / (self.spectrum.eigenvalues + gamma)
        assert np.sum(1 - share) == pytest.approx(40, rel=1e-12)
        assert float(risk.test_mse) == pytest.approx(share @ self.spectrum.coefficients_sq + 0.2, rel=1e-12)
        assert float(risk.train_mse) == float(risk.test_mse)
        many = risk_estimate(self.spectrum, 1e12, 40, 0.5, 0.2)
        assert float(many.test_mse) == pytest.approx(float(risk.test_mse), rel=1e-9)

    @pytest.mark.parametrize(("n", "k"), [(30, 60), (60, 30)])
    def test_small_ridge_is_no_ridge(self, n, k):
        none, little = (risk_estimate(self.spectrum, n, k, ridge, 0.1) for ridge in (0.0, 1e-13))
        assert float(little.test_mse) == pytest.approx(float(none.test_mse), rel=1e-8)
        assert float(little.train_mse) == pytest.approx(float(none.train_mse), rel=1e-8, abs=1e-12)

    def test_levels_are_their_modes(self):
        levels = KernelSpectrum([2.0, 0.5], [3.0, 1.0], [3, 4])
        modes = KernelSpectrum([2.0] * 3 + [0.5] * 4, [1.0] * 3 + [0.25] * 4)
        for arguments in [(4, 6, 0.1, 0.2), (6, 4, 0.0, 0.2)]:
            assert float(risk_estimate(levels, *arguments).test_mse) == pytest.approx(
                float(risk_estimate(modes, *arguments).test_mse), rel=1e-13
            )

    @pytest.mark.parametrize(("n", "k"), [(10, 20), (20, 10), (10, math.inf)])
    def test_tail_is_many_small_modes(self, n, k):
        tail = np.full(200_000, 1e-6)
        explicit = KernelSpectrum(np.append([3.0, 1.0], tail), np.append([1.0, 0.5], tail), None)
        summed = KernelSpectrum([3.0, 1.0], [1.0, 0.5], tail_trace=0.2, tail_power=0.2)
        for ridge in (0.0, 0.05):
            expected = risk_estimate(explicit, n, k, ridge, 0.1)
            risk = risk_estimate(summed, n, k, ridge, 0.1)
            assert float(risk.test_mse) == pytest.approx(float(expected.test_mse), rel=1e-3)
            assert float(risk.train_mse) == pytest.approx(float(expected.train_mse), rel=1e-3)

    def test_a_batch_is_its_problems(self):
        n, k = np.array([[20.0], [math.inf], [90.0]]), np.array([30.0, 60.0])
        batch = risk_estimate(self.spectrum, n, k, 0.01, 0.1)
        assert batch.test_mse.shape == (3, 2)
        for i in range(3):
            for j in range(2):
                one = risk_estimate(self.spectrum, float(n[i, 0]), float(k[j]), 0.01, 0.1)
                assert float(batch.test_mse[i, j]) == pytest.approx(float(one.test_mse), rel=1e-13)
                assert float(batch.train_mse[i, j]) == pytest.approx(float(one.train_mse), rel=1e-12)

    def test_blocks_are_invisible(self, monkeypatch):
        from theorylab.random_features.problem import _spectral_sums

        ridges = np.geomspace(1e-6, 1e2, 23)
        whole = risk_estimate(self.spectrum, 40, 30, ridges, 0.1)
        monkeypatch.setattr(_spectral_sums, "_BLOCK", 1200)
        monkeypatch.setattr(_spectral_sums, "_BLOCK_LEVELS", 170)
        parts = risk_estimate(self.spectrum, 40, 30, ridges, 0.1)
        np.testing.assert_allclose(parts.test_mse, whole.test_mse, rtol=1e-13)


class TestFinitePopulation:
    rng = np.random.default_rng(3)
    features = rng.standard_normal((60, 40)) * np.arange(1, 41) ** -0.8
    y = rng.standard_normal((60, 2))
    K = features @ features.T
    spectrum = KernelSpectrum.from_gram(K, y)

    @pytest.mark.parametrize("ridge", [0.0, 1e-3, 0.5, 30.0])
    def test_training_on_everybody_is_plain_ridge_regression(self, ridge):
        # With n = N nothing is random: the residual of kernel ridge regression is ridge (K + ridge)^-1 y.
        values, vectors = np.linalg.eigh(self.K)
        left = np.where(values > 1e-9, ridge / (np.maximum(values, 0.0) + max(ridge, 1e-300)), 1.0)
        expected = np.sum((left[:, None] * (vectors.T @ self.y)) ** 2) / 60
        risk = risk_estimate(self.spectrum, 60, ridge=ridge)
        assert float(risk.train_mse) == pytest.approx(expected, rel=1e-10)
        assert float(risk.test_mse) == pytest.approx(expected, rel=1e-10)
        assert math.isnan(float(risk.heldout_mse))

    def test_a_large_population_is_infinite(self):
        spectrum = KernelSpectrum.power_law(1.5, 1.5, 200)
        infinite = risk_estimate(spectrum, 20, 30, 0.1)
        large = risk_estimate(spectrum, 20, 30, 0.1, population_size=1e13)
        assert infinite.heldout_mse is None
        for field in ("test_mse", "train_mse", "gamma", "kappa", "overfitting_coefficient", "fitting_ratio"):
            assert float(getattr(large, field)) == pytest.approx(float(getattr(infinite, field)), rel=1e-11)
        assert float(large.heldout_mse) == pytest.approx(float(infinite.test_mse), rel=1e-10)

    def test_error_over_all_points_is_the_mean_of_both_parts(self):
        risk = risk_estimate(self.spectrum, 15, 30, 0.1)
        assert 15 * float(risk.train_mse) + 45 * float(risk.heldout_mse) == pytest.approx(60 * float(risk.test_mse))
        assert float(risk.fitting_ratio) == pytest.approx(float(risk.train_mse / risk.test_mse))

    def test_effective_ridge_solves_the_corrected_equation(self):
        solved = effective_regularization(self.spectrum, 15, 30, 0.1)
        z = float(solved.df1)
        assert float(solved.gamma) * (15 - z) * (1 - z / 30) / (1 - z / 60) == pytest.approx(0.1, rel=1e-12)

    def test_population_defaults_to_that_of_the_spectrum(self):
        assert risk_estimate(self.spectrum, 15, 30, 0.1, population_size=math.inf).heldout_mse is None


class TestRidgePath:
    spectrum = KernelSpectrum.power_law(1.5, 1.5, 300)

    def test_path_and_solver_agree(self):
        start = float(effective_regularization(self.spectrum, 40, 60).gamma)
        ridges, risk = risk_path(self.spectrum, 40, 60, 0.1, start * np.geomspace(1.01, 1e4, 30))
        solved = risk_estimate(self.spectrum, 40, 60, ridges, 0.1)
        np.testing.assert_allclose(risk.test_mse, solved.test_mse, rtol=1e-10)
        np.testing.assert_allclose(risk.train_mse, solved.train_mse, rtol=1e-8)

    def test_path_of_a_finite_population(self):
        spectrum = TestFinitePopulation.spectrum
        ridges, risk = risk_path(spectrum, 15, 30, 0.0, [0.5, 2.0])
        np.testing.assert_allclose(risk.test_mse, risk_estimate(spectrum, 15, 30, ridges).test_mse, rtol=1e-10)

    @pytest.mark.parametrize(("n", "k"), [(40, 60), (60, 40), (50, 50), (40, math.inf)])
    def test_optimum_beats_a_fine_grid(self, n, k):
        ridge, risk = optimal_ridge(self.spectrum, n, k, 0.1)
        grid = float(ridge) * np.geomspace(1e-4, 1e4, 4001)
        scanned = risk_estimate(self.spectrum, n, k, grid, 0.1).test_mse
        assert float(risk.test_mse) <= scanned.min() * (1 + 1e-12)
        assert grid[np.argmin(scanned)] == pytest.approx(float(ridge), rel=5e-3)

    @pytest.mark.parametrize("n", [150, 290, 400, 5000])
    def test_isotropic_optimum(self, n):
        # For an isotropic kernel the optimal ridge of kernel regression is M noise / signal, the Bayes answer, on both
        # sides of the 300 modes.
        ridge, _ = optimal_ridge(ISOTROPIC, n, math.inf, 0.2)
        assert float(ridge) == pytest.approx(60.0, rel=1e-6)

    def test_optimum_far_above_the_smallest_eigenvalue(self):
        # Fewer modes than samples, the last ones without power: the Bayes ridge of the first ten decides.
        spectrum = KernelSpectrum([1.0, 1e-9], [1.0, 0.0], [10, 10])
        ridge, _ = optimal_ridge(spectrum, 50, math.inf, 0.5)
        assert float(ridge) == pytest.approx(5.0, rel=1e-5)

    def test_zero_ridge_is_reported_exactly(self):
        # steep target, no noise: overfitting is best
        steep = KernelSpectrum.power_law(1.5, 3.0, 2000)
        ridge, risk = optimal_ridge(steep, 30, math.inf)
        assert float(ridge) == 0.0
        assert float(risk.train_mse) == 0.0

    def test_optima_of_a_batch(self):
        ridges, risk = optimal_ridge(self.spectrum, [[20], [40]], [30, 60, 90], 0.1)
        assert ridges.shape == risk.test_mse.shape == (2, 3)
        assert float(ridges[1, 0]) == pytest.approx(float(optimal_ridge(self.spectrum, 40, 30, 0.1)[0]), rel=1e-6)


class TestKernels:
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))

    def test_relu_kernel_is_the_expectation_over_weights(self):
        # The two projections are Gaussian: their radius has mean square 2, their angle is uniform.
        angles = np.linspace(0.0, 2.0 * math.pi, 200_000, endpoint=False)
        for x, z in zip(self.X, self.Z, strict=False):
            between = math.acos(x @ z / np.linalg.norm(x) / np.linalg.norm(z))
            product = np.maximum(np.cos(angles), 0.0) * np.maximum(np.cos(angles - between), 0.0)
            expected = 0.7 * np.linalg.norm(x) * np.linalg.norm(z) * 2.0 * product.mean()
            assert float(relu_kernel(x[None], z[None], weight_variance=0.7)[0, 0]) == pytest.approx(expected, rel=1e-7)

    def test_erf_kernel_is_the_expectation_over_weights(self):
        nodes, weights = np.polynomial.hermite_e.hermegauss(150)
        erf = np.vectorize(math.erf)
        for x, z in zip(self.X, self.Z, strict=False):
            root = np.linalg.cholesky(0.3 * np.array([[x @ x, x @ z], [x @ z, z @ z]]))
            u, v = root[0, 0] * nodes[:, None], root[1, 0] * nodes[:, None] + root[1, 1] * nodes
            expected = weights @ (erf(u) * erf(v)) @ weights / weights.sum() ** 2
            assert float(erf_kernel(x[None], z[None], weight_variance=0.3)[0, 0]) == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("kernel", [relu_kernel, erf_kernel])
    def test_symmetry_and_shapes(self, kernel):
        K = kernel(self.X, weight_variance=0.5)
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_array_equal(K, kernel(self.X, self.X, weight_variance=0.5))
        assert kernel(self.X, self.Z, weight_variance=0.5).shape == (4, 5)
        assert np.linalg.eigvalsh(K).min() > 0.0

    def test_zero_points(self):
        assert float(relu_kernel([[0.0, 0.0]], [[1.0, 0.0]], weight_variance=1.0)[0, 0]) == 0.0

    @pytest.mark.parametrize("kernel", [relu_kernel, erf_kernel])
    def test_refusals(self, kernel):
        with pytest.raises(ValueError, match="Z must have the 3 columns"):
            kernel(self.X, np.ones((2, 4)), weight_variance=1.0)
        with pytest.raises(ValueError, match="weight_variance must"):
            kernel(self.X, weight_variance=0.0)
        with pytest.raises(ValueError, match="X must"):
            kernel([[math.nan]], weight_variance=1.0)


@settings(max_examples=60)
@given(
    n=st.floats(1.0, 1e4), k=st.floats(1.0, 1e4) | st.just(math.inf), log_ridge=st.floats(-12.0, 6.0),
    alpha=st.floats(1.1, 3.0), noise=st.floats(0.0, 2.0),
)  # fmt: skip
def test_the_solution_satisfies_equation_and_order(n, k, log_ridge, alpha, noise):
    spectrum = KernelSpectrum.power_law(alpha, 1.5, 200)
    ridge = 10.0**log_ridge
    solved = effective_regularization(spectrum, n, k, ridge)
    gamma, kappa = float(solved.gamma), float(solved.kappa)
    gaps = float(solved.sample_gap) * (1.0 if math.isinf(k) else float(solved.feature_gap) / k)
    assert gamma * gaps == pytest.approx(ridge, rel=1e-9)
    assert 0.0 < kappa <= gamma
    assert 0.0 <= float(solved.df2) <= float(solved.df1) <= min(n, k) * (1 + 1e-12)
    risk = risk_estimate(spectrum, n, k, ridge, noise)
    assert 0.0 <= float(risk.train_mse) <= float(risk.test_mse) * (1 + 1e-12)
    assert float(risk.excess_risk) == pytest.approx(float(risk.test_mse) - noise)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples must"),
        ({"n_samples": -3}, "n_samples must"),
        ({"n_samples": math.nan}, "n_samples must"),
        ({"n_samples": math.inf, "n_features": math.inf}, "n_features must be finite where n_samples is infinite"),
        ({"n_features": 0}, "n_features must"),
        ({"ridge": -1e-3}, "ridge must"),
        ({"ridge": math.inf}, "ridge must"),
        ({"noise_variance": -0.1}, "noise_variance must"),
        ({"n_samples": 50, "population_size": 99}, "population_size must be at least the number of modes, 300"),
        ({"n_samples": 400, "population_size": 350}, "n_samples must be at most population_size = 350; got 400"),
        ({"noise_variance": 0.1, "population_size": 350}, "noise_variance must be 0 for a finite population"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        risk_estimate(ISOTROPIC, **{"n_samples": 100, "n_features": 50, "ridge": 0.1, **arguments})


BAD_NUMBERS = st.sampled_from([math.nan, -math.inf]) | st.floats(-1e6, -1e-6)
BAD_VALUES = (
    BAD_NUMBERS | st.lists(BAD_NUMBERS, min_size=1, max_size=3) | st.sampled_from(["10", None, 1j, [[]], object()])
)


@settings(max_examples=80)
@given(name=st.sampled_from(["n_samples", "n_features", "ridge", "noise_variance"]), value=BAD_VALUES)
def test_whatever_is_wrong_is_refused_by_name(name, value):
    arguments = {"n_samples": 100, "n_features": 50, "ridge": 0.1, "noise_variance": 0.2, name: value}
    with pytest.raises((ValueError, TypeError), match=f"^{name} must "):
        risk_estimate(ISOTROPIC, **arguments)


@pytest.mark.parametrize("function", [risk_estimate, effective_regularization, optimal_ridge])
def test_a_spectrum_is_asked_for(function):
    with pytest.raises(TypeError, match="spectrum must be a KernelSpectrum or a TabulatedSpectrum; got list"):
        function([1.0, 0.5], 10)


def test_path_refusals():
    with pytest.raises(ValueError, match="gammas must be at least the effective ridge of zero ridge"):
        risk_path(ISOTROPIC, 150, 100, 0.0, [1.0])
    with pytest.raises(ValueError, match="n_samples must be finite"):
        risk_path(ISOTROPIC, math.inf, 100, 0.0, [3.0])
