"""The spectrum both sides share."""

import copy
import math
import pickle

import numpy as np
import pytest

from theorylab.random_features.problem import KernelSpectrum


def test_levels_are_sorted_together():
    spectrum = KernelSpectrum([0.1, 3.0, 1.0], [1.0, 2.0, 3.0], [5, 6, 7])
    np.testing.assert_array_equal(spectrum.eigenvalues, [3.0, 1.0, 0.1])
    np.testing.assert_array_equal(spectrum.coefficients_sq, [2.0, 3.0, 1.0])
    np.testing.assert_array_equal(spectrum.multiplicities, [6.0, 7.0, 5.0])
    assert spectrum.trace == pytest.approx(18.0 + 7.0 + 0.5)
    assert spectrum.n_modes == 18.0


def test_outputs_are_summed():
    spectrum = KernelSpectrum([2.0, 1.0], [[1.0, 2.0], [0.5, 0.0]])
    np.testing.assert_array_equal(spectrum.coefficients_sq, [3.0, 0.5])


def test_defaults_are_no_target_single_modes_no_tail():
    spectrum = KernelSpectrum([1.0, 0.0])
    np.testing.assert_array_equal(spectrum.coefficients_sq, [0.0, 0.0])
    np.testing.assert_array_equal(spectrum.multiplicities, [1.0, 1.0])
    assert spectrum.n_modes == 1.0
    assert math.isinf(spectrum.population_size)


def test_rounding_below_zero_is_clipped():
    assert KernelSpectrum([1.0, -1e-12]).eigenvalues[1] == 0.0


def test_a_tail_counts_in_trace_and_modes():
    spectrum = KernelSpectrum([1.0], tail_trace=0.5)
    assert spectrum.trace == 1.5
    assert math.isinf(spectrum.n_modes)
    df1, df2 = spectrum.degrees_of_freedom(0.25)
    assert df1 == pytest.approx(0.8 + 2.0)
    assert df2 == pytest.approx(0.64)


def test_degrees_of_freedom_keep_the_shape_of_gamma():
    spectrum = KernelSpectrum([1.0, 0.5], multiplicities=[2, 3])
    gamma = np.array([[0.5, 1.0], [2.0, 4.0]])
    df1, df2 = spectrum.degrees_of_freedom(gamma)
    np.testing.assert_allclose(df1, 2 / (1 + gamma) + 3 * 0.5 / (0.5 + gamma))
    np.testing.assert_allclose(df2, 2 / (1 + gamma) ** 2 + 3 * 0.25 / (0.5 + gamma) ** 2)


def test_power_law():
    spectrum = KernelSpectrum.power_law(2.0, 1.5, 4)
    np.testing.assert_allclose(spectrum.eigenvalues, [1.0, 1 / 4, 1 / 9, 1 / 16])
    np.testing.assert_allclose(spectrum.coefficients_sq, [1.0, 2**-1.5, 3**-1.5, 4**-1.5])


def test_gram_spectrum_reproduces_kernel_and_target():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((12, 5))
    K, y = features @ features.T, rng.standard_normal((12, 2))
    spectrum = KernelSpectrum.from_gram(K, y)
    assert spectrum.population_size == 12.0
    assert spectrum.trace == pytest.approx(np.trace(K) / 12)
    # Power is that of the target under the uniform measure, and the leading mode explains its share of y.
    assert spectrum.coefficients_sq.sum() == pytest.approx(np.mean(np.sum(y**2, axis=1)))
    leading = np.linalg.eigh(K)[1][:, -1]
    assert spectrum.coefficients_sq[0] == pytest.approx(np.sum((leading @ y) ** 2) / 12)


def test_a_spectrum_is_immutable_and_can_be_copied():
    spectrum = KernelSpectrum([0.5, 1.0], [1.0, 2.0])
    with pytest.raises(AttributeError, match="KernelSpectrum is immutable; got a value for eigenvalues"):
        spectrum.eigenvalues = [2.0, 1.0]
    for twin in (copy.deepcopy(spectrum), pickle.loads(pickle.dumps(spectrum))):
        np.testing.assert_array_equal(twin.coefficients_sq, [2.0, 1.0])


def test_spectrum_keeps_the_callers_data():
    eigenvalues = np.array([0.5, 1.0])
    spectrum = KernelSpectrum(eigenvalues)
    eigenvalues[:] = 7.0
    np.testing.assert_array_equal(spectrum.eigenvalues, [1.0, 0.5])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eigenvalues": [1.0, math.nan]}, "eigenvalues must"),
        ({"eigenvalues": [1.0, -0.1]}, "eigenvalues must be >= 0; got -0.1"),
        ({"eigenvalues": [0.0, 0.0]}, "eigenvalues must hold at least one positive"),
        ({"eigenvalues": [[1.0]]}, "eigenvalues must"),
        ({"eigenvalues": []}, "eigenvalues must"),
        ({"coefficients_sq": [1.0]}, "coefficients_sq must have one row for each of the 2"),
        ({"coefficients_sq": [1.0, -1.0]}, "coefficients_sq must"),
        ({"multiplicities": [1.0, 0.0]}, "multiplicities must"),
        ({"multiplicities": [1.0]}, "multiplicities must have one row"),
        ({"tail_trace": -1.0}, "tail_trace must"),
        ({"tail_power": math.nan}, "tail_power must"),
        ({"population_size": 0.0}, "population_size must"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        KernelSpectrum(**{"eigenvalues": [1.0, 0.5], **arguments})


@pytest.mark.parametrize(
    ("K", "y", "message"),
    [
        (np.ones((2, 3)), np.ones(2), "K must be square"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), np.ones(2), "K must be symmetric"),
        (np.eye(2), np.ones(3), "y must have one row for each of the 2"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2), "K must be positive semi-definite"),
        (np.eye(2), np.array([1.0, math.nan]), "y must"),
    ],
)
def test_gram_refusals(K, y, message):
    with pytest.raises(ValueError, match=message):
        KernelSpectrum.from_gram(K, y)


@pytest.mark.parametrize(
    ("arguments", "message"), [((0.0, 1.0, 3), "alpha must"), ((1.5, -1.0, 3), "beta must"), ((1.5, 1.5, 0), "n_modes")]
)
def test_power_law_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        KernelSpectrum.power_law(*arguments)
