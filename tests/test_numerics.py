"""Roots, minima, fixed points and quadrature, against exact values and with the evaluations counted."""

import math
import pickle
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import elementwise

from theorylab import arrays, numerics
from theorylab.numerics import NotConverged, find_root

EPS = np.finfo(np.float64).eps


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


def both(function, derivative):
    return lambda x, *args: (function(x, *args), derivative(x, *args))


# find_root: smooth problems as (function, derivative, lower, upper, root)

SMOOTH = {
    "square root": (lambda x: x * x - 2.0, lambda x: 2.0 * x, 0.0, 3.0, math.sqrt(2.0)),
    "falling": (lambda x: np.cos(x) - x, lambda x: -np.sin(x) - 1.0, 0.0, 1.0, 0.7390851332151607),
    "logarithm": (lambda x: np.log(x) - 1.0, lambda x: 1.0 / x, 0.5, 20.0, math.e),
    "sigmoid": (lambda x: np.tanh(x) - 0.5, lambda x: 1.0 / np.cosh(x) ** 2, -1.0, 2.0, math.atanh(0.5)),
    "zero": (np.sinh, np.cosh, -1.0, 1.7, 0.0),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("mode", ["pair", "separate", "none"])
def test_smooth_root_within_twelve_evaluations(name, mode):
    function, derivative, lower, upper, root = SMOOTH[name]
    counted = Counted(both(function, derivative) if mode == "pair" else function)
    given_derivative = {"pair": True, "separate": derivative, "none": None}[mode]
    result = find_root(counted, lower, upper, derivative=given_derivative)
    assert float(result.root) == pytest.approx(root, rel=1e-14, abs=2e-14)
    assert counted.calls == result.n_iterations + 2
    assert counted.calls <= 12
    assert float(result.bracket[0]) - EPS <= root <= float(result.bracket[1]) + EPS


# Problems that a bare Newton iteration loses, each with the most iterations that it may take with a derivative or
# without; bisection takes about 50, or 80 where the root is far smaller than the bracket.

HARD = {
    "triple root": (lambda x: (x - 1.0) ** 3, lambda x: 3.0 * (x - 1.0) ** 2, -1.0, 2.5, 1.0, 75),
    "vertical": (lambda x: np.cbrt(x - 0.3), lambda x: np.cbrt(x - 0.3) ** -2.0 / 3.0, -1.0, 2.0, 0.3, 50),
    "infinite slope at an end": (lambda x: np.sqrt(x) - 2.0, lambda x: 0.5 / np.sqrt(x), 0.0, 10.0, 4.0, 8),
    "pole": (lambda x: 1.0 - 1e-3 / x, lambda x: 1e-3 / x**2, 1e-9, 10.0, 1e-3, 22),
    "overflow": (lambda x: np.exp(x) - 2.0, np.exp, -1.0, 700.0, math.log(2.0), 22),
    "twenty decades": (np.log, lambda x: 1.0 / x, 1e-10, 1e10, 1.0, 42),
    "small in a wide bracket": (lambda x: x * x - 1e-10, lambda x: 2.0 * x, 0.0, 1e10, 1e-5, 60),
    "steep": (lambda x: np.tanh(1e6 * (x - 0.3)), lambda x: 1e6 / np.cosh(1e6 * (x - 0.3)) ** 2, -1.0, 2.0, 0.3, 28),
    "step": (lambda x: np.where(x < 0.3, -1.0, 1.0), lambda x: 0.0 * x, -1.0, 2.0, 0.3, 50),
    "wrong sign of the derivative": (lambda x: x * x - 2.0, lambda x: -2.0 * x, 0.0, 3.0, math.sqrt(2.0), 50),
    "derivative too small": (lambda x: x * x - 2.0, lambda x: 0.2 * x, 0.0, 3.0, math.sqrt(2.0), 46),
    "infinite at an end": (lambda x: np.log(x) + 1.0, lambda x: 1.0 / x, 0.0, 1.0, math.exp(-1.0), 9),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("with_derivative", [True, False])
def test_hard_root_within_its_limit(name, with_derivative):
    function, derivative, lower, upper, root, limit = HARD[name]
    with np.errstate(all="ignore"):  # of the function at the ends, not of the solver
        result = find_root(function, lower, upper, derivative=derivative if with_derivative else None)
    assert float(result.root) == pytest.approx(root, rel=3e-14, abs=0.0)
    assert result.n_iterations <= limit


@pytest.mark.parametrize("name", [*SMOOTH, *HARD])
def test_steps_without_derivative_are_scipys(name):
    function, _, lower, upper = (SMOOTH | HARD)[name][:4]
    with np.errstate(all="ignore"):
        reference = elementwise.find_root(function, (lower, upper), tolerances={"xrtol": 1e-14, "xatol": 0.0})
        result = find_root(function, lower, upper)
    assert result.n_iterations <= reference.nit
    np.testing.assert_allclose(result.root, reference.x, rtol=3e-14, atol=1e-20)


@pytest.mark.parametrize("name", [*SMOOTH, *HARD])
@pytest.mark.parametrize("with_derivative", [True, False])
def test_mirrored_problem_takes_the_mirrored_steps(name, with_derivative):
    function, derivative, lower, upper = (SMOOTH | HARD)[name][:4]
    with np.errstate(all="ignore"):
        result = find_root(function, lower, upper, derivative=derivative if with_derivative else None)
        mirrored = find_root(
            lambda x: function(-x), -upper, -lower, derivative=(lambda x: -derivative(-x)) if with_derivative else None
        )
    assert float(mirrored.root) == pytest.approx(-float(result.root), rel=3e-14, abs=1e-20)
    assert abs(mirrored.n_iterations - result.n_iterations) <= 2


@pytest.mark.parametrize("noise", [1e-15, 1e-12, 1e-9])
@pytest.mark.parametrize("derivative", [lambda x: 1.0 + 0.0 * x, None])
def test_noise_beside_the_root_costs_few_iterations(noise, derivative):
    def rough(x):
        return x - 1e-3 + noise * np.sin(1e18 * x)

    result = find_root(rough, -1.0, 2.0, derivative=derivative)
    assert abs(float(result.root) - 1e-3) <= noise * 1.01 + 1e-14
    assert result.n_iterations <= 36  # bisection takes 48


def test_a_newton_step_within_tolerance_ends_it():
    root = math.sqrt(2.0)
    for start in (root, np.nextafter(root, 0.0), np.nextafter(root, 2.0)):
        result = find_root(lambda x: x * x - 2.0, 0.0, 2.0, derivative=lambda x: 2.0 * x, start=start)
        assert result.n_iterations == 1
        assert abs(float(result.root) - root) <= 2.0 * EPS


def test_start_saves_iterations_and_is_moved_into_the_bracket():
    problem = both(lambda x: np.exp(x) - 2.0, np.exp)
    cold = find_root(problem, -1.0, 50.0, derivative=True)
    warm = find_root(problem, -1.0, 50.0, derivative=True, start=0.7)
    assert warm.n_iterations < cold.n_iterations
    seen = []
    find_root(lambda x: seen.append(x.tolist()) or x - 0.7, [-1.0, -3.0], 5.0, start=[0.5, 1.0])
    assert seen[:3] == [[-1.0, -3.0], [5.0, 5.0], [0.5, 1.0]]
    seen.clear()
    find_root(lambda x: seen.append(float(x)) or x - 0.7, -1.0, 5.0)
    assert seen[:3] == [-1.0, 5.0, 2.0]
    seen.clear()
    outside = find_root(lambda x: seen.append(float(x)) or x - 0.5, 0.0, 1.0, start=7.0)
    assert float(outside.root) == 0.5
    assert max(seen) == 1.0


@given(
    root=st.floats(-5.0, 5.0),
    slope=st.floats(0.01, 100.0),
    cubic=st.floats(0.0, 10.0),
    below=st.floats(0.1, 100.0),
    above=st.floats(0.1, 100.0),
    with_derivative=st.booleans(),
    sign=st.sampled_from([-1.0, 1.0]),
)
def test_monotone_cubics(root, slope, cubic, below, above, with_derivative, sign):
    def function(x):
        return sign * (slope * (x - root) + cubic * (x - root) ** 3)

    def derivative(x):
        return sign * (slope + 3.0 * cubic * (x - root) ** 2)

    lower, upper = root - below, root + above
    result = find_root(function, lower, upper, derivative=derivative if with_derivative else None)
    assert abs(float(result.root) - root) <= 2e-14 * max(abs(root), min(abs(lower), abs(upper)))
    assert result.n_iterations <= 60


def test_every_library_every_shape(backend):
    xp = backend.xp
    values = backend.asarray([[0.25, 2.0, 9.0], [100.0, 1e-6, 3.0]])
    for derivative in (lambda x, a: 2.0 * x + 0.0 * a, None):
        result = find_root(lambda x, a: x * x - a, 0.0, 101.0, derivative=derivative, args=(values,))
        for array in (result.root, result.residual, *result.bracket):
            assert arrays.namespace(array) is arrays.namespace(values)
            assert arrays.device(array) == arrays.device(values)
            assert array.dtype == xp.float64
            assert array.shape == (2, 3)
        np.testing.assert_allclose(backend.to_numpy(result.root), np.sqrt(backend.to_numpy(values)), rtol=2e-14)
    scalar = find_root(lambda x: x * x - 2.0, backend.asarray(0.0), 2.0)
    assert arrays.namespace(scalar.root) is arrays.namespace(values)
    assert scalar.root.shape == ()
    empty = find_root(lambda x: x, xp.zeros((0, 2), dtype=xp.float64), 1.0)
    assert (empty.root.shape, empty.n_iterations) == ((0, 2), 0)


def test_entries_do_not_disturb_each_other():
    powers = np.arange(1.0, 30.0)

    def problem(x, p):
        return x**p - 0.5, p * x ** (p - 1.0)

    together = find_root(problem, 0.0, 1.0, derivative=True, args=(powers,))
    for power, root in zip(powers, together.root, strict=True):
        assert find_root(problem, 0.0, 1.0, derivative=True, args=(power,)).root == root
        assert root == pytest.approx(0.5 ** (1.0 / power), rel=2e-14, abs=0.0)


def test_entries_that_have_converged_are_kept():
    # the first entry is found at once; later calls must not move it
    result = find_root(lambda x, a: (x - a) ** 3, 0.0, 1.0, args=([0.5, 0.3],))
    assert float(result.root[0]) == 0.5
    assert float(result.residual[0]) == 0.0
    assert result.n_iterations > 5


def test_bounds_broadcast_and_stay_untouched():
    lower, upper = np.zeros((2, 1)), np.full(3, 4.0)
    lower.setflags(write=False)
    upper.setflags(write=False)
    assert find_root(lambda x: x - 1.0, lower, upper).root.shape == (2, 3)
    assert (lower == 0.0).all()
    assert (upper == 4.0).all()


@pytest.mark.parametrize("derivative", [lambda x: 1.0 + 0.0 * x, None])
def test_root_at_an_end(derivative):
    for root in (0.0, 1.0):
        result = find_root(lambda x, root=root: x - root, 0.0, 1.0, derivative=derivative)
        assert float(result.root) == root
        assert result.n_iterations == 0
    assert float(find_root(lambda x: x - 2.0, 2.0, 2.0).root) == 2.0


@pytest.mark.parametrize("derivative", [lambda x: 3.0 * x * x, None])
def test_not_converged_carries_the_estimate(derivative):
    with pytest.raises(NotConverged, match="find_root did not converge in 4 iterations: estimate ") as caught:
        find_root(lambda x: x**3 - 2.0, [0.0, 0.0], 50.0, derivative=derivative, max_iterations=4)
    error = caught.value
    assert error.n_iterations == 4
    assert error.estimate.shape == error.residual.shape == (2,)
    np.testing.assert_allclose(error.estimate**3 - 2.0, error.residual)
    assert "worst of 2 entries" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.n_iterations) == (str(error), 4)
    np.testing.assert_array_equal(again.estimate, error.estimate)


def test_no_sign_change_is_refused_with_the_values():
    with pytest.raises(
        ValueError, match=r"change sign between lower and upper; got f\(1\) = 3 and f\(2\) = 6 \(first of 1 of 2"
    ):
        find_root(lambda x, a: x * x + a, 1.0, 2.0, args=([-2.0, 2.0],))


def test_nan_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"function must return a number everywhere .*; got nan at 0\.5\."):
        find_root(lambda x: np.where(x == 0.5, np.nan, x - 0.7), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"function must change sign .*got f\(0\) = nan"):
        find_root(lambda x: np.where(x == 0.0, np.nan, x - 0.7), 0.0, 1.0)


