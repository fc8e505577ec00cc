"""Kernels of deep networks: the dual of the activations, the exponent of the singular kernel, and its closed form."""

from __future__ import annotations

import math

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, Rate, claim
from theorylab.ntk import experiment
from theorylab.ntk.problem import Activation, hermite, optimal_activation
from theorylab.ntk.theory import DepthLimit

__all__ = ["depth_closed_form", "dual_of_named_activations", "singular_exponent"]

#: Squared coefficients of the consistent activations for d = 1, 2 and 4, exact in binary.
_DYADIC = ((0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5), (0.0, 0.5, 0.0, 0.5), (0.0, 0.25, 0.5, 0.25))
#: Sphere dimensions whose consistent activation is examined.
_DIMENSIONS = (1, 2, 4, 8)


def _mean_products(
    conditions: Conditions, activation: Activation, cosines: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of products of an activation at correlated standard normals, and its standard error, for each cosine."""
    n = conditions.choose(quick=2_000_000, full=20_000_000)
    rng = conditions.rng("pairs", *map(str, activation.parameters))
    total, squares = np.zeros_like(cosines), np.zeros_like(cosines)
    for _ in range(n // 100_000):
        u, w = rng.standard_normal((2, 100_000))
        first = activation(u)
        for i, cosine in enumerate(cosines):
            products = first * activation(cosine * u + math.sqrt(1.0 - cosine**2) * w)
            total[i] += products.sum()
            squares[i] += (products**2).sum()
    mean = total / n
    return mean, np.sqrt((squares / n - mean**2) / n)


@claim(
    statement=r"A normalised activation with orthonormal Hermite coefficients $a_k$ has the dual "
    r"$\check\phi(\xi) = \sum_k a_k^2\,\xi^k$; the activations whose singular kernel has the exponent $d$ have "
    r"$\frac12(\xi + \xi^7)$ for $d = 1$ and $2^{-d/2}\xi + (1-2^{1-d/2})\xi^2 + 2^{-d/2}\xi^3$ else.",
    source="radhakrishnan2023, duals of normalised activations; coefficients derived here",
    tolerance="exact, hence no margin; resolution 5 % of the value at coinciding points, far less than what the "
    "controls are off",
    controls={
        "not_squared": "Hermite coefficients in the place of their squares",
        "not_normalised": "activation without its normalisation, 1.5 times too large",
    },
)
def dual_of_named_activations(conditions: Conditions) -> Outcome:
    """Mean products of activations at random Gaussian pairs."""
    cosines = np.array([0.0, 0.2, 0.5, 0.8, 1.0])
    measured = {dim: _mean_products(conditions, optimal_activation(dim), cosines) for dim in (2, 4)}

    def compare(dim: int, predicted: np.ndarray, scale: float = 1.0) -> Agreement:
        mean, error = measured[dim]
        return Agreement(
            predicted=predicted,
            measured=scale * mean,
            standard_error=scale * error,
            margin=0.0,
            resolution=0.05,
            label=f"mean product, d = {dim}",
        )

    def series(dim: int, power: float) -> np.ndarray:
        p = DepthLimit.of(optimal_activation(dim)).p
        return sum(weight**power * cosines**k for k, weight in enumerate(p))

    return Outcome(
        evidence=[compare(dim, DepthLimit.of(optimal_activation(dim)).dual(cosines)) for dim in (2, 4)],
        controls={
            "not_squared": [compare(4, series(4, 0.5))],
            "not_normalised": [compare(dim, series(dim, 1.0), scale=1.5) for dim in (2, 4)],
        },
        arrays={
            "cosines": cosines,
            **{f"measured_{dim}": mean for dim, (mean, _) in measured.items()},
            **{f"standard_error_{dim}": error for dim, (_, error) in measured.items()},
        },
    )


def _power_of_distance(p: tuple[float, ...], depth: int, kind: int, label: str, predicted: float, n: int) -> Rate:
    """Slope of a deep kernel in the distance, computed with many digits."""
    distances = np.geomspace(1e-5, 1e-2, n)
    logs = experiment.deep_kernels(p, (0.5 * distances**2).tolist(), [depth])[kind][0]
    return Rate.fit(
        distances, np.exp(logs - logs[-1]), predicted=predicted, margin=_RATE_MARGIN, resolution=0.05, label=label
    )


#: The kernel is a power times a log-periodic factor, of relative amplitude 1.4e-3 at d = 1 and less beyond, over seven
#: natural units of the logarithm: the slope of the fit is off by less than 2e-3.  Corrections for the finite distance
#: are of its square, 1e-4.
_RATE_MARGIN = 5e-3


@claim(
    statement=r"Without constant and with linear part, $p_0 = 0 < p_1 < 1$, the deep NNGP kernel is singular, "
    r"$\Sigma_L \propto r^{-\alpha}$ with $\alpha = -2\log p_1/\log B$ and $B = \sum_k k p_k$.",
    source="radhakrishnan2023, exponent of the singular kernel (there in terms of A' and B)",
    tolerance="5e-3 absolute, for the log-periodic factor of the kernel and the finite distances; resolution 0.05, "
    "since every control is off by at least one half",
    controls={
        "half": "exponent in 1 - cosine in the place of that in the distance",
        "coefficient_not_squared": "p_1 replaced by its root, the coefficient A' itself",
        "tangent_kernel": "tangent kernel of the same depth, which falls as the power alpha + 2",
    },
)
def singular_exponent(conditions: Conditions) -> Outcome:
    """Slopes of deep kernels over three decades of the distance, from the recursion in sixty digits."""
    n = conditions.choose(quick=15, full=60)
    cases = {f"d = {dim}": DepthLimit.of(optimal_activation(dim)) for dim in _DIMENSIONS}
    cases["sine-like"] = DepthLimit.of(hermite([0.0, math.sqrt(0.3), 0.0, math.sqrt(0.7)]))

    def slopes(exponents: dict[str, float], kind: int = 0) -> list[Rate]:
        return [_power_of_distance(limit.p, 200, kind, name, -exponents[name], n) for name, limit in cases.items()]

    alpha = {name: limit.alpha for name, limit in cases.items()}
    return Outcome(
        evidence=slopes(alpha),
        controls={
            "half": slopes({name: value / 2.0 for name, value in alpha.items()}),
            "coefficient_not_squared": slopes(
                {name: -math.log(limit.p[1]) / math.log(limit.slope_at_one) for name, limit in cases.items()}
            ),
            "tangent_kernel": slopes(alpha, kind=1),
        },
        arrays={"alpha": np.array(list(alpha.values()))},
    )


@claim(
    statement=r"In the singular regime $\Sigma_L = p_1^L g$ and $K_L = p_1^L[(L+1)\,g + R]$ for every depth, with the "
    r"Koenigs function $g(\check\phi(\xi)) = p_1 g(\xi)$ and $R = \sum_l [p_1^{-l}\xi_l g'(\xi_l) - g(\xi_0)]$, up to "
    r"terms of relative size $p_1^L$; hence the tangent kernel has the exponent $\alpha + 2$ below the distance "
    r"$r_\times = \sqrt{\alpha B/((B-1)(L+1))}$.",
    source="derived here",
    tolerance="1e-10 in the logarithm for the rounding of some hundred layers; the coefficients are dyadic fractions, "
    "so that both sides have the same to the last digit",
    controls={
        "without_remainder": "R left out: the kernel of well separated points",
        "one_layer_fewer": "L in the place of L + 1",
        "linear_coefficient_not_squared": "root of p_1 as the factor of a layer",
    },
)
def depth_closed_form(conditions: Conditions) -> Outcome:
    """Deep kernels in closed form beside the recursion in many digits."""
    delta = np.geomspace(1e-8, 0.9, conditions.choose(quick=13, full=60))
    depths = np.array(conditions.choose(quick=[100, 400], full=[100, 400, 2000]))
    cases = [DepthLimit(p) for p in _DYADIC]
    measured = [experiment.deep_kernels(limit.p, delta.tolist(), depths.tolist(), digits=80) for limit in cases]
    limits = [limit.log_limit(delta) for limit in cases]

    def compare(kind: int, layers: float = 1.0, remainder: float = 1.0, power: float = 1.0) -> list[Agreement]:
        pieces = []
        for limit, (log_g, excess), logs in zip(cases, limits, measured, strict=True):
            predicted = power * depths[:, None] * math.log(limit.p[1]) + log_g
            if kind:
                predicted = predicted + np.log(depths[:, None] + layers + remainder * excess)
            label = f"log {('NNGP kernel', 'tangent kernel')[kind]}, alpha = {limit.alpha:.4g}"
            pieces.append(Agreement(predicted=predicted, measured=logs[kind], margin=1e-10, label=label))
        return pieces

    return Outcome(
        evidence=[*compare(0), *compare(1)],
        controls={
            "without_remainder": compare(1, remainder=0.0),
            "one_layer_fewer": compare(1, layers=0.0),
            "linear_coefficient_not_squared": compare(0, power=0.5),
        },
        arrays={
            "delta": delta,
            "depths": depths,
            "measured_log_ntk": measured[1][1],
            "measured_log_nngp": measured[1][0],
            "alpha": cases[1].alpha,
        },
    )
