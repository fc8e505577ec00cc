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
from theorylab.sparse_ot.theory.k_support import ksupport_norm_sq
from theorylab.sparse_ot.theory.max_operators import OrthantMax, SimplexMax, orthant_max_topk, simplex_max_topk
from theorylab.sparse_ot.theory.objectives import (
    DualValue,
    SemiDualValue,
    convexified_cost,
    dual_objective,
    semi_dual_objective,
)
from theorylab.sparse_ot.theory.sparse_transport import (
    Bidual,
    ConvergenceWarning,
    SparseTransport,
    bidual_ot,
    sparse_ot,
)

__all__ = [
    "Bidual",
    "ConvergenceWarning",
    "DualValue",
    "EntropicGradient",
    "OrthantMax",
    "SemiDualValue",
    "SimplexMax",
    "SparseTransport",
    "bidual_ot",
    "convexified_cost",
    "dropped_mass",
    "dual_objective",
    "entropic_gradient",
    "entropic_hessian",
    "entropic_ot_newton",
    "entropic_plan",
    "entropic_potential",
    "ksupport_norm_sq",
    "orthant_max_topk",
    "semi_dual_objective",
    "simplex_max_topk",
    "sinkhorn_rate",
    "sparse_newton_rate",
    "sparse_ot",
    "sparsity_bound",
    "sparsity_rate",
    "vertex_gap",
]
