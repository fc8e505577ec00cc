"""Means over the trials of every point of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from theorylab.evidence import error_of_mean

__all__ = ["mean_and_error"]


def mean_and_error(results: Sequence[Mapping[str, np.ndarray]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the trials (first axis) and its standard error, a row for each point; numbers of trials may differ.

    Parameters
    ----------
    results : sequence of mappings
        What :func:`run_sweep` returned.
    name : str
        Which of the measured quantities.

    Returns
    -------
    mean, standard_error : numpy.ndarray, shape (n_points, ...)
        On the host.
    """
    trials = [result[name] for result in results]
    errors = [error_of_mean(values) for values in trials]
    return np.stack([values.mean(axis=0) for values in trials]), np.stack(errors)