@pytest.mark.parametrize(
    ("message", "arguments", "keywords"),
    [
        ("^lower must be ", (math.nan, 1.0), {}),
        ("^upper must be ", (0.0, math.inf), {}),
        ("^upper must be >= lower", (2.0, 1.0), {}),
        ("^shapes must broadcast; got lower .2,., upper .3,.", ([0.0, 0.0], [1.0, 1.0, 1.0]), {}),
        ("^start must be ", (0.0, 1.0), {"start": math.nan}),
        (r"^args\[0\] must be ", (0.0, 1.0), {"args": (math.nan,)}),
        ("^xtol must be ", (0.0, 1.0), {"xtol": 0.0}),
        ("^max_iterations must be ", (0.0, 1.0), {"max_iterations": 0}),
    ],
)
def test_bad_arguments_are_refused(message, arguments, keywords):
    with pytest.raises(ValueError, match=message):
        find_root(lambda x, *args: x - 0.5, *arguments, **keywords)


def test_function_of_the_wrong_shape_is_refused():
    with pytest.raises(
        ValueError, match=r"function must return one value for each entry, shape \(2,\); got shape \(\)"
    ):
        find_root(lambda x: x.sum(), [0.0, 0.0], 1.0)


# minimize_unimodal


def test_minimum_in_every_library(backend):
    centres = backend.asarray([[0.3, -0.9], [1.999, 0.0]])
    counted = Counted(lambda x, c: (x - c) ** 4 + 1.0)
    found = numerics.minimize_unimodal(counted, -1.0, 2.0, args=(centres,))
    assert arrays.namespace(found) is arrays.namespace(centres)
    assert found.dtype == backend.xp.float64
    # (x - c)^4 below the rounding of 1: |x - c| < eps^(1/4)
    np.testing.assert_allclose(backend.to_numpy(found), backend.to_numpy(centres), atol=1.3e-4)
    assert counted.calls == 41


