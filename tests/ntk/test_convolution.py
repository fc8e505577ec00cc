"""Convolutional kernels against pixel-by-pixel loops and against finite random networks."""

import math

import array_api_strict
import numpy as np
import pytest

from theorylab.ntk.theory import NTK, ConvNTK, dual_activation

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((2, 3, 3, 2)), RNG.standard_normal((2, 3, 3, 2))


def by_loops(kernel, x, y):
    """Covariances of all pairs of pixels of two images, with dictionaries."""
    H, W, C = x.shape
    w2, b2 = kernel.W_std**2, kernel.b_std**2
    pixels = [(i, j) for i in range(H) for j in range(W)]

    def convolved(values):
        return {
            (p, r): w2
            / 9
            * sum(values.get(((p[0] + a, p[1] + b), (r[0] + a, r[1] + b)), 0.0) for a in (-1, 0, 1) for b in (-1, 0, 1))
            for p in pixels
            for r in pixels
        }

    def one_layer(values, tangents, q, r):
        dual = {
            key: dual_activation(
                kernel.activation,
                q[key[0]],
                r[key[1]],
                np.clip(v, -math.sqrt(q[key[0]] * r[key[1]]), math.sqrt(q[key[0]] * r[key[1]])),
            )
            for key, v in values.items()
        }
        return {k: float(d.value) for k, d in dual.items()}, {
            k: float(d.derivative) * tangents[k] for k, d in dual.items()
        }

    def start(u, v):
        return {(p, r): float(u[p] @ v[r]) / C for p in pixels for r in pixels}

    states = {"xy": start(x, y), "xx": start(x, x), "yy": start(y, y)}
    tangents = dict.fromkeys(states["xy"], 0.0)
    for _ in range(kernel.depth):
        states = {name: {k: v + b2 for k, v in convolved(s).items()} for name, s in states.items()}
        tangents = {k: states["xy"][k] + v for k, v in convolved(tangents).items()}
        q, r = ({p: states[name][p, p] for p in pixels} for name in ("xx", "yy"))
        zeros = dict.fromkeys(states["xy"], 0.0)
        new, tangents = one_layer(states["xy"], tangents, q, r)
        states = {
            "xy": new,
            "xx": one_layer(states["xx"], zeros, q, q)[0],
            "yy": one_layer(states["yy"], zeros, r, r)[0],
        }
    keys = [(p, p) for p in pixels] if kernel.readout == "flatten" else list(states["xy"])
    nngp = w2 * np.mean([states["xy"][k] for k in keys]) + b2
    return nngp, nngp + w2 * np.mean([tangents[k] for k in keys])


@pytest.mark.parametrize("readout", ["flatten", "gap"])
@pytest.mark.parametrize(("activation", "b_std"), [("relu", 0.0), ("erf", 0.4)])
def test_kernel_is_the_pixelwise_recursion(readout, activation, b_std):
    kernel = ConvNTK(activation, 2, 1.3, b_std, readout=readout)
    nngp = ConvNTK(activation, 2, 1.3, b_std, readout=readout, kind="nngp")
    expected = np.array([[by_loops(kernel, x, y) for y in Y] for x in X])
    np.testing.assert_allclose(kernel(X, Y), expected[..., 1], rtol=1e-12)
    np.testing.assert_allclose(nngp(X, Y), expected[..., 0], rtol=1e-12)


def finite_network_outputs(rng, images, channels, depth, W_std, b_std, readout, n_networks):
    """Outputs of random finite convolutional networks with ReLU, (networks, images)."""
    outputs = []
    for _ in range(n_networks):
        x = images
        for _ in range(depth):
            c = x.shape[-1]
            w = rng.standard_normal((3, 3, c, channels))
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            H, W = x.shape[1:3]
            z = sum(
                np.einsum("nhwc,cd->nhwd", padded[:, a : a + H, b : b + W], w[a, b]) for a in range(3) for b in range(3)
            )
            x = np.maximum(W_std / math.sqrt(9 * c) * z + b_std * rng.standard_normal(channels), 0.0)
        features = (
            x.mean(axis=(1, 2)) if readout == "gap" else x.reshape(x.shape[0], -1) / math.sqrt(x.shape[1] * x.shape[2])
        )
        outputs.append(
            W_std / math.sqrt(channels) * features @ rng.standard_normal(features.shape[1])
            + b_std * rng.standard_normal()
        )
    return np.array(outputs)


@pytest.mark.parametrize("readout", ["flatten", "gap"])
def test_covariance_of_random_networks(readout):
    outputs = finite_network_outputs(np.random.default_rng(1), X, 40, 2, 1.4, 0.3, readout, 1000)
    products = outputs[:, :, None] * outputs[:, None, :]
    error = products.std(axis=0) / 1000**0.5
    expected = ConvNTK("relu", 2, 1.4, 0.3, readout=readout, kind="nngp")(X)
    assert np.max(np.abs(products.mean(axis=0) - expected) / (error + 0.02 * np.abs(expected))) < 3.5


def test_one_pixel_is_a_dense_network():
    # All filters but the middle one meet zeros: weights of variance 1/9 in the place of 1.
    points = RNG.standard_normal((4, 6))
    images = points[:, None, None, :]
    conv = ConvNTK("relu", 1, 0.7, 0.0)(images)
    dense = NTK("relu", 1, 0.7, 0.0)(points)
    np.testing.assert_allclose(conv, dense / 9.0, rtol=1e-12)


@pytest.mark.parametrize("readout", ["flatten", "gap"])
def test_blocks_and_libraries_agree(readout, monkeypatch):
    kernel = ConvNTK("gelu", 2, readout=readout)
    expected = kernel(X, Y)
    monkeypatch.setattr("theorylab.ntk.theory.convolution._BLOCK", 20)
    np.testing.assert_allclose(kernel(X, Y), expected, rtol=1e-13)
    strict = kernel(array_api_strict.asarray(X), array_api_strict.asarray(Y))
    np.testing.assert_allclose(np.asarray(strict), expected, rtol=1e-12)
    images = np.concatenate([X, Y, X + Y])
    symmetric = kernel(images)
    np.testing.assert_allclose(symmetric, kernel(images, images), rtol=1e-14)
    np.testing.assert_array_equal(symmetric, symmetric.T)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConvNTK(depth=0), "depth must be"),
        (lambda: ConvNTK(W_std=0.0), "W_std must be"),
        (lambda: ConvNTK(b_std=-0.1), "b_std must be"),
        (lambda: ConvNTK(readout="mean"), "readout must be"),
        (lambda: ConvNTK("sign"), "kind must be 'nngp'"),
        (lambda: ConvNTK()(np.ones((2, 3, 3))), "X must"),
        (lambda: ConvNTK()(X, Y[:, :2]), "Y must"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
