"""Networks of finite width in training: their kernel stays, and they follow the dynamics that it predicts."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from theorylab import datasets
from theorylab.claims import Agreement, Conditions, Ordering, Outcome, Rate, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.experiment import MLP
from theorylab.ntk.problem import erf, relu
from theorylab.ntk.theory import NTK, KernelGradientFlow

__all__ = ["constant_kernel", "ensemble_moments", "linearised_training", "principal_components"]


def _circle(angles: Any) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


#: Two problems on the circle: the product of the coordinates at sixteen points, and four points of a slow wave.
_SIXTEEN = _circle(np.linspace(0.0, 2.0 * math.pi, 16, endpoint=False) + 0.1)
_FOUR = _circle(np.array([-2.4, -0.9, 0.3, 1.9]))
#: Weights of the networks that are trained at a time: a dozen copies of them fit into two gigabytes.
_MANY_WEIGHTS = 2**24


@dataclasses.dataclass(frozen=True)
class _Trained:
    """An ensemble of networks before and after training."""

    mlp: MLP
    start: Any
    run: experiment.TrainingRun
    inputs: Any

    def kernel_change(self) -> np.ndarray:
        """Relative Frobenius change of the tangent kernel of each network."""
        both = (self.start, self.run.parameters)
        before, after = (experiment.empirical_ntk(self.mlp, parameters, self.inputs) for parameters in both)
        return np.linalg.norm(after - before, axis=(1, 2)) / np.linalg.norm(before, axis=(1, 2))


def _trained(
    conditions: Conditions,
    mlp: MLP,
    X: np.ndarray,
    y: np.ndarray,
    networks: int,
    rate: float,
    record: list[int],
    **at: Any,
) -> Iterator[_Trained]:
    """So many networks, a part of them at a time."""
    backend, to_host = conditions.backend, conditions.backend.to_numpy
    rng, inputs = conditions.rng("start", *mlp.sizes, mlp.activation.name), backend.asarray(X)

    def hosted(parameters: Any) -> Any:
        return type(parameters)(*(tuple(map(to_host, values)) for values in parameters))

    at_a_time = max(1, _MANY_WEIGHTS // sum(map(math.prod, itertools.pairwise(mlp.sizes))))
    for first in range(0, networks, at_a_time):
        start = mlp.initial(rng, ensemble=min(at_a_time, networks - first), backend=backend)
        run = experiment.train(mlp, start, inputs, backend.asarray(y), learning_rate=rate, record=record, **at)
        run = run._replace(parameters=hosted(run.parameters), outputs=to_host(run.outputs))
        yield _Trained(mlp, hosted(start), run, X)


def _one_by_one(parts: Iterable[_Trained]) -> Iterator[tuple[Any, np.ndarray]]:
    """Parameters of each network at the start, and its outputs in training, (T, n, k)."""
    for part in parts:
        for i in range(part.run.outputs.shape[1]):
            own = type(part.start)(*(tuple(values[i] for values in layers) for layers in part.start))
            yield own, part.run.outputs[:, i]


def _outputs(parts: Iterable[_Trained]) -> np.ndarray:
    """The only output of all networks, (T, networks, n)."""
    return np.concatenate([part.run.outputs[..., 0] for part in parts], axis=1)


@claim(
    statement=r"The tangent kernel of a wide network stays what it was: its relative change in training is "
    r"$O(w^{-1/2})$ for the width $w$.",
    source="jacot2018, Theorem 2",
    tolerance="exponent at most -1/2, the proven bound, to 3.5 standard errors; measured exponents are steeper; "
    "resolution 0.4, since a kernel that moves has the exponent 0",
    controls={
        "mean_field": "outputs divided by the root of the width and learning rate multiplied by it, which learns "
        "features"
    },
)
def constant_kernel(conditions: Conditions) -> Outcome:
    """Networks of growing width, trained on sixteen points of the circle."""
    widths = conditions.choose(quick=[64, 128, 256, 512], full=[64, 128, 256, 512, 1024, 2048, 4096])
    networks, steps = conditions.choose(quick=20, full=20), conditions.choose(quick=50, full=200)
    y = _SIXTEEN[:, :1] * _SIXTEEN[:, 1:]
    changes: dict[str, np.ndarray] = {}
    for name, activation in (("relu", relu()), ("erf", erf())):
        for scaled in (False, True):
            rows = []
            for width in widths:
                scale = width**-0.5 if scaled else 1.0
                mlp = MLP((2, width, width, 1), activation, math.sqrt(2.0), 0.1, output_scale=scale)
                parts = _trained(conditions, mlp, _SIXTEEN, y, networks, scale**-2, [steps])
                rows.append(np.concatenate([part.kernel_change() for part in parts]))
            changes[name + ("_mean_field" if scaled else "")] = np.array(rows)

    def falls(name: str) -> Ordering:
        """The fitted exponent lies below -1/2."""
        values = changes[name]
        fit = Rate.fit(
            widths,
            values.mean(axis=1),
            y_standard_error=error_of_mean(values, axis=1),
            predicted=-0.5,
            margin=0.0,
            resolution=1.0,
        )
        return Ordering(
            values=np.array([fit.fitted, -0.5]),
            standard_error=np.array([float(np.max(fit.standard_error)), 0.0]),
            direction="increasing",
            margin=0.0,
            resolution=0.4,
            label=f"exponent of the change, {name}",
        )

    return Outcome(
        evidence=[falls("relu"), falls("erf")],
        controls={"mean_field": [falls("relu_mean_field"), falls("erf_mean_field")]},
        arrays={
            "widths": np.array(widths),
            **{name: values.mean(axis=1) for name, values in changes.items()},
            **{f"standard_error_{name}": error_of_mean(values, axis=1) for name, values in changes.items()},
        },
    )


@claim(
    statement=r"A trained wide network follows $f_{*,k} = f_{*,0} + K_*\,[1 - (1-\eta K/n)^k]K^{-1}(y - f_0)$ from its "
    r"own start: with the kernel of infinite width up to the root of the width, with its own kernel at the start up to "
    r"the width itself.",
    source="lee2019, Theorem 2.1 and eqs. (8)-(11); paired comparison derived here",
    tolerance="exponents -1/2 and -1 to 0.2, since at widths from 64 the next order is still felt, resolution 0.35; "
    "distance of outputs of order one at the largest width 2/sqrt(width), and 15/width from the own kernel",
    controls={
        "nngp_kernel": "covariance in the place of the tangent kernel",
        "sum_loss": "time not divided by the number of samples",
        "gradient_flow": "gradient flow in the place of steps of the size that is used",
    },
)
def linearised_training(conditions: Conditions) -> Outcome:
    """Networks beside the prediction from their own start, on test points around the circle."""
    widths = conditions.choose(quick=[64, 128, 256, 512], full=[64, 128, 256, 512, 1024, 2048, 4096])
    networks = conditions.choose(quick=60, full=100)
    y = np.array([[1.0], [-0.6], [0.8], [-0.3]])
    test = _circle(np.linspace(-math.pi, math.pi, 25))
    kernel = NTK(erf(), 2, 1.5, 0.3)
    K, K_star = kernel(_FOUR), kernel(test, _FOUR)
    flow = KernelGradientFlow(K, y)
    rate, steps = 0.5 * flow.max_learning_rate, [1, 3, 10, 30]
    distances: dict[str, list[np.ndarray]] = {name: [] for name in ("limit", "own", "nngp_kernel", "sum_loss", "flow")}
    for width in widths:
        mlp = MLP((2, width, width, 1), erf(), 1.5, 0.3)
        each: dict[str, list[float]] = {name: [] for name in distances}
        for own, outputs in _one_by_one(_trained(conditions, mlp, _FOUR, y, networks, rate, steps, at=test)):
            starts = {"f0": mlp.outputs(own, _FOUR), "f0_star": mlp.outputs(own, test)}
            at_start = experiment.empirical_ntk(mlp, own, _FOUR), experiment.empirical_ntk(mlp, own, test, _FOUR)
            nngp = kernel(_FOUR, get="nngp"), kernel(test, _FOUR, get="nngp")
            pairs = {"limit": (K, K_star, rate), "own": (*at_start, rate), "nngp_kernel": (*nngp, rate)}
            predictions = {name: _descent(*pair[:2], y, steps, pair[2], starts) for name, pair in pairs.items()}
            predictions["sum_loss"] = _descent(4.0 * K, 4.0 * K_star, y, steps, 0.2 * rate, starts, flow=True)
            predictions["flow"] = _descent(K, K_star, y, steps, rate, starts, flow=True)
            for name, values in predictions.items():
                each[name].append(float(np.sqrt(np.mean((values - outputs) ** 2))))
        for name, numbers in each.items():
            distances[name].append(np.array(numbers))
    measured = {name: np.array(values) for name, values in distances.items()}

    def falls(name: str, exponent: float) -> Rate:
        values = measured[name]
        return Rate.fit(
            widths,
            values.mean(axis=1),
            y_standard_error=error_of_mean(values, axis=1),
            predicted=exponent,
            margin=0.2,
            resolution=0.35,
            label=f"distance of the networks from the prediction, {name}",
        )

    def close(name: str) -> Agreement:
        values = measured[name][-1]
        return Agreement(
            predicted=0.0,
            measured=values.mean(),
            standard_error=error_of_mean(values),
            margin=15.0 / widths[-1] if name == "own" else 2.0 / math.sqrt(widths[-1]),
            resolution=0.1,
            label=f"distance at width {widths[-1]}, {name}",
        )

    return Outcome(
        evidence=[falls("limit", -0.5), falls("own", -1.0), close("limit"), close("own")],
        controls={
            "nngp_kernel": [falls("nngp_kernel", -0.5), close("nngp_kernel")],
            "sum_loss": [falls("sum_loss", -0.5), close("sum_loss")],
            "gradient_flow": [falls("flow", -0.5), close("flow")],
        },
        arrays={
            "widths": np.array(widths),
            **{name: values.mean(axis=1) for name, values in measured.items()},
            **{f"standard_error_{name}": error_of_mean(values, axis=1) for name, values in measured.items()},
        },
    )


def _descent(
    K: np.ndarray,
    K_star: np.ndarray,
    y: np.ndarray,
    steps: list[int],
    rate: float,
    starts: dict[str, Any],
    flow: bool = False,
) -> np.ndarray:
    symmetric = 0.5 * (K + K.T)
    dynamics = KernelGradientFlow(symmetric, y)
    return np.asarray(
        dynamics.predict(np.array(steps, dtype=float), K_star, learning_rate=rate, discrete=not flow, **starts)
    )


@claim(
    statement=r"Over random starts a trained network is Gaussian with mean $M_t y$ and covariance "
    r"$\Sigma_{**} - M_t\Sigma_*^T - \Sigma_*M_t^T + M_t\Sigma M_t^T$, $M_t = K_* g_t(K)$: at no time, the end "
    r"included, the posterior of a Gaussian process with the tangent kernel as its prior.",
    source="lee2019, eqs. (13)-(16)",
    tolerance="mean 0.06, about one fifth of the standard deviation, and variance 10/width of its prior, the "
    "finite-width corrections; resolution 0.3 for the mean and 0.4 of the prior variance",
    controls={
        "tangent_prior": "posterior of a Gaussian process with the tangent kernel as covariance",
        "prior_variance": "variance at the start",
        "mean_without_training": "mean at the start",
    },
)
def ensemble_moments(conditions: Conditions) -> Outcome:
    """Mean and variance of many trained networks around the circle."""
    width, networks = conditions.choose(quick=(128, 300), full=(512, 1200))
    y = np.array([[1.0], [-0.6], [0.8], [-0.3]])
    test = _circle(np.linspace(-math.pi, math.pi, 13)[:-1])
    kernel = NTK(relu(), 2, math.sqrt(2.0), 0.1)
    K, K_star = kernel(_FOUR), kernel(test, _FOUR)
    S, S_star, S_star_star = (kernel(x, z, get="nngp") for x, z in ((_FOUR, None), (test, _FOUR), (test, None)))
    flow = KernelGradientFlow(K, y)
    rate, steps = 0.2 * flow.max_learning_rate, [0, 5, 30, 200]
    mlp = MLP((2, width, width, 1), relu(), math.sqrt(2.0), 0.1)
    outputs = _outputs(_trained(conditions, mlp, _FOUR, y, networks, rate, steps, at=test))
    predicted = flow.ensemble(
        np.array(steps, dtype=float), K_star, S=S, S_star=S_star, S_star_star=S_star_star, learning_rate=rate
    )
    prior = float(np.max(S_star_star))

    def variance(values: np.ndarray, rows: slice = slice(None), label: str = "variance") -> Agreement:
        measured = outputs.var(axis=1, ddof=1)[rows]
        return Agreement(
            predicted=values,
            measured=measured,
            standard_error=measured * math.sqrt(2.0 / (networks - 1)),
            margin=10.0 / width * prior,
            resolution=0.4 * prior,
            label=label,
        )

    def mean(values: np.ndarray, rows: slice = slice(None)) -> Agreement:
        return Agreement(
            predicted=values,
            measured=outputs.mean(axis=1)[rows],
            standard_error=error_of_mean(outputs, axis=1)[rows],
            margin=0.06,
            resolution=0.3,
            label="mean",
        )

    last = slice(len(steps) - 1, None)
    tangent = np.diag(kernel(test) - K_star @ np.linalg.solve(K, K_star.T))[None, :]
    start = np.broadcast_to(np.asarray(predicted.covariance)[:1], (1, len(test)))
    return Outcome(
        evidence=[mean(np.asarray(predicted.mean)[..., 0]), variance(np.asarray(predicted.covariance))],
        controls={
            "tangent_prior": variance(tangent, last, "variance at the end"),
            "prior_variance": variance(start, last, "variance at the end"),
            "mean_without_training": mean(np.zeros((1, len(test))), last),
        },
        arrays={
            "steps": np.array(steps),
            "angles": np.linspace(-math.pi, math.pi, 13)[:-1],
            "predicted_mean": np.asarray(predicted.mean)[..., 0],
            "predicted_variance": np.asarray(predicted.covariance),
            "measured_mean": outputs.mean(axis=1),
            "measured_variance": outputs.var(axis=1, ddof=1),
            "tangent_prior_variance": tangent[0],
            "networks": float(networks),
        },
    )


@claim(
    statement=r"The residual along each kernel principal component shrinks by $1 - \eta\lambda_i/n$ a step: fastest "
    r"along the largest eigenvalues.",
    source="jacot2018, section 5",
    tolerance="distance from the predicted residual in units of that at the start: exponent -1/2 in the width to 0.15, "
    "since at widths from 64 the next order is still felt, resolution 0.35; at the largest width 2/sqrt(width), as for "
    "outputs of order one on the circle, resolution 5 %",
    controls={
        "reversed": "eigenvalues in reversed order",
        "sum_loss": "time not divided by the number of samples",
    },
)
def principal_components(conditions: Conditions) -> Outcome:
    """Networks that learn to tell threes from eights, seen along the eigenvectors of their limiting kernel."""
    n, widths, networks = conditions.choose(quick=(100, [64, 128, 256], 8), full=(350, [64, 128, 256, 512, 1024], 8))
    digits = datasets.load("digits")
    chosen = np.isin(digits.y, (3, 8))
    X = datasets.scaled_to_mean_square_norm(datasets.standardized(digits.X[chosen]))[:n]
    X = X * math.sqrt(X.shape[1] / np.mean(np.sum(X**2, axis=1)))
    y = np.asarray(datasets.plus_minus_one(digits.y[chosen], 3))[:n, None]
    kernel = NTK(relu(), 2, math.sqrt(2.0), 0.1)
    flow = KernelGradientFlow(kernel(X), y)
    rate, steps = 0.5 * flow.max_learning_rate, [0, 3, 10, 30, 100]
    vectors, values = np.asarray(flow.eigenvectors), np.asarray(flow.eigenvalues)
    residuals = []
    for width in widths:
        mlp = MLP((X.shape[1], width, width, 1), relu(), math.sqrt(2.0), 0.1)
        outputs = _outputs(_trained(conditions, mlp, X, y, networks, rate, steps))
        residuals.append((outputs - y[:, 0]) @ vectors)
    residual = np.stack(residuals)  # (widths, steps, networks, modes)

    def distances(eigenvalues: np.ndarray, speed: float) -> np.ndarray:
        """Of each network after the recorded steps, (widths, steps, networks)."""
        decay = (1.0 - np.minimum(speed * rate * eigenvalues / n, 1.9)) ** np.array(steps)[:, None]
        left = np.linalg.norm(residual - decay[:, None, :] * residual[:, :1], axis=3)
        return np.asarray((left / np.linalg.norm(residual[:, :1], axis=3))[:, 1:])

    def compare(eigenvalues: np.ndarray, speed: float = 1.0) -> list[Rate | Agreement]:
        distance = distances(eigenvalues, speed)
        typical, last = distance.mean(axis=1), distance[-1]
        fit = Rate.fit(
            widths,
            typical.mean(axis=1),
            y_standard_error=error_of_mean(typical, axis=1),
            predicted=-0.5,
            margin=0.15,
            resolution=0.35,
            label="distance from the predicted residual",
        )
        close = Agreement(
            predicted=np.zeros(len(last)),
            measured=last.mean(axis=1),
            standard_error=error_of_mean(last, axis=1),
            margin=2.0 / math.sqrt(widths[-1]),
            resolution=0.05,
            label=f"distance from the predicted residual at width {widths[-1]}",
        )
        return [fit, close]

    modes = [0, 1, 3, 10, 30, n - 1]
    return Outcome(
        evidence=compare(values),
        controls={"reversed": compare(values[::-1]), "sum_loss": compare(values, speed=float(n))},
        arrays={
            "steps": np.array(steps),
            "modes": np.array(modes),
            "measured": np.abs(residual[-1, :, 0][:, modes]),
            "widths": np.array(widths),
            "distance": distances(values, 1.0).mean(axis=(1, 2)),
            "standard_error_distance": error_of_mean(distances(values, 1.0).mean(axis=1), axis=1),
            "distance_reversed": distances(values[::-1], 1.0).mean(axis=(1, 2)),
            "eigenvalues": values,
            "rate": rate / n,
        },
    )
