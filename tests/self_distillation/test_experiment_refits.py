"""Refits against explicit linear algebra, and against what each of them must do in the simplest cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorylab.self_distillation.experiment import (
    fit_both_targets,
    fit_steps,
    leave_one_out,
    ridge_derivative,
    smoother_matrices,
)

RBF = {"kernel": "rbf", "gamma": 0.7}
rng = np.random.default_rng(0)
X, y, X_eval = rng.standard_normal((12, 3)), rng.standard_normal((12, 2)), rng.standard_normal((5, 3))


def gram(A, B):
    return np.exp(-0.7 * np.sum((A[:, None] - B[None]) ** 2, axis=2))


def naive_steps(y, ridge, weights):
    """Training and evaluated predictions by inverting the matrix."""
    inverse = np.linalg.inv(gram(X, X) + ridge * np.eye(len(X)))
    targets, train, evaluated = y, [], []
    for weight in [*weights, None]:
        train.append(gram(X, X) @ inverse @ targets)
        evaluated.append(gram(X_eval, X) @ inverse @ targets)
        if weight is not None:
            targets = weight * y + (1 - weight) * train[-1]
    return np.stack(train), np.stack(evaluated)


@pytest.mark.parametrize("fit", [fit_steps, fit_both_targets])
@pytest.mark.parametrize("targets", [y, y[:, 0]])
def test_steps_are_those_of_explicit_inverses(fit, targets):
    weights = [0.3, 0.0, 1.0, 0.8]
    fits = fit(X, targets, 0.5, weights, kernel=RBF, X_eval=X_eval)
    train, evaluated = naive_steps(targets, 0.5, weights)
    np.testing.assert_allclose(fits.train, train, atol=1e-12)
    np.testing.assert_allclose(fits.evaluated, evaluated, atol=1e-12)


@given(st.lists(st.floats(-2.0, 3.0), max_size=4))
def test_weights_outside_the_unit_interval_are_linear_algebra_too(weights):
    train, _ = naive_steps(y, 0.5, weights)
    np.testing.assert_allclose(fit_steps(X, y, 0.5, weights, kernel=RBF).train, train, atol=1e-9)


def test_weight_one_repeats_the_first_fit():
    fits = fit_steps(X, y, 0.1, [1.0, 1.0], kernel=RBF).train
    np.testing.assert_allclose(fits[1:], fits[[0, 0]], atol=1e-14)


def test_without_evaluation_points_both_are_the_training_predictions():
    fits = fit_steps(X, y, 0.1, [0.5], kernel=RBF)
    np.testing.assert_array_equal(fits.train, fits.evaluated)


def test_smoothers_take_the_targets_to_the_fits():
    weights = [0.2, 0.7]
    smoothers = smoother_matrices(X, 0.4, weights, kernel=RBF)
    np.testing.assert_allclose(smoothers @ y, fit_steps(X, y, 0.4, weights, kernel=RBF).train, atol=1e-12)


def test_derivative_by_the_ridge():
    inverse = np.linalg.inv(gram(X, X) + 0.3 * np.eye(len(X)))
    found = ridge_derivative(X, y, 0.3, kernel=RBF, X_eval=X_eval)
    np.testing.assert_allclose(found, -gram(X_eval, X) @ inverse @ inverse @ y, atol=1e-11)


def test_leave_one_out_leaves_the_sample_out_of_the_teacher():
    changed = y.copy()
    changed[3] += 100.0  # a sample that was left out cannot move its own prediction
    before, after = (leave_one_out(X, targets, 0.5, [0.3], kernel=RBF) for targets in (y, changed))
    np.testing.assert_allclose(before[:, 3] - y[3], after[:, 3] - changed[3], atol=1e-11)
    assert np.max(np.abs(before[:, 4] - after[:, 4])) > 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"regularization": 0.0}, "regularization must"), ({"weights": [np.nan]}, "weights must"),
     ({"y": y[:4]}, "y must be as long as X"), ({"X": np.full((2, 2), np.nan)}, "X must")],
)  # fmt: skip
def test_refusals(changes, message):
    arguments = {"X": X, "y": y, "regularization": 1.0, "weights": [0.5]} | changes
    with pytest.raises(ValueError, match=message):
        fit_steps(**arguments, kernel=RBF)


def test_both_targets_need_weights_in_the_unit_interval():
    with pytest.raises(ValueError, match="weights must"):
        fit_both_targets(X, y, 1.0, [1.5], kernel=RBF)


def test_leaving_one_out_of_one_is_refused():
    with pytest.raises(ValueError, match="number of samples"):
        leave_one_out(X[:1], y[:1], 1.0, [], kernel=RBF)
