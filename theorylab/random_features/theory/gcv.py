r"""The test error estimated from the training set alone.

Generalised cross-validation divides the train error by the squared share of the labels that the fit leaves over,

.. math:: \mathrm{GCV}(\delta) = \frac1n\Big|\delta A y\Big|^2 \Big/ \Big(\frac\delta n\,\mathrm{tr} A\Big)^2
    = n\,|A y|^2 / (\mathrm{tr}\,A)^2, \qquad A = (K + \delta I)^{-1} .

It needs no spectrum: by the eigenframework :math:`E_\mathrm{train} = (\delta/(n\kappa))^2 E_\mathrm{test}` with
:math:`1/\kappa = \mathrm{tr}\,A`, so that it estimates the test error, for kernels and for random features alike.
It is a prediction computed from data, so it stands beside the other predictions: what predicts learning curves may use
it, measurements may not, and claims compare the two.

Sources: [golub1979]_; [jacot2020]_, where it is derived for kernels as KARE; the step to random features derived here.

.. [golub1979] G. H. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for choosing a good ridge
   parameter", Technometrics 21(2), 1979.
.. [jacot2020] A. Jacot, B. Simsek, F. Spadaro, C. Hongler, F. Gabriel, "Kernel alignment risk estimator: risk
   prediction from training data", NeurIPS 2020.
"""

from __future__ import annotations

from typing import Any

from theorylab import arrays, validation
from theorylab.random_features.problem.gram import decompose_gram

__all__ = ["gcv_estimate"]


def gcv_estimate(K: Any, y: Any, ridge: Any) -> Any:
    r"""Test error of ridge regression estimated by generalised cross-validation.

    Parameters
    ----------
    K : array_like, shape (n, n)
        Kernel matrix of the training points: :math:`K(x_i, x_j)`, or :math:`\Psi\Psi^T/k` for k random features.
    y : array_like, shape (n,) or (n, C)
        Training labels; errors are summed over outputs.
    ridge : array_like, any shape
        Ridges >= 0 of the unnormalised loss; zero stands for the limit, which exists also for a singular matrix.

    Returns
    -------
    array
        Estimated mean squared error on a fresh point with a noisy label, of the shape of `ridge`, float64.

    Raises
    ------
    ValueError
        If `K` is not a symmetric positive semi-definite matrix, `y` does not fit it, or a ridge is negative.

    Notes
    -----
    Its bias is of order 1/n and its scatter from one training set to the next of order :math:`1/\sqrt n`.  For training
    points drawn from a small population without replacement it estimates the error of the infinite one.

    Examples
    --------
    >>> float(gcv_estimate([[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0], 0.5))
    12.5
    """
    ridge = validation.check_array("ridge", ridge, minimum=0.0)
    values, coefficients = decompose_gram(K, y)
    xp, (ridge,) = arrays.promote(ridge, like=values)
    power = xp.sum(coefficients**2, axis=1)
    total = values + xp.reshape(ridge, (-1, 1))
    # A up to a factor, which cancels: 1 on the smallest eigenvalue, also where that and the ridge are both zero
    singular = total == 0.0
    left = xp.where(singular, xp.ones_like(total), total[:, -1:] / xp.where(singular, xp.ones_like(total), total))
    estimate = values.shape[0] * (left**2 @ power) / xp.sum(left, axis=1) ** 2
    return xp.reshape(estimate, ridge.shape)
