"""The network's gradient against finite differences, its training against a linear regression, any array library."""

import numpy as np
import pytest

from theorylab.numerics import NotConverged
from theorylab.self_distillation.experiment import (
    initial_parameters,
    network_gradient,
    network_outputs,
    train_network,
)

rng = np.random.default_rng(2)


@pytest.mark.parametrize("layers", [(2, 1), (2, 5, 1), (3, 4, 6, 2)])
def test_gradient_is_that_of_finite_differences(layers):
    X, y = rng.standard_normal((7, layers[0])), rng.standard_normal((7, layers[-1]))
    parameters = initial_parameters(layers, np.random.default_rng(3))
    _, gradient = network_gradient(layers, parameters, X, y, 0.03)
    h = 1e-6
    for index in range(parameters.size):
        step = h * np.eye(parameters.size)[index]
        above, below = (network_gradient(layers, parameters + s, X, y, 0.03)[0] for s in (step, -step))
        assert gradient[index] == pytest.approx((above - below) / (2 * h), abs=1e-8)


def test_outputs_and_objective_by_hand():
    # hidden units tanh(x + 0.5) and tanh(-2 x), output 3 h1 - h2 + 0.25
    parameters = [1.0, -2.0, 0.5, 0.0, 3.0, -1.0, 0.25]
    x = np.array([[0.3], [-1.2]])
    expected = 3 * np.tanh(x + 0.5) - np.tanh(-2 * x) + 0.25
    np.testing.assert_allclose(network_outputs((1, 2, 1), parameters, x), expected, rtol=1e-14)
    objective, _ = network_gradient((1, 2, 1), parameters, x, np.zeros((2, 1)), 0.1)
    assert objective == pytest.approx(np.mean(expected**2) + 0.1 * np.sum(np.square(parameters)))


def test_gradient_in_every_library(backend):
    layers = (2, 4, 1)
    X, y = rng.standard_normal((6, 2)), rng.standard_normal((6, 1))
    parameters = initial_parameters(layers, np.random.default_rng(4))
    expected = network_gradient(layers, parameters, X, y, 0.1)
    found = network_gradient(layers, *(backend.asarray(values) for values in (parameters, X, y)), 0.1)
    assert found[0] == pytest.approx(expected[0])
    np.testing.assert_allclose(backend.to_numpy(found[1]), expected[1], rtol=1e-12)


def test_a_network_without_hidden_layer_is_ridge_regression():
    X, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
    fit = train_network((3, 2), X, y, 0.2, np.zeros(8), tolerance=1e-9)
    features = np.column_stack([X, np.ones(20)])
    exact = np.linalg.solve(features.T @ features / 20 + 0.2 * np.eye(4), features.T @ y / 20)
    found = np.concatenate([fit.parameters[:6].reshape(2, 3).T, fit.parameters[6:][None]])
    np.testing.assert_allclose(found, exact, atol=1e-7)


def test_training_that_does_not_end_raises_with_its_estimate():
    X, y = rng.standard_normal((20, 2)), rng.standard_normal((20, 1))
    start = initial_parameters((2, 8, 1), np.random.default_rng(5))
    with pytest.raises(NotConverged, match="train_network") as caught:
        train_network((2, 8, 1), X, y, 1e-4, start, max_iterations=3)
    assert caught.value.estimate.shape == start.shape
    assert caught.value.n_iterations == 3


def test_refusals():
    with pytest.raises(ValueError, match="layers must name at least inputs and outputs"):
        initial_parameters((3,), rng)
    with pytest.raises(ValueError, match="start must"):
        train_network((2, 1), np.ones((3, 2)), np.ones((3, 1)), 0.1, np.zeros(4))
    with pytest.raises(ValueError, match="decay must"):
        train_network((2, 1), np.ones((3, 2)), np.ones((3, 1)), -0.1, np.zeros(3))
