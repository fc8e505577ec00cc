r"""What both sides of the chapter agree on: the convention of a distillation step, two kernels, and a toy data set.

Step :math:`\tau` of self-distillation with ground-truth weight :math:`\alpha` and ridge :math:`\lambda` is

.. math::
    f^{(\tau)} = \arg\min_f \; \frac{\alpha}{2} \|f(X) - Y\|^2 + \frac{1-\alpha}{2} \|f(X) - f^{(\tau-1)}(X)\|^2
    + \frac{\lambda}{2} \|f\|^2_{\mathcal H},

and :math:`f^{(1)}` is the ridge fit to the ground truth :math:`Y`.  Everywhere in this chapter

- *weight* is that of the **ground truth**: 1 is no distillation at all, 0 is pure distillation.  Papers on knowledge
  distillation often put it on the teacher instead;
- *regularization* is :math:`\lambda` of this objective, a **sum** over samples; scikit-learn's ``KernelRidge`` calls
  the same number ``alpha``, and an objective that averages over samples has :math:`n\lambda_\mathrm{mean} = \lambda`;
- steps count from one: the ridge fit is step 1, the first student is step 2, and a run of T steps has T - 1 weights;
- there is no intercept.

.. [borup2021] K. Borup, L. N. Andersen, "Even your teacher needs guidance: ground-truth targets dampen regularization
   imposed by self-distillation", NeurIPS 2021, arXiv:2102.13088; data from https://github.com/Kennethborup/self_distillation.
.. [mobahi2020] H. Mobahi, M. Farajtabar, P. L. Bartlett, "Self-distillation amplifies regularization in Hilbert space",
   NeurIPS 2020, arXiv:2002.05715.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from theorylab import arrays, validation

__all__ = ["ToyProblem", "beam_kernel", "gaussian_kernel", "toy_problem"]

#: Noisy values of sin(2 pi x) at x = 0, 0.1, ..., 1.
_TOY_TARGETS = (
    0.38476636465198066,
    1.2333967683416893,
    1.33232242218057,
    0.6920159488889518,
    -0.29756145531871736,
    -0.24189291901377769,
    -0.7964485769175675,
    -0.9616480167034174,
    -0.49672509509916934,
    -0.3469066003991437,
    0.5589512650600734,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyProblem:
    """A regression problem with few points, in NumPy arrays.

    Parameters
    ----------
    X : numpy.ndarray, shape (11, 1)
        Training inputs.
    y : numpy.ndarray, shape (11,)
        Noisy training targets.
    X_test : numpy.ndarray, shape (101, 1)
        Test inputs.
    truth : numpy.ndarray, shape (101,)
        Noiseless target at the test inputs.
    gamma : float
        Inverse squared width of the Gaussian kernel.
    regularization : float
        Ridge of every step.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    X_test: NDArray[Any]
    truth: NDArray[Any]
    gamma: float
    regularization: float

    @property
    def gram(self) -> NDArray[Any]:
        """Kernel between training inputs, shape (11, 11)."""
        return np.asarray(gaussian_kernel(self.X, gamma=self.gamma))

    @property
    def cross(self) -> NDArray[Any]:
        """Kernel between test and training inputs, shape (101, 11)."""
        return np.asarray(gaussian_kernel(self.X_test, self.X, gamma=self.gamma))


def toy_problem() -> ToyProblem:
    r"""Sinusoid with noise on which the effect of distillation has been illustrated.

    Eleven equispaced points of :math:`\sin 2\pi x` on [0, 1] with one published draw of Gaussian noise, the kernel
    :math:`e^{-80|x-x'|^2}`, ridge 0.2, and the noiseless sinusoid at 101 points as the test target.

    Returns
    -------
    ToyProblem
        The same arrays at every call.

    Notes
    -----
    Source: the data published with [borup2021]_.

    Examples
    --------
    >>> toy = toy_problem()
    >>> toy.gram.shape, toy.cross.shape, toy.regularization
    ((11, 11), (101, 11), 0.2)
    """
    X_test = np.linspace(0.0, 1.0, 101)
    return ToyProblem(
        X=np.linspace(0.0, 1.0, 11)[:, None],
        y=np.array(_TOY_TARGETS),
        X_test=X_test[:, None],
        truth=np.sin(2.0 * np.pi * X_test),
        gamma=80.0,
        regularization=0.2,
    )


def gaussian_kernel(X: Any, Z: Any = None, *, gamma: float) -> Any:
    r"""Gaussian kernel, :math:`k(x, z) = \exp(-\gamma |x - z|^2)`.

    Parameters
    ----------
    X : array_like, shape (n, p)
        Points.
    Z : array_like, shape (m, p), optional
        Further points; `X` itself when left out.
    gamma : float
        Inverse squared width, > 0.

    Returns
    -------
    array, shape (n, m)
        float64, exactly symmetric when `Z` is left out.

    Examples
    --------
    >>> float(gaussian_kernel([[0.0], [1.0]], gamma=2.0)[0, 0])
    1.0
    """
    gamma = validation.check_number("gamma", gamma, exclusive_minimum=0.0)
    X = validation.check_array("X", X, ndim=2)
    Z = X if Z is None else validation.check_array("Z", Z, ndim=2)
    if Z.shape[1] != X.shape[1]:
        raise ValueError(f"Z must have the {X.shape[1]} columns of X; got shape {tuple(Z.shape)}. Use the same inputs.")
    xp, (X, Z) = arrays.promote(X, Z)
    # differences, not inner products: exactly zero on the diagonal, and accurate for points that are close
    return xp.exp(-gamma * sum((X[:, j, None] - Z[None, :, j]) ** 2 for j in range(X.shape[1])))


def beam_kernel(x: Any, z: Any = None) -> Any:
    r"""Green's function of the fourth derivative on [0, 1] with simply supported ends.

    .. math:: g(x, s) = \frac{\max(x-s, 0)^3}{6} - \frac{x (1-s) (x^2 - 2s + s^2)}{6}

    Its squared RKHS norm is :math:`\int f''^2`, so that the smoothest fit is a cubic spline that vanishes at both ends.

    Parameters
    ----------
    x : array_like, shape (n,)
        Points in [0, 1].
    z : array_like, shape (m,), optional
        Further points; `x` itself when left out.

    Returns
    -------
    array, shape (n, m)
        float64.

    Notes
    -----
    The kernel of the example in [mobahi2020]_; the closed form is derived here.  It vanishes at 0 and 1, so a Gram
    matrix that holds one of them is singular.

    Examples
    --------
    >>> round(float(beam_kernel([0.5])[0, 0]) * 48, 12)
    1.0
    """
    x = validation.check_array("x", x, ndim=1, minimum=0.0, maximum=1.0)
    z = x if z is None else validation.check_array("z", z, ndim=1, minimum=0.0, maximum=1.0)
    xp, (x, z) = arrays.promote(x, z)
    x, s = x[:, None], z[None, :]
    excess = xp.maximum(x - s, xp.zeros_like(x - s))
    return (excess**3 - x * (1.0 - s) * (x**2 - 2.0 * s + s**2)) / 6.0
