"""The claims hold for another seed than the notebooks', and a broken theory does not get past them."""

import numpy as np
import pytest

from theorylab.self_distillation import claims, theory

SEED = 1


#: Name of each claim, and how many wrong variants it must refute.
CONTROLS = {
    "collapse": 2,
    "constrained": 3,
    "convergence": 2,
    "filters": 2,
    "fixed_design_risk": 3,
    "leave_one_out": 2,
    "limit": 3,
    "limit_weight": 2,
    "mislabelled_column": 1,
    "network_weight": 4,
    "one_step_on_real_data": 4,
    "optimal_weight": 3,
    "oracle_weight": 2,
    "sign_rule": 3,
    "sparsification": 3,
    "sparsifies_every_step": 1,
    "tangent": 3,
    "toy_table": 2,
    "validation_noise": 3,
}


@pytest.mark.parametrize("name", CONTROLS)
def test_every_claim_is_upheld(name):
    result = getattr(claims, name).run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == CONTROLS[name]


@pytest.mark.parametrize("name", ["mislabelled_column", "sparsifies_every_step"])
def test_statements_of_the_literature_that_fail_are_expected_to(name):
    assert getattr(claims, name).expected == "refuted"


def broken(monkeypatch, function, wrong):
    """Put a wrong variant in the place of a function of the theory, for this test."""
    correct = getattr(theory, function)
    monkeypatch.setattr(theory, function, lambda *args, **named: wrong(correct, *args, **named))


@pytest.mark.parametrize(
    ("function", "wrong", "name"),
    [
        ("distillation_filters", lambda f, d, ridge, w, **k: f(d, 2 * ridge, w, **k), "filters"),
        ("dual_filters", lambda f, d, ridge, w, **k: f(d, ridge, np.asarray(w) ** 2, **k), "filters"),
        ("mixture_coefficients", lambda f, w, **k: np.flip(f(w, **k), axis=-1), "filters"),
        ("limit_filter", lambda f, d, ridge, w: f(d, ridge, 1.0 - np.asarray(w)), "limit"),
        ("effective_regularization", lambda f, ridge, w: ridge * np.asarray(w), "limit"),
        ("distance_to_limit", lambda f, *a: f(*a[:-1], a[-1] + 1), "convergence"),
        ("eigen_ratio_trend", lambda f, d, ridge, w: -f(d, ridge, w), "sparsification"),
        ("optimal_ground_truth_weight", lambda f, a, b, y, **k: 1.0 - f(a, b, y, **k), "optimal_weight"),
        ("tangent_ground_truth_weight", lambda f, s, p, ridge: f(s, p, 2 * ridge), "sign_rule"),
        ("ridge_tangent", lambda f, a, b, ridge: -f(a, b, ridge), "tangent"),
        ("oracle_ground_truth_weight", lambda f, d, c, noise, ridge: f(d, c, np.sqrt(noise), ridge), "oracle_weight"),
        ("filter_risk", lambda f, b, c, *noise: f(b, c, *(4 * s for s in noise)), "fixed_design_risk"),
        ("ground_truth_weight_error", lambda f, a, b, noise: 2 * f(a, b, noise), "validation_noise"),
        ("leave_one_out", lambda f, system, y, ridge, w: f(system, y, 1.01 * ridge, w), "leave_one_out"),
        ("norm_bound", lambda f, *a: 1.2 * f(*a), "constrained"),
    ],
)
def test_a_broken_theory_is_noticed(monkeypatch, function, wrong, name):
    broken(monkeypatch, function, wrong)
    assert getattr(claims, name).run(seed=SEED).verdict == "refuted"
