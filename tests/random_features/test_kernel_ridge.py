"""Kernel ridge regression in the Gaussian model, against scikit-learn, a drawn tail and the definitions."""

import math

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from theorylab.random_features.experiment import (
    average_kernel_ridge,
    simulate_gaussian_features,
    simulate_kernel_ridge,
)
from theorylab.random_features.problem import KernelSpectrum

FIELDS = ("test_mse", "train_mse", "gcv", "kappa")


class TestKernelRidge:
    spectrum = KernelSpectrum([1.0, 0.3], [1.0, 0.5], [2, 30], tail_trace=0.7, tail_power=0.4)
    scale, target = np.repeat(np.sqrt([1.0, 0.3]), [2, 30]), np.repeat(np.sqrt([0.5, 0.5 / 30]), [2, 30])

    def simulate(self, seed=5, **changes):
        settings = {"spectrum": self.spectrum, "n_samples": 20, "ridges": [0.0, 0.1], "noise_variance": 0.2,
                    "n_trials": 3}  # fmt: skip
        return simulate_kernel_ridge(**{**settings, **changes}, rng=np.random.default_rng(seed))

    def test_shapes_and_repeatability(self):
        first, second = self.simulate(), self.simulate()
        for field in FIELDS:
            assert getattr(first, field).shape == (3, 2)
            np.testing.assert_array_equal(getattr(first, field), getattr(second, field))

    def test_against_scikit_learn_with_a_large_test_set(self):
        # The same draws as the simulation makes; the tail's part of the kernel acts on the training points alone.
        rng = np.random.default_rng(5)
        modes = rng.standard_normal((20, 32))
        y = modes @ self.target + math.sqrt(0.2 + 0.4) * rng.standard_normal(20)
        K = (modes * self.scale**2) @ modes.T + 0.7 * np.eye(20)
        fit = KernelRidge(alpha=0.1, kernel="precomputed").fit(K, y)
        fresh = np.random.default_rng(6).standard_normal((200_000, 32))
        noisy = fresh @ self.target + math.sqrt(0.6) * np.random.default_rng(7).standard_normal(200_000)
        errors = (noisy - fit.predict((fresh * self.scale**2) @ modes.T)) ** 2
        found = self.simulate(n_trials=1)
        assert found.test_mse[0, 1] == pytest.approx(errors.mean(), abs=4.0 * errors.std() / math.sqrt(200_000))
        residuals = y - fit.predict(K)
        trace = np.trace(np.linalg.inv(K + 0.1 * np.eye(20)))
        assert found.train_mse[0, 1] == pytest.approx(np.mean(residuals**2))
        assert found.kappa[0, 1] == pytest.approx(1.0 / trace)
        assert found.gcv[0, 1] == pytest.approx(np.mean(residuals**2) / (0.1 * trace / 20) ** 2)

    def test_lumped_tail_is_a_drawn_one_of_many_small_modes(self):
        # 4000 modes of eigenvalue 2.5e-4, far below the effective ridge of about 0.05, drawn and lumped.
        head = KernelSpectrum(np.arange(1.0, 41.0) ** -1.5, np.arange(1.0, 41.0) ** -2.0)
        values, power = [np.concatenate([a, [b]]) for a, b in ((head.eigenvalues, 2.5e-4), (head.coefficients_sq, 0.3))]
        drawn = KernelSpectrum(values, power, np.append(np.ones(40), 4000.0))
        lumped = KernelSpectrum(head.eigenvalues, head.coefficients_sq, tail_trace=1.0, tail_power=0.3)
        settings = {"n_samples": 30, "ridges": [0.0, 0.1], "n_trials": 300}
        runs = [self.simulate(seed, spectrum=s, **settings) for seed, s in ((1, drawn), (2, lumped))]
        for field in ("test_mse", "kappa"):
            first, second = (getattr(run, field) for run in runs)
            error = np.hypot(first.std(axis=0), second.std(axis=0)) / math.sqrt(300)
            # 4 standard errors; the lumping itself is good to about 1e-2 of kappa
            assert np.all(np.abs(first.mean(0) - second.mean(0)) < 4.0 * error + 0.01 * second.mean(axis=0))

    def test_it_is_the_limit_of_many_features(self):
        spectrum = KernelSpectrum(np.arange(1.0, 61.0) ** -1.5, np.arange(1.0, 61.0) ** -1.5)
        kernel = self.simulate(spectrum=spectrum, ridges=[0.1], n_trials=200).test_mse
        features = simulate_gaussian_features(
            spectrum, 20, 4000, [0.1], noise_variance=0.2, n_trials=200, rng=np.random.default_rng(8)
        ).test_mse
        error = np.hypot(kernel.std(), features.std()) / math.sqrt(200)
        assert abs(kernel.mean() - features.mean()) < 4.0 * error

    def test_without_ridge_the_labels_are_fitted(self):
        found = self.simulate()
        np.testing.assert_allclose(found.train_mse[:, 0], 0.0, atol=1e-20)
        assert np.all(np.isnan(found.gcv[:, 0]))

    def test_fewer_modes_than_samples(self):
        # ordinary least squares on two modes: what is left are the n - 2 other directions
        found = self.simulate(spectrum=KernelSpectrum([1.0, 0.5], [1.0, 1.0]), ridges=[0.0, 1e-7])
        rng = np.random.default_rng(5)
        modes = rng.standard_normal((20, 2))
        y = modes @ np.ones(2) + math.sqrt(0.2) * rng.standard_normal(20)
        weights, residual, *_ = np.linalg.lstsq(modes, y, rcond=None)
        np.testing.assert_allclose(found.train_mse[0], residual[0] / 20, rtol=1e-6)
        np.testing.assert_allclose(found.test_mse[0], np.sum((weights - 1.0) ** 2) + 0.2, rtol=1e-6)
        np.testing.assert_array_equal(found.kappa[:, 0], 0.0)
        np.testing.assert_allclose(found.kappa[:, 1], 1e-7 / 18, rtol=1e-5)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"n_samples": 0}, "n_samples must"), ({"ridges": [-1.0]}, "ridges must"),
         ({"noise_variance": math.nan}, "noise_variance must"), ({"n_trials": 0}, "n_trials must")],
    )  # fmt: skip
    def test_refusals(self, changes, message):
        with pytest.raises(ValueError, match=message):
            self.simulate(**changes)


