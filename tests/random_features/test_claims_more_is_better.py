"""Claims on effective ridges, limits, the hard edge, best ridges and maps hold; broken theories do not pass."""

import numpy as np
import pytest

from theorylab.random_features import claims, theory

SEED = 1
CONTROLS = {
    "effective_ridges": 4,
    "infinite_limits": 3,
    "hard_edge": 3,
    "more_is_better": 3,
    "optimal_ridge_digits": 4,
    "risk_maps": 5,
}


@pytest.mark.parametrize("name", CONTROLS)
def test_upheld(name):
    result = getattr(claims, name).run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == CONTROLS[name]


def with_ridge_times(factor, function):
    """A theory function that takes the ridge for another one."""

    def wrong(spectrum, n_samples, n_features=np.inf, ridge=0.0, *rest, **named):
        return function(spectrum, n_samples, n_features, np.asarray(ridge) * factor, *rest, **named)

    return wrong


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("effective_ridges", "effective_regularization"),
        ("infinite_limits", "risk_estimate"),
        ("optimal_ridge_digits", "risk_estimate"),
    ],
)
def test_a_theory_that_takes_the_ridge_for_ten_times_as_much_is_refuted(monkeypatch, name, function):
    monkeypatch.setattr(theory, function, with_ridge_times(10.0, getattr(theory, function)))
    assert getattr(claims, name).run(seed=SEED).verdict == "refuted"


def test_factors_of_the_hard_edge_that_are_off_by_a_fifth_are_refuted(monkeypatch):
    correct = theory.hard_edge_factors

    def wrong(sample_gap):
        return theory.HardEdgeFactors(**{name: 1.2 * factor for name, factor in vars(correct(sample_gap)).items()})

    monkeypatch.setattr(theory, "hard_edge_factors", wrong)
    assert claims.hard_edge.run(seed=SEED).verdict == "refuted"


def test_a_best_ridge_that_is_not_the_best_is_refuted(monkeypatch):
    """A thousandth of it: more is better no longer."""
    correct = theory.optimal_ridge

    def wrong(spectrum, n_samples, n_features, noise_variance):
        ridge = 1e-3 * correct(spectrum, n_samples, n_features, noise_variance)[0]
        return ridge, theory.risk_estimate(spectrum, n_samples, n_features, ridge, noise_variance)

    monkeypatch.setattr(theory, "optimal_ridge", wrong)
    result = claims.more_is_better.run(seed=SEED)
    refuted = {piece.label.partition(",")[0] for piece in result.evidence if piece.verdict == "refuted"}
    assert refuted == {"theory", "simulation"}
