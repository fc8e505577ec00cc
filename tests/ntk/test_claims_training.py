"""The claims on flow, descent and wrong labels are upheld, and notice a theory that is broken on purpose."""

import numpy as np
import pytest

from theorylab.ntk.claims import (
    _regression,
    catapult,
    descent_powers,
    early_stopping,
    flow_and_ridge,
    flow_ode,
    networks_and_noise,
    noisy_digits,
    stability_edge,
    stopped_risk,
)
from theorylab.ntk.problem import LabelNoise
from theorylab.ntk.theory import KernelGradientFlow

CLAIMS = [
    (catapult, 3),
    (descent_powers, 6),
    (flow_and_ridge, 5),
    (flow_ode, 7),
    (networks_and_noise, 3),
    (noisy_digits, 5),
    (stability_edge, 4),
    (stopped_risk, 6),
]


@pytest.mark.parametrize(("claim", "controls"), CLAIMS, ids=lambda value: getattr(value, "name", ""))
def test_upheld(claim, controls):
    result = claim.run()
    assert result.status == "upheld", str(result)
    assert [control.rejected for control in result.controls] == [True] * controls


@pytest.mark.parametrize("claim", [flow_ode, descent_powers, stability_edge], ids=lambda claim: claim.name)
@pytest.mark.parametrize("seed", range(1, 5))
def test_identities_hold_for_every_seed(claim, seed):
    assert claim.run(seed=seed).status == "upheld"


@pytest.mark.parametrize("claim", [flow_ode, descent_powers], ids=lambda claim: claim.name)
def test_an_error_in_the_ninth_digit_of_time_is_noticed(claim, monkeypatch):
    exact = KernelGradientFlow._learned

    def late(self, times, learning_rate, discrete):
        return exact(self, times, (1.0 + 1e-8) * learning_rate, discrete)

    monkeypatch.setattr(KernelGradientFlow, "_learned", late)
    assert claim.run().verdict == "refuted"


def test_an_edge_that_is_half_a_percent_off_is_noticed(monkeypatch):
    exact = KernelGradientFlow.max_learning_rate.fget
    monkeypatch.setattr(KernelGradientFlow, "max_learning_rate", property(lambda flow: 1.005 * exact(flow)))
    assert stability_edge.run().verdict == "refuted"


def test_a_risk_that_is_a_twentieth_off_is_noticed(monkeypatch):
    exact = _regression.early_stopping_risk
    monkeypatch.setattr(_regression, "early_stopping_risk", lambda *args: 1.05 * np.asarray(exact(*args)))
    assert stopped_risk.run().verdict == "refuted"


def test_a_smaller_constant_is_noticed(monkeypatch):
    monkeypatch.setattr(early_stopping, "FLOW_TO_RIDGE_RISK", 1.683)
    assert flow_and_ridge.run().verdict == "refuted"


def test_other_labels_than_assumed_are_noticed(monkeypatch):
    monkeypatch.setattr(LabelNoise, "variance", property(lambda noise: noise.fraction * (1.0 - noise.fraction)))
    assert noisy_digits.run().verdict == "refuted"
