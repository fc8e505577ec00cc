"""Claims of the chapter: where kernels of infinite width and networks that were trained for real meet."""

from theorylab.ntk.claims.arbitrary_activations import numerical_duals
from theorylab.ntk.claims.convolutions import convolutional_kernel, pooling_and_shifts
from theorylab.ntk.claims.deep_classifiers import (
    bayes_consistency,
    majority_vote,
    nearest_neighbour,
    singular_smoother,
)
from theorylab.ntk.claims.deep_digits import deep_limits_of_digits
from theorylab.ntk.claims.deep_kernels import depth_closed_form, dual_of_named_activations, singular_exponent
from theorylab.ntk.claims.deep_regression import regression_degenerates
from theorylab.ntk.claims.definiteness import odd_labels, positive_definite, rank_of_gram
from theorylab.ntk.claims.early_stopping import flow_and_ridge, stopped_risk
from theorylab.ntk.claims.finite_width import empirical_kernel_identity, infinite_width
from theorylab.ntk.claims.gradient_flow import catapult, descent_powers, flow_ode, stability_edge
from theorylab.ntk.claims.label_noise import networks_and_noise, noisy_digits
from theorylab.ntk.claims.spectra import gram_spectrum, network_spectrum, power_law_spectrum
from theorylab.ntk.claims.training import (
    constant_kernel,
    ensemble_moments,
    linearised_training,
    principal_components,
)

__all__ = [
    "bayes_consistency",
    "catapult",
    "constant_kernel",
    "convolutional_kernel",
    "deep_limits_of_digits",
    "depth_closed_form",
    "descent_powers",
    "dual_of_named_activations",
    "empirical_kernel_identity",
    "ensemble_moments",
    "flow_and_ridge",
    "flow_ode",
    "gram_spectrum",
    "infinite_width",
    "linearised_training",
    "majority_vote",
    "nearest_neighbour",
    "network_spectrum",
    "networks_and_noise",
    "noisy_digits",
    "numerical_duals",
    "odd_labels",
    "pooling_and_shifts",
    "positive_definite",
    "power_law_spectrum",
    "principal_components",
    "rank_of_gram",
    "regression_degenerates",
    "singular_exponent",
    "singular_smoother",
    "stability_edge",
    "stopped_risk",
]
