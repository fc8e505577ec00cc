"""Claims of the chapter: sparse and entropic transport beside independent referees."""

from theorylab.sparse_ot.claims.entropic_dual import entropic_derivatives, entropic_duality, grid_transport_cost
from theorylab.sparse_ot.claims.entropic_rates import newton_against_sinkhorn, sinkhorn_local_rate
from theorylab.sparse_ot.claims.entropic_sparsity import entropic_sharp_rate, entropic_sparsity_bound
from theorylab.sparse_ot.claims.sparse_newton import (
    entropic_convergence,
    sparse_newton_superexponential,
    sparse_newton_tail,
)

__all__ = [
    "entropic_convergence",
    "entropic_derivatives",
    "entropic_duality",
    "entropic_sharp_rate",
    "entropic_sparsity_bound",
    "grid_transport_cost",
    "newton_against_sinkhorn",
    "sinkhorn_local_rate",
    "sparse_newton_superexponential",
    "sparse_newton_tail",
]
