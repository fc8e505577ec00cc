"""Claims of the chapter: what self-distillation does, predicted from eigenvalues, beside models really distilled."""

from theorylab.self_distillation.claims.constrained import constrained
from theorylab.self_distillation.claims.filters import filters
from theorylab.self_distillation.claims.fixed_design import fixed_design_risk, oracle_weight
from theorylab.self_distillation.claims.limits import collapse, convergence, limit
from theorylab.self_distillation.claims.networks import network_weight
from theorylab.self_distillation.claims.real_data import one_step_on_real_data
from theorylab.self_distillation.claims.ridge_path import sign_rule, tangent
from theorylab.self_distillation.claims.sparsification import sparsification, sparsifies_every_step
from theorylab.self_distillation.claims.teacher_weight import limit_weight, optimal_weight
from theorylab.self_distillation.claims.toy_table import mislabelled_column, toy_table
from theorylab.self_distillation.claims.validation import leave_one_out, validation_noise

__all__ = [
    "collapse",
    "constrained",
    "convergence",
    "filters",
    "fixed_design_risk",
    "leave_one_out",
    "limit",
    "limit_weight",
    "mislabelled_column",
    "network_weight",
    "one_step_on_real_data",
    "optimal_weight",
    "oracle_weight",
    "sign_rule",
    "sparsification",
    "sparsifies_every_step",
    "tangent",
    "toy_table",
    "validation_noise",
]
