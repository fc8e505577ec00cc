"""Regression by deep networks: the value that is lost while the sign stays."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Bound, Conditions, Outcome, Rate, claim
from theorylab.ntk import experiment
from theorylab.ntk.experiment import Samples
from theorylab.ntk.theory import DepthLimit

__all__ = ["regression_degenerates"]

#: Squared coefficients of the consistent activations for d = 1 and 4, exact in binary: there p_1 differs from 1/B.
_CASES = {1: (0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5), 4: (0.0, 0.25, 0.5, 0.25)}
_KINDS = ("nngp", "ntk")


def _half_squares(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """One minus the cosine of all pairs, from differences."""
    return np.asarray(0.5 * np.sum((X[:, None] - Y[None]) ** 2, axis=-1))


def _regression(p: tuple[float, ...], train: Samples, test: Samples, depths: list[int]) -> dict[str, np.ndarray]:
    """Values of kernel regression on labels of -1 and 1 by depth and test point, for both kernels.

    The kernels come from the recursion in many digits, divided by their value on the diagonal.
    """
    n, m = len(train.points), len(test.points)
    upper = np.triu_indices(n, 1)
    gaps = np.concatenate(
        [_half_squares(train.points, train.points)[upper], _half_squares(test.points, train.points).ravel()]
    )
    logs = dict(zip(_KINDS, experiment.deep_kernels(p, gaps.tolist(), depths), strict=True))
    growth = sum(k * c for k, c in enumerate(p))  # of the tangent kernel on the diagonal, where cosines stay one
    values = {}
    for kind, of_depth in logs.items():
        rows = []
        for depth, log_kernel in zip(depths, of_depth, strict=True):
            diagonal = sum(growth**layer for layer in range(depth + 1)) if kind == "ntk" else 1.0
            entries = np.exp(log_kernel - math.log(diagonal))
            gram = np.eye(n)
            gram[upper] = gram.T[upper] = entries[: upper[0].size]
            weights = np.linalg.solve(gram, 2.0 * train.labels - 1.0)
            rows.append(entries[upper[0].size :].reshape(m, n) @ weights)
        values[kind] = np.array(rows)
    return values


def _predicted(p: tuple[float, ...], train: Samples, test: Samples, depths: np.ndarray) -> dict[str, np.ndarray]:
    """Sums of the closed form over the training points, where the Gram matrix is its diagonal."""
    limit = DepthLimit(p)
    log_g, excess = limit.log_limit(_half_squares(test.points, train.points))
    g, signs, slope = np.exp(log_g), 2.0 * train.labels - 1.0, limit.slope_at_one
    factor = limit.p[1] ** depths.astype(float)[:, None]
    tangent = (depths[:, None] + 1.0) * (g @ signs) + (g * excess) @ signs
    return {
        "nngp": factor * (g @ signs),
        "ntk": factor * tangent * (slope - 1.0) / (slope ** (depths[:, None] + 1.0) - 1.0),
    }


@claim(
    statement=r"Where $p_0 = 0 < p_1 < 1$ the value of deep kernel regression vanishes while its sign stays: "
    r"$f_L(x) \to p_1^L\sum_i y_i\,g(x, x_i)$ for the NNGP kernel, and $(p_1/B)^L\,\frac{B-1}{B}\sum_i y_i[(L+1)g + "
    r"R]$ for the tangent kernel, whose diagonal grows as $B^L$.",
    source="radhakrishnan2023 for the classifier; values derived here",
    tolerance="1e-3 of the largest value: at thirty layers the Gram matrix has at most that beside its diagonal, at "
    "distances of 1e-6; 1e-4 for the logarithm of a layer's factor, some three times what follows over thirty layers; "
    "the same sign on 98.5 % of the points, the others being nearly tied",
    controls={
        "value_stays": "a value that does not depend on the depth",
        "coefficient_not_squared": "root of p_1 as the factor of a layer",
        "rate_of_the_diagonal": "1/B as the factor of a layer",
        "tangent_without_diagonal": "tangent kernel with the factor p_1 alone, its growing diagonal forgotten",
        "tangent_for_nngp": "values of the tangent kernel in the place of those of the NNGP kernel",
    },
)
def regression_degenerates(conditions: Conditions) -> Outcome:
    """Kernel regression by networks of thirty to sixty layers, from the recursion in sixty digits."""
    n = conditions.choose(quick=24, full=80)
    depths = list(range(30, 61, 5))
    measured, predicted = {}, {}
    for dim, p in _CASES.items():
        rng = conditions.rng("sphere", dim)
        train, test = (experiment.random_labels_on_sphere(rng, n, dim) for _ in range(2))
        measured[dim] = _regression(p, train, test, depths)
        predicted[dim] = _predicted(p, train, test, np.array(depths))

    log_p = {dim: math.log(p[1]) for dim, p in _CASES.items()}
    log_slope = {dim: math.log(DepthLimit(p).slope_at_one) for dim, p in _CASES.items()}

    def largest(kind: str, predicted_kind: str, log_factor: dict[int, float] | None = None) -> list[Agreement]:
        pieces = []
        for dim in _CASES:
            sizes = np.max(np.abs(measured[dim][kind]), axis=1)
            expected = np.max(np.abs(predicted[dim][predicted_kind]), axis=1)
            if log_factor is not None:
                expected = expected * np.exp(log_factor[dim] * np.array(depths))
            label = f"largest value over the predicted one, {kind.upper()}, d = {dim}"
            pieces.append(
                Agreement(predicted=np.ones(len(depths)), measured=sizes / expected, margin=1e-3, label=label)
            )
        return pieces

    def decays(exponents: dict[int, float]) -> list[Rate]:
        x = np.exp(np.array(depths, dtype=float))  # a power of e^L
        return [
            Rate.fit(
                x,
                np.max(np.abs(measured[dim]["nngp"]), axis=1),
                predicted=exponent,
                margin=1e-4,
                resolution=0.05,
                label=f"logarithm of the value by layer, d = {dim}",
            )
            for dim, exponent in exponents.items()
        ]

    return Outcome(
        evidence=[
            *largest("nngp", "nngp"),
            *largest("ntk", "ntk"),
            *decays(log_p),
            *(_same_sign(measured[dim]["nngp"], predicted[dim]["nngp"], dim) for dim in _CASES),
        ],
        controls={
            "value_stays": decays(dict.fromkeys(_CASES, 0.0)),
            "coefficient_not_squared": decays({dim: 0.5 * value for dim, value in log_p.items()}),
            "rate_of_the_diagonal": decays({dim: -value for dim, value in log_slope.items()}),
            "tangent_without_diagonal": largest("ntk", "ntk", log_slope),
            "tangent_for_nngp": largest("nngp", "ntk"),
        },
        arrays={
            "depths": np.array(depths),
            **{
                f"{side}_{kind}_{dim}": np.max(np.abs(values[dim][kind]), axis=1)
                for side, values in (("measured", measured), ("predicted", predicted))
                for kind in _KINDS
                for dim in _CASES
            },
        },
    )


def _same_sign(measured: np.ndarray, predicted: np.ndarray, dim: int) -> Bound:
    share = np.mean((measured > 0.0) == (predicted[-1] > 0.0), axis=1)
    return Bound(lhs=np.full_like(share, 0.985), rhs=share, margin=0.0, label=f"sign of the value, d = {dim}")
