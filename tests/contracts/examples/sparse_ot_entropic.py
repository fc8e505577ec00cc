"""Calls of the theory of entropic transport; how they are written is said in ``examples/__init__.py``."""

from collections.abc import Callable
from typing import Any

from tests.contracts.examples import Example

A = [0.2, 0.5, 0.3]
B = [0.25, 0.35, 0.15, 0.25]
COSTS = [[0.1, 0.7, 0.4, 0.9], [0.8, 0.2, 0.6, 0.3], [0.5, 0.9, 0.1, 0.6]]
SQUARE = [[0.1, 0.7, 0.4], [0.8, 0.2, 0.6], [0.5, 0.9, 0.3]]
ALPHA = [0.1, -0.2, 0.05]
BETA = [0.3, 0.0, -0.1, 0.2]
PLAN = [[0.20, 0.02, 0.03], [0.01, 0.30, 0.04], [0.05, 0.06, 0.29]]


def solved(method: str) -> Example:
    """Two problems that differ in their masses."""

    def example(asarray: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (asarray([A, A[::-1]]), asarray(B), asarray(COSTS), 0.02), {"method": method, "tol": 1e-11}

    return example


EXAMPLES: dict[str, Example] = {
    "sparse_ot.entropic_plan": lambda asarray: ((asarray(ALPHA), asarray([BETA, BETA]), asarray(COSTS), 0.3), {}),
    "sparse_ot.entropic_potential": lambda asarray: (
        (asarray(ALPHA), asarray([BETA, BETA]), asarray(A), asarray(B), asarray(COSTS), 0.3),
        {},
    ),
    "sparse_ot.entropic_gradient": lambda asarray: (
        (asarray(ALPHA), asarray([BETA, BETA]), asarray(A), asarray(B), asarray(COSTS), 0.3),
        {},
    ),
    "sparse_ot.entropic_hessian": lambda asarray: ((asarray(ALPHA), asarray([BETA, BETA]), asarray(COSTS), 0.3), {}),
    **{
        f"sparse_ot.entropic_ot_newton: {method}": solved(method)
        for method in ("auto", "lm", "sinkhorn", "sns", "newton")
    },
    "sparse_ot.entropic_ot_newton: zero masses, other total": lambda asarray: (
        (asarray([0.0, 2.0, 1.0]), asarray([1.5, 0.0, 1.0, 0.5]), asarray(COSTS), 0.02),
        {"method": "lm"},
    ),
    "sparse_ot.sinkhorn_rate": lambda asarray: ((asarray([PLAN, PLAN[::-1]]),), {}),
    "sparse_ot.dropped_mass": lambda asarray: ((asarray([PLAN, PLAN[::-1]]), 0.4), {}),
    "sparse_ot.sparse_newton_rate": lambda asarray: ((asarray([PLAN, PLAN[::-1]]), 0.4), {}),
    "sparse_ot.sparsity_bound": lambda asarray: ((asarray([0.01, 0.1]), asarray([[0.1], [1e-3]]), 7), {}),
    "sparse_ot.vertex_gap": lambda asarray: ((asarray(SQUARE),), {}),
    "sparse_ot.sparsity_rate": lambda asarray: ((asarray(SQUARE),), {}),
}

#: Looser relative tolerances, and why.
TOLERANCES: dict[str, float] = {
    # they stop within the tolerance of the marginals, and entries of 1e-6 of the mass are as uncertain as the rest
    f"sparse_ot.entropic_ot_newton: {method}": 1e-7
    for method in ("auto", "lm", "sinkhorn", "sns", "newton")
}
