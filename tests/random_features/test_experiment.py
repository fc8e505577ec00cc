"""The fitted regressions against scikit-learn, explicit test sets and the definitions."""

import math

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from theorylab.random_features.experiment import (
    fit_random_feature_ridge,
    random_features,
    simulate_gaussian_features,
    simulate_gaussian_population,
    simulate_population,
)
from theorylab.random_features.problem import KernelSpectrum


class TestFit:
    rng = np.random.default_rng(0)

    @pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
    def test_weights_are_those_of_scikit_learn(self, shape):
        features, y = self.rng.standard_normal(shape), self.rng.standard_normal((shape[0], 2))
        ridges = np.array([0.01, 1.0, 30.0])
        weights = fit_random_feature_ridge(features, y, ridges).weights
        assert weights.shape == (shape[1], 3, 2)
        for i, ridge in enumerate(ridges):
            reference = Ridge(alpha=ridge, fit_intercept=False).fit(features, y)
            np.testing.assert_allclose(weights[:, i, :].T, reference.coef_, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
    def test_zero_ridge_is_the_minimum_norm_solution(self, shape):
        features, y = self.rng.standard_normal(shape), self.rng.standard_normal(shape[0])
        weights = fit_random_feature_ridge(features, y, [0.0]).weights[:, 0, 0]
        np.testing.assert_allclose(weights, np.linalg.pinv(features) @ y, rtol=1e-9, atol=1e-12)

    def test_rank_deficient_features(self):
        features = self.rng.standard_normal((10, 2)) @ self.rng.standard_normal((2, 6))
        y = self.rng.standard_normal(10)
        weights = fit_random_feature_ridge(features, y, [0.0]).weights[:, 0, 0]
        np.testing.assert_allclose(weights, np.linalg.pinv(features, rcond=1e-10) @ y, rtol=1e-8)

    @pytest.mark.parametrize("shape", [(9, 5), (5, 9)])
    def test_inverse_trace(self, shape):
        features = self.rng.standard_normal(shape)
        found = fit_random_feature_ridge(features, np.ones(shape[0]), [0.3]).inverse_trace
        expected = np.trace(np.linalg.inv(features @ features.T + 0.3 * np.eye(shape[0])))
        assert float(found[0]) == pytest.approx(expected)

    def test_inverse_trace_of_a_singular_kernel(self):
        assert math.isinf(fit_random_feature_ridge(np.ones((3, 1)), np.ones(3), [0.0]).inverse_trace[0])

    def test_refusals(self):
        with pytest.raises(ValueError, match="ridges must"):
            fit_random_feature_ridge(np.ones((3, 2)), np.ones(3), [-1.0])
        with pytest.raises(ValueError, match="y must be as long as features"):
            fit_random_feature_ridge(np.ones((3, 2)), np.ones(4), [1.0])


class TestFeatures:
    def test_definitions(self):
        X, weights = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, -1.0], [0.5, 0.5]])
        np.testing.assert_allclose(random_features(X, weights, "relu"), np.array([[1.0, 0.0, 1.5]]) / math.sqrt(3))
        expected = [math.erf(1.0), math.erf(-2.0), math.erf(1.5)]
        np.testing.assert_allclose(random_features(X, weights, "erf"), np.array([expected]) / math.sqrt(3))

    def test_refusals(self):
        with pytest.raises(ValueError, match="Did you mean 'relu'"):
            random_features([[1.0]], [[1.0]], "relo")
        with pytest.raises(ValueError, match="weights must have the 2 columns"):
            random_features([[1.0, 2.0]], [[1.0]], "relu")


