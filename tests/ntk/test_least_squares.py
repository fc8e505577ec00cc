"""Explicit training of linear models against closed forms for one component, matrix functions and other solvers."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

from theorylab.ntk import experiment
from theorylab.ntk.experiment import LinearModel

RNG = np.random.default_rng(0)
FEATURES, TEST_FEATURES = RNG.standard_normal((6, 9)), RNG.standard_normal((3, 9))
Y, START, TEST_START = RNG.standard_normal((6, 2)), RNG.standard_normal((6, 2)), RNG.standard_normal((3, 2))


def model(**changes):
    arguments = {
        "features": FEATURES,
        "test_features": TEST_FEATURES,
        "targets": Y,
        "start": START,
        "test_start": TEST_START,
        "count": 6.0,
    }
    return LinearModel(**{**arguments, **changes})


def one_component(ridge=0.0):
    """Slope and target two, so that the eigenvalue of the kernel is four; the test point has half the slope."""
    return LinearModel(
        np.array([[2.0]]), np.array([[1.0]]), np.array([[2.0]]), np.zeros((1, 1)), np.zeros((1, 1)), 8.0, ridge
    )


def loss(linear, parameters):
    residual = linear.start + linear.features @ parameters - linear.targets
    return (np.sum(residual**2) + linear.ridge * np.sum(parameters**2)) / (2.0 * linear.count)


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_gradient_is_the_derivative_of_the_loss(ridge):
    linear, at, step = model(ridge=ridge), RNG.standard_normal((9, 2)), 1e-6
    numerical = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        shift = np.zeros_like(at)
        shift[index] = step
        numerical[index] = (loss(linear, at + shift) - loss(linear, at - shift)) / (2.0 * step)
    np.testing.assert_allclose(linear.gradient(at), numerical, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("ridge", [0.0, 4.0])
def test_one_component(ridge):
    linear, rate = one_component(ridge), 0.6
    speed, target = rate * (4.0 + ridge) / 8.0, 2.0 * 4.0 / (4.0 + ridge)
    flow, descent = linear.flow([0.0, 1.5], learning_rate=rate), linear.descend([0, 5], learning_rate=rate)
    np.testing.assert_allclose(flow.train[:, 0, 0], [0.0, target * (1.0 - math.exp(-1.5 * speed))], rtol=1e-11)
    np.testing.assert_allclose(descent.train[:, 0, 0], [0.0, target * (1.0 - (1.0 - speed) ** 5)], rtol=1e-12)
    for run in (flow, descent, linear.limit()):
        np.testing.assert_allclose(run.test, 0.5 * run.train, rtol=1e-12)
    np.testing.assert_allclose(linear.limit().train[0, 0, 0], target, rtol=1e-12)


def test_flow_and_small_steps_agree_and_end_at_the_limit():
    linear = model(features=FEATURES[:, :4], test_features=TEST_FEATURES[:, :4], ridge=0.3)
    flow, steps = linear.flow([3.0]), linear.descend([30_000], learning_rate=1e-4)
    for some, other in zip(flow, steps, strict=True):
        np.testing.assert_allclose(some, other, atol=2e-4)
    for late, end in zip(linear.flow([2000.0]), linear.limit(), strict=True):
        np.testing.assert_allclose(late, end, atol=1e-9)


def test_limit_is_the_interpolant_nearest_to_the_start():
    change = np.linalg.pinv(FEATURES) @ (Y - START)
    end = model().limit()
    np.testing.assert_allclose(end.train[0], Y, atol=1e-12)
    np.testing.assert_allclose(end.test[0], TEST_START + TEST_FEATURES @ change, atol=1e-12)


@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_edge_is_found_from_any_bracket(ridge):
    linear = model(ridge=ridge)
    edge = 12.0 / (np.linalg.norm(FEATURES, 2) ** 2 + ridge)
    for bracket in ((0.1 * edge, 3.0 * edge), (0.9 * edge, 1e6 * edge)):
        found = experiment.largest_stable_rate(linear, bracket=bracket, steps=4000, tolerance=1e-3)
        assert abs(found / edge - 1.0) < 2e-3


def test_bracket_without_the_edge_is_refused():
    edge = 12.0 / np.linalg.norm(FEATURES, 2) ** 2
    for bracket in ((0.1 * edge, 0.5 * edge), (1.5 * edge, 2.0 * edge)):
        with pytest.raises(ValueError, match="bracket must go from a stable rate"):
            experiment.largest_stable_rate(model(), bracket=bracket, steps=200, tolerance=0.1)


@pytest.mark.parametrize("per_octave", [1, 3])
def test_doubling_is_the_matrix_exponential(per_octave):
    K, K_star = FEATURES @ FEATURES.T, TEST_FEATURES @ FEATURES.T
    run = experiment.stopped_flow(K, Y, K_star, octaves=12, per_octave=per_octave)
    assert len(run.times) == 12 * per_octave
    np.testing.assert_allclose(np.diff(np.log2(run.times)), 1.0 / per_octave, rtol=1e-9)
    for t, train, test in zip(*run, strict=True):
        learned = np.eye(6) - expm(-K * t / 6)
        np.testing.assert_allclose(train, learned @ Y, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(test, K_star @ np.linalg.solve(K, learned @ Y), rtol=1e-8, atol=1e-10)


def test_doubling_on_a_singular_kernel():
    K = np.ones((4, 4))
    late = experiment.stopped_flow(K, np.arange(4.0)[:, None], K, octaves=20).train[-1]
    np.testing.assert_allclose(late, 1.5, rtol=1e-9)


def test_ridge_outputs_minimise_the_penalised_loss():
    fitted = experiment.ridge_outputs(FEATURES @ FEATURES.T, Y, [0.3, 40.0])
    for ridge, values in zip([0.3, 40.0], fitted, strict=True):
        weights = np.linalg.solve(FEATURES.T @ FEATURES + ridge * np.eye(9), FEATURES.T @ Y)
        np.testing.assert_allclose(values, FEATURES @ weights, rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: model(targets=Y[:5]), "targets must"),
        (lambda: model(test_features=TEST_FEATURES[:, :3]), "test_features must"),
        (lambda: model(count=0.0), "count must be"),
        (lambda: model(ridge=-1.0), "ridge must be"),
        (lambda: model().descend([2, 1], learning_rate=0.1), "record must hold increasing"),
        (lambda: model().descend([2], learning_rate=0.0), "learning_rate must be"),
        (lambda: model().flow([]), "times must hold increasing"),
        (lambda: experiment.stopped_flow(np.eye(2), np.ones((3, 1)), np.eye(2), octaves=2), "y must"),
        (lambda: experiment.stopped_flow(np.eye(2), np.ones((2, 1)), np.eye(2), octaves=0), "octaves must"),
        (lambda: experiment.ridge_outputs(np.eye(2), np.ones((2, 1)), [0.0]), "ridges must"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