@given(
    centre=st.floats(-3.0, 3.0), below=st.floats(0.1, 5.0), above=st.floats(0.1, 5.0), curvature=st.floats(0.1, 10.0)
)
def test_minimum_to_the_root_of_the_rounding(centre, below, above, curvature):
    found = numerics.minimize_unimodal(lambda x: curvature * (x - centre) ** 2, centre - below, centre + above)
    assert abs(float(found) - centre) <= 1e-8 * (below + above)


def test_minimum_at_an_end_and_beside_infinity():
    for sign, end in ((1.0, 0.0), (-1.0, 2.0)):
        found = numerics.minimize_unimodal(lambda x, sign=sign: sign * x, 0.0, 2.0)
        assert abs(float(found) - end) <= 2e-8
    found = numerics.minimize_unimodal(lambda x: np.where(x < 1.0, np.inf, x), 0.0, 3.0, xtol=1e-12)
    assert float(found) == pytest.approx(1.0, abs=3e-12)


def test_minimum_refuses_nan_and_bad_bounds():
    with pytest.raises(ValueError, match="function must return a number everywhere"):
        numerics.minimize_unimodal(lambda x: x * np.nan, 0.0, 1.0)
    with pytest.raises(ValueError, match="^upper must be >= lower"):
        numerics.minimize_unimodal(lambda x: x, 1.0, 0.0)
    with pytest.raises(ValueError, match="^xtol must be "):
        numerics.minimize_unimodal(lambda x: x, 0.0, 1.0, xtol=1.0)


