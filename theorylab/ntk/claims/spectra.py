"""The spectrum of kernels on circle and spheres: eigenvalues, their power law, and finite networks that have it."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from theorylab.claims import Agreement, Conditions, Evidence, Outcome, Rate, claim
from theorylab.evidence import error_of_mean
from theorylab.ntk import experiment
from theorylab.ntk.problem import relu
from theorylab.ntk.theory import (
    NTK,
    SpectralLaw,
    circle_gram_eigenvalues,
    multiplicity,
    spectral_law,
    sphere_spectrum,
    zonal_profile,
)

__all__ = ["gram_spectrum", "network_spectrum", "power_law_spectrum"]

#: Points have the norm sqrt(d); with biases of the size of the inputs the power law begins at degrees of some tens.
_W_STD, _B_STD = math.sqrt(2.0), 0.5
_DEPTHS = (1, 2, 4)


def _spectrum(dim: int, count: int, depth: int, kind: str = "ntk", b_std: float = _B_STD) -> np.ndarray:
    """Predicted eigenvalues of the degrees below a number."""
    kernel = NTK(relu(), depth, _W_STD, b_std, kind=kind)
    return np.asarray(sphere_spectrum(lambda angles: zonal_profile(kernel, angles), dim, np.arange(count)))


def _law(dim: int, depth: int, kind: str = "ntk", b_std: float = _B_STD) -> SpectralLaw:
    return spectral_law(NTK(relu(), depth, _W_STD, b_std, kind=kind), dim)


def _aliased(count: int, n: int, depth: int, kind: str = "ntk", b_std: float = _B_STD) -> np.ndarray:
    """Predicted eigenvalues, over n, of n equidistant points of the circle."""
    return np.asarray(circle_gram_eigenvalues(_spectrum(2, count, depth, kind, b_std), _law(2, depth, kind, b_std), n))


@functools.cache
def _profile(depth: int, kind: str = "ntk") -> Any:
    """Kernel as a function of the angle, integrated by brute force."""
    return experiment.interpolated_kernel(relu(), kind=kind, depth=depth, W_std=_W_STD, b_std=_B_STD)


def _falling(values: Any) -> np.ndarray:
    return np.sort(np.asarray(values))[::-1]


@functools.cache
def _circle_spectrum(n: int, depth: int, kind: str = "ntk") -> np.ndarray:
    """Eigenvalues, over n and falling, of the Gram matrix of equidistant points."""
    angles = experiment.angles_between(experiment.equidistant_points(n))
    return _falling(np.linalg.eigvalsh(_profile(depth, kind)(angles))) / n


@claim(
    statement=r"On the unit sphere the eigenvalues of a kernel are $\lambda_k = E[\kappa(\theta)P_k(\cos\theta)]$, "
    r"with the multiplicities of spherical harmonics; the Gram matrix of $n$ equidistant points of the circle, over "
    r"$n$, has exactly $\sum_{m\in\mathbb{Z}}\lambda_{|j+mn|}$.",
    source="bach2017, appendix D.1; aliases of the circle derived here",
    tolerance="circle: 1e-9 of the largest eigenvalue, for what the power law misses of the sum beyond degree 2000; "
    "spheres: 20 times the eigenvalue of the degree 2n-k, which n latitudes cannot tell from k (the factor for its "
    "neighbours and for the turns), and 1e-10 of the largest for rounding; both sides share the recursion over layers, "
    "whose expectations the measurement integrates by brute force",
    controls={
        "covariance": "spectrum of the covariance in the place of that of the tangent kernel",
        "without_aliases": "eigenvalues of the degrees 0 to n/2 alone, of infinitely many points",
        "one_dimension_more": "spectrum on the sphere of one dimension more",
        "multiplicity_of_circle": "two harmonics of every degree, as on the circle",
    },
)
def gram_spectrum(conditions: Conditions) -> Outcome:
    """Eigenvalues of Gram matrices of explicit points, the kernel integrated by brute force."""
    n_circle, n_sphere = conditions.choose(quick=(200, 100), full=(1000, 400))
    shown, small = n_sphere // 5, (16, 32)
    count = 2 * max(n_circle, 1000) + 1
    spheres = {
        (dim, depth): experiment.rotation_invariant_spectrum(_profile(depth), dim, n_sphere, n_sphere)[:shown]
        for dim in (3, 4, 6)
        for depth in (1, 4)
    }
    points, weights = experiment.weighted_grid(*small)
    root = np.sqrt(weights)
    grid = _falling(np.linalg.eigvalsh(root[:, None] * _profile(2)(experiment.angles_between(points)) * root))[:25]

    def on_circle(kind: str = "ntk", aliases: bool = True) -> list[Agreement]:
        pieces = []
        for depth in _DEPTHS:
            measured = _circle_spectrum(n_circle, depth)
            waves = np.minimum(np.arange(n_circle), n_circle - np.arange(n_circle))
            predicted = _aliased(count, n_circle, depth, kind) if aliases else _spectrum(2, count, depth, kind)[waves]
            label = f"circle, {n_circle} points, {depth} layers"
            pieces.append(
                Agreement(predicted=_falling(predicted), measured=measured, margin=1e-9 * measured[0], label=label)
            )
        return pieces

    def on_spheres(kind: str = "ntk", more: int = 0) -> list[Agreement]:
        pieces = []
        for (dim, depth), measured in spheres.items():
            predicted = _falling(_spectrum(dim + more, shown, depth, kind))
            margin = _grid_margin(n_sphere, np.arange(shown), dim, depth) + 1e-10 * measured[0]
            label = f"sphere, d = {dim}, {depth} layers"
            pieces.append(Agreement(predicted=predicted, measured=measured, margin=margin, label=label))
        return pieces

    def on_grid(dim: int) -> Agreement:
        repeats = np.asarray(multiplicity(dim, np.arange(25))).astype(int)
        predicted = np.repeat(_spectrum(3, 25, 2), repeats)[: grid.size]
        margin = _grid_margin(small[0], np.repeat(np.arange(5), [1, 3, 5, 7, 9]), 3, 2)
        return Agreement(predicted=predicted, measured=grid, margin=margin, label="all harmonics, d = 3, 2 layers")

    return Outcome(
        evidence=[*on_circle(), *on_spheres(), on_grid(3)],
        controls={
            "covariance": [*on_circle("nngp"), *on_spheres("nngp")],
            "without_aliases": on_circle(aliases=False),
            "one_dimension_more": on_spheres(more=1),
            "multiplicity_of_circle": on_grid(2),
        },
        arrays={
            "grid": grid,
            "grid_predicted": np.repeat(_spectrum(3, 5, 2), [1, 3, 5, 7, 9]),
            "circle": _circle_spectrum(n_circle, 1),
            "circle_predicted": _falling(_aliased(count, n_circle, 1)),
        },
    )


def _grid_margin(n: int, degrees: np.ndarray, dim: int, depth: int) -> np.ndarray:
    """What aliases of n latitudes may add to the eigenvalues of some degrees."""
    return 20.0 * np.asarray(_law(dim, depth)(2 * n - degrees))


#: Degrees at which the circle is fitted: beyond the first corrections of the law and before the aliases.
_CIRCLE_DEGREES = np.unique(np.geomspace(20, 80, 25).astype(int))


@claim(
    statement=r"The eigenvalues of the tangent kernel of ReLU networks on a sphere fall as $\lambda_k \simeq "
    r"C\,(k+\frac{d-2}{2})^{-d}$ for every depth, those of the covariance as the power $-d-2$, with constants $C$ from "
    r"the recursion over layers.",
    source="bietti2021, Theorem 1, Corollaries 2 and 3; constants and the half-shift of the degree derived here",
    tolerance="exponent: 0.03 on the circle, where points of 15 times the highest degree alias by 1.5 %, and 0.1 on "
    "spheres, where the next term of the law is 5 % at the lowest degree; resolution 0.3, a third of what the nearest "
    "control is off; constant: 3 % on the circle, 8 % on spheres, for the same reasons; both sides share the recursion "
    "over layers, whose expectations the measurement integrates by brute force",
    controls={
        "covariance_exponent": "exponent d + 2, that of the covariance, for the tangent kernel",
        "wrong_dimension": "exponent d - 1, that of the sphere's own dimension",
        "gaussian_kernel": "Gaussian kernel, whose spectrum falls faster than any power",
        "constant_of_one_layer": "constant of one hidden layer at every depth",
    },
)
def power_law_spectrum(conditions: Conditions) -> Outcome:
    """Slopes and constants of the spectra of Gram matrices, the kernel integrated by brute force."""
    n_circle, n_sphere = conditions.choose(quick=(1200, 200), full=(2400, 500))
    degrees = {2: _CIRCLE_DEGREES, **{dim: np.arange(n_sphere // 10, n_sphere // 5) for dim in (3, 4, 6)}}

    def measured(dim: int, depth: int, kind: str) -> np.ndarray:
        if dim == 2:  # a cosine and a sine of each degree stand side by side behind the constant
            return _circle_spectrum(n_circle, depth, kind)[2 * degrees[2] - 1]
        return experiment.rotation_invariant_spectrum(_profile(depth, kind), dim, n_sphere, n_sphere)[degrees[dim]]

    cases = [(2, depth, kind) for depth in _DEPTHS for kind in ("ntk", "nngp")]
    cases += [(dim, 2, "ntk") for dim in (3, 4, 6)] + [(3, 4, "ntk"), (3, 2, "nngp")]
    values = {case: measured(*case) for case in cases}
    tangent = [case for case in cases if case[2] == "ntk"]

    def slope(case: tuple[int, int, str], exponent: float, data: np.ndarray | None = None) -> Rate:
        dim, depth, kind = case
        name = "tangent kernel" if kind == "ntk" else "covariance"
        return Rate.fit(
            degrees[dim] + 0.5 * (dim - 2),
            values[case] if data is None else data,
            predicted=-exponent,
            margin=0.03 if dim == 2 else 0.1,
            resolution=0.3,
            label=f"{name}, d = {dim}, {depth} layers",
        )

    def constant(case: tuple[int, int, str], depth: int) -> Agreement:
        dim, kind = case[0], case[2]
        ratio = values[case] / np.asarray(_law(dim, depth, kind)(degrees[dim]))
        margin = 0.03 if dim == 2 else 0.08
        return Agreement(
            predicted=np.ones_like(ratio), measured=ratio, margin=margin, label=f"eigenvalue over law, d = {dim}"
        )

    angles = experiment.angles_between(experiment.equidistant_points(200))
    gaussian = _falling(np.linalg.eigvalsh(np.exp(-2.0 * (2.0 * np.sin(0.5 * angles)) ** 2)))[11:32:2] / 200
    evidence: list[Evidence] = [slope(case, _law(case[0], case[1], case[2]).exponent) for case in cases]
    return Outcome(
        evidence=[*evidence, *(constant(case, case[1]) for case in cases)],
        controls={
            "covariance_exponent": [slope(case, case[0] + 2.0) for case in tangent],
            "wrong_dimension": [slope(case, case[0] - 1.0) for case in tangent],
            "gaussian_kernel": Rate.fit(
                np.arange(6, 17), gaussian, predicted=-2.0, margin=0.03, resolution=0.3, label="Gaussian kernel"
            ),
            "constant_of_one_layer": [constant(case, 1) for case in tangent if case[1] > 1],
        },
        arrays={
            **{f"degrees_{dim}": value for dim, value in degrees.items()},
            **{f"{kind}_{dim}_{depth}": value for (dim, depth, kind), value in values.items()},
            "gaussian": gaussian,
        },
    )


def _energies(conditions: Conditions, n: int, width: int, b_std: float, n_networks: int) -> np.ndarray:
    """Energy of each frequency in the tangent kernels of random networks, (networks, n/2 + 1)."""
    mlp = experiment.MLP((2, width, 1), relu(), _W_STD, b_std)
    backend, rng = conditions.backend, conditions.rng("networks", str(b_std))
    inputs, rows = backend.asarray(math.sqrt(2.0) * experiment.equidistant_points(n)), []
    at_once = 16
    for start in range(0, n_networks, at_once):
        parameters = mlp.initial(rng, ensemble=min(at_once, n_networks - start), backend=backend)
        kernels = backend.to_numpy(experiment.empirical_ntk(mlp, parameters, inputs))
        # mean over all shifts of the circle first: v' K v for a wave v sees nothing else
        shifted = np.stack([kernels[:, np.arange(n), (np.arange(n) + j) % n].mean(axis=1) for j in range(n)], axis=1)
        rows.append(np.fft.rfft(shifted, axis=1).real / n)
    return np.concatenate(rows)


@claim(
    statement=r"Random networks of finite width with one hidden layer have on average the spectrum $\lambda_k \simeq "
    r"C k^{-2}$ of the limit on the circle; without bias every single one has $\lambda_k = 0$ for odd $k \geq 3$.",
    source="basri2019, on odd frequencies without bias; bietti2021; average at finite width derived here",
    tolerance="none but the standard error: one hidden layer has the limit as its mean at every width; resolution 10 % "
    "of each eigenvalue; frequencies that vanish: 1e-14, rounding; both sides share the activation alone",
    controls={
        "covariance": "spectrum of the covariance, which falls as the fourth power",
        "bias_forgotten": "spectrum without bias for networks that have one",
        "half_constant": "spectrum of weights with half the variance, of the same shape",
    },
)
def network_spectrum(conditions: Conditions) -> Outcome:
    """Fourier modes in the tangent kernels of random networks, no kernel of infinite width in the measurement."""
    n, width, n_networks = conditions.choose(quick=(128, 128, 400), full=(512, 256, 2000))
    energies = {b_std: _energies(conditions, n, width, b_std, n_networks) for b_std in (0.0, 1.0)}
    k = np.arange(n // 2 + 1)
    vanishing = (k % 2 == 1) & (k >= 3)
    # twenty frequencies, since those that are near have nearly the same errors
    shown = np.isin(k, np.unique(np.geomspace(1, n // 2, 24).astype(int)) - 1)

    def compare(b_std: float, predicted: np.ndarray) -> Agreement:
        chosen = shown & ~vanishing if b_std == 0.0 else shown
        mean = energies[b_std].mean(axis=0)
        return Agreement(
            predicted=predicted[: k.size][chosen],
            measured=mean[chosen],
            standard_error=error_of_mean(energies[b_std])[chosen],
            margin=0.0,
            resolution=0.1 * mean[chosen],
            label=f"energy of a frequency, biases {b_std:g}",
        )

    predicted = {b_std: _aliased(8 * n + 1, n, 1, "ntk", b_std) for b_std in energies}
    return Outcome(
        evidence=[
            *(compare(b_std, values) for b_std, values in predicted.items()),
            Agreement(
                predicted=np.zeros(int(vanishing.sum())),
                measured=np.max(np.abs(energies[0.0]), axis=0)[vanishing],
                margin=1e-14 * float(np.max(energies[0.0])),
                label="largest odd energy of any network without bias",
            ),
        ],
        controls={
            "covariance": [compare(b_std, _aliased(8 * n + 1, n, 1, "nngp", b_std)) for b_std in energies],
            "bias_forgotten": compare(1.0, predicted[0.0]),
            "half_constant": [compare(b_std, 0.5 * values) for b_std, values in predicted.items()],
        },
        arrays={
            "degrees": k,
            **{f"predicted_{b:g}": values[: k.size] for b, values in predicted.items()},
            **{f"measured_{b:g}": values.mean(axis=0) for b, values in energies.items()},
            **{f"standard_error_{b:g}": error_of_mean(values) for b, values in energies.items()},
        },
    )
