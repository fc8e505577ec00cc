"""Kernels of infinite width against 60-digit arithmetic, a naive recursion, and themselves in other forms."""

import math
import tracemalloc

import array_api_strict
import mpmath
import numpy as np
import pytest
import threadpoolctl

from theorylab.ntk import problem
from theorylab.ntk.theory import NTK, _nearby, _recursion, _tiles, dual_activation

RNG = np.random.default_rng(0)
ACTIVATIONS = [
    problem.relu(),
    problem.leaky_relu(0.2),
    problem.leaky_relu(1.0),
    problem.abs_(),
    problem.rectified_quadratic(),
    problem.erf(),
    problem.gelu(),
    problem.sin(),
    problem.exp(0.4),
    problem.gaussian(),
    problem.rbf(0.5),
    problem.polynomial([0.2, 1.0, 0.3]),
]


def naive(activation, depth, w2, b2, x, y):
    """The recursion for one pair of points, number by number."""
    d = len(x)
    q, r, s = (w2 / d * float(np.dot(u, v)) + b2 for u, v in ((x, x), (y, y), (x, y)))
    k = s
    for _ in range(depth):
        dual = dual_activation(activation, q, r, min(max(s, -math.sqrt(q * r)), math.sqrt(q * r)))
        q, r = (w2 * float(dual_activation(activation, v, v, v).value) + b2 for v in (q, r))
        s = w2 * float(dual.value) + b2
        k = s + w2 * float(dual.derivative) * k
    return s, k


def relu_in_60_digits(depth, w2, b2, x, y, slope=0):
    with mpmath.workdps(60):
        x, y, w2, b2, a = ([mpmath.mpf(v) for v in x], [mpmath.mpf(v) for v in y], *map(mpmath.mpf, (w2, b2, slope)))
        q, r, s = (w2 * mpmath.fdot(u, v) / len(x) + b2 for u, v in ((x, x), (y, y), (x, y)))
        k = s
        for _ in range(depth):
            root = mpmath.sqrt(q * r)
            cosine = max(mpmath.mpf(-1), min(mpmath.mpf(1), s / root))
            theta = mpmath.acos(cosine)
            slope2 = (1 + a**2) / 2 - (1 - a) ** 2 * theta / (2 * mpmath.pi)
            value = (1 - a) ** 2 / (2 * mpmath.pi) * root * mpmath.sin(theta) + s * slope2
            q, r = (w2 * (1 + a**2) / 2 * v + b2 for v in (q, r))
            s = w2 * value + b2
            k = s + w2 * slope2 * k
        return float(s), float(k)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: f"{a.name}{a.parameters}")
@pytest.mark.parametrize(("depth", "W_std", "b_std"), [(0, 1.0, 0.3), (1, 1.2, 0.0), (3, 1.1, 0.3)])
def test_matrix_is_the_recursion_pair_by_pair(activation, depth, W_std, b_std):
    X, Y = RNG.standard_normal((7, 4)), RNG.standard_normal((5, 4))
    X[0] = 0.0  # a point without variance where there is no bias
    nngp, ntk = NTK(activation, depth, W_std, b_std)(X, Y, get=("nngp", "ntk"))
    expected = np.array([[naive(activation, depth, W_std**2, b_std**2, x, y) for y in Y] for x in X])
    np.testing.assert_allclose(np.stack([nngp, ntk], axis=-1), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("gain", "b_std"), [(1.0, 0.0), (1.0, 0.1), (1.2, 0.6)])
@pytest.mark.parametrize("depth", [1, 3, 30])
@pytest.mark.parametrize("slope", [0.0, 0.3, -1.0])
def test_near_and_opposed_pairs_keep_their_digits(slope, depth, gain, b_std):
    x, u = np.random.default_rng(1).standard_normal((2, 6))
    # scaled so that float64 holds x + step * u exactly enough to be the same points in both arithmetics
    Y = np.stack([x + step * u for step in (0.0, 1e-12, 1e-8, 1e-5, 1e-3, 0.1)] + [-x, -x + 1e-9 * u, -2.0 * x])
    W_std = gain * math.sqrt(2.0 / (1.0 + slope**2))
    error = np.full(len(Y), min(1e-13, 2e-14 * depth))
    error[5] = 2e-14 * depth  # too far apart to count as near: its cosine is rounded, layer by layer
    kernel = NTK(problem.leaky_relu(slope), depth, W_std, b_std)
    got = np.stack(kernel(x[None, :], Y, get=("nngp", "ntk")), axis=-1)[0]
    expected = np.array([relu_in_60_digits(depth, W_std**2, b_std**2, x, y, slope) for y in Y])
    scale = np.max(np.abs(expected), axis=0)
    assert np.all(np.abs(got - expected) <= error[:, None] * scale)
    # points of other lengths, so that a correlation is not a covariance, and the recursion on whole arrays
    for left, right in ((3.0, 0.2), (0.2, 3.0)):
        points = left * x[None, :], right * Y
        tiled, strict = (kernel(*map(xp.asarray, points), get=("nngp", "ntk")) for xp in (np, array_api_strict))
        for ours, other in zip(tiled, strict, strict=True):
            assert np.all(np.abs(ours - np.asarray(other)) <= error * np.max(np.abs(ours)))


def test_the_bend_of_the_dual_keeps_its_digits_at_every_angle():
    angles = np.concatenate([np.geomspace(1e-9, 0.1, 40), np.linspace(0.1, math.pi, 20)])
    with mpmath.workdps(60):
        expected = [float(mpmath.sin(t) - t * mpmath.cos(t)) for t in map(mpmath.mpf, angles)]
    np.testing.assert_allclose(_nearby._sine_minus_arc(np, angles), expected, rtol=1e-12)


