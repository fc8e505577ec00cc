"""Wrong labels: mean and variance against draws, by counting."""

import numpy as np
import pytest

from theorylab.ntk.experiment import observed_labels
from theorylab.ntk.problem import LabelNoise


@pytest.mark.parametrize(("fraction", "n_classes"), [(0.0, 3), (0.2, 10), (0.5, 2), (1.0, 4)])
def test_mean_and_variance_are_those_of_the_distribution(fraction, n_classes):
    noise = LabelNoise(fraction, n_classes)
    probability = np.full(n_classes, fraction / (n_classes - 1))
    probability[1] = 1.0 - fraction
    np.testing.assert_allclose(noise.mean(np.eye(n_classes)[[1]])[0], probability, atol=1e-15)
    expected = sum(p * np.sum((np.eye(n_classes)[c] - probability) ** 2) for c, p in enumerate(probability))
    np.testing.assert_allclose(noise.variance, expected, atol=1e-14)


def test_draws_have_that_mean():
    noise, draws, true = LabelNoise(0.3, 4), 40_000, np.array([2, 0])
    drawn = observed_labels(noise, true, np.random.default_rng(0), draws)
    assert drawn.shape == (2, draws, 4)
    assert np.all(drawn.sum(axis=-1) == 1.0)
    mean = noise.mean(np.eye(4)[true])
    error = np.sqrt(mean * (1.0 - mean) / draws)
    assert np.max(np.abs(drawn.mean(axis=1) - mean) / error) < 4.0  # 8 comparisons: false alarms in 5e-4 of seeds


def test_no_noise_and_only_noise():
    rng, true = np.random.default_rng(0), np.arange(3)
    assert np.all(observed_labels(LabelNoise(0.0, 3), true, rng, 5) == np.eye(3)[:, None, :])
    assert np.all(observed_labels(LabelNoise(1.0, 3), true, rng, 50)[np.arange(3), :, np.arange(3)] == 0.0)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="fraction must be"):
        LabelNoise(1.2, 3)
    with pytest.raises(ValueError, match="n_classes must be"):
        LabelNoise(0.1, 1)
    with pytest.raises(ValueError, match="labels must be"):
        observed_labels(LabelNoise(0.1, 3), [3], np.random.default_rng(0), 1)
