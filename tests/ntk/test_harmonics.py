"""The harmonics of a kernel and its ranks, against its eigenvalues and against matrices of monomials."""

import itertools
import math

import numpy as np
import pytest

from theorylab.ntk import problem
from theorylab.ntk.theory import NTK, KernelDegrees, gram_rank, kernel_degrees, sphere_spectrum, zonal_profile

ACTIVATIONS = {
    "relu": problem.relu(),
    "leaky": problem.leaky_relu(0.3),
    "linear": problem.leaky_relu(1.0),
    "abs": problem.abs_(),
    "erf": problem.erf(),
    "probit": problem.probit(),
    "gelu": problem.gelu(),
    "sin": problem.sin(1.2),
    "cos": problem.cos(1.2),
    "shifted sine": problem.sin(1.2, 0.4),
    "sine shifted back": problem.sin(1.2, -2.7),
    "constant sine": problem.sin(0.0, 0.4),
    "exp": problem.exp(0.8),
    "gaussian": problem.gaussian(0.5),
    "rbf": problem.rbf(0.6),
    "rectified quadratic": problem.rectified_quadratic(),
    "square": problem.monomial(2),
    "cube": problem.monomial(3),
    "polynomial": problem.polynomial([0.0, 1.0, 0.5]),
    "even polynomial": problem.polynomial([0.3, 0.0, 1.0]),
}


@pytest.mark.parametrize("b_std", [0.0, 0.7])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_degrees_are_those_with_positive_eigenvalues(name, kind, depth, b_std):
    kernel = NTK(ACTIVATIONS[name], depth, 1.3, b_std, kind=kind)
    k = np.arange(8)
    eigenvalues = sphere_spectrum(lambda angles: zonal_profile(kernel, angles), 3, k)
    degrees = kernel_degrees(ACTIVATIONS[name], depth, b_std)
    expected = np.where(k % 2 == 0, k <= degrees.even, k <= degrees.odd)
    np.testing.assert_array_equal(eigenvalues > 1e-13 * float(zonal_profile(kernel, 0.0)), expected)


@pytest.mark.parametrize("name", ["step", "sign"])
def test_degrees_of_discontinuous_activations(name):
    kernel = NTK(name, 1, 1.0, 0.0, kind="nngp")
    eigenvalues = sphere_spectrum(lambda angles: zonal_profile(kernel, angles), 3, np.arange(6))
    even = 0.0 if name == "step" else -math.inf
    assert kernel_degrees(name, 1, 0.0) == (even, math.inf)
    assert (eigenvalues > 1e-13).tolist() == [name == "step", True, False, True, False, True]


@pytest.mark.parametrize(("power", "depth"), [(2, 1), (2, 2), (2, 3), (3, 1), (3, 2)])
def test_polynomials_on_the_circle(power, depth):
    degrees = kernel_degrees(problem.monomial(power), depth, b_std=0.1)
    assert gram_rank(degrees, 2, 400, antipodal=True) == 2 * power**depth + 1


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("antipodal", [True, False])
@pytest.mark.parametrize("degrees", [(2, 1), (4, 3), (0, 3), (4, -math.inf), (-math.inf, 3), (0, 1)])
@pytest.mark.parametrize("n_points", [6, 20, 60])
def test_rank_is_that_of_the_monomials(dim, antipodal, degrees, n_points):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_points, dim))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    if antipodal:
        X[n_points // 2 :] = -X[: n_points // 2]
    columns = [
        np.prod(X[:, list(chosen)], axis=1)
        for degree in degrees
        if degree >= 0
        for chosen in itertools.combinations_with_replacement(range(dim), int(degree))
    ]
    expected = np.linalg.matrix_rank(np.stack(columns, axis=1), tol=1e-9)
    assert gram_rank(KernelDegrees(*map(float, degrees)), dim, n_points, antipodal=antipodal) == expected


def test_positive_definite_kernels():
    assert kernel_degrees("relu", 1, 0.1).positive_definite
    assert kernel_degrees("relu", 2, 0.0).positive_definite
    assert not kernel_degrees("relu", 1, 0.0).positive_definite
    assert not kernel_degrees("erf", 4, 0.0).positive_definite
    assert not kernel_degrees("abs", 4, 0.0).positive_definite
    assert not kernel_degrees(problem.monomial(4), 4, 0.5).positive_definite
    assert gram_rank(kernel_degrees("relu", 1, 0.1), 3, 7) == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kernel_degrees(problem.numerical(np.tanh, np.cos), 1, 0.0), "activation must be of a family"),
        (lambda: kernel_degrees("relu", -1, 0.0), "depth must be"),
        (lambda: kernel_degrees("relu", 1, -0.1), "b_std must be"),
        (lambda: gram_rank(KernelDegrees(2.0, 1.0), 2, 5, antipodal=True), "n_points must be even"),
        (lambda: gram_rank(KernelDegrees(2.0, 1.0), 1, 4), "dim must be"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
