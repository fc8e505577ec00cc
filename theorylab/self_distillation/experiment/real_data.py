"""One distillation step on real data: noisy training labels, explicit refits, errors on points that nobody has seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from theorylab import datasets, validation
from theorylab.self_distillation.experiment.refits import fit_steps

__all__ = ["Split", "StepErrors", "corrupt_labels", "corrupt_values", "noisy_split", "step_errors"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A random split of a data set; only the training targets are noisy.

    Parameters
    ----------
    X_train, y_train : numpy.ndarray, shapes (n, p) and (n, c)
        Training samples with noisy targets.
    X_valid, y_valid : numpy.ndarray, shapes (m, p) and (m, c)
        Half of the others.
    X_test, y_test : numpy.ndarray, shapes (m', p) and (m', c)
        The rest.
    """

    X_train: Floats
    y_train: Floats
    X_valid: Floats
    y_valid: Floats
    X_test: Floats
    y_test: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class StepErrors:
    """Mean squared errors, summed over outputs, of fits without and with one distillation step.

    Parameters
    ----------
    first : numpy.ndarray, shape (n_ridges,)
        Of the ridge regression on the ground truth.
    second : numpy.ndarray, shape (n_ridges, n_weights)
        Of the step after it, for each weight of the ground truth.
    """

    first: Floats
    second: Floats


def corrupt_labels(y: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Replace the labels of a share of the samples by other labels, each other class being equally likely.

    Parameters
    ----------
    y : numpy.ndarray, shape (n, c)
        One column for each class, the largest entry of a row at its label.
    share : float
        Share of samples in [0, 1]; rounded to whole samples.
    rng : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    numpy.ndarray, shape (n, c)
        Rows with their columns rotated where the label was replaced.

    Examples
    --------
    >>> corrupt_labels(np.eye(2), 1.0, np.random.default_rng(0)).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    share = validation.check_number("share", share, minimum=0.0, maximum=1.0)
    n_samples, n_classes = y.shape
    shifts = np.zeros(n_samples, dtype=int)
    chosen = rng.choice(n_samples, round(share * n_samples), replace=False)
    shifts[chosen] = rng.integers(1, n_classes, chosen.size)
    columns = (np.arange(n_classes) - shifts[:, None]) % n_classes
    return np.take_along_axis(y, columns, axis=1)


def corrupt_values(y: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Add Gaussian noise that makes up a share of the variance of the result.

    Parameters
    ----------
    y : numpy.ndarray, shape (n, c)
        Values.
    share : float
        Share of the variance in [0, 1).
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray, shape (n, c)
        Noisy values.

    Examples
    --------
    >>> noisy = corrupt_values(np.tile([[1.0], [-1.0]], (5000, 1)), 0.5, np.random.default_rng(0))
    >>> round(float(noisy.var()), 1)
    2.0
    """
    share = validation.check_number("share", share, minimum=0.0, exclusive_maximum=1.0)
    scale = np.sqrt(share / (1.0 - share)) * y.std(axis=0)
    return np.asarray(y + scale * rng.standard_normal(y.shape))


def noisy_split(name: str, n_train: int, noise_share: float, rng: np.random.Generator) -> Split:
    """Split a bundled data set at random and make the training targets noisy.

    Inputs are centred and scaled to a mean square norm of one.  The targets of a classification set are one-hot columns
    less the share of each class, with :func:`corrupt_labels`; those of a regression set are standardised, with
    :func:`corrupt_values`.

    Parameters
    ----------
    name : str
        One of :data:`theorylab.datasets.BUNDLED`.
    n_train : int
        Number of training samples; the others are halved into validation and test points.
    noise_share : float
        Share of the training labels that are replaced, or of the variance of the training values that is noise.
    rng : numpy.random.Generator
        Source of the split and of the noise.

    Returns
    -------
    Split
        The parts.

    Raises
    ------
    ValueError
        If fewer than two samples would be left.
    """
    data = datasets.load(name)
    n_train = int(validation.check_count("n_train", n_train))
    if n_train > data.n_samples - 2:
        raise ValueError(
            f"n_train must leave two of the {data.n_samples} samples to validate and to test on; got {n_train}."
        )
    X = datasets.scaled_to_mean_square_norm(data.X, 1.0)
    classes = data.task == "classification"
    targets = datasets.one_hot(data.y) if classes else datasets.standardized(data.y[:, None])
    order = rng.permutation(data.n_samples)
    middle = n_train + (data.n_samples - n_train) // 2
    train, valid, test = order[:n_train], order[n_train:middle], order[middle:]
    noisy = (corrupt_labels if classes else corrupt_values)(targets[train], noise_share, rng)
    centre = targets.mean(axis=0)
    return Split(X[train], noisy - centre, X[valid], targets[valid] - centre, X[test], targets[test] - centre)


def step_errors(
    split: Split, ridges: Sequence[float], weights: Sequence[float], gamma: float, *, on: str = "test"
) -> StepErrors:
    """Fit ridge regressions with a Gaussian kernel, distil each once at several weights, and measure the errors.

    Parameters
    ----------
    split : Split
        Data.
    ridges : sequence of float, length n_ridges
        Ridges, > 0.
    weights : sequence of float, length n_weights
        Weights of the ground truth at the second step.
    gamma : float
        Inverse squared width of the kernel, > 0.
    on : {"test", "train"}
        Where the errors are measured; "train" means the noisy targets that the fits have seen.

    Returns
    -------
    StepErrors
        Errors of every ridge and weight.
    """
    from sklearn.metrics.pairwise import rbf_kernel

    place = validation.check_choice("on", on, ("test", "train"))
    X, y = (split.X_test, split.y_test) if place == "test" else (split.X_train, split.y_train)
    K, K_eval = rbf_kernel(split.X_train, gamma=gamma), rbf_kernel(X, split.X_train, gamma=gamma)
    errors = np.empty((len(ridges), 1 + len(weights)))
    for row, ridge in enumerate(ridges):
        for column, weight in enumerate(weights):
            fits = fit_steps(K, split.y_train, ridge, [weight], kernel={"kernel": "precomputed"}, X_eval=K_eval)
            both = np.mean(np.sum((fits.evaluated - y) ** 2, axis=2), axis=1)
            errors[row, [0, 1 + column]] = both
    return StepErrors(first=errors[:, 0], second=errors[:, 1:])
