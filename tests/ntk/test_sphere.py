"""Spectra on spheres against closed forms in many digits, sums that give the kernel back, and explicit points."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from theorylab.ntk.theory import NTK, multiplicity, sphere_spectrum, zonal_profile, zonal_sum
from theorylab.numerics import NotConverged


def arc_cosine(order):
    """E[(w.x)_+^order (w.y)_+^order] for a standard normal w."""
    if order == 0:
        return lambda angles: (math.pi - angles) / (2.0 * math.pi)
    return lambda angles: (np.sin(angles) + (math.pi - angles) * np.cos(angles)) / (2.0 * math.pi)


def half_space_projection(order, dim, k):
    """E[t_+^order P_k(t)] for k > order: Rodrigues' formula, by parts, and the binomial series at zero (Bach 2017)."""
    a = mpmath.mpf(dim - 3) / 2
    ratio = mpmath.mpf(-0.5) ** k * mpmath.gamma(a + 1) / mpmath.gamma(a + 1 + k)
    m = k - 1 - order
    j, odd = divmod(m, 2)
    if odd:
        return mpmath.mpf(0)
    derivative = mpmath.factorial(m) * mpmath.binomial(a + k, j) * (-1) ** j
    return (-1) ** (order + 1) * ratio * derivative / mpmath.beta(mpmath.mpf(1) / 2, a + 1)


@pytest.mark.parametrize("dim", [2, 3, 4, 7])
@pytest.mark.parametrize("order", [0, 1])
def test_arc_cosine_kernels_in_closed_form(order, dim):
    degrees = [2, 3, 4, 5, 20, 51, 100, 301, 400]
    with mpmath.workdps(40):
        gain = dim if order else 1  # E|w|^2
        expected = [float(gain * half_space_projection(order, dim, k) ** 2) for k in degrees]
    measured = sphere_spectrum(arc_cosine(order), dim, degrees)
    np.testing.assert_allclose(measured, expected, rtol=1e-12, atol=2e-16)


@pytest.mark.parametrize(("dim", "order"), [(2, 1), (3, 0), (3, 1), (6, 0)])
def test_what_parity_forbids_is_exactly_zero(dim, order):
    kernel = arc_cosine(order)
    # the part of the other parity, the constant or linear one apart, is zero
    degrees = np.arange(2 + order, 40, 2) if order == 0 else np.arange(3, 40, 2)
    assert np.max(np.abs(sphere_spectrum(kernel, dim, degrees))) < 1e-16


def test_exponential_kernel_has_bessel_functions():
    k = np.arange(12)
    np.testing.assert_allclose(sphere_spectrum(lambda a: np.exp(np.cos(a)), 2, k), special.iv(k, 1.0), atol=3e-16)
    on_sphere = math.sqrt(math.pi / 2.0) * special.iv(k + 0.5, 1.0)
    np.testing.assert_allclose(sphere_spectrum(lambda a: np.exp(np.cos(a)), 3, k), on_sphere, atol=3e-16)


@pytest.mark.parametrize("dim", [2, 3, 5, 8])
def test_sum_over_harmonics_gives_the_kernel_back(dim):
    angles = np.linspace(0.0, math.pi, 13)
    kernel = lambda a: np.exp(0.7 * np.cos(a)) / (3.0 - np.cos(a))  # noqa: E731
    eigenvalues = sphere_spectrum(kernel, dim, np.arange(26))
    np.testing.assert_allclose(zonal_sum(eigenvalues, angles, dim), kernel(angles), rtol=1e-11)


@pytest.mark.parametrize("dim", [3, 4, 9])
@pytest.mark.parametrize("k", [1, 4, 17])
def test_one_harmonic_has_one_eigenvalue(dim, k):
    def polynomial(angles):
        alpha = 0.5 * (dim - 2)
        return special.eval_gegenbauer(k, alpha, np.cos(angles)) / special.eval_gegenbauer(k, alpha, 1.0)

    expected = np.where(np.arange(20) == k, 1.0 / multiplicity(dim, k), 0.0)
    np.testing.assert_allclose(sphere_spectrum(polynomial, dim, np.arange(20)), expected, atol=1e-15)


