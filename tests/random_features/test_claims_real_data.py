"""The claims on real features and real data hold for another seed, and a broken theory does not get past them."""

import functools
import math

import numpy as np
import pytest

from theorylab.random_features import claims, theory
from theorylab.random_features.claims import own_data, sphere
from theorylab.random_features.estimators import learning_curve
from theorylab.random_features.problem import KernelSpectrum

SEED = 1


@functools.cache
def run(name):
    return getattr(claims, name).run(seed=SEED)


@pytest.mark.parametrize(
    ("name", "n_controls"),
    [
        ("sphere_features", 3),
        ("universality_gap", 1),
        ("kernel_convergence", 2),
        ("population_kappa", 3),
        ("predicted_learning_curve", 3),
        ("harder_than_gaussian", 1),
    ],
)
def test_upheld(name, n_controls):
    result = run(name)
    assert result.status == "upheld", result
    assert len(result.controls) == n_controls


def test_the_hidden_degree_is_not_learned():
    result = run("sphere_features")
    erf = result.arrays["erf"]
    for rows, degree in ((~erf, 2), (erf, 1)):  # the third degree for ReLU, the second for erf
        learned = result.arrays["measured_learned"][rows, :, degree]
        error = result.arrays["standard_error_learned"][rows, :, degree]
        assert np.all(np.abs(learned) <= 3.5 * error + 0.02)
        np.testing.assert_array_equal(result.arrays["predicted_learned"][rows, :, degree], 0.0)


def test_the_spectrum_of_the_sphere_is_the_one_in_closed_form():
    # Degrees 0 and 1 of the ReLU kernel with K(1) = 1, from Gamma functions: lambda_1 d = 1/2 for every d.
    levels = sphere._levels("relu")
    assert levels.eigenvalues[1] == pytest.approx(0.5 / 12)
    assert levels.eigenvalues @ levels.multiplicities + levels.remainder == pytest.approx(1.0)
    assert levels.eigenvalues[3] == levels.eigenvalues[5] == 0.0


def test_the_tail_of_the_drawn_spectrum_hardly_matters():
    drawn = KernelSpectrum(*sphere._spectrum_to_draw_from())
    exact = sphere._spectrum(sphere._levels("erf"))
    assert drawn.trace == pytest.approx(exact.trace)
    for quantity, tolerance in (("test_mse", 0.005), ("train_mse", 0.02)):
        values = [getattr(theory.risk_estimate(s, 150, [150, 400], 1e-3, 0.05), quantity) for s in (drawn, exact)]
        np.testing.assert_allclose(*values, rtol=tolerance)


@pytest.fixture
def broken_risk(monkeypatch):
    """Put a theory with a wrong ridge in the place of the risk formula of claims and tool."""
    correct = theory.risk_estimate

    def wrong(spectrum, n_samples, n_features=math.inf, ridge=0.0, *rest, **named):
        return correct(spectrum, n_samples, n_features, 2.0 * np.asarray(ridge), *rest, **named)

    monkeypatch.setattr(theory, "risk_estimate", wrong)
    monkeypatch.setattr(learning_curve, "risk_estimate", wrong)


def test_a_theory_with_twice_the_ridge_is_refuted_on_the_sphere(broken_risk):
    assert claims.sphere_features.run(seed=SEED).verdict == "refuted"


def test_a_tool_with_twice_the_ridge_is_refuted(broken_risk, monkeypatch):
    plan = [("breast cancer, power transform", kernel, 142, k) for kernel, k in (("erf", 200), ("rbf", math.inf))]
    monkeypatch.setattr(own_data, "_plan", lambda conditions: plan)
    assert claims.predicted_learning_curve.run(seed=SEED).verdict == "refuted"


def test_a_population_of_the_wrong_size_is_refuted(monkeypatch):
    spectrum = KernelSpectrum(np.arange(1.0, 401.0) ** -1.5, population_size=440)
    monkeypatch.setattr("theorylab.random_features.claims.empirical_kernels._synthetic_spectrum", lambda: spectrum)
    assert claims.population_kappa.run(seed=SEED).verdict == "refuted"


def test_the_measurement_trains_what_the_tool_predicts():
    cell = {"data": "digits, 600", "kernel": "relu", "n_samples": 20, "n_features": 30, "ridges": (1e9,)}
    found = own_data._training_cell(**cell, n_trials=1, rng=np.random.default_rng(0), backend="numpy", device="cpu")
    # A huge ridge predicts zero, which costs the one of the one-hot label.
    np.testing.assert_allclose([found.heldout_mse[0, 0], found.train_mse[0, 0]], 1.0, rtol=1e-6)
