"""Calls of the theory of sparsity-constrained transport; how they are written is said in ``examples/__init__.py``."""

from collections.abc import Callable
from typing import Any

from tests.contracts.examples import Example

M = [[0.1, 0.9, 0.4], [0.7, 0.2, 0.6], [0.5, 0.8, 0.3], [0.9, 0.4, 0.2]]
A, B = [0.1, 0.2, 0.3, 0.4], [0.3, 0.5, 0.2]
ALPHA, BETA = [0.3, -0.1, 0.2, 0.5], [0.1, 0.0, -0.2]


def problem(asarray: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    """Four rows and three columns."""
    return asarray(A), asarray(B), asarray(M)


EXAMPLES: dict[str, Example] = {
    "sparse_ot.orthant_max_topk": lambda asarray: ((asarray(M), 0.5, 2), {}),
    "sparse_ot.orthant_max_topk: ties": lambda asarray: ((asarray([[1.0, 2.0, 2.0, 2.0]]), 0.5, 2), {"axis": 1}),
    "sparse_ot.simplex_max_topk": lambda asarray: ((asarray(M), asarray(B), 0.5, 2), {}),
    "sparse_ot.simplex_max_topk: ties": lambda asarray: ((asarray([[1.0, 2.0, 2.0, 2.0]]), 1.5, 0.5, 2), {"axis": -1}),
    "sparse_ot.ksupport_norm_sq": lambda asarray: ((asarray(M), 2), {"axis": 1}),
    "sparse_ot.dual_objective": lambda asarray: (
        (asarray(ALPHA), asarray(BETA), *problem(asarray), 0.5, 2),
        {},
    ),
    "sparse_ot.semi_dual_objective": lambda asarray: ((asarray(ALPHA), *problem(asarray), 0.5, 2), {}),
    "sparse_ot.semi_dual_objective: batch": lambda asarray: (
        (asarray([ALPHA, ALPHA[::-1]]), asarray(A), asarray([B, B[::-1]]), asarray(M), 0.5, 2),
        {},
    ),
    "sparse_ot.convexified_cost": lambda asarray: ((asarray(M), asarray(M), 0.5, 2), {}),
    "sparse_ot.sparse_ot": lambda asarray: (problem(asarray), {"reg": 0.2, "max_nz": 3, "log": True}),
    "sparse_ot.sparse_ot: rows, batch, start": lambda asarray: (
        (asarray([A, A[::-1]]), asarray(B), asarray(M)),
        {
            "reg": 0.2,
            "max_nz": 2,
            "sparse_axis": 1,
            "plan": "convex",
            "alpha0": asarray(BETA),
            "log": True,
        },
    ),
    "sparse_ot.bidual_ot": lambda asarray: ((*problem(asarray), 0.2, 2), {}),
}
