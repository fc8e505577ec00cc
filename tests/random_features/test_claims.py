"""The claims hold for another seed than the notebook's, and a broken theory does not get past them."""

import numpy as np
import pytest

from theorylab.claims import Conditions
from theorylab.random_features import claims, theory
from theorylab.random_features.claims import learning_curves

SEED = 1


@pytest.fixture
def broken_theory(monkeypatch):
    """Put a wrong variant in the place of the risk formula."""
    correct = theory.risk_estimate

    def install(**changes):
        def wrong(spectrum, n_samples, n_features, ridge, *rest, **named):
            values = {"n_samples": n_samples, "n_features": n_features, "ridge": ridge}
            values |= {name: change(**values) for name, change in changes.items()}
            return correct(spectrum, *values.values(), *rest, **named)

        monkeypatch.setattr(theory, "risk_estimate", wrong)

    return install


def test_test_risk():
    result = claims.test_risk.run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == 8


def test_train_risk():
    result = claims.train_risk.run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == 5


def test_double_descent():
    result = claims.double_descent.run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == 3


def test_digits_risk():
    result = claims.digits_risk.run(seed=SEED)
    assert result.status == "upheld", result
    assert len(result.controls) == 3


@pytest.mark.parametrize("name", ["test_risk", "train_risk"])
def test_a_theory_without_the_feature_scaling_is_refuted(broken_theory, name):
    broken_theory(ridge=lambda n_features, ridge, **_: np.asarray(ridge) / n_features)
    result = getattr(claims, name).run(seed=SEED)
    assert result.verdict == "refuted"
    assert result.status == "not upheld"


def test_a_theory_with_sample_and_feature_numbers_exchanged_is_refuted(broken_theory):
    broken_theory(n_samples=lambda n_features, **_: n_features, n_features=lambda n_samples, **_: n_samples)
    assert claims.train_risk.run(seed=SEED).verdict == "refuted"


def test_the_two_term_form_with_its_factor_is_the_theory():
    run = learning_curves._learning_curves(Conditions(seed=SEED))["power law"]
    np.testing.assert_allclose(learning_curves._two_term_risk(run, "kept"), run.predict().test_mse, rtol=1e-6)
