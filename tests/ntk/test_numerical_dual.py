"""The numerical dual against closed forms, and against a rule of another kind where there is none."""

import math

import array_api_strict
import numpy as np
import pytest
from scipy.special import ndtr, owens_t

from tests.ntk.test_dual import by_quadrature
from theorylab.ntk import problem
from theorylab.ntk.experiment import pair_means
from theorylab.ntk.theory import NTK, dual_activation, numerical_dual
from theorylab.numerics import NotConverged

RNG = np.random.default_rng(0)
TANH = problem.numerical(np.tanh, lambda x: 1.0 / np.cosh(x) ** 2)
HARD_TANH = problem.numerical(
    lambda x: np.clip(x, -1.0, 1.0), lambda x: np.where(np.abs(x) < 1.0, 1.0, 0.0), kinks=(-1.0, 1.0)
)
KNOWN = [problem.relu(), problem.leaky_relu(0.2), problem.erf(), problem.gelu(), problem.polynomial([0.1, 1.0, 0.4])]


def as_numerical(activation):
    return problem.numerical(activation.function, activation.derivative, activation.kinks)


@pytest.mark.parametrize("activation", KNOWN, ids=lambda a: a.name)
@pytest.mark.parametrize("q2", [1.3, [0.2, 0.9, 2.0, 1.3]], ids=["equal variances", "unequal variances"])
def test_known_duals_are_found(activation, q2):
    rho = np.array([[-1.0], [-0.97], [-0.2], [0.0], [0.6], [0.95], [1.0 - 1e-9], [1.0]])
    q1, q2 = 1.3, np.broadcast_to(q2, (4,))[None, :]
    c = rho * np.sqrt(q1 * q2)
    expected, got = (dual_activation(a, q1, q2, c) for a in (activation, as_numerical(activation)))
    for name in ("value", "derivative"):
        scale = np.max(np.abs(getattr(expected, name)))
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), atol=2e-8 * scale, rtol=0.0)


@pytest.mark.parametrize("activation", [TANH, HARD_TANH], ids=["tanh", "hard tanh"])
@pytest.mark.parametrize(("q1", "q2"), [(2.0, 2.0), (1.7, 0.6)])
@pytest.mark.parametrize("rho", [-0.9, 0.3])
def test_unknown_duals_are_the_integral(activation, q1, q2, rho):
    c = rho * math.sqrt(q1 * q2)
    samples = RNG.standard_normal((2, 1_000_000))
    u = math.sqrt(q1) * samples[0]
    v = math.sqrt(q2) * (rho * samples[0] + math.sqrt(1 - rho**2) * samples[1])
    for function, value in zip(
        (activation.function, activation.derivative), dual_activation(activation, q1, q2, c), strict=True
    ):
        products = function(u) * function(v)
        assert abs(float(value) - products.mean()) < 5.0 * products.std() / 1e3
    if activation is TANH:
        assert float(dual_activation(activation, q1, q2, c).value) == pytest.approx(
            by_quadrature(np.tanh, q1, q2, c), rel=1e-9
        )


@pytest.mark.parametrize("normalised", [True, False])
def test_kernels_of_networks(normalised):
    X = RNG.standard_normal((9, 3))
    if normalised:
        X /= np.linalg.norm(X, axis=1, keepdims=True)
    exact = NTK("erf", 3, 1.5, 0.3)(X)
    kernel = NTK(as_numerical(problem.erf()), 3, 1.5, 0.3)
    np.testing.assert_allclose(kernel(X), exact, rtol=1e-8)
    np.testing.assert_allclose(np.asarray(kernel(array_api_strict.asarray(X))), exact, rtol=1e-8)
    np.testing.assert_allclose(kernel.diag(X), np.diag(exact), rtol=1e-10)


def test_gauss_hermite_would_miss_the_kink():
    x, w = np.polynomial.hermite_e.hermegauss(64)
    w = w / np.sum(w)
    rho, relu = 0.3, problem.relu()
    u, v = x[:, None], rho * x[:, None] + math.sqrt(1.0 - rho**2) * x[None, :]
    tensor = np.sum(w[:, None] * w[None, :] * relu(u) * relu(v))
    exact = float(dual_activation(relu, 1.0, 1.0, rho).value)
    assert abs(tensor - exact) > 1e-5
    assert float(dual_activation(as_numerical(relu), 1.0, 1.0, rho).value) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("activation", [TANH, HARD_TANH, problem.exp(0.6)], ids=["tanh", "hard tanh", "exp"])
@pytest.mark.parametrize(("s1", "s2"), [(1.25, 1.25), (0.25, 1.5), (1.5, 1.75)])
def test_duals_are_the_integral_from_one_end_to_the_other(activation, s1, s2):
    rho = np.array([-1.0, -0.875, 0.0, 0.5, 0.9375, 0.9990234375, 1.0])  # exact in binary, as are the variances
    arguments = s1**2, s2**2, s1 * s2 * rho
    exact = pair_means(activation, *arguments)
    for got, expected in zip(dual_activation(as_numerical(activation), *arguments), exact, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0.0, atol=1e-9 * np.max(np.abs(expected)))