# fixed_point


def test_fixed_point_in_every_library(backend):
    start = backend.asarray([[1.0, 2.0, 3.0]])
    found = numerics.fixed_point(lambda x: 1.0 + 1.0 / x, start)
    assert arrays.namespace(found) is arrays.namespace(start)
    np.testing.assert_allclose(backend.to_numpy(found), (1.0 + math.sqrt(5.0)) / 2.0, rtol=1e-11)


def test_damping_tames_an_oscillation():
    def overshoots(x):
        return 4.0 - 2.0 * x

    with pytest.raises(NotConverged):
        numerics.fixed_point(overshoots, 1.0)
    assert float(numerics.fixed_point(overshoots, 1.0, damping=0.3)) == pytest.approx(4.0 / 3.0, rel=1e-11, abs=0.0)


def test_tolerance_of_a_large_fixed_point_is_relative():
    counted = Counted(lambda x: 0.5 * x - 1e6)
    assert float(numerics.fixed_point(counted, 0.0)) == pytest.approx(-2e6, rel=1e-11, abs=0.0)
    assert counted.calls == 40  # |f(x) - x| = 1e6 / 2^k falls below 2e-6 at k = 39


def test_fixed_point_that_is_not_reached():
    with pytest.raises(NotConverged, match="fixed_point did not converge in 5 iterations") as caught:
        numerics.fixed_point(np.cos, [0.0, 0.5], max_iterations=5)
    assert caught.value.estimate.shape == (2,)
    assert np.abs(caught.value.residual).max() > 1e-3
    with pytest.raises(NotConverged) as caught:  # away to infinity, noticed at once
        numerics.fixed_point(lambda x: np.where(x > 1e50, np.inf, x * x), 10.0)
    assert caught.value.n_iterations < 20


