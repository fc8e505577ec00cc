"""Measurements of the chapter: referees of sparse and of entropic transport."""

from theorylab.sparse_ot.experiment.assignment import assignment_plan, enumerate_gap, solve_grid_transport
from theorylab.sparse_ot.experiment.entropic import (
    Iteration,
    complex_step_gradient,
    difference_hessian,
    follow_path,
    marginal_error,
    run_log_sinkhorn,
    run_sparse_newton,
    sum_objective,
    trace_sweeps,
)

__all__ = [
    "Iteration",
    "assignment_plan",
    "complex_step_gradient",
    "difference_hessian",
    "enumerate_gap",
    "follow_path",
    "marginal_error",
    "run_log_sinkhorn",
    "run_sparse_newton",
    "solve_grid_transport",
    "sum_objective",
    "trace_sweeps",
]
