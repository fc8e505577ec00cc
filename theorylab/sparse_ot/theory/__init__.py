"""Predictions of the chapter: values, gradients and plans of sparse and of entropic transport."""

from theorylab.sparse_ot.theory.entropic import (
    EntropicGradient,
    entropic_gradient,
    entropic_hessian,
    entropic_plan,
    entropic_potential,
)
from theorylab.sparse_ot.theory.entropic_rates import (
    dropped_mass,
    sinkhorn_rate,
    sparse_newton_rate,
    sparsity_bound,
    sparsity_rate,
    vertex_gap,
)
from theorylab.sparse_ot.theory.entropic_solver import entropic_ot_newton

__all__ = [
    "EntropicGradient",
    "dropped_mass",
    "entropic_gradient",
    "entropic_hessian",
    "entropic_ot_newton",
    "entropic_plan",
    "entropic_potential",
    "sinkhorn_rate",
    "sparse_newton_rate",
    "sparsity_bound",
    "sparsity_rate",
    "vertex_gap",
]
