"""Learned fractions and nested sizes against the definitions, written out with explicit inverses."""

import math

import numpy as np
import pytest

from theorylab.random_features.experiment import (
    simulate_gaussian_features,
    simulate_kernel_ridge,
    simulate_learned_fractions,
    simulate_nested,
)
from theorylab.random_features.problem import KernelSpectrum

SPECTRUM = KernelSpectrum.power_law(1.5, 1.5, 40)
SCALE = np.arange(1.0, 41.0) ** -0.75
TARGET = np.arange(1.0, 41.0) ** -0.75


class TestMeans:
    run = simulate_gaussian_features(SPECTRUM, 10, 12, [0.1, 1.0], 0.2, n_trials=7, rng=np.random.default_rng(0))

    def test_mean_and_standard_error(self):
        np.testing.assert_allclose(self.run.mean()["test_mse"], self.run.test_mse.mean(axis=0))
        expected = self.run.kappa.std(axis=0, ddof=1) / math.sqrt(7)
        np.testing.assert_allclose(self.run.standard_error()["kappa"], expected)
        assert set(self.run.mean()) == {"test_mse", "train_mse", "gcv", "kappa"}

    def test_one_trial_has_no_standard_error(self):
        one = simulate_gaussian_features(SPECTRUM, 5, 5, [0.1], 0.0, n_trials=1, rng=np.random.default_rng(0))
        with pytest.raises(ValueError, match="n_trials"):
            one.standard_error()


class TestLearnedFractions:
    @pytest.mark.parametrize(("n", "k"), [(8, 15), (15, 8)])
    def test_the_definition(self, n, k):
        found = simulate_learned_fractions(SPECTRUM, n, k, [0.05, 2.0], n_trials=1, rng=np.random.default_rng(3))
        rng = np.random.default_rng(3)
        modes = rng.standard_normal((n, 40))
        directions = rng.standard_normal((k, 40)) * SCALE / math.sqrt(k)
        features = modes @ directions.T
        for i, ridge in enumerate((0.05, 2.0)):
            solve = np.linalg.inv(features.T @ features + ridge * np.eye(k))
            expected = np.diag(directions.T @ solve @ features.T @ modes)
            np.testing.assert_allclose(found.fractions[0, i], expected, rtol=1e-9, atol=1e-12)
            inverse = np.linalg.inv(features @ features.T + ridge * np.eye(n))
            assert found.kappa[0, i] == pytest.approx(1.0 / np.trace(inverse))

    @pytest.mark.parametrize(("n", "k"), [(8, 15), (15, 8)])
    def test_what_is_learned_in_all_is_conserved(self, n, k):
        ridges = np.array([0.0, 0.1, 3.0])
        found = simulate_learned_fractions(SPECTRUM, n, k, ridges, n_trials=4, rng=np.random.default_rng(1))
        total = found.fractions.sum(axis=-1)
        np.testing.assert_allclose(total[:, 0], min(n, k))
        np.testing.assert_allclose(total[:, 1:], n - ridges[1:] / found.kappa[:, 1:])

    def test_a_tail_is_refused(self):
        with pytest.raises(ValueError, match="tail"):
            simulate_learned_fractions(
                KernelSpectrum([1.0], tail_trace=0.1), 5, 5, [0.1], n_trials=1, rng=np.random.default_rng(0)
            )


