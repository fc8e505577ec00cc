"""Duals of arbitrary activations: series by quadrature, closed forms, and the integral itself."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.ntk import problem
from theorylab.ntk.experiment.gaussian_pairs import pair_means
from theorylab.ntk.problem import Activation
from theorylab.ntk.theory import dual_activation
from theorylab.ntk.theory.numerical_dual import angle_series

__all__ = ["numerical_duals"]

#: Ten times the tolerance of the series, over the largest value of the dual in question.
_MARGIN = 1e-9
#: Families with a closed form; the first few are integrated directly as well.
_CLOSED = (
    problem.relu(),
    problem.erf(),
    problem.gelu(),
    problem.leaky_relu(0.1),
    problem.abs_(),
    problem.rectified_quadratic(),
    problem.probit(),
    problem.sin(1.3, 0.4),
    problem.exp(0.5),
    problem.gaussian(0.8),
    problem.polynomial([0.3, -1.0, 0.5, 0.2]),
)
_INTEGRATED = 3
#: Activations without one.
_OPEN = {
    "tanh": problem.numerical(np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    "hard tanh": problem.numerical(
        lambda x: np.clip(x, -1.0, 1.0), lambda x: np.where(np.abs(x) < 1.0, 1.0, 0.0), kinks=(-1.0, 1.0)
    ),
    "ELU": problem.numerical(
        lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))),
        lambda x: np.where(x > 0.0, 1.0, np.exp(np.minimum(x, 0.0))),
        kinks=(0.0,),
    ),
    "shifted ReLU": problem.numerical(
        lambda x: np.maximum(x - 0.7, 0.0), lambda x: np.where(x > 0.7, 1.0, 0.0), kinks=(0.7,)
    ),
    "softplus": problem.numerical(lambda x: np.logaddexp(x, 0.0), lambda x: 0.5 * (1.0 + np.tanh(0.5 * x))),
}
_Pairs = tuple[float, float, np.ndarray]
_Dual = Callable[[float, float, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _as_any(activation: Activation) -> Activation:
    """The same function without its family, so that its dual is integrated numerically."""
    return problem.numerical(activation.function, activation.derivative, activation.kinks)


def _pairs(conditions: Conditions) -> list[_Pairs]:
    """Random variances, equal and unequal, and covariances from one end to the other, exact in binary.

    Where the correlation is full, an error of rounding in the covariance would grow to its root in the dual.
    """
    rng = conditions.rng("pairs")
    s1, s2 = np.round(64.0 * rng.uniform([0.5, 1.2], [1.0, 2.0])) / 64.0
    cosines = np.round(1024.0 * np.cos(rng.uniform(0.0, math.pi, conditions.choose(quick=4, full=40)))) / 1024.0
    rho = np.concatenate([[-1.0, 0.0, 1.0], cosines])
    return [(a**2, b**2, a * b * rho) for a, b in ((s1, s1), (s2, s2), (s1, s2))]


def _compare(pairs: list[_Pairs], predicted: _Dual, measured: _Dual, label: str) -> list[Agreement]:
    """Both duals of one activation at all pairs."""
    expected, found = (
        [np.concatenate(part) for part in zip(*(side(*one) for one in pairs), strict=True)]
        for side in (predicted, measured)
    )
    return [
        Agreement(predicted=a, measured=b, margin=_MARGIN * float(np.max(np.abs(b))), label=f"{label}, {name}")
        for a, b, name in zip(expected, found, ("value", "derivative"), strict=True)
    ]


def _dual_of(activation: Activation) -> _Dual:
    return lambda q1, q2, c: dual_activation(activation, q1, q2, c)


def _integral_of(activation: Activation) -> _Dual:
    return lambda q1, q2, c: pair_means(activation, q1, q2, c)


def _gauss_hermite(activation: Activation, n: int) -> _Dual:
    """The tensor product of two rules of n nodes, which knows of no kinks."""
    x, weights = np.polynomial.hermite_e.hermegauss(n)
    weights = weights / np.sum(weights)

    def dual(q1: float, q2: float, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = c[:, None, None] / math.sqrt(q1)
        v = slope * x[:, None] + np.sqrt(np.maximum(q2 - slope**2, 0.0)) * x
        outer = math.sqrt(q1) * x
        value, derivative = (
            np.einsum("i,j,i,kij->k", weights, weights, function(outer), function(v))
            for function in (activation.function, activation.derivative)
        )
        return value, derivative

    return dual


def _series_in_cosine(activation: Activation, degree: int) -> _Dual:
    """Chebyshev series through the closed form in the cosine, in the place of the angle."""

    def dual(q1: float, q2: float, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale, x = math.sqrt(q1 * q2), np.polynomial.chebyshev.chebpts1(degree + 1)
        fits = [np.polynomial.chebyshev.chebfit(x, part, degree) for part in _dual_of(activation)(q1, q2, scale * x)]
        value, derivative = (np.polynomial.chebyshev.chebval(c / scale, fit) for fit in fits)
        return value, derivative

    return dual


def _series_in_angle(activation: Activation, degree: int) -> _Dual:
    """The series of equal variances, cut at a degree."""

    def dual(q1: float, q2: float, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        variance = math.sqrt(q1 * q2)
        series = angle_series(activation, math.sqrt(variance), degree)
        at = 2.0 / math.pi * np.arccos(np.clip(c / variance, -1.0, 1.0)) - 1.0
        value, derivative = np.polynomial.chebyshev.chebval(at, series)
        return value, derivative

    return dual


@claim(
    statement=r"Duals $T = E[\phi(u)\phi(v)]$ and $\dot T = E[\phi'(u)\phi'(v)]$ of any activation with known kinks "
    r"are found to $10^{-9}$ of their largest value, up to full correlation, by a Chebyshev series in the angle "
    r"$\theta = \arccos(c/s)$ where variances are equal and by $\sum_k a_k(s_1)a_k(s_2)\rho^k$ elsewhere.",
    source="derived here; daniely2016 for the series in the correlation",
    tolerance="1e-9 of the largest value, ten times what the series are cut at; the integral itself and the closed "
    "forms are good to 1e-12",
    controls={
        "gauss_hermite": "tensor product of Gauss-Hermite rules with 64 nodes each, for ReLU",
        "series_in_cosine": "Chebyshev series of degree 128 in the cosine, for ReLU",
        "forgotten_kink": "series in the angle of degree 128 for a shifted ReLU whose kink is not declared",
        "derivative_for_value": "dual of the derivative in the place of that of the function",
    },
)
def numerical_duals(conditions: Conditions) -> Outcome:
    """Closed forms, numerical series and direct integration: each against another one that shares no code with it."""
    pairs = _pairs(conditions)
    evidence = []
    for i, known in enumerate(_CLOSED):
        label = f"{known.name}{known.parameters}"
        evidence += _compare(pairs, _dual_of(known), _dual_of(_as_any(known)), f"closed form and series, {label}")
        if i < _INTEGRATED:
            evidence += _compare(pairs, _dual_of(known), _integral_of(known), f"closed form and integral, {label}")
    for name, unknown in _OPEN.items():
        evidence += _compare(pairs, _dual_of(unknown), _integral_of(unknown), f"series and integral, {name}")
    relu, shifted, equal = _CLOSED[0], _OPEN["shifted ReLU"], pairs[:2]
    forgotten = problem.numerical(shifted.function, shifted.derivative)
    exact = _dual_of(relu)
    return Outcome(
        evidence=evidence,
        controls={
            "gauss_hermite": _compare(pairs, _gauss_hermite(relu, 64), exact, "Gauss-Hermite and closed form"),
            "series_in_cosine": _compare(equal, _series_in_cosine(relu, 128), exact, "in the cosine and closed form"),
            "forgotten_kink": _compare(
                equal, _series_in_angle(forgotten, 128), _integral_of(shifted), "without kink and integral"
            ),
            "derivative_for_value": _compare(pairs, lambda *at: exact(*at)[::-1], _integral_of(relu), "exchanged"),
        },
        arrays=_errors_by_degree(conditions),
    )


def _errors_by_degree(conditions: Conditions) -> dict[str, np.ndarray]:
    """Largest relative error over the angle, of the derivative's dual at variance one, for growing series."""
    degrees = np.array([2, 4, 8, 16, 32, 64, 128])
    c = np.cos(np.linspace(0.0, math.pi, conditions.choose(quick=13, full=49)))
    c[[0, -1]] = 1.0, -1.0
    cases = {"ReLU": _CLOSED[0], **{name: _OPEN[name] for name in ("ELU", "tanh", "hard tanh", "shifted ReLU")}}

    def errors(rule: Callable[[Activation, int], _Dual], activation: Activation, exact: np.ndarray) -> np.ndarray:
        found = [rule(activation, int(degree))(1.0, 1.0, c)[1] for degree in degrees]
        return np.array([np.max(np.abs(values - exact)) for values in found]) / np.max(np.abs(exact))

    exact = {name: pair_means(activation, 1.0, 1.0, c).derivative for name, activation in cases.items()}
    relu, reference = cases["ReLU"], exact["ReLU"]
    return {
        "degrees": degrees,
        **{f"error_{name}": errors(_series_in_angle, one, exact[name]) for name, one in cases.items()},
        "error_gauss_hermite": errors(_gauss_hermite, relu, reference),
        "error_series_in_cosine": errors(_series_in_cosine, relu, reference),
    }
