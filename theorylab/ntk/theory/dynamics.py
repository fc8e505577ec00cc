r"""Training dynamics in function space: gradient flow and gradient descent on a kernel, at any set of times at once.

With a constant kernel :math:`K` on the training set and :math:`K_*` between test and training points, gradient flow on
:math:`\frac{1}{2N}\sum_i |f(x_i) - y_i|^2` at learning rate 1 gives [jacot2018]_, [lee2019]_

.. math::
    f_t = y + e^{-Kt/N}(f_0 - y), \qquad
    f_{*,t} = f_{*,0} + K_*\, g_t(K)\,(y - f_0), \qquad g_t(\lambda) = \frac{1 - e^{-\lambda t/N}}{\lambda},

and k steps of gradient descent with learning rate :math:`\eta` give the same with
:math:`(1 - \eta\lambda/N)^k` for the exponential.  One eigendecomposition of K serves every time.

.. [jacot2018] A. Jacot, F. Gabriel, C. Hongler, "Neural tangent kernel: convergence and generalization in neural
   networks", NeurIPS 2018, arXiv:1806.07572, section 5.
.. [lee2019] J. Lee, L. Xiao, S. Schoenholz, Y. Bahri, R. Novak, J. Sohl-Dickstein, J. Pennington, "Wide neural networks
   of any depth evolve as linear models under gradient descent", NeurIPS 2019, arXiv:1902.06720, eqs. (9)-(16).
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

from theorylab import arrays, numerics, validation
from theorylab.ntk.theory._covariances import covariances

__all__ = ["Ensemble", "KernelGradientFlow", "early_stopping_risk"]


class Ensemble(NamedTuple):
    """Mean and covariance over initialisations of infinitely wide networks after training.

    Parameters
    ----------
    mean : array, shape (T, m, k)
        Mean prediction at each time.
    covariance : array, shape (T, m) or (T, m, m)
        Variance at each test point, or the covariance of all of them; the same for each of the k outputs.
    """

    mean: Any
    covariance: Any


class KernelGradientFlow:
    r"""Gradient descent on least squares with a constant kernel, in closed form.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Kernel matrix of the training points, symmetric positive semi-definite; for a wide network its tangent kernel.
    y : array_like, shape (n,) or (n, k)
        Targets.
    norm : {"n", "nk"}
        Whether the loss is the mean over points (and the sum over outputs), or over points and outputs; with k outputs
        the second is k times slower.
    ridge : float
        Added to the diagonal of `K` in units of the loss's sum over points: the penalty
        :math:`\tfrac{r}{2N}` times the squared norm of the function, measured from its start.

    Attributes
    ----------
    eigenvalues : array, shape (n,)
        Of `K`, from the largest down, without the ridge; what rounding errors make of zero is set to zero.
    eigenvectors : array, shape (n, n)
        Columns in the order of the eigenvalues.

    Raises
    ------
    ValueError
        If `K` is not square, not symmetric to 1e-8 of its largest entry, or has an eigenvalue below -1e-8 of the
        largest; if `y` has another number of rows.

    Notes
    -----
    Source: [lee2019]_.  Time is in units of one over the learning rate: t = k steps of learning rate one.

    Examples
    --------
    >>> flow = KernelGradientFlow([[2.0]], [1.0])
    >>> round(float(flow.predict([math.log(2.0) / 2.0])[0, 0, 0]), 12)
    0.5
    """

    def __init__(self, K: Any, y: Any, *, norm: str = "n", ridge: float = 0.0) -> None:
        y = validation.check_array("y", y, ndim=(1, 2))
        self.ridge = validation.check_number("ridge", ridge, minimum=0.0)
        per_output = validation.check_choice("norm", norm, ("n", "nk")) == "nk"
        _, (K, y) = arrays.promote(validation.check_square("K", K), y)
        if y.shape[0] != K.shape[0]:
            raise ValueError(f"y must have one row for each of the {K.shape[0]} points of K; got {tuple(y.shape)}.")
        self._y = y if y.ndim == 2 else y[:, None]
        self._count = float(self._y.shape[0] * (self._y.shape[1] if per_output else 1))
        self.eigenvalues, self.eigenvectors = numerics.decompose_gram(K)

    @property
    def _xp(self) -> Any:
        return arrays.namespace(self.eigenvalues)

    @property
    def max_learning_rate(self) -> float:
        """Learning rate up to which gradient descent does not diverge, 2 N over the largest eigenvalue."""
        return 2.0 * self._count / (float(self.eigenvalues[0]) + self.ridge)

    def decay(self, times: Any, *, learning_rate: float = 1.0, discrete: bool = False) -> Any:
        r"""Factor by which each kernel principal component of the residual has shrunk.

        Parameters
        ----------
        times : array_like, shape (T,)
            Times >= 0, in steps; may be infinite.
        learning_rate : float
            Learning rate :math:`\eta > 0`.
        discrete : bool
            Steps of gradient descent in place of gradient flow; the times must then be integers.

        Returns
        -------
        array, shape (T, n)
            :math:`e^{-\lambda_i\eta t/N}`, or :math:`(1-\eta\lambda_i/N)^t`, in the order of the eigenvalues.

        Warns
        -----
        UserWarning
            If the learning rate is above `max_learning_rate`: the descent diverges, which is then what is returned.
        """
        return 1.0 - self._learned(times, learning_rate, discrete)[0]

    def predict(
        self,
        times: Any,
        K_star: Any = None,
        *,
        f0: Any = 0.0,
        f0_star: Any = 0.0,
        learning_rate: float = 1.0,
        discrete: bool = False,
    ) -> Any:
        r"""Predictions during training.

        Parameters
        ----------
        times : array_like, shape (T,)
            Times >= 0, in steps; may be infinite.
        K_star : array_like, shape (m, n), optional
            Kernel between test and training points; without it the training points are predicted.
        f0 : array_like, shape (n,), (n, k) or a number
            Outputs on the training points at the start.
        f0_star : array_like, shape (m,), (m, k) or a number
            Outputs on the test points at the start; unused without `K_star`.
        learning_rate : float
            Learning rate > 0.
        discrete : bool
            Steps of gradient descent in place of gradient flow.

        Returns
        -------
        array, shape (T, n, k) or (T, m, k)
            One column for a target without output axis.
        """
        xp = self._xp
        start = self._like_targets("f0", f0, self._y.shape[0])
        residual = numerics.matmul(self.eigenvectors.T, self._y - start)
        weights = self._learned(times, learning_rate, discrete)[1]
        if K_star is None:
            return start + _modes_at_times(xp, self.eigenvectors, weights * self.eigenvalues, residual)
        K_star = self._kernel("K_star", K_star, (None, self._y.shape[0]))
        start = self._like_targets("f0_star", f0_star, K_star.shape[0])
        change = _modes_at_times(xp, self.eigenvectors, weights, residual)
        flat = xp.reshape(xp.permute_dims(change, (1, 0, 2)), (change.shape[1], -1))
        result = xp.reshape(numerics.matmul(K_star, flat), (K_star.shape[0], change.shape[0], change.shape[2]))
        return start + xp.permute_dims(result, (1, 0, 2))

    def ensemble(
        self,
        times: Any,
        K_star: Any,
        *,
        S: Any,
        S_star: Any,
        S_star_star: Any,
        full: bool = False,
        learning_rate: float = 1.0,
    ) -> Ensemble:
        r"""Mean and covariance over random initialisations of infinitely wide networks.

        The outputs at the start are a Gaussian process with covariance S.  With :math:`M_t = K_* g_t(K)`,

        .. math:: \mathrm{mean} = M_t y, \qquad
            \mathrm{cov}_t = S_{**} - M_t S_*^T - S_* M_t^T + M_t S M_t^T.

        Parameters
        ----------
        times : array_like, shape (T,)
            Times >= 0; may be infinite.
        K_star : array_like, shape (m, n)
            Tangent kernel between test and training points.
        S, S_star, S_star_star : array_like, shapes (n, n), (m, n), (m, m)
            NNGP kernel of the training points, between test and training points, and of the test points; of the last
            a vector of shape (m,), its diagonal, is enough unless `full`.
        full : bool
            Whether the covariance of all pairs of test points is wanted, or the variance of each.
        learning_rate : float
            Learning rate > 0.

        Returns
        -------
        Ensemble
            Mean (T, m, k) and covariance (T, m), or (T, m, m) if `full`.

        Notes
        -----
        Source: [lee2019]_, eqs. (13)-(16).  Training the last layer alone is K = S, ``K_star = S_star``; its limit of
        infinite time is the posterior of Gaussian process regression.  For the full tangent kernel the limit is not a
        posterior of any Gaussian process.

        Covariances are exact to about 1e-10 of the largest, not of each: from about thirty times on, further ones are
        combined from those.
        """
        xp, n = self._xp, self._y.shape[0]
        K_star = self._kernel("K_star", K_star, (None, n))
        m = K_star.shape[0]
        S, S_star = self._kernel("S", S, (n, n)), self._kernel("S_star", S_star, (m, n))
        shape = (m, m) if full else ((m, m), (m,))[len(getattr(S_star_star, "shape", (0, 0))) == 1]
        S_star_star = self._kernel("S_star_star", S_star_star, shape)
        if not full and S_star_star.ndim == 2:
            S_star_star = xp.linalg.diagonal(S_star_star)
        weights, modes = self._learned(times, learning_rate, False)[1], numerics.matmul(K_star, self.eigenvectors)
        mean = _modes_at_times(xp, modes, weights, numerics.matmul(self.eigenvectors.T, self._y))
        return Ensemble(mean, covariances(weights, modes, self.eigenvectors, (S, S_star, S_star_star)))

    def _learned(self, times: Any, learning_rate: float, discrete: bool) -> tuple[Any, Any]:
        r"""Share of each component of the residual that is gone, and the function :math:`g_t`, both (T, n)."""
        xp = self._xp
        times = arrays.promote(
            validation.check_array("times", times, ndim=1, minimum=0.0, allow_infinite=True), like=self.eigenvalues
        )[1][0][:, None]
        rate = validation.check_number("learning_rate", learning_rate, exclusive_minimum=0.0)
        total = (self.eigenvalues + self.ridge)[None, :]
        moving = total > 0.0
        divisor = xp.where(moving, total, xp.ones_like(total))
        steps = divisor * (rate / self._count)
        if discrete:
            self._check_steps(times, rate)
            learned = _geometric(xp, steps, times)
        else:
            learned = -xp.expm1(-steps * times)
        finite = xp.where(xp.isfinite(times), times, xp.zeros_like(times)) * (rate / self._count)
        # Test points do not see a component without eigenvalue, so that any finite value will do in the limit.
        return xp.where(moving, learned, xp.zeros_like(learned)), xp.where(moving, learned / divisor, finite)

    def _check_steps(self, times: Any, rate: float) -> None:
        xp = self._xp
        if bool(xp.any(xp.isfinite(times) & (times != xp.round(times)))):
            raise ValueError("times must be integers where discrete=True; got a fraction. Count the steps.")
        if rate > self.max_learning_rate:
            warnings.warn(
                f"learning_rate {rate:.4g} is above max_learning_rate {self.max_learning_rate:.4g}: it diverges.",
                UserWarning,
                stacklevel=4,
            )

    def _like_targets(self, name: str, value: Any, n: int) -> Any:
        value = validation.check_array(name, value)
        _, (value,) = arrays.promote(value, like=self.eigenvalues)
        value = value if value.ndim != 1 else value[:, None]
        if value.ndim and value.shape not in {(n, 1), (n, self._y.shape[1])}:
            raise ValueError(
                f"{name} must be a number or have shape ({n}, {self._y.shape[1]}); got {tuple(value.shape)}."
            )
        return value

    def _kernel(self, name: str, value: Any, shape: tuple[int | None, ...]) -> Any:
        value = validation.check_array(name, value, shape=shape)
        return arrays.promote(value, like=self.eigenvalues)[1][0]


def early_stopping_risk(
    eigenvalues: Any, coefficients_sq: Any, noise_variance: float, times: Any, *, n_points: int | None = None
) -> Any:
    r"""In-sample risk of gradient flow from zero at fixed design.

    .. math::
        R(t) = \frac1n \sum_i \big[ e^{-2\lambda_i t/n}\, b_i^2 + \sigma^2 (1 - e^{-\lambda_i t/n})^2 \big].

    Parameters
    ----------
    eigenvalues : array_like, shape (n,)
        Of the kernel matrix of the training points, >= 0.
    coefficients_sq : array_like, shape (n,)
        Squared components :math:`b_i^2` of the noiseless targets along its eigenvectors.
    noise_variance : float
        Variance of the label noise, >= 0.
    times : array_like, shape (T,)
        Times >= 0; may be infinite.
    n_points : int, optional
        The n of the formula; the number of eigenvalues when left out.  It is larger where components that are never
        learned, with neither eigenvalue nor signal, are left out of the lists.

    Returns
    -------
    array, shape (T,)
        Expected mean squared distance from the noiseless targets.

    Notes
    -----
    Derived here: bias and variance of each kernel principal component.  One component alone is best stopped where
    :math:`e^{-\lambda t/n} = \sigma^2/(b^2 + \sigma^2)`.

    Examples
    --------
    >>> early_stopping_risk([1.0], [4.0], 1.0, [0.0, math.inf]).tolist()
    [4.0, 1.0]
    """
    eigenvalues = validation.check_array("eigenvalues", eigenvalues, ndim=1, minimum=0.0)
    coefficients_sq = validation.check_array("coefficients_sq", coefficients_sq, ndim=1, minimum=0.0)
    noise = validation.check_number("noise_variance", noise_variance, minimum=0.0)
    times = validation.check_array("times", times, ndim=1, minimum=0.0, allow_infinite=True)
    n = validation.check_same_length(eigenvalues=eigenvalues, coefficients_sq=coefficients_sq)
    divisor = n if n_points is None else int(validation.check_count("n_points", n_points))
    xp, (eigenvalues, coefficients_sq, times) = arrays.promote(eigenvalues, coefficients_sq, times)
    moving = eigenvalues[None, :] > 0.0
    exponent = times[:, None] * xp.where(moving, eigenvalues[None, :] / divisor, xp.ones_like(eigenvalues)[None, :])
    learned = xp.where(moving, -xp.expm1(-exponent), xp.zeros_like(exponent))
    return xp.sum((1.0 - learned) ** 2 * coefficients_sq + noise * learned**2, axis=1) / divisor


def _geometric(xp: Any, steps: Any, times: Any) -> Any:
    r"""The share :math:`1 - (1-s)^k`, also beyond s = 1, where the residual changes its sign at each step."""
    inside, counted = steps < 1.0, xp.where(xp.isfinite(times), times, xp.zeros_like(times))
    log = xp.where(inside, xp.log1p(-xp.where(inside, steps, xp.zeros_like(steps))), xp.zeros_like(steps))
    sign = 1.0 - 2.0 * (counted - 2.0 * xp.floor(counted / 2.0))
    finite = xp.where(inside, -xp.expm1(counted * log), 1.0 - sign * xp.abs(1.0 - steps) ** counted)
    limit = xp.where(steps < 2.0, xp.ones_like(steps), xp.full_like(steps, math.inf))
    return xp.where(xp.isfinite(times), finite, limit)


def _modes_at_times(xp: Any, modes: Any, weights: Any, residual: Any) -> Any:
    """Sum over components of mode (m, n), weight (T, n) and residual (n, k): shape (T, m, k)."""
    weighted = weights[:, :, None] * residual[None, :, :]
    flat = xp.reshape(xp.permute_dims(weighted, (1, 0, 2)), (modes.shape[1], -1))
    result = xp.reshape(numerics.matmul(modes, flat), (modes.shape[0], weights.shape[0], residual.shape[1]))
    return xp.permute_dims(result, (1, 0, 2))
