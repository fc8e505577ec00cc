"""The table of losses that was published with the toy problem."""

from __future__ import annotations

import numpy as np

from theorylab.claims import Agreement, Conditions, Outcome, claim
from theorylab.self_distillation import theory
from theorylab.self_distillation.claims._problems import identity, toy

__all__ = ["mislabelled_column", "toy_table"]

#: Losses of steps 1 to 6 and of the limit as printed in the notebook toy_example.ipynb of the authors' repository.
_NOTEBOOK = {
    0.0: (0.16477, 0.15076, 0.14915, 0.15561, 0.16735, 0.18251, 0.49505),
    0.25: (0.16477, 0.15309, 0.14958, 0.14903, 0.14946, 0.15011, 0.15250),
}
#: Second column of the table in the README of that repository, headed "alpha = 0.25" since October 2021.
_README = (0.16477, 0.15424, 0.15089, 0.14983, 0.14954, 0.14948, 0.14959)
#: Half a unit of the last digit printed, and the rounding of a number that ends in 5 there.
_HALF_DIGIT = 5.001e-6


def _losses(weight: float) -> np.ndarray:
    """Predicted losses of steps 1 to 6 and of the limit."""
    problem = toy()
    pure = problem.predict([0.0] * 5)
    finite = theory.mixture_mse(pure, problem.truth, [weight] * 5)
    values, ridge = problem.system.eigenvalues, problem.regularization
    shares = weight / (weight * values + ridge)  # of the limit; zero at weight zero
    return np.append(finite, problem.mse(problem.at_test(problem.system.apply(shares[None, :], problem.y)))[0])


def _compare(weight: float, printed: tuple[float, ...]) -> Agreement:
    return identity(_losses(weight), printed, f"losses at weight {weight:g}", _HALF_DIGIT)


@claim(
    statement=r"The losses of steps 1 to 6 and $\infty$ that were published for the toy problem are reproduced to all "
    r"five digits, at $\alpha = 0$ and $\alpha = 0.25$; the column of the README is that of $\alpha = 0.35$.",
    source="borup2021, toy example: output of the notebook and table of the README in the authors' repository",
    tolerance="5e-6, half a unit of the last digit printed",
    controls={
        "readme_heading": "the column of the README at the weight that its heading names, 0.25",
        "weight_of_teacher": "0.25 taken for the weight of the teacher",
    },
    cost="instant",
)
def toy_table(conditions: Conditions) -> Outcome:  # noqa: ARG001 - nothing random, nothing to enlarge
    """Predicted losses against the printed ones."""
    weights = (0.0, 0.25, 0.35)
    return Outcome(
        evidence=[*(_compare(weight, printed) for weight, printed in _NOTEBOOK.items()), _compare(0.35, _README)],
        controls={
            "readme_heading": _compare(0.25, _README),
            "weight_of_teacher": _compare(0.75, _NOTEBOOK[0.25]),
        },
        arrays={
            "weights": np.array(weights),
            "predicted": np.stack([_losses(weight) for weight in weights]),
            "printed": np.array([*_NOTEBOOK.values(), _README]),
        },
    )


@claim(
    statement=r"The column headed $\alpha = 0.25$ in the README's table lists the losses at $\alpha = 0.25$.",
    source="README of the repository of borup2021, https://github.com/Kennethborup/self_distillation",
    tolerance="5e-6, half a unit of the last digit printed",
    controls={"pure_distillation": "the column as that of alpha = 0"},
    expected="refuted",
    cost="instant",
)
def mislabelled_column(conditions: Conditions) -> Outcome:  # noqa: ARG001 - nothing random, nothing to enlarge
    """The README's column against six explicit fits and a ridge regression with the amplified ridge."""
    problem = toy()

    def measured(weight: float) -> np.ndarray:
        finite = problem.mse(problem.refit([weight] * 5).evaluated)
        return np.append(finite, problem.mse(problem.refit([weight] * 399).evaluated[-1]))

    def compare(weight: float) -> Agreement:
        return identity(_README, measured(weight), f"README against fits at weight {weight:g}", _HALF_DIGIT)

    return Outcome(
        evidence=compare(0.25),
        controls={"pure_distillation": compare(0.0)},
        arrays={"readme": np.array(_README), "fitted": measured(0.25)},
    )
