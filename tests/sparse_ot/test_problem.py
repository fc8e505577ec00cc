import numpy as np
import pytest

from theorylab.sparse_ot import problem

MAKERS = {
    "iid": lambda rng: problem.iid_costs(rng, 6),
    "gaussian": lambda rng: problem.gaussian_clouds(rng, 6),
    "generic": lambda rng: problem.generic_marginals(rng, 4, 7),
    "strokes": lambda rng: problem.stroke_images(5),
}


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_families_are_well_posed_and_of_mass_one(maker):
    a, b, M = maker(np.random.default_rng(0))
    assert M.shape == (a.size, b.size)
    assert (a > 0).all()
    assert (b > 0).all()
    assert a.sum() == pytest.approx(1.0)
    assert b.sum() == pytest.approx(1.0)
    assert M.min() >= 0.0
    assert M.max() <= 1.0
    problem.check_transport(a, b, M)


def test_uniform_families_have_equal_masses():
    for p in (problem.iid_costs(np.random.default_rng(0), 5), problem.gaussian_clouds(np.random.default_rng(0), 5)):
        np.testing.assert_array_equal(p.a, np.full(5, 0.2))
        np.testing.assert_array_equal(p.b, np.full(5, 0.2))


def test_gaussian_clouds_are_the_clouds_that_are_described():
    M = problem.gaussian_clouds(np.random.default_rng(3), 400).M
    # squared distances scaled by one number: E|x - y|^2 over E|x - x'|^2-like spread of a row
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((400, 2)), 0.7 * rng.standard_normal((400, 2)) + [1.0, 0.5]
    expected = np.array([[np.sum((p - q) ** 2) for q in y] for p in x])
    np.testing.assert_allclose(M, expected / expected.max(), rtol=1e-12)
    assert M.max() == 1.0


def test_generic_masses_are_in_general_position():
    a, b, _ = problem.generic_marginals(np.random.default_rng(0), 5, 5)
    assert np.unique(np.round(np.concatenate([a, b]), 9)).size == 10


@pytest.mark.parametrize("cost", ["sqeuclidean", "euclidean", "cityblock"])
def test_ground_costs_between_pixels(cost):
    M = problem.stroke_images(3, cost).M
    power = {"sqeuclidean": lambda d: d @ d / 2, "euclidean": lambda d: np.sqrt(d @ d / 2), "cityblock": None}[cost]
    pixels = [np.array([x, y]) for y in (0.0, 0.5, 1.0) for x in (0.0, 0.5, 1.0)]
    naive = [[np.abs(p - q).sum() / 2 if power is None else power(p - q) for q in pixels] for p in pixels]
    np.testing.assert_allclose(M, naive, atol=1e-15)
    assert M.max() == pytest.approx(1.0)  # between opposite corners


def test_strokes_differ_and_share_a_background():
    a, b, _ = problem.stroke_images(28)
    assert np.abs(a - b).sum() > 1.0
    background = np.minimum(a, b).min()
    assert 0 < background < 2e-3 * max(a.max(), b.max())


def test_totals_within_rounding_are_made_equal_and_others_refused():
    _, a, b, _ = problem.check_transport([0.5, 0.5], [0.5, 0.5 + 4e-9], np.zeros((2, 2)))
    assert a.sum() == pytest.approx(b.sum(), rel=1e-15)
    with pytest.raises(ValueError, match=r"^b must have the same sum as a; got 1.00000004"):
        problem.check_transport([0.5, 0.5], [0.5, 0.5 + 4e-8], np.zeros((2, 2)))


def test_the_worst_problem_of_a_batch_is_named():
    a = [[0.5, 0.5], [1.0, 1.0]]
    with pytest.raises(ValueError, match=r"^b must have the same sum as a; got 1 beside 2"):
        problem.check_transport(a, [0.5, 0.5], np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("a", "b", "M", "message"),
    [
        ([-0.1, 1.1], [1.0], [[0.0], [0.0]], r"^a must be finite and >= 0; got -0.1 at index 0"),
        ([1.0], [np.nan], [[0.0]], r"^b must .*got nan"),
        ([1.0], [1.0], [[np.inf]], r"^M must be finite; got inf"),
        ([1.0], [1.0], [0.0], r"^M must have an axis of rows and one of columns"),
        (1.0, [1.0], [[0.0]], r"^a must have an axis of masses"),
        ([0.5, 0.5], [1.0], [[0.0]], r"^a must hold one mass for each of the 1 rows of M; got shape \(2,\)"),
        ([1.0], [0.5, 0.5], [[0.0]], r"^b must hold one mass for each of the 1 columns of M; got shape \(2,\)"),
        ([0.0, 0.0], [0.0], [[0.0], [0.0]], r"^a must hold a positive mass"),
        ([[1.0]] * 2, [[1.0]] * 3, [[0.0]], r"^M must have leading axes that broadcast"),
    ],
)
def test_ill_posed_problems_are_refused(a, b, M, message):
    with pytest.raises(ValueError, match=message):
        problem.check_transport(a, b, M)


def test_batches_broadcast(backend):
    a, b, M = backend.asarray([[0.5, 0.5], [1.0, 0.0]]), backend.asarray([1.0]), backend.asarray([[1.0], [2.0]])
    _, a, b, M = problem.check_transport(a, b, M)
    assert [tuple(x.shape) for x in (a, b, M)] == [(2, 2), (2, 1), (2, 2, 1)]


def test_well_posed_arrays_are_not_copied():
    a, b, M = problem.iid_costs(np.random.default_rng(0), 3)
    _, checked_a, _, checked_M = problem.check_transport(a, b, M)
    assert checked_a is a
    assert checked_M is M
