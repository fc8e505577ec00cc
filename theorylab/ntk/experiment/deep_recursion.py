"""The recursion of deep kernels in as many digits as it takes, number by number: slow, and beyond doubt."""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theorylab import validation

__all__ = ["deep_kernels", "deep_relu_kernel"]


def deep_kernels(
    p: Sequence[float], delta: Sequence[float], depths: Sequence[int], *, digits: int = 60
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Logarithms of the NNGP kernel and of the tangent kernel after given numbers of layers.

    Parameters
    ----------
    p : sequence of float
        Squared Hermite coefficients of the activation.
    delta : sequence of float, in (0, 1)
        One minus the cosine of each pair, taken as exact.
    depths : sequence of int
        Increasing numbers of layers.
    digits : int
        Decimal digits that are carried.

    Returns
    -------
    log_nngp, log_ntk : numpy.ndarray, shape (depths, pairs)
        Natural logarithms.
    """
    if list(depths) != sorted(set(depths)):
        raise ValueError(f"depths must increase; got {list(depths)!r}.")
    gaps = validation.check_array("delta", delta, ndim=1, exclusive_minimum=0.0, maximum=1.0)
    with decimal.localcontext() as context:
        context.prec = int(validation.check_count("digits", digits))
        context.Emin, context.Emax = -(10**12), 10**12
        powers = [(k, decimal.Decimal(float(c))) for k, c in enumerate(p) if c > 0.0]
        columns = [_one_pair(powers, 1 - decimal.Decimal(float(gap)), depths) for gap in gaps]
    values = np.array(columns)
    return values[:, :, 0].T, values[:, :, 1].T


def _one_pair(
    powers: list[tuple[int, decimal.Decimal]], cosine: decimal.Decimal, depths: Sequence[int]
) -> list[tuple[float, float]]:
    tangent, layer, kept = cosine, 0, []
    for depth in depths:
        for _ in range(depth - layer):
            slope = sum((k * c * cosine ** (k - 1) for k, c in powers if k), decimal.Decimal(0))
            cosine = sum((c * cosine**k for k, c in powers), decimal.Decimal(0))
            tangent = cosine + tangent * slope
        layer = depth
        kept.append((float(cosine.ln()), float(tangent.ln())))
    return kept


def deep_relu_kernel(angles: Sequence[float], depth: int) -> NDArray[np.float64]:
    r"""Tangent kernel of a deep normalised ReLU network without bias between unit vectors, from their angle.

    Parameters
    ----------
    angles : sequence of float, in [0, pi]
        Angle of each pair.
    depth : int
        Number of layers.

    Returns
    -------
    numpy.ndarray, shape (pairs,)
        The kernel, by the recursion :math:`1 - \cos\theta' = 2\sin^2\frac{\theta}{2} - (\sin\theta -
        \theta\cos\theta)/\pi`, :math:`K' = \cos\theta' + K(1 - \theta/\pi)`.
    """
    theta = np.asarray(angles, dtype=np.float64)
    kernel = np.cos(theta)
    for _ in range(int(validation.check_count("depth", depth))):
        gap = 2.0 * np.sin(0.5 * theta) ** 2 - (np.sin(theta) - theta * np.cos(theta)) / math.pi
        kernel = 1.0 - gap + kernel * (1.0 - theta / math.pi)
        theta = 2.0 * np.arcsin(np.sqrt(0.5 * gap))
    return kernel
