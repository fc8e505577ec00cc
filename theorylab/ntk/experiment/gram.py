r"""Gram matrices of explicit points on spheres: kernels integrated by brute force, and their eigenvalues and ranks.

The kernel of an infinitely wide network between points of equal norm is carried from layer to layer as their angle, and
every expectation over a Gaussian pair is integrated in polar coordinates as it stands in its definition, for any
activation: no closed form of a dual enters.
"""

from __future__ import annotations

import decimal
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from theorylab import validation
from theorylab.ntk.problem import Activation
from theorylab.numerics import NotConverged

__all__ = [
    "AngularKernels",
    "angles_between",
    "angular_kernels",
    "equidistant_points",
    "interpolated_kernel",
    "numerical_rank",
    "opposite_points",
    "rotation_invariant_spectrum",
    "sine_gram_eigenvalues",
    "weighted_grid",
]

Floats = NDArray[np.float64]

#: Nodes of a panel of the polar angle; radial panels, and their nodes.  The density beyond the last one is 1e-31.
_POLAR_NODES, _RADII, _RADIAL_NODES = 32, (0.0, 3.0, 6.0, 9.0, 12.0), 24
#: Angles that are integrated at once.
_CHUNK = 64
#: Share of the largest Chebyshev coefficient that counts as rounding.
_ROUNDING = 2e-14


class AngularKernels(NamedTuple):
    """Kernels of a network between points of a sphere, by their angle.

    Parameters
    ----------
    nngp, ntk : numpy.ndarray
        Covariance of the outputs and tangent kernel, one value for each angle.
    """

    nngp: Floats
    ntk: Floats