@pytest.mark.parametrize("keywords", [{"damping": 0.0}, {"damping": 1.5}, {"tolerance": 0.0}, {"max_iterations": 0}])
def test_fixed_point_refuses_bad_parameters(keywords):
    with pytest.raises(ValueError, match=f"^{next(iter(keywords))} must be "):
        numerics.fixed_point(np.cos, 1.0, **keywords)
    with pytest.raises(ValueError, match="^start must be "):
        numerics.fixed_point(np.cos, math.inf)


# Quadrature, against exact rational moments


def double_factorial(k):
    return math.prod(range(k, 0, -2))


def gegenbauer_moment(dim):
    def moment(k):
        return (
            Fraction(0)
            if k % 2
            else math.prod((Fraction(2 * j + 1, dim + 2 * j) for j in range(k // 2)), start=Fraction(1))
        )

    return moment


RULES = {
    "legendre": (numerics.gauss_legendre, lambda k: Fraction(2 * (1 - k % 2), k + 1)),
    "legendre on [0, 3]": (lambda n: numerics.gauss_legendre(n, 0.0, 3.0), lambda k: Fraction(3 ** (k + 1), k + 1)),
    "hermite": (numerics.gauss_hermite, lambda k: Fraction(0 if k % 2 else double_factorial(k - 1))),
    "laguerre": (numerics.gauss_laguerre, lambda k: Fraction(math.factorial(k))),
} | {
    f"gegenbauer in {dim} dimensions": (lambda n, dim=dim: numerics.gauss_gegenbauer(n, dim), gegenbauer_moment(dim))
    for dim in (2, 3, 4, 7, 50, 3072, 10**6)
}


def moment_error(rule, moment, n, degree):
    """Error of one moment, relative to the sum without signs: odd ones of an even weight are zero."""
    nodes, weights = rule(n)
    terms = weights * nodes**degree
    size = max(math.fsum(np.abs(terms)), float(abs(moment(degree))))
    return abs(math.fsum(terms) - float(moment(degree))) / (size or 1.0)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n", [1, 2, 3, 7, 20, 60])
def test_rule_is_exact_up_to_degree_2n_minus_1(name, n):
    rule, moment = RULES[name]
    assert max(moment_error(rule, moment, n, degree) for degree in range(2 * n)) < 2e-13


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_rule_is_not_exact_beyond(name, n):
    rule, moment = RULES[name]
    assert moment_error(rule, moment, n, 2 * n) > 1e-9


@pytest.mark.parametrize("name", RULES)
def test_large_rule_neither_overflows_nor_loses_its_first_moments(name):
    rule, moment = RULES[name]
    nodes, weights = rule(600)
    assert np.isfinite(nodes).all()
    assert (weights >= 0.0).all()
    assert max(moment_error(rule, moment, 600, degree) for degree in range(20)) < 3e-12


def test_tiny_weights_are_right():
    # 1 / sum_k L_k(t)^2 with 30 digits, where the polynomials leave the range in which they are summed
    nodes, weights = numerics.gauss_laguerre(150)
    assert weights[-1] < 1e-200
    with mpmath.workdps(30):
        for index in (-1, -3, -20, -60, 75, 0):
            t = mpmath.mpf(float(nodes[index]))
            total = sum(mpmath.laguerre(k, 0, t) ** 2 for k in range(150))
            assert float(1 / total) == pytest.approx(float(weights[index]), rel=1e-11, abs=0.0)


def test_gegenbauer_has_its_known_special_cases():
    n = 9
    nodes, weights = numerics.gauss_gegenbauer(n, 2)
    np.testing.assert_allclose(nodes, np.cos((2 * np.arange(n, 0, -1) - 1) * np.pi / (2 * n)), atol=1e-15)
    np.testing.assert_allclose(weights, 1.0 / n, rtol=1e-14)
    legendre = numerics.gauss_legendre(n)
    nodes, weights = numerics.gauss_gegenbauer(n, 3)
    np.testing.assert_allclose(nodes, legendre[0], atol=1e-15)
    np.testing.assert_allclose(weights, legendre[1] / 2.0, rtol=1e-14)


def test_rules_in_every_library(backend):
    for rule in (numerics.gauss_legendre, numerics.gauss_hermite, numerics.gauss_laguerre):
        for array, host in zip(rule(5, xp=backend.xp), rule(5), strict=True):
            assert arrays.namespace(array) is arrays.namespace(backend.asarray(1.0))
            assert array.dtype == backend.xp.float64
            np.testing.assert_array_equal(arrays.to_numpy(array), host)
    assert numerics.gauss_gegenbauer(5, 4, xp=backend.xp)[0].dtype == backend.xp.float64


def test_rules_refuse_bad_arguments():
    for rule in (numerics.gauss_legendre, numerics.gauss_hermite, numerics.gauss_laguerre):
        with pytest.raises(ValueError, match="^n must be a whole number >= 1; got 0"):
            rule(0)
    with pytest.raises(ValueError, match="^dim must be a finite number >= 2; got 1"):
        numerics.gauss_gegenbauer(3, 1)
    with pytest.raises(ValueError, match="^upper must be > lower = 1; got 1"):
        numerics.gauss_legendre(3, 1.0, 1.0)


@given(n=st.integers(1, 12), rank=st.integers(0, 12), seed=st.integers(0, 1000))
def test_decomposition_of_a_gram_matrix(n, rank, seed):
    features = np.random.default_rng(seed).standard_normal((n, rank))
    K = features @ features.T
    before = K.copy()
    eigenvalues, vectors = numerics.decompose_gram(K)
    np.testing.assert_array_equal(K, before)
    assert (np.diff(eigenvalues) <= 0.0).all()
    assert np.count_nonzero(eigenvalues) == min(n, rank)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(n), atol=1e-13)
    np.testing.assert_allclose(vectors * eigenvalues @ vectors.T, K, atol=1e-12 * max(1.0, np.max(np.abs(K))))


def test_decomposition_in_every_library(backend):
    K = [[2.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]]
    expected = numerics.decompose_gram(K)
    for got, host in zip(numerics.decompose_gram(backend.asarray(K)), expected, strict=True):
        assert arrays.namespace(got) is arrays.namespace(backend.asarray(1.0))
        np.testing.assert_allclose(np.abs(arrays.to_numpy(got)), np.abs(host), rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("tolerance", [1e-8, 1e-4])
@pytest.mark.parametrize(
    ("K", "message"),
    [
        (lambda size: [[1.0, 0.5], [0.5 + size, 1.0]], "K must be symmetric; got entries that differ by"),
        (lambda size: [[1.0, 0.0], [0.0, -size]], "K must be positive semi-definite; got an eigenvalue of -"),
    ],
)
def test_what_a_gram_matrix_may_lack(K, message, tolerance):
    numerics.decompose_gram(K(0.9 * tolerance), tolerance=tolerance)
    with pytest.raises(ValueError, match=message):
        numerics.decompose_gram(K(1.1 * tolerance), tolerance=tolerance)


def test_no_gram_matrix():
    with pytest.raises(ValueError, match="K must be square"):
        numerics.decompose_gram([[1.0, 0.0]])
    with pytest.raises(ValueError, match="K must be positive semi-definite; got an eigenvalue of -2 beside"):
        numerics.decompose_gram(-2.0 * np.eye(2))
    assert numerics.decompose_gram([[0.0]])[0].tolist() == [0.0]


def test_eigenvalues_that_are_rounding_are_zero():
    K = np.diag([1.0, 1e-15, 1e-17, 0.0, -1e-17])
    np.testing.assert_array_equal(numerics.decompose_gram(K)[0] > 0.0, [True, False, False, False, False])
    assert numerics.decompose_gram(np.diag([1.0, 1e-14]))[0][1] == pytest.approx(1e-14)


@given(p=st.integers(1, 5), q=st.integers(1, 5), r=st.integers(1, 5), orders=st.sampled_from(["CC", "CF", "FC", "FF"]))
def test_product_of_matrices(p, q, r, orders):
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((p, q)), rng.standard_normal((q, r))
    given = np.array(first, order=orders[0]), np.array(second, order=orders[1])
    np.testing.assert_allclose(numerics.matmul(*given), first @ second, rtol=1e-14, atol=1e-14)
    into = np.full((p, r), math.nan)
    assert numerics.matmul(*given, out=into) is into
    np.testing.assert_allclose(into, first @ second, rtol=1e-14, atol=1e-14)


def test_product_of_parts_of_matrices():
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((6, 9)), rng.standard_normal((12, 8))
    whole = np.zeros((9, 4))
    for a, b in ((first[1:4, ::2], second[2:7, 1:5]), (first.T[3:6, 1:], second[::-1][:5, ::2])):
        np.testing.assert_allclose(numerics.matmul(a, b), a @ b, rtol=1e-13, atol=1e-14)
        numerics.matmul(a, b, out=whole[3:6, :])
        np.testing.assert_allclose(whole[3:6, :], a @ b, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.ones((2, 3), dtype=np.float32), np.ones((3, 1), dtype=np.float32)),
        (np.ones((2, 3)), np.ones(3)),
        (np.ones((4, 2, 3)), np.ones((3, 2))),
        (np.ones((0, 3)), np.ones((3, 2))),
        (np.ones((2, 0)), np.ones((0, 2))),
    ],
)
def test_other_products_are_those_of_the_library(first, second):
    got = numerics.matmul(first, second)
    assert got.dtype == first.dtype
    np.testing.assert_array_equal(got, first @ second)
    np.testing.assert_array_equal(numerics.matmul(first, second, out=np.full_like(got, 7.0)), first @ second)


def test_product_in_every_library(backend):
    got = numerics.matmul(backend.asarray([[1.0, 2.0]]), backend.asarray([[3.0], [4.0]]))
    assert arrays.to_numpy(got).tolist() == [[11.0]]


def test_product_of_matrices_that_do_not_fit():
    with pytest.raises(ValueError, match="matmul"):
        numerics.matmul(np.ones((2, 3)), np.ones((2, 3)))
    for out in (np.ones((3, 2)), np.ones((2, 2), order="F"), np.ones((2, 2), dtype=np.float32)):
        with pytest.raises(ValueError, match="out must be a float64 array in the order of C, of shape"):
            numerics.matmul(np.ones((2, 3)), np.ones((3, 2)), out=out)
