"""Each verdict on synthetic evidence, and the rule's error rates by simulation against the stated ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theorylab.evidence import (
    Agreement,
    Bound,
    Ordering,
    Rate,
    Verdict,
    combine,
    error_of_mean,
    false_alarm_rate,
    miss_rate,
)


def agreement(measured, **changes):
    settings = {"predicted": 1.0, "measured": measured, "standard_error": 0.01, "margin": 0.1, "resolution": 0.05}
    return Agreement(**{**settings, **changes})


class TestVerdicts:
    @pytest.mark.parametrize("measured", [1.0, 1.134, 0.866])
    def test_agreement_within_margin_and_noise_is_confirmed(self, measured):
        assert agreement(measured).verdict is Verdict.CONFIRMED

    @pytest.mark.parametrize("measured", [1.136, 0.864])
    def test_agreement_beyond_margin_and_noise_is_refuted(self, measured):
        assert agreement(measured).verdict is Verdict.REFUTED

    def test_a_noisy_measurement_is_inconclusive(self):
        assert agreement(1.0, resolution=0.034).verdict is Verdict.INCONCLUSIVE
        assert agreement(1.0, resolution=0.036).verdict is Verdict.CONFIRMED

    def test_a_refutation_stands_however_noisy_the_measurement(self):
        assert agreement(2.0, resolution=1e-9).verdict is Verdict.REFUTED

    def test_one_bad_point_refutes_the_whole(self):
        evidence = agreement(np.array([1.0, 1.2, 1.0]), predicted=np.ones(3))
        assert evidence.verdict is Verdict.REFUTED
        assert "worst of 3" in evidence.summary
        assert "measured 1.2" in evidence.summary

    def test_an_exact_identity_has_its_floating_point_margin_only(self):
        exact = {"predicted": 1.0, "margin": 1e-12}
        assert Agreement(measured=1.0 + 5e-13, **exact).verdict is Verdict.CONFIRMED
        assert Agreement(measured=1.0 + 5e-12, **exact).verdict is Verdict.REFUTED
        assert Agreement(measured=1.0, predicted=1.0, margin=0.0).verdict is Verdict.CONFIRMED
        assert math.isinf(Agreement(measured=1.1, predicted=1.0, margin=0.0).strain)

    def test_bound(self):
        sides = {"lhs": [1.0, 2.0, 3.0], "rhs": [1.5, 1.9, 3.0]}
        assert Bound(**sides, margin=0.2).verdict is Verdict.CONFIRMED
        broken = Bound(**sides, margin=0.05)
        assert broken.verdict is Verdict.REFUTED
        assert broken.violations == 1
        assert broken.tightness == pytest.approx(-0.1)
        assert Bound(**sides, margin=0.0, standard_error=0.1, resolution=0.1).verdict is Verdict.INCONCLUSIVE

    def test_bound_far_below_is_no_evidence_against_it(self):
        assert Bound(lhs=[-100.0], rhs=[0.0], margin=0.0).verdict is Verdict.CONFIRMED

    def test_ordering(self):
        assert Ordering(values=[1.0, 2.0, 2.0], direction="increasing", margin=0.0).verdict is Verdict.CONFIRMED
        assert Ordering(values=[1.0, 2.0, 2.0], direction="decreasing", margin=0.0).verdict is Verdict.REFUTED
        strict = Ordering(values=[1.0, 2.0, 2.0], direction="increasing", margin=0.0, least_step=0.1)
        assert strict.verdict is Verdict.REFUTED
        slack = Ordering(values=[2.0, 2.1, 1.0], direction="decreasing", margin=0.2)
        assert slack.verdict is Verdict.CONFIRMED

    def test_ordering_error_is_that_of_the_step(self):
        noisy = Ordering(
            values=[1.0, 1.2], direction="decreasing", margin=0.0, standard_error=[0.03, 0.04], resolution=0.2
        )
        assert noisy.comparison_error == pytest.approx(0.05)
        assert noisy.strain == pytest.approx(0.2 / (3.5 * 0.05))

    def test_ordering_of_rows(self):
        rows = [[3.0, 2.0], [1.0, 2.0]]
        assert Ordering(values=rows, direction="decreasing", margin=0.0).n_comparisons == 2
        assert Ordering(values=rows, direction="decreasing", margin=0.0).verdict is Verdict.REFUTED

    def test_rate_of_an_exact_power_law(self):
        x = np.geomspace(1.0, 100.0, 7)
        evidence = Rate.fit(x, 3.0 * x**-0.5, predicted=-0.5, margin=1e-9, resolution=1.0)
        assert evidence.fitted == pytest.approx(-0.5, abs=1e-12)
        assert evidence.verdict is Verdict.CONFIRMED
        assert Rate.fit(x, 3.0 * x**-0.5, predicted=-1.0, margin=0.1, resolution=1.0).verdict is Verdict.REFUTED

    def test_rate_error_from_given_errors_matches_repeated_fits(self):
        rng = np.random.default_rng(0)
        x = np.geomspace(1.0, 30.0, 8)
        errors = 0.05 * x
        slopes = [
            Rate.fit(
                x,
                x + errors * rng.standard_normal(8),
                predicted=1.0,
                margin=0.0,
                resolution=9.0,
                y_standard_error=errors,
            )
            for _ in range(400)
        ]
        spread = np.std([s.fitted for s in slopes])
        assert np.mean([s.standard_error for s in slopes]) == pytest.approx(spread, rel=0.15)

    def test_combination_takes_the_worst(self):
        good, bad, noisy = agreement(1.0), agreement(2.0), agreement(1.0, resolution=1e-3)
        assert combine([good, good]) is Verdict.CONFIRMED
        assert combine([good, noisy]) is Verdict.INCONCLUSIVE
        assert combine([good, noisy, bad]) is Verdict.REFUTED


class TestErrorRates:
    """The stated rates are those of the rule, measured on 200 000 synthetic experiments."""

    n_experiments = 200_000

    def refuted_share(self, shift, margin, threshold, n_comparisons=1):
        rng = np.random.default_rng(1)
        measured = shift + rng.standard_normal((self.n_experiments, n_comparisons))
        evidence = Agreement(
            predicted=np.zeros_like(measured),
            measured=measured,
            standard_error=1.0,
            margin=margin,
            resolution=100.0,
            threshold=threshold,
        )
        strains = evidence.discrepancy / (margin + threshold)
        assert evidence.strain == strains.max()  # the share below is that of the rule itself
        return np.mean(np.any(strains > 1.0, axis=1))

    def binomial_error(self, rate):
        return 4.0 * math.sqrt(rate * (1.0 - rate) / self.n_experiments)

    @pytest.mark.parametrize(("n_comparisons", "threshold"), [(1, 2.0), (1, 3.5), (12, 3.5), (40, 3.0)])
    def test_false_alarms(self, n_comparisons, threshold):
        stated = false_alarm_rate(n_comparisons, threshold=threshold)
        seen = self.refuted_share(0.0, 0.0, threshold, n_comparisons)
        assert abs(seen - stated) <= self.binomial_error(stated)

    @pytest.mark.parametrize(("shift", "margin"), [(3.0, 0.0), (4.0, 1.0), (5.0, 0.5), (7.0, 0.0)])
    def test_misses(self, shift, margin):
        stated = miss_rate(shift, margin=margin, standard_error=1.0)
        seen = 1.0 - self.refuted_share(shift, margin, 3.5)
        assert abs(seen - stated) <= self.binomial_error(stated) + 1e-5

    def test_one_sided_false_alarms(self):
        measured = np.random.default_rng(2).standard_normal(self.n_experiments)
        stated = false_alarm_rate(1, threshold=2.5, two_sided=False)
        seen = Bound(
            lhs=measured, rhs=np.zeros_like(measured), margin=0.0, standard_error=1.0, resolution=100.0, threshold=2.5
        ).violations
        assert abs(seen / self.n_experiments - stated) <= self.binomial_error(stated)

    def test_a_finite_size_error_within_the_margin_raises_no_more_alarms(self):
        assert self.refuted_share(0.5, 0.5, 2.0) <= false_alarm_rate(1, threshold=2.0)

    def test_evidence_states_its_own_rate(self):
        assert agreement(1.0).false_alarm_rate == pytest.approx(false_alarm_rate(1))
        assert Bound(lhs=[0.0], rhs=[1.0], margin=0.0).false_alarm_rate == 0.0

    def test_wild_threshold(self):
        assert false_alarm_rate(3, threshold=0.0) == 1.0


class TestRecords:
    def test_record_holds_fields_and_derived_numbers(self):
        record = agreement(1.02, label="test MSE").to_record()
        assert record["kind"] == "agreement"
        assert record["label"] == "test MSE"
        assert record["strain"] == pytest.approx(0.02 / 0.135)
        assert record["verdict"] == "confirmed"

    def test_evidence_does_not_follow_later_changes_of_its_input(self):
        measured = np.array([1.0])
        evidence = agreement(measured, predicted=np.ones(1))
        measured[0] = 9.0
        assert evidence.verdict is Verdict.CONFIRMED
        with pytest.raises(ValueError, match="read-only"):
            evidence.measured[0] = 9.0


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"measured": math.nan}, "measured must"),
            ({"predicted": math.inf}, "predicted must"),
            ({"margin": -0.1}, "margin must"),
            ({"standard_error": -0.1}, "standard_error must"),
            ({"resolution": None}, "resolution must be declared"),
            ({"resolution": 0.0}, "resolution must"),
            ({"threshold": 0.0}, "threshold must"),
            ({"measured": [1.0, 2.0]}, "measured must have the shape"),
            ({"margin": [0.1, 0.2]}, "margin must be a number or broadcast"),
            ({"resolution": [0.1, 0.2]}, "resolution must be a number or broadcast"),
        ],
    )
    def test_agreement(self, changes, message):
        with pytest.raises(ValueError, match=message):
            agreement(**{"measured": 1.0, **changes})

    def test_bound_shapes(self):
        with pytest.raises(ValueError, match="rhs must have the shape of lhs"):
            Bound(lhs=[1.0, 2.0], rhs=[1.0], margin=0.0)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"values": [1.0]}, "values must hold at least two"),
            ({"direction": "up"}, "direction must"),
            ({"least_step": -1.0}, "least_step must"),
            ({"margin": [0.0, 0.0]}, "margin must be a number"),
        ],
    )
    def test_ordering(self, changes, message):
        with pytest.raises(ValueError, match=message):
            Ordering(**{"values": [1.0, 2.0], "direction": "increasing", "margin": 0.0, **changes})

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            ([1.0, 2.0], [1.0, 2.0], "at least three"),
            ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], "different x"),
            ([1.0, 2.0, -3.0], [1.0, 2.0, 3.0], "x must"),
            ([1.0, 2.0, 3.0], [1.0, 0.0, 3.0], "y must"),
        ],
    )
    def test_rate_fit(self, x, y, message):
        with pytest.raises(ValueError, match=message):
            Rate.fit(x, y, predicted=1.0, margin=0.0, resolution=1.0)

    def test_nothing_to_combine(self):
        with pytest.raises(ValueError, match="pieces must hold at least one"):
            combine([])


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.0, 10.0), st.floats(1e-3, 10.0), st.floats(0.5, 5.0))
def test_strain_above_one_is_refutation(predicted, measured, margin, error, threshold):
    evidence = Agreement(
        predicted=predicted, measured=measured, margin=margin, standard_error=error, resolution=1e9, threshold=threshold
    )
    refuted = abs(measured - predicted) > margin + threshold * error
    if abs(evidence.strain - 1.0) > 1e-12:  # on the edge itself rounding decides
        assert (evidence.verdict is Verdict.REFUTED) == refuted


def test_error_of_mean_is_the_scatter_of_means():
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(4000, 25))
    means = draws.mean(axis=1)
    typical = np.mean(error_of_mean(draws, axis=1) ** 2) ** 0.5
    assert abs(typical / means.std(ddof=1) - 1.0) < 0.06  # each is known to about 1.5 %
    np.testing.assert_array_equal(error_of_mean(draws.T), error_of_mean(draws, axis=1))
