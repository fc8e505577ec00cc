"""Eigenvalues of dot-product kernels against closed forms, another quadrature and the definition of the features."""

import math

import numpy as np
import pytest
from scipy import special

from theorylab import numerics
from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.problem.sphere import sphere_levels


def relu(t):
    """Arc-cosine kernel on the sphere of radius sqrt(d), weights of variance 2/d."""
    return (np.sqrt(np.maximum(1.0 - t * t, 0.0)) + (math.pi - np.arccos(np.clip(t, -1.0, 1.0))) * t) / math.pi


def erf(t):
    """Arcsine kernel on the sphere of radius sqrt(d), weights of variance 1/d."""
    return 2.0 / math.pi * np.arcsin(2.0 * t / 3.0)


def gegenbauer(dim, level, t):
    """P_l with P_l(1) = 1, from SciPy's Jacobi polynomials."""
    a = (dim - 3) / 2
    return special.eval_jacobi(level, a, a, t) / special.eval_jacobi(level, a, a, 1.0)


@pytest.mark.parametrize("dim", [2, 3, 7, 30])
@pytest.mark.parametrize("rate", [0.2, 0.7])
def test_poisson_kernel(dim, rate):
    # its expansion is sum_l N_l rate^l P_l, in every dimension
    levels = sphere_levels(lambda t: (1 - rate**2) / (1 - 2 * rate * t + rate**2) ** (dim / 2), dim, 12)
    np.testing.assert_allclose(levels.eigenvalues, rate ** np.arange(12.0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dim", [3, 12, 200])
def test_exponential_kernel(dim):
    # modified Bessel functions
    half = dim / 2 - 1
    expected = [math.exp(special.gammaln(dim / 2)) * 2.0**half * special.iv(level + half, 1.0) for level in range(6)]
    multiplicities = sphere_levels(np.exp, dim, 6).multiplicities
    error = np.abs(sphere_levels(np.exp, dim, 6).eigenvalues - expected)
    assert np.all(error <= 3e-14 / np.sqrt(multiplicities))  # in terms of the size of P_l


@pytest.mark.parametrize("level", range(7))
def test_relu_levels_are_squared_coefficients_of_the_activation(level):
    # Funk and Hecke for the feature itself: w of squared length 2 on average, x of squared length d.
    dim, (t, weights) = 12, numerics.gauss_legendre(200, 0.0, 1.0)
    norm = special.beta((dim - 1) / 2, 0.5)
    coefficient = np.sum(weights * t * gegenbauer(dim, level, t) * (1 - t * t) ** ((dim - 3) / 2)) / norm
    found = sphere_levels(relu, dim, 7).eigenvalues[level]
    assert found == pytest.approx(2 * dim * coefficient**2, rel=1e-11, abs=1e-17)


@pytest.mark.parametrize("level", range(6))
def test_erf_levels_are_squared_coefficients_of_the_activation(level):
    # the same, averaged over the length of w: |w|^2 d is chi-squared with d degrees of freedom
    dim = 12
    t, weights = numerics.gauss_gegenbauer(200, dim)
    lengths, mass = numerics.gauss_legendre(200, 0.0, 12.0)
    mass = mass * lengths ** (dim - 1) * np.exp(-(lengths**2) / 2)
    coefficients = [np.sum(weights * special.erf(r * t) * gegenbauer(dim, level, t)) for r in lengths]
    expected = np.sum(mass * np.square(coefficients)) / mass.sum()
    assert sphere_levels(erf, dim, 6).eigenvalues[level] == pytest.approx(expected, rel=1e-10, abs=1e-17)


@pytest.mark.parametrize("kernel", [relu, erf])
def test_against_gegenbauer_quadrature(kernel):
    # in t the kernel of ReLU has a singularity at t = 1, so that this rule needs many nodes
    t, weights = numerics.gauss_gegenbauer(1000, 12)
    expected = [np.sum(weights * kernel(t) * gegenbauer(12, level, t)) for level in range(6)]
    np.testing.assert_allclose(sphere_levels(kernel, 12, 6).eigenvalues, expected, rtol=1e-9, atol=1e-16)


def test_levels_that_vanish_are_zero():
    assert np.all(sphere_levels(relu, 12, 10).eigenvalues[3::2] == 0.0)
    assert np.all(sphere_levels(erf, 12, 10).eigenvalues[::2] == 0.0)
    assert np.all(sphere_levels(lambda t: t**3, 784, 6).eigenvalues[[0, 2, 4, 5]] == 0.0)


@pytest.mark.parametrize(("dim", "expected"), [(2, [1, 2, 2, 2]), (3, [1, 3, 5, 7]), (4, [1, 4, 9, 16])])
def test_multiplicities(dim, expected):
    np.testing.assert_array_equal(sphere_levels(relu, dim, 4).multiplicities, expected)


def test_trace_is_the_diagonal():
    for kernel in (relu, erf):
        spectrum = KernelSpectrum.from_dot_product_kernel(kernel, 12, 9)
        assert spectrum.trace == pytest.approx(float(kernel(np.ones(1))[0]), rel=1e-14)
        assert spectrum.tail_trace > 0.0
    assert KernelSpectrum.from_dot_product_kernel(lambda t: 1.0 + t + t**2, 9, 5).tail_trace == 0.0


def test_spectrum_is_sorted_and_keeps_the_power_with_its_level():
    spectrum = KernelSpectrum.from_dot_product_kernel(erf, 12, 5, [0.0, 1.0, 0.36, 0.09])
    np.testing.assert_allclose(spectrum.eigenvalues, [0.0359684, 7.92753e-5, 0, 0, 0], rtol=1e-5)
    np.testing.assert_array_equal(spectrum.multiplicities[:2], [12, 352])
    np.testing.assert_array_equal(spectrum.coefficients_sq, [1.0, 0.09, 0.0, 0.36, 0.0])


def test_eigenvalues_of_a_sampled_kernel_matrix():
    # 1500 points of a sphere in 5 dimensions: the largest eigenvalues, up to sampling
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 5))
    X /= np.linalg.norm(X, axis=1)[:, None]
    sampled = np.linalg.eigvalsh(relu(X @ X.T))[::-1] / 1500
    levels = sphere_levels(relu, 5, 3)
    assert sampled[0] == pytest.approx(levels.eigenvalues[0], rel=0.02)
    assert sampled[1:6].mean() == pytest.approx(levels.eigenvalues[1], rel=0.02)
    assert sampled[6:20].mean() == pytest.approx(levels.eigenvalues[2], rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 1}, "dim must be a whole number >= 2; got 1"),
        ({"n_levels": 0}, "n_levels must"),
        ({"level_power": [1.0, -1.0]}, "level_power must"),
        ({"level_power": [1.0] * 5}, "level_power must have at most n_levels = 4 rows; got 5"),
        ({"kernel": lambda t: 1.0}, "kernel must return one value for each cosine"),
        ({"kernel": lambda t: np.log(0.0 * t)}, r"kernel\(t\) must be finite"),
        ({"kernel": lambda t: 2.0 - t}, "eigenvalues must be >= 0"),
        ({"kernel": lambda t: np.where(t == 1.0, 0.1, np.exp(t))}, "kernel must be positive semi-definite; got a diag"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        KernelSpectrum.from_dot_product_kernel(**{"kernel": relu, "dim": 12, "n_levels": 4, **arguments})


def test_a_kernel_with_a_jump_is_refused():
    with pytest.raises(numerics.NotConverged, match="quadrature of the kernel on the sphere"):
        sphere_levels(lambda t: 1.0 * (t > 0.3), 4, 3)
