r"""Classification on the non-negative part of the sphere, and a classifier that deep networks are said to become.

Samples are unit vectors with non-negative entries; labels are 0 and 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from theorylab import validation

__all__ = ["Samples", "oscillating_circle", "power_law_vote", "random_labels_on_sphere"]

_Floats = NDArray[np.float64]
#: Pairs of a test and a training sample that are held at once.
_PAIRS = 2**22


class Samples(NamedTuple):
    """Labelled samples.

    Parameters
    ----------
    points : numpy.ndarray, shape (n, d + 1)
        Unit vectors with non-negative entries.
    labels : numpy.ndarray, shape (n,)
        0 or 1.
    probability : numpy.ndarray, shape (n,)
        True probability of label 1 at each point.
    """

    points: _Floats
    labels: NDArray[np.int64]
    probability: _Floats


def random_labels_on_sphere(rng: np.random.Generator, n: int, dim: int, share: float = 0.7) -> Samples:
    """Random points whose labels depend smoothly on the first coordinate.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of points and labels.
    n : int
        Number of samples.
    dim : int
        Dimension d of the sphere; points have d + 1 coordinates.
    share : float
        Probability of label 1 in the middle of the sphere.

    Returns
    -------
    Samples
        Absolute values of uniform points, with labels of probability share +- 0.25.
    """
    points = np.abs(rng.standard_normal((n, dim + 1)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    probability = np.clip(share + 0.25 * np.sin(8.0 * points[:, 0]), 0.0, 1.0)
    return Samples(points, (rng.random(n) < probability).astype(np.int64), probability)


def oscillating_circle(rng: np.random.Generator, n: int) -> Samples:
    """Quarter of a circle on which a thin set is positive, and the rest strongly negative.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of angles and labels.
    n : int
        Number of samples.

    Returns
    -------
    Samples
        Angles uniform on a quarter turn; label 1 has probability 0.7 in the middle third of each of four periods, 0.1
        outside.  The Bayes risk is 1/6; a vote of all samples says 0 everywhere.
    """
    angle = 0.5 * math.pi * rng.random(n)
    phase = (angle / (math.pi / 8.0)) % 1.0
    probability = np.where((phase > 1.0 / 3.0) & (phase < 2.0 / 3.0), 0.7, 0.1)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Samples(points, (rng.random(n) < probability).astype(np.int64), probability)


def power_law_vote(train: Samples, points: _Floats, exponent: float) -> _Floats:
    r"""Outcome of a vote of the training samples, each with the weight :math:`r^{-\alpha}` of its distance.

    Parameters
    ----------
    train : Samples
        The voters.
    points : numpy.ndarray, shape (m, d + 1)
        Where to vote.
    exponent : float
        The exponent :math:`\alpha > 0`; weights are scaled by the nearest voter's, so that none overflows.

    Returns
    -------
    numpy.ndarray, shape (m,)
        Between -1 and 1: share of the votes for label 1 minus that for label 0.
    """
    alpha = validation.check_number("exponent", exponent, exclusive_minimum=0.0)
    signs, votes = 2.0 * train.labels - 1.0, []
    for chunk in np.array_split(points, max(1, -(-points.shape[0] * train.labels.size // _PAIRS))):
        distances = np.maximum(cdist(chunk, train.points), 1e-300)
        weights = (np.min(distances, axis=1, keepdims=True) / distances) ** alpha
        votes.append(weights @ signs / np.sum(weights, axis=1))
    return np.concatenate(votes)
