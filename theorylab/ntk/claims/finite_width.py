"""Networks of finite width at initialisation: their kernels beside those of infinite width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, Rate, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.problem import erf
from theorylab.ntk.theory import NTK, dual_activation

__all__ = ["empirical_kernel_identity", "infinite_width"]

#: A network on which every control is off by a tenth or more: with ReLU and small biases two of them would pass.
_W_STD, _B_STD, _DEPTH = 1.5, 0.5, 3


def _points(conditions: Conditions, n: int, d: int = 5) -> np.ndarray:
    return np.asarray(conditions.rng("points", n, d).standard_normal((n, d)))


def _empirical(conditions: Conditions, X: np.ndarray, width: int, n_networks: int) -> tuple[np.ndarray, np.ndarray]:
    """Covariance and tangent kernel of random networks, each (networks, n, n)."""
    mlp = experiment.MLP((X.shape[1], *[width] * _DEPTH, 1), erf(), _W_STD, _B_STD)
    backend, rng = conditions.backend, conditions.rng("networks", width)
    inputs, at_once = backend.asarray(X), max(1, 2**21 // width**2)
    nngp, ntk = [], []
    for start in range(0, n_networks, at_once):
        parameters = mlp.initial(rng, ensemble=min(at_once, n_networks - start), backend=backend)
        nngp.append(backend.to_numpy(experiment.empirical_nngp(mlp, parameters, inputs)))
        ntk.append(backend.to_numpy(experiment.empirical_ntk(mlp, parameters, inputs)))
    return np.concatenate(nngp), np.concatenate(ntk)


def _wrong_recursion(X: np.ndarray, wrong: str) -> np.ndarray:
    """The recursion with one mistake in it."""
    w2, b2 = _W_STD**2, 0.0 if wrong == "no_bias" else _B_STD**2
    S = w2 / X.shape[1] * X @ X.T + b2
    K = S.copy()
    for _ in range(_DEPTH):
        q = np.diag(S)
        new = w2 * np.asarray(dual_activation(erf(), q[:, None], q[None, :], S).value) + b2
        at = new if wrong == "derivative_at_output" else S
        variance = np.diag(at)
        slope = np.asarray(dual_activation(erf(), variance[:, None], variance[None, :], at).derivative)
        K = new + (1.0 if wrong == "no_weight_variance" else w2) * slope * K
        S = new
    return K


@claim(
    statement=r"The covariance and the tangent kernel of a random network tend to $\Sigma$ and $\Theta$, "
    r"$\Theta^{l+1} = \Sigma^{l+1} + \sigma_w^2\dot T(\Sigma^l)\Theta^l$, with an error of a single network that falls "
    r"as the root of the width.",
    source="jacot2018, Theorem 1 and Proposition 1",
    tolerance="mean over networks: 6/width of the largest entry, two for each hidden layer, the order of the "
    "finite-width correction; exponent of a single network's error: 0.08, for its own corrections at the smallest "
    "width; resolution 8 % and 0.15, below what every control is off",
    controls={
        "no_weight_variance": "derivative term without the variance of the weights",
        "derivative_at_output": "derivative taken at the covariance behind the layer",
        "no_bias": "bias left out",
        "nngp_for_ntk": "covariance in the place of the tangent kernel",
        "rate_one": "error of a single network as one over the width",
    },
)
def infinite_width(conditions: Conditions) -> Outcome:
    """Kernels of random networks of growing width."""
    X = _points(conditions, 12)
    widths = conditions.choose(quick=[32, 64, 128, 256, 512], full=[32, 64, 128, 256, 512, 1024, 2048, 4096])
    networks = conditions.choose(quick=100, full=500)
    nngp, ntk = NTK(erf(), _DEPTH, _W_STD, _B_STD)(X, get=("nngp", "ntk"))
    samples = {width: _empirical(conditions, X, width, networks) for width in widths}
    scale = {"nngp": np.linalg.norm(nngp), "ntk": np.linalg.norm(ntk)}
    errors = {
        name: np.array([np.linalg.norm(samples[w][i] - limit, axis=(1, 2)) for w in widths]) / scale[name]
        for i, (name, limit) in enumerate((("nngp", nngp), ("ntk", ntk)))
    }
    widest = widths[-1]

    def mean_kernel(kind: int, predicted: np.ndarray, label: str) -> Agreement:
        values = samples[widest][kind]
        upper = np.triu_indices(len(X))
        return Agreement(
            predicted=predicted[upper],
            measured=values.mean(axis=0)[upper],
            standard_error=error_of_mean(values)[upper],
            margin=6.0 / widest * np.max(predicted),
            resolution=0.08 * np.max(predicted),
            label=f"{label}, width {widest}",
        )

    def falls(name: str, exponent: float) -> Rate:
        return Rate.fit(
            widths,
            errors[name].mean(axis=1),
            y_standard_error=error_of_mean(errors[name], axis=1),
            predicted=exponent,
            margin=0.08,
            resolution=0.15,
            label=f"error of one network's {name.upper()}",
        )

    wrong = ("no_weight_variance", "derivative_at_output", "no_bias")
    return Outcome(
        evidence=[
            mean_kernel(0, nngp, "mean NNGP"),
            mean_kernel(1, ntk, "mean NTK"),
            falls("nngp", -0.5),
            falls("ntk", -0.5),
        ],
        controls={
            **{name: mean_kernel(1, _wrong_recursion(X, name), "mean NTK") for name in wrong},
            "nngp_for_ntk": mean_kernel(1, nngp, "mean NTK"),
            "rate_one": [falls("nngp", -1.0), falls("ntk", -1.0)],
        },
        arrays={
            "widths": np.array(widths),
            **{f"error_{name}": values.mean(axis=1) for name, values in errors.items()},
            **{f"standard_error_{name}": error_of_mean(values, axis=1) for name, values in errors.items()},
            **{f"off_{name}": np.linalg.norm(_wrong_recursion(X, name) - ntk) / scale["ntk"] for name in wrong},
            "off_nngp_for_ntk": np.linalg.norm(nngp - ntk) / scale["ntk"],
        },
    )


@claim(
    statement=r"The tangent kernel of a finite network is $\sum_l [\frac{\sigma_w^2}{n_l}x^l\cdot x'^l + \sigma_b^2]\,"
    r"B^l B'^{lT}$, a sum over layers and not over parameters.",
    source="derived here, from the chain rule",
    tolerance="1e-7 of the largest entry: truncation and rounding of central differences with step 1e-4",
    controls={
        "first_layer_left_out": "sum over layers without the first one",
        "biases_left_out": "derivatives by the weights alone",
    },
)
def empirical_kernel_identity(conditions: Conditions) -> Outcome:
    """Kernels layer by layer beside the products of finite differences by every parameter."""
    X = _points(conditions, conditions.choose(quick=4, full=8), 3)
    width = conditions.choose(quick=9, full=40)
    pieces: dict[str, list[Agreement]] = {"all": [], "first_layer_left_out": [], "biases_left_out": []}
    for activation, outputs in ((erf(), 1), (erf(0.5), 3)):
        mlp = experiment.MLP((3, width, width + 2, outputs), activation, 1.3, 0.4)
        parameters = mlp.initial(conditions.rng("identity", outputs))
        measured = _by_differences(mlp, parameters, X)
        layerwise = experiment.empirical_ntk(mlp, parameters, X, trace=False)
        predictions = {
            "all": layerwise,
            "first_layer_left_out": layerwise - _layer_part(mlp, parameters, X, lambda layer, _: layer == 0),
            "biases_left_out": layerwise - _layer_part(mlp, parameters, X, lambda _, is_bias: is_bias),
        }
        for name, predicted in predictions.items():
            pieces[name].append(
                Agreement(
                    predicted=predicted,
                    measured=measured,
                    margin=1e-7 * np.max(np.abs(measured)),
                    label=f"tangent kernel, {outputs} outputs",
                )
            )
    return Outcome(evidence=pieces.pop("all"), controls=dict(pieces))


def _by_differences(mlp: experiment.MLP, parameters: experiment.NetworkParameters, X: np.ndarray) -> np.ndarray:
    """Products of central differences of the outputs, (n, n, k, k)."""
    step, jacobian = 1e-4, []
    for group in range(2):
        for layer, values in enumerate(parameters[group]):
            for index in np.ndindex(values.shape):
                sides = []
                for sign in (1.0, -1.0):
                    moved = [list(part) for part in parameters]
                    moved[group][layer] = values.copy()
                    moved[group][layer][index] += sign * step
                    sides.append(mlp.outputs(experiment.NetworkParameters(*map(tuple, moved)), X))
                jacobian.append((sides[0] - sides[1]) / (2.0 * step))
    J = np.stack(jacobian, axis=-1)
    return np.einsum("nap,mbp->nmab", J, J)


def _layer_part(
    mlp: experiment.MLP,
    parameters: experiment.NetworkParameters,
    X: np.ndarray,
    wanted: Callable[[int, bool], bool],
) -> Any:
    """Part of the kernel that some of the parameters make, from the explicit derivatives."""
    jacobian, start, kept = experiment.explicit_jacobian(mlp, parameters, X), 0, []
    for layer, (W, b) in enumerate(zip(*parameters, strict=True)):
        for is_bias, size in ((False, W.size), (True, b.size)):
            if wanted(layer, is_bias):
                kept.append(jacobian[:, :, start : start + size])
            start += size
    J = np.concatenate(kept, axis=-1)
    return np.einsum("nap,mbp->nmab", J, J)
