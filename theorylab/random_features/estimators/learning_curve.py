"""Learning curves of given data, predicted before anything is trained."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorylab import arrays, datasets, validation
from theorylab.random_features.problem import KernelSpectrum
from theorylab.random_features.theory.eigenframework import risk_estimate
from theorylab.random_features.theory.kernels import erf_kernel, relu_kernel
from theorylab.random_features.theory.ridge_path import optimal_ridge

__all__ = ["LearningCurve", "Setting", "predict_learning_curve"]

Floats = NDArray[np.float64]

#: Kernels of the features of a random network, by activation.
_NETWORK_KERNELS: dict[str, Callable[..., Any]] = {"relu": relu_kernel, "erf": erf_kernel}
#: Each size of the default grids is twice the one before.
_SAMPLE_DOUBLINGS, _FEATURE_DOUBLINGS = 6, 9
#: Default ridges, in units of the mean of K(x, x).
_RIDGES = np.geomspace(1e-5, 10.0, 13)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One choice of sizes and ridge, and the errors predicted for it.

    Parameters
    ----------
    n_samples : int
        Number of training samples.
    n_features : float
        Number of random features; ``inf`` for kernel ridge regression.
    ridge : float
        Ridge of the unnormalised loss.
    heldout_mse, train_mse : float
        Mean squared error, summed over outputs, outside and on the training set.
    """

    n_samples: int
    n_features: float
    ridge: float
    heldout_mse: float
    train_mse: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LearningCurve:
    """Predicted errors on a grid of n samples, k features and ridges; the arrays are read-only.

    All errors are mean squared errors, summed over outputs.

    Parameters
    ----------
    n_samples : numpy.ndarray, shape (A,)
        Numbers of training samples.
    n_features : numpy.ndarray, shape (B,)
        Numbers of random features; ``inf`` is kernel ridge regression.
    ridges : numpy.ndarray, shape (R,)
        Ridges of the unnormalised loss.
    heldout_mse, train_mse : numpy.ndarray, shape (A, B, R)
        Error on the points outside the training set, and on it.
    optimal_ridge : numpy.ndarray, shape (A, B)
        Ridge of least held-out error, on no grid; 0 where interpolation is best.
    optimal_heldout_mse, optimal_train_mse : numpy.ndarray, shape (A, B)
        Errors at that ridge.
    baseline_mse : float
        Error of predicting zero: the mean of ``|y|^2``.
    spectrum : KernelSpectrum
        What all of it was computed from; `risk_estimate` takes it for sizes that are not on the grid.
    """

    n_samples: Floats
    n_features: Floats
    ridges: Floats
    heldout_mse: Floats = dataclasses.field(repr=False)
    train_mse: Floats = dataclasses.field(repr=False)
    optimal_ridge: Floats = dataclasses.field(repr=False)
    optimal_heldout_mse: Floats = dataclasses.field(repr=False)
    optimal_train_mse: Floats = dataclasses.field(repr=False)
    baseline_mse: float
    spectrum: KernelSpectrum

    def __post_init__(self) -> None:
        for values in vars(self).values():
            if isinstance(values, np.ndarray):
                values.setflags(write=False)

    @property
    def population_size(self) -> int:
        """Number of points that the prediction was made from."""
        return int(self.spectrum.population_size)

    @property
    def best(self) -> Setting:
        """Setting of least held-out error: the one row of :meth:`table` to choose if nothing costs anything."""
        return min(self._settings(), key=lambda setting: setting.heldout_mse)

    def table(self) -> list[dict[str, float]]:
        """Errors at the optimal ridge, one row for each n and k; ``pandas.DataFrame`` takes it as it is.

        Returns
        -------
        list of dict
            Keys ``n_samples``, ``n_features``, ``ridge``, ``heldout_mse``, ``train_mse``.
        """
        return [dataclasses.asdict(setting) for setting in self._settings()]

    def at(
        self,
        n_samples: ArrayLike | None = None,
        n_features: ArrayLike | None = None,
        ridges: ArrayLike | None = None,
    ) -> LearningCurve:
        """Prediction for other sizes and ridges, without a new look at the data.

        Parameters
        ----------
        n_samples, n_features, ridges : array_like, optional
            As in :func:`predict_learning_curve`; those of this curve where not given.

        Returns
        -------
        LearningCurve
            From the same spectrum.
        """
        n, k, grid = _checked_grid(
            self.population_size,
            self.n_samples if n_samples is None else n_samples,
            self.n_features if n_features is None else n_features,
            self.ridges if ridges is None else ridges,
        )
        return _curve(self.spectrum, self.baseline_mse, n, k, self.ridges if grid is None else grid)

    def _settings(self) -> list[Setting]:
        return [
            Setting(
                n_samples=int(n),
                n_features=float(k),
                ridge=float(self.optimal_ridge[i, j]),
                heldout_mse=float(self.optimal_heldout_mse[i, j]),
                train_mse=float(self.optimal_train_mse[i, j]),
            )
            for i, n in enumerate(self.n_samples)
            for j, k in enumerate(self.n_features)
        ]

    def __str__(self) -> str:
        head = f"{'samples':>8} {'features':>9} {'best ridge':>11} {'held-out MSE':>13} {'train MSE':>11}"
        rows = [
            f"{s.n_samples:>8} {s.n_features:>9g} {s.ridge:>11.4g} {s.heldout_mse:>13.4g} {s.train_mse:>11.4g}"
            for s in self._settings()
        ]
        foot = f"predicted from {self.population_size} points; predicting zero has MSE {self.baseline_mse:.4g}"
        return "\n".join([head, *rows, foot])


