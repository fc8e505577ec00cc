"""Kernels integrated by brute force against their closed forms, and Gram matrices of grids against known spectra."""

import math

import numpy as np
import pytest
from scipy import special

from theorylab.ntk import experiment, problem
from theorylab.ntk.theory import NTK, zonal_profile
from theorylab.numerics import NotConverged

ANGLES = np.array([0.0, 1e-7, 0.3, 1.5, 2.8, math.pi - 1e-7, math.pi])
ACTIVATIONS = [
    problem.relu(),
    problem.abs_(),
    problem.erf(),
    problem.gelu(),
    problem.cos(),
    problem.monomial(3),
    problem.rectified_quadratic(),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation.name)
@pytest.mark.parametrize(("depth", "b_std"), [(1, 0.0), (3, 0.4)])
def test_brute_force_is_the_closed_form(activation, depth, b_std):
    found = experiment.angular_kernels(activation, ANGLES, depth=depth, W_std=1.1, b_std=b_std)
    for kind in ("nngp", "ntk"):
        expected = zonal_profile(NTK(activation, depth, 1.1, b_std, kind=kind), ANGLES)
        np.testing.assert_allclose(getattr(found, kind), expected, rtol=1e-12, atol=1e-13 * float(expected[0]))


def test_interpolation_is_the_kernel():
    angles = np.linspace(0.0, math.pi, 37)
    network = {"depth": 2, "W_std": 1.4, "b_std": 0.3}
    profile = experiment.interpolated_kernel(problem.relu(), kind="nngp", **network)
    exact = experiment.angular_kernels(problem.relu(), angles, **network).nngp
    np.testing.assert_allclose(profile(angles), exact, rtol=1e-13)


def test_interpolation_refuses_a_peak():
    with pytest.raises(NotConverged):
        experiment.interpolated_kernel(problem.relu(), kind="ntk", depth=1, W_std=1.0, b_std=1e-3)


def test_angles_near_both_ends_keep_their_digits():
    angles = np.array([0.0, 1e-9, 1.0, math.pi - 1e-9])
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = experiment.angles_between(np.concatenate([X, -X[:1]]))
    np.testing.assert_allclose(found[0], [*angles, math.pi], rtol=1e-15)
    assert np.array_equal(found, found.T)


def test_points_come_in_exact_pairs():
    for X in (experiment.equidistant_points(10), experiment.opposite_points(np.random.default_rng(0), 4, 3)):
        half = len(X) // 2
        assert np.array_equal(X[half:], -X[:half])
        np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1.0)
    np.testing.assert_allclose(experiment.equidistant_points(3) @ [1.0, 0.0], [1.0, -0.5, -0.5])


def test_rank_counts_what_stands_above_rounding():
    rng = np.random.default_rng(1)
    F = rng.standard_normal((30, 7))
    assert experiment.numerical_rank(F @ F.T) == 7
    assert experiment.numerical_rank(np.diag([1.0, 1e-6, 1e-12])) == 2
    assert experiment.numerical_rank(np.diag([1.0, 1e-6, 1e-12]), tolerance=1e-13) == 3


def test_grid_of_latitudes_finds_each_degree_once():
    k = np.arange(8)
    expected = math.sqrt(math.pi / 2.0) * special.iv(k + 0.5, 1.0)
    found = experiment.rotation_invariant_spectrum(lambda a: np.exp(np.cos(a)), 3, 40, 60)[:8]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-16)


def test_full_grid_finds_every_harmonic():
    points, weights = experiment.weighted_grid(12, 24)
    assert weights.sum() == pytest.approx(1.0)
    root = np.sqrt(weights)
    found = np.linalg.eigvalsh(root[:, None] * np.exp(points @ points.T) * root)[::-1][:16]
    expected = np.repeat(math.sqrt(math.pi / 2.0) * special.iv(np.arange(4) + 0.5, 1.0), [1, 3, 5, 7])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_sine_network_in_many_digits():
    found = experiment.sine_gram_eigenvalues(4, depth=3, bias_variance=0.25)
    angles = 2.0 * math.pi * np.minimum(np.arange(16), 16 - np.arange(16)) / 16
    kernel = zonal_profile(NTK("sin", 3, 1.0, 0.5), angles)
    np.testing.assert_allclose([float(value) for value in found], np.fft.rfft(kernel).real / 16, atol=1e-15)
    assert all(value > 0 for value in found)


def test_a_kink_elsewhere_is_refused():
    shifted = problem.numerical(lambda x: np.maximum(x - 0.5, 0.0), lambda x: (x > 0.5) * 1.0, kinks=(0.5,))
    with pytest.raises(ValueError, match="activation must have its kinks at zero"):
        experiment.angular_kernels(shifted, [0.1], depth=1, W_std=1.0, b_std=0.0)
