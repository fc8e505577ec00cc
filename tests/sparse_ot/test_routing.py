"""Routers against naive ones, what is measured of them, and the claims that rest on both."""

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans

from theorylab import datasets
from theorylab.sparse_ot import experiment
from theorylab.sparse_ot.claims import routing

SIMILARITIES = {"clustered": experiment.clustered_similarity, "digits": experiment.digits_similarity}


def similarity_of(m: int = 24, n: int = 4, seed: int = 0) -> np.ndarray:
    return experiment.clustered_similarity(np.random.default_rng(seed), m, n)


# --- problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIMILARITIES)
def test_similarities_are_probabilities_and_uneven(name):
    similarity = SIMILARITIES[name](np.random.default_rng(1), 128, 8)
    assert similarity.shape == (128, 8)
    np.testing.assert_allclose(similarity.sum(axis=1), 1.0, rtol=1e-12)
    assert similarity.min() > 0.0
    loads = experiment.route_to_best(similarity).sum(axis=0)
    assert loads.max() >= 1.3 * 128 / 8  # else there would be nothing to balance
    again = SIMILARITIES[name](np.random.default_rng(1), 128, 8)
    np.testing.assert_array_equal(similarity, again)


def test_similarity_of_digits_falls_with_the_distance_from_centres_of_other_digits():
    X = datasets.load("digits").scaled_to_mean_square_norm().X
    rng = np.random.default_rng(3)
    order = rng.permutation(len(X))
    means = KMeans(3, n_init=1, random_state=int(rng.integers(2**31))).fit(X[order[40:]]).cluster_centers_
    similarity = experiment.digits_similarity(np.random.default_rng(3), 40, 3, temperature=7.0)
    for i, j in itertools.product(range(40), range(1, 3)):
        near, far = (sum((X[order[i]] - mean) ** 2) for mean in (means[0], means[j]))
        assert np.log(similarity[i, 0] / similarity[i, j]) == pytest.approx((far - near) / 7.0, abs=1e-9)


def test_digits_that_are_routed_are_not_those_of_the_centres():
    with pytest.raises(ValueError, match="n_tokens"):
        experiment.digits_similarity(np.random.default_rng(0), 1000, 4)


# --- routers ----------------------------------------------------------------------------------------------------------


