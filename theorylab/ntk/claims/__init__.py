"""Claims of the chapter: where kernels of infinite width and networks that were trained for real meet."""

from theorylab.ntk.claims.deep_classifiers import (
    bayes_consistency,
    majority_vote,
    nearest_neighbour,
    singular_smoother,
)
from theorylab.ntk.claims.deep_kernels import depth_closed_form, dual_of_named_activations, singular_exponent

__all__ = [
    "bayes_consistency",
    "depth_closed_form",
    "dual_of_named_activations",
    "majority_vote",
    "nearest_neighbour",
    "singular_exponent",
    "singular_smoother",
]
