"""Closed-form duals against two-dimensional quadrature, limits, and what must be refused."""

import itertools
import math
import pickle

import numpy as np
import pytest

from theorylab import arrays
from theorylab.ntk import problem
from theorylab.ntk.theory import dual_activation

ACTIVATIONS = {
    "relu": problem.relu(),
    "leaky_relu": problem.leaky_relu(0.1),
    "abs": problem.abs_(),
    "linear": problem.leaky_relu(1.0),
    "rectified_quadratic": problem.rectified_quadratic(),
    "erf": problem.erf(0.8),
    "probit": problem.probit(),
    "gelu": problem.gelu(),
    "sin": problem.sin(1.3, 0.4),
    "cos": problem.cos(0.7),
    "exp": problem.exp(0.5),
    "gaussian": problem.gaussian(0.8),
    "rbf": problem.rbf(0.6),
    "polynomial": problem.polynomial([0.3, -1.0, 0.5, 0.2]),
    "monomial": problem.monomial(5),
    "hermite": problem.hermite([0.5, 0.0, 0.5, 0.7]),
}


def by_quadrature(function, q1, q2, c):
    """E[f(u) f(v)] by Gauss-Legendre panels that end at the kinks: a naive second way."""
    nodes, weights = np.polynomial.legendre.leggauss(60)

    def integrate(g, low, high, kinks=()):
        total = 0.0
        points = sorted({low, high, *(k for k in kinks if low < k < high), *np.linspace(low, high, 9)})
        for a, b in itertools.pairwise(points):
            x = 0.5 * (b - a) * nodes + 0.5 * (a + b)
            total = total + 0.5 * (b - a) * np.sum(weights * g(x), axis=-1)
        return total

    slope, spread = c / math.sqrt(q1), math.sqrt(q2 - c**2 / q1)

    def outer(z):  # u = sqrt(q1) z, v = slope z + spread w
        values = []
        for one in z:
            kink = () if spread == 0.0 else (-slope * one / spread,)
            inner = integrate(
                lambda w, one=one: function(slope * one + spread * w) * np.exp(-0.5 * w**2), -11.0, 11.0, kink
            )
            values.append(float(function(np.array(math.sqrt(q1) * one))) * inner * math.exp(-0.5 * one**2))
        return np.array(values)

    return float(integrate(outer, -11.0, 11.0, (0.0,))) / (2.0 * math.pi)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("q1", "q2", "rho"), [(1.7, 0.6, 0.55), (1.0, 1.0, -0.8), (0.4, 2.0, 0.0)])
def test_closed_form_is_the_integral(name, q1, q2, rho):
    activation, c = ACTIVATIONS[name], rho * math.sqrt(q1 * q2)
    dual = dual_activation(activation, q1, q2, c)
    expected = [by_quadrature(f, q1, q2, c) for f in (activation.function, activation.derivative)]
    np.testing.assert_allclose([float(dual.value), float(dual.derivative)], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["step", "sign"])
def test_jumps_have_a_value_and_an_infinite_slope_at_one(name):
    activation, (q1, q2, c) = problem.activation(name), (1.7, 0.6, 0.4)
    dual = dual_activation(activation, q1, q2, c)
    assert float(dual.value) == pytest.approx(by_quadrature(activation.function, q1, q2, c), rel=1e-9)
    h = 1e-5
    slope = [float(dual_activation(activation, q1, q2, c + d).value) for d in (h, -h)]
    assert float(dual.derivative) == pytest.approx((slope[0] - slope[1]) / (2 * h), rel=1e-8)
    assert float(dual_activation(activation, 2.0, 2.0, 2.0).derivative) == math.inf


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_diagonal_is_the_one_dimensional_integral(name):
    activation, q = ACTIVATIONS[name], 1.3
    x, w = np.polynomial.hermite_e.hermegauss(200)
    dual = dual_activation(activation, q, q, q)
    for f, value in ((activation.function, dual.value), (activation.derivative, dual.derivative)):
        expected = np.sum(w * f(math.sqrt(q) * x) ** 2) / math.sqrt(2.0 * math.pi)
        rtol = 2e-2 if activation.kinks else 1e-10  # Gauss-Hermite converges slowly at a kink
        assert float(value) == pytest.approx(expected, rel=rtol)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_zero_variance_is_safe(name):
    activation = ACTIVATIONS[name]
    dual = dual_activation(activation, 0.0, 1.5, 0.0)
    x, w = np.polynomial.hermite_e.hermegauss(200)
    mean = np.sum(w * activation.function(math.sqrt(1.5) * x)) / math.sqrt(2.0 * math.pi)
    at_zero = float(activation.function(np.zeros(())))
    assert float(dual.value) == pytest.approx(at_zero * mean, rel=1e-6, abs=1e-12)
    assert np.isfinite(float(dual.derivative))


@pytest.mark.parametrize("q", [1e-4, 1.0, 1e4])
def test_the_largest_covariance_is_taken(q):
    np.testing.assert_allclose(dual_activation(problem.relu(), q, q, [q, -q]).value, [0.5 * q, 0.0], atol=1e-12 * q)


def test_float32_stays():
    q = np.ones(3, dtype=np.float32)
    assert dual_activation(problem.gelu(), q, q, 0.5 * q).value.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, 1.0, 0.0), "^q1 must be"),
        ((1.0, math.nan, 0.0), "^q2 must be"),
        ((1.0, 1.0, 1.1), "^c must be at most"),
        ((9.0, 9.0, -9.1), "^c must be at most"),
        ((0.01, 0.01, 0.011), "^c must be at most"),
    ],
)
def test_impossible_pairs_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        dual_activation(problem.relu(), *arguments)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "step", "sign"])
def test_derivatives_are_those_of_the_functions(name, backend):
    activation = ACTIVATIONS.get(name) or problem.activation(name)
    x, h = [-1.3, -0.4, 0.2, 0.9, 2.1], 1e-6
    at = [arrays.to_numpy(activation(backend.asarray([v + d for v in x]))) for d in (h, -h)]
    slope = arrays.to_numpy(activation.derivative(backend.asarray(x)))
    np.testing.assert_allclose(slope, (at[0] - at[1]) / (2 * h), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "step", "sign"])
def test_activations_survive_pickling(name):
    activation = ACTIVATIONS.get(name) or problem.activation(name)
    copy = pickle.loads(pickle.dumps(activation))
    assert (copy.name, copy.parameters, copy.kinks) == (activation.name, activation.parameters, activation.kinks)
    x = np.linspace(-2.0, 2.0, 7)
    np.testing.assert_array_equal(copy(x), activation(x))


def test_an_activation_of_ones_own_is_pickled_with_its_functions():
    copy = pickle.loads(pickle.dumps(problem.numerical(np.tanh, np.cos, kinks=[1.0])))
    assert copy.function is np.tanh
    assert copy.kinks == (1.0,)
