"""Measurements of the chapter: finite networks that are initialised and trained for real."""

from theorylab.ntk.experiment.empirical import empirical_nngp, empirical_ntk, explicit_jacobian
from theorylab.ntk.experiment.network import MLP, NetworkParameters, TrainingRun, train

__all__ = [
    "MLP",
    "NetworkParameters",
    "TrainingRun",
    "empirical_nngp",
    "empirical_ntk",
    "explicit_jacobian",
    "train",
]
