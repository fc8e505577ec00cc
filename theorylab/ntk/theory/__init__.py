"""Predictions of the chapter: kernels of infinitely wide networks, their training dynamics, and the deep limit."""

from theorylab.ntk.theory.convolution import ConvNTK
from theorylab.ntk.theory.depth_limit import DepthLimit, KoenigsLimit
from theorylab.ntk.theory.dual import Dual, dual_activation
from theorylab.ntk.theory.dynamics import Ensemble, KernelGradientFlow, early_stopping_risk
from theorylab.ntk.theory.kernel import NTK, Kernels
from theorylab.ntk.theory.ridge_comparison import FLOW_TO_RIDGE_RISK, WORST_EXPONENT, ridge_risk

__all__ = [
    "FLOW_TO_RIDGE_RISK",
    "NTK",
    "WORST_EXPONENT",
    "ConvNTK",
    "DepthLimit",
    "Dual",
    "Ensemble",
    "KernelGradientFlow",
    "Kernels",
    "KoenigsLimit",
    "dual_activation",
    "early_stopping_risk",
    "ridge_risk",
]
