"""Draws of labels of which some are wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorylab import validation
from theorylab.ntk.problem import LabelNoise

__all__ = ["observed_labels"]


def observed_labels(
    noise: LabelNoise, labels: ArrayLike, rng: np.random.Generator, n_draws: int
) -> NDArray[np.float64]:
    """Draw what a careless annotator writes, one-hot.

    Parameters
    ----------
    noise : LabelNoise
        How often a label is wrong.
    labels : array_like of int, shape (n,)
        True classes 0, 1, ...
    rng : numpy.random.Generator
        Source of the draws.
    n_draws : int
        Number of independent sets of labels, >= 1.

    Returns
    -------
    numpy.ndarray, shape (n, n_draws, n_classes)
        0 and 1, a single 1 for each point and draw.
    """
    true = np.asarray(validation.check_array("labels", labels, ndim=1, minimum=0.0, maximum=noise.n_classes - 1.0))
    shape = (true.size, int(validation.check_count("n_draws", n_draws)))
    shift = np.where(rng.random(shape) < noise.fraction, rng.integers(1, noise.n_classes, shape), 0)
    classes = (true.astype(np.int64)[:, None] + shift) % noise.n_classes
    return np.eye(noise.n_classes)[classes]
