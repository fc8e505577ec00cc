"""Claims on arbitrary activations and on the deep limit are upheld, and notice a theory that is broken on purpose."""

import pytest

from theorylab.ntk.claims import deep_limits_of_digits, numerical_duals, regression_degenerates
from theorylab.ntk.theory import DepthLimit, numerical_dual


@pytest.mark.parametrize(
    ("claim", "controls"), [(deep_limits_of_digits, 6), (numerical_duals, 4), (regression_degenerates, 5)]
)
def test_upheld(claim, controls):
    result = claim.run(seed=2)
    assert result.status == "upheld", str(result)
    assert [control.rejected for control in result.controls] == [True] * controls


def test_gauss_hermite_misses_by_far():
    controls = {control.name: control for control in numerical_duals.run().controls}
    assert controls["gauss_hermite"].distance > 1e3  # 1e-6, where the claim demands 1e-9


def test_a_series_that_is_cut_early_is_noticed(monkeypatch):
    numerical_dual._angle_series.cache_clear()
    monkeypatch.setattr(numerical_dual, "_TOLERANCE", 1e-6)
    result = numerical_duals.run()
    numerical_dual._angle_series.cache_clear()
    assert result.verdict == "refuted"


def test_a_wrong_depth_free_part_is_noticed(monkeypatch):
    exact = DepthLimit.log_limit

    def wrong(self, delta):
        limit = exact(self, delta)
        return limit._replace(excess=1.01 * limit.excess)

    monkeypatch.setattr(DepthLimit, "log_limit", wrong)
    assert regression_degenerates.run().verdict == "refuted"
