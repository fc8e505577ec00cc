"""Tables beside the spectra that they were made from."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory import effective_regularization, optimal_ridge, risk_estimate, risk_path

SUMS = ("df1", "variance", "bias", "mixed")
SPECTRA = {
    "power law": KernelSpectrum.power_law(1.5, 1.5, 800),
    "infinite": KernelSpectrum.power_law(1.3, 2.5),
    "isotropic": KernelSpectrum([1.0], [1.0], [300]),
    "levels": KernelSpectrum([1.0, 1e-4, 0.0], [1.0, 0.3, 0.1], [20, 500, 30]),
    "tail": KernelSpectrum([3.0, 1.0], [1.0, 0.5], tail_trace=0.2, tail_power=0.2),
}


@pytest.fixture(params=SPECTRA)
def spectrum(request):
    return SPECTRA[request.param]


def largest_error(spectrum, table):
    gamma = np.exp(np.random.default_rng(0).uniform(np.log(table.gamma_min), np.log(table.gamma_max), 500))
    found, exact = table.spectral_sums(gamma), spectrum.spectral_sums(gamma)
    return max(np.max(np.abs(getattr(found, name) / getattr(exact, name) - 1.0)) for name in SUMS)


def test_accuracy(spectrum):
    assert largest_error(spectrum, spectrum.tabulate()) < 3e-11


def test_error_falls_as_the_sixth_power_of_the_step():
    errors = [largest_error(SPECTRA["isotropic"], SPECTRA["isotropic"].tabulate(step)) for step in (0.4, 0.2)]
    assert 30.0 < errors[0] / errors[1] < 130.0


@pytest.mark.parametrize(("n", "k"), [(50, 80), (80, 50), (60, 60), (60, math.inf), (math.inf, 60)])
@pytest.mark.parametrize("ridge", [0.0, 1e-12, 1e-3, 10.0, 1e9])
def test_predictions(spectrum, n, k, ridge):
    exact, found = (risk_estimate(source, n, k, ridge, 0.1) for source in (spectrum, spectrum.tabulate()))
    for name in ("test_mse", "train_mse", "gamma", "kappa"):
        assert float(getattr(found, name)) == pytest.approx(float(getattr(exact, name)), rel=1e-10), name


def test_effective_regularization_and_path(spectrum):
    table = spectrum.tabulate()
    exact, found = (effective_regularization(source, 15, 30, [0.1, 1.0]) for source in (spectrum, table))
    for name in ("gamma", "kappa", "df1", "df2", "sample_gap", "feature_gap"):
        np.testing.assert_allclose(getattr(found, name), getattr(exact, name), rtol=1e-9)
    paths = [risk_path(source, 15, 30, 0.1, 2.0 * exact.gamma) for source in (spectrum, table)]
    np.testing.assert_allclose(paths[1][0], paths[0][0], rtol=1e-9)
    np.testing.assert_allclose(paths[1][1].test_mse, paths[0][1].test_mse, rtol=1e-10)


def test_optimal_ridge(spectrum):
    exact, found = (optimal_ridge(source, [15, 40], 30, 0.1) for source in (spectrum, spectrum.tabulate()))
    np.testing.assert_allclose(found[0], exact[0], rtol=1e-5)
    np.testing.assert_allclose(found[1].test_mse, exact[1].test_mse, rtol=1e-10)


def test_outside_the_range_the_spectrum_is_asked():
    spectrum = SPECTRA["levels"]
    table = spectrum.tabulate(gamma_min=0.1, gamma_max=1.0)
    gamma = np.array([0.0, 1e-9, 0.05, 0.099999, 0.5, 1.0, 1.000001, 50.0, 1e12])
    found, exact = table.spectral_sums(gamma), spectrum.spectral_sums(gamma)
    for name in SUMS:
        # exactly the same outside, the spline inside
        outside = (gamma < 0.1) | (gamma > 1.0)
        np.testing.assert_array_equal(getattr(found, name)[outside], getattr(exact, name)[outside])
        np.testing.assert_allclose(getattr(found, name), getattr(exact, name), rtol=1e-11)
    assert float(found.df1[0]) == 520.0


def test_a_narrow_table_gives_the_same_predictions(spectrum):
    narrow = spectrum.tabulate(gamma_min=0.02, gamma_max=0.05)
    exact, found = (risk_estimate(source, [[3], [30], [400]], [10, 600], 0.1, 0.1) for source in (spectrum, narrow))
    np.testing.assert_allclose(found.test_mse, exact.test_mse, rtol=1e-10)


def test_without_power():
    table = KernelSpectrum([2.0, 1.0]).tabulate()
    sums = table.spectral_sums(np.array([0.5]))
    assert float(sums.bias[0]) == float(sums.mixed[0]) == 0.0
    only_unlearnable = KernelSpectrum([2.0, 0.0], [0.0, 0.7]).tabulate().spectral_sums(np.array([0.5]))
    assert float(only_unlearnable.bias[0]) == pytest.approx(0.7, rel=1e-14)
    assert float(only_unlearnable.mixed[0]) == 0.0


def test_sums_of_the_target_only_when_wanted(spectrum):
    gamma = np.array([0.3])
    for source in (spectrum, spectrum.tabulate()):
        sums = source.spectral_sums(gamma, power=False)
        assert float(sums.df1[0]) == pytest.approx(float(spectrum.spectral_sums(gamma).df1[0]), rel=1e-11)
        assert float(sums.bias[0]) == float(sums.mixed[0]) == 0.0


def test_population_of_a_gram_matrix_is_kept():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 60)) * np.arange(1, 61) ** -0.7
    spectrum = KernelSpectrum.from_gram(features @ features.T, rng.standard_normal(40))
    exact, found = (risk_estimate(source, 15, 30, [0.0, 0.1]) for source in (spectrum, spectrum.tabulate()))
    np.testing.assert_allclose(found.heldout_mse, exact.heldout_mse, rtol=1e-10)


def test_attributes(spectrum):
    table = spectrum.tabulate(0.1, 1e-3, 10.0)
    assert (table.trace, table.n_modes, table.population_size) == (
        spectrum.trace, spectrum.n_modes, spectrum.population_size,
    )  # fmt: skip
    assert table.n_nodes == math.ceil(math.log(1e4) / 0.1) + 1
    assert "94 nodes from 0.001 to 10" in repr(table)


@settings(max_examples=40)
@given(
    log_step=st.floats(-4.0, -2.0), low=st.floats(-12.0, 0.0), width=st.floats(0.1, 12.0), where=st.floats(-14.0, 14.0)
)
def test_any_table_anywhere(log_step, low, width, where):
    spectrum = SPECTRA["levels"]
    table = spectrum.tabulate(math.exp(log_step), 10.0**low, 10.0 ** (low + width))
    gamma = np.array([10.0**where, table.gamma_min, table.gamma_max])
    for name in SUMS:
        found, exact = (getattr(source.spectral_sums(gamma), name) for source in (table, spectrum))
        np.testing.assert_allclose(found, exact, rtol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step": 0.0}, "step must"),
        ({"gamma_min": -1.0}, "gamma_min must"),
        ({"gamma_min": 1.0, "gamma_max": 0.5}, "gamma_max must be a finite number > 1; got 0.5"),
        ({"gamma_max": math.inf}, "gamma_max must"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        SPECTRA["levels"].tabulate(**arguments)