def predict_learning_curve(
    X: Any,
    y: Any,
    kernel: Any = "relu",
    *,
    kernel_params: Mapping[str, Any] | None = None,
    n_samples: ArrayLike | None = None,
    n_features: ArrayLike | None = None,
    ridges: ArrayLike | None = None,
    max_points: int = 10_000,
) -> LearningCurve:
    r"""Errors of random-feature and kernel ridge regression on given data, without training anything.

    The kernel matrix of all N points is diagonalised once; the finite-population form of :func:`risk_estimate` then
    gives the errors of a training set of n of these points, averaged over all that could be drawn, on the others.

    Parameters
    ----------
    X : array_like, shape (N, d), or (N, N) for a precomputed kernel
        All the data that there are.  Inputs are taken as they are: scale them as for training.
    y : array_like, shape (N,) or (N, C)
        One-dimensional integers, booleans or strings are class labels and become one-hot columns in sorted order; all
        else is taken as target values (for labels +-1 pass floats, for counts too).  Noise in them needs no further
        argument: it is power on the last modes.  There is no intercept; centre where the kernel has no constant.
    kernel : str, callable or RandomFeatureRidge
        "relu" or "erf", the features of a random network; "precomputed"; a name that scikit-learn's
        ``pairwise_kernels`` knows ("rbf", "laplacian", "polynomial", ...); a function of X that gives the kernel
        matrix; or an estimator whose `activation` and `weight_variance` are to be taken.
    kernel_params : mapping, optional
        Keyword arguments of the kernel: ``weight_variance`` (2/d where not given) for "relu" and "erf", ``gamma`` and
        the like for scikit-learn's.
    n_samples : array_like, shape (A,), optional
        Sizes of the training set, each below N; by default six, each twice the one before, up to N/2.
    n_features : array_like, shape (B,), optional
        Numbers of random features whose mean kernel is `kernel`; ``inf`` for kernel ridge regression.  By default
        nine, each twice the one before, up to 4 N, and ``inf``.
    ridges : array_like, shape (R,), optional
        Ridges >= 0 of the unnormalised loss (scikit-learn's `alpha` for ``KernelRidge``); by default 13 from 1e-5 to 10
        times the mean of K(x, x).
    max_points : int
        More points are refused: the work grows as N^3, the memory as N^2.

    Returns
    -------
    LearningCurve
        Errors for all n, k and ridges, and the optimal ridge for each n and k.

    Raises
    ------
    ValueError
        If an argument is out of range, the kernel matrix is not symmetric positive semi-definite, or there are more
        points than `max_points`; all but the second before any work.

    Notes
    -----
    Derived here from [simon2024]_.  Exact only for many Gaussian modes and features.  On handwritten digits, and on
    clinical measurements made nearly Gaussian, the predictions were within 10 % (held-out) and 15 % (train) for n up to
    N/4 with the ridges that one would use.  Real data are harder than predicted, by up to 30 %, where inputs have heavy
    tails, for n near N/2, and with hardly any ridge.  A spectrum of N points says nothing about modes that N points do
    not show: more than N samples cannot be asked for.

    Computed on the host, in float64.

    References
    ----------
    .. [simon2024] J. B. Simon, D. Karkada, N. Ghosh, M. Belkin, "More is better in modern machine learning: when
       infinite overparameterization is optimal and overfitting is obligatory", ICLR 2024, arXiv:2311.14646.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((60, 4))
    >>> curve = predict_learning_curve(X, X[:, 0], "rbf", n_samples=[10, 30], n_features=[20, np.inf])
    >>> curve.best.n_samples, curve.best.n_features, bool(curve.best.heldout_mse < curve.baseline_mse)
    (30, inf, True)
    """
    X = arrays.to_numpy(validation.check_array("X", X, ndim=2))
    n_points = X.shape[0]
    _require_feasible(n_points, max_points)
    y = _targets(y)
    validation.check_same_length(X=X, y=y)
    n, k, grid = _checked_grid(n_points, n_samples, n_features, ridges)
    spectrum = KernelSpectrum.from_gram(_gram(X, kernel, dict(kernel_params or {})), y)
    baseline = float(np.mean(np.sum(y**2, axis=1)))
    return _curve(spectrum, baseline, n, k, _RIDGES * spectrum.trace if grid is None else grid)


