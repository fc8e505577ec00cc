"""Measurements of the chapter: finite networks that are initialised and trained for real."""

from theorylab.ntk.experiment.classification import (
    Samples,
    oscillating_circle,
    power_law_vote,
    random_labels_on_sphere,
)
from theorylab.ntk.experiment.convolutional_network import CNN, ConvolutionalKernels, convolutional_kernels
from theorylab.ntk.experiment.deep_recursion import deep_kernels, deep_relu_kernel
from theorylab.ntk.experiment.empirical import empirical_nngp, empirical_ntk, explicit_jacobian
from theorylab.ntk.experiment.gaussian_pairs import PairMeans, pair_means
from theorylab.ntk.experiment.gram import (
    AngularKernels,
    angles_between,
    angular_kernels,
    equidistant_points,
    interpolated_kernel,
    numerical_rank,
    opposite_points,
    rotation_invariant_spectrum,
    sine_gram_eigenvalues,
    weighted_grid,
)
from theorylab.ntk.experiment.label_noise import observed_labels
from theorylab.ntk.experiment.least_squares import (
    LinearModel,
    StoppedFlow,
    Trajectory,
    largest_stable_rate,
    ridge_outputs,
    stopped_flow,
)
from theorylab.ntk.experiment.network import MLP, NetworkParameters, TrainingRun, train

__all__ = [
    "CNN",
    "MLP",
    "AngularKernels",
    "ConvolutionalKernels",
    "LinearModel",
    "NetworkParameters",
    "PairMeans",
    "Samples",
    "StoppedFlow",
    "TrainingRun",
    "Trajectory",
    "angles_between",
    "angular_kernels",
    "convolutional_kernels",
    "deep_kernels",
    "deep_relu_kernel",
    "empirical_nngp",
    "empirical_ntk",
    "equidistant_points",
    "explicit_jacobian",
    "interpolated_kernel",
    "largest_stable_rate",
    "numerical_rank",
    "observed_labels",
    "opposite_points",
    "oscillating_circle",
    "pair_means",
    "power_law_vote",
    "random_labels_on_sphere",
    "ridge_outputs",
    "rotation_invariant_spectrum",
    "sine_gram_eigenvalues",
    "stopped_flow",
    "train",
    "weighted_grid",
]