class TestGaussianModel:
    spectrum = KernelSpectrum([1.0, 0.3], [1.0, 0.5], [2, 30])

    def simulate(self, **changes):
        settings = {"n_samples": 20, "n_features": 15, "ridges": [0.0, 0.1], "noise_variance": 0.2, "n_trials": 3}
        return simulate_gaussian_features(self.spectrum, **{**settings, **changes}, rng=np.random.default_rng(5))

    def test_shapes_and_repeatability(self):
        first, second = self.simulate(), self.simulate()
        for field in ("test_mse", "train_mse", "gcv", "kappa"):
            assert getattr(first, field).shape == (3, 2)
            np.testing.assert_array_equal(getattr(first, field), getattr(second, field))

    def test_population_error_is_that_of_a_large_test_set(self):
        # The same draws as the simulation makes, then a test set of 200 000 points.
        rng = np.random.default_rng(5)
        scale = np.repeat(np.sqrt([1.0, 0.3]), [2, 30])
        target = np.repeat(np.sqrt([0.5, 0.5 / 30]), [2, 30])
        modes = rng.standard_normal((20, 32))
        projection = rng.standard_normal((15, 32)) * scale / math.sqrt(15)
        y = modes @ target + math.sqrt(0.2) * rng.standard_normal(20)
        fit = Ridge(alpha=0.1, fit_intercept=False).fit(modes @ projection.T, y)
        fresh = np.random.default_rng(6).standard_normal((200_000, 32))
        noisy = fresh @ target + math.sqrt(0.2) * np.random.default_rng(7).standard_normal(200_000)
        errors = (noisy - fit.predict(fresh @ projection.T)) ** 2
        found = self.simulate(n_trials=1)
        assert found.test_mse[0, 1] == pytest.approx(errors.mean(), abs=4.0 * errors.std() / math.sqrt(200_000))
        residuals = y - fit.predict(modes @ projection.T)
        assert found.train_mse[0, 1] == pytest.approx(np.mean(residuals**2))
        K = modes @ projection.T @ projection @ modes.T
        trace = np.trace(np.linalg.inv(K + 0.1 * np.eye(20)))
        assert found.kappa[0, 1] == pytest.approx(1.0 / trace)
        assert found.gcv[0, 1] == pytest.approx(np.mean(residuals**2) / (0.1 * trace / 20) ** 2)

    def test_without_ridge(self):
        found = self.simulate(n_features=40)
        np.testing.assert_allclose(found.train_mse[:, 0], 0.0, atol=1e-20)
        assert np.all(np.isnan(found.gcv[:, 0]))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"n_samples": 0}, "n_samples must"), ({"n_features": 2.5}, "n_features must"),
         ({"ridges": [-1.0]}, "ridges must"), ({"noise_variance": math.nan}, "noise_variance must"),
         ({"n_trials": 0}, "n_trials must")],
    )  # fmt: skip
    def test_refusals(self, changes, message):
        with pytest.raises(ValueError, match=message):
            self.simulate(**changes)

    def test_a_spectrum_with_tail_is_refused(self):
        with pytest.raises(ValueError, match="spectrum must have no tail"):
            simulate_gaussian_features(
                KernelSpectrum([1.0], tail_trace=1.0), 5, 5, [0.1], 0.0, 1, np.random.default_rng(0)
            )


class TestPopulation:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))

    def simulate(self, **changes):
        settings = {"n_samples": 25, "n_features": 10, "ridges": [0.1], "n_trials": 2, "activation": "relu",
                    "weight_variance": 0.5}  # fmt: skip
        return simulate_population(self.X, self.y, **{**settings, **changes}, rng=np.random.default_rng(2))

    def test_against_scikit_learn(self):
        rng = np.random.default_rng(2)
        psi = np.maximum(self.X @ (math.sqrt(0.5) * rng.standard_normal((10, 3))).T, 0.0) / math.sqrt(10)
        chosen = rng.choice(40, 25, replace=False)
        rest = np.setdiff1d(np.arange(40), chosen)
        fit = Ridge(alpha=0.1, fit_intercept=False).fit(psi[chosen], self.y[chosen])
        found = self.simulate()
        for part, values in ((rest, found.heldout_mse), (chosen, found.train_mse)):
            expected = np.mean(np.sum((self.y[part] - fit.predict(psi[part])) ** 2, axis=1))
            assert values[0, 0] == pytest.approx(expected)

    def test_replacement_changes_the_training_sets(self):
        assert not np.allclose(self.simulate().train_mse, self.simulate(replace=True).train_mse)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"n_samples": 40}, "n_samples must be below the 40"), ({"weight_variance": 0.0}, "weight_variance must"),
         ({"activation": "tanh"}, "activation must"), ({"ridges": [math.inf]}, "ridges must")],
    )  # fmt: skip
    def test_refusals(self, changes, message):
        with pytest.raises(ValueError, match=message):
            self.simulate(**changes)


class TestGaussianPopulation:
    spectrum = KernelSpectrum(np.arange(1.0, 41.0) ** -1.5, np.arange(1.0, 41.0) ** -2.0, population_size=40)

    def simulate(self, **changes):
        settings = {"n_samples": 25, "n_features": 10, "ridges": [0.0, 0.1], "n_trials": 3}
        return simulate_gaussian_population(
            **{"spectrum": self.spectrum, **settings, **changes}, rng=np.random.default_rng(3)
        )

    def test_shapes_and_repeatability(self):
        first, second = self.simulate(), self.simulate()
        assert first.heldout_mse.shape == first.train_mse.shape == (3, 2)
        np.testing.assert_array_equal(first.heldout_mse, second.heldout_mse)

    def test_kernel_and_targets_have_the_given_spectrum(self):
        # With a huge ridge nothing is learned: both parts together hold the target's whole power, in every trial.
        found = self.simulate(ridges=[1e12])
        power = (25 * found.train_mse + 15 * found.heldout_mse) / 40
        np.testing.assert_allclose(power, self.spectrum.coefficients_sq.sum(), rtol=1e-9)

    def test_more_features_than_samples_interpolate(self):
        np.testing.assert_allclose(self.simulate(n_features=60).train_mse[:, 0], 0.0, atol=1e-18)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"n_samples": 40}, "n_samples must be below the 40 points"),
            ({"n_features": 0}, "n_features must"),
            ({"ridges": [-1.0]}, "ridges must"),
            ({"n_trials": 0}, "n_trials must"),
            ({"spectrum": KernelSpectrum([1.0], tail_trace=1.0)}, "spectrum must have no tail"),
        ],
    )
    def test_refusals(self, changes, message):
        with pytest.raises(ValueError, match=message):
            self.simulate(**changes)
