"""Predictions of the chapter: kernels of infinitely wide networks, their training dynamics, and the deep limit."""

from theorylab.ntk.theory.convolution import ConvNTK
from theorylab.ntk.theory.depth_limit import DepthLimit, KoenigsLimit
from theorylab.ntk.theory.dual import Dual, dual_activation
from theorylab.ntk.theory.dynamics import Ensemble, KernelGradientFlow, early_stopping_risk
from theorylab.ntk.theory.harmonics import KernelDegrees, gram_rank, kernel_degrees
from theorylab.ntk.theory.kernel import NTK, Kernels
from theorylab.ntk.theory.power_law import SpectralLaw, circle_gram_eigenvalues, spectral_law
from theorylab.ntk.theory.ridge_comparison import FLOW_TO_RIDGE_RISK, WORST_EXPONENT, ridge_risk
from theorylab.ntk.theory.sphere import multiplicity, sphere_spectrum, zonal_profile, zonal_sum

__all__ = [
    "FLOW_TO_RIDGE_RISK",
    "NTK",
    "WORST_EXPONENT",
    "ConvNTK",
    "DepthLimit",
    "Dual",
    "Ensemble",
    "KernelDegrees",
    "KernelGradientFlow",
    "Kernels",
    "KoenigsLimit",
    "SpectralLaw",
    "circle_gram_eigenvalues",
    "dual_activation",
    "early_stopping_risk",
    "gram_rank",
    "kernel_degrees",
    "multiplicity",
    "ridge_risk",
    "spectral_law",
    "sphere_spectrum",
    "zonal_profile",
    "zonal_sum",
]
