"""Noise in the declared share, splits without overlap, and errors against a direct computation."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from theorylab.self_distillation.experiment import corrupt_labels, corrupt_values, noisy_split, step_errors


def test_the_declared_share_of_labels_is_replaced():
    y = np.eye(5)[np.repeat(np.arange(5), 40)]
    noisy = corrupt_labels(y, 0.3, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy.sum(axis=1), 1.0)
    assert np.sum(np.any(noisy != y, axis=1)) == 60
    moved = np.bincount(noisy.argmax(axis=1)[:40], minlength=5)
    assert np.all(moved > 0)  # every class can take the place of the first


def test_noise_of_values_has_the_declared_share_of_the_variance():
    y = np.random.default_rng(1).standard_normal((200_000, 1))
    noise = corrupt_values(y, 0.3, np.random.default_rng(2)) - y
    assert noise.var() == pytest.approx(0.3 / 0.7, rel=0.02)
    assert abs(np.mean(noise * y)) < 0.01


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_a_split_is_a_partition_with_noise_in_the_training_part_alone(name):
    clean, noisy = (noisy_split(name, 100, share, np.random.default_rng(3)) for share in (0.0, 0.3))
    for part in ("X_train", "X_valid", "y_valid", "X_test", "y_test"):
        np.testing.assert_array_equal(getattr(clean, part), getattr(noisy, part))
    assert np.any(clean.y_train != noisy.y_train)
    rows = np.concatenate([clean.X_train, clean.X_valid, clean.X_test])
    assert len(rows) == {"digits": 1797, "diabetes": 442}[name]
    assert np.mean(np.sum(rows**2, axis=1)) == pytest.approx(1.0)
    targets = np.concatenate([clean.y_train, clean.y_valid, clean.y_test])
    np.testing.assert_allclose(targets.mean(axis=0), 0.0, atol=1e-12)


@pytest.mark.parametrize("place", ["test", "train"])
def test_errors_are_those_of_two_fits(place):
    split = noisy_split("diabetes", 60, 0.3, np.random.default_rng(4))
    found = step_errors(split, [0.3, 2.0], [0.9, 0.0], 0.5, on=place)
    X, y = (split.X_test, split.y_test) if place == "test" else (split.X_train, split.y_train)
    for row, ridge in enumerate((0.3, 2.0)):
        first = KernelRidge(alpha=ridge, kernel="rbf", gamma=0.5).fit(split.X_train, split.y_train)
        teacher = first.predict(split.X_train)
        assert found.first[row] == pytest.approx(np.mean((first.predict(X) - y) ** 2))
        for column, weight in enumerate((0.9, 0.0)):
            mixed = weight * split.y_train + (1 - weight) * teacher
            second = KernelRidge(alpha=ridge, kernel="rbf", gamma=0.5).fit(split.X_train, mixed)
            assert found.second[row, column] == pytest.approx(np.mean((second.predict(X) - y) ** 2))


def test_refusals():
    with pytest.raises(ValueError, match="n_train must leave two"):
        noisy_split("diabetes", 441, 0.3, np.random.default_rng(5))
    with pytest.raises(ValueError, match="share must"):
        corrupt_values(np.ones((3, 1)), 1.0, np.random.default_rng(5))
    split = noisy_split("diabetes", 60, 0.3, np.random.default_rng(4))
    with pytest.raises(ValueError, match="on must"):
        step_errors(split, [1.0], [0.5], 0.5, on="valid")
