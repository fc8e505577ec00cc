r"""The power law that the spectrum of a ReLU network's kernel follows on a sphere, with its constant.

Where a kernel is smooth in the cosine t up to terms :math:`c_+(1-t)^\nu` and :math:`c_-(1+t)^\nu`, its eigenvalues are
asymptotically those of the two terms [bietti2021]_, for which Rodrigues' formula gives

.. math::
    \lambda_k \simeq \big[c_+ + (-1)^k c_-\big]\,E[(1-t)^\nu P_k(t)], \qquad
    E[(1-t)^\nu P_k(t)] = \frac{2^\nu\,\Gamma(\nu+\frac{d-1}{2})\,\Gamma(d-1)}{\Gamma(-\nu)\,\Gamma(\frac{d-1}{2})}
    \frac{\Gamma(k-\nu)}{\Gamma(k+\nu+d-1)} \sim \big(k + \tfrac{d-2}{2}\big)^{-d-2\nu+1}.

The derivative of the dual of a leaky ReLU is linear in the angle, :math:`\nu = \frac12`, its value bends like the cube
of the angle, :math:`\nu = \frac32`: the tangent kernel has the exponent d, the covariance d + 2, at every depth.

.. [bietti2021] A. Bietti, F. Bach, "Deep equals shallow for ReLU networks in kernel regimes", ICLR 2021,
   arXiv:2009.14397, Theorem 1 and Corollaries 2 and 3.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from theorylab import arrays, validation
from theorylab.ntk.theory.kernel import NTK

__all__ = ["SpectralLaw", "circle_gram_eigenvalues", "spectral_law"]


@dataclasses.dataclass(frozen=True)
class SpectralLaw:
    r"""Eigenvalues :math:`\lambda_k \simeq C_\pm\,(k + \frac{d-2}{2})^{-a}`, with one constant for each parity of k.

    Parameters
    ----------
    dim : int
        Dimension d of the space around the sphere.
    exponent : float
        The exponent a.
    even, odd : float
        The constants :math:`C_+` and :math:`C_-`.
    """

    dim: int
    exponent: float
    even: float
    odd: float

    def __call__(self, degrees: Any) -> Any:
        """Asymptotic eigenvalues.

        Parameters
        ----------
        degrees : array_like
            Whole numbers k >= 1.

        Returns
        -------
        array
            In the shape of `degrees`; relative error of the order of :math:`k^{-2}`, once k is beyond the inverse of
            all other scales of the kernel (the ratio of the biases' size to the weights').
        """
        xp, (degrees,) = arrays.promote(validation.check_array("degrees", degrees, minimum=1.0))
        constant = xp.where(degrees % 2.0 == 0.0, self.even * xp.ones_like(degrees), self.odd * xp.ones_like(degrees))
        return constant * (degrees + 0.5 * (self.dim - 2)) ** -self.exponent


def spectral_law(kernel: NTK, dim: int, *, mean_square: float = 1.0) -> SpectralLaw:
    r"""Power law of the eigenvalues of a leaky ReLU network's kernel on a sphere.

    Parameters
    ----------
    kernel : NTK
        With leaky ReLUs of a slope other than one, at least one hidden layer, in the NTK parameterisation; its `kind`
        says whether the tangent kernel or the covariance is meant.
    dim : int
        Dimension d >= 2 of the space around the sphere.
    mean_square : float
        Mean square coordinate :math:`|x|^2/d > 0` of the points.

    Returns
    -------
    SpectralLaw
        Exponent d or d + 2, and the constants.

    Raises
    ------
    ValueError
        For another activation, a linear one, no hidden layer or the standard parameterisation.

    Notes
    -----
    The exponents are [bietti2021]_, Corollaries 2 and 3; the constants with biases are derived here.  Behind layer l
    let :math:`q_l - \Sigma^l \simeq e_l(1-t)` near t = 1, so that :math:`\theta_l \simeq \sqrt{2e_l(1-t)/q_l}`.  With
    :math:`\alpha = (1-a)^2/2\pi`, :math:`h = (1+a^2)/2` for the slope a and :math:`e_{l+1} = \sigma_w^2 h e_l`,

    .. math::
        c^{\Theta}_{l+1} = \sigma_w^2\Big[h\,c^{\Theta}_l - \alpha\sqrt{2e_l/q_l}\;\Theta^l(1)\Big], \qquad
        c^{\Sigma}_{l+1} = \sigma_w^2\Big[h\,c^{\Sigma}_l + \tfrac{\alpha}{3} q_l (2e_l/q_l)^{3/2}\Big].

    At t = -1 the kernel is smooth with a bias.  Without, the first layer makes :math:`-\sqrt2\alpha\sigma_w^2 q_1`
    and :math:`\frac{2\sqrt2}{3}\alpha\sigma_w^2 q_1`, which later layers multiply by :math:`\sigma_w^2\dot T` at the
    angle that opposite points have there.  In one hidden layer both ends are equal, and the odd degrees vanish.

    Examples
    --------
    >>> law = spectral_law(NTK("relu", 1, 2**0.5, 0.0), dim=3)
    >>> law.exponent, law.even > 0.1, abs(law.odd) < 1e-15
    (3.0, True, True)
    """
    dim = int(validation.check_count("dim", dim, minimum=2))
    scale = validation.check_number("mean_square", mean_square, exclusive_minimum=0.0)
    if kernel.activation.name != "leaky_relu" or kernel.activation.parameters == (1.0,) or not kernel.depth:
        raise ValueError(f"kernel must be of a network with hidden layers of leaky ReLUs; got {kernel!r}.")
    if kernel.parameterization != "ntk":
        raise ValueError(f"kernel must be in the NTK parameterisation; got {kernel.parameterization!r}.")
    nu = 0.5 if kernel.kind == "ntk" else 1.5
    near, opposite = _near_end(kernel, scale), _opposite_end(kernel, scale)
    half = 0.5 * (dim - 1)
    constant = (
        2.0**nu / math.gamma(-nu) * math.exp(math.lgamma(nu + half) + math.lgamma(2.0 * half) - math.lgamma(half))
    )
    return SpectralLaw(dim, 2.0 * nu + dim - 1.0, constant * (near + opposite), constant * (near - opposite))


def circle_gram_eigenvalues(eigenvalues: Any, law: SpectralLaw, n_points: int) -> Any:
    r"""Eigenvalues, over n, of the Gram matrix of n equidistant points on the circle.

    Parameters
    ----------
    eigenvalues : array_like, shape (K,)
        Of the degrees 0 to K - 1 of the kernel, with K > n.
    law : SpectralLaw
        How they go on.
    n_points : int
        Even number n of points.

    Returns
    -------
    array, shape (n,)
        :math:`\sum_{m\in\mathbb Z}\lambda_{|j + mn|}` for the frequencies j = 0, ..., n - 1: on n points a wave cannot
        be told from the one of n more periods.

    Raises
    ------
    ValueError
        If n is odd, there are too few eigenvalues, or the law is not one of the circle.

    Notes
    -----
    Derived here (the eigenvalues of a circulant matrix, and Poisson's sum); the tail beyond the given degrees is the
    Hurwitz zeta function, computed on the host.

    Examples
    --------
    >>> import numpy as np
    >>> law = SpectralLaw(2, 2.0, 1.0, 1.0)
    >>> known = np.concatenate([[0.0], np.arange(1, 400.0) ** -2])
    >>> round(float(circle_gram_eigenvalues(known, law, 2)[1] * 4.0 / np.pi**2), 5)
    1.0
    """
    eigenvalues = validation.check_array("eigenvalues", eigenvalues, ndim=1)
    n = int(validation.check_count("n_points", n_points))
    if n % 2:
        raise ValueError(f"n_points must be even, so that aliases have the parity of their degree; got {n}.")
    if law.dim != 2:
        raise ValueError(f"law must be one of the circle, dim = 2; got dim = {law.dim}.")
    if eigenvalues.shape[0] <= n:
        raise ValueError(
            f"eigenvalues must be more than n_points = {n}; got {eigenvalues.shape[0]}. Give more degrees."
        )
    xp, (eigenvalues,) = arrays.promote(eigenvalues)
    whole = eigenvalues.shape[0] // n  # complete periods that are known
    rows = xp.reshape(eigenvalues[: whole * n], (whole, n))
    tail = _tail(law, n, whole)
    _, (tail,) = arrays.promote(tail, like=eigenvalues)
    upward = xp.sum(rows, axis=0) + tail  # degrees j, j + n, ...; with j = 0 counted on both sides below
    downward = xp.concat([upward[:1] - eigenvalues[:1], xp.flip(upward[1:])])  # degrees n - j, 2n - j, ...
    return upward + downward


def _tail(law: SpectralLaw, n: int, whole: int) -> Any:
    """Sum of the law over the degrees j + mn, m >= whole, for j = 0, ..., n - 1; on the host."""
    import numpy as np
    from scipy import special

    j = np.arange(n)
    return (
        np.where(j % 2 == 0, law.even, law.odd) * float(n) ** -law.exponent * special.zeta(law.exponent, whole + j / n)
    )


def _near_end(kernel: NTK, scale: float) -> float:
    """Coefficient of the first singular power of 1 - t."""
    w2, b2, alpha, gain = _constants(kernel)
    q, slope = w2 * scale + b2, w2 * scale
    tangent, singular = q, 0.0
    for _ in range(kernel.depth):
        turn = math.sqrt(2.0 * slope / q)
        source = -alpha * turn * tangent if kernel.kind == "ntk" else alpha / 3.0 * q * turn**3
        singular = w2 * (gain * singular + source)
        q, slope, before = w2 * gain * q + b2, w2 * gain * slope, tangent
        tangent = q + w2 * gain * before
    return singular


def _opposite_end(kernel: NTK, scale: float) -> float:
    """Coefficient of the first singular power of 1 + t."""
    w2, b2, alpha, gain = _constants(kernel)
    if b2 > 0.0:
        return 0.0
    (slope,) = kernel.activation.parameters
    if slope == -1.0:  # the absolute value cannot tell opposite points
        return _near_end(kernel, scale)
    q = w2 * scale
    singular = w2 * alpha * q * (-math.sqrt(2.0) if kernel.kind == "ntk" else 2.0 * math.sqrt(2.0) / 3.0)
    correlation = -slope / gain
    for _ in range(kernel.depth - 1):
        theta = math.acos(correlation)
        derivative = gain - alpha * theta
        singular *= w2 * derivative
        correlation = (alpha * math.sin(theta) + correlation * derivative) / gain
    return singular


def _constants(kernel: NTK) -> tuple[float, float, float, float]:
    (slope,) = kernel.activation.parameters
    return kernel.W_std**2, kernel.b_std**2, (1.0 - slope) ** 2 / (2.0 * math.pi), 0.5 * (1.0 + slope**2)
