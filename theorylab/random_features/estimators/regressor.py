"""Ridge regression on the features of a random single-layer network, as a scikit-learn regressor."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from theorylab import validation
from theorylab.random_features.experiment.features import ACTIVATIONS, random_features
from theorylab.random_features.experiment.ridge import fit_random_feature_ridge

__all__ = ["RandomFeatureRidge"]


class RandomFeatureRidge(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Ridge regression on k random features :math:`g(w_j\cdot x)/\sqrt k` with :math:`w_j \sim N(0, s I)`.

    .. math:: f(x) = \frac{1}{\sqrt k}\sum_j a_j\, g(w_j\cdot x), \qquad
              a = \arg\min_a \sum_i (y_i - f(x_i))^2 + \delta |a|^2 .

    There is no intercept: a constant is learned only as far as the kernel of the features has one (that of ReLU has,
    that of the error function is odd and has none).  Centre the targets, or the inputs, where that matters.

    Parameters
    ----------
    n_features : int
        Number k of random features.
    ridge : float
        :math:`\delta \ge 0` of the loss above, which is a sum over samples; 0 gives the solution of least norm.
    activation : {"relu", "erf"}
        The function g.
    weight_variance : float, optional
        Variance s > 0 of each weight; 2/d for inputs of dimension d where it is not given.  With inputs of mean square
        norm d, the ReLU kernel then has mean diagonal 1.
    random_state : int, RandomState instance or None
        Seed of the weights; an int makes `fit` repeatable.

    Attributes
    ----------
    weights_ : numpy.ndarray, shape (k, d)
        The random weights.
    coef_ : numpy.ndarray, shape (k,) or (n_outputs, k)
        The learned coefficients a.
    weight_variance_ : float
        The variance that was used.
    n_features_in_ : int
        Dimension d of the inputs.

    Notes
    -----
    The features carry :math:`1/\sqrt k`, so that their Gram matrix tends to a kernel and the same ridge means the same
    for every k.  The same function comes from ``Ridge(alpha=ridge, fit_intercept=False)`` on these features, from
    ``Ridge(alpha=k * ridge, fit_intercept=False)`` on features without the factor, and for many features from
    ``KernelRidge(alpha=ridge)`` with the kernel of the features.  Where the loss is a mean over n samples, its penalty
    is ridge / n.

    :func:`theorylab.random_features.predict_learning_curve` takes an instance as its `kernel`, and predicts the errors.

    Examples
    --------
    >>> X = np.linspace(-1.0, 1.0, 50)[:, None]
    >>> model = RandomFeatureRidge(n_features=200, ridge=1e-3, random_state=0).fit(X, abs(X[:, 0]))
    >>> round(model.score(X, abs(X[:, 0])), 3)
    1.0
    """

    weights_: NDArray[np.float64]
    coef_: NDArray[np.float64]
    weight_variance_: float

    def __init__(
        self,
        n_features: int = 100,
        *,
        ridge: float = 1.0,
        activation: str = "relu",
        weight_variance: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_features = n_features
        self.ridge = ridge
        self.activation = activation
        self.weight_variance = weight_variance
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Draw the weights and solve for the coefficients, by one singular value decomposition.

        Parameters
        ----------
        X : array_like, shape (n_samples, d)
            Inputs.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Targets.

        Returns
        -------
        RandomFeatureRidge
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, or the data are not finite.
        """
        k = int(validation.check_count("n_features", self.n_features))
        ridge = validation.check_number("ridge", self.ridge, minimum=0.0)
        validation.check_choice("activation", self.activation, tuple(ACTIVATIONS))
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self.weight_variance_ = (
            2.0 / X.shape[1]
            if self.weight_variance is None
            else validation.check_number("weight_variance", self.weight_variance, exclusive_minimum=0.0)
        )
        draws = check_random_state(self.random_state).standard_normal((k, X.shape[1]))
        self.weights_ = math.sqrt(self.weight_variance_) * draws
        fit = fit_random_feature_ridge(random_features(X, self.weights_, self.activation), y, [ridge])
        self.coef_ = fit.weights[:, 0, :].T if y.ndim == 2 else fit.weights[:, 0, 0]
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values of the learned function.

        Parameters
        ----------
        X : array_like, shape (n_samples, d)
            Inputs.

        Returns
        -------
        numpy.ndarray, shape (n_samples,) or (n_samples, n_outputs)
            As the targets were given.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return random_features(X, self.weights_, self.activation) @ self.coef_.T
