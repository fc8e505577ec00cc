"""Exponents measured from training sets: against a naive loop, exact power laws, and what must be refused."""

import math

import numpy as np
import pytest

from theorylab.random_features.experiment import (
    ExponentEstimate,
    estimate_powerlaw_exponents,
    simulate_powerlaw_exponents,
)


class TestEstimate:
    sizes = np.array([10, 20, 40, 80, 160])

    def exact(self, n_trials=3, scatter=0.0):
        factor = 1.0 + scatter * np.random.default_rng(0).standard_normal((3, n_trials, 5))
        powers = self.sizes**-1.5, self.sizes**-0.7, np.full(5, 1.5)
        return ExponentEstimate(self.sizes, *(f * 2.0 * p for f, p in zip(factor, powers, strict=True)))

    def test_exact_power_laws(self):
        estimate = self.exact()
        assert estimate.alpha == pytest.approx(1.5, rel=1e-12)
        assert estimate.beta == pytest.approx(1.7, rel=1e-12)
        assert estimate.noise_error == pytest.approx(3.0)
        for error in (estimate.alpha_standard_error, estimate.beta_standard_error):
            assert error == pytest.approx(0.0, abs=1e-12)

    def test_standard_errors_cover_the_truth(self):
        estimate = self.exact(n_trials=50, scatter=0.2)
        assert 0.0 < abs(estimate.alpha - 1.5) < 4.0 * estimate.alpha_standard_error < 0.2
        assert 0.0 < abs(estimate.beta - 1.7) < 4.0 * estimate.beta_standard_error < 0.2
        assert estimate.noise_error_standard_error == pytest.approx(3.0 * 0.2 / math.sqrt(50), rel=0.4)
        # the slope of a line through five points with errors 0.2/sqrt(50), in closed form
        spread = np.sum((np.log(self.sizes) - np.log(self.sizes).mean()) ** 2)
        assert estimate.alpha_standard_error == pytest.approx(0.2 / math.sqrt(50 * spread), rel=0.3)

    def test_restricted(self):
        part = self.exact().restricted(20, 80)
        np.testing.assert_array_equal(part.sizes, [20, 40, 80])
        assert part.kappa.shape == part.test_mse.shape == part.noise_mse.shape == (3, 3)
        with pytest.raises(ValueError, match="smallest must leave at least three sizes"):
            part.restricted(40)


class TestPopulation:
    rng = np.random.default_rng(3)
    features = rng.standard_normal((60, 90)) * np.arange(1.0, 91.0) ** -0.75
    K, y = features @ features.T, np.stack([np.sin(features[:, 0]), features[:, 1]], axis=1)

    def estimate(self, **changes):
        settings = {"K": self.K, "y": self.y, "sizes": [10, 20, 30], "n_trials": 2}
        return estimate_powerlaw_exponents(**{**settings, **changes}, rng=np.random.default_rng(4))

    @pytest.mark.parametrize("ridge", [0.0, 0.1])
    def test_against_a_naive_loop(self, ridge):
        found, rng = self.estimate(ridge=ridge), np.random.default_rng(4)
        for trial in range(2):
            for column, n in enumerate((10, 20, 30)):
                order = rng.permutation(60)
                train, rest = order[:n], order[n:]
                inverse = np.linalg.inv(self.K[np.ix_(train, train)] + ridge * np.eye(n))
                errors, noise = [], []
                for point in rest:
                    weights = self.K[point, train] @ inverse
                    errors.append(np.sum((self.y[point] - weights @ self.y[train]) ** 2))
                    noise.append(1.0 + weights @ weights)
                assert found.kappa[trial, column] == pytest.approx(1.0 / np.trace(inverse))
                assert found.test_mse[trial, column] == pytest.approx(np.mean(errors))
                assert found.noise_mse[trial, column] == pytest.approx(np.mean(noise))

    def test_outputs_are_summed(self):
        both, first, second = (self.estimate(y=y).test_mse for y in (self.y, self.y[:, 0], self.y[:, 1]))
        np.testing.assert_allclose(both, first + second, rtol=1e-9)

    def test_pure_noise_labels_have_the_noise_error(self):
        # many columns of labels that are noise, divided by their number, stand in for the expectation
        labels = np.random.default_rng(5).standard_normal((60, 4000)) / math.sqrt(4000)
        found = self.estimate(y=labels)
        np.testing.assert_allclose(found.test_mse, found.noise_mse, rtol=0.05)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"sizes": [10, 20]}, "sizes must be at least three"),
            ({"sizes": [10, 20, 60]}, "below the 60 points"),
            ({"sizes": [10, 30, 20]}, "sizes must be at least three increasing"),
            ({"sizes": [10, 20.5, 30]}, "sizes must be at least three increasing integers"),
            ({"n_trials": 1}, "n_trials must"),
            ({"ridge": -1.0}, "ridge must"),
            ({"y": np.zeros(59)}, "y must be as long"),
            ({"K": np.zeros((60, 59))}, "K must be square"),
            ({"K": np.full((60, 60), math.nan)}, "K must be finite"),
        ],
    )
    def test_refusals(self, changes, message):
        with pytest.raises(ValueError, match=message):
            self.estimate(**changes)


class TestSimulation:
    @pytest.mark.parametrize(("alpha", "beta"), [(1.5, 1.5), (1.2, 1.4), (2.0, 3.5)])
    def test_recovery(self, alpha, beta):
        found = simulate_powerlaw_exponents(alpha, beta, [48, 64, 96, 128], 12, np.random.default_rng(1))
        # corrections of the order 1/n change a local slope by about 1/n
        assert abs(found.alpha - alpha) < 0.03 + 4.0 * found.alpha_standard_error
        assert abs(found.beta - beta) < 0.05 + 4.0 * found.beta_standard_error
        assert abs(found.noise_error - alpha) < 0.02 + 4.0 * found.noise_error_standard_error
        assert found.alpha_standard_error < 0.02

    @pytest.mark.parametrize(
        ("changes", "message"),
        [({"alpha": 1.0}, "alpha must"), ({"beta": 4.0}, "beta must"), ({"modes_per_sample": 1}, "modes_per_sample"),
         ({"sizes": [8, 8, 16]}, "sizes must"), ({"n_trials": 1}, "n_trials must")],
    )  # fmt: skip
    def test_refusals(self, changes, message):
        settings = {"alpha": 1.5, "beta": 1.5, "sizes": [8, 16, 32], "n_trials": 2, "rng": np.random.default_rng(0)}
        with pytest.raises(ValueError, match=message):
            simulate_powerlaw_exponents(**{**settings, **changes})
