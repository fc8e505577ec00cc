"""The claims on power laws, overfitting and exponents hold for another seed, and notice a theory that is broken."""

import numpy as np
import pytest

from theorylab.claims import Conditions
from theorylab.random_features import claims, theory
from theorylab.random_features.claims import _power_law
from theorylab.random_features.claims._power_law import PowerLawProblem, PowerLawRun

SEED = 1
N_CONTROLS = {
    "powerlaw_asymptotics": 5,
    "fitting_ratio_curve": 4,
    "obligatory_overfitting": 4,
    "near_interpolation": 3,
    "powerlaw_exponents": 3,
    "digits_fitting_ratio": 4,
}


@pytest.mark.parametrize("name", N_CONTROLS)
def test_upheld(name):
    result = getattr(claims, name).run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == N_CONTROLS[name]


@pytest.fixture
def altered(monkeypatch):
    """Replace a prediction by one that is wrong by a factor."""

    def install(name, factor):
        correct = getattr(theory, name)
        monkeypatch.setattr(theory, name, lambda *arguments, **named: factor * correct(*arguments, **named))

    return install


def test_a_law_that_is_off_by_a_tenth_is_refuted(altered):
    altered("powerlaw_test_mse", 1.1)
    assert claims.powerlaw_asymptotics.run(seed=SEED).verdict == "refuted"


def test_an_effective_ridge_that_is_off_by_a_fifth_is_refuted(altered):
    altered("powerlaw_effective_ridge", 1.2)
    assert claims.powerlaw_asymptotics.run(seed=SEED).verdict == "refuted"


def test_a_curve_that_is_off_by_a_fiftieth_is_refuted(altered):
    # at small fitting ratios the margin is far smaller
    altered("relative_test_mse", 1.02)
    assert claims.fitting_ratio_curve.run(seed=SEED).verdict == "refuted"


def test_an_optimum_that_is_off_by_a_hundredth_is_refuted(altered):
    altered("optimal_fitting_ratio", 1.01)
    assert claims.obligatory_overfitting.run(seed=SEED).verdict == "refuted"


def test_a_threshold_that_is_too_high_is_refuted(altered):
    altered("noise_threshold", 3.0)
    assert claims.obligatory_overfitting.run(seed=SEED).status == "not upheld"


class TestProblem:
    problem = PowerLawProblem(alpha=1.5, beta=2.0, n_samples=1000, fitting_ratios=(0.0, 0.04, 0.25), relative_noise=2.0)

    def test_ridges_give_the_fitting_ratios(self):
        exact = self.problem.exact()
        np.testing.assert_allclose(exact.fitting_ratio, self.problem.ratios, rtol=0.01, atol=1e-12)

    def test_noise_is_relative_to_interpolation(self):
        noise_free = PowerLawProblem(alpha=1.5, beta=2.0, n_samples=1000).exact().test_mse[0]
        assert self.problem.noise_variance == pytest.approx(2.0 * noise_free, rel=2e-3)


def test_errors_of_quotients_are_those_of_paired_trials():
    # a common factor of both errors leaves no scatter in their quotient
    factor = np.random.default_rng(0).uniform(0.5, 1.5, (20, 1))
    problem = PowerLawProblem(alpha=1.5, beta=1.5, n_samples=10, fitting_ratios=(0.0, 0.1))
    test = factor * np.array([[2.0, 3.0]])
    run = PowerLawRun(problem, test, 0.1 * test, test)
    quotient, error = run.relative_test_mse
    np.testing.assert_allclose(quotient, [1.0, 1.5])
    np.testing.assert_allclose(error, 0.0, atol=1e-15)
    np.testing.assert_allclose(run.fitting_ratio, [[0.1, 0.1], [0.0, 0.0]], atol=1e-15)


def test_pure_noise_has_no_target():
    problem = PowerLawProblem(alpha=2.0, beta=2.0, n_samples=12)
    (run,) = _power_law.simulate_power_laws(Conditions(seed=0), [problem], trials_times_size=600, only_noise=True)
    # without anything to learn the error is the noise and its amplification, by about alpha
    assert run.mean("test_mse")[0] == pytest.approx(2.0, abs=0.25)
