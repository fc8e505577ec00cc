"""Maximum operators and the k-support norm against enumeration of supports and numerical minimisation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from theorylab.sparse_ot import ksupport_norm_sq, orthant_max_topk, simplex_max_topk

SCORES = st.lists(st.integers(-6, 6).map(lambda x: x / 2), min_size=1, max_size=6)
#: Few halves: ties everywhere.
REG = st.sampled_from([0.25, 1.0, 3.0])


def projected(scores, b, reg):
    """Maximiser of <s, t> - reg/2 |t|^2 on the simplex of mass b, by bisection on the threshold."""
    low, high = min(scores) - reg * b - 1.0, max(scores)
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.maximum(scores - middle, 0).sum() > reg * b else (low, middle)
    return np.maximum(scores - low, 0.0) / reg


def over_supports(scores, k, best):
    """Largest value of `best` over all choices of k scores."""
    scores = np.asarray(scores)
    supports = itertools.combinations(range(scores.size), min(k, scores.size))
    return max(best(scores[list(support)]) for support in supports)


@given(SCORES, REG, st.integers(1, 7))
def test_orthant_is_the_best_of_all_supports(scores, reg, k):
    value, argmax = orthant_max_topk(scores, reg, k)
    assert value == pytest.approx(over_supports(scores, k, lambda s: np.sum(np.maximum(s, 0) ** 2) / (2 * reg)))
    assert np.count_nonzero(argmax) <= k
    assert (argmax >= 0).all()
    assert value == pytest.approx(argmax @ scores - reg / 2 * argmax @ argmax)


@given(SCORES, REG, st.integers(1, 7), st.sampled_from([0.1, 1.0, 4.0]))
def test_simplex_is_the_best_of_all_supports(scores, reg, k, b):
    def best(s):
        t = projected(s, b, reg)
        return s @ t - reg / 2 * t @ t

    value, argmax, tau = simplex_max_topk(scores, b, reg, k)
    assert value == pytest.approx(over_supports(scores, k, best), abs=1e-9)
    assert np.count_nonzero(argmax) <= k
    assert (argmax >= 0).all()
    assert argmax.sum() == pytest.approx(b, rel=1e-13)
    assert value == pytest.approx(argmax @ scores - reg / 2 * argmax @ argmax)
    np.testing.assert_allclose(np.where(argmax > 0, scores - reg * argmax, tau), tau, atol=1e-12)


def test_ties_keep_the_lowest_index():
    scores = [1.0, 2.0, 2.0, 2.0, 0.0]
    np.testing.assert_array_equal(orthant_max_topk(scores, 1.0, 2).argmax, [0.0, 2.0, 2.0, 0.0, 0.0])
    np.testing.assert_array_equal(simplex_max_topk(scores, 1.0, 1.0, 2).argmax, [0.0, 0.5, 0.5, 0.0, 0.0])


def test_no_constraint_from_as_many_as_there_are_scores():
    scores = np.random.default_rng(0).standard_normal(5)
    for k in (5, 6, np.int64(50)):
        np.testing.assert_allclose(
            simplex_max_topk(scores, 1.0, 0.5, k).argmax, projected(scores, 1.0, 0.5), atol=1e-12
        )
        np.testing.assert_allclose(orthant_max_topk(scores, 0.5, k).argmax, np.maximum(scores, 0) / 0.5)


def test_column_without_mass():
    value, argmax, tau = simplex_max_topk([3.0, 1.0], 0.0, 1.0, 1)
    assert value == 0.0
    np.testing.assert_array_equal(argmax, [0.0, 0.0])
    assert tau == 3.0


def test_small_mass_beside_large_scores():
    scores = 1e12 + np.array([0.0, 1.0, 2.0])
    _, argmax, _ = simplex_max_topk(scores, 1e-9, 1e3, 2)
    assert argmax.sum() == pytest.approx(1e-9, rel=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_axes_and_batches_agree_with_columns_one_by_one(axis):
    rng = np.random.default_rng(1)
    X, b = rng.standard_normal((4, 5)), rng.random(5 if axis in (0, -2) else 4)
    columns = X.T if axis in (0, -2) else X
    value, argmax, tau = simplex_max_topk(X, b, 0.7, 2, axis=axis)
    positive = orthant_max_topk(X, 0.7, 2, axis=axis)
    for j, column in enumerate(columns):
        one = simplex_max_topk(column, b[j], 0.7, 2)
        np.testing.assert_allclose([value[j], tau[j]], [one.value, one.tau])
        np.testing.assert_allclose(argmax[:, j] if axis in (0, -2) else argmax[j], one.argmax)
        one = orthant_max_topk(column, 0.7, 2)
        np.testing.assert_allclose(positive.value[j], one.value)
        np.testing.assert_allclose(positive.argmax[:, j] if axis in (0, -2) else positive.argmax[j], one.argmax)


def test_gradients_are_the_maximisers():
    rng = np.random.default_rng(2)
    scores, step = rng.standard_normal(7), 1e-6
    for k in (1, 3, 7):
        for operator in (lambda s, k=k: orthant_max_topk(s, 0.6, k), lambda s, k=k: simplex_max_topk(s, 0.8, 0.6, k)):
            slopes = [
                (operator(scores + step * e).value - operator(scores - step * e).value) / (2 * step) for e in np.eye(7)
            ]
            np.testing.assert_allclose(slopes, operator(scores).argmax, atol=1e-8)


def test_gradient_jump_at_a_tie_is_at_most_its_bound_and_reaches_it():
    for k in (1, 2, 4, 8):
        scores, tiny = np.zeros(k + 1), 1e-9
        before, after = scores.copy(), scores.copy()
        before[0], after[-1] = before[0] + tiny, after[-1] + tiny
        before[-1], after[0] = before[-1] - tiny, after[0] - tiny
        jump = np.linalg.norm(
            simplex_max_topk(before, 1.0, 1.0, k).argmax - simplex_max_topk(after, 1.0, 1.0, k).argmax
        )
        assert jump == pytest.approx(np.sqrt(2) / k, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: orthant_max_topk([1.0], 0.0, 1), ValueError, r"^reg must be a finite number > 0; got 0"),
        (lambda: orthant_max_topk([1.0], -1.0, 1), ValueError, r"^reg must"),
        (lambda: orthant_max_topk([1.0], 1.0, 0), ValueError, r"^k must be a whole number >= 1; got 0"),
        (lambda: orthant_max_topk([1.0], 1.0, 1.0), TypeError, r"^k must be an integer >= 1; got 1.0"),
        (lambda: orthant_max_topk([1.0], 1.0, True), TypeError, r"^k must"),
        (lambda: orthant_max_topk(1.0, 1.0, 1), ValueError, r"^X must have at least one axis"),
        (lambda: orthant_max_topk([1.0], 1.0, 1, axis=1), ValueError, r"^axis must be an integer in \[-1, 1\)"),
        (lambda: orthant_max_topk([1.0], 1.0, 1, axis=-2), ValueError, r"^axis must"),
        (lambda: simplex_max_topk([1.0], -1.0, 1.0, 1), ValueError, r"^b must be finite and >= 0; got -1.0"),
        (lambda: simplex_max_topk([[1.0]], [1.0, 1.0], 1.0, 1), ValueError, r"^b must be a number or of the shape"),
        (lambda: ksupport_norm_sq([1.0], 0), ValueError, r"^k must"),
        (lambda: ksupport_norm_sq([1.0], 1, axis=2), ValueError, r"^axis must"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def smallest_sum(t, k):
    """The squared k-support norm as the smallest sum t^2 / lambda, minimised numerically."""
    t = np.abs(np.asarray(t))

    def objective(free):
        shares = 1.0 / (1.0 + np.exp(-free))
        return np.sum(t**2 / shares) + 1e4 * max(shares.sum() - k, 0.0) ** 2

    starts = [np.full(t.size, x) for x in (0.0, -1.0, 2.0)]
    return min(minimize(objective, s, method="BFGS", options={"maxiter": 2000, "gtol": 1e-9}).fun for s in starts)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_norm_is_the_smallest_sum_over_shares(k):
    rng = np.random.default_rng(k)
    for _ in range(4):
        t = rng.random(4)
        assert ksupport_norm_sq(t, k) == pytest.approx(smallest_sum(t, k), rel=2e-3)


@given(st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=6), st.integers(1, 8))
def test_norm_is_the_biconjugate(t, k):
    """Half the square is the supremum of <s, t> - sum of the k largest s^2 / 2, whose gradient condition is checked."""
    value, magnitudes = ksupport_norm_sq(t, k), -np.sort(-np.abs(t))
    k = min(k, len(t))
    supporting = []
    for p in range(k):
        level = magnitudes[p:].sum() / (k - p)
        s = np.concatenate([magnitudes[:p], np.full(len(t) - p, level)])
        supporting.append(2 * (s @ magnitudes) - np.sum(-np.sort(-(s**2))[:k]))
    assert value == pytest.approx(max(supporting), abs=1e-9)


def test_norms_at_the_ends():
    t = np.random.default_rng(0).standard_normal((5, 3))
    np.testing.assert_allclose(ksupport_norm_sq(t, 1), np.abs(t).sum(axis=0) ** 2)
    np.testing.assert_allclose(ksupport_norm_sq(t, 9), (t**2).sum(axis=0))
    np.testing.assert_allclose(ksupport_norm_sq(t, 2, axis=1), [ksupport_norm_sq(row, 2) for row in t])
    sparse = np.array([3.0, 0.0, -4.0, 0.0])
    np.testing.assert_allclose([ksupport_norm_sq(sparse, k) for k in (2, 3, 4)], 25.0)
    assert ksupport_norm_sq(np.zeros(4), 2) == 0.0