class TestAverage:
    spectrum = KernelSpectrum([1.0, 0.3], [1.0, 0.5], [2, 10], tail_trace=0.7, tail_power=0.4)

    def simulate(self, **changes):
        settings = {"spectrum": self.spectrum, "n_samples": 8, "ridges": [0.0, 0.1], "noise_variance": 0.2,
                    "n_trials": 3}  # fmt: skip
        return average_kernel_ridge(**{**settings, **changes}, rng=np.random.default_rng(5))

    def test_it_is_the_average_over_signs_and_noise(self):
        # One draw of inputs; regressions fitted to 40 000 draws of signs and noise.
        modes = np.random.default_rng(5).standard_normal((8, 12))
        scale, target = np.repeat(np.sqrt([1.0, 0.3]), [2, 10]), np.repeat(np.sqrt([0.5, 0.05]), [2, 10])
        rng = np.random.default_rng(9)
        targets = target[:, None] * rng.choice([-1.0, 1.0], (12, 40_000))
        y = modes @ targets + math.sqrt(0.6) * rng.standard_normal((8, 40_000))
        K = (modes * scale**2) @ modes.T + 0.7 * np.eye(8)
        found = self.simulate(n_trials=1)
        for i, ridge in enumerate((0.0, 0.1)):
            dual = np.linalg.solve(K + ridge * np.eye(8), y)
            tests = np.sum((targets - scale[:, None] ** 2 * (modes.T @ dual)) ** 2, axis=0) + 0.6
            trains = np.mean((y - K @ dual) ** 2, axis=0)
            for value, draws in ((found.test_mse[0, i], tests), (found.train_mse[0, i], trains)):
                assert value == pytest.approx(draws.mean(), abs=4.0 * draws.std() / 200 + 1e-12)
            inverse_trace = np.trace(np.linalg.inv(K + ridge * np.eye(8)))
            assert found.kappa[0, i] == pytest.approx(1.0 / inverse_trace)
        assert found.gcv[0, 1] == pytest.approx(found.train_mse[0, 1] / (0.1 * inverse_trace / 8) ** 2)
        assert math.isnan(found.gcv[0, 0])

    def test_same_expectation_as_fits_and_less_scatter(self):
        spectrum = KernelSpectrum.power_law(1.5, 1.5, head=800)
        settings = {"spectrum": spectrum, "n_samples": 40, "ridges": [0.0, 0.1], "noise_variance": 0.1}
        averaged = self.simulate(**settings, n_trials=100).test_mse
        fitted = simulate_kernel_ridge(**settings, n_trials=400, rng=np.random.default_rng(6)).test_mse
        error = np.hypot(averaged.std(axis=0) / 10, fitted.std(axis=0) / 20)
        assert np.all(np.abs(averaged.mean(axis=0) - fitted.mean(axis=0)) < 4.0 * error)
        assert np.all(averaged.std(axis=0) < 0.4 * fitted.std(axis=0))

    def test_refusals(self):
        with pytest.raises(ValueError, match="spectrum must have at least as many modes as n_samples = 8"):
            self.simulate(spectrum=KernelSpectrum([1.0], [1.0], [7]))
        with pytest.raises(ValueError, match="noise_variance must"):
            self.simulate(noise_variance=-1.0)
