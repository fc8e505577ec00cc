"""Claims of the chapter: sparse and entropic transport beside independent referees."""

from theorylab.sparse_ot.claims.entropic_dual import entropic_derivatives, entropic_duality, grid_transport_cost
from theorylab.sparse_ot.claims.entropic_rates import newton_against_sinkhorn, sinkhorn_local_rate
from theorylab.sparse_ot.claims.entropic_sparsity import entropic_sharp_rate, entropic_sparsity_bound
from theorylab.sparse_ot.claims.routing import (
    balanced_routing,
    routing_capacity,
    routing_dropped,
    routing_dual_ascent,
)
from theorylab.sparse_ot.claims.sparse_duality import (
    dual_gradients,
    one_entry_value,
    quadratic_limit,
    sparse_bidual,
    value_bounds,
)
from theorylab.sparse_ot.claims.sparse_limits import (
    capacitated_assignment,
    gap_with_many_columns,
    strong_regularisation,
)
from theorylab.sparse_ot.claims.sparse_newton import (
    entropic_convergence,
    sparse_newton_superexponential,
    sparse_newton_tail,
)
from theorylab.sparse_ot.claims.sparse_operators import (
    iterations_against_sparsity,
    maximiser_jump,
    maximum_operators,
)
from theorylab.sparse_ot.claims.sparse_ties import gap_without_ties, tied_columns, topk_row_masses, value_derivative

__all__ = [
    "balanced_routing",
    "capacitated_assignment",
    "dual_gradients",
    "entropic_convergence",
    "entropic_derivatives",
    "entropic_duality",
    "entropic_sharp_rate",
    "entropic_sparsity_bound",
    "gap_with_many_columns",
    "gap_without_ties",
    "grid_transport_cost",
    "iterations_against_sparsity",
    "maximiser_jump",
    "maximum_operators",
    "newton_against_sinkhorn",
    "one_entry_value",
    "quadratic_limit",
    "routing_capacity",
    "routing_dropped",
    "routing_dual_ascent",
    "sinkhorn_local_rate",
    "sparse_bidual",
    "sparse_newton_superexponential",
    "sparse_newton_tail",
    "strong_regularisation",
    "tied_columns",
    "topk_row_masses",
    "value_bounds",
    "value_derivative",
]
