"""Tools with the interface of scikit-learn: trained infinite networks, deep-limit classifiers, and a GP kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Kernel
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from theorylab import validation
from theorylab.ntk.theory.depth_limit import DepthLimit
from theorylab.ntk.theory.dynamics import KernelGradientFlow
from theorylab.ntk.theory.kernel import NTK

__all__ = ["DepthLimitClassifier", "GaussianProcessNTK", "GradientFlowRegressor"]


class GradientFlowRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""An infinitely wide network, trained by gradient flow for a given time.

    Parameters
    ----------
    kernel : callable or "precomputed", optional
        Function of two matrices of samples, as :class:`theorylab.ntk.NTK` is; a ReLU network of three hidden layers
        when left out.  With "precomputed", X is the kernel matrix: (n_samples, n_samples) in `fit`, (n_queries,
        n_samples) in `predict`.
    time : float
        Training time >= 0 at learning rate one, for the loss that is the mean over samples and the sum over outputs;
        ``inf`` trains to the end, which is kernel regression.
    ridge : float
        Penalty >= 0 on the squared norm of the function, in units of the sum over samples; a positive one makes the
        end kernel ridge regression with ``alpha=ridge``.

    Attributes
    ----------
    flow_ : KernelGradientFlow
        The eigendecomposition and targets: it predicts at any other time without a further fit.
    X_fit_ : numpy.ndarray, shape (n_samples, n_features)
        Training samples, or the kernel matrix when it is precomputed.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    The prediction is the mean over initialisations: networks that start from zero function.  There is no intercept
    beyond what the biases of the network express.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> model = GradientFlowRegressor().fit(X, X[:, 0] ** 2)
    >>> bool(abs(model.predict([[0.5]])[0] - 0.25) < 0.02)
    True
    """

    def __init__(
        self, kernel: Callable[..., Any] | str | None = None, *, time: float = math.inf, ridge: float = 0.0
    ) -> None:
        self.kernel = kernel
        self.time = time
        self.ridge = ridge

    def fit(self, X: Any, y: Any) -> Self:
        """Decompose the kernel matrix of the training samples.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Training samples, or their kernel matrix.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Returns
        -------
        GradientFlowRegressor
            Itself.
        """
        validation.check_number("time", self.time, minimum=0.0, allow_infinite=True)
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        y = np.asarray(y, dtype=np.float64)
        if self.kernel == "precomputed" and X.shape[0] != X.shape[1]:
            raise ValueError(f'X must be square where kernel="precomputed"; got shape {X.shape}.')
        self.X_fit_ = X
        self._single_output = y.ndim == 1
        self.flow_ = KernelGradientFlow(self._kernel(X, None), y, ridge=self.ridge)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict at the time of the estimator.

        Parameters
        ----------
        X : array_like, shape (n_queries, n_features)
            Samples, or their kernel with the training samples.

        Returns
        -------
        numpy.ndarray, shape (n_queries,) or (n_queries, n_outputs)
            As the targets were.
        """
        return self.staged_predict(X, [self.time])[0]

    def staged_predict(self, X: Any, times: Sequence[float]) -> NDArray[np.float64]:
        """Predict at several times at once, without a further fit.

        Parameters
        ----------
        X : array_like, shape (n_queries, n_features)
            Samples, or their kernel with the training samples.
        times : sequence of float
            Times >= 0; may be infinite.

        Returns
        -------
        numpy.ndarray, shape (n_times, n_queries) or (n_times, n_queries, n_outputs)
            One prediction for each time.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        values = self.flow_.predict(np.asarray(times, dtype=np.float64), self._kernel(X, self.X_fit_))
        return values[:, :, 0] if self._single_output else values

    def _kernel(self, X: NDArray[np.float64], Y: NDArray[np.float64] | None) -> Any:
        if isinstance(self.kernel, str):
            validation.check_choice("kernel", self.kernel, ("precomputed",))
            return X
        return (NTK() if self.kernel is None else self.kernel)(X, Y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags


class DepthLimitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""The classifier that an infinitely wide network becomes when it is deep.

    Parameters
    ----------
    p : sequence of float
        Squared Hermite coefficients of the normalised activation, which decide what the limit is: nearest neighbour,
        singular-kernel smoother, or majority vote (see :class:`theorylab.ntk.DepthLimit`).
    depth : int or float
        Number of layers; ``inf`` for the limit itself.
    kind : {"nngp", "ntk"}
        Kernel of a finite depth.  In the singular regime the tangent kernel has the exponent of the limit plus two at
        every practical depth; the NNGP kernel has that of the limit.
    lift : bool
        Scale every feature to [0, 1] by its range in the training set, clip what lies outside, and put the samples on
        the sphere of one more dimension: d features give the exponent's dimension d.  Without it the samples must be
        unit vectors with non-negative entries.

    Attributes
    ----------
    classes_ : numpy.ndarray
        Class labels.
    limit_ : DepthLimit
        The activation, as the deep limit sees it.
    points_ : numpy.ndarray, shape (n_samples, n_coordinates)
        Training samples on the sphere.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    A finite depth solves the kernel machine of one-versus-rest labels, with the Gram matrix divided by its diagonal;
    in the singular and nearest-neighbour regimes that matrix tends to the identity.  The majority vote of networks with
    slope below one at coinciding points needs a ridge that vanishes after the depth has grown; only its limit is
    offered.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.array([[0.0], [0.1], [0.9], [1.0]]), np.array(["a", "a", "b", "b"])
    >>> DepthLimitClassifier().fit(X, y).predict([[0.2], [0.8]]).tolist()
    ['a', 'b']
    """

    def __init__(
        self,
        p: Sequence[float] = (0.0, 0.5, 0.0, 0.5),
        *,
        depth: float = math.inf,
        kind: str = "nngp",
        lift: bool = True,
    ) -> None:
        self.p = p
        self.depth = depth
        self.kind = kind
        self.lift = lift

    def fit(self, X: Any, y: Any) -> Self:
        """Keep the training samples, and for a finite depth solve the kernel machine.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Training samples.
        y : array_like, shape (n_samples,)
            Class labels.

        Returns
        -------
        DepthLimitClassifier
            Itself.
        """
        self.limit_ = DepthLimit(self.p)
        depth = validation.check_count("depth", self.depth, minimum=0, allow_infinite=True)
        validation.check_choice("kind", self.kind, ("nngp", "ntk"))
        if self.limit_.regime == "majority_vote_ridge" and math.isfinite(depth):
            raise ValueError(
                "depth must be inf for p with p_0 > 0 and slope below 1; without ridge it has no solution."
            )
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self._lowest, self._range = X.min(axis=0), np.ptp(X, axis=0)
        self.points_ = self._on_sphere(X)
        indicator = (labels[:, None] == np.arange(self.classes_.size)).astype(np.float64)
        self._shares = indicator.mean(axis=0)
        if math.isinf(depth):
            self._weights = indicator
        else:
            log_gram = self._log_kernel(self.points_)
            self._weights = np.linalg.solve(np.exp(log_gram - log_gram[0, 0]), 2.0 * indicator - 1.0)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Class of every sample.

        Parameters
        ----------
        X : array_like, shape (n_queries, n_features)
            Samples.

        Returns
        -------
        numpy.ndarray, shape (n_queries,)
            Class labels.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return self.classes_[np.argmax(self._scores(self._on_sphere(X)), axis=1)]

    def _scores(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        regime = self.limit_.regime
        if math.isinf(self.depth) and regime.startswith("majority_vote"):
            return np.broadcast_to(self._shares, (points.shape[0], self.classes_.size))
        if math.isinf(self.depth) and regime == "nearest_neighbor":
            nearest = np.argmin(_gaps(points, self.points_), axis=1)
            return np.asarray(self._weights[nearest])
        log_weights = self._log_kernel(points)
        largest = np.max(log_weights, axis=1, keepdims=True)
        scaled = np.exp(log_weights - np.where(np.isfinite(largest), largest, 0.0))
        return np.asarray(scaled @ self._weights)

    def _log_kernel(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        gaps = _gaps(points, self.points_)
        if math.isfinite(self.depth):
            return np.asarray(self.limit_.log_kernel(gaps, int(self.depth), kind=self.kind))
        # The limit is infinite where two samples coincide and zero where they are orthogonal.
        inside = np.clip(gaps, 1e-300, 1.0 - 1e-15)
        return np.asarray(self.limit_.log_limit(inside).log_g)

    def _on_sphere(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.lift:
            scaled = np.clip((X - self._lowest) / np.where(self._range > 0.0, self._range, 1.0), 0.0, 1.0)
            scaled /= math.sqrt(X.shape[1])
            last = np.sqrt(np.maximum(1.0 - np.sum(scaled**2, axis=1, keepdims=True), 0.0))
            return np.concatenate([scaled, last], axis=1)
        if np.min(X) < 0.0 or np.max(np.abs(np.linalg.norm(X, axis=1) - 1.0)) > 1e-8:
            raise ValueError("X must hold unit vectors with non-negative entries where lift=False; got others.")
        return X


class GaussianProcessNTK(Kernel):  # type: ignore[misc]
    """A network's kernel as a prior for scikit-learn's Gaussian processes, without parameters to be tuned.

    Parameters
    ----------
    kernel : NTK
        The kernel; its NNGP kernel makes the process that the network is at initialisation.

    Notes
    -----
    Pass ``optimizer=None`` to the Gaussian process: there is nothing to optimise.

    Examples
    --------
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> prior = GaussianProcessNTK(NTK("erf", kind="nngp"))
    >>> model = GaussianProcessRegressor(prior, alpha=1e-6, optimizer=None).fit([[0.0], [1.0]], [1.0, 2.0])
    >>> model.predict([[1.0]]).round(3).tolist()
    [2.0]
    """

    def __init__(self, kernel: NTK) -> None:
        self.kernel = kernel

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        """Evaluate the kernel.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Samples.
        Y : array_like, shape (m, d), optional
            Further samples.
        eval_gradient : bool
            Whether the gradient with respect to the parameters is wanted, which are none.

        Returns
        -------
        numpy.ndarray, shape (n, m), or a pair of it and an empty array of shape (n, m, 0)
            The kernel matrix.
        """
        K = self.kernel(np.asarray(X, dtype=np.float64), None if Y is None else np.asarray(Y, dtype=np.float64))
        return (K, np.empty((*K.shape, 0))) if eval_gradient else K

    def diag(self, X: Any) -> NDArray[np.float64]:
        """Kernel of every sample with itself.

        Parameters
        ----------
        X : array_like, shape (n, d)
            Samples.

        Returns
        -------
        numpy.ndarray, shape (n,)
            The diagonal.
        """
        return np.asarray(self.kernel.diag(np.asarray(X, dtype=np.float64)))

    def is_stationary(self) -> bool:
        """Whether the kernel depends on differences alone, which it does not.

        Returns
        -------
        bool
            False.
        """
        return False

    def __repr__(self) -> str:
        return f"GaussianProcessNTK({self.kernel!r})"


def _gaps(X: NDArray[np.float64], Y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Half the squared distances, (n, m), from differences: one minus an inner product loses the small ones."""
    from scipy.spatial.distance import cdist

    return np.clip(0.5 * cdist(X, Y, "sqeuclidean"), 0.0, 1.0)