def test_top_1_and_expert_choice_by_hand():
    similarity = np.array([[0.7, 0.3], [0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_array_equal(experiment.route_to_best(similarity), [[1, 0], [1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(experiment.route_by_expert_choice(similarity, 2), [[1, 0], [0, 1], [1, 0], [0, 1]])


def test_one_token_for_each_expert():
    similarity = similarity_of(8, 3)
    chosen = experiment.route_by_expert_choice(similarity, 1)
    assert np.argmax(chosen, axis=0).tolist() == np.argmax(similarity, axis=0).tolist()
    assert chosen.sum() == 3


@pytest.mark.parametrize("m", [12, 20])
def test_sinkhorn_is_balanced_and_positive(m):
    similarity = similarity_of(m)
    plan = experiment.route_by_sinkhorn(similarity, n_sweeps=2000)
    np.testing.assert_allclose(plan.sum(axis=1), 1.0, rtol=1e-10)
    np.testing.assert_allclose(plan.sum(axis=0), m / 4, rtol=1e-10)
    assert plan.min() > 0.0
    # the cross ratios of an entropic plan are those of its kernel
    ratios = np.log(plan[0, 0] * plan[1, 1] / (plan[0, 1] * plan[1, 0]))
    kernel = similarity[0, 0] + similarity[1, 1] - similarity[0, 1] - similarity[1, 0]
    assert ratios == pytest.approx(kernel / 0.1, rel=1e-9)


def test_first_plan_of_the_ascent_is_the_best_of_all_supports():
    m, n, k, reg = 6, 2, 2, 0.3
    similarity = similarity_of(m, n)
    ascent = experiment.route_by_dual_ascent(similarity, k, reg, n_steps=1, step=1e-12)
    best = np.zeros(n)
    for j, support in itertools.product(range(n), itertools.combinations(range(m), k)):
        first, second = similarity[list(support), j]
        # two entries x and m/n - x: a parabola in x
        x = np.clip((m / n + (first - second) / reg) / 2, 0.0, m / n)
        value = first * x + second * (m / n - x) - reg / 2 * (x**2 + (m / n - x) ** 2)
        best[j] = max(best[j], value) if best[j] else value
    assert ascent.values[0] == pytest.approx(-best.sum() / m, abs=1e-12)
    assert np.count_nonzero(ascent.plan, axis=0).max() <= k
    np.testing.assert_allclose(ascent.plan.sum(axis=0), m / n, rtol=1e-12)


def test_ascent_takes_the_steps_of_adam():
    """Adam as its authors wrote it, one token at a time, on the plan that the ascent itself reports."""
    similarity, step = similarity_of(8, 2), 1e-2
    runs = [experiment.route_by_dual_ascent(similarity, 5, n_steps=t, step=step) for t in (1, 2, 3)]
    start = experiment.route_by_dual_ascent(similarity, 5, n_steps=1, step=1e-300)
    gradients = [1.0 - start.plan.sum(axis=1)] + [1.0 - run.plan.sum(axis=1) for run in runs[:2]]
    alpha, u, v = np.zeros(8), np.zeros(8), np.zeros(8)
    for t, gradient in enumerate(gradients, start=1):
        u = 0.9 * u + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient * gradient
        alpha += step * (u / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    reached = experiment.route_by_dual_ascent(alpha[:, None] + similarity, 5, n_steps=1, step=1e-300)
    np.testing.assert_allclose(runs[2].plan, reached.plan, atol=1e-12)
    assert runs[2].values[3] == pytest.approx(reached.values[0] + alpha.sum() / 8, abs=1e-13)
    assert runs[2].row_errors[3] == pytest.approx(np.abs(reached.plan.sum(axis=1) - 1.0).mean())


def test_ascent_with_falling_steps_comes_to_rest():
    similarity = similarity_of(32, 4)
    resting = experiment.route_by_dual_ascent(similarity, 10, n_steps=500, decay=True).values
    restless = experiment.route_by_dual_ascent(similarity, 10, n_steps=500).values
    assert np.ptp(resting[-20:]) < 0.2 * np.ptp(restless[-20:])
    assert resting[-1] > restless[-20:].max()


@pytest.mark.parametrize("capacity", [0, 25])
def test_capacity_must_fit(capacity):
    similarity = similarity_of(24)
    for router in (experiment.route_by_expert_choice, experiment.route_by_dual_ascent):
        with pytest.raises(ValueError, match="capacity must be"):
            router(similarity, capacity)


# --- what is measured of them -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_assessment_one_token_at_a_time(seed):
    rng = np.random.default_rng(seed)
    m, n, capacity = 15, 3, 4
    similarity = similarity_of(m, n, seed)
    plan = rng.random((m, n)) * (rng.random((m, n)) < 0.6)
    kept = np.zeros((m, n), dtype=bool)
    for j in range(n):
        wanting = sorted((i for i in range(m) if plan[i, j] > 1e-3), key=lambda i: (-plan[i, j], -similarity[i, j]))
        kept[wanting[:capacity], j] = True
    quality = experiment.assess_routing(plan, similarity, capacity)
    assert quality.loads.tolist() == [sum(plan[i, j] > 1e-3 for i in range(m)) for j in range(n)]
    assert quality.worst_load == quality.loads.max() / capacity
    assert quality.dropped == pytest.approx(sum(not kept[i].any() for i in range(m)) / m)
    best = [max((similarity[i, j] for j in range(n) if kept[i, j]), default=0.0) for i in range(m)]
    assert quality.similarity == pytest.approx(np.mean(best))
    assert quality.row_error == pytest.approx(sum(abs(plan[i].sum() - 1) for i in range(m)) / m)
    assert quality.column_error == pytest.approx(sum(abs(plan[:, j].sum() - m / n) for j in range(n)) / m)


def test_equal_masses_are_kept_by_similarity():
    plan, similarity = np.ones((3, 1)), np.array([[0.2], [0.9], [0.5]])
    assert experiment.assess_routing(plan, similarity, 1).similarity == pytest.approx(0.3)


def test_a_balanced_assignment_has_no_defect():
    similarity = similarity_of(24, 4)
    plan = 24 * experiment.assign_with_capacity(-similarity, 6).plan
    quality = experiment.assess_routing(plan, similarity, 6)
    assert quality.loads.tolist() == [6, 6, 6, 6]
    defects = (quality.worst_load - 1.0, quality.dropped, quality.row_error, quality.column_error)
    np.testing.assert_allclose(defects, 0.0, atol=1e-12)


# --- claims -----------------------------------------------------------------------------------------------------------


def upheld(claim: Any) -> Any:
    """Result with a seed that is not the notebook's."""
    result = claim.run(seed=1)
    assert result.status == "upheld"
    assert all(control.rejected for control in result.controls)
    return result


def test_balanced_routing():
    result = upheld(routing.balanced_routing)
    values, assigned = result.arrays["values"], result.arrays["assigned"]
    assert np.all((0.5 - values > 0.2) & (0.5 - values < 0.8))  # a mean similarity, neither blind nor saturated
    np.testing.assert_allclose(values, assigned + 0.5, atol=1e-9)


def test_routing_capacity():
    run = upheld(routing.routing_capacity).arrays
    top_1 = [str(name) for name in run["routers"]].index("top-1 gate")
    assert np.all(run["dropped"][0, :, top_1] > 0.08)
    assert np.all(run["worst_load"][0, :, top_1] > 1.4)
    assert np.all(run["dropped"][..., -1] == 0.0)


def test_routing_dropped():
    dropped = upheld(routing.routing_dropped).arrays["dropped"]
    assert np.all(np.diff(dropped[0]) < -0.01)  # at capacity factor 1 each step of the order is a real one


def test_routing_dual_ascent():
    run = upheld(routing.routing_dual_ascent).arrays
    slack = np.tile(run["capacity_factors"] > 1.0, 2)
    assert np.all(run["row_errors"][slack, -1] > 0.03)  # the ascent converges, and its plan misses the tokens
    assert run["row_errors"][0, -1] < 0.01
