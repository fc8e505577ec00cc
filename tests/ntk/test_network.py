"""Networks and their tangent kernels against finite differences, explicit derivatives, and torch."""

import numpy as np
import pytest

from theorylab.ntk import problem
from theorylab.ntk.experiment import MLP, NetworkParameters, empirical_nngp, empirical_ntk, explicit_jacobian, train

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((5, 3)), RNG.standard_normal((4, 3))
NETWORKS = [
    MLP((3, 7, 6, 2), problem.erf(), 1.3, 0.4),
    MLP((3, 9, 1), problem.gelu(), 1.1, 0.0, output_scale=0.5),
    MLP((3, 2), problem.relu(), 1.0, 0.2),
]


def flat(parameters):
    pairs = zip(*parameters, strict=True)
    return np.concatenate([part.ravel() for pair in pairs for part in pair])


def unflat(mlp, vector):
    weights, biases, start = [], [], 0
    for n_in, n_out in zip(mlp.sizes, mlp.sizes[1:], strict=False):
        weights.append(vector[start : start + n_in * n_out].reshape(n_out, n_in))
        start += n_in * n_out
        biases.append(vector[start : start + n_out])
        start += n_out
    return NetworkParameters(tuple(weights), tuple(biases))


def finite_differences(mlp, parameters, points, h=1e-5):
    vector, columns = flat(parameters), []
    for i in range(vector.size):
        step = np.zeros_like(vector)
        step[i] = h
        ahead, behind = (mlp.outputs(unflat(mlp, vector + sign * step), points) for sign in (1, -1))
        columns.append((ahead - behind) / (2 * h))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("mlp", NETWORKS, ids=lambda m: f"{m.activation.name}{m.sizes}")
def test_derivatives_are_finite_differences(mlp):
    parameters = mlp.initial(np.random.default_rng(1))
    by_differences = finite_differences(mlp, parameters, X)
    np.testing.assert_allclose(explicit_jacobian(mlp, parameters, X), by_differences, atol=1e-8)
    error = RNG.standard_normal((5, mlp.sizes[-1]))
    gradient = flat(mlp.gradient(parameters, X, error))
    np.testing.assert_allclose(gradient, np.einsum("nk,nkp->p", error, by_differences), atol=1e-7)


@pytest.mark.parametrize("mlp", NETWORKS, ids=lambda m: f"{m.activation.name}{m.sizes}")
def test_tangent_kernel_is_the_product_of_explicit_derivatives(mlp):
    parameters = mlp.initial(np.random.default_rng(1))
    left, right = (explicit_jacobian(mlp, parameters, points) for points in (X, Y))
    full = np.einsum("nap,mbp->nmab", left, right)
    np.testing.assert_allclose(empirical_ntk(mlp, parameters, X, Y, trace=False), full, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        empirical_ntk(mlp, parameters, X, Y), np.einsum("nmaa->nm", full) / mlp.sizes[-1], rtol=1e-12, atol=1e-13
    )
    np.testing.assert_allclose(empirical_ntk(mlp, parameters, X), empirical_ntk(mlp, parameters, X, X), rtol=1e-13)


def test_an_ensemble_is_its_networks():
    mlp = NETWORKS[0]
    ensemble = mlp.initial(np.random.default_rng(2), ensemble=3)
    single = [NetworkParameters(*(tuple(part[i] for part in parts) for parts in ensemble)) for i in range(3)]
    for function in (
        lambda p: mlp.outputs(p, X),
        lambda p: empirical_ntk(mlp, p, X, Y),
        lambda p: empirical_ntk(mlp, p, X, Y, trace=False),
        lambda p: empirical_nngp(mlp, p, X),
    ):
        np.testing.assert_allclose(function(ensemble), np.stack([function(one) for one in single]), rtol=1e-12)
    targets = RNG.standard_normal((5, 2))
    together = train(mlp, ensemble, X, targets, learning_rate=0.3, record=[0, 4], at=Y)
    for i, one in enumerate(single):
        alone = train(mlp, one, X, targets, learning_rate=0.3, record=[0, 4], at=Y)
        np.testing.assert_allclose(together.outputs[:, i], alone.outputs, rtol=1e-12)