@pytest.mark.parametrize("activation", [TANH, HARD_TANH, problem.relu()], ids=["tanh", "hard tanh", "relu"])
def test_mean_squares(activation):
    q = np.array([[0.25, 1.0], [2.25, 4.0]])
    got = dual_activation(as_numerical(activation), q, q, q), numerical_dual.numerical_dual(activation, q, q, q)
    for one in got:
        for name, exact in pair_means(activation, q, q, q)._asdict().items():
            np.testing.assert_allclose(getattr(one, name), exact, rtol=1e-9)


def test_the_error_of_a_series_falls_with_its_degree():
    theta = np.linspace(0.0, math.pi, 9)
    exact = pair_means(HARD_TANH, 1.0, 1.0, np.cos(theta))
    errors = []
    for degree in (8, 16, 32):
        series = numerical_dual.angle_series(HARD_TANH, 1.0, degree)
        assert series.shape == (degree + 1, 2)
        values = np.polynomial.chebyshev.chebval(2.0 * theta / math.pi - 1.0, series)
        errors.append(max(np.max(np.abs(a - b)) for a, b in zip(values, exact, strict=True)))
    assert errors[0] > 1e-5
    assert errors[1] < 0.1 * errors[0]
    assert errors[2] < 1e-6


def test_a_series_of_variance_zero_is_constant():
    np.testing.assert_allclose(numerical_dual.angle_series(problem.cos(), 0.0, 4)[:, 0], [1, 0, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize(("scale", "degree", "message"), [(-1.0, 4, "scale must"), (1.0, 0, "degree must")])
def test_bad_series_are_refused(scale, degree, message):
    with pytest.raises(ValueError, match=message):
        numerical_dual.angle_series(TANH, scale, degree)


@pytest.mark.parametrize("q2", [1.0, 1.7], ids=["equal variances", "unequal variances"])
def test_an_undeclared_kink_is_noticed(q2):
    shifted = problem.numerical(lambda x: np.maximum(x - 0.4, 0.0), lambda x: np.where(x > 0.4, 1.0, 0.0))
    with pytest.raises(NotConverged, match="declare every kink"):
        dual_activation(shifted, 1.0, q2, 0.3)
    with pytest.raises(NotConverged, match="declare every kink"):
        NTK(shifted, 1).diag(np.eye(2))


@pytest.mark.parametrize("rho", [-0.9, -0.2, 0.5, 0.97])
@pytest.mark.parametrize(("q1", "q2"), [(1.0, 1.0), (1.0, 0.49)])
def test_several_kinks_without_symmetry(q1, q2, rho):
    kinks = (0.3, 1.1)
    hinges = problem.numerical(
        lambda x: sum(np.maximum(x - kink, 0.0) for kink in kinks),
        lambda x: sum(np.where(x > kink, 1.0, 0.0) for kink in kinks),
        kinks,
    )

    def both_above(a, b):  # of two standard normals, by Owen's function
        root = math.sqrt(1.0 - rho**2)
        tails = 0.5 * (ndtr(-a) + ndtr(-b))
        return tails - owens_t(a, (b - rho * a) / (a * root)) - owens_t(b, (a - rho * b) / (b * root))

    expected = sum(both_above(a / math.sqrt(q1), b / math.sqrt(q2)) for a in kinks for b in kinks)
    derivative = dual_activation(hinges, q1, np.array([q2]), np.array([rho * math.sqrt(q1 * q2)])).derivative
    assert float(derivative[0]) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("factor", [1e-7, 1e7])
def test_the_size_of_an_activation_does_not_matter(factor):
    scaled = problem.numerical(
        lambda x: factor * HARD_TANH.function(x), lambda x: factor * HARD_TANH.derivative(x), HARD_TANH.kinks
    )
    for q2 in (1.0, 1.7):
        large, unit = (dual_activation(activation, 1.0, q2, 0.3) for activation in (scaled, HARD_TANH))
        np.testing.assert_allclose(np.array(large) / factor**2, unit, rtol=1e-9)


def test_zero_variance():
    value, derivative = dual_activation(TANH, 0.0, np.array([0.0, 1.0]), np.zeros(2))
    np.testing.assert_allclose(value, 0.0, atol=1e-12)
    assert np.all(np.isfinite(derivative))


@pytest.mark.parametrize("kink", [0.4, 0.5])  # the two grids differ by either sign
def test_two_grids_of_a_mean_square_differ_at_an_undeclared_kink(kink):
    hinge = problem.numerical(lambda x: np.maximum(x - kink, 0.0), lambda x: np.where(x > kink, 1.0, 0.0))
    declared = problem.numerical(hinge.function, hinge.derivative, kinks=(kink,))
    scales = np.array([1e-3, 1.0, 1.3])  # the smallest does not see the kink
    expected = pair_means(declared, scales**2, scales**2, scales**2).value
    np.testing.assert_allclose(numerical_dual._mean_squares(declared, scales, declared.function), expected, rtol=1e-12)
    with pytest.raises(NotConverged, match="declare every kink"):
        numerical_dual._mean_squares(hinge, scales, hinge.function)
