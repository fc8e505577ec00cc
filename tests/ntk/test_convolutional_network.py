"""Convolutional networks against loops over pixels, finite differences, and torch."""

import itertools
import math

import numpy as np
import pytest

from theorylab import arrays
from theorylab.ntk import problem
from theorylab.ntk.experiment import CNN, NetworkParameters, convolutional_kernels

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 3, 4, 2))
NETWORKS = [
    CNN((3, 4, 2), 5, 2, problem.erf(), 1.3, 0.4, "flatten"),
    CNN((3, 4, 2), 5, 3, problem.gelu(), 1.1, 0.2, "gap"),
    CNN((3, 4, 2), 4, 1, problem.erf(), 0.8, 0.0, "gap"),
]
IDS = [f"{network.readout}, {network.depth} convolutions" for network in NETWORKS]


def by_loops(network, parameters, image):
    """Output for one image, pixel by pixel and channel by channel."""
    rows, columns, _ = image.shape
    for layer in range(network.depth):
        W, b = parameters.weights[layer], parameters.biases[layer]
        filters = W.reshape(network.channels, 3, 3, image.shape[-1])
        new = np.empty((rows, columns, network.channels))
        for i, j, k in np.ndindex(*new.shape):
            total = 0.0
            for a, c in itertools.product(range(3), repeat=2):
                if 0 <= i + a - 1 < rows and 0 <= j + c - 1 < columns:
                    total += filters[k, a, c] @ image[i + a - 1, j + c - 1]
            new[i, j, k] = network.W_std / math.sqrt(9 * image.shape[-1]) * total + network.b_std * b[k]
        image = network.activation(new)
    features = image.mean(axis=(0, 1)) if network.readout == "gap" else image.ravel()
    gain = network.W_std / math.sqrt(features.size)
    return gain * parameters.weights[-1][0] @ features + network.b_std * parameters.biases[-1][0]


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_outputs_are_the_sum_over_the_filters(network):
    parameters = network.initial(np.random.default_rng(1))
    expected = [by_loops(network, parameters, image) for image in X]
    np.testing.assert_allclose(network.outputs(parameters, X), expected, rtol=1e-12)


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_gradients_are_finite_differences(network):
    parameters, h = network.initial(np.random.default_rng(1)), 1e-5
    for group, gradients in enumerate(network.gradients(parameters, X)):
        for layer, gradient in enumerate(gradients):
            expected = np.empty_like(gradient)
            for index in np.ndindex(parameters[group][layer].shape):
                sides = []
                for step in (h, -h):
                    moved = [list(part) for part in parameters]
                    moved[group][layer] = parameters[group][layer].copy()
                    moved[group][layer][index] += step
                    sides.append(network.outputs(NetworkParameters(*map(tuple, moved)), X))
                expected[(slice(None), *index)] = (sides[0] - sides[1]) / (2.0 * h)
            np.testing.assert_allclose(gradient, expected, atol=1e-9)


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_kernels_are_sums_over_parameters(network):
    parameters = network.initial(np.random.default_rng(2))
    nngp, ntk = convolutional_kernels(network, parameters, X)
    gradients = network.gradients(parameters, X)
    flat = np.concatenate([part.reshape(3, -1) for parts in gradients for part in parts], axis=1)
    np.testing.assert_allclose(ntk, flat @ flat.T, rtol=1e-12)
    last = np.concatenate([parts[-1].reshape(3, -1) for parts in gradients], axis=1)
    np.testing.assert_allclose(nngp, last @ last.T, rtol=1e-12)


def test_covariance_is_the_mean_over_the_last_layer():
    network = NETWORKS[0]
    parameters = network.initial(np.random.default_rng(3))
    rng, products = np.random.default_rng(4), []
    for _ in range(4000):
        redrawn = [[*parts[:-1], rng.standard_normal(parts[-1].shape)] for parts in parameters]
        out = network.outputs(NetworkParameters(*map(tuple, redrawn)), X)
        products.append(np.outer(out, out))
    error = np.std(products, axis=0) / 4000**0.5
    nngp = convolutional_kernels(network, parameters, X).nngp
    assert np.max(np.abs(np.mean(products, axis=0) - nngp) / error) < 4.5


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_an_ensemble_is_its_networks(network):
    ensemble = network.initial(np.random.default_rng(5), ensemble=3)
    together, outputs = convolutional_kernels(network, ensemble, X), network.outputs(ensemble, X)
    for i in range(3):
        single = NetworkParameters(*(tuple(part[i] for part in parts) for parts in ensemble))
        for many, one in zip(together, convolutional_kernels(network, single, X), strict=True):
            np.testing.assert_allclose(many[i], one, rtol=1e-12)
        np.testing.assert_allclose(outputs[i], network.outputs(single, X), rtol=1e-12)


@pytest.mark.parametrize("network", NETWORKS[:2], ids=IDS[:2])
def test_gradients_are_those_of_torch(network):
    torch = pytest.importorskip("torch")
    parameters = network.initial(np.random.default_rng(6))
    leaves = [[torch.tensor(part, requires_grad=True) for part in parts] for parts in parameters]
    values = torch.tensor(X).permute(0, 3, 1, 2)
    function = {"erf": torch.erf, "gelu": torch.nn.functional.gelu}[network.activation.name]
    for layer in range(network.depth):
        c = values.shape[1]
        filters = leaves[0][layer].reshape(network.channels, 3, 3, c).permute(0, 3, 1, 2)
        convolved = torch.nn.functional.conv2d(values, filters, padding=1)
        values = function(
            network.W_std / math.sqrt(9 * c) * convolved + network.b_std * leaves[1][layer][:, None, None]
        )
    features = values.mean(dim=(2, 3)) if network.readout == "gap" else values.permute(0, 2, 3, 1).reshape(3, -1)
    outputs = network.W_std / math.sqrt(features.shape[1]) * features @ leaves[0][-1][0] + network.b_std * leaves[1][-1]
    ours = network.gradients(parameters, X)
    for image in range(3):
        found = torch.autograd.grad(outputs[image], [*leaves[0], *leaves[1]], retain_graph=True)
        for gradient, part in zip(found, [*ours.weights, *ours.biases], strict=True):
            np.testing.assert_allclose(part[image], gradient.numpy(), rtol=1e-9, atol=1e-12)


def test_networks_live_on_every_library(backend):
    if backend.name in {"array-api-strict"}:
        pytest.skip("draws go through a backend of theorylab")
    network, there = NETWORKS[1], arrays.backend(backend.name)
    found = convolutional_kernels(
        network, network.initial(np.random.default_rng(7), ensemble=2, backend=there), there.asarray(X)
    )
    expected = convolutional_kernels(network, network.initial(np.random.default_rng(7), ensemble=2), X)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(there.to_numpy(one), other, rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CNN((3, 4), 5, 2, problem.relu()), "image_shape must be rows, columns and channels"),
        (lambda: CNN((3, 0, 1), 5, 2, problem.relu()), "image_shape must be"),
        (lambda: CNN((3, 4, 1), 0, 2, problem.relu()), "channels must be"),
        (lambda: CNN((3, 4, 1), 5, 0, problem.relu()), "depth must be"),
        (lambda: CNN((3, 4, 1), 5, 2, problem.relu(), readout="mean"), "readout must be"),
        (lambda: CNN((3, 4, 1), 5, 2, problem.relu(), b_std=-1.0), "b_std must be"),
        (
            lambda: convolutional_kernels(NETWORKS[0], NETWORKS[0].initial(np.random.default_rng(0)), X[:, :2]),
            "X must be of shape",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
