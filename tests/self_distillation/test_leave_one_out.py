"""Leave-one-out predictions against refits of the whole chain."""

import numpy as np
import pytest

from tests.self_distillation.naive import students
from theorylab.self_distillation.problem import toy_problem
from theorylab.self_distillation.theory import (
    KernelEigensystem,
    distillation_filters,
    leave_one_out,
    optimal_ground_truth_weight,
)

TOY = toy_problem()
SYSTEM = KernelEigensystem.from_gram(TOY.gram)


def refits(K, y, ridge, weights):
    """Every sample is left out of every step, the teacher's included."""
    found = []
    for i in range(len(K)):
        kept = np.arange(len(K)) != i
        found.append(students(K[np.ix_(kept, kept)], y[kept], ridge, weights, K[i, kept]))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("outputs", [(), (1,), (3,)])
@pytest.mark.parametrize("weights", [[], [0.3], [0.3, 0.0, 1.0, 0.6], [-1.0, 1.7]])
def test_refits(outputs, weights):
    y = np.random.default_rng(0).standard_normal((11, *outputs))
    found = leave_one_out(SYSTEM, y, 0.2, weights, bounded=False)
    assert found.shape == (len(weights) + 1, 11, *outputs)
    np.testing.assert_allclose(found, refits(TOY.gram, y, 0.2, weights), atol=1e-12)


def test_a_singular_kernel():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((9, 3))
    K, y = features @ features.T, rng.standard_normal(9)
    found = leave_one_out(KernelEigensystem.from_gram(K), y, 0.4, [0.2, 0.5])
    np.testing.assert_allclose(found, refits(K, y, 0.4, [0.2, 0.5]), atol=1e-11)


def test_the_familiar_shortcut_is_right_without_distillation_only():
    for weight, right in ((1.0, True), (0.3, False)):
        smoother = SYSTEM.apply(distillation_filters(SYSTEM.eigenvalues, 0.2, [weight])[1], np.eye(11))
        shortcut = TOY.y - (TOY.y - smoother @ TOY.y) / (1 - np.diag(smoother))
        found = leave_one_out(SYSTEM, TOY.y, 0.2, [weight])[1]
        assert np.allclose(found, shortcut, atol=1e-12) == right


def test_weights_tuned_without_validation_data():
    loo = leave_one_out(SYSTEM, TOY.y, 0.2, [0.0])
    weight = optimal_ground_truth_weight(loo[0], loo[1], TOY.y)
    losses = [
        np.mean((refits(TOY.gram, TOY.y, 0.2, [w])[1] - TOY.y) ** 2) for w in (weight - 0.1, weight, weight + 0.1)
    ]
    assert losses[1] < min(losses[0], losses[2])


def test_refusals():
    for call, message in [
        (lambda: leave_one_out(SYSTEM, TOY.y, 0.0, [0.5]), "regularization must be a finite number > 0"),
        (lambda: leave_one_out(SYSTEM, TOY.y[1:], 0.2, [0.5]), "y must have one row for each of the 11 rows"),
        (lambda: leave_one_out(SYSTEM, TOY.y, 0.2, [1.5]), "weights must be finite and >= 0 and <= 1"),
        (lambda: leave_one_out(SYSTEM, TOY.y, 0.2, [[0.5]]), "weights must be an array with 1 axis"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