def test_training_descends_as_written():
    mlp, targets = NETWORKS[0], RNG.standard_normal((5, 2))
    start = mlp.initial(np.random.default_rng(3))
    before = flat(start).copy()
    run = train(mlp, start, X, targets, learning_rate=0.2, record=[1, 200])
    np.testing.assert_array_equal(flat(start), before)
    by_hand = flat(start) - 0.2 * np.einsum(
        "nk,nkp->p", (mlp.outputs(start, X) - targets) / 5, explicit_jacobian(mlp, start, X)
    )
    np.testing.assert_allclose(run.outputs[0], mlp.outputs(unflat(mlp, by_hand), X), rtol=1e-12)
    losses = [np.sum((outputs - targets) ** 2) for outputs in run.outputs]
    assert losses[1] < 0.3 * losses[0]
    np.testing.assert_allclose(run.outputs[-1], mlp.outputs(run.parameters, X), rtol=1e-13)


def test_covariance_of_the_last_layer_is_the_mean_over_its_weights():
    mlp = MLP((3, 30, 1), problem.relu(), 1.2, 0.3)
    parameters = mlp.initial(np.random.default_rng(4))
    rng, products = np.random.default_rng(5), []
    for _ in range(4000):
        last = NetworkParameters(
            (parameters.weights[0], rng.standard_normal((1, 30))), (parameters.biases[0], rng.standard_normal(1))
        )
        out = mlp.outputs(last, X)[:, 0]
        products.append(np.outer(out, out))
    error = np.std(products, axis=0) / 4000**0.5
    assert np.max(np.abs(np.mean(products, axis=0) - empirical_nngp(mlp, parameters, X)) / error) < 4.5


def test_gradients_are_those_of_torch():
    torch = pytest.importorskip("torch")
    mlp = NETWORKS[0]
    start = mlp.initial(np.random.default_rng(6))
    leaves = [[torch.tensor(part, requires_grad=True) for part in parts] for parts in start]
    outputs = torch.tensor(X)
    for layer, (W, b) in enumerate(zip(*leaves, strict=True)):
        outputs = mlp.W_std / mlp.sizes[layer] ** 0.5 * outputs @ W.T + mlp.b_std * b
        outputs = torch.erf(outputs) if layer < mlp.depth else outputs
    (0.5 * (outputs**2).sum()).backward()
    ours = mlp.gradient(start, X, lambda values: values)
    for parts, mine in zip(leaves, ours, strict=True):
        for leaf, gradient in zip(parts, mine, strict=True):
            np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_networks_live_on_every_library(backend):
    if backend.name in {"array-api-strict"}:
        pytest.skip("draws go through a backend of theorylab")
    mlp = NETWORKS[0]
    there = arrays_backend(backend.name)
    start = mlp.initial(np.random.default_rng(7), backend=there)
    here = mlp.initial(np.random.default_rng(7))
    targets = RNG.standard_normal((5, 2))
    runs = [
        train(mlp, p, x, y, learning_rate=0.2, record=[5])
        for p, x, y in ((start, there.asarray(X), there.asarray(targets)), (here, X, targets))
    ]
    np.testing.assert_allclose(there.to_numpy(runs[0].outputs), runs[1].outputs, rtol=1e-10)


def arrays_backend(name):
    from theorylab import arrays

    return arrays.backend(name)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MLP((3,), problem.relu()), "sizes must hold"),
        (lambda: MLP((3, 0), problem.relu()), "sizes must be"),
        (lambda: MLP((3, 1), problem.relu(), b_std=-1.0), "b_std must be"),
        (lambda: train(NETWORKS[2], None, X, np.ones((5, 2)), learning_rate=0.0, record=[1]), "learning_rate must be"),
        (lambda: train(NETWORKS[2], None, X, np.ones((5, 2)), learning_rate=0.1, record=[2, 1]), "record must hold"),
        (lambda: train(NETWORKS[2], None, X, np.ones((4, 2)), learning_rate=0.1, record=[2]), "y must|X"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