def test_symmetric_call_equals_the_general_one():
    X = RNG.standard_normal((400, 5))
    X[7] = X[300]
    kernel = NTK("relu", 3)
    np.testing.assert_allclose(kernel(X), kernel(X, X.copy()), rtol=1e-13)
    np.testing.assert_array_equal(kernel(X), kernel(X).T)
    np.testing.assert_allclose(np.diag(kernel(X)), kernel.diag(X), rtol=1e-14)


@pytest.mark.parametrize("b_std", [0.0, 0.2])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_standard_parameterization_on_the_diagonal(depth, b_std):
    X = RNG.standard_normal((6, 5))
    kernel = NTK("erf", depth, 1.3, b_std, parameterization="standard", width=64)
    pairs = [kernel(x, x.copy()) for x in X]
    np.testing.assert_allclose(kernel.diag(X), pairs, rtol=1e-13)
    np.testing.assert_array_equal(np.diag(kernel(X)), kernel.diag(X))


@pytest.mark.parametrize("activation", [problem.relu(), problem.gelu()], ids=lambda a: a.name)
def test_tiles_and_blocks_agree(activation, monkeypatch):
    X, Y = RNG.standard_normal((500, 3)), RNG.standard_normal((170, 3))
    kernel = NTK(activation, 2)
    tiled = kernel(X, Y)
    monkeypatch.setattr(_recursion, "_WHOLE", 1000)
    blocks = kernel(array_api_strict.asarray(X), array_api_strict.asarray(Y))
    np.testing.assert_allclose(tiled, np.asarray(blocks), rtol=1e-12)


def test_threads_change_nothing(monkeypatch):
    X = RNG.standard_normal((700, 3))
    one = NTK()(X)
    before = _tiles._thread_pools().info()
    monkeypatch.setattr(_tiles, "_threads", lambda: 3)
    np.testing.assert_array_equal(NTK()(X), one)
    assert _tiles._thread_pools().info() == before


def test_large_tiles_change_nothing(monkeypatch):
    X = RNG.standard_normal((700, 3))
    small = NTK()(X)
    monkeypatch.setattr(_tiles, "_MANY", 600)
    np.testing.assert_allclose(NTK()(X), small, rtol=1e-13)


def test_threads_are_those_that_blas_may_use():
    with threadpoolctl.threadpool_limits(1):
        assert _tiles._threads() == 1


def test_float32_stays_and_is_accurate_at_coinciding_points():
    X = RNG.standard_normal((300, 10)).astype(np.float32)
    X[1] = X[0]
    kernel = NTK("relu", 10)
    single = kernel(X)
    assert single.dtype == np.float32
    double = kernel(X.astype(np.float64))
    assert np.max(np.abs(single - double)) < 1e-5 * np.max(double)
    assert kernel.diag(X).dtype == np.float32


@pytest.mark.parametrize("b_std", [0.0, 0.2])
def test_standard_parameterization_weights_the_layers_by_fan_in(b_std):
    x, y = RNG.standard_normal((2, 1, 4))
    w2, b2, width, bias = 1.3**2, b_std**2, 64, float(b_std > 0.0)  # without biases none is trained
    affine = w2 / 4 * float(x[0] @ y[0]) + b2
    q, r = (w2 / 4 * float(v[0] @ v[0]) + b2 for v in (x, y))
    dual = dual_activation(problem.erf(), q, r, affine)
    expected = width * float(dual.value) + bias + w2 * float(dual.derivative) * (float(x[0] @ y[0]) + bias)
    kernel = NTK("erf", 1, 1.3, b_std, parameterization="standard", width=width)
    assert float(kernel(x, y)[0, 0]) == pytest.approx(expected, rel=1e-13)
    assert kernel(x, y, get="nngp") == NTK("erf", 1, 1.3, b_std)(x, y, get="nngp")


def test_single_points_give_a_float():
    x, y = RNG.standard_normal((2, 4))
    assert NTK()(x, y) == pytest.approx(float(NTK()(x[None], y[None])[0, 0]))
    assert isinstance(NTK()(x, y), float)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_memory_stays_below_three_matrices(activation):
    X = RNG.standard_normal((2000, 3))
    tracemalloc.start()
    NTK(activation)(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    NTK(activation)(array_api_strict.asarray(X))
    other = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * 8 * 2000**2
    assert other < 2.7 * 8 * 2000**2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "rleu"}, "activation must be .*relu"),
        ({"depth": -1}, "depth must be"),
        ({"W_std": 0.0}, "W_std must be"),
        ({"b_std": -0.1}, "b_std must be"),
        ({"kind": "nkt"}, "kind must be"),
        ({"parameterization": "standard"}, "width must be given"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        NTK(**arguments)


def test_bad_inputs_are_refused():
    with pytest.raises(ValueError, match="Y must have the 3 columns of X"):
        NTK()(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="X must .*nan"):
        NTK()([[math.nan, 1.0]])
    with pytest.raises(ValueError, match="kind must be 'nngp'"):
        NTK("sign")(np.ones((2, 3)))
    assert NTK("sign", kind="nngp")(np.eye(2)).shape == (2, 2)
    with pytest.raises(ValueError, match="get must be"):
        NTK()(np.ones((2, 3)), get=("ntk", "nngp"))
