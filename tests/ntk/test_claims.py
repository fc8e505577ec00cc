"""The claims are upheld, each with its controls refuted, and notice a theory that is broken on purpose."""

import pytest

from theorylab.ntk.claims import (
    bayes_consistency,
    constant_kernel,
    depth_closed_form,
    dual_of_named_activations,
    empirical_kernel_identity,
    ensemble_moments,
    infinite_width,
    linearised_training,
    majority_vote,
    nearest_neighbour,
    principal_components,
    singular_exponent,
    singular_smoother,
)
from theorylab.ntk.theory import DepthLimit, dynamics

CLAIMS = [
    (bayes_consistency, 4),
    (constant_kernel, 1),
    (depth_closed_form, 3),
    (dual_of_named_activations, 2),
    (empirical_kernel_identity, 2),
    (ensemble_moments, 3),
    (infinite_width, 5),
    (linearised_training, 3),
    (majority_vote, 4),
    (nearest_neighbour, 3),
    (principal_components, 2),
    (singular_exponent, 3),
    (singular_smoother, 3),
]


@pytest.mark.parametrize(("claim", "controls"), CLAIMS, ids=lambda value: getattr(value, "name", ""))
def test_upheld(claim, controls):
    result = claim.run()
    assert result.status == "upheld", str(result)
    assert [control.rejected for control in result.controls] == [True] * controls


def test_a_wrong_exponent_is_noticed(monkeypatch):
    alpha = DepthLimit.alpha.fget
    monkeypatch.setattr(DepthLimit, "alpha", property(lambda limit: 1.02 * alpha(limit)))
    assert singular_exponent.run().verdict == "refuted"


def test_a_wrong_limit_is_noticed(monkeypatch):
    exact = DepthLimit.log_limit

    def wrong(self, delta):
        limit = exact(self, delta)
        return limit._replace(log_g=limit.log_g + 1e-6)

    monkeypatch.setattr(DepthLimit, "log_limit", wrong)
    assert depth_closed_form.run().verdict == "refuted"


def test_wrong_dynamics_are_noticed(monkeypatch):
    exact = dynamics.KernelGradientFlow._learned

    def too_fast(self, times, learning_rate, discrete):
        return exact(self, times, 1.3 * learning_rate, discrete)

    monkeypatch.setattr(dynamics.KernelGradientFlow, "_learned", too_fast)
    assert linearised_training.run().status != "upheld"
