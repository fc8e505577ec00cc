r"""What both sides of the chapter agree on: a kernel's spectrum together with the target's power on its modes.

The kernel is :math:`K(x,x') = \sum_i \lambda_i \phi_i(x)\phi_i(x')` with orthonormal :math:`\phi_i`, the target is
:math:`f_*(x) = \sum_i v_i \phi_i(x)`; only :math:`v_i^2` matters.  The ridge :math:`\delta` is that of the unnormalised
loss :math:`\sum_i (y_i - f(x_i))^2 + \delta |w|^2` everywhere in this chapter; :func:`convert_ridge` knows others.
"""

from theorylab.random_features.problem._spectral_sums import SpectralFunctions, SpectralSums
from theorylab.random_features.problem.conventions import RIDGE_CONVENTIONS, convert_ridge
from theorylab.random_features.problem.spectrum import KernelSpectrum
from theorylab.random_features.problem.table import TabulatedSpectrum

__all__ = [
    "RIDGE_CONVENTIONS",
    "KernelSpectrum",
    "SpectralFunctions",
    "SpectralSums",
    "TabulatedSpectrum",
    "convert_ridge",
]