def _curve(spectrum: KernelSpectrum, baseline: float, n: Floats, k: Floats, ridges: Floats) -> LearningCurve:
    """Everything that follows from a spectrum, on a grid that was checked."""
    risk = risk_estimate(spectrum, n[:, None, None], k[:, None], ridges)
    best_ridge, best = optimal_ridge(spectrum, n[:, None], k)
    return LearningCurve(
        n_samples=n,
        n_features=k,
        ridges=ridges,
        heldout_mse=risk.heldout_mse,
        train_mse=risk.train_mse,
        optimal_ridge=best_ridge,
        optimal_heldout_mse=best.heldout_mse,
        optimal_train_mse=best.train_mse,
        baseline_mse=baseline,
        spectrum=spectrum,
    )


def _checked_grid(
    n_points: int, n_samples: ArrayLike | None, n_features: ArrayLike | None, ridges: ArrayLike | None
) -> tuple[Floats, Floats, Floats | None]:
    """Sizes and ridges as asked for, or by default; copies, which the curve can lock."""
    n = _sizes("n_samples", n_samples, n_points / 2, _SAMPLE_DOUBLINGS)
    if n.max() >= n_points:
        raise ValueError(
            f"n_samples must be below the {n_points} points; got {n.max():g}. Some must be left to predict."
        )
    k = _sizes("n_features", n_features, 4 * n_points, _FEATURE_DOUBLINGS, infinite=True)
    if ridges is None:
        return n, k, None
    return n, k, np.array(arrays.to_numpy(validation.check_array("ridges", ridges, ndim=1, minimum=0.0)))


def _require_feasible(n_points: int, max_points: int) -> None:
    limit = int(validation.check_count("max_points", max_points))
    if n_points > limit:
        gigabytes = 4 * 8 * n_points**2 / 1e9  # the matrix, its copy, its eigenvectors, and work space
        raise ValueError(
            f"X must have at most max_points = {limit} points; got {n_points}, which need about {gigabytes:.3g} GB and "
            f"a time that grows as their cube. Pass a random subset, whose learning curve up to half its size is the "
            "same, or raise max_points."
        )
    if n_points < 4:
        raise ValueError(f"X must have at least 4 points; got {n_points}. A learning curve needs some to leave out.")


def _targets(y: Any) -> Floats:
    """Targets as columns: class labels one-hot, values as they are."""
    values = arrays.to_numpy(y) if hasattr(y, "shape") else np.asarray(y)
    if values.ndim == 1 and values.dtype.kind in "biuUSO":
        classes, labels = np.unique(values, return_inverse=True)
        if not 2 <= classes.size <= max(2, values.size // 2):
            raise ValueError(
                f"y must hold at least two classes and no more than half as many as points; got {classes.size} for "
                f"{values.size} points. Pass target values of a regression as floats."
            )
        return datasets.one_hot(labels)
    values = arrays.to_numpy(validation.check_array("y", y, ndim=(1, 2)))
    return values.reshape(values.shape[0], -1)


def _sizes(name: str, given: ArrayLike | None, largest: float, doublings: int, *, infinite: bool = False) -> Floats:
    """Sizes as asked for, or a grid of doublings that ends at `largest`."""
    if given is not None:
        sizes = arrays.to_numpy(validation.check_array(name, given, ndim=1, minimum=1.0, allow_infinite=infinite))
        if np.any(np.isfinite(sizes) & (sizes != np.floor(sizes))):
            raise ValueError(f"{name} must be whole numbers; got {sizes.tolist()}. Round them.")
        return np.array(sizes)
    grid = np.unique(np.maximum(1.0, np.floor(largest / 2.0 ** np.arange(doublings))))
    return np.append(grid, math.inf) if infinite else grid


def _gram(X: Floats, kernel: Any, params: dict[str, Any]) -> Any:
    """Kernel matrix of all points."""
    if hasattr(kernel, "activation"):
        params = {"weight_variance": kernel.weight_variance, **params}
        kernel = kernel.activation
    if callable(kernel):
        return kernel(X, **params)
    from sklearn.metrics.pairwise import kernel_metrics, pairwise_kernels

    names = validation.check_choice("kernel", kernel, sorted({*_NETWORK_KERNELS, "precomputed", *kernel_metrics()}))
    if names == "precomputed":
        return X
    if names not in _NETWORK_KERNELS:
        return pairwise_kernels(X, metric=names, **params)
    variance = params.pop("weight_variance", None)
    return _NETWORK_KERNELS[names](X, weight_variance=2.0 / X.shape[1] if variance is None else variance, **params)
