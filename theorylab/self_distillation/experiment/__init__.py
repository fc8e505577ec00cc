"""Measurements of the chapter: models that are really fitted, step after step; none of them knows an eigenbasis."""

from theorylab.self_distillation.experiment.constrained import ConstrainedFits, fit_constrained
from theorylab.self_distillation.experiment.network import (
    NetworkFit,
    initial_parameters,
    network_gradient,
    network_outputs,
    train_network,
)
from theorylab.self_distillation.experiment.real_data import (
    Split,
    StepErrors,
    corrupt_labels,
    corrupt_values,
    noisy_split,
    step_errors,
)
from theorylab.self_distillation.experiment.refits import (
    Refits,
    fit_both_targets,
    fit_steps,
    leave_one_out,
    ridge_derivative,
    smoother_matrices,
)

__all__ = [
    "ConstrainedFits",
    "NetworkFit",
    "Refits",
    "Split",
    "StepErrors",
    "corrupt_labels",
    "corrupt_values",
    "fit_both_targets",
    "fit_constrained",
    "fit_steps",
    "initial_parameters",
    "leave_one_out",
    "network_gradient",
    "network_outputs",
    "noisy_split",
    "ridge_derivative",
    "smoother_matrices",
    "step_errors",
    "train_network",
]
