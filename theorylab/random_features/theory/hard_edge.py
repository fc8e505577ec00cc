r"""The peak at n = k beyond its deterministic law: with a tiny ridge the mean is made by the smallest singular value.

**What the deterministic law says.**  With as many features as samples and little ridge both gaps
:math:`n-z = k-z =: s` are :math:`\sqrt{\delta k/\gamma_0}`, with :math:`\gamma_0` the effective ridge without ridge.
The features, an (n, n) matrix, then have :math:`(2/\pi)\sqrt{k/\gamma_0}` singular values per unit length near zero,
since :math:`1/\kappa = \mathrm{tr}(\hat K+\delta)^{-1} = \sum_r (\sigma_r^2+\delta)^{-1}` is
:math:`\pi/(2\sqrt\delta)` times their density.  Test error, train error and :math:`1/\kappa` are, to leading order,
this density times an integral of

.. math:: \frac{\sigma^2}{(\sigma^2+\delta)^2}, \qquad \frac{\delta^2}{(\sigma^2+\delta)^2}, \qquad
    \frac{1}{\sigma^2+\delta},

over the singular values :math:`\sigma`, and a factor that does not depend on :math:`\sigma` near zero: the overlap of
singular vectors with labels and target.

**What it leaves out.**  The sums run over discrete values.  Given the modes, the features are
:math:`K^{1/2} Z/\sqrt k` with Z an (n, n) matrix of independent normals, and near zero the mean density of singular
values of a large matrix of this kind is, in units of the smooth one and at :math:`u = \pi` times the number of singular
values expected below :math:`\sigma`, that of the real ("orthogonal") hard edge [verbaarschot1994]_

.. math:: \rho(u) = \pi\Big\{\frac u2\big[J_0(u)^2+J_1(u)^2\big] + \frac12 J_0(u)\Big[1-\int_0^u J_0\Big]\Big\},
    \qquad \rho(0) = \frac\pi2, \quad \rho(\infty) = 1.

At zero this is the density of the smallest singular value of a square Gaussian matrix, :math:`\sqrt n` where the
quarter-circle law has :math:`2\sqrt n/\pi` [edelman1988]_.

**The factors.**  With :math:`t = \pi\cdot(2/\pi)\sqrt{k/\gamma_0}\cdot\sqrt\delta = 2s` the three integrals over
:math:`\rho` in units of those over 1 are

.. math::
    R_{1/\kappa}(t) &= \frac{2t}{\pi}\int_0^\infty \frac{\rho(u)\,du}{u^2+t^2}
        = t\,[I_0 K_0 + I_1 K_1] + I_0 H, \qquad H(t) = \int_t^\infty K_0, \\
    R_\mathrm{test}(t) &= \frac{d}{dt}\big[t R_{1/\kappa}\big] = t\,I_0 K_0 + (I_0 + t I_1) H, \\
    R_\mathrm{train}(t) &= R_{1/\kappa} - t R_{1/\kappa}' = t\,I_0 K_0 + 2 t\,I_1 K_1 + (I_0 - t I_1) H,

with modified Bessel functions at t.  All three rise from 1 at :math:`t \gg 1`, as :math:`1 + 1/(2t)`,
:math:`1 + O(t^{-2})` and :math:`1 + 1/t`, to :math:`\pi/2` at :math:`t \ll 1`: the peak keeps its power
:math:`\delta^{-1/2}` and is :math:`\pi/2` times as high as the deterministic law has it.

Derived here, from the density of [verbaarschot1994]_.

.. [edelman1988] A. Edelman, "Eigenvalues and condition numbers of random matrices", SIAM J. Matrix Anal. Appl. 9, 1988.
.. [verbaarschot1994] J. Verbaarschot, "The spectrum of the Dirac operator near zero virtuality for Nc = 2 and chiral
   random matrix theory", Nuclear Physics B 426, 1994.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from theorylab import arrays, validation

__all__ = ["HardEdgeFactors", "hard_edge_factors"]

#: Up to here H is the difference of pi/2 and a table's integral; beyond, where that cancels, a quadrature.
_CANCELLATION = 2.0
#: Nodes of the Gauss-Laguerre rule for H(t) exp(t) = int_0^inf K0(t+x) exp(t+x) exp(-x) dx: 1e-13 relative at t = 2.
_NODES = 40


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardEdgeFactors:
    """Means at n = k in units of the deterministic law.

    Parameters
    ----------
    test_mse, train_mse : array
        Factors of the two errors.
    inverse_kappa : array
        Factor of the trace of the regularised inverse kernel.
    """

    test_mse: Any
    train_mse: Any
    inverse_kappa: Any


def hard_edge_factors(sample_gap: Any) -> HardEdgeFactors:
    r"""Factors by which discrete singular values lift the mean errors at n = k above the deterministic law.

    Parameters
    ----------
    sample_gap : array_like, any shape
        :math:`n - z > 0` at n = k, as in :class:`EffectiveRegularization`; the factors are those at
        :math:`t = 2(n-z)`, that is :math:`2\sqrt{\delta k/\gamma_0}` for little ridge.

    Returns
    -------
    HardEdgeFactors
        float64 arrays in the shape of `sample_gap`, each between 1 and :math:`\pi/2` (the train error's and that of
        :math:`1/\kappa` to rounding).

    Raises
    ------
    ValueError
        If a gap is not positive: without ridge the mean errors at n = k are infinite.

    Notes
    -----
    Holds for real Gaussian features (complex ones have another hard edge, with no singular value near zero) at n = k
    and gaps far below n; relative corrections are of the order 1/n.  The Bessel functions are evaluated on the host.
    Derived here; the formulas stand at the top of this module.

    Examples
    --------
    >>> factors = hard_edge_factors([1e-6, 100.0])
    >>> [round(float(factor), 4) for factor in factors.test_mse]
    [1.5708, 1.0]
    """
    from scipy import special  # half a second of import

    gap = validation.check_array("sample_gap", sample_gap, exclusive_minimum=0.0)
    t = 2.0 * arrays.to_numpy(gap)
    # Bessel functions without their exponentials, which cancel in every product.
    i0, i1, k0, k1 = special.i0e(t), special.i1e(t), special.k0e(t), special.k1e(t)
    h = _scaled_tail_of_k0(t)
    _, values = arrays.promote(
        t * i0 * k0 + (i0 + t * i1) * h,
        t * i0 * k0 + 2.0 * t * i1 * k1 + (i0 - t * i1) * h,
        t * (i0 * k0 + i1 * k1) + i0 * h,
        like=gap,
    )
    return HardEdgeFactors(test_mse=values[0], train_mse=values[1], inverse_kappa=values[2])


def _scaled_tail_of_k0(t: Any) -> Any:
    """exp(t) times the integral of K0 from t to infinity."""
    from scipy import special

    near = np.minimum(t, _CANCELLATION)
    difference = np.exp(near) * (math.pi / 2.0 - special.iti0k0(near)[1])
    nodes, weights = np.polynomial.laguerre.laggauss(_NODES)
    far = np.maximum(t, _CANCELLATION)
    quadrature = special.k0e(far[..., None] + nodes) @ weights
    return np.where(t < _CANCELLATION, difference, quadrature)