@given(dim=st.integers(2, 12), k=st.integers(0, 60))
def test_multiplicity_is_a_difference_of_numbers_of_monomials(dim, k):
    expected = math.comb(k + dim - 1, dim - 1) - (math.comb(k + dim - 3, dim - 1) if k > 1 else 0)
    assert float(multiplicity(dim, k)) == expected


def test_multiplicity_in_many_dimensions():
    assert float(multiplicity(784, 3)) == math.comb(786, 783) - 784


@pytest.mark.parametrize("depth", [1, 3, 100])
def test_trace_of_a_deep_network(depth):
    kernel = NTK("relu", depth, math.sqrt(2.0), 0.2)
    eigenvalues = sphere_spectrum(lambda a: zonal_profile(kernel, a), 3, np.arange(2000))
    shares = eigenvalues * multiplicity(3, np.arange(2000))
    # the shares fall as k^-2: what is missing is that of the last degree times its degree
    total = float(np.sum(shares)) + 1999.5 * float(shares[-1])
    assert total == pytest.approx(float(zonal_profile(kernel, 0.0)), rel=1e-3)


@pytest.mark.parametrize("dim", [2, 3, 7])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_profile_is_the_kernel_of_points(dim, kind):
    kernel, mean_square = NTK("gelu", 2, 1.3, 0.4, kind=kind), 0.6
    X = np.random.default_rng(dim).standard_normal((6, dim))
    X *= math.sqrt(dim * mean_square) / np.linalg.norm(X, axis=1, keepdims=True)
    angles = np.arccos(np.clip(X @ X.T / (dim * mean_square), -1.0, 1.0))
    np.testing.assert_allclose(zonal_profile(kernel, angles, mean_square=mean_square), kernel(X), rtol=1e-7)


def test_profile_keeps_its_accuracy_near_coinciding_and_opposite_points():
    kernel = NTK("relu", 1, 1.0, 0.0)
    gap = 1e-9
    with mpmath.workdps(40):
        for angle in (gap, math.pi - gap):
            theta = mpmath.mpf(angle)
            part = (mpmath.sin(theta) + 2 * (mpmath.pi - theta) * mpmath.cos(theta)) / (2 * mpmath.pi)
            assert float(zonal_profile(kernel, angle)) == pytest.approx(float(part), rel=1e-15 if angle < 1 else 1e-6)


def test_shape_of_the_degrees_is_kept():
    degrees = np.array([[0, 3], [1, 0]])
    values = sphere_spectrum(lambda a: np.cos(a), 3, degrees)
    np.testing.assert_allclose(values, [[0.0, 0.0], [1.0 / 3.0, 0.0]], atol=1e-16)
    assert sphere_spectrum(np.cos, 3, 1).shape == ()


@pytest.mark.parametrize("at", [0.4, 0.7, 1.0, 1.3, 2.5])
@pytest.mark.parametrize("height", [1.0, -1.0])
def test_a_jump_does_not_converge(at, height):
    with pytest.raises(NotConverged) as caught:
        sphere_spectrum(lambda a: np.where(a < at, height, 0.0), 3, [0])
    assert caught.value.estimate[0] == pytest.approx(0.5 * height * (1.0 - math.cos(at)), rel=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sphere_spectrum(np.cos, 1, [0]), "dim must be a whole number >= 2"),
        (lambda: sphere_spectrum(np.cos, 3, [0.5]), "degrees must be whole"),
        (lambda: sphere_spectrum(np.cos, 3, [-1]), "degrees must be finite and >= 0"),
        (lambda: sphere_spectrum(lambda a: 1.0, 3, [0]), "kernel must return one value"),
        (lambda: sphere_spectrum(lambda a: a * math.nan, 3, [0]), "kernel.angles. must be finite"),
        (lambda: multiplicity(3, [1.5]), "degrees must be whole"),
        (lambda: multiplicity(1, [1]), "dim must be"),
        (lambda: zonal_sum([1.0], [0.4], 1), "dim must be"),
        (lambda: zonal_sum([1.0], [4.0], 3), "angles must be"),
        (lambda: zonal_profile(NTK("relu", 1), [-0.1]), "angles must be"),
        (lambda: zonal_profile(NTK("relu", 1), [0.1], mean_square=0.0), "mean_square must be"),
        (
            lambda: zonal_profile(NTK("relu", 1, parameterization="standard", width=8), [0.1]),
            "kernel must be in the NTK",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