class TestNested:
    ns, ks = (6, 11), (4, 13, math.inf)

    def draws(self):
        """Modes, directions and noise of the first trial."""
        rng = np.random.default_rng(5)
        modes, directions = rng.standard_normal((11, 40)), rng.standard_normal((13, 40)) * SCALE
        return modes, directions, math.sqrt(0.3) * rng.standard_normal(11)

    def run(self, ridges, n_trials=1):
        return simulate_nested(SPECTRUM, self.ns, self.ks, ridges, 0.3, n_trials, np.random.default_rng(5))

    def test_each_size_is_a_regression_of_its_own(self):
        found = self.run([0.2, 1.5])
        modes, directions, noise = self.draws()
        for i, n in enumerate(self.ns):
            y = modes[:n] @ TARGET + noise[:n]
            for j, k in enumerate(self.ks):
                basis = np.diag(SCALE) if math.isinf(k) else directions[:k] / math.sqrt(k)
                features = modes[:n] @ basis.T
                for r, ridge in enumerate((0.2, 1.5)):
                    dual = np.linalg.solve(features @ features.T + ridge * np.eye(n), y)
                    learned = basis.T @ features.T @ dual
                    assert found.test_mse[0, i, j, r] == pytest.approx(np.sum((TARGET - learned) ** 2) + 0.3)
                    assert found.train_mse[0, i, j, r] == pytest.approx(np.mean((ridge * dual) ** 2))

    def test_a_ridge_for_each_size(self):
        ridges = np.arange(1.0, 7.0).reshape(2, 3, 1)
        one_by_one = self.run(ridges).test_mse[0, :, :, 0]
        together = self.run(ridges.ravel()).test_mse[0]
        for i in range(2):
            for j in range(3):
                assert one_by_one[i, j] == pytest.approx(together[i, j, 3 * i + j])

    def test_infinitely_many_samples_are_a_projection(self):
        rng = np.random.default_rng(2)
        found = simulate_nested(SPECTRUM, [math.inf], [4, 9], [0.0, 5.0], 0.1, 1, rng)
        rng = np.random.default_rng(2)
        rng.standard_normal((0, 40))
        directions = rng.standard_normal((9, 40)) * SCALE
        for j, k in enumerate((4, 9)):
            weights = np.linalg.lstsq(directions[:k].T, TARGET, rcond=None)[0]
            expected = np.sum((TARGET - directions[:k].T @ weights) ** 2) + 0.1
            np.testing.assert_allclose(found.test_mse[0, 0, j], expected)

    def test_infinitely_many_features_are_kernel_ridge_regression(self):
        """Two programs for the same law: means of 400 trials, 4 standard errors."""
        nested = simulate_nested(SPECTRUM, [12], [math.inf], [0.3], 0.2, 400, np.random.default_rng(0))
        kernel = simulate_kernel_ridge(SPECTRUM, 12, [0.3], 0.2, 400, np.random.default_rng(1))
        scatter = math.hypot(nested.standard_error()["test_mse"].item(), kernel.standard_error()["test_mse"].item())
        assert abs(nested.mean()["test_mse"].item() - kernel.mean()["test_mse"].item()) < 4.0 * scatter

    def test_trials_are_independent(self):
        found = self.run([0.2], n_trials=3)
        assert found.test_mse.shape == (3, 2, 3, 1)
        assert len(np.unique(found.test_mse[:, 0, 0, 0])) == 3

    def test_every_library_computes_the_same(self, backend):
        spectrum, sizes = KernelSpectrum.power_law(1.5, 1.5, 15), ([6, math.inf], [4, 9])
        named = {"ridges": [0.2], "noise_variance": 0.1, "n_trials": 1}
        here = simulate_nested(spectrum, *sizes, **named, rng=np.random.default_rng(0))
        there = simulate_nested(spectrum, *sizes, **named, rng=np.random.default_rng(0), backend=backend)
        np.testing.assert_allclose(there.test_mse, here.test_mse, rtol=1e-9)
        learned = [
            simulate_learned_fractions(spectrum, 6, 9, [0.2], 1, np.random.default_rng(0), backend=library).fractions
            for library in (None, backend)
        ]
        np.testing.assert_allclose(learned[1], learned[0], rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"n_samples": []}, "n_samples must hold"),
            ({"n_features": [0]}, r"n_features\[0\] must"),
            ({"n_samples": [math.inf], "n_features": [math.inf]}, "n_features must be finite"),
            ({"ridges": [[-1.0]]}, "ridges must"),
            ({"ridges": np.ones((3, 1, 1))}, "ridges must broadcast"),
            ({"noise_variance": -0.1}, "noise_variance must"),
            ({"n_trials": 0}, "n_trials must"),
        ],
    )
    def test_refusals(self, changes, match):
        arguments = {"n_samples": [5, 6], "n_features": [7], "ridges": [0.1], "noise_variance": 0.0, "n_trials": 1}
        with pytest.raises(ValueError, match=match):
            simulate_nested(SPECTRUM, **{**arguments, **changes}, rng=np.random.default_rng(0))
