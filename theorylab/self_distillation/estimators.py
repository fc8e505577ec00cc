"""Self-distilled kernel ridge regression with the interface of scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels
from sklearn.utils.validation import check_is_fitted, validate_data

from theorylab import numerics, validation
from theorylab.self_distillation.theory.eigensystem import KernelEigensystem
from theorylab.self_distillation.theory.filters import (
    dual_filters,
    effective_regularization,
    equivalent_ridge,
    limit_filter,
)
from theorylab.self_distillation.theory.leave_one_out import leave_one_out
from theorylab.self_distillation.theory.optimal_weight import optimal_ground_truth_weight

__all__ = ["SelfDistilledKernelRidge"]

#: Weights tried for the infinite-step limit before the best is refined: logarithms from here to 0.
_LOWEST, _SCAN_POINTS = -30.0, 121


class SelfDistilledKernelRidge(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Kernel ridge regression, distilled into itself.

    Step 1 is kernel ridge regression.  Every further step is kernel ridge regression with the same ridge on the target
    :math:`\alpha y + (1-\alpha) f^{(\tau-1)}(X)`, a mixture of the ground truth and the previous step's predictions.
    One eigendecomposition gives all steps, and infinitely many as well: with constant weight they end at the ridge
    :math:`\lambda/\alpha`.

    Parameters
    ----------
    kernel : str or callable
        Name of a kernel of scikit-learn, a function of two samples, or ``"precomputed"``: then X is the Gram matrix
        (n_samples, n_samples), for prediction (n_queries, n_samples).  It must be positive semi-definite.
    gamma : float, optional
        Of the kernels that know it; None for their default.
    degree : float
        Of the polynomial kernel.
    coef0 : float
        Of the polynomial and sigmoid kernels.
    kernel_params : dict, optional
        Further arguments of a callable.
    regularization : float
        Ridge :math:`\lambda > 0` of every step, for the **sum** over samples: what ``KernelRidge`` calls ``alpha``.
    ground_truth_weight : float, sequence of float, "optimal" or "leave-one-out"
        Weight :math:`\alpha` of the ground truth, 1 for no distillation and 0 for pure distillation: one number for all
        steps, or n_steps - 1 numbers for steps 2, 3, ...  ``"optimal"`` chooses the weights step by step, each with the
        smallest squared error on the validation data of `fit`, in closed form; ``"leave-one-out"`` on the exact
        leave-one-out predictions, without validation data.  More steps are not always better: compare them with
        `staged_predict`.
    n_steps : int or math.inf
        Number of fits, the first one included.  Infinitely many need one weight for all steps; ``"optimal"`` and
        ``"leave-one-out"`` search the one whose limit is best.
    clip : bool
        Whether weights must lie in [0, 1]; optimal ones are moved there.  False allows any for finite `n_steps`: below
        0 the student leaves its teacher behind, above 1 distillation is undone.

    Attributes
    ----------
    dual_coef_ : ndarray, shape (n_samples,) or (n_samples, n_outputs)
        Coefficients of the last step; the prediction is ``kernel(X, X_fit_) @ dual_coef_``.
    step_dual_coefs_ : ndarray, shape (n_steps, n_samples) or (n_steps, n_samples, n_outputs)
        Those of every step; of the limit alone for infinitely many.
    eigenvalues_ : ndarray, shape (n_samples,)
        Of the Gram matrix, falling.
    filters_ : ndarray, shape (n_steps, n_samples)
        Factor by which each eigencomponent of the targets is kept; of the limit alone for infinitely many steps.
    ground_truth_weights_ : ndarray, shape (n_steps - 1,)
        Weights used; one for infinitely many steps.
    effective_regularization_ : ndarray, shape (n_samples,)
        Ridge that would give each eigencomponent its last filter: :math:`\lambda` after one step,
        :math:`\lambda/\alpha` after infinitely many, and different for every component between.
    n_steps_ : int or math.inf
        Number of steps fitted.
    X_fit_ : ndarray or sparse matrix, shape (n_samples, n_features)
        Training inputs, or the Gram matrix.
    n_features_in_ : int
        Number of columns of X.

    See Also
    --------
    sklearn.kernel_ridge.KernelRidge : One step, with one ridge for each output and with sample weights.

    Notes
    -----
    There is no intercept: the model shrinks towards zero, and without ground truth collapses to zero, not to the mean.
    Centre the targets first, for example with ``TransformedTargetRegressor(..., transformer=StandardScaler())``.
    In a ``Pipeline``, validation data need metadata routing and ``transform_input=["X_val"]``.
    Sample weights are not supported, because a step's regularisation then no longer acts in one eigenbasis.
    Fitting costs one eigendecomposition and O(n^2) for each step.

    Examples
    --------
    >>> X, y = [[0.0], [0.5], [1.0]], [0.0, 1.0, 0.0]
    >>> model = SelfDistilledKernelRidge(gamma=4.0, regularization=0.1, n_steps=3).fit(X, y)
    >>> model.predict(X).shape, model.filters_.shape
    ((3,), (3, 3))
    """

    def __init__(
        self,
        kernel: str | Callable[..., float] = "rbf",
        *,
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[str, Any] | None = None,
        regularization: float = 1.0,
        ground_truth_weight: float | Sequence[float] | Literal["optimal", "leave-one-out"] = 0.5,
        n_steps: float = 2,
        clip: bool = True,
    ) -> None:
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.regularization = regularization
        self.ground_truth_weight = ground_truth_weight
        self.n_steps = n_steps
        self.clip = clip

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.kernel != "precomputed"
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, X_val: ArrayLike | None = None, y_val: ArrayLike | None = None
    ) -> SelfDistilledKernelRidge:
        """Fit all steps.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_samples, n_features)
            Training inputs; the Gram matrix for a precomputed kernel.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Targets.  All outputs share the weights.
        X_val : array_like or sparse matrix, shape (n_val, n_features), optional
            Validation inputs, used for optimal weights only; for a precomputed kernel the matrix between validation
            and training inputs.
        y_val : array_like, shape (n_val,) or (n_val, n_outputs), optional
            Validation targets.

        Returns
        -------
        SelfDistilledKernelRidge
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter is outside its range, the kernel matrix is not positive semi-definite, or validation data are
            missing where they are needed.
        """
        ridge = validation.check_number("regularization", self.regularization, exclusive_minimum=0.0)
        n_steps = validation.check_count("n_steps", self.n_steps, allow_infinite=True)
        weights = self._given_weights(n_steps)
        X, y = self._validate(X, y, reset=True)
        system = KernelEigensystem.from_gram(self._kernel_matrix(X))
        self.X_fit_ = X
        if weights is None:
            judge = self._judge(system, y, X_val, y_val)
            weights = (
                judge.limit_weight(ridge) if math.isinf(n_steps) else judge.greedy_weights(ridge, n_steps, self.clip)
            )
        if math.isinf(n_steps):
            duals = 1.0 / (system.eigenvalues + effective_regularization(ridge, weights)[:, None])
            self.filters_ = limit_filter(system.eigenvalues, ridge, weights)
        else:
            duals = dual_filters(system.eigenvalues, ridge, weights, bounded=self.clip)
            self.filters_ = system.eigenvalues * duals
        self.n_steps_ = n_steps
        self.ground_truth_weights_ = weights
        self.eigenvalues_ = system.eigenvalues
        self.step_dual_coefs_ = system.apply(duals, y)
        self.dual_coef_ = self.step_dual_coefs_[-1]
        self.effective_regularization_ = equivalent_ridge(system.eigenvalues, duals[-1])
        return self

    def predict(self, X: ArrayLike, step: float | None = None) -> NDArray[Any]:
        """Predict with one of the steps.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_queries, n_features)
            Inputs; the matrix between queries and training inputs for a precomputed kernel.
        step : int or math.inf, optional
            Number of the step, from 1 to n_steps; the last one when left out.  A model of infinitely many steps knows
            the limit alone.

        Returns
        -------
        ndarray, shape (n_queries,) or (n_queries, n_outputs)
            Predictions.
        """
        check_is_fitted(self)
        coefficients = self.dual_coef_ if step is None else self.step_dual_coefs_[self._index_of(step)]
        return np.asarray(self._kernel_matrix(*self._queries(X)) @ coefficients)

    def staged_predict(self, X: ArrayLike) -> Iterator[NDArray[Any]]:
        """Predict with every step in turn; the kernel matrix is computed once.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_queries, n_features)
            Inputs, as for `predict`.

        Yields
        ------
        ndarray, shape (n_queries,) or (n_queries, n_outputs)
            Predictions of steps 1, 2, ..., n_steps; of the limit alone for infinitely many steps.
        """
        check_is_fitted(self)
        kernel = self._kernel_matrix(*self._queries(X))
        for coefficients in self.step_dual_coefs_:
            yield np.asarray(kernel @ coefficients)

    def _given_weights(self, n_steps: float) -> NDArray[Any] | None:
        """Weights of all steps; None where they are to be found."""
        name, weight, infinite = "ground_truth_weight", self.ground_truth_weight, math.isinf(n_steps)
        if isinstance(weight, str):
            validation.check_choice(name, weight, ("optimal", "leave-one-out"))
            return None
        minimum, maximum = (0.0, 1.0) if self.clip or infinite else (None, None)
        given = validation.check_array(name, weight, ndim=(0, 1), minimum=minimum, maximum=maximum, allow_empty=True)
        length = 1 if infinite else int(n_steps) - 1
        if given.ndim == 1 and (infinite or given.shape[0] != length):
            raise ValueError(
                f"{name} must be one number{'' if infinite else f' or {length} numbers'} for n_steps={n_steps}; "
                f"got {given.shape[0]} in a sequence. The first step has no weight."
            )
        return np.array(np.broadcast_to(given, (length,)), dtype=np.float64)

    def _judge(self, system: KernelEigensystem, y: NDArray[Any], X_val: Any, y_val: Any) -> _Judge:
        """What optimal weights are judged by: predictions of all steps for a ridge and weights, and their targets."""
        if self.ground_truth_weight == "leave-one-out":
            return _Judge(lambda ridge, weights: leave_one_out(system, y, ridge, weights, bounded=False), y)
        if X_val is None or y_val is None:
            raise ValueError(
                "X_val and y_val must be given for ground_truth_weight='optimal'; got None. Pass them to fit, or "
                "choose ground_truth_weight='leave-one-out'."
            )
        X_val, y_val = self._validate(X_val, y_val, reset=False)
        if y_val.shape[1:] != y.shape[1:]:
            raise ValueError(f"y_val must have the outputs of y, {y.shape[1:]}; got {y_val.shape[1:]}.")
        kernel = self._kernel_matrix(X_val, self.X_fit_)

        def predict(ridge: float, weights: list[float]) -> NDArray[Any]:
            duals = system.apply(dual_filters(system.eigenvalues, ridge, weights, bounded=False), y)
            return np.moveaxis(np.tensordot(kernel, duals, axes=(1, 1)), 0, 1)

        return _Judge(predict, y_val)

    def _index_of(self, step: float) -> int:
        step, infinite = validation.check_count("step", step, allow_infinite=True), math.isinf(self.n_steps_)
        if math.isinf(step) != infinite or step > self.n_steps_:
            known = "inf" if infinite else f"1 to {self.n_steps_}"
            raise ValueError(f"step must be {known} for this model; got {step}. Fit with another n_steps.")
        return -1 if infinite else int(step) - 1

    def _kernel_matrix(self, X: Any, Z: Any = None) -> NDArray[Any]:
        if callable(self.kernel):
            parameters = self.kernel_params or {}
        else:
            validation.check_choice("kernel", self.kernel, [*PAIRWISE_KERNEL_FUNCTIONS, "precomputed"])
            parameters = {"gamma": self.gamma, "degree": self.degree, "coef0": self.coef0}
        return np.asarray(pairwise_kernels(X, Z, metric=self.kernel, filter_params=True, **parameters))

    def _queries(self, X: ArrayLike) -> tuple[Any, Any]:
        return validate_data(self, X, accept_sparse=("csr", "csc"), dtype=np.float64, reset=False), self.X_fit_

    def _validate(self, X: ArrayLike, y: ArrayLike, reset: bool) -> tuple[Any, NDArray[Any]]:
        X, y = validate_data(
            self, X, y, accept_sparse=("csr", "csc"), dtype=np.float64, multi_output=True, y_numeric=True, reset=reset
        )
        return X, np.asarray(y, dtype=np.float64)