def equidistant_points(n: int) -> Floats:
    """Equidistant points on the unit circle; for an even number the second half is minus the first to the last bit.

    Parameters
    ----------
    n : int
        Number of points.

    Returns
    -------
    numpy.ndarray, shape (n, 2)
        Unit vectors.
    """
    n = int(validation.check_count("n", n))
    angles = 2.0 * math.pi * np.arange(n) / n
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if n % 2 == 0:
        points[n // 2 :] = -points[: n // 2]
    return points


def opposite_points(rng: np.random.Generator, n_pairs: int, dim: int) -> Floats:
    """Uniform points on the unit sphere, each with its opposite.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    n_pairs, dim : int
        Number of pairs, and dimension of the space around the sphere.

    Returns
    -------
    numpy.ndarray, shape (2 n_pairs, dim)
        Unit vectors; the second half is minus the first to the last bit.
    """
    shape = (int(validation.check_count("n_pairs", n_pairs)), int(validation.check_count("dim", dim, minimum=2)))
    points = rng.standard_normal(shape)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return np.concatenate([points, -points])


def angles_between(X: Any) -> Floats:
    r"""Angles between unit vectors by Kahan's formula, :math:`2\arctan(|x-x'|/|x+x'|)`, exact near 0 and :math:`\pi`.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Unit vectors.

    Returns
    -------
    numpy.ndarray, shape (n, n)
        In [0, pi].
    """
    X = np.asarray(validation.check_array("X", X, ndim=2))
    apart, along = np.empty((len(X), len(X))), np.empty((len(X), len(X)))
    for i, x in enumerate(X):  # differences by themselves: products of matrices would lose half the digits
        apart[i], along[i] = np.linalg.norm(X - x, axis=1), np.linalg.norm(X + x, axis=1)
    return 2.0 * np.arctan2(apart, along)


def angular_kernels(activation: Activation, angles: Any, *, depth: int, W_std: float, b_std: float) -> AngularKernels:
    r"""Covariance and tangent kernel of an infinitely wide network between points of norm :math:`\sqrt d`.

    Parameters
    ----------
    activation : Activation
        Of every hidden layer; kinks at zero only.
    angles : array_like, shape (m,)
        Angles between the points.
    depth : int
        Number of hidden layers.
    W_std, b_std : float
        Multipliers of weights and biases.

    Returns
    -------
    AngularKernels
        One value of each for every angle.

    Notes
    -----
    A layer takes :math:`q \mp c` to :math:`\frac12\sigma_w^2 E(\phi(u) \mp \phi(v))^2`, plus :math:`2\sigma_b^2` in
    the sum, so that neither end loses digits, and the next angle is :math:`2\arctan\sqrt{(q-c)/(q+c)}`.
    """
    if any(kink != 0.0 for kink in activation.kinks):
        raise ValueError(f"activation must have its kinks at zero; got {activation.kinks!r}.")
    theta = np.asarray(validation.check_array("angles", angles, ndim=1, minimum=0.0, maximum=math.pi))
    w2, b2 = W_std**2, b_std**2
    minus, plus = 2.0 * w2 * np.sin(0.5 * theta) ** 2, 2.0 * w2 * np.cos(0.5 * theta) ** 2 + 2.0 * b2
    covariance = 0.5 * (plus - minus)
    tangent = covariance
    for _ in range(int(validation.check_count("depth", depth))):
        scale = math.sqrt(0.5 * (plus[0] + minus[0]))  # the variance, which all points share
        between = 2.0 * np.arctan2(np.sqrt(minus), np.sqrt(plus))
        means = _pair_means(activation, scale, between)
        minus, plus = 0.5 * w2 * means[0], 0.5 * w2 * means[1] + 2.0 * b2
        covariance = 0.5 * (plus - minus)
        tangent = covariance + w2 * means[2] * tangent
    return AngularKernels(covariance, tangent)


def interpolated_kernel(activation: Activation, *, kind: str, **network: Any) -> Callable[[Any], Floats]:
    """Kernel as a function of any number of angles, from Chebyshev points in the angle.

    Parameters
    ----------
    activation : Activation
        Of every hidden layer.
    kind : {"ntk", "nngp"}
        Which kernel.
    **network
        The other arguments of :func:`angular_kernels`.

    Returns
    -------
    callable
        From an array of angles to an array of the same shape.

    Raises
    ------
    NotConverged
        If 512 points are not enough: biases that are tiny, but not zero, make a peak at opposite points.
    """
    validation.check_choice("kind", kind, AngularKernels._fields)
    series = np.polynomial.chebyshev.Chebyshev
    for n in (64, 128, 256, 512):
        points = 0.5 * np.pi * (1.0 - np.cos(np.pi * (np.arange(n) + 0.5) / n))
        values = getattr(angular_kernels(activation, points, **network), kind)
        found = series.fit(points, values, n - 1, domain=[0.0, np.pi])
        sizes = np.abs(found.coef)
        if np.max(sizes[-n // 8 :]) < _ROUNDING * np.max(sizes):
            return found.trim(_ROUNDING / 8.0 * np.max(sizes))
    raise NotConverged("interpolation of the kernel in the angle", found.coef, sizes[-1], n)


def _pair_means(activation: Activation, scale: float, angles: Floats) -> Floats:
    """Means of (f(u) - f(v))^2, (f(u) + f(v))^2 and f'(u) f'(v) over Gaussian pairs at given angles, (3, m)."""
    nodes, weights = np.polynomial.legendre.leggauss(_RADIAL_NODES)
    halves = 0.5 * np.diff(_RADII)[:, None]
    radii = (np.array(_RADII[:-1])[:, None] + halves * (nodes + 1.0)).ravel()
    radial = (halves * weights).ravel() * radii * np.exp(-0.5 * radii**2)
    polar, polar_weights = np.polynomial.legendre.leggauss(_POLAR_NODES)
    results = []
    for start in range(0, len(angles), _CHUNK):
        theta = angles[start : start + _CHUNK, None, None]
        totals = np.zeros((3, theta.shape[0]))
        # u and v turn with the polar angle, half the angle ahead and behind: each crosses zero twice
        crossings = [s * 0.5 * np.pi + t * 0.5 * theta for s, t in ((-1, -1), (-1, 1), (1, -1), (1, 1), (3, -1))]
        for lower, upper in itertools.pairwise(crossings):
            half = 0.5 * (upper - lower)
            psi = lower + half * (polar[None, :, None] + 1.0)
            u, v = (scale * radii * np.cos(psi + sign * 0.5 * theta) for sign in (-1.0, 1.0))
            f, g = activation(u), activation(v)
            weight = half * polar_weights[None, :, None] * radial / (2.0 * np.pi)
            slopes = activation.derivative(u) * activation.derivative(v)
            for total, values in zip(totals, ((f - g) ** 2, (f + g) ** 2, slopes), strict=True):
                total += np.sum(weight * values, axis=(1, 2))
        results.append(totals)
    return np.concatenate(results, axis=1)


def numerical_rank(K: Any, tolerance: float = 1e-11) -> int:
    """Number of eigenvalues of a symmetric matrix above a share of the largest.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Positive semi-definite.
    tolerance : float
        The share; far above the rounding of some hundred points, 1e-14, and below what else is not zero.

    Returns
    -------
    int
        The rank.
    """
    eigenvalues = np.linalg.eigvalsh(np.asarray(validation.check_array("K", K, ndim=2)))
    return int(np.sum(eigenvalues > tolerance * eigenvalues[-1]))


def rotation_invariant_spectrum(profile: Callable[[Floats], Floats], dim: int, n: int, n_turns: int) -> Floats:
    """Eigenvalues of a kernel on the sphere among functions of the latitude, from the Gram matrix of a grid.

    Parameters
    ----------
    profile : callable
        Kernel as a function of an array of angles.
    dim : int
        Dimension d >= 3 of the space around the sphere.
    n, n_turns : int
        Latitudes, and turns about the axis; a rotation of the grid about its axis leaves its Gram matrix as it is, and
        the block of the functions that are constant on latitudes is averaged over the turns.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Falling.  Each degree appears once, since among its harmonics one is constant on latitudes.
    """
    dim = int(validation.check_count("dim", dim, minimum=3))
    latitudes, weights = _gauss_in_angle(int(validation.check_count("n", n)), dim - 2)
    turns, turn_weights = _gauss_in_angle(int(validation.check_count("n_turns", n_turns)), dim - 3)
    block = np.empty((n, n))
    half_turn = np.sin(0.5 * turns) ** 2
    for i, latitude in enumerate(latitudes):
        others = latitudes[: i + 1, None]
        # half the squared chord, whose two terms are never negative
        chord = np.sin(0.5 * (latitude - others)) ** 2 + np.sin(latitude) * np.sin(others) * half_turn
        angles = 2.0 * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
        block[i, : i + 1] = block[: i + 1, i] = profile(angles) @ turn_weights
    root = np.sqrt(weights)
    return np.asarray(np.linalg.eigvalsh(root[:, None] * block * root)[::-1])


def weighted_grid(n: int, n_longitudes: int) -> tuple[Floats, Floats]:
    """Grid of latitudes and longitudes on the sphere in three dimensions, with weights of the uniform distribution.

    Parameters
    ----------
    n, n_longitudes : int
        Numbers of latitudes and longitudes.

    Returns
    -------
    points : numpy.ndarray, shape (n * n_longitudes, 3)
        Unit vectors.
    weights : numpy.ndarray, shape (n * n_longitudes,)
        Their sum is one.
    """
    latitudes, weights = _gauss_in_angle(int(validation.check_count("n", n)), 1)
    circle = equidistant_points(n_longitudes)
    heights = np.repeat(np.cos(latitudes), n_longitudes)
    points = np.column_stack([np.kron(np.sin(latitudes)[:, None], circle), heights])
    return points, np.repeat(weights, n_longitudes) / n_longitudes


def _gauss_in_angle(n: int, power: int) -> tuple[Floats, Floats]:
    """Angles in [0, pi] and weights, summing to one, of the density sin^power."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    angles = 0.5 * np.pi * (nodes + 1.0)
    weights = weights * np.sin(angles) ** power
    return angles, weights / weights.sum()


def sine_gram_eigenvalues(
    doublings: int, *, depth: int, bias_variance: float, digits: int = 60
) -> list[decimal.Decimal]:
    r"""Eigenvalues of the tangent kernel's Gram matrix of a sine network at equidistant points, in many digits.

    Parameters
    ----------
    doublings : int
        The number of points is two to this power, >= 2.
    depth : int
        Number of hidden layers; weights have the multiplier one, points the norm of the root of their dimension.
    bias_variance : float
        Squared multiplier of the biases.
    digits : int
        Decimal digits that are carried.

    Returns
    -------
    list of decimal.Decimal
        Over n, of the frequencies 0 to n/2.  Products of sines of a Gaussian pair have the mean :math:`e^{-q}\sinh c`,
        those of cosines :math:`e^{-q}\cosh c`.
    """
    n = 2 ** int(validation.check_count("doublings", doublings, minimum=2))
    with decimal.localcontext() as context:
        context.prec = int(validation.check_count("digits", digits))
        cosines = _cosines(n)
        b2 = decimal.Decimal(float(validation.check_number("bias_variance", bias_variance, minimum=0.0)))
        q, covariance = 1 + b2, [cosine + b2 for cosine in cosines]
        tangent = list(covariance)
        for _ in range(int(validation.check_count("depth", depth))):
            damping = (-q).exp()
            waves = [(c.exp(), (-c).exp()) for c in covariance]
            covariance = [damping * (up - down) / 2 + b2 for up, down in waves]
            tangent = [
                c + damping * (up + down) / 2 * t for c, t, (up, down) in zip(covariance, tangent, waves, strict=True)
            ]
            q = covariance[0]
        return [
            sum((tangent[i] * cosines[i * k % n] for i in range(n)), decimal.Decimal(0)) / n for k in range(n // 2 + 1)
        ]


def _cosines(n: int) -> list[decimal.Decimal]:
    """Cosines of the multiples of one n-th of a turn, by half angles and the recurrence of Chebyshev."""
    step = decimal.Decimal(0)  # of a quarter turn
    for _ in range(int(math.log2(n)) - 2):
        step = ((1 + step) / 2).sqrt()
    cosines = [decimal.Decimal(1), step]
    while len(cosines) < n:
        cosines.append(2 * step * cosines[-1] - cosines[-2])
    return cosines
