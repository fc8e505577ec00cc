"""The kernels and the toy data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_bvp
from sklearn.metrics.pairwise import rbf_kernel

from theorylab.self_distillation.problem import beam_kernel, gaussian_kernel, toy_problem


def test_toy_problem():
    toy = toy_problem()
    assert toy.X.shape == (11, 1)
    assert toy.X_test.shape == (101, 1)
    # the noise is that of a sinusoid with a standard deviation of about a half
    assert 0.2 < np.std(toy.y - np.sin(2 * np.pi * toy.X[:, 0])) < 0.7
    assert np.mean(toy.truth**2) == pytest.approx(50 / 101, rel=1e-12)
    np.testing.assert_array_equal(toy.gram, toy.gram.T)
    np.testing.assert_allclose(toy.cross[::10], toy.gram, rtol=1e-13)
    assert toy.gram[0, 1] == pytest.approx(np.exp(-0.8))


def test_gaussian_kernel_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, Z = rng.standard_normal((7, 3)), rng.standard_normal((4, 3))
    np.testing.assert_allclose(gaussian_kernel(X, Z, gamma=0.7), rbf_kernel(X, Z, gamma=0.7), rtol=1e-12)
    np.testing.assert_array_equal(gaussian_kernel(X, gamma=0.7), gaussian_kernel(X, X, gamma=0.7))
    np.testing.assert_array_equal(np.diag(gaussian_kernel(X, gamma=0.7)), np.ones(7))


@pytest.mark.parametrize("source", [0.2, 0.5, 0.85])
def test_beam_kernel_bends_under_a_point_load(source):
    """Between the load and the ends u'''' = 0, u = u'' = 0 at the ends, and u''' jumps by one at the load."""

    def halves(x, u):  # left and right of the load on one interval: u, u', u'', u''' of each
        scale = np.array([source] * 4 + [1 - source] * 4)[:, None]
        return scale * np.concatenate([u[1:4], np.zeros((1, x.size)), u[5:8], np.zeros((1, x.size))])

    def ends(left, right):
        jumps = [right[0] - left[4], right[1] - left[5], right[2] - left[6], left[7] - right[3] - 1.0]
        return np.array([left[0], left[2], right[4], right[6], *jumps])

    beam = solve_bvp(halves, ends, np.linspace(0, 1, 21), np.zeros((8, 21)), tol=1e-10)
    assert beam.success
    s = np.linspace(0, 1, 11)
    expected_left, expected_right = beam.sol(s)[0], beam.sol(s)[4]
    np.testing.assert_allclose(beam_kernel(source * s, [source])[:, 0], expected_left, atol=1e-10)
    np.testing.assert_allclose(beam_kernel(source + (1 - source) * s, [source])[:, 0], expected_right, atol=1e-10)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_beam_kernel_is_symmetric_and_positive(points):
    K = beam_kernel(points)
    np.testing.assert_allclose(K, K.T, atol=1e-16)
    assert np.linalg.eigvalsh(K).min() > -1e-15


def test_refusals():
    with pytest.raises(ValueError, match="gamma must be a finite number > 0"):
        gaussian_kernel([[0.0]], gamma=0.0)
    with pytest.raises(ValueError, match="Z must have the 2 columns of X"):
        gaussian_kernel([[0.0, 1.0]], [[0.0]], gamma=1.0)
    with pytest.raises(ValueError, match="x must be finite and >= 0 and <= 1"):
        beam_kernel([1.5])
    with pytest.raises(ValueError, match="z must be finite and >= 0 and <= 1"):
        beam_kernel([0.5], [-0.1])