class _Judge:
    """Chooses weights by the error of predictions that the targets had no part in."""

    def __init__(self, predict: Callable[[float, list[float]], NDArray[Any]], target: NDArray[Any]) -> None:
        self.predict = predict
        self.target = target

    def greedy_weights(self, ridge: float, n_steps: float, clip: bool) -> NDArray[Any]:
        """Best weight of each step after the best ones of the steps before."""
        weights: list[float] = []
        for _ in range(int(n_steps) - 1):
            steps = self.predict(ridge, [*weights, 0.0])
            bounds = (0.0, 1.0) if clip else None
            weights.append(optimal_ground_truth_weight(steps[0], steps[-1], self.target, clip=bounds))
        return np.array(weights)

    def limit_weight(self, ridge: float) -> NDArray[Any]:
        """Weight in [0, 1] whose infinitely many steps are best: a search of the ridge path above the ridge."""

        def loss(log_weight: Any) -> Any:
            return np.mean((self.predict(ridge * math.exp(-float(log_weight)), [])[0] - self.target) ** 2)

        grid = np.linspace(_LOWEST, 0.0, _SCAN_POINTS)
        best = int(np.argmin([loss(log_weight) for log_weight in grid]))
        bounds = grid[max(best - 1, 0)], grid[min(best + 1, _SCAN_POINTS - 1)]
        log_weight = numerics.minimize_unimodal(loss, *bounds)
        collapsed = np.mean(self.target**2) <= min(loss(log_weight), loss(0.0))
        weight = 1.0 if loss(0.0) <= loss(log_weight) else math.exp(log_weight)
        return np.array([0.0 if collapsed else weight])
