"""Ratios of filters, their limits, and when they rise."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from theorylab.self_distillation.problem import toy_problem
from theorylab.self_distillation.theory import (
    KernelEigensystem,
    distillation_filters,
    eigen_ratio,
    eigen_ratio_limit,
    eigen_ratio_trend,
)

TOY = toy_problem()
VALUES = KernelEigensystem.from_gram(TOY.gram).eigenvalues


def test_without_ground_truth_ratios_grow_geometrically():
    ratios = eigen_ratio(distillation_filters([3.0, 1.0], 0.5, [0.0] * 4))[:, 0]
    np.testing.assert_allclose(ratios, ((1 + 0.5) / (1 + 0.5 / 3)) ** np.arange(1, 6), rtol=1e-13)


def test_without_distillation_they_stay():
    ratios = eigen_ratio(distillation_filters([3.0, 1.0], 0.5, [1.0] * 4))
    np.testing.assert_allclose(ratios, 9 / 7, rtol=1e-13)


@pytest.mark.parametrize("weight", [0.05, 0.25, 1.0])
def test_limit(weight):
    late = eigen_ratio(distillation_filters(VALUES, 0.2, [weight] * 500))[-1]
    limit = eigen_ratio_limit(VALUES, 0.2, weight)
    np.testing.assert_allclose(limit, late, rtol=1e-10)
    assert np.all(limit <= VALUES[:-1] / VALUES[1:] + 1e-14)


def test_limit_at_weight_zero():
    np.testing.assert_array_equal(eigen_ratio_limit([3.0, 1.0, 1.0], [0.5, 1.0], 0.0), [[np.inf, 1.0]] * 2)
    assert eigen_ratio_limit([3.0, 1.0], np.ones((4, 1)), np.ones(2)).shape == (4, 2, 1)


def test_ratios_of_the_toy_problem_are_not_monotone():
    ratios = eigen_ratio(distillation_filters(VALUES, 0.2, [0.25] * 20))[:, -1]
    np.testing.assert_allclose(ratios[:3], [1.1342, 1.2257, 1.2586], atol=6e-5)
    assert np.diff(ratios).min() == pytest.approx(-8.31e-3, abs=6e-6)


@given(
    st.lists(st.floats(1e-2, 1e2), min_size=2, max_size=4),
    st.floats(1e-2, 10),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_sign_rule(eigenvalues, ridge, weights):
    values = np.sort(eigenvalues)[::-1]
    change = np.diff(eigen_ratio(distillation_filters(values, ridge, weights)), axis=0)
    trend = eigen_ratio_trend(values, ridge, weights)
    assert trend.shape == change.shape
    sure = np.abs(change) > 1e-11
    assume(sure.any())
    np.testing.assert_array_equal(trend[sure], np.sign(change[sure]))


def test_sign_rule_has_all_three_answers():
    np.testing.assert_array_equal(
        eigen_ratio_trend([2.0, 1.0], 1.0, [[0.0, 1.0], [1.0, 0.5]])[..., 0], [[1, -1], [0, 1]]
    )


def test_refusals():
    for call, message in [
        (lambda: eigen_ratio([[0.5, 0.0]]), "filters must be finite and > 0"),
        (lambda: eigen_ratio([0.5]), "filters must have at least two components"),
        (lambda: eigen_ratio(0.5), "filters must have at least two components"),
        (lambda: eigen_ratio_limit([1.0, 2.0], 1.0, 0.5), "eigenvalues must be at least two in falling order"),
        (lambda: eigen_ratio_limit([1.0], 1.0, 0.5), "eigenvalues must be at least two in falling order"),
        (lambda: eigen_ratio_limit([1.0, 0.0], 1.0, 0.5), "eigenvalues must be finite and > 0"),
        (lambda: eigen_ratio_limit([2.0, 1.0], 0.0, 0.5), "regularization must be finite and > 0"),
        (lambda: eigen_ratio_limit([2.0, 1.0], 1.0, 1.5), "weight must be finite and >= 0 and <= 1"),
        (lambda: eigen_ratio_trend([2.0, 1.0], 1.0, [1.5]), "weights must be finite and >= 0 and <= 1"),
        (lambda: eigen_ratio_trend([2.0, 1.0], 0.0, [0.5]), "regularization must be finite and > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
