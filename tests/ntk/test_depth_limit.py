"""The deep limit against recursions in many digits, exact kernels, and exponents."""

import math

import mpmath
import numpy as np
import pytest

from theorylab.ntk import problem
from theorylab.ntk.problem import optimal_activation
from theorylab.ntk.theory import NTK, DepthLimit

SINGULAR = [0.0, 0.5, 0.0, 0.5]
DELTAS = [1e-12, 1e-8, 1e-4, 0.02, 0.3, 0.5, 0.9]


def in_many_digits(p, delta, depth, digits=60):
    with mpmath.workdps(digits):
        p = [mpmath.mpf(value) for value in p]
        xi = 1 - mpmath.mpf(delta)
        k = xi
        for _ in range(depth):
            slope = sum(j * c * xi ** (j - 1) for j, c in enumerate(p) if j)
            xi = sum(c * xi**j for j, c in enumerate(p))
            k = xi + k * slope
        return float(mpmath.log(xi)), float(mpmath.log(k))


@pytest.mark.parametrize("p", [SINGULAR, [0.0, 0.25, 0.5, 0.25], [0.0, 0.0, 1.0], [0.25, 0.0, 0.75], [0.6, 0.2, 0.2]])
@pytest.mark.parametrize("depth", [0, 1, 7, 60])
def test_kernels_are_the_recursion(p, depth):
    limit = DepthLimit(p)
    nngp, ntk = (limit.log_kernel(DELTAS, depth, kind=kind) for kind in ("nngp", "ntk"))
    digits = 60 if p[1] or p[0] else 400
    expected = np.array([in_many_digits(p, delta, depth, digits) for delta in DELTAS])
    np.testing.assert_allclose(nngp, expected[:, 0], rtol=1e-12, atol=4e-12)
    np.testing.assert_allclose(ntk, expected[:, 1], rtol=1e-12, atol=4e-12)


@pytest.mark.parametrize("depth", [200, 400])
def test_closed_form_of_the_limit_is_the_recursion(depth):
    limit = DepthLimit(SINGULAR)
    log_g, excess = limit.log_limit(DELTAS)
    expected = np.array([in_many_digits(SINGULAR, delta, depth, 200) for delta in DELTAS])
    np.testing.assert_allclose(depth * math.log(0.5) + log_g, expected[:, 0], atol=1e-10)
    np.testing.assert_allclose(depth * math.log(0.5) + log_g + np.log(depth + 1 + excess), expected[:, 1], atol=1e-9)


def test_koenigs_equation():
    limit = DepthLimit([0.0, 0.3, 0.5, 0.2])
    xi = np.array([0.05, 0.4, 0.9])
    here, after = (limit.log_limit(1.0 - x).log_g for x in (xi, limit.dual(xi)))
    np.testing.assert_allclose(after, here + math.log(0.3), atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 8])
def test_optimal_activation_has_the_exponent_of_the_dimension(dim):
    activation = optimal_activation(dim)
    limit = DepthLimit.of(activation)
    assert limit.alpha == pytest.approx(dim, rel=1e-12)
    x, w = np.polynomial.hermite_e.hermegauss(60)
    assert np.sum(w * activation(x) ** 2) / math.sqrt(2.0 * math.pi) == pytest.approx(1.0, rel=1e-12)


def test_a_polynomial_is_normalised():
    coefficients = [0.7, -1.1, 0.4, 0.9, -0.2]
    x, w = np.polynomial.hermite_e.hermegauss(20)
    w /= w.sum()
    values = np.polynomial.polynomial.polyval(x, coefficients)
    hermite = np.polynomial.hermite_e.hermevander(x, 4) / np.sqrt([math.factorial(k) for k in range(5)])
    expected = (w * values @ hermite) ** 2 / (w @ values**2)
    np.testing.assert_allclose(DepthLimit.of(problem.polynomial(coefficients)).p, expected, rtol=1e-12)


def test_nearest_neighbour_kernel_is_a_power_of_the_cosine():
    limit, depth = DepthLimit([0.0, 0.0, 1.0]), 12
    expected = np.log(2.0 ** (depth + 1) - 1.0) + 2.0**depth * np.log1p(-np.array(DELTAS))
    np.testing.assert_allclose(limit.log_kernel(DELTAS, depth, kind="ntk"), expected, rtol=1e-13)


def test_coinciding_and_orthogonal_points():
    limit = DepthLimit(SINGULAR)
    assert limit.log_kernel([0.0, 1.0], 9).tolist() == [0.0, -math.inf]
    diagonal = math.log((limit.slope_at_one**10 - 1.0) / (limit.slope_at_one - 1.0))
    assert limit.log_kernel([0.0], 9, kind="ntk")[0] == pytest.approx(diagonal, rel=1e-14)
    assert np.isfinite(DepthLimit([0.25, 0.0, 0.75]).log_kernel([1.0], 9, kind="ntk")[0])


def test_kernel_of_finite_depth_is_that_of_the_network():
    points = np.abs(np.random.default_rng(0).standard_normal((4, 3)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kernel = NTK(optimal_activation(2), 5, 1.0, 0.0)(math.sqrt(3.0) * points)
    deltas = 0.5 * np.sum((points[:, None] - points[None]) ** 2, axis=-1)
    np.testing.assert_allclose(np.exp(DepthLimit.of(optimal_activation(2)).log_kernel(deltas, 5, kind="ntk")), kernel)


@pytest.mark.parametrize(
    ("p", "regime"),
    [
        (SINGULAR, "singular"),
        ([0.0, 0.0, 1.0], "nearest_neighbor"),
        ([0.25, 0.0, 0.75], "majority_vote"),
        ([0.6, 0.2, 0.2], "majority_vote_ridge"),
    ],
)
def test_regimes(p, regime):
    assert DepthLimit(p).regime == regime


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: DepthLimit([0.5, 0.4]), "p must sum to 1"),
        (lambda: DepthLimit([1.5, -0.5]), "p must be finite and >= 0"),
        (lambda: DepthLimit([0.0, 1.0]), "p must be that of a non-linear"),
        (lambda: DepthLimit(SINGULAR).log_kernel([1.5], 3), "delta must"),
        (lambda: DepthLimit([1.0]), "p must be that of a non-linear"),
        (lambda: DepthLimit(SINGULAR).dual([1.2]), "xi must be"),
        (lambda: DepthLimit(SINGULAR).log_limit([0.0]), "delta must be in"),
        (lambda: DepthLimit(SINGULAR).log_limit([1.0]), "delta must be in"),
        (lambda: DepthLimit([0.5, 0.0, 0.5]).log_limit([0.5]), "p must be in the singular regime"),
        (lambda: DepthLimit([0.5, 0.0, 0.5]).alpha, "alpha must belong"),
        (lambda: DepthLimit.of(problem.relu()), "activation must be a polynomial"),
        (lambda: optimal_activation(0), "dim must be"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
