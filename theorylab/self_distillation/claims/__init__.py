"""Claims of the chapter: what self-distillation does, predicted from eigenvalues, beside models really distilled."""

from theorylab.self_distillation.claims.filters import filters
from theorylab.self_distillation.claims.limits import collapse, convergence, limit
from theorylab.self_distillation.claims.ridge_path import sign_rule, tangent
from theorylab.self_distillation.claims.sparsification import sparsification, sparsifies_every_step
from theorylab.self_distillation.claims.teacher_weight import limit_weight, optimal_weight
from theorylab.self_distillation.claims.toy_table import mislabelled_column, toy_table

__all__ = [
    "collapse",
    "convergence",
    "filters",
    "limit",
    "limit_weight",
    "mislabelled_column",
    "optimal_weight",
    "sign_rule",
    "sparsification",
    "sparsifies_every_step",
    "tangent",
    "toy_table",
]
